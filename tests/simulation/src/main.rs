//! Runs the simulation for many seeds: `posd-simulation FIRST COUNT`.

use posd_simulation::{Faults, Plan, World};
use posd_terminal::Kind;
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (first, count) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1_000));
    let mut out = std::io::stdout();
    let (mut attempts, mut crashes) = (0, 0);
    for seed in first..first + count {
        match World::run(Plan {
            seed,
            sales: 20,
            faults: Faults::Drawn,
            tapped: false,
            plant: None,
            kind: Kind::Sale,
        }) {
            Ok(outcome) => {
                attempts += outcome.attempts;
                crashes += outcome.crashes;
            }
            Err(violation) => {
                let _ = writeln!(out, "{}", violation.0);
                return ExitCode::FAILURE;
            }
        }
    }
    let _ = writeln!(out, "{count} seeds, {attempts} transactions, {crashes} crashes: every promise kept");
    ExitCode::SUCCESS
}
