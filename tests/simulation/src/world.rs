//! The world: virtual time, and everything outside of the runner.

use crate::{
    Violation,
    app::{App, Job},
    disk::Disk,
    oracle::Oracle,
    plant::{Plant, Planted},
    random::Random,
    wires::{Done, Shared, Watched, Wires},
};
use posd_acquirer::{Action, Delivery, Fault, Host, HostTime, MessageKind, Rule, Settings as HostSettings};
use posd_card::{Card, Misbehaviour, Profile as CardProfile, When};
use posd_emv::configuration::{Application, AuthorityKey, Configuration};
use posd_journal::Journal;
use posd_receipt::Copy;
use posd_runner::{Report, Runner};
use posd_terminal::{
    Attempt, Caller, Deadlines, Event, HostResult, Kind, PrintState, Records, Settings, State, Terminal,
};
use posd_unionpay::Profile;
use posd_vault_core::{
    CardFault, Core, Input, Key, KeyRequest, Output, PadPrompt, Settings as VaultSettings,
};
use posd_vault_protocol::{DeviceState, Request, Secret, VERSION};
use sha2::{Digest, Sha256};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::{Arc, LazyLock},
};

/// How much goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// Whatever the seed draws, until the last sale; then nothing more.
    Drawn,
    /// The power goes before the n-th effect after the sale's start, and again before the m-th effect of the recovery.
    Sweep(u64, Option<u64>),
    /// The host does this with the first transaction of the plan's kind.
    Host(Fault),
    /// The card does this in the first sale.
    Card(Misbehaviour),
}

/// What one run does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Sales to make.
    pub sales: usize,
    /// What goes wrong.
    pub faults: Faults,
    /// A fault planted on purpose.
    pub plant: Option<Plant>,
    /// Sales only, or sales each followed by one of this kind. Drawn faults come with a drawn mixture of all kinds.
    pub kind: Kind,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Hash over every effect with its time.
    pub trace: [u8; 32],
    /// Attempts in the journal at the end.
    pub attempts: usize,
    /// Of these, charged.
    pub charged: usize,
    /// Times the power went or the process died.
    pub crashes: u64,
    /// Effects after the last start, for sweeps.
    pub effects: u64,
    /// Effects between the sale's start and its end, for sweeps.
    pub sale_effects: u64,
    /// Reasons of the reversals that the host saw (field 39), in order.
    pub reasons: Vec<String>,
    /// Causes of the attempts' outcomes, oldest first.
    pub causes: Vec<&'static str>,
}

/// Longest time everything may take to come to rest once faults have stopped, in milliseconds.
const REST: u64 = 180_000;
/// The user of the one app.
const UID: u32 = 1_000;

/// Something that will happen.
enum Coming {
    App,
    AppDies,
    AppCancels,
    CardIn,
    CardOut,
    Key(Key),
    Arrives(u64, Vec<u8>, bool),
    FromHost(u64, HostResult),
    VaultBack,
    VaultGone,
    PowerOn,
    Printed(u64, PrintState),
}

static PROFILE: LazyLock<Arc<Profile>> =
    LazyLock::new(|| Arc::new(Profile { reply_timeout_s: 10, connect_timeout_s: 5, ..Profile::default() }));

static CARD_CONFIGURATION: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
    let key = posd_card::issuer::authority_key();
    let authority = AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, None);
    let mut configuration = Configuration::unionpay();
    configuration.applications = Application::unionpay();
    configuration.authority_keys.extend(authority);
    Arc::new(configuration)
});

type SimRunner = Runner<Planted, Watched, Wires>;

/// One run.
pub struct World {
    plan: Plan,
    random: Random,
    shared: Rc<RefCell<Shared>>,
    oracle: Rc<RefCell<Oracle>>,
    disk: Disk,
    runner: Option<SimRunner>,
    host: Host,
    vault: Core,
    vault_store: Rc<RefCell<Option<Vec<u8>>>>,
    vault_wake: Option<u64>,
    vault_up: bool,
    card: Card,
    inserted: bool,
    app: App,
    connection: u64,
    next_call: u64,
    calls: BTreeSet<u64>,
    coming: BTreeMap<(u64, u64), Coming>,
    next_coming: u64,
    open: BTreeSet<u64>,
    /// The exchange whose answer carries a bad MAC by the host's fault.
    faults_on: bool,
    crashes: u64,
    sale_effects: Option<u64>,
    last_effects: u64,
    printer_works: bool,
}

impl World {
    /// Runs a plan to its end.
    ///
    /// # Errors
    /// The first [`Violation`].
    pub fn run(plan: Plan) -> Result<Outcome, Violation> {
        let mut world = World::new(plan);
        world.go()
    }

    fn new(plan: Plan) -> World {
        let mut random = Random::new(plan.seed);
        let jobs = (0..plan.sales).map(|place| job(&mut random, &plan, place)).collect();
        let shared = Rc::new(RefCell::new(Shared {
            now: 0,
            wall_offset: 0,
            random: Random::new(random.next()),
            done: Default::default(),
            crash_in: None,
            effects: 0,
            trace: Sha256::new(),
            recent: Default::default(),
        }));
        let settings = HostSettings { seed: plan.seed, pin_tries: 1_000_000, ..HostSettings::default() };
        let host =
            Host::new(settings).unwrap_or_else(|error| unreachable!("the default settings serve: {error}"));
        let store = Rc::new(RefCell::new(None));
        let vault = new_vault(&mut random, &store);
        let card = Card::new(if random.percent(30) { CardProfile::debit() } else { CardProfile::credit() });
        let disk = Disk::new(random.next());
        World {
            faults_on: plan.faults == Faults::Drawn,
            plan,
            random,
            shared,
            oracle: Rc::default(),
            disk,
            runner: None,
            host,
            vault,
            vault_store: store,
            vault_wake: None,
            vault_up: true,
            card,
            inserted: false,
            app: App::new(jobs),
            connection: 1,
            next_call: 1,
            calls: BTreeSet::new(),
            coming: BTreeMap::new(),
            next_coming: 0,
            open: BTreeSet::new(),
            crashes: 0,
            sale_effects: None,
            last_effects: 0,
            printer_works: true,
        }
    }

    fn now(&self) -> u64 {
        self.shared.borrow().now
    }

    fn later(&mut self, after: u64, coming: Coming) {
        self.next_coming += 1;
        self.coming.insert((self.now() + after, self.next_coming), coming);
    }

    fn go(&mut self) -> Result<Outcome, Violation> {
        self.load_keys();
        self.start();
        let mut faults_end = None;
        loop {
            self.settle()?;
            if self.app.can_act() && !self.has(|coming| matches!(coming, Coming::App | Coming::PowerOn)) {
                let pause = self.random.below(400);
                self.later(pause, Coming::App);
            }
            if self.app.is_done() && faults_end.is_none() {
                self.stop_faults();
                faults_end = Some(self.now());
            }
            if self.app.is_done() && self.is_at_rest() {
                return self.finish();
            }
            if faults_end.is_some_and(|end| self.now() > end + REST) {
                return Err(Violation(format!(
                    "seed {}: not at rest {REST} ms after the last fault",
                    self.plan.seed
                )));
            }
            if self.now() > 3_600_000 * 24 {
                return Err(Violation(format!("seed {}: a day has gone by", self.plan.seed)));
            }
            if !self.advance() {
                let recent: Vec<String> = self.shared.borrow().recent.iter().cloned().collect();
                return Err(Violation(format!(
                    "seed {}: nothing will ever happen again after\n{}",
                    self.plan.seed,
                    recent.concat()
                )));
            }
        }
    }

    fn has(&self, wanted: impl Fn(&Coming) -> bool) -> bool {
        self.coming.values().any(wanted)
    }

    fn stop_faults(&mut self) {
        self.faults_on = false;
        self.host.clear_faults();
        self.card.behave();
        self.disk.heal();
        self.printer_works = true;
        self.shared.borrow_mut().crash_in = None;
    }

    fn is_at_rest(&self) -> bool {
        let Some(runner) = &self.runner else { return false };
        let journal = &runner.journal().journal;
        let open = |result: Result<bool, _>| result.unwrap_or(false);
        self.open.is_empty()
            && runner.next_timer().is_none()
            && open(journal.open_reversals().map(|all| all.is_empty()))
            && open(journal.unresolved().map(|all| all.is_empty()))
            && open(journal.open_advices().map(|all| all.is_empty()))
    }

    fn finish(&mut self) -> Result<Outcome, Violation> {
        let attempts: Vec<Attempt> = match &self.runner {
            Some(runner) => all_attempts(&runner.journal().journal)?,
            None => Vec::new(),
        };
        let mut oracle = self.oracle.borrow_mut();
        oracle.at_rest(&self.host, &attempts, self.app.begun - self.app.refused);
        if self.app.sold_while_locked {
            return Err(Violation(format!("seed {}: a locked terminal made a sale", self.plan.seed)));
        }
        if let Some(violation) = oracle.violations.first() {
            return Err(Violation(format!("seed {}: {}", self.plan.seed, violation.0)));
        }
        if let Some(runner) = &self.runner {
            crate::audit::check(&runner.journal().journal, &attempts)
                .map_err(|violation| Violation(format!("seed {}: {}", self.plan.seed, violation.0)))?;
        }
        let shared = self.shared.borrow();
        Ok(Outcome {
            trace: shared.trace.clone().finalize().into(),
            attempts: attempts.len(),
            charged: attempts
                .iter()
                .filter(|a| a.outcome.is_some_and(posd_terminal::Outcome::is_charged))
                .count(),
            crashes: self.crashes,
            effects: shared.effects,
            sale_effects: self.last_effects.saturating_sub(self.sale_effects.unwrap_or(0)),
            causes: attempts.iter().rev().map(|attempt| attempt.cause.word()).collect(),
            reasons: self.host.ledger().reversals.iter().map(|reversal| reversal.reason.clone()).collect(),
        })
    }

    /// Goes to the next thing that happens; `false` where there is none.
    fn advance(&mut self) -> bool {
        let timer = self.runner.as_ref().and_then(Runner::next_timer);
        let next = self.coming.keys().next().map(|(at, _)| *at);
        let Some(at) = [timer, next, self.vault_wake].into_iter().flatten().min() else { return false };
        {
            let mut shared = self.shared.borrow_mut();
            shared.now = shared.now.max(at);
        }
        if self.vault_wake.is_some_and(|wake| wake <= at) {
            self.vault_wake = None;
            self.vault(Input::Wake);
        } else if timer.is_some_and(|timer| timer <= at) {
            if let Some(mut runner) = self.runner.take() {
                let handled = runner.fire_timers();
                self.after(runner, handled.is_ok());
            }
        } else if let Some((_, coming)) = self.coming.pop_first() {
            self.happen(coming);
        }
        true
    }

    fn tell(&mut self, event: Event) {
        if let Some(mut runner) = self.runner.take() {
            let handled = runner.handle(event);
            self.after(runner, handled.is_ok());
        }
    }

    /// The runner has done what it had to, or the power went, or the disk failed.
    fn after(&mut self, runner: SimRunner, good: bool) {
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
            if let Done::Send(exchange, frame) = done {
                self.send(exchange, frame);
            }
        }
        self.open.clear();
        self.calls.clear();
        self.vault(Input::Disconnected);
        if power {
            let store = Rc::clone(&self.vault_store);
            self.vault = new_vault(&mut self.random, &store);
            self.vault_wake = None;
            self.vault(Input::Reader(DeviceState::Ready));
            self.vault(Input::PinPad(DeviceState::Ready));
            self.vault(Input::Card(self.inserted));
        }
        self.coming.retain(|_, coming| {
            !matches!(
                coming,
                Coming::App
                    | Coming::AppCancels
                    | Coming::AppDies
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

    /// The daemon starts.
    fn start(&mut self) {
        let path = self.disk.path("journal.db");
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
            self.oracle.borrow_mut().reopened(&attempts);
        }
        if self.faults_on && self.random.percent(10) {
            let within = 1 + self.random.below(40);
            self.shared.borrow_mut().crash_in = Some(within);
        }
        if let (Faults::Sweep(_, Some(again)), 1) = (self.plan.faults.clone(), self.crashes) {
            self.shared.borrow_mut().crash_in = Some(again);
        }
        self.shared.borrow_mut().effects = 0;
        let settings = Settings {
            merchant_name: "示例商户".to_owned(),
            merchant: "898000000000001".to_owned(),
            terminal: "00000001".to_owned(),
            test: true,
            copies: vec![Copy::Merchant],
            profile: Arc::clone(&PROFILE),
            card: Arc::clone(&CARD_CONFIGURATION),
            deadlines: Deadlines {
                card: 20_000,
                removal: 10_000,
                signature: 5_000,
                pin: 15_000,
                ..Deadlines::default()
            },
        };
        let flow = Planted::new(Terminal::new(settings), self.plan.plant);
        let watched = Watched { journal, oracle: Rc::clone(&self.oracle) };
        self.runner = Some(Runner::new(flow, watched, Wires(Rc::clone(&self.shared))));
        self.connection += 1;
        self.app.restart();
        self.tell(Event::Started);
        self.tell(Event::JournalChecked(Ok(())));
        self.vault_up = true;
        self.greet();
    }

    fn greet(&mut self) {
        self.vault(Input::Connected);
        self.vault(Input::Request(u32::MAX, Request::Hello { version: VERSION }));
    }

    /// Two made-up custodians load the host's master key.
    fn load_keys(&mut self) {
        let master: [u8; 16] = 0x5D3B_7A1C_9E2F_4860_8CA4_B6D0_1357_F92E_u128.to_be_bytes();
        let first = [0x3C; 16];
        let second: Vec<u8> = master.iter().map(|byte| byte ^ 0x3C).collect();
        self.vault(Input::Reader(DeviceState::Ready));
        self.vault(Input::PinPad(DeviceState::Ready));
        for (custodian, component) in [("a", &first[..]), ("b", &second)] {
            self.vault(Input::Custodian(KeyRequest::Give {
                custodian: custodian.to_owned(),
                password: Secret::new(b"1357".to_vec()),
                component: Secret::new(component.to_vec()),
                check_value: check_value(component),
            }));
        }
    }

    /// Carries on everything the runner has put down.
    fn settle(&mut self) -> Result<(), Violation> {
        loop {
            if let Some(violation) = self.oracle.borrow().violations.first() {
                return Err(Violation(format!("seed {}: {}", self.plan.seed, violation.0)));
            }
            let Some(done) = self.shared.borrow_mut().done.pop_front() else { return Ok(()) };
            match done {
                Done::Reply(call, answer) => {
                    if let Ok(posd_terminal::Answer::Transaction(view)) = &answer {
                        self.oracle.borrow_mut().told(&view.attempt, view.sequence, &self.host);
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
                Done::Send(exchange, frame) => self.send(exchange, frame),
                Done::Close(exchange) => {
                    self.open.remove(&exchange);
                }
                Done::Report(Report::Transaction(view)) => {
                    self.oracle.borrow_mut().told(&view.attempt, view.sequence, &self.host);
                    self.customer(view.state);
                    if self.app.follows() == Some(view.id()) {
                        self.app.look(&view);
                    }
                }
                Done::Report(_) => {}
                Done::Print(job) => {
                    let end = if self.printer_works { PrintState::Done } else { PrintState::Failed };
                    let after = 200 + self.random.below(2_000);
                    self.later(after, Coming::Printed(job.id, end));
                }
            }
        }
    }

    /// A request leaves.
    fn send(&mut self, exchange: u64, frame: Secret) {
        let left = self.oracle.borrow_mut().leaves(frame.expose(), &PROFILE);
        if self.faults_on && self.random.percent(4) {
            return self.later(20, Coming::FromHost(exchange, HostResult::NotSent));
        }
        self.open.insert(exchange);
        if let Some((kind, trace)) = left {
            self.draw_host_fault(kind, trace);
        }
        let after = 20 + self.random.below(100);
        self.later(after, Coming::Arrives(exchange, frame.expose().to_vec(), false));
    }

    fn draw_host_fault(&mut self, kind: MessageKind, trace: u32) {
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
        if kind != MessageKind::SignIn {
            all.extend([Fault::WrongMac, Fault::MissingMac]);
        }
        let fault = self.random.pick(&all);
        if host_kind_is_financial(kind) && matches!(fault, Fault::WrongMac | Fault::MissingMac) {
            self.oracle.borrow_mut().tainted.insert(trace);
        }
        self.host.add_fault(Rule::once(fault, kind));
    }

    fn happen(&mut self, coming: Coming) {
        match coming {
            Coming::App => self.app_acts(),
            Coming::AppDies => {
                let gone = self.connection;
                self.connection += 1;
                self.calls.clear();
                self.tell(Event::CallerGone(gone));
                self.app.restart();
            }
            Coming::AppCancels => {
                if let Some(id) = self.app.follows() {
                    self.call(posd_terminal::Call::Cancel { id }, false);
                }
            }
            Coming::CardIn => {
                if !self.inserted {
                    self.inserted = true;
                    // The hand that was to take the last card out does not take this one.
                    self.coming.retain(|_, coming| !matches!(coming, Coming::CardOut));
                    self.vault(Input::Card(true));
                }
            }
            Coming::CardOut => {
                if self.inserted {
                    self.inserted = false;
                    self.card.removed();
                    self.vault(Input::Card(false));
                }
            }
            Coming::Key(key) => self.vault(Input::Key(key)),
            Coming::Arrives(exchange, frame, held) => {
                let now = HostTime { unix_ms: 1_800_000_000_000 + self.now() };
                let deliveries = match held {
                    false => self.host.receive(&frame, now),
                    true => self.host.receive_held(&frame, now),
                };
                self.deliver(exchange, deliveries);
            }
            Coming::FromHost(exchange, result) => {
                let closes = matches!(result, HostResult::Lost | HostResult::NotSent);
                // A closed connection hears nothing; a stray answer to an old exchange finds nobody.
                if self.open.contains(&exchange) || matches!(result, HostResult::NotSent) {
                    if closes {
                        self.open.remove(&exchange);
                    }
                    self.tell(Event::Host(exchange, result));
                }
            }
            Coming::VaultBack => {
                self.vault_up = true;
                self.greet();
            }
            Coming::VaultGone => {
                if self.vault_up && self.runner.is_some() {
                    self.vault(Input::Disconnected);
                    self.vault_up = false;
                    self.tell(Event::VaultDown);
                    self.later(700, Coming::VaultBack);
                }
            }
            Coming::PowerOn => self.start(),
            Coming::Printed(job, state) => self.tell(Event::Printed(job, state)),
        }
    }

    fn deliver(&mut self, exchange: u64, deliveries: Vec<Delivery>) {
        for Delivery { after_ms, action } in deliveries {
            let after = after_ms + 10;
            match action {
                Action::Send(frame) | Action::SendSlowly { frame, .. } => {
                    self.later(after, Coming::FromHost(exchange, HostResult::Answer(Secret::new(frame))));
                }
                Action::SendStray(frame) => {
                    // It comes on whatever connection is open by then, or on none.
                    let newest = self.open.iter().next_back().copied().unwrap_or(exchange);
                    let answer = HostResult::Answer(Secret::new(frame));
                    self.later(after, Coming::FromHost(newest, answer));
                }
                Action::SendPart { .. } | Action::Close => {
                    self.later(after, Coming::FromHost(exchange, HostResult::Lost));
                }
                Action::Receive(frame) => self.later(after_ms, Coming::Arrives(exchange, frame, true)),
            }
        }
    }

    fn call(&mut self, call: posd_terminal::Call, awaited: bool) {
        let id = self.next_call;
        self.next_call += 1;
        if awaited {
            self.calls.insert(id);
        }
        let caller = Caller { uid: UID, connection: self.connection };
        self.tell(Event::Call { id, caller, call });
    }

    fn app_acts(&mut self) {
        let begun = self.app.begun;
        let Some(call) = self.app.next_call() else { return };
        if self.app.begun > begun {
            self.draw_faults();
        }
        let starts =
            matches!(call, posd_terminal::Call::Start { .. }) && self.app.kind() == Some(self.plan.kind);
        if starts {
            if let (Faults::Sweep(at, _), None) = (self.plan.faults.clone(), self.sale_effects) {
                self.shared.borrow_mut().crash_in = Some(at);
            }
            if self.sale_effects.is_none() {
                self.sale_effects = Some(self.shared.borrow().effects);
            }
        }
        self.call(call, true);
    }

    /// What will go wrong with the next sale.
    fn draw_faults(&mut self) {
        self.card.behave();
        let first = if matches!(self.plan.kind, Kind::Sale | Kind::PreAuth) { 1 } else { 2 };
        if self.app.begun == first {
            match self.plan.faults.clone() {
                Faults::Host(fault) => self.host.add_fault(Rule::once(fault, host_kind(self.plan.kind))),
                Faults::Card(misbehaviour) => self.card.misbehave(misbehaviour),
                _ => {}
            }
        }
        if !self.faults_on {
            return;
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

    /// The customer at the reader.
    fn customer(&mut self, state: State) {
        match state {
            State::WaitingCard => {
                // One in a few never comes, where things go wrong.
                let stays_away = self.faults_on && self.random.percent(4);
                if !stays_away && !self.has(|coming| matches!(coming, Coming::CardIn)) {
                    let after = 200 + self.random.below(2_000);
                    self.later(after, Coming::CardIn);
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

    fn vault(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = self.now();
            for output in self.vault.handle(input, now) {
                inputs.extend(self.perform(output));
            }
        }
    }

    /// Performs an order of the vault; what the wires answer.
    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Reply(id, reply) => {
                let event = match reply {
                    posd_vault_protocol::Reply::Status(status) if id == u32::MAX => Event::VaultUp(status),
                    reply => Event::VaultReply(id, reply),
                };
                self.tell(event);
                None
            }
            Output::Notice(notice) => {
                self.tell(Event::VaultNotice(notice));
                None
            }
            Output::PowerOn => Some(Input::Powered(match self.inserted {
                true => Ok(self.card.reset()),
                false => Err(CardFault::NoCard),
            })),
            Output::PowerOff | Output::Custodian(_) => None,
            Output::Transmit(command) => {
                let answer = if self.inserted { self.card.transmit(&command) } else { Vec::new() };
                Some(Input::Answered(if !answer.is_empty() {
                    Ok(answer.into())
                } else if self.inserted && self.card.present() {
                    Err(CardFault::Mute)
                } else {
                    if self.inserted {
                        self.later(1, Coming::CardOut);
                    }
                    Err(CardFault::Removed)
                }))
            }
            Output::Store(blob) => {
                *self.vault_store.borrow_mut() = Some(blob);
                Some(Input::Stored(Ok(())))
            }
            Output::WakeAt(at) => {
                self.vault_wake = Some(at);
                None
            }
            Output::NoWake => {
                self.vault_wake = None;
                None
            }
            Output::Prompt(prompt) => {
                self.coming.retain(|_, coming| !matches!(coming, Coming::Key(_)));
                let pin: Option<&[u8]> = match prompt {
                    Some(PadPrompt::Pin { .. }) => Some(&[1, 2, 3, 4]),
                    Some(PadPrompt::OperatorPassword(_)) => Some(&[1, 3, 5, 7]),
                    _ => None,
                };
                if let Some(right) = pin {
                    let wrong = self.faults_on && self.random.percent(10);
                    let cancels = self.faults_on && self.random.percent(3);
                    let pin: &[u8] = if wrong { &[9, 9, 9, 9] } else { right };
                    if matches!(prompt, Some(PadPrompt::OperatorPassword(_))) {
                        self.oracle.borrow_mut().supervisor_agreed = !wrong && !cancels;
                    }
                    let mut after = 300;
                    for digit in pin {
                        after += 200;
                        self.later(after, Coming::Key(Key::Digit(*digit)));
                    }
                    self.later(after + 200, Coming::Key(if cancels { Key::Cancel } else { Key::Enter }));
                }
                None
            }
        }
    }
}

/// The job at a place: with drawn faults a drawn one, which may well be one that must be refused.
fn job(random: &mut Random, plan: &Plan, place: usize) -> Job {
    let amount = amount(random, &plan.faults);
    let follows = match plan.faults {
        Faults::Drawn => place > 0 && random.percent(30),
        _ => !matches!(plan.kind, Kind::Sale | Kind::PreAuth) && place % 2 == 1,
    };
    if !follows {
        let holds = match plan.faults {
            Faults::Drawn => random.percent(20),
            _ => matches!(plan.kind, Kind::PreAuth | Kind::PreAuthCancel),
        };
        return Job { kind: if holds { Kind::PreAuth } else { Kind::Sale }, amount, original: None };
    }
    let (kind, original) = match plan.faults {
        // Mostly a late one.
        Faults::Drawn => (random.pick(&UNDOING), place - 1 - random.below(place.min(3) as u64) as usize),
        _ => (plan.kind, place - 1),
    };
    Job { kind, amount, original: Some(original) }
}

/// What is drawn to follow an earlier job.
const UNDOING: [Kind; 2] = [Kind::Void, Kind::PreAuthCancel];

/// The host's word for a kind.
pub(crate) fn host_kind(kind: Kind) -> MessageKind {
    match kind {
        Kind::Void => MessageKind::Void,
        Kind::PreAuth => MessageKind::PreAuth,
        Kind::PreAuthCancel => MessageKind::PreAuthCancel,
        _ => MessageKind::Sale,
    }
}

fn host_kind_is_financial(kind: MessageKind) -> bool {
    posd_terminal::served().any(|served| host_kind(served) == kind)
}

fn amount(random: &mut Random, faults: &Faults) -> u64 {
    let cents = match faults {
        // Plain approvals, and with drawn faults the answers that lead elsewhere too.
        Faults::Drawn => random.pick(&[0, 1, 2, 34, 0, 20, 33, 51, 55, 10, 71, 72, 73, 77, 5]),
        _ => 34,
    };
    (1 + random.below(500)) * 100 + cents
}

/// First three bytes of zeros enciphered under a component.
fn check_value(component: &[u8]) -> [u8; 3] {
    use des::cipher::{BlockCipherEncrypt, KeyInit};
    let mut block = [0; 8].into();
    if let Ok(cipher) = des::TdesEde2::new_from_slice(component) {
        cipher.encrypt_block(&mut block);
    }
    [block[0], block[1], block[2]]
}

fn new_vault(random: &mut Random, store: &Rc<RefCell<Option<Vec<u8>>>>) -> Core {
    /// argon2id of "1357" at the least cost, made once.
    static HASH: LazyLock<String> = LazyLock::new(posd_vault_core_hash);
    let people = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), HASH.clone())).collect();
    let settings = VaultSettings::new(people(&["00", "01"]), people(&["a", "b"]))
        .unwrap_or_else(|error| unreachable!("the made-up people are fine: {error}"));
    let mut seed = Random::new(random.next());
    let random = move |buffer: &mut [u8]| {
        for byte in buffer {
            *byte = seed.next() as u8;
        }
    };
    Core::new(settings, Some(Secret::new(vec![7; 32])), store.borrow().clone(), Box::new(random))
}

fn posd_vault_core_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let hash = Params::new(8, 1, 1, None).ok().and_then(|parameters| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_with_salt(b"1357", b"simulated-salt-1")
            .ok()
            .map(|hash| hash.to_string())
    });
    hash.unwrap_or_default()
}

fn all_attempts(journal: &Journal) -> Result<Vec<Attempt>, Violation> {
    let mut all: Vec<Attempt> = Vec::new();
    loop {
        let before = all.last().map(|attempt| attempt.id);
        let page = journal.attempts(UID, before, 200).map_err(|fault| Violation(fault.to_string()))?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}
