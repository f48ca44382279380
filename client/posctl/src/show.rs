//! Transactions and the terminal, for people.

use posd_client::{Check, Details, TerminalState};
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
        ("class", "response-class"),
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
    if details.result_flag("try-again") {
        writeln!(out, "try again    yes: the same command with --new-attempt")?;
    }
    for (label, key) in [("batch", "batch"), ("trace", "trace")] {
        if let Some(value) = details.result_number(key) {
            writeln!(out, "{label:12} {value:06}")?;
        }
    }
    Ok(())
}

/// A diagnosis: what is wrong says why, and what to do.
pub(crate) fn checks(out: &mut impl Write, checks: &[Check], locale: &str) -> io::Result<()> {
    for check in checks {
        let mark = if check.good { "good" } else { "BAD " };
        writeln!(out, "{mark}  {:14} {}", check.code, check.detail)?;
        if !check.good {
            let text = |texts: &std::collections::HashMap<String, String>| {
                texts.get(locale).cloned().unwrap_or_default()
            };
            writeln!(out, "      {}; {}", text(&check.cause), text(&check.action))?;
        }
    }
    Ok(())
}

/// The same as JSON.
pub(crate) fn checks_json(checks: &[Check]) -> serde_json::Value {
    let one = |check: &Check| {
        serde_json::json!({
            "code": check.code, "good": check.good, "detail": check.detail,
            "cause": check.cause, "action": check.action,
        })
    };
    checks.iter().map(one).collect()
}

/// The terminal.
pub(crate) fn terminal(out: &mut impl Write, state: &TerminalState) -> io::Result<()> {
    writeln!(out, "state        {} {}", state.state, state.reasons.join(", "))?;
    for line in state.reason_texts.get("en").into_iter().flat_map(|text| text.lines()) {
        writeln!(out, "             {line}")?;
    }
    writeln!(out, "merchant     {} ({})", state.merchant_name, state.merchant)?;
    writeln!(out, "terminal     {}", state.terminal)?;
    writeln!(out, "signed in    {}", if state.signed_in { "yes" } else { "no" })?;
    let operator = if state.operator.is_empty() { "-" } else { &state.operator };
    writeln!(out, "operator     {operator}{}", if state.locked { " (locked)" } else { "" })?;
    writeln!(out, "batch        {:06}", state.batch)?;
    writeln!(out, "reversals    {}", state.pending_reversals)?;
    writeln!(out, "version      {}", state.version)
}
