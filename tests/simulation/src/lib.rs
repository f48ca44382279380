//! Deterministic simulation of the whole terminal.
//!
//! What it is for: the daemon's own runner, flow, journal, card kernel, host dialect and secure module run in one
//! thread under virtual time, with a disk that loses power, a host that loses answers, cards that leave and apps that
//! die. An oracle of its own looks at the host's books and at what apps were told, and says what may never be.
//!
//! What it never does: it reads no clock and draws no randomness but from its seed. The same seed gives the same
//! trace.
//!
//! Start reading at [`World::run`], then `oracle.rs`.

mod app;
mod audit;
mod books;
pub mod disk;
mod oracle;
mod plant;
mod random;
mod wires;
mod world;

pub use oracle::Violation;
pub use plant::Plant;
pub use world::{Faults, Outcome, Plan, World, chain};
