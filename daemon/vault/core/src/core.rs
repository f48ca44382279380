//! The core itself: one event in, orders out.

use std::collections::VecDeque;

use posd_vault_protocol::{
    DeviceState, EnteredCard, Notice, OfflinePin, OnlinePin, OperatorChange, PasswordCheck, Refusal, Reply,
    Request, Secret, Slot, Status, Swipe, VERSION,
};
use zeroize::Zeroizing;

use crate::{
    Input, Key, KeyRefusal, KeyReply, Operator, Output, PadPrompt, Random, Settings, StoreFault,
    card::{CardWork, Reader},
    ceremony::FirstComponent,
    change::{Renewal, Task},
    check::lock_of,
    crypto,
    held::{Held, wipe_stack},
    keys::Keys,
    password::Locks,
    prompt::{Prompt, Purpose},
    swipe::Wanted,
    table::Table,
    verify::{self, PinKey},
};

/// Name and version of sealed card data.
const SEALED: &[u8] = b"\x01";
/// The most that is sealed at once, in bytes.
const MAXIMUM_SEALED: usize = 512;

/// The secure module's state. See [`Core::handle`].
pub struct Core {
    pub(crate) settings: Settings,
    storage_key: Option<Held<32>>,
    unreadable: bool,
    pub(crate) keys: Keys,
    storing: VecDeque<Storing>,
    tries_unsaved: bool,
    pub(crate) locks: Locks,
    pub(crate) random: Random,
    pub(crate) contact: Reader,
    pub(crate) contactless: Reader,
    pub(crate) stripe_reader: DeviceState,
    pub(crate) pin_pad: DeviceState,
    /// The reader whose card was last asked to be powered on.
    pub(crate) slot: Slot,
    /// That card is on.
    pub(crate) powered: bool,
    link: Link,
    pub(crate) card_work: Option<CardWork>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) swipe: Option<Wanted>,
    pub(crate) first: Option<FirstComponent>,
    pub(crate) out: Vec<Output>,
    wake: Option<u64>,
}

/// `posd`'s connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Closed,
    /// Connected, but the versions are not yet compared.
    Open,
    Greeted,
}

/// What becomes of the keys once they are stored, and who is told.
struct Storing {
    keys: Keys,
    then: Then,
}

pub(crate) enum Then {
    /// Only wrong tries were counted, or a password was found to be the initial one.
    Tries,
    /// Whoever waited is gone.
    Nobody,
    /// `posd` waits for its work keys.
    WorkKeys(u32),
    /// `posd` waits for the first sealing.
    Seal(u32, Secret, u64),
    /// `posd` waits for a change of the operator table; one of them is freed of its wrong tries with it.
    Operators { id: Option<u32>, unlock: Option<Operator> },
    /// The custodians wait for their key.
    Master([u8; 3]),
}

/// Why a prompt ended without an entry.
#[derive(Clone, Copy)]
pub(crate) enum Ended {
    Cancelled,
    TimedOut,
    PadMissing,
    CardRemoved,
}

impl Core {
    /// Starts with what the last run stored. `storage_key` is 32 bytes (any other length counts as none);
    /// `store_blob` is the last [`Output::Store`], if there was one. `random` must fill its buffer from a
    /// cryptographically secure source.
    pub fn new(
        settings: Settings,
        storage_key: Option<Secret>,
        store_blob: Option<Vec<u8>>,
        random: Random,
    ) -> Core {
        let storage_key: Option<Held<32>> = storage_key.and_then(|key| Held::of(key.expose()));
        let opened = match (&storage_key, &store_blob) {
            (Some(key), Some(blob)) => Keys::open(key, blob),
            _ => Some(Keys::default()),
        };
        wipe_stack();
        let unreadable = opened.is_none();
        let mut keys = opened.unwrap_or_default();
        // Only where nothing was stored before.
        if store_blob.is_none() || (storage_key.is_some() && !unreadable) {
            keys.operators.get_or_insert_with(|| Table::first(&settings.operators));
        }
        Core {
            settings,
            storage_key,
            unreadable,
            keys,
            storing: VecDeque::new(),
            tries_unsaved: false,
            locks: Locks::default(),
            random,
            contact: Reader::MISSING,
            contactless: Reader::MISSING,
            stripe_reader: DeviceState::Missing,
            pin_pad: DeviceState::Missing,
            slot: Slot::Contact,
            powered: false,
            link: Link::Closed,
            card_work: None,
            prompt: None,
            swipe: None,
            first: None,
            out: Vec::new(),
            wake: None,
        }
    }

    /// Whether the stored blob was there but could not be opened with this storage key. No key is accepted then, so
    /// that the stored ones are not overwritten by mistake, and no operator is known.
    pub fn store_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Devices and keys as they stand.
    pub fn status(&self) -> Status {
        let check_value = |key: &[u8]| crypto::check_value(self.keys.algorithm, key);
        Status {
            reader: self.contact.state,
            contactless: self.contactless.state,
            stripe_reader: self.stripe_reader,
            pin_pad: self.pin_pad,
            card_present: self.contact.card_present,
            card_in_field: self.contactless.card_present,
            storage_key: self.can_store(),
            algorithm: self.keys.algorithm,
            master_key: self.keys.master.as_ref().and_then(|key| check_value(key)),
            pin_key: self.keys.pin.as_ref().and_then(|key| check_value(key)),
            mac_key: self.keys.mac.as_ref().and_then(|key| check_value(key)),
        }
    }

    /// Takes one event and gives the orders that follow from it, in the order to perform them. `now_ms` is a
    /// monotonic clock in milliseconds.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        self.locks.begin(now_ms);
        self.take(input, now_ms);
        self.plan_wake();
        wipe_stack();
        std::mem::take(&mut self.out)
    }

    #[inline(never)]
    fn take(&mut self, input: Input, now_ms: u64) {
        match input {
            Input::Connected => {
                self.disconnected();
                self.link = Link::Open;
            }
            Input::Disconnected => self.disconnected(),
            Input::Request(id, request) => self.request(id, request, now_ms),
            Input::Card(slot, present) => self.card(slot, present),
            Input::SeveralCards => self.several_cards(),
            Input::Reader(slot, state) => self.reader(slot, state),
            Input::StripeReader(state) => self.stripe_reader(state),
            Input::Swiped(typed) => self.swiped(typed, now_ms),
            Input::PinPad(state) => self.pad(state),
            Input::Powered(result) => self.powered_on(result),
            Input::Answered(result) => self.answered(result),
            Input::Key(key) => self.key(key, now_ms),
            Input::Stored(result) => self.stored(result),
            Input::Wake => self.woken(now_ms),
            Input::Custodian(request) => self.custodian(request, now_ms),
            Input::CustodianGone => {
                if self.prompt.as_ref().is_some_and(|prompt| prompt.purpose.is_custodians()) {
                    self.take_prompt();
                }
            }
        }
    }

    pub(crate) fn can_store(&self) -> bool {
        self.storage_key.is_some() && !self.unreadable
    }

    pub(crate) fn reply(&mut self, id: u32, reply: Reply) {
        self.out.push(Output::Reply(id, reply));
    }

    pub(crate) fn refuse(&mut self, id: u32, refusal: Refusal) {
        self.reply(id, Reply::Refused(refusal));
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        if self.link == Link::Greeted {
            self.out.push(Output::Notice(notice));
        }
    }

    fn plan_wake(&mut self) {
        let prompt = self.prompt.as_ref().map(Prompt::wake);
        let first = self.first.as_ref().map(FirstComponent::deadline);
        let swipe = self.swipe.as_ref().map(Wanted::deadline);
        let wake = prompt.into_iter().chain(first).chain(swipe).min();
        if wake != self.wake {
            self.wake = wake;
            self.out.push(wake.map_or(Output::NoWake, Output::WakeAt));
        }
    }

    fn woken(&mut self, now: u64) {
        self.wake = None;
        self.first.take_if(|first| first.deadline() <= now);
        if let Some(count) = self.prompt.as_mut().and_then(|prompt| prompt.progress(now)) {
            self.notice(Notice::PinProgress(count));
        }
        if self.prompt.as_ref().is_some_and(|prompt| prompt.timed_out(now)) {
            self.end_prompt(Ended::TimedOut);
        }
        self.end_late_swipe(now);
    }

    fn disconnected(&mut self) {
        if self.link == Link::Closed {
            return;
        }
        self.link = Link::Closed;
        if self.prompt.as_ref().is_some_and(|prompt| !prompt.purpose.is_custodians()) {
            self.take_prompt();
        }
        self.forget_swipe();
        if let Some(work) = &mut self.card_work {
            *work = CardWork::Abandoned;
        }
        for storing in &mut self.storing {
            match &mut storing.then {
                Then::WorkKeys(_) | Then::Seal(..) => storing.then = Then::Nobody,
                Then::Operators { id, .. } => *id = None,
                Then::Tries | Then::Nobody | Then::Master(_) => {}
            }
        }
        self.powered = false;
        self.out.push(Output::PowerOff);
    }

    fn request(&mut self, id: u32, request: Request, now: u64) {
        match (self.link, &request) {
            (Link::Closed, _) => return,
            (_, Request::Hello { version }) if *version == VERSION => {
                self.link = Link::Greeted;
                let status = self.status();
                self.reply(id, Reply::Status(status));
                self.notice(Notice::Card(Slot::Contact, self.contact.card_present));
                return self.notice(Notice::Card(Slot::Contactless, self.contactless.card_present));
            }
            (Link::Greeted, Request::Hello { .. }) | (Link::Open, _) => {
                return self.refuse(id, Refusal::Version);
            }
            (Link::Greeted, _) => {}
        }
        let Some(request) = self.operators_request(id, request, now) else { return };
        match request {
            Request::Hello { .. }
            | Request::CheckPassword { .. }
            | Request::ChangePassword { .. }
            | Request::AddOperator { .. }
            | Request::DeleteOperator { .. }
            | Request::ResetPassword { .. }
            | Request::ListOperators => {}
            Request::EnterCard { prompt } => self.enter_card(id, prompt, now),
            Request::Status => {
                let status = self.status();
                self.reply(id, Reply::Status(status));
            }
            Request::PowerOn { slot } => self.power_on(id, slot),
            Request::Transmit { apdu } => self.transmit(id, apdu),
            Request::PowerOff => {
                self.powered = false;
                self.out.push(Output::PowerOff);
                self.end_offline_prompt();
                self.reply(id, Reply::Done);
            }
            Request::EnterOnlinePin { prompt, pan } => {
                let long_enough = (13..=19).contains(&pan.expose().len());
                self.pin_prompt(
                    id,
                    prompt,
                    |core| {
                        if !long_enough {
                            return Err(Refusal::Malformed);
                        }
                        core.keys
                            .pin
                            .is_some()
                            .then_some(Purpose::OnlinePin { id, pan })
                            .ok_or(Refusal::KeyMissing)
                    },
                    now,
                );
            }
            Request::VerifyOfflinePin { prompt, method } => self.pin_prompt(
                id,
                prompt,
                |core| {
                    let key = match method {
                        posd_vault_protocol::VerifyMethod::Plaintext => None,
                        posd_vault_protocol::VerifyMethod::Enciphered { modulus, exponent } => {
                            Some(PinKey::new(&modulus, &exponent).ok_or(Refusal::Malformed)?)
                        }
                    };
                    core.may_verify()?;
                    Ok(Purpose::OfflinePin { id, key })
                },
                now,
            ),
            Request::AwaitSwipe { timeout_ms } => self.await_swipe(id, timeout_ms, now),
            Request::CancelSwipe => {
                self.end_swipe(Swipe::Cancelled);
                self.reply(id, Reply::Done);
            }
            Request::CancelPrompt => {
                if self.prompt.as_ref().is_some_and(|prompt| !prompt.purpose.is_custodians()) {
                    self.end_prompt(Ended::Cancelled);
                }
                self.reply(id, Reply::Done);
            }
            Request::LoadWorkKeys { algorithm, pin_key, mac_key } => {
                if !self.can_store() {
                    return self.refuse(id, Refusal::NoStorageKey);
                }
                match self.keys.with_work_keys(algorithm, &pin_key, &mac_key) {
                    Ok(keys) => self.save(keys, Then::WorkKeys(id)),
                    Err(refusal) => self.refuse(id, refusal),
                }
            }
            Request::MakeMac { algorithm, input } => {
                let reply = self.mac(algorithm, &input).map_or_else(Reply::Refused, Reply::Mac);
                self.reply(id, reply);
            }
            Request::CheckMac { algorithm, input, mac } => {
                let reply = self.mac(algorithm, &input).map_or_else(Reply::Refused, |own| {
                    Reply::MacChecked(bool::from(subtle::ConstantTimeEq::ct_eq(&own[..], &mac[..])))
                });
                self.reply(id, reply);
            }
            Request::Seal { clear, context } => self.seal(id, clear, context),
            Request::CardKey { pan } => {
                let reply = match (&self.keys.data, self.can_store()) {
                    (_, false) => Reply::Refused(Refusal::NoStorageKey),
                    (None, true) => Reply::Refused(Refusal::KeyMissing),
                    (Some(key), true) => Reply::CardKey(crypto::card_key(key, pan.expose())),
                };
                self.reply(id, reply);
            }
            Request::Open { sealed, context } => {
                let reply = match (&self.keys.data, self.can_store()) {
                    (_, false) => Reply::Refused(Refusal::NoStorageKey),
                    (None, true) => Reply::Refused(Refusal::SealBroken),
                    (Some(key), true) => crypto::open(key, SEALED, &context.to_be_bytes(), &sealed)
                        .map_or(Reply::Refused(Refusal::SealBroken), |clear| {
                            Reply::Opened(Secret::new(clear.to_vec()))
                        }),
                };
                self.reply(id, reply);
            }
        }
    }

    fn mac(&self, algorithm: posd_vault_protocol::MacAlgorithm, input: &[u8]) -> Result<[u8; 8], Refusal> {
        if input.is_empty() {
            return Err(Refusal::Malformed);
        }
        let key = self.keys.mac.as_ref().ok_or(Refusal::KeyMissing)?;
        self.keys.must_be(algorithm.key_algorithm())?;
        crypto::mac(algorithm, key, input).ok_or(Refusal::KeyMissing)
    }

    fn seal(&mut self, id: u32, clear: Secret, context: u64) {
        if !(1..=MAXIMUM_SEALED).contains(&clear.expose().len()) {
            return self.refuse(id, Refusal::Malformed);
        }
        if !self.can_store() {
            return self.refuse(id, Refusal::NoStorageKey);
        }
        let Some(key) = &self.keys.data else {
            // The data key is stored before anything is sealed under it.
            let keys = self.keys_with_data_key(self.keys.clone());
            return self.save(keys, Then::Seal(id, clear, context));
        };
        let sealed = crypto::seal(key, SEALED, &context.to_be_bytes(), clear.expose(), self.random.as_mut());
        self.reply(id, sealed.map_or(Reply::Refused(Refusal::Malformed), Reply::Sealed));
    }

    /// The keys with a data key, a new one if there is none.
    pub(crate) fn keys_with_data_key(&mut self, mut keys: Keys) -> Keys {
        if keys.data.is_none() {
            (self.random)(keys.data.insert(Held::zero()));
        }
        keys
    }

    /// Stores the keys; they are used, and whoever waits is told, once they are durable. Only one change of keys is
    /// under way at a time.
    pub(crate) fn save(&mut self, keys: Keys, then: Then) {
        let free = self.storing.iter().all(|storing| matches!(storing.then, Then::Tries));
        let blob = match &self.storage_key {
            Some(storage) if free && !self.unreadable => keys.seal(storage, self.random.as_mut()),
            _ => None,
        };
        match blob {
            Some(blob) => {
                self.storing.push_back(Storing { keys, then });
                self.out.push(Output::Store(blob));
            }
            None => self.saved(then, Err(StoreFault)),
        }
    }

    fn stored(&mut self, result: Result<(), StoreFault>) {
        let Some(Storing { keys, then }) = self.storing.pop_front() else { return };
        if result.is_ok() && !matches!(then, Then::Tries) {
            // Tries counted while the store was busy are not taken back.
            let wrong_tries = std::mem::take(&mut self.keys.wrong_tries);
            self.keys = keys;
            self.keys.wrong_tries = wrong_tries;
        }
        self.saved(then, result);
        if self.tries_unsaved && self.storing.is_empty() {
            self.save_tries();
        }
    }

    pub(crate) fn save_tries(&mut self) {
        self.tries_unsaved = !self.storing.is_empty();
        if !self.tries_unsaved {
            self.save(self.keys.clone(), Then::Tries);
        }
    }

    fn saved(&mut self, then: Then, result: Result<(), StoreFault>) {
        match (then, result) {
            (Then::Tries | Then::Nobody, _) => {}
            (Then::WorkKeys(id), Ok(())) => self.reply(id, Reply::Done),
            (Then::Seal(id, clear, context), Ok(())) => self.seal(id, clear, context),
            (Then::WorkKeys(id) | Then::Seal(id, ..), Err(StoreFault)) => {
                self.refuse(id, Refusal::StoreFailed);
            }
            (Then::Operators { id, unlock }, Ok(())) => {
                if let Some(operator) = unlock {
                    self.unlock(&lock_of(operator));
                }
                if let Some(id) = id {
                    self.reply(id, Reply::Changed(OperatorChange::Done));
                }
            }
            (Then::Operators { id, .. }, Err(StoreFault)) => {
                if let Some(id) = id {
                    self.refuse(id, Refusal::StoreFailed);
                }
            }
            (Then::Master(check_value), Ok(())) => {
                self.out.push(Output::Custodian(KeyReply::Loaded { check_value }));
            }
            (Then::Master(_), Err(StoreFault)) => {
                self.out.push(Output::Custodian(KeyReply::Refused(KeyRefusal::StoreFailed)));
            }
        }
    }

    fn pin_prompt(
        &mut self,
        id: u32,
        asked: posd_vault_protocol::PinPrompt,
        purpose: impl FnOnce(&Core) -> Result<Purpose, Refusal>,
        now: u64,
    ) {
        let (minimum, maximum) = (usize::from(asked.minimum), usize::from(asked.maximum));
        // ISO 9564-1: 4 to 12 digits.
        if !(4 <= minimum && minimum <= maximum && maximum <= 12) {
            return self.refuse(id, Refusal::Malformed);
        }
        let purpose = match purpose(self) {
            Ok(purpose) => purpose,
            Err(refusal) => return self.refuse(id, refusal),
        };
        if self.prompt.is_some() {
            return self.refuse(id, Refusal::PadBusy);
        }
        let shown =
            PadPrompt::Pin { amount: asked.amount, currency: asked.currency, tries_left: asked.tries_left };
        let timeout = u64::from(asked.timeout_ms);
        self.begin(Prompt::new(purpose, shown, minimum..=maximum, timeout, now).with_bypass(asked.bypass));
    }

    /// Puts the prompt on the pad, or answers at once that there is none.
    pub(crate) fn begin(&mut self, prompt: Prompt) {
        let shown = prompt.shown;
        self.prompt = Some(prompt);
        self.out.push(Output::Prompt(Some(shown)));
        if self.pin_pad != DeviceState::Ready {
            self.end_prompt(Ended::PadMissing);
        }
    }

    /// Takes the prompt off the pad.
    pub(crate) fn take_prompt(&mut self) -> Option<Prompt> {
        let prompt = self.prompt.take()?;
        self.out.push(Output::Prompt(None));
        Some(prompt)
    }

    /// Ends the prompt without an entry and tells whoever waits.
    pub(crate) fn end_prompt(&mut self, ended: Ended) {
        let Some(prompt) = self.take_prompt() else { return };
        match prompt.purpose {
            Purpose::OnlinePin { id, .. } => self.reply(
                id,
                Reply::OnlinePin(match ended {
                    Ended::Cancelled | Ended::CardRemoved => OnlinePin::Cancelled,
                    Ended::TimedOut => OnlinePin::TimedOut,
                    Ended::PadMissing => OnlinePin::PadMissing,
                }),
            ),
            Purpose::OfflinePin { id, .. } => self.reply(
                id,
                Reply::OfflinePin(match ended {
                    Ended::Cancelled => OfflinePin::Cancelled,
                    Ended::TimedOut => OfflinePin::TimedOut,
                    Ended::PadMissing => OfflinePin::PadMissing,
                    Ended::CardRemoved => OfflinePin::CardRemoved,
                }),
            ),
            Purpose::Operator { id, task: Task::Check, .. } => self.reply(
                id,
                Reply::Password(match ended {
                    Ended::Cancelled | Ended::CardRemoved => PasswordCheck::Cancelled,
                    Ended::TimedOut => PasswordCheck::TimedOut,
                    Ended::PadMissing => PasswordCheck::PadMissing,
                }),
            ),
            Purpose::Operator { id, .. } | Purpose::NewPassword(Renewal { id, .. }) => self.reply(
                id,
                Reply::Changed(match ended {
                    Ended::Cancelled | Ended::CardRemoved => OperatorChange::Cancelled,
                    Ended::TimedOut => OperatorChange::TimedOut,
                    Ended::PadMissing => OperatorChange::PadMissing,
                }),
            ),
            Purpose::CardNumber { id } | Purpose::CardExpiry { id, .. } => self.reply(
                id,
                Reply::EnteredCard(match ended {
                    Ended::Cancelled | Ended::CardRemoved => EnteredCard::Cancelled,
                    Ended::TimedOut => EnteredCard::TimedOut,
                    Ended::PadMissing => EnteredCard::PadMissing,
                }),
            ),
            Purpose::Custodian { .. } | Purpose::Component { .. } | Purpose::CheckValue { .. } => {
                self.out.push(Output::Custodian(KeyReply::Refused(match ended {
                    Ended::Cancelled | Ended::CardRemoved => KeyRefusal::Cancelled,
                    Ended::TimedOut => KeyRefusal::TimedOut,
                    Ended::PadMissing => KeyRefusal::PadMissing,
                })));
            }
        }
    }

    fn pad(&mut self, state: DeviceState) {
        let changed = self.pin_pad != state;
        self.pin_pad = state;
        if state != DeviceState::Ready {
            self.end_prompt(Ended::PadMissing);
        }
        if changed {
            self.notice(Notice::PinPad(state));
        }
    }

    fn key(&mut self, key: Key, now: u64) {
        // Keys outside a prompt are thrown away.
        let Some(prompt) = &mut self.prompt else { return };
        if prompt.timed_out(now) {
            return self.end_prompt(Ended::TimedOut);
        }
        match key {
            Key::Digit(digit) => prompt.digit(digit, now),
            Key::Backspace => prompt.backspace(now),
            Key::Clear => prompt.clear(now),
            Key::Cancel => self.end_prompt(Ended::Cancelled),
            Key::Enter if !prompt.complete() => {}
            Key::Enter => {
                if let Some(prompt) = self.take_prompt() {
                    self.entered(prompt, now);
                }
            }
        }
    }

    fn entered(&mut self, prompt: Prompt, now: u64) {
        let bypassed = prompt.bypassed();
        let deadline = prompt.deadline();
        let digits = prompt.typed.digits();
        match prompt.purpose {
            Purpose::OnlinePin { id, .. } if bypassed => {
                self.reply(id, Reply::OnlinePin(OnlinePin::Bypassed));
            }
            Purpose::OnlinePin { id, pan } => {
                let block =
                    |key: &Vec<u8>| crypto::online_pin_block(self.keys.algorithm, key, digits, pan.expose());
                let reply = match self.keys.pin.as_ref().map(block) {
                    Some(Some(block)) => Reply::OnlinePin(OnlinePin::Entered(block)),
                    Some(None) => Reply::Refused(Refusal::Malformed),
                    None => Reply::Refused(Refusal::KeyMissing),
                };
                self.reply(id, reply);
            }
            Purpose::OfflinePin { id, .. } if bypassed => {
                self.reply(id, Reply::OfflinePin(OfflinePin::Bypassed));
            }
            Purpose::OfflinePin { id, key } => {
                let Some(block) = crypto::pin_block_format_2(digits) else {
                    return self.refuse(id, Refusal::Malformed);
                };
                match (self.may_verify(), key) {
                    (Ok(()), None) => self.command(CardWork::Verify(id), verify::plaintext(&block)),
                    (Ok(()), Some(key)) => self.command(
                        CardWork::Challenge { id, block, key, repeated: false },
                        Zeroizing::new(verify::GET_CHALLENGE.to_vec()),
                    ),
                    (Err(Refusal::Malformed), _) => self.refuse(id, Refusal::Malformed),
                    (Err(_), _) => self.reply(id, Reply::OfflinePin(OfflinePin::CardRemoved)),
                }
            }
            Purpose::Operator { id, operator, task } => {
                self.password_given(id, operator, &text_of(digits), task, deadline, now);
            }
            Purpose::NewPassword(renewal) => {
                self.new_password_typed(renewal, text_of(digits), deadline, now);
            }
            Purpose::CardNumber { id } => self.card_number_typed(id, digits, deadline, now),
            Purpose::CardExpiry { id, pan } => self.card_expiry_typed(id, pan, digits),
            Purpose::Custodian { name } => self.custodian_typed(name, &text_of(digits), now),
            Purpose::Component { name } => self.component_typed(name, digits, now),
            Purpose::CheckValue { name, component } => self.check_value_typed(name, component, digits, now),
        }
    }
}

pub(crate) fn text_of(digits: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(digits.iter().map(|digit| b'0' + digit).collect())
}
