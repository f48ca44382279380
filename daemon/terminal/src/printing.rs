//! Print jobs (rule 6): a fault of paper or printer never changes a payment.

use crate::{
    call::{Answer, CallError},
    event::Effect,
    record::{Attempt, PrintJob, PrintState, Records, SlipOf, TransactionId, Write},
    terminal::Terminal,
};
use posd_receipt::{Copy, Slip};

impl Terminal {
    /// The copies that a charge prints by itself, as jobs to commit with its outcome.
    pub(crate) fn print_by_itself(&mut self, id: TransactionId) -> Vec<PrintJob> {
        let copies = self.settings.copies.clone();
        copies.into_iter().map(|copy| self.new_job(id, copy, false)).collect()
    }

    fn new_job(&mut self, transaction: TransactionId, copy: Copy, reprint: bool) -> PrintJob {
        let id = self.device.next_job;
        self.device.next_job += 1;
        PrintJob { id, transaction, slip: SlipOf::Receipt, copy, reprint, state: PrintState::Queued }
    }

    /// Hands a committed job to the printer.
    pub(crate) fn print(&mut self, job: PrintJob) {
        let attempt = self.live.get(&job.transaction).map(|live| &live.attempt);
        if let Some((uid, receipt)) = attempt.and_then(|a| Some((a.key.uid, a.receipt.clone()?))) {
            self.print_slip(uid, job, Slip::Receipt(Box::new(receipt)));
        }
    }

    /// Hands a committed job with its slip to the printer; `uid` is told how it goes.
    pub(crate) fn print_slip(&mut self, uid: u32, job: PrintJob, slip: Slip) {
        self.jobs.insert(job.id, (uid, job.clone()));
        self.effect(Effect::ReportPrintJob(uid, job.clone()));
        self.effect(Effect::Print(job, Box::new(slip)));
    }

    /// Prints a copy on demand. One that was given to the printer before carries the reprint mark, whatever became
    /// of it: nothing is printed twice as an original.
    pub(crate) fn call_print(
        &mut self,
        call: u64,
        attempt: &Attempt,
        copy: Copy,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let receipt = attempt.receipt.clone().ok_or(CallError::NoReceipt)?;
        self.writable()?;
        let jobs = records.print_jobs(attempt.id).map_err(|fault| self.storage_fault(fault))?;
        let reprint = jobs.iter().any(|job| job.copy == copy);
        let job = self.new_job(attempt.id, copy, reprint);
        self.effect(Effect::Commit(vec![Write::Device(self.device.clone()), Write::PrintJob(job.clone())]));
        self.effect(Effect::Reply(call, Ok(Answer::PrintJob(job.clone()))));
        self.print_slip(attempt.key.uid, job, Slip::Receipt(Box::new(receipt)));
        Ok(None)
    }

    /// The printer's word on a job.
    pub(crate) fn printed(&mut self, id: u64, state: PrintState) {
        let Some((uid, job)) = self.jobs.get_mut(&id).filter(|(_, job)| job.state != state) else { return };
        job.state = state;
        let (uid, job) = (*uid, job.clone());
        if matches!(state, PrintState::Done | PrintState::Failed) {
            self.jobs.remove(&id);
        }
        self.effect(Effect::Commit(vec![Write::PrintJob(job.clone())]));
        self.effect(Effect::ReportPrintJob(uid, job));
    }
}
