//! What came of a transaction whose outcome is unknown, by the supervisor's word.

use crate::{Failure, exit::Exit, show, transact::money, voice::Voice};
use clap::Args;
use posd_client::{HostNumbers, Terminal};
use std::io::{self, Write};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The transaction's number.
    id: u64,
    #[command(flatten)]
    word: Word,
    /// What it booked, where that is less than what was asked, such as 12.34.
    #[arg(long, requires = "booked")]
    amount: Option<String>,
}

/// What the acquirer's records have of it, by the supervisor's word.
#[derive(Debug, Args)]
pub(crate) struct Word {
    /// The acquirer holds it.
    #[arg(long, required_unless_present = "not_booked", conflicts_with = "not_booked")]
    booked: bool,
    /// The acquirer does not hold it.
    #[arg(long)]
    not_booked: bool,
    /// Its reference number in the acquirer's records.
    #[arg(long, requires = "booked")]
    rrn: Option<String>,
    /// Its authorisation code there.
    #[arg(long, requires = "booked")]
    authorisation_code: Option<String>,
    /// Its date there, as MMDD.
    #[arg(long, requires = "booked")]
    date: Option<String>,
    /// Read the supervisor's password from the standard input, where the device has no PIN pad.
    #[arg(long)]
    password_on_stdin: bool,
}

impl Word {
    pub(crate) fn booked(&self) -> bool {
        self.booked
    }

    pub(crate) fn numbers(&self) -> HostNumbers {
        HostNumbers {
            rrn: self.rrn.clone(),
            authorisation_code: self.authorisation_code.clone(),
            date: self.date.clone(),
            amount: None,
        }
    }

    /// The supervisor's password; empty where it is typed on the PIN pad.
    pub(crate) fn password(&self, voice: Voice) -> io::Result<String> {
        let mut password = String::new();
        if self.password_on_stdin {
            io::stdin().read_line(&mut password)?;
        } else {
            voice.hint("请主管在密码键盘上输入密码", "the supervisor types the password on the PIN pad")?;
        }
        Ok(password.trim_end_matches('\n').to_owned())
    }
}

pub(crate) async fn run(arguments: Arguments, voice: Voice) -> Result<Exit, Failure> {
    let Arguments { id, word, amount } = arguments;
    let amount = amount.as_deref().map(|amount| money(amount, voice)).transpose()?;
    let terminal = Terminal::connect().await?;
    let numbers = HostNumbers { amount, ..word.numbers() };
    terminal.resolve(id, word.booked(), &numbers, &word.password(voice)?).await?;
    let details = terminal.get(id).await?.details().await?;
    let mut out = io::stdout();
    match voice.json {
        true => writeln!(out, "{}", details.json())?,
        false => show::transaction(&mut out, &details, voice.language)?,
    }
    Ok(Exit::Done)
}
