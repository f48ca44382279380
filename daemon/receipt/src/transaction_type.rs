//! The transaction types as slips know them: one table for all that differs.

use serde::{Deserialize, Serialize};

/// The transaction type as the slip names it. A payment by QR code is the same type with
/// [`Entry::Qr`](crate::Entry::Qr).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionType {
    /// 消费.
    Sale,
    /// 消费撤销.
    Void,
    /// 退货.
    Refund,
    /// 预授权.
    PreAuth,
    /// 追加预授权.
    PreAuthIncrement,
    /// 预授权撤销.
    PreAuthCancel,
    /// 预授权完成(请求).
    Completion,
    /// 预授权完成(通知).
    CompletionAdvice,
    /// 预授权完成撤销.
    CompletionCancel,
    /// 余额查询.
    BalanceInquiry,
    /// 脱机消费.
    OfflineSale,
    /// 离线结算: authorised by voice.
    OfflineSettlement,
    /// 结算调整: a tip.
    Adjustment,
    /// 分期付款.
    Instalment,
    /// 订购.
    PhoneOrder,
}

impl TransactionType {
    /// Every type.
    pub const ALL: [TransactionType; 15] = [
        TransactionType::Sale,
        TransactionType::Void,
        TransactionType::Refund,
        TransactionType::PreAuth,
        TransactionType::PreAuthIncrement,
        TransactionType::PreAuthCancel,
        TransactionType::Completion,
        TransactionType::CompletionAdvice,
        TransactionType::CompletionCancel,
        TransactionType::BalanceInquiry,
        TransactionType::OfflineSale,
        TransactionType::OfflineSettlement,
        TransactionType::Adjustment,
        TransactionType::Instalment,
        TransactionType::PhoneOrder,
    ];
}

/// What a slip says of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Money {
    /// The amount goes to the shop, or is held for it.
    Plain,
    /// The amount goes back to the card: a minus sign.
    Minus,
    /// No money moves: no amount, nothing to agree to.
    None,
}

/// What a slip says of the transaction that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// 原凭证号.
    Trace,
    /// 预授权码.
    PreAuthCode,
    /// 原预授权码.
    OriginalPreAuthCode,
    /// 原参考号.
    Rrn,
    /// 原交易日期.
    Date,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) chinese: &'static str,
    pub(crate) english: &'static str,
    pub(crate) money: Money,
    /// The rules want the card number in full.
    pub(crate) full_pan: bool,
    pub(crate) notes: &'static [Note],
}

const FULL: bool = true;
const MASKED: bool = false;

impl TransactionType {
    /// The table (reference section 6).
    pub(crate) fn row(self) -> Row {
        use Money::{Minus, Plain};
        let row = |chinese, english, money, full_pan, notes| Row { chinese, english, money, full_pan, notes };
        match self {
            Self::Sale => row("消费", "SALE", Plain, MASKED, &[]),
            Self::Void => row("消费撤销", "VOID", Minus, MASKED, &[Note::Trace]),
            Self::Refund => row("退货", "REFUND", Minus, MASKED, &[Note::Rrn, Note::Date]),
            Self::PreAuth => row("预授权", "AUTH", Plain, FULL, &[]),
            Self::PreAuthIncrement => {
                row("追加预授权", "AUTH INCREMENT", Plain, FULL, &[Note::OriginalPreAuthCode])
            }
            Self::PreAuthCancel => {
                row("预授权撤销", "AUTH CANCEL", Plain, MASKED, &[Note::OriginalPreAuthCode])
            }
            Self::Completion => row("预授权完成(请求)", "AUTH COMPLETE", Plain, MASKED, &[Note::PreAuthCode]),
            Self::CompletionAdvice => {
                row("预授权完成(通知)", "AUTH COMPLETE", Plain, MASKED, &[Note::PreAuthCode])
            }
            Self::CompletionCancel => {
                row("预授权完成撤销", "COMPLETE VOID", Minus, MASKED, &[Note::OriginalPreAuthCode])
            }
            Self::BalanceInquiry => row("余额查询", "BALANCE", Money::None, MASKED, &[]),
            Self::OfflineSale => row("脱机消费", "OFFLINE SALE", Plain, FULL, &[]),
            Self::OfflineSettlement => row("离线结算", "OFFLINE SETTLE", Plain, FULL, &[]),
            Self::Adjustment => row("小费", "TIP", Plain, FULL, &[Note::Trace]),
            Self::Instalment => row("分期付款", "INSTALMENT", Plain, MASKED, &[]),
            Self::PhoneOrder => row("订购", "PHONE ORDER", Plain, MASKED, &[]),
        }
    }

    /// Whether the rules want the card number in full on the slip, so that the caller hands it over at print time
    /// ([`Receipt::full_pan`](crate::Receipt::full_pan)).
    pub fn prints_full_pan(self) -> bool {
        self.row().full_pan
    }

    /// Whether the cardholder agrees to pay with it. Nobody acknowledges goods by an undo, or pays a balance.
    pub(crate) fn is_agreed_to(self) -> bool {
        self.row().money == Money::Plain && self != Self::PreAuthCancel
    }

    /// The name in both languages, as `消费/SALE`.
    pub fn name(self) -> String {
        let row = self.row();
        format!("{}/{}", row.chinese, row.english)
    }

    /// The name where a QR code was paid with, as `扫码消费/QR SALE`.
    pub(crate) fn name_by_code(self) -> String {
        let row = self.row();
        format!("扫码{}/QR {}", row.chinese, row.english)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list in words of the reference, against the table.
    #[test]
    fn full_numbers_are_printed_for_the_types_that_the_rules_name_and_no_other() {
        let full: Vec<_> =
            TransactionType::ALL.into_iter().filter(|t| t.prints_full_pan()).map(|t| t.name()).collect();
        assert_eq!(
            full,
            [
                "预授权/AUTH",
                "追加预授权/AUTH INCREMENT",
                "脱机消费/OFFLINE SALE",
                "离线结算/OFFLINE SETTLE",
                "小费/TIP"
            ]
        );
    }

    /// They lie in journals in this form.
    #[test]
    fn the_stored_words_stay() {
        let words = serde_json::to_string(&TransactionType::ALL).unwrap();
        let expected = r#"["sale","void","refund","pre-auth","pre-auth-increment","pre-auth-cancel","completion","completion-advice","completion-cancel","balance-inquiry","offline-sale","offline-settlement","adjustment","instalment","phone-order"]"#;
        assert_eq!(words, expected);
        assert_eq!(serde_json::from_str::<Vec<TransactionType>>(expected).unwrap(), TransactionType::ALL);
    }
}
