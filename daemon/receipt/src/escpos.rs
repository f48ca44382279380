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
/// line feeds.
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
    use crate::{Chip, Entry, TransactionType};
    use proptest::prelude::*;

    pub(crate) fn receipt() -> Receipt {
        Receipt {
            transaction_type: TransactionType::Sale,
            merchant_name: "示例商户".to_owned(),
            merchant: "898000000000001".to_owned(),
            terminal: "00000001".to_owned(),
            operator: "01".to_owned(),
            issuer: Some("01020000".to_owned()),
            acquirer: Some("48021000".to_owned()),
            masked_pan: "621234******0019".to_owned(),
            entry: Entry::Insert,
            batch: 7,
            trace: 123,
            authorisation_code: Some("A12345".to_owned()),
            rrn: Some("000000000123".to_owned()),
            date_time: "2026/01/02 03:04:05".to_owned(),
            amount: 1234,
            currency: "CNY".to_owned(),
            reference: "order-1".to_owned(),
            note: None,
            host_texts: vec!["谢谢惠顾".to_owned()],
            chip: Some(Chip {
                transaction_certificate: Some("0123456789ABCDEF".to_owned()),
                arqc: None,
                aid: "A000000333010101".to_owned(),
                tvr: "0080048000".to_owned(),
                tsi: "E800".to_owned(),
                atc: "0001".to_owned(),
                pan_sequence: Some("001".to_owned()),
                label: Some("UnionPay Debit".to_owned()),
                preferred_name: None,
            }),
            signature: true,
            test: false,
        }
    }

    /// Takes the commands out again; what is left is what was to be printed. Panics on a command not made here.
    fn without_commands(mut bytes: &[u8]) -> Vec<u8> {
        let mut rest = Vec::new();
        while let Some((&first, tail)) = bytes.split_first() {
            let length = match (first, tail) {
                (0x1B, [b'@', ..]) | (0x1C, [b'&', ..]) => 2,
                (0x1B, [b'a', 0 | 1, ..]) | (0x1D, [b'!', 0 | 0x11, ..]) | (0x1C, [b'!', 0 | 0x0C, ..]) => 3,
                (0x1D, [b'V', 66, 0, ..]) => 4,
                (0x1D, [b'(', b'k', low, high, 49, ..]) => 5 + usize::from(u16::from_le_bytes([*low, *high])),
                // A two-byte character.
                (0x81..=0xFE, [second, ..]) => {
                    rest.extend_from_slice(&[first, *second]);
                    bytes = &bytes[2..];
                    continue;
                }
                (b'\n' | 0x20..=0x7E, _) => {
                    rest.push(first);
                    1
                }
                _ => panic!("an unknown byte {first:02X} {:02X?}", &tail[..tail.len().min(4)]),
            };
            bytes = &bytes[length..];
        }
        rest
    }

    #[test]
    fn the_merchant_copy_has_every_line_of_the_reference() {
        let text = crate::text(&receipt(), Copy::Merchant, false);
        let expected = [
            "银联POS签购单",
            "商户存根 MERCHANT COPY",
            "示例商户",
            "898000000000001",
            "00000001",
            "621234******0019 I",
            "消费/SALE",
            "000007",
            "000123",
            "A12345",
            "2026/01/02 03:04:05",
            "000000000123",
            "RMB 12.34",
            "0123456789ABCDEF",
            "0080048000",
            "A000000333010101",
            "持卡人签名",
            "本人确认以上交易",
            "谢谢惠顾",
        ];
        for line in expected {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert!(text.lines().all(|line| crate::width(line) <= crate::COLUMNS), "{text}");
        assert!(!text.contains("DUPLICATED") && !text.contains("TESTING"));
        let cardholder = crate::text(&receipt(), Copy::Cardholder, true);
        assert!(cardholder.contains("****重打印/DUPLICATED****") && !cardholder.contains("SIGNATURE"));
        assert!(crate::text(&Receipt { test: true, ..receipt() }, Copy::Merchant, false).contains("TESTING"));
    }

    #[test]
    fn rule_10_a_full_number_is_not_drawn() {
        let full = Receipt { masked_pan: "6212340000000019".to_owned(), ..receipt() };
        assert!(!crate::text(&full, Copy::Merchant, false).contains("6212340000000019"));
    }

    proptest! {
        #[test]
        fn no_control_byte_of_a_stranger_reaches_the_printer(
            texts in proptest::collection::vec(any::<String>(), 8),
        ) {
            let mut receipt = receipt();
            let mut chip = receipt.chip.take().unwrap();
            let mut texts = texts.into_iter();
            let mut next = || texts.next().unwrap_or_default();
            receipt.merchant_name = next();
            receipt.reference = next();
            receipt.note = Some(next());
            receipt.host_texts = vec![next()];
            receipt.issuer = Some(next());
            receipt.rrn = Some(next());
            chip.label = Some(next());
            chip.preferred_name = Some(next());
            receipt.chip = Some(chip);
            for copy in [Copy::Merchant, Copy::Cardholder] {
                let printed = without_commands(&escpos(&receipt, copy, true));
                prop_assert!(printed.iter().all(|b| *b == b'\n' || *b >= 0x20));
                let text = crate::text(&receipt, copy, true);
                prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
            }
        }
    }
}
