//! What the bytes put on paper.

use encoding_rs::GB18030;
use std::collections::VecDeque;

/// Half-width characters across 58 mm.
const COLUMNS: usize = 32;

/// A slip that was cut off.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slip {
    /// Its lines as they stand on the paper. What the printer did not understand stands there as `<hexadecimal>`.
    pub text: String,
    /// What its QR codes hold.
    pub codes: Vec<String>,
    /// Its drawings: the dots of each, in rows of bytes.
    pub drawings: Vec<Vec<u8>>,
    /// Every byte that it was made of.
    pub bytes: Vec<u8>,
}

/// The print head: takes commands and characters in their turn.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub(super) queue: VecDeque<u8>,
    slip: Slip,
    line: String,
    centred: bool,
    double: bool,
    double_chinese: bool,
    chinese: bool,
    code: String,
}

impl Head {
    /// Works on the queue until it is empty, the paper ends or a command is not complete. Returns answers.
    pub(super) fn work(&mut self, lines_left: &mut Option<usize>, slips: &mut Vec<Slip>) -> Vec<u8> {
        let mut answers = Vec::new();
        while *lines_left != Some(0) {
            let bytes: Vec<u8> = self.queue.iter().copied().collect();
            let Some(length) = length(&bytes, self.chinese) else { break };
            let unit: Vec<u8> = self.queue.drain(..length).collect();
            match unit[..] {
                // GS r: a status in turn. Bits 2 and 3 would say that there is no paper.
                [0x1D, b'r', _] => {
                    answers.push(0);
                    continue;
                }
                [0x1D, b'V', ..] => {
                    self.slip.bytes.extend(unit);
                    slips.push(std::mem::take(&mut self.slip));
                    continue;
                }
                [b'\n'] => {
                    self.feed();
                    if let Some(lines) = lines_left {
                        *lines -= 1;
                    }
                }
                _ => self.take(&unit),
            }
            self.slip.bytes.extend(unit);
        }
        answers
    }

    fn take(&mut self, unit: &[u8]) {
        match *unit {
            [0x1B, b'@'] => {
                *self = Head {
                    queue: std::mem::take(&mut self.queue),
                    slip: std::mem::take(&mut self.slip),
                    ..Head::default()
                }
            }
            [0x1B, b'a', n] => self.centred = n == 1 || n == b'1',
            [0x1C, b'&'] => self.chinese = true,
            [0x1C, b'.'] => self.chinese = false,
            [0x1C, b'!', n] => self.double_chinese = n & 0x0C == 0x0C,
            [0x1D, b'!', n] => self.double = n == 0x11,
            [0x1D, b'(', b'k', _, _, 49, 80, 48, ref data @ ..] => {
                self.code = String::from_utf8_lossy(data).into_owned();
            }
            [0x1D, b'(', b'k', _, _, 49, 81, 48] => self.slip.codes.push(self.code.clone()),
            [0x1D, b'(', b'k', _, _, 49, 65 | 67 | 69, ..] => {}
            [0x1D, b'v', b'0', 0, _, _, _, _, ref dots @ ..] => self.slip.drawings.push(dots.to_vec()),
            [byte @ 0x20..=0x7E] => self.put(&char::from(byte).to_string(), 1, self.double),
            [_, _] if self.chinese => match GB18030.decode_without_bom_handling_and_without_replacement(unit)
            {
                Some(character) => self.put(&character, 2, self.double_chinese),
                None => self.unknown(unit),
            },
            _ => self.unknown(unit),
        }
    }

    fn unknown(&mut self, unit: &[u8]) {
        let hex: String = unit.iter().map(|byte| format!("{byte:02X}")).collect();
        self.line.push_str(&format!("<{hex}>"));
    }

    fn put(&mut self, character: &str, width: usize, double: bool) {
        let columns = if self.double || self.double_chinese { COLUMNS / 2 } else { COLUMNS };
        if double != (self.double || self.double_chinese) {
            // Half of the characters double, half not: no renderer means that.
            self.line.push_str("<mixed size>");
        }
        if columns_of(&self.line) + width > columns {
            self.feed();
        }
        self.line.push_str(character);
    }

    fn feed(&mut self) {
        let line = std::mem::take(&mut self.line);
        let size = if self.double { 2 } else { 1 };
        let free = COLUMNS.saturating_sub(columns_of(&line) * size);
        // Double characters take the place of two; the text shows them once, in the middle all the same.
        let before = if self.centred { (free + columns_of(&line) * (size - 1)) / 2 } else { 0 };
        let line = format!("{}{line}", " ".repeat(before));
        self.slip.text.push_str(line.trim_end());
        self.slip.text.push('\n');
    }
}

fn columns_of(line: &str) -> usize {
    line.chars().map(|character| if character.is_ascii() { 1 } else { 2 }).sum()
}

/// How many bytes the first command or character has; none where it is not complete.
fn length(bytes: &[u8], chinese: bool) -> Option<usize> {
    let length = match *bytes {
        [] | [0x1B..=0x1D] => return None,
        [0x1B, b'@' | b'2', ..] | [0x1C, b'&' | b'.', ..] => 2,
        [0x1B, b'p', ..] => 5,
        [0x1B | 0x1C, ..] => 3,
        [0x1D, b'V', mode, ..] if mode >= 65 => 4,
        [0x1D, b'(', _, low, high, ..] => 5 + usize::from(u16::from_le_bytes([low, high])),
        [0x1D, b'(', ..] => return None,
        [0x1D, b'v', b'0', _, across, across_high, down, down_high, ..] => {
            let both = |low, high| usize::from(u16::from_le_bytes([low, high]));
            8 + both(across, across_high) * both(down, down_high)
        }
        [0x1D, b'v', ..] => return None,
        [0x1D, ..] => 3,
        [0x81..=0xFE, ..] if chinese => 2,
        _ => 1,
    };
    (length <= bytes.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(bytes: &[u8]) -> Vec<Slip> {
        let mut head = Head { queue: bytes.iter().copied().collect(), ..Head::default() };
        let mut slips = Vec::new();
        head.work(&mut None, &mut slips);
        slips
    }

    #[test]
    fn characters_stand_where_a_printer_puts_them() {
        // "金额" in GB18030 is BDF0 B6EE.
        let slips = printed(b"\x1B@\x1C&\x1Ba\x01\x1D!\x11\x1C!\x0C\xBD\xF0\xB6\xEE 1\n\x1Ba\x00\x1D!\x00\x1C!\x00ab\n\x1DVB\x00");
        assert_eq!(slips[0].text, format!("{}金额 1\nab\n", " ".repeat(13)));
        let wide = printed(&[b"\x1B@".as_slice(), &[b'x'; 40], b"\n\x1DVB\x00"].concat());
        assert_eq!(wide[0].text, format!("{}\n{}\n", "x".repeat(32), "x".repeat(8)));
    }

    #[test]
    fn what_it_does_not_know_shows() {
        assert_eq!(printed(b"\x1B@\x1Bt\x05\x07\n\x1DVB\x00")[0].text, "<1B7405><07>\n");
        // Chinese characters without FS &.
        assert_eq!(printed(b"\x1B@\xBD\xF0\n\x1DVB\x00")[0].text, "<BD><F0>\n");
    }

    #[test]
    fn codes_are_read_whole() {
        let slips = printed(b"\x1D(k\x06\x001P0\x1B@!\x1D(k\x03\x001Q0\x1DVB\x00");
        assert_eq!(slips[0].codes, ["\u{1b}@!"]);
        assert_eq!(slips[0].text, "");
    }

    #[test]
    fn drawings_are_read_whole() {
        let slips = printed(b"\x1Dv0\x00\x02\x00\x02\x00\x1B@\x1DVab\n\x1DVB\x00");
        assert_eq!(slips[0].drawings, [b"\x1B@\x1DV"]);
        assert_eq!(slips[0].text, "ab\n");
    }

    #[test]
    fn everything_waits_for_paper() {
        let mut head =
            Head { queue: b"a\nb\n\x1Dr\x01\x1DVB\x00".iter().copied().collect(), ..Head::default() };
        let (mut lines, mut slips) = (Some(1), Vec::new());
        assert!(head.work(&mut lines, &mut slips).is_empty());
        assert_eq!((lines, slips.len()), (Some(0), 0));
        lines = None;
        assert_eq!(head.work(&mut lines, &mut slips), vec![0u8]);
        assert_eq!(slips[0].text, "a\nb\n");
    }
}
