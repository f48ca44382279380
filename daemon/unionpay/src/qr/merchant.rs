//! The code that a terminal shows (主扫): EMVCo merchant-presented payloads, objects of two digits of number, two digits
//! of length in characters, and a value.

use std::fmt::Write;

/// What a merchant-presented code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantPayload {
    /// 01: whether it is good for one payment only (12) rather than for many (11); `None` where it does not say.
    pub once: Option<bool>,
    /// 02 to 51: the merchant's accounts, by number. UnionPay's are 15 and 16, or a template of 26 to 51.
    pub accounts: Vec<(u8, String)>,
    /// 52: merchant category code, four digits.
    pub category: String,
    /// 53: ISO 4217 numeric code, three digits.
    pub currency: String,
    /// 54: amount in major units as text such as `12.34`, up to 13 characters; `None` where the customer types it.
    pub amount: Option<String>,
    /// 58: country, two letters.
    pub country: String,
    /// 59: merchant name, 1 to 25 characters.
    pub name: String,
    /// 60: merchant city, 1 to 15 characters.
    pub city: String,
    /// 61: postal code, up to ten characters.
    pub postal_code: Option<String>,
    /// 62: additional data by number (01 bill, 05 reference, 07 terminal).
    pub additional: Vec<(u8, String)>,
    /// Everything else by number: 55 to 57 tips, 64 the name in another language, 65 to 99.
    pub others: Vec<(u8, String)>,
}

/// A payload is malformed. The offset counts bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the code at byte {offset}: {kind}")]
pub struct PayloadError {
    /// Where.
    pub offset: usize,
    /// What is wrong there.
    pub kind: PayloadErrorKind,
}

/// What is wrong in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadErrorKind {
    /// It does not begin with `000201`.
    #[error("it does not begin with 000201")]
    Start,
    /// No object begins here: number and length are four digits, and as many characters follow.
    #[error("no object can be read here")]
    Object,
    /// An object stands there twice.
    #[error("object {number:02} stands there twice")]
    Twice {
        /// Its number.
        number: u8,
    },
    /// An object that must be there is not.
    #[error("object {number:02} is missing")]
    Missing {
        /// Its number.
        number: u8,
    },
    /// A value is not what its object may say.
    #[error("the value of object {number:02} cannot be")]
    Value {
        /// Its number.
        number: u8,
    },
    /// The checksum is wrong, or is not the last object.
    #[error("the checksum is wrong")]
    Checksum,
}

impl PayloadErrorKind {
    fn at(self, offset: usize) -> PayloadError {
        PayloadError { offset, kind: self }
    }
}

const CHECKSUM: u8 = 63;

/// UnionPay's account for object 15 or 16: acquirer (8 digits), forwarder (8 digits), merchant number (15 characters).
///
/// `None` where one has another length or other characters.
pub fn unionpay_account(acquirer: &str, forwarder: &str, merchant: &str) -> Option<String> {
    let digits = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let good = merchant.len() == 15 && merchant.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (digits(acquirer) && digits(forwarder) && good).then(|| format!("{acquirer}{forwarder}{merchant}"))
}

/// An amount as object 54 has it: minor units with `decimals` decimal places (2 for CNY).
pub fn amount_text(minor: u64, decimals: u32) -> String {
    let Some(unit) = 10u64.checked_pow(decimals).filter(|unit| *unit > 1) else { return minor.to_string() };
    format!("{}.{:0width$}", minor / unit, minor % unit, width = decimals as usize)
}

impl MerchantPayload {
    /// The payload with its checksum, objects by rising number, checksum last.
    ///
    /// # Errors
    /// Where a value does not fit its object; the offset is 0.
    pub fn encode(&self) -> Result<String, PayloadError> {
        let mut objects: Vec<(u8, String)> = self.accounts.clone();
        if let Some(once) = self.once {
            objects.push((1, if once { "12" } else { "11" }.to_owned()));
        }
        objects.push((52, self.category.clone()));
        objects.push((53, self.currency.clone()));
        objects.extend(self.amount.iter().map(|amount| (54, amount.clone())));
        objects.push((58, self.country.clone()));
        objects.push((59, self.name.clone()));
        objects.push((60, self.city.clone()));
        objects.extend(self.postal_code.iter().map(|code| (61, code.clone())));
        if !self.additional.is_empty() {
            let mut inner = String::new();
            for (number, value) in &self.additional {
                push(&mut inner, *number, value)?;
            }
            objects.push((62, inner));
        }
        objects.extend(self.others.iter().cloned());
        objects.sort_by_key(|(number, _)| *number);
        let mut payload = "000201".to_owned();
        for (number, value) in &objects {
            push(&mut payload, *number, value)?;
        }
        payload.push_str("6304");
        let checksum = crc(payload.as_bytes());
        // Writing to a string cannot fail.
        let _ = write!(payload, "{checksum:04X}");
        // What cannot be read again is not shown to a customer.
        Self::decode(&payload).map_err(|error| error.kind.at(0))?;
        Ok(payload)
    }

    /// Reads a payload and checks it.
    ///
    /// # Errors
    /// The first fault and where it is.
    pub fn decode(payload: &str) -> Result<Self, PayloadError> {
        if !payload.starts_with("000201") {
            return Err(PayloadErrorKind::Start.at(0));
        }
        let objects = objects(payload, 0)?;
        let end = payload.len();
        match objects.last() {
            Some((CHECKSUM, value, offset)) => {
                let covered = payload.get(..*offset).unwrap_or_default();
                if *value != format!("{:04X}", crc(covered.as_bytes())) {
                    return Err(PayloadErrorKind::Checksum.at(*offset));
                }
            }
            _ => return Err(PayloadErrorKind::Checksum.at(end)),
        }
        let text = |number: u8, min: usize, max: usize| {
            let found = objects.iter().find(|(other, ..)| *other == number);
            let Some((_, value, offset)) = found else { return Ok(None) };
            let good = (min..=max).contains(&value.chars().count()) && !value.chars().any(char::is_control);
            if good {
                Ok(Some((*value).to_owned()))
            } else {
                Err(PayloadErrorKind::Value { number }.at(*offset))
            }
        };
        let needed =
            |number, min, max| text(number, min, max)?.ok_or(PayloadErrorKind::Missing { number }.at(end));
        let digits = |number, length| {
            let value: String = needed(number, length, length)?;
            let good = value.bytes().all(|byte| byte.is_ascii_digit());
            if good {
                Ok(value)
            } else {
                Err(PayloadErrorKind::Value { number }.at(offset_of(&objects, number)))
            }
        };
        let once = match text(1, 2, 2)?.as_deref() {
            None => None,
            Some("11") => Some(false),
            Some("12") => Some(true),
            Some(_) => return Err(PayloadErrorKind::Value { number: 1 }.at(offset_of(&objects, 1))),
        };
        let amount = text(54, 1, 13)?;
        if amount.as_ref().is_some_and(|amount| !is_amount(amount)) {
            return Err(PayloadErrorKind::Value { number: 54 }.at(offset_of(&objects, 54)));
        }
        let between = |numbers: &dyn Fn(u8) -> bool| {
            let kept = objects.iter().filter(|(number, ..)| numbers(*number));
            kept.map(|(number, value, _)| (*number, (*value).to_owned())).collect::<Vec<_>>()
        };
        let accounts = between(&|number| (2..=51).contains(&number));
        if accounts.is_empty() {
            return Err(PayloadErrorKind::Missing { number: 2 }.at(end));
        }
        let mut additional = Vec::new();
        if let Some((_, value, offset)) = objects.iter().find(|(number, ..)| *number == 62) {
            for (number, value, _) in self::objects(value, *offset)? {
                additional.push((number, value.to_owned()));
            }
        }
        Ok(Self {
            once,
            accounts,
            category: digits(52, 4)?,
            currency: digits(53, 3)?,
            amount,
            country: needed(58, 2, 2)?,
            name: needed(59, 1, 25)?,
            city: needed(60, 1, 15)?,
            postal_code: text(61, 1, 10)?,
            additional,
            others: between(&|number| matches!(number, 55..=57 | 64..=99)),
        })
    }
}

/// Digits with at most one point, which does not stand at the beginning.
fn is_amount(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !whole.is_empty() && digits(whole) && digits(part)
}

type Object<'a> = (u8, &'a str, usize);

fn offset_of(objects: &[Object<'_>], number: u8) -> usize {
    objects.iter().find(|(other, ..)| *other == number).map_or(0, |(.., offset)| *offset)
}

/// Number, value and offset of the value; the first character stands at `offset`.
fn objects(text: &str, offset: usize) -> Result<Vec<Object<'_>>, PayloadError> {
    let mut objects: Vec<Object<'_>> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = offset + text.len() - rest.len();
        let object = PayloadErrorKind::Object.at(at);
        let (head, after) = rest.split_at_checked(4).ok_or(object)?;
        let number = |text: Option<&str>| {
            text.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|t| t.parse::<u8>().ok())
        };
        let (Some(number), Some(length)) = (number(head.get(..2)), number(head.get(2..))) else {
            return Err(object);
        };
        let bytes: usize = after.chars().take(length.into()).map(char::len_utf8).sum();
        let (value, following) = after.split_at_checked(bytes).ok_or(object)?;
        // The book knows no empty value.
        if length == 0 || value.chars().count() != usize::from(length) {
            return Err(object);
        }
        if objects.iter().any(|(other, ..)| *other == number) {
            return Err(PayloadErrorKind::Twice { number }.at(at));
        }
        objects.push((number, value, at + 4));
        rest = following;
    }
    Ok(objects)
}

fn push(text: &mut String, number: u8, value: &str) -> Result<(), PayloadError> {
    let length = value.chars().count();
    if !(1..=99).contains(&length) || number > 99 {
        return Err(PayloadErrorKind::Value { number }.at(0));
    }
    // Writing to a string cannot fail.
    let _ = write!(text, "{number:02}{length:02}{value}");
    Ok(())
}

/// CRC-16/CCITT-FALSE: polynomial 1021, start FFFF.
fn crc(bytes: &[u8]) -> u16 {
    let mut crc = 0xFFFF_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of EMVCo's merchant-presented book.
    const EXAMPLE: &str = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN\
        5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A6008667\
        0902ME91320016A0112233449988770708123456786304A13A";

    fn payload() -> MerchantPayload {
        MerchantPayload {
            once: Some(true),
            accounts: vec![(15, unionpay_account("01020000", "01020000", "898000000000001").unwrap())],
            category: "5411".into(),
            currency: "156".into(),
            amount: Some(amount_text(1234, 2)),
            country: "CN".into(),
            name: "XIAO MAI BU".into(),
            city: "SHANGHAI".into(),
            postal_code: None,
            additional: vec![(1, "000042".into()), (7, "00000001".into())],
            others: Vec::new(),
        }
    }

    #[test]
    fn the_checksum_is_the_published_one() {
        assert_eq!(crc(b"123456789"), 0x29B1);
    }

    #[test]
    fn the_example_of_the_book() {
        let read = MerchantPayload::decode(EXAMPLE).unwrap();
        assert_eq!(read.once, Some(true));
        assert_eq!(read.accounts[0], (29, "0012D156000000000510A93FO3230Q".into()));
        assert_eq!((read.category.as_str(), read.currency.as_str()), ("4111", "156"));
        assert_eq!((read.name.as_str(), read.city.as_str()), ("BEST TRANSPORT", "BEIJING"));
        assert_eq!(read.amount.as_deref(), Some("23.72"));
        assert_eq!(
            read.additional,
            [(3, "1234".into()), (6, "***".into()), (7, "A6008667".into()), (9, "ME".into())]
        );
        assert_eq!(read.others.len(), 3, "55, 64 and 91");
        let again = MerchantPayload::decode(&read.encode().unwrap()).unwrap();
        assert_eq!(
            (again.name, again.additional, again.accounts),
            (read.name, read.additional, read.accounts)
        );
    }

    #[test]
    fn our_own_reads_as_it_was_meant() {
        let text = payload().encode().unwrap();
        assert!(
            text.starts_with("00020101021215310102000001020000898000000000001520454115303156540512.345802CN")
        );
        assert_eq!(MerchantPayload::decode(&text).unwrap(), payload());
    }

    #[test]
    fn faults_are_told_by_their_offset() {
        let error = |text: &str| {
            let error = MerchantPayload::decode(text).unwrap_err();
            (error.offset, error.kind)
        };
        let good = payload().encode().unwrap();
        assert_eq!(error(""), (0, PayloadErrorKind::Start));
        assert_eq!(
            error(&good.replace("SHANGHAI", "SHANGHAJ")),
            (good.len() - 4, PayloadErrorKind::Checksum)
        );
        assert_eq!(error(&good[..good.len() - 8]), (good.len() - 8, PayloadErrorKind::Checksum));
        assert_eq!(error("00020152"), (6, PayloadErrorKind::Object));
        assert_eq!(error("0002015205541"), (6, PayloadErrorKind::Object));
        assert_eq!(error("0002010200"), (6, PayloadErrorKind::Object), "an empty value");
        assert_eq!(error("000201000201"), (6, PayloadErrorKind::Twice { number: 0 }));
        let sealed = |text: &str| format!("{text}6304{:04X}", crc(format!("{text}6304").as_bytes()));
        assert_eq!(error(&sealed("000201010213")).1, PayloadErrorKind::Value { number: 1 });
        assert_eq!(error(&sealed("0002011x01x")), (6, PayloadErrorKind::Object));
        assert_eq!(error(&sealed("0002011501x520454115303156")).1, PayloadErrorKind::Missing { number: 58 });
        let bad = MerchantPayload { amount: Some("1,5".into()), ..payload() };
        assert_eq!(bad.encode().unwrap_err().kind, PayloadErrorKind::Value { number: 54 });
        let bad = MerchantPayload { name: "X".repeat(26), ..payload() };
        assert_eq!(bad.encode().unwrap_err().kind, PayloadErrorKind::Value { number: 59 });
        assert!(unionpay_account("0102000", "01020000", "898000000000001").is_none());
    }

    #[test]
    fn amounts_have_their_decimals() {
        assert_eq!((amount_text(5, 2), amount_text(1200, 2)), ("0.05".into(), "12.00".into()));
        assert_eq!(amount_text(1200, 0), "1200");
    }

    proptest! {
        #[test]
        fn it_comes_back_as_it_went(name in "[A-Z ]{1,25}", city in "[a-z]{1,15}", amount in 0u64..1_000_000_000, bill in "[0-9]{1,25}") {
            let payload = MerchantPayload {
                name, city, amount: Some(amount_text(amount, 2)), additional: vec![(1, bill)], ..payload()
            };
            prop_assert_eq!(MerchantPayload::decode(&payload.encode().unwrap()).unwrap(), payload);
        }

        #[test]
        fn any_text_decodes_or_says_where_not(text in "(000201)?([0-9]{4}[0-9a-z最]{0,12}){0,8}(6304[0-9A-F]{4})?") {
            if let Err(error) = MerchantPayload::decode(&text) {
                prop_assert!(error.offset <= text.len());
            }
        }
    }
}
