//! The real binary on real Unix sockets: who may connect, loading keys, restarts, hardening.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod common;

use std::{
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use common::{Vault, check_value, configure, wait_for};
use posd_vault_protocol::{DeviceState, PasswordCheck, Refusal, Reply, Request, Secret, Slot};

/// A user other than root, who owns nothing.
const NOBODY: u32 = 65534;

fn require_root() {
    assert!(nix::unistd::Uid::effective().is_root(), "this test needs root: it plays two users");
}

/// Connects as another user; prints what comes.
fn connect_as(user: u32, path: &std::path::Path) -> String {
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(10)\ntry:\n    \
                  s.connect(sys.argv[1])\n    print('closed' if s.recv(1) == b'' else 'spoken to')\nexcept \
                  (ConnectionError, PermissionError) as e:\n    print('closed')\n";
    let output = Command::new("/usr/bin/python3").args(["-c", script]).arg(path).uid(user).gid(user).output();
    let output = output.expect("python3 is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn open_to_all(directory: &std::path::Path) {
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn only_configured_users_may_connect() {
    require_root();
    let directory = tempfile::tempdir().unwrap();
    open_to_all(directory.path());
    configure(directory.path(), "\"65534\"", "");
    let vault = Vault::start(directory.path(), &[]);
    // Root is not on the list, so not even root.
    assert!(vault.connect().is_turned_away());
    let answer = connect_as(1, &directory.path().join("vault.sock"));
    assert_eq!(answer, "closed");
}

#[test]
fn only_root_may_load_keys() {
    require_root();
    let directory = tempfile::tempdir().unwrap();
    open_to_all(directory.path());
    configure(directory.path(), "\"root\"", "");
    let vault = Vault::start(directory.path(), &[]);
    let socket = directory.path().join("keys.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    // Even if the file let them in, the credentials would not.
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(connect_as(NOBODY, &socket), "closed");
    vault.load_master_key();
}

#[test]
fn keys_are_loaded_by_two_and_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "\"root\"", "");
    let vault = Vault::start(directory.path(), &[]);
    let mut link = vault.connect();
    assert_eq!(link.greet().master_key, None);

    let give = |vault: &Vault, name: &str, password: &str, check: &str| {
        vault.load_key(&["--custodian", name], &[password, common::FIRST, check])
    };
    assert!(
        give(&vault, "alice", "9", &check_value(common::FIRST)).1.contains("wrong custodian or password")
    );
    assert!(give(&vault, "alice", "1111", "000000").1.contains("check value"));
    assert!(vault.load_key(&["--custodian", "alice"], &["1111", "xyz", "000000"]).1.contains("hexadecimal"));
    assert!(vault.load_key(&["--abandon"], &[]).0);
    vault.load_master_key();
    let loaded = Some([0xDA, 0xA0, 0x42]);
    assert_eq!(link.status().master_key, loaded);

    let file = directory.path().join("store");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(vault.stop(), Some(0));
    let vault = Vault::start(directory.path(), &[]);
    assert_eq!(vault.connect().greet().master_key, loaded);
    drop(vault);

    std::fs::write(directory.path().join("storage-key"), "24".repeat(32)).unwrap();
    let before = std::fs::read(&file).unwrap();
    let vault = Vault::start(directory.path(), &[]);
    let status = vault.connect().greet();
    assert_eq!((status.master_key, status.storage_key), (None, false));
    assert!(give(&vault, "alice", "1111", &check_value(common::FIRST)).1.contains("storage key"));
    assert_eq!(std::fs::read(&file).unwrap(), before, "the keys of the other storage key are still there");
}

#[test]
fn operators_are_kept_across_a_restart() {
    use posd_vault_protocol::{OperatorChange, PasswordChange};
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "\"root\"", "");
    let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
    let vault = Vault::start(directory.path(), &[]);
    let mut link = vault.connect();
    link.greet();
    let change = |old, new| Request::ChangePassword {
        operator: "01".into(),
        passwords: Some(PasswordChange { old: secret(old), new: secret(new) }),
        timeout_ms: 1000,
    };
    assert!(matches!(link.ask(change("1357", "8642")), Reply::Changed(OperatorChange::Done)));
    assert_eq!(vault.stop(), Some(0));
    let vault = Vault::start(directory.path(), &[]);
    let mut link = vault.connect();
    link.greet();
    assert!(matches!(link.ask(change("1357", "9753")), Reply::Changed(OperatorChange::Wrong)));
    assert!(matches!(link.ask(change("8642", "9753")), Reply::Changed(OperatorChange::Done)));
}

#[test]
fn one_client_at_a_time_and_the_next_after_it() {
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "\"root\"", "");
    let vault = Vault::start(directory.path(), &[]);
    let mut first = vault.connect();
    first.greet();
    let second = std::thread::spawn({
        let mut link = vault.connect();
        move || link.greet()
    });
    first.status();
    assert!(!second.is_finished());
    drop(first);
    second.join().unwrap();
}

#[test]
fn client_that_breaks_the_framing_is_cut_off() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "\"root\"", "");
    let vault = Vault::start(directory.path(), &[]);
    let mut link = vault.connect();
    link.stream.write_all(&[0xFF; 64]).unwrap();
    assert!(link.is_turned_away());
    vault.connect().greet();
}

#[test]
fn without_devices_it_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let pad = format!("[pin-pad]\ndevice = {:?}", directory.path().join("none"));
    configure(directory.path(), "\"root\"", &pad);
    let vault = Vault::start(
        directory.path(),
        &["unshare", "-n", "-m", "sh", "-c", "mount -t tmpfs tmpfs /run && exec \"$@\"", "_"],
    );
    let mut link = vault.connect();
    link.greet();
    let status = wait_for(|| Some(link.status()).filter(|status| status.reader == DeviceState::Faulty));
    assert_eq!(status.pin_pad, DeviceState::Missing);
    assert!(matches!(link.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Refused(Refusal::NoReader)));
    let typed = Request::CheckPassword { operator: "01".into(), password: None, timeout_ms: 1000 };
    assert!(matches!(link.ask(typed), Reply::Password(PasswordCheck::PadMissing)));
    let given = Request::CheckPassword {
        operator: "01".into(),
        password: Some(Secret::new(b"1357".to_vec())),
        timeout_ms: 1000,
    };
    assert!(matches!(link.ask(given), Reply::Password(PasswordCheck::Accepted { must_change: false })));
}

#[test]
fn memory_is_locked_and_cannot_be_dumped() {
    require_root();
    let directory = tempfile::tempdir().unwrap();
    configure(directory.path(), "\"root\"", "");
    std::os::unix::fs::chown(directory.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    for file in std::fs::read_dir(directory.path()).unwrap() {
        std::os::unix::fs::chown(file.unwrap().path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    // As under systemd: a user of its own, which may lock memory.
    let limit = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=+ipc_lock",
        "--ambient-caps=+ipc_lock",
    ];
    let vault = Vault::start(directory.path(), &limit);
    let mut link = vault.connect();
    link.greet();
    let given = Request::CheckPassword {
        operator: "01".into(),
        password: Some(Secret::new(b"1357".to_vec())),
        timeout_ms: 1000,
    };
    assert!(matches!(link.ask(given), Reply::Password(PasswordCheck::Accepted { must_change: false })));

    let of = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", vault.id())).unwrap();
    let kilobytes = |field: &str| -> u64 {
        let status = of("status");
        let line = status.lines().find(|line| line.starts_with(field)).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    println!(
        "resident {} kB, locked {} kB of {} kB",
        kilobytes("VmRSS:"),
        kilobytes("VmLck:"),
        kilobytes("VmSize:")
    );
    // With the 46 MiB of a password check it stays under the 128 MiB that the unit allows.
    assert!((1000..80_000).contains(&kilobytes("VmLck:")));
    assert!(kilobytes("VmRSS:") < 12_000, "the password check gave its memory back");
    let core = of("limits").lines().find(|line| line.starts_with("Max core file size")).unwrap().to_owned();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
    // What cannot be dumped belongs to root, although the process does not.
    use std::os::unix::fs::MetadataExt;
    assert_eq!(std::fs::metadata(format!("/proc/{}/mem", vault.id())).unwrap().uid(), 0);
}
