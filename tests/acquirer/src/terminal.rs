//! What the host holds of one terminal: its master key, its batch and its work keys.

use crate::cipher::Key;
use crate::settings::{self, MakForm, SettingsError, TerminalSettings};

/// Numbers from a seed (splitmix64): the same seed, the same numbers.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    /// A number below `limit` (at least 1), near enough to even for tests.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % limit).unwrap_or(0)
    }

    fn key_block(&mut self) -> [u8; 8] {
        // DES keys have odd parity.
        self.next().to_be_bytes().map(|byte| {
            let seven = byte & 0xFE;
            if seven.count_ones().is_multiple_of(2) { seven | 1 } else { seven }
        })
    }

    fn double_key(&mut self) -> [u8; 16] {
        let (left, right) = (self.key_block(), self.key_block());
        std::array::from_fn(|place| if place < 8 { left[place] } else { right[place - 8] })
    }
}

/// The keys of one sign-in.
#[derive(Clone)]
pub(crate) struct WorkKeys {
    pub(crate) pin: Key,
    pub(crate) mac: Key,
}

pub(crate) struct Terminal {
    pub(crate) merchant: String,
    pub(crate) operator: Option<String>,
    pub(crate) batch: u32,
    /// `None` when not signed in.
    pub(crate) keys: Option<WorkKeys>,
    master: Key,
}

impl Terminal {
    pub(crate) fn new(given: &TerminalSettings) -> Result<Self, SettingsError> {
        let wrong = |what: &str| SettingsError(format!("terminal {}: {what}", given.terminal));
        if given.terminal.len() != 8 || !given.terminal.is_ascii() {
            return Err(wrong("the terminal number has exactly 8 ASCII characters"));
        }
        if given.merchant.len() != 15 || !given.merchant.is_ascii() {
            return Err(wrong("the merchant number has exactly 15 ASCII characters"));
        }
        if !(1..=999_999).contains(&given.batch) {
            return Err(wrong("the batch number is 1 to 999999"));
        }
        Ok(Self {
            merchant: given.merchant.clone(),
            operator: given.operator.clone(),
            batch: given.batch,
            keys: None,
            master: Key::Double(settings::key("terminal_master_key", &given.terminal_master_key)?),
        })
    }

    /// Makes new work keys and gives field 62 of the sign-in answer.
    pub(crate) fn sign_in(&mut self, numbers: &mut Numbers, form: MakForm, with_track_key: bool) -> Vec<u8> {
        let pin = Key::Double(numbers.double_key());
        let mac = match form {
            MakForm::Single | MakForm::SingleShort => Key::Single(numbers.key_block()),
            MakForm::Double => Key::Double(numbers.double_key()),
        };
        let mut field = Vec::new();
        self.push_key(&mut field, &pin, false);
        self.push_key(&mut field, &mac, form == MakForm::Single);
        if with_track_key {
            self.push_key(&mut field, &Key::Double(numbers.double_key()), false);
        }
        self.keys = Some(WorkKeys { pin, mac });
        field
    }

    fn push_key(&self, field: &mut Vec<u8>, key: &Key, zero_slot: bool) {
        for block in key.bytes().as_chunks::<8>().0 {
            field.extend(self.master.encrypt(*block));
        }
        if zero_slot {
            field.extend([0; 8]);
        }
        field.extend(key.check_value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal() -> Terminal {
        Terminal::new(&crate::Settings::default().terminals[0]).unwrap()
    }

    #[test]
    fn field_62_layouts() {
        for (form, track, length) in [
            (MakForm::Single, false, 40),
            (MakForm::Double, false, 40),
            (MakForm::SingleShort, false, 32),
            (MakForm::Single, true, 60),
            (MakForm::Double, true, 60),
        ] {
            let mut terminal = terminal();
            let field = terminal.sign_in(&mut Numbers::new(7), form, track);
            assert_eq!(field.len(), length);
            let keys = terminal.keys.as_ref().unwrap();
            let block = |at: usize| field[at..at + 8].try_into().unwrap();
            let left = terminal.master.decrypt(block(0));
            assert_eq!(left, keys.pin.bytes()[..8]);
            assert_eq!(field[16..20], keys.pin.check_value());
            assert_eq!(terminal.master.decrypt(block(20)), keys.mac.bytes()[..8]);
            if form == MakForm::Single {
                assert_eq!(field[28..36], [0; 8]);
            }
            let end = if form == MakForm::SingleShort { 28 } else { 36 };
            assert_eq!(field[end..end + 4], keys.mac.check_value());
        }
    }

    #[test]
    fn keys_have_odd_parity_and_follow_the_seed() {
        let key = Numbers::new(3).double_key();
        assert!(key.iter().all(|byte| byte.count_ones() % 2 == 1));
        assert_eq!(key, Numbers::new(3).double_key());
        assert_ne!(key, Numbers::new(4).double_key());
    }
}
