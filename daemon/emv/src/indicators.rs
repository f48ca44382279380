//! The bit fields in which terminal and card say what happened: TVR, TSI, AIP, CVM results.

use std::fmt;

use crate::hex;

/// One bit of a bit field: its byte (0 is the leftmost) and its mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bit {
    /// The byte, 0 being the leftmost.
    pub byte: usize,
    /// The mask within the byte.
    pub mask: u8,
}

const fn bit(byte: usize, mask: u8) -> Bit {
    Bit { byte, mask }
}

/// The bits of the terminal verification results (95; Book 3 Annex C5).
pub mod tvr {
    use super::{Bit, bit};

    /// Offline data authentication was not performed.
    pub const ODA_NOT_PERFORMED: Bit = bit(0, 0x80);
    /// Static data authentication failed.
    pub const SDA_FAILED: Bit = bit(0, 0x40);
    /// The card lacks data that the chosen functions need.
    pub const ICC_DATA_MISSING: Bit = bit(0, 0x20);
    /// The card is on the terminal's exception file.
    pub const ON_EXCEPTION_FILE: Bit = bit(0, 0x10);
    /// Dynamic data authentication failed.
    pub const DDA_FAILED: Bit = bit(0, 0x08);
    /// Combined data authentication failed.
    pub const CDA_FAILED: Bit = bit(0, 0x04);
    /// Static data authentication was selected.
    pub const SDA_SELECTED: Bit = bit(0, 0x02);
    /// Card and terminal have different application versions.
    pub const VERSIONS_DIFFER: Bit = bit(1, 0x80);
    /// The application has expired.
    pub const EXPIRED: Bit = bit(1, 0x40);
    /// The application is not yet effective.
    pub const NOT_YET_EFFECTIVE: Bit = bit(1, 0x20);
    /// The requested service is not allowed for this card.
    pub const SERVICE_NOT_ALLOWED: Bit = bit(1, 0x10);
    /// The card was never online.
    pub const NEW_CARD: Bit = bit(1, 0x08);
    /// Cardholder verification was not successful.
    pub const CVM_FAILED: Bit = bit(2, 0x80);
    /// A cardholder verification method was not recognised.
    pub const CVM_UNRECOGNISED: Bit = bit(2, 0x40);
    /// The PIN try limit is exceeded.
    pub const PIN_TRY_LIMIT_EXCEEDED: Bit = bit(2, 0x20);
    /// A PIN was required and the PIN pad is not present or not working.
    pub const PIN_PAD_MISSING: Bit = bit(2, 0x10);
    /// A PIN was required, the pad is present, but no PIN was entered.
    pub const PIN_NOT_ENTERED: Bit = bit(2, 0x08);
    /// An online PIN was entered.
    pub const ONLINE_PIN_ENTERED: Bit = bit(2, 0x04);
    /// The transaction exceeds the floor limit.
    pub const FLOOR_LIMIT_EXCEEDED: Bit = bit(3, 0x80);
    /// The lower consecutive offline limit is exceeded.
    pub const LOWER_OFFLINE_LIMIT_EXCEEDED: Bit = bit(3, 0x40);
    /// The upper consecutive offline limit is exceeded.
    pub const UPPER_OFFLINE_LIMIT_EXCEEDED: Bit = bit(3, 0x20);
    /// The transaction was selected at random for online processing.
    pub const SELECTED_AT_RANDOM: Bit = bit(3, 0x10);
    /// The merchant forced the transaction online.
    pub const FORCED_ONLINE: Bit = bit(3, 0x08);
    /// The default TDOL was used.
    pub const DEFAULT_TDOL_USED: Bit = bit(4, 0x80);
    /// Issuer authentication failed.
    pub const ISSUER_AUTHENTICATION_FAILED: Bit = bit(4, 0x40);
    /// A script failed before the final GENERATE AC.
    pub const SCRIPT_FAILED_BEFORE: Bit = bit(4, 0x20);
    /// A script failed after the final GENERATE AC.
    pub const SCRIPT_FAILED_AFTER: Bit = bit(4, 0x10);
}

/// The bits of the transaction status information (9B; Book 3 Annex C6).
pub mod tsi {
    use super::{Bit, bit};

    /// Offline data authentication was performed.
    pub const ODA_PERFORMED: Bit = bit(0, 0x80);
    /// Cardholder verification was performed.
    pub const CVM_PERFORMED: Bit = bit(0, 0x40);
    /// Card risk management was performed.
    pub const CARD_RISK_PERFORMED: Bit = bit(0, 0x20);
    /// Issuer authentication was performed.
    pub const ISSUER_AUTHENTICATION_PERFORMED: Bit = bit(0, 0x10);
    /// Terminal risk management was performed.
    pub const TERMINAL_RISK_PERFORMED: Bit = bit(0, 0x08);
    /// Script processing was performed.
    pub const SCRIPT_PERFORMED: Bit = bit(0, 0x04);
}

/// The bits of the application interchange profile (82; Book 3 Annex C1).
pub mod aip {
    use super::{Bit, bit};

    /// SDA is supported.
    pub const SDA: Bit = bit(0, 0x40);
    /// DDA is supported.
    pub const DDA: Bit = bit(0, 0x20);
    /// Cardholder verification is supported.
    pub const CVM: Bit = bit(0, 0x10);
    /// Terminal risk management is to be performed.
    pub const TERMINAL_RISK: Bit = bit(0, 0x08);
    /// Issuer authentication through EXTERNAL AUTHENTICATE is supported.
    pub const ISSUER_AUTHENTICATION: Bit = bit(0, 0x04);
    /// CDA is supported.
    pub const CDA: Bit = bit(0, 0x01);
}

/// The bits of the terminal transaction qualifiers (9F66): what the terminal tells a contactless card of itself and of
/// the transaction (PBOC 3.0 part 12).
pub mod ttq {
    use super::{Bit, bit};

    /// Contactless debit and credit with GENERATE AC (UnionPay's VSDC) is supported.
    pub const DEBIT_CREDIT: Bit = bit(0, 0x40);
    /// quickPass (qPBOC) is supported.
    pub const QUICK_PASS: Bit = bit(0, 0x20);
    /// The terminal has a contact chip reader.
    pub const CONTACT: Bit = bit(0, 0x10);
    /// This transaction cannot go online.
    pub const OFFLINE_ONLY: Bit = bit(0, 0x08);
    /// Online PIN is supported.
    pub const ONLINE_PIN: Bit = bit(0, 0x04);
    /// Signature is supported.
    pub const SIGNATURE: Bit = bit(0, 0x02);
    /// A card that goes online may be authenticated too.
    pub const ONLINE_AUTHENTICATION: Bit = bit(0, 0x01);
    /// Only an ARQC will do.
    pub const ONLINE_CRYPTOGRAM_REQUIRED: Bit = bit(1, 0x80);
    /// The cardholder must be verified.
    pub const CVM_REQUIRED: Bit = bit(1, 0x40);
    /// Verification on the cardholder's device (CDCVM) is supported.
    pub const DEVICE_VERIFICATION: Bit = bit(2, 0x40);
    /// fDDA of version 01 is supported.
    pub const FDDA_01: Bit = bit(3, 0x80);
}

/// The bits of the card transaction qualifiers (9F6C): what a contactless card wants of the terminal.
pub mod ctq {
    use super::{Bit, bit};

    /// An online PIN is required.
    pub const ONLINE_PIN: Bit = bit(0, 0x80);
    /// A signature is required.
    pub const SIGNATURE: Bit = bit(0, 0x40);
    /// Go online where fDDA failed.
    pub const FDDA_FAILED_ONLINE: Bit = bit(0, 0x20);
    /// Use the contact chip where fDDA failed.
    pub const FDDA_FAILED_CONTACT: Bit = bit(0, 0x10);
    /// Go online where the application has expired.
    pub const EXPIRED_ONLINE: Bit = bit(0, 0x08);
    /// The cardholder was verified on the device.
    pub const DEVICE_VERIFIED: Bit = bit(1, 0x80);
}

macro_rules! field {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// Sets one bit. A bit beyond the field is ignored.
            pub fn set(&mut self, bit: Bit) {
                if let Some(byte) = self.0.get_mut(bit.byte) {
                    *byte |= bit.mask;
                }
            }

            /// Whether the bit is set.
            pub fn has(&self, bit: Bit) -> bool {
                self.0.get(bit.byte).is_some_and(|byte| byte & bit.mask != 0)
            }

            /// Whether any bit is set here and in the other field (an action code).
            pub fn meets(&self, other: &[u8; $length]) -> bool {
                self.0.iter().zip(other).any(|(mine, theirs)| mine & theirs != 0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), hex::encode(&self.0))
            }
        }
    };
}

field!(
    /// Terminal verification results, tag 95. The bits are in [`tvr`].
    Tvr,
    5
);
field!(
    /// Transaction status information, tag 9B. The bits are in [`tsi`].
    Tsi,
    2
);
field!(
    /// Application interchange profile, tag 82. The bits are in [`aip`].
    Aip,
    2
);

field!(
    /// Terminal transaction qualifiers, tag 9F66. The bits are in [`ttq`].
    Ttq,
    4
);
field!(
    /// Card transaction qualifiers, tag 9F6C. The bits are in [`ctq`].
    Ctq,
    2
);

/// Cardholder verification results, tag 9F34: method performed, its condition, its result (Book 4 Annex A4).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CvmResults(pub [u8; 3]);

impl CvmResults {
    /// No method was performed.
    pub const NONE: Self = Self([0x3F, 0x00, 0x00]);

    /// The result byte: 0 unknown, 1 failed, 2 successful.
    pub fn result(&self) -> u8 {
        self.0[2]
    }
}

impl fmt::Debug for CvmResults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CvmResults({})", hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_where_the_books_put_them() {
        let mut results = Tvr::default();
        results.set(tvr::ODA_NOT_PERFORMED);
        results.set(tvr::ONLINE_PIN_ENTERED);
        results.set(tvr::FLOOR_LIMIT_EXCEEDED);
        assert_eq!(results.0, [0x80, 0, 0x04, 0x80, 0]);
        assert!(results.has(tvr::ONLINE_PIN_ENTERED) && !results.has(tvr::PIN_NOT_ENTERED));
        assert!(results.meets(&[0, 0, 0xFF, 0, 0]) && !results.meets(&[0x7F, 0, 0xFB, 0x7F, 0xFF]));
        let mut information = Tsi::default();
        information.set(tsi::SCRIPT_PERFORMED);
        assert_eq!(information.0, [0x04, 0]);
    }
}
