//! The host as a terminal meets it: answers and books, faults, and the server.

mod faults;
mod host;
mod server;
mod terminal;
