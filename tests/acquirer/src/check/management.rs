//! Requests that move no money: management, settlement, uploads, downloads, signatures.

use super::card::{complete, pan_is_sound};
use super::financial::{Origin, origin};
use super::{FINANCIAL_60, Named, Refused, equals, exact, format_error, own_trace, private_60, refused};
use crate::kind::{Row, code_60, row_of};
use crate::message::Message;
use crate::settings::Algorithm;
use crate::settlement::{self, Item, Totals};
use crate::tlv::{self, Object};

/// Sign-in: fields 11 41 42 60 63, perhaps 32 and 62, no MAC. Gives the operator of 63.1.
pub(crate) fn sign_in(message: &Message, algorithm: Algorithm) -> Result<&str, Refused> {
    exact(message, &[11, 41, 42, 60, 63], &[32, 62])?;
    own_trace(message)?;
    let code = code_60(message);
    let (double, with_track) = match algorithm {
        Algorithm::TripleDes => ("003", "004"),
        Algorithm::Sm4 => ("005", "006"),
    };
    if code != double && code != with_track {
        return Err(refused("40", format!("60.3 is {code}: only {double} and {with_track} are served")));
    }
    private_60(message, &["00"], code, &[11])?;
    let operator = message.text(63).and_then(|value| value.get(..3));
    operator.map(str::trim_end).ok_or_else(|| format_error("63.1 has fewer than 3 characters"))
}

/// Sign-out and echo: fields 11 41 42 60.
pub(crate) fn management(message: &Message, code: &str) -> Result<(), Refused> {
    exact(message, &[11, 41, 42, 60], &[64])?;
    own_trace(message)?;
    private_60(message, &["00"], code, &[11])
}

/// A script result notice.
pub(crate) struct ScriptResult {
    pub(crate) named: Named,
    pub(crate) origin: Origin,
    pub(crate) result: Option<Vec<u8>>,
}

/// Script result: the fields of reference 1.1, the original named by field 61.
pub(crate) fn script_result(message: &Message) -> Result<ScriptResult, Refused> {
    exact(message, &[2, 3, 4, 11, 22, 37, 41, 42, 49, 55, 60, 61], &[23, 32, 38, 64])?;
    equals(message, 49, "156")?;
    private_60(message, &["00"], "951", &[11, 13, 14, 17, 19])?;
    Ok(ScriptResult {
        named: plain_named(message)?,
        origin: origin(message)?,
        result: tlv::find(&objects_55(message)?, 0xDF31).map(<[u8]>::to_vec),
    })
}

fn objects_55(message: &Message) -> Result<Vec<Object>, Refused> {
    tlv::parse(message.field(55).unwrap_or_default())
        .map_err(|at| format_error(format!("field 55 is malformed at byte {at}")))
}

/// Trace (11), batch (60.2), amount (4) and card (2) of a message about a transaction.
fn plain_named(message: &Message) -> Result<Named, Refused> {
    own_trace(message)?;
    let pan = message.text(2).unwrap_or_default();
    pan_is_sound(pan)?;
    Ok(Named {
        trace: message.part(11, 0, 6).unwrap_or_default(),
        batch: message.part(60, 2, 8).ok_or_else(|| format_error("60.2"))?,
        amount: message.number(4).ok_or_else(|| format_error("field 4 is missing"))?,
        pan: pan.to_owned(),
    })
}

/// Settlement: fields 11 41 42 48 49 60 63. Gives what the terminal says and its result digits.
pub(crate) fn settlement(message: &Message) -> Result<(Totals, [char; 2]), Refused> {
    exact(message, &[11, 41, 42, 48, 49, 60, 63], &[])?;
    own_trace(message)?;
    equals(message, 49, "156")?;
    private_60(message, &["00"], "201", &[11])?;
    Totals::read(message.text(48).unwrap_or_default())
        .ok_or_else(|| format_error("field 48 is not two times 12, 3, 12, 3 and 1 digits"))
}

/// Batch upload and batch end: fields 11 41 42 48 60.
fn upload(message: &Message) -> Result<&str, Refused> {
    exact(message, &[11, 41, 42, 48, 60], &[])?;
    own_trace(message)?;
    private_60(message, &["00"], code_60(message), &[11])?;
    Ok(message.text(48).unwrap_or_default())
}

/// The details of a batch upload.
pub(crate) fn batch_upload(message: &Message) -> Result<Vec<Item>, Refused> {
    let items =
        settlement::read_items(upload(message)?).map_err(|what| format_error(format!("field 48: {what}")))?;
    for item in &items {
        pan_is_sound(&item.pan)?;
    }
    Ok(items)
}

/// The count of a batch end.
pub(crate) fn batch_end(message: &Message) -> Result<u32, Refused> {
    let count = upload(message)?;
    if count.len() != 4 {
        return Err(format_error("field 48 is not a count of 4 digits"));
    }
    count.parse().map_err(|_| format_error("field 48 is no count"))
}

/// One chip transaction, uploaded after its batch.
pub(crate) struct ChipUpload {
    pub(crate) foreign: bool,
    pub(crate) amount: u64,
    pub(crate) pan: Option<String>,
    pub(crate) sequence: u8,
    pub(crate) objects: Vec<Object>,
}

/// An approved chip transaction: field 62 is "61", "00", organisation 00 or 01, n12 amount and "156"; field 55
/// has the transaction certificate. No source lists the fields; these are what the parts need.
pub(crate) fn chip_upload(message: &Message, strict: bool) -> Result<ChipUpload, Refused> {
    let upload = chip_fields(message)?;
    complete(&upload.objects, strict)?;
    if tlv::find(&upload.objects, 0x9F27).is_some_and(|information| information != [0x40]) {
        return Err(refused("59", "field 55: 9F27 is not 40 (TC)"));
    }
    Ok(upload)
}

/// A chip transaction that failed: as an approved one, whatever its cryptogram.
pub(crate) fn failure_upload(message: &Message) -> Result<ChipUpload, Refused> {
    chip_fields(message)
}

fn chip_fields(message: &Message) -> Result<ChipUpload, Refused> {
    exact(message, &[11, 41, 42, 55, 60, 62], &[2, 4, 14, 22, 23, 25, 37, 38, 49])?;
    own_trace(message)?;
    private_60(message, &["00"], code_60(message), &[11, 13, 14])?;
    let text = message.text(62).unwrap_or_default();
    let foreign = match (text.len(), text.get(..6), text.get(18..)) {
        (21, Some("610000"), Some("156")) => false,
        (21, Some("610001"), Some("156")) => true,
        _ => return Err(format_error("field 62 is not 61, 00, organisation, n12 amount, 156")),
    };
    let amount = text
        .get(6..18)
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format_error("field 62: amount"))?;
    if message.number(4).is_some_and(|given| given != amount) {
        return Err(format_error("fields 4 and 62 have different amounts"));
    }
    if let Some(pan) = message.text(2) {
        pan_is_sound(pan)?;
    }
    Ok(ChipUpload {
        foreign,
        amount,
        pan: message.text(2).map(str::to_owned),
        sequence: message.number(23).and_then(|number| u8::try_from(number).ok()).unwrap_or_default(),
        objects: objects_55(message)?,
    })
}

/// An advice again (0320, 60.3 = 000): the advice's own fields without its MAC. Gives its row.
pub(crate) fn repeated_advice(message: &Message) -> Result<(&'static Row, Named), Refused> {
    let row = row_of(message, Some("0220")).or_else(|| row_of(message, Some("0200")));
    let row = row
        .filter(|row| row.advice)
        .ok_or_else(|| refused("12", "fields 3, 25 and 60.1 are of no advice"))?;
    let required: Vec<u8> = row.required.iter().copied().filter(|field| *field != 64).collect();
    exact(message, &required, row.optional)?;
    private_60(message, row.types, "000", &FINANCIAL_60)?;
    let track_pan = message.text(35).and_then(|track| track.split('=').next());
    let pan = message.text(2).or(track_pan).unwrap_or_default().to_owned();
    let named = Named {
        trace: message.part(11, 0, 6).unwrap_or_default(),
        batch: message.part(60, 2, 8).ok_or_else(|| format_error("60.2"))?,
        amount: message.number(4).unwrap_or_default(),
        pan,
    };
    Ok((row, named))
}

/// A download, its query or its end: fields 41 42 60, and 62 where something is asked for (reference 1.1: no 11
/// and no MAC). Parameters, whose field list stands in no source, may have a trace number.
pub(crate) fn download(
    message: &Message,
    asks: bool,
    trace_allowed: bool,
    has_mac: bool,
) -> Result<(), Refused> {
    let required: &[u8] = if asks { &[41, 42, 60, 62] } else { &[41, 42, 60] };
    let mut optional = vec![62];
    optional.extend(trace_allowed.then_some(11));
    optional.extend(has_mac.then_some(64));
    exact(message, required, &optional)?;
    private_60(message, &["00"], code_60(message), &[11])
}

/// Signature: fields 2 4 11 15 37 41 42 60 62 64, perhaps 55.
pub(crate) fn signature(message: &Message) -> Result<Named, Refused> {
    exact(message, &[2, 4, 11, 15, 37, 41, 42, 60, 62, 64], &[55])?;
    private_60(message, &["07"], code_60(message), &[11])?;
    if message.field(62).is_none_or(<[u8]>::is_empty) {
        return Err(format_error("field 62 is empty"));
    }
    plain_named(message)
}
