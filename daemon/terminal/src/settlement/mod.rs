//! The end of a batch (结算): what was done in it, how the host compares that, and the batch after it.
//!
//! Start reading at [`Settlement`], then `flow.rs`.

mod flow;
mod matching;
mod record;
mod slip;
mod totals;
mod upload;

pub(crate) use flow::Settling;
pub use matching::DetailLine;
pub use record::{
    Compared, Mismatch, MismatchAction, MismatchKind, Settlement, SettlementFault, SettlementState,
    SettlementStep, SettlementView, Upload,
};
pub use slip::{BatchLine, SettlementCall, SettlementSlip};
pub use totals::{Balance, BatchTotals, Sum};
pub(crate) use totals::{is_domestic, organisation};
