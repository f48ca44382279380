//! The socket to the secure module: kept open, made again when it is lost.

use crate::ports::Events;
use posd_terminal::Event;
use posd_vault_protocol::{Decoder, FromVault, Numbered, Reply, Request, VERSION, encode};
use std::{path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::mpsc::UnboundedReceiver,
};
use zeroize::Zeroizing;

/// How long to wait before the next try to connect: the module is started with the daemon and comes back by itself.
const RETRY: Duration = Duration::from_millis(500);

/// The number of the greeting; the runner's own numbers start at 1.
const GREETING: u32 = u32::MAX;

/// What the runner wants of the link.
pub(crate) enum Command {
    /// Ask this.
    Ask(u32, Request),
    /// Close the connection and make a new one.
    Reset,
}

/// Serves the runner until it ends.
pub(crate) async fn serve(path: PathBuf, mut commands: UnboundedReceiver<Command>, events: Events) {
    loop {
        match UnixStream::connect(&path).await {
            Ok(stream) => match talk(stream, &mut commands, &events).await {
                End::RunnerGone => return,
                End::Lost { was_up } => {
                    if was_up {
                        log::warn!("the secure module is gone");
                        events.send(Event::VaultDown);
                    }
                }
            },
            Err(error) => log::debug!("{}: {error}", path.display()),
        }
        tokio::time::sleep(RETRY).await;
        // What the runner asked of the lost connection, before it knew, is not asked of the next one.
        while let Ok(command) = commands.try_recv() {
            drop(command);
        }
    }
}

enum End {
    RunnerGone,
    Lost { was_up: bool },
}

async fn talk(stream: UnixStream, commands: &mut UnboundedReceiver<Command>, events: &Events) -> End {
    let (mut reader, mut writer) = stream.into_split();
    let mut was_up = false;
    let greeting = Numbered { id: GREETING, body: Request::Hello { version: VERSION } };
    let Ok(greeting) = encode(&greeting) else { return End::Lost { was_up } };
    if writer.write_all(&greeting).await.is_err() {
        return End::Lost { was_up };
    }
    let mut decoder = Decoder::default();
    let mut buffer = Zeroizing::new([0; 4096]);
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return End::RunnerGone,
                Some(Command::Reset) => return End::Lost { was_up: false },
                Some(Command::Ask(id, body)) => {
                    let Ok(bytes) = encode(&Numbered { id, body }) else { return End::Lost { was_up } };
                    if writer.write_all(&bytes).await.is_err() {
                        return End::Lost { was_up };
                    }
                }
            },
            read = reader.read(&mut buffer[..]) => {
                let Ok(count) = read else { return End::Lost { was_up } };
                if count == 0 {
                    return End::Lost { was_up };
                }
                decoder.push(&buffer[..count]);
                loop {
                    match decoder.take::<FromVault>() {
                        Ok(Some(message)) => match heard(message) {
                            Some(event) => {
                                was_up |= matches!(event, Event::VaultUp(_));
                                events.send(event);
                            }
                            None => return End::Lost { was_up },
                        },
                        Ok(None) => break,
                        Err(error) => {
                            log::error!("the secure module sends what cannot be read: {error}");
                            return End::Lost { was_up };
                        }
                    }
                }
            }
        }
    }
}

/// The event of a message; `None` where the greeting is refused.
fn heard(message: FromVault) -> Option<Event> {
    match message {
        FromVault::Reply(Numbered { id: GREETING, body: Reply::Status(status) }) => {
            Some(Event::VaultUp(status))
        }
        FromVault::Reply(Numbered { id: GREETING, body }) => {
            log::error!("the secure module does not take this daemon: {body:?}");
            None
        }
        FromVault::Reply(Numbered { id, body }) => Some(Event::VaultReply(id, body)),
        FromVault::Notice(notice) => Some(Event::VaultNotice(notice)),
    }
}
