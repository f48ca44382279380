//! The secure module, its card slot and its PIN pad.

use super::{Coming, World};
use crate::random::Random;
use posd_terminal::Event;
use posd_vault_core::{
    CardFault, Core, Input, Key, KeyRequest, Output, PadPrompt, Settings as VaultSettings,
};
use posd_vault_protocol::{DeviceState, Request, Secret, Slot, VERSION};
use std::{cell::RefCell, rc::Rc, sync::LazyLock};

impl World {
    /// A terminal cannot see that a certificate is damaged; the host does.
    fn look_at_certificate(&mut self, before: Option<[u8; 8]>, answer: &[u8]) {
        let Some(made) = self.card.last_tc().filter(|made| Some(made.value) != before) else { return };
        let whole = |part: &[u8]| answer.windows(part.len()).any(|window| window == part);
        if !(whole(&made.value) && whole(&made.issuer_data) && whole(&made.input.atc.to_be_bytes())) {
            self.damaged.insert(made.input.unpredictable_number);
        }
    }

    /// Two made-up custodians load the host's master key.
    pub(super) fn load_keys(&mut self) {
        let master: [u8; 16] = 0x5D3B_7A1C_9E2F_4860_8CA4_B6D0_1357_F92E_u128.to_be_bytes();
        let first = [0x3C; 16];
        let second: Vec<u8> = master.iter().map(|byte| byte ^ 0x3C).collect();
        self.vault(Input::Reader(Slot::Contact, DeviceState::Ready));
        self.vault(Input::Reader(Slot::Contactless, DeviceState::Ready));
        self.vault(Input::PinPad(DeviceState::Ready));
        for (custodian, component) in [("a", &first[..]), ("b", &second)] {
            self.vault(Input::Custodian(KeyRequest::Give {
                custodian: custodian.to_owned(),
                password: Secret::new(b"1357".to_vec()),
                component: Secret::new(component.to_vec()),
                check_value: check_value(component),
            }));
        }
    }

    pub(super) fn greet(&mut self) {
        self.vault(Input::Connected);
        self.vault(Input::Request(u32::MAX, Request::Hello { version: VERSION }));
    }

    pub(super) fn vault(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now = self.now();
            for output in self.vault.handle(input, now) {
                inputs.extend(self.perform(output));
            }
        }
    }

    /// Performs an order of the vault; what the wires answer.
    fn perform(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::Reply(id, reply) => {
                let event = match reply {
                    posd_vault_protocol::Reply::Status(status) if id == u32::MAX => Event::VaultUp(status),
                    reply => Event::VaultReply(id, reply),
                };
                self.tell(event);
                None
            }
            Output::Notice(notice) => {
                self.tell(Event::VaultNotice(notice));
                None
            }
            Output::PowerOn(slot) => Some(Input::Powered(match self.inserted && self.slot == slot {
                true => Ok(self.card.reset()),
                false => Err(CardFault::NoCard),
            })),
            Output::PowerOff => {
                // Who has held it there takes it away.
                if self.inserted && self.slot == Slot::Contactless {
                    let after = self.random.below(300);
                    self.later(after, Coming::CardOut);
                }
                None
            }
            Output::Custodian(_) | Output::Swipe(_) => None,
            Output::Transmit(_, command) => {
                let before = self.card.last_tc().map(|made| made.value);
                let answer = if self.inserted { self.card.transmit(&command) } else { Vec::new() };
                self.look_at_certificate(before, &answer);
                Some(Input::Answered(if !answer.is_empty() {
                    Ok(answer.into())
                } else if self.inserted && self.card.present() {
                    Err(CardFault::Mute)
                } else {
                    if self.inserted {
                        self.later(1, Coming::CardOut);
                    }
                    Err(CardFault::Removed)
                }))
            }
            Output::Store(blob) => {
                *self.vault_store.borrow_mut() = Some(blob);
                Some(Input::Stored(Ok(())))
            }
            Output::WakeAt(at) => {
                self.vault_wake = Some(at);
                None
            }
            Output::NoWake => {
                self.vault_wake = None;
                None
            }
            Output::Prompt(prompt) => {
                self.coming.retain(|_, coming| !matches!(coming, Coming::Key(_)));
                let pin: Option<&[u8]> = match prompt {
                    Some(PadPrompt::Pin { .. }) => Some(&[1, 2, 3, 4]),
                    Some(PadPrompt::OperatorPassword(_)) => Some(&[1, 3, 5, 7]),
                    // A card that the host knows.
                    Some(PadPrompt::CardNumber { .. }) => {
                        Some(&[6, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9])
                    }
                    Some(PadPrompt::CardExpiry) => Some(&[3, 0, 1, 2]),
                    _ => None,
                };
                if let Some(right) = pin {
                    let wrong = self.faults_on && self.random.percent(10);
                    let cancels = self.faults_on && self.random.percent(3);
                    let pin: &[u8] = if wrong { &[9, 9, 9, 9] } else { right };
                    // Some cardholders sign instead, where the card lets them.
                    let signs = self.faults_on && self.random.percent(10);
                    let pin = if signs && matches!(prompt, Some(PadPrompt::Pin { .. })) { &[] } else { pin };
                    if matches!(prompt, Some(PadPrompt::OperatorPassword(_))) {
                        self.oracle.borrow_mut().supervisor_agreed = !wrong && !cancels;
                    }
                    let mut after = 300;
                    for digit in pin {
                        after += 200;
                        self.later(after, Coming::Key(Key::Digit(*digit)));
                    }
                    self.later(after + 200, Coming::Key(if cancels { Key::Cancel } else { Key::Enter }));
                }
                None
            }
        }
    }
}

pub(super) fn new_vault(random: &mut Random, store: &Rc<RefCell<Option<Vec<u8>>>>) -> Core {
    /// argon2id of "1357" at the least cost, made once.
    static HASH: LazyLock<String> = LazyLock::new(posd_vault_core_hash);
    let people = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), HASH.clone())).collect();
    let settings = VaultSettings::new(people(&["00", "01"]), people(&["a", "b"]))
        .unwrap_or_else(|error| unreachable!("the made-up people are fine: {error}"));
    let mut seed = Random::new(random.next());
    let random = move |buffer: &mut [u8]| {
        for byte in buffer {
            *byte = seed.next() as u8;
        }
    };
    Core::new(settings, Some(Secret::new(vec![7; 32])), store.borrow().clone(), Box::new(random))
}

fn posd_vault_core_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let hash = Params::new(8, 1, 1, None).ok().and_then(|parameters| {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
            .hash_password_with_salt(b"1357", b"simulated-salt-1")
            .ok()
            .map(|hash| hash.to_string())
    });
    hash.unwrap_or_default()
}

/// First three bytes of zeros enciphered under a component.
fn check_value(component: &[u8]) -> [u8; 3] {
    use des::cipher::{BlockCipherEncrypt, KeyInit};
    let mut block = [0; 8].into();
    if let Ok(cipher) = des::TdesEde2::new_from_slice(component) {
        cipher.encrypt_block(&mut block);
    }
    [block[0], block[1], block[2]]
}
