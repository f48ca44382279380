//! The VERIFY command, which only the vault builds (EMV Book 3 §6.5.12, Book 2 §7).

use crypto_bigint::{
    BoxedUint, Odd,
    modular::{BoxedMontyForm, BoxedMontyParams},
};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::Block;

/// GET CHALLENGE, answered with the card's unpredictable number of eight bytes.
pub(crate) const GET_CHALLENGE: [u8; 5] = [0x00, 0x84, 0x00, 0x00, 0x00];

/// Whether a command is VERIFY, whatever its class: INS 20 and 21. Only the vault may send it.
pub(crate) fn is_verify(apdu: &[u8]) -> bool {
    apdu.get(1).is_some_and(|instruction| instruction & 0xFE == 0x20)
}

/// VERIFY with the plaintext block.
pub(crate) fn plaintext(block: &Block) -> Zeroizing<Vec<u8>> {
    command(0x80, &block[..])
}

fn command(qualifier: u8, data: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut apdu = Zeroizing::new(Vec::with_capacity(5 + data.len()));
    // `data` is 8 to 248 bytes.
    apdu.extend_from_slice(&[0x00, 0x20, 0x00, qualifier, data.len() as u8]);
    apdu.extend_from_slice(data);
    apdu
}

/// The card's PIN encipherment key, checked for shape. Its certificate was checked by the kernel.
pub(crate) struct PinKey {
    modulus: Vec<u8>,
    exponent: u64,
}

impl PinKey {
    /// Takes a modulus of 64 to 248 bytes, odd, its first bit set, and the exponent 3 or 65537 (Book 2 §7.1).
    pub(crate) fn new(modulus: &[u8], exponent: &[u8]) -> Option<PinKey> {
        let exponent = match exponent {
            [.., 3] if exponent[..exponent.len() - 1].iter().all(|byte| *byte == 0) => 3,
            [rest @ .., 1, 0, 1] if rest.iter().all(|byte| *byte == 0) => 65_537,
            _ => return None,
        };
        let good = (64..=248).contains(&modulus.len())
            && modulus.first().is_some_and(|byte| byte & 0x80 != 0)
            && modulus.last().is_some_and(|byte| byte & 1 == 1);
        good.then(|| PinKey { modulus: modulus.to_vec(), exponent })
    }

    /// VERIFY with the block enciphered together with the card's number and random padding (Book 2 table 25).
    pub(crate) fn verify(
        &self,
        block: &Block,
        unpredictable: &[u8; 8],
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Option<Zeroizing<Vec<u8>>> {
        let length = self.modulus.len();
        let mut clear = Zeroizing::new(vec![0x7F; length]);
        clear[1..9].copy_from_slice(&block[..]);
        clear[9..17].copy_from_slice(unpredictable);
        random(&mut clear[17..]);
        let bits = u32::try_from(length.next_multiple_of(8) * 8).ok()?;
        let modulus = BoxedUint::from_be_slice(&self.modulus, bits).ok()?;
        let parameters = BoxedMontyParams::new(Odd::new(modulus).into_option()?);
        let number = BoxedUint::from_be_slice(&clear, bits).ok()?;
        // `new` takes the number over, and changes it in place.
        let mut form = BoxedMontyForm::new(number, &parameters);
        let cipher = form.pow(&BoxedUint::from(self.exponent)).retrieve().to_be_bytes();
        form.as_montgomery_mut().zeroize();
        Some(command(0x88, cipher.get(cipher.len().checked_sub(length)?..)?))
    }
}
