//! The whole terminal on a private bus with the project's own policy, called by clients that are not this project's:
//! busctl, gdbus and Python.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_client::{CreateOptions, Details, Terminal, Transaction};
use posd_simulator::{Options, Stack};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};
use tempfile::TempDir;

const NAME: &str = "org.posd.Terminal1";
const PATH: &str = "/org/posd/Terminal1";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

struct Shop {
    stack: Stack,
    _directory: TempDir,
}

impl Shop {
    fn open(options: &Options) -> Shop {
        let directory = tempfile::Builder::new().prefix("posd-test-").tempdir().unwrap();
        let profile = "reply_timeout_s = 2\nconnect_timeout_s = 2\n".to_owned();
        let stack = Stack::start(directory.path(), &Options { profile, ..options.clone() });
        let stack = stack.unwrap_or_else(|error| panic!("{error}; run `make build` first"));
        Shop { stack, _directory: directory }
    }

    async fn terminal(&self) -> Terminal {
        let address = self.stack.bus_address();
        Terminal::on(zbus::connection::Builder::address(address.as_str()).build().await.unwrap())
    }

    /// Signed in, with an operator.
    async fn ready(&self) -> Terminal {
        let terminal = self.terminal().await;
        for _ in 0..300 {
            if terminal.state().await.unwrap().state != "out-of-service" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        terminal.sign_in().await.unwrap();
        terminal.log_in("01", "0000").await.unwrap();
        terminal
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program).args(arguments).output();
        output.unwrap_or_else(|error| panic!("{program}: {error}; `make setup` installs it"))
    }

    fn gdbus(&self, path: &str, method: &str, arguments: &[&str]) -> Output {
        let address = self.stack.bus_address();
        let mut all =
            vec!["call", "--address", &address, "--dest", NAME, "--object-path", path, "--method", method];
        all.extend(arguments);
        self.run("gdbus", &all)
    }

    fn busctl(&self, arguments: &[&str]) -> Output {
        let address = format!("--address={}", self.stack.bus_address());
        let mut all = vec![address.as_str()];
        all.extend(arguments);
        self.run("busctl", &all)
    }

    /// Sells with a customer who inserts the card and takes it out.
    async fn sell(&self, transaction: &Transaction) -> Details {
        let details = transaction.sell(|change| self.customer(change)).await;
        details.unwrap()
    }

    fn customer(&self, change: &Details) {
        match change.state.as_str() {
            "waiting-card" => drop(self.stack.devices(json!({"card": "insert"})).unwrap()),
            "waiting-removal" => drop(self.stack.devices(json!({"card": "remove"})).unwrap()),
            _ => {}
        }
    }

    async fn follow_to(&self, transaction: &Transaction, state: &str) -> Details {
        let mut following = transaction.follow().await.unwrap();
        let mut details = following.details().unwrap();
        while details.state != state {
            self.customer(&details);
            details = following.next().await.unwrap();
        }
        details
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The lines of an interface's description that carry meaning: names, signatures and directions, in their order.
fn interface(xml: &str, name: &str) -> Vec<String> {
    let without_comments: String = xml
        .split("<!--")
        .enumerate()
        .map(
            |(place, part)| {
                if place == 0 { part } else { part.split_once("-->").map_or("", |(_, rest)| rest) }
            },
        )
        .collect();
    let start = without_comments.find(&format!("<interface name=\"{name}\">")).unwrap();
    let end = start + without_comments[start..].find("</interface>").unwrap();
    let elements = without_comments[start..end].split('<').map(|element| element.split('>').next().unwrap());
    elements
        .map(|element| {
            let mut words: Vec<&str> = element.trim_end_matches('/').split_whitespace().collect();
            words.sort_unstable();
            words.join(" ")
        })
        .filter(|element| !element.is_empty() && !element.starts_with('/'))
        .collect()
}

#[test]
fn the_xml_is_what_the_daemon_says_of_itself() {
    let shop = Shop::open(&Options::default());
    runtime().block_on(async {
        let transaction = shop.terminal().await.create("xml", 100, &CreateOptions::default()).await.unwrap();
        for (path, name) in [(PATH, NAME), (transaction.path().as_str(), "org.posd.Terminal1.Transaction")] {
            let live = said(&shop.busctl(&["introspect", "--xml-interface", NAME, path]));
            let file = std::fs::read_to_string(root().join(format!("dbus/{name}.xml"))).unwrap();
            assert_eq!(interface(&live, name), interface(&file, name));
        }
        for parent in [PATH, "/org/posd/Terminal1/transaction"] {
            let live = said(&shop.busctl(&["introspect", "--xml-interface", NAME, parent]));
            assert!(!live.contains("<node name=\"1\""), "no object is listed: {live}");
        }
    });
}

#[test]
fn python_sells_and_sees_every_state_in_order() {
    let shop = Shop::open(&Options::default());
    runtime().block_on(shop.ready());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shop.py");
    let devices = shop.stack.directory().join("devices.sock");
    let output = shop.run(
        "/usr/bin/python3",
        &[script.to_str().unwrap(), &shop.stack.bus_address(), devices.to_str().unwrap(), "python-1", "4200"],
    );
    let lines = said(&output);
    let seen: Vec<&str> = lines.lines().collect();
    let expected = [
        "state queued",
        "state waiting-card",
        "state reading-card",
        "state waiting-pin",
        "state reading-card",
        "state authorizing",
        "state completing",
        "state waiting-removal",
        "state finished",
        "finished approved none",
    ];
    assert_eq!(seen, expected, "{lines}");
}

#[test]
fn bad_input_gets_a_named_error_and_leaves_no_trace() {
    let shop = Shop::open(&Options::default());
    let create = "org.posd.Terminal1.CreateTransaction";
    let long = "x".repeat(65);
    let cases: [(&[&str], &str); 12] = [
        (&["'a'", "'sale'", "uint64 0", "'CNY'", "@a{sv} {}"], "InvalidAmount"),
        (&["'a'", "'sale'", "uint64 1000000000000", "'CNY'", "@a{sv} {}"], "InvalidAmount"),
        (&["'a'", "'sale'", "uint64 1", "'XXX'", "@a{sv} {}"], "UnknownCurrency"),
        (&["'a'", "'sale'", "uint64 1", "'cny'", "@a{sv} {}"], "UnknownCurrency"),
        (&["'a'", "'steal'", "uint64 1", "'CNY'", "@a{sv} {}"], "UnknownKind"),
        (&["''", "'sale'", "uint64 1", "'CNY'", "@a{sv} {}"], "InvalidReference"),
        (&[&long, "'sale'", "uint64 1", "'CNY'", "@a{sv} {}"], "InvalidReference"),
        (&["'a b'", "'sale'", "uint64 1", "'CNY'", "@a{sv} {}"], "InvalidReference"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'tip': <uint32 1>}"], "UnknownOption"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'no-wait': <'yes'>}"], "InvalidOption"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'locale': <'tlh'>}"], "InvalidOption"),
        (&["'a'", "'sale'", "uint64 1", "'CNY'", "{'note': <'a\\u001bb'>}"], "InvalidOption"),
    ];
    for (arguments, error) in cases {
        let answer = said(&shop.gdbus(PATH, create, arguments));
        assert!(answer.contains(&format!("org.posd.Error.{error}")), "{arguments:?}: {answer}");
    }
    let wrong = said(&shop.gdbus(PATH, create, &["'a'"]));
    assert!(wrong.contains("InvalidArgs") || wrong.contains("signature"), "{wrong}");
    for (path, method) in [
        ("/org/posd/Terminal1/transaction/1", "org.posd.Terminal1.Transaction.Start"),
        (PATH, "org.posd.Terminal1.GetTransaction"),
        (PATH, "org.posd.Terminal1.AcknowledgeResult"),
    ] {
        let arguments: &[&str] = if path == PATH { &["1"] } else { &[] };
        let answer = said(&shop.gdbus(path, method, arguments));
        assert!(answer.contains("org.posd.Error.NotFound"), "{method}: {answer}");
    }
    runtime().block_on(async {
        let terminal = shop.terminal().await;
        assert!(terminal.list(None, 200).await.unwrap().is_empty(), "nothing is in the journal");
        // The wrong order of calls.
        let sale = terminal.create("order", 100, &CreateOptions::default()).await.unwrap();
        for _ in 0..300 {
            if terminal.state().await.unwrap().state != "out-of-service" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(sale.start().await.unwrap_err().refused(), Some("NotSignedIn"));
        terminal.sign_in().await.unwrap();
        assert_eq!(sale.start().await.unwrap_err().refused(), Some("NoOperator"));
        assert_eq!(sale.confirm().await.unwrap_err().refused(), Some("WrongState"));
        assert_eq!(sale.select_application(0).await.unwrap_err().refused(), Some("WrongState"));
        assert_eq!(sale.print("merchant").await.unwrap_err().refused(), Some("NoReceipt"));
        assert_eq!(terminal.new_attempt("order").await.unwrap_err().refused(), Some("AttemptNotClosed"));
        assert_eq!(terminal.acknowledge(1).await.unwrap_err().refused(), Some("WrongState"));
        assert_eq!(terminal.log_in("01", "9999").await.unwrap_err().refused(), Some("WrongPassword"));
        assert_eq!(terminal.log_in("00", "123456").await.unwrap_err().refused(), Some("InvalidArgument"));
        assert_eq!(sale.details().await.unwrap().state, "created");
    });
}

#[test]
fn rule_3_the_sale_key() {
    let mut shop = Shop::open(&Options::default());
    runtime().block_on(async {
        let terminal = shop.ready().await;
        let options = CreateOptions::default();
        let first = terminal.create("key", 100, &options).await.unwrap();
        assert_eq!(terminal.create("key", 100, &options).await.unwrap().path(), first.path());
        let other = terminal.create("key", 101, &options).await.unwrap_err();
        assert_eq!(other.refused(), Some("ReferenceConflict"));
        let noted = CreateOptions { note: Some("other".to_owned()), ..options.clone() };
        assert_eq!(
            terminal.create("key", 100, &noted).await.unwrap_err().refused(),
            Some("ReferenceConflict")
        );
        assert_eq!(shop.sell(&first).await.outcome, "approved");
        assert_eq!(terminal.new_attempt("key").await.unwrap_err().refused(), Some("AttemptNotClosed"));
        assert_eq!(first.start().await.unwrap_err().refused(), Some("WrongState"));

        shop.stack.kill_posd();
        shop.stack.start_posd().unwrap();
        let again = shop.terminal().await.create("key", 100, &options).await.unwrap();
        assert_eq!(again.path(), first.path());
        assert_eq!(again.details().await.unwrap().outcome, "approved");
        let results = shop.terminal().await.unacknowledged().await.unwrap();
        assert_eq!(results.iter().map(|r| r.reference.as_str()).collect::<Vec<_>>(), ["key"]);
        let books = shop.stack.host(json!({"ledger": true})).unwrap();
        assert_eq!(books["ledger"]["charges"].as_array().unwrap().len(), 1);
    });
}

#[test]
fn rule_4_cancel_and_the_callers_death() {
    let shop = Shop::open(&Options::default());
    runtime().block_on(async {
        let terminal = shop.ready().await;
        let options = CreateOptions::default();
        // Before the request: cancelled, with a definite end.
        let sale = terminal.create("cancel", 100, &options).await.unwrap();
        sale.start().await.unwrap();
        assert_eq!(sale.cancel().await.unwrap(), "accepted");
        assert_eq!(shop.follow_to(&sale, "finished").await.outcome, "cancelled");
        assert_eq!(sale.cancel().await.unwrap(), "too-late");
        // Queueing, and no-wait.
        let running = terminal.create("running", 100, &options).await.unwrap();
        running.start().await.unwrap();
        let waiting = terminal.create("waiting", 100, &options).await.unwrap();
        waiting.start().await.unwrap();
        assert_eq!(waiting.details().await.unwrap().queue_position, 1);
        let hasty = CreateOptions { no_wait: true, ..options.clone() };
        let refused = terminal.create("hasty", 100, &hasty).await.unwrap();
        assert_eq!(refused.start().await.unwrap_err().refused(), Some("Busy"));
        assert_eq!(waiting.cancel().await.unwrap(), "accepted");
        assert_eq!(running.cancel().await.unwrap(), "accepted");
        shop.follow_to(&running, "finished").await;
        // After the request: too late, whatever happens to the app; the result waits.
        shop.stack.host(json!({"fault": "delay", "ms": 1000, "message": "sale", "count": 1})).unwrap();
        let app = shop.terminal().await;
        let sale = app.create("sent", 100, &options).await.unwrap();
        sale.start().await.unwrap();
        shop.follow_to(&sale, "authorizing").await;
        assert_eq!(sale.cancel().await.unwrap(), "too-late");
        app.connection().clone().close().await.unwrap();
        // Before the request: an app's death cancels.
        let sent = terminal.find("sent").await.unwrap();
        assert_eq!(shop.follow_to(&sent, "finished").await.outcome, "approved");
        let app = shop.terminal().await;
        let sale = app.create("left", 100, &options).await.unwrap();
        sale.start().await.unwrap();
        app.connection().clone().close().await.unwrap();
        let left = terminal.find("left").await.unwrap();
        let details = shop.follow_to(&left, "finished").await;
        assert_eq!(
            (details.outcome.as_str(), details.result_text("cause").unwrap().as_str()),
            ("cancelled", "caller-gone")
        );
        let waiting: Vec<String> =
            terminal.unacknowledged().await.unwrap().into_iter().map(|r| r.reference).collect();
        assert!(waiting.contains(&"sent".to_owned()) && waiting.contains(&"left".to_owned()), "{waiting:?}");
    });
}

/// To another user a transaction does not exist, and its signals do not reach it. Needs root, to be another user.
#[test]
fn only_the_owner_sees_a_transaction() {
    let nobody = r#"<policy user="nobody"><allow send_destination="org.posd.Terminal1"/></policy>"#;
    let shop = Shop::open(&Options { bus: nobody.to_owned(), ..Options::default() });
    let address = shop.stack.bus_address();
    let open = Command::new("chmod").arg("-R").arg("a+rx").arg(shop.stack.directory()).status().unwrap();
    assert!(open.success());
    let stranger = |arguments: &[&str]| {
        let address = format!("--address={address}");
        let mut all = vec!["--reuid=nobody", "--regid=nogroup", "--clear-groups", "busctl", address.as_str()];
        all.extend(arguments);
        said(&shop.run("setpriv", &all))
    };
    runtime().block_on(async {
        let terminal = shop.ready().await;
        let sale = terminal.create("mine", 100, &CreateOptions::default()).await.unwrap();
        let path = sale.path().as_str();
        let of_it = "org.posd.Terminal1.Transaction";
        for arguments in [
            &["call", NAME, path, of_it, "Start"][..],
            &["call", NAME, path, of_it, "Confirm"],
            &["call", NAME, path, of_it, "PrintJobs"],
            &["call", NAME, path, of_it, "Receipt"],
            &["get-property", NAME, path, of_it, "State"],
            &["call", NAME, PATH, NAME, "GetTransaction", "t", "1"],
            &["call", NAME, PATH, NAME, "AcknowledgeResult", "t", "1"],
            &["call", NAME, PATH, NAME, "FindTransaction", "s", "mine"],
        ] {
            let answer = stranger(arguments);
            assert!(answer.contains("no such transaction of yours"), "{arguments:?}: {answer}");
        }
        assert!(stranger(&["call", NAME, path, of_it, "Cancel"]).contains("not-found"));
        assert!(
            stranger(&["call", NAME, PATH, NAME, "ListTransactions", "tu", "0", "10"]).contains("aa{sv} 0")
        );
        // The same name is another user's own sale.
        let own = stranger(&[
            "call",
            NAME,
            PATH,
            NAME,
            "CreateTransaction",
            "sstsa{sv}",
            "mine",
            "sale",
            "5",
            "CNY",
            "0",
        ]);
        assert!(own.contains("/org/posd/Terminal1/transaction/2"), "{own}");
        assert_eq!(sale.details().await.unwrap().state, "created");
    });
}

/// No digit of the PIN, no PAN and no track is on the disk (rule 10).
#[test]
fn rule_10_the_journal_holds_no_card_number() {
    let shop = Shop::open(&Options::default());
    runtime().block_on(async {
        let terminal = shop.ready().await;
        let sale = terminal.create("canary-reference", 100, &CreateOptions::default()).await.unwrap();
        assert_eq!(shop.sell(&sale).await.outcome, "approved");
    });
    let mut all = Vec::new();
    for name in ["journal.db", "journal.db-wal"] {
        all.extend(std::fs::read(shop.stack.directory().join(name)).unwrap_or_default());
    }
    let holds = |needle: &[u8]| all.windows(needle.len()).any(|window| window == needle);
    assert!(holds(b"canary-reference") && holds(b"621234******0019"), "the search finds what is there");
    assert!(!holds(b"6212340000000019"));
    assert!(!holds(&[0x62, 0x12, 0x34, 0x00, 0x00, 0x00, 0x00, 0x19]));
    assert!(!holds(b"6212340000000019D3012"));
}
