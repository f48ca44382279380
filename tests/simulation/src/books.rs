//! After every settlement terminal, journal and host say the same of its batch.

use crate::Violation;
use posd_acquirer::{Booking, Host, Match, MessageKind};
use posd_journal::Journal;
use posd_terminal::{
    AdviceKind, Attempt, BatchTotals, Kind, MismatchKind, Outcome, Records, Settlement, SettlementStep,
    TransactionId,
};
use posd_unionpay::{Profile, Side, request::ChipEnd};
use std::collections::{BTreeMap, BTreeSet};

/// The terminal's number at the host.
pub(crate) const TERMINAL: &str = "00000001";

/// Looks at every batch that is closed; how many there are.
pub(crate) fn check(
    host: &Host,
    journal: &Journal,
    attempts: &[Attempt],
    damaged: &BTreeSet<TransactionId>,
) -> Result<usize, Violation> {
    let broken = |what: String| Err(Violation(what));
    let batch_now = journal.device().map_err(|fault| Violation(fault.to_string()))?.batch;
    let mut closed = 0;
    for batch in 1..batch_now {
        let record = journal.settlement(Some(batch)).map_err(|fault| Violation(fault.to_string()))?;
        let Some(record) = record else {
            return broken(format!("batch {batch} was left without a settlement"));
        };
        if record.step != SettlementStep::Closed {
            return broken(format!("batch {batch} was left {}", record.step));
        }
        batch_agrees(host, journal, &record, attempts, damaged)
            .map_err(|what| Violation(format!("batch {batch}: {what}")))?;
        closed += 1;
    }
    Ok(closed)
}

fn batch_agrees(
    host: &Host,
    journal: &Journal,
    record: &Settlement,
    attempts: &[Attempt],
    damaged: &BTreeSet<TransactionId>,
) -> Result<(), String> {
    let held = host.ledger().totals(TERMINAL, record.batch);
    // What the host refused when it was told of it stands in the terminal's books only, until somebody has looked.
    let refused: BTreeMap<u32, u64> = journal
        .advices_to_look_at()
        .map_err(|fault| fault.to_string())?
        .into_iter()
        .filter(|advice| advice.kind == AdviceKind::Transaction && advice.original.batch == record.batch)
        .map(|advice| (advice.trace, advice.original.amount))
        .collect();
    // What it has lost and cannot take again by a damaged certificate stands there only, too.
    let lost: Vec<u64> = attempts
        .iter()
        .filter(|attempt| attempt.batch == Some(record.batch) && damaged.contains(&attempt.id))
        .filter(|attempt| {
            let own = |b: &&Booking| b.batch == record.batch && Some(b.trace) == attempt.trace;
            host.ledger().bookings.iter().find(own).is_some_and(|b| b.forgotten)
        })
        .map(|attempt| attempt.charged.unwrap_or_default())
        .collect();
    let mut told = record.totals.totals;
    told.domestic.debit_amount -= lost.iter().sum::<u64>();
    told.domestic.debit_count -= u16::try_from(lost.len()).unwrap_or_default();
    told.domestic.debit_amount -= refused.values().sum::<u64>();
    told.domestic.debit_count -= u16::try_from(refused.len()).unwrap_or_default();
    let same = |ours: Side, theirs: posd_acquirer::Sums| {
        (ours.debit_amount, u64::from(ours.debit_count), ours.credit_amount, u64::from(ours.credit_count))
            == (theirs.debit_amount, theirs.debit_count, theirs.credit_amount, theirs.credit_count)
    };
    if !same(told.domestic, held.domestic) || !same(told.foreign, held.foreign) {
        return Err(format!("the terminal counts {told:?}, the host {held:?}"));
    }
    let again = BatchTotals::of_batch(record.batch, journal, &Profile::default());
    if again.map_err(|fault| fault.to_string())? != record.totals {
        return Err("the journal counts something else than was settled".to_owned());
    }
    let is_refused = |trace: Option<u32>| trace.is_some_and(|trace| refused.contains_key(&trace));
    let ours = || attempts.iter().filter(|attempt| attempt.batch == Some(record.batch));
    let is_damaged = |attempt: &&Attempt| damaged.contains(&attempt.id);
    let refused_certificates: Vec<Option<u32>> = ours().filter(is_damaged).map(|a| a.trace).collect();
    if let Some(wrong) = record.mismatches.iter().find(|m| match m.kind {
        MismatchKind::Totals => false,
        MismatchKind::AdviceNotAccepted => !is_refused(m.trace),
        MismatchKind::UploadRefused => !refused_certificates.contains(&m.trace),
        _ => true,
    }) {
        return Err(format!("{wrong:?}"));
    }
    if let Some(kept) = ours().find(|a| a.card.is_some() && a.kind != Kind::PreAuth) {
        return Err(format!("the card data of {} is kept", kept.id));
    }
    let mut settlements = host.ledger().settlements.iter();
    let settlement = settlements
        .find(|settlement| settlement.batch == record.batch)
        .ok_or("the host knows no settlement")?;
    if settlement.ended.map(|count| count as usize) != Some(settlement.uploads.len()) {
        return Err(format!("{:?} rows told, {} uploaded", settlement.ended, settlement.uploads.len()));
    }
    if let Some(lost) = settlement.uploads.iter().find(|line| {
        line.kind != MessageKind::FailureUpload
            && !matches!(line.result, Match::Matched | Match::Restored)
            && !(line.kind == MessageKind::AdviceUpload && is_refused(Some(line.trace)))
    }) {
        return Err(format!("the host found no booking for {lost:?}"));
    }
    // What has no amount has no row, and an offline sale was told whole, with its certificate.
    let certified = ours()
        .filter(|a| a.kind.row().amount && a.kind != Kind::OfflineSale)
        .filter(|a| a.outcome.is_some_and(Outcome::is_charged))
        .filter(|a| a.upload.as_ref().is_some_and(|upload| upload.end == Some(ChipEnd::Certified)))
        .filter(|a| !is_damaged(a))
        .count();
    let uploaded = settlement.uploads.iter().filter(|line| line.kind == MessageKind::ChipUpload).count();
    if certified != uploaded {
        return Err(format!("{uploaded} of {certified} certificates were uploaded"));
    }
    Ok(())
}
