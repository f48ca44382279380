//! Records to rows.

use crate::audit;
use posd_terminal::{
    Advice, AdviceState, Attempt, Outcome, PrintJob, PrintState, Reversal, ReversalState, Sealed, SetContent,
    StoredSet, Write,
};
use rusqlite::{Connection, Result, Transaction, TransactionBehavior};
use serde::Serialize;

/// Makes the writes durable, all or none.
pub(crate) fn commit(connection: &mut Connection, writes: &[Write]) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for write in writes {
        match write {
            Write::Device(device) => {
                let sql = "INSERT INTO device (id, record) VALUES (1, ?1)
                           ON CONFLICT (id) DO UPDATE SET record = excluded.record";
                transaction.prepare_cached(sql)?.execute([json(device)?])?;
            }
            Write::Attempt(attempt) => write_attempt(&transaction, attempt)?,
            Write::Reversal(reversal) => write_reversal(&transaction, reversal)?,
            Write::Advice(advice) => write_advice(&transaction, advice)?,
            Write::PrintJob(job) => write_print_job(&transaction, job)?,
            Write::Audit(row) => audit::write(&transaction, row)?,
            Write::Set(set) => write_set(&transaction, set)?,
        }
    }
    transaction.commit()
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
                   to_acknowledge, to_resolve, original, record, card)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
               ON CONFLICT (id) DO UPDATE SET uid = excluded.uid, reference = excluded.reference,
                   number = excluded.number, batch = excluded.batch, trace = excluded.trace, rrn = excluded.rrn,
                   authorisation_code = excluded.authorisation_code, outcome = excluded.outcome,
                   to_acknowledge = excluded.to_acknowledge, to_resolve = excluded.to_resolve,
                   original = excluded.original, record = excluded.record, card = excluded.card";
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
        attempt.original.as_ref().map(|link| link.transaction),
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
    let sql = "INSERT INTO print_job (id, attempt, state, open, record) VALUES (?1, ?2, ?3, ?4, ?5)
               ON CONFLICT (id) DO UPDATE SET state = excluded.state, open = excluded.open, record = excluded.record";
    transaction.prepare_cached(sql)?.execute((
        job.id,
        job.transaction,
        job.state.word(),
        open,
        json(job)?,
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

/// Erases the sealed card data of a batch. What is still open keeps its own, as it is still needed. False when the
/// log still holds older pages, because somebody reads.
pub(crate) fn erase_cards(connection: &mut Connection, batch: u32) -> Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute("UPDATE attempt SET card = NULL WHERE batch = ?1 AND NOT to_resolve", [batch])?;
    transaction.execute("UPDATE reversal SET card = NULL WHERE batch = ?1 AND NOT open", [batch])?;
    transaction.execute("UPDATE advice SET card = NULL WHERE batch = ?1 AND NOT open", [batch])?;
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| Ok(row.get::<_, i64>(0)? == 0))
}
