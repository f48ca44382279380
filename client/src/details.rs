//! What the terminal tells, with types.

use crate::{Error, OptionValue};
use serde_json::Value;
use std::collections::HashMap;
use zbus::{Message, OwnedVariant, Variant};

/// The app's choices for one transaction.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// `zh-CN` or `en`; the terminal's default where absent.
    pub locale: Option<String>,
    /// Accept that a part of the amount is approved.
    pub allow_partial: bool,
    /// `Busy` instead of queueing.
    pub no_wait: bool,
    /// The app has a signature drawn on a screen, and calls [`crate::Transaction::sign`].
    pub sign_on_screen: bool,
    /// A line for the receipt, at most 60 characters.
    pub note: Option<String>,
    /// What is sold: name, quantity in thousandths, amount in minor units.
    pub goods: Vec<(String, u32, u64)>,
    /// What it follows, where its type follows another transaction.
    pub original: Option<Original>,
    /// Options that only some types have, by their key ([`crate::Kind::further`]).
    pub further: Vec<(&'static str, OptionValue)>,
}

/// How the transaction is named that another one follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Original {
    /// By the app's own reference.
    Reference(String),
    /// By the trace number on the slip (凭证号), in the present batch.
    Trace(u32),
    /// By the retrieval reference number on the slip (参考号).
    Rrn(String),
    /// As the host's records have it, where it is not in the terminal's journal; the supervisor is asked.
    External(External),
}

/// An original that is not in the terminal's journal. A refund needs its reference number, what follows a
/// pre-authorisation its authorisation code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct External {
    /// The host's date, MMDD.
    pub date: String,
    /// Retrieval reference number, 12 characters.
    pub rrn: Option<String>,
    /// Authorisation code, 6 characters.
    pub authorisation_code: Option<String>,
    /// Batch number.
    pub batch: Option<u32>,
    /// Trace number.
    pub trace: Option<u32>,
}

impl External {
    fn put<'a>(&'a self, values: &mut HashMap<&'static str, Variant<'a>>) {
        values.insert("original-date", Variant::from(self.date.as_str()));
        let texts = [("original-rrn", &self.rrn), ("original-authorisation-code", &self.authorisation_code)];
        for (key, value) in texts {
            if let Some(value) = value {
                values.insert(key, Variant::from(value.as_str()));
            }
        }
        for (key, value) in [("original-batch", self.batch), ("original-trace", self.trace)] {
            if let Some(value) = value {
                values.insert(key, Variant::from(value));
            }
        }
    }
}

impl CreateOptions {
    pub(crate) fn values(&self) -> HashMap<&'static str, Variant<'_>> {
        let mut values = HashMap::new();
        if let Some(locale) = &self.locale {
            values.insert("locale", Variant::from(locale.as_str()));
        }
        if let Some(note) = &self.note {
            values.insert("note", Variant::from(note.as_str()));
        }
        if !self.goods.is_empty() {
            values.insert("goods", Variant::from(self.goods.clone()));
        }
        match &self.original {
            Some(Original::Reference(reference)) => {
                values.insert("original", Variant::from(reference.as_str()));
            }
            Some(Original::Trace(trace)) => {
                values.insert("original-trace", Variant::from(*trace));
            }
            Some(Original::Rrn(rrn)) => {
                values.insert("original-rrn", Variant::from(rrn.as_str()));
            }
            Some(Original::External(external)) => external.put(&mut values),
            None => {}
        }
        for (key, value) in &self.further {
            let value = match value {
                OptionValue::Text(text) => Variant::from(text.as_str()),
                OptionValue::Number(number) => Variant::from(*number),
                OptionValue::Money(minor) => Variant::from(*minor),
            };
            values.insert(*key, value);
        }
        if self.allow_partial {
            values.insert("allow-partial", Variant::from(true));
        }
        if self.sign_on_screen {
            values.insert("sign-on-screen", Variant::from(true));
        }
        if self.no_wait {
            values.insert("no-wait", Variant::from(true));
        }
        values
    }
}

/// A code that the customer is to pay with, as text; empty where there is none. `Debug` shows none of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Code(String);

impl From<&str> for Code {
    fn from(text: &str) -> Code {
        Code(text.to_owned())
    }
}

impl Code {
    /// The text to draw as a QR code.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(…)")
    }
}

/// A transaction as its owner sees it. The words are those of the interface XML.
#[derive(Debug)]
pub struct Details {
    /// Its number.
    pub id: u64,
    /// The app's name for the sale.
    pub reference: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// Its type's word; see [`crate::KINDS`].
    pub kind: String,
    /// What to charge, in minor units.
    pub amount: u64,
    /// ISO 4217 alphabetic code of the amount.
    pub currency: String,
    /// Where it stands.
    pub state: String,
    /// Counts changes upwards.
    pub sequence: u64,
    /// What the people at the till should do.
    pub prompt: String,
    /// The same as text, by language.
    pub prompt_texts: HashMap<String, String>,
    /// When the step ends by itself, milliseconds since 1970 UTC; 0 for never.
    pub deadline: i64,
    /// Place in the queue from 1, or 0.
    pub queue_position: u32,
    /// Digits in the PIN prompt.
    pub pin_digits: u8,
    /// Applications to choose from.
    pub candidates: Vec<String>,
    /// The code to draw for the customer, in state `waiting-code` of a `qr-show`.
    pub code: Code,
    /// The outcome, empty until it is known.
    pub outcome: String,
    /// Everything about the outcome.
    pub result: HashMap<String, OwnedVariant>,
}

/// A value of the bus as JSON. Numbers of 64 bits stay numbers.
pub fn json(value: &Variant<'_>) -> Value {
    match value {
        Variant::U8(number) => (*number).into(),
        Variant::Bool(word) => (*word).into(),
        Variant::I16(number) => (*number).into(),
        Variant::U16(number) => (*number).into(),
        Variant::I32(number) => (*number).into(),
        Variant::U32(number) => (*number).into(),
        Variant::I64(number) => (*number).into(),
        Variant::U64(number) => (*number).into(),
        Variant::F64(number) => (*number).into(),
        Variant::Str(text) => text.as_str().into(),
        Variant::ObjectPath(path) => path.as_str().into(),
        Variant::Variant(inner) => json(inner),
        Variant::Array(items) => items.iter().map(json).collect(),
        Variant::Structure(fields) => fields.fields().iter().map(json).collect(),
        Variant::Dict(entries) => entries
            .iter()
            .map(|(key, value)| match json(key) {
                Value::String(key) => (key, json(value)),
                key => (key.to_string(), json(value)),
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Variant::Signature(_) | Variant::Fd(_) => Value::Null,
    }
}

fn text(value: &OwnedVariant) -> Option<String> {
    match &**value {
        Variant::Str(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

struct Properties(HashMap<String, OwnedVariant>);

impl Properties {
    fn take<T: TryFrom<OwnedVariant>>(&mut self, name: &'static str) -> Result<T, Error> {
        let value = self.0.remove(name).ok_or(Error::Answer(name))?;
        T::try_from(value).map_err(|_| Error::Answer(name))
    }
}

impl Details {
    pub(crate) fn from_properties(properties: HashMap<String, OwnedVariant>) -> Result<Details, Error> {
        let mut properties = Properties(properties);
        Ok(Details {
            id: properties.take("Id")?,
            reference: properties.take("Reference")?,
            attempt: properties.take("Attempt")?,
            kind: properties.take("Kind")?,
            amount: properties.take("Amount")?,
            currency: properties.take("Currency")?,
            state: properties.take("State")?,
            sequence: properties.take("Sequence")?,
            prompt: properties.take("Prompt")?,
            prompt_texts: properties.take("PromptText")?,
            deadline: properties.take("Deadline")?,
            queue_position: properties.take("QueuePosition")?,
            pin_digits: properties.take("PinDigits")?,
            candidates: properties.take("Candidates")?,
            code: Code(properties.take("Code")?),
            outcome: properties.take("Outcome")?,
            result: properties.take("Result")?,
        })
    }

    pub(crate) fn many(reply: &Message) -> Result<Vec<Details>, Error> {
        let all: Vec<HashMap<String, OwnedVariant>> = reply.body().deserialize()?;
        all.into_iter().map(Details::from_properties).collect()
    }

    /// All of it as JSON: each property by its name in lower case with dashes, `result` as on the bus.
    pub fn json(&self) -> Value {
        let result: serde_json::Map<_, _> =
            self.result.iter().map(|(key, value)| (key.clone(), json(value))).collect();
        serde_json::json!({
            "id": self.id,
            "reference": self.reference,
            "attempt": self.attempt,
            "kind": self.kind,
            "amount": self.amount,
            "currency": self.currency,
            "state": self.state,
            "sequence": self.sequence,
            "prompt": self.prompt,
            "prompt-text": self.prompt_texts,
            "deadline": self.deadline,
            "queue-position": self.queue_position,
            "pin-digits": self.pin_digits,
            "candidates": self.candidates,
            "code": self.code.reveal(),
            "outcome": self.outcome,
            "result": result,
        })
    }

    /// The prompt's text in a language; empty where there is none.
    pub fn prompt_text(&self, language: &str) -> &str {
        self.prompt_texts.get(language).map_or("", String::as_str)
    }

    /// A string of the result, such as `rrn` or `cause`.
    pub fn result_text(&self, key: &str) -> Option<String> {
        self.result.get(key).and_then(text)
    }

    /// A number of the result, such as `trace` or `charged`.
    pub fn result_number(&self, key: &str) -> Option<u64> {
        match self.result.get(key).map(|value| &**value) {
            Some(Variant::U32(number)) => Some(u64::from(*number)),
            Some(Variant::U64(number)) => Some(*number),
            _ => None,
        }
    }

    /// A yes or no of the result, such as `try-again`; no where it says nothing.
    pub fn result_flag(&self, key: &str) -> bool {
        matches!(self.result.get(key).map(|value| &**value), Some(Variant::Bool(true)))
    }

    /// The balance in minor units, negative where the cardholder owes it, of a balance inquiry.
    pub fn balance(&self) -> Option<i64> {
        match self.result.get("balance").map(|value| &**value) {
            Some(Variant::I64(balance)) => Some(*balance),
            _ => None,
        }
    }

    /// Whether it has ended, or waits for [`crate::Terminal::resolve`] and goes on with nothing else.
    pub fn is_over(&self) -> bool {
        self.state == "finished" || (self.state == "resolving" && self.prompt == "resolve-by-hand")
    }

    /// Whether the customer has been charged.
    pub fn is_charged(&self) -> bool {
        matches!(self.outcome.as_str(), "approved" | "approved-offline" | "partially-approved")
    }
}

/// One line of a diagnosis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub code: String,
    /// Whether it is good.
    pub good: bool,
    /// How it is.
    pub detail: String,
    /// The cause in plain words, by language.
    pub cause: HashMap<String, String>,
    /// What to do, by language; empty texts where there is nothing to do.
    pub action: HashMap<String, String>,
}

/// A print job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// `merchant` or `cardholder`.
    pub copy: String,
    /// It carries the reprint mark.
    pub reprint: bool,
    /// `queued`, `printing`, `needs-paper`, `done` or `failed`.
    pub state: String,
}

/// The terminal's properties.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TerminalState {
    /// `ready`, `busy` or `out-of-service`.
    pub state: String,
    /// Why it is out of service.
    pub reasons: Vec<String>,
    /// The same with what to do, a line each, by language.
    pub reason_texts: HashMap<String, String>,
    /// Merchant name.
    pub merchant_name: String,
    /// Merchant number.
    pub merchant: String,
    /// Terminal number.
    pub terminal: String,
    /// The acquirer's help line, or empty.
    pub help_line: String,
    /// The operator logged in, or empty.
    pub operator: String,
    /// The screen is locked.
    pub locked: bool,
    /// Signed in at the host.
    pub signed_in: bool,
    /// Batch number.
    pub batch: u32,
    /// Reversals not answered.
    pub pending_reversals: u32,
    /// Refunds without an answer that the supervisor has not resolved.
    pub unresolved_refunds: u32,
    /// Rows of the queue that the host has still to take.
    pub queue_length: u32,
    /// Advices that the host did not take.
    pub needs_action: u32,
    /// The host's processing requirement digit.
    pub host_requirement: u8,
    /// The host wants another release of the daemon.
    pub update_requested: bool,
    /// The daemon may be replaced now.
    pub update_safe: bool,
    /// Every set that can be downloaded.
    pub downloads: Vec<Download>,
    /// The daemon's version.
    pub version: String,
}

/// How a set that can be downloaded stands. The words are those of the interface XML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Which.
    pub set: String,
    /// How it stands.
    pub stage: String,
    /// Entries that have come.
    pub done: u32,
    /// Entries that the host has listed.
    pub total: u32,
    /// When the set in force was whole, milliseconds since 1970; 0 for never.
    pub taken: i64,
    /// Why the last try failed, or empty.
    pub fault: String,
}

impl TerminalState {
    /// All of it as JSON, each property by its name in lower case with dashes.
    pub fn json(&self) -> Value {
        serde_json::json!({
            "state": self.state,
            "reasons": self.reasons,
            "merchant-name": self.merchant_name,
            "merchant-number": self.merchant,
            "terminal-number": self.terminal,
            "help-line": self.help_line,
            "operator": self.operator,
            "locked": self.locked,
            "signed-in": self.signed_in,
            "batch-number": self.batch,
            "unresolved-refunds": self.unresolved_refunds,
            "pending-reversal-count": self.pending_reversals,
            "host-requirement": self.host_requirement,
            "version": self.version,
        })
    }

    pub(crate) fn from_properties(
        properties: &HashMap<String, OwnedVariant>,
    ) -> Result<TerminalState, Error> {
        let copies = properties.iter().map(|(key, value)| Ok((key.clone(), value.try_clone()?)));
        let mut properties = Properties(copies.collect::<Result<_, zbus::Error>>()?);
        let downloads: Vec<(String, String, u32, u32, i64, String)> = properties.take("Downloads")?;
        Ok(TerminalState {
            state: properties.take("State")?,
            reasons: properties.take("Reasons")?,
            reason_texts: properties.take("ReasonTexts")?,
            merchant_name: properties.take("MerchantName")?,
            merchant: properties.take("MerchantNumber")?,
            terminal: properties.take("TerminalNumber")?,
            help_line: properties.take("HelpLine")?,
            operator: properties.take("Operator")?,
            locked: properties.take("Locked")?,
            signed_in: properties.take("SignedIn")?,
            batch: properties.take("BatchNumber")?,
            pending_reversals: properties.take("PendingReversalCount")?,
            unresolved_refunds: properties.take("UnresolvedRefundCount")?,
            queue_length: properties.take("QueueLength")?,
            needs_action: properties.take("NeedsActionCount")?,
            host_requirement: properties.take("HostRequirement")?,
            update_requested: properties.take("UpdateRequested")?,
            update_safe: properties.take("UpdateSafe")?,
            downloads: downloads
                .into_iter()
                .map(|(set, stage, done, total, taken, fault)| Download {
                    set,
                    stage,
                    done,
                    total,
                    taken,
                    fault,
                })
                .collect(),
            version: properties.take("Version")?,
        })
    }
}
