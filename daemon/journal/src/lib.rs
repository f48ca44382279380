//! Durable memory: the SQLite journal.
//!
//! What it is for: it keeps every attempt, reversal, advice and print job, the counters, and the audit chain. One
//! commit is one transaction with one fsync (WAL, synchronous=FULL): what [`Journal::commit`] has answered `Ok` to
//! survives a power cut. It is the only room that knows SQL.
//!
//! What it never does: it deletes no row, decides nothing, and never repairs or replaces a file that is damaged. It
//! holds card data only as the secure module sealed it (rule 10), and erases it from the file, not just from the row.
//!
//! Damage that it cannot see: a flipped bit inside a record's text (SQLite keeps no checksums of pages), and a damaged
//! frame in the write-ahead log, which reads like the end of the log.
//!
//! Start reading at [`Journal::open`], then `schema.rs`.

mod audit;
mod hold;
mod read;
mod schema;
mod write;

pub use audit::{AuditError, audit_rows, verify_audit};

use posd_runner::Journal as Port;
use posd_terminal::{
    Admission, Advice, AdviceId, AtRisk, Attempt, AuditHead, AuditRow, CardKey, Cause, Device, PrintJob,
    Records, Reversal, SaleKey, Settlement, StorageFault, StoredSet, TransactionId, Write,
};
use rusqlite::{Connection, OpenFlags, config::DbConfig, ffi::ErrorCode};
use std::{
    fs::File,
    path::{Path, PathBuf},
};

/// Why a journal was not opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is damaged. It is evidence: keep the file and its `-wal` companion, and call service.
    #[error("{path} is damaged and kept as it is ({reason}); nothing is sold on it: call service", path = .0.display(), reason = .1)]
    Corrupt(PathBuf, String),
    /// It is another program's file.
    #[error("{path} is no journal of this program", path = .0.display())]
    Foreign(PathBuf),
    /// A newer release wrote it.
    #[error("{path} has schema {found}, and this release knows {known}: install the newer release", path = .0.display(), found = .1, known = .2)]
    Newer(PathBuf, u32, u32),
    /// Another process has it.
    #[error("{path} is in use by another process", path = .0.display())]
    Locked(PathBuf),
    /// It cannot be opened or written: permissions, disk full, read-only disk.
    #[error("{path} cannot be opened for writing ({reason}); check permissions and space", path = .0.display(), reason = .1)]
    Unwritable(PathBuf, String),
}

/// The journal.
#[derive(Debug)]
pub struct Journal {
    // Before the file that holds it for this process: fields go in this order.
    connection: Connection,
    _held: Option<File>,
    commits: u64,
}

fn fault(error: rusqlite::Error) -> StorageFault {
    StorageFault(error.to_string())
}

impl Journal {
    /// Opens a journal, or makes one where there is no file. Only what costs the same for any size is checked here;
    /// [`check`] does the rest.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path) -> Result<Journal, OpenError> {
        let held = hold::hold(path)?;
        Ok(Journal { _held: Some(held), ..Journal::open_through(path, None, "FULL")? })
    }

    /// The same through a named VFS, where a simulation keeps its disk.
    ///
    /// # Errors
    /// [`OpenError`].
    #[doc(hidden)]
    pub fn open_on(path: &Path, vfs: &str) -> Result<Journal, OpenError> {
        Journal::open_through(path, Some(vfs), "FULL")
    }

    /// A journal that answers before the disk has it: the fault a simulation must find.
    ///
    /// # Errors
    /// [`OpenError`].
    #[cfg(feature = "planted-bugs")]
    #[doc(hidden)]
    pub fn open_without_fsync(path: &Path, vfs: &str) -> Result<Journal, OpenError> {
        Journal::open_through(path, Some(vfs), "NORMAL")
    }

    fn open_through(path: &Path, vfs: Option<&str>, synchronous: &str) -> Result<Journal, OpenError> {
        let opened = (|| {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = match vfs {
                None => Connection::open_with_flags(path, flags)?,
                Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
            };
            // A file that is refused stays as it is, and so does its log.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.set_prepared_statement_cache_capacity(64);
            schema::prepare(&mut connection, synchronous)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
            Ok(connection)
        })();
        opened
            .map(|connection| Journal { connection, _held: None, commits: 0 })
            .map_err(|error: schema::Refused| error.about(path))
    }

    /// How many commits were made durable since it was opened.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// At most `limit` audit rows that come after the one of number `after`, oldest first.
    ///
    /// # Errors
    /// [`StorageFault`].
    pub fn audit_rows(&self, after: u64, limit: u32) -> Result<Vec<AuditRow>, StorageFault> {
        audit::rows_of(&self.connection, after, limit)
    }
}

/// The full check of a journal: every page, every index. It may run beside an open journal, in another thread.
///
/// # Errors
/// [`StorageFault`] with the first thing found.
pub fn check(path: &Path) -> Result<(), StorageFault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fault)?;
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(fault)?;
    if verdict == "ok" { Ok(()) } else { Err(StorageFault(verdict)) }
}

impl Port for Journal {
    fn commit(&mut self, writes: &[Write]) -> Result<(), StorageFault> {
        if writes.is_empty() {
            return Ok(());
        }
        let done = write::commit(&mut self.connection, writes);
        self.after_commit(done)?;
        if writes.iter().any(|write| matches!(write, Write::EraseCards { .. })) {
            // The log still holds the older pages. Where somebody reads just now they go with the next start.
            let _ = write::drop_older_pages(&self.connection);
        }
        Ok(())
    }

    fn commit_if(
        &mut self,
        admission: &Admission,
        writes: &[Write],
    ) -> Result<Result<(), Cause>, StorageFault> {
        match write::commit_if(&mut self.connection, admission, writes) {
            Ok(Err(cause)) => Ok(Err(cause)),
            Ok(Ok(())) => self.after_commit(Ok(())).map(Ok),
            Err(error) => self.after_commit(Err(error)).map(Ok),
        }
    }
}

impl Journal {
    fn after_commit(&mut self, done: rusqlite::Result<()>) -> Result<(), StorageFault> {
        if let Err(error) = done {
            // It may be whole in the log although its fsync failed. The next start decides that, once: if this process
            // tidied up without it, a power cut could bring the log back, and the commit with it.
            let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            return Err(fault(error));
        }
        self.commits += 1;
        Ok(())
    }
}

impl Records for Journal {
    fn device(&self) -> Result<Device, StorageFault> {
        read::device(&self.connection)
    }

    fn attempt(&self, id: TransactionId) -> Result<Option<Attempt>, StorageFault> {
        read::one(&self.connection, read::ATTEMPT, [id])
    }

    fn latest_attempt(&self, key: &SaleKey) -> Result<Option<Attempt>, StorageFault> {
        read::one(&self.connection, read::LATEST_ATTEMPT, (key.uid, key.reference.as_str()))
    }

    fn attempt_by_trace(&self, batch: u32, trace: u32) -> Result<Option<Attempt>, StorageFault> {
        read::one(&self.connection, read::ATTEMPT_BY_TRACE, (batch, trace))
    }

    fn batch(&self, batch: u32, after: u32, limit: u32) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::BATCH, (batch, after, limit))
    }

    fn batch_size(&self, batch: u32) -> Result<u32, StorageFault> {
        read::count(&self.connection, read::BATCH_SIZE, [batch])
    }

    fn attempts_by_rrn(&self, rrn: &str) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::ATTEMPTS_BY_RRN, [rrn])
    }

    fn attempts_by_authorisation(&self, code: &str) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::ATTEMPTS_BY_AUTHORISATION, [code])
    }

    fn external_followers(&self, original: &str) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::EXTERNAL_FOLLOWERS, [original])
    }

    fn followers(&self, original: TransactionId) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::FOLLOWERS, [original])
    }

    fn attempts(
        &self,
        uid: u32,
        before: Option<TransactionId>,
        limit: u32,
    ) -> Result<Vec<Attempt>, StorageFault> {
        read::many(
            &self.connection,
            read::ATTEMPTS,
            (uid, before.map_or(i64::MAX, |id| i64::try_from(id).unwrap_or(i64::MAX)), limit),
        )
    }

    fn unacknowledged(&self, uid: u32) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::UNACKNOWLEDGED, [uid])
    }

    fn unresolved(&self) -> Result<Vec<Attempt>, StorageFault> {
        read::many(&self.connection, read::UNRESOLVED, [])
    }

    fn open_reversals(&self) -> Result<Vec<Reversal>, StorageFault> {
        read::many(&self.connection, read::OPEN_REVERSALS, [])
    }

    fn open_advices(&self) -> Result<Vec<Advice>, StorageFault> {
        read::many(&self.connection, read::OPEN_ADVICES, [])
    }

    fn settlement(&self, batch: Option<u32>) -> Result<Option<Settlement>, StorageFault> {
        match batch {
            Some(batch) => read::one(&self.connection, read::SETTLEMENT, [batch]),
            None => read::one(&self.connection, read::LATEST_SETTLEMENT, []),
        }
    }

    fn settlement_by_id(&self, id: u64) -> Result<Option<Settlement>, StorageFault> {
        read::one(&self.connection, read::SETTLEMENT_BY_ID, [id])
    }

    fn open_settlement(&self) -> Result<Option<Settlement>, StorageFault> {
        read::one(&self.connection, read::OPEN_SETTLEMENT, [])
    }

    fn advices_to_look_at(&self) -> Result<Vec<Advice>, StorageFault> {
        read::many(&self.connection, read::ADVICES_TO_LOOK_AT, [])
    }

    fn advice(&self, id: AdviceId) -> Result<Option<Advice>, StorageFault> {
        read::one(&self.connection, read::ADVICE, [id])
    }

    fn recent_advices(&self, limit: u32) -> Result<Vec<Advice>, StorageFault> {
        read::many(&self.connection, read::RECENT_ADVICES, [limit])
    }

    fn recent_reversals(&self, limit: u32) -> Result<Vec<Reversal>, StorageFault> {
        read::many(&self.connection, read::RECENT_REVERSALS, [limit])
    }

    fn at_risk(&self, card: Option<CardKey>, operator: &str) -> Result<AtRisk, StorageFault> {
        read::at_risk(&self.connection, card, operator).map_err(fault)
    }

    fn open_print_jobs(&self) -> Result<Vec<PrintJob>, StorageFault> {
        read::many(&self.connection, read::OPEN_PRINT_JOBS, [])
    }

    fn print_jobs(&self, transaction: TransactionId) -> Result<Vec<PrintJob>, StorageFault> {
        read::many(&self.connection, read::PRINT_JOBS, [transaction])
    }

    fn sets(&self) -> Result<Vec<StoredSet>, StorageFault> {
        read::many(&self.connection, read::SETS, [])
    }

    fn audit_head(&self) -> Result<AuditHead, StorageFault> {
        audit::head(&self.connection)
    }
}

/// What went wrong inside SQLite, as an [`OpenError`] tells it.
fn open_error(error: &rusqlite::Error, path: &Path) -> OpenError {
    let path = path.to_owned();
    if matches!(error, rusqlite::Error::IntegralValueOutOfRange(..)) {
        return OpenError::Corrupt(path, error.to_string());
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::Locked(path),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            OpenError::Corrupt(path, error.to_string())
        }
        _ => OpenError::Unwritable(path, error.to_string()),
    }
}
