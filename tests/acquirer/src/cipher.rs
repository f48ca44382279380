//! DES in the modes that the reference names: work keys, check values, MACs, PIN blocks.

use des::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::{Des, TdesEde2};

use crate::settings::MacAlgorithm;

/// A DES key of 8 bytes or a 3DES key of 16 (K1 K2 K1).
#[derive(Clone)]
pub enum Key {
    /// Single length.
    Single([u8; 8]),
    /// Double length.
    Double([u8; 16]),
}

impl Key {
    /// Its bytes in hexadecimal.
    pub(crate) fn hex(&self) -> String {
        let bytes: &[u8] = match self {
            Self::Single(key) => key,
            Self::Double(key) => key,
        };
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// Enciphers one block.
    pub fn encrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut data: Block<Des> = block.into();
        match self {
            Self::Single(key) => Des::new(&(*key).into()).encrypt_block(&mut data),
            Self::Double(key) => TdesEde2::new(&(*key).into()).encrypt_block(&mut data),
        }
        data.into()
    }

    /// Deciphers one block.
    pub fn decrypt(&self, block: [u8; 8]) -> [u8; 8] {
        let mut data: Block<Des> = block.into();
        match self {
            Self::Single(key) => Des::new(&(*key).into()).decrypt_block(&mut data),
            Self::Double(key) => TdesEde2::new(&(*key).into()).decrypt_block(&mut data),
        }
        data.into()
    }

    /// First four bytes of eight enciphered zero bytes (KCV, reference 3.4).
    pub fn check_value(&self) -> [u8; 4] {
        let [a, b, c, d, ..] = self.encrypt([0; 8]);
        [a, b, c, d]
    }

    /// The key's bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Single(key) => key,
            Self::Double(key) => key,
        }
    }
}

/// XOR of two blocks.
pub fn xor(a: [u8; 8], b: [u8; 8]) -> [u8; 8] {
    std::array::from_fn(|place| a[place] ^ b[place])
}

/// Cuts data into blocks, the last one filled with zero bytes (none added when it fits).
fn zero_padded(data: &[u8]) -> impl Iterator<Item = [u8; 8]> + '_ {
    data.chunks(8).map(|chunk| {
        let mut block = [0; 8];
        block[..chunk.len()].copy_from_slice(chunk);
        block
    })
}

/// CBC with a zero vector over zero-padded data, last block.
fn cbc_last(key: &Key, data: &[u8]) -> [u8; 8] {
    zero_padded(data).fold([0; 8], |state, block| key.encrypt(xor(state, block)))
}

/// Retail MAC (ISO 9797-1 algorithm 3) over data that is already padded as its user wants (zero bytes are
/// added to a short last block).
pub fn retail_mac(key: &[u8; 16], data: &[u8]) -> [u8; 8] {
    let (left, right) = halves(key);
    let last = cbc_last(&left, data);
    left.encrypt(right.decrypt(last))
}

/// The two halves of a double-length key, each as a key of its own.
pub fn halves(key: &[u8; 16]) -> (Key, Key) {
    let half = |from: usize| Key::Single(std::array::from_fn(|place| key[from + place]));
    (half(0), half(8))
}

/// Field 64 over `input`, which runs from the MTI to the last field before 64 (reference 3.1): the first
/// eight hexadecimal digits of the result, upper case.
pub fn field64(algorithm: MacAlgorithm, key: &Key, input: &[u8]) -> [u8; 8] {
    let result = match (algorithm, key) {
        (MacAlgorithm::Ecb, _) => ecb_mac(key, input),
        (MacAlgorithm::Retail, Key::Double(double)) => retail_mac(double, input),
        (MacAlgorithm::Cbc | MacAlgorithm::Retail, _) => cbc_last(key, input),
    };
    let [a, b, c, d, ..] = result;
    hex_ascii([a, b, c, d])
}

/// The "ECB" MAC's whole last block.
pub fn ecb_mac(key: &Key, input: &[u8]) -> [u8; 8] {
    let folded = zero_padded(input).fold([0; 8], xor);
    let [a, b, c, d, e, f, g, h] = folded;
    let first = key.encrypt(hex_ascii([a, b, c, d]));
    key.encrypt(xor(first, hex_ascii([e, f, g, h])))
}

fn hex_ascii(bytes: [u8; 4]) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    std::array::from_fn(|place| {
        let byte = bytes[place / 2];
        DIGITS[usize::from(if place % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{hex, key, unhex};

    fn double(text: &str) -> Key {
        Key::Double(key("key", text).unwrap())
    }

    const MAC_1: &str = "08300000000002C000153030363730303436343238393733373031373933323330303200110000000137200277319F0605A0000003339F220103DF050832303234313233319F0605A0000003339F220104DF050832303234313233319F0605A0000003339F220102DF050832303231313233319F0605A0000000039F220107DF050832303137313233319F0605A0000000039F220108DF050832303233313233319F0605A0000000039F220109DF050832303233313233319F0605A0000000659F220110DF050832303232313233319F0605A0000000659F220112DF050832303232313233319F0605A0000000659F220114DF050832303232313233319F0605A0000000049F220104DF050832303137313233319F0605A0000000049F220105DF050832303231313233319F0605A0000000049F220106DF05083230323131323331";

    #[test]
    fn mac_1_double_key() {
        let input = unhex(MAC_1).unwrap();
        assert_eq!(input.len(), 322);
        let mak = double("55036372B17543ECB173730768B8D6C4");
        assert_eq!(hex(&ecb_mac(&mak, &input)), "5FE058DB90680D33");
        assert_eq!(&field64(MacAlgorithm::Ecb, &mak, &input), b"5FE058DB");
    }

    #[test]
    fn mac_4_is_cbc_and_not_ecb() {
        let input = unhex("0800603804010881000116837299000022446695128200000209514005310100061999001200000000243139303030303239000702000430303030").unwrap();
        let mak = double("1A1B1C1D1E1F2A2B2C2D2E2F3A3B3C3D");
        assert_eq!(hex(&cbc_last(&mak, &input)), "23D628CF6063AD4E");
        assert_eq!(&field64(MacAlgorithm::Cbc, &mak, &input), b"23D628CF");
        assert_ne!(&field64(MacAlgorithm::Ecb, &mak, &input), b"23D628CF");
    }

    #[test]
    fn wk_1_keys_and_check_values() {
        let tmk = double("CA5D92598DCA48CE8A4C76361A9269E9");
        let block = |text: &str| tmk.decrypt(unhex(text).unwrap().try_into().unwrap());
        let mut pik = block("6701EAD6A9AD51E5").to_vec();
        pik.extend(block("1AA406E2C27FCFA9"));
        assert_eq!(hex(&pik), "807A23AD32B36D457AE91FDF927570EA");
        assert_eq!(hex(&double(&hex(&pik)).encrypt([0; 8])), "8D0A74B8C5EF66C6");
        let mak = block("B651F9E9BACE9AE1");
        assert_eq!(hex(&mak), "5BB5C72CD00B7338");
        assert_eq!(hex(&Key::Single(mak).encrypt([0; 8])), "AB7153CA985B10C2");
        assert_eq!(hex(&Key::Single(mak).check_value()), "AB7153CA");
    }

    #[test]
    fn retail_mac_with_equal_halves_is_single_des_cbc() {
        let half = unhex("0123456789ABCDEF").unwrap();
        let both: [u8; 16] = [half.clone(), half.clone()].concat().try_into().unwrap();
        let single = Key::Single(half.try_into().unwrap());
        assert_eq!(retail_mac(&both, b"0123456789"), cbc_last(&single, b"0123456789"));
    }
}
