//! One file: what a process sees, what the platter has, and the changes between them.

use super::random::Random;
use std::collections::HashMap;

/// What the disk writes whole.
const SECTOR: usize = 512;

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Default)]
pub(super) struct File {
    seen: Vec<u8>,
    /// `None` while the platter does not even have the name.
    platter: Option<Vec<u8>>,
    /// In order; `seen` is `platter` with all of these.
    unsynced: Vec<Change>,
}

fn put(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[at..end].copy_from_slice(bytes);
}

pub(super) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    !needle.is_empty() && bytes.windows(needle.len()).any(|window| window == needle)
}

impl File {
    pub(super) fn on_platter(bytes: Vec<u8>) -> File {
        File { seen: bytes.clone(), platter: Some(bytes), unsynced: Vec::new() }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.seen, at, bytes);
        self.unsynced.push(Change::Write { at, bytes: bytes.to_vec() });
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.seen.resize(length, 0);
        self.unsynced.push(Change::Truncate(length));
    }

    pub(super) fn sync_name(&mut self) {
        self.platter.get_or_insert_default();
    }

    pub(super) fn sync(&mut self) {
        let platter = self.platter.get_or_insert_default();
        for change in self.unsynced.drain(..) {
            match change {
                Change::Write { at, bytes } => put(platter, at, &bytes),
                Change::Truncate(length) => platter.resize(length, 0),
            }
        }
    }

    pub(super) fn has_unsynced_write(&self) -> bool {
        self.unsynced.iter().any(|change| matches!(change, Change::Write { .. }))
    }

    pub(super) fn survives_by_name(&self) -> bool {
        self.platter.is_some()
    }

    pub(super) fn into_platter(self) -> Option<Vec<u8>> {
        self.platter
    }

    /// Each sector, and the file's length, stops at a moment of its own among the unsynced changes. With `luck` all
    /// of them are kept, or none.
    pub(super) fn lose_power(&mut self, luck: Option<bool>, random: &mut Random) {
        let changes = std::mem::take(&mut self.unsynced);
        let platter = self.platter.get_or_insert_default();
        let mut moment = || match luck {
            Some(true) => changes.len(),
            Some(false) => 0,
            None => random.below(changes.len() as u64 + 1) as usize,
        };
        let length_stops = moment();
        let mut sector_stops = HashMap::new();
        for (number, change) in changes.iter().enumerate() {
            match change {
                Change::Truncate(length) if number < length_stops => platter.resize(*length, 0),
                Change::Truncate(_) => {}
                Change::Write { at, bytes } => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let sector = (at + from) / SECTOR;
                        let to = bytes.len().min((sector + 1) * SECTOR - at);
                        if number < *sector_stops.entry(sector).or_insert_with(&mut moment) {
                            put(platter, at + from, &bytes[from..to]);
                        }
                        from = to;
                    }
                }
            }
        }
        self.seen.clone_from(platter);
    }

    pub(super) fn corrupt(&mut self, at: usize, mask: u8) -> bool {
        self.sync();
        let platter = self.platter.get_or_insert_default();
        match (self.seen.get_mut(at), platter.get_mut(at)) {
            (Some(seen), Some(platter)) => {
                *seen ^= mask;
                *platter ^= mask;
                true
            }
            _ => false,
        }
    }

    pub(super) fn holds(&self, needle: &[u8]) -> bool {
        contains(&self.seen, needle) || self.platter.as_ref().is_some_and(|bytes| contains(bytes, needle))
    }
}
