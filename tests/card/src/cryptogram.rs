//! GENERATE AC and EXTERNAL AUTHENTICATE: card risk management and the cryptograms.

use crate::apdu::{Command, Reply, status};
use crate::card::{Card, Chip, Session, Stage};
use crate::issuer::{self, CryptogramInput};
use crate::misbehaviour::Fault;
use crate::profile::{Application, FirstCryptogram, Format, IssuerAuthentication, OfflineAuthentication};
use crate::tlv;

/// Derivation key index and cryptogram version in 9F10.
const KEY_INDEX: u8 = 0x01;
const CRYPTOGRAM_VERSION: u8 = 0x01;
/// Algorithm identifier in 9F10: triple DES.
const TRIPLE_DES: u8 = 0x01;
/// The bit of P1 that asks for a signature over the cryptogram.
const SIGNED: u8 = 0x10;

/// Types of application cryptogram, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CryptogramType {
    /// Application authentication cryptogram: declined.
    Aac,
    /// Authorisation request cryptogram: go online.
    Arqc,
    /// Transaction certificate: approved.
    Tc,
}

impl CryptogramType {
    /// Bits 8-7 of the cryptogram information data and of GENERATE AC's P1.
    pub fn bits(self) -> u8 {
        match self {
            Self::Aac => 0x00,
            Self::Tc => 0x40,
            Self::Arqc => 0x80,
        }
    }
}

/// A cryptogram that the card gave, with what it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its type.
    pub kind: CryptogramType,
    /// 9F26, as the card computed it.
    pub value: [u8; 8],
    /// What it covers; the ATC is in it.
    pub input: CryptogramInput,
    /// 9F10.
    pub issuer_data: Vec<u8>,
    /// The issuer's derivation data: PAN digits of the application.
    pub pan: String,
    /// The issuer's derivation data: PAN sequence number of the application.
    pub sequence: u8,
    pub(crate) order: u64,
}

impl Card {
    pub(crate) fn generate_cryptogram(&mut self, command: Command<'_>) -> Reply {
        let asked = match command.p1 & !SIGNED {
            0x00 => CryptogramType::Aac,
            0x40 => CryptogramType::Tc,
            0x80 => CryptogramType::Arqc,
            _ => return Reply::status(status::WRONG_PARAMETERS),
        };
        let signed = command.p1 & SIGNED != 0;
        if command.p2 != 0 {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        let number = if signed { self.number() } else { [0; 8] };
        let exceeded = self.pin_tries_left == 0;
        let master_key = self.profile.master_key;
        self.made += 1;
        let order = self.made;
        let Some((application, chip, session)) = self.current() else {
            return Reply::status(status::CONDITIONS);
        };
        let list = match session.stage {
            Stage::Initiated => application.first_list(),
            Stage::Online => application.second_list(),
            _ => return Reply::status(status::CONDITIONS),
        };
        if command.data.len() != tlv::list_length(&list) {
            return Reply::status(status::WRONG_LENGTH);
        }
        if signed && application.authentication != OfflineAuthentication::Combined {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        session.told.extend_from_slice(command.data);
        let key = issuer::card_key(&master_key, &application.pan, application.sequence);
        let kind = if session.stage == Stage::Initiated {
            first(application, asked)
        } else {
            if asked == CryptogramType::Arqc {
                return Reply::status(status::CONDITIONS);
            }
            second(application, chip, session, &key, &list, command.data, asked)
        };
        let kind = match session.fault {
            Some(Fault::Cryptogram(forced)) => forced,
            _ => kind,
        };

        let unable_online = matches!(tlv::listed(&list, command.data, 0x8A), Some(b"Y3" | b"Z3"));
        let cvr = verification_results(chip, session, kind, exceeded, unable_online);
        let terminal = Told { list: &list, data: command.data };
        let issued = issue(application, kind, &key, &terminal, &application.aip(), chip.atc, cvr, order);
        chip.last = Some(issued.clone());
        match kind {
            CryptogramType::Arqc => {
                session.arqc = issued.value;
                session.went_online = true;
                session.stage = Stage::Online;
                chip.online_incomplete = true;
                chip.last_arqc = Some(issued.clone());
            }
            CryptogramType::Tc => {
                session.stage = Stage::Finished;
                chip.last_tc = Some(issued.clone());
            }
            CryptogramType::Aac => session.stage = Stage::Finished,
        }
        Reply::data(if signed && kind != CryptogramType::Aac {
            signed_answer(application, session, &issued, &number)
        } else {
            answer(application, session, &issued)
        })
    }

    pub(crate) fn external_authenticate(&mut self, command: Command<'_>) -> Reply {
        if (command.p1, command.p2) != (0, 0) {
            return Reply::status(status::WRONG_PARAMETERS);
        }
        let master_key = self.profile.master_key;
        let Some((application, chip, session)) = self.current() else {
            return Reply::status(status::CONDITIONS);
        };
        let once = session.stage == Stage::Online && session.issuer_authentication.is_none();
        if application.issuer_authentication != IssuerAuthentication::ExternalAuthenticate || !once {
            return Reply::status(status::CONDITIONS);
        }
        if !(8..=16).contains(&command.data.len()) {
            return Reply::status(status::WRONG_LENGTH);
        }
        let key = issuer::card_key(&master_key, &application.pan, application.sequence);
        let good = arpc_is_good(chip, session, &key, command.data);
        session.issuer_authentication = Some(good);
        if good { Reply::ok() } else { Reply::status(status::AUTHENTICATION_FAILED) }
    }
}

/// What the terminal has told, as a list asked for it.
pub(crate) struct Told<'a> {
    pub(crate) list: &'a [u8],
    pub(crate) data: &'a [u8],
}

impl Told<'_> {
    pub(crate) fn value(&self, tag: u32) -> &[u8] {
        tlv::listed(self.list, self.data, tag).unwrap_or_default()
    }
}

/// A cryptogram of version 01 over what the terminal has told and the card adds.
#[expect(clippy::too_many_arguments, reason = "each is one thing that the cryptogram or its record needs")]
pub(crate) fn issue(
    application: &Application,
    kind: CryptogramType,
    key: &[u8; 16],
    terminal: &Told<'_>,
    aip: &[u8],
    atc: u16,
    cvr: [u8; 4],
    order: u64,
) -> Issued {
    let input = CryptogramInput {
        amount: fixed(terminal.value(0x9F02)),
        other: fixed(terminal.value(0x9F03)),
        country: fixed(terminal.value(0x9F1A)),
        tvr: fixed(terminal.value(0x95)),
        currency: fixed(terminal.value(0x5F2A)),
        date: fixed(terminal.value(0x9A)),
        transaction_type: terminal.value(0x9C).first().copied().unwrap_or_default(),
        unpredictable_number: fixed(terminal.value(0x9F37)),
        aip: fixed(aip),
        atc,
        cvr,
    };
    let mut issuer_data = vec![0x07, KEY_INDEX, CRYPTOGRAM_VERSION];
    issuer_data.extend_from_slice(&cvr);
    issuer_data.push(TRIPLE_DES);
    issuer_data.extend_from_slice(&application.discretionary);
    Issued {
        kind,
        value: issuer::cryptogram(key, &input),
        input,
        issuer_data,
        pan: application.pan.clone(),
        sequence: application.sequence,
        order,
    }
}

/// The type the card agrees to at the first GENERATE AC (Book 3 §9.3: never higher than asked).
fn first(application: &Application, asked: CryptogramType) -> CryptogramType {
    match application.first_cryptogram {
        FirstCryptogram::AsAsked => asked,
        FirstCryptogram::Online => asked.min(CryptogramType::Arqc),
        FirstCryptogram::Decline => CryptogramType::Aac,
    }
}

/// The type the card agrees to after the host, and what it remembers of the host.
fn second(
    application: &Application,
    chip: &mut Chip,
    session: &mut Session,
    key: &[u8; 16],
    list: &[u8],
    data: &[u8],
    asked: CryptogramType,
) -> CryptogramType {
    if application.issuer_authentication == IssuerAuthentication::SecondGenerate
        && let Some(authentication) = tlv::listed(list, data, 0x91)
        && authentication.iter().any(|byte| *byte != 0)
    {
        session.issuer_authentication = Some(arpc_is_good(chip, session, key, authentication));
    }
    let result = session.issuer_authentication;
    // Without an answer from the host the payment did not complete online, and the card remembers that.
    if !matches!(tlv::listed(list, data, 0x8A), Some(b"Y3" | b"Z3")) {
        chip.online_incomplete = false;
        chip.scripts_after = 0;
        chip.script_failed = session.script_failed;
        chip.issuer_authentication_failed = result == Some(false);
        chip.issuer_authentication_missing =
            result.is_none() && application.issuer_authentication != IssuerAuthentication::None;
    }
    let refused =
        result == Some(false) || application.issuer_authentication_mandatory && result != Some(true);
    if refused {
        return CryptogramType::Aac;
    }
    if !chip.online_incomplete {
        chip.last_online_atc = chip.atc;
    }
    asked
}

fn arpc_is_good(chip: &Chip, session: &Session, key: &[u8; 16], data: &[u8]) -> bool {
    match session.fault {
        Some(Fault::AcceptAnyArpc) => return true,
        Some(Fault::RefuseEveryArpc) => return false,
        _ => {}
    }
    let Some((given, rest)) = data.split_first_chunk::<8>() else { return false };
    let Some(code) = rest.first_chunk::<2>() else { return false };
    issuer::arpc(key, chip.atc, session.arqc, *code) == *given
}

/// Card verification results: length byte and three bytes (PBOC 3.0 part 5).
pub(crate) fn verification_results(
    chip: &Chip,
    session: &Session,
    kind: CryptogramType,
    pin_tries_exceeded: bool,
    unable_online: bool,
) -> [u8; 4] {
    let flag = |bit: u8, set: bool| u8::from(set) << (bit - 1);
    let type_bits = match kind {
        CryptogramType::Aac => 0,
        CryptogramType::Tc => 1,
        CryptogramType::Arqc => 2,
    };
    // Bits 8-7: second cryptogram, 10 for not yet requested; bits 6-5: first.
    let cryptograms = if session.went_online { type_bits << 6 | 0x20 } else { 0x80 | type_bits << 4 };
    let first = cryptograms
        | flag(4, session.issuer_authentication == Some(false))
        | flag(3, session.pin_given)
        | flag(2, session.pin_given && session.pin_wrong)
        | flag(1, unable_online);
    let second = flag(8, chip.online_incomplete)
        | flag(7, pin_tries_exceeded)
        | flag(5, chip.last_online_atc == 0)
        | flag(4, chip.issuer_authentication_failed)
        | flag(3, chip.issuer_authentication_missing);
    let third =
        (chip.scripts_after.min(15) << 4) | flag(4, chip.script_failed) | flag(2, session.dynamic_done);
    [0x03, first, second, third]
}

fn answer(application: &Application, session: &Session, issued: &Issued) -> Vec<u8> {
    let mut value = issued.value;
    let mut identifier = issued.kind.bits();
    match session.fault {
        Some(Fault::WrongCryptogram) => value[7] ^= 0x01,
        Some(Fault::Identifier(given)) => identifier = given,
        _ => {}
    }
    let standard = [
        (0x9F27, vec![identifier]),
        (0x9F36, issued.input.atc.to_be_bytes().to_vec()),
        (0x9F26, value.to_vec()),
        (0x9F10, issued.issuer_data.clone()),
    ];
    let mut tagged = Vec::new();
    let mut plain = Vec::new();
    for (tag, value) in standard {
        if let Some(value) = application.value(tag, Some(value)) {
            tagged.extend(tlv::object(tag, &value));
            plain.extend(value);
        }
    }
    match application.cryptogram_format {
        Format::Plain => tlv::object(0x80, &plain),
        Format::Tagged => tlv::object(0x77, &tagged),
    }
}

/// The answer with a signature over the cryptogram in its place (CDA, Book 2 §6.6.1).
fn signed_answer(application: &Application, session: &Session, issued: &Issued, number: &[u8]) -> Vec<u8> {
    let mut value = issued.value;
    let mut identifier = issued.kind.bits();
    match session.fault {
        Some(Fault::WrongCryptogram) => value[7] ^= 0x01,
        Some(Fault::Identifier(given)) => identifier = given,
        _ => {}
    }
    let mut elements = Vec::new();
    for (tag, value) in [
        (0x9F27, vec![identifier]),
        (0x9F36, issued.input.atc.to_be_bytes().to_vec()),
        (0x9F10, issued.issuer_data.clone()),
    ] {
        if let Some(value) = application.value(tag, Some(value)) {
            elements.extend(tlv::object(tag, &value));
        }
    }
    let transaction = [&session.told[..], &elements].concat();
    let unpredictable = issued.input.unpredictable_number;
    let signature =
        issuer::signed_cryptogram(number, issued.kind.bits(), &value, &transaction, &unpredictable);
    if let Some(signature) = application.value(0x9F4B, Some(signature)) {
        elements.extend(tlv::object(0x9F4B, &signature));
    }
    tlv::object(0x77, &elements)
}

/// `bytes` in an array, zeros where the list asked for fewer.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|index| bytes.get(index).copied().unwrap_or_default())
}
