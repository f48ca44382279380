//! Store and forward: the order in which what the host has not answered is sent, and when.
//!
//! Reversals (`reversal.rs`) and advices (`advice.rs`) are sent before a new online transaction, and in the background
//! with growing waits. A row ends only with an answer that says so; none is ever deleted. Script results go before
//! reversals, those before transactions, and transactions without a chip before those with one (reference 4). Within
//! that the one that was tried longest ago comes next, so that one that never gets through holds up no other but those
//! that are about it.

use crate::{
    call::{Answer, CallError, CallId},
    event::{Effect, Timer},
    exchange::{End, Purpose},
    record::{Advice, AdviceId, AdviceKind, AdviceState, Records, TransactionId, Try, WallTime, Write},
    resolve::ROOT,
    sale::Step,
    settings::{HISTORY, RETRY_AFTER},
    terminal::{JournalState, Terminal},
};
use posd_unionpay::{Pan, request::Request};
use posd_vault_protocol::Secret;
use std::collections::{BTreeMap, BTreeSet};

/// Something to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// An advice.
    Advice(AdviceId),
    /// A reversal.
    Reversal(TransactionId),
}

/// Everything is tried once, whatever its wait.
#[derive(Debug, Default)]
pub(crate) struct Round {
    tried: BTreeSet<Due>,
    /// Silences in a row.
    silent: u32,
    /// There is no line: the rest is not tried.
    over: bool,
    waiting: Vec<CallId>,
}

/// Silences in a row after which a round does not try the rest.
const SILENCES: u32 = 2;

/// When what was tried, and when the next may be.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// The turn in which each was last tried. What is not here was not tried since the start.
    last: BTreeMap<Due, u64>,
    turn: u64,
    /// Tries in a row without an answer.
    pub(crate) failed: usize,
    /// When the background may try again, by the monotonic clock.
    pub(crate) retry_at: Option<u64>,
}

impl Terminal {
    pub(crate) fn next_try(&self) -> Option<WallTime> {
        let wait = self.turns.retry_at?.saturating_sub(self.now.monotonic_ms);
        Some(self.now.wall.saturating_add_unsigned(wait))
    }

    /// How many rows the host has still to take.
    pub(crate) fn queue_length(&self) -> u32 {
        self.pending_reversals().saturating_add(u32::try_from(self.advices.len()).unwrap_or(u32::MAX))
    }

    /// What is to be delivered now: before a transaction goes on, in a round, else when its wait is over.
    pub(crate) fn next_due(&self) -> Option<Due> {
        if self.journal != JournalState::Good || self.vault.is_none() {
            return None;
        }
        let may = self.turns.retry_at.is_none_or(|at| at <= self.now.monotonic_ms);
        if let Some(active) = self.active.as_ref().filter(|active| active.step == Step::Clearing) {
            // Advices that have just failed delay no sale again.
            let advices = active.tried.iter().filter(|due| matches!(due, Due::Advice(_))).count();
            let advices_too = may && advices < usize::from(self.profile().advices_before_sale);
            let due = |due: &Due| match due {
                Due::Reversal(_) => !active.tried.contains(due),
                Due::Advice(_) => advices_too && !active.tried.contains(due),
            };
            return self.in_order().find(due);
        }
        if let Some(round) = self.round.as_ref().filter(|round| !round.over) {
            return self.in_order().find(|due| !round.tried.contains(due));
        }
        if may { self.background() } else { None }
    }

    /// The turn in which something was last tried; 0 for never.
    fn turn_of(&self, due: &Due) -> u64 {
        self.turns.last.get(due).copied().unwrap_or(0)
    }

    /// Whether an advice waits for another one, so that the host knows what it is about: a tip for the sale that it adds
    /// to, a signature for the transaction that was signed.
    fn waits(&self, advice: &Advice) -> bool {
        let about = |other: &Advice| match advice.kind {
            AdviceKind::ScriptResult => false,
            AdviceKind::Signature => other.transaction == advice.transaction,
            AdviceKind::Transaction => advice.original.linked.as_ref().is_some_and(|linked| {
                (other.original.batch, other.original.trace) == (linked.batch, linked.trace)
            }),
        };
        self.advices.iter().any(|other| other.kind == AdviceKind::Transaction && about(other))
    }

    /// All that is due in the order of the reference; what was tried longest ago first.
    fn in_order(&self) -> impl Iterator<Item = Due> {
        let ready = self.advices.iter().filter(|advice| !self.waits(advice));
        let advices = ready.map(|advice| (class(advice), Due::Advice(advice.id)));
        let reversals = self.pending().map(|r| (REVERSALS, Due::Reversal(r.transaction)));
        let mut all: Vec<(u8, u64, Due)> =
            advices.chain(reversals).map(|(class, due)| (class, self.turn_of(&due), due)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, _, due)| due)
    }

    /// A reversal and an advice by turns, so that neither waits for the other; but a fresh script result goes before its
    /// reversal.
    fn background(&self) -> Option<Due> {
        let longest_ago = |all: &mut dyn Iterator<Item = Due>| all.min_by_key(|due| self.turn_of(due));
        let reversal = longest_ago(&mut self.in_order().filter(|due| matches!(due, Due::Reversal(_))));
        let advice = longest_ago(&mut self.in_order().filter(|due| matches!(due, Due::Advice(_))));
        let (Some(reversal), Some(advice)) = (reversal, advice) else { return reversal.or(advice) };
        let fresh_scripts = self.advices.iter().any(|a| class(a) < REVERSALS && Due::Advice(a.id) == advice)
            && self.turn_of(&advice) == 0;
        let mut last = self.turns.last.iter().filter(|(_, turn)| **turn == self.turns.turn);
        let reversal_was_last = last.any(|(due, _)| matches!(due, Due::Reversal(_)));
        Some(if fresh_scripts || reversal_was_last { advice } else { reversal })
    }

    /// Begins the delivery; a sign-in comes first where there are no work keys to make its MAC with.
    pub(crate) fn begin_due(&mut self, due: Due) {
        if !self.device.signed_in {
            return self.begin_session_exchange(Purpose::SignIn(Vec::new()));
        }
        self.turns.turn += 1;
        self.turns.last.insert(due, self.turns.turn);
        if let Some(active) = self.active.as_mut().filter(|active| active.step == Step::Clearing) {
            active.tried.insert(due);
        } else if let Some(round) = self.round.as_mut() {
            round.tried.insert(due);
        }
        if let Due::Reversal(id) = due
            && let Some(reversal) = self.reversals.iter().find(|reversal| reversal.transaction == id)
        {
            if reversal.closing.is_some() {
                return self.begin_closing(id);
            }
            if reversal.card.0.is_empty() {
                // Nothing was sealed for it.
                return match self.wallet_reversal(id, None) {
                    Some(request) => self.exchange_request(Purpose::Reversal(id), request),
                    None => self.reversal_answered(id, End::CannotBeMade),
                };
            }
        }
        let (purpose, card) = match due {
            Due::Advice(id) => {
                let advice = self.advices.iter().find(|a| a.id == id);
                (Purpose::Advice(id), advice.map(|a| (a.card.0.clone(), a.transaction)))
            }
            Due::Reversal(id) => {
                let reversal = self.reversals.iter().find(|r| r.transaction == id);
                (Purpose::Reversal(id), reversal.map(|r| (r.card.0.clone(), id)))
            }
        };
        if let Some((sealed, context)) = card {
            self.open_for(purpose, sealed, context);
        }
    }

    /// The message of a reversal or advice, from its record and the card data that the vault opened.
    pub(crate) fn request_for(&self, purpose: &Purpose, card: &Secret) -> Option<Request> {
        if let Purpose::Reversal(id) = purpose
            && self.dialect_of(*id).is_some()
        {
            return self.wallet_reversal(*id, Some(card));
        }
        let (pan, expiry) = unseal(card)?;
        match purpose {
            Purpose::Reversal(id) => self.reversal_request(*id, pan, expiry),
            Purpose::Advice(id) => self.advice_request(*id, pan, expiry),
            _ => None,
        }
    }

    /// The host has it, or has said its last word on it: what else there is goes on at once.
    pub(crate) fn delivered(&mut self, due: Due) {
        self.turns.last.remove(&due);
        if let Some(round) = self.round.as_mut() {
            round.silent = 0;
        }
        self.try_at_once();
        self.effect(Effect::StopTimer(Timer::Retry));
    }

    /// The host has a part of it, and may have the next: a round goes on with it.
    pub(crate) fn part_delivered(&mut self, due: Due) {
        if let Some(round) = self.round.as_mut() {
            round.silent = 0;
            round.tried.remove(&due);
        }
        self.try_at_once();
        self.effect(Effect::StopTimer(Timer::Retry));
    }

    /// It has a next step, which is tried at once by whoever waits for it.
    pub(crate) fn next_step(&mut self, due: Due) {
        if let Some(active) = self.active.as_mut().filter(|active| active.step == Step::Clearing) {
            active.tried.remove(&due);
        }
        if let Some(round) = self.round.as_mut() {
            round.tried.remove(&due);
        }
        self.try_at_once();
    }

    pub(crate) fn try_at_once(&mut self) {
        self.turns.failed = 0;
        self.turns.retry_at = None;
    }

    /// A try failed, and what it was about stays.
    pub(crate) fn delivery_failed(&mut self, due: Due, end: &End) {
        self.line_failed();
        let Some(round) = self.round.as_mut() else { return };
        match end {
            End::NotSent => round.over = true,
            End::NoAnswer => round.silent += 1,
            // After a new sign-in it may get through: once more.
            End::Answered(_) if !self.device.signed_in => {
                round.silent = 0;
                round.tried.remove(&due);
            }
            _ => round.silent = 0,
        }
        round.over |= round.silent >= SILENCES;
    }

    /// Waits before the background tries again (rule 7).
    pub(crate) fn line_failed(&mut self) {
        let wait = RETRY_AFTER[self.turns.failed.min(RETRY_AFTER.len() - 1)];
        self.turns.failed += 1;
        self.turns.retry_at = Some(self.now.monotonic_ms + wait);
        self.effect(Effect::SetTimer(Timer::Retry, wait));
    }

    /// The sign-in before a delivery failed: nothing can be delivered now.
    pub(crate) fn sign_in_for_delivery_failed(&mut self) {
        self.line_failed();
        if let Some(round) = self.round.as_mut() {
            round.over = true;
        }
        self.clearing_failed();
    }

    /// Has everything tried once, now. [`Terminal::end_round`] answers when that is done.
    pub(crate) fn call_forward(&mut self, call: CallId) -> Result<Option<Answer>, CallError> {
        self.refuse_if_selling()?;
        if self.vault.is_none() {
            return Err(CallError::NotReady("secure-module"));
        }
        let round = self.round.get_or_insert_default();
        round.waiting.push(call);
        Ok(None)
    }

    /// Ends the round that has nothing more to try; `false` where there is none.
    pub(crate) fn end_round(&mut self) -> bool {
        let Some(round) = self.round.take() else { return false };
        let left = self.queue_length();
        for call in round.waiting {
            self.effect(Effect::Reply(call, Ok(Answer::QueueLength(left))));
        }
        true
    }

    /// An advice that needs action, of a user's own transaction; root looks at any.
    pub(crate) fn advice_to_look_at(
        &mut self,
        uid: u32,
        id: AdviceId,
        records: &dyn Records,
    ) -> Result<Advice, CallError> {
        let advice = records.advice(id).map_err(|fault| self.storage_fault(fault))?;
        let advice = advice.ok_or(CallError::NotFound)?;
        let owner = records.attempt(advice.transaction).map_err(|fault| self.storage_fault(fault))?;
        if owner.is_none_or(|owner| ![owner.key.uid, ROOT].contains(&uid)) {
            return Err(CallError::NotFound);
        }
        if advice.state != AdviceState::NeedsAction {
            return Err(CallError::NoActionNeeded);
        }
        Ok(advice)
    }

    /// A row that needs action is sent again, because its cause was mended.
    pub(crate) fn call_retry(
        &mut self,
        call: CallId,
        uid: u32,
        id: AdviceId,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        self.writable()?;
        let mut advice = self.advice_to_look_at(uid, id, records)?;
        if self.is_resolving(id) {
            return Err(CallError::Busy);
        }
        advice.state = AdviceState::Queued;
        advice.tried_for_s = 0;
        note_try(&mut advice.tries, self.now.wall, "queued-again".to_owned());
        self.needs_action = self.needs_action.saturating_sub(1);
        self.advices.push(advice.clone());
        self.effect(Effect::Commit(vec![Write::Advice(Box::new(advice))]));
        self.effect(Effect::Reply(call, Ok(Answer::Done)));
        Ok(None)
    }
}

/// The place of reversals among the classes of [`class`].
const REVERSALS: u8 = 1;

/// The order of the reference: script results, reversals, then transactions without a chip, then those with one; what is
/// no transaction comes last.
fn class(advice: &Advice) -> u8 {
    match advice.kind {
        AdviceKind::ScriptResult => 0,
        AdviceKind::Transaction if advice.original.field55.is_empty() => 2,
        AdviceKind::Transaction => 3,
        AdviceKind::Signature => 4,
    }
}

pub(crate) fn note_try(tries: &mut Vec<Try>, at: WallTime, result: String) {
    if tries.len() >= HISTORY {
        tries.remove(0);
    }
    tries.push(Try { at, result });
}

/// The PAN and the expiry (YYMM) as they are sealed: the expiry's four digits, then the PAN's.
pub(crate) fn to_seal(pan: &str, expiry: &str) -> Secret {
    let mut clear = Vec::with_capacity(4 + 19);
    clear.extend_from_slice(expiry.as_bytes());
    clear.extend_from_slice(pan.as_bytes());
    Secret::new(clear)
}

pub(crate) fn unseal(card: &Secret) -> Option<(Pan, String)> {
    let text = std::str::from_utf8(card.expose()).ok()?;
    let (expiry, pan) = text.split_at_checked(4)?;
    Some((Pan::new(pan)?, expiry.to_owned()))
}

#[cfg(test)]
mod tests;
