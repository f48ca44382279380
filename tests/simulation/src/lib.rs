//! Deterministic simulation of the whole terminal.

pub mod disk;
