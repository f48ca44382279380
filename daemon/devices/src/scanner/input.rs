//! A scanner that is a Linux input device: found, grabbed, read.
//!
//! Nodes are learnt of by watching directories, not by netlink.

use super::{
    Heard,
    keys::{KeyEvent, Keys},
};
use evdev::raw_stream::RawDevice;
use nix::{
    errno::Errno,
    fcntl::OFlag,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        inotify::{AddWatchFlags, InitFlags, Inotify},
        stat::{major, minor},
    },
    unistd::read,
};
use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Which input device.
#[derive(Debug, Clone)]
pub struct Input {
    /// The event node itself; without one the scanner is found by `property`.
    pub device: Option<PathBuf>,
    /// The udev property that marks the scanner, given by a udev rule.
    pub property: String,
    /// The udev property that marks the PIN pad: what has it is never taken.
    pub pin_pad: String,
    /// Where event nodes appear.
    pub directory: PathBuf,
    /// Where udev keeps properties.
    pub udev_data: PathBuf,
}

impl Default for Input {
    fn default() -> Input {
        Input {
            device: None,
            property: "ID_POSD_SCANNER=1".to_owned(),
            pin_pad: "ID_POSD_PINPAD=1".to_owned(),
            directory: "/dev/input".into(),
            udev_data: "/run/udev/data".into(),
        }
    }
}

/// Size of the kernel's `input_event`: two longs of time, type and code (16 bits each), value (32 bits).
const LONG: usize = size_of::<usize>();
const EVENT: usize = 2 * LONG + 8;

impl Input {
    /// The scanner's node, where there is one. `Err` for one that is the PIN pad.
    fn find(&self) -> Result<Option<PathBuf>, io::Error> {
        let found = match &self.device {
            Some(path) => path.exists().then(|| path.clone()),
            None => {
                let nodes = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
                let events = nodes.filter(|node| node.file_name().to_string_lossy().starts_with("event"));
                let mut marked: Vec<PathBuf> =
                    events.map(|node| node.path()).filter(|path| self.has(path, &self.property)).collect();
                marked.sort();
                marked.into_iter().next()
            }
        };
        match found {
            Some(path) if self.has(&path, &self.pin_pad) => Err(io::Error::other(format!(
                "{} is marked as the PIN pad, which is the secure module's: name another device",
                path.display()
            ))),
            found => Ok(found),
        }
    }

    fn has(&self, path: &Path, property: &str) -> bool {
        let Ok(metadata) = std::fs::metadata(path) else { return false };
        let name = format!("c{}:{}", major(metadata.rdev()), minor(metadata.rdev()));
        let properties = std::fs::read_to_string(self.udev_data.join(name));
        properties.is_ok_and(|text| text.lines().any(|line| line.strip_prefix("E:") == Some(property)))
    }

    /// Watches the directories that matter, or the nearest that is there: they may come later. A watch that is already
    /// there stays as it is.
    fn watch(&self, changes: &Inotify) {
        let changed = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVED_TO;
        let nodes = self.device.as_ref().map_or(&*self.directory, |path| path.parent().unwrap_or(path));
        for directory in [nodes, &self.udev_data] {
            let there = directory.ancestors().find(|ancestor| ancestor.is_dir());
            if let Some(Err(error)) = there.map(|it| changes.add_watch(it, changed)) {
                log::warn!("{}: {error}; a scanner that comes later is not noticed", directory.display());
            }
        }
    }
}

fn open_and_grab(path: &Path) -> io::Result<RawDevice> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let mut device = RawDevice::from_fd(file.into())?;
    // Refused where another program has it: the PIN pad is the secure module's for its whole life.
    device.grab()?;
    Ok(device)
}

/// Serves the scanner for as long as the process runs. It waits for the kernel, without a tick.
pub(super) fn run(input: &Input, tell: &mut impl FnMut(Heard)) {
    let changes = match Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK) {
        Ok(changes) => changes,
        Err(error) => {
            log::error!("the code scanner cannot be looked for: {error}");
            return tell(Heard::Faulty);
        }
    };
    loop {
        input.watch(&changes);
        match input.find().and_then(|found| found.map(|path| Ok((open_and_grab(&path)?, path))).transpose()) {
            Ok(Some((device, path))) => {
                log::info!("code scanner: {}", path.display());
                tell(Heard::Ready);
                let end = serve(&device, &path, &changes, tell);
                log::info!("code scanner {}: {}", path.display(), end.err().unwrap_or(Errno::ENODEV));
                tell(Heard::Missing);
                // It may be there again already.
                continue;
            }
            Ok(None) => tell(Heard::Missing),
            Err(error) => {
                log::warn!("code scanner: {error}");
                tell(Heard::Faulty);
            }
        }
        while !has_changed(&changes) {
            wait(&[changes.as_fd()]);
        }
    }
}

fn wait(descriptors: &[BorrowedFd<'_>]) {
    let mut all: Vec<PollFd<'_>> =
        descriptors.iter().map(|descriptor| PollFd::new(*descriptor, PollFlags::POLLIN)).collect();
    // Interrupted: whoever waits looks again.
    let _ = poll(&mut all, PollTimeout::NONE);
}

/// Whether the watched directories have changed since it was last asked.
fn has_changed(changes: &Inotify) -> bool {
    changes.read_events().is_ok_and(|events| !events.is_empty())
}

/// Reads it until it is gone.
fn serve(
    device: &RawDevice,
    path: &Path,
    changes: &Inotify,
    tell: &mut impl FnMut(Heard),
) -> Result<(), Errno> {
    let number = |path: &Path| std::fs::metadata(path).map(|metadata| metadata.rdev()).ok();
    let node = number(path);
    let mut keys = Keys::default();
    let mut buffer = Zeroizing::new([0; 64 * EVENT]);
    loop {
        wait(&[device.as_fd(), changes.as_fd()]);
        // A node of that name that is another device now is another scanner.
        if has_changed(changes) && number(path) != node {
            return Ok(());
        }
        match read(device.as_fd(), &mut buffer[..]) {
            Ok(0) => return Ok(()),
            Ok(count) => {
                let (events, _) = buffer[..count].as_chunks::<EVENT>();
                for code in events.iter().filter_map(|event| keys.take(key_event(event)?)) {
                    tell(Heard::Code(code));
                }
                buffer.fill(0);
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

fn key_event(bytes: &[u8; EVENT]) -> Option<KeyEvent> {
    let long = |at: usize| bytes.get(at..at + LONG)?.try_into().ok().map(isize::from_ne_bytes);
    let short = |at: usize| bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes);
    let (seconds, micros) = (long(0)? as i64, long(LONG)? as i64);
    Some(KeyEvent {
        time: seconds.saturating_mul(1_000_000).saturating_add(micros),
        kind: short(2 * LONG)?,
        code: short(2 * LONG + 2)?,
        value: bytes.get(2 * LONG + 4..)?.try_into().ok().map(i32::from_ne_bytes)?,
    })
}
