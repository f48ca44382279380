//! What each fault of host and card leads to: never an approval on it, and a reversal with the right reason (rule 7).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_acquirer::{Fault, MessageKind};
use posd_card::{CryptogramType, Fault as CardFault, Misbehaviour, When};
use posd_simulation::{Faults, Outcome, Plan, World, chain};
use posd_terminal::Kind;

/// One sale with a fault in its first attempt; the app then tries again, up to three times.
fn run(faults: Faults) -> Outcome {
    run_kind(faults, Kind::Sale)
}

fn run_kind(faults: Faults, kind: Kind) -> Outcome {
    let sales = chain(kind).len();
    (1..4)
        .map(|seed| {
            World::run(Plan { seed, sales, faults: faults.clone(), tapped: false, plant: None, kind })
        })
        .map(|outcome| outcome.unwrap_or_else(|violation| panic!("{}", violation.0)))
        .reduce(|first, next| {
            assert_eq!(first.causes, next.causes, "the seed does not matter");
            next
        })
        .unwrap()
}

fn reversed_for(reason: &str, fault: Fault) {
    let outcome = run(Faults::Host(fault.clone()));
    assert!(!outcome.reasons.is_empty(), "{fault:?}: nothing was reversed");
    assert!(outcome.reasons.iter().all(|found| found == reason), "{fault:?}: {:?}", outcome.reasons);
    assert_eq!(outcome.causes, ["reversed", "none"], "{fault:?}: the next attempt is the one charge");
    // The other kinds too. The reversal of what follows another one undoes it, and the next attempt does it again.
    let reversed = |kind: &Kind| {
        // A payment by code is asked for and ended instead.
        kind.row().reversible && !matches!(kind, Kind::Sale | Kind::QrScan | Kind::QrShow)
    };
    for kind in posd_terminal::served().filter(reversed) {
        let outcome = run_kind(Faults::Host(fault.clone()), kind);
        assert!(!outcome.reasons.is_empty(), "{fault:?}: no {kind} was reversed");
        assert!(outcome.reasons.iter().all(|found| found == reason), "{fault:?}: {:?}", outcome.reasons);
        let mut causes = vec!["none"; chain(kind).len() - 1];
        causes.extend(["reversed", "none"]);
        assert_eq!(outcome.causes, causes, "{fault:?}: the next attempt of the {kind}");
    }
    not_reversed(fault);
}

/// Rule 5: what is not reversible is not reversed. A refund is resolved by the supervisor, who asks the acquirer: it is
/// tried again only where that does not hold it. A balance inquiry failed.
fn not_reversed(fault: Fault) {
    let refund = run_kind(Faults::Host(fault.clone()), Kind::Refund);
    assert!(refund.reasons.is_empty(), "{fault:?}: a refund was reversed");
    let resolved: &[_] = if matches!(fault, Fault::DropRequest | Fault::CloseBefore) {
        &["none", "resolved", "none"]
    } else {
        &["none", "resolved"]
    };
    assert_eq!(refund.causes, resolved, "{fault:?}");
    if fault == Fault::WrongAmount {
        // An inquiry names none.
        return;
    }
    let inquiry = run_kind(Faults::Host(fault.clone()), Kind::BalanceInquiry);
    assert!(inquiry.reasons.is_empty(), "{fault:?}: an inquiry was reversed");
    assert_eq!((inquiry.causes.len(), inquiry.causes[1]), (2, "none"), "{fault:?}: {:?}", inquiry.causes);
}

/// What is stored and forwarded is done whatever the host does with the message: it is told again until it is booked,
/// once, and never reversed.
#[test]
fn an_advice_is_told_again_through_every_fault_and_booked_once() {
    for kind in [Kind::CompletionAdvice, Kind::Tip] {
        for fault in [
            Fault::DropRequest,
            Fault::DropAnswer,
            Fault::CloseBefore,
            Fault::CloseAfter,
            Fault::CloseMidway,
            Fault::Delay { ms: 15_000 },
            Fault::HoldRequest { ms: 15_000 },
            Fault::Duplicate { ms: 700 },
            Fault::WrongTrace,
            Fault::WrongTerminal,
            Fault::WrongMti,
            Fault::WrongAmount,
            Fault::WrongMac,
            Fault::MissingMac,
            Fault::Truncate { bytes: 5 },
            Fault::Header { digit: 3 },
        ] {
            let outcome = run_kind(Faults::Host(fault.clone()), kind);
            assert!(outcome.reasons.is_empty(), "{fault:?}: a {kind} was reversed");
            assert_eq!(outcome.causes, ["none"; 2], "{fault:?}: {kind}");
            assert_eq!(outcome.charged, 2, "{fault:?}: {kind}");
        }
    }
}

/// A signature's parts are sent until the host has each, once; the oracle looks at what they make.
#[test]
fn a_signature_gets_through_every_fault() {
    for fault in [
        Fault::DropRequest,
        Fault::DropAnswer,
        Fault::CloseMidway,
        Fault::HoldRequest { ms: 15_000 },
        Fault::Duplicate { ms: 700 },
        Fault::WrongTrace,
        Fault::WrongMac,
        Fault::MissingMac,
        Fault::Truncate { bytes: 5 },
    ] {
        let mut parts = 0;
        for seed in 1..13 {
            let faults = Faults::HostTo(fault.clone(), MessageKind::Signature);
            let plan = Plan { seed, sales: 3, faults, tapped: false, plant: None, kind: Kind::OfflineSale };
            let outcome = World::run(plan).unwrap_or_else(|violation| panic!("{fault:?}: {}", violation.0));
            assert!(outcome.charged > 0 && outcome.reasons.is_empty(), "{fault:?}");
            parts += outcome.signature_parts;
        }
        assert!(parts >= 8, "{fault:?}: {parts} parts of signatures");
    }
}

#[test]
fn no_answer_is_reversed_with_98() {
    for fault in [
        Fault::DropRequest,
        Fault::DropAnswer,
        Fault::CloseBefore,
        Fault::CloseAfter,
        Fault::CloseMidway,
        Fault::Delay { ms: 15_000 },
        Fault::HoldRequest { ms: 15_000 },
    ] {
        reversed_for("98", fault);
    }
}

#[test]
fn an_answer_to_something_else_is_no_answer() {
    for fault in [Fault::WrongTrace, Fault::WrongTerminal, Fault::WrongMerchant, Fault::WrongMti] {
        reversed_for("98", fault);
    }
}

#[test]
fn an_answer_that_cannot_be_read_or_names_another_amount_is_reversed_with_06() {
    for fault in [Fault::Truncate { bytes: 5 }, Fault::WrongAmount] {
        reversed_for("06", fault);
    }
}

#[test]
fn rule_8_a_bad_mac_is_reversed_with_a0_and_never_approves() {
    for fault in [Fault::WrongMac, Fault::MissingMac] {
        reversed_for("A0", fault);
    }
}

#[test]
fn a_duplicate_or_slow_answer_charges_once() {
    for fault in [Fault::Duplicate { ms: 0 }, Fault::Duplicate { ms: 700 }, Fault::Delay { ms: 5_000 }] {
        let outcome = run(Faults::Host(fault));
        assert_eq!((outcome.attempts, outcome.charged, outcome.reasons.len()), (1, 1, 0));
    }
}

#[test]
fn check_60_a_card_that_does_not_complete_is_reversed_with_96() {
    for fault in [
        CardFault::Removed,
        CardFault::RemovedAfter,
        CardFault::Status(0x6F00),
        CardFault::Cryptogram(CryptogramType::Aac),
        CardFault::Cryptogram(CryptogramType::Arqc),
        CardFault::Truncate(3),
    ] {
        let outcome = run(Faults::Card(Misbehaviour::new(When::SecondGenerate, fault.clone())));
        assert!(!outcome.reasons.is_empty(), "{fault:?}: nothing was reversed");
        assert!(outcome.reasons.iter().all(|reason| reason == "96"), "{fault:?}: {:?}", outcome.reasons);
    }
}

#[test]
fn check_54_a_card_that_approves_unasked_charges_nothing() {
    let lie = Misbehaviour::new(When::FirstGenerate, CardFault::Cryptogram(CryptogramType::Tc));
    let outcome = run(Faults::Card(lie));
    assert_eq!((outcome.charged, outcome.reasons.len()), (0, 0));
}

/// A card that leaves at any command charges nothing that is not known, whatever it did before.
#[test]
fn a_card_pulled_at_any_command() {
    for apdu in 1..30 {
        for fault in [CardFault::Removed, CardFault::RemovedAfter, CardFault::Mute] {
            run(Faults::Card(Misbehaviour::new(When::Apdu(apdu), fault)));
        }
    }
}
