//! The message type: four digits, the first thing in a message.

use crate::bcd::{Digits, hex, unhex};
use serde::{Deserialize, Serialize};

/// A message type indicator such as 0200, as its two packed bytes; in a profile its four digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mti([u8; 2]);

impl Mti {
    /// Pre-authorisation family, request.
    pub const AUTHORISATION: Self = Self([0x01, 0x00]);
    /// Financial request (sale, void, completion, balance).
    pub const FINANCIAL: Self = Self([0x02, 0x00]);
    /// Answer to a financial request.
    pub const FINANCIAL_ANSWER: Self = Self([0x02, 0x10]);
    /// Financial advice (refund, offline settlement).
    pub const ADVICE: Self = Self([0x02, 0x20]);
    /// Batch upload.
    pub const UPLOAD: Self = Self([0x03, 0x20]);
    /// Answer to a batch upload.
    pub const UPLOAD_ANSWER: Self = Self([0x03, 0x30]);
    /// Reversal.
    pub const REVERSAL: Self = Self([0x04, 0x00]);
    /// Answer to a reversal.
    pub const REVERSAL_ANSWER: Self = Self([0x04, 0x10]);
    /// Settlement.
    pub const SETTLEMENT: Self = Self([0x05, 0x00]);
    /// Answer to a settlement.
    pub const SETTLEMENT_ANSWER: Self = Self([0x05, 0x10]);
    /// Issuer script result.
    pub const SCRIPT_RESULT: Self = Self([0x06, 0x20]);
    /// Answer to an issuer script result.
    pub const SCRIPT_RESULT_ANSWER: Self = Self([0x06, 0x30]);
    /// Network management with data (sign-in, downloads).
    pub const MANAGEMENT: Self = Self([0x08, 0x00]);
    /// Answer to [`Mti::MANAGEMENT`].
    pub const MANAGEMENT_ANSWER: Self = Self([0x08, 0x10]);
    /// Network management notice (sign-out, echo, status).
    pub const NOTICE: Self = Self([0x08, 0x20]);
    /// Answer to [`Mti::NOTICE`].
    pub const NOTICE_ANSWER: Self = Self([0x08, 0x30]);

    /// The type of these two packed bytes; `None` unless all four nibbles are decimal.
    pub const fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        if bytes[0] >> 4 > 9 || bytes[0] & 15 > 9 || bytes[1] >> 4 > 9 || bytes[1] & 15 > 9 {
            return None;
        }
        Some(Self(bytes))
    }

    /// The two packed bytes.
    pub const fn bytes(self) -> [u8; 2] {
        self.0
    }

    /// The type that answers this request: the third digit plus one (0200 is answered by 0210). `None` for a type
    /// that is itself an answer.
    pub const fn answer(self) -> Option<Self> {
        let function = self.0[1] >> 4;
        if !function.is_multiple_of(2) || function > 8 {
            return None;
        }
        Some(Self([self.0[0], self.0[1] + 0x10]))
    }

    /// Whether money moves with it: authorisation, financial, advice and their answers (01xx and 02xx).
    pub const fn is_financial(self) -> bool {
        self.0[0] == 0x01 || self.0[0] == 0x02
    }

    /// Whether it is network management (08xx).
    pub const fn is_management(self) -> bool {
        self.0[0] == 0x08
    }

    /// Its four digits.
    pub fn digits(&self) -> Option<Digits<'_>> {
        Digits::new(&self.0, 0, 4)
    }
}

impl TryFrom<String> for Mti {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = unhex(&text).and_then(|bytes| <[u8; 2]>::try_from(bytes).ok());
        bytes
            .and_then(Self::from_bytes)
            .ok_or_else(|| format!("{text:?} is no message type; write four digits"))
    }
}

impl From<Mti> for String {
    fn from(mti: Mti) -> Self {
        mti.to_string()
    }
}

impl core::fmt::Display for Mti {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl core::fmt::Debug for Mti {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Mti({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_ten_higher() {
        assert_eq!(Mti::FINANCIAL.answer(), Some(Mti::FINANCIAL_ANSWER));
        assert_eq!(Mti::NOTICE.answer(), Some(Mti::NOTICE_ANSWER));
        assert_eq!(Mti::SCRIPT_RESULT.answer(), Some(Mti::SCRIPT_RESULT_ANSWER));
        assert_eq!(Mti::FINANCIAL_ANSWER.answer(), None);
        assert_eq!(Mti::from_bytes([0x02, 0x90]).unwrap().answer(), None);
    }

    #[test]
    fn letters_are_no_message_type() {
        assert_eq!(Mti::from_bytes([0x0A, 0x00]), None);
        assert_eq!(Mti::from_bytes([0x00, 0xF0]), None);
    }
}
