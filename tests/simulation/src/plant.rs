//! Faults planted on purpose, to see that the simulation sees. Each is a wrapper around what is shipped; the shipped
//! code has no switch.

use posd_runner::Flow;
use posd_terminal::{
    Advice, AdviceId, AdviceState, AtRisk, Attempt, AuditHead, Call, CardKey, ClosingStep, Device, Effect,
    Event, Moment, Outcome, PrintJob, PrintState, Prompt, Records, Reference, Reversal, ReversalState,
    SaleKey, SetContent, Settlement, State, StorageFault, StoredSet, Terminal, TransactionId,
    TransactionView, Write,
};
use posd_vault_protocol::{PasswordCheck, Reply, Secret};

/// A planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plant {
    /// The journal answers before the disk has it.
    DropFsync,
    /// The reversal intent is committed after the request has left.
    ReverseAfterSend,
    /// The trace counter is stored too low.
    ReuseTrace,
    /// Approvals are reported before they are durable.
    ReportBeforeCommit,
    /// A slip is printed before its job is durable.
    PrintBeforeCommit,
    /// A bad MAC is taken for a good one.
    TrustEveryMac,
    /// A reversal that must be sent is stored as not needed.
    ForgetReversal,
    /// A sale key is not found again.
    LoseSaleKey,
    /// Recovery looks at nothing.
    SkipRecovery,
    /// The request is sent twice.
    SendTwice,
    /// An unknown outcome is called approved.
    ApproveUnknown,
    /// The transaction counter is stored too low.
    ReuseTransaction,
    /// What was done to an original is not found.
    ForgetFollowers,
    /// A downloaded set is stored before its last entry has come.
    HalfASet,
    /// A wrong supervisor's password is taken for a right one.
    TrustEveryPassword,
    /// A signature is taken and not stored.
    LoseSignature,
    /// A settlement that was open when the power went is not found again.
    ForgetSettlement,
    /// Some rows of a batch are not read.
    ForgetRows,
    /// Card data stays when a batch is closed.
    KeepCards,
    /// That a payment by code must be ended is stored as if it might still be asked for.
    ForgetCancel,
    /// A payment by code that nobody has answered for is taken for ended.
    EndUnanswered,
    /// An offline sale is not counted as standing at risk.
    ForgetRisk,
    /// An advice that is to be sent is stored as accepted.
    ForgetAdvice,
    /// A part of a signature is taken for the next one.
    SkipPart,
}

impl Plant {
    /// All of them.
    pub const ALL: [Plant; 24] = [
        Plant::DropFsync,
        Plant::ReverseAfterSend,
        Plant::ReuseTrace,
        Plant::ReportBeforeCommit,
        Plant::PrintBeforeCommit,
        Plant::TrustEveryMac,
        Plant::ForgetReversal,
        Plant::LoseSaleKey,
        Plant::SkipRecovery,
        Plant::SendTwice,
        Plant::ApproveUnknown,
        Plant::ReuseTransaction,
        Plant::ForgetFollowers,
        Plant::HalfASet,
        Plant::TrustEveryPassword,
        Plant::LoseSignature,
        Plant::ForgetSettlement,
        Plant::ForgetRows,
        Plant::KeepCards,
        Plant::ForgetCancel,
        Plant::EndUnanswered,
        Plant::ForgetRisk,
        Plant::ForgetAdvice,
        Plant::SkipPart,
    ];
}

/// The terminal, perhaps with a fault.
pub(crate) struct Planted {
    pub(crate) terminal: Terminal,
    pub(crate) plant: Option<Plant>,
    created: u64,
    /// The sequence number of the last report.
    last_report: u64,
}

impl Planted {
    pub(crate) fn new(terminal: Terminal, plant: Option<Plant>) -> Planted {
        Planted { terminal, plant, created: 0, last_report: 0 }
    }

    fn bend_event(&mut self, event: Event) -> Event {
        match (self.plant, event) {
            (Some(Plant::TrustEveryMac), Event::VaultReply(id, Reply::MacChecked(_))) => {
                Event::VaultReply(id, Reply::MacChecked(true))
            }
            (
                Some(Plant::TrustEveryPassword),
                Event::VaultReply(id, Reply::Password(PasswordCheck::Wrong)),
            ) => Event::VaultReply(id, Reply::Password(PasswordCheck::Accepted { must_change: false })),
            (
                Some(Plant::LoseSaleKey),
                Event::Call { id, caller, call: Call::Create { reference, kind, amount, options } },
            ) => {
                self.created += 1;
                let other = format!("{}~{}", reference.as_str(), self.created);
                let reference = Reference::new(&other).unwrap_or(reference);
                Event::Call { id, caller, call: Call::Create { reference, kind, amount, options } }
            }
            (_, event) => event,
        }
    }

    fn bend_effects(&mut self, mut effects: Vec<Effect>) -> Vec<Effect> {
        let Some(plant) = self.plant else { return effects };
        goes_early(plant, &mut effects);
        let mut bent = Vec::new();
        for effect in effects {
            match (plant, effect) {
                (Plant::SendTwice, Effect::SendToHost(id, frame)) => {
                    bent.push(Effect::SendToHost(id, Secret::new(frame.expose().to_vec())));
                    bent.push(Effect::SendToHost(id, frame));
                }
                (_, Effect::Commit(writes)) => {
                    if plant == Plant::ReportBeforeCommit {
                        bent.extend(self.early_report(&writes));
                    }
                    bent.push(Effect::Commit(
                        writes
                            .into_iter()
                            .filter(|write| {
                                plant != Plant::KeepCards || !matches!(write, Write::EraseCards { .. })
                            })
                            .map(|write| bend_write(plant, write))
                            .collect(),
                    ));
                }
                (_, Effect::CommitIf(admission, writes)) => {
                    let writes = writes.into_iter().map(|write| bend_write(plant, write)).collect();
                    bent.push(Effect::CommitIf(admission, writes));
                }
                (Plant::ApproveUnknown, Effect::Report(mut view)) => {
                    if view.attempt.outcome == Some(Outcome::Unknown) {
                        view.attempt.outcome = Some(Outcome::Approved);
                    }
                    bent.push(Effect::Report(view));
                }
                (_, Effect::Report(view)) => {
                    self.last_report = view.sequence;
                    bent.push(Effect::Report(view));
                }
                (_, effect) => bent.push(effect),
            }
        }
        bent
    }

    /// What is really reported once the card is done with, as soon as it is known.
    fn early_report(&self, writes: &[Write]) -> Option<Effect> {
        writes.iter().find_map(|write| match write {
            Write::Attempt(attempt) if attempt.outcome.is_some_and(Outcome::is_charged) => {
                Some(Effect::Report(Box::new(TransactionView {
                    attempt: (**attempt).clone(),
                    state: State::Completing,
                    sequence: self.last_report,
                    prompt: Prompt::Approved,
                    deadline: None,
                    queue_position: 0,
                    pin_digits: 0,
                    candidates: Vec::new(),
                    code: None,
                })))
            }
            _ => None,
        })
    }
}

/// Moves what must wait for a commit before it.
fn goes_early(plant: Plant, effects: &mut Vec<Effect>) {
    let is_awaited = |effect: &Effect| matches!(effect, Effect::Commit(writes) if is_awaited(plant, writes));
    let Some(commit) = effects.iter().position(is_awaited) else { return };
    let waits = |effect: &Effect| match plant {
        Plant::ReverseAfterSend => matches!(effect, Effect::SendToHost(..)),
        Plant::PrintBeforeCommit => matches!(effect, Effect::Print(..)),
        _ => false,
    };
    if let Some(after) = effects[commit..].iter().position(waits) {
        let effect = effects.remove(commit + after);
        effects.insert(commit, effect);
    }
}

/// Whether a planted bug does not wait for this commit.
fn is_awaited(plant: Plant, writes: &[Write]) -> bool {
    writes.iter().any(|write| match (plant, write) {
        (Plant::ReverseAfterSend, Write::Reversal(reversal)) => reversal.state == ReversalState::Armed,
        (Plant::PrintBeforeCommit, Write::PrintJob(job)) => job.state == PrintState::Queued,
        _ => false,
    })
}

fn bend_write(plant: Plant, write: Write) -> Write {
    match (plant, write) {
        (Plant::ReuseTrace, Write::Device(device)) => {
            Write::Device(Device { next_trace: device.next_trace.saturating_sub(1).max(1), ..device })
        }
        (Plant::ReuseTransaction, Write::Device(device)) => Write::Device(Device {
            next_transaction: device.next_transaction.saturating_sub(1).max(1),
            ..device
        }),
        (Plant::ForgetRisk, Write::OfflineSale { transaction, operator, card, .. }) => {
            Write::OfflineSale { transaction, amount: 0, operator, card }
        }
        (Plant::ForgetAdvice, Write::Advice(mut advice)) if advice.state == AdviceState::Queued => {
            advice.state = AdviceState::Accepted;
            Write::Advice(advice)
        }
        (Plant::SkipPart, Write::Advice(mut advice)) if advice.parts > 0 => {
            advice.parts += 1;
            Write::Advice(advice)
        }
        (Plant::ForgetReversal, Write::Reversal(mut reversal))
            if reversal.state == ReversalState::Pending =>
        {
            reversal.state = ReversalState::Disarmed;
            Write::Reversal(reversal)
        }
        (Plant::HalfASet, Write::Set(mut set)) => {
            if let SetContent::Aids(aids) = &mut set.content {
                aids.pop();
            }
            Write::Set(set)
        }
        (Plant::ForgetCancel, Write::Reversal(mut reversal)) => {
            if let Some(closing) = reversal.closing.as_mut() {
                closing.step = ClosingStep::Ask;
            }
            Write::Reversal(reversal)
        }
        (Plant::EndUnanswered, Write::Reversal(mut reversal))
            if reversal.closing.is_some() && reversal.state == ReversalState::Pending =>
        {
            reversal.state = ReversalState::Done;
            Write::Reversal(reversal)
        }
        (Plant::ApproveUnknown, Write::Attempt(mut attempt)) if attempt.outcome == Some(Outcome::Unknown) => {
            attempt.outcome = Some(Outcome::Approved);
            Write::Attempt(attempt)
        }
        (Plant::LoseSignature, Write::Attempt(mut attempt)) => {
            if let Some(receipt) = attempt.receipt.as_mut() {
                receipt.strokes = None;
            }
            Write::Attempt(attempt)
        }
        (_, write) => write,
    }
}

impl Flow for Planted {
    fn handle(&mut self, event: Event, moment: Moment, records: &dyn Records) -> Vec<Effect> {
        let event = self.bend_event(event);
        let effects = match self.plant {
            Some(Plant::SkipRecovery) if matches!(event, Event::Started) => {
                self.terminal.handle(event, moment, &Blind(records, Plant::SkipRecovery))
            }
            Some(plant @ (Plant::ForgetFollowers | Plant::ForgetSettlement | Plant::ForgetRows)) => {
                self.terminal.handle(event, moment, &Blind(records, plant))
            }
            _ => self.terminal.handle(event, moment, records),
        };
        self.bend_effects(effects)
    }
}

/// A journal that does not tell what a planted bug does not look at: what recovery has to do, or what follows an
/// original.
struct Blind<'a>(&'a dyn Records, Plant);

impl Records for Blind<'_> {
    fn device(&self) -> Result<Device, StorageFault> {
        self.0.device()
    }
    fn attempt(&self, id: TransactionId) -> Result<Option<Attempt>, StorageFault> {
        self.0.attempt(id)
    }
    fn latest_attempt(&self, key: &SaleKey) -> Result<Option<Attempt>, StorageFault> {
        self.0.latest_attempt(key)
    }
    fn attempt_by_trace(&self, batch: u32, trace: u32) -> Result<Option<Attempt>, StorageFault> {
        self.0.attempt_by_trace(batch, trace)
    }
    fn batch(&self, batch: u32, after: u32, limit: u32) -> Result<Vec<Attempt>, StorageFault> {
        let mut page = self.0.batch(batch, after, limit)?;
        if self.1 == Plant::ForgetRows {
            page.retain(|attempt| attempt.trace.is_none_or(|trace| trace % 3 != 0));
        }
        Ok(page)
    }
    fn batch_size(&self, batch: u32) -> Result<u32, StorageFault> {
        self.0.batch_size(batch)
    }
    fn attempts_by_rrn(&self, rrn: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.0.attempts_by_rrn(rrn)
    }
    fn attempts_by_authorisation(&self, code: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.0.attempts_by_authorisation(code)
    }
    fn external_followers(&self, original: &str) -> Result<Vec<Attempt>, StorageFault> {
        if self.1 == Plant::ForgetFollowers { Ok(Vec::new()) } else { self.0.external_followers(original) }
    }
    fn followers(&self, original: TransactionId) -> Result<Vec<Attempt>, StorageFault> {
        if self.1 == Plant::ForgetFollowers { Ok(Vec::new()) } else { self.0.followers(original) }
    }
    fn attempts(&self, uid: u32, before: Option<u64>, limit: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.0.attempts(uid, before, limit)
    }
    fn unacknowledged(&self, uid: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.0.unacknowledged(uid)
    }
    fn unresolved(&self) -> Result<Vec<Attempt>, StorageFault> {
        if self.1 == Plant::SkipRecovery { Ok(Vec::new()) } else { self.0.unresolved() }
    }
    fn open_reversals(&self) -> Result<Vec<Reversal>, StorageFault> {
        if self.1 == Plant::SkipRecovery { Ok(Vec::new()) } else { self.0.open_reversals() }
    }
    fn open_advices(&self) -> Result<Vec<Advice>, StorageFault> {
        self.0.open_advices()
    }
    fn settlement(&self, batch: Option<u32>) -> Result<Option<Settlement>, StorageFault> {
        self.0.settlement(batch)
    }
    fn settlement_by_id(&self, id: u64) -> Result<Option<Settlement>, StorageFault> {
        self.0.settlement_by_id(id)
    }
    fn open_settlement(&self) -> Result<Option<Settlement>, StorageFault> {
        if self.1 == Plant::ForgetSettlement { Ok(None) } else { self.0.open_settlement() }
    }
    fn advices_to_look_at(&self) -> Result<Vec<Advice>, StorageFault> {
        self.0.advices_to_look_at()
    }
    fn advice(&self, id: AdviceId) -> Result<Option<Advice>, StorageFault> {
        self.0.advice(id)
    }
    fn recent_advices(&self, limit: u32) -> Result<Vec<Advice>, StorageFault> {
        self.0.recent_advices(limit)
    }
    fn recent_reversals(&self, limit: u32) -> Result<Vec<Reversal>, StorageFault> {
        self.0.recent_reversals(limit)
    }
    fn at_risk(&self, card: Option<CardKey>, operator: &str) -> Result<AtRisk, StorageFault> {
        self.0.at_risk(card, operator)
    }
    fn open_print_jobs(&self) -> Result<Vec<PrintJob>, StorageFault> {
        self.0.open_print_jobs()
    }
    fn print_jobs(&self, transaction: TransactionId) -> Result<Vec<PrintJob>, StorageFault> {
        self.0.print_jobs(transaction)
    }
    fn sets(&self) -> Result<Vec<StoredSet>, StorageFault> {
        self.0.sets()
    }
    fn audit_head(&self) -> Result<AuditHead, StorageFault> {
        self.0.audit_head()
    }
}
