//! The end of the day: settle the batch, look at it, match it with the host's own list.

use crate::{
    Failure, detail_file,
    exit::Exit,
    show::padded,
    voice::{Voice, yuan},
};
use clap::{Args, Subcommand};
use posd_client::{Settlement, SettlementDetails, Terminal};
use serde_json::{Map, Value, json};
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// Settle the batch (结算), or look at a settlement.
///
/// Everything older goes to the host first; then the totals are compared, what the host needs of the details is
/// uploaded, the batch is closed and the next one opened. It goes on by itself after a power cut. Exit code 0: settled,
/// and everything agrees. 9: something older is not delivered, or the host did not answer; the batch goes on. 13:
/// settled, and something does not agree: see the list.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// What a settlement came to.
    Show {
        /// Its batch; the latest settlement where none is given.
        batch: Option<u32>,
    },
    /// The journal's own list of a batch, for a match: as CSV, or with --json as JSON.
    Export {
        /// Its batch; the latest settlement where none is given.
        batch: Option<u32>,
    },
    /// Match the host's detail file with the journal, line by line.
    ///
    /// The file is CSV with a line of names, or a JSON list of objects. It has `trace` and `amount`, and may have `kind`,
    /// `rrn`, `batch` and `terminal`; other names are passed over. Amounts are minor units; with a decimal point they are
    /// yuan. Lines of another batch are passed over.
    Match {
        /// The file.
        file: PathBuf,
        /// The batch; the latest settlement where none is given.
        #[arg(long)]
        batch: Option<u32>,
    },
    /// Show the settlement slip, or the detail list, as text.
    Slip {
        /// Its batch; the latest settlement where none is given.
        batch: Option<u32>,
        /// The detail list (交易明细) instead.
        #[arg(long)]
        details: bool,
    },
    /// Print the settlement slip, or the detail list.
    Print {
        /// Its batch; the latest settlement where none is given.
        batch: Option<u32>,
        /// The detail list (交易明细) instead.
        #[arg(long)]
        details: bool,
    },
}

pub(crate) async fn run(arguments: Arguments, voice: Voice) -> Result<Exit, Failure> {
    let terminal = Terminal::connect().await?;
    let mut out = io::stdout();
    match arguments.action {
        None => settle(&terminal, voice).await,
        Some(Action::Show { batch }) => report(&terminal.settlement(batch).await?.details().await?, voice),
        Some(Action::Export { batch }) => {
            let lines = terminal.settlement(batch).await?.lines().await?;
            if voice.json {
                writeln!(out, "{}", Value::from_iter(lines))?;
            } else {
                write!(out, "{}", detail_file::csv(&lines))?;
            }
            Ok(Exit::Done)
        }
        Some(Action::Match { file, batch }) => {
            let text = std::fs::read_to_string(file)?;
            matched(&terminal.settlement(batch).await?, &text, voice).await
        }
        Some(Action::Slip { batch, details }) => {
            let (data, text) = terminal.settlement(batch).await?.slip(slip(details)).await?;
            if voice.json {
                let data = serde_json::to_value(&data).map_err(|error| Failure::Fault(error.to_string()))?;
                writeln!(out, "{}", json!({ "slip": data, "text": text }))?;
            } else {
                write!(out, "{text}")?;
            }
            Ok(Exit::Done)
        }
        Some(Action::Print { batch, details }) => {
            let job = terminal.settlement(batch).await?.print(slip(details)).await?;
            voice.say(format!("打印任务 {job}"), format!("print job {job}"), &json!({ "job": job }))?;
            Ok(Exit::Done)
        }
    }
}

async fn settle(terminal: &Terminal, voice: Voice) -> Result<Exit, Failure> {
    voice.hint("先发送未完成的冲正和通知 …", "delivering what is older first …")?;
    let settlement = terminal.settle().await?;
    let words = Words { voice };
    let mut shown = String::new();
    let details = settlement
        .follow(|details| {
            let line = words.progress(details);
            if line != shown {
                // The settlement goes on whether or not anybody reads this.
                let _ = voice.hint(&format!("  {line}"), &format!("  {line}"));
                shown = line;
            }
        })
        .await?;
    report(&details, voice)
}

fn slip(details: bool) -> &'static str {
    if details { "details" } else { "totals" }
}

async fn matched(settlement: &Settlement, text: &str, voice: Voice) -> Result<Exit, Failure> {
    let details = settlement.details().await?;
    let batch = u32::try_from(details.batch()).unwrap_or_default();
    let lines = detail_file::read(text, batch).map_err(Failure::Usage)?;
    let found = settlement.match_details(&lines).await?;
    let (count, differ) = (lines.len(), found.len());
    voice.say(
        format!("批次 {batch:06}：核对 {count} 笔，不符 {differ} 笔"),
        format!("batch {batch:06}: {count} lines matched, {differ} do not agree"),
        &json!({ "batch": batch, "lines": count, "mismatches": found }),
    )?;
    for mismatch in found.iter().filter(|_| !voice.json) {
        writeln!(io::stdout(), "  {}", Words { voice }.mismatch(mismatch))?;
    }
    Ok(if found.is_empty() { Exit::Done } else { Exit::NotGood })
}

fn report(details: &SettlementDetails, voice: Voice) -> Result<Exit, Failure> {
    let mut out = io::stdout();
    if voice.json {
        writeln!(out, "{}", Value::Object(details.0.clone()))?;
    } else {
        Words { voice }.show(&mut out, details)?;
    }
    let balanced = details.outcome() == "balanced" && details.mismatches().is_empty();
    Ok(match details.state() {
        "failed" => Exit::Later,
        "finished" if !balanced => Exit::NotGood,
        _ => Exit::Done,
    })
}

/// The texts in one language.
#[derive(Clone, Copy)]
pub(crate) struct Words {
    pub(crate) voice: Voice,
}

impl Words {
    fn say(self, zh: &'static str, en: &'static str) -> &'static str {
        self.voice.pick(zh, en)
    }

    fn step(self, step: &str) -> &'static str {
        match step {
            "comparing" => self.say("与主机对账", "comparing totals with the host"),
            "uploading-details" => self.say("上送交易明细", "uploading transactions"),
            "uploading-advices" => self.say("上送退货和通知", "uploading refunds and advices"),
            "uploading-certificates" => self.say("上送芯片卡交易证书", "uploading chip certificates"),
            "uploading-failures" => self.say("上送失败的芯片卡交易", "uploading failed chip transactions"),
            "ending" => self.say("批结束", "closing the batch"),
            _ => self.say("结算完成", "closed"),
        }
    }

    /// What the host found of the batch, or of one side.
    fn result(self, word: &str) -> &'static str {
        match word {
            "balanced" => self.say("平", "balanced"),
            "half-balanced" => self.say("部分平", "half-balanced"),
            "unbalanced" => self.say("不平", "unbalanced"),
            _ => self.say("未对账", "not compared"),
        }
    }

    pub(crate) fn progress(self, details: &SettlementDetails) -> String {
        let (done, planned) = details.progress();
        let step = self.step(details.step());
        let rows = if planned > 0 { format!(" {done}/{planned}") } else { String::new() };
        let waits = if details.state() == "waiting" {
            self.say("，主机无应答，将自动重试", "; no answer, it goes on by itself")
        } else {
            ""
        };
        format!("{step}{rows}{waits}")
    }

    fn mismatch(self, mismatch: &Map<String, Value>) -> String {
        let locale = self.voice.language.tag();
        let text = |key: &str| {
            mismatch.get(key).and_then(|texts| texts.get(locale)).and_then(Value::as_str).unwrap_or_default()
        };
        let word = |key: &str| mismatch.get(key).and_then(Value::as_str);
        let amount = |key: &str| mismatch.get(key).and_then(Value::as_u64).map(yuan);
        let mut line = String::new();
        if let Some(trace) = mismatch.get("trace").and_then(Value::as_u64) {
            line.push_str(&format!("{trace:06} "));
        }
        line.push_str(text("text"));
        for (zh, en, value) in [
            ("卡别", "side", word("side").map(str::to_owned)),
            ("终端", "terminal", amount("journal")),
            ("主机", "host", amount("host")),
            ("参考号", "RRN", word("rrn").map(str::to_owned)),
            ("应答", "code", word("code").map(str::to_owned)),
        ] {
            if let Some(value) = value {
                line.push_str(&format!(" [{} {value}]", self.say(zh, en)));
            }
        }
        format!("{line} → {}", text("action-text"))
    }

    /// What it came to, for people.
    pub(crate) fn show(self, out: &mut impl Write, details: &SettlementDetails) -> io::Result<()> {
        let result = self.result(details.outcome());
        let state = match details.state() {
            "finished" => self.say("已结算", "settled"),
            "failed" => self.say("未结算，批次继续", "given up, the batch goes on"),
            "waiting" => self.say("等待主机", "waiting for the host"),
            _ => self.say("进行中", "under way"),
        };
        let cause = details.text(&["Result", "cause"]);
        let batch = details.batch();
        writeln!(out, "{} {batch:06}  {state}  {result} {cause}", self.say("批次", "batch"))?;
        for (zh, en, key) in [("内卡", "domestic", "domestic"), ("外卡", "foreign", "foreign")] {
            let number = |part: &str| details.number(&["Result", "totals", &format!("{key}-{part}")]);
            writeln!(
                out,
                "{:10} {} {:>4} {:>14}   {} {:>4} {:>14}   {}",
                self.say(zh, en),
                self.say("借", "debit"),
                number("debit-count"),
                yuan(number("debit-amount")),
                self.say("贷", "credit"),
                number("credit-count"),
                yuan(number("credit-amount")),
                self.result(details.text(&["Result", key])),
            )?;
        }
        for kind in details.list(&["Result", "kinds"]) {
            let cell = |place: usize| kind.get(place);
            let count = cell(1).and_then(Value::as_u64).unwrap_or_default();
            let amount = cell(2).and_then(Value::as_u64).unwrap_or_default();
            let word = cell(0).and_then(Value::as_str).unwrap_or_default();
            let name = posd_client::kind(word).map_or(word, |kind| kind.name(self.voice.language.tag()));
            writeln!(out, "  {} {count:>4} {:>14}", padded(name, 26), yuan(amount))?;
        }
        let fees = details.number(&["Fees", "estimated"]);
        writeln!(out, "{} {}", self.say("预估手续费", "estimated fees"), yuan(fees))?;
        for mismatch in details.mismatches().iter().filter_map(Value::as_object) {
            writeln!(out, "! {}", self.mismatch(mismatch))?;
        }
        Ok(())
    }
}
