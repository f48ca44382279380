//! Bytes written as hexadecimal text, in configuration files and in decodings.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Why a text is not hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// An odd number of digits.
    #[error("an odd number of hexadecimal digits; write two for each byte")]
    Odd,
    /// A character that is no hexadecimal digit, at this place (0 is the first; spaces are not counted).
    #[error("character {0} is not a hexadecimal digit")]
    NotHexadecimal(usize),
    /// The number of bytes is not the one that this element has.
    #[error("{found} bytes where {expected} are needed")]
    Length {
        /// The number of bytes that the element has.
        expected: usize,
        /// The number of bytes that were written.
        found: usize,
    },
}

/// Reads hexadecimal text; spaces between digits are skipped.
pub fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (place, character) in text.chars().filter(|character| !character.is_whitespace()).enumerate() {
        let digit = character
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
            .ok_or(HexError::NotHexadecimal(place))?;
        match high.take() {
            None => high = Some(digit),
            Some(first) => bytes.push(first << 4 | digit),
        }
    }
    if high.is_some() { Err(HexError::Odd) } else { Ok(bytes) }
}

/// Writes upper-case hexadecimal text without spaces.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0F)]));
    }
    text
}

/// Bytes of any number, hexadecimal text in a configuration file.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode(&self.0))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode(&self.0))
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(&text).map(Self).map_err(D::Error::custom)
    }
}

/// Exactly `N` bytes, hexadecimal text in a configuration file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fixed<const N: usize>(pub [u8; N]);

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode(&self.0))
    }
}

impl<const N: usize> fmt::Display for Fixed<N> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&encode(&self.0))
    }
}

impl<const N: usize> std::ops::Deref for Fixed<N> {
    type Target = [u8; N];

    fn deref(&self) -> &[u8; N] {
        &self.0
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&encode(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = decode(&text).map_err(D::Error::custom)?;
        let found = bytes.len();
        <[u8; N]>::try_from(bytes)
            .map(Self)
            .map_err(|_| D::Error::custom(HexError::Length { expected: N, found }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_match_both_ways() {
        assert_eq!(decode("9f 02 06"), Ok(vec![0x9F, 0x02, 0x06]));
        assert_eq!(encode(&[0x9F, 0x02, 0x06]), "9F0206");
        assert_eq!(decode("9F0"), Err(HexError::Odd));
        assert_eq!(decode("9G"), Err(HexError::NotHexadecimal(1)));
    }

    #[test]
    fn a_fixed_length_is_enforced() {
        assert_eq!(serde_json::from_str::<Fixed<2>>("\"0156\"").unwrap(), Fixed([1, 0x56]));
        assert!(serde_json::from_str::<Fixed<2>>("\"01560\"").is_err());
        assert!(
            serde_json::from_str::<Fixed<2>>("\"015601\"")
                .unwrap_err()
                .to_string()
                .contains("3 bytes where 2")
        );
    }
}
