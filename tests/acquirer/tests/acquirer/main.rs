//! The host as a terminal meets it: answers and books, faults, and the server.

#[cfg(test)]
mod codes;
#[cfg(test)]
mod downloads;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod host;
#[cfg(test)]
mod linked;
#[cfg(test)]
mod server;
#[cfg(test)]
mod settlement;
#[cfg(test)]
mod sm4;
#[cfg(test)]
mod stripes;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod wallets;
