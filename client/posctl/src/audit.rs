//! The audit chain of a journal: read, checked, never written.

use crate::{Failure, exit::Exit, voice::Voice};
use clap::{Args, Subcommand};
use posd_client::Terminal;
use posd_journal::{AuditError, audit_rows, verify_audit};
use posd_terminal::{AuditHead, AuditRow};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Where the shipped configuration keeps the journal.
const JOURNAL: &str = "/var/lib/posd/journal.db";

/// Who did what: the journal's hash-chained audit rows.
///
/// A chain shows a row that was changed, removed from between others or put elsewhere. It cannot show by itself that its
/// last rows were cut off, or that all of it was written anew: for that, keep the head (`audit head`) where nobody at
/// the till can change it, and hand it to `verify`. What was never recorded, no chain shows.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Follow the chain from its first row to its last, and say the first bad one. Exit codes: 0 whole; 13 broken;
    /// 1 the file cannot be read.
    Verify {
        /// The journal's file. It is read only, also while the daemon runs.
        #[arg(default_value = JOURNAL)]
        file: PathBuf,
        /// A head that was kept elsewhere, NUMBER:HASH: shows also that the end was cut off or written anew.
        #[arg(long, value_name = "NUMBER:HASH")]
        head: Option<AuditHead>,
    },
    /// List rows, oldest first.
    List {
        /// The journal's file. It is read only, also while the daemon runs.
        #[arg(default_value = JOURNAL)]
        file: PathBuf,
        /// Only rows after the one of this number.
        #[arg(long, default_value_t = 0)]
        after: u64,
        /// At most so many.
        #[arg(long, default_value_t = 1000)]
        limit: u32,
    },
    /// The end of the chain as the running daemon has it, NUMBER:HASH: keep it elsewhere.
    Head,
}

pub(crate) async fn run(arguments: Arguments, voice: Voice) -> Result<Exit, Failure> {
    let mut out = io::stdout();
    match arguments.action {
        Action::Verify { file, head } => {
            let (text, value, exit) = verdict(verify_audit(&file, head), head.is_some());
            if voice.json {
                writeln!(out, "{value}")?;
            } else {
                writeln!(out, "{}: {}", file.display(), voice.pick(&text.0, &text.1))?;
            }
            return Ok(exit);
        }
        Action::List { file, after, limit } => match audit_rows(&file, after, limit) {
            Ok(rows) if voice.json => writeln!(out, "{}", rows.iter().map(value).collect::<Value>())?,
            Ok(rows) => rows.iter().try_for_each(|row| writeln!(out, "{}", line(row)))?,
            Err(fault) => return Err(Failure::Fault(format!("{}: {fault}", file.display()))),
        },
        Action::Head => {
            let head = Terminal::connect().await?.audit_head().await?;
            let text = format!("{}:{}", head.sequence, head.hash);
            voice.say(&text, &text, &json!({"sequence": head.sequence, "hash": head.hash}))?;
        }
    }
    Ok(Exit::Done)
}

/// What to say of a check, in both languages and as JSON, and its exit code.
fn verdict(result: Result<AuditHead, AuditError>, against_head: bool) -> ((String, String), Value, Exit) {
    match result {
        Ok(head) => {
            let (zh, en) = if against_head {
                ("与给出的链尾一致", "it agrees with the head that was given")
            } else {
                (
                    "没有另外保存的链尾，末尾是否缺行无从得知",
                    "without a head kept elsewhere, nothing shows whether rows are missing at its end",
                )
            };
            let zh = format!("审计链完整，直到 {head}；{zh}");
            let en = format!("the audit chain is whole up to {head}; {en}");
            let value = json!({"whole": true, "head": head.to_string(), "against-head": against_head});
            ((zh, en), value, Exit::Done)
        }
        Err(AuditError::Broken(fault)) => {
            let zh = format!("审计链已被破坏：第 {} 行；{fault}", fault.row());
            let en = format!("the audit chain is BROKEN: {fault}");
            ((zh, en), json!({"whole": false, "fault": fault.to_string(), "row": fault.row()}), Exit::NotGood)
        }
        Err(AuditError::Unreadable(fault)) => {
            let text = fault.to_string();
            ((text.clone(), text), json!({ "error": fault.to_string() }), Exit::Fault)
        }
    }
}

fn value(row: &AuditRow) -> Value {
    let head = AuditHead { sequence: row.sequence, hash: row.hash }.to_string();
    json!({
        "sequence": row.sequence,
        "time": row.time,
        "uid": row.uid,
        "operator": row.operator,
        "event": row.event,
        "detail": row.detail,
        "hash": head.split_once(':').map(|(_, hash)| hash),
    })
}

fn line(row: &AuditRow) -> String {
    let uid = row.uid.map_or("-".to_owned(), |uid| uid.to_string());
    let operator = if row.operator.is_empty() { "-" } else { &row.operator };
    let text = format!(
        "{:>7}  {}  uid {uid:>5}  {:2}  {:20} {}",
        row.sequence,
        utc(row.time),
        plain(operator),
        plain(&row.event),
        plain(&row.detail)
    );
    text.trim_end().to_owned()
}

/// A file that somebody wrote in may hold anything: nothing of it moves the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// A moment in UTC, from milliseconds since 1970.
fn utc(time: i64) -> String {
    let (days, second) = (time.div_euclid(86_400_000), time.rem_euclid(86_400_000) / 1000);
    // The civil calendar from a count of days, counted from 1 March of the year 0 (Howard Hinnant's algorithm).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use posd_terminal::AuditFault;

    #[test]
    fn moments_in_utc() {
        // Each from `date -u -d @N`.
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399_999, "2000-02-28T23:59:59Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_798_761_599_000, "2026-12-31T23:59:59Z"),
            (1_798_761_600_000, "2027-01-01T00:00:00Z"),
            (-1000, "1969-12-31T23:59:59Z"),
        ];
        for (time, text) in cases {
            assert_eq!(utc(time), text);
        }
        // Whatever a tampered row says, it is shown.
        utc(i64::MIN);
        utc(i64::MAX);
    }

    #[test]
    fn a_verdict_names_the_row_and_claims_no_more_than_it_knows() {
        let head = AuditHead { sequence: 3, hash: [0xAB; 32] };
        let (text, value, exit) = verdict(Ok(head), false);
        assert!(text.1.contains("nothing shows whether rows are missing") && exit == Exit::Done);
        assert_eq!(value["head"], head.to_string());
        assert!(verdict(Ok(head), true).0.1.contains("agrees with the head"));
        let (text, value, exit) = verdict(Err(AuditFault::Content(7).into()), true);
        assert!(text.1.contains("BROKEN: row 7") && text.0.contains("第 7 行"), "{text:?}");
        assert_eq!((&value["row"], exit), (&json!(7), Exit::NotGood));
    }

    #[test]
    fn a_row_in_a_line() {
        let row = AuditRow {
            sequence: 12,
            time: 0,
            uid: None,
            operator: String::new(),
            event: "sign-in".to_owned(),
            detail: "batch=000001\u{1b}[2J".to_owned(),
            previous: [0; 32],
            hash: [0; 32],
        };
        let expected = "     12  1970-01-01T00:00:00Z  uid     -  -   sign-in              batch=000001?[2J";
        assert_eq!(line(&row), expected);
    }
}
