//! The slip (签购单) as data, and its renderings to ESC/POS and text.
//!
//! What it is for: a [`Slip`] holds what a slip says (most of them are a [`Receipt`]); [`Slip::lines()`] makes the
//! lines of one copy of it, and every rendering (printer, terminal window, picture) draws those lines, so that no copy
//! says something else than another.
//!
//! What it never does: it opens no device and stores no full card number, no expiry, no track. A full card number
//! comes in at print time only, for the slips that the rules want it on, and reaches nothing but the printer. Text
//! that an app or a host supplied is allow-listed before it reaches paper, so no control byte gets to a printer.
//!
//! Start reading at [`Receipt`], then [`layout()`].

mod allow_list;
mod data;
mod detail_list;
mod escpos;
mod full_pan;
mod heading;
mod initialisation;
mod layout;
mod line;
mod locale;
mod reversal_fault;
#[cfg(test)]
mod sample;
mod settlement;
mod slip;
mod strokes;
mod text;
mod transaction_type;
mod verification;

pub use allow_list::{allow_listed, mask, printable};
pub use data::{Chip, Copy, Entry, Goods, Original, Receipt};
pub use detail_list::{Detail, DetailList};
pub use escpos::escpos;
pub use full_pan::FullPan;
pub use heading::Heading;
pub use initialisation::Initialisation;
pub use layout::layout;
pub use line::{Align, Line, SIGNED};
pub use locale::Locale;
pub use reversal_fault::ReversalFault;
pub use settlement::{HostResult, Settlement, Side, Total};
pub use slip::Slip;
pub use strokes::{Strokes, StrokesError};
pub use text::{COLUMNS, pair, text, width, wrap};
pub use transaction_type::TransactionType;
pub use verification::Verification;
