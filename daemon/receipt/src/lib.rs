//! The slip (签购单) as data, and its renderings to ESC/POS and text.
//!
//! What it is for: one [`Receipt`] holds what a slip says; every rendering (printer, terminal window, picture) draws
//! the same lines, so that no copy says something else than another.
//!
//! What it never does: it opens no device and holds no full card number, no expiry, no track. Text that an app or a
//! host supplied is allow-listed before it reaches paper, so no control byte gets to a printer.
//!
//! Start reading at [`Receipt`].

mod data;

pub use data::{Chip, Copy, Entry, Receipt, TransactionType};
