//! Cards that want debit and credit (VSDC): GENERATE AC in the field.

use crate::world::{LIMIT, World};
use posd_card::{Card, CvmList, Fault, Misbehaviour, Profile, When};
use posd_emv::kernel::{Again, Reason, Verdict};

fn lists(rules: &[[u8; 2]]) -> Profile {
    let rules = rules.to_vec();
    Profile::debit_credit().with(|a| a.cvm_list = CvmList { x: 0, y: 0, rules })
}

#[test]
fn the_steps_of_the_contact_kernel_run_in_the_field() {
    let run = World::new(Profile::debit_credit(), LIMIT).run();
    assert!(run.approved() && run.genuine && run.pins == 1, "{:?}", run.outcome);
    assert_eq!((run.sent(0xAE).len(), run.released_after), (2, None), "the card has to stay");
}

#[test]
fn where_the_terminal_does_not_offer_it_the_card_is_inserted() {
    let mut world = World::new(Profile::debit_credit(), LIMIT);
    world.reader().debit_credit = false;
    // The card answers so all the same where a wedge has told it otherwise.
    world.to_card = Box::new(|_, mut command| {
        if command[1] == 0xA8 {
            command[7] |= 0x40;
        }
        command
    });
    let run = world.run();
    assert!(*run.verdict() == Verdict::AnotherInterface && run.sent(0xAE).is_empty());
}

#[test]
fn no_offline_pin_is_typed_for_a_card_that_is_held_to_the_reader() {
    let run = World::new(lists(&[[0x41, 0x03], [0x42, 0x03], [0x1F, 0x00]]), LIMIT).run();
    assert!(run.approved() && run.pins == 1);
}

#[test]
fn the_issuers_own_rule_for_nobody_is_heard_where_it_is_authentic() {
    assert!(World::new(lists(&[[0x1F, 0x00]]), LIMIT).run().approved());
    let unsigned = lists(&[[0x1F, 0x00]]).with(|a| a.authentication = posd_card::OfflineAuthentication::None);
    let run = World::new(unsigned, LIMIT).run();
    assert!(*run.verdict() == Verdict::AnotherInterface && run.online.is_none());
}

#[test]
fn torn_before_the_host_is_asked_it_is_tried_again_and_after_it_that_is_the_callers() {
    let whole = World::new(Profile::debit_credit(), LIMIT).run().commands.len();
    for place in 1..=whole {
        let mut card = Card::new(Profile::debit_credit());
        card.misbehave(Misbehaviour::new(When::Apdu(place), Fault::Removed));
        let run = World::with(card, LIMIT).run();
        let expected = match run.online {
            None => Verdict::TryAgain(Again::Torn),
            Some(_) => Verdict::Terminated(Reason::CardLost),
        };
        assert_eq!(*run.verdict(), expected, "command {place}");
    }
}
