//! The runner's ports and journal as the simulation has them: what the runner does is put down for the world to carry
//! on. The oracle sees each commit, and judges at the port what is told, sent and printed: it must be on the disk by
//! then, not only when everything is carried on.

use crate::{disk::Disk, oracle::Oracle, random::Random, world::PROFILE};
use posd_acquirer::MessageKind;
use posd_journal::Journal;
use posd_receipt::Slip;
use posd_runner::{Journal as Port, Ports, Report};
use posd_terminal::{
    Admission, Advice, AdviceId, Answer, AtRisk, Attempt, AuditHead, CallError, CallId, CardKey, Cause,
    Device, Effect, ExchangeId, LocalTime, Moment, Note, PrintJob, Records, Reversal, SaleKey, Settlement,
    StorageFault, StoredSet, TransactionId, Write,
};
use posd_vault_protocol::{Request, Secret};
use sha2::{Digest, Sha256};
use std::{cell::RefCell, collections::VecDeque, ops::ControlFlow, rc::Rc};

/// What the runner did, in order.
pub(crate) enum Done {
    Reply(CallId, Result<Answer, CallError>),
    Vault(u32, Request),
    ResetVault,
    /// With what it is, and its trace number.
    Send(ExchangeId, Secret, Option<(MessageKind, u32)>),
    Close(ExchangeId),
    Report(Report),
    Print(PrintJob),
}

/// What ports and world share.
pub(crate) struct Shared {
    pub(crate) now: u64,
    /// The wall clock's distance from virtual time; it may jump.
    pub(crate) wall_offset: i64,
    pub(crate) random: Random,
    pub(crate) done: VecDeque<Done>,
    /// Effects until the power goes.
    pub(crate) crash_in: Option<u64>,
    /// Effects performed since the last start.
    pub(crate) effects: u64,
    pub(crate) trace: Sha256,
    /// The last effects, for whoever looks into a violation.
    pub(crate) recent: VecDeque<String>,
}

/// How many effects are kept for reading.
const RECENT: usize = 60;

impl Shared {
    pub(crate) fn moment(&self) -> Moment {
        let wall = 1_800_000_000_000_i64 + self.wall_offset + self.now as i64;
        let seconds = self.now / 1_000;
        let local = LocalTime {
            // What the wall clock shows at the start, and the host.
            year: 2027,
            month: 1,
            day: 15,
            hour: (seconds / 3_600 % 24) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
        };
        Moment { monotonic_ms: self.now, wall, local }
    }
}

/// The journal, and its write-ahead log.
pub(crate) const JOURNAL: &str = "journal.db";
const LOG: &str = "journal.db-wal";

/// The ports.
pub(crate) struct Wires {
    pub(crate) shared: Rc<RefCell<Shared>>,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
    pub(crate) disk: Disk,
}

impl Wires {
    fn put(&self, done: Done) {
        self.shared.borrow_mut().done.push_back(done);
    }

    /// Something becomes visible outside: whatever it stands on must have reached the platter. SQLite's log has every
    /// commit until its pages have come home, so a page that is still on its way there loses nothing.
    fn judge<T>(&self, what: &str, judge: impl FnOnce(&mut Oracle) -> T) -> T {
        let mut oracle = self.oracle.borrow_mut();
        oracle.goes_out(what, self.disk.could_lose(LOG));
        judge(&mut oracle)
    }
}

impl Ports for Wires {
    fn before(&mut self, effect: &Effect) -> ControlFlow<()> {
        let mut shared = self.shared.borrow_mut();
        // Debug output of effects hides card data, so the trace holds none.
        let line = format!("{} {effect:?}\n", shared.now);
        shared.trace.update(line.as_bytes());
        if shared.recent.len() == RECENT {
            shared.recent.pop_front();
        }
        shared.recent.push_back(line);
        shared.effects += 1;
        match shared.crash_in.as_mut() {
            Some(0) => return ControlFlow::Break(()),
            Some(left) => *left -= 1,
            None => {}
        }
        ControlFlow::Continue(())
    }
    fn now(&self) -> Moment {
        self.shared.borrow().moment()
    }
    fn random(&mut self) -> [u8; 8] {
        self.shared.borrow_mut().random.next().to_be_bytes()
    }
    fn reply(&mut self, call: CallId, answer: Result<Answer, CallError>) {
        match &answer {
            Ok(Answer::Transaction(view)) => self.judge("an answer", |oracle| oracle.shown(&view.attempt)),
            Ok(Answer::Settlement(view)) => {
                self.judge("an answer", |oracle| oracle.settlement_shown(&view.record));
            }
            Ok(_) => self.judge("an answer", |_| ()),
            // A failing disk is told of, too.
            Err(_) => {}
        }
        self.put(Done::Reply(call, answer));
    }
    fn ask_vault(&mut self, id: u32, request: Request) {
        self.put(Done::Vault(id, request));
    }
    fn reset_vault(&mut self) {
        self.put(Done::ResetVault);
    }
    fn send_to_host(&mut self, exchange: ExchangeId, frame: Secret) {
        let left = self.judge("a message", |oracle| oracle.leaves(frame.expose(), &PROFILE));
        self.put(Done::Send(exchange, frame, left));
    }
    fn close_exchange(&mut self, exchange: ExchangeId) {
        self.put(Done::Close(exchange));
    }
    fn report(&mut self, report: Report) {
        self.judge("a report", |oracle| match &report {
            Report::Transaction(view) => oracle.shown(&view.attempt),
            Report::Settlement(view) => oracle.settlement_shown(&view.record),
            Report::Terminal(_) | Report::PrintJob(..) => {}
        });
        self.put(Done::Report(report));
    }
    fn print(&mut self, job: PrintJob, _: Slip) {
        self.judge("a slip", |oracle| oracle.printed(&job));
        self.put(Done::Print(job));
    }
    /// There is always room, and nobody asks for a diagnosis.
    fn measure(&mut self, _: bool) {}
    fn note(&mut self, _: Note) {}
}

/// The journal, watched.
pub(crate) struct Watched {
    pub(crate) journal: Journal,
    pub(crate) oracle: Rc<RefCell<Oracle>>,
}

impl Port for Watched {
    fn commit(&mut self, writes: &[Write]) -> Result<(), StorageFault> {
        self.oracle.borrow_mut().trying(writes);
        self.journal.commit(writes)?;
        self.oracle.borrow_mut().committed(writes);
        Ok(())
    }

    fn commit_if(
        &mut self,
        admission: &Admission,
        writes: &[Write],
    ) -> Result<Result<(), Cause>, StorageFault> {
        let admitted = self.journal.commit_if(admission, writes)?;
        if admitted.is_ok() {
            self.oracle.borrow_mut().committed(writes);
        }
        Ok(admitted)
    }
}

impl Records for Watched {
    fn device(&self) -> Result<Device, StorageFault> {
        self.journal.device()
    }
    fn attempt(&self, id: TransactionId) -> Result<Option<Attempt>, StorageFault> {
        self.journal.attempt(id)
    }
    fn latest_attempt(&self, key: &SaleKey) -> Result<Option<Attempt>, StorageFault> {
        self.journal.latest_attempt(key)
    }
    fn attempt_by_trace(&self, batch: u32, trace: u32) -> Result<Option<Attempt>, StorageFault> {
        self.journal.attempt_by_trace(batch, trace)
    }
    fn batch(&self, batch: u32, after: u32, limit: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.batch(batch, after, limit)
    }
    fn batch_size(&self, batch: u32) -> Result<u32, StorageFault> {
        self.journal.batch_size(batch)
    }
    fn attempts_by_rrn(&self, rrn: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.attempts_by_rrn(rrn)
    }
    fn attempts_by_authorisation(&self, code: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.attempts_by_authorisation(code)
    }
    fn external_followers(&self, original: &str) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.external_followers(original)
    }
    fn followers(&self, original: TransactionId) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.followers(original)
    }
    fn attempts(&self, uid: u32, before: Option<u64>, limit: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.attempts(uid, before, limit)
    }
    fn unacknowledged(&self, uid: u32) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.unacknowledged(uid)
    }
    fn unresolved(&self) -> Result<Vec<Attempt>, StorageFault> {
        self.journal.unresolved()
    }
    fn open_reversals(&self) -> Result<Vec<Reversal>, StorageFault> {
        self.journal.open_reversals()
    }
    fn open_advices(&self) -> Result<Vec<Advice>, StorageFault> {
        self.journal.open_advices()
    }
    fn settlement(&self, batch: Option<u32>) -> Result<Option<Settlement>, StorageFault> {
        self.journal.settlement(batch)
    }
    fn settlement_by_id(&self, id: u64) -> Result<Option<Settlement>, StorageFault> {
        self.journal.settlement_by_id(id)
    }
    fn open_settlement(&self) -> Result<Option<Settlement>, StorageFault> {
        self.journal.open_settlement()
    }

    fn advices_to_look_at(&self) -> Result<Vec<Advice>, StorageFault> {
        self.journal.advices_to_look_at()
    }
    fn advice(&self, id: AdviceId) -> Result<Option<Advice>, StorageFault> {
        self.journal.advice(id)
    }
    fn recent_advices(&self, limit: u32) -> Result<Vec<Advice>, StorageFault> {
        self.journal.recent_advices(limit)
    }
    fn recent_reversals(&self, limit: u32) -> Result<Vec<Reversal>, StorageFault> {
        self.journal.recent_reversals(limit)
    }
    fn at_risk(&self, card: Option<CardKey>, operator: &str) -> Result<AtRisk, StorageFault> {
        self.journal.at_risk(card, operator)
    }
    fn open_print_jobs(&self) -> Result<Vec<PrintJob>, StorageFault> {
        self.journal.open_print_jobs()
    }
    fn print_jobs(&self, transaction: TransactionId) -> Result<Vec<PrintJob>, StorageFault> {
        self.journal.print_jobs(transaction)
    }
    fn sets(&self) -> Result<Vec<StoredSet>, StorageFault> {
        self.journal.sets()
    }
    fn audit_head(&self) -> Result<AuditHead, StorageFault> {
        self.journal.audit_head()
    }
}
