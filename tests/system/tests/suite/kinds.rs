//! Transactions that follow others: what undoes a sale, on the real daemon. Refunds and completions are in files of
//! their own.

use posd_client::{CreateOptions, Details, Original, Transaction};
use posd_system_tests::{House, cause};
use serde_json::{Value, json};

pub(crate) fn of(original: Original) -> CreateOptions {
    CreateOptions { original: Some(original), ..CreateOptions::default() }
}

pub(crate) fn named(reference: &str) -> CreateOptions {
    of(Original::Reference(reference.to_owned()))
}

/// Makes a transaction of a kind and follows it to its end, or until it waits for the supervisor.
pub(crate) async fn done(
    house: &House,
    kind: &str,
    reference: &str,
    amount: u64,
    original: Original,
) -> Details {
    let made = house.terminal.create_of(kind, reference, amount, &of(original)).await;
    house.finish(&made.unwrap_or_else(|error| panic!("{kind} {reference}: {error}"))).await
}

/// By the app's own reference.
pub(crate) fn own(reference: &str) -> Original {
    Original::Reference(reference.to_owned())
}

/// The name of the error that a transaction of a kind is refused with.
pub(crate) async fn refused_as(house: &House, kind: &str, amount: u64, options: &CreateOptions) -> String {
    let refused = house.terminal.create_of(kind, "refused", amount, options).await.unwrap_err();
    refused.refused().unwrap().to_owned()
}

async fn void(house: &House, reference: &str, amount: u64, options: &CreateOptions) -> Transaction {
    house.terminal.create_of("void", reference, amount, options).await.unwrap()
}

/// The name of the error that a void is refused with.
async fn refused(house: &House, amount: u64, options: &CreateOptions) -> String {
    refused_as(house, "void", amount, options).await
}

/// The acquirer's bookings as kind, amount and state.
pub(crate) fn bookings(house: &House) -> Vec<(String, u64, String)> {
    let ledger = house.host(json!({"ledger": true}))["ledger"]["bookings"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bookings = ledger.as_array().unwrap().iter();
    bookings.map(|b| (text(&b["kind"]), b["amount"].as_u64().unwrap(), text(&b["state"]))).collect()
}

/// The amounts of the acquirer's bookings of a kind that stand.
pub(crate) fn bookings_of(house: &House, kind: &str) -> Vec<u64> {
    let all = bookings(house).into_iter();
    all.filter(|(of, _, state)| of == kind && state == "booked").map(|(_, amount, _)| amount).collect()
}

pub(crate) fn booking(kind: &str, amount: u64, state: &str) -> (String, u64, String) {
    (kind.to_owned(), amount, state.to_owned())
}

#[tokio::test]
async fn a_void_undoes_a_sale_with_the_supervisors_word_and_without_the_card() {
    let house = House::new().await.opened().await;
    let sale = house.sell("void-sale", 1234).await;
    assert_eq!(refused(&house, 1234, &named("other")).await, "OriginalNotFound");
    assert_eq!(refused(&house, 1233, &named("void-sale")).await, "AmountMismatch");
    assert_eq!(refused(&house, 1234, &CreateOptions::default()).await, "InvalidArgument");
    let transaction = void(&house, "void-1", 1234, &named("void-sale")).await;
    let end = house.finish(&transaction).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "none"));
    assert_eq!(end.result_text("supervisor").as_deref(), Some("00"));
    assert_eq!(words_of_supervisor(&house), [format!("00 supervisor-consent transaction={}", end.id)]);
    assert_eq!(end.result_text("masked-pan"), sale.result_text("masked-pan"));
    assert_eq!(bookings(&house), [booking("sale", 1234, "voided"), booking("void", 1234, "booked")]);
    let (receipt, text) = transaction.receipt().await.unwrap();
    assert!(text.contains("消费撤销"), "{text}");
    assert!(text.contains("-12.34"), "{text}");
    let sold = house.terminal.get(sale.id).await.unwrap().receipt().await.unwrap().0;
    assert_eq!(receipt.original.trace, Some(sold.trace));
    // The same name finds it again; another one is too late.
    let again = void(&house, "void-1", 1234, &named("void-sale")).await;
    assert_eq!(again.path(), transaction.path());
    assert_eq!(refused(&house, 1234, &named("void-sale")).await, "AlreadyVoided");
    assert_eq!(refused(&house, 1234, &named("void-1")).await, "OriginalOfOtherKind");
}

#[tokio::test]
async fn an_original_is_found_by_what_its_slip_says() {
    let house = House::new().await.opened().await;
    for (reference, by_trace) in [("slip-1", true), ("slip-2", false)] {
        let sale = house.sell(reference, 500).await;
        let slip = house.terminal.get(sale.id).await.unwrap().receipt().await.unwrap().0;
        let original = match by_trace {
            true => Original::Trace(slip.trace),
            false => Original::Rrn(slip.rrn.unwrap()),
        };
        let transaction = void(&house, &format!("undo-{reference}"), 500, &of(original)).await;
        assert_eq!(house.finish(&transaction).await.outcome, "approved");
    }
    assert!(house.booked().is_empty());
}

#[tokio::test]
async fn rule_7_a_void_without_an_answer_is_reversed_and_the_sale_stands() {
    let house = House::new().await.opened().await;
    house.sell("silent-sale", 700).await;
    house.host(json!({"fault": "drop-answer", "message": "void", "count": 1}));
    let end = house.finish(&void(&house, "silent-void", 700, &named("silent-sale")).await).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "reversed"));
    assert_eq!(bookings(&house), [booking("sale", 700, "booked"), booking("void", 700, "reversed")]);
    let end = house.finish(&house.terminal.new_attempt("silent-void").await.unwrap()).await;
    assert_eq!(end.outcome, "approved");
    assert!(house.booked().is_empty());
}

#[tokio::test]
async fn two_voids_of_one_sale_that_wait_together_undo_it_once() {
    let house = House::new().await.opened().await;
    house.sell("pair-sale", 900).await;
    let first = void(&house, "pair-1", 900, &named("pair-sale")).await;
    let second = void(&house, "pair-2", 900, &named("pair-sale")).await;
    first.start().await.unwrap();
    second.start().await.unwrap();
    let ends = [house.finish(&first).await, house.finish(&second).await];
    assert_eq!(ends.each_ref().map(|end| end.outcome.as_str()), ["approved", "failed"]);
    assert_eq!(cause(&ends[1]), "original-changed");
    assert_eq!(bookings(&house), [booking("sale", 900, "voided"), booking("void", 900, "booked")]);
}

/// The audit rows about the supervisor's word, and whose they are.
pub(crate) fn words_of_supervisor(house: &House) -> Vec<String> {
    let rows = posd_journal::audit_rows(&house.journal(), 0, 1000).unwrap();
    let rows = rows.iter().filter(|row| row.event.starts_with("supervisor-"));
    rows.map(|row| format!("{} {} {}", row.operator, row.event, row.detail)).collect()
}

#[tokio::test]
async fn without_the_supervisors_word_nothing_is_voided() {
    let house = House::new().await.opened().await;
    house.sell("guarded", 800).await;
    house.devices(json!({"password": {"00": "000000"}}));
    let end = house.finish(&void(&house, "guess", 800, &named("guarded")).await).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "supervisor-refused"));
    let wrong = format!("00 supervisor-refused transaction={} result=wrong-password", end.id);
    assert_eq!(words_of_supervisor(&house), [wrong.as_str(); 3]);
    house.devices(json!({"password": {"00": "cancel"}}));
    let transaction = void(&house, "no", 800, &named("guarded")).await;
    let end = house.finish(&transaction).await;
    assert_eq!(cause(&end), "supervisor-refused");
    assert_eq!(bookings(&house), [booking("sale", 800, "booked")]);
}

#[tokio::test]
async fn a_pre_authorisation_holds_and_its_cancel_gives_the_hold_up() {
    let house = House::new().await.opened().await;
    let none = CreateOptions::default();
    let held = house.terminal.create_of("pre-auth", "hold-1", 5000, &none).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
    assert_eq!(refused(&house, 5000, &named("hold-1")).await, "OriginalOfOtherKind");
    let cancel = house.terminal.create_of("pre-auth-cancel", "free-1", 5000, &named("hold-1")).await.unwrap();
    assert_eq!(house.finish(&cancel).await.outcome, "approved");
    assert_eq!(
        bookings(&house),
        [booking("pre-auth", 5000, "cancelled"), booking("pre-auth-cancel", 5000, "booked")]
    );
    let (held, freed) = (held.receipt().await.unwrap(), cancel.receipt().await.unwrap());
    assert_eq!(freed.0.original.authorisation_code, held.0.authorisation_code);
    assert!(freed.1.contains("预授权撤销"), "{}", freed.1);
}
