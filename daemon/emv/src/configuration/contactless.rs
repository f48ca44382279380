//! What a terminal is told of its contactless reader, and the limits of each application at it.

use serde::{Deserialize, Serialize};

/// The contactless reader; one for all applications. Amounts are in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Contactless {
    /// Whether a card may ask for contactless debit and credit with GENERATE AC (UnionPay's VSDC): it then has to stay
    /// at the reader until the host has answered. Default false: such a card is to be inserted.
    pub debit_credit: bool,
    /// Whether a card that goes online is asked to authenticate itself too (TTQ byte 1, bit 1). A verification on the
    /// cardholder's device counts only then. Default true.
    pub online_authentication: bool,
    /// Whether fDDA of version 01 is asked for (TTQ byte 4, bit 8). Default true.
    #[serde(rename = "fdda-01")]
    pub fdda_01: bool,
    /// Whether an amount of zero is taken, online. Default true.
    pub zero_amount: bool,
    /// Whether one unit of the currency goes online to see whether the card is good (status check). Default false.
    pub status_check: bool,
    /// Whether a verification on the cardholder's device (CDCVM) counts, where the card signs that it was done.
    /// Default true.
    pub device_verification: bool,
    /// 免密: the largest amount for which no PIN is asked for. Default none: the card and the CVM limit decide.
    pub no_pin_limit: Option<u64>,
    /// 免签: the largest amount for which nobody signs. Default none: the cardholder signs.
    pub no_signature_limit: Option<u64>,
}

impl Default for Contactless {
    fn default() -> Self {
        Self {
            debit_credit: false,
            online_authentication: true,
            fdda_01: true,
            zero_amount: true,
            status_check: false,
            device_verification: true,
            no_pin_limit: None,
            no_signature_limit: None,
        }
    }
}

impl Contactless {
    /// The limit up to which no PIN is asked for, where the amount is free of it: the limit itself still is.
    pub fn free_of_pin(&self, amount: u64) -> Option<u64> {
        self.no_pin_limit.filter(|limit| amount <= *limit)
    }

    /// The limit up to which nobody signs, where the amount is free of that: the limit itself still is.
    pub fn free_of_signature(&self, amount: u64) -> Option<u64> {
        self.no_signature_limit.filter(|limit| amount <= *limit)
    }
}

/// The limits of an application at the contactless reader, in minor units (EMV Contactless Book B §3.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ContactlessLimits {
    /// Contactless transaction limit (DF20): an amount from it on is not taken without contact. Default none: every
    /// amount is.
    pub transaction_limit: Option<u64>,
    /// CVM limit (DF21): from it on the cardholder must be verified. Default none: always.
    pub cvm_limit: Option<u64>,
    /// Contactless floor limit (DF19): an amount above it goes online. Default none: all do.
    pub floor_limit: Option<u64>,
    /// Electronic cash terminal transaction limit (9F7B): an amount above it is not paid with electronic cash. Default
    /// none: the floor limit decides alone.
    pub cash_limit: Option<u64>,
}

impl ContactlessLimits {
    /// Whether an amount is taken at all.
    pub fn allows(&self, amount: u64) -> bool {
        self.transaction_limit.is_none_or(|limit| amount < limit)
    }

    /// Whether an amount demands that the cardholder is verified, as far as no small-amount parameters say otherwise.
    pub fn needs_verification(&self, amount: u64) -> bool {
        self.cvm_limit.is_none_or(|limit| amount >= limit)
    }

    /// Whether an amount may be approved without the host.
    pub fn may_stay_offline(&self, amount: u64) -> bool {
        self.floor_limit.is_some_and(|limit| amount <= limit)
            && self.cash_limit.is_none_or(|limit| amount <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_at_its_exact_boundary() {
        let limits = ContactlessLimits {
            transaction_limit: Some(100_000),
            cvm_limit: Some(30_000),
            floor_limit: Some(5_000),
            cash_limit: Some(4_000),
        };
        assert!(limits.allows(99_999) && !limits.allows(100_000));
        assert!(!limits.needs_verification(29_999) && limits.needs_verification(30_000));
        assert!(limits.may_stay_offline(4_000) && !limits.may_stay_offline(4_001));
        let without_cash = ContactlessLimits { cash_limit: None, ..limits };
        assert!(without_cash.may_stay_offline(5_000) && !without_cash.may_stay_offline(5_001));
        let small = Contactless {
            no_pin_limit: Some(30_000),
            no_signature_limit: Some(100_000),
            ..Contactless::default()
        };
        assert_eq!(
            [29_999, 30_000, 30_001].map(|amount| small.free_of_pin(amount).is_some()),
            [true, true, false]
        );
        assert_eq!(
            [99_999, 100_000, 100_001].map(|a| small.free_of_signature(a).is_some()),
            [true, true, false]
        );
    }

    #[test]
    fn what_nobody_has_said_is_not_free() {
        let (none, terminal) = (ContactlessLimits::default(), Contactless::default());
        assert!(none.allows(u64::MAX) && none.needs_verification(0) && !none.may_stay_offline(0));
        assert!(terminal.free_of_pin(0).is_none() && terminal.free_of_signature(0).is_none());
    }
}
