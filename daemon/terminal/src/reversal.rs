//! Reversals: what must be undone at the host, and is sent until it is (rule 7).

use crate::{
    call::PendingReversal,
    event::{Effect, Note},
    exchange::End,
    forward::{Due, note_try},
    record::{Reversal, ReversalReason, ReversalState, TransactionId, Write},
    resolve::ROOT,
    state::{Cause, Outcome, State},
    terminal::Terminal,
};
use posd_unionpay::{
    Pan,
    request::{self, Request},
};

impl Terminal {
    /// Reversals that must be delivered. An armed one belongs to the running sale and is not counted.
    pub(crate) fn pending(&self) -> impl Iterator<Item = &Reversal> {
        self.reversals.iter().filter(|r| r.state == ReversalState::Pending)
    }

    pub(crate) fn pending_reversals(&self) -> u32 {
        u32::try_from(self.pending().count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn reversals_for(&self, uid: u32) -> Vec<PendingReversal> {
        let mine = |id| self.live.get(&id).is_some_and(|live| [live.attempt.key.uid, ROOT].contains(&uid));
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

    /// The message of a reversal, from its record and the card data that the vault opened.
    pub(crate) fn reversal_request(&self, id: TransactionId, pan: Pan, expiry: String) -> Option<Request> {
        let reversal = self.reversals.iter().find(|r| r.transaction == id)?;
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
            let fault = self.fault_job(&reversal);
            let mut writes = vec![Write::Device(self.device.clone()), Write::Reversal(Box::new(reversal))];
            writes.extend(fault.iter().map(|(job, _)| Write::PrintJob(job.clone())));
            self.effect(Effect::Commit(writes));
            let uid = self.live.get(&id).map(|live| live.attempt.key.uid);
            if let Some(((job, slip), uid)) = fault.zip(uid) {
                self.print_slip(uid, job, slip);
            }
            self.effect(Effect::Note(Note::ReversalTryFailed { transaction: id, result: end.word() }));
            self.delivery_failed(Due::Reversal(id), &end);
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
        self.delivered(Due::Reversal(id));
        if self.live.get(&id).is_some_and(|live| live.state == State::Resolving) {
            self.retire(id);
        } else {
            self.report(id);
        }
    }

    /// The reversal that records what is now to be undone, as pending. Returns its write.
    pub(crate) fn reversal_pending(&mut self, id: TransactionId, reason: ReversalReason) -> Option<Write> {
        let reversal = self.reversals.iter_mut().find(|r| r.transaction == id)?;
        reversal.state = ReversalState::Pending;
        reversal.reason = reason;
        let write = Write::Reversal(Box::new(reversal.clone()));
        self.try_at_once();
        Some(write)
    }

    /// The reversal is not needed. Returns its write.
    pub(crate) fn reversal_closed(&mut self, id: TransactionId, state: ReversalState) -> Option<Write> {
        let place = self.reversals.iter().position(|r| r.transaction == id)?;
        let mut reversal = self.reversals.remove(place);
        reversal.state = state;
        Some(Write::Reversal(Box::new(reversal)))
    }
}
