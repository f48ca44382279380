//! Every transaction that moves money, or asks about it: one way for all rows of the table.

use super::{Host, HostTime, declined, terminal_of};
use crate::answer::Decision;
use crate::check::{self, Financial, Refused, refused};
use crate::chip::Verified;
use crate::code;
use crate::fault::{Fault, MessageKind};
use crate::kind::{Entry, Link, Row};
use crate::ledger::{
    Booking, BookingState, CardSide, Checked, Original, OriginalKey, Refusal, fingerprint, is_charge, masked,
    side_of,
};
use crate::message::Message;
use crate::outcome::{Outcome, demands_sign_in};
use crate::settings::{self, AdjustmentAmount};
use crate::time::Local;
use crate::tlv;

/// What the checks allow: what is booked, and to which original.
struct Allowed {
    outcome: Outcome,
    original: Option<usize>,
}

impl Host {
    pub(super) fn transaction(
        &mut self,
        row: &Row,
        message: &Message,
        now: HostTime,
        struck: &[Fault],
    ) -> Result<Decision, Refused> {
        let asked = check::financial(row, message, self.settings.switches.strict_field55)?;
        let Some(terminal) = self.terminal(message) else { return Err(refused("97", "")) };
        if asked.named.batch != terminal.batch {
            return Err(refused("77", format!("the batch in force is {}", terminal.batch)));
        }
        let number = terminal_of(message).to_owned();
        let key: OriginalKey = (number, asked.named.batch, asked.named.trace);
        if row.entry == Entry::Wallet {
            return self.wallet(row, &asked, message, now, declined(struck));
        }
        let mut verified = None;
        match self.allow(row, message, &asked, &key, now, declined(struck), &mut verified) {
            Ok(allowed) => Ok(self.book(row, message, &asked, key, &allowed, verified.as_ref(), now, struck)),
            Err(refusal) => Ok(self.refuse(row, &asked, key, refusal, verified.as_ref(), now)),
        }
    }

    fn refuse(
        &mut self,
        row: &Row,
        asked: &Financial,
        key: OriginalKey,
        refusal: Refused,
        verified: Option<&Verified>,
        now: HostTime,
    ) -> Decision {
        let late_original = self.ledger.original(&key) == Some(Original::ReversedFirst);
        self.stats.declined += 1;
        self.stats.late_originals += u64::from(late_original);
        let (terminal, batch, trace) = key.clone();
        let entry = Refusal {
            kind: row.kind,
            terminal,
            trace,
            batch,
            amount: asked.named.amount,
            code: refusal.code.clone(),
            at_ms: now.unix_ms,
            late_original,
        };
        self.ledger.refuse(key, entry);
        let mut decision = Decision::refusal(refusal);
        if row.by_cents {
            let by_cents = Outcome::of(asked.named.amount).code;
            decision.signs_out = decision.code == by_cents && demands_sign_in(by_cents);
        }
        decision.pan = card_number(row, asked);
        decision.issuer_answer(verified);
        decision
    }

    /// Everything between a sound request and the books.
    #[allow(clippy::too_many_arguments)]
    fn allow(
        &mut self,
        row: &Row,
        message: &Message,
        asked: &Financial,
        key: &OriginalKey,
        now: HostTime,
        forced: Option<&str>,
        verified: &mut Option<Verified>,
    ) -> Result<Allowed, Refused> {
        self.unused(row, asked, key)?;
        if let Some(code) = forced {
            return Err(refused(code, "fault: declined"));
        }
        let local = Local::new(now);
        self.check_card(row, asked, &key.0, &local, verified)?;
        let original = self.linked(row, asked, message, &local)?;
        if row.entry == Entry::Code && row.link == Link::None && self.code_was_paid(&asked.named.pan) {
            return Err(refused("12", "this code was paid before"));
        }
        let outcome = if row.by_cents {
            let outcome = Outcome::of(asked.named.amount);
            if outcome.booked == 0 {
                return Err(refused(outcome.code, "chosen by the cents of the amount"));
            }
            outcome
        } else {
            let booked = match (row.link, original) {
                (Link::Adjust, Some(place)) => self.extra(asked, place)?,
                _ => asked.named.amount,
            };
            Outcome { code: "00", booked, script_before: false, script_after: false }
        };
        Ok(Allowed { outcome, original })
    }

    /// Whether this batch has seen the trace number. What an advice tells of stays true when it was refused, so
    /// that it may come again; a repeat of a booked one is 94, but only if it is the same.
    fn unused(&self, row: &Row, asked: &Financial, key: &OriginalKey) -> Result<(), Refused> {
        let seen = self.ledger.original(key);
        let Some(seen) = seen else { return Ok(()) };
        let repeated = refused("94", "this batch has seen this trace number");
        match seen {
            Original::ReversedFirst => {
                Err(refused(&self.settings.switches.late_original, "its reversal came first"))
            }
            Original::Refused(kind) if row.advice => {
                if kind == row.kind {
                    Ok(())
                } else {
                    Err(refused("12", "another transaction of this batch has this trace number"))
                }
            }
            Original::Booked(place) if row.advice => {
                let booking = &self.ledger.bookings[place];
                let same_card = asked.named.pan.is_empty() || booking.card == fingerprint(&asked.named.pan);
                let same_amount = booking.requested == asked.named.amount;
                if booking.kind == row.kind && same_card && same_amount {
                    Err(repeated)
                } else {
                    Err(refused("12", "another transaction of this batch has this trace number"))
                }
            }
            _ => Err(repeated),
        }
    }

    fn code_was_paid(&self, code: &str) -> bool {
        let card = fingerprint(code);
        self.ledger.bookings.iter().any(|booking| {
            booking.kind == MessageKind::QrSale
                && booking.card == card
                && booking.state != BookingState::Reversed
        })
    }

    /// What an adjustment adds to its original.
    fn extra(&self, asked: &Financial, original: usize) -> Result<u64, Refused> {
        let amount = asked.named.amount;
        match self.settings.switches.adjustment_amount {
            AdjustmentAmount::Extra => Ok(amount),
            AdjustmentAmount::Total => amount
                .checked_sub(self.ledger.bookings[original].amount)
                .filter(|extra| *extra > 0)
                .ok_or_else(|| refused("64", "the new amount is not above the original's")),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn book(
        &mut self,
        row: &Row,
        message: &Message,
        asked: &Financial,
        key: OriginalKey,
        allowed: &Allowed,
        verified: Option<&Verified>,
        now: HostTime,
        struck: &[Fault],
    ) -> Decision {
        let outcome = &allowed.outcome;
        let mut decision = Decision::approved();
        decision.code = outcome.code.into();
        decision.pan = card_number(row, asked);
        decision.issuer_answer(verified);
        decision.add_scripts(outcome, verified, asked.named.trace);
        let rrn = self.rrn(now);
        decision.rrn = Some(rrn.clone());
        if row.kind == MessageKind::BalanceInquiry {
            // Account type 10 and amount type 02, currency, sign, 12 digits.
            decision.fields.insert(54, format!("1002156C{:012}", self.settings.balance).into_bytes());
            self.ledger.note_used(key, row.kind);
            return decision;
        }
        let gives_code = !matches!(row.link, Link::Refund(_));
        let authorisation_code = match (row.kind, message.text(38)) {
            // Given by voice before.
            (MessageKind::OfflineSettlement, Some(code)) => code.to_owned(),
            _ if gives_code => format!("{:06}", self.numbers.next() % 1_000_000),
            _ => String::new(),
        };
        if gives_code {
            decision.fields.insert(38, authorisation_code.clone().into_bytes());
        }
        // An adjustment's field 4 may be the new total: the answer repeats it.
        if row.link != Link::Adjust {
            decision.amount = Some(outcome.booked);
        }
        let original = allowed.original.map(|place| self.ledger.bookings[place].clone());
        let voucher = match (row.entry, &original) {
            (Entry::Code, Some(original)) => original.voucher.clone(),
            (Entry::Code, None) => Some(format!("{:020}", self.numbers.next())),
            _ => None,
        };
        if let Some(voucher) = &voucher {
            decision.fields.insert(59, code::object("A4", voucher));
        }
        let pan = if asked.named.pan.is_empty() { None } else { Some(asked.named.pan.as_str()) };
        let known = |of: fn(&str) -> String, other: fn(&Booking) -> &String| {
            pan.map(of).or_else(|| original.as_ref().map(other).cloned()).unwrap_or_default()
        };
        let booking = Booking {
            kind: row.kind,
            terminal: key.0,
            batch: key.1,
            trace: key.2,
            amount: outcome.booked,
            requested: asked.named.amount,
            entry: asked.entry.clone(),
            state: BookingState::Booked,
            original: allowed.original,
            refunded: 0,
            pan: known(masked, |original| &original.pan),
            card: known(fingerprint, |original| &original.card),
            side: pan
                .map(side_of)
                .or_else(|| original.as_ref().map(|original| original.side))
                .unwrap_or(CardSide::Domestic),
            rrn,
            authorisation_code,
            response_code: outcome.code.into(),
            date: Local::new(now).date(),
            at_ms: now.unix_ms,
            atc: asked.chip.as_deref().and_then(|objects| tlv::find(objects, 0x9F36)).map(settings::hex),
            voucher,
            goods: asked.goods.clone(),
            reversal_reason: None,
            forgotten: struck.contains(&Fault::ForgetBooking),
            invented: false,
        };
        let checked = Checked { online_pin: asked.pin.is_some(), cryptogram: verified.is_some() };
        if struck.contains(&Fault::InventBooking) {
            self.invent_like(booking.clone());
        }
        self.enter(booking, checked);
        if let Some(place) = allowed.original {
            self.apply(row, place, outcome.booked);
        }
        decision
    }

    /// Puts a booking into the books.
    pub(super) fn enter(&mut self, booking: Booking, checked: Checked) {
        self.stats.booked += 1;
        if is_charge(booking.kind) && booking.state == BookingState::Booked {
            self.stats.standing_amount += booking.amount;
        }
        self.ledger.book(booking, checked);
    }

    /// Gives a booking another state, and keeps the counters right.
    pub(super) fn set_state(&mut self, place: usize, state: BookingState, reason: Option<&str>) {
        let booking = &self.ledger.bookings[place];
        let stood = booking.state == BookingState::Booked;
        if is_charge(booking.kind) && !booking.invented {
            let amount = booking.amount;
            match (stood, state == BookingState::Booked) {
                (true, false) => self.stats.standing_amount -= amount,
                (false, true) => self.stats.standing_amount += amount,
                _ => {}
            }
        }
        self.ledger.change(place, state, reason);
    }
}

fn card_number(row: &Row, asked: &Financial) -> Option<String> {
    matches!(row.entry, Entry::Card | Entry::Manual).then(|| asked.named.pan.clone())
}
