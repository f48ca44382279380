//! Taps that go online: what goes to the host, and how the cardholder is verified.

use crate::world::{LIMIT, World};
use posd_card::{Fdda, Profile, Signature};
use posd_emv::{
    kernel::{PinEntry, Verdict},
    tags,
};

#[test]
fn a_tap_goes_online_with_its_one_cryptogram_and_the_card_is_let_go_before() {
    let run = World::new(Profile::quick_pass(), LIMIT).run();
    assert!(run.approved() && run.genuine && run.outcome.host_approved);
    assert!(
        run.sent(0xAE).is_empty(),
        "the cryptogram is in the answer to GET PROCESSING OPTIONS (peers' fault 4)"
    );
    assert_eq!(run.released_after, Some(run.commands.len()));
    assert_eq!(run.kernel.data(tags::CRYPTOGRAM_INFORMATION), Some(vec![0x80]));
    assert_eq!(run.kernel.data(tags::ENTRY_MODE), Some(vec![0x07]));
    assert_eq!(run.kernel.first_cryptogram(), run.kernel.data(tags::CRYPTOGRAM));
    assert_eq!(run.kernel.pan().unwrap().as_str(), "6212340000000019");
    assert_eq!(run.kernel.expiry().unwrap().as_str(), "3012");
}

#[test]
fn check_62_the_tvr_in_field_55_is_the_one_given_to_the_card() {
    let run = World::new(Profile::quick_pass(), LIMIT).run();
    assert_eq!(run.kernel.data(tags::TVR), Some(vec![0; 5]));
    // 9F66 9F02 9F03 9F1A, then 95.
    assert_eq!(run.sent(0xA8)[0][7 + 18..7 + 23], [0; 5]);
}

#[test]
fn check_16_every_tap_has_an_unpredictable_number_of_its_own_drawn_after_selection() {
    let number = || World::new(Profile::quick_pass(), 1).run().kernel.data(tags::UNPREDICTABLE_NUMBER);
    assert_ne!(number(), number());
}

#[test]
fn below_the_limit_the_cards_wish_for_a_pin_is_heard() {
    let run = World::new(Profile::quick_pass(), LIMIT - 1).run();
    assert_eq!((run.pins, run.results(), run.qualifiers()[1] & 0x40), (1, [0x02, 0, 0], 0));
    let none = Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().qualifiers = Some([0, 0]));
    let run = World::new(none, LIMIT - 1).run();
    assert_eq!((run.pins, run.results(), run.approved()), (0, [0x1F, 0, 2], true));
    assert!(run.outcome.signature_required, "nobody waived the signature");
}

#[test]
fn from_the_limit_on_a_card_that_asks_for_nothing_gets_a_pin() {
    for qualifiers in [None, Some([0x00, 0x00])] {
        let silent = Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().qualifiers = qualifiers);
        let run = World::new(silent, LIMIT).run();
        assert_eq!((run.pins, run.results(), run.qualifiers()[1] & 0x40), (1, [0x02, 0, 0], 0x40));
    }
}

#[test]
fn a_card_that_wants_a_signature_gets_one_unless_it_is_waived() {
    let signs =
        || Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().qualifiers = Some([0x40, 0]));
    let run = World::new(signs(), LIMIT).run();
    assert_eq!((run.pins, run.results(), run.outcome.signature_required), (0, [0x1E, 0, 0], true));
    // Above the limit a signature that nobody makes verifies nobody.
    let mut world = World::new(signs(), LIMIT);
    world.reader().no_signature_limit = Some(LIMIT * 2);
    assert_eq!(world.run().pins, 1);
}

#[test]
fn a_pin_that_is_not_to_be_had_sends_the_card_to_the_chip() {
    for pin in [PinEntry::Bypassed, PinEntry::PadMissing] {
        let mut world = World::new(Profile::quick_pass(), LIMIT);
        world.pin = pin;
        let run = world.run();
        assert_eq!(*run.verdict(), Verdict::AnotherInterface);
        assert!(run.online.is_none());
    }
}

#[test]
fn a_phone_that_has_verified_its_user_and_signs_that_needs_nothing_more() {
    for signature in [Signature::Answer, Signature::LastRecord] {
        let phone = Profile::phone().with(|a| a.quick_pass.as_mut().unwrap().signature = signature);
        let run = World::new(phone, LIMIT * 10).run();
        assert!(run.approved() && run.genuine && run.outcome.tap.unwrap().device);
        assert!(run.pins == 0 && !run.outcome.signature_required);
    }
}

#[test]
fn a_phone_that_signs_nothing_is_not_believed_above_the_limit() {
    for fdda in [Fdda::None, Fdda::Version00] {
        let phone = || Profile::phone().with(|a| a.quick_pass.as_mut().unwrap().fdda = fdda);
        let run = World::new(phone(), LIMIT).run();
        assert!(run.pins == 1 && !run.outcome.tap.unwrap().device, "{fdda:?}");
        let run = World::new(phone(), LIMIT - 1).run();
        assert!(run.pins == 0 && run.approved());
    }
}

#[test]
fn a_device_counts_only_where_the_host_lets_it() {
    let mut world = World::new(Profile::phone(), LIMIT);
    world.reader().device_verification = false;
    let run = world.run();
    assert!(run.pins == 1 && !run.outcome.tap.unwrap().device);
}

#[test]
fn the_hosts_no_is_no_and_silence_is_no_approval() {
    let mut world = World::new(Profile::quick_pass(), 100);
    world.code = Some(*b"51");
    assert_eq!(*world.run().verdict(), Verdict::Declined);
    let mut world = World::new(Profile::quick_pass(), 100);
    world.code = None;
    let run = world.run();
    assert_eq!(*run.verdict(), Verdict::Declined);
    assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(b"Z3".to_vec()));
}

#[test]
fn a_card_that_declines_is_not_sent_to_the_host() {
    let no = Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().wish = posd_card::Wish::Decline);
    let run = World::new(no, 100).run();
    assert!(*run.verdict() == Verdict::Declined && run.online.is_none());
}

#[test]
fn track_2_alone_tells_number_and_expiry() {
    let bare = Profile::quick_pass().with(|a| {
        a.omit(0x94);
        a.quick_pass.as_mut().unwrap().fdda = Fdda::None;
    });
    let run = World::new(bare, 100).run();
    assert!(run.approved() && run.sent(0xB2).is_empty());
    assert_eq!(run.kernel.pan().unwrap().as_str(), "6212340000000019");
    assert_eq!(run.kernel.expiry().unwrap().as_str(), "3012");
}

#[test]
fn check_21_a_record_of_another_account_ends_the_tap() {
    let mixed = Profile::quick_pass()
        .with(|a| a.replace(0x57, &[0x62, 0x12, 0x34, 0, 0, 0, 0, 0x27, 0xD3, 0x01, 0x22, 0x01]));
    let run = World::new(mixed, 100).run();
    assert!(matches!(run.verdict(), Verdict::Terminated(_)) && run.online.is_none());
}
