//! Electronic cash (check 63): approved by card and terminal, if the card's signature over the tap is good.

use crate::world::World;
use posd_card::{Card, CryptogramType, Fault, Fdda, Misbehaviour, Profile, Signature, When};
use posd_emv::{
    kernel::{Reason, Verdict},
    tags,
};

#[test]
fn check_63_a_small_amount_is_paid_with_electronic_cash() {
    for signature in [Signature::Answer, Signature::LastRecord] {
        let profile = Profile::cash().with(|a| a.quick_pass.as_mut().unwrap().signature = signature);
        let (run, card) = World::new(profile, 1_234).offline().play();
        assert!(run.approved() && run.genuine && !run.outcome.host_approved && run.online.is_none());
        assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(b"Y1".to_vec()));
        assert_eq!(run.outcome.cryptogram_information, Some(0x40));
        assert!(run.outcome.tap.unwrap().cash && !run.outcome.signature_required);
        assert_eq!(run.released_after, Some(run.commands.len()), "fDDA is checked after the card has left");
        assert_eq!(card.balance(0), 50_000 - 1_234);
    }
}

#[test]
fn a_card_that_pays_offline_where_it_must_not_is_not_believed() {
    let mut card = Card::new(Profile::cash());
    card.misbehave(Misbehaviour::new(When::Always, Fault::Cryptogram(CryptogramType::Tc)));
    let run = World::with(card, 1_234).run();
    assert!(matches!(
        run.verdict(),
        Verdict::Terminated(Reason::Cryptogram { requested: 0x80, given: 0x40 })
    ));
}

#[test]
fn a_card_that_signs_nothing_or_too_little_pays_nothing_offline() {
    for fdda in [Fdda::None, Fdda::Version00] {
        let profile = Profile::cash().with(|a| a.quick_pass.as_mut().unwrap().fdda = fdda);
        assert_eq!(*World::new(profile, 100).offline().run().verdict(), Verdict::Declined, "{fdda:?}");
    }
    // A card of before PBOC 3.0 has version 00 only, and a terminal that does not ask for 01 takes it of any.
    let old = || {
        Profile::cash().with(|a| {
            a.quick_pass.as_mut().unwrap().fdda = Fdda::Version00;
            a.version = [0x00, 0x20];
        })
    };
    assert!(World::new(old(), 100).offline().run().approved());
    let mut world = World::new(Profile::cash(), 100).offline();
    world.reader().fdda_01 = false;
    assert!(world.run().approved());
}

#[test]
fn a_failed_signature_leads_to_the_chip_where_the_card_says_so() {
    for (qualifiers, verdict) in [
        ([0x00, 0x00], Verdict::Declined),
        ([0x10, 0x00], Verdict::AnotherInterface),
        ([0x20, 0x00], Verdict::AnotherInterface),
    ] {
        let profile = Profile::cash().with(|a| a.quick_pass.as_mut().unwrap().qualifiers = Some(qualifiers));
        let run = World::new(profile, 100).offline().flips(tags::SIGNED_DYNAMIC_DATA, 77).run();
        assert_eq!(*run.verdict(), verdict);
        assert!(run.online.is_none());
    }
}

#[test]
fn check_26_and_27_no_key_no_offline_payment() {
    let mut world = World::new(Profile::cash(), 100).offline();
    world.configuration.authority_keys.clear();
    assert_eq!(*world.run().verdict(), Verdict::Declined);
    let run = World::new(Profile::cash(), 100).offline().flips(tags::ICC_CERTIFICATE, 500).run();
    assert_eq!(*run.verdict(), Verdict::Declined);
}

#[test]
fn check_36_an_expired_card_pays_nothing_offline() {
    let profile = |expiry: &str| Profile::cash().with(|a| a.expiry = expiry.into());
    assert!(World::new(profile("261124"), 100).offline().run().approved(), "the last day is good");
    assert_eq!(*World::new(profile("261123"), 100).offline().run().verdict(), Verdict::Declined);
}

#[test]
fn a_card_with_too_little_goes_online() {
    let run = World::new(Profile::cash().with(|a| a.quick_pass.as_mut().unwrap().balance = 99), 100)
        .offline()
        .run();
    assert!(run.online.is_some() && run.approved());
}
