//! The rules of the secure module, one test each.

mod cards;
mod intruder;
mod keys;
mod operators;
mod passwords;
mod prompts;
mod sequences;
mod swipe;
mod typed_card;

use std::{cell::Cell, collections::BTreeMap, rc::Rc};

use posd_vault_protocol::{
    DeviceState, Digits, EncipheredKey, KeyAlgorithm, Notice, PinPrompt, Refusal, Reply, Request, Secret,
    Slot, Status, VERSION,
};

use crate::{
    Core, Input, Key, KeyReply, KeyRequest, Output, PadPrompt, Settings, crypto::Cipher, password::hash_with,
};

/// The made-up storage key.
pub(crate) const STORAGE: [u8; 32] = [0x42; 32];
/// The made-up terminal master key.
pub(crate) const MASTER: &str = "5D3B7A1C9E2F48608CA4B6D01357F92E";
/// Its first component; the other is the difference.
const FIRST: &str = "A10F6B3C5297D84E1BC67029E48D35F2";
pub(crate) const PIN_KEY: &str = "807A23AD32B36D457AE91FDF927570EA";
pub(crate) const MAC_KEY: &str = "55036372B17543ECB173730768B8D6C4";
pub(crate) const PAN: &str = "6212340000000019";

/// Bytes of hexadecimal digits; white space is skipped.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A core with a clock and a store, and the replies sorted.
pub(crate) struct Bench {
    pub(crate) core: Core,
    pub(crate) now: u64,
    pub(crate) blob: Option<Vec<u8>>,
    pub(crate) store_works: Rc<Cell<bool>>,
    pub(crate) wake: Option<u64>,
    /// Whether a card command is answered by the test itself.
    pub(crate) transmitted: Vec<Vec<u8>>,
    pub(crate) out: Vec<Output>,
}

fn people(names: &[(&str, &str)]) -> BTreeMap<String, String> {
    let hash = |password: &str| hash_with(password.as_bytes(), &mut |salt| salt.fill(3), 16, 1).unwrap();
    names.iter().map(|(name, password)| ((*name).to_owned(), hash(password))).collect()
}

pub(crate) fn core(storage_key: Option<[u8; 32]>, blob: Option<Vec<u8>>) -> Core {
    core_with(settings(), storage_key, blob)
}

fn settings() -> Settings {
    let settings = Settings::new(
        people(&[("00", "246810"), ("01", "1357")]),
        people(&[("alice", "1111"), ("bob", "2222")]),
    );
    settings.unwrap().with_cheap_hashes(16, 1)
}

fn core_with(settings: Settings, storage_key: Option<[u8; 32]>, blob: Option<Vec<u8>>) -> Core {
    let mut counter = 0u8;
    let random = move |buffer: &mut [u8]| {
        for byte in buffer {
            counter = counter.wrapping_mul(5).wrapping_add(77);
            *byte = counter;
        }
    };
    Core::new(settings, storage_key.map(|key| Secret::new(key.to_vec())), blob, Box::new(random))
}

impl Bench {
    pub(crate) fn with(core: Core, blob: Option<Vec<u8>>) -> Bench {
        let mut bench = Bench {
            core,
            now: 1_000,
            blob,
            store_works: Rc::new(Cell::new(true)),
            wake: None,
            transmitted: Vec::new(),
            out: Vec::new(),
        };
        bench.input(Input::Reader(Slot::Contact, DeviceState::Ready));
        bench.input(Input::PinPad(DeviceState::Ready));
        bench.input(Input::Connected);
        bench.ask(Request::Hello { version: VERSION });
        bench.out.clear();
        bench
    }

    /// Devices ready, connected, no keys.
    pub(crate) fn empty() -> Bench {
        Bench::with(core(Some(STORAGE), None), None)
    }

    /// With master key and work keys.
    pub(crate) fn keyed() -> Bench {
        let mut bench = Bench::empty();
        bench.load_master();
        assert!(matches!(bench.ask(work_keys()), Reply::Done));
        bench
    }

    /// With keys, and a card that is powered on.
    pub(crate) fn with_card() -> Bench {
        let mut bench = Bench::keyed();
        bench.input(Input::Card(Slot::Contact, true));
        bench.input(Input::Request(9, Request::PowerOn { slot: Slot::Contact }));
        bench.input(Input::Powered(Ok(vec![0x3B, 0x00])));
        assert!(matches!(bench.reply(9), Some(Reply::Atr(_))));
        bench.out.clear();
        bench
    }

    pub(crate) fn input(&mut self, input: Input) {
        for output in self.core.handle(input, self.now) {
            match output {
                Output::WakeAt(at) => self.wake = Some(at),
                Output::NoWake => self.wake = None,
                Output::Store(blob) => {
                    let works = self.store_works.get();
                    if works {
                        self.blob = Some(blob);
                    }
                    self.input(Input::Stored(works.then_some(()).ok_or(crate::StoreFault)));
                }
                Output::Transmit(_, command) => self.transmitted.push(command.to_vec()),
                other => self.out.push(other),
            }
        }
    }

    /// Lets time pass, waking the core when it wants.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while let Some(at) = self.wake.filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.wake = None;
            self.input(Input::Wake);
        }
        self.now = end;
    }

    pub(crate) fn reply(&mut self, id: u32) -> Option<Reply> {
        let place = self.out.iter().position(|out| matches!(out, Output::Reply(of, _) if *of == id))?;
        match self.out.remove(place) {
            Output::Reply(_, reply) => Some(reply),
            _ => None,
        }
    }

    /// Asks something that is answered at once.
    pub(crate) fn ask(&mut self, request: Request) -> Reply {
        self.input(Input::Request(7, request));
        self.reply(7).expect("an answer at once")
    }

    pub(crate) fn refusal(&mut self, request: Request) -> Refusal {
        match self.ask(request) {
            Reply::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) fn custodian(&mut self, request: KeyRequest) -> KeyReply {
        self.input(Input::Custodian(request));
        self.custodian_reply().expect("an answer at once")
    }

    pub(crate) fn custodian_reply(&mut self) -> Option<KeyReply> {
        let place = self.out.iter().position(|out| matches!(out, Output::Custodian(_)))?;
        match self.out.remove(place) {
            Output::Custodian(reply) => Some(reply),
            _ => None,
        }
    }

    pub(crate) fn load_master(&mut self) {
        let (first, second) = components();
        assert_eq!(self.custodian(give("alice", "1111", &first)), KeyReply::FirstAccepted);
        let reply = self.custodian(give("bob", "2222", &second));
        assert_eq!(reply, KeyReply::Loaded { check_value: check_value(&bytes(MASTER)) });
    }

    pub(crate) fn press(&mut self, digits: &str) {
        for digit in digits.bytes() {
            self.input(Input::Key(Key::Digit(digit - b'0')));
        }
    }

    pub(crate) fn notices(&self) -> Vec<Notice> {
        let notice = |out: &Output| match out {
            Output::Notice(notice) => Some(notice.clone()),
            _ => None,
        };
        self.out.iter().filter_map(notice).collect()
    }

    pub(crate) fn prompts(&self) -> Vec<Option<PadPrompt>> {
        let prompt = |out: &Output| match out {
            Output::Prompt(prompt) => Some(*prompt),
            _ => None,
        };
        self.out.iter().filter_map(prompt).collect()
    }

    pub(crate) fn status(&mut self) -> Status {
        match self.ask(Request::Status) {
            Reply::Status(status) => status,
            other => panic!("no status: {other:?}"),
        }
    }
}

pub(crate) fn components() -> (Vec<u8>, Vec<u8>) {
    let second = bytes(MASTER).iter().zip(bytes(FIRST)).map(|(a, b)| a ^ b).collect();
    (bytes(FIRST), second)
}

pub(crate) fn check_value(key: &[u8]) -> [u8; 3] {
    crate::crypto::check_value(KeyAlgorithm::TripleDes, key).unwrap()
}

pub(crate) fn give(name: &str, password: &str, component: &[u8]) -> KeyRequest {
    KeyRequest::Give {
        custodian: name.to_owned(),
        password: Secret::new(password.as_bytes().to_vec()),
        component: Secret::new(component.to_vec()),
        check_value: check_value(component),
    }
}

/// A key as the host sends it.
pub(crate) fn wrapped(key: &str) -> EncipheredKey {
    let master = Cipher::new(&bytes(MASTER)).unwrap();
    let clear = bytes(key);
    let cipher = clear.as_chunks::<8>().0.iter().flat_map(|block| master.encrypt(*block)).collect();
    let check_value = Cipher::new(&clear).unwrap().encrypt([0; 8])[..4].to_vec();
    EncipheredKey { cipher, check_value }
}

pub(crate) fn work_keys() -> Request {
    Request::LoadWorkKeys {
        algorithm: KeyAlgorithm::TripleDes,
        pin_key: wrapped(PIN_KEY),
        mac_key: wrapped(MAC_KEY),
    }
}

pub(crate) fn prompt() -> PinPrompt {
    PinPrompt {
        minimum: 4,
        maximum: 12,
        bypass: true,
        timeout_ms: 30_000,
        amount: 1234,
        currency: 156,
        tries_left: None,
    }
}

pub(crate) fn online() -> Request {
    Request::EnterOnlinePin { prompt: prompt(), pan: Digits::new(PAN).unwrap() }
}
