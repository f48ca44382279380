//! Rows to records.

use crate::fault;
use posd_terminal::{
    Advice, AtRisk, Attempt, CardKey, Device, PrintJob, Reversal, Sealed, SetContent, Settlement,
    StorageFault, StoredSet,
};
use rusqlite::{Connection, OptionalExtension, Params, Row};
use serde::de::DeserializeOwned;

pub(crate) const ATTEMPT: &str = "SELECT record, card FROM attempt WHERE id = ?1";
pub(crate) const LATEST_ATTEMPT: &str =
    "SELECT record, card FROM attempt WHERE uid = ?1 AND reference = ?2 ORDER BY number DESC LIMIT 1";
pub(crate) const ATTEMPT_BY_TRACE: &str = "SELECT record, card FROM attempt WHERE batch = ?1 AND trace = ?2";
pub(crate) const BATCH: &str =
    "SELECT record, card FROM attempt WHERE batch = ?1 AND trace > ?2 ORDER BY trace LIMIT ?3";
pub(crate) const BATCH_SIZE: &str = "SELECT count(*) FROM attempt WHERE batch = ?1 AND trace IS NOT NULL";
pub(crate) const ATTEMPTS_BY_RRN: &str = "SELECT record, card FROM attempt WHERE rrn = ?1 ORDER BY id DESC";
pub(crate) const ATTEMPTS_BY_AUTHORISATION: &str =
    "SELECT record, card FROM attempt WHERE authorisation_code = ?1 ORDER BY id DESC";
pub(crate) const EXTERNAL_FOLLOWERS: &str =
    "SELECT record, card FROM attempt WHERE external_original = ?1 ORDER BY id";
pub(crate) const FOLLOWERS: &str = "SELECT record, card FROM attempt WHERE original = ?1 ORDER BY id";
pub(crate) const ATTEMPTS: &str =
    "SELECT record, card FROM attempt WHERE uid = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(crate) const UNACKNOWLEDGED: &str =
    "SELECT record, card FROM attempt WHERE uid = ?1 AND to_acknowledge ORDER BY id";
pub(crate) const UNRESOLVED: &str = "SELECT record, card FROM attempt WHERE to_resolve ORDER BY id";
pub(crate) const OPEN_REVERSALS: &str = "SELECT record, card FROM reversal WHERE open ORDER BY id";
pub(crate) const OPEN_ADVICES: &str = "SELECT record, card FROM advice WHERE open ORDER BY id";
pub(crate) const SETTLEMENT: &str =
    "SELECT record, NULL FROM settlement WHERE batch = ?1 ORDER BY id DESC LIMIT 1";
pub(crate) const LATEST_SETTLEMENT: &str =
    "SELECT record, NULL FROM settlement WHERE id > 0 ORDER BY id DESC LIMIT 1";
pub(crate) const SETTLEMENT_BY_ID: &str = "SELECT record, NULL FROM settlement WHERE id = ?1";
pub(crate) const OPEN_SETTLEMENT: &str = "SELECT record, NULL FROM settlement WHERE open ORDER BY id LIMIT 1";
pub(crate) const ADVICES_TO_LOOK_AT: &str =
    "SELECT record, card FROM advice WHERE state = 'needs-action' ORDER BY id";
pub(crate) const ADVICE: &str = "SELECT record, card FROM advice WHERE id = ?1";
pub(crate) const RECENT_ADVICES: &str =
    "SELECT record, card FROM advice WHERE id < 9223372036854775807 ORDER BY id DESC LIMIT ?1";
pub(crate) const RECENT_REVERSALS: &str =
    "SELECT record, card FROM reversal WHERE id < 9223372036854775807 ORDER BY id DESC LIMIT ?1";
pub(crate) const AT_RISK: &str = "SELECT coalesce(sum(amount), 0), count(*),
        coalesce(sum(amount) FILTER (WHERE card = ?1), 0), count(*) FILTER (WHERE card = ?1),
        coalesce(sum(amount) FILTER (WHERE operator = ?2), 0), count(*) FILTER (WHERE operator = ?2)
    FROM offline_sale WHERE at_risk";
pub(crate) const OPEN_PRINT_JOBS: &str = "SELECT record, NULL FROM print_job WHERE open ORDER BY id";
pub(crate) const PRINT_JOBS: &str = "SELECT record, NULL FROM print_job WHERE attempt = ?1 ORDER BY id";
/// All of them: there are never more than the few sets that a host has.
pub(crate) const SETS: &str = "SELECT record, card FROM downloaded ORDER BY name";

/// A record whose sealed card data stands in a column of its own.
pub(crate) trait Record: DeserializeOwned {
    fn put_card(&mut self, card: Option<Vec<u8>>);
}

impl Record for Attempt {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        self.card = card.map(Sealed);
    }
}

impl Record for Reversal {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        self.card = Sealed(card.unwrap_or_default());
    }
}

impl Record for Advice {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        self.card = Sealed(card.unwrap_or_default());
    }
}

impl Record for Settlement {
    fn put_card(&mut self, _: Option<Vec<u8>>) {}
}

impl Record for StoredSet {
    fn put_card(&mut self, card: Option<Vec<u8>>) {
        if let SetContent::Blacklist { cards, .. } = &mut self.content {
            *cards = Sealed(card.unwrap_or_default());
        }
    }
}

impl Record for PrintJob {
    fn put_card(&mut self, _: Option<Vec<u8>>) {}
}

type Columns = (String, Option<Vec<u8>>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?))
}

fn record<T: Record>((text, card): Columns) -> Result<T, StorageFault> {
    let mut record: T = serde_json::from_str(&text).map_err(|error| StorageFault(error.to_string()))?;
    record.put_card(card);
    Ok(record)
}

pub(crate) fn one<T: Record>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> Result<Option<T>, StorageFault> {
    let mut statement = connection.prepare_cached(query).map_err(fault)?;
    statement.query_row(parameters, columns).optional().map_err(fault)?.map(record).transpose()
}

pub(crate) fn count(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> Result<u32, StorageFault> {
    let mut statement = connection.prepare_cached(query).map_err(fault)?;
    statement.query_row(parameters, |row| row.get(0)).map_err(fault)
}

pub(crate) fn many<T: Record>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
) -> Result<Vec<T>, StorageFault> {
    let mut statement = connection.prepare_cached(query).map_err(fault)?;
    let rows = statement.query_map(parameters, columns).map_err(fault)?;
    rows.map(|row| row.map_err(fault).and_then(record)).collect()
}

pub(crate) fn device(connection: &Connection) -> Result<Device, StorageFault> {
    let mut statement = connection.prepare_cached("SELECT record FROM device").map_err(fault)?;
    let text: Option<String> = statement.query_row([], |row| row.get(0)).optional().map_err(fault)?;
    match text {
        None => Ok(Device::default()),
        Some(text) => serde_json::from_str(&text).map_err(|error| StorageFault(error.to_string())),
    }
}

/// What stands at risk, as the connection sees it: inside a transaction with that transaction's own writes.
pub(crate) fn at_risk(
    connection: &Connection,
    card: Option<CardKey>,
    operator: &str,
) -> rusqlite::Result<AtRisk> {
    let card = card.map(|card| card.0.to_vec());
    connection.prepare_cached(AT_RISK)?.query_row((card, operator), |row| {
        Ok(AtRisk {
            total: row.get(0)?,
            count: row.get(1)?,
            card_total: row.get(2)?,
            card_count: row.get(3)?,
            operator_total: row.get(4)?,
            operator_count: row.get(5)?,
        })
    })
}
