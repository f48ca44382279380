//! The core itself: one event in, orders out.

use crate::{
    CardFault, Input, KeyRefusal, KeyReply, KeyRequest, Output, PadPrompt, Settings,
    cipher::{self, DesKey},
    keys::Keys,
    password::{People, Verdict},
    prompt::{Pressed, Prompt, Purpose, Stage, hexadecimal},
};
use posd_vault_protocol::{
    DeviceState, Digits, EncipheredKey, MacAlgorithm, Notice, OfflinePin, OnlinePin, PasswordCheck, PinPrompt,
    Refusal, Reply, Request, Secret, Status, VERSION, VerifyMethod,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// How long a first component waits for the second, and a custodian's prompt stands, in milliseconds.
const COMPONENT_PATIENCE: u64 = 600_000;
const CUSTODIAN_PROMPT: u64 = 120_000;
/// The most bytes that are sealed at once.
const LONGEST_SECRET: usize = 512;

/// The request a card's answer belongs to.
enum Waiting {
    PowerOn(u32),
    Transmit(u32),
    Verify(u32),
}

/// Who waits for the store.
enum Storing {
    WorkKeys(u32),
    MasterKey,
}

struct FirstComponent {
    custodian: String,
    component: Zeroizing<Vec<u8>>,
    until: u64,
}

/// The secure module's state. See [`Core::handle`].
pub struct Core {
    operators: People,
    custodians: People,
    storage_key: Option<Zeroizing<[u8; 32]>>,
    unreadable: bool,
    keys: Keys,
    random: Box<dyn FnMut(&mut [u8])>,
    reader: DeviceState,
    pad: DeviceState,
    card: bool,
    powered: bool,
    greeted: bool,
    waiting: Option<Waiting>,
    /// Who waits for the store, and the keys to go back to if it fails.
    storing: Option<(Storing, Keys)>,
    prompt: Option<Prompt>,
    first: Option<FirstComponent>,
    now: u64,
    outputs: Vec<Output>,
}

impl Core {
    /// Starts with what the last run stored. `storage_key` is 32 bytes; `store_blob` is the last [`Output::Store`],
    /// if there was one. `random` must fill its buffer from a cryptographically secure source.
    pub fn new(
        settings: Settings,
        storage_key: Option<Secret>,
        store_blob: Option<Vec<u8>>,
        random: Box<dyn FnMut(&mut [u8])>,
    ) -> Core {
        let storage_key = storage_key.and_then(|key| key.expose().try_into().ok()).map(Zeroizing::new);
        let loaded = match (&storage_key, store_blob) {
            (Some(key), Some(blob)) => Some(Keys::load(key, &blob)),
            (None, Some(_)) => Some(None),
            (_, None) => None,
        };
        Core {
            operators: People::new(settings.operators),
            custodians: People::new(settings.custodians),
            storage_key,
            unreadable: matches!(loaded, Some(None)),
            keys: loaded.flatten().unwrap_or_default(),
            random,
            reader: DeviceState::Missing,
            pad: DeviceState::Missing,
            card: false,
            powered: false,
            greeted: false,
            waiting: None,
            storing: None,
            prompt: None,
            first: None,
            now: 0,
            outputs: Vec::new(),
        }
    }

    /// Takes one event and gives the orders that follow from it, in the order to perform them. `now_ms` is a
    /// monotonic clock in milliseconds.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        self.now = now_ms;
        let wake = self.next_wake();
        match input {
            Input::Connected => self.greeted = false,
            Input::Disconnected => self.disconnected(),
            Input::Request(id, request) => self.request(id, request),
            Input::Card(present) => self.card_moved(present),
            Input::Reader(state) => self.reader_changed(state),
            Input::PinPad(state) => self.pad_changed(state),
            Input::Powered(answer) => self.powered_on(answer),
            Input::Answered(answer) => self.answered(answer),
            Input::Key(key) => self.key(key),
            Input::Stored(result) => self.stored(result.is_ok()),
            Input::Wake => {}
            Input::Custodian(request) => self.custodian(request),
            Input::CustodianGone => self.custodian_gone(),
        }
        self.fall_due();
        match self.next_wake() {
            next if next == wake => {}
            Some(at) => self.outputs.push(Output::WakeAt(at)),
            None => self.outputs.push(Output::NoWake),
        }
        std::mem::take(&mut self.outputs)
    }

    /// Whether the stored blob was there but could not be opened with this storage key. No key is accepted then, so
    /// that the stored ones are not overwritten by mistake.
    pub fn store_unreadable(&self) -> bool {
        self.unreadable
    }

    /// Devices and keys as they stand.
    pub fn status(&self) -> Status {
        Status {
            reader: self.reader,
            pin_pad: self.pad,
            card_present: self.card,
            storage_key: self.can_store(),
            master_key: self.keys.master.as_ref().map(DesKey::check_value),
            pin_key: self.keys.pin.as_ref().map(DesKey::check_value),
            mac_key: self.keys.mac.as_ref().map(DesKey::check_value),
        }
    }

    fn can_store(&self) -> bool {
        self.storage_key.is_some() && !self.unreadable
    }

    fn reply(&mut self, id: u32, reply: Reply) {
        self.outputs.push(Output::Reply(id, reply));
    }

    fn refuse(&mut self, id: u32, refusal: Refusal) {
        self.reply(id, Reply::Refused(refusal));
    }

    fn notify(&mut self, notice: Notice) {
        if self.greeted {
            self.outputs.push(Output::Notice(notice));
        }
    }

    // ---- time ----

    fn next_wake(&self) -> Option<u64> {
        let prompt = self.prompt.iter().flat_map(|prompt| [Some(prompt.until), prompt.next_tick]).flatten();
        prompt.chain(self.first.iter().map(|first| first.until)).min()
    }

    fn fall_due(&mut self) {
        if self.first.as_ref().is_some_and(|first| first.until <= self.now) {
            self.first = None;
        }
        if self.prompt.as_ref().is_some_and(|prompt| prompt.until <= self.now) {
            self.end_prompt(OnlinePin::TimedOut, OfflinePin::TimedOut, PasswordCheck::TimedOut, KeyRefusal::TimedOut);
        }
        let now = self.now;
        if let Some(count) = self.prompt.as_mut().and_then(|prompt| prompt.tick(now)) {
            self.notify(Notice::PinProgress(count));
        }
    }

    // ---- requests ----

    fn disconnected(&mut self) {
        self.greeted = false;
        self.waiting = None;
        if self.prompt.as_ref().is_some_and(|prompt| !matches!(prompt.purpose, Purpose::Custodian { .. })) {
            self.prompt = None;
            self.outputs.push(Output::Prompt(None));
        }
        if std::mem::take(&mut self.powered) {
            self.outputs.push(Output::PowerOff);
        }
    }

    fn request(&mut self, id: u32, request: Request) {
        if let Request::Hello { version } = request {
            self.greeted = version == VERSION;
            if !self.greeted {
                return self.refuse(id, Refusal::Version);
            }
            let status = self.status();
            self.reply(id, Reply::Status(status));
            return self.notify(Notice::Card(self.card));
        }
        if !self.greeted {
            return self.refuse(id, Refusal::Version);
        }
        match request {
            Request::Hello { .. } => {}
            Request::Status => {
                let status = self.status();
                self.reply(id, Reply::Status(status));
            }
            Request::PowerOn => self.power_on(id),
            Request::Transmit { apdu } => self.transmit(id, apdu),
            Request::PowerOff => {
                self.powered = false;
                self.outputs.push(Output::PowerOff);
                self.reply(id, Reply::Done);
            }
            Request::EnterOnlinePin { prompt, pan } => self.enter_online_pin(id, prompt, pan),
            Request::VerifyOfflinePin { prompt, method } => self.verify_offline_pin(id, prompt, &method),
            Request::CheckPassword { operator, password, timeout_ms } => {
                self.check_password(id, operator, password, timeout_ms);
            }
            Request::CancelPrompt => {
                let custodian = matches!(self.prompt, Some(Prompt { purpose: Purpose::Custodian { .. }, .. }));
                if !custodian {
                    self.end_prompt(
                        OnlinePin::Cancelled,
                        OfflinePin::Cancelled,
                        PasswordCheck::Cancelled,
                        KeyRefusal::Cancelled,
                    );
                }
                self.reply(id, Reply::Done);
            }
            Request::LoadWorkKeys { pin_key, mac_key } => self.load_work_keys(id, &pin_key, &mac_key),
            Request::MakeMac { algorithm, input } => match self.mac(algorithm, &input) {
                Ok(mac) => self.reply(id, Reply::Mac(mac)),
                Err(refusal) => self.refuse(id, refusal),
            },
            Request::CheckMac { algorithm, input, mac } => match self.mac(algorithm, &input) {
                Ok(right) => self.reply(id, Reply::MacChecked(right.ct_eq(&mac).into())),
                Err(refusal) => self.refuse(id, refusal),
            },
            Request::Seal { clear, context } => match self.seal(clear.expose(), context) {
                Ok(sealed) => self.reply(id, Reply::Sealed(sealed)),
                Err(refusal) => self.refuse(id, refusal),
            },
            Request::Open { sealed, context } => match self.open(&sealed, context) {
                Ok(clear) => self.reply(id, Reply::Opened(clear)),
                Err(refusal) => self.refuse(id, refusal),
            },
        }
    }

    fn mac(&self, algorithm: MacAlgorithm, input: &[u8]) -> Result<[u8; 8], Refusal> {
        let key = self.keys.mac.as_ref().ok_or(Refusal::KeyMissing)?;
        if input.is_empty() {
            return Err(Refusal::Malformed);
        }
        Ok(match algorithm {
            MacAlgorithm::UnionPayEcb => cipher::union_pay_mac(key, input),
            MacAlgorithm::X919 => cipher::x9_19_mac(key, input),
        })
    }

    fn nonce(&mut self) -> [u8; 12] {
        let mut nonce = [0; 12];
        (self.random)(&mut nonce);
        nonce
    }

    fn seal(&mut self, clear: &[u8], context: u64) -> Result<Vec<u8>, Refusal> {
        if clear.is_empty() || clear.len() > LONGEST_SECRET {
            return Err(Refusal::Malformed);
        }
        let key = self.keys.data.clone().ok_or(Refusal::KeyMissing)?;
        let nonce = self.nonce();
        cipher::seal(&key, nonce, clear, &context.to_le_bytes()).ok_or(Refusal::Malformed)
    }

    fn open(&self, sealed: &[u8], context: u64) -> Result<Secret, Refusal> {
        let key = self.keys.data.as_ref().ok_or(Refusal::KeyMissing)?;
        let clear = cipher::open(key, sealed, &context.to_le_bytes()).ok_or(Refusal::SealBroken)?;
        Ok(Secret::new(clear.to_vec()))
    }

    fn load_work_keys(&mut self, id: u32, pin: &EncipheredKey, mac: &EncipheredKey) {
        match self.unwrap_both(pin, mac) {
            Ok((pin, mac)) => {
                let old = self.keys.duplicate();
                self.keys.pin = Some(pin);
                self.keys.mac = Some(mac);
                self.store(Storing::WorkKeys(id), old);
            }
            Err(refusal) => self.refuse(id, refusal),
        }
    }

    fn unwrap_both(&self, pin: &EncipheredKey, mac: &EncipheredKey) -> Result<(DesKey, DesKey), Refusal> {
        if !self.can_store() {
            return Err(Refusal::NoStorageKey);
        }
        let master = self.keys.master.as_ref().ok_or(Refusal::KeyMissing)?;
        let unwrap = |wrapped: &EncipheredKey| {
            if !(3..=8).contains(&wrapped.check_value.len()) {
                return Err(Refusal::Malformed);
            }
            let key = master.unwrap(&wrapped.cipher).ok_or(Refusal::Malformed)?;
            let right = key.check_block()[..wrapped.check_value.len()].ct_eq(&wrapped.check_value);
            if bool::from(right) { Ok(key) } else { Err(Refusal::KeyCheckFailed) }
        };
        Ok((unwrap(pin)?, unwrap(mac)?))
    }

    fn store(&mut self, who: Storing, old: Keys) {
        let nonce = self.nonce();
        let blob = self.storage_key.as_ref().and_then(|key| self.keys.store(key, nonce));
        self.storing = Some((who, old));
        match blob {
            Some(blob) => self.outputs.push(Output::Store(blob)),
            None => self.stored(false),
        }
    }

    fn stored(&mut self, good: bool) {
        let Some((who, old)) = self.storing.take() else { return };
        if !good {
            self.keys = old;
        }
        match who {
            Storing::WorkKeys(id) if good => self.reply(id, Reply::Done),
            Storing::WorkKeys(id) => self.refuse(id, Refusal::StoreFailed),
            Storing::MasterKey => {
                let check = self.keys.master.as_ref().map(DesKey::check_value).filter(|_| good);
                self.outputs.push(Output::Custodian(match check {
                    Some(check_value) => KeyReply::Loaded { check_value },
                    None => KeyReply::Refused(KeyRefusal::StoreFailed),
                }));
            }
        }
    }

    // ---- the card ----

    fn card_fault(fault: CardFault) -> Refusal {
        match fault {
            CardFault::NoReader => Refusal::NoReader,
            CardFault::NoCard => Refusal::NoCard,
            CardFault::Removed => Refusal::CardRemoved,
            CardFault::Mute => Refusal::CardMute,
        }
    }

    fn power_on(&mut self, id: u32) {
        if self.reader != DeviceState::Ready {
            return self.refuse(id, Refusal::NoReader);
        }
        if !self.card {
            return self.refuse(id, Refusal::NoCard);
        }
        if self.waiting.is_some() {
            return self.refuse(id, Refusal::Malformed);
        }
        self.powered = true;
        self.waiting = Some(Waiting::PowerOn(id));
        self.outputs.push(Output::PowerOn);
    }

    fn powered_on(&mut self, answer: Result<Vec<u8>, CardFault>) {
        if let Some(Waiting::PowerOn(id)) = self.waiting.take_if(|waiting| matches!(waiting, Waiting::PowerOn(_))) {
            match answer {
                Ok(atr) => self.reply(id, Reply::Atr(atr)),
                Err(fault) => {
                    self.powered = false;
                    self.refuse(id, Core::card_fault(fault));
                }
            }
        }
    }

    fn transmit(&mut self, id: u32, apdu: Vec<u8>) {
        // VERIFY carries a PIN, and is this module's own business (design §2).
        let verify = matches!(apdu.get(1), Some(0x20 | 0x21));
        if verify || !(4..=261).contains(&apdu.len()) {
            return self.refuse(id, Refusal::Forbidden);
        }
        if !self.powered {
            let refusal = if self.card { Refusal::CardMute } else { Refusal::NoCard };
            return self.refuse(id, refusal);
        }
        if self.waiting.is_some() {
            return self.refuse(id, Refusal::Malformed);
        }
        self.waiting = Some(Waiting::Transmit(id));
        self.outputs.push(Output::Transmit(Zeroizing::new(apdu)));
    }

    fn answered(&mut self, answer: Result<Zeroizing<Vec<u8>>, CardFault>) {
        match self.waiting.take() {
            Some(Waiting::Transmit(id)) => match answer {
                Ok(bytes) => self.reply(id, Reply::Card(bytes.to_vec())),
                Err(fault) => self.refuse(id, Core::card_fault(fault)),
            },
            Some(Waiting::Verify(id)) => match answer.as_ref().map(|bytes| &bytes[..]) {
                Ok([.., first, second]) => {
                    let status = u16::from_be_bytes([*first, *second]);
                    self.reply(id, Reply::OfflinePin(OfflinePin::Status(status)));
                }
                Ok(_) | Err(CardFault::Mute) => self.refuse(id, Refusal::CardMute),
                Err(_) => self.reply(id, Reply::OfflinePin(OfflinePin::CardRemoved)),
            },
            other => self.waiting = other,
        }
    }

    fn card_moved(&mut self, present: bool) {
        if self.card == present {
            return;
        }
        self.card = present;
        if !present {
            self.powered = false;
            if let Some(prompt) = self.prompt.take_if(|p| matches!(p.purpose, Purpose::OfflinePin { .. })) {
                self.outputs.push(Output::Prompt(None));
                if let (Purpose::OfflinePin { id, .. }, _) = prompt.into_parts() {
                    self.reply(id, Reply::OfflinePin(OfflinePin::CardRemoved));
                }
            }
        }
        self.notify(Notice::Card(present));
    }

    fn reader_changed(&mut self, state: DeviceState) {
        if self.reader == state {
            return;
        }
        self.reader = state;
        if state != DeviceState::Ready {
            self.card_moved(false);
        }
        self.notify(Notice::Reader(state));
    }

    // ---- the pad ----

    fn pad_changed(&mut self, state: DeviceState) {
        if state != DeviceState::Ready {
            self.end_prompt(
                OnlinePin::PadMissing,
                OfflinePin::PadMissing,
                PasswordCheck::PadMissing,
                KeyRefusal::PadMissing,
            );
        }
        if self.pad != state {
            self.pad = state;
            self.notify(Notice::PinPad(state));
        }
    }

    fn begin_prompt(&mut self, purpose: Purpose, shown: PadPrompt, range: (usize, usize), timeout: u64) {
        let prompt = Prompt::new(purpose, shown, range, self.now, timeout);
        self.outputs.push(Output::Prompt(Some(prompt.shown)));
        self.prompt = Some(prompt);
    }

    /// Whether a PIN prompt may begin; the range of its digits.
    fn pin_range(&self, prompt: &PinPrompt) -> Result<(usize, usize), Refusal> {
        if self.prompt.is_some() || matches!(self.waiting, Some(Waiting::Verify(_))) {
            return Err(Refusal::PadBusy);
        }
        let good = prompt.minimum >= 4 && prompt.minimum <= prompt.maximum && prompt.maximum <= 12;
        if good { Ok((usize::from(prompt.minimum), usize::from(prompt.maximum))) } else { Err(Refusal::Malformed) }
    }

    fn enter_online_pin(&mut self, id: u32, prompt: PinPrompt, pan: Digits) {
        let range = match self.pin_range(&prompt) {
            Ok(_) if pan.expose().len() < 13 => return self.refuse(id, Refusal::Malformed),
            Ok(_) if self.keys.pin.is_none() => return self.refuse(id, Refusal::KeyMissing),
            Ok(range) => range,
            Err(refusal) => return self.refuse(id, refusal),
        };
        if self.pad != DeviceState::Ready {
            return self.reply(id, Reply::OnlinePin(OnlinePin::PadMissing));
        }
        let purpose = Purpose::OnlinePin { id, pan, bypass: prompt.bypass };
        self.begin_prompt(purpose, pad_prompt(&prompt), range, u64::from(prompt.timeout_ms));
    }

    fn verify_offline_pin(&mut self, id: u32, prompt: PinPrompt, method: &VerifyMethod) {
        let range = match self.pin_range(&prompt) {
            // The enciphered form comes with the kernel that asks for it.
            Ok(_) if *method != VerifyMethod::Plaintext => return self.refuse(id, Refusal::Malformed),
            Ok(_) if !self.powered => return self.reply(id, Reply::OfflinePin(OfflinePin::CardRemoved)),
            Ok(range) => range,
            Err(refusal) => return self.refuse(id, refusal),
        };
        if self.pad != DeviceState::Ready {
            return self.reply(id, Reply::OfflinePin(OfflinePin::PadMissing));
        }
        let purpose = Purpose::OfflinePin { id, bypass: prompt.bypass };
        self.begin_prompt(purpose, pad_prompt(&prompt), range, u64::from(prompt.timeout_ms));
    }

    fn check_password(&mut self, id: u32, operator: String, password: Option<Secret>, timeout_ms: u32) {
        if let Some(password) = password {
            let verdict = self.operators.check(&operator, password.expose(), self.now);
            return self.reply(id, Reply::Password(password_check(verdict)));
        }
        if self.prompt.is_some() {
            return self.refuse(id, Refusal::PadBusy);
        }
        if self.pad != DeviceState::Ready {
            return self.reply(id, Reply::Password(PasswordCheck::PadMissing));
        }
        let seconds = self.operators.locked(&operator, self.now);
        if seconds > 0 {
            return self.reply(id, Reply::Password(PasswordCheck::LockedOut { seconds }));
        }
        let purpose = Purpose::Password { id, operator };
        self.begin_prompt(purpose, PadPrompt::Password, (1, 16), u64::from(timeout_ms));
    }

    /// Ends a standing prompt without what was typed.
    fn end_prompt(&mut self, online: OnlinePin, offline: OfflinePin, password: PasswordCheck, key: KeyRefusal) {
        let Some(prompt) = self.prompt.take() else { return };
        self.outputs.push(Output::Prompt(None));
        match prompt.into_parts().0 {
            Purpose::OnlinePin { id, .. } => self.reply(id, Reply::OnlinePin(online)),
            Purpose::OfflinePin { id, .. } => self.reply(id, Reply::OfflinePin(offline)),
            Purpose::Password { id, .. } => self.reply(id, Reply::Password(password)),
            Purpose::Custodian { .. } => self.outputs.push(Output::Custodian(KeyReply::Refused(key))),
        }
    }

    fn key(&mut self, key: crate::Key) {
        match self.prompt.as_mut().map(|prompt| prompt.press(key)) {
            None | Some(Pressed::Nothing) => {}
            Some(Pressed::Cancelled) => self.end_prompt(
                OnlinePin::Cancelled,
                OfflinePin::Cancelled,
                PasswordCheck::Cancelled,
                KeyRefusal::Cancelled,
            ),
            Some(Pressed::Done) => {
                let Some(prompt) = self.prompt.take() else { return };
                self.outputs.push(Output::Prompt(None));
                let (purpose, digits) = prompt.into_parts();
                self.typed(purpose, &digits);
            }
        }
    }

    fn typed(&mut self, purpose: Purpose, digits: &[u8]) {
        match purpose {
            Purpose::OnlinePin { id, .. } if digits.is_empty() => {
                self.reply(id, Reply::OnlinePin(OnlinePin::Bypassed));
            }
            Purpose::OnlinePin { id, pan, .. } => {
                let Some(key) = &self.keys.pin else { return self.refuse(id, Refusal::KeyMissing) };
                let block = key.encipher(*cipher::format_0(digits, pan.expose()));
                self.reply(id, Reply::OnlinePin(OnlinePin::Entered(block)));
            }
            Purpose::OfflinePin { id, .. } if digits.is_empty() => {
                self.reply(id, Reply::OfflinePin(OfflinePin::Bypassed));
            }
            Purpose::OfflinePin { id, .. } => {
                // VERIFY, plaintext (Book 3 §6.5.12).
                let mut command = Zeroizing::new(Vec::with_capacity(13));
                command.extend_from_slice(&[0x00, 0x20, 0x00, 0x80, 0x08]);
                command.extend_from_slice(&cipher::format_2(digits)[..]);
                self.waiting = Some(Waiting::Verify(id));
                self.outputs.push(Output::Transmit(command));
            }
            Purpose::Password { id, operator } => {
                let verdict = self.operators.check(&operator, &ascii(digits), self.now);
                self.reply(id, Reply::Password(password_check(verdict)));
            }
            Purpose::Custodian { name, stage } => self.custodian_typed(name, stage, digits),
        }
    }

    // ---- the custodians ----

    fn custodian(&mut self, request: KeyRequest) {
        if self.storing.is_some() {
            return self.answer_custodian(KeyReply::Refused(KeyRefusal::Busy));
        }
        match request {
            KeyRequest::Abandon => {
                self.first = None;
                if self.prompt.as_ref().is_some_and(|p| matches!(p.purpose, Purpose::Custodian { .. })) {
                    self.prompt = None;
                    self.outputs.push(Output::Prompt(None));
                }
                self.answer_custodian(KeyReply::Abandoned);
            }
            KeyRequest::Give { custodian, password, component, check_value } => {
                let checked = self.custodian_password(&custodian, password.expose());
                let component = Zeroizing::new(component.expose().to_vec());
                match checked.and_then(|()| self.take_component(&custodian, component, check_value)) {
                    Ok(Some(reply)) => self.answer_custodian(reply),
                    Ok(None) => {}
                    Err(refusal) => self.answer_custodian(KeyReply::Refused(refusal)),
                }
            }
            KeyRequest::Type { custodian } => {
                let refusal = if self.prompt.is_some() {
                    Some(KeyRefusal::Busy)
                } else if !self.can_store() {
                    Some(KeyRefusal::NoStorageKey)
                } else if self.pad != DeviceState::Ready {
                    Some(KeyRefusal::PadMissing)
                } else {
                    let seconds = self.custodians.locked(&custodian, self.now);
                    (seconds > 0).then_some(KeyRefusal::LockedOut { seconds })
                };
                match refusal {
                    Some(refusal) => self.answer_custodian(KeyReply::Refused(refusal)),
                    None => {
                        let purpose = Purpose::Custodian { name: custodian, stage: Stage::Password };
                        self.begin_prompt(purpose, PadPrompt::Password, (1, 32), CUSTODIAN_PROMPT);
                    }
                }
            }
        }
    }

    fn answer_custodian(&mut self, reply: KeyReply) {
        self.outputs.push(Output::Custodian(reply));
    }

    fn custodian_gone(&mut self) {
        if self.prompt.as_ref().is_some_and(|p| matches!(p.purpose, Purpose::Custodian { .. })) {
            self.prompt = None;
            self.outputs.push(Output::Prompt(None));
        }
    }

    fn custodian_password(&mut self, name: &str, password: &[u8]) -> Result<(), KeyRefusal> {
        match self.custodians.check(name, password, self.now) {
            Verdict::Right => Ok(()),
            Verdict::Wrong => Err(KeyRefusal::Wrong),
            Verdict::Locked(seconds) => Err(KeyRefusal::LockedOut { seconds }),
        }
    }

    fn custodian_typed(&mut self, name: String, stage: Stage, digits: &[u8]) {
        let (stage, shown, count) = match stage {
            Stage::Password => match self.custodian_password(&name, &ascii(digits)) {
                Ok(()) => (Stage::Component, PadPrompt::KeyComponent, 64),
                Err(refusal) => return self.answer_custodian(KeyReply::Refused(refusal)),
            },
            Stage::Component => match hexadecimal(digits) {
                Some(component) => (Stage::CheckValue(component), PadPrompt::CheckValue, 12),
                None => return self.answer_custodian(KeyReply::Refused(KeyRefusal::Malformed)),
            },
            Stage::CheckValue(component) => {
                let check = hexadecimal(digits).and_then(|bytes| <[u8; 3]>::try_from(&bytes[..]).ok());
                let taken = match check {
                    Some(check) => self.take_component(&name, component, check),
                    None => Err(KeyRefusal::CheckFailed),
                };
                return match taken {
                    Ok(Some(reply)) => self.answer_custodian(reply),
                    Ok(None) => {}
                    Err(refusal) => self.answer_custodian(KeyReply::Refused(refusal)),
                };
            }
        };
        self.begin_prompt(Purpose::Custodian { name, stage }, shown, (count, count), CUSTODIAN_PROMPT);
    }

    /// Takes a component of an authenticated custodian; `None` where the answer comes with the store's.
    fn take_component(
        &mut self,
        custodian: &str,
        component: Zeroizing<Vec<u8>>,
        check_value: [u8; 3],
    ) -> Result<Option<KeyReply>, KeyRefusal> {
        if !self.can_store() {
            return Err(KeyRefusal::NoStorageKey);
        }
        let key = DesKey::new(&component).filter(|key| key.bytes().len() == 16).ok_or(KeyRefusal::Malformed)?;
        if !bool::from(key.check_value().ct_eq(&check_value)) {
            return Err(KeyRefusal::CheckFailed);
        }
        let Some(first) = &self.first else {
            let until = self.now + COMPONENT_PATIENCE;
            self.first = Some(FirstComponent { custodian: custodian.to_owned(), component, until });
            return Ok(Some(KeyReply::FirstAccepted));
        };
        if first.custodian == custodian {
            return Err(KeyRefusal::SameCustodian);
        }
        let joined: Zeroizing<Vec<u8>> =
            Zeroizing::new(component.iter().zip(first.component.iter()).map(|(a, b)| a ^ b).collect());
        self.first = None;
        let (left, right) = joined.split_at(8);
        // DES does not look at the lowest bit of each byte.
        if left.iter().zip(right).all(|(a, b)| a & 0xFE == b & 0xFE) {
            return Err(KeyRefusal::WeakKey);
        }
        let master = DesKey::new(&joined).ok_or(KeyRefusal::Malformed)?;
        let old = self.keys.duplicate();
        self.keys.master = Some(master);
        self.keys.pin = None;
        self.keys.mac = None;
        if self.keys.data.is_none() {
            let mut data = Zeroizing::new([0; 32]);
            (self.random)(&mut data[..]);
            self.keys.data = Some(data);
        }
        self.store(Storing::MasterKey, old);
        Ok(None)
    }
}

fn pad_prompt(prompt: &PinPrompt) -> PadPrompt {
    PadPrompt::Pin { amount: prompt.amount, currency: prompt.currency, tries_left: prompt.tries_left }
}

fn ascii(digits: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(digits.iter().map(|digit| b'0' + digit).collect())
}

fn password_check(verdict: Verdict) -> PasswordCheck {
    match verdict {
        Verdict::Right => PasswordCheck::Accepted,
        Verdict::Wrong => PasswordCheck::Wrong,
        Verdict::Locked(seconds) => PasswordCheck::LockedOut { seconds },
    }
}
