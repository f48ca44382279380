//! The online PIN: deciphering field 52 and counting tries.

use std::collections::BTreeMap;

use crate::cipher::{Key, xor};

/// What a PIN block says.
pub(crate) enum PinCheck {
    Right,
    /// Code 55.
    Wrong,
    /// This was the last try: code 75.
    LastTryWrong,
    /// No tries were left: code 38.
    Blocked,
    /// Not a PIN block of this card under this key: code 99.
    BadFormat,
}

/// The PAN part of an X9.8 block: 0000 and the right-most 12 digits without the check digit.
fn pan_part(pan: &str) -> Option<[u8; 8]> {
    let digits = pan.as_bytes();
    let without_check = digits.get(..digits.len().checked_sub(1)?)?;
    let last = without_check.get(without_check.len().checked_sub(12)?..)?;
    let mut part = [0; 8];
    for (place, pair) in last.chunks(2).enumerate() {
        part[2 + place] = (pair[0] & 15) << 4 | pair[1] & 15;
    }
    Some(part)
}

/// Reads the PIN out of an enciphered block. `with_pan` as digit 1 of field 53 says.
pub(crate) fn open(key: &Key, block: [u8; 8], pan: &str, with_pan: bool) -> Option<String> {
    let mut clear = key.decrypt(block);
    if with_pan {
        clear = xor(clear, pan_part(pan)?);
    }
    let digits: Vec<u8> = clear.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
    let length = usize::from(digits[1]);
    if digits[0] != 0 || !(4..=12).contains(&length) {
        return None;
    }
    let (pin, filler) = digits[2..].split_at(length);
    (pin.iter().all(|digit| *digit <= 9) && filler.iter().all(|digit| *digit == 15))
        .then(|| pin.iter().map(|digit| char::from(b'0' + digit)).collect())
}

/// The tries that each card has left.
pub(crate) struct Tries {
    limit: u32,
    used: BTreeMap<String, u32>,
}

impl Tries {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, used: BTreeMap::new() }
    }

    pub(crate) fn reset(&mut self) {
        self.used.clear();
    }

    pub(crate) fn check(&mut self, pan: &str, given: Option<&str>, right: &str) -> PinCheck {
        let used = self.used.get(pan).copied().unwrap_or(0);
        let Some(given) = given else { return PinCheck::BadFormat };
        if used >= self.limit {
            return PinCheck::Blocked;
        }
        if given == right {
            self.used.remove(pan);
            return PinCheck::Right;
        }
        self.used.insert(pan.to_owned(), used + 1);
        if used + 1 == self.limit { PinCheck::LastTryWrong } else { PinCheck::Wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{hex, key, unhex};

    fn block(text: &str) -> [u8; 8] {
        unhex(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn pin_block_vectors() {
        let pik = Key::Double(key("PIK", "807A23AD32B36D457AE91FDF927570EA").unwrap());
        assert_eq!(hex(&pik.encrypt(block("061253DFFEDCBA98"))), "A2BCBE65CB54B0E7");
        let opened = open(&pik, block("A2BCBE65CB54B0E7"), "123456789012345678", true);
        assert_eq!(opened.as_deref(), Some("123456"));
        let second = pik.encrypt(block("0612713176FEDCBA"));
        assert_eq!(open(&pik, second, "1234567890123456", true).as_deref(), Some("123456"));
        let without = pik.encrypt(block("06123456FFFFFFFF"));
        assert_eq!(open(&pik, without, "", false).as_deref(), Some("123456"));
    }

    #[test]
    fn a_block_of_another_card_or_key_is_no_pin_block() {
        let pik = Key::Double(key("PIK", "807A23AD32B36D457AE91FDF927570EA").unwrap());
        let sealed = block("A2BCBE65CB54B0E7");
        assert!(open(&pik, sealed, "1234567890123456", true).is_none());
        assert!(open(&pik, sealed, "123", true).is_none());
        let other = Key::Double(key("PIK", "00112233445566778899AABBCCDDEEFF").unwrap());
        assert!(open(&other, sealed, "123456789012345678", true).is_none());
        let long = pik.encrypt(block("0D12345678901234"));
        assert!(open(&pik, long, "", false).is_none());
    }

    #[test]
    fn tries_run_out_and_a_right_pin_gives_them_back() {
        let mut tries = Tries::new(3);
        assert!(matches!(tries.check("1", Some("9"), "5"), PinCheck::Wrong));
        assert!(matches!(tries.check("1", Some("9"), "5"), PinCheck::Wrong));
        assert!(matches!(tries.check("1", Some("5"), "5"), PinCheck::Right));
        assert!(matches!(tries.check("1", Some("9"), "5"), PinCheck::Wrong));
        assert!(matches!(tries.check("1", None, "5"), PinCheck::BadFormat));
        assert!(matches!(tries.check("1", Some("9"), "5"), PinCheck::Wrong));
        assert!(matches!(tries.check("1", Some("9"), "5"), PinCheck::LastTryWrong));
        assert!(matches!(tries.check("1", Some("5"), "5"), PinCheck::Blocked));
        assert!(matches!(tries.check("2", Some("5"), "5"), PinCheck::Right));
        tries.reset();
        assert!(matches!(tries.check("1", Some("5"), "5"), PinCheck::Right));
    }
}
