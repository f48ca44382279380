//! Hexadecimal text, for keys, traces and the command line.

use std::fmt::Write as _;

/// Upper-case hexadecimal of `bytes`, without separators.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// The bytes of hexadecimal `text`; blanks are skipped. `None` for another character or an odd count.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(text.len());
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        digits.push(u8::try_from(character.to_digit(16)?).ok()?);
    }
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Packed digits: compressed numeric with `F` on the right where the count is odd (EMV Book 3 §4.3, cn).
/// A character that is no digit becomes `F`.
pub(crate) fn compressed(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(15))
        .collect();
    nibbles.chunks(2).map(|pair| pair[0] << 4 | pair.get(1).copied().unwrap_or(15)).collect()
}
