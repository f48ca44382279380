//! The card kernels: BER-TLV, selection, offline data authentication, contact EMV, UnionPay quickPass, and the
//! magnetic stripe.
//!
//! **What it is for.** One [`kernel::Kernel`] runs one transaction on one card session, from the selection of the
//! application to the second GENERATE AC and the issuer's scripts. It is sans-IO: the caller performs each
//! [`kernel::Action`] (send these bytes to the card, draw random bytes, ask the cardholder, go online) and answers
//! with a [`kernel::Input`].
//!
//! **What it never does.** It never sees a PIN: the secure module builds and sends VERIFY itself and hands back the
//! status words only. It never draws randomness, reads a clock or opens a device. It never panics on what a card or a
//! host says: whatever they answer, it ends within a bounded number of commands. It never reports
//! [`kernel::Verdict::Approved`] unless the host approved *and* the card answered the second GENERATE AC with a
//! transaction certificate; at a tap, unless the host approved, or the card signed that it has paid offline. It never
//! takes an unsigned word of a tapped card for the cardholder's verification above the limit. It never prints card data: types that hold it redact `Debug` and wipe themselves on drop.
//!
//! **Where to start reading.** [`kernel`] for the state machine and its interface, [`configuration`] for what a
//! terminal must be told, [`tlv`] for the codec under everything.
//!
//! Section numbers name EMV 4.3 Books 1 to 4 unless another source is given.

pub mod authentication;
pub mod configuration;
pub mod date;
pub mod describe;
pub mod digits;
pub mod dol;
pub mod hex;
pub mod host;
pub mod indicators;
pub mod kernel;
pub mod stripe;
pub mod tags;
pub mod tlv;
