//! Print jobs (rule 6): a fault of paper or printer never changes a payment.

use crate::{
    call::{Answer, CallError},
    event::Effect,
    forward::unseal,
    kinds,
    record::{Attempt, PrintJob, PrintState, Records, Reversal, Sealed, SlipOf, TransactionId, Write},
    slip::{slip_entry, slip_locale},
    state::Outcome,
    terminal::{Asked, Terminal},
};
use posd_receipt::{Copy, FullPan, Heading, Receipt, ReversalFault, Slip};
use posd_vault_protocol::{Reply, Request as VaultRequest};

/// A slip that waits for its full card number.
#[derive(Debug)]
pub(crate) struct Unrevealed {
    job: PrintJob,
    receipt: Box<Receipt>,
    sealed: Sealed,
}

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
        PrintJob { id, transaction, slip: SlipOf::Receipt, copy, reprint, state: PrintState::Queued }
    }

    /// Hands a committed job to the printer.
    pub(crate) fn print(&mut self, job: PrintJob) {
        if let Some(attempt) = self.live.get(&job.transaction).map(|live| live.attempt.clone()) {
            self.print_of(&attempt, job);
        }
    }

    /// Prints a transaction's slip, where it has one. Where the rules want the card number in full, the secure module
    /// opens what is sealed of it first; the slip waits while that is away.
    pub(crate) fn print_of(&mut self, attempt: &Attempt, job: PrintJob) {
        let Some(receipt) = attempt.receipt.clone().map(Box::new) else { return };
        let uid = attempt.key.uid;
        match attempt.card.clone().filter(|_| receipt.transaction_type.prints_full_pan()) {
            Some(sealed) => {
                self.report_job(uid, &job);
                let id = job.id;
                self.unrevealed.insert(id, Unrevealed { job, receipt, sealed });
                self.reveal(id);
            }
            None => self.print_slip(uid, job, Slip::Receipt(receipt)),
        }
    }

    /// Hands a committed job with its slip to the printer; `uid` is told how it goes.
    pub(crate) fn print_slip(&mut self, uid: u32, job: PrintJob, slip: Slip) {
        self.report_job(uid, &job);
        self.effect(Effect::Print(job, Box::new(slip)));
    }

    fn report_job(&mut self, uid: u32, job: &PrintJob) {
        self.jobs.insert(job.id, (uid, job.clone()));
        self.effect(Effect::ReportPrintJob(uid, job.clone()));
    }

    fn reveal(&mut self, id: u64) {
        let Some(slip) = self.unrevealed.get(&id) else { return };
        let (sealed, context) = (slip.sealed.0.clone(), slip.job.transaction);
        self.ask(Asked::FullPan(id), VaultRequest::Open { sealed, context }, 0);
    }

    /// The secure module is there again: slips that wait for it go on.
    pub(crate) fn reveal_all(&mut self) {
        for id in self.unrevealed.keys().copied().collect::<Vec<_>>() {
            self.reveal(id);
        }
    }

    /// The card number of a slip, or the word that there is none to be had: then it stays masked.
    pub(crate) fn revealed(&mut self, id: u64, reply: Reply) {
        let Some(Unrevealed { job, mut receipt, .. }) = self.unrevealed.remove(&id) else { return };
        if let Reply::Opened(clear) = reply {
            receipt.full_pan = unseal(&clear).and_then(|(pan, _)| FullPan::new(pan.reveal()));
        }
        self.effect(Effect::Print(job, Box::new(Slip::Receipt(receipt))));
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
        if attempt.receipt.is_none() {
            return Err(CallError::NoReceipt);
        }
        self.writable()?;
        let jobs = records.print_jobs(attempt.id).map_err(|fault| self.storage_fault(fault))?;
        let reprint = jobs.iter().any(|job| job.slip == SlipOf::Receipt && job.copy == copy);
        let job = self.new_job(attempt.id, copy, reprint);
        self.effect(Effect::Commit(vec![Write::Device(self.device.clone()), Write::PrintJob(job.clone())]));
        self.effect(Effect::Reply(call, Ok(Answer::PrintJob(job.clone()))));
        self.print_of(attempt, job);
        Ok(None)
    }

    /// A reversal that was tried in vain as often as the profile says: a slip tells the shop, once, not to charge again.
    /// Its job and its slip, where slips are printed by themselves.
    pub(crate) fn fault_job(&mut self, reversal: &Reversal) -> Option<(PrintJob, Slip)> {
        let tries = reversal.tries.len();
        if tries != usize::from(self.profile().reversal_quick_tries) || self.settings.copies.is_empty() {
            return None;
        }
        let slip = self.fault_slip(&self.live.get(&reversal.transaction)?.attempt)?;
        let job = self.new_job(reversal.transaction, Copy::Merchant, false);
        Some((PrintJob { slip: SlipOf::ReversalFault, ..job }, slip))
    }

    /// 故障单, while the outcome of its transaction is not known.
    pub(crate) fn fault_slip(&self, attempt: &Attempt) -> Option<Slip> {
        if attempt.outcome != Some(Outcome::Unknown) {
            return None;
        }
        Some(Slip::ReversalFault(ReversalFault {
            heading: Heading {
                locale: slip_locale(attempt),
                ..self.heading(attempt.operator.as_deref().unwrap_or_default())
            },
            transaction_type: kinds::rule(attempt.kind).slip,
            masked_pan: attempt.masked_pan.clone().unwrap_or_default(),
            entry: slip_entry(attempt),
            batch: attempt.batch?,
            trace: attempt.trace?,
            amount: attempt.amount.minor(),
            currency: attempt.amount.currency().code().to_owned(),
            reference: attempt.key.reference.as_str().to_owned(),
            help_line: Some(self.profile().help_line.clone()).filter(|line| !line.is_empty()),
        }))
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
