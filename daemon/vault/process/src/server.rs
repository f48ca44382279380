//! The one loop: wait, hear, let the core decide, do what it orders.

use std::{
    collections::VecDeque,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixListener,
    },
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use posd_vault_core::{Core, Input, KeyRequest, Output, StoreFault};
use posd_vault_protocol::{FromVault, Numbered, Request};

use crate::{
    device::{CardReader, Companion, PadEvent, PinPad, ReaderEvent, Readers, StripeEvent},
    link::Door,
    store::Store,
};

/// Why the loop ended other than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A socket could not be prepared.
    #[error("the secure module's socket: {0}")]
    Socket(#[source] io::Error),
    /// Waiting failed.
    #[error("waiting for events: {0}")]
    Wait(#[source] Errno),
}

/// A listening socket and the users who may connect to it.
pub struct Listener {
    /// The bound socket.
    pub socket: UnixListener,
    /// The user ids that may connect; all others are turned away.
    pub users: Vec<u32>,
}

/// Core, sockets and devices, in one thread.
pub struct Server<R, F, P, C = ()> {
    core: Core,
    store: Store,
    posd: Door,
    custodians: Door,
    readers: Readers<R, F>,
    pad: P,
    companion: C,
    start: Instant,
    wake_at: Option<u64>,
    inputs: VecDeque<Input>,
}

impl<R: CardReader, F: CardReader, P: PinPad, C: Companion<R, P>> Server<R, F, P, C> {
    /// Puts the parts together. `posd` and `custodians` are two sockets; use [`bind`] to make them. The custodians'
    /// should let in user 0 only.
    ///
    /// # Errors
    /// [`ServerError::Socket`] when a socket cannot be made non-blocking.
    pub fn new(
        core: Core,
        store: Store,
        posd: Listener,
        custodians: Listener,
        readers: Readers<R, F>,
        pad: P,
        companion: C,
    ) -> Result<Server<R, F, P, C>, ServerError> {
        Ok(Server {
            core,
            store,
            posd: Door::new(posd.socket, posd.users).map_err(ServerError::Socket)?,
            custodians: Door::new(custodians.socket, custodians.users).map_err(ServerError::Socket)?,
            readers,
            pad,
            companion,
            start: Instant::now(),
            wake_at: None,
            inputs: VecDeque::new(),
        })
    }

    /// Serves until `stop` is readable (a signalfd, a pipe). `beat` is called at least as often as its interval says,
    /// for a watchdog.
    ///
    /// # Errors
    /// [`ServerError::Wait`] when the kernel refuses to wait.
    pub fn run(
        mut self,
        stop: BorrowedFd<'_>,
        beat: Option<(Duration, &mut dyn FnMut())>,
    ) -> Result<(), ServerError> {
        let mut beat = beat.map(|(interval, call)| (interval, Instant::now(), call));
        loop {
            self.hear_devices();
            self.work();
            let mut wake = [self.wake_at, self.companion.wake_at()].into_iter().flatten().min();
            if let Some((interval, last, call)) = &mut beat {
                if last.elapsed() >= *interval {
                    call();
                    *last = Instant::now();
                }
                let next = *last + *interval;
                let next = u64::try_from((next - self.start).as_millis()).unwrap_or(u64::MAX);
                wake = Some(wake.map_or(next, |wake| wake.min(next)));
            }
            let [stopped, posd, custodian] = self.wait(stop, wake)?;
            if !stopped.is_empty() {
                return Ok(());
            }
            let now = self.now();
            self.companion.ready(&mut self.readers.contact, &mut self.pad, now);
            // Devices first: a key pressed before a prompt was asked for must not land in it.
            self.hear_devices();
            self.work();
            if self.wake_at.is_some_and(|at| at <= self.now()) {
                self.wake_at = None;
                self.inputs.push_back(Input::Wake);
                self.work();
            }
            self.hear_posd(posd);
            self.work();
            self.hear_custodian(custodian);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for any descriptor or the time; tells what happened at the first three.
    fn wait(&self, stop: BorrowedFd<'_>, wake: Option<u64>) -> Result<[PollFlags; 3], ServerError> {
        let timeout = match wake {
            None => PollTimeout::NONE,
            // One more than the difference, which was rounded down: else the loop would spin for a millisecond.
            Some(at) => match at.saturating_sub(self.now()) {
                0 => PollTimeout::ZERO,
                left => PollTimeout::try_from(left + 1).unwrap_or(PollTimeout::MAX),
            },
        };
        let read = |descriptor| (descriptor, PollFlags::POLLIN);
        let mut all: Vec<PollFd<'_>> = [read(stop), self.posd.interest(), self.custodians.interest()]
            .into_iter()
            .chain(self.readers.each().flat_map(CardReader::descriptors).map(read))
            .chain(self.readers.stripe.iter().flat_map(|reader| reader.descriptors()).map(read))
            .chain(self.pad.descriptors().into_iter().map(read))
            .chain(self.companion.descriptors())
            .map(|(descriptor, flags)| PollFd::new(descriptor, flags))
            .collect();
        match poll(&mut all, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(ServerError::Wait(error)),
        }
        let happened = |index: usize| all.get(index).and_then(PollFd::revents).unwrap_or(PollFlags::empty());
        Ok([happened(0), happened(1), happened(2)])
    }

    fn hear_devices(&mut self) {
        for (slot, reader) in self.readers.each_mut() {
            while let Some(event) = reader.event() {
                self.inputs.push_back(match event {
                    ReaderEvent::State(state) => Input::Reader(slot, state),
                    ReaderEvent::Card(present) => Input::Card(slot, present),
                    ReaderEvent::Several => Input::SeveralCards,
                });
            }
        }
        while let Some(event) = self.readers.stripe.as_mut().and_then(|reader| reader.event()) {
            self.inputs.push_back(match event {
                StripeEvent::State(state) => Input::StripeReader(state),
                StripeEvent::Swiped(typed) => Input::Swiped(typed),
            });
        }
        while let Some(event) = self.pad.event() {
            self.inputs.push_back(match event {
                PadEvent::State(state) => Input::PinPad(state),
                PadEvent::Key(key) => Input::Key(key),
            });
        }
    }

    fn hear_posd(&mut self, happened: PollFlags) {
        if happened.is_empty() {
            return;
        }
        let Some(client) = &mut self.posd.client else {
            if self.posd.accept() {
                self.inputs.push_back(Input::Connected);
            }
            return;
        };
        match client.flush().and_then(|()| client.receive::<Numbered<Request>>()) {
            Ok(requests) => {
                self.inputs.extend(requests.into_iter().map(|it| Input::Request(it.id, it.body)));
            }
            Err(error) => self.lose_posd(&error),
        }
    }

    fn hear_custodian(&mut self, happened: PollFlags) {
        if happened.is_empty() {
            return;
        }
        let Some(client) = &mut self.custodians.client else {
            self.custodians.accept();
            return;
        };
        match client.flush().and_then(|()| client.receive::<KeyRequest>()) {
            Ok(requests) => self.inputs.extend(requests.into_iter().map(Input::Custodian)),
            Err(error) => self.lose_custodian(&error),
        }
    }

    fn lose_posd(&mut self, error: &io::Error) {
        log_loss("posd", error);
        self.posd.client = None;
        self.inputs.push_back(Input::Disconnected);
    }

    fn lose_custodian(&mut self, error: &io::Error) {
        log_loss("a custodian", error);
        self.custodians.client = None;
        self.inputs.push_back(Input::CustodianGone);
    }

    /// Lets the core decide about everything heard, in order, and does what it orders.
    fn work(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            let now = self.now();
            // What an order leads to comes before what was heard later.
            let later = std::mem::take(&mut self.inputs);
            for output in self.core.handle(input, now) {
                self.perform(output);
            }
            self.inputs.extend(later);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Reply(id, body) => self.tell(&FromVault::Reply(Numbered { id, body })),
            Output::Notice(notice) => self.tell(&FromVault::Notice(notice)),
            Output::PowerOn(slot) => {
                let answer = self.readers.at(slot).and_then(|reader| reader.power_on());
                self.inputs.push_back(Input::Powered(answer));
            }
            Output::PowerOff => self.readers.each_mut().for_each(|(_, reader)| reader.power_off()),
            Output::Transmit(slot, command) => {
                let answer = self.readers.at(slot).and_then(|reader| reader.transmit(&command));
                self.inputs.push_back(Input::Answered(answer));
            }
            Output::Store(blob) => {
                let result = self.store.write(&blob).map_err(|error| {
                    log::error!("the store cannot be written: {error}");
                    StoreFault
                });
                self.inputs.push_back(Input::Stored(result));
            }
            Output::WakeAt(at) => self.wake_at = Some(at),
            Output::NoWake => self.wake_at = None,
            Output::Prompt(prompt) => {
                let state = self.pad.prompt(prompt);
                if prompt.is_some() {
                    self.inputs.push_back(Input::PinPad(state));
                }
            }
            Output::Swipe(wanted) => {
                let state = self.readers.stripe.as_mut().map(|reader| reader.want(wanted));
                if let Some(state) = state.filter(|_| wanted) {
                    self.inputs.push_back(Input::StripeReader(state));
                }
            }
            Output::Custodian(reply) => {
                log::info!("key loading: {reply:?}");
                if let Some(client) = &mut self.custodians.client
                    && let Err(error) = client.send(&reply)
                {
                    self.lose_custodian(&error);
                }
            }
        }
    }

    fn tell(&mut self, message: &FromVault) {
        if let Some(client) = &mut self.posd.client
            && let Err(error) = client.send(message)
        {
            self.lose_posd(&error);
        }
    }
}

fn log_loss(who: &str, error: &io::Error) {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => log::info!("{who} disconnected"),
        _ => log::warn!("the connection of {who} was closed: {error}"),
    }
}

/// Binds a Unix socket at `path`, in place of one that an earlier run left, open to the file mode `mode`. Who may
/// really talk is decided by the credentials of the peer.
///
/// # Errors
/// Whatever the file system gives.
pub fn bind(path: &std::path::Path, mode: u32) -> io::Result<UnixListener> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::other(format!("{} is in the way", path.display()))),
        Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

/// Whether a descriptor has hung up or failed: how drivers check that their device is still there.
pub(crate) fn has_hung_up(descriptor: &impl AsFd) -> bool {
    let mut one = [PollFd::new(descriptor.as_fd(), PollFlags::empty())];
    let _ = poll(&mut one, PollTimeout::ZERO);
    let gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
    one.iter().any(|it| it.revents().is_some_and(|flags| flags.intersects(gone)))
}
