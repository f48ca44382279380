//! The secure module of the payment terminal, as a process.

fn main() -> std::process::ExitCode {
    posd_vault::command::run()
}
