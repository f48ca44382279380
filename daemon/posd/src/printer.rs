//! Receipts to the printer's driver, and its word back.

use crate::{configuration::Printer, ports::Events};
use posd_devices::{Job, State, Target};
use posd_receipt::{Slip, escpos};
use posd_terminal::{Event, PrintJob, PrintState};
use tokio::sync::mpsc::{UnboundedReceiver, channel};

/// A slip to print.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) job: PrintJob,
    pub(crate) slip: Slip,
}

impl Printer {
    fn target(self) -> Option<Target> {
        match (self.device, self.tty, self.tcp) {
            (Some(path), None, None) => Some(Target::Character(path)),
            (None, Some(path), None) => Some(Target::Tty(path, self.baud.unwrap_or(9_600))),
            (None, None, Some(address)) => Some(Target::Tcp(address)),
            _ => None,
        }
    }
}

/// Serves the runner until it ends.
pub(crate) async fn serve(
    printer: Option<Printer>,
    mut commands: UnboundedReceiver<Command>,
    events: Events,
) {
    let Some(target) = printer.and_then(Printer::target) else {
        while let Some(Command { job, .. }) = commands.recv().await {
            events.send(Event::Printed(job.id, PrintState::Failed));
        }
        return;
    };
    let (jobs, queue) = channel(1);
    tokio::spawn(posd_devices::run(target, queue, move |id, state| {
        let state = match state {
            State::Printing => PrintState::Printing,
            State::NeedsPaper => PrintState::NeedsPaper,
            State::Done => PrintState::Done,
            State::Failed => PrintState::Failed,
        };
        events.send(Event::Printed(id, state));
    }));
    while let Some(Command { job, slip }) = commands.recv().await {
        let bytes = escpos(&slip.lines(job.copy, job.reprint));
        let again = escpos(&slip.lines(job.copy, true));
        if jobs.send(Job { id: job.id, bytes, again }).await.is_err() {
            return;
        }
    }
}
