//! Print jobs (rule 6): a fault of paper or printer never changes a payment.

use crate::{
    call::{Answer, CallError},
    event::Effect,
    record::{Attempt, PrintJob, PrintState, Records, TransactionId, Write},
    terminal::Terminal,
};
use posd_receipt::{Copy, Receipt};

impl Terminal {
    /// The copies that a charge prints by itself, as jobs to commit with its outcome.
    pub(crate) fn print_by_itself(&mut self, id: TransactionId) -> Vec<PrintJob> {
        let mut copies = self.settings.copies.clone();
        let on_screen = self.live.get(&id).is_some_and(|live| live.attempt.options.sign_on_screen);
        if let Some(active) = self.active.as_mut().filter(|active| active.signature && on_screen) {
            // These have a place for the signature, which is still to be drawn.
            active.copies_to_sign = copies.extract_if(.., |copy| *copy != Copy::Cardholder).collect();
        }
        copies.into_iter().map(|copy| self.new_job(id, copy, false)).collect()
    }

    pub(crate) fn new_job(&mut self, transaction: TransactionId, copy: Copy, reprint: bool) -> PrintJob {
        let id = self.device.next_job;
        self.device.next_job += 1;
        PrintJob { id, transaction, copy, reprint, state: PrintState::Queued }
    }

    /// Hands a committed job to the printer.
    pub(crate) fn print(&mut self, job: PrintJob) {
        let attempt = self.live.get(&job.transaction).map(|live| &live.attempt);
        if let Some((uid, receipt)) = attempt.and_then(|a| Some((a.key.uid, a.receipt.clone()?))) {
            self.print_receipt(uid, job, receipt);
        }
    }

    pub(crate) fn print_receipt(&mut self, uid: u32, job: PrintJob, receipt: Receipt) {
        self.jobs.insert(job.id, (uid, job.clone()));
        self.effect(Effect::ReportPrintJob(uid, job.clone()));
        self.effect(Effect::Print(job, Box::new(receipt)));
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
        self.print_receipt(attempt.key.uid, job, receipt);
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
