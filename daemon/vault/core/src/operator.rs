//! Operators' passwords: asked for, checked, counted.

use posd_vault_protocol::{PasswordCheck, Refusal, Reply, Secret};

use crate::{
    Core, PadPrompt, password,
    prompt::{Prompt, Purpose},
    settings::is_operator,
};

impl Core {
    pub(crate) fn check_password(
        &mut self,
        id: u32,
        number: String,
        password: Option<Secret>,
        timeout: u32,
        now: u64,
    ) {
        if !is_operator(&number) {
            return self.refuse(id, Refusal::Malformed);
        }
        if let Some(password) = password {
            let check = self.operator(&number, password.expose(), now);
            return self.reply(id, Reply::Password(check));
        }
        if self.prompt.is_some() {
            return self.refuse(id, Refusal::PadBusy);
        }
        // Nobody is made to type for nothing.
        if let Some(seconds) = self.locked(&lock_of(&number), now) {
            return self.reply(id, Reply::Password(PasswordCheck::LockedOut { seconds }));
        }
        let purpose = Purpose::Operator { id, number };
        self.begin(Prompt::new(purpose, PadPrompt::Password, 1..=32, u64::from(timeout), now));
    }

    pub(crate) fn operator(&mut self, number: &str, password: &[u8], now: u64) -> PasswordCheck {
        let lock = lock_of(number);
        if let Some(seconds) = self.locked(&lock, now) {
            return PasswordCheck::LockedOut { seconds };
        }
        let right = password::check(&self.settings.operators, number, password);
        self.tried(&lock, right, now);
        if right { PasswordCheck::Accepted } else { PasswordCheck::Wrong }
    }

    /// Seconds until this lock lets anyone try again.
    pub(crate) fn locked(&mut self, lock: &str, now: u64) -> Option<u32> {
        let wrong_tries = self.keys.wrong_tries.get(lock).copied().unwrap_or(0);
        self.locks.seconds(lock, wrong_tries, now)
    }

    /// Counts a try, durably if there is a store.
    pub(crate) fn tried(&mut self, lock: &str, right: bool, now: u64) {
        let changed = if right {
            self.locks.right(lock);
            self.keys.wrong_tries.remove(lock).is_some()
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
}

/// The lock that an operator's wrong tries count on. Unknown numbers have one as well, so that they do not show.
fn lock_of(number: &str) -> String {
    format!("operator {number}")
}
