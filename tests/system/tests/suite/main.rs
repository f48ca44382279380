//! System tests on a private bus. Each test's name says the rule or the promise that it holds to.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod advices;
mod cancel;
mod chip;
mod clients;
mod codes;
mod completion;
mod death;
mod diagnose;
mod downloads;
mod flow;
mod goods;
mod input;
mod interface;
mod kinds;
mod needles;
mod offline;
mod operators;
mod other_kinds;
mod owners;
mod posctl;
mod qr;
mod queue;
mod recovery;
mod refund;
mod resolve;
mod reversal;
mod sale_key;
mod secrets;
mod service;
mod settlement;
mod signature;
mod sm4;
mod swipe;
mod tap;
mod till;
mod tips;
mod wire;
