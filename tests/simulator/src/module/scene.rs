//! The simulated devices, and the customer before them. Reader, PIN pad and person share one scene: taking the card
//! out is seen by the reader, a prompt on the pad by the person.

mod field;
mod stripe;

use crate::{module::OPERATORS, printer::PaperPrinter, scanner::LineScanner};
use field::{Field, FieldReader};
use posd_card::{Card, Profile, issuer};
use posd_vault::device::{CardReader, PadEvent, PinPad, ReaderEvent, Readers};
use posd_vault_core::{CardFault, Key, Operator, PadPrompt};
use posd_vault_protocol::DeviceState;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    os::fd::BorrowedFd,
    rc::Rc,
    time::{Duration, Instant},
};
use stripe::{Stripe, SwipeReader};
use zeroize::Zeroizing;

/// How long simulated people take to react, and from one key to the next, unless they are told another pace.
const PACE: Duration = Duration::from_millis(150);
/// The slowest pace that they can be told, in milliseconds.
const SLOWEST: u64 = 10_000;

/// Number and expiry of the test debit card, as a customer reads them out on the phone.
const TYPED_CARD: (&str, &str) = ("6212340000000019", "3012");

/// Something a simulated person will do.
#[derive(Clone, Copy)]
enum Act {
    Press(Key),
    Insert,
    Remove,
    /// Takes the card from the contactless reader.
    Leave,
}

/// What the simulated customer does at a PIN prompt.
enum Customer {
    Types(String),
    Cancels,
    /// Types what a test presses, key by key.
    Waits,
}

pub(super) struct Scene {
    card: Card,
    inserted: bool,
    /// Its chip is broken: it does not answer.
    mute: bool,
    reader: VecDeque<ReaderEvent>,
    field: Field,
    stripe: Stripe,
    pad: VecDeque<PadEvent>,
    acts: Vec<(Instant, Act)>,
    /// What the customer does at a PIN prompt.
    customer: Customer,
    /// The card has power.
    powered: bool,
    /// A prompt stands on the pad.
    prompting: bool,
    /// How the pad is.
    pad_state: DeviceState,
    /// What each operator takes for its password; `None` cancels. Others try the initial one.
    passwords: BTreeMap<Operator, Option<String>>,
    /// What each operator chooses as its new password; without one it cancels.
    chosen: BTreeMap<Operator, String>,
    /// Number and expiry that the cashier types for a phone order; `None` cancels.
    typed_card: Option<(String, String)>,
    /// Inserts when the slot is empty and removes when the card is done.
    auto: bool,
    /// How long people take over each thing they do. At zero it is done before whatever is asked next.
    pace: Duration,
    printer: PaperPrinter,
    scanner: LineScanner,
}

/// The simulated chip card reader.
pub(super) struct Reader(Rc<RefCell<Scene>>);

/// The simulated PIN pad.
pub(super) struct Pad(Rc<RefCell<Scene>>);

/// Whoever stands before the terminal, and what moves by itself.
pub(super) struct Person(Rc<RefCell<Scene>>);

/// Sets everything up: all devices are there, slot and field are empty.
pub(super) fn stage(
    printer: PaperPrinter,
    scanner: LineScanner,
    auto: bool,
) -> (Readers<Reader, FieldReader>, Pad, Person) {
    let mut scene = Scene {
        card: Card::new(Profile::debit()),
        inserted: false,
        mute: false,
        reader: VecDeque::from([ReaderEvent::State(DeviceState::Ready)]),
        field: Field::new(),
        stripe: Stripe::new(),
        pad: VecDeque::from([PadEvent::State(DeviceState::Ready)]),
        acts: Vec::new(),
        customer: Customer::Types("1234".to_owned()),
        powered: false,
        prompting: false,
        pad_state: DeviceState::Ready,
        passwords: OPERATORS
            .iter()
            .filter_map(|(number, password)| Some((Operator::new(number)?, Some((*password).to_owned()))))
            .collect(),
        chosen: BTreeMap::new(),
        typed_card: Some((TYPED_CARD.0.to_owned(), TYPED_CARD.1.to_owned())),
        auto,
        pace: PACE,
        printer,
        scanner,
    };
    if auto {
        scene.later(scene.pace, Act::Insert);
    }
    let scene = Rc::new(RefCell::new(scene));
    let readers = Readers {
        contact: Reader(scene.clone()),
        contactless: Some(FieldReader(scene.clone())),
        stripe: Some(Box::new(SwipeReader(scene.clone()))),
    };
    (readers, Pad(scene.clone()), Person(scene))
}

impl Scene {
    fn later(&mut self, after: Duration, act: Act) {
        if after.is_zero() {
            return self.perform(act);
        }
        self.acts.push((Instant::now() + after, act));
        self.acts.sort_by_key(|(at, _)| *at);
    }

    fn perform(&mut self, act: Act) {
        match act {
            Act::Press(key) => self.pad.push_back(PadEvent::Key(key)),
            Act::Insert => self.insert(),
            Act::Remove => self.remove(),
            Act::Leave => self.field.leave(),
        }
    }

    fn insert(&mut self) {
        if !self.inserted {
            self.inserted = true;
            self.reader.push_back(ReaderEvent::Card(true));
        }
    }

    fn remove(&mut self) {
        if self.inserted {
            self.inserted = false;
            self.powered = false;
            self.card.removed();
            self.reader.push_back(ReaderEvent::Card(false));
            if self.auto {
                self.later(self.pace, Act::Insert);
            }
        }
    }

    /// The simulated people type what they are asked for.
    fn type_for(&mut self, prompt: Option<PadPrompt>) {
        self.acts.retain(|(_, act)| !matches!(act, Act::Press(_)));
        let typed = match prompt {
            Some(PadPrompt::Pin { .. }) => match &self.customer {
                Customer::Types(digits) => Some(digits.clone()),
                Customer::Cancels => None,
                Customer::Waits => return,
            },
            Some(PadPrompt::OperatorPassword(operator)) => match self.passwords.get(&operator) {
                Some(password) => password.clone(),
                None => Some(operator.initial_password().to_owned()),
            },
            Some(PadPrompt::NewPassword(operator)) => self.chosen.get(&operator).cloned(),
            Some(PadPrompt::NewPasswordAgain(operator)) => {
                let chosen = self.chosen.remove(&operator);
                if chosen.is_some() {
                    self.passwords.insert(operator, chosen.clone());
                }
                chosen
            }
            Some(PadPrompt::CardNumber { .. }) => self.typed_card.as_ref().map(|(pan, _)| pan.clone()),
            Some(PadPrompt::CardExpiry) => self.typed_card.as_ref().map(|(_, expiry)| expiry.clone()),
            // A custodian's: nobody here types keys.
            Some(PadPrompt::Password | PadPrompt::KeyComponent | PadPrompt::CheckValue) | None => return,
        };
        let keys: Vec<Key> = match typed {
            Some(digits) => digits.bytes().map(|b| Key::Digit(b - b'0')).chain([Key::Enter]).collect(),
            None => vec![Key::Cancel],
        };
        let mut after = self.pace;
        for key in keys {
            after += self.pace;
            self.later(after, Act::Press(key));
        }
    }

    /// `{"00": "246810"}`: what that operator types from now on; `"cancel"` cancels.
    fn remember(&mut self, passwords: &Value) -> Value {
        let Some(all) = each_operator(passwords) else { return json!({"error": OPERATORS_WANTED}) };
        for (operator, password) in all {
            self.passwords.insert(operator, (password != "cancel").then_some(password));
        }
        json!({"ok": true})
    }

    /// `{"01": "8642"}`: the next new password that this operator chooses; `"cancel"` cancels.
    fn choose(&mut self, passwords: &Value) -> Value {
        let Some(all) = each_operator(passwords) else { return json!({"error": OPERATORS_WANTED}) };
        for (operator, password) in all {
            self.chosen.remove(&operator);
            if password != "cancel" {
                self.chosen.insert(operator, password);
            }
        }
        json!({"ok": true})
    }

    /// `{"number": "…", "expiry": "YYMM"}`, or `"cancel"`.
    fn type_card(&mut self, card: &Value) -> Value {
        let digits = |name: &str| {
            let text = card.get(name)?.as_str()?;
            is_digits(text).then(|| text.to_owned())
        };
        self.typed_card = match (card.as_str(), digits("number"), digits("expiry")) {
            (Some("cancel"), ..) => None,
            (_, Some(number), Some(expiry)) => Some((number, expiry)),
            _ => return json!({"error": "a typed card has number and expiry in digits, or is cancel"}),
        };
        json!({"ok": true})
    }

    /// The type of the card's last cryptogram, and its last transaction certificate, checked as its issuer would.
    fn certificate(&self) -> Value {
        let last = self.card.last_cryptogram().map(|issued| format!("{:?}", issued.kind).to_lowercase());
        let Some(issued) = self.card.last_tc() else { return json!({"last": last, "certificate": null}) };
        let good =
            issuer::verify_tc(&issuer::MASTER_KEY, &issued.pan, issued.sequence, &issued.input, issued.value);
        let text: String = issued.value.iter().map(|b| format!("{b:02X}")).collect();
        json!({"last": last, "certificate": text, "good": good})
    }
}

const PROFILES: [&str; 9] =
    ["debit", "mute", "credit", "offline-pin", "enciphered-pin", "combined", "combo", "confirm", "offline"];

/// A card of the shelf; `mute` is a debit card with a broken chip, `confirm` is a debit card that asks to be confirmed, `offline` one that counts no offline sales.
fn profile(name: &str) -> Option<Profile> {
    match name {
        "debit" | "mute" => Some(Profile::debit()),
        "credit" => Some(Profile::credit()),
        "offline-pin" => Some(Profile::offline_pin()),
        "enciphered-pin" => Some(Profile::enciphered_pin()),
        "combined" => Some(Profile::combined()),
        "combo" => Some(Profile::combo()),
        "confirm" => Some(Profile::debit().with(|application| application.needs_confirmation = true)),
        "offline" => Some(Profile::debit().with(|application| application.offline_limits = None)),
        _ => None,
    }
}

const STATES_WANTED: &str = "a device is ready, missing or faulty";

fn device_state(word: &Value) -> Option<DeviceState> {
    match word.as_str()? {
        "ready" => Some(DeviceState::Ready),
        "missing" => Some(DeviceState::Missing),
        "faulty" => Some(DeviceState::Faulty),
        _ => None,
    }
}

const OPERATORS_WANTED: &str = "passwords are digits, or cancel, by two-digit operator numbers";

/// Passwords by operator; none if anything else is there.
fn each_operator(passwords: &Value) -> Option<Vec<(Operator, String)>> {
    let one = |(number, password): (&String, &Value)| {
        let password = password.as_str().filter(|text| is_digits(text) || *text == "cancel")?;
        Some((Operator::new(number)?, password.to_owned()))
    };
    passwords.as_object()?.iter().map(one).collect()
}

fn is_digits(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Person {
    /// When something happens next.
    pub(super) fn next(&self) -> Option<Instant> {
        let scene = self.0.borrow();
        // What was done at once, such as keys for a second prompt, waits to be heard: no descriptor tells of it.
        let heard = scene.pad.is_empty()
            && scene.reader.is_empty()
            && scene.field.events.is_empty()
            && scene.stripe.events.is_empty();
        if !heard {
            return Some(Instant::now());
        }
        scene.acts.first().map(|(at, _)| *at)
    }

    /// Does what has fallen due.
    pub(super) fn act(&mut self) {
        let mut scene = self.0.borrow_mut();
        let now = Instant::now();
        while scene.acts.first().is_some_and(|(at, _)| *at <= now) {
            let act = scene.acts.remove(0).1;
            scene.perform(act);
        }
    }

    /// A command of `posctl sim` or of a test, and the answer to it.
    pub(super) fn told(&mut self, command: &Value) -> Value {
        let mut scene = self.0.borrow_mut();
        let done = json!({"ok": true});
        let with_card = ["card", "profile", "pin", "torn"];
        let several = command.as_object().is_some_and(|all| {
            all.len() > 1
                && !(all.contains_key("card") && all.keys().all(|name| with_card.contains(&name.as_str())))
        });
        if several {
            // Half of it would be done and the rest forgotten.
            return json!({"error": "one command at a time"});
        }
        if let Some(action) = command.get("card").and_then(Value::as_str) {
            match action {
                "insert" => {
                    if let Some(name) = command.get("profile").and_then(Value::as_str) {
                        let Some(profile) = profile(name) else {
                            return json!({"error": format!("a card is one of {}", PROFILES.join(", "))});
                        };
                        let pin = command.get("pin").and_then(Value::as_str).unwrap_or("1234").to_owned();
                        scene.mute = name == "mute";
                        scene.card = Card::new(Profile { pin, ..profile });
                    }
                    scene.insert();
                }
                "remove" => scene.remove(),
                "tap" => return scene.field.tap(command),
                "swipe" => return scene.stripe.swipe(command),
                "collide" => scene.field.collide(),
                "leave" => scene.field.leave(),
                _ => {
                    return json!({"error": "a card is inserted, removed, tapped or swiped, or collides, or leaves"});
                }
            }
            return done;
        }
        if let Some(pin) = command.get("pin").and_then(Value::as_str) {
            let digits = (4..=12).contains(&pin.len()) && pin.bytes().all(|b| b.is_ascii_digit());
            scene.customer = match pin {
                "cancel" => Customer::Cancels,
                "wait" => Customer::Waits,
                _ if digits => Customer::Types(pin.to_owned()),
                _ => return json!({"error": "a PIN is 4 to 12 digits, or cancel, or wait"}),
            };
            return done;
        }
        if let Some(name) = command.get("key").and_then(Value::as_str) {
            let key = match (name, name.as_bytes()) {
                ("enter", _) => Key::Enter,
                ("cancel", _) => Key::Cancel,
                ("clear", _) => Key::Clear,
                (_, [digit @ b'0'..=b'9']) => Key::Digit(digit - b'0'),
                _ => return json!({"error": "a key is a digit, enter, clear or cancel"}),
            };
            scene.pad.push_back(PadEvent::Key(key));
            return done;
        }
        if let Some(passwords) = command.get("password") {
            return scene.remember(passwords);
        }
        if let Some(passwords) = command.get("new-password") {
            return scene.choose(passwords);
        }
        if let Some(card) = command.get("typed-card") {
            return scene.type_card(card);
        }
        if let Some(code) = command.get("scan").and_then(Value::as_str) {
            return match scene.scanner.scan(code) {
                true => done,
                false => json!({"error": "nobody listens to the scanner"}),
            };
        }
        if command.get("scanner").and_then(Value::as_str) == Some("unplug") {
            scene.scanner.unplug();
            return done;
        }
        if let Some(paper) = command.get("paper").and_then(Value::as_bool) {
            scene.printer.set_paper(paper);
            return done;
        }
        if let Some(lines) = command.get("paper").and_then(Value::as_u64) {
            scene.printer.set_lines_left(usize::try_from(lines).unwrap_or(usize::MAX));
            return done;
        }
        if let Some(auto) = command.get("auto").and_then(Value::as_bool) {
            scene.auto = auto;
            if auto && !scene.inserted {
                let pace = scene.pace;
                scene.later(pace, Act::Insert);
            }
            return done;
        }
        if let Some(state) = command.get("reader") {
            let Some(state) = device_state(state) else { return json!({"error": STATES_WANTED}) };
            if state != DeviceState::Ready {
                scene.inserted = false;
                scene.powered = false;
            }
            scene.reader.push_back(ReaderEvent::State(state));
            return done;
        }
        if let Some(state) = command.get("contactless") {
            let Some(state) = device_state(state) else { return json!({"error": STATES_WANTED}) };
            scene.field.set_state(state);
            return done;
        }
        if let Some(state) = command.get("stripe-reader") {
            let Some(state) = device_state(state) else { return json!({"error": STATES_WANTED}) };
            scene.stripe.set_state(state);
            return done;
        }
        if let Some(state) = command.get("pad") {
            let Some(state) = device_state(state) else { return json!({"error": STATES_WANTED}) };
            scene.pad_state = state;
            scene.pad.push_back(PadEvent::State(state));
            return done;
        }
        if let Some(pace) = command.get("pace") {
            let Some(ms) = pace.as_u64().filter(|ms| *ms <= SLOWEST) else {
                return json!({"error": "a pace is 0 to 10000 milliseconds"});
            };
            scene.pace = Duration::from_millis(ms);
            return done;
        }
        if command.get("slips").is_some() {
            return json!({"slips": scene.printer.slips()});
        }
        if command.get("certificate").is_some() {
            return scene.certificate();
        }
        if command.get("held").is_some() {
            return scene.field.held();
        }
        if command.get("devices").is_some() {
            let Scene { inserted, powered, prompting, .. } = *scene;
            return json!({"inserted": inserted, "powered": powered, "prompting": prompting});
        }
        json!({"error": "unknown command: card, pin, key, password, new-password, typed-card, paper, auto, reader, contactless, stripe-reader, pad, pace, slips, certificate, held or devices"})
    }
}

impl CardReader for Reader {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn event(&mut self) -> Option<ReaderEvent> {
        self.0.borrow_mut().reader.pop_front()
    }

    fn power_on(&mut self) -> Result<Vec<u8>, CardFault> {
        let mut scene = self.0.borrow_mut();
        // The terminal has begun again with a card that its customer was about to take out.
        scene.acts.retain(|(_, act)| !matches!(act, Act::Remove));
        scene.powered = scene.inserted;
        match scene.inserted {
            true if scene.mute => Err(CardFault::Mute),
            true => Ok(scene.card.reset()),
            false => Err(CardFault::NoCard),
        }
    }

    fn power_off(&mut self) {
        let mut scene = self.0.borrow_mut();
        // Power is cut whenever the daemon's link ends, too: a card that nobody was talking to stays where it is.
        let done_with = std::mem::take(&mut scene.powered);
        if done_with && scene.auto && scene.inserted {
            let pace = scene.pace;
            scene.later(pace, Act::Remove);
        }
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        let mut scene = self.0.borrow_mut();
        let answer = if scene.inserted { scene.card.transmit(command) } else { Vec::new() };
        if !answer.is_empty() {
            Ok(answer.into())
        } else if scene.inserted && scene.card.present() {
            Err(CardFault::Mute)
        } else {
            scene.inserted = false;
            scene.powered = false;
            Err(CardFault::Removed)
        }
    }
}

impl PinPad for Pad {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn event(&mut self) -> Option<PadEvent> {
        self.0.borrow_mut().pad.pop_front()
    }

    fn prompt(&mut self, prompt: Option<PadPrompt>) -> DeviceState {
        let mut scene = self.0.borrow_mut();
        scene.pad.retain(|event| !matches!(event, PadEvent::Key(_)));
        if scene.pad_state == DeviceState::Ready {
            scene.prompting = prompt.is_some();
            scene.type_for(prompt);
        }
        scene.pad_state
    }
}

#[cfg(test)]
mod tests;
