//! Reversals: taking one booking back, with all that it did.

use super::{Host, HostTime, terminal_of};
use crate::answer::Decision;
use crate::check::{self, Named, Refused};
use crate::fault::MessageKind;
use crate::ledger::{BookingState, Original, OriginalKey, Reversal, ReversalResult, fingerprint};
use crate::message::Message;

impl Host {
    pub(super) fn reversal(&mut self, message: &Message, now: HostTime) -> Result<Decision, Refused> {
        let (row, named, reason) = check::reversal(message)?;
        let number = terminal_of(message).to_owned();
        let key: OriginalKey = (number.clone(), named.batch, named.trace);
        let not_found = self.settings.switches.reversal_not_found.clone();
        let mut decision = Decision::approved();
        decision.pan = Some(named.pan.clone()).filter(|pan| !pan.is_empty() && message.field(2).is_some());
        let (result, code) = match self.ledger.original(&key) {
            Some(Original::Booked(place)) => {
                self.reverse(place, row.kind, &named, message.field(38), &reason, &mut decision)
            }
            Some(Original::Refused(_)) => (ReversalResult::NothingBooked, not_found),
            Some(Original::ReversedFirst) | None => (ReversalResult::NotFound, not_found),
        };
        if result == ReversalResult::NotFound {
            self.ledger.remember_reversal(key);
            self.stats.reversals_without_original += 1;
        }
        self.ledger.reversals.push(Reversal {
            kind: row.kind,
            terminal: number,
            trace: named.trace,
            batch: named.batch,
            amount: named.amount,
            reason,
            at_ms: now.unix_ms,
            result,
            code: code.clone(),
        });
        decision.code = code;
        decision.note = match result {
            ReversalResult::Reversed | ReversalResult::AlreadyReversed => String::new(),
            ReversalResult::NothingBooked => "the original booked nothing".into(),
            ReversalResult::NotFound => "no original".into(),
            ReversalResult::Mismatch => {
                "the original has another kind, card, amount or authorisation code".into()
            }
            ReversalResult::Changed => "a later transaction has changed the original".into(),
        };
        Ok(decision)
    }

    fn reverse(
        &mut self,
        place: usize,
        kind: MessageKind,
        named: &Named,
        authorisation_code: Option<&[u8]>,
        reason: &str,
        decision: &mut Decision,
    ) -> (ReversalResult, String) {
        let booking = &self.ledger.bookings[place];
        decision.rrn = Some(booking.rrn.clone());
        let other_code =
            authorisation_code.is_some_and(|given| given != booking.authorisation_code.as_bytes());
        let other_card = !named.pan.is_empty() && booking.card != fingerprint(&named.pan);
        if booking.kind != kind || other_card || other_code {
            return (ReversalResult::Mismatch, "12".into());
        }
        if ![booking.amount, booking.requested].contains(&named.amount) {
            return (ReversalResult::Mismatch, "64".into());
        }
        match booking.state {
            BookingState::Reversed => return (ReversalResult::AlreadyReversed, "00".into()),
            BookingState::Booked if booking.refunded == 0 => {}
            _ => return (ReversalResult::Changed, "12".into()),
        }
        let original = booking.original;
        self.set_state(place, BookingState::Reversed, Some(reason));
        if let Some(original) = original {
            self.undo(kind, original);
        }
        self.stats.reversed += 1;
        (ReversalResult::Reversed, "00".into())
    }
}
