//! A message in words, for people who look for a fault. Card data, tracks, PIN blocks and keys are not shown.

mod value;
mod words;

use crate::{
    bcd,
    error::DecodeError,
    field::{FieldTable, name_of},
    frame::{Frame, FrameError},
    message::Message,
};
use serde::Serialize;
use std::fmt;

/// A message in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Transport address, where the bytes were a whole frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpdu: Option<String>,
    /// Header, where the bytes were a whole frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The header's processing requirement in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<&'static str>,
    /// Message type, four digits.
    pub mti: String,
    /// The fields in their order.
    pub fields: Vec<Field>,
}

/// One field in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its number.
    pub number: u8,
    /// Its Chinese name.
    pub name_zh: &'static str,
    /// Its English name.
    pub name_en: &'static str,
    /// Its length as the table counts it: digits, characters or bytes.
    pub length: usize,
    /// Its value, masked.
    pub value: String,
    /// What it says in words, and its subfields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// A subfield or a data object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its number or tag, such as `60.2` or `9F36`.
    pub name: String,
    /// Its value, masked.
    pub value: String,
    /// What that means, where there is something to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub meaning: String,
}

/// Why bytes cannot be described.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    /// The frame.
    #[error("the frame: {0}")]
    Frame(#[from] FrameError),
    /// A field, with its number and offset.
    #[error(transparent)]
    Message(#[from] DecodeError),
}

/// Describes a frame from its length prefix on, or a body from its message type on.
///
/// # Errors
/// [`DescribeError`] with the field's number, and its offset in the bytes that were given.
pub fn describe(table: &FieldTable, bytes: &[u8]) -> Result<Description, DescribeError> {
    let frame = is_frame(bytes).then(|| Frame::read(bytes)).transpose()?;
    let body = frame.map_or(bytes, |frame| frame.body);
    let start = bytes.len() - body.len();
    let message = Message::decode(body, table)
        .map_err(|error| DecodeError { offset: start + error.offset, ..error })?;
    let fields = message.fields().iter();
    Ok(Description {
        tpdu: frame.map(|frame| bcd::hex(&frame.tpdu.0)),
        header: frame.map(|frame| bcd::hex(&frame.header.0)),
        requirement: frame.map(|frame| frame.header.requirement().texts().1),
        mti: message.mti().to_string(),
        fields: fields.map(|number| field(&message, number)).collect(),
    })
}

/// Whether the bytes begin with a length prefix: it counts them, or a TPDU stands behind it where a body would not
/// begin like this (message types are 01xx to 08xx).
fn is_frame(bytes: &[u8]) -> bool {
    let Some((&[first, second, third], rest)) = bytes.split_first_chunk::<3>() else { return false };
    let counted = usize::from(u16::from_be_bytes([first, second])) == rest.len() + 1;
    let is_type = (1..=8).contains(&first) && second & 0x0F <= 1 && second >> 4 <= 9;
    counted || (third == 0x60 && !is_type)
}

fn field(message: &Message, number: u8) -> Field {
    let (name_zh, name_en) = name_of(number);
    let (value, parts) = value::read(message, number);
    Field { number, name_zh, name_en, length: message.length(number).unwrap_or(0), value, parts }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(tpdu), Some(header)) = (&self.tpdu, &self.header) {
            writeln!(f, "TPDU {tpdu}  header {header}  ({})", self.requirement.unwrap_or_default())?;
        }
        write!(f, "MTI  {}", self.mti)?;
        for field in &self.fields {
            write!(
                f,
                "\n{:>4}  {} {} [{}]  {}",
                field.number, field.name_zh, field.name_en, field.length, field.value
            )?;
            for part in &field.parts {
                write!(f, "\n      {:<6} {}  {}", part.name, part.value, part.meaning)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn a_frame_and_its_body_say_the_same() {
        let frame = bcd::unhex(
            "003C600401000060310031000108000020000000C00012000029363239363930303233303133313030343839393030303\
             100110000013200300003303031",
        )
        .unwrap();
        let table = Profile::default().table();
        let whole = describe(&table, &frame).unwrap();
        assert_eq!(whole.tpdu.as_deref(), Some("6004010000"));
        assert_eq!(whole.mti, "0800");
        let trace = whole.fields.iter().find(|field| field.number == 11).unwrap();
        assert_eq!(trace.value, "000029");
        assert_eq!(describe(&table, &frame[13..]).unwrap().fields, whole.fields);
        // The offset is that of the bytes given, with or without a frame around the body.
        let mut wrong = frame;
        wrong[13 + 10] = 0xA0;
        let fault = |bytes: &[u8]| match describe(&table, bytes) {
            Err(DescribeError::Message(error)) => (error.field, error.offset),
            other => panic!("{other:?}"),
        };
        assert_eq!((fault(&wrong), fault(&wrong[13..])), ((11, 23), (11, 10)));
    }

    #[test]
    fn a_wrong_length_prefix_is_named() {
        let table = Profile::default().table();
        let frame = [&[0x00, 0x20, 0x60][..], &[0; 40]].concat();
        assert!(matches!(describe(&table, &frame), Err(DescribeError::Frame(_))));
        let body = [&[0x02, 0x00, 0x60][..], &[0; 7]].concat();
        assert!(matches!(describe(&table, &body), Err(DescribeError::Message(error)) if error.field == 2));
    }
}
