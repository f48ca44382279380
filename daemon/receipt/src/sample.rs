//! A made-up receipt for tests.

use crate::{Chip, Entry, Receipt, TransactionType};

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
        signature: true,
        test: false,
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
        ..receipt()
    }
}
