//! The line to the acquirer: one connection for each exchange, so that a late answer finds nobody. Where the first
//! address cannot be reached the second is tried, and no message ever goes to both.

use crate::ports::Events;
use posd_terminal::{Event, ExchangeId, HostResult};
use posd_vault_protocol::Secret;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc::UnboundedReceiver,
    task::JoinHandle,
};
use zeroize::Zeroizing;

/// The longest answer taken, in bytes; a host that announces more is not believed.
const LONGEST_ANSWER: usize = 4096;

/// What the runner wants of the line.
pub(crate) enum Command {
    /// Send this frame (without its length prefix) and listen.
    Send(ExchangeId, Secret),
    /// The exchange is over.
    Close(ExchangeId),
}

/// How long the first address is left alone once another had to serve in its place.
const BACK_TO_FIRST: Duration = Duration::from_secs(300);

/// The addresses of the host, and which one is tried first.
#[derive(Debug)]
struct Hosts {
    addresses: Vec<String>,
    /// The one that served last in the first one's place, and since when.
    other: Mutex<Option<(usize, Instant)>>,
}

impl Hosts {
    /// The places in the order of trying.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.addresses.len()).collect();
        let other = self.other.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((place, since)) = *other
            && since.elapsed() < BACK_TO_FIRST
        {
            order.retain(|one| *one != place);
            order.insert(0, place);
        }
        order
    }

    /// A place serves.
    fn serves(&self, place: usize) {
        let mut other = self.other.lock().unwrap_or_else(PoisonError::into_inner);
        match *other {
            _ if place == 0 => *other = None,
            Some((known, _)) if known == place => {}
            _ => {
                log::warn!("the host is reached at {} now", self.addresses[place]);
                *other = Some((place, Instant::now()));
            }
        }
    }
}

/// Serves the runner until it ends.
pub(crate) async fn serve(
    addresses: Vec<String>,
    connect_timeout: Duration,
    mut commands: UnboundedReceiver<Command>,
    events: Events,
) {
    let hosts = Arc::new(Hosts { addresses, other: Mutex::new(None) });
    let mut open: HashMap<ExchangeId, JoinHandle<()>> = HashMap::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Send(id, frame) => {
                let task = exchange(Arc::clone(&hosts), connect_timeout, id, frame, events.clone());
                open.insert(id, tokio::spawn(task));
            }
            Command::Close(id) => {
                if let Some(task) = open.remove(&id) {
                    task.abort();
                }
            }
        }
    }
}

async fn exchange(
    hosts: Arc<Hosts>,
    connect_timeout: Duration,
    id: ExchangeId,
    frame: Secret,
    events: Events,
) {
    let Ok(length) = u16::try_from(frame.expose().len()) else {
        return events.send(Event::Host(id, HostResult::NotSent));
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 + frame.expose().len()));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(frame.expose());
    for place in hosts.order() {
        let connected = TcpStream::connect(&hosts.addresses[place]);
        let Ok(Ok(stream)) = tokio::time::timeout(connect_timeout, connected).await else { continue };
        // Small messages, each waited for: nothing is gained by holding them back. Unset, it is only slower.
        let _ = stream.set_nodelay(true);
        let (mut reader, mut writer) = stream.into_split();
        match write(&mut writer, &bytes).await {
            // Rule 1: only where no byte reached the socket is there nothing to reverse, and another address may have
            // the message. Once a byte has, nobody else ever gets it.
            Written::Nothing => continue,
            Written::Part => return events.send(Event::Host(id, HostResult::Lost)),
            Written::All => {}
        }
        hosts.serves(place);
        drop(bytes);
        while let Some(answer) = read_frame(&mut reader).await {
            events.send(Event::Host(id, HostResult::Answer(answer)));
        }
        return events.send(Event::Host(id, HostResult::Lost));
    }
    events.send(Event::Host(id, HostResult::NotSent));
}

/// How much of a message the socket has taken.
enum Written {
    Nothing,
    Part,
    All,
}

async fn write(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> Written {
    let mut written = 0;
    while written < bytes.len() {
        match writer.write(&bytes[written..]).await {
            Ok(count) if count > 0 => written += count,
            _ if written == 0 => return Written::Nothing,
            _ => return Written::Part,
        }
    }
    Written::All
}

async fn read_frame(reader: &mut OwnedReadHalf) -> Option<Secret> {
    let length = usize::from(reader.read_u16().await.ok()?);
    if length > LONGEST_ANSWER {
        return None;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await.ok()?;
    Some(Secret::new(body))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use tokio::{net::TcpListener, sync::mpsc::unbounded_channel};

    /// A host that reads one message of each connection, and answers it or hangs up.
    async fn host(answers: bool) -> (TcpListener, String, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address, answers)
    }

    /// Serves until it is aborted; counts the messages that came.
    fn run((listener, _, answers): (TcpListener, String, bool)) -> (JoinHandle<()>, Arc<Mutex<usize>>) {
        let count = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut frame = [0; 4];
                if stream.read_exact(&mut frame).await.is_ok() {
                    *counted.lock().unwrap() += 1;
                }
                if answers {
                    stream.write_all(&frame).await.unwrap();
                }
            }
        });
        (task, count)
    }

    /// What comes of one message.
    async fn outcome(
        commands: &tokio::sync::mpsc::UnboundedSender<Command>,
        received: &mut UnboundedReceiver<Event>,
        id: ExchangeId,
    ) -> &'static str {
        assert!(commands.send(Command::Send(id, Secret::new(b"hi".to_vec()))).is_ok());
        loop {
            match received.recv().await {
                Some(Event::Host(of, result)) if of == id => {
                    let _ = commands.send(Command::Close(id));
                    return match result {
                        HostResult::Answer(_) => "answer",
                        HostResult::NotSent => "not-sent",
                        HostResult::Lost => "lost",
                    };
                }
                Some(_) => {}
                None => panic!("the link has ended"),
            }
        }
    }

    #[tokio::test]
    async fn rule_1_a_message_that_reached_the_first_host_never_goes_to_the_second() {
        let (first, second) = (host(false).await, host(true).await);
        let addresses = vec![first.1.clone(), second.1.clone()];
        let (first, second) = (run(first), run(second));
        let (events, mut received) = Events::new();
        let (commands, queue) = unbounded_channel();
        tokio::spawn(serve(addresses, Duration::from_secs(2), queue, events));
        assert_eq!(outcome(&commands, &mut received, 1).await, "lost");
        assert_eq!((*first.1.lock().unwrap(), *second.1.lock().unwrap()), (1, 0));
        // Gone, it has had no byte of the next message: the second host may have it, and serves from then on.
        first.0.abort();
        let _ = first.0.await;
        assert_eq!(outcome(&commands, &mut received, 2).await, "answer");
        assert_eq!(outcome(&commands, &mut received, 3).await, "answer");
        assert_eq!((*first.1.lock().unwrap(), *second.1.lock().unwrap()), (1, 2));
        second.0.abort();
        let _ = second.0.await;
        assert_eq!(outcome(&commands, &mut received, 4).await, "not-sent");
    }

    #[test]
    fn the_first_address_is_tried_first_again_after_a_while() {
        let hosts = |since: Instant| Hosts {
            addresses: vec!["a".to_owned(), "b".to_owned()],
            other: Mutex::new(Some((1, since))),
        };
        let now = Instant::now();
        assert_eq!(hosts(now).order(), [1, 0]);
        if let Some(long_ago) = now.checked_sub(BACK_TO_FIRST) {
            assert_eq!(hosts(long_ago).order(), [0, 1]);
        }
        let hosts = hosts(now);
        hosts.serves(0);
        assert_eq!(hosts.order(), [0, 1]);
    }
}
