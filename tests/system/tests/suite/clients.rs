//! Clients that are not zbus: a whole sale from Python; busctl and gdbus make and start one, and go.

use posd_system_tests::{House, succeeded};
use serde_json::{Value, json};

#[tokio::test]
async fn a_sale_from_python_hears_every_change_in_order_and_finished_last() {
    let house = House::new().await.opened().await;
    let told = house.python("sell.py", &["python-1", "1234"]).await;
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changes: Vec<&Value> = told.iter().filter_map(|line| line.get("changed")).collect();
    let sequences: Vec<u64> = changes.iter().map(|change| change["Sequence"].as_u64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "strictly increasing: {sequences:?}");
    let states: Vec<&str> = changes.iter().filter_map(|change| change["State"].as_str()).collect();
    // The customer may have the card in already: then nobody waits for it.
    let walk = ["reading-card", "waiting-pin", "authorizing", "completing", "waiting-removal"];
    let mut rest = states.iter();
    assert!(walk.iter().all(|state| rest.any(|seen| seen == state)), "{walk:?} in order, but {states:?}");
    let end = told.iter().position(|line| line.get("finished").is_some()).expect("Finished comes");
    assert_eq!(
        told[end - 1]["changed"]["State"],
        "finished",
        "PropertiesChanged(finished) comes just before"
    );
    assert_eq!(told[end]["finished"], told[end - 1]["changed"]["Sequence"]);
    assert_eq!(told[end]["outcome"], "approved");
    assert!(!told[end]["rrn"].as_str().unwrap().is_empty());
    let after: Vec<&Value> = told[end + 1..].iter().filter(|line| line.get("path").is_none()).collect();
    assert!(after.is_empty(), "nothing follows Finished: {after:?}");
    assert_eq!(house.booked(), [1234]);
}

#[tokio::test]
async fn python_sells_and_sees_every_state_in_order() {
    let house = House::with_idle_customer().await.opened().await;
    let devices = house.directory().join("devices.sock");
    let told = house.python("shop.py", &[devices.to_str().unwrap(), "python-2", "4200"]).await;
    let seen: Vec<&str> = told.lines().collect();
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
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn rule_4_a_sale_that_busctl_starts_ends_uncharged_when_busctl_goes() {
    let house = House::new().await.opened().await;
    let (name, path) = ("org.posd.Terminal1", "/org/posd/Terminal1");
    let made = house
        .busctl(&[
            "call",
            name,
            path,
            name,
            "CreateTransaction",
            "sstsa{sv}",
            "busctl-1",
            "sale",
            "1500",
            "CNY",
        ])
        .await;
    // Without the dictionary's count busctl refuses by itself.
    assert!(!made.status.success());
    let made = house
        .busctl(&[
            "--json=short",
            "call",
            name,
            path,
            name,
            "CreateTransaction",
            "sstsa{sv}",
            "busctl-1",
            "sale",
            "1500",
            "CNY",
            "1",
            "locale",
            "s",
            "en",
        ])
        .await;
    let made: Value = serde_json::from_str(&succeeded("busctl", &made)).unwrap();
    let transaction = made["data"][0].as_str().unwrap();
    // busctl's connection goes with the process, and what it started ends as cancelled.
    let interface = "org.posd.Terminal1.Transaction";
    succeeded("busctl", &house.busctl(&["call", name, transaction, interface, "Start"]).await);
    let state = finished(&house, transaction).await;
    assert_eq!(state["Outcome"]["data"], "cancelled");
    assert_eq!(state["Result"]["data"]["cause"]["data"], "caller-gone");
    assert_eq!(house.booked(), [0_u64; 0]);
}

#[tokio::test]
async fn rule_4_a_sale_that_gdbus_starts_ends_uncharged_when_gdbus_goes() {
    let house = House::new().await.opened().await;
    let create = ["gdbus-1", "sale", "uint64 1600", "CNY", "{'locale': <'en'>}"];
    let made = house.gdbus("/org/posd/Terminal1", "org.posd.Terminal1.CreateTransaction", &create).await;
    let made = succeeded("gdbus", &made);
    let transaction = made.split('\'').nth(1).unwrap().to_owned();
    succeeded("gdbus", &house.gdbus(&transaction, "org.posd.Terminal1.Transaction.Start", &[]).await);
    let state = finished(&house, &transaction).await;
    assert_eq!(state["Outcome"]["data"], "cancelled", "gdbus went away before the request left");
    let refused = house.gdbus(&transaction, "org.posd.Terminal1.Transaction.Start", &[]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("org.posd.Error.WrongState"));
}

/// A transaction's properties once it has ended, as busctl reads them.
async fn finished(house: &House, transaction: &str) -> Value {
    let name = "org.posd.Terminal1";
    let get = [
        "--json=short",
        "call",
        name,
        transaction,
        "org.freedesktop.DBus.Properties",
        "GetAll",
        "s",
        "org.posd.Terminal1.Transaction",
    ];
    for _ in 0..200 {
        let all: Value = serde_json::from_str(&succeeded("busctl", &house.busctl(&get).await)).unwrap();
        let all = all["data"][0].clone();
        if all["State"]["data"] == json!("finished") {
            return all;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{transaction} does not end")
}
