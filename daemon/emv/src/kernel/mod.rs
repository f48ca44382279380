//! One transaction on one contact card, from selection to completion (Book 3 §8 to §10).
//!
//! The steps are written in the order of the books, one file each, as one line of control that waits wherever it needs
//! the world. [`Kernel`] turns that inside out: [`Kernel::start`] and [`Kernel::resume`] run it to its next wait and
//! give the [`Action`] it waits for. Nothing here does IO; the wait is a future that only `resume` completes.

mod analysis;
mod completion;
mod contactless;
mod cryptogram;
mod cvm;
mod initiation;
mod interface;
mod offline;
mod records;
mod restrictions;
mod risk;
mod scripts;
mod selection;
mod session;

#[cfg(test)]
mod tests;

pub use contactless::{Torn, may_tap};
pub use interface::{
    Action, Again, Candidate, Input, KnownCard, OfflineApproval, OfflinePin, OfflinePinResult, OnlineRequest,
    Outcome, PinEntry, Reason, Refusal, TapVerification, Verdict,
};

use crate::{
    configuration::Configuration,
    date::{bcd, to_bcd},
    digits::Digits,
    hex, tags,
};
use contactless::Tap;
use session::{Session, Shared};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use zeroize::Zeroizing;

/// What the card is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// To take part in the transaction: cryptograms, cardholder verification, the issuer.
    #[default]
    Authorise,
    /// To say which card it is, and no more (退货): the session ends after the records are read. No cryptogram is asked
    /// for, so the card is bound to nothing.
    Read,
}

/// What the terminal knows of a transaction before the card is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Amount, authorised, in minor units, up to 12 digits.
    pub amount: u64,
    /// Amount, other (cashback), in minor units.
    pub amount_other: u64,
    /// ISO 4217 numeric currency.
    pub currency: u16,
    /// Local date: year without century, month, day.
    pub date: [u8; 3],
    /// Local time: hour, minute, second.
    pub time: [u8; 3],
    /// 9C, transaction type: 00 goods and services.
    pub transaction_type: u8,
    /// What the card is wanted for.
    pub purpose: Purpose,
    /// 9F41, transaction sequence counter, 1 to 99,999,999.
    pub sequence_counter: u32,
    /// Whether card and terminal may approve it by themselves.
    pub offline: OfflineApproval,
}

/// The kernel.
pub struct Kernel {
    shared: Arc<Shared>,
    run: Option<Pin<Box<dyn Future<Output = Outcome> + Send>>>,
    started: bool,
}

impl fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kernel").field("running", &self.run.is_some()).finish_non_exhaustive()
    }
}

impl Kernel {
    /// A kernel for one transaction. Use another for the next attempt (rule 11).
    pub fn new(configuration: Arc<Configuration>, transaction: Transaction) -> Kernel {
        Kernel::with(configuration, transaction, None)
    }

    /// A kernel for one tap on the contactless reader (UnionPay quickPass). It asks and is answered as the other is.
    /// `torn` is what [`Kernel::take_torn`] gave after an earlier tap for the same transaction.
    pub fn tap(configuration: &Configuration, transaction: Transaction, torn: Option<Torn>) -> Kernel {
        let tap = Tap::new(configuration, &transaction, torn);
        Kernel::with(Arc::new(contactless::of_taps(configuration)), transaction, Some(tap))
    }

    fn with(configuration: Arc<Configuration>, transaction: Transaction, tap: Option<Tap>) -> Kernel {
        let shared = Arc::new(Shared::default());
        let session = Session::new(configuration, transaction, Arc::clone(&shared), tap);
        Kernel { shared, run: Some(Box::pin(session.run())), started: false }
    }

    /// The first action. Calling it again answers as [`Kernel::resume`] out of turn does.
    pub fn start(&mut self) -> Action {
        if std::mem::replace(&mut self.started, true) {
            return self.out_of_turn();
        }
        self.step()
    }

    /// Hands over the answer to the last action and gives the next.
    pub fn resume(&mut self, input: Input) -> Action {
        if !self.started {
            return self.out_of_turn();
        }
        self.shared.give(input);
        self.step()
    }

    /// What the next tap for the same transaction must be told of this one: it was torn, and the card may have paid.
    pub fn take_torn(&self) -> Option<Torn> {
        self.shared.take_torn()
    }

    fn step(&mut self) -> Action {
        let Some(run) = self.run.as_mut() else { return self.out_of_turn() };
        match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => {
                self.run = None;
                Action::Finished(outcome)
            }
            Poll::Pending => match self.shared.take_action() {
                Some(action) => action,
                None => self.out_of_turn(),
            },
        }
    }

    fn out_of_turn(&mut self) -> Action {
        self.run = None;
        Action::Finished(Outcome::terminated(Reason::OutOfTurn))
    }

    /// A data element of card or terminal as it stands, or `None`.
    ///
    /// While [`Action::GoOnline`] waits, nothing has changed since the first GENERATE AC: 95 is the TVR and 9F34 the CVM
    /// result that the card was given with it, and 9F26 is the cryptogram over them (check 62).
    pub fn data(&self, tag: u32) -> Option<Vec<u8>> {
        self.shared.get(tag)
    }

    /// The account number. Whoever holds it keeps it from logs, buses and disks.
    pub fn pan(&self) -> Option<Zeroizing<String>> {
        let digits = Digits::from_compressed(&Zeroizing::new(self.data(tags::PAN)?))?;
        Some(Zeroizing::new(digits.reveal().to_owned()))
    }

    /// The card's expiry, YYMM.
    pub fn expiry(&self) -> Option<Zeroizing<String>> {
        self.data(tags::EXPIRATION)?.get(..2).map(hex::encode).map(Zeroizing::new)
    }

    /// The PAN sequence number (5F34), 0 to 99.
    pub fn pan_sequence(&self) -> Option<u8> {
        bcd(*self.data(tags::PAN_SEQUENCE)?.first()?)
    }

    /// Track 2 equivalent data (57): digits with `D` as separator, without padding.
    pub fn track2(&self) -> Option<Zeroizing<String>> {
        let packed = Zeroizing::new(self.data(tags::TRACK_2)?);
        let text = Zeroizing::new(hex::encode(&packed));
        Some(Zeroizing::new(text.trim_end_matches('F').to_owned()))
    }

    /// The application label (50), printable characters only.
    pub fn label(&self) -> Option<String> {
        self.data(tags::LABEL).and_then(|label| selection::printable(&label))
    }

    /// The application preferred name (9F12), where its alphabet can be shown.
    pub fn preferred_name(&self) -> Option<String> {
        self.data(tags::PREFERRED_NAME).and_then(|name| selection::printable(&name))
    }

    /// The cryptogram of the first GENERATE AC.
    pub fn first_cryptogram(&self) -> Option<Vec<u8>> {
        self.shared.first_cryptogram()
    }
}

/// A number as BCD of so many bytes; higher digits are lost.
fn number_bcd(mut number: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    for byte in bytes.iter_mut().rev() {
        // The cast is exact: a remainder of 100 fits.
        *byte = to_bcd((number % 100) as u8);
        number /= 100;
    }
    bytes
}
