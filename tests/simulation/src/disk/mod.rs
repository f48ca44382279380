//! A disk in memory that forgets what was not synced.
//!
//! SQLite runs on it through [`Disk::vfs_name`], so the journal under test is the real one. A write reaches the page
//! cache, where the process sees it, and the platter only with a sync of its file. When the power goes, each sector
//! of 512 bytes has on the platter whatever one of its unsynced writes left there, or the last synced bytes: so writes
//! are lost, kept, torn and reordered between sectors, and never within one. New and deleted names are lost or kept
//! the same way. A seed decides.
//!
//! What it does not show: a disk that lies about a sync, and a sync that fails and marks the lost pages clean.
//!
//! [`Disk`] is the face, `file.rs` the model, `vfs.rs` the only unsafe code: SQLite's C interface.

mod file;
mod random;
mod vfs;

use file::File;
use random::Random;
use rusqlite::ffi;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

/// Every disk there is, by the number in its paths.
static DISKS: Mutex<BTreeMap<u64, Weak<Mutex<State>>>> = Mutex::new(BTreeMap::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One disk. Clones are the same disk. Several live in one process without seeing each other.
#[derive(Clone)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    number: u64,
}

impl Disk {
    /// An empty disk. The seed decides what a power cut takes.
    pub fn new(seed: u64) -> Disk {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        vfs::register();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(Mutex::new(State {
            _entry: Entry(number),
            random: Random::new(seed),
            ..State::default()
        }));
        lock(&DISKS).insert(number, Arc::downgrade(&state));
        Disk { state, number }
    }

    /// The name SQLite knows these disks by.
    pub fn vfs_name(&self) -> &'static str {
        vfs::NAME
    }

    /// The path of a file on this disk.
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/disk-{}/{name}", self.number))
    }

    /// The power goes, now. Open connections see nothing but errors from here on; drop them and open again.
    pub fn crash(&self) {
        lock(&self.state).lose_power();
    }

    /// The power goes at the n-th change from now, which is lost or torn like the unsynced ones before it; 1 is the
    /// next. Changes are writes, syncs, truncations and new or deleted names.
    pub fn crash_in(&self, n: u64) {
        lock(&self.state).crash_in = Some(n);
    }

    /// Whether the power has gone since the last call, by [`Disk::crash`] or [`Disk::crash_in`].
    pub fn take_crashed(&self) -> bool {
        std::mem::take(&mut lock(&self.state).crashed)
    }

    /// The process is killed and the power stays: what was written and not synced can still be read, and still be lost.
    pub fn kill(&self) {
        lock(&self.state).forget_process();
    }

    /// The n-th write from now fails half way with an I/O error; 1 is the next.
    pub fn fail_write_in(&self, n: u64) {
        lock(&self.state).fail_write_in = Some(n);
    }

    /// The n-th sync from now fails, and its writes stay unsynced; 1 is the next.
    pub fn fail_sync_in(&self, n: u64) {
        lock(&self.state).fail_sync_in = Some(n);
    }

    /// From now on no file can grow, or it can again.
    pub fn set_full(&self, full: bool) {
        lock(&self.state).full = full;
    }

    /// Takes back every failure that is still to come, a crash too. The power is on and there is space.
    pub fn heal(&self) {
        let state = &mut *lock(&self.state);
        (state.crash_in, state.fail_write_in, state.fail_sync_in, state.full) = (None, None, None, false);
    }

    /// Flips the bits of `mask` in one byte, on the platter and in the cache. False when there is no such byte.
    pub fn corrupt(&self, name: &str, at: usize, mask: u8) -> bool {
        lock(&self.state).files.get_mut(name).is_some_and(|file| file.corrupt(at, mask))
    }

    /// How many syncs have succeeded.
    pub fn syncs(&self) -> u64 {
        lock(&self.state).syncs
    }

    /// How many changes there were, as [`Disk::crash_in`] counts them.
    pub fn changes(&self) -> u64 {
        lock(&self.state).changes
    }

    /// Whether a power cut now could take something that was written to a file.
    pub fn could_lose(&self, name: &str) -> bool {
        lock(&self.state).files.get(name).is_some_and(File::has_unsynced_write)
    }

    /// The names of the files, as a process sees them.
    pub fn names(&self) -> Vec<String> {
        lock(&self.state).files.keys().cloned().collect()
    }

    /// A file's bytes, as a process sees them.
    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        lock(&self.state).files.get(name).map(|file| file.seen().to_vec())
    }

    /// Puts a file on the platter.
    pub fn put(&self, name: &str, bytes: Vec<u8>) {
        lock(&self.state).files.insert(name.to_owned(), File::on_platter(bytes));
    }

    /// Whether these bytes stand in any file, in the cache or on the platter.
    pub fn holds(&self, needle: &[u8]) -> bool {
        let state = lock(&self.state);
        let deleted = state.deleted.values().any(|bytes| file::contains(bytes, needle));
        deleted || state.files.values().any(|file| file.holds(needle))
    }
}

/// A C result code that is not `SQLITE_OK`.
type Code = std::ffi::c_int;

/// What a disk is: files, and the failures to come.
#[derive(Default)]
struct State {
    _entry: Entry,
    random: Random,
    files: BTreeMap<String, File>,
    /// Deleted, but the platter still has the name and these bytes.
    deleted: BTreeMap<String, Vec<u8>>,
    /// SQLite's file locks: per file, who holds what.
    locks: BTreeMap<String, BTreeMap<u64, Code>>,
    /// Shared memory of the write-ahead logs' indexes. It lives as long as a process has it.
    shared: BTreeMap<String, Weak<vfs::Shared>>,
    /// Changes when the process ends: whoever is of an older life gets errors.
    life: u64,
    next_handle: u64,
    changes: u64,
    syncs: u64,
    crash_in: Option<u64>,
    fail_write_in: Option<u64>,
    fail_sync_in: Option<u64>,
    full: bool,
    crashed: bool,
}

/// Counts a failure down; true when it is due.
fn due(counter: &mut Option<u64>) -> bool {
    match counter {
        None => false,
        Some(0 | 1) => {
            *counter = None;
            true
        }
        Some(n) => {
            *n -= 1;
            false
        }
    }
}

impl State {
    fn forget_process(&mut self) {
        self.life += 1;
        self.locks.clear();
        self.shared.clear();
    }

    fn lose_power(&mut self) {
        self.forget_process();
        self.crashed = true;
        self.crash_in = None;
        // Often all or nothing is lost: the simplest cuts find the plainest faults.
        let luck = match self.random.below(8) {
            0 | 1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        for (name, mut file) in std::mem::take(&mut self.files) {
            let old = self.deleted.remove(&name);
            if file.survives_by_name() || luck.unwrap_or_else(|| self.random.coin()) {
                file.lose_power(luck, &mut self.random);
                self.files.insert(name, file);
            } else if let Some(old) = old {
                self.deleted.insert(name, old);
            }
        }
        for (name, bytes) in std::mem::take(&mut self.deleted) {
            if !luck.unwrap_or_else(|| self.random.coin()) {
                self.files.insert(name, File::on_platter(bytes));
            }
        }
    }

    /// Every change passes here first. `Err` when the power goes with it.
    fn change(&mut self) -> Result<(), Code> {
        self.changes += 1;
        if due(&mut self.crash_in) {
            self.lose_power();
            return Err(ffi::SQLITE_IOERR);
        }
        Ok(())
    }

    fn file(&mut self, name: &str) -> Result<&mut File, Code> {
        self.files.get_mut(name).ok_or(ffi::SQLITE_IOERR)
    }

    fn create(&mut self, name: &str) -> Result<(), Code> {
        self.change()?;
        if self.full {
            return Err(ffi::SQLITE_FULL);
        }
        self.files.insert(name.to_owned(), File::default());
        Ok(())
    }

    fn write(&mut self, name: &str, at: usize, bytes: &[u8]) -> Result<(), Code> {
        let full = self.full;
        let fails = due(&mut self.fail_write_in);
        let part = self.random.below(bytes.len() as u64) as usize;
        let file = self.file(name)?;
        if full && at + bytes.len() > file.seen().len() {
            return Err(ffi::SQLITE_FULL);
        }
        if fails {
            file.write(at, &bytes[..part]);
            return Err(ffi::SQLITE_IOERR_WRITE);
        }
        // The write that the power goes with may be on the platter in part.
        file.write(at, bytes);
        self.change()
    }

    fn truncate(&mut self, name: &str, length: usize) -> Result<(), Code> {
        self.file(name)?.truncate(length);
        self.change()
    }

    fn sync(&mut self, name: &str) -> Result<(), Code> {
        self.change()?;
        if due(&mut self.fail_sync_in) {
            return Err(ffi::SQLITE_IOERR_FSYNC);
        }
        let file = self.file(name)?;
        let is_new = !file.survives_by_name();
        file.sync();
        self.deleted.remove(name);
        // SQLite's Unix VFS syncs the directory with the first sync of a new journal or log.
        if is_new && (name.ends_with("-wal") || name.ends_with("-journal")) {
            self.sync_directory();
        }
        self.syncs += 1;
        Ok(())
    }

    fn sync_directory(&mut self) {
        self.deleted.clear();
        self.files.values_mut().for_each(File::sync_name);
    }

    fn delete(&mut self, name: &str, sync_directory: bool) -> Result<(), Code> {
        self.change()?;
        let file = self.files.remove(name).ok_or(ffi::SQLITE_IOERR_DELETE_NOENT)?;
        if sync_directory {
            self.sync_directory();
        } else if let Some(bytes) = file.into_platter() {
            self.deleted.insert(name.to_owned(), bytes);
        }
        Ok(())
    }

    /// Takes SQLite's lock ladder as one process after the other would see it.
    fn lock(&mut self, name: &str, who: u64, level: Code) -> Result<(), Code> {
        let holders = self.locks.entry(name.to_owned()).or_default();
        let others = holders.iter().filter(|(id, _)| **id != who).map(|(_, held)| *held).max().unwrap_or(0);
        let barred = match level {
            ffi::SQLITE_LOCK_SHARED => ffi::SQLITE_LOCK_PENDING,
            ffi::SQLITE_LOCK_EXCLUSIVE => ffi::SQLITE_LOCK_SHARED,
            _ => ffi::SQLITE_LOCK_RESERVED,
        };
        if others >= barred {
            return Err(ffi::SQLITE_BUSY);
        }
        let held = holders.entry(who).or_default();
        *held = level.max(*held);
        Ok(())
    }

    fn unlock(&mut self, name: &str, who: u64, level: Code) {
        if let Some(holders) = self.locks.get_mut(name) {
            if level == ffi::SQLITE_LOCK_NONE {
                holders.remove(&who);
            } else {
                holders.insert(who, level);
            }
        }
    }

    fn is_reserved(&self, name: &str) -> bool {
        self.locks
            .get(name)
            .is_some_and(|held| held.values().any(|level| *level >= ffi::SQLITE_LOCK_RESERVED))
    }
}

/// A disk's entry in the list; it goes with the disk.
#[derive(Default)]
struct Entry(u64);

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&DISKS).remove(&self.0);
    }
}

#[cfg(test)]
mod tests;
