//! The self-test: at the start, on demand, and as the reasons for being out of service. A reason goes as it came, when
//! what it names is mended.

use crate::{
    call::{Answer as CallAnswer, CallError, CallId, Check},
    event::{Effect, Note, Timer},
    exchange::{End, Purpose},
    sets::{Blacklist, DownloadSet},
    state::words,
    terminal::{Asked, JournalState, Terminal},
};
use posd_emv::date::Date;
use posd_vault_protocol::{DeviceState, Reply, Request as VaultRequest, Status};
use serde::{Deserialize, Serialize};

words! {
    /// How the receipt printer is, as far as it can be asked.
    PrinterCondition {
        /// None is configured.
        None = "none",
        /// It is there, and has paper as far as it can tell.
        Ready = "ready",
        /// It has no paper, or its cover is open.
        NeedsPaper = "needs-paper",
        /// It cannot be reached.
        Missing = "missing",
        /// It does not answer.
        Mute = "mute",
    }
}

/// What the daemon finds of what it holds itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Bytes free where the journal lies; `None` where that cannot be told.
    pub free_bytes: Option<u64>,
    /// The printer; `None` where it was not asked.
    pub printer: Option<PrinterCondition>,
}

/// Wait between two looks at the daemon's own facts while all is well, in milliseconds.
const LOOK: u64 = 600_000;
/// The same while one of them keeps the terminal out of service.
const LOOK_SOON: u64 = 10_000;
/// Least bytes free for the journal; with less nothing is sold. A year's transactions of a busy till are about this.
const MINIMUM_FREE: u64 = 16 << 20;
/// Below so many times the least space, a diagnosis says that it is low.
const LOW: u64 = 4;
/// A CA key that ends within so many days is told.
const EXPIRING_DAYS: i64 = 30;

impl Terminal {
    /// The first look at the daemon's own facts.
    pub(crate) fn first_look(&mut self) {
        self.effect(Effect::Measure { printer: true });
    }

    /// Time to look again, at what keeps the terminal out of service only.
    pub(crate) fn look_again(&mut self) {
        self.effect(Effect::Measure { printer: false });
    }

    pub(crate) fn measured(&mut self, facts: Facts) {
        self.facts.free_bytes = facts.free_bytes;
        if facts.printer.is_some() {
            self.facts.printer = facts.printer;
        }
        let soon = self.space_fault() == Some("full") || self.clock_fault().is_some();
        self.effect(Effect::SetTimer(Timer::Look, if soon { LOOK_SOON } else { LOOK }));
        for call in std::mem::take(&mut self.measuring) {
            self.diagnose_host(call);
        }
    }

    /// What is wrong with the space for the journal; a stable word.
    pub(crate) fn space_fault(&self) -> Option<&'static str> {
        match self.facts.free_bytes? {
            free if free < MINIMUM_FREE => Some("full"),
            free if free < MINIMUM_FREE * LOW => Some("low"),
            _ => None,
        }
    }

    /// How the CA keys stand, as a stable word: each provider whose applications are accepted needs one.
    fn certificates(&self) -> (bool, &'static str) {
        let card = &self.in_force.card;
        let local = self.now.local;
        let today = Date::new(local.year, local.month, local.day);
        let mut expiring = false;
        for application in &card.applications {
            let provider = application.aid.get(..5).unwrap_or_default();
            let keys = || card.authority_keys.iter().filter(|key| key.authority() == provider);
            if keys().next().is_none() {
                return (false, "missing");
            }
            let good = |key: &&posd_emv::configuration::AuthorityKey| match (key.expires(), today) {
                (Some(last), Some(today)) => today <= last,
                _ => true,
            };
            if !keys().any(|key| good(&key)) {
                return (false, "expired");
            }
            expiring |= keys().filter(good).any(|key| {
                key.expires().zip(today).is_some_and(|(last, today)| days(last) - days(today) < EXPIRING_DAYS)
            });
        }
        if expiring { (false, "expiring") } else { (true, "ready") }
    }

    pub(crate) fn call_diagnose(&mut self, call: CallId) -> Result<Option<CallAnswer>, CallError> {
        if self.is_selling() {
            return Err(CallError::Busy);
        }
        if self.vault.is_some() {
            self.ask(Asked::Diagnosis(call), VaultRequest::Status, 0);
        } else {
            self.diagnose_devices(call);
        }
        Ok(None)
    }

    pub(crate) fn diagnosis_reply(&mut self, call: CallId, reply: Reply) {
        if let Reply::Status(status) = reply {
            self.vault = Some(status);
        }
        self.diagnose_devices(call);
    }

    pub(crate) fn diagnose_devices(&mut self, call: CallId) {
        self.measuring.push(call);
        self.effect(Effect::Measure { printer: true });
    }

    /// An echo takes a trace number, which a damaged journal cannot keep: then the line is left alone.
    fn diagnose_host(&mut self, call: CallId) {
        if self.journal == JournalState::Bad {
            self.diagnosed(call, false, "unchecked".to_owned());
        } else {
            self.wanted.push_back(Purpose::Echo(Some(call)));
        }
    }

    pub(crate) fn echo_answered(&mut self, call: Option<CallId>, end: End) {
        let Some(call) = call else { return };
        let (good, detail) = match end {
            End::Answered(answer) if answer.response_code() == "00" => (true, "ready".to_owned()),
            End::Answered(answer) => (false, answer.response_code().to_owned()),
            End::NotSent => (false, "unreachable".to_owned()),
            end => (false, end.word()),
        };
        self.diagnosed(call, good, detail);
    }

    fn diagnosed(&mut self, call: CallId, good: bool, detail: String) {
        let mut checks = self.checks();
        checks.push(Check { code: "host", good, detail });
        self.effect(Effect::Reply(call, Ok(CallAnswer::Diagnosis(checks))));
    }

    /// Every check but the host's.
    fn checks(&self) -> Vec<Check> {
        let mut checks = self.vault_checks();
        checks.extend(self.scanner.map(|state| Check::device("scanner", state)));
        let mut tell =
            |code, good, detail: &str| checks.push(Check { code, good, detail: detail.to_owned() });
        let (printer, paper) = match self.facts.printer {
            Some(PrinterCondition::NeedsPaper) => ("ready", "needs-paper"),
            Some(PrinterCondition::Ready) => ("ready", "ready"),
            Some(other) => (other.word(), "unchecked"),
            None => ("none", "unchecked"),
        };
        tell("printer", matches!(printer, "ready" | "none"), printer);
        tell("paper", paper != "needs-paper", paper);
        match self.journal {
            JournalState::Good => tell("journal", true, "ready"),
            JournalState::Checking => tell("journal", false, "checking"),
            JournalState::Bad => tell("journal", false, "faulty"),
        }
        match self.space_fault() {
            Some(fault) => tell("space", false, fault),
            None if self.facts.free_bytes.is_none() => tell("space", true, "unchecked"),
            None => tell("space", true, "ready"),
        }
        match self.clock_fault() {
            Some(fault) => tell("clock", false, fault),
            None => tell("clock", true, "ready"),
        }
        let (good, certificates) = self.certificates();
        tell("certificates", good, certificates);
        match (&self.in_force.blacklist, self.in_force.of(DownloadSet::Blacklist)) {
            (Blacklist::Open(_), _) => tell("blacklist", true, "ready"),
            (Blacklist::Closed, _) => tell("blacklist", false, "closed"),
            (Blacklist::None, _) => tell("blacklist", true, "none"),
        }
        checks
    }

    /// The secure module's devices and keys. A work key's check value must be the one of the sign-in.
    fn vault_checks(&self) -> Vec<Check> {
        let missing = |code| Check { code, good: false, detail: "missing".to_owned() };
        let key = |code, value: Option<[u8; 3]>, expected: Option<[u8; 3]>| match value {
            Some(value) if expected.is_some_and(|expected| expected != value) => {
                Check { code, good: false, detail: "mismatch".to_owned() }
            }
            Some([a, b, c]) => Check { code, good: true, detail: format!("{a:02X}{b:02X}{c:02X}") },
            None => missing(code),
        };
        let Some(status) = &self.vault else { return vec![missing("secure-module")] };
        let [pin, mac] = self.device.work_keys.map_or([None; 2], |values| values.map(Some));
        let mut checks =
            vec![Check::device("secure-module", DeviceState::Ready), Check::device("reader", status.reader)];
        // Where no card is taken without contact nobody misses the reader.
        if self.in_force.card.contactless.is_some() {
            checks.push(Check::device("contactless", status.contactless));
        }
        if self.profile().stripe.accepted {
            checks.push(Check::device("stripe-reader", status.stripe_reader));
        }
        checks.extend([
            Check::device("pin-pad", status.pin_pad),
            Check::device(
                "storage-key",
                if status.storage_key { DeviceState::Ready } else { DeviceState::Missing },
            ),
            key("master-key", self.master_key(status), None),
            key("pin-key", status.pin_key, pin),
            key("mac-key", status.mac_key, mac),
        ]);
        checks
    }

    /// The check value of the terminal master key; none where there is none, or it is of another algorithm than the
    /// profile's.
    pub(crate) fn master_key(&self, status: &Status) -> Option<[u8; 3]> {
        status.master_key.filter(|_| status.algorithm == self.key_algorithm())
    }

    /// Why nothing can be sold now; empty when it can. Each is the code of a check that is not good, but for
    /// `journal-checking`.
    pub(crate) fn reasons(&self) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        match self.journal {
            JournalState::Checking => reasons.push("journal-checking"),
            JournalState::Bad => reasons.push("journal"),
            JournalState::Good => {}
        }
        match &self.vault {
            None => reasons.push("secure-module"),
            Some(status) => {
                if status.reader != DeviceState::Ready {
                    reasons.push("reader");
                }
                if !status.storage_key {
                    reasons.push("storage-key");
                }
                if self.master_key(status).is_none() {
                    reasons.push("master-key");
                }
                if matches!(self.in_force.blacklist, Blacklist::Closed) {
                    reasons.push("blacklist");
                }
            }
        }
        if self.space_fault() == Some("full") {
            reasons.push("space");
        }
        if self.clock_fault().is_some() {
            reasons.push("clock");
        }
        reasons
    }

    /// The checks behind the reasons, for whoever tells people.
    pub(crate) fn reason_checks(&self, reasons: &[&'static str]) -> Vec<Check> {
        let code = |reason: &&'static str| if *reason == "journal-checking" { "journal" } else { *reason };
        let codes: Vec<&str> = reasons.iter().map(code).collect();
        self.checks().into_iter().filter(|check| codes.contains(&check.code)).collect()
    }

    /// Says in the log what changed about being in service.
    pub(crate) fn note_service(&mut self, reasons: &[&'static str]) {
        if self.noted_reasons.as_deref() != Some(reasons) {
            self.noted_reasons = Some(reasons.to_vec());
            self.effect(Effect::Note(Note::Service(reasons.to_vec())));
        }
    }
}

/// Days since some day long ago; months count as 31 days, which is near enough for a warning.
fn days(date: Date) -> i64 {
    (i64::from(date.year()) * 12 + i64::from(date.month())) * 31 + i64::from(date.day())
}

#[cfg(test)]
mod tests;
