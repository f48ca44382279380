//! What the host holds: bookings, reversals, refused originals, script notices, settlements and signatures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::MessageKind;
use crate::kind::{self, Side};
use crate::settlement::{Settlement, Sums, Totals};
use crate::signature::Signature;

/// What became of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BookingState {
    /// It stands: the cardholder pays, gets back, or has a hold.
    Booked,
    /// Taken back by a reversal, as if it had never been.
    Reversed,
    /// A sale that a void gave back. Both enter the settlement.
    Voided,
    /// A hold that was cancelled, or a completion. A cancelled completion and its cancel enter the settlement.
    Cancelled,
    /// A hold that was completed.
    Completed,
    /// A wallet payment that nobody has paid yet.
    Pending,
    /// A wallet payment that ended without being paid.
    Closed,
}

/// What became of a charge.
pub type ChargeState = BookingState;

/// Whose card it is: which half of field 48 it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CardSide {
    /// 内卡: numbers that begin with 62.
    Domestic,
    /// 外卡: all others.
    Foreign,
}

/// One booked transaction of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// What was booked.
    pub kind: MessageKind,
    /// Terminal number (41).
    pub terminal: String,
    /// Batch number (60.2).
    pub batch: u32,
    /// Trace number (11).
    pub trace: u32,
    /// Amount booked, in cents (fen). Of an adjustment, what is paid more.
    pub amount: u64,
    /// Amount asked for, in cents. More than `amount` after a partial approval.
    pub requested: u64,
    /// How the card came in (22); empty where the message does not say.
    pub entry: String,
    /// What became of it.
    pub state: BookingState,
    /// Number of the original in [`Ledger::bookings`], of a linked transaction.
    pub original: Option<usize>,
    /// Cents that refunds gave back of it.
    pub refunded: u64,
    /// PAN or code, first 6 and last 4 digits shown.
    pub pan: String,
    /// A fingerprint of the whole number, 16 hexadecimal digits: equal for equal cards.
    pub card: String,
    /// Whose card it is.
    pub side: CardSide,
    /// Retrieval reference number (37), 12 characters.
    pub rrn: String,
    /// Authorisation code (38), 6 characters. Empty for a refund.
    pub authorisation_code: String,
    /// Response code (39) of the approval.
    pub response_code: String,
    /// Host date, MMDD.
    pub date: String,
    /// When it was booked, Unix milliseconds.
    pub at_ms: u64,
    /// Application transaction counter (9F36), four hexadecimal digits, of a chip card.
    pub atc: Option<String>,
    /// Payment voucher code (付款凭证码), 20 digits, of a code payment.
    pub voucher: Option<String>,
    /// What field 57 says of the goods, if it came with any.
    pub goods: Option<String>,
    /// Field 39 of the reversal that took it back.
    pub reversal_reason: Option<String>,
    /// The host has forgotten it: it enters no total and no detail file.
    pub forgotten: bool,
    /// The host made it up: no terminal asked for it.
    pub invented: bool,
}

impl Booking {
    /// Whether it enters the settlement of its batch: voided sales do, reversed ones do not.
    pub fn counts(&self) -> bool {
        let closed = [BookingState::Reversed, BookingState::Pending, BookingState::Closed];
        !self.forgotten && !closed.contains(&self.state)
    }
}

/// One booking in which a cardholder pays: the issuer's view of it. Its state follows the booking's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// PAN, first 6 and last 4 digits shown.
    pub pan: String,
    /// Amount booked, in cents (fen).
    pub amount: u64,
    /// Amount asked for, in cents. More than `amount` after a partial approval.
    pub requested: u64,
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number (11).
    pub trace: u32,
    /// Batch number (60.2).
    pub batch: u32,
    /// Retrieval reference number (37), 12 characters.
    pub rrn: String,
    /// Authorisation code (38), 6 characters.
    pub authorisation_code: String,
    /// Response code (39) of the approval.
    pub response_code: String,
    /// Whether an online PIN was checked.
    pub online_pin: bool,
    /// Whether the card's ARQC was checked.
    pub cryptogram: bool,
    /// When it was booked, Unix milliseconds.
    pub at_ms: u64,
    /// Whether it stands.
    pub state: ChargeState,
    /// Field 39 of the reversal that took it back.
    pub reversal_reason: Option<String>,
}

/// What a reversal found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReversalResult {
    /// A booking, now reversed; what it had done to its own original is undone.
    Reversed,
    /// A booking that an earlier reversal had taken back.
    AlreadyReversed,
    /// An original that booked nothing (declined).
    NothingBooked,
    /// No original.
    NotFound,
    /// An original of another kind, card or amount; nothing was reversed.
    Mismatch,
    /// An original that a later transaction has changed (voided, refunded, completed); nothing was reversed.
    Changed,
}

/// One reversal that passed the checks, repeats included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Kind of the transaction that it says it reverses.
    pub kind: MessageKind,
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number of the original (11).
    pub trace: u32,
    /// Batch number of the original (60.2).
    pub batch: u32,
    /// Amount (4), in cents.
    pub amount: u64,
    /// Reason (39): 98, 06, A0 or 96.
    pub reason: String,
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// What it found.
    pub result: ReversalResult,
    /// Code answered.
    pub code: String,
}

/// One transaction that was not booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What was asked for.
    pub kind: MessageKind,
    /// Terminal number (41).
    pub terminal: String,
    /// Trace number (11).
    pub trace: u32,
    /// Batch number (60.2).
    pub batch: u32,
    /// Amount (4), in cents.
    pub amount: u64,
    /// Code answered.
    pub code: String,
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// Whether its reversal came first.
    pub late_original: bool,
}

/// One script result notice (0620) that passed the checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptNotice {
    /// Terminal number (41).
    pub terminal: String,
    /// The notice's own trace number (11).
    pub trace: u32,
    /// Batch number (60.2).
    pub batch: u32,
    /// Trace number of the original (61.2).
    pub original_trace: u32,
    /// Batch number of the original (61.1).
    pub original_batch: u32,
    /// Tag DF31 of field 55 in hexadecimal, if there.
    pub script_result: Option<String>,
    /// When it came, Unix milliseconds.
    pub at_ms: u64,
    /// Code answered.
    pub code: String,
}

/// What names an original at the host: terminal, batch and trace.
pub(crate) type OriginalKey = (String, u32, u32);

/// The host's books.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Every transaction ever booked, in order.
    pub bookings: Vec<Booking>,
    /// Every charge ever booked, in order: the bookings in which the cardholder pays.
    pub charges: Vec<Charge>,
    /// Every reversal, in order, those that found nothing included.
    pub reversals: Vec<Reversal>,
    /// Every transaction that passed the message checks but was not booked, in order.
    pub refusals: Vec<Refusal>,
    /// Every script result notice, in order.
    pub script_notices: Vec<ScriptNotice>,
    /// Every settlement, in order: one for each terminal and batch.
    pub settlements: Vec<Settlement>,
    /// Every signature part uploaded, in order.
    pub signatures: Vec<Signature>,
    #[serde(skip)]
    index: BTreeMap<OriginalKey, Original>,
}

/// What the host remembers of one trace number of one batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Original {
    /// A booking, by place in `bookings`.
    Booked(usize),
    /// A request that booked nothing.
    Refused(MessageKind),
    /// A reversal came and there was no original.
    ReversedFirst,
}

impl Ledger {
    /// The charge with this terminal, batch and trace.
    pub fn charge(&self, terminal: &str, batch: u32, trace: u32) -> Option<&Charge> {
        self.charges
            .iter()
            .rev()
            .find(|charge| charge.terminal == terminal && (charge.batch, charge.trace) == (batch, trace))
    }

    /// The booking with this terminal, batch and trace.
    pub fn booking(&self, terminal: &str, batch: u32, trace: u32) -> Option<&Booking> {
        match self.index.get(&(terminal.to_owned(), batch, trace)) {
            Some(Original::Booked(place)) => self.bookings.get(*place),
            _ => None,
        }
    }

    /// The bookings of one batch of one terminal, in order.
    pub fn batch(&self, terminal: &str, batch: u32) -> impl Iterator<Item = &Booking> {
        self.bookings.iter().filter(move |booking| booking.terminal == terminal && booking.batch == batch)
    }

    /// The totals of one batch of one terminal, as its settlement has to say them.
    pub fn totals(&self, terminal: &str, batch: u32) -> Totals {
        let mut totals = Totals::default();
        for booking in self.batch(terminal, batch).filter(|booking| booking.counts()) {
            let side = kind::row(booking.kind).map_or(Side::None, |row| row.side);
            let sums = match booking.side {
                CardSide::Domestic => &mut totals.domestic,
                CardSide::Foreign => &mut totals.foreign,
            };
            match side {
                Side::Debit => Sums::add(&mut sums.debit_amount, &mut sums.debit_count, booking.amount),
                Side::Credit => Sums::add(&mut sums.credit_amount, &mut sums.credit_count, booking.amount),
                Side::None => {}
            }
        }
        totals
    }

    /// The charges that stand.
    pub fn standing(&self) -> impl Iterator<Item = &Charge> {
        self.charges.iter().filter(|charge| charge.state == BookingState::Booked)
    }

    pub(crate) fn original(&self, key: &OriginalKey) -> Option<Original> {
        self.index.get(key).copied()
    }

    /// Books a transaction, and a charge if the cardholder pays. Gives its place.
    pub(crate) fn book(&mut self, booking: Booking, checked: Checked) -> usize {
        let place = self.bookings.len();
        let key = (booking.terminal.clone(), booking.batch, booking.trace);
        self.index.insert(key, Original::Booked(place));
        if is_charge(booking.kind) && !booking.invented {
            self.charges.push(Charge {
                pan: booking.pan.clone(),
                amount: booking.amount,
                requested: booking.requested,
                terminal: booking.terminal.clone(),
                trace: booking.trace,
                batch: booking.batch,
                rrn: booking.rrn.clone(),
                authorisation_code: booking.authorisation_code.clone(),
                response_code: booking.response_code.clone(),
                online_pin: checked.online_pin,
                cryptogram: checked.cryptogram,
                at_ms: booking.at_ms,
                state: booking.state,
                reversal_reason: None,
            });
        }
        self.bookings.push(booking);
        place
    }

    /// Gives a booking, and its charge, another state.
    pub(crate) fn change(&mut self, place: usize, state: BookingState, reason: Option<&str>) {
        let booking = &mut self.bookings[place];
        booking.state = state;
        booking.reversal_reason = reason.map(str::to_owned);
        if let Some(charge) = self.charges.iter_mut().rev().find(|charge| {
            charge.terminal == booking.terminal
                && (charge.batch, charge.trace) == (booking.batch, booking.trace)
        }) {
            charge.state = state;
            charge.reversal_reason.clone_from(&booking.reversal_reason);
        }
    }

    /// Notes a transaction that booked nothing. A reversal that came first stays remembered.
    pub(crate) fn refuse(&mut self, key: OriginalKey, refusal: Refusal) {
        self.note_used(key, refusal.kind);
        self.refusals.push(refusal);
    }

    /// Notes that a trace number was used by a request that books nothing.
    pub(crate) fn note_used(&mut self, key: OriginalKey, kind: MessageKind) {
        self.index.entry(key).or_insert(Original::Refused(kind));
    }

    pub(crate) fn remember_reversal(&mut self, key: OriginalKey) {
        self.index.entry(key).or_insert(Original::ReversedFirst);
    }
}

/// How a charge was checked.
#[derive(Clone, Copy, Default)]
pub(crate) struct Checked {
    pub(crate) online_pin: bool,
    pub(crate) cryptogram: bool,
}

/// Whether a cardholder pays by a booking of this kind.
pub(crate) fn is_charge(kind: MessageKind) -> bool {
    let wallet = matches!(kind, MessageKind::WalletPayment | MessageKind::WalletCode);
    wallet || kind::row(kind).is_some_and(|row| row.side == Side::Debit)
}

/// First 6 and last 4 digits.
pub(crate) fn masked(pan: &str) -> String {
    let hidden = pan.len().saturating_sub(10);
    pan.char_indices()
        .map(|(place, digit)| if (6..6 + hidden).contains(&place) { '*' } else { digit })
        .collect()
}

/// A fingerprint of a card number (FNV-1a, 64 bits): test data needs no more.
pub(crate) fn fingerprint(pan: &str) -> String {
    let hash = pan
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    format!("{hash:016X}")
}

/// Whose card a number is: the test BINs of UnionPay begin with 62.
pub(crate) fn side_of(pan: &str) -> CardSide {
    if pan.starts_with("62") { CardSide::Domestic } else { CardSide::Foreign }
}
