//! The interface files are the documentation: the daemon says the same of itself, and each of its words stands there.

use posd_system_tests::{House, succeeded};
use posd_terminal::{
    Cause, MismatchAction, MismatchKind, Outcome, PrintState, Prompt, ReversalReason, SettlementFault,
    SettlementState, SettlementStep, State,
};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("dbus/{name}.xml"))).unwrap()
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

/// The interfaces of the files, and those of ours in a live description.
fn own(xml: &str) -> Vec<&str> {
    let names = xml.split("<interface name=\"").skip(1).filter_map(|rest| rest.split('"').next());
    names.filter(|name| name.starts_with(posd_client::NAME)).collect()
}

/// Each object has the interface of its file and no other of ours, and every file has its object here.
#[tokio::test]
async fn the_xml_is_what_the_daemon_says_of_itself() {
    let house = House::new().await.opened().await;
    let transaction = house.create("xml-1", 100).await;
    let settlement = house.terminal.settle().await.unwrap();
    let objects = [
        (posd_client::PATH, posd_client::NAME),
        (transaction.path().as_str(), posd_client::TRANSACTION),
        (settlement.path().as_str(), posd_client::SETTLEMENT),
    ];
    for (path, name) in objects {
        let live = house.busctl(&["introspect", "--xml-interface", posd_client::NAME, path]).await;
        let live = succeeded("busctl", &live);
        assert_eq!(own(&live), [name]);
        assert_eq!(interface(&live, name), interface(&file(name), name));
    }
    let files = std::fs::read_dir(root().join("dbus")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|it| it == "xml")).collect();
    files.sort();
    let texts: Vec<String> = files.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let mut documented: Vec<&str> = texts.iter().flat_map(|text| own(text)).collect();
    let mut tried = objects.map(|(_, name)| name);
    documented.sort_unstable();
    tried.sort_unstable();
    assert_eq!(documented, tried);
}

#[test]
fn every_word_of_the_daemon_stands_in_the_xml() {
    let text = file("org.posd.Terminal1")
        + &file("org.posd.Terminal1.Transaction")
        + &file("org.posd.Terminal1.Settlement");
    let words = State::ALL.iter().map(|word| word.word());
    let words = words.chain(Outcome::ALL.iter().map(|word| word.word()));
    let words = words.chain(Cause::ALL.iter().map(|word| word.word()));
    let words = words.chain(Prompt::ALL.iter().map(|word| word.word()));
    let words = words.chain(posd_terminal::served().map(|kind| kind.word()));
    let words = words.chain(PrintState::ALL.iter().map(|word| word.word()));
    let words = words.chain(SettlementState::ALL.iter().map(|word| word.word()));
    let words = words.chain(SettlementStep::ALL.iter().map(|word| word.word()));
    let words = words.chain(SettlementFault::ALL.iter().map(|word| word.word()));
    let words = words.chain(MismatchKind::ALL.iter().map(|word| word.word()));
    let words = words.chain(MismatchAction::ALL.iter().map(|word| word.word()));
    for word in words {
        assert!(text.contains(&format!("\"{word}\"")), "{word} is not documented");
    }
    for reason in ReversalReason::ALL {
        assert!(text.contains(reason.word()), "{reason} is not documented");
    }
}

/// Error names as the source has them, against the list in the XML: both ways.
#[test]
fn every_error_of_the_daemon_stands_in_the_xml_and_no_other() {
    let source = root().join("daemon/posd/src/bus");
    let mut raised = std::collections::BTreeSet::new();
    for name in ["mod.rs", "values.rs", "settlement.rs"] {
        let text = std::fs::read_to_string(source.join(name)).unwrap();
        let (own, from_calls) =
            (text.split("Refused::new(\n").chain(text.split("Refused::new(")), text.split(" => \""));
        for part in own {
            let word = part.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            raised.extend(word.filter(|word| word.starts_with(char::is_uppercase)).map(str::to_owned));
        }
        for part in from_calls.skip(1).filter(|_| name == "values.rs") {
            let word = part.split('"').next().unwrap();
            raised.extend(Some(word).filter(|word| word.starts_with(char::is_uppercase)).map(str::to_owned));
        }
    }
    let text = file("org.posd.Terminal1");
    let list = text.split("Errors, each named").nth(1).unwrap().split("-->").next().unwrap();
    let documented: std::collections::BTreeSet<String> = list
        .lines()
        .filter_map(|line| line.strip_prefix("      ").filter(|rest| rest.starts_with(char::is_uppercase)))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(documented.len() > 20);
    assert_eq!(raised, documented);
}
