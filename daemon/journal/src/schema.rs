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
const STEPS: &[&str] = &[
    "
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
    CREATE UNIQUE INDEX attempt_by_trace ON attempt (batch, trace) WHERE trace IS NOT NULL;
    CREATE INDEX attempt_by_rrn ON attempt (rrn) WHERE rrn IS NOT NULL;
    CREATE INDEX attempt_by_authorisation ON attempt (authorisation_code) WHERE authorisation_code IS NOT NULL;
    CREATE INDEX attempt_to_acknowledge ON attempt (uid, id) WHERE to_acknowledge;
    CREATE INDEX attempt_to_resolve ON attempt (id) WHERE to_resolve;
    CREATE TABLE reversal (
        id INTEGER PRIMARY KEY REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        batch INTEGER NOT NULL,
        trace INTEGER NOT NULL,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT;
    CREATE INDEX reversal_open ON reversal (id) WHERE open;
    CREATE INDEX reversal_by_trace ON reversal (batch, trace);
    CREATE TABLE advice (
        id INTEGER PRIMARY KEY REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        batch INTEGER NOT NULL,
        trace INTEGER NOT NULL,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT;
    CREATE INDEX advice_open ON advice (id) WHERE open;
    CREATE INDEX advice_by_trace ON advice (batch, trace);
    CREATE TABLE print_job (
        id INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX print_job_open ON print_job (id) WHERE open;
    CREATE INDEX print_job_by_attempt ON print_job (attempt, id);
",
    // The triggers keep mistakes of this program out, not whoever may write the file: the chain is for those.
    "
    CREATE TABLE audit (
        sequence INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        uid INTEGER,
        operator TEXT NOT NULL,
        event TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous BLOB NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END;
    CREATE TRIGGER audit_as_it_is BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows stay'); END;
",
    "
    ALTER TABLE attempt ADD COLUMN original INTEGER REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED;
    CREATE INDEX attempt_by_original ON attempt (original, id) WHERE original IS NOT NULL;
",
    // A row for each of the few sets that the host sends down; the blacklist is sealed.
    "
    CREATE TABLE downloaded (
        name TEXT PRIMARY KEY,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT, WITHOUT ROWID;
",
    // Advices of several kinds, under numbers of their own. Those that are here are script results, one of an attempt.
    "
    CREATE TABLE advice_of_any_kind (
        id INTEGER PRIMARY KEY,
        attempt INTEGER NOT NULL REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        kind TEXT NOT NULL,
        batch INTEGER NOT NULL,
        trace INTEGER NOT NULL,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        card BLOB
    ) STRICT;
    INSERT INTO advice_of_any_kind
        SELECT id, id, 'script-result', batch, trace, state, open,
            json_set(record, '$.id', id, '$.kind', 'script-result', '$.queued', 0, '$.tried_for_s', 0), card
        FROM advice;
    DROP TABLE advice;
    ALTER TABLE advice_of_any_kind RENAME TO advice;
    CREATE INDEX advice_open ON advice (id) WHERE open;
    CREATE INDEX advice_to_look_at ON advice (id) WHERE state = 'needs-action';
    CREATE INDEX advice_by_attempt ON advice (attempt, id);
    CREATE INDEX advice_by_trace ON advice (batch, trace);
    UPDATE device SET record =
        json_set(record, '$.next_advice', (SELECT coalesce(max(id), 0) + 1 FROM advice));
",
    // Offline sales; those that the host has not accepted are at risk, and are counted before each new one.
    "
    CREATE TABLE offline_sale (
        id INTEGER PRIMARY KEY REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        amount INTEGER NOT NULL,
        operator TEXT NOT NULL,
        card BLOB,
        at_risk INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX offline_at_risk ON offline_sale (card, operator, amount) WHERE at_risk;
",
    "
    ALTER TABLE attempt ADD COLUMN external_original TEXT;
    CREATE INDEX attempt_by_external_original ON attempt (external_original, id) WHERE external_original IS NOT NULL;
    ALTER TABLE attempt ADD COLUMN keep_card_until INTEGER;
    CREATE INDEX attempt_by_keep_card_until ON attempt (keep_card_until) WHERE keep_card_until IS NOT NULL;
    CREATE INDEX attempt_with_card ON attempt (batch) WHERE card IS NOT NULL;
",
    // A slip may be of a settlement: a print job has an attempt or a settlement.
    "
    CREATE TABLE settlement (
        id INTEGER PRIMARY KEY,
        batch INTEGER NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX settlement_by_batch ON settlement (batch, id);
    CREATE INDEX settlement_open ON settlement (id) WHERE open;
    CREATE TABLE slip_job (
        id INTEGER PRIMARY KEY,
        attempt INTEGER REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        settlement INTEGER REFERENCES settlement (id) DEFERRABLE INITIALLY DEFERRED,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        CHECK ((attempt IS NULL) <> (settlement IS NULL))
    ) STRICT;
    INSERT INTO slip_job SELECT id, attempt, NULL, state, open, record FROM print_job;
    DROP TABLE print_job;
    ALTER TABLE slip_job RENAME TO print_job;
    CREATE INDEX print_job_open ON print_job (id) WHERE open;
    CREATE INDEX print_job_by_attempt ON print_job (attempt, id) WHERE attempt IS NOT NULL;
",
    // The slip of an initialisation belongs to neither.
    "
    CREATE TABLE slip_job (
        id INTEGER PRIMARY KEY,
        attempt INTEGER REFERENCES attempt (id) DEFERRABLE INITIALLY DEFERRED,
        settlement INTEGER REFERENCES settlement (id) DEFERRABLE INITIALLY DEFERRED,
        state TEXT NOT NULL,
        open INTEGER NOT NULL,
        record TEXT NOT NULL,
        CHECK (attempt IS NULL OR settlement IS NULL)
    ) STRICT;
    INSERT INTO slip_job SELECT id, attempt, settlement, state, open, record FROM print_job;
    DROP TABLE print_job;
    ALTER TABLE slip_job RENAME TO print_job;
    CREATE INDEX print_job_open ON print_job (id) WHERE open;
    CREATE INDEX print_job_by_attempt ON print_job (attempt, id) WHERE attempt IS NOT NULL;
",
];

/// Why a file is not used.
pub(crate) enum Refused {
    Sqlite(rusqlite::Error),
    Foreign,
    Newer(u32),
    NoLog(String),
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
            Refused::NoLog(mode) => {
                let reason = format!("it has no write-ahead log here, but journal mode {mode}");
                OpenError::Unwritable(path.to_owned(), reason)
            }
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
    // Nothing of a statement goes to a file of its own.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // Every query follows an index, so that few pages serve; the default lets each journal hold 2 MB (negative: KiB).
    connection.pragma_update(None, "cache_size", -256)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Refused::NoLog(mode));
    }
    // A commit is on the disk before it is answered: one fsync, of the log.
    connection.pragma_update(None, "synchronous", synchronous)?;
    // A bound on the log. The commit that passes it takes the pages home, with two fsyncs more, and the next starts
    // the log again, with one more. While `check` reads, the log grows on, until the first commit after it.
    connection.pragma_update(None, "wal_autocheckpoint", 500)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    // A killed process may have left commits in the log that were never synced. They are read from here on, so they
    // must not be lost to a power cut later: the pages go home now.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    if version < known() {
        upgrade(connection, version, STEPS)?;
    }
    Ok(())
}

/// Takes the steps that come after a version, all or none.
fn upgrade(connection: &mut Connection, version: u32, steps: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in steps.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", u32::try_from(steps.len()).unwrap_or(u32::MAX))?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]

    use super::*;
    use crate::{audit, read, write};

    fn at_version(steps: &[&str]) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        upgrade(&mut connection, 0, steps).unwrap();
        connection
    }

    fn version(connection: &Connection) -> u32 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_older_file_takes_only_the_steps_it_lacks_and_keeps_its_rows() {
        let mut connection = at_version(STEPS);
        connection.execute("INSERT INTO device VALUES (1, '{}')", []).unwrap();
        let mut steps = STEPS.to_vec();
        steps.push("ALTER TABLE device ADD COLUMN shift INTEGER NOT NULL DEFAULT 7");
        upgrade(&mut connection, known(), &steps).unwrap();
        assert_eq!(version(&connection), known() + 1);
        let shift: u32 = connection.query_row("SELECT shift FROM device", [], |row| row.get(0)).unwrap();
        assert_eq!(shift, 7);
    }

    /// Script results of the first releases had the numbers of their attempts, and their records named no kind.
    #[test]
    fn script_results_of_an_older_file_are_advices_with_numbers_of_their_own() {
        let mut connection = at_version(&STEPS[..3]);
        let old = r#"{"transaction":7,"state":"queued","trace":9,"original_date":"0101","original":{"batch":1,"trace":8,
            "amount":5,"currency":156,"card_sequence":null,"pin_entered":false,"authorisation_code":null,"rrn":null,
            "field55":[]},"card":[],"tries":[]}"#;
        let insert = "INSERT INTO attempt (id, uid, reference, number, to_acknowledge, to_resolve, record)
            VALUES (7, 1, 'a', 1, 0, 0, '{}')";
        connection.execute(insert, []).unwrap();
        let device = r#"{"batch":1,"next_trace":10,"next_transaction":8,"next_job":1,"next_sequence_counter":1,
            "signed_in":true,"host_requirement":0}"#;
        connection.execute("INSERT INTO device VALUES (1, ?1)", [device]).unwrap();
        let sql = "INSERT INTO advice VALUES (7, 1, 9, 'queued', 1, ?1, x'AB')";
        connection.execute(sql, [old]).unwrap();
        upgrade(&mut connection, 3, STEPS).unwrap();
        let open: Vec<posd_terminal::Advice> = read::many(&connection, read::OPEN_ADVICES, []).unwrap();
        let [advice] = &open[..] else { panic!("{open:?}") };
        assert_eq!((advice.id, advice.transaction, advice.trace), (7, 7, 9));
        assert_eq!(advice.kind, posd_terminal::AdviceKind::ScriptResult);
        assert_eq!(advice.card.0, [0xAB]);
        assert_eq!(read::device(&connection).unwrap().next_advice, 8);
    }

    #[test]
    fn a_step_that_fails_leaves_the_older_file() {
        let mut connection = at_version(STEPS);
        let mut steps = STEPS.to_vec();
        steps.extend([
            "CREATE TABLE shift (id INTEGER PRIMARY KEY) STRICT",
            "CREATE TABLE device (id INTEGER)",
        ]);
        assert!(upgrade(&mut connection, known(), &steps).is_err());
        assert_eq!(version(&connection), known());
        assert!(connection.prepare("SELECT * FROM shift").is_err());
    }

    /// A sale's cost and the start's must not grow with the rows: no query reads a whole table, and none sorts.
    #[test]
    fn every_query_follows_an_index() {
        let connection = at_version(STEPS);
        let queries = [
            read::ATTEMPT,
            read::LATEST_ATTEMPT,
            read::ATTEMPT_BY_TRACE,
            read::BATCH,
            read::BATCH_SIZE,
            read::ATTEMPTS_BY_RRN,
            read::ATTEMPTS_BY_AUTHORISATION,
            read::FOLLOWERS,
            read::EXTERNAL_FOLLOWERS,
            read::ATTEMPTS,
            read::UNACKNOWLEDGED,
            read::UNRESOLVED,
            read::OPEN_REVERSALS,
            read::OPEN_ADVICES,
            read::SETTLEMENT,
            read::LATEST_SETTLEMENT,
            read::SETTLEMENT_BY_ID,
            read::OPEN_SETTLEMENT,
            read::ADVICES_TO_LOOK_AT,
            read::ADVICE,
            read::RECENT_ADVICES,
            read::RECENT_REVERSALS,
            read::AT_RISK,
            read::OPEN_PRINT_JOBS,
            read::PRINT_JOBS,
            read::SETS,
            audit::HEAD,
            audit::ROWS,
            write::ERASE_BATCH,
            write::ERASE_OVER,
            "SELECT id FROM reversal WHERE batch = 1 AND trace = 2",
            "SELECT id FROM advice WHERE batch = 1 AND trace = 2",
            "SELECT id FROM advice WHERE attempt = 1 ORDER BY id",
        ];
        for query in queries {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
            // Unbound parameters are NULL, which a plan does not mind.
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let plan: String = row.get(3).unwrap();
                let by_index = ["PRIMARY KEY", "SCAN downloaded", "USING INDEX", "USING COVERING INDEX"];
                assert!(by_index.iter().any(|words| plan.contains(words)), "{query}: {plan}");
                let scans_part = [
                    "attempt_to_resolve",
                    "reversal_open",
                    "advice_open",
                    "print_job_open",
                    "offline_at_risk",
                    "settlement_open",
                    "advice_to_look_at",
                    "downloaded",
                ];
                let whole = plan.starts_with("SCAN") && !scans_part.iter().any(|index| plan.contains(index));
                // A settlement without a batch is the last row.
                let whole = whole && query != read::LATEST_SETTLEMENT;
                assert!(!whole, "{query}: {plan}");
            }
        }
    }
}
