//! One tap of a UnionPay card or phone (EMV Contactless Books A and B, PBOC 3.0 part 12: quickPass, "kernel 7").
//!
//! The order of a tap: the limits of each application are looked at before there is a card ([`entry_point`]); the
//! card's directory is read and its best application selected ([`environment`]); GET PROCESSING OPTIONS brings the
//! cryptogram with it ([`initiation`]); the records are read, and the card may leave. Everything slow comes after that:
//! fDDA ([`dynamic`]), the cardholder ([`cardholder`]), the host ([`quick_pass`]). A card that gives no cryptogram there
//! wants debit and credit as at the contact reader ([`debit_credit`]).
//!
//! Section numbers of PBOC are not given: its text was not at hand. What was read elsewhere or from memory stands in
//! tests/unverified.md.

mod cardholder;
mod cash;
mod debit_credit;
mod dynamic;
mod entry_point;
mod environment;
mod initiation;
mod quick_pass;
mod torn;

pub use entry_point::may_tap;
pub use torn::Torn;

use super::{
    Purpose, TapVerification, Transaction, Verdict,
    session::{End, Session},
};
use crate::{
    configuration::Configuration,
    indicators::{Ctq, Ttq, ctq},
};
use initiation::Path;

/// What belongs to a tap and not to a card in the contact reader.
pub(super) struct Tap {
    /// What pre-processing said of each of the terminal's applications, in their order; `None` for one that is not taken.
    combinations: Vec<Option<Combination>>,
    /// That of the selected application.
    chosen: Combination,
    /// The card transaction qualifiers; no bit where the card gives none.
    qualifiers: Ctq,
    /// The card has signed them.
    qualifiers_signed: bool,
    /// An earlier tap for the same transaction that was torn, and may have been paid.
    torn: Option<Torn>,
    /// How the cardholder was verified, once that is decided.
    pub(super) verification: Option<TapVerification>,
}

/// What pre-processing says of one application for this amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Combination {
    /// What the card will be told.
    qualifiers: Ttq,
    /// The cardholder must be verified.
    verification_required: bool,
    /// Card and terminal may do without the host.
    may_stay_offline: bool,
}

impl Tap {
    pub(super) fn new(configuration: &Configuration, transaction: &Transaction, torn: Option<Torn>) -> Tap {
        Tap {
            combinations: entry_point::prepare(configuration, transaction),
            chosen: Combination::default(),
            qualifiers: Ctq::default(),
            qualifiers_signed: false,
            torn,
            verification: None,
        }
    }

    /// Whether the cardholder's device has verified its user, as far as that may be believed.
    fn device_verified(&self) -> bool {
        self.qualifiers_signed && self.qualifiers.has(ctq::DEVICE_VERIFIED)
    }
}

impl Session {
    pub(super) async fn tap_steps(&mut self) -> Result<Verdict, End> {
        // A card at the reader pays; one that is only to be read is inserted.
        if self.transaction.purpose == Purpose::Read {
            return Ok(Verdict::AnotherInterface);
        }
        match self.select_and_open().await? {
            Path::QuickPass => self.quick_pass().await,
            Path::DebitCredit => self.debit_credit().await,
        }
    }

    /// The tap's own part. There is one: this is only asked for at a tap.
    fn combination(&self) -> Combination {
        self.tap.as_ref().map(|tap| tap.chosen).unwrap_or_default()
    }
}

/// The configuration of a tap: nobody types a PIN for a card that is held to the reader, and what decides whether a
/// cardholder is asked for at all is authenticated before, not with, the cryptogram.
pub(super) fn of_taps(configuration: &Configuration) -> Configuration {
    const OFFLINE_PINS: u8 = 0x90;
    const COMBINED: u8 = 0x08;
    let mut configuration = configuration.clone();
    configuration.terminal.capabilities.0[1] &= !OFFLINE_PINS;
    configuration.terminal.capabilities.0[2] &= !COMBINED;
    configuration
}
