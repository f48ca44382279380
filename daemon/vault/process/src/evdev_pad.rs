//! A PIN pad that is a Linux input device.

use std::os::fd::BorrowedFd;

use evdev::KeyCode;
use posd_vault_core::{Key, PadPrompt};
use posd_vault_protocol::DeviceState;

use crate::{
    configuration::InputDevice,
    device::{PadEvent, PinPad},
    evdev_device::{EvdevDevice, Typed},
};

const PRESSED: i32 = 1;

/// The pad, there or not.
pub struct EvdevPad(EvdevDevice);

impl EvdevPad {
    /// Starts to watch for the pad. It may come later.
    ///
    /// # Errors
    /// When the kernel gives no inotify descriptor.
    pub fn new(configuration: InputDevice) -> std::io::Result<EvdevPad> {
        EvdevDevice::new("PIN pad", "ID_POSD_PINPAD=1", configuration).map(EvdevPad)
    }
}

fn key_of(code: KeyCode) -> Option<Key> {
    Some(match code {
        KeyCode::KEY_0 | KeyCode::KEY_KP0 => Key::Digit(0),
        KeyCode::KEY_1 | KeyCode::KEY_KP1 => Key::Digit(1),
        KeyCode::KEY_2 | KeyCode::KEY_KP2 => Key::Digit(2),
        KeyCode::KEY_3 | KeyCode::KEY_KP3 => Key::Digit(3),
        KeyCode::KEY_4 | KeyCode::KEY_KP4 => Key::Digit(4),
        KeyCode::KEY_5 | KeyCode::KEY_KP5 => Key::Digit(5),
        KeyCode::KEY_6 | KeyCode::KEY_KP6 => Key::Digit(6),
        KeyCode::KEY_7 | KeyCode::KEY_KP7 => Key::Digit(7),
        KeyCode::KEY_8 | KeyCode::KEY_KP8 => Key::Digit(8),
        KeyCode::KEY_9 | KeyCode::KEY_KP9 => Key::Digit(9),
        KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER | KeyCode::KEY_OK => Key::Enter,
        KeyCode::KEY_ESC | KeyCode::KEY_CANCEL => Key::Cancel,
        KeyCode::KEY_BACKSPACE => Key::Backspace,
        KeyCode::KEY_DELETE | KeyCode::KEY_CLEAR | KeyCode::KEY_KPDOT => Key::Clear,
        _ => return None,
    })
}

impl PinPad for EvdevPad {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.0.descriptors()
    }

    fn event(&mut self) -> Option<PadEvent> {
        loop {
            match self.0.event()? {
                Typed::State(state) => return Some(PadEvent::State(state)),
                // What was typed is not what was meant.
                Typed::Lost => return Some(PadEvent::Key(Key::Clear)),
                Typed::Key(code, PRESSED) => {
                    if let Some(key) = key_of(code) {
                        return Some(PadEvent::Key(key));
                    }
                }
                Typed::Key(..) => {}
            }
        }
    }

    fn prompt(&mut self, prompt: Option<PadPrompt>) -> DeviceState {
        if prompt.is_some() { self.0.begin() } else { self.0.state() }
    }
}
