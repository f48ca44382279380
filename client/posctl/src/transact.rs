//! Transactions: made or found, started, and followed to their end.

use crate::{Failure, show};
use clap::Args;
use posd_client::{CreateOptions, External, HostNumbers, Original, Terminal, Transaction};
use std::{
    io::{self, Write},
    process::ExitCode,
};

#[derive(Debug, Args)]
pub(crate) struct Sell {
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
pub(crate) struct Follow {
    #[command(flatten)]
    sell: Sell,
    #[command(flatten)]
    original: OriginalArguments,
}

/// One way to name the original: one option alone; or `--date` with what else its slip or the acquirer's records say,
/// where it is not in this terminal's journal.
#[derive(Debug, Args)]
pub(crate) struct OriginalArguments {
    /// Your own name for the original.
    #[arg(long, required_unless_present_any = ["trace", "rrn", "date"], conflicts_with_all = ["trace", "rrn", "date"])]
    original: Option<String>,
    /// Its trace number (凭证号); without --date in the present batch.
    #[arg(long, conflicts_with = "rrn")]
    trace: Option<u32>,
    /// Its reference number (参考号).
    #[arg(long)]
    rrn: Option<String>,
    /// Its date by the host, MMDD: the original is of another terminal or an older journal. The supervisor is asked.
    #[arg(long)]
    date: Option<String>,
    /// Its authorisation code (授权码).
    #[arg(long, requires = "date")]
    authorisation_code: Option<String>,
    /// Its batch number (批次号).
    #[arg(long, requires = "date")]
    batch: Option<u32>,
}

impl OriginalArguments {
    fn original(self) -> Option<Original> {
        let OriginalArguments { original, trace, rrn, date, authorisation_code, batch } = self;
        match date {
            Some(date) => Some(Original::External(External { date, rrn, authorisation_code, batch, trace })),
            None => {
                original.map(Original::Reference).or(trace.map(Original::Trace)).or(rrn.map(Original::Rrn))
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Instalment {
    #[command(flatten)]
    sell: Sell,
    /// Into how many instalments the amount is split.
    #[arg(long)]
    instalments: u8,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// Your own name for the inquiry.
    #[arg(long)]
    reference: String,
    /// Language of texts: `zh-CN` or `en`.
    #[arg(long, default_value = "en")]
    locale: String,
}

#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// The transaction's number.
    id: u64,
    /// The acquirer holds it.
    #[arg(long, required_unless_present = "not_booked", conflicts_with = "not_booked")]
    booked: bool,
    /// The acquirer does not hold it.
    #[arg(long)]
    not_booked: bool,
    /// Its reference number (参考号) in the acquirer's records.
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

pub(crate) async fn follow(terminal: &Terminal, kind: &str, follow: Follow) -> Result<ExitCode, Failure> {
    make(terminal, kind, follow.sell, follow.original.original(), None).await
}

pub(crate) async fn sell(terminal: &Terminal, kind: &str, sell: Sell) -> Result<ExitCode, Failure> {
    make(terminal, kind, sell, None, None).await
}

pub(crate) async fn instalment(terminal: &Terminal, asked: Instalment) -> Result<ExitCode, Failure> {
    make(terminal, "instalment", asked.sell, None, Some(asked.instalments)).await
}

/// Asks for the balance of a card.
pub(crate) async fn balance(terminal: &Terminal, ask: Ask) -> Result<ExitCode, Failure> {
    let options = CreateOptions { locale: Some(ask.locale.clone()), ..CreateOptions::default() };
    let transaction = terminal.create_of("balance-inquiry", &ask.reference, 0, &options).await?;
    run(&transaction, &ask.locale).await
}

async fn make(
    terminal: &Terminal,
    kind: &str,
    sell: Sell,
    original: Option<Original>,
    instalments: Option<u8>,
) -> Result<ExitCode, Failure> {
    let amount = minor_units(&sell.amount)?;
    let options = CreateOptions {
        locale: Some(sell.locale.clone()),
        allow_partial: sell.allow_partial,
        no_wait: sell.no_wait,
        note: sell.note,
        original,
        instalments,
    };
    let mut transaction = terminal.create_of(kind, &sell.reference, amount, &options).await?;
    if sell.new_attempt {
        transaction = terminal.new_attempt(&sell.reference).await?;
    }
    run(&transaction, &sell.locale).await
}

/// Starts a transaction where it has not, and follows it to its end.
async fn run(transaction: &Transaction, locale: &str) -> Result<ExitCode, Failure> {
    let mut out = io::stdout();
    let mut shown = (String::new(), 0);
    let details = transaction
        .sell(|change| {
            let now = (change.state.clone(), change.pin_digits);
            if now != shown {
                shown = now;
                // The sale goes on whether or not anybody reads this.
                let _ = show::progress(&mut out, change, locale);
            }
        })
        .await?;
    let mut out = io::stdout();
    show::transaction(&mut out, &details)?;
    Ok(if details.is_charged() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what came of a transaction.
pub(crate) async fn resolve(terminal: &Terminal, resolve: Resolve) -> Result<ExitCode, Failure> {
    let mut out = io::stdout();
    let mut password = String::new();
    if resolve.password_on_stdin {
        io::stdin().read_line(&mut password)?;
    } else {
        writeln!(out, "the supervisor types the password on the PIN pad")?;
    }
    let Resolve { id, booked, rrn, authorisation_code, date, .. } = resolve;
    let numbers = HostNumbers { rrn, authorisation_code, date };
    terminal.resolve(id, booked, &numbers, password.trim_end_matches('\n')).await?;
    show::transaction(&mut out, &terminal.get(id).await?.details().await?)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

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
