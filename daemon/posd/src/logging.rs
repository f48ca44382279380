//! The log: the system journal where there is one, else the standard error stream.

use crate::run::Fault;
use log::LevelFilter;
use posd_terminal::Note;
use std::{io::Write, process::ExitCode};
use systemd_journal_logger::JournalLog;

/// Sets the logger up. Called once, first.
pub(crate) fn start() {
    let journal = systemd_journal_logger::connected_to_journal();
    let installed = journal && JournalLog::new().is_ok_and(|journal| journal.install().is_ok());
    if !installed {
        // A second logger cannot be there yet; if it is, it stays.
        let _ = log::set_boxed_logger(Box::new(Plain));
    }
    log::set_max_level(LevelFilter::Info);
    // A task that has panicked may have left anything behind: the process ends, and recovery starts from the journal.
    // The release profile aborts by itself; test builds share their unwinding dependencies with the tests.
    std::panic::set_hook(Box::new(|panic| {
        log::error!("{panic}");
        std::process::abort();
    }));
}

/// Says why the daemon ends.
pub(crate) fn fatal(fault: &Fault) -> ExitCode {
    log::error!("{fault}");
    ExitCode::FAILURE
}

/// What an administrator may act on.
pub(crate) fn note(note: &Note) {
    match note {
        Note::Recovered { transaction } => {
            log::warn!(
                "transaction {transaction} was interrupted after its request may have left; it is reversed"
            );
        }
        Note::ReversalDone { transaction, response_code } => {
            log::info!("the reversal of transaction {transaction} was answered with {response_code}");
        }
        Note::ReversalTryFailed { transaction, result } => {
            log::warn!("the reversal of transaction {transaction} is still open: {result}");
        }
        Note::AdviceNeedsAction { advice, transaction, result } => {
            log::warn!(
                "the host did not take advice {advice} of transaction {transaction}: {result}; see the queue"
            );
        }
        Note::AnswerDropped(why) => log::warn!("an answer of the host was dropped: {why}"),
        Note::StorageFault(what) => log::error!("the journal cannot be read: {what}"),
        Note::AuditHead(head) => log::info!("the audit chain ends at {head}"),
        Note::Service(reasons) if reasons.is_empty() => log::info!("in service"),
        Note::Service(reasons) => log::warn!("out of service: {}", reasons.join(", ")),
        Note::HostRequirement(digit) => log::info!("the host asks for processing requirement {digit}"),
    }
}

struct Plain;

impl log::Log for Plain {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        // There is nobody to tell that the standard error stream is closed.
        let _ =
            writeln!(std::io::stderr(), "posd {}: {}", record.level().as_str().to_lowercase(), record.args());
    }

    fn flush(&self) {}
}
