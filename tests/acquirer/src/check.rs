//! Is a request what the reference says it is? Every refusal says why, for whoever debugs the terminal.

mod card;
mod financial;
mod management;

pub(crate) use card::PinBlock;
pub(crate) use financial::{Financial, financial, origin, reversal};
pub(crate) use management::{
    batch_end, batch_upload, chip_upload, download, failure_upload, management, repeated_advice,
    script_result, settlement, sign_in, signature,
};

use crate::message::Message;

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

/// What every request that belongs to a transaction carries.
pub(crate) struct Named {
    pub(crate) trace: u32,
    pub(crate) batch: u32,
    pub(crate) amount: u64,
    pub(crate) pan: String,
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

/// All of these fields, none but these and those.
fn exact(message: &Message, required: &[u8], optional: &[u8]) -> Result<(), Refused> {
    present(message, required)?;
    match message.fields.keys().find(|field| !required.contains(field) && !optional.contains(field)) {
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
fn private_60(message: &Message, kinds: &[&str], code: &str, lengths: &[usize]) -> Result<(), Refused> {
    let value = message.text(60).unwrap_or_default();
    if !value.get(..2).is_some_and(|kind| kinds.contains(&kind)) {
        Err(format_error(format!("60.1 is not {}", kinds.join(" or "))))
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
