//! Tips: added to a sale without the card, told to the host later.

use crate::{
    kinds::{booking, bookings, done, named, own, refused_as},
    queue::{listed, queue_is},
};
use posd_client::CreateOptions;
use posd_simulator::Options;
use posd_system_tests::{House, PAN, cause, options, said};
use serde_json::json;

#[tokio::test]
async fn a_tip_is_added_once_within_the_limit_and_told_to_the_host() {
    let mut house = House::new().await.opened().await;
    let sale = house.sell("dinner", 10_000).await;
    house.host(json!({"fault": "drop-request", "message": "adjustment"}));
    assert_eq!(refused_as(&house, "tip", 1001, &named("dinner")).await, "TipExceedsLimit");
    assert_eq!(refused_as(&house, "tip", 100, &CreateOptions::default()).await, "InvalidArgument");
    let added = done(&house, "tip", "tip-1", 1000, own("dinner")).await;
    assert_eq!((added.outcome.as_str(), cause(&added).as_str()), ("approved-offline", "none"));
    assert_eq!(added.result_number("charged"), Some(1000));
    let made = house.terminal.get(added.id).await.unwrap();
    let (slip, text) = made.receipt().await.unwrap();
    let sold = house.terminal.get(sale.id).await.unwrap().receipt().await.unwrap().0;
    assert_eq!((slip.amount, slip.tip, slip.original.trace), (11_000, Some(1000), Some(sold.trace)));
    for part in ["小费/TIP", "100.00", "10.00", "总计 TOTAL", "110.00", "原凭证号", "尚未经主机授权"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(PAN), "the full number is for paper");

    assert_eq!(refused_as(&house, "tip", 1, &named("dinner")).await, "AlreadyTipped");
    assert_eq!(refused_as(&house, "void", 10_000, &named("dinner")).await, "AlreadyTipped");
    assert_eq!(refused_as(&house, "void", 1000, &named("tip-1")).await, "OriginalOfOtherKind");
    queue_is(&house, 1, 0).await;
    let (waiting, code) = listed(&house, "open").await;
    assert_eq!((&waiting[0]["kind"], &waiting[0]["amount"], code), (&json!("tip"), &json!(1000), 9));

    house.restart();
    house.in_service().await;
    house.log_in().await;
    house.host(json!({"clear": true}));
    house.host(json!({"fault": "drop-answer", "message": "adjustment", "count": 1}));
    queue_is(&house, 0, 0).await;
    assert_eq!(bookings(&house), [booking("sale", 10_000, "booked"), booking("adjustment", 1000, "booked")]);
    // The sale can still be refunded, and the totals agree.
    assert_eq!(refused_as(&house, "refund", 10_001, &named("dinner")).await, "RefundExceedsOriginal");
    assert_eq!(done(&house, "refund", "back", 10_000, own("dinner")).await.outcome, "approved");
    let output = house.posctl(&["settle", "--json"], "").await;
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let settled = house.host(json!({"ledger": true}))["ledger"]["settlements"][0].clone();
    assert_eq!(settled["domestic"], "balanced", "{settled}");
    assert_eq!(settled["told"]["domestic"]["debit_amount"], json!(11_000), "{settled}");
    assert_eq!(refused_as(&house, "tip", 1, &named("dinner")).await, "OtherBatch");
}

#[tokio::test]
async fn field_4_of_a_tip_is_what_the_profile_says_and_the_host_repeats_it_in_no_book() {
    let mut with = options();
    with.profile = format!("{}\n[tips]\npercent = 20\nkind = \"32\"\namount = \"total\"\n", with.profile);
    let house =
        House::with(&Options { acquirer: json!({"switches": {"adjustment_amount": "total"}}), ..with })
            .await
            .opened()
            .await;
    house.sell("dinner", 10_000).await;
    assert_eq!(done(&house, "tip", "tip-1", 2000, own("dinner")).await.outcome, "approved-offline");
    queue_is(&house, 0, 0).await;
    assert_eq!(bookings(&house)[1], booking("adjustment", 2000, "booked"));
    // The upload says the same once more.
    let trace = house.host(json!({"ledger": true}))["ledger"]["bookings"][1]["trace"].clone();
    house.host(json!({"forget": {"terminal": "00000001", "batch": 1, "trace": trace}}));
    house.posctl(&["settle", "--json"], "").await;
    let settled = house.host(json!({"ledger": true}))["ledger"]["settlements"][0].clone();
    let line = settled["uploads"].as_array().unwrap().iter().find(|line| line["kind"] == "advice-upload");
    assert_eq!(
        line.map(|line| (&line["amount"], &line["result"])),
        Some((&json!(12_000), &json!("restored")))
    );
}

#[tokio::test]
async fn no_tips_where_the_profile_takes_none_or_the_host_switches_them_off() {
    let mut with = options();
    with.profile = format!("{}\n[tips]\npercent = 0\n", with.profile);
    let house = House::with(&with).await.opened().await;
    house.sell("dinner", 10_000).await;
    assert_eq!(refused_as(&house, "tip", 1, &named("dinner")).await, "UnknownKind");
}

#[tokio::test]
async fn a_voided_or_refunded_sale_takes_no_tip_and_a_refused_tip_needs_action() {
    let house = House::new().await.opened().await;
    for (reference, undo) in [("gone", "void"), ("back", "refund")] {
        house.sell(reference, 500).await;
        assert_eq!(
            done(&house, undo, &format!("un{reference}"), 500, own(reference)).await.outcome,
            "approved"
        );
    }
    assert_eq!(refused_as(&house, "tip", 1, &named("gone")).await, "AlreadyVoided");
    assert_eq!(refused_as(&house, "tip", 1, &named("back")).await, "AlreadyRefunded");
    house.sell("dinner", 10_000).await;
    house.host(json!({"fault": "decline", "code": "57", "message": "adjustment", "count": 1}));
    assert_eq!(done(&house, "tip", "tip-1", 500, own("dinner")).await.outcome, "approved-offline");
    queue_is(&house, 0, 1).await;
    // It blocks nothing; the settlement says that the host does not have it.
    house.sell("next", 700).await;
    let output = house.posctl(&["settle", "--json"], "").await;
    assert_eq!(output.status.code(), Some(13), "{}", said(&output));
    assert!(said(&output).contains("advice-not-accepted"), "{}", said(&output));
}
