//! `Diagnose` names each part that fails, and no other.

use posd_client::Check;
use posd_system_tests::House;
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
        "pin-pad",
        "storage-key",
        "master-key",
        "pin-key",
        "mac-key",
        "scanner",
        "journal",
        "host",
    ];
    assert_eq!(codes, parts);
    assert_eq!(faults(&house).await, [""; 0]);

    for device in ["reader", "pad"] {
        let code = if device == "pad" { "pin-pad" } else { device };
        for state in ["missing", "faulty"] {
            house.devices(json!({device: state}));
            assert_eq!(faults(&house).await, [format!("{code}: {state}")]);
        }
        house.devices(json!({device: "ready"}));
        assert_eq!(faults(&house).await, [""; 0]);
    }

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
