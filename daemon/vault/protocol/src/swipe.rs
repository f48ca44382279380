//! A card that is swiped.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// What came of the wait for a swipe.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Swipe {
    /// What the reader typed for one card, its tracks with their sentinels as it typed them; empty where some of it was
    /// lost.
    Swiped(Secret),
    /// `CancelSwipe` came.
    Cancelled,
    /// No card was swiped in time.
    TimedOut,
    /// The reader is not there or not usable.
    ReaderMissing,
}
