//! What the host remembers of every request, and its counters.

use serde::{Deserialize, Serialize};

use crate::delivery::HostTime;
use crate::fault::MessageKind;
use crate::message::Message;

/// One request in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// Kind of the request.
    pub kind: MessageKind,
    /// Message type, four digits; empty if unreadable.
    pub mti: String,
    /// Terminal number (41), if there.
    pub terminal: String,
    /// Trace number (11), if there.
    pub trace: Option<u32>,
    /// Batch number (60.2), if there.
    pub batch: Option<u32>,
    /// Amount (4) in cents, if there.
    pub amount: Option<u64>,
    /// Response code decided; `None` if the request was lost before booking or got no answer.
    pub code: Option<String>,
    /// Why it was refused, in plain words; empty if it was not.
    pub note: String,
}

/// Counters since start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests received, the lost ones included.
    pub requests: u64,
    /// Transactions booked.
    pub booked: u64,
    /// Amount of the charges that stand, in cents.
    pub standing_amount: u64,
    /// Transactions refused or declined.
    pub declined: u64,
    /// Bookings reversed.
    pub reversed: u64,
    /// Reversals that found nothing.
    pub reversals_without_original: u64,
    /// Originals refused because their reversal came first.
    pub late_originals: u64,
    /// Requests with a bad or missing MAC.
    pub bad_macs: u64,
    /// Frames that could not be decoded.
    pub undecodable: u64,
    /// Faults that struck.
    pub faults: u64,
}

impl LogEntry {
    pub(crate) fn of(message: &Message, kind: MessageKind, now: HostTime) -> Self {
        Self {
            at_ms: now.unix_ms,
            kind,
            mti: message.mti.clone(),
            terminal: message.text(41).unwrap_or_default().to_owned(),
            trace: message.part(11, 0, 6),
            batch: message.part(60, 2, 8),
            amount: message.number(4),
            code: None,
            note: String::new(),
        }
    }

    pub(crate) fn unreadable(now: HostTime, note: String) -> Self {
        Self {
            at_ms: now.unix_ms,
            kind: MessageKind::Unknown,
            mti: String::new(),
            terminal: String::new(),
            trace: None,
            batch: None,
            amount: None,
            code: None,
            note,
        }
    }
}
