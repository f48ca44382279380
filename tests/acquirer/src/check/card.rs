//! Card number, track, PIN and chip data of a request, consistent with each other.

use super::{Refused, absent, format_error, present, refused};
use crate::kind::{Chip, Row};
use crate::message::Message;
use crate::tlv::{self, Object};

/// Tags of the cryptogram, which field 55 cannot do without.
const CRYPTOGRAM_TAGS: [u32; 12] =
    [0x9F26, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A, 0x9F03];

/// The other tags of the reference's request list.
const OTHER_TAGS: [u32; 8] = [0x9F27, 0x9F33, 0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41];

/// An enciphered PIN.
pub(crate) struct PinBlock {
    /// 8 bytes, or 16 with SM4.
    pub(crate) block: Vec<u8>,
    pub(crate) with_pan: bool,
}

pub(super) fn pan_is_sound(pan: &str) -> Result<(), Refused> {
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

/// Track 2 must be of the same card and expiry as fields 2 and 14.
pub(super) fn track_agrees(message: &Message, pan: &str) -> Result<(), Refused> {
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

/// A swiped card (22 = 02) tells its track and nothing of a chip. One whose service code (ISO/IEC 7813) begins with 2 or
/// 6 has a chip, and is swiped only as a fallback (60.5 = 2).
pub(super) fn stripe(message: &Message, entry: &str) -> Result<(), Refused> {
    let fallback = message.text(60).and_then(|value| value.get(12..13)) == Some("2");
    if !entry.starts_with("02") {
        return match fallback {
            true => Err(format_error("60.5 says fallback, but field 22 does not say stripe")),
            false => Ok(()),
        };
    }
    absent(message, &[23, 55])?;
    if message.field(35).is_none() && message.field(36).is_none() {
        return Err(format_error("field 22 says stripe, but there is no track"));
    }
    let service_code =
        message.text(35).and_then(|track| track.split_once('=')).and_then(|(_, rest)| rest.get(4..7));
    match service_code {
        Some(code) if code.starts_with(['2', '6']) && !fallback => {
            Err(refused("45", "the card has a chip, and this is no fallback"))
        }
        _ => Ok(()),
    }
}

pub(super) fn pin_block(message: &Message, entry: &str) -> Result<Option<PinBlock>, Refused> {
    let Some(block) = message.field(52).map(<[u8]>::to_vec) else {
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
    let with_pan = match (security.get(..2), block.len()) {
        (Some("26"), 8) | (Some("23"), 16) => true,
        (Some("16"), 8) | (Some("13"), 16) => false,
        (_, 8) => return Err(format_error("field 53 must begin 26 (with PAN) or 16 (without), for 3DES")),
        _ => return Err(format_error("field 53 must begin 23 (with PAN) or 13 (without), for SM4")),
    };
    if !security.bytes().skip(3).all(|digit| digit == b'0') {
        return Err(format_error("field 53 ends in zeros"));
    }
    Ok(Some(PinBlock { block, with_pan }))
}

/// Field 55: well-formed, complete, no tag twice, and of this very transaction. `None` where the kind asks for
/// no cryptogram and there is none.
pub(super) fn chip(
    message: &Message,
    data: &[u8],
    row: &Row,
    strict: bool,
) -> Result<Option<Vec<Object>>, Refused> {
    let objects =
        tlv::parse(data).map_err(|at| format_error(format!("field 55 is malformed at byte {at}")))?;
    for (place, object) in objects.iter().enumerate() {
        if objects[..place].iter().any(|earlier| earlier.tag == object.tag) {
            return Err(format_error(format!("field 55: tag {:X} twice", object.tag)));
        }
    }
    if row.chip == Chip::Optional && tlv::find(&objects, 0x9F26).is_none() {
        return Ok(None);
    }
    complete(&objects, strict)?;
    let number = |tag| {
        tlv::find(&objects, tag).map(crate::settings::hex).and_then(|digits| digits.parse::<u64>().ok())
    };
    if number(0x9F02) != Some(message.number(4).unwrap_or_default()) {
        return Err(format_error("field 55: 9F02 is not the amount of field 4"));
    }
    if number(0x5F2A) != message.number(49) {
        return Err(format_error("field 55: 5F2A is not the currency of field 49"));
    }
    if number(0x9C) != message.part(3, 0, 2).map(u64::from) {
        return Err(format_error("field 55: 9C is not what field 3 begins with"));
    }
    if tlv::find(&objects, 0x5F34).is_some() && number(0x5F34) != message.number(23) {
        return Err(format_error("field 55: 5F34 is not the sequence number of field 23"));
    }
    let (information, name) =
        if row.chip == Chip::Certificate { (0x40, "40 (TC)") } else { (0x80, "80 (ARQC)") };
    if tlv::find(&objects, 0x9F27).is_some_and(|given| given.first() != Some(&information)) {
        return Err(refused("59", format!("field 55: 9F27 is not {name}")));
    }
    if row.chip == Chip::Certificate && tlv::find(&objects, 0x8A) != Some(b"Y1") {
        return Err(format_error("field 55: 8A is not Y1"));
    }
    Ok(Some(objects))
}

/// Every tag of the reference's request list; if not strict, those that the cryptogram covers.
pub(super) fn complete(objects: &[Object], strict: bool) -> Result<(), Refused> {
    let others: &[u32] = if strict { &OTHER_TAGS } else { &[] };
    match CRYPTOGRAM_TAGS.iter().chain(others).find(|tag| tlv::find(objects, **tag).is_none()) {
        Some(tag) => Err(format_error(format!("field 55: tag {tag:X} is missing"))),
        None => Ok(()),
    }
}
