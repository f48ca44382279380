//! A software EMV card, contact and quickPass, with its own issuer: the other end of the terminal's card tests.
//!
//! It is for tests and the simulated terminal: a [`Card`] takes command APDUs and gives response
//! APDUs, keeps what a chip keeps across sessions (ATC, PIN try counter, blocks), and can be told to
//! lie. [`issuer`] holds the made-up keys behind it and the issuer's side of the cryptography.
//!
//! It never uses the daemon's code: it is a second reading of EMV Books 1-3 and of the PBOC
//! cryptogram, so that a fault in one shows against the other. It has no randomness and no clock:
//! the same commands give the same answers. All keys and card numbers are made up.
//!
//! Start reading at [`Profile`], then `card.rs` and, for one purchase, `cryptogram.rs`; for a tap, `quick_pass.rs`.
//!
//! Not there: SM algorithms, the check of a script's MAC.

mod apdu;
mod card;
mod cryptogram;
mod des3;
pub mod hex;
pub mod issuer;
mod misbehaviour;
mod profile;
mod quick_pass;
mod records;
mod script;
mod selection;
pub mod tlv;
pub mod vpcd;

pub use card::{Card, Exchange};
pub use cryptogram::{CryptogramType, Issued};
pub use misbehaviour::{Fault, Misbehaviour, When};
pub use profile::{
    Application, CvmList, FirstCryptogram, Format, IssuerAuthentication, OfflineAuthentication, Profile, Pse,
    Transport,
};
pub use quick_pass::{Fdda, QuickPass, Signature, Wish};
pub use records::Record;
