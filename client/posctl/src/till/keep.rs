//! The one thing the till writes down: the reference of the transaction under way. It is on disk before the terminal
//! hears of it, so a till that was killed asks again with its own reference and charges nobody twice.

use nix::fcntl::{Flock, FlockArg};
use posd_client::Details;
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// A transaction under way, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The till's own name for it.
    pub(crate) reference: String,
    /// Its type's word.
    pub(crate) kind: String,
    /// Minor units.
    pub(crate) amount: u64,
    /// The reference of what it follows.
    pub(crate) original: Option<String>,
}

impl Kept {
    /// Of a transaction that is there already.
    pub(crate) fn of(details: &Details) -> Kept {
        Kept {
            reference: details.reference.clone(),
            kind: details.kind.clone(),
            amount: details.amount,
            original: None,
        }
    }
}

/// The file, held by one till of a user at a time.
#[derive(Debug)]
pub(crate) struct Keeper {
    path: PathBuf,
    /// The turn of what was last written. Orders run beside each other: the end of one transaction must never take
    /// away the note of the next.
    turn: Mutex<u64>,
    _lock: Flock<File>,
}

/// `$XDG_STATE_HOME/posd`, or `~/.local/state/posd`.
pub(crate) fn directory(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> io::Result<PathBuf> {
    // The standard has a relative path ignored.
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    base.map(|base| base.join("posd"))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "neither XDG_STATE_HOME nor HOME is set"))
}

impl Keeper {
    /// Takes the file in a directory, which is made where it is missing.
    ///
    /// # Errors
    /// `ResourceBusy` where another till of this user runs; else that of the file system.
    pub(crate) fn take(directory: &Path) -> io::Result<Keeper> {
        std::fs::create_dir_all(directory)?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("till.lock"))?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock)
            .map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another till of this user runs"))?;
        Ok(Keeper { path: directory.join("till.json"), turn: Mutex::new(0), _lock: lock })
    }

    /// What an earlier run left.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged: it is not guessed at.
    pub(crate) fn load(&self) -> io::Result<Option<Kept>> {
        match std::fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.path.display()))
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it down for a turn, counted up from 1; durable when this returns.
    ///
    /// # Errors
    /// That of the file system; then nothing may be sold under it.
    pub(crate) fn save(&self, kept: &Kept, turn: u64) -> io::Result<()> {
        let mut last = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        *last = turn;
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(kept)?)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        self.sync_directory()
    }

    /// The end of a turn was seen. The note of a later one stays.
    ///
    /// # Errors
    /// That of the file system; the next start then shows the end once more.
    pub(crate) fn forget(&self, turn: u64) -> io::Result<()> {
        let last = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if *last > turn {
            return Ok(());
        }
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync_directory(),
        }
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_there_after_a_restart_until_it_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let kept = Kept {
            reference: "till-1".to_owned(),
            kind: "void".to_owned(),
            amount: 1234,
            original: Some("till-0".to_owned()),
        };
        let keeper = Keeper::take(home.path()).unwrap();
        assert_eq!(keeper.load().unwrap(), None);
        keeper.save(&kept, 1).unwrap();
        let second = Keeper::take(home.path()).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::ResourceBusy, "one till at a time");
        drop(keeper);
        let keeper = Keeper::take(home.path()).unwrap();
        assert_eq!(keeper.load().unwrap(), Some(kept));
        keeper.forget(0).unwrap();
        keeper.forget(0).unwrap();
        assert_eq!(keeper.load().unwrap(), None);
        std::fs::write(home.path().join("till.json"), "{").unwrap();
        assert!(keeper.load().is_err(), "a damaged file is not taken for none");
    }

    #[test]
    fn the_end_of_one_that_comes_late_leaves_the_note_of_the_next() {
        let home = tempfile::tempdir().unwrap();
        let kept = |reference: &str| Kept {
            reference: reference.to_owned(),
            kind: "sale".to_owned(),
            amount: 1234,
            original: None,
        };
        let keeper = Keeper::take(home.path()).unwrap();
        keeper.save(&kept("till-1"), 1).unwrap();
        keeper.save(&kept("till-2"), 2).unwrap();
        keeper.forget(1).unwrap();
        assert_eq!(keeper.load().unwrap(), Some(kept("till-2")));
        keeper.forget(2).unwrap();
        assert_eq!(keeper.load().unwrap(), None);
    }

    #[test]
    fn the_file_is_where_the_standard_says() {
        let of = |all: &'static [(&str, &str)]| {
            directory(move |name| all.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(of(&[("HOME", "/home/a")]).unwrap(), Path::new("/home/a/.local/state/posd"));
        assert_eq!(of(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]).unwrap(), Path::new("/s/posd"));
        assert_eq!(
            of(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]).unwrap(),
            Path::new("/h/.local/state/posd")
        );
        assert!(of(&[]).is_err());
    }
}
