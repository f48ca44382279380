//! The D-Bus face (design: thin shells): one task reads calls, hands them to the runner, and sends what the runner
//! says, in the runner's order.
//!
//! There is no object for a transaction: every call to one is looked up as its caller's, so an object of another user
//! is not there, and nothing lists them. Start reading at [`serve`], then `names.rs`.

mod callers;
mod names;
mod settlement;
mod values;

pub(crate) use names::NAME;

use crate::{ports::Events, run::Fault};
use callers::{Admission, Callers};
use futures_util::StreamExt;
use names::{Interface, Method, Node};
use posd_runner::Report;
use posd_terminal::{
    Amount, Answer, Call, CallError, CallId, Caller, DownloadSet, Event, HostNumbers, PrintJob, Reference,
    SettlementCall, SettlementView, SlipOf, State, TransactionId, TransactionView,
};
use posd_vault_protocol::{PasswordChange, Secret};
use std::collections::{BTreeMap, HashMap};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use values::{Dictionary, Refused};
use zbus::{
    Connection, DynamicType, MatchRule, Message, MessageStream, ObjectPath, OwnedVariant, Variant,
    message::{Flags, Type},
    names::{OwnedUniqueName, UniqueName},
};

/// What the runner tells the bus, in order.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Answer a call.
    Reply(CallId, Result<Answer, CallError>),
    /// Tell owners or everyone.
    Report(Report),
    /// The runner has stopped: nothing after this, and the daemon ends.
    Halt(String),
}

/// How the answer to a call becomes a message.
#[derive(Debug)]
enum Shape {
    /// The object's path.
    Path,
    /// A list of transactions.
    List,
    /// One property of the terminal or a transaction.
    Property(String),
    /// All properties.
    Properties,
    /// The word of a cancel.
    Cancel,
    /// The number of a print job.
    Job,
    /// Print jobs.
    Jobs,
    /// The receipt.
    Receipt,
    /// Reversals.
    Reversals,
    /// A number of rows.
    Count,
    /// Rows of the queue.
    Queue,
    /// What is left to sell offline.
    Offline,
    /// Checks.
    Checks,
    /// The operator table.
    Operators,
    /// The end of the audit chain.
    AuditHead,
    /// The transactions of a batch.
    Lines,
    /// What does not agree.
    Mismatches,
    /// A slip as data and as text.
    Slip,
    /// The object's description, if it is there.
    Introspection(Node),
    /// Nothing.
    Nothing,
}

/// A call that the runner has not answered.
#[derive(Debug)]
struct Pending {
    message: Message,
    sender: OwnedUniqueName,
    shape: Shape,
}

struct Service {
    connection: Connection,
    events: Events,
    callers: Callers,
    identified: UnboundedSender<(OwnedUniqueName, Option<u32>)>,
    pending: HashMap<CallId, Pending>,
    next_call: CallId,
    /// What owners were told last, for transactions that are not finished.
    told: HashMap<TransactionId, Dictionary>,
    terminal: Dictionary,
    /// The acquirer's, for what cashiers are told.
    help_line: String,
    /// What was told last of a settlement.
    settlement: Dictionary,
}

/// Subscriptions that must stand before the name is owned, so that no call and no disconnect is missed.
pub(crate) struct Streams {
    calls: MessageStream,
    gone: MessageStream,
}

/// Subscribes.
pub(crate) async fn subscribe(connection: &Connection) -> Result<Streams, zbus::Error> {
    let calls = MatchRule::builder().msg_type(Type::MethodCall).build()?;
    let gone = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg(2, "")
        .build()?;
    Ok(Streams {
        calls: MessageStream::for_match_rule(calls, connection, None).await?,
        gone: MessageStream::for_match_rule(gone, connection, None).await?,
    })
}

/// Serves the bus until the connection or the runner ends.
pub(crate) async fn serve(
    connection: Connection,
    mut streams: Streams,
    mut outgoing: UnboundedReceiver<Outgoing>,
    events: Events,
    help_line: String,
) -> Result<(), Fault> {
    let (identified, mut answers) = unbounded_channel();
    let mut service = Service {
        connection,
        events,
        callers: Callers::default(),
        identified,
        pending: HashMap::new(),
        next_call: 1,
        told: HashMap::new(),
        terminal: BTreeMap::new(),
        help_line,
        settlement: BTreeMap::new(),
    };
    loop {
        tokio::select! {
            biased;
            message = outgoing.recv() => match message {
                None => return Err(Fault::Runner("its channel closed".to_owned())),
                Some(Outgoing::Halt(why)) => return Err(Fault::Runner(why)),
                Some(Outgoing::Reply(id, answer)) => service.reply(id, answer).await?,
                Some(Outgoing::Report(report)) => service.report(report).await?,
            },
            Some((sender, uid)) = answers.recv() => {
                for message in service.callers.identified(sender, uid) {
                    service.call(message).await?;
                }
            }
            message = streams.gone.next() => match message {
                Some(Ok(message)) => service.gone(&message),
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Fault::BusLost),
            },
            message = streams.calls.next() => match message {
                Some(Ok(message)) => service.call(message).await?,
                Some(Err(error)) => return Err(error.into()),
                None => return Err(Fault::BusLost),
            },
        }
    }
}

impl Service {
    async fn call(&mut self, message: Message) -> Result<(), Fault> {
        let header = message.header();
        let Some(sender) = header.sender().map(|sender| OwnedUniqueName::from(sender.to_owned())) else {
            return Ok(());
        };
        let caller = match self.callers.admit(&sender, &message) {
            Admission::Admitted(caller) => caller,
            Admission::Waits => return Ok(()),
            Admission::Ask => {
                self.identify(sender);
                return Ok(());
            }
            Admission::Refused => {
                let text = "too many unanswered calls of one connection";
                return self.send_error(&message, "org.freedesktop.DBus.Error.LimitsExceeded", text).await;
            }
        };
        match self.dispatch(&message, caller) {
            Ok(Served::Asked(call, shape)) => {
                let id = self.next_call;
                self.next_call += 1;
                self.pending.insert(id, Pending { message: message.clone(), sender, shape });
                self.events.send(Event::Call { id, caller, call });
                Ok(())
            }
            Ok(Served::Introspection(node)) => {
                self.callers.answered(sender.as_str());
                self.send_reply(&message, &names::introspection(node)).await
            }
            Ok(Served::Text(text)) => {
                self.callers.answered(sender.as_str());
                self.send_reply(&message, &text).await
            }
            Ok(Served::Nothing) => {
                self.callers.answered(sender.as_str());
                self.send_reply(&message, &()).await
            }
            Err(Failure::Refused(refused)) => {
                self.callers.answered(sender.as_str());
                let name = format!("{}.{}", names::ERROR, refused.name);
                self.send_error(&message, &name, &refused.text).await
            }
            Err(Failure::Standard(name, text)) => {
                self.callers.answered(sender.as_str());
                self.send_error(&message, &format!("org.freedesktop.DBus.Error.{name}"), &text).await
            }
        }
    }

    /// Asks the bus whose a connection is, beside the loop: the answer comes in on the same socket as calls, and a
    /// loop that waited for it behind a full queue would wait for ever.
    fn identify(&self, sender: OwnedUniqueName) {
        let (connection, identified) = (self.connection.clone(), self.identified.clone());
        tokio::spawn(async move {
            let reply = connection
                .call_method(
                    Some("org.freedesktop.DBus"),
                    "/org/freedesktop/DBus",
                    Some("org.freedesktop.DBus"),
                    "GetConnectionUnixUser",
                    &sender.as_str(),
                )
                .await;
            let uid = reply.ok().and_then(|reply| reply.body().deserialize::<u32>().ok());
            // The service ends only with the process.
            let _ = identified.send((sender, uid));
        });
    }

    fn gone(&mut self, message: &Message) {
        let body = message.body();
        let Ok((name, _, _)) = body.deserialize::<(String, String, String)>() else { return };
        if let Some(connection) = self.callers.gone(&name) {
            self.events.send(Event::CallerGone(connection));
        }
    }

    async fn reply(&mut self, id: CallId, answer: Result<Answer, CallError>) -> Result<(), Fault> {
        let Some(Pending { message, sender, shape }) = self.pending.remove(&id) else { return Ok(()) };
        self.callers.answered(sender.as_str());
        let answer = match answer {
            Ok(answer) => answer,
            Err(CallError::NotFound | CallError::NoSettlement)
                if matches!(shape, Shape::Introspection(_)) =>
            {
                return self
                    .send_error(&message, "org.freedesktop.DBus.Error.UnknownObject", "no such object")
                    .await;
            }
            Err(error) => {
                let refused = Refused::from(error);
                let name = format!("{}.{}", names::ERROR, refused.name);
                return self.send_error(&message, &name, &refused.text).await;
            }
        };
        match (shape, answer) {
            (Shape::Path, Answer::Transaction(view)) => {
                let path = ObjectPath::try_from(names::transaction_path(view.id()))?;
                self.send_reply(&message, &path).await
            }
            (Shape::List, Answer::Transactions(views)) => {
                let list: Vec<Dictionary> =
                    views.iter().map(|view| values::transaction(view, &self.help_line)).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::Property(name), Answer::Transaction(view)) => {
                self.send_property(&message, &name, values::transaction(&view, &self.help_line)).await
            }
            (Shape::Path, Answer::Settlement(view)) => {
                let path = ObjectPath::try_from(settlement::path(view.record.batch))?;
                self.send_reply(&message, &path).await
            }
            (Shape::Property(name), Answer::Settlement(view)) => {
                self.send_property(&message, &name, settlement::properties(&view)).await
            }
            (Shape::Properties, Answer::Settlement(view)) => {
                self.send_reply(&message, &settlement::properties(&view)).await
            }
            (Shape::Mismatches, Answer::Mismatches(found)) => {
                self.send_reply(&message, &settlement::mismatches(&found)).await
            }
            (Shape::Lines, Answer::BatchLines(lines)) => {
                let list: Vec<Dictionary> = lines.iter().map(settlement::batch_line).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::Slip, Answer::Slip(slip)) => match settlement::slip_texts(&slip) {
                Some(texts) => self.send_reply(&message, &texts).await,
                None => {
                    let refused = Refused::from(CallError::NoReceipt);
                    let name = format!("{}.{}", names::ERROR, refused.name);
                    self.send_error(&message, &name, &refused.text).await
                }
            },
            (Shape::Property(name), Answer::Terminal(view)) => {
                self.send_property(&message, &name, values::terminal(&view)).await
            }
            (Shape::Properties, Answer::Transaction(view)) => {
                self.send_reply(&message, &values::transaction(&view, &self.help_line)).await
            }
            (Shape::Properties, Answer::Terminal(view)) => {
                self.send_reply(&message, &values::terminal(&view)).await
            }
            (Shape::Introspection(node), Answer::Transaction(_) | Answer::Settlement(_)) => {
                self.send_reply(&message, &names::introspection(node)).await
            }
            (Shape::Cancel, Answer::Cancel(answer)) => self.send_reply(&message, &answer.word()).await,
            (Shape::Job, Answer::PrintJob(job)) => self.send_reply(&message, &job.id).await,
            (Shape::Jobs, Answer::PrintJobs(jobs)) => {
                let list: Vec<_> = jobs.iter().map(values::print_job).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::Receipt, Answer::Transaction(view)) => self.send_receipt(&message, &view).await,
            (Shape::Reversals, Answer::Reversals(reversals)) => {
                let list: Vec<Dictionary> = reversals.iter().map(values::reversal).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::Count, Answer::QueueLength(left)) => self.send_reply(&message, &left).await,
            (Shape::Offline, Answer::OfflineReadiness(ready)) => {
                self.send_reply(&message, &values::offline_readiness(&ready)).await
            }
            (Shape::Queue, Answer::Queue(rows)) => {
                let list: Vec<Dictionary> = rows.iter().map(values::queue_row).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::Checks, Answer::Diagnosis(checks)) => {
                let list: Vec<_> = checks.iter().map(values::check).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::Operators, Answer::Operators(all)) => {
                let list: Vec<(&str, bool, bool)> =
                    all.iter().map(|o| (o.operator.as_str(), o.initial, o.locked_out)).collect();
                self.send_reply(&message, &list).await
            }
            (Shape::AuditHead, Answer::AuditHead(head)) => {
                let text = head.to_string();
                let hash = text.split_once(':').map_or("", |(_, hash)| hash);
                self.send_reply(&message, &(head.sequence, hash)).await
            }
            _ => self.send_reply(&message, &()).await,
        }
    }

    async fn send_property(&self, message: &Message, name: &str, all: Dictionary) -> Result<(), Fault> {
        match all.into_iter().find(|(key, _)| *key == name) {
            Some((_, value)) => self.send_reply(message, &value).await,
            None => {
                let text = format!("there is no property {:?}", values::shorten(name));
                self.send_error(message, "org.freedesktop.DBus.Error.UnknownProperty", &text).await
            }
        }
    }

    async fn send_receipt(&self, message: &Message, view: &TransactionView) -> Result<(), Fault> {
        let receipt = view.attempt.receipt.as_ref();
        let data = receipt.and_then(|receipt| serde_json::to_string(receipt).ok());
        match (receipt, data) {
            (Some(receipt), Some(data)) => {
                let lines = posd_receipt::layout(receipt, posd_receipt::Copy::Merchant, false);
                let text = posd_receipt::text(&lines);
                self.send_reply(message, &(data, text)).await
            }
            _ => {
                let refused = Refused::from(CallError::NoReceipt);
                self.send_error(message, &format!("{}.{}", names::ERROR, refused.name), &refused.text).await
            }
        }
    }

    async fn report(&mut self, report: Report) -> Result<(), Fault> {
        match report {
            Report::Terminal(view) => {
                let now = values::terminal(&view);
                let changed = changes(Some(&self.terminal), &now);
                let body = (names::TERMINAL_INTERFACE.name, changed, Vec::<&str>::new());
                let signal =
                    Message::signal(names::TERMINAL, names::PROPERTIES, "PropertiesChanged").build(&body)?;
                self.terminal = now;
                self.connection.send(&signal).await?;
            }
            Report::Transaction(view) => self.report_transaction(&view).await?,
            Report::Settlement(view) => self.report_settlement(&view).await?,
            // It is nobody's object.
            Report::PrintJob(_, PrintJob { slip: SlipOf::Initialisation, .. }) => {}
            Report::PrintJob(uid, job) => {
                let (path, interface, body) = match job.slip.settlement() {
                    None => (
                        names::transaction_path(job.transaction),
                        names::TRANSACTION_INTERFACE.name,
                        values::print_job(&job),
                    ),
                    Some((_, batch)) => (
                        settlement::path(batch),
                        names::SETTLEMENT_INTERFACE.name,
                        settlement::print_job(&job),
                    ),
                };
                self.tell(uid, &path, interface, "PrintJobChanged", &body).await?;
            }
        }
        Ok(())
    }

    async fn report_transaction(&mut self, view: &TransactionView) -> Result<(), Fault> {
        let (id, uid) = (view.id(), view.attempt.key.uid);
        let path = names::transaction_path(id);
        let now = values::transaction(view, &self.help_line);
        let body = (names::TRANSACTION_INTERFACE.name, changes(self.told.get(&id), &now), Vec::<&str>::new());
        self.tell(uid, &path, names::PROPERTIES, "PropertiesChanged", &body).await?;
        if view.state == State::Finished {
            self.told.remove(&id);
            let outcome = view.attempt.outcome.map_or("", posd_terminal::Outcome::word);
            let body = (view.sequence, outcome, values::result(view, &self.help_line));
            self.tell(uid, &path, names::TRANSACTION_INTERFACE.name, "Finished", &body).await?;
        } else {
            self.told.insert(id, now);
        }
        Ok(())
    }

    async fn report_settlement(&mut self, view: &SettlementView) -> Result<(), Fault> {
        let (uid, path) = (view.record.uid, settlement::path(view.record.batch));
        let now = settlement::properties(view);
        let known = self.settlement.get("Batch") == now.get("Batch");
        let interface = names::SETTLEMENT_INTERFACE.name;
        let changed = changes(known.then_some(&self.settlement), &now);
        let body = (interface, changed, Vec::<&str>::new());
        self.tell(uid, &path, names::PROPERTIES, "PropertiesChanged", &body).await?;
        if view.ended_now {
            let body = (view.record.sequence, settlement::outcome(view), settlement::result(view));
            self.tell(uid, &path, interface, "Finished", &body).await?;
        }
        self.settlement = now;
        Ok(())
    }

    /// Sends a signal to each connection of a user, and to nobody else.
    async fn tell<B>(
        &self,
        uid: u32,
        path: &str,
        interface: &str,
        member: &str,
        body: &B,
    ) -> Result<(), Fault>
    where
        B: serde::Serialize + DynamicType,
    {
        let mut signals = Vec::new();
        for name in self.callers.of_user(uid) {
            let destination: &UniqueName<'_> = name;
            signals.push(Message::signal(path, interface, member).destination(destination).build(body)?);
        }
        Ok(self.connection.send_all(&signals).await?)
    }

    async fn send_reply<B>(&self, to: &Message, body: &B) -> Result<(), Fault>
    where
        B: serde::Serialize + DynamicType,
    {
        if to.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED) {
            return Ok(());
        }
        let reply = Message::method_return(&to.header()).build(body)?;
        Ok(self.connection.send(&reply).await?)
    }

    async fn send_error(&self, to: &Message, name: &str, text: &str) -> Result<(), Fault> {
        if to.primary_header().flags().contains(Flags::NO_REPLY_EXPECTED) {
            return Ok(());
        }
        let reply = Message::error(&to.header(), name).build(&text)?;
        Ok(self.connection.send(&reply).await?)
    }

    /// What a call asks for. Nothing here reads or changes anything.
    fn dispatch(&self, message: &Message, caller: Caller) -> Result<Served, Failure> {
        let header = message.header();
        let path = header.path().map(|path| path.as_str()).unwrap_or_default();
        let member = header.member().map(|member| member.as_str()).unwrap_or_default();
        let node = names::node(path).ok_or_else(|| Failure::unknown_object(path))?;
        let interface = header.interface().map(|interface| interface.as_str());
        let (interface, method) = find(node, interface, member)?;
        let body = message.body();
        let expected: String = method.input.iter().map(|(_, signature)| *signature).collect();
        if body.signature().to_string_no_parens() != expected {
            let text = format!("{member} takes ({expected}), not ({})", body.signature());
            return Err(Failure::Standard("InvalidArgs", text));
        }
        match (interface.name, node) {
            (names::INTROSPECTABLE, Node::Transaction(id)) => {
                Ok(Served::Asked(Call::Get { id }, Shape::Introspection(node)))
            }
            (names::INTROSPECTABLE, Node::Settlement(batch)) => {
                let call = Call::Settlement { batch: Some(batch), asked: SettlementCall::Get };
                Ok(Served::Asked(call, Shape::Introspection(node)))
            }
            (names::INTROSPECTABLE, _) => Ok(Served::Introspection(node)),
            (names::PEER, _) => peer(member),
            (names::PROPERTIES, node) => properties(member, node, &body),
            (_, Node::Transaction(id)) => transaction_call(member, id, &body),
            (_, Node::Settlement(batch)) => settlement::call(member, batch, &body),
            _ => terminal_call(member, &body, caller),
        }
    }
}

/// What a call comes to before the runner.
enum Served {
    Asked(Call, Shape),
    Introspection(Node),
    Text(String),
    Nothing,
}

/// Why a call goes no further.
enum Failure {
    /// One of our own named errors.
    Refused(Refused),
    /// One of `org.freedesktop.DBus.Error`.
    Standard(&'static str, String),
}

impl Failure {
    fn unknown_object(path: &str) -> Failure {
        Failure::Standard("UnknownObject", format!("there is no object {:?}", values::shorten(path)))
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Failure {
        Failure::Refused(refused)
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Failure {
        Failure::Standard("InvalidArgs", error.to_string())
    }
}

/// The method a call names on a node.
fn find(
    node: Node,
    interface: Option<&str>,
    member: &str,
) -> Result<(&'static Interface, &'static Method), Failure> {
    let own: Option<&'static Interface> = match node {
        Node::Parent(_) => None,
        Node::Terminal => Some(&names::TERMINAL_INTERFACE),
        Node::Transaction(_) => Some(&names::TRANSACTION_INTERFACE),
        Node::Settlement(_) => Some(&names::SETTLEMENT_INTERFACE),
    };
    let all = own.into_iter().chain(&names::STANDARD_INTERFACES);
    let mut named = all.filter(|i| interface.is_none_or(|name| i.name == name)).peekable();
    if named.peek().is_none() {
        let text = format!("there is no interface {:?} here", values::shorten(interface.unwrap_or_default()));
        return Err(Failure::Standard("UnknownInterface", text));
    }
    named
        .find_map(|i| i.methods.iter().find(|method| method.name == member).map(|method| (i, method)))
        .ok_or_else(|| {
            Failure::Standard("UnknownMethod", format!("there is no method {:?}", values::shorten(member)))
        })
}

fn peer(member: &str) -> Result<Served, Failure> {
    if member == "Ping" {
        return Ok(Served::Nothing);
    }
    match std::fs::read_to_string("/etc/machine-id") {
        Ok(id) => Ok(Served::Text(id.trim().to_owned())),
        Err(error) => Err(Failure::Standard("FileNotFound", format!("/etc/machine-id: {error}"))),
    }
}

fn properties(member: &str, node: Node, body: &zbus::message::Body) -> Result<Served, Failure> {
    let (interface, shape) = match member {
        "Get" => {
            let (interface, property): (String, String) = body.deserialize()?;
            (interface, Shape::Property(property))
        }
        "GetAll" => (body.deserialize::<String>()?, Shape::Properties),
        _ => return Err(Failure::Standard("PropertyReadOnly", "no property can be set".to_owned())),
    };
    let (own, call) = match node {
        Node::Terminal => (names::TERMINAL_INTERFACE.name, Call::Terminal),
        Node::Transaction(id) => (names::TRANSACTION_INTERFACE.name, Call::Get { id }),
        Node::Settlement(batch) => (
            names::SETTLEMENT_INTERFACE.name,
            Call::Settlement { batch: Some(batch), asked: SettlementCall::Get },
        ),
        Node::Parent(_) => {
            return Err(Failure::Standard("UnknownInterface", "no properties here".to_owned()));
        }
    };
    // The specification lets an empty name stand for any interface.
    if interface == own || interface.is_empty() {
        Ok(Served::Asked(call, shape))
    } else {
        let text = format!("there is no interface {:?} with properties here", values::shorten(&interface));
        Err(Failure::Standard("UnknownInterface", text))
    }
}

fn reference(text: &str) -> Result<Reference, Refused> {
    Reference::new(text).ok_or_else(|| {
        Refused::new("InvalidReference", "a reference is 1 to 64 printable ASCII characters without blanks")
    })
}

/// A password argument; an empty one is typed on the PIN pad.
fn secret(password: String) -> Option<Secret> {
    (!password.is_empty()).then(|| Secret::new(password.into_bytes()))
}

/// What the supervisor says of something: its number, whether the acquirer holds it, its numbers there, the password.
fn resolution(body: &zbus::message::Body) -> Result<(u64, bool, HostNumbers, Option<Secret>), Failure> {
    let (id, booked, given, authority): (u64, bool, HashMap<String, OwnedVariant>, String) =
        body.deserialize()?;
    Ok((id, booked, values::numbers(given)?, secret(authority)))
}

fn operator_and_password(body: &zbus::message::Body) -> Result<(String, Option<Secret>), Failure> {
    let (operator, password): (String, String) = body.deserialize()?;
    Ok((operator, secret(password)))
}

fn terminal_call(member: &str, body: &zbus::message::Body, _caller: Caller) -> Result<Served, Failure> {
    let (call, shape) = match member {
        "CreateTransaction" => {
            let (name, kind, minor, code, given): (
                String,
                String,
                u64,
                String,
                HashMap<String, OwnedVariant>,
            ) = body.deserialize()?;
            let reference = reference(&name)?;
            let kind = posd_terminal::served()
                .find(|served| served.word() == kind)
                .ok_or_else(|| Refused::from(CallError::UnknownKind))?;
            let currency = values::currency(&code)?;
            let amount = match (minor, kind.row().amount) {
                (0, false) => Some(Amount::nothing(currency)),
                (_, false) => None,
                (minor, true) => Amount::new(minor, currency),
            };
            let amount = amount.ok_or_else(|| {
                Refused::new("InvalidAmount", "an amount is 1 to 999,999,999,999 minor units, or 0 for none")
            })?;
            let options = Box::new(values::options(given)?);
            (Call::Create { reference, kind, amount, options }, Shape::Path)
        }
        "NewAttempt" => {
            (Call::NewAttempt { reference: reference(&body.deserialize::<String>()?)? }, Shape::Path)
        }
        "FindTransaction" => {
            (Call::Find { reference: reference(&body.deserialize::<String>()?)? }, Shape::Path)
        }
        "GetTransaction" => (Call::Get { id: body.deserialize()? }, Shape::Path),
        "ListTransactions" => {
            let (before, limit): (u64, u32) = body.deserialize()?;
            (Call::List { before: (before != 0).then_some(before), limit }, Shape::List)
        }
        "UnacknowledgedResults" => (Call::Unacknowledged, Shape::List),
        "AcknowledgeResult" => (Call::Acknowledge { id: body.deserialize()? }, Shape::Nothing),
        "PendingReversals" => (Call::PendingReversals, Shape::Reversals),
        "Resolve" => {
            let (id, booked, numbers, authority) = resolution(body)?;
            (Call::Resolve { id, booked, numbers, authority }, Shape::Nothing)
        }
        "SignIn" => (Call::SignIn, Shape::Nothing),
        "SignOut" => (Call::SignOut, Shape::Nothing),
        "LogIn" => {
            let (operator, password) = operator_and_password(body)?;
            (Call::LogIn { operator, password }, Shape::Nothing)
        }
        "LogOut" => (Call::LogOut, Shape::Nothing),
        "Lock" => (Call::Lock, Shape::Nothing),
        "Unlock" => {
            let (operator, password) = operator_and_password(body)?;
            let operator = (!operator.is_empty()).then_some(operator);
            (Call::Unlock { operator, password }, Shape::Nothing)
        }
        "ChangePassword" => {
            let (operator, old, new): (String, String, String) = body.deserialize()?;
            let passwords = match (secret(old), secret(new)) {
                (Some(old), Some(new)) => Some(PasswordChange { old, new }),
                (None, None) => None,
                _ => {
                    return Err(Refused::new(
                        "InvalidArgument",
                        "give both passwords, or neither to have them typed",
                    )
                    .into());
                }
            };
            (Call::ChangePassword { operator, passwords }, Shape::Nothing)
        }
        "AddOperator" => {
            let (operator, authority) = operator_and_password(body)?;
            (Call::AddOperator { operator, authority }, Shape::Nothing)
        }
        "DeleteOperator" => {
            let (operator, authority) = operator_and_password(body)?;
            (Call::DeleteOperator { operator, authority }, Shape::Nothing)
        }
        "ResetPassword" => {
            let (operator, authority) = operator_and_password(body)?;
            (Call::ResetPassword { operator, authority }, Shape::Nothing)
        }
        "ListOperators" => (Call::ListOperators, Shape::Operators),
        "AuditHead" => (Call::AuditHead, Shape::AuditHead),
        "ForwardNow" => (Call::ForwardNow, Shape::Count),
        "ListQueue" => {
            let filter = values::queue_filter(&body.deserialize::<String>()?)?;
            (Call::ListQueue { filter }, Shape::Queue)
        }
        "OfflineReadiness" => (Call::OfflineReadiness, Shape::Offline),
        "RetryQueued" => (Call::RetryQueued { advice: body.deserialize()? }, Shape::Nothing),
        "ResolveQueued" => {
            let (advice, booked, numbers, authority) = resolution(body)?;
            (Call::ResolveQueued { advice, booked, numbers, authority }, Shape::Nothing)
        }
        "Download" => {
            let word: String = body.deserialize()?;
            let set = DownloadSet::from_word(&word)
                .ok_or_else(|| Refused::new("InvalidArgument", "there is no such set; see Downloads"))?;
            (Call::Download { set }, Shape::Nothing)
        }
        "Diagnose" => (Call::Diagnose, Shape::Checks),
        "Settle" => (Call::Settle, Shape::Path),
        "GetSettlement" => {
            let batch: u32 = body.deserialize()?;
            let batch = (batch != 0).then_some(batch);
            (Call::Settlement { batch, asked: SettlementCall::Get }, Shape::Path)
        }
        _ => return Err(Failure::Standard("UnknownMethod", "no such method".to_owned())),
    };
    Ok(Served::Asked(call, shape))
}

fn transaction_call(member: &str, id: TransactionId, body: &zbus::message::Body) -> Result<Served, Failure> {
    let (call, shape) = match member {
        "Start" => (Call::Start { id }, Shape::Nothing),
        "Cancel" => (Call::Cancel { id }, Shape::Cancel),
        "SelectApplication" => (Call::SelectApplication { id, index: body.deserialize()? }, Shape::Nothing),
        "Confirm" => (Call::Confirm { id }, Shape::Nothing),
        "Sign" => (Call::Sign { id, strokes: values::strokes(body)? }, Shape::Nothing),
        "PresentCode" => {
            let code = Secret::new(body.deserialize::<String>()?.into_bytes());
            (Call::PresentCode { id, code }, Shape::Nothing)
        }
        "PrintReceipt" => {
            let copy = values::copy(&body.deserialize::<String>()?)?;
            (Call::PrintReceipt { id, copy }, Shape::Job)
        }
        "PrintJobs" => (Call::PrintJobs { id }, Shape::Jobs),
        "Receipt" => (Call::Get { id }, Shape::Receipt),
        _ => return Err(Failure::Standard("UnknownMethod", "no such method".to_owned())),
    };
    Ok(Served::Asked(call, shape))
}

/// What differs from what was told before; everything where nothing was.
fn changes<'a>(
    before: Option<&Dictionary>,
    now: &'a Dictionary,
) -> BTreeMap<&'static str, &'a Variant<'static>> {
    now.iter()
        .filter(|(key, value)| before.and_then(|before| before.get(*key)) != Some(*value))
        .map(|(key, value)| (*key, value))
        .collect()
}
