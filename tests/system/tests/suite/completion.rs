//! Pre-authorisations that are completed, and completions that are cancelled.

use crate::kinds::{booking, bookings, done, named, own, refused_as};
use posd_system_tests::{House, cause};
use serde_json::json;

#[tokio::test]
async fn a_pre_authorisation_is_completed_once_and_the_completion_is_cancelled() {
    let house = House::new().await.opened().await;
    let held = house.terminal.create_of("pre-auth", "room", 1000, &Default::default()).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
    assert_eq!(refused_as(&house, "completion", 1151, &named("room")).await, "CompletionExceedsOriginal");
    let taken = done(&house, "completion", "checkout", 1150, own("room")).await;
    assert_eq!((taken.outcome.as_str(), cause(&taken).as_str()), ("approved", "none"));
    assert_eq!(taken.result_text("supervisor"), None, "nobody is asked");
    let (slip, text) = house.terminal.get(taken.id).await.unwrap().receipt().await.unwrap();
    assert_eq!(slip.original.authorisation_code, held.receipt().await.unwrap().0.authorisation_code);
    assert!(text.contains("预授权完成(请求)") && text.contains("11.50"), "{text}");

    for kind in ["completion", "pre-auth-cancel"] {
        assert_eq!(refused_as(&house, kind, 1000, &named("room")).await, "AlreadyCompleted");
    }
    assert_eq!(refused_as(&house, "completion-cancel", 1000, &named("checkout")).await, "AmountMismatch");
    assert_eq!(refused_as(&house, "completion-cancel", 1150, &named("room")).await, "OriginalOfOtherKind");
    let cancelled = done(&house, "completion-cancel", "oops", 1150, own("checkout")).await;
    assert_eq!(cancelled.outcome, "approved");
    assert_eq!(cancelled.result_text("supervisor").as_deref(), Some("00"));
    assert_eq!(refused_as(&house, "refund", 1, &named("checkout")).await, "AlreadyVoided");
    // The hold stands again.
    assert_eq!(done(&house, "completion", "again", 900, own("room")).await.outcome, "approved");
    assert_eq!(
        bookings(&house),
        [
            booking("pre-auth", 1000, "completed"),
            booking("completion", 1150, "cancelled"),
            booking("completion-cancel", 1150, "booked"),
            booking("completion", 900, "booked"),
        ]
    );
    // A completion is refunded as a sale is; then it is not cancelled any more.
    assert_eq!(done(&house, "refund", "back", 100, own("again")).await.outcome, "approved");
    assert_eq!(refused_as(&house, "completion-cancel", 900, &named("again")).await, "AlreadyRefunded");
}

#[tokio::test]
async fn rule_7_a_completion_without_an_answer_is_reversed_and_the_hold_stands() {
    let house = House::new().await.opened().await;
    let held = house.terminal.create_of("pre-auth", "room", 1000, &Default::default()).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
    house.host(json!({"fault": "drop-answer", "message": "completion", "count": 1}));
    let end = done(&house, "completion", "checkout", 800, own("room")).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "reversed"));
    assert_eq!(
        bookings(&house),
        [booking("pre-auth", 1000, "booked"), booking("completion", 800, "reversed")]
    );
    assert_eq!(done(&house, "pre-auth-cancel", "leave", 1000, own("room")).await.outcome, "approved");
}

#[tokio::test]
async fn a_cancel_of_a_completion_without_an_answer_leaves_it_as_it_was() {
    let house = House::new().await.opened().await;
    let held = house.terminal.create_of("pre-auth", "room", 1000, &Default::default()).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
    assert_eq!(done(&house, "completion", "checkout", 800, own("room")).await.outcome, "approved");
    house.host(json!({"fault": "drop-answer", "message": "completion-cancel", "count": 1}));
    let end = done(&house, "completion-cancel", "oops", 800, own("checkout")).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "reversed"));
    assert_eq!(refused_as(&house, "completion", 100, &named("room")).await, "AlreadyCompleted");
    assert_eq!(
        bookings(&house)[1..],
        [booking("completion", 800, "booked"), booking("completion-cancel", 800, "reversed")]
    );
}
