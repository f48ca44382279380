//! The host as a terminal meets it: answers and books, faults, and the server.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod host;
#[cfg(test)]
mod server;
#[cfg(test)]
mod terminal;
