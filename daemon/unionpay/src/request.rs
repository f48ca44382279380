//! The messages that the terminal sends, each a structure of plain data (reference 1 and 1.1).
//!
//! `build` puts the fields in; the result tells what to MAC ([`Request::mac_input`]), what goes over the line
//! ([`Request::frame`]) and what must come back ([`Request::expectation`]).

mod card;
mod download;
mod management;
mod qr;
mod settlement;
mod signature;

pub use card::{Card, Entry, Financial, GoodsLine, Linked, Reversal, ScriptResult};
pub use download::{Download, Step};
pub use management::{Echo, SignIn, SignOut};
pub use qr::{QrOriginal, QrRequest};
pub use settlement::{
    AdviceAgain, BatchDetails, BatchEnd, ChipEnd, ChipRecord, Detail, MOST_DETAILS, Organisation, Settlement,
};
pub use signature::SignatureUpload;

use crate::answer::Expectation;
use crate::error::{EncodeError, EncodeErrorKind};
use crate::field::bit;
use crate::frame::{ENVELOPE_BYTES, Header, Tpdu};
use crate::message::{Message, MessageBuilder};
use crate::mti::Mti;
use crate::profile::Profile;
use zeroize::Zeroizing;

/// Who the terminal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Terminal number (field 41), up to eight characters.
    pub terminal: String,
    /// Merchant number (field 42), up to 15 characters.
    pub merchant: String,
}

/// A message that is ready but for its MAC.
#[derive(Debug)]
pub struct Request {
    tpdu: Tpdu,
    header: Header,
    message: Message,
    expectation: Expectation,
    has_mac: bool,
}

/// Why a request is not ready to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// The profile wants a MAC on this message: ask the secure module for it.
    #[error("this message needs a MAC")]
    MacMissing,
    /// The profile wants none.
    #[error("this message carries no MAC")]
    MacUnwanted,
}

impl Request {
    /// What the MAC covers: message type, bitmap with bit 64 set, and all fields. `None` where this message carries
    /// none. The bytes hold card data: hand them to the secure module and drop them.
    pub fn mac_input(&self) -> Option<Vec<u8>> {
        self.has_mac.then(|| self.body_with_bit_64())
    }

    fn body_with_bit_64(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.message.encode().len() + 8);
        body.extend_from_slice(self.message.encode());
        if let Some(bitmap) = body.get_mut(2..10) {
            bitmap.copy_from_slice(&(self.message.fields().bits() | bit(64)).to_be_bytes());
        }
        body
    }

    /// TPDU, header and message, without the two bytes of length that go before them.
    ///
    /// # Errors
    /// Where a MAC is missing that the profile wants, or one is given that it does not want.
    pub fn frame(&self, mac: Option<[u8; 8]>) -> Result<Zeroizing<Vec<u8>>, NotReady> {
        let mut frame = Zeroizing::new(Vec::with_capacity(ENVELOPE_BYTES + self.message.encode().len() + 8));
        frame.extend_from_slice(&self.tpdu.0);
        frame.extend_from_slice(&self.header.0);
        match (self.has_mac, mac) {
            (true, Some(mac)) => {
                let body = Zeroizing::new(self.body_with_bit_64());
                frame.extend_from_slice(&body);
                frame.extend_from_slice(&mac);
            }
            (false, None) => frame.extend_from_slice(self.message.encode()),
            (true, None) => return Err(NotReady::MacMissing),
            (false, Some(_)) => return Err(NotReady::MacUnwanted),
        }
        Ok(frame)
    }

    /// What the answer must repeat.
    pub fn expectation(&self) -> Expectation {
        self.expectation.clone()
    }

    /// The message without its MAC.
    pub fn message(&self) -> &Message {
        &self.message
    }
}

/// Fields that every message of the terminal has, and what becomes of them.
struct Draft<'a> {
    profile: &'a Profile,
    header: Header,
    mti: Mti,
    identity: &'a Identity,
    trace: u32,
    amount: Option<u64>,
}

impl Draft<'_> {
    /// Builds the message: `put` adds what is not in the draft. Fields go in rising order where that is cheap; the
    /// builder keeps them in order anyway.
    fn build(
        self,
        put: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), EncodeError>,
    ) -> Result<Request, EncodeError> {
        let trace = self.trace;
        self.assemble(Some(trace), put)
    }

    /// Builds a message that carries no trace number (downloads), whatever the draft's is.
    fn build_without_trace(
        self,
        put: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), EncodeError>,
    ) -> Result<Request, EncodeError> {
        self.assemble(None, put)
    }

    fn assemble(
        self,
        trace: Option<u32>,
        put: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), EncodeError>,
    ) -> Result<Request, EncodeError> {
        let table = self.profile.table();
        let mut builder = MessageBuilder::new(&table, self.mti);
        if let Some(trace) = trace {
            in_range(11, trace.into(), 1, 999_999)?;
            builder.put_number(11, trace.into())?;
        }
        put(&mut builder)?;
        builder.put(41, &self.identity.terminal)?;
        builder.put(42, &self.identity.merchant)?;
        let Some(answer) = self.mti.answer() else {
            return Err(EncodeError::new(0, EncodeErrorKind::UnknownField));
        };
        let message = builder.finish();
        // Without a trace number only the network management code tells one answer from another.
        let code = if trace.is_none() { management_code(&message) } else { None };
        Ok(Request {
            tpdu: self.profile.tpdu,
            header: self.header,
            message,
            expectation: Expectation {
                mti: answer,
                trace,
                code,
                terminal: self.identity.terminal.clone(),
                merchant: self.identity.merchant.clone(),
                amount: self.amount,
            },
            has_mac: self.profile.macs(self.mti),
        })
    }
}

/// 60.3 of a message.
pub(crate) fn management_code(message: &Message) -> Option<u16> {
    message.digits(60)?.number(8..11).and_then(|code| u16::try_from(code).ok())
}

fn in_range(field: u8, value: u64, min: u64, max: u64) -> Result<(), EncodeError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(EncodeError::new(field, EncodeErrorKind::OutOfRange { min, max }))
}

/// 60.1, 60.2 and 60.3: message kind, batch and network management code (n11).
fn field60(kind: &str, batch: u32, code: &str) -> Result<String, EncodeError> {
    in_range(60, batch.into(), 0, 999_999)?;
    Ok(format!("{kind}{batch:06}{code}"))
}
