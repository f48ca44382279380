//! How the program speaks: in one of two languages, or in JSON.

use crate::language::Language;
use serde_json::Value;
use std::io::{self, Write};

/// How to speak.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Voice {
    pub(crate) json: bool,
    pub(crate) language: Language,
}

impl Voice {
    /// Says one thing on the standard output: the text, or the value in one line.
    pub(crate) fn say(self, zh: impl AsRef<str>, en: impl AsRef<str>, value: &Value) -> io::Result<()> {
        let mut out = io::stdout();
        if self.json {
            writeln!(out, "{value}")
        } else {
            writeln!(out, "{}", self.pick(zh.as_ref(), en.as_ref()))
        }
    }

    /// Says something to people only.
    pub(crate) fn hint(self, zh: &str, en: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(io::stdout(), "{}", self.pick(zh, en)) }
    }

    pub(crate) fn pick<T>(self, zh: T, en: T) -> T {
        self.language.pick(zh, en)
    }
}

/// An amount of minor units as people write it.
pub(crate) fn yuan(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Minor units of an amount in yuan with at most two decimals.
pub(crate) fn minor_units(amount: &str) -> Option<u64> {
    let (whole, cents) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || cents.len() > 2 || !digits(whole) || !digits(cents) {
        return None;
    }
    format!("{whole}{cents:0<2}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_in_yuan() {
        assert_eq!(minor_units("12.34"), Some(1234));
        assert_eq!(minor_units("12"), Some(1200));
        assert_eq!(minor_units("0.5"), Some(50));
        for wrong in ["", ".5", "1.234", "-1", "1,5", "1e3", "99999999999999999999"] {
            assert_eq!(minor_units(wrong), None, "{wrong}");
        }
        assert_eq!(yuan(1234), "12.34");
        assert_eq!(yuan(5), "0.05");
    }
}
