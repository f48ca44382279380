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
use zeroize::Zeroizing;

#[cfg(test)]
mod tests;

/// The method chosen (check 23).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Card and terminal have none in common.
    None,
    /// Static.
    Sda,
    /// Dynamic.
    Dda,
    /// Combined with the generation of the cryptogram.
    Cda,
}

/// The best method that both card and terminal have.
pub fn select_method(profile: Aip, terminal: &Terminal) -> Method {
    if profile.has(aip::CDA) && terminal.cda() {
        Method::Cda
    } else if profile.has(aip::DDA) && terminal.dda() {
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
    #[error("a key of {0} is malformed")]
    Key(&'static str),
    /// 9F4A names something other than the AIP (check 28).
    #[error("the static data authentication tag list names other than the AIP")]
    TagList,
    /// What the signature says of the cryptogram is not what the card said beside it (check 30).
    #[error("the signature is over another cryptogram")]
    Cryptogram,
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
    fn recover(&self, block: &[u8], what: &'static str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        if block.len() != self.modulus.len() {
            return Err(Failure::Length(what));
        }
        let modulus = BigUint::from_bytes_be(&self.modulus);
        if modulus.bits() < 2 {
            return Err(Failure::Key(what));
        }
        let block = BigUint::from_bytes_be(block);
        let number = if self.exponent == [3] {
            // Two products cost less than the table that `modpow` makes first.
            &block * &block % &modulus * &block % &modulus
        } else {
            block.modpow(&BigUint::from_bytes_be(&self.exponent), &modulus)
        };
        let number = Zeroizing::new(number.to_bytes_be());
        let mut recovered = Zeroizing::new(vec![0; self.modulus.len() - number.len()]);
        recovered.extend_from_slice(&number);
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

/// How a certificate is laid out (Book 2 tables 6 and 14), and which elements belong to it.
struct Layout {
    what: &'static str,
    format: u8,
    /// Bytes between the format and the key: two algorithms and two lengths are the last four of them.
    head: usize,
    certificate: u32,
    exponent: u32,
    remainder: u32,
}

/// Issuer identifier 4, expiry 2, serial 3, hash algorithm, key algorithm, key length, exponent length.
const ISSUER: Layout = Layout {
    what: "the issuer certificate",
    format: 0x02,
    head: 13,
    certificate: tags::ISSUER_CERTIFICATE,
    exponent: tags::ISSUER_EXPONENT,
    remainder: tags::ISSUER_REMAINDER,
};

/// PAN 10, expiry 2, serial 3, hash algorithm, key algorithm, key length, exponent length.
const CARD: Layout = Layout {
    what: "the card certificate",
    format: 0x04,
    head: 19,
    certificate: tags::ICC_CERTIFICATE,
    exponent: tags::ICC_EXPONENT,
    remainder: tags::ICC_REMAINDER,
};

/// The same, for the key that enciphers a PIN (Book 2 table 23).
const PIN: Layout = Layout {
    what: "the PIN certificate",
    certificate: tags::PIN_CERTIFICATE,
    exponent: tags::PIN_EXPONENT,
    remainder: tags::PIN_REMAINDER,
    ..CARD
};

impl Offline<'_> {
    fn need(&self, tag: u32) -> Result<Vec<u8>, Failure> {
        (self.get)(tag).filter(|value| !value.is_empty()).ok_or(Failure::Missing(tag))
    }

    /// What is missing is told before anything else is tried (Book 3 §10.3, check 25).
    fn need_all(&self, tags: &[u32]) -> Result<(), Failure> {
        tags.iter().try_for_each(|tag| self.need(*tag).map(drop))
    }

    /// The issuer's public key from its certificate (Book 2 §5.3, §6.3).
    fn issuer_key(&self) -> Result<Key, Failure> {
        let index = self.need(tags::AUTHORITY_KEY_INDEX)?;
        let &[index] = index.as_slice() else { return Err(Failure::Missing(tags::AUTHORITY_KEY_INDEX)) };
        let authority = self.aid.get(..5).unwrap_or_default();
        let key = self
            .configuration
            .authority_key(authority, index, self.today)
            .ok_or(Failure::UnknownAuthorityKey(index))?;
        let (head, key) = self.certified(&Key::of_authority(key), &ISSUER, &[])?;
        let (identifier, rest) = head.split_at_checked(4).ok_or(Failure::Block(ISSUER.what))?;
        let (expiry, rest) = rest.split_at_checked(2).ok_or(Failure::Block(ISSUER.what))?;
        // The identifier is 3 to 8 digits; from_compressed refuses digits behind the padding.
        let prefix = Digits::from_compressed(identifier).ok_or(Failure::Account(ISSUER.what))?;
        if prefix.reveal().len() < 3 || !self.pan()?.reveal().starts_with(prefix.reveal()) {
            return Err(Failure::Account(ISSUER.what));
        }
        self.not_expired(expiry, ISSUER.what)?;
        if self.configuration.revoked(authority, index, rest.get(..3).unwrap_or_default()) {
            return Err(Failure::Revoked);
        }
        Ok(key)
    }

    /// What a certificate says before its key, and the key. `beside` is signed with it and not in it.
    fn certified(
        &self,
        signer: &Key,
        layout: &Layout,
        beside: &[u8],
    ) -> Result<(Zeroizing<Vec<u8>>, Key), Failure> {
        let what = layout.what;
        let exponent = self.need(layout.exponent)?;
        let block = signer.recover(&self.need(layout.certificate)?, what)?;
        let (body, hash) = open(&block, layout.format, what)?;
        let (head, left) = body.split_at_checked(layout.head).ok_or(Failure::Block(what))?;
        let &[.., hash_algorithm, key_algorithm, length, _] = head else { return Err(Failure::Block(what)) };
        let length = usize::from(length);
        let remainder = (self.get)(layout.remainder).unwrap_or_default();
        if length > left.len() && remainder.is_empty() {
            return Err(Failure::Missing(layout.remainder));
        }
        if !hashes_to(&[&[layout.format], head, left, &remainder, &exponent, beside], hash) {
            return Err(Failure::Hash(what));
        }
        if hash_algorithm != 0x01 || key_algorithm != 0x01 {
            return Err(Failure::Algorithm(what));
        }
        // A key that fits is padded with BB and has no remainder; one that does not fills the field (tables 6 and 14).
        let mut modulus = left.get(..length).unwrap_or(left).to_vec();
        modulus.extend_from_slice(&remainder);
        let fitting = modulus.len() == length && length >= 32;
        if !fitting || (exponent != [3] && exponent != [1, 0, 1]) {
            return Err(Failure::Key(what));
        }
        Ok((Zeroizing::new(head.to_vec()), Key { modulus, exponent }))
    }

    /// A key of the card, from its certificate by the issuer: for this account number, and not expired.
    fn card_key(&self, layout: &Layout, beside: &[u8]) -> Result<Key, Failure> {
        let issuer = self.issuer_key()?;
        let (head, key) = self.certified(&issuer, layout, beside)?;
        let (account, rest) = head.split_at_checked(10).ok_or(Failure::Block(layout.what))?;
        let certified = Digits::from_compressed(account).ok_or(Failure::Account(layout.what))?;
        if certified != self.pan()? {
            return Err(Failure::Account(layout.what));
        }
        self.not_expired(rest.get(..2).unwrap_or_default(), layout.what)?;
        Ok(key)
    }

    fn pan(&self) -> Result<Digits, Failure> {
        let compressed = Zeroizing::new(self.need(tags::PAN)?);
        Digits::from_compressed(&compressed).ok_or(Failure::Missing(tags::PAN))
    }

    fn not_expired(&self, month_year: &[u8], what: &'static str) -> Result<(), Failure> {
        match Date::month_end_from_bcd(month_year) {
            Some(last) if self.today <= last => Ok(()),
            _ => Err(Failure::Expired(what)),
        }
    }

    /// The static data to be authenticated: the records, and the AIP where 9F4A names it (check 28).
    fn static_data(&self) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let named: &[u8] = match (self.get)(tags::STATIC_TAG_LIST) {
            None => &[],
            Some(list) if list == [0x82] => &self.aip,
            Some(_) => return Err(Failure::TagList),
        };
        Ok(Zeroizing::new([self.records, named].concat()))
    }
}

/// Static data authentication (Book 2 §5.4). The data authentication code (9F45) where the signature is good.
///
/// # Errors
/// [`Failure`].
pub fn verify_static(offline: &Offline<'_>) -> Result<[u8; 2], Failure> {
    const WHAT: &str = "the signed static data";
    offline.need_all(&[
        tags::AUTHORITY_KEY_INDEX,
        tags::ISSUER_CERTIFICATE,
        tags::ISSUER_EXPONENT,
        tags::SIGNED_STATIC_DATA,
    ])?;
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
    offline.need_all(&[
        tags::AUTHORITY_KEY_INDEX,
        tags::ISSUER_CERTIFICATE,
        tags::ISSUER_EXPONENT,
        tags::ICC_CERTIFICATE,
        tags::ICC_EXPONENT,
    ])?;
    offline.card_key(&CARD, &offline.static_data()?).map(DynamicReady)
}

/// Dynamic data authentication (Book 2 §6.5.2): the signature over what the DDOL asked for. The ICC dynamic number
/// (9F4C) where it is good.
///
/// # Errors
/// [`Failure`].
pub fn verify_dynamic(ready: &DynamicReady, asked: &[u8], signature: &[u8]) -> Result<Vec<u8>, Failure> {
    let dynamic = ready.signed(asked, signature)?;
    dynamic_number(&dynamic).map(|(number, _)| number.to_vec())
}

/// What a signature made together with a cryptogram vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combined {
    /// The ICC dynamic number (9F4C).
    pub number: Vec<u8>,
    /// The cryptogram (9F26): such an answer carries it nowhere else.
    pub cryptogram: [u8; 8],
}

/// Combined authentication (Book 2 §6.6.2, check 30): the signature over cryptogram, cryptogram information (9F27) and
/// `transaction`, which is the values of PDOL and CDOLs as they were sent, then the elements of the answer but 9F4B.
///
/// # Errors
/// [`Failure`].
pub fn verify_combined(
    ready: &DynamicReady,
    unpredictable: &[u8],
    information: u8,
    transaction: &[&[u8]],
    signature: &[u8],
) -> Result<Combined, Failure> {
    let dynamic = ready.signed(unpredictable, signature)?;
    let (number, rest) = dynamic_number(&dynamic)?;
    let (&signed_information, rest) = rest.split_first().ok_or(Failure::Block(DYNAMIC))?;
    let (cryptogram, rest) = rest.split_first_chunk::<8>().ok_or(Failure::Block(DYNAMIC))?;
    if signed_information != information {
        return Err(Failure::Cryptogram);
    }
    if !hashes_to(transaction, rest.get(..20).ok_or(Failure::Block(DYNAMIC))?) {
        return Err(Failure::Hash("the transaction data"));
    }
    Ok(Combined { number: number.to_vec(), cryptogram: *cryptogram })
}

/// Modulus and exponent of the key under which a PIN goes to the card (Book 2 §7.1, check 41): that of its PIN
/// certificate (9F2D), or where it has none, its own.
///
/// # Errors
/// [`Failure`].
pub fn pin_key(offline: &Offline<'_>) -> Result<(Vec<u8>, Vec<u8>), Failure> {
    let key = match (offline.get)(tags::PIN_CERTIFICATE) {
        Some(_) => offline.card_key(&PIN, &[])?,
        None => prepare_dynamic(offline)?.0,
    };
    // Book 2 §7.1: nothing else can be enciphered under.
    let good = (64..=248).contains(&key.modulus.len())
        && key.modulus.first().is_some_and(|byte| byte & 0x80 != 0)
        && key.modulus.last().is_some_and(|byte| byte & 1 == 1);
    if good { Ok((key.modulus, key.exponent)) } else { Err(Failure::Key(PIN.what)) }
}

const DYNAMIC: &str = "the signed dynamic data";

impl DynamicReady {
    /// The dynamic data within a signature over it and over `beside`.
    fn signed(&self, beside: &[u8], signature: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let block = self.0.recover(signature, DYNAMIC)?;
        let (body, hash) = open(&block, 0x05, DYNAMIC)?;
        if !hashes_to(&[&[0x05], body, beside], hash) {
            return Err(Failure::Hash(DYNAMIC));
        }
        let Some((&[algorithm, length], rest)) = body.split_first_chunk::<2>() else {
            return Err(Failure::Block(DYNAMIC));
        };
        if algorithm != 0x01 {
            return Err(Failure::Algorithm(DYNAMIC));
        }
        let dynamic = rest.get(..usize::from(length)).ok_or(Failure::Block(DYNAMIC))?;
        Ok(Zeroizing::new(dynamic.to_vec()))
    }
}

/// The ICC dynamic number, 2 to 8 bytes behind a byte that tells its length, and what follows it.
fn dynamic_number(dynamic: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    match dynamic.split_first() {
        Some((&count, rest)) if (2..=8).contains(&count) => {
            rest.split_at_checked(usize::from(count)).ok_or(Failure::Block(DYNAMIC))
        }
        _ => Err(Failure::Block(DYNAMIC)),
    }
}
