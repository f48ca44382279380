//! Deterministic simulation of the whole terminal.
