//! How the cardholder was verified, in the words of the slip.

use crate::{line::amount, locale::Locale};
use serde::{Deserialize, Deserializer, Serialize};

/// How the cardholder was verified: it decides the wording and whether there is a signature line (reference section
/// 6). Limits are in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verification {
    /// The cardholder signs.
    Signature,
    /// 无需输密: below the limit no PIN was asked for; the cardholder signs.
    NoPin {
        /// The limit for transactions without PIN.
        limit: u64,
    },
    /// 免签名: below the limit no signature is asked for.
    NoSignature {
        /// The limit for transactions without signature.
        limit: u64,
    },
    /// 免密免签: neither PIN nor signature below the limit.
    NoPinNoSignature {
        /// The lower one of both limits.
        limit: u64,
    },
    /// 移动设备已验证用户: the cardholder's own device did it (CDCVM).
    Device,
    /// 电子现金: no signature.
    ElectronicCash,
    /// 扫码: no signature.
    Qr,
    /// No signature and no word about it.
    NotRequired,
}

impl Verification {
    /// The row of the matrix: the limits below which this transaction is free of signature and of PIN, where it is,
    /// and whether the cardholder's device verified its user.
    pub fn of(free_of_signature: Option<u64>, free_of_pin: Option<u64>, device: bool) -> Verification {
        match (free_of_signature, free_of_pin) {
            _ if device => Verification::Device,
            (Some(signature), Some(pin)) => Verification::NoPinNoSignature { limit: signature.min(pin) },
            (Some(limit), None) => Verification::NoSignature { limit },
            (None, Some(limit)) => Verification::NoPin { limit },
            (None, None) => Verification::Signature,
        }
    }

    /// Whether the cardholder signs.
    pub fn signs(self) -> bool {
        matches!(self, Verification::Signature | Verification::NoPin { .. })
    }

    /// What the slip says of it.
    pub(crate) fn wording(self, locale: Locale) -> Option<String> {
        let chinese = match self {
            Verification::Signature | Verification::NotRequired => return None,
            Verification::NoPin { limit } => format!("交易金额未超{}元，无需输密", amount(limit)),
            Verification::NoSignature { limit } => format!("交易金额未超{}元，免签名", amount(limit)),
            Verification::NoPinNoSignature { limit } => format!("交易金额未超{}元，免密免签", amount(limit)),
            Verification::Device => "移动设备已验证用户，免密免签".to_owned(),
            Verification::ElectronicCash => "电子现金交易,无需签名".to_owned(),
            Verification::Qr => "扫码交易,免签名".to_owned(),
        };
        let english = match self {
            Verification::Signature | Verification::NotRequired => return None,
            Verification::NoPin { limit } => format!("NOT ABOVE {}: NO PIN REQUIRED", amount(limit)),
            Verification::NoSignature { limit } => {
                format!("NOT ABOVE {}: NO SIGNATURE REQUIRED", amount(limit))
            }
            Verification::NoPinNoSignature { limit } => {
                format!("NOT ABOVE {}: NO PIN OR SIGNATURE REQUIRED", amount(limit))
            }
            Verification::Device => {
                "VERIFIED BY CARDHOLDER'S DEVICE: NO PIN OR SIGNATURE REQUIRED".to_owned()
            }
            Verification::ElectronicCash => "ELECTRONIC CASH: NO SIGNATURE REQUIRED".to_owned(),
            Verification::Qr => "QR PAYMENT: NO SIGNATURE REQUIRED".to_owned(),
        };
        Some(match locale {
            Locale::ZhCn => chinese,
            Locale::En => english,
        })
    }
}

/// As it lies in journals: older receipts say only whether the cardholder must sign.
pub(crate) fn read_stored<'de, D: Deserializer<'de>>(stored: D) -> Result<Verification, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Signs(bool),
        Word(Verification),
    }
    Ok(match Stored::deserialize(stored)? {
        Stored::Signs(true) => Verification::Signature,
        Stored::Signs(false) => Verification::NotRequired,
        Stored::Word(verification) => verification,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix of the reference, row by row: free of signature, free of PIN, device.
    #[test]
    fn the_matrix() {
        let (a, b) = (Some(30_000), Some(100_000));
        for (signature, pin, device, signs, wording) in [
            (None, None, false, true, None),
            (None, b, false, true, Some("交易金额未超1000.00元，无需输密")),
            (a, None, false, false, Some("交易金额未超300.00元，免签名")),
            (a, b, false, false, Some("交易金额未超300.00元，免密免签")),
            (b, a, false, false, Some("交易金额未超300.00元，免密免签")),
            (None, None, true, false, Some("移动设备已验证用户，免密免签")),
            (a, None, true, false, Some("移动设备已验证用户，免密免签")),
            (None, b, true, false, Some("移动设备已验证用户，免密免签")),
            (a, b, true, false, Some("移动设备已验证用户，免密免签")),
        ] {
            let verification = Verification::of(signature, pin, device);
            assert_eq!(verification.signs(), signs, "{verification:?}");
            assert_eq!(verification.wording(Locale::ZhCn).as_deref(), wording);
            let english = verification.wording(Locale::En);
            assert_eq!(english.is_some(), wording.is_some());
            assert!(english.is_none_or(|english| english.is_ascii()));
        }
        assert!(!Verification::Qr.signs() && !Verification::ElectronicCash.signs());
        assert_eq!(Verification::Qr.wording(Locale::ZhCn).as_deref(), Some("扫码交易,免签名"));
        assert_eq!(
            Verification::ElectronicCash.wording(Locale::ZhCn).as_deref(),
            Some("电子现金交易,无需签名")
        );
    }

    #[test]
    fn the_stored_form_stays_and_the_older_one_is_read() {
        for (verification, stored) in [
            (Verification::Signature, r#""signature""#),
            (Verification::NoPin { limit: 1 }, r#"{"no-pin":{"limit":1}}"#),
            (Verification::NoSignature { limit: 2 }, r#"{"no-signature":{"limit":2}}"#),
            (Verification::NoPinNoSignature { limit: 3 }, r#"{"no-pin-no-signature":{"limit":3}}"#),
            (Verification::Device, r#""device""#),
            (Verification::ElectronicCash, r#""electronic-cash""#),
            (Verification::Qr, r#""qr""#),
            (Verification::NotRequired, r#""not-required""#),
        ] {
            assert_eq!(serde_json::to_string(&verification).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Verification>(stored).unwrap(), verification);
        }
        let read = |stored| read_stored(&mut serde_json::Deserializer::from_str(stored)).ok();
        assert_eq!(read("true"), Some(Verification::Signature));
        assert_eq!(read("false"), Some(Verification::NotRequired));
        assert_eq!(read(r#"{"no-pin":{"limit":1}}"#), Some(Verification::NoPin { limit: 1 }));
        assert_eq!(read(r#""other""#), None);
    }
}
