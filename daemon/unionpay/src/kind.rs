//! The transactions of a shop, one row each (reference 1): what differs between them on the line is data here.

use crate::mti::Mti;
use serde::{Deserialize, Serialize};

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The kind's one word, for journal and apps.
    pub word: &'static str,
    /// Message type of the request.
    pub mti: Mti,
    /// Field 3.
    pub processing: &'static str,
    /// 60.1.
    pub message_kind: &'static str,
    /// What field 25 is, family by family.
    pub condition: Condition,
    /// Whether silence is answered with a reversal (0400).
    pub reversible: bool,
    /// How field 61 names the original; `None` where the kind has none.
    pub original: Option<OriginalForm>,
    /// Whether field 37 (RRN of the original) is sent.
    pub original_rrn: bool,
    /// Whether field 38 (authorisation code of the original) is sent.
    pub original_code: bool,
    /// Whether field 4 is sent.
    pub amount: bool,
    /// Whether field 63 carries the card organisation.
    pub organisation: bool,
    /// Whether field 57 may carry the goods.
    pub goods: bool,
    /// Where a settlement counts it.
    pub books: Books,
}

/// Where a settlement counts a kind (field 48).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Books {
    /// 借记: the cardholder pays.
    Debit,
    /// 贷记: the cardholder gets something back.
    Credit,
    /// It moves nothing that is settled.
    Nothing,
}

/// Field 25 of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// 00, 08 for a phone order, 64 for an instalment.
    Sale,
    /// 06, 18 for a phone order.
    PreAuth,
}

/// What field 61 holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginalForm {
    /// Batch and trace (n12).
    Trace,
    /// Batch, trace and date (n16); unknown parts are zeros.
    TraceAndDate,
    /// Zeros, zeros, date (n16).
    Date,
}

/// What a transaction is a case of; it marks field 25 of the transaction and of everything that follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Nothing special.
    #[default]
    Plain,
    /// 订购: ordered by phone or mail.
    PhoneOrder,
    /// 分期: paid in instalments.
    Instalment,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal { $($field:ident: $value:expr),* $(,)? })+) => {
        /// A transaction type.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind { $($(#[$doc])* #[serde(rename = $word)] $variant,)+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)+];

            /// Its row.
            pub const fn row(self) -> &'static Row {
                match self { $(Kind::$variant => &Row { word: $word, $($field: $value,)* ..SALE },)+ }
            }
        }
    };
}

/// The row that the others differ from.
const SALE: Row = Row {
    word: "",
    mti: Mti::FINANCIAL,
    processing: "000000",
    message_kind: "22",
    condition: Condition::Sale,
    reversible: true,
    original: None,
    original_rrn: false,
    original_code: false,
    amount: true,
    organisation: false,
    goods: true,
    books: Books::Debit,
};

kinds! {
    /// 消费: money from card to merchant.
    Sale = "sale" {}
    /// 消费撤销: undoes a sale of the same batch, whole.
    Void = "void" {
        processing: "200000", message_kind: "23", original: Some(OriginalForm::Trace), original_rrn: true,
        original_code: true, books: Books::Credit,
    }
    /// 退货: gives back a sale or a part of it, also of an older batch. Never reversed (rule 5).
    Refund = "refund" {
        mti: Mti::ADVICE, processing: "200000", message_kind: "25", reversible: false,
        original: Some(OriginalForm::Date), original_rrn: true, original_code: true, organisation: true,
        goods: false, books: Books::Credit,
    }
    /// 预授权: reserves an amount.
    PreAuth = "pre-auth" {
        mti: Mti::AUTHORISATION, processing: "030000", message_kind: "10", condition: Condition::PreAuth,
        books: Books::Nothing,
    }
    /// 预授权撤销: gives a reservation up.
    PreAuthCancel = "pre-auth-cancel" {
        mti: Mti::AUTHORISATION, processing: "200000", message_kind: "11", condition: Condition::PreAuth,
        original: Some(OriginalForm::TraceAndDate), original_code: true, books: Books::Nothing,
    }
    /// 预授权完成(请求): takes what was reserved, online.
    Completion = "completion" {
        message_kind: "20", condition: Condition::PreAuth, original: Some(OriginalForm::TraceAndDate),
        original_code: true,
    }
    /// 预授权完成(通知): takes what was reserved, stored and forwarded.
    CompletionAdvice = "completion-advice" {
        mti: Mti::ADVICE, message_kind: "24", condition: Condition::PreAuth, reversible: false,
        original: Some(OriginalForm::TraceAndDate), original_code: true,
    }
    /// 预授权完成撤销: undoes a completion of the same batch, whole.
    CompletionCancel = "completion-cancel" {
        processing: "200000", message_kind: "21", condition: Condition::PreAuth,
        original: Some(OriginalForm::TraceAndDate), original_rrn: true, original_code: true, books: Books::Credit,
    }
    /// 余额查询: asks what the account holds.
    BalanceInquiry = "balance-inquiry" {
        processing: "310000", message_kind: "01", reversible: false, amount: false,
        goods: false, books: Books::Nothing,
    }
    /// 脱机消费: a sale that card and terminal approved by themselves, stored and forwarded.
    OfflineSale = "offline-sale" { message_kind: "36", reversible: false }
    /// 小费 (结算调整): adds to a sale of the same batch, stored and forwarded. The profile says what 60.1 and field 4 are
    /// ([`crate::profile::Tips`]).
    Tip = "tip" {
        mti: Mti::ADVICE, message_kind: "34", reversible: false, original: Some(OriginalForm::Trace),
        original_code: true,
    }
    /// 分期付款: a sale paid in instalments.
    Instalment = "instalment" {}
    /// 订购: a sale whose card number was told, not read.
    PhoneOrder = "phone-order" {}
    /// 扫码消费 (被扫): a sale paid with a code that the customer shows. What is sent says the wallet's dialect
    /// ([`crate::profile::QrDialect`]), not this row.
    QrScan = "qr-scan" {}
    /// 扫码消费 (主扫): a sale paid with a code that the terminal shows. What is sent says the wallet's dialect.
    QrShow = "qr-show" {}
}

impl Kind {
    /// The kind's one word.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// The kind of a word.
    pub fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// The family that a transaction of this kind begins; those that follow another take that one's.
    pub fn family(self) -> Family {
        match self {
            Kind::Instalment => Family::Instalment,
            Kind::PhoneOrder => Family::PhoneOrder,
            _ => Family::Plain,
        }
    }

    /// Field 25; `None` for what is not there (reference 1): an instalment payment is made and voided, and has no refund
    /// and no pre-authorisation.
    pub fn condition(self, family: Family) -> Option<&'static str> {
        let row = self.row();
        Some(match (row.condition, family) {
            (Condition::Sale, Family::Plain) => "00",
            (Condition::Sale, Family::PhoneOrder) => "08",
            (Condition::Sale, Family::Instalment) if row.reversible => "64",
            (Condition::PreAuth, Family::Plain) => "06",
            (Condition::PreAuth, Family::PhoneOrder) => "18",
            (Condition::Sale | Condition::PreAuth, Family::Instalment) => return None,
        })
    }
}

impl core::fmt::Display for Kind {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference 1, as an acquirer keys its table: type / processing / condition / 60.1, and whether it is reversed.
    #[test]
    fn the_table_is_the_references() {
        let expected = [
            ("sale", "0200/00/00/22", true),
            ("void", "0200/20/00/23", true),
            ("refund", "0220/20/00/25", false),
            ("pre-auth", "0100/03/06/10", true),
            ("pre-auth-cancel", "0100/20/06/11", true),
            ("completion", "0200/00/06/20", true),
            ("completion-advice", "0220/00/06/24", false),
            ("completion-cancel", "0200/20/06/21", true),
            ("balance-inquiry", "0200/31/00/01", false),
            ("offline-sale", "0200/00/00/36", false),
            ("tip", "0220/00/00/34", false),
            ("instalment", "0200/00/64/22", true),
            ("phone-order", "0200/00/08/22", true),
            ("qr-scan", "0200/00/00/22", true),
            ("qr-show", "0200/00/00/22", true),
        ];
        assert_eq!(Kind::ALL.len(), expected.len());
        for (word, key, reversible) in expected {
            let kind = Kind::from_word(word).unwrap();
            let row = kind.row();
            let condition = kind.condition(kind.family()).unwrap();
            let found = format!("{}/{}/{condition}/{}", row.mti, &row.processing[..2], row.message_kind);
            assert_eq!((found.as_str(), row.reversible), (key, reversible), "{word}");
        }
    }

    /// Reference 2.3: 20, 22, 24 and 36 are debits, 21, 23 and 25 credits; that a tip is a debit is our reading.
    #[test]
    fn a_settlement_counts_what_moves_money() {
        let of = |books| Kind::ALL.iter().filter(move |kind| kind.row().books == books);
        let types = |books| of(books).map(|kind| kind.row().message_kind).collect::<Vec<_>>();
        assert_eq!(types(Books::Debit), ["22", "20", "24", "36", "34", "22", "22", "22", "22"]);
        assert_eq!(types(Books::Credit), ["23", "25", "21"]);
        assert_eq!(types(Books::Nothing), ["10", "11", "01"]);
    }

    #[test]
    fn what_follows_a_transaction_keeps_its_condition() {
        assert_eq!(Kind::Void.condition(Family::Instalment), Some("64"));
        assert_eq!(Kind::Refund.condition(Family::PhoneOrder), Some("08"));
        assert_eq!(Kind::Completion.condition(Family::PhoneOrder), Some("18"));
        assert_eq!(Kind::Refund.condition(Family::Instalment), None, "an instalment payment is voided only");
    }
}
