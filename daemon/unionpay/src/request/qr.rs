//! QR payments (reference 8). How each step is coded is the dialect's word: see [`crate::profile::QrDialect`].

use super::{Draft, Identity, Request, field60, in_range};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::message::MessageBuilder;
use crate::mti::Mti;
use crate::profile::{Profile, QrDialect, QrStep, Wallet};
use crate::qr::{Field59, PaymentCode, TerminalInfo};

/// The payment that a void, refund, query or cancel is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QrOriginal {
    /// Its batch number.
    pub batch: u32,
    /// Its trace number.
    pub trace: u32,
    /// Its date, MMDD as the host dated it; `0000` if unknown.
    pub date: String,
    /// Its retrieval reference number, if it was answered.
    pub rrn: Option<String>,
    /// Its authorisation code, if it has one.
    pub authorisation_code: Option<String>,
}

/// One step of a QR payment. Fields 3 4 11 22 25 41 42 49 59 60 64; 37 and 38 of the original with a void or refund;
/// 44 where the dialect has channels; 59 where there is something to say; 61 with anything about an original.
#[derive(Debug)]
pub struct QrRequest {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The present batch number, 1 to 999999.
    pub batch: u32,
    /// Name of the wallet, as in the profile.
    pub wallet: String,
    /// Which step.
    pub step: QrStep,
    /// Amount in minor units, 1 to 999999999999.
    pub amount: u64,
    /// ISO 4217 numeric code.
    pub currency: u16,
    /// The customer's code (付款码), where it was scanned.
    pub code: Option<PaymentCode>,
    /// The voucher code (付款凭证码) of the original's answer.
    pub voucher: Option<String>,
    /// About the terminal, where the dialect wants it.
    pub terminal: Option<TerminalInfo>,
    /// The original; needed by every step but a sale and showing a code.
    pub original: Option<QrOriginal>,
}

impl QrRequest {
    /// The message.
    ///
    /// # Errors
    /// Where the profile has no such wallet or its dialect no such step (field 3), the original is missing (field 61),
    /// or a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let (wallet, dialect) = find(profile, &self.wallet)?;
        let coding = dialect.coding(self.step).ok_or(missing(3))?;
        let original = match (self.step.has_original(), &self.original) {
            (true, None) => return Err(missing(61)),
            (true, Some(original)) => Some(original),
            (false, _) => None,
        };
        if self.step == QrStep::Sale && self.code.is_none() {
            return Err(missing(59));
        }
        let common = Common {
            processing: &coding.processing_code,
            kind: &coding.kind,
            batch: self.batch,
            amount: self.amount,
            currency: self.currency,
            code: self.code.as_ref(),
            voucher: self.voucher.as_deref(),
            terminal: self.terminal.as_ref(),
            wallet,
            dialect,
        };
        draft(profile, coding.mti, &self.identity, self.trace, self.amount).build(|message| {
            common.put(message, profile)?;
            let Some(original) = original else { return Ok(()) };
            in_range(61, original.batch.into(), 0, 999_999)?;
            in_range(61, original.trace.into(), 0, 999_999)?;
            if original.date.len() != 4 {
                let kind = EncodeErrorKind::TooShort { length: original.date.len(), expected: 4 };
                return Err(EncodeError::new(61, kind));
            }
            match self.step {
                QrStep::Refund => message.put(61, format!("000000000000{}", original.date))?,
                _ => message.put(61, format!("{:06}{:06}", original.batch, original.trace))?,
            };
            if matches!(self.step, QrStep::Void | QrStep::Refund) {
                if let Some(rrn) = &original.rrn {
                    message.put(37, rrn)?;
                }
                if let Some(code) = &original.authorisation_code {
                    message.put(38, code)?;
                }
            }
            Ok(())
        })
    }
}

/// The reversal (冲正, 0400) of a QR sale or void that was not answered, where the dialect reverses. It keeps trace and
/// batch. Fields 3 4 11 22 25 39 41 42 49 59 60 64; 44 where the dialect has channels; 61 of a void.
#[derive(Debug)]
pub struct QrReversal {
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number of the original.
    pub trace: u32,
    /// Batch number of the original.
    pub batch: u32,
    /// Name of the wallet, as in the profile.
    pub wallet: String,
    /// What is reversed: a sale or a void.
    pub step: QrStep,
    /// Amount of the original in minor units.
    pub amount: u64,
    /// Currency of the original, ISO 4217 numeric.
    pub currency: u16,
    /// The customer's code of the original.
    pub code: Option<PaymentCode>,
    /// The voucher code that the original carried.
    pub voucher: Option<String>,
    /// Field 61 of the original, if it had one.
    pub original: Option<String>,
    /// Why (field 39), as for cards.
    pub reason: String,
}

impl QrReversal {
    /// The message.
    ///
    /// # Errors
    /// Where the profile has no such wallet or its dialect no such step (field 3), or a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let (wallet, dialect) = find(profile, &self.wallet)?;
        let coding = dialect.coding(self.step).ok_or(missing(3))?;
        if self.reason.len() != 2 {
            let kind = EncodeErrorKind::TooShort { length: self.reason.len(), expected: 2 };
            return Err(EncodeError::new(39, kind));
        }
        let common = Common {
            processing: &coding.processing_code,
            kind: &coding.kind,
            batch: self.batch,
            amount: self.amount,
            currency: self.currency,
            code: self.code.as_ref(),
            voucher: self.voucher.as_deref(),
            terminal: None,
            wallet,
            dialect,
        };
        draft(profile, Mti::REVERSAL, &self.identity, self.trace, self.amount).build(|message| {
            common.put(message, profile)?;
            message.put(39, &self.reason)?;
            if let Some(original) = &self.original {
                message.put(61, original)?;
            }
            Ok(())
        })
    }
}

/// What a step and a reversal have in common.
struct Common<'a> {
    processing: &'a str,
    kind: &'a str,
    batch: u32,
    amount: u64,
    currency: u16,
    code: Option<&'a PaymentCode>,
    voucher: Option<&'a str>,
    terminal: Option<&'a TerminalInfo>,
    wallet: &'a Wallet,
    dialect: &'a QrDialect,
}

impl Common<'_> {
    fn put(&self, message: &mut MessageBuilder<'_>, profile: &Profile) -> Result<(), EncodeError> {
        in_range(4, self.amount, 1, 999_999_999_999)?;
        in_range(49, self.currency.into(), 1, 999)?;
        in_range(60, self.batch.into(), 1, 999_999)?;
        let partial = if profile.field60_always_partial { "0" } else { "" };
        let code = field60(self.kind, self.batch, "000")?;
        message
            .put(3, self.processing)?
            .put_number(4, self.amount)?
            .put(22, &self.dialect.field22)?
            .put(25, &self.dialect.field25)?
            .put(49, format!("{:03}", self.currency))?
            .put(60, format!("{code}{}0{partial}", profile.read_capability))?;
        if let Some(channel) = &self.wallet.channel {
            message.put(44, channel)?;
        }
        let terminal = self.terminal.filter(|_| self.dialect.terminal_info);
        let field59 = Field59::encode(terminal, self.code, self.voucher)?;
        if !field59.is_empty() {
            message.put(59, &*field59)?;
        }
        Ok(())
    }
}

fn missing(field: u8) -> EncodeError {
    EncodeError::new(field, EncodeErrorKind::Missing)
}

fn find<'a>(profile: &'a Profile, wallet: &str) -> Result<(&'a Wallet, &'a QrDialect), EncodeError> {
    let wallet = profile.qr.wallet(wallet).ok_or(missing(3))?;
    Ok((wallet, profile.qr.dialect(&wallet.dialect).ok_or(missing(3))?))
}

fn draft<'a>(profile: &'a Profile, mti: Mti, identity: &'a Identity, trace: u32, amount: u64) -> Draft<'a> {
    Draft { profile, header: profile.management_header, mti, identity, trace, amount: Some(amount) }
}
