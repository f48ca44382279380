//! The command line of the payment terminal.
//!
//! What it is for: a cashier's whole day over D-Bus, in Chinese and English, for people and (`--json`) for scripts;
//! receipts as text and as pictures, decoding of messages and card data, and the simulator's devices.
//!
//! What it never does: it holds no right that its user does not have on the bus.
//!
//! Start reading at [`Command`]; the transaction types are in `transact.rs`.

mod audit;
mod code;
mod decode;
mod detail_file;
mod download;
mod errors;
mod example;
mod exit;
mod help;
mod language;
mod operator;
mod picture;
mod queue;
mod resolve;
mod settle;
mod setup;
mod show;
mod simulated;
mod till;
mod transact;
mod voice;

use clap::{FromArgMatches, Parser, Subcommand};
use exit::Exit;
use language::Language;
use posd_client::{Details, Error, Terminal, Transaction, json};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use voice::Voice;

/// Talks to the payment terminal on this device.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Say it as JSON, one line for each thing said.
    #[arg(long, global = true)]
    json: bool,
    /// Language of all texts; that of the locale where absent.
    #[arg(long, global = true, value_enum, value_name = "zh-CN|en", hide_possible_values = true)]
    lang: Option<Language>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How the terminal stands.
    Status,
    /// Sign in at the host (签到).
    SignIn,
    /// Sign out at the host (签退).
    SignOut,
    /// Log in and out, lock the screen, and keep the operator table.
    Operator(operator::Arguments),
    /// Who did what: the journal's audit rows, and whether they are whole.
    Audit(audit::Arguments),
    /// Download what the host has for this terminal: parameters, CA keys, card applications, contactless parameters, the
    /// blacklist (下载). Without a set: how each stands.
    Download(download::Arguments),
    /// Initialise this terminal (初始化): merchant and terminal number, hosts, profile.
    Setup(setup::Arguments),
    /// The self-test (自检): devices, printer and paper, keys, journal, space, clock, certificates and host.
    Diagnose,
    /// Hand over the customer's payment code, which is read from the standard input.
    PresentCode {
        /// The number of a transaction that waits for a code.
        id: u64,
    },
    /// Draw the code that a transaction shows to its customer.
    Code {
        /// The transaction's number.
        id: u64,
        /// Draw it into this PNG file instead.
        #[arg(long)]
        png: Option<PathBuf>,
    },
    /// Show a transaction.
    Show {
        /// Its number.
        #[arg(required_unless_present = "reference")]
        id: Option<u64>,
        /// Your own name for it: shows its latest attempt.
        #[arg(long, conflicts_with = "id")]
        reference: Option<String>,
    },
    /// List your transactions, newest first.
    List {
        /// At most so many, 1 to 200.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Only those older than this one.
        #[arg(long)]
        before: Option<u64>,
    },
    /// List final results that no app has acknowledged.
    Results,
    /// Acknowledge a final result.
    Acknowledge {
        /// The transaction's number.
        id: u64,
    },
    /// Cancel a transaction.
    Cancel {
        /// Its number.
        id: u64,
    },
    /// Confirm the application or the signature.
    Confirm {
        /// The transaction's number.
        id: u64,
    },
    /// Hand over the signature that the cardholder drew on a screen.
    Sign {
        /// The transaction's number.
        id: u64,
        /// The strokes as JSON: [[[x, y], …], …], x 0 to 255 and y 0 to 95; the standard input where absent.
        file: Option<PathBuf>,
    },
    /// Choose an application.
    Select {
        /// The transaction's number.
        id: u64,
        /// Place in the list, from 0.
        index: u32,
    },
    /// Settle the batch (结算), look at a settlement, match it with the host's own list.
    Settle(settle::Arguments),
    /// What the host has still to take, or did not take (存储转发): reversals, script results, offline sales …
    Queue(queue::Arguments),
    /// What is left to sell while the host cannot be reached, and why not (脱机).
    Offline,
    /// Reversals that the host has not answered.
    Reversals,
    /// Say what came of a transaction whose outcome is unknown, after asking the acquirer: a refund without an answer, or
    /// a reversal that the host never answers. The supervisor types the password on the PIN pad.
    Resolve(resolve::Arguments),
    /// Print a copy of a receipt.
    Print {
        /// The transaction's number.
        id: u64,
        /// `merchant`, `bank` or `cardholder`.
        #[arg(default_value = "cardholder")]
        copy: String,
    },
    /// Show a receipt, or draw it.
    Receipt {
        /// The transaction's number.
        id: u64,
        /// Draw it into this PNG file.
        #[arg(long)]
        png: Option<PathBuf>,
    },
    /// A full-screen till: type an amount, watch the state, see the receipt and the day's transactions.
    Till,
    /// Decode hexadecimal data for people: `iso8583`, `tlv`, `tvr` or `cvm`. Card data is masked.
    Decode(decode::Arguments),
    /// Move the simulator's devices.
    Sim(simulated::Arguments),
}

/// What ends the program badly.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Terminal(#[from] Error),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Fault(String),
    #[error(transparent)]
    Picture(#[from] picture::PictureError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Failure::Terminal(error) => Exit::of_error(error),
            Failure::Usage(_) => Exit::Usage,
            Failure::Fault(_) | Failure::Picture(_) | Failure::Io(_) => Exit::Fault,
        }
    }

    /// What to tell people.
    fn text(&self, language: Language) -> String {
        match self {
            Failure::Terminal(Error::Refused { name, text }) => {
                format!("{name}: {}", errors::text(name, text, language))
            }
            other => other.to_string(),
        }
    }

    /// The same for scripts.
    fn json(&self) -> Value {
        let exit = self.exit() as u8;
        match self {
            Failure::Terminal(error @ Error::Refused { name, text }) => match error.seconds_left() {
                Some(seconds) => json!({"error": name, "text": text, "exit": exit, "seconds": seconds}),
                None => json!({"error": name, "text": text, "exit": exit}),
            },
            other => json!({"error": null, "text": other.to_string(), "exit": exit}),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let language = Language::wanted(&arguments, |name| std::env::var_os(name));
    let matches = help::command(language).get_matches_from(arguments);
    let voice = Voice { json: matches.get_flag("json"), language };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into(), voice),
    };
    let ended = match matches.subcommand() {
        Some((name, own)) if transact::of_command(name).is_some() => {
            runtime.block_on(transact(name, own, voice))
        }
        _ => match Arguments::from_arg_matches(&matches) {
            Ok(arguments) => runtime.block_on(run(arguments.command, voice)),
            Err(error) => error.exit(),
        },
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, voice),
    }
}

fn fail(failure: &Failure, voice: Voice) -> ExitCode {
    // Where nobody listens there is only the exit status.
    let _ = match voice.json {
        true => writeln!(io::stdout(), "{}", failure.json()),
        false => writeln!(io::stderr(), "posctl: {}", failure.text(voice.language)),
    };
    failure.exit().into()
}

async fn transact(name: &str, own: &clap::ArgMatches, voice: Voice) -> Result<Exit, Failure> {
    let kind = transact::of_command(name).ok_or_else(|| Failure::Usage(name.to_owned()))?;
    transact::run(&Terminal::connect().await?, kind, own, voice).await
}

async fn run(command: Command, voice: Voice) -> Result<Exit, Failure> {
    match command {
        Command::Decode(arguments) => {
            writeln!(io::stdout(), "{}", decode::run(&arguments, voice.json).map_err(Failure::Usage)?)?;
            return Ok(Exit::Done);
        }
        Command::Sim(arguments) => {
            writeln!(io::stdout(), "{}", simulated::run(&arguments, voice).map_err(Failure::Fault)?)?;
            return Ok(Exit::Done);
        }
        Command::Till => return till::run(voice).await,
        Command::Settle(arguments) => return settle::run(arguments, voice).await,
        Command::Setup(arguments) => return setup::run(&arguments, voice),
        Command::Operator(arguments) => return operator::run(arguments, voice).await,
        Command::Audit(arguments) => return audit::run(arguments, voice).await,
        Command::Queue(arguments) => return queue::run(arguments, voice).await,
        Command::Offline => return queue::offline(voice).await,
        Command::Resolve(arguments) => return resolve::run(arguments, voice).await,
        Command::Download(arguments) => return download::run(arguments, voice).await,
        _ => {}
    }
    let terminal = Terminal::connect().await?;
    let mut out = io::stdout();
    match command {
        Command::Status => {
            let state = terminal.state().await?;
            match voice.json {
                true => writeln!(out, "{}", state.json())?,
                false => show::terminal(&mut out, &state, voice.language)?,
            }
        }
        Command::SignIn => {
            terminal.sign_in().await?;
            voice.say("已签到", "signed in", &json!({"done": "sign-in"}))?;
        }
        Command::SignOut => {
            terminal.sign_out().await?;
            voice.say("已签退", "signed out", &json!({"done": "sign-out"}))?;
        }
        Command::Diagnose => return diagnose(&terminal, voice).await,
        Command::Show { id, reference } => {
            let transaction = match (id, reference) {
                (Some(id), _) => terminal.get(id).await?,
                (None, reference) => terminal.find(&reference.unwrap_or_default()).await?,
            };
            let details = transaction.details().await?;
            match voice.json {
                true => writeln!(out, "{}", details.json())?,
                false => show::transaction(&mut out, &details, voice.language)?,
            }
        }
        Command::PresentCode { id } => {
            terminal.get(id).await?.present_code(&code::read()?).await?;
            voice.say("已提交付款码", "handed over", &json!({"done": "present-code", "id": id}))?;
        }
        Command::Code { id, png } => {
            let shown = terminal.get(id).await?.details().await?.code;
            match png {
                Some(path) => {
                    std::fs::write(&path, picture::code(shown.reveal())?)?;
                    let path = path.display().to_string();
                    voice.say(&path, &path, &json!({"png": path, "id": id}))?;
                }
                None if voice.json => writeln!(out, "{}", json!({"code": shown.reveal(), "id": id}))?,
                None => write!(out, "{}", code::blocks(shown.reveal()).map_err(Failure::Fault)?)?,
            }
        }
        Command::List { limit, before } => list(&terminal.list(before, limit).await?, voice)?,
        Command::Results => list(&terminal.unacknowledged().await?, voice)?,
        Command::Acknowledge { id } => {
            terminal.acknowledge(id).await?;
            voice.say("已确认收到", "acknowledged", &json!({"done": "acknowledge", "id": id}))?;
        }
        Command::Cancel { id } => {
            let answer = terminal.get(id).await?.cancel().await?;
            let zh = match answer.as_str() {
                "accepted" => "正在取消，不会扣款",
                "too-late" => "已来不及取消，请看结果",
                _ => "没有这笔交易",
            };
            voice.say(zh, &answer, &json!({"cancel": answer, "id": id}))?;
        }
        Command::Confirm { id } => {
            terminal.get(id).await?.confirm().await?;
            voice.say("已确认", "confirmed", &json!({"done": "confirm", "id": id}))?;
        }
        Command::Sign { id, file } => {
            let strokes = strokes(file, voice)?;
            terminal.get(id).await?.sign(&strokes).await?;
            voice.say("已签名", "signed", &json!({"done": "sign", "id": id}))?;
        }
        Command::Select { id, index } => {
            terminal.get(id).await?.select_application(index).await?;
            voice.say("已选择", "chosen", &json!({"done": "select", "id": id}))?;
        }
        Command::Reversals => reversals(&terminal, voice).await?,
        Command::Print { id, copy } => {
            let job = terminal.get(id).await?.print(&copy).await?;
            voice.say(
                format!("打印任务 {job}"),
                format!("print job {job}"),
                &json!({"job": job, "id": id}),
            )?;
        }
        Command::Receipt { id, png } => receipt(&terminal.get(id).await?, png, voice).await?,
        Command::Decode(_)
        | Command::Sim(_)
        | Command::Operator(_)
        | Command::Audit(_)
        | Command::Till
        | Command::Settle(_)
        | Command::Queue(_)
        | Command::Offline
        | Command::Resolve(_)
        | Command::Download(_)
        | Command::Setup(_) => {}
    }
    Ok(Exit::Done)
}

/// Strokes from a file or the standard input. Their bounds are the terminal's to check.
fn strokes(file: Option<PathBuf>, voice: Voice) -> Result<Vec<Vec<(u8, u8)>>, Failure> {
    let text = match file {
        Some(path) => std::fs::read_to_string(path)?,
        None => io::read_to_string(io::stdin())?,
    };
    serde_json::from_str(&text).map_err(|error| {
        Failure::Usage(voice.pick(format!("笔画格式有误：{error}"), format!("these are no strokes: {error}")))
    })
}

async fn diagnose(terminal: &Terminal, voice: Voice) -> Result<Exit, Failure> {
    let checks = terminal.diagnose().await?;
    let good = checks.iter().all(|check| check.good);
    let mut out = io::stdout();
    if voice.json {
        let check = |c: &posd_client::Check| {
            json!({
                "code": c.code, "good": c.good, "detail": c.detail, "cause": c.cause, "action": c.action,
            })
        };
        writeln!(out, "{}", json!({"good": good, "checks": checks.iter().map(check).collect::<Value>()}))?;
    } else {
        for check in &checks {
            let mark = if check.good { voice.pick("正常", "good") } else { voice.pick("异常", "BAD ") };
            writeln!(out, "{mark}  {:14} {}", check.code, check.detail)?;
            if !check.good {
                let text = |texts: &std::collections::HashMap<String, String>| {
                    texts.get(voice.pick("zh-CN", "en")).cloned().unwrap_or_default()
                };
                writeln!(
                    out,
                    "      {}{}{}",
                    text(&check.cause),
                    voice.pick("；", "; "),
                    text(&check.action)
                )?;
            }
        }
    }
    Ok(if good { Exit::Done } else { Exit::NotGood })
}

fn list(all: &[Details], voice: Voice) -> Result<(), Failure> {
    let mut out = io::stdout();
    if voice.json {
        writeln!(out, "{}", all.iter().map(Details::json).collect::<Value>())?;
    } else {
        all.iter().try_for_each(|details| show::line(&mut out, details, voice.language))?;
    }
    Ok(())
}

async fn reversals(terminal: &Terminal, voice: Voice) -> Result<(), Failure> {
    let mut out = io::stdout();
    let all = terminal.pending_reversals().await?;
    let all: Vec<Value> = all
        .into_iter()
        .map(|row| {
            row.iter().map(|(key, value)| (key.clone(), json(value))).collect::<serde_json::Map<_, _>>()
        })
        .map(Value::Object)
        .collect();
    if voice.json {
        writeln!(out, "{}", Value::Array(all))?;
        return Ok(());
    }
    if all.is_empty() {
        writeln!(out, "{}", voice.pick("没有待冲正交易", "no reversal is pending"))?;
    }
    for row in all {
        let number = |key: &str| row[key].as_u64().unwrap_or_default();
        let tries = row["tries"].as_array().map_or(0, Vec::len);
        writeln!(
            out,
            "{:>6}  {} {:06}  {} {:06}  {:>12}  {} {}  {} {tries}",
            number("transaction"),
            voice.pick("批次", "batch"),
            number("batch"),
            voice.pick("凭证号", "trace"),
            number("trace"),
            voice::yuan(number("amount")),
            voice.pick("原因", "reason"),
            row["reason"].as_str().unwrap_or_default(),
            voice.pick("已试", "tries"),
        )?;
    }
    Ok(())
}

async fn receipt(transaction: &Transaction, png: Option<PathBuf>, voice: Voice) -> Result<(), Failure> {
    let (receipt, text) = transaction.receipt().await?;
    let mut out = io::stdout();
    match png {
        Some(path) => {
            std::fs::write(&path, picture::draw(&receipt, posd_receipt::Copy::Merchant, false)?)?;
            let shown = path.display().to_string();
            voice.say(&shown, &shown, &json!({ "png": shown }))?;
        }
        None if voice.json => {
            let data = serde_json::to_value(&receipt).map_err(|error| Failure::Fault(error.to_string()))?;
            writeln!(out, "{}", json!({"receipt": data, "text": text}))?;
        }
        None => write!(out, "{text}")?,
    }
    Ok(())
}
