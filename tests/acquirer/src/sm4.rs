//! SM4 (GB/T 32907) in the places of DES: work keys, check values, MACs, PIN blocks of 16 bytes.

use sm4::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// An SM4 key.
#[derive(Clone)]
pub struct Sm4Key(pub [u8; 16]);

impl Sm4Key {
    /// Enciphers one block.
    pub fn encrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut data = block.into();
        sm4::Sm4::new(&self.0.into()).encrypt_block(&mut data);
        data.into()
    }

    /// Deciphers one block.
    pub fn decrypt(&self, block: [u8; 16]) -> [u8; 16] {
        let mut data = block.into();
        sm4::Sm4::new(&self.0.into()).decrypt_block(&mut data);
        data.into()
    }

    /// First four bytes of sixteen enciphered zero bytes (reference 3.4).
    pub fn check_value(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.encrypt([0; 16]);
        [a, b, c, d]
    }

    /// Field 64 over `input` (reference 3.1, SM4 variant): all 16-byte blocks folded into one, which is written as 32
    /// digits; the first half of them is enciphered, the other half added, and enciphered again.
    pub fn field64(&self, input: &[u8]) -> [u8; 8] {
        let mut state = [0; 16];
        let digits = digits_of(fold(input));
        for half in digits.as_bytes().chunks(16) {
            for (byte, digit) in state.iter_mut().zip(half) {
                *byte ^= digit;
            }
            state = self.encrypt(state);
        }
        let result = digits_of(state);
        std::array::from_fn(|place| result.as_bytes()[place])
    }

    /// Reads the PIN out of an enciphered block: `0`, its length, its digits, `F` up to 32 digits; with `with_pan`, the
    /// twelve digits before the check digit of the card number are added to the last twelve.
    pub(crate) fn open_pin(&self, block: [u8; 16], pan: &str, with_pan: bool) -> Option<String> {
        let mut digits: Vec<u8> =
            self.decrypt(block).iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
        if with_pan {
            let number: Vec<u8> = pan.bytes().rev().skip(1).take(12).map(|digit| digit - b'0').collect();
            if number.len() < 12 {
                return None;
            }
            for (digit, of_number) in digits.iter_mut().rev().zip(number) {
                *digit ^= of_number;
            }
        }
        let [0, length @ 4..=12, rest @ ..] = digits.as_slice() else { return None };
        let (pin, filler) = rest.split_at(usize::from(*length));
        let good = pin.iter().all(|digit| *digit <= 9) && filler.iter().all(|digit| *digit == 15);
        good.then(|| pin.iter().map(|digit| char::from(b'0' + digit)).collect())
    }
}

/// All bytes that stand in the same place of their 16-byte block, added up.
fn fold(input: &[u8]) -> [u8; 16] {
    let mut folded = [0; 16];
    for (place, byte) in input.iter().enumerate() {
        folded[place % 16] ^= byte;
    }
    folded
}

fn digits_of(block: [u8; 16]) -> String {
    format!("{:032X}", u128::from_be_bytes(block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{hex, key};

    fn sm4(text: &str) -> Sm4Key {
        Sm4Key(key("key", text).unwrap())
    }

    #[test]
    fn gb_t_32907() {
        let block = key("block", "0123456789ABCDEFFEDCBA9876543210").unwrap();
        let result = Sm4Key(block).encrypt(block);
        assert_eq!(hex(&result), "681EDF34D206965E86B3E94F536E4246");
        assert_eq!(Sm4Key(block).decrypt(result), block);
    }

    #[test]
    fn mac_vector() {
        let input = b"6000112018111411003020170930101010120171025000755000000005553";
        assert_eq!(hex(&fold(input)), "02000202030004060106020403343734");
        assert_eq!(&sm4("12345678901234567890123456789012").field64(input), b"1E80F373");
    }

    /// A published example of a bank's keypad.
    #[test]
    fn keypad_example() {
        let work = sm4("1234567890ABCDEFABCDEF0987654321")
            .decrypt(key("key", "3D66234C49E4296FF9C78D8BACBD6A76").unwrap());
        assert_eq!(hex(&Sm4Key(work).check_value()), "861E83E3");
        let block = Sm4Key(work).encrypt(key("block", "06123654FFFFFFFFFFFF99FEFF88D977").unwrap());
        let open = |pan, with_pan| Sm4Key(work).open_pin(block, pan, with_pan);
        assert_eq!(open("6212346601007726888", true).as_deref(), Some("123654"));
        assert_eq!(open("6212346601007726889", true).as_deref(), Some("123654"), "not the check digit");
        assert_eq!(open("6212346601007726988", true), None);
        assert_eq!(open("6212346601007726888", false), None);
        assert_eq!(open("123", true), None);
    }
}
