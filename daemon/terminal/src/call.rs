//! What a storefront app may ask, and what it is told. The D-Bus objects translate these one to one.

use crate::{
    audit::AuditHead,
    kinds::Unfit,
    money::Amount,
    offline::OfflineReadiness,
    queue::{QueueFilter, QueueRow},
    record::{AdviceId, Options, PrintJob, ReversalReason, TransactionId, Try, WallTime},
    sale_key::Reference,
    sets::DownloadSet,
    settlement::{BatchLine, Mismatch, SettlementCall, SettlementView},
    state::Cause,
    view::{TerminalView, TransactionView},
};
use posd_unionpay::Kind;
use posd_vault_protocol::{DeviceState, OperatorEntry, PasswordChange, Secret};

/// Pairs a call with its reply; chosen by the bus side, unique while the reply is outstanding.
pub type CallId = u64;

/// Who calls: the identity the bus reports, never a field of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub uid: u32,
    /// One client connection; the death of the connection that started a transaction cancels it (rule 4).
    pub connection: ConnectionId,
}

/// One client connection, numbered by the bus side.
pub type ConnectionId = u64;

/// A call.
#[derive(Debug)]
pub enum Call {
    /// Make a transaction, or find the latest attempt of the same sale (rule 3). Answer: [`Answer::Transaction`].
    Create {
        /// The caller's own name for the sale.
        reference: Reference,
        /// The type.
        kind: Kind,
        /// What to charge.
        amount: Amount,
        /// The app's choices.
        options: Box<Options>,
    },
    /// Open attempt n+1 of a sale whose attempt n ended without a charge. Answer: [`Answer::Transaction`].
    NewAttempt {
        /// The sale.
        reference: Reference,
    },
    /// The latest attempt of a sale. Answer: [`Answer::Transaction`].
    Find {
        /// The sale.
        reference: Reference,
    },
    /// One transaction of the caller. Answer: [`Answer::Transaction`].
    Get {
        /// Its number.
        id: TransactionId,
    },
    /// The caller's transactions, newest first. Answer: [`Answer::Transactions`].
    List {
        /// Only those older than this one.
        before: Option<TransactionId>,
        /// At most so many, 1 to 200.
        limit: u32,
    },
    /// The caller's final results that nobody has acknowledged, oldest first. Answer: [`Answer::Transactions`].
    Unacknowledged,
    /// Acknowledge a final result. Answer: [`Answer::Done`]; acknowledging twice is not an error.
    Acknowledge {
        /// Which.
        id: TransactionId,
    },
    /// Start or queue a created transaction. Answer: [`Answer::Done`].
    Start {
        /// Which.
        id: TransactionId,
    },
    /// Cancel. Answer: [`Answer::Cancel`] at once; `Finished` comes when all devices are idle.
    Cancel {
        /// Which.
        id: TransactionId,
    },
    /// Choose an application of the list shown. Answer: [`Answer::Done`].
    SelectApplication {
        /// Which transaction.
        id: TransactionId,
        /// Index into the candidates, from 0.
        index: u32,
    },
    /// Confirm the application, or that the signature is good. Answer: [`Answer::Done`].
    Confirm {
        /// Which.
        id: TransactionId,
    },
    /// The signature that the cardholder drew on a screen: it is stored and drawn on the slip, and ends the wait for it.
    /// Answer: [`Answer::Done`].
    Sign {
        /// Which.
        id: TransactionId,
        /// What was drawn.
        strokes: posd_receipt::Strokes,
    },
    /// Hand the customer's payment code over, where the app has read it. Answer: [`Answer::Done`].
    PresentCode {
        /// Which transaction.
        id: TransactionId,
        /// The code.
        code: Secret,
    },
    /// Print a copy of the receipt. Answer: [`Answer::PrintJob`].
    PrintReceipt {
        /// Which transaction.
        id: TransactionId,
        /// Which copy.
        copy: posd_receipt::Copy,
    },
    /// A transaction's print jobs. Answer: [`Answer::PrintJobs`].
    PrintJobs {
        /// Which transaction.
        id: TransactionId,
    },
    /// Sign in at the host (签到). Answer: [`Answer::Done`].
    SignIn,
    /// Sign out at the host (签退). Answer: [`Answer::Done`].
    SignOut,
    /// Log an operator in. Answer: [`Answer::Done`].
    LogIn {
        /// Two digits.
        operator: String,
        /// The password, where there is no PIN pad; else it is typed there.
        password: Option<Secret>,
    },
    /// Log the operator out. Answer: [`Answer::Done`].
    LogOut,
    /// Lock the screen: the operator stays logged in, and nothing new is made or started. Answer: [`Answer::Done`].
    Lock,
    /// Unlock it. Answer: [`Answer::Done`].
    Unlock {
        /// Whose password it is: the operator logged in where absent, or `00`.
        operator: Option<String>,
        /// The password, where there is no PIN pad.
        password: Option<Secret>,
    },
    /// Change an operator's own password. Answer: [`Answer::Done`].
    ChangePassword {
        /// Two digits.
        operator: String,
        /// Old and new, where there is no PIN pad; else they are typed there, the new one twice.
        passwords: Option<PasswordChange>,
    },
    /// Add an operator, with the initial password. Answer: [`Answer::Done`].
    AddOperator {
        /// `01` to `98`.
        operator: String,
        /// The supervisor's password, where there is no PIN pad.
        authority: Option<Secret>,
    },
    /// Delete an operator. Answer: [`Answer::Done`].
    DeleteOperator {
        /// `01` to `98`, and not logged in.
        operator: String,
        /// The supervisor's password, where there is no PIN pad.
        authority: Option<Secret>,
    },
    /// Give an operator its initial password back. Answer: [`Answer::Done`].
    ResetPassword {
        /// `00` to `98`, and not logged in.
        operator: String,
        /// The supervisor's password (the manager's for `00`), where there is no PIN pad.
        authority: Option<Secret>,
    },
    /// The operator table. Answer: [`Answer::Operators`].
    ListOperators,
    /// The end of the audit chain, to be kept elsewhere. Answer: [`Answer::AuditHead`].
    AuditHead,
    /// The terminal's state. Answer: [`Answer::Terminal`].
    Terminal,
    /// Say what came of a transaction whose outcome is not known, by the supervisor's word. Answer: [`Answer::Done`].
    Resolve {
        /// Which: the caller's own, or any where the caller is root.
        id: TransactionId,
        /// The acquirer holds it.
        booked: bool,
        /// The numbers that the host has given it, where somebody read them from the host's records.
        numbers: HostNumbers,
        /// The supervisor's password, where there is no PIN pad.
        authority: Option<Secret>,
    },
    /// Reversals not yet answered. Answer: [`Answer::Reversals`].
    PendingReversals,
    /// Try everything in the queue once, now. Answer: [`Answer::QueueLength`], when that is done.
    ForwardNow,
    /// Rows of the queue. Answer: [`Answer::Queue`].
    ListQueue {
        /// Which.
        filter: QueueFilter,
    },
    /// Send an advice again that needs action. Answer: [`Answer::Done`].
    RetryQueued {
        /// The advice.
        advice: AdviceId,
    },
    /// Say what came of an advice that needs action, by the supervisor's word: it is never sent again. Answer:
    /// [`Answer::Done`].
    ResolveQueued {
        /// The advice: of the caller's own transaction, or any where the caller is root.
        advice: AdviceId,
        /// The acquirer holds what it tells.
        booked: bool,
        /// The numbers that the host has given it, where somebody read them from the host's records.
        numbers: HostNumbers,
        /// The supervisor's password, where there is no PIN pad.
        authority: Option<Secret>,
    },
    /// Download a set from the host, or send parameters up, when the terminal is idle. Answer: [`Answer::Done`] at
    /// once; the terminal's view tells how it goes.
    Download {
        /// Which.
        set: DownloadSet,
    },
    /// What is left to sell without the host. Answer: [`Answer::OfflineReadiness`].
    OfflineReadiness,
    /// Check devices, keys, journal, space, clock, certificates and host. Answer: [`Answer::Diagnosis`].
    Diagnose,
    /// Settle the batch (结算), or go on with the settlement that waits. Everything older is delivered first. Answer:
    /// [`Answer::Settlement`].
    Settle,
    /// Ask about a settlement; the answer is told at [`SettlementCall`].
    Settlement {
        /// Its batch; the latest settlement where there is none.
        batch: Option<u32>,
        /// What.
        asked: SettlementCall,
    },
}

/// The numbers by which the host's records name a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostNumbers {
    /// Retrieval reference number (field 37), 12 characters.
    pub rrn: Option<String>,
    /// Authorisation code (field 38), 6 characters.
    pub authorisation_code: Option<String>,
    /// The host's date (field 13), MMDD.
    pub date: Option<String>,
    /// What it holds in minor units, where that is less than what was asked.
    pub amount: Option<u64>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Done.
    Done,
    /// One transaction as it stands.
    Transaction(Box<TransactionView>),
    /// Several.
    Transactions(Vec<TransactionView>),
    /// What became of a cancel.
    Cancel(CancelAnswer),
    /// A print job.
    PrintJob(PrintJob),
    /// Several.
    PrintJobs(Vec<PrintJob>),
    /// The terminal.
    Terminal(Box<TerminalView>),
    /// Reversals not yet answered.
    Reversals(Vec<PendingReversal>),
    /// How many rows the host has still to take.
    QueueLength(u32),
    /// Rows of the queue.
    Queue(Vec<QueueRow>),
    /// What is left to sell without the host.
    OfflineReadiness(Box<OfflineReadiness>),
    /// One line per thing checked.
    Diagnosis(Vec<Check>),
    /// The operator table, in the order of numbers.
    Operators(Vec<OperatorEntry>),
    /// The end of the audit chain.
    AuditHead(AuditHead),
    /// A settlement as it stands.
    Settlement(Box<SettlementView>),
    /// What does not agree with a detail file.
    Mismatches(Vec<Mismatch>),
    /// The transactions of a batch.
    BatchLines(Vec<BatchLine>),
    /// A slip that is no receipt.
    Slip(Box<posd_receipt::Slip>),
}

/// The three answers of a cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It will end without a charge; wait for `Finished`.
    Accepted,
    /// The request has left, or it has ended: read the outcome.
    TooLate,
    /// No such transaction of this caller.
    NotFound,
}

impl CancelAnswer {
    /// The word on the bus.
    pub fn word(self) -> &'static str {
        match self {
            CancelAnswer::Accepted => "accepted",
            CancelAnswer::TooLate => "too-late",
            CancelAnswer::NotFound => "not-found",
        }
    }
}

/// A reversal that is not yet answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingReversal {
    /// The transaction; 0 when it belongs to another user.
    pub transaction: TransactionId,
    /// Batch of the original.
    pub batch: u32,
    /// Trace of the original.
    pub trace: u32,
    /// Amount in minor units.
    pub amount: u64,
    /// Why it is sent.
    pub reason: ReversalReason,
    /// Its history.
    pub tries: Vec<Try>,
    /// When it is tried next, by the wall clock.
    pub next_try: Option<WallTime>,
}

/// One thing `Diagnose` checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Stable code, as [`crate::FINDINGS`] has them.
    pub code: &'static str,
    /// Whether it is good.
    pub good: bool,
    /// Stable detail, as [`crate::FINDINGS`] has them; or a key's check value, or the host's response code.
    pub detail: String,
}

impl Check {
    pub(crate) fn device(code: &'static str, state: DeviceState) -> Check {
        let (good, detail) = match state {
            DeviceState::Ready => (true, "ready"),
            DeviceState::Missing => (false, "missing"),
            DeviceState::Faulty => (false, "faulty"),
        };
        Check { code, good, detail: detail.to_owned() }
    }
}

/// Why a call was not done. Each is a named D-Bus error; none leaves a trace in the journal, but for the audit
/// row of a refused password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Another transaction runs, and the option `no-wait` was given; or the terminal is busy with a call of its kind.
    #[error("the terminal is busy; try again when it is idle, or start without no-wait")]
    Busy,
    /// No such transaction of this caller.
    #[error("no such transaction of yours")]
    NotFound,
    /// The reference was used with other content.
    #[error("this reference was used for another sale; use a new reference")]
    ReferenceConflict,
    /// The attempt before is not closed, or was a charge.
    #[error("a new attempt needs the last one closed without a charge; its outcome tells")]
    AttemptNotClosed,
    /// The terminal is not signed in at the host.
    #[error("not signed in; call SignIn")]
    NotSignedIn,
    /// No operator is logged in.
    #[error("no operator is logged in; call LogIn")]
    NoOperator,
    /// The call does not fit the transaction's state.
    #[error("the transaction's state is {0}, which this call does not fit")]
    WrongState(crate::state::State),
    /// The index is not one of the list shown.
    #[error("no such application in the list")]
    NoSuchApplication,
    /// The code is none of a wallet that is taken here.
    #[error("this code is none of a wallet that is taken here; scan another")]
    UnknownCode,
    /// The terminal cannot take money now.
    #[error("the terminal is not ready: {0}")]
    NotReady(&'static str),
    /// The host refused, with its response code.
    #[error("the host refused with response code {0}")]
    HostRefused(String),
    /// The host could not be reached or did not answer.
    #[error("the host did not answer")]
    HostUnreachable,
    /// The host's answer was not good (MAC, keys, format).
    #[error("the host's answer is not good: {0}")]
    BadAnswer(&'static str),
    /// Operator number or password wrong.
    #[error("operator or password wrong")]
    WrongPassword,
    /// Too many wrong tries.
    #[error("locked after too many wrong tries; wait {0} s")]
    LockedOut(u32),
    /// The password prompt was cancelled or ran out of time.
    #[error("the password prompt ended without a password")]
    PromptEnded,
    /// The initial password still stands, of the operator or of the supervisor or manager whose word was asked for.
    #[error("the initial password must be changed first; call ChangePassword")]
    PasswordMustBeChanged,
    /// The new password has the wrong number of digits.
    #[error("the new password must have {0} digits")]
    WrongPasswordLength(u8),
    /// The new password is the old or the initial one.
    #[error("the new password is the old or the initial one")]
    PasswordNotNew,
    /// The new password was typed in two ways.
    #[error("the new password was typed in two ways")]
    PasswordsDiffer,
    /// There is an operator of that number.
    #[error("there is an operator of that number")]
    OperatorExists,
    /// There is no operator of that number.
    #[error("there is no operator of that number")]
    OperatorUnknown,
    /// The operator is logged in.
    #[error("that operator is logged in; log it out first")]
    OperatorLoggedIn,
    /// Nobody may do that: supervisor and manager cannot be added or deleted, the manager's password cannot be reset,
    /// and only the operator logged in or the supervisor may unlock.
    #[error("nobody may do that to this operator")]
    NotAllowed,
    /// The screen is locked.
    #[error("the terminal is locked; call Unlock")]
    Locked,
    /// No offline sale now.
    #[error("no offline sale now: {0}")]
    Offline(Cause),
    /// The type is not one that this terminal serves, or not one that its acquirer offers.
    #[error("this terminal does not serve that type")]
    UnknownKind,
    /// The row does not need action.
    #[error("that row of the queue does not need action")]
    NoActionNeeded,
    /// There is no receipt: the transaction was not a charge, or has not ended.
    #[error("there is no receipt for this transaction")]
    NoReceipt,
    /// An argument is out of its documented range.
    #[error("{0}")]
    InvalidArgument(&'static str),
    /// The original is not one that this may be done to.
    #[error(transparent)]
    Original(Unfit),
    /// A reversal is not answered yet, and the batch cannot be settled before it is.
    #[error("the host has not answered a reversal yet; settle when it has")]
    ReversalPending,
    /// An advice is not delivered yet, and the batch cannot be settled before it is.
    #[error("the host has not taken an advice yet; settle when it has")]
    AdvicesPending,
    /// There is no settlement of that batch.
    #[error("there is no settlement of that batch")]
    NoSettlement,
    /// The host's parameters do not let this terminal do that kind of transaction.
    #[error("the acquirer has switched this type of transaction off for this terminal")]
    SwitchedOff,
    /// The journal cannot be used. Nothing was charged by this call.
    #[error("the journal cannot be used; call service")]
    StorageFailed,
}
