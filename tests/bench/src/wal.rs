//! SQLite's write-ahead log, read as its file format says (sqlite.org/fileformat2.html, section 4): how many commits
//! are in it, and how many bytes each wrote.

use std::path::{Path, PathBuf};

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The commits in a log since it last began anew: the bytes of each.
pub(crate) fn commits(journal: &Path) -> Vec<usize> {
    let mut name = journal.as_os_str().to_owned();
    name.push("-wal");
    let log = std::fs::read(PathBuf::from(name)).unwrap_or_default();
    if log.len() < HEADER {
        return Vec::new();
    }
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = FRAME_HEADER + word(8) as usize;
    let salt = &log[16..24];
    let mut commits = Vec::new();
    let mut bytes = 0;
    let mut at = HEADER;
    // Frames of an earlier round have another salt.
    while at + frame <= log.len() && log[at + 8..at + 16] == *salt {
        bytes += frame;
        // The last frame of a commit tells the size of the whole database.
        if word(at + 4) != 0 {
            commits.push(bytes);
            bytes = 0;
        }
        at += frame;
    }
    commits
}
