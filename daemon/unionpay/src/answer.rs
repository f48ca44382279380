//! What the host answers, and whether it answers *this* request.

use crate::bcd::Digits;
use crate::error::DecodeError;
use crate::frame::{Frame, FrameError, Header};
use crate::message::Message;
use crate::mti::Mti;
use crate::profile::Profile;
use crate::request::management_code;
use crate::totals::{Reconciliation, TotalsError};

/// What an answer must repeat of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Type of the answer.
    pub mti: Mti,
    /// Trace number (field 11); `None` where the request carried none (downloads).
    pub trace: Option<u32>,
    /// Network management code (60.3), where there is no trace number to tell answers apart by.
    pub code: Option<u16>,
    /// Terminal number (field 41), eight characters.
    pub terminal: String,
    /// Merchant number (field 42), 15 characters.
    pub merchant: String,
    /// Amount in minor units (field 4), where the request had one.
    pub amount: Option<u64>,
}

/// Why a frame is not the answer that was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It cannot be read.
    #[error("the answer cannot be read: {0}")]
    Undecodable(Undecodable),
    /// It can be read, and belongs to something else.
    #[error("the answer belongs to another request: {} differs", .0.word())]
    Mismatch(Mismatch),
}

/// Why a frame cannot be read as an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// TPDU and header are not there.
    #[error(transparent)]
    Frame(FrameError),
    /// The message behind them is broken.
    #[error(transparent)]
    Message(DecodeError),
    /// It has no field 39.
    #[error("field 39 (response code) is missing")]
    NoResponseCode,
}

/// What of an answer differs from its request. A field that is missing differs too, except for the amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The message type.
    Mti,
    /// The trace number.
    Trace,
    /// The network management code, where the request has no trace number.
    Code,
    /// The terminal number.
    Terminal,
    /// The merchant number.
    Merchant,
    /// The amount: another one, or for code 10 (partial approval) a larger one.
    Amount,
}

impl Mismatch {
    /// One word for logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mti => "message-type",
            Self::Trace => "trace",
            Self::Code => "network-management-code",
            Self::Terminal => "terminal",
            Self::Merchant => "merchant",
            Self::Amount => "amount",
        }
    }
}

/// An answer to the request that is waited for. Its MAC is not checked yet: see [`Answer::mac`].
#[derive(Debug)]
pub struct Answer {
    header: Header,
    message: Message,
    response_code: String,
    local_time: Option<String>,
    local_date: Option<String>,
    settlement_date: Option<String>,
}

/// Reads a frame (from the TPDU on, without length prefix) as the answer to a request.
///
/// # Errors
/// [`Rejection::Undecodable`] where it is no message, [`Rejection::Mismatch`] where it is none of this request's.
pub fn check_answer(profile: &Profile, expected: &Expectation, frame: &[u8]) -> Result<Answer, Rejection> {
    let undecodable = Rejection::Undecodable;
    let frame = Frame::read_unprefixed(frame).map_err(|e| undecodable(Undecodable::Frame(e)))?;
    let message =
        Message::decode(frame.body, &profile.table()).map_err(|e| undecodable(Undecodable::Message(e)))?;
    let same = |good: bool, mismatch| if good { Ok(()) } else { Err(Rejection::Mismatch(mismatch)) };
    same(message.mti() == expected.mti, Mismatch::Mti)?;
    if let Some(trace) = expected.trace {
        same(message.number(11) == Some(trace.into()), Mismatch::Trace)?;
    }
    if let Some(code) = expected.code {
        same(management_code(&message) == Some(code), Mismatch::Code)?;
    }
    let is = |field, text: &str| message.text(field).is_some_and(|t| t.trim_end() == text.trim_end());
    same(is(41, &expected.terminal), Mismatch::Terminal)?;
    same(is(42, &expected.merchant), Mismatch::Merchant)?;
    // A settlement's answer may go without a code: its totals are the answer (reference 1.1).
    let code =
        message.text(39).or((message.mti() == Mti::SETTLEMENT_ANSWER && message.has(48)).then_some("00"));
    let response_code = code.ok_or(undecodable(Undecodable::NoResponseCode))?.to_owned();
    if let (Some(asked), Some(told)) = (expected.amount, message.number(4)) {
        let partial = response_code == "10" && told < asked;
        same(told == asked || partial, Mismatch::Amount)?;
    }
    let text = |field| message.digits(field).map(|digits| digits.text().as_str().to_owned());
    let (local_time, local_date, settlement_date) = (text(12), text(13), text(15));
    Ok(Answer { header: frame.header, response_code, local_time, local_date, settlement_date, message })
}

impl Answer {
    /// The message type.
    pub fn mti(&self) -> Mti {
        self.message.mti()
    }

    /// The response code (field 39), two characters; [`crate::response_code`] knows what they mean.
    pub fn response_code(&self) -> &str {
        &self.response_code
    }

    /// Whether the response code approves. It counts only with a good MAC.
    pub fn is_approval(&self, profile: &Profile) -> bool {
        profile.approves(&self.response_code)
    }

    /// What the host asks for in its header, 0 to 15 (0 nothing, 3 sign in again).
    pub fn requirement(&self) -> u8 {
        self.header.requirement().nibble()
    }

    /// Trace number (field 11).
    pub fn trace(&self) -> Option<u32> {
        self.message.number(11).and_then(|trace| u32::try_from(trace).ok())
    }

    /// Amount in minor units (field 4).
    pub fn amount(&self) -> Option<u64> {
        self.message.number(4)
    }

    /// Local time hhmmss (field 12).
    pub fn local_time(&self) -> Option<&str> {
        self.local_time.as_deref()
    }

    /// Local date MMDD (field 13).
    pub fn local_date(&self) -> Option<&str> {
        self.local_date.as_deref()
    }

    /// Settlement date MMDD (field 15).
    pub fn settlement_date(&self) -> Option<&str> {
        self.settlement_date.as_deref()
    }

    /// Retrieval reference number (field 37), without trailing blanks.
    pub fn rrn(&self) -> Option<&str> {
        visible(self.message.text(37))
    }

    /// Authorisation code (field 38), without trailing blanks.
    pub fn authorisation_code(&self) -> Option<&str> {
        visible(self.message.text(38))
    }

    /// Issuer (44.1, the first eleven characters of field 44).
    pub fn issuer(&self) -> Option<&str> {
        let text = self.message.text(44)?;
        visible(text.get(..11).or(Some(text)))
    }

    /// Acquirer (44.2, the eleven characters after the issuer).
    pub fn acquirer(&self) -> Option<&str> {
        let text = self.message.text(44)?;
        visible(text.get(11..22).or_else(|| text.get(11..)))
    }

    /// What the account holds and may be used, in minor units, negative where the cardholder owes it: the part of field 54
    /// with amount type 02 in that currency (ISO 4217 numeric).
    pub fn balance(&self, currency: u16) -> Option<i64> {
        let field = std::str::from_utf8(self.message.bytes(54)?).ok()?;
        // Account type, amount type, currency, C or D, twelve digits.
        let parts = (0..field.len() / 20).filter_map(|part| field.get(part * 20..part * 20 + 20));
        let currency = format!("{currency:03}");
        parts.into_iter().find_map(|part| {
            let (of, rest) = (part.get(2..7)?, part.get(8..)?);
            let amount = rest.bytes().all(|b| b.is_ascii_digit()).then(|| rest.parse::<i64>().ok())??;
            let wanted = of.strip_prefix("02") == Some(currency.as_str());
            match part.get(7..8)? {
                "C" if wanted => Some(amount),
                "D" if wanted => Some(-amount),
                _ => None,
            }
        })
    }

    /// Chip data (field 55), BER-TLV.
    pub fn field55(&self) -> Option<&[u8]> {
        self.message.bytes(55)
    }

    /// Totals and how the host compares them (field 48 of a settlement answer).
    ///
    /// # Errors
    /// Where the field is missing or another than 62 digits.
    pub fn reconciliation(&self) -> Result<Reconciliation, TotalsError> {
        Reconciliation::read(self.message.digits(48).ok_or(TotalsError::Missing)?)
    }

    /// Private data of the dialect (field 59): [`crate::qr::field59`] reads it.
    pub fn field59(&self) -> Option<&[u8]> {
        self.message.bytes(59)
    }

    /// Keys or parameters (field 62).
    pub fn field62(&self) -> Option<&[u8]> {
        self.message.bytes(62)
    }

    /// Batch number (60.2).
    pub fn batch(&self) -> Option<u32> {
        let digits: Digits<'_> = self.message.digits(60)?;
        digits.number(2..8).and_then(|batch| u32::try_from(batch).ok())
    }

    /// What issuer, centre and acquirer want on the slip (63.2: three times 20 bytes, GBK), blank ones left out.
    pub fn host_texts(&self) -> Vec<String> {
        let parts = self.message.bytes(63).and_then(|field| field.get(3..)).unwrap_or_default();
        parts.chunks(20).take(3).map(gbk).filter(|text| !text.is_empty()).collect()
    }

    /// The MAC of the answer (field 64).
    pub fn mac(&self) -> Option<[u8; 8]> {
        self.message.mac()
    }

    /// What the MAC of the answer covers: the bytes that came, from the message type up to field 64. `None` where
    /// there is no MAC.
    pub fn mac_input(&self) -> Option<Vec<u8>> {
        let end = self.message.offset(64)?;
        self.message.encode().get(..end).map(<[u8]>::to_vec)
    }
}

fn visible(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

/// GBK text without control characters and surrounding blanks.
pub(crate) fn gbk(bytes: &[u8]) -> String {
    let (text, _) = encoding_rs::GBK.decode_without_bom_handling(bytes);
    let shown: String = text.chars().filter(|character| !character.is_control()).collect();
    shown.trim().to_owned()
}
