//! Keys typed on the PIN pad: the real `posd-vault load-key --pad` at the server's own loop, whose pad types what the
//! custodians would.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    collections::{BTreeMap, VecDeque},
    io::{PipeWriter, Write, pipe},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    thread::JoinHandle,
};

use common::{FIRST, Link, SECOND, check_value, load_key, pad::Pad};
use nix::poll::PollFlags;
use posd_vault::{
    device::{CardReader, Companion, PadEvent, ReaderEvent, Readers},
    server::{Listener, Server, ServerError, bind},
    store::Store,
};
use posd_vault_core::{CardFault, Core, Key, PadPrompt, Settings, hash_password};
use posd_vault_protocol::{Notice, Secret, Slot};
use zeroize::Zeroizing;

/// No reader.
struct NoReader;

impl CardReader for NoReader {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }
    fn event(&mut self) -> Option<ReaderEvent> {
        None
    }
    fn power_on(&mut self) -> Result<Vec<u8>, CardFault> {
        Err(CardFault::NoReader)
    }
    fn power_off(&mut self) {}
    fn transmit(&mut self, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        Err(CardFault::NoReader)
    }
}

/// Types each entry when its prompt stands, in order. `X` is the cancel key.
struct Custodians {
    entries: VecDeque<(PadPrompt, String)>,
    next: u64,
}

impl Companion<NoReader, Pad> for Custodians {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        Vec::new()
    }

    fn wake_at(&self) -> Option<u64> {
        (!self.entries.is_empty()).then_some(self.next)
    }

    fn ready(&mut self, _: &mut NoReader, pad: &mut Pad, now_ms: u64) {
        self.next = now_ms + 20;
        let Some(prompt) = pad.prompt else { return };
        let (wanted, entry) = self.entries.pop_front().expect("a prompt that nobody awaits");
        assert_eq!(prompt, wanted);
        let keys =
            entry.chars().map(|key| key.to_digit(10).map_or(Key::Cancel, |digit| Key::Digit(digit as u8)));
        pad.events.extend(keys.chain([Key::Enter]).map(PadEvent::Key));
    }
}

/// Runs the loop in `directory`, with what will be typed.
fn start(
    directory: &Path,
    entries: Vec<(PadPrompt, String)>,
) -> (PipeWriter, JoinHandle<Result<(), ServerError>>) {
    let at = |name: &str| directory.join(name);
    let users = vec![nix::unistd::Uid::effective().as_raw()];
    let posd = Listener { socket: bind(&at("vault.sock"), 0o666).unwrap(), users: users.clone() };
    let custodians = Listener { socket: bind(&at("keys.sock"), 0o600).unwrap(), users };
    let (stopped, stop) = pipe().unwrap();
    let store = at("store");
    let thread = std::thread::spawn(move || {
        let hash =
            |password: &str| hash_password(password.as_bytes(), &mut |salt: &mut [u8]| salt.fill(3)).unwrap();
        let people = [("alice", "1111"), ("bob", "2222")];
        let people: BTreeMap<String, String> =
            people.into_iter().map(|(name, password)| (name.to_owned(), hash(password))).collect();
        let settings = Settings::new(BTreeMap::new(), people).unwrap();
        let core =
            Core::new(settings, Some(Secret::new(vec![0x42; 32])), None, Box::new(|buffer| buffer.fill(1)));
        let pad = Pad::default();
        let typing = Custodians { entries: entries.into(), next: 0 };
        let readers = Readers::<_> { contact: NoReader, contactless: None, stripe: None };
        Server::new(core, Store::new(&store), posd, custodians, readers, pad, typing)?
            .run(stopped.as_fd(), None)
    });
    (stop, thread)
}

/// Each hexadecimal digit as two decimal digits.
fn decimal(digits: &str) -> String {
    digits.chars().map(|digit| format!("{:02}", digit.to_digit(16).unwrap())).collect()
}

fn typed(password: &str, component: &str) -> Vec<(PadPrompt, String)> {
    vec![
        (PadPrompt::Password, password.to_owned()),
        (PadPrompt::KeyComponent, decimal(component)),
        (PadPrompt::CheckValue, decimal(&check_value(component))),
    ]
}

#[test]
fn two_custodians_type_the_master_key_on_the_pad() {
    let directory = tempfile::tempdir().unwrap();
    let mut entries = vec![(PadPrompt::Password, "3333".to_owned()), (PadPrompt::Password, "X".to_owned())];
    entries.extend(typed("1111", FIRST));
    entries.extend(typed("2222", SECOND));
    let (mut stop, thread) = start(directory.path(), entries);
    let socket = directory.path().join("keys.sock");
    let load = |name: &str| load_key(&socket, &["--pad", "--custodian", name], &[]);
    let (good, said) = load("alice");
    assert!(!good && said.contains("wrong custodian or password"), "{said}");
    let (good, said) = load("alice");
    assert!(!good && said.contains("cancelled at the PIN pad"), "{said}");
    let (good, said) = load("alice");
    assert!(
        good && said.contains("Go on at the PIN pad") && said.contains("First component accepted"),
        "{said}"
    );
    let mut link = Link::connect(&directory.path().join("vault.sock"));
    assert_eq!(link.greet().master_key, None);
    let (good, said) = load("bob");
    assert!(good && said.contains("Terminal master key loaded. Check value DAA042"), "{said}");
    assert_eq!(link.status().master_key, Some([0xDA, 0xA0, 0x42]));
    assert_eq!(
        link.notices,
        [Notice::Card(Slot::Contact, false), Notice::Card(Slot::Contactless, false)],
        "posd hears nothing of what is typed"
    );
    stop.write_all(&[0]).unwrap();
    thread.join().unwrap().unwrap();
}

/// One custodian at the pad, the other with a keyboard.
#[test]
fn the_two_ways_of_giving_a_component_go_together() {
    let directory = tempfile::tempdir().unwrap();
    let (mut stop, thread) = start(directory.path(), typed("2222", SECOND));
    let socket = directory.path().join("keys.sock");
    let lines = ["1111", FIRST, &check_value(FIRST)];
    let (good, said) = load_key(&socket, &["--custodian", "alice"], &lines);
    assert!(good && said.contains("First component accepted"), "{said}");
    let (good, said) = load_key(&socket, &["--pad", "--custodian", "bob"], &[]);
    assert!(good && said.contains("Check value DAA042"), "{said}");
    stop.write_all(&[0]).unwrap();
    thread.join().unwrap().unwrap();
}
