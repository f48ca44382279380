//! System tests on a private bus.

fn main() {}
