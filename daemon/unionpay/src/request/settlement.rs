//! The end of the day: settlement (0500) and batch upload (0320), reference 4.
//!
//! None carries a MAC unless the profile says so. What is uploaded after which answer is the terminal's decision; here
//! stands how it is said.

use super::card::{
    Entry, Linked, entry_mode, financial_field60, header, put_amount, put_bytes, put_card, put_condition,
    put_linked, put_some,
};
use super::{Draft, Identity, Request, field60, in_range};
use crate::error::EncodeError;
use crate::kind::{Family, Kind};
use crate::message::MessageBuilder;
use crate::mti::Mti;
use crate::pan::Pan;
use crate::profile::Profile;
use crate::totals::Totals;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

/// Largest number of records in one message of details.
pub const MOST_DETAILS: usize = 8;

/// Settlement (批结算, 0500, 60.3 = 201): tells the totals of the batch. Fields 11 41 42 48 49 60 63;
/// [`crate::Answer::reconciliation`] reads the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The batch that is settled, 1 to 999999.
    pub batch: u32,
    /// What the terminal counted.
    pub totals: Totals,
    /// ISO 4217 numeric code, 156 for CNY.
    pub currency: u16,
    /// Who is logged in, two digits; the profile says what stands there for nobody.
    pub operator: Option<String>,
}

impl Settlement {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let totals = self.totals.field48()?;
        let code = field60("00", self.batch, "201")?;
        in_range(49, self.currency.into(), 1, 999)?;
        draft(profile, Mti::SETTLEMENT, &self.identity, self.trace).build(|message| {
            message
                .put(48, totals)?
                .put(49, format!("{:03}", self.currency))?
                .put(60, code)?
                .put(63, profile.operator63(self.operator.as_deref()))?;
            Ok(())
        })
    }
}

/// Whose card it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Organisation {
    /// UnionPay (内卡), `00`.
    Domestic,
    /// Any other organisation (外卡), `01`.
    Foreign,
}

impl Organisation {
    fn digits(self) -> &'static str {
        match self {
            Self::Domestic => "00",
            Self::Foreign => "01",
        }
    }
}

/// One record of a [`BatchDetails`] message. `Debug` shows no card number.
#[derive(Debug, PartialEq, Eq)]
pub struct Detail {
    /// Whose card it was.
    pub organisation: Organisation,
    /// Trace number of the transaction.
    pub trace: u32,
    /// Card number.
    pub pan: Pan,
    /// Amount in minor units, 1 to 999999999999.
    pub amount: u64,
}

/// Batch upload of magnetic-stripe and online transactions (批上送, 0320, 60.3 = 201). Fields 11 41 42 48 60.
#[derive(Debug)]
pub struct BatchDetails {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The batch that is settled, 1 to 999999.
    pub batch: u32,
    /// One to eight records.
    pub details: Vec<Detail>,
}

impl BatchDetails {
    /// The message.
    ///
    /// # Errors
    /// Where there is no record or more than eight, or a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        in_range(48, self.details.len() as u64, 1, MOST_DETAILS as u64)?;
        let mut records = Zeroizing::new(String::with_capacity(2 + MOST_DETAILS * 40));
        records.push_str(&format!("{:02}", self.details.len()));
        for detail in &self.details {
            in_range(48, detail.trace.into(), 1, 999_999)?;
            in_range(48, detail.amount, 1, 999_999_999_999)?;
            records.push_str(detail.organisation.digits());
            records.push_str(&format!("{:06}", detail.trace));
            for _ in detail.pan.reveal().len()..20 {
                records.push('0');
            }
            records.push_str(detail.pan.reveal());
            records.push_str(&format!("{:012}", detail.amount));
        }
        let code = field60("00", self.batch, "201")?;
        draft(profile, Mti::UPLOAD, &self.identity, self.trace).build(|message| {
            message.put(48, records.as_bytes())?.put(60, code)?;
            Ok(())
        })
    }
}

/// How an online chip transaction ended at the card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChipEnd {
    /// The card confirmed it with a TC.
    Certified,
    /// The host or the card refused it, or the issuer's cryptogram was wrong.
    Failed,
}

/// Batch upload of one chip transaction (IC TC上送, 0320). Fields 2 11 22 23 41 42 55 60 62; 23 only where the card
/// has it.
pub struct ChipRecord {
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number of the transaction.
    pub trace: u32,
    /// The batch that is settled, 1 to 999999.
    pub batch: u32,
    /// How it ended.
    pub end: ChipEnd,
    /// Whether the host found the card's side balanced: decides 203 or 205, and the profile's two codes for failures.
    pub balanced: bool,
    /// Card number.
    pub pan: Pan,
    /// At which reader the chip was.
    pub entry: Entry,
    /// Card sequence number (5F34), 0 to 99.
    pub card_sequence: Option<u8>,
    /// Whether the transaction carried a PIN.
    pub pin_entered: bool,
    /// Whose card it was.
    pub organisation: Organisation,
    /// Amount in minor units, 1 to 999999999999.
    pub amount: u64,
    /// ISO 4217 numeric code.
    pub currency: u16,
    /// Chip data; of a certified one 9F26 is the TC and 9F27 is 40.
    pub field55: Vec<u8>,
}

impl core::fmt::Debug for ChipRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ChipRecord(batch {}, trace {}, {:?})", self.batch, self.trace, self.end)
    }
}

impl ChipRecord {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let code = match (self.end, self.balanced) {
            (ChipEnd::Certified, true) => "203",
            (ChipEnd::Certified, false) => "205",
            (ChipEnd::Failed, true) => &profile.upload_failed_balanced,
            (ChipEnd::Failed, false) => &profile.upload_failed_unbalanced,
        };
        in_range(62, self.amount, 1, 999_999_999_999)?;
        in_range(62, self.currency.into(), 1, 999)?;
        let summary = format!("6100{}{:012}{:03}", self.organisation.digits(), self.amount, self.currency);
        let code = field60("00", self.batch, code)?;
        card_draft(profile, &self.identity, self.trace, self.entry).build(|message| {
            let mode = entry_mode(profile, self.entry, self.pin_entered);
            message.put(2, self.pan.reveal())?.put(22, mode)?;
            put_sequence(message, self.card_sequence)?;
            message.put(55, &self.field55)?.put(60, code)?.put(62, summary)?;
            Ok(())
        })
    }
}

/// Batch upload of a refund or another advice of the batch (0320, 60.3 = 000): the advice once more under another
/// message type, without PIN, track and MAC. Fields 2 3 4 11 14 22 23 25 37 38 41 42 49 55 60 61 63; of these 37, 38,
/// 61 and 63 as the kind's row says, 14, 23 and 55 only where there is a value.
pub struct AdviceAgain {
    /// The transaction type.
    pub kind: Kind,
    /// What it is a case of.
    pub family: Family,
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number of the advice.
    pub trace: u32,
    /// The batch that is settled, 1 to 999999.
    pub batch: u32,
    /// Amount in minor units, 1 to 999999999999.
    pub amount: u64,
    /// ISO 4217 numeric code.
    pub currency: u16,
    /// How the card's data came in.
    pub entry: Entry,
    /// Card number.
    pub pan: Pan,
    /// Expiry, YYMM.
    pub expiry: Option<String>,
    /// Card sequence number (5F34), 0 to 99.
    pub card_sequence: Option<u8>,
    /// Whether the advice carried a PIN.
    pub pin_entered: bool,
    /// The original, where the kind has one.
    pub linked: Option<Linked>,
    /// Chip data; empty for none.
    pub field55: Vec<u8>,
}

impl Drop for AdviceAgain {
    fn drop(&mut self) {
        self.expiry.zeroize();
    }
}

impl core::fmt::Debug for AdviceAgain {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AdviceAgain({}, batch {}, trace {})", self.kind, self.batch, self.trace)
    }
}

impl AdviceAgain {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field, or the original is missing.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let row = self.kind.row();
        let mut code = financial_field60(profile, self.kind, self.batch, self.entry)?;
        if profile.field60_always_partial {
            code.push('0');
        }
        card_draft(profile, &self.identity, self.trace, self.entry).build(|message| {
            put_card(
                message,
                profile,
                self.kind,
                self.entry,
                &self.pan,
                self.card_sequence,
                self.pin_entered,
            )?;
            put_condition(message, self.kind, self.family)?;
            message.put(60, code)?;
            put_amount(message, Some(self.amount), self.currency)?;
            put_some(message, 14, self.expiry.as_deref())?;
            put_bytes(message, 55, &self.field55)?;
            put_linked(message, row, self.linked.as_ref())?;
            if row.organisation {
                message.put(63, profile.organisation(self.pan.reveal()))?;
            }
            Ok(())
        })
    }
}

/// The end of a batch upload (批上送结束, 0320, 60.3 = 207 after a balanced settlement, else 202). It goes out even
/// where nothing was uploaded. Fields 11 41 42 48 60.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEnd {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The batch that is settled, 1 to 999999.
    pub batch: u32,
    /// Whether both sides were balanced.
    pub balanced: bool,
    /// Records uploaded in all, 0 to 9999.
    pub count: u16,
}

impl BatchEnd {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        in_range(48, self.count.into(), 0, 9999)?;
        let code = field60("00", self.batch, if self.balanced { "207" } else { "202" })?;
        draft(profile, Mti::UPLOAD, &self.identity, self.trace).build(|message| {
            message.put(48, format!("{:04}", self.count))?.put(60, code)?;
            Ok(())
        })
    }
}

fn put_sequence(message: &mut MessageBuilder<'_>, sequence: Option<u8>) -> Result<(), EncodeError> {
    if let Some(sequence) = sequence {
        in_range(23, sequence.into(), 0, 99)?;
        message.put_number(23, sequence.into())?;
    }
    Ok(())
}

fn draft<'a>(profile: &'a Profile, mti: Mti, identity: &'a Identity, trace: u32) -> Draft<'a> {
    Draft { profile, header: profile.management_header, mti, identity, trace, amount: None }
}

fn card_draft<'a>(profile: &'a Profile, identity: &'a Identity, trace: u32, entry: Entry) -> Draft<'a> {
    Draft { header: header(profile, entry), ..draft(profile, Mti::UPLOAD, identity, trace) }
}
