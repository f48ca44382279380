//! Known attacks, each by a card or a wedge that lies.

use super::{
    super::{Input, OfflinePinResult, Reason, Verdict},
    card::{cryptogram, hex},
    issuer,
    world::World,
};
use crate::{indicators::tvr, tags};

#[test]
fn attack_pre_play_each_session_has_its_own_number() {
    let number = |random: [u8; 8]| {
        let mut world = World::new();
        world.random.push_back(random);
        world.run().asked(0, 25, 4).to_vec()
    };
    assert_eq!(number([1, 2, 3, 4, 5, 6, 7, 8]), [1, 2, 3, 4]);
    assert_eq!(number([9, 9, 9, 9, 1, 1, 1, 1]), [9; 4]);
    // The numbers of an earlier session are no use: a signature over them fails.
    let mut world = issuer::world(0x20);
    let stale = issuer::dynamic_signature(&[1, 2, 3, 4]);
    world.random.push_back([4, 3, 2, 1, 0, 0, 0, 0]);
    world.card.internal = Box::new(move |_| super::card::ok(super::card::tlv(0x80, &stale)));
    assert!(world.run().tvr_at_card().has(tvr::DDA_FAILED));
}

#[test]
fn attack_the_pin_ok_wedge_is_seen_in_what_goes_online() {
    // The wedge answers VERIFY with 9000 for any PIN; the card itself never saw one and says so in its own data.
    let mut world = World::with(|card| card.set(0x8E, "0000000000000000 0100"));
    world.verify.push_back(OfflinePinResult::Status(0x9000));
    let run = world.run();
    // What the issuer compares with the card's data is what the terminal saw, under the cryptogram.
    assert_eq!(run.asked(0, 29, 3), hex("010002"));
    assert_eq!(run.online().cvm_results, hex("010002"));
    assert_eq!(run.online().tvr, run.asked(0, 14, 5));
    assert_eq!(run.kernel.data(tags::CVM_RESULTS), Some(hex("010002")));
}

#[test]
fn attack_every_flipped_bit_of_the_profile_is_told() {
    let world = || {
        let mut world = issuer::world(0x40);
        let profile = world.card.profile;
        issuer::personalise_with(&mut world.card, &profile);
        world.card.set(0x9F4A, "82");
        world
    };
    assert!(!world().run().tvr_at_card().has(tvr::SDA_FAILED));
    for place in 0..16 {
        let mut world = world();
        world.card.profile[place / 8] ^= 1 << (place % 8);
        let told = world.run().tvr_at_card();
        let noticed = [tvr::SDA_FAILED, tvr::DDA_FAILED, tvr::CDA_FAILED, tvr::ODA_NOT_PERFORMED]
            .iter()
            .any(|bit| told.has(*bit));
        assert!(noticed, "bit {place}: {told:?}");
    }
}

#[test]
fn attack_every_flipped_bit_of_the_rules_is_told() {
    let rules = || {
        World::with(|card| {
            // PIN over 5.00, else nothing: the list is part of the signed record.
            card.remove(0x8E);
            card.files.entry((1, 1)).or_default().push((0x8E, hex("000001F400000000 0207 1F00")));
            card.profile = [0x5C, 0];
            issuer::personalise(card);
        })
    };
    let signed = || {
        let mut world = rules();
        world.configuration.authority_keys.push(issuer::authority_key());
        world
    };
    let run = signed().run();
    assert_eq!(run.outcome.cvm_results.0[..], hex("020700"));
    assert!(!run.tvr_at_card().has(tvr::SDA_FAILED));
    for place in 0..12 * 8 {
        let mut world = signed();
        let list = world.card.files.get_mut(&(1, 1)).and_then(|file| file.last_mut());
        list.unwrap().1[place / 8] ^= 1 << (place % 8);
        assert!(world.run().tvr_at_card().has(tvr::SDA_FAILED), "bit {place}");
    }
}

#[test]
fn attack_brand_mix_up() {
    let with_prefixes = |prefixes: &[&str]| {
        let mut world = World::new();
        world.configuration.applications[0].account_prefixes =
            prefixes.iter().map(|p| (*p).to_owned()).collect();
        world.run()
    };
    assert!(with_prefixes(&[]).approved());
    assert!(with_prefixes(&["81", "62"]).approved());
    let run = with_prefixes(&["4", "6211"]);
    assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Contradiction(tags::AID, tags::PAN)));
    assert!(run.online.is_none() && run.sent(0xAE).is_empty());
}

#[test]
fn attack_a_certificate_for_a_decline_is_no_approval() {
    // The host refuses, and the card or a wedge answers with a certificate.
    let mut world = World::new().answers(|answer| answer.authorisation_response_code = *b"51");
    world.card.cryptograms[1] = cryptogram(0x40);
    let run = world.run();
    assert!(matches!(run.verdict(), Verdict::Terminated(Reason::Cryptogram { requested: 0, given: 0x40 })));
}

#[test]
fn attack_a_wedge_that_swaps_the_cryptograms_type() {
    let mut world = World::new();
    world.interference = Box::new(|_, command, mut answer| {
        if command[1] == 0xAE && answer.len() > 3 {
            answer[2] = 0x40;
        }
        Input::Card(answer)
    });
    let run = world.run();
    assert!(matches!(
        run.verdict(),
        Verdict::Terminated(Reason::Cryptogram { requested: 0x80, given: 0x40 })
    ));
    assert!(run.online.is_none());
}
