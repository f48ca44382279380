//! Amounts of money: whole minor units with their ISO 4217 currency.

use serde::{Deserialize, Serialize};

/// The currencies this terminal knows. A closed list: an unknown currency is refused, because this is money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Currency {
    /// Renminbi, 156, two decimals (fen).
    #[serde(rename = "CNY")]
    Cny,
}

impl Currency {
    /// The currency of an ISO 4217 alphabetic code, upper case.
    pub fn from_code(code: &str) -> Option<Currency> {
        (code == "CNY").then_some(Currency::Cny)
    }

    /// The currency of an ISO 4217 numeric code.
    pub fn from_numeric(code: u16) -> Option<Currency> {
        (code == 156).then_some(Currency::Cny)
    }

    /// The ISO 4217 alphabetic code.
    pub fn code(self) -> &'static str {
        match self {
            Currency::Cny => "CNY",
        }
    }

    /// The ISO 4217 numeric code, as fields 49 and 5F2A carry it.
    pub fn numeric(self) -> u16 {
        match self {
            Currency::Cny => 156,
        }
    }
}

/// An amount to charge: 1 to 999,999,999,999 minor units (field 4 is n12), or nothing for what moves no money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    minor: u64,
    currency: Currency,
}

impl Amount {
    /// The largest amount field 4 can carry, in minor units.
    pub const MAXIMUM: u64 = 999_999_999_999;

    /// An amount of `minor` units; `None` for zero or more than [`Amount::MAXIMUM`].
    pub fn new(minor: u64, currency: Currency) -> Option<Amount> {
        (1..=Amount::MAXIMUM).contains(&minor).then_some(Amount { minor, currency })
    }

    /// The amount of what moves no money (余额查询).
    pub fn nothing(currency: Currency) -> Amount {
        Amount { minor: 0, currency }
    }

    /// The amount in minor units (fen).
    pub fn minor(self) -> u64 {
        self.minor
    }

    /// Its currency.
    pub fn currency(self) -> Currency {
        self.currency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_what_field_4_can_carry() {
        assert!(Amount::new(0, Currency::Cny).is_none());
        assert!(Amount::new(1, Currency::Cny).is_some());
        assert!(Amount::new(Amount::MAXIMUM, Currency::Cny).is_some());
        assert!(Amount::new(Amount::MAXIMUM + 1, Currency::Cny).is_none());
        assert!(Currency::from_code("cny").is_none());
    }
}
