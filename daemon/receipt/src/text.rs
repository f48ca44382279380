//! The slip as plain text.

use crate::line::{Align, Line, SIGNED};

/// Columns of a 58 mm slip: half-width characters on one line.
pub const COLUMNS: usize = 32;

/// How many columns a text takes: one for ASCII, two for everything else that may be printed.
pub fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(character: char) -> usize {
    if character.is_ascii() { 1 } else { 2 }
}

/// Cuts a text into lines of at most so many columns: between words or at an ideograph where there is one, else
/// within the word.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for character in text.chars() {
        if width(&line) + columns_of(character) > columns {
            if character == ' ' {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            let word = line.rfind(|c: char| c == ' ' || !c.is_ascii()).filter(|_| character.is_ascii());
            let start =
                word.map_or(line.len(), |at| at + line[at..].chars().next().map_or(0, char::len_utf8));
            let rest = line.split_off(start);
            line.truncate(line.trim_end_matches(' ').len());
            lines.push(std::mem::replace(&mut line, rest));
        }
        line.push(character);
    }
    lines.push(line);
    lines
}

/// A label and its value on one line of so many columns, or the value at the right of the next ones.
pub fn pair(label: &str, value: &str, columns: usize) -> Vec<String> {
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

/// A slip as lines of [`COLUMNS`] columns, each ended by a newline. No full card number is in it.
pub fn text(lines: &[Line]) -> String {
    let mut out = String::new();
    let mut put = |line: &str| {
        out.push_str(line.trim_end());
        out.push('\n');
    };
    for line in lines {
        match line {
            Line::Text { text, align, .. } => {
                for part in wrap(text, COLUMNS) {
                    let free = COLUMNS.saturating_sub(width(&part));
                    let space = if *align == Align::Centre { free / 2 } else { 0 };
                    put(&format!("{}{part}", " ".repeat(space)));
                }
            }
            Line::Pair { label, value } => pair(label, value, COLUMNS).iter().for_each(|line| put(line)),
            Line::Card { label, pan, letter } => {
                pair(label, &format!("{} {letter}", pan.masked()), COLUMNS).iter().for_each(|line| put(line));
            }
            Line::Rule => put(&"-".repeat(COLUMNS)),
            Line::Signature(strokes) => {
                match strokes {
                    Some(_) => wrap(SIGNED, COLUMNS).iter().for_each(|line| put(line)),
                    None => {
                        put("");
                        put("");
                    }
                }
                put(&"_".repeat(COLUMNS));
            }
            // What the code holds stands in the lines above.
            Line::Qr(_) | Line::Cut => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Copy, Receipt, layout, sample::receipt};
    use proptest::prelude::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("RECEIPT OF RELATIVE GOODS", 12), ["RECEIPT OF", "RELATIVE", "GOODS"]);
        assert_eq!(wrap("本人确认ABC", 8), ["本人确认", "ABC"]);
        assert_eq!(wrap("交易确认A1", 9), ["交易确认", "A1"]);
        assert_eq!(wrap("ABCDEFGHIJ", 4), ["ABCD", "EFGH", "IJ"]);
        assert_eq!(wrap("ABCD EF", 4), ["ABCD", "EF"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn a_value_that_does_not_fit_stands_on_the_next_line() {
        assert_eq!(pair("AB", "CD", 8), ["AB    CD"]);
        assert_eq!(pair("金额", "123", 8), ["金额 123"]);
        assert_eq!(pair("金额", "1234", 8), ["金额", "    1234"]);
        assert_eq!(pair("AB", "1234567890", 8), ["AB", "12345678", "      90"]);
    }

    #[test]
    fn the_merchant_copy_as_text() {
        let expected = "
         银联POS签购单
     商户存根 MERCHANT COPY
--------------------------------
商户名称 MERCHANT NAME  示例商户
商户编号 MERCHANT NO
                 898000000000001
终端编号 TERMINAL NO    00000001
操作员号 OPERATOR NO          01
发卡行 ISSUER           01020000
卡号 CARD NO  621234******0019 I
收单行 ACQ              48021000
交易类型 TXN TYPE      消费/SALE
批次号 BATCH NO           000007
凭证号 VOUCHER NO         000123
授权码 AUTH NO            A12345
日期/时间    2026/01/02 03:04:05
交易参考号 REF NO   000000000123
--------------------------------
金额 AMOUNT
           RMB 12.34
--------------------------------
备注 REFERENCE
订单号 ORDER             order-1
谢谢惠顾
ARQC            FEDCBA9876543210
TC              0123456789ABCDEF
TVR                   0080048000
AID             A000000333010101
TSI                         E800
ATC                         0001
PAN SN                       001
APPLAB            UnionPay Debit
应用首选名            银联借记卡
--------------------------------
持卡人签名 SIGNATURE


________________________________
本人确认以上交易,
同意将其计入本卡账户
I ACKNOWLEDGE SATISFACTORY
RECEIPT OF RELATIVE
GOODS/SERVICE
";
        assert_eq!(text(&layout(&receipt(), Copy::Merchant, false)), expected[1..]);
    }

    #[test]
    fn the_cardholder_copy_as_text() {
        let expected = "
         银联POS签购单
   持卡人存根 CARDHOLDER COPY
  ***测试/TESTING,凭证无效***
   ****重打印/DUPLICATED****
--------------------------------
商户名称 MERCHANT NAME  示例商户
商户编号 MERCHANT NO
                 898000000000001
终端编号 TERMINAL NO    00000001
操作员号 OPERATOR NO          01
发卡行 ISSUER           01020000
卡号 CARD NO  621234******0019 I
收单行 ACQ              48021000
交易类型 TXN TYPE      消费/SALE
批次号 BATCH NO           000007
凭证号 VOUCHER NO         000123
授权码 AUTH NO            A12345
日期/时间    2026/01/02 03:04:05
交易参考号 REF NO   000000000123
--------------------------------
金额 AMOUNT
           RMB 12.34
--------------------------------
备注 REFERENCE
订单号 ORDER             order-1
桌号 8
谢谢惠顾
ARQC            FEDCBA9876543210
TC              0123456789ABCDEF
TVR                   0080048000
AID             A000000333010101
TSI                         E800
ATC                         0001
PAN SN                       001
APPLAB            UnionPay Debit
应用首选名            银联借记卡
";
        let receipt = Receipt { test: true, note: Some("桌号 8".to_owned()), ..receipt() };
        assert_eq!(text(&layout(&receipt, Copy::Cardholder, true)), expected[1..]);
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_but_spaces(text in "[ -~中文字符，。]{0,80}", columns in 2usize..40) {
            let lines = wrap(&text, columns);
            prop_assert!(lines.iter().all(|line| width(line) <= columns));
            let kept = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(kept(&lines.concat()), kept(&text));
        }

        #[test]
        fn no_line_is_wider_than_the_paper(texts in proptest::collection::vec(any::<String>(), 12)) {
            for line in text(&layout(&crate::sample::with_texts(texts), Copy::Merchant, true)).lines() {
                prop_assert!(width(line) <= COLUMNS, "{}", line);
            }
        }
    }
}
