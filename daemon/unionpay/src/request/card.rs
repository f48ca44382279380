//! Messages about a card: sale, its reversal, and the notice of issuer script results.

use super::{Draft, Identity, Request, field60, in_range};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::message::MessageBuilder;
use crate::mti::Mti;
use crate::pan::{Pan, Track2};
use crate::profile::Profile;
use zeroize::Zeroize;

/// Processing code of a sale (field 3).
const SALE: &str = "000000";
/// 60.1 of a sale.
const SALE_KIND: &str = "22";

/// A sale (消费, 0200) with a contact chip card.
///
/// Fields 2 3 4 11 14 22 23 25 26 35 41 42 49 52 53 55 60 64; of these 23, 35 and 55 only where the card has them,
/// 26, 52 and 53 only with a PIN.
pub struct Sale {
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number, 1 to 999999.
    pub trace: u32,
    /// Batch number, 1 to 999999.
    pub batch: u32,
    /// Amount in minor units, 1 to 999999999999.
    pub amount: u64,
    /// ISO 4217 numeric code, 156 for CNY.
    pub currency: u16,
    /// Card number.
    pub pan: Pan,
    /// Expiry, YYMM.
    pub expiry: String,
    /// Card sequence number (5F34), 0 to 99.
    pub card_sequence: Option<u8>,
    /// The chip's track 2 equivalent (57).
    pub track2: Option<Track2>,
    /// PIN block under the PIN key, from the secure module.
    pub pin_block: Option<[u8; 8]>,
    /// Chip data, from [`crate::field55::build`].
    pub field55: Vec<u8>,
    /// Whether a part of the amount may be approved (60.6).
    pub allow_partial: bool,
}

impl Drop for Sale {
    fn drop(&mut self) {
        self.pin_block.zeroize();
        self.expiry.zeroize();
    }
}

impl core::fmt::Debug for Sale {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Sale(batch {}, trace {})", self.batch, self.trace)
    }
}

impl Sale {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let mut kind = financial_field60(profile, self.batch)?;
        if self.allow_partial || profile.field60_always_partial {
            kind.push(if self.allow_partial { '1' } else { '0' });
        }
        draft(profile, Mti::FINANCIAL, &self.identity, self.trace, self.amount).build(|message| {
            let card = CardFields {
                pan: &self.pan,
                sequence: self.card_sequence,
                has_pin: self.pin_block.is_some(),
                field55: &self.field55,
            };
            card.put(message, profile)?;
            put_amount(message, self.amount, self.currency)?;
            message.put(14, &self.expiry)?.put(25, "00")?;
            if let Some(track) = &self.track2 {
                message.put(35, track.reveal())?;
            }
            if let Some(block) = &self.pin_block {
                message
                    .put_number(26, profile.pin_maximum.into())?
                    .put(52, block)?
                    .put(53, &profile.field53)?;
            }
            message.put(60, kind)?;
            Ok(())
        })
    }
}

/// The reversal (冲正, 0400) of a sale. It keeps the trace and batch of its original.
///
/// Fields 2 3 4 11 14 22 23 25 38 39 41 42 49 55 60 64; of these 23 and 55 only where the card has them, 38 only
/// where the original was answered with one. No track and no PIN.
pub struct Reversal {
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number of the original.
    pub trace: u32,
    /// Batch number of the original.
    pub batch: u32,
    /// Amount of the original in minor units.
    pub amount: u64,
    /// Currency of the original, ISO 4217 numeric.
    pub currency: u16,
    /// Card number.
    pub pan: Pan,
    /// Expiry, YYMM.
    pub expiry: String,
    /// Card sequence number.
    pub card_sequence: Option<u8>,
    /// Whether the original carried a PIN.
    pub pin_entered: bool,
    /// Authorisation code of the original's answer.
    pub authorisation_code: Option<String>,
    /// Why (field 39): `98` no answer, `06` bad answer, `A0` bad MAC, `96` approval not processed.
    pub reason: String,
    /// Chip data.
    pub field55: Vec<u8>,
}

impl Drop for Reversal {
    fn drop(&mut self) {
        self.expiry.zeroize();
    }
}

impl core::fmt::Debug for Reversal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Reversal(batch {}, trace {}, reason {})", self.batch, self.trace, self.reason)
    }
}

impl Reversal {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        if self.reason.len() != 2 {
            let kind = EncodeErrorKind::TooShort { length: self.reason.len(), expected: 2 };
            return Err(EncodeError::new(39, kind));
        }
        let mut kind = financial_field60(profile, self.batch)?;
        if profile.field60_always_partial {
            kind.push('0');
        }
        draft(profile, Mti::REVERSAL, &self.identity, self.trace, self.amount).build(|message| {
            let card = CardFields {
                pan: &self.pan,
                sequence: self.card_sequence,
                has_pin: self.pin_entered,
                field55: &self.field55,
            };
            card.put(message, profile)?;
            put_amount(message, self.amount, self.currency)?;
            message.put(14, &self.expiry)?.put(25, "00")?;
            if let Some(code) = &self.authorisation_code {
                message.put(38, code)?;
            }
            message.put(39, &self.reason)?.put(60, kind)?;
            Ok(())
        })
    }
}

/// The notice of issuer script results (脚本结果通知, 0620, 60.3 = 951), under a trace number of its own.
///
/// Fields 2 3 4 11 22 23 37 38 41 42 49 55 60 61, and 64 where the profile says so; of these 23, 37 and 38 only where
/// there is a value.
pub struct ScriptResult {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number.
    pub trace: u32,
    /// The present batch number.
    pub batch: u32,
    /// Amount of the original in minor units.
    pub amount: u64,
    /// Currency of the original, ISO 4217 numeric.
    pub currency: u16,
    /// Card number.
    pub pan: Pan,
    /// Card sequence number.
    pub card_sequence: Option<u8>,
    /// Whether the original carried a PIN.
    pub pin_entered: bool,
    /// Retrieval reference number of the original's answer.
    pub rrn: Option<String>,
    /// Authorisation code of the original's answer.
    pub authorisation_code: Option<String>,
    /// Batch number of the original (61.1).
    pub original_batch: u32,
    /// Trace number of the original (61.2).
    pub original_trace: u32,
    /// Date of the original, MMDD as the host dated it, `0000` if unknown (61.3).
    pub original_date: String,
    /// Chip data with the script results (DF31).
    pub field55: Vec<u8>,
}

impl core::fmt::Debug for ScriptResult {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ScriptResult(trace {}, of {} {})", self.trace, self.original_batch, self.original_trace)
    }
}

impl ScriptResult {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        in_range(61, self.original_batch.into(), 0, 999_999)?;
        in_range(61, self.original_trace.into(), 0, 999_999)?;
        if self.original_date.len() != 4 {
            let kind = EncodeErrorKind::TooShort { length: self.original_date.len(), expected: 4 };
            return Err(EncodeError::new(61, kind));
        }
        let original = format!("{:06}{:06}{}", self.original_batch, self.original_trace, self.original_date);
        let kind = field60("00", self.batch, "951")?;
        let mut draft = draft(profile, Mti::SCRIPT_RESULT, &self.identity, self.trace, self.amount);
        // The answer has no field 4 (reference 1.1).
        draft.amount = None;
        draft.build(|message| {
            let card = CardFields {
                pan: &self.pan,
                sequence: self.card_sequence,
                has_pin: self.pin_entered,
                field55: &self.field55,
            };
            card.put(message, profile)?;
            put_amount(message, self.amount, self.currency)?;
            if let Some(rrn) = &self.rrn {
                message.put(37, rrn)?;
            }
            if let Some(code) = &self.authorisation_code {
                message.put(38, code)?;
            }
            message.put(60, kind)?.put(61, original)?;
            Ok(())
        })
    }
}

/// What the three messages tell of the card.
struct CardFields<'a> {
    pan: &'a Pan,
    sequence: Option<u8>,
    has_pin: bool,
    field55: &'a [u8],
}

impl CardFields<'_> {
    fn put(&self, message: &mut MessageBuilder<'_>, profile: &Profile) -> Result<(), EncodeError> {
        let entry_mode = if self.has_pin { &profile.field22_chip_pin } else { &profile.field22_chip };
        message.put(2, self.pan.reveal())?.put(3, SALE)?.put(22, entry_mode)?;
        if let Some(sequence) = self.sequence {
            in_range(23, sequence.into(), 0, 99)?;
            message.put_number(23, sequence.into())?;
        }
        if !self.field55.is_empty() {
            message.put(55, self.field55)?;
        }
        Ok(())
    }
}

fn put_amount(message: &mut MessageBuilder<'_>, amount: u64, currency: u16) -> Result<(), EncodeError> {
    in_range(4, amount, 1, 999_999_999_999)?;
    in_range(49, currency.into(), 1, 999)?;
    message.put_number(4, amount)?.put(49, format!("{currency:03}"))?;
    Ok(())
}

/// 60.1 to 60.5 of a sale and its reversal (n13).
fn financial_field60(profile: &Profile, batch: u32) -> Result<String, EncodeError> {
    in_range(60, batch.into(), 1, 999_999)?;
    Ok(format!("{}{}0", field60(SALE_KIND, batch, "000")?, profile.read_capability))
}

fn draft<'a>(profile: &'a Profile, mti: Mti, identity: &'a Identity, trace: u32, amount: u64) -> Draft<'a> {
    Draft { profile, header: profile.card_header, mti, identity, trace, amount: Some(amount) }
}
