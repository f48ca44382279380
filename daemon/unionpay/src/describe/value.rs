//! One field's value and what it says, without card data (rule 10).

use super::Part;
use super::words::{management_in_words, meaning_of, paging_in_words, parameters_in_words, totals};
use crate::answer::gbk;
use crate::bcd::hex;
use crate::download::Parameters;
use crate::field::Content;
use crate::message::Message;
use crate::pan::mask;
use crate::qr::field59;
use crate::request::management_code;
use crate::response_code;
use crate::tlv::Objects;
use crate::totals::LENGTH;

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
        59 => field59(bytes),
        60 => field60(message),
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

pub(super) fn part(name: &str, value: String, meaning: &str) -> Part {
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

/// A settlement's totals, a batch upload's records with their card numbers masked, or a batch end's count.
fn field48(message: &Message) -> (String, Vec<Part>) {
    let Some(digits) = message.digits(48) else { return (HIDDEN.to_owned(), Vec::new()) };
    let text = digits.text();
    match (message.mti().bytes()[0], text.len()) {
        (0x05, LENGTH) => (text.to_string(), totals(&text)),
        (0x03, 4) => {
            let count = part("48", text.to_string(), "上送总笔数 records uploaded in all");
            (text.to_string(), vec![count])
        }
        (0x03, length) if length >= 2 => {
            let mut rest = text.as_str();
            let mut parts = Vec::new();
            if let Some((count, after)) = rest.split_at_checked(2) {
                parts.push(part("48.1", count.to_owned(), "笔数 records"));
                rest = after;
            }
            while let Some((record, after)) = rest.split_at_checked(RECORD) {
                parts.push(record_in_words(record));
                rest = after;
            }
            (format!("{HIDDEN}, {} digits", text.len()), parts)
        }
        (_, 0..=4) => (text.to_string(), Vec::new()),
        _ => (HIDDEN.to_owned(), Vec::new()),
    }
}

/// Digits of one record of a batch upload.
const RECORD: usize = 40;

fn record_in_words(record: &str) -> Part {
    let cut = |range| record.get(range).unwrap_or_default();
    let organisation = if cut(0..2) == "00" { "内卡 domestic" } else { "外卡 foreign" };
    let pan = mask(cut(8..28).trim_start_matches('0'));
    let meaning = format!("{organisation}, 凭证号 trace {}, 金额 amount {}", cut(2..8), cut(28..RECORD));
    part("48.2", pan, &meaning)
}

/// The objects of a QR payment; codes are masked.
fn field59(bytes: &[u8]) -> (String, Vec<Part>) {
    // Fields of other dialects are no such objects.
    let Ok(outer) = field59::objects(bytes, 0) else { return (text(bytes), Vec::new()) };
    let mut parts = Vec::new();
    for (tag, value, _) in outer {
        let meaning = match tag {
            "A2" => "终端信息 terminal",
            "A3" => "付款码 payment code",
            "A4" => "付款凭证码 voucher code",
            _ => "",
        };
        match (tag, field59::objects(value, 0)) {
            ("A2", Ok(inner)) => {
                parts.push(part(tag, format!("{} bytes", value.len()), meaning));
                for (number, value, _) in inner {
                    let (meaning, shown) = match number {
                        "01" => ("设备类型 device type", text(value)),
                        "02" => ("硬件序列号 serial number", String::from_utf8_lossy(value).into_owned()),
                        // Six digits of the card number or the code, and what was made of them.
                        "03" => ("加密随机因子 random factor", HIDDEN.to_owned()),
                        "04" => ("密文摘要 digest", text(value)),
                        "05" => ("应用版本 application version", text(value)),
                        _ => ("", text(value)),
                    };
                    parts.push(part(&format!("A2.{number}"), shown, meaning));
                }
            }
            ("A3" | "A4", _) => {
                let code = String::from_utf8_lossy(value);
                parts.push(part(tag, mask(&code), meaning));
            }
            _ => parts.push(part(tag, text(value), meaning)),
        }
    }
    (format!("{} objects", parts.len()), parts)
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

/// Keys are never shown; lists and parameters of a download (60.3 = 36x to 39x) are, but for the blacklist's cards.
fn field62(message: &Message, bytes: &[u8]) -> (String, Vec<Part>) {
    let code = management_code(message).unwrap_or(0);
    let hidden = || (format!("{HIDDEN}, {} bytes", bytes.len()), Vec::new());
    if message.mti().bytes()[0] == 0x03 {
        return (text(bytes), cut_text(bytes, FIELD_62_UPLOAD));
    }
    if !message.mti().is_management() {
        return (HIDDEN.to_owned(), Vec::new());
    }
    match (code, bytes.split_first()) {
        (360..=362, _) => match Parameters::read(bytes) {
            Ok(parameters) => (format!("{} bytes", bytes.len()), parameters_in_words(&parameters)),
            Err(error) => (error.to_string(), Vec::new()),
        },
        (390..=393 | 396..=399, Some((paging, rest))) => {
            (format!("{} and {} bytes", paging_in_words(*paging), rest.len()), Vec::new())
        }
        (370..=389 | 394..=395, Some((&first, rest))) => {
            let is_question = message.mti().answer().is_some();
            if is_question && first == b'1' {
                return (text(bytes), vec![part("62", text(rest), "已收条数 entries that have come")]);
            }
            if is_question {
                return objects(bytes);
            }
            (format!("{} and {} bytes", paging_in_words(first), rest.len()), objects(rest).1)
        }
        (800..=809, _) => hidden(),
        _ => (HIDDEN.to_owned(), Vec::new()),
    }
}

const FIELD_62_UPLOAD: &[(&str, usize, &str)] = &[
    ("62.1", 4, "应用与保留 application and reserved"),
    ("62.2", 2, "卡组织 organisation: 00 内卡 domestic, 01 外卡 foreign"),
    ("62.3", 12, "金额 amount, minor units"),
    ("62.4", 3, "货币 currency"),
];

/// Field 60, its code in words; the codes of 301 and 80x mean something else in a signature's.
fn field60(message: &Message) -> (String, Vec<Part>) {
    let (whole, mut parts) = cut(message, 60, FIELD_60);
    let words = management_in_words(management_code(message).unwrap_or(0));
    if let Some(code) = parts.iter_mut().find(|part| part.name == "60.3").filter(|_| !words.is_empty()) {
        code.meaning = format!("{}: {words}", code.meaning);
    }
    (whole, parts)
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

fn collect(bytes: &[u8], parts: &mut Vec<Part>, depth: usize) -> usize {
    for object in Objects::new(bytes, 0) {
        let object = match object {
            Ok(object) => object,
            Err(broken) => return bytes.len() - broken.offset,
        };
        let (name, value) = (hex(object.name), object.value);
        let is_template = object.name.first().is_some_and(|first| first & 0x20 != 0);
        // Tags of three bytes (FF805D) are contactless parameters, which are no templates.
        if is_template && object.name.len() < 3 {
            parts.push(part(&name, format!("{} bytes", value.len()), "template"));
            let left = if depth < DEEPEST { collect(value, parts, depth + 1) } else { value.len() };
            if left > 0 {
                parts.push(part(&name, format!("{left} bytes that are no TLV"), ""));
            }
        } else {
            let shown = if CARD_TAGS.contains(&object.tag) { HIDDEN.to_owned() } else { hex(value) };
            parts.push(part(&name, shown, meaning_of(object.tag)));
        }
    }
    0
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

    fn told(parts: &[Part]) -> Vec<String> {
        parts.iter().map(|part| format!("{}={} {}", part.name, part.value, part.meaning)).collect()
    }

    #[test]
    fn settlement_and_uploads_are_told_in_words() {
        let totals = format!("0000000012340020000000005000011{}2", "0".repeat(30));
        let (whole, parts) = value(Mti::SETTLEMENT, &[(48, totals.as_bytes())]);
        assert_eq!((whole, parts.len()), (totals, 10));
        assert_eq!(told(&parts)[1], "48.2=002 内卡 domestic: 借记笔数 debit count");
        assert_eq!(told(&parts)[4], "48.5=1 内卡 domestic: 对账平 balanced");
        assert_eq!(told(&parts)[9], "48.10=2 外卡 foreign: 对账不平 unbalanced");
        let records = format!("02000000420000{PAN}00000000123401000043{PAN:0>20}000000000005");
        let (whole, parts) = value(Mti::UPLOAD, &[(48, records.as_bytes())]);
        assert_eq!(whole, "(not shown), 82 digits");
        assert_eq!(told(&parts)[0], "48.1=02 笔数 records");
        assert_eq!(
            told(&parts)[1],
            "48.2=621234******0019 内卡 domestic, 凭证号 trace 000042, 金额 amount 000000001234"
        );
        assert_eq!(
            told(&parts)[2],
            "48.2=621234******0019 外卡 foreign, 凭证号 trace 000043, 金额 amount 000000000005"
        );
        let (_, parts) = value(Mti::UPLOAD, &[(48, b"0012")]);
        assert_eq!(told(&parts), ["48=0012 上送总笔数 records uploaded in all"]);
        let (_, parts) = value(Mti::UPLOAD, &[(62, b"610001000000001234156")]);
        assert_eq!((parts[1].value.as_str(), parts[2].value.as_str()), ("01", "000000001234"));
    }

    #[test]
    fn rule_10_downloads_and_codes_show_no_card() {
        let terminal = "A202301002020300600001904000";
        let field = format!("{terminal}A3018130000000000000123A402020260605000000000012");
        let (whole, parts) = value(Mti::FINANCIAL, &[(59, field.as_bytes())]);
        let shown = format!("{whole} {}", told(&parts).join("|"));
        for secret in ["000019", "0000000000", "6060500"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
        assert!(shown.contains("A3=130000********0123 付款码 payment code"), "{shown}");
        let list = format!("116{PAN}");
        let fields: &[(u8, &[u8])] = &[(62, list.as_bytes()), (60, b"00000001390")];
        let (whole, parts) = value(Mti::MANAGEMENT_ANSWER, fields);
        assert_eq!((whole.as_str(), parts.len()), ("1 (全部 all) and 18 bytes", 0));
        let (whole, parts) = value(Mti::NOTICE, &[(62, &[0x62; 40]), (60, b"07000001801")]);
        assert_eq!((whole.as_str(), parts.len()), ("(not shown), 40 bytes", 0));
    }

    #[test]
    fn downloads_are_told_in_words() {
        let (whole, parts) = value(Mti::NOTICE, &[(62, b"103"), (60, b"00000001372")]);
        assert_eq!((whole.as_str(), parts[0].value.as_str()), ("103", "03"));
        let (_, parts) = value(Mti::MANAGEMENT_ANSWER, &[(62, b"1260231"), (60, b"00000001360")]);
        assert_eq!(
            told(&parts),
            ["12=60 超时 wait for an answer, seconds", "23=1 重发次数 tries of reversals and advices"]
        );
        let (whole, _) = value(Mti::MANAGEMENT_ANSWER, &[(62, b"12602"), (60, b"00000001360")]);
        assert_eq!(whole, "field 62 at byte 4: a value needs 2 bytes but only 1 are left");
        let (_, parts) = value(Mti::MANAGEMENT, &[(62, &[0x9F, 0x06, 1, 7]), (60, b"00000001380")]);
        assert_eq!(told(&parts), ["9F06=07 RID/AID"]);
        let (_, parts) =
            value(Mti::MANAGEMENT_ANSWER, &[(62, &[b'1', 0xFF, 0x80, 0x5D, 1, 1]), (60, b"00000001394")]);
        assert_eq!(told(&parts), ["FF805D=01 "]);
        let (_, parts) = value(Mti::UPLOAD, &[(60, b"00000007207")]);
        assert_eq!(
            parts[2].meaning,
            "网络管理码 network management code: 批上送结束(平) batch end, balanced"
        );
    }

    #[test]
    fn chip_data_that_is_no_tlv_is_counted() {
        assert_eq!(objects(&[0x9F]).0, "0 objects and 1 bytes that are no TLV");
        assert_eq!(objects(&[0x9F, 0x36, 2, 0, 1]).1[0].value, "0001");
        assert_eq!(objects(&[0x95, 0x83, 0, 0, 0]).0, "0 objects and 5 bytes that are no TLV");
        assert_eq!(collect(&[0x70, 0x80, 0x70], &mut Vec::new(), 0), 3);
    }
}
