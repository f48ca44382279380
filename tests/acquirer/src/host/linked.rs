//! Transactions about an earlier one: finding it, judging whether it may be, and doing it to it.

use super::{Host, terminal_of};
use crate::check::{self, Financial, Refused, refused};
use crate::fault::MessageKind;
use crate::kind::{self, Entry, Link, Row};
use crate::ledger::{Booking, BookingState, Original, fingerprint};
use crate::message::Message;
use crate::time::Local;

/// A completion may be this many hundredths of its hold.
const COMPLETION_LIMIT: u128 = 115;

impl Host {
    /// The original that a request names, if its kind has one and the request may be done to it.
    pub(super) fn linked(
        &self,
        row: &Row,
        asked: &Financial,
        message: &Message,
        local: &Local,
    ) -> Result<Option<usize>, Refused> {
        let place = match row.link {
            Link::None => return Ok(None),
            Link::Void(_) | Link::CancelCompletion | Link::Adjust => self.by_trace(message)?,
            Link::Refund(_) => self.by_reference(message)?,
            Link::CancelHold | Link::Complete => self.by_authorisation(asked, message)?,
        };
        let original = &self.ledger.bookings[place];
        same_card(row, asked, original)?;
        if let Some(code) = message.text(38)
            && code != original.authorisation_code
        {
            return Err(refused("12", "field 38 is not the original's authorisation code"));
        }
        if let Some(rrn) = message.text(37)
            && rrn != original.rrn
        {
            return Err(refused("12", "field 37 is not the original's reference number"));
        }
        let terminal = terminal_of(message);
        match row.link {
            Link::None => {}
            Link::Void(kinds) => {
                of_kind(original, kinds)?;
                self.today_and_here(original, asked, terminal, local)?;
                untouched(original)?;
                whole(original, asked)?;
            }
            Link::CancelCompletion => {
                of_kind(original, &[MessageKind::Completion])?;
                self.today_and_here(original, asked, terminal, local)?;
                untouched(original)?;
                whole(original, asked)?;
            }
            Link::Refund(kinds) => {
                of_kind(original, kinds)?;
                if original.state != BookingState::Booked {
                    return Err(refused("12", format!("the original is {:?}", original.state)));
                }
                let left = original.amount - original.refunded;
                if asked.named.amount > left {
                    return Err(refused("64", format!("only {left} cents of the original are left")));
                }
            }
            Link::CancelHold => {
                untouched(original)?;
                whole(original, asked)?;
            }
            Link::Complete => {
                untouched(original)?;
                if u128::from(asked.named.amount) * 100 > u128::from(original.amount) * COMPLETION_LIMIT {
                    return Err(refused("64", "more than 115 % of the pre-authorisation"));
                }
            }
            Link::Adjust => {
                of_kind(
                    original,
                    &[MessageKind::Sale, MessageKind::OfflineSale, MessageKind::OfflineSettlement],
                )?;
                untouched(original)?;
            }
        }
        Ok(Some(place))
    }

    /// By 61.1 and 61.2, at the same terminal.
    fn by_trace(&self, message: &Message) -> Result<usize, Refused> {
        let origin = check::origin(message)?;
        let key = (terminal_of(message).to_owned(), origin.batch, origin.trace);
        match self.ledger.original(&key) {
            Some(Original::Booked(place)) => Ok(place),
            _ => Err(refused("25", "no booking has the batch and trace of field 61")),
        }
    }

    /// By RRN (37) and date (61.3), at any terminal of the same merchant.
    fn by_reference(&self, message: &Message) -> Result<usize, Refused> {
        let origin = check::origin(message)?;
        let date = origin.date.ok_or_else(|| refused("30", "61.3 is missing"))?;
        let ours = |booking: &Booking| {
            let merchant = self.terminals.get(&booking.terminal).map(|terminal| terminal.merchant.as_str());
            merchant == message.text(42)
        };
        self.ledger
            .bookings
            .iter()
            .rposition(|booking| {
                Some(booking.rrn.as_str()) == message.text(37)
                    && booking.date == date
                    && booking.state != BookingState::Reversed
                    && ours(booking)
            })
            .ok_or_else(|| refused("25", "no booking of this day has the reference number of field 37"))
    }

    /// A hold by its authorisation code (38), card, and what field 61 says of it.
    fn by_authorisation(&self, asked: &Financial, message: &Message) -> Result<usize, Refused> {
        let origin = check::origin(message)?;
        let card = fingerprint(&asked.named.pan);
        self.ledger
            .bookings
            .iter()
            .rposition(|booking| {
                booking.kind == MessageKind::PreAuth
                    && Some(booking.authorisation_code.as_str()) == message.text(38)
                    && booking.card == card
                    && booking.state != BookingState::Reversed
                    && [0, booking.batch].contains(&origin.batch)
                    && [0, booking.trace].contains(&origin.trace)
                    && origin.date.as_ref().is_none_or(|date| *date == booking.date)
            })
            .ok_or_else(|| refused("25", "no hold of this card has what fields 38 and 61 say"))
    }

    fn today_and_here(
        &self,
        original: &Booking,
        asked: &Financial,
        terminal: &str,
        local: &Local,
    ) -> Result<(), Refused> {
        if original.batch != asked.named.batch || original.terminal != terminal {
            return Err(refused("22", "the original is of another batch"));
        }
        if original.date != local.date() {
            return Err(refused("22", "the original is of another day"));
        }
        Ok(())
    }

    /// What booking `row` does to its original.
    pub(super) fn apply(&mut self, row: &Row, original: usize, amount: u64) {
        let state = match row.link {
            Link::None | Link::Adjust => return,
            Link::Refund(_) => {
                self.ledger.bookings[original].refunded += amount;
                return;
            }
            Link::Void(_) => BookingState::Voided,
            Link::CancelHold => BookingState::Cancelled,
            Link::Complete => BookingState::Completed,
            Link::CancelCompletion => {
                self.set_hold(original, BookingState::Booked);
                BookingState::Cancelled
            }
        };
        self.set_state(original, state, None);
    }

    /// Undoes [`Host::apply`], for a reversal.
    pub(super) fn undo(&mut self, kind: MessageKind, original: usize) {
        match kind::row(kind).map_or(Link::None, |row| row.link) {
            Link::None | Link::Adjust | Link::Refund(_) => {}
            Link::Void(_) | Link::CancelHold | Link::Complete => {
                self.set_state(original, BookingState::Booked, None);
            }
            Link::CancelCompletion => {
                self.set_state(original, BookingState::Booked, None);
                self.set_hold(original, BookingState::Completed);
            }
        }
    }

    /// The hold that a completion completed.
    fn set_hold(&mut self, completion: usize, state: BookingState) {
        if let Some(hold) = self.ledger.bookings[completion].original {
            self.set_state(hold, state, None);
        }
    }
}

fn same_card(row: &Row, asked: &Financial, original: &Booking) -> Result<(), Refused> {
    if row.entry == Entry::Code && asked.voucher.is_some() && asked.voucher != original.voucher {
        return Err(refused("12", "field 59: A4 is not the original's voucher code"));
    }
    let named = !asked.named.pan.is_empty();
    if named && original.card != fingerprint(&asked.named.pan) {
        return Err(refused("12", "the original is of another card or code"));
    }
    Ok(())
}

fn of_kind(original: &Booking, kinds: &[MessageKind]) -> Result<(), Refused> {
    if kinds.contains(&original.kind) {
        Ok(())
    } else {
        Err(refused("12", format!("this cannot be done to a {:?}", original.kind)))
    }
}

fn untouched(original: &Booking) -> Result<(), Refused> {
    match original.state {
        BookingState::Booked if original.refunded == 0 => Ok(()),
        BookingState::Booked => Err(refused("12", "the original is refunded, wholly or in part")),
        BookingState::Reversed => Err(refused("25", "the original was reversed")),
        state => Err(refused("12", format!("the original is {state:?}"))),
    }
}

fn whole(original: &Booking, asked: &Financial) -> Result<(), Refused> {
    if original.amount == asked.named.amount {
        Ok(())
    } else {
        Err(refused("64", format!("the original has {} cents", original.amount)))
    }
}
