//! What the tests of the process share: the real binary, and a client that speaks to it.
#![allow(dead_code, unreachable_pub)]

pub mod pad;

use std::{
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use posd_vault_protocol::{Decoder, FromVault, Notice, Numbered, Reply, Request, Status, VERSION, encode};

/// The made-up terminal master key and its two components.
pub const FIRST: &str = "A10F6B3C5297D84E1BC67029E48D35F2";
pub const SECOND: &str = "FC341120CCB8902E9762C6F9F7DACCDC";
/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A running `posd-vault serve` (or what it was wrapped in), ended with the test.
pub struct Vault {
    child: Child,
    pub directory: PathBuf,
}

/// The configuration for a test in `directory`; `more` is added.
pub fn configure(directory: &Path, users: &str, more: &str) -> PathBuf {
    let hash = |password: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_posd-vault"))
            .arg("hash-password")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let path = directory.join("vault.toml");
    let text = format!(
        "socket = {:?}\ncustodian-socket = {:?}\nstore = {:?}\nusers = [{users}]\n{more}\n[operators]\n\"01\" = \
         {:?}\n[custodians]\nalice = {:?}\nbob = {:?}\n",
        directory.join("vault.sock"),
        directory.join("keys.sock"),
        directory.join("store"),
        hash("1357"),
        hash("1111"),
        hash("2222"),
    );
    std::fs::write(&path, text).unwrap();
    std::fs::write(directory.join("storage-key"), [0x42; 32]).unwrap();
    path
}

impl Vault {
    /// Starts `wrapper… posd-vault serve` and waits for its socket.
    pub fn start(directory: &Path, wrapper: &[&str]) -> Vault {
        let program = [wrapper, &[env!("CARGO_BIN_EXE_posd-vault")]].concat();
        let _ = std::fs::remove_file(directory.join("vault.sock"));
        let child = Command::new(program[0])
            .args(&program[1..])
            .arg("serve")
            .arg("--config")
            .arg(directory.join("vault.toml"))
            .arg("--credentials")
            .arg(directory)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program[0]));
        let mut vault = Vault { child, directory: directory.to_owned() };
        wait_for(|| {
            assert!(vault.child.try_wait().unwrap().is_none(), "posd-vault ended early");
            UnixStream::connect(directory.join("keys.sock")).is_ok().then_some(())
        });
        vault
    }

    pub fn connect(&self) -> Link {
        Link::connect(&self.directory.join("vault.sock"))
    }

    /// The process id of the child that was started.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The child itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ends it as systemd does, and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.child.wait().unwrap().code()
    }

    /// [`load_key`] at this vault.
    pub fn load_key(&self, arguments: &[&str], lines: &[&str]) -> (bool, String) {
        load_key(&self.directory.join("keys.sock"), arguments, lines)
    }

    /// Both custodians load the made-up master key.
    pub fn load_master_key(&self) {
        let (good, text) = self.load_key(&["--custodian", "alice"], &["1111", FIRST, &check_value(FIRST)]);
        assert!(good, "{text}");
        let (good, text) = self.load_key(&["--custodian", "bob"], &["2222", SECOND, &check_value(SECOND)]);
        assert!(good && text.contains("Check value DAA042"), "{text}");
    }
}

/// Runs `posd-vault load-key` with these lines on standard input: whether it succeeded, and what it said.
pub fn load_key(socket: &Path, arguments: &[&str], lines: &[&str]) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_posd-vault"))
        .arg("load-key")
        .args(arguments)
        .arg("--socket")
        .arg(socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    // It may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// A process and all its descendants, the last first.
fn family(id: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|child| child.parse().ok()).flat_map(family);
    below.chain([id]).collect()
}

impl Drop for Vault {
    fn drop(&mut self) {
        // A wrapper's end does not end what it wraps.
        for id in family(self.child.id()) {
            let pid = nix::unistd::Pid::from_raw(id as i32);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Check values, computed with OpenSSL.
pub fn check_value(component: &str) -> String {
    match component {
        FIRST => "FCF943".to_owned(),
        SECOND => "6797F5".to_owned(),
        other => panic!("no check value of {other}"),
    }
}

/// Tries again and again until there is a value.
pub fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A client in `posd`'s place.
pub struct Link {
    pub stream: UnixStream,
    decoder: Decoder,
    pub notices: Vec<Notice>,
    replies: Vec<Numbered<Reply>>,
    next: u32,
}

impl Link {
    pub fn connect(path: &Path) -> Link {
        let stream = wait_for(|| UnixStream::connect(path).ok());
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Link { stream, decoder: Decoder::default(), notices: Vec::new(), replies: Vec::new(), next: 1 }
    }

    pub fn greet(&mut self) -> Status {
        match self.ask(Request::Hello { version: VERSION }) {
            Reply::Status(status) => status,
            other => panic!("no status: {other:?}"),
        }
    }

    pub fn status(&mut self) -> Status {
        match self.ask(Request::Status) {
            Reply::Status(status) => status,
            other => panic!("no status: {other:?}"),
        }
    }

    pub fn send(&mut self, body: Request) -> u32 {
        let id = self.next;
        self.next += 1;
        self.stream.write_all(&encode(&Numbered { id, body }).unwrap()).unwrap();
        id
    }

    pub fn ask(&mut self, body: Request) -> Reply {
        let id = self.send(body);
        self.reply(id)
    }

    pub fn reply(&mut self, id: u32) -> Reply {
        loop {
            if let Some(place) = self.replies.iter().position(|reply| reply.id == id) {
                return self.replies.remove(place).body;
            }
            self.hear();
        }
    }

    /// Waits until this notice has come.
    pub fn notice(&mut self, wanted: &Notice) {
        while !self.notices.contains(wanted) {
            self.hear();
        }
    }

    fn hear(&mut self) {
        let mut buffer = [0; 4096];
        // A read with a time limit is not restarted by itself after a stop and a continue.
        let count = loop {
            match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                heard => break heard.expect("an answer in time"),
            }
        };
        assert!(count > 0, "the vault closed the connection");
        self.decoder.push(&buffer[..count]);
        while let Some(message) = self.decoder.take().unwrap() {
            match message {
                FromVault::Reply(reply) => self.replies.push(reply),
                FromVault::Notice(notice) => self.notices.push(notice),
            }
        }
    }

    /// Whether the vault closed the connection without a word.
    pub fn is_turned_away(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 16]), Ok(0) | Err(_))
    }
}
