//! What the runner needs of the world.

use posd_receipt::Slip;
use posd_terminal::{
    Admission, Answer, CallError, CallId, Cause, Effect, Event, ExchangeId, Moment, Note, PrintJob, Records,
    SettlementView, StorageFault, Terminal, TerminalView, TransactionView, Write,
};
use posd_vault_protocol::{Request, Secret};
use std::ops::ControlFlow;

/// What decides: events in, effects out. [`Terminal`] is the one; a test may put a faulty one in its place.
pub trait Flow {
    /// What follows from an event.
    fn handle(&mut self, event: Event, moment: Moment, records: &dyn Records) -> Vec<Effect>;
}

impl Flow for Terminal {
    fn handle(&mut self, event: Event, moment: Moment, records: &dyn Records) -> Vec<Effect> {
        Terminal::handle(self, event, moment, records)
    }
}

/// Durable memory.
pub trait Journal: Records {
    /// Makes the writes durable, all or none; when this returns `Ok` a power cut does not undo them.
    ///
    /// # Errors
    /// [`StorageFault`]; the caller treats it as the end of this process.
    fn commit(&mut self, writes: &[Write]) -> Result<(), StorageFault>;

    /// The same where the limits allow it, which is judged over what stands at risk inside the same transaction. The
    /// inner error is the limit that refuses it: then nothing was written.
    ///
    /// # Errors
    /// As [`Journal::commit`].
    fn commit_if(
        &mut self,
        admission: &Admission,
        writes: &[Write],
    ) -> Result<Result<(), Cause>, StorageFault>;
}

/// Everything else. No call here may block for long; what takes time comes back as an [`Event`].
pub trait Ports {
    /// Asked before each effect; a break stops the runner there. The daemon never breaks, the simulation's power does.
    fn before(&mut self, _effect: &Effect) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// The present moment.
    fn now(&self) -> Moment;
    /// Eight fresh bytes of the system's generator.
    fn random(&mut self) -> [u8; 8];
    /// Answers a call.
    fn reply(&mut self, call: CallId, answer: Result<Answer, CallError>);
    /// Asks the vault; the reply comes as [`Event::VaultReply`] with this number.
    fn ask_vault(&mut self, id: u32, request: Request);
    /// Closes the connection to the vault and makes a new one, which comes as [`Event::VaultUp`].
    fn reset_vault(&mut self);
    /// Sends one frame to the host; what comes of it comes as [`Event::Host`].
    fn send_to_host(&mut self, exchange: ExchangeId, frame: Secret);
    /// Closes an exchange: its connection ends, later answers to it are dropped.
    fn close_exchange(&mut self, exchange: ExchangeId);
    /// Tells the bus.
    fn report(&mut self, report: Report);
    /// Prints; progress comes as [`Event::Printed`].
    fn print(&mut self, job: PrintJob, slip: Slip);
    /// Looks at space and, where it is wanted, the printer; what is found comes as [`Event::Measured`].
    fn measure(&mut self, printer: bool);
    /// Logs.
    fn note(&mut self, note: Note);
}

/// What the bus is told, in order.
#[derive(Debug, Clone)]
pub enum Report {
    /// A transaction changed; for its owner only.
    Transaction(Box<TransactionView>),
    /// The terminal changed; for everyone.
    Terminal(Box<TerminalView>),
    /// A settlement changed; for the user who called for it.
    Settlement(Box<SettlementView>),
    /// A print job changed; for whose it is only, the user of that uid.
    PrintJob(u32, PrintJob),
}
