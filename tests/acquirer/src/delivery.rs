//! What the host is told of the time, and what it says to do.

use serde::{Deserialize, Serialize};

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
    /// Hand this request to `Host::receive_held`.
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
