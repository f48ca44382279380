//! The socket on which simulated devices are moved: a JSON command on a line, a JSON answer on a line.

use super::scene::{Pad, Person, Reader};
use nix::poll::PollFlags;
use posd_vault::device::Companion;
use serde_json::{Value, json};
use std::{
    io::{ErrorKind, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{UnixListener, UnixStream},
    },
    time::Instant,
};

/// The longest command, in bytes.
const LONGEST: usize = 64 * 1024;

/// Whoever tells the simulated devices something, until it hangs up.
struct Client {
    stream: UnixStream,
    heard: Vec<u8>,
}

/// The socket, those who talk on it, and the person whom they move.
pub(super) struct Control {
    listener: UnixListener,
    clients: Vec<Client>,
    person: Person,
    start: Instant,
}

impl Control {
    pub(super) fn new(listener: UnixListener, person: Person) -> std::io::Result<Control> {
        listener.set_nonblocking(true)?;
        Ok(Control { listener, clients: Vec::new(), person, start: Instant::now() })
    }
}

impl Companion<Reader, Pad> for Control {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let clients = self.clients.iter().map(|client| client.stream.as_fd());
        [self.listener.as_fd()].into_iter().chain(clients).map(|it| (it, PollFlags::POLLIN)).collect()
    }

    fn wake_at(&self) -> Option<u64> {
        // The server's clock starts a little later, so what falls due by it has fallen due.
        let at = self.person.next()?.saturating_duration_since(self.start);
        Some(u64::try_from(at.as_millis()).unwrap_or(u64::MAX).saturating_add(1))
    }

    fn ready(&mut self, _: &mut Reader, _: &mut Pad, _: u64) {
        self.person.act();
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                self.clients.push(Client { stream, heard: Vec::new() });
            }
        }
        let person = &mut self.person;
        self.clients.retain_mut(|client| client.hear(|command| person.told(command)).is_some());
    }
}

impl Client {
    /// Answers every whole line; none once the client has gone.
    fn hear(&mut self, mut answer: impl FnMut(&Value) -> Value) -> Option<()> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
            if self.heard.len() > LONGEST {
                return None;
            }
        }
        while let Some(end) = self.heard.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.heard.drain(..=end).collect();
            let said = match serde_json::from_slice(&line) {
                Ok(command) => answer(&command),
                Err(error) => json!({"error": error.to_string()}),
            };
            // An answer is short; a client that takes none of it is let go.
            self.stream.set_nonblocking(false).ok()?;
            self.stream.write_all(format!("{said}\n").as_bytes()).ok()?;
            self.stream.set_nonblocking(true).ok()?;
        }
        Some(())
    }
}
