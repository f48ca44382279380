//! Field 48 of a settlement (0500): what the terminal counts, and how the host compares it (reference 2.3).
//!
//! 62 digits: for domestic cards (内卡) debit amount n12, debit count n3, credit amount n12, credit count n3 and a
//! result n1, then the same for foreign cards (外卡). In a request both results are 0.

use crate::bcd::Digits;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::kind::Books;
use serde::{Deserialize, Serialize};

/// Digits of field 48 in a settlement and its answer.
pub const LENGTH: usize = 62;
const SIDE: usize = 31;
const LARGEST_AMOUNT: u64 = 999_999_999_999;
const LARGEST_COUNT: u64 = 999;

/// What moved on one side in a batch. Debits are sales, completions, and offline sales; credits are refunds, voids and
/// completion cancels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Sum of the debits in minor units, 0 to 999999999999.
    pub debit_amount: u64,
    /// Number of debits, 0 to 999.
    pub debit_count: u16,
    /// Sum of the credits in minor units, 0 to 999999999999.
    pub credit_amount: u64,
    /// Number of credits, 0 to 999.
    pub credit_count: u16,
}

/// The totals of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Domestic cards (内卡).
    pub domestic: Side,
    /// Foreign cards (外卡).
    pub foreign: Side,
}

/// How the host finds one side (digits 31 and 62).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SideResult {
    /// 0: it does not say.
    Undefined,
    /// 1: the host has the same (对账平).
    Balanced,
    /// 2: the host has something else (对账不平).
    Unbalanced,
    /// 3 and above: it could not compare.
    Error,
}

impl SideResult {
    fn of_digit(digit: u64) -> Self {
        match digit {
            0 => Self::Undefined,
            1 => Self::Balanced,
            2 => Self::Unbalanced,
            _ => Self::Error,
        }
    }

    /// One word for logs and the bus.
    pub fn word(self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Balanced => "balanced",
            Self::Unbalanced => "unbalanced",
            Self::Error => "error",
        }
    }

    /// Whether the details of this side need no upload. Anything but a plain yes is a no.
    pub fn is_balanced(self) -> bool {
        self == Self::Balanced
    }
}

/// What the host answers to a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// The totals in the answer: as they were sent, or the host's own.
    pub totals: Totals,
    /// How domestic cards compare.
    pub domestic: SideResult,
    /// How foreign cards compare.
    pub foreign: SideResult,
}

/// Field 48 of a settlement answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TotalsError {
    /// There is no field 48.
    #[error("field 48 (totals) is missing")]
    Missing,
    /// It has another length.
    #[error("field 48 has {length} digits; totals have {LENGTH}")]
    Length {
        /// Digits that came.
        length: usize,
    },
}

impl Totals {
    /// Field 48 of a settlement request, 62 digits.
    ///
    /// # Errors
    /// Where an amount or a count exceeds its digits. More than 999 transactions of a kind do not fit the field: settle
    /// before that.
    pub fn field48(&self) -> Result<String, EncodeError> {
        Ok(format!("{}0{}0", self.domestic.digits()?, self.foreign.digits()?))
    }
}

impl Side {
    /// Counts one transaction more. What exceeds the field's digits is refused by [`Totals::field48`], not here.
    pub fn add(&mut self, books: Books, amount: u64) {
        let (sum, count) = match books {
            Books::Debit => (&mut self.debit_amount, &mut self.debit_count),
            Books::Credit => (&mut self.credit_amount, &mut self.credit_count),
            Books::Nothing => return,
        };
        *sum = sum.saturating_add(amount);
        *count = count.saturating_add(1);
    }

    fn digits(&self) -> Result<String, EncodeError> {
        let fits = |value: u64, max| {
            let error = EncodeError::new(48, EncodeErrorKind::OutOfRange { min: 0, max });
            if value <= max { Ok(value) } else { Err(error) }
        };
        Ok(format!(
            "{:012}{:03}{:012}{:03}",
            fits(self.debit_amount, LARGEST_AMOUNT)?,
            fits(self.debit_count.into(), LARGEST_COUNT)?,
            fits(self.credit_amount, LARGEST_AMOUNT)?,
            fits(self.credit_count.into(), LARGEST_COUNT)?,
        ))
    }

    fn read(digits: Digits<'_>) -> Option<(Self, SideResult)> {
        let count = |range| digits.number(range).and_then(|count| u16::try_from(count).ok());
        let side = Self {
            debit_amount: digits.number(0..12)?,
            debit_count: count(12..15)?,
            credit_amount: digits.number(15..27)?,
            credit_count: count(27..30)?,
        };
        Some((side, SideResult::of_digit(digits.number(30..SIDE)?)))
    }
}

impl Reconciliation {
    /// Reads field 48 of a settlement answer.
    ///
    /// # Errors
    /// Where it has another length than 62 digits.
    pub fn read(digits: Digits<'_>) -> Result<Self, TotalsError> {
        let side = |range| digits.slice(range).and_then(Side::read);
        match (digits.len(), side(0..SIDE), side(SIDE..LENGTH)) {
            (LENGTH, Some((domestic, domestic_result)), Some((foreign, foreign_result))) => Ok(Self {
                totals: Totals { domestic, foreign },
                domestic: domestic_result,
                foreign: foreign_result,
            }),
            (length, ..) => Err(TotalsError::Length { length }),
        }
    }

    /// Whether both sides are balanced: then only the records of chip transactions are uploaded.
    pub fn is_balanced(&self) -> bool {
        self.domestic.is_balanced() && self.foreign.is_balanced()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn packed(text: &str) -> Vec<u8> {
        crate::bcd::unhex(text).unwrap()
    }

    fn read(text: &str) -> Reconciliation {
        Reconciliation::read(Digits::new(&packed(text), 0, text.len()).unwrap()).unwrap()
    }

    #[test]
    fn each_total_has_its_place() {
        let side = Side { debit_amount: 1234, debit_count: 2, credit_amount: 500, credit_count: 1 };
        let totals = Totals { domestic: side, foreign: Side::default() };
        let text = totals.field48().unwrap();
        assert_eq!(text, format!("0000000012340020000000005000010{}", "0".repeat(31)));
        assert_eq!(read(&text).domestic, SideResult::Undefined);
    }

    #[test]
    fn digits_31_and_62_are_the_results() {
        let answer = |domestic: char, foreign: char| {
            let zeros = "0".repeat(30);
            read(&format!("{zeros}{domestic}{zeros}{foreign}"))
        };
        assert!(answer('1', '1').is_balanced());
        let half = answer('1', '2');
        assert!(half.domestic.is_balanced() && !half.foreign.is_balanced() && !half.is_balanced());
        assert_eq!((half.domestic, half.foreign), (SideResult::Balanced, SideResult::Unbalanced));
        for (digit, result) in
            [('0', SideResult::Undefined), ('3', SideResult::Error), ('9', SideResult::Error)]
        {
            assert_eq!(answer(digit, '1').domestic, result);
            assert!(!answer(digit, '1').is_balanced(), "only a plain yes is one");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let totals = |domestic| Totals { domestic, ..Totals::default() };
        for side in [
            Side { debit_count: 1000, ..Side::default() },
            Side { credit_count: 1000, ..Side::default() },
            Side { debit_amount: LARGEST_AMOUNT + 1, ..Side::default() },
            Side { credit_amount: LARGEST_AMOUNT + 1, ..Side::default() },
        ] {
            assert_eq!(totals(side).field48().unwrap_err().field, 48);
        }
        let short = packed(&"0".repeat(60));
        let error = Reconciliation::read(Digits::new(&short, 0, 60).unwrap()).unwrap_err();
        assert_eq!(error, TotalsError::Length { length: 60 });
    }

    proptest! {
        #[test]
        fn totals_come_back_as_they_went(
            amounts in proptest::array::uniform4(0u64..=LARGEST_AMOUNT), counts in proptest::array::uniform4(0u16..=999),
        ) {
            let side = |a: usize| Side {
                debit_amount: amounts[a], debit_count: counts[a],
                credit_amount: amounts[a + 1], credit_count: counts[a + 1],
            };
            let totals = Totals { domestic: side(0), foreign: side(2) };
            prop_assert_eq!(read(&totals.field48().unwrap()).totals, totals);
        }
    }
}
