//! Goods: kept, printed, and sent only where the profile says so.

use crate::{kinds::own, queue::queue_is};
use posd_client::CreateOptions;
use posd_simulator::Options;
use posd_system_tests::{House, options};
use serde_json::{Value, json};

fn with_goods(goods: &[(&str, u32, u64)]) -> CreateOptions {
    let goods = goods.iter().map(|(name, quantity, amount)| ((*name).to_owned(), *quantity, *amount));
    CreateOptions { goods: goods.collect(), ..CreateOptions::default() }
}

#[tokio::test]
async fn goods_are_part_of_the_sale_and_stand_on_its_slip() {
    let house = House::new().await.opened().await;
    let options = with_goods(&[("苹果", 500, 600), ("tea", 2_000, 634)]);
    let sale = house.terminal.create("goods-1", 1234, &options).await.unwrap();
    let other = house.terminal.create("goods-1", 1234, &with_goods(&[("pear", 500, 600)])).await;
    assert_eq!(other.unwrap_err().refused(), Some("ReferenceConflict"));
    let end = house.finish(&sale).await;
    assert_eq!(end.outcome, "approved");
    let (slip, text) = sale.receipt().await.unwrap();
    assert_eq!(slip.goods.len(), 2);
    assert_eq!(
        (slip.goods[0].name.as_str(), slip.goods[0].quantity, slip.goods[0].amount),
        ("苹果", 500, 600)
    );
    assert!(text.contains("苹果") && text.contains("tea"), "{text}");
    assert!(house.journal_rows().contains("苹果"));
}

#[tokio::test]
async fn goods_out_of_bounds_are_refused() {
    let house = House::with_idle_customer().await.opened().await;
    let long = "x".repeat(41);
    let many: Vec<(&str, u32, u64)> = vec![("x", 1, 1); 41];
    let cases: [&[(&str, u32, u64)]; 6] = [
        &many,
        &[(long.as_str(), 1, 1)],
        &[("", 1, 1)],
        &[("a\u{1b}@", 1, 1)],
        &[("x", 0, 1)],
        &[("x", 1, 1_000_000_000_000)],
    ];
    for goods in cases {
        let refused = house.terminal.create("bounds", 100, &with_goods(goods)).await.unwrap_err();
        assert_eq!(refused.refused(), Some("InvalidOption"), "{goods:?}");
    }
    let wrong = house
        .busctl(&[
            "call",
            posd_client::NAME,
            posd_client::PATH,
            posd_client::NAME,
            "CreateTransaction",
            "sstsa{sv}",
            "bounds",
            "sale",
            "100",
            "CNY",
            "1",
            "goods",
            "s",
            "apple",
        ])
        .await;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("must be 1 to 40 lines"), "{wrong:?}");
    assert!(house.terminal.find("bounds").await.is_err(), "nothing is kept");
}

#[tokio::test]
async fn a_host_that_wants_the_goods_takes_them() {
    let profile = format!("goods_in_57 = true\n{}", options().profile);
    let house = House::with(&Options { profile, ..options() }).await.opened().await;
    let sale = house.terminal.create("sent", 1200, &with_goods(&[("苹果", 500, 600)])).await.unwrap();
    assert_eq!(house.finish(&sale).await.outcome, "approved");
    assert_eq!(told(&house, "sale"), "苹果*0.500*600;");
    // A refund has no place for them, and what is told later says them too.
    let options = CreateOptions { original: Some(own("sent")), ..with_goods(&[("tea", 1_000, 200)]) };
    let refund = house.terminal.create_of("refund", "back", 200, &options).await.unwrap();
    assert_eq!(house.finish(&refund).await.outcome, "approved");
    assert_eq!(told(&house, "refund"), Value::Null);
    let held = house.terminal.create_of("pre-auth", "room", 1000, &Default::default()).await.unwrap();
    assert_eq!(house.finish(&held).await.outcome, "approved");
    assert_eq!(told(&house, "pre-auth"), Value::Null);
    let options = CreateOptions { original: Some(own("room")), ..with_goods(&[("bed", 2_000, 900)]) };
    let left = house.terminal.create_of("completion-advice", "left", 900, &options).await.unwrap();
    assert_eq!(house.finish(&left).await.outcome, "approved-offline");
    queue_is(&house, 0, 0).await;
    assert_eq!(told(&house, "completion-advice"), "bed*2.000*900;");
}

/// The goods that came to the host with a transaction of that kind.
fn told(house: &House, kind: &str) -> Value {
    let ledger = house.host(json!({"ledger": true}));
    let mut bookings = ledger["ledger"]["bookings"].as_array().unwrap().iter();
    bookings.find(|booking| booking["kind"] == kind).unwrap()["goods"].clone()
}
