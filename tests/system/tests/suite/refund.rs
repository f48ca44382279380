//! Refunds: linked, partial, several up to the original, with the card read and the supervisor's word.

use crate::kinds::{booking, bookings, done, named, of, own, refused_as, words_of_supervisor};
use posd_client::Original;
use posd_system_tests::{House, cause};
use serde_json::json;

#[tokio::test]
async fn a_sale_is_refunded_in_parts_up_to_the_whole() {
    let house = House::new().await.opened().await;
    let sale = house.sell("bought", 1000).await;
    let first = done(&house, "refund", "back-1", 300, own("bought")).await;
    assert_eq!((first.outcome.as_str(), cause(&first).as_str()), ("approved", "none"));
    assert_eq!(first.result_number("charged"), Some(300));
    assert_eq!(first.result_text("masked-pan"), sale.result_text("masked-pan"));
    assert_eq!(words_of_supervisor(&house), [format!("00 supervisor-consent transaction={}", first.id)]);
    let (slip, text) = house.terminal.get(first.id).await.unwrap().receipt().await.unwrap();
    assert!(text.contains("退货/REFUND") && text.contains("-3.00"), "{text}");
    assert_eq!(slip.original.rrn, sale.result_text("rrn"));
    assert!(slip.original.date.is_some() && text.contains("0019 I"), "{text}");

    assert_eq!(refused_as(&house, "refund", 701, &named("bought")).await, "RefundExceedsOriginal");
    assert_eq!(refused_as(&house, "void", 1000, &named("bought")).await, "AlreadyRefunded");
    let by_rrn = Original::Rrn(sale.result_text("rrn").unwrap());
    assert_eq!(done(&house, "refund", "back-2", 700, by_rrn).await.outcome, "approved");
    assert_eq!(refused_as(&house, "refund", 1, &named("bought")).await, "RefundExceedsOriginal");
    assert_eq!(
        bookings(&house),
        [booking("sale", 1000, "booked"), booking("refund", 300, "booked"), booking("refund", 700, "booked")]
    );
    // Nothing of it could be reversed, and nothing was.
    assert!(!house.requests().iter().any(|kind| kind == "reversal"));
}

#[tokio::test]
async fn what_was_voided_is_not_refunded() {
    let house = House::new().await.opened().await;
    house.sell("undone", 500).await;
    assert_eq!(done(&house, "void", "undo", 500, own("undone")).await.outcome, "approved");
    assert_eq!(refused_as(&house, "refund", 1, &named("undone")).await, "AlreadyVoided");
    assert_eq!(refused_as(&house, "refund", 1, &named("undo")).await, "OriginalOfOtherKind");
}

#[tokio::test]
async fn a_refund_to_another_card_never_leaves() {
    let house = House::with_idle_customer().await.opened().await;
    let insert = |profile: &str| house.devices(json!({"card": "insert", "profile": profile}));
    insert("debit");
    let sale = house.create("paid", 600).await;
    house.start_until(&sale, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    let made = house.terminal.create_of("refund", "other", 600, &named("paid")).await.unwrap();
    house.start_until(&made, "waiting-card").await;
    insert("credit");
    house.reaches(&made, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    let end = house.finish(&made).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "card-differs"));
    assert_eq!(bookings(&house), [booking("sale", 600, "booked")]);
    // The right card may still be brought.
    let again = house.terminal.new_attempt("other").await.unwrap();
    house.start_until(&again, "waiting-card").await;
    insert("debit");
    house.reaches(&again, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    assert_eq!(house.finish(&again).await.outcome, "approved");
}

#[tokio::test]
async fn a_refund_needs_its_original_and_the_supervisor() {
    let house = House::new().await.opened().await;
    house.sell("kept", 400).await;
    assert_eq!(refused_as(&house, "refund", 400, &Default::default()).await, "InvalidArgument");
    assert_eq!(refused_as(&house, "refund", 400, &named("nobody's")).await, "OriginalNotFound");
    let elsewhere = of(Original::Rrn("999999999999".to_owned()));
    assert_eq!(refused_as(&house, "refund", 400, &elsewhere).await, "OriginalNotFound");
    house.devices(json!({"password": {"00": "cancel"}}));
    let end = done(&house, "refund", "no", 400, own("kept")).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("cancelled", "supervisor-refused"));
    assert_eq!(bookings(&house), [booking("sale", 400, "booked")]);
}
