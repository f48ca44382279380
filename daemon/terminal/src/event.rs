//! Events in, effects out.

use crate::{
    audit::AuditHead,
    call::{Answer, Call, CallError, CallId, Caller, ConnectionId},
    diagnosis::Facts,
    offline::Admission,
    record::{PrintJob, PrintState, StorageFault, WallTime, Write},
    settlement::SettlementView,
    state::Cause,
    view::{TerminalView, TransactionView},
};
use posd_receipt::Slip;
use posd_vault_protocol::{DeviceState, Notice, Reply, Request, Secret, Status};

/// When an event happened. The terminal has no clock of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// Milliseconds of a clock that never goes back; every deadline is counted in it.
    pub monotonic_ms: u64,
    /// The wall clock.
    pub wall: WallTime,
    /// The wall clock in the shop's own time zone.
    pub local: LocalTime,
}

/// A local date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalTime {
    /// Year, 2000 to 2099.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
    /// Hour, 0 to 23.
    pub hour: u8,
    /// Minute, 0 to 59.
    pub minute: u8,
    /// Second, 0 to 59.
    pub second: u8,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The daemon has started and the journal is open: recover.
    Started,
    /// The journal's full check ended.
    JournalChecked(Result<(), StorageFault>),
    /// An app calls.
    Call {
        /// Answer with this number.
        id: CallId,
        /// Who.
        caller: Caller,
        /// What.
        call: Call,
    },
    /// A client connection ended.
    CallerGone(ConnectionId),
    /// The vault is connected and told its status.
    VaultUp(Status),
    /// The connection to the vault is lost. No reply will come any more.
    VaultDown,
    /// A reply of the vault.
    VaultReply(u32, Reply),
    /// A notice of the vault.
    VaultNotice(Notice),
    /// What became of a request to the host.
    Host(ExchangeId, HostResult),
    /// A timer set by [`Effect::SetTimer`] is over.
    Timer(Timer),
    /// Eight bytes asked for by [`Effect::DrawRandom`], fresh from the system's generator.
    Random([u8; 8]),
    /// Whether an [`Effect::CommitIf`] was made durable, or which limit refused it and nothing was written.
    Admitted(Result<(), Cause>),
    /// A print job moved on.
    Printed(u64, PrintState),
    /// What [`Effect::Measure`] found.
    Measured(Facts),
    /// The code scanner came, went or failed. Without this there is none.
    Scanner(DeviceState),
    /// The code scanner has read something.
    Scanned(Secret),
}

/// Numbers one request to the host.
pub type ExchangeId = u64;

/// What became of a request to the host.
#[derive(Debug, PartialEq, Eq)]
pub enum HostResult {
    /// One frame came, without its length prefix. More may follow until the exchange is closed.
    Answer(Secret),
    /// No byte of the request reached the socket.
    NotSent,
    /// At least one byte may have left, and the connection ended.
    Lost,
}

/// The terminal's timers; setting one again replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timer {
    /// The running transaction's present step.
    Step,
    /// The reply timer of the present exchange.
    Reply,
    /// The secure module's patience: it has not replied.
    Vault,
    /// The next background try of a reversal or advice.
    Retry,
    /// The next try of a settlement.
    Settlement,
    /// A downloaded set may be old.
    Download,
    /// The next look at the daemon's own facts.
    Look,
}

/// What to do. The runner performs effects in order; after a [`Effect::Commit`] that fails none of the later ones are.
#[derive(Debug)]
pub enum Effect {
    /// Make these writes durable together, before anything that follows.
    Commit(Vec<Write>),
    /// Make these writes durable together if the journal, inside the same transaction, finds that the limits allow
    /// it. The answer comes at once as [`Event::Admitted`], before any other event.
    CommitIf(Box<Admission>, Vec<Write>),
    /// Answer a call.
    Reply(CallId, Result<Answer, CallError>),
    /// Ask the vault.
    Vault(u32, Request),
    /// Close the connection to the vault and make a new one: it did not reply.
    ResetVault,
    /// Send one frame (without length prefix) to the host, connecting if need be, and listen for answers.
    SendToHost(ExchangeId, Secret),
    /// Close the exchange: later answers to it are dropped.
    CloseExchange(ExchangeId),
    /// Start a timer that ends in so many milliseconds.
    SetTimer(Timer, u64),
    /// Stop a timer.
    StopTimer(Timer),
    /// Draw eight fresh random bytes.
    DrawRandom,
    /// A transaction changed: tell its owner.
    Report(Box<TransactionView>),
    /// The terminal changed: tell everyone.
    ReportTerminal(Box<TerminalView>),
    /// A settlement changed: tell the user who called for it.
    ReportSettlement(Box<SettlementView>),
    /// A print job changed: tell whose it is, the user of that uid.
    ReportPrintJob(u32, PrintJob),
    /// Print.
    Print(PrintJob, Box<Slip>),
    /// Look at what the daemon holds itself: space for the journal, and the printer where it is wanted.
    Measure {
        /// The printer too.
        printer: bool,
    },
    /// Something an administrator may act on.
    Note(Note),
}

/// Log entries with a stable meaning. None carries card data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Recovery found a request without an outcome.
    Recovered {
        /// The transaction.
        transaction: u64,
    },
    /// A reversal was answered.
    ReversalDone {
        /// The transaction.
        transaction: u64,
        /// Field 39.
        response_code: String,
    },
    /// A try of a reversal failed.
    ReversalTryFailed {
        /// The transaction.
        transaction: u64,
        /// Why.
        result: String,
    },
    /// The host did not take an advice.
    AdviceNeedsAction {
        /// The advice.
        advice: u64,
        /// Its transaction.
        transaction: u64,
        /// Field 39, or why else.
        result: String,
    },
    /// An answer was dropped: it belongs to no request, or to another one.
    AnswerDropped(&'static str),
    /// A journal read failed.
    StorageFault(String),
    /// The host's header asks for something.
    HostRequirement(u8),
    /// Why the terminal is out of service now; empty when it is in service.
    Service(Vec<&'static str>),
    /// The end of the audit chain, for a log that is kept elsewhere.
    AuditHead(AuditHead),
}
