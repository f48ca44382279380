//! One sale at the reader: from the queue to the card's last word, and the way out.
//!
//! The card and its kernel are in `card_session.rs`, the steps of a sale that needs the host in `authorise.rs`. Whatever
//! ends a sale commits its outcome first, then winds the devices down, and only then calls it finished (rule 4, the
//! abort contract).

use crate::{
    event::{Effect, Timer},
    forward::Due,
    kinds::{self, CardUse, Rule, Silence},
    original::card_use,
    prompt::Prompt,
    record::{CardKey, Original, OriginalName, Records, Sealed, TransactionId, Write},
    state::{Cause, Outcome, State},
    stored::Storing,
    swipe::Swiped,
    tap::Taps,
    terminal::{Asked, Live, Terminal},
};
use posd_emv::kernel::{Input, Kernel};
use posd_receipt::Copy;
use posd_unionpay::{Kind, qr::PaymentCode};
use posd_vault_protocol::{DeviceState, Refusal, Reply, Request as VaultRequest, Secret, Slot};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// Where the running sale stands, finer than the state its owner sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Older reversals and advices are tried first.
    Clearing,
    /// The supervisor types the password.
    Supervisor,
    /// Waits for a card.
    WaitingCard,
    /// The card's number and expiry are being typed.
    Typing,
    /// Waits for the customer's code.
    WaitingCode,
    /// The card is being powered on.
    PoweringOn,
    /// Talks with the card, before the request or after the answer.
    Card,
    /// The cardholder chooses or confirms.
    Choosing,
    /// A PIN is being entered.
    Pin,
    /// The vault opens the original's card data, or seals the card data for the intent.
    Sealing,
    /// The journal is asked to store an offline sale.
    Storing,
    /// The request is being made, or is out.
    Authorizing,
    /// The host knows of a wallet payment: it is asked whether it is paid, or it is ended.
    Paying,
    /// The outcome is durable; prompt and card are being put away.
    WindingDown,
    /// The merchant checks the signature.
    Signature,
    /// The card is to be taken out.
    Removal,
}

/// The sale that has the reader.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) id: TransactionId,
    pub(crate) step: Step,
    /// What was tried to be delivered before this sale.
    pub(crate) tried: BTreeSet<Due>,
    pub(crate) kernel: Option<Box<Kernel>>,
    /// The reader at which the card is, or was last.
    pub(crate) slot: Slot,
    pub(crate) taps: Taps,
    /// The card that was swiped.
    pub(crate) swiped: Option<Box<Swiped>>,
    /// The card is powered, or is being.
    pub(crate) powered: bool,
    /// The sale has spoken, or tried to speak, to a card.
    pub(crate) met_card: bool,
    /// Offline PIN prompts so far.
    pub(crate) pin_prompts: u32,
    /// The enciphered PIN block of field 52.
    pub(crate) pin_block: Option<Zeroizing<Vec<u8>>>,
    /// The customer's payment code, from its reading to the request.
    pub(crate) code: Option<PaymentCode>,
    /// Until when the customer may pay with the code that is shown, by the monotonic clock.
    pub(crate) code_until: Option<u64>,
    /// What the intent will hold, from its sealing to its commit.
    pub(crate) intent: Option<Intent>,
    /// Wrong passwords of the supervisor so far.
    pub(crate) wrong_passwords: u32,
    /// Card numbers typed wrong so far.
    pub(crate) mistyped: u32,
    /// Where the card's data comes from.
    pub(crate) card: CardUse,
    /// What is known of the card without reading it.
    pub(crate) recorded: Option<Recorded>,
    /// Card and terminal have approved it without the host.
    pub(crate) approved: Option<posd_emv::kernel::Outcome>,
    /// The key by which offline sales of the card are counted.
    pub(crate) card_key: Option<CardKey>,
    /// The card's data for the advice of an offline sale.
    pub(crate) sealed: Option<Sealed>,
    /// What is stored to be told later, on its way into the journal.
    pub(crate) storing: Option<Box<Storing>>,
    /// What the request was made of, once it may have left.
    pub(crate) committed: Option<Box<(Original, Sealed)>>,
    /// The intent is durable: past the point of no return.
    pub(crate) sent: bool,
    /// What the host said, once it did.
    pub(crate) heard: Option<crate::authorise::Heard>,
    /// The outcome is committed.
    pub(crate) decided: bool,
    /// The cardholder has to sign.
    pub(crate) signature: bool,
    /// The copies that are printed once a signature on the screen is there, or will not come.
    pub(crate) copies_to_sign: Vec<Copy>,
}

/// What becomes durable before the request leaves.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) original: Original,
    pub(crate) card: Sealed,
    pub(crate) masked_pan: Option<String>,
    pub(crate) application_label: Option<String>,
}

/// The card of an original, as its record has it, or one whose number was typed.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The sealed data, and the original, which it is bound to.
    pub(crate) sealed: Option<(Sealed, TransactionId)>,
    pub(crate) masked_pan: Option<String>,
    pub(crate) application_label: Option<String>,
    /// What the original moved, in minor units.
    pub(crate) charged: Option<u64>,
    /// Expiry and PAN, from their opening or typing to the request.
    pub(crate) clear: Option<Secret>,
}

impl Active {
    fn new(id: TransactionId) -> Active {
        Active {
            id,
            step: Step::Clearing,
            tried: BTreeSet::new(),
            kernel: None,
            slot: Slot::Contact,
            taps: Taps::default(),
            swiped: None,
            powered: false,
            met_card: false,
            pin_prompts: 0,
            pin_block: None,
            code: None,
            code_until: None,
            intent: None,
            wrong_passwords: 0,
            mistyped: 0,
            card: CardUse::Full,
            recorded: None,
            approved: None,
            card_key: None,
            sealed: None,
            storing: None,
            committed: None,
            sent: false,
            heard: None,
            decided: false,
            signature: false,
            copies_to_sign: Vec::new(),
        }
    }

    /// Whether the outcome is durable.
    pub(crate) fn is_decided(&self) -> bool {
        self.decided
    }

    /// The kernel whose card has a part in what follows the host's answer.
    pub(crate) fn completing_kernel(&self) -> Option<&Kernel> {
        self.kernel.as_deref().filter(|_| self.card == CardUse::Full)
    }
}

impl Terminal {
    /// Gives the reader to the first in the queue.
    pub(crate) fn begin_next(&mut self) {
        while self.active.is_none() && self.login.is_none() {
            let Some(id) = self.queue.pop_front() else { return };
            self.active = Some(Active::new(id));
            self.yield_download();
            self.enter(id, State::Queued, Prompt::PleaseWait, None);
            self.report_queue();
            if self.vault.is_none() {
                self.abort(Outcome::Failed, Cause::SecureModuleLost);
            }
        }
    }

    /// Tells each owner in the queue its position.
    pub(crate) fn report_queue(&mut self) {
        for (place, id) in self.queue.clone().into_iter().enumerate() {
            let position = u32::try_from(place + 1).unwrap_or(u32::MAX);
            if let Some(live) = self.live.get_mut(&id).filter(|live| live.queue_position != position) {
                live.queue_position = position;
                self.report(id);
            }
        }
    }

    /// Everything older was tried: the sale goes on to the card. `false` where no sale waits for that.
    pub(crate) fn leave_queue(&mut self, records: &dyn Records) -> bool {
        if !self.is_clearing() {
            return false;
        }
        if self.pending_reversals() > 0 {
            self.abort(Outcome::Failed, Cause::ReversalPending);
        } else if !self.device.signed_in {
            self.abort(Outcome::Failed, Cause::KeyFault);
        } else {
            self.meet_original(records);
        }
        true
    }

    /// The row of the running transaction's kind.
    pub(crate) fn active_rule(&self) -> Option<&'static Rule> {
        let id = self.active.as_ref()?.id;
        Some(kinds::rule(self.live.get(&id)?.attempt.kind))
    }

    /// The original is still as it was when the transaction was made; then the supervisor is asked, or the card.
    pub(crate) fn meet_original(&mut self, records: &dyn Records) {
        let Some(id) = self.active.as_ref().map(|active| active.id) else { return };
        let Some(attempt) = self.live.get(&id).map(|live| live.attempt.clone()) else { return };
        let rule = kinds::rule(attempt.kind);
        let Ok(original) = self.original_of(&attempt, records) else {
            return self.abort(Outcome::Failed, Cause::OriginalChanged);
        };
        let card = card_use(rule, attempt.original.as_ref(), original.as_ref());
        if let (Some(original), Some(live)) = (original.as_ref(), self.live.get_mut(&id)) {
            live.attempt.wallet = original.wallet.clone();
            live.attempt.voucher = original.voucher.clone();
        }
        if let Some(active) = self.active.as_mut() {
            active.card = card;
            active.recorded = original.map(|original| Recorded {
                sealed: original.card.map(|card| (card, original.id)),
                masked_pan: original.masked_pan,
                application_label: original.application_label,
                charged: original.charged,
                clear: None,
            });
        }
        let reader = self.vault.as_ref().is_some_and(|status| status.reader == DeviceState::Ready);
        if card.needs_reader() && !reader {
            self.abort(Outcome::Failed, Cause::ReaderFault);
        } else if rule.supervisor
            || matches!(attempt.options.original, Some(OriginalName::External(_)))
            || self.offline_needs_supervisor(&attempt)
        {
            self.ask_supervisor();
        } else {
            self.present_card();
        }
    }

    /// Takes the card's data from where the kind has it.
    pub(crate) fn present_card(&mut self) {
        let Some(active) = self.active.as_ref() else { return };
        match active.card {
            CardUse::Full | CardUse::Read => return self.wait_for_card(),
            CardUse::Typed => return self.ask_card_number(),
            CardUse::ScannedCode => return self.wait_for_code(),
            CardUse::ShownCode => return self.make_code(),
            CardUse::Recorded => {}
        }
        let recorded = active.recorded.as_ref();
        let by_wallet = self.dialect_of(active.id).is_some();
        if by_wallet && recorded.is_some_and(|recorded| recorded.sealed.is_none()) {
            // It was paid with a code that the terminal showed.
            return self.sealed(Vec::new());
        }
        let Some((sealed, context)) = recorded.and_then(|recorded| recorded.sealed.clone()) else {
            return self.abort(Outcome::Failed, Cause::CardFault);
        };
        self.step(Step::Sealing, State::ReadingCard, Prompt::PleaseWait, None);
        self.ask(Asked::Unseal, VaultRequest::Open { sealed: sealed.0, context }, 0);
    }

    /// The card's data is there, and is sealed again for this transaction.
    pub(crate) fn unsealed(&mut self, clear: Secret) {
        let Some(active) = self.active.as_mut() else { return };
        let context = active.id;
        let again = Secret::new(clear.expose().to_vec());
        if let Some(recorded) = active.recorded.as_mut() {
            recorded.clear = Some(clear);
        }
        self.ask(Asked::Seal, VaultRequest::Seal { clear: again, context }, 0);
    }

    /// A delivery failed. The sale for whose sake it was begun ends, as nothing new may go online while a reversal is
    /// pending (rule 7). One that came while it was under way makes a try of its own.
    pub(crate) fn clearing_failed(&mut self) {
        if !self.is_clearing() || self.stale_try {
            return;
        }
        if self.pending_reversals() > 0 {
            self.abort(Outcome::Failed, Cause::ReversalPending);
        } else {
            // Only advices are open: they block nobody.
            let all: Vec<Due> = self.advices.iter().map(|a| Due::Advice(a.id)).collect();
            if let Some(active) = self.active.as_mut() {
                active.tried.extend(all);
            }
        }
    }

    /// Moves the running sale to a step and a state, with one deadline for both.
    pub(crate) fn step(&mut self, step: Step, state: State, prompt: Prompt, lasting: Option<u64>) {
        let Some(active) = self.active.as_mut() else { return };
        active.step = step;
        let id = active.id;
        self.effect(match lasting {
            Some(ms) => Effect::SetTimer(Timer::Step, ms),
            None => Effect::StopTimer(Timer::Step),
        });
        self.enter(id, state, prompt, lasting);
    }

    /// A reply of the vault to something that the running sale asked.
    pub(crate) fn sale_reply(&mut self, asked: Asked, reply: Reply, records: &dyn Records) {
        let Some(active) = self.active.as_mut() else { return };
        if active.decided {
            // It winds down; `go_on` sees when the last reply is in.
            return;
        }
        match (asked, reply) {
            (Asked::PowerOn, Reply::Atr(_)) => self.start_kernel(),
            (Asked::PowerOn, Reply::Refused(Refusal::NoCard | Refusal::CardRemoved)) => self.wait_for_card(),
            (Asked::PowerOn, Reply::Refused(Refusal::NoReader)) => {
                self.abort(Outcome::Failed, Cause::ReaderFault)
            }
            (Asked::PowerOn, _) => self.card_is_mute(),
            (Asked::Apdu, Reply::Card(response)) => self.resume(Input::Card(response)),
            (Asked::Apdu, reply) => {
                if matches!(reply, Reply::Refused(Refusal::CardMute)) {
                    self.chip_failed();
                }
                self.resume(Input::CardLost);
            }
            (Asked::Swipe, reply) => self.swipe_reply(reply),
            (Asked::OnlinePin, reply) => self.online_pin(reply),
            (Asked::OfflinePin, reply) => self.offline_pin(reply),
            (Asked::Seal, Reply::Sealed(sealed)) if active.approved.is_some() => self.sealed_offline(sealed),
            (Asked::Seal, Reply::Sealed(sealed)) => self.sealed(sealed),
            (Asked::CardKey, Reply::CardKey(key)) => self.count_card(CardKey(key), records),
            (Asked::Supervisor, reply) => self.supervisor_reply(reply),
            (Asked::Unseal, Reply::Opened(clear)) => self.unsealed(clear),
            (Asked::CardNumber, reply) => self.card_number(reply),
            (Asked::Unseal, Reply::Refused(Refusal::SealBroken)) => {
                self.abort(Outcome::Failed, Cause::CardFault);
            }
            (
                Asked::Seal | Asked::Unseal | Asked::CardKey,
                Reply::Refused(Refusal::NoStorageKey | Refusal::KeyMissing),
            ) => {
                self.abort(Outcome::Failed, Cause::KeyFault);
            }
            (Asked::Seal | Asked::Unseal | Asked::CardKey, _) => {
                self.abort(Outcome::Failed, Cause::SecureModuleLost)
            }
            _ => {}
        }
    }

    /// The running step's deadline passed.
    pub(crate) fn step_timer(&mut self) {
        let Some(active) = self.active.as_ref() else { return };
        match active.step {
            Step::WaitingCard => self.abort(Outcome::TimedOut, Cause::NoCard),
            Step::WaitingCode => self.abort(Outcome::TimedOut, Cause::NoCode),
            Step::Paying => self.closing_timer(),
            Step::Choosing => self.abort(Outcome::TimedOut, Cause::ChoiceTimeout),
            Step::PoweringOn | Step::Card if !active.sent => {
                self.chip_failed();
                self.abort(Outcome::Failed, Cause::CardFault);
            }
            Step::Card => {
                // The card does not complete in time: the connection to it is given up, and the sale is decided
                // without it.
                self.effect(Effect::ResetVault);
                self.vault_down();
            }
            Step::Signature => self.end_signature(),
            Step::Removal => self.finish(),
            // The pad ends a PIN prompt itself at this deadline; the vault's patience stands behind it.
            Step::Clearing
            | Step::Supervisor
            | Step::Typing
            | Step::PoweringOn
            | Step::Pin
            | Step::Sealing
            | Step::Storing
            | Step::Authorizing
            | Step::WindingDown => {}
        }
    }

    /// Ends the running sale before the point of no return: nothing is charged.
    pub(crate) fn abort(&mut self, outcome: Outcome, cause: Cause) {
        let Some(active) = self.active.as_ref() else { return };
        debug_assert!(!active.sent, "past the point of no return nothing aborts");
        let id = active.id;
        let write = self.decide(id, outcome, cause);
        self.effect(Effect::Commit(write.into_iter().collect()));
        self.wind_down();
    }

    /// Writes an outcome into a started transaction.
    pub(crate) fn decide(&mut self, id: TransactionId, outcome: Outcome, cause: Cause) -> Option<Write> {
        let ended = self.now.wall;
        let live = self.live.get_mut(&id)?;
        live.attempt.outcome = Some(outcome);
        live.attempt.cause = cause;
        live.attempt.ended = Some(ended);
        Some(live.record())
    }

    /// The outcome is durable: puts prompt and card away.
    pub(crate) fn wind_down(&mut self) {
        let Some(active) = self.active.as_mut() else { return };
        active.decided = true;
        active.step = Step::WindingDown;
        active.kernel = None;
        active.swiped = None;
        active.pin_block = None;
        active.code = None;
        active.intent = None;
        active.recorded = None;
        active.committed = None;
        let powered = std::mem::take(&mut active.powered);
        if self.exchange.as_ref().is_some_and(|e| matches!(e.purpose, crate::exchange::Purpose::Sale(_))) {
            self.exchange = None;
        }
        self.effect(Effect::StopTimer(Timer::Step));
        if self.vault.is_some() {
            if self.asked.values().any(|asked| asked.is_prompt()) {
                self.ask(Asked::CancelPrompt, VaultRequest::CancelPrompt, 0);
            }
            self.cancel_swipe();
            if powered {
                self.ask(Asked::PowerOff, VaultRequest::PowerOff, 0);
            }
        }
    }

    /// Ends a winding-down sale that has had its last reply: reader and PIN pad are idle. `false` where there is none.
    pub(crate) fn end_winding_down(&mut self) -> bool {
        let Some(active) = self.active.as_ref().filter(|active| active.step == Step::WindingDown) else {
            return false;
        };
        let idle = self.asked.values().all(|asked| !asked.is_of_sale());
        if !idle {
            return false;
        }
        if active.signature {
            let lasting = Some(self.settings.deadlines.signature);
            self.step(Step::Signature, State::WaitingSignature, Prompt::CheckSignature, lasting);
        } else {
            self.after_signature();
        }
        true
    }

    /// The signature is checked, drawn, or its time is over: the copies that waited for it are printed.
    pub(crate) fn end_signature(&mut self) {
        let Some(active) = self.active.as_mut() else { return };
        let (id, waiting) = (active.id, std::mem::take(&mut active.copies_to_sign));
        let jobs: Vec<_> = waiting.into_iter().map(|copy| self.new_job(id, copy, false)).collect();
        if !jobs.is_empty() {
            let mut writes = vec![Write::Device(self.device.clone())];
            writes.extend(jobs.iter().cloned().map(Write::PrintJob));
            self.effect(Effect::Commit(writes));
            for job in jobs {
                self.print(job);
            }
        }
        self.after_signature();
    }

    /// Nobody has to sign any more.
    fn after_signature(&mut self) {
        // A card that this sale never spoke to is in nobody's way.
        let met = self.active.as_ref().filter(|active| active.met_card).map(|active| active.slot);
        let status = self.vault.as_ref();
        if met == Some(Slot::Contactless) && status.is_some_and(|status| status.card_in_field) {
            self.stale_field = true;
        }
        if met == Some(Slot::Contact) && status.is_some_and(|status| status.card_present) {
            self.stale_card = true;
            self.step(
                Step::Removal,
                State::WaitingRemoval,
                Prompt::RemoveCard,
                Some(self.settings.deadlines.removal),
            );
        } else {
            self.finish();
        }
    }

    /// The reader is free.
    pub(crate) fn finish(&mut self) {
        let Some(active) = self.active.take() else { return };
        self.effect(Effect::StopTimer(Timer::Step));
        let unknown =
            self.live.get(&active.id).is_some_and(|live| live.attempt.outcome == Some(Outcome::Unknown));
        if unknown {
            let prompt =
                self.live.get(&active.id).map_or(Prompt::Resolving, |live| unknown_prompt(live.attempt.kind));
            self.enter(active.id, State::Resolving, prompt, None);
        } else {
            self.retire(active.id);
        }
    }

    /// The vault is gone. Before the point of no return the sale ends; after it, it is decided without the card.
    pub(crate) fn sale_without_vault(&mut self) {
        let Some(active) = self.active.as_mut() else { return };
        let powered = std::mem::take(&mut active.powered);
        match active.slot {
            Slot::Contact => self.stale_card |= active.met_card,
            Slot::Contactless => self.stale_field |= active.met_card,
        }
        match active.step {
            Step::WindingDown | Step::Signature => {}
            Step::Removal => self.finish(),
            // No card waits for the answer: the vault may be back before it comes.
            Step::Authorizing if active.sent && (active.completing_kernel().is_none() || !powered) => {}
            _ if active.sent => self.card_lost_after_sending(),
            _ => self.abort(Outcome::Failed, Cause::SecureModuleLost),
        }
    }

    /// Remembers a started transaction.
    pub(crate) fn start_live(&mut self, mut live: Live, connection: u64) {
        live.connection = Some(connection);
        let id = live.attempt.id;
        live.attempt.operator = self.operator.clone();
        self.live.insert(id, live);
        self.queue.push_back(id);
    }
}

/// What to do about an outcome of a kind that is not known.
pub(crate) fn unknown_prompt(kind: Kind) -> Prompt {
    match kinds::rule(kind).silence {
        Silence::Ask => Prompt::ResolveByHand,
        Silence::Reverse | Silence::Fail | Silence::Forward => Prompt::Resolving,
    }
}
