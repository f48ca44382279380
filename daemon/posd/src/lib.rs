//! The configuration file of the daemon.
//!
//! What it is for: the daemon reads it, and whoever writes one (`posctl setup`) checks it with the same code. The
//! daemon itself is the program beside it, `main.rs`.
//!
//! What it never does: hold a key or a password; those are the secure module's.
//!
//! Start reading at [`configuration::Configuration`].

pub mod configuration;
