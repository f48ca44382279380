//! What goes wrong around a settlement.

use super::{Coming, Faults, World};
use crate::books::TERMINAL;
use posd_acquirer::BookingState;
use posd_terminal::{Outcome, Records};

impl World {
    /// The app is about to settle.
    pub(super) fn before_settlement(&mut self) {
        if let (Faults::SweepSettlement { at, forget, .. }, None) =
            (self.plan.faults.clone(), self.sale_effects)
        {
            self.shared.borrow_mut().crash_in = Some(at);
            if forget {
                self.host_forgets();
            }
        }
        if self.sale_effects.is_none() {
            self.sale_effects = Some(self.shared.borrow().effects);
        }
        if !self.faults_on {
            return;
        }
        if self.random.percent(40) {
            self.host_forgets();
        }
        if self.random.percent(30) {
            let within = self.random.below(100);
            self.shared.borrow_mut().crash_in = Some(within);
        }
        for (share, span, coming) in [(10, 4_000, Coming::AppDies), (10, 4_000, Coming::VaultGone)] {
            if self.random.percent(share) {
                let after = self.random.below(span);
                self.later(after, coming);
            }
        }
    }

    /// The host forgets a booking of the batch that the terminal has as approved: the totals differ, and the upload
    /// has to tell the host of it.
    fn host_forgets(&mut self) {
        let Some(runner) = &self.runner else { return };
        let journal = &runner.journal().journal;
        let Ok(batch) = journal.device().map(|device| device.batch) else { return };
        // What it forgets after the comparison no settlement can tell it of.
        if self.host.ledger().settlements.iter().any(|settlement| settlement.batch == batch) {
            return;
        }
        let standing: Vec<u32> = self
            .host
            .ledger()
            .batch(TERMINAL, batch)
            .filter(|booking| booking.counts() && booking.state != BookingState::Reversed)
            .map(|booking| booking.trace)
            .filter(|trace| {
                let attempt = journal.attempt_by_trace(batch, *trace).ok().flatten();
                attempt.is_some_and(|a| {
                    a.outcome.is_some_and(Outcome::is_charged)
                        && a.wallet.is_none()
                        && a.kind.row().books != posd_unionpay::Books::Nothing
                })
            })
            .collect();
        if !standing.is_empty() {
            let trace = self.random.pick(&standing);
            self.host.forget(TERMINAL, batch, trace);
        }
    }
}
