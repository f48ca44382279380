//! Offline data authentication (Book 2 §5 and §6, Book 3 §10.3): are these the issuer's data, and is this its card?
//!
//! Pure functions over what the card gave. Every check that fails gives one reason; none is passed over.

use crate::{
    configuration::{AuthorityKey, Configuration, Terminal},
    date::Date,
    digits::Digits,
    indicators::{Aip, aip},
    tags,
};
use num_bigint::BigUint;
use sha1::{Digest as _, Sha1};

/// The method chosen (check 23). CDA comes with a later kernel: a card that has it has DDA too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Card and terminal have none in common.
    None,
    /// Static.
    Sda,
    /// Dynamic.
    Dda,
}

/// The best method that both card and terminal have.
pub fn select_method(profile: Aip, terminal: &Terminal) -> Method {
    if profile.has(aip::DDA) && terminal.dda() {
        Method::Dda
    } else if profile.has(aip::SDA) && terminal.sda() {
        Method::Sda
    } else {
        Method::None
    }
}

/// Why authentication failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Mandatory data is missing: TVR "ICC data missing" too (check 25).
    #[error("the card lacks data {0:04X}")]
    Missing(u32),
    /// The terminal has no such authority key (check 26), or it has expired.
    #[error("no key {0:02X} of this card's certification authority")]
    UnknownAuthorityKey(u8),
    /// A certificate or signature does not have the length of its key.
    #[error("{0} has another length than its key")]
    Length(&'static str),
    /// A recovered block's fixed bytes are not what they must be (check 27).
    #[error("{0} does not recover")]
    Block(&'static str),
    /// A hash does not match.
    #[error("the hash of {0} does not match")]
    Hash(&'static str),
    /// The certificate is for another account number.
    #[error("{0} is for another account number")]
    Account(&'static str),
    /// The certificate has expired.
    #[error("{0} has expired")]
    Expired(&'static str),
    /// The certificate is revoked.
    #[error("the issuer's certificate is revoked")]
    Revoked,
    /// An algorithm that is not RSA with SHA-1.
    #[error("{0} names an unknown algorithm")]
    Algorithm(&'static str),
    /// A key's exponent or length is not one a key can have.
    #[error("the {0} key is malformed")]
    Key(&'static str),
    /// 9F4A names something other than the AIP (check 28).
    #[error("the static data authentication tag list names other than the AIP")]
    TagList,
}

/// What authentication works on.
pub struct Offline<'a> {
    /// The terminal's keys and revocations.
    pub configuration: &'a Configuration,
    /// The card's application name; its first five bytes name the authority.
    pub aid: &'a [u8],
    /// The records to be authenticated, as Book 3 §10.3 joins them.
    pub records: &'a [u8],
    /// The application interchange profile.
    pub aip: [u8; 2],
    /// The card's data elements.
    pub get: &'a dyn Fn(u32) -> Option<Vec<u8>>,
    /// The transaction's date.
    pub today: Date,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl Key {
    /// RSA recovery. The block is as long as the modulus.
    fn recover(&self, block: &[u8], what: &'static str) -> Result<Vec<u8>, Failure> {
        if block.len() != self.modulus.len() {
            return Err(Failure::Length(what));
        }
        let modulus = BigUint::from_bytes_be(&self.modulus);
        if modulus.bits() < 2 {
            return Err(Failure::Key(what));
        }
        let number =
            BigUint::from_bytes_be(block).modpow(&BigUint::from_bytes_be(&self.exponent), &modulus).to_bytes_be();
        let mut recovered = vec![0; self.modulus.len()];
        let start = recovered.len() - number.len();
        recovered[start..].copy_from_slice(&number);
        Ok(recovered)
    }

    fn of_authority(key: &AuthorityKey) -> Key {
        Key { modulus: key.modulus().to_vec(), exponent: key.exponent().to_vec() }
    }
}

/// A card ready for dynamic authentication: its own key is authentic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicReady(Key);

/// Header, fixed format byte and trailer of a recovered block; what lies between format and hash, and the hash.
fn open<'b>(block: &'b [u8], format: u8, what: &'static str) -> Result<(&'b [u8], &'b [u8]), Failure> {
    let good = block.len() >= 24
        && block.first() == Some(&0x6A)
        && block.get(1) == Some(&format)
        && block.last() == Some(&0xBC);
    if !good {
        return Err(Failure::Block(what));
    }
    let hash = block.len() - 21;
    Ok((&block[2..hash], &block[hash..block.len() - 1]))
}

fn hashes_to(parts: &[&[u8]], hash: &[u8]) -> bool {
    let mut sha = Sha1::new();
    for part in parts {
        sha.update(part);
    }
    sha.finalize()[..] == *hash
}

/// A key inside a certificate: its left part there, the rest in a remainder element.
fn joined_key(
    left: &[u8],
    remainder: Option<Vec<u8>>,
    length: usize,
    exponent: Vec<u8>,
    missing: u32,
    what: &'static str,
) -> Result<Key, Failure> {
    let remainder = remainder.unwrap_or_default();
    let modulus = if length <= left.len() {
        // The certificate's field is padded with BB.
        if left[length..].iter().any(|byte| *byte != 0xBB) || !remainder.is_empty() {
            return Err(Failure::Key(what));
        }
        left[..length].to_vec()
    } else {
        if remainder.is_empty() {
            return Err(Failure::Missing(missing));
        }
        let modulus = [left, &remainder].concat();
        if modulus.len() != length {
            return Err(Failure::Key(what));
        }
        modulus
    };
    if modulus.len() < 32 || (exponent != [3] && exponent != [1, 0, 1]) {
        return Err(Failure::Key(what));
    }
    Ok(Key { modulus, exponent })
}

impl Offline<'_> {
    fn need(&self, tag: u32) -> Result<Vec<u8>, Failure> {
        (self.get)(tag).filter(|value| !value.is_empty()).ok_or(Failure::Missing(tag))
    }

    /// The issuer's public key from its certificate (Book 2 §5.3, §6.3).
    fn issuer_key(&self) -> Result<Key, Failure> {
        const WHAT: &str = "the issuer certificate";
        let index = *self.need(tags::AUTHORITY_KEY_INDEX)?.first().ok_or(Failure::Missing(tags::AUTHORITY_KEY_INDEX))?;
        let certificate = self.need(tags::ISSUER_CERTIFICATE)?;
        let exponent = self.need(tags::ISSUER_EXPONENT)?;
        let authority = self
            .configuration
            .authority_keys
            .iter()
            .find(|key| self.aid.starts_with(key.authority()) && key.index() == index)
            .filter(|key| key.expires().is_none_or(|last| self.today <= last))
            .ok_or(Failure::UnknownAuthorityKey(index))?;
        let block = Key::of_authority(authority).recover(&certificate, WHAT)?;
        let (body, hash) = open(&block, 0x02, WHAT)?;
        // Issuer identifier 4, expiry 2, serial 3, hash algorithm, key algorithm, key length, exponent length.
        let Some((head, left)) = body.split_at_checked(13) else { return Err(Failure::Block(WHAT)) };
        let remainder = (self.get)(tags::ISSUER_REMAINDER);
        if !hashes_to(
            &[&[0x02], head, left, remainder.as_deref().unwrap_or_default(), &exponent],
            hash,
        ) {
            return Err(Failure::Hash(WHAT));
        }
        let pan = self.pan()?;
        let prefix: String = head[..4].iter().flat_map(|b| [b >> 4, b & 0x0F]).filter(|n| *n != 0x0F).map(digit).collect();
        if !(3..=8).contains(&prefix.len()) || !pan.reveal().starts_with(&prefix) {
            return Err(Failure::Account(WHAT));
        }
        self.not_expired(&head[4..6], WHAT)?;
        let serial = &head[6..9];
        let revoked = self.configuration.revoked_certificates.iter().any(|revoked| {
            revoked.authority.0 == *authority.authority() && revoked.index.0 == [index] && revoked.serial.0 == *serial
        });
        if revoked {
            return Err(Failure::Revoked);
        }
        if head[9] != 0x01 || head[10] != 0x01 {
            return Err(Failure::Algorithm(WHAT));
        }
        joined_key(left, remainder, usize::from(head[11]), exponent, tags::ISSUER_REMAINDER, "issuer")
    }

    fn pan(&self) -> Result<Digits, Failure> {
        Digits::from_compressed(&self.need(tags::PAN)?).ok_or(Failure::Missing(tags::PAN))
    }

    fn not_expired(&self, month_year: &[u8], what: &'static str) -> Result<(), Failure> {
        match Date::month_end_from_bcd(month_year) {
            Some(last) if self.today <= last => Ok(()),
            _ => Err(Failure::Expired(what)),
        }
    }

    /// The static data to be authenticated: the records, and the AIP where 9F4A names it (check 28).
    fn static_data(&self) -> Result<Vec<u8>, Failure> {
        let mut data = self.records.to_vec();
        match (self.get)(tags::STATIC_TAG_LIST) {
            None => {}
            Some(list) if list == [0x82] => data.extend_from_slice(&self.aip),
            Some(_) => return Err(Failure::TagList),
        }
        Ok(data)
    }
}

fn digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('?')
}

/// Static data authentication (Book 2 §5.4). The data authentication code (9F45) where the signature is good.
///
/// # Errors
/// [`Failure`].
pub fn verify_static(offline: &Offline<'_>) -> Result<[u8; 2], Failure> {
    const WHAT: &str = "the signed static data";
    let issuer = offline.issuer_key()?;
    let block = issuer.recover(&offline.need(tags::SIGNED_STATIC_DATA)?, WHAT)?;
    let (body, hash) = open(&block, 0x03, WHAT)?;
    let data = offline.static_data()?;
    if !hashes_to(&[&[0x03], body, &data], hash) {
        return Err(Failure::Hash(WHAT));
    }
    match body {
        [0x01, first, second, ..] => Ok([*first, *second]),
        _ => Err(Failure::Algorithm(WHAT)),
    }
}

/// The card's own public key, from its certificate (Book 2 §6.4).
///
/// # Errors
/// [`Failure`].
pub fn prepare_dynamic(offline: &Offline<'_>) -> Result<DynamicReady, Failure> {
    const WHAT: &str = "the card certificate";
    let issuer = offline.issuer_key()?;
    let certificate = offline.need(tags::ICC_CERTIFICATE)?;
    let exponent = offline.need(tags::ICC_EXPONENT)?;
    let block = issuer.recover(&certificate, WHAT)?;
    let (body, hash) = open(&block, 0x04, WHAT)?;
    // PAN 10, expiry 2, serial 3, hash algorithm, key algorithm, key length, exponent length.
    let Some((head, left)) = body.split_at_checked(19) else { return Err(Failure::Block(WHAT)) };
    let remainder = (offline.get)(tags::ICC_REMAINDER);
    let data = offline.static_data()?;
    if !hashes_to(&[&[0x04], head, left, remainder.as_deref().unwrap_or_default(), &exponent, &data], hash) {
        return Err(Failure::Hash(WHAT));
    }
    let certified = Digits::from_compressed(&head[..10]).ok_or(Failure::Account(WHAT))?;
    if certified != offline.pan()? {
        return Err(Failure::Account(WHAT));
    }
    offline.not_expired(&head[10..12], WHAT)?;
    if head[15] != 0x01 || head[16] != 0x01 {
        return Err(Failure::Algorithm(WHAT));
    }
    joined_key(left, remainder, usize::from(head[17]), exponent, tags::ICC_REMAINDER, "card").map(DynamicReady)
}

/// Dynamic data authentication (Book 2 §6.5.2): the signature over what the DDOL asked for. The ICC dynamic number
/// (9F4C) where it is good.
///
/// # Errors
/// [`Failure`].
pub fn verify_dynamic(ready: &DynamicReady, asked: &[u8], signature: &[u8]) -> Result<Vec<u8>, Failure> {
    const WHAT: &str = "the signed dynamic data";
    let block = ready.0.recover(signature, WHAT)?;
    let (body, hash) = open(&block, 0x05, WHAT)?;
    if !hashes_to(&[&[0x05], body, asked], hash) {
        return Err(Failure::Hash(WHAT));
    }
    let Some((&[algorithm, length], rest)) = body.split_first_chunk::<2>() else {
        return Err(Failure::Block(WHAT));
    };
    if algorithm != 0x01 {
        return Err(Failure::Algorithm(WHAT));
    }
    let dynamic = rest.get(..usize::from(length)).ok_or(Failure::Block(WHAT))?;
    // The leftmost byte is the length of the ICC dynamic number, 2 to 8.
    match dynamic.split_first() {
        Some((&count, number)) if (2..=8).contains(&count) => {
            number.get(..usize::from(count)).map(<[u8]>::to_vec).ok_or(Failure::Block(WHAT))
        }
        _ => Err(Failure::Block(WHAT)),
    }
}
