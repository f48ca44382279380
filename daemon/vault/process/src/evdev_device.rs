//! A Linux input device that types secrets: the PIN pad, the stripe reader.
//!
//! It is the configured node, or the one that a udev rule marked; never just any keyboard. It is grabbed for as long as
//! it is there, so that no other program sees a key. Nodes are learnt of by watching directories, not by netlink.

use std::{
    fs::OpenOptions,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};

use evdev::{KeyCode, raw_stream::RawDevice};
use nix::{
    errno::Errno,
    libc,
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify},
        stat::{major, minor},
    },
    unistd::read,
};
use posd_vault_protocol::DeviceState;
use zeroize::Zeroizing;

use crate::{configuration::InputDevice, server::has_hung_up};

/// Size of the kernel's `input_event`: two longs of time, type and code (16 bits each), value (32 bits).
const EVENT: usize = 2 * size_of::<usize>() + 8;
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const SYN_DROPPED: u16 = 3;

/// Something that happened at the device.
pub(crate) enum Typed {
    /// It came, went or failed.
    State(DeviceState),
    /// Some keys were lost.
    Lost,
    /// A key went down (1), up (0), or repeats (2).
    Key(KeyCode, i32),
}

/// The device, there or not.
pub(crate) struct EvdevDevice {
    /// What it is, for the log.
    what: &'static str,
    /// The udev property that marks it, where the configuration names no other.
    mark: &'static str,
    configuration: InputDevice,
    changes: Inotify,
    device: Option<Opened>,
    told: Option<DeviceState>,
    state: DeviceState,
    look: bool,
    /// Events read and not yet given; wiped.
    buffer: Zeroizing<Vec<u8>>,
}

struct Opened {
    path: PathBuf,
    node: u64,
    device: RawDevice,
}

impl EvdevDevice {
    /// Starts to watch for the device. It may come later.
    ///
    /// # Errors
    /// When the kernel gives no inotify descriptor.
    pub(crate) fn new(
        what: &'static str,
        mark: &'static str,
        configuration: InputDevice,
    ) -> std::io::Result<EvdevDevice> {
        let changes = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let device = EvdevDevice {
            what,
            mark,
            configuration,
            changes,
            device: None,
            told: None,
            state: DeviceState::Missing,
            look: true,
            buffer: Zeroizing::new(Vec::with_capacity(64 * EVENT)),
        };
        device.watch();
        Ok(device)
    }

    /// Watches the directories that matter. Done again after each change, as they may come later: a machine without any
    /// input device has no directory for them, and a watch that is already there stays as it is.
    fn watch(&self) {
        let changed = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ATTRIB;
        let nodes = match &self.configuration.device {
            Some(path) => path.parent().unwrap_or(Path::new("/")),
            None => &self.configuration.directory,
        };
        self.watch_or_wait_for(nodes, changed | AddWatchFlags::IN_MOVED_TO);
        if self.configuration.device.is_none() {
            // udev names a node's properties after the node is there.
            self.watch_or_wait_for(&self.configuration.udev_data, AddWatchFlags::IN_MOVED_TO);
        }
    }

    fn watch_or_wait_for(&self, directory: &Path, changes: AddWatchFlags) {
        if self.changes.add_watch(directory, changes).is_ok() {
            return;
        }
        let there = directory.ancestors().skip(1).find(|ancestor| ancestor.is_dir());
        if let Some(Err(error)) = there.map(|it| self.changes.add_watch(it, AddWatchFlags::IN_CREATE)) {
            log::warn!("{}: {error}; a {} that comes later is not noticed", directory.display(), self.what);
        }
    }

    fn find(&self) -> Option<PathBuf> {
        if let Some(path) = &self.configuration.device {
            return path.exists().then(|| path.clone());
        }
        let nodes = std::fs::read_dir(&self.configuration.directory).ok()?;
        let mut marked: Vec<PathBuf> = nodes
            .flatten()
            .filter(|node| node.file_name().to_string_lossy().starts_with("event"))
            .map(|node| node.path())
            .filter(|path| self.is_marked(path))
            .collect();
        marked.sort();
        marked.into_iter().next()
    }

    fn is_marked(&self, path: &Path) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        let name = format!("c{}:{}", major(metadata.rdev()), minor(metadata.rdev()));
        let properties = std::fs::read_to_string(self.configuration.udev_data.join(name));
        let wanted = self.configuration.property.as_deref().unwrap_or(self.mark);
        properties.is_ok_and(|text| text.lines().any(|line| line.strip_prefix("E:") == Some(wanted)))
    }

    /// Looks for the device, opens and grabs it.
    fn open(&mut self) {
        let Some(path) = self.find() else {
            self.state = DeviceState::Missing;
            return;
        };
        match open_and_grab(&path) {
            Ok(opened) => {
                log::info!("{}: {}", self.what, path.display());
                self.device = Some(opened);
                self.state = DeviceState::Ready;
            }
            Err(error) => {
                log::warn!("{} {}: {error}", self.what, path.display());
                self.state = DeviceState::Faulty;
            }
        }
    }

    fn close(&mut self) {
        self.device = None;
        self.buffer.clear();
        self.look = true;
    }

    /// Whether the opened device is still the node of that name.
    fn is_there(&self) -> bool {
        self.device.as_ref().is_some_and(|opened| {
            let node = std::fs::metadata(&opened.path).map(|metadata| metadata.rdev());
            node.is_ok_and(|node| node == opened.node) && !has_hung_up(&opened.device)
        })
    }

    /// Reads what the kernel has. `false` if there is nothing.
    fn fill(&mut self) -> bool {
        let Some(opened) = &self.device else { return false };
        let mut bytes = Zeroizing::new([0; 64 * EVENT]);
        match read(opened.device.as_fd(), &mut bytes[..]) {
            Ok(count @ 1..) => {
                // Never over its capacity, as it was used up before: so it is never moved.
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
            Err(Errno::EAGAIN | Errno::EINTR) => false,
            Ok(_) | Err(_) => {
                self.close();
                false
            }
        }
    }

    /// The next key of the buffer.
    fn next_key(&mut self) -> Option<Typed> {
        let mut found = None;
        let mut used = 0;
        while found.is_none() && self.buffer.len() - used >= EVENT {
            let (_, event) = self.buffer[used..used + EVENT].split_at(EVENT - 8);
            if let [a, b, c, d, value @ ..] = event
                && let Ok(value) = value.try_into().map(i32::from_ne_bytes)
            {
                found = match (u16::from_ne_bytes([*a, *b]), u16::from_ne_bytes([*c, *d])) {
                    (EV_SYN, SYN_DROPPED) => Some(Typed::Lost),
                    (EV_KEY, code) => Some(Typed::Key(KeyCode(code), value)),
                    _ => None,
                };
            }
            used += EVENT;
        }
        let rest = self.buffer.len() - used;
        self.buffer.copy_within(used.., 0);
        self.buffer[rest..].fill(0);
        self.buffer.truncate(rest);
        found
    }

    /// The descriptors to wait on, readable when there may be an event.
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let device = self.device.as_ref().map(|opened| opened.device.as_fd());
        [self.changes.as_fd()].into_iter().chain(device).collect()
    }

    /// The next event, without waiting.
    pub(crate) fn event(&mut self) -> Option<Typed> {
        if self.changes.read_events().is_ok_and(|events| !events.is_empty()) {
            self.look = true;
            self.watch();
        }
        if self.device.is_none() && std::mem::take(&mut self.look) {
            self.open();
        }
        loop {
            // One that has just come is told before its keys, one that is gone after them.
            if self.told != Some(self.state) {
                self.told = Some(self.state);
                return Some(Typed::State(self.state));
            }
            if let Some(key) = self.next_key() {
                return Some(key);
            }
            if !self.fill() {
                if self.device.is_none() && self.state == DeviceState::Ready {
                    self.open();
                    // Even if it is there again: whoever was typing has to begin anew.
                    self.told = None;
                    return Some(Typed::State(DeviceState::Missing));
                }
                return None;
            }
        }
    }

    /// Before somebody's keys are wanted: throws away those pressed before, and tells whether the device is there.
    pub(crate) fn begin(&mut self) -> DeviceState {
        while self.fill() {
            self.buffer.fill(0);
            self.buffer.clear();
        }
        self.buffer.fill(0);
        self.buffer.clear();
        if self.device.is_some() && !self.is_there() {
            self.close();
        }
        if self.device.is_none() {
            self.open();
        }
        self.state
    }

    pub(crate) fn state(&self) -> DeviceState {
        self.state
    }
}

fn open_and_grab(path: &Path) -> std::io::Result<Opened> {
    let node = std::fs::metadata(path)?.rdev();
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut device = RawDevice::from_fd(file.into())?;
    device.grab()?;
    Ok(Opened { path: path.to_owned(), node, device })
}
