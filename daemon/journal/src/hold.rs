//! One process at a time has a journal, and a file that lost its content is not taken for a new one.

use crate::OpenError;
use std::{
    fs::{self, File, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The write-ahead log that belongs to a journal.
fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Takes the journal for this process. The lock goes with the file that is returned: close SQLite's connection first,
/// because closing any descriptor of a file ends SQLite's own locks on it.
///
/// SQLite's exclusive mode would keep out [`crate::check`] too, so the lock is one that SQLite does not look at.
pub(crate) fn hold(path: &Path) -> Result<File, OpenError> {
    let unwritable = |error: std::io::Error| OpenError::Unwritable(path.to_owned(), error.to_string());
    let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
    // SQLite would delete such a log.
    if length(path) == 0 && length(&log_of(path)) > 0 {
        let reason = "the file is empty or gone, and its log is not".to_owned();
        return Err(OpenError::Corrupt(path.to_owned(), reason));
    }
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}
