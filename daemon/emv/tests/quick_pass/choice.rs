//! Which application of a card is taken, and what its refusals lead to.

use crate::world::World;
use posd_card::{Application, Card, Fault, Misbehaviour, Profile, QuickPass, When};
use posd_emv::{
    kernel::{Again, Purpose, Reason, Verdict},
    tags,
};

/// Debit and credit, both for taps.
fn combo(priorities: [u8; 2]) -> Profile {
    let mut applications = vec![Application::debit(), Application::credit()];
    for (application, priority) in applications.iter_mut().zip(priorities) {
        application.quick_pass = Some(QuickPass::online());
        application.priority = priority;
    }
    Profile::of(applications)
}

fn chosen(profile: Profile) -> Option<u8> {
    World::new(profile, 100).run().kernel.data(tags::DF_NAME).and_then(|name| name.last().copied())
}

#[test]
fn check_05_the_best_priority_wins_and_none_is_last() {
    assert_eq!(chosen(combo([1, 2])), Some(1));
    assert_eq!(chosen(combo([2, 1])), Some(2));
    assert_eq!(chosen(combo([0, 9])), Some(2));
    assert_eq!(chosen(combo([3, 3])), Some(1), "the directory's order among equals");
}

#[test]
fn check_08_a_blocked_application_leads_to_the_next() {
    let mut profile = combo([1, 2]);
    profile.applications[0].blocked = true;
    assert_eq!(chosen(profile), Some(2));
}

#[test]
fn check_13_an_application_that_does_not_want_the_transaction_leads_to_the_next() {
    let mut card = Card::new(combo([1, 2]));
    card.misbehave(Misbehaviour::new(When::NthInstruction(0xA8, 1), Fault::Status(0x6985)));
    let run = World::with(card, 100).run();
    assert!(run.approved());
    assert_eq!(run.kernel.data(tags::DF_NAME).unwrap().last(), Some(&2));
    let first = run.sent(0xA8)[0].clone();
    assert_ne!(
        first[first.len() - 5..],
        run.sent(0xA8)[1][first.len() - 5..],
        "each has a number of its own"
    );
}

#[test]
fn a_kernel_of_another_scheme_is_not_ours() {
    for (kernel, ours) in
        [(None, true), (Some(0), true), (Some(7), true), (Some(3), false), (Some(0x87), false)]
    {
        let profile = Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().kernel = kernel);
        assert_eq!(World::new(profile, 100).run().approved(), ours, "{kernel:?}");
    }
}

#[test]
fn a_card_without_the_directory_or_without_us_in_it_is_to_be_inserted() {
    let run = World::new(Profile::debit(), 100).run();
    assert_eq!((run.verdict(), run.commands.len()), (&Verdict::AnotherInterface, 1));
    let foreign = Profile::quick_pass().with(|a| a.aid = vec![0xA0, 0, 0, 0, 0x03, 0x10, 0x10]);
    assert_eq!(*World::new(foreign, 100).run().verdict(), Verdict::AnotherInterface);
}

#[test]
fn what_the_answer_to_get_processing_options_says_is_done() {
    let status = |status| {
        let mut card = Card::new(Profile::quick_pass());
        card.misbehave(Misbehaviour::new(When::Instruction(0xA8), Fault::Status(status)));
        World::with(card, 100).run().outcome.verdict
    };
    assert_eq!(status(0x6984), Verdict::AnotherInterface);
    assert_eq!(status(0x6985), Verdict::AnotherInterface, "there is no other application");
    assert_eq!(status(0x6986), Verdict::TryAgain(Again::SeeDevice));
    assert!(matches!(status(0x6A80), Verdict::Terminated(Reason::Status { status: 0x6A80, .. })));
}

#[test]
fn a_card_that_does_not_ask_what_the_terminal_can_do_is_no_quick_pass_card() {
    let old = Profile::quick_pass().with(|a| a.quick_pass.as_mut().unwrap().pdol = vec![0x9F, 0x02, 6]);
    let run = World::new(old, 100).run();
    assert!(*run.verdict() == Verdict::AnotherInterface && run.sent(0xA8).is_empty());
}

#[test]
fn a_card_that_is_only_to_be_read_is_asked_nothing_at_a_tap() {
    let mut world = World::new(Profile::quick_pass(), 100);
    world.transaction.purpose = Purpose::Read;
    let run = world.run();
    assert_eq!((run.verdict(), run.commands.len()), (&Verdict::AnotherInterface, 0));
    assert!(run.online.is_none());
}
