//! `make bench`.

use clap::Parser;
use posd_bench::{Part, Scale, run};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, Parser)]
#[command(version, about = "What a sale, the start and the idle terminal cost.")]
struct Arguments {
    /// Only see that counts are right: times and memory mean nothing then.
    #[arg(long)]
    quick: bool,
    /// Measure this alone; may be given again.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Write the figures to this file, too.
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let scale = if arguments.quick { Scale::QUICK } else { Scale::FULL };
    let parts = if arguments.only.is_empty() { &Part::ALL[..] } else { &arguments.only[..] };
    let report = run(&scale, parts, &mut |what| {
        // Whoever waits is told; if nobody does, the table is all that counts.
        let _ = writeln!(io::stderr(), "measuring: {what}");
    });
    write!(io::stdout(), "{}", report.table())?;
    if let Some(path) = arguments.json {
        std::fs::write(path, format!("{:#}\n", report.json()))?;
    }
    Ok(if report.missed_counts().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
