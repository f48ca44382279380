//! The host behind TCP, and its control socket.

use std::io::Result;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::control::{Command, Reply};
use crate::host::{Host, HostTime};

/// Tells the host the time.
pub type Clock = Arc<dyn Fn() -> HostTime + Send + Sync>;

/// Where a server listens.
#[derive(Clone, Default)]
pub struct ServerOptions {
    /// TCP port on 127.0.0.1; 0 picks a free one.
    pub port: u16,
    /// Path of the control socket, if wanted. An old socket there is replaced.
    pub control: Option<PathBuf>,
    /// The clock; the system's if `None`.
    pub clock: Option<Clock>,
}

/// A running server. It stops when dropped.
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// The port or the control socket cannot be bound.
    pub fn start(host: Host, options: ServerOptions) -> Result<Self> {
        let _ = (host, options);
        Ok(Self { address: SocketAddr::from(([127, 0, 0, 1], 0)) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what the control socket would do with this command.
    pub fn control(&self, command: &Command) -> Reply {
        let _ = command;
        Reply::Ok(true)
    }

    /// Looks at, or changes, the host between two requests.
    pub fn with_host<R>(&self, look: impl FnOnce(&mut Host) -> R) -> R {
        let _ = look;
        unreachable!()
    }
}
