//! What goes wrong, as the seed draws it.

use super::{
    Coming, Faults, World, chain,
    host::{host_kind, host_kind_is_financial},
};
use posd_acquirer::{Fault, MessageKind, Rule};
use posd_card::{Misbehaviour, When};

/// These carry no MAC.
fn of_settlement(kind: MessageKind) -> bool {
    matches!(
        kind,
        MessageKind::Settlement
            | MessageKind::BatchUpload
            | MessageKind::AdviceUpload
            | MessageKind::ChipUpload
            | MessageKind::FailureUpload
            | MessageKind::BatchEnd
    )
}

impl World {
    pub(super) fn stop_faults(&mut self) {
        // A sweep's power cut may come after the last sale has ended, while its advice is told.
        if self.faults_on {
            self.shared.borrow_mut().crash_in = None;
        }
        self.faults_on = false;
        self.host.clear_faults();
        self.card.behave();
        self.disk.heal();
        self.printer_works = true;
    }

    /// What will go wrong with the next sale.
    pub(super) fn draw_faults(&mut self) {
        self.card.behave();
        if self.app.begun == chain(self.plan.kind).len() {
            match self.plan.faults.clone() {
                Faults::Host(fault) => {
                    self.host.add_fault(Rule::once(fault, host_kind(self.plan.kind, self.plan.kind.family())))
                }
                Faults::HostTo(fault, kind) => self.host.add_fault(Rule::once(fault, kind)),
                Faults::Card(misbehaviour) => self.card.misbehave(misbehaviour),
                _ => {}
            }
        }
        if !self.faults_on {
            return;
        }
        if self.random.percent(20) {
            self.draw_download();
        }
        self.printer_works = !self.random.percent(10);
        if self.random.percent(25) {
            let within = self.random.below(150);
            self.shared.borrow_mut().crash_in = Some(within);
        }
        if self.random.percent(8) {
            let within = 1 + self.random.below(60);
            self.disk.crash_in(within);
        }
        if self.random.percent(5) {
            let within = 1 + self.random.below(30);
            if self.random.percent(50) {
                self.disk.fail_write_in(within)
            } else {
                self.disk.fail_sync_in(within)
            }
        }
        if self.random.percent(15) {
            let at = 1 + self.random.below(40) as usize;
            let faults = [
                posd_card::Fault::Removed,
                posd_card::Fault::RemovedAfter,
                posd_card::Fault::Mute,
                posd_card::Fault::Status(0x6F00),
                posd_card::Fault::FlipBit(at * 7),
                posd_card::Fault::Truncate(3),
            ];
            let fault = self.random.pick(&faults);
            self.card.misbehave(Misbehaviour::new(When::Apdu(at), fault));
        }
        for (share, span, coming) in [
            (8, 12_000, Coming::AppDies),
            (8, 6_000, Coming::AppCancels),
            (5, 8_000, Coming::VaultGone),
            (5, 5_000, Coming::CardOut),
        ] {
            if self.random.percent(share) {
                let after = self.random.below(span);
                self.later(after, coming);
            }
        }
        if self.random.percent(10) {
            let jump = self.random.below(20 * 86_400_000) as i64 - 10 * 86_400_000;
            self.shared.borrow_mut().wall_offset += jump;
        }
    }

    pub(super) fn draw_host_fault(&mut self, kind: MessageKind, trace: u32) {
        if !self.faults_on || !self.random.percent(30) {
            return;
        }
        let mut all = vec![
            Fault::DropRequest,
            Fault::DropAnswer,
            Fault::Delay { ms: 3_000 },
            Fault::Late { ms: 12_000 },
            Fault::Duplicate { ms: 500 },
            Fault::HoldRequest { ms: 25_000 },
            Fault::Garble { bytes: 3 },
            Fault::Truncate { bytes: 5 },
            Fault::CloseMidway,
            Fault::WrongTrace,
            Fault::WrongTerminal,
            Fault::WrongAmount,
            Fault::WrongMti,
            Fault::WrongArpc,
            Fault::CloseBefore,
            Fault::CloseAfter,
            Fault::Header { digit: 3 },
        ];
        if kind != MessageKind::SignIn && !of_settlement(kind) {
            all.extend([Fault::WrongMac, Fault::MissingMac]);
        }
        let fault = self.random.pick(&all);
        // A wallet's payment whose answer came to nobody is asked for, and approved on a good MAC.
        let asked_for = matches!(kind, MessageKind::WalletPayment | MessageKind::WalletCode);
        if host_kind_is_financial(kind) && !asked_for && matches!(fault, Fault::WrongMac | Fault::MissingMac)
        {
            self.oracle.borrow_mut().tainted.insert(trace);
        }
        self.host.add_fault(Rule::once(fault, kind));
    }
}
