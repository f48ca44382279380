//! The quick run: at least 20,000 transactions under drawn faults, the crash sweep, and the planted bugs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_simulation::{Faults, Plan, Plant, World};
use std::thread;

fn plan(seed: u64) -> Plan {
    Plan { seed, sales: 20, faults: Faults::Drawn, plant: None }
}

#[test]
fn same_seed_same_trace() {
    for seed in [1, 2, 3] {
        let first = World::run(plan(seed)).unwrap();
        assert_eq!(first, World::run(plan(seed)).unwrap());
        assert_ne!(first.trace, World::run(plan(seed + 1_000)).unwrap().trace);
    }
}

#[test]
fn a_day_without_faults_approves_everything() {
    let outcome = World::run(Plan { faults: Faults::None, sales: 50, ..plan(5) }).unwrap();
    assert_eq!((outcome.attempts, outcome.charged, outcome.crashes), (50, 50, 0));
}

#[test]
fn twenty_thousand_transactions_keep_every_promise() {
    let workers: Vec<_> = (0..2)
        .map(|worker| {
            thread::spawn(move || {
                let (mut attempts, mut crashes, mut seed) = (0, 0, 1 + worker);
                while attempts < 10_000 {
                    let outcome =
                        World::run(plan(seed)).unwrap_or_else(|violation| panic!("{}", violation.0));
                    attempts += outcome.attempts;
                    crashes += outcome.crashes;
                    seed += 2;
                }
                (attempts, crashes)
            })
        })
        .collect();
    let (attempts, crashes) = workers
        .into_iter()
        .map(|w| w.join().unwrap())
        .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(attempts >= 20_000 && crashes > 1_000, "{attempts} transactions, {crashes} crashes");
}

/// The power goes before every effect of a sale, and before every effect of each recovery.
#[test]
fn a_crash_at_every_effect_and_again_at_every_effect_of_its_recovery() {
    let sweep = |at, again| {
        let plan = Plan { faults: Faults::Sweep(at, again), sales: 1, ..plan(77) };
        World::run(plan).unwrap_or_else(|violation| panic!("at {at}, again {again:?}: {}", violation.0))
    };
    let length = World::run(Plan { faults: Faults::None, sales: 1, ..plan(77) }).unwrap().sale_effects;
    assert!(length > 50, "a sale has {length} effects");
    let mut runs = 0;
    for at in 0..=length {
        let once = sweep(at, None);
        assert_eq!(once.crashes, u64::from(at < length), "at {at} of {length}");
        // The recovery goes on until the app has sold again; its first part is what repairs.
        for again in 0..once.effects.min(60) {
            let twice = sweep(at, Some(again));
            assert!(twice.crashes <= 2);
            runs += 1;
        }
    }
    assert!(runs > 1_000, "{runs} double crashes");
}

#[test]
fn every_planted_bug_is_found() {
    for plant in Plant::ALL {
        let found = (1..400).find_map(|seed| World::run(Plan { plant: Some(plant), ..plan(seed) }).err());
        assert!(found.is_some(), "{plant:?} was not found");
    }
}
