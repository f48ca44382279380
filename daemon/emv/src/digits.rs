//! Strings of decimal digits that must not be shown: the PAN and what contains it.

use std::fmt;

use zeroize::Zeroize;

/// The most digits that a PAN has (ISO/IEC 7812).
pub const LONGEST_PAN: usize = 19;

/// A card number or another secret run of decimal digits (ASCII).
///
/// `Debug` shows nothing, the memory is wiped on drop, and there is no `Clone`: say [`Digits::duplicate`] where a copy
/// is really needed.
#[derive(PartialEq, Eq)]
pub struct Digits(String);

impl Digits {
    /// Digits from ASCII text: 1 to 19 characters 0 to 9.
    pub fn from_text(text: &str) -> Option<Self> {
        let good = !text.is_empty() && text.len() <= LONGEST_PAN && text.bytes().all(|b| b.is_ascii_digit());
        good.then(|| Self(text.to_owned()))
    }

    /// Digits from compressed numeric bytes (tag 5A): two digits to the byte, then F to the end.
    pub fn from_compressed(bytes: &[u8]) -> Option<Self> {
        let mut digits = Self(String::with_capacity(LONGEST_PAN + 1));
        let mut padding = false;
        for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0F]) {
            match nibble {
                0..=9 if !padding && digits.0.len() < LONGEST_PAN => digits.0.push(char::from(b'0' + nibble)),
                0x0F => padding = true,
                _ => return None,
            }
        }
        (!digits.0.is_empty()).then_some(digits)
    }

    /// The digits in clear. Whoever calls this keeps them from logs, buses and disks.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// A second copy, wiped on its own.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// First six and last four digits, stars between (all stars where there are fewer than 11 digits).
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// First six and last four characters, stars between; all stars where there are fewer than 11.
pub fn mask(text: &str) -> String {
    let length = text.chars().count();
    text.chars()
        .enumerate()
        .map(
            |(place, character)| {
                if length > 10 && (place < 6 || place >= length - 4) { character } else { '*' }
            },
        )
        .collect()
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Digits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digits(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_62_digits_show_nothing_and_mask_to_six_and_four() {
        let digits =
            Digits::from_compressed(&[0x62, 0x28, 0x99, 0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x7F]).unwrap();
        assert_eq!(digits.reveal(), "6228990000001234567");
        assert_eq!(digits.masked(), "622899*********4567");
        assert!(!format!("{digits:?}").contains("6228"));
        assert_eq!(mask("1234567890"), "**********");
    }

    #[test]
    fn malformed_digits_are_refused() {
        assert!(Digits::from_compressed(&[]).is_none());
        assert!(Digits::from_compressed(&[0xFF]).is_none());
        assert!(Digits::from_compressed(&[0x1F, 0x12]).is_none(), "digits after padding");
        assert!(Digits::from_compressed(&[0x1A]).is_none());
        assert!(Digits::from_compressed(&[0x11; 10]).is_none(), "20 digits");
        assert!(Digits::from_text("12a").is_none());
    }
}
