//! What the host holds of one terminal: its master key, its batch and its work keys.

use crate::cipher::{Key, field64};
use crate::pin;
use crate::settings::{self, MacAlgorithm, MakForm, SettingsError, TerminalSettings, hex};
use crate::sm4::Sm4Key;

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

    fn sm4_key(&mut self) -> Sm4Key {
        Sm4Key((u128::from(self.next()) << 64 | u128::from(self.next())).to_be_bytes())
    }

    fn double_key(&mut self) -> [u8; 16] {
        let (left, right) = (self.key_block(), self.key_block());
        std::array::from_fn(|place| if place < 8 { left[place] } else { right[place - 8] })
    }
}

/// The keys of one sign-in.
#[derive(Clone)]
pub(crate) enum WorkKeys {
    Des { pin: Key, mac: Key },
    Sm4 { pin: Sm4Key, mac: Sm4Key },
}

impl WorkKeys {
    /// PIN key and MAC key in hexadecimal.
    pub(crate) fn hex(&self) -> [String; 2] {
        match self {
            Self::Des { pin, mac } => [pin.hex(), mac.hex()],
            Self::Sm4 { pin, mac } => [hex(&pin.0), hex(&mac.0)],
        }
    }

    /// Field 64; the algorithm is that of DES keys.
    pub(crate) fn field64(&self, algorithm: MacAlgorithm, input: &[u8]) -> [u8; 8] {
        match self {
            Self::Des { mac, .. } => field64(algorithm, mac, input),
            Self::Sm4 { mac, .. } => mac.field64(input),
        }
    }

    /// Reads the PIN out of field 52.
    pub(crate) fn open_pin(&self, block: &[u8], pan: &str, with_pan: bool) -> Option<String> {
        match self {
            Self::Des { pin, .. } => pin::open(pin, block.try_into().ok()?, pan, with_pan),
            Self::Sm4 { pin, .. } => pin.open_pin(block.try_into().ok()?, pan, with_pan),
        }
    }
}

pub(crate) struct Terminal {
    pub(crate) merchant: String,
    pub(crate) operator: Option<String>,
    pub(crate) batch: u32,
    /// `None` when not signed in.
    pub(crate) keys: Option<WorkKeys>,
    master: [u8; 16],
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
            master: settings::key("terminal_master_key", &given.terminal_master_key)?,
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
        self.keys = Some(WorkKeys::Des { pin, mac });
        field
    }

    /// The same with SM4: each key fills its 16 bytes.
    pub(crate) fn sign_in_sm4(&mut self, numbers: &mut Numbers, with_track_key: bool) -> Vec<u8> {
        let (pin, mac) = (numbers.sm4_key(), numbers.sm4_key());
        let track = with_track_key.then(|| numbers.sm4_key());
        let mut field = Vec::new();
        for key in [&pin, &mac].into_iter().chain(&track) {
            field.extend(Sm4Key(self.master).encrypt(key.0));
            field.extend(key.check_value());
        }
        self.keys = Some(WorkKeys::Sm4 { pin, mac });
        field
    }

    fn push_key(&self, field: &mut Vec<u8>, key: &Key, zero_slot: bool) {
        for block in key.bytes().as_chunks::<8>().0 {
            field.extend(Key::Double(self.master).encrypt(*block));
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
            let Some(WorkKeys::Des { pin, mac }) = &terminal.keys else { panic!("no DES keys") };
            let block =
                |at: usize| Key::Double(terminal.master).decrypt(field[at..at + 8].try_into().unwrap());
            assert_eq!(block(0), pin.bytes()[..8]);
            assert_eq!(field[16..20], pin.check_value());
            assert_eq!(block(20), mac.bytes()[..8]);
            if form == MakForm::Single {
                assert_eq!(field[28..36], [0; 8]);
            }
            let end = if form == MakForm::SingleShort { 28 } else { 36 };
            assert_eq!(field[end..end + 4], mac.check_value());
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
