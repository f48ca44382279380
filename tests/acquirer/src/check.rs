//! Is a request what the reference says it is? Every refusal says why, for whoever debugs the terminal.

use crate::message::Message;
use crate::tlv::{self, Object};

/// A response code and the reason for it.
pub(crate) struct Refused {
    pub(crate) code: String,
    pub(crate) note: String,
}

/// A refusal.
pub(crate) fn refused(code: &str, note: impl Into<String>) -> Refused {
    Refused { code: code.to_owned(), note: note.into() }
}

fn format_error(note: impl Into<String>) -> Refused {
    refused("30", note)
}

/// Tags of the cryptogram, which field 55 cannot do without.
const CRYPTOGRAM_TAGS: [u32; 12] =
    [0x9F26, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03];

/// The other tags of the reference's request list.
const OTHER_TAGS: [u32; 8] = [0x9F27, 0x9F33, 0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41];

/// What every request that belongs to a transaction carries.
pub(crate) struct Named {
    pub(crate) trace: u32,
    pub(crate) batch: u32,
    pub(crate) amount: u64,
    pub(crate) pan: String,
}

/// An enciphered PIN.
pub(crate) struct PinBlock {
    pub(crate) block: [u8; 8],
    pub(crate) with_pan: bool,
}

/// A sale, as its fields say.
pub(crate) struct Sale {
    pub(crate) named: Named,
    pub(crate) expiry: Option<u32>,
    pub(crate) sequence: u8,
    pub(crate) pin: Option<PinBlock>,
    pub(crate) chip: Option<Vec<Object>>,
}

fn present(message: &Message, fields: &[u8]) -> Result<(), Refused> {
    match fields.iter().find(|field| message.field(**field).is_none()) {
        Some(field) => Err(format_error(format!("field {field} is missing"))),
        None => Ok(()),
    }
}

fn absent(message: &Message, fields: &[u8]) -> Result<(), Refused> {
    match fields.iter().find(|field| message.field(**field).is_some()) {
        Some(field) => Err(format_error(format!("field {field} does not belong in this message"))),
        None => Ok(()),
    }
}

fn equals(message: &Message, field: u8, wanted: &str) -> Result<(), Refused> {
    if message.text(field) == Some(wanted) {
        Ok(())
    } else {
        Err(format_error(format!("field {field} is not {wanted}")))
    }
}

/// Field 60: 60.1, 60.3 and its length.
fn private_60(message: &Message, kind: &str, code: &str, lengths: &[usize]) -> Result<(), Refused> {
    let value = message.text(60).unwrap_or_default();
    if value.get(..2) != Some(kind) {
        Err(format_error(format!("60.1 is not {kind}")))
    } else if value.get(8..11) != Some(code) {
        Err(format_error(format!("60.3 is not {code}")))
    } else if !lengths.contains(&value.len()) {
        Err(format_error(format!("field 60 has {} digits", value.len())))
    } else {
        Ok(())
    }
}

/// Lengths of field 60 in a financial message: 60.5 last, 60.6 last, 60.7 last, and the 19 digits of a
/// real message.
const FINANCIAL_60: [usize; 4] = [13, 14, 17, 19];

fn own_trace(message: &Message) -> Result<(), Refused> {
    match message.number(11) {
        Some(1..) => Ok(()),
        _ => Err(format_error("field 11 is missing or zero")),
    }
}

fn pan_is_sound(pan: &str) -> Result<(), Refused> {
    let sum: u32 = pan
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit & 15) << (place % 2);
            digit / 10 + digit % 10
        })
        .sum();
    if (13..=19).contains(&pan.len()) && sum.is_multiple_of(10) {
        Ok(())
    } else {
        Err(refused("14", "the card number fails its length or Luhn check"))
    }
}

fn named(message: &Message) -> Result<Named, Refused> {
    own_trace(message)?;
    let number = |what: Option<u32>, name: &str| what.ok_or_else(|| format_error(name));
    let trace = number(message.part(11, 0, 6), "field 11")?;
    let batch = number(message.part(60, 2, 8), "60.2")?;
    let amount = message.number(4).ok_or_else(|| format_error("field 4"))?;
    let track_pan = message.text(35).and_then(|track| track.split('=').next());
    let pan = message.text(2).or(track_pan).ok_or_else(|| format_error("neither field 2 nor 35"))?;
    pan_is_sound(pan)?;
    Ok(Named { trace, batch, amount, pan: pan.to_owned() })
}

/// Sign-in: fields 11 41 42 60 63, no MAC. Gives the operator of 63.1.
pub(crate) fn sign_in(message: &Message) -> Result<&str, Refused> {
    present(message, &[11, 41, 42, 60, 63])?;
    absent(message, &[64])?;
    own_trace(message)?;
    let code = message.text(60).and_then(|value| value.get(8..11)).unwrap_or_default();
    if !matches!(code, "003" | "004") {
        return Err(refused("40", format!("60.3 is {code}: only 003 and 004 are served")));
    }
    private_60(message, "00", code, &[11])?;
    let operator = message.text(63).and_then(|value| value.get(..3));
    operator.map(str::trim_end).ok_or_else(|| format_error("63.1 has fewer than 3 characters"))
}

/// Sign-out and echo: fields 11 41 42 60.
pub(crate) fn management(message: &Message, code: &str) -> Result<(), Refused> {
    present(message, &[11, 41, 42, 60])?;
    own_trace(message)?;
    private_60(message, "00", code, &[11])
}

/// Sale: the request fields of reference 1.1, consistent with each other.
pub(crate) fn sale(message: &Message, strict_field55: bool) -> Result<Sale, Refused> {
    present(message, &[3, 4, 11, 22, 25, 41, 42, 49, 60, 64])?;
    equals(message, 3, "000000")?;
    equals(message, 25, "00")?;
    equals(message, 49, "156")?;
    private_60(message, "22", "000", &FINANCIAL_60)?;
    if !message.text(60).and_then(|value| value.get(11..12)).is_some_and(|digit| "256".contains(digit)) {
        return Err(format_error("60.4 is not 2, 5 or 6"));
    }
    let named = named(message)?;
    if named.amount == 0 {
        return Err(refused("13", "the amount is zero"));
    }
    let expiry = message.part(14, 0, 4);
    track_agrees(message, &named.pan)?;
    let entry = message.text(22).unwrap_or_default();
    let pin = pin_block(message, entry)?;
    let chip_entry = matches!(entry.get(..2), Some("05" | "07" | "96" | "98"));
    let chip = match message.field(55) {
        Some(data) => Some(chip(message, data, strict_field55)?),
        None if chip_entry => return Err(format_error("field 22 says chip, but there is no field 55")),
        None => None,
    };
    let sequence = match message.number(23) {
        Some(number) => u8::try_from(number)
            .ok()
            .filter(|number| *number <= 99)
            .ok_or_else(|| format_error("field 23 is over 99"))?,
        None => 0,
    };
    Ok(Sale { named, expiry, sequence, pin, chip })
}

/// Track 2 must be of the same card and expiry as fields 2 and 14.
fn track_agrees(message: &Message, pan: &str) -> Result<(), Refused> {
    // Digit 3 of field 53 says that the track is enciphered.
    let enciphered = message.text(53).and_then(|value| value.get(2..3)) == Some("1");
    let Some(track) = message.text(35).filter(|_| !enciphered) else { return Ok(()) };
    let (track_pan, rest) = track.split_once('=').ok_or_else(|| format_error("field 35 has no separator"))?;
    if track_pan != pan {
        return Err(format_error("field 35 is of another card than field 2"));
    }
    match (message.text(14), rest.get(..4)) {
        (_, None) => Err(format_error("field 35 has no expiry")),
        (Some(expiry), Some(track_expiry)) if expiry != track_expiry => {
            Err(format_error("fields 14 and 35 have different expiries"))
        }
        _ => Ok(()),
    }
}

fn pin_block(message: &Message, entry: &str) -> Result<Option<PinBlock>, Refused> {
    let Some(block) = message.field(52).and_then(|block| block.try_into().ok()) else {
        absent(message, &[26])?;
        if entry.ends_with('1') && !entry.starts_with("05") {
            return Err(format_error("field 22 says PIN, but there is no field 52"));
        }
        return Ok(None);
    };
    present(message, &[26, 53])?;
    if !matches!(message.text(26), Some("12" | "06")) {
        return Err(format_error("field 26 is neither 12 nor 06"));
    }
    if !entry.ends_with('1') {
        return Err(format_error("there is a field 52, but field 22 does not say PIN"));
    }
    let security = message.text(53).unwrap_or_default();
    let with_pan = match security.get(..2) {
        Some("26") => true,
        Some("16") => false,
        _ => return Err(format_error("field 53 must begin 26 (with PAN) or 16 (without), for 3DES")),
    };
    if !security.bytes().skip(3).all(|digit| digit == b'0') {
        return Err(format_error("field 53 ends in zeros"));
    }
    Ok(Some(PinBlock { block, with_pan }))
}

/// Field 55: well-formed, complete, no tag twice, and of this very transaction.
fn chip(message: &Message, data: &[u8], strict: bool) -> Result<Vec<Object>, Refused> {
    let objects =
        tlv::parse(data).map_err(|at| format_error(format!("field 55 is malformed at byte {at}")))?;
    for (place, object) in objects.iter().enumerate() {
        if objects[..place].iter().any(|earlier| earlier.tag == object.tag) {
            return Err(format_error(format!("field 55: tag {:X} twice", object.tag)));
        }
    }
    let others: &[u32] = if strict { &OTHER_TAGS } else { &[] };
    for tag in CRYPTOGRAM_TAGS.iter().chain(others) {
        if tlv::find(&objects, *tag).is_none() {
            return Err(format_error(format!("field 55: tag {tag:X} is missing")));
        }
    }
    let number = |tag| {
        tlv::find(&objects, tag).map(crate::settings::hex).and_then(|digits| digits.parse::<u64>().ok())
    };
    if number(0x9F02) != message.number(4) {
        return Err(format_error("field 55: 9F02 is not the amount of field 4"));
    }
    if number(0x5F2A) != message.number(49) {
        return Err(format_error("field 55: 5F2A is not the currency of field 49"));
    }
    if number(0x9C) != Some(0) {
        return Err(format_error("field 55: 9C is not 00"));
    }
    if tlv::find(&objects, 0x5F34).is_some() && number(0x5F34) != message.number(23) {
        return Err(format_error("field 55: 5F34 is not the sequence number of field 23"));
    }
    if tlv::find(&objects, 0x9F27).is_some_and(|information| information.first() != Some(&0x80)) {
        return Err(refused("59", "field 55: 9F27 is not 80 (ARQC)"));
    }
    Ok(objects)
}

/// Reversal: the original's own fields, a reason, and nothing of track or PIN.
pub(crate) fn reversal(message: &Message) -> Result<(Named, String), Refused> {
    present(message, &[2, 3, 4, 11, 22, 25, 39, 41, 42, 49, 60, 64])?;
    absent(message, &[26, 35, 36, 52])?;
    equals(message, 3, "000000")?;
    equals(message, 25, "00")?;
    equals(message, 49, "156")?;
    private_60(message, "22", "000", &FINANCIAL_60)?;
    if let Some(data) = message.field(55) {
        tlv::parse(data).map_err(|at| format_error(format!("field 55 is malformed at byte {at}")))?;
    }
    match message.text(39) {
        Some(reason @ ("98" | "06" | "A0" | "96")) => Ok((named(message)?, reason.to_owned())),
        _ => Err(format_error("field 39 is no reversal reason (98, 06, A0, 96)")),
    }
}

/// A script result notice.
pub(crate) struct ScriptResult {
    pub(crate) named: Named,
    pub(crate) original_batch: u32,
    pub(crate) original_trace: u32,
    pub(crate) result: Option<Vec<u8>>,
}

/// Script result: the fields of reference 1.1, the original named by field 61.
pub(crate) fn script_result(message: &Message) -> Result<ScriptResult, Refused> {
    present(message, &[2, 3, 4, 11, 22, 37, 41, 42, 49, 55, 60, 61])?;
    absent(message, &[35, 36, 52])?;
    equals(message, 49, "156")?;
    private_60(message, "00", "951", &[11, 13, 14, 17, 19])?;
    let number = |from, to| {
        message.part(61, from, to).ok_or_else(|| format_error("field 61 has fewer than 12 digits"))
    };
    let objects = tlv::parse(message.field(55).unwrap_or_default())
        .map_err(|at| format_error(format!("field 55 is malformed at byte {at}")))?;
    Ok(ScriptResult {
        named: named(message)?,
        original_batch: number(0, 6)?,
        original_trace: number(6, 12)?,
        result: tlv::find(&objects, 0xDF31).map(<[u8]>::to_vec),
    })
}
