//! A journal that was refused at start: it is evidence, and nobody reads or writes it. With this in its place the
//! daemon serves, so that apps hear why nothing is sold.

use posd_runner::Journal;
use posd_terminal::{
    Admission, Advice, AdviceId, AtRisk, Attempt, AuditHead, CardKey, Cause, Device, PrintJob, Records,
    Reversal, SaleKey, Settlement, StorageFault, StoredSet, TransactionId, Write,
};

/// What refused it.
#[derive(Debug)]
pub(crate) struct Evidence(pub(crate) String);

impl Evidence {
    fn refused<T>(&self) -> Result<T, StorageFault> {
        Err(StorageFault(self.0.clone()))
    }
}

impl Journal for Evidence {
    fn commit(&mut self, _: &[Write]) -> Result<(), StorageFault> {
        self.refused()
    }

    fn commit_if(&mut self, _: &Admission, _: &[Write]) -> Result<Result<(), Cause>, StorageFault> {
        self.refused()
    }
}

impl Records for Evidence {
    fn device(&self) -> Result<Device, StorageFault> {
        self.refused()
    }

    fn attempt(&self, _: TransactionId) -> Result<Option<Attempt>, StorageFault> {
        self.refused()
    }

    fn latest_attempt(&self, _: &SaleKey) -> Result<Option<Attempt>, StorageFault> {
        self.refused()
    }

    fn attempt_by_trace(&self, _: u32, _: u32) -> Result<Option<Attempt>, StorageFault> {
        self.refused()
    }

    fn batch(&self, _: u32, _: u32, _: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn batch_size(&self, _: u32) -> Result<u32, StorageFault> {
        self.refused()
    }

    fn attempts_by_rrn(&self, _: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn attempts_by_authorisation(&self, _: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn external_followers(&self, _: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn followers(&self, _: TransactionId) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn attempts(&self, _: u32, _: Option<TransactionId>, _: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn unacknowledged(&self, _: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn unresolved(&self) -> Result<Vec<Attempt>, StorageFault> {
        self.refused()
    }

    fn open_reversals(&self) -> Result<Vec<Reversal>, StorageFault> {
        self.refused()
    }

    fn open_advices(&self) -> Result<Vec<Advice>, StorageFault> {
        self.refused()
    }

    fn settlement(&self, _: Option<u32>) -> Result<Option<Settlement>, StorageFault> {
        self.refused()
    }

    fn settlement_by_id(&self, _: u64) -> Result<Option<Settlement>, StorageFault> {
        self.refused()
    }

    fn open_settlement(&self) -> Result<Option<Settlement>, StorageFault> {
        self.refused()
    }

    fn advices_to_look_at(&self) -> Result<Vec<Advice>, StorageFault> {
        self.refused()
    }

    fn advice(&self, _: AdviceId) -> Result<Option<Advice>, StorageFault> {
        self.refused()
    }

    fn recent_advices(&self, _: u32) -> Result<Vec<Advice>, StorageFault> {
        self.refused()
    }

    fn recent_reversals(&self, _: u32) -> Result<Vec<Reversal>, StorageFault> {
        self.refused()
    }

    fn at_risk(&self, _: Option<CardKey>, _: &str) -> Result<AtRisk, StorageFault> {
        self.refused()
    }

    fn open_print_jobs(&self) -> Result<Vec<PrintJob>, StorageFault> {
        self.refused()
    }

    fn print_jobs(&self, _: TransactionId) -> Result<Vec<PrintJob>, StorageFault> {
        self.refused()
    }

    fn sets(&self) -> Result<Vec<StoredSet>, StorageFault> {
        self.refused()
    }

    fn audit_head(&self) -> Result<AuditHead, StorageFault> {
        self.refused()
    }
}
