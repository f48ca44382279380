//! Pre-processing and the small-amount rule, each at its exact boundary.

use crate::world::{LIMIT, World, configuration, transaction};
use posd_card::Profile;
use posd_emv::kernel::{Purpose, Transaction, Verdict, may_tap};

#[test]
fn small_amounts_without_pin_and_signature_end_exactly_at_the_hosts_limit() {
    let at = |amount| {
        let mut world = World::new(Profile::quick_pass(), amount);
        world.reader().no_pin_limit = Some(100_000);
        world.reader().no_signature_limit = Some(100_000);
        world.run()
    };
    for amount in [99_999, 100_000] {
        let run = at(amount);
        assert!(run.approved() && run.pins == 0 && !run.outcome.signature_required, "{amount}");
        assert_eq!((run.results(), run.qualifiers()[1] & 0x40), ([0x1F, 0, 2], 0));
        assert_eq!(run.outcome.tap.unwrap().free_of_pin, Some(100_000));
    }
    let run = at(100_001);
    assert!(run.pins == 1 && run.outcome.signature_required && run.outcome.online_pin);
    assert_eq!((run.results(), run.qualifiers()[1] & 0x40), ([0x02, 0, 0], 0x40));
    assert_eq!(run.outcome.tap.unwrap().free_of_pin, None);
}

#[test]
fn pin_and_signature_have_limits_of_their_own() {
    let at = |amount| {
        let mut world = World::new(Profile::quick_pass(), amount);
        world.reader().no_pin_limit = Some(30_000);
        world.reader().no_signature_limit = Some(20_000);
        let run = world.run();
        (run.pins, run.outcome.signature_required)
    };
    assert_eq!([20_000, 20_001, 30_000, 30_001].map(at), [(0, false), (0, true), (0, true), (1, true)]);
}

#[test]
fn the_cvm_limit_decides_where_no_small_amount_is_told() {
    let at = |amount| World::new(Profile::quick_pass(), amount).run().qualifiers()[1] & 0x40 != 0;
    assert_eq!([LIMIT - 1, LIMIT, LIMIT + 1].map(at), [false, true, true]);
}

#[test]
fn an_amount_from_the_transaction_limit_on_is_for_the_chip_and_the_card_is_not_spoken_to() {
    assert!(World::new(Profile::quick_pass(), 499_999).run().approved());
    for amount in [500_000, 500_001] {
        let run = World::new(Profile::quick_pass(), amount).run();
        assert!(*run.verdict() == Verdict::AnotherInterface && run.commands.is_empty());
    }
    let asked = |amount| may_tap(&configuration(), &transaction(amount));
    assert_eq!([499_999, 500_000].map(asked), [true, false]);
    assert!(!may_tap(&configuration(), &Transaction { purpose: Purpose::Read, ..transaction(1) }));
}

#[test]
fn nobody_taps_where_no_reader_is_configured() {
    let mut none = configuration();
    none.contactless = None;
    assert!(!may_tap(&none, &transaction(100)));
    let mut no_limits = configuration();
    no_limits.applications.iter_mut().for_each(|application| application.contactless = None);
    assert!(!may_tap(&no_limits, &transaction(100)));
}

#[test]
fn an_amount_of_zero_and_a_status_check_go_online() {
    let mut world = World::new(Profile::cash(), 0).offline();
    assert_ne!(world.transaction.amount, 1);
    assert_eq!(World::new(Profile::cash(), 0).offline().run().qualifiers()[1] & 0x80, 0x80);
    world.reader().zero_amount = false;
    assert_eq!(*world.run().verdict(), Verdict::AnotherInterface);
    let mut check = World::new(Profile::cash(), 100).offline();
    check.reader().status_check = true;
    let run = check.run();
    assert!(run.qualifiers()[1] & 0x80 != 0 && run.online.is_some());
}

#[test]
fn the_floor_limit_and_the_cash_limit_decide_who_is_asked() {
    let online = |amount, cash: u64| {
        let mut world = World::new(Profile::cash(), amount).offline();
        for application in &mut world.configuration.applications {
            application.contactless.as_mut().unwrap().cash_limit = Some(cash);
        }
        world.run().online.is_some()
    };
    assert_eq!([19_999, 20_000, 20_001].map(|amount| online(amount, 100_000)), [false, false, true]);
    assert_eq!([9_999, 10_000, 10_001].map(|amount| online(amount, 10_000)), [false, false, true]);
}
