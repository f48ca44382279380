//! The till's orders, performed on the bus; what comes of them is news. Each order is a task of its own, so nothing on
//! the screen ever waits for the bus.

use super::{
    keep::{Keeper, Kept},
    state::{News, Order},
};
use posd_client::{CreateOptions, Error, Original, Settlement, Terminal, Transaction};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, mpsc::UnboundedSender},
    task::AbortHandle,
};

/// Between looks for a terminal that is not there.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest list that the terminal gives at once.
const DAY: u32 = 200;

/// What all tasks share.
#[derive(Debug)]
struct Shared {
    news: UnboundedSender<News>,
    keeper: Keeper,
    /// The connection, made when it is first needed and again after the bus went away.
    terminal: Mutex<Option<Terminal>>,
    language: &'static str,
}

/// The till's hand on the bus.
#[derive(Debug)]
pub(crate) struct Link {
    shared: Arc<Shared>,
    following: Option<AbortHandle>,
    /// Transactions asked for so far: which note an end belongs to.
    turn: u64,
}

/// How an order ended.
enum Ended {
    Done(&'static str),
    Said(News),
    Silent,
}

impl Link {
    /// Begins to watch the terminal.
    pub(crate) fn new(news: UnboundedSender<News>, keeper: Keeper, language: &'static str) -> Link {
        let shared = Arc::new(Shared { news, keeper, terminal: Mutex::new(None), language });
        tokio::spawn(watch(shared.clone()));
        Link { shared, following: None, turn: 0 }
    }

    /// Performs an order; its news comes later.
    pub(crate) fn perform(&mut self, order: Order) {
        let follows = matches!(order, Order::Begin(_) | Order::Again(_) | Order::Resume(_) | Order::Start(_));
        if matches!(order, Order::Begin(_) | Order::Again(_)) {
            self.turn += 1;
        }
        let (shared, turn) = (self.shared.clone(), self.turn);
        let task = tokio::spawn(async move {
            let name = name(&order);
            match shared.perform(order, turn).await {
                Ok(Ended::Done(word)) => shared.tell(News::Done(word)),
                Ok(Ended::Said(news)) => shared.tell(news),
                Ok(Ended::Silent) => {}
                Err(Error::Refused { name: error, text }) => shared.tell(News::Refused(name, error, text)),
                // The watcher sees it too, and says when the terminal is back.
                Err(_) => shared.forget_connection().await,
            }
        });
        if follows && let Some(before) = self.following.replace(task.abort_handle()) {
            before.abort();
        }
    }
}

/// An order's name, for what is said of it.
fn name(order: &Order) -> &'static str {
    match order {
        Order::Begin(_) => "begin",
        Order::Again(_) => "again",
        Order::Resume(_) => "resume",
        Order::Start(_) => "start",
        Order::Close(_) => "close",
        Order::Cancel(_) => "cancel",
        Order::Confirm(_) => "confirm",
        Order::Select(..) => "select",
        Order::Print(_) => "print",
        Order::Receipt(_) => "receipt",
        Order::Day => "day",
        Order::Waiting => "waiting",
        Order::Settle | Order::FollowSettlement => "settle",
        Order::SignIn => "sign-in",
        Order::LogIn(..) => "log-in",
        Order::LogOut => "log-out",
        Order::Lock => "lock",
        Order::Unlock => "unlock",
        Order::Quit => "quit",
    }
}

impl Shared {
    fn tell(&self, news: News) {
        // The till has ended where nobody hears it.
        let _ = self.news.send(news);
    }

    async fn terminal(&self) -> Result<Terminal, Error> {
        let mut terminal = self.terminal.lock().await;
        match &*terminal {
            Some(terminal) => Ok(terminal.clone()),
            None => Ok(terminal.insert(Terminal::connect().await?).clone()),
        }
    }

    async fn forget_connection(&self) {
        *self.terminal.lock().await = None;
    }

    async fn perform(self: &Arc<Shared>, order: Order, turn: u64) -> Result<Ended, Error> {
        let terminal = match order {
            // Nothing is made under a reference that is not written down.
            Order::Begin(ref kept) | Order::Again(ref kept) => {
                if let Err(fault) = self.keep(kept.clone(), turn).await {
                    return Ok(Ended::Said(News::NotKept(fault)));
                }
                self.terminal().await?
            }
            _ => self.terminal().await?,
        };
        match order {
            Order::Begin(kept) => {
                let options = CreateOptions {
                    locale: Some(self.language.to_owned()),
                    original: kept.original.map(Original::Reference),
                    ..CreateOptions::default()
                };
                let made = terminal.create_of(&kept.kind, &kept.reference, kept.amount, &options).await?;
                return self.follow(&made, true).await;
            }
            Order::Again(kept) => {
                return self.follow(&terminal.new_attempt(&kept.reference).await?, true).await;
            }
            Order::Start(reference) => {
                return self.follow(&terminal.find(&reference).await?, true).await;
            }
            Order::Resume(reference) => match terminal.find(&reference).await {
                Ok(found) => return self.follow(&found, false).await,
                Err(error) if error.refused() == Some("NotFound") => {
                    self.forget(turn).await;
                    return Ok(Ended::Said(News::NeverMade));
                }
                Err(error) => return Err(error),
            },
            Order::Close(id) => {
                let acknowledged = match id {
                    Some(id) => terminal.acknowledge(id).await,
                    None => Ok(()),
                };
                match acknowledged {
                    Ok(()) | Err(Error::Refused { .. }) => self.forget(turn).await,
                    // It is shown once more after the next start.
                    Err(error) => return Err(error),
                }
            }
            Order::Cancel(id) => {
                if terminal.get(id).await?.cancel().await? == "too-late" {
                    return Ok(Ended::Done("too-late"));
                }
            }
            Order::Confirm(id) => terminal.get(id).await?.confirm().await?,
            Order::Select(id, index) => terminal.get(id).await?.select_application(index).await?,
            Order::Print(id) => {
                for copy in ["merchant", "cardholder"] {
                    terminal.get(id).await?.print(copy).await?;
                }
                return Ok(Ended::Done("print"));
            }
            Order::Receipt(id) => {
                let (_, text) = terminal.get(id).await?.receipt().await?;
                return Ok(Ended::Said(News::Receipt(id, text)));
            }
            Order::Day => {
                let all = terminal.list(None, DAY).await?;
                return Ok(Ended::Said(News::Day(super::of_today(all))));
            }
            Order::Waiting => {
                let rows = terminal.pending_reversals().await?;
                let row = |row: std::collections::HashMap<String, zbus::OwnedVariant>| {
                    Value::Object(row.iter().map(|(k, v)| (k.clone(), posd_client::json(v))).collect())
                };
                return Ok(Ended::Said(News::Waiting(rows.into_iter().map(row).collect())));
            }
            Order::Settle => return self.follow_settlement(&terminal.settle().await?).await,
            Order::FollowSettlement => {
                return self.follow_settlement(&terminal.settlement(None).await?).await;
            }
            Order::SignIn => {
                terminal.sign_in().await?;
                return Ok(Ended::Done("sign-in"));
            }
            Order::LogIn(operator, password) => {
                terminal.log_in(&operator, &password).await?;
                return Ok(Ended::Done("log-in"));
            }
            Order::LogOut => {
                terminal.log_out().await?;
                return Ok(Ended::Done("log-out"));
            }
            Order::Lock => {
                terminal.lock().await?;
                return Ok(Ended::Done("lock"));
            }
            Order::Unlock => {
                terminal.unlock("", "").await?;
                return Ok(Ended::Done("unlock"));
            }
            Order::Quit => {}
        }
        Ok(Ended::Silent)
    }

    async fn keep(self: &Arc<Shared>, kept: Kept, turn: u64) -> Result<(), String> {
        let shared = self.clone();
        match tokio::task::spawn_blocking(move || shared.keeper.save(&kept, turn)).await {
            Ok(saved) => saved.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn forget(self: &Arc<Shared>, turn: u64) {
        let shared = self.clone();
        // What stays is shown once more, which charges nobody.
        let _ = tokio::task::spawn_blocking(move || shared.keeper.forget(turn)).await;
    }

    /// Tells each change of a settlement until it has ended, and then its slip.
    async fn follow_settlement(&self, settlement: &Settlement) -> Result<Ended, Error> {
        let end = settlement.follow(|now| self.tell(News::Settling(Box::new(now.clone())))).await?;
        if end.state() == "finished" {
            self.tell(News::SettlementSlip(settlement.slip("totals").await?.1));
        }
        Ok(Ended::Silent)
    }

    /// Tells each change of a transaction until it has ended.
    async fn follow(&self, transaction: &Transaction, start: bool) -> Result<Ended, Error> {
        let mut following = transaction.follow().await?;
        let mut details = following.details()?;
        if start && details.state == "created" {
            match transaction.start().await {
                Err(Error::Refused { name, text }) => {
                    return Ok(Ended::Said(News::Refused("start", name, text)));
                }
                started => started?,
            }
        }
        loop {
            let ended = details.state == "finished";
            self.tell(News::Changed(Box::new(details)));
            if ended {
                return Ok(Ended::Silent);
            }
            details = following.next().await?;
        }
    }
}

/// Tells how the terminal stands, for as long as the till runs.
async fn watch(shared: Arc<Shared>) {
    loop {
        if watch_once(&shared).await.is_err() {
            shared.tell(News::Gone);
            shared.forget_connection().await;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn watch_once(shared: &Shared) -> Result<(), Error> {
    let mut watching = shared.terminal().await?.watch().await?;
    loop {
        shared.tell(News::Terminal(Box::new(watching.state()?)));
        watching.changed().await?;
    }
}
