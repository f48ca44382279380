//! What a terminal is: the flow of a transaction, recovery and queue policy.
//!
//! What it is for: one state machine that takes events (a call of an app, a reply of the secure module, an answer of
//! the host, a timer) and gives effects (commit, send, report …) for the runner to perform in order.
//!
//! What it never does: it has no clock, no randomness, no socket, no thread, and knows no SQL and no bus. It never
//! sees a PIN or a key.
//!
//! Start reading at [`Event`] and [`Effect`], then the records.

mod advice;
mod audit;
mod authorise;
mod call;
mod calls;
mod card_session;
mod checks;
mod clock_check;
mod closing;
mod code;
mod diagnosis;
mod download;
mod event;
mod exchange;
mod forward;
mod initialisation;
mod kinds;
mod money;
mod offline;
mod operators;
mod original;
mod printing;
mod prompt;
mod queue;
mod record;
mod recovery;
mod resolve;
mod reversal;
mod sale;
mod sale_key;
mod session;
mod sets;
mod settings;
mod settlement;
mod signature;
mod slip;
mod state;
mod stored;
mod supervisor;
mod swipe;
mod tap;
mod terminal;
mod typed_card;
mod view;
mod wallet;

pub use audit::{AuditChain, AuditEvent, AuditFault, AuditHead, AuditRow};
pub use call::{
    Answer, Call, CallError, CallId, Caller, CancelAnswer, Check, ConnectionId, HostNumbers, PendingReversal,
};
pub use checks::{FINDINGS, Finding, finding};
pub use code::ShownCode;
pub use diagnosis::{Facts, PrinterCondition};
pub use event::{Effect, Event, ExchangeId, HostResult, LocalTime, Moment, Note, Timer};
pub use kinds::{Unfit, served};
pub use money::{Amount, Currency};
pub use offline::{Admission, AtRisk, OfflineLimits, OfflinePolicy, OfflineReadiness, OfflineTighter};
pub use posd_unionpay::Kind;
pub use prompt::{Locale, Prompt};
pub use queue::{QueueFilter, QueueRow};
pub use record::{
    Advice, AdviceId, AdviceKind, AdviceState, Attempt, CardKey, Closing, ClosingStep, Device, Link, Options,
    Original, OriginalName, PrintJob, PrintState, Records, Reversal, ReversalReason, ReversalState, Sealed,
    SlipOf, StorageFault, TransactionId, Try, WallTime, Write,
};
pub use sale_key::{Reference, SaleKey};
pub use sets::{DownloadSet, DownloadStage, SetContent, StoredSet};
pub use settings::{Deadlines, Settings};
pub use settlement::{
    Balance, BatchLine, BatchTotals, Compared, DetailLine, Mismatch, MismatchAction, MismatchKind,
    Settlement, SettlementCall, SettlementFault, SettlementSlip, SettlementState, SettlementStep,
    SettlementView, Sum, Upload,
};
pub use state::{Cause, Outcome, State};
pub use terminal::Terminal;
pub use view::{DownloadView, TerminalState, TerminalView, TransactionView};
