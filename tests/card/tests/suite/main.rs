//! The card under a terminal that asks in order and believes everything.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as the tests do")]

mod certificates;
mod commands;
mod known_answers;
mod misbehaviour;
mod program;
mod purchase;
mod quick_pass;
mod terminal;
mod vpcd;
