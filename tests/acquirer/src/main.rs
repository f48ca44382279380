//! A test acquirer: a UnionPay host to talk to on loopback.

fn main() {}
