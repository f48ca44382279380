//! Balance inquiries, instalments, phone orders, originals that are elsewhere, and the slip of a pre-authorisation.

use crate::kinds::{booking, bookings, done, named, own, refused_as};
use posd_client::{CreateOptions, External, OptionValue, Original};
use posd_simulator::Options;
use posd_system_tests::{House, PAN, cause, options};
use serde_json::json;

fn split_into(count: u32) -> CreateOptions {
    CreateOptions { further: vec![("instalments", OptionValue::Number(count))], ..CreateOptions::default() }
}

#[tokio::test]
async fn a_balance_inquiry_tells_the_owner_and_moves_nothing() {
    let house = House::new().await.opened().await;
    let none = CreateOptions::default();
    for (kind, amount) in [("balance-inquiry", 1), ("sale", 0)] {
        assert_eq!(refused_as(&house, kind, amount, &none).await, "InvalidAmount");
    }
    let asked = house.terminal.create_of("balance-inquiry", "ask", 0, &none).await.unwrap();
    let end = house.finish(&asked).await;
    assert_eq!((end.outcome.as_str(), end.result_number("charged")), ("approved", None));
    assert!(end.balance().is_some_and(|balance| balance > 0), "{end:?}");
    let (_, text) = asked.receipt().await.unwrap();
    assert!(text.contains("余额查询/BALANCE") && text.contains("余额 BALANCE"), "{text}");
    assert!(asked.print_jobs().await.unwrap().is_empty(), "it is printed when somebody wants it");
    assert!(bookings(&house).is_empty());
    assert_eq!(refused_as(&house, "refund", 1, &named("ask")).await, "OriginalOfOtherKind");

    house.host(json!({"fault": "drop-answer", "message": "balance-inquiry", "count": 1}));
    let silent = house.terminal.create_of("balance-inquiry", "ask-2", 0, &none).await.unwrap();
    let end = house.finish(&silent).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("failed", "no-answer"));
    assert!(!house.requests().iter().any(|kind| kind == "reversal"));
    assert_eq!(house.finish(&house.terminal.new_attempt("ask-2").await.unwrap()).await.outcome, "approved");
}

#[tokio::test]
async fn an_instalment_payment_says_its_number_and_is_voided_only() {
    let house = House::new().await.opened().await;
    for wrong in [CreateOptions::default(), split_into(5)] {
        assert_eq!(refused_as(&house, "instalment", 120_000, &wrong).await, "InvalidArgument");
    }
    assert_eq!(refused_as(&house, "sale", 120_000, &split_into(6)).await, "InvalidArgument");
    assert_eq!(refused_as(&house, "instalment", 120_000, &split_into(100)).await, "InvalidOption");
    let made = house.terminal.create_of("instalment", "sofa", 120_000, &split_into(6)).await.unwrap();
    assert_eq!(house.finish(&made).await.outcome, "approved");
    let (slip, text) = made.receipt().await.unwrap();
    assert!(slip.instalments == Some(6) && text.contains("分期付款/INSTALMENT"), "{text}");
    assert_eq!(refused_as(&house, "refund", 1, &named("sofa")).await, "OriginalOfOtherKind");
    assert_eq!(done(&house, "void", "no-sofa", 120_000, own("sofa")).await.outcome, "approved");
    assert_eq!(
        bookings(&house),
        [booking("instalment", 120_000, "voided"), booking("instalment-void", 120_000, "booked")]
    );
}

#[tokio::test]
async fn a_phone_order_is_typed_where_the_acquirer_offers_it() {
    let house = House::new().await.opened().await;
    assert_eq!(refused_as(&house, "phone-order", 500, &CreateOptions::default()).await, "UnknownKind");
    drop(house);
    let mut with = options();
    with.profile = format!("phone_orders = true\n{}", with.profile);
    let house = House::with(&Options { auto: false, ..with }).await.opened().await;
    let order = |reference: &'static str| house.terminal.create_of("phone-order", reference, 500, NONE);
    let first = order("call-1").await.unwrap();
    let end = house.finish(&first).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "none"));
    assert_eq!(end.result_text("masked-pan").as_deref(), Some("621234******0019"));
    let (_, text) = first.receipt().await.unwrap();
    assert!(text.contains("订购/PHONE ORDER") && text.contains("0019 M"), "{text}");
    // Nobody brings the card for what follows it.
    assert_eq!(done(&house, "void", "uncall-1", 500, own("call-1")).await.outcome, "approved");
    assert_eq!(house.finish(&order("call-2").await.unwrap()).await.outcome, "approved");
    assert_eq!(done(&house, "refund", "back-2", 200, own("call-2")).await.outcome, "approved");
    assert_eq!(
        bookings(&house)[1..],
        [
            booking("phone-order-void", 500, "booked"),
            booking("phone-order", 500, "booked"),
            booking("phone-order-refund", 200, "booked")
        ]
    );
    // Mistyped, and cancelled.
    house.devices(json!({"typed-card": {"number": "6212340000000018", "expiry": "3012"}}));
    assert_eq!(cause(&house.finish(&order("call-3").await.unwrap()).await), "card-mistyped");
    house.devices(json!({"typed-card": "cancel"}));
    assert_eq!(house.finish(&order("call-4").await.unwrap()).await.outcome, "cancelled");
}

const NONE: &CreateOptions = &CreateOptions {
    locale: None,
    allow_partial: false,
    no_wait: false,
    sign_on_screen: false,
    goods: Vec::new(),
    note: None,
    original: None,
    further: Vec::new(),
};

#[tokio::test]
async fn an_original_elsewhere_is_named_as_the_host_has_it_by_the_supervisors_word() {
    let mut house = House::new().await.opened().await;
    let sale = house.sell("lost", 1000).await;
    let held = house.terminal.create_of("pre-auth", "room", 2000, NONE).await.unwrap();
    house.finish(&held).await;
    let hold = held.receipt().await.unwrap().0;
    let sold = house.terminal.get(sale.id).await.unwrap().receipt().await.unwrap().0;
    let date = |slip: &str| format!("{}{}", &slip[5..7], &slip[8..10]);
    let by_rrn = External {
        date: date(&sold.date_time),
        rrn: sold.rrn.clone(),
        authorisation_code: sold.authorisation_code.clone(),
        ..External::default()
    };
    let by_code = External {
        date: date(&hold.date_time),
        authorisation_code: hold.authorisation_code.clone(),
        ..External::default()
    };
    let of = |external: &External| CreateOptions {
        original: Some(Original::External(external.clone())),
        ..CreateOptions::default()
    };
    // While the journal has it, what it knows of it counts, however it is named.
    assert_eq!(refused_as(&house, "refund", 1001, &of(&by_rrn)).await, "RefundExceedsOriginal");
    for kind in ["void", "completion-cancel"] {
        assert_eq!(refused_as(&house, kind, 1000, &of(&by_rrn)).await, "InvalidArgument");
    }
    // A new journal knows neither.
    house.stack.kill_posd();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(house.directory().join(format!("journal.db{end}")));
    }
    house.stack.start_posd().unwrap();
    house.in_service().await;
    house.log_in().await;
    // Past the trace numbers that the host has seen.
    for _ in 0..10 {
        house.terminal.sign_in().await.unwrap();
    }
    assert_eq!(refused_as(&house, "refund", 300, &named("lost")).await, "OriginalNotFound");
    let without = External { rrn: None, ..by_rrn.clone() };
    assert_eq!(refused_as(&house, "refund", 300, &of(&without)).await, "InvalidArgument");
    let end = done(&house, "refund", "back-1", 300, Original::External(by_rrn.clone())).await;
    assert_eq!((end.outcome.as_str(), cause(&end).as_str()), ("approved", "none"));
    assert_eq!(end.result_text("supervisor").as_deref(), Some("00"));
    // More than is left: the host knows.
    let end = done(&house, "refund", "back-2", 701, Original::External(by_rrn.clone())).await;
    assert_eq!((end.outcome.as_str(), end.result_text("response-code").as_deref()), ("declined", Some("64")));
    // One without an answer blocks the next, as with an original of one's own.
    house.host(json!({"fault": "drop-request", "message": "refund", "count": 1}));
    let end = done(&house, "refund", "back-3", 100, Original::External(by_rrn.clone())).await;
    assert_eq!(end.outcome, "unknown");
    assert_eq!(refused_as(&house, "refund", 100, &of(&by_rrn)).await, "OriginalUnresolved");
    let end = done(&house, "completion", "checkout", 2100, Original::External(by_code.clone())).await;
    assert_eq!((end.outcome.as_str(), end.result_text("supervisor").as_deref()), ("approved", Some("00")));
    assert_eq!(refused_as(&house, "pre-auth-cancel", 2000, &of(&by_code)).await, "AlreadyCompleted");
}

#[tokio::test]
async fn rule_10_the_slip_of_a_pre_authorisation_has_the_full_number_and_nothing_else_has() {
    let house = House::new().await.opened().await;
    house.sell("plain", 700).await;
    let held = house.terminal.create_of("pre-auth", "room", 2000, NONE).await.unwrap();
    house.finish(&held).await;
    let job = held.print("cardholder").await.unwrap();
    let printed = |text: &str| text.contains(PAN);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !held.print_jobs().await.unwrap().iter().all(|job| job.state == "done") {
        assert!(std::time::Instant::now() < end, "job {job} is not done");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let slips = house.slips();
    let (holds, others): (Vec<_>, Vec<_>) = slips.iter().partition(|slip| slip.contains("预授权"));
    assert!(holds.len() >= 2 && holds.iter().all(|slip| printed(slip)), "{holds:?}");
    assert!(!others.is_empty() && !others.iter().any(|slip| printed(slip)), "{others:?}");
    let (_, text) = held.receipt().await.unwrap();
    assert!(!printed(&text) && text.contains("621234******0019"), "{text}");
    assert!(!printed(&house.journal_rows()));
    let log = std::fs::read_to_string(house.directory().join("posd.log")).unwrap_or_default();
    assert!(!printed(&log));
}
