//! The real `posd-vault` with Debian's pcscd and its virtual reader, in namespaces of their own, and a client in
//! `posd`'s place that asks of it what a sale asks.

use des::{
    TdesEde2,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use posd_vault_protocol::{
    Decoder, Digits, EncipheredKey, FromVault, KeyAlgorithm, MacAlgorithm, Numbered, PinPrompt, Reply,
    Request, Secret, Slot, VERSION, encode,
};
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The made-up components of the terminal master key.
const COMPONENTS: [[u8; 16]; 2] = [*b"bench component1", *b"AND THE SECOND 2"];
/// The custodians and their passwords.
const CUSTODIANS: [(&str, &str); 2] = [("alice", "1111"), ("bob", "2222")];

/// Its own network, mounts and processes; pcscd; then the program, until either ends.
const ISOLATED: &str = "ip link set lo up; mount -t tmpfs tmpfs /run; mkdir -p /run/pcscd
    pcscd --foreground >/dev/null 2>&1 &
    for i in $(seq 200); do [ -S /run/pcscd/pcscd.comm ] && break; sleep 0.02; done
    \"$@\"; code=$?; kill %1; exit $code";

/// A running `posd-vault`, ended with this.
pub(crate) struct Vault {
    wrapper: Child,
    process: u32,
    directory: TempDir,
}

impl Vault {
    /// Starts it and has both custodians load the master key.
    pub(crate) fn start(programs: &Path) -> Vault {
        assert!(nix::unistd::Uid::effective().is_root(), "namespaces and key loading need root");
        let program = programs.join("posd-vault");
        let directory = tempfile::Builder::new().prefix("posd-bench-").tempdir().unwrap();
        configure(&program, directory.path());
        let wrapper = Command::new("unshare")
            .args(["-n", "-m", "-p", "-f", "--kill-child", "--mount-proc", "bash", "-c", ISOLATED, "_"])
            .arg(&program)
            .args(["serve", "--config"])
            .arg(directory.path().join("vault.toml"))
            .arg("--credentials")
            .arg(directory.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut vault = Vault { wrapper, process: 0, directory };
        let keys = vault.socket("keys.sock");
        wait_for(|| UnixStream::connect(&keys).ok());
        vault.process = wait_for(|| inner(vault.wrapper.id()));
        for ((custodian, password), component) in CUSTODIANS.iter().zip(&COMPONENTS) {
            let lines =
                format!("{password}\n{}\n{}\n", hex(component), hex(&encipher(component, &[0; 8])[..3]));
            let load = ["load-key", "--custodian", custodian, "--socket"];
            run(Command::new(&program).args(load).arg(&keys), &lines);
        }
        vault
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Greets it.
    pub(crate) fn connect(&self) -> Link {
        let stream = UnixStream::connect(self.socket("vault.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut link = Link { stream, decoder: Decoder::default(), next: 1 };
        assert!(matches!(link.ask(Request::Hello { version: VERSION }), Reply::Status(_)));
        link
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        // With the wrapper its whole namespace ends.
        let _ = self.wrapper.kill();
        let _ = self.wrapper.wait();
    }
}

fn configure(program: &Path, directory: &Path) {
    let hash = |password: &str| run(Command::new(program).arg("hash-password"), &format!("{password}\n"));
    let people = CUSTODIANS.map(|(name, password)| format!("{name} = {:?}\n", hash(password).trim()));
    let text = format!(
        "socket = {:?}\ncustodian-socket = {:?}\nstore = {:?}\nusers = [\"root\"]\n[custodians]\n{}",
        directory.join("vault.sock"),
        directory.join("keys.sock"),
        directory.join("store"),
        people.concat(),
    );
    fs::write(directory.join("vault.toml"), text).unwrap();
    fs::write(directory.join("storage-key"), [0x42; 32]).unwrap();
}

/// Runs a program to its end with these lines to read; what it wrote.
fn run(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// `posd-vault` itself, inside of its wrapper.
fn inner(process: u32) -> Option<u32> {
    if fs::read_to_string(format!("/proc/{process}/comm")).ok()?.trim() == "posd-vault" {
        return Some(process);
    }
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).ok()?;
    children.split_whitespace().filter_map(|child| child.parse().ok()).find_map(inner)
}

fn wait_for<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < end, "posd-vault does not come up");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Triple DES with a key of double length, block by block.
fn encipher(key: &[u8], clear: &[u8]) -> Vec<u8> {
    let cipher = TdesEde2::new_from_slice(key).unwrap();
    let block = |block: &[u8]| {
        let mut block = <[u8; 8]>::try_from(block).unwrap().into();
        cipher.encrypt_block(&mut block);
        block.to_vec()
    };
    clear.chunks(8).flat_map(block).collect()
}

/// A connection to it.
pub(crate) struct Link {
    stream: UnixStream,
    decoder: Decoder,
    next: u32,
}

impl Link {
    fn ask(&mut self, body: Request) -> Reply {
        let id = self.next;
        self.next += 1;
        self.stream.write_all(&encode(&Numbered { id, body }).unwrap()).unwrap();
        let mut buffer = [0; 4096];
        loop {
            while let Some(message) = self.decoder.take::<FromVault>().unwrap() {
                if let FromVault::Reply(reply) = message
                    && reply.id == id
                {
                    return reply.body;
                }
            }
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "posd-vault closed the connection");
            self.decoder.push(&buffer[..count]);
        }
    }

    /// Loads work keys, as a sign-in does.
    pub(crate) fn load_keys(&mut self) {
        let master: Vec<u8> =
            COMPONENTS[0].iter().zip(COMPONENTS[1]).map(|(first, second)| first ^ second).collect();
        let key = |key: [u8; 16]| EncipheredKey {
            cipher: encipher(&master, &key),
            check_value: encipher(&key, &[0; 8])[..4].to_vec(),
        };
        let keys = Request::LoadWorkKeys {
            algorithm: KeyAlgorithm::TripleDes,
            pin_key: key(*b"the pin work key"),
            mac_key: key(*b"The Mac Work Key"),
        };
        assert!(matches!(self.ask(keys), Reply::Done));
    }

    /// What a sale asks, with neither card nor pad: the card's commands and the PIN are refused, the rest is done.
    pub(crate) fn sale(&mut self) {
        assert!(matches!(self.ask(Request::PowerOn { slot: Slot::Contact }), Reply::Refused(_)));
        for _ in 0..16 {
            let apdu = vec![0x00, 0xB2, 0x01, 0x0C, 0x00];
            assert!(matches!(self.ask(Request::Transmit { apdu }), Reply::Refused(_)));
        }
        let prompt = PinPrompt {
            minimum: 4,
            maximum: 6,
            bypass: false,
            timeout_ms: 1_000,
            amount: 1234,
            currency: 156,
            tries_left: None,
        };
        let pan = Digits::new("6212340000000019").unwrap();
        self.ask(Request::EnterOnlinePin { prompt, pan });
        let clear = Secret::new(b"30126212340000000019".to_vec());
        let Reply::Sealed(sealed) = self.ask(Request::Seal { clear, context: 1 }) else {
            panic!("not sealed")
        };
        let (algorithm, input) = (MacAlgorithm::UnionPayEcb, vec![0x5A; 300]);
        let Reply::Mac(mac) = self.ask(Request::MakeMac { algorithm, input: input.clone() }) else {
            panic!("no MAC")
        };
        assert!(matches!(self.ask(Request::CheckMac { algorithm, input, mac }), Reply::MacChecked(true)));
        assert!(matches!(self.ask(Request::Open { sealed, context: 1 }), Reply::Opened(_)));
        assert!(matches!(self.ask(Request::PowerOff), Reply::Done));
    }
}
