//! A wallet payment of which it is not known whether it was paid: it is asked for, and where it is not known to be paid
//! then, it is ended (query-then-cancel; rules 1 and 5).
//!
//! While the customer stands at the till this goes on in front, with the dialect's waits; the transaction keeps the
//! terminal. After the dialect's tries, after a crash, or where the line needs a new sign-in, it goes on in the
//! background, as a reversal does, and blocks online payments as one does (rule 7).
//!
//! Only a query asks, and only while nothing has been ended: from the first cancel on the payment shall not stand, and
//! whatever says that it does leads to another cancel.

use crate::{
    authorise::Heard,
    event::{Effect, Note, Timer},
    exchange::{End, Purpose},
    forward::{Due, note_try},
    prompt::Prompt,
    record::{ClosingStep, Reversal, ReversalReason, ReversalState, TransactionId, Write},
    sale::Step,
    state::{Cause, Outcome, State},
    terminal::Terminal,
};
use posd_unionpay::{Answer, Kind, profile::QrStep, profile::Silence};

/// The dialect's waits, in milliseconds, and its tries.
#[derive(Clone, Copy)]
struct Pace {
    first: u64,
    wait: u64,
    queries: u8,
    cancels: u8,
}

/// What an answer to a query or cancel means.
enum Verdict {
    /// It is paid, or what was to be undone is undone.
    Charged(Box<Answer>),
    /// It is ended: nobody is charged.
    Ended(String),
    /// At once this.
    Next(ClosingStep),
    /// This after a wait.
    Later(ClosingStep),
}

impl Terminal {
    fn closing(&mut self, id: TransactionId) -> Option<&mut Reversal> {
        self.reversals.iter_mut().find(|reversal| reversal.transaction == id && reversal.closing.is_some())
    }

    fn pace(&self, id: TransactionId) -> Pace {
        match self.dialect_of(id).map(|dialect| dialect.silence) {
            Some(Silence::QueryThenCancel { first_wait_s, wait_s, queries, cancels }) => Pace {
                first: u64::from(first_wait_s) * 1_000,
                wait: u64::from(wait_s) * 1_000,
                queries,
                cancels,
            },
            // The profile is another one than when it was sent. It is ended, in the background.
            _ => Pace { first: 0, wait: 1_000, queries: 0, cancels: 0 },
        }
    }

    /// Whether it goes on in front of the customer.
    fn is_in_front(&self, id: TransactionId) -> bool {
        self.active.as_ref().is_some_and(|active| active.id == id && !active.is_decided())
    }

    /// What the end without a charge will be called.
    pub(crate) fn closing_cause(&mut self, id: TransactionId, cause: Cause) {
        if let Some(closing) = self.closing(id).and_then(|reversal| reversal.closing.as_mut()) {
            closing.cause = cause;
        }
    }

    /// From here on it is not asked for, but ended. To be committed.
    pub(crate) fn close_now(&mut self, id: TransactionId) {
        if let Some(closing) = self.closing(id).and_then(|reversal| reversal.closing.as_mut()) {
            closing.step = ClosingStep::Cancel;
        }
    }

    /// Goes on in front after a wait, `first` for the wait before anything was asked.
    pub(crate) fn ask_later(&mut self, id: TransactionId, first: bool) {
        let pace = self.pace(id);
        let wait = if first { pace.first } else { pace.wait };
        self.pay(id);
        self.wait_in_front(wait);
    }

    /// The customer pays, or not; nothing is left to do for the till but to wait.
    fn pay(&mut self, id: TransactionId) {
        let Some(active) = self.active.as_mut() else { return };
        if active.step == Step::Paying {
            return;
        }
        active.step = Step::Paying;
        if active.code_until.is_none() {
            self.enter(id, State::Authorizing, Prompt::WaitingPayment, None);
        }
    }

    fn wait_in_front(&mut self, wait: u64) {
        // The last look is at the deadline of the code that is shown.
        let until = self.active.as_ref().and_then(|active| active.code_until);
        let left = until.map(|until| until.saturating_sub(self.now.monotonic_ms)).filter(|left| *left > 0);
        self.effect(Effect::SetTimer(Timer::Step, left.map_or(wait, |left| left.min(wait))));
    }

    /// Begins the next query or cancel, in front or in the background.
    pub(crate) fn begin_closing(&mut self, id: TransactionId) {
        let front = self.is_in_front(id);
        if front {
            self.pay(id);
            if self.vault.is_none() || !self.device.signed_in {
                return self.give_over(id);
            }
        }
        let queries = self.pace(id).queries;
        let Some(closing) = self.closing(id).and_then(|reversal| reversal.closing.as_mut()) else { return };
        if queries == 0 && closing.step == ClosingStep::Ask {
            closing.step = ClosingStep::Cancel;
        }
        let step = closing.step;
        let trace = self.allocate_trace();
        let original = self.closing(id).map(|reversal| reversal.original.clone());
        let asked = if step == ClosingStep::Cancel { QrStep::Cancel } else { QrStep::Query };
        let request = original.and_then(|original| self.closing_request(&original, asked, trace));
        // Its trace is durable before it leaves (rule 12).
        self.effect(Effect::Commit(vec![Write::Device(self.device.clone())]));
        match request {
            Some(request) => self.exchange_request(Purpose::Closing(id, step), request),
            // The profile does not know the wallet any more.
            None if front => self.give_over(id),
            None => {
                self.delivery_failed(Due::Reversal(id), &End::CannotBeMade);
                self.clearing_failed();
            }
        }
    }

    /// The wait in front is over.
    pub(crate) fn closing_timer(&mut self) {
        if let Some(id) = self.active.as_ref().map(|active| active.id) {
            self.begin_closing(id);
        }
    }

    /// The app gives a payment up that nobody has made yet. `false` where it is too late for that.
    pub(crate) fn cancel_payment(&mut self, id: TransactionId) -> bool {
        if !self.is_in_front(id) || self.active.as_ref().is_none_or(|active| active.step != Step::Paying) {
            return false;
        }
        let Some(reversal) = self.closing(id).filter(|reversal| reversal.original.kind != Kind::Void) else {
            return false;
        };
        if let Some(closing) = reversal.closing.as_mut().filter(|closing| closing.step == ClosingStep::Ask) {
            (closing.step, closing.cause) = (ClosingStep::Cancel, Cause::CancelledByApp);
            let write = Write::Reversal(Box::new(reversal.clone()));
            // No word leaves before what it says is durable.
            self.effect(Effect::Commit(vec![write]));
            self.stop_showing(id);
            // A question that is out is answered first.
            if self.exchange.is_none() {
                self.begin_closing(id);
            }
        }
        true
    }

    /// Nobody shall pay with the code any more.
    fn stop_showing(&mut self, id: TransactionId) {
        if let Some(active) = self.active.as_mut() {
            active.code_until = None;
        }
        self.effect(Effect::StopTimer(Timer::Step));
        self.enter(id, State::Authorizing, Prompt::PleaseWait, None);
    }

    /// What came of a query or cancel.
    pub(crate) fn closing_answered(&mut self, id: TransactionId, sent: ClosingStep, end: End) {
        if matches!(end, End::BadMac(_)) {
            self.device.signed_in = false;
        }
        let at = self.now.wall;
        let Some(reversal) = self.closing(id) else { return };
        note_try(&mut reversal.tries, at, end.word());
        let kind = reversal.original.kind;
        let step = reversal.closing.as_ref().map_or(sent, |closing| closing.step);
        let silence = match end {
            End::NotSent => End::NotSent,
            End::NoAnswer => End::NoAnswer,
            _ => End::Undecodable,
        };
        let verdict = match step == sent {
            true => self.verdict(id, kind, sent, end),
            // The app has given it up since.
            false => Verdict::Next(step),
        };
        match verdict {
            Verdict::Charged(answer) => self.closed_charged(id, answer),
            Verdict::Ended(word) => self.closed_uncharged(id, word),
            Verdict::Next(step) => {
                if let Some(closing) = self.closing(id).and_then(|reversal| reversal.closing.as_mut()) {
                    closing.step = step;
                    if kind == Kind::QrShow && sent == ClosingStep::Ask && closing.cause == Cause::Reversed {
                        closing.cause = Cause::NotPaid;
                    }
                }
                if self.active.as_ref().is_some_and(|active| active.id == id && active.code_until.is_some()) {
                    self.stop_showing(id);
                }
                self.commit_closing(id);
                self.closing_goes_on(id, None, &silence);
            }
            Verdict::Later(step) => self.closing_later(id, sent, step, &silence),
        }
    }

    fn verdict(&mut self, id: TransactionId, kind: Kind, sent: ClosingStep, end: End) -> Verdict {
        let undoes = kind == Kind::Void;
        let (answer, good) = match end {
            End::Answered(answer) => (answer, true),
            End::BadMac(answer) => (answer, false),
            // What was not answered may still come to be.
            _ => return Verdict::Later(sent),
        };
        let code = answer.response_code();
        let approves = self.profile().approves(code);
        let pending = self.dialect_of(id).is_some_and(|dialect| dialect.is_pending(code));
        let ends = match good {
            true => self.profile().ends_reversal(code),
            false => self.profile().ends_reversal_without_mac(code),
        };
        let again = self.profile().sign_in_again.iter().any(|other| other == code);
        match sent {
            ClosingStep::Ask if !good || again => Verdict::Later(sent),
            ClosingStep::Ask if pending => {
                self.closing_cause(id, Cause::NotPaid);
                Verdict::Later(sent)
            }
            ClosingStep::Ask if approves && code != "10" => Verdict::Charged(answer),
            // Not paid, as far as the host knows now: it is made sure of.
            ClosingStep::Ask => Verdict::Next(ClosingStep::Cancel),
            ClosingStep::Cancel if good && approves && undoes => Verdict::Charged(answer),
            ClosingStep::Cancel if ends && approves => Verdict::Ended(code.to_owned()),
            // Ended before, unknown, or not to be ended any more: a last look tells.
            ClosingStep::Cancel if ends || (good && undoes && !again) => Verdict::Next(ClosingStep::Confirm),
            ClosingStep::Cancel => Verdict::Later(sent),
            ClosingStep::Confirm if !good || again => Verdict::Later(sent),
            // Still paid. What was to be undone was not, and the host will not: it has not taken place.
            ClosingStep::Confirm if approves && undoes => Verdict::Ended(code.to_owned()),
            // Paid after all: that is undone.
            ClosingStep::Confirm if approves => Verdict::Later(ClosingStep::Cancel),
            ClosingStep::Confirm if undoes => Verdict::Charged(answer),
            ClosingStep::Confirm if pending && !self.profile().ends_reversal(code) => {
                Verdict::Later(ClosingStep::Cancel)
            }
            ClosingStep::Confirm => Verdict::Ended(code.to_owned()),
        }
    }

    /// A try that has not settled it; `step` is next, unless there were enough queries.
    fn closing_later(&mut self, id: TransactionId, sent: ClosingStep, step: ClosingStep, silence: &End) {
        let pace = self.pace(id);
        let front = self.is_in_front(id);
        let until = self.active.as_ref().and_then(|active| active.code_until).filter(|_| front);
        let now = self.now.monotonic_ms;
        let Some(closing) = self.closing(id).and_then(|reversal| reversal.closing.as_mut()) else { return };
        closing.step = step;
        if sent != ClosingStep::Ask {
            closing.cancels = closing.cancels.saturating_add(1);
            let enough = closing.cancels >= pace.cancels;
            self.commit_closing(id);
            return match front && enough {
                true => self.give_over(id),
                false => self.closing_goes_on(id, Some(pace.wait), silence),
            };
        }
        closing.queries = closing.queries.saturating_add(1);
        // A code that is shown has a deadline instead of a number of looks.
        if until.map_or(closing.queries < pace.queries, |until| now < until) {
            self.commit_closing(id);
            return self.closing_goes_on(id, Some(pace.wait), silence);
        }
        closing.step = ClosingStep::Cancel;
        if until.is_some() {
            closing.cause = Cause::NotPaid;
            self.stop_showing(id);
        }
        self.commit_closing(id);
        self.closing_goes_on(id, None, silence);
    }

    pub(crate) fn commit_closing(&mut self, id: TransactionId) {
        let device = Write::Device(self.device.clone());
        let reversal = self.closing(id).map(|reversal| Write::Reversal(Box::new(reversal.clone())));
        self.effect(Effect::Commit([device].into_iter().chain(reversal).collect()));
    }

    /// Goes on after so many milliseconds, or at once.
    fn closing_goes_on(&mut self, id: TransactionId, wait: Option<u64>, silence: &End) {
        match (self.is_in_front(id), wait) {
            (true, None) => self.begin_closing(id),
            (true, Some(wait)) if self.vault.is_some() && self.device.signed_in => self.wait_in_front(wait),
            (true, Some(_)) => self.give_over(id),
            // A transaction that waits for it lets it have its next step.
            (false, None) => self.next_step(Due::Reversal(id)),
            (false, Some(wait)) => {
                self.delivery_failed(Due::Reversal(id), silence);
                let closing = self.closing(id).and_then(|reversal| reversal.closing.as_ref());
                if closing.is_some_and(|closing| closing.step == ClosingStep::Ask) {
                    // The customer may be paying: the dialect's wait, not the queue's.
                    self.turns.retry_at = Some(self.now.monotonic_ms + wait);
                    self.effect(Effect::SetTimer(Timer::Retry, wait));
                }
                self.clearing_failed();
            }
        }
    }

    /// It goes on in the background; the till is free.
    fn give_over(&mut self, id: TransactionId) {
        let cause = self.closing(id).and_then(|reversal| reversal.closing.as_ref()).map(|c| c.cause);
        let told = match cause {
            Some(cause @ (Cause::NotPaid | Cause::CancelledByApp)) => cause,
            _ => Cause::NoAnswer,
        };
        if let Some(active) = self.active.as_mut() {
            active.heard = Some(Heard::Bad(ReversalReason::NoAnswer, told));
        }
        self.conclude(None);
    }

    /// It is paid, or undone as asked.
    fn closed_charged(&mut self, id: TransactionId, answer: Box<Answer>) {
        let Some(amount) = self.live.get(&id).map(|live| live.attempt.amount.minor()) else { return };
        if self.is_in_front(id) {
            if let Some(active) = self.active.as_mut() {
                active.heard = Some(Heard::Approved(answer, amount));
            }
            return self.conclude(None);
        }
        let jobs = self.charge(id, &answer, amount, None);
        let mut writes = vec![Write::Device(self.device.clone())];
        writes.extend(self.reversal_closed(id, ReversalState::Disarmed));
        writes.extend(self.decide(id, Outcome::Approved, Cause::None));
        writes.extend(jobs.iter().cloned().map(Write::PrintJob));
        self.effect(Effect::Commit(writes));
        for job in jobs {
            self.print(job);
        }
        self.closed_in_background(id, answer.response_code().to_owned());
    }

    /// Nobody is charged, and nobody can be any more.
    fn closed_uncharged(&mut self, id: TransactionId, response_code: String) {
        let closing = self.closing(id).and_then(|reversal| reversal.closing.as_ref());
        let cause = closing.map_or(Cause::Reversed, |closing| closing.cause);
        let outcome = match cause {
            Cause::CancelledByApp => Outcome::Cancelled,
            Cause::NotPaid => Outcome::TimedOut,
            _ => Outcome::Failed,
        };
        let mut writes = vec![Write::Device(self.device.clone())];
        writes.extend(self.reversal_closed(id, ReversalState::Done));
        writes.extend(self.decide(id, outcome, cause));
        self.effect(Effect::Commit(writes));
        if self.is_in_front(id) {
            self.wind_down();
        } else {
            self.closed_in_background(id, response_code);
        }
    }

    fn closed_in_background(&mut self, id: TransactionId, response_code: String) {
        self.effect(Effect::Note(Note::ReversalDone { transaction: id, response_code }));
        self.delivered(Due::Reversal(id));
        if self.live.get(&id).is_some_and(|live| live.state == State::Resolving) {
            self.retire(id);
        } else {
            self.report(id);
        }
    }
}
