//! `Diagnose` names each part that fails, and no other.

use posd_client::Check;
use posd_simulator::Options;
use posd_system_tests::{House, options, root};
use serde_json::{Value, json};

/// What is not good, each as `code: detail`.
async fn faults(house: &House) -> Vec<String> {
    let checks: Vec<Check> = house.terminal.diagnose().await.unwrap();
    let bad = checks.into_iter().filter(|check| !check.good);
    bad.map(|check| format!("{}: {}", check.code, check.detail)).collect()
}

#[tokio::test]
async fn a_diagnosis_names_what_fails_and_nothing_else() {
    let house = House::with_idle_customer().await;
    assert_eq!(faults(&house).await, ["pin-key: missing", "mac-key: missing"], "before the first sign-in");
    let house = house.opened().await;
    let all: Vec<Check> = house.terminal.diagnose().await.unwrap();
    let codes: Vec<&str> = all.iter().map(|check| check.code.as_str()).collect();
    let parts = [
        "secure-module",
        "reader",
        "contactless",
        "pin-pad",
        "storage-key",
        "master-key",
        "pin-key",
        "mac-key",
        "scanner",
        "printer",
        "paper",
        "journal",
        "space",
        "clock",
        "certificates",
        "blacklist",
        "host",
    ];
    assert_eq!(codes, parts);
    assert_eq!(faults(&house).await, [""; 0]);

    for device in ["reader", "contactless", "pad"] {
        let code = if device == "pad" { "pin-pad" } else { device };
        for state in ["missing", "faulty"] {
            house.devices(json!({device: state}));
            assert_eq!(faults(&house).await, [format!("{code}: {state}")]);
        }
        house.devices(json!({device: "ready"}));
        assert_eq!(faults(&house).await, [""; 0]);
    }

    house.devices(json!({"paper": false}));
    assert_eq!(faults(&house).await, ["paper: needs-paper"]);
    let state = house.terminal.state().await.unwrap();
    assert_eq!((state.state.as_str(), state.reasons.len()), ("ready", 0), "paper keeps nobody from selling");
    house.devices(json!({"paper": true}));
    assert_eq!(faults(&house).await, [""; 0]);

    let host: [(Value, &str); 4] = [
        (json!({"fault": "refuse-connections"}), "host: unreachable"),
        (json!({"fault": "drop-request", "message": "echo"}), "host: no-answer"),
        (json!({"fault": "garble", "bytes": 40, "message": "echo"}), "host: bad-answer"),
        (json!({"fault": "decline", "code": "96", "message": "echo"}), "host: 96"),
    ];
    for (fault, named) in host {
        house.host(fault.clone());
        assert_eq!(faults(&house).await, [named], "{fault}");
        house.host(json!({"clear": true}));
        assert_eq!(faults(&house).await, [""; 0], "after {fault}");
    }
}

#[tokio::test]
async fn a_diagnosis_names_the_secure_module_and_the_journal() {
    let mut house = House::with_idle_customer().await.opened().await;
    house.stack.kill_module();
    house.terminal_is("out of service", |reasons| reasons.contains(&"secure-module".to_owned())).await;
    let named = faults(&house).await;
    assert!(named.contains(&"secure-module: missing".to_owned()), "{named:?}");
    assert!(!named.iter().any(|fault| fault.starts_with("journal")), "{named:?}");

    house.stack.kill_posd();
    // The log goes home: what it holds would mend the file.
    drop(posd_journal::Journal::open(&house.journal()).unwrap());
    std::fs::write(house.journal(), "this is no journal, and is kept as it is").unwrap();
    house.stack.start_posd().unwrap();
    house.terminal_is("out of service", |reasons| reasons.contains(&"journal".to_owned())).await;
    let named = faults(&house).await;
    for fault in ["secure-module: missing", "journal: faulty", "host: unchecked"] {
        assert!(named.contains(&fault.to_owned()), "{named:?}");
    }
}

/// The texts of each finding: what is wrong says why and what to do, in both languages.
#[tokio::test]
async fn each_finding_says_why_and_what_to_do() {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"reader": "missing"}));
    let all: Vec<Check> = house.terminal.diagnose().await.unwrap();
    for check in &all {
        for language in ["zh-CN", "en"] {
            assert!(!check.cause[language].is_empty(), "{check:?}");
            assert!(check.good || !check.action[language].is_empty(), "{check:?}");
        }
    }
    let reader = all.iter().find(|check| check.code == "reader").unwrap();
    assert_eq!(
        (reader.cause["zh-CN"].as_str(), reader.action["en"].as_str()),
        ("未找到读卡器", "Check the card reader's cable")
    );
    let state = house.terminal.state().await.unwrap();
    assert_eq!((state.state.as_str(), state.reasons), ("out-of-service", vec!["reader".to_owned()]));
    assert_eq!(state.reason_texts["zh-CN"], "未找到读卡器；请检查读卡器的连接");
    let sale = house.create("unsold", 100).await;
    assert_eq!(sale.start().await.unwrap_err().refused(), Some("NotReady"), "at once, rather than later");
    house.devices(json!({"reader": "ready"}));
    house.in_service().await;
}

#[tokio::test]
async fn a_printer_that_is_gone_or_not_there_is_told_and_keeps_nobody_from_selling() {
    let gone = Options { printer: Some("tcp = \"127.0.0.1:1\"".to_owned()), ..options() };
    let house = House::with(&gone).await.opened().await;
    assert_eq!(faults(&house).await, ["printer: missing"]);
    assert_eq!(house.sell("unprinted", 100).await.outcome, "approved");
}

#[tokio::test]
async fn a_full_disk_a_file_of_expired_keys_and_a_false_clock_are_told() {
    // More is reserved than any disk has.
    let full = Options { posd: "reserve-mb = 4294967295".to_owned(), ..options() };
    let mut house = House::starting(&full).await;
    house.terminal_is("out of service", |reasons| reasons == ["space"]).await;
    let named = faults(&house).await;
    assert!(named.contains(&"space: full".to_owned()), "{named:?}");
    // Room again.
    let file = house.directory().join("posd.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("reserve-mb = 4294967295", "reserve-mb = 0");
    std::fs::write(&file, text).unwrap();
    let card = house.directory().join("card.toml");
    let keys = std::fs::read_to_string(&card).unwrap() + "expires = \"200101\"\n";
    std::fs::write(&card, keys).unwrap();
    house.restart();
    house.in_service().await;
    let house = house.opened().await;
    assert_eq!(faults(&house).await, ["certificates: expired"]);
}

/// The words of the table stand in the interface's documentation.
#[test]
fn every_code_and_finding_stands_in_the_xml() {
    let text = std::fs::read_to_string(root().join("dbus/org.posd.Terminal1.xml")).unwrap();
    let documented = text.split("      Diagnose:").nth(1).unwrap().split("-->").next().unwrap();
    for finding in posd_terminal::FINDINGS {
        for word in [finding.code, finding.detail] {
            assert!(word == "*" || documented.contains(&format!("\"{word}\"")), "{word}");
        }
    }
}
