//! The state machine: what it remembers between events, and which room handles which event.

use crate::{
    audit::{AuditEvent, AuditHead},
    call::{Call, CallError, CallId, Caller, ConnectionId},
    clock_check::HostDate,
    code::ShownCode,
    diagnosis::Facts,
    download::{Job, Progress, Trigger},
    event::{Effect, Event, ExchangeId, HostResult, Moment, Note, Timer},
    exchange::{Exchange, Purpose},
    forward::{Round, Turns},
    operators::Login,
    printing::Unrevealed,
    prompt::Prompt,
    record::{Advice, Attempt, Device, PrintJob, Records, Reversal, StorageFault, TransactionId, Write},
    sale::{Active, Step},
    sets::{DownloadSet, InForce},
    settings::{SEQUENCE_RESERVE, Settings, VAULT_PATIENCE},
    settlement::Settling,
    state::State,
    stored::Told,
    view::{TerminalState, TerminalView, TransactionView},
};
use posd_vault_protocol::{DeviceState, Notice, Reply, Request, Slot, Status};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// Whether the journal can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JournalState {
    /// The full check runs; nothing is sold before it passes.
    Checking,
    /// Good.
    Good,
    /// Corrupt or unreadable: nothing is sold.
    Bad,
}

/// A transaction that has been started and is not finished: what the journal does not hold of it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) attempt: Attempt,
    pub(crate) state: State,
    pub(crate) sequence: u64,
    pub(crate) prompt: Prompt,
    pub(crate) deadline: Option<i64>,
    pub(crate) queue_position: u32,
    pub(crate) pin_digits: u8,
    pub(crate) candidates: Vec<String>,
    /// The code that the customer is to pay with.
    pub(crate) code: Option<ShownCode>,
    /// The connection that started it; its end cancels the transaction before the point of no return (rule 4).
    pub(crate) connection: Option<ConnectionId>,
}

impl Live {
    pub(crate) fn new(attempt: Attempt, state: State) -> Live {
        Live {
            sequence: attempt.sequence,
            attempt,
            state,
            prompt: Prompt::None,
            deadline: None,
            queue_position: 0,
            pin_digits: 0,
            candidates: Vec::new(),
            code: None,
            connection: None,
        }
    }

    pub(crate) fn view(&self) -> TransactionView {
        TransactionView {
            attempt: self.attempt.clone(),
            state: self.state,
            sequence: self.sequence,
            prompt: self.prompt,
            deadline: self.deadline,
            queue_position: self.queue_position,
            pin_digits: self.pin_digits,
            candidates: self.candidates.clone(),
            code: self.code.clone(),
        }
    }

    /// The attempt as it is to be committed: with sequence numbers in reserve.
    pub(crate) fn record(&mut self) -> Write {
        self.attempt.sequence = self.sequence + SEQUENCE_RESERVE;
        Write::Attempt(Box::new(self.attempt.clone()))
    }
}

/// What a reply of the vault is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    PowerOn,
    Apdu,
    OnlinePin,
    OfflinePin,
    PowerOff,
    CancelPrompt,
    /// The card data of an original is opened.
    Unseal,
    /// A card's number and expiry, typed.
    CardNumber,
    /// A card's stripe.
    Swipe,
    Seal,
    /// The key by which offline sales of a card are counted.
    CardKey,
    /// The supervisor's password.
    Supervisor,
    /// The blacklist that has come is sealed.
    SealBlacklist,
    /// The stored blacklist is opened.
    OpenBlacklist,
    /// For the exchange of that number: open sealed data, make or check a MAC, load keys.
    Exchange(ExchangeId),
    Password(CallId),
    Diagnosis(CallId),
    Operators(CallId),
    /// The card number of a slip.
    FullPan(u64),
    /// The card data of a row that is uploaded is opened.
    Settlement,
}

impl Asked {
    /// Whether people type on the PIN pad for it, for the running transaction.
    pub(crate) fn is_prompt(self) -> bool {
        matches!(self, Asked::OnlinePin | Asked::OfflinePin | Asked::Supervisor | Asked::CardNumber)
    }

    /// Whether the running transaction needs its reply, and may not end before it.
    pub(crate) fn is_of_sale(self) -> bool {
        !matches!(
            self,
            Asked::Exchange(_)
                | Asked::Password(_)
                | Asked::Diagnosis(_)
                | Asked::Operators(_)
                | Asked::FullPan(_)
                | Asked::Settlement
        )
    }
}

/// The terminal.
#[derive(Debug)]
pub struct Terminal {
    pub(crate) settings: Arc<Settings>,
    pub(crate) device: Device,
    pub(crate) journal: JournalState,
    pub(crate) operator: Option<String>,
    /// Nothing new until that operator's password is given. Not kept: after a restart nobody is logged in.
    pub(crate) locked: bool,
    /// The vault's last word on devices and keys; `None` while there is no connection.
    pub(crate) vault: Option<Status>,
    /// The code scanner; `None` where there is none.
    pub(crate) scanner: Option<DeviceState>,
    pub(crate) asked: BTreeMap<u32, Asked>,
    /// Until when each reply is waited for, by the monotonic clock.
    pub(crate) patience: BTreeMap<u32, u64>,
    pub(crate) next_request: u32,
    /// Started and not finished.
    pub(crate) live: BTreeMap<TransactionId, Live>,
    pub(crate) queue: VecDeque<TransactionId>,
    pub(crate) active: Option<Active>,
    /// A card that sat through the end of its transaction: it must leave before another transaction reads a card.
    pub(crate) stale_card: bool,
    /// The same at the contactless reader.
    pub(crate) stale_field: bool,
    /// When a chip could not be read in the contact reader, by the monotonic clock; `None` once that let a card be
    /// swiped.
    pub(crate) chip_failed_at: Option<u64>,
    /// The exchange that ends was under way before the running transaction waited for deliveries.
    pub(crate) stale_try: bool,
    pub(crate) exchange: Option<Exchange>,
    pub(crate) next_exchange: ExchangeId,
    /// Exchanges that callers wait for.
    pub(crate) wanted: VecDeque<Purpose>,
    pub(crate) login: Option<Login>,
    /// Whose lock-out the audit chain has already.
    pub(crate) told_locked_out: BTreeSet<String>,
    /// Who waits for a sign-in or sign-out.
    pub(crate) session_callers: BTreeMap<CallId, u32>,
    /// The end of the audit chain, with everything that was given to be committed.
    pub(crate) audit_head: AuditHead,
    /// The same before the rows of a commit that the journal may refuse.
    pub(crate) audit_head_before: AuditHead,
    /// Advices that the host has accepted, on their way into the journal with what it said.
    pub(crate) accepted: Vec<(Advice, Told)>,
    /// Whose owner is to be told once that is durable.
    pub(crate) tell_later: Vec<TransactionId>,
    /// Every reversal that is armed or pending, oldest first, as the journal holds it.
    pub(crate) reversals: Vec<Reversal>,
    /// Every queued advice, oldest first, as the journal holds it.
    pub(crate) advices: Vec<Advice>,
    /// How many advices need action.
    pub(crate) needs_action: u32,
    pub(crate) turns: Turns,
    /// Everything is being tried once.
    pub(crate) round: Option<Round>,
    /// The configuration with what the host has sent down.
    pub(crate) in_force: InForce,
    /// The download under way.
    pub(crate) download: Option<Job>,
    pub(crate) downloads_wanted: VecDeque<(DownloadSet, Trigger)>,
    pub(crate) downloads: Vec<Progress>,
    /// When the timer of ages ends, by the monotonic clock.
    pub(crate) ages_at: Option<u64>,
    /// What the daemon has found of what it holds itself.
    pub(crate) facts: Facts,
    /// Who waits for such a look.
    pub(crate) measuring: Vec<CallId>,
    pub(crate) host_date: Option<HostDate>,
    /// When the host was asked for it, by the monotonic clock.
    pub(crate) date_asked: Option<u64>,
    /// The reasons that the log has.
    pub(crate) noted_reasons: Option<Vec<&'static str>>,
    /// Print jobs that are neither done nor failed, with their owners.
    pub(crate) jobs: BTreeMap<u64, (u32, PrintJob)>,
    /// Slips that wait for the secure module.
    pub(crate) unrevealed: BTreeMap<u64, Unrevealed>,
    /// The settlement that is under way.
    pub(crate) settling: Option<Settling>,
    pub(crate) shown: Option<TerminalView>,
    pub(crate) now: Moment,
    pub(crate) effects: Vec<Effect>,
}

impl Terminal {
    /// A terminal that has not started: hand it [`Event::Started`] first.
    pub fn new(settings: Settings) -> Terminal {
        Terminal {
            in_force: InForce::new(Arc::clone(&settings.card)),
            download: None,
            downloads_wanted: VecDeque::new(),
            downloads: Vec::new(),
            ages_at: None,
            facts: Facts::default(),
            measuring: Vec::new(),
            host_date: None,
            date_asked: None,
            noted_reasons: None,
            settings: Arc::new(settings),
            device: Device::default(),
            journal: JournalState::Checking,
            operator: None,
            locked: false,
            vault: None,
            scanner: None,
            asked: BTreeMap::new(),
            patience: BTreeMap::new(),
            next_request: 1,
            live: BTreeMap::new(),
            queue: VecDeque::new(),
            active: None,
            stale_card: false,
            stale_field: false,
            chip_failed_at: None,
            stale_try: false,
            exchange: None,
            next_exchange: 1,
            wanted: VecDeque::new(),
            login: None,
            told_locked_out: BTreeSet::new(),
            session_callers: BTreeMap::new(),
            audit_head: AuditHead::default(),
            audit_head_before: AuditHead::default(),
            accepted: Vec::new(),
            tell_later: Vec::new(),
            reversals: Vec::new(),
            advices: Vec::new(),
            needs_action: 0,
            turns: Turns::default(),
            round: None,
            jobs: BTreeMap::new(),
            unrevealed: BTreeMap::new(),
            settling: None,
            shown: None,
            now: Moment::default(),
            effects: Vec::new(),
        }
    }

    /// What follows from an event. The effects are to be performed in order.
    pub fn handle(&mut self, event: Event, now: Moment, records: &dyn Records) -> Vec<Effect> {
        self.now = now;
        match event {
            Event::Started => {
                self.recover(records);
                self.first_look();
            }
            Event::JournalChecked(result) => self.journal_checked(result),
            Event::Call { id, caller, call } => self.call(id, caller, call, records),
            Event::CallerGone(connection) => self.caller_gone(connection),
            Event::VaultUp(status) => self.vault_up(status),
            Event::VaultDown => self.vault_down(),
            Event::VaultReply(id, reply) => self.vault_reply(id, reply, records),
            Event::VaultNotice(notice) => self.vault_notice(notice),
            Event::Host(id, result) => self.host(id, result),
            Event::Timer(Timer::Step) => self.step_timer(),
            Event::Timer(Timer::Reply) => self.reply_timer(),
            Event::Timer(Timer::Vault) => self.vault_timer(),
            Event::Timer(Timer::Retry | Timer::Settlement) => {}
            Event::Timer(Timer::Download) => self.ages_at = None,
            Event::Random(random) => self.random(random),
            Event::Admitted(answer) => self.admitted(answer),
            Event::Timer(Timer::Look) => self.look_again(),
            Event::Printed(id, state) => self.printed(id, state),
            Event::Measured(facts) => self.measured(facts),
            Event::Scanner(state) => self.scanner = Some(state),
            Event::Scanned(code) => self.scanned(&code),
        }
        self.file_advices(records);
        self.go_on(records);
        self.watch_ages();
        self.show_terminal();
        self.chain_audit(records);
        std::mem::take(&mut self.effects)
    }

    /// Begins whatever can begin now: the next transaction, the next exchange.
    fn go_on(&mut self, records: &dyn Records) {
        loop {
            self.begin_next();
            self.begin_stored(records);
            self.begin_exchange(records);
            // What begins may end at once, and its end lets the next begin.
            if !self.end_winding_down() {
                return;
            }
        }
    }

    fn call(&mut self, id: CallId, caller: Caller, call: Call, records: &dyn Records) {
        match self.answer(id, caller, call, records) {
            Ok(Some(answer)) => self.effect(Effect::Reply(id, Ok(answer))),
            Ok(None) => {}
            Err(error) => self.effect(Effect::Reply(id, Err(error))),
        }
    }

    fn journal_checked(&mut self, result: Result<(), StorageFault>) {
        match result {
            Ok(()) if self.journal == JournalState::Checking => {
                self.journal = JournalState::Good;
                self.audit(AuditEvent::TerminalStarted, None, "", String::new());
                self.note_initialisation();
            }
            Ok(()) => {}
            Err(fault) => {
                self.storage_fault(fault);
            }
        }
    }

    /// Takes the terminal out of service: what the journal says cannot be relied on.
    pub(crate) fn storage_fault(&mut self, fault: StorageFault) -> CallError {
        self.journal = JournalState::Bad;
        self.effect(Effect::Note(Note::StorageFault(fault.0)));
        CallError::StorageFailed
    }

    fn vault_up(&mut self, status: Status) {
        if self.vault.is_some() {
            self.vault_down();
        }
        self.stale_card &= status.card_present;
        self.stale_field &= status.card_in_field;
        self.vault = Some(status);
        self.turns.retry_at = None;
        self.open_blacklist();
        self.reveal_all();
    }

    /// No reply will come any more: what waited for one ends here.
    pub(crate) fn vault_down(&mut self) {
        self.vault = None;
        self.patience.clear();
        self.be_patient();
        for asked in std::mem::take(&mut self.asked).into_values() {
            match asked {
                Asked::Diagnosis(call) => self.diagnose_devices(call),
                Asked::Operators(call) => {
                    self.effect(Effect::Reply(call, Err(CallError::NotReady("secure-module"))));
                }
                _ => {}
            }
        }
        self.login_lost();
        self.settlement_without_vault();
        self.exchange_without_vault();
        self.download_without_vault();
        self.sale_without_vault();
    }

    /// A device hangs: the connection is given up, and comes back fresh.
    fn vault_timer(&mut self) {
        self.effect(Effect::ResetVault);
        self.vault_down();
    }

    fn vault_notice(&mut self, notice: Notice) {
        let Some(status) = self.vault.as_mut() else { return };
        match notice {
            Notice::Card(slot, present) => {
                match slot {
                    Slot::Contact => {
                        status.card_present = present;
                        self.stale_card &= present;
                    }
                    Slot::Contactless => {
                        status.card_in_field = present;
                        self.stale_field &= present;
                    }
                }
                self.card_moved(slot, present);
            }
            Notice::SeveralCards => self.several_cards(),
            Notice::Reader(slot, state) => {
                let lost = state != DeviceState::Ready;
                match slot {
                    Slot::Contact => {
                        status.reader = state;
                        status.card_present &= !lost;
                        self.stale_card &= !lost;
                    }
                    Slot::Contactless => {
                        status.contactless = state;
                        status.card_in_field &= !lost;
                        self.stale_field &= !lost;
                    }
                }
                if lost {
                    self.reader_lost(slot);
                }
            }
            Notice::StripeReader(state) => {
                status.stripe_reader = state;
                self.stripe_reader_changed();
            }
            Notice::PinPad(state) => status.pin_pad = state,
            Notice::Asking(_) => {}
            Notice::PinProgress(digits) => self.pin_progress(digits),
        }
    }

    fn vault_reply(&mut self, id: u32, reply: Reply, records: &dyn Records) {
        let Some(asked) = self.asked.remove(&id) else { return };
        self.patience.remove(&id);
        self.be_patient();
        match asked {
            Asked::Exchange(exchange) => self.exchange_reply(exchange, reply),
            Asked::Password(call) => self.password_reply(call, reply, records),
            Asked::Diagnosis(call) => self.diagnosis_reply(call, reply),
            Asked::Operators(call) => self.operators_reply(call, reply),
            Asked::FullPan(job) => self.revealed(job, reply),
            Asked::Settlement => self.settlement_opened(reply),
            Asked::SealBlacklist => self.blacklist_sealed(reply),
            Asked::OpenBlacklist => self.blacklist_opened(reply),
            _ => self.sale_reply(asked, reply, records),
        }
    }

    fn host(&mut self, id: ExchangeId, result: HostResult) {
        if self.exchange.as_ref().is_some_and(|e| e.id == id) {
            self.exchange_heard(result);
        } else {
            self.effect(Effect::Note(Note::AnswerDropped("it belongs to no open exchange")));
        }
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// Asks the vault; `patience` is how long people may take over it, in milliseconds. While there is no vault
    /// nothing is asked: [`Terminal::vault_down`] has ended, or is ending, whoever would wait for the reply.
    pub(crate) fn ask(&mut self, asked: Asked, request: Request, patience: u64) {
        if self.vault.is_none() {
            return;
        }
        let id = self.next_request;
        self.next_request = self.next_request.checked_add(1).unwrap_or(1);
        self.asked.insert(id, asked);
        self.effect(Effect::Vault(id, request));
        self.patience.insert(id, self.now.monotonic_ms + VAULT_PATIENCE + patience);
        self.be_patient();
    }

    /// Waits as long as the least patient of the requests does: what is asked while a prompt stands cuts nobody short.
    fn be_patient(&mut self) {
        let effect = match self.patience.values().min() {
            Some(end) => Effect::SetTimer(Timer::Vault, end.saturating_sub(self.now.monotonic_ms)),
            None => Effect::StopTimer(Timer::Vault),
        };
        self.effect(effect);
    }

    /// The next trace number (rule 12); the device's record must be committed with what uses it.
    pub(crate) fn allocate_trace(&mut self) -> u32 {
        loop {
            let trace = self.device.next_trace;
            self.device.next_trace = if trace >= 999_999 { 1 } else { trace + 1 };
            let open = self.reversals.iter().any(|r| r.original.trace == trace)
                || self.advices.iter().any(|a| a.trace == trace)
                || self.live.values().any(|live| live.attempt.trace == Some(trace));
            if !open {
                return trace;
            }
        }
    }

    /// Tells the owner how a started transaction stands, under a new sequence number.
    pub(crate) fn report(&mut self, id: TransactionId) {
        if let Some(live) = self.live.get_mut(&id) {
            live.sequence += 1;
            let view = Box::new(live.view());
            self.effect(Effect::Report(view));
        }
    }

    /// Moves a started transaction to a state and tells its owner. `lasting` is the state's own end, in milliseconds
    /// from now.
    pub(crate) fn enter(&mut self, id: TransactionId, state: State, prompt: Prompt, lasting: Option<u64>) {
        let wall = self.now.wall;
        if let Some(live) = self.live.get_mut(&id) {
            live.state = state;
            live.prompt = prompt;
            live.deadline = lasting.map(|ms| wall.saturating_add_unsigned(ms));
            live.queue_position = 0;
            live.pin_digits = 0;
            if !matches!(state, State::SelectingApplication | State::WaitingConfirmation) {
                live.candidates.clear();
            }
            if state != State::WaitingCode {
                live.code = None;
            }
        }
        self.report(id);
    }

    /// Ends a started transaction's life in memory: it is finished, and its owner is told so.
    pub(crate) fn retire(&mut self, id: TransactionId) {
        let prompt = match self.live.get(&id).and_then(|live| live.attempt.outcome) {
            Some(outcome) if outcome.is_charged() => Prompt::Approved,
            Some(crate::Outcome::Declined) => Prompt::Declined,
            _ => Prompt::NotCharged,
        };
        self.enter(id, State::Finished, prompt, None);
        self.live.remove(&id);
    }

    pub(crate) fn terminal_view(&self) -> TerminalView {
        let reasons = self.reasons();
        let state = if !reasons.is_empty() {
            TerminalState::OutOfService
        } else if self.active.is_some() || self.is_settling() {
            TerminalState::Busy
        } else {
            TerminalState::Ready
        };
        TerminalView {
            state,
            reason_checks: self.reason_checks(&reasons),
            reasons,
            merchant_name: self.merchant_name().to_owned(),
            merchant: self.settings.merchant.clone(),
            terminal: self.settings.terminal.clone(),
            help_line: self.profile().help_line.clone(),
            operator: self.operator.clone(),
            locked: self.locked,
            signed_in: self.device.signed_in,
            batch: self.device.batch,
            pending_reversals: self.pending_reversals(),
            unresolved_refunds: self.unresolved_refunds(),
            queue_length: self.queue_length(),
            needs_action: self.needs_action,
            host_requirement: self.device.host_requirement,
            update_requested: self.device.update_requested.as_deref() == Some(env!("CARGO_PKG_VERSION")),
            update_safe: self.is_update_safe(),
            downloads: self.download_views(),
        }
    }

    fn show_terminal(&mut self) {
        let view = self.terminal_view();
        if self.shown.as_ref() != Some(&view) {
            self.note_service(&view.reasons);
            self.effect(Effect::ReportTerminal(Box::new(view.clone())));
            self.shown = Some(view);
        }
    }

    /// Whether the card, the PIN pad or the host belongs to a running transaction just now.
    pub(crate) fn is_selling(&self) -> bool {
        self.active
            .as_ref()
            .is_some_and(|active| !matches!(active.step, Step::Clearing) && !active.is_decided())
    }
}
