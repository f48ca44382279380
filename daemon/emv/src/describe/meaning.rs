//! What values say, and how much of them may be shown.

use zeroize::Zeroizing;

use super::{
    Finding, bits,
    names::{self, Kind},
    tag_text,
};
use crate::{
    date::{Date, bcd},
    digits::mask,
    dol, hex,
};

const HIDDEN: &str = "(hidden)";

/// PIN CHANGE/UNBLOCK: its data is a PIN block, enciphered or not.
const PIN_CHANGE: u8 = 0x24;

/// The value as it may be shown, and whether that is less than the value.
pub(super) fn shown(kind: Kind, value: &[u8]) -> (String, bool) {
    match kind {
        Kind::Hidden => (HIDDEN.to_owned(), true),
        Kind::Pan => {
            let text = Zeroizing::new(hex::encode(value));
            (masked_number(text.trim_end_matches('F')), true)
        }
        Kind::Track => {
            // Without its separator nobody knows where the number ends, and what else would be shown.
            let text = Zeroizing::new(hex::encode(value));
            let number =
                text.split_once('D').map_or_else(|| HIDDEN.to_owned(), |(number, _)| masked_number(number));
            (format!("{number}, the rest {HIDDEN}"), true)
        }
        Kind::Command if value.get(1) == Some(&PIN_CHANGE) => {
            (format!("{} {HIDDEN}", hex::encode(value.get(..4).unwrap_or_default())), true)
        }
        _ => (hex::encode(value), false),
    }
}

/// A card number, masked; nothing of it where it is malformed.
fn masked_number(digits: &str) -> String {
    if (12..=19).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        mask(digits)
    } else {
        HIDDEN.to_owned()
    }
}

fn whole(text: impl Into<String>) -> Vec<Finding> {
    vec![Finding { byte: None, bit: None, text: text.into() }]
}

fn at(byte: usize, text: impl Into<String>) -> Finding {
    Finding { byte: Some(byte), bit: None, text: text.into() }
}

/// What the value says. A malformed value says so; an empty one says nothing.
pub(super) fn findings(kind: Kind, value: &[u8]) -> Vec<Finding> {
    if value.is_empty() {
        return Vec::new();
    }
    let found = match kind {
        Kind::Binary | Kind::Hidden | Kind::Pan | Kind::Track => Some(Vec::new()),
        Kind::Counter => counter(value).map(|number| whole(number.to_string())),
        Kind::Numeric => decimal(value).map(|_| Vec::new()),
        Kind::Amount => decimal(value).map(|number| whole(format!("{} minor units", trimmed(&number)))),
        Kind::Text => text(value).map(whole),
        Kind::Date => Date::from_bcd(value).map(|date| whole(date.to_string())),
        Kind::Time => time(value).map(whole),
        Kind::Country => decimal(value).map(|code| known(&code, "China")),
        Kind::Currency => decimal(value).map(|code| known(&code, "CNY")),
        Kind::Bits(table) => Some(bits::findings(table, value)),
        Kind::CvmList => cvm_list(value),
        Kind::CvmResults => cvm_results(value),
        Kind::Cid => cid(value),
        Kind::Locator => locator(value),
        Kind::ObjectList => object_list(value),
        Kind::ResponseCode => response_code(value),
        Kind::TerminalType => terminal_type(value),
        Kind::TransactionType => transaction_type(value),
        Kind::IssuerData => Some(issuer_data(value)),
        Kind::IssuerAuthentication => issuer_authentication(value),
        Kind::ScriptResults => script_results(value),
        Kind::Command => Some(command(value)),
    };
    found.unwrap_or_else(|| whole("malformed"))
}

fn counter(value: &[u8]) -> Option<u64> {
    (value.len() <= 8).then(|| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn decimal(value: &[u8]) -> Option<String> {
    value.iter().all(|byte| bcd(*byte).is_some()).then(|| hex::encode(value))
}

fn trimmed(number: &str) -> &str {
    match number.trim_start_matches('0') {
        "" => "0",
        digits => digits,
    }
}

/// Printable ASCII; other alphabets need the code table, which another element names.
fn text(value: &[u8]) -> Option<String> {
    value
        .iter()
        .all(|byte| (0x20..=0x7E).contains(byte))
        .then(|| format!("\"{}\"", String::from_utf8_lossy(value)))
        .or_else(|| Some("text that is not ASCII".to_owned()))
}

fn time(value: &[u8]) -> Option<String> {
    let [hour, minute, second] = <[u8; 3]>::try_from(value).ok()?;
    let (hour, minute, second) = (bcd(hour)?, bcd(minute)?, bcd(second)?);
    (hour < 24 && minute < 60 && second < 60).then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

fn known(code: &str, name: &str) -> Vec<Finding> {
    if trimmed(code) == "156" { whole(name) } else { Vec::new() }
}

fn method(code: u8) -> String {
    let name = match code & 0x3F {
        0x00 => "fail cardholder verification",
        0x01 => "plaintext PIN checked by the card",
        0x02 => "enciphered PIN checked online",
        0x03 => "plaintext PIN checked by the card, and signature",
        0x04 => "enciphered PIN checked by the card",
        0x05 => "enciphered PIN checked by the card, and signature",
        0x1E => "signature",
        0x1F => "no cardholder verification",
        0x20 => "identification papers",
        0x3F => "no method was performed",
        other => return format!("unknown method {other:02X}"),
    };
    name.to_owned()
}

fn condition(code: u8) -> String {
    let name = match code {
        0x00 => "always",
        0x01 => "if unattended cash",
        0x02 => "if neither cash nor cashback",
        0x03 => "if the terminal supports the method",
        0x04 => "if manual cash",
        0x05 => "if purchase with cashback",
        0x06 => "if in the application's currency and under X",
        0x07 => "if in the application's currency and over X",
        0x08 => "if in the application's currency and under Y",
        0x09 => "if in the application's currency and over Y",
        other => return format!("unknown condition {other:02X}"),
    };
    name.to_owned()
}

/// Book 3 §10.5 and Annex C3.
fn cvm_list(value: &[u8]) -> Option<Vec<Finding>> {
    let (amounts, rules) = value.split_at_checked(8)?;
    let (x, y) = amounts.split_at_checked(4)?;
    if !rules.len().is_multiple_of(2) {
        return None;
    }
    let mut findings = vec![
        at(1, format!("X is {} minor units", counter(x)?)),
        at(5, format!("Y is {} minor units", counter(y)?)),
    ];
    for (place, rule) in rules.chunks_exact(2).enumerate() {
        let &[code, when] = rule else { continue };
        let next = if code & 0x40 == 0 { "then stop" } else { "then the next rule" };
        let reserved = if code & 0x80 == 0 { "" } else { " (reserved bit 8 is set)" };
        let text = format!(
            "rule {}: {}, {}; if unsuccessful, {next}{reserved}",
            place + 1,
            method(code),
            condition(when)
        );
        findings.push(at(9 + place * 2, text));
    }
    Some(findings)
}

/// Book 4 Annex A4.
fn cvm_results(value: &[u8]) -> Option<Vec<Finding>> {
    let &[code, when, result] = <&[u8; 3]>::try_from(value).ok()?;
    let none = code & 0x3F == 0x3F;
    let outcome = match result {
        0x00 => "result unknown (for example a signature)".to_owned(),
        0x01 => "failed".to_owned(),
        0x02 => "successful".to_owned(),
        other => format!("unknown result {other:02X}"),
    };
    let condition = if none { "no condition".to_owned() } else { condition(when) };
    Some(vec![at(1, method(code)), at(2, condition), at(3, outcome)])
}

/// Book 3 §6.5.5.4, table 14.
fn cid(value: &[u8]) -> Option<Vec<Finding>> {
    let &[byte] = <&[u8; 1]>::try_from(value).ok()?;
    let cryptogram = match byte >> 6 {
        0 => "AAC: the card declines",
        1 => "TC: the card approves",
        2 => "ARQC: the card asks its issuer",
        _ => "reserved cryptogram type",
    };
    let mut findings = vec![at(1, cryptogram)];
    if byte & 0x08 != 0 {
        findings.push(Finding { byte: Some(1), bit: Some(4), text: "an advice is required".to_owned() });
    }
    let reason = match byte & 0x07 {
        0 => None,
        1 => Some("reason: service not allowed"),
        2 => Some("reason: PIN try limit exceeded"),
        3 => Some("reason: issuer authentication failed"),
        _ => Some("reason: reserved"),
    };
    findings.extend(reason.map(|reason| at(1, reason)));
    Some(findings)
}

/// Book 3 §10.2.
fn locator(value: &[u8]) -> Option<Vec<Finding>> {
    if !value.len().is_multiple_of(4) {
        return None;
    }
    let mut findings = Vec::new();
    for (place, entry) in value.chunks_exact(4).enumerate() {
        let &[file, first, last, signed] = entry else { continue };
        let text = format!("file {}, records {first} to {last}, {signed} authenticated offline", file >> 3);
        findings.push(at(place * 4 + 1, text));
    }
    Some(findings)
}

fn object_list(value: &[u8]) -> Option<Vec<Finding>> {
    let entries = dol::parse(value)?;
    let say = |(tag, length): (u32, usize)| Finding {
        byte: None,
        bit: None,
        text: format!("{} {}, length {length}", tag_text(tag), names::of(tag).0),
    };
    Some(entries.into_iter().map(say).collect())
}

fn response_code(value: &[u8]) -> Option<Vec<Finding>> {
    let code = <&[u8; 2]>::try_from(value).ok()?;
    let meaning = match code {
        b"Y1" => ": approved offline",
        b"Z1" => ": declined offline",
        b"Y3" => ": unable to go online, approved offline",
        b"Z3" => ": unable to go online, declined offline",
        _ => "",
    };
    text(code).map(|text| whole(format!("{text}{meaning}")))
}

/// Book 4 Annex A1.
fn terminal_type(value: &[u8]) -> Option<Vec<Finding>> {
    let &[byte] = <&[u8; 1]>::try_from(value).ok()?;
    let operator = match byte >> 4 {
        1 => "of a financial institution",
        2 => "of a merchant",
        3 => "of the cardholder",
        _ => return None,
    };
    let ability = match byte & 0x0F {
        1 => "attended, online only",
        2 => "attended, offline with online capability",
        3 => "attended, offline only",
        4 => "unattended, online only",
        5 => "unattended, offline with online capability",
        6 => "unattended, offline only",
        _ => return None,
    };
    Some(whole(format!("{operator}, {ability}")))
}

fn transaction_type(value: &[u8]) -> Option<Vec<Finding>> {
    let &[byte] = <&[u8; 1]>::try_from(value).ok()?;
    Some(match byte {
        0x00 => whole("goods and services"),
        0x01 => whole("cash"),
        0x09 => whole("goods with cashback"),
        0x20 => whole("refund"),
        0x31 => whole("balance inquiry"),
        _ => Vec::new(),
    })
}

/// PBOC: length, key derivation index, cryptogram version, card verification results, then what the issuer likes.
fn issuer_data(value: &[u8]) -> Vec<Finding> {
    match value {
        [length, index, version, results @ ..] if *length >= 6 && results.len() >= 4 => vec![
            at(2, format!("key derivation index {index:02X}")),
            at(3, format!("cryptogram version {version:02X}")),
            at(4, format!("card verification results {}", hex::encode(results.get(..4).unwrap_or_default()))),
        ],
        _ => Vec::new(),
    }
}

fn issuer_authentication(value: &[u8]) -> Option<Vec<Finding>> {
    let (cryptogram, rest) = value.split_at_checked(8)?;
    let mut findings = vec![at(1, format!("ARPC {}", hex::encode(cryptogram)))];
    if let Some(code) = rest.first_chunk::<2>().and_then(|code| text(code)) {
        findings.push(at(9, format!("response code {code}")));
    }
    Some(findings)
}

/// Book 4 Annex A5.
fn script_results(value: &[u8]) -> Option<Vec<Finding>> {
    if !value.len().is_multiple_of(5) {
        return None;
    }
    let mut findings = Vec::new();
    for (place, result) in value.chunks_exact(5).enumerate() {
        let (Some(first), Some(identifier)) = (result.first(), result.get(1..)) else { continue };
        let outcome = match first >> 4 {
            0 => "not performed".to_owned(),
            1 => match first & 0x0F {
                0 => "failed at a command of unknown number".to_owned(),
                15 => "failed at command 15 or later".to_owned(),
                number => format!("failed at command {number}"),
            },
            2 => "successful".to_owned(),
            other => format!("unknown result {other:X}"),
        };
        findings.push(at(place * 5 + 1, format!("script {}: {outcome}", hex::encode(identifier))));
    }
    Some(findings)
}

fn command(value: &[u8]) -> Vec<Finding> {
    let name = match value.get(1) {
        Some(0x16) => "CARD BLOCK",
        Some(0x18) => "APPLICATION UNBLOCK",
        Some(0x1E) => "APPLICATION BLOCK",
        Some(&PIN_CHANGE) => "PIN CHANGE/UNBLOCK",
        Some(0xDA) => "PUT DATA",
        Some(0xDC) => "UPDATE RECORD",
        _ => return Vec::new(),
    };
    whole(name)
}
