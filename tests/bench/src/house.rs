//! The terminal that is measured: the real `posd` with simulated devices whose people act at once.

use futures_util::StreamExt;
use posd_client::{CreateOptions, Following, Terminal, Transaction};
use posd_simulator::{Options, Stack};
use serde_json::json;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use zbus::{Connection, MatchRule, MessageStream, message::Type};

/// The interface of the bare messages; the bus lets them pass.
pub(crate) const BARE: &str = "org.posd.Bench";

/// A running terminal and a client of it.
pub(crate) struct House {
    pub(crate) stack: Stack,
    pub(crate) terminal: Terminal,
    pub(crate) directory: TempDir,
    sold: usize,
}

impl House {
    /// Starts everything, signs in and logs in. `posd` is more of `posd.toml`; `auto` is a customer who inserts a card.
    pub(crate) async fn open(posd: &str, auto: bool) -> House {
        let directory = tempfile::Builder::new().prefix("posd-bench-").tempdir().unwrap();
        let options = Options {
            auto,
            posd: posd.to_owned(),
            bus: format!(r#"<policy context="default"><allow send_interface="{BARE}"/></policy>"#),
            ..Options::default()
        };
        let stack = Stack::start(directory.path(), &options).unwrap_or_else(|error| panic!("{error}"));
        stack.devices(json!({"pace": 0})).unwrap();
        let terminal = Terminal::on(connect(&stack.bus_address()).await);
        let house = House { stack, terminal, directory, sold: 0 };
        house.wait_until_ready().await;
        house.terminal.sign_in().await.unwrap();
        house.terminal.log_in("01", posd_simulator::module::OPERATOR_PASSWORD).await.unwrap();
        house
    }

    pub(crate) async fn wait_until_ready(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !self.terminal.state().await.unwrap().reasons.is_empty() {
            assert!(Instant::now() < end, "the terminal gets ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The journal's file.
    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.path().join("journal.db")
    }

    pub(crate) fn posd(&mut self) -> u32 {
        self.stack.posd().unwrap().id()
    }

    /// A new sale, not started, and what will be heard of it.
    pub(crate) async fn create(&mut self) -> (Transaction, Following) {
        self.sold += 1;
        let reference = format!("bench-{}", self.sold);
        let transaction = self.terminal.create(&reference, 1234, &CreateOptions::default()).await.unwrap();
        let following = transaction.follow().await.unwrap();
        (transaction, following)
    }

    /// From Start to finished; the transaction's number and how long it took.
    pub(crate) async fn sell(&mut self) -> (u64, Duration) {
        let (transaction, mut following) = self.create().await;
        let start = Instant::now();
        transaction.start().await.unwrap();
        let mut details = following.next().await.unwrap();
        while details.state != "finished" {
            details = following.next().await.unwrap();
        }
        let took = start.elapsed();
        assert_eq!(details.outcome, "approved");
        (details.id, took)
    }
}

/// A connection to a bus.
pub(crate) async fn connect(address: &str) -> Connection {
    zbus::connection::Builder::address(address).build().await.unwrap()
}

/// Every signal of a sender from here on.
pub(crate) async fn signals_of(connection: &Connection, sender: &str) -> MessageStream {
    let rule = MatchRule::builder().msg_type(Type::Signal).sender(sender).build();
    MessageStream::for_match_rule(rule.unwrap(), connection, std::num::NonZero::new(1024)).await.unwrap()
}

/// The sizes of the bodies of what has come so far, in bytes.
pub(crate) async fn heard(stream: &mut MessageStream) -> Vec<usize> {
    let mut sizes = Vec::new();
    while let Ok(message) = tokio::time::timeout(Duration::from_millis(200), stream.next()).await {
        sizes.push(message.unwrap().unwrap().body().data().len());
    }
    sizes
}
