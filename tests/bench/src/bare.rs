//! The least that a sale can cost: its commits as bare writes with fdatasync, its messages as bare messages, in order,
//! on the same file system and the same bus.

use crate::house::{BARE, connect, signals_of};
use futures_util::StreamExt;
use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};
use zbus::{Connection, MatchRule, Message, MessageStream, message::Type};

/// The file is written round and round, as SQLite's log is.
const FILE: u64 = 2 << 20;

/// What one sale does.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The bytes of each commit.
    pub(crate) commits: Vec<usize>,
    /// The bytes of each signal's body.
    pub(crate) signals: Vec<usize>,
}

/// Client and server of bare sales.
pub(crate) struct Bare {
    client: Connection,
    server: String,
    signals: MessageStream,
    expected: usize,
}

impl Bare {
    /// Starts the server, in a thread of its own.
    pub(crate) async fn start(address: &str, directory: &Path, plan: Plan) -> Bare {
        let file =
            File::options().create(true).truncate(true).write(true).open(directory.join("bare")).unwrap();
        file.write_all_at(&vec![0; FILE as usize], 0).unwrap();
        file.sync_all().unwrap();
        let expected = plan.signals.len();
        let (named, name) = std::sync::mpsc::channel();
        let bus = address.to_owned();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let connection = connect(&bus).await;
                let calls = MatchRule::builder().msg_type(Type::MethodCall).build();
                let calls = MessageStream::for_match_rule(calls.unwrap(), &connection, None).await.unwrap();
                named.send(connection.unique_name().unwrap().to_string()).unwrap();
                serve(&connection, calls, &file, &plan).await;
            });
        });
        let server = name.recv().unwrap();
        let client = connect(address).await;
        let signals = signals_of(&client, &server).await;
        Bare { client, server, signals, expected }
    }

    /// One bare sale; how long it took.
    pub(crate) async fn sell(&mut self) -> Duration {
        let start = Instant::now();
        self.client.call_method(Some(self.server.as_str()), "/", Some(BARE), "Run", &()).await.unwrap();
        for _ in 0..self.expected {
            self.signals.next().await.unwrap().unwrap();
        }
        start.elapsed()
    }
}

/// Each commit is followed by its share of the signals; the reply comes after the first, as that of Start does.
async fn serve(connection: &Connection, mut calls: MessageStream, file: &File, plan: &Plan) {
    let longest = plan.commits.iter().copied().max().unwrap_or(0);
    let bytes = vec![0x5A; longest];
    let share = plan.signals.len().div_ceil(plan.commits.len().max(1));
    let mut at = 0;
    while let Some(Ok(call)) = calls.next().await {
        let header = call.header();
        let caller = header.sender().unwrap();
        let mut signals = plan.signals.chunks(share.max(1));
        for (index, size) in plan.commits.iter().enumerate() {
            if at + *size as u64 > FILE {
                at = 0;
            }
            file.write_all_at(&bytes[..*size], at).unwrap();
            file.sync_data().unwrap();
            at += *size as u64;
            if index == 0 {
                connection.send(&Message::method_return(&header).build(&()).unwrap()).await.unwrap();
            }
            for size in signals.next().unwrap_or_default() {
                let body = vec![0_u8; size.saturating_sub(4)];
                let signal = Message::signal("/", BARE, "Told").destination(caller).build(&body);
                connection.send(&signal.unwrap()).await.unwrap();
            }
        }
    }
}
