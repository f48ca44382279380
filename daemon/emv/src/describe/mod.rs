//! Card and terminal data in words, for people who integrate or repair a terminal.
//!
//! What identifies a cardholder is never shown whole: the PAN is masked to its first six and last four digits; tracks,
//! the cardholder's name and papers, and whatever belongs to a PIN are hidden. This holds for the text and for the
//! serialised tree alike, because the tree never has the hidden bytes. A value in an element of no known tag, or of
//! no known use, is shown as it is.
//!
//! Start with [`tlv`]; [`tvr`] and [`cvm`] read the bare values that are quoted most.

mod bits;
mod meaning;
mod names;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::Serialize;

use crate::{
    hex, tags,
    tlv::{DEEPEST, Reader, TlvError},
};

/// One element in words, and those within it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Element {
    /// The tag in hexadecimal.
    pub tag: String,
    /// What the books call it; `unknown` where no table has it.
    pub name: &'static str,
    /// Where the element begins, in bytes from the start of the data.
    pub offset: usize,
    /// The length of the value in bytes.
    pub length: usize,
    /// The value in hexadecimal, or what may be shown of it. A template has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether the value shown is less than the value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub masked: bool,
    /// What the value says.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What a template holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub elements: Vec<Element>,
}

/// One thing that a value says.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The byte that says it, counted from 1 as the books do; none where the whole value does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte: Option<usize>,
    /// The bit, 8 being the leftmost; none where the whole byte says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit: Option<u8>,
    /// In words.
    pub text: String,
}

/// Data in words: a tree for `serde`, text through `Display`.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Description(pub Vec<Element>);

/// Why data cannot be described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DescribeError {
    /// There is nothing.
    #[error("no data: give at least one byte")]
    Empty,
    /// The data is not BER-TLV; the error names the offset.
    #[error(transparent)]
    Tlv(#[from] TlvError),
    /// The value has a length that this element never has.
    #[error("{what}: {found} bytes where {expected} are needed")]
    Length {
        /// The element.
        what: &'static str,
        /// The lengths that it has.
        expected: &'static str,
        /// The bytes that were given.
        found: usize,
    },
}

/// BER-TLV data, such as a card's answer, a record or field 55, with all that its templates hold.
///
/// # Errors
/// [`DescribeError::Tlv`] with the offset of the element at fault, [`DescribeError::Empty`].
pub fn tlv(data: &[u8]) -> Result<Description, DescribeError> {
    if data.is_empty() {
        return Err(DescribeError::Empty);
    }
    Ok(Description(level(data, 0, 0)?))
}

/// The value of the terminal verification results (95), five bytes.
///
/// # Errors
/// [`DescribeError::Length`].
pub fn tvr(value: &[u8]) -> Result<Description, DescribeError> {
    exactly(tags::TVR, value, value.len() == 5, "5")
}

/// The value of the transaction status information (9B), two bytes.
///
/// # Errors
/// [`DescribeError::Length`].
pub fn tsi(value: &[u8]) -> Result<Description, DescribeError> {
    exactly(tags::TSI, value, value.len() == 2, "2")
}

/// The value of the CVM results (9F34, three bytes) or of a CVM list (8E, ten bytes or more); the length tells which.
///
/// # Errors
/// [`DescribeError::Length`].
pub fn cvm(value: &[u8]) -> Result<Description, DescribeError> {
    if value.len() == 3 {
        return Ok(Description(vec![element(tags::CVM_RESULTS, value, 0)]));
    }
    let list = value.len() >= 10 && value.len().is_multiple_of(2);
    exactly(tags::CVM_LIST, value, list, "3 (CVM results), or 10, 12, 14 … (CVM list)")
}

fn exactly(tag: u32, value: &[u8], good: bool, expected: &'static str) -> Result<Description, DescribeError> {
    if good {
        return Ok(Description(vec![element(tag, value, 0)]));
    }
    Err(DescribeError::Length { what: names::of(tag).0, expected, found: value.len() })
}

fn level(data: &[u8], base: usize, depth: usize) -> Result<Vec<Element>, TlvError> {
    if depth >= DEEPEST {
        return Err(TlvError::TooDeep { offset: base });
    }
    let mut elements = Vec::new();
    for read in Reader::new(data) {
        let read = read.map_err(|error| error.moved(base))?;
        let offset = base + read.range.start;
        let mut described = element(read.tag, read.value, offset);
        if read.constructed() {
            described.value = None;
            described.elements = level(read.value, base + read.value_range().start, depth + 1)?;
        }
        elements.push(described);
    }
    Ok(elements)
}

/// One element, its value shown as far as it may be.
fn element(tag: u32, value: &[u8], offset: usize) -> Element {
    let (name, kind) = names::of(tag);
    let (shown, masked) = meaning::shown(kind, value);
    Element {
        tag: tag_text(tag),
        name,
        offset,
        length: value.len(),
        value: Some(shown),
        masked,
        findings: meaning::findings(kind, value),
        elements: Vec::new(),
    }
}

fn tag_text(tag: u32) -> String {
    let bytes = tag.to_be_bytes();
    let skip = bytes.iter().take(3).take_while(|byte| **byte == 0).count();
    hex::encode(bytes.get(skip..).unwrap_or_default())
}

impl Element {
    fn write(&self, formatter: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = depth * 2;
        write!(formatter, "{:indent$}{} {}", "", self.tag, self.name)?;
        match &self.value {
            Some(value) if !value.is_empty() => writeln!(formatter, ": {value}")?,
            Some(_) => writeln!(formatter, ": (empty)")?,
            None => writeln!(formatter)?,
        }
        for finding in &self.findings {
            writeln!(formatter, "{:indent$}    {finding}", "")?;
        }
        self.elements.iter().try_for_each(|element| element.write(formatter, depth + 1))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.byte, self.bit) {
            (Some(byte), Some(bit)) => write!(formatter, "byte {byte} bit {bit}: {}", self.text),
            (Some(byte), None) => write!(formatter, "byte {byte}: {}", self.text),
            _ => formatter.write_str(&self.text),
        }
    }
}

impl fmt::Display for Description {
    /// One line for each element, what it says below it, and what it holds indented; every line ends with a newline.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|element| element.write(formatter, 0))
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(formatter, 0)
    }
}

impl fmt::Debug for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
