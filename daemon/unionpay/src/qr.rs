//! QR payment codes: the dialect's field 59, codes that a customer shows, codes that the terminal shows.
//!
//! Whose a scanned code is says [`crate::profile::Qr::wallet_of`].

pub mod customer;
pub mod field59;
pub mod merchant;

pub use customer::CustomerPayload;
pub use field59::{Field59, Field59Error, TerminalInfo};
pub use merchant::MerchantPayload;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A payment code (付款码, C2B码) that a customer showed: 1 to 32 digits. Whoever has it can take money with it.
///
/// `Debug` shows no digit, there is no `Clone`, and the memory is wiped on drop.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PaymentCode(String);

impl PaymentCode {
    /// Most digits of a code.
    pub const MOST_DIGITS: usize = 32;

    /// The code of its digits; `None` for anything else.
    pub fn new(digits: &str) -> Option<Self> {
        let good =
            (1..=Self::MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        good.then(|| Self(digits.to_owned()))
    }

    /// The digits in clear: for the message and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The last six digits (fewer where it has fewer), the random factor of [`TerminalInfo`].
    pub fn last_six(&self) -> &str {
        self.0.get(self.0.len().saturating_sub(6)..).unwrap_or(&self.0)
    }
}

impl core::fmt::Debug for PaymentCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PaymentCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Profile;

    fn wallet(code: &str) -> Option<String> {
        let qr = Profile::default().qr;
        qr.wallet_of(&PaymentCode::new(code)?).map(|wallet| wallet.name.clone())
    }

    #[test]
    fn codes_belong_to_their_wallets() {
        let zeros = |prefix: &str, length: usize| format!("{prefix:0<length$}");
        assert_eq!(wallet(&zeros("62", 19)).as_deref(), Some("unionpay"));
        assert_eq!(wallet(&zeros("62", 18)), None);
        for prefix in ["10", "13", "15"] {
            assert_eq!(wallet(&zeros(prefix, 18)).as_deref(), Some("wechat"));
            assert_eq!(wallet(&zeros(prefix, 19)), None);
        }
        for length in [16, 18, 24] {
            assert_eq!(wallet(&zeros("25", length)).as_deref(), Some("alipay"));
            assert_eq!(wallet(&zeros("30", length)).as_deref(), Some("alipay"));
        }
        for (prefix, length) in [("25", 15), ("25", 25), ("31", 18), ("16", 18), ("09", 18)] {
            assert_eq!(wallet(&zeros(prefix, length)), None, "{prefix} {length}");
        }
    }

    #[test]
    fn rule_10_a_code_is_not_shown() {
        let code = PaymentCode::new("6212340000000000019").unwrap();
        assert_eq!((format!("{code:?}").as_str(), code.last_six()), ("PaymentCode(…)", "000019"));
        assert!(PaymentCode::new("").is_none() && PaymentCode::new("62a").is_none());
        assert!(PaymentCode::new(&"1".repeat(33)).is_none());
        assert_eq!(PaymentCode::new("123").unwrap().last_six(), "123");
    }
}
