//! Who did what: rows that each carry the hash of the one before (the audit chain).
//!
//! A row is part of the commit of what it records, or of one before it. What the chain shows and what it cannot show is
//! said at [`AuditChain`].

use crate::{
    event::{Effect, Note},
    record::{Attempt, Records, StorageFault, TransactionId, WallTime, Write},
    state::{Outcome, words},
    terminal::{JournalState, Terminal},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

words! {
    /// What an audit row records. A closed list; more may join at its end.
    AuditEvent {
        /// The terminal went into service after a start: whoever was logged in or locked before is not any more.
        TerminalStarted = "terminal-started",
        /// The terminal was initialised (初始化), or initialised anew; the detail says with what.
        Initialised = "initialised",
        /// An operator logged in.
        LogIn = "log-in",
        /// A login was refused; the detail says why.
        LogInRefused = "log-in-refused",
        /// The operator was logged out.
        LogOut = "log-out",
        /// The screen was locked.
        Lock = "lock",
        /// It was unlocked; the operator of the row is whose password did it.
        Unlock = "unlock",
        /// Unlocking was refused; the detail says why.
        UnlockRefused = "unlock-refused",
        /// An operator's own password: `asked`, then what came of it.
        PasswordChange = "password-change",
        /// A new operator: `asked`, then what came of it.
        OperatorAdd = "operator-add",
        /// An operator deleted: `asked`, then what came of it.
        OperatorDelete = "operator-delete",
        /// An initial password given back: `asked`, then what came of it.
        PasswordReset = "password-reset",
        /// The terminal signed in at the host.
        SignIn = "sign-in",
        /// The terminal signed out at the host.
        SignOut = "sign-out",
        /// A transaction was made.
        TransactionCreated = "transaction-created",
        /// A transaction's outcome became what the detail says.
        TransactionOutcome = "transaction-outcome",
        /// The supervisor said what came of a transaction whose reversal the host does not answer.
        ReversalResolved = "reversal-resolved",
        /// The supervisor gave its word for one transaction.
        SupervisorConsent = "supervisor-consent",
        /// It was not given; the detail says why.
        SupervisorRefused = "supervisor-refused",
        /// The supervisor said what came of a refund without an answer.
        RefundResolved = "refund-resolved",
        /// The supervisor said what came of an advice that the host did not take.
        AdviceResolved = "advice-resolved",
        /// A settlement began, or began again.
        SettlementBegun = "settlement-begun",
        /// A settlement was given up; the batch goes on.
        SettlementGivenUp = "settlement-given-up",
        /// A batch was closed.
        BatchClosed = "batch-closed",
        /// The sign-in holds no longer, by the host's word or for a bad MAC; the detail says which.
        SignInEnded = "sign-in-ended",
        /// A set was downloaded and is in force.
        Download = "download",
        /// The host's header began to ask for something; the detail has the digit (reference 2.1).
        HostRequirement = "host-requirement",
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// 1 upwards without a gap; 0 until it is chained.
    pub sequence: u64,
    /// When, by the wall clock.
    pub time: WallTime,
    /// Whose call it was, as the bus reports the caller; `None` for what the terminal did by itself.
    pub uid: Option<u32>,
    /// Whose password was asked for, else who was logged in; empty for nobody.
    pub operator: String,
    /// A word of [`AuditEvent`].
    pub event: String,
    /// `key=value` words. Never a card number, a password or a key.
    pub detail: String,
    /// The hash of the row before; zeros for the first.
    pub previous: [u8; 32],
    /// SHA-256 of everything above.
    pub hash: [u8; 32],
}

/// The end of the chain: what must be kept elsewhere to see that rows were cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AuditHead {
    /// The last row's number; 0 while there is none.
    pub sequence: u64,
    /// The last row's hash; zeros while there is none.
    pub hash: [u8; 32],
}

impl std::fmt::Display for AuditHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:", self.sequence)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for AuditHead {
    type Err = &'static str;

    /// Reads `NUMBER:HASH`, the hash in 64 hex digits.
    fn from_str(text: &str) -> Result<AuditHead, &'static str> {
        let wrong = "a head of the audit chain is NUMBER:HASH, the hash in 64 hex digits";
        let (sequence, digits) = text.split_once(':').ok_or(wrong)?;
        let sequence = sequence.parse().map_err(|_| wrong)?;
        let mut hash = [0; 32];
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(wrong);
        }
        for (byte, place) in hash.iter_mut().zip((0..64).step_by(2)) {
            *byte = digits
                .get(place..place + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                .ok_or(wrong)?;
        }
        Ok(AuditHead { sequence, hash })
    }
}

/// The first thing wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    /// Where this number should stand there is another one: rows are missing, or stand in another place.
    #[error("row {0} is missing: row {1} stands in its place")]
    Gap(u64, u64),
    /// A row does not carry the hash of the one before it.
    #[error("row {0} does not follow the row before it: one of them was replaced")]
    Link(u64),
    /// A row's hash is not that of its content.
    #[error("row {0} was changed: its hash is not that of its content")]
    Content(u64),
    /// There are fewer rows than the head that was kept elsewhere.
    #[error("the chain ends at row {0}, before row {1} that was kept elsewhere: its end was cut off")]
    CutOff(u64, u64),
    /// The row of the head that was kept elsewhere has another hash here.
    #[error("row {0} is another than the one kept elsewhere: the chain was written anew")]
    OtherHead(u64),
}

impl AuditFault {
    /// The number of the first bad row, or of the first one missing.
    pub fn row(self) -> u64 {
        match self {
            AuditFault::Gap(row, _)
            | AuditFault::Link(row)
            | AuditFault::Content(row)
            | AuditFault::OtherHead(row) => row,
            AuditFault::CutOff(last, _) => last + 1,
        }
    }
}

impl AuditRow {
    fn new(
        time: WallTime,
        uid: Option<u32>,
        operator: String,
        event: AuditEvent,
        detail: String,
    ) -> AuditRow {
        AuditRow {
            sequence: 0,
            time,
            uid,
            operator,
            event: event.word().to_owned(),
            detail,
            previous: [0; 32],
            hash: [0; 32],
        }
    }

    /// The hash that its content has. Each text carries its length, so that none can lend a letter to its neighbour.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"posd audit 1");
        hash.update(self.sequence.to_be_bytes());
        hash.update(self.time.to_be_bytes());
        hash.update([u8::from(self.uid.is_some())]);
        hash.update(self.uid.unwrap_or(0).to_be_bytes());
        for text in [&self.operator, &self.event, &self.detail] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.update(self.previous);
        hash.finalize().into()
    }

    /// Puts it at the end of a chain.
    fn chain(&mut self, head: &mut AuditHead) {
        self.sequence = head.sequence + 1;
        self.previous = head.hash;
        self.hash = self.content_hash();
        *head = AuditHead { sequence: self.sequence, hash: self.hash };
    }
}

/// Follows a chain from its first row to its last.
///
/// It shows any row that was changed, removed from between others, put elsewhere or slipped in by somebody who did not
/// compute every hash after it anew. It cannot show by itself that the last rows were cut off, or that the whole chain
/// was written anew from some row on: nothing in the file is secret, so whoever may write it can do both. Only a head
/// that was kept where that person cannot reach shows those, and only for the rows up to it. And it cannot show what was
/// never recorded.
#[derive(Debug)]
pub struct AuditChain {
    head: AuditHead,
    kept: Option<AuditHead>,
}

impl AuditChain {
    /// A chain before its first row; `kept` is a head that was written down elsewhere.
    pub fn new(kept: Option<AuditHead>) -> AuditChain {
        AuditChain { head: AuditHead::default(), kept }
    }

    /// The next row, in the order of their numbers.
    ///
    /// # Errors
    /// [`AuditFault`]: it is the first bad row.
    pub fn follow(&mut self, row: &AuditRow) -> Result<(), AuditFault> {
        let expected = self.head.sequence + 1;
        if row.sequence != expected {
            return Err(AuditFault::Gap(expected, row.sequence));
        }
        if row.previous != self.head.hash {
            return Err(AuditFault::Link(row.sequence));
        }
        if row.hash != row.content_hash() {
            return Err(AuditFault::Content(row.sequence));
        }
        self.head = AuditHead { sequence: row.sequence, hash: row.hash };
        if self.kept.is_some_and(|kept| kept.sequence == row.sequence && kept.hash != row.hash) {
            return Err(AuditFault::OtherHead(row.sequence));
        }
        Ok(())
    }

    /// There are no more rows.
    ///
    /// # Errors
    /// [`AuditFault::CutOff`].
    pub fn end(self) -> Result<AuditHead, AuditFault> {
        match self.kept {
            Some(kept) if kept.sequence > self.head.sequence => {
                Err(AuditFault::CutOff(self.head.sequence, kept.sequence))
            }
            _ => Ok(self.head),
        }
    }
}

impl Terminal {
    /// A row about something that an operator did or tried; it is chained when its commit goes out.
    pub(crate) fn audit_row(
        &self,
        event: AuditEvent,
        uid: Option<u32>,
        operator: &str,
        detail: String,
    ) -> Write {
        Write::Audit(Box::new(AuditRow::new(self.now.wall, uid, operator.to_owned(), event, detail)))
    }

    /// Makes a row durable before whatever follows. A damaged journal is evidence: nothing is written to it.
    pub(crate) fn audit(&mut self, event: AuditEvent, uid: Option<u32>, operator: &str, detail: String) {
        if self.journal != JournalState::Bad {
            let row = self.audit_row(event, uid, operator, detail);
            self.effect(Effect::Commit(vec![row]));
        }
    }

    /// The last step of every event: adds the rows of what its commits decide, and chains all rows in the order in
    /// which they become durable. Here, so that no path of a transaction can forget its row.
    pub(crate) fn chain_audit(&mut self, records: &dyn Records) {
        let mut effects = std::mem::take(&mut self.effects);
        // What commits of this same event will have made durable.
        let mut decided = BTreeMap::new();
        let mut noteworthy = false;
        self.device.latest = self.latest_moment();
        for effect in &mut effects {
            let writes = match effect {
                Effect::Commit(writes) => writes,
                Effect::CommitIf(_, writes) => {
                    self.audit_head_before = self.audit_head;
                    writes
                }
                _ => continue,
            };
            for write in writes.iter_mut() {
                if let Write::Device(device) = write {
                    device.latest = self.device.latest;
                }
            }
            match self.rows_of(writes, &mut decided, records) {
                Ok(rows) => writes.extend(rows),
                Err(fault) => {
                    self.storage_fault(fault);
                }
            }
            for write in writes {
                if let Write::Audit(row) = write {
                    row.chain(&mut self.audit_head);
                    // What a till does all day needs no line in the log.
                    noteworthy |= !row.event.starts_with("transaction-");
                }
            }
        }
        if noteworthy {
            self.effect(Effect::Note(Note::AuditHead(self.audit_head)));
        }
        // What is noted here comes after the rest.
        effects.append(&mut self.effects);
        self.effects = effects;
    }

    fn rows_of(
        &self,
        writes: &[Write],
        decided: &mut BTreeMap<TransactionId, Outcome>,
        records: &dyn Records,
    ) -> Result<Vec<Write>, StorageFault> {
        let mut rows = Vec::new();
        for write in writes {
            let Write::Attempt(attempt) = write else { continue };
            let Some(outcome) = attempt.outcome else { continue };
            let before = match decided.insert(attempt.id, outcome) {
                Some(before) => Some(before),
                None => records.attempt(attempt.id)?.and_then(|attempt| attempt.outcome),
            };
            if before != Some(outcome) {
                rows.push(self.outcome_row(attempt, outcome));
            }
        }
        Ok(rows)
    }

    /// The row of a transaction that is made.
    pub(crate) fn created_row(&self, attempt: &Attempt) -> Write {
        let detail = format!(
            "transaction={} kind={} amount={}",
            attempt.id,
            attempt.kind.word(),
            attempt.amount.minor()
        );
        let operator = self.operator.as_deref().unwrap_or_default();
        self.audit_row(AuditEvent::TransactionCreated, Some(attempt.key.uid), operator, detail)
    }

    fn outcome_row(&self, attempt: &Attempt, outcome: Outcome) -> Write {
        let mut detail =
            format!("transaction={} outcome={} cause={}", attempt.id, outcome.word(), attempt.cause.word());
        if let Some(code) = &attempt.response_code {
            detail.push_str(&format!(" code={code}"));
        }
        if let Some(charged) = attempt.charged {
            detail.push_str(&format!(" charged={charged}"));
        }
        let operator = attempt.operator.as_deref().unwrap_or_default();
        self.audit_row(AuditEvent::TransactionOutcome, Some(attempt.key.uid), operator, detail)
    }
}
