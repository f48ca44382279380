//! The ciphers: DES and triple DES in ECB, the two MACs, check values, the PIN blocks.

use aes_gcm::{
    Aes256Gcm,
    aead::{Aead, Payload},
};
use des::{
    Des, TdesEde2,
    cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit},
};
use zeroize::Zeroizing;

/// One block.
pub(crate) type Block = [u8; 8];

/// A DES key of one or two parts, 8 or 16 bytes.
pub(crate) struct DesKey(Zeroizing<Vec<u8>>);

impl DesKey {
    /// `None` for another length.
    pub(crate) fn new(bytes: &[u8]) -> Option<DesKey> {
        matches!(bytes.len(), 8 | 16).then(|| DesKey(Zeroizing::new(bytes.to_vec())))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn duplicate(&self) -> DesKey {
        DesKey(self.0.clone())
    }

    pub(crate) fn encipher(&self, block: Block) -> Block {
        let mut block = Array::from(block);
        // The length was checked when the key was made, so one of the two always fits.
        if let Ok(cipher) = Des::new_from_slice(&self.0) {
            cipher.encrypt_block(&mut block);
        } else if let Ok(cipher) = TdesEde2::new_from_slice(&self.0) {
            cipher.encrypt_block(&mut block);
        }
        block.into()
    }

    pub(crate) fn decipher(&self, block: Block) -> Block {
        let mut block = Array::from(block);
        if let Ok(cipher) = Des::new_from_slice(&self.0) {
            cipher.decrypt_block(&mut block);
        } else if let Ok(cipher) = TdesEde2::new_from_slice(&self.0) {
            cipher.decrypt_block(&mut block);
        }
        block.into()
    }

    /// Its halves; both the same for a key of one part.
    fn halves(&self) -> (DesKey, DesKey) {
        let (left, right) = self.0.split_at(8);
        let right = if right.is_empty() { left } else { right };
        (DesKey(Zeroizing::new(left.to_vec())), DesKey(Zeroizing::new(right.to_vec())))
    }

    /// Zeros enciphered under it.
    pub(crate) fn check_block(&self) -> Block {
        self.encipher([0; 8])
    }

    /// The three bytes people compare.
    pub(crate) fn check_value(&self) -> [u8; 3] {
        let [a, b, c, ..] = self.check_block();
        [a, b, c]
    }

    /// Deciphers a key of 8 or 16 bytes (ECB).
    pub(crate) fn unwrap(&self, cipher: &[u8]) -> Option<DesKey> {
        let (blocks, rest) = cipher.as_chunks::<8>();
        if !rest.is_empty() {
            return None;
        }
        let clear: Zeroizing<Vec<u8>> = Zeroizing::new(blocks.iter().flat_map(|block| self.decipher(*block)).collect());
        DesKey::new(&clear)
    }
}

fn xor(a: Block, b: Block) -> Block {
    std::array::from_fn(|place| a[place] ^ b[place])
}

/// Blocks of eight, the last padded with zeros (no block added where none is missing).
fn blocks(data: &[u8]) -> impl Iterator<Item = Block> {
    data.chunks(8).map(|chunk| std::array::from_fn(|place| chunk.get(place).copied().unwrap_or(0)))
}

fn hex(block: Block) -> [u8; 16] {
    let digits = b"0123456789ABCDEF";
    std::array::from_fn(|place| {
        let byte = block[place / 2];
        digits[usize::from(if place % 2 == 0 { byte >> 4 } else { byte & 0x0F })]
    })
}

fn half(hex: [u8; 16], second: bool) -> Block {
    std::array::from_fn(|place| hex[place + if second { 8 } else { 0 }])
}

/// The UnionPay POS MAC (reference 3.1): eight characters.
pub(crate) fn union_pay_mac(key: &DesKey, data: &[u8]) -> Block {
    let folded = hex(blocks(data).fold([0; 8], xor));
    let first = key.encipher(half(folded, false));
    half(hex(key.encipher(xor(first, half(folded, true)))), false)
}

/// The X9.19 MAC (reference 3.2), its left four bytes as eight characters.
pub(crate) fn x9_19_mac(key: &DesKey, data: &[u8]) -> Block {
    let (left, right) = key.halves();
    let last = blocks(data).fold([0; 8], |chain, block| left.encipher(xor(chain, block)));
    half(hex(left.encipher(right.decipher(last))), false)
}

/// The PIN as ISO 9564 writes it: control nibble and length, digits, filled with F.
fn pin_field(control: u8, digits: &[u8]) -> Zeroizing<Block> {
    let mut field = Zeroizing::new([0xFF; 8]);
    // A PIN has at most 12 digits, so its length is one nibble.
    field[0] = control << 4 | (digits.len() as u8 & 0x0F);
    for (place, digit) in digits.iter().take(12).enumerate() {
        let byte = &mut field[1 + place / 2];
        *byte = if place % 2 == 0 { digit << 4 | 0x0F } else { *byte & 0xF0 | digit };
    }
    field
}

/// The clear block of format 0: bound to the twelve rightmost digits of the PAN without its check digit.
pub(crate) fn format_0(digits: &[u8], pan: &str) -> Zeroizing<Block> {
    let mut account = [0; 8];
    let bound = pan.len().saturating_sub(1);
    let pan: Vec<u8> = pan.bytes().take(bound).map(|b| b - b'0').collect();
    for (place, digit) in pan.iter().rev().take(12).enumerate() {
        account[7 - place / 2] |= if place % 2 == 0 { *digit } else { digit << 4 };
    }
    Zeroizing::new(xor(*pin_field(0, digits), account))
}

/// The clear block of format 2, as VERIFY sends it to the card.
pub(crate) fn format_2(digits: &[u8]) -> Zeroizing<Block> {
    pin_field(2, digits)
}

/// Enciphers and binds to a context: nonce, then cipher text with its tag. `None` only for a key of another length.
pub(crate) fn seal(key: &[u8; 32], nonce: [u8; 12], clear: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    let cipher = Aes256Gcm::new_from_slice(key).ok()?;
    let text = cipher.encrypt(&nonce.into(), Payload { msg: clear, aad: context }).ok()?;
    Some([&nonce[..], &text].concat())
}

/// Opens what [`seal`] made under the same key and context.
pub(crate) fn open(key: &[u8; 32], sealed: &[u8], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, text) = sealed.split_first_chunk::<12>()?;
    let cipher = Aes256Gcm::new_from_slice(key).ok()?;
    cipher.decrypt(&(*nonce).into(), Payload { msg: text, aad: context }).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn pin_block_vectors_of_the_reference() {
        let pin = [1, 2, 3, 4, 5, 6];
        assert_eq!(format_0(&pin, "123456789012345678")[..], bytes("061253DFFEDCBA98"));
        assert_eq!(format_0(&pin, "1234567890123456")[..], bytes("0612713176FEDCBA"));
        let key = DesKey::new(&bytes("807A23AD32B36D457AE91FDF927570EA")).unwrap();
        assert_eq!(key.encipher(*format_0(&pin, "123456789012345678"))[..], bytes("A2BCBE65CB54B0E7"));
        assert_eq!(format_2(&[1, 2, 3, 4])[..], bytes("241234FFFFFFFFFF"));
        assert_eq!(format_2(&[1, 2, 3, 4, 5])[..], bytes("2512345FFFFFFFFF"));
    }

    #[test]
    fn work_keys_of_vector_wk_1() {
        let master = DesKey::new(&bytes("CA5D92598DCA48CE8A4C76361A9269E9")).unwrap();
        let pin = master.unwrap(&bytes("6701EAD6A9AD51E51AA406E2C27FCFA9")).unwrap();
        assert_eq!(pin.bytes(), bytes("807A23AD32B36D457AE91FDF927570EA"));
        assert_eq!(pin.check_block()[..], bytes("8D0A74B8C5EF66C6"));
        let mac = master.unwrap(&bytes("B651F9E9BACE9AE1")).unwrap();
        assert_eq!(mac.bytes(), bytes("5BB5C72CD00B7338"));
        assert_eq!(mac.check_block()[..], bytes("AB7153CA985B10C2"));
    }

    #[test]
    fn mac_vectors_of_the_reference() {
        let list = "08300000000002C000153030363730303436343238393733373031373933323330303200110000000137200277\
            319F0605A0000003339F220103DF050832303234313233319F0605A0000003339F220104DF050832303234313233319F0605A0\
            000003339F220102DF050832303231313233319F0605A0000000039F220107DF050832303137313233319F0605A00000000\
            39F220108DF050832303233313233319F0605A0000000039F220109DF050832303233313233319F0605A0000000659F2201\
            10DF050832303232313233319F0605A0000000659F220112DF050832303232313233319F0605A0000000659F220114DF050\
            832303232313233319F0605A0000000049F220104DF050832303137313233319F0605A0000000049F220105DF0508323032\
            31313233319F0605A0000000049F220106DF05083230323131323331";
        let key = DesKey::new(&bytes("55036372B17543ECB173730768B8D6C4")).unwrap();
        assert_eq!(&union_pay_mac(&key, &bytes(list)), b"5FE058DB");
        // The worked 0200 of the reference's section 9, from its message type to field 63.
        let sale = "02003020048000C080150000000000000012340000020300993030303030303031393532373138313832323137\
            38373531353600192600000100060000000000435F01123238343431323334353637383930313233345F030631\
            36303033365F04063230303832365C023031";
        let key = DesKey::new(&bytes("0723C80DB5F4CD3D0723C80DB5F4CD3D")).unwrap();
        assert_eq!(&union_pay_mac(&key, &bytes(sale)), b"B3A092AE");
    }
}
