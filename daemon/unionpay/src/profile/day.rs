//! What a shop's day needs of the profile besides messages: fees, tips, ages of downloads, e-signatures.

use super::{ProfileError, Tag};
use serde::{Deserialize, Serialize};

/// Estimated merchant fees, in parts per 100,000 of the amount, with a cap on the fee of one transaction where the
/// contract has one. They are examples: the contract has the real ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fees {
    /// Of card transactions. Default 600 (0.6 %).
    pub card: u32,
    /// Of QR payments. Default 380 (0.38 %).
    pub qr: u32,
    /// Most for one card transaction, in minor units; 0 for no cap. Default 0.
    pub card_cap: u64,
    /// Most for one QR payment, in minor units; 0 for no cap. Default 0.
    pub qr_cap: u64,
}

impl Default for Fees {
    fn default() -> Self {
        Self { card: 600, qr: 380, card_cap: 0, qr_cap: 0 }
    }
}

impl Fees {
    /// Estimated fee of a card transaction in minor units, rounded half up, then capped.
    pub fn of_card(&self, amount: u64) -> u64 {
        capped(share(amount, self.card), self.card_cap)
    }

    /// Estimated fee of a QR payment in minor units, rounded half up, then capped.
    pub fn of_qr(&self, amount: u64) -> u64 {
        capped(share(amount, self.qr), self.qr_cap)
    }
}

fn capped(fee: u64, cap: u64) -> u64 {
    if cap == 0 { fee } else { fee.min(cap) }
}

fn share(amount: u64, rate: u32) -> u64 {
    let fee = (u128::from(amount) * u128::from(rate) + 50_000) / 100_000;
    u64::try_from(fee).unwrap_or(u64::MAX)
}

/// After how many days each set is downloaded again; 0 for never by age. Up to 365.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downloads {
    /// Terminal parameters. Default 0.
    pub parameters_days: u16,
    /// CA public keys. Default 30.
    pub ca_keys_days: u16,
    /// Card applications. Default 30.
    pub aids_days: u16,
    /// Contactless parameters. Default 30.
    pub contactless_days: u16,
    /// Blacklist. Default 0.
    pub blacklist_days: u16,
}

impl Default for Downloads {
    fn default() -> Self {
        Self { parameters_days: 0, ca_keys_days: 30, aids_days: 30, contactless_days: 30, blacklist_days: 0 }
    }
}

/// How a signature on the screen is uploaded (电子签名).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ESignature {
    /// Whether signatures are uploaded. Default false.
    pub enabled: bool,
    /// 60.1, two digits. Default `07`.
    pub kind: String,
    /// 60.3 of the first part where there are several, three digits; the next parts count on. Default `801`.
    pub first_part: String,
    /// 60.3 of the last or only part, three digits. Default `800`.
    pub last_part: String,
    /// Most parts, 1 to 99. Default 10.
    pub most_parts: u8,
    /// Bytes of a part (field 62), 1 to 999. Default 900.
    pub part_bytes: u16,
    /// Whether the message carries a MAC. Default true.
    pub mac: bool,
    /// What field 62 holds. Default `bitmap`.
    pub form: SignatureForm,
}

/// What the data of a signature are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureForm {
    /// 96 rows of 32 bytes: 256 dots each, the highest bit at the left, 1 is ink.
    Bitmap,
    /// For each stroke the number of its points (two bytes, the high one first), and for each point x and y, a byte each.
    Strokes,
}

impl SignatureForm {
    /// Most bytes of a signature in this form: a drawing of 256 by 96 dots, or 64 strokes of 2048 points together.
    pub const fn most_bytes(self) -> usize {
        match self {
            Self::Bitmap => 256 / 8 * 96,
            Self::Strokes => 64 * 2 + 2_048 * 2,
        }
    }
}

impl Default for ESignature {
    fn default() -> Self {
        Self {
            enabled: false,
            kind: "07".to_owned(),
            first_part: "801".to_owned(),
            last_part: "800".to_owned(),
            most_parts: 10,
            part_bytes: 900,
            mac: true,
            form: SignatureForm::Bitmap,
        }
    }
}

/// Payment in instalments (分期).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Instalments {
    /// Into how many instalments an amount may be split, each 2 to 99; empty where they are not offered. Default 3, 6, 9,
    /// 12, 18, 24.
    pub counts: Vec<u8>,
    /// How the request tells the number (field 62). Default `count`.
    pub layout: InstalmentLayout,
}

/// How an instalment payment tells the number of instalments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstalmentLayout {
    /// Field 62 is two ASCII digits.
    Count,
    /// The same, 30 blanks for a code of goods, and `0` for a fee that is paid by instalments too.
    CountGoodsFee,
    /// No field 62: the acquirer knows the number from elsewhere.
    None,
}

impl Default for Instalments {
    fn default() -> Self {
        Self { counts: vec![3, 6, 9, 12, 18, 24], layout: InstalmentLayout::Count }
    }
}

impl Instalments {
    /// Field 62 of a payment in `count` instalments.
    pub fn field62(&self, count: u8) -> Option<String> {
        match self.layout {
            InstalmentLayout::Count => Some(format!("{count:02}")),
            InstalmentLayout::CountGoodsFee => Some(format!("{count:02}{:30}0", "")),
            InstalmentLayout::None => None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), ProfileError> {
        let good = self.counts.iter().all(|count| (2..=99).contains(count));
        must(good, "instalments.counts", "each must lie in 2 to 99")
    }
}

/// Tips (小费, 结算调整).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tips {
    /// Largest tip in hundredths of the sale, 0 to 100; 0 where none are taken. The host's parameter 19 goes before it.
    /// Default 10.
    pub percent: u8,
    /// 60.1, two digits. Default `34`.
    pub kind: String,
    /// What field 4 says. Default `extra`.
    pub amount: TipAmount,
}

/// What field 4 of a tip says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TipAmount {
    /// The tip alone.
    Extra,
    /// What the sale comes to with the tip.
    Total,
}

impl Default for Tips {
    fn default() -> Self {
        Self { percent: 10, kind: "34".to_owned(), amount: TipAmount::Extra }
    }
}

impl Tips {
    pub(super) fn validate(&self) -> Result<(), ProfileError> {
        let good = self.kind.len() == 2 && self.kind.bytes().all(|b| b.is_ascii_digit());
        must(self.percent <= 100, "tips.percent", "must lie in 0 to 100")?;
        must(good, "tips.kind", "must be two digits")
    }
}

/// A signature has more bytes than the profile's parts can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signature of {length} bytes exceeds the {max} bytes that the profile's parts carry")]
pub struct SignatureTooLong {
    /// Bytes of the signature.
    pub length: usize,
    /// Most bytes.
    pub max: usize,
}

impl ESignature {
    /// The data in parts, each with its number (60.3), in the order of sending.
    ///
    /// # Errors
    /// Where it needs more parts than the profile allows.
    pub fn parts<'a>(&self, data: &'a [u8]) -> Result<Vec<(String, &'a [u8])>, SignatureTooLong> {
        let size = usize::from(self.part_bytes.max(1));
        let max = usize::from(self.most_parts) * size;
        if data.len() > max {
            return Err(SignatureTooLong { length: data.len(), max });
        }
        let count = data.len().div_ceil(size);
        let first = self.first_part.parse::<usize>().unwrap_or_default();
        let number = |index| {
            if index + 1 == count { self.last_part.clone() } else { format!("{:03}", first + index) }
        };
        Ok(data.chunks(size).enumerate().map(|(index, part)| (number(index), part)).collect())
    }

    pub(super) fn validate(&self) -> Result<(), ProfileError> {
        let digits =
            |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        must(digits(&self.kind, 2), "e_signature.kind", "must be two digits")?;
        must(digits(&self.first_part, 3), "e_signature.first_part", "must be three digits")?;
        must(digits(&self.last_part, 3), "e_signature.last_part", "must be three digits")?;
        must((1..=99).contains(&self.most_parts), "e_signature.most_parts", "must lie in 1 to 99")?;
        must((1..=999).contains(&self.part_bytes), "e_signature.part_bytes", "must lie in 1 to 999")?;
        let room = usize::from(self.most_parts) * usize::from(self.part_bytes);
        let enough = !self.enabled || room >= self.form.most_bytes();
        must(enough, "e_signature.most_parts", "leaves too little room for a signature in that form")?;
        let first = self.first_part.parse::<u16>().unwrap_or_default();
        let last = self.last_part.parse::<u16>().unwrap_or_default();
        // Numbers of parts before the last: none where there is one part only.
        let others = first..first + u16::from(self.most_parts) - 1;
        must(others.end <= 1000, "e_signature.most_parts", "lets the parts' numbers exceed 999")?;
        must(!others.contains(&last), "e_signature.last_part", "is the number of another part")
    }
}

/// What the tags of downloaded contactless parameters mean, hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContactlessTags {
    /// Whether debit and credit go over the contactless chip. Default `FF805D`.
    pub channel: Tag,
    /// Whether small amounts go without PIN. Default `FF8054`.
    pub no_pin: Tag,
    /// Largest amount without PIN. Default `FF8058`.
    pub no_pin_limit: Tag,
    /// Whether small amounts go without signature. Default `FF805A`.
    pub no_signature: Tag,
    /// Largest amount without signature. Default `FF8059`.
    pub no_signature_limit: Tag,
    /// Whether a verification on the cardholder's device counts. Default `FF8057`.
    pub device_verification: Tag,
}

impl Default for ContactlessTags {
    fn default() -> Self {
        Self {
            channel: Tag(0xFF_805D),
            no_pin: Tag(0xFF_8054),
            no_pin_limit: Tag(0xFF_8058),
            no_signature: Tag(0xFF_805A),
            no_signature_limit: Tag(0xFF_8059),
            device_verification: Tag(0xFF_8057),
        }
    }
}

impl ContactlessTags {
    pub(super) fn validate(&self) -> Result<(), ProfileError> {
        let tags = [
            self.channel,
            self.no_pin,
            self.no_pin_limit,
            self.no_signature,
            self.no_signature_limit,
            self.device_verification,
        ];
        let twice = tags.iter().enumerate().any(|(index, tag)| tags.iter().skip(index + 1).any(|t| t == tag));
        must(!twice, "contactless_tags", "a tag stands there twice")
    }
}

pub(super) fn validate(fees: &Fees, downloads: &Downloads) -> Result<(), ProfileError> {
    must(fees.card <= 100_000, "fees.card", "must lie in 0 to 100000")?;
    must(fees.qr <= 100_000, "fees.qr", "must lie in 0 to 100000")?;
    for (entry, days) in [
        ("downloads.parameters_days", downloads.parameters_days),
        ("downloads.ca_keys_days", downloads.ca_keys_days),
        ("downloads.aids_days", downloads.aids_days),
        ("downloads.contactless_days", downloads.contactless_days),
        ("downloads.blacklist_days", downloads.blacklist_days),
    ] {
        must(days <= 365, entry, "must lie in 0 to 365")?;
    }
    Ok(())
}

fn must(good: bool, entry: &'static str, problem: &'static str) -> Result<(), ProfileError> {
    if good { Ok(()) } else { Err(ProfileError { entry: entry.into(), problem }) }
}
