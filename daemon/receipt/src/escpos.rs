//! The slip as ESC/POS, in GB18030 as printers sold in China have it.

use crate::{
    data::{Copy, Receipt},
    layout::{Align, Line, layout},
    text::{COLUMNS, pair, wrap},
};
use encoding_rs::GB18030;

const INITIALISE: &[u8] = &[0x1B, b'@'];
/// FS &: Chinese characters on.
const CHINESE: &[u8] = &[0x1C, b'&'];
/// GS V 66 0: feed to the cutter and cut.
const CUT: &[u8] = &[0x1D, b'V', 66, 0];

struct Printer(Vec<u8>);

impl Printer {
    fn line(&mut self, text: &str) {
        // Everything that gets here is allow-listed, so every character has its bytes.
        self.0.extend_from_slice(&GB18030.encode(text).0);
        self.0.push(b'\n');
    }

    fn align(&mut self, align: Align) {
        self.0.extend_from_slice(&[0x1B, b'a', if align == Align::Centre { 1 } else { 0 }]);
    }

    /// GS ! for characters, FS ! for Chinese characters: double width and height.
    fn double(&mut self, on: bool) {
        self.0.extend_from_slice(&[0x1D, b'!', if on { 0x11 } else { 0 }]);
        self.0.extend_from_slice(&[0x1C, b'!', if on { 0x0C } else { 0 }]);
    }

    /// GS ( k: model 2, size 6, correction level M, store, print.
    fn qr(&mut self, text: &str) {
        let data = text.as_bytes();
        let Ok(length) = u16::try_from(data.len() + 3) else { return };
        let [low, high] = length.to_le_bytes();
        self.align(Align::Centre);
        self.0.extend_from_slice(&[0x1D, b'(', b'k', 4, 0, 49, 65, 50, 0]);
        self.0.extend_from_slice(&[0x1D, b'(', b'k', 3, 0, 49, 67, 6]);
        self.0.extend_from_slice(&[0x1D, b'(', b'k', 3, 0, 49, 69, 49]);
        self.0.extend_from_slice(&[0x1D, b'(', b'k', low, high, 49, 80, 48]);
        self.0.extend_from_slice(data);
        self.0.extend_from_slice(&[0x1D, b'(', b'k', 3, 0, 49, 81, 48]);
        self.align(Align::Left);
    }
}

/// A copy as the bytes a printer takes. Between the commands made here there is nothing but printable characters and
/// line feeds, and a byte 0x0A is nothing else than a line feed.
pub fn escpos(receipt: &Receipt, copy: Copy, reprint: bool) -> Vec<u8> {
    let mut printer = Printer([INITIALISE, CHINESE].concat());
    for line in layout(receipt, copy, reprint) {
        match line {
            Line::Text { text, align, double } => {
                printer.align(align);
                printer.double(double);
                let columns = if double { COLUMNS / 2 } else { COLUMNS };
                wrap(&text, columns).iter().for_each(|part| printer.line(part));
                printer.double(false);
                printer.align(Align::Left);
            }
            Line::Pair { label, value } => {
                pair(&label, &value, COLUMNS).iter().for_each(|line| printer.line(line));
            }
            Line::Rule => printer.line(&"-".repeat(COLUMNS)),
            Line::Signature => {
                printer.line("");
                printer.line("");
                printer.line(&"_".repeat(COLUMNS));
            }
            Line::Qr(text) => printer.qr(&text),
            Line::Cut => printer.0.extend_from_slice(CUT),
        }
    }
    printer.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{receipt, with_texts};
    use proptest::prelude::*;

    #[derive(Debug, PartialEq)]
    enum Part {
        Command(Vec<u8>),
        Line(String),
    }

    /// Reads a slip back; every byte is one of the commands made above or of a line of printable characters.
    fn parse(mut bytes: &[u8]) -> Result<Vec<Part>, String> {
        let mut parts = Vec::new();
        let mut line = Vec::new();
        while let Some((&first, tail)) = bytes.split_first() {
            let command = match (first, tail) {
                (0x1B, [b'@', ..]) | (0x1C, [b'&', ..]) => 2,
                (0x1B, [b'a', 0 | 1, ..]) | (0x1D, [b'!', 0 | 0x11, ..]) | (0x1C, [b'!', 0 | 0x0C, ..]) => 3,
                (0x1D, [b'V', 66, 0, ..]) => 4,
                (0x1D, [b'(', b'k', low, high, 49, ..]) => 5 + usize::from(u16::from_le_bytes([*low, *high])),
                _ => 0,
            };
            if command > 0 {
                if !line.is_empty() || command > bytes.len() {
                    return Err(format!("a command within a line: {bytes:02X?}"));
                }
                parts.push(Part::Command(bytes[..command].to_vec()));
                bytes = &bytes[command..];
                continue;
            }
            let taken = match (first, tail) {
                (0x81..=0xFE, [0x40..=0x7E | 0x80..=0xFE, ..]) => 2,
                (b'\n' | 0x20..=0x7E, _) => 1,
                _ => return Err(format!("{first:02X} {:02X?}", &tail[..tail.len().min(4)])),
            };
            if first == b'\n' {
                let text = GB18030.decode_without_bom_handling_and_without_replacement(&line);
                parts.push(Part::Line(text.ok_or("not GB18030")?.into_owned()));
                line.clear();
            } else {
                line.extend_from_slice(&bytes[..taken]);
            }
            bytes = &bytes[taken..];
        }
        Ok(parts)
    }

    fn commands(receipt: &Receipt, copy: Copy) -> Result<Vec<Vec<u8>>, String> {
        let parts = parse(&escpos(receipt, copy, true))?;
        Ok(parts
            .into_iter()
            .filter_map(|part| if let Part::Command(command) = part { Some(command) } else { None })
            .collect())
    }

    #[test]
    fn a_slip_begins_and_ends_as_a_printer_expects() {
        let slip = escpos(&receipt(), Copy::Merchant, false);
        assert!(slip.starts_with(b"\x1B@\x1C&\x1Ba\x01\x1D!\x11\x1C!\x0C"));
        // 银联POS签购单
        assert_eq!(
            slip[13..],
            [b"\xD2\xF8\xC1\xAAPOS\xC7\xA9\xB9\xBA\xB5\xA5\n".as_slice(), &slip[27..]].concat()
        );
        assert!(slip.ends_with(b"\x1DVB\x00"));
    }

    #[test]
    fn a_qr_code_is_stored_with_its_length_and_drawn() {
        let slip = escpos(&receipt(), Copy::Merchant, false);
        let data = b"00000001/000007/000123/000000000123";
        let stored = [b"\x1D(k\x26\x001P0".as_slice(), data, b"\x1D(k\x03\x001Q0"].concat();
        assert_eq!(data.len() + 3, 0x26);
        assert!(slip.windows(stored.len()).any(|part| part == stored));
    }

    #[test]
    fn the_paper_says_what_the_text_says() {
        let lines = parse(&escpos(&receipt(), Copy::Merchant, true)).unwrap();
        let paper: Vec<_> = lines
            .iter()
            .filter_map(|part| if let Part::Line(line) = part { Some(line.trim()) } else { None })
            .collect();
        for line in crate::text(&receipt(), Copy::Merchant, true).lines() {
            assert!(paper.contains(&line.trim()), "{line}");
        }
    }

    /// Texts that a hostile app or host would try: commands, halves of characters, everything Unicode has.
    fn hostile() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[\\x00-\\x1F\\x7F-\\xFF]{1,20}",
            "[\\x10\\x1B\\x1C\\x1D@!(kVapd0-9中文]{1,40}",
            ".{150,200}",
        ]
    }

    proptest! {
        #[test]
        fn no_byte_of_a_stranger_is_a_command(texts in proptest::collection::vec(hostile(), 1..24)) {
            let receipt = with_texts(texts);
            for copy in [Copy::Merchant, Copy::Cardholder] {
                let ours = commands(&receipt, copy).map_err(TestCaseError::fail)?;
                // As many commands as a slip of the same lines has; only the text of the code differs.
                let expected: usize = 2 + layout(&receipt, copy, true).iter().map(|line| match line {
                    Line::Text { .. } => 6,
                    Line::Qr(_) => 7,
                    Line::Cut => 1,
                    Line::Pair { .. } | Line::Rule | Line::Signature => 0,
                }).sum::<usize>();
                prop_assert_eq!(ours.len(), expected);
                prop_assert!(ours.iter().all(|command| !command.contains(&b'\n')));
                for command in ours.iter().filter(|command| command.starts_with(b"\x1D(k") && command[6] == 80) {
                    prop_assert!(!command[8..].iter().any(|byte| *byte < 0x20 || *byte == 0x7F));
                }
                let text = crate::text(&receipt, copy, true);
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }
}
