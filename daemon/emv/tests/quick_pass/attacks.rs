//! Known attacks by whoever sits between card and reader, above the limit: never an unauthenticated "no CVM".

use crate::world::{LIMIT, Run, World};
use posd_card::{Card, CvmList, Misbehaviour, Profile};
use posd_emv::{
    kernel::{Reason, Verdict},
    tags,
};

/// The cards of the shelf.
fn profiles() -> [(&'static str, Profile); 5] {
    [
        ("card", Profile::quick_pass()),
        ("phone", Profile::phone()),
        (
            "silent card",
            Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().qualifiers = Some([0, 0])),
        ),
        ("cash card", Profile::cash()),
        ("debit and credit", Profile::debit_credit()),
    ]
}

/// Every bit of an element's first bytes flipped in every answer, for every card, above the limit.
fn flipped(tag: u32, bits: usize, judge: impl Fn(&str, usize, &Run)) {
    for (name, profile) in profiles() {
        for bit in 0..bits {
            judge(name, bit, &World::new(profile.clone(), LIMIT).flips(tag, bit).run());
        }
    }
}

fn never_unverified(name: &str, bit: usize, run: &Run) {
    assert!(!run.unverified(), "{name}, bit {bit}: {:?}", run.outcome);
    assert!(!run.approved() || run.genuine, "{name}, bit {bit}: {:?}", run.outcome);
}

#[test]
fn attack_every_bit_of_the_card_transaction_qualifiers_flipped() {
    flipped(tags::CARD_QUALIFIERS, 16, never_unverified);
}

#[test]
fn attack_every_pair_of_bits_of_the_card_transaction_qualifiers_flipped() {
    // The pair that was used in shops: no online PIN, verified on the device.
    for first in 0..16 {
        for second in 0..first {
            let mut world = World::new(Profile::quick_pass(), LIMIT);
            world.from_card = Box::new(move |_, mut answer| {
                if let Some(at) = answer.windows(3).position(|it| it == [0x9F, 0x6C, 0x02]) {
                    answer[at + 3 + first / 8] ^= 0x80 >> (first % 8);
                    answer[at + 3 + second / 8] ^= 0x80 >> (second % 8);
                }
                answer
            });
            let run = world.run();
            assert!(!run.unverified(), "bits {first} and {second}");
            assert!(!run.outcome.tap.is_some_and(|tap| tap.device), "bits {first} and {second}");
        }
    }
}

#[test]
fn attack_every_bit_of_the_terminal_transaction_qualifiers_flipped_on_its_way() {
    for (name, profile) in profiles() {
        for bit in 0..32 {
            let mut world = World::new(profile.clone(), LIMIT);
            world.to_card = Box::new(move |_, mut command| {
                if command[1] == 0xA8 {
                    command[7 + bit / 8] ^= 0x80 >> (bit % 8);
                }
                command
            });
            never_unverified(name, bit, &world.run());
        }
    }
}

#[test]
fn attack_every_bit_of_the_interchange_profile_flipped() {
    flipped(tags::AIP, 16, never_unverified);
}

#[test]
fn attack_every_bit_of_the_issuer_application_data_flipped() {
    flipped(tags::ISSUER_APPLICATION_DATA, 64, never_unverified);
}

#[test]
fn attack_every_bit_of_the_cvm_list_flipped() {
    let rules = vec![[0x02, 0x00], [0x1F, 0x06]];
    let profile = Profile::debit_credit().with(|a| a.cvm_list = CvmList { x: 10_000, y: 0, rules });
    let honest = World::new(profile.clone(), LIMIT).run();
    assert!(honest.approved() && honest.pins == 1);
    for bit in 0..12 * 8 {
        never_unverified(
            "debit and credit",
            bit,
            &World::new(profile.clone(), LIMIT).flips(tags::CVM_LIST, bit).run(),
        );
    }
}

#[test]
fn attack_every_bit_of_the_answer_that_holds_the_cryptogram_flipped() {
    for (name, profile) in profiles() {
        let mut card = Card::new(profile.clone());
        card.hold_to_field(true);
        let (run, card) = World::with(card, LIMIT).play();
        assert!(!run.unverified(), "{name}");
        let bits =
            card.exchanges().iter().find(|it| it.command[1] == 0xA8).map_or(0, |it| it.response.len() * 8);
        assert!(bits > 8);
        for bit in 0..bits {
            let mut card = Card::new(profile.clone());
            card.misbehave(Misbehaviour::lie(3, bit));
            never_unverified(name, bit, &World::with(card, LIMIT).run());
        }
    }
}

#[test]
fn attack_a_verified_device_whose_signature_was_of_another_tap() {
    // Pre-play: the answer of an earlier tap, with another number and another amount.
    let mut card = Card::new(Profile::phone());
    card.hold_to_field(true);
    let (_, card) = World::with(card, 100).play();
    let old = card.exchanges().iter().find(|it| it.command[1] == 0xA8).unwrap().response.clone();
    let mut world = World::new(Profile::phone(), LIMIT);
    world.from_card = Box::new(move |count, answer| if count == 2 { old.clone() } else { answer });
    let run = world.run();
    assert!(!run.unverified() && !run.approved() && !run.outcome.tap.unwrap().device);
}

#[test]
fn attack_brand_mix_up_is_ended() {
    let mut world = World::new(Profile::quick_pass().with(|a| a.pan = "4111111111111111".into()), LIMIT);
    for application in &mut world.configuration.applications {
        application.account_prefixes = vec!["62".to_owned()];
    }
    let run = world.run();
    assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Contradiction(tags::AID, tags::PAN)));
    assert!(run.online.is_none());
}

#[test]
fn attack_a_certificate_said_to_be_a_request_or_the_other_way_round() {
    let contradicting = |information: u8| {
        let profile = Profile::phone().with(|a| a.replace(0x9F27, &[information]));
        World::new(profile, LIMIT).run()
    };
    assert!(contradicting(0x80).approved());
    for information in [0x00, 0x40, 0xC0] {
        let run = contradicting(information);
        assert!(matches!(run.verdict(), Verdict::Terminated(Reason::Contradiction(..))), "{information:02X}");
    }
}

#[test]
fn attack_no_flipped_bit_makes_electronic_cash_of_what_is_none() {
    let mut card = Card::new(Profile::cash());
    card.hold_to_field(true);
    let (_, card) = World::with(card, 100).offline().play();
    let bits = card.exchanges().iter().find(|it| it.command[1] == 0xA8).map_or(0, |it| it.response.len() * 8);
    for bit in 0..bits {
        let mut card = Card::new(Profile::cash());
        card.misbehave(Misbehaviour::lie(3, bit));
        let (run, card) = World::with(card, 100).offline().play();
        // The certificate's own bits and the counter only the issuer can check; that the card gave one for this very tap
        // its signature says.
        assert!(!run.approved() || run.is_signed_by(&card), "bit {bit}: {:?}", run.outcome);
    }
}
