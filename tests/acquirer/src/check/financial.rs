//! Requests that move money, and their reversals: the field lists of reference 1.1.

use super::card::{chip, pan_is_sound, pin_block, stripe, track_agrees};
use super::{
    FINANCIAL_60, Named, PinBlock, Refused, absent, equals, exact, format_error, own_trace, private_60,
    refused,
};
use crate::code;
use crate::kind::{Chip, Entry, Link, Row, row_of};
use crate::message::Message;
use crate::tlv::{self, Object};
use encoding_rs::GBK;

/// A financial request, as its fields say.
pub(crate) struct Financial {
    /// Field 22.
    pub(crate) entry: String,
    pub(crate) named: Named,
    pub(crate) expiry: Option<u32>,
    pub(crate) sequence: u8,
    pub(crate) pin: Option<PinBlock>,
    pub(crate) chip: Option<Vec<Object>>,
    /// Payment voucher code (F59 A4), if given.
    pub(crate) voucher: Option<String>,
    /// Field 57, from GBK.
    pub(crate) goods: Option<String>,
}

/// What names the original: field 61.
pub(crate) struct Origin {
    /// 61.1; 0 if unknown.
    pub(crate) batch: u32,
    /// 61.2; 0 if unknown.
    pub(crate) trace: u32,
    /// 61.3, MMDD, if given and not zero.
    pub(crate) date: Option<String>,
}

/// Reads field 61: n12 (batch, trace), or longer with the date.
pub(crate) fn origin(message: &Message) -> Result<Origin, Refused> {
    let number = |from, to, name: &str| {
        message.part(61, from, to).ok_or_else(|| format_error(format!("{name} is missing")))
    };
    let text = message.text(61).unwrap_or_default();
    if !matches!(text.len(), 12 | 16 | 18..=29) {
        return Err(format_error(format!("field 61 has {} digits", text.len())));
    }
    let date = text.get(12..16).filter(|date| *date != "0000").map(str::to_owned);
    Ok(Origin { batch: number(0, 6, "61.1")?, trace: number(6, 12, "61.2")?, date })
}

fn named(message: &Message, row: &Row) -> Result<Named, Refused> {
    own_trace(message)?;
    let number = |what: Option<u32>, name: &str| what.ok_or_else(|| format_error(name));
    let trace = number(message.part(11, 0, 6), "field 11")?;
    let batch = number(message.part(60, 2, 8), "60.2")?;
    let amount = message.number(4).unwrap_or_default();
    let pan = match row.entry {
        Entry::Card | Entry::Manual => {
            let track_pan = message.text(35).and_then(|track| track.split('=').next());
            let pan = message.text(2).or(track_pan).ok_or_else(|| format_error("neither field 2 nor 35"))?;
            pan_is_sound(pan)?;
            pan.to_owned()
        }
        Entry::Code => customer_code(message, row)?,
        Entry::Wallet => String::new(),
    };
    Ok(Named { trace, batch, amount, pan })
}

fn objects_59(message: &Message) -> Result<Vec<(String, String)>, Refused> {
    code::parse(message.field(59).unwrap_or_default())
        .map_err(|at| format_error(format!("field 59 is malformed at byte {at}")))
}

/// The customer's code (A3) of field 59, and the terminal information (A2) if it is there. What follows a
/// payment may give the voucher code (A4) alone.
fn customer_code(message: &Message, row: &Row) -> Result<String, Refused> {
    let objects = objects_59(message)?;
    let given = code::find(&objects, "A3");
    if let Some(code) = given
        && !code::is_c2b(code)
    {
        return Err(format_error("field 59: A3 is not 19 digits that begin with 62"));
    }
    if given.is_none() && (row.link == Link::None || code::find(&objects, "A4").is_none()) {
        return Err(format_error("field 59: A3 is missing"));
    }
    if let Some(information) = code::find(&objects, "A2") {
        let inner = code::parse(information.as_bytes())
            .map_err(|at| format_error(format!("field 59: A2 is malformed at byte {at}")))?;
        let ends = |factor: &str| given.is_none_or(|code| code.ends_with(factor));
        if !code::find(&inner, "03").is_none_or(|factor| factor.len() == 6 && ends(factor)) {
            return Err(format_error("field 59: A2.03 is not the last 6 digits of the code"));
        }
    }
    Ok(given.unwrap_or_default().to_owned())
}

/// A financial request: its row's fields, consistent with each other.
pub(crate) fn financial(row: &Row, message: &Message, strict_field55: bool) -> Result<Financial, Refused> {
    exact(message, row.required, row.optional)?;
    equals(message, 49, "156")?;
    private_60(message, row.types, "000", &FINANCIAL_60)?;
    if !message.text(60).and_then(|value| value.get(11..12)).is_some_and(|digit| "256".contains(digit)) {
        return Err(format_error("60.4 is not 2, 5 or 6"));
    }
    let named = named(message, row)?;
    if named.amount == 0 && row.required.contains(&4) {
        return Err(refused("13", "the amount is zero"));
    }
    let expiry = message.part(14, 0, 4);
    track_agrees(message, &named.pan)?;
    let entry = message.text(22).unwrap_or_default();
    if row.entry == Entry::Manual && !entry.starts_with("01") {
        return Err(format_error("field 22 does not say that the card number was typed"));
    }
    stripe(message, entry)?;
    let pin = pin_block(message, entry)?;
    let chip_entry = matches!(entry.get(..2), Some("05" | "07" | "96" | "98"));
    let chip = match message.field(55) {
        Some(data) => chip(message, data, row, strict_field55)?,
        None if chip_entry && row.chip == Chip::Request => {
            return Err(format_error("field 22 says chip, but there is no field 55"));
        }
        None => None,
    };
    if message.field(61).is_some() {
        origin(message)?;
    }
    let sequence = match message.number(23) {
        Some(number) => u8::try_from(number)
            .ok()
            .filter(|number| *number <= 99)
            .ok_or_else(|| format_error("field 23 is over 99"))?,
        None => 0,
    };
    let voucher = match row.entry {
        Entry::Code => code::find(&objects_59(message)?, "A4").map(str::to_owned),
        _ => None,
    };
    let goods = message.field(57).map(|goods| GBK.decode(goods).0.into_owned());
    Ok(Financial { named, entry: entry.to_owned(), expiry, sequence, pin, chip, voucher, goods })
}

/// Reversal: the original's own fields, a reason, and nothing of track or PIN. Gives the original's row.
pub(crate) fn reversal(message: &Message) -> Result<(&'static Row, Named, String), Refused> {
    absent(message, &[26, 35, 36, 37, 52])?;
    let row = row_of(message, None)
        .ok_or_else(|| format_error("fields 3, 25 and 60.1 are of no transaction of this host"))?;
    if !row.reversible {
        return Err(refused("12", "this transaction is not reversible"));
    }
    let required: &[u8] = match (row.entry, row.link) {
        (Entry::Code, Link::None) => &[3, 4, 11, 22, 25, 39, 41, 42, 49, 59, 60, 64],
        (Entry::Code, _) => &[3, 4, 11, 22, 25, 39, 41, 42, 49, 59, 60, 61, 64],
        (_, Link::None) => &[2, 3, 4, 11, 22, 25, 39, 41, 42, 49, 60, 64],
        (..) => &[2, 3, 4, 11, 22, 25, 39, 41, 42, 49, 60, 61, 64],
    };
    exact(message, required, &[14, 23, 32, 38, 53, 55, 62])?;
    equals(message, 49, "156")?;
    private_60(message, row.types, "000", &FINANCIAL_60)?;
    if let Some(data) = message.field(55) {
        tlv::parse(data).map_err(|at| format_error(format!("field 55 is malformed at byte {at}")))?;
    }
    match message.text(39) {
        Some(reason @ ("98" | "06" | "A0" | "96")) => Ok((row, named(message, row)?, reason.to_owned())),
        _ => Err(format_error("field 39 is no reversal reason (98, 06, A0, 96)")),
    }
}
