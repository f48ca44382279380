//! What nothing tells by itself: the supervisor asks the acquirer, and says whether it holds the transaction (rules 5 and
//! 7). For refunds, which nothing undoes, for reversals that the host does not answer, and for advices that it does not
//! take.

use crate::{
    audit::AuditEvent,
    call::{Answer, CallError, CallId, Caller, HostNumbers},
    event::Effect,
    exchange::Purpose,
    forward::note_try,
    kinds::{self, Silence},
    operators::Task,
    record::{
        Advice, AdviceId, AdviceKind, AdviceState, Attempt, Records, Reversal, ReversalState, TransactionId,
        Try, Write,
    },
    state::{Cause, Outcome, State},
    stored::Told,
    supervisor::SUPERVISOR,
    terminal::{Live, Terminal},
};
use posd_unionpay::Kind;
use posd_vault_protocol::Secret;

/// The supervisor's word.
#[derive(Debug)]
pub(crate) struct Resolution {
    of: Of,
    booked: bool,
    numbers: HostNumbers,
}

#[derive(Debug)]
enum Of {
    Transaction {
        id: TransactionId,
        /// The last try to undo it when the word was begun: the supervisor asked the acquirer before, and a later try
        /// may have changed what the host holds.
        tried: Option<Try>,
    },
    Advice(Box<Advice>),
}

impl Resolution {
    /// What it is about, for the audit row.
    pub(crate) fn about(&self) -> String {
        match &self.of {
            Of::Transaction { id, .. } => format!("transaction={id}"),
            Of::Advice(advice) => format!("advice={} transaction={}", advice.id, advice.transaction),
        }
    }

    pub(crate) fn is_of(&self, advice: AdviceId) -> bool {
        matches!(&self.of, Of::Advice(of) if of.id == advice)
    }

    fn detail(&self) -> String {
        let booked = if self.booked { "yes" } else { "no" };
        let amount = self.numbers.amount.map(|amount| format!(" amount={amount}"));
        format!("{} booked={booked}{}", self.about(), amount.unwrap_or_default())
    }

    fn check_numbers(&self) -> Result<(), CallError> {
        if !self.booked && self.numbers != HostNumbers::default() {
            return Err(CallError::InvalidArgument("what the host does not hold has no numbers there"));
        }
        Ok(())
    }
}

/// The user whose word reaches other users' transactions: one that keeps the device, whose app may be gone.
pub(crate) const ROOT: u32 = 0;

impl Terminal {
    /// Refunds that wait for the supervisor.
    pub(crate) fn unresolved_refunds(&self) -> u32 {
        let asks = |live: &&Live| {
            live.attempt.outcome == Some(Outcome::Unknown)
                && kinds::rule(live.attempt.kind).silence == Silence::Ask
        };
        u32::try_from(self.live.values().filter(asks).count()).unwrap_or(u32::MAX)
    }

    /// Whether the host is being told to undo it, or asked for it.
    fn is_trying(&self, id: TransactionId) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| {
            exchange.purpose == Purpose::Reversal(id)
                || matches!(exchange.purpose, Purpose::Closing(of, _) if of == id)
        })
    }

    fn last_try(&self, id: TransactionId) -> Option<Try> {
        self.reversals.iter().find(|reversal| reversal.transaction == id)?.tries.last().cloned()
    }

    pub(crate) fn call_resolve(
        &mut self,
        call: CallId,
        caller: Caller,
        id: TransactionId,
        booked: bool,
        numbers: HostNumbers,
        authority: Option<Secret>,
    ) -> Result<Option<Answer>, CallError> {
        let live = self.live.get(&id).filter(|live| [live.attempt.key.uid, ROOT].contains(&caller.uid));
        match live.map(|live| (live.attempt.outcome, live.state)) {
            Some((Some(Outcome::Unknown), _)) => {}
            Some((_, state)) => return Err(CallError::WrongState(state)),
            None => return Err(CallError::NotFound),
        }
        let word = Resolution { of: Of::Transaction { id, tried: self.last_try(id) }, booked, numbers };
        word.check_numbers()?;
        let closing = |reversal: &Reversal| reversal.transaction == id && reversal.closing.is_some();
        if !booked && self.reversals.iter().any(closing) {
            // Nobody can say that it will not be paid later: it is ended at the host until that answers.
            return Err(CallError::InvalidArgument(
                "a payment by code can still be paid until the host has ended it",
            ));
        }
        let asked = self.live.get(&id).map_or(0, |live| live.attempt.amount.minor());
        if word.numbers.amount.is_some_and(|amount| !(1..=asked).contains(&amount)) {
            return Err(CallError::InvalidArgument("the acquirer holds from 1 minor unit up to the amount"));
        }
        if self.is_trying(id) {
            return Err(CallError::Busy);
        }
        self.have_word(call, caller, word, authority)
    }

    /// An advice that the host did not take was settled with the acquirer by hand.
    pub(crate) fn call_resolve_queued(
        &mut self,
        call: CallId,
        caller: Caller,
        (id, booked, numbers): (AdviceId, bool, HostNumbers),
        authority: Option<Secret>,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let advice = self.advice_to_look_at(caller.uid, id, records)?;
        if numbers.amount.is_some() {
            return Err(CallError::InvalidArgument(
                "the host holds what an advice tells whole, or not at all",
            ));
        }
        if advice.kind != AdviceKind::Transaction && numbers != HostNumbers::default() {
            return Err(CallError::InvalidArgument("only what tells a transaction has numbers there"));
        }
        let word = Resolution { of: Of::Advice(Box::new(advice)), booked, numbers };
        word.check_numbers()?;
        self.have_word(call, caller, word, authority)
    }

    fn have_word(
        &mut self,
        call: CallId,
        caller: Caller,
        word: Resolution,
        authority: Option<Secret>,
    ) -> Result<Option<Answer>, CallError> {
        self.refuse_if_locked()?;
        self.ready_for_password()?;
        if matches!(word.of, Of::Advice(_)) {
            // Its batch may be the one that is being counted.
            self.refuse_if_settling()?;
        }
        self.check_password(call, caller, SUPERVISOR.to_owned(), authority, Task::Resolve(word));
        Ok(None)
    }

    /// Whether the supervisor is asked for the word on an advice.
    pub(crate) fn is_resolving(&self, advice: AdviceId) -> bool {
        self.login.as_ref().is_some_and(|login| login.resolves(advice))
    }

    /// The supervisor has given the word: one commit makes it the outcome.
    pub(crate) fn resolve(
        &mut self,
        word: &Resolution,
        uid: u32,
        records: &dyn Records,
    ) -> Result<(), CallError> {
        match &word.of {
            Of::Transaction { id, tried } => self.resolve_outcome(word, *id, tried.as_ref(), uid),
            Of::Advice(advice) => self.resolve_advice(word, advice, uid, records),
        }
    }

    /// The host may have spoken in the meantime, and is believed first.
    fn resolve_outcome(
        &mut self,
        word: &Resolution,
        id: TransactionId,
        tried: Option<&Try>,
        uid: u32,
    ) -> Result<(), CallError> {
        let Resolution { booked, numbers, .. } = word;
        let unknown = |live: &&mut Live| live.attempt.outcome == Some(Outcome::Unknown);
        if self.is_trying(id) || self.last_try(id).as_ref() != tried {
            return Err(CallError::Busy);
        }
        let now = self.now.wall;
        let Some(live) = self.live.get_mut(&id).filter(unknown) else {
            return Err(CallError::WrongState(State::Finished));
        };
        let attempt = &mut live.attempt;
        let asked = attempt.amount.minor();
        let charged = numbers.amount.unwrap_or(asked);
        attempt.outcome = Some(match booked {
            false => Outcome::Failed,
            true if charged < asked => Outcome::PartiallyApproved,
            true => Outcome::Approved,
        });
        attempt.cause = Cause::Resolved;
        attempt.ended = Some(now);
        attempt.supervisor = Some(SUPERVISOR.to_owned());
        if *booked {
            attempt.charged = Some(charged);
            attempt.rrn = numbers.rrn.clone().or(attempt.rrn.take());
            attempt.authorisation_code =
                numbers.authorisation_code.clone().or(attempt.authorisation_code.take());
            attempt.host_date = numbers.date.clone().or(attempt.host_date.take());
            let attempt = attempt.clone();
            let receipt = self.slip(&attempt, None, charged, None);
            if let Some(live) = self.live.get_mut(&id) {
                live.attempt.receipt = receipt;
            }
        }
        let jobs = if *booked { self.print_by_itself(id) } else { Vec::new() };
        let reversal = self.reversal_closed(id, ReversalState::Resolved);
        let event =
            if reversal.is_some() { AuditEvent::ReversalResolved } else { AuditEvent::RefundResolved };
        let mut writes = vec![Write::Device(self.device.clone())];
        writes.extend(reversal);
        writes.extend(self.live.get_mut(&id).map(Live::record));
        writes.push(self.audit_row(event, Some(uid), SUPERVISOR, word.detail()));
        writes.extend(jobs.iter().cloned().map(Write::PrintJob));
        self.effect(Effect::Commit(writes));
        for job in jobs {
            self.print(job);
        }
        self.retire(id);
        Ok(())
    }

    /// What the advice tells stands as the supervisor says: taken by the host under its numbers, or nowhere.
    fn resolve_advice(
        &mut self,
        word: &Resolution,
        advice: &Advice,
        uid: u32,
        records: &dyn Records,
    ) -> Result<(), CallError> {
        self.refuse_if_settling().map_err(|_| CallError::Busy)?;
        let mut advice = advice.clone();
        advice.state = AdviceState::Resolved;
        note_try(&mut advice.tries, self.now.wall, AdviceState::Resolved.word().to_owned());
        let mut writes = vec![Write::Device(self.device.clone())];
        if advice.kind == AdviceKind::Transaction {
            let HostNumbers { rrn, authorisation_code, date, .. } = word.numbers.clone();
            let told = Told { rrn, authorisation_code, host_date: date, ..Told::default() };
            let take = |attempt: &mut Attempt| {
                attempt.cause = Cause::Resolved;
                attempt.supervisor = Some(SUPERVISOR.to_owned());
                // Its app has to hear of it again.
                attempt.acknowledged = false;
                if word.booked {
                    attempt.rrn = told.rrn.clone();
                    attempt.authorisation_code = told.authorisation_code.clone();
                    attempt.host_date = told.host_date.clone();
                } else {
                    // The slip that was given out says what does not hold.
                    attempt.outcome = Some(Outcome::Failed);
                    attempt.charged = None;
                    attempt.receipt = None;
                }
            };
            // Its card may still be in the reader: what its end will write must say the same.
            if let Some(live) = self.live.get_mut(&advice.transaction) {
                take(&mut live.attempt);
                writes.push(live.record());
                self.tell_later.push(advice.transaction);
            } else {
                let attempt = self.attempt_now(advice.transaction, records);
                let attempt = attempt.map_err(|fault| self.storage_fault(fault))?;
                let mut attempt = attempt.ok_or(CallError::NotFound)?;
                take(&mut attempt);
                writes.push(Write::Attempt(Box::new(attempt)));
            }
            if word.booked {
                writes.extend(self.sign_for(advice.transaction, &told));
            }
            if advice.original.kind == Kind::OfflineSale {
                writes.push(Write::OfflineTaken(advice.transaction));
            }
        }
        writes.push(Write::Advice(Box::new(advice)));
        writes.push(self.audit_row(AuditEvent::AdviceResolved, Some(uid), SUPERVISOR, word.detail()));
        self.needs_action = self.needs_action.saturating_sub(1);
        self.effect(Effect::Commit(writes));
        Ok(())
    }
}
