//! The three-way match of a batch: what the journal, the host and the queue say of it.
//!
//! The host speaks in totals, so totals are matched at every settlement (`flow.rs`); its answers to the upload speak of
//! rows; and a detail file of the host is matched line by line here.

use super::{
    Mismatch, MismatchAction, MismatchKind, Settlement,
    totals::{counted, each_of_batch, is_domestic},
    upload::row_mismatch,
};
use crate::{
    call::{Answer, CallError, CallId},
    event::Effect,
    record::{Attempt, Records, StorageFault, Write},
    state::{Cause, Outcome},
    terminal::Terminal,
};
use posd_unionpay::{Books, Kind, Profile};
use std::collections::BTreeMap;

/// Most lines of one detail file: twice what a settlement's counts have room for.
pub(crate) const MOST_LINES: usize = 4_000;

/// One line of the host's detail file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetailLine {
    /// Trace number (凭证号), 1 to 999999.
    pub trace: u32,
    /// The host's word for the type; empty where the file has none.
    pub kind: String,
    /// Minor units.
    pub amount: u64,
    /// Retrieval reference number; empty where the file has none.
    pub rrn: String,
}

/// A refund without an answer, and what the comparison of totals says about it: the terminal counts it nowhere, so a
/// side that is balanced does not hold it, and one that differs by just this refund does.
pub(crate) fn unanswered_refund(
    attempt: &Attempt,
    record: &Settlement,
    profile: &Profile,
) -> Option<Mismatch> {
    let moves = attempt.kind.row().books == Books::Credit && !attempt.kind.row().reversible;
    if !moves || attempt.outcome != Some(Outcome::Unknown) {
        return None;
    }
    let domestic = is_domestic(attempt, profile);
    let side = |totals: &posd_unionpay::Totals| if domestic { totals.domestic } else { totals.foreign };
    let amount = attempt.amount.minor();
    let action = match record.compared {
        Some(compared) if compared.is_side_balanced(domestic) => MismatchAction::ResolveNotBooked,
        Some(compared) => {
            let (ours, host) = (side(&record.totals.totals), side(&compared.totals));
            let more = host.credit_amount.checked_sub(ours.credit_amount) == Some(amount)
                && host.credit_count == ours.credit_count.saturating_add(1);
            if more { MismatchAction::ResolveBooked } else { MismatchAction::AskAcquirer }
        }
        None => MismatchAction::AskAcquirer,
    };
    Some(Mismatch {
        journal: Some(amount),
        domestic: Some(domestic),
        ..row_mismatch(attempt, MismatchKind::RefundUnanswered, action)
    })
}

/// What does not agree between the rows of a batch and the lines of the host's file.
fn match_lines(
    batch: u32,
    lines: Vec<DetailLine>,
    records: &dyn Records,
) -> Result<Vec<Mismatch>, StorageFault> {
    let mut by_trace: BTreeMap<u32, DetailLine> = lines.into_iter().map(|line| (line.trace, line)).collect();
    let mut mismatches = Vec::new();
    each_of_batch(batch, 0, records, |attempt| {
        let line = attempt.trace.and_then(|trace| by_trace.remove(&trace));
        mismatches.extend(match_row(attempt, line));
        true
    })?;
    mismatches.extend(by_trace.into_values().map(|line| Mismatch {
        trace: Some(line.trace),
        host: Some(line.amount),
        rrn: Some(line.rrn).filter(|rrn| !rrn.is_empty()),
        code: Some(line.kind).filter(|kind| !kind.is_empty()),
        ..Mismatch::new(MismatchKind::OnlyAtHost, MismatchAction::CallAcquirer)
    }));
    Ok(mismatches)
}

/// What does not agree about one row.
fn match_row(attempt: &Attempt, line: Option<DetailLine>) -> Option<Mismatch> {
    let call = MismatchAction::CallAcquirer;
    let refund_unknown = attempt.outcome == Some(Outcome::Unknown) && !attempt.kind.row().reversible;
    let (kind, action) = match (counted(attempt), &line) {
        (None, _) if attempt.kind.row().books == Books::Nothing => return None,
        (None, None) if refund_unknown => (MismatchKind::RefundUnanswered, MismatchAction::ResolveNotBooked),
        (None, None) => return None,
        (None, Some(_)) if refund_unknown => (MismatchKind::RefundUnanswered, MismatchAction::ResolveBooked),
        (None, Some(_)) if attempt.cause == Cause::Reversed => (MismatchKind::ReversedAtJournal, call),
        (None, Some(_)) => (MismatchKind::NotApproved, call),
        (Some(_), None) => (MismatchKind::OnlyInJournal, call),
        (Some(ours), Some(line)) if ours != line.amount => (MismatchKind::Amount, call),
        // A word that this terminal does not know says nothing.
        (Some(_), Some(line)) if Kind::from_word(&line.kind).is_some_and(|kind| kind != attempt.kind) => {
            (MismatchKind::Type, call)
        }
        (Some(_), Some(_)) => return None,
    };
    let amount = attempt.charged.unwrap_or(attempt.amount.minor());
    let host = line.as_ref().map(|line| line.amount);
    Some(Mismatch {
        journal: Some(amount),
        host,
        code: line.map(|line| line.kind).filter(|kind| !kind.is_empty()),
        ..row_mismatch(attempt, kind, action)
    })
}

impl Terminal {
    /// Matches a detail file of the host, and keeps what came of it with the settlement.
    pub(crate) fn call_match(
        &mut self,
        call: CallId,
        batch: u32,
        lines: Vec<DetailLine>,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        if lines.len() > MOST_LINES {
            return Err(CallError::InvalidArgument("a detail file has at most 4000 lines"));
        }
        self.writable()?;
        let mut record = self.settlement_of(Some(batch), records)?.record;
        let count = u32::try_from(lines.len()).unwrap_or(u32::MAX);
        let found = match_lines(record.batch, lines, records).map_err(|fault| self.storage_fault(fault))?;
        let refund = |mismatch: &Mismatch| mismatch.kind == MismatchKind::RefundUnanswered;
        // What the file says of a refund is more than the totals could say.
        record.mismatches.retain(|m| !m.is_of_lines() && !refund(m));
        record.mismatches.extend(found.iter().cloned());
        record.matched = Some(count);
        match self.settling.as_mut().filter(|settling| settling.record.id == record.id) {
            Some(settling) => {
                settling.record.mismatches.clone_from(&record.mismatches);
                settling.record.matched = record.matched;
                self.save_settlement(Vec::new());
                self.report_settlement();
            }
            None => {
                record.sequence += 1;
                self.effect(Effect::Commit(vec![Write::Settlement(Box::new(record.clone()))]));
                let view = self.view_of(record);
                self.effect(Effect::ReportSettlement(Box::new(view)));
            }
        }
        self.effect(Effect::Reply(call, Ok(Answer::Mismatches(found))));
        Ok(None)
    }
}
