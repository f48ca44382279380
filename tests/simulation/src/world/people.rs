//! The app at the till and the customer at the reader.

use super::{Coming, Faults, UID, World};
use crate::oracle::{booked_amount, holds};
use posd_terminal::{
    Caller, Event, HostNumbers, Kind, Outcome, Prompt, Records, State, TransactionId, TransactionView,
};
use posd_vault_protocol::{Secret, Slot};

impl World {
    pub(super) fn call(&mut self, call: posd_terminal::Call, awaited: bool) {
        let id = self.next_call;
        self.next_call += 1;
        if awaited {
            self.calls.insert(id);
        }
        let caller = Caller { uid: UID, connection: self.connection };
        self.tell(Event::Call { id, caller, call });
    }

    pub(super) fn app_acts(&mut self) {
        if self.downloads_first() {
            return;
        }
        let begun = self.app.begun;
        let Some(call) = self.app.next_call() else { return };
        if self.app.begun > begun {
            self.draw_faults();
        }
        let starts =
            matches!(call, posd_terminal::Call::Start { .. }) && self.app.kind() == Some(self.plan.kind);
        let starts = starts && !matches!(self.plan.faults, Faults::SweepSettlement { .. });
        if starts {
            if let (Faults::Sweep(at, _), None) = (self.plan.faults.clone(), self.sale_effects) {
                self.shared.borrow_mut().crash_in = Some(at);
            }
            if self.sale_effects.is_none() {
                self.sale_effects = Some(self.shared.borrow().effects);
            }
        }
        if matches!(call, posd_terminal::Call::Settle) {
            self.before_settlement();
        }
        self.call(call, true);
    }

    /// The customer who pays by code.
    pub(super) fn paying_customer(&mut self, view: &TransactionView) {
        let stays_away = self.faults_on && self.random.percent(15);
        let name = view.attempt.batch.zip(view.attempt.trace);
        match (view.state, view.attempt.kind) {
            (State::WaitingCode, Kind::QrScan) if !stays_away => {
                // A code pays once.
                let number = self.random.below(100_000_000);
                let code = match self.random.percent(50) {
                    true => format!("62123400000{number:08}"),
                    false => format!("1345678901{number:08}"),
                };
                let mut after = 200 + self.random.below(2_000);
                if self.faults_on && self.random.percent(20) {
                    self.later(after, Coming::Scan("4006381333931".to_owned()));
                    after += 500;
                }
                self.later(after, Coming::Scan(code));
            }
            // Some pay when it is too late.
            (State::WaitingCode, Kind::QrShow) if !stays_away => {
                let after = self.random.below(if self.faults_on { 30_000 } else { 5_000 });
                if let Some((batch, trace)) = name {
                    self.later(after, Coming::Pays(batch, trace));
                }
            }
            (State::Authorizing, Kind::QrScan) if view.prompt == Prompt::WaitingPayment && !stays_away => {
                let after = 3_000 + self.random.below(20_000);
                if let Some((batch, trace)) = name {
                    self.later(after, Coming::Pays(batch, trace));
                }
            }
            _ => {}
        }
    }

    /// The customer at the reader.
    pub(super) fn customer(&mut self, state: State, prompt: Prompt) {
        match state {
            State::WaitingCard => {
                // One in a few never comes, where things go wrong.
                let stays_away = self.faults_on && self.random.percent(4);
                if !stays_away && !self.has(|coming| matches!(coming, Coming::CardIn(_))) {
                    let after = 200 + self.random.below(2_000);
                    let may_tap = !matches!(prompt, Prompt::InsertCard | Prompt::RemoveCard);
                    let drawn = self.plan.faults == Faults::Drawn && self.random.percent(40);
                    let taps = may_tap && (self.plan.tapped || drawn);
                    let slot = if taps { Slot::Contactless } else { Slot::Contact };
                    self.later(after, Coming::CardIn(slot));
                }
                if self.inserted {
                    self.later(100, Coming::CardOut);
                }
            }
            State::WaitingRemoval => {
                let after = 200 + self.random.below(2_000);
                self.later(after, Coming::CardOut);
            }
            _ => {}
        }
    }

    /// A transaction whose outcome nothing tells needs the supervisor; now and then the supervisor is quicker than the
    /// host with a reversal, too.
    pub(super) fn look_for_supervisor(&mut self, view: &TransactionView) {
        let id = view.id();
        if view.state != State::Resolving
            || self.has(|coming| matches!(coming, Coming::Supervisor(of) if *of == id))
        {
            return;
        }
        let by_hand = view.prompt == Prompt::ResolveByHand;
        if by_hand || (self.faults_on && self.random.percent(10)) {
            let after = 2_000 + self.random.below(20_000);
            self.later(after, Coming::Supervisor(id));
        }
    }

    /// The supervisor says what the host's books say, once nothing is on its way there any more.
    pub(super) fn supervisor(&mut self, id: TransactionId) {
        let attempt = self.runner.as_ref().map(|runner| runner.journal().journal.attempt(id));
        let Some(Ok(Some(attempt))) = attempt else {
            return self.later(2_000, Coming::Supervisor(id));
        };
        if attempt.outcome != Some(Outcome::Unknown) {
            return;
        }
        if !self.has(|coming| matches!(coming, Coming::Arrives(..))) {
            let booked = holds(&self.host, &attempt);
            let amount = booked_amount(&self.host, &attempt);
            let part = (booked && (1..attempt.amount.minor()).contains(&amount)).then_some(amount);
            let call = posd_terminal::Call::Resolve {
                id,
                booked,
                numbers: HostNumbers { amount: part, ..HostNumbers::default() },
                authority: Some(Secret::new(b"1357".to_vec())),
            };
            self.call(call, false);
        }
        // It may be refused: the till is busy.
        self.later(5_000, Coming::Supervisor(id));
    }
}
