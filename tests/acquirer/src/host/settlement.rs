//! Settlement (0500), and a host that forgets or makes up bookings.

use super::{Host, HostTime, terminal_of};
use crate::answer::Decision;
use crate::check::{self, Refused, refused};
use crate::fault::Fault;
use crate::ledger::{Booking, CardSide, Checked};
use crate::message::Message;
use crate::settlement::{Balance, Settlement};

impl Host {
    /// Compares the terminal's totals with the books. Asked again, it compares again, until the first row of the upload
    /// has come: what a late copy of the question finds then is not what the upload follows. After that it says what
    /// it said.
    pub(super) fn settlement(
        &mut self,
        message: &Message,
        now: HostTime,
        struck: &[Fault],
    ) -> Result<Decision, Refused> {
        let (told, results) = check::settlement(message)?;
        let number = terminal_of(message).to_owned();
        let batch = message.part(60, 2, 8).unwrap_or_default();
        let known = self.settlement_of(&number, batch);
        let settled = known.map(|place| &self.ledger.settlements[place]);
        let ended = settled.is_some_and(|known| known.ended.is_some() || !known.uploads.is_empty());
        let in_force = self.terminal(message).map(|terminal| terminal.batch);
        if !ended && in_force != Some(batch) {
            return Err(refused("77", "another batch is in force"));
        }
        let held = self.ledger.totals(&number, batch);
        let failed = results != ['0', '0'] || struck.contains(&Fault::SettlementError);
        let judge = |same: bool| match (failed, same) {
            (true, _) => Balance::Error,
            (false, true) => Balance::Balanced,
            (false, false) => Balance::Unbalanced,
        };
        let mut settlement = Settlement {
            terminal: number,
            batch,
            at_ms: now.unix_ms,
            told,
            held,
            domestic: judge(told.domestic == held.domestic),
            foreign: judge(told.foreign == held.foreign),
            uploads: Vec::new(),
            ended: None,
        };
        match known.and_then(|place| self.ledger.settlements.get_mut(place)) {
            Some(earlier) if ended => settlement = earlier.clone(),
            Some(earlier) => {
                settlement.uploads = std::mem::take(&mut earlier.uploads);
                *earlier = settlement.clone();
            }
            None => self.ledger.settlements.push(settlement.clone()),
        }
        let digits = message.text(48).unwrap_or_default();
        let (first, second) = (digits.get(..30).unwrap_or_default(), digits.get(31..61).unwrap_or_default());
        let answer = format!("{first}{}{second}{}", settlement.domestic.digit(), settlement.foreign.digit());
        let mut decision = Decision::approved();
        decision.fields.insert(48, answer.into_bytes());
        if !settlement.is_balanced() {
            decision.note = format!("told {told:?}, held {held:?}");
        }
        Ok(decision)
    }

    /// The settlement of a batch, by place in the books.
    pub(super) fn settlement_of(&self, terminal: &str, batch: u32) -> Option<usize> {
        self.ledger
            .settlements
            .iter()
            .position(|settlement| settlement.terminal == terminal && settlement.batch == batch)
    }

    /// Forgets a booking: it enters no total and no detail file until a batch upload names it again. False if
    /// there is none, or it is forgotten already.
    pub fn forget(&mut self, terminal: &str, batch: u32, trace: u32) -> bool {
        let found =
            self.ledger.bookings.iter_mut().find(|booking| {
                booking.terminal == terminal && (booking.batch, booking.trace) == (batch, trace)
            });
        match found {
            Some(booking) if !booking.forgotten => {
                booking.forgotten = true;
                true
            }
            _ => false,
        }
    }

    /// Makes a booking up: another sale like the one with this trace, under a trace number that no terminal used
    /// (from 999001). False if there is none.
    pub fn invent(&mut self, terminal: &str, batch: u32, trace: u32) -> bool {
        match self.ledger.booking(terminal, batch, trace).cloned() {
            Some(booking) => {
                self.invent_like(booking);
                true
            }
            None => false,
        }
    }

    pub(super) fn invent_like(&mut self, like: Booking) {
        self.invented += 1;
        let booking = Booking {
            trace: self.invented,
            rrn: format!("{:012}", self.invented),
            invented: true,
            forgotten: false,
            refunded: 0,
            original: None,
            ..like
        };
        self.ledger.book(booking, Checked::default());
    }

    /// The detail file: one line for each booking that counts, of one terminal and batch if given.
    pub fn details(&self, terminal: Option<&str>, batch: Option<u32>) -> Vec<DetailLine> {
        self.ledger
            .bookings
            .iter()
            .filter(|booking| {
                booking.counts()
                    && terminal.is_none_or(|terminal| terminal == booking.terminal)
                    && batch.is_none_or(|batch| batch == booking.batch)
            })
            .map(|booking| DetailLine {
                terminal: booking.terminal.clone(),
                batch: booking.batch,
                trace: booking.trace,
                kind: booking.kind,
                amount: booking.amount,
                rrn: booking.rrn.clone(),
                authorisation_code: booking.authorisation_code.clone(),
                pan: booking.pan.clone(),
                side: booking.side,
                date: booking.date.clone(),
            })
            .collect()
    }
}

/// One line of the detail file that an acquirer hands out for reconciliation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DetailLine {
    /// Terminal number (41).
    pub terminal: String,
    /// Batch number (60.2).
    pub batch: u32,
    /// Trace number (11).
    pub trace: u32,
    /// What was booked.
    pub kind: crate::fault::MessageKind,
    /// Amount, in cents.
    pub amount: u64,
    /// Retrieval reference number (37).
    pub rrn: String,
    /// Authorisation code (38), empty for a refund.
    pub authorisation_code: String,
    /// PAN, first 6 and last 4 digits shown.
    pub pan: String,
    /// Whose card it is.
    pub side: CardSide,
    /// Host date, MMDD.
    pub date: String,
}
