//! The order of the queue, and that no row blocks another.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{AdviceState, Kind, Moment, Original, Reversal, ReversalReason, ReversalState, Sealed, Settings};
use posd_emv::configuration::Configuration;
use posd_unionpay::{Profile, request::Entry};
use std::sync::Arc;

fn original(trace: u32, field55: &[u8]) -> Original {
    Original {
        kind: Kind::Sale,
        family: Default::default(),
        entry: Entry::Chip,
        linked: None,
        batch: 1,
        trace,
        amount: 100,
        currency: 156,
        card_sequence: None,
        pin_entered: false,
        authorisation_code: None,
        rrn: None,
        field55: field55.to_vec(),
        wallet: None,
        voucher: None,
    }
}

fn till() -> Terminal {
    let mut terminal = Terminal::new(Settings {
        merchant_name: "示例商户".to_owned(),
        merchant: "898000000000001".to_owned(),
        terminal: "00000001".to_owned(),
        hosts: vec!["192.0.2.1:5000".to_owned()],
        profile_name: "unionpay".to_owned(),
        test: true,
        copies: Vec::new(),
        profile: Arc::new(Profile { advice_expiry_h: 48, ..Profile::default() }),
        card: Arc::new(Configuration::unionpay()),
        offline: None,
        deadlines: crate::Deadlines::default(),
    });
    terminal.journal = JournalState::Good;
    terminal.device.signed_in = true;
    terminal.vault = Some(posd_vault_protocol::Status {
        reader: posd_vault_protocol::DeviceState::Ready,
        pin_pad: posd_vault_protocol::DeviceState::Ready,
        contactless: posd_vault_protocol::DeviceState::Missing,
        stripe_reader: posd_vault_protocol::DeviceState::Missing,
        card_present: false,
        card_in_field: false,
        storage_key: true,
        algorithm: posd_vault_protocol::KeyAlgorithm::TripleDes,
        master_key: Some([1, 2, 3]),
        pin_key: None,
        mac_key: None,
    });
    terminal
}

fn advice(terminal: &mut Terminal, kind: AdviceKind, transaction: u64, field55: &[u8]) -> Due {
    let trace = u32::try_from(transaction).unwrap();
    let card = Sealed(Vec::new());
    terminal.queue_advice(kind, transaction, original(trace, field55), card, "0101".to_owned());
    Due::Advice(terminal.device.next_advice - 1)
}

fn reversal(terminal: &mut Terminal, transaction: u64) -> Due {
    terminal.reversals.push(Reversal {
        transaction,
        state: ReversalState::Pending,
        reason: ReversalReason::NoAnswer,
        original: original(u32::try_from(transaction).unwrap(), &[]),
        card: Sealed(Vec::new()),
        tries: Vec::new(),
        closing: None,
    });
    Due::Reversal(transaction)
}

/// Tries what is next, and has it end in this way.
fn attempt(terminal: &mut Terminal, end: End) -> Due {
    let due = terminal.next_due().unwrap();
    terminal.begin_due(due);
    terminal.exchange = None;
    match due {
        Due::Advice(id) => terminal.advice_answered(id, end),
        Due::Reversal(id) => terminal.reversal_answered(id, end),
    }
    due
}

fn wait(terminal: &mut Terminal, ms: u64) {
    terminal.now = Moment {
        monotonic_ms: terminal.now.monotonic_ms + ms,
        wall: terminal.now.wall + i64::try_from(ms).unwrap(),
        ..terminal.now
    };
}

#[test]
fn the_order_is_the_references() {
    let mut till = till();
    let chip = advice(&mut till, AdviceKind::Transaction, 1, &[0x9F]);
    let plain = advice(&mut till, AdviceKind::Transaction, 2, &[]);
    let undo = reversal(&mut till, 3);
    let scripts = advice(&mut till, AdviceKind::ScriptResult, 4, &[0x9F]);
    assert_eq!(till.in_order().collect::<Vec<_>>(), [scripts, undo, plain, chip]);
}

#[test]
fn a_tip_waits_for_its_sale_and_for_nothing_else() {
    let mut till = till();
    let sale = advice(&mut till, AdviceKind::Transaction, 1, &[0x9F]);
    let tip = advice(&mut till, AdviceKind::Transaction, 2, &[]);
    let other = advice(&mut till, AdviceKind::Transaction, 3, &[]);
    let linked = posd_unionpay::request::Linked { batch: 1, trace: 1, ..Default::default() };
    till.advices[1].original.linked = Some(linked);
    assert_eq!(till.in_order().collect::<Vec<_>>(), [other, sale]);
    // A sale that the host refuses holds its tip up no longer: the host says what is wrong with that too.
    till.advices.remove(0);
    assert_eq!(till.in_order().collect::<Vec<_>>(), [tip, other]);
}

#[test]
fn in_the_background_what_never_gets_through_holds_up_nothing() {
    let mut till = till();
    let first = advice(&mut till, AdviceKind::Transaction, 1, &[]);
    let second = advice(&mut till, AdviceKind::Transaction, 2, &[]);
    let undo = reversal(&mut till, 3);
    let other = reversal(&mut till, 4);
    let mut seen = Vec::new();
    for _ in 0..8 {
        wait(&mut till, 60_000);
        seen.push(attempt(&mut till, End::NoAnswer));
    }
    assert_eq!(seen, [undo, first, other, second, undo, first, other, second]);
}

#[test]
fn what_cannot_be_made_needs_action_at_once_and_the_next_goes_on() {
    let mut till = till();
    let broken = advice(&mut till, AdviceKind::Transaction, 1, &[]);
    let good = advice(&mut till, AdviceKind::Transaction, 2, &[]);
    assert_eq!(attempt(&mut till, End::CannotBeMade), broken);
    assert_eq!((till.queue_length(), till.needs_action), (1, 1));
    assert_eq!(till.next_due(), Some(good));
}

#[test]
fn a_failed_try_waits_before_the_next() {
    let mut till = till();
    advice(&mut till, AdviceKind::ScriptResult, 1, &[]);
    attempt(&mut till, End::NotSent);
    assert_eq!(till.next_due(), None);
    wait(&mut till, RETRY_AFTER[0]);
    assert!(till.next_due().is_some());
}

#[test]
fn an_advice_expires_by_tries_and_not_by_a_clock_that_was_set_and_a_reversal_never_does() {
    let mut till = till();
    advice(&mut till, AdviceKind::Transaction, 1, &[]);
    wait(&mut till, 1_000_000 * 3_600_000);
    // Ten years of silence are a day.
    attempt(&mut till, End::NoAnswer);
    assert_eq!((till.queue_length(), till.needs_action), (1, 0));
    wait(&mut till, 25 * 3_600_000);
    attempt(&mut till, End::NoAnswer);
    assert_eq!((till.queue_length(), till.needs_action), (0, 1));
    let commit = till.effects.iter().rev().find_map(|effect| match effect {
        Effect::Commit(writes) => Some(writes),
        _ => None,
    });
    let expired = commit.unwrap().iter().any(|write| {
        matches!(write, Write::Advice(advice) if advice.state == AdviceState::NeedsAction
            && advice.tries.last().unwrap().result == "expired")
    });
    assert!(expired);
    reversal(&mut till, 2);
    for _ in 0..100 {
        wait(&mut till, 25 * 3_600_000);
        attempt(&mut till, End::NoAnswer);
    }
    assert_eq!(till.pending_reversals(), 1);
}

#[test]
fn a_round_tries_each_once_whatever_its_wait_and_ends_where_there_is_no_line() {
    let mut till = till();
    let all: Vec<Due> = (1..=3).map(|id| advice(&mut till, AdviceKind::Transaction, id, &[])).collect();
    attempt(&mut till, End::NotSent);
    till.call_forward(9).unwrap();
    let mut tried = Vec::new();
    for _ in 0..2 {
        tried.push(attempt(&mut till, End::Undecodable));
    }
    tried.push(attempt(&mut till, End::NotSent));
    assert_eq!(tried, [all[1], all[2], all[0]], "the one that failed last comes last");
    assert_eq!(till.next_due(), None);
    assert!(till.end_round());
    let left =
        till.effects.iter().any(|effect| matches!(effect, Effect::Reply(9, Ok(Answer::QueueLength(3)))));
    assert!(left && !till.end_round());
    till.call_forward(10).unwrap();
    attempt(&mut till, End::NotSent);
    assert_eq!(till.next_due(), None, "nothing more is tried without a line");
}

#[test]
fn a_round_over_an_empty_queue_ends_at_once() {
    let mut till = till();
    till.call_forward(5).unwrap();
    assert_eq!(till.next_due(), None);
    assert!(till.end_round());
    assert!(till.effects.iter().any(|e| matches!(e, Effect::Reply(5, Ok(Answer::QueueLength(0))))));
}
