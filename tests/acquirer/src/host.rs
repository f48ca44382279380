//! The host itself: a request frame in, answers out.

mod card;
mod download;
mod linked;
mod notice;
mod reversal;
mod settlement;
mod transaction;
mod upload;
mod wallet;

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::{self, Decision};
use crate::check::{self, Refused, refused};
pub use crate::delivery::{Action, Delivery, HostTime};
use crate::fault::{Fault, Faults, MessageKind, Rule};
use crate::kind::{kind_of, row};
use crate::ledger::Ledger;
pub use crate::log::{LogEntry, Stats};
use crate::message::{ENVELOPE, Message};
use crate::pin::Tries;
use crate::settings::{self, Algorithm, KeyLayout, Settings, SettingsError};
use crate::terminal::{Numbers, Terminal};
use crate::time::Local;
pub use settlement::DetailLine;

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
    /// Trace number of the newest booking that the host made up.
    invented: u32,
    /// Queries of each wallet payment, by its place in the books.
    queries: BTreeMap<usize, u32>,
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
        for (name, code) in [
            ("reversal_not_found", &switches.reversal_not_found),
            ("late_original", &switches.late_original),
            ("pending_code", &settings.wallet.pending_code),
        ] {
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
        settings.downloads.check()?;
        Ok(Self {
            issuer_master_key: settings::key("issuer_master_key", &settings.issuer_master_key)?,
            terminals,
            tries: Tries::new(settings.pin_tries),
            numbers: Numbers::new(settings.seed),
            answers: 0,
            cryptograms: BTreeSet::new(),
            faults: Faults::default(),
            ledger: Ledger::default(),
            invented: 999_000,
            queries: BTreeMap::new(),
            log: Vec::new(),
            stats: Stats::default(),
            settings,
        })
    }

    /// PIN key and MAC key of each terminal that is signed in, hexadecimal: for tests that look for them elsewhere.
    pub fn work_keys(&self) -> BTreeMap<String, [String; 2]> {
        let signed_in =
            self.terminals.iter().filter_map(|(number, terminal)| Some((number, terminal.keys.as_ref()?)));
        signed_in.map(|(number, keys)| (number.clone(), keys.hex())).collect()
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
        let (message, damage) = match Message::decode_with(frame, self.settings.switches.pin_block()) {
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
        self.answers += 1;
        let decision = match damage {
            Some(note) => Decision::refusal(refused("30", note)),
            None => self.decide(&message, frame, kind, now, &struck).unwrap_or_else(Decision::refusal),
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
        let keys = terminal.as_ref().and_then(|terminal| terminal.keys.as_ref()).cloned();
        if has_mac
            && (approved || self.settings.switches.mac_on_declines)
            && let Some(keys) = keys
        {
            let algorithm = self.settings.switches.mac_algorithm;
            message.sign(|input| keys.field64(algorithm, input));
        }
        if signs_out && let Some(terminal) = terminal {
            terminal.keys = None;
        }
        Some(message)
    }

    /// Whether requests and answers of this kind carry field 64.
    fn has_mac(&self, kind: MessageKind) -> bool {
        match kind {
            MessageKind::Reversal | MessageKind::Signature => true,
            MessageKind::ScriptResult => self.settings.switches.mac_on_script_result,
            MessageKind::SignOut
            | MessageKind::Echo
            | MessageKind::ParameterUpload
            | MessageKind::KeyQuery
            | MessageKind::AidQuery => self.settings.switches.mac_on_management,
            _ => row(kind).is_some(),
        }
    }

    fn decide(
        &mut self,
        message: &Message,
        frame: &[u8],
        kind: MessageKind,
        now: HostTime,
        struck: &[Fault],
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
        if let Some(row) = row(kind) {
            return self.transaction(row, message, now, struck);
        }
        if let Some(code) = declined(struck) {
            return Err(refused(code, "fault: declined"));
        }
        match kind {
            MessageKind::SignIn => self.sign_in(message),
            MessageKind::SignOut => {
                check::management(message, "002")?;
                Ok(Decision { signs_out: true, ..Decision::approved() })
            }
            MessageKind::Echo => check::management(message, "301").map(|()| Decision::approved()),
            MessageKind::Reversal => self.reversal(message, now),
            MessageKind::ScriptResult => self.script_result(message, now),
            MessageKind::Signature => self.signature(message),
            MessageKind::Settlement => self.settlement(message, now, struck),
            MessageKind::BatchUpload
            | MessageKind::ChipUpload
            | MessageKind::FailureUpload
            | MessageKind::AdviceUpload
            | MessageKind::BatchEnd => self.upload(message, kind),
            _ => self.download(message, kind),
        }
    }

    fn check_mac(&mut self, message: &Message, frame: &[u8], kind: MessageKind) -> Result<(), Refused> {
        if !self.has_mac(kind) {
            return match message.field(64) {
                None => Ok(()),
                Some(_) => Err(refused("30", "field 64 in a message that has none by this host's switches")),
            };
        }
        let keys = self
            .terminal(message)
            .and_then(|terminal| terminal.keys.as_ref())
            .ok_or_else(|| refused("77", "the terminal is not signed in"))?;
        let given = message.field(64);
        let input = frame.len().checked_sub(8).and_then(|end| frame.get(ENVELOPE..end)).unwrap_or_default();
        let right = keys.field64(self.settings.switches.mac_algorithm, input);
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
        let switches = &self.settings.switches;
        let operator = check::sign_in(message, switches.algorithm)?;
        let asks_track_key = message.text(60).is_some_and(|value| value.ends_with(['4', '6']));
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
        let keys = match switches.algorithm {
            Algorithm::TripleDes => terminal.sign_in(&mut self.numbers, switches.mak, with_track_key),
            Algorithm::Sm4 => terminal.sign_in_sm4(&mut self.numbers, with_track_key),
        };
        decision.fields.insert(62, keys);
        decision.batch = Some(terminal.batch);
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

/// The code that a fault declines with.
fn declined(struck: &[Fault]) -> Option<&str> {
    struck.iter().find_map(|fault| match fault {
        Fault::Decline { code } => Some(code.as_str()),
        _ => None,
    })
}

fn terminal_of(message: &Message) -> &str {
    message.text(41).unwrap_or_default()
}
