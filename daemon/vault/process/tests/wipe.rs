//! What is in memory at the very end: the process is stopped as it exits, with its memory still there, and searched.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod common;
#[path = "../../../../tests/system/src/search.rs"]
mod search;

use std::{
    io::Write,
    process::{Child, Command, ExitStatus, Stdio},
};

use common::{FIRST, SECOND, Vault, configure, wait_for};
use nix::{
    libc,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};
use posd_vault_protocol::{EncipheredKey, KeyAlgorithm, Reply, Request};
use search::{Needle, found_in_memory, packed};

/// Every signal that ends a process and can be heard, but for those that tell of its own fault.
const SIGNALS: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGALRM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];

/// The made-up master key, the exclusive or of its components.
const MASTER: &str = "5D3B7A1C9E2F48608CA4B6D01357F92E";
/// Two made-up work keys in clear, and under the master key with their check values, computed with OpenSSL.
const PIN_KEY: &str = "807A23AD32B36D457AE91FDF927570EA";
const PIN_KEY_SENT: (&str, &str) = ("A0DC52EA91277C161224D566AA79E120", "8D0A74B8");
const STORAGE_KEY: &str = "7C01E49A3385D2F06B1E97C85A204F3DD816A3B74E95026FC1803B5D7EF2294A";

/// Sends a signal and holds the process as it exits: which needles are in its memory then, and how it ended.
fn end(child: &mut Child, signal: Signal, needles: &[Needle]) -> (Vec<&'static str>, ExitStatus) {
    let process = Pid::from_raw(child.id() as i32);
    ptrace::seize(process, Options::PTRACE_O_TRACEEXIT).expect("this test needs root: it traces");
    kill(process, signal).unwrap();
    loop {
        match waitpid(process, None).unwrap() {
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXIT) => break,
            // Whatever it does not hear takes its course.
            WaitStatus::Stopped(_, signal) => ptrace::cont(process, signal).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    let left = found_in_memory(child.id(), needles);
    ptrace::detach(process, None).unwrap();
    (left, child.wait().unwrap())
}

fn needle(what: &'static str, digits: &str) -> Needle {
    (what, packed(digits))
}

#[test]
fn no_key_is_in_memory_at_the_end_whatever_signal_ends_it() {
    for signal in SIGNALS {
        let directory = tempfile::tempdir().unwrap();
        configure(directory.path(), "\"root\"", "");
        std::fs::write(directory.path().join("storage-key"), STORAGE_KEY).unwrap();
        let mut vault = Vault::start(directory.path(), &[]);
        vault.load_master_key();
        let mut link = vault.connect();
        link.greet();
        let sent = |(cipher, check): (&str, &str)| EncipheredKey {
            cipher: packed(cipher),
            check_value: packed(check),
        };
        let (pin_key, mac_key) = (sent(PIN_KEY_SENT), sent(PIN_KEY_SENT));
        assert!(matches!(
            link.ask(Request::LoadWorkKeys { algorithm: KeyAlgorithm::TripleDes, pin_key, mac_key }),
            Reply::Done
        ));

        let used =
            [needle("master key", MASTER), needle("work key", PIN_KEY), needle("storage key", STORAGE_KEY)];
        assert_eq!(found_in_memory(vault.id(), &used).len(), 3, "the search sees what is there");
        // Half of one is found where the rest was written over.
        let halves = |what, key: &str| [needle(what, &key[..16]), needle(what, &key[16..])];
        let mut needles = halves("half of the master key", MASTER).to_vec();
        needles.extend(halves("half of the work key", PIN_KEY));
        needles.extend(halves("half of the first component", FIRST));
        needles.extend(halves("half of the second component", SECOND));
        needles.extend(used);
        let (left, status) = end(vault.child(), signal, &needles);
        assert_eq!(left, [""; 0], "{signal}");
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

/// The custodian presses Ctrl-C, or closes the terminal.
#[test]
fn no_component_is_in_memory_when_its_custodian_gives_up() {
    for signal in SIGNALS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_posd-vault"))
            .args(["load-key", "--custodian", "alice"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // The check value is still to come.
        write!(input, "1111\n{FIRST}\n").unwrap();
        let component = needle("component", FIRST);
        wait_for(|| (found_in_memory(child.id(), std::slice::from_ref(&component)).len() == 1).then_some(()));
        let needles = [component, ("typed component", FIRST.as_bytes().to_vec())];
        let (left, status) = end(&mut child, signal, &needles);
        assert_eq!(left, [""; 0], "{signal}");
        assert_eq!(status.code(), Some(1), "{signal}");
        drop(input);
    }
}
