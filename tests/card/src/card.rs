//! The card in the reader: its lasting state, the session, and the way from command to answer.

use std::collections::BTreeMap;

use crate::apdu::{Command, Reply, status};
use crate::cryptogram::Issued;
use crate::misbehaviour::{Fault, Misbehaviour, Moment};
use crate::profile::{Application, Format, Profile, Transport};
use crate::records::Record;
use crate::{des3, issuer, tlv};

/// One command and its answer, as they were on the contacts. It may hold a PIN: for tests only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The command APDU.
    pub command: Vec<u8>,
    /// The response APDU; empty when the card was mute.
    pub response: Vec<u8>,
}

/// A card. What lasts (counters, blocks) stays with it from session to session.
pub struct Card {
    pub(crate) profile: Profile,
    pub(crate) chips: Vec<Chip>,
    pub(crate) blocked: bool,
    pub(crate) pin_tries_left: u8,
    pub(crate) session: Session,
    pub(crate) scripts: Vec<Vec<u8>>,
    /// Numbers the cryptograms in the order of their making; nothing a terminal sees.
    pub(crate) made: u64,
    pub(crate) in_field: bool,
    present: bool,
    challenges: u32,
    faults: Vec<Misbehaviour>,
    exchanges: Vec<Exchange>,
}

/// What one application remembers.
#[derive(Clone, Default)]
pub(crate) struct Chip {
    pub(crate) blocked: bool,
    pub(crate) atc: u16,
    pub(crate) last_online_atc: u16,
    pub(crate) online_incomplete: bool,
    pub(crate) issuer_authentication_failed: bool,
    pub(crate) issuer_authentication_missing: bool,
    pub(crate) scripts_after: u8,
    pub(crate) script_failed: bool,
    pub(crate) balance: u64,
    pub(crate) put: BTreeMap<u16, Vec<u8>>,
    pub(crate) last: Option<Issued>,
    pub(crate) last_arqc: Option<Issued>,
    pub(crate) last_tc: Option<Issued>,
}

/// How far a transaction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing selected, or the payment system environment.
    #[default]
    Idle,
    /// An application is selected.
    Selected,
    /// After GET PROCESSING OPTIONS.
    Initiated,
    /// After an ARQC.
    Online,
    /// After a TC or AAC.
    Finished,
}

/// What is forgotten at reset.
#[derive(Default)]
pub(crate) struct Session {
    pub(crate) stage: Stage,
    pub(crate) environment: bool,
    pub(crate) application: usize,
    pub(crate) partial: Option<(Vec<u8>, usize)>,
    pub(crate) records: Vec<Record>,
    /// The terminal's data of PDOL and CDOLs so far.
    pub(crate) told: Vec<u8>,
    /// What GET CHALLENGE gave, until the next command.
    challenge: Option<[u8; 8]>,
    pub(crate) pin_given: bool,
    pub(crate) pin_wrong: bool,
    pub(crate) dynamic_done: bool,
    pub(crate) went_online: bool,
    pub(crate) issuer_authentication: Option<bool>,
    pub(crate) arqc: [u8; 8],
    pub(crate) script_failed: bool,
    pub(crate) fault: Option<Fault>,
    /// What reading the last record will take from the electronic cash.
    pub(crate) debit: Option<u64>,
    pending: Option<(Vec<u8>, u16)>,
    apdus: usize,
    instructions: BTreeMap<u8, usize>,
}

impl Session {
    /// A new selection: the transaction is forgotten, the counts and the search go on.
    pub(crate) fn select(&mut self, application: usize) {
        *self = Self {
            stage: Stage::Selected,
            application,
            partial: self.partial.take(),
            fault: self.fault.take(),
            apdus: self.apdus,
            instructions: std::mem::take(&mut self.instructions),
            ..Self::default()
        };
    }

    pub(crate) fn deselect(&mut self) {
        self.select(0);
        self.stage = Stage::Idle;
    }
}

impl Card {
    /// A fresh card, outside the reader: [`Card::reset`] comes first.
    pub fn new(profile: Profile) -> Self {
        let chips = profile
            .applications
            .iter()
            .map(|application| Chip {
                blocked: application.blocked,
                balance: application.quick_pass.as_ref().map_or(0, |quick_pass| quick_pass.balance),
                ..Chip::default()
            })
            .collect();
        Self {
            chips,
            blocked: profile.blocked,
            pin_tries_left: profile.pin_tries,
            session: Session::default(),
            scripts: Vec::new(),
            made: 0,
            in_field: false,
            present: false,
            challenges: 0,
            faults: Vec::new(),
            exchanges: Vec::new(),
            profile,
        }
    }

    /// Says where it will be powered: in the field of a contactless reader (`true`), or on contacts, as it is at first.
    pub fn hold_to_field(&mut self, in_field: bool) {
        self.in_field = in_field;
    }

    /// Power on or reset: a new session. Gives the answer to reset.
    pub fn reset(&mut self) -> Vec<u8> {
        self.session = Session::default();
        self.exchanges.clear();
        self.present = true;
        match self.profile.transport {
            Transport::T1 => vec![0x3B, 0xE0, 0x00, 0xFF, 0x81, 0x31, 0xFE, 0x45, 0x14],
            Transport::T0 => vec![0x3B, 0x60, 0x00, 0x00],
        }
    }

    /// One command APDU; the answer with its status words, or nothing when the card is mute or gone.
    pub fn transmit(&mut self, command: &[u8]) -> Vec<u8> {
        if !self.present {
            return Vec::new();
        }
        let response = self.answer(command);
        self.exchanges.push(Exchange { command: command.to_vec(), response: response.clone() });
        response
    }

    /// The card is taken out of the reader: the session ends.
    pub fn removed(&mut self) {
        self.present = false;
        self.session = Session::default();
    }

    /// Whether the card is in the reader and powered. [`Fault::Removed`] takes it out.
    pub fn present(&self) -> bool {
        self.present
    }

    /// Adds a fault. It stays, over sessions, until [`Card::behave`].
    pub fn misbehave(&mut self, misbehaviour: Misbehaviour) {
        self.faults.push(misbehaviour);
    }

    /// Takes all faults back.
    pub fn behave(&mut self) {
        self.faults.clear();
    }

    /// The personaliser's choices.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The personaliser's choices, to be changed between sessions. The PIN try counter and the blocks
    /// are not among them, and the number of applications stays.
    pub fn profile_mut(&mut self) -> &mut Profile {
        &mut self.profile
    }

    /// Commands and answers of this session.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// Issuer script commands that the card took, in order, over all sessions.
    pub fn scripts(&self) -> &[Vec<u8>] {
        &self.scripts
    }

    /// Wrong PINs left.
    pub fn pin_tries_left(&self) -> u8 {
        self.pin_tries_left
    }

    /// Application transaction counter of the n-th application (0 before its first use).
    pub fn atc(&self, application: usize) -> u16 {
        self.chips.get(application).map_or(0, |chip| chip.atc)
    }

    /// The ATC of the last payment of the n-th application that was completed online.
    pub fn last_online_atc(&self, application: usize) -> u16 {
        self.chips.get(application).map_or(0, |chip| chip.last_online_atc)
    }

    /// What the n-th application has of electronic cash, in minor units.
    pub fn balance(&self, application: usize) -> u64 {
        self.chips.get(application).map_or(0, |chip| chip.balance)
    }

    /// Whether a script has blocked the card.
    pub fn blocked(&self) -> bool {
        self.blocked
    }

    /// Whether the n-th application is blocked.
    pub fn application_blocked(&self, application: usize) -> bool {
        self.chips.get(application).is_some_and(|chip| chip.blocked)
    }

    /// The last TC of the application that was selected last, of any session.
    pub fn last_tc(&self) -> Option<&Issued> {
        self.latest(|chip| chip.last_tc.as_ref())
    }

    /// The last ARQC.
    pub fn last_arqc(&self) -> Option<&Issued> {
        self.latest(|chip| chip.last_arqc.as_ref())
    }

    /// The last cryptogram of any type.
    pub fn last_cryptogram(&self) -> Option<&Issued> {
        self.latest(|chip| chip.last.as_ref())
    }

    fn latest<'a>(&'a self, which: impl Fn(&'a Chip) -> Option<&'a Issued>) -> Option<&'a Issued> {
        self.chips.iter().filter_map(which).max_by_key(|issued| issued.order)
    }

    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let instruction = bytes.get(1).copied().unwrap_or_default();
        self.session.apdus += 1;
        let count = self.session.instructions.entry(instruction).or_default();
        *count += 1;
        let moment = Moment { apdu: self.session.apdus, instruction, nth: *count };
        self.session.fault = self
            .faults
            .iter()
            .find(|fault| fault.when.fits(moment))
            .map(|misbehaviour| misbehaviour.fault.clone());
        let fault = self.session.fault.clone();
        let answer = match fault.as_ref().and_then(Fault::instead) {
            Some(answer) => answer,
            None => {
                let answer = self.honest(bytes);
                fault.as_ref().map_or(answer.clone(), |fault| fault.distort(answer))
            }
        };
        if matches!(fault, Some(Fault::Removed | Fault::RemovedAfter)) {
            self.present = false;
        }
        answer
    }

    /// The answer as the transport carries it.
    fn honest(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(command) = Command::parse(bytes) else {
            return status::WRONG_LENGTH.to_be_bytes().to_vec();
        };
        let waits = self.profile.transport == Transport::T0;
        if waits && command.class == 0x00 && command.instruction == 0xC0 {
            let Some((data, status)) = self.session.pending.take() else {
                return status::CONDITIONS.to_be_bytes().to_vec();
            };
            if command.expected != Some(data.len() as u8) {
                let length = data.len() as u8;
                self.session.pending = Some((data, status));
                return vec![0x6C, length];
            }
            return [data, status.to_be_bytes().to_vec()].concat();
        }
        self.session.pending = None;
        if command.instruction != 0x20 {
            self.session.challenge = None;
        }
        let reply = self.execute(command);
        if waits && !reply.data.is_empty() {
            let length = reply.data.len() as u8;
            if !command.data.is_empty() {
                self.session.pending = Some((reply.data, reply.status));
                return vec![0x61, length];
            }
            if command.expected != Some(length) {
                return vec![0x6C, length];
            }
        }
        [reply.data, reply.status.to_be_bytes().to_vec()].concat()
    }

    fn execute(&mut self, command: Command<'_>) -> Reply {
        let class = match command.instruction {
            0xA4 | 0xB2 | 0x88 | 0x20 | 0x84 | 0x82 => &[0x00][..],
            0xA8 | 0xAE | 0xCA => &[0x80],
            0x16 | 0x18 | 0x1E | 0x24 => &[0x84],
            0xDA => &[0x04, 0x84],
            _ => return Reply::status(status::NO_INSTRUCTION),
        };
        if !class.contains(&command.class) {
            return Reply::status(status::NO_CLASS);
        }
        match command.instruction {
            0xA4 => self.select(command),
            0xB2 => self.read_record(command),
            0xA8 => self.get_processing_options(command),
            0xCA => self.get_data(command),
            0x84 => self.get_challenge(command),
            0x88 => self.internal_authenticate(command),
            0x20 => self.verify(command),
            0x82 => self.external_authenticate(command),
            0xAE => self.generate_cryptogram(command),
            _ => self.script(command),
        }
    }

    /// The selected application with its memory; `None` before SELECT.
    pub(crate) fn current(&mut self) -> Option<(&Application, &mut Chip, &mut Session)> {
        let index = self.session.application;
        if self.session.stage == Stage::Idle {
            return None;
        }
        Some((self.profile.applications.get(index)?, self.chips.get_mut(index)?, &mut self.session))
    }

    fn get_processing_options(&mut self, command: Command<'_>) -> Reply {
        if (command.p1, command.p2) != (0, 0) {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        if self.in_field {
            return self.open_in_field(command);
        }
        self.open_on_contacts(command)
    }

    pub(crate) fn open_on_contacts(&mut self, command: Command<'_>) -> Reply {
        let in_field = self.in_field;
        let Some((application, chip, session)) = self.current() else {
            return Reply::status(status::CONDITIONS);
        };
        if session.stage != Stage::Selected || chip.blocked {
            return Reply::status(status::CONDITIONS);
        }
        let list = application.value(0x9F38, application.pdol(in_field)).unwrap_or_default();
        match tlv::first(command.data) {
            Some((0x83, value, [])) if value.len() == tlv::list_length(&list) => {
                session.told = value.to_vec();
            }
            _ => return Reply::status(status::WRONG_DATA),
        }
        let Some(atc) = chip.atc.checked_add(1) else {
            return Reply::status(status::CONDITIONS);
        };
        chip.atc = atc;
        session.stage = Stage::Initiated;
        session.records = application.records();
        let (profile, locator) = (application.aip(), application.afl());
        Reply::data(match application.options_format {
            Format::Plain => tlv::object(0x80, &[profile, locator].concat()),
            Format::Tagged => {
                let mut inner = Vec::new();
                if application.value(0x82, Some(Vec::new())).is_some() {
                    inner.extend(tlv::object(0x82, &profile));
                }
                if application.value(0x94, Some(Vec::new())).is_some() {
                    inner.extend(tlv::object(0x94, &locator));
                }
                tlv::object(0x77, &inner)
            }
        })
    }

    fn get_data(&mut self, command: Command<'_>) -> Reply {
        let tries = self.pin_tries_left;
        let Some((application, chip, _)) = self.current() else {
            return Reply::status(status::CONDITIONS);
        };
        let tag = u16::from_be_bytes([command.p1, command.p2]);
        let counter = |number: u16| Some(number.to_be_bytes().to_vec());
        let standard = match tag {
            _ if chip.put.contains_key(&tag) => chip.put.get(&tag).cloned(),
            _ if !application.counters_readable => None,
            0x9F36 => counter(chip.atc),
            0x9F13 => counter(chip.last_online_atc),
            0x9F17 => Some(vec![tries]),
            // The log format that a log of date, time, amount and ATC would have.
            0x9F4F => Some(vec![0x9A, 3, 0x9F, 0x21, 3, 0x9F, 0x02, 6, 0x9F, 0x36, 2]),
            _ => None,
        };
        match application.value(u32::from(tag), standard) {
            Some(value) => Reply::data(tlv::object(u32::from(tag), &value)),
            None => Reply::status(status::NO_DATA),
        }
    }

    fn get_challenge(&mut self, command: Command<'_>) -> Reply {
        if (command.p1, command.p2) != (0, 0) || !command.data.is_empty() {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        let number = self.number();
        self.session.challenge = Some(number);
        Reply::data(number.to_vec())
    }

    /// The card's next number that a terminal cannot foresee; without randomness, so that runs repeat.
    pub(crate) fn number(&mut self) -> [u8; 8] {
        self.challenges += 1;
        let mut block = *b"challeng";
        block[4..].copy_from_slice(&self.challenges.to_be_bytes());
        des3::encipher(&self.profile.master_key, block)
    }

    fn internal_authenticate(&mut self, command: Command<'_>) -> Reply {
        let number = self.number();
        let Some((application, _, session)) = self.current() else {
            return Reply::status(status::CONDITIONS);
        };
        if !application.authentication.has_key() {
            return Reply::status(status::NO_INSTRUCTION);
        }
        if session.stage != Stage::Initiated {
            return Reply::status(status::CONDITIONS);
        }
        let list = application.value(0x9F49, application.ddol.clone());
        let wanted = list.map_or(command.data.len(), |list| tlv::list_length(&list));
        if command.data.is_empty() || command.data.len() != wanted {
            return Reply::status(status::WRONG_LENGTH);
        }
        session.dynamic_done = true;
        let signed = issuer::signed_dynamic_data(&number, command.data);
        Reply::data(match application.cryptogram_format {
            Format::Plain => tlv::object(0x80, &signed),
            Format::Tagged => tlv::object(0x77, &tlv::object(0x9F4B, &signed)),
        })
    }

    /// Offline PIN, plaintext or enciphered (Book 3 §6.5.12). A block of the wrong form counts as a wrong PIN.
    fn verify(&mut self, command: Command<'_>) -> Reply {
        if command.p1 != 0x00 || !matches!(command.p2, 0x80 | 0x88) {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        if self.session.stage != Stage::Initiated {
            return Reply::status(status::CONDITIONS);
        }
        let given = if command.p2 == 0x80 {
            <[u8; 8]>::try_from(command.data).map_err(|_| status::WRONG_LENGTH)
        } else {
            self.deciphered(command.data)
        };
        let given = match given {
            Ok(block) => block,
            Err(refused) => return Reply::status(refused),
        };
        if self.pin_tries_left == 0 {
            self.session.pin_given = true;
            self.session.pin_wrong = true;
            return Reply::status(status::BLOCKED);
        }
        self.session.pin_given = true;
        let mut block = crate::hex::compressed(&format!("2{:X}{}", self.profile.pin.len(), self.profile.pin));
        block.resize(8, 0xFF);
        self.session.pin_wrong = given[..] != block;
        if self.session.pin_wrong {
            self.pin_tries_left -= 1;
            Reply::status(0x63C0 | u16::from(self.pin_tries_left))
        } else {
            self.pin_tries_left = self.profile.pin_tries;
            Reply::ok()
        }
    }

    /// The block under the card's key, with the number that it has just given.
    fn deciphered(&mut self, cipher: &[u8]) -> Result<[u8; 8], u16> {
        let Some(challenge) = self.session.challenge.take() else { return Err(status::CONDITIONS) };
        let Some((application, ..)) = self.current() else { return Err(status::CONDITIONS) };
        if !application.authentication.has_key() {
            return Err(status::WRONG_PARAMETERS);
        }
        match issuer::decipher_pin(!application.pin_certificate, cipher) {
            Some((block, number)) if number == challenge => Ok(block),
            _ => Err(status::CONDITIONS),
        }
    }
}
