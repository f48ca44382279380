//! Payments by a code that the customer shows (standard dialect).

use crate::terminal::{Terminal, code, exchange, signed_in};
use posd_acquirer::message::Message;
use posd_acquirer::{BookingState, CardSide, Host, MessageKind};

const CODE: &str = "6212345678901234567";

fn payment(terminal: &mut Terminal, amount: u64, field_59: &str) -> Message {
    let mut message = terminal.typed("0200/000000/00/22", amount);
    message.fields.remove(&2);
    message.fields.remove(&14);
    message.set(22, "032");
    message.set(59, field_59);
    terminal.signed(message)
}

fn a3(code: &str) -> String {
    format!("A3{:03}{code}", code.len())
}

fn paid(host: &mut Host, terminal: &mut Terminal, code: &str) -> (Message, Message) {
    let request = payment(terminal, 1000, &a3(code));
    let answer = exchange(host, &request);
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    (request, answer)
}

/// A void or refund with this field 59.
fn back(
    terminal: &mut Terminal,
    key: &str,
    amount: u64,
    original: &(Message, Message),
    field_59: &[u8],
) -> Message {
    let mut message = terminal.about(key, amount, &original.0, &original.1);
    message.fields.remove(&2);
    message.fields.remove(&14);
    message.set(22, "032");
    message.set(59, field_59);
    terminal.signed(message)
}

#[test]
fn a_code_is_paid_once_and_answered_with_a_voucher() {
    let (mut host, mut terminal) = signed_in();
    let information = "A206501002020201600000202540043180300623456704008EC7CD42405008321702  ";
    let request = payment(&mut terminal, 1000, &format!("{information}{}", a3(CODE)));
    let answer = exchange(&mut host, &request);
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    let voucher = answer.text(59).unwrap();
    assert!(voucher.starts_with("A4020") && voucher.len() == 25);
    assert!(answer.field(2).is_none() && answer.field(38).is_some());
    let booking = &host.ledger().bookings[0];
    assert_eq!(
        (booking.kind, booking.side, booking.voucher.as_deref()),
        (MessageKind::QrSale, CardSide::Domestic, Some(&voucher[5..]))
    );
    assert_eq!(host.ledger().totals("00000001", 1).domestic.debit_amount, 1000);
    let again = payment(&mut terminal, 1000, &a3(CODE));
    assert_eq!(code(&mut host, &again), "12");
    let declined = payment(&mut terminal, 151, &a3("6200000000000000001"));
    assert_eq!(code(&mut host, &declined), "51");
}

#[test]
fn malformed_codes_are_format_errors() {
    let (mut host, mut terminal) = signed_in();
    let short = format!("A2011030061{}{}", "11111", a3(CODE));
    for field_59 in [
        "A301962123456789012345",
        "A3018621234567890123456",
        "A3019112345678901234567",
        "A2002xx",
        "",
        &short,
    ] {
        let request = payment(&mut terminal, 1000, field_59);
        assert_eq!(code(&mut host, &request), "30", "{field_59}");
    }
    for (field, value) in [(2, "6212340000000019"), (14, "3012"), (52, "00000000")] {
        let mut request = payment(&mut terminal, 1000, &a3(CODE));
        request.set(field, value);
        let request = terminal.signed(request);
        assert_eq!(code(&mut host, &request), "30", "{field}");
    }
    assert!(host.ledger().bookings.is_empty());
}

#[test]
fn void_and_refund_by_code_or_voucher() {
    let (mut host, mut terminal) = signed_in();
    let first = paid(&mut host, &mut terminal, CODE);
    let voucher = first.1.field(59).unwrap().to_vec();
    let other = a3("6200000000000000001");
    for (field_59, wanted) in
        [(other.as_bytes(), "12"), (b"A402000000000000000000000", "12"), (b"A2002xx", "30")]
    {
        let void = back(&mut terminal, "0200/200000/00/23", 1000, &first, field_59);
        assert_eq!(code(&mut host, &void), wanted);
    }
    let void = back(&mut terminal, "0200/200000/00/23", 1000, &first, &voucher);
    assert_eq!(exchange(&mut host, &void).field(59), Some(voucher.as_slice()));
    assert_eq!(host.ledger().bookings[0].state, BookingState::Voided);
    assert_eq!(host.ledger().bookings[1].card, host.ledger().bookings[0].card);
    let reversal = {
        let mut reversal = terminal.reversal(&void, "98");
        reversal.fields.remove(&14);
        terminal.signed(reversal)
    };
    assert_eq!(code(&mut host, &reversal), "00", "{:?}", host.log().last());
    assert_eq!(host.ledger().bookings[0].state, BookingState::Booked);
    for (amount, wanted) in [(600, "00"), (401, "64"), (400, "00")] {
        let refund = back(&mut terminal, "0220/200000/00/25", amount, &first, a3(CODE).as_bytes());
        assert_eq!(code(&mut host, &refund), wanted);
        let reversal = terminal.reversal(&refund, "98");
        assert_eq!(code(&mut host, &reversal), "12");
    }
    // A card's void cannot give a code payment back.
    let void = terminal.about("0200/200000/00/23", 1000, &first.0, &first.1);
    assert_eq!(code(&mut host, &void), "12");
}

#[test]
fn a_code_payment_is_reversed_with_its_code() {
    let (mut host, mut terminal) = signed_in();
    let (request, _) = paid(&mut host, &mut terminal, CODE);
    let reversal = terminal.reversal(&request, "98");
    let mut without = reversal.clone();
    without.fields.remove(&59);
    let without = terminal.signed(without);
    assert_eq!(code(&mut host, &without), "30");
    let mut other = reversal.clone();
    other.set(59, a3("6200000000000000001"));
    let other = terminal.signed(other);
    assert_eq!(code(&mut host, &other), "12");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(host.ledger().standing().count(), 0);
    // The reversal may come first, and the customer may pay with the code again.
    let late = payment(&mut terminal, 1000, &a3(CODE));
    let reversal = terminal.reversal(&late, "98");
    assert_eq!((code(&mut host, &reversal), code(&mut host, &late)), ("25".into(), "22".into()));
    paid(&mut host, &mut terminal, CODE);
}
