//! Downloads: before the first sale where a plan wants them, and in between where the seed draws them.

use super::{Coming, Faults, World};
use posd_terminal::{Call, DownloadSet, Records};

/// Where the downloads that go before the first sale stand.
#[derive(Debug, Default)]
pub(super) struct Downloads {
    /// When this life of the daemon was asked for what is missing.
    pub(super) asked_at: Option<u64>,
    /// Effects before the first one.
    before: Option<u64>,
    /// Effects of all of them.
    pub(super) effects: u64,
    done: bool,
}

/// Between two looks, in milliseconds.
const LOOK: u64 = 500;
/// What is still missing is asked for again.
const ASK_AGAIN: u64 = 30_000;

/// What comes down.
const SETS: [DownloadSet; 5] = [
    DownloadSet::Parameters,
    DownloadSet::CaKeys,
    DownloadSet::Aids,
    DownloadSet::Contactless,
    DownloadSet::Blacklist,
];

impl World {
    /// Whether the app waits for downloads, which then are under way.
    pub(super) fn downloads_first(&mut self) -> bool {
        let Faults::Downloads(at, _) = self.plan.faults else { return false };
        if self.downloads.done {
            return false;
        }
        let effects = self.shared.borrow().effects;
        if self.downloads.before.is_none() {
            self.downloads.before = Some(effects);
            self.shared.borrow_mut().crash_in = Some(at);
        }
        let missing = self.missing_sets();
        if missing.is_empty() {
            self.downloads.done = true;
            self.downloads.effects = effects.saturating_sub(self.downloads.before.unwrap_or(0));
            return false;
        }
        let now = self.now();
        if self.downloads.asked_at.is_none_or(|asked| now >= asked + ASK_AGAIN) {
            self.downloads.asked_at = Some(now);
            for set in missing {
                self.call(Call::Download { set }, false);
            }
        }
        self.later(LOOK, Coming::App);
        true
    }

    /// What is not stored, or not known to the host to be in use.
    fn missing_sets(&self) -> Vec<DownloadSet> {
        let stored = match &self.runner {
            Some(runner) => runner.journal().journal.sets().unwrap_or_default(),
            None => Vec::new(),
        };
        let there = |set: &DownloadSet| stored.iter().any(|one| one.set == *set && one.confirmed);
        SETS.into_iter().filter(|set| !there(set)).collect()
    }

    /// Somebody asks for a set while the till sells.
    pub(super) fn draw_download(&mut self) {
        let set = self.random.pick(&SETS);
        self.call(Call::Download { set }, false);
    }
}
