//! Everything around `posd`, started as its own processes: a private bus with the project's own policy, the simulated
//! secure module, the test acquirer, and `posd` itself.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How the stack is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The acquirer profile as TOML.
    pub profile: String,
    /// Deadlines of `posd.toml`, such as `removal = 5`.
    pub deadlines: String,
    /// More of `posd.toml`, such as `copies = []`.
    pub posd: String,
    /// The printer as `posd.toml` has it, in the place of the simulated one.
    pub printer: Option<String>,
    /// A customer who does the right thing by itself.
    pub auto: bool,
    /// Whether the terminal master key is loaded for SM4 and not for 3DES; profile and acquirer need to be told as well.
    pub sm4: bool,
    /// More statements for the bus's configuration, such as a policy for a test's second user.
    pub bus: String,
    /// Test settings of the acquirer as JSON.
    pub acquirer: Value,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            profile: profile(3),
            deadlines: String::new(),
            posd: String::new(),
            printer: None,
            auto: false,
            sm4: false,
            bus: String::new(),
            acquirer: json!({}),
        }
    }
}

/// A profile for the test host with this reply timer, with QR payments.
pub fn profile(reply_timeout_s: u16) -> String {
    format!("reply_timeout_s = {reply_timeout_s}\nconnect_timeout_s = 2\nparameters_flag = true\n{QR}")
}

/// Cards are swiped, those with a chip soon after one could not be read: a line that goes before the rest of a profile.
pub const STRIPE: &str = "stripe = { accepted = true, fallback = { window_s = 60 } }";

/// What may be sold while the host cannot be reached: a line of `posd.toml`.
pub const OFFLINE: &str =
    "offline = { amount = 10000, total = 25000, count = 3, hours = 24, brands = [\"CUP\"] }";

/// QR payments as the test host has them, with the shortest waits.
const QR: &str = r#"
[qr]
enabled = true

[[qr.dialects]]
name = "field59"
field22 = "032"
field25 = "00"
terminal_info = false
shown_code = "none"
minimum = 1
maximum = 5000000
refund_days = 30
silence = { step = "reverse" }
sale = { mti = "0200", processing_code = "000000", kind = "22" }
void = { mti = "0200", processing_code = "200000", kind = "23" }
refund = { mti = "0220", processing_code = "200000", kind = "25" }

[[qr.dialects]]
name = "channel"
field22 = "032"
field25 = "00"
terminal_info = false
shown_code = "host"
shown_tag = "A5"
in_totals = false
refund_original = "trace"
minimum = 1
maximum = 5000000
refund_days = 30
silence = { step = "query-then-cancel", first_wait_s = 1, wait_s = 1, queries = 5, cancels = 2 }
sale = { mti = "0200", processing_code = "700000", kind = "60" }
show = { mti = "0200", processing_code = "710000", kind = "60" }
query = { mti = "0200", processing_code = "730000", kind = "60" }
cancel = { mti = "0200", processing_code = "720000", kind = "60" }
void = { mti = "0200", processing_code = "720000", kind = "60" }
refund = { mti = "0200", processing_code = "740000", kind = "60" }
"#;

/// Why the stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Files and processes.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// A process did not come up.
    #[error("{0} did not come up; its log is {1}")]
    NotUp(&'static str, PathBuf),
}

/// The running stack. Its processes end with it.
#[derive(Debug)]
pub struct Stack {
    directory: PathBuf,
    programs: PathBuf,
    bus: Option<Child>,
    module: Option<Child>,
    acquirer: Option<Child>,
    posd: Option<Child>,
}

/// The project's root, for the files that are used unchanged.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Stack {
    /// Starts everything in a directory (on a file system that can hold sockets) and waits until `posd` has its name.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn start(directory: &Path, options: &Options) -> Result<Stack, StackError> {
        let mut stack = Stack {
            directory: directory.to_owned(),
            programs: programs(),
            bus: None,
            module: None,
            acquirer: None,
            posd: None,
        };
        stack.write("bus.conf", &bus_configuration(directory, &options.bus))?;
        stack.bus = Some(
            stack.spawn(
                "bus",
                Command::new("dbus-daemon")
                    .arg("--nofork")
                    .arg(format!("--config-file={}", directory.join("bus.conf").display())),
            )?,
        );
        stack.wait_for_socket("bus", "bus.sock")?;
        let mut module = Command::new(stack.programs.join("posd-simulator"));
        module.arg("serve").arg("--directory").arg(directory);
        if options.auto {
            module.arg("--auto");
        }
        if options.sm4 {
            module.arg("--sm4");
        }
        stack.module = Some(stack.spawn("module", &mut module)?);
        stack.write("acquirer.json", &options.acquirer.to_string())?;
        let mut acquirer = Command::new(stack.programs.join("posd-acquirer"));
        acquirer.arg("--control").arg(directory.join("host.sock"));
        acquirer.arg("--settings").arg(directory.join("acquirer.json"));
        stack.acquirer = Some(stack.spawn("acquirer", &mut acquirer)?);
        let printer = stack.announced("module", "printer ")?;
        let scanner = stack.announced("module", "scanner ")?;
        let host = stack.announced("acquirer", "listening ")?;
        stack.write("profile.toml", &options.profile)?;
        stack.write("card.toml", &card_configuration())?;
        stack.write("posd.toml", &posd_configuration(&host, &printer, &scanner, options))?;
        stack.start_posd()?;
        Ok(stack)
    }

    /// Starts `posd`, again or for the first time, and waits until it has its name.
    ///
    /// # Errors
    /// [`StackError`].
    pub fn start_posd(&mut self) -> Result<(), StackError> {
        let mut command = Command::new(self.programs.join("posd"));
        command.arg("--config").arg(self.directory.join("posd.toml"));
        command.env("DBUS_SYSTEM_BUS_ADDRESS", self.bus_address());
        self.posd = Some(self.spawn("posd", &mut command)?);
        let end = Instant::now() + Duration::from_secs(20);
        while !self.has_name() {
            if Instant::now() > end {
                return Err(StackError::NotUp("posd", self.log("posd")));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn has_name(&self) -> bool {
        let output = Command::new("dbus-send")
            .arg(format!("--bus={}", self.bus_address()))
            .args(["--print-reply=literal", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"])
            .args(["org.freedesktop.DBus.NameHasOwner", "string:org.posd.Terminal1"])
            .output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("true"))
    }

    /// Kills `posd` with SIGKILL, as a power cut would end it.
    pub fn kill_posd(&mut self) {
        end(&mut self.posd);
    }

    /// The process of `posd`, if it runs.
    pub fn posd(&mut self) -> Option<&mut Child> {
        self.posd.as_mut()
    }

    /// The process of the simulated secure module.
    pub fn module(&mut self) -> Option<&mut Child> {
        self.module.as_mut()
    }

    /// The process of the test host.
    pub fn acquirer(&mut self) -> Option<&mut Child> {
        self.acquirer.as_mut()
    }

    /// Kills the simulated secure module.
    pub fn kill_module(&mut self) {
        end(&mut self.module);
    }

    /// The bus's address.
    pub fn bus_address(&self) -> String {
        format!("unix:path={}", self.directory.join("bus.sock").display())
    }

    /// Where everything is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the programs are.
    pub fn programs(&self) -> &Path {
        &self.programs
    }

    /// Tells the simulated devices something; what they say.
    ///
    /// # Errors
    /// The socket, or what the devices object to.
    pub fn devices(&self, command: Value) -> std::io::Result<Value> {
        tell(&self.directory.join("devices.sock"), &command)
    }

    /// Tells the test host something; what it says.
    ///
    /// # Errors
    /// The socket, or what the host objects to.
    pub fn host(&self, command: Value) -> std::io::Result<Value> {
        tell(&self.directory.join("host.sock"), &command)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), StackError> {
        std::fs::write(self.directory.join(name), text)
            .map_err(|error| StackError::Io(name.to_owned(), error))
    }

    fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    fn spawn(&self, name: &'static str, command: &mut Command) -> Result<Child, StackError> {
        let failed = |error| StackError::Io(name.to_owned(), error);
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(self.log(name)).map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().map_err(failed)
    }

    fn wait_for_socket(&self, name: &'static str, socket: &str) -> Result<(), StackError> {
        let end = Instant::now() + Duration::from_secs(10);
        while UnixStream::connect(self.directory.join(socket)).is_err() {
            if Instant::now() > end {
                return Err(StackError::NotUp(name, self.log(name)));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// What a process printed behind a word once it was up.
    fn announced(&self, name: &'static str, word: &str) -> Result<String, StackError> {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
            // A line counts once its end is there.
            let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            if let Some(value) = lines.filter_map(|line| line.strip_prefix(word)).next_back() {
                return Ok(value.to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err(StackError::NotUp(name, self.log(name)))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        for child in [&mut self.posd, &mut self.acquirer, &mut self.module, &mut self.bus] {
            end(child);
        }
    }
}

/// Ends a process of ours and waits for it.
fn end(child: &mut Option<Child>) {
    if let Some(mut child) = child.take() {
        // One that has ended by itself is as good.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Where cargo put the programs: beside this one, or one up where this is a test.
fn programs() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let directory = here.parent().unwrap_or(Path::new("."));
    match directory.ends_with("deps") {
        true => directory.parent().unwrap_or(directory).to_owned(),
        false => directory.to_owned(),
    }
}

fn tell(socket: &Path, command: &Value) -> std::io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    writeln!(stream, "{command}")?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let answer: Value = serde_json::from_str(&answer)?;
    match answer.get("error").and_then(Value::as_str) {
        Some(error) => Err(std::io::Error::other(error.to_owned())),
        None => Ok(answer),
    }
}

/// A bus like the system's: nobody owns a name and nobody is called unless a policy says so. The project's policy is
/// used unchanged; one more grants its name to the user who runs this.
fn bus_configuration(directory: &Path, more: &str) -> String {
    let user = nix::unistd::Uid::effective();
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={directory}/bus.sock</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
  <policy user="{user}">
    <allow own="org.posd.Terminal1"/>
  </policy>
  {more}
</busconfig>
"#,
        directory = directory.display(),
        policy = root().join("dbus/org.posd.Terminal1.conf").display(),
    )
}

fn posd_configuration(host: &str, printer: &str, scanner: &str, options: &Options) -> String {
    let Options { deadlines, posd, .. } = options;
    let printer = options.printer.clone().unwrap_or_else(|| format!("tcp = \"{printer}\""));
    format!(
        r#"{posd}
profile = "profile.toml"
card = "card.toml"
journal = "journal.db"
vault = "vault.sock"
test = true

[merchant]
name = "示例商户"
number = "898000000000001"
terminal = "00000001"

[host]
address = "{host}"

[printer]
{printer}

[scanner]
tcp = "{scanner}"

[deadlines]
{deadlines}
"#
    )
}

/// The UnionPay applications, and the key of the test card's made-up authority.
fn card_configuration() -> String {
    let key = posd_card::issuer::authority_key();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
    format!(
        r#"[contactless]
no-pin-limit = 30000
no-signature-limit = 30000

[[applications]]
aid = "A000000333010101"
name = "UnionPay Debit"
action-code-denial = "0010000000"
action-code-online = "D84004F800"
action-code-default = "D84000A800"
floor-limit = 50000
contactless = {{ transaction-limit = 5000000, cvm-limit = 30000 }}

[[applications]]
aid = "A000000333010102"
name = "UnionPay Credit"
action-code-denial = "0010000000"
action-code-online = "D84004F800"
action-code-default = "D84000A800"
floor-limit = 50000
contactless = {{ transaction-limit = 5000000, cvm-limit = 30000 }}

[[authority-keys]]
authority = "{}"
index = "{:02X}"
modulus = "{}"
exponent = "{}"
checksum = "{}"
"#,
        hex(&key.rid),
        key.index,
        hex(&key.modulus),
        hex(&key.exponent),
        hex(&key.checksum),
    )
}
