//! The drivers of PIN pad and stripe reader with a recorded input device, replayed by umockdev.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{fmt::Write, path::Path, process::Command, time::Duration};

use common::{Vault, configure, wait_for};
use posd_vault_protocol::{
    DeviceState, EncipheredKey, KeyAlgorithm, Notice, OnlinePin, PinPrompt, Reply, Request,
};
use posd_vault_protocol::{Digits, PasswordCheck, Swipe};

fn recorded(name: &str) -> String {
    format!("{}/tests/pinpad.{name}", env!("CARGO_MANIFEST_DIR"))
}

fn start(directory: &Path, pad: &str) -> Vault {
    start_with(directory, pad, &recorded("events"))
}

fn start_with(directory: &Path, pad: &str, events: &str) -> Vault {
    let there = Command::new("umockdev-run").arg("--version").status();
    assert!(there.is_ok_and(|status| status.success()), "umockdev-run is needed");
    configure(directory, "\"root\"", pad);
    let node = "/dev/input/event0";
    let device = format!("--device={}", recorded("umockdev"));
    let ioctl = format!("--ioctl={node}={}", recorded("ioctl"));
    let events = format!("--evemu-events={node}={events}");
    Vault::start(directory, &["umockdev-run", &device, &ioctl, &events, "--"])
}

/// The recording types 1 2 1 backspace 1 2 Enter from its fourth second on, and a stray 2 before.
#[test]
fn pin_typed_on_the_recorded_pad() {
    let directory = tempfile::tempdir().unwrap();
    let vault = start(directory.path(), "[pin-pad]\ndevice = \"/dev/input/event0\"");
    let mut link = vault.connect();
    link.greet();
    wait_for(|| (link.status().pin_pad == DeviceState::Ready).then_some(()));
    vault.load_master_key();
    // Two work keys under the made-up master key, computed with OpenSSL.
    let pin_key = EncipheredKey { cipher: hex(PIN_KEY), check_value: hex(PIN_CHECK) };
    let mac_key = EncipheredKey { cipher: hex(PIN_KEY), check_value: hex(PIN_CHECK) };
    assert!(matches!(
        link.ask(Request::LoadWorkKeys { algorithm: KeyAlgorithm::TripleDes, pin_key, mac_key }),
        Reply::Done
    ));
    std::thread::sleep(Duration::from_millis(300));
    let prompt = PinPrompt {
        minimum: 4,
        maximum: 12,
        bypass: false,
        timeout_ms: 30_000,
        amount: 1234,
        currency: 156,
        tries_left: None,
    };
    let pan = Digits::new("6212340000000019").unwrap();
    match link.ask(Request::EnterOnlinePin { prompt, pan }) {
        Reply::OnlinePin(OnlinePin::Entered(block)) => assert_eq!(block[..], hex(BLOCK)[..]),
        other => panic!("no PIN: {other:?}"),
    }
    assert!(link.notices.iter().any(|notice| matches!(notice, Notice::PinProgress(1..))));
}

#[test]
fn pad_is_found_by_its_udev_property_only() {
    for (property, state) in
        [("ID_POSD_PINPAD=1", DeviceState::Ready), ("ID_INPUT_KEYBOARD=1", DeviceState::Missing)]
    {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("c13:64"), format!("I:1\nE:ID_INPUT=1\nE:{property}\n"))
            .unwrap();
        let pad = format!("[pin-pad]\nudev-data = {:?}", directory.path());
        let vault = start(directory.path(), &pad);
        let mut link = vault.connect();
        link.greet();
        assert_eq!(link.status().pin_pad, state, "{property}");
    }
}

#[test]
fn pad_marked_later_is_found_then() {
    let directory = tempfile::tempdir().unwrap();
    let pad = format!("[pin-pad]\nudev-data = {:?}", directory.path());
    let vault = start(directory.path(), &pad);
    let mut link = vault.connect();
    link.greet();
    let typed = || Request::CheckPassword { operator: "01".into(), password: None, timeout_ms: 1 };
    assert!(matches!(link.ask(typed()), Reply::Password(PasswordCheck::PadMissing)));
    // As udev does: written beside, then renamed.
    std::fs::write(directory.path().join(".new"), "E:ID_POSD_PINPAD=1\n").unwrap();
    std::fs::rename(directory.path().join(".new"), directory.path().join("c13:64")).unwrap();
    link.notice(&Notice::PinPad(DeviceState::Ready));
}

/// What a reader types, as events of the American layout (linux/input-event-codes.h) from some second on.
fn swipe(events: &mut String, text: &str, second: u32) {
    let mut millisecond = 0;
    let mut event = |kind: u16, code: u16, value: u16| {
        let time = format!("{second}.{:06}", millisecond * 1000);
        writeln!(events, "E: {time} {kind:04x} {code:04x} {value:04x}").unwrap();
        writeln!(events, "E: {time} 0000 0000 0000").unwrap();
        millisecond += 1;
    };
    for character in text.chars() {
        let (code, shift) = match character {
            '0' => (11, false),
            '1'..='9' => (character as u16 - '0' as u16 + 1, false),
            ';' => (39, false),
            '=' => (13, false),
            '?' => (53, true),
            '\n' => (28, false),
            _ => unreachable!(),
        };
        if shift {
            event(1, 42, 1);
        }
        event(1, code, 1);
        event(1, code, 0);
        if shift {
            event(1, 42, 0);
        }
    }
}

const STRIPE: &str = "[stripe]\ndevice = \"/dev/input/event0\"\n[pin-pad]\ndevice = \"/dev/input/event9\"";

fn start_stripe(directory: &Path) -> Vault {
    let mut events = String::new();
    swipe(&mut events, ";6212340000000019=3012101?\n", 0);
    swipe(&mut events, ";6212340000000019=3012120?8\n", 4);
    let path = directory.join("stripe.events");
    std::fs::write(&path, events).unwrap();
    start_with(directory, STRIPE, path.to_str().unwrap())
}

#[test]
fn card_swiped_while_one_is_wanted_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let vault = start_stripe(directory.path());
    let mut link = vault.connect();
    link.greet();
    wait_for(|| (link.status().stripe_reader == DeviceState::Ready).then_some(()));
    // The first swipe is over by then, and was nobody's.
    std::thread::sleep(Duration::from_millis(1_000));
    match link.ask(Request::AwaitSwipe { timeout_ms: 30_000 }) {
        Reply::Swipe(Swipe::Swiped(typed)) => assert_eq!(typed.expose(), b";6212340000000019=3012120?8"),
        other => panic!("no swipe: {other:?}"),
    }
    assert_eq!(link.status().pin_pad, DeviceState::Missing);
}

#[test]
fn stripe_reader_is_found_by_its_own_property() {
    for (property, state) in
        [("ID_POSD_STRIPE=1", DeviceState::Ready), ("ID_POSD_PINPAD=1", DeviceState::Missing)]
    {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("c13:64"), format!("I:1\nE:ID_INPUT=1\nE:{property}\n"))
            .unwrap();
        let data = format!("udev-data = {:?}", directory.path());
        let vault = start(directory.path(), &format!("[stripe]\n{data}\n[pin-pad]\n{data}"));
        let mut link = vault.connect();
        link.greet();
        let status = link.status();
        assert_eq!(status.stripe_reader, state, "{property}");
        assert_eq!(status.pin_pad == DeviceState::Ready, state == DeviceState::Missing, "{property}");
    }
}

#[test]
fn device_without_stripe_reader_has_none() {
    let directory = tempfile::tempdir().unwrap();
    let vault = start(directory.path(), "");
    let mut link = vault.connect();
    link.greet();
    assert_eq!(link.status().stripe_reader, DeviceState::Missing);
    assert!(matches!(link.ask(Request::AwaitSwipe { timeout_ms: 1 }), Reply::Swipe(Swipe::ReaderMissing)));
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

const PIN_KEY: &str = "A0DC52EA91277C161224D566AA79E120";
const PIN_CHECK: &str = "8D0A74B8";
/// PIN 1212 for the account, format 0, under the PIN key.
const BLOCK: &str = "EE48DC637F5119D3";
