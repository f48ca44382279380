//! The transaction types by their words on the bus, one row each: what an app, a command line and a till need to know
//! to offer them. Which of them a terminal serves, the terminal says (`UnknownKind`).

/// What an app gives as the amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountOf {
    /// Its own choice.
    Choice,
    /// Its own choice, up to what the original moved; where it gives none, all of it.
    UpToOriginal,
    /// What the original moved, so that nobody need type it.
    Original,
    /// None: nothing is moved.
    Nothing,
}

/// The value of an option that only some types have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// `s`.
    Text(String),
    /// `u`.
    Number(u32),
    /// `t`, minor units.
    Money(u64),
}

/// The type of such an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionType {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// An amount in yuan, sent as minor units.
    Money,
}

/// An option of `CreateTransaction` that only some types have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Further {
    /// Its key.
    pub key: &'static str,
    /// Its type.
    pub of: OptionType,
    /// It must be given.
    pub required: bool,
    /// What it is, in Chinese.
    pub zh: &'static str,
    /// What it is, in English.
    pub en: &'static str,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The word on the bus.
    pub word: &'static str,
    /// Its name in Chinese.
    pub zh: &'static str,
    /// Its name in English.
    pub en: &'static str,
    /// What it does, in Chinese.
    pub help_zh: &'static str,
    /// What it does, in English.
    pub help_en: &'static str,
    /// It follows an original.
    pub follows: bool,
    /// The types that it may follow; none where it follows none.
    pub originals: &'static [&'static str],
    /// What its amount is.
    pub amount: AmountOf,
    /// The app may accept that a part is approved.
    pub partial: bool,
    /// Its original may be one that is not in the terminal's journal.
    pub external: bool,
    /// Its own options.
    pub further: &'static [Further],
}

impl Kind {
    /// Its name in a language: Chinese for `zh-CN`, else English.
    pub fn name(&self, language: &str) -> &'static str {
        if language == "zh-CN" { self.zh } else { self.en }
    }

    /// Whether it may follow a transaction of that type.
    pub fn may_follow(&self, word: &str) -> bool {
        self.originals.contains(&word)
    }
}

/// The row that the others differ from.
const SALE: Kind = Kind {
    word: "sale",
    zh: "消费",
    en: "sale",
    help_zh: "收款：建立（或找到）这笔交易，开始，跟到结束",
    help_en: "Take a payment: make or find it, start it, follow it to its end",
    follows: false,
    originals: &[],
    amount: AmountOf::Choice,
    partial: true,
    external: false,
    further: &[],
};

/// An undo of an original, whole.
const UNDO: Kind = Kind { follows: true, amount: AmountOf::Original, partial: false, ..SALE };

/// Every transaction type.
pub const KINDS: &[Kind] = &[
    SALE,
    Kind {
        word: "void",
        zh: "消费撤销",
        en: "void",
        help_zh: "撤销本批次的一笔消费，全额；主管在密码键盘上输入密码",
        help_en: "Undo a sale of this batch, whole; the supervisor types the password on the PIN pad",
        originals: &["sale", "instalment", "phone-order", "qr-scan", "qr-show"],
        ..UNDO
    },
    Kind {
        word: "refund",
        zh: "退货",
        en: "refund",
        help_zh: "退还一笔消费的全部或一部分，也可以是以前批次的；须主管确认",
        help_en: "Give back a sale or a part of it, also one of an older batch, by the supervisor's word",
        originals: &["sale", "completion", "completion-advice", "phone-order", "offline-sale"],
        amount: AmountOf::UpToOriginal,
        external: true,
        ..UNDO
    },
    Kind {
        word: "pre-auth",
        zh: "预授权",
        en: "pre-authorisation",
        help_zh: "在卡上预留一笔金额",
        help_en: "Reserve an amount on the card",
        partial: false,
        ..SALE
    },
    Kind {
        word: "pre-auth-cancel",
        zh: "预授权撤销",
        en: "pre-authorisation cancel",
        help_zh: "取消预授权，全额；须主管确认",
        help_en: "Give a reservation up, whole, by the supervisor's word",
        originals: &["pre-auth"],
        external: true,
        ..UNDO
    },
    Kind {
        word: "completion",
        zh: "预授权完成(请求)",
        en: "completion",
        help_zh: "联机收取预留的金额",
        help_en: "Take what was reserved, online",
        originals: &["pre-auth"],
        amount: AmountOf::UpToOriginal,
        external: true,
        ..UNDO
    },
    Kind {
        word: "completion-advice",
        zh: "预授权完成(通知)",
        en: "completion advice",
        help_zh: "收取预留的金额，稍后通知主机",
        help_en: "Take what was reserved, and tell the host later",
        originals: &["pre-auth"],
        amount: AmountOf::UpToOriginal,
        external: true,
        ..UNDO
    },
    Kind {
        word: "completion-cancel",
        zh: "预授权完成撤销",
        en: "completion cancel",
        help_zh: "撤销本批次的预授权完成，全额；须主管确认",
        help_en: "Undo a completion of this batch, whole, by the supervisor's word",
        originals: &["completion"],
        ..UNDO
    },
    Kind {
        word: "balance-inquiry",
        zh: "余额查询",
        en: "balance inquiry",
        help_zh: "查询卡上余额",
        help_en: "Ask what the account holds",
        amount: AmountOf::Nothing,
        partial: false,
        ..SALE
    },
    Kind {
        word: "offline-sale",
        zh: "脱机消费",
        en: "offline sale",
        help_zh: "由卡片和终端批准，稍后上送主机",
        help_en: "Take a payment that card and terminal approve, and tell the host later",
        partial: false,
        further: &[
            Further {
                key: "offline-total",
                of: OptionType::Money,
                required: false,
                zh: "未受理的脱机金额合计上限（元），只能比本机的更紧",
                en: "Tighter limit of all that the host has not accepted, in yuan",
            },
            Further {
                key: "offline-count",
                of: OptionType::Number,
                required: false,
                zh: "未受理的脱机笔数上限，只能比本机的更紧",
                en: "Tighter limit of how many sales the host has not accepted",
            },
            Further {
                key: "offline-hours",
                of: OptionType::Number,
                required: false,
                zh: "与主机失去联系的小时上限，只能比本机的更紧",
                en: "Tighter limit of hours since the host was heard",
            },
        ],
        ..SALE
    },
    Kind {
        word: "tip",
        zh: "小费",
        en: "tip",
        help_zh: "给本批次的一笔消费加小费，不用再刷卡，稍后通知主机",
        help_en: "Add a tip to a sale of this batch without the card, and tell the host later",
        follows: true,
        originals: &["sale", "offline-sale"],
        partial: false,
        ..SALE
    },
    Kind {
        word: "instalment",
        zh: "分期付款",
        en: "instalment",
        help_zh: "分期付款",
        help_en: "Take a payment in instalments",
        partial: false,
        further: &[Further {
            key: "instalments",
            of: OptionType::Number,
            required: true,
            zh: "分期期数",
            en: "Into how many instalments the amount is split",
        }],
        ..SALE
    },
    Kind {
        word: "phone-order",
        zh: "订购",
        en: "phone order",
        help_zh: "订购：卡号在密码键盘上输入",
        help_en: "Take a payment with a card number typed on the PIN pad",
        partial: false,
        ..SALE
    },
    Kind {
        word: "qr-scan",
        zh: "扫码消费(被扫)",
        en: "code sale, customer's code",
        help_zh: "扫顾客的付款码收款；扫码枪扫入，或由程序提供",
        help_en: "Take a payment by the customer's payment code, which the scanner reads",
        partial: false,
        ..SALE
    },
    Kind {
        word: "qr-show",
        zh: "扫码消费(主扫)",
        en: "code sale, terminal's code",
        help_zh: "显示收款码，请顾客扫码付款",
        help_en: "Show a code for the customer to pay with",
        partial: false,
        further: &[Further {
            key: "wallet",
            of: OptionType::Text,
            required: false,
            zh: "显示哪个钱包的码（名称见收单机构配置），不写则为第一个",
            en: "Whose code is shown, as the acquirer's profile names it; the first where absent",
        }],
        ..SALE
    },
];

/// The row of a word.
pub fn kind(word: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.word == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_names_what_it_may_follow() {
        for row in KINDS {
            assert_eq!(row.follows, !row.originals.is_empty(), "{}", row.word);
            assert!(row.originals.iter().all(|word| kind(word).is_some()), "{}", row.word);
            let needs = matches!(row.amount, AmountOf::Original | AmountOf::UpToOriginal);
            assert!(!needs || row.follows, "{}", row.word);
        }
    }
}
