//! The quickPass kernel against the software card, which was written from the references on its own. Test names carry
//! the number of the check that they are for, or the attack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking, as the tests do")]

mod attacks;
mod cash;
mod choice;
mod debit_credit;
mod limits;
mod online;
mod properties;
mod torn;
mod world;
