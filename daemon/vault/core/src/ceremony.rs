//! Loading the terminal master key: two components, two custodians, in either of the two ways.

use posd_vault_protocol::DeviceState;
use subtle::ConstantTimeEq;

use crate::{
    Core, KeyRefusal, KeyReply, KeyRequest, Output, PadPrompt,
    core::Then,
    crypto,
    held::Held,
    password,
    prompt::{Prompt, Purpose},
};

/// How long the first component waits for the second, in milliseconds.
const PATIENCE: u64 = 600_000;
/// How long each prompt of a custodian may stand, in milliseconds.
const PROMPT: u64 = 180_000;
/// All custodians share one lock, so that trying many names gains nothing.
const LOCK: &str = "custodians";

/// The component that waits for another custodian.
pub(crate) struct FirstComponent {
    custodian: String,
    component: Held<16>,
    deadline: u64,
}

impl FirstComponent {
    pub(crate) fn deadline(&self) -> u64 {
        self.deadline
    }
}

impl Core {
    pub(crate) fn custodian(&mut self, request: KeyRequest, now: u64) {
        let typing = self.prompt.as_ref().is_some_and(|prompt| prompt.purpose.is_custodians());
        match request {
            KeyRequest::Abandon => {
                if typing {
                    self.take_prompt();
                }
                self.first = None;
                self.answer(KeyReply::Abandoned);
            }
            _ if typing => self.answer(KeyReply::Refused(KeyRefusal::Busy)),
            _ if !self.can_store() => self.answer(KeyReply::Refused(KeyRefusal::NoStorageKey)),
            KeyRequest::Give { custodian, password, component, check_value } => {
                if let Err(refusal) = self.authenticate(&custodian, password.expose(), now) {
                    return self.answer(KeyReply::Refused(refusal));
                }
                match Held::of(component.expose()) {
                    Some(component) => self.component(custodian, component, check_value, now),
                    None => self.answer(KeyReply::Refused(KeyRefusal::Malformed)),
                }
            }
            KeyRequest::Type { custodian } => {
                let refusal = match self.locked(LOCK, now) {
                    Some(seconds) => KeyRefusal::LockedOut { seconds },
                    None if self.prompt.is_some() => KeyRefusal::Busy,
                    None if self.pin_pad != DeviceState::Ready => KeyRefusal::PadMissing,
                    None => {
                        let purpose = Purpose::Custodian { name: custodian };
                        return self.begin(Prompt::new(purpose, PadPrompt::Password, 1..=32, PROMPT, now));
                    }
                };
                self.answer(KeyReply::Refused(refusal));
            }
        }
    }

    fn answer(&mut self, reply: KeyReply) {
        self.out.push(Output::Custodian(reply));
    }

    fn authenticate(&mut self, custodian: &str, password: &[u8], now: u64) -> Result<(), KeyRefusal> {
        if let Some(seconds) = self.locked(LOCK, now) {
            return Err(KeyRefusal::LockedOut { seconds });
        }
        let right = password::check(&self.settings.custodians, custodian, password);
        self.tried(LOCK, right, now);
        if right { Ok(()) } else { Err(KeyRefusal::Wrong) }
    }

    pub(crate) fn custodian_typed(&mut self, name: String, password: &[u8], now: u64) {
        match self.authenticate(&name, password, now) {
            Ok(()) => {
                let purpose = Purpose::Component { name };
                self.begin(Prompt::new(purpose, PadPrompt::KeyComponent, 64..=64, PROMPT, now));
            }
            Err(refusal) => self.answer(KeyReply::Refused(refusal)),
        }
    }

    pub(crate) fn component_typed(&mut self, name: String, digits: &[u8], now: u64) {
        let mut component = Held::zero();
        if !hex_of(digits, &mut component[..]) {
            return self.answer(KeyReply::Refused(KeyRefusal::Malformed));
        }
        let purpose = Purpose::CheckValue { name, component };
        self.begin(Prompt::new(purpose, PadPrompt::CheckValue, 12..=12, PROMPT, now));
    }

    pub(crate) fn check_value_typed(&mut self, name: String, component: Held<16>, digits: &[u8], now: u64) {
        let mut check_value = [0; 3];
        if !hex_of(digits, &mut check_value) {
            return self.answer(KeyReply::Refused(KeyRefusal::Malformed));
        }
        self.component(name, component, check_value, now);
    }

    /// Takes a component of a custodian who has shown who he is.
    fn component(&mut self, custodian: String, component: Held<16>, check_value: [u8; 3], now: u64) {
        let own = crypto::check_value(self.settings.algorithm, &component[..]);
        if !own.is_some_and(|own| bool::from(own[..].ct_eq(&check_value[..]))) {
            return self.answer(KeyReply::Refused(KeyRefusal::CheckFailed));
        }
        let Some(first) = self.first.take_if(|first| first.custodian != custodian) else {
            if self.first.is_some() {
                return self.answer(KeyReply::Refused(KeyRefusal::SameCustodian));
            }
            self.first = Some(FirstComponent { custodian, component, deadline: now + PATIENCE });
            return self.answer(KeyReply::FirstAccepted);
        };
        let mut master = component;
        for (byte, other) in master.iter_mut().zip(first.component.iter()) {
            *byte ^= other;
        }
        // Parity bits count for nothing in DES, so they do not make two halves differ. No SM4 key drawn by lot has two
        // halves alike either.
        let weak = (0..8).all(|index| (master[index] ^ master[index + 8]) & 0xFE == 0);
        let Some(check_value) = crypto::check_value(self.settings.algorithm, &master[..]).filter(|_| !weak)
        else {
            return self.answer(KeyReply::Refused(KeyRefusal::WeakKey));
        };
        // Work keys came under the old master key and fall with it; sealed data stays readable.
        let mut keys = self.keys.clone();
        keys.master = Some(master);
        keys.algorithm = self.settings.algorithm;
        zeroize::Zeroize::zeroize(&mut keys.pin);
        zeroize::Zeroize::zeroize(&mut keys.mac);
        let keys = self.keys_with_data_key(keys);
        self.save(keys, Then::Master(check_value));
    }
}

/// Reads hexadecimal digits typed as two decimal digits each, `00` to `15`. Whether all were.
fn hex_of(digits: &[u8], into: &mut [u8]) -> bool {
    let good = digits.len() == 4 * into.len();
    good && into.iter_mut().zip(digits.as_chunks::<4>().0).all(|(byte, [a, b, c, d])| {
        let (high, low) = (a * 10 + b, c * 10 + d);
        // Typed digits are 0 to 9, so neither sum overflows.
        *byte = (high & 15) << 4 | low & 15;
        high <= 15 && low <= 15
    })
}
