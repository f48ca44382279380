//! Local time (UTC+8) from the clock that is passed in.

use crate::host::HostTime;

/// Local date and time.
pub(crate) struct Local {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) second_of_day: u64,
}

impl Local {
    pub(crate) fn new(now: HostTime) -> Self {
        let seconds = now.unix_ms / 1000 + 8 * 3600;
        let (year, month, day) = civil(seconds / 86_400);
        Self { year, month, day, second_of_day: seconds % 86_400 }
    }

    /// hhmmss, field 12.
    pub(crate) fn time(&self) -> String {
        let second = self.second_of_day;
        format!("{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60)
    }

    /// MMDD, fields 13 and 15.
    pub(crate) fn date(&self) -> String {
        format!("{:02}{:02}", self.month, self.day)
    }

    /// Whether a card with this expiry (YYMM, field 14) has run out. The last month counts as valid; years
    /// 00 to 49 are 20xx, 50 to 99 are 19xx.
    pub(crate) fn is_after(&self, year_month: u32) -> bool {
        let short = u64::from(year_month / 100);
        let year = if short < 50 { 2000 + short } else { 1900 + short };
        (self.year, self.month) > (year, u64::from(year_month % 100))
    }
}

/// Year, month and day of a day number since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years that begin in March put the leap day last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (days, date) in
            [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_781, (2026, 11, 24))]
        {
            assert_eq!(civil(days), date);
        }
    }

    #[test]
    fn local_time_is_eight_hours_ahead() {
        let local = Local::new(HostTime { unix_ms: 20_781 * 86_400_000 + 17 * 3_600_000 + 61_000 });
        assert_eq!((local.date().as_str(), local.time().as_str()), ("1125", "010101"));
    }

    #[test]
    fn expiry_is_the_end_of_its_month() {
        let local = Local::new(HostTime { unix_ms: 20_781 * 86_400_000 });
        assert!(!local.is_after(2611));
        assert!(local.is_after(2610));
        assert!(!local.is_after(3012));
        assert!(local.is_after(9912));
    }
}
