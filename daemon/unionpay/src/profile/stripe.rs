//! Cards that are swiped (磁条卡).

use super::ProfileError;
use serde::{Deserialize, Serialize};

/// Whether cards are swiped, and when one with a chip may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Stripe {
    /// Whether a card may be swiped at all. Default false.
    pub accepted: bool,
    /// When a card with a chip may be swiped (降级交易); never where absent. Default absent.
    pub fallback: Option<Fallback>,
}

/// A card with a chip may be swiped soon after a chip could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// For so many seconds after the chip failed in the contact reader, 1 to 600.
    pub window_s: u16,
}

impl Stripe {
    pub(super) fn validate(&self) -> Result<(), ProfileError> {
        if self.fallback.is_none_or(|fallback| (1..=600).contains(&fallback.window_s)) {
            return Ok(());
        }
        Err(ProfileError { entry: "stripe.fallback.window_s".into(), problem: "must lie in 1 to 600" })
    }
}
