//! Terminal parameters (终端参数): numbered values of fixed lengths, one after the other.

use super::{DownloadError, DownloadErrorKind, decimal, take};
use crate::answer::gbk;
use crate::error::{EncodeError, EncodeErrorKind};
use serde::{Deserialize, Serialize};

/// What the host sets at the terminal. `None` where it says nothing about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    /// 11: application type, 0 to 99 (60 payment).
    pub application_type: Option<u8>,
    /// 12: wait for an answer in seconds, 0 to 99.
    pub reply_timeout_s: Option<u8>,
    /// 13: tries to dial or connect, 0 to 9.
    pub connect_tries: Option<u8>,
    /// 14 to 16: three telephone numbers of the centre, up to 14 characters.
    pub phones: [Option<String>; 3],
    /// 17: telephone number of the management, up to 14 characters.
    pub management_phone: Option<String>,
    /// 18: whether tips are taken.
    pub tips: Option<bool>,
    /// 19: largest tip in per cent, 0 to 99.
    pub tip_percent: Option<u8>,
    /// 20: whether a card number may be typed.
    pub manual_entry: Option<bool>,
    /// 21: whether the terminal signs out after a settlement.
    pub auto_sign_out: Option<bool>,
    /// 22: merchant name, up to 40 bytes of GBK.
    pub merchant_name: Option<String>,
    /// 23: tries of a reversal or an advice, 0 to 9.
    pub resend_tries: Option<u8>,
    /// 24: how offline transactions are sent, 0 to 9.
    pub offline_mode: Option<u8>,
    /// 25: which terminal master key is used, 0 to 9.
    pub master_key_index: Option<u8>,
    /// 26: which transactions are allowed.
    pub switches: Option<Switches>,
    /// 51: chip parameters, twelve characters.
    pub chip: Option<String>,
}

/// Which transactions the host allows (parameter 26, four bytes).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switches(pub [u8; 4]);

impl Switches {
    fn on(self, byte: usize, bit: u8) -> bool {
        self.0.get(byte).is_some_and(|value| value & bit != 0)
    }

    /// Balance inquiry.
    pub fn balance(self) -> bool {
        self.on(0, 0x80)
    }

    /// Pre-authorisation.
    pub fn pre_auth(self) -> bool {
        self.on(0, 0x40)
    }

    /// Cancel of a pre-authorisation.
    pub fn pre_auth_cancel(self) -> bool {
        self.on(0, 0x20)
    }

    /// Completion.
    pub fn completion(self) -> bool {
        self.on(0, 0x10)
    }

    /// Cancel of a completion.
    pub fn completion_cancel(self) -> bool {
        self.on(0, 0x08)
    }

    /// Sale.
    pub fn sale(self) -> bool {
        self.on(0, 0x04)
    }

    /// Void.
    pub fn void(self) -> bool {
        self.on(0, 0x02)
    }

    /// Refund.
    pub fn refund(self) -> bool {
        self.on(0, 0x01)
    }

    /// Offline settlement.
    pub fn offline_settlement(self) -> bool {
        self.on(1, 0x80)
    }

    /// Adjustment.
    pub fn adjustment(self) -> bool {
        self.on(1, 0x40)
    }

    /// Completion advice.
    pub fn completion_advice(self) -> bool {
        self.on(1, 0x20)
    }

    /// Chip transactions.
    pub fn chip(self) -> bool {
        self.on(1, 0x10)
    }

    /// Offline sale.
    pub fn offline_sale(self) -> bool {
        self.on(1, 0x08)
    }
}

const PHONE: usize = 14;
const NAME: usize = 40;
const CHIP: usize = 12;

/// Parameter number and length of its value.
const LENGTHS: &[(u8, usize)] = &[
    (11, 2),
    (12, 2),
    (13, 1),
    (14, PHONE),
    (15, PHONE),
    (16, PHONE),
    (17, PHONE),
    (18, 1),
    (19, 2),
    (20, 1),
    (21, 1),
    (22, NAME),
    (23, 1),
    (24, 1),
    (25, 1),
    (26, 4),
    (51, CHIP),
];

impl Parameters {
    /// Reads field 62 of the answer to a [`crate::request::Step::Parameters`].
    ///
    /// # Errors
    /// Where a number is unknown or stands twice, a value is cut off, or is no number where one must be.
    pub fn read(field62: &[u8]) -> Result<Self, DownloadError> {
        let mut parameters = Self::default();
        let mut seen = Vec::new();
        let mut rest = field62;
        while !rest.is_empty() {
            let offset = field62.len() - rest.len();
            let (number, after) = take(rest, 2, offset)?;
            let unknown = DownloadErrorKind::UnknownParameter.at(offset);
            let number = decimal(number).and_then(|number| u8::try_from(number).ok()).ok_or(unknown)?;
            let length = LENGTHS.iter().find(|(other, _)| *other == number).ok_or(unknown)?.1;
            if seen.contains(&number) {
                return Err(DownloadErrorKind::Twice { tag: as_tag(number) }.at(offset));
            }
            seen.push(number);
            let (value, after) = take(after, length, offset + 2)?;
            parameters
                .set(number, value)
                .ok_or(DownloadErrorKind::Value { tag: as_tag(number) }.at(offset + 2))?;
            rest = after;
        }
        Ok(parameters)
    }

    fn set(&mut self, number: u8, value: &[u8]) -> Option<()> {
        let small = || decimal(value).and_then(|number| u8::try_from(number).ok());
        let flag = || match value {
            b"0" => Some(false),
            b"1" => Some(true),
            _ => None,
        };
        let text = || {
            let good = value.iter().all(|byte| (0x20..=0x7E).contains(byte));
            good.then(|| String::from_utf8_lossy(value).trim().to_owned())
        };
        match number {
            11 => self.application_type = Some(small()?),
            12 => self.reply_timeout_s = Some(small()?),
            13 => self.connect_tries = Some(small()?),
            14..=16 => *self.phones.get_mut(usize::from(number - 14))? = Some(text()?),
            17 => self.management_phone = Some(text()?),
            18 => self.tips = Some(flag()?),
            19 => self.tip_percent = Some(small()?),
            20 => self.manual_entry = Some(flag()?),
            21 => self.auto_sign_out = Some(flag()?),
            22 => self.merchant_name = Some(gbk(value)),
            23 => self.resend_tries = Some(small()?),
            24 => self.offline_mode = Some(small()?),
            25 => self.master_key_index = Some(small()?),
            26 => self.switches = Some(Switches(value.try_into().ok()?)),
            51 => self.chip = Some(text()?),
            _ => return None,
        }
        Some(())
    }

    /// Field 62 of a [`crate::request::Step::ParametersUpload`]: what is set, by rising number.
    ///
    /// # Errors
    /// Where a value does not fit its length.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let digits =
            |value: Option<u8>, width: usize| value.map(|value| format!("{value:0width$}").into_bytes());
        let flag = |value: Option<bool>| digits(value.map(u8::from), 1);
        let text = |value: &Option<String>| value.as_ref().map(|value| value.clone().into_bytes());
        let [first, second, third] = &self.phones;
        let name = self.merchant_name.as_deref().map(as_gbk);
        let values = [
            (11, digits(self.application_type, 2)),
            (12, digits(self.reply_timeout_s, 2)),
            (13, digits(self.connect_tries, 1)),
            (14, text(first)),
            (15, text(second)),
            (16, text(third)),
            (17, text(&self.management_phone)),
            (18, flag(self.tips)),
            (19, digits(self.tip_percent, 2)),
            (20, flag(self.manual_entry)),
            (21, flag(self.auto_sign_out)),
            (22, name),
            (23, digits(self.resend_tries, 1)),
            (24, digits(self.offline_mode, 1)),
            (25, digits(self.master_key_index, 1)),
            (26, self.switches.map(|switches| switches.0.to_vec())),
            (51, text(&self.chip)),
        ];
        let mut field = Vec::new();
        for ((number, value), (_, length)) in values.into_iter().zip(LENGTHS) {
            let Some(mut value) = value else { continue };
            if value.len() > *length {
                let kind = EncodeErrorKind::TooLong { length: value.len(), max: *length };
                return Err(EncodeError::new(62, kind));
            }
            value.resize(*length, b' ');
            field.extend(format!("{number:02}").bytes());
            field.extend(value);
        }
        Ok(field)
    }
}

/// A name in GBK. What GBK has not, such as the mark of a byte that was none, is a question mark.
fn as_gbk(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in name.chars() {
        match encoding_rs::GBK.encode(character.encode_utf8(&mut [0; 4])) {
            (encoded, _, false) => bytes.extend_from_slice(&encoded),
            _ => bytes.push(b'?'),
        }
    }
    bytes
}

/// 14 as 0x14, as errors name it.
fn as_tag(number: u8) -> u32 {
    u32::from(number / 10 * 16 + number % 10)
}
