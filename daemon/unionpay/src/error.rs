//! What can be wrong with bytes from the line, and with values on their way to it.

use crate::field::name_of;

/// Why bytes are not a message: which field, where, and what is wrong there.
///
/// `field` is the ISO 8583 number; 0 stands for the message type and 1 for the bitmap. `offset` counts bytes from
/// the start of the message type (the frame's own prefix is not counted).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} ({}) at byte {offset}: {kind}", name_of(*field).1)]
pub struct DecodeError {
    /// Number of the field; 0 = message type, 1 = bitmap.
    pub field: u8,
    /// Offset of the offending byte from the start of the message type.
    pub offset: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// What is wrong with a field that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeErrorKind {
    /// The message ends inside the field.
    #[error("needs {needed} bytes but the message has only {left} left")]
    Truncated {
        /// Bytes that this part of the field needs.
        needed: usize,
        /// Bytes that are left in the message.
        left: usize,
    },
    /// A packed digit is not 0 to 9.
    #[error("nibble {nibble:X} is not a decimal digit")]
    NotADigit {
        /// The nibble found.
        nibble: u8,
    },
    /// The nibble that fills up an odd number of digits is neither 0 nor F.
    #[error("the unused nibble is {nibble:X}; 0 or F is expected")]
    BadPadding {
        /// The nibble found.
        nibble: u8,
    },
    /// The length prefix is larger than the field's maximum.
    #[error("length {length} exceeds the maximum {max}")]
    TooLong {
        /// Length read, in digits or bytes as the field counts.
        length: usize,
        /// Largest length of the field.
        max: usize,
    },
    /// A character of a text field is not printable ASCII.
    #[error("byte {byte:02X} is not printable ASCII")]
    NotText {
        /// The byte found.
        byte: u8,
    },
    /// The bitmap names a field that the table does not know.
    #[error("the dialect has no such field")]
    UnknownField,
    /// Bytes remain after the last field.
    #[error("{count} bytes are left over after the last field")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
}

/// Why a value cannot be put into a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field {field} ({}): {kind}", name_of(*field).1)]
pub struct EncodeError {
    /// Number of the field; 0 = message type.
    pub field: u8,
    /// What is wrong with the value.
    pub kind: EncodeErrorKind,
}

/// What is wrong with a value on its way into a field. The value itself is never part of the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeErrorKind {
    /// The value is longer than the field.
    #[error("length {length} exceeds the maximum {max}")]
    TooLong {
        /// Length of the value, in digits or bytes.
        length: usize,
        /// Largest length of the field.
        max: usize,
    },
    /// The field has a fixed length and the value is shorter.
    #[error("length {length} is short of the fixed {expected}")]
    TooShort {
        /// Length of the value.
        length: usize,
        /// Length of the field.
        expected: usize,
    },
    /// A character is not one that the field can carry.
    #[error("the character at position {position} does not fit the field's format")]
    BadCharacter {
        /// Position in the value, from 0.
        position: usize,
    },
    /// A number lies outside what the field means.
    #[error("the value must lie in {min} to {max}")]
    OutOfRange {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
    },
    /// The table has no such field.
    #[error("the dialect has no such field")]
    UnknownField,
    /// The message cannot go without this field, and the caller gave no value for it.
    #[error("the message needs it, and no value was given")]
    Missing,
}

impl EncodeError {
    pub(crate) fn new(field: u8, kind: EncodeErrorKind) -> Self {
        Self { field, kind }
    }
}
