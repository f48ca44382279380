//! Rule 3: the sale key, across restarts of app and daemon.

use posd_system_tests::{Caller, House, succeeded};
use serde_json::json;

const CREATE: &str = "org.posd.Terminal1.CreateTransaction";

#[tokio::test]
async fn rule_3_one_reference_is_one_sale_whoever_asks_and_whatever_died_between() {
    let mut house = House::new().await.opened().await;
    let mut app = Caller::own(&house);
    let path = app.create("key-1", 4200);
    assert_eq!(app.create("key-1", 4200), path);
    for content in [
        json!(["key-1", "sale", 4201, "CNY", {}]),
        json!(["key-1", "sale", 4200, "CNY", {"note": "another"}]),
        json!(["key-1", "sale", 4200, "CNY", {"locale": "en"}]),
    ] {
        let other = app.terminal("CreateTransaction", "sstsa{sv}", content);
        assert_eq!(other, Err("org.posd.Error.ReferenceConflict".to_owned()));
    }
    let sold = house.sell("key-1", 4200).await;
    assert_eq!(sold.outcome, "approved");
    assert_eq!(app.transaction(&path, "Start", "", json!([])), Err("org.posd.Error.WrongState".to_owned()));
    let again = app.terminal("NewAttempt", "s", json!(["key-1"]));
    assert_eq!(
        again,
        Err("org.posd.Error.AttemptNotClosed".to_owned()),
        "once approved it never charges again"
    );

    // App and daemon die; both come back and ask by name.
    app.kill();
    house.stack.kill_posd();
    house.stack.start_posd().unwrap();
    let mut app = Caller::own(&house);
    assert_eq!(app.create("key-1", 4200), path);
    let made =
        house.gdbus(posd_client::PATH, CREATE, &["key-1", "sale", "uint64 4200", "CNY", "@a{sv} {}"]).await;
    assert!(succeeded("gdbus", &made).contains(&path), "gdbus finds the same");
    let results = app.terminal("UnacknowledgedResults", "", json!([])).unwrap();
    assert_eq!(results[0]["Reference"], "key-1");
    assert_eq!(results[0]["Outcome"], "approved");
    app.terminal("AcknowledgeResult", "t", json!([results[0]["Id"]])).unwrap();
    app.terminal("AcknowledgeResult", "t", json!([results[0]["Id"]])).unwrap();
    assert_eq!(app.terminal("UnacknowledgedResults", "", json!([])), Ok(json!([])));
    assert_eq!(house.booked(), [4200]);
}

#[tokio::test]
async fn rule_3_and_11_a_declined_sale_is_tried_again_as_a_new_attempt_with_a_fresh_card_session() {
    let house = House::new().await.opened().await;
    house.devices(json!({"pin": "4321"}));
    let first = house.sell("again-1", 1234).await;
    assert_eq!(
        (first.outcome.as_str(), first.result_text("response-code").as_deref()),
        ("declined", Some("55"))
    );
    house.devices(json!({"pin": "1234"}));
    let mut app = Caller::own(&house);
    let path = app.terminal("NewAttempt", "s", json!(["again-1"])).unwrap();
    let second = house.terminal.find("again-1").await.unwrap();
    assert_eq!(json!(second.path().as_str()), path);
    let second = house.finish(&second).await;
    assert_eq!((second.outcome.as_str(), second.attempt), ("approved", 2));
    assert_ne!(first.result_number("trace"), second.result_number("trace"));
    assert_eq!(house.booked(), [1234]);
}
