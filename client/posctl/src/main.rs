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
mod download;
mod operator;
mod picture;
mod setup;
mod show;
mod simulated;

use clap::{Args, Parser, Subcommand};
use posd_client::{CreateOptions, Details, Error, Original, Terminal, Transaction};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

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
    /// Initialise this terminal (初始化): merchant and terminal number, hosts, profile.
    Setup(setup::Arguments),
    /// Download what the host has for this terminal: parameters, CA keys, card applications, contactless parameters, the
    /// blacklist (下载). Without a set: how each stands.
    Download(download::Arguments),
    /// The self-test (自检): devices, printer and paper, keys, journal, space, clock, certificates and host. Exit status
    /// 1 where something is not good.
    Diagnose {
        /// Language of texts: `zh-CN` or `en`.
        #[arg(long, default_value = "en")]
        locale: String,
        /// As JSON, in both languages.
        #[arg(long)]
        json: bool,
    },
    /// Sell: make or find the sale, start it, follow it to its end.
    Sell(Sell),
    /// Undo a sale of this batch, whole (消费撤销). The supervisor types the password on the PIN pad.
    Void(Follow),
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

#[derive(Debug, Args)]
struct Sell {
    /// The amount in yuan, such as 12.34.
    amount: String,
    /// Your own name for the sale; the same name never charges twice.
    #[arg(long)]
    reference: String,
    /// Open the next attempt of a sale that ended without a charge.
    #[arg(long)]
    new_attempt: bool,
    /// A line for the receipt.
    #[arg(long)]
    note: Option<String>,
    /// One line of the goods: NAME,QUANTITY,YUAN, such as 苹果,0.5,6.00. May be given several times.
    #[arg(long, value_parser = goods)]
    goods: Vec<(String, u32, u64)>,
    /// Accept that the host approves a part.
    #[arg(long)]
    allow_partial: bool,
    /// Refuse instead of queueing.
    #[arg(long)]
    no_wait: bool,
    /// Language of texts: `zh-CN` or `en`.
    #[arg(long, default_value = "en")]
    locale: String,
}

#[derive(Debug, Args)]
struct Follow {
    #[command(flatten)]
    sell: Sell,
    #[command(flatten)]
    original: OriginalArguments,
}

/// One way to name the original.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct OriginalArguments {
    /// Your own name for the original.
    #[arg(long)]
    original: Option<String>,
    /// Its trace number (凭证号), in the present batch.
    #[arg(long)]
    trace: Option<u32>,
    /// Its reference number (参考号).
    #[arg(long)]
    rrn: Option<String>,
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
        Command::Setup(arguments) => return setup::run(&arguments),
        Command::Operator(arguments) => return operator::run(arguments).await,
        Command::Audit(arguments) => return audit::run(arguments).await,
        Command::Download(arguments) => return download::run(arguments).await,
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
        Command::Diagnose { locale, json } => {
            let checks = terminal.diagnose().await?;
            if json {
                writeln!(out, "{}", show::checks_json(&checks))?;
            } else {
                show::checks(&mut out, &checks, &locale)?;
            }
            if checks.iter().any(|check| !check.good) {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Sell(sell) => return self::sell(&terminal, "sale", sell, None).await,
        Command::Void(follow) => return self::follow(&terminal, "void", follow).await,
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
        Command::Decode(_)
        | Command::Sim(_)
        | Command::Operator(_)
        | Command::Audit(_)
        | Command::Download(_)
        | Command::Setup(_) => {}
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

/// Minor units of an amount in yuan with at most two decimals.
fn minor_units(amount: &str) -> Result<u64, Failure> {
    let wrong = || Failure::Usage(format!("{amount:?} is no amount in yuan: write it like 12.34"));
    let (whole, cents) = amount.split_once('.').unwrap_or((amount, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || cents.len() > 2 || !digits(whole) || !digits(cents) {
        return Err(wrong());
    }
    format!("{whole}{cents:0<2}").parse().map_err(|_| wrong())
}

/// A line of goods: its name, quantity in thousandths and amount in minor units.
fn goods(text: &str) -> Result<(String, u32, u64), String> {
    let wrong = || format!("{text:?} is no line of goods: write it like 苹果,0.5,6.00");
    let mut parts = text.rsplitn(3, ',');
    let (amount, quantity, name) = (parts.next(), parts.next(), parts.next());
    let (Some(amount), Some(quantity), Some(name)) = (amount, quantity, name) else { return Err(wrong()) };
    let (whole, rest) = quantity.split_once('.').unwrap_or((quantity, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.len() > 3 || !digits(whole) || !digits(rest) {
        return Err(wrong());
    }
    let thousandths = format!("{whole}{rest:0<3}").parse().map_err(|_| wrong())?;
    Ok((name.to_owned(), thousandths, minor_units(amount).map_err(|_| wrong())?))
}

async fn follow(terminal: &Terminal, kind: &str, follow: Follow) -> Result<ExitCode, Failure> {
    let OriginalArguments { original, trace, rrn } = follow.original;
    let original =
        original.map(Original::Reference).or(trace.map(Original::Trace)).or(rrn.map(Original::Rrn));
    sell(terminal, kind, follow.sell, original).await
}

async fn sell(
    terminal: &Terminal,
    kind: &str,
    sell: Sell,
    original: Option<Original>,
) -> Result<ExitCode, Failure> {
    let amount = minor_units(&sell.amount)?;
    let options = CreateOptions {
        locale: Some(sell.locale.clone()),
        allow_partial: sell.allow_partial,
        no_wait: sell.no_wait,
        note: sell.note,
        goods: sell.goods,
        original,
    };
    let mut transaction = terminal.create_of(kind, &sell.reference, amount, &options).await?;
    if sell.new_attempt {
        transaction = terminal.new_attempt(&sell.reference).await?;
    }
    let mut out = io::stdout();
    let mut shown = (String::new(), 0);
    let details = transaction
        .sell(|change| {
            let now = (change.state.clone(), change.pin_digits);
            if now != shown {
                shown = now;
                // The sale goes on whether or not anybody reads this.
                let _ = show::progress(&mut out, change, &sell.locale);
            }
        })
        .await?;
    let mut out = io::stdout();
    show::transaction(&mut out, &details)?;
    Ok(if details.is_charged() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_made() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn lines_of_goods() {
        assert_eq!(goods("苹果,0.5,6.00"), Ok(("苹果".to_owned(), 500, 600)));
        assert_eq!(goods("tea, green,12,3").map(|line| line.1), Ok(12_000));
        for wrong in ["", "a", "a,1", "a,x,1", "a,1.0001,1", "a,1,x", "a,.5,1"] {
            assert!(goods(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_in_yuan() {
        assert_eq!(minor_units("12.34").unwrap(), 1234);
        assert_eq!(minor_units("12").unwrap(), 1200);
        assert_eq!(minor_units("0.5").unwrap(), 50);
        for wrong in ["", ".5", "1.234", "-1", "1,5", "1e3", "99999999999999999999"] {
            assert!(minor_units(wrong).is_err(), "{wrong}");
        }
    }
}
