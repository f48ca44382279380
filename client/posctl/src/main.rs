//! The command line of the payment terminal.
//!
//! What it is for: cashiers' and integrators' everyday calls over D-Bus, receipts as text and as pictures, decoding of
//! messages and card data, and the simulator's devices.
//!
//! What it never does: it holds no right that its user does not have on the bus.
//!
//! Start reading at [`Command`].

mod audit;
mod decode;
mod operator;
mod picture;
mod show;
mod simulated;
mod transact;

use clap::{Parser, Subcommand};
use posd_client::{Details, Error, Terminal, Transaction};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};
use transact::{Ask, Follow, Instalment, Resolve, Sell};

/// Talks to the payment terminal on this device.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How the terminal stands.
    Status,
    /// Sign in at the host (签到).
    SignIn,
    /// Sign out at the host (签退).
    SignOut,
    /// Log an operator in; the password is typed on the PIN pad.
    LogIn {
        /// Two digits.
        operator: String,
        /// Read the password from the standard input, where the device has no PIN pad.
        #[arg(long)]
        password_on_stdin: bool,
    },
    /// Log the operator out.
    LogOut,
    /// Log in and out, lock the screen, and keep the operator table.
    Operator(operator::Arguments),
    /// Who did what: the journal's audit rows, and whether they are whole.
    Audit(audit::Arguments),
    /// Check reader, PIN pad, keys, journal and host.
    Diagnose,
    /// Sell: make or find the sale, start it, follow it to its end.
    Sell(Sell),
    /// Undo a sale of this batch, whole (消费撤销). The supervisor types the password on the PIN pad.
    Void(Follow),
    /// Give back a sale or a completion, or a part of it, in any batch (退货). The supervisor types the password, and the
    /// card is read.
    Refund(Follow),
    /// Reserve an amount (预授权).
    PreAuth(Sell),
    /// Give a reservation up, whole (预授权撤销), with the supervisor's password.
    PreAuthCancel(Follow),
    /// Take what was reserved (预授权完成), without the card.
    Complete(Follow),
    /// Undo a completion of this batch, whole (预授权完成撤销), with the supervisor's password.
    CompleteCancel(Follow),
    /// Sell in instalments (分期付款).
    Instalment(Instalment),
    /// Sell by phone or mail (订购): the card's number and expiry are typed on the PIN pad.
    PhoneOrder(Sell),
    /// Ask what a card's account holds (余额查询).
    Balance(Ask),
    /// Say what came of a transaction whose outcome is unknown, after asking the acquirer. The supervisor types the
    /// password.
    Resolve(Resolve),
    /// Show a transaction.
    Show {
        /// Its number.
        id: u64,
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
    /// Choose an application.
    Select {
        /// The transaction's number.
        id: u64,
        /// Place in the list, from 0.
        index: u32,
    },
    /// Reversals that the host has not answered.
    Reversals,
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
    #[error(transparent)]
    Picture(#[from] picture::PictureError),
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(Failure::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => fail(&failure),
    }
}

fn fail(error: &dyn std::error::Error) -> ExitCode {
    // With no standard error stream there is only the exit status.
    let _ = writeln!(io::stderr(), "posctl: {error}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    let mut out = io::stdout();
    match command {
        Command::Decode(arguments) => {
            writeln!(out, "{}", decode::run(&arguments).map_err(Failure::Usage)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Sim(arguments) => {
            writeln!(out, "{}", simulated::run(&arguments).map_err(Failure::Usage)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Operator(arguments) => return operator::run(arguments).await,
        Command::Audit(arguments) => return audit::run(arguments).await,
        _ => {}
    }
    let terminal = Terminal::connect().await?;
    match command {
        Command::Status => show::terminal(&mut out, &terminal.state().await?)?,
        Command::SignIn => {
            terminal.sign_in().await?;
            writeln!(out, "signed in")?;
        }
        Command::SignOut => {
            terminal.sign_out().await?;
            writeln!(out, "signed out")?;
        }
        Command::LogIn { operator, password_on_stdin } => {
            let mut password = String::new();
            if password_on_stdin {
                io::stdin().read_line(&mut password)?;
            } else {
                writeln!(out, "type the password on the PIN pad")?;
            }
            terminal.log_in(&operator, password.trim_end_matches('\n')).await?;
            writeln!(out, "operator {operator} is logged in")?;
        }
        Command::LogOut => terminal.log_out().await?,
        Command::Diagnose => {
            let checks = terminal.diagnose().await?;
            for check in &checks {
                let mark = if check.good { "good" } else { "BAD " };
                writeln!(out, "{mark}  {:14} {}", check.code, check.detail)?;
            }
            if checks.iter().any(|check| !check.good) {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Sell(sell) => return transact::sell(&terminal, "sale", sell).await,
        Command::Void(follow) => return transact::follow(&terminal, "void", follow).await,
        Command::Refund(follow) => return transact::follow(&terminal, "refund", follow).await,
        Command::PreAuth(sell) => return transact::sell(&terminal, "pre-auth", sell).await,
        Command::PreAuthCancel(follow) => {
            return transact::follow(&terminal, "pre-auth-cancel", follow).await;
        }
        Command::Complete(follow) => return transact::follow(&terminal, "completion", follow).await,
        Command::CompleteCancel(follow) => {
            return transact::follow(&terminal, "completion-cancel", follow).await;
        }
        Command::Instalment(asked) => return transact::instalment(&terminal, asked).await,
        Command::PhoneOrder(sell) => return transact::sell(&terminal, "phone-order", sell).await,
        Command::Balance(ask) => return transact::balance(&terminal, ask).await,
        Command::Resolve(resolve) => return transact::resolve(&terminal, resolve).await,
        Command::Show { id } => show::transaction(&mut out, &terminal.get(id).await?.details().await?)?,
        Command::List { limit, before } => list(&mut out, &terminal.list(before, limit).await?)?,
        Command::Results => list(&mut out, &terminal.unacknowledged().await?)?,
        Command::Acknowledge { id } => terminal.acknowledge(id).await?,
        Command::Cancel { id } => writeln!(out, "{}", terminal.get(id).await?.cancel().await?)?,
        Command::Confirm { id } => terminal.get(id).await?.confirm().await?,
        Command::Select { id, index } => terminal.get(id).await?.select_application(index).await?,
        Command::Reversals => {
            for reversal in terminal.pending_reversals().await? {
                writeln!(out, "{reversal:?}")?;
            }
        }
        Command::Print { id, copy } => {
            let job = terminal.get(id).await?.print(&copy).await?;
            writeln!(out, "print job {job}")?;
        }
        Command::Receipt { id, png } => receipt(&mut out, &terminal.get(id).await?, png).await?,
        Command::Decode(_) | Command::Sim(_) | Command::Operator(_) | Command::Audit(_) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn list(out: &mut impl Write, all: &[Details]) -> io::Result<()> {
    all.iter().try_for_each(|details| show::line(out, details))
}

async fn receipt(
    out: &mut impl Write,
    transaction: &Transaction,
    png: Option<PathBuf>,
) -> Result<(), Failure> {
    let (receipt, text) = transaction.receipt().await?;
    match png {
        Some(path) => {
            std::fs::write(&path, picture::draw(&receipt, posd_receipt::Copy::Merchant, false)?)?;
            writeln!(out, "{}", path.display())?;
        }
        None => write!(out, "{text}")?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_made() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
