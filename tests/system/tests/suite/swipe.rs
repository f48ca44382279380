//! Cards that are swiped: what the cashier is told, what the host is told, what is printed, and when a card with a chip
//! may be.

use crate::{kinds::named, needles::card_needles};
use posd_client::{CreateOptions, Details, Transaction};
use posd_simulator::{Options, STRIPE};
use posd_system_tests::{
    House, cause, options,
    search::{Needle, found, packed},
};
use serde_json::{Value, json};
use std::time::Duration;

/// A terminal that takes stripes; nobody does anything by itself.
async fn house() -> House {
    let with = options();
    let profile = format!("{STRIPE}\n{}", with.profile);
    House::with(&Options { auto: false, profile, ..with }).await.opened().await
}

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
    prompts(&sale, "tap-insert-or-swipe-card").await;
    sale
}

/// Draws a card through the reader, as soon as it listens.
async fn swipe(house: &House, profile: &str) {
    for _ in 0..500 {
        if house.stack.devices(json!({"card": "swipe", "profile": profile})).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no swipe of {profile} is wanted")
}

/// Field 22 of what the host booked, in order.
fn entries(house: &House) -> Vec<String> {
    let ledger = house.host(json!({"ledger": true}));
    let bookings: &Vec<Value> = ledger["ledger"]["bookings"].as_array().unwrap();
    bookings.iter().map(|booking| booking["entry"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Signs where that is asked for; the end, and the slip.
async fn ends(house: &House, sale: &Transaction) -> (Details, String) {
    let end = house.reaches(sale, "finished").await;
    let slip = sale.receipt().await.map_or_else(|_| String::new(), |(_, text)| text);
    (end, slip)
}

async fn signed(house: &House, sale: &Transaction) -> (Details, String) {
    house.reaches(sale, "waiting-signature").await;
    sale.confirm().await.unwrap();
    ends(house, sale).await
}

/// A sale whose inserted card has a broken chip.
async fn broken_chip(house: &House, reference: &str) {
    let sale = waiting(house, reference, 100).await;
    house.devices(json!({"card": "insert", "profile": "mute"}));
    house.reaches(&sale, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    let (end, _) = ends(house, &sale).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "card-fault"));
}

#[tokio::test]
async fn a_card_without_a_chip_is_swiped_with_its_pin_and_signed() {
    let house = house().await;
    let sale = waiting(&house, "swiped", 1_234).await;
    swipe(&house, "stripe").await;
    let (end, slip) = signed(&house, &sale).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "none"));
    assert_eq!(end.result_text("masked-pan").as_deref(), Some("621234******0019"));
    assert!(slip.contains("0019 S") && slip.contains("签名"), "{slip}");
    assert!(!slip.contains("AID"), "nothing of a chip: {slip}");
    assert_eq!((house.booked(), entries(&house)), (vec![1_234], vec!["021".to_owned()]));
    // The right PIN was asked for: the host says so of a wrong one.
    house.devices(json!({"pin": "9999"}));
    let sale = waiting(&house, "wrong-pin", 500).await;
    swipe(&house, "no-pin").await;
    let (end, _) = ends(&house, &sale).await;
    assert_eq!((end.outcome.as_str(), end.result_text("response-code").as_deref()), ("declined", Some("55")));
    assert_eq!(house.booked(), [1_234]);
}

#[tokio::test]
async fn what_follows_a_swiped_sale_goes_on_without_the_card_or_by_its_stripe() {
    let house = house().await;
    for reference in ["first", "second"] {
        let sale = waiting(&house, reference, 1_000).await;
        swipe(&house, "stripe").await;
        assert_eq!(signed(&house, &sale).await.0.outcome, "approved");
    }
    let void = house.terminal.create_of("void", "void", 1_000, &named("first")).await.unwrap();
    assert_eq!(house.finish(&void).await.outcome, "approved");
    let refund = house.terminal.create_of("refund", "refund", 400, &named("second")).await.unwrap();
    refund.start().await.unwrap();
    swipe(&house, "stripe").await;
    let (end, slip) = ends(&house, &refund).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "none"), "{slip}");
    assert!(slip.contains("0019 S"), "{slip}");
    assert_eq!(entries(&house), ["021", "021", "012", "022"]);
    // The stripe of another kind than a sale's.
    let hold = house.terminal.create_of("pre-auth", "room", 2_000, &CreateOptions::default()).await.unwrap();
    hold.start().await.unwrap();
    swipe(&house, "stripe").await;
    assert_eq!(signed(&house, &hold).await.0.outcome, "approved");
}

#[tokio::test]
async fn the_stripe_of_a_card_with_a_chip_is_refused_and_its_chip_is_used() {
    let house = house().await;
    let sale = waiting(&house, "chip", 800).await;
    swipe(&house, "damaged").await;
    prompts(&sale, "swipe-again").await;
    swipe(&house, "chip").await;
    prompts(&sale, "use-chip").await;
    let details = sale.details().await.unwrap();
    assert_eq!(details.state, "waiting-card");
    assert!(!house.requests().contains(&"sale".to_owned()), "nothing was sent");
    house.devices(json!({"card": "insert", "profile": "debit"}));
    house.reaches(&sale, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    assert_eq!(ends(&house, &sale).await.0.outcome, "approved");
    assert_eq!(entries(&house), ["051"]);
}

#[tokio::test]
async fn a_broken_chip_lets_its_card_be_swiped_once() {
    let house = house().await;
    broken_chip(&house, "broken").await;
    let sale = waiting(&house, "fallback", 900).await;
    swipe(&house, "chip").await;
    // The host answers 45 unless 60.5 says fallback.
    let (end, slip) = signed(&house, &sale).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "none"));
    assert!(slip.contains("0019 S"), "{slip}");
    assert_eq!((house.booked(), entries(&house)), (vec![900], vec!["021".to_owned()]));
    let sale = waiting(&house, "again", 901).await;
    swipe(&house, "chip").await;
    prompts(&sale, "use-chip").await;
    assert_eq!(sale.cancel().await.unwrap(), "accepted");
    assert_eq!(ends(&house, &sale).await.0.outcome, "cancelled");
}

#[tokio::test]
async fn the_window_of_a_fallback_closes_and_the_host_may_refuse_one() {
    let with = options();
    let stripe = "stripe = { accepted = true, fallback = { window_s = 5 } }";
    let profile = format!("{stripe}\n{}", with.profile);
    let house = House::with(&Options { auto: false, profile, ..with }).await.opened().await;
    broken_chip(&house, "broken").await;
    house.host(json!({"fault": "decline", "code": "45", "message": "sale", "count": 1}));
    let sale = waiting(&house, "refused", 900).await;
    swipe(&house, "chip").await;
    let (end, _) = ends(&house, &sale).await;
    assert_eq!((end.outcome.as_str(), end.result_text("response-code").as_deref()), ("declined", Some("45")));
    let said = format!("{:?}", end.result);
    assert!(said.contains("芯片"), "{said}");
    broken_chip(&house, "broken-again").await;
    tokio::time::sleep(Duration::from_millis(5_200)).await;
    let sale = waiting(&house, "late", 901).await;
    swipe(&house, "chip").await;
    prompts(&sale, "use-chip").await;
    assert!(house.booked().is_empty());
}

#[tokio::test]
async fn a_swiped_sale_without_an_answer_is_reversed() {
    let house = house().await;
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    let sale = waiting(&house, "lost", 1_000).await;
    swipe(&house, "stripe").await;
    let (end, _) = ends(&house, &sale).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "reversed"));
    assert!(house.booked().is_empty());
}

#[tokio::test]
async fn rule_10_nothing_of_a_track_is_kept() {
    let house = house().await;
    // One that is approved, one that is reversed.
    house.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}));
    let sale = waiting(&house, "track-canary-1", 1_000).await;
    swipe(&house, "stripe").await;
    ends(&house, &sale).await;
    let sale = waiting(&house, "track-canary-2", 1_000).await;
    swipe(&house, "stripe").await;
    assert_eq!(signed(&house, &sale).await.0.outcome, "approved");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(house.directory()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("journal.db") || name == "posd.log" {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    let control: Vec<Needle> = vec![("reference", b"track-canary-2".to_vec())];
    assert_eq!(found(&all, &control), ["reference"], "the search finds what is there");
    let mut needles = card_needles();
    needles.push(("track 2", b"=30121200000".to_vec()));
    needles.push(("track 2, packed", packed("D30121200000")));
    needles.push(("track 3", b"=1561560000".to_vec()));
    assert_eq!(found(&all, &needles), [""; 0]);
}

#[tokio::test]
async fn without_its_reader_or_leave_nobody_swipes() {
    let house = house().await;
    let sale = waiting(&house, "unplugged", 1_100).await;
    house.devices(json!({"stripe-reader": "missing"}));
    prompts(&sale, "tap-or-insert-card").await;
    let refused = house.stack.devices(json!({"card": "swipe"})).unwrap_err();
    assert_eq!(refused.to_string(), "no swipe is wanted");
    sale.cancel().await.unwrap();
    house.reaches(&sale, "finished").await;
    let checks = house.terminal.diagnose().await.unwrap();
    let reader = checks.iter().find(|check| check.code == "stripe-reader").unwrap();
    assert_eq!((reader.good, reader.detail.as_str()), (false, "missing"));
}
