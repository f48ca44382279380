//! The queue (store and forward): what the host has still to take, and what it did not take.

use crate::Failure;
use clap::{Args, Subcommand, ValueEnum};
use posd_client::{Error, QueueRow, Terminal};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// What the host has still to take: reversals, script results, offline sales and other advices (存储转发).
///
/// Exit codes: 0 done, and nothing is left; 1 any other failure; 2 wrong usage; 3 rows are left for later; 4 rows need
/// somebody's action; 6 busy or not ready, try again later.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Say it as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Language of texts: `zh-CN` or `en`.
    #[arg(long, global = true, default_value = "en")]
    locale: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List rows, oldest first. The default.
    List {
        /// Which rows.
        #[arg(value_enum, default_value_t = Filter::Open)]
        filter: Filter,
    },
    /// Try everything once, now.
    Forward,
    /// Send an advice again whose cause was mended.
    Retry {
        /// Its number, as listed.
        advice: u64,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Filter {
    /// What is to be delivered, or needs action.
    Open,
    /// What needs action.
    NeedsAction,
    /// The latest ones, whatever became of them.
    Recent,
}

impl Filter {
    fn word(self) -> &'static str {
        match self {
            Filter::Open => "open",
            Filter::NeedsAction => "needs-action",
            Filter::Recent => "recent",
        }
    }
}

pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let chinese = match arguments.locale.as_str() {
        "zh-CN" => true,
        "en" => false,
        other => return Err(Failure::Usage(format!("{other:?} is neither zh-CN nor en"))),
    };
    let mut out = io::stdout();
    let terminal = Terminal::connect().await?;
    let done = match arguments.action.unwrap_or(Action::List { filter: Filter::Open }) {
        Action::List { filter } => list(&mut out, &terminal, filter.word(), arguments.json, chinese).await,
        Action::Forward => forward(&mut out, &terminal, arguments.json, chinese).await,
        Action::Retry { advice } => match terminal.retry_queued(advice).await {
            Ok(()) if arguments.json => Ok(writeln!(out, "{}", json!({ "queued": advice })).map(|()| 0)?),
            Ok(()) => {
                let text = if chinese { "已重新排队" } else { "queued again" };
                Ok(writeln!(out, "{advice}: {text}").map(|()| 0)?)
            }
            Err(error) => Err(error.into()),
        },
    };
    match done {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(Failure::Terminal(error @ Error::Refused { .. })) => {
            let name = error.refused().unwrap_or_default();
            if arguments.json {
                writeln!(out, "{}", json!({"error": name, "text": error.to_string()}))?;
            } else {
                // With no standard error stream there is only the exit status.
                let _ = writeln!(io::stderr(), "posctl: {error}");
            }
            Ok(ExitCode::from(if matches!(name, "Busy" | "NotReady") { 6 } else { 1 }))
        }
        Err(failure) => Err(failure),
    }
}

async fn list(
    out: &mut impl Write,
    terminal: &Terminal,
    filter: &str,
    json: bool,
    chinese: bool,
) -> Result<u8, Failure> {
    let rows = terminal.queue(filter).await?;
    if json {
        writeln!(out, "{}", rows.iter().map(value).collect::<Value>())?;
    } else if rows.is_empty() {
        writeln!(out, "{}", if chinese { "没有待上送的交易" } else { "nothing" })?;
    } else {
        for row in &rows {
            writeln!(out, "{}", line(row, chinese))?;
        }
    }
    Ok(code(&rows))
}

async fn forward(
    out: &mut impl Write,
    terminal: &Terminal,
    json: bool,
    chinese: bool,
) -> Result<u8, Failure> {
    let left = terminal.forward_now().await?;
    let action = terminal.state().await?.needs_action;
    if json {
        writeln!(out, "{}", json!({"left": left, "needs-action": action}))?;
    } else if chinese {
        writeln!(out, "剩余 {left} 笔，需处理 {action} 笔")?;
    } else {
        writeln!(out, "{left} left, {action} need action")?;
    }
    Ok(if left > 0 {
        3
    } else if action > 0 {
        4
    } else {
        0
    })
}

/// The exit code that rows of the queue stand for.
fn code(rows: &[QueueRow]) -> u8 {
    let any = |state: &str| rows.iter().any(|row| row.state == state);
    if any("queued") || any("pending") {
        3
    } else if any("needs-action") {
        4
    } else {
        0
    }
}

fn value(row: &QueueRow) -> Value {
    let tries: Vec<Value> =
        row.tries.iter().map(|(at, result)| json!({"at": at, "result": result})).collect();
    json!({
        "kind": row.kind, "advice": row.advice, "transaction": row.transaction, "state": row.state,
        "batch": row.batch, "trace": row.trace, "amount": row.amount, "currency": row.currency,
        "queued": row.queued, "tries": tries, "next-try": row.next_try,
    })
}

fn line(row: &QueueRow, chinese: bool) -> String {
    let name = if row.advice == 0 { "-".to_owned() } else { row.advice.to_string() };
    let amount = format!("{} {}.{:02}", row.currency, row.amount / 100, row.amount % 100);
    let (kind, state) = if chinese {
        (kind_zh(&row.kind), state_zh(&row.state))
    } else {
        (row.kind.as_str(), row.state.as_str())
    };
    let last = row.tries.last().map_or("", |(_, result)| result.as_str());
    let tries = match (row.tries.len(), chinese) {
        (0, _) => String::new(),
        (count, true) => format!("  已试 {count} 次，{last}"),
        (count, false) => format!("  {count} tries, {last}"),
    };
    format!("{name:>4}  {kind:18} {:06}/{:06} {amount:>16}  {state}{tries}", row.batch, row.trace)
}

fn kind_zh(kind: &str) -> &str {
    match kind {
        "reversal" => "冲正",
        "script-result" => "脚本结果通知",
        "offline-sale" => "脱机消费",
        "completion-advice" => "预授权完成(通知)",
        "tip" => "小费",
        other => other,
    }
}

fn state_zh(state: &str) -> &str {
    match state {
        "queued" | "pending" => "待上送",
        "armed" => "交易中",
        "accepted" | "done" => "已受理",
        "needs-action" => "需处理",
        "not-sent" => "未发出",
        "disarmed" => "无需冲正",
        "resolved" => "主管已处理",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str) -> QueueRow {
        QueueRow {
            kind: "script-result".to_owned(),
            advice: 3,
            transaction: 7,
            state: state.to_owned(),
            batch: 1,
            trace: 12,
            amount: 1234,
            currency: "CNY".to_owned(),
            queued: 5,
            tries: vec![(6, "no-answer".to_owned())],
            next_try: 0,
        }
    }

    #[test]
    fn the_exit_code_says_what_is_left_to_do() {
        assert_eq!(code(&[]), 0);
        assert_eq!(code(&[row("accepted")]), 0);
        assert_eq!(code(&[row("needs-action")]), 4);
        assert_eq!(code(&[row("needs-action"), row("queued")]), 3);
        assert_eq!(code(&[row("pending")]), 3);
    }

    #[test]
    fn a_row_says_what_it_is_in_both_languages() {
        let english = line(&row("queued"), false);
        assert_eq!(
            english,
            "   3  script-result      000001/000012        CNY 12.34  queued  1 tries, no-answer"
        );
        assert!(line(&row("needs-action"), true).contains("脚本结果通知"));
        assert!(line(&row("needs-action"), true).contains("需处理"));
    }
}
