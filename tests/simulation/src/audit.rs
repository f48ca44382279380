//! What the audit chain must say when everything is at rest, whatever was cut off in between.

use crate::oracle::Violation;
use posd_journal::Journal;
use posd_terminal::{Attempt, AuditChain, AuditEvent, AuditRow};
use std::collections::BTreeMap;

/// The chain is whole, and each transaction has one row for its making and one for each outcome in turn.
pub(crate) fn check(journal: &Journal, attempts: &[Attempt]) -> Result<(), Violation> {
    let rows = journal.audit_rows(0, u32::MAX).map_err(|fault| Violation(fault.to_string()))?;
    let mut chain = AuditChain::new(None);
    for row in &rows {
        chain.follow(row).map_err(|fault| Violation(fault.to_string()))?;
    }
    let mut made: BTreeMap<String, u32> = BTreeMap::new();
    let mut outcomes: BTreeMap<String, String> = BTreeMap::new();
    for row in &rows {
        if row.event == AuditEvent::TransactionCreated.word() {
            *made.entry(word(row, "transaction")).or_default() += 1;
        }
        if row.event == AuditEvent::TransactionOutcome.word() {
            let (id, outcome) = (word(row, "transaction"), word(row, "outcome"));
            if outcomes.insert(id.clone(), outcome.clone()).as_ref() == Some(&outcome) {
                return Err(Violation(format!("audit: transaction {id} became {outcome} twice")));
            }
        }
    }
    for attempt in attempts {
        let id = attempt.id.to_string();
        let said = outcomes.get(&id).map_or("", String::as_str);
        let is = attempt.outcome.map_or("", posd_terminal::Outcome::word);
        if made.get(&id) != Some(&1) || said != is {
            let times = made.get(&id).copied().unwrap_or(0);
            return Err(Violation(format!(
                "audit: transaction {id} was made {times} times, is {is:?} and is said to be {said:?}"
            )));
        }
    }
    Ok(())
}

fn word(row: &AuditRow, key: &str) -> String {
    let mut words = row.detail.split(' ').filter_map(|word| word.split_once('='));
    words.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned()).unwrap_or_default()
}
