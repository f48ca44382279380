//! What is durable of a settlement, and what an attempt keeps for the upload of its batch.

use super::BatchTotals;
use crate::{
    record::{Original, Try, WallTime},
    state::words,
};
use posd_unionpay::{
    Kind, SideResult, Totals,
    request::{ChipEnd, Entry},
};
use serde::{Deserialize, Serialize};

/// What a batch upload repeats of a transaction and is not card data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// How the card's data came in.
    pub entry: Entry,
    /// Card sequence number (field 23).
    pub card_sequence: Option<u8>,
    /// The PIN was entered online (field 22's third digit).
    pub pin_entered: bool,
    /// Chip data as the card left it: with its last cryptogram; empty where it gave none.
    pub field55: Vec<u8>,
    /// How the card ended it; `None` where it gave no last cryptogram.
    pub end: Option<ChipEnd>,
    /// Field 4 in minor units, where that is not what the transaction moved.
    #[serde(default)]
    pub amount: Option<u64>,
}

impl Upload {
    /// What is known when the request leaves.
    pub(crate) fn of(original: &Original) -> Upload {
        Upload {
            entry: original.entry,
            card_sequence: original.card_sequence,
            pin_entered: original.pin_entered,
            field55: Vec::new(),
            end: None,
            amount: None,
        }
    }
}

words! {
    /// How far a settlement is. Each step but the first and the last two goes through the rows of the batch.
    SettlementStep {
        /// The totals are told to the host (0500).
        Comparing = "comparing",
        /// Online transactions without a chip's certificate (0320, 201).
        Details = "uploading-details",
        /// Refunds and other advices again (0320, 000).
        Advices = "uploading-advices",
        /// Certificates of approved chip transactions (0320, 203 or 205).
        Certificates = "uploading-certificates",
        /// Chip transactions that failed (0320, 204 or 206).
        Failures = "uploading-failures",
        /// The end of the batch (0320, 207 or 202).
        Ending = "ending",
        /// The batch is closed, and the next one open.
        Closed = "closed",
    }
}

impl SettlementStep {
    pub(crate) fn next(self) -> SettlementStep {
        match self {
            SettlementStep::Comparing => SettlementStep::Details,
            SettlementStep::Details => SettlementStep::Advices,
            SettlementStep::Advices => SettlementStep::Certificates,
            SettlementStep::Certificates => SettlementStep::Failures,
            SettlementStep::Failures => SettlementStep::Ending,
            SettlementStep::Ending | SettlementStep::Closed => SettlementStep::Closed,
        }
    }
}

words! {
    /// Why a settlement was given up before the host had compared anything. The batch goes on.
    SettlementFault {
        /// The host did not answer.
        NoAnswer = "no-answer",
        /// The host's answer could not be read.
        BadAnswer = "bad-answer",
        /// The host refused; the last try has its code.
        Refused = "refused",
        /// Another batch is in force at the host.
        OtherBatch = "other-batch",
        /// More than 999 transactions of a kind, or an amount of more than twelve digits: field 48 has no room.
        TooMany = "too-many",
    }
}

words! {
    /// What does not agree among journal, host and queue.
    MismatchKind {
        /// The totals of a card side.
        Totals = "totals-differ",
        /// The host refused a row of the upload.
        UploadRefused = "upload-refused",
        /// A row could not be uploaded: its card data cannot be opened, or fits no message.
        NotUploaded = "not-uploaded",
        /// The host refused the end of the batch.
        EndRefused = "end-refused",
        /// A refund that nobody knows the end of.
        RefundUnanswered = "refund-unanswered",
        /// An advice of the batch that the host did not accept.
        AdviceNotAccepted = "advice-not-accepted",
        /// The host has it, and the journal knows no such transaction.
        OnlyAtHost = "only-at-host",
        /// The journal has it as approved, and the host does not have it.
        OnlyInJournal = "only-in-journal",
        /// Both have it, over another amount.
        Amount = "amount-differs",
        /// Both have it, as another type.
        Type = "type-differs",
        /// The host has it, and the journal says that it was reversed.
        ReversedAtJournal = "reversed-but-booked",
        /// The host has it, and the journal says that it did not take place.
        NotApproved = "booked-but-not-approved",
    }
}

words! {
    /// What somebody should do about a mismatch.
    MismatchAction {
        /// Nothing: the upload tells the host.
        Uploaded = "uploaded",
        /// Call the acquirer, with the numbers of the mismatch.
        CallAcquirer = "call-acquirer",
        /// Resolve the refund as booked.
        ResolveBooked = "resolve-booked",
        /// Resolve the refund as not booked.
        ResolveNotBooked = "resolve-not-booked",
        /// Look the refund up at the acquirer before it is resolved.
        AskAcquirer = "ask-acquirer",
        /// Look at the queue.
        LookAtQueue = "look-at-queue",
    }
}

/// One thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// What.
    pub kind: MismatchKind,
    /// What to do.
    pub action: MismatchAction,
    /// Of a card side: domestic cards, or foreign ones.
    pub domestic: Option<bool>,
    /// Trace number of the transaction.
    pub trace: Option<u32>,
    /// Its type, as the journal has it.
    pub transaction: Option<Kind>,
    /// Minor units in the journal.
    pub journal: Option<u64>,
    /// Minor units at the host.
    pub host: Option<u64>,
    /// Retrieval reference number.
    pub rrn: Option<String>,
    /// The host's response code, or its word for the type.
    pub code: Option<String>,
}

impl Mismatch {
    pub(crate) fn new(kind: MismatchKind, action: MismatchAction) -> Mismatch {
        Mismatch {
            kind,
            action,
            domestic: None,
            trace: None,
            transaction: None,
            journal: None,
            host: None,
            rrn: None,
            code: None,
        }
    }

    /// Whether it came from a detail file of the host.
    pub(crate) fn is_of_lines(&self) -> bool {
        matches!(
            self.kind,
            MismatchKind::OnlyAtHost
                | MismatchKind::OnlyInJournal
                | MismatchKind::Amount
                | MismatchKind::Type
                | MismatchKind::ReversedAtJournal
                | MismatchKind::NotApproved
        )
    }
}

/// What the host said to the totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// The totals of its answer: its own, or what it was told.
    pub totals: Totals,
    /// How domestic cards compare.
    pub domestic: SideResult,
    /// How foreign cards compare.
    pub foreign: SideResult,
}

impl Compared {
    /// Whether a side's details need no upload.
    pub fn is_side_balanced(&self, domestic: bool) -> bool {
        if domestic { self.domestic.is_balanced() } else { self.foreign.is_balanced() }
    }

    /// Whether both sides are balanced.
    pub fn is_balanced(&self) -> bool {
        self.domestic.is_balanced() && self.foreign.is_balanced()
    }

    /// One word: `balanced`, `half-balanced` or `unbalanced`.
    pub fn word(&self) -> &'static str {
        match (self.domestic.is_balanced(), self.foreign.is_balanced()) {
            (true, true) => "balanced",
            (false, false) => "unbalanced",
            _ => "half-balanced",
        }
    }
}

/// The settlement of one batch. It is written before each message and after each answer, so that it goes on where it
/// was after any end of the process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Its number in this journal, 1 upwards.
    pub id: u64,
    /// The batch, 1 to 999999.
    pub batch: u32,
    /// Who called for it.
    pub uid: u32,
    /// Who was logged in.
    pub operator: String,
    /// When it was called for, the last time.
    pub begun: WallTime,
    /// When the batch was closed, or the settlement given up.
    pub ended: Option<WallTime>,
    /// How far it is.
    pub step: SettlementStep,
    /// Why it was given up; the batch goes on, and may be settled again.
    pub fault: Option<SettlementFault>,
    /// What the journal counts.
    pub totals: BatchTotals,
    /// What the host said to it.
    pub compared: Option<Compared>,
    /// The last trace number that this step is done with.
    pub after: u32,
    /// Rows up to this trace number go one to a message: together the host refused them.
    pub singly: u32,
    /// Trace number of the message of details that is under way: its repetition carries it again.
    pub message_trace: Option<u32>,
    /// Rows that the host has accepted: the count of the batch end (48).
    pub uploaded: u16,
    /// Rows that are done with, accepted or not.
    pub done: u32,
    /// Rows to upload.
    pub planned: u32,
    /// Refusals of the batch end in a row.
    pub refusals: u8,
    /// What does not agree.
    pub mismatches: Vec<Mismatch>,
    /// Lines of the host's detail file that were matched, the last time.
    pub matched: Option<u32>,
    /// The last tries that did not succeed, and what came of them.
    pub tries: Vec<Try>,
    /// Counts every change that was told, across restarts.
    pub sequence: u64,
    /// The slip, once the batch is closed.
    pub slip: Option<posd_receipt::Settlement>,
}

impl Settlement {
    /// Whether the host has compared and the batch is not closed: nothing new may enter it.
    pub fn is_open(&self) -> bool {
        self.step != SettlementStep::Closed && self.fault.is_none()
    }
}

words! {
    /// How a settlement stands.
    SettlementState {
        /// A message is on its way, or about to be.
        Running = "running",
        /// The host was silent, or the secure module is away: it goes on by itself.
        Waiting = "waiting",
        /// The batch is closed.
        Finished = "finished",
        /// It was given up; the batch goes on.
        Failed = "failed",
    }
}

/// A settlement as callers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettlementView {
    /// The durable part.
    pub record: Settlement,
    /// How it stands.
    pub state: SettlementState,
    /// When the next try comes, where it waits.
    pub next_try: Option<WallTime>,
    /// This is the change that ended it.
    pub ended_now: bool,
}
