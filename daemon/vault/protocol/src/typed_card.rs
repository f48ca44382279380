//! A card whose number is typed, and the digits of any card.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How to ask for a card's number and expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardPrompt {
    /// How long both prompts together may stand, in milliseconds.
    pub timeout_ms: u32,
    /// The amount shown beside the prompt on pads with a display, in minor units.
    pub amount: u64,
    /// ISO 4217 numeric currency of `amount`.
    pub currency: u16,
}

/// What came of a typed card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnteredCard {
    /// Both typed.
    Entered {
        /// 13 to 19 digits, the last one right by Luhn's rule.
        pan: Digits,
        /// Year and month, `YYMM`.
        expiry: Digits,
    },
    /// The number's last digit does not fit: mistyped. Expiry was not asked for.
    BadNumber,
    /// The expiry's month is not 01 to 12.
    BadExpiry,
    /// A prompt was cancelled.
    Cancelled,
    /// Nobody finished typing in time.
    TimedOut,
    /// The pad is not there or not usable.
    PadMissing,
}

impl std::fmt::Debug for EnteredCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            EnteredCard::Entered { .. } => "Entered(hidden)",
            EnteredCard::BadNumber => "BadNumber",
            EnteredCard::BadExpiry => "BadExpiry",
            EnteredCard::Cancelled => "Cancelled",
            EnteredCard::TimedOut => "TimedOut",
            EnteredCard::PadMissing => "PadMissing",
        })
    }
}

/// Decimal digits that are cardholder data (a PAN): never shown, wiped on drop.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Digits(String);

impl Digits {
    /// Takes 1 to 19 decimal digits; `None` for anything else.
    pub fn new(digits: &str) -> Option<Digits> {
        let good = (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| Digits(digits.to_owned()))
    }

    /// The digits. The receiver must not store or show them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Digits({} hidden)", self.0.len())
    }
}
