//! Receipts to the printer's driver, and its word back.

use crate::ports::Events;
use posd::configuration::Printer;
use posd_devices::{Job, State, Target};
use posd_receipt::{Slip, escpos};
use posd_terminal::{Event, PrintJob, PrintState};
use tokio::sync::{
    mpsc::{UnboundedReceiver, channel},
    watch,
};

/// A slip to print.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) job: PrintJob,
    pub(crate) slip: Slip,
}

/// Where the configuration says that the printer is.
pub(crate) fn target(printer: Printer) -> Option<Target> {
    match (printer.device, printer.tty, printer.tcp) {
        (Some(path), None, None) => Some(Target::Character(path)),
        (None, Some(path), None) => Some(Target::Tty(path, printer.baud.unwrap_or(9_600))),
        (None, None, Some(address)) => Some(Target::Tcp(address)),
        _ => None,
    }
}

/// How the present job stands; nothing between two jobs.
pub(crate) type Present = Option<State>;

/// Serves the runner until it ends.
pub(crate) async fn serve(
    target: Option<Target>,
    mut commands: UnboundedReceiver<Command>,
    present: watch::Sender<Present>,
    events: Events,
) {
    let Some(target) = target else {
        while let Some(Command { job, .. }) = commands.recv().await {
            events.send(Event::Printed(job.id, PrintState::Failed));
        }
        return;
    };
    let (jobs, queue) = channel(1);
    tokio::spawn(posd_devices::run(target, queue, move |id, state| {
        present.send_replace(Some(state).filter(|state| !matches!(state, State::Done | State::Failed)));
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
