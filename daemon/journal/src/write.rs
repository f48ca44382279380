//! Records to rows.

use crate::{audit, read};
use posd_terminal::{
    Admission, Advice, AdviceState, Attempt, Cause, Outcome, PrintJob, PrintState, Reversal, ReversalState,
    Sealed, SetContent, Settlement, StoredSet, WallTime, Write,
};
use rusqlite::{Connection, Result, Transaction, TransactionBehavior};
use serde::Serialize;

/// Makes the writes durable, all or none.
pub(crate) fn commit(connection: &mut Connection, writes: &[Write]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_all(&transaction, writes)?;
    transaction.commit()
}

/// The same if the limits allow it, over what stands at risk in this very transaction; else nothing is written.
pub(crate) fn commit_if(
    connection: &mut Connection,
    admission: &Admission,
    writes: &[Write],
) -> Result<std::result::Result<(), Cause>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let at_risk = read::at_risk(&transaction, admission.card, &admission.operator)?;
    if let Err(cause) = admission.judge(&at_risk) {
        return transaction.rollback().map(|()| Err(cause));
    }
    write_all(&transaction, writes)?;
    transaction.commit().map(Ok)
}

fn write_all(transaction: &Transaction<'_>, writes: &[Write]) -> Result<()> {
    for write in writes {
        match write {
            Write::Device(device) => {
                let sql = "INSERT INTO device (id, record) VALUES (1, ?1)
                           ON CONFLICT (id) DO UPDATE SET record = excluded.record";
                transaction.prepare_cached(sql)?.execute([json(device)?])?;
            }
            Write::Attempt(attempt) => write_attempt(transaction, attempt)?,
            Write::Reversal(reversal) => write_reversal(transaction, reversal)?,
            Write::Advice(advice) => write_advice(transaction, advice)?,
            Write::OfflineSale { transaction: id, amount, operator, card } => {
                let sql = "INSERT INTO offline_sale (id, amount, operator, card, at_risk) VALUES (?1, ?2, ?3, ?4, 1)";
                transaction.prepare_cached(sql)?.execute((id, amount, operator, &card.0[..]))?;
            }
            Write::OfflineTaken(id) => {
                // By what a card is counted goes with the risk.
                let sql = "UPDATE offline_sale SET at_risk = 0, card = NULL WHERE id = ?1";
                transaction.prepare_cached(sql)?.execute([id])?;
            }
            Write::PrintJob(job) => write_print_job(transaction, job)?,
            Write::Settlement(settlement) => write_settlement(transaction, settlement)?,
            Write::EraseCards { batch, now } => erase(transaction, *batch, *now)?,
            Write::Audit(row) => audit::write(transaction, row)?,
            Write::Set(set) => write_set(transaction, set)?,
        }
    }
    Ok(())
}

fn json<T: Serialize>(record: &T) -> Result<String> {
    serde_json::to_string(record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn write_attempt(transaction: &Transaction<'_>, attempt: &Attempt) -> Result<()> {
    let card = attempt.card.as_ref().map(|card| card.0.clone());
    let record = json(&Attempt { card: None, ..attempt.clone() })?;
    let outcome = attempt.outcome;
    let unknown = outcome == Some(Outcome::Unknown);
    let sql = "INSERT INTO attempt (id, uid, reference, number, batch, trace, rrn, authorisation_code, outcome,
                   to_acknowledge, to_resolve, original, external_original, keep_card_until, record, card)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
               ON CONFLICT (id) DO UPDATE SET uid = excluded.uid, reference = excluded.reference,
                   number = excluded.number, batch = excluded.batch, trace = excluded.trace, rrn = excluded.rrn,
                   authorisation_code = excluded.authorisation_code, outcome = excluded.outcome,
                   to_acknowledge = excluded.to_acknowledge, to_resolve = excluded.to_resolve,
                   original = excluded.original, external_original = excluded.external_original,
                   keep_card_until = excluded.keep_card_until, record = excluded.record, card = excluded.card";
    transaction.prepare_cached(sql)?.execute((
        attempt.id,
        attempt.key.uid,
        attempt.key.reference.as_str(),
        attempt.number,
        attempt.batch,
        attempt.trace,
        attempt.rrn.as_deref(),
        attempt.authorisation_code.as_deref(),
        outcome.map(Outcome::word),
        outcome.is_some() && !unknown && !attempt.acknowledged,
        unknown || (outcome.is_none() && attempt.trace.is_some()),
        attempt.original.as_ref().and_then(|link| link.transaction),
        attempt.external_original(),
        attempt.keep_card_until,
        record,
        card,
    ))?;
    Ok(())
}

fn write_reversal(transaction: &Transaction<'_>, reversal: &Reversal) -> Result<()> {
    let record = json(&Reversal { card: Sealed(Vec::new()), ..reversal.clone() })?;
    let open = matches!(reversal.state, ReversalState::Armed | ReversalState::Pending);
    let sql = "INSERT INTO reversal (id, batch, trace, state, open, record, card) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
               ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, trace = excluded.trace, state = excluded.state,
                   open = excluded.open, record = excluded.record, card = excluded.card";
    transaction.prepare_cached(sql)?.execute((
        reversal.transaction,
        reversal.original.batch,
        reversal.original.trace,
        reversal.state.word(),
        open,
        record,
        &reversal.card.0,
    ))?;
    Ok(())
}

fn write_advice(transaction: &Transaction<'_>, advice: &Advice) -> Result<()> {
    let record = json(&Advice { card: Sealed(Vec::new()), ..advice.clone() })?;
    let open = advice.state == AdviceState::Queued;
    let sql = "INSERT INTO advice (id, attempt, kind, batch, trace, state, open, record, card)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, trace = excluded.trace, state = excluded.state,
                   open = excluded.open, record = excluded.record, card = excluded.card";
    transaction.prepare_cached(sql)?.execute((
        advice.id,
        advice.transaction,
        advice.word(),
        advice.original.batch,
        advice.trace,
        advice.state.word(),
        open,
        record,
        &advice.card.0,
    ))?;
    Ok(())
}

fn write_print_job(transaction: &Transaction<'_>, job: &PrintJob) -> Result<()> {
    let open = !matches!(job.state, PrintState::Done | PrintState::Failed);
    let sql = "INSERT INTO print_job (id, attempt, settlement, state, open, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
               ON CONFLICT (id) DO UPDATE SET state = excluded.state, open = excluded.open, record = excluded.record";
    transaction.prepare_cached(sql)?.execute((
        job.id,
        Some(job.transaction).filter(|transaction| *transaction != 0),
        job.slip.settlement().map(|(id, _)| id),
        job.state.word(),
        open,
        json(job)?,
    ))?;
    Ok(())
}

fn write_settlement(transaction: &Transaction<'_>, settlement: &Settlement) -> Result<()> {
    let sql = "INSERT INTO settlement (id, batch, open, record) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, open = excluded.open, record = excluded.record";
    let record = json(settlement)?;
    transaction.prepare_cached(sql)?.execute((
        settlement.id,
        settlement.batch,
        settlement.is_open(),
        record,
    ))?;
    Ok(())
}

fn write_set(transaction: &Transaction<'_>, set: &StoredSet) -> Result<()> {
    let mut stored = set.clone();
    let card = match &mut stored.content {
        SetContent::Blacklist { cards, .. } => Some(std::mem::take(&mut cards.0)),
        _ => None,
    };
    let sql = "INSERT INTO downloaded (name, record, card) VALUES (?1, ?2, ?3)
               ON CONFLICT (name) DO UPDATE SET record = excluded.record, card = excluded.card";
    transaction.prepare_cached(sql)?.execute((set.set.word(), json(&stored)?, card))?;
    Ok(())
}

/// Of a batch; what is still open, and what a pre-authorisation's window keeps, stays.
pub(crate) const ERASE_BATCH: &str = "UPDATE attempt SET card = NULL WHERE card IS NOT NULL AND batch = ?1 AND NOT to_resolve AND keep_card_until IS NULL";
/// Of whatever was kept, once its time is over.
pub(crate) const ERASE_OVER: &str =
    "UPDATE attempt SET card = NULL, keep_card_until = NULL WHERE keep_card_until <= ?1 AND NOT to_resolve";

/// Erases the sealed card data of a batch, and what was kept until now. What is still open keeps its own, as it is
/// still needed.
fn erase(transaction: &Transaction<'_>, batch: u32, now: WallTime) -> Result<()> {
    transaction.execute(ERASE_BATCH, [batch])?;
    transaction.execute(ERASE_OVER, [now])?;
    transaction.execute("UPDATE reversal SET card = NULL WHERE batch = ?1 AND NOT open", [batch])?;
    transaction.execute("UPDATE advice SET card = NULL WHERE batch = ?1 AND NOT open", [batch])?;
    Ok(())
}

/// Takes the log's pages home, so that what was erased is in no older page. False where somebody reads them.
pub(crate) fn drop_older_pages(connection: &Connection) -> Result<bool> {
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}
