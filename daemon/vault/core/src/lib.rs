//! The secure module without its wires: keys, PIN entry, message authentication codes, passwords.
//!
//! What it is for: everything that a PIN or a clear key touches is decided here. Events go in ([`Input`]), orders to
//! the wires come out ([`Output`]). Given the same inputs, clock and random bytes it gives the same outputs, so that
//! the simulation and the process run the same code.
//!
//! What it never does: no sockets, no devices, no clock, no randomness of its own. No output but
//! [`Output::Transmit`] (VERIFY to the card) ever carries a PIN, and only [`Output::Store`] carries keys, enciphered.
//!
//! Start reading at [`Core::handle`], then `prompt.rs` (what a person types) and `keys.rs` (what the keys do).

mod card;
mod ceremony;
mod change;
mod check;
mod core;
mod crypto;
mod custodian;
mod event;
mod held;
mod keys;
mod operator;
mod password;
mod prompt;
mod settings;
mod swipe;
mod table;
#[cfg(test)]
mod tests;
mod typed_card;
mod verify;

pub use crate::core::Core;
pub use custodian::{KeyRefusal, KeyReply, KeyRequest};
pub use event::{CardFault, Input, Key, Output, PadPrompt, Random, StoreFault};
pub use operator::Operator;
pub use password::hash_password;
pub use settings::{Settings, SettingsError};
