//! Calendar dates as cards write them.

use std::fmt;

/// A day of the Gregorian calendar; later days compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day, if the calendar has it (years 1950 to 2049, the window of [`Date::from_bcd`]).
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1950..=2049).contains(&year)
            && (1..=12).contains(&month)
            && day >= 1
            && day <= last_day(year, month);
        exists.then_some(Self { year, month, day })
    }

    /// Three BCD bytes YYMMDD. Years are windowed: 00 to 49 is 20xx, 50 to 99 is 19xx (Book 4 §6.7.3).
    pub fn from_bcd(bytes: &[u8]) -> Option<Self> {
        let [year, month, day] = <[u8; 3]>::try_from(bytes).ok()?;
        Self::new(full_year(bcd(year)?), bcd(month)?, bcd(day)?)
    }

    /// The last day of a month written as two BCD bytes MMYY, as certificates write their expiry (Book 2 §5.1).
    pub fn month_end_from_bcd(bytes: &[u8]) -> Option<Self> {
        let [month, year] = <[u8; 2]>::try_from(bytes).ok()?;
        let (year, month) = (full_year(bcd(year)?), bcd(month)?);
        if !(1..=12).contains(&month) {
            return None;
        }
        Self::new(year, month, last_day(year, month))
    }

    /// Three BCD bytes YYMMDD.
    pub fn to_bcd(self) -> [u8; 3] {
        let two_digits = u8::try_from(self.year % 100).unwrap_or(0);
        [to_bcd(two_digits), to_bcd(self.month), to_bcd(self.day)]
    }

    /// The year, all four digits.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, from 1.
    pub fn day(self) -> u8 {
        self.day
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The value of one BCD byte, 0 to 99.
pub fn bcd(byte: u8) -> Option<u8> {
    let (tens, ones) = (byte >> 4, byte & 0x0F);
    (tens <= 9 && ones <= 9).then_some(tens * 10 + ones)
}

/// One BCD byte of the last two digits of a number.
pub fn to_bcd(number: u8) -> u8 {
    let number = number % 100;
    ((number / 10) << 4) | (number % 10)
}

fn full_year(two_digits: u8) -> u16 {
    if two_digits < 50 { 2000 + u16::from(two_digits) } else { 1900 + u16::from(two_digits) }
}

fn last_day(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_35_two_digit_years_are_windowed_at_fifty() {
        assert_eq!(Date::from_bcd(&[0x49, 0x12, 0x31]), Date::new(2049, 12, 31));
        assert_eq!(Date::from_bcd(&[0x50, 0x01, 0x01]), Date::new(1950, 1, 1));
        // A peer took this effective date for the future.
        assert!(Date::from_bcd(&[0x95, 0x07, 0x01]).unwrap() < Date::new(2026, 1, 1).unwrap());
    }

    #[test]
    fn days_that_the_calendar_lacks_are_refused() {
        assert!(Date::from_bcd(&[0x26, 0x13, 0x01]).is_none());
        assert!(Date::from_bcd(&[0x26, 0x02, 0x29]).is_none());
        assert!(Date::from_bcd(&[0x28, 0x02, 0x29]).is_some());
        assert!(Date::from_bcd(&[0x2A, 0x02, 0x01]).is_none());
        assert!(Date::from_bcd(&[0x26, 0x02]).is_none());
        assert!(Date::month_end_from_bcd(&[0x00, 0x26]).is_none());
    }

    #[test]
    fn check_27_a_certificate_month_lasts_to_its_last_day() {
        assert_eq!(Date::month_end_from_bcd(&[0x02, 0x28]), Date::new(2028, 2, 29));
        assert_eq!(Date::month_end_from_bcd(&[0x12, 0x30]), Date::new(2030, 12, 31));
    }

    #[test]
    fn bcd_round_trip() {
        let day = Date::new(2031, 10, 9).unwrap();
        assert_eq!(Date::from_bcd(&day.to_bcd()), Some(day));
        assert_eq!(day.to_string(), "2031-10-09");
    }
}
