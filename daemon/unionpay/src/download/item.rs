//! Downloaded items: a CA key, a card application, the contactless parameters.

use super::{
    AidEntry, DownloadError, DownloadErrorKind, KeyEntry, aid_of, bad_value, byte_of, date_of, decimal,
    rid_of,
};
use crate::profile::Profile;
use crate::tlv::{Object, Objects};
use serde::{Deserialize, Serialize};

/// One CA public key (IC卡公钥).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaKey {
    /// Registered application provider (9F06).
    pub rid: [u8; 5],
    /// Index (9F22).
    pub index: u8,
    /// Last good day, YYYYMMDD (DF05).
    pub expiry: String,
    /// Hash algorithm (DF06), 1 for SHA-1.
    pub hash_algorithm: u8,
    /// Public key algorithm (DF07), 1 for RSA.
    pub key_algorithm: u8,
    /// Modulus (DF02), 64 to 248 bytes.
    pub modulus: Vec<u8>,
    /// Exponent (DF04), 1 to 3 bytes.
    pub exponent: Vec<u8>,
    /// Checksum (DF03), 20 bytes: SHA-1 over [`Self::checksum_input`].
    pub checksum: [u8; 20],
}

impl CaKey {
    /// Reads the answer to a [`crate::request::Step::Key`].
    ///
    /// # Errors
    /// Where the host does not have the key, field 62 is malformed, or it holds another key.
    pub fn read(asked: &KeyEntry, field62: &[u8]) -> Result<Self, DownloadError> {
        let item = Item::read(field62)?;
        let key = Self {
            rid: rid_of(item.needed(0x9F06)?)?,
            index: byte_of(item.needed(0x9F22)?)?,
            expiry: date_of(item.needed(0xDF05)?)?,
            hash_algorithm: byte_of(item.needed(0xDF06)?)?,
            key_algorithm: byte_of(item.needed(0xDF07)?)?,
            modulus: item.sized(0xDF02, 64, 248)?,
            exponent: item.sized(0xDF04, 1, 3)?,
            checksum: item.array(0xDF03)?,
        };
        if (key.rid, key.index) != (asked.rid, asked.index) {
            return Err(DownloadErrorKind::OtherItem.at(1));
        }
        Ok(key)
    }

    /// What the checksum covers: provider, index, modulus, exponent. The caller has the hash and must check it.
    pub fn checksum_input(&self) -> Vec<u8> {
        [&self.rid[..], &[self.index], &self.modulus, &self.exponent].concat()
    }
}

/// The parameters of one card application (IC卡参数). What the host leaves out is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AidParameters {
    /// Application identifier (9F06), 5 to 16 bytes.
    pub aid: Vec<u8>,
    /// Whether the card's identifier may be longer (DF01 = 00; 01 wants the same length).
    pub partial_match: bool,
    /// Application version (9F08 at the terminal: 9F09).
    pub version: [u8; 2],
    /// Terminal action code, default (DF11).
    pub action_default: [u8; 5],
    /// Terminal action code, online (DF12).
    pub action_online: [u8; 5],
    /// Terminal action code, denial (DF13).
    pub action_denial: [u8; 5],
    /// Floor limit in minor units (9F1B).
    pub floor_limit: u32,
    /// Threshold of biased random selection in minor units (DF15).
    pub random_threshold: u32,
    /// Largest target percentage of biased random selection (DF16), 0 to 99.
    pub random_maximum: u8,
    /// Target percentage of random selection (DF17), 0 to 99.
    pub random_target: u8,
    /// Default DDOL (DF14).
    pub default_ddol: Vec<u8>,
    /// Whether the terminal takes an online PIN (DF18 = 01).
    pub online_pin: bool,
    /// Limit of electronic cash in minor units (9F7B).
    pub cash_limit: Option<u64>,
    /// Contactless floor limit in minor units (DF19).
    pub contactless_floor_limit: Option<u64>,
    /// Contactless transaction limit in minor units (DF20).
    pub contactless_limit: Option<u64>,
    /// Contactless limit above which the cardholder is verified, in minor units (DF21).
    pub contactless_cvm_limit: Option<u64>,
}

impl AidParameters {
    /// Reads the answer to a [`crate::request::Step::Aid`].
    ///
    /// # Errors
    /// Where the host does not have the application, field 62 is malformed, or it holds another one.
    pub fn read(asked: &AidEntry, field62: &[u8]) -> Result<Self, DownloadError> {
        let item = Item::read(field62)?;
        let flag = |tag| {
            let object = item.needed(tag)?;
            match byte_of(object)? {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(bad_value(object)),
            }
        };
        let parameters = Self {
            aid: aid_of(item.needed(0x9F06)?)?,
            partial_match: !flag(0xDF01)?,
            version: item.array(0x9F08)?,
            action_default: item.array(0xDF11)?,
            action_online: item.array(0xDF12)?,
            action_denial: item.array(0xDF13)?,
            floor_limit: u32::from_be_bytes(item.array(0x9F1B)?),
            random_threshold: u32::from_be_bytes(item.array(0xDF15)?),
            random_maximum: item.percentage(0xDF16)?,
            random_target: item.percentage(0xDF17)?,
            default_ddol: item.sized(0xDF14, 1, 252)?,
            online_pin: flag(0xDF18)?,
            cash_limit: item.amount(0x9F7B)?,
            contactless_floor_limit: item.amount(0xDF19)?,
            contactless_limit: item.amount(0xDF20)?,
            contactless_cvm_limit: item.amount(0xDF21)?,
        };
        if parameters.aid != asked.aid {
            return Err(DownloadErrorKind::OtherItem.at(1));
        }
        Ok(parameters)
    }
}

/// Contactless parameters (非接业务参数). Which tag means what is in the profile; `None` where the host leaves one out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactlessParameters {
    /// Whether debit and credit go over the contactless chip rather than electronic cash.
    pub channel: Option<bool>,
    /// Whether small amounts go without PIN.
    pub no_pin: Option<bool>,
    /// Largest amount without PIN in minor units.
    pub no_pin_limit: Option<u64>,
    /// Whether small amounts go without signature.
    pub no_signature: Option<bool>,
    /// Largest amount without signature in minor units.
    pub no_signature_limit: Option<u64>,
    /// Whether a verification on the cardholder's device counts.
    pub device_verification: Option<bool>,
    /// Everything that came, in order: tag and value.
    pub objects: Vec<(u32, Vec<u8>)>,
}

impl ContactlessParameters {
    /// Reads the answer to a [`crate::request::Step::Contactless`].
    ///
    /// # Errors
    /// Where the host has none, or field 62 is malformed.
    pub fn read(profile: &Profile, field62: &[u8]) -> Result<Self, DownloadError> {
        let item = Item::read(field62)?;
        let tags = &profile.contactless_tags;
        let number = |tag: u32| {
            let Some(object) = item.find(tag) else { return Ok(None) };
            let number = match object.value {
                // Six packed bytes or ASCII digits: both are met.
                value if value.len() == 6 && value.iter().any(|byte| !byte.is_ascii_digit()) => packed(value),
                value => decimal(value).filter(|_| value.len() <= 12),
            };
            number.map(Some).ok_or(bad_value(object))
        };
        let flag = |tag: u32| {
            let Some(object) = item.find(tag) else { return Ok(None) };
            match object.value {
                [0 | b'0'] => Ok(Some(false)),
                [1 | b'1'] => Ok(Some(true)),
                _ => Err(bad_value(object)),
            }
        };
        Ok(Self {
            channel: flag(tags.channel.0)?,
            no_pin: flag(tags.no_pin.0)?,
            no_pin_limit: number(tags.no_pin_limit.0)?,
            no_signature: flag(tags.no_signature.0)?,
            no_signature_limit: number(tags.no_signature_limit.0)?,
            device_verification: flag(tags.device_verification.0)?,
            objects: item.objects.iter().map(|object| (object.tag, object.value.to_vec())).collect(),
        })
    }
}

fn packed(value: &[u8]) -> Option<u64> {
    crate::bcd::Digits::new(value, 0, value.len() * 2)?.value()
}

/// The data objects of one item, each once.
struct Item<'a> {
    objects: Vec<Object<'a>>,
    end: usize,
}

impl<'a> Item<'a> {
    fn read(field62: &'a [u8]) -> Result<Self, DownloadError> {
        let rest = match field62.split_first() {
            None => return Err(DownloadErrorKind::Empty.at(0)),
            Some((b'0', _)) => return Err(DownloadErrorKind::NotFound.at(0)),
            Some((b'1', rest)) => rest,
            Some((byte, _)) => return Err(DownloadErrorKind::Paging { byte: *byte }.at(0)),
        };
        let mut objects: Vec<Object<'a>> = Vec::new();
        for object in Objects::new(rest, 1) {
            let object = object?;
            if objects.iter().any(|other| other.tag == object.tag) {
                return Err(DownloadErrorKind::Twice { tag: object.tag }.at(object.offset));
            }
            objects.push(object);
        }
        Ok(Self { objects, end: field62.len() })
    }

    fn find(&self, tag: u32) -> Option<Object<'a>> {
        self.objects.iter().find(|object| object.tag == tag).copied()
    }

    fn needed(&self, tag: u32) -> Result<Object<'a>, DownloadError> {
        self.find(tag).ok_or(DownloadErrorKind::Missing { tag }.at(self.end))
    }

    fn sized(&self, tag: u32, min: usize, max: usize) -> Result<Vec<u8>, DownloadError> {
        let object = self.needed(tag)?;
        let good = (min..=max).contains(&object.value.len());
        good.then(|| object.value.to_vec()).ok_or(bad_value(object))
    }

    fn array<const N: usize>(&self, tag: u32) -> Result<[u8; N], DownloadError> {
        let object = self.needed(tag)?;
        object.value.try_into().map_err(|_| bad_value(object))
    }

    /// Two packed digits.
    fn percentage(&self, tag: u32) -> Result<u8, DownloadError> {
        let object = self.needed(tag)?;
        let value = byte_of(object).ok().and_then(|byte| packed(&[byte])).and_then(|v| u8::try_from(v).ok());
        value.ok_or(bad_value(object))
    }

    /// Twelve packed digits.
    fn amount(&self, tag: u32) -> Result<Option<u64>, DownloadError> {
        let Some(object) = self.find(tag) else { return Ok(None) };
        let amount = (object.value.len() == 6).then(|| packed(object.value)).flatten();
        amount.map(Some).ok_or(bad_value(object))
    }
}
