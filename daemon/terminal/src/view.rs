//! What an app sees of the terminal and of its own transactions.

use crate::{
    call::Check,
    code::ShownCode,
    prompt::{Locale, Prompt},
    record::{Attempt, TransactionId, WallTime},
    sets::{DownloadSet, DownloadStage},
    state::State,
};

/// One transaction as its owner sees it: the durable attempt and the live part.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionView {
    /// The durable part.
    pub attempt: Attempt,
    /// Where it stands.
    pub state: State,
    /// Counts every change of this view upwards, across restarts.
    pub sequence: u64,
    /// What the people at the till should do.
    pub prompt: Prompt,
    /// When the present step ends by itself, milliseconds since 1970 UTC; `None` when it has no end of its own.
    pub deadline: Option<WallTime>,
    /// 0 when not queued or waiting for a reversal to be answered; else the place in the queue from 1.
    pub queue_position: u32,
    /// How many digits stand in the PIN prompt.
    pub pin_digits: u8,
    /// The applications to choose from, in state `selecting-application` or `waiting-confirmation`.
    pub candidates: Vec<String>,
    /// The code to show to the customer, in state `waiting-code`.
    pub code: Option<ShownCode>,
}

impl TransactionView {
    /// Transaction number.
    pub fn id(&self) -> TransactionId {
        self.attempt.id
    }

    /// The language of its texts.
    pub fn locale(&self) -> Locale {
        self.attempt.options.locale
    }
}

/// The terminal as every caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalView {
    /// `ready`, `busy`, or `out-of-service`.
    pub state: TerminalState,
    /// Why it is out of service: stable codes, empty when it is not.
    pub reasons: Vec<&'static str>,
    /// What was found, for each reason.
    pub reason_checks: Vec<Check>,
    /// Merchant name (UTF-8).
    pub merchant_name: String,
    /// Merchant number, 15 characters.
    pub merchant: String,
    /// Terminal number, 8 characters.
    pub terminal: String,
    /// The acquirer's help line (客服电话), empty where the profile has none.
    pub help_line: String,
    /// The operator logged in.
    pub operator: Option<String>,
    /// The screen is locked.
    pub locked: bool,
    /// The host has accepted a sign-in.
    pub signed_in: bool,
    /// Batch number.
    pub batch: u32,
    /// Reversals not yet answered.
    pub pending_reversals: u32,
    /// Refunds without an answer that the supervisor has not resolved.
    pub unresolved_refunds: u32,
    /// Rows that the host has still to take: those reversals, and advices.
    pub queue_length: u32,
    /// Advices that the host did not take: somebody must look.
    pub needs_action: u32,
    /// The host's last processing requirement digit.
    pub host_requirement: u8,
    /// The host wants this release of the daemon to be replaced (digit 6).
    pub update_requested: bool,
    /// That may be done now: nothing runs or queues, and nothing is owed to the host.
    pub update_safe: bool,
    /// Every set that can be downloaded.
    pub downloads: Vec<DownloadView>,
}

/// How a set that can be downloaded stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadView {
    /// Which.
    pub set: DownloadSet,
    /// How it stands.
    pub stage: DownloadStage,
    /// Entries that have come.
    pub done: u32,
    /// Entries that the host has listed; 0 while that is not known.
    pub total: u32,
    /// When the set in force was whole; 0 where none was downloaded.
    pub taken: WallTime,
    /// Why the last try failed: a stable word, perhaps with more behind it; empty where it did not.
    pub fault: String,
}

/// The terminal's own state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TerminalState {
    /// Can start a transaction at once.
    Ready,
    /// A transaction runs.
    Busy,
    /// Cannot take money; see the reasons.
    OutOfService,
}

impl TerminalState {
    /// The word on the bus.
    pub fn word(self) -> &'static str {
        match self {
            TerminalState::Ready => "ready",
            TerminalState::Busy => "busy",
            TerminalState::OutOfService => "out-of-service",
        }
    }
}
