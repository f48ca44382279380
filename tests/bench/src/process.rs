//! What the kernel says of a process.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How much memory a process has, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// Resident, pages of shared libraries included.
    pub(crate) resident: f64,
    /// Resident, each shared page counted in parts.
    pub(crate) proportional: f64,
    /// Nobody else's.
    pub(crate) private: f64,
}

fn lines_of(path: &str, key: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let words =
        text.lines().filter(|line| line.starts_with(key)).filter_map(|line| line.split_whitespace().nth(1));
    words.filter_map(|word| word.parse::<f64>().ok()).sum()
}

/// The memory of a process.
pub(crate) fn memory(process: u32) -> Memory {
    let rollup = format!("/proc/{process}/smaps_rollup");
    Memory {
        resident: lines_of(&format!("/proc/{process}/status"), "VmRSS:"),
        proportional: lines_of(&rollup, "Pss:"),
        private: lines_of(&rollup, "Private_"),
    }
}

fn threads(process: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.map(|task| task.unwrap().path().display().to_string()).collect()
}

/// How often the kernel has switched to and from any thread of a process: a thread that wakes is counted when it waits
/// again.
pub(crate) fn switches(process: u32) -> u64 {
    let of = |task: &String| {
        let status = format!("{task}/status");
        lines_of(&status, "voluntary_ctxt_switches:") + lines_of(&status, "nonvoluntary_ctxt_switches:")
    };
    threads(process).iter().map(of).sum::<f64>() as u64
}

/// The processor time of a process's present threads.
pub(crate) fn processor_time(process: u32) -> Duration {
    let of = |task: &String| {
        let text = fs::read_to_string(format!("{task}/schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0)
    };
    Duration::from_nanos(threads(process).iter().map(of).sum())
}

/// A trace of a process's system calls.
pub(crate) struct Trace {
    strace: Child,
    path: std::path::PathBuf,
}

impl Trace {
    /// Traces these system calls of every thread from here on.
    pub(crate) fn attach(process: u32, calls: &str, directory: &Path) -> Trace {
        let path = directory.join("strace.txt");
        let strace = Command::new("strace")
            .args(["-f", "-q", "-e", &format!("trace={calls}"), "-e", "signal=none", "-o"])
            .arg(&path)
            .args(["-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace is needed: `make setup` installs it");
        let mut trace = Trace { strace, path };
        let end = Instant::now() + Duration::from_secs(10);
        let traced = |task: &String| lines_of(&format!("{task}/status"), "TracerPid:") != 0.0;
        while !threads(process).iter().all(traced) {
            let gone = trace.strace.try_wait().unwrap();
            assert!(gone.is_none() && Instant::now() < end, "strace may not trace posd: run this as root");
            std::thread::sleep(Duration::from_millis(5));
        }
        trace
    }

    /// Ends it; how many calls there were.
    pub(crate) fn calls(mut self) -> u64 {
        let process = nix::unistd::Pid::from_raw(self.strace.id().try_into().unwrap());
        nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).unwrap();
        self.strace.wait().unwrap();
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        // A call that another thread's interrupts is two lines, of which one has its name and a bracket.
        text.lines().filter(|line| line.contains('(')).count() as u64
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}
