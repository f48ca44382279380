//! The simulated terminal: the secure module's core with live simulated devices, a printer that draws, a code
//! scanner, and everything that `posd` needs around it, started on a private bus.
//!
//! What it is for: `make run` and `make demo`, and the system tests and benches, which all start the same [`Stack`].
//! The daemon in it is the very program that is shipped; only the process at the other end of the vault's socket is
//! another one.
//!
//! What it never does: it is never installed beside a configured terminal, and its keys and cards are made up.
//!
//! Start reading at [`Stack::start`], then [`module`].

pub mod demo;
pub mod module;
pub mod printer;
pub mod scanner;
mod stack;

pub use stack::{OFFLINE, Options, STRIPE, Stack, StackError, profile};
