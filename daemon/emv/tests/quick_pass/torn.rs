//! Cards that leave the field too early.

use crate::world::World;
use posd_card::{Card, Fault, Misbehaviour, Profile, When};
use posd_emv::{
    kernel::{Again, Reason, Torn, Verdict},
    tags,
};

#[test]
fn a_tap_torn_at_any_command_is_tried_again_and_nothing_was_sent() {
    let whole = World::new(Profile::quick_pass(), 100).run().commands.len();
    for place in 1..=whole {
        let mut card = Card::new(Profile::quick_pass());
        card.misbehave(Misbehaviour::new(When::Apdu(place), Fault::Removed));
        let (run, mut card) = World::with(card, 100).play();
        assert_eq!(*run.verdict(), Verdict::TryAgain(Again::Torn), "command {place}");
        assert!(run.online.is_none() && run.kernel.take_torn().is_none());
        let first = run.kernel.data(tags::CRYPTOGRAM);
        card.behave();
        let again = World::with(card, 100).run();
        assert!(again.approved() && again.kernel.data(tags::CRYPTOGRAM) != first, "a fresh cryptogram");
    }
}

/// A tap of electronic cash that is torn at the n-th command; whether the card carried that out.
fn torn(place: usize, done: bool) -> (Option<Torn>, Card, Option<Vec<u8>>) {
    let mut card = Card::new(Profile::cash());
    let fault = if done { Fault::RemovedAfter } else { Fault::Removed };
    card.misbehave(Misbehaviour::new(When::Apdu(place), fault));
    let (run, mut card) = World::with(card, 1_000).offline().play();
    assert_eq!(*run.verdict(), Verdict::TryAgain(Again::Torn), "command {place}");
    card.behave();
    let certificate = card.last_tc().map(|tc| tc.value.to_vec());
    (run.kernel.take_torn(), card, certificate)
}

#[test]
fn electronic_cash_torn_anywhere_is_charged_once_when_the_card_comes_back() {
    let whole = World::new(Profile::cash(), 1_000).offline().run().commands.len();
    for place in 1..=whole {
        for done in [false, true] {
            let (torn, card, certificate) = torn(place, done);
            let paid = card.balance(0) == 49_000;
            assert_eq!(paid, done && place == whole, "it pays with its last record");
            assert_eq!(torn.is_some(), place > 3, "from GET PROCESSING OPTIONS on the card may have paid");
            let mut world = World::with(card, 1_000).offline();
            world.torn = torn;
            let (run, card) = world.play();
            assert!(run.approved() && run.genuine, "command {place}, done {done}: {:?}", run.verdict());
            assert_eq!(card.balance(0), 49_000, "command {place}, done {done}");
            // The certificate that stands is that of the tap which the card has paid.
            assert_eq!(run.kernel.data(tags::CRYPTOGRAM) == certificate, paid);
        }
    }
}

#[test]
fn a_card_that_is_torn_again_and_again_is_charged_once() {
    let (mut memory, mut card, _) = torn(8, true);
    assert_eq!(card.balance(0), 49_000);
    for place in 1..=6 {
        card.misbehave(Misbehaviour::new(When::Apdu(place), Fault::RemovedAfter));
        let mut world = World::with(card, 1_000).offline();
        world.torn = memory;
        let (run, back) = world.play();
        assert_eq!(*run.verdict(), Verdict::TryAgain(Again::Torn), "command {place}");
        memory = run.kernel.take_torn();
        assert!(memory.is_some(), "command {place}");
        card = back;
        card.behave();
    }
    let mut world = World::with(card, 1_000).offline();
    world.torn = memory;
    let (run, card) = world.play();
    assert!(run.approved() && run.genuine && card.balance(0) == 49_000);
}

#[test]
fn another_card_is_not_taken_for_the_one_that_was_torn() {
    let (memory, _, _) = torn(8, true);
    let other = Profile::cash().with(|a| a.pan = "6212340000000027".into());
    let mut world = World::new(other, 1_000).offline();
    world.torn = memory;
    let (run, card) = world.play();
    assert_eq!(*run.verdict(), Verdict::TryAgain(Again::SameCard));
    assert!(run.kernel.take_torn().is_some() && card.balance(0) == 50_000);
}

#[test]
fn nothing_is_charged_where_nothing_tells_what_became_of_the_first_tap() {
    let (memory, card, _) = torn(8, true);
    // The balance is lied about.
    let mut world = World::with(card, 1_000).offline().flips(tags::AVAILABLE_OFFLINE, 30);
    world.torn = memory;
    let run = world.run();
    assert!(matches!(run.verdict(), Verdict::Terminated(Reason::Invalid(tags::AVAILABLE_OFFLINE))));
}
