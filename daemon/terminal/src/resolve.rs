//! What nothing tells by itself: the supervisor asks the acquirer, and says whether it holds the transaction (rules 5 and
//! 7). For refunds, which nothing undoes, and for reversals that the host does not answer.

use crate::{
    audit::AuditEvent,
    call::{Answer, CallError, CallId, Caller, HostNumbers},
    event::Effect,
    exchange::Purpose,
    kinds::{self, Silence},
    operators::Task,
    record::{Reversal, ReversalState, TransactionId, Try, Write},
    state::{Cause, Outcome, State},
    supervisor::SUPERVISOR,
    terminal::{Live, Terminal},
};
use posd_vault_protocol::Secret;

/// The supervisor's word on one transaction.
#[derive(Debug)]
pub(crate) struct Resolution {
    pub(crate) id: TransactionId,
    booked: bool,
    numbers: HostNumbers,
    /// The last try to undo it when the word was begun: the supervisor asked the acquirer before, and a later try may
    /// have changed what the host holds.
    tried: Option<Try>,
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
        if !booked && numbers != HostNumbers::default() {
            return Err(CallError::InvalidArgument("what the host does not hold has no numbers there"));
        }
        let closing = |reversal: &Reversal| reversal.transaction == id && reversal.closing.is_some();
        if !booked && self.reversals.iter().any(closing) {
            // Nobody can say that it will not be paid later: it is ended at the host until that answers.
            return Err(CallError::InvalidArgument(
                "a payment by code can still be paid until the host has ended it",
            ));
        }
        let asked = self.live.get(&id).map_or(0, |live| live.attempt.amount.minor());
        if numbers.amount.is_some_and(|amount| !(1..=asked).contains(&amount)) {
            return Err(CallError::InvalidArgument("the acquirer holds from 1 minor unit up to the amount"));
        }
        if self.is_trying(id) {
            return Err(CallError::Busy);
        }
        self.refuse_if_locked()?;
        self.ready_for_password()?;
        let tried = self.last_try(id);
        let word = Task::Resolve(Resolution { id, booked, numbers, tried });
        self.check_password(call, caller, SUPERVISOR.to_owned(), authority, word);
        Ok(None)
    }

    /// The supervisor has given the word: one commit makes it the outcome. The host may have spoken in the meantime,
    /// and is believed first.
    pub(crate) fn resolve(&mut self, word: &Resolution, uid: u32) -> Result<(), CallError> {
        let Resolution { id, booked, numbers, tried } = word;
        let unknown = |live: &&mut Live| live.attempt.outcome == Some(Outcome::Unknown);
        if self.is_trying(*id) || self.last_try(*id) != *tried {
            return Err(CallError::Busy);
        }
        let now = self.now.wall;
        let Some(live) = self.live.get_mut(id).filter(unknown) else {
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
            if let Some(live) = self.live.get_mut(id) {
                live.attempt.receipt = receipt;
            }
        }
        let jobs = if *booked { self.print_by_itself(*id) } else { Vec::new() };
        let reversal = self.reversal_closed(*id, ReversalState::Resolved);
        let event =
            if reversal.is_some() { AuditEvent::ReversalResolved } else { AuditEvent::RefundResolved };
        let mut detail = format!("transaction={id} booked={}", if *booked { "yes" } else { "no" });
        if let Some(amount) = numbers.amount {
            detail += &format!(" amount={amount}");
        }
        let mut writes = vec![Write::Device(self.device.clone())];
        writes.extend(reversal);
        writes.extend(self.live.get_mut(id).map(Live::record));
        writes.push(self.audit_row(event, Some(uid), SUPERVISOR, detail));
        writes.extend(jobs.iter().cloned().map(Write::PrintJob));
        self.effect(Effect::Commit(writes));
        for job in jobs {
            self.print(job);
        }
        self.retire(*id);
        Ok(())
    }
}
