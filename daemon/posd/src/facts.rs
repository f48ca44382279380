//! What the daemon finds of what it holds itself: space for the journal, the printer.

use crate::{ports::Events, printer};
use posd_devices::{Condition, State, Target};
use posd_terminal::{Event, Facts, PrinterCondition};
use std::path::PathBuf;
use tokio::sync::{mpsc::UnboundedReceiver, watch};

/// A look at everything; the printer only where it is wanted.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) printer: bool,
}

/// Where to look.
#[derive(Debug)]
pub(crate) struct Places {
    /// The journal's file.
    pub(crate) journal: PathBuf,
    /// Bytes that are not the journal's to fill.
    pub(crate) reserved_bytes: u64,
    pub(crate) printer: Option<Target>,
    /// How the present print job stands, where there is one.
    pub(crate) printing: watch::Receiver<printer::Present>,
}

/// Serves the runner until it ends.
pub(crate) async fn serve(places: Places, mut commands: UnboundedReceiver<Command>, events: Events) {
    while let Some(command) = commands.recv().await {
        let printer = if command.printer { Some(condition(&places).await) } else { None };
        events.send(Event::Measured(Facts { free_bytes: free_bytes(&places), printer }));
    }
}

fn free_bytes(places: &Places) -> Option<u64> {
    let directory = places.journal.parent().filter(|path| !path.as_os_str().is_empty());
    let found = nix::sys::statvfs::statvfs(directory.unwrap_or(std::path::Path::new("."))).ok()?;
    // What an ordinary user may still write.
    let free = found.blocks_available().saturating_mul(found.fragment_size());
    Some(free.saturating_sub(places.reserved_bytes))
}

async fn condition(places: &Places) -> PrinterCondition {
    let Some(target) = &places.printer else { return PrinterCondition::None };
    // A printer serves one connection at a time: while it prints, the job says how it is.
    let present = *places.printing.borrow();
    match present {
        Some(State::NeedsPaper) => PrinterCondition::NeedsPaper,
        Some(State::Printing) => PrinterCondition::Ready,
        Some(State::Done | State::Failed) | None => match posd_devices::probe(target).await {
            Condition::Ready => PrinterCondition::Ready,
            Condition::NeedsPaper => PrinterCondition::NeedsPaper,
            Condition::Missing => PrinterCondition::Missing,
            Condition::Mute => PrinterCondition::Mute,
        },
    }
}
