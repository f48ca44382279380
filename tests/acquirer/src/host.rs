//! The host itself: a request frame in, answers out.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::answer::{self, Decision};
use crate::check::{self, Named, Refused, Sale, refused};
use crate::chip::{self, Verified};
use crate::cipher::field64;
use crate::fault::{Fault, Faults, MessageKind, Rule};
use crate::ledger::{
    Charge, ChargeState, Ledger, Original, OriginalKey, Refusal, Reversal, ReversalResult, ScriptNotice,
};
use crate::message::{ENVELOPE, Message};
use crate::outcome::{Outcome, demands_sign_in};
use crate::pin::{self, PinCheck, Tries};
use crate::settings::{self, KeyLayout, Settings, SettingsError};
use crate::terminal::{Numbers, Terminal};
use crate::time::Local;

/// The time, told by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostTime {
    /// Milliseconds since 1970-01-01 00:00 UTC. The host's local time is UTC+8.
    pub unix_ms: u64,
}

/// What to do on the connection that the request came by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send this frame (the 2-byte length prefix is the caller's).
    Send(Vec<u8>),
    /// Send this frame; if the connection has closed, by the newest open one.
    SendStray(Vec<u8>),
    /// Send this frame, prefix included, byte by byte.
    SendSlowly {
        /// The frame.
        frame: Vec<u8>,
        /// Milliseconds between two bytes.
        gap_ms: u64,
    },
    /// Send the prefix of the whole frame but only its first `bytes` bytes.
    SendPart {
        /// The whole frame.
        frame: Vec<u8>,
        /// How many of its bytes are sent.
        bytes: usize,
    },
    /// Hand this request to [`Host::receive_held`].
    Receive(Vec<u8>),
    /// Close the connection.
    Close,
}

/// One action and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Milliseconds after the request.
    pub after_ms: u64,
    /// What to do then.
    pub action: Action,
}

impl Delivery {
    /// The frame that a whole send would carry; `None` for the other actions.
    pub fn frame(&self) -> Option<&[u8]> {
        match &self.action {
            Action::Send(frame) | Action::SendStray(frame) | Action::SendSlowly { frame, .. } => Some(frame),
            Action::SendPart { .. } | Action::Receive(_) | Action::Close => None,
        }
    }
}

/// One request in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// Kind of the request.
    pub kind: MessageKind,
    /// Message type, four digits; empty if unreadable.
    pub mti: String,
    /// Terminal number (41), if there.
    pub terminal: String,
    /// Trace number (11), if there.
    pub trace: Option<u32>,
    /// Batch number (60.2), if there.
    pub batch: Option<u32>,
    /// Amount (4) in cents, if there.
    pub amount: Option<u64>,
    /// Response code decided; `None` if the request was lost before booking or got no answer.
    pub code: Option<String>,
    /// Why it was refused, in plain words; empty if it was not.
    pub note: String,
}

/// Counters since start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Requests received, the lost ones included.
    pub requests: u64,
    /// Sales booked.
    pub booked: u64,
    /// Amount of the charges that stand, in cents.
    pub standing_amount: u64,
    /// Sales refused or declined.
    pub declined: u64,
    /// Charges reversed.
    pub reversed: u64,
    /// Reversals that found nothing.
    pub reversals_without_original: u64,
    /// Originals refused because their reversal came first.
    pub late_originals: u64,
    /// Requests with a bad or missing MAC.
    pub bad_macs: u64,
    /// Frames that could not be decoded.
    pub undecodable: u64,
    /// Faults that struck.
    pub faults: u64,
}

/// A UnionPay host.
pub struct Host {
    settings: Settings,
    issuer_master_key: [u8; 16],
    terminals: BTreeMap<String, Terminal>,
    tries: Tries,
    numbers: Numbers,
    answers: u64,
    /// Cryptograms seen, as card and value: none may come twice.
    cryptograms: BTreeSet<(String, [u8; 8])>,
    faults: Faults,
    ledger: Ledger,
    log: Vec<LogEntry>,
    stats: Stats,
}

impl Host {
    /// A host with these settings, nobody signed in, empty books.
    ///
    /// # Errors
    /// A key, number or code in the settings has the wrong form; the error names it.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let mut terminals = BTreeMap::new();
        for given in &settings.terminals {
            terminals.insert(given.terminal.clone(), Terminal::new(given)?);
        }
        let switches = &settings.switches;
        for (name, code) in
            [("reversal_not_found", &switches.reversal_not_found), ("late_original", &switches.late_original)]
        {
            if code.len() != 2 || !code.is_ascii() {
                return Err(SettingsError(format!("{name}: a response code has two characters")));
            }
        }
        if switches.requirement > 9 {
            return Err(SettingsError("requirement: give a digit, 0 to 9".into()));
        }
        if settings.pin_tries == 0 {
            return Err(SettingsError("pin_tries: give at least 1".into()));
        }
        Ok(Self {
            issuer_master_key: settings::key("issuer_master_key", &settings.issuer_master_key)?,
            terminals,
            tries: Tries::new(settings.pin_tries),
            numbers: Numbers::new(settings.seed),
            answers: 0,
            cryptograms: BTreeSet::new(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            log: Vec::new(),
            stats: Stats::default(),
            settings,
        })
    }

    /// PIN key and MAC key of each terminal that is signed in, hexadecimal: for tests that look for them elsewhere.
    pub fn work_keys(&self) -> BTreeMap<String, [String; 2]> {
        let signed_in =
            self.terminals.iter().filter_map(|(number, terminal)| Some((number, terminal.keys.as_ref()?)));
        signed_in.map(|(number, keys)| (number.clone(), [keys.pin.hex(), keys.mac.hex()])).collect()
    }

    /// Handles one request: TPDU, header and body, without the 2-byte length prefix.
    ///
    /// The same seed and the same calls give the same deliveries. They are in order of time.
    pub fn receive(&mut self, frame: &[u8], now: HostTime) -> Vec<Delivery> {
        self.handle(frame, now, true)
    }

    /// Handles a request that [`Action::Receive`] held back: as [`Host::receive`], but no fault strikes it.
    pub fn receive_held(&mut self, frame: &[u8], now: HostTime) -> Vec<Delivery> {
        self.handle(frame, now, false)
    }

    fn handle(&mut self, frame: &[u8], now: HostTime, with_faults: bool) -> Vec<Delivery> {
        self.stats.requests += 1;
        let (message, damage) = match Message::decode(frame) {
            Ok(message) => (message, None),
            Err(error) => {
                self.stats.undecodable += 1;
                let note = error.to_string();
                match error.partial {
                    Some(partial) => (*partial, Some(note)),
                    None => {
                        self.log.push(LogEntry::unreadable(now, note));
                        return Vec::new();
                    }
                }
            }
        };
        let kind = if damage.is_some() { MessageKind::Unknown } else { kind_of(&message) };
        let struck = if with_faults { self.faults.strike(kind) } else { Vec::new() };
        self.stats.faults += u64::try_from(struck.len()).unwrap_or(0);
        let mut entry = LogEntry::of(&message, kind, now);
        for fault in &struck {
            let (after_ms, action) = match fault {
                Fault::HoldRequest { ms } => (*ms, Action::Receive(frame.to_vec())),
                Fault::CloseBefore => (0, Action::Close),
                Fault::DropRequest => {
                    entry.note = "fault: dropped before booking".into();
                    self.log.push(entry);
                    return Vec::new();
                }
                _ => continue,
            };
            entry.note = "fault: held or closed before booking".into();
            self.log.push(entry);
            return vec![Delivery { after_ms, action }];
        }
        let forced = struck.iter().find_map(|fault| match fault {
            Fault::Decline { code } => Some(code.as_str()),
            _ => None,
        });
        self.answers += 1;
        let decision = match damage {
            Some(note) => Decision::refusal(refused("30", note)),
            None => self.decide(&message, frame, kind, now, forced).unwrap_or_else(Decision::refusal),
        };
        entry.code = Some(decision.code.clone());
        entry.note.clone_from(&decision.note);
        self.log.push(entry);
        let Some(answer) = self.answer(&message, kind, decision, now, &struck) else { return Vec::new() };
        answer::deliver(answer, &struck, &mut self.numbers)
    }

    /// The reference number of the request being answered: MMDDhh and a count.
    fn rrn(&self, now: HostTime) -> String {
        let local = Local::new(now);
        format!("{}{:02}{:06}", local.date(), local.second_of_day / 3600, self.answers % 1_000_000)
    }

    /// The answer, signed; `None` when the request is itself an answer.
    fn answer(
        &mut self,
        request: &Message,
        kind: MessageKind,
        decision: Decision,
        now: HostTime,
        struck: &[Fault],
    ) -> Option<Message> {
        let local = Local::new(now);
        let rrn = self.rrn(now);
        let has_mac = self.has_mac(kind);
        let approved = matches!(decision.code.as_str(), "00" | "10" | "11" | "A2");
        let requirement = struck
            .iter()
            .find_map(|fault| match fault {
                Fault::Header { digit } => Some(*digit),
                _ => None,
            })
            .unwrap_or(self.settings.switches.requirement);
        let signs_out = decision.signs_out;
        let mut message = answer::build(request, kind, decision, &local, &rrn, requirement)?;
        answer::alter(&mut message, struck);
        let terminal = self.terminals.get_mut(request.text(41).unwrap_or_default());
        let key = terminal.as_ref().and_then(|terminal| terminal.keys.as_ref()).map(|keys| keys.mac.clone());
        if has_mac
            && (approved || self.settings.switches.mac_on_declines)
            && let Some(key) = key
        {
            let algorithm = self.settings.switches.mac_algorithm;
            message.sign(|input| field64(algorithm, &key, input));
        }
        if signs_out && let Some(terminal) = terminal {
            terminal.keys = None;
        }
        Some(message)
    }

    /// Whether requests and answers of this kind carry field 64.
    fn has_mac(&self, kind: MessageKind) -> bool {
        match kind {
            MessageKind::Sale | MessageKind::Reversal => true,
            MessageKind::ScriptResult => self.settings.switches.mac_on_script_result,
            MessageKind::SignOut | MessageKind::Echo => self.settings.switches.mac_on_management,
            MessageKind::SignIn | MessageKind::Unknown => false,
        }
    }

    fn decide(
        &mut self,
        message: &Message,
        frame: &[u8],
        kind: MessageKind,
        now: HostTime,
        forced: Option<&str>,
    ) -> Result<Decision, Refused> {
        if kind == MessageKind::Unknown {
            let known = ["0100", "0200", "0220", "0320", "0500", "0800", "0820"];
            return Err(if known.contains(&message.mti.as_str()) {
                refused("40", "this host does not serve this transaction")
            } else {
                refused("12", format!("{} is no request of this dialect", message.mti))
            });
        }
        let number = message.text(41).ok_or_else(|| refused("30", "field 41 is missing"))?;
        let terminal =
            self.terminals.get(number).ok_or_else(|| refused("97", "the terminal is not registered"))?;
        if message.text(42) != Some(terminal.merchant.as_str()) {
            return Err(refused("03", "field 42 is not this terminal's merchant"));
        }
        self.check_mac(message, frame, kind)?;
        if let Some(code) = forced.filter(|_| kind != MessageKind::Sale) {
            return Err(refused(code, "fault: declined"));
        }
        match kind {
            MessageKind::SignIn => self.sign_in(message),
            MessageKind::SignOut => {
                check::management(message, "002")?;
                Ok(Decision { signs_out: true, ..Decision::approved() })
            }
            MessageKind::Echo => check::management(message, "301").map(|()| Decision::approved()),
            MessageKind::Sale => self.sale(message, now, forced),
            MessageKind::Reversal => self.reversal(message, now),
            MessageKind::ScriptResult => self.script_result(message, now),
            MessageKind::Unknown => Err(refused("12", "")),
        }
    }

    fn check_mac(&mut self, message: &Message, frame: &[u8], kind: MessageKind) -> Result<(), Refused> {
        if !self.has_mac(kind) {
            return match message.field(64) {
                None => Ok(()),
                Some(_) => Err(refused("30", "field 64 in a message that has none by this host's switches")),
            };
        }
        let key = self
            .terminal(message)
            .and_then(|terminal| terminal.keys.as_ref())
            .map(|keys| keys.mac.clone())
            .ok_or_else(|| refused("77", "the terminal is not signed in"))?;
        let given = message.field(64);
        let input = frame.len().checked_sub(8).and_then(|end| frame.get(ENVELOPE..end)).unwrap_or_default();
        let right = field64(self.settings.switches.mac_algorithm, &key, input);
        if given == Some(right.as_slice()) {
            return Ok(());
        }
        self.stats.bad_macs += 1;
        Err(refused("A0", if given.is_some() { "field 64 is wrong" } else { "field 64 is missing" }))
    }

    fn terminal(&self, message: &Message) -> Option<&Terminal> {
        message.text(41).and_then(|number| self.terminals.get(number))
    }

    fn sign_in(&mut self, message: &Message) -> Result<Decision, Refused> {
        let operator = check::sign_in(message)?;
        let asks_track_key = message.text(60).is_some_and(|value| value.ends_with('4'));
        let switches = &self.settings.switches;
        let with_track_key = match switches.key_layout {
            KeyLayout::Requested => asks_track_key,
            KeyLayout::Double => false,
            KeyLayout::DoubleWithTrack => true,
        };
        let number = message.text(41).unwrap_or_default();
        let Some(terminal) = self.terminals.get_mut(number) else {
            return Err(refused("97", "the terminal is not registered"));
        };
        if terminal.operator.as_deref().is_some_and(|wanted| wanted != operator) {
            return Err(refused("58", "this operator may not sign in here"));
        }
        let mut decision = Decision::approved();
        let keys = terminal.sign_in(&mut self.numbers, switches.mak, with_track_key);
        decision.fields.insert(62, keys);
        decision.batch = Some(terminal.batch);
        Ok(decision)
    }

    fn sale(&mut self, message: &Message, now: HostTime, forced: Option<&str>) -> Result<Decision, Refused> {
        let sale = check::sale(message, self.settings.switches.strict_field55)?;
        let Some(terminal) = self.terminal(message) else { return Err(refused("97", "")) };
        if sale.named.batch != terminal.batch {
            return Err(refused("77", format!("the batch in force is {}", terminal.batch)));
        }
        let number = message.text(41).unwrap_or_default().to_owned();
        let key: OriginalKey = (number, sale.named.batch, sale.named.trace);
        let mut verified = None;
        match self.authorise(message, &sale, &key, now, forced, &mut verified) {
            Ok(outcome) => Ok(self.book(&sale, key, &outcome, verified.as_ref(), now)),
            Err(refusal) => {
                let late_original = self.ledger.original(&key) == Some(Original::ReversedFirst);
                self.stats.declined += 1;
                self.stats.late_originals += u64::from(late_original);
                let (terminal, batch, trace) = key.clone();
                let refusal_entry = Refusal {
                    terminal,
                    trace,
                    batch,
                    amount: sale.named.amount,
                    code: refusal.code.clone(),
                    at_ms: now.unix_ms,
                    late_original,
                };
                self.ledger.refuse(key, refusal_entry);
                let mut decision = Decision::refusal(refusal);
                let by_cents = Outcome::of(sale.named.amount).code;
                decision.signs_out = decision.code == by_cents && demands_sign_in(by_cents);
                decision.pan = Some(sale.named.pan);
                decision.issuer_answer(verified.as_ref());
                Ok(decision)
            }
        }
    }

    /// Everything between a sound request and the books.
    fn authorise(
        &mut self,
        message: &Message,
        sale: &Sale,
        key: &OriginalKey,
        now: HostTime,
        forced: Option<&str>,
        verified: &mut Option<Verified>,
    ) -> Result<Outcome, Refused> {
        match self.ledger.original(key) {
            Some(Original::ReversedFirst) => {
                return Err(refused(&self.settings.switches.late_original, "its reversal came first"));
            }
            Some(_) => return Err(refused("94", "this batch has seen this trace number")),
            None => {}
        }
        if let Some(code) = forced {
            return Err(refused(code, "fault: declined"));
        }
        let pan = sale.named.pan.as_str();
        let Some(right_pin) = self.settings.pins.get(pan) else {
            return Err(refused("14", "the card is not in the settings (pins)"));
        };
        if let Some(objects) = &sale.chip {
            let checked = chip::verify(&self.issuer_master_key, pan, sale.sequence, objects)
                .map_err(|note| refused("59", note))?;
            if !self.cryptograms.insert((pan.to_owned(), checked.cryptogram)) {
                return Err(refused("59", "this cryptogram was sent before"));
            }
            *verified = Some(checked);
        }
        if sale.expiry.is_some_and(|expiry| Local::new(now).is_after(expiry)) {
            return Err(refused("54", "the card has expired"));
        }
        if let Some(pin) = &sale.pin {
            let keys = self.terminals.get(&key.0).and_then(|terminal| terminal.keys.as_ref());
            let Some(keys) = keys else { return Err(refused("77", "the terminal is not signed in")) };
            let given = pin::open(&keys.pin, pin.block, pan, pin.with_pan);
            match self.tries.check(pan, given.as_deref(), right_pin) {
                PinCheck::Right => {}
                PinCheck::Wrong => return Err(refused("55", "the PIN is wrong")),
                PinCheck::LastTryWrong => return Err(refused("75", "the last PIN try was wrong")),
                PinCheck::Blocked => return Err(refused("38", "no PIN tries are left")),
                PinCheck::BadFormat => {
                    return Err(refused("99", "field 52 is no PIN block of this card and key"));
                }
            }
        }
        let outcome = Outcome::of(message.number(4).unwrap_or_default());
        if outcome.booked == 0 {
            return Err(refused(outcome.code, "chosen by the cents of the amount"));
        }
        Ok(outcome)
    }

    fn book(
        &mut self,
        sale: &Sale,
        key: OriginalKey,
        outcome: &Outcome,
        verified: Option<&Verified>,
        now: HostTime,
    ) -> Decision {
        let authorisation_code = format!("{:06}", self.numbers.next() % 1_000_000);
        let mut decision = Decision::approved();
        decision.code = outcome.code.into();
        decision.pan = Some(sale.named.pan.clone());
        decision.amount = Some(outcome.booked);
        decision.fields.insert(38, authorisation_code.clone().into_bytes());
        decision.issuer_answer(verified);
        decision.add_scripts(outcome, verified, sale.named.trace);
        let rrn = self.rrn(now);
        decision.rrn = Some(rrn.clone());
        self.stats.booked += 1;
        self.stats.standing_amount += outcome.booked;
        let charge = Charge {
            pan: masked(&sale.named.pan),
            amount: outcome.booked,
            requested: sale.named.amount,
            terminal: key.0.clone(),
            trace: sale.named.trace,
            batch: sale.named.batch,
            rrn,
            authorisation_code,
            response_code: outcome.code.into(),
            online_pin: sale.pin.is_some(),
            cryptogram: verified.is_some(),
            at_ms: now.unix_ms,
            state: ChargeState::Booked,
            reversal_reason: None,
        };
        self.ledger.book(key, charge);
        decision
    }

    fn reversal(&mut self, message: &Message, now: HostTime) -> Result<Decision, Refused> {
        let (named, reason) = check::reversal(message)?;
        let number = message.text(41).unwrap_or_default().to_owned();
        let key: OriginalKey = (number.clone(), named.batch, named.trace);
        let not_found = self.settings.switches.reversal_not_found.clone();
        let mut decision = Decision::approved();
        decision.pan = Some(named.pan.clone());
        let (result, code) = match self.ledger.original(&key) {
            Some(Original::Charge(place)) => {
                self.reverse(place, &named, message.field(38), &reason, &mut decision)
            }
            Some(Original::Refused) => (ReversalResult::NothingBooked, not_found),
            Some(Original::ReversedFirst) | None => (ReversalResult::NotFound, not_found),
        };
        if result == ReversalResult::NotFound {
            self.ledger.remember_reversal(key);
            self.stats.reversals_without_original += 1;
        }
        self.ledger.reversals.push(Reversal {
            terminal: number,
            trace: named.trace,
            batch: named.batch,
            amount: named.amount,
            reason,
            at_ms: now.unix_ms,
            result,
            code: code.clone(),
        });
        decision.code = code;
        decision.note = match result {
            ReversalResult::Reversed | ReversalResult::AlreadyReversed => String::new(),
            ReversalResult::NothingBooked => "the original booked nothing".into(),
            ReversalResult::NotFound => "no original".into(),
            ReversalResult::Mismatch => "the original has another card, amount or authorisation code".into(),
        };
        Ok(decision)
    }

    fn reverse(
        &mut self,
        place: usize,
        named: &Named,
        authorisation_code: Option<&[u8]>,
        reason: &str,
        decision: &mut Decision,
    ) -> (ReversalResult, String) {
        let charge = &mut self.ledger.charges[place];
        decision.rrn = Some(charge.rrn.clone());
        let other_code =
            authorisation_code.is_some_and(|given| given != charge.authorisation_code.as_bytes());
        if charge.pan != masked(&named.pan) || other_code {
            return (ReversalResult::Mismatch, "12".into());
        }
        if ![charge.amount, charge.requested].contains(&named.amount) {
            return (ReversalResult::Mismatch, "64".into());
        }
        if charge.state == ChargeState::Reversed {
            return (ReversalResult::AlreadyReversed, "00".into());
        }
        charge.state = ChargeState::Reversed;
        charge.reversal_reason = Some(reason.to_owned());
        self.stats.reversed += 1;
        self.stats.standing_amount -= charge.amount;
        (ReversalResult::Reversed, "00".into())
    }

    fn script_result(&mut self, message: &Message, now: HostTime) -> Result<Decision, Refused> {
        let notice = check::script_result(message)?;
        let number = message.text(41).unwrap_or_default().to_owned();
        let found = self.ledger.charge(&number, notice.original_batch, notice.original_trace);
        let code = match found {
            None => "25",
            Some(charge) if charge.pan != masked(&notice.named.pan) => "25",
            Some(_) => "00",
        };
        let mut decision = Decision::approved();
        if let Some(charge) = found {
            decision.fields.insert(38, charge.authorisation_code.clone().into_bytes());
        }
        decision.code = code.into();
        decision.pan = Some(notice.named.pan);
        self.ledger.script_notices.push(ScriptNotice {
            terminal: number,
            trace: notice.named.trace,
            batch: notice.named.batch,
            original_trace: notice.original_trace,
            original_batch: notice.original_batch,
            script_result: notice.result.as_deref().map(settings::hex),
            at_ms: now.unix_ms,
            code: code.into(),
        });
        Ok(decision)
    }

    /// Adds a fault.
    pub fn add_fault(&mut self, rule: Rule) {
        self.faults.add(rule);
    }

    /// Removes all faults.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Whether [`crate::Fault::RefuseConnections`] is in force.
    pub fn refuses_connections(&self) -> bool {
        self.faults.refuses_connections()
    }

    /// Whether a connection just accepted is to be closed at once. Counts the fault.
    pub fn closes_on_accept(&mut self) -> bool {
        self.faults.closes_on_accept()
    }

    /// The books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Every request received, in order.
    pub fn log(&self) -> &[LogEntry] {
        &self.log
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Gives every card its PIN tries back.
    pub fn reset_pins(&mut self) {
        self.tries.reset();
    }
}

impl LogEntry {
    fn of(message: &Message, kind: MessageKind, now: HostTime) -> Self {
        Self {
            at_ms: now.unix_ms,
            kind,
            mti: message.mti.clone(),
            terminal: message.text(41).unwrap_or_default().to_owned(),
            trace: message.part(11, 0, 6),
            batch: message.part(60, 2, 8),
            amount: message.number(4),
            code: None,
            note: String::new(),
        }
    }

    fn unreadable(now: HostTime, note: String) -> Self {
        Self {
            at_ms: now.unix_ms,
            kind: MessageKind::Unknown,
            mti: String::new(),
            terminal: String::new(),
            trace: None,
            batch: None,
            amount: None,
            code: None,
            note,
        }
    }
}

/// Message type, processing code and field 60 name the transaction (reference 1).
fn kind_of(message: &Message) -> MessageKind {
    let type_60 = message.text(60).and_then(|value| value.get(..2));
    let code_60 = message.text(60).and_then(|value| value.get(8..11));
    match (message.mti.as_str(), type_60, code_60) {
        ("0800", Some("00"), Some("001" | "003" | "004" | "005" | "006")) => MessageKind::SignIn,
        ("0820", Some("00"), Some("002")) => MessageKind::SignOut,
        ("0820", Some("00"), Some("301")) => MessageKind::Echo,
        ("0200", Some("22"), _) if message.text(3) == Some("000000") => MessageKind::Sale,
        ("0400", ..) => MessageKind::Reversal,
        ("0620", _, Some("951")) => MessageKind::ScriptResult,
        _ => MessageKind::Unknown,
    }
}

/// First 6 and last 4 digits.
fn masked(pan: &str) -> String {
    let hidden = pan.len().saturating_sub(10);
    pan.char_indices()
        .map(|(place, digit)| if (6..6 + hidden).contains(&place) { '*' } else { digit })
        .collect()
}
