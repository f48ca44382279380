//! Owner-only: to anybody else a transaction does not exist, and nothing of it is sent to them.

use posd_system_tests::{Caller, Heard, House};
use serde_json::json;

#[tokio::test]
async fn another_user_finds_nothing_and_hears_nothing() {
    let house = House::new().await;
    let mut other = Caller::other(&house);
    let mut silent = Caller::own(&house);
    let mut calling = Caller::own(&house);
    calling.terminal("ListTransactions", "tu", json!([0, 10])).unwrap();
    other.terminal("ListTransactions", "tu", json!([0, 10])).unwrap();
    let house = house.opened().await;
    let sale = house.create("owner-1", 1234).await;
    let path = sale.path().to_string();
    house.finish(&sale).await;

    for (method, signature, arguments) in [
        ("Start", "", json!([])),
        ("SelectApplication", "u", json!([0])),
        ("Confirm", "", json!([])),
        ("PrintReceipt", "s", json!(["merchant"])),
        ("PrintJobs", "", json!([])),
        ("Receipt", "", json!([])),
    ] {
        let answer = other.transaction(&path, method, signature, arguments);
        assert_eq!(answer, Err("org.posd.Error.NotFound".to_owned()), "{method}");
    }
    assert_eq!(other.transaction(&path, "Cancel", "", json!([])), Ok(json!("not-found")));
    let properties = "org.freedesktop.DBus.Properties";
    let all = other.call(&path, properties, "GetAll", "s", json!([posd_client::TRANSACTION]));
    assert_eq!(all, Err("org.posd.Error.NotFound".to_owned()));
    for property in ["Id", "Reference", "Amount", "State", "Outcome", "Result", "Sequence", "PinDigits"] {
        let one = other.call(&path, properties, "Get", "ss", json!([posd_client::TRANSACTION, property]));
        assert_eq!(one, Err("org.posd.Error.NotFound".to_owned()), "{property}");
    }
    let seen = other.call(&path, "org.freedesktop.DBus.Introspectable", "Introspect", "", json!([]));
    assert_eq!(seen, Err("org.freedesktop.DBus.Error.UnknownObject".to_owned()));
    let id: u64 = path.rsplit('/').next().unwrap().parse().unwrap();
    for (method, signature, arguments) in [
        ("GetTransaction", "t", json!([id])),
        ("AcknowledgeResult", "t", json!([id])),
        ("FindTransaction", "s", json!(["owner-1"])),
        ("NewAttempt", "s", json!(["owner-1"])),
    ] {
        let answer = other.terminal(method, signature, arguments);
        assert_eq!(answer, Err("org.posd.Error.NotFound".to_owned()), "{method}");
    }
    assert_eq!(other.terminal("ListTransactions", "tu", json!([0, 10])), Ok(json!([])));
    assert_eq!(other.terminal("UnacknowledgedResults", "", json!([])), Ok(json!([])));

    let of_transaction = |signals: Vec<Heard>| signals.iter().filter(|signal| signal.path == path).count();
    let heard = other.signals();
    assert!(!heard.is_empty(), "the listener works: it hears of the terminal itself");
    assert_eq!(of_transaction(heard), 0, "another user hears nothing of a transaction");
    assert_eq!(of_transaction(silent.signals()), 0, "nor does a connection that never called");
    assert!(of_transaction(calling.signals()) > 5, "the owner's other connection that has called does");

    // The same reference is another sale for another user.
    assert_ne!(other.create("owner-1", 999), path);
}

#[tokio::test]
async fn introspection_of_the_parents_lists_no_transaction() {
    let house = House::new().await.opened().await;
    let mut caller = Caller::own(&house);
    let own = caller.create("parent-1", 1234);
    for path in ["/", "/org", "/org/posd", "/org/posd/Terminal1", "/org/posd/Terminal1/transaction"] {
        let xml =
            caller.call(path, "org.freedesktop.DBus.Introspectable", "Introspect", "", json!([])).unwrap();
        let xml = xml.as_str().unwrap();
        let children: Vec<&str> = xml.lines().filter(|line| line.contains("<node name=")).collect();
        assert!(
            !children.iter().any(|line| line.contains(|c: char| c.is_ascii_digit() && c != '1')),
            "{path}: {xml}"
        );
        if path.ends_with("transaction") {
            assert!(children.is_empty(), "{path} has no children: {xml}");
        }
    }
    assert!(caller.call(&own, "org.freedesktop.DBus.Introspectable", "Introspect", "", json!([])).is_ok());
}
