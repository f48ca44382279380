//! The slip of a reversal that failed: no receipt, but a call for help.

use crate::{
    allow_list::mask,
    data::Entry,
    heading::Heading,
    layout::letter,
    line::{Line, Lines, amount, currency},
    transaction_type::TransactionType,
};
use serde::{Deserialize, Serialize};

/// 冲正不成功: a reversal that the host has not taken, so that the shop can ask the acquirer about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReversalFault {
    /// The terminal and the time.
    pub heading: Heading,
    /// The type of the transaction that is to be reversed.
    pub transaction_type: TransactionType,
    /// 卡号, masked; empty where there is none.
    pub masked_pan: String,
    /// How the card was read.
    pub entry: Entry,
    /// 批次号, 1 to 999999.
    pub batch: u32,
    /// 凭证号 = trace number of the transaction, 1 to 999999.
    pub trace: u32,
    /// 金额 in minor units.
    pub amount: u64,
    /// ISO 4217 alphabetic code of the amount.
    pub currency: String,
    /// The app's own reference.
    pub reference: String,
    /// 客服电话: the acquirer's help line.
    pub help_line: Option<String>,
}

impl ReversalFault {
    pub(crate) fn lines(&self, reprint: bool) -> Vec<Line> {
        let locale = self.heading.locale;
        let mut lines = Lines::default();
        lines.double("冲正不成功,请人工处理");
        lines.centre("REVERSAL FAILED");
        lines.centre("***故障单,非凭证联***");
        lines.centre("FAULT SLIP, NOT A RECEIPT");
        lines.marks(self.heading.test, reprint);
        self.heading.draw(&mut lines);
        if !self.masked_pan.trim().is_empty() {
            let card = format!("{} {}", mask(self.masked_pan.trim()), letter(self.entry).unwrap_or(' '));
            lines.pair("卡号 CARD NO", &card);
        }
        lines.pair("交易类型 TXN TYPE", &self.transaction_type.name());
        lines.pair("批次号 BATCH NO", &format!("{:06}", self.batch));
        lines.pair("凭证号 VOUCHER NO", &format!("{:06}", self.trace));
        lines.some("订单号 ORDER", Some(&self.reference));
        lines.rule();
        lines.left("金额 AMOUNT");
        lines.double(&format!("{} {}", currency(&self.currency), amount(self.amount)));
        lines.rule();
        lines.left(locale.pick(
            "此交易可能已扣款,冲正尚未成功。请勿重复收款,并与收单机构联系。",
            "The card may have been charged and the reversal has not succeeded. Do not charge again; call the acquirer.",
        ));
        lines.some("客服电话 HELP LINE", self.help_line.as_deref());
        lines.cut()
    }
}
