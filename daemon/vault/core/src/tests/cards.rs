//! The card, and the commands that only the vault may send it.

use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use posd_vault_protocol::{
    DeviceState, Notice, OfflinePin, Refusal, Reply, Request, Slot, VERSION, VerifyMethod,
};
use zeroize::Zeroizing;

use super::{Bench, STORAGE, bytes, core, prompt};
use crate::{CardFault, Input, Key, Output};

fn answer(hex: &str) -> Input {
    Input::Answered(Ok(Zeroizing::new(bytes(hex))))
}

fn transmit(hex: &str) -> Request {
    Request::Transmit { apdu: bytes(hex) }
}

#[test]
fn hello_must_come_first_and_fit() {
    let mut bench = Bench::empty();
    assert_eq!(bench.refusal(Request::Hello { version: VERSION + 1 }), Refusal::Version);
    bench.input(Input::Disconnected);
    bench.input(Input::Connected);
    assert_eq!(bench.refusal(Request::Status), Refusal::Version);
    bench.input(Input::Card(Slot::Contact, true));
    assert!(bench.notices().is_empty(), "nothing is told to a stranger");
    assert!(matches!(bench.ask(Request::Hello { version: VERSION }), Reply::Status(_)));
    assert_eq!(bench.notices(), [Notice::Card(Slot::Contact, true), Notice::Card(Slot::Contactless, false)]);
}

#[test]
fn nothing_is_answered_without_a_connection() {
    let mut core = core(Some(STORAGE), None);
    assert!(core.handle(Input::Request(1, Request::Hello { version: VERSION }), 0).is_empty());
}

#[test]
fn devices_are_told_when_they_change() {
    let mut bench = Bench::empty();
    bench.input(Input::Card(Slot::Contact, true));
    bench.input(Input::Card(Slot::Contact, true));
    bench.input(Input::PinPad(DeviceState::Faulty));
    bench.input(Input::Reader(Slot::Contact, DeviceState::Missing));
    assert_eq!(
        bench.notices(),
        [
            Notice::Card(Slot::Contact, true),
            Notice::PinPad(DeviceState::Faulty),
            Notice::Card(Slot::Contact, false),
            Notice::Reader(Slot::Contact, DeviceState::Missing)
        ]
    );
    let status = bench.status();
    assert_eq!(
        (status.reader, status.pin_pad, status.card_present),
        (DeviceState::Missing, DeviceState::Faulty, false)
    );
}

#[test]
fn command_and_answer_pass() {
    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, transmit("00A4040000")));
    assert_eq!(bench.transmitted, [bytes("00A4040000")]);
    bench.input(answer("6F009000"));
    assert!(matches!(bench.reply(1), Some(Reply::Card(answer)) if answer == bytes("6F009000")));
}

#[test]
fn verify_from_posd_is_refused_in_every_class() {
    let mut bench = Bench::with_card();
    for class in 0..=255 {
        for instruction in [0x20, 0x21] {
            let apdu = vec![class, instruction, 0, 0x80, 8, 0x24, 0x12, 0x34, 255, 255, 255, 255, 255];
            assert_eq!(bench.refusal(Request::Transmit { apdu }), Refusal::Forbidden);
        }
    }
    assert_eq!(bench.refusal(transmit("00A404")), Refusal::Forbidden);
    assert_eq!(bench.refusal(Request::Transmit { apdu: vec![0; 262] }), Refusal::Forbidden);
    assert!(bench.transmitted.is_empty());
}

#[test]
fn card_faults_have_names() {
    let mut bench = Bench::keyed();
    assert_eq!(bench.refusal(Request::PowerOn { slot: Slot::Contact }), Refusal::NoCard);
    assert_eq!(bench.refusal(transmit("00A4040000")), Refusal::NoCard);
    bench.input(Input::Card(Slot::Contact, true));
    assert_eq!(bench.refusal(transmit("00A4040000")), Refusal::CardRemoved);
    bench.input(Input::Request(1, Request::PowerOn { slot: Slot::Contact }));
    bench.input(Input::Powered(Err(CardFault::Mute)));
    assert!(matches!(bench.reply(1), Some(Reply::Refused(Refusal::CardMute))));
    bench.input(Input::Reader(Slot::Contact, DeviceState::Missing));
    assert_eq!(bench.refusal(Request::PowerOn { slot: Slot::Contact }), Refusal::NoReader);

    let mut bench = Bench::with_card();
    for (fault, refusal) in [
        (CardFault::Mute, Refusal::CardMute),
        (CardFault::Removed, Refusal::CardRemoved),
        (CardFault::NoReader, Refusal::NoReader),
        (CardFault::NoCard, Refusal::NoCard),
    ] {
        bench.input(Input::Request(1, transmit("00A4040000")));
        bench.input(Input::Answered(Err(fault)));
        assert!(matches!(bench.reply(1), Some(Reply::Refused(found)) if found == refusal));
    }
    // An answer without a status word is none.
    bench.input(Input::Request(1, transmit("00A4040000")));
    bench.input(answer("90"));
    assert!(matches!(bench.reply(1), Some(Reply::Refused(Refusal::CardMute))));
}

#[test]
fn answer_for_a_client_that_left_goes_to_nobody() {
    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, transmit("00A4040000")));
    bench.input(Input::Disconnected);
    bench.input(Input::Connected);
    bench.ask(Request::Hello { version: VERSION });
    bench.out.clear();
    bench.input(answer("9000"));
    assert!(bench.out.is_empty());

    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, Request::PowerOn { slot: Slot::Contact }));
    bench.input(Input::Disconnected);
    bench.out.clear();
    bench.input(Input::Powered(Ok(vec![0x3B])));
    assert!(matches!(bench.out[..], [Output::PowerOff]), "the card does not stay on for nobody");
}

#[test]
fn plaintext_verify_is_built_and_sent_inside() {
    let mut bench = Bench::with_card();
    let request = Request::VerifyOfflinePin { prompt: prompt(), method: VerifyMethod::Plaintext };
    bench.input(Input::Request(1, request));
    bench.press("12345");
    assert!(bench.transmitted.is_empty());
    bench.input(Input::Key(Key::Enter));
    assert_eq!(bench.transmitted, [bytes("0020008008 2512345FFFFFFFFF")]);
    bench.input(answer("63C2"));
    assert!(matches!(bench.reply(1), Some(Reply::OfflinePin(OfflinePin::Status(0x63C2)))));
}

#[test]
fn verify_needs_a_powered_card() {
    let mut bench = Bench::keyed();
    bench.input(Input::Card(Slot::Contact, true));
    let request = Request::VerifyOfflinePin { prompt: prompt(), method: VerifyMethod::Plaintext };
    assert_eq!(bench.refusal(request), Refusal::CardRemoved);
}

#[test]
fn each_reader_has_a_card_of_its_own_and_one_is_on_at_a_time() {
    let mut bench = Bench::with_card();
    let tap = Request::PowerOn { slot: Slot::Contactless };
    assert_eq!(bench.refusal(tap), Refusal::NoReader);
    bench.input(Input::Reader(Slot::Contactless, DeviceState::Ready));
    assert_eq!(bench.refusal(Request::PowerOn { slot: Slot::Contactless }), Refusal::NoCard);
    bench.input(Input::Card(Slot::Contactless, true));
    let status = bench.status();
    assert!(status.card_present && status.card_in_field && status.contactless == DeviceState::Ready);
    bench.out.clear();
    bench.input(Input::Request(1, Request::PowerOn { slot: Slot::Contactless }));
    assert!(matches!(bench.out[..], [Output::PowerOff, Output::PowerOn(Slot::Contactless)]));
    bench.input(Input::Powered(Ok(vec![0x3B])));
    bench.out.clear();
    // The other card's leaving is nothing to this one.
    bench.input(Input::Card(Slot::Contact, false));
    bench.input(Input::Request(2, transmit("00A4040000")));
    assert!(matches!(bench.out[..], [Output::Notice(_)]) && bench.transmitted == [bytes("00A4040000")]);
    bench.input(answer("9000"));
    bench.input(Input::Card(Slot::Contactless, false));
    assert_eq!(bench.refusal(transmit("00A4040000")), Refusal::NoCard);
}

#[test]
fn no_pin_goes_over_the_air() {
    let mut bench = Bench::with_card();
    bench.input(Input::Reader(Slot::Contactless, DeviceState::Ready));
    bench.input(Input::Card(Slot::Contactless, true));
    let verify = || Request::VerifyOfflinePin { prompt: prompt(), method: VerifyMethod::Plaintext };
    // Asked for at the chip, and the tapped card put in its place while the PIN is typed.
    bench.input(Input::Request(1, verify()));
    bench.press("1234");
    bench.input(Input::Request(2, Request::PowerOn { slot: Slot::Contactless }));
    bench.input(Input::Powered(Ok(vec![0x3B])));
    bench.input(Input::Key(Key::Enter));
    assert!(matches!(bench.reply(1), Some(Reply::OfflinePin(OfflinePin::CardRemoved))));
    assert_eq!(bench.refusal(verify()), Refusal::Forbidden);
    assert!(bench.transmitted.is_empty());
}

#[test]
fn of_several_cards_in_the_field_none_is_taken() {
    let mut bench = Bench::keyed();
    bench.input(Input::Reader(Slot::Contactless, DeviceState::Ready));
    bench.input(Input::Card(Slot::Contactless, true));
    bench.out.clear();
    bench.input(Input::SeveralCards);
    assert_eq!(bench.notices(), [Notice::Card(Slot::Contactless, false), Notice::SeveralCards]);
    assert_eq!(bench.refusal(Request::PowerOn { slot: Slot::Contactless }), Refusal::NoCard);
}

/// A made-up RSA key of 768 bits, public exponent 3.
const MODULUS: &str = "C5F3E7B1A9D2486F03175B8E6C4D9FA2E1B7305C8A64D9F31E27B5086DC4A19F
    7350E8B2D16C4A9F3E75B0182D6C94FA1E3B70C58D264A9F37E15B082C6D49FA
    13E7B50C8264D9AF71E35B082DC64A9F37E15B08C26D49FA13E7B50C8264D9AF";

#[test]
fn enciphered_verify_asks_for_a_challenge_first() {
    let mut bench = Bench::with_card();
    let method = VerifyMethod::Enciphered { modulus: bytes(MODULUS), exponent: vec![3] };
    bench.input(Input::Request(1, Request::VerifyOfflinePin { prompt: prompt(), method }));
    bench.press("1234");
    bench.input(Input::Key(Key::Enter));
    assert_eq!(bench.transmitted, [bytes("0084000000")]);
    // T=0: the card first tells the length.
    bench.input(answer("6C08"));
    assert_eq!(bench.transmitted[1], bytes("0084000008"));
    bench.input(answer("0102030405060708 9000"));
    let verify = &bench.transmitted[2];
    assert_eq!(verify[..5], bytes("0020008860")[..]);
    assert_eq!(verify.len(), 5 + 96);
    bench.input(answer("9000"));
    assert!(matches!(bench.reply(1), Some(Reply::OfflinePin(OfflinePin::Status(0x9000)))));
}

#[test]
fn enciphered_block_is_the_one_of_emv_book_2() {
    // With exponent 65537 and a known private key the block could be recovered; here the other way: the same clear
    // block, built by hand, must give the same cipher.
    let mut random = |buffer: &mut [u8]| buffer.fill(0x5A);
    let key = crate::verify::PinKey::new(&bytes(MODULUS), &[1, 0, 1]).unwrap();
    let block = crate::crypto::pin_block_format_2(&[1, 2, 3, 4]).unwrap();
    let command = key.verify(&block, &[1, 2, 3, 4, 5, 6, 7, 8], &mut random).unwrap();
    let clear = bytes(&format!("7F 241234FFFFFFFFFF 0102030405060708 {}", "5A".repeat(79)));
    let modulus = BoxedUint::from_be_slice(&bytes(MODULUS), 768).unwrap();
    let parameters = BoxedMontyParams::new(Odd::new(modulus).into_option().unwrap());
    let number = BoxedMontyForm::new(BoxedUint::from_be_slice(&clear, 768).unwrap(), &parameters);
    let mut power = number.clone();
    for _ in 0..16 {
        power = power.square();
    }
    assert_eq!(command[5..], power.mul(&number).retrieve().to_be_bytes()[..]);
}

#[test]
fn card_without_a_challenge_fails_verification() {
    for (challenge, status) in [("6D00", 0x6D00), ("01020304 9000", 0x6F00)] {
        let mut bench = Bench::with_card();
        let method = VerifyMethod::Enciphered { modulus: bytes(MODULUS), exponent: vec![3] };
        bench.input(Input::Request(1, Request::VerifyOfflinePin { prompt: prompt(), method }));
        bench.press("1234");
        bench.input(Input::Key(Key::Enter));
        bench.input(answer(challenge));
        assert!(
            matches!(bench.reply(1), Some(Reply::OfflinePin(OfflinePin::Status(found))) if found == status)
        );
        assert_eq!(bench.transmitted.len(), 1, "the PIN is not sent");
    }
}

#[test]
fn bad_pin_keys_of_a_card_are_refused() {
    let mut even = bytes(MODULUS);
    *even.last_mut().unwrap() &= 0xFE;
    let mut small = bytes(MODULUS);
    small[0] = 0x7F;
    for (modulus, exponent) in [
        (even, vec![3]),
        (small, vec![3]),
        (bytes(MODULUS), vec![1]),
        (bytes(MODULUS), vec![]),
        (vec![0xFF; 63], vec![3]),
        (vec![0xFF; 249], vec![3]),
    ] {
        let mut bench = Bench::with_card();
        let method = VerifyMethod::Enciphered { modulus, exponent };
        let request = Request::VerifyOfflinePin { prompt: prompt(), method };
        assert_eq!(bench.refusal(request), Refusal::Malformed);
    }
}
