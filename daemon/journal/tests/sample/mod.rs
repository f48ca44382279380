//! Records to write: every id follows from the transaction's number.

use posd_terminal::{
    Advice, AdviceKind, AdviceState, Amount, Attempt, BatchTotals, Cause, Closing, ClosingStep, Currency,
    Kind, Options, Original, Outcome, PrintJob, PrintState, Reference, Reversal, ReversalReason,
    ReversalState, SaleKey, Sealed, Settlement, SettlementStep, SlipOf, Try,
};

pub(crate) fn key(uid: u32, reference: &str) -> SaleKey {
    SaleKey { uid, reference: Reference::new(reference).unwrap() }
}

/// An approved sale of user 1000, not acknowledged, in batch 1 with trace 100 + id.
pub(crate) fn attempt(id: u64) -> Attempt {
    let key = key(1000, &format!("order-{id}"));
    let amount = Amount::new(1234, Currency::Cny).unwrap();
    let options = Options { note: Some("第一桌".to_owned()), ..Options::default() };
    Attempt {
        created: 1_767_225_600_000,
        sequence: 9,
        operator: Some("01".to_owned()),
        outcome: Some(Outcome::Approved),
        cause: Cause::None,
        ended: Some(1_767_225_612_000),
        batch: Some(1),
        trace: Some(u32::try_from(100 + id).unwrap()),
        rrn: Some(format!("{id:012}")),
        authorisation_code: Some(format!("A{id:05}")),
        response_code: Some("00".to_owned()),
        host_date: Some("0101".to_owned()),
        charged: Some(1234),
        masked_pan: Some("621234******0019".to_owned()),
        entry: Some(posd_unionpay::request::Entry::Chip),
        card_sequence: Some(1),
        application_label: Some("UnionPay Debit".to_owned()),
        transaction_certificate: Some("0123456789ABCDEF".to_owned()),
        card: Some(Sealed(vec![id as u8; 64])),
        wallet: Some("wechat".to_owned()),
        voucher: Some("20260102000000000123".to_owned()),
        ..Attempt::new(id, key, 1, Kind::Sale, amount, options)
    }
}

pub(crate) fn original(id: u64) -> Original {
    Original {
        kind: Kind::Sale,
        family: Default::default(),
        entry: posd_unionpay::request::Entry::Chip,
        linked: None,
        batch: 1,
        trace: u32::try_from(100 + id).unwrap(),
        amount: 1234,
        currency: 156,
        card_sequence: Some(1),
        pin_entered: true,
        authorisation_code: None,
        rrn: None,
        field55: vec![0x9F, 0x26, 0x08],
        wallet: Some("wechat".to_owned()),
        voucher: None,
    }
}

pub(crate) fn reversal(transaction: u64, state: ReversalState) -> Reversal {
    Reversal {
        transaction,
        state,
        reason: ReversalReason::NoAnswer,
        original: original(transaction),
        card: Sealed(vec![2; 64]),
        tries: vec![Try { at: 1_767_225_615_000, result: "no-answer".to_owned() }],
        closing: Some(Closing { step: ClosingStep::Cancel, queries: 3, cancels: 1, cause: Cause::NotPaid }),
    }
}

pub(crate) fn advice(transaction: u64, state: AdviceState) -> Advice {
    Advice {
        id: transaction,
        transaction,
        kind: AdviceKind::ScriptResult,
        state,
        queued: 1_767_225_613_000,
        tried_for_s: 0,
        trace: u32::try_from(5000 + transaction).unwrap(),
        original_date: "0101".to_owned(),
        original: original(transaction),
        card: Sealed(vec![3; 64]),
        tries: Vec::new(),
        strokes: None,
        parts: 0,
        goods: Vec::new(),
    }
}

pub(crate) fn print_job(id: u64, transaction: u64, state: PrintState) -> PrintJob {
    PrintJob {
        id,
        transaction,
        slip: SlipOf::Receipt,
        copy: posd_receipt::Copy::Merchant,
        reprint: false,
        state,
    }
}

/// The settlement of batch 1.
#[allow(dead_code, reason = "not every test has one")]
pub(crate) fn settlement(id: u64, step: SettlementStep) -> Settlement {
    Settlement {
        id,
        batch: 1,
        uid: 1000,
        operator: "01".to_owned(),
        begun: 1_767_225_600_000,
        ended: None,
        step,
        fault: None,
        totals: BatchTotals::default(),
        compared: None,
        after: 0,
        singly: 0,
        message_trace: None,
        uploaded: 0,
        done: 0,
        planned: 0,
        refusals: 0,
        mismatches: Vec::new(),
        matched: None,
        tries: Vec::new(),
        sequence: 1,
        slip: None,
    }
}
