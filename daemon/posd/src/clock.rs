//! The clocks: one that never goes back, the wall clock, and the shop's local time.

use posd_terminal::{LocalTime, Moment};
use std::time::Instant;

/// Reads the present moment.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { start: Instant::now() }
    }

    /// Milliseconds since the start, rounded down.
    pub(crate) fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn now(&self) -> Moment {
        let zoned = jiff::ZonedDateTime::now();
        // Each cast is exact: jiff's ranges are within the target's once the year is held to four digits.
        let local = LocalTime {
            year: zoned.year().clamp(2000, 2099) as u16,
            month: zoned.month() as u8,
            day: zoned.day() as u8,
            hour: zoned.hour() as u8,
            minute: zoned.minute() as u8,
            second: zoned.second() as u8,
        };
        Moment { monotonic_ms: self.monotonic_ms(), wall: zoned.timestamp().as_millisecond(), local }
    }
}
