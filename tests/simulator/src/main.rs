//! The simulated terminal: `serve` stands in the secure module's place, `run` starts everything for app developers,
//! `demo` shows what the terminal does.

use clap::{Parser, Subcommand};
use posd_simulator::{OFFLINE, Options, STRIPE, Stack, demo, module, profile};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the secure module's socket with simulated devices.
    Serve {
        /// Where the sockets and the store are.
        #[arg(long)]
        directory: PathBuf,
        /// A customer who does the right thing.
        #[arg(long)]
        auto: bool,
        /// The terminal master key is loaded for SM4.
        #[arg(long)]
        sm4: bool,
    },
    /// Run the whole simulated terminal until it is interrupted.
    Run,
    /// Show single sales and a day at the till, in a quarter of a minute.
    Demo,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With no standard error stream there is only the exit status.
            let _ = writeln!(io::stderr(), "posd-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Box<dyn std::error::Error>> {
    match command {
        Command::Serve { directory, auto, sm4 } => {
            module::serve(&directory, auto, sm4, |printer, scanner| {
                let mut out = io::stdout();
                // Whoever started it reads this, or has gone.
                let _ = writeln!(out, "scanner {scanner}\nprinter {printer}").and_then(|()| out.flush());
            })?
        }
        Command::Run => {
            let directory = tempfile::Builder::new().prefix("posd-").tempdir()?;
            let options = Options {
                auto: true,
                posd: OFFLINE.to_owned(),
                profile: format!("{STRIPE}\n{}", profile(3)),
                ..Options::default()
            };
            let stack = Stack::start(directory.path(), &options)?;
            let mut out = io::stdout();
            writeln!(out, "The simulated terminal runs. In another window:\n")?;
            writeln!(out, "export DBUS_SYSTEM_BUS_ADDRESS={}", stack.bus_address())?;
            writeln!(out, "export POSD_SIMULATOR={}", stack.directory().display())?;
            writeln!(out, "export PATH=$PATH:{}", stack.programs().display())?;
            writeln!(
                out,
                "posctl sign-in; posctl operator login 01; posctl sale 12.34 --reference order-1; posctl qr-show 5.00 --reference order-2\n"
            )?;
            writeln!(out, "Press Ctrl-C to end it.")?;
            wait_for_interrupt()?;
        }
        Command::Demo => demo::run()?,
    }
    Ok(())
}

/// Waits for SIGINT or SIGTERM, so that everything that was started is ended too.
fn wait_for_interrupt() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    })
}
