//! The contact kernel beside another one, on the same cards.
//!
//! What it is for: two readings of the books. Generated cards are put to [`posd_emv`]'s kernel and to the published
//! kernel `emv`, with the same terminal, cardholder and host; what either told the card and concluded must agree, or the
//! table in `tests/agreement.rs` names the difference and the section that decides it.
//!
//! What it never does: it is no part of the daemon, and nothing of the daemon depends on it.
//!
//! Start reading at [`case::Case`], then [`ours`] and [`theirs`].

#![allow(clippy::expect_used, reason = "a case that cannot be played fails the test")]

pub mod case;
pub mod ours;
pub mod theirs;

/// What a kernel made of a card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Played {
    /// `approved`, `declined`, or `ended` where no cryptogram decides.
    pub verdict: &'static str,
    /// Terminal verification results (95) at the end.
    pub tvr: [u8; 5],
    /// Transaction status information (9B) at the end.
    pub tsi: [u8; 2],
    /// Cardholder verification results (9F34).
    pub cvm: Vec<u8>,
    /// The cryptogram information data (9F27) of the last answer.
    pub information: Option<u8>,
    /// The commands whose content the kernel decides, as they were sent: INTERNAL AUTHENTICATE, GENERATE AC, EXTERNAL
    /// AUTHENTICATE, and the script commands.
    pub commands: Vec<Vec<u8>>,
    /// Elements of field 55 at the moment when the host is asked, where it is asked.
    pub field55: Option<Vec<u8>>,
}

/// The elements of field 55 that a kernel computes or fills, each with its length.
pub const FIELD55: &[u8] = &[
    0x9F, 0x26, 8, 0x9F, 0x27, 1, 0x9F, 0x36, 2, 0x9F, 0x37, 4, 0x95, 5, 0x9A, 3, 0x9C, 1, 0x9F, 0x02, 6,
    0x5F, 0x2A, 2, 0x9F, 0x1A, 2, 0x9F, 0x03, 6, 0x9F, 0x33, 3, 0x9F, 0x34, 3, 0x9F, 0x35, 1, 0x9F, 0x1E, 8,
    0x84, 8, 0x9F, 0x09, 2, 0x9F, 0x41, 4,
];

/// Whether a command's content is the kernel's to decide.
pub(crate) fn decides(command: &[u8]) -> bool {
    matches!(command.get(1), Some(0x88 | 0xAE | 0x82 | 0x16 | 0x18 | 0x1E | 0x24 | 0xDA))
}
