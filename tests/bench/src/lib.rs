//! What a sale, the start and the idle terminal cost, beside the least that they could cost.
//!
//! What it is for: `make bench` prints a table and writes it as JSON. A time is shown beside a bare loop that is measured
//! in the same run, so that the figure that matters is a ratio, which other machines share.
//!
//! What it never does: fail on a time or on memory. What is counted (durable commits, wake-ups, reads) must be as told.
//!
//! Start reading at [`run`]; each measurement has a file of its own, and `report.rs` what becomes of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that cannot go on ends")]

mod bare;
mod codec;
mod house;
mod idle;
mod memory;
mod process;
mod report;
mod sale;
mod start;
mod tap;
mod vault;
mod wal;

pub use report::{Report, Row};

/// What is measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// The codecs.
    Codecs,
    /// One sale.
    Sale,
    /// One tap.
    Tap,
    /// The start.
    Start,
    /// Memory after many sales.
    Memory,
    /// The idle terminal.
    Idle,
}

impl Part {
    /// All of them, in the order of measuring.
    pub const ALL: [Part; 6] = [Part::Codecs, Part::Sale, Part::Tap, Part::Start, Part::Memory, Part::Idle];
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Sales that are timed.
    pub sales: usize,
    /// Sales after which memory is read, and again after as many.
    pub sales_for_memory: usize,
    /// Rows of the big journal.
    pub rows: u64,
    /// Starts that are timed with each journal.
    pub starts: usize,
    /// Seconds of idleness.
    pub idle_s: u64,
    /// Rounds of codec loops.
    pub rounds: usize,
}

impl Scale {
    /// As the goals say.
    pub const FULL: Scale =
        Scale { sales: 200, sales_for_memory: 1_000, rows: 100_000, starts: 20, idle_s: 30, rounds: 101 };
    /// Enough to see that counts are right, in seconds; its times and memory mean nothing.
    pub const QUICK: Scale =
        Scale { sales: 3, sales_for_memory: 3, rows: 2_000, starts: 1, idle_s: 3, rounds: 3 };
}

/// Measures these parts. `progress` is told what comes next.
///
/// # Panics
/// Where the terminal does not start or a sale is not approved: then there is nothing to measure.
pub fn run(scale: &Scale, parts: &[Part], progress: &mut dyn FnMut(&str)) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut report = Report::default();
    for part in parts {
        match part {
            Part::Codecs => {
                progress("codecs");
                codec::measure(scale, &mut report);
            }
            Part::Sale => {
                progress("a sale");
                runtime.block_on(sale::measure(scale, &mut report));
            }
            Part::Tap => {
                progress("a tap");
                runtime.block_on(tap::measure(scale, &mut report));
            }
            Part::Start => {
                progress("start");
                runtime.block_on(start::measure(scale, &mut report));
            }
            Part::Memory => {
                progress("memory");
                runtime.block_on(memory::measure(scale, &mut report));
            }
            Part::Idle => {
                progress("idleness");
                runtime.block_on(idle::measure(scale, &mut report));
            }
        }
    }
    report
}
