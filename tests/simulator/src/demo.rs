//! What the terminal does, as a cashier would see it, in half a minute. Every scene checks what it shows: the demo
//! fails where anything is not as told.

use crate::{Options, Stack, StackError};
use posd_client::{CreateOptions, Details, Error, Terminal, Transaction};
use serde_json::{Value, json};
use std::{
    io::{self, Write},
    time::Duration,
};

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// It did not start.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A call failed.
    #[error(transparent)]
    Terminal(#[from] Error),
    /// Files and processes.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] zbus::Error),
    /// Something is not as told.
    #[error("not as told: {0}")]
    NotAsTold(String),
}

/// Says what must be true.
fn must(true_now: bool, what: impl Into<String>) -> Result<(), DemoError> {
    if true_now { Ok(()) } else { Err(DemoError::NotAsTold(what.into())) }
}

/// Shows everything.
///
/// # Errors
/// [`DemoError`] with the first thing that is not as told.
pub fn run() -> Result<(), DemoError> {
    let directory = tempfile::Builder::new().prefix("posd-demo-").tempdir()?;
    say("Starting a private bus, the test host, the simulated devices and posd …")?;
    let stack = Stack::start(directory.path(), &Options::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let picture = runtime.block_on(show(stack))?;
    // The picture outlives the demo's directory.
    let kept = std::env::temp_dir().join("posd-demo-receipt.png");
    std::fs::write(&kept, picture)?;
    say(&format!("\nThe receipt as a picture: {}\nAll was as told.", kept.display()))?;
    Ok(())
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()
}

fn scene(title: &str) -> io::Result<()> {
    say(&format!("\n== {title}"))
}

/// The till: the client's side, and the customer who stands before it.
struct Till {
    stack: Stack,
    terminal: Terminal,
}

impl Till {
    async fn connect(stack: &Stack) -> Result<Terminal, DemoError> {
        let connection = zbus::connection::Builder::address(stack.bus_address().as_str()).build().await?;
        Ok(Terminal::on(connection))
    }

    /// Sells and shows each change; the customer inserts the card when asked and takes it out when asked.
    async fn sell(&self, transaction: &Transaction) -> Result<Details, DemoError> {
        let stack = &self.stack;
        let mut shown = (String::new(), 0);
        let mut trouble = None;
        let details = transaction
            .sell(|change| {
                let now = (change.state.clone(), change.pin_digits);
                if now == shown {
                    return;
                }
                let result = show_change(change).and_then(|()| customer(stack, change, &shown.0));
                trouble = trouble.take().or(result.err());
                shown = now;
            })
            .await?;
        match trouble {
            Some(error) => Err(error.into()),
            None => Ok(details),
        }
    }

    fn result(&self, details: &Details, key: &str) -> String {
        details.result_text(key).unwrap_or_default()
    }
}

fn show_change(change: &Details) -> io::Result<()> {
    let stars = "*".repeat(usize::from(change.pin_digits));
    say(&format!("   {:20} {} {stars}", change.state, change.prompt_text("zh-CN")))
}

/// What the customer does about a change.
fn customer(stack: &Stack, change: &Details, before: &str) -> io::Result<()> {
    match change.state.as_str() {
        "waiting-card" if before != "waiting-card" => stack.devices(json!({"card": "insert"})).map(drop),
        "waiting-removal" => stack.devices(json!({"card": "remove"})).map(drop),
        _ => Ok(()),
    }
}

async fn show(stack: Stack) -> Result<Vec<u8>, DemoError> {
    let terminal = Till::connect(&stack).await?;
    let mut till = Till { stack, terminal };
    till.wait_until_ready().await?;
    let picture = first_sale(&till).await?;
    wrong_pin(&till).await?;
    no_answer(&till).await?;
    power_cut(&mut till).await?;
    the_books(&till)?;
    Ok(picture)
}

impl Till {
    async fn wait_until_ready(&self) -> Result<(), DemoError> {
        for _ in 0..400 {
            if self.terminal.state().await?.state != "out-of-service" {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let state = self.terminal.state().await?;
        Err(DemoError::NotAsTold(format!("the terminal gets ready, but: {}", state.reasons.join(", "))))
    }
}

async fn first_sale(till: &Till) -> Result<Vec<u8>, DemoError> {
    scene("签到 Sign-in, 操作员登录 operator login")?;
    till.terminal.sign_in().await?;
    till.terminal.log_in("01", "").await?;
    let state = till.terminal.state().await?;
    must(state.signed_in && state.operator == "01", "signed in, operator 01")?;
    say(&format!(
        "   {} {}  批次 {:06}  操作员 {}",
        state.merchant_name, state.merchant, state.batch, state.operator
    ))?;

    scene("消费 A sale of CNY 12.34")?;
    let sale = till.terminal.create("demo-1", 1234, &CreateOptions::default()).await?;
    let details = till.sell(&sale).await?;
    must(
        details.outcome == "approved",
        format!("approved, but: {} {}", details.outcome, till.result(&details, "cause")),
    )?;
    let (rrn, code) = (till.result(&details, "rrn"), till.result(&details, "authorisation-code"));
    let certificate = till.result(&details, "transaction-certificate");
    say(&format!("   {}  RRN {rrn}  授权码 {code}", till.result(&details, "text")))?;
    must(!rrn.is_empty() && !code.is_empty(), "RRN and authorisation code are there")?;
    let checked = till.stack.devices(json!({"certificate": true}))?;
    must(checked["good"] == true && checked["certificate"] == certificate.as_str(), "the card's TC is good")?;
    say(&format!("   TC {certificate} (checked with the issuer's key: good)"))?;
    till.terminal.acknowledge(details.id).await?;

    let (_, text) = sale.receipt().await?;
    let framed = text.lines().map(|line| {
        let space = " ".repeat(posd_receipt::COLUMNS.saturating_sub(posd_receipt::width(line)));
        format!("   | {line}{space} |\n")
    });
    say(&framed.collect::<String>())?;
    let path = till.stack.directory().join("receipt.png");
    let drawn = tokio::process::Command::new(till.stack.programs().join("posctl"))
        .env("DBUS_SYSTEM_BUS_ADDRESS", till.stack.bus_address())
        .args(["receipt", &details.id.to_string(), "--png"])
        .arg(&path)
        .output()
        .await?;
    must(drawn.status.success(), String::from_utf8_lossy(&drawn.stderr))?;
    let mut slips = 0;
    for _ in 0..100 {
        let printed = till.stack.devices(json!({"slips": true}))?;
        slips = printed["slips"].as_array().map_or(0, Vec::len);
        if slips >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    must(slips == 2, format!("two copies are printed, but: {slips}"))?;
    Ok(std::fs::read(path)?)
}

async fn wrong_pin(till: &Till) -> Result<(), DemoError> {
    scene("密码错 A wrong PIN, and a second attempt with the right one")?;
    till.stack.devices(json!({"pin": "9999"}))?;
    let sale = till.terminal.create("demo-2", 5000, &CreateOptions::default()).await?;
    let first = till.sell(&sale).await?;
    must(first.outcome == "declined" && till.result(&first, "response-code") == "55", "declined with 55")?;
    say(&format!("   {}: {}", first.outcome, till.result(&first, "text")))?;
    till.stack.devices(json!({"pin": "1234"}))?;
    let again = till.terminal.new_attempt("demo-2").await?;
    let second = till.sell(&again).await?;
    must(second.outcome == "approved" && second.attempt == 2, "the second attempt is approved")?;
    say(&format!("   attempt {}: {}  RRN {}", second.attempt, second.outcome, till.result(&second, "rrn")))?;
    Ok(())
}

async fn no_answer(till: &Till) -> Result<(), DemoError> {
    scene("无应答 The host never answers: the sale is reversed by itself")?;
    till.stack.host(json!({"fault": "drop-answer", "message": "sale", "count": 1}))?;
    let sale = till.terminal.create("demo-3", 8800, &CreateOptions::default()).await?;
    let details = till.sell(&sale).await?;
    must(
        details.outcome == "failed" && till.result(&details, "cause") == "reversed",
        "failed, cause reversed",
    )?;
    say(&format!("   {}: {}", details.outcome, till.result(&details, "text")))?;
    Ok(())
}

async fn power_cut(till: &mut Till) -> Result<(), DemoError> {
    scene("断电 posd is killed while the host is being asked")?;
    till.stack.host(json!({"fault": "delay", "ms": 60000, "message": "sale", "count": 1}))?;
    let sale = till.terminal.create("demo-4", 6600, &CreateOptions::default()).await?;
    let mut following = sale.follow().await?;
    sale.start().await?;
    let mut before = String::new();
    loop {
        let change = following.next().await?;
        show_change(&change)?;
        customer(&till.stack, &change, &before)?;
        if change.state == "authorizing" {
            break;
        }
        before = change.state;
    }
    // Let the request reach the host, so that there is something to reverse.
    tokio::time::sleep(Duration::from_millis(300)).await;
    till.stack.kill_posd();
    say("   -- SIGKILL --")?;
    till.stack.devices(json!({"card": "remove"}))?;
    till.stack.start_posd()?;
    say("   -- restarted; the app asks again with its own reference --")?;
    let same = till.terminal.create("demo-4", 6600, &CreateOptions::default()).await?;
    must(same.path() == sale.path(), "the same reference gives the same transaction")?;
    let details = till.sell(&same).await?;
    must(
        details.outcome == "failed" && till.result(&details, "cause") == "reversed",
        "failed, cause reversed",
    )?;
    say(&format!("   {}: {}", details.outcome, till.result(&details, "text")))?;

    till.terminal.log_in("01", "").await?;
    let next = till.terminal.new_attempt("demo-4").await?;
    let details = till.sell(&next).await?;
    must(details.outcome == "approved", "the next attempt is approved")?;
    say(&format!(
        "   attempt {}: {}  RRN {}",
        details.attempt,
        details.outcome,
        till.result(&details, "rrn")
    ))?;
    Ok(())
}

/// The host's books agree: three sales stand, and what was reversed was reversed before the next one came.
fn the_books(till: &Till) -> Result<(), DemoError> {
    scene("对账 The host's books")?;
    let answer = till.stack.host(json!({"ledger": true}))?;
    let charges = answer["ledger"]["charges"].as_array().cloned().unwrap_or_default();
    let standing: Vec<&Value> = charges.iter().filter(|charge| charge["state"] == "booked").collect();
    let mut amounts: Vec<u64> = standing.iter().filter_map(|charge| charge["amount"].as_u64()).collect();
    amounts.sort_unstable();
    must(amounts == [1234, 5000, 6600], format!("the host holds 12.34, 50.00 and 66.00, but: {amounts:?}"))?;
    say(&format!("   {} charges, {} standing: CNY 12.34, 50.00 and 66.00", charges.len(), standing.len()))?;
    Ok(())
}
