//! The host's language: the UnionPay (银联) POS dialect of ISO 8583.
//!
//! **What it is for.** Bytes to messages and back ([`Message`], [`frame`]), the messages a terminal sends
//! ([`request`]), what an answer says and whether it answers *this* request ([`answer`]), the work keys inside a
//! sign-in answer ([`keys62`]), the totals of a settlement ([`totals`]), downloaded sets ([`download`]), QR codes
//! ([`qr`]), the meaning of field 39 ([`response_code`]), and a reading of any message for people ([`describe`]). Everything in which acquirers differ is data in a [`Profile`]; nothing here asks which acquirer
//! it is.
//!
//! **What it never does.** It opens no socket, reads no clock, draws no random number and holds no key: it says
//! *what* to MAC and takes eight bytes back from the secure module. It never panics on outside bytes: they decode,
//! or give an error with the field's number and the byte offset. It never prints a PAN, a track, a PIN block or a
//! key: types that hold them have a redacting `Debug` and are wiped when dropped.
//!
//! **Where to start reading.** [`field`] has the table of fields, [`message`] the codec; then one request from
//! [`request`], say [`request::Financial`], and [`answer::check_answer`], which judges what comes back.

pub mod answer;
pub mod bcd;
pub mod describe;
pub mod download;
pub mod error;
pub mod field;
pub mod field55;
pub mod frame;
pub mod keys62;
pub mod kind;
pub mod message;
pub mod mti;
pub mod pan;
pub mod profile;
pub mod qr;
pub mod request;
pub mod response_code;
mod tlv;
pub mod totals;

pub use answer::{Answer, Expectation, Mismatch, Rejection, check_answer};
pub use error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
pub use field::{FieldSet, FieldTable};
pub use frame::{Frame, FrameError, Header, HeaderRequirement, Tpdu};
pub use kind::{Books, Family, Kind};
pub use message::{Message, MessageBuilder};
pub use mti::Mti;
pub use pan::{Pan, Track2, Track3};
pub use profile::Profile;
pub use totals::{Reconciliation, Side, SideResult, Totals};
