//! The line to the acquirer: one connection for each exchange, so that a late answer finds nobody.

use crate::ports::Events;
use posd_terminal::{Event, ExchangeId, HostResult};
use posd_vault_protocol::Secret;
use std::{collections::HashMap, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, tcp::OwnedReadHalf},
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

/// Serves the runner until it ends.
pub(crate) async fn serve(
    address: String,
    connect_timeout: Duration,
    mut commands: UnboundedReceiver<Command>,
    events: Events,
) {
    let mut open: HashMap<ExchangeId, JoinHandle<()>> = HashMap::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Send(id, frame) => {
                let task = exchange(address.clone(), connect_timeout, id, frame, events.clone());
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

async fn exchange(address: String, connect_timeout: Duration, id: ExchangeId, frame: Secret, events: Events) {
    let connected = tokio::time::timeout(connect_timeout, TcpStream::connect(&address)).await;
    let Ok(Ok(stream)) = connected else {
        return events.send(Event::Host(id, HostResult::NotSent));
    };
    // Small messages, each waited for: nothing is gained by holding them back. If it cannot be set it is only slower.
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let Ok(length) = u16::try_from(frame.expose().len()) else {
        return events.send(Event::Host(id, HostResult::NotSent));
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 + frame.expose().len()));
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(frame.expose());
    let mut written = 0;
    while written < bytes.len() {
        match writer.write(&bytes[written..]).await {
            Ok(count) if count > 0 => written += count,
            // Rule 1: only where no byte reached the socket is there nothing to reverse.
            _ if written == 0 => return events.send(Event::Host(id, HostResult::NotSent)),
            _ => return events.send(Event::Host(id, HostResult::Lost)),
        }
    }
    drop(bytes);
    while let Some(answer) = read_frame(&mut reader).await {
        events.send(Event::Host(id, HostResult::Answer(answer)));
    }
    events.send(Event::Host(id, HostResult::Lost));
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
