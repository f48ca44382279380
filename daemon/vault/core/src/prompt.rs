//! What a person types on the PIN pad: one prompt at a time.

use posd_vault_protocol::Digits;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    Operator, PadPrompt,
    change::{Renewal, Task},
    held::Held,
    verify::PinKey,
};

/// Progress of a PIN or card number is told on multiples of this after the prompt's start, in milliseconds, never when a key is pressed.
pub(crate) const TICK: u64 = 250;
/// The longest time a prompt may stand, in milliseconds, whatever was asked.
const LONGEST: u64 = 300_000;
/// The longest entry: a key component of 32 hexadecimal digits, two decimal digits each.
const LONGEST_ENTRY: usize = 64;

/// The digits typed so far, 0 to 9 each. Never moved while it holds digits; wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Typed {
    digits: Box<[u8; LONGEST_ENTRY]>,
    length: usize,
}

impl Typed {
    pub(crate) fn digits(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

/// What the entry is for, and who gets the answer.
pub(crate) enum Purpose {
    /// A cardholder's PIN for the issuer.
    OnlinePin { id: u32, pan: Digits },
    /// A cardholder's PIN for the card.
    OfflinePin { id: u32, key: Option<PinKey> },
    /// An operator's password, for a task.
    Operator { id: u32, operator: Operator, task: Task },
    /// An operator's new password, or the same again.
    NewPassword(Renewal),
    /// A card's number.
    CardNumber { id: u32 },
    /// The expiry of the card whose number was typed before.
    CardExpiry { id: u32, pan: Digits },
    /// A custodian's password, then the component, then its check value.
    Custodian { name: String },
    /// A key component.
    Component { name: String },
    /// The check value of the component typed before.
    CheckValue { name: String, component: Held<16> },
}

impl Purpose {
    /// Whether a custodian asked for it, and not `posd`.
    pub(crate) fn is_custodians(&self) -> bool {
        matches!(self, Purpose::Custodian { .. } | Purpose::Component { .. } | Purpose::CheckValue { .. })
    }
}

/// A prompt that stands on the pad.
pub(crate) struct Prompt {
    pub(crate) purpose: Purpose,
    pub(crate) shown: PadPrompt,
    pub(crate) typed: Typed,
    minimum: usize,
    maximum: usize,
    bypass: bool,
    start: u64,
    deadline: u64,
    told: usize,
    tick: Option<u64>,
}

impl Prompt {
    pub(crate) fn new(
        purpose: Purpose,
        shown: PadPrompt,
        lengths: std::ops::RangeInclusive<usize>,
        timeout_ms: u64,
        now: u64,
    ) -> Prompt {
        Prompt {
            purpose,
            shown,
            typed: Typed { digits: Box::new([0; LONGEST_ENTRY]), length: 0 },
            minimum: *lengths.start(),
            maximum: (*lengths.end()).min(LONGEST_ENTRY),
            bypass: false,
            start: now,
            deadline: now + timeout_ms.min(LONGEST),
            told: 0,
            tick: None,
        }
    }

    /// Allows Enter with no digit.
    pub(crate) fn with_bypass(self, bypass: bool) -> Prompt {
        Prompt { bypass, ..self }
    }

    /// Takes a digit; one too many is ignored.
    pub(crate) fn digit(&mut self, digit: u8, now: u64) {
        if digit <= 9 && self.typed.length < self.maximum {
            self.typed.digits[self.typed.length] = digit;
            self.typed.length += 1;
            self.changed(now);
        }
    }

    /// Wipes the last digit.
    pub(crate) fn backspace(&mut self, now: u64) {
        if self.typed.length > 0 {
            self.typed.length -= 1;
            self.typed.digits[self.typed.length] = 0;
            self.changed(now);
        }
    }

    /// Wipes all digits.
    pub(crate) fn clear(&mut self, now: u64) {
        self.typed.zeroize();
        self.changed(now);
    }

    /// Whether Enter ends the entry now.
    pub(crate) fn complete(&self) -> bool {
        self.typed.length >= self.minimum || self.bypassed()
    }

    /// Whether Enter now means to go on without a PIN.
    pub(crate) fn bypassed(&self) -> bool {
        self.bypass && self.typed.length == 0
    }

    /// When its time is over.
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Whether its time is over.
    pub(crate) fn timed_out(&self, now: u64) -> bool {
        now >= self.deadline
    }

    /// The number of digits to tell, if the tick has come and the number is news.
    pub(crate) fn progress(&mut self, now: u64) -> Option<u8> {
        let due = self.tick.take_if(|tick| *tick <= now).is_some();
        let is_told = matches!(
            self.purpose,
            Purpose::OnlinePin { .. }
                | Purpose::OfflinePin { .. }
                | Purpose::CardNumber { .. }
                | Purpose::CardExpiry { .. }
        );
        if !due || !is_told || self.told == self.typed.length {
            return None;
        }
        self.told = self.typed.length;
        u8::try_from(self.told).ok()
    }

    /// The next time at which something is due.
    pub(crate) fn wake(&self) -> u64 {
        self.tick.map_or(self.deadline, |tick| tick.min(self.deadline))
    }

    // A tick is asked for only when there is something to tell, but always on the grid.
    fn changed(&mut self, now: u64) {
        if self.tick.is_none() {
            self.tick = Some(self.start + (now.saturating_sub(self.start) / TICK + 1) * TICK);
        }
    }
}
