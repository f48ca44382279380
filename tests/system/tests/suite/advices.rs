//! What is stored, finished at once, and told to the host later: completion advices.

use crate::{
    kinds::{booking, bookings, done, named, own, refused_as},
    queue::{listed, queue_is},
};
use posd_client::{CreateOptions, External, Original};
use posd_system_tests::{House, cause};
use serde_json::json;

async fn hold(house: &House, reference: &str, amount: u64) {
    let held = house.terminal.create_of("pre-auth", reference, amount, &Default::default()).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
}

#[tokio::test]
async fn a_completion_advice_is_done_at_once_and_told_to_the_host_once() {
    let mut house = House::new().await.opened().await;
    hold(&house, "room", 1000).await;
    house.host(json!({"fault": "drop-request", "message": "completion-advice"}));
    assert_eq!(
        refused_as(&house, "completion-advice", 1151, &named("room")).await,
        "CompletionExceedsOriginal"
    );
    let taken = done(&house, "completion-advice", "checkout", 1150, own("room")).await;
    assert_eq!((taken.outcome.as_str(), cause(&taken).as_str()), ("approved-offline", "none"));
    assert_eq!(taken.result_text("supervisor"), None, "nobody is asked");
    assert!(taken.result_text("rrn").is_none());
    let made = house.terminal.get(taken.id).await.unwrap();
    let (slip, text) = made.receipt().await.unwrap();
    assert!(slip.original.authorisation_code.is_some() && !slip.not_yet_authorised);
    assert!(text.contains("预授权完成(通知)") && text.contains("11.50"), "{text}");

    // It excludes whatever else a hold may be used for, and no cancel undoes it.
    for kind in ["completion", "completion-advice", "pre-auth-cancel"] {
        assert_eq!(refused_as(&house, kind, 1000, &named("room")).await, "AlreadyCompleted");
    }
    assert_eq!(
        refused_as(&house, "completion-cancel", 1150, &named("checkout")).await,
        "OriginalOfOtherKind"
    );
    assert_eq!(refused_as(&house, "refund", 1, &named("checkout")).await, "OriginalNotForwarded");
    queue_is(&house, 1, 0).await;
    let waiting = listed(&house, "open").await.0;
    assert_eq!((&waiting[0]["kind"], &waiting[0]["amount"]), (&json!("completion-advice"), &json!(1150)));
    assert_eq!(waiting[0]["transaction"], json!(taken.id));

    // The same name finds it again, and nothing is lost with the daemon.
    house.restart();
    house.in_service().await;
    house.log_in().await;
    queue_is(&house, 1, 0).await;
    house.host(json!({"clear": true}));
    house.host(json!({"fault": "drop-answer", "message": "completion-advice", "count": 1}));
    queue_is(&house, 0, 0).await;
    assert_eq!(
        bookings(&house),
        [booking("pre-auth", 1000, "completed"), booking("completion-advice", 1150, "booked")]
    );
    let end = house.terminal.get(taken.id).await.unwrap().details().await.unwrap();
    assert_eq!(end.outcome, "approved-offline");
    assert_eq!(
        end.result_text("response-code").as_deref(),
        Some("94"),
        "the host has it from the try before"
    );
    // Its number came with the answer that was lost: the acquirer tells it to whoever asks.
    assert_eq!((end.result_text("rrn"), end.result_text("authorisation-code")), (None, None));
    assert_eq!(refused_as(&house, "refund", 1, &named("checkout")).await, "OriginalWithoutReference");
    let booked = house.host(json!({"ledger": true}))["ledger"]["bookings"][1].clone();
    let text = |key: &str| booked[key].as_str().unwrap().to_owned();
    let by_hand = External { date: text("date"), rrn: Some(text("rrn")), ..External::default() };
    let back = done(&house, "refund", "back", 150, Original::External(by_hand)).await;
    assert_eq!((back.outcome.as_str(), cause(&back).as_str()), ("approved", "none"));
}

#[tokio::test]
async fn a_completion_advice_is_refunded_once_the_host_has_it_and_enters_the_settlement() {
    let house = House::new().await.opened().await;
    hold(&house, "room", 1000).await;
    assert_eq!(
        done(&house, "completion-advice", "checkout", 900, own("room")).await.outcome,
        "approved-offline"
    );
    queue_is(&house, 0, 0).await;
    assert_eq!(done(&house, "refund", "back", 100, own("checkout")).await.outcome, "approved");
    assert_eq!(refused_as(&house, "refund", 801, &named("checkout")).await, "RefundExceedsOriginal");
    let output = house.posctl(&["settle", "--json"], "").await;
    assert_eq!(output.status.code(), Some(0), "{}", posd_system_tests::said(&output));
    let settled = house.host(json!({"ledger": true}))["ledger"]["settlements"][0].clone();
    assert_eq!(settled["domestic"], "balanced", "{settled}");
    assert_eq!(
        (&settled["told"]["domestic"]["debit_amount"], &settled["told"]["domestic"]["credit_amount"]),
        (&json!(900), &json!(100))
    );
}

#[tokio::test]
async fn a_completion_advice_that_the_host_forgot_is_uploaded_with_the_batch() {
    let house = House::new().await.opened().await;
    hold(&house, "room", 1000).await;
    let taken = done(&house, "completion-advice", "checkout", 900, own("room")).await;
    queue_is(&house, 0, 0).await;
    let trace = taken.result_number("trace").unwrap();
    house.host(json!({"forget": {"terminal": "00000001", "batch": 1, "trace": trace}}));
    house.posctl(&["settle", "--json"], "").await;
    let settled = house.host(json!({"ledger": true}))["ledger"]["settlements"][0].clone();
    assert_eq!(settled["domestic"], "unbalanced", "{settled}");
    assert_eq!(settled["uploads"][0]["kind"], "advice-upload", "{settled}");
    assert_eq!(settled["uploads"][0]["result"], "restored", "{settled}");
}

#[tokio::test]
async fn an_advice_that_the_host_refuses_needs_action_and_holds_up_no_other() {
    let house = House::new().await.opened().await;
    hold(&house, "room-1", 1000).await;
    hold(&house, "room-2", 2000).await;
    house.host(json!({"fault": "decline", "code": "61", "message": "completion-advice", "count": 1}));
    assert_eq!(
        done(&house, "completion-advice", "out-1", 1000, own("room-1")).await.outcome,
        "approved-offline"
    );
    queue_is(&house, 0, 1).await;
    assert_eq!(
        done(&house, "completion-advice", "out-2", 2000, own("room-2")).await.outcome,
        "approved-offline"
    );
    queue_is(&house, 0, 1).await;
    let waiting = listed(&house, "needs-action").await.0;
    assert_eq!(
        (&waiting[0]["kind"], &waiting[0]["tries"][0]["result"]),
        (&json!("completion-advice"), &json!("61"))
    );
    let advice = waiting[0]["advice"].to_string();
    assert_eq!(house.posctl(&["queue", "retry", &advice], "").await.status.code(), Some(0));
    queue_is(&house, 0, 0).await;
    let booked: Vec<_> =
        bookings(&house).into_iter().filter(|(kind, ..)| kind == "completion-advice").collect();
    assert_eq!(
        booked,
        [booking("completion-advice", 2000, "booked"), booking("completion-advice", 1000, "booked")]
    );
}

#[tokio::test]
async fn a_hold_elsewhere_is_completed_by_advice_with_the_supervisors_word_and_the_card() {
    let mut house = House::new().await.opened().await;
    let held = house.terminal.create_of("pre-auth", "room", 2000, &Default::default()).await.unwrap();
    house.finish(&held).await;
    let slip = held.receipt().await.unwrap().0;
    let external = External {
        date: format!("{}{}", &slip.date_time[5..7], &slip.date_time[8..10]),
        authorisation_code: slip.authorisation_code.clone(),
        ..External::default()
    };
    // A new journal does not know it.
    house.stack.kill_posd();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(house.directory().join(format!("journal.db{end}")));
    }
    house.stack.start_posd().unwrap();
    house.in_service().await;
    house.log_in().await;
    // Past the trace numbers that the host has seen.
    for _ in 0..5 {
        house.terminal.sign_in().await.unwrap();
    }
    let end = done(&house, "completion-advice", "checkout", 2100, Original::External(external.clone())).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved-offline", "none"));
    assert_eq!(end.result_text("supervisor").as_deref(), Some("00"));
    assert_eq!(end.result_text("masked-pan").as_deref(), Some("621234******0019"), "the card was read");
    queue_is(&house, 0, 0).await;
    assert_eq!(bookings(&house)[1], booking("completion-advice", 2100, "booked"));
    let again = CreateOptions { original: Some(Original::External(external)), ..CreateOptions::default() };
    assert_eq!(refused_as(&house, "completion", 2000, &again).await, "AlreadyCompleted");
}
