//! A settlement's object: what its calls ask for, and how it looks.

use super::{
    Failure, Served, Shape, names,
    values::{Dictionary, Refused},
};
use posd_receipt::{Copy, Slip};
use posd_terminal::{
    Balance, BatchLine, Call, DetailLine, Locale, Mismatch, MismatchAction, MismatchKind, PrintJob,
    SettlementCall, SettlementSlip, SettlementView, SlipOf, Sum,
};
use posd_unionpay::{Kind, Side, Totals};
use std::collections::{BTreeMap, HashMap};
use zbus::Variant;

/// What a call to a settlement's object asks for.
pub(super) fn call(member: &str, batch: u32, body: &zbus::message::Body) -> Result<Served, Failure> {
    let (asked, shape) = match member {
        "Lines" => (SettlementCall::Lines, Shape::Lines),
        "MatchDetails" => {
            let lines: Vec<(u32, String, u64, String)> = body.deserialize()?;
            (SettlementCall::Match(lines.into_iter().map(line).collect::<Result<_, _>>()?), Shape::Mismatches)
        }
        "Slip" => (SettlementCall::Slip(slip(&body.deserialize::<String>()?)?), Shape::Slip),
        "Print" => (SettlementCall::Print(slip(&body.deserialize::<String>()?)?), Shape::Job),
        _ => return Err(Failure::Standard("UnknownMethod", "no such method".to_owned())),
    };
    Ok(Served::Asked(Call::Settlement { batch: Some(batch), asked }, shape))
}

fn line((trace, kind, amount, rrn): (u32, String, u64, String)) -> Result<DetailLine, Refused> {
    let short = |text: &str, most| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !(1..=999_999).contains(&trace) || !short(&kind, 32) || !short(&rrn, 12) {
        let text = "a line has a trace number from 1 to 999999, a type of at most 32 letters and an RRN of at most 12";
        return Err(Refused::new("InvalidArgument", text));
    }
    Ok(DetailLine { trace, kind, amount, rrn })
}

fn slip(word: &str) -> Result<SettlementSlip, Refused> {
    match word {
        "totals" => Ok(SettlementSlip::Totals),
        "details" => Ok(SettlementSlip::Details),
        _ => Err(Refused::new("InvalidArgument", "a slip is \"totals\" or \"details\"")),
    }
}

/// A slip as data and as text.
pub(super) fn slip_texts(slip: &Slip) -> Option<(String, String)> {
    let data = serde_json::to_string(slip).ok()?;
    Some((data, posd_receipt::text(&slip.lines(Copy::Merchant, false))))
}

/// The path of the settlement of a batch.
pub(super) fn path(batch: u32) -> String {
    format!("{}/{batch}", names::SETTLEMENTS)
}

/// A print job as `PrintJobChanged` tells it.
pub(super) fn print_job(job: &PrintJob) -> (u64, &'static str, bool, &'static str) {
    let what = if matches!(job.slip, SlipOf::DetailList { .. }) { "details" } else { "totals" };
    (job.id, what, job.reprint, job.state.word())
}

/// A settlement's properties.
pub(super) fn properties(view: &SettlementView) -> Dictionary {
    let record = &view.record;
    let fees = HashMap::from([
        ("estimated", Variant::from(record.totals.fees.saturating_sub(record.totals.fees_returned))),
        ("on-payments", Variant::from(record.totals.fees)),
        ("returned", Variant::from(record.totals.fees_returned)),
    ]);
    Dictionary::from([
        ("Batch", Variant::from(record.batch)),
        ("State", Variant::from(view.state.word())),
        ("Step", Variant::from(record.step.word())),
        ("Sequence", Variant::from(record.sequence)),
        ("Progress", Variant::from((record.done, record.planned))),
        ("NextTry", Variant::from(view.next_try.unwrap_or(0))),
        ("Result", Variant::from(result(view))),
        ("Mismatches", Variant::from(mismatches(&view.record.mismatches))),
        ("Fees", Variant::from(fees)),
    ])
}

pub(super) fn outcome(view: &SettlementView) -> &'static str {
    view.record.compared.map_or("", |compared| compared.word())
}

/// What is known of a settlement so far.
pub(super) fn result(view: &SettlementView) -> HashMap<&'static str, Variant<'static>> {
    let record = &view.record;
    let by_kind = |kinds: &BTreeMap<Kind, Sum>| -> Vec<(String, u32, u64)> {
        kinds.iter().map(|(kind, sum)| (kind.word().to_owned(), sum.count, sum.amount)).collect()
    };
    let named = |all: &BTreeMap<String, Balance>| -> Vec<(String, u32, u64, u32, u64)> {
        let row = |(name, balance): (&String, &Balance)| {
            let Balance { debit, credit } = balance;
            (name.clone(), debit.count, debit.amount, credit.count, credit.amount)
        };
        all.iter().map(row).collect()
    };
    let tries: Vec<(i64, String)> = record.tries.iter().map(|t| (t.at, t.result.clone())).collect();
    let mut result = HashMap::from([
        ("outcome", Variant::from(outcome(view))),
        ("totals", Variant::from(totals(&record.totals.totals))),
        ("kinds", Variant::from(by_kind(&record.totals.kinds))),
        ("qr", Variant::from(by_kind(&record.totals.qr))),
        ("organisations", Variant::from(named(&record.totals.organisations))),
        ("operators", Variant::from(named(&record.totals.operators))),
        ("uploaded", Variant::from(u32::from(record.uploaded))),
        ("operator", Variant::from(record.operator.clone())),
        ("begun", Variant::from(record.begun)),
        ("tries", Variant::from(tries)),
    ]);
    if let Some(compared) = &record.compared {
        result.insert("domestic", Variant::from(compared.domestic.word()));
        result.insert("foreign", Variant::from(compared.foreign.word()));
        result.insert("host-totals", Variant::from(totals(&compared.totals)));
    }
    if let Some(fault) = record.fault {
        result.insert("cause", Variant::from(fault.word()));
    }
    if let Some(matched) = record.matched {
        result.insert("matched", Variant::from(matched));
    }
    if let Some(ended) = record.ended {
        result.insert("ended", Variant::from(ended));
    }
    result
}

fn totals(totals: &Totals) -> HashMap<String, Variant<'static>> {
    let mut all = HashMap::new();
    for (name, side) in [("domestic", totals.domestic), ("foreign", totals.foreign)] {
        let Side { debit_amount, debit_count, credit_amount, credit_count } = side;
        all.insert(format!("{name}-debit-count"), Variant::from(u32::from(debit_count)));
        all.insert(format!("{name}-debit-amount"), Variant::from(debit_amount));
        all.insert(format!("{name}-credit-count"), Variant::from(u32::from(credit_count)));
        all.insert(format!("{name}-credit-amount"), Variant::from(credit_amount));
    }
    all
}

/// One transaction of a batch.
pub(super) fn batch_line(line: &BatchLine) -> Dictionary {
    Dictionary::from([
        ("trace", Variant::from(line.trace)),
        ("kind", Variant::from(line.kind.word())),
        ("outcome", Variant::from(line.outcome.map_or("", posd_terminal::Outcome::word))),
        ("counted", Variant::from(line.counted)),
        ("credit", Variant::from(line.credit)),
        ("amount", Variant::from(line.amount)),
        ("masked-pan", Variant::from(line.masked_pan.clone())),
        ("organisation", Variant::from(line.organisation.clone())),
        ("qr", Variant::from(line.qr)),
        ("operator", Variant::from(line.operator.clone())),
        ("rrn", Variant::from(line.rrn.clone())),
        ("authorisation-code", Variant::from(line.authorisation_code.clone())),
        ("date", Variant::from(line.date.clone())),
        ("ended", Variant::from(line.ended)),
        ("estimated-fee", Variant::from(line.fee)),
    ])
}

/// What does not agree.
pub(super) fn mismatches(all: &[Mismatch]) -> Vec<HashMap<&'static str, Variant<'static>>> {
    all.iter().map(mismatch).collect()
}

fn mismatch(mismatch: &Mismatch) -> HashMap<&'static str, Variant<'static>> {
    let texts = |(zh, en): (&str, &str)| {
        HashMap::from([
            (Locale::ZhCn.word().to_owned(), zh.to_owned()),
            (Locale::En.word().to_owned(), en.to_owned()),
        ])
    };
    let mut all = HashMap::from([
        ("kind", Variant::from(mismatch.kind.word())),
        ("action", Variant::from(mismatch.action.word())),
        ("text", Variant::from(texts(kind_texts(mismatch.kind)))),
        ("action-text", Variant::from(texts(action_texts(mismatch.action)))),
    ]);
    if let Some(domestic) = mismatch.domestic {
        all.insert("side", Variant::from(if domestic { "domestic" } else { "foreign" }));
    }
    if let Some(trace) = mismatch.trace {
        all.insert("trace", Variant::from(trace));
    }
    if let Some(kind) = mismatch.transaction {
        all.insert("transaction", Variant::from(kind.word()));
    }
    for (key, amount) in [("journal", mismatch.journal), ("host", mismatch.host)] {
        if let Some(amount) = amount {
            all.insert(key, Variant::from(amount));
        }
    }
    for (key, text) in [("rrn", &mismatch.rrn), ("code", &mismatch.code)] {
        if let Some(text) = text {
            all.insert(key, Variant::from(text.clone()));
        }
    }
    all
}

fn kind_texts(kind: MismatchKind) -> (&'static str, &'static str) {
    match kind {
        MismatchKind::Totals => ("总额不平", "The totals differ"),
        MismatchKind::UploadRefused => ("主机拒绝该笔上送", "The host refused this row of the upload"),
        MismatchKind::NotUploaded => {
            ("该笔无法上送：卡数据无法读取", "This row could not be uploaded: its card data cannot be read")
        }
        MismatchKind::EndRefused => ("主机拒绝批结束", "The host refused the end of the batch"),
        MismatchKind::RefundUnanswered => {
            ("退货无应答，未计入总额", "A refund without an answer; it is in no total")
        }
        MismatchKind::AdviceNotAccepted => ("通知未被主机接受", "An advice that the host did not accept"),
        MismatchKind::OnlyAtHost => {
            ("主机有此笔，终端无", "The host has this transaction, the terminal knows none")
        }
        MismatchKind::OnlyInJournal => {
            ("终端有此笔，主机无", "The terminal has this transaction, the host does not")
        }
        MismatchKind::Amount => ("金额不符", "The amounts differ"),
        MismatchKind::Type => ("交易类型不符", "The types differ"),
        MismatchKind::ReversedAtJournal => {
            ("已冲正的交易主机仍入账", "Reversed at the terminal, booked at the host")
        }
        MismatchKind::NotApproved => {
            ("未成功的交易主机入账", "Not approved at the terminal, booked at the host")
        }
    }
}

fn action_texts(action: MismatchAction) -> (&'static str, &'static str) {
    match action {
        MismatchAction::Uploaded => {
            ("明细已上送主机，无需处理", "The host was told row by row; nothing to do")
        }
        MismatchAction::CallAcquirer => ("请与收单机构联系", "Call the acquirer with these numbers"),
        MismatchAction::ResolveBooked => {
            ("主机已入账：请主管确认退货成功", "The host has it: have the supervisor resolve it as booked")
        }
        MismatchAction::ResolveNotBooked => (
            "主机未入账：请主管确认退货失败",
            "The host does not have it: have the supervisor resolve it as not booked",
        ),
        MismatchAction::AskAcquirer => {
            ("向收单机构查询后由主管处理", "Ask the acquirer whether it was booked, then resolve it")
        }
        MismatchAction::LookAtQueue => ("查看待发队列", "Look at the queue"),
    }
}
