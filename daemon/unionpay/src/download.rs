//! Field 62 of download answers, as values (reference 2.3).
//!
//! A list begins with a paging character: `0` nothing, `1` all is here, `2` more follows, `3` this is the last part.
//! An item begins with `1`, or is `0` where the host does not have it. Whatever is malformed gives a
//! [`DownloadError`] with the offset in field 62: a set is taken over whole or not at all.

mod item;
mod parameters;

pub use item::{AidParameters, CaKey, ContactlessParameters};
pub use parameters::{Parameters, Switches};

use crate::profile::{BlacklistLayout, Profile};
use crate::tlv::{self, Broken, Object, Objects};

/// Field 62 of a download answer is malformed. `offset` counts bytes from the start of the field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field 62 at byte {offset}: {kind}")]
pub struct DownloadError {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DownloadErrorKind,
}

/// What is wrong in field 62.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadErrorKind {
    /// There is no first character.
    #[error("it is empty")]
    Empty,
    /// The first character is none of those that may stand here.
    #[error("{byte:02X} is no paging character")]
    Paging {
        /// The byte found.
        byte: u8,
    },
    /// The host does not have the item that was asked for.
    #[error("the host does not have this item")]
    NotFound,
    /// No data object begins here.
    #[error("no data object can be read here")]
    NotTlv,
    /// Bytes follow where nothing may.
    #[error("bytes follow although the host says that there is nothing")]
    Unexpected,
    /// The field ends inside a value.
    #[error("a value needs {needed} bytes but only {left} are left")]
    Truncated {
        /// Bytes that the value needs.
        needed: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A parameter number that the dialect does not have; as none tells its length, nothing after it can be read.
    #[error("there is no such parameter")]
    UnknownParameter,
    /// A tag that does not belong here.
    #[error("{tag:X} does not belong here")]
    UnexpectedTag {
        /// The tag.
        tag: u32,
    },
    /// A data object that must be there is not.
    #[error("{tag:X} is missing")]
    Missing {
        /// The tag.
        tag: u32,
    },
    /// A data object or a parameter stands there twice.
    #[error("{tag:X} stands there twice")]
    Twice {
        /// The tag, or the parameter's number as its two digits read in hexadecimal.
        tag: u32,
    },
    /// A value has a length or content that its meaning does not allow.
    #[error("the value of {tag:X} cannot be")]
    Value {
        /// The tag, or the parameter's number as its two digits read in hexadecimal.
        tag: u32,
    },
    /// The item is another than the one that was asked for.
    #[error("the item is another than was asked for")]
    OtherItem,
}

impl DownloadErrorKind {
    fn at(self, offset: usize) -> DownloadError {
        DownloadError { offset, kind: self }
    }
}

impl From<Broken> for DownloadError {
    fn from(broken: Broken) -> Self {
        DownloadErrorKind::NotTlv.at(broken.offset)
    }
}

/// What the first character of a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// `0`: there is nothing to download.
    Nothing,
    /// `1`: all is in this answer.
    All,
    /// `2`: more follows; ask again with the number of entries that have come.
    More,
    /// `3`: this is the last part.
    Last,
}

impl Paging {
    /// Whether the terminal asks once more.
    pub fn asks_again(self) -> bool {
        self == Self::More
    }

    fn read(field62: &[u8]) -> Result<(Self, &[u8]), DownloadError> {
        let (first, rest) = field62.split_first().ok_or(DownloadErrorKind::Empty.at(0))?;
        let paging = match first {
            b'0' => Self::Nothing,
            b'1' => Self::All,
            b'2' => Self::More,
            b'3' => Self::Last,
            byte => return Err(DownloadErrorKind::Paging { byte: *byte }.at(0)),
        };
        if paging == Self::Nothing && !rest.is_empty() {
            return Err(DownloadErrorKind::Unexpected.at(1));
        }
        if paging == Self::More && rest.is_empty() {
            // A terminal that went on asking would never end.
            return Err(DownloadErrorKind::Truncated { needed: 1, left: 0 }.at(1));
        }
        Ok((paging, rest))
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T> {
    /// What follows it.
    pub paging: Paging,
    /// Its entries in order.
    pub entries: Vec<T>,
}

/// One CA key of the host's list: which it is, and until when it is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyEntry {
    /// Registered application provider (9F06).
    pub rid: [u8; 5],
    /// Index of the key (9F22).
    pub index: u8,
    /// Last good day, YYYYMMDD (DF05).
    pub expiry: String,
}

impl KeyEntry {
    /// How a request names it: 9F06 and 9F22.
    pub(crate) fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(12);
        tlv::push(&mut name, 0x9F06, &self.rid);
        tlv::push(&mut name, 0x9F22, &[self.index]);
        name
    }
}

/// One card application of the host's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AidEntry {
    /// Application identifier (9F06), 5 to 16 bytes.
    pub aid: Vec<u8>,
}

impl AidEntry {
    /// How a request names it: 9F06.
    pub(crate) fn name(&self) -> Vec<u8> {
        let mut name = Vec::with_capacity(19);
        tlv::push(&mut name, 0x9F06, &self.aid);
        name
    }
}

/// Reads the answer to a [`crate::request::Step::KeyQuery`].
///
/// # Errors
/// Where field 62 is malformed.
pub fn key_list(field62: &[u8]) -> Result<List<KeyEntry>, DownloadError> {
    let (paging, rest) = Paging::read(field62)?;
    let mut objects = Objects::new(rest, 1);
    let mut entries = Vec::new();
    while let Some(first) = objects.next() {
        let end = field62.len();
        let mut expect = |tag| -> Result<Object<'_>, DownloadError> {
            let object = objects.next().ok_or(DownloadErrorKind::Missing { tag }.at(end))??;
            belongs(object, tag)
        };
        let rid = belongs(first?, 0x9F06)?;
        let index = expect(0x9F22)?;
        let expiry = expect(0xDF05)?;
        entries.push(KeyEntry { rid: rid_of(rid)?, index: byte_of(index)?, expiry: date_of(expiry)? });
    }
    Ok(List { paging, entries })
}

/// Reads the answer to a [`crate::request::Step::AidQuery`].
///
/// # Errors
/// Where field 62 is malformed.
pub fn aid_list(field62: &[u8]) -> Result<List<AidEntry>, DownloadError> {
    let (paging, rest) = Paging::read(field62)?;
    let mut entries = Vec::new();
    for object in Objects::new(rest, 1) {
        entries.push(AidEntry { aid: aid_of(belongs(object?, 0x9F06)?)? });
    }
    Ok(List { paging, entries })
}

/// A card number or its first digits that must not be accepted. `Debug` shows no digit.
#[derive(PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct BlockedCard(String);

impl BlockedCard {
    /// One of 1 to 20 digits.
    pub fn new(digits: &str) -> Option<Self> {
        let good = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| Self(digits.to_owned()))
    }

    /// Its digits, 1 to 20.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a card of this number is meant.
    pub fn covers(&self, pan: &str) -> bool {
        pan.starts_with(&self.0)
    }
}

impl core::fmt::Debug for BlockedCard {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "BlockedCard({} digits)", self.0.len())
    }
}

/// Reads the answer to a [`crate::request::Step::Blacklist`], in the layout that the profile names.
///
/// # Errors
/// Where field 62 is malformed.
pub fn blacklist(profile: &Profile, field62: &[u8]) -> Result<List<BlockedCard>, DownloadError> {
    let (paging, mut rest) = Paging::read(field62)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let offset = field62.len() - rest.len();
        let length = match profile.blacklist_layout {
            BlacklistLayout::Fixed20 => 20,
            BlacklistLayout::LengthDigits => {
                let (length, after) = take(rest, 2, offset)?;
                rest = after;
                let bad = DownloadErrorKind::Value { tag: 0 }.at(offset);
                decimal(length).filter(|length| (1..=20).contains(length)).ok_or(bad)?
            }
        };
        let offset = field62.len() - rest.len();
        let (digits, after) = take(rest, length as usize, offset)?;
        let card = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let card = card.ok_or(DownloadErrorKind::Value { tag: 0 }.at(offset))?;
        let card = match profile.blacklist_layout {
            BlacklistLayout::Fixed20 => card.trim_start_matches('0'),
            BlacklistLayout::LengthDigits => card,
        };
        if card.is_empty() {
            return Err(DownloadErrorKind::Value { tag: 0 }.at(offset));
        }
        entries.push(BlockedCard(card.to_owned()));
        rest = after;
    }
    Ok(List { paging, entries })
}

fn take(bytes: &[u8], needed: usize, offset: usize) -> Result<(&[u8], &[u8]), DownloadError> {
    let error = DownloadErrorKind::Truncated { needed, left: bytes.len() }.at(offset);
    bytes.split_at_checked(needed).ok_or(error)
}

/// The number of up to 18 ASCII digits.
fn decimal(digits: &[u8]) -> Option<u64> {
    let good = !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
    good.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn belongs(object: Object<'_>, tag: u32) -> Result<Object<'_>, DownloadError> {
    if object.tag == tag {
        return Ok(object);
    }
    Err(DownloadErrorKind::UnexpectedTag { tag: object.tag }.at(object.offset))
}

fn bad_value(object: Object<'_>) -> DownloadError {
    DownloadErrorKind::Value { tag: object.tag }.at(object.start)
}

fn rid_of(object: Object<'_>) -> Result<[u8; 5], DownloadError> {
    object.value.try_into().map_err(|_| bad_value(object))
}

fn aid_of(object: Object<'_>) -> Result<Vec<u8>, DownloadError> {
    let good = (5..=16).contains(&object.value.len());
    good.then(|| object.value.to_vec()).ok_or(bad_value(object))
}

fn byte_of(object: Object<'_>) -> Result<u8, DownloadError> {
    match object.value {
        [byte] => Ok(*byte),
        _ => Err(bad_value(object)),
    }
}

/// YYYYMMDD, as eight characters or packed.
fn date_of(object: Object<'_>) -> Result<String, DownloadError> {
    let text = match object.value.len() {
        8 => String::from_utf8_lossy(object.value).into_owned(),
        4 => crate::bcd::hex(object.value),
        _ => return Err(bad_value(object)),
    };
    let part = |range: core::ops::Range<usize>| text.as_bytes().get(range).and_then(decimal);
    let good = text.len() == 8
        && part(0..4).is_some()
        && part(4..6).is_some_and(|month| (1..=12).contains(&month))
        && part(6..8).is_some_and(|day| (1..=31).contains(&day));
    if good { Ok(text) } else { Err(bad_value(object)) }
}
