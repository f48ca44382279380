//! Benchmarks of the terminal.

fn main() {}
