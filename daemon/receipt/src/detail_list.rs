//! The detail list (交易明细).

use crate::{
    allow_list::mask,
    data::Entry,
    heading::Heading,
    layout::letter,
    line::{Line, Lines, amount, currency},
    transaction_type::{Money, TransactionType},
};
use serde::{Deserialize, Serialize};

/// One transaction of the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// 凭证号 = trace number, 1 to 999999.
    pub trace: u32,
    /// The transaction type.
    pub transaction_type: TransactionType,
    /// 卡号, masked; empty where there is none.
    pub masked_pan: String,
    /// How the card was read.
    pub entry: Entry,
    /// In minor units, always positive.
    pub amount: u64,
    /// 授权码.
    #[serde(default)]
    pub authorisation_code: Option<String>,
}

/// The detail list as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetailList {
    /// The terminal and the time.
    pub heading: Heading,
    /// 批次号, 1 to 999999.
    pub batch: u32,
    /// ISO 4217 alphabetic code of all amounts.
    pub currency: String,
    /// The transactions in the order of the list. All are printed: a batch is as long as the terminal lets it be.
    pub details: Vec<Detail>,
}

impl DetailList {
    pub(crate) fn lines(&self, reprint: bool) -> Vec<Line> {
        let mut lines = Lines::default();
        lines.double("交易明细");
        lines.centre("TRANSACTION DETAILS");
        lines.marks(self.heading.test, reprint);
        self.heading.draw(&mut lines);
        lines.pair("批次号 BATCH NO", &format!("{:06}", self.batch));
        lines.pair("货币 CURRENCY", currency(&self.currency));
        lines.rule();
        for detail in &self.details {
            let row = detail.transaction_type.row();
            let (sign, code) = (
                if row.money == Money::Minus { "-" } else { "" },
                detail.authorisation_code.as_deref().unwrap_or_default(),
            );
            // 58 mm have no room for one line: trace, type and code above, card and amount below.
            let by_code = if detail.entry == Entry::Qr { "扫码" } else { "" };
            lines.pair(&format!("{:06} {by_code}{}", detail.trace, row.chinese), code);
            let letter = letter(detail.entry).unwrap_or('Q');
            let card = format!("{} {letter}", mask(detail.masked_pan.trim()));
            lines.pair(&card, &format!("{sign}{}", amount(detail.amount)));
        }
        lines.rule();
        lines.pair("笔数 COUNT", &self.details.len().to_string());
        lines.cut()
    }
}
