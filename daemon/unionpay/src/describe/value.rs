//! One field's value and what it says, without card data (rule 10).

use super::Part;
use crate::answer::gbk;
use crate::bcd::{Digits, hex};
use crate::field::Content;
use crate::message::Message;
use crate::pan::mask;
use crate::response_code;

const HIDDEN: &str = "(not shown)";

/// The value of a field and its parts.
pub(super) fn read(message: &Message, number: u8) -> (String, Vec<Part>) {
    let bytes = message.bytes(number).unwrap_or_default();
    match number {
        2 => (message.digits(2).map(|digits| mask(&digits.text())).unwrap_or_default(), Vec::new()),
        14 | 35 | 36 | 52 | 58 => (HIDDEN.to_owned(), Vec::new()),
        22 => with_meaning(message, entry_mode),
        39 => {
            let code = message.text(39).unwrap_or_default();
            let meaning = response_code::meaning(code);
            let text = format!("{} {} ({})", meaning.text_zh, meaning.text_en, meaning.class.letter());
            (code.to_owned(), vec![part("39", code.to_owned(), &text)])
        }
        44 => {
            (text(bytes), cut_text(bytes, &[("44.1", 11, "发卡行 issuer"), ("44.2", 11, "收单行 acquirer")]))
        }
        48 => field48(message),
        54 => (text(bytes), balances(bytes)),
        55 => objects(bytes),
        60 => cut(message, 60, FIELD_60),
        61 => cut(message, 61, FIELD_61),
        62 => field62(message, bytes),
        63 => {
            let texts = [
                ("63.1", 3, ""),
                ("63.2.1", 20, "发卡行 issuer"),
                ("63.2.2", 20, "中心 centre"),
                ("63.2.3", 20, "收单行 acquirer"),
            ];
            (text(bytes), cut_text(bytes, &texts))
        }
        _ => match message.content(number) {
            Some(Content::Digits | Content::Track) => (
                message.digits(number).map(|digits| digits.text().to_string()).unwrap_or_default(),
                Vec::new(),
            ),
            // Merchant and reference numbers are long digits too, and are no card's.
            Some(Content::Text) => (String::from_utf8_lossy(bytes).into_owned(), Vec::new()),
            _ if number == 64 => (String::from_utf8_lossy(bytes).escape_debug().to_string(), Vec::new()),
            _ => (text(bytes), Vec::new()),
        },
    }
}

fn part(name: &str, value: String, meaning: &str) -> Part {
    Part { name: name.to_owned(), value, meaning: meaning.to_owned() }
}

type Cuts = &'static [(&'static str, usize, &'static str)];

const FIELD_60: Cuts = &[
    ("60.1", 2, "类型 kind"),
    ("60.2", 6, "批次号 batch"),
    ("60.3", 3, "网络管理码 network management code"),
    ("60.4", 1, "读取能力 read capability"),
    ("60.5", 1, "IC卡条件 chip condition"),
    ("60.6", 1, "部分批准 partial approval"),
    ("60.7", 3, "账户类型 account type"),
];

const FIELD_61: Cuts = &[
    ("61.1", 6, "原批次号 original batch"),
    ("61.2", 6, "原凭证号 original trace"),
    ("61.3", 4, "原交易日期 original date"),
    ("61.4", 2, "授权方式 authorisation mode"),
    ("61.5", 11, "授权机构 authorising institution"),
];

fn cut(message: &Message, number: u8, cuts: Cuts) -> (String, Vec<Part>) {
    let Some(digits) = message.digits(number) else { return (HIDDEN.to_owned(), Vec::new()) };
    let whole = digits.text().to_string();
    let mut rest = whole.as_str();
    let mut parts = Vec::new();
    for (name, length, meaning) in cuts {
        let Some((value, after)) = rest.split_at_checked(*length) else { break };
        parts.push(part(name, value.to_owned(), meaning));
        rest = after;
    }
    (whole, parts)
}

fn cut_text(mut bytes: &[u8], cuts: &[(&str, usize, &str)]) -> Vec<Part> {
    let mut parts = Vec::new();
    for (name, length, meaning) in cuts {
        let (value, rest) = bytes.split_at(bytes.len().min(*length));
        if !value.is_empty() {
            parts.push(part(name, text(value), meaning));
        }
        bytes = rest;
    }
    parts
}

fn with_meaning(message: &Message, meaning: fn(&str) -> String) -> (String, Vec<Part>) {
    let value = message.digits(22).map(|digits| digits.text().to_string()).unwrap_or_default();
    let part = part("22", value.clone(), &meaning(&value));
    (value, vec![part])
}

fn entry_mode(value: &str) -> String {
    let mode = match value.get(..2) {
        Some("01") => "手工 manual",
        Some("02") => "磁条 magnetic stripe",
        Some("03") => "二维码 QR code",
        Some("05") => "IC插卡 contact chip",
        Some("07") => "非接 contactless",
        Some("91") => "非接磁条模式 contactless, magnetic-stripe mode",
        Some("92") => "无卡预约 reservation without card",
        Some("95") => "降级 fallback",
        Some("96") => "手机芯片 mobile chip",
        Some("98") => "非接 contactless",
        _ => "未知 unknown",
    };
    let pin = match value.get(2..) {
        Some("1") => "有密码 PIN",
        Some("2") => "无密码 no PIN",
        _ => "密码未指明 PIN unspecified",
    };
    format!("{mode}, {pin}")
}

/// A batch upload holds card numbers: only its counts are shown. A settlement's totals are.
fn field48(message: &Message) -> (String, Vec<Part>) {
    let Some(digits) = message.digits(48) else { return (HIDDEN.to_owned(), Vec::new()) };
    let sums = |digits: Digits<'_>| digits.text().to_string();
    match digits.len() {
        0..=4 => (sums(digits), Vec::new()),
        62 if matches!(message.mti().bytes()[0], 0x05) => (sums(digits), Vec::new()),
        _ => (HIDDEN.to_owned(), Vec::new()),
    }
}

fn balances(bytes: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    for balance in bytes.chunks_exact(20) {
        let Ok(balance) = std::str::from_utf8(balance) else { continue };
        if let (Some(sign), Some(amount)) = (balance.get(7..8), balance.get(8..)) {
            let meaning =
                if sign == "D" { "负 debit balance, minor units" } else { "余额 balance, minor units" };
            parts.push(part("54", amount.to_owned(), meaning));
        }
    }
    parts
}

/// Keys are never shown; lists and parameters of a download (60.3 = 36x to 39x) are.
fn field62(message: &Message, bytes: &[u8]) -> (String, Vec<Part>) {
    let code = message.digits(60).and_then(|digits| digits.number(8..11)).unwrap_or(0);
    match (code, bytes.split_first()) {
        (370..=399, Some((first, rest))) if message.mti().is_management() => {
            let parts = objects(rest).1;
            (format!("{} and {} bytes", text(&[*first]), rest.len()), parts)
        }
        _ => (HIDDEN.to_owned(), Vec::new()),
    }
}

/// Elements that name the card, hold its tracks, PIN data or an issuer's command, which may carry a new PIN.
const CARD_TAGS: [u32; 11] = [0x56, 0x57, 0x5A, 0x5F20, 0x5F24, 0x86, 0x99, 0x9F0B, 0x9F1F, 0x9F20, 0x9F6B];

/// BER-TLV data as parts, those inside of templates too; bytes that are no TLV are counted only.
fn objects(bytes: &[u8]) -> (String, Vec<Part>) {
    let mut parts = Vec::new();
    let left = collect(bytes, &mut parts, 0);
    let mut value = format!("{} objects", parts.len());
    if left > 0 {
        value = format!("{value} and {left} bytes that are no TLV");
    }
    (value, parts)
}

/// Deepest nesting that is looked into.
const DEEPEST: usize = 4;

fn collect(mut bytes: &[u8], parts: &mut Vec<Part>, depth: usize) -> usize {
    while !bytes.is_empty() {
        let Some((tag, value, rest)) = object(bytes) else { return bytes.len() };
        let name = hex(tag);
        let number = tag.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        let is_template = tag.first().is_some_and(|first| first & 0x20 != 0);
        if is_template {
            parts.push(part(&name, format!("{} bytes", value.len()), "template"));
            let left = if depth < DEEPEST { collect(value, parts, depth + 1) } else { value.len() };
            if left > 0 {
                parts.push(part(&name, format!("{left} bytes that are no TLV"), ""));
            }
        } else {
            let shown = if CARD_TAGS.contains(&number) { HIDDEN.to_owned() } else { hex(value) };
            parts.push(part(&name, shown, ""));
        }
        bytes = rest;
    }
    0
}

/// Tag of one to three bytes, value, and what follows; lengths of up to two bytes.
fn object(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = bytes.first()?;
    let size = if first & 0x1F == 0x1F {
        2 + bytes.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count()
    } else {
        1
    };
    let (tag, rest) = bytes.split_at_checked(size).filter(|_| size <= 3)?;
    let (&short, rest) = rest.split_first()?;
    let (length, rest) = match short {
        0..=0x7F => (usize::from(short), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => rest.split_first_chunk::<2>().map(|(l, rest)| (usize::from(u16::from_be_bytes(*l)), rest))?,
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

/// Shortest run of digits that may be a card number or a payment code.
const LONG_RUN: usize = 13;

/// GBK text without control characters, long runs of digits masked.
fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    for character in gbk(bytes).chars().chain(['\n']) {
        if character.is_ascii_digit() {
            run.push(character);
            continue;
        }
        let long = run.len() >= LONG_RUN;
        shown.push_str(&if long { mask(&run) } else { core::mem::take(&mut run) });
        run.clear();
        shown.push(character);
    }
    shown.pop();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldTable, MessageBuilder, Mti};

    const PAN: &str = "6212340000000019";

    fn value(mti: Mti, fields: &[(u8, &[u8])]) -> (String, Vec<Part>) {
        let table = FieldTable::standard();
        let mut builder = MessageBuilder::new(&table, mti);
        for (field, value) in fields {
            builder.put(*field, value).unwrap();
        }
        read(&builder.finish(), fields[0].0)
    }

    #[test]
    fn rule_10_no_field_shows_card_data_or_keys() {
        let item = format!("01000000420000{PAN}000000001234");
        let record = [&[0x70, 10, 0x5A, 8][..], &[0x62, 0x12, 0x34, 0, 0, 0, 0, 0x19]].concat();
        let script = [&[0x72, 0x81, 4, 0x86, 2, 0x62, 0x12][..]].concat();
        let text = format!("A3016{PAN}");
        let cases: &[(u8, &[u8])] = &[
            (2, PAN.as_bytes()),
            (14, b"3012"),
            (35, b"6212340000000019D3012"),
            (36, b"996212340000000019D3012"),
            (48, item.as_bytes()),
            (52, &[0x62, 0x12, 0x34, 0, 0, 0, 0, 0x19]),
            (55, &record),
            (55, &script),
            (57, text.as_bytes()),
            (58, text.as_bytes()),
            (59, text.as_bytes()),
            (62, &[0x62; 40]),
            (63, text.as_bytes()),
        ];
        for (field, data) in cases {
            let shown = format!("{:?}", value(Mti::FINANCIAL, &[(*field, *data)]));
            for secret in ["00000000", "3012", "62123400", "6262", "\"6212\""] {
                assert!(!shown.contains(secret), "field {field}: {shown}");
            }
        }
        assert_eq!(value(Mti::FINANCIAL, &[(2, PAN.as_bytes())]).0, "621234******0019");
        assert_eq!(super::text(format!("卡{PAN}。123").as_bytes()).matches('*').count(), 6);
    }

    #[test]
    fn subfields_are_told_apart() {
        let (whole, parts) = value(Mti::FINANCIAL, &[(60, b"22000007000500")]);
        assert_eq!(whole, "22000007000500");
        let told: Vec<_> = parts.iter().map(|part| format!("{}={}", part.name, part.value)).collect();
        assert_eq!(told, ["60.1=22", "60.2=000007", "60.3=000", "60.4=5", "60.5=0", "60.6=0"]);
        let (_, parts) = value(Mti::FINANCIAL_ANSWER, &[(39, b"51")]);
        assert_eq!(parts[0].meaning, "可用余额不足 Insufficient funds (C)");
        let (_, parts) = value(Mti::FINANCIAL, &[(22, b"051")]);
        assert_eq!(parts[0].meaning, "IC插卡 contact chip, 有密码 PIN");
        let (_, parts) = value(Mti::FINANCIAL_ANSWER, &[(54, b"1002156C000000012345")]);
        assert_eq!(parts[0].value, "000000012345");
        let (_, parts) = value(Mti::FINANCIAL_ANSWER, &[(44, b"01020000   04030000   ")]);
        assert_eq!((parts[0].value.as_str(), parts[1].value.as_str()), ("01020000", "04030000"));
    }

    #[test]
    fn downloads_show_their_objects() {
        let item = [b"1".as_slice(), &[0x9F, 0x06, 2, 0xA0, 0, 0xDF, 0x01, 1, 0]].concat();
        let (_, parts) = value(Mti::MANAGEMENT_ANSWER, &[(62, &item), (60, b"00000001380")]);
        assert_eq!((parts[0].name.as_str(), parts[0].value.as_str()), ("9F06", "A000"));
        assert_eq!(parts.len(), 2);
        assert_eq!(value(Mti::MANAGEMENT_ANSWER, &[(62, &[7; 40]), (60, b"00000001003")]).0, HIDDEN);
    }

    #[test]
    fn chip_data_that_is_no_tlv_is_counted() {
        assert_eq!(objects(&[0x9F]).0, "0 objects and 1 bytes that are no TLV");
        assert_eq!(objects(&[0x9F, 0x36, 2, 0, 1]).1[0].value, "0001");
        assert_eq!(objects(&[0x95, 0x83, 0, 0, 0]).0, "0 objects and 5 bytes that are no TLV");
        assert_eq!(collect(&[0x70, 0x80, 0x70], &mut Vec::new(), 0), 3);
    }
}
