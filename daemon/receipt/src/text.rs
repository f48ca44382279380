//! The slip as plain text.

use crate::{
    data::{Copy, Receipt},
    layout::{Align, Line, layout},
};

/// Columns of a 58 mm slip: half-width characters on one line.
pub const COLUMNS: usize = 32;

/// How many columns a text takes: one for ASCII, two for everything else that may be printed.
pub fn width(text: &str) -> usize {
    text.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// Cuts a text into lines of at most so many columns.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for character in text.chars() {
        let wide = if character.is_ascii() { 1 } else { 2 };
        if used + wide > columns {
            lines.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(line) = lines.last_mut() {
            line.push(character);
        }
    }
    lines
}

/// A label and its value on one line of so many columns, or the value at the right of the next ones.
pub(crate) fn pair(label: &str, value: &str, columns: usize) -> Vec<String> {
    let used = width(label) + width(value);
    if used < columns {
        return vec![format!("{label}{}{value}", " ".repeat(columns - used))];
    }
    let mut lines = wrap(label, columns);
    lines.extend(wrap(value, columns).into_iter().map(|line| {
        let space = columns.saturating_sub(width(&line));
        format!("{}{line}", " ".repeat(space))
    }));
    lines
}

/// A copy as lines of [`COLUMNS`] columns, each ended by a newline.
pub fn text(receipt: &Receipt, copy: Copy, reprint: bool) -> String {
    let mut out = String::new();
    let mut put = |line: &str| {
        out.push_str(line.trim_end());
        out.push('\n');
    };
    for line in layout(receipt, copy, reprint) {
        match line {
            Line::Text { text, align, .. } => {
                for part in wrap(&text, COLUMNS) {
                    let space = if align == Align::Centre { (COLUMNS - width(&part)) / 2 } else { 0 };
                    put(&format!("{}{part}", " ".repeat(space)));
                }
            }
            Line::Pair { label, value } => pair(&label, &value, COLUMNS).iter().for_each(|line| put(line)),
            Line::Rule => put(&"-".repeat(COLUMNS)),
            Line::Signature => {
                put("");
                put(&"_".repeat(COLUMNS));
            }
            Line::Qr(text) => wrap(&format!("[QR {text}]"), COLUMNS).iter().for_each(|line| put(line)),
            Line::Cut => {}
        }
    }
    out
}
