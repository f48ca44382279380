//! What may never be, seen from outside: from the host's books, from what apps were told, from what left for the host.

use posd_acquirer::{ChargeState, Host};
use posd_terminal::{Attempt, Outcome, TransactionId, Write};
use posd_unionpay::{Frame, Message, Profile};
use std::collections::{BTreeMap, BTreeSet};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

/// What the oracle remembers across crashes.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Outcomes whose commit was answered, by transaction.
    durable: BTreeMap<TransactionId, Option<Outcome>>,
    /// Reversal intents whose commit was answered, by batch and trace.
    intents: BTreeSet<(u32, u32)>,
    /// Sales that left, by batch and trace.
    sent: BTreeSet<(u32, u32)>,
    /// Other messages with a trace of their own that left, by batch, trace and message type.
    own: BTreeSet<(u32, u32)>,
    /// Sales whose answer had a wrong or missing MAC.
    pub(crate) tainted: BTreeSet<u32>,
    /// Transactions that an app was ever told are charged.
    told_charged: BTreeMap<TransactionId, Attempt>,
    /// Sequence numbers that were seen.
    sequences: BTreeMap<TransactionId, u64>,
    pub(crate) violations: Vec<Violation>,
}

impl Oracle {
    fn broken(&mut self, what: String) {
        self.violations.push(Violation(what));
    }

    /// A commit was answered.
    pub(crate) fn committed(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Attempt(attempt) => {
                    self.durable.insert(attempt.id, attempt.outcome);
                }
                Write::Reversal(reversal) => {
                    self.intents.insert((reversal.original.batch, reversal.original.trace));
                }
                _ => {}
            }
        }
    }

    /// The journal was opened again: what it holds is durable, whether or not its commit was answered before the
    /// power went.
    pub(crate) fn reopened(&mut self, attempts: &[Attempt]) {
        self.durable = attempts.iter().map(|attempt| (attempt.id, attempt.outcome)).collect();
    }

    /// An app was told how a transaction stands.
    pub(crate) fn told(&mut self, attempt: &Attempt, sequence: u64, host: &Host) {
        let id = attempt.id;
        let durable = self.durable.get(&id).copied().flatten();
        if attempt.outcome.is_some() && attempt.outcome != durable {
            self.broken(format!("{id}: told {:?} while {durable:?} is durable", attempt.outcome));
        }
        if self.sequences.get(&id).is_some_and(|last| *last > sequence) {
            self.broken(format!("{id}: sequence went back to {sequence}"));
        }
        self.sequences.insert(id, sequence);
        if attempt.outcome.is_some_and(Outcome::is_charged) {
            let held = standing(host, attempt);
            if held != 1 {
                self.broken(format!("{id}: heard approved, and the host holds {held} charges"));
            }
            if attempt.trace.is_some_and(|trace| self.tainted.contains(&trace)) {
                self.broken(format!("{id}: approved on an answer with a bad MAC"));
            }
            self.told_charged.insert(id, attempt.clone());
        }
    }

    /// A frame leaves for the host.
    pub(crate) fn leaves(&mut self, frame: &[u8], profile: &Profile) -> Option<(String, u32)> {
        let message = Message::decode(Frame::read_unprefixed(frame).ok()?.body, &profile.table()).ok()?;
        let mti = message.mti().to_string();
        let trace = u32::try_from(message.number(11)?).ok()?;
        let batch =
            message.digits(60).and_then(|digits| digits.number(2..8)).and_then(|b| u32::try_from(b).ok())?;
        match mti.as_str() {
            "0200" => {
                if !self.intents.contains(&(batch, trace)) {
                    self.broken(format!("sale {trace} left before its reversal intent was durable"));
                }
                if !self.sent.insert((batch, trace)) || self.own.contains(&(batch, trace)) {
                    self.broken(format!("trace {trace} was used twice"));
                }
            }
            "0400" => {}
            // An advice keeps its own trace from try to try.
            "0620" => {
                self.own.insert((batch, trace));
            }
            _ => {
                if !self.own.insert((batch, trace)) || self.sent.contains(&(batch, trace)) {
                    self.broken(format!("trace {trace} was used twice"));
                }
            }
        }
        Some((mti, trace))
    }

    /// Everything is at rest: do the books agree?
    pub(crate) fn at_rest(&mut self, host: &Host, attempts: &[Attempt], references: usize) {
        let mut charged: BTreeMap<String, usize> = BTreeMap::new();
        let known: BTreeMap<(u32, u32), &Attempt> =
            attempts.iter().filter_map(|a| Some(((a.batch?, a.trace?), a))).collect();
        let charges = host.ledger().charges.clone();
        for charge in charges.iter().filter(|charge| charge.state == ChargeState::Booked) {
            match known.get(&(charge.batch, charge.trace)) {
                None => self
                    .broken(format!("the host holds a charge of trace {} that nobody knows", charge.trace)),
                Some(attempt) => {
                    *charged.entry(meant(attempt).to_owned()).or_default() += 1;
                    if !attempt.outcome.is_some_and(Outcome::is_charged) {
                        self.broken(format!(
                            "the host holds {}, the terminal says {:?}",
                            attempt.id, attempt.outcome
                        ));
                    }
                }
            }
        }
        for (reference, count) in charged {
            if count > 1 {
                self.broken(format!("{reference} is charged {count} times"));
            }
        }
        // Whatever an app once heard is still so.
        for attempt in std::mem::take(&mut self.told_charged).into_values() {
            if standing(host, &attempt) != 1 {
                self.broken(format!("{} was told approved, and the host does not hold it", attempt.id));
            }
        }
        let mut found = BTreeSet::new();
        for attempt in attempts {
            found.insert(meant(attempt));
            if attempt.outcome == Some(Outcome::Unknown) {
                self.broken(format!("{} is still unknown", attempt.id));
            }
            if attempt.outcome.is_some_and(Outcome::is_charged) && standing(host, attempt) != 1 {
                self.broken(format!("{} is approved, and the host does not hold it", attempt.id));
            }
        }
        if found.len() < references {
            self.broken(format!("{} of {references} sales are in the journal", found.len()));
        }
    }
}

/// How many charges of an attempt stand at the host.
fn standing(host: &Host, attempt: &Attempt) -> usize {
    let charges = host.ledger().charges.iter();
    charges
        .filter(|c| {
            c.state == ChargeState::Booked && Some(c.batch) == attempt.batch && Some(c.trace) == attempt.trace
        })
        .count()
}

/// The sale that the app meant, also where a planted fault files it under another name.
fn meant(attempt: &Attempt) -> &str {
    let reference = attempt.key.reference.as_str();
    reference.split_once('~').map_or(reference, |(meant, _)| meant)
}
