//! The lines that every slip is made of.

use crate::{allow_list::printable, full_pan::FullPan, strokes::Strokes};

/// Where a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// At the left.
    Left,
    /// In the middle.
    Centre,
}

/// One thing a rendering draws. All text is allow-listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Text; `double` is double width and height.
    Text {
        /// The text.
        text: String,
        /// Where it stands.
        align: Align,
        /// Double size.
        double: bool,
    },
    /// A label at the left and its value at the right, wrapped where they do not fit.
    Pair {
        /// The label.
        label: String,
        /// The value.
        value: String,
    },
    /// A pair whose value is the card number and the letter of its entry. Only the printer's rendering shows the
    /// number in full: a slip on a screen or in a picture is no slip that the rules want in full (rule 10).
    Card {
        /// The label.
        label: String,
        /// The number.
        pan: FullPan,
        /// How the card was read.
        letter: char,
    },
    /// A line across.
    Rule,
    /// Room for a signature, or the signature that the cardholder drew on a screen.
    Signature(Option<Strokes>),
    /// A QR code of this text: printable ASCII.
    Qr(String),
    /// The end of the slip.
    Cut,
}

/// What a text rendering says in the place of a signature that was drawn on a screen.
pub const SIGNED: &str = "[已电子签名 signed electronically]";

/// Longest text of one line, in characters: no stranger's text makes a slip without end.
pub(crate) const LONGEST: usize = 160;

pub(crate) fn fit(text: &str) -> String {
    printable(text.trim()).chars().take(LONGEST).collect()
}

/// Lines in the making.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Vec<Line>);

impl Lines {
    pub(crate) fn left(&mut self, text: &str) {
        self.0.push(Line::Text { text: fit(text), align: Align::Left, double: false });
    }

    pub(crate) fn centre(&mut self, text: &str) {
        self.0.push(Line::Text { text: fit(text), align: Align::Centre, double: false });
    }

    pub(crate) fn double(&mut self, text: &str) {
        self.0.push(Line::Text { text: fit(text), align: Align::Centre, double: true });
    }

    pub(crate) fn pair(&mut self, label: &str, value: &str) {
        self.0.push(Line::Pair { label: fit(label), value: fit(value) });
    }

    pub(crate) fn some(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            self.pair(label, value);
        }
    }

    pub(crate) fn rule(&mut self) {
        self.0.push(Line::Rule);
    }

    pub(crate) fn qr(&mut self, text: &str) {
        self.0.push(Line::Qr(fit(text).replace(|c: char| !c.is_ascii(), "?")));
    }

    /// The marks below a title.
    pub(crate) fn marks(&mut self, test: bool, reprint: bool) {
        if test {
            self.centre("***测试/TESTING,凭证无效***");
        }
        if reprint {
            self.centre("****重打印/DUPLICATED****");
        }
    }

    pub(crate) fn cut(mut self) -> Vec<Line> {
        self.0.push(Line::Cut);
        self.0
    }
}

/// Minor units as a decimal amount, two decimals.
pub(crate) fn amount(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The currency as slips name it.
pub(crate) fn currency(code: &str) -> &str {
    if code == "CNY" { "RMB" } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(amount(0), "0.00");
        assert_eq!(amount(5), "0.05");
        assert_eq!(amount(u64::MAX), "184467440737095516.15");
    }
}
