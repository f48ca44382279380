//! A test acquirer: a UnionPay host to talk to, in memory or on loopback TCP.
//!
//! It is for tests, the demo and app developers: it signs a terminal in, authorises sales, reverses them,
//! keeps a ledger that a test can trust, and misbehaves on request.
//!
//! It never shares code with the daemon: codec, ciphers and checks here are a second reading of the
//! references, so that a fault in one of the two shows. It never reads a clock or draws a random number in
//! its core: the same seed and the same inputs give the same answers. It never holds a real key or card.
//!
//! Start reading at [`Host::receive`], then [`outcome`] for what each amount means and [`Fault`] for what
//! can go wrong. [`Server`] puts the same host behind TCP and a control socket.

mod answer;
mod check;
pub mod chip;
pub mod cipher;
mod code;
pub mod control;
mod delivery;
pub mod downloads;
pub mod fault;
pub mod host;
mod kind;
pub mod ledger;
mod log;
pub mod message;
pub mod outcome;
mod pin;
pub mod server;
pub mod settings;
pub mod settlement;
mod signature;
mod terminal;
mod time;
pub mod tlv;

pub use control::{BatchName, BookingName, Command, Reply};
pub use downloads::{AuthorityKey, Downloads};
pub use fault::{Fault, MessageKind, Rule};
pub use host::{Action, Delivery, DetailLine, Host, HostTime, LogEntry, Stats};
pub use ledger::{
    Booking, BookingState, CardSide, Charge, ChargeState, Ledger, Refusal, Reversal, ReversalResult,
    ScriptNotice,
};
pub use server::{Clock, Server, ServerOptions};
pub use settings::{
    AdjustmentAmount, Course, KeyLayout, MacAlgorithm, MakForm, Settings, SettingsError, Switches,
    TerminalSettings, Wallet,
};
pub use settlement::{Balance, Match, Settlement, Sums, Totals, UploadLine};
pub use signature::Signature;
