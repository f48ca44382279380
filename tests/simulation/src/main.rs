//! Deterministic simulation of the whole terminal.

fn main() {}
