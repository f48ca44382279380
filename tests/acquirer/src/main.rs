//! A test acquirer: a UnionPay host to talk to on loopback.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use posd_acquirer::{Host, Server, ServerOptions, Settings};

/// A UnionPay host for tests and demonstrations, on 127.0.0.1 only.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// TCP port; 0 picks a free one. The address is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Path of the control socket.
    #[arg(long)]
    control: Option<PathBuf>,
    /// Settings as JSON; what is left out has the made-up test values.
    #[arg(long)]
    settings: Option<PathBuf>,
}

fn start(arguments: Arguments) -> Result<Server, String> {
    let settings = match &arguments.settings {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| error.to_string())
            .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
            .map_err(|error| format!("{}: {error}", path.display()))?,
        None => Settings::default(),
    };
    let host = Host::new(settings).map_err(|error| error.to_string())?;
    let options = ServerOptions { port: arguments.port, control: arguments.control, clock: None };
    Server::start(host, options).map_err(|error| format!("cannot listen: {error}"))
}

fn main() -> ExitCode {
    let server = match start(Arguments::parse()) {
        Ok(server) => server,
        Err(error) => {
            let _ = writeln!(io::stderr(), "posd-acquirer: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut out = io::stdout();
    if writeln!(out, "listening {}", server.address()).and_then(|()| out.flush()).is_err() {
        return ExitCode::FAILURE;
    }
    loop {
        std::thread::park();
    }
}
