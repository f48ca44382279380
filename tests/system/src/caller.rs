//! Clients that are not zbus, of any user, that call what they are told and tell what they hear.

use crate::{House, client};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// The second user.
pub const NOBODY: u32 = 65534;

/// An implementation of D-Bus that is not zbus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// libdbus, through dbus-python.
    Libdbus,
    /// GDBus, through GObject introspection.
    Gdbus,
}

impl Library {
    /// Each of them.
    pub const ALL: [Library; 2] = [Library::Libdbus, Library::Gdbus];

    fn script(self) -> &'static str {
        match self {
            Library::Libdbus => "caller.py",
            Library::Gdbus => "gio_caller.py",
        }
    }
}

/// What a client heard.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The object.
    pub path: String,
    /// The interface of the signal.
    pub interface: String,
    /// The signal.
    pub member: String,
    /// Its arguments.
    pub arguments: Value,
    /// When, in milliseconds of the monotonic clock.
    pub at: u64,
}

impl Heard {
    /// What a `PropertiesChanged` says of a property.
    pub fn changed(&self, property: &str) -> Option<&Value> {
        (self.member == "PropertiesChanged").then(|| self.arguments[1].get(property)).flatten()
    }
}

/// A connection in a process of its own. It ends with this value.
pub struct Caller {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Caller {
    /// Connects as the test's own user.
    pub fn own(house: &House) -> Caller {
        Caller::by(house, Library::Libdbus)
    }

    /// Connects as the test's own user through a library.
    pub fn by(house: &House, library: Library) -> Caller {
        Caller::start(house, Command::new(crate::PYTHON), library)
    }

    /// Connects as the second user.
    pub fn other(house: &House) -> Caller {
        Caller::other_by(house, Library::Libdbus)
    }

    /// Connects as the second user through a library.
    pub fn other_by(house: &House, library: Library) -> Caller {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", crate::PYTHON]);
        Caller::start(house, command, library)
    }

    fn start(house: &House, mut command: Command, library: Library) -> Caller {
        let script = std::fs::read_to_string(client(library.script())).unwrap();
        // The second user need not be able to read the source tree.
        command.arg("-c").arg(script).arg(house.stack.bus_address());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut caller = Caller { process, input, output };
        assert_eq!(caller.hear(), "ready", "the client in Python connects");
        caller
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the client in Python has ended");
        serde_json::from_str(&line).unwrap()
    }

    fn ask(&mut self, what: &Value) -> Value {
        writeln!(self.input, "{what}").unwrap();
        self.hear()
    }

    /// Calls a method: what it returns, or the name of the error.
    pub fn call(
        &mut self,
        path: &str,
        interface: &str,
        method: &str,
        signature: &str,
        arguments: Value,
    ) -> Result<Value, String> {
        let answer = self.ask(&json!({"call": [path, interface, method, signature, arguments]}));
        match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(answer["returned"].clone()),
        }
    }

    /// Calls a method of the terminal.
    pub fn terminal(&mut self, method: &str, signature: &str, arguments: Value) -> Result<Value, String> {
        self.call(posd_client::PATH, posd_client::NAME, method, signature, arguments)
    }

    /// Calls a method of a transaction.
    pub fn transaction(
        &mut self,
        path: &str,
        method: &str,
        signature: &str,
        arguments: Value,
    ) -> Result<Value, String> {
        self.call(path, posd_client::TRANSACTION, method, signature, arguments)
    }

    /// Asks for a sale: its object's path, or the name of the error.
    pub fn try_create(&mut self, reference: &str, amount: u64, options: Value) -> Result<String, String> {
        let sale = json!([reference, "sale", amount, "CNY", options]);
        let path = self.terminal("CreateTransaction", "sstsa{sv}", sale)?;
        Ok(path.as_str().unwrap().to_owned())
    }

    /// Makes a sale; its object's path.
    pub fn create(&mut self, reference: &str, amount: u64) -> String {
        self.try_create(reference, amount, json!({})).unwrap()
    }

    /// Starts a transaction.
    pub fn begin(&mut self, path: &str) -> Result<Value, String> {
        self.transaction(path, "Start", "", json!([]))
    }

    /// Cancels a transaction; the answer.
    pub fn cancel(&mut self, path: &str) -> String {
        let answer = self.transaction(path, "Cancel", "", json!([])).unwrap();
        answer.as_str().unwrap().to_owned()
    }

    /// Every property of a transaction.
    pub fn properties(&mut self, path: &str) -> Value {
        let properties = "org.freedesktop.DBus.Properties";
        self.call(path, properties, "GetAll", "s", json!([posd_client::TRANSACTION])).unwrap()
    }

    /// Waits until a transaction is in a state; its properties.
    pub fn reaches(&mut self, path: &str, state: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let all = self.properties(path);
            if all["State"] == state {
                return all;
            }
            let ended = Instant::now() > end || all["State"] == "finished";
            assert!(!ended, "{path} should be {state} and is {}: {}", all["State"], all["Result"]);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The signals heard so far.
    pub fn signals(&mut self) -> Vec<Heard> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let heard = self.ask(&json!({"signals": true}));
        let heard = heard.as_array().unwrap().iter().map(|signal| Heard {
            path: text(&signal[0]),
            interface: text(&signal[1]),
            member: text(&signal[2]),
            arguments: signal[3].clone(),
            at: signal[4].as_u64().unwrap(),
        });
        heard.collect()
    }

    /// The signals of one object heard so far.
    pub fn signals_of(&mut self, path: &str) -> Vec<Heard> {
        self.signals().into_iter().filter(|signal| signal.path == path).collect()
    }

    /// Ends the process with SIGKILL: its connection breaks.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
