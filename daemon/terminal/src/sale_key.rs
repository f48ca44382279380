//! The sale key: (caller's uid, reference). Rule 3.

use serde::{Deserialize, Serialize};

/// The app's own name for one sale: 1 to 64 printable ASCII characters, no space.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference(String);

impl Reference {
    /// The longest reference, in characters.
    pub const MAXIMUM: usize = 64;

    /// Takes a reference; `None` when it is empty, too long, or has a character that is not printable ASCII.
    pub fn new(text: &str) -> Option<Reference> {
        let good =
            (1..=Reference::MAXIMUM).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Reference(text.to_owned()))
    }

    /// The reference as the app gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reference {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Reference::new(&text).ok_or("a reference is 1 to 64 printable ASCII characters")
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> String {
        reference.0
    }
}

/// Names one sale of one user, across restarts of app and daemon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SaleKey {
    /// The uid that the bus reports for the caller.
    pub uid: u32,
    /// The caller's reference.
    pub reference: Reference,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_3_reference_limits() {
        assert!(Reference::new("").is_none());
        assert!(Reference::new(&"a".repeat(65)).is_none());
        assert!(Reference::new("a b").is_none());
        assert!(Reference::new("订单").is_none());
        assert!(Reference::new("order-2026/0001").is_some());
    }
}
