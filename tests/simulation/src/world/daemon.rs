//! The daemon under test: it starts, is told, carries out and dies.

use super::{Coming, Faults, World, all_attempts, vault::new_vault};
use crate::{
    Violation,
    plant::{Plant, Planted},
    wires::{Done, JOURNAL, Watched, Wires},
};
use posd_emv::{
    configuration::{Application, AuthorityKey, Configuration, Contactless, ContactlessLimits},
    hex::Fixed,
};
use posd_journal::Journal;
use posd_receipt::Copy;
use posd_runner::{Report, Runner};
use posd_terminal::{
    Answer, CancelAnswer, Deadlines, Event, OfflineLimits, OfflinePolicy, PrintState, Records, Settings,
    Terminal,
};
use posd_unionpay::{
    Profile,
    profile::{Downloads as Ages, Silence},
};
use posd_vault_core::Input;
use posd_vault_protocol::{DeviceState, Slot};
use std::{
    rc::Rc,
    sync::{Arc, LazyLock},
};

pub(crate) static PROFILE: LazyLock<Arc<Profile>> = LazyLock::new(|| {
    let mut profile =
        Profile { reply_timeout_s: 10, connect_timeout_s: 5, parameters_flag: true, ..Profile::default() };
    profile.phone_orders = true;
    // No set grows old: its timer would never let anything come to rest.
    profile.downloads =
        Ages { parameters_days: 0, ca_keys_days: 0, aids_days: 0, contactless_days: 0, blacklist_days: 0 };
    profile.e_signature.enabled = true;
    profile.qr.enabled = true;
    for dialect in profile.qr.dialects.iter_mut().filter(|dialect| dialect.show.is_some()) {
        // As the test host has it.
        dialect.shown_tag = "A5".to_owned();
        dialect.silence = Silence::QueryThenCancel { first_wait_s: 2, wait_s: 2, queries: 4, cancels: 2 };
    }
    Arc::new(profile)
});

static CARD_CONFIGURATION: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
    let key = posd_card::issuer::authority_key();
    let authority = AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, None);
    let mut configuration = Configuration::unionpay();
    configuration.applications = Application::unionpay();
    for application in &mut configuration.applications {
        application.floor_limit = u32::MAX;
        // As a host of the reference sends them.
        application.action_code_denial = Some(Fixed([0x00, 0x10, 0, 0, 0]));
        application.action_code_online = Some(Fixed([0xD8, 0x40, 0x04, 0xF8, 0x00]));
        application.action_code_default = Some(Fixed([0xD8, 0x40, 0x00, 0xA8, 0x00]));
    }
    configuration.authority_keys.extend(authority);
    // Half of the amounts are above the limits.
    configuration.contactless = Some(Contactless {
        no_pin_limit: Some(10_000),
        no_signature_limit: Some(15_000),
        ..Contactless::default()
    });
    for application in &mut configuration.applications {
        application.contactless = Some(ContactlessLimits::default());
    }
    Arc::new(configuration)
});

/// So tight that drawn faults meet every limit.
static OFFLINE: LazyLock<OfflinePolicy> = LazyLock::new(|| OfflinePolicy {
    limits: OFFLINE_LIMITS,
    brands: vec!["CUP".to_owned()],
    supervisor_above: Some(40_000),
});

pub(crate) const OFFLINE_LIMITS: OfflineLimits = OfflineLimits {
    amount: 48_000,
    total: 70_000,
    count: 3,
    card_total: 65_000,
    card_count: 3,
    operator_total: 70_000,
    operator_count: 3,
    silence_h: 24,
};

pub(super) type SimRunner = Runner<Planted, Watched, Wires>;

impl World {
    /// The daemon starts.
    pub(super) fn start(&mut self) {
        // What was drawn while the power was off meets no disk.
        self.disk.heal();
        let path = self.disk.path(JOURNAL);
        let opened = if self.plan.plant == Some(Plant::DropFsync) {
            Journal::open_without_fsync(&path, self.disk.vfs_name())
        } else {
            Journal::open_on(&path, self.disk.vfs_name())
        };
        let journal = match opened {
            Ok(journal) => journal,
            Err(error) => {
                let violation = Violation(format!("the journal does not open after a crash: {error}"));
                self.oracle.borrow_mut().violations.push(violation);
                return;
            }
        };
        if self.crashes > 0 {
            let attempts = all_attempts(&journal).unwrap_or_default();
            self.oracle.borrow_mut().reopened(&journal, &attempts);
            self.oracle.borrow_mut().reopened_sets(&journal.sets().unwrap_or_default());
        }
        if self.faults_on && self.random.percent(10) {
            let within = 1 + self.random.below(40);
            self.shared.borrow_mut().crash_in = Some(within);
        }
        let again = match self.plan.faults {
            Faults::Sweep(_, again) | Faults::SweepSettlement { again, .. } | Faults::Downloads(_, again) => {
                again
            }
            _ => None,
        };
        if let (Some(again), 1) = (again, self.crashes) {
            self.shared.borrow_mut().crash_in = Some(again);
        }
        self.shared.borrow_mut().effects = 0;
        let settings = Settings {
            merchant_name: "示例商户".to_owned(),
            merchant: "898000000000001".to_owned(),
            terminal: "00000001".to_owned(),
            hosts: vec!["192.0.2.1:5000".to_owned()],
            profile_name: "unionpay".to_owned(),
            test: true,
            copies: vec![Copy::Merchant],
            profile: Arc::clone(&PROFILE),
            card: Arc::clone(&CARD_CONFIGURATION),
            offline: Some(OFFLINE.clone()),
            deadlines: Deadlines {
                card: 20_000,
                removal: 10_000,
                signature: 5_000,
                pin: 15_000,
                code: 20_000,
                ..Deadlines::default()
            },
        };
        let flow = Planted::new(Terminal::new(settings), self.plan.plant);
        let watched = Watched { journal, oracle: Rc::clone(&self.oracle) };
        let (shared, oracle) = (Rc::clone(&self.shared), Rc::clone(&self.oracle));
        let wires = Wires { shared, oracle, disk: self.disk.clone() };
        self.runner = Some(Runner::new(flow, watched, wires));
        self.connection += 1;
        self.downloads.asked_at = None;
        self.app.restart();
        self.tell(Event::Started);
        self.tell(Event::JournalChecked(Ok(())));
        self.vault_up = true;
        self.greet();
    }

    pub(super) fn tell(&mut self, event: Event) {
        if let Some(mut runner) = self.runner.take() {
            let handled = runner.handle(event);
            self.after(runner, handled.is_ok());
        }
    }

    /// The runner has done what it had to, or the power went, or the disk failed.
    pub(super) fn after(&mut self, runner: SimRunner, good: bool) {
        if good && !self.disk.take_crashed() {
            self.last_effects = self.shared.borrow().effects;
            self.runner = Some(runner);
            return;
        }
        // A disk fault ends the process; the power takes what was not synced with it.
        let power = self.shared.borrow().crash_in == Some(0) || self.random.percent(50);
        drop(runner);
        self.died(power);
    }

    fn died(&mut self, power: bool) {
        self.runner = None;
        self.crashes += 1;
        if power {
            self.disk.crash()
        } else {
            self.disk.kill()
        }
        let _ = self.disk.take_crashed();
        self.disk.heal();
        // What it had not handed over is gone; what left for the host is on its way.
        let left: Vec<Done> = {
            let mut shared = self.shared.borrow_mut();
            shared.crash_in = None;
            shared.done.drain(..).collect()
        };
        for done in left {
            if let Done::Send(exchange, frame, left) = done {
                self.send(exchange, frame, left);
            }
        }
        self.open.clear();
        self.calls.clear();
        self.cancels.clear();
        self.vault(Input::Disconnected);
        if power {
            let store = Rc::clone(&self.vault_store);
            self.vault = new_vault(&mut self.random, &store);
            self.vault_wake = None;
            self.vault(Input::Reader(Slot::Contact, DeviceState::Ready));
            self.vault(Input::PinPad(DeviceState::Ready));
            self.vault(Input::Reader(Slot::Contactless, DeviceState::Ready));
            self.vault(Input::Card(self.slot, self.inserted));
        }
        self.coming.retain(|_, coming| {
            !matches!(
                coming,
                Coming::App
                    | Coming::AppCancels
                    | Coming::AppDies
                    | Coming::Scan(_)
                    | Coming::Key(_)
                    | Coming::FromHost(..)
                    | Coming::VaultBack
                    | Coming::VaultGone
                    | Coming::Printed(..)
                    | Coming::PowerOn
            )
        });
        let pause = 100 + self.random.below(3_000);
        self.later(pause, Coming::PowerOn);
    }

    /// Carries on everything the runner has put down.
    pub(super) fn settle(&mut self) -> Result<(), Violation> {
        loop {
            if let Some(violation) = self.oracle.borrow().violations.first() {
                return Err(Violation(format!("seed {}: {}", self.plan.seed, violation.0)));
            }
            let Some(done) = self.shared.borrow_mut().done.pop_front() else { return Ok(()) };
            match done {
                Done::Reply(call, answer) => {
                    if let Ok(posd_terminal::Answer::Transaction(view)) = &answer {
                        self.oracle.borrow_mut().told(&view.attempt, view.sequence, &self.host);
                        self.look_for_supervisor(view);
                    }
                    if let (Some(id), Ok(Answer::Cancel(CancelAnswer::Accepted))) =
                        (self.cancels.remove(&call), &answer)
                    {
                        self.oracle.borrow_mut().given_up.insert(id);
                    }
                    if self.calls.remove(&call) {
                        self.app.answered(&answer);
                    }
                }
                Done::Vault(id, request) => {
                    if self.vault_up {
                        self.vault(Input::Request(id, request));
                    }
                }
                Done::ResetVault => {
                    self.vault(Input::Disconnected);
                    self.vault_up = false;
                    self.later(500, Coming::VaultBack);
                }
                Done::Send(exchange, frame, left) => self.send(exchange, frame, left),
                Done::Close(exchange) => {
                    self.open.remove(&exchange);
                }
                Done::Report(Report::Transaction(view)) => {
                    self.oracle.borrow_mut().told(&view.attempt, view.sequence, &self.host);
                    self.customer(view.state, view.prompt);
                    self.look_for_supervisor(&view);
                    self.paying_customer(&view);
                    if self.app.follows() == Some(view.id()) {
                        self.app.look(&view);
                    }
                }
                Done::Report(Report::Settlement(view)) => self.app.look_settlement(&view),
                Done::Report(_) => {}
                Done::Print(job) => {
                    let end = if self.printer_works { PrintState::Done } else { PrintState::Failed };
                    let after = 200 + self.random.below(2_000);
                    self.later(after, Coming::Printed(job.id, end));
                }
            }
        }
    }
}
