//! The drivers that posd itself holds: the receipt printer.
//!
//! What it is for: slips to a character device, a serial line or a TCP printer, and an honest word on what became of
//! each.
//!
//! What it never does: it knows no payment. A printer that is gone, out of paper or mute never holds anything up but
//! paper (rule 6). What may have been printed is never printed again as an original.
//!
//! Start reading at [`run`].

mod line;
mod printer;

pub use printer::{Condition, Job, State, Target, probe, run};
