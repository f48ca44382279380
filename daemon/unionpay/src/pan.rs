//! The card number and the tracks: digits that nobody prints.

use crate::bcd::{Digits, nibble_to_char};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A primary account number (主账号), 8 to 19 digits.
///
/// `Debug` shows no digit, there is no `Clone`, and the memory is wiped on drop.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Pan(String);

impl Pan {
    /// The PAN of its ASCII digits; `None` for anything but 8 to 19 of them. The check digit is the issuer's matter.
    pub fn new(digits: &str) -> Option<Self> {
        let good = (8..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| Self(digits.to_owned()))
    }

    /// The digits in clear: for the message and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Pan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pan(…)")
    }
}

/// Track 2 (2磁道) or its equivalent in the chip, 1 to 37 characters: digits and the separator, as field 35 carries it.
///
/// `Debug` shows nothing, there is no `Clone`, and the memory is wiped on drop.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Track2(String);

impl Track2 {
    /// The track of its characters: digits and one `=` or `D`, without sentinels.
    pub fn new(characters: &str) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (pan, rest) = characters.split_once(['=', 'D'])?;
        let good =
            characters.len() <= 37 && !pan.is_empty() && pan.len() <= 19 && digits(pan) && digits(rest);
        good.then(|| Self(characters.to_owned()))
    }

    /// The track of tag 57 as the chip gives it: packed, filled up with F.
    pub fn from_packed(bytes: &[u8]) -> Option<Self> {
        let nibbles = Digits::new(bytes, 0, bytes.len() * 2)?;
        let length = if bytes.last()? & 0x0F == 0x0F { nibbles.len() - 1 } else { nibbles.len() };
        let mut characters = zeroize::Zeroizing::new(String::with_capacity(length));
        characters.extend(nibbles.slice(0..length)?.iter().map(nibble_to_char));
        Self::new(&characters)
    }

    /// The characters in clear: for the message and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Track2 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Track2(…)")
    }
}

/// Track 3 (3磁道), 1 to 104 characters: digits and separators, as field 36 carries it.
///
/// `Debug` shows nothing, there is no `Clone`, and the memory is wiped on drop.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Track3(String);

impl Track3 {
    /// The track of its characters: digits and `=`, without sentinels.
    pub fn new(characters: &str) -> Option<Self> {
        let good = |byte: u8| byte.is_ascii_digit() || byte == b'=';
        let fits = (1..=104).contains(&characters.len()) && characters.bytes().all(good);
        fits.then(|| Self(characters.to_owned()))
    }

    /// The characters in clear: for the message and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Track3 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Track3(…)")
    }
}

/// First six and last four characters, stars between; all stars where there are fewer than 13.
pub(crate) fn mask(digits: &str) -> String {
    let count = digits.chars().count();
    let shown = |place: usize| count >= 13 && (place < 6 || place + 4 >= count);
    digits.chars().enumerate().map(|(place, digit)| if shown(place) { digit } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_10_nothing_of_a_card_is_shown() {
        let pan = Pan::new("6212340000000000019").unwrap();
        let track = Track2::new("6212340000000000019=30122010000000000").unwrap();
        let third = Track3::new("996212340000000000019=1561560").unwrap();
        assert_eq!(format!("{pan:?} {track:?} {third:?}"), "Pan(…) Track2(…) Track3(…)");
        assert_eq!(mask(pan.reveal()), "621234*********0019");
        assert_eq!(mask("12345678"), "********");
    }

    #[test]
    fn cards_are_digits_of_the_right_number() {
        assert!(Pan::new("1234567").is_none());
        assert!(Pan::new("12345678901234567890").is_none());
        assert!(Pan::new("12345678a").is_none());
        assert!(Track2::new("6212340000000000019").is_none(), "no separator");
        assert!(Track2::new("62123400000000000190=1").is_none(), "twenty digits");
        assert!(Track2::new("6228=30=1").is_none(), "two separators");
        assert!(Track2::new(&format!("6212340000000000019={}", "0".repeat(18))).is_none(), "38 characters");
        assert!(Track3::new(&"9".repeat(104)).is_some());
        assert!(Track3::new(&"9".repeat(105)).is_none());
        assert!(Track3::new("").is_none() && Track3::new("99?").is_none());
    }

    #[test]
    fn chip_track_loses_its_filler() {
        let track = Track2::from_packed(&[0x62, 0x12, 0x34, 0xD3, 0x01, 0x2F]).unwrap();
        assert_eq!(track.reveal(), "621234D3012");
        assert!(Track2::from_packed(&[0x62, 0xFF, 0xD3]).is_none());
        assert!(Track2::from_packed(&[]).is_none());
    }
}
