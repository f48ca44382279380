//! The audit chain in the file: rows are added, and read by whoever checks them.

use crate::fault;
use posd_terminal::{AuditChain, AuditFault, AuditHead, AuditRow, StorageFault};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction};
use std::path::Path;

pub(crate) const HEAD: &str =
    "SELECT sequence, hash FROM audit WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1";
pub(crate) const ROWS: &str = "SELECT sequence, time, uid, operator, event, detail, previous, hash FROM audit
    WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
/// What nothing is left out of: a tampered file may number its rows as it likes.
const ALL_ROWS: &str =
    "SELECT sequence, time, uid, operator, event, detail, previous, hash FROM audit ORDER BY sequence";

/// Why a chain is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The chain is broken.
    #[error(transparent)]
    Broken(#[from] AuditFault),
    /// The file cannot be read, or is no journal with an audit chain.
    #[error(transparent)]
    Unreadable(#[from] StorageFault),
}

/// Adds a row. One that is there already is never replaced.
pub(crate) fn write(transaction: &Transaction<'_>, row: &AuditRow) -> rusqlite::Result<()> {
    let sql = "INSERT INTO audit (sequence, time, uid, operator, event, detail, previous, hash)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    transaction.prepare_cached(sql)?.execute((
        row.sequence,
        row.time,
        row.uid,
        &row.operator,
        &row.event,
        &row.detail,
        row.previous.as_slice(),
        row.hash.as_slice(),
    ))?;
    Ok(())
}

pub(crate) fn head(connection: &Connection) -> Result<AuditHead, StorageFault> {
    let mut statement = connection.prepare_cached(HEAD).map_err(fault)?;
    let head = statement.query_row([], |row| Ok(AuditHead { sequence: row.get(0)?, hash: row.get(1)? }));
    Ok(head.optional().map_err(fault)?.unwrap_or_default())
}

fn row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        sequence: row.get(0)?,
        time: row.get(1)?,
        uid: row.get(2)?,
        operator: row.get(3)?,
        event: row.get(4)?,
        detail: row.get(5)?,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}

/// Opens a journal that another process may be writing, to read it only.
fn open(path: &Path) -> Result<Connection, StorageFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    connection.busy_timeout(std::time::Duration::from_millis(500)).map_err(fault)?;
    Ok(connection)
}

/// Follows the audit chain of a journal from its first row to its last, and writes nothing. `kept` is a head that was
/// kept elsewhere. What this can show and what it cannot is said at [`AuditChain`].
///
/// # Errors
/// [`AuditError`], with the first bad row.
pub fn verify_audit(path: &Path, kept: Option<AuditHead>) -> Result<AuditHead, AuditError> {
    let connection = open(path)?;
    let mut statement = connection.prepare(ALL_ROWS).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut chain = AuditChain::new(kept);
    while let Some(found) = rows.next().map_err(fault)? {
        chain.follow(&row(found).map_err(fault)?)?;
    }
    Ok(chain.end()?)
}

/// At most `limit` audit rows that come after the one of number `after`, oldest first.
///
/// # Errors
/// [`StorageFault`].
pub fn audit_rows(path: &Path, after: u64, limit: u32) -> Result<Vec<AuditRow>, StorageFault> {
    rows_of(&open(path)?, after, limit)
}

pub(crate) fn rows_of(
    connection: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditRow>, StorageFault> {
    let mut statement = connection.prepare(ROWS).map_err(fault)?;
    let rows = statement.query_map((after, limit), row).map_err(fault)?;
    rows.map(|row| row.map_err(fault)).collect()
}
