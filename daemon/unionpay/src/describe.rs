//! A message in words, for people who look for a fault. Card data, tracks, PIN blocks and keys are not shown.

use crate::{
    bcd,
    error::DecodeError,
    field::{Content, FieldTable, name_of},
    frame::{Frame, FrameError},
    message::Message,
    pan::mask,
};
use encoding_rs::GBK;
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
/// [`DescribeError`] with the field's number and offset.
pub fn describe(table: &FieldTable, bytes: &[u8]) -> Result<Description, DescribeError> {
    let announced = bytes.first_chunk::<2>().map(|prefix| usize::from(u16::from_be_bytes(*prefix)));
    let frame = match announced {
        // A body begins with its message type, whose first byte is 01 to 09: such a length would be the frame's own.
        Some(length) if length + 2 == bytes.len() => Some(Frame::read(bytes)?),
        _ => None,
    };
    let body = frame.map_or(bytes, |frame| frame.body);
    let message = Message::decode(body, table)?;
    let fields = message.fields().iter().filter(|number| *number != 1);
    Ok(Description {
        tpdu: frame.map(|frame| bcd::hex(&frame.tpdu.0)),
        header: frame.map(|frame| bcd::hex(&frame.header.0)),
        requirement: frame.map(|frame| frame.header.requirement().texts().1),
        mti: message.mti().to_string(),
        fields: fields.map(|number| field(&message, number)).collect(),
    })
}

fn field(message: &Message, number: u8) -> Field {
    let (name_zh, name_en) = name_of(number);
    let bytes = message.bytes(number).unwrap_or_default();
    let value = match (number, message.content(number)) {
        (2, _) => message.digits(2).map(|digits| mask(&digits.text())).unwrap_or_default(),
        (14 | 35 | 36 | 52 | 62, _) => "(not shown)".to_owned(),
        (55, _) => chip(bytes),
        (53 | 64, Some(Content::Bytes)) => bcd::hex(bytes),
        (_, _) => match message.digits(number) {
            Some(digits) => digits.text().to_string(),
            None => GBK.decode(bytes).0.chars().map(|c| if c.is_control() { '.' } else { c }).collect(),
        },
    };
    Field { number, name_zh, name_en, length: message.length(number).unwrap_or(0), value }
}

/// Elements that name the card or hold its tracks.
const CARD_TAGS: [&str; 8] = ["56", "57", "5A", "5F20", "5F24", "9F1F", "9F20", "9F6B"];

/// Field 55 as `tag=value`, what names the card left out; bytes that are no TLV are counted only.
fn chip(mut bytes: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((&first, rest)) = bytes.split_first() {
        let more = if first & 0x1F == 0x1F {
            rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1
        } else {
            0
        };
        let Some((tag, rest)) = bytes.split_at_checked(1 + more) else { break };
        let Some((&length, rest)) = rest.split_first() else { break };
        let Some((value, rest)) = rest.split_at_checked(usize::from(length)).filter(|_| length < 0x80) else {
            break;
        };
        let tag = bcd::hex(tag);
        let hidden = CARD_TAGS.contains(&tag.as_str());
        parts.push(if hidden { format!("{tag}=(not shown)") } else { format!("{tag}={}", bcd::hex(value)) });
        bytes = rest;
    }
    if !bytes.is_empty() {
        parts.push(format!("({} bytes that are no TLV)", bytes.len()));
    }
    parts.join(" ")
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
        }
        Ok(())
    }
}

#[cfg(test)]
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
        assert!(describe(&table, &frame[13..20]).is_err());
    }

    #[test]
    fn rule_10_card_data_is_not_shown() {
        assert_eq!(chip(&[0x9F, 0x36, 2, 0, 1, 0x5A, 2, 0x62, 0x12]), "9F36=0001 5A=(not shown)");
        assert_eq!(chip(&[0x9F]), "(1 bytes that are no TLV)");
    }
}
