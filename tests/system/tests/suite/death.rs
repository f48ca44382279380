//! Rule 4: the app's death ends what has not left, and nothing that has.

use posd_system_tests::{Caller, House, Library};
use serde_json::json;

#[tokio::test]
async fn rule_4_before_the_request_the_apps_death_ends_the_sale_wherever_it_waits() {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"pin": "wait"}));
    let waits =
        [("waiting-card", None), ("selecting-application", Some("combo")), ("waiting-pin", Some("debit"))];
    for library in Library::ALL {
        // Another connection of the same user keeps nothing alive.
        let mut other = Caller::by(&house, library);
        for (state, card) in waits {
            let mut app = Caller::by(&house, library);
            let path = app.create(&format!("{library:?}-{state}"), 1500);
            app.begin(&path).unwrap();
            if let Some(profile) = card {
                app.reaches(&path, "waiting-card");
                house.devices(json!({"card": "insert", "profile": profile}));
            }
            app.reaches(&path, state);
            other.properties(&path);
            app.kill();
            if card.is_some() {
                other.reaches(&path, "waiting-removal");
                assert!(house.devices_idle(), "{state}: no power, no prompt");
                house.devices(json!({"card": "remove"}));
            }
            let end = other.reaches(&path, "finished");
            assert_eq!(
                (&end["Outcome"], &end["Result"]["cause"]),
                (&json!("cancelled"), &json!("caller-gone")),
                "{library:?}, {state}"
            );
            let heard = other.signals_of(&path);
            assert_eq!(heard.last().map(|signal| signal.member.as_str()), Some("Finished"));
        }
    }
    assert!(!house.requests().contains(&"sale".to_owned()), "nothing was sent");
}

#[tokio::test]
async fn rule_4_one_that_only_made_the_sale_may_go() {
    let house = House::with_idle_customer().await.opened().await;
    let (mut maker, mut app) = (Caller::own(&house), Caller::own(&house));
    let path = maker.create("handed-on", 1500);
    app.begin(&path).unwrap();
    maker.kill();
    app.reaches(&path, "waiting-card");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(app.properties(&path)["State"], "waiting-card", "whoever started it is there");
    assert_eq!(app.cancel(&path), "accepted");
    app.reaches(&path, "finished");
}

#[tokio::test]
async fn rule_4_after_the_request_the_apps_death_changes_nothing_and_the_result_waits() {
    let house = House::new().await.opened().await;
    let ends = [
        ("approved", 5000, json!({"fault": "delay", "ms": 1000, "message": "sale", "count": 1})),
        ("declined", 5051, json!({"fault": "delay", "ms": 1000, "message": "sale", "count": 1})),
        ("failed", 6000, json!({"fault": "drop-answer", "message": "sale", "count": 1})),
    ];
    for library in Library::ALL {
        let before = house.booked().len();
        for (outcome, amount, fault) in &ends {
            house.host(fault.clone());
            let reference = format!("{library:?}-{outcome}");
            let mut app = Caller::by(&house, library);
            let path = app.create(&reference, *amount);
            app.begin(&path).unwrap();
            app.reaches(&path, "authorizing");
            app.kill();
            // The app comes back and asks with its own reference.
            let mut app = Caller::by(&house, library);
            assert_eq!(app.create(&reference, *amount), path);
            let end = app.reaches(&path, "finished");
            assert_eq!(end["Outcome"], *outcome, "{library:?}: {}", end["Result"]);
            let waiting = app.terminal("UnacknowledgedResults", "", json!([])).unwrap();
            assert_eq!(waiting[0]["Reference"], json!(reference), "the result waits");
            app.terminal("AcknowledgeResult", "t", json!([end["Id"]])).unwrap();
            assert_eq!(app.terminal("UnacknowledgedResults", "", json!([])), Ok(json!([])));
        }
        assert_eq!(house.booked()[before..], [5000], "only what was approved is charged");
    }
}
