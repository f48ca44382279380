//! One connection of a client: who it is, what it sent, what it is still to get.

use std::{
    io::{self, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::{UnixListener, UnixStream},
    },
};

use nix::{
    poll::PollFlags,
    sys::socket::{getsockopt, sockopt::PeerCredentials},
};
use posd_vault_protocol::{Decoder, encode};
use zeroize::{Zeroize, Zeroizing};

/// A client that leaves more than this unread is cut off, in bytes.
const MAXIMUM_WAITING: usize = 128 * 1024;

/// A listening socket that takes one client at a time, of certain users only.
pub(crate) struct Door {
    listener: UnixListener,
    users: Vec<u32>,
    pub(crate) client: Option<Client>,
}

/// A connected client.
pub(crate) struct Client {
    stream: UnixStream,
    decoder: Decoder,
    waiting: Zeroizing<Vec<u8>>,
}

impl Door {
    pub(crate) fn new(listener: UnixListener, users: Vec<u32>) -> io::Result<Door> {
        listener.set_nonblocking(true)?;
        Ok(Door { listener, users, client: None })
    }

    /// What to wait for. While one client is served the next one waits in the listener's queue.
    pub(crate) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        match &self.client {
            None => (self.listener.as_fd(), PollFlags::POLLIN),
            Some(client) if client.waiting.is_empty() => (client.stream.as_fd(), PollFlags::POLLIN),
            Some(client) => (client.stream.as_fd(), PollFlags::POLLIN | PollFlags::POLLOUT),
        }
    }

    /// Takes the next client, if there is one and it may come. Whether one came.
    pub(crate) fn accept(&mut self) -> bool {
        let Ok((stream, _)) = self.listener.accept() else { return false };
        let user = getsockopt(&stream, PeerCredentials).map(|credentials| credentials.uid());
        match user {
            Ok(user) if self.users.contains(&user) && stream.set_nonblocking(true).is_ok() => {
                self.client =
                    Some(Client { stream, decoder: Decoder::default(), waiting: Zeroizing::new(Vec::new()) });
                true
            }
            Ok(user) => {
                log::warn!("a connection of user {user} was refused");
                false
            }
            Err(error) => {
                log::warn!("a connection without credentials was refused: {error}");
                false
            }
        }
    }
}

impl Client {
    /// Queues a value and sends what the socket takes.
    pub(crate) fn send<T: serde::Serialize>(&mut self, value: &T) -> io::Result<()> {
        let bytes = encode(value).map_err(io::Error::other)?;
        if self.waiting.len() + bytes.len() > MAXIMUM_WAITING {
            return Err(io::Error::other("the client does not read"));
        }
        // Grown by hand, so that no stale copy of what waits is left behind.
        if self.waiting.capacity() < self.waiting.len() + bytes.len() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * (self.waiting.len() + bytes.len())));
            larger.extend_from_slice(&self.waiting);
            self.waiting = larger;
        }
        self.waiting.extend_from_slice(&bytes);
        self.flush()
    }

    /// Sends what the socket takes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => {
                    let rest = self.waiting.len() - sent;
                    self.waiting.copy_within(sent.., 0);
                    self.waiting[rest..].zeroize();
                    self.waiting.truncate(rest);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once and gives the whole values that have come.
    pub(crate) fn receive<T: serde::de::DeserializeOwned>(&mut self) -> io::Result<Vec<T>> {
        let mut buffer = Zeroizing::new([0; 4096]);
        let mut values = Vec::new();
        match self.stream.read(&mut buffer[..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => self.decoder.push(&buffer[..count]),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        while let Some(value) = self.decoder.take().map_err(io::Error::other)? {
            values.push(value);
        }
        Ok(values)
    }
}
