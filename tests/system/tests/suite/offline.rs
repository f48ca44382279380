//! Offline sales: without the host, within the policy, and told to the host later.

use crate::{
    kinds::bookings_of,
    queue::{listed, queue_is},
};
use posd_client::{CreateOptions, Details, HostNumbers, OptionValue, Transaction};
use posd_simulator::{Options, module::SUPERVISOR_PASSWORD};
use posd_system_tests::{House, cause, options};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Sales up to 100.00, three at a time.
fn policy() -> Options {
    let offline = "offline = { amount = 10000, total = 25000, count = 3, hours = 24, brands = [\"CUP\"], \
                   supervisor-above = 9950 }";
    Options { auto: false, posd: offline.to_owned(), ..options() }
}

async fn offline_sale(house: &House, reference: &str, amount: u64) -> Transaction {
    let options = CreateOptions::default();
    house.terminal.create_of("offline-sale", reference, amount, &options).await.unwrap()
}

/// Plays the customer at the reader and the merchant who looks at the signature.
async fn sold(house: &House, transaction: &Transaction) -> Details {
    house.start_until(transaction, "waiting-card").await;
    house.devices(json!({"card": "insert", "profile": "offline"}));
    house.reaches(transaction, "waiting-signature").await;
    transaction.confirm().await.unwrap();
    house.reaches(transaction, "waiting-removal").await;
    house.devices(json!({"card": "remove"}));
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let details = transaction.details().await.unwrap();
        if details.state == "finished" {
            return details;
        }
        assert!(Instant::now() < end, "it is {}", details.state);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What `posctl offline` says, and its exit code.
async fn readiness(house: &House) -> (Value, i32) {
    let output = house.posctl(&["offline", "--json"], "").await;
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap())
}

async fn queue_is_empty(house: &House) {
    let end = Instant::now() + Duration::from_secs(20);
    while house.terminal.state().await.unwrap().queue_length > 0 {
        assert!(Instant::now() < end, "the queue does not empty");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The error that starting a sale is refused with, and its text.
async fn refused(transaction: &Transaction) -> String {
    let error = transaction.start().await.unwrap_err();
    assert_eq!(error.refused(), Some("OfflineRefused"));
    error.to_string()
}

#[tokio::test]
async fn an_offline_sale_is_sold_within_the_limits_and_told_to_the_host_once() {
    let house = House::with(&policy()).await.opened().await;
    house.host(json!({"fault": "drop-request", "message": "offline-sale"}));
    let (ready, code) = readiness(&house).await;
    assert_eq!((&ready["ready"], &ready["largest"], code), (&json!(true), &json!(10_000), 0));
    assert_eq!((&ready["brands"], &ready["supervisor-above"]), (&json!(["CUP"]), &json!(9_950)));
    let first = offline_sale(&house, "offline-1", 9_900).await;
    let end = sold(&house, &first).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved-offline", "none"));
    assert_eq!(end.result_text("transaction-certificate").unwrap().len(), 16);
    assert!(end.result_text("rrn").is_none());
    let (_, text) = first.receipt().await.unwrap();
    assert!(text.contains("尚未经主机授权") && text.contains("脱机消费"), "{text}");
    assert!(house.booked().is_empty());
    let second = offline_sale(&house, "offline-2", 9_900).await;
    assert_eq!(sold(&house, &second).await.outcome, "approved-offline");

    // 198.00 stand at risk: 52.00 are left, and the new amount counts.
    let (ready, _) = readiness(&house).await;
    assert_eq!((&ready["at-risk"], &ready["total-left"]), (&json!(19_800), &json!(5_200)));
    assert_eq!((&ready["largest"], &ready["count-left"]), (&json!(5_200), &json!(1)));
    assert!(refused(&offline_sale(&house, "large", 10_001).await).await.contains("offline-amount-limit"));
    assert!(refused(&offline_sale(&house, "above", 5_201).await).await.contains("offline-total-limit"));
    let tighter = CreateOptions {
        further: vec![("offline-count", OptionValue::Number(2))],
        ..CreateOptions::default()
    };
    let tight = house.terminal.create_of("offline-sale", "tight", 100, &tighter).await.unwrap();
    assert!(refused(&tight).await.contains("offline-count-limit"));

    house.host(json!({"clear": true}));
    queue_is_empty(&house).await;
    assert_eq!(bookings_of(&house, "offline-sale"), [9_900, 9_900]);
    let end = first.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), end.result_text("rrn").is_some()), ("approved-offline", true));
    let (ready, _) = readiness(&house).await;
    assert_eq!((&ready["at-risk"], &ready["at-risk-count"]), (&json!(0), &json!(0)));
    assert_eq!(house.terminal.state().await.unwrap().needs_action, 0);
}

#[tokio::test]
async fn an_offline_sale_that_the_host_refuses_stands_at_risk_until_it_is_resolved() {
    let house = House::with(&policy()).await.opened().await;
    house.host(json!({"fault": "decline", "code": "51", "message": "offline-sale", "count": 1}));
    let sale = offline_sale(&house, "refused", 9_900).await;
    assert_eq!(sold(&house, &sale).await.outcome, "approved-offline");
    queue_is(&house, 0, 1).await;
    assert_eq!(readiness(&house).await.0["at-risk"], 9_900);
    let advice = listed(&house, "needs-action").await.0[0]["advice"].as_u64().unwrap();
    house.terminal.resolve_queued(advice, false, &HostNumbers::default(), SUPERVISOR_PASSWORD).await.unwrap();
    assert_eq!(readiness(&house).await.0["at-risk"], 0);
    let end = sale.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "resolved"));
}

#[tokio::test]
async fn a_cold_start_without_a_network_sells_offline_and_nothing_else() {
    let mut house = House::with(&policy()).await.opened().await;
    house.terminal.sign_out().await.unwrap();
    house.stack.acquirer().unwrap().kill().unwrap();
    house.restart();
    house.in_service().await;
    house.log_in().await;
    let online = house.create("online", 500).await;
    assert_eq!(online.start().await.unwrap_err().refused(), Some("NotSignedIn"));
    let transaction = offline_sale(&house, "cold", 500).await;
    assert_eq!(sold(&house, &transaction).await.outcome, "approved-offline");
    assert_eq!(house.terminal.state().await.unwrap().queue_length, 1);
    // The count of what stands at risk survives a second start.
    house.restart();
    house.in_service().await;
    assert_eq!(readiness(&house).await.0["at-risk"], 500);
}

#[tokio::test]
async fn a_device_without_a_policy_sells_nothing_offline() {
    let house = House::with_idle_customer().await.opened().await;
    let transaction = offline_sale(&house, "never", 100).await;
    assert!(refused(&transaction).await.contains("offline-off"));
    let (ready, code) = readiness(&house).await;
    assert_eq!((&ready["reasons"], code), (&json!(["offline-off"]), 13));
    assert_eq!(ready["texts"]["zh-CN"], json!(["本机不做脱机消费"]));
}

#[tokio::test]
async fn check_46_a_sale_that_is_split_is_over_the_floor_limit_as_a_whole() {
    // The card's application has a floor limit of 500.00.
    let offline = "offline = { amount = 40000, total = 200000, count = 9, hours = 24, brands = [\"CUP\"] }";
    let house = House::with(&Options { posd: offline.to_owned(), ..policy() }).await.opened().await;
    house.host(json!({"fault": "drop-request", "message": "offline-sale"}));
    let first = offline_sale(&house, "split-1", 30_000).await;
    assert_eq!(sold(&house, &first).await.outcome, "approved-offline");
    let second = offline_sale(&house, "split-2", 20_000).await;
    house.start_until(&second, "waiting-card").await;
    house.devices(json!({"card": "insert", "profile": "offline"}));
    house.reaches(&second, "waiting-removal").await;
    let end = second.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("declined", "declined-by-card"));
    house.devices(json!({"card": "remove"}));
    house.reaches(&second, "finished").await;
    let third = offline_sale(&house, "split-3", 19_999).await;
    assert_eq!(sold(&house, &third).await.outcome, "approved-offline");
}

#[tokio::test]
async fn a_card_that_wants_to_go_online_is_not_sold_to_offline() {
    let house = House::with(&policy()).await.opened().await;
    let transaction = offline_sale(&house, "wants-online", 500).await;
    house.start_until(&transaction, "waiting-card").await;
    house.devices(json!({"card": "insert", "profile": "debit"}));
    house.reaches(&transaction, "waiting-removal").await;
    let end = transaction.details().await.unwrap();
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("declined", "declined-by-card"));
    assert_eq!(house.terminal.state().await.unwrap().queue_length, 0);
    assert!(!house.requests().iter().any(|kind| kind == "offline-sale" || kind == "sale"));
}
