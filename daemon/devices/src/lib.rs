//! The drivers that posd itself holds: the receipt printer and the code scanner.
//!
//! What it is for: slips to a character device, a serial line or a TCP printer, and an honest word on what became of
//! each; codes from a scanner that is a keyboard, a serial line or a TCP port.
//!
//! What it never does: it knows no payment. A printer that is gone, out of paper or mute never holds anything up but
//! paper (rule 6). What may have been printed is never printed again as an original.
//!
//! Start reading at [`run`], and at [`scanner`].

mod line;
mod printer;
pub mod scanner;

pub use printer::{Condition, Job, State, Target, probe, run};
