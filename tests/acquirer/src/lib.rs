//! A test acquirer: a UnionPay host to talk to, in memory or on loopback TCP.
//!
//! It is for tests, the demo and app developers: it serves a shop's whole day - sign-in, every transaction of the
//! reference's table 1 that a shop uses, reversals, advices, settlement and batch upload, downloads, payments by
//! code, signatures - keeps a [`Ledger`] that a test can trust, and misbehaves on request.
//!
//! It never shares code with the daemon: codec, ciphers and checks here are a second reading of the
//! references, so that a fault in one of the two shows. It never reads a clock or draws a random number in
//! its core: the same seed and the same inputs give the same answers. It never holds a real key or card.
//!
//! Start reading at [`Host::receive`], then `kind.rs` for the table of transactions, [`outcome`] for what each
//! amount means, [`Ledger`] for what is kept and [`Fault`] for what can go wrong. [`control::Command`] lists what
//! the control socket understands. [`Server`] puts the same host behind TCP and a control socket.

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
pub mod sm4;
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
    AdjustmentAmount, Algorithm, Course, KeyLayout, MacAlgorithm, MakForm, Settings, SettingsError, Switches,
    TerminalSettings, Wallet,
};
pub use settlement::{Balance, Match, Settlement, Sums, Totals, UploadLine};
pub use signature::Signature;
