//! The runner's ports: each hands what it is given to the task that does the work.

use crate::{bus, clock::Clock, facts, host_link, logging, printer, vault_link};
use posd_receipt::Slip;
use posd_runner::{Ports, Report};
use posd_terminal::{Answer, CallError, CallId, Event, ExchangeId, Moment, Note, PrintJob};
use posd_vault_protocol::{Request, Secret};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The way to the runner.
#[derive(Debug, Clone)]
pub(crate) struct Events(UnboundedSender<Event>);

impl Events {
    pub(crate) fn new() -> (Events, UnboundedReceiver<Event>) {
        let (sender, receiver) = unbounded_channel();
        (Events(sender), receiver)
    }

    pub(crate) fn send(&self, event: Event) {
        // The runner ends only with the process, which is then ending.
        let _ = self.0.send(event);
    }
}

/// Everything outside of terminal and journal. A channel whose task has ended is the process ending.
#[derive(Debug)]
pub(crate) struct DaemonPorts {
    pub(crate) clock: Clock,
    pub(crate) bus: UnboundedSender<bus::Outgoing>,
    pub(crate) vault: UnboundedSender<vault_link::Command>,
    pub(crate) host: UnboundedSender<host_link::Command>,
    pub(crate) printer: UnboundedSender<printer::Command>,
    pub(crate) facts: UnboundedSender<facts::Command>,
}

impl Ports for DaemonPorts {
    fn now(&self) -> Moment {
        self.clock.now()
    }

    fn random(&mut self) -> [u8; 8] {
        let mut bytes = [0; 8];
        if getrandom::fill(&mut bytes).is_err() {
            // Without unpredictable numbers no card may be spoken to, and Linux gives them always once booted.
            log::error!("the system gives no random numbers");
            std::process::abort();
        }
        bytes
    }

    fn reply(&mut self, call: CallId, answer: Result<Answer, CallError>) {
        let _ = self.bus.send(bus::Outgoing::Reply(call, answer));
    }

    fn ask_vault(&mut self, id: u32, request: Request) {
        let _ = self.vault.send(vault_link::Command::Ask(id, request));
    }

    fn reset_vault(&mut self) {
        let _ = self.vault.send(vault_link::Command::Reset);
    }

    fn send_to_host(&mut self, exchange: ExchangeId, frame: Secret) {
        let _ = self.host.send(host_link::Command::Send(exchange, frame));
    }

    fn close_exchange(&mut self, exchange: ExchangeId) {
        let _ = self.host.send(host_link::Command::Close(exchange));
    }

    fn report(&mut self, report: Report) {
        let _ = self.bus.send(bus::Outgoing::Report(report));
    }

    fn print(&mut self, job: PrintJob, slip: Slip) {
        let _ = self.printer.send(printer::Command { job, slip });
    }

    fn measure(&mut self, printer: bool) {
        let _ = self.facts.send(facts::Command { printer });
    }

    fn note(&mut self, note: Note) {
        logging::note(&note);
    }
}
