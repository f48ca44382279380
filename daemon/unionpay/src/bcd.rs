//! Packed digits: two to a byte, high nibble first.

use core::ops::Range;
use zeroize::Zeroizing;

/// A view of packed digits, without copying them out.
///
/// Tracks use it too, so that a nibble may be 0 to 15 (D is the separator). It may show a PAN: there is no
/// `Display`, and `Debug` tells the length only.
#[derive(Clone, Copy)]
pub struct Digits<'a> {
    packed: &'a [u8],
    first: usize,
    count: usize,
}

impl core::fmt::Debug for Digits<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Digits({} of them)", self.count)
    }
}

impl<'a> Digits<'a> {
    /// `count` digits of `packed`, from nibble `first` on; `None` where `packed` has fewer.
    pub fn new(packed: &'a [u8], first: usize, count: usize) -> Option<Self> {
        let end = first.checked_add(count)?;
        (end <= packed.len().checked_mul(2)?).then_some(Self { packed, first, count })
    }

    /// How many digits there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The nibble at `index`, 0 to 15.
    pub fn get(&self, index: usize) -> Option<u8> {
        if index >= self.count {
            return None;
        }
        let position = self.first + index;
        let byte = *self.packed.get(position / 2)?;
        Some(if position.is_multiple_of(2) { byte >> 4 } else { byte & 0x0F })
    }

    /// All nibbles in order.
    pub fn iter(&self) -> impl Iterator<Item = u8> + 'a {
        let view = *self;
        (0..view.count).filter_map(move |index| view.get(index))
    }

    /// The digits `range` as a view; `None` where there are fewer.
    pub fn slice(&self, range: Range<usize>) -> Option<Digits<'a>> {
        if range.start > range.end || range.end > self.count {
            return None;
        }
        Some(Digits { packed: self.packed, first: self.first + range.start, count: range.end - range.start })
    }

    /// The digits as a number; `None` above 19 digits or where a nibble is not a digit.
    pub fn value(&self) -> Option<u64> {
        if self.count > 19 {
            return None;
        }
        let mut value = 0u64;
        for nibble in self.iter() {
            if nibble > 9 {
                return None;
            }
            value = value * 10 + u64::from(nibble);
        }
        Some(value)
    }

    /// The digits `range` as a number.
    pub fn number(&self, range: Range<usize>) -> Option<u64> {
        self.slice(range)?.value()
    }

    /// The digits as text (nibbles above 9 as A to F), wiped when dropped.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.count));
        for nibble in self.iter() {
            text.push(nibble_to_char(nibble));
        }
        text
    }

    /// Whether every nibble is 0 to 9.
    pub fn all_decimal(&self) -> bool {
        self.iter().all(|nibble| nibble <= 9)
    }
}

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl PartialEq<str> for Digits<'_> {
    fn eq(&self, other: &str) -> bool {
        self.count == other.len() && self.iter().map(nibble_to_char).eq(other.chars())
    }
}

impl PartialEq<&str> for Digits<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// The upper-case hexadecimal character of a nibble; only the low four bits count.
pub fn nibble_to_char(nibble: u8) -> char {
    match nibble & 0x0F {
        digit @ 0..=9 => char::from(b'0' + digit),
        letter => char::from(b'A' + letter - 10),
    }
}

/// The nibble of a character: digits, hexadecimal letters in either case, and `=` for the track separator D.
pub fn char_to_nibble(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'A'..=b'F' => Some(character - b'A' + 10),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'=' => Some(0x0D),
        _ => None,
    }
}

/// Upper-case hexadecimal of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(nibble_to_char(byte >> 4));
        text.push(nibble_to_char(*byte));
    }
    text
}

/// Bytes of hexadecimal text; blanks between digits are skipped. `None` for anything else or half a byte.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for character in text.bytes().filter(|character| !character.is_ascii_whitespace()) {
        if character == b'=' {
            return None;
        }
        let nibble = char_to_nibble(character)?;
        match high.take() {
            None => high = Some(nibble),
            Some(first) => bytes.push(first << 4 | nibble),
        }
    }
    high.is_none().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_from_either_nibble() {
        let digits = Digits::new(&[0x01, 0x23, 0x4D], 1, 5).unwrap();
        assert_eq!(digits, "1234D");
        assert_eq!(digits.value(), None, "D is not a decimal digit");
        assert_eq!(digits.number(0..4), Some(1234));
        assert_eq!(digits.slice(3..6), None);
        assert!(Digits::new(&[0x12], 1, 2).is_none());
    }

    #[test]
    fn debug_shows_no_digit() {
        let digits = Digits::new(&[0x62, 0x28], 0, 4).unwrap();
        assert_eq!(format!("{digits:?}"), "Digits(4 of them)");
    }

    #[test]
    fn hexadecimal_both_ways() {
        assert_eq!(unhex("00 fF"), Some(vec![0, 255]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("0="), None);
        assert_eq!(hex(&[0xA0, 0x5B]), "A05B");
    }
}
