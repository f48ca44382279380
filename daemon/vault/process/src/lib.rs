//! The secure module as a process: sockets, card reader, PIN pad, locked memory.
