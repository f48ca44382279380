//! The host behind TCP, and its control socket.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::control::{Command, Reply};
use crate::host::{Action, Delivery, Host, HostTime};

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
    control: Option<PathBuf>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What all threads of a server hold.
struct Shared {
    host: Mutex<Host>,
    clock: Clock,
    /// Open connections, newest last.
    connections: Mutex<Vec<Arc<TcpStream>>>,
    /// Held while bytes are written, so that two answers never mix (slow ones may, byte by byte).
    writing: Mutex<()>,
    stopping: AtomicBool,
    listening: Mutex<bool>,
    listening_changed: Condvar,
    wake: UnixStream,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Server {
    /// Starts a server.
    ///
    /// # Errors
    /// The port or the control socket cannot be bound.
    pub fn start(host: Host, options: ServerOptions) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", options.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let control = match &options.control {
            Some(path) => {
                // A socket left by an earlier run; if it is something else, bind says so.
                if UnixStream::connect(path).is_err() && is_socket(path) {
                    std::fs::remove_file(path)?;
                }
                let listener = UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Some(listener)
            }
            None => None,
        };
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            host: Mutex::new(host),
            clock: options.clock.unwrap_or_else(|| Arc::new(system_time)),
            connections: Mutex::default(),
            writing: Mutex::new(()),
            stopping: AtomicBool::new(false),
            listening: Mutex::new(true),
            listening_changed: Condvar::new(),
            wake,
        });
        let acceptor = Acceptor { shared: shared.clone(), address, listener: Some(listener), control, woken };
        let acceptor = thread::Builder::new().name("accept".into()).spawn(move || acceptor.run())?;
        Ok(Self { address, control: options.control, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does what the control socket would do with this command.
    pub fn control(&self, command: &Command) -> Reply {
        self.shared.command(command)
    }

    /// Looks at, or changes, the host between two requests.
    pub fn with_host<R>(&self, look: impl FnOnce(&mut Host) -> R) -> R {
        look(&mut lock(&self.shared.host))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        self.shared.wake();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        for connection in lock(&self.shared.connections).drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        if let Some(path) = &self.control {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn is_socket(path: &std::path::Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

fn system_time() -> HostTime {
    let elapsed = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    HostTime { unix_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX) }
}

/// The thread that accepts connections of both kinds.
struct Acceptor {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// `None` while connections are refused.
    listener: Option<TcpListener>,
    control: Option<UnixListener>,
    woken: UnixStream,
}

impl Acceptor {
    fn run(mut self) {
        while !self.shared.stopping.load(Ordering::SeqCst) {
            let settled = self.listen_or_refuse();
            let (tcp, control) = self.wait(settled);
            if tcp && let Some(Ok((stream, _))) = self.listener.as_ref().map(TcpListener::accept) {
                self.shared.clone().connected(stream);
            }
            if control && let Some(Ok((stream, _))) = self.control.as_ref().map(UnixListener::accept) {
                let shared = self.shared.clone();
                let _ = thread::Builder::new().spawn(move || shared.serve_control(&stream));
            }
        }
    }

    /// Opens or closes the TCP listener as the faults say. False if it has to be tried again.
    fn listen_or_refuse(&mut self) -> bool {
        let refuses = lock(&self.shared.host).refuses_connections();
        if refuses {
            self.listener = None;
        } else if self.listener.is_none() {
            let bound = TcpListener::bind(self.address);
            self.listener = bound.ok().filter(|listener| listener.set_nonblocking(true).is_ok());
        }
        *lock(&self.shared.listening) = self.listener.is_some();
        self.shared.listening_changed.notify_all();
        self.listener.is_some() != refuses
    }

    /// Waits for a connection, TCP or control, or for a wake-up.
    fn wait(&mut self, settled: bool) -> (bool, bool) {
        let mut waiting = vec![PollFd::new(self.woken.as_fd(), PollFlags::POLLIN)];
        if let Some(listener) = &self.listener {
            waiting.push(PollFd::new(listener.as_fd(), PollFlags::POLLIN));
        }
        if let Some(control) = &self.control {
            waiting.push(PollFd::new(control.as_fd(), PollFlags::POLLIN));
        }
        let limit = if settled { PollTimeout::NONE } else { PollTimeout::from(50u8) };
        if poll(&mut waiting, limit).is_err() {
            return (false, false);
        }
        let ready: Vec<bool> = waiting.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        drop(waiting);
        let _ = (&self.woken).read(&mut [0; 64]);
        let tcp = self.listener.is_some() && ready.get(1) == Some(&true);
        let control = self.control.is_some() && ready.last() == Some(&true);
        (tcp, control)
    }
}

impl Shared {
    fn wake(&self) {
        let _ = (&self.wake).write_all(&[1]);
    }

    fn command(&self, command: &Command) -> Reply {
        let mut host = lock(&self.host);
        let reply = match command {
            Command::Fault(rule) => match rule.check() {
                Ok(()) => {
                    host.add_fault(rule.clone());
                    Reply::Ok(true)
                }
                Err(what) => Reply::Error(what.into()),
            },
            Command::Clear { .. } => {
                host.clear_faults();
                Reply::Ok(true)
            }
            Command::Ledger { .. } => Reply::Ledger(host.ledger().clone()),
            Command::Stats { .. } => Reply::Stats(host.stats().clone()),
            Command::Keys { .. } => Reply::Keys(host.work_keys()),
            Command::Log { .. } => Reply::Log(host.log().to_vec()),
            Command::ResetPins { .. } => {
                host.reset_pins();
                Reply::Ok(true)
            }
            Command::Details { terminal, batch, .. } => {
                Reply::Details(host.details(terminal.as_deref(), *batch))
            }
            Command::Totals { totals } => Reply::Totals(host.ledger().totals(&totals.terminal, totals.batch)),
            Command::Forget { forget: name } => {
                done(host.forget(&name.terminal, name.batch, name.trace), "no booking, or forgotten already")
            }
            Command::Invent { invent: name } => {
                done(host.invent(&name.terminal, name.batch, name.trace), "no booking")
            }
            Command::Pay { pay: name } => {
                done(host.decide_wallet(&name.terminal, name.batch, name.trace, true), "no pending payment")
            }
            Command::Close { close: name } => {
                done(host.decide_wallet(&name.terminal, name.batch, name.trace, false), "no pending payment")
            }
        };
        let wanted = !host.refuses_connections();
        drop(host);
        // The command is done only when the port is really open or closed.
        let mut listening = lock(&self.listening);
        for _ in 0..20 {
            if *listening == wanted {
                return reply;
            }
            self.wake();
            let waited = self.listening_changed.wait_timeout(listening, Duration::from_millis(100));
            listening = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Reply::Error("the port could not be opened again: another program has it".into())
    }

    fn serve_control(&self, stream: &UnixStream) {
        let mut lines = BufReader::new(stream).lines();
        while let Some(Ok(line)) = lines.next() {
            let reply = match serde_json::from_str(&line) {
                Ok(command) => self.command(&command),
                Err(error) => Reply::Error(error.to_string()),
            };
            let Ok(mut text) = serde_json::to_string(&reply) else { return };
            text.push('\n');
            if { stream }.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn connected(self: Arc<Self>, stream: TcpStream) {
        if lock(&self.host).closes_on_accept() {
            return;
        }
        let _ = stream.set_nodelay(true);
        let connection = Arc::new(stream);
        lock(&self.connections).push(connection.clone());
        let _ = thread::Builder::new().spawn(move || {
            self.serve(&connection);
            let _ = connection.shutdown(Shutdown::Both);
            lock(&self.connections).retain(|open| !Arc::ptr_eq(open, &connection));
        });
    }

    /// Reads length-prefixed frames until the connection ends.
    fn serve(self: &Arc<Self>, connection: &Arc<TcpStream>) {
        let mut length = [0; 2];
        while connection.as_ref().read_exact(&mut length).is_ok() {
            let mut frame = vec![0; usize::from(u16::from_be_bytes(length))];
            if connection.as_ref().read_exact(&mut frame).is_err() {
                return;
            }
            let now = (self.clock)();
            let deliveries = lock(&self.host).receive(&frame, now);
            self.clone().perform(connection, deliveries);
        }
    }

    fn perform(self: Arc<Self>, connection: &Arc<TcpStream>, deliveries: Vec<Delivery>) {
        for Delivery { after_ms, action } in deliveries {
            if after_ms == 0 {
                self.act(connection, action);
            } else {
                let (shared, connection) = (self.clone(), connection.clone());
                let _ = thread::Builder::new().spawn(move || {
                    thread::sleep(Duration::from_millis(after_ms));
                    shared.act(&connection, action);
                });
            }
        }
    }

    fn act(self: &Arc<Self>, connection: &Arc<TcpStream>, action: Action) {
        match action {
            Action::Send(frame) => self.send(connection, &prefixed(&frame)),
            Action::SendStray(frame) => {
                let connections = lock(&self.connections);
                let own = connections.iter().find(|open| Arc::ptr_eq(open, connection));
                let target = own.or(connections.last()).cloned();
                drop(connections);
                if let Some(target) = target {
                    self.send(&target, &prefixed(&frame));
                }
            }
            Action::SendSlowly { frame, gap_ms } => {
                for byte in prefixed(&frame) {
                    self.send(connection, &[byte]);
                    thread::sleep(Duration::from_millis(gap_ms));
                }
            }
            Action::SendPart { frame, bytes } => {
                let whole = prefixed(&frame);
                self.send(connection, &whole[..whole.len().min(bytes + 2)]);
            }
            Action::Receive(frame) => {
                let now = (self.clock)();
                let deliveries = lock(&self.host).receive_held(&frame, now);
                self.clone().perform(connection, deliveries);
            }
            Action::Close => {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }

    fn send(&self, connection: &TcpStream, bytes: &[u8]) {
        let _writing = lock(&self.writing);
        // A closed connection loses its answer, as in life.
        let _ = { connection }.write_all(bytes);
    }
}

fn done(done: bool, otherwise: &str) -> Reply {
    if done {
        Reply::Ok(true)
    } else {
        Reply::Error(format!("{otherwise} with this terminal, batch and trace"))
    }
}

fn prefixed(frame: &[u8]) -> Vec<u8> {
    let mut whole = u16::try_from(frame.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    whole.extend(frame);
    whole
}
