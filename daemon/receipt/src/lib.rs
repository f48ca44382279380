//! The slip (签购单) as data, and its renderings to ESC/POS and text.
//!
//! What it is for: one [`Receipt`] holds what a slip says; [`layout()`] makes the lines of one copy of it, and every
//! rendering (printer, terminal window, picture) draws those lines, so that no copy says something else than another.
//!
//! What it never does: it opens no device and holds no full card number, no expiry, no track. Text that an app or a
//! host supplied is allow-listed before it reaches paper, so no control byte gets to a printer.
//!
//! Start reading at [`Receipt`], then [`layout()`].

mod allow_list;
mod data;
mod escpos;
mod layout;
#[cfg(test)]
mod sample;
mod text;

pub use allow_list::{allow_listed, mask, printable};
pub use data::{Chip, Copy, Entry, Receipt, TransactionType};
pub use escpos::escpos;
pub use layout::{Align, Line, layout};
pub use text::{COLUMNS, pair, text, width, wrap};
