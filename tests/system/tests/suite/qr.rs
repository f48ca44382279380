//! Payment by code, both ways: no customer pays twice, and whatever is not known is asked for and ended.

use posd_client::{CreateOptions, Details, OptionValue, Original, Transaction};
use posd_simulator::Options;
use posd_system_tests::{Caller, House, cause, search::found};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Codes as the wallets make them.
const WECHAT: &str = "134567890123456789";
const UNIONPAY: &str = "6212340000000000019";

async fn create(house: &House, kind: &str, reference: &str, amount: u64) -> Transaction {
    house.terminal.create_of(kind, reference, amount, &CreateOptions::default()).await.unwrap()
}

/// How wallets pay, in the test host's words.
async fn house(wallet: Value) -> House {
    let options = Options { acquirer: json!({"wallet": wallet}), ..posd_system_tests::options() };
    House::with(&options).await.opened().await
}

/// A sale whose code the scanner reads, to its end.
async fn scan(house: &House, reference: &str, amount: u64, code: &str) -> Details {
    let sale = create(house, "qr-scan", reference, amount).await;
    house.start_until(&sale, "waiting-code").await;
    house.devices(json!({"scan": code}));
    house.finish(&sale).await
}

/// The acquirer's bookings of payments as kind, amount and state.
fn bookings(house: &House) -> Vec<(String, u64, String)> {
    let ledger = house.host(json!({"ledger": true}))["ledger"]["bookings"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let bookings = ledger.as_array().unwrap().iter();
    bookings.map(|b| (text(&b["kind"]), b["amount"].as_u64().unwrap(), text(&b["state"]))).collect()
}

fn booking(kind: &str, amount: u64, state: &str) -> (String, u64, String) {
    (kind.to_owned(), amount, state.to_owned())
}

/// The customer pays, or tries to: whether the host lets it.
fn pay(house: &House, details: &Value) -> bool {
    let name = json!({"terminal": "00000001", "batch": details["batch"], "trace": details["trace"]});
    house.stack.host(json!({"pay": name})).is_ok()
}

/// Trace and batch of the newest booking.
fn newest(house: &House) -> Value {
    let ledger = house.host(json!({"ledger": true}))["ledger"]["bookings"].clone();
    ledger.as_array().unwrap().last().unwrap().clone()
}

fn end(details: &Details) -> (String, String) {
    (details.outcome.clone(), cause(details))
}

fn is(outcome: &str, cause: &str) -> (String, String) {
    (outcome.to_owned(), cause.to_owned())
}

#[tokio::test]
async fn a_scanned_code_pays_and_is_kept_nowhere() {
    let house = house(json!({})).await;
    let sale = scan(&house, "scan-1", 1234, WECHAT).await;
    assert_eq!(end(&sale), is("approved", "none"));
    assert_eq!(sale.result_text("wallet").as_deref(), Some("wechat"));
    let (_, slip) = house.terminal.get(sale.id).await.unwrap().receipt().await.unwrap();
    assert!(slip.contains("扫码消费") && slip.contains("微信支付") && slip.contains("免签名"), "{slip}");
    // The standard dialect: its answer has a voucher.
    let sale = scan(&house, "scan-2", 500, UNIONPAY).await;
    assert_eq!(end(&sale), is("approved", "none"));
    assert_eq!(sale.result_text("voucher").unwrap().len(), 20);
    let booked = [booking("wallet-payment", 1234, "booked"), booking("qr-sale", 500, "booked")];
    assert_eq!(bookings(&house), booked);
    let mut all = Vec::new();
    for name in ["journal.db", "journal.db-wal", "posd.log"] {
        all.extend(std::fs::read(house.directory().join(name)).unwrap_or_default());
    }
    assert_eq!(found(&all, &[("reference", b"scan-2".to_vec())]), ["reference"]);
    let codes = [("WeChat code", WECHAT.into()), ("UnionPay code", UNIONPAY.into())];
    assert_eq!(found(&all, &codes), [""; 0]);
}

#[tokio::test]
async fn the_app_presents_a_code_and_a_wrong_one_changes_nothing() {
    let house = house(json!({})).await;
    let sale = create(&house, "qr-scan", "present-1", 700).await;
    assert_eq!(sale.present_code(WECHAT).await.unwrap_err().refused(), Some("WrongState"));
    house.start_until(&sale, "waiting-code").await;
    for wrong in ["", "99", "134567890123456789x", "9".repeat(40).as_str()] {
        assert_eq!(sale.present_code(wrong).await.unwrap_err().refused(), Some("UnknownCode"), "{wrong:?}");
    }
    // The scanner's wrong ones are told by the prompt.
    house.devices(json!({"scan": "99"}));
    let until = Instant::now() + Duration::from_secs(10);
    while sale.details().await.unwrap().prompt != "unknown-code" {
        assert!(Instant::now() < until, "the prompt says that the code is unknown");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sale.present_code(WECHAT).await.unwrap();
    assert_eq!(end(&house.finish(&sale).await), is("approved", "none"));
    assert_eq!(bookings(&house), [booking("wallet-payment", 700, "booked")]);
}

#[tokio::test]
async fn what_is_scanned_when_nobody_waits_is_nobodys() {
    let house = house(json!({})).await;
    house.devices(json!({"scan": WECHAT}));
    let sale = create(&house, "qr-scan", "early-1", 700).await;
    house.start_until(&sale, "waiting-code").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(sale.details().await.unwrap().state, "waiting-code");
    assert_eq!(sale.cancel().await.unwrap(), "accepted");
    assert_eq!(end(&house.finish(&sale).await), is("cancelled", "cancelled-by-app"));
    assert!(bookings(&house).is_empty());
}

#[tokio::test]
async fn a_shown_code_is_the_owners_alone_and_is_paid() {
    let house = house(json!({"merchant_code": "pending"})).await;
    let sale = create(&house, "qr-show", "show-1", 1500).await;
    let waiting = house.start_until(&sale, "waiting-code").await;
    assert!(waiting.code.reveal().starts_with("https://qr.test.invalid/"), "the host's code");
    assert!(!format!("{waiting:?}").contains("qr.test.invalid"));
    let mut other = Caller::other(&house);
    let path = sale.path().to_string();
    let properties = "org.freedesktop.DBus.Properties";
    let asked = json!([posd_client::TRANSACTION, "Code"]);
    assert!(
        other.call(&path, properties, "Get", "ss", asked).is_err(),
        "the object does not exist for others"
    );
    assert!(pay(&house, &newest(&house)));
    let done = house.finish(&sale).await;
    assert_eq!(end(&done), is("approved", "none"));
    assert_eq!(done.code.reveal(), "", "it is shown no longer");
    assert_eq!(bookings(&house), [booking("wallet-code", 1500, "booked")]);
    let log = std::fs::read_to_string(house.directory().join("posd.log")).unwrap();
    assert!(!log.contains("qr.test.invalid"), "{log}");
}

#[tokio::test]
async fn a_shown_code_that_nobody_pays_is_closed_at_its_deadline_and_cannot_be_paid_later() {
    let options = Options {
        deadlines: "code = 3".to_owned(),
        acquirer: json!({"wallet": {"merchant_code": "pending"}}),
        ..posd_system_tests::options()
    };
    let house = House::with(&options).await.opened().await;
    let sale = create(&house, "qr-show", "late-1", 1500).await;
    let done = house.finish(&sale).await;
    assert_eq!(end(&done), is("timed-out", "not-paid"));
    assert_eq!(bookings(&house), [booking("wallet-code", 1500, "closed")]);
    assert!(!pay(&house, &newest(&house)), "paid late");
    assert_eq!(bookings(&house), [booking("wallet-code", 1500, "closed")]);
    // Rule 3: the next attempt is another payment.
    let again = house.terminal.new_attempt("late-1").await.unwrap();
    house.start_until(&again, "waiting-code").await;
    assert!(pay(&house, &newest(&house)));
    assert_eq!(end(&house.finish(&again).await), is("approved", "none"));
}

#[tokio::test]
async fn rule_4_a_cancel_while_the_code_is_shown_ends_it_at_the_host() {
    let house = house(json!({"merchant_code": "pending"})).await;
    let sale = create(&house, "qr-show", "give-up-1", 1500).await;
    house.start_until(&sale, "waiting-code").await;
    // The host does not hear the first cancel.
    house.host(json!({"fault": "drop-request", "message": "wallet-void", "count": 1}));
    assert_eq!(sale.cancel().await.unwrap(), "accepted");
    assert_eq!(sale.details().await.unwrap().code.reveal(), "");
    // The customer pays in between: that is undone.
    assert!(pay(&house, &newest(&house)));
    assert_eq!(end(&house.finish(&sale).await), is("cancelled", "cancelled-by-app"));
    assert_eq!(bookings(&house), [booking("wallet-code", 1500, "voided")]);
}

#[tokio::test]
async fn a_customer_who_types_a_password_is_waited_for() {
    let house = house(json!({"customer_code": {"paid-after": {"queries": 2}}})).await;
    assert_eq!(end(&scan(&house, "password-1", 900, WECHAT).await), is("approved", "none"));
    assert_eq!(bookings(&house), [booking("wallet-payment", 900, "booked")]);
    let queries = house.requests().iter().filter(|kind| *kind == "wallet-query").count();
    assert_eq!(queries, 2);
}

#[tokio::test]
async fn silence_is_asked_for_before_anything_is_cancelled() {
    let house = house(json!({})).await;
    // It was paid, and the answer lost: the customer has paid once, and the shop is told so.
    house.host(json!({"fault": "drop-answer", "message": "wallet-payment", "count": 1}));
    assert_eq!(end(&scan(&house, "silence-1", 900, WECHAT).await), is("approved", "none"));
    assert_eq!(bookings(&house), [booking("wallet-payment", 900, "booked")]);
    assert!(!house.requests().iter().any(|kind| kind == "wallet-void" || kind == "reversal"));
    // It never came: it is cancelled, so that it cannot come later.
    house.host(json!({"fault": "hold-request", "ms": 6000, "message": "wallet-payment", "count": 1}));
    assert_eq!(end(&scan(&house, "silence-2", 800, WECHAT).await), is("failed", "reversed"));
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(bookings(&house), [booking("wallet-payment", 900, "booked")], "nor does it when it comes");
}

#[tokio::test]
async fn a_payment_that_stays_pending_is_cancelled_after_its_queries_and_paid_late_no_more() {
    let house = house(json!({"customer_code": "pending"})).await;
    assert_eq!(end(&scan(&house, "pending-1", 900, WECHAT).await), is("timed-out", "not-paid"));
    assert_eq!(bookings(&house), [booking("wallet-payment", 900, "closed")]);
    assert!(!pay(&house, &newest(&house)), "paid late");
}

#[tokio::test]
async fn rule_8_an_approval_with_a_bad_mac_is_ended_unasked() {
    let house = house(json!({})).await;
    house.host(json!({"fault": "wrong-mac", "message": "wallet-payment", "count": 1}));
    assert_eq!(end(&scan(&house, "mac-1", 900, WECHAT).await), is("failed", "reversed"));
    assert_eq!(bookings(&house), [booking("wallet-payment", 900, "voided")]);
    assert!(!house.requests().contains(&"wallet-query".to_owned()));
}

#[tokio::test]
async fn the_standard_dialect_is_reversed_as_a_card_is() {
    let house = house(json!({})).await;
    house.host(json!({"fault": "drop-answer", "message": "qr-sale", "count": 1}));
    let sale = create(&house, "qr-scan", "reverse-1", 900).await;
    house.start_until(&sale, "waiting-code").await;
    house.devices(json!({"scan": UNIONPAY}));
    assert_eq!(end(&house.finish(&sale).await), is("failed", "reversed"));
    assert_eq!(bookings(&house), [booking("qr-sale", 900, "reversed")]);
}

/// Kills `posd` while a payment waits for its customer; `paid` says whether the customer pays meanwhile.
async fn killed_while_waiting(kind: &str, paid: bool) {
    let pending = json!({"customer_code": "pending", "merchant_code": "pending"});
    let mut house = house(pending).await;
    let sale = create(&house, kind, "killed-1", 1100).await;
    house.start_until(&sale, "waiting-code").await;
    if kind == "qr-scan" {
        house.devices(json!({"scan": WECHAT}));
        house.reaches(&sale, "authorizing").await;
        while bookings(&house).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    house.restart();
    if paid {
        assert!(pay(&house, &newest(&house)));
    }
    house.in_service().await;
    let sale = house.terminal.find("killed-1").await.unwrap();
    let until = Instant::now() + Duration::from_secs(25);
    let done = loop {
        let details = sale.details().await.unwrap();
        if details.state == "finished" {
            break details;
        }
        assert_eq!(end(&details).0, "unknown");
        assert!(Instant::now() < until, "{kind} is not resolved");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let (state, kind_there) = match kind {
        "qr-show" => (if paid { "booked" } else { "closed" }, "wallet-code"),
        _ => (if paid { "booked" } else { "closed" }, "wallet-payment"),
    };
    assert_eq!(done.outcome, if paid { "approved" } else { "timed-out" }, "{kind}: {}", cause(&done));
    assert_eq!(bookings(&house), [booking(kind_there, 1100, state)], "{kind}");
    if paid {
        assert!(sale.receipt().await.is_ok(), "it has its slip");
    }
}

#[tokio::test]
async fn rule_1_a_power_cut_while_the_customer_pays_loses_no_payment() {
    for kind in ["qr-show", "qr-scan"] {
        killed_while_waiting(kind, true).await;
    }
}

#[tokio::test]
async fn rule_1_a_power_cut_while_the_customer_does_not_pay_leaves_nothing_to_pay() {
    for kind in ["qr-show", "qr-scan"] {
        killed_while_waiting(kind, false).await;
    }
}

#[tokio::test]
async fn a_void_gives_a_code_payment_back_once() {
    let house = house(json!({})).await;
    for (number, code) in [WECHAT, UNIONPAY].into_iter().enumerate() {
        let reference = format!("void-sale-{number}");
        scan(&house, &reference, 600, code).await;
        // The void is booked, and its answer lost.
        let message = if number == 0 { "wallet-void" } else { "qr-void" };
        house.host(json!({"fault": "drop-answer", "message": message, "count": 1}));
        let original = Some(Original::Reference(reference.clone()));
        let options = CreateOptions { original, ..CreateOptions::default() };
        let void = |name: String, options: CreateOptions| {
            let terminal = house.terminal.clone();
            async move { terminal.create_of("void", &name, 600, &options).await }
        };
        let undo = void(format!("undo-{number}"), options.clone()).await.unwrap();
        let done = house.finish(&undo).await;
        if number == 0 {
            // A wallet's is ended again, which undoes it once.
            assert_eq!(end(&done), is("approved", "none"));
            assert!(undo.receipt().await.unwrap().1.contains("扫码消费撤销"));
        } else {
            // The standard dialect reverses a void, and the next attempt does it again.
            assert_eq!(end(&done), is("failed", "reversed"));
            let again = house.terminal.new_attempt(&format!("undo-{number}")).await.unwrap();
            assert_eq!(end(&house.finish(&again).await), is("approved", "none"));
        }
        let refused = void(format!("again-{number}"), options).await.unwrap_err();
        assert_eq!(refused.refused(), Some("AlreadyVoided"));
    }
    assert!(house.booked().is_empty(), "{:?}", house.charges());
    assert_eq!(bookings(&house).iter().filter(|(kind, ..)| kind == "wallet-payment").count(), 1);
}

#[tokio::test]
async fn qr_payments_need_a_profile_that_has_them_and_amounts_that_the_wallet_takes() {
    let house = house(json!({})).await;
    let refused = |kind: &'static str, amount, wallet: Option<&str>| {
        let wallet = wallet.map(|name| ("wallet", OptionValue::Text(name.to_owned())));
        let options = CreateOptions { further: wallet.into_iter().collect(), ..CreateOptions::default() };
        let terminal = house.terminal.clone();
        async move {
            let refused = terminal.create_of(kind, "limits", amount, &options).await;
            refused.map(drop).map_err(|error| error.refused().unwrap_or_default().to_owned())
        }
    };
    let argument = Err("InvalidArgument".to_owned());
    assert_eq!(refused("qr-show", 5_000_001, None).await, argument);
    assert_eq!(refused("qr-show", 100, Some("unionpay")).await, argument, "it shows no code");
    assert_eq!(refused("qr-show", 100, Some("nobody")).await, argument);
    assert_eq!(refused("sale", 100, Some("wechat")).await, argument);
    assert_eq!(refused("qr-show", 100, Some("alipay")).await, Ok(()));
    // Whose code it will be is not known before it is scanned.
    let sale = scan(&house, "limits-2", 5_000_001, WECHAT).await;
    assert_eq!(end(&sale), is("failed", "amount-not-taken"));
    assert!(bookings(&house).is_empty());

    let plain = Options { profile: "reply_timeout_s = 2\n".to_owned(), ..posd_system_tests::options() };
    let house = House::with(&plain).await.opened().await;
    for kind in ["qr-scan", "qr-show"] {
        let refused = house.terminal.create_of(kind, "none", 100, &CreateOptions::default()).await;
        assert_eq!(refused.unwrap_err().refused(), Some("InvalidArgument"));
    }
}

#[tokio::test]
async fn a_diagnosis_says_whether_the_scanner_is_there() {
    let house = House::with_idle_customer().await.opened().await;
    let scanner = async || {
        let checks = house.terminal.diagnose().await.unwrap();
        checks.into_iter().find(|check| check.code == "scanner").map(|check| (check.good, check.detail))
    };
    assert_eq!(scanner().await, Some((true, "ready".to_owned())));
    house.devices(json!({"scanner": "unplug"}));
    let until = Instant::now() + Duration::from_secs(10);
    let mut seen = Vec::new();
    while seen.last() != Some(&(true, "ready".to_owned())) || seen.len() < 2 {
        assert!(Instant::now() < until, "{seen:?}");
        if let Some(now) = scanner().await
            && seen.last() != Some(&now)
        {
            seen.push(now);
        }
    }
    assert_eq!(seen, [(false, "missing".to_owned()), (true, "ready".to_owned())], "it comes back by itself");
    let sale = create(&house, "qr-scan", "replugged-1", 700).await;
    house.start_until(&sale, "waiting-code").await;
    house.devices(json!({"scan": WECHAT}));
    assert_eq!(end(&house.finish(&sale).await), is("approved", "none"));
}
