//! A stripe reader that types like a keyboard: a Linux input device with the keys of the American layout.

use std::os::fd::BorrowedFd;

use evdev::KeyCode;
use posd_vault_protocol::{DeviceState, Secret};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    configuration::InputDevice,
    device::{StripeEvent, StripeReader},
    evdev_device::{EvdevDevice, Typed},
};

/// Most characters of a swipe: three tracks (79, 40 and 107, ISO/IEC 7811-2), with room to spare.
const LONGEST: usize = 256;
/// Stands for a key that no track is written with.
const OTHER: u8 = b'_';

const RELEASED: i32 = 0;
const PRESSED: i32 = 1;

/// The reader, there or not.
pub struct EvdevStripe {
    device: EvdevDevice,
    wanted: bool,
    typing: Typing,
}

/// What was typed of a swipe so far. Never moved while it holds any; wiped on drop.
struct Typing {
    text: Zeroizing<Vec<u8>>,
    shift: bool,
    /// Some of it was lost.
    lost: bool,
}

impl Typing {
    fn new() -> Typing {
        Typing { text: Zeroizing::new(Vec::with_capacity(LONGEST)), shift: false, lost: false }
    }

    fn clear(&mut self) {
        self.text.zeroize();
        self.lost = false;
    }

    fn push(&mut self, character: u8) {
        // Never over its capacity, so it is never moved.
        if self.text.len() < LONGEST {
            self.text.push(character);
        } else {
            self.lost = true;
        }
    }

    /// Takes a key. Gives the whole text at Enter.
    fn key(&mut self, code: KeyCode, value: i32) -> Option<Secret> {
        match (code, value) {
            (KeyCode::KEY_LEFTSHIFT | KeyCode::KEY_RIGHTSHIFT, value) => self.shift = value != RELEASED,
            (KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER, PRESSED) => {
                if self.lost {
                    self.text.zeroize();
                }
                let typed = Secret::new(self.text.to_vec());
                self.clear();
                return Some(typed);
            }
            (code, PRESSED) => self.push(character_of(code, self.shift)),
            _ => {}
        }
        None
    }
}

impl EvdevStripe {
    /// Starts to watch for the reader. It may come later.
    ///
    /// # Errors
    /// When the kernel gives no inotify descriptor.
    pub fn new(configuration: InputDevice) -> std::io::Result<EvdevStripe> {
        let device = EvdevDevice::new("stripe reader", "ID_POSD_STRIPE=1", configuration)?;
        Ok(EvdevStripe { device, wanted: false, typing: Typing::new() })
    }
}

/// The character of a key on the American layout, of those that tracks, sentinels and check characters are written
/// with; E is what a reader types for a track that it could not read.
fn character_of(code: KeyCode, shift: bool) -> u8 {
    let (plain, shifted) = match code {
        KeyCode::KEY_0 | KeyCode::KEY_KP0 => (b'0', OTHER),
        KeyCode::KEY_1 | KeyCode::KEY_KP1 => (b'1', OTHER),
        KeyCode::KEY_2 | KeyCode::KEY_KP2 => (b'2', OTHER),
        KeyCode::KEY_3 | KeyCode::KEY_KP3 => (b'3', OTHER),
        KeyCode::KEY_4 | KeyCode::KEY_KP4 => (b'4', OTHER),
        KeyCode::KEY_5 => (b'5', b'%'),
        KeyCode::KEY_KP5 => (b'5', OTHER),
        KeyCode::KEY_6 | KeyCode::KEY_KP6 => (b'6', OTHER),
        KeyCode::KEY_7 | KeyCode::KEY_KP7 => (b'7', OTHER),
        KeyCode::KEY_8 | KeyCode::KEY_KP8 => (b'8', OTHER),
        KeyCode::KEY_9 | KeyCode::KEY_KP9 => (b'9', OTHER),
        KeyCode::KEY_SEMICOLON => (b';', b':'),
        KeyCode::KEY_EQUAL => (b'=', b'+'),
        KeyCode::KEY_KPPLUS => (b'+', b'+'),
        KeyCode::KEY_SLASH => (OTHER, b'?'),
        KeyCode::KEY_COMMA => (OTHER, b'<'),
        KeyCode::KEY_DOT => (OTHER, b'>'),
        KeyCode::KEY_E => (OTHER, b'E'),
        _ => (OTHER, OTHER),
    };
    if shift { shifted } else { plain }
}

impl StripeReader for EvdevStripe {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.device.descriptors()
    }

    fn event(&mut self) -> Option<StripeEvent> {
        loop {
            match self.device.event()? {
                Typed::State(state) => {
                    self.typing = Typing::new();
                    return Some(StripeEvent::State(state));
                }
                Typed::Lost => self.typing.lost = true,
                // Nobody is told what nobody wanted.
                Typed::Key(..) if !self.wanted => {}
                Typed::Key(code, value) => {
                    if let Some(typed) = self.typing.key(code, value) {
                        return Some(StripeEvent::Swiped(typed));
                    }
                }
            }
        }
    }

    fn want(&mut self, wanted: bool) -> DeviceState {
        self.wanted = wanted;
        self.typing = Typing::new();
        if wanted { self.device.begin() } else { self.device.state() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIFT: KeyCode = KeyCode::KEY_LEFTSHIFT;

    fn press(typing: &mut Typing, code: KeyCode) -> Option<Secret> {
        let typed = typing.key(code, PRESSED);
        assert_eq!(typing.key(code, RELEASED), None);
        typed
    }

    fn shifted(typing: &mut Typing, code: KeyCode) {
        assert_eq!(typing.key(SHIFT, PRESSED), None);
        assert_eq!(press(typing, code), None);
        assert_eq!(typing.key(SHIFT, RELEASED), None);
    }

    #[test]
    fn keys_are_those_of_the_american_layout() {
        let mut typing = Typing::new();
        for code in [KeyCode::KEY_5, KeyCode::KEY_B, KeyCode::KEY_SLASH] {
            shifted(&mut typing, code);
        }
        for code in [KeyCode::KEY_SEMICOLON, KeyCode::KEY_6, KeyCode::KEY_KP2, KeyCode::KEY_EQUAL] {
            assert_eq!(press(&mut typing, code), None);
        }
        shifted(&mut typing, KeyCode::KEY_SLASH);
        for code in [KeyCode::KEY_EQUAL, KeyCode::KEY_E, KeyCode::KEY_SLASH, KeyCode::KEY_DOT] {
            shifted(&mut typing, code);
        }
        let typed = press(&mut typing, KeyCode::KEY_ENTER).unwrap();
        assert_eq!(std::str::from_utf8(typed.expose()), Ok("%_?;62=?+E?>"));
        // The next swipe begins anew.
        assert_eq!(press(&mut typing, KeyCode::KEY_1), None);
        assert_eq!(press(&mut typing, KeyCode::KEY_KPENTER).unwrap().expose(), b"1");
    }

    #[test]
    fn what_was_lost_leaves_nothing() {
        let mut typing = Typing::new();
        press(&mut typing, KeyCode::KEY_1);
        typing.lost = true;
        assert_eq!(press(&mut typing, KeyCode::KEY_ENTER).unwrap().expose(), b"");
        for _ in 0..LONGEST {
            press(&mut typing, KeyCode::KEY_1);
        }
        assert_eq!(press(&mut typing, KeyCode::KEY_ENTER).unwrap().expose().len(), LONGEST);
        for _ in 0..=LONGEST {
            press(&mut typing, KeyCode::KEY_1);
        }
        assert_eq!(press(&mut typing, KeyCode::KEY_ENTER).unwrap().expose(), b"");
    }
}
