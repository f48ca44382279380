//! The world: virtual time, and everything outside of the runner.

mod daemon;
mod downloads;
mod faults;
mod host;
mod people;
mod plan;
mod settlement;
mod vault;

pub(crate) use daemon::{OFFLINE_LIMITS, PROFILE};
pub(crate) use host::{FAMILIES, host_kind};
pub use plan::{Faults, Outcome, Plan, chain};

use crate::{Violation, app::App, disk::Disk, oracle::Oracle, random::Random, wires::Shared};
use daemon::SimRunner;
use downloads::Downloads;
use plan::{job, settles};
use posd_acquirer::{Host, HostTime, Settings as HostSettings};
use posd_card::{Card, Profile as CardProfile, QuickPass};
use posd_journal::Journal;
use posd_runner::Runner;
use posd_terminal::{Attempt, Event, HostResult, PrintState, Records, TransactionId};
use posd_vault_core::{Core, Input, Key};
use posd_vault_protocol::{Secret, Slot};
use sha2::{Digest, Sha256};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};
use vault::new_vault;

/// Longest time everything may take to come to rest once faults have stopped, in milliseconds.
const REST: u64 = 180_000;
/// The user of the one app.
const UID: u32 = 1_000;

/// Something that will happen.
enum Coming {
    App,
    AppDies,
    AppCancels,
    /// The card is inserted, or held to the contactless reader.
    CardIn(Slot),
    CardOut,
    Key(Key),
    /// A code comes from the scanner.
    Scan(String),
    /// The customer pays what the host waits for, by batch and trace.
    Pays(u32, u32),
    Arrives(u64, Vec<u8>, bool),
    FromHost(u64, HostResult),
    VaultBack,
    VaultGone,
    PowerOn,
    Printed(u64, PrintState),
    /// Somebody has asked the acquirer about a transaction, and the supervisor says what came of it.
    Supervisor(TransactionId),
}

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
    /// The card is at a reader, at that of `slot`.
    inserted: bool,
    slot: Slot,
    /// The unpredictable numbers of those certificates that did not come over as the card made them.
    damaged: BTreeSet<[u8; 4]>,
    app: App,
    connection: u64,
    next_call: u64,
    calls: BTreeSet<u64>,
    /// What the app gives up, by the call that says so.
    cancels: BTreeMap<u64, u64>,
    coming: BTreeMap<(u64, u64), Coming>,
    next_coming: u64,
    open: BTreeSet<u64>,
    /// Whether things still go wrong by the seed's draw.
    faults_on: bool,
    crashes: u64,
    /// Where the downloads that go before the first sale stand.
    downloads: Downloads,
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
        let settles = settles(&mut random, &plan);
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
        let wallet = plan::wallet(&mut random, &plan);
        let mut settings =
            HostSettings { seed: plan.seed, pin_tries: 1_000_000, wallet, ..HostSettings::default() };
        // As the profile has it: the host's parameters say how long to wait.
        settings.downloads.parameters.insert("12".to_owned(), "10".to_owned());
        settings.downloads.page = 3;
        let host =
            Host::new(settings).unwrap_or_else(|error| unreachable!("the default settings serve: {error}"));
        let store = Rc::new(RefCell::new(None));
        let vault = new_vault(&mut random, &store);
        let profile = if random.percent(30) { CardProfile::debit() } else { CardProfile::credit() };
        let tap = if random.percent(70) { QuickPass::online() } else { QuickPass::phone() };
        // A card that may be used offline, and held to the reader.
        let card = Card::new(profile.with(|application| {
            application.offline_limits = None;
            application.quick_pass = Some(tap);
        }));
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
            slot: Slot::Contact,
            damaged: BTreeSet::new(),
            app: App::new(jobs, settles),
            connection: 1,
            next_call: 1,
            calls: BTreeSet::new(),
            cancels: BTreeMap::new(),
            coming: BTreeMap::new(),
            next_coming: 0,
            open: BTreeSet::new(),
            crashes: 0,
            downloads: Downloads::default(),
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

    fn has(&self, wanted: impl Fn(&Coming) -> bool) -> bool {
        self.coming.values().any(wanted)
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
                    self.cancels.insert(self.next_call, id);
                    self.call(posd_terminal::Call::Cancel { id }, false);
                }
            }
            Coming::CardIn(slot) => {
                if !self.inserted && slot == Slot::Contactless && self.faults_on && self.random.percent(10) {
                    return self.vault(Input::SeveralCards);
                }
                if !self.inserted {
                    self.inserted = true;
                    self.slot = slot;
                    self.card.hold_to_field(slot == Slot::Contactless);
                    // The hand that was to take the last card out does not take this one.
                    self.coming.retain(|_, coming| !matches!(coming, Coming::CardOut));
                    self.vault(Input::Card(slot, true));
                }
            }
            Coming::CardOut => {
                if self.inserted {
                    self.inserted = false;
                    self.card.removed();
                    self.vault(Input::Card(self.slot, false));
                }
            }
            Coming::Key(key) => self.vault(Input::Key(key)),
            Coming::Scan(code) => self.tell(Event::Scanned(Secret::new(code.into_bytes()))),
            Coming::Pays(batch, trace) => {
                // Too late is no harm: the host knows.
                self.host.decide_wallet("00000001", batch, trace, true);
            }
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
            Coming::Supervisor(id) => self.supervisor(id),
        }
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
            && open(journal.open_settlement().map(|open| open.is_none()))
    }

    fn finish(&mut self) -> Result<Outcome, Violation> {
        let attempts: Vec<Attempt> = match &self.runner {
            Some(runner) => all_attempts(&runner.journal().journal)?,
            None => Vec::new(),
        };
        let mut oracle = self.oracle.borrow_mut();
        let refused = self.runner.as_ref().map(|runner| runner.journal().journal.advices_to_look_at());
        let refused = refused.and_then(Result::ok).unwrap_or_default();
        // Field 55 has the unpredictable number as the terminal gave it, after its tag and length.
        let is_damaged = |attempt: &&Attempt| {
            let sent = attempt.upload.as_ref().map_or(&[][..], |upload| &upload.field55);
            let number = sent.windows(7).find(|window| window.starts_with(&[0x9F, 0x37, 4]));
            number.is_some_and(|number| self.damaged.iter().any(|of| number.ends_with(of)))
        };
        let damaged: BTreeSet<u64> = attempts.iter().filter(is_damaged).map(|a| a.id).collect();
        oracle.at_rest(&self.host, &attempts, self.app.begun - self.app.refused, &refused, &damaged);
        oracle.signatures(&attempts, &self.app.signed, &self.host);
        if self.app.sold_while_locked {
            return Err(Violation(format!("seed {}: a locked terminal made a sale", self.plan.seed)));
        }
        if let Some(violation) = oracle.violations.first() {
            return Err(Violation(format!("seed {}: {}", self.plan.seed, violation.0)));
        }
        let mut settled = 0;
        if let Some(runner) = &self.runner {
            settled = crate::books::check(&self.host, &runner.journal().journal, &attempts, &damaged)
                .map_err(|violation| Violation(format!("seed {}: {}", self.plan.seed, violation.0)))?;
            crate::audit::check(&runner.journal().journal, &attempts)
                .map_err(|violation| Violation(format!("seed {}: {}", self.plan.seed, violation.0)))?;
        }
        let shared = self.shared.borrow();
        Ok(Outcome {
            trace: shared.trace.clone().finalize().into(),
            attempts: attempts.len(),
            settled,
            charged: attempts
                .iter()
                .filter(|a| a.outcome.is_some_and(posd_terminal::Outcome::is_charged))
                .count(),
            crashes: self.crashes,
            effects: shared.effects,
            download_effects: self.downloads.effects,
            sale_effects: self.last_effects.saturating_sub(self.sale_effects.unwrap_or(0)),
            causes: attempts.iter().rev().map(|attempt| attempt.cause.word()).collect(),
            signature_parts: self.host.ledger().signatures.len(),
            reasons: self.host.ledger().reversals.iter().map(|reversal| reversal.reason.clone()).collect(),
        })
    }
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
