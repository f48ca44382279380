//! The file that holds the core's enciphered blob.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The largest blob that is read, in bytes; a real one is a few hundred.
const MAXIMUM_BLOB: u64 = 64 * 1024;

/// The store file, replaced as a whole and durably.
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// Names the file; nothing is opened yet.
    pub fn new(path: &Path) -> Store {
        Store { path: path.to_owned() }
    }

    /// The blob as last written; `None` if there never was one.
    ///
    /// # Errors
    /// Whatever reading the file gives, and `InvalidData` for a file over 64 KiB.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut blob = Vec::new();
        let count = file.take(MAXIMUM_BLOB + 1).read_to_end(&mut blob)?;
        if count as u64 > MAXIMUM_BLOB {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(blob))
    }

    /// Replaces the blob: written and synced beside the old one, then renamed over it.
    ///
    /// # Errors
    /// Whatever the file system gives; the old blob then stays.
    pub fn write(&self, blob: &[u8]) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(blob)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.path)?;
        let directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        File::open(directory)?.sync_all()
    }
}
