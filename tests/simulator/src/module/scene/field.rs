//! The contactless reader: a card or a phone is held to it for a moment, and leaves once it is let go.

use super::{Act, Scene};
use posd_card::{Card, Fault, Misbehaviour, Profile, When};
use posd_vault::device::{CardReader, ReaderEvent};
use posd_vault_core::CardFault;
use posd_vault_protocol::DeviceState;
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    collections::VecDeque,
    os::fd::BorrowedFd,
    rc::Rc,
    time::{Duration, Instant},
};
use zeroize::Zeroizing;

/// The cards and the phone that can be held to the reader.
const TAPPED: [&str; 3] = ["debit", "phone", "chip-only"];

/// What is in the field.
pub(super) struct Field {
    card: Card,
    present: bool,
    powered: bool,
    /// It is held so badly that it does not answer.
    mute: bool,
    pub(super) events: VecDeque<ReaderEvent>,
    held: Held,
}

/// How long a card was held since it got power, and for how much of that it had the word.
#[derive(Default)]
struct Held {
    first: Option<Instant>,
    last: Option<Instant>,
    card: Duration,
    commands: u32,
}

impl Field {
    /// A reader with nothing in its field.
    pub(super) fn new() -> Field {
        Field {
            card: Card::new(Profile::quick_pass()),
            present: false,
            powered: false,
            mute: false,
            events: VecDeque::from([ReaderEvent::State(DeviceState::Ready)]),
            held: Held::default(),
        }
    }

    pub(super) fn set_state(&mut self, state: DeviceState) {
        if state != DeviceState::Ready {
            self.present = false;
            self.powered = false;
        }
        self.events.push_back(ReaderEvent::State(state));
    }

    pub(super) fn leave(&mut self) {
        if std::mem::take(&mut self.present) {
            self.powered = false;
            self.card.removed();
            self.events.push_back(ReaderEvent::Card(false));
        }
    }

    /// `{"card": "tap", "profile": "phone", "torn": 3}`: held to the reader, and taken away too early, at the command of
    /// that number; at 0 it does not answer at all. Without a profile it is the card of the last tap.
    pub(super) fn tap(&mut self, command: &Value) -> Value {
        if let Some(name) = command.get("profile").and_then(Value::as_str) {
            let profile = match name {
                "debit" => Profile::quick_pass(),
                "phone" => Profile::phone(),
                "chip-only" => Profile::debit(),
                _ => return json!({"error": format!("a tapped card is one of {}", TAPPED.join(", "))}),
            };
            self.card = Card::new(profile);
        }
        self.card.behave();
        self.mute = false;
        match command.get("torn").map(Value::as_u64) {
            None => {}
            Some(Some(0)) => self.mute = true,
            Some(Some(place @ 1..=100)) => {
                let place = When::Apdu(usize::try_from(place).unwrap_or(usize::MAX));
                self.card.misbehave(Misbehaviour::new(place, Fault::Removed));
            }
            Some(_) => return json!({"error": "a tap is torn at a command from 0 to 100"}),
        }
        self.leave();
        self.card.hold_to_field(true);
        self.present = true;
        self.events.push_back(ReaderEvent::Card(true));
        json!({"ok": true})
    }

    /// Of the last tap: the time between its first command and its last answer, how much of it was the card's own, and the
    /// commands.
    pub(super) fn held(&self) -> Value {
        let Held { first, last, card, commands } = &self.held;
        let whole = first.zip(*last).map_or(Duration::ZERO, |(first, last)| last - first);
        json!({"whole-us": whole.as_micros() as u64, "card-us": card.as_micros() as u64, "commands": commands})
    }

    /// Two cards at once.
    pub(super) fn collide(&mut self) {
        self.leave();
        self.events.push_back(ReaderEvent::Several);
    }
}

/// The simulated contactless reader.
pub(in crate::module) struct FieldReader(pub(super) Rc<RefCell<Scene>>);

impl CardReader for FieldReader {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn event(&mut self) -> Option<ReaderEvent> {
        self.0.borrow_mut().field.events.pop_front()
    }

    fn power_on(&mut self) -> Result<Vec<u8>, CardFault> {
        let field = &mut self.0.borrow_mut().field;
        field.powered = field.present;
        field.held = Held::default();
        match field.present {
            true if field.mute => Err(CardFault::Mute),
            true => Ok(field.card.reset()),
            false => Err(CardFault::NoCard),
        }
    }

    fn power_off(&mut self) {
        let mut scene = self.0.borrow_mut();
        // It is let go: whoever held it takes it away.
        if std::mem::take(&mut scene.field.powered) {
            let pace = scene.pace;
            scene.later(pace, Act::Leave);
        }
    }

    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault> {
        let field = &mut self.0.borrow_mut().field;
        let asked = Instant::now();
        let answer = if field.present { field.card.transmit(command) } else { Vec::new() };
        let answered = Instant::now();
        field.held.first.get_or_insert(asked);
        field.held.last = Some(answered);
        field.held.card += answered - asked;
        field.held.commands += 1;
        if answer.is_empty() {
            field.leave();
            return Err(CardFault::Removed);
        }
        Ok(answer.into())
    }
}
