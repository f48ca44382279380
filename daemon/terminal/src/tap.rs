//! A card or a phone held to the contactless reader: when a tap is taken, and what follows from one that comes to
//! nothing before anything was sent.
//!
//! A tap that comes to nothing leaves nothing behind: its cryptogram is thrown away with its kernel (rule 11), and the
//! next tap, or the inserted card, is a fresh session of the same transaction.

use crate::{
    kinds::CardUse,
    prompt::Prompt,
    sale::Step,
    state::{Cause, Outcome, State},
    terminal::{Asked, Terminal},
};
use posd_emv::kernel::{Again, Input, Verdict, may_tap};
use posd_vault_protocol::{DeviceState, Request as VaultRequest, Slot};

/// So many torn taps of one transaction, and the card has to be inserted.
const MOST_TORN: u32 = 5;

/// What the running transaction knows of its taps.
#[derive(Debug)]
pub(crate) struct Taps {
    /// No tap is taken any more: the card is to be inserted.
    closed: bool,
    torn: u32,
    /// How the card is asked for.
    prompt: Prompt,
}

impl Default for Taps {
    fn default() -> Taps {
        Taps { closed: false, torn: 0, prompt: Prompt::TapOrInsertCard }
    }
}

impl Terminal {
    /// Whether a tap is taken for the running transaction.
    pub(crate) fn takes_taps(&self) -> bool {
        let Some(active) = self.active.as_ref() else { return false };
        let ready = self.vault.as_ref().is_some_and(|status| status.contactless == DeviceState::Ready);
        // An offline sale is one of the contact card: electronic cash is not taken.
        ready
            && !active.taps.closed
            && active.card == CardUse::Full
            && !self.sells_offline()
            && self.card_transaction(active.id, 1).is_some_and(|of| may_tap(&self.in_force.card, &of))
    }

    /// Waits for a card, and says how.
    pub(crate) fn wait_with(&mut self, prompt: Prompt) {
        self.step(Step::WaitingCard, State::WaitingCard, prompt, Some(self.settings.deadlines.card));
        self.want_swipe();
    }

    /// How the card is asked for.
    pub(crate) fn card_prompt(&self) -> Prompt {
        match &self.active {
            _ if self.stale_card => Prompt::RemoveCard,
            Some(active) if self.takes_taps() => match active.taps.prompt {
                Prompt::TapOrInsertCard if self.takes_swipes() => Prompt::TapInsertOrSwipeCard,
                prompt => prompt,
            },
            _ if self.takes_swipes() => Prompt::InsertOrSwipeCard,
            _ => Prompt::InsertCard,
        }
    }

    /// What is said while the card is read, or has no more part in it.
    pub(crate) fn reading_prompt(&self) -> Prompt {
        match &self.active {
            Some(active) if active.slot == Slot::Contact => Prompt::LeaveCard,
            Some(active) if active.powered => Prompt::HoldCard,
            _ => Prompt::PleaseWait,
        }
    }

    /// Nobody can tell which of them is to pay.
    pub(crate) fn several_cards(&mut self) {
        let waiting = self.active.as_ref().is_some_and(|active| active.step == Step::WaitingCard);
        if waiting && !self.stale_card && self.takes_taps() {
            self.wait_with(Prompt::OneCardOnly);
        }
    }

    /// The tapped card has given all that is wanted of it: it is let go before anything slow is done.
    pub(crate) fn release_card(&mut self) {
        self.let_go();
        self.step(Step::Card, State::ReadingCard, Prompt::CardRead, Some(self.settings.deadlines.reading));
        self.resume(Input::Released);
    }

    /// Powers the card off. One that stays in the field is not taken for the next.
    fn let_go(&mut self) {
        let Some(active) = self.active.as_mut() else { return };
        if std::mem::take(&mut active.powered) {
            self.ask(Asked::PowerOff, VaultRequest::PowerOff, 0);
        }
        self.stale_field = self.vault.as_ref().is_some_and(|status| status.card_in_field);
    }

    /// A tap has ended before anything was sent. `true` where the card is asked for once more.
    pub(crate) fn ask_again(&mut self, verdict: &Verdict) -> bool {
        let Some(active) = self.active.as_mut() else { return false };
        if active.slot != Slot::Contactless || active.sent {
            return false;
        }
        match verdict {
            Verdict::TryAgain(Again::SeeDevice) => active.taps.prompt = Prompt::SeeDevice,
            Verdict::TryAgain(Again::Torn | Again::SameCard) if active.taps.torn < MOST_TORN => {
                active.taps.torn += 1;
                active.taps.prompt = Prompt::TapAgain;
            }
            Verdict::TryAgain(Again::Torn | Again::SameCard) | Verdict::AnotherInterface => {
                active.taps.closed = true;
            }
            _ => return false,
        }
        active.kernel = None;
        active.pin_block = None;
        self.let_go();
        self.wait_for_card();
        true
    }

    /// The card does not answer when it gets power: one that is held badly is asked for once more.
    pub(crate) fn card_is_mute(&mut self) {
        if !self.ask_again(&Verdict::TryAgain(Again::Torn)) {
            self.chip_failed();
            self.abort(Outcome::Failed, Cause::CardFault);
        }
    }
}
