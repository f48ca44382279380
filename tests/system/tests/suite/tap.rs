//! Cards and phones held to the contactless reader: what the cashier is told, what the host is told, what is printed.

use posd_client::Transaction;
use posd_system_tests::{House, cause};
use serde_json::json;
use std::time::Duration;

/// Waits until the transaction asks for what the prompt says.
async fn prompts(transaction: &Transaction, prompt: &str) {
    let mut seen = String::new();
    for _ in 0..1_000 {
        seen = transaction.details().await.unwrap().prompt;
        if seen == prompt {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} says {seen}, not {prompt}", transaction.path())
}

/// A sale that waits for a card.
async fn waiting(house: &House, reference: &str, amount: u64) -> Transaction {
    let sale = house.create(reference, amount).await;
    sale.start().await.unwrap();
    prompts(&sale, "tap-or-insert-card").await;
    sale
}

fn tap(house: &House, profile: &str) {
    assert_eq!(house.devices(json!({"card": "tap", "profile": profile})), json!({"ok": true}));
}

/// A tap that is cut short at the command of that number, and what is asked for then.
async fn torn(house: &House, sale: &Transaction, place: u8, prompt: &str) {
    let before = sale.details().await.unwrap().sequence;
    house.devices(json!({"card": "tap", "profile": "debit", "torn": place}));
    for _ in 0..1_000 {
        let details = sale.details().await.unwrap();
        if details.sequence > before && details.prompt == prompt {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} does not say {prompt}", sale.path())
}

/// Field 22 of what the host booked, in order.
fn entries(house: &House) -> Vec<String> {
    let ledger = house.host(json!({"ledger": true}));
    let bookings = ledger["ledger"]["bookings"].as_array().unwrap();
    bookings.iter().map(|booking| booking["entry"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn ends(house: &House, sale: &Transaction) -> (String, String, String) {
    let end = house.reaches(sale, "finished").await;
    let slip = match sale.receipt().await {
        Ok((_, text)) => text,
        Err(_) => String::new(),
    };
    let cause = cause(&end);
    (end.outcome, cause, slip)
}

/// The outcome of a sale that waits for the inserted card.
async fn inserted(house: &House, sale: &Transaction) -> String {
    house.devices(json!({"card": "insert", "profile": "debit"}));
    house.reaches(sale, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    ends(house, sale).await.0
}

#[tokio::test]
async fn a_small_amount_is_tapped_without_pin_and_signature() {
    let house = House::with_idle_customer().await.opened().await;
    // At the limit itself.
    let sale = waiting(&house, "small", 30_000).await;
    tap(&house, "debit");
    let (outcome, cause, slip) = ends(&house, &sale).await;
    assert_eq!((outcome.as_str(), cause.as_str()), ("approved", "none"), "{slip}");
    assert!(slip.contains("交易金额未超300.00元，免密免签"), "{slip}");
    assert!(slip.contains("0019 C"), "{slip}");
    assert!(!slip.contains("TC:"), "the host's word is the last at a tap: {slip}");
    let heard = sale.details().await.unwrap();
    assert_eq!(heard.state, "finished", "nobody is asked to take out a card");
    assert_eq!((house.booked(), entries(&house)), (vec![30_000], vec!["072".to_owned()]));
}

#[tokio::test]
async fn above_the_limit_the_pin_is_asked_for_once_the_card_is_away() {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"pin": "wait"}));
    let sale = waiting(&house, "big", 30_001).await;
    tap(&house, "debit");
    house.reaches(&sale, "waiting-pin").await;
    for key in ["1", "2", "3", "4", "enter"] {
        house.devices(json!({ "key": key }));
    }
    house.reaches(&sale, "waiting-signature").await;
    sale.confirm().await.unwrap();
    let (outcome, _, slip) = ends(&house, &sale).await;
    assert_eq!(outcome, "approved");
    assert!(!slip.contains("免"), "{slip}");
    assert_eq!((house.booked(), entries(&house)), (vec![30_001], vec!["071".to_owned()]));
}

#[tokio::test]
async fn a_phone_that_has_verified_its_user_needs_neither() {
    let house = House::with_idle_customer().await.opened().await;
    let sale = waiting(&house, "phone", 90_000).await;
    tap(&house, "phone");
    let (outcome, _, slip) = ends(&house, &sale).await;
    assert_eq!(outcome, "approved", "{slip}");
    assert!(slip.contains("移动设备已验证用户，免密免签"), "{slip}");
    assert_eq!(entries(&house), ["072"]);
}

#[tokio::test]
async fn rule_11_a_torn_tap_leaves_nothing_and_the_next_one_is_fresh() {
    let house = House::with_idle_customer().await.opened().await;
    let sale = waiting(&house, "torn", 500).await;
    for place in [0, 2, 4] {
        torn(&house, &sale, place, "tap-again").await;
        assert!(!house.requests().contains(&"sale".to_owned()), "nothing is sent for a torn tap");
    }
    tap(&house, "debit");
    assert_eq!(ends(&house, &sale).await.0, "approved");
    assert_eq!(house.booked(), [500]);
}

#[tokio::test]
async fn a_card_that_is_torn_again_and_again_is_to_be_inserted() {
    let house = House::with_idle_customer().await.opened().await;
    let sale = waiting(&house, "clumsy", 500).await;
    for _ in 0..5 {
        torn(&house, &sale, 3, "tap-again").await;
    }
    torn(&house, &sale, 3, "insert-card").await;
    assert_eq!(inserted(&house, &sale).await, "approved");
    assert_eq!((house.booked(), entries(&house)), (vec![500], vec!["051".to_owned()]));
}

#[tokio::test]
async fn two_cards_at_once_are_not_taken_and_one_is() {
    let house = House::with_idle_customer().await.opened().await;
    let sale = waiting(&house, "two", 700).await;
    house.devices(json!({"card": "collide"}));
    prompts(&sale, "one-card-only").await;
    tap(&house, "debit");
    assert_eq!(ends(&house, &sale).await.0, "approved");
    assert_eq!(house.booked(), [700]);
}

#[tokio::test]
async fn a_card_that_wants_its_chip_read_is_inserted_in_the_same_sale() {
    let house = House::with_idle_customer().await.opened().await;
    let sale = waiting(&house, "chip", 800).await;
    tap(&house, "chip-only");
    prompts(&sale, "insert-card").await;
    // No tap is taken any more.
    tap(&house, "debit");
    assert_eq!(inserted(&house, &sale).await, "approved");
    assert_eq!(entries(&house), ["051"]);
}

#[tokio::test]
async fn a_card_that_stays_in_the_field_pays_once() {
    let house = House::with_idle_customer().await.opened().await;
    house.devices(json!({"pace": 10_000}));
    let first = waiting(&house, "first", 900).await;
    tap(&house, "debit");
    assert_eq!(ends(&house, &first).await.0, "approved");
    let second = waiting(&house, "second", 901).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(second.details().await.unwrap().state, "waiting-card", "the card has paid already");
    house.devices(json!({"card": "leave"}));
    tap(&house, "debit");
    assert_eq!(ends(&house, &second).await.0, "approved");
    assert_eq!(house.booked(), [900, 901]);
}

#[tokio::test]
async fn a_tap_whose_answer_is_lost_is_reversed() {
    let house = House::with_idle_customer().await.opened().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    let sale = waiting(&house, "lost", 1_000).await;
    tap(&house, "debit");
    let (outcome, cause, _) = ends(&house, &sale).await;
    assert_eq!((outcome.as_str(), cause.as_str()), ("failed", "reversed"));
    assert!(house.booked().is_empty());
}

#[tokio::test]
async fn without_its_reader_cards_are_inserted() {
    let house = House::with_idle_customer().await.opened().await;
    let sale = waiting(&house, "unplugged", 1_100).await;
    house.devices(json!({"contactless": "missing"}));
    prompts(&sale, "insert-card").await;
    assert_eq!(inserted(&house, &sale).await, "approved");
    let checks = house.terminal.diagnose().await.unwrap();
    let reader = checks.iter().find(|check| check.code == "contactless").unwrap();
    assert_eq!((reader.good, reader.detail.as_str()), (false, "missing"));
}
