//! What an uploaded signature is.

use serde::{Deserialize, Serialize};

/// One part of an electronic signature (0820, 60.1 = 07) that passed the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number (11).
    pub trace: u32,
    /// Retrieval reference number (37) of the transaction that it signs.
    pub rrn: String,
    /// Amount (4), in cents.
    pub amount: u64,
    /// 60.3: 800 for a whole signature or the last part, 801 to 809 for the parts before.
    pub part: String,
    /// Field 62 in hexadecimal.
    pub image: String,
}
