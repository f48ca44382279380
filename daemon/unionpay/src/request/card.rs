//! Messages about a card: a transaction's own request, its reversal, and the notice of issuer script results.

use super::{Draft, Identity, Request, field60, in_range};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::frame::Header;
use crate::kind::{Family, Kind, OriginalForm, Row};
use crate::message::MessageBuilder;
use crate::mti::Mti;
use crate::pan::{Pan, Track2, Track3};
use crate::profile::Profile;
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

/// How the card's data came in; field 22 tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// Read from the chip, inserted.
    Chip,
    /// Read from the chip, or the phone, held to the contactless reader.
    Contactless,
    /// Read from the stripe.
    Swipe,
    /// Read from the stripe, though the card has a chip: that could not be read (60.5 = 2).
    Fallback,
    /// Typed, or taken from the records of an original: no card was read.
    Manual,
}

/// What a message tells of the card.
pub struct Card {
    /// How it came in.
    pub entry: Entry,
    /// Card number.
    pub pan: Pan,
    /// Expiry, YYMM.
    pub expiry: Option<String>,
    /// Card sequence number (5F34), 0 to 99.
    pub sequence: Option<u8>,
    /// Track 2 of the stripe, or the chip's equivalent (57).
    pub track2: Option<Track2>,
    /// Track 3 of the stripe.
    pub track3: Option<Track3>,
    /// PIN block under the PIN key, from the secure module: 8 bytes with 3DES, 16 with SM4.
    pub pin_block: Option<Vec<u8>>,
    /// Chip data, from [`crate::field55::build`].
    pub field55: Vec<u8>,
}

impl Drop for Card {
    fn drop(&mut self) {
        self.pin_block.zeroize();
        self.expiry.zeroize();
    }
}

/// The transaction that another one follows: fields 37, 38 and 61.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Linked {
    /// Batch number (61.1); 0 if unknown.
    pub batch: u32,
    /// Trace number (61.2); 0 if unknown.
    pub trace: u32,
    /// Date MMDD as the host dated it (61.3); empty if unknown.
    pub date: String,
    /// Retrieval reference number (field 37).
    pub rrn: Option<String>,
    /// Authorisation code (field 38).
    pub authorisation_code: Option<String>,
}

impl Linked {
    /// Field 61 in a form.
    fn field61(&self, form: OriginalForm) -> Result<String, EncodeError> {
        in_range(61, self.batch.into(), 0, 999_999)?;
        in_range(61, self.trace.into(), 0, 999_999)?;
        let date = if self.date.is_empty() { "0000" } else { self.date.as_str() };
        if date.len() != 4 {
            let kind = EncodeErrorKind::TooShort { length: date.len(), expected: 4 };
            return Err(EncodeError::new(61, kind));
        }
        Ok(match form {
            OriginalForm::Trace => format!("{:06}{:06}", self.batch, self.trace),
            OriginalForm::TraceAndDate => format!("{:06}{:06}{date}", self.batch, self.trace),
            OriginalForm::Date => format!("000000000000{date}"),
        })
    }
}

/// A transaction's own request (0100, 0200 or 0220): one message for every [`Kind`], by its row.
///
/// Fields 2 3 4 11 14 22 23 25 26 35 36 37 38 41 42 49 52 53 55 60 61 62 63 64; of these 4, 37, 38, 61 and 63 as the row
/// says, 14, 23, 35, 36, 55 and 62 only where there is a value, 26, 52 and 53 only with a PIN.
pub struct Financial {
    /// The transaction type.
    pub kind: Kind,
    /// What it is a case of.
    pub family: Family,
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number, 1 to 999999.
    pub trace: u32,
    /// Batch number, 1 to 999999.
    pub batch: u32,
    /// Amount in minor units, 1 to 999999999999; not sent where the row has none.
    pub amount: u64,
    /// ISO 4217 numeric code, 156 for CNY.
    pub currency: u16,
    /// The card.
    pub card: Card,
    /// The original, where the kind has one.
    pub linked: Option<Linked>,
    /// Whether a part of the amount may be approved (60.6).
    pub allow_partial: bool,
    /// Into how many instalments the amount is split (field 62, as the profile lays it out).
    pub instalments: Option<u8>,
    /// The goods; sent only where the profile says so, and the kind's field list has them.
    pub goods: Vec<GoodsLine>,
}

/// One line of the goods (商品信息).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodsLine {
    /// Its name.
    pub name: String,
    /// How many, in thousandths.
    pub quantity: u32,
    /// Its price for this quantity, in minor units.
    pub amount: u64,
}

/// Most bytes of field 57.
const GOODS_BYTES: usize = 999;

/// The goods as field 57 carries them: `name*quantity*amount;` each, in GBK. What does not fit is left out.
fn goods57(goods: &[GoodsLine]) -> Vec<u8> {
    let mut field = Vec::new();
    for GoodsLine { name, quantity, amount } in goods {
        let line = format!("{name}*{}.{:03}*{amount};", quantity / 1000, quantity % 1000);
        let (bytes, _, _) = encoding_rs::GBK.encode(&line);
        if field.len() + bytes.len() > GOODS_BYTES {
            break;
        }
        field.extend_from_slice(&bytes);
    }
    field
}

impl core::fmt::Debug for Financial {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Financial({}, batch {}, trace {})", self.kind, self.batch, self.trace)
    }
}

impl Financial {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field, or the original is missing.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let row = self.kind.row();
        let mut code = financial_field60(profile, self.kind, self.batch, self.card.entry)?;
        if self.allow_partial || profile.field60_always_partial {
            code.push(if self.allow_partial { '1' } else { '0' });
        }
        let card = &self.card;
        let amount = row.amount.then_some(self.amount);
        draft(profile, row.mti, &self.identity, self.trace, amount, card.entry).build(|message| {
            put_card(
                message,
                profile,
                self.kind,
                card.entry,
                &card.pan,
                card.sequence,
                card.pin_block.is_some(),
            )?;
            put_condition(message, self.kind, self.family)?;
            put_amount(message, amount, self.currency)?;
            put_some(message, 14, card.expiry.as_deref())?;
            put_bytes(message, 55, &card.field55)?;
            if let Some(track) = &card.track2 {
                message.put(35, track.reveal())?;
            }
            if let Some(track) = &card.track3 {
                message.put(36, track.reveal())?;
            }
            if let Some(block) = &card.pin_block {
                message
                    .put_number(26, profile.pin_maximum.into())?
                    .put(52, block)?
                    .put(53, profile.field53_sent().as_ref())?;
            }
            put_linked(message, row, self.linked.as_ref())?;
            if let Some(text) = self.instalments.and_then(|count| profile.instalments.field62(count)) {
                message.put(62, text.as_bytes())?;
            }
            if row.organisation {
                message.put(63, profile.organisation(card.pan.reveal()))?;
            }
            if profile.goods_in_57 && row.goods {
                put_bytes(message, 57, &goods57(&self.goods))?;
            }
            message.put(60, code)?;
            Ok(())
        })
    }
}

/// The reversal (冲正, 0400) of a transaction. It keeps the trace and batch of its original.
///
/// Fields 2 3 4 11 14 22 23 25 38 39 41 42 49 55 60 61 64; of these 14, 23 and 55 only where there is a value, 38 only
/// where the original was answered with one, 61 where the original has it. No track and no PIN.
pub struct Reversal {
    /// What is reversed.
    pub kind: Kind,
    /// What that is a case of.
    pub family: Family,
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
    /// How the card's data came in.
    pub entry: Entry,
    /// Card number.
    pub pan: Pan,
    /// Expiry, YYMM.
    pub expiry: Option<String>,
    /// Card sequence number.
    pub card_sequence: Option<u8>,
    /// Whether the original carried a PIN.
    pub pin_entered: bool,
    /// Authorisation code of the original's answer.
    pub authorisation_code: Option<String>,
    /// What the original itself followed (its field 61).
    pub linked: Option<Linked>,
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
        let row = self.kind.row();
        let mut code = financial_field60(profile, self.kind, self.batch, self.entry)?;
        if profile.field60_always_partial {
            code.push('0');
        }
        let amount = Some(self.amount);
        draft(profile, Mti::REVERSAL, &self.identity, self.trace, amount, self.entry).build(|message| {
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
            put_amount(message, amount, self.currency)?;
            put_some(message, 14, self.expiry.as_deref())?;
            put_bytes(message, 55, &self.field55)?;
            put_some(message, 38, self.authorisation_code.as_deref())?;
            put_original(message, row, self.linked.as_ref())?;
            message.put(39, &self.reason)?.put(60, code)?;
            Ok(())
        })
    }
}

/// The notice of issuer script results (脚本结果通知, 0620, 60.3 = 951), under a trace number of its own.
///
/// Fields 2 3 4 11 22 23 37 38 41 42 49 55 60 61, and 64 where the profile says so; of these 23, 37 and 38 only where
/// there is a value.
pub struct ScriptResult {
    /// What the scripts came with.
    pub kind: Kind,
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
    /// How the card's data came in.
    pub entry: Entry,
    /// Card number.
    pub pan: Pan,
    /// Card sequence number.
    pub card_sequence: Option<u8>,
    /// Whether the original carried a PIN.
    pub pin_entered: bool,
    /// The original: its answer's numbers, and where it stands.
    pub original: Linked,
    /// Chip data with the script results (DF31).
    pub field55: Vec<u8>,
}

impl core::fmt::Debug for ScriptResult {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ScriptResult(trace {}, of {} {})", self.trace, self.original.batch, self.original.trace)
    }
}

impl ScriptResult {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let original = self.original.field61(OriginalForm::TraceAndDate)?;
        let code = field60("00", self.batch, "951")?;
        // The answer has no field 4 (reference 1.1).
        draft(profile, Mti::SCRIPT_RESULT, &self.identity, self.trace, None, self.entry).build(|message| {
            put_card(
                message,
                profile,
                self.kind,
                self.entry,
                &self.pan,
                self.card_sequence,
                self.pin_entered,
            )?;
            put_bytes(message, 55, &self.field55)?;
            put_amount(message, Some(self.amount), self.currency)?;
            put_some(message, 37, self.original.rrn.as_deref())?;
            put_some(message, 38, self.original.authorisation_code.as_deref())?;
            message.put(60, code)?.put(61, original)?;
            Ok(())
        })
    }
}

/// Field 22.
pub(super) fn entry_mode(profile: &Profile, entry: Entry, has_pin: bool) -> &str {
    match (entry, has_pin) {
        (Entry::Chip, true) => &profile.field22_chip_pin,
        (Entry::Chip, false) => &profile.field22_chip,
        (Entry::Contactless, true) => &profile.field22_contactless_pin,
        (Entry::Contactless, false) => &profile.field22_contactless,
        (Entry::Swipe | Entry::Fallback, true) => &profile.field22_stripe_pin,
        (Entry::Swipe | Entry::Fallback, false) => &profile.field22_stripe,
        (Entry::Manual, true) => &profile.field22_manual_pin,
        (Entry::Manual, false) => &profile.field22_manual,
    }
}

pub(super) fn put_card(
    message: &mut MessageBuilder<'_>,
    profile: &Profile,
    kind: Kind,
    entry: Entry,
    pan: &Pan,
    sequence: Option<u8>,
    has_pin: bool,
) -> Result<(), EncodeError> {
    message
        .put(2, pan.reveal())?
        .put(3, kind.row().processing)?
        .put(22, entry_mode(profile, entry, has_pin))?;
    if let Some(sequence) = sequence {
        in_range(23, sequence.into(), 0, 99)?;
        message.put_number(23, sequence.into())?;
    }
    Ok(())
}

pub(super) fn put_condition(
    message: &mut MessageBuilder<'_>,
    kind: Kind,
    family: Family,
) -> Result<(), EncodeError> {
    let condition = kind.condition(family).ok_or(EncodeError::new(25, EncodeErrorKind::Missing))?;
    message.put(25, condition)?;
    Ok(())
}

pub(super) fn put_some(
    message: &mut MessageBuilder<'_>,
    field: u8,
    value: Option<&str>,
) -> Result<(), EncodeError> {
    if let Some(value) = value {
        message.put(field, value)?;
    }
    Ok(())
}

pub(super) fn put_bytes(
    message: &mut MessageBuilder<'_>,
    field: u8,
    value: &[u8],
) -> Result<(), EncodeError> {
    if !value.is_empty() {
        message.put(field, value)?;
    }
    Ok(())
}

pub(super) fn put_linked(
    message: &mut MessageBuilder<'_>,
    row: &Row,
    linked: Option<&Linked>,
) -> Result<(), EncodeError> {
    if row.original_rrn {
        put_some(message, 37, linked.and_then(|linked| linked.rrn.as_deref()))?;
    }
    if row.original_code {
        put_some(message, 38, linked.and_then(|linked| linked.authorisation_code.as_deref()))?;
    }
    put_original(message, row, linked)
}

/// Field 61, where the kind has it: request and reversal say the same.
fn put_original(
    message: &mut MessageBuilder<'_>,
    row: &Row,
    linked: Option<&Linked>,
) -> Result<(), EncodeError> {
    let Some(form) = row.original else { return Ok(()) };
    let linked = linked.ok_or(EncodeError::new(61, EncodeErrorKind::Missing))?;
    message.put(61, linked.field61(form)?)?;
    Ok(())
}

pub(super) fn put_amount(
    message: &mut MessageBuilder<'_>,
    amount: Option<u64>,
    currency: u16,
) -> Result<(), EncodeError> {
    in_range(49, currency.into(), 1, 999)?;
    message.put(49, format!("{currency:03}"))?;
    if let Some(amount) = amount {
        in_range(4, amount, 1, 999_999_999_999)?;
        message.put_number(4, amount)?;
    }
    Ok(())
}

/// 60.1 to 60.5 of a transaction and its reversal (n13).
pub(super) fn financial_field60(
    profile: &Profile,
    kind: Kind,
    batch: u32,
    entry: Entry,
) -> Result<String, EncodeError> {
    in_range(60, batch.into(), 1, 999_999)?;
    let message_kind = if kind == Kind::Tip { &profile.tips.kind } else { kind.row().message_kind };
    let condition = if entry == Entry::Fallback { '2' } else { '0' };
    Ok(format!("{}{}{condition}", field60(message_kind, batch, "000")?, profile.read_capability))
}

/// The header of a message about a card: its application class tells chips from stripes.
pub(super) fn header(profile: &Profile, entry: Entry) -> Header {
    match entry {
        Entry::Swipe | Entry::Fallback => profile.stripe_header,
        Entry::Chip | Entry::Contactless | Entry::Manual => profile.card_header,
    }
}

fn draft<'a>(
    profile: &'a Profile,
    mti: Mti,
    identity: &'a Identity,
    trace: u32,
    amount: Option<u64>,
    entry: Entry,
) -> Draft<'a> {
    Draft { profile, header: header(profile, entry), mti, identity, trace, amount }
}
