//! Swiped cards: their tracks, and the chip that should have been read.

use crate::terminal::{PAN, Terminal, code, signed_in};
use posd_acquirer::Host;
use posd_acquirer::message::Message;

/// A sale by stripe without PIN, with this service code and this 60.5; not signed.
fn swiped(terminal: &mut Terminal, service_code: &str, condition: char) -> Message {
    let mut message = terminal.typed("0200/000000/00/22", 1000);
    message.set(22, "022");
    message.set(35, format!("{PAN}=3012{service_code}0000000000"));
    message.set(36, format!("99{PAN}=1561560000000000000000000000000000="));
    message.set(60, format!("22{:06}0006{condition}1", terminal.batch));
    message
}

fn answered(host: &mut Host, terminal: &Terminal, message: Message) -> String {
    code(host, &terminal.signed(message))
}

#[test]
fn a_stripe_is_taken_and_that_of_a_chip_card_as_a_fallback_only() {
    let (mut host, mut terminal) = signed_in();
    for (service_code, condition, expected) in [
        ("101", '0', "00"),
        ("520", '0', "00"),
        ("201", '0', "45"),
        ("620", '0', "45"),
        ("201", '2', "00"),
        ("620", '2', "00"),
    ] {
        let message = swiped(&mut terminal, service_code, condition);
        assert_eq!(answered(&mut host, &terminal, message), expected, "{service_code} {condition}");
    }
}

#[test]
fn a_stripe_has_a_track_and_nothing_of_a_chip() {
    let (mut host, mut terminal) = signed_in();
    let mut trackless = swiped(&mut terminal, "101", '0');
    trackless.fields.remove(&35);
    trackless.fields.remove(&36);
    assert_eq!(answered(&mut host, &terminal, trackless), "30");
    for (field, value) in [(23, b"001".to_vec()), (55, terminal.certificate(1000))] {
        let mut chip = swiped(&mut terminal, "101", '0');
        chip.set(field, value);
        assert_eq!(answered(&mut host, &terminal, chip), "30", "{field}");
    }
    let mut typed = terminal.typed("0200/000000/00/22", 1000);
    typed.set(60, format!("22{:06}000621", terminal.batch));
    assert_eq!(answered(&mut host, &terminal, typed), "30", "a fallback of no stripe");
}
