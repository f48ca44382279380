//! The host itself: a request frame in, answers out.

use serde::{Deserialize, Serialize};

use crate::fault::{Faults, MessageKind, Rule};
use crate::ledger::Ledger;
use crate::settings::{Settings, SettingsError};

/// The time, told by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostTime {
    /// Milliseconds since 1970-01-01 00:00 UTC. The host's local time is UTC+8.
    pub unix_ms: u64,
}

/// What to do on the connection that the request came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this frame (the 2-byte length prefix is the caller's).
    Send(Vec<u8>),
    /// Send this frame; if the connection has closed, by the newest open one.
    SendStray(Vec<u8>),
    /// Send this frame, prefix included, byte by byte.
    SendSlowly {
        /// The frame.
        frame: Vec<u8>,
        /// Milliseconds between two bytes.
        gap_ms: u64,
    },
    /// Send the prefix of the whole frame but only its first `bytes` bytes.
    SendPart {
        /// The whole frame.
        frame: Vec<u8>,
        /// How many of its bytes are sent.
        bytes: usize,
    },
    /// Hand this request to [`Host::receive_held`].
    Receive(Vec<u8>),
    /// Close the connection.
    Close,
}

/// One action and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Milliseconds after the request.
    pub after_ms: u64,
    /// What to do then.
    pub action: Action,
}

impl Delivery {
    /// The frame that a whole send would carry; `None` for the other actions.
    pub fn frame(&self) -> Option<&[u8]> {
        match &self.action {
            Action::Send(frame) | Action::SendStray(frame) | Action::SendSlowly { frame, .. } => Some(frame),
            Action::SendPart { .. } | Action::Receive(_) | Action::Close => None,
        }
    }
}

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
    /// Sales booked.
    pub booked: u64,
    /// Amount of the charges that stand, in cents.
    pub standing_amount: u64,
    /// Sales refused or declined.
    pub declined: u64,
    /// Charges reversed.
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

/// A UnionPay host.
pub struct Host {
    settings: Settings,
    pub(crate) faults: Faults,
    ledger: Ledger,
    log: Vec<LogEntry>,
    stats: Stats,
}

impl Host {
    /// A host with these settings, nobody signed in, empty books.
    ///
    /// # Errors
    /// A key, number or code in the settings has the wrong form; the error names it.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            settings,
            faults: Faults::default(),
            ledger: Ledger::default(),
            log: Vec::new(),
            stats: Stats::default(),
        })
    }

    /// Handles one request: TPDU, header and body, without the 2-byte length prefix.
    ///
    /// The same seed and the same calls give the same deliveries. They are in order of time.
    pub fn receive(&mut self, frame: &[u8], now: HostTime) -> Vec<Delivery> {
        let _ = (frame, now, &self.settings);
        Vec::new()
    }

    /// Handles a request that [`Action::Receive`] held back: as [`Host::receive`], but no fault strikes it.
    pub fn receive_held(&mut self, frame: &[u8], now: HostTime) -> Vec<Delivery> {
        self.receive(frame, now)
    }

    /// Adds a fault.
    pub fn add_fault(&mut self, rule: Rule) {
        self.faults.add(rule);
    }

    /// Removes all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Whether [`crate::Fault::RefuseConnections`] is in force.
    pub fn refuses_connections(&self) -> bool {
        self.faults.refuses_connections()
    }

    /// Whether a connection just accepted is to be closed at once. Counts the fault.
    pub fn closes_on_accept(&mut self) -> bool {
        self.faults.closes_on_accept()
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Every request received, in order.
    pub fn log(&self) -> &[LogEntry] {
        &self.log
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Gives every card its PIN tries back.
    pub fn reset_pins(&mut self) {}
}
