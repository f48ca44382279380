//! Receipts to the printer's driver, and its word back.

use crate::{configuration::Printer, ports::Events};
use posd_devices::{Job, Target};
use posd_receipt::Receipt;
use posd_terminal::{Event, PrintJob, PrintState};
use tokio::sync::mpsc::{UnboundedReceiver, channel};

/// A slip to print.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) job: PrintJob,
    pub(crate) receipt: Receipt,
}
