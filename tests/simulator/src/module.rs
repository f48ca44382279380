//! The secure module of the simulated terminal: the real core, simulated devices, and a socket to move them.

use crate::printer::PaperPrinter;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use des::{
    TdesEde2,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use posd_card::{Card, Profile, issuer};
use posd_vault_core::{CardFault, Core, Input, Key, KeyRequest, Output, PadPrompt, Settings, StoreFault};
use posd_vault_protocol::{Decoder, DeviceState, FromVault, Numbered, Request, Secret, encode};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

/// The made-up terminal master key that the test acquirer knows too.
const MASTER_KEY: [u8; 16] =
    [0x5D, 0x3B, 0x7A, 0x1C, 0x9E, 0x2F, 0x48, 0x60, 0x8C, 0xA4, 0xB6, 0xD0, 0x13, 0x57, 0xF9, 0x2E];
/// The first of its two components; the other is the difference.
const FIRST_COMPONENT: [u8; 16] =
    [0xA1, 0x0F, 0x6B, 0x3C, 0x52, 0x97, 0xD8, 0x4E, 0x1B, 0xC6, 0x70, 0x29, 0xE4, 0x8D, 0x35, 0xF2];
/// The password of each simulated custodian.
const CUSTODIAN_PASSWORD: &str = "20260101";
/// The passwords of operator 01 and supervisor 00, as a terminal is delivered (reference section 7).
pub const OPERATOR_PASSWORD: &str = "0000";
const SUPERVISOR_PASSWORD: &str = "123456";

/// Between two keys that the simulated customer presses.
const KEY_TICK: Duration = Duration::from_millis(150);
/// Until the simulated customer reacts.
const REACTION: Duration = Duration::from_millis(150);

/// Why the module does not start.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// Files and sockets.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The made-up people or keys are not accepted.
    #[error("the simulated secure module: {0}")]
    Core(String),
}

/// What reaches the module's one thread.
enum Event {
    Connected(UnixStream),
    Heard(Vec<u8>),
    Gone,
    Devices(Value, Sender<Value>),
}

/// Something a simulated person will do.
#[derive(Clone, Copy)]
enum Act {
    Press(Key),
    Insert,
    Remove,
}

struct Module {
    core: Core,
    start: Instant,
    store: PathBuf,
    posd: Option<UnixStream>,
    decoder: Decoder,
    card: Card,
    inserted: bool,
    wake: Option<Instant>,
    acts: Vec<(Instant, Act)>,
    /// What the customer types; `None` cancels.
    pin: Option<String>,
    auto: bool,
    printer: PaperPrinter,
}

/// Serves `vault.sock` and `devices.sock` in a directory, and a printer, until the process ends. `ready` is told the
/// printer's address once everything listens.
///
/// # Errors
/// [`ModuleError`].
pub fn serve(directory: &Path, auto: bool, ready: impl FnOnce(&str)) -> Result<(), ModuleError> {
    let core = module_core(directory)?;
    let printer = PaperPrinter::start()?;
    let (sender, events) = mpsc::channel();
    listen_for_posd(&directory.join("vault.sock"), sender.clone())?;
    listen_for_people(&directory.join("devices.sock"), sender)?;
    let mut module = Module {
        core,
        start: Instant::now(),
        store: directory.join("store"),
        posd: None,
        decoder: Decoder::default(),
        card: Card::new(Profile::debit()),
        inserted: false,
        wake: None,
        acts: Vec::new(),
        pin: Some("1234".to_owned()),
        auto,
        printer,
    };
    module.begin()?;
    ready(&module.printer.address().to_string());
    module.run(&events);
    Ok(())
}

/// The core with the simulated terminal's people, and what the last run stored.
fn module_core(directory: &Path) -> Result<Core, ModuleError> {
    let random = |buffer: &mut [u8]| {
        if getrandom::fill(buffer).is_err() {
            std::process::abort();
        }
    };
    let people = |all: &[(&str, &str)]| -> Result<BTreeMap<String, String>, ModuleError> {
        all.iter().map(|(name, password)| Ok(((*name).to_owned(), hash(password)?))).collect()
    };
    let operators =
        people(&[("01", OPERATOR_PASSWORD), ("02", OPERATOR_PASSWORD), ("00", SUPERVISOR_PASSWORD)])?;
    let custodians = people(&[("first", CUSTODIAN_PASSWORD), ("second", CUSTODIAN_PASSWORD)])?;
    let settings =
        Settings::new(operators, custodians).map_err(|error| ModuleError::Core(error.to_string()))?;
    let key = directory.join("storage-key");
    if !key.exists() {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(std::io::Error::other)?;
        std::fs::write(&key, fresh)?;
    }
    let storage_key = Secret::new(std::fs::read(key)?);
    let store = std::fs::read(directory.join("store")).ok();
    Ok(Core::new(settings, Some(storage_key), store, Box::new(random)))
}

/// An argon2id hash at little cost: these passwords are public.
fn hash(password: &str) -> Result<String, ModuleError> {
    let failed = |error: &dyn std::fmt::Display| ModuleError::Core(error.to_string());
    let parameters = Params::new(64, 1, 1, None).map_err(|error| failed(&error))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    let hash = argon
        .hash_password_with_salt(password.as_bytes(), b"simulated-salt-1")
        .map_err(|error| failed(&error))?;
    Ok(hash.to_string())
}

fn listen_for_posd(path: &Path, events: Sender<Event>) -> std::io::Result<()> {
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let Ok(mut reader) = stream.try_clone() else { continue };
            if events.send(Event::Connected(stream)).is_err() {
                return;
            }
            let mut buffer = [0; 4096];
            while let Ok(count) = reader.read(&mut buffer) {
                if count == 0 || events.send(Event::Heard(buffer[..count].to_vec())).is_err() {
                    break;
                }
            }
            if events.send(Event::Gone).is_err() {
                return;
            }
        }
    });
    Ok(())
}

fn listen_for_people(path: &Path, events: Sender<Event>) -> std::io::Result<()> {
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let events = events.clone();
            // A client that breaks off has said what it wanted.
            thread::spawn(move || hear_people(stream, &events));
        }
    });
    Ok(())
}

fn hear_people(mut stream: UnixStream, events: &Sender<Event>) -> Option<()> {
    let lines = BufReader::new(stream.try_clone().ok()?).lines();
    for line in lines.map_while(Result::ok) {
        let answer = match serde_json::from_str(&line) {
            Ok(command) => {
                let (sender, receiver) = mpsc::channel();
                events.send(Event::Devices(command, sender)).ok()?;
                receiver.recv().ok()?
            }
            Err(error) => json!({"error": error.to_string()}),
        };
        writeln!(stream, "{answer}").ok()?;
    }
    Some(())
}

impl Module {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Devices are there; the master key is loaded by two custodians where the store has none.
    fn begin(&mut self) -> Result<(), ModuleError> {
        self.handle(Input::Reader(DeviceState::Ready));
        self.handle(Input::PinPad(DeviceState::Ready));
        if self.core.status().master_key.is_none() {
            let second: Vec<u8> =
                MASTER_KEY.iter().zip(FIRST_COMPONENT).map(|(key, first)| key ^ first).collect();
            for (custodian, component) in [("first", &FIRST_COMPONENT[..]), ("second", &second)] {
                self.handle(Input::Custodian(KeyRequest::Give {
                    custodian: custodian.to_owned(),
                    password: Secret::new(CUSTODIAN_PASSWORD.into()),
                    component: Secret::new(component.to_vec()),
                    check_value: check_value(component),
                }));
            }
            if self.core.status().master_key.is_none() {
                return Err(ModuleError::Core("the master key was not accepted".to_owned()));
            }
        }
        if self.auto {
            self.later(REACTION, Act::Insert);
        }
        Ok(())
    }

    fn run(&mut self, events: &Receiver<Event>) {
        loop {
            let next = self.acts.iter().map(|(at, _)| *at).chain(self.wake).min();
            let event = match next {
                None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => events.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match event {
                Ok(event) => self.hear(event),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.fall_due();
        }
    }

    fn fall_due(&mut self) {
        let now = Instant::now();
        if self.wake.is_some_and(|at| at <= now) {
            self.wake = None;
            self.handle(Input::Wake);
        }
        while let Some(place) = self.acts.iter().position(|(at, _)| *at <= now) {
            match self.acts.remove(place).1 {
                Act::Press(key) => self.handle(Input::Key(key)),
                Act::Insert => self.insert(),
                Act::Remove => self.remove(),
            }
        }
    }

    fn later(&mut self, after: Duration, act: Act) {
        self.acts.push((Instant::now() + after, act));
        self.acts.sort_by_key(|(at, _)| *at);
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected(stream) => {
                self.posd = Some(stream);
                self.decoder = Decoder::default();
                self.handle(Input::Connected);
            }
            Event::Heard(bytes) => {
                self.decoder.push(&bytes);
                loop {
                    match self.decoder.take::<Numbered<Request>>() {
                        Ok(Some(Numbered { id, body })) => self.handle(Input::Request(id, body)),
                        Ok(None) => break,
                        Err(_) => {
                            self.posd = None;
                            break;
                        }
                    }
                }
            }
            Event::Gone => {
                self.posd = None;
                self.handle(Input::Disconnected);
            }
            Event::Devices(command, answer) => {
                let said = self.command(&command);
                // Who asked may be gone.
                let _ = answer.send(said);
            }
        }
    }

    fn insert(&mut self) {
        if !self.inserted {
            self.inserted = true;
            self.handle(Input::Card(true));
        }
    }

    fn remove(&mut self) {
        if self.inserted {
            self.inserted = false;
            self.card.removed();
            self.handle(Input::Card(false));
            if self.auto {
                self.later(REACTION, Act::Insert);
            }
        }
    }

    /// A command of `posctl sim` or of a test.
    fn command(&mut self, command: &Value) -> Value {
        let done = json!({"ok": true});
        if let Some(action) = command.get("card").and_then(Value::as_str) {
            match action {
                "insert" => {
                    match command.get("profile").and_then(Value::as_str) {
                        None => {}
                        Some("debit") => self.card = Card::new(Profile::debit()),
                        Some("credit") => self.card = Card::new(Profile::credit()),
                        Some("offline-pin") => self.card = Card::new(Profile::offline_pin()),
                        Some(_) => return json!({"error": "a card is debit, credit or offline-pin"}),
                    }
                    self.insert();
                }
                "remove" => self.remove(),
                _ => return json!({"error": "a card is inserted or removed"}),
            }
            return done;
        }
        if let Some(pin) = command.get("pin").and_then(Value::as_str) {
            let digits = (4..=12).contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_digit());
            if !digits && pin != "cancel" {
                return json!({"error": "a PIN is 4 to 12 digits, or cancel"});
            }
            self.pin = digits.then(|| pin.to_owned());
            return done;
        }
        if let Some(paper) = command.get("paper").and_then(Value::as_bool) {
            self.printer.set_paper(paper);
            return done;
        }
        if let Some(auto) = command.get("auto").and_then(Value::as_bool) {
            self.auto = auto;
            if auto && !self.inserted {
                self.later(REACTION, Act::Insert);
            }
            return done;
        }
        if command.get("slips").is_some() {
            return json!({"slips": self.printer.slips()});
        }
        if command.get("certificate").is_some() {
            return self.certificate();
        }
        json!({"error": "unknown command: card, pin, paper, auto, slips or certificate"})
    }

    /// The card's last transaction certificate, checked as its issuer would.
    fn certificate(&self) -> Value {
        let Some(issued) = self.card.last_tc() else { return json!({"certificate": null}) };
        let good =
            issuer::verify_tc(&issuer::MASTER_KEY, &issued.pan, issued.sequence, &issued.input, issued.value);
        let text: String = issued.value.iter().map(|b| format!("{b:02X}")).collect();
        json!({"certificate": text, "good": good})
    }

    fn handle(&mut self, input: Input) {
        let now = self.now();
        for output in self.core.handle(input, now) {
            self.perform(output);
        }
    }

    fn perform(&mut self, output: Output) {
        match output {
            Output::Reply(id, body) => self.say(&FromVault::Reply(Numbered { id, body })),
            Output::Notice(notice) => self.say(&FromVault::Notice(notice)),
            Output::PowerOn => {
                let answer = if self.inserted { Ok(self.card.reset()) } else { Err(CardFault::NoCard) };
                self.handle(Input::Powered(answer));
            }
            Output::PowerOff => {
                if self.auto && self.inserted {
                    self.later(REACTION, Act::Remove);
                }
            }
            Output::Transmit(command) => {
                let answer = if self.inserted { self.card.transmit(&command) } else { Vec::new() };
                let answer = if !answer.is_empty() {
                    Ok(answer.into())
                } else if self.inserted && self.card.present() {
                    Err(CardFault::Mute)
                } else {
                    self.inserted = false;
                    Err(CardFault::Removed)
                };
                self.handle(Input::Answered(answer));
            }
            Output::Store(blob) => {
                let stored = std::fs::write(&self.store, blob).map_err(|_| StoreFault);
                self.handle(Input::Stored(stored));
            }
            Output::WakeAt(at) => self.wake = Some(self.start + Duration::from_millis(at)),
            Output::NoWake => self.wake = None,
            Output::Prompt(prompt) => self.type_for(prompt),
            Output::Custodian(_) => {}
        }
    }

    /// The simulated people type what they are asked for.
    fn type_for(&mut self, prompt: Option<PadPrompt>) {
        self.acts.retain(|(_, act)| !matches!(act, Act::Press(_)));
        let typed = match prompt {
            Some(PadPrompt::Pin { .. }) => self.pin.clone(),
            Some(PadPrompt::Password) => Some(OPERATOR_PASSWORD.to_owned()),
            _ => return,
        };
        let keys: Vec<Key> = match typed {
            Some(digits) => digits.bytes().map(|b| Key::Digit(b - b'0')).chain([Key::Enter]).collect(),
            None => vec![Key::Cancel],
        };
        let mut after = REACTION;
        for key in keys {
            after += KEY_TICK;
            self.later(after, Act::Press(key));
        }
    }

    fn say(&mut self, message: &FromVault) {
        let Some(posd) = self.posd.as_mut() else { return };
        let said = encode(message).ok().is_some_and(|bytes| posd.write_all(&bytes).is_ok());
        if !said {
            self.posd = None;
        }
    }
}

/// First three bytes of zeros enciphered under a component.
fn check_value(component: &[u8]) -> [u8; 3] {
    let mut block = [0; 8].into();
    if let Ok(cipher) = TdesEde2::new_from_slice(component) {
        cipher.encrypt_block(&mut block);
    }
    [block[0], block[1], block[2]]
}
