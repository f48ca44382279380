//! Everything that is said on the bus, as the bus's own monitor hears it.

use crate::House;
use std::{
    fs::File,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A monitor of the house's bus, until it is asked for what it heard.
pub struct Monitor {
    process: Child,
    file: PathBuf,
    address: String,
}

impl Monitor {
    /// Hears every message as its bytes.
    pub fn of_bytes(house: &House) -> Monitor {
        Monitor::start(house, "--binary")
    }

    /// Hears every message as text, with sender and destination.
    pub fn of_text(house: &House) -> Monitor {
        Monitor::start(house, "--monitor")
    }

    fn start(house: &House, form: &str) -> Monitor {
        let (file, address) = (house.directory().join(format!("monitor{form}")), house.stack.bus_address());
        let output = File::create(&file).unwrap();
        let mut command = Command::new("dbus-monitor");
        command.args(["--address", &address, form]).stdout(output).stdin(Stdio::null());
        let monitor = Monitor { process: command.spawn().unwrap(), file, address };
        // It hears from here on once it has heard this.
        monitor.wait_for("RecordingBegins");
        monitor
    }

    /// Sends a signal of that name until it was heard.
    fn wait_for(&self, word: &str) {
        let end = Instant::now() + Duration::from_secs(10);
        while !contains(&std::fs::read(&self.file).unwrap(), word.as_bytes()) {
            assert!(Instant::now() < end, "the monitor does not hear");
            let bus = format!("--bus={}", self.address);
            let said = Command::new("dbus-send")
                .args([&bus, "/test", &format!("org.posd.test.{word}")])
                .status()
                .unwrap();
            assert!(said.success());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What was said up to now.
    pub fn heard(mut self) -> Vec<u8> {
        self.wait_for("RecordingEnds");
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        std::fs::read(&self.file).unwrap()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
