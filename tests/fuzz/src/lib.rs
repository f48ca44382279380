//! Fuzzing of everything that reads bytes from cards, hosts, codes and sockets.
//!
//! What it is for: each of `targets` feeds one reader of the daemon and judges what comes of it; "it did not panic" is
//! the least of it. Inputs are written in the small language of [`Source`], so that seeds can be made by hand
//! (`examples/seeds.rs`).
//!
//! What it never does: it needs no key, no network and no device, and leaves nothing behind but what it found.
//!
//! Start reading at [`session`], which plays a card's whole session and judges its end.

pub mod session;
mod source;

pub use source::Source;
