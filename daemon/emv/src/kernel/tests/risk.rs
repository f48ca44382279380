//! Terminal risk management.

use super::{
    super::{OfflineApproval, Verdict},
    card::cryptogram,
    world::World,
};
use crate::{
    configuration::RandomSelection,
    indicators::{tsi, tvr},
    tags,
};

#[test]
fn check_46_the_floor_limit() {
    let marked = |amount, limit| {
        let mut world = World::new();
        world.transaction.amount = amount;
        world.configuration.applications[0].floor_limit = limit;
        world.run().tvr_at_card().has(tvr::FLOOR_LIMIT_EXCEEDED)
    };
    assert!(marked(1, 0) && marked(999_999_999_999, 0));
    // Zero is the only limit that a valid configuration has; the comparison is right all the same.
    assert!(!marked(99, 100) && marked(100, 100) && marked(101, 100));
    assert!(marked(0, 0));
}

#[test]
fn check_46_a_split_sale_is_over_the_floor_limit_as_a_whole() {
    let marked = |spent: u64| {
        let mut world = World::new();
        world.transaction.amount = 40;
        world.configuration.applications[0].floor_limit = 100;
        world.known.spent = spent;
        world.run().tvr_at_card().has(tvr::FLOOR_LIMIT_EXCEEDED)
    };
    assert!(!marked(0) && !marked(59) && marked(60) && marked(u64::MAX));
}

#[test]
fn check_49_a_card_on_the_exception_file_is_declined_by_the_card_too() {
    // Whatever card and action codes say, and before anyone types a PIN.
    for profile in [[0x1C, 0x00], [0x14, 0x00], [0x7D, 0x00]] {
        let mut world = World::with(|card| card.profile = profile);
        world.known.on_exception_file = true;
        world.transaction.offline = OfflineApproval::FirstOrUnableToGoOnline;
        world.configuration.applications[0].floor_limit = 100_000;
        world.card.cryptograms = vec![cryptogram(0x00)];
        let run = world.run();
        assert_eq!((run.verdict(), run.sent(0xAE)[0][2]), (&Verdict::Declined, 0x00));
        let told = run.tvr_at_card();
        assert!(told.has(tvr::ON_EXCEPTION_FILE) && told.has(tvr::ODA_NOT_PERFORMED), "{told:?}");
        assert!(run.online.is_none() && run.online_pins == 0 && run.sent(0x88).is_empty());
        assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(b"Z1".to_vec()));
    }
    assert!(!World::new().run().tvr(tvr::ON_EXCEPTION_FILE));
}

#[test]
fn check_47_selection_is_told() {
    let selected = |random: u8| {
        let mut world = World::new();
        let application = &mut world.configuration.applications[0];
        application.floor_limit = 100_000;
        application.random_selection = RandomSelection { threshold: 50_000, target: 30, maximum: 60 };
        world.random.push_back([0, 0, 0, 0, 0, 0, 0, random]);
        world.run().tvr_at_card().has(tvr::SELECTED_AT_RANDOM)
    };
    assert!(selected(0) && selected(29) && !selected(30) && !selected(98));
    // With a floor limit of zero everything goes online anyway.
    assert!(!World::new().run().tvr(tvr::SELECTED_AT_RANDOM));
}

#[test]
fn check_48_velocity() {
    let marks = |now: Option<[u8; 2]>, online: Option<[u8; 2]>| {
        let mut world = World::with(|card| {
            card.set(0x9F14, "05");
            card.set(0x9F23, "0A");
        });
        let mut give =
            |tag, value: Option<[u8; 2]>| value.map(|value| world.card.data.insert(tag, value.to_vec()));
        give(0x9F36, now);
        give(0x9F13, online);
        let run = world.run();
        assert_eq!(run.sent(0xCA).len(), 2);
        let tvr = run.tvr_at_card();
        (
            tvr.has(tvr::LOWER_OFFLINE_LIMIT_EXCEEDED),
            tvr.has(tvr::UPPER_OFFLINE_LIMIT_EXCEEDED),
            tvr.has(tvr::NEW_CARD),
        )
    };
    assert_eq!(marks(Some([0, 7]), Some([0, 2])), (false, false, false));
    assert_eq!(marks(Some([0, 8]), Some([0, 2])), (true, false, false));
    assert_eq!(marks(Some([0, 12]), Some([0, 2])), (true, false, false));
    assert_eq!(marks(Some([0, 13]), Some([0, 2])), (true, true, false));
    // A counter that is missing, or makes no sense.
    assert_eq!(marks(None, Some([0, 2])), (true, true, false));
    assert_eq!(marks(Some([0, 2]), None), (true, true, false));
    assert_eq!(marks(Some([0, 2]), Some([0, 2])), (true, true, false));
    assert_eq!(marks(Some([0, 2]), Some([0, 3])), (true, true, false));
    // Never online: a new card.
    assert_eq!(marks(Some([0, 1]), Some([0, 0])), (false, false, true));
    assert_eq!(marks(None, Some([0, 0])), (true, true, true));
}

#[test]
fn check_48_without_both_limits_nothing_is_asked() {
    for tag in [0x9F14, 0x9F23] {
        let run = World::with(|card| card.set(tag, "00")).run();
        assert!(run.sent(0xCA).is_empty());
    }
}

#[test]
fn check_48_odd_counters_are_missing_counters() {
    let mut world = World::with(|card| {
        card.set(0x9F14, "05");
        card.set(0x9F23, "0A");
    });
    world.card.data.insert(0x9F36, vec![1]);
    world.card.data.insert(0x9F13, vec![0, 0, 0]);
    assert!(world.run().tvr(tvr::UPPER_OFFLINE_LIMIT_EXCEEDED));
}

#[test]
fn check_50_performed_where_the_card_wants_it() {
    assert!(World::new().run().tsi(tsi::TERMINAL_RISK_PERFORMED));
    let run = World::with(|card| card.profile = [0x14, 0]).run();
    assert!(!run.tsi(tsi::TERMINAL_RISK_PERFORMED));
    assert!(run.online.is_some(), "it goes online all the same");
}
