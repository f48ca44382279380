//! A client in Python, of any user, that calls what it is told and tells what it hears.

use crate::{House, client};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The second user.
pub const NOBODY: u32 = 65534;

/// A connection in a process of its own. It ends with this value.
pub struct Caller {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Caller {
    /// Connects as the test's own user.
    pub fn own(house: &House) -> Caller {
        Caller::start(house, Command::new(crate::PYTHON))
    }

    /// Connects as the second user.
    pub fn other(house: &House) -> Caller {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", crate::PYTHON]);
        Caller::start(house, command)
    }

    fn start(house: &House, mut command: Command) -> Caller {
        let script = std::fs::read_to_string(client("caller.py")).unwrap();
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

    /// Makes a sale; its object's path.
    pub fn create(&mut self, reference: &str, amount: u64) -> String {
        let path =
            self.terminal("CreateTransaction", "sstsa{sv}", json!([reference, "sale", amount, "CNY", {}]));
        path.unwrap().as_str().unwrap().to_owned()
    }

    /// The signals heard so far, each as [path, interface, member, arguments].
    pub fn signals(&mut self) -> Vec<Value> {
        self.ask(&json!({"signals": true})).as_array().unwrap().clone()
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
