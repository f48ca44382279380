//! Every row of the table: what it must have, what it may not have, what it books.

use crate::terminal::{NOW, PAN, Terminal, code, exchange, frame, signed_in};
use posd_acquirer::message::Message;
use posd_acquirer::{AdjustmentAmount, BookingState, CardSide, Host, MessageKind, Settings, Switches};

pub(crate) const SALE: &str = "0200/000000/00/22";
pub(crate) const VOID: &str = "0200/200000/00/23";
pub(crate) const REFUND: &str = "0220/200000/00/25";
pub(crate) const PRE_AUTH: &str = "0100/030000/06/10";
pub(crate) const PRE_AUTH_CANCEL: &str = "0100/200000/06/11";
pub(crate) const COMPLETION: &str = "0200/000000/06/20";
pub(crate) const COMPLETION_ADVICE: &str = "0220/000000/06/24";
pub(crate) const COMPLETION_CANCEL: &str = "0200/200000/06/21";

/// Sells, or reserves, and gives request and answer.
pub(crate) fn start(host: &mut Host, terminal: &mut Terminal, key: &str, amount: u64) -> (Message, Message) {
    let request = terminal.typed(key, amount);
    let request = terminal.signed(request);
    let answer = exchange(host, &request);
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    (request, answer)
}

/// A good request of every kind, made on a host that holds what it is about.
fn one_of_each(host: &mut Host, terminal: &mut Terminal) -> Vec<(MessageKind, Message)> {
    use MessageKind::*;
    let mut all = Vec::new();
    for (kind, key) in [
        (Sale, SALE),
        (PreAuth, PRE_AUTH),
        (PhoneOrder, "0200/000000/08/22"),
        (Instalment, "0200/000000/64/22"),
    ] {
        let request = terminal.typed(key, 1000);
        all.push((kind, terminal.signed(request)));
    }
    let mut inquiry = terminal.typed("0200/310000/00/01", 0);
    inquiry.fields.remove(&4);
    all.push((BalanceInquiry, terminal.signed(inquiry)));
    let mut voice = terminal.typed("0220/000000/00/30", 1000);
    voice.set(38, "VOICE1");
    all.push((OfflineSettlement, terminal.signed(voice)));
    all.push((OfflineSale, offline_sale(terminal, 1000)));
    for (kind, key, begin) in [
        (Void, VOID, SALE),
        (Refund, REFUND, SALE),
        (Adjustment, "0220/000000/00/32", SALE),
        (Adjustment, "0220/000000/00/34", SALE),
        (PreAuthCancel, PRE_AUTH_CANCEL, PRE_AUTH),
        (Completion, COMPLETION, PRE_AUTH),
        (CompletionAdvice, COMPLETION_ADVICE, PRE_AUTH),
        (PhoneOrderVoid, "0200/200000/08/23", "0200/000000/08/22"),
        (PhoneOrderRefund, "0220/200000/08/25", "0200/000000/08/22"),
        (InstalmentVoid, "0200/200000/64/23", "0200/000000/64/22"),
    ] {
        let (request, answer) = start(host, terminal, begin, 1000);
        all.push((kind, terminal.about(key, 1000, &request, &answer)));
    }
    let (hold, answer) = start(host, terminal, PRE_AUTH, 1000);
    let completion = terminal.about(COMPLETION, 1000, &hold, &answer);
    let answer = exchange(host, &completion);
    all.push((CompletionCancel, terminal.about(COMPLETION_CANCEL, 1000, &completion, &answer)));
    all
}

pub(crate) fn offline_sale(terminal: &mut Terminal, amount: u64) -> Message {
    terminal.atc += 1;
    let mut sale = terminal.typed("0200/000000/00/36", amount);
    sale.set(22, "052");
    sale.set(23, "001");
    sale.set(55, terminal.certificate(amount));
    terminal.signed(sale)
}

#[test]
fn each_kind_is_known_booked_and_answered() {
    let (mut host, mut terminal) = signed_in();
    for (kind, request) in one_of_each(&mut host, &mut terminal) {
        let before = host.ledger().bookings.len();
        let deliveries = host.receive(&request.encode(), NOW);
        let answer = Message::decode(frame(&deliveries)).unwrap();
        let entry = host.log().last().unwrap();
        assert_eq!((entry.kind, answer.text(39)), (kind, Some("00")), "{entry:?}");
        assert!(terminal.mac_is_right(frame(&deliveries)));
        let answer_mti: u32 = request.mti.parse::<u32>().unwrap() + 10;
        assert_eq!(answer.mti, format!("{answer_mti:04}"));
        let is_refund = matches!(kind, MessageKind::Refund | MessageKind::PhoneOrderRefund);
        let is_inquiry = kind == MessageKind::BalanceInquiry;
        assert_eq!(answer.field(38).is_none(), is_refund || is_inquiry, "{kind:?}");
        assert_eq!(answer.field(54).is_some(), is_inquiry);
        assert_eq!(host.ledger().bookings.len() - before, usize::from(!is_inquiry), "{kind:?}");
        if !is_inquiry {
            let booking = host.ledger().bookings.last().unwrap();
            assert_eq!((booking.kind, booking.amount, booking.state), (kind, 1000, BookingState::Booked));
            assert_eq!(booking.side, CardSide::Domestic);
            assert_eq!(Some(booking.rrn.as_str()), answer.text(37));
        }
    }
}

#[test]
fn answers_have_the_fields_of_the_reference_and_no_others() {
    let sale =
        [2, 3, 4, 11, 12, 13, 14, 15, 23, 25, 32, 37, 38, 39, 41, 42, 44, 49, 53, 54, 55, 59, 60, 63, 64];
    let inquiry = [2, 3, 11, 12, 13, 14, 23, 25, 32, 37, 39, 41, 42, 44, 49, 53, 54, 55, 60, 63, 64];
    let reversal = [2, 3, 4, 11, 12, 13, 14, 15, 23, 25, 32, 37, 39, 41, 42, 44, 49, 55, 60, 64];
    let (mut host, mut terminal) = signed_in();
    for (kind, request) in one_of_each(&mut host, &mut terminal) {
        let allowed: &[u8] = if kind == MessageKind::BalanceInquiry { &inquiry } else { &sale };
        // Not every message has these.
        let conditional = [14, 23, 38, 53, 54, 55, 59];
        let check = |answer: &Message, allowed: &[u8]| {
            let given: Vec<u8> = answer.fields.keys().copied().collect();
            assert!(given.iter().all(|field| allowed.contains(field)), "{kind:?}: {given:?}");
            let missing: Vec<_> = allowed
                .iter()
                .filter(|field| !given.contains(field) && !conditional.contains(field))
                .collect();
            assert!(missing.is_empty(), "{kind:?}: {missing:?} missing");
        };
        let answer = exchange(&mut host, &request);
        check(&answer, allowed);
        let answer = exchange(&mut host, &terminal.reversal(&request, "98"));
        if answer.text(39) == Some("00") {
            check(&answer, &reversal);
        }
    }
}

#[test]
fn a_missing_field_and_one_too_many_are_format_errors_in_each_kind() {
    let (mut host, mut terminal) = signed_in();
    for (kind, request) in one_of_each(&mut host, &mut terminal) {
        let before = host.ledger().bookings.len();
        for field in request.fields.keys().copied().collect::<Vec<_>>() {
            // These may be missing, or their absence has a code of its own.
            if matches!(field, 14 | 23 | 41 | 42 | 60 | 64) {
                continue;
            }
            let mut short = request.clone();
            short.fields.remove(&field);
            terminal.sign(&mut short);
            let wanted = if field == 3 { "40" } else { "30" };
            assert_eq!(code(&mut host, &short), wanted, "{kind:?} without {field}: {:?}", host.log().last());
        }
        for (field, value) in [(39, "00"), (44, "002"), (48, "0000"), (54, "0"), (58, "0"), (15, "1124")] {
            let mut long = request.clone();
            long.set(field, value);
            terminal.sign(&mut long);
            assert_eq!(code(&mut host, &long), "30", "{kind:?} with {field}");
            assert!(host.log().last().unwrap().note.contains("does not belong"));
        }
        if kind == MessageKind::Refund || kind == MessageKind::BalanceInquiry {
            let mut long = request.clone();
            long.set(57, "0");
            terminal.sign(&mut long);
            assert_eq!(code(&mut host, &long), "30", "{kind:?} with 57");
        }
        if matches!(kind, MessageKind::Sale | MessageKind::PreAuth | MessageKind::OfflineSale) {
            let mut long = request.clone();
            long.set(61, "000001000001");
            terminal.sign(&mut long);
            assert_eq!(code(&mut host, &long), "30", "{kind:?} with 61");
        }
        let mut unsigned = request.clone();
        unsigned.fields.remove(&64);
        assert_eq!(code(&mut host, &unsigned), "A0", "{kind:?}");
        let mut other = request.clone();
        other.set(60, request.text(60).unwrap().replace("000001", "000009"));
        terminal.sign(&mut other);
        assert_eq!(code(&mut host, &other), "77", "{kind:?}");
        let mut other = request.clone();
        other.set(25, "59");
        terminal.sign(&mut other);
        assert_eq!(code(&mut host, &other), "40", "{kind:?}");
        assert_eq!(host.ledger().bookings.len(), before, "{kind:?}");
        // Nothing of this used the trace number up.
        assert_eq!(code(&mut host, &request), "00", "{kind:?}: {:?}", host.log().last());
    }
}

#[test]
fn each_reversible_kind_is_reversed_once_and_no_other_is() {
    let (mut host, mut terminal) = signed_in();
    for (kind, request) in one_of_each(&mut host, &mut terminal) {
        let before: Vec<_> = host.ledger().bookings.iter().map(|booking| booking.state).collect();
        let holds = host.stats().standing_amount;
        assert_eq!(code(&mut host, &request), "00", "{kind:?}");
        let mut reversal = terminal.reversal(&request, "98");
        if kind == MessageKind::BalanceInquiry {
            reversal.set(4, "000000000000");
            terminal.sign(&mut reversal);
        }
        use MessageKind::*;
        let never = [
            BalanceInquiry,
            Refund,
            CompletionAdvice,
            OfflineSettlement,
            Adjustment,
            OfflineSale,
            PhoneOrderRefund,
        ];
        if never.contains(&kind) {
            assert_eq!(code(&mut host, &reversal), "12", "{kind:?}");
            continue;
        }
        assert_eq!(code(&mut host, &reversal), "00", "{kind:?}: {:?}", host.log().last());
        assert_eq!(code(&mut host, &reversal), "00", "{kind:?}");
        let after: Vec<_> = host.ledger().bookings.iter().map(|booking| booking.state).collect();
        assert_eq!(after[..before.len()], before, "{kind:?} is undone");
        assert_eq!(after[before.len()..], [BookingState::Reversed]);
        assert_eq!(host.stats().standing_amount, holds, "{kind:?}");
        assert_eq!(code(&mut host, &request), "94", "{kind:?} again");
    }
}

#[test]
fn a_reversal_that_comes_first_is_remembered_for_each_kind() {
    let (mut host, mut terminal) = signed_in();
    for (kind, request) in one_of_each(&mut host, &mut terminal) {
        let reversal = terminal.reversal(&request, "98");
        if code(&mut host, &reversal) == "25" {
            let before = host.ledger().bookings.clone();
            assert_eq!(code(&mut host, &request), "22", "{kind:?}");
            assert_eq!(host.ledger().bookings, before);
            assert!(host.ledger().refusals.last().unwrap().late_original);
        }
    }
    assert_eq!(host.stats().late_originals, 10);
}

#[test]
fn a_reversal_of_another_kind_reverses_nothing() {
    let (mut host, mut terminal) = signed_in();
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let mut reversal = terminal.reversal(&sale, "98");
    reversal.set(25, "64");
    terminal.sign(&mut reversal);
    assert_eq!(code(&mut host, &reversal), "12");
    reversal.set(25, "33");
    terminal.sign(&mut reversal);
    assert_eq!(code(&mut host, &reversal), "30");
    let void = terminal.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &void), "00");
    let mut reversal = terminal.reversal(&void, "98");
    reversal.fields.remove(&61);
    terminal.sign(&mut reversal);
    assert_eq!(code(&mut host, &reversal), "30");
    // The sale itself has changed: the void has to be reversed first.
    let reversal = terminal.reversal(&sale, "98");
    assert_eq!(code(&mut host, &reversal), "12");
    assert_eq!(
        host.ledger().booking("00000001", 1, sale.part(11, 0, 6).unwrap()).unwrap().state,
        BookingState::Voided
    );
}

#[test]
fn advices_are_booked_once_and_may_come_again_after_a_refusal() {
    use posd_acquirer::{Fault, Rule};
    let (mut host, mut terminal) = signed_in();
    let sale = offline_sale(&mut terminal, 500);
    host.add_fault(Rule::once(Fault::Decline { code: "96".into() }, MessageKind::OfflineSale));
    assert_eq!(code(&mut host, &sale), "96");
    assert_eq!(code(&mut host, &sale), "00");
    assert_eq!(code(&mut host, &sale), "94");
    let mut other = sale.clone();
    other.set(2, "6212340000000027");
    terminal.sign(&mut other);
    assert_eq!(code(&mut host, &other), "12");
    assert_eq!(host.ledger().bookings.len(), 1);
    let (request, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let refund = terminal.about(REFUND, 400, &request, &answer);
    assert_eq!((code(&mut host, &refund), code(&mut host, &refund)), ("00".into(), "94".into()));
    assert_eq!(host.ledger().bookings[1].refunded, 400);
}

#[test]
fn an_expired_card_is_declined_online_and_was_valid_when_an_advice_tells_of_it() {
    let (mut host, mut terminal) = signed_in();
    let mut sale = terminal.typed(SALE, 1000);
    sale.set(14, "2610");
    let sale = terminal.signed(sale);
    assert_eq!(code(&mut host, &sale), "54");
    let mut voice = terminal.typed("0220/000000/00/30", 1000);
    voice.set(14, "2610");
    voice.set(38, "VOICE1");
    let voice = terminal.signed(voice);
    assert_eq!(exchange(&mut host, &voice).text(38), Some("VOICE1"));
    assert_eq!(host.ledger().bookings.len(), 1);
}

#[test]
fn an_offline_sale_needs_a_right_certificate() {
    let (mut host, mut terminal) = signed_in();
    let good = offline_sale(&mut terminal, 500);
    let field = good.field(55).unwrap();
    let mut wrong = field.to_vec();
    wrong[5] ^= 1;
    let mut request = field.to_vec();
    request[14] = 0x80;
    let cut = &field[..field.len() - 5];
    for (data, wanted) in [(wrong.as_slice(), "59"), (&request, "59"), (cut, "30")] {
        let mut bad = good.clone();
        bad.set(55, data);
        terminal.sign(&mut bad);
        assert_eq!(code(&mut host, &bad), wanted, "{:?}", host.log().last());
    }
    let mut pin = good.clone();
    pin.set(52, [0; 8]);
    terminal.sign(&mut pin);
    assert_eq!(code(&mut host, &pin), "30");
    assert_eq!(code(&mut host, &good), "00");
    let booking = &host.ledger().bookings[0];
    assert_eq!((booking.kind, booking.atc.as_deref()), (MessageKind::OfflineSale, Some("0001")));
}

#[test]
fn a_phone_order_is_typed_and_a_chip_transaction_says_its_type() {
    let (mut host, mut terminal) = signed_in();
    let mut order = terminal.typed("0200/000000/08/22", 1000);
    order.set(22, "022");
    let order = terminal.signed(order);
    assert_eq!(code(&mut host, &order), "30");
    let mut hold = terminal.sale(1000);
    for (field, value) in [(3, "030000"), (25, "06"), (60, "10000001000601")] {
        hold.set(field, value);
    }
    hold.mti = "0100".into();
    let hold = terminal.signed(hold);
    assert_eq!(code(&mut host, &hold), "30");
    assert!(host.log().last().unwrap().note.contains("9C"));
}

#[test]
fn balance_and_wrong_pin() {
    let (mut host, mut terminal) = signed_in();
    terminal.pin = Some("1234".into());
    let mut inquiry = terminal.sale(0);
    inquiry.fields.remove(&4);
    inquiry.set(3, "310000");
    inquiry.set(22, "021");
    inquiry.set(35, format!("{PAN}=30121200000000000"));
    for field in [23, 55] {
        inquiry.fields.remove(&field);
    }
    inquiry.set(60, "01000001000601");
    let inquiry = terminal.signed(inquiry);
    let answer = exchange(&mut host, &inquiry);
    assert_eq!(answer.text(54), Some("1002156C000001000000"), "{:?}", host.log().last());
    assert!(answer.field(4).is_none() && answer.field(15).is_none());
    assert_eq!(code(&mut host, &inquiry), "94");
    let mut wrong = inquiry.clone();
    wrong.set(11, "000900");
    wrong.set(52, [3; 8]);
    terminal.sign(&mut wrong);
    assert_eq!(code(&mut host, &wrong), "99");
}

#[test]
fn an_adjustment_says_what_is_paid_more_or_in_all() {
    let switches = Switches { adjustment_amount: AdjustmentAmount::Total, ..Switches::default() };
    for (settings, tips) in [
        (Settings::default(), [(150, "00", 150), (2000, "00", 2000)]),
        (Settings { switches, ..Settings::default() }, [(1150, "00", 150), (900, "64", 0)]),
    ] {
        let mut host = Host::new(settings).unwrap();
        let mut terminal = Terminal::default();
        terminal.sign_in(&mut host);
        for (amount, wanted, extra) in tips {
            let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
            let tip = terminal.about("0220/000000/00/34", amount, &sale, &answer);
            assert_eq!(code(&mut host, &tip), wanted);
            let booked = host.ledger().bookings.last().filter(|last| last.kind == MessageKind::Adjustment);
            assert_eq!(booked.map_or(0, |tip| tip.amount), extra);
        }
    }
}

#[test]
fn cents_choose_the_outcome_of_what_an_issuer_decides_only() {
    let (mut host, mut terminal) = signed_in();
    for key in [SALE, PRE_AUTH, "0200/000000/64/22", "0200/000000/08/22"] {
        let request = terminal.typed(key, 151);
        let request = terminal.signed(request);
        assert_eq!(code(&mut host, &request), "51", "{key}");
    }
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let refund = terminal.about(REFUND, 151, &sale, &answer);
    assert_eq!(code(&mut host, &refund), "00");
    let card = host.ledger().bookings[0].card.clone();
    assert!(host.ledger().bookings.iter().all(|booking| booking.card == card && !booking.pan.contains(PAN)));
}
