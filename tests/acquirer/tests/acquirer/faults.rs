//! Each fault, in memory.

use crate::terminal::{NOW, Terminal, code, exchange, frame, signed_in};
use posd_acquirer::cipher::Key;
use posd_acquirer::message::Message;
use posd_acquirer::{Action, Delivery, Fault, Host, MessageKind, Rule, tlv};

/// A sale under one fault: what came of it, and the good answer's terminal to check MACs with.
fn sell(fault: Fault) -> (Host, Terminal, Vec<Delivery>) {
    let (mut host, mut terminal) = signed_in();
    host.add_fault(Rule::once(fault, MessageKind::Sale));
    let sale = terminal.sale(1234);
    let deliveries = host.receive(&sale.encode(), NOW);
    assert_eq!(host.stats().faults, 1);
    (host, terminal, deliveries)
}

fn booked(host: &Host) -> usize {
    host.ledger().standing().count()
}

#[test]
fn delay_and_late_answer_after_their_time() {
    let (host, _, deliveries) = sell(Fault::Delay { ms: 5000 });
    assert!(matches!(deliveries[..], [Delivery { after_ms: 5000, action: Action::Send(_) }]));
    assert_eq!(booked(&host), 1);
    let (host, _, deliveries) = sell(Fault::Late { ms: 70_000 });
    assert!(matches!(deliveries[..], [Delivery { after_ms: 70_000, action: Action::SendStray(_) }]));
    assert_eq!(booked(&host), 1);
}

#[test]
fn a_dropped_request_is_not_booked_and_a_dropped_answer_is() {
    let (host, _, deliveries) = sell(Fault::DropRequest);
    assert!(deliveries.is_empty());
    assert_eq!(booked(&host), 0);
    let (host, _, deliveries) = sell(Fault::DropAnswer);
    assert!(deliveries.is_empty());
    assert_eq!(booked(&host), 1);
}

#[test]
fn closing_before_and_after_booking() {
    let closed = [Delivery { after_ms: 0, action: Action::Close }];
    let (host, _, deliveries) = sell(Fault::CloseBefore);
    assert_eq!((deliveries.as_slice(), booked(&host)), (closed.as_slice(), 0));
    let (host, _, deliveries) = sell(Fault::CloseAfter);
    assert_eq!((deliveries.as_slice(), booked(&host)), (closed.as_slice(), 1));
    let (host, _, deliveries) = sell(Fault::CloseMidway);
    assert!(matches!(deliveries[..], [Delivery { action: Action::SendPart { .. }, .. }, _]));
    assert_eq!((&deliveries[1], booked(&host)), (&closed[0], 1));
}

#[test]
fn a_held_request_that_its_reversal_overtakes_is_refused() {
    let (mut host, mut terminal) = signed_in();
    host.add_fault(Rule::always(Fault::HoldRequest { ms: 900 }, MessageKind::Sale));
    let sale = terminal.sale(1234);
    let deliveries = host.receive(&sale.encode(), NOW);
    let [Delivery { after_ms: 900, action: Action::Receive(held) }] = deliveries.as_slice() else {
        panic!("{deliveries:?}")
    };
    assert_eq!(booked(&host), 0);
    let reversal = terminal.reversal(&sale, "98");
    assert_eq!(code(&mut host, &reversal), "25");
    let answer = Message::decode(frame(&host.receive_held(held, NOW))).unwrap();
    assert_eq!((answer.text(39), booked(&host)), (Some("22"), 0));
}

#[test]
fn a_duplicate_answer_is_the_same_answer() {
    let (_, terminal, deliveries) = sell(Fault::Duplicate { ms: 20 });
    assert_eq!(deliveries.iter().map(|delivery| delivery.after_ms).collect::<Vec<_>>(), [0, 20]);
    assert_eq!(deliveries[0].action, deliveries[1].action);
    assert!(terminal.mac_is_right(deliveries[1].frame().unwrap()));
}

#[test]
fn garbled_and_truncated_answers_are_not_the_answer() {
    let (_, mut terminal, plain) = sell(Fault::Delay { ms: 0 });
    let plain = plain[0].frame().unwrap().to_vec();
    terminal.trace = 0;
    let (_, _, deliveries) = sell(Fault::Garble { bytes: 2 });
    let garbled = deliveries[0].frame().unwrap();
    assert_eq!(garbled.len(), plain.len());
    assert_ne!(garbled, plain);
    let (_, _, deliveries) = sell(Fault::Truncate { bytes: 4 });
    assert_eq!(frame(&deliveries), &plain[..plain.len() - 4]);
    assert!(Message::decode(frame(&deliveries)).is_err());
}

#[test]
fn a_wrong_mac_is_wrong_and_a_missing_one_missing() {
    let (host, terminal, deliveries) = sell(Fault::WrongMac);
    assert!(!terminal.mac_is_right(frame(&deliveries)));
    assert_eq!(Message::decode(frame(&deliveries)).unwrap().text(39), Some("00"));
    assert_eq!(booked(&host), 1);
    let (_, _, deliveries) = sell(Fault::MissingMac);
    assert!(Message::decode(frame(&deliveries)).unwrap().field(64).is_none());
}

#[test]
fn a_wrong_field_has_a_right_mac() {
    let (_, _, plain) = sell(Fault::Delay { ms: 0 });
    let plain = Message::decode(frame(&plain)).unwrap();
    for (fault, field) in [
        (Fault::WrongTrace, 11),
        (Fault::WrongTerminal, 41),
        (Fault::WrongMerchant, 42),
        (Fault::WrongAmount, 4),
        (Fault::WrongArpc, 55),
        (Fault::MissingField55, 55),
    ] {
        let (host, terminal, deliveries) = sell(fault);
        let answer = Message::decode(frame(&deliveries)).unwrap();
        for other in [4, 11, 39, 41, 42, 55] {
            assert_eq!(answer.field(other) == plain.field(other), other != field, "field {other}");
        }
        assert!(terminal.mac_is_right(frame(&deliveries)));
        assert_eq!(booked(&host), 1);
    }
    let (_, terminal, deliveries) = sell(Fault::WrongMti);
    assert_eq!(Message::decode(frame(&deliveries)).unwrap().mti, "0230");
    assert!(terminal.mac_is_right(frame(&deliveries)));
}

#[test]
fn a_wrong_arpc_keeps_the_tag_whole() {
    let (_, _, deliveries) = sell(Fault::WrongArpc);
    let answer = Message::decode(frame(&deliveries)).unwrap();
    let objects = tlv::parse(answer.field(55).unwrap()).unwrap();
    assert_eq!(tlv::find(&objects, 0x91).unwrap()[8..], *b"00");
}

#[test]
fn a_wrong_check_value_at_sign_in() {
    let (mut host, mut terminal) = signed_in();
    host.add_fault(Rule::once(Fault::WrongCheckValue, MessageKind::SignIn));
    let request = terminal.sign_in_request("003");
    let wrong = exchange(&mut host, &request).field(62).unwrap().to_vec();
    let key = Key::Double(
        [0, 8]
            .map(|at| terminal.master.decrypt(wrong[at..at + 8].try_into().unwrap()))
            .concat()
            .try_into()
            .unwrap(),
    );
    assert_ne!(key.check_value(), wrong[16..20]);
    assert_eq!(key.check_value()[1..], wrong[17..20]);
    // The next sign-in is right again.
    terminal.sign_in(&mut host);
}

#[test]
fn slow_bytes_and_header_digit() {
    let (_, _, deliveries) = sell(Fault::SlowBytes { gap_ms: 3 });
    assert!(matches!(deliveries[..], [Delivery { action: Action::SendSlowly { gap_ms: 3, .. }, .. }]));
    let (_, terminal, deliveries) = sell(Fault::Header { digit: 3 });
    assert_eq!(Message::decode(frame(&deliveries)).unwrap().header[2], 0x03);
    assert!(terminal.mac_is_right(frame(&deliveries)));
}

#[test]
fn a_forced_decline_books_nothing() {
    let (host, terminal, deliveries) = sell(Fault::Decline { code: "61".into() });
    assert_eq!(Message::decode(frame(&deliveries)).unwrap().text(39), Some("61"));
    assert!(terminal.mac_is_right(frame(&deliveries)));
    assert_eq!((booked(&host), host.ledger().refusals.len()), (0, 1));
}

#[test]
fn a_forced_decline_of_a_reversal_reverses_nothing() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1234);
    assert_eq!(code(&mut host, &sale), "00");
    host.add_fault(Rule::once(Fault::Decline { code: "96".into() }, MessageKind::Reversal));
    let reversal = terminal.reversal(&sale, "98");
    assert_eq!(code(&mut host, &reversal), "96");
    assert_eq!(booked(&host), 1);
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(booked(&host), 0);
}

#[test]
fn no_answer_to_reversals_until_cleared() {
    let (mut host, mut terminal) = signed_in();
    host.add_fault(Rule::always(Fault::DropRequest, MessageKind::Reversal));
    let sale = terminal.sale(1234);
    assert_eq!(code(&mut host, &sale), "00");
    let reversal = terminal.reversal(&sale, "98");
    for _ in 0..5 {
        assert!(host.receive(&reversal.encode(), NOW).is_empty());
    }
    assert_eq!(booked(&host), 1);
    host.clear_faults();
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(booked(&host), 0);
}

#[test]
fn faults_strike_their_kind_and_their_count_only() {
    let (mut host, mut terminal) = signed_in();
    host.add_fault(Rule { fault: Fault::DropAnswer, message: None, count: Some(2) });
    let echo = terminal.management("0820", "301");
    assert!(host.receive(&echo.encode(), NOW).is_empty());
    let sale = terminal.sale(1234);
    assert!(host.receive(&sale.encode(), NOW).is_empty());
    assert_eq!(code(&mut host, &echo), "00");
    host.add_fault(Rule::once(Fault::DropAnswer, MessageKind::Sale));
    assert_eq!(code(&mut host, &echo), "00");
}
