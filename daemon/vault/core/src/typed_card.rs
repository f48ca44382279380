//! A card whose number and expiry are typed, for phone orders.

use posd_vault_protocol::{Asking, CardPrompt, Digits, EnteredCard, Refusal, Reply};

use crate::{
    Core, PadPrompt,
    prompt::{Prompt, Purpose},
};

impl Core {
    pub(crate) fn enter_card(&mut self, id: u32, asked: CardPrompt, now: u64) {
        if self.prompt.is_some() {
            return self.refuse(id, Refusal::PadBusy);
        }
        let shown = PadPrompt::CardNumber { amount: asked.amount, currency: asked.currency };
        let purpose = Purpose::CardNumber { id };
        let prompt = Prompt::new(purpose, shown, 13..=19, u64::from(asked.timeout_ms), now);
        self.begin_step(prompt, Some(Asking::CardNumber));
    }

    pub(crate) fn card_number_typed(&mut self, id: u32, digits: &[u8], deadline: u64, now: u64) {
        let Some(pan) = digits_of(digits).filter(|_| luhn(digits)) else {
            return self.reply(id, Reply::EnteredCard(EnteredCard::BadNumber));
        };
        let purpose = Purpose::CardExpiry { id, pan };
        let left = deadline.saturating_sub(now);
        let prompt = Prompt::new(purpose, PadPrompt::CardExpiry, 4..=4, left, now);
        self.begin_step(prompt, Some(Asking::CardExpiry));
    }

    pub(crate) fn card_expiry_typed(&mut self, id: u32, pan: Digits, digits: &[u8]) {
        let month = match digits {
            [_, _, tens, ones] => tens * 10 + ones,
            _ => 0,
        };
        let card = match digits_of(digits).filter(|_| (1..=12).contains(&month)) {
            Some(expiry) => EnteredCard::Entered { pan, expiry },
            None => EnteredCard::BadExpiry,
        };
        self.reply(id, Reply::EnteredCard(card));
    }
}

fn digits_of(typed: &[u8]) -> Option<Digits> {
    let text = crate::core::text_of(typed);
    Digits::new(std::str::from_utf8(&text).ok()?)
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1 annex B).
fn luhn(digits: &[u8]) -> bool {
    let value = |(index, digit): (usize, &u8)| match (index % 2, digit * 2) {
        (0, _) => *digit,
        (_, doubled) if doubled > 9 => doubled - 9,
        (_, doubled) => doubled,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(|it| u32::from(value(it))).sum();
    sum.is_multiple_of(10)
}
