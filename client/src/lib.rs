//! A typed client of `org.posd.Terminal1`.
//!
//! What it is for: storefront apps in Rust, and `posctl`. It adds nothing to the interface but types.
//!
//! What it never does: it keeps no state of its own about money. What a transaction is, the terminal says.
//!
//! Start reading at [`Terminal`], then [`Transaction::sell`].
//!
//! ```no_run
//! # async fn shop() -> Result<(), posd_client::Error> {
//! let terminal = posd_client::Terminal::connect().await?;
//! let transaction = terminal.create("order-2026-0001", 1234, &Default::default()).await?;
//! let end = transaction.sell(|change| println!("{}", change.prompt_text("en"))).await?;
//! println!("{}: {}", end.outcome, end.result_text("rrn").unwrap_or_default());
//! terminal.acknowledge(end.id).await?;
//! # Ok(()) }
//! ```

mod details;
mod kinds;
mod operators;
mod queue;
mod resolve;
mod settlement;

pub use details::{
    Check, Code, CreateOptions, Details, Download, External, Job, Original, TerminalState, json,
};
pub use kinds::{AmountOf, Further, KINDS, Kind, OptionType, OptionValue, kind};
pub use operators::{AuditHead, Operator};
pub use queue::QueueRow;
pub use resolve::HostNumbers;
pub use settlement::{DetailLine, SETTLEMENT, Settlement, SettlementDetails};

use futures_util::StreamExt;
use std::collections::HashMap;
use zbus::{
    Connection, MatchRule, Message, MessageStream, ObjectPath, OwnedObjectPath, OwnedVariant, Variant,
    message::Type, names::OwnedUniqueName,
};

/// The bus name.
pub const NAME: &str = "org.posd.Terminal1";
/// The terminal's object.
pub const PATH: &str = "/org/posd/Terminal1";
/// The transaction interface.
pub const TRANSACTION: &str = "org.posd.Terminal1.Transaction";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// What can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal refused: the last part of `org.posd.Error.NAME`, and what it says.
    #[error("{name}: {text}")]
    Refused {
        /// The error's name.
        name: String,
        /// What it says.
        text: String,
    },
    /// The terminal is not on the bus: `posd` does not run, or this user may not talk to it.
    #[error("the terminal is not there: {0}")]
    Absent(String),
    /// The bus.
    #[error("the bus: {0}")]
    Bus(zbus::Error),
    /// The daemon went away while a transaction ran. Find it again by its reference: its outcome is kept.
    #[error("the terminal went away; ask again with the same reference")]
    Gone,
    /// The terminal answered something this client does not know.
    #[error("the terminal's answer is not understood: {0}")]
    Answer(&'static str),
}

impl From<zbus::Error> for Error {
    fn from(error: zbus::Error) -> Error {
        let zbus::Error::MethodError(name, text, _) = &error else { return Error::Bus(error) };
        let text = text.clone().unwrap_or_default();
        if let Some(name) = name.as_str().strip_prefix("org.posd.Error.") {
            return Error::Refused { name: name.to_owned(), text };
        }
        match name.as_str() {
            "org.freedesktop.DBus.Error.NoReply" => Error::Gone,
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner"
            | "org.freedesktop.DBus.Error.AccessDenied" => Error::Absent(text),
            _ => Error::Bus(error),
        }
    }
}

impl Error {
    /// The error's name where the terminal refused.
    pub fn refused(&self) -> Option<&str> {
        match self {
            Error::Refused { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The seconds left where the terminal refused with `LockedOut`.
    pub fn seconds_left(&self) -> Option<u32> {
        match self {
            Error::Refused { name, text } if name == "LockedOut" => {
                text.strip_suffix(" s")?.rsplit(' ').next()?.parse().ok()
            }
            _ => None,
        }
    }
}

/// The terminal.
#[derive(Debug, Clone)]
pub struct Terminal {
    connection: Connection,
}

impl Terminal {
    /// Connects to the system bus.
    ///
    /// # Errors
    /// [`Error::Absent`] where there is no bus. Whether the terminal is there shows at the first call.
    pub async fn connect() -> Result<Terminal, Error> {
        let connection = Connection::system().await.map_err(|error| Error::Absent(error.to_string()))?;
        Ok(Terminal { connection })
    }

    /// Uses a connection that is there.
    pub fn on(connection: Connection) -> Terminal {
        Terminal { connection }
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    async fn call<B>(&self, method: &str, body: &B) -> Result<Message, Error>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        Ok(self.connection.call_method(Some(NAME), PATH, Some(NAME), method, body).await?)
    }

    /// Makes or finds a sale of `amount` minor units of CNY.
    ///
    /// # Errors
    /// As `CreateTransaction` documents.
    pub async fn create(
        &self,
        reference: &str,
        amount: u64,
        options: &CreateOptions,
    ) -> Result<Transaction, Error> {
        self.create_of("sale", reference, amount, options).await
    }

    /// Makes or finds a transaction of a type, such as `void`, over `amount` minor units of CNY (0 for
    /// `balance-inquiry`).
    ///
    /// # Errors
    /// As `CreateTransaction` documents.
    pub async fn create_of(
        &self,
        kind: &str,
        reference: &str,
        amount: u64,
        options: &CreateOptions,
    ) -> Result<Transaction, Error> {
        let reply =
            self.call("CreateTransaction", &(reference, kind, amount, "CNY", options.values())).await?;
        self.transaction(&reply)
    }

    /// Opens the next attempt of a sale.
    ///
    /// # Errors
    /// As `NewAttempt` documents.
    pub async fn new_attempt(&self, reference: &str) -> Result<Transaction, Error> {
        let reply = self.call("NewAttempt", &reference).await?;
        self.transaction(&reply)
    }

    /// The latest attempt of a sale.
    ///
    /// # Errors
    /// As `FindTransaction` documents.
    pub async fn find(&self, reference: &str) -> Result<Transaction, Error> {
        let reply = self.call("FindTransaction", &reference).await?;
        self.transaction(&reply)
    }

    /// A transaction by its number.
    ///
    /// # Errors
    /// As `GetTransaction` documents.
    pub async fn get(&self, id: u64) -> Result<Transaction, Error> {
        let reply = self.call("GetTransaction", &id).await?;
        self.transaction(&reply)
    }

    fn transaction(&self, reply: &Message) -> Result<Transaction, Error> {
        let path: OwnedObjectPath = reply.body().deserialize()?;
        Ok(Transaction { connection: self.connection.clone(), path })
    }

    /// The caller's transactions, newest first.
    ///
    /// # Errors
    /// As `ListTransactions` documents.
    pub async fn list(&self, before: Option<u64>, limit: u32) -> Result<Vec<Details>, Error> {
        let reply = self.call("ListTransactions", &(before.unwrap_or(0), limit)).await?;
        Details::many(&reply)
    }

    /// Final results that no app has acknowledged, oldest first.
    ///
    /// # Errors
    /// As `UnacknowledgedResults` documents.
    pub async fn unacknowledged(&self) -> Result<Vec<Details>, Error> {
        let reply = self.call("UnacknowledgedResults", &()).await?;
        Details::many(&reply)
    }

    /// Acknowledges a final result.
    ///
    /// # Errors
    /// As `AcknowledgeResult` documents.
    pub async fn acknowledge(&self, id: u64) -> Result<(), Error> {
        self.call("AcknowledgeResult", &id).await.map(drop)
    }

    /// Signs the terminal in at the host.
    ///
    /// # Errors
    /// As `SignIn` documents.
    pub async fn sign_in(&self) -> Result<(), Error> {
        self.call("SignIn", &()).await.map(drop)
    }

    /// Signs the terminal out.
    ///
    /// # Errors
    /// As `SignOut` documents.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.call("SignOut", &()).await.map(drop)
    }

    /// Logs an operator in; an empty password has it typed on the PIN pad.
    ///
    /// # Errors
    /// As `LogIn` documents.
    pub async fn log_in(&self, operator: &str, password: &str) -> Result<(), Error> {
        self.call("LogIn", &(operator, password)).await.map(drop)
    }

    /// Logs the operator out.
    ///
    /// # Errors
    /// As `LogOut` documents.
    pub async fn log_out(&self) -> Result<(), Error> {
        self.call("LogOut", &()).await.map(drop)
    }

    /// Asks for a download; [`TerminalState::downloads`] tells how it goes.
    ///
    /// # Errors
    /// As `Download` documents.
    pub async fn download(&self, set: &str) -> Result<(), Error> {
        self.call("Download", &set).await.map(drop)
    }

    /// Checks devices, keys, journal and host.
    ///
    /// # Errors
    /// As `Diagnose` documents.
    pub async fn diagnose(&self) -> Result<Vec<Check>, Error> {
        let reply = self.call("Diagnose", &()).await?;
        type Texts = HashMap<String, String>;
        let checks: Vec<(String, bool, String, Texts, Texts)> = reply.body().deserialize()?;
        let check = |(code, good, detail, cause, action)| Check { code, good, detail, cause, action };
        Ok(checks.into_iter().map(check).collect())
    }

    /// Reversals that the host has not answered, each as its dictionary.
    ///
    /// # Errors
    /// As `PendingReversals` documents.
    pub async fn pending_reversals(&self) -> Result<Vec<HashMap<String, OwnedVariant>>, Error> {
        Ok(self.call("PendingReversals", &()).await?.body().deserialize()?)
    }

    /// Watches the terminal's properties from here on.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn watch(&self) -> Result<Watching, Error> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .path(PATH)
            .interface(PROPERTIES)
            .member("PropertiesChanged")
            .build()?;
        let signals = MessageStream::for_match_rule(rule, &self.connection, None).await?;
        let (owner, gone) = owner(&self.connection).await?;
        let reply = self.connection.call_method(Some(NAME), PATH, Some(PROPERTIES), "GetAll", &NAME).await?;
        Ok(Watching { signals, gone, owner, properties: reply.body().deserialize()? })
    }

    /// The terminal's properties.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn state(&self) -> Result<TerminalState, Error> {
        let reply = self.connection.call_method(Some(NAME), PATH, Some(PROPERTIES), "GetAll", &NAME).await?;
        TerminalState::from_properties(&reply.body().deserialize()?)
    }
}

/// The terminal's properties as they change.
#[derive(Debug)]
pub struct Watching {
    signals: MessageStream,
    gone: MessageStream,
    owner: OwnedUniqueName,
    properties: HashMap<String, OwnedVariant>,
}

impl Watching {
    /// How it stands as far as heard.
    ///
    /// # Errors
    /// [`Error::Answer`].
    pub fn state(&self) -> Result<TerminalState, Error> {
        TerminalState::from_properties(&self.properties)
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// [`Error::Gone`] when the daemon goes away.
    pub async fn changed(&mut self) -> Result<(), Error> {
        loop {
            tokio::select! {
                biased;
                _ = self.gone.next() => return Err(Error::Gone),
                signal = self.signals.next() => {
                    let signal = signal.ok_or(Error::Gone)??;
                    let sender = signal.header().sender().map(|sender| sender.as_str().to_owned());
                    if sender.as_deref() == Some(self.owner.as_str()) {
                        let body = signal.body();
                        let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                            body.deserialize()?;
                        self.properties.extend(changed);
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The owner of the terminal's name now, and a stream that speaks when that changes.
async fn owner(connection: &Connection) -> Result<(OwnedUniqueName, MessageStream), Error> {
    const BUS: &str = "org.freedesktop.DBus";
    let gone = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)
        .interface(BUS)
        .member("NameOwnerChanged")
        .arg(0, NAME)
        .build()?;
    let gone = MessageStream::for_match_rule(gone, connection, None).await?;
    let owner =
        connection.call_method(Some(BUS), "/org/freedesktop/DBus", Some(BUS), "GetNameOwner", &NAME).await?;
    Ok((owner.body().deserialize()?, gone))
}

/// One attempt at one sale.
#[derive(Debug, Clone)]
pub struct Transaction {
    connection: Connection,
    path: OwnedObjectPath,
}

impl Transaction {
    /// Its object's path.
    pub fn path(&self) -> &ObjectPath<'_> {
        &self.path
    }

    async fn call<B>(&self, method: &str, body: &B) -> Result<Message, Error>
    where
        B: serde::Serialize + zbus::DynamicType,
    {
        Ok(self.connection.call_method(Some(NAME), &*self.path, Some(TRANSACTION), method, body).await?)
    }

    /// How it stands.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn details(&self) -> Result<Details, Error> {
        let reply = self
            .connection
            .call_method(Some(NAME), &*self.path, Some(PROPERTIES), "GetAll", &TRANSACTION)
            .await?;
        Details::from_properties(reply.body().deserialize()?)
    }

    /// Starts or queues it.
    ///
    /// # Errors
    /// As `Start` documents.
    pub async fn start(&self) -> Result<(), Error> {
        self.call("Start", &()).await.map(drop)
    }

    /// Cancels it: `accepted`, `too-late` or `not-found`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn cancel(&self) -> Result<String, Error> {
        Ok(self.call("Cancel", &()).await?.body().deserialize()?)
    }

    /// Chooses an application.
    ///
    /// # Errors
    /// As `SelectApplication` documents.
    pub async fn select_application(&self, index: u32) -> Result<(), Error> {
        self.call("SelectApplication", &index).await.map(drop)
    }

    /// Confirms the application or the signature.
    ///
    /// # Errors
    /// As `Confirm` documents.
    pub async fn confirm(&self) -> Result<(), Error> {
        self.call("Confirm", &()).await.map(drop)
    }

    /// Hands over the signature that the cardholder drew on a screen: points (x, y) of each stroke in a box of 256 by 96.
    ///
    /// # Errors
    /// As `Sign` documents.
    pub async fn sign(&self, strokes: &[Vec<(u8, u8)>]) -> Result<(), Error> {
        self.call("Sign", &strokes).await.map(drop)
    }

    /// Hands over the customer's payment code, in state `waiting-code` of a `qr-scan`.
    ///
    /// # Errors
    /// As `PresentCode` documents.
    pub async fn present_code(&self, code: &str) -> Result<(), Error> {
        self.call("PresentCode", &code).await.map(drop)
    }

    /// Prints a copy, `merchant` or `cardholder`; the job's number.
    ///
    /// # Errors
    /// As `PrintReceipt` documents.
    pub async fn print(&self, copy: &str) -> Result<u64, Error> {
        Ok(self.call("PrintReceipt", &copy).await?.body().deserialize()?)
    }

    /// Its print jobs.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn print_jobs(&self) -> Result<Vec<Job>, Error> {
        let reply = self.call("PrintJobs", &()).await?;
        let jobs: Vec<(u64, String, bool, String)> = reply.body().deserialize()?;
        Ok(jobs.into_iter().map(|(id, copy, reprint, state)| Job { id, copy, reprint, state }).collect())
    }

    /// The slip as data and as text.
    ///
    /// # Errors
    /// As `Receipt` documents.
    pub async fn receipt(&self) -> Result<(posd_receipt::Receipt, String), Error> {
        let reply = self.call("Receipt", &()).await?;
        let (data, text): (String, String) = reply.body().deserialize()?;
        let receipt = serde_json::from_str(&data).map_err(|_| Error::Answer("receipt"))?;
        Ok((receipt, text))
    }

    /// Follows it from here on. Subscribe before [`Transaction::start`], so that no change is missed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn follow(&self) -> Result<Following, Error> {
        let rule = MatchRule::builder().msg_type(Type::Signal).path(&*self.path).build()?;
        let signals = MessageStream::for_match_rule(rule, &self.connection, None).await?;
        let (owner, gone) = owner(&self.connection).await?;
        let properties = self
            .connection
            .call_method(Some(NAME), &*self.path, Some(PROPERTIES), "GetAll", &TRANSACTION)
            .await?;
        Ok(Following { signals, gone, owner, properties: properties.body().deserialize()? })
    }

    /// Starts it and follows it to its end, or until it waits for [`Terminal::resolve`]; `progress` sees each change. Where it has started or ended already it is
    /// followed from where it stands, so this is safe to call again after any fault.
    ///
    /// # Errors
    /// As `Start` documents, and [`Error::Gone`].
    pub async fn sell(&self, mut progress: impl FnMut(&Details)) -> Result<Details, Error> {
        let mut following = self.follow().await?;
        let mut details = following.details()?;
        if details.state == "created" {
            self.start().await?;
        }
        while !details.is_over() {
            details = following.next().await?;
            progress(&details);
        }
        Ok(details)
    }
}

/// The changes of one transaction.
#[derive(Debug)]
pub struct Following {
    signals: MessageStream,
    gone: MessageStream,
    owner: OwnedUniqueName,
    properties: HashMap<String, OwnedVariant>,
}

impl Following {
    /// How it stands as far as heard.
    ///
    /// # Errors
    /// [`Error::Answer`].
    pub fn details(&self) -> Result<Details, Error> {
        let copies = self.properties.iter().map(|(key, value)| Ok((key.clone(), value.try_clone()?)));
        Details::from_properties(copies.collect::<Result<_, zbus::Error>>()?)
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// [`Error::Gone`] when the daemon goes away.
    pub async fn next(&mut self) -> Result<Details, Error> {
        loop {
            tokio::select! {
                biased;
                signal = self.signals.next() => {
                    let signal = signal.ok_or(Error::Gone)??;
                    if self.take(&signal)? {
                        return self.details();
                    }
                }
                _ = self.gone.next() => return Err(Error::Gone),
            }
        }
    }

    /// Takes a `PropertiesChanged` of the terminal itself, nobody else's.
    fn take(&mut self, signal: &Message) -> Result<bool, Error> {
        let header = signal.header();
        let from_terminal = header.sender().is_some_and(|sender| sender.as_str() == self.owner.as_str());
        if !from_terminal || header.member().is_none_or(|member| member.as_str() != "PropertiesChanged") {
            return Ok(false);
        }
        let body = signal.body();
        let (_, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) = body.deserialize()?;
        let number = |values: &HashMap<String, OwnedVariant>| match values.get("Sequence").map(|v| &**v) {
            Some(Variant::U64(sequence)) => *sequence,
            _ => 0,
        };
        if number(&changed) <= number(&self.properties) {
            return Ok(false);
        }
        self.properties.extend(changed);
        Ok(true)
    }
}
