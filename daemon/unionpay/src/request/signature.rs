//! Upload of an electronic signature (电子签名上送, 0820, 60.1 = 07).

use super::{Draft, Identity, Request, field60, in_range};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::mti::Mti;
use crate::pan::Pan;
use crate::profile::Profile;

/// One part of a signature. Fields 2 4 11 15 37 41 42 55 60 62, and 64 where the profile says so; 2, 15, 37 and 55 only
/// where there is a value. [`crate::profile::ESignature::parts`] cuts the data and numbers the parts (60.3).
///
/// All fields but 60 and 62 are those of the transaction that was signed.
pub struct SignatureUpload {
    /// Who the terminal is.
    pub identity: Identity,
    /// Trace number of the transaction.
    pub trace: u32,
    /// Batch number of the transaction.
    pub batch: u32,
    /// Card number; none for a QR payment.
    pub pan: Option<Pan>,
    /// Amount in minor units.
    pub amount: u64,
    /// Settlement date, MMDD, from the transaction's answer.
    pub settlement_date: Option<String>,
    /// Retrieval reference number.
    pub rrn: Option<String>,
    /// Chip data; empty for none.
    pub field55: Vec<u8>,
    /// Number of this part (60.3), three digits.
    pub part: String,
    /// The data of this part, 1 to 999 bytes.
    pub data: Vec<u8>,
}

impl core::fmt::Debug for SignatureUpload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SignatureUpload(batch {}, trace {}, part {})", self.batch, self.trace, self.part)
    }
}

impl SignatureUpload {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        in_range(4, self.amount, 1, 999_999_999_999)?;
        if self.part.len() != 3 {
            let kind = EncodeErrorKind::TooShort { length: self.part.len(), expected: 3 };
            return Err(EncodeError::new(60, kind));
        }
        if self.data.is_empty() {
            return Err(EncodeError::new(62, EncodeErrorKind::Missing));
        }
        let code = field60(&profile.e_signature.kind, self.batch, &self.part)?;
        let draft = Draft {
            profile,
            header: profile.management_header,
            mti: Mti::NOTICE,
            identity: &self.identity,
            trace: self.trace,
            amount: None,
        };
        let mut request = draft.build(|message| {
            message.put_number(4, self.amount)?.put(60, code)?.put(62, &self.data)?;
            if let Some(pan) = &self.pan {
                message.put(2, pan.reveal())?;
            }
            for (field, value) in [(15, &self.settlement_date), (37, &self.rrn)] {
                if let Some(value) = value {
                    message.put(field, value)?;
                }
            }
            if !self.field55.is_empty() {
                message.put(55, &self.field55)?;
            }
            Ok(())
        })?;
        request.has_mac = profile.e_signature.mac;
        Ok(request)
    }
}
