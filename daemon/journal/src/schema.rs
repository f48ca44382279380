//! The tables, and how an older file becomes a newer one.
//!
//! A row's record is JSON; beside it stand the columns that rows are found by. Sealed card data has a column of its
//! own, so that it can be erased.

use crate::{OpenError, open_error};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// "posd" in ASCII: the file is ours.
const APPLICATION: i32 = 0x706F_7364;

/// Each step makes the next version of the schema; version 1 is the first. A step is never changed once released.
const STEPS: &[&str] = &["
    CREATE TABLE device (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        uid INTEGER NOT NULL,
        reference TEXT NOT NULL,
        number INTEGER NOT NULL,
        batch INTEGER,
        trace INTEGER,
        rrn TEXT,
        authorisation_code TEXT,
        outcome TEXT,
        to_acknowledge INTEGER NOT NULL,
        to_resolve INTEGER NOT NULL,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT;
    CREATE UNIQUE INDEX attempt_by_sale ON attempt (uid, reference, number);
    CREATE INDEX attempt_by_user ON attempt (uid, id);
    CREATE INDEX attempt_by_trace ON attempt (batch, trace) WHERE trace IS NOT NULL;
    CREATE INDEX attempt_by_rrn ON attempt (rrn) WHERE rrn IS NOT NULL;
    CREATE INDEX attempt_by_authorisation ON attempt (authorisation_code) WHERE authorisation_code IS NOT NULL;
    CREATE INDEX attempt_to_acknowledge ON attempt (uid, id) WHERE to_acknowledge;
    CREATE INDEX attempt_to_resolve ON attempt (id) WHERE to_resolve;
    CREATE TABLE reversal (
        id INTEGER PRIMARY KEY REFERENCES attempt (id),
        batch INTEGER NOT NULL,
        trace INTEGER NOT NULL,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT;
    CREATE INDEX reversal_open ON reversal (id) WHERE open;
    CREATE INDEX reversal_by_batch ON reversal (batch);
    CREATE TABLE advice (
        id INTEGER PRIMARY KEY REFERENCES attempt (id),
        batch INTEGER NOT NULL,
        trace INTEGER NOT NULL,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT;
    CREATE INDEX advice_open ON advice (id) WHERE open;
    CREATE INDEX advice_by_batch ON advice (batch);
    CREATE TABLE print_job (
        id INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL REFERENCES attempt (id),
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX print_job_open ON print_job (id) WHERE open;
    CREATE INDEX print_job_by_attempt ON print_job (attempt, id);
"];

/// Why a file is not used.
pub(crate) enum Refused {
    Sqlite(rusqlite::Error),
    Foreign,
    Newer(u32),
}

impl From<rusqlite::Error> for Refused {
    fn from(error: rusqlite::Error) -> Refused {
        Refused::Sqlite(error)
    }
}

impl Refused {
    pub(crate) fn about(self, path: &Path) -> OpenError {
        match self {
            Refused::Sqlite(error) => open_error(&error, path),
            Refused::Foreign => OpenError::Foreign(path.to_owned()),
            Refused::Newer(found) => OpenError::Newer(path.to_owned(), found, known()),
        }
    }
}

fn known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// Sets the connection up and brings the schema to this release's version.
pub(crate) fn prepare(connection: &mut Connection, synchronous: &str) -> Result<(), Refused> {
    connection.busy_timeout(std::time::Duration::from_millis(500))?;
    let application: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let objects: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = application == 0 && version == 0 && objects == 0;
    if !fresh && application != APPLICATION {
        return Err(Refused::Foreign);
    }
    if version > known() {
        return Err(Refused::Newer(version));
    }
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is erased leaves the file, not just the row.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit is on the disk before it is answered.
    connection.pragma_update(None, "synchronous", synchronous)?;
    // A bound on the log; the pages go home every so many commits.
    connection.pragma_update(None, "wal_autocheckpoint", 500)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    if version < known() {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", known())?;
        transaction.commit()?;
    }
    Ok(())
}
