//! The journal on a real file.

#![allow(clippy::unwrap_used)]

mod sample;

use posd_journal::{Journal, OpenError, check};
use posd_runner::Journal as _;
use posd_terminal::{
    Admission, AdviceState, AtRisk, Attempt, BatchTotals, CardKey, Cause, Device, Kind, Link, OfflineLimits,
    Outcome, PrintJob, PrintState, Records, ReversalState, Sealed, Settlement, SettlementFault,
    SettlementStep, SlipOf, Write,
};
use posd_unionpay::{Profile, request::Linked};
use rusqlite::Connection;
use sample::{advice, attempt, key, print_job, reversal, settlement};
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    (directory, path)
}

fn write(attempt: &Attempt) -> Write {
    Write::Attempt(Box::new(attempt.clone()))
}

fn ids(attempts: Vec<Attempt>) -> Vec<u64> {
    attempts.into_iter().map(|attempt| attempt.id).collect()
}

fn with_log(path: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", path.display()))
}

#[test]
fn attempts_are_found_by_trace_by_reference_number_and_by_what_they_follow() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let link = |transaction| {
        Some(Link {
            transaction,
            family: Default::default(),
            original: Linked { trace: 101, ..Linked::default() },
        })
    };
    let void = Attempt { kind: Kind::Void, original: link(Some(1)), ..attempt(2) };
    let again = Attempt { original: link(Some(1)), rrn: attempt(1).rrn, ..attempt(4) };
    journal.commit(&[write(&attempt(1)), write(&void), write(&attempt(3)), write(&again)]).unwrap();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.attempt_by_trace(1, 102).unwrap(), Some(void.clone()));
    assert_eq!(journal.attempt_by_trace(2, 102).unwrap(), None);
    assert_eq!(ids(journal.attempts_by_rrn("000000000001").unwrap()), [4, 1]);
    assert_eq!(journal.followers(1).unwrap(), [void, again]);
    assert_eq!(ids(journal.followers(2).unwrap()), [] as [u64; 0]);
}

#[test]
fn a_batch_is_read_in_the_order_of_traces_a_page_at_a_time() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let writes: Vec<Write> = (1..=5)
        .map(|id| Attempt { trace: Some(200 - u32::try_from(id).unwrap()), ..attempt(id) })
        .chain([
            Attempt { batch: Some(2), ..attempt(6) },
            Attempt { batch: None, trace: None, outcome: None, ..attempt(7) },
        ])
        .map(|attempt| write(&attempt))
        .collect();
    journal.commit(&writes).unwrap();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(ids(journal.batch(1, 0, 2).unwrap()), [5, 4]);
    assert_eq!(ids(journal.batch(1, 196, 9).unwrap()), [3, 2, 1]);
    assert_eq!(ids(journal.batch(2, 0, 9).unwrap()), [6]);
    assert_eq!(ids(journal.batch(3, 0, 9).unwrap()), [] as [u64; 0]);
    assert_eq!([1, 2, 3].map(|batch| journal.batch_size(batch).unwrap()), [5, 1, 0]);
}

/// The closing of a batch is one commit, and its card data leaves the file with it.
#[test]
fn rule_10_a_batch_that_is_closed_leaves_no_card_data_in_the_file() {
    let (directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let needle = [0xA7; 64];
    let sealed = |id| Attempt { card: Some(Sealed(needle.to_vec())), ..attempt(id) };
    journal.commit(&[write(&sealed(1)), write(&Attempt { batch: Some(2), ..sealed(2) })]).unwrap();
    assert!(holds(&directory, &needle));
    let closed = settlement(1, SettlementStep::Closed);
    journal
        .commit(&[
            Write::EraseCards { batch: 1, now: 0 },
            Write::EraseCards { batch: 2, now: 0 },
            Write::Settlement(Box::new(closed)),
        ])
        .unwrap();
    assert!(!holds(&directory, &needle));
    assert_eq!(journal.attempt(1).unwrap().unwrap().card, None);
}

#[test]
fn a_settlement_is_found_by_batch_by_number_and_while_it_is_open() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(journal.settlement(None).unwrap(), None);
    let done = settlement(1, SettlementStep::Closed);
    let open = Settlement { id: 2, batch: 7, ..settlement(1, SettlementStep::Certificates) };
    let all = [done.clone(), open.clone()].map(|record| Write::Settlement(Box::new(record)));
    journal.commit(&all).unwrap();
    drop(journal);
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(journal.settlement(Some(1)).unwrap(), Some(done.clone()));
    assert_eq!(journal.settlement(None).unwrap(), Some(open.clone()));
    assert_eq!(journal.settlement_by_id(1).unwrap(), Some(done));
    assert_eq!(journal.open_settlement().unwrap(), Some(open.clone()));
    let given_up = Settlement { fault: Some(SettlementFault::NoAnswer), ..open };
    journal.commit(&[Write::Settlement(Box::new(given_up))]).unwrap();
    assert_eq!(journal.open_settlement().unwrap(), None);
    // A slip of a settlement is a job without a transaction.
    let of = SlipOf::Settlement { id: 1, batch: 1 };
    let job = PrintJob { transaction: 0, slip: of, ..print_job(9, 1, PrintState::Queued) };
    journal.commit(&[Write::PrintJob(job.clone())]).unwrap();
    assert_eq!(journal.open_print_jobs().unwrap(), std::slice::from_ref(&job));
    // That of an initialisation belongs to neither.
    let set_up = PrintJob { id: 10, slip: SlipOf::Initialisation, ..job.clone() };
    journal.commit(&[Write::PrintJob(set_up.clone())]).unwrap();
    assert_eq!(journal.open_print_jobs().unwrap(), [job, set_up]);
}

/// The totals of a batch are read from the file, page by page.
#[test]
fn the_totals_of_a_batch() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let by_card = |id| Attempt { wallet: None, ..attempt(id) };
    let writes: Vec<Write> = (1..=150).map(|id| write(&by_card(id))).collect();
    journal.commit(&writes).unwrap();
    let other = Attempt { batch: Some(2), ..by_card(151) };
    let void = Attempt { kind: Kind::Void, ..by_card(152) };
    let unknown = Attempt { kind: Kind::Refund, outcome: Some(Outcome::Unknown), ..attempt(153) };
    journal.commit(&[write(&other), write(&void), write(&unknown)]).unwrap();
    let totals = BatchTotals::of_batch(1, &journal, &Profile::default()).unwrap();
    let side = totals.totals.domestic;
    assert_eq!((side.debit_count, side.debit_amount), (150, 150 * 1234));
    assert_eq!((side.credit_count, side.credit_amount), (1, 1234));
    assert_eq!(totals.fees, 150 * 7);
}

/// Records of the first release say nothing of originals, and are of chip sales.
#[test]
fn records_of_the_first_release_are_read() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let writes = [write(&attempt(1)), Write::Reversal(Box::new(reversal(1, ReversalState::Pending)))];
    journal.commit(&writes).unwrap();
    drop(journal);
    let connection = Connection::open(&path).unwrap();
    let changed = connection.execute(
        "UPDATE attempt SET record = json_remove(record, '$.original', '$.supervisor', '$.host_date',
             '$.options.original')",
        [],
    );
    assert_eq!(changed, Ok(1));
    let changed = connection.execute(
        "UPDATE reversal SET record = json_remove(record, '$.original.kind', '$.original.family',
             '$.original.entry', '$.original.linked')",
        [],
    );
    assert_eq!(changed, Ok(1));
    drop(connection);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.attempt(1).unwrap(), Some(Attempt { host_date: None, ..attempt(1) }));
    assert_eq!(journal.open_reversals().unwrap(), [reversal(1, ReversalState::Pending)]);
}

#[test]
fn records_come_back_whole_after_a_restart() {
    let (_directory, path) = place();
    let device = Device { batch: 7, next_trace: 12, signed_in: true, ..Device::default() };
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(journal.device().unwrap(), Device::default());
    let writes = [
        Write::Device(device.clone()),
        Write::PrintJob(print_job(1, 1, PrintState::Queued)),
        Write::Reversal(Box::new(reversal(1, ReversalState::Armed))),
        Write::Advice(Box::new(advice(1, AdviceState::Queued))),
        // Last: the order inside a commit does not matter.
        write(&attempt(1)),
    ];
    journal.commit(&writes).unwrap();
    drop(journal);
    let journal = Journal::open(&path).unwrap();
    assert_eq!(journal.device().unwrap(), device);
    assert_eq!(journal.attempt(1).unwrap(), Some(attempt(1)));
    assert_eq!(journal.attempt(2).unwrap(), None);
    assert_eq!(journal.open_reversals().unwrap(), [reversal(1, ReversalState::Armed)]);
    assert_eq!(journal.open_advices().unwrap(), [advice(1, AdviceState::Queued)]);
    assert_eq!(journal.open_print_jobs().unwrap(), [print_job(1, 1, PrintState::Queued)]);
}

#[test]
fn rule_3_the_latest_attempt_of_a_sale_key_is_found() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let second = Attempt { number: 2, key: key(1000, "order-1"), ..attempt(2) };
    let stranger = Attempt { number: 5, key: key(1001, "order-1"), ..attempt(3) };
    journal.commit(&[write(&attempt(1)), write(&second), write(&stranger)]).unwrap();
    assert_eq!(journal.latest_attempt(&key(1000, "order-1")).unwrap(), Some(second));
    assert_eq!(journal.latest_attempt(&key(1001, "order-1")).unwrap(), Some(stranger));
    assert_eq!(journal.latest_attempt(&key(1000, "order-2")).unwrap(), None);
}

#[test]
fn a_users_attempts_are_listed_newest_first_in_pages() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let mine = (1..=5).map(attempt);
    let theirs = (6..=7).map(|id| Attempt { key: key(1001, "theirs"), number: id as u32, ..attempt(id) });
    journal.commit(&mine.chain(theirs).map(|a| write(&a)).collect::<Vec<_>>()).unwrap();
    assert_eq!(ids(journal.attempts(1000, None, 3).unwrap()), [5, 4, 3]);
    assert_eq!(ids(journal.attempts(1000, Some(3), 3).unwrap()), [2, 1]);
    assert_eq!(ids(journal.attempts(1001, Some(u64::MAX), 9).unwrap()), [7, 6]);
    assert!(journal.attempts(1002, None, 9).unwrap().is_empty());
    assert!(journal.attempts(1000, None, 0).unwrap().is_empty());
}

#[test]
fn what_waits_for_its_owner_and_for_recovery_is_found() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let created = Attempt { outcome: None, batch: None, trace: None, ..attempt(1) };
    let sent = Attempt { outcome: None, ..attempt(2) };
    let unknown = Attempt { outcome: Some(Outcome::Unknown), cause: Cause::NoAnswer, ..attempt(3) };
    let approved = attempt(4);
    let declined = Attempt { outcome: Some(Outcome::Declined), ..attempt(5) };
    let seen = Attempt { acknowledged: true, ..attempt(6) };
    journal.commit(&[created, sent, unknown.clone(), approved, declined, seen].map(|a| write(&a))).unwrap();
    assert_eq!(ids(journal.unacknowledged(1000).unwrap()), [4, 5]);
    assert!(journal.unacknowledged(1001).unwrap().is_empty());
    assert_eq!(ids(journal.unresolved().unwrap()), [2, 3]);
    let resolved = Attempt { outcome: Some(Outcome::Failed), cause: Cause::Reversed, ..unknown };
    journal.commit(&[write(&resolved)]).unwrap();
    assert_eq!(ids(journal.unresolved().unwrap()), [2]);
    assert_eq!(ids(journal.unacknowledged(1000).unwrap()), [3, 4, 5]);
}

#[test]
fn only_what_is_open_is_called_open_and_nothing_is_deleted() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    for (id, state) in (1..).zip(ReversalState::ALL) {
        let reversal = Write::Reversal(Box::new(reversal(id, *state)));
        journal.commit(&[write(&attempt(id)), reversal]).unwrap();
    }
    for (id, state) in (1..).zip(AdviceState::ALL) {
        journal.commit(&[Write::Advice(Box::new(advice(id, *state)))]).unwrap();
    }
    for (id, state) in (1..).zip(PrintState::ALL) {
        journal.commit(&[Write::PrintJob(print_job(id, 1, *state))]).unwrap();
    }
    let open: Vec<_> = journal.open_reversals().unwrap().into_iter().map(|r| r.state).collect();
    assert_eq!(open, [ReversalState::Armed, ReversalState::Pending]);
    let open: Vec<_> = journal.open_advices().unwrap().into_iter().map(|a| a.state).collect();
    assert_eq!(open, [AdviceState::Queued]);
    let open: Vec<_> = journal.open_print_jobs().unwrap().into_iter().map(|j| j.state).collect();
    assert_eq!(open, [PrintState::Queued, PrintState::Printing, PrintState::NeedsPaper]);
    assert_eq!(journal.print_jobs(1).unwrap().len(), PrintState::ALL.len());
    assert_eq!(journal.print_jobs(2).unwrap(), []);
    drop(journal);
    let database = Connection::open(&path).unwrap();
    let rows: usize = database.query_row("SELECT count(*) FROM reversal", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, ReversalState::ALL.len());
}

/// An offline sale of a card by an operator, and the question whether it may stand at risk.
fn offline(id: u64, amount: u64, card: u8, operator: &str) -> (Admission, Vec<Write>) {
    let limits = OfflineLimits {
        amount: 100,
        total: 250,
        count: 3,
        card_total: 150,
        card_count: 3,
        operator_total: 180,
        operator_count: 3,
        silence_h: 24,
    };
    let card = CardKey([card; 16]);
    let operator = operator.to_owned();
    let sale = Write::OfflineSale { transaction: id, amount, operator: operator.clone(), card };
    (Admission { limits, amount, card: Some(card), operator }, vec![write(&attempt(id)), sale])
}

#[test]
fn an_offline_sale_is_counted_with_what_stands_at_risk_in_the_transaction_that_stores_it() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let sell = |journal: &mut Journal, id, amount, card, operator| {
        let (admission, writes) = offline(id, amount, card, operator);
        journal.commit_if(&admission, &writes).unwrap()
    };
    assert_eq!(sell(&mut journal, 1, 100, 7, "01"), Ok(()));
    assert_eq!(sell(&mut journal, 2, 51, 7, "02"), Err(Cause::OfflineCardLimit));
    assert_eq!(journal.attempt(2).unwrap(), None, "nothing of a refused commit is there");
    assert_eq!(sell(&mut journal, 2, 81, 8, "01"), Err(Cause::OfflineOperatorLimit));
    assert_eq!(sell(&mut journal, 2, 100, 8, "02"), Ok(()));
    assert_eq!(sell(&mut journal, 3, 51, 9, "03"), Err(Cause::OfflineTotalLimit));
    drop(journal);
    // What stands at risk survives, and goes when the host has accepted it.
    let mut journal = Journal::open(&path).unwrap();
    let risk = journal.at_risk(Some(CardKey([7; 16])), "02").unwrap();
    let expected = AtRisk {
        total: 200,
        count: 2,
        card_total: 100,
        card_count: 1,
        operator_total: 100,
        operator_count: 1,
    };
    assert_eq!(risk, expected);
    assert_eq!(sell(&mut journal, 3, 50, 9, "03"), Ok(()));
    assert_eq!(sell(&mut journal, 4, 1, 9, "03"), Err(Cause::OfflineTotalLimit));
    journal.commit(&[Write::OfflineTaken(1)]).unwrap();
    let risk = journal.at_risk(Some(CardKey([7; 16])), "01").unwrap();
    assert_eq!((risk.total, risk.count, risk.card_count, risk.operator_total), (150, 2, 0, 0));
    assert_eq!(sell(&mut journal, 4, 100, 7, "01"), Ok(()));
}

#[test]
fn every_id_leads_to_the_row() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&[write(&attempt(9))]).unwrap();
    let database = Connection::open(&path).unwrap();
    let conditions = [
        "uid = 1000 AND reference = 'order-9' AND number = 1",
        "batch = 1 AND trace = 109",
        "rrn = '000000000009'",
        "authorisation_code = 'A00009'",
        "outcome = 'approved' AND to_acknowledge",
    ];
    for condition in conditions {
        let sql = format!("SELECT id FROM attempt WHERE {condition}");
        let id: u64 = database.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert_eq!(id, 9, "{condition}");
    }
}

#[test]
fn a_commit_is_all_or_nothing() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&[write(&attempt(1))]).unwrap();
    assert_eq!(journal.commits(), 1);
    let changed = Attempt { acknowledged: true, ..attempt(1) };
    // Attempt 99 does not exist: its reversal cannot either.
    let orphan = Write::Reversal(Box::new(reversal(99, ReversalState::Armed)));
    assert!(journal.commit(&[write(&changed), write(&attempt(2)), orphan]).is_err());
    assert_eq!(journal.attempt(1).unwrap(), Some(attempt(1)));
    assert_eq!(journal.attempt(2).unwrap(), None);
    assert_eq!(journal.commits(), 1);
    journal.commit(&[]).unwrap();
    assert_eq!(journal.commits(), 1, "nothing was written");
}

#[test]
fn rule_12_a_trace_is_refused_a_second_time_in_its_batch() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&[write(&attempt(1))]).unwrap();
    assert!(journal.commit(&[write(&Attempt { trace: Some(101), ..attempt(2) })]).is_err());
    journal.commit(&[write(&Attempt { trace: Some(101), batch: Some(2), ..attempt(2) })]).unwrap();
    let twice = Attempt { key: key(1000, "order-1"), ..attempt(3) };
    assert!(journal.commit(&[write(&twice)]).is_err(), "rule 3: one row per sale key and number");
}

#[test]
fn a_newer_journal_is_refused_and_left_alone() {
    let (_directory, path) = place();
    drop(Journal::open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1000).unwrap();
    let before = fs::read(&path).unwrap();
    let error = Journal::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Newer(_, 1000, _)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn another_programs_file_is_refused_and_left_alone() {
    let (_directory, path) = place();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE cake (n)").unwrap();
    let before = fs::read(&path).unwrap();
    assert!(matches!(Journal::open(&path).unwrap_err(), OpenError::Foreign(_)));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_corrupt_journal_is_refused_and_kept_as_evidence() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&(1..200).map(|id| write(&attempt(id))).collect::<Vec<_>>()).unwrap();
    drop(journal);
    let good = fs::read(&path).unwrap();
    let mut no_header = good.clone();
    no_header[..16].fill(b'X');
    let mut no_schema = good.clone();
    no_schema[100..2000].fill(0xFF);
    for bad in [no_header, no_schema, good[..good.len() / 2].to_vec(), b"not a journal".to_vec()] {
        fs::write(&path, &bad).unwrap();
        let error = Journal::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt(..)), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert_eq!(fs::read(&path).unwrap(), bad);
    }
    // Deeper damage is the full check's.
    let mut deep = good.clone();
    deep[4096 * 6..4096 * 7].fill(0xFF);
    fs::write(&path, &deep).unwrap();
    check(&path).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), deep);
    fs::write(&path, &good).unwrap();
    check(&path).unwrap();
}

#[test]
fn a_refused_journal_keeps_its_log_too() {
    let (directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&[write(&attempt(1))]).unwrap();
    drop(journal);
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&[write(&Attempt { acknowledged: true, ..attempt(1) })]).unwrap();
    // As a kill leaves it: what was committed is in the log only.
    let copy = directory.path().join("copy");
    for ending in ["", "-wal"] {
        fs::copy(with_log(&path, ending), with_log(&copy, ending)).unwrap();
    }
    let log = fs::read(with_log(&copy, "-wal")).unwrap();
    assert!(!log.is_empty());
    let mut bad = fs::read(&copy).unwrap();
    bad[..16].fill(b'X');
    for content in [bad, Vec::new()] {
        fs::write(&copy, &content).unwrap();
        let error = Journal::open(&copy).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt(..)), "{error}");
        assert_eq!(fs::read(&copy).unwrap(), content);
        assert_eq!(fs::read(with_log(&copy, "-wal")).unwrap(), log);
    }
}

#[test]
fn one_process_at_a_time() {
    let (_directory, path) = place();
    let journal = Journal::open(&path).unwrap();
    assert!(matches!(Journal::open(&path).unwrap_err(), OpenError::Locked(_)));
    drop(journal);
    Journal::open(&path).unwrap();
}

#[test]
fn a_place_that_cannot_be_written_is_told() {
    let error = Journal::open(Path::new("/nonexistent/journal")).unwrap_err();
    assert!(matches!(error, OpenError::Unwritable(..)), "{error}");
}

#[test]
fn only_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&[write(&attempt(1))]).unwrap();
    for ending in ["", "-wal", "-shm"] {
        let mode = fs::metadata(with_log(&path, ending)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{ending}");
    }
}

#[test]
fn the_full_check_runs_beside_commits() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    journal.commit(&(1..5000).map(|id| write(&attempt(id))).collect::<Vec<_>>()).unwrap();
    let checker = std::thread::spawn({
        let path = path.clone();
        move || check(&path)
    });
    (5000..5100).for_each(|id| journal.commit(&[write(&attempt(id))]).unwrap());
    checker.join().unwrap().unwrap();
}

#[test]
fn the_log_is_bounded() {
    let (_directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    for first in (1..10_000).step_by(50) {
        let writes: Vec<_> = (first..first + 50).map(|id| write(&attempt(id))).collect();
        journal.commit(&writes).unwrap();
        let log = fs::metadata(with_log(&path, "-wal")).unwrap().len();
        assert!(log < 5 << 20, "{log} bytes after {first} rows");
    }
}

fn holds(directory: &TempDir, needle: &[u8]) -> bool {
    let files = fs::read_dir(directory.path()).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
}

#[test]
fn rule_10_erased_card_data_is_nowhere_in_database_log_or_free_pages() {
    let (directory, path) = place();
    let mut journal = Journal::open(&path).unwrap();
    let canary = |id: u64| Sealed(format!("canary {id:08}").repeat(40).into_bytes());
    for id in 1..=60 {
        let attempt = Attempt { card: Some(canary(id)), ..attempt(id) };
        let mut reversal = reversal(id, ReversalState::Disarmed);
        let mut advice = advice(id, AdviceState::Accepted);
        (reversal.card, advice.card) = (canary(id), canary(id));
        let writes = [write(&attempt), Write::Reversal(Box::new(reversal)), Write::Advice(Box::new(advice))];
        journal.commit(&writes).unwrap();
    }
    let pending = Attempt { outcome: Some(Outcome::Unknown), card: Some(canary(61)), ..attempt(61) };
    let mut open = reversal(61, ReversalState::Pending);
    open.card = canary(61);
    journal.commit(&[write(&pending), Write::Reversal(Box::new(open.clone()))]).unwrap();
    let other_batch = Attempt { batch: Some(2), card: Some(canary(62)), ..attempt(62) };
    journal.commit(&[write(&other_batch)]).unwrap();
    assert!((1..=62).all(|id| holds(&directory, format!("canary {id:08}").as_bytes())), "it can be seen");

    let held = |id, batch, until| Attempt {
        batch: Some(batch),
        card: Some(canary(id)),
        keep_card_until: Some(until),
        ..attempt(id)
    };
    journal
        .commit(&[write(&held(63, 1, 5_000)), write(&held(64, 1, 9_000)), write(&held(65, 3, 5_000))])
        .unwrap();

    let erase = |batch, now| Write::EraseCards { batch, now };
    journal.commit(&[erase(1, 4_999)]).unwrap();
    for id in 1..=60 {
        assert!(!holds(&directory, format!("canary {id:08}").as_bytes()), "{id}");
        assert_eq!(journal.attempt(id).unwrap(), Some(Attempt { card: None, ..attempt(id) }));
    }
    assert_eq!(journal.attempt(61).unwrap(), Some(pending), "what is open keeps its own");
    assert_eq!(journal.open_reversals().unwrap(), [open]);
    assert_eq!(journal.attempt(62).unwrap(), Some(other_batch));
    // While somebody still reads older pages they stay; they go with the next closing, or the next start.
    let reader = Connection::open(&path).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM attempt").unwrap();
    journal.commit(&[erase(2, 4_999)]).unwrap();
    reader.execute_batch("COMMIT").unwrap();
    journal.commit(&[erase(2, 4_999)]).unwrap();
    assert!(!holds(&directory, b"canary 00000062"));
    // A pre-authorisation's window outlasts its batch, and ends whatever batch is settled then.
    assert_eq!(journal.attempt(63).unwrap(), Some(held(63, 1, 5_000)));
    journal.commit(&[erase(9, 5_000)]).unwrap();
    assert!(!holds(&directory, b"canary 00000063") && !holds(&directory, b"canary 00000065"));
    assert_eq!(journal.attempt(64).unwrap(), Some(held(64, 1, 9_000)));
}

#[test]
fn what_follows_an_original_elsewhere_is_found_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
    let follows = |id, rrn: &str, date: &str| {
        let original = posd_unionpay::request::Linked {
            rrn: Some(rrn.to_owned()),
            date: date.to_owned(),
            ..Default::default()
        };
        let link = posd_terminal::Link { transaction: None, family: Default::default(), original };
        Attempt { kind: posd_terminal::Kind::Refund, original: Some(link), ..attempt(id) }
    };
    for attempt in [follows(1, "000000000009", "0101"), follows(2, "000000000009", "0102"), attempt(3)] {
        journal.commit(&[write(&attempt)]).unwrap();
    }
    let found = journal.external_followers("000000000009/0101").unwrap();
    assert_eq!(found, [follows(1, "000000000009", "0101")]);
    let ids = |all: Vec<Attempt>| all.iter().map(|attempt| attempt.id).collect::<Vec<_>>();
    assert_eq!(ids(journal.attempts_by_authorisation("A00003").unwrap()), [3]);
}
