//! The command line of the payment terminal.
