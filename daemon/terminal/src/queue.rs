//! The queue as apps see it: everything that the host has still to take, or did not take.

use crate::{
    call::{Answer, CallError},
    record::{Advice, AdviceId, AdviceState, Records, Reversal, StorageFault, TransactionId, Try, WallTime},
    state::words,
    terminal::Terminal,
};
use serde::{Deserialize, Serialize};

words! {
    /// Which rows of the queue are asked for.
    QueueFilter {
        /// What is to be delivered or needs action, oldest first.
        Open = "open",
        /// What needs action, oldest first.
        NeedsAction = "needs-action",
        /// The latest hundred advices and the latest hundred reversals, whatever became of them, newest first.
        Recent = "recent",
    }
}

/// The most rows of each sort that [`QueueFilter::Recent`] gives.
const RECENT: u32 = 100;

/// One row: a reversal or an advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// `reversal`, `script-result`, `signature`, or the kind of the transaction that it tells.
    pub kind: &'static str,
    /// The advice's number; 0 for a reversal.
    pub advice: AdviceId,
    /// The transaction; 0 when it belongs to another user.
    pub transaction: TransactionId,
    /// The word of [`AdviceState`] or [`crate::ReversalState`].
    pub state: &'static str,
    /// Batch of the transaction.
    pub batch: u32,
    /// Trace number of the message.
    pub trace: u32,
    /// Amount in minor units.
    pub amount: u64,
    /// Currency, ISO 4217 numeric.
    pub currency: u16,
    /// When it was queued; of an advice only.
    pub queued: Option<WallTime>,
    /// Every try.
    pub tries: Vec<Try>,
    /// When it is tried next, where it will be and has to wait.
    pub next_try: Option<WallTime>,
}

impl Terminal {
    /// The rows of the queue.
    pub(crate) fn call_queue(
        &mut self,
        uid: u32,
        filter: QueueFilter,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let rows = self.rows(uid, filter, records).map_err(|fault| self.storage_fault(fault))?;
        Ok(Some(Answer::Queue(rows)))
    }

    fn rows(
        &self,
        uid: u32,
        filter: QueueFilter,
        records: &dyn Records,
    ) -> Result<Vec<QueueRow>, StorageFault> {
        let (advices, reversals) = match filter {
            QueueFilter::Open => {
                let mut advices = records.advices_to_look_at()?;
                advices.extend(self.advices.iter().cloned());
                advices.sort_by_key(|advice| advice.id);
                (advices, self.pending().cloned().collect())
            }
            QueueFilter::NeedsAction => (records.advices_to_look_at()?, Vec::new()),
            QueueFilter::Recent => (records.recent_advices(RECENT)?, records.recent_reversals(RECENT)?),
        };
        let shown = |id: TransactionId| -> Result<TransactionId, StorageFault> {
            let owner = match self.live.get(&id) {
                Some(live) => Some(live.attempt.key.uid),
                None => records.attempt(id)?.map(|attempt| attempt.key.uid),
            };
            Ok(if owner == Some(uid) { id } else { 0 })
        };
        let mut rows = Vec::new();
        for reversal in &reversals {
            rows.push(self.reversal_row(reversal, shown(reversal.transaction)?));
        }
        for advice in &advices {
            rows.push(self.advice_row(advice, shown(advice.transaction)?));
        }
        Ok(rows)
    }

    fn reversal_row(&self, reversal: &Reversal, transaction: TransactionId) -> QueueRow {
        let original = &reversal.original;
        let pending = reversal.state == crate::ReversalState::Pending;
        QueueRow {
            kind: "reversal",
            advice: 0,
            transaction,
            state: reversal.state.word(),
            batch: original.batch,
            trace: original.trace,
            amount: original.amount,
            currency: original.currency,
            queued: None,
            tries: reversal.tries.clone(),
            next_try: if pending { self.next_try() } else { None },
        }
    }

    fn advice_row(&self, advice: &Advice, transaction: TransactionId) -> QueueRow {
        let original = &advice.original;
        let queued = advice.state == AdviceState::Queued;
        QueueRow {
            kind: advice.word(),
            advice: advice.id,
            transaction,
            state: advice.state.word(),
            batch: original.batch,
            trace: advice.trace,
            amount: original.amount,
            currency: original.currency,
            queued: Some(advice.queued),
            tries: advice.tries.clone(),
            next_try: if queued { self.next_try() } else { None },
        }
    }
}
