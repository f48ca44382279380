//! A code scanner at the end of a TCP socket, as scanners on a line are: it sends what it reads and a line end.

use std::{
    io::{Result, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// The scanner. It lives as long as the process.
#[derive(Debug, Clone)]
pub struct LineScanner {
    address: SocketAddr,
    /// Who listens to it.
    listeners: Arc<Mutex<Vec<TcpStream>>>,
}

impl LineScanner {
    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    /// The socket.
    pub fn start() -> Result<LineScanner> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let scanner = LineScanner { address: listener.local_addr()?, listeners: Arc::default() };
        let listeners = Arc::clone(&scanner.listeners);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                listeners.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
            }
        });
        Ok(scanner)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads a code. False where nobody listens.
    pub fn scan(&self, code: &str) -> bool {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain_mut(|stream| stream.write_all(format!("{code}\r\n").as_bytes()).is_ok());
        !listeners.is_empty()
    }

    /// Is unplugged, and plugged in again.
    pub fn unplug(&self) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
