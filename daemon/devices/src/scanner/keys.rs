//! Keys to characters: a scanner types as a US keyboard does.

use super::Partial;
use evdev::KeyCode;
use zeroize::Zeroizing;

const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const SYN_DROPPED: u16 = 3;
const RELEASED: i32 = 0;
const PRESSED: i32 = 1;
/// A scanner types without a pause; what stands longer than this without an end was not scanned whole, in microseconds.
const PAUSE: i64 = 1_000_000;

/// One event of the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyEvent {
    /// When, in microseconds.
    pub(crate) time: i64,
    pub(crate) kind: u16,
    pub(crate) code: u16,
    pub(crate) value: i32,
}

/// What was typed so far.
#[derive(Default)]
pub(crate) struct Keys {
    partial: Partial,
    shift: bool,
    last: i64,
}

impl Keys {
    /// The next event; a code where it ends one.
    pub(crate) fn take(&mut self, event: KeyEvent) -> Option<Zeroizing<String>> {
        match (event.kind, event.code) {
            (EV_SYN, SYN_DROPPED) => {
                // Some keys were lost, so what was typed is not what was scanned.
                self.partial.spoil();
                None
            }
            (EV_KEY, code) => self.key(KeyCode(code), event),
            _ => None,
        }
    }

    fn key(&mut self, key: KeyCode, event: KeyEvent) -> Option<Zeroizing<String>> {
        if matches!(key, KeyCode::KEY_LEFTSHIFT | KeyCode::KEY_RIGHTSHIFT) {
            self.shift = event.value != RELEASED;
            return None;
        }
        if event.value != PRESSED {
            return None;
        }
        if event.time.saturating_sub(self.last).abs() > PAUSE {
            self.partial.clear();
        }
        self.last = event.time;
        if matches!(key, KeyCode::KEY_ENTER | KeyCode::KEY_KPENTER) {
            return self.partial.end();
        }
        self.partial.push(character(key, self.shift));
        None
    }
}

/// Key codes in the order of their characters, from a first code on.
const ROWS: [(KeyCode, &str, &str); 5] = [
    (KeyCode::KEY_1, "1234567890-=", "!@#$%^&*()_+"),
    (KeyCode::KEY_Q, "qwertyuiop", "QWERTYUIOP"),
    (KeyCode::KEY_A, "asdfghjkl;", "ASDFGHJKL:"),
    (KeyCode::KEY_Z, "zxcvbnm,./", "ZXCVBNM<>?"),
    (KeyCode::KEY_KP7, "789-456+1230.", "789-456+1230."),
];

fn character(key: KeyCode, shift: bool) -> Option<char> {
    ROWS.iter().find_map(|(first, plain, shifted)| {
        let place = usize::from(key.0.checked_sub(first.0)?);
        if shift { shifted } else { plain }.chars().nth(place)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(keys: &mut Keys, time: i64, key: KeyCode) -> Option<String> {
        let event = |value| KeyEvent { time, kind: EV_KEY, code: key.0, value };
        let code = keys.take(event(PRESSED));
        assert!(keys.take(event(2)).is_none() && keys.take(event(RELEASED)).is_none());
        code.map(|code| code.to_string())
    }

    #[test]
    fn a_code_is_typed_and_ended() {
        let mut keys = Keys::default();
        for key in [KeyCode::KEY_6, KeyCode::KEY_KP2, KeyCode::KEY_0, KeyCode::KEY_KP0, KeyCode::KEY_A] {
            assert_eq!(press(&mut keys, 1_000, key), None);
        }
        assert_eq!(press(&mut keys, 2_000, KeyCode::KEY_ENTER).as_deref(), Some("6200a"));
        assert_eq!(press(&mut keys, 3_000, KeyCode::KEY_ENTER), None, "an empty code is none");
    }

    #[test]
    fn shift_makes_capitals_and_signs() {
        let mut keys = Keys::default();
        let shift = |value| KeyEvent { time: 0, kind: EV_KEY, code: KeyCode::KEY_LEFTSHIFT.0, value };
        keys.take(shift(PRESSED));
        press(&mut keys, 0, KeyCode::KEY_H);
        press(&mut keys, 0, KeyCode::KEY_EQUAL);
        keys.take(shift(RELEASED));
        press(&mut keys, 0, KeyCode::KEY_SLASH);
        assert_eq!(press(&mut keys, 0, KeyCode::KEY_KPENTER).as_deref(), Some("H+/"));
    }

    #[test]
    fn what_was_lost_left_or_mistyped_is_no_code() {
        let mut keys = Keys::default();
        press(&mut keys, 0, KeyCode::KEY_1);
        keys.take(KeyEvent { time: 0, kind: EV_SYN, code: SYN_DROPPED, value: 0 });
        press(&mut keys, 0, KeyCode::KEY_2);
        assert_eq!(press(&mut keys, 0, KeyCode::KEY_ENTER), None);
        press(&mut keys, 0, KeyCode::KEY_1);
        press(&mut keys, PAUSE + 1, KeyCode::KEY_2);
        assert_eq!(press(&mut keys, PAUSE + 1, KeyCode::KEY_ENTER).as_deref(), Some("2"));
        press(&mut keys, PAUSE + 1, KeyCode::KEY_1);
        press(&mut keys, PAUSE + 1, KeyCode::KEY_TAB);
        assert_eq!(press(&mut keys, PAUSE + 1, KeyCode::KEY_ENTER), None);
    }

    #[test]
    fn every_row_has_a_key_for_each_character() {
        for (first, plain, shifted) in ROWS {
            assert_eq!(plain.chars().count(), shifted.chars().count(), "{first:?}");
        }
        assert_eq!(character(KeyCode::KEY_0, false), Some('0'));
        assert_eq!(character(KeyCode::KEY_P, true), Some('P'));
        assert_eq!(character(KeyCode::KEY_DOT, false), Some('.'));
        assert_eq!(character(KeyCode::KEY_KPDOT, false), Some('.'));
        assert_eq!(character(KeyCode::KEY_SPACE, false), None);
    }
}
