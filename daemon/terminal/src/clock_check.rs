//! Whether the wall clock can be believed. No decision of money rests on it, but a card's expiry and the date on a slip
//! do: it must agree with the host's date where the host has told one, and else must not be behind the journal.

use crate::{
    event::LocalTime,
    exchange::Purpose,
    record::WallTime,
    terminal::{JournalState, Terminal},
};

/// A clock that says less was never set: this program is younger.
const FIRST_YEAR: u16 = 2025;
const DAY: i64 = 86_400_000;
/// Wait between two questions for the host's date, in milliseconds.
const ASK_AGAIN: u64 = 10_000;

/// The host's date, and when it was told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostDate {
    /// Day of the year, from 0, in a year of 365 days.
    day: i64,
    at: u64,
}

impl HostDate {
    /// From field 13, MMDD.
    pub(crate) fn read(date: &str, at: u64) -> Option<HostDate> {
        let (month, day) = date.split_at_checked(2)?;
        Some(HostDate { day: day_of_year(month.parse().ok()?, day.parse().ok()?)?, at })
    }

    /// Whether a local date is the host's, or a neighbour of it: zones differ.
    fn agrees(self, local: LocalTime, now: u64) -> bool {
        let Some(own) = day_of_year(local.month, local.day) else { return false };
        let since = i64::try_from(now.saturating_sub(self.at) / DAY.unsigned_abs()).unwrap_or(0);
        let apart = (self.day + since - own).rem_euclid(365);
        // One day for zones, one for the days that a moment is rounded to and for 29 February.
        apart.min(365 - apart) <= 2
    }
}

/// Day of the year from 0; 29 February is 28 February.
fn day_of_year(month: u8, day: u8) -> Option<i64> {
    const BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let before = BEFORE.get(usize::from(month.checked_sub(1)?))?;
    let day = if (month, day) == (2, 29) { 28 } else { day };
    (1..=31).contains(&day).then(|| before + i64::from(day) - 1)
}

impl Terminal {
    /// What is wrong with the clock; a stable word.
    pub(crate) fn clock_fault(&self) -> Option<&'static str> {
        if self.now.local.year < FIRST_YEAR {
            return Some("unset");
        }
        match self.host_date {
            Some(host) if host.agrees(self.now.local, self.now.monotonic_ms) => None,
            Some(_) => Some("host-differs"),
            None if self.now.wall.saturating_add(DAY) < self.device.latest => Some("behind-journal"),
            None => None,
        }
    }

    /// The host has told its date.
    pub(crate) fn host_dated(&mut self, date: Option<&str>) {
        let Some(told) = date.and_then(|date| HostDate::read(date, self.now.monotonic_ms)) else { return };
        self.host_date = Some(told);
        if self.clock_fault().is_none() {
            // An entry from the future does not hold against a clock that the host agrees with.
            self.device.latest = self.now.wall;
        }
    }

    /// The latest moment that the journal knows, as it goes into a commit. A clock that is not believed adds none.
    pub(crate) fn latest_moment(&self) -> WallTime {
        match self.clock_fault() {
            None => self.device.latest.max(self.now.wall),
            Some(_) => self.device.latest,
        }
    }

    /// Asks the host for its date, where only that can tell whether the clock is right. `false` where nothing is asked.
    pub(crate) fn ask_for_date(&mut self) -> bool {
        let doubted = self.clock_fault() == Some("behind-journal");
        let waits = self.date_asked.is_some_and(|at| self.now.monotonic_ms < at + ASK_AGAIN);
        if !doubted || waits || self.journal != JournalState::Good || self.active.is_some() {
            return false;
        }
        self.date_asked = Some(self.now.monotonic_ms);
        self.begin_session_exchange(Purpose::Echo(None));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_one_zone_away_agrees_across_months_years_and_days_that_pass() {
        let local = |month, day| LocalTime { year: 2026, month, day, ..LocalTime::default() };
        let host = |date: &str| HostDate::read(date, 0).unwrap();
        for (date, month, day, good) in [
            ("0115", 1, 15, true),
            ("0101", 12, 31, true),
            ("1231", 1, 1, true),
            ("0301", 2, 29, true),
            ("0115", 1, 19, false),
            ("0115", 7, 15, false),
        ] {
            assert_eq!(host(date).agrees(local(month, day), 0), good, "{date} {month}-{day}");
        }
        let later = 40 * DAY.unsigned_abs();
        assert!(host("0115").agrees(local(2, 24), later) && !host("0115").agrees(local(1, 15), later));
        for wrong in ["1301", "0100", "0132", "01", "xx01"] {
            assert!(HostDate::read(wrong, 0).is_none(), "{wrong}");
        }
    }
}
