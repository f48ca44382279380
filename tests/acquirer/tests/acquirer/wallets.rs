//! Wallets that are asked, never reversed.

use crate::terminal::{Terminal, code, exchange};
use posd_acquirer::message::Message;
use posd_acquirer::{BookingState, Course, Host, MessageKind, Settings, Wallet};

fn host(customer: Course, merchant: Course) -> (Host, Terminal) {
    let wallet = Wallet { customer_code: customer, merchant_code: merchant, ..Wallet::default() };
    let mut host = Host::new(Settings { wallet, ..Settings::default() }).unwrap();
    let mut terminal = Terminal::default();
    terminal.sign_in(&mut host);
    (host, terminal)
}

fn request(terminal: &mut Terminal, processing: &str, amount: u64, original: Option<&Message>) -> Message {
    let mut message = terminal.typed(&format!("0200/{processing}/00/60"), amount);
    for field in [2, 14] {
        message.fields.remove(&field);
    }
    message.set(22, "032");
    message.set(44, "002");
    match original {
        Some(original) => message.set(61, format!("{:06}{}", terminal.batch, original.text(11).unwrap())),
        None if processing == "700000" => message.set(59, "A3018134567890123456789"),
        None => {}
    }
    terminal.signed(message)
}

fn state(host: &Host) -> BookingState {
    host.ledger().bookings[0].state
}

#[test]
fn a_payment_is_pending_until_a_query_decides() {
    for (course, wanted, code_then) in [
        (Course::PaidAfter { queries: 2 }, BookingState::Booked, "00"),
        (Course::ClosedAfter { queries: 2 }, BookingState::Closed, "12"),
    ] {
        let (mut host, mut terminal) = host(course, course);
        let pay = request(&mut terminal, "700000", 1000, None);
        let answer = exchange(&mut host, &pay);
        assert_eq!((answer.text(39), answer.text(44)), (Some("09"), Some("002")), "{:?}", host.log().last());
        assert_eq!((state(&host), host.stats().standing_amount), (BookingState::Pending, 0));
        assert_eq!(code(&mut host, &pay), "94");
        for wanted in ["09", code_then, code_then] {
            let query = request(&mut terminal, "730000", 1000, Some(&pay));
            let found = exchange(&mut host, &query);
            assert_eq!((found.text(39), found.text(37)), (Some(wanted), answer.text(37)));
        }
        assert_eq!(state(&host), wanted);
        assert_eq!(host.ledger().standing().count(), usize::from(code_then == "00"));
        // Never in the card totals, never reversed.
        assert_eq!(host.ledger().totals("00000001", 1), Default::default());
        let reversal = terminal.reversal(&pay, "98");
        assert_eq!(code(&mut host, &reversal), "12");
    }
}

#[test]
fn the_test_decides_when_the_customer_pays() {
    let (mut host, mut terminal) = host(Course::Paid, Course::Pending);
    let shown = request(&mut terminal, "710000", 1000, None);
    let answer = exchange(&mut host, &shown);
    assert_eq!(answer.text(39), Some("00"));
    assert!(answer.text(59).unwrap().starts_with("A5036https://"), "{:?}", answer.text(59));
    let trace = shown.part(11, 0, 6).unwrap();
    let query = request(&mut terminal, "730000", 1000, Some(&shown));
    assert_eq!(code(&mut host, &query), "09");
    assert!(host.decide_wallet("00000001", 1, trace, true));
    assert!(!host.decide_wallet("00000001", 1, trace, false));
    assert_eq!(code(&mut host, &query), "00");
    assert_eq!(host.ledger().bookings[0].kind, MessageKind::WalletCode);
}

#[test]
fn a_void_ends_a_payment_whatever_its_state() {
    for (course, wanted) in [(Course::Paid, BookingState::Voided), (Course::Pending, BookingState::Closed)] {
        let (mut host, mut terminal) = host(course, course);
        let pay = request(&mut terminal, "700000", 1000, None);
        exchange(&mut host, &pay);
        let other = request(&mut terminal, "720000", 999, Some(&pay));
        assert_eq!(code(&mut host, &other), "64");
        let void = request(&mut terminal, "720000", 1000, Some(&pay));
        assert_eq!((code(&mut host, &void), code(&mut host, &void)), ("00".into(), "00".into()));
        assert_eq!((state(&host), host.stats().standing_amount), (wanted, 0));
        let query = request(&mut terminal, "730000", 1000, Some(&pay));
        assert_eq!(code(&mut host, &query), "12");
    }
    // The void overtakes the payment.
    let (mut host, mut terminal) = host(Course::Paid, Course::Paid);
    let pay = request(&mut terminal, "700000", 1000, None);
    let void = request(&mut terminal, "720000", 1000, Some(&pay));
    assert_eq!((code(&mut host, &void), code(&mut host, &pay)), ("25".into(), "22".into()));
    assert!(host.ledger().bookings.is_empty());
}

#[test]
fn refunds_of_a_wallet_payment() {
    let (mut host, mut terminal) = host(Course::Paid, Course::Paid);
    let pay = request(&mut terminal, "700000", 1000, None);
    assert_eq!(code(&mut host, &pay), "00");
    for (amount, wanted) in [(700, "00"), (301, "64"), (300, "00")] {
        let refund = request(&mut terminal, "740000", amount, Some(&pay));
        assert_eq!(code(&mut host, &refund), wanted);
        let query = request(&mut terminal, "750000", amount, Some(&refund));
        assert_eq!(code(&mut host, &query), if wanted == "00" { "00" } else { "25" });
        if wanted == "00" {
            assert_eq!(code(&mut host, &refund), "94");
        }
    }
    assert_eq!(host.ledger().bookings[0].refunded, 1000);
    let void = request(&mut terminal, "720000", 1000, Some(&pay));
    assert_eq!(code(&mut host, &void), "12");
}

#[test]
fn malformed_wallet_requests() {
    let (mut host, mut terminal) = host(Course::Paid, Course::Paid);
    for (processing, field, value) in [
        ("700000", 44, Some("009")),
        ("700000", 44, None),
        ("700000", 59, None),
        ("710000", 59, Some("A3001x")),
        ("730000", 61, None),
        ("700000", 2, Some("6212340000000019")),
    ] {
        let original = terminal.message("0200");
        let linked = (processing == "730000").then_some(&original);
        let mut bad = request(&mut terminal, processing, 1000, linked);
        match value {
            Some(value) => bad.set(field, value),
            None => drop(bad.fields.remove(&field)),
        }
        let bad = terminal.signed(bad);
        assert_eq!(code(&mut host, &bad), "30", "{processing} {field}");
    }
    assert!(host.ledger().bookings.is_empty());
}
