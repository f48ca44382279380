//! The secure module without its wires: keys, PIN entry, MAC.
