//! What the terminal does first: repair what a crash has left (rule 1).

use crate::{
    event::{Effect, Note},
    kinds::{self, Silence},
    record::{Attempt, PrintJob, Records, ReversalState, SlipOf, StorageFault, Write},
    resolve::ROOT,
    sale::unknown_prompt,
    state::{Cause, Outcome, State},
    terminal::{Live, Terminal},
};

impl Terminal {
    pub(crate) fn recover(&mut self, records: &dyn Records) {
        if let Err(fault) = self.try_recover(records) {
            self.storage_fault(fault);
        }
    }

    fn try_recover(&mut self, records: &dyn Records) -> Result<(), StorageFault> {
        self.device = records.device()?;
        self.audit_head = records.audit_head()?;
        self.effect(Effect::Note(Note::AuditHead(self.audit_head)));
        self.reversals = records.open_reversals()?;
        self.advices = records.open_advices()?;
        self.needs_action = u32::try_from(records.advices_to_look_at()?.len()).unwrap_or(u32::MAX);
        let sets = records.sets()?;
        self.load_sets(sets);
        let mut writes = Vec::new();
        let mut notes = Vec::new();
        let mut ended = Vec::new();
        for mut attempt in records.unresolved()? {
            if attempt.outcome.is_none() && kinds::rule(attempt.kind).silence == Silence::Fail {
                // It moved nothing, whatever became of it.
                attempt.outcome = Some(Outcome::Failed);
                attempt.cause = Cause::Interrupted;
                attempt.ended = Some(self.now.wall);
                self.stale_card = true;
                let mut live = Live::new(attempt, State::Resolving);
                writes.push(live.record());
                ended.push(live.attempt.id);
                self.live.insert(live.attempt.id, live);
                continue;
            }
            if attempt.outcome.is_none() {
                // The request may have left, and its outcome is not here: nobody has heard of one, so it is reversed. A
                // refund never is: it waits for the supervisor.
                attempt.outcome = Some(Outcome::Unknown);
                attempt.cause = Cause::Interrupted;
                attempt.ended = Some(self.now.wall);
                // Its card may be in the reader still.
                self.stale_card = true;
                notes.push(Note::Recovered { transaction: attempt.id });
                writes.extend(self.arm_to_pending(&attempt));
            }
            let id = attempt.id;
            let mut live = Live::new(attempt, State::Resolving);
            live.prompt = unknown_prompt(live.attempt.kind);
            if live.attempt.cause == Cause::Interrupted {
                writes.push(live.record());
            }
            self.live.insert(id, live);
        }
        if !writes.is_empty() {
            self.effect(Effect::Commit(writes));
        }
        for id in ended {
            self.retire(id);
        }
        for note in notes {
            self.effect(Effect::Note(note));
        }
        self.recover_settlement(records)?;
        for job in records.open_print_jobs()? {
            self.print_again(job, records)?;
        }
        Ok(())
    }

    fn arm_to_pending(&mut self, attempt: &Attempt) -> Option<Write> {
        let reversal = self.reversals.iter_mut().find(|r| r.transaction == attempt.id)?;
        reversal.state = ReversalState::Pending;
        Some(Write::Reversal(Box::new(reversal.clone())))
    }

    /// A job that was not done may have reached the paper: it is printed with the reprint mark.
    fn print_again(&mut self, mut job: PrintJob, records: &dyn Records) -> Result<(), StorageFault> {
        job.reprint = true;
        let commit = Effect::Commit(vec![Write::PrintJob(job.clone())]);
        if job.slip == SlipOf::Receipt {
            let attempt = records.attempt(job.transaction)?;
            if let Some(attempt) = attempt.filter(|attempt| attempt.receipt.is_some()) {
                self.effect(commit);
                self.print_of(&attempt, job);
            }
            return Ok(());
        }
        let again = match job.slip {
            SlipOf::ReversalFault => records
                .attempt(job.transaction)?
                .and_then(|attempt| Some((attempt.key.uid, self.fault_slip(&attempt)?))),
            SlipOf::Initialisation => Some((ROOT, self.initialisation_slip())),
            _ => self.slip_again(&job, records)?,
        };
        if let Some((uid, slip)) = again {
            self.effect(commit);
            self.print_slip(uid, job, slip);
        }
        Ok(())
    }
}
