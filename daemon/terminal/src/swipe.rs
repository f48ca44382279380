//! A card that is swiped: when a swipe is taken, and what its stripe says.
//!
//! A stripe says no more than which card it is: nothing of it completes after the host's answer, and the cardholder
//! signs. A card with a chip is swiped only where the profile allows the technical fallback (降级交易), and soon after a
//! chip could not be read in the contact reader. Which card that was nobody can tell: one failure lets one card be
//! swiped.

use crate::{
    kinds::{self, CardUse},
    prompt::Prompt,
    record::Attempt,
    sale::Step,
    state::{Cause, Outcome, State},
    terminal::{Asked, Terminal},
};
use posd_emv::{
    kernel::{PinEntry, Reason},
    stripe::Stripe,
};
use posd_unionpay::request::Entry;
use posd_vault_protocol::{
    DeviceState, Digits, PinPrompt, Reply, Request as VaultRequest, Secret, Slot, Swipe,
};

/// The card that the running transaction has taken by its stripe.
pub(crate) struct Swiped {
    pub(crate) stripe: Stripe,
    /// It has a chip, which could not be read.
    pub(crate) fallback: bool,
}

impl std::fmt::Debug for Swiped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Swiped").field("fallback", &self.fallback).finish_non_exhaustive()
    }
}

impl Swiped {
    pub(crate) fn entry(&self) -> Entry {
        if self.fallback { Entry::Fallback } else { Entry::Swipe }
    }
}

/// Whether the cardholder signs for it as for every payment by stripe, with a PIN or without.
pub(crate) fn is_signed_stripe(attempt: &Attempt) -> bool {
    matches!(attempt.entry, Some(Entry::Swipe | Entry::Fallback))
        && kinds::rule(attempt.kind).card == CardUse::Full
}

impl Terminal {
    /// Whether a swipe is taken for the running transaction.
    pub(crate) fn takes_swipes(&self) -> bool {
        let Some(active) = self.active.as_ref() else { return false };
        let ready = self.vault.as_ref().is_some_and(|status| status.stripe_reader == DeviceState::Ready);
        // Nothing is approved offline on the word of a stripe.
        ready
            && self.profile().stripe.accepted
            && !self.stale_card
            && active.card.needs_reader()
            && !self.sells_offline()
    }

    /// Lets a card be swiped, where that is taken, beside whatever else is waited for.
    pub(crate) fn want_swipe(&mut self) {
        if !self.takes_swipes() || self.is_swipe_wanted() {
            return;
        }
        let lasting = self.settings.deadlines.card;
        let timeout_ms = u32::try_from(lasting).unwrap_or(u32::MAX);
        self.ask(Asked::Swipe, VaultRequest::AwaitSwipe { timeout_ms }, lasting);
    }

    fn is_swipe_wanted(&self) -> bool {
        self.asked.values().any(|asked| *asked == Asked::Swipe)
    }

    /// Another card has come, or none is wanted any more.
    pub(crate) fn cancel_swipe(&mut self) {
        if self.is_swipe_wanted() {
            self.ask(Asked::CancelPrompt, VaultRequest::CancelSwipe, 0);
        }
    }

    /// The stripe reader came or went.
    pub(crate) fn stripe_reader_changed(&mut self) {
        if self.active.as_ref().is_some_and(|active| active.step == Step::WaitingCard) {
            self.wait_for_card();
        }
    }

    pub(crate) fn swipe_reply(&mut self, reply: Reply) {
        // One that comes after another card is nobody's.
        if self.active.as_ref().is_none_or(|active| active.step != Step::WaitingCard) {
            return;
        }
        match reply {
            Reply::Swipe(Swipe::Swiped(typed)) => self.swiped(&typed),
            // The card is still waited for.
            Reply::Swipe(Swipe::TimedOut | Swipe::Cancelled) => self.want_swipe(),
            // The reader's own word tells when it is there again.
            _ => {}
        }
    }

    fn swiped(&mut self, typed: &Secret) {
        if !self.takes_swipes() {
            return self.wait_for_card();
        }
        let read = std::str::from_utf8(typed.expose()).ok().map(Stripe::from_typed);
        let Some(Ok(stripe)) = read else { return self.wait_with(Prompt::SwipeAgain) };
        let fallback = stripe.service_code().has_chip();
        if fallback && !self.is_fallback_open() {
            return self.wait_with(Prompt::UseChip);
        }
        if self.in_force.blocks(stripe.pan().reveal()) {
            return self.abort(Outcome::Declined, Cause::CardOnBlacklist);
        }
        if self.is_another_card(stripe.pan().reveal()) {
            return self.abort(Outcome::Failed, Cause::CardDiffers);
        }
        if fallback {
            self.chip_failed_at = None;
        }
        let Some(active) = self.active.as_mut() else { return };
        let pays = active.card == CardUse::Full;
        active.swiped = Some(Box::new(Swiped { stripe, fallback }));
        if pays { self.ask_stripe_pin() } else { self.seal_stripe() }
    }

    /// The PIN of a stripe is always asked for, and may be passed over where the service code does not want it.
    fn ask_stripe_pin(&mut self) {
        let swiped = self.active.as_ref().and_then(|active| active.swiped.as_deref());
        let Some((pan, required)) = swiped.and_then(|swiped| {
            let pan = Digits::new(swiped.stripe.pan().reveal())?;
            Some((pan, swiped.stripe.service_code().requires_pin()))
        }) else {
            return self.abort(Outcome::Failed, Cause::CardFault);
        };
        let deadline = self.settings.deadlines.pin;
        let prompt = PinPrompt { bypass: !required, ..self.pin_prompt(None) };
        self.step(Step::Pin, State::WaitingPin, Prompt::EnterPin, Some(deadline));
        self.ask(Asked::OnlinePin, VaultRequest::EnterOnlinePin { prompt, pan }, deadline);
    }

    /// What came of the PIN prompt. `false` where no card was swiped.
    pub(crate) fn stripe_pin(&mut self, entry: PinEntry) -> bool {
        let active = self.active.as_ref();
        let Some(swiped) = active.and_then(|active| active.swiped.as_deref()) else { return false };
        if entry == PinEntry::PadMissing && swiped.stripe.service_code().requires_pin() {
            self.abort(Outcome::Failed, Cause::PinPadFault);
        } else {
            self.seal_stripe();
        }
        true
    }

    fn seal_stripe(&mut self) {
        self.step(Step::Sealing, State::ReadingCard, Prompt::PleaseWait, None);
        self.seal_card();
    }

    /// The chip in the contact reader could not be read.
    pub(crate) fn chip_failed(&mut self) {
        if self.active.as_ref().is_some_and(|active| active.slot == Slot::Contact && !active.sent) {
            self.chip_failed_at = Some(self.now.monotonic_ms);
        }
    }

    /// Whether a card with a chip may be swiped now.
    fn is_fallback_open(&self) -> bool {
        let window = self.profile().stripe.fallback.map(|fallback| u64::from(fallback.window_s) * 1_000);
        let failed = self.chip_failed_at;
        window.zip(failed).is_some_and(|(window, at)| self.now.monotonic_ms.saturating_sub(at) <= window)
    }
}

/// Whether a chip that ended so could not be read. What a card refuses it refuses as its issuer wants.
pub(crate) fn is_technical(reason: &Reason) -> bool {
    !matches!(reason, Reason::CardLost | Reason::OutOfTurn | Reason::Transaction(_) | Reason::Status { .. })
}

#[cfg(test)]
mod tests;
