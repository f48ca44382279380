//! The wait for a swipe. It is no prompt: a card may be swiped while the PIN pad does something else.

use posd_vault_protocol::{DeviceState, Notice, Refusal, Reply, Secret, Swipe};

use crate::{Core, Output};

/// The longest time that a swipe is waited for, in milliseconds, whatever was asked.
const LONGEST: u64 = 300_000;

/// A swipe that is waited for.
pub(crate) struct Wanted {
    id: u32,
    deadline: u64,
}

impl Wanted {
    /// When its time is over.
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Core {
    pub(crate) fn await_swipe(&mut self, id: u32, timeout_ms: u32, now: u64) {
        if self.swipe.is_some() {
            // `posd` waits for one at a time.
            return self.refuse(id, Refusal::Malformed);
        }
        self.swipe = Some(Wanted { id, deadline: now + u64::from(timeout_ms).min(LONGEST) });
        self.out.push(Output::Swipe(true));
        if self.stripe_reader != DeviceState::Ready {
            self.end_swipe(Swipe::ReaderMissing);
        }
    }

    /// Ends the wait and tells whoever waits.
    pub(crate) fn end_swipe(&mut self, swipe: Swipe) {
        if let Some(id) = self.forget_swipe() {
            self.reply(id, Reply::Swipe(swipe));
        }
    }

    /// Ends the wait. Gives the number of the request that waited.
    pub(crate) fn forget_swipe(&mut self) -> Option<u32> {
        let wanted = self.swipe.take()?;
        self.out.push(Output::Swipe(false));
        Some(wanted.id)
    }

    /// Ends the wait if its time is over.
    pub(crate) fn end_late_swipe(&mut self, now: u64) {
        if self.swipe.as_ref().is_some_and(|wanted| wanted.deadline <= now) {
            self.end_swipe(Swipe::TimedOut);
        }
    }

    /// A card was swiped. Nobody hears of one that is not wanted.
    pub(crate) fn swiped(&mut self, typed: Secret, now: u64) {
        self.end_late_swipe(now);
        self.end_swipe(Swipe::Swiped(typed));
    }

    pub(crate) fn stripe_reader(&mut self, state: DeviceState) {
        let changed = std::mem::replace(&mut self.stripe_reader, state) != state;
        if state != DeviceState::Ready {
            self.end_swipe(Swipe::ReaderMissing);
        }
        if changed {
            self.notice(Notice::StripeReader(state));
        }
    }
}
