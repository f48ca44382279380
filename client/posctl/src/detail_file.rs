//! The host's detail file: CSV or JSON in, and the journal's own list out.

use posd_client::DetailLine;
use serde_json::{Map, Value};

/// The names of the journal's list, in their order.
const COLUMNS: [&str; 15] = [
    "trace",
    "kind",
    "outcome",
    "counted",
    "credit",
    "amount",
    "masked-pan",
    "organisation",
    "qr",
    "operator",
    "rrn",
    "authorisation-code",
    "date",
    "ended",
    "estimated-fee",
];

/// The journal's list as CSV, with a line of names. No value has a comma or a quotation mark in it.
pub(crate) fn csv(lines: &[Map<String, Value>]) -> String {
    let mut text = COLUMNS.join(",");
    text.push('\n');
    for line in lines {
        let cells = COLUMNS.iter().map(|name| match line.get(*name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => String::new(),
        });
        text.push_str(&cells.collect::<Vec<_>>().join(","));
        text.push('\n');
    }
    text
}

/// The lines of a batch in the host's detail file.
///
/// # Errors
/// What is wrong with the file, with the line's number.
pub(crate) fn read(text: &str, batch: u32) -> Result<Vec<DetailLine>, String> {
    let rows = if text.trim_start().starts_with('[') { from_json(text)? } else { from_csv(text)? };
    let mut lines = Vec::new();
    for (place, row) in rows {
        if let Some(line) = line(&row, batch).map_err(|wrong| format!("line {place}: {wrong}"))? {
            lines.push(line);
        }
    }
    Ok(lines)
}

type Row = Map<String, Value>;

fn from_json(text: &str) -> Result<Vec<(usize, Row)>, String> {
    let rows: Vec<Row> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(rows.into_iter().enumerate().map(|(place, row)| (place + 1, row)).collect())
}

fn from_csv(text: &str) -> Result<Vec<(usize, Row)>, String> {
    let mut all = text.trim_start_matches('\u{feff}').lines().enumerate();
    let (_, names) = all.next().ok_or("the file is empty")?;
    let names: Vec<String> = cells(names).into_iter().map(|name| name.trim().to_lowercase()).collect();
    Ok(all
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(place, line)| {
            let values = cells(line).into_iter().map(|cell| Value::from(cell.trim()));
            (place + 1, names.iter().cloned().zip(values).collect())
        })
        .collect())
}

/// The cells of a line; one in quotation marks may hold commas, and a doubled mark.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                if let Some(cell) = cells.last_mut() {
                    cell.push('"');
                }
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            character => {
                if let Some(cell) = cells.last_mut() {
                    cell.push(character);
                }
            }
        }
    }
    cells
}

fn word(row: &Row, name: &str) -> String {
    match row.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(value) => value.to_string(),
    }
}

/// A row as a line; `None` where it is of another batch.
fn line(row: &Row, batch: u32) -> Result<Option<DetailLine>, String> {
    let of = word(row, "batch");
    if !of.is_empty() && of.parse::<u32>().map_err(|_| format!("{of:?} is no batch number"))? != batch {
        return Ok(None);
    }
    let trace = word(row, "trace");
    let trace =
        trace.parse::<u32>().ok().filter(|trace| (1..=999_999).contains(trace)).ok_or("no trace number")?;
    Ok(Some((trace, word(row, "kind"), amount(&word(row, "amount"))?, word(row, "rrn"))))
}

/// Minor units; yuan where there is a decimal point. A sign says only which way the money went.
fn amount(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no amount");
    let digits = text.trim_start_matches(['-', '+']);
    match digits.split_once('.') {
        None => digits.parse().map_err(|_| wrong()),
        Some((yuan, fen)) if fen.len() == 2 => {
            let (yuan, fen): (u64, u64) =
                (yuan.parse().map_err(|_| wrong())?, fen.parse().map_err(|_| wrong())?);
            yuan.checked_mul(100).and_then(|amount| amount.checked_add(fen)).ok_or_else(wrong)
        }
        Some(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let csv = "\u{feff}terminal,batch,trace,kind,amount,rrn,pan\n\
                   00000001,1,000017,sale,12.34,000000000007,\"621234,0019\"\n\n\
                   00000001,2,18,sale,500,000000000008,\n\
                   00000001,1,19,refund,-50,,\n";
        let json = r#"[{"terminal":"00000001","batch":1,"trace":17,"kind":"sale","amount":1234,"rrn":"000000000007"},
            {"batch":2,"trace":18,"amount":500},{"trace":19,"kind":"refund","amount":50,"rrn":null}]"#;
        let wanted = vec![
            (17, "sale".to_owned(), 1234, "000000000007".to_owned()),
            (19, "refund".to_owned(), 50, String::new()),
        ];
        assert_eq!(read(csv, 1).unwrap(), wanted);
        assert_eq!(read(json, 1).unwrap(), wanted);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (text, wanted) in [
            ("trace,amount\n0,5\n", "line 2: no trace number"),
            ("trace,amount\n5,1.5\n", "line 2: \"1.5\" is no amount"),
            ("trace,amount,batch\n5,1,x\n", "line 2: \"x\" is no batch number"),
            ("amount\n5\n", "line 2: no trace number"),
            ("", "the file is empty"),
        ] {
            assert_eq!(read(text, 1).unwrap_err(), wanted);
        }
        assert!(read("[{]", 1).is_err());
    }

    #[test]
    fn the_journals_list_is_read_back_as_a_detail_file() {
        let line = serde_json::json!({"trace": 7, "kind": "sale", "amount": 1234, "rrn": "000000000007", "credit": false});
        let text = csv(&[line.as_object().unwrap().clone()]);
        assert_eq!(text.lines().count(), 2);
        assert_eq!(read(&text, 1).unwrap(), [(7, "sale".to_owned(), 1234, "000000000007".to_owned())]);
    }
}
