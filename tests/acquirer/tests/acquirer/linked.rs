//! Transactions about an earlier one: what they find, and each reason to refuse them.

use crate::terminal::{NOW, code, exchange, frame, signed_in};
use crate::transactions::{
    COMPLETION, COMPLETION_ADVICE, COMPLETION_CANCEL, PRE_AUTH, PRE_AUTH_CANCEL, REFUND, SALE, VOID, start,
};
use posd_acquirer::message::Message;
use posd_acquirer::{BookingState, Host, HostTime, Settings};

fn state(host: &Host, request: &Message) -> BookingState {
    host.ledger().booking("00000001", 1, request.part(11, 0, 6).unwrap()).unwrap().state
}

#[test]
fn a_void_gives_the_whole_sale_back_once() {
    let (mut host, mut terminal) = signed_in();
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    for (field, value, wanted) in [
        (4, "000000000999", "64"),
        (2, "6212340000000027", "12"),
        (37, "000000000000", "12"),
        (38, "ABCDEF", "12"),
        (61, "000001000999", "25"),
        (61, "000002000002", "25"),
        (61, "00000100", "30"),
    ] {
        let mut void = terminal.about(VOID, 1000, &sale, &answer);
        void.set(field, value);
        terminal.sign(&mut void);
        assert_eq!(code(&mut host, &void), wanted, "{field} = {value}: {:?}", host.log().last());
    }
    assert_eq!(state(&host, &sale), BookingState::Booked);
    let void = terminal.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &void), "00");
    assert_eq!(state(&host, &sale), BookingState::Voided);
    assert_eq!(host.ledger().standing().count(), 0);
    assert_eq!(host.ledger().bookings[1].original, Some(0));
    let again = terminal.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &again), "12");
    let refund = terminal.about(REFUND, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &refund), "12");
    // A void of a void.
    let of_void = terminal.about(VOID, 1000, &void, &answer);
    assert_eq!(code(&mut host, &of_void), "12");
    // The void is reversed: the sale stands again, and may be voided again.
    let reversal = terminal.reversal(&void, "98");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!((state(&host, &sale), host.stats().standing_amount), (BookingState::Booked, 1000));
    let again = terminal.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &again), "00");
}

#[test]
fn a_void_is_of_this_day_this_kind_and_not_reversed() {
    let (mut host, mut terminal) = signed_in();
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let void = terminal.about(VOID, 1000, &sale, &answer);
    let tomorrow = HostTime { unix_ms: NOW.unix_ms + 86_400_000 };
    let late = Message::decode(frame(&host.receive(&void.encode(), tomorrow))).unwrap();
    assert_eq!(late.text(39), Some("22"));
    let (order, answer) = start(&mut host, &mut terminal, "0200/000000/08/22", 1000);
    let void = terminal.about(VOID, 1000, &order, &answer);
    assert_eq!(code(&mut host, &void), "12");
    let reversal = terminal.reversal(&order, "06");
    assert_eq!(code(&mut host, &reversal), "00");
    let void = terminal.about("0200/200000/08/23", 1000, &order, &answer);
    assert_eq!(code(&mut host, &void), "25");
}

#[test]
fn a_void_is_of_this_terminal() {
    let mut settings = Settings::default();
    let mut second = settings.terminals[0].clone();
    second.terminal = "00000002".into();
    settings.terminals.push(second);
    let mut host = Host::new(settings).unwrap();
    let mut first = crate::terminal::Terminal::default();
    first.sign_in(&mut host);
    let mut second = crate::terminal::Terminal { number: "00000002".into(), ..Default::default() };
    second.sign_in(&mut host);
    second.trace = 100;
    let (sale, answer) = start(&mut host, &mut first, SALE, 1000);
    let void = second.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &void), "25");
    // A refund may come from any terminal of the merchant.
    let refund = second.about(REFUND, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &refund), "00");
    assert_eq!(host.ledger().bookings[0].refunded, 1000);
}

#[test]
fn a_refund_is_of_this_merchant() {
    let mut settings = Settings::default();
    let mut other = settings.terminals[0].clone();
    (other.terminal, other.merchant) = ("00000002".into(), "898000000000002".into());
    settings.terminals.push(other);
    let mut host = Host::new(settings).unwrap();
    let mut terminal = crate::terminal::Terminal::default();
    terminal.sign_in(&mut host);
    let mut other = crate::terminal::Terminal {
        number: "00000002".into(),
        merchant: "898000000000002".into(),
        ..Default::default()
    };
    other.sign_in(&mut host);
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let refund = other.about(REFUND, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &refund), "25");
    let refund = terminal.about(REFUND, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &refund), "00");
}

#[test]
fn refunds_never_give_back_more_than_was_paid() {
    let (mut host, mut terminal) = signed_in();
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    for (amount, wanted) in [(400, "00"), (601, "64"), (600, "00"), (1, "64")] {
        let refund = terminal.about(REFUND, amount, &sale, &answer);
        assert_eq!(code(&mut host, &refund), wanted, "{amount}");
    }
    assert_eq!(host.ledger().bookings[0].refunded, 1000);
    let void = terminal.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &void), "12");
    let reversal = terminal.reversal(&sale, "98");
    assert_eq!(code(&mut host, &reversal), "12");
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    for (field, value, wanted) in [
        (37, "000000000000", "25"),
        (61, "0000000000001123", "25"),
        (61, "0000000000000000", "30"),
        (61, "000000000000", "30"),
        (2, "6212340000000027", "12"),
    ] {
        let mut refund = terminal.about(REFUND, 1000, &sale, &answer);
        refund.set(field, value);
        terminal.sign(&mut refund);
        assert_eq!(code(&mut host, &refund), wanted, "{field} = {value}");
    }
    let (hold, answer) = start(&mut host, &mut terminal, PRE_AUTH, 1000);
    let refund = terminal.about(REFUND, 1000, &hold, &answer);
    assert_eq!(code(&mut host, &refund), "12");
}

#[test]
fn a_hold_is_cancelled_or_completed_once_up_to_115_percent() {
    let (mut host, mut terminal) = signed_in();
    let (hold, answer) = start(&mut host, &mut terminal, PRE_AUTH, 1000);
    for (key, amount, wanted) in [
        (COMPLETION, 1151, "64"),
        (COMPLETION_ADVICE, 1151, "64"),
        (PRE_AUTH_CANCEL, 999, "64"),
        (COMPLETION, 1150, "00"),
        (COMPLETION, 1000, "12"),
        (COMPLETION_ADVICE, 1000, "12"),
        (PRE_AUTH_CANCEL, 1000, "12"),
    ] {
        let request = terminal.about(key, amount, &hold, &answer);
        assert_eq!(code(&mut host, &request), wanted, "{key} {amount}");
    }
    assert_eq!((state(&host, &hold), host.stats().standing_amount), (BookingState::Completed, 1150));
    let (hold, answer) = start(&mut host, &mut terminal, PRE_AUTH, 1000);
    for (field, value) in [
        (38, "ABCDEF"),
        (2, "6212340000000027"),
        (61, "0000010009991124"),
        (61, "0000020000001124"),
        (61, "0000000000001123"),
    ] {
        for key in [COMPLETION, PRE_AUTH_CANCEL] {
            let mut request = terminal.about(key, 1000, &hold, &answer);
            request.set(field, value);
            terminal.sign(&mut request);
            assert_eq!(code(&mut host, &request), "25", "{key} {field} = {value}");
        }
    }
    // Unknown parts of field 61 are zeros.
    let mut cancel = terminal.about(PRE_AUTH_CANCEL, 1000, &hold, &answer);
    cancel.set(61, "0000000000000000");
    terminal.sign(&mut cancel);
    assert_eq!(code(&mut host, &cancel), "00");
    assert_eq!(state(&host, &hold), BookingState::Cancelled);
    let completion = terminal.about(COMPLETION, 1000, &hold, &answer);
    assert_eq!(code(&mut host, &completion), "12");
    let reversal = terminal.reversal(&hold, "98");
    assert_eq!(code(&mut host, &reversal), "12");
}

#[test]
fn a_completion_cancel_opens_the_hold_and_its_reversal_closes_it() {
    let (mut host, mut terminal) = signed_in();
    let (hold, answer) = start(&mut host, &mut terminal, PRE_AUTH, 1000);
    let completion = terminal.about(COMPLETION, 1000, &hold, &answer);
    let completed = exchange(&mut host, &completion);
    let short = terminal.about(COMPLETION_CANCEL, 999, &completion, &completed);
    assert_eq!(code(&mut host, &short), "64");
    let of_hold = terminal.about(COMPLETION_CANCEL, 1000, &hold, &answer);
    assert_eq!(code(&mut host, &of_hold), "12");
    let cancel = terminal.about(COMPLETION_CANCEL, 1000, &completion, &completed);
    assert_eq!(code(&mut host, &cancel), "00");
    assert_eq!(
        (state(&host, &completion), state(&host, &hold)),
        (BookingState::Cancelled, BookingState::Booked)
    );
    assert_eq!(host.stats().standing_amount, 0);
    let reversal = terminal.reversal(&cancel, "98");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(
        (state(&host, &completion), state(&host, &hold)),
        (BookingState::Booked, BookingState::Completed)
    );
    assert_eq!(host.stats().standing_amount, 1000);
    let reversal = terminal.reversal(&completion, "98");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(
        (state(&host, &completion), state(&host, &hold)),
        (BookingState::Reversed, BookingState::Booked)
    );
    // An advice is not what a completion cancel is for.
    let advice = terminal.about(COMPLETION_ADVICE, 1000, &hold, &answer);
    let answer = exchange(&mut host, &advice);
    let cancel = terminal.about(COMPLETION_CANCEL, 1000, &advice, &answer);
    assert_eq!(code(&mut host, &cancel), "12");
    let refund = terminal.about(REFUND, 300, &advice, &answer);
    assert_eq!(code(&mut host, &refund), "00");
}
