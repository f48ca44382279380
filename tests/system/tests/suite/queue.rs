//! Store and forward: what the host did not take at first, on the real daemon.

use crate::kinds::bookings_of;
use posd_system_tests::{Caller, House};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// An amount whose cents make the test host send issuer scripts.
const WITH_SCRIPTS: u64 = 1271;

/// Waits until so many rows are to be delivered and so many need action.
pub(crate) async fn queue_is(house: &House, left: u32, needs_action: u32) {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let state = house.terminal.state().await.unwrap();
        if (state.queue_length, state.needs_action) == (left, needs_action) {
            return;
        }
        assert!(Instant::now() < end, "{} left, {} need action", state.queue_length, state.needs_action);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The rows that `posctl queue` lists, and its exit code.
pub(crate) async fn listed(house: &House, filter: &str) -> (Value, i32) {
    let output = house.posctl(&["queue", "list", filter, "--json"], "").await;
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
}

#[tokio::test]
async fn an_advice_without_an_answer_stays_in_the_queue_until_forward_now_delivers_it() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "drop-request", "message": "script-result"}));
    let sale = house.sell("scripts", WITH_SCRIPTS).await;
    assert_eq!(sale.outcome, "approved");
    queue_is(&house, 1, 0).await;
    let (rows, code) = listed(&house, "open").await;
    assert_eq!((rows.as_array().unwrap().len(), code), (1, 9), "{rows}");
    let row = &rows[0];
    assert_eq!((&row["kind"], &row["state"]), (&json!("script-result"), &json!("queued")));
    assert_eq!((&row["transaction"], &row["amount"]), (&json!(sale.id), &json!(WITH_SCRIPTS)));
    // The line is good, and this one host message is lost: a round says what is left.
    let output = house.posctl(&["queue", "forward", "--json"], "").await;
    let left: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((left, output.status.code()), (json!({"left": 1, "needs-action": 0}), Some(9)));
    // A sale goes on meanwhile.
    assert_eq!(house.sell("meanwhile", 500).await.outcome, "approved");
    house.host(json!({"clear": true}));
    assert_eq!(house.terminal.forward_now().await.unwrap(), 0);
    let (rows, code) = listed(&house, "recent").await;
    assert_eq!(code, 0);
    let accepted: Vec<&Value> =
        rows.as_array().unwrap().iter().filter(|row| row["kind"] == "script-result").collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0]["state"], "accepted");
    let tries = accepted[0]["tries"].as_array().unwrap();
    assert_eq!(tries.last().unwrap()["result"], "00");
    assert!(tries.len() >= 3, "each try is kept: {tries:?}");
    assert_eq!(bookings_of(&house, "sale").len(), 2);
}

#[tokio::test]
async fn a_refused_advice_needs_action_blocks_nobody_and_can_be_sent_again() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "decline", "code": "30", "message": "script-result", "count": 1}));
    assert_eq!(house.sell("refused", WITH_SCRIPTS).await.outcome, "approved");
    queue_is(&house, 0, 1).await;
    assert_eq!(house.sell("next", WITH_SCRIPTS).await.outcome, "approved");
    queue_is(&house, 0, 1).await;
    let (rows, code) = listed(&house, "needs-action").await;
    assert_eq!((rows.as_array().unwrap().len(), code), (1, 13), "{rows}");
    assert_eq!(rows[0]["tries"][0]["result"], "30");
    let output = house.posctl(&["queue", "--lang", "zh-CN"], "").await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("脚本结果通知") && text.contains("需处理"), "{text}");
    // Another user sees that there is one, not whose; and may not touch it.
    let mut stranger = Caller::other(&house);
    let seen = stranger.terminal("ListQueue", "s", json!(["needs-action"])).unwrap();
    assert_eq!(seen[0]["transaction"], 0);
    let advice = rows[0]["advice"].as_u64().unwrap();
    let refused = stranger.terminal("RetryQueued", "t", json!([advice]));
    assert_eq!(refused, Err("org.posd.Error.NotFound".to_owned()));
    let output = house.posctl(&["queue", "retry", &advice.to_string()], "").await;
    assert_eq!(output.status.code(), Some(0));
    queue_is(&house, 0, 0).await;
    let again = house.posctl(&["queue", "retry", &advice.to_string(), "--json"], "").await;
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["error"], "NoActionNeeded");
}

#[tokio::test]
async fn a_queued_advice_survives_the_death_of_the_daemon() {
    let mut house = House::new().await.opened().await;
    house.host(json!({"fault": "drop-request", "message": "script-result"}));
    assert_eq!(house.sell("scripts", WITH_SCRIPTS).await.outcome, "approved");
    queue_is(&house, 1, 0).await;
    house.restart();
    house.in_service().await;
    queue_is(&house, 1, 0).await;
    house.host(json!({"clear": true}));
    queue_is(&house, 0, 0).await;
    let notices = house.host(json!({"ledger": true}))["ledger"]["script_notices"].clone();
    let taken = notices.as_array().unwrap().iter().filter(|notice| notice["code"] == "00").count();
    assert_eq!(taken, 1, "{notices}");
}
