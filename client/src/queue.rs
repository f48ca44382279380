//! The queue: what the host has still to take, or did not take.

use crate::{Error, Terminal};
use std::collections::HashMap;
use zbus::OwnedVariant;

/// One row: a reversal or an advice. The words are those of `ListQueue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// `reversal`, `script-result`, `signature`, or the transaction type that it tells.
    pub kind: String,
    /// The advice's number; 0 for a reversal.
    pub advice: u64,
    /// The transaction; 0 where it is another user's.
    pub transaction: u64,
    /// Where it stands.
    pub state: String,
    /// Batch number.
    pub batch: u32,
    /// Trace number.
    pub trace: u32,
    /// Amount in minor units.
    pub amount: u64,
    /// ISO 4217 alphabetic code.
    pub currency: String,
    /// When it was queued, milliseconds since 1970; 0 where that is not known.
    pub queued: i64,
    /// Every try: when, in milliseconds since 1970, and what came of it.
    pub tries: Vec<(i64, String)>,
    /// When it is tried next; 0 for at once or never.
    pub next_try: i64,
}

impl Terminal {
    /// Tries everything in the queue once, now; how many rows the host has still to take.
    ///
    /// # Errors
    /// As `ForwardNow` documents.
    pub async fn forward_now(&self) -> Result<u32, Error> {
        Ok(self.call("ForwardNow", &()).await?.body().deserialize()?)
    }

    /// Rows of the queue: `open`, `needs-action` or `recent`.
    ///
    /// # Errors
    /// As `ListQueue` documents.
    pub async fn queue(&self, filter: &str) -> Result<Vec<QueueRow>, Error> {
        let rows: Vec<HashMap<String, OwnedVariant>> =
            self.call("ListQueue", &filter).await?.body().deserialize()?;
        rows.into_iter().map(row).collect()
    }

    /// What is left to sell offline, and why not, as its dictionary.
    ///
    /// # Errors
    /// As `OfflineReadiness` documents.
    pub async fn offline_readiness(&self) -> Result<HashMap<String, OwnedVariant>, Error> {
        Ok(self.call("OfflineReadiness", &()).await?.body().deserialize()?)
    }

    /// Puts an advice that needs action into the queue again.
    ///
    /// # Errors
    /// As `RetryQueued` documents.
    pub async fn retry_queued(&self, advice: u64) -> Result<(), Error> {
        self.call("RetryQueued", &advice).await.map(drop)
    }
}

fn row(mut all: HashMap<String, OwnedVariant>) -> Result<QueueRow, Error> {
    fn take<T: TryFrom<OwnedVariant>>(
        all: &mut HashMap<String, OwnedVariant>,
        key: &'static str,
    ) -> Result<T, Error> {
        let value = all.remove(key).ok_or(Error::Answer(key))?;
        T::try_from(value).map_err(|_| Error::Answer(key))
    }
    Ok(QueueRow {
        kind: take(&mut all, "kind")?,
        advice: take(&mut all, "advice")?,
        transaction: take(&mut all, "transaction")?,
        state: take(&mut all, "state")?,
        batch: take(&mut all, "batch")?,
        trace: take(&mut all, "trace")?,
        amount: take(&mut all, "amount")?,
        currency: take(&mut all, "currency")?,
        queued: take(&mut all, "queued")?,
        tries: take(&mut all, "tries")?,
        next_try: take(&mut all, "next-try")?,
    })
}
