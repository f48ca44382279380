//! The RSA keys behind the card: certification authority, issuer, card, and the card's for PINs. Made up, public, worthless.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use num_bigint::BigUint;

/// A private key with public exponent 3.
pub(crate) struct RsaKey {
    modulus: BigUint,
    first_prime: BigUint,
    second_prime: BigUint,
    first_exponent: BigUint,
    second_exponent: BigUint,
    coefficient: BigUint,
    length: usize,
}

/// Public exponent of all of them.
pub(crate) const EXPONENT: u8 = 3;

/// 1408 bits.
pub(crate) static AUTHORITY: LazyLock<RsaKey> = LazyLock::new(|| {
    RsaKey::new(
        "E8C2523C5F72AD5B75D04F0359E1E6EAE5ADE15B767E565995F47E48BB084B32B5B92A68D75EADAD8092A1CD6EB2B320\
         86A27FFB57205787959ACCF2AEB9FE9C38AEB670B7276611C932C7EC6C0161E229FB0BCFFD5C2121",
        "CD29EEA422BD86000C80307B95F7278031AB9F7EDAC2B579D59BA2D3FA4FA41E8A0F7321666582480D48C24160E3AEAD\
         1CCD0F721C54582B09BAC31FA60FB1811C7A54854D1B2F15BA612D23BBF3888B4456364D020FB2A9",
    )
});

/// 1152 bits.
pub(crate) static ISSUER: LazyLock<RsaKey> = LazyLock::new(|| {
    RsaKey::new(
        "FA21246C7FA21DFD5B933ECEBF87C84737D4C3E345B12193AA98C38F6B58E3D9998E361AC7C36EEDF73F2627005312598\
         723E95FB5EAE6FEE8487CF29F27F9FAFDA5CCD2827D10FD",
        "D47714B170F9701EE1894104D50B798CDE82CFAF137F69FC2750F43D71A20390F73B4D35136A47ACF089593E8EDDB74DA\
         E64B95AABEA1F902E5B74E33954B34D0810889A0E0E6FB1",
    )
});

/// 1024 bits.
pub(crate) static CARD: LazyLock<RsaKey> = LazyLock::new(|| {
    RsaKey::new(
        "F9C8CC7C660435348EDF467CE6C32592530045EA74C870F75D0717C5C5FAD0EABFD4DD476B72DA51AFB3D8145173A98C4\
         22999F4BBCE17DEE7141AC61632A151",
        "C2201548655CC698BF3FC904C21D5D1E7C3ED11C27415918783FEF623F7CC47A75050241980FFBCE179C321EA44DD846F\
         EA52C306CEE5F5033D27E22D12DF351",
    )
});

/// 1024 bits: enciphers PINs on the way to the card.
pub(crate) static PIN: LazyLock<RsaKey> = LazyLock::new(|| {
    RsaKey::new(
        "DDC8899224B45BFFBF9F08318A4CDBB31534DB676ECDCCEDFAF7F760CA5D43EFA16C4CC87E2550F0A31E9AD3F6097EA7AC5\
         7F011B837628BA35728E7A4D6A165",
        "DABA824C5087F13223D5CEB0571AFD698A46B30DFF5D5598B8D81E2525820F0878BD9BE8F3F274F5605E7B5732A4B7F3E3B\
         577B08F094299E9EE92ED037DBBFF",
    )
});

/// Certificates already made: a simulation makes the same card thousands of times.
static MADE: Mutex<BTreeMap<Vec<u8>, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// Certificates kept in [`MADE`]; past it, they are made anew each time.
const MADE_LIMIT: usize = 256;

impl RsaKey {
    fn new(first: &str, second: &str) -> Self {
        let number = |text: &str| BigUint::parse_bytes(text.as_bytes(), 16).unwrap_or_default();
        let (first_prime, second_prime) = (number(first), number(second));
        let one = BigUint::from(1u8);
        let public = BigUint::from(EXPONENT);
        let modulus = &first_prime * &second_prime;
        let private = |prime: &BigUint| public.modinv(&(prime - &one)).unwrap_or_default();
        Self {
            first_exponent: private(&first_prime),
            second_exponent: private(&second_prime),
            coefficient: second_prime.modinv(&first_prime).unwrap_or_default(),
            length: usize::try_from(modulus.bits().div_ceil(8)).unwrap_or_default(),
            modulus,
            first_prime,
            second_prime,
        }
    }

    /// Length of modulus and signature in bytes.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The modulus, big-endian.
    pub(crate) fn modulus(&self) -> Vec<u8> {
        self.modulus.to_bytes_be()
    }

    /// The RSA private operation, by the Chinese remainder theorem. `message` is as long as the modulus.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let message = BigUint::from_bytes_be(message);
        let first = message.modpow(&self.first_exponent, &self.first_prime);
        let second = message.modpow(&self.second_exponent, &self.second_prime);
        let lifted = &first + &self.first_prime - &second % &self.first_prime;
        let signed = &second + (lifted * &self.coefficient % &self.first_prime) * &self.second_prime;
        let bytes = signed.to_bytes_be();
        let mut out = vec![0; self.length.saturating_sub(bytes.len())];
        out.extend_from_slice(&bytes);
        out
    }

    /// [`RsaKey::sign`] with a memory, for certificates.
    pub(crate) fn certify(&self, message: &[u8]) -> Vec<u8> {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signature) = made.get(message) {
            return signature.clone();
        }
        let signature = self.sign(message);
        if made.len() < MADE_LIMIT {
            made.insert(message.to_vec(), signature.clone());
        }
        signature
    }
}
