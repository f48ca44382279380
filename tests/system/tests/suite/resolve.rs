//! Rules 5 and 7: what nothing tells by itself, the supervisor resolves after asking the acquirer.

use crate::{
    kinds::{booking, bookings, done, named, own, refused_as},
    queue::{listed, queue_is},
};
use posd_client::{Details, HostNumbers};
use posd_simulator::module::SUPERVISOR_PASSWORD as WORD;
use posd_system_tests::{Caller, House, cause};
use serde_json::json;

/// A sale of 900 and a refund of 400 of it that was not answered.
async fn silent_refund(house: &House, fault: &str) -> Details {
    house.sell("bought", 900).await;
    house.host(json!({"fault": fault, "message": "refund", "count": 1}));
    let end = done(house, "refund", "silent", 400, own("bought")).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("unknown", "no-answer"));
    assert_eq!((end.state.as_str(), end.prompt.as_str()), ("resolving", "resolve-by-hand"));
    end
}

async fn refused(house: &House, id: u64, booked: bool, numbers: &HostNumbers, word: &str) -> String {
    house.terminal.resolve(id, booked, numbers, word).await.unwrap_err().refused().unwrap().to_owned()
}

fn rows(house: &House, event: &str) -> Vec<String> {
    let rows = posd_journal::audit_rows(&house.journal(), 0, 1000).unwrap();
    let rows = rows.iter().filter(|row| row.event == event);
    rows.map(|row| format!("{} {}", row.operator, row.detail)).collect()
}

#[tokio::test]
async fn rule_5_a_refund_without_an_answer_stays_unknown_and_blocks_refunds_of_its_original() {
    let mut house = House::new().await.opened().await;
    let silent = silent_refund(&house, "drop-answer").await;
    assert_eq!(refused_as(&house, "refund", 1, &named("bought")).await, "OriginalUnresolved");
    assert_eq!(refused_as(&house, "void", 900, &named("bought")).await, "OriginalUnresolved");
    assert_eq!(house.terminal.state().await.unwrap().unresolved_refunds, 1);
    // It keeps nobody else waiting, and is neither reversed nor sent again, across restarts too.
    assert_eq!(house.sell("another", 100).await.outcome, "approved");
    house.restart();
    house.in_service().await;
    house.log_in().await;
    let found = house.terminal.find("silent").await.unwrap().details().await.unwrap();
    assert_eq!((found.outcome.as_str(), found.prompt.as_str()), ("unknown", "resolve-by-hand"));
    assert_eq!(house.sell("one-more", 100).await.outcome, "approved");
    let requests = house.requests();
    assert_eq!(requests.iter().filter(|kind| *kind == "refund").count(), 1, "{requests:?}");
    assert!(!requests.iter().any(|kind| kind == "reversal"), "{requests:?}");

    let none = HostNumbers::default();
    assert_eq!(refused(&house, silent.id, true, &none, "000000").await, "WrongPassword");
    assert_eq!(refused(&house, 999, true, &none, WORD).await, "NotFound");
    let some = HostNumbers { rrn: Some("123456789012".to_owned()), ..none.clone() };
    assert_eq!(refused(&house, silent.id, false, &some, WORD).await, "InvalidArgument");
    let bad = HostNumbers { date: Some("1301".to_owned()), ..none.clone() };
    assert_eq!(refused(&house, silent.id, true, &bad, WORD).await, "InvalidOption");
    house.terminal.resolve(silent.id, true, &some, WORD).await.unwrap();
    let found = house.terminal.find("silent").await.unwrap();
    let end = found.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "resolved"));
    assert_eq!((end.state.as_str(), end.result_number("charged")), ("finished", Some(400)));
    assert_eq!(end.result_text("rrn"), some.rrn);
    assert_eq!(rows(&house, "refund-resolved"), [format!("00 transaction={} booked=yes", silent.id)]);
    let refusal = format!("00 transaction={} result=wrong-password", silent.id);
    assert!(rows(&house, "supervisor-refused").contains(&refusal));
    let (slip, text) = found.receipt().await.unwrap();
    assert!(text.contains("退货") && slip.amount == 400, "{text}");
    assert_eq!(refused(&house, silent.id, true, &none, WORD).await, "NotFound", "once is enough");
    assert_eq!(refused_as(&house, "refund", 501, &named("bought")).await, "RefundExceedsOriginal");
    assert_eq!(done(&house, "refund", "rest", 500, own("bought")).await.outcome, "approved");
    assert_eq!(house.terminal.state().await.unwrap().unresolved_refunds, 0);
}

#[tokio::test]
async fn what_the_acquirer_holds_a_part_of_is_resolved_to_that_part() {
    let house = House::new().await.opened().await;
    let silent = silent_refund(&house, "drop-request").await;
    let part = |amount| HostNumbers { amount: Some(amount), ..HostNumbers::default() };
    for (booked, amount) in [(true, 0), (true, 401), (false, 300)] {
        assert_eq!(refused(&house, silent.id, booked, &part(amount), WORD).await, "InvalidArgument");
    }
    house.terminal.resolve(silent.id, true, &part(300), WORD).await.unwrap();
    let found = house.terminal.find("silent").await.unwrap();
    let end = found.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("partially-approved", "resolved"));
    assert_eq!(end.result_number("charged"), Some(300));
    let word = format!("00 transaction={} booked=yes amount=300", silent.id);
    assert_eq!(rows(&house, "refund-resolved"), [word]);
    assert_eq!(found.receipt().await.unwrap().0.amount, 300);
    assert_eq!(refused_as(&house, "refund", 601, &named("bought")).await, "RefundExceedsOriginal");
}

#[tokio::test]
async fn a_refund_that_the_acquirer_does_not_hold_is_tried_again_by_a_new_attempt() {
    let house = House::new().await.opened().await;
    let silent = silent_refund(&house, "drop-request").await;
    // The password is typed on the pad.
    house.terminal.resolve(silent.id, false, &HostNumbers::default(), "").await.unwrap();
    let end = house.terminal.find("silent").await.unwrap().details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "resolved"));
    assert_eq!(house.finish(&house.terminal.new_attempt("silent").await.unwrap()).await.outcome, "approved");
    assert_eq!(bookings(&house), [booking("sale", 900, "booked"), booking("refund", 400, "booked")]);
}

#[tokio::test]
async fn rule_8_a_refund_approved_with_a_bad_mac_is_not_believed() {
    let house = House::new().await.opened().await;
    house.sell("bought", 900).await;
    house.host(json!({"fault": "wrong-mac", "message": "refund", "count": 1}));
    let end = done(&house, "refund", "forged", 400, own("bought")).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("unknown", "bad-mac"));
}

#[tokio::test]
async fn rule_7_a_reversal_that_the_host_never_answers_is_resolved_by_the_supervisor() {
    for booked in [false, true] {
        let house = House::new().await.opened().await;
        house.host(json!({"fault": if booked { "drop-answer" } else { "drop-request" }, "message": "sale", "count": 1}));
        house.host(json!({"fault": "hold-request", "ms": 600_000, "message": "reversal"}));
        let sale = house.create("mute", 4200).await;
        house.start_until(&sale, "resolving").await;
        let id = sale.details().await.unwrap().id;
        let none = HostNumbers::default();
        // While a try is out, the host may still answer it.
        while let Err(error) = house.terminal.resolve(id, booked, &none, WORD).await {
            assert_eq!(error.refused(), Some("Busy"), "{error}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let end = sale.details().await.unwrap();
        let expected = if booked { ("approved", "resolved") } else { ("failed", "resolved") };
        assert_eq!((end.outcome.as_str(), cause(&end).as_str()), expected);
        assert_eq!(rows(&house, "reversal-resolved").len(), 1);
        assert!(house.terminal.pending_reversals().await.unwrap().is_empty());
        house.host(json!({"clear": true}));
        assert_eq!(house.sell("next", 100).await.outcome, "approved");
        assert_eq!(house.booked(), if booked { vec![4200, 100] } else { vec![100] });
        if booked {
            assert_eq!(refused_as(&house, "void", 4200, &named("mute")).await, "OriginalWithoutReference");
        }
    }
}

/// A hold, and an advice of its completion that the host refused; the advice's number.
async fn refused_completion(house: &House) -> u64 {
    let held = house.terminal.create_of("pre-auth", "room", 1000, &Default::default()).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
    house.host(json!({"fault": "decline", "code": "61", "message": "completion-advice", "count": 1}));
    let end = done(house, "completion-advice", "left", 900, own("room")).await;
    assert_eq!(end.outcome, "approved-offline");
    house.terminal.acknowledge(end.id).await.unwrap();
    queue_is(house, 0, 1).await;
    listed(house, "needs-action").await.0[0]["advice"].as_u64().unwrap()
}

async fn queued_refused(
    house: &House,
    advice: u64,
    booked: bool,
    numbers: &HostNumbers,
    word: &str,
) -> String {
    let error = house.terminal.resolve_queued(advice, booked, numbers, word).await.unwrap_err();
    error.refused().unwrap().to_owned()
}

#[tokio::test]
async fn an_advice_that_the_acquirer_does_not_hold_is_resolved_and_its_hold_can_be_completed_again() {
    let mut house = House::new().await.opened().await;
    let advice = refused_completion(&house).await;
    let none = HostNumbers::default();
    let some = HostNumbers { rrn: Some("123456789012".to_owned()), ..none.clone() };
    let part = HostNumbers { amount: Some(100), ..none.clone() };
    assert_eq!(queued_refused(&house, advice, false, &none, "000000").await, "WrongPassword");
    assert_eq!(queued_refused(&house, advice, false, &some, WORD).await, "InvalidArgument");
    assert_eq!(queued_refused(&house, advice, true, &part, WORD).await, "InvalidArgument");
    assert_eq!(queued_refused(&house, 999, false, &none, WORD).await, "NotFound");
    let mut stranger = Caller::other(&house);
    let refused = stranger.terminal("ResolveQueued", "tba{sv}s", json!([advice, false, {}, WORD]));
    assert_eq!(refused, Err("org.posd.Error.NotFound".to_owned()));
    queue_is(&house, 0, 1).await;

    house.terminal.resolve_queued(advice, false, &none, WORD).await.unwrap();
    queue_is(&house, 0, 0).await;
    let left = house.terminal.find("left").await.unwrap();
    let end = left.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "resolved"));
    assert_eq!(end.result_number("charged"), None);
    assert_eq!(left.print("cardholder").await.unwrap_err().refused(), Some("NoReceipt"));
    let told = house.terminal.unacknowledged().await.unwrap();
    assert!(told.iter().any(|details| details.id == end.id), "its app hears of it again");
    let word = format!("00 advice={advice} transaction={} booked=no", end.id);
    assert_eq!(rows(&house, "advice-resolved"), [word]);
    assert!(rows(&house, "supervisor-refused").iter().any(|row| row.contains(&format!("advice={advice} "))));
    assert_eq!(queued_refused(&house, advice, false, &none, WORD).await, "NoActionNeeded");
    let again = house.terminal.retry_queued(advice).await.unwrap_err();
    assert_eq!(again.refused(), Some("NoActionNeeded"));
    // Across a restart too it is never sent again, and the batch balances without it.
    house.restart();
    house.in_service().await;
    house.log_in().await;
    let recent = listed(&house, "recent").await.0;
    let row = recent.as_array().unwrap().iter().find(|row| row["advice"] == advice).unwrap();
    assert_eq!((&row["state"], &row["tries"][0]["result"]), (&json!("resolved"), &json!("61")));
    assert_eq!(done(&house, "completion", "once-more", 900, own("room")).await.outcome, "approved");
    assert_eq!(house.posctl(&["settle"], "").await.status.code(), Some(0));
    assert_eq!(house.host(json!({"ledger": true}))["ledger"]["settlements"][0]["domestic"], "balanced");
    assert_eq!(house.requests().iter().filter(|kind| *kind == "completion-advice").count(), 1);
}

#[tokio::test]
async fn an_advice_that_the_acquirer_holds_is_resolved_under_its_numbers() {
    let house = House::new().await.opened().await;
    let advice = refused_completion(&house).await;
    let number = advice.to_string();
    let resolve = ["queue", "resolve", &number, "--booked", "--rrn", "123456789012", "--json"];
    // The password is typed on the pad.
    assert_eq!(house.posctl(&resolve, "").await.status.code(), Some(0));
    queue_is(&house, 0, 0).await;
    let left = house.terminal.find("left").await.unwrap();
    let end = left.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved-offline", "resolved"));
    assert_eq!(
        (end.result_text("rrn").as_deref(), end.result_number("charged")),
        (Some("123456789012"), Some(900))
    );
    assert!(left.receipt().await.is_ok());
    assert_eq!(refused_as(&house, "completion", 900, &named("room")).await, "AlreadyCompleted");
}

#[tokio::test]
async fn a_script_result_that_the_host_refuses_is_resolved_and_changes_nothing_else() {
    let house = House::new().await.opened().await;
    house.host(json!({"fault": "decline", "code": "30", "message": "script-result", "count": 1}));
    let sale = house.sell("scripts", 1271).await;
    queue_is(&house, 0, 1).await;
    let advice = listed(&house, "needs-action").await.0[0]["advice"].to_string();
    let numbers = ["queue", "resolve", &advice, "--booked", "--rrn", "123456789012", "--password-on-stdin"];
    let word = format!("{WORD}\n");
    assert_ne!(house.posctl(&numbers, &word).await.status.code(), Some(0));
    let resolve = ["queue", "resolve", &advice, "--not-booked", "--password-on-stdin"];
    assert_eq!(house.posctl(&resolve, &word).await.status.code(), Some(0));
    queue_is(&house, 0, 0).await;
    let now = house.terminal.find("scripts").await.unwrap().details().await.unwrap();
    assert_eq!((&now.outcome, cause(&now)), (&sale.outcome, cause(&sale)));
}
