//! Saying what came of a transaction whose outcome nothing tells.

use crate::{Error, Terminal};
use std::collections::HashMap;
use zbus::Variant;

/// The numbers by which the host's records name a transaction, where somebody read them there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostNumbers {
    /// Retrieval reference number, 12 characters.
    pub rrn: Option<String>,
    /// Authorisation code, 6 characters.
    pub authorisation_code: Option<String>,
    /// The host's date, MMDD.
    pub date: Option<String>,
    /// What it booked in minor units, where that is less than what was asked.
    pub amount: Option<u64>,
}

impl HostNumbers {
    fn given(&self) -> HashMap<&'static str, Variant<'_>> {
        let all =
            [("rrn", &self.rrn), ("authorisation-code", &self.authorisation_code), ("date", &self.date)];
        let amount = self.amount.map(|amount| ("amount", Variant::from(amount)));
        all.into_iter()
            .filter_map(|(key, value)| Some((key, Variant::from(value.as_deref()?))))
            .chain(amount)
            .collect()
    }
}

impl Terminal {
    /// Says, by the supervisor's word, whether the acquirer holds a transaction whose outcome is unknown. An empty
    /// password is typed on the PIN pad.
    ///
    /// # Errors
    /// As `Resolve` documents.
    pub async fn resolve(
        &self,
        id: u64,
        booked: bool,
        numbers: &HostNumbers,
        authority: &str,
    ) -> Result<(), Error> {
        self.call("Resolve", &(id, booked, numbers.given(), authority)).await.map(drop)
    }

    /// Says, by the supervisor's word, that an advice that needs action was settled with the acquirer by hand. An empty
    /// password is typed on the PIN pad.
    ///
    /// # Errors
    /// As `ResolveQueued` documents.
    pub async fn resolve_queued(
        &self,
        advice: u64,
        booked: bool,
        numbers: &HostNumbers,
        authority: &str,
    ) -> Result<(), Error> {
        self.call("ResolveQueued", &(advice, booked, numbers.given(), authority)).await.map(drop)
    }
}
