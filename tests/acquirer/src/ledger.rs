//! What the host holds: charges, reversals, refused originals and script notices.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whether a charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChargeState {
    /// The cardholder pays.
    Booked,
    /// Taken back by a reversal.
    Reversed,
}

/// One booked charge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// PAN, first 6 and last 4 digits shown.
    pub pan: String,
    /// Amount booked, in cents (fen).
    pub amount: u64,
    /// Amount asked for, in cents. More than `amount` after a partial approval.
    pub requested: u64,
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number (11).
    pub trace: u32,
    /// Batch number (60.2).
    pub batch: u32,
    /// Retrieval reference number (37), 12 characters.
    pub rrn: String,
    /// Authorisation code (38), 6 characters.
    pub authorisation_code: String,
    /// Response code (39) of the approval.
    pub response_code: String,
    /// Whether an online PIN was checked.
    pub online_pin: bool,
    /// Whether the card's ARQC was checked.
    pub cryptogram: bool,
    /// When it was booked, Unix milliseconds.
    pub at_ms: u64,
    /// Whether it stands.
    pub state: ChargeState,
    /// Field 39 of the reversal that took it back.
    pub reversal_reason: Option<String>,
}

/// What a reversal found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReversalResult {
    /// A booked charge, now reversed.
    Reversed,
    /// A charge that an earlier reversal had taken back.
    AlreadyReversed,
    /// An original that booked nothing (declined).
    NothingBooked,
    /// No original.
    NotFound,
    /// An original with another card or amount; nothing was reversed.
    Mismatch,
}

/// One reversal that passed the checks, repeats included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number of the original (11).
    pub trace: u32,
    /// Batch number of the original (60.2).
    pub batch: u32,
    /// Amount (4), in cents.
    pub amount: u64,
    /// Reason (39): 98, 06, A0 or 96.
    pub reason: String,
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// What it found.
    pub result: ReversalResult,
    /// Code answered.
    pub code: String,
}

/// One sale that was not booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number (11).
    pub trace: u32,
    /// Batch number (60.2).
    pub batch: u32,
    /// Amount (4), in cents.
    pub amount: u64,
    /// Code answered.
    pub code: String,
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// Whether its reversal came first.
    pub late_original: bool,
}

/// One script result notice (0620) that passed the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptNotice {
    /// Terminal number (41).
    pub terminal: String,
    /// The notice's own trace number (11).
    pub trace: u32,
    /// Batch number (60.2).
    pub batch: u32,
    /// Trace number of the original (61.2).
    pub original_trace: u32,
    /// Batch number of the original (61.1).
    pub original_batch: u32,
    /// Tag DF31 of field 55 in hexadecimal, if there.
    pub script_result: Option<String>,
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// Code answered.
    pub code: String,
}

/// What names an original at the host: terminal, batch and trace.
pub(crate) type OriginalKey = (String, u32, u32);

/// The host's books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Every charge ever booked, in order.
    pub charges: Vec<Charge>,
    /// Every reversal, in order, those that found nothing included.
    pub reversals: Vec<Reversal>,
    /// Every sale that passed the message checks but was not booked, in order.
    pub refusals: Vec<Refusal>,
    /// Every script result notice, in order.
    pub script_notices: Vec<ScriptNotice>,
    #[serde(skip)]
    index: BTreeMap<OriginalKey, Original>,
}

/// What the host remembers of one trace number of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Original {
    /// A charge, by place in `charges`.
    Charge(usize),
    /// A request that booked nothing.
    Refused,
    /// A reversal came and there was no original.
    ReversedFirst,
}

impl Ledger {
    /// The charge with this terminal, batch and trace.
    pub fn charge(&self, terminal: &str, batch: u32, trace: u32) -> Option<&Charge> {
        match self.index.get(&(terminal.to_owned(), batch, trace)) {
            Some(Original::Charge(place)) => self.charges.get(*place),
            _ => None,
        }
    }

    /// The charges that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Charge> {
        self.charges.iter().filter(|charge| charge.state == ChargeState::Booked)
    }

    pub(crate) fn original(&self, key: &OriginalKey) -> Option<Original> {
        self.index.get(key).copied()
    }

    pub(crate) fn book(&mut self, key: OriginalKey, charge: Charge) {
        self.index.insert(key, Original::Charge(self.charges.len()));
        self.charges.push(charge);
    }

    /// Notes a sale that booked nothing. A reversal that came first stays remembered.
    pub(crate) fn refuse(&mut self, key: OriginalKey, refusal: Refusal) {
        self.index.entry(key).or_insert(Original::Refused);
        self.refusals.push(refusal);
    }

    pub(crate) fn remember_reversal(&mut self, key: OriginalKey) {
        self.index.entry(key).or_insert(Original::ReversedFirst);
    }
}
