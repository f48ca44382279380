//! The card in the field, command by command.

use posd_card::{Card, Fault, Misbehaviour, Profile, When, issuer, tlv};

const PROXIMITY: &[u8] = b"2PAY.SYS.DDF01";
const AID: [u8; 8] = [0xA0, 0, 0, 3, 0x33, 1, 1, 1];

/// A card in the field.
fn held(profile: Profile) -> Card {
    let mut card = Card::new(profile);
    card.hold_to_field(true);
    card.reset();
    card
}

fn select(card: &mut Card, name: &[u8]) -> Vec<u8> {
    card.transmit(&[&[0x00, 0xA4, 0x04, 0x00, name.len() as u8], name, &[0x00]].concat())
}

/// GET PROCESSING OPTIONS with these qualifiers, for 10.00.
fn open(card: &mut Card, qualifiers: [u8; 4]) -> Vec<u8> {
    select(card, &AID);
    let data = [
        &qualifiers[..],
        &[0, 0, 0, 0, 0x10, 0x00],
        &[0; 6],
        &[0x01, 0x56],
        &[0; 5],
        &[0x01, 0x56],
        &[0x26, 0x11, 0x24],
        &[0x00],
        &[1, 2, 3, 4],
    ]
    .concat();
    let field = tlv::object(0x83, &data);
    card.transmit(&[&[0x80, 0xA8, 0x00, 0x00, field.len() as u8], &field[..], &[0x00]].concat())
}

#[test]
fn the_directory_of_the_field_is_not_that_of_the_contacts() {
    let mut card = held(Profile::quick_pass());
    let answer = select(&mut card, PROXIMITY);
    assert_eq!(tlv::find(&answer, 0x4F), Some(&AID[..]));
    assert_eq!(select(&mut card, b"1PAY.SYS.DDF01"), [0x6A, 0x82]);
    let mut inserted = Card::new(Profile::quick_pass());
    inserted.reset();
    assert_eq!(select(&mut inserted, PROXIMITY), [0x6A, 0x82]);
    assert_eq!(select(&mut held(Profile::debit()), PROXIMITY), [0x6A, 0x82], "it takes no taps");
}

#[test]
fn one_answer_holds_everything_and_its_cryptogram_is_the_issuers() {
    let mut card = held(Profile::phone());
    let answer = open(&mut card, [0x27, 0x80, 0x40, 0x80]);
    assert_eq!(tlv::find(&answer, 0x9F27), Some(&[0x80][..]));
    assert_eq!(tlv::find(&answer, 0x9F6C), Some(&[0x00, 0x80][..]));
    let issued = card.last_arqc().unwrap();
    assert_eq!(tlv::find(&answer, 0x9F26), Some(&issued.value[..]));
    assert!(issuer::verify_tc(
        &issuer::MASTER_KEY,
        &issued.pan,
        issued.sequence,
        &issued.input,
        issued.value
    ));
    assert_eq!(tlv::find(&answer, 0x9F4B).map(<[u8]>::len), Some(128));
    assert_eq!(card.transmit(&[0x80, 0xAE, 0x80, 0x00, 0x00]), [0x69, 0x85], "no GENERATE AC follows");
}

#[test]
fn a_terminal_that_cannot_do_quick_pass_is_refused() {
    assert_eq!(open(&mut held(Profile::quick_pass()), [0x06, 0x80, 0, 0]), [0x69, 0x85]);
}

#[test]
fn electronic_cash_is_paid_with_the_last_record_and_only_then() {
    let mut card = held(Profile::cash());
    let answer = open(&mut card, [0x26, 0x00, 0x40, 0x80]);
    assert_eq!(tlv::find(&answer, 0x9F5D), Some(&[0, 0, 0, 0x05, 0, 0][..]));
    for (record, file) in [(1, 2), (1, 4), (2, 4), (3, 4)] {
        assert!(card.transmit(&[0x00, 0xB2, record, file << 3 | 4, 0x00]).ends_with(&[0x90, 0x00]));
        assert_eq!(card.balance(0), 50_000);
    }
    card.transmit(&[0x00, 0xB2, 1, 5 << 3 | 4, 0x00]);
    assert_eq!(card.balance(0), 49_000);
    card.transmit(&[0x00, 0xB2, 1, 5 << 3 | 4, 0x00]);
    assert_eq!(card.balance(0), 49_000, "once");
    let again = open(&mut card, [0x26, 0x80, 0x40, 0x80]);
    assert_eq!(tlv::find(&again, 0x9F36), Some(&[0, 2][..]));
    assert!(
        tlv::find(&again, 0x9F10).is_some_and(|data| data[4] & 0x30 == 0x20),
        "online where it is asked to"
    );
}

#[test]
fn a_lie_about_one_element_leaves_the_others() {
    let mut card = held(Profile::quick_pass());
    card.misbehave(Misbehaviour::new(When::Always, Fault::FlipElement(0x9F6C, 0)));
    let answer = open(&mut card, [0x27, 0x80, 0x40, 0x80]);
    assert_eq!(tlv::find(&answer, 0x9F6C), Some(&[0x00, 0x00][..]));
    assert_eq!(tlv::find(&answer, 0x82), Some(&[0x20, 0x00][..]));
    assert!(answer.ends_with(&[0x90, 0x00]));
}
