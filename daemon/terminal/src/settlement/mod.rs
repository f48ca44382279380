//! The end of a batch (结算): what was done in it, how the host compares that, and the batch after it.
//!
//! Start reading at [`BatchTotals`].

mod totals;

pub use totals::{Balance, BatchTotals, Sum};
