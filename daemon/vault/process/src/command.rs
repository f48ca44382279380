//! The command line of `posd-vault`.

use std::{
    io::{self, IsTerminal, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
        termios::{LocalFlags, SetArg, tcgetattr, tcsetattr},
    },
};
use posd_vault_core::{Core, KeyReply, KeyRequest, hash_password};
use posd_vault_protocol::{Decoder, Secret, encode};
use zeroize::Zeroizing;

use crate::{
    configuration::{Configuration, from_hex, storage_key},
    device::{Readers, StripeReader},
    evdev_pad::EvdevPad,
    evdev_stripe::EvdevStripe,
    hardening::{harden, lock_memory},
    pcsc_reader::PcscReader,
    server::{Listener, Server, bind},
    store::Store,
};

/// Root, who alone may load keys.
const ROOT: u32 = 0;

/// What ends the process in order instead of at once, so that every secret is wiped: whatever anybody sends to end a
/// process, or a terminal that closes. SIGKILL cannot be heard; SIGABRT means that the loop hangs, and would not be.
const ENDING: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

#[derive(Parser)]
#[command(name = "posd-vault", version, about = "The secure module of the payment terminal.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the secure module.
    Serve {
        /// The configuration file.
        #[arg(long, default_value = "/etc/posd/vault.toml")]
        config: PathBuf,
        /// The directory that holds the file `storage-key`.
        #[arg(long, env = "CREDENTIALS_DIRECTORY")]
        credentials: Option<PathBuf>,
    },
    /// Give one of the two components of the terminal master key. Run once by each custodian, as root.
    LoadKey {
        /// Your name in the configuration.
        #[arg(long, required_unless_present = "abandon")]
        custodian: Option<String>,
        /// Type password, component and check value on the PIN pad: each hexadecimal digit as two decimal digits, 00
        /// to 15.
        #[arg(long)]
        pad: bool,
        /// Forget the first component.
        #[arg(long, conflicts_with_all = ["custodian", "pad"])]
        abandon: bool,
        /// The secure module's socket for custodians.
        #[arg(long, default_value = "/run/posd-vault/keys.sock")]
        socket: PathBuf,
    },
    /// Print the argon2id hash of a password, for the configuration.
    HashPassword,
}

type Failure = Box<dyn std::error::Error>;

/// Runs the command line. Everything secret is dropped, and so wiped, before it returns.
pub fn run() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve { config, credentials } => serve(&config, credentials.as_deref()),
        Command::LoadKey { custodian, pad, abandon: _, socket } => load_key(custodian, pad, &socket),
        Command::HashPassword => hash(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            log::error!("{error}");
            let _ = writeln!(io::stderr(), "posd-vault: {error}");
            ExitCode::FAILURE
        }
    }
}

fn random(buffer: &mut [u8]) {
    if getrandom::fill(buffer).is_err() {
        // Nothing that follows would be secret.
        std::process::abort();
    }
}

/// Readable once the process has been told to end. To be made before any thread, so that every thread has the signals
/// blocked, and before any secret is read.
fn ending() -> nix::Result<SignalFd> {
    let signals: SigSet = ENDING.into_iter().collect();
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Logs to the journal when standard error goes there, else to standard error.
fn start_log() {
    if systemd_journal_logger::connected_to_journal()
        && let Ok(journal) = systemd_journal_logger::JournalLog::new()
        && journal.install().is_ok()
    {
        log::set_max_level(log::LevelFilter::Info);
        return;
    }
    if log::set_logger(&StandardError).is_ok() {
        log::set_max_level(log::LevelFilter::Info);
    }
}

struct StandardError;

impl log::Log for StandardError {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let _ = writeln!(io::stderr(), "posd-vault: {}", record.args());
    }

    fn flush(&self) {}
}

fn serve(config: &Path, credentials: Option<&Path>) -> Result<ExitCode, Failure> {
    harden()?;
    lock_memory()?;
    start_log();
    // The message of a panic may quote data; its place is enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!("fault in the secure module at {place}");
    }));
    let stop = ending()?;

    let configuration = Configuration::read(config)?;
    let settings = configuration.settings()?;
    let users = configuration.user_ids()?;
    let key = storage_key(credentials)?;
    if key.is_none() {
        log::warn!("no storage key was given as a credential: no key is accepted");
    }
    let store = Store::new(&configuration.store);
    let blob = store.read().map_err(|error| format!("{}: {error}", configuration.store.display()))?;
    let core = Core::new(settings, key, blob, Box::new(random));
    if core.store_unreadable() {
        log::error!(
            "{} does not open with this storage key: give the right one, or remove the file and load keys again",
            configuration.store.display()
        );
    }
    let contactless = configuration.contactless.map(|reader| reader.name);
    let readers = Readers {
        contact: PcscReader::new(configuration.reader.name, contactless.clone())?,
        contactless: contactless.map(|name| PcscReader::new(Some(name), None)).transpose()?,
        stripe: match configuration.stripe {
            Some(device) => Some(Box::new(EvdevStripe::new(device)?) as Box<dyn StripeReader>),
            None => None,
        },
    };
    let pad = EvdevPad::new(configuration.pin_pad)?;
    let open = |path: &Path, mode| bind(path, mode).map_err(|error| format!("{}: {error}", path.display()));
    let posd = Listener { socket: open(&configuration.socket, 0o666)?, users };
    let custodians = Listener { socket: open(&configuration.custodian_socket, 0o600)?, users: vec![ROOT] };
    let server = Server::new(core, store, posd, custodians, readers, pad, ())?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let mut beat = || {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
    };
    let interval: Option<Duration> = sd_notify::watchdog_enabled().map(|longest| longest / 2);
    let beat = interval.map(|interval| (interval, &mut beat as &mut dyn FnMut()));
    let ended = server.run(stop.as_fd(), beat);
    let _ = std::fs::remove_file(&configuration.socket);
    let _ = std::fs::remove_file(&configuration.custodian_socket);
    Ok(ended.map(|()| ExitCode::SUCCESS)?)
}

fn hash() -> Result<ExitCode, Failure> {
    harden()?;
    let stop = ending()?;
    let password = ask("Password: ", &stop)?;
    if password.is_empty() {
        return Err("the password is empty".into());
    }
    if io::stdin().is_terminal() && *ask("Again: ", &stop)? != *password {
        return Err("the two passwords differ".into());
    }
    let hash = hash_password(&password, &mut random).ok_or("there is not enough memory for argon2id")?;
    writeln!(io::stdout(), "{hash}")?;
    Ok(ExitCode::SUCCESS)
}

fn load_key(custodian: Option<String>, pad: bool, socket: &Path) -> Result<ExitCode, Failure> {
    harden()?;
    lock_memory()?;
    let stop = ending()?;
    let request = match (custodian, pad) {
        (None, _) => KeyRequest::Abandon,
        (Some(custodian), true) => KeyRequest::Type { custodian },
        (Some(custodian), false) => {
            let password = Secret::new(ask("Password: ", &stop)?.to_vec());
            let component = hexadecimal("Component (32 hexadecimal digits): ", 16, &stop)?;
            let check_value = hexadecimal("Check value (6 hexadecimal digits): ", 3, &stop)?;
            let check_value =
                check_value.as_slice().try_into().map_err(|_| "the check value is 6 hexadecimal digits")?;
            KeyRequest::Give { custodian, password, component: Secret::new(component.to_vec()), check_value }
        }
    };
    let typed = matches!(request, KeyRequest::Type { .. });
    let mut stream = UnixStream::connect(socket).map_err(|error| format!("{}: {error}", socket.display()))?;
    stream.write_all(&encode(&request)?)?;
    drop(request);
    let mut out = io::stdout();
    if typed {
        writeln!(out, "Go on at the PIN pad: password, component, check value; Enter after each.")?;
    }
    match answer(&mut stream, &stop)? {
        KeyReply::FirstAccepted => {
            writeln!(out, "First component accepted. Now the other custodian, within ten minutes.")?;
        }
        KeyReply::Loaded { check_value: [a, b, c] } => {
            writeln!(out, "Terminal master key loaded. Check value {a:02X}{b:02X}{c:02X}. Sign in again.")?;
        }
        KeyReply::Abandoned => writeln!(out, "No component is kept.")?,
        KeyReply::Refused(refusal) => return Err(refusal.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn answer(stream: &mut UnixStream, stop: &SignalFd) -> Result<KeyReply, Failure> {
    use io::Read;
    let mut decoder = Decoder::default();
    let mut buffer = [0; 256];
    loop {
        if let Some(reply) = decoder.take()? {
            return Ok(reply);
        }
        wait(stream, stop)?;
        match stream.read(&mut buffer)? {
            0 => return Err("the secure module closed the connection: only root may load keys".into()),
            count => decoder.push(&buffer[..count]),
        }
    }
}

fn hexadecimal(question: &str, length: usize, stop: &SignalFd) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let typed = ask(question, stop)?;
    let digits = Zeroizing::new(typed.iter().copied().filter(|byte| *byte != b' ').collect::<Vec<u8>>());
    from_hex(&digits)
        .filter(|bytes| bytes.len() == length)
        .ok_or_else(|| format!("{} hexadecimal digits are needed", 2 * length).into())
}

/// Reads one line from standard input; without echo and after the question, if that is a terminal.
fn ask(question: &str, stop: &SignalFd) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Ok(line(stop)?);
    }
    write!(io::stderr(), "{question}")?;
    let before = tcgetattr(&input)?;
    let mut silent = before.clone();
    silent.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&input, SetArg::TCSAFLUSH, &silent)?;
    let typed = line(stop);
    tcsetattr(&input, SetArg::TCSAFLUSH, &before)?;
    writeln!(io::stderr())?;
    Ok(typed?)
}

/// One line, byte by byte: a buffered reader would keep a copy, and swallow the next line of a pipe.
fn line(stop: &SignalFd) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut typed = Zeroizing::new(Vec::with_capacity(256));
    let mut byte = Zeroizing::new([0; 1]);
    loop {
        wait(&io::stdin(), stop)?;
        match nix::unistd::read(io::stdin(), &mut byte[..])? {
            0 => return Ok(typed),
            _ if byte[0] == b'\n' => return Ok(typed),
            _ if typed.len() == typed.capacity() => return Err(io::ErrorKind::InvalidInput.into()),
            _ => typed.extend_from_slice(&byte[..]),
        }
    }
}

/// Waits until there is something to read.
///
/// # Errors
/// `Interrupted` when the process has been told to end.
fn wait(input: &impl AsFd, stop: &SignalFd) -> io::Result<()> {
    let mut both = [input.as_fd(), stop.as_fd()].map(|it| PollFd::new(it, PollFlags::POLLIN));
    loop {
        match poll(&mut both, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match both[1].any() {
        Some(true) => Err(io::Error::new(io::ErrorKind::Interrupted, "ended by a signal")),
        _ => Ok(()),
    }
}
