//! The steps of a settlement: everything older goes first, then the totals (0500), what the host needs of the details
//! (0320), the end of the batch, and the new one.
//!
//! The row is written before each message and after each answer. Until the host has compared the totals a settlement
//! may be given up; after that it goes on until the batch is closed, however often the power goes, and nothing is sold
//! meanwhile.

use super::{
    BatchTotals, Compared, Mismatch, MismatchAction, MismatchKind, Settlement, SettlementFault,
    SettlementState, SettlementStep, SettlementView,
    upload::{Opened, Uploading},
};
use crate::{
    audit::AuditEvent,
    call::{Answer, CallError, CallId, Caller},
    event::{Effect, Timer},
    exchange::{End, Purpose},
    forward::note_try,
    money::Currency,
    record::{AdviceKind, PrintJob, PrintState, Records, SlipOf, Write},
    settings::RETRY_AFTER,
    terminal::{JournalState, Terminal},
};
use posd_unionpay::{Books, Kind, request};

/// Refusals of the batch end after which the terminal closes the batch without the host's word: a host that says no
/// must not keep a shop from selling. The mismatch stays.
const END_REFUSALS: u8 = 3;

/// Most transactions of a batch.
const BATCH_MOST: u32 = 999;
/// Of these, kept for voids, refunds and cancels.
const BATCH_KEPT: u32 = 49;

/// What a settlement does just now.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Reversals and advices are delivered first. The caller waits; nothing is written yet.
    Forwarding(CallId),
    /// The next message may go.
    Ready,
    /// The secure module opens the cards of the next rows.
    Opening(Opened),
    /// Totals or batch end are out.
    Sent,
    /// Rows are out.
    Uploading(Uploading),
}

/// The settlement that is under way.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) record: Settlement,
    pub(crate) stage: Stage,
    failed_tries: usize,
    /// When it may try again, by the monotonic clock.
    retry_at: Option<u64>,
}

impl Settling {
    fn new(record: Settlement, stage: Stage) -> Settling {
        Settling { record, stage, failed_tries: 0, retry_at: None }
    }
}

impl Terminal {
    /// Whether a settlement keeps everything else that is about money waiting.
    pub(crate) fn is_settling(&self) -> bool {
        self.settling.is_some()
    }

    /// Nothing is sold while the batch is being closed.
    pub(crate) fn refuse_if_settling(&self) -> Result<(), CallError> {
        if self.is_settling() { Err(CallError::NotReady("settlement")) } else { Ok(()) }
    }

    /// Field 48 has room for 999 transactions of a side and kind of booking: a batch with more could never be settled.
    /// The last places are kept for what undoes the others.
    pub(crate) fn refuse_if_batch_is_full(
        &mut self,
        kind: Kind,
        records: &dyn Records,
    ) -> Result<(), CallError> {
        let size = records.batch_size(self.device.batch).map_err(|fault| self.storage_fault(fault))?;
        let most = if kind.row().books == Books::Credit { BATCH_MOST } else { BATCH_MOST - BATCH_KEPT };
        if size >= most { Err(CallError::NotReady("batch-full")) } else { Ok(()) }
    }

    pub(crate) fn call_settle(
        &mut self,
        call: CallId,
        caller: Caller,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        self.refuse_if_selling()?;
        let now = self.now.monotonic_ms;
        if let Some(settling) = self.settling.as_mut() {
            if matches!(settling.stage, Stage::Forwarding(_)) {
                return Err(CallError::Busy);
            }
            // It goes on anyway; asked for, at once.
            settling.retry_at = settling.retry_at.map(|at| at.min(now));
            let view = Box::new(self.settlement_view_live().ok_or(CallError::NoSettlement)?);
            return Ok(Some(Answer::Settlement(view)));
        }
        if self.active.is_some() || self.login.is_some() || !self.queue.is_empty() {
            return Err(CallError::Busy);
        }
        if self.vault.is_none() {
            return Err(CallError::NotReady("secure-module"));
        }
        self.refuse_if_locked()?;
        let operator = self.operator.clone().ok_or(CallError::NoOperator)?;
        let idle = self.pending_reversals() == 0 && self.advices.is_empty();
        if !self.device.signed_in && idle {
            return Err(CallError::NotSignedIn);
        }
        let batch = self.device.batch;
        let earlier = records.settlement(Some(batch)).map_err(|fault| self.storage_fault(fault))?;
        let record = match earlier.filter(|earlier| earlier.step != SettlementStep::Closed) {
            Some(earlier) => Settlement {
                uid: caller.uid,
                operator,
                begun: self.now.wall,
                ended: None,
                fault: None,
                step: SettlementStep::Comparing,
                ..earlier
            },
            None => Settlement {
                id: 0,
                batch,
                uid: caller.uid,
                operator,
                begun: self.now.wall,
                ended: None,
                step: SettlementStep::Comparing,
                fault: None,
                totals: BatchTotals::default(),
                compared: None,
                after: 0,
                singly: 0,
                message_trace: None,
                uploaded: 0,
                done: 0,
                planned: 0,
                refusals: 0,
                mismatches: Vec::new(),
                matched: None,
                tries: Vec::new(),
                sequence: 0,
                slip: None,
            },
        };
        // Everything that waits in the queue is tried once, whatever its wait.
        self.round.get_or_insert_default();
        self.settling = Some(Settling::new(record, Stage::Forwarding(call)));
        Ok(None)
    }

    /// After a start: what was open goes on where it was.
    pub(crate) fn recover_settlement(&mut self, records: &dyn Records) -> Result<(), crate::StorageFault> {
        self.settling = records.open_settlement()?.map(|record| Settling::new(record, Stage::Ready));
        Ok(())
    }

    /// Whether the secure module opens cards for the next message of a settlement.
    pub(crate) fn is_opening_rows(&self) -> bool {
        self.settling.as_ref().is_some_and(|settling| matches!(settling.stage, Stage::Opening(_)))
    }

    /// The next thing to do for the settlement, when the line is free. `false` where there is nothing to do now.
    pub(crate) fn settle_on(&mut self, records: &dyn Records) -> bool {
        let Some(settling) = self.settling.as_ref().filter(|_| self.journal == JournalState::Good) else {
            return false;
        };
        match settling.stage {
            Stage::Forwarding(call) => {
                self.forwarded(call, records);
                true
            }
            Stage::Ready if settling.retry_at.is_none_or(|at| at <= self.now.monotonic_ms) => {
                self.next_settlement_message(records).unwrap_or_else(|fault| {
                    self.storage_fault(fault);
                    false
                })
            }
            Stage::Ready | Stage::Opening(_) | Stage::Sent | Stage::Uploading(_) => false,
        }
    }

    /// Everything that could be delivered was. Nothing older may be left: its row would be in one book only.
    fn forwarded(&mut self, call: CallId, records: &dyn Records) {
        let refusal = if self.pending_reversals() > 0 {
            Some(CallError::ReversalPending)
        } else if self.advices.iter().any(|advice| advice.kind != AdviceKind::Signature) {
            // A signature is in no book: it may follow when the batch is closed.
            Some(CallError::AdvicesPending)
        } else if !self.device.signed_in {
            Some(CallError::NotSignedIn)
        } else {
            None
        };
        if let Some(refusal) = refusal {
            self.settling = None;
            return self.effect(Effect::Reply(call, Err(refusal)));
        }
        let Some(batch) = self.settling.as_ref().map(|settling| settling.record.batch) else { return };
        // A sign-in for the deliveries may have opened another batch.
        let batch = if batch == self.device.batch { batch } else { self.device.batch };
        let totals = match BatchTotals::of_batch(batch, records, &self.settings.profile) {
            Ok(totals) => totals,
            Err(fault) => {
                self.settling = None;
                let error = self.storage_fault(fault);
                return self.effect(Effect::Reply(call, Err(error)));
            }
        };
        let next = &mut self.device.next_settlement;
        let Some(settling) = self.settling.as_mut() else { return };
        settling.record.batch = batch;
        settling.record.totals = totals;
        if settling.record.id == 0 {
            settling.record.id = *next;
            *next += 1;
        }
        settling.stage = Stage::Ready;
        let (uid, operator) = (settling.record.uid, settling.record.operator.clone());
        let row =
            self.audit_row(AuditEvent::SettlementBegun, Some(uid), &operator, format!("batch={batch:06}"));
        self.save_settlement(vec![row]);
        if let Some(view) = self.settlement_view_live() {
            self.effect(Effect::Reply(call, Ok(Answer::Settlement(Box::new(view)))));
        }
        self.report_settlement();
    }

    /// Makes the row durable, with whatever goes with it, under a new sequence number.
    pub(crate) fn save_settlement(&mut self, mut with: Vec<Write>) {
        let Some(settling) = self.settling.as_mut() else { return };
        settling.record.sequence += 1;
        let record = Box::new(settling.record.clone());
        with.push(Write::Device(self.device.clone()));
        with.push(Write::Settlement(record));
        self.effect(Effect::Commit(with));
    }

    pub(crate) fn report_settlement(&mut self) {
        if let Some(view) = self.settlement_view_live() {
            self.effect(Effect::ReportSettlement(Box::new(view)));
        }
    }

    pub(crate) fn settlement_view_live(&self) -> Option<SettlementView> {
        let settling = self.settling.as_ref().filter(|s| !matches!(s.stage, Stage::Forwarding(_)))?;
        let wait = settling.retry_at.map(|at| at.saturating_sub(self.now.monotonic_ms));
        let waits = matches!(settling.stage, Stage::Ready) && wait.is_some_and(|wait| wait > 0);
        Some(SettlementView {
            state: if waits { SettlementState::Waiting } else { state_of(&settling.record) },
            next_try: wait.filter(|_| waits).map(|wait| self.now.wall.saturating_add_unsigned(wait)),
            ended_now: !settling.record.is_open(),
            record: settling.record.clone(),
        })
    }

    /// Begins the next message, or goes to the next step. `true` where something was begun or changed.
    fn next_settlement_message(&mut self, records: &dyn Records) -> Result<bool, crate::StorageFault> {
        let Some(record) = self.settling.as_ref().map(|settling| settling.record.clone()) else {
            return Ok(false);
        };
        if !self.device.signed_in {
            if self.vault.is_none() {
                return Ok(false);
            }
            self.begin_session_exchange(Purpose::SignIn(Vec::new()));
            return Ok(true);
        }
        if self.device.batch != record.batch {
            // The host said so at a sign-in. Past the comparison it has closed the batch already.
            if record.step == SettlementStep::Comparing {
                self.give_up_settlement(SettlementFault::OtherBatch);
            } else {
                self.close_batch();
            }
            return Ok(true);
        }
        match record.step {
            SettlementStep::Comparing => self.compare(records)?,
            SettlementStep::Ending => self.end_batch(),
            SettlementStep::Closed => {
                self.settling = None;
            }
            SettlementStep::Details
            | SettlementStep::Advices
            | SettlementStep::Certificates
            | SettlementStep::Failures => return self.next_rows(&record, records),
        }
        Ok(true)
    }

    /// Tells the host what the batch comes to.
    fn compare(&mut self, records: &dyn Records) -> Result<(), crate::StorageFault> {
        let Some(batch) = self.settling.as_ref().map(|settling| settling.record.batch) else { return Ok(()) };
        let totals = BatchTotals::of_batch(batch, records, &self.settings.profile)?;
        let trace = self.allocate_trace();
        let message = request::Settlement {
            identity: self.identity(),
            trace,
            batch,
            totals: totals.totals,
            currency: Currency::Cny.numeric(),
            operator: self.settling.as_ref().map(|settling| settling.record.operator.clone()),
        };
        let built = message.build(self.profile());
        let Some(settling) = self.settling.as_mut() else { return Ok(()) };
        settling.record.totals = totals;
        let Ok(request) = built else {
            self.give_up_settlement(SettlementFault::TooMany);
            return Ok(());
        };
        settling.stage = Stage::Sent;
        self.save_settlement(Vec::new());
        self.exchange_request(Purpose::Settlement, request);
        Ok(())
    }

    fn end_batch(&mut self) {
        let trace = self.allocate_trace();
        let identity = self.identity();
        let Some(settling) = self.settling.as_mut() else { return };
        let record = &settling.record;
        let balanced = record.compared.is_some_and(|compared| compared.is_balanced());
        let (batch, count) = (record.batch, record.uploaded);
        settling.stage = Stage::Sent;
        match (request::BatchEnd { identity, trace, batch, balanced, count }).build(self.profile()) {
            Ok(request) => {
                self.save_settlement(Vec::new());
                self.exchange_request(Purpose::Settlement, request);
            }
            // Nothing of it can be out of range but a count above 9999, which no host would take either.
            Err(_) => self.end_refused("count"),
        }
    }

    /// What became of a message of the settlement.
    pub(crate) fn settlement_answered(&mut self, end: End) {
        let Some(settling) = self.settling.as_mut() else { return };
        let stage = std::mem::replace(&mut settling.stage, Stage::Ready);
        let step = settling.record.step;
        let code = match &end {
            End::Answered(answer) => Some(answer.response_code().to_owned()),
            _ => None,
        };
        if code.as_ref().is_some_and(|code| self.settings.profile.sign_in_again.contains(code)) {
            // It signs in before it tries again.
            return self.settlement_failed(&end.word(), SettlementFault::Refused);
        }
        match (stage, end, code) {
            (Stage::Uploading(rows), End::Answered(_), Some(code)) => self.uploaded(&rows, &code),
            (_, End::Answered(answer), Some(code)) if step == SettlementStep::Comparing => {
                match (code.as_str(), answer.reconciliation()) {
                    ("00", Ok(told)) => self.compared(Compared {
                        totals: told.totals,
                        domestic: told.domestic,
                        foreign: told.foreign,
                    }),
                    ("00", Err(_)) => self.settlement_failed("bad-answer", SettlementFault::BadAnswer),
                    _ => {
                        self.note_settlement_try(&code);
                        self.give_up_settlement(SettlementFault::Refused);
                    }
                }
            }
            (_, End::Answered(_), Some(code)) if self.settings.profile.accepts_advice(&code) => {
                self.close_batch();
            }
            (_, End::Answered(_), Some(code)) => self.end_refused(&code),
            (_, end, _) => {
                let fault = match end {
                    End::Undecodable | End::BadMac(_) => SettlementFault::BadAnswer,
                    _ => SettlementFault::NoAnswer,
                };
                self.settlement_failed(&end.word(), fault);
            }
        }
    }

    fn note_settlement_try(&mut self, result: &str) {
        let at = self.now.wall;
        if let Some(settling) = self.settling.as_mut() {
            note_try(&mut settling.record.tries, at, result.to_owned());
        }
    }

    /// A sign-in that the settlement needed has failed.
    pub(crate) fn settlement_sign_in_failed(&mut self) {
        if self.settling.as_ref().is_some_and(|settling| matches!(settling.stage, Stage::Ready)) {
            self.settlement_failed("sign-in", SettlementFault::NoAnswer);
        }
    }

    /// A message had no good answer. While the host has compared nothing the settlement is given up after a few tries;
    /// after that it waits and tries again for ever.
    pub(crate) fn settlement_failed(&mut self, result: &str, fault: SettlementFault) {
        self.note_settlement_try(result);
        let quick = usize::from(self.settings.profile.reversal_quick_tries);
        let now = self.now.monotonic_ms;
        let Some(settling) = self.settling.as_mut() else { return };
        settling.stage = Stage::Ready;
        settling.failed_tries += 1;
        if settling.record.step == SettlementStep::Comparing && settling.failed_tries >= quick {
            return self.give_up_settlement(fault);
        }
        let wait = RETRY_AFTER[(settling.failed_tries - 1).min(RETRY_AFTER.len() - 1)];
        settling.retry_at = Some(now + wait);
        self.effect(Effect::SetTimer(Timer::Settlement, wait));
        self.save_settlement(Vec::new());
        self.report_settlement();
    }

    /// The line works again.
    pub(crate) fn settlement_went_on(&mut self) {
        if let Some(settling) = self.settling.as_mut() {
            settling.failed_tries = 0;
            settling.retry_at = None;
        }
        self.effect(Effect::StopTimer(Timer::Settlement));
    }

    fn compared(&mut self, compared: Compared) {
        self.settlement_went_on();
        let Some(settling) = self.settling.as_mut() else { return };
        let record = &mut settling.record;
        record.compared = Some(compared);
        record.step = record.step.next();
        record.after = 0;
        record.planned = 0;
        record.mismatches.clear();
        for domestic in [true, false] {
            if compared.is_side_balanced(domestic) {
                continue;
            }
            let side = |totals: &posd_unionpay::Totals| {
                let side = if domestic { totals.domestic } else { totals.foreign };
                i128::from(side.debit_amount) - i128::from(side.credit_amount)
            };
            let amount = |net: i128| u64::try_from(net).ok();
            record.mismatches.push(Mismatch {
                domestic: Some(domestic),
                journal: amount(side(&record.totals.totals)),
                // A host that repeats what it was told has said nothing of its own.
                host: amount(side(&compared.totals)).filter(|_| compared.totals != record.totals.totals),
                ..Mismatch::new(MismatchKind::Totals, MismatchAction::Uploaded)
            });
        }
        self.save_settlement(Vec::new());
        self.report_settlement();
    }

    fn end_refused(&mut self, code: &str) {
        let Some(settling) = self.settling.as_mut() else { return };
        settling.record.refusals = settling.record.refusals.saturating_add(1);
        if settling.record.refusals < END_REFUSALS {
            return self.settlement_failed(code, SettlementFault::Refused);
        }
        settling.record.mismatches.push(Mismatch {
            code: Some(code.to_owned()),
            ..Mismatch::new(MismatchKind::EndRefused, MismatchAction::CallAcquirer)
        });
        self.close_batch();
    }

    /// Closes the batch: its row, the next batch number, the end of its card data, the slip and the audit row become
    /// durable together.
    fn close_batch(&mut self) {
        self.settlement_went_on();
        let slip = self.settlement_slip();
        let job = self.device.next_job;
        let Some(settling) = self.settling.as_mut() else { return };
        let record = &mut settling.record;
        record.step = SettlementStep::Closed;
        record.ended = Some(self.now.wall);
        record.slip = slip.clone();
        let (id, batch, uid, operator) = (record.id, record.batch, record.uid, record.operator.clone());
        let result = record.compared.map_or("", |compared| compared.word());
        let detail = format!("batch={batch:06} result={result} mismatches={}", record.mismatches.len());
        if self.device.batch == batch {
            self.device.batch = if batch >= 999_999 { 1 } else { batch + 1 };
        }
        let again = self.settings.profile.sign_in_after_settlement;
        if again {
            self.device.signed_in = false;
        }
        let mut writes = vec![
            Write::EraseCards { batch, now: self.now.wall },
            self.audit_row(AuditEvent::BatchClosed, Some(uid), &operator, detail),
        ];
        let job = slip.as_ref().filter(|_| !self.settings.copies.is_empty()).map(|_| PrintJob {
            id: job,
            transaction: 0,
            slip: SlipOf::Settlement { id, batch },
            copy: posd_receipt::Copy::Merchant,
            reprint: false,
            state: PrintState::Queued,
        });
        if let Some(job) = &job {
            self.device.next_job += 1;
            writes.push(Write::PrintJob(job.clone()));
        }
        self.save_settlement(writes);
        self.report_settlement();
        self.settling = None;
        if let (Some(job), Some(slip)) = (job, slip) {
            self.print_slip(uid, job, posd_receipt::Slip::Settlement(slip));
        }
        if again {
            self.wanted.push_back(Purpose::SignIn(Vec::new()));
        }
    }

    /// Gives up before the host has compared anything: the batch goes on.
    fn give_up_settlement(&mut self, fault: SettlementFault) {
        let ended = self.now.wall;
        self.effect(Effect::StopTimer(Timer::Settlement));
        let Some(settling) = self.settling.as_mut() else { return };
        settling.stage = Stage::Ready;
        settling.retry_at = None;
        settling.record.fault = Some(fault);
        settling.record.ended = Some(ended);
        let (batch, uid, operator) =
            (settling.record.batch, settling.record.uid, settling.record.operator.clone());
        let detail = format!("batch={batch:06} cause={fault}");
        let row = self.audit_row(AuditEvent::SettlementGivenUp, Some(uid), &operator, detail);
        self.save_settlement(vec![row]);
        self.report_settlement();
        self.settling = None;
    }
}

/// How a record stands that is not waiting.
pub(crate) fn state_of(record: &Settlement) -> SettlementState {
    match (record.step, record.fault) {
        (_, Some(_)) => SettlementState::Failed,
        (SettlementStep::Closed, None) => SettlementState::Finished,
        _ => SettlementState::Running,
    }
}
