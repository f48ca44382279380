//! Wires the daemon together and runs it.

use crate::{
    bus::{self, Outgoing},
    clock::Clock,
    evidence::Evidence,
    facts, host_link,
    ports::{DaemonPorts, Events},
    printer, scanner, vault_link,
};
use posd::configuration::{Configuration, ConfigurationError};
use posd_journal::{Journal, OpenError};
use posd_runner::{Halt, Runner};
use posd_terminal::{Event, Settings, Terminal};
use std::{ffi::OsString, path::PathBuf, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{
        mpsc::{UnboundedReceiver, unbounded_channel},
        watch,
    },
    time::timeout,
};

/// Why the daemon ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("usage: posd [--config FILE]")]
    Usage,
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    #[error("the journal: {0}")]
    Journal(#[from] OpenError),
    #[error("the bus: {0}")]
    Bus(#[from] zbus::Error),
    #[error("the bus connection ended")]
    BusLost,
    #[error("the runner stopped: {0}")]
    Runner(String),
    #[error("the system: {0}")]
    System(#[from] std::io::Error),
}

/// Runs the daemon until it is told to stop.
pub(crate) fn run() -> Result<(), Fault> {
    let path = arguments(std::env::args_os().skip(1))?;
    let (configuration, settings) = Configuration::read(&path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(configuration, settings))
}

fn arguments(mut given: impl Iterator<Item = OsString>) -> Result<PathBuf, Fault> {
    match (given.next(), given.next(), given.next()) {
        (None, None, None) => Ok(PathBuf::from("/etc/posd/posd.toml")),
        (Some(option), Some(file), None) if option == "--config" => Ok(PathBuf::from(file)),
        _ => Err(Fault::Usage),
    }
}

async fn serve(configuration: Configuration, settings: Settings) -> Result<(), Fault> {
    let journal = match Journal::open(&configuration.journal) {
        Ok(journal) => Ok(journal),
        // No restart mends these: the daemon serves and says so. What may pass by itself ends it.
        Err(error @ (OpenError::Corrupt(..) | OpenError::Foreign(_) | OpenError::Newer(..))) => {
            Err(Evidence(error.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let opened = journal.is_ok();
    let connection = zbus::Connection::system().await?;
    let streams = bus::subscribe(&connection).await?;
    let connect_timeout = Duration::from_secs(u64::from(settings.profile.connect_timeout_s));

    let (events, received) = Events::new();
    let (to_bus, from_runner) = unbounded_channel();
    let (to_vault, vault_commands) = unbounded_channel();
    let (to_host, host_commands) = unbounded_channel();
    let (to_printer, printer_commands) = unbounded_channel();
    let (to_facts, facts_commands) = unbounded_channel();
    let (present, printing) = watch::channel(None);
    let clock = Clock::new();
    let ports = DaemonPorts {
        clock: clock.clone(),
        bus: to_bus.clone(),
        vault: to_vault,
        host: to_host,
        printer: to_printer,
        facts: to_facts,
    };
    events.send(Event::Started);
    let help_line = settings.profile.help_line.clone();
    let terminal = Terminal::new(settings);
    tokio::spawn(async move {
        let halt = match journal {
            Ok(journal) => drive(Runner::new(terminal, journal, ports), received, clock).await,
            Err(evidence) => drive(Runner::new(terminal, evidence, ports), received, clock).await,
        };
        // The bus task tells what was refused, then ends the process.
        let _ = to_bus.send(Outgoing::Halt(halt.to_string()));
    });
    tokio::spawn(host_link::serve(
        configuration.host.addresses(),
        connect_timeout,
        host_commands,
        events.clone(),
    ));
    tokio::spawn(vault_link::serve(configuration.vault, vault_commands, events.clone()));
    let target = configuration.printer.and_then(printer::target);
    let places = facts::Places {
        journal: configuration.journal.clone(),
        reserved_bytes: u64::from(configuration.reserve_mb) << 20,
        printer: target.clone(),
        printing,
    };
    tokio::spawn(facts::serve(places, facts_commands, events.clone()));
    tokio::spawn(printer::serve(target, printer_commands, present, events.clone()));
    tokio::spawn(scanner::serve(configuration.scanner, events.clone()));
    let serving =
        tokio::spawn(bus::serve(connection.clone(), streams, from_runner, events.clone(), help_line));

    // The name comes last, when every call to it is served.
    connection.request_name(bus::NAME).await?;
    if opened {
        check_journal(configuration.journal, events)?;
    }
    notify_ready();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        served = serving => served.map_err(|error| Fault::Runner(error.to_string()))?,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// The runner's task: one event after the other (rule 2).
///
/// It shares the one thread with the links and the bus, and a commit holds them all up: what they would have to say to
/// it could be neither decided nor told before, and a hop between threads costs more than the rest of an event.
async fn drive<J: posd_runner::Journal>(
    mut runner: Runner<Terminal, J, DaemonPorts>,
    mut events: UnboundedReceiver<Event>,
    clock: Clock,
) -> Halt {
    loop {
        let event = match runner.next_timer() {
            None => Some(events.recv().await),
            Some(at) => {
                let left = Duration::from_millis(at.saturating_sub(clock.monotonic_ms()));
                timeout(left, events.recv()).await.ok()
            }
        };
        let handled = match event {
            Some(Some(event)) => runner.handle(event),
            // A timer has ended.
            None => Ok(()),
            Some(None) => return Halt::Stopped,
        };
        if let Err(halt) = handled.and_then(|()| runner.fire_timers()) {
            return halt;
        }
    }
}

/// The journal's full check, beside everything else: until it has passed nothing is sold.
fn check_journal(path: PathBuf, events: Events) -> Result<(), Fault> {
    let check = move || events.send(Event::JournalChecked(posd_journal::check(&path)));
    std::thread::Builder::new().name("journal-check".to_owned()).spawn(check)?;
    Ok(())
}

/// Tells the service manager that the daemon serves, and keeps its watchdog fed.
fn notify_ready() {
    // Not run by a service manager: nobody to tell.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    if let Some(period) = sd_notify::watchdog_enabled() {
        tokio::spawn(async move {
            let mut tick = tokio::time::interval(period / 2);
            loop {
                tick.tick().await;
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            }
        });
    }
}
