//! Operators: login and logout, the lock screen, and changes of the operator table (reference section 7).
//!
//! The passwords are the vault's affair; who may do what, and the record of who did it, are the terminal's. Whatever
//! changes the vault's table is in the journal before the vault is asked, and what came of it after: a row `asked`
//! without a second one means that nobody knows.

use crate::{
    audit::AuditEvent,
    call::{Answer, CallError, CallId, Caller, ConnectionId},
    event::Effect,
    record::{AdviceId, Records},
    resolve::Resolution,
    supervisor::SUPERVISOR,
    terminal::{Asked, JournalState, Terminal},
};
use posd_vault_protocol::{OperatorChange, PasswordChange, PasswordCheck, Refusal, Reply, Request, Secret};

#[cfg(test)]
pub(crate) mod tests;

/// System manager.
const MANAGER: &str = "99";

/// Something that needs an operator's password, while the vault has it checked. The PIN pad may be in its hands.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) call: CallId,
    connection: ConnectionId,
    uid: u32,
    /// Whose password is asked for.
    operator: String,
    task: Task,
}

/// What the password is asked for.
#[derive(Debug)]
pub(crate) enum Task {
    LogIn,
    Unlock,
    /// To say what came of a transaction, or of an advice.
    Resolve(Resolution),
    /// A change of the operator table, and whom it is about.
    Change(AuditEvent, String),
}

impl Login {
    pub(crate) fn resolves(&self, advice: AdviceId) -> bool {
        matches!(&self.task, Task::Resolve(word) if word.is_of(advice))
    }

    pub(crate) fn of_connection(&self, connection: ConnectionId) -> bool {
        self.connection == connection
    }
}

fn operator_number(operator: &str) -> Result<(), CallError> {
    if operator.len() == 2 && operator.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        Err(CallError::InvalidArgument("an operator number is two digits"))
    }
}

impl Terminal {
    /// Whether the pad, the vault and the journal are free for something that needs a password.
    pub(crate) fn ready_for_password(&self) -> Result<(), CallError> {
        self.writable()?;
        // No login stands before the row of the start.
        if self.journal == JournalState::Checking {
            return Err(CallError::NotReady("journal-checking"));
        }
        if self.active.is_some() || self.login.is_some() {
            return Err(CallError::Busy);
        }
        if self.vault.is_none() {
            return Err(CallError::NotReady("secure-module"));
        }
        Ok(())
    }

    /// Nothing new is made or started on a locked terminal.
    pub(crate) fn refuse_if_locked(&self) -> Result<(), CallError> {
        if self.locked { Err(CallError::Locked) } else { Ok(()) }
    }

    fn ask_password(&mut self, login: Login, request: Request, patience: u64) {
        self.ask(Asked::Password(login.call), request, patience);
        self.login = Some(login);
    }

    /// How long the prompts of one password may stand, in milliseconds: for the vault, and for the wait.
    fn prompt_time(&self, prompts: u64) -> (u32, u64) {
        let time = self.settings.deadlines.pin.saturating_mul(prompts);
        (u32::try_from(time).unwrap_or(u32::MAX), time)
    }

    pub(crate) fn call_log_in(
        &mut self,
        call: CallId,
        caller: Caller,
        operator: String,
        password: Option<Secret>,
    ) -> Result<Option<Answer>, CallError> {
        operator_number(&operator)?;
        if operator == SUPERVISOR || operator == MANAGER {
            return Err(CallError::InvalidArgument(
                "supervisor and manager do not trade; log an operator in",
            ));
        }
        // Else a locked terminal would be anybody's who has a number of his own.
        self.refuse_if_locked()?;
        self.ready_for_password()?;
        self.check_password(call, caller, operator, password, Task::LogIn);
        Ok(None)
    }

    pub(crate) fn check_password(
        &mut self,
        call: CallId,
        caller: Caller,
        operator: String,
        password: Option<Secret>,
        task: Task,
    ) {
        let (timeout_ms, patience) = self.prompt_time(1);
        let request = Request::CheckPassword { operator: operator.clone(), password, timeout_ms };
        let Caller { uid, connection } = caller;
        self.ask_password(Login { call, connection, uid, operator, task }, request, patience);
    }

    pub(crate) fn call_log_out(&mut self, call: CallId, caller: Caller) -> Result<Option<Answer>, CallError> {
        if self.active.is_some() || self.login.is_some() || !self.queue.is_empty() {
            return Err(CallError::Busy);
        }
        self.refuse_if_locked()?;
        let Some(operator) = self.operator.clone() else { return Ok(Some(Answer::Done)) };
        self.writable()?;
        self.audit(AuditEvent::LogOut, Some(caller.uid), &operator, String::new());
        self.operator = None;
        self.effect(Effect::Reply(call, Ok(Answer::Done)));
        Ok(None)
    }

    pub(crate) fn call_lock(&mut self, call: CallId, caller: Caller) -> Result<Option<Answer>, CallError> {
        if self.active.is_some() || self.login.is_some() || !self.queue.is_empty() {
            return Err(CallError::Busy);
        }
        let Some(operator) = self.operator.clone() else { return Err(CallError::NoOperator) };
        if self.locked {
            return Ok(Some(Answer::Done));
        }
        self.writable()?;
        self.audit(AuditEvent::Lock, Some(caller.uid), &operator, String::new());
        self.locked = true;
        self.effect(Effect::Reply(call, Ok(Answer::Done)));
        Ok(None)
    }

    pub(crate) fn call_unlock(
        &mut self,
        call: CallId,
        caller: Caller,
        operator: Option<String>,
        password: Option<Secret>,
    ) -> Result<Option<Answer>, CallError> {
        if !self.locked {
            return Ok(Some(Answer::Done));
        }
        let own = self.operator.clone().unwrap_or_default();
        let operator = operator.unwrap_or_else(|| own.clone());
        if operator != own && operator != SUPERVISOR {
            return Err(CallError::NotAllowed);
        }
        self.ready_for_password()?;
        self.check_password(call, caller, operator, password, Task::Unlock);
        Ok(None)
    }

    pub(crate) fn call_change_password(
        &mut self,
        call: CallId,
        caller: Caller,
        operator: String,
        passwords: Option<PasswordChange>,
    ) -> Result<Option<Answer>, CallError> {
        operator_number(&operator)?;
        self.ready_for_password()?;
        // Old, new, and new again.
        let (timeout_ms, patience) = self.prompt_time(3);
        let request = Request::ChangePassword { operator: operator.clone(), passwords, timeout_ms };
        let target = operator.clone();
        self.change(call, caller, AuditEvent::PasswordChange, (operator, target), request, patience);
        Ok(None)
    }

    /// Add, delete or reset, by the word of supervisor or manager.
    pub(crate) fn call_manage(
        &mut self,
        call: CallId,
        caller: Caller,
        event: AuditEvent,
        target: String,
        authority: Option<Secret>,
    ) -> Result<Option<Answer>, CallError> {
        operator_number(&target)?;
        let of_supervisor = target == SUPERVISOR && event == AuditEvent::PasswordReset;
        if target == MANAGER || (target == SUPERVISOR && !of_supervisor) {
            return Err(CallError::NotAllowed);
        }
        // Whoever is logged in would go on without a password that counts.
        if self.operator.as_deref() == Some(target.as_str()) && event != AuditEvent::OperatorAdd {
            return Err(CallError::OperatorLoggedIn);
        }
        self.ready_for_password()?;
        let (timeout_ms, patience) = self.prompt_time(1);
        let operator = target.clone();
        let request = match event {
            AuditEvent::OperatorAdd => Request::AddOperator { operator, authority, timeout_ms },
            AuditEvent::OperatorDelete => Request::DeleteOperator { operator, authority, timeout_ms },
            _ => Request::ResetPassword { operator, authority, timeout_ms },
        };
        let by = if of_supervisor { MANAGER } else { SUPERVISOR };
        self.change(call, caller, event, (by.to_owned(), target), request, patience);
        Ok(None)
    }

    fn change(
        &mut self,
        call: CallId,
        caller: Caller,
        event: AuditEvent,
        (operator, target): (String, String),
        request: Request,
        patience: u64,
    ) {
        let Caller { uid, connection } = caller;
        self.audit(event, Some(uid), &operator, format!("target={target} result=asked"));
        let task = Task::Change(event, target);
        self.ask_password(Login { call, connection, uid, operator, task }, request, patience);
    }

    pub(crate) fn call_list_operators(&mut self, call: CallId) -> Result<Option<Answer>, CallError> {
        if self.vault.is_none() {
            return Err(CallError::NotReady("secure-module"));
        }
        self.ask(Asked::Operators(call), Request::ListOperators, 0);
        Ok(None)
    }

    pub(crate) fn operators_reply(&mut self, call: CallId, reply: Reply) {
        let result = match reply {
            Reply::Operators(all) => Ok(Answer::Operators(all)),
            Reply::Refused(Refusal::NoStorageKey) => Err(CallError::NotReady("storage-key")),
            _ => Err(CallError::NotReady("secure-module")),
        };
        self.effect(Effect::Reply(call, result));
    }

    pub(crate) fn password_reply(&mut self, call: CallId, reply: Reply, records: &dyn Records) {
        let Some(login) = self.login.take_if(|login| login.call == call) else { return };
        let result = match &login.task {
            Task::LogIn => self.checked(reply).and_then(|()| self.logged_in(&login)),
            Task::Unlock => self.checked(reply).and_then(|()| self.unlocked(&login)),
            Task::Resolve(word) => self.checked(reply).and_then(|()| self.resolve(word, login.uid, records)),
            Task::Change(..) => changed(&reply),
        };
        match (&login.task, &result) {
            (Task::LogIn | Task::Unlock | Task::Resolve(_), Ok(())) => self.told_locked_out.clear(),
            (Task::LogIn, Err(error)) => self.refused(AuditEvent::LogInRefused, &login, error),
            (Task::Unlock, Err(error)) => self.refused(AuditEvent::UnlockRefused, &login, error),
            (Task::Resolve(_), Err(error)) => self.refused(AuditEvent::SupervisorRefused, &login, error),
            (Task::Change(event, target), result) => {
                let word = result.as_ref().map_or_else(reason, |()| "done");
                let detail = format!("target={target} result={word}");
                self.audit(*event, Some(login.uid), &login.operator, detail);
            }
        }
        self.effect(Effect::Reply(call, result.map(|()| Answer::Done)));
    }

    /// The vault's word on a password, which holds only while the journal can keep who gave it.
    fn checked(&self, reply: Reply) -> Result<(), CallError> {
        self.writable()?;
        match reply {
            Reply::Password(PasswordCheck::Accepted { must_change: false }) => Ok(()),
            Reply::Password(PasswordCheck::Accepted { must_change: true }) => {
                Err(CallError::PasswordMustBeChanged)
            }
            Reply::Password(PasswordCheck::Wrong) => Err(CallError::WrongPassword),
            Reply::Password(PasswordCheck::LockedOut { seconds }) => Err(CallError::LockedOut(seconds)),
            Reply::Password(PasswordCheck::Cancelled | PasswordCheck::TimedOut) => {
                Err(CallError::PromptEnded)
            }
            Reply::Password(PasswordCheck::PadMissing) => Err(CallError::NotReady("pin-pad")),
            other => Err(not_done(&other)),
        }
    }

    fn logged_in(&mut self, login: &Login) -> Result<(), CallError> {
        let before = self.operator.take().filter(|before| *before != login.operator);
        if let Some(before) = before {
            self.audit(AuditEvent::LogOut, Some(login.uid), &before, format!("by={}", login.operator));
        }
        self.audit(AuditEvent::LogIn, Some(login.uid), &login.operator, String::new());
        self.operator = Some(login.operator.clone());
        Ok(())
    }

    fn unlocked(&mut self, login: &Login) -> Result<(), CallError> {
        self.audit(AuditEvent::Unlock, Some(login.uid), &login.operator, String::new());
        self.locked = false;
        Ok(())
    }

    /// A failed login leaves a row. Of a lock-out the first refusal does, so that nobody fills the journal with tries
    /// that cost nothing.
    fn refused(&mut self, event: AuditEvent, login: &Login, error: &CallError) {
        let told = match error {
            CallError::LockedOut(_) => self.told_locked_out.insert(login.operator.clone()),
            CallError::WrongPassword => {
                self.told_locked_out.remove(&login.operator);
                true
            }
            CallError::PasswordMustBeChanged => true,
            _ => false,
        };
        if told {
            let about = match &login.task {
                Task::Resolve(word) => format!("{} ", word.about()),
                _ => String::new(),
            };
            let detail = format!("{about}result={}", reason(error));
            self.audit(event, Some(login.uid), &login.operator, detail);
        }
    }

    /// The vault is gone, and no reply comes any more. It may have done what it was asked.
    pub(crate) fn login_lost(&mut self) {
        let Some(login) = self.login.take() else { return };
        if let Task::Change(event, target) = &login.task {
            let detail = format!("target={target} result=unknown");
            self.audit(*event, Some(login.uid), &login.operator, detail);
        }
        self.effect(Effect::Reply(login.call, Err(CallError::NotReady("secure-module"))));
    }

    /// A caller that waits for a password to be typed is gone: the prompt goes too.
    pub(crate) fn login_caller_gone(&mut self, connection: ConnectionId) {
        if self.login.as_ref().is_some_and(|login| login.of_connection(connection)) {
            self.ask(Asked::CancelPrompt, Request::CancelPrompt, 0);
        }
    }
}

/// What came of a change to the operator table.
fn changed(reply: &Reply) -> Result<(), CallError> {
    let Reply::Changed(change) = reply else { return Err(not_done(reply)) };
    Err(match change {
        OperatorChange::Done => return Ok(()),
        OperatorChange::Wrong => CallError::WrongPassword,
        OperatorChange::LockedOut { seconds } => CallError::LockedOut(*seconds),
        OperatorChange::MustChange => CallError::PasswordMustBeChanged,
        OperatorChange::WrongLength { digits } => CallError::WrongPasswordLength(*digits),
        OperatorChange::NotNew => CallError::PasswordNotNew,
        OperatorChange::Differs => CallError::PasswordsDiffer,
        OperatorChange::Exists => CallError::OperatorExists,
        OperatorChange::Unknown => CallError::OperatorUnknown,
        OperatorChange::NotAllowed => CallError::NotAllowed,
        OperatorChange::Cancelled | OperatorChange::TimedOut => CallError::PromptEnded,
        OperatorChange::PadMissing => CallError::NotReady("pin-pad"),
    })
}

fn not_done(reply: &Reply) -> CallError {
    match reply {
        Reply::Refused(Refusal::PadBusy) => CallError::Busy,
        Reply::Refused(Refusal::NoStorageKey) => CallError::NotReady("storage-key"),
        _ => CallError::NotReady("secure-module"),
    }
}

/// A refusal as an audit row words it.
fn reason(error: &CallError) -> &'static str {
    match error {
        CallError::WrongPassword => "wrong-password",
        CallError::LockedOut(_) => "locked-out",
        CallError::PasswordMustBeChanged => "initial-password",
        CallError::WrongPasswordLength(_) => "wrong-length",
        CallError::PasswordNotNew => "not-new",
        CallError::PasswordsDiffer => "differs",
        CallError::OperatorExists => "exists",
        CallError::OperatorUnknown => "no-such-operator",
        CallError::NotAllowed => "not-allowed",
        CallError::PromptEnded => "prompt-ended",
        _ => "not-ready",
    }
}
