//! The lines of one copy, in the order of the reference (section 6).

use crate::{
    allow_list::{mask, printable},
    data::{Copy, Entry, Receipt, TransactionType},
};

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
    /// A line across.
    Rule,
    /// Room for a signature.
    Signature,
    /// A QR code of this text: printable ASCII.
    Qr(String),
    /// The end of the slip.
    Cut,
}

/// Longest text of one line, in characters: no stranger's text makes a slip without end.
const LONGEST: usize = 160;
/// Most texts of the host: field 63.2 has three.
const HOST_TEXTS: usize = 4;

fn fit(text: &str) -> String {
    printable(text.trim()).chars().take(LONGEST).collect()
}

struct Lines(Vec<Line>);

impl Lines {
    fn left(&mut self, text: &str) {
        self.0.push(Line::Text { text: fit(text), align: Align::Left, double: false });
    }

    fn centre(&mut self, text: &str, double: bool) {
        self.0.push(Line::Text { text: fit(text), align: Align::Centre, double });
    }

    fn pair(&mut self, label: &str, value: &str) {
        self.0.push(Line::Pair { label: fit(label), value: fit(value) });
    }

    fn some(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.trim().is_empty()) {
            self.pair(label, value);
        }
    }
}

fn letter(entry: Entry) -> char {
    match entry {
        Entry::Swipe => 'S',
        Entry::Insert => 'I',
        Entry::Contactless => 'C',
        Entry::Manual => 'M',
        Entry::None => 'N',
    }
}

/// Minor units as a decimal amount, two decimals.
fn amount(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The lines of a copy. `reprint` adds the mark of one that may have been printed before.
pub fn layout(receipt: &Receipt, copy: Copy, reprint: bool) -> Vec<Line> {
    let mut lines = Lines(Vec::new());
    lines.centre("银联POS签购单", true);
    lines.centre(
        match copy {
            Copy::Merchant => "商户存根 MERCHANT COPY",
            Copy::Cardholder => "持卡人存根 CARDHOLDER COPY",
        },
        false,
    );
    if receipt.test {
        lines.centre("***测试/TESTING,凭证无效***", false);
    }
    if reprint {
        lines.centre("****重打印/DUPLICATED****", false);
    }
    lines.0.push(Line::Rule);
    lines.pair("商户名称 MERCHANT NAME", &receipt.merchant_name);
    lines.pair("商户编号 MERCHANT NO", &receipt.merchant);
    lines.pair("终端编号 TERMINAL NO", &receipt.terminal);
    lines.pair("操作员号 OPERATOR NO", &receipt.operator);
    lines.some("发卡行 ISSUER", receipt.issuer.as_deref());
    // Masked again here, so that whatever the data holds no full number is drawn.
    lines.pair("卡号 CARD NO", &format!("{} {}", mask(&receipt.masked_pan), letter(receipt.entry)));
    lines.some("收单行 ACQ", receipt.acquirer.as_deref());
    lines.pair(
        "交易类型 TXN TYPE",
        match receipt.transaction_type {
            TransactionType::Sale => "消费/SALE",
        },
    );
    lines.pair("批次号 BATCH NO", &format!("{:06}", receipt.batch));
    lines.pair("凭证号 VOUCHER NO", &format!("{:06}", receipt.trace));
    lines.some("授权码 AUTH NO", receipt.authorisation_code.as_deref());
    lines.pair("日期/时间", &receipt.date_time);
    lines.some("交易参考号 REF NO", receipt.rrn.as_deref());
    lines.0.push(Line::Rule);
    lines.left("金额 AMOUNT");
    let currency = if receipt.currency == "CNY" { "RMB" } else { &receipt.currency };
    lines.centre(&format!("{currency} {}", amount(receipt.amount)), true);
    lines.0.push(Line::Rule);
    remarks(receipt, &mut lines);
    if copy == Copy::Merchant {
        lines.0.push(Line::Rule);
        if receipt.signature {
            lines.left("持卡人签名 SIGNATURE");
            lines.0.push(Line::Signature);
        }
        lines.left("本人确认以上交易,");
        lines.left("同意将其计入本卡账户");
        lines.left("I ACKNOWLEDGE SATISFACTORY RECEIPT OF RELATIVE GOODS/SERVICE");
    }
    if let Some(rrn) = receipt.rrn.as_deref() {
        let ids = format!("{}/{:06}/{:06}/{rrn}", receipt.terminal, receipt.batch, receipt.trace);
        lines.0.push(Line::Qr(fit(&ids).replace(|c: char| !c.is_ascii(), "?")));
    }
    lines.0.push(Line::Cut);
    lines.0
}

fn remarks(receipt: &Receipt, lines: &mut Lines) {
    lines.left("备注 REFERENCE");
    lines.some("订单号 ORDER", Some(&receipt.reference));
    if let Some(note) = receipt.note.as_deref().filter(|note| !note.trim().is_empty()) {
        lines.left(note);
    }
    for text in receipt.host_texts.iter().filter(|text| !text.trim().is_empty()).take(HOST_TEXTS) {
        lines.left(text);
    }
    let Some(chip) = &receipt.chip else { return };
    lines.some("ARQC", chip.arqc.as_deref());
    lines.some("TC", chip.transaction_certificate.as_deref());
    lines.some("TVR", Some(&chip.tvr));
    lines.some("AID", Some(&chip.aid));
    lines.some("TSI", Some(&chip.tsi));
    lines.some("ATC", Some(&chip.atc));
    lines.some("PAN SN", chip.pan_sequence.as_deref());
    lines.some("APPLAB", chip.label.as_deref());
    lines.some("应用首选名", chip.preferred_name.as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::receipt;
    use proptest::prelude::*;

    fn texts(lines: &[Line]) -> Vec<&str> {
        let mut texts = Vec::new();
        for line in lines {
            match line {
                Line::Text { text, .. } | Line::Qr(text) => texts.push(text.as_str()),
                Line::Pair { label, value } => texts.extend([label.as_str(), value]),
                Line::Rule | Line::Signature | Line::Cut => {}
            }
        }
        texts
    }

    #[test]
    fn only_the_merchant_copy_is_signed() {
        let signed = |receipt: &Receipt, copy| layout(receipt, copy, false).contains(&Line::Signature);
        assert!(signed(&receipt(), Copy::Merchant));
        assert!(!signed(&receipt(), Copy::Cardholder));
        assert!(!signed(&Receipt { signature: false, ..receipt() }, Copy::Merchant));
    }

    #[test]
    fn marks_stand_where_they_are_due_and_nowhere_else() {
        for (reprint, test) in [(false, false), (false, true), (true, false), (true, true)] {
            let lines = layout(&Receipt { test, ..receipt() }, Copy::Cardholder, reprint);
            let has = |mark: &str| texts(&lines).iter().any(|text| text.contains(mark));
            assert_eq!(has("****重打印/DUPLICATED****"), reprint);
            assert_eq!(has("***测试/TESTING,凭证无效***"), test);
        }
    }

    #[test]
    fn a_strangers_text_is_cut_off() {
        let long = "长".repeat(5000);
        let receipt = Receipt { note: Some(long.clone()), host_texts: vec![long; 1000], ..receipt() };
        let lines = layout(&receipt, Copy::Merchant, false);
        assert!(lines.len() < 50);
        assert!(texts(&lines).iter().all(|text| text.chars().count() <= LONGEST));
    }

    #[test]
    fn amounts_are_exact() {
        assert_eq!(amount(0), "0.00");
        assert_eq!(amount(5), "0.05");
        assert_eq!(amount(u64::MAX), "184467440737095516.15");
    }

    proptest! {
        #[test]
        fn rule_10_no_full_number_is_drawn(pan in "[0-9]{11,19}", stars in 0usize..4) {
            // Not masked, or masked badly.
            let pan: String = pan.chars().enumerate().map(|(at, c)| if at >= 6 && at < 6 + stars { '*' } else { c }).collect();
            let lines = layout(&Receipt { masked_pan: pan, ..receipt() }, Copy::Merchant, true);
            for text in texts(&lines).iter().filter(|text| text.contains('*') && text.ends_with(" I")) {
                prop_assert!(text.chars().filter(char::is_ascii_digit).count() <= 10);
            }
        }
    }
}
