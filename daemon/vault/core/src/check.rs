//! Operators' passwords: asked for, checked, counted.

use posd_vault_protocol::{Asking, Notice, OperatorChange, PasswordCheck, Refusal, Reply, Secret};

use crate::{
    Core, Operator, PadPrompt,
    change::Task,
    prompt::{Prompt, Purpose},
    table::{Table, Word, is_initial},
};

impl Core {
    /// The operator table; none if there is a store that does not open. A first table in its place would let anyone
    /// in with the initial passwords who can spoil the store.
    pub(crate) fn table(&self) -> Result<&Table, Refusal> {
        self.keys.operators.as_ref().ok_or(Refusal::NoStorageKey)
    }

    /// Has an operator's password checked, given or typed, for a task.
    pub(crate) fn ask_password(
        &mut self,
        id: u32,
        operator: Operator,
        given: Option<Secret>,
        task: Task,
        timeout: u32,
        now: u64,
    ) {
        let usable = match (self.table(), &task) {
            (Err(refusal), _) => Err(refusal),
            (Ok(_), Task::Check) => Ok(()),
            (Ok(_), _) if !self.can_store() => Err(Refusal::NoStorageKey),
            (Ok(_), _) => Ok(()),
        };
        if let Err(refusal) = usable {
            return self.refuse(id, refusal);
        }
        if let Some(password) = given {
            return self.password_given(id, operator, password.expose(), task, now, now);
        }
        if self.prompt.is_some() {
            return self.refuse(id, Refusal::PadBusy);
        }
        // Nobody is made to type for nothing.
        if let Some(seconds) = self.locked(&lock_of(operator), now) {
            return self.not_right(id, &task, PasswordCheck::LockedOut { seconds });
        }
        let asking = match task {
            Task::Check => None,
            Task::Change { .. } => Some(Asking::OldPassword),
            Task::Manage(..) if operator == Operator::MANAGER => Some(Asking::ManagerPassword),
            Task::Manage(..) => Some(Asking::SupervisorPassword),
        };
        let purpose = Purpose::Operator { id, operator, task };
        let shown = PadPrompt::OperatorPassword(operator);
        self.begin_step(Prompt::new(purpose, shown, 1..=32, u64::from(timeout), now), asking);
    }

    /// Begins one prompt of several, and tells which.
    pub(crate) fn begin_step(&mut self, prompt: Prompt, asking: Option<Asking>) {
        self.begin(prompt);
        if let (Some(asking), Some(_)) = (asking, &self.prompt) {
            self.notice(Notice::Asking(asking));
        }
    }

    /// A password has come: checks it and goes on with the task. Prompts that follow stand until `deadline`.
    pub(crate) fn password_given(
        &mut self,
        id: u32,
        operator: Operator,
        password: &[u8],
        task: Task,
        deadline: u64,
        now: u64,
    ) {
        let check = self.check_password(operator, password, now);
        match (task, check) {
            (Task::Change { new }, PasswordCheck::Accepted { .. }) => {
                self.old_password_right(id, operator, password, new, deadline, now);
            }
            (Task::Manage(..), PasswordCheck::Accepted { must_change: true }) => {
                self.reply(id, Reply::Changed(OperatorChange::MustChange));
            }
            (Task::Manage(management, target), PasswordCheck::Accepted { must_change: false }) => {
                self.manage(id, management, target);
            }
            (task, check) => self.not_right(id, &task, check),
        }
    }

    /// The answer to a password that leads to nothing more.
    fn not_right(&mut self, id: u32, task: &Task, check: PasswordCheck) {
        let reply = match task {
            Task::Check => Reply::Password(check),
            _ => Reply::Changed(match check {
                PasswordCheck::LockedOut { seconds } => OperatorChange::LockedOut { seconds },
                _ => OperatorChange::Wrong,
            }),
        };
        self.reply(id, reply);
    }

    fn check_password(&mut self, operator: Operator, password: &[u8], now: u64) -> PasswordCheck {
        let lock = lock_of(operator);
        if let Some(seconds) = self.locked(&lock, now) {
            return PasswordCheck::LockedOut { seconds };
        }
        let cost = self.settings.cost;
        let right = self.table().is_ok_and(|table| table.fits(operator, password, cost));
        let must_change = right && is_initial(operator, password);
        if must_change
            && let Some(table) = &mut self.keys.operators
            && table.word(operator) != Some(&Word::Initial)
        {
            // A hash of the configuration turns out to be that of the initial password.
            table.set(operator, Word::Initial);
            if self.can_store() {
                self.save_tries();
            }
        }
        self.tried(&lock, right, now);
        if right { PasswordCheck::Accepted { must_change } } else { PasswordCheck::Wrong }
    }

    /// Seconds until this lock lets anyone try again.
    pub(crate) fn locked(&self, lock: &str, now: u64) -> Option<u32> {
        let wrong_tries = self.keys.wrong_tries.get(lock).copied().unwrap_or(0);
        self.locks.seconds(lock, wrong_tries, now)
    }

    /// Counts a try, durably if there is a store.
    pub(crate) fn tried(&mut self, lock: &str, right: bool, now: u64) {
        let changed = if right {
            self.unlock(lock)
        } else {
            let count = self.keys.wrong_tries.entry(lock.to_owned()).or_insert(0);
            *count = count.saturating_add(1);
            self.locks.wrong(lock, *count, now);
            true
        };
        if changed && self.can_store() {
            self.save_tries();
        }
    }

    /// Forgets wrong tries; whether there were any.
    pub(crate) fn unlock(&mut self, lock: &str) -> bool {
        self.locks.right(lock);
        self.keys.wrong_tries.remove(lock).is_some()
    }
}

/// The lock that an operator's wrong tries count on. Unknown numbers have one as well, so that they do not show.
pub(crate) fn lock_of(operator: Operator) -> String {
    format!("operator {operator}")
}
