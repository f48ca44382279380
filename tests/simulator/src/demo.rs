//! What the terminal does, as a cashier would see it: single sales with what can go wrong, then a shop's day. Every
//! scene checks what it shows: the demo fails where anything is not as told.
//!
//! Start reading at [`run`], then `scenes.rs` and `day.rs`.

mod day;
mod scenes;

use crate::{OFFLINE, Options, Stack, StackError};
use posd_client::{Details, Error, Terminal, Transaction};
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
    let options = Options { posd: OFFLINE.to_owned(), ..Options::default() };
    let stack = Stack::start(directory.path(), &options)?;
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

    /// Everything in the host's books under a name.
    fn ledger(&self, name: &str) -> io::Result<Vec<Value>> {
        let answer = self.stack.host(json!({"ledger": true}))?;
        Ok(answer["ledger"][name].as_array().cloned().unwrap_or_default())
    }

    /// Runs `posctl` on the demo's bus; what it says. It must end as told.
    async fn posctl(&self, arguments: &[&str]) -> Result<String, DemoError> {
        let ended = tokio::process::Command::new(self.stack.programs().join("posctl"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.stack.bus_address())
            .args(arguments)
            .output()
            .await?;
        must(
            ended.status.success(),
            format!(
                "posctl {} ends well, but: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&ended.stderr)
            ),
        )?;
        Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
    }
}

/// A slip in a frame.
fn frame(text: &str) -> String {
    let framed = text.lines().map(|line| {
        let space = " ".repeat(posd_receipt::COLUMNS.saturating_sub(posd_receipt::width(line)));
        format!("   | {line}{space} |\n")
    });
    framed.collect()
}

/// Minor units as people write them.
fn yuan(minor: u64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
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
    let picture = scenes::show(&mut till).await?;
    day::show(&till).await?;
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
