//! Changes to the operator table: who may make them, and the rules of new passwords (reference section 7).

use posd_vault_protocol::{
    Asking, OperatorChange, OperatorEntry, PasswordChange, Refusal, Reply, Request, Secret,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    Core, Operator, PadPrompt,
    check::lock_of,
    core::Then,
    keys::Keys,
    password,
    prompt::{Prompt, Purpose},
    table::{Word, is_initial},
};

/// What an operator's password is asked for.
pub(crate) enum Task {
    /// Only to know whether it is right.
    Check,
    /// To change it, to this one or to what is typed next.
    Change { new: Option<Secret> },
    /// To do this to that operator.
    Manage(Management, Operator),
}

/// What supervisor or manager may do to another operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Management {
    Add,
    Delete,
    Reset,
}

/// A password change whose old password was right, while the new one is typed.
pub(crate) struct Renewal {
    pub(crate) id: u32,
    operator: Operator,
    old: Zeroizing<Vec<u8>>,
    /// What the table held when the old password was checked. If it holds something else in the end, it was reset or
    /// deleted meanwhile, and the old password counts for nothing any more.
    word: Word,
    /// The new password, once it was typed.
    first: Option<Zeroizing<Vec<u8>>>,
}

impl Core {
    /// Any request about operators; gives back all others.
    pub(crate) fn operators_request(&mut self, id: u32, request: Request, now: u64) -> Option<Request> {
        let (number, given, timeout, task): (_, _, _, fn(Operator) -> Task) = match request {
            Request::CheckPassword { operator, password, timeout_ms } => {
                (operator, password, timeout_ms, |_| Task::Check)
            }
            Request::ChangePassword { operator, passwords, timeout_ms } => {
                let Some(operator) = Operator::new(&operator) else {
                    self.refuse(id, Refusal::Malformed);
                    return None;
                };
                let (old, new) = passwords.map(|PasswordChange { old, new }| (old, new)).unzip();
                self.ask_password(id, operator, old, Task::Change { new }, timeout_ms, now);
                return None;
            }
            Request::AddOperator { operator, authority, timeout_ms } => {
                (operator, authority, timeout_ms, |it| Task::Manage(Management::Add, it))
            }
            Request::DeleteOperator { operator, authority, timeout_ms } => {
                (operator, authority, timeout_ms, |it| Task::Manage(Management::Delete, it))
            }
            Request::ResetPassword { operator, authority, timeout_ms } => {
                (operator, authority, timeout_ms, |it| Task::Manage(Management::Reset, it))
            }
            Request::ListOperators => {
                let reply = self.list_operators(now).map_or_else(Reply::Refused, Reply::Operators);
                self.reply(id, reply);
                return None;
            }
            other => return Some(other),
        };
        let Some(operator) = Operator::new(&number) else {
            self.refuse(id, Refusal::Malformed);
            return None;
        };
        let task = task(operator);
        // Whose password is asked for.
        let asked = match task {
            Task::Check | Task::Change { .. } => operator,
            Task::Manage(Management::Reset, Operator::SUPERVISOR) => Operator::MANAGER,
            Task::Manage(..) if operator.is_ordinary() => Operator::SUPERVISOR,
            Task::Manage(..) => {
                self.reply(id, Reply::Changed(OperatorChange::NotAllowed));
                return None;
            }
        };
        self.ask_password(id, asked, given, task, timeout, now);
        None
    }

    fn list_operators(&self, now: u64) -> Result<Vec<OperatorEntry>, Refusal> {
        let entry = |(operator, initial): (Operator, bool)| OperatorEntry {
            operator: operator.to_string(),
            initial,
            locked_out: self.locked(&lock_of(operator), now).is_some(),
        };
        Ok(self.table()?.list().map(entry).collect())
    }

    /// The password of supervisor or manager was right.
    pub(crate) fn manage(&mut self, id: u32, management: Management, target: Operator) {
        let known = self.table().is_ok_and(|table| table.word(target).is_some());
        let mut keys = self.keys.clone();
        let Some(table) = &mut keys.operators else { return self.refuse(id, Refusal::NoStorageKey) };
        match (management, known) {
            (Management::Add, true) => return self.changed(id, OperatorChange::Exists),
            (Management::Delete | Management::Reset, false) => {
                return self.changed(id, OperatorChange::Unknown);
            }
            (Management::Add, false) | (Management::Reset, true) => table.set(target, Word::Initial),
            (Management::Delete, true) => table.remove(target),
        }
        // The supervisor knows better than the wrong tries.
        let unlock = (management != Management::Delete).then_some(target);
        self.save_operators(id, keys, unlock);
    }

    fn changed(&mut self, id: u32, change: OperatorChange) {
        self.reply(id, Reply::Changed(change));
    }

    fn save_operators(&mut self, id: u32, mut keys: Keys, unlock: Option<Operator>) {
        if let Some(operator) = unlock {
            keys.wrong_tries.remove(&lock_of(operator));
        }
        self.save(keys, Then::Operators { id: Some(id), unlock });
    }

    // --- a new password ---

    /// The old password was right: takes the new one, or asks for it.
    pub(crate) fn old_password_right(
        &mut self,
        id: u32,
        operator: Operator,
        old: &[u8],
        new: Option<Secret>,
        deadline: u64,
        now: u64,
    ) {
        let Some(word) = self.table().ok().and_then(|table| table.word(operator)).cloned() else {
            return self.changed(id, OperatorChange::Wrong);
        };
        let renewal = Renewal { id, operator, old: Zeroizing::new(old.to_vec()), word, first: None };
        match new {
            Some(new) => self.renew(&renewal, new.expose()),
            None => self.ask_new_password(renewal, deadline, now),
        }
    }

    fn ask_new_password(&mut self, renewal: Renewal, deadline: u64, now: u64) {
        let (shown, asking) = match renewal.first {
            None => (PadPrompt::NewPassword(renewal.operator), Asking::NewPassword),
            Some(_) => (PadPrompt::NewPasswordAgain(renewal.operator), Asking::NewPasswordAgain),
        };
        let length = renewal.operator.password_length();
        let left = deadline.saturating_sub(now);
        let prompt = Prompt::new(Purpose::NewPassword(renewal), shown, length..=length, left, now);
        self.begin_step(prompt, Some(asking));
    }

    pub(crate) fn new_password_typed(
        &mut self,
        mut renewal: Renewal,
        new: Zeroizing<Vec<u8>>,
        deadline: u64,
        now: u64,
    ) {
        match &renewal.first {
            None => match fault_of(&renewal, &new) {
                Some(fault) => self.changed(renewal.id, fault),
                None => {
                    renewal.first = Some(new);
                    self.ask_new_password(renewal, deadline, now);
                }
            },
            Some(first) if bool::from(first.ct_eq(&new[..])) => self.renew(&renewal, &new),
            Some(_) => self.changed(renewal.id, OperatorChange::Differs),
        }
    }

    fn renew(&mut self, renewal: &Renewal, new: &[u8]) {
        let id = renewal.id;
        if let Some(fault) = fault_of(renewal, new) {
            return self.changed(id, fault);
        }
        let cost = self.settings.cost;
        let hash = password::hash_with(new, self.random.as_mut(), cost.memory, cost.passes);
        let mut keys = self.keys.clone();
        match (hash, &mut keys.operators) {
            (Some(hash), Some(table)) if table.word(renewal.operator) == Some(&renewal.word) => {
                table.set(renewal.operator, Word::Chosen(hash));
                self.save_operators(id, keys, None);
            }
            (Some(_), _) => self.changed(id, OperatorChange::Wrong),
            // Not enough memory for argon2id.
            (None, _) => self.refuse(id, Refusal::StoreFailed),
        }
    }
}

/// Why this may not be the new password.
fn fault_of(renewal: &Renewal, new: &[u8]) -> Option<OperatorChange> {
    let length = renewal.operator.password_length();
    if new.len() != length || !new.iter().all(u8::is_ascii_digit) {
        // The cast is exact: 4, 6 or 8.
        return Some(OperatorChange::WrongLength { digits: length as u8 });
    }
    let old = bool::from(renewal.old.ct_eq(new)) || is_initial(renewal.operator, new);
    old.then_some(OperatorChange::NotNew)
}
