//! QR payments (reference 8). How each step is coded is the dialect's word: see [`crate::profile::QrDialect`].

use super::{Draft, Identity, Request, field60, in_range};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::message::MessageBuilder;
use crate::mti::Mti;
use crate::profile::{Profile, QrCoding, QrDialect, QrStep, RefundOriginal, Wallet};
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

/// One step of a QR payment, or the reversal (冲正, 0400) of one that was not answered where the dialect reverses.
///
/// Fields 3 4 11 22 25 41 42 49 59 60 64; 37 and 38 of the original with a void or refund; 39 with a reversal, which
/// keeps trace and batch; 44 where the dialect has channels; 59 where there is something to say; 61 with anything about
/// an original.
#[derive(Debug)]
pub struct QrRequest {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999; of a reversal, that of what is reversed.
    pub trace: u32,
    /// The present batch number, 1 to 999999; of a reversal, that of what is reversed.
    pub batch: u32,
    /// Name of the wallet, as in the profile.
    pub wallet: String,
    /// Which step, or which step is reversed.
    pub step: QrStep,
    /// Amount in minor units, 1 to 999999999999.
    pub amount: u64,
    /// ISO 4217 numeric code.
    pub currency: u16,
    /// The customer's code (付款码), where it was scanned.
    pub code: Option<PaymentCode>,
    /// The voucher code (付款凭证码) of the original's answer.
    pub voucher: Option<String>,
    /// About the terminal, where the dialect wants it. A reversal has none.
    pub terminal: Option<TerminalInfo>,
    /// The original; needed by every step but a sale and showing a code.
    pub original: Option<QrOriginal>,
    /// Why it is reversed (field 39, as for cards), where this is a reversal.
    pub reversal: Option<String>,
}

impl QrRequest {
    /// The message.
    ///
    /// # Errors
    /// Where the profile has no such wallet or its dialect no such step (field 3), the original is missing (field 61),
    /// or a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let wallet = profile.qr.wallet(&self.wallet).ok_or(missing(3))?;
        let dialect = profile.qr.dialect(&wallet.dialect).ok_or(missing(3))?;
        let coding = dialect.coding(self.step).ok_or(missing(3))?;
        let original = match (self.step.has_original(), &self.original) {
            (true, None) => return Err(missing(61)),
            (true, Some(original)) => Some(original),
            (false, _) => None,
        };
        if self.step == QrStep::Sale && self.code.is_none() {
            return Err(missing(59));
        }
        if let Some(reason) = self.reversal.as_ref().filter(|reason| reason.len() != 2) {
            let kind = EncodeErrorKind::TooShort { length: reason.len(), expected: 2 };
            return Err(EncodeError::new(39, kind));
        }
        in_range(4, self.amount, 1, 999_999_999_999)?;
        in_range(49, self.currency.into(), 1, 999)?;
        in_range(60, self.batch.into(), 1, 999_999)?;
        let mti = if self.reversal.is_some() { Mti::REVERSAL } else { coding.mti };
        let header = profile.management_header;
        let amount = Some(self.amount);
        Draft { profile, header, mti, identity: &self.identity, trace: self.trace, amount }.build(|message| {
            self.put(message, profile, wallet, dialect, coding)?;
            original.map_or(Ok(()), |original| self.put_original(message, dialect, original))
        })
    }

    fn put(
        &self,
        message: &mut MessageBuilder<'_>,
        profile: &Profile,
        wallet: &Wallet,
        dialect: &QrDialect,
        coding: &QrCoding,
    ) -> Result<(), EncodeError> {
        let partial = if profile.field60_always_partial { "0" } else { "" };
        let code = field60(&coding.kind, self.batch, "000")?;
        message
            .put(3, &coding.processing_code)?
            .put_number(4, self.amount)?
            .put(22, &dialect.field22)?
            .put(25, &dialect.field25)?
            .put(49, format!("{:03}", self.currency))?
            .put(60, format!("{code}{}0{partial}", profile.read_capability))?;
        if let Some(reason) = &self.reversal {
            message.put(39, reason)?;
        }
        if let Some(channel) = &wallet.channel {
            message.put(44, channel)?;
        }
        let terminal = self.terminal.as_ref().filter(|_| dialect.terminal_info && self.reversal.is_none());
        let field59 = Field59::encode(terminal, self.code.as_ref(), self.voucher.as_deref())?;
        if !field59.is_empty() {
            message.put(59, &*field59)?;
        }
        Ok(())
    }

    fn put_original(
        &self,
        message: &mut MessageBuilder<'_>,
        dialect: &QrDialect,
        original: &QrOriginal,
    ) -> Result<(), EncodeError> {
        in_range(61, original.batch.into(), 0, 999_999)?;
        in_range(61, original.trace.into(), 0, 999_999)?;
        if original.date.len() != 4 {
            let kind = EncodeErrorKind::TooShort { length: original.date.len(), expected: 4 };
            return Err(EncodeError::new(61, kind));
        }
        match (self.step, dialect.refund_original) {
            (QrStep::Refund, RefundOriginal::Date) => {
                message.put(61, format!("000000000000{}", original.date))?
            }
            _ => message.put(61, format!("{:06}{:06}", original.batch, original.trace))?,
        };
        if matches!(self.step, QrStep::Void | QrStep::Refund) && self.reversal.is_none() {
            if let Some(rrn) = &original.rrn {
                message.put(37, rrn)?;
            }
            if let Some(code) = &original.authorisation_code {
                message.put(38, code)?;
            }
        }
        Ok(())
    }
}

fn missing(field: u8) -> EncodeError {
    EncodeError::new(field, EncodeErrorKind::Missing)
}
