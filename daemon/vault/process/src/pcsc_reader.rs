//! A card reader through pcscd.
//!
//! One thread does nothing but wait for pcscd to tell of readers and cards, and rings a pipe; commands to the card,
//! and with them PINs, pass on the main thread only.

use std::{
    collections::VecDeque,
    ffi::{CStr, CString},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::OFlag,
    unistd::{pipe2, read, write},
};
use pcsc::{
    Card, Context, Disposition, Error, MAX_BUFFER_SIZE, PNP_NOTIFICATION, Protocols, ReaderState, Scope,
    ShareMode, State,
};
use posd_vault_core::CardFault;
use posd_vault_protocol::DeviceState;
use zeroize::Zeroizing;

use crate::device::{CardReader, ReaderEvent};

/// How soon pcscd is looked for again when it is gone; doubled up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often readers are listed while there is none, in case the one that came was missed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The waiting thread's stack. It is small because locked memory is dear.
const STACK: usize = 128 * 1024;

/// What the waiting thread saw.
struct Sighting {
    state: DeviceState,
    reader: Option<CString>,
    card: bool,
    /// The card went and came again between two looks.
    swapped: bool,
}

/// A reader known to pcscd.
pub struct PcscReader {
    bell: OwnedFd,
    sightings: Receiver<Sighting>,
    events: VecDeque<ReaderEvent>,
    name: Option<CString>,
    context: Option<Context>,
    card: Option<Card>,
}

impl PcscReader {
    /// Starts to watch for the first reader whose name contains `wanted`, or the first of all, but for those whose name
    /// contains `other`. A reader may come later.
    ///
    /// # Errors
    /// When the kernel gives no pipe or no thread.
    pub fn new(wanted: Option<String>, other: Option<String>) -> std::io::Result<PcscReader> {
        let (bell, ring) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        let (sender, sightings) = channel();
        let watcher = Watcher { wanted: wanted.unwrap_or_default(), other, sender, ring };
        thread::Builder::new().name("card-watch".into()).stack_size(STACK).spawn(move || watcher.run())?;
        Ok(PcscReader { bell, sightings, events: VecDeque::new(), name: None, context: None, card: None })
    }

    fn connect(&mut self) -> Result<Vec<u8>, Error> {
        let name = self.name.clone().ok_or(Error::NoReadersAvailable)?;
        let context = match &self.context {
            Some(context) if context.is_valid().is_ok() => context,
            _ => self.context.insert(Context::establish(Scope::System)?),
        };
        let mut card = context.connect(&name, ShareMode::Exclusive, Protocols::ANY)?;
        // pcscd may have powered the card when it came: the reset asked for is a cold one, now.
        card.reconnect(ShareMode::Exclusive, Protocols::ANY, Disposition::UnpowerCard)?;
        let answer = card.status2_owned()?.atr().to_vec();
        self.card = Some(card);
        Ok(answer)
    }
}

impl CardReader for PcscReader {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        vec![self.bell.as_fd()]
    }

    fn event(&mut self) -> Option<ReaderEvent> {
        while matches!(read(&self.bell, &mut [0; 16]), Ok(1..)) {}
        for sighting in self.sightings.try_iter() {
            self.name = sighting.reader;
            self.events.push_back(ReaderEvent::State(sighting.state));
            if sighting.swapped {
                self.events.push_back(ReaderEvent::Card(false));
            }
            self.events.push_back(ReaderEvent::Card(sighting.card));
        }
        self.events.pop_front()
    }

    fn power_on(&mut self) -> Result<Vec<u8>, CardFault> {
        self.power_off();
        self.connect().map_err(fault_of)
    }

    fn power_off(&mut self) {
        if let Some(card) = self.card.take() {
            // An error means that the card is gone, so it is off.
            let _ = card.disconnect(Disposition::UnpowerCard);
        }
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        let card = self.card.as_ref().ok_or(CardFault::NoCard)?;
        let mut buffer = Zeroizing::new(vec![0; MAX_BUFFER_SIZE]);
        let length = card.transmit(command, &mut buffer).map_err(fault_of)?.len();
        buffer.truncate(length);
        Ok(buffer)
    }
}

fn fault_of(error: Error) -> CardFault {
    match error {
        Error::NoSmartcard => CardFault::NoCard,
        Error::RemovedCard | Error::ResetCard | Error::InvalidHandle => CardFault::Removed,
        Error::NoReadersAvailable
        | Error::UnknownReader
        | Error::ReaderUnavailable
        | Error::NoService
        | Error::ServiceStopped => CardFault::NoReader,
        error => {
            log::warn!("card reader: {error}");
            CardFault::Mute
        }
    }
}

struct Watcher {
    wanted: String,
    other: Option<String>,
    sender: Sender<Sighting>,
    ring: OwnedFd,
}

impl Watcher {
    fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match Context::establish(Scope::System) {
                Ok(context) => {
                    pause = FIRST_PAUSE;
                    match self.watch(&context) {
                        // Nobody listens any more.
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            log::warn!("pcscd cannot be asked for card readers: {error}; trying again in {pause:?}");
            let gone = Sighting { state: DeviceState::Faulty, reader: None, card: false, swapped: false };
            if !self.tell(gone) {
                return;
            }
            thread::sleep(pause);
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    fn is_wanted(&self, name: &str) -> bool {
        name.contains(&self.wanted) && self.other.as_ref().is_none_or(|other| !name.contains(other))
    }

    /// Whether somebody listens.
    fn tell(&self, sighting: Sighting) -> bool {
        let heard = self.sender.send(sighting).is_ok();
        // A full pipe rings as well as one more byte would.
        heard && !matches!(write(&self.ring, &[0]), Err(Errno::EPIPE))
    }

    fn watch(&self, context: &Context) -> Result<(), Error> {
        loop {
            let name = match context.list_readers_owned() {
                Ok(names) => names.into_iter().find(|name| self.is_wanted(&name.to_string_lossy())),
                Err(Error::NoReadersAvailable) => None,
                Err(error) => return Err(error),
            };
            let still_listened = match name {
                Some(name) => self.watch_reader(context, &name)?,
                None => {
                    let missing =
                        Sighting { state: DeviceState::Missing, reader: None, card: false, swapped: false };
                    let heard = self.tell(missing);
                    let mut states = [ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
                    match context.get_status_change(LOOK_AGAIN, &mut states) {
                        Ok(()) | Err(Error::Timeout) => heard,
                        Err(error) => return Err(error),
                    }
                }
            };
            if !still_listened {
                return Ok(());
            }
        }
    }

    /// Watches one reader until it goes. Whether somebody still listens.
    fn watch_reader(&self, context: &Context, name: &CStr) -> Result<bool, Error> {
        let mut states =
            [ReaderState::new(name, State::UNAWARE), ReaderState::new(PNP_NOTIFICATION(), State::UNAWARE)];
        let mut last = None;
        loop {
            context.get_status_change(None, &mut states)?;
            let [reader, readers] = &mut states;
            let state = reader.event_state();
            if state.intersects(State::UNKNOWN | State::UNAVAILABLE | State::IGNORE) {
                return Ok(true);
            }
            let now = (state.contains(State::PRESENT), reader.event_count());
            if last != Some(now) {
                let sighting = Sighting {
                    state: DeviceState::Ready,
                    reader: Some(name.to_owned()),
                    card: now.0,
                    swapped: now.0 && matches!(last, Some((true, _))),
                };
                last = Some(now);
                if !self.tell(sighting) {
                    return Ok(false);
                }
            }
            reader.sync_current_state();
            if readers.event_state().contains(State::CHANGED) {
                readers.sync_current_state();
                // Another reader came or went. This one tells of its own end.
                if !context.list_readers_owned()?.iter().any(|other| **other == *name) {
                    return Ok(true);
                }
            }
        }
    }
}
