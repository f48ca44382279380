//! Store and forward: reversals and advices that the host has not answered (rules 5 and 7).
//!
//! Each is tried before a new online sale, and in the background with growing waits. A row ends only with an answer
//! that says so; none is ever deleted.

use crate::{
    call::PendingReversal,
    event::{Effect, Note, Timer},
    exchange::{End, Purpose},
    record::{
        Advice, AdviceState, Original, Reversal, ReversalReason, ReversalState, TransactionId, Try, WallTime,
        Write,
    },
    sale::Step,
    settings::{HISTORY, RETRY_AFTER},
    state::{Cause, Outcome, State},
    terminal::{JournalState, Terminal},
};
use posd_unionpay::{
    Pan,
    request::{self, Request},
};
use posd_vault_protocol::Secret;

/// Something to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A script result; goes before reversals (reference 4).
    Advice(TransactionId),
    /// A reversal.
    Reversal(TransactionId),
}

impl Terminal {
    /// Reversals that must be delivered. An armed one belongs to the running sale and is not counted.
    fn pending(&self) -> impl Iterator<Item = &Reversal> {
        self.reversals.iter().filter(|r| r.state == ReversalState::Pending)
    }

    pub(crate) fn pending_reversals(&self) -> u32 {
        u32::try_from(self.pending().count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn reversals_for(&self, uid: u32) -> Vec<PendingReversal> {
        let mine = |id| self.live.get(&id).is_some_and(|live| live.attempt.key.uid == uid);
        self.pending()
            .map(|reversal| PendingReversal {
                transaction: if mine(reversal.transaction) { reversal.transaction } else { 0 },
                batch: reversal.original.batch,
                trace: reversal.original.trace,
                amount: reversal.original.amount,
                reason: reversal.reason,
                tries: reversal.tries.clone(),
                next_try: self.next_try(),
            })
            .collect()
    }

    fn next_try(&self) -> Option<WallTime> {
        let wait = self.retry_at?.saturating_sub(self.now.monotonic_ms);
        Some(self.now.wall.saturating_add_unsigned(wait))
    }

    /// What is to be delivered now: all of it once before a sale goes on, else when its wait is over.
    pub(crate) fn next_due(&self) -> Option<Due> {
        if self.journal != JournalState::Good || self.vault.is_none() {
            return None;
        }
        let advices = self.advices.iter().map(|a| Due::Advice(a.transaction));
        let mut all = advices.chain(self.pending().map(|r| Due::Reversal(r.transaction)));
        match self.active.as_ref().filter(|active| active.step == Step::Clearing) {
            Some(active) => all.find(|due| !active.tried.contains(due)),
            None if self.retry_at.is_none_or(|at| at <= self.now.monotonic_ms) => all.next(),
            None => None,
        }
    }

    /// Begins the delivery; a sign-in comes first where there are no work keys to make its MAC with.
    pub(crate) fn begin_due(&mut self, due: Due) {
        if !self.device.signed_in {
            return self.begin_session_exchange(Purpose::SignIn(Vec::new()));
        }
        if let Some(active) = self.active.as_mut().filter(|active| active.step == Step::Clearing) {
            active.tried.insert(due);
        }
        let (purpose, card, id) = match due {
            Due::Advice(id) => {
                (Purpose::Advice(id), self.advices.iter().find(|a| a.transaction == id).map(|a| &a.card), id)
            }
            Due::Reversal(id) => (
                Purpose::Reversal(id),
                self.reversals.iter().find(|r| r.transaction == id).map(|r| &r.card),
                id,
            ),
        };
        if let Some(sealed) = card.map(|card| card.0.clone()) {
            self.open_for(purpose, sealed, id);
        }
    }

    /// The message of a reversal or advice, from its record and the card data that the vault opened.
    pub(crate) fn request_for(&self, purpose: &Purpose, card: &Secret) -> Option<Request> {
        let (pan, expiry) = unseal(card)?;
        match purpose {
            Purpose::Reversal(id) => {
                let reversal = self.reversals.iter().find(|r| r.transaction == *id)?;
                let original = &reversal.original;
                request::Reversal {
                    kind: original.kind,
                    family: original.family,
                    identity: self.identity(),
                    trace: original.trace,
                    batch: original.batch,
                    amount: original.amount,
                    currency: original.currency,
                    entry: original.entry,
                    pan,
                    expiry: Some(expiry),
                    card_sequence: original.card_sequence,
                    pin_entered: original.pin_entered,
                    authorisation_code: original.authorisation_code.clone(),
                    linked: original.linked.clone(),
                    reason: reversal.reason.word().to_owned(),
                    field55: original.field55.clone(),
                }
                .build(self.profile())
                .ok()
            }
            Purpose::Advice(id) => {
                let advice = self.advices.iter().find(|a| a.transaction == *id)?;
                let original = &advice.original;
                request::ScriptResult {
                    kind: original.kind,
                    identity: self.identity(),
                    trace: advice.trace,
                    batch: self.device.batch,
                    amount: original.amount,
                    currency: original.currency,
                    entry: original.entry,
                    pan,
                    card_sequence: original.card_sequence,
                    pin_entered: original.pin_entered,
                    original: request::Linked {
                        batch: original.batch,
                        trace: original.trace,
                        date: advice.original_date.clone(),
                        rrn: original.rrn.clone(),
                        authorisation_code: original.authorisation_code.clone(),
                    },
                    field55: original.field55.clone(),
                }
                .build(self.profile())
                .ok()
            }
            _ => None,
        }
    }

    /// What became of a try to deliver a reversal. Only a matching answer with an end code and a good MAC ends it
    /// (rule 7).
    pub(crate) fn reversal_answered(&mut self, id: TransactionId, end: End) {
        let at = self.now.wall;
        let ended = match &end {
            End::Answered(answer) => self.profile().ends_reversal(answer.response_code()),
            End::BadMac(answer) => self.profile().ends_reversal_without_mac(answer.response_code()),
            _ => false,
        };
        let Some(place) = self.reversals.iter().position(|r| r.transaction == id) else { return };
        note_try(&mut self.reversals[place].tries, at, end.word());
        if !ended {
            let reversal = self.reversals[place].clone();
            self.effect(Effect::Commit(vec![
                Write::Device(self.device.clone()),
                Write::Reversal(Box::new(reversal)),
            ]));
            self.effect(Effect::Note(Note::ReversalTryFailed { transaction: id, result: end.word() }));
            self.delivery_failed();
            return self.clearing_failed();
        }
        let mut reversal = self.reversals.remove(place);
        reversal.state = ReversalState::Done;
        let mut writes = vec![Write::Device(self.device.clone()), Write::Reversal(Box::new(reversal))];
        if let Some(live) = self.live.get_mut(&id) {
            live.attempt.outcome = Some(Outcome::Failed);
            live.attempt.cause = Cause::Reversed;
            live.attempt.ended = Some(at);
            writes.push(live.record());
        }
        self.effect(Effect::Commit(writes));
        self.effect(Effect::Note(Note::ReversalDone { transaction: id, response_code: end.word() }));
        self.delivered();
        if self.live.get(&id).is_some_and(|live| live.state == State::Resolving) {
            self.retire(id);
        } else {
            self.report(id);
        }
    }

    /// What became of a try to deliver a script result. An answer that is no success needs somebody to look, and
    /// blocks nobody.
    pub(crate) fn advice_answered(&mut self, id: TransactionId, end: End) {
        let at = self.now.wall;
        let Some(place) = self.advices.iter().position(|a| a.transaction == id) else { return };
        note_try(&mut self.advices[place].tries, at, end.word());
        let heard = match &end {
            End::Answered(answer) if self.profile().accepts_advice(answer.response_code()) => {
                Some(AdviceState::Accepted)
            }
            End::Answered(answer)
                if !self.profile().sign_in_again.iter().any(|c| c == answer.response_code()) =>
            {
                Some(AdviceState::NeedsAction)
            }
            _ => None,
        };
        let advice = match heard {
            Some(state) => {
                let mut advice = self.advices.remove(place);
                advice.state = state;
                self.delivered();
                advice
            }
            None => {
                self.delivery_failed();
                self.advices[place].clone()
            }
        };
        self.effect(Effect::Commit(vec![
            Write::Device(self.device.clone()),
            Write::Advice(Box::new(advice)),
        ]));
    }

    fn delivered(&mut self) {
        self.failed_tries = 0;
        self.retry_at = None;
        self.effect(Effect::StopTimer(Timer::Retry));
    }

    /// Waits before the background tries again (rule 7).
    pub(crate) fn delivery_failed(&mut self) {
        let wait = RETRY_AFTER[self.failed_tries.min(RETRY_AFTER.len() - 1)];
        self.failed_tries += 1;
        self.retry_at = Some(self.now.monotonic_ms + wait);
        self.effect(Effect::SetTimer(Timer::Retry, wait));
    }

    /// The reversal that records what is now to be undone, as pending. Returns its write.
    pub(crate) fn reversal_pending(&mut self, id: TransactionId, reason: ReversalReason) -> Option<Write> {
        let reversal = self.reversals.iter_mut().find(|r| r.transaction == id)?;
        reversal.state = ReversalState::Pending;
        reversal.reason = reason;
        self.failed_tries = 0;
        self.retry_at = None;
        Some(Write::Reversal(Box::new(reversal.clone())))
    }

    /// The reversal is not needed. Returns its write.
    pub(crate) fn reversal_closed(&mut self, id: TransactionId, state: ReversalState) -> Option<Write> {
        let place = self.reversals.iter().position(|r| r.transaction == id)?;
        let mut reversal = self.reversals.remove(place);
        reversal.state = state;
        Some(Write::Reversal(Box::new(reversal)))
    }

    /// A script result to deliver, under a trace of its own. Returns its write.
    pub(crate) fn queue_advice(
        &mut self,
        original: Original,
        card: crate::Sealed,
        id: TransactionId,
        date: String,
    ) -> Write {
        let trace = self.allocate_trace();
        let advice = Advice {
            transaction: id,
            state: AdviceState::Queued,
            trace,
            original_date: date,
            original,
            card,
            tries: Vec::new(),
        };
        self.advices.push(advice.clone());
        Write::Advice(Box::new(advice))
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
