//! A software EMV card.

fn main() {}
