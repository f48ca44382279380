//! The stripe reader: what it types for a card that is drawn through it, while a swipe is wanted.

use super::Scene;
use posd_vault::device::{StripeEvent, StripeReader};
use posd_vault_protocol::{DeviceState, Secret};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::VecDeque, os::fd::BorrowedFd, rc::Rc};

/// Number and expiry of the test card, on whichever stripe.
const CARD: (&str, &str) = ("6212340000000019", "3012");

/// The stripes that can be swiped.
const SWIPED: [&str; 4] = ["stripe", "chip", "no-pin", "damaged"];

/// The reader, and what it has typed.
pub(super) struct Stripe {
    state: DeviceState,
    wanted: bool,
    pub(super) events: VecDeque<StripeEvent>,
}

impl Stripe {
    /// A reader that is there.
    pub(super) fn new() -> Stripe {
        let ready = StripeEvent::State(DeviceState::Ready);
        Stripe { state: DeviceState::Ready, wanted: false, events: VecDeque::from([ready]) }
    }

    pub(super) fn set_state(&mut self, state: DeviceState) {
        self.state = state;
        self.events.push_back(StripeEvent::State(state));
    }

    /// `{"card": "swipe", "profile": "chip"}`: a card without a chip where no profile is named.
    pub(super) fn swipe(&mut self, command: &Value) -> Value {
        let (number, expiry) = CARD;
        let service_code = match command.get("profile").and_then(Value::as_str).unwrap_or("stripe") {
            "stripe" | "damaged" => "120",
            "no-pin" => "101",
            "chip" => "220",
            _ => return json!({"error": format!("a swiped card is one of {}", SWIPED.join(", "))}),
        };
        if self.state != DeviceState::Ready || !self.wanted {
            return json!({"error": "no swipe is wanted"});
        }
        let track_2 = format!("{number}={expiry}{service_code}0000000000");
        let track_3 = format!("99{number}=1561560000000000000003000000114000012121600=");
        let damage = u8::from(command.get("profile").is_some_and(|name| name == "damaged"));
        let check = char::from(check_character(&track_2) ^ damage);
        let typed = format!("%B{number}^TEST/CARD^{expiry}{service_code}?;{track_2}?{check}+{track_3}?");
        self.events.push_back(StripeEvent::Swiped(Secret::new(typed.into_bytes())));
        json!({"ok": true})
    }
}

/// What makes all characters of a track, its sentinels among them, come to nothing (ISO/IEC 7811-2).
fn check_character(track: &str) -> u8 {
    format!(";{track}?").bytes().fold(0, |sum, character| sum ^ (character & 15)) | b'0'
}

/// The simulated stripe reader.
pub(super) struct SwipeReader(pub(super) Rc<RefCell<Scene>>);

impl StripeReader for SwipeReader {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn event(&mut self) -> Option<StripeEvent> {
        self.0.borrow_mut().stripe.events.pop_front()
    }

    fn want(&mut self, wanted: bool) -> DeviceState {
        let stripe = &mut self.0.borrow_mut().stripe;
        stripe.wanted = wanted;
        stripe.events.retain(|event| matches!(event, StripeEvent::State(_)));
        stripe.state
    }
}
