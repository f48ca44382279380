//! The card number in clear, for the slips that the rules print in full.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A card number in clear, on its way to the printer only: it cannot be serialised, `Debug` shows nothing, and the
/// memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct FullPan(String);

impl FullPan {
    /// The number of its ASCII digits; `None` for anything but 8 to 19 of them.
    pub fn new(digits: &str) -> Option<Self> {
        let good = (8..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| Self(digits.to_owned()))
    }

    /// The digits: for paper and nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// The first six and the last four digits.
    pub fn masked(&self) -> String {
        crate::mask(&self.0)
    }
}

impl core::fmt::Debug for FullPan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FullPan(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_10_only_digits_are_taken_and_none_is_shown() {
        for bad in [
            "",
            "1234567",
            "12345678901234567890",
            "62123400 0000019",
            "621234000000001９",
            "\u{1b}@6212340000",
        ] {
            assert!(FullPan::new(bad).is_none(), "{bad:?}");
        }
        let pan = FullPan::new("6212340000000019").unwrap();
        assert_eq!(format!("{pan:?}"), "FullPan(…)");
        assert_eq!(pan.masked(), "621234******0019");
    }
}
