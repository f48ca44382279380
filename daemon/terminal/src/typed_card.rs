//! A card that is not there: its number and expiry are typed on the PIN pad, and go no further than a seal and a message.

use crate::{
    forward::to_seal,
    prompt::Prompt,
    sale::{Recorded, Step},
    state::{Cause, Outcome, State},
    terminal::{Asked, Terminal},
};
use posd_vault_protocol::{CardPrompt, EnteredCard, Refusal, Reply, Request as VaultRequest};

/// Card numbers typed wrong after which the transaction ends.
const TRIES: u32 = 3;

impl Terminal {
    pub(crate) fn ask_card_number(&mut self) {
        let amount = self.active.as_ref().and_then(|a| self.live.get(&a.id)).map(|live| live.attempt.amount);
        // Two prompts.
        let timeout = self.settings.deadlines.pin.saturating_mul(2);
        let prompt = CardPrompt {
            timeout_ms: u32::try_from(timeout).unwrap_or(u32::MAX),
            amount: amount.map_or(0, crate::Amount::minor),
            currency: amount.map_or(0, |amount| amount.currency().numeric()),
        };
        self.step(Step::Typing, State::WaitingCard, Prompt::TypeCard, Some(timeout));
        self.ask(Asked::CardNumber, VaultRequest::EnterCard { prompt }, timeout);
    }

    pub(crate) fn card_number(&mut self, reply: Reply) {
        match reply {
            Reply::EnteredCard(EnteredCard::Entered { pan, expiry }) => {
                let clear = to_seal(pan.expose(), expiry.expose());
                let masked = posd_receipt::mask(pan.expose());
                let Some(active) = self.active.as_mut() else { return };
                let known = active.recorded.as_ref().and_then(|recorded| recorded.masked_pan.as_ref());
                if known.is_some_and(|known| *known != masked) {
                    return self.abort(Outcome::Failed, Cause::CardDiffers);
                }
                active.recorded = Some(Recorded {
                    sealed: None,
                    masked_pan: Some(masked),
                    application_label: None,
                    charged: None,
                    clear: None,
                });
                self.step(Step::Sealing, State::ReadingCard, Prompt::PleaseWait, None);
                self.unsealed(clear);
            }
            Reply::EnteredCard(EnteredCard::BadNumber | EnteredCard::BadExpiry) => {
                let Some(active) = self.active.as_mut() else { return };
                active.mistyped += 1;
                if active.mistyped < TRIES {
                    self.ask_card_number();
                } else {
                    self.abort(Outcome::Failed, Cause::CardMistyped);
                }
            }
            Reply::EnteredCard(EnteredCard::Cancelled) => {
                self.abort(Outcome::Cancelled, Cause::CancelledByCustomer);
            }
            Reply::EnteredCard(EnteredCard::TimedOut) => self.abort(Outcome::TimedOut, Cause::NoCard),
            Reply::EnteredCard(EnteredCard::PadMissing) | Reply::Refused(Refusal::PadBusy) => {
                self.abort(Outcome::Failed, Cause::PinPadFault);
            }
            _ => self.abort(Outcome::Failed, Cause::SecureModuleLost),
        }
    }
}
