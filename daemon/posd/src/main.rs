//! The payment terminal's daemon.
//!
//! What it is for: it wires the rooms together: bus, runner, secure module, host link, printer, code
//! scanner, journal.
//!
//! What it never does: decide anything about money, see a PIN or a key, or show anything before it is durable.
//!
//! Start reading at [`run::run`], then `bus`.

mod bus;
mod clock;
mod evidence;
mod facts;
mod host_link;
mod logging;
mod ports;
mod printer;
mod run;
mod scanner;
mod vault_link;

use std::process::ExitCode;

fn main() -> ExitCode {
    logging::start();
    match run::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => logging::fatal(&fault),
    }
}
