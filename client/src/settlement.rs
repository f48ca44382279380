//! Settlements: the end of a batch.

use crate::{Error, NAME, PROPERTIES, Terminal, json};
use futures_util::StreamExt;
use serde_json::{Map, Value};
use std::collections::HashMap;
use zbus::{
    Connection, MatchRule, Message, MessageStream, ObjectPath, OwnedObjectPath, OwnedVariant, message::Type,
};

/// The settlement interface.
pub const SETTLEMENT: &str = "org.posd.Terminal1.Settlement";

/// The settlement of one batch.
#[derive(Debug, Clone)]
pub struct Settlement {
    connection: Connection,
    path: OwnedObjectPath,
}

/// One line of the host's detail file: trace number, the host's word for the type, minor units, RRN.
pub type DetailLine = (u32, String, u64, String);

/// A settlement as it stands: its properties, with the words of the interface XML.
#[derive(Debug, Clone, PartialEq)]
pub struct SettlementDetails(pub Map<String, Value>);

impl SettlementDetails {
    /// 批次号.
    pub fn batch(&self) -> u64 {
        self.number(&["Batch"])
    }

    /// `running`, `waiting`, `finished` or `failed`.
    pub fn state(&self) -> &str {
        self.text(&["State"])
    }

    /// How far it is.
    pub fn step(&self) -> &str {
        self.text(&["Step"])
    }

    /// Rows that are done with, and rows to upload.
    pub fn progress(&self) -> (u64, u64) {
        (self.number(&["Progress", "0"]), self.number(&["Progress", "1"]))
    }

    /// `balanced`, `half-balanced` or `unbalanced`; empty until the host has compared.
    pub fn outcome(&self) -> &str {
        self.text(&["Result", "outcome"])
    }

    /// What does not agree.
    pub fn mismatches(&self) -> &[Value] {
        self.0.get("Mismatches").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether it has ended, one way or the other.
    pub fn is_over(&self) -> bool {
        matches!(self.state(), "finished" | "failed")
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.0.get(*first)?, |value, key| match value {
            Value::Array(all) => all.get(key.parse::<usize>().ok()?),
            value => value.get(*key),
        })
    }

    /// The text at a path of keys; empty where there is none.
    pub fn text(&self, path: &[&str]) -> &str {
        self.at(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// The number at a path of keys; 0 where there is none.
    pub fn number(&self, path: &[&str]) -> u64 {
        self.at(path).and_then(Value::as_u64).unwrap_or_default()
    }

    /// The list at a path of keys; empty where there is none.
    pub fn list(&self, path: &[&str]) -> &[Value] {
        self.at(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

fn object(all: HashMap<String, OwnedVariant>) -> Map<String, Value> {
    all.into_iter().map(|(key, value)| (key, json(&value))).collect()
}

impl Terminal {
    /// Settles the batch, or finds the settlement that is under way. Everything older is delivered first.
    ///
    /// # Errors
    /// As `Settle` documents.
    pub async fn settle(&self) -> Result<Settlement, Error> {
        let reply = self.call("Settle", &()).await?;
        self.settlement_at(&reply)
    }

    /// The settlement of a batch; the latest where none is given.
    ///
    /// # Errors
    /// As `GetSettlement` documents.
    pub async fn settlement(&self, batch: Option<u32>) -> Result<Settlement, Error> {
        let reply = self.call("GetSettlement", &batch.unwrap_or(0)).await?;
        self.settlement_at(&reply)
    }

    fn settlement_at(&self, reply: &Message) -> Result<Settlement, Error> {
        let path: OwnedObjectPath = reply.body().deserialize()?;
        Ok(Settlement { connection: self.connection().clone(), path })
    }
}

impl Settlement {
    /// Its object's path.
    pub fn path(&self) -> &ObjectPath<'_> {
        &self.path
    }

    async fn call<B>(&self, method: &str, body: &B) -> Result<Message, Error>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        Ok(self.connection.call_method(Some(NAME), &*self.path, Some(SETTLEMENT), method, body).await?)
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn details(&self) -> Result<SettlementDetails, Error> {
        let reply = self
            .connection
            .call_method(Some(NAME), &*self.path, Some(PROPERTIES), "GetAll", &SETTLEMENT)
            .await?;
        Ok(SettlementDetails(object(reply.body().deserialize()?)))
    }

    /// Follows it to its end; `progress` sees it at first and after each change. The caller must be of the user who
    /// called [`Terminal::settle`].
    ///
    /// # Errors
    /// [`Error::Gone`] when the daemon goes away: the settlement goes on when it is back.
    pub async fn follow(
        &self,
        mut progress: impl FnMut(&SettlementDetails),
    ) -> Result<SettlementDetails, Error> {
        let rule = MatchRule::builder().msg_type(Type::Signal).path(&*self.path).build()?;
        let gone = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, NAME)
            .build()?;
        let mut signals = MessageStream::for_match_rule(rule, &self.connection, None).await?;
        let mut gone = MessageStream::for_match_rule(gone, &self.connection, None).await?;
        loop {
            let details = self.details().await?;
            progress(&details);
            if details.is_over() {
                return Ok(details);
            }
            tokio::select! {
                biased;
                // Whoever sent it: what counts is what the terminal answers.
                signal = signals.next() => drop(signal.ok_or(Error::Gone)??),
                _ = gone.next() => return Err(Error::Gone),
            }
        }
    }

    /// The journal's own list of its batch.
    ///
    /// # Errors
    /// As `Lines` documents.
    pub async fn lines(&self) -> Result<Vec<Map<String, Value>>, Error> {
        let reply = self.call("Lines", &()).await?;
        let lines: Vec<HashMap<String, OwnedVariant>> = reply.body().deserialize()?;
        Ok(lines.into_iter().map(object).collect())
    }

    /// Matches the host's detail file with the journal; what does not agree.
    ///
    /// # Errors
    /// As `MatchDetails` documents.
    pub async fn match_details(&self, lines: &[DetailLine]) -> Result<Vec<Map<String, Value>>, Error> {
        let reply = self.call("MatchDetails", &lines).await?;
        let found: Vec<HashMap<String, OwnedVariant>> = reply.body().deserialize()?;
        Ok(found.into_iter().map(object).collect())
    }

    /// The slip `totals` or `details`, as data and as text.
    ///
    /// # Errors
    /// As `Slip` documents.
    pub async fn slip(&self, what: &str) -> Result<(posd_receipt::Slip, String), Error> {
        let reply = self.call("Slip", &what).await?;
        let (data, text): (String, String) = reply.body().deserialize()?;
        Ok((serde_json::from_str(&data).map_err(|_| Error::Answer("slip"))?, text))
    }

    /// Prints the slip `totals` or `details`; the job's number.
    ///
    /// # Errors
    /// As `Print` documents.
    pub async fn print(&self, what: &str) -> Result<u64, Error> {
        Ok(self.call("Print", &what).await?.body().deserialize()?)
    }
}
