//! What each call does. A call that is refused leaves no trace in the journal, but for the audit row of a refused
//! password.

use crate::{
    audit::AuditEvent,
    call::{Answer, Call, CallError, CallId, Caller, CancelAnswer, ConnectionId},
    event::Effect,
    kinds::Silence,
    money::Amount,
    original::card_use,
    record::{Attempt, Link, Options, Records, TransactionId, Write},
    sale::Step,
    sale_key::{Reference, SaleKey},
    state::{Cause, Outcome, State},
    terminal::{JournalState, Live, Terminal},
    view::TransactionView,
};
use posd_emv::kernel::Input;
use posd_receipt::Strokes;
use posd_unionpay::Kind;

/// The most transactions one `List` gives.
const LIST_MAXIMUM: u32 = 200;

impl Terminal {
    /// The answer to a call, or `None` where it comes later or has been given.
    pub(crate) fn answer(
        &mut self,
        id: CallId,
        caller: Caller,
        call: Call,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        match call {
            Call::Create { reference, kind, amount, options } => {
                let key = SaleKey { uid: caller.uid, reference };
                self.create(id, key, kind, amount, *options, records)
            }
            Call::NewAttempt { reference } => {
                self.new_attempt(id, SaleKey { uid: caller.uid, reference }, records)
            }
            Call::Find { reference } => self.find(caller, reference, records),
            Call::Get { id } => {
                let attempt = self.own(id, caller, records)?;
                Ok(Some(Answer::Transaction(Box::new(self.view(attempt)))))
            }
            Call::List { before, limit } => {
                if !(1..=LIST_MAXIMUM).contains(&limit) {
                    return Err(CallError::InvalidArgument("a list has 1 to 200 transactions"));
                }
                let attempts = records.attempts(caller.uid, before, limit);
                self.views(attempts)
            }
            Call::Unacknowledged => {
                let attempts = records.unacknowledged(caller.uid);
                self.views(attempts)
            }
            Call::Acknowledge { id: transaction } => self.acknowledge(id, transaction, caller, records),
            Call::Start { id: transaction } => self.start(id, transaction, caller, records),
            Call::Cancel { id: transaction } => self.cancel(id, transaction, caller, records),
            Call::SelectApplication { id, index } => self.select(id, index, caller, records),
            Call::Confirm { id } => self.confirm(id, caller, records),
            Call::Sign { id: transaction, strokes } => self.sign(id, transaction, strokes, caller, records),
            Call::PresentCode { id: transaction, code } => {
                self.call_present_code(transaction, caller, &code, records)
            }
            Call::PrintReceipt { id: transaction, copy } => {
                let attempt = self.own(transaction, caller, records)?;
                self.call_print(id, &attempt, copy, records)
            }
            Call::PrintJobs { id } => {
                self.own(id, caller, records)?;
                let mut jobs = records.print_jobs(id).map_err(|fault| self.storage_fault(fault))?;
                for job in &mut jobs {
                    if let Some((_, now)) = self.jobs.get(&job.id) {
                        *job = now.clone();
                    }
                }
                Ok(Some(Answer::PrintJobs(jobs)))
            }
            Call::SignIn => self.call_sign_in(id, caller),
            Call::SignOut => self.call_sign_out(id, caller),
            Call::LogIn { operator, password } => self.call_log_in(id, caller, operator, password),
            Call::LogOut => self.call_log_out(id, caller),
            Call::Lock => self.call_lock(id, caller),
            Call::Unlock { operator, password } => self.call_unlock(id, caller, operator, password),
            Call::ChangePassword { operator, passwords } => {
                self.call_change_password(id, caller, operator, passwords)
            }
            Call::AddOperator { operator, authority } => {
                self.call_manage(id, caller, AuditEvent::OperatorAdd, operator, authority)
            }
            Call::DeleteOperator { operator, authority } => {
                self.call_manage(id, caller, AuditEvent::OperatorDelete, operator, authority)
            }
            Call::ResetPassword { operator, authority } => {
                self.call_manage(id, caller, AuditEvent::PasswordReset, operator, authority)
            }
            Call::ListOperators => self.call_list_operators(id),
            Call::AuditHead => Ok(Some(Answer::AuditHead(self.audit_head))),
            Call::Terminal => Ok(Some(Answer::Terminal(Box::new(self.terminal_view())))),
            Call::Resolve { id: transaction, booked, numbers, authority } => {
                self.call_resolve(id, caller, transaction, booked, numbers, authority)
            }
            Call::PendingReversals => Ok(Some(Answer::Reversals(self.reversals_for(caller.uid)))),
            Call::ForwardNow => self.call_forward(id),
            Call::ListQueue { filter } => self.call_queue(caller.uid, filter, records),
            Call::OfflineReadiness => self.call_readiness(records),
            Call::RetryQueued { advice } => self.call_retry(id, caller.uid, advice, records),
            Call::ResolveQueued { advice, booked, numbers, authority } => {
                self.call_resolve_queued(id, caller, (advice, booked, numbers), authority, records)
            }
            Call::Download { set } => self.call_download(caller, set),
            Call::Diagnose => self.call_diagnose(id),
            Call::Settle => self.call_settle(id, caller, records),
            Call::Settlement { batch, asked } => self.call_settlement(id, caller, batch, asked, records),
        }
    }

    /// The caller's own transaction, as it stands; another user's is not there for it.
    pub(crate) fn own(
        &mut self,
        id: TransactionId,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Attempt, CallError> {
        let attempt = match self.live.get(&id) {
            Some(live) => Some(live.attempt.clone()),
            None => records.attempt(id).map_err(|fault| self.storage_fault(fault))?,
        };
        attempt.filter(|attempt| attempt.key.uid == caller.uid).ok_or(CallError::NotFound)
    }

    /// A damaged journal is evidence: no call writes to it.
    pub(crate) fn writable(&self) -> Result<(), CallError> {
        match self.journal {
            JournalState::Bad => Err(CallError::StorageFailed),
            JournalState::Checking | JournalState::Good => Ok(()),
        }
    }

    fn latest(&mut self, key: &SaleKey, records: &dyn Records) -> Result<Option<Attempt>, CallError> {
        let attempt = records.latest_attempt(key).map_err(|fault| self.storage_fault(fault))?;
        Ok(attempt.map(|attempt| match self.live.get(&attempt.id) {
            Some(live) => live.attempt.clone(),
            None => attempt,
        }))
    }

    /// How an attempt looks to its owner: the live part where it has one.
    pub(crate) fn view(&self, attempt: Attempt) -> TransactionView {
        match self.live.get(&attempt.id) {
            Some(live) => live.view(),
            None => {
                let state = if attempt.outcome.is_some() { State::Finished } else { State::Created };
                Live::new(attempt, state).view()
            }
        }
    }

    fn views(
        &mut self,
        attempts: Result<Vec<Attempt>, crate::StorageFault>,
    ) -> Result<Option<Answer>, CallError> {
        let attempts = attempts.map_err(|fault| self.storage_fault(fault))?;
        Ok(Some(Answer::Transactions(attempts.into_iter().map(|attempt| self.view(attempt)).collect())))
    }

    fn create(
        &mut self,
        call: CallId,
        key: SaleKey,
        kind: Kind,
        amount: Amount,
        options: Options,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        if let Some(latest) = self.latest(&key, records)? {
            let same = latest.kind == kind && latest.amount == amount && latest.options == options;
            return if same {
                Ok(Some(Answer::Transaction(Box::new(self.view(latest)))))
            } else {
                Err(CallError::ReferenceConflict)
            };
        }
        self.check_code(kind, amount, &options)?;
        let original = self.link(key.uid, kind, amount, &options, records)?;
        self.insert(call, key, 1, kind, amount, options, original)
    }

    fn new_attempt(
        &mut self,
        call: CallId,
        key: SaleKey,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let latest = self.latest(&key, records)?.ok_or(CallError::NotFound)?;
        if !latest.is_closed_without_charge() {
            return Err(CallError::AttemptNotClosed);
        }
        self.original_of(&latest, records)?;
        let Attempt { number, kind, amount, options, original, .. } = latest;
        self.insert(call, key, number + 1, kind, amount, options, original)
    }

    #[allow(clippy::too_many_arguments, reason = "each is a field of the record")]
    fn insert(
        &mut self,
        call: CallId,
        key: SaleKey,
        number: u32,
        kind: Kind,
        amount: Amount,
        options: Options,
        original: Option<Link>,
    ) -> Result<Option<Answer>, CallError> {
        if self.journal == JournalState::Bad {
            return Err(CallError::NotReady("journal"));
        }
        self.refuse_if_locked()?;
        if !self.in_force.allows(kind) {
            return Err(CallError::SwitchedOff);
        }
        let id = self.device.next_transaction;
        let attempt = Attempt {
            original,
            created: self.now.wall,
            ..Attempt::new(id, key, number, kind, amount, options)
        };
        self.device.next_transaction += 1;
        self.effect(Effect::Commit(vec![
            Write::Device(self.device.clone()),
            Write::Attempt(Box::new(attempt.clone())),
            self.created_row(&attempt),
        ]));
        let view = self.view(attempt);
        self.effect(Effect::Reply(call, Ok(Answer::Transaction(Box::new(view)))));
        Ok(None)
    }

    fn find(
        &mut self,
        caller: Caller,
        reference: Reference,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let key = SaleKey { uid: caller.uid, reference };
        let attempt = self.latest(&key, records)?.ok_or(CallError::NotFound)?;
        Ok(Some(Answer::Transaction(Box::new(self.view(attempt)))))
    }

    fn acknowledge(
        &mut self,
        call: CallId,
        id: TransactionId,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let mut attempt = self.own(id, caller, records)?;
        match attempt.outcome {
            None => return Err(CallError::WrongState(self.view(attempt).state)),
            Some(Outcome::Unknown) => return Err(CallError::WrongState(State::Resolving)),
            Some(_) if attempt.acknowledged => return Ok(Some(Answer::Done)),
            Some(_) => self.writable()?,
        }
        attempt.acknowledged = true;
        if let Some(live) = self.live.get_mut(&id) {
            live.attempt.acknowledged = true;
        }
        self.effect(Effect::Commit(vec![Write::Attempt(Box::new(attempt))]));
        self.effect(Effect::Reply(call, Ok(Answer::Done)));
        Ok(None)
    }

    fn start(
        &mut self,
        call: CallId,
        id: TransactionId,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let attempt = self.own(id, caller, records)?;
        let state = self.view(attempt.clone()).state;
        if state != State::Created {
            return Err(CallError::WrongState(state));
        }
        let original = self.original_of(&attempt, records)?;
        let rule = self.rule_of(attempt.kind)?;
        let needs_reader = card_use(rule, attempt.original.as_ref(), original.as_ref()).needs_reader();
        if let Some(reason) = self.reasons().into_iter().find(|reason| needs_reader || *reason != "reader") {
            return Err(CallError::NotReady(reason));
        }
        // A pending reversal makes its own sign-in before this sale, and so does a host that ended the last one;
        // else the app has to.
        let stored = rule.silence == Silence::Forward;
        if !stored && !self.device.signed_in && self.pending_reversals() == 0 && !self.is_signing_in() {
            return Err(CallError::NotSignedIn);
        }
        if self.operator.is_none() {
            return Err(CallError::NoOperator);
        }
        self.refuse_if_locked()?;
        self.refuse_if_settling()?;
        self.refuse_if_batch_is_full(attempt.kind, records)?;
        if rule.sells_offline() {
            self.may_begin_offline(&attempt, records)?;
        }
        let busy = self.active.is_some() || self.login.is_some() || !self.queue.is_empty();
        if busy && attempt.options.no_wait {
            return Err(CallError::Busy);
        }
        self.start_live(Live::new(attempt, State::Queued), caller.connection);
        // Sequence numbers are reserved before the first of them is seen.
        let write = self.live.get_mut(&id).map(Live::record);
        self.effect(Effect::Commit(write.into_iter().collect()));
        self.effect(Effect::Reply(call, Ok(Answer::Done)));
        if busy {
            self.report_queue();
        }
        Ok(None)
    }

    fn cancel(
        &mut self,
        call: CallId,
        id: TransactionId,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let attempt = match self.own(id, caller, records) {
            Ok(attempt) => attempt,
            Err(CallError::NotFound) => return Ok(Some(Answer::Cancel(CancelAnswer::NotFound))),
            Err(error) => return Err(error),
        };
        if attempt.outcome.is_some() {
            return Ok(Some(Answer::Cancel(CancelAnswer::TooLate)));
        }
        if !self.live.contains_key(&id) {
            self.writable()?;
        }
        let accepted = self.cancel_payment(id) || self.end_unsent(id, attempt, Cause::CancelledByApp);
        let answer = if accepted { CancelAnswer::Accepted } else { CancelAnswer::TooLate };
        // The answer goes out "at once", but no word leaves before what it says is durable.
        self.effect(Effect::Reply(call, Ok(Answer::Cancel(answer))));
        Ok(None)
    }

    /// Ends a transaction whose request has not left, wherever it stands; `false` past the point of no return.
    fn end_unsent(&mut self, id: TransactionId, attempt: Attempt, cause: Cause) -> bool {
        match self.active.as_ref().filter(|active| active.id == id) {
            Some(active) if active.sent || active.decided => return false,
            Some(_) => {
                self.abort(Outcome::Cancelled, cause);
                return true;
            }
            None => {}
        }
        self.queue.retain(|queued| *queued != id);
        self.live.entry(id).or_insert_with(|| Live::new(attempt, State::Created));
        let write = self.decide(id, Outcome::Cancelled, cause);
        self.effect(Effect::Commit(write.into_iter().collect()));
        self.retire(id);
        self.report_queue();
        true
    }

    fn select(
        &mut self,
        id: TransactionId,
        index: u32,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let attempt = self.own(id, caller, records)?;
        let view = self.view(attempt);
        if view.state != State::SelectingApplication {
            return Err(CallError::WrongState(view.state));
        }
        let place = usize::try_from(index).unwrap_or(usize::MAX);
        if place >= view.candidates.len() {
            return Err(CallError::NoSuchApplication);
        }
        self.chosen(Input::Chosen(place));
        Ok(Some(Answer::Done))
    }

    fn confirm(
        &mut self,
        id: TransactionId,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let attempt = self.own(id, caller, records)?;
        match self.view(attempt).state {
            State::WaitingConfirmation => self.chosen(Input::Confirmed),
            State::WaitingSignature => self.end_signature(),
            state => return Err(CallError::WrongState(state)),
        }
        Ok(Some(Answer::Done))
    }

    /// The signature is durable before anybody hears that it was taken, and before a slip with it is printed.
    fn sign(
        &mut self,
        call: CallId,
        id: TransactionId,
        strokes: Strokes,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let attempt = self.own(id, caller, records)?;
        let state = self.view(attempt).state;
        if state != State::WaitingSignature {
            return Err(CallError::WrongState(state));
        }
        self.writable()?;
        let mut writes = Vec::new();
        if let Some(advice) = self.queue_signature(id, &strokes) {
            writes.push(Write::Device(self.device.clone()));
            writes.push(advice);
        }
        if let Some(live) = self.live.get_mut(&id) {
            if let Some(receipt) = live.attempt.receipt.as_mut() {
                receipt.strokes = Some(strokes);
            }
            writes.push(live.record());
        }
        self.effect(Effect::Commit(writes));
        self.effect(Effect::Reply(call, Ok(Answer::Done)));
        self.end_signature();
        Ok(None)
    }

    fn chosen(&mut self, input: Input) {
        if self.active.as_ref().is_some_and(|active| active.step == Step::Choosing) {
            self.back_to_card();
            self.resume(input);
        }
    }

    /// A client is gone: what it started ends, unless the request has left (rule 4). Its results wait.
    pub(crate) fn caller_gone(&mut self, connection: ConnectionId) {
        self.login_caller_gone(connection);
        let started: Vec<(TransactionId, Attempt)> = self
            .live
            .iter()
            .filter(|(_, live)| live.connection == Some(connection) && live.attempt.outcome.is_none())
            .map(|(id, live)| (*id, live.attempt.clone()))
            .collect();
        for (id, attempt) in started {
            self.end_unsent(id, attempt, Cause::CallerGone);
        }
    }
}
