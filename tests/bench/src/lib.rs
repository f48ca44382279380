//! Benchmarks of the terminal.
