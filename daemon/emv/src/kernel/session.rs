//! What the steps share: the card's and the terminal's data, and the way out to the world.

use super::{
    Action, Again, Candidate, Input, KnownCard, Outcome, Purpose, Reason, Refusal, Transaction, Verdict,
    contactless::{Tap, Torn},
    interface::{OfflinePin, OfflinePinResult, OnlineRequest, PinEntry},
    number_bcd,
};
use crate::{
    authentication::DynamicReady,
    configuration::{Application, Configuration},
    date::{Date, to_bcd},
    dol,
    indicators::{Aip, Bit, CvmResults, Tsi, Tvr},
    tags,
    tlv::TlvError,
};
use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use zeroize::{Zeroize, Zeroizing};

/// The most commands one transaction may take: several times what any real card needs.
pub(super) const MOST_COMMANDS: u32 = 400;
/// The most data one command may bring, GET RESPONSE included.
const MOST_DATA: usize = 4096;

/// Why the steps stop early.
pub(super) enum End {
    Refused(Refusal),
    Broken(Reason),
    /// It ends so, without fault.
    Ended(Verdict),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> End {
        End::Refused(refusal)
    }
}

impl From<Reason> for End {
    fn from(reason: Reason) -> End {
        End::Broken(reason)
    }
}

impl From<Verdict> for End {
    fn from(verdict: Verdict) -> End {
        End::Ended(verdict)
    }
}

/// Data elements. What the card says never replaces what the terminal knows.
#[derive(Default)]
pub(super) struct Elements {
    pub(super) card: BTreeMap<u32, Vec<u8>>,
    pub(super) terminal: BTreeMap<u32, Vec<u8>>,
}

impl Drop for Elements {
    fn drop(&mut self) {
        self.card.values_mut().chain(self.terminal.values_mut()).for_each(Zeroize::zeroize);
    }
}

#[derive(Default)]
struct Exchange {
    action: Option<Action>,
    input: Option<Input>,
    elements: Elements,
    first_cryptogram: Option<Vec<u8>>,
    torn: Option<Torn>,
}

/// What kernel and steps both reach.
#[derive(Default)]
pub(super) struct Shared(Mutex<Exchange>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Exchange> {
        // One thread uses it at a time, and panics abort: poison cannot be met.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn give(&self, input: Input) {
        self.lock().input = Some(input);
    }

    pub(super) fn take_action(&self) -> Option<Action> {
        self.lock().action.take()
    }

    pub(super) fn get(&self, tag: u32) -> Option<Vec<u8>> {
        let exchange = self.lock();
        exchange.elements.terminal.get(&tag).or_else(|| exchange.elements.card.get(&tag)).cloned()
    }

    pub(super) fn first_cryptogram(&self) -> Option<Vec<u8>> {
        self.lock().first_cryptogram.clone()
    }

    /// Keeps a torn tap for the next one.
    pub(super) fn put_torn(&self, torn: Torn) {
        self.lock().torn = Some(torn);
    }

    pub(super) fn take_torn(&self) -> Option<Torn> {
        self.lock().torn.take()
    }

    /// Puts other elements in the place of these.
    pub(super) fn swap_elements(&self, elements: Elements) -> Elements {
        std::mem::replace(&mut self.lock().elements, elements)
    }
}

/// Waits for the world: hands the action out, then takes the input.
struct Ask<'a> {
    shared: &'a Shared,
    action: Option<Action>,
}

impl Future for Ask<'_> {
    type Output = Input;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Input> {
        let mut exchange = self.shared.lock();
        if let Some(action) = self.action.take() {
            exchange.input = None;
            exchange.action = Some(action);
            return Poll::Pending;
        }
        match exchange.input.take() {
            Some(input) => Poll::Ready(input),
            None => Poll::Pending,
        }
    }
}

/// The card's answer to a command.
pub(super) struct Response {
    pub(super) data: Zeroizing<Vec<u8>>,
    pub(super) status: u16,
}

/// One transaction under way.
pub(super) struct Session {
    pub(super) configuration: Arc<Configuration>,
    pub(super) transaction: Transaction,
    pub(super) shared: Arc<Shared>,
    /// The terminal's entry for the selected application.
    pub(super) application: Application,
    /// The selected application's name, as the card has it (84).
    pub(super) aid: Vec<u8>,
    pub(super) random: [u8; 8],
    pub(super) aip: Aip,
    /// What the card has paid here without the host so far, in minor units.
    pub(super) spent: u64,
    /// Records for offline data authentication; `None` where one of them cannot be authenticated.
    pub(super) signed_records: Option<Zeroizing<Vec<u8>>>,
    /// The card's key, where its cryptograms are to be signed (CDA).
    pub(super) combined: Option<DynamicReady>,
    /// What PDOL and CDOLs asked for, as it was sent: such a signature covers it.
    pub(super) told: Vec<u8>,
    pub(super) tvr: Tvr,
    pub(super) tsi: Tsi,
    pub(super) cvm_results: CvmResults,
    pub(super) signature: bool,
    pub(super) online_pin: bool,
    pub(super) pin_bypassed: bool,
    pub(super) host_approved: bool,
    pub(super) script_results: Vec<u8>,
    /// The length of the scripts met so far, tags and lengths included.
    pub(super) script_bytes: usize,
    /// What belongs to a tap; `None` at the contact reader.
    pub(super) tap: Option<Tap>,
    /// The host was to be asked: from here on nothing is tried again.
    gone_online: bool,
    commands: u32,
}

impl Session {
    pub(super) fn new(
        configuration: Arc<Configuration>,
        transaction: Transaction,
        shared: Arc<Shared>,
        tap: Option<Tap>,
    ) -> Session {
        Session {
            application: Application::new(&[], ""),
            configuration,
            transaction,
            shared,
            aid: Vec::new(),
            random: [0; 8],
            aip: Aip::default(),
            spent: 0,
            signed_records: Some(Zeroizing::default()),
            combined: None,
            told: Vec::new(),
            tvr: Tvr::default(),
            tsi: Tsi::default(),
            cvm_results: CvmResults::NONE,
            signature: false,
            online_pin: false,
            pin_bypassed: false,
            host_approved: false,
            script_results: Vec::new(),
            script_bytes: 0,
            tap,
            gone_online: false,
            commands: 0,
        }
    }

    /// The whole transaction.
    pub(super) async fn run(mut self) -> Outcome {
        let verdict = match self.steps().await {
            Ok(verdict) | Err(End::Ended(verdict)) => verdict,
            Err(End::Refused(refusal)) => Verdict::NotAccepted(refusal),
            Err(End::Broken(Reason::CardLost)) if self.tap.is_some() && !self.gone_online => {
                Verdict::TryAgain(Again::Torn)
            }
            Err(End::Broken(reason)) => Verdict::Terminated(reason),
        };
        if matches!(verdict, Verdict::TryAgain(_)) {
            self.keep_unsettled();
        }
        self.outcome(verdict)
    }

    /// Book 3 §8.1: the order of the steps.
    async fn steps(&mut self) -> Result<Verdict, End> {
        if self.transaction.amount > 999_999_999_999 || self.transaction.amount_other > 999_999_999_999 {
            return Err(Reason::Transaction("amount").into());
        }
        self.today().ok_or(Reason::Transaction("date"))?;
        if self.tap.is_some() {
            return self.tap_steps().await;
        }
        self.select_and_initiate().await?;
        self.read_records().await?;
        if self.transaction.purpose == Purpose::Read {
            return Ok(Verdict::Read);
        }
        self.proceed().await
    }

    /// What follows the records where the terminal, and not the card alone, decides.
    pub(super) async fn proceed(&mut self) -> Result<Verdict, End> {
        if self.look_up().await? {
            self.authenticate_offline().await?;
            self.check_restrictions();
            self.verify_cardholder().await?;
            self.insist_on_cardholder()?;
            self.manage_risk().await?;
        }
        let request = self.analyse();
        if let Some(verdict) = self.first_cryptogram(request).await? {
            return Ok(verdict);
        }
        self.complete().await
    }

    fn outcome(&self, verdict: Verdict) -> Outcome {
        let cid = self.get(tags::CRYPTOGRAM_INFORMATION).and_then(|value| value.first().copied());
        Outcome {
            verdict,
            cryptogram_information: cid,
            cryptogram: self.get(tags::CRYPTOGRAM).and_then(|value| value.try_into().ok()),
            transaction_counter: self
                .get(tags::ATC)
                .and_then(|value| <[u8; 2]>::try_from(value).ok())
                .map(u16::from_be_bytes),
            tvr: self.tvr,
            tsi: self.tsi,
            cvm_results: self.cvm_results,
            signature_required: self.signature,
            online_pin: self.online_pin,
            host_approved: self.host_approved,
            issuer_authentication_failed: self.tvr.has(crate::indicators::tvr::ISSUER_AUTHENTICATION_FAILED),
            advice_requested: cid.is_some_and(|cid| cid & 0x08 != 0),
            script_results: (!self.script_results.is_empty()).then(|| self.script_results.clone()),
            tap: self.tap.as_ref().and_then(|tap| tap.verification),
        }
    }

    // ---- the world ----

    async fn ask(&self, action: Action) -> Result<Input, End> {
        match (Ask { shared: &self.shared, action: Some(action) }).await {
            Input::CardLost => Err(Reason::CardLost.into()),
            input => Ok(input),
        }
    }

    /// Sends a command. 61xx and 6Cxx are dealt with here (check 61).
    pub(super) async fn send(&mut self, command: Vec<u8>) -> Result<Response, End> {
        let mut response = self.transmit(command.clone()).await?;
        if let (0x6C, Some(again)) = (response.status >> 8, with_expected(command, response.status)) {
            response = self.transmit(again).await?;
        }
        while response.status >> 8 == 0x61 {
            let get = vec![0x00, 0xC0, 0x00, 0x00, response.status as u8];
            let mut more = self.transmit(get.clone()).await?;
            if let (0x6C, Some(again)) = (more.status >> 8, with_expected(get, more.status)) {
                more = self.transmit(again).await?;
            }
            response.data.extend_from_slice(&more.data);
            response.status = more.status;
            if response.data.len() > MOST_DATA {
                return Err(Reason::Form("GET RESPONSE").into());
            }
        }
        Ok(response)
    }

    async fn transmit(&mut self, command: Vec<u8>) -> Result<Response, End> {
        self.commands += 1;
        if self.commands > MOST_COMMANDS {
            return Err(Reason::TooManyCommands(MOST_COMMANDS).into());
        }
        match self.ask(Action::Transmit(command)).await? {
            Input::Card(mut answer) if answer.len() >= 2 => {
                let status = answer.split_off(answer.len() - 2);
                let status = u16::from_be_bytes([status[0], status[1]]);
                Ok(Response { data: Zeroizing::new(answer), status })
            }
            Input::Card(_) => Err(Reason::CardLost.into()),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn draw_random(&mut self) -> Result<(), End> {
        match self.ask(Action::DrawRandom).await? {
            Input::Random(random) => {
                self.random = random;
                Ok(())
            }
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn choose(&self, candidates: Vec<Candidate>) -> Result<usize, End> {
        let count = candidates.len();
        match self.ask(Action::Choose(candidates)).await? {
            Input::Chosen(place) if place < count => Ok(place),
            Input::Refused => Err(Refusal::Refused.into()),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn confirm(&self, candidate: Candidate) -> Result<bool, End> {
        match self.ask(Action::Confirm(candidate)).await? {
            Input::Confirmed => Ok(true),
            Input::Refused => Ok(false),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn known_card(&self) -> Result<KnownCard, End> {
        match self.ask(Action::LookUpCard).await? {
            Input::LookedUp(known) => Ok(known),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn enter_online_pin(&self) -> Result<PinEntry, End> {
        match self.ask(Action::EnterOnlinePin).await? {
            Input::OnlinePin(entry) => Ok(entry),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn verify_offline_pin(
        &self,
        pin: OfflinePin,
        tries_left: Option<u8>,
    ) -> Result<OfflinePinResult, End> {
        let action = Action::VerifyOfflinePin { pin, tries_left };
        match self.ask(action).await? {
            Input::OfflinePin(result) => Ok(result),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn release(&self) -> Result<(), End> {
        match self.ask(Action::ReleaseCard).await? {
            Input::Released => Ok(()),
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    pub(super) async fn go_online(&mut self, request: OnlineRequest) -> Result<Input, End> {
        self.gone_online = true;
        self.ask(Action::GoOnline(request)).await
    }

    // ---- the data ----

    pub(super) fn get(&self, tag: u32) -> Option<Vec<u8>> {
        self.shared.get(tag)
    }

    /// A data element of exactly so many bytes; another length cannot be interpreted.
    pub(super) fn fixed<const N: usize>(&self, tag: u32) -> Result<Option<[u8; N]>, End> {
        match self.get(tag) {
            None => Ok(None),
            Some(value) => value.try_into().map(Some).map_err(|_| Reason::Invalid(tag).into()),
        }
    }

    pub(super) fn set(&self, tag: u32, value: impl Into<Vec<u8>>) {
        self.shared.lock().elements.terminal.insert(tag, value.into());
    }

    /// Takes a data element from the card's answer to a command that computes it.
    pub(super) fn take_from_card(&self, tag: u32, value: &[u8]) {
        if let Some(mut old) = self.shared.lock().elements.card.insert(tag, value.to_vec()) {
            old.zeroize();
        }
    }

    /// Takes a data element from one of the card's files. The first stands: a record never replaces what selection gave.
    pub(super) fn take_from_file(&self, tag: u32, value: &[u8]) {
        if tags::kept_on_card(tag) {
            self.shared.lock().elements.card.entry(tag).or_insert_with(|| value.to_vec());
        }
    }

    pub(super) fn keep_first_cryptogram(&self) {
        let cryptogram = self.get(tags::CRYPTOGRAM);
        self.shared.lock().first_cryptogram = cryptogram;
    }

    /// What a data object list asks for.
    pub(super) fn asked_for(&self, list: &[u8], tag: u32) -> Result<Vec<u8>, End> {
        dol::build(list, &|tag| self.get(tag)).ok_or(Reason::Invalid(tag).into())
    }

    pub(super) fn mark(&mut self, bit: Bit) {
        self.tvr.set(bit);
        self.set(tags::TVR, self.tvr.0);
    }

    pub(super) fn done(&mut self, bit: Bit) {
        self.tsi.set(bit);
        self.set(tags::TSI, self.tsi.0);
    }

    pub(super) fn today(&self) -> Option<Date> {
        let [year, month, day] = self.transaction.date;
        Date::from_bcd(&[to_bcd(year % 100), to_bcd(month), to_bcd(day)])
    }

    /// A fresh start on the selected application: TVR and TSI zero (check 16), the terminal's data, and a new
    /// unpredictable number.
    pub(super) fn begin(&mut self) {
        self.shared.lock().elements = Elements::default();
        self.tvr = Tvr::default();
        self.tsi = Tsi::default();
        self.cvm_results = CvmResults::NONE;
        self.signed_records = Some(Zeroizing::default());
        self.combined = None;
        self.told.clear();
        let terminal = self.configuration.terminal.clone();
        let transaction = self.transaction.clone();
        let text = |text: &str, length: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(length, b' ');
            bytes
        };
        let two = |values: [u8; 3]| values.map(|value| to_bcd(value % 100));
        self.set(tags::AMOUNT, number_bcd(transaction.amount, 6));
        self.set(tags::AMOUNT_OTHER, number_bcd(transaction.amount_other, 6));
        let binary = u32::try_from(transaction.amount).unwrap_or(u32::MAX);
        self.set(tags::AMOUNT_BINARY, binary.to_be_bytes());
        self.set(tags::CURRENCY, number_bcd(u64::from(transaction.currency), 2));
        self.set(tags::CURRENCY_EXPONENT, [terminal.currency_exponent]);
        self.set(tags::DATE, two(transaction.date));
        self.set(tags::TIME, two(transaction.time));
        self.set(tags::TRANSACTION_TYPE, [transaction.transaction_type]);
        self.set(tags::SEQUENCE_COUNTER, number_bcd(u64::from(transaction.sequence_counter), 4));
        self.set(tags::COUNTRY, terminal.country.0);
        self.set(tags::CAPABILITIES, terminal.capabilities.0);
        self.set(tags::ADDITIONAL_CAPABILITIES, terminal.additional_capabilities.0);
        self.set(tags::TERMINAL_TYPE, terminal.terminal_type.0);
        self.set(tags::SERIAL_NUMBER, text(&terminal.serial_number, 8));
        self.set(tags::ENTRY_MODE, [if self.tap.is_some() { 0x07 } else { 0x05 }]);
        self.set(tags::AID, self.application.aid.0.clone());
        self.set(tags::TERMINAL_VERSION, self.application.version.0);
        self.set(tags::FLOOR_LIMIT, self.application.floor_limit.to_be_bytes());
        self.set(tags::UNPREDICTABLE_NUMBER, &self.random[..4]);
        self.set(tags::TVR, self.tvr.0);
        self.set(tags::TSI, self.tsi.0);
        self.set(tags::CVM_RESULTS, self.cvm_results.0);
        self.set(tags::RESPONSE_CODE, [0, 0]);
        let optional = [
            (tags::ACQUIRER, terminal.acquirer.map(|value| value.0.to_vec())),
            (tags::MERCHANT_CATEGORY, terminal.merchant_category.map(|value| value.0.to_vec())),
            (tags::MERCHANT, terminal.merchant.map(|value| text(&value, 15))),
            (tags::TERMINAL, terminal.identification.map(|value| text(&value, 8))),
            (tags::MERCHANT_NAME, terminal.merchant_name.map(String::into_bytes)),
            (tags::RISK_DATA, self.application.risk_data.clone().map(|value| value.0)),
        ];
        for (tag, value) in optional {
            if let Some(value) = value {
                self.set(tag, value);
            }
        }
    }
}

impl Outcome {
    pub(super) fn terminated(reason: Reason) -> Outcome {
        Outcome {
            verdict: Verdict::Terminated(reason),
            cryptogram_information: None,
            cryptogram: None,
            transaction_counter: None,
            tvr: Tvr::default(),
            tsi: Tsi::default(),
            cvm_results: CvmResults::NONE,
            signature_required: false,
            online_pin: false,
            host_approved: false,
            issuer_authentication_failed: false,
            advice_requested: false,
            script_results: None,
            tap: None,
        }
    }
}

/// The same command with the length that the card wants to give (6Cxx); `None` where it expects no data at all.
fn with_expected(mut command: Vec<u8>, status: u16) -> Option<Vec<u8>> {
    let data = if command.len() > 5 { usize::from(command[4]) + 1 } else { 0 };
    if command.len() != 5 + data {
        return None;
    }
    // The low byte of the status is the length.
    *command.last_mut()? = status as u8;
    Some(command)
}

/// A malformed answer to a command.
pub(super) fn malformed(command: &'static str) -> impl Fn(TlvError) -> End {
    move |error| Reason::Malformed { command, error }.into()
}
