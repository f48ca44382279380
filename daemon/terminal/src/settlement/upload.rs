//! What the host needs of the details (0320, reference 4): which rows, in which order, and what becomes of each.
//!
//! A side that the host found unbalanced has its online transactions uploaded, eight to a message, then its refunds and
//! other advices again; certificates of chip transactions and chip transactions that failed go up in any case. Rows go
//! in the order of their trace numbers, and a row that the host refuses keeps no other back.

use super::{
    Mismatch, MismatchAction, MismatchKind, Settlement, SettlementFault, SettlementStep,
    flow::Stage,
    matching::unanswered_refund,
    totals::{counted, each_of_batch, is_domestic, is_qr},
};
use crate::{
    exchange::Purpose,
    forward::unseal,
    record::{AdviceKind, Attempt, Records, StorageFault, TransactionId},
    terminal::{Asked, Terminal},
};
use posd_emv::kernel::{Outcome as CardOutcome, Verdict as CardVerdict};
use posd_unionpay::{
    Books, EncodeError, EncodeErrorKind, Pan, Profile,
    request::{self, ChipEnd, Detail, MOST_DETAILS, Organisation, Request},
};
use posd_vault_protocol::{Refusal, Reply, Request as VaultRequest};
use zeroize::Zeroizing;

/// The rows of the next message, while the secure module opens their cards.
pub(crate) struct Opened {
    /// Rows whose card is not open yet, the next one first.
    waiting: Vec<Attempt>,
    /// Rows whose card is open.
    open: Vec<Open>,
    /// The last trace number that is spoken of.
    last: u32,
}

/// A row with its card.
struct Open {
    row: Attempt,
    pan: Pan,
    expiry: Zeroizing<String>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opened({} waiting, {} open)", self.waiting.len(), self.open.len())
    }
}

/// The rows of the message that is out.
#[derive(Debug)]
pub(crate) struct Uploading {
    /// Trace number and amount of each.
    rows: Vec<(u32, u64)>,
    last: u32,
}

/// Whether a kind is told once more as an advice, not as a detail: those that are stored and forwarded, and refunds.
fn is_advice(attempt: &Attempt) -> bool {
    let row = attempt.kind.row();
    !row.reversible && row.books != Books::Nothing
}

/// Whether an attempt is a row of a step.
fn belongs(attempt: &Attempt, step: SettlementStep, record: &Settlement, profile: &Profile) -> bool {
    // No source says how a payment by code is uploaded. What has no amount has no row either.
    if is_qr(attempt) || !attempt.kind.row().amount {
        return false;
    }
    let domestic = is_domestic(attempt, profile);
    let repaired = record.compared.is_none_or(|compared| !compared.is_side_balanced(domestic));
    let charged = attempt.outcome.is_some_and(crate::Outcome::is_charged);
    let end = attempt.upload.as_ref().and_then(|upload| upload.end);
    match step {
        SettlementStep::Details => {
            repaired && counted(attempt).is_some() && !is_advice(attempt) && end != Some(ChipEnd::Certified)
        }
        SettlementStep::Advices => repaired && counted(attempt).is_some() && is_advice(attempt),
        SettlementStep::Certificates => charged && !is_advice(attempt) && end == Some(ChipEnd::Certified),
        SettlementStep::Failures => !charged && attempt.outcome.is_some() && end == Some(ChipEnd::Failed),
        SettlementStep::Comparing | SettlementStep::Ending | SettlementStep::Closed => false,
    }
}

const UPLOADS: [SettlementStep; 4] = [
    SettlementStep::Details,
    SettlementStep::Advices,
    SettlementStep::Certificates,
    SettlementStep::Failures,
];

impl Terminal {
    /// The card's last word, as the upload of the batch will tell it.
    pub(crate) fn keep_certificate(&mut self, id: TransactionId, card: Option<&CardOutcome>) {
        let Some(card) = card.filter(|card| card.last_word().is_some()) else { return };
        let Some(field55) = self.certified55() else { return };
        let end = if card.verdict == CardVerdict::Approved { ChipEnd::Certified } else { ChipEnd::Failed };
        if let Some(upload) = self.live.get_mut(&id).and_then(|live| live.attempt.upload.as_mut()) {
            upload.field55 = field55;
            upload.end = Some(end);
        }
    }

    /// Finds the next rows and has their cards opened; goes to the next step where there are none.
    pub(crate) fn next_rows(
        &mut self,
        record: &Settlement,
        records: &dyn Records,
    ) -> Result<bool, StorageFault> {
        let profile = self.settings.profile.clone();
        if record.planned == 0 && record.step == SettlementStep::Details && record.after == 0 {
            let mut planned = 0;
            let mut unanswered = Vec::new();
            each_of_batch(record.batch, 0, records, |attempt| {
                planned += UPLOADS.iter().filter(|step| belongs(attempt, **step, record, &profile)).count();
                unanswered.extend(unanswered_refund(attempt, record, &profile));
                true
            })?;
            let mut not_accepted = records.advices_to_look_at()?;
            // A signature is in no book.
            not_accepted.retain(|advice| {
                advice.original.batch == record.batch && advice.kind != AdviceKind::Signature
            });
            unanswered.extend(not_accepted.into_iter().map(|advice| Mismatch {
                trace: Some(advice.trace),
                transaction: Some(advice.original.kind),
                journal: Some(advice.original.amount),
                rrn: advice.original.rrn,
                code: advice.tries.last().map(|last| last.result.clone()),
                ..Mismatch::new(MismatchKind::AdviceNotAccepted, MismatchAction::LookAtQueue)
            }));
            if let Some(settling) = self.settling.as_mut() {
                settling.record.planned = u32::try_from(planned).unwrap_or(u32::MAX);
                settling.record.mismatches.extend(unanswered);
            }
        }
        let together = record.step == SettlementStep::Details && record.after >= record.singly;
        let most = if together { MOST_DETAILS } else { 1 };
        let mut rows: Vec<Attempt> = Vec::new();
        each_of_batch(record.batch, record.after, records, |attempt| {
            if belongs(attempt, record.step, record, &profile) {
                rows.push(attempt.clone());
            }
            rows.len() < most
        })?;
        let last = rows.last().and_then(|attempt| attempt.trace);
        let Some(settling) = self.settling.as_mut() else { return Ok(false) };
        let Some(last) = last else {
            settling.record.step = record.step.next();
            settling.record.after = 0;
            settling.record.singly = 0;
            settling.record.message_trace = None;
            if settling.record.step == SettlementStep::Ending {
                self.save_settlement(Vec::new());
                self.report_settlement();
            }
            return Ok(true);
        };
        if self.vault.is_none() {
            return Ok(false);
        }
        settling.stage = Stage::Opening(Opened { waiting: rows, open: Vec::new(), last });
        self.open_next_row();
        Ok(true)
    }

    fn open_next_row(&mut self) {
        loop {
            let Some(Stage::Opening(opened)) = self.settling.as_mut().map(|settling| &mut settling.stage)
            else {
                return;
            };
            let Some(row) = opened.waiting.first() else { return self.send_rows() };
            match row.card.clone() {
                Some(sealed) => {
                    let request = VaultRequest::Open { sealed: sealed.0, context: row.id };
                    return self.ask(Asked::Settlement, request, 0);
                }
                None => self.leave_row_out(),
            }
        }
    }

    /// The first waiting row cannot be uploaded.
    fn leave_row_out(&mut self) {
        let Some(settling) = self.settling.as_mut() else { return };
        let Stage::Opening(opened) = &mut settling.stage else { return };
        if opened.waiting.is_empty() {
            return;
        }
        let row = opened.waiting.remove(0);
        settling.record.done += 1;
        settling.record.mismatches.push(row_mismatch(
            &row,
            MismatchKind::NotUploaded,
            MismatchAction::CallAcquirer,
        ));
    }

    /// The secure module's reply about the first waiting row.
    pub(crate) fn settlement_opened(&mut self, reply: Reply) {
        let Some(Stage::Opening(opened)) = self.settling.as_mut().map(|settling| &mut settling.stage) else {
            return;
        };
        match reply {
            Reply::Opened(card) => match unseal(&card) {
                Some((pan, expiry)) if !opened.waiting.is_empty() => {
                    let row = opened.waiting.remove(0);
                    opened.open.push(Open { row, pan, expiry: Zeroizing::new(expiry) });
                }
                _ => self.leave_row_out(),
            },
            Reply::Refused(Refusal::SealBroken) => self.leave_row_out(),
            _ => return self.settlement_failed("secure-module", SettlementFault::NoAnswer),
        }
        self.open_next_row();
    }

    /// No reply will come: the rows are gathered again when the secure module is back.
    pub(crate) fn settlement_without_vault(&mut self) {
        if let Some(settling) = self.settling.as_mut().filter(|s| matches!(s.stage, Stage::Opening(_))) {
            settling.stage = Stage::Ready;
        }
    }

    fn send_rows(&mut self) {
        let Some(settling) = self.settling.as_mut() else { return };
        let Stage::Opening(Opened { open, last, .. }) = std::mem::replace(&mut settling.stage, Stage::Ready)
        else {
            return;
        };
        let rows: Vec<_> = open
            .iter()
            .map(|Open { row, .. }| (row.trace.unwrap_or_default(), row.charged.unwrap_or_default()))
            .collect();
        if rows.is_empty() {
            // None of them could be opened.
            settling.record.after = last;
            return self.save_settlement(Vec::new());
        }
        let left_out: Vec<Mismatch> = open
            .iter()
            .map(|open| row_mismatch(&open.row, MismatchKind::NotUploaded, MismatchAction::CallAcquirer))
            .collect();
        match self.rows_message(open) {
            Ok(request) => {
                if let Some(settling) = self.settling.as_mut() {
                    settling.stage = Stage::Uploading(Uploading { rows, last });
                }
                self.save_settlement(Vec::new());
                self.exchange_request(Purpose::Settlement, request);
            }
            Err(_) => {
                let Some(settling) = self.settling.as_mut() else { return };
                let record = &mut settling.record;
                record.message_trace = None;
                if rows.len() > 1 {
                    record.singly = last;
                } else {
                    record.mismatches.extend(left_out);
                    record.done += 1;
                    record.after = last;
                }
                self.save_settlement(Vec::new());
            }
        }
    }

    fn rows_message(&mut self, open: Vec<Open>) -> Result<Request, EncodeError> {
        let identity = self.identity();
        let own = self.settling.as_ref().and_then(|settling| settling.record.message_trace);
        let step = self.settling.as_ref().map(|settling| settling.record.step);
        let profile = self.settings.profile.clone();
        let side = |row: &Attempt| {
            if is_domestic(row, &profile) { Organisation::Domestic } else { Organisation::Foreign }
        };
        if step == Some(SettlementStep::Details) {
            let trace = own.unwrap_or_else(|| self.allocate_trace());
            let Some(record) = self.settling.as_mut().map(|settling| &mut settling.record) else {
                return Err(EncodeError { field: 60, kind: EncodeErrorKind::Missing });
            };
            record.message_trace = Some(trace);
            let details = open
                .into_iter()
                .map(|Open { row, pan, .. }| Detail {
                    organisation: side(&row),
                    trace: row.trace.unwrap_or_default(),
                    pan,
                    amount: row.charged.unwrap_or_default(),
                })
                .collect();
            return request::BatchDetails { identity, trace, batch: record.batch, details }.build(&profile);
        }
        let compared = self.settling.as_ref().and_then(|settling| settling.record.compared);
        let Some(Open { row, pan, expiry }) = open.into_iter().next() else {
            return Err(EncodeError { field: 48, kind: EncodeErrorKind::Missing });
        };
        let Some(upload) = row.upload.clone() else {
            return Err(EncodeError { field: 22, kind: EncodeErrorKind::Missing });
        };
        let (trace, batch) = (row.trace.unwrap_or_default(), row.batch.unwrap_or_default());
        let currency = row.amount.currency().numeric();
        if step == Some(SettlementStep::Advices) {
            let link = row.original.as_ref();
            return request::AdviceAgain {
                kind: row.kind,
                family: link.map_or_else(|| row.kind.family(), |link| link.family),
                identity,
                trace,
                batch,
                amount: upload.amount.or(row.charged).unwrap_or_default(),
                currency,
                entry: upload.entry,
                pan,
                expiry: Some(expiry.to_string()),
                card_sequence: upload.card_sequence,
                pin_entered: upload.pin_entered,
                linked: link.map(|link| link.original.clone()),
                field55: upload.field55,
            }
            .build(&profile);
        }
        let organisation = side(&row);
        let domestic = organisation == Organisation::Domestic;
        request::ChipRecord {
            identity,
            trace,
            batch,
            end: upload.end.unwrap_or(ChipEnd::Failed),
            balanced: compared.is_some_and(|compared| compared.is_side_balanced(domestic)),
            pan,
            entry: upload.entry,
            card_sequence: upload.card_sequence,
            pin_entered: upload.pin_entered,
            organisation,
            amount: row.charged.unwrap_or(row.amount.minor()),
            currency,
            field55: upload.field55,
        }
        .build(&profile)
    }

    /// The host answered to rows.
    pub(crate) fn uploaded(&mut self, rows: &Uploading, code: &str) {
        self.settlement_went_on();
        let accepted = self.settings.profile.accepts_advice(code);
        let Some(settling) = self.settling.as_mut() else { return };
        let record = &mut settling.record;
        record.message_trace = None;
        if accepted {
            record.uploaded =
                record.uploaded.saturating_add(u16::try_from(rows.rows.len()).unwrap_or(u16::MAX));
            record.done += u32::try_from(rows.rows.len()).unwrap_or_default();
            record.after = rows.last;
        } else if rows.rows.len() > 1 {
            // One of them is what the host does not take: each goes by itself.
            record.singly = rows.last;
        } else {
            for (trace, amount) in &rows.rows {
                record.mismatches.push(Mismatch {
                    trace: Some(*trace),
                    journal: Some(*amount),
                    code: Some(code.to_owned()),
                    ..Mismatch::new(MismatchKind::UploadRefused, MismatchAction::CallAcquirer)
                });
            }
            record.done += 1;
            record.after = rows.last;
        }
        self.save_settlement(Vec::new());
        self.report_settlement();
    }
}

pub(crate) fn row_mismatch(row: &Attempt, kind: MismatchKind, action: MismatchAction) -> Mismatch {
    Mismatch {
        trace: row.trace,
        transaction: Some(row.kind),
        journal: row.charged,
        rrn: row.rrn.clone(),
        ..Mismatch::new(kind, action)
    }
}
