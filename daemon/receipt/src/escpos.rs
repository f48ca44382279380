//! The slip as ESC/POS, in GB18030 as printers sold in China have it.

use crate::{
    line::{Align, Line},
    strokes::Strokes,
    text::{COLUMNS, pair, wrap},
};
use encoding_rs::GB18030;
use zeroize::Zeroizing;

const INITIALISE: &[u8] = &[0x1B, b'@'];
/// FS &: Chinese characters on.
const CHINESE: &[u8] = &[0x1C, b'&'];
/// GS V 66 0: feed to the cutter and cut.
const CUT: &[u8] = &[0x1D, b'V', 66, 0];

/// The bytes so far. A slip may hold a full card number, so that nothing of it stays behind where they move to make room.
struct Printer(Zeroizing<Vec<u8>>);

impl Printer {
    fn put(&mut self, bytes: &[u8]) {
        let length = self.0.len() + bytes.len();
        if length > self.0.capacity() {
            let mut roomier = Zeroizing::new(Vec::with_capacity(2 * length));
            roomier.extend_from_slice(&self.0);
            self.0 = roomier;
        }
        self.0.extend_from_slice(bytes);
    }

    fn line(&mut self, text: &str) {
        // Everything that gets here is allow-listed, so every character has its bytes.
        self.put(&GB18030.encode(text).0);
        self.put(b"\n");
    }

    fn align(&mut self, align: Align) {
        self.put(&[0x1B, b'a', if align == Align::Centre { 1 } else { 0 }]);
    }

    /// GS ! for characters, FS ! for Chinese characters: double width and height.
    fn double(&mut self, on: bool) {
        self.put(&[0x1D, b'!', if on { 0x11 } else { 0 }]);
        self.put(&[0x1C, b'!', if on { 0x0C } else { 0 }]);
    }

    /// GS ( k: model 2, size 6, correction level M, store, print.
    fn qr(&mut self, text: &str) {
        // A length of 0x000A would be taken for the end of a line: a space behind the text makes another one of it.
        let text =
            if (text.len() + 3) % 256 == usize::from(b'\n') { format!("{text} ") } else { text.to_owned() };
        let data = text.as_bytes();
        let Ok(length) = u16::try_from(data.len() + 3) else { return };
        let [low, high] = length.to_le_bytes();
        self.align(Align::Centre);
        self.put(&[0x1D, b'(', b'k', 4, 0, 49, 65, 50, 0]);
        self.put(&[0x1D, b'(', b'k', 3, 0, 49, 67, 6]);
        self.put(&[0x1D, b'(', b'k', 3, 0, 49, 69, 49]);
        self.put(&[0x1D, b'(', b'k', low, high, 49, 80, 48]);
        self.put(data);
        self.put(&[0x1D, b'(', b'k', 3, 0, 49, 81, 48]);
        self.align(Align::Left);
    }

    fn pair(&mut self, label: &str, value: &str) {
        pair(label, value, COLUMNS).iter().for_each(|line| self.line(line));
    }

    /// GS v 0: a raster of bits, its rows in bytes from left to right.
    fn strokes(&mut self, strokes: &Strokes) {
        const ACROSS: u8 = (Strokes::WIDTH / 8) as u8;
        const DOWN: u8 = Strokes::HEIGHT as u8;
        self.align(Align::Centre);
        self.put(&[0x1D, b'v', b'0', 0, ACROSS, 0, DOWN, 0]);
        // The pen is two dots wide, so no byte of the drawing is 0x0A: that has single dots with none beside them.
        self.put(&strokes.raster());
        self.align(Align::Left);
    }
}

/// A slip as the bytes a printer takes. Between the commands made here there is nothing but printable characters and
/// line feeds, and a byte 0x0A is nothing else than a line feed.
pub fn escpos(lines: &[Line]) -> Zeroizing<Vec<u8>> {
    let mut printer = Printer(Zeroizing::new([INITIALISE, CHINESE].concat()));
    for line in lines {
        match line {
            Line::Text { text, align, double } => {
                printer.align(*align);
                printer.double(*double);
                let columns = if *double { COLUMNS / 2 } else { COLUMNS };
                wrap(text, columns).iter().for_each(|part| printer.line(part));
                printer.double(false);
                printer.align(Align::Left);
            }
            Line::Pair { label, value } => printer.pair(label, value),
            Line::Card { label, pan, letter } => {
                let value = Zeroizing::new(format!("{} {letter}", pan.reveal()));
                pair(label, &value, COLUMNS)
                    .into_iter()
                    .map(Zeroizing::new)
                    .for_each(|line| printer.line(&line));
            }
            Line::Rule => printer.line(&"-".repeat(COLUMNS)),
            Line::Signature(strokes) => {
                match strokes {
                    Some(strokes) => printer.strokes(strokes),
                    None => {
                        printer.line("");
                        printer.line("");
                    }
                }
                printer.line(&"_".repeat(COLUMNS));
            }
            Line::Qr(text) => printer.qr(text),
            Line::Cut => printer.0.extend_from_slice(CUT),
        }
    }
    printer.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Copy, Entry, Receipt, TransactionType, layout,
        sample::{everything, receipt, slips, with_texts},
    };
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
                (0x1D, [b'v', b'0', 0, across, 0, down, 0, ..]) => {
                    8 + usize::from(*across) * usize::from(*down)
                }
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

    fn commands(lines: &[Line]) -> Result<Vec<Vec<u8>>, String> {
        Ok(parse(&escpos(lines))?
            .into_iter()
            .filter_map(|part| if let Part::Command(command) = part { Some(command) } else { None })
            .collect())
    }

    /// As many commands as a slip of the same lines has; only the text of the code differs.
    fn only_ours(lines: &[Line]) -> Result<(), TestCaseError> {
        let ours = commands(lines).map_err(TestCaseError::fail)?;
        let expected = lines.iter().map(|line| match line {
            Line::Text { .. } => 6,
            Line::Qr(_) => 7,
            Line::Cut => 1,
            Line::Signature(Some(_)) => 3,
            Line::Pair { .. } | Line::Card { .. } | Line::Rule | Line::Signature(None) => 0,
        });
        prop_assert_eq!(ours.len(), 2 + expected.sum::<usize>());
        prop_assert!(ours.iter().all(|command| !command.contains(&b'\n')));
        for command in ours.iter().filter(|command| command.starts_with(b"\x1D(k") && command[6] == 80) {
            prop_assert!(!command[8..].iter().any(|byte| *byte < 0x20 || *byte == 0x7F));
        }
        let text = crate::text(lines);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        for line in text.lines() {
            prop_assert!(crate::width(line) <= COLUMNS, "{}", line);
        }
        Ok(())
    }

    fn merchant(receipt: &Receipt) -> Zeroizing<Vec<u8>> {
        escpos(&layout(receipt, Copy::Merchant, false))
    }

    #[test]
    fn a_slip_begins_and_ends_as_a_printer_expects() {
        let slip = merchant(&receipt());
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
        let slip = merchant(&receipt());
        let data = b"00000001/000007/000123/000000000123";
        let stored = [b"\x1D(k\x26\x001P0".as_slice(), data, b"\x1D(k\x03\x001Q0"].concat();
        assert_eq!(data.len() + 3, 0x26);
        assert!(slip.windows(stored.len()).any(|part| part == stored));
    }

    #[test]
    fn a_signature_is_drawn_where_the_cardholder_would_sign() {
        // Two dots that a pen of one would make the byte 0x0A of.
        let strokes = Strokes::new(vec![vec![(4, 0)], vec![(6, 0)]]).ok();
        assert_eq!(strokes.as_ref().map(|strokes| strokes.raster()[0]), Some(0x0F));
        let slip = merchant(&Receipt { strokes, ..receipt() });
        let head = b"\x1Ba\x01\x1Dv0\x00\x20\x00\x60\x00\x0F\x00";
        assert!(slip.windows(head.len()).any(|part| part == head));
        let lines = layout(&everything(), Copy::Merchant, false);
        let drawings = commands(&lines).unwrap().into_iter().filter(|command| command.starts_with(b"\x1Dv0"));
        assert_eq!(drawings.map(|command| command.len()).collect::<Vec<_>>(), [8 + 32 * 96]);
    }

    #[test]
    fn no_length_of_a_code_ends_a_line() {
        for length in 1..=160 {
            let slip = escpos(&[Line::Qr("7".repeat(length)), Line::Cut]);
            assert!(!slip.contains(&b'\n'), "{length}");
            assert!(
                slip.windows(length + 1).any(|part| part == [b"0", "7".repeat(length).as_bytes()].concat())
            );
        }
    }

    #[test]
    fn the_paper_says_what_the_text_says() {
        let lines = parse(&escpos(&layout(&receipt(), Copy::Merchant, true))).unwrap();
        let paper: Vec<_> = lines
            .iter()
            .filter_map(|part| if let Part::Line(line) = part { Some(line.trim()) } else { None })
            .collect();
        for line in crate::text(&layout(&receipt(), Copy::Merchant, true)).lines() {
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
            let receipt = with_texts(texts.clone());
            for transaction_type in TransactionType::ALL {
                for (copy, entry) in [
                    (Copy::Merchant, Entry::Insert),
                    (Copy::Bank, Entry::Manual),
                    (Copy::Cardholder, Entry::Qr),
                ] {
                    only_ours(&layout(&Receipt { transaction_type, entry, ..receipt.clone() }, copy, true))?;
                }
            }
            for slip in slips(texts) {
                only_ours(&slip.lines(Copy::Merchant, true))?;
            }
        }

        #[test]
        fn no_drawing_ends_a_line(points in proptest::collection::vec((any::<u8>(), 0u8..96), 1..200)) {
            let strokes = Strokes::new(vec![points]).ok();
            only_ours(&layout(&Receipt { strokes, ..receipt() }, Copy::Merchant, false))?;
        }
    }
}
