//! Field 59 of a QR payment: objects of tag (two characters), length (three digits) and value (reference 8).

use super::PaymentCode;
use crate::error::{EncodeError, EncodeErrorKind};
use zeroize::Zeroizing;

/// About the terminal (A2): what the host wants to know of the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminalInfo {
    /// 01: device type, two digits (`02` POS).
    pub device_type: String,
    /// 02: hardware serial number, 1 to 50 characters.
    pub serial: String,
    /// 03: random factor, the last six digits of card number or payment code.
    pub random_factor: String,
    /// 04: digest, the first eight characters that the secure module made of serial number and factor.
    pub digest: String,
    /// 05: application version, up to eight characters.
    pub version: String,
}

/// What field 59 says. `Debug` shows no code.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Field59 {
    /// A2.
    pub terminal: Option<TerminalInfo>,
    /// A3: the customer's code.
    pub code: Option<PaymentCode>,
    /// A4: the voucher code (付款凭证码) of an answer, for void, refund and slip.
    pub voucher: Option<String>,
    /// The code that the terminal is to show.
    pub shown: Option<String>,
    /// Tags of objects that the dialect does not know.
    pub others: Vec<String>,
}

/// Field 59 is malformed. The offset counts bytes from the start of the field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field 59 at byte {offset}: {kind}")]
pub struct Field59Error {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub kind: Field59ErrorKind,
}

/// What is wrong in field 59.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Field59ErrorKind {
    /// The field ends inside an object.
    #[error("{needed} bytes are needed but only {left} are left")]
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// The tag is no two letters or digits.
    #[error("no tag stands here")]
    Tag,
    /// The length is no three digits.
    #[error("no length stands here")]
    Length,
    /// An object stands there twice.
    #[error("the object stands there twice")]
    Twice,
    /// A value is not what its tag says.
    #[error("the value cannot be")]
    Value,
}

impl Field59ErrorKind {
    fn at(self, offset: usize) -> Field59Error {
        Field59Error { offset, kind: self }
    }
}

/// One object: tag, value, and the offset of the value.
pub(crate) type Object<'a> = (&'a str, &'a [u8], usize);

/// The objects of a field or of A2, whose first byte stands at `offset`.
pub(crate) fn objects(bytes: &[u8], offset: usize) -> Result<Vec<Object<'_>>, Field59Error> {
    let mut objects: Vec<Object<'_>> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = offset + bytes.len() - rest.len();
        let truncated =
            |needed, rest: &[u8], at| Field59ErrorKind::Truncated { needed, left: rest.len() }.at(at);
        let (tag, after) = rest.split_at_checked(2).ok_or(truncated(2, rest, at))?;
        let tag = str::from_utf8(tag).ok().filter(|tag| tag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let tag = tag.ok_or(Field59ErrorKind::Tag.at(at))?;
        let (length, after) = after.split_at_checked(3).ok_or(truncated(3, after, at + 2))?;
        let digits = length.iter().all(u8::is_ascii_digit);
        let length = digits.then(|| length.iter().fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')));
        let length = length.ok_or(Field59ErrorKind::Length.at(at + 2))?;
        let (value, after) = after.split_at_checked(length).ok_or(truncated(length, after, at + 5))?;
        if objects.iter().any(|(other, ..)| *other == tag) {
            return Err(Field59ErrorKind::Twice.at(at));
        }
        objects.push((tag, value, at + 5));
        rest = after;
    }
    Ok(objects)
}

/// The most characters of a voucher (付款凭证码, A4; usually 20 digits). A longer one is not read either: its payment could
/// be neither voided nor given back.
const LONGEST_VOUCHER: usize = 64;

impl Field59 {
    /// The field with what is given, in the order A2, A3, A4; empty for nothing.
    ///
    /// # Errors
    /// Where a value does not fit.
    pub fn encode(
        terminal: Option<&TerminalInfo>,
        code: Option<&PaymentCode>,
        voucher: Option<&str>,
    ) -> Result<Zeroizing<Vec<u8>>, EncodeError> {
        // Room for all of it, so that a code is not left behind in a buffer that grew.
        let mut field = Zeroizing::new(Vec::with_capacity(512));
        if let Some(terminal) = terminal {
            push(&mut field, "A2", &terminal.encode()?);
        }
        if let Some(code) = code {
            push(&mut field, "A3", code.reveal().as_bytes());
        }
        if let Some(voucher) = voucher {
            if !is_text(voucher, 1, LONGEST_VOUCHER) {
                let max = LONGEST_VOUCHER as u64;
                return Err(EncodeError::new(59, EncodeErrorKind::OutOfRange { min: 1, max }));
            }
            push(&mut field, "A4", voucher.as_bytes());
        }
        Ok(field)
    }

    /// Reads the field; `shown_tag` is the dialect's tag of a code to show ([`crate::profile::QrDialect::shown_tag`];
    /// where it is `A3`, a number there is a customer's code all the same). Unknown objects are named in `others`.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode(bytes: &[u8], shown_tag: &str) -> Result<Self, Field59Error> {
        let mut field = Self::default();
        for (tag, value, offset) in objects(bytes, 0)? {
            let bad = Field59ErrorKind::Value.at(offset);
            let text = || str::from_utf8(value).ok().filter(|text| is_text(text, 1, 999)).ok_or(bad);
            match tag {
                "A2" => field.terminal = Some(TerminalInfo::decode(value, offset)?),
                "A3" => match PaymentCode::new(text()?) {
                    Some(code) => field.code = Some(code),
                    None if shown_tag == "A3" => field.shown = Some(text()?.to_owned()),
                    None => return Err(bad),
                },
                "A4" if value.len() > LONGEST_VOUCHER => return Err(bad),
                "A4" => field.voucher = Some(text()?.to_owned()),
                other if other == shown_tag => field.shown = Some(text()?.to_owned()),
                other => field.others.push(other.to_owned()),
            }
        }
        Ok(field)
    }
}

impl TerminalInfo {
    fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(96);
        for (tag, value, min, max) in [
            ("01", &self.device_type, 2, 2),
            ("02", &self.serial, 1, 50),
            ("03", &self.random_factor, 1, 6),
            ("04", &self.digest, 8, 8),
            ("05", &self.version, 0, 8),
        ] {
            if !is_text(value, min, max) {
                let (min, max) = (min as u64, max as u64);
                return Err(EncodeError::new(59, EncodeErrorKind::OutOfRange { min, max }));
            }
            let filled = if tag == "05" { format!("{value:<8}") } else { value.clone() };
            push(&mut bytes, tag, filled.as_bytes());
        }
        Ok(bytes)
    }

    fn decode(bytes: &[u8], offset: usize) -> Result<Self, Field59Error> {
        let objects = objects(bytes, offset)?;
        let text = |wanted: &str, min, max| {
            let found = objects.iter().find(|(tag, ..)| *tag == wanted);
            let (_, value, at) = found.ok_or(Field59ErrorKind::Value.at(offset))?;
            let text = str::from_utf8(value).ok().filter(|text| is_text(text, min, max));
            text.map(str::to_owned).ok_or(Field59ErrorKind::Value.at(*at))
        };
        Ok(Self {
            device_type: text("01", 2, 2)?,
            serial: text("02", 1, 50)?,
            random_factor: text("03", 1, 6)?,
            digest: text("04", 8, 8)?,
            version: text("05", 0, 8)?.trim_end().to_owned(),
        })
    }
}

fn is_text(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.bytes().all(|byte| (0x20..=0x7E).contains(&byte))
}

/// Lengths were checked: no value has more than 999 bytes.
fn push(bytes: &mut Vec<u8>, tag: &str, value: &[u8]) {
    bytes.extend_from_slice(tag.as_bytes());
    bytes.extend_from_slice(format!("{:03}", value.len()).as_bytes());
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The printed comment of the reference, section 8.
    const TERMINAL: &str = "A20650100202020160000020254004318030060000520400\
                            8EC7CD42405008321702  ";

    fn terminal() -> TerminalInfo {
        TerminalInfo {
            device_type: "02".into(),
            serial: "0000020254004318".into(),
            random_factor: "000052".into(),
            digest: "EC7CD424".into(),
            version: "321702".into(),
        }
    }

    #[test]
    fn the_printed_terminal_info() {
        assert_eq!(TERMINAL.len(), 70);
        let field = Field59::decode(TERMINAL.as_bytes(), "A3").unwrap();
        assert_eq!(field.terminal, Some(terminal()));
        assert_eq!(*Field59::encode(Some(&terminal()), None, None).unwrap(), TERMINAL.as_bytes());
    }

    #[test]
    fn faults_are_told_by_their_offset() {
        let error = |text: &str| {
            let error = Field59::decode(text.as_bytes(), "A3").unwrap_err();
            (error.offset, error.kind)
        };
        assert_eq!(error("A"), (0, Field59ErrorKind::Truncated { needed: 2, left: 1 }));
        assert_eq!(error("A300"), (2, Field59ErrorKind::Truncated { needed: 3, left: 2 }));
        assert_eq!(error("A3004123"), (5, Field59ErrorKind::Truncated { needed: 4, left: 3 }));
        assert_eq!(error("A30x4123"), (2, Field59ErrorKind::Length));
        assert_eq!(error("A300212-3"), (7, Field59ErrorKind::Tag));
        assert_eq!(error("A30011A30012"), (6, Field59ErrorKind::Twice));
        let short = TERMINAL.replace("04008EC7CD424", "04007EC7CD42").replace("A2065", "A2064");
        assert_eq!(error(&short).1, Field59ErrorKind::Value, "a digest of seven characters");
        assert_eq!(error("A4000"), (5, Field59ErrorKind::Value));
        assert_eq!(error(&format!("A4065{}", "1".repeat(65))), (5, Field59ErrorKind::Value));
        assert_eq!(error("A201201002020200"), (5, Field59ErrorKind::Truncated { needed: 12, left: 11 }));
        assert_eq!(error("A2012010020202007"), (17, Field59ErrorKind::Truncated { needed: 7, left: 0 }));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = TerminalInfo { version: "123456789".into(), ..terminal() };
        assert_eq!(Field59::encode(Some(&long), None, None).unwrap_err().field, 59);
        let short = TerminalInfo { digest: "EC".into(), ..terminal() };
        assert_eq!(Field59::encode(Some(&short), None, None).unwrap_err().field, 59);
        assert!(Field59::encode(None, None, Some("")).is_err());
        assert!(Field59::encode(None, None, Some(&"1".repeat(65))).is_err());
        assert!(Field59::encode(None, None, None).unwrap().is_empty());
    }

    #[test]
    fn a_code_to_show_stands_where_the_dialect_says() {
        let field = Field59::decode(b"A3012https://q.cnX1000", "A3").unwrap();
        assert_eq!(field.shown.as_deref(), Some("https://q.cn"));
        assert_eq!((field.code, field.others), (None, vec!["X1".to_owned()]));
        let field = Field59::decode(b"A5012https://q.cnA30041234", "A5").unwrap();
        assert_eq!((field.shown.as_deref(), field.code.is_some()), (Some("https://q.cn"), true));
        assert!(Field59::decode(b"A3012https://q.cn", "A5").is_err());
    }

    proptest! {
        #[test]
        fn it_comes_back_as_it_went(code in "[0-9]{1,32}", voucher in "[0-9]{1,64}", all: bool) {
            let bytes = Field59::encode(all.then(terminal).as_ref(), PaymentCode::new(&code).as_ref(), Some(&voucher));
            let field = Field59::decode(&bytes.unwrap(), "A3").unwrap();
            prop_assert_eq!(field, Field59 {
                terminal: all.then(terminal), code: PaymentCode::new(&code), voucher: Some(voucher), ..Field59::default()
            });
        }

        #[test]
        fn any_bytes_decode_or_say_where_not(bytes in proptest::collection::vec(any::<u8>(), 0..80), tail in "(A[2-4]0[0-9]{2}[0-9]{0,20}){0,4}") {
            for bytes in [&bytes[..], tail.as_bytes()] {
                if let Err(error) = Field59::decode(bytes, "A5") {
                    prop_assert!(error.offset <= bytes.len());
                }
            }
        }
    }
}
