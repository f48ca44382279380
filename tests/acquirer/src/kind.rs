//! The table of transactions (reference 1) with their field lists (reference 1.1).

use crate::fault::MessageKind::{self, *};
use crate::message::Message;

/// What tells of the card or the code, and how field 22 must say it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Any entry mode but a code.
    Card,
    /// The card number was typed (01).
    Manual,
    /// The customer's code (03), which stands in field 59.
    Code,
    /// None: a wallet, named by field 44.
    Wallet,
}

/// What field 55 must hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chip {
    /// An ARQC if field 22 says chip.
    Request,
    /// Nothing in particular; a cryptogram is checked if there is one.
    Optional,
    /// A transaction certificate (9F27 = 40) and 8A = Y1, always.
    Certificate,
}

/// What names the original, and what booking does to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// There is none.
    None,
    /// Batch and trace (61.1, 61.2) and RRN (37): the whole amount goes back, today and in this batch.
    Void(&'static [MessageKind]),
    /// RRN (37) and date (61.3): part or all of the amount goes back.
    Refund(&'static [MessageKind]),
    /// Authorisation code (38): the hold ends, nothing is paid.
    CancelHold,
    /// Authorisation code (38): the hold ends and up to 115 % of it is paid.
    Complete,
    /// RRN, authorisation code, batch and trace: the completion goes back, the hold stands again.
    CancelCompletion,
    /// Batch and trace (61.1, 61.2): more is paid.
    Adjust,
}

/// Which total of a settlement a booking enters (reference 2.3, field 48).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// None.
    None,
    /// The cardholder pays.
    Debit,
    /// The cardholder gets back.
    Credit,
}

/// One transaction of reference 1.
pub(crate) struct Row {
    pub(crate) kind: MessageKind,
    pub(crate) mti: &'static str,
    /// Field 3.
    pub(crate) processing: &'static str,
    /// Field 25, any of these.
    pub(crate) conditions: &'static [&'static str],
    /// 60.1, any of these.
    pub(crate) types: &'static [&'static str],
    /// Fields that every request of this kind has.
    pub(crate) required: &'static [u8],
    /// Fields that it may have.
    pub(crate) optional: &'static [u8],
    pub(crate) entry: Entry,
    pub(crate) chip: Chip,
    pub(crate) link: Link,
    pub(crate) side: Side,
    pub(crate) reversible: bool,
    /// Stored and forwarded: what it tells of has happened, so that a repeat is told apart from a new one.
    pub(crate) advice: bool,
    /// The cents of the amount choose the outcome.
    pub(crate) by_cents: bool,
}

const SALE: Row = Row {
    kind: Sale,
    mti: "0200",
    processing: "000000",
    conditions: &["00"],
    types: &["22"],
    required: &[3, 4, 11, 22, 25, 41, 42, 49, 60, 64],
    optional: &[2, 14, 23, 26, 32, 35, 36, 52, 53, 55, 57, 59, 62, 63],
    entry: Entry::Card,
    chip: Chip::Request,
    link: Link::None,
    side: Side::Debit,
    reversible: true,
    advice: false,
    by_cents: true,
};

const VOID: Row = Row {
    kind: Void,
    processing: "200000",
    types: &["23"],
    required: &[3, 4, 11, 22, 25, 37, 41, 42, 49, 60, 61, 64],
    optional: &[2, 14, 23, 26, 32, 35, 36, 38, 52, 53, 55, 57, 59, 62, 63],
    chip: Chip::Optional,
    link: Link::Void(&[Sale]),
    side: Side::Credit,
    by_cents: false,
    ..SALE
};

const REFUND: Row = Row {
    kind: Refund,
    mti: "0220",
    types: &["25"],
    required: &[3, 4, 11, 22, 25, 37, 41, 42, 49, 60, 61, 63, 64],
    optional: &[2, 14, 23, 26, 35, 36, 38, 52, 53, 55],
    link: Link::Refund(&[Sale, Completion, CompletionAdvice, OfflineSale, OfflineSettlement]),
    reversible: false,
    advice: true,
    ..VOID
};

const PRE_AUTH: Row = Row {
    kind: PreAuth,
    mti: "0100",
    processing: "030000",
    conditions: &["06", "18"],
    types: &["10"],
    optional: &[2, 14, 23, 26, 32, 35, 36, 52, 53, 55, 57, 59, 63],
    side: Side::None,
    ..SALE
};

const COMPLETION: Row = Row {
    kind: Completion,
    conditions: &["06", "18"],
    types: &["20"],
    required: &[3, 4, 11, 22, 25, 38, 41, 42, 49, 60, 61, 64],
    chip: Chip::Optional,
    link: Link::Complete,
    by_cents: false,
    ..SALE
};

const CODE: Row = Row {
    kind: QrSale,
    required: &[3, 4, 11, 22, 25, 41, 42, 49, 59, 60, 64],
    optional: &[32, 57, 62, 63],
    entry: Entry::Code,
    chip: Chip::Optional,
    ..SALE
};

/// Field lists of the wallet dialect stand in no source: this host's own reading (reference 8, confidence C).
const WALLET: Row = Row {
    kind: WalletPayment,
    processing: "700000",
    types: &["60"],
    required: &[3, 4, 11, 25, 41, 42, 44, 49, 60, 64],
    optional: &[22, 32, 37, 57, 59, 61, 62, 63],
    entry: Entry::Wallet,
    chip: Chip::Optional,
    side: Side::None,
    reversible: false,
    by_cents: false,
    ..SALE
};

/// Every financial transaction that this host serves.
pub(crate) const ROWS: [Row; 27] = [
    SALE,
    Row {
        kind: BalanceInquiry,
        processing: "310000",
        types: &["01"],
        required: &[3, 11, 22, 25, 41, 42, 49, 60, 64],
        optional: &[2, 14, 23, 26, 35, 36, 52, 53, 55, 59, 62],
        side: Side::None,
        reversible: false,
        by_cents: false,
        ..SALE
    },
    VOID,
    REFUND,
    PRE_AUTH,
    Row {
        kind: PreAuthCancel,
        processing: "200000",
        types: &["11"],
        required: &[3, 4, 11, 22, 25, 38, 41, 42, 49, 60, 61, 64],
        optional: SALE.optional,
        chip: Chip::Optional,
        link: Link::CancelHold,
        by_cents: false,
        ..PRE_AUTH
    },
    COMPLETION,
    Row {
        kind: CompletionCancel,
        conditions: &["06", "18"],
        types: &["21"],
        required: &[3, 4, 11, 22, 25, 37, 38, 41, 42, 49, 60, 61, 64],
        optional: SALE.optional,
        link: Link::CancelCompletion,
        ..VOID
    },
    Row {
        kind: CompletionAdvice,
        mti: "0220",
        types: &["24"],
        reversible: false,
        advice: true,
        ..COMPLETION
    },
    Row {
        kind: OfflineSettlement,
        mti: "0220",
        types: &["30"],
        required: &[3, 4, 11, 22, 25, 38, 41, 42, 49, 60, 64],
        optional: &[2, 14, 23, 26, 32, 35, 36, 52, 53, 55, 57, 59, 61, 62, 63],
        chip: Chip::Optional,
        reversible: false,
        advice: true,
        by_cents: false,
        ..SALE
    },
    Row {
        kind: Adjustment,
        mti: "0220",
        types: &["32", "34"],
        required: &[3, 4, 11, 22, 25, 41, 42, 49, 60, 61, 64],
        optional: &[2, 14, 23, 26, 32, 35, 36, 37, 38, 52, 53, 55, 57, 59, 62, 63],
        chip: Chip::Optional,
        link: Link::Adjust,
        reversible: false,
        advice: true,
        by_cents: false,
        ..SALE
    },
    Row {
        kind: OfflineSale,
        types: &["36"],
        required: &[3, 4, 11, 22, 25, 41, 42, 49, 55, 60, 64],
        optional: &[2, 14, 23, 32, 35, 36, 57, 59, 62, 63],
        chip: Chip::Certificate,
        reversible: false,
        advice: true,
        by_cents: false,
        ..SALE
    },
    Row { kind: Instalment, conditions: &["64"], ..SALE },
    Row { kind: InstalmentVoid, conditions: &["64"], link: Link::Void(&[Instalment]), ..VOID },
    Row { kind: PhoneOrder, conditions: &["08"], entry: Entry::Manual, ..SALE },
    Row {
        kind: PhoneOrderVoid,
        conditions: &["08"],
        entry: Entry::Manual,
        link: Link::Void(&[PhoneOrder]),
        ..VOID
    },
    Row {
        kind: PhoneOrderRefund,
        conditions: &["08"],
        entry: Entry::Manual,
        link: Link::Refund(&[PhoneOrder]),
        ..REFUND
    },
    CODE,
    Row {
        kind: QrVoid,
        required: &[3, 4, 11, 22, 25, 37, 41, 42, 49, 59, 60, 61, 64],
        optional: &[32, 38, 57, 62, 63],
        entry: Entry::Code,
        link: Link::Void(&[QrSale]),
        ..VOID
    },
    Row {
        kind: QrRefund,
        required: &[3, 4, 11, 22, 25, 37, 41, 42, 49, 59, 60, 61, 63, 64],
        optional: &[38],
        entry: Entry::Code,
        link: Link::Refund(&[QrSale]),
        ..REFUND
    },
    WALLET,
    Row { kind: WalletCode, processing: "710000", ..WALLET },
    Row { kind: WalletQuery, processing: "730000", required: WALLET_LINKED, optional: WALLET_MORE, ..WALLET },
    Row { kind: WalletVoid, processing: "720000", required: WALLET_LINKED, optional: WALLET_MORE, ..WALLET },
    Row {
        kind: WalletRefund,
        processing: "740000",
        required: WALLET_LINKED,
        optional: WALLET_MORE,
        ..WALLET
    },
    Row {
        kind: WalletRefundQuery,
        processing: "750000",
        required: WALLET_LINKED,
        optional: WALLET_MORE,
        ..WALLET
    },
    // The old incremental pre-authorisation adds to none of this host's holds: it is a hold of its own.
    Row { conditions: &["60"], required: &[3, 4, 11, 22, 25, 41, 42, 49, 60, 61, 64], ..PRE_AUTH },
];

const WALLET_LINKED: &[u8] = &[3, 4, 11, 25, 41, 42, 44, 49, 60, 61, 64];
const WALLET_MORE: &[u8] = &[22, 32, 37, 57, 59, 62, 63];

/// Field 60.1, if there.
pub(crate) fn type_60(message: &Message) -> &str {
    message.text(60).and_then(|value| value.get(..2)).unwrap_or_default()
}

/// Field 60.3, if there.
pub(crate) fn code_60(message: &Message) -> &str {
    message.text(60).and_then(|value| value.get(8..11)).unwrap_or_default()
}

/// The row that fields 3, 22, 25 and 60.1 name, among those of `mti` or, for a reversal, among all. Without a
/// field 25 the first that fits, so that the missing field is what gets refused.
pub(crate) fn row_of(message: &Message, mti: Option<&str>) -> Option<&'static Row> {
    let by_code = message.text(22).is_some_and(|entry| entry.starts_with("03"));
    ROWS.iter().find(|row| {
        mti.is_none_or(|mti| mti == row.mti)
            && Some(row.processing) == message.text(3)
            && row.types.contains(&type_60(message))
            && (row.entry == Entry::Wallet || by_code == (row.entry == Entry::Code))
            && message.text(25).is_none_or(|condition| row.conditions.contains(&condition))
    })
}

/// The row of a kind; `None` for a kind that is no transaction.
pub(crate) fn row(kind: MessageKind) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.kind == kind)
}

/// Message type, processing code, condition and field 60 name the transaction (reference 1).
pub(crate) fn kind_of(message: &Message) -> MessageKind {
    match (message.mti.as_str(), type_60(message), code_60(message)) {
        ("0100" | "0200" | "0220", ..) => row_of(message, Some(&message.mti)).map_or(Unknown, |row| row.kind),
        ("0400", ..) => Reversal,
        ("0620", _, "951") => ScriptResult,
        ("0500", "00", "201") => Settlement,
        ("0320", _, "000") => AdviceUpload,
        ("0320", "00", "201") => BatchUpload,
        ("0320", "00", "203" | "205") => ChipUpload,
        ("0320", "00", "204" | "206") => FailureUpload,
        ("0320", "00", "202" | "207") => BatchEnd,
        ("0800", "00", "001" | "003" | "004" | "005" | "006") => SignIn,
        ("0820", "00", "002") => SignOut,
        ("0820", "00", "301") => Echo,
        ("0820", "07", code) if code.starts_with("80") => Signature,
        ("0800" | "0820", "00", "360") => ParameterDownload,
        ("0800" | "0820", "00", "361") => ParameterEnd,
        ("0820", "00", "362") => ParameterUpload,
        ("0820", "00", "372") => KeyQuery,
        ("0800", "00", "370") => KeyDownload,
        ("0800", "00", "371") => KeyEnd,
        ("0820", "00", "382") => AidQuery,
        ("0800", "00", "380") => AidDownload,
        ("0800", "00", "381") => AidEnd,
        ("0800", "00", "390") => BlacklistDownload,
        ("0800", "00", "391") => BlacklistEnd,
        ("0800", "00", "394") => ContactlessDownload,
        ("0800", "00", "395") => ContactlessEnd,
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_asks_for_a_field_that_it_also_leaves_open_and_none_stands_twice() {
        for (place, row) in ROWS.iter().enumerate() {
            for field in row.required {
                assert!(!row.optional.contains(field), "{:?}: field {field}", row.kind);
            }
            for other in &ROWS[place + 1..] {
                let same = row.mti == other.mti && row.processing == other.processing;
                let condition = row.conditions.iter().any(|condition| other.conditions.contains(condition));
                let kind = row.types.iter().any(|kind| other.types.contains(kind));
                let code = (row.entry == Entry::Code) == (other.entry == Entry::Code);
                assert!(!(same && condition && kind && code), "{:?} and {:?}", row.kind, other.kind);
            }
        }
    }

    #[test]
    fn what_is_not_reversible_is_what_the_reference_says() {
        let never = [
            BalanceInquiry,
            Refund,
            CompletionAdvice,
            OfflineSettlement,
            Adjustment,
            OfflineSale,
            PhoneOrderRefund,
            QrRefund,
            WalletPayment,
            WalletCode,
            WalletQuery,
            WalletVoid,
            WalletRefund,
            WalletRefundQuery,
        ];
        for row in &ROWS {
            assert_eq!(row.reversible, !never.contains(&row.kind), "{:?}", row.kind);
        }
    }
}
