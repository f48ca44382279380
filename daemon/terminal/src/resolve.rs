//! What nothing tells by itself: the supervisor asks the acquirer, and says whether it holds the transaction (rules 5 and
//! 7). For refunds, which nothing undoes, and for reversals that the host does not answer.

use crate::{
    audit::AuditEvent,
    call::{Answer, CallError, CallId, Caller, HostNumbers},
    event::Effect,
    exchange::Purpose,
    kinds::{self, Silence},
    operators::Task,
    record::{Reversal, ReversalState, TransactionId, Write},
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
        self.refuse_if_locked()?;
        self.ready_for_password()?;
        let word = Task::Resolve(Resolution { id, booked, numbers });
        self.check_password(call, caller, SUPERVISOR.to_owned(), authority, word);
        Ok(None)
    }

    /// The supervisor has given the word: one commit makes it the outcome. The host may have spoken in the meantime,
    /// and is believed first.
    pub(crate) fn resolve(&mut self, word: &Resolution, uid: u32) -> Result<(), CallError> {
        let Resolution { id, booked, numbers } = word;
        let unknown = |live: &&mut Live| live.attempt.outcome == Some(Outcome::Unknown);
        let about_it = |purpose: &Purpose| match purpose {
            Purpose::Reversal(of) | Purpose::Closing(of, _) => of == id,
            _ => false,
        };
        if self.exchange.as_ref().is_some_and(|exchange| about_it(&exchange.purpose)) {
            return Err(CallError::Busy);
        }
        let now = self.now.wall;
        let Some(live) = self.live.get_mut(id).filter(unknown) else {
            return Err(CallError::WrongState(State::Finished));
        };
        let attempt = &mut live.attempt;
        attempt.outcome = Some(if *booked { Outcome::Approved } else { Outcome::Failed });
        attempt.cause = Cause::Resolved;
        attempt.ended = Some(now);
        attempt.supervisor = Some(SUPERVISOR.to_owned());
        if *booked {
            let charged = attempt.amount.minor();
            attempt.charged = Some(charged);
            attempt.rrn = numbers.rrn.clone().or(attempt.rrn.take());
            attempt.authorisation_code =
                numbers.authorisation_code.clone().or(attempt.authorisation_code.take());
            attempt.host_date = numbers.date.clone().or(attempt.host_date.take());
            let attempt = attempt.clone();
            let receipt = self.slip(&attempt, None, attempt.amount.minor(), None);
            if let Some(live) = self.live.get_mut(id) {
                live.attempt.receipt = receipt;
            }
        }
        let jobs = if *booked { self.print_by_itself(*id) } else { Vec::new() };
        let reversal = self.reversal_closed(*id, ReversalState::Resolved);
        let event =
            if reversal.is_some() { AuditEvent::ReversalResolved } else { AuditEvent::RefundResolved };
        let detail = format!("transaction={id} booked={}", if *booked { "yes" } else { "no" });
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
