//! The code that a customer shows, where it is chip data rather than a number: EMVCo consumer-presented payloads,
//! BER-TLV in Base64.

use crate::bcd::Digits;
use crate::pan::{Pan, Track2};
use crate::tlv::Objects;
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// What a consumer-presented code says. `Debug` shows no card data.
#[derive(Debug, PartialEq, Eq)]
pub struct CustomerPayload {
    /// The card applications (61), the preferred one first.
    pub applications: Vec<Application>,
    /// What holds for all of them (62).
    pub common: Option<CardData>,
}

/// One card application.
#[derive(Debug, PartialEq, Eq)]
pub struct Application {
    /// Application identifier (4F), 5 to 16 bytes.
    pub aid: Vec<u8>,
    /// Its label (50).
    pub label: Option<String>,
    /// What holds for it.
    pub data: CardData,
}

/// Data of a card. `Debug` shows none.
#[derive(Default, PartialEq, Eq)]
pub struct CardData {
    /// Card number (5A).
    pub pan: Option<Pan>,
    /// Track 2 equivalent (57).
    pub track2: Option<Track2>,
    /// Card sequence number (5F34), 0 to 99.
    pub sequence: Option<u8>,
    /// Chip data for field 55 (63 of an application, 64 of the common data): tag and value, in order.
    pub chip: Vec<(u32, Vec<u8>)>,
}

impl core::fmt::Debug for CardData {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CardData({} chip objects)", self.chip.len())
    }
}

/// A payload is malformed. The offset counts decoded bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code at byte {offset}: {kind}")]
pub struct CustomerError {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub kind: CustomerErrorKind,
}

/// What is wrong in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomerErrorKind {
    /// It is no Base64 of up to 512 characters.
    #[error("it is no Base64")]
    NotBase64,
    /// It does not begin with 85 and `CPV01`.
    #[error("it does not begin with CPV01")]
    Start,
    /// No data object begins here.
    #[error("no data object can be read here")]
    NotTlv,
    /// A data object stands there twice.
    #[error("{tag:X} stands there twice")]
    Twice {
        /// The tag.
        tag: u32,
    },
    /// There is no application, or one without identifier.
    #[error("{tag:X} is missing")]
    Missing {
        /// The tag.
        tag: u32,
    },
    /// A value is not what its tag says.
    #[error("the value of {tag:X} cannot be")]
    Value {
        /// The tag.
        tag: u32,
    },
}

impl CustomerErrorKind {
    fn at(self, offset: usize) -> CustomerError {
        CustomerError { offset, kind: self }
    }
}

/// Longest code in characters: 512, as the book has it.
const LONGEST: usize = 512;

impl CustomerPayload {
    /// Reads a scanned code.
    ///
    /// # Errors
    /// The first fault and where it is.
    pub fn decode(code: &str) -> Result<Self, CustomerError> {
        let decoded = (code.len() <= LONGEST).then(|| Base64::decode_vec(code).ok()).flatten();
        let bytes = Zeroizing::new(decoded.ok_or(CustomerErrorKind::NotBase64.at(0))?);
        let mut payload = Self { applications: Vec::new(), common: None };
        let mut started = false;
        for object in Objects::new(&bytes, 0) {
            let object = object.map_err(|broken| CustomerErrorKind::NotTlv.at(broken.offset))?;
            match (started, object.tag) {
                (false, 0x85) if object.value == b"CPV01" => started = true,
                (false, _) => return Err(CustomerErrorKind::Start.at(object.offset)),
                (true, 0x61) => payload.applications.push(Application::read(object.value, object.start)?),
                (true, tag @ 0x62) if payload.common.is_some() => {
                    return Err(CustomerErrorKind::Twice { tag }.at(object.offset));
                }
                (true, 0x62) => {
                    payload.common = Some(CardData::read(object.value, object.start, 0x64)?);
                }
                (true, _) => {}
            }
        }
        match (started, payload.applications.is_empty()) {
            (false, _) => Err(CustomerErrorKind::Start.at(0)),
            (true, true) => Err(CustomerErrorKind::Missing { tag: 0x61 }.at(bytes.len())),
            (true, false) => Ok(payload),
        }
    }

    /// Track 2 equivalent of an application, or the common one.
    pub fn track2(&self, index: usize) -> Option<&Track2> {
        let own = self.applications.get(index)?.data.track2.as_ref();
        own.or(self.common.as_ref().and_then(|common| common.track2.as_ref()))
    }
}

impl Application {
    fn read(bytes: &[u8], offset: usize) -> Result<Self, CustomerError> {
        let (mut aid, mut label) = (None, None);
        for object in Objects::new(bytes, offset) {
            let object = object.map_err(|broken| CustomerErrorKind::NotTlv.at(broken.offset))?;
            let bad = CustomerErrorKind::Value { tag: object.tag }.at(object.start);
            match object.tag {
                0x4F if (5..=16).contains(&object.value.len()) => aid = Some(object.value.to_vec()),
                0x4F => return Err(bad),
                0x50 => {
                    let good = (1..=16).contains(&object.value.len())
                        && object.value.iter().all(|byte| (0x20..=0x7E).contains(byte));
                    label = Some(String::from_utf8_lossy(object.value).into_owned());
                    good.then_some(()).ok_or(bad)?;
                }
                _ => {}
            }
        }
        let data = CardData::read(bytes, offset, 0x63)?;
        let aid = aid.ok_or(CustomerErrorKind::Missing { tag: 0x4F }.at(offset + bytes.len()))?;
        Ok(Self { aid, label, data })
    }
}

impl CardData {
    /// Reads one template; chip data stands in the template `chip` inside it.
    fn read(bytes: &[u8], offset: usize, chip: u32) -> Result<Self, CustomerError> {
        let mut data = Self::default();
        let mut seen = Vec::new();
        for object in Objects::new(bytes, offset) {
            let object = object.map_err(|broken| CustomerErrorKind::NotTlv.at(broken.offset))?;
            if seen.contains(&object.tag) {
                return Err(CustomerErrorKind::Twice { tag: object.tag }.at(object.offset));
            }
            seen.push(object.tag);
            let bad = CustomerErrorKind::Value { tag: object.tag }.at(object.start);
            match object.tag {
                0x5A => data.pan = Some(pan(object.value).ok_or(bad)?),
                0x57 => data.track2 = Some(Track2::from_packed(object.value).ok_or(bad)?),
                0x5F34 => {
                    let [byte] = object.value else { return Err(bad) };
                    let sequence = Digits::new(&[*byte], 0, 2).and_then(|digits| digits.value());
                    data.sequence = Some(sequence.and_then(|number| u8::try_from(number).ok()).ok_or(bad)?);
                }
                tag if tag == chip => {
                    for inner in Objects::new(object.value, object.start) {
                        let inner = inner.map_err(|broken| CustomerErrorKind::NotTlv.at(broken.offset))?;
                        data.chip.push((inner.tag, inner.value.to_vec()));
                    }
                }
                _ => {}
            }
        }
        Ok(data)
    }
}

/// Packed digits, filled up with F on the right.
fn pan(bytes: &[u8]) -> Option<Pan> {
    let digits = Digits::new(bytes, 0, bytes.len() * 2)?;
    let count = digits.iter().take_while(|nibble| *nibble <= 9).count();
    let filled = digits.iter().skip(count).all(|nibble| nibble == 0x0F);
    filled.then(|| Pan::new(&digits.slice(0..count)?.text())).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of EMVCo's consumer-presented book.
    const EXAMPLE: &str = "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MWETTwegAAAAZmZmUAhQcm9kdWN0MmJJWggSNFZ4kBI0WF8gDkNBUkRI\
        T0xERVIvRU1WXy0IcnVlc2RlZW5kIZ8QBwYBCgMAAACfJghYT9OF+iNLzJ82AgABnzcEbVjvEw==";

    fn error(bytes: &[u8]) -> (usize, CustomerErrorKind) {
        let error = CustomerPayload::decode(&Base64::encode_string(bytes)).unwrap_err();
        (error.offset, error.kind)
    }

    #[test]
    fn the_example_of_the_book() {
        let read = CustomerPayload::decode(EXAMPLE).unwrap();
        let applications: Vec<_> =
            read.applications.iter().map(|a| (a.aid.clone(), a.label.clone().unwrap())).collect();
        assert_eq!(
            applications,
            [
                (vec![0xA0, 0, 0, 0, 0x55, 0x55, 0x55], "Product1".to_owned()),
                (vec![0xA0, 0, 0, 0, 0x66, 0x66, 0x66], "Product2".to_owned()),
            ]
        );
        let common = read.common.as_ref().unwrap();
        assert_eq!(common.pan.as_ref().unwrap().reveal(), "1234567890123458");
        let tags: Vec<_> = common.chip.iter().map(|(tag, _)| *tag).collect();
        assert_eq!(tags, [0x9F10, 0x9F26, 0x9F36, 0x9F37]);
        assert_eq!(common.chip[1].1, [0x58, 0x4F, 0xD3, 0x85, 0xFA, 0x23, 0x4B, 0xCC]);
        assert!(read.track2(0).is_none());
        assert!(!format!("{read:?}").contains("1234"));
    }

    #[test]
    fn an_application_has_data_of_its_own() {
        let bytes = [
            &[0x85, 5][..],
            b"CPV01",
            &[
                0x61, 33, 0x4F, 8, 0xA0, 0, 0, 3, 0x33, 1, 1, 2, 0x57, 8, 0x62, 0x12, 0x34, 0, 0, 0xD3, 0x01,
                0x2F, 0x5F, 0x34, 1, 0x01, 0x63, 7, 0x9F, 0x36, 2, 0, 9, 0x82, 0,
            ],
        ]
        .concat();
        let read = CustomerPayload::decode(&Base64::encode_string(&bytes)).unwrap();
        assert_eq!(read.track2(0).unwrap().reveal(), "6212340000D3012");
        assert_eq!(read.applications[0].data.sequence, Some(1));
        assert_eq!(read.applications[0].data.chip, [(0x9F36, vec![0, 9]), (0x82, vec![])]);
    }

    #[test]
    fn faults_are_told_by_their_offset() {
        let code = |text: &str| CustomerPayload::decode(text).unwrap_err().kind;
        assert_eq!(code("6212340000000000019"), CustomerErrorKind::NotBase64);
        assert_eq!(code(&"A".repeat(516)), CustomerErrorKind::NotBase64);
        let after = |bytes: &[u8]| error(&[&[0x85, 5][..], b"CPV01", bytes].concat());
        assert_eq!(error(b""), (0, CustomerErrorKind::Start));
        assert_eq!(error(&[0x61, 0]), (0, CustomerErrorKind::Start));
        assert_eq!(after(&[]), (7, CustomerErrorKind::Missing { tag: 0x61 }));
        assert_eq!(after(&[0x61]), (7, CustomerErrorKind::NotTlv));
        assert_eq!(after(&[0x61, 2, 0x5A, 0]), (11, CustomerErrorKind::Value { tag: 0x5A }));
        assert_eq!(after(&[0x61, 0]), (9, CustomerErrorKind::Missing { tag: 0x4F }));
        assert_eq!(after(&[0x61, 2, 0x4F, 0]), (11, CustomerErrorKind::Value { tag: 0x4F }));
        assert_eq!(after(&[0x62, 0, 0x62, 0]), (9, CustomerErrorKind::Twice { tag: 0x62 }));
        assert_eq!(after(&[0x62, 4, 0x5F, 0x34, 1, 0x1A]), (12, CustomerErrorKind::Value { tag: 0x5F34 }));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_say_where_not(bytes in proptest::collection::vec(any::<u8>(), 0..200), place: proptest::sample::Index, byte: u8) {
            let whole = [&[0x85, 5][..], b"CPV01", &bytes].concat();
            let mut damaged = Base64::decode_vec(EXAMPLE).unwrap();
            let place = place.index(damaged.len());
            damaged[place] = byte;
            for bytes in [&whole, &damaged] {
                if let Err(error) = CustomerPayload::decode(&Base64::encode_string(bytes)) {
                    prop_assert!(error.offset <= bytes.len());
                }
            }
        }
    }
}
