//! The whole terminal under test: the real `posd` on a private bus with the project's own policy, simulated devices, a
//! test acquirer on TCP, and clients of several D-Bus implementations.
//!
//! What it is for: the tests in `tests/suite`. Each names the rule or the promise that it holds to.
//!
//! What it never does: it starts no program that is not built, skips nothing that the machine lacks (it fails and says
//! what is missing), and touches no bus but its own.
//!
//! Start reading at [`House`], then [`Caller`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod caller;
mod monitor;
pub mod search;
mod window;

pub use caller::{Caller, Heard, Library, NOBODY};
pub use monitor::Monitor;
pub use window::Window;

use posd_client::{CreateOptions, Details, Terminal, Transaction};
use posd_simulator::{Options, Stack};
use serde_json::{Value, json};
use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The test card's number, as the card and the acquirer have it (made up).
pub const PAN: &str = "6212340000000019";

/// Python with dbus-python, as Debian has it.
const PYTHON: &str = "/usr/bin/python3";

/// The test's own settings: a reply timer of two seconds, a customer who does the right thing, and one more line of
/// bus policy that lets the second user call.
pub fn options() -> Options {
    Options {
        profile: posd_simulator::profile(2),
        auto: true,
        bus: r#"<policy user="nobody"><allow send_destination="org.posd.Terminal1"/></policy>"#.to_owned(),
        ..Options::default()
    }
}

/// A running terminal in a directory of its own, and a client of this user.
pub struct House {
    /// The processes.
    pub stack: Stack,
    /// A connection of the test's own user.
    pub terminal: Terminal,
    directory: TempDir,
}

impl House {
    /// Starts everything; the customer acts by itself.
    pub async fn new() -> House {
        House::with(&options()).await
    }

    /// Starts everything; the customer does what the test says.
    pub async fn with_idle_customer() -> House {
        House::with(&Options { auto: false, ..options() }).await
    }

    /// Starts everything with these settings and waits until the terminal is in service.
    pub async fn with(options: &Options) -> House {
        let house = House::starting(options).await;
        house.in_service().await;
        if options.printer.is_none() {
            house.initialised().await;
        }
        house
    }

    /// Starts everything with these settings, in service or not.
    pub async fn starting(options: &Options) -> House {
        assert!(nix::unistd::Uid::effective().is_root(), "system tests have a second user: run them as root");
        need_programs();
        let directory = tempfile::Builder::new().prefix("posd-system-").tempdir().unwrap();
        // The second user reaches the bus's socket through it.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let stack = match Stack::start(directory.path(), options) {
            Ok(stack) => stack,
            Err(error) => {
                let log = std::fs::read_to_string(directory.path().join("posd.log")).unwrap_or_default();
                panic!("{error}\nposd.log:\n{log}")
            }
        };
        let terminal = connect(&stack.bus_address()).await;
        House { stack, terminal, directory }
    }

    /// Signs the terminal in and logs operator 01 in.
    pub async fn opened(self) -> House {
        self.terminal.sign_in().await.unwrap();
        self.log_in().await;
        self
    }

    /// Logs operator 01 in, with the password as an argument.
    pub async fn log_in(&self) {
        self.terminal.log_in("01", posd_simulator::module::OPERATOR_PASSWORD).await.unwrap();
    }

    /// One more connection of the test's own user.
    pub async fn connect(&self) -> Terminal {
        connect(&self.stack.bus_address()).await
    }

    /// Waits until nothing keeps the terminal out of service.
    pub async fn in_service(&self) {
        self.terminal_is("in service", |reasons| reasons.is_empty()).await;
    }

    /// Waits for the slip of a new terminal, so that it is in no test's way.
    async fn initialised(&self) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.journal_rows().contains(r#""state":"done""#) {
            assert!(Instant::now() < end, "the slip of the initialisation is not printed");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The slips on paper, but for that of the initialisation.
    pub fn slips(&self) -> Vec<String> {
        let printed = self.devices(json!({"slips": true}));
        let texts = printed["slips"].as_array().unwrap().iter().map(Value::to_string);
        texts.filter(|text| !text.contains("INITIALISATION")).collect()
    }

    /// Waits until the reasons for being out of service are as told.
    pub async fn terminal_is(&self, what: &str, good: impl Fn(&[String]) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let state = self.terminal.state().await.unwrap();
            if good(&state.reasons) {
                return;
            }
            assert!(Instant::now() < end, "the terminal is not {what}: {:?}", state.reasons);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Where everything is.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.directory().join("journal.db")
    }

    /// Makes a sale with default options.
    pub async fn create(&self, reference: &str, amount: u64) -> Transaction {
        self.terminal.create(reference, amount, &CreateOptions::default()).await.unwrap()
    }

    /// Makes a sale and sells, with the customer that acts by itself.
    pub async fn sell(&self, reference: &str, amount: u64) -> Details {
        self.finish(&self.create(reference, amount).await).await
    }

    /// Starts a transaction where it has not, and follows it to its end.
    pub async fn finish(&self, transaction: &Transaction) -> Details {
        let mut seen = Vec::new();
        let sold = tokio::time::timeout(
            Duration::from_secs(30),
            transaction.sell(|change| seen.push(change.state.clone())),
        );
        match sold.await {
            Ok(Ok(details)) => details,
            Ok(Err(error)) => panic!("{}: {error}, after {seen:?}", transaction.path()),
            Err(_) => panic!("{} does not end, after {seen:?}", transaction.path()),
        }
    }

    /// Waits until a transaction is in a state.
    pub async fn reaches(&self, transaction: &Transaction, state: &str) -> Details {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let details = transaction.details().await.unwrap();
            if details.state == state {
                return details;
            }
            assert!(
                Instant::now() < end && details.state != "finished",
                "{} should be {state} and is {} {}",
                transaction.path(),
                details.state,
                cause(&details)
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Starts a transaction and brings it to a state.
    pub async fn start_until(&self, transaction: &Transaction, state: &str) -> Details {
        transaction.start().await.unwrap();
        self.reaches(transaction, state).await
    }

    /// Kills the daemon with SIGKILL and starts it again, in service or not.
    pub fn restart(&mut self) {
        self.stack.kill_posd();
        self.stack.start_posd().unwrap();
    }

    /// Whether the card has no power and no prompt stands on the pad.
    pub fn devices_idle(&self) -> bool {
        let devices = self.devices(json!({"devices": true}));
        devices["powered"] == false && devices["prompting"] == false
    }

    /// Moves a simulated device.
    pub fn devices(&self, command: Value) -> Value {
        self.stack.devices(command).unwrap()
    }

    /// Tells the acquirer something.
    pub fn host(&self, command: Value) -> Value {
        self.stack.host(command).unwrap()
    }

    /// The acquirer's charges.
    pub fn charges(&self) -> Vec<Value> {
        self.host(json!({"ledger": true}))["ledger"]["charges"].as_array().unwrap().clone()
    }

    /// The amounts that the acquirer holds.
    pub fn booked(&self) -> Vec<u64> {
        let charges = self.charges();
        let booked = charges.iter().filter(|charge| charge["state"] == "booked");
        booked.map(|charge| charge["amount"].as_u64().unwrap()).collect()
    }

    /// The kinds of the requests that reached the acquirer, in order.
    pub fn requests(&self) -> Vec<String> {
        let log = self.host(json!({"log": true}));
        log["log"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Every row of the journal, as SQL, read without writing.
    pub fn journal_rows(&self) -> String {
        let output = Command::new(PYTHON).arg(client("rows.py")).arg(self.journal()).output().unwrap();
        succeeded("rows.py", &output)
    }

    /// Runs busctl on the house's bus.
    pub async fn busctl(&self, arguments: &[&str]) -> Output {
        let address = format!("--address={}", self.stack.bus_address());
        run("busctl", [address.as_str()].iter().chain(arguments)).await
    }

    /// A program of this build, on the house's bus.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.stack.programs().join(program));
        command.env("DBUS_SYSTEM_BUS_ADDRESS", self.stack.bus_address());
        command
    }

    /// Runs posctl on the house's bus, in English, with an input.
    pub async fn posctl(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command("posctl");
        command.args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.to_owned();
        let ran = tokio::task::spawn_blocking(move || {
            let mut process = command.spawn().unwrap();
            // A program that reads nothing may have ended before.
            let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
            process.wait_with_output().unwrap()
        });
        tokio::time::timeout(Duration::from_secs(30), ran).await.unwrap().unwrap()
    }

    /// Runs gdbus on the house's bus: `gdbus call` of a method of an object.
    pub async fn gdbus(&self, path: &str, method: &str, arguments: &[&str]) -> Output {
        let address = self.stack.bus_address();
        let call = ["call", "--address", &address, "--dest", "org.posd.Terminal1", "--object-path", path];
        run("gdbus", call.iter().chain(&["--method", method]).chain(arguments)).await
    }

    /// Runs busctl on the house's bus as the second user.
    pub async fn busctl_of_other(&self, arguments: &[&str]) -> Output {
        let address = format!("--address={}", self.stack.bus_address());
        let user = ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "busctl", &address];
        run("setpriv", user.iter().chain(arguments)).await
    }

    /// Runs a client in Python to its end.
    pub async fn python(&self, script: &str, arguments: &[&str]) -> String {
        let (script_path, address) = (client(script), self.stack.bus_address());
        let first = [script_path.to_str().unwrap(), address.as_str()];
        succeeded(script, &run(PYTHON, first.iter().chain(arguments)).await)
    }
}

/// What a child process wrote; it must have succeeded.
pub fn succeeded(name: &str, output: &Output) -> String {
    assert!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// All that a child process wrote.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The project's root, for files that are read as they are.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs posctl to its end, without a bus.
pub async fn posctl(arguments: &[&str]) -> Output {
    run(programs().join("posctl").to_str().unwrap(), arguments.iter()).await
}

/// The cause in a transaction's result.
pub fn cause(details: &Details) -> String {
    details.result_text("cause").unwrap_or_default()
}

/// A client of the tests' own.
pub(crate) fn client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

async fn run<'a>(program: &str, arguments: impl Iterator<Item = &'a &'a str>) -> Output {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await;
    output.unwrap_or_else(|_| panic!("{program} does not end")).unwrap_or_else(|e| panic!("{program}: {e}"))
}

async fn connect(address: &str) -> Terminal {
    Terminal::on(zbus::connection::Builder::address(address).build().await.unwrap())
}

/// Where cargo put the programs: one up from the test.
fn programs() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

/// The programs are built before the tests are; a test builds nothing.
fn need_programs() {
    let directory = programs();
    for name in ["posd", "posd-simulator", "posd-acquirer", "posctl"] {
        let program = directory.join(name);
        assert!(
            program.exists(),
            "{} is not built: run `make test`, or `make build` before",
            program.display()
        );
    }
    for name in [
        PYTHON,
        "/usr/bin/dbus-daemon",
        "/usr/bin/dbus-monitor",
        "/usr/bin/busctl",
        "/usr/bin/gdbus",
        "/usr/bin/setpriv",
    ] {
        assert!(Path::new(name).exists(), "{name} is missing: `make setup` installs what tests need");
    }
}
