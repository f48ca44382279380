//! What a settlement says: totals of one batch, and the lines that are uploaded after it (field 48).

use serde::{Deserialize, Serialize};

use crate::fault::MessageKind;

/// The sums of one card side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Paid by cardholders, in cents.
    pub debit_amount: u64,
    /// How many such transactions.
    pub debit_count: u64,
    /// Given back to cardholders, in cents.
    pub credit_amount: u64,
    /// How many such transactions.
    pub credit_count: u64,
}

impl Sums {
    pub(crate) fn add(amount: &mut u64, count: &mut u64, more: u64) {
        *amount += more;
        *count += 1;
    }

    fn read(digits: &str) -> Option<(Self, char)> {
        let number = |from, to| digits.get(from..to)?.parse().ok();
        let sums = Self {
            debit_amount: number(0, 12)?,
            debit_count: number(12, 15)?,
            credit_amount: number(15, 27)?,
            credit_count: number(27, 30)?,
        };
        Some((sums, digits.get(30..31)?.chars().next()?))
    }
}

/// The totals of one batch of one terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// 内卡.
    pub domestic: Sums,
    /// 外卡.
    pub foreign: Sums,
}

impl Totals {
    /// Reads field 48 of a settlement: 62 digits, the two result digits with it.
    pub(crate) fn read(digits: &str) -> Option<(Self, [char; 2])> {
        if digits.len() != 62 {
            return None;
        }
        let (domestic, first) = Sums::read(digits.get(..31)?)?;
        let (foreign, second) = Sums::read(digits.get(31..)?)?;
        Some((Self { domestic, foreign }, [first, second]))
    }
}

/// Digit 31 or 62 of the answer to a settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Balance {
    /// 1: terminal and host have the same sums.
    Balanced,
    /// 2: they have not.
    Unbalanced,
    /// 3: the host cannot say.
    Error,
}

impl Balance {
    pub(crate) fn digit(self) -> char {
        match self {
            Self::Balanced => '1',
            Self::Unbalanced => '2',
            Self::Error => '3',
        }
    }
}

/// What an uploaded line is at the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Match {
    /// A booking that counts, of this card and amount.
    Matched,
    /// A booking that the host had forgotten; it counts again.
    Restored,
    /// A booking with another amount.
    OtherAmount,
    /// A booking of another card.
    OtherCard,
    /// No booking that counts has this trace number.
    NotFound,
}

/// One line that a terminal uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadLine {
    /// Kind of the upload message.
    pub kind: MessageKind,
    /// Trace number of the upload message (11); `None` where it has none.
    pub message_trace: Option<u32>,
    /// Trace number of the transaction that the line tells of.
    pub trace: u32,
    /// PAN, first 6 and last 4 digits shown.
    pub pan: String,
    /// Amount, in cents.
    pub amount: u64,
    /// What the host found.
    pub result: Match,
}

/// The settlement of one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Terminal number (41).
    pub terminal: String,
    /// Batch number (60.2).
    pub batch: u32,
    /// When its last 0500 came, Unix milliseconds.
    pub at_ms: u64,
    /// What the terminal said, the last time it asked.
    pub told: Totals,
    /// What the host held then.
    pub held: Totals,
    /// The answer for 内卡.
    pub domestic: Balance,
    /// The answer for 外卡.
    pub foreign: Balance,
    /// Every line uploaded, in order, repeats left out.
    pub uploads: Vec<UploadLine>,
    /// The count that the batch end gave; `None` while the batch is open.
    pub ended: Option<u32>,
}

impl Settlement {
    /// Whether both sides balanced.
    pub fn is_balanced(&self) -> bool {
        (self.domestic, self.foreign) == (Balance::Balanced, Balance::Balanced)
    }
}

/// One item of field 48 of a batch upload.
pub(crate) struct Item {
    pub(crate) foreign: bool,
    pub(crate) trace: u32,
    pub(crate) pan: String,
    pub(crate) amount: u64,
}

/// Reads field 48 of a batch upload: n2 count (1 to 8), then n2 card type, n6 trace, n20 PAN, n12 amount.
pub(crate) fn read_items(digits: &str) -> Result<Vec<Item>, &'static str> {
    let count: usize = digits.get(..2).and_then(|count| count.parse().ok()).ok_or("no count")?;
    if !(1..=8).contains(&count) {
        return Err("the count is not 1 to 8");
    }
    let rest = digits.get(2..).unwrap_or_default();
    if rest.len() != count * 40 {
        return Err("its length is not that of its count");
    }
    (0..count)
        .map(|place| {
            let item = rest.get(place * 40..place * 40 + 40).ok_or("cut short")?;
            let foreign = match item.get(..2) {
                Some("00") => false,
                Some("01") => true,
                _ => return Err("a card type is neither 00 nor 01"),
            };
            let number = |from, to| item.get(from..to).and_then(|digits| digits.parse::<u64>().ok());
            Ok(Item {
                foreign,
                trace: number(2, 8).and_then(|trace| u32::try_from(trace).ok()).ok_or("no trace number")?,
                pan: item.get(8..28).unwrap_or_default().trim_start_matches('0').to_owned(),
                amount: number(28, 40).ok_or("no amount")?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_have_62_digits() {
        let text = format!("{}{}", "0000000012340020000000005000011", "0000000000000000000000000000002");
        let (totals, results) = Totals::read(&text).unwrap();
        assert_eq!((totals.domestic.debit_amount, totals.domestic.debit_count), (1234, 2));
        assert_eq!((totals.domestic.credit_amount, totals.domestic.credit_count), (500, 1));
        assert_eq!((totals.foreign, results), (Sums::default(), ['1', '2']));
        assert!(Totals::read(&text[1..]).is_none());
    }

    #[test]
    fn items_have_40_digits_each() {
        let item = |kind: &str| format!("{kind}000017{:0>20}{:012}", "6212340000000019", 1234);
        let items = read_items(&format!("02{}{}", item("00"), item("01"))).ok().unwrap();
        assert_eq!((items[0].trace, items[0].amount, items[0].foreign), (17, 1234, false));
        assert!(items[0].pan == "6212340000000019" && items[1].foreign);
        assert!(read_items(&format!("02{}", item("00"))).is_err());
        assert!(read_items(&format!("01{}", item("02"))).is_err());
        assert!(read_items("00").is_err());
        assert!(read_items(&format!("09{}", item("00").repeat(9))).is_err());
    }
}
