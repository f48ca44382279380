//! The card in the field of a contactless reader: UnionPay quickPass (qPBOC).
//!
//! Everything is decided in GET PROCESSING OPTIONS: the answer holds the cryptogram. A card with electronic cash has
//! paid once its last record is read, so that one that leaves before that has paid nothing.

use crate::apdu::{Command, Reply, status};
use crate::card::{Card, Stage};
use crate::cryptogram::{CryptogramType, Told, issue, verification_results};
use crate::hex::compressed;
use crate::issuer;
use crate::misbehaviour::Fault;
use crate::profile::Application;
use crate::records::{Record, digits, packed};
use crate::tlv;

/// What an application does at a tap.
#[derive(Clone, Debug)]
pub struct QuickPass {
    /// What it wants to do with a payment.
    pub wish: Wish,
    /// Card transaction qualifiers (9F6C); `None` leaves the object out.
    pub qualifiers: Option<[u8; 2]>,
    /// The phone has verified its user: the qualifiers say so, and ask for nothing else.
    pub user_verified: bool,
    /// How it signs a tap.
    pub fdda: Fdda,
    /// Where the signature (9F4B) is.
    pub signature: Signature,
    /// Electronic cash on a fresh card, in minor units.
    pub balance: u64,
    /// The answer holds 9F27.
    pub information: bool,
    /// The kernel that its directory entry names (9F2A).
    pub kernel: Option<u8>,
    /// What it asks of the terminal (9F38).
    pub pdol: Vec<u8>,
}

/// What the card wants to do with a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Ask the issuer (ARQC).
    Online,
    /// Pay with electronic cash (TC), where the terminal allows it and there is enough; else ask the issuer.
    Cash,
    /// Nothing (AAC).
    Decline,
    /// Debit and credit as on contacts: no cryptogram in the answer.
    DebitCredit,
}

/// Fast dynamic data authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fdda {
    /// None: the interchange profile does not name it.
    None,
    /// The terminal's unpredictable number is signed, and nothing else.
    Version00,
    /// Unpredictable number, amount, currency and 9F69 are signed, with the qualifiers in the last.
    Version01,
}

/// Where the signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// In the answer to GET PROCESSING OPTIONS.
    Answer,
    /// In the last record.
    LastRecord,
}

/// Bits of the terminal transaction qualifiers (9F66), byte and mask.
const QUICK_PASS: (usize, u8) = (0, 0x20);
const DEBIT_CREDIT: (usize, u8) = (0, 0x40);
const OFFLINE_ONLY: (usize, u8) = (0, 0x08);
const AUTHENTICATE_ONLINE: (usize, u8) = (0, 0x01);
const ONLINE_REQUIRED: (usize, u8) = (1, 0x80);
const FDDA_01: (usize, u8) = (3, 0x80);

impl QuickPass {
    /// Goes online with an online PIN.
    pub fn online() -> Self {
        Self {
            wish: Wish::Online,
            qualifiers: Some([0x80, 0x00]),
            user_verified: false,
            fdda: Fdda::Version01,
            signature: Signature::Answer,
            balance: 0,
            information: false,
            kernel: None,
            pdol: vec![
                0x9F, 0x66, 4, 0x9F, 0x02, 6, 0x9F, 0x03, 6, 0x9F, 0x1A, 2, 0x95, 5, 0x5F, 0x2A, 2, 0x9A, 3,
                0x9C, 1, 0x9F, 0x37, 4,
            ],
        }
    }

    /// A phone whose user is verified.
    pub fn phone() -> Self {
        Self { user_verified: true, information: true, kernel: Some(7), ..Self::online() }
    }

    /// Electronic cash of `balance` minor units.
    pub fn cash(balance: u64) -> Self {
        Self { wish: Wish::Cash, qualifiers: Some([0x00, 0x00]), balance, ..Self::online() }
    }

    /// Debit and credit.
    pub fn debit_credit() -> Self {
        Self { wish: Wish::DebitCredit, ..Self::online() }
    }

    /// What the qualifiers say.
    fn qualifiers(&self) -> Option<[u8; 2]> {
        let [first, second] = self.qualifiers?;
        Some(if self.user_verified { [first & 0x3F, second | 0x80] } else { [first, second] })
    }
}

impl Application {
    /// The list of GET PROCESSING OPTIONS, in the field or on contacts.
    pub(crate) fn pdol(&self, in_field: bool) -> Option<Vec<u8>> {
        match &self.quick_pass {
            Some(quick_pass) if in_field => Some(quick_pass.pdol.clone()),
            _ => self.pdol.clone(),
        }
    }

    /// The application interchange profile of a tap.
    fn tapped_aip(&self, fdda: Fdda) -> Vec<u8> {
        let dynamic = if fdda == Fdda::None { 0x00 } else { 0x20 };
        self.value(0x82, Some(vec![dynamic, 0x00])).unwrap_or_default()
    }

    /// The records of a tap, and the file locator that leads to them. `signature` goes into the last.
    fn tapped_records(&self, fdda: Fdda, aip: &[u8], signature: &[(u32, Vec<u8>)]) -> (Vec<Record>, Vec<u8>) {
        let signed = self.template(&[
            (0x5A, compressed(&self.pan)),
            (0x5F24, compressed(digits(&self.expiry))),
            (0x5F25, compressed(digits(&self.effective))),
            (0x5F28, self.country.to_vec()),
            (0x9F07, self.usage_control.to_vec()),
            (0x9F08, self.version.to_vec()),
            (0x9F4A, vec![0x82]),
        ]);
        let content = tlv::first(&signed).map(|(_, content, _)| content.to_vec()).unwrap_or_default();
        let record = |sfi, number, signed, content| Record { sfi, number, signed, content };
        let mut records = vec![record(2, 1, true, signed)];
        let mut locator = vec![2 << 3, 1, 1, 1];
        if fdda != Fdda::None {
            let issuer = issuer::issuer_certificate(&self.pan);
            let card = issuer::card_certificate(&self.pan, &[content, aip.to_vec()].concat());
            let key =
                [(0x8F, vec![issuer::AUTHORITY_INDEX]), (0x9F32, issuer.exponent), (0x92, issuer.remainder)];
            records.push(record(4, 1, false, self.template(&key)));
            records.push(record(4, 2, false, self.template(&[(0x90, issuer.certificate)])));
            let own = [(0x9F46, card.certificate), (0x9F47, card.exponent), (0x9F48, card.remainder)];
            records.push(record(4, 3, false, self.template(&own)));
            locator.extend([4 << 3, 1, 3, 0]);
        }
        let mut last = vec![(0x5F20, self.cardholder.clone().into_bytes())];
        last.extend(signature.iter().cloned());
        records.push(record(5, 1, false, self.template(&last)));
        locator.extend([5 << 3, 1, 1, 0]);
        (records, locator)
    }
}

impl Card {
    pub(crate) fn open_in_field(&mut self, command: Command<'_>) -> Reply {
        let exceeded = self.pin_tries_left == 0;
        let master_key = self.profile.master_key;
        let number = self.number();
        self.made += 1;
        let order = self.made;
        let Some((application, chip, session)) = self.current() else {
            return Reply::status(status::CONDITIONS);
        };
        let Some(quick_pass) = application.quick_pass.clone() else {
            return Reply::status(status::CONDITIONS);
        };
        if session.stage != Stage::Selected || chip.blocked {
            return Reply::status(status::CONDITIONS);
        }
        let list = application.value(0x9F38, application.pdol(true)).unwrap_or_default();
        let data = match tlv::first(command.data) {
            Some((0x83, value, [])) if value.len() == tlv::list_length(&list) => value,
            _ => return Reply::status(status::WRONG_DATA),
        };
        let terminal = Told { list: &list, data };
        let has = |(byte, mask): (usize, u8)| {
            terminal.value(0x9F66).get(byte).is_some_and(|qualifiers| qualifiers & mask != 0)
        };
        if quick_pass.wish == Wish::DebitCredit && has(DEBIT_CREDIT) {
            return self.open_on_contacts(command);
        }
        if !has(QUICK_PASS) {
            return Reply::status(status::CONDITIONS);
        }
        let amount = compressed_amount(terminal.value(0x9F02));
        let affordable = amount <= chip.balance;
        let kind = match quick_pass.wish {
            Wish::Decline => CryptogramType::Aac,
            Wish::Cash if affordable && !has(ONLINE_REQUIRED) => CryptogramType::Tc,
            _ if has(OFFLINE_ONLY) => CryptogramType::Aac,
            _ => CryptogramType::Arqc,
        };
        let kind = match session.fault {
            Some(Fault::Cryptogram(forced)) => forced,
            _ => kind,
        };
        let Some(atc) = chip.atc.checked_add(1) else {
            return Reply::status(status::CONDITIONS);
        };
        chip.atc = atc;

        let aip = application.tapped_aip(quick_pass.fdda);
        let cvr = verification_results(chip, session, kind, exceeded, false);
        let key = issuer::card_key(&master_key, &application.pan, application.sequence);
        let issued = issue(application, kind, &key, &terminal, &aip, atc, cvr, order);
        let signs = kind == CryptogramType::Tc || kind == CryptogramType::Arqc && has(AUTHENTICATE_ONLINE);
        let fdda = if signs { quick_pass.fdda } else { Fdda::None };
        let fdda = if fdda == Fdda::Version01 && !has(FDDA_01) { Fdda::Version00 } else { fdda };
        let qualifiers = quick_pass.qualifiers();
        let mut signature = sign(fdda, &terminal, number, qualifiers.unwrap_or_default());
        let in_record = quick_pass.signature == Signature::LastRecord;
        let in_last = if in_record { std::mem::take(&mut signature) } else { Vec::new() };
        let (records, locator) = application.tapped_records(fdda, &aip, &in_last);
        session.records = records;
        session.stage = Stage::Finished;
        session.debit = (kind == CryptogramType::Tc).then_some(amount);

        let track = format!(
            "{}D{}{}1230000",
            application.pan,
            &digits(&application.expiry)[..4],
            application.service_code
        );
        let mut objects = vec![
            (0x82, aip),
            (0x94, locator),
            (0x9F36, atc.to_be_bytes().to_vec()),
            (0x9F26, issued.value.to_vec()),
            (0x9F10, issued.issuer_data.clone()),
            (0x57, compressed(&track)),
            (0x5F34, packed(application.sequence)),
        ];
        if quick_pass.information {
            objects.push((0x9F27, vec![kind.bits()]));
        }
        if let Some(qualifiers) = qualifiers {
            objects.push((0x9F6C, qualifiers.to_vec()));
        }
        if quick_pass.balance > 0 {
            objects.push((0x9F5D, compressed(&format!("{:012}", chip.balance))));
        }
        objects.extend(signature);
        match kind {
            CryptogramType::Arqc => chip.last_arqc = Some(issued.clone()),
            CryptogramType::Tc => chip.last_tc = Some(issued.clone()),
            CryptogramType::Aac => {}
        }
        chip.last = Some(issued);
        let inner: Vec<u8> = objects
            .into_iter()
            .filter_map(|(tag, value)| Some(tlv::object(tag, &application.value(tag, Some(value))?)))
            .flatten()
            .collect();
        Reply::data(tlv::object(0x77, &inner))
    }
}

/// The signature over a tap, and what belongs to it.
fn sign(fdda: Fdda, terminal: &Told<'_>, number: [u8; 8], qualifiers: [u8; 2]) -> Vec<(u32, Vec<u8>)> {
    let mut signed = terminal.value(0x9F37).to_vec();
    match fdda {
        Fdda::None => Vec::new(),
        Fdda::Version00 => vec![(0x9F4B, issuer::signed_dynamic_data(&number, &signed))],
        Fdda::Version01 => {
            // Version, a number of the card's own, the qualifiers, one byte reserved.
            let mut related = vec![0x01];
            related.extend_from_slice(&number[..4]);
            related.extend_from_slice(&qualifiers);
            related.push(0x00);
            for tag in [0x9F02, 0x5F2A] {
                signed.extend_from_slice(terminal.value(tag));
            }
            signed.extend_from_slice(&related);
            vec![(0x9F69, related), (0x9F4B, issuer::signed_dynamic_data(&number, &signed))]
        }
    }
}

/// An amount in packed digits.
fn compressed_amount(packed: &[u8]) -> u64 {
    packed.iter().fold(0, |amount, byte| amount * 100 + u64::from(byte >> 4) * 10 + u64::from(byte & 0x0F))
}
