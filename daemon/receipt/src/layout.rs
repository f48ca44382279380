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
    /// A QR code of this text.
    Qr(String),
    /// The end of the slip.
    Cut,
}

struct Lines(Vec<Line>);

impl Lines {
    fn left(&mut self, text: &str) {
        self.0.push(Line::Text { text: printable(text), align: Align::Left, double: false });
    }

    fn centre(&mut self, text: &str, double: bool) {
        self.0.push(Line::Text { text: printable(text), align: Align::Centre, double });
    }

    fn pair(&mut self, label: &str, value: &str) {
        self.0.push(Line::Pair { label: printable(label), value: printable(value) });
    }

    fn some(&mut self, label: &str, value: Option<&str>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
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
    lines.pair("商户名称 MERCHANT", &receipt.merchant_name);
    lines.pair("商户编号 MERCHANT NO", &receipt.merchant);
    lines.pair("终端编号 TERMINAL NO", &receipt.terminal);
    lines.pair("操作员号 OPERATOR NO", &receipt.operator);
    lines.some("发卡行 ISSUER", receipt.issuer.as_deref());
    // Masked again here, so that whatever the data holds no full number is drawn.
    let pan = if receipt.masked_pan.contains('*') { receipt.masked_pan.clone() } else { mask(&receipt.masked_pan) };
    lines.pair("卡号 CARD NO", &format!("{pan} {}", letter(receipt.entry)));
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
    if copy == Copy::Merchant && receipt.signature {
        lines.left("持卡人签名 SIGNATURE");
        lines.0.push(Line::Signature);
    }
    if copy == Copy::Merchant {
        lines.left("本人确认以上交易,同意将其计入本卡账户");
        lines.left("I ACKNOWLEDGE SATISFACTORY RECEIPT OF RELATIVE GOODS/SERVICE");
    }
    if let Some(rrn) = receipt.rrn.as_deref() {
        lines.0.push(Line::Qr(printable(&format!("{}/{:06}/{:06}/{rrn}", receipt.terminal, receipt.batch, receipt.trace))));
    }
    lines.0.push(Line::Cut);
    lines.0
}

fn remarks(receipt: &Receipt, lines: &mut Lines) {
    lines.left("备注 REFERENCE");
    lines.some("订单号 ORDER", Some(&receipt.reference));
    if let Some(note) = &receipt.note {
        lines.left(note);
    }
    for text in receipt.host_texts.iter().filter(|text| !text.trim().is_empty()) {
        lines.left(text.trim());
    }
    let Some(chip) = &receipt.chip else { return };
    match (&chip.transaction_certificate, &chip.arqc) {
        (Some(certificate), _) => lines.pair("TC", certificate),
        (None, Some(arqc)) => lines.pair("ARQC", arqc),
        (None, None) => {}
    }
    lines.pair("TVR", &chip.tvr);
    lines.pair("AID", &chip.aid);
    lines.pair("TSI", &chip.tsi);
    lines.pair("ATC", &chip.atc);
    lines.some("PAN SN", chip.pan_sequence.as_deref());
    lines.some("APPLAB", chip.label.as_deref());
    lines.some("应用首选名", chip.preferred_name.as_deref());
}
