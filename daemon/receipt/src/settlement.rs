//! The settlement slip (结算单).

use crate::{
    heading::Heading,
    line::{Line, Lines, amount, currency},
    transaction_type::TransactionType,
};
use serde::{Deserialize, Serialize};

/// The host's word on one side's totals (field 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostResult {
    /// 1: 平.
    Balanced,
    /// 2: 不平.
    Unbalanced,
    /// 3: 错.
    Error,
    /// 0, or no answer yet.
    Unknown,
}

impl HostResult {
    fn words(self) -> &'static str {
        match self {
            HostResult::Balanced => "平 BALANCED",
            HostResult::Unbalanced => "不平 UNBALANCED",
            HostResult::Error => "错 ERROR",
            HostResult::Unknown => "未知 UNKNOWN",
        }
    }
}

/// The totals of domestic (内卡) or foreign (外卡) cards, as field 48 has them. Amounts in minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// 借记笔数: how many debits.
    pub debit_count: u32,
    /// 借记金额.
    pub debit_amount: u64,
    /// 贷记笔数: how many credits.
    pub credit_count: u32,
    /// 贷记金额.
    pub credit_amount: u64,
    /// The host's word.
    pub result: HostResult,
}

/// How many transactions of a kind there are and their sum in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total<K> {
    /// The kind.
    pub of: K,
    /// How many.
    pub count: u32,
    /// Their sum in minor units.
    pub amount: u64,
}

/// The settlement slip as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The terminal and the time.
    pub heading: Heading,
    /// 批次号, 1 to 999999.
    pub batch: u32,
    /// ISO 4217 alphabetic code of all amounts.
    pub currency: String,
    /// 内卡.
    pub domestic: Side,
    /// 外卡.
    pub foreign: Side,
    /// By transaction type.
    #[serde(default)]
    pub types: Vec<Total<TransactionType>>,
    /// By card organisation (CUP, VIS …).
    #[serde(default)]
    pub organisations: Vec<Total<String>>,
    /// By operator.
    #[serde(default)]
    pub operators: Vec<Total<String>>,
    /// QR payments by type; they are among the types above too.
    #[serde(default)]
    pub qr: Vec<Total<TransactionType>>,
    /// The merchant's fees as the profile's rates estimate them, in minor units.
    #[serde(default)]
    pub estimated_fees: Option<u64>,
}

/// Most lines of one table that names come from elsewhere for.
const MOST: usize = 200;

fn table<K>(title: &str, totals: &[Total<K>], name: impl Fn(&K) -> String, lines: &mut Lines) {
    if totals.is_empty() {
        return;
    }
    lines.rule();
    lines.left(title);
    for total in totals.iter().take(MOST) {
        lines.pair(&format!("{} {}", name(&total.of), total.count), &amount(total.amount));
    }
    if totals.len() > MOST {
        lines.left(&format!("… {}", totals.len() - MOST));
    }
}

impl Settlement {
    pub(crate) fn lines(&self, reprint: bool) -> Vec<Line> {
        let mut lines = Lines::default();
        lines.double("结算单");
        lines.centre("SETTLEMENT");
        lines.marks(self.heading.test, reprint);
        self.heading.draw(&mut lines);
        lines.pair("批次号 BATCH NO", &format!("{:06}", self.batch));
        lines.pair("货币 CURRENCY", currency(&self.currency));
        for (title, side) in [("内卡 DOMESTIC CARDS", self.domestic), ("外卡 FOREIGN CARDS", self.foreign)]
        {
            lines.rule();
            lines.pair(title, side.result.words());
            lines.pair(&format!("借记 DEBIT {}", side.debit_count), &amount(side.debit_amount));
            lines.pair(&format!("贷记 CREDIT {}", side.credit_count), &amount(side.credit_amount));
        }
        let kind = |kind: &TransactionType| kind.name();
        table("按类型 BY TYPE", &self.types, kind, &mut lines);
        table("按卡组织 BY CARD ORGANISATION", &self.organisations, String::clone, &mut lines);
        table("按操作员 BY OPERATOR", &self.operators, String::clone, &mut lines);
        table("其中扫码 QR PAYMENTS", &self.qr, |kind| kind.name_by_code(), &mut lines);
        if let Some(fees) = self.estimated_fees {
            lines.rule();
            lines.pair("预估手续费 ESTIMATED FEES", &amount(fees));
        }
        lines.cut()
    }
}
