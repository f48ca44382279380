//! `posctl till` in a window: a cashier types, and the real daemon sells.

use posd_simulator::Options;
use posd_system_tests::{House, Window, options};
use serde_json::json;
use std::{path::Path, time::Duration};

const ENTER: &str = "\r";
const ESCAPE: &str = "\x1b";
const DOWN: &str = "\x1b[B";
const LEFT: &str = "\x1b[D";

/// A till of the house's user; its state is in a directory of the house.
fn till(house: &House, language: &str) -> Window {
    Window::open(
        house
            .command("posctl")
            .args(["till", "--lang", language])
            .env("TERM", "xterm-256color")
            .env("XDG_STATE_HOME", state(house)),
    )
}

fn state(house: &House) -> std::path::PathBuf {
    house.directory().join("state")
}

fn kept(house: &House) -> bool {
    Path::new(&state(house)).join("posd/till.json").exists()
}

/// The till has acknowledged the end that the cashier saw, and forgotten it: it shows the amount before that.
async fn forgotten(house: &House) {
    for _ in 0..200 {
        if !kept(house) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the till still keeps what the cashier has seen");
}

#[tokio::test]
async fn a_cashier_sells_cancels_and_voids() {
    let house = House::new().await;
    let mut window = till(&house, "zh-CN");
    window.shows("未签到").await;
    window.types("g");
    window.shows("已签到").await;
    window.types("o01");
    window.types(ENTER);
    window.shows("操作员 01").await;
    // A sale, to its slip.
    window.types("12.34");
    window.types(ENTER);
    window.shows("银联POS签购单").await;
    window.shows("交易成功").await;
    assert_eq!(house.booked(), [1234]);
    assert!(kept(&house), "until the cashier has seen the end");
    window.types(ENTER);
    window.until("the amount again", |screen| screen.contains("今日交易")).await;
    forgotten(&house).await;
    assert!(house.terminal.unacknowledged().await.unwrap().is_empty());
    // A customer who does nothing: the cashier cancels.
    house.devices(json!({"auto": false}));
    window.types("5");
    window.types(ENTER);
    window.shows("等待插卡").await;
    window.types(ESCAPE);
    window.shows("交易已取消").await;
    window.types(ENTER);
    window.shows("今日交易").await;
    house.devices(json!({"auto": true}));
    // The void is in the list of the day, below what was cancelled.
    window.types("t");
    window.shows("已取消").await;
    window.types(DOWN);
    window.shows("[1] 消费撤销").await;
    window.types("1");
    window.shows("原交易").await;
    window.types(ENTER);
    window.shows("消费撤销/VOID").await;
    assert!(house.booked().is_empty());
    window.types(ENTER);
    window.shows("今日交易").await;
    // A decline may be tried again under the same name.
    window.types("10.51");
    window.types(ENTER);
    window.shows("可用余额不足").await;
    window.types("n");
    window.until("the second attempt", |screen| !screen.contains("可用余额不足")).await;
    window.shows("可用余额不足").await;
    window.types(ENTER);
    window.shows("今日交易").await;
    // A part of a sale goes back.
    window.types("60");
    window.types(ENTER);
    window.shows("交易成功").await;
    window.types(ENTER);
    window.shows("今日交易").await;
    window.types("t");
    window.shows("[2] 退货").await;
    window.types("2");
    window.shows("原交易").await;
    window.types(&"\x7f".repeat(5));
    window.types("20");
    window.types(ENTER);
    window.shows("退货/REFUND").await;
    window.types(ENTER);
    window.shows("今日交易").await;
    // The end of the day, said twice.
    window.types("s");
    window.shows("[Enter] 结算").await;
    assert_eq!(house.terminal.state().await.unwrap().batch, 1);
    window.types(ENTER);
    window.shows("SETTLEMENT").await;
    window.shows("批次 000002").await;
    window.shows("退货").await;
    window.types(ENTER);
    window.shows("今日交易").await;
    window.types("q");
    assert!(window.ended().await);
}

#[tokio::test]
async fn a_customer_pays_by_the_code_on_the_screen() {
    let wallet = json!({"wallet": {"merchant_code": "pending"}});
    let house = House::with(&Options { acquirer: wallet, ..options() }).await.opened().await;
    let mut window = till(&house, "en");
    window.shows("operator 01").await;
    // The last of the types is the code that the terminal shows.
    window.types(LEFT);
    window.types("15");
    window.types(ENTER);
    window.until("a code of half blocks", |screen| screen.matches("█▀").count() > 3).await;
    let bookings = house.host(json!({"ledger": true}))["ledger"]["bookings"].clone();
    let trace = bookings.as_array().unwrap().last().unwrap()["trace"].clone();
    house.host(json!({"pay": {"terminal": "00000001", "batch": 1, "trace": trace}}));
    window.shows("Approved").await;
    window.shows("扫码消费/QR SALE").await;
    window.types(ENTER);
    window.shows("[t] today").await;
    window.types("q");
    assert!(window.ended().await);
}

#[tokio::test]
async fn rule_3_a_till_that_was_killed_asks_again_and_charges_nobody_twice() {
    let house = House::with_idle_customer().await.opened().await;
    let mut window = till(&house, "en");
    window.shows("operator 01").await;
    window.types("20");
    window.types(ENTER);
    window.shows("waiting-card").await;
    house.devices(json!({"pin": "wait"}));
    house.devices(json!({"card": "insert"}));
    window.shows("waiting-pin").await;
    // Past the point of no return, with the host's answer far away.
    house.host(json!({"fault": "delay", "ms": 1500}));
    for key in ["1", "2", "3", "4", "enter"] {
        house.devices(json!({ "key": key }));
    }
    window.shows("authorizing").await;
    window.kill();
    assert!(kept(&house));
    house.devices(json!({"auto": true}));
    let mut window = till(&house, "en");
    window.shows("Approved").await;
    assert_eq!(house.booked(), [2000]);
    window.types(ENTER);
    window.shows("[t] today").await;
    forgotten(&house).await;
    // Killed before the terminal heard of it: the name is there, the transaction is not.
    let left = r#"{"reference":"till-lost-1","kind":"sale","amount":700,"original":null}"#;
    window.types("q");
    assert!(window.ended().await);
    std::fs::write(state(&house).join("posd/till.json"), left).unwrap();
    let window = till(&house, "en");
    window.shows("the last one was never made; not charged").await;
    window.shows("[t] today").await;
    assert_eq!(house.booked(), [2000]);
    window.kill();
}

#[tokio::test]
async fn a_till_outlives_the_daemon() {
    let mut house = House::with_idle_customer().await.opened().await;
    let mut window = till(&house, "en");
    window.shows("operator 01").await;
    window.types("30");
    window.types(ENTER);
    window.shows("waiting-card").await;
    house.stack.kill_posd();
    window.shows("waiting for posd").await;
    // A key is answered all the same.
    window.types(ESCAPE);
    house.stack.start_posd().unwrap();
    house.in_service().await;
    // Nothing was sent: under the till's own name it is there, and has not started. The cashier gives it up.
    window.shows("[Enter] start").await;
    window.types(ESCAPE);
    window.shows("[Enter] go on").await;
    assert!(house.booked().is_empty());
    window.types(ENTER);
    window.shows("[t] today").await;
    // Only one till of a user: the second says why.
    let second = till(&house, "en");
    second.shows("another till of this user runs").await;
    assert!(!second.ended().await);
    window.types("q");
    assert!(window.ended().await);
}
