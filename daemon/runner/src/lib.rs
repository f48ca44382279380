//! Performs the terminal's effects, in order, and feeds events back.
//!
//! What it is for: the order of fsync, send and report lives here and nowhere else (rules 1 and 2). The daemon and the
//! simulation run this same code over different ports.
//!
//! What it never does: decide anything about money (that is the terminal's), or know what a port is made of. It holds
//! no thread and no clock: whoever drives it calls [`Runner::handle`] with each event and [`Runner::fire_timers`] when
//! [`Runner::next_timer`] has come.
//!
//! Start reading at [`Runner::handle`], then [`Ports`].

mod ports;

pub use ports::{Flow, Journal, Ports, Report};

use posd_terminal::{CallError, Effect, Event, StorageFault, Timer};
use std::collections::{BTreeMap, VecDeque};

/// Why the runner stopped. Nothing more may be asked of it: the process ends, and recovery at the next start repairs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// A commit failed. What it should have made durable was neither sent nor told.
    #[error(transparent)]
    Storage(#[from] StorageFault),
    /// A port asked to stop.
    #[error("stopped by a port")]
    Stopped,
}

/// The one runner (rule 2): everything that changes money passes through it, in order.
pub struct Runner<F, J, P> {
    flow: F,
    journal: J,
    ports: P,
    /// When each running timer ends, by the monotonic clock.
    timers: BTreeMap<Timer, u64>,
}

impl<F: Flow, J: Journal, P: Ports> Runner<F, J, P> {
    /// A runner over an open journal. The first event to hand it is [`Event::Started`].
    pub fn new(flow: F, journal: J, ports: P) -> Self {
        Runner { flow, journal, ports, timers: BTreeMap::new() }
    }

    /// Handles one event and everything that follows from it at once.
    ///
    /// # Errors
    /// [`Halt`]: the runner must not be used again.
    pub fn handle(&mut self, event: Event) -> Result<(), Halt> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let moment = self.ports.now();
            let effects = self.flow.handle(event, moment, &self.journal);
            let mut effects = VecDeque::from(effects);
            while let Some(effect) = effects.pop_front() {
                if let Err(halt) = self.perform(effect, moment.monotonic_ms, &mut events) {
                    self.refuse_calls(effects);
                    return Err(halt);
                }
            }
        }
        Ok(())
    }

    /// When the next timer ends, by the monotonic clock in milliseconds.
    pub fn next_timer(&self) -> Option<u64> {
        self.timers.values().min().copied()
    }

    /// Hands over every timer that has ended.
    ///
    /// # Errors
    /// As [`Runner::handle`].
    pub fn fire_timers(&mut self) -> Result<(), Halt> {
        let now = self.ports.now().monotonic_ms;
        while let Some(timer) = self.timers.iter().find(|(_, end)| **end <= now).map(|(timer, _)| *timer) {
            self.timers.remove(&timer);
            self.handle(Event::Timer(timer))?;
        }
        Ok(())
    }

    /// The ports, for whoever drives the runner.
    pub fn ports(&mut self) -> &mut P {
        &mut self.ports
    }

    /// The journal, for reading.
    pub fn journal(&self) -> &J {
        &self.journal
    }

    fn perform(&mut self, effect: Effect, now: u64, events: &mut VecDeque<Event>) -> Result<(), Halt> {
        if self.ports.before(&effect).is_break() {
            return Err(Halt::Stopped);
        }
        match effect {
            Effect::Commit(writes) => self.journal.commit(&writes)?,
            // Nothing may come between the question and its answer.
            Effect::CommitIf(admission, writes) => {
                events.push_front(Event::Admitted(self.journal.commit_if(&admission, &writes)?));
            }
            Effect::Reply(call, answer) => self.ports.reply(call, answer),
            Effect::Vault(id, request) => self.ports.ask_vault(id, request),
            Effect::ResetVault => self.ports.reset_vault(),
            Effect::SendToHost(exchange, frame) => self.ports.send_to_host(exchange, frame),
            Effect::CloseExchange(exchange) => self.ports.close_exchange(exchange),
            Effect::SetTimer(timer, after) => {
                self.timers.insert(timer, now + after);
            }
            Effect::StopTimer(timer) => {
                self.timers.remove(&timer);
            }
            Effect::DrawRandom => events.push_front(Event::Random(self.ports.random())),
            Effect::Report(view) => self.ports.report(Report::Transaction(view)),
            Effect::ReportTerminal(view) => self.ports.report(Report::Terminal(view)),
            Effect::ReportSettlement(view) => self.ports.report(Report::Settlement(view)),
            Effect::ReportPrintJob(uid, job) => self.ports.report(Report::PrintJob(uid, job)),
            Effect::Print(job, slip) => self.ports.print(job, *slip),
            Effect::Measure { printer } => self.ports.measure(printer),
            Effect::Note(note) => self.ports.note(note),
        }
        Ok(())
    }

    /// Callers whose answer stood behind the failed effect are told, so that nobody waits for ever.
    fn refuse_calls(&mut self, effects: VecDeque<Effect>) {
        for effect in effects {
            if let Effect::Reply(call, _) = effect {
                self.ports.reply(call, Err(CallError::StorageFailed));
            }
        }
    }
}
