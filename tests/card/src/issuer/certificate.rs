//! Certificates and signed data of EMV Book 2 §5-6, made at run time from the profile.

use sha1::{Digest as _, Sha1};

use super::keys::{AUTHORITY, CARD, EXPONENT, ISSUER, PIN, RsaKey};
use crate::hex;

/// Index (8F) of the authority's only key.
pub const AUTHORITY_INDEX: u8 = 0xF1;
/// Expiry of the issuer's and the card's certificate, MMYY.
const CERTIFICATE_EXPIRY: [u8; 2] = [0x12, 0x35];

/// A certificate with the parts of the certified key that travel beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// 90 or 9F46.
    pub certificate: Vec<u8>,
    /// 92 or 9F48: what of the modulus found no room; may be empty.
    pub remainder: Vec<u8>,
    /// 9F32 or 9F47.
    pub exponent: Vec<u8>,
}

/// The issuer's public key certificate for cards with `pan` (Book 2 table 6), recovered with the authority's key.
pub fn issuer_certificate(pan: &str) -> Certificate {
    let prefix: String = pan.chars().take(6).collect();
    let mut head = vec![0x6A, 0x02];
    head.extend_from_slice(&padded(&prefix, 4));
    head.extend_from_slice(&CERTIFICATE_EXPIRY);
    head.extend_from_slice(&[0x00, 0x00, 0x10, 0x01, 0x01]);
    certificate(&AUTHORITY, head, &ISSUER, &[])
}

/// The card's public key certificate (Book 2 table 13), recovered with the issuer's key. `static_data`
/// is what [`signed_static_data`] would sign.
pub fn card_certificate(pan: &str, static_data: &[u8]) -> Certificate {
    let mut head = vec![0x6A, 0x04];
    head.extend_from_slice(&padded(pan, 10));
    head.extend_from_slice(&CERTIFICATE_EXPIRY);
    head.extend_from_slice(&[0x00, 0x00, 0x20, 0x01, 0x01]);
    certificate(&ISSUER, head, &CARD, static_data)
}

/// The certificate of the card's key for PINs (Book 2 §7.1), recovered with the issuer's key. It covers no static data.
pub fn pin_certificate(pan: &str) -> Certificate {
    let mut head = vec![0x6A, 0x04];
    head.extend_from_slice(&padded(pan, 10));
    head.extend_from_slice(&CERTIFICATE_EXPIRY);
    head.extend_from_slice(&[0x00, 0x00, 0x21, 0x01, 0x01]);
    certificate(&ISSUER, head, &PIN, &[])
}

/// The PIN block and the challenge in what VERIFY brought (Book 2 §7.2), under the key for PINs or the card's own.
pub fn decipher_pin(own_key: bool, cipher: &[u8]) -> Option<([u8; 8], [u8; 8])> {
    let key = if own_key { &CARD } else { &PIN };
    if cipher.len() != key.length() {
        return None;
    }
    let clear = key.sign(cipher);
    match clear.split_first() {
        Some((0x7F, rest)) => Some((rest.get(..8)?.try_into().ok()?, rest.get(8..16)?.try_into().ok()?)),
        _ => None,
    }
}

/// Signed static application data (93, Book 2 table 7): the signed records and the AIP.
/// `authentication_code` is the data authentication code (9F45).
pub fn signed_static_data(authentication_code: [u8; 2], static_data: &[u8]) -> Vec<u8> {
    let [first, second] = authentication_code;
    ISSUER.certify(&block(&ISSUER, &[0x6A, 0x03, 0x01, first, second], static_data))
}

/// Signed dynamic application data (9F4B, Book 2 table 14) over the card's dynamic number (2-8 bytes)
/// and the terminal's data.
pub fn signed_dynamic_data(dynamic_number: &[u8], terminal_data: &[u8]) -> Vec<u8> {
    let length = dynamic_number.len() as u8;
    let mut head = vec![0x6A, 0x05, 0x01, length + 1, length];
    head.extend_from_slice(dynamic_number);
    CARD.sign(&block(&CARD, &head, terminal_data))
}

/// Signed dynamic application data over a cryptogram (CDA, Book 2 §6.6.1): `transaction` is the terminal's data of PDOL
/// and CDOLs, then the elements of the answer that carries the signature.
pub fn signed_cryptogram(
    dynamic_number: &[u8],
    identifier: u8,
    cryptogram: &[u8; 8],
    transaction: &[u8],
    unpredictable_number: &[u8],
) -> Vec<u8> {
    let number = dynamic_number.len() as u8;
    let mut head = vec![0x6A, 0x05, 0x01, 1 + number + 1 + 8 + 20, number];
    head.extend_from_slice(dynamic_number);
    head.push(identifier);
    head.extend_from_slice(cryptogram);
    head.extend_from_slice(&Sha1::digest(transaction));
    CARD.sign(&block(&CARD, &head, unpredictable_number))
}

/// The key that belongs into the terminal's list of certification authority public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityKey {
    /// Registered application provider.
    pub rid: [u8; 5],
    /// Index (8F, 9F22).
    pub index: u8,
    /// Modulus, big-endian, 176 bytes.
    pub modulus: Vec<u8>,
    /// Public exponent.
    pub exponent: Vec<u8>,
    /// SHA-1 over RID, index, modulus and exponent (Book 2 §11.2).
    pub checksum: [u8; 20],
    /// Last day of use, digits YYYYMMDD.
    pub expiry: String,
}

/// The test authority's public key.
pub fn authority_key() -> AuthorityKey {
    let rid = super::RID;
    let modulus = AUTHORITY.modulus();
    let exponent = vec![EXPONENT];
    let mut hash = Sha1::new();
    hash.update(rid);
    hash.update([AUTHORITY_INDEX]);
    hash.update(&modulus);
    hash.update(&exponent);
    AuthorityKey {
        rid,
        index: AUTHORITY_INDEX,
        modulus,
        exponent,
        checksum: hash.finalize().into(),
        expiry: "20351231".into(),
    }
}

impl AuthorityKey {
    fn fields(&self) -> [(&'static str, String); 6] {
        [
            ("rid", hex::encode(&self.rid)),
            ("index", hex::encode(&[self.index])),
            ("modulus", hex::encode(&self.modulus)),
            ("exponent", hex::encode(&self.exponent)),
            ("checksum", hex::encode(&self.checksum)),
            ("expiry", self.expiry.clone()),
        ]
    }

    /// The key as TOML lines, every value a string, hexadecimal but for the expiry.
    pub fn to_toml(&self) -> String {
        self.fields().map(|(name, value)| format!("{name} = \"{value}\"\n")).concat()
    }

    /// The key as a JSON object with the same names.
    pub fn to_json(&self) -> String {
        let fields = self.fields().map(|(name, value)| format!("  \"{name}\": \"{value}\""));
        format!("{{\n{}\n}}\n", fields.join(",\n"))
    }
}

fn certificate(signer: &RsaKey, mut head: Vec<u8>, key: &RsaKey, static_data: &[u8]) -> Certificate {
    let modulus = key.modulus();
    head.extend_from_slice(&[key.length() as u8, 1]);
    let room = signer.length() - head.len() - 21;
    let (inside, remainder) = modulus.split_at(room.min(modulus.len()));
    head.extend_from_slice(inside);
    head.resize(signer.length() - 21, 0xBB);
    let mut beside = remainder.to_vec();
    beside.push(EXPONENT);
    beside.extend_from_slice(static_data);
    Certificate {
        certificate: signer.certify(&block(signer, &head, &beside)),
        remainder: remainder.to_vec(),
        exponent: vec![EXPONENT],
    }
}

/// `head`, padding, SHA-1 over all but the header byte and over `beside`, trailer.
fn block(signer: &RsaKey, head: &[u8], beside: &[u8]) -> Vec<u8> {
    let mut block = head.to_vec();
    block.resize(signer.length() - 21, 0xBB);
    let mut hash = Sha1::new();
    hash.update(&block[1..]);
    hash.update(beside);
    block.extend_from_slice(&hash.finalize());
    block.push(0xBC);
    block
}

/// Digits packed and padded with `F` on the right to `length` bytes.
fn padded(digits: &str, length: usize) -> Vec<u8> {
    let mut packed = hex::compressed(digits);
    packed.resize(length, 0xFF);
    packed
}
