//! The running transaction's card: how it comes and goes, and the kernel that talks with it.

use crate::{
    event::Effect,
    kinds::{self, CardUse},
    prompt::Prompt,
    record::TransactionId,
    sale::{Active, Step},
    state::{Cause, Outcome, State},
    swipe::is_technical,
    terminal::{Asked, Terminal},
};
use posd_emv::kernel::{
    Action, Candidate, Input, Kernel, OfflineApproval, OfflinePin as CardPin, OfflinePinResult, PinEntry,
    Purpose as CardPurpose, Reason, Refusal as CardRefusal, Transaction as CardTransaction,
    Verdict as CardVerdict,
};
use posd_unionpay::Kind;
use posd_vault_protocol::{
    Digits, OfflinePin, OnlinePin, PinPrompt, Refusal, Reply, Request as VaultRequest, Slot, VerifyMethod,
};
use std::sync::Arc;
use zeroize::Zeroizing;

impl Terminal {
    pub(crate) fn wait_for_card(&mut self) {
        let status = self.vault.as_ref();
        let inserted = status.is_some_and(|status| status.card_present);
        let tapped = status.is_some_and(|status| status.card_in_field);
        if inserted && !self.stale_card {
            return self.power_on(Slot::Contact);
        }
        if tapped && !self.stale_field && !self.stale_card && self.takes_taps() {
            return self.power_on(Slot::Contactless);
        }
        self.wait_with(self.card_prompt());
    }

    fn power_on(&mut self, slot: Slot) {
        self.cancel_swipe();
        if let Some(active) = self.active.as_mut() {
            active.slot = slot;
            active.powered = true;
            active.met_card = true;
        }
        let prompt = self.reading_prompt();
        self.step(Step::PoweringOn, State::ReadingCard, prompt, Some(self.settings.deadlines.reading));
        self.ask(Asked::PowerOn, VaultRequest::PowerOn { slot }, 0);
    }

    /// A card came or went.
    pub(crate) fn card_moved(&mut self, slot: Slot, present: bool) {
        let Some(active) = self.active.as_ref() else { return };
        match (active.step, slot, present) {
            (Step::WaitingCard, _, true) | (Step::WaitingCard, Slot::Contact, false) => self.wait_for_card(),
            (Step::Choosing | Step::Pin | Step::Sealing, slot, false)
                if active.powered && active.slot == slot =>
            {
                self.abort(Outcome::Failed, Cause::CardRemoved)
            }
            (Step::Removal, Slot::Contact, false) => self.finish(),
            // While a command is out its reply tells; once the request is out the kernel meets it at its next one.
            _ => {}
        }
    }

    /// The reader is gone.
    pub(crate) fn reader_lost(&mut self, slot: Slot) {
        let Some(active) = self.active.as_ref() else { return };
        match active.step {
            // The chip card reader is still there.
            Step::WaitingCard if slot == Slot::Contactless => self.wait_for_card(),
            Step::Removal if slot == Slot::Contactless => {}
            Step::Choosing | Step::Pin | Step::Sealing if active.slot != slot || !active.powered => {}
            Step::WaitingCard | Step::Choosing | Step::Pin | Step::Sealing => {
                self.abort(Outcome::Failed, Cause::ReaderFault);
            }
            Step::Removal => self.finish(),
            _ => {}
        }
    }

    pub(crate) fn pin_progress(&mut self, digits: u8) {
        let Some(active) = self.active.as_ref().filter(|active| active.step == Step::Pin) else { return };
        let id = active.id;
        if let Some(live) = self.live.get_mut(&id).filter(|live| live.pin_digits != digits) {
            live.pin_digits = digits;
            self.report(id);
        }
    }

    pub(crate) fn online_pin(&mut self, reply: Reply) {
        let entry = match reply {
            Reply::OnlinePin(OnlinePin::Entered(block)) => {
                if let Some(active) = self.active.as_mut() {
                    active.pin_block = Some(Zeroizing::new(block));
                }
                PinEntry::Entered
            }
            Reply::OnlinePin(OnlinePin::Bypassed) => PinEntry::Bypassed,
            Reply::OnlinePin(OnlinePin::PadMissing) => PinEntry::PadMissing,
            Reply::OnlinePin(OnlinePin::Cancelled) => {
                return self.abort(Outcome::Cancelled, Cause::CancelledByCustomer);
            }
            Reply::OnlinePin(OnlinePin::TimedOut) => return self.abort(Outcome::TimedOut, Cause::PinTimeout),
            Reply::Refused(Refusal::KeyMissing | Refusal::OtherAlgorithm) => {
                return self.abort(Outcome::Failed, Cause::KeyFault);
            }
            _ => return self.abort(Outcome::Failed, Cause::SecureModuleLost),
        };
        if !self.stripe_pin(entry) {
            self.back_to_card();
            self.resume(Input::OnlinePin(entry));
        }
    }

    pub(crate) fn offline_pin(&mut self, reply: Reply) {
        let result = match reply {
            Reply::OfflinePin(OfflinePin::Status(status)) => OfflinePinResult::Status(status),
            Reply::OfflinePin(OfflinePin::Bypassed) => OfflinePinResult::Bypassed,
            Reply::OfflinePin(OfflinePin::PadMissing) => OfflinePinResult::PadMissing,
            Reply::OfflinePin(OfflinePin::Cancelled) => {
                return self.abort(Outcome::Cancelled, Cause::CancelledByCustomer);
            }
            Reply::OfflinePin(OfflinePin::TimedOut) => {
                return self.abort(Outcome::TimedOut, Cause::PinTimeout);
            }
            Reply::OfflinePin(OfflinePin::CardRemoved) => {
                return self.abort(Outcome::Failed, Cause::CardRemoved);
            }
            _ => return self.abort(Outcome::Failed, Cause::SecureModuleLost),
        };
        self.back_to_card();
        self.resume(Input::OfflinePin(result));
    }

    pub(crate) fn back_to_card(&mut self) {
        let prompt = self.reading_prompt();
        self.step(Step::Card, State::ReadingCard, prompt, Some(self.settings.deadlines.reading));
    }

    /// What a kernel is told of a transaction, under a sequence counter.
    pub(crate) fn card_transaction(
        &self,
        id: TransactionId,
        sequence_counter: u32,
    ) -> Option<CardTransaction> {
        let attempt = &self.live.get(&id)?.attempt;
        let (kind, amount) = (attempt.kind, attempt.amount);
        let local = self.now.local;
        let offline = kinds::rule(kind).sells_offline();
        Some(CardTransaction {
            amount: amount.minor(),
            amount_other: 0,
            currency: amount.currency().numeric(),
            date: [local.year, u16::from(local.month), u16::from(local.day)].map(|part| (part % 100) as u8),
            time: [local.hour, local.minute, local.second],
            transaction_type: transaction_type(kind),
            purpose: if self.active.as_ref().is_some_and(|active| active.card == CardUse::Read) {
                CardPurpose::Read
            } else {
                CardPurpose::Authorise
            },
            sequence_counter,
            offline: if offline { OfflineApproval::First } else { OfflineApproval::Never },
        })
    }

    pub(crate) fn start_kernel(&mut self) {
        let Some(active) = self.active.as_ref() else { return };
        let (id, slot) = (active.id, active.slot);
        let counter = self.device.next_sequence_counter;
        self.device.next_sequence_counter = if counter >= 99_999_999 { 1 } else { counter + 1 };
        let Some(transaction) = self.card_transaction(id, counter) else { return };
        let offline = self.sells_offline();
        let card = if offline { self.offline_configuration() } else { Arc::clone(&self.in_force.card) };
        let mut kernel = Box::new(match slot {
            Slot::Contact => Kernel::new(card, transaction),
            // Nothing is paid offline at a tap, so no torn one can have paid.
            Slot::Contactless => Kernel::tap(&card, transaction, None),
        });
        let action = kernel.start();
        if let Some(active) = self.active.as_mut() {
            active.step = Step::Card;
            active.kernel = Some(kernel);
        }
        self.act(action);
    }

    pub(crate) fn random(&mut self, random: [u8; 8]) {
        if self.active.as_ref().is_some_and(|active| !active.decided && active.step == Step::Card) {
            self.resume(Input::Random(random));
        }
    }

    /// Hands the kernel its answer and does what it wants next.
    pub(crate) fn resume(&mut self, input: Input) {
        let Some(kernel) = self.active.as_mut().and_then(|active| active.kernel.as_mut()) else { return };
        let action = kernel.resume(input);
        self.act(action);
    }

    fn act(&mut self, action: Action) {
        if self.is_blacklisted() {
            return self.abort(Outcome::Declined, Cause::CardOnBlacklist);
        }
        if self.is_not_taken_offline() {
            return self.abort(Outcome::Declined, Cause::OfflineBrand);
        }
        match action {
            Action::Transmit(apdu) => self.ask(Asked::Apdu, VaultRequest::Transmit { apdu }, 0),
            Action::DrawRandom => self.effect(Effect::DrawRandom),
            Action::Choose(candidates) => {
                self.offer(&candidates, State::SelectingApplication, Prompt::ChooseApplication);
            }
            Action::Confirm(candidate) => {
                self.offer(&[candidate], State::WaitingConfirmation, Prompt::ConfirmApplication);
            }
            Action::ReleaseCard => self.release_card(),
            Action::LookUpCard => self.look_up_card(),
            Action::EnterOnlinePin => self.ask_online_pin(),
            Action::VerifyOfflinePin { pin, tries_left } => self.ask_offline_pin(pin, tries_left),
            Action::GoOnline(request) => self.go_online(request),
            Action::Finished(outcome) => self.card_finished(outcome),
        }
    }

    /// Whether the card, as soon as it has told its number, is one that must not be taken. One that still has to be asked
    /// for a cryptogram is left to the kernel, which has the card decline too.
    fn is_blacklisted(&self) -> bool {
        let ends_here = |active: &&Active| {
            !active.sent && (active.slot == Slot::Contactless || active.card == CardUse::Read)
        };
        let active = self.active.as_ref().filter(ends_here);
        let pan = active.and_then(|active| active.kernel.as_ref()).and_then(|kernel| kernel.pan());
        pan.is_some_and(|pan| self.in_force.blocks(&pan))
    }

    fn offer(&mut self, candidates: &[Candidate], state: State, prompt: Prompt) {
        let Some(id) = self.active.as_ref().map(|active| active.id) else { return };
        if let Some(live) = self.live.get_mut(&id) {
            live.candidates = candidates.iter().map(|candidate| candidate.label.clone()).collect();
        }
        self.step(Step::Choosing, state, prompt, Some(self.settings.deadlines.choice));
    }

    pub(crate) fn pin_prompt(&self, tries_left: Option<u8>) -> PinPrompt {
        let amount = self.active.as_ref().and_then(|a| self.live.get(&a.id)).map(|live| live.attempt.amount);
        PinPrompt {
            minimum: 4,
            maximum: self.profile().pin_maximum,
            bypass: true,
            timeout_ms: u32::try_from(self.settings.deadlines.pin).unwrap_or(u32::MAX),
            amount: amount.map_or(0, crate::Amount::minor),
            currency: amount.map_or(0, |amount| amount.currency().numeric()),
            tries_left,
        }
    }

    fn ask_online_pin(&mut self) {
        let pan =
            self.active.as_ref().and_then(|active| active.kernel.as_ref()).and_then(|kernel| kernel.pan());
        let Some(pan) = pan.and_then(|pan| Digits::new(&pan)) else {
            return self.resume(Input::OnlinePin(PinEntry::PadMissing));
        };
        let deadline = self.settings.deadlines.pin;
        let prompt = self.pin_prompt(None);
        self.step(Step::Pin, State::WaitingPin, Prompt::EnterPin, Some(deadline));
        self.ask(Asked::OnlinePin, VaultRequest::EnterOnlinePin { prompt, pan }, deadline);
    }

    fn ask_offline_pin(&mut self, pin: CardPin, tries_left: Option<u8>) {
        let Some(active) = self.active.as_mut() else { return };
        active.pin_prompts += 1;
        let text = match (active.pin_prompts, tries_left) {
            (_, Some(1)) => Prompt::LastPinTry,
            (1, _) => Prompt::EnterPin,
            _ => Prompt::WrongPinAgain,
        };
        let deadline = self.settings.deadlines.pin;
        let prompt = self.pin_prompt(tries_left);
        self.step(Step::Pin, State::WaitingPin, text, Some(deadline));
        let method = match pin {
            CardPin::Plaintext => VerifyMethod::Plaintext,
            CardPin::Enciphered { modulus, exponent } => VerifyMethod::Enciphered { modulus, exponent },
        };
        self.ask(Asked::OfflinePin, VaultRequest::VerifyOfflinePin { prompt, method }, deadline);
    }

    /// What a sale's end before the request means.
    pub(crate) fn ended_at_card(&mut self, verdict: &CardVerdict) -> (Outcome, Cause) {
        match verdict {
            CardVerdict::Approved | CardVerdict::Declined | CardVerdict::Read => {
                (Outcome::Declined, Cause::DeclinedByCard)
            }
            CardVerdict::NotAccepted(refusal) => match refusal {
                CardRefusal::CardBlocked | CardRefusal::ApplicationBlocked => {
                    (Outcome::Failed, Cause::CardBlocked)
                }
                CardRefusal::NoCommonApplication | CardRefusal::ConfirmationImpossible => {
                    (Outcome::Failed, Cause::NoApplication)
                }
                CardRefusal::Refused => (Outcome::Cancelled, Cause::CancelledByCustomer),
                CardRefusal::ServiceNotAllowed => (Outcome::Declined, Cause::DeclinedByCard),
            },
            // Only a tap ends so.
            CardVerdict::AnotherInterface => (Outcome::Failed, Cause::NoApplication),
            CardVerdict::TryAgain(_) | CardVerdict::Terminated(Reason::CardLost) => {
                (Outcome::Failed, Cause::CardRemoved)
            }
            CardVerdict::Terminated(reason) => {
                if is_technical(reason) {
                    self.chip_failed();
                }
                (Outcome::Failed, Cause::CardFault)
            }
        }
    }
}

/// 9C is what field 3 begins with.
fn transaction_type(kind: Kind) -> u8 {
    let digits = kind.row().processing.get(..2);
    digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or_default()
}
