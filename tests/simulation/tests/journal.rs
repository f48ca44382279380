//! The journal that ships, on a disk that loses power: what was answered is there.

#![allow(clippy::unwrap_used)]

#[path = "../../../daemon/journal/tests/sample/mod.rs"]
mod sample;

use posd_journal::{Journal, OpenError};
use posd_runner::Journal as _;
use posd_simulation::disk::Disk;
use posd_terminal::{
    AdviceState, Device, PrintState, Records, ReversalState, StorageFault, TransactionId, Write,
};
use sample::{advice, attempt, print_job, reversal};

fn open(disk: &Disk) -> Result<Journal, OpenError> {
    Journal::open_on(&disk.path("journal"), disk.vfs_name())
}

/// One commit that touches every table; the device's counter counts them.
fn commit(journal: &mut Journal, id: TransactionId) -> Result<(), StorageFault> {
    journal.commit(&[
        Write::Device(Device { next_transaction: id + 1, ..Device::default() }),
        Write::Attempt(Box::new(attempt(id))),
        Write::Reversal(Box::new(reversal(id, ReversalState::Pending))),
        Write::Advice(Box::new(advice(id, AdviceState::Queued))),
        Write::PrintJob(print_job(id, id, PrintState::Queued)),
    ])
}

/// Commits until something fails; how many were answered.
fn commit_until(disk: &Disk, last: TransactionId) -> u64 {
    let Ok(mut journal) = open(disk) else { return 0 };
    (1..=last).take_while(|id| commit(&mut journal, *id).is_ok()).count() as u64
}

/// How many commits the journal has, each of them whole.
fn found(journal: &Journal) -> u64 {
    let count = journal.device().unwrap().next_transaction - 1;
    let attempts = journal.attempts(1000, None, u32::MAX).unwrap();
    assert_eq!(attempts, (1..=count).rev().map(attempt).collect::<Vec<_>>());
    assert_eq!(journal.open_reversals().unwrap().len() as u64, count);
    assert_eq!(journal.open_advices().unwrap().len() as u64, count);
    assert_eq!(journal.open_print_jobs().unwrap().len() as u64, count);
    count
}

/// Enough commits for the log to be taken home and started again.
const COMMITS: u64 = 110;

#[test]
fn rule_1_what_was_answered_survives_a_power_cut_at_every_change_and_in_recovery() {
    let whole = Disk::new(0);
    assert_eq!(commit_until(&whole, COMMITS), COMMITS);
    let changes = whole.changes();
    for at in (1..250).chain((250..changes).step_by(40)) {
        let disk = Disk::new(at);
        disk.crash_in(at);
        let answered = commit_until(&disk, COMMITS);
        // The power goes once more while the journal is opened, somewhere or not at all.
        disk.crash_in(1 + at % 40);
        drop(open(&disk));
        disk.crash();
        disk.heal();
        let mut journal = open(&disk).unwrap();
        let count = found(&journal);
        assert!(count == answered || count == answered + 1, "{at}: {answered} answered, {count} found");
        commit(&mut journal, count + 1).unwrap();
    }
}

#[test]
fn a_disk_error_at_any_write_or_sync_ends_a_process_and_loses_nothing() {
    let fail: [fn(&Disk, u64); 2] = [Disk::fail_write_in, Disk::fail_sync_in];
    for (fail, most) in fail.into_iter().zip([200, 20]) {
        for at in 1..most {
            let disk = Disk::new(at);
            fail(&disk, at);
            let answered = commit_until(&disk, 12);
            disk.kill();
            disk.heal();
            let journal = open(&disk).unwrap();
            let count = found(&journal);
            assert!(count == answered || count == answered + 1, "{at}: {answered} answered, {count} found");
            // What a start reads is relied upon from then on, so no power cut may take it back.
            disk.crash();
            drop(journal);
            assert_eq!(found(&open(&disk).unwrap()), count, "{at}");
        }
    }
}

#[test]
fn a_full_disk_refuses_commits_and_loses_nothing() {
    let disk = Disk::new(1);
    let mut journal = open(&disk).unwrap();
    commit(&mut journal, 1).unwrap();
    disk.set_full(true);
    let refused = (2..COMMITS).find(|id| commit(&mut journal, *id).is_err()).unwrap();
    disk.crash();
    disk.heal();
    assert_eq!(found(&open(&disk).unwrap()), refused - 1);
}

#[test]
fn a_commit_is_one_sync() {
    let disk = Disk::new(1);
    let mut journal = open(&disk).unwrap();
    commit(&mut journal, 1).unwrap();
    for id in 2..20 {
        let before = (disk.syncs(), journal.commits());
        commit(&mut journal, id).unwrap();
        assert_eq!((disk.syncs(), journal.commits()), (before.0 + 1, before.1 + 1));
    }
}

/// The positive control of this file: a journal that drops the fsync is caught.
#[test]
fn planted_bug_drop_the_fsync_is_seen_as_a_loss() {
    let losses = (0..20).filter(|seed| {
        let disk = Disk::new(*seed);
        let mut journal = Journal::open_without_fsync(&disk.path("journal"), disk.vfs_name()).unwrap();
        (1..=5).for_each(|id| commit(&mut journal, id).unwrap());
        disk.crash();
        drop(journal);
        found(&open(&disk).unwrap()) < 5
    });
    assert!(losses.count() > 5);
}
