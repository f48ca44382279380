//! The card reader driver with Debian's pcscd and its virtual reader, in namespaces of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use common::{Vault, configure, wait_for};
use posd_vault_protocol::{DeviceState, Notice, Refusal, Reply, Request, Slot};

/// Its own network, mounts and processes; pcscd with the virtual reader; then the program, until either ends.
const ISOLATED: &str = "ip link set lo up; mount -t tmpfs tmpfs /run; mkdir -p /run/pcscd
    pcscd --foreground >/dev/null 2>&1 &
    for i in $(seq 200); do [ -S /run/pcscd/pcscd.comm ] && break; sleep 0.02; done
    \"$@\"; code=$?; kill %1; exit $code";

fn start(directory: &Path) -> Vault {
    for tool in ["unshare", "nsenter", "/usr/sbin/pcscd", "/usr/bin/python3"] {
        let there = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        assert!(there.is_ok_and(|status| status.success()), "{tool} is needed");
    }
    configure(directory, "\"root\"", "");
    let wrapper =
        ["unshare", "-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", "bash", "-c", ISOLATED, "_"];
    Vault::start(directory, &wrapper)
}

/// The process id of `posd-vault` itself, inside its wrapper.
fn inner(vault: &Vault) -> u32 {
    let mut found = vault.id();
    loop {
        let name = std::fs::read_to_string(format!("/proc/{found}/comm")).unwrap();
        if name.trim() == "posd-vault" {
            return found;
        }
        let children = std::fs::read_to_string(format!("/proc/{found}/task/{found}/children")).unwrap();
        // The last child: pcscd was started before.
        found = children.split_whitespace().last().expect("a child").parse().unwrap();
    }
}

/// A card in the virtual reader until it is dropped.
struct Card(Child);

impl Card {
    fn insert(vault: &Vault) -> Card {
        let card = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vcard.py");
        let target = inner(vault).to_string();
        let child = Command::new("nsenter")
            .args(["-t", &target, "-n", "/usr/bin/python3", card])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Card(child)
    }

    fn mute(&mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"mute\n").unwrap();
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn transmit(apdu: &[u8]) -> Request {
    Request::Transmit { apdu: apdu.to_vec() }
}

#[test]
fn card_comes_answers_and_goes() {
    let directory = tempfile::tempdir().unwrap();
    let vault = start(directory.path());
    let mut link = vault.connect();
    link.greet();
    wait_for(|| (link.status().reader == DeviceState::Ready).then_some(()));
    assert!(!link.status().card_present);
    assert!(matches!(link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Refused(Refusal::NoCard)));

    let card = Card::insert(&vault);
    link.notice(&Notice::Card(Slot::Contact, true));
    match link.ask(Request::PowerOn { slot: Slot::Contact }) {
        Reply::Atr(atr) => assert_eq!(atr, [0x3B, 0x80, 0x80, 0x01, 0x01]),
        other => panic!("no answer to reset: {other:?}"),
    }
    match link.ask(transmit(&[0x00, 0xB0, 0x00, 0x00, 0x04])) {
        Reply::Card(answer) => assert_eq!(answer, [0, 1, 2, 3, 0x90, 0x00]),
        other => panic!("no answer: {other:?}"),
    }
    assert!(matches!(link.ask(transmit(&[0, 0x20, 0, 0x80, 0])), Reply::Refused(Refusal::Forbidden)));
    assert!(matches!(link.ask(Request::PowerOff), Reply::Done));
    assert!(matches!(link.ask(transmit(&[0, 0xB0, 0, 0, 4])), Reply::Refused(Refusal::CardRemoved)));
    // A second session, without taking the card out.
    assert!(matches!(link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Atr(_)));

    link.notices.clear();
    drop(card);
    link.notice(&Notice::Card(Slot::Contact, false));
    assert!(matches!(link.ask(transmit(&[0, 0xB0, 0, 0, 4])), Reply::Refused(_)));

    let _card = Card::insert(&vault);
    link.notice(&Notice::Card(Slot::Contact, true));
    assert!(matches!(link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Atr(_)));
}

#[test]
fn card_pulled_in_a_command_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let vault = start(directory.path());
    let mut link = vault.connect();
    link.greet();
    let mut card = Card::insert(&vault);
    link.notice(&Notice::Card(Slot::Contact, true));
    assert!(matches!(link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Atr(_)));
    card.mute();
    std::thread::sleep(Duration::from_millis(100));
    let asked = link.send(transmit(&[0, 0xB0, 0, 0, 4]));
    std::thread::sleep(Duration::from_millis(300));
    drop(card);
    let reply = link.reply(asked);
    assert!(
        matches!(reply, Reply::Refused(Refusal::CardRemoved | Refusal::CardMute | Refusal::NoCard)),
        "{reply:?}"
    );
    link.notice(&Notice::Card(Slot::Contact, false));
}

#[test]
fn nothing_wakes_an_idle_vault() {
    let directory = tempfile::tempdir().unwrap();
    let vault = start(directory.path());
    let mut link = vault.connect();
    link.greet();
    let _card = Card::insert(&vault);
    link.notice(&Notice::Card(Slot::Contact, true));
    std::thread::sleep(Duration::from_millis(500));
    let id = inner(&vault);
    let switches = || -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task")).unwrap();
        let of = |task: std::path::PathBuf| {
            let status = std::fs::read_to_string(task.join("status")).unwrap();
            status.lines().find(|line| line.starts_with("voluntary")).unwrap().to_owned()
        };
        tasks.map(|task| of(task.unwrap().path())).collect()
    };
    let before = switches();
    assert_eq!(before.len(), 2, "the main thread and the one that waits for the reader");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(switches(), before);
}
