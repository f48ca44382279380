//! A made-up receipt for tests.

use crate::{
    Chip, Detail, DetailList, Entry, FullPan, Goods, Heading, HostResult, Initialisation, Locale, Original,
    Receipt, ReversalFault, Settlement, Side, Slip, Strokes, Total, TransactionType, Verification,
};

pub(crate) fn receipt() -> Receipt {
    Receipt {
        transaction_type: TransactionType::Sale,
        merchant_name: "示例商户".to_owned(),
        merchant: "898000000000001".to_owned(),
        terminal: "00000001".to_owned(),
        operator: "01".to_owned(),
        issuer: Some("01020000".to_owned()),
        acquirer: Some("48021000".to_owned()),
        masked_pan: "621234******0019".to_owned(),
        entry: Entry::Insert,
        batch: 7,
        trace: 123,
        authorisation_code: Some("A12345".to_owned()),
        rrn: Some("000000000123".to_owned()),
        date_time: "2026/01/02 03:04:05".to_owned(),
        amount: 1234,
        currency: "CNY".to_owned(),
        reference: "order-1".to_owned(),
        note: None,
        host_texts: vec!["谢谢惠顾".to_owned()],
        chip: Some(Chip {
            transaction_certificate: Some("0123456789ABCDEF".to_owned()),
            arqc: Some("FEDCBA9876543210".to_owned()),
            aid: "A000000333010101".to_owned(),
            tvr: "0080048000".to_owned(),
            tsi: "E800".to_owned(),
            atc: "0001".to_owned(),
            pan_sequence: Some("001".to_owned()),
            label: Some("UnionPay Debit".to_owned()),
            preferred_name: Some("银联借记卡".to_owned()),
        }),
        verification: Verification::Signature,
        test: false,
        locale: Locale::ZhCn,
        tip: None,
        requested: None,
        instalments: None,
        balance: None,
        original: Original::default(),
        wallet: None,
        voucher: None,
        organisation: None,
        goods: Vec::new(),
        not_yet_authorised: false,
        strokes: None,
        mask_cardholder_copy: false,
        full_pan: None,
    }
}

/// The same with everything that there may be.
pub(crate) fn everything() -> Receipt {
    Receipt {
        verification: Verification::NoPin { limit: 100_000 },
        locale: Locale::En,
        tip: Some(200),
        requested: Some(2000),
        instalments: Some(12),
        balance: Some(-5),
        original: Original {
            trace: Some(122),
            rrn: Some("000000000122".to_owned()),
            date: Some("2026/01/01".to_owned()),
            authorisation_code: Some("A12344".to_owned()),
        },
        wallet: None,
        voucher: Some("20260102000000000123".to_owned()),
        organisation: Some("VIS".to_owned()),
        goods: vec![Goods { name: "苹果".to_owned(), quantity: 500, amount: 600 }],
        not_yet_authorised: true,
        strokes: Strokes::new(vec![vec![(1, 2), (3, 4)]]).ok(),
        mask_cardholder_copy: true,
        full_pan: FullPan::new("6212340000000019"),
        ..receipt()
    }
}

/// The same with every text replaced, in turn.
pub(crate) fn with_texts(texts: Vec<String>) -> Receipt {
    let mut texts = texts.into_iter().cycle();
    let mut next = || texts.next().unwrap_or_default();
    Receipt {
        merchant_name: next(),
        merchant: next(),
        terminal: next(),
        operator: next(),
        issuer: Some(next()),
        acquirer: Some(next()),
        organisation: Some(next()),
        masked_pan: next(),
        authorisation_code: Some(next()),
        rrn: Some(next()),
        date_time: next(),
        currency: next(),
        reference: next(),
        note: Some(next()),
        host_texts: vec![next(), next()],
        chip: Some(Chip {
            transaction_certificate: Some(next()),
            arqc: Some(next()),
            aid: next(),
            tvr: next(),
            tsi: next(),
            atc: next(),
            pan_sequence: Some(next()),
            label: Some(next()),
            preferred_name: Some(next()),
        }),
        original: Original {
            trace: Some(1),
            rrn: Some(next()),
            date: Some(next()),
            authorisation_code: Some(next()),
        },
        wallet: Some(next()),
        voucher: Some(next()),
        goods: vec![Goods { name: next(), quantity: 1, amount: 1 }; 2],
        ..everything()
    }
}

/// The slips that are no receipt, every text replaced, in turn.
pub(crate) fn slips(texts: Vec<String>) -> [Slip; 4] {
    let mut texts = texts.into_iter().cycle();
    let mut next = || texts.next().unwrap_or_default();
    let heading = Heading {
        merchant_name: next(),
        merchant: next(),
        terminal: next(),
        operator: next(),
        date_time: next(),
        test: true,
        locale: Locale::ZhCn,
    };
    let side = Side {
        debit_count: 3,
        debit_amount: 3702,
        credit_count: 1,
        credit_amount: 1234,
        result: HostResult::Balanced,
    };
    let total = |of: String| Total { of, count: 2, amount: 2468 };
    let sales = Total { of: TransactionType::Sale, count: 2, amount: 2468 };
    let refunds = Total { of: TransactionType::Refund, count: 1, amount: 1234 };
    let detail = |transaction_type, masked_pan, authorisation_code| Detail {
        trace: 123,
        transaction_type,
        masked_pan,
        entry: Entry::Insert,
        amount: 1234,
        authorisation_code,
    };
    [
        Slip::ReversalFault(ReversalFault {
            heading: heading.clone(),
            transaction_type: TransactionType::Sale,
            masked_pan: next(),
            entry: Entry::Insert,
            batch: 7,
            trace: 123,
            amount: 1234,
            currency: next(),
            reference: next(),
            help_line: Some(next()),
        }),
        Slip::Settlement(Settlement {
            heading: heading.clone(),
            batch: 7,
            currency: next(),
            domestic: side,
            foreign: Side { result: HostResult::Unbalanced, ..side },
            types: vec![sales.clone(), refunds],
            organisations: vec![total(next()), total(next())],
            operators: vec![total(next())],
            qr: vec![sales],
            estimated_fees: Some(15),
        }),
        Slip::DetailList(DetailList {
            heading: heading.clone(),
            batch: 7,
            currency: next(),
            details: vec![
                detail(TransactionType::Sale, next(), Some(next())),
                detail(TransactionType::Refund, next(), None),
            ],
        }),
        Slip::Initialisation(Initialisation {
            heading,
            hosts: vec![next(), next()],
            tpdu: next(),
            profile: next(),
            batch: Some(7),
        }),
    ]
}
