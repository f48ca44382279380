//! The queue (store and forward): what the host has still to take, and what it did not take.

use crate::{
    Failure,
    exit::Exit,
    language::Language,
    resolve::Word,
    voice::{Voice, yuan},
};
use clap::{Args, Subcommand, ValueEnum};
use posd_client::{QueueRow, Terminal};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Exit code 0: nothing is left. 9: rows are left for later. 13: rows need somebody's action.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
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
    /// Say that an advice was settled with the acquirer by hand; the supervisor's password is asked for.
    Resolve {
        /// Its number, as listed.
        advice: u64,
        #[command(flatten)]
        word: Word,
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

pub(crate) async fn run(arguments: Arguments, voice: Voice) -> Result<Exit, Failure> {
    let terminal = Terminal::connect().await?;
    match arguments.action.unwrap_or(Action::List { filter: Filter::Open }) {
        Action::List { filter } => {
            let rows = terminal.queue(filter.word()).await?;
            let mut out = io::stdout();
            if voice.json {
                writeln!(out, "{}", rows.iter().map(value).collect::<Value>())?;
            } else if rows.is_empty() {
                writeln!(out, "{}", voice.pick("没有待上送的交易", "nothing"))?;
            } else {
                rows.iter().try_for_each(|row| writeln!(out, "{}", line(row, voice.language)))?;
            }
            Ok(exit(&rows))
        }
        Action::Forward => {
            let left = terminal.forward_now().await?;
            let action = terminal.state().await?.needs_action;
            voice.say(
                format!("剩余 {left} 笔，需处理 {action} 笔"),
                format!("{left} left, {action} need action"),
                &json!({"left": left, "needs-action": action}),
            )?;
            Ok(match (left, action) {
                (0, 0) => Exit::Done,
                (0, _) => Exit::NotGood,
                _ => Exit::Later,
            })
        }
        Action::Retry { advice } => {
            terminal.retry_queued(advice).await?;
            let (zh, en) = (format!("{advice}：已重新排队"), format!("{advice}: queued again"));
            voice.say(zh, en, &json!({"done": "retry", "advice": advice}))?;
            Ok(Exit::Done)
        }
        Action::Resolve { advice, word } => {
            let password = word.password(voice)?;
            terminal.resolve_queued(advice, word.booked(), &word.numbers(), &password).await?;
            let (zh, en) = (format!("{advice}：主管已处理"), format!("{advice}: resolved"));
            voice.say(zh, en, &json!({"done": "resolve", "advice": advice}))?;
            Ok(Exit::Done)
        }
    }
}

/// Says what is left to sell offline, and why not.
pub(crate) async fn offline(voice: Voice) -> Result<Exit, Failure> {
    let readiness = Terminal::connect().await?.offline_readiness().await?;
    let all: serde_json::Map<String, Value> =
        readiness.iter().map(|(key, value)| (key.clone(), posd_client::json(value))).collect();
    let all = Value::Object(all);
    let mut out = io::stdout();
    if voice.json {
        writeln!(out, "{all}")?;
    } else {
        let number = |key: &str| all[key].as_u64().unwrap_or_default();
        for text in all["texts"][voice.language.tag()].as_array().into_iter().flatten() {
            writeln!(out, "{}", text.as_str().unwrap_or_default())?;
        }
        let rows = [
            ("单笔最大", "largest sale", yuan(number("largest"))),
            ("剩余金额", "total left", yuan(number("total-left"))),
            ("剩余笔数", "count left", number("count-left").to_string()),
            ("操作员剩余金额", "operator's total left", yuan(number("operator-total-left"))),
            ("操作员剩余笔数", "operator's count left", number("operator-count-left").to_string()),
            ("离线剩余小时", "hours of silence left", (number("silence-left") / 3_600).to_string()),
            ("未受理金额", "at risk", yuan(number("at-risk"))),
            ("未受理笔数", "sales at risk", number("at-risk-count").to_string()),
        ];
        for (zh, en, value) in rows {
            writeln!(out, "{} {value}", voice.pick(zh, en))?;
        }
        let brands: Vec<&str> =
            all["brands"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !brands.is_empty() {
            writeln!(out, "{} {}", voice.pick("可受理卡组织", "card organisations"), brands.join(" "))?;
        }
        if let Some(amount) = all["supervisor-above"].as_u64() {
            writeln!(out, "{} {}", voice.pick("超过此金额须主管授权", "supervisor above"), yuan(amount))?;
        }
    }
    Ok(if all["ready"] == true { Exit::Done } else { Exit::NotGood })
}

/// The exit code that rows of the queue stand for.
fn exit(rows: &[QueueRow]) -> Exit {
    let any = |state: &str| rows.iter().any(|row| row.state == state);
    if any("queued") || any("pending") {
        Exit::Later
    } else if any("needs-action") {
        Exit::NotGood
    } else {
        Exit::Done
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

fn line(row: &QueueRow, language: Language) -> String {
    let name = if row.advice == 0 { "-".to_owned() } else { row.advice.to_string() };
    let amount = format!("{} {}.{:02}", row.currency, row.amount / 100, row.amount % 100);
    let kind = language.pick(kind_zh(&row.kind), row.kind.as_str());
    let state = language.pick(state_zh(&row.state), row.state.as_str());
    let last = row.tries.last().map_or("", |(_, result)| result.as_str());
    let tries = match (row.tries.len(), language) {
        (0, _) => String::new(),
        (count, Language::ZhCn) => format!("  已试 {count} 次，{last}"),
        (count, Language::En) => format!("  {count} tries, {last}"),
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
        "signature" => "电子签名",
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
        assert_eq!(exit(&[]), Exit::Done);
        assert_eq!(exit(&[row("accepted")]), Exit::Done);
        assert_eq!(exit(&[row("needs-action")]), Exit::NotGood);
        assert_eq!(exit(&[row("needs-action"), row("queued")]), Exit::Later);
        assert_eq!(exit(&[row("pending")]), Exit::Later);
    }

    #[test]
    fn a_row_says_what_it_is_in_both_languages() {
        let english = line(&row("queued"), Language::En);
        assert_eq!(
            english,
            "   3  script-result      000001/000012        CNY 12.34  queued  1 tries, no-answer"
        );
        let chinese = line(&row("needs-action"), Language::ZhCn);
        assert!(chinese.contains("脚本结果通知") && chinese.contains("需处理"), "{chinese}");
    }
}
