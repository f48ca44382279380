//! The audit chain on a real file, and what a hand in the file does to it.

#![allow(clippy::unwrap_used)]

use posd_journal::{AuditError, Journal, audit_rows, verify_audit};
use posd_runner::Journal as _;
use posd_terminal::{AuditFault, AuditHead, AuditRow, Records, Write};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    (directory, path)
}

fn after(head: AuditHead, detail: &str) -> AuditRow {
    let mut row = AuditRow {
        sequence: head.sequence + 1,
        time: -1,
        uid: head.sequence.is_multiple_of(2).then_some(u32::MAX),
        operator: "01".to_owned(),
        event: "log-in".to_owned(),
        detail: detail.to_owned(),
        previous: head.hash,
        hash: [0; 32],
    };
    row.hash = row.content_hash();
    row
}

/// A journal of six rows, closed.
fn written(path: &Path) -> AuditHead {
    let mut journal = Journal::open(path).unwrap();
    for place in 0..6 {
        let row = after(journal.audit_head().unwrap(), &format!("place={place}"));
        journal.commit(&[Write::Audit(Box::new(row))]).unwrap();
    }
    journal.audit_head().unwrap()
}

/// Somebody who may write the file, and puts the triggers aside.
fn tamper(path: &Path, sql: &str) {
    let database = Connection::open(path).unwrap();
    database.execute_batch("DROP TRIGGER audit_stays; DROP TRIGGER audit_as_it_is;").unwrap();
    database.execute_batch(sql).unwrap();
}

#[test]
fn rows_come_back_whole_in_order_and_in_pages() {
    let (_directory, path) = place();
    let head = written(&path);
    assert_eq!(head.sequence, 6);
    assert_eq!(Journal::open(&path).unwrap().audit_head().unwrap(), head);
    let rows = audit_rows(&path, 0, 100).unwrap();
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[0], after(AuditHead::default(), "place=0"));
    assert_eq!(rows[1].previous, rows[0].hash);
    assert_eq!(audit_rows(&path, 2, 3).unwrap(), rows[2..5]);
    assert_eq!(Journal::open(&path).unwrap().audit_rows(2, 3).unwrap(), rows[2..5]);
    assert_eq!(verify_audit(&path, Some(head)), Ok(head));
}

#[test]
fn a_row_is_never_written_over_changed_or_removed_by_this_program() {
    let (_directory, path) = place();
    let head = written(&path);
    let mut journal = Journal::open(&path).unwrap();
    let twice = after(AuditHead { sequence: 2, hash: head.hash }, "");
    assert!(journal.commit(&[Write::Audit(Box::new(twice))]).is_err());
    drop(journal);
    let database = Connection::open(&path).unwrap();
    assert!(database.execute("UPDATE audit SET detail = ''", []).is_err());
    assert!(database.execute("DELETE FROM audit WHERE sequence = 6", []).is_err());
    drop(database);
    assert_eq!(verify_audit(&path, None), Ok(head));
}

#[test]
fn the_first_row_that_somebody_changed_removed_or_swapped_is_named() {
    let broken = [
        ("UPDATE audit SET detail = 'place=9' WHERE sequence = 3", AuditFault::Content(3)),
        ("UPDATE audit SET uid = NULL WHERE sequence = 1", AuditFault::Content(1)),
        ("UPDATE audit SET time = 0 WHERE sequence = 6", AuditFault::Content(6)),
        ("UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4", AuditFault::Content(4)),
        ("DELETE FROM audit WHERE sequence = 1", AuditFault::Gap(1, 2)),
        ("DELETE FROM audit WHERE sequence = 3", AuditFault::Gap(3, 4)),
        (
            "UPDATE audit SET sequence = -2 WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3;
             UPDATE audit SET sequence = 3 WHERE sequence = -2",
            AuditFault::Link(2),
        ),
        (
            "DELETE FROM audit WHERE sequence = 2; UPDATE audit SET sequence = sequence - 1 WHERE sequence > 2",
            AuditFault::Link(2),
        ),
    ];
    for (sql, fault) in broken {
        let (_directory, path) = place();
        written(&path);
        tamper(&path, sql);
        assert_eq!(verify_audit(&path, None), Err(AuditError::Broken(fault)), "{sql}");
    }
}

#[test]
fn an_end_that_was_cut_off_is_seen_only_against_a_head_kept_elsewhere() {
    let (_directory, path) = place();
    let head = written(&path);
    tamper(&path, "DELETE FROM audit WHERE sequence > 4");
    assert_eq!(verify_audit(&path, None).unwrap().sequence, 4, "the chain alone cannot show it");
    assert_eq!(verify_audit(&path, Some(head)), Err(AuditError::Broken(AuditFault::CutOff(4, 6))));
    // And made up again, to the same length.
    let mut journal = Journal::open(&path).unwrap();
    for _ in 0..2 {
        let row = after(journal.audit_head().unwrap(), "made up");
        journal.commit(&[Write::Audit(Box::new(row))]).unwrap();
    }
    drop(journal);
    assert_eq!(verify_audit(&path, None).unwrap().sequence, 6);
    assert_eq!(verify_audit(&path, Some(head)), Err(AuditError::Broken(AuditFault::OtherHead(6))));
}

#[test]
fn a_check_writes_nothing_and_runs_beside_the_daemon() {
    let (_directory, path) = place();
    written(&path);
    let before = std::fs::read(&path).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(verify_audit(&path, None).unwrap().sequence, 6);
    let row = after(journal.audit_head().unwrap(), "later");
    journal.commit(&[Write::Audit(Box::new(row))]).unwrap();
    assert_eq!(verify_audit(&path, None).unwrap().sequence, 7, "what stands in the log is read too");
    drop(journal);
    assert_ne!(std::fs::read(&path).unwrap(), before);
    let now = std::fs::read(&path).unwrap();
    verify_audit(&path, None).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), now);
}

#[test]
fn what_cannot_be_read_is_not_called_whole() {
    let (directory, path) = place();
    let missing = verify_audit(&path, None);
    assert!(matches!(missing, Err(AuditError::Unreadable(_))), "{missing:?}");
    assert!(!path.exists(), "nothing is made");
    written(&path);
    tamper(&path, "UPDATE audit SET hash = x'00' WHERE sequence = 4");
    let short = verify_audit(&path, None);
    assert!(matches!(short, Err(AuditError::Unreadable(_))), "{short:?}");
    let other = directory.path().join("other");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE device (id INTEGER)").unwrap();
    assert!(matches!(verify_audit(&other, None), Err(AuditError::Unreadable(_))));
}
