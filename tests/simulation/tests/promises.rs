//! The quick run: at least 50,000 transactions and 200 settlements under drawn faults, the crash sweep, and the planted bugs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_simulation::{Faults, Plan, Plant, World, chain};
use posd_terminal::Kind;
use std::thread;

fn plan(seed: u64) -> Plan {
    Plan { seed, sales: 20, faults: Faults::Drawn, tapped: false, plant: None, kind: Kind::Sale }
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
fn fifty_thousand_transactions_keep_every_promise() {
    let workers: Vec<_> = (0..2)
        .map(|worker| {
            thread::spawn(move || {
                let (mut attempts, mut crashes, mut settled, mut seed) = (0, 0, 0, 1 + worker);
                while attempts < 25_000 {
                    let outcome =
                        World::run(plan(seed)).unwrap_or_else(|violation| panic!("{}", violation.0));
                    attempts += outcome.attempts;
                    crashes += outcome.crashes;
                    settled += outcome.settled;
                    seed += 2;
                }
                (attempts, crashes, settled)
            })
        })
        .collect();
    let (attempts, crashes, settled) = workers
        .into_iter()
        .map(|w| w.join().unwrap())
        .fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2));
    assert!(attempts >= 50_000 && crashes > 2_500, "{attempts} transactions, {crashes} crashes");
    assert!(settled >= 200, "{settled} settlements");
}

/// The power goes before every effect of a transaction, and before effects of each recovery: every one, or where the
/// recovery is that of another kind with other data, each `stride`th, another one after each crash.
fn crash_everywhere(kind: Kind, fewest: u64, stride: u64) {
    crash_everywhere_with(77, kind, fewest, stride);
}

fn crash_everywhere_with(seed: u64, kind: Kind, fewest: u64, stride: u64) {
    sweep(&Plan { sales: chain(kind).len(), kind, ..plan(seed) }, fewest, stride);
}

fn sweep(whole: &Plan, fewest: u64, stride: u64) {
    let kind = whole.kind;
    let sweep = |at, again| {
        let plan = Plan { faults: Faults::Sweep(at, again), ..whole.clone() };
        World::run(plan).unwrap_or_else(|violation| panic!("at {at}, again {again:?}: {}", violation.0))
    };
    let length = World::run(Plan { faults: Faults::None, ..whole.clone() }).unwrap().sale_effects;
    assert!(length > fewest, "a {kind} has {length} effects");
    let mut runs = 0;
    for at in 0..=length {
        let once = sweep(at, None);
        assert_eq!(once.crashes, u64::from(at < length), "at {at} of {length}");
        // The recovery goes on until the app has sold again; its first part is what repairs.
        for again in (at % stride..once.effects.min(60)).step_by(stride as usize) {
            let twice = sweep(at, Some(again));
            assert!(twice.crashes <= 2);
            runs += 1;
        }
    }
    assert!(runs * stride > 10 * fewest, "{runs} double crashes");
}

#[test]
fn a_crash_at_every_effect_and_again_at_every_effect_of_its_recovery() {
    crash_everywhere(Kind::Sale, 100, 1);
}

#[test]
fn a_crash_at_every_effect_of_a_tapped_sale_and_again_in_its_recovery() {
    sweep(&Plan { sales: 1, kind: Kind::Sale, tapped: true, ..plan(77) }, 60, 3);
}

#[test]
fn a_crash_at_every_effect_of_a_void_and_again_at_every_effect_of_its_recovery() {
    crash_everywhere(Kind::Void, 20, 1);
}

#[test]
fn a_crash_at_every_effect_of_a_pre_authorisation_and_again_in_its_recovery() {
    crash_everywhere(Kind::PreAuth, 100, 7);
}

#[test]
fn a_crash_at_every_effect_of_its_cancel_and_again_in_its_recovery() {
    crash_everywhere(Kind::PreAuthCancel, 20, 3);
}

#[test]
fn a_crash_at_every_effect_of_an_offline_sale_and_again_in_its_recovery() {
    crash_everywhere(Kind::OfflineSale, 60, 3);
}

#[test]
fn a_day_of_offline_sales_is_accepted_by_the_host_to_the_last_one() {
    let outcome =
        World::run(Plan { faults: Faults::None, sales: 40, kind: Kind::OfflineSale, ..plan(5) }).unwrap();
    assert_eq!((outcome.attempts, outcome.crashes), (40, 0));
    // Only those above the limit of one sale are refused: each is accepted before the next.
    assert!(outcome.charged > 30, "{} of {}", outcome.charged, outcome.attempts);
}

/// The power goes before every effect of a settlement, and before every effect of each recovery.
fn crash_everywhere_in_a_settlement(forget: bool, fewest: u64) {
    // A sale, its void and a sale: a row for each step, and on an unbalanced side details too.
    let run = |at, again| {
        let faults = Faults::SweepSettlement { at, again, forget };
        let plan = Plan { faults, sales: 3, kind: Kind::Void, ..plan(77) };
        World::run(plan).unwrap_or_else(|violation| panic!("at {at}, again {again:?}: {}", violation.0))
    };
    let whole = run(1_000_000, None);
    assert_eq!((whole.crashes, whole.settled), (0, 1));
    let length = whole.sale_effects;
    assert!(length > fewest, "a settlement has {length} effects");
    for at in 0..length {
        let once = run(at, None);
        assert!(once.crashes == 1 && once.settled >= 1, "at {at} of {length}");
        // Every third of them, each time others: a settlement is long, and so is what follows it.
        for again in (at % 3..once.effects.min(60)).step_by(3) {
            let twice = run(at, Some(again));
            assert!(twice.crashes <= 2 && twice.settled >= 1);
        }
    }
}

#[test]
fn a_crash_at_every_effect_of_a_balanced_settlement_and_again_at_every_effect_of_its_recovery() {
    crash_everywhere_in_a_settlement(false, 20);
}

#[test]
fn a_crash_at_every_effect_of_every_download_and_again_at_effects_of_its_recovery() {
    let sweep = |at, again| {
        let plan = Plan { faults: Faults::Downloads(at, again), sales: 1, ..plan(78) };
        World::run(plan).unwrap_or_else(|violation| panic!("at {at}, again {again:?}: {}", violation.0))
    };
    let length = sweep(u64::MAX, None).download_effects;
    assert!(length > 60, "the downloads have {length} effects");
    let mut runs = 0;
    for at in 0..length {
        let once = sweep(at, None);
        assert_eq!((once.crashes, once.charged), (1, 1), "at {at} of {length}");
        for again in (0..once.effects.min(60)).step_by(4) {
            assert!(sweep(at, Some(again)).crashes <= 2);
            runs += 1;
        }
    }
    assert!(runs > 8 * length, "{runs} double crashes");
}

#[test]
fn a_crash_at_every_effect_of_an_unbalanced_settlement_and_again_at_every_effect_of_its_recovery() {
    crash_everywhere_in_a_settlement(true, 30);
}

#[test]
fn a_crash_at_every_effect_of_a_refund_and_again_at_every_effect_of_its_recovery() {
    crash_everywhere(Kind::Refund, 40, 1);
}

#[test]
fn a_crash_at_every_effect_of_a_completion_and_again_in_its_recovery() {
    crash_everywhere(Kind::Completion, 20, 3);
}

#[test]
fn a_crash_at_every_effect_of_a_completion_advice_and_again_in_its_recovery() {
    crash_everywhere(Kind::CompletionAdvice, 20, 3);
}

#[test]
fn a_crash_at_every_effect_of_a_tip_and_again_in_its_recovery() {
    crash_everywhere(Kind::Tip, 20, 3);
}

#[test]
fn a_crash_at_every_effect_of_a_signed_offline_sale_and_of_its_signatures_upload() {
    let one = |seed| Plan { faults: Faults::None, sales: 1, kind: Kind::OfflineSale, ..plan(seed) };
    let signed = (1..200).find(|seed| World::run(one(*seed)).unwrap().signature_parts == 4);
    crash_everywhere_with(signed.expect("somebody signs"), Kind::OfflineSale, 80, 7);
}

#[test]
fn a_crash_at_every_effect_of_a_completions_cancel_and_again_in_its_recovery() {
    crash_everywhere(Kind::CompletionCancel, 20, 3);
}

#[test]
fn a_crash_at_every_effect_of_a_balance_inquiry_and_again_in_its_recovery() {
    crash_everywhere(Kind::BalanceInquiry, 100, 7);
}

#[test]
fn a_crash_at_every_effect_of_an_instalment_payment_and_again_in_its_recovery() {
    crash_everywhere(Kind::Instalment, 100, 11);
}

#[test]
fn a_crash_at_every_effect_of_a_phone_order_and_again_in_its_recovery() {
    crash_everywhere(Kind::PhoneOrder, 20, 3);
}

#[test]
fn a_day_without_faults_does_everything() {
    for kind in posd_terminal::served() {
        let sales = 15 * chain(kind).len();
        let outcome = World::run(Plan { faults: Faults::None, sales, kind, ..plan(5) }).unwrap();
        let all = (outcome.attempts, outcome.charged, outcome.crashes);
        assert_eq!(all, (sales, sales, 0), "{kind}: {:?}", outcome.causes);
    }
}

#[test]
fn a_crash_at_every_effect_of_a_scanned_code_and_again_in_its_recovery() {
    crash_everywhere(Kind::QrScan, 20, 5);
}

#[test]
fn a_crash_at_every_effect_of_a_shown_code_and_again_in_its_recovery() {
    crash_everywhere(Kind::QrShow, 20, 5);
}

/// It is judged when it goes out, so no crash is needed to see it; each is seen as what it is.
#[test]
fn what_goes_out_before_it_is_durable_is_seen_on_a_day_without_faults() {
    for (plant, seen) in [
        (Plant::DropFsync, "went out while a power cut would still take what it stands on"),
        (Plant::ReverseAfterSend, "left before its intent was durable"),
        (Plant::ReportBeforeCommit, "before that was durable"),
        (Plant::PrintBeforeCommit, "was printed before it was durable"),
    ] {
        let day = Plan { faults: Faults::None, sales: 1, plant: Some(plant), ..plan(5) };
        let Err(violation) = World::run(day) else { panic!("{plant:?} was not found") };
        assert!(violation.0.contains(seen), "{plant:?}: {}", violation.0);
    }
}

#[test]
fn every_planted_bug_is_found() {
    for plant in Plant::ALL {
        let found = (1..2_000).find_map(|seed| World::run(Plan { plant: Some(plant), ..plan(seed) }).err());
        assert!(found.is_some(), "{plant:?} was not found");
    }
}
