//! Processing restrictions.

use super::{super::Verdict, card::Card, world::World};
use crate::{
    hex::Fixed,
    indicators::{Bit, tvr},
};

fn marks(bit: Bit, change: impl FnOnce(&mut Card)) -> bool {
    World::with(change).run().tvr_at_card().has(bit)
}

#[test]
fn check_33_versions() {
    assert!(!marks(tvr::VERSIONS_DIFFER, |_| {}));
    assert!(!marks(tvr::VERSIONS_DIFFER, |card| card.remove(0x9F08)));
    assert!(marks(tvr::VERSIONS_DIFFER, |card| card.set(0x9F08, "0020")));
    let mut world = World::new();
    world.configuration.applications[0].version = Fixed([0, 0x20]);
    assert!(world.run().tvr_at_card().has(tvr::VERSIONS_DIFFER));
}

#[test]
fn check_34_usage_control() {
    let refused = |control: &str, country: Option<&str>| {
        marks(tvr::SERVICE_NOT_ALLOWED, |card| {
            card.set(0x9F07, control);
            match country {
                Some(country) => card.set(0x5F28, country),
                None => card.remove(0x5F28),
            }
        })
    };
    // Not at terminals other than cash dispensers, whatever else.
    assert!(refused("FE00", Some("0156")));
    assert!(refused("FE00", None));
    // Domestic goods (20), domestic services (08).
    assert!(!refused("2100", Some("0156")) && !refused("0900", Some("0156")));
    assert!(refused("1500", Some("0156")) && refused("8100", Some("0156")));
    // International goods (10), international services (04).
    assert!(!refused("1100", Some("0840")) && !refused("0500", Some("0840")));
    assert!(refused("2900", Some("0840")) && refused("4100", Some("0840")));
    // Without the issuer's country nothing more is asked.
    assert!(!refused("0100", None));
    // Peer fault 5: a country of one byte is a foreign one, and no panic.
    assert!(!refused("1100", Some("56")) && refused("2100", Some("56")));
    assert!(refused("FF", Some("0156")), "a control that cannot be read allows nothing");
    assert!(!marks(tvr::SERVICE_NOT_ALLOWED, |card| card.remove(0x9F07)));
}

#[test]
fn check_34_cashback() {
    for (control, country, refused) in
        [("2180", "0156", false), ("2140", "0156", true), ("1140", "0840", false), ("1180", "0840", true)]
    {
        let mut world = World::with(|card| {
            card.set(0x9F07, control);
            card.set(0x5F28, country);
        });
        world.transaction.amount_other = 100;
        assert_eq!(world.run().tvr_at_card().has(tvr::SERVICE_NOT_ALLOWED), refused, "{control}");
    }
}

#[test]
fn check_35_the_effective_day_is_good() {
    assert!(!marks(tvr::NOT_YET_EFFECTIVE, |card| card.set(0x5F25, "261124")));
    assert!(marks(tvr::NOT_YET_EFFECTIVE, |card| card.set(0x5F25, "261125")));
    assert!(!marks(tvr::NOT_YET_EFFECTIVE, |card| card.remove(0x5F25)));
    // Peer fault 2: 1995, not 2095.
    assert!(!marks(tvr::NOT_YET_EFFECTIVE, |card| card.set(0x5F25, "950701")));
    assert!(marks(tvr::NOT_YET_EFFECTIVE, |card| card.set(0x5F25, "261301")), "no day is no good day");
}

#[test]
fn check_36_the_last_day_is_good() {
    let expires = |day: &str, today: [u8; 3]| {
        let mut world = World::with(|card| {
            card.set(0x5F24, day);
            card.remove(0x57);
        });
        world.transaction.date = today;
        world.run().tvr_at_card().has(tvr::EXPIRED)
    };
    assert!(!expires("261124", [26, 11, 24]));
    assert!(expires("261124", [26, 11, 25]));
    assert!(expires("991231", [26, 11, 24]), "1999");
    assert!(!expires("491231", [26, 11, 24]), "2049");
}

#[test]
fn a_transaction_without_a_day_does_not_start() {
    let mut world = World::new();
    world.transaction.date = [26, 2, 30];
    let run = world.run();
    assert!(matches!(run.verdict(), Verdict::Terminated(_)));
    assert!(run.commands.is_empty());
}
