//! Transactions and the terminal, for people.

use posd_client::{Details, TerminalState};
use std::io::{self, Write};

fn yuan(minor: u64) -> String {
    format!("CNY {}.{:02}", minor / 100, minor % 100)
}

/// One line of a list.
pub(crate) fn line(out: &mut impl Write, details: &Details) -> io::Result<()> {
    let outcome = if details.outcome.is_empty() { &details.state } else { &details.outcome };
    let cause = details.result_text("cause").unwrap_or_default();
    writeln!(
        out,
        "{:>6}  {:24} #{}  {:>16}  {outcome} {cause}",
        details.id,
        details.reference,
        details.attempt,
        yuan(details.amount)
    )
}

/// A change on its way.
pub(crate) fn progress(out: &mut impl Write, details: &Details, locale: &str) -> io::Result<()> {
    let digits = "*".repeat(usize::from(details.pin_digits));
    let queue =
        if details.queue_position > 0 { format!(" ({})", details.queue_position) } else { String::new() };
    writeln!(out, "  {:22} {}{queue} {digits}", details.state, details.prompt_text(locale))
}

/// Everything about a transaction.
pub(crate) fn transaction(out: &mut impl Write, details: &Details) -> io::Result<()> {
    writeln!(out, "transaction  {} (attempt {} of {:?})", details.id, details.attempt, details.reference)?;
    writeln!(out, "amount       {}", yuan(details.amount))?;
    writeln!(out, "state        {}", details.state)?;
    if !details.outcome.is_empty() {
        writeln!(out, "outcome      {}", details.outcome)?;
    }
    let rows = [
        ("cause", "cause"),
        ("text", "text"),
        ("to do", "cashier-action"),
        ("code", "response-code"),
        ("card", "masked-pan"),
        ("RRN", "rrn"),
        ("auth code", "authorisation-code"),
        ("TC", "transaction-certificate"),
    ];
    for (label, key) in rows {
        if let Some(value) = details.result_text(key).filter(|value| !value.is_empty() && value != "none") {
            writeln!(out, "{label:12} {value}")?;
        }
    }
    if let Some(balance) = details.balance() {
        let sign = if balance < 0 { "-" } else { "" };
        writeln!(out, "balance      {sign}{}", yuan(balance.unsigned_abs()))?;
    }
    for (label, key) in [("batch", "batch"), ("trace", "trace")] {
        if let Some(value) = details.result_number(key) {
            writeln!(out, "{label:12} {value:06}")?;
        }
    }
    Ok(())
}

/// The terminal.
pub(crate) fn terminal(out: &mut impl Write, state: &TerminalState) -> io::Result<()> {
    writeln!(out, "state        {} {}", state.state, state.reasons.join(", "))?;
    writeln!(out, "merchant     {} ({})", state.merchant_name, state.merchant)?;
    writeln!(out, "terminal     {}", state.terminal)?;
    writeln!(out, "signed in    {}", if state.signed_in { "yes" } else { "no" })?;
    let operator = if state.operator.is_empty() { "-" } else { &state.operator };
    writeln!(out, "operator     {operator}{}", if state.locked { " (locked)" } else { "" })?;
    writeln!(out, "batch        {:06}", state.batch)?;
    writeln!(out, "reversals    {}", state.pending_reversals)?;
    writeln!(out, "unresolved   {}", state.unresolved_refunds)?;
    writeln!(out, "version      {}", state.version)
}
