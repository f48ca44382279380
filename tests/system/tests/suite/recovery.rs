//! Rules 1, 3 and 7: what a power cut while authorising leaves is reversed before anything new is sold.

use posd_system_tests::{Caller, House, Library};
use serde_json::{Value, json};

/// The requests that reached the acquirer after the first sign-in: kind, trace and batch.
fn financial(house: &House) -> Vec<(String, Value, Value)> {
    let log = house.host(json!({"log": true}));
    let log = log["log"].as_array().unwrap().iter();
    log.filter(|entry| entry["kind"] == "sale" || entry["kind"] == "reversal")
        .map(|entry| {
            (entry["kind"].as_str().unwrap().to_owned(), entry["trace"].clone(), entry["batch"].clone())
        })
        .collect()
}

/// Kills `posd` while the first sale authorises; another app sells as soon as it can.
async fn power_cut(library: Library, fault: Value) {
    let mut house = House::new().await.opened().await;
    house.host(fault.clone());
    let mut app = Caller::by(&house, library);
    let path = app.create("cut-1", 4200);
    app.begin(&path).unwrap();
    app.reaches(&path, "authorizing");
    // What is on the wire arrives.
    std::thread::sleep(std::time::Duration::from_millis(300));
    house.restart();
    // The app asks again with its own reference, and is given the same sale.
    assert_eq!(app.create("cut-1", 4200), path, "{fault}");
    let open = app.properties(&path);
    assert!(
        (open["State"] == "resolving" && open["Outcome"] == "unknown")
            || (open["State"] == "finished" && open["Result"]["cause"] == "reversed"),
        "{fault}: {open}"
    );
    house.in_service().await;
    house.log_in().await;
    let next = app.create("cut-2", 700);
    app.begin(&next).unwrap();
    let end = app.reaches(&next, "finished");
    assert_eq!(end["Outcome"], "approved", "{fault}: {}", end["Result"]);
    let end = app.reaches(&path, "finished");
    assert_eq!((&end["Outcome"], &end["Result"]["cause"]), (&json!("failed"), &json!("reversed")), "{fault}");
    assert_eq!(app.create("cut-1", 4200), path);
    let sent = financial(&house);
    let [(first, trace, batch), (second, again, of), (third, fresh, _)] = sent.as_slice() else {
        panic!("{fault}: {sent:?}")
    };
    assert_eq!([first.as_str(), second, third], ["sale", "reversal", "sale"], "{fault}");
    assert_eq!((trace, batch), (again, of), "{fault}: the reversal keeps the original's trace and batch");
    assert_ne!(trace, fresh, "rule 12: no trace twice");
    assert_eq!(house.booked(), [700], "{fault}: nobody pays for the sale that was cut");
}

#[tokio::test]
async fn rule_1_a_booked_sale_that_a_power_cut_ends_is_reversed_before_anything_new() {
    for library in Library::ALL {
        power_cut(library, json!({"fault": "delay", "ms": 1500, "message": "sale", "count": 1})).await;
    }
}

#[tokio::test]
async fn rule_1_a_lost_sale_that_a_power_cut_ends_is_reversed_before_anything_new() {
    power_cut(Library::Libdbus, json!({"fault": "drop-request", "message": "sale", "count": 1})).await;
}

#[tokio::test]
async fn rule_7_a_reversal_survives_power_cuts_until_it_is_answered() {
    let mut house = House::new().await.opened().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    house.host(json!({"fault": "drop-request", "message": "reversal"}));
    let mut app = Caller::own(&house);
    let path = app.create("cut-often", 4200);
    app.begin(&path).unwrap();
    app.reaches(&path, "authorizing");
    for _ in 0..3 {
        house.restart();
        house.in_service().await;
        let all = app.reaches(&path, "resolving");
        assert_eq!(all["Outcome"], "unknown");
    }
    assert_eq!(house.booked(), [4200], "the host holds it still");
    house.host(json!({"clear": true}));
    let end = app.reaches(&path, "finished");
    assert_eq!((&end["Outcome"], &end["Result"]["cause"]), (&json!("failed"), &json!("reversed")));
    let booked: [u64; 0] = [];
    assert_eq!(house.booked(), booked);
    house.restart();
    house.in_service().await;
    assert_eq!(app.properties(&path)["Result"]["cause"], "reversed", "its outcome is kept");
}
