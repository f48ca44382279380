//! The control socket: one JSON object a line, one JSON object back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::fault::Rule;
use crate::host::{DetailLine, LogEntry, Stats};
use crate::ledger::Ledger;
use crate::settlement::Totals;

/// What a test, or `posctl sim host`, asks of the host.
///
/// As JSON: `{"fault":"delay","ms":5000,"message":"sale","count":1}`, `{"clear":true}`, `{"ledger":true}`,
/// `{"stats":true}`, `{"log":true}`, `{"reset-pins":true}`, `{"keys":true}`, and:
///
/// - `{"details":true}`: the detail file, one line a booking; `"terminal":"00000001"` and `"batch":1` choose.
/// - `{"totals":{"terminal":"00000001","batch":1}}`: what a settlement of that batch has to say.
/// - `{"forget":{"terminal":"00000001","batch":1,"trace":5}}`: the host forgets a booking.
/// - `{"invent":{"terminal":"00000001","batch":1,"trace":5}}`: the host makes up another one like it.
/// - `{"pay":{"terminal":"00000001","batch":1,"trace":5}}`: the customer pays a pending wallet payment.
/// - `{"close":{"terminal":"00000001","batch":1,"trace":5}}`: a pending wallet payment ends unpaid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Command {
    /// Add a fault.
    Fault(Rule),
    /// Remove all faults.
    Clear {
        /// Always true.
        clear: bool,
    },
    /// Give the ledger.
    Ledger {
        /// Always true.
        ledger: bool,
    },
    /// Give the counters.
    Stats {
        /// Always true.
        stats: bool,
    },
    /// Give the log of requests.
    Log {
        /// Always true.
        log: bool,
    },
    /// Give the work keys in clear, by terminal number.
    Keys {
        /// Always true.
        keys: bool,
    },
    /// Give every card its PIN tries back.
    ResetPins {
        /// Always true.
        #[serde(rename = "reset-pins")]
        reset_pins: bool,
    },
    /// Give the detail file.
    Details {
        /// Always true.
        details: bool,
        /// Only this terminal.
        #[serde(skip_serializing_if = "Option::is_none")]
        terminal: Option<String>,
        /// Only this batch.
        #[serde(skip_serializing_if = "Option::is_none")]
        batch: Option<u32>,
    },
    /// Give the totals of a batch.
    Totals {
        /// The batch.
        totals: BatchName,
    },
    /// Forget a booking.
    Forget {
        /// The booking.
        forget: BookingName,
    },
    /// Make up a booking like this one.
    Invent {
        /// The booking.
        invent: BookingName,
    },
    /// A pending wallet payment is paid.
    Pay {
        /// The payment.
        pay: BookingName,
    },
    /// A pending wallet payment ends unpaid.
    Close {
        /// The payment.
        close: BookingName,
    },
}

/// What names a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchName {
    /// Terminal number (41).
    pub terminal: String,
    /// Batch number (60.2).
    pub batch: u32,
}

/// What names a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BookingName {
    /// Terminal number (41).
    pub terminal: String,
    /// Batch number (60.2).
    pub batch: u32,
    /// Trace number (11).
    pub trace: u32,
}

/// The commands that name something, as they are read.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Named {
    Totals(BatchName),
    Forget(BookingName),
    Invent(BookingName),
    Pay(BookingName),
    Close(BookingName),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    details: bool,
    terminal: Option<String>,
    batch: Option<u32>,
}

impl Command {
    /// Remove all faults.
    pub const CLEAR: Self = Self::Clear { clear: true };
    /// Give the ledger.
    pub const LEDGER: Self = Self::Ledger { ledger: true };
    /// Give the counters.
    pub const STATS: Self = Self::Stats { stats: true };
    /// Give the log of requests.
    pub const LOG: Self = Self::Log { log: true };
    /// Give the work keys.
    pub const KEYS: Self = Self::Keys { keys: true };
    /// Give every card its PIN tries back.
    pub const RESET_PINS: Self = Self::ResetPins { reset_pins: true };
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let Some(object) = value.as_object() else {
            return Err(de::Error::custom("a command is a JSON object"));
        };
        let command = if object.contains_key("fault") {
            let rule: Rule = serde_json::from_value(value.clone()).map_err(de::Error::custom)?;
            Self::Fault(rule)
        } else if object.contains_key("details") {
            let Details { details, terminal, batch } =
                serde_json::from_value(value.clone()).map_err(de::Error::custom)?;
            Self::Details { details, terminal, batch }
        } else if ["totals", "forget", "invent", "pay", "close"].iter().any(|key| object.contains_key(*key)) {
            match serde_json::from_value(value.clone()).map_err(de::Error::custom)? {
                Named::Totals(totals) => Self::Totals { totals },
                Named::Forget(forget) => Self::Forget { forget },
                Named::Invent(invent) => Self::Invent { invent },
                Named::Pay(pay) => Self::Pay { pay },
                Named::Close(close) => Self::Close { close },
            }
        } else {
            let simple = [Self::CLEAR, Self::LEDGER, Self::STATS, Self::LOG, Self::KEYS, Self::RESET_PINS];
            simple
                .into_iter()
                .find(|command| serde_json::to_value(command).is_ok_and(|known| known == value))
                .ok_or_else(|| {
                    de::Error::custom(
                        "unknown command: use fault, clear, ledger, stats, log, keys, reset-pins, details, totals, \
                         forget, invent, pay or close",
                    )
                })?
        };
        let known = serde_json::to_value(&command).map_err(de::Error::custom)?;
        match object.keys().find(|key| known.get(key.as_str()).is_none()) {
            Some(key) => Err(de::Error::custom(format!("unknown key: {key}"))),
            None => Ok(command),
        }
    }
}

/// What the host says back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// Done.
    Ok(bool),
    /// The books.
    Ledger(Ledger),
    /// The counters.
    Stats(Stats),
    /// The log of requests.
    Log(Vec<LogEntry>),
    /// PIN key and MAC key of each terminal that is signed in, hexadecimal.
    Keys(BTreeMap<String, [String; 2]>),
    /// The detail file.
    Details(Vec<DetailLine>),
    /// The totals of a batch.
    Totals(Totals),
    /// Not done, and why.
    Error(String),
}

/// Sends one command to the control socket at `path` and waits for the reply.
///
/// # Errors
/// The socket cannot be reached, or what it says is no reply. A refused command is `Reply::Error`.
pub fn send(path: &Path, command: &Command) -> Result<Reply> {
    let mut stream = UnixStream::connect(path)?;
    let mut line = serde_json::to_string(command)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    if BufReader::new(stream).read_line(&mut answer)? == 0 {
        return Err(Error::new(ErrorKind::UnexpectedEof, "the host closed its control socket"));
    }
    Ok(serde_json::from_str(&answer)?)
}
