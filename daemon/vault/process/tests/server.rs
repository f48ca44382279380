//! The server's loop with devices of the test's own, as the simulated terminal uses it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    collections::{BTreeMap, VecDeque},
    io::{PipeWriter, Read, Write, pipe},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    thread::JoinHandle,
};

use common::{Link, pad::Pad};
use nix::poll::PollFlags;
use posd_vault::{
    device::{CardReader, Companion, PadEvent, ReaderEvent, Readers},
    server::{Listener, Server, ServerError, bind},
    store::Store,
};
use posd_vault_core::{CardFault, Core, Key, Settings};
use posd_vault_protocol::{
    DeviceState, Notice, OfflinePin, PinPrompt, Refusal, Reply, Request, Slot, VerifyMethod,
};
use zeroize::Zeroizing;

/// Records commands; answers 9000.
struct Card {
    events: VecDeque<ReaderEvent>,
    commands: PipeWriter,
    on: bool,
}

impl CardReader for Card {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn event(&mut self) -> Option<ReaderEvent> {
        self.events.pop_front()
    }

    fn power_on(&mut self) -> Result<Vec<u8>, CardFault> {
        self.on = true;
        Ok(vec![0x3B, 0x00])
    }

    fn power_off(&mut self) {
        self.on = false;
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        assert!(self.on);
        self.commands.write_all(command).unwrap();
        Ok(Zeroizing::new(vec![0x90, 0x00]))
    }
}

/// Types 1234 and Enter, some time after a prompt was shown; inserts and removes the card on demand.
struct Customer {
    orders: UnixStream,
    typing: VecDeque<Key>,
    next: Option<u64>,
}

impl Companion<Card, Pad> for Customer {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        vec![(self.orders.as_fd(), PollFlags::POLLIN)]
    }

    fn wake_at(&self) -> Option<u64> {
        self.next
    }

    fn ready(&mut self, card: &mut Card, pad: &mut Pad, now_ms: u64) {
        let mut order = [0];
        if matches!(self.orders.read(&mut order), Ok(1)) {
            match order {
                [b'i'] => card.events.push_back(ReaderEvent::Card(true)),
                [b'r'] => card.events.push_back(ReaderEvent::Card(false)),
                [b't'] => {
                    let digits = [1, 2, 3, 4].map(Key::Digit);
                    self.typing.extend(digits.into_iter().chain([Key::Enter]));
                    self.next = Some(now_ms + 100);
                }
                other => panic!("no such order: {other:?}"),
            }
        }
        if self.next.is_some_and(|next| next <= now_ms) {
            assert!(pad.prompt.is_some(), "typing without a prompt");
            pad.events.extend(self.typing.pop_front().map(PadEvent::Key));
            self.next = (!self.typing.is_empty()).then_some(now_ms + 100);
        }
    }
}

struct Terminal {
    link: Link,
    orders: UnixStream,
    commands: std::io::PipeReader,
    stop: PipeWriter,
    thread: JoinHandle<Result<(), ServerError>>,
    _directory: tempfile::TempDir,
}

fn terminal() -> Terminal {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let users = vec![nix::unistd::Uid::effective().as_raw()];
    let posd = Listener { socket: bind(&at("vault.sock"), 0o666).unwrap(), users: users.clone() };
    let custodians = Listener { socket: bind(&at("keys.sock"), 0o600).unwrap(), users };
    let (orders, customer) = UnixStream::pair().unwrap();
    customer.set_nonblocking(true).unwrap();
    let (commands, recorder) = pipe().unwrap();
    let (stopped, stop) = pipe().unwrap();
    let store = at("store");
    let thread = std::thread::spawn(move || {
        // The core is not Send, so it is made where it runs.
        let settings = Settings::new(BTreeMap::new(), BTreeMap::new()).unwrap();
        let core = Core::new(settings, None, None, Box::new(|buffer| buffer.fill(1)));
        let ready = ReaderEvent::State(DeviceState::Ready);
        let card = Card { events: [ready].into(), commands: recorder, on: false };
        let readers = Readers::<_> { contact: card, contactless: None, stripe: None };
        let pad = Pad::default();
        let customer = Customer { orders: customer, typing: VecDeque::new(), next: None };
        let store = Store::new(&store);
        Server::new(core, store, posd, custodians, readers, pad, customer)?.run(stopped.as_fd(), None)
    });
    let mut link = Link::connect(&at("vault.sock"));
    link.greet();
    Terminal { link, orders, commands, stop, thread, _directory: directory }
}

fn verify() -> Request {
    let prompt = PinPrompt {
        minimum: 4,
        maximum: 12,
        bypass: false,
        timeout_ms: 10_000,
        amount: 1234,
        currency: 156,
        tries_left: Some(3),
    };
    Request::VerifyOfflinePin { prompt, method: VerifyMethod::Plaintext }
}

#[test]
fn offline_pin_goes_from_pad_to_card_and_nowhere_else() {
    let mut terminal = terminal();
    let link = &mut terminal.link;
    terminal.orders.write_all(b"i").unwrap();
    link.notice(&Notice::Card(Slot::Contact, true));
    assert!(matches!(link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Atr(_)));
    let asked = link.send(verify());
    // Answered in order, so the prompt stands.
    link.status();
    terminal.orders.write_all(b"t").unwrap();
    assert!(matches!(link.reply(asked), Reply::OfflinePin(OfflinePin::Status(0x9000))));
    let mut command = [0; 13];
    terminal.commands.read_exact(&mut command).unwrap();
    assert_eq!(command, [0, 0x20, 0, 0x80, 8, 0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
    let told = link.notices.iter().filter(|notice| matches!(notice, Notice::PinProgress(_))).count();
    assert!((1..=3).contains(&told), "one for each tick, not for each key: {told}");
    terminal.stop.write_all(&[0]).unwrap();
    terminal.thread.join().unwrap().unwrap();
}

#[test]
fn lost_client_ends_prompt_and_card_session() {
    let mut terminal = terminal();
    terminal.orders.write_all(b"i").unwrap();
    terminal.link.notice(&Notice::Card(Slot::Contact, true));
    assert!(matches!(terminal.link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Atr(_)));
    terminal.link.send(verify());
    let path = terminal._directory.path().join("vault.sock");
    terminal.link = Link::connect(&path);
    terminal.link.greet();
    terminal.link.notice(&Notice::Card(Slot::Contact, true));
    // The pad is free again, and the card is off.
    let transmit = Request::Transmit { apdu: vec![0, 0xB0, 0, 0, 0] };
    assert!(matches!(terminal.link.ask(transmit), Reply::Refused(Refusal::CardRemoved)));
    assert!(matches!(terminal.link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Atr(_)));
    let asked = terminal.link.send(verify());
    terminal.link.status();
    terminal.orders.write_all(b"r").unwrap();
    assert!(matches!(terminal.link.reply(asked), Reply::OfflinePin(OfflinePin::CardRemoved)));
    terminal.stop.write_all(&[0]).unwrap();
    terminal.thread.join().unwrap().unwrap();
}
