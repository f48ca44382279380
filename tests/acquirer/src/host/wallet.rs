//! Wallets that must not be reversed: pay, then ask (reference 8, acquirer dialect).
//!
//! The reference gives field 3, 60.1 and the channel (44); the rest is this host's reading: a query, void or
//! refund names the payment by batch and trace in field 61; a payment that nobody has paid yet is answered with
//! [`crate::settings::Wallet::pending_code`]; the code that the merchant shows is tag A5 of field 59. Wallet
//! payments enter no settlement total.

use super::{Host, HostTime, terminal_of};
use crate::answer::Decision;
use crate::check::{self, Financial, Refused, refused};
use crate::code;
use crate::fault::MessageKind;
use crate::kind::Row;
use crate::ledger::{Booking, BookingState, CardSide, Checked, Original, OriginalKey, fingerprint, masked};
use crate::message::Message;
use crate::settings::Course;
use crate::time::Local;

/// 44: WeChat, Alipay, UnionPay.
const CHANNELS: [&str; 3] = ["002", "003", "004"];

impl Host {
    pub(super) fn wallet(
        &mut self,
        row: &Row,
        asked: &Financial,
        message: &Message,
        now: HostTime,
        forced: Option<&str>,
    ) -> Result<Decision, Refused> {
        if !message.text(44).is_some_and(|channel| CHANNELS.contains(&channel)) {
            return Err(refused("30", "field 44 is no channel (002, 003, 004)"));
        }
        if let Some(code) = forced {
            return Err(refused(code, "fault: declined"));
        }
        match row.kind {
            MessageKind::WalletPayment | MessageKind::WalletCode => self.wallet_pay(row, asked, message, now),
            MessageKind::WalletQuery => self.wallet_query(message),
            MessageKind::WalletVoid => self.wallet_void(asked, message),
            MessageKind::WalletRefund => self.wallet_refund(asked, message, now),
            _ => {
                let place = self.wallet_original(message, MessageKind::WalletRefund)?;
                Ok(self.about(place, "00"))
            }
        }
    }

    fn wallet_pay(
        &mut self,
        row: &Row,
        asked: &Financial,
        message: &Message,
        now: HostTime,
    ) -> Result<Decision, Refused> {
        let key: OriginalKey = (terminal_of(message).to_owned(), asked.named.batch, asked.named.trace);
        match self.ledger.original(&key) {
            Some(Original::ReversedFirst) => {
                return Err(refused(&self.settings.switches.late_original, "its void came first"));
            }
            Some(_) => return Err(refused("94", "this batch has seen this trace number")),
            None => {}
        }
        let objects = code::parse(message.field(59).unwrap_or_default())
            .map_err(|at| refused("30", format!("field 59 is malformed at byte {at}")))?;
        let customer = code::find(&objects, "A3").unwrap_or_default();
        let shows = row.kind == MessageKind::WalletCode;
        if shows != customer.is_empty() {
            return Err(refused(
                "30",
                "field 59: the customer's code (A3) belongs in a payment, and only there",
            ));
        }
        let course =
            if shows { self.settings.wallet.merchant_code } else { self.settings.wallet.customer_code };
        let paid = course == Course::Paid;
        let rrn = self.rrn(now);
        let booking = Booking {
            kind: row.kind,
            terminal: key.0,
            batch: key.1,
            trace: key.2,
            amount: asked.named.amount,
            requested: asked.named.amount,
            entry: String::new(),
            state: if paid { BookingState::Booked } else { BookingState::Pending },
            original: None,
            refunded: 0,
            pan: masked(customer),
            card: fingerprint(customer),
            side: CardSide::Domestic,
            rrn: rrn.clone(),
            authorisation_code: String::new(),
            response_code: "00".into(),
            date: Local::new(now).date(),
            at_ms: now.unix_ms,
            atc: None,
            voucher: None,
            goods: None,
            reversal_reason: None,
            forgotten: false,
            invented: false,
        };
        let place = self.ledger.bookings.len();
        self.enter(booking, Checked::default());
        self.queries.insert(place, 0);
        let mut decision = Decision::approved();
        decision.rrn = Some(rrn.clone());
        if shows {
            let url = format!("https://qr.test.invalid/{rrn}");
            decision.fields.insert(59, code::object("A5", &url));
        } else if !paid {
            decision.code.clone_from(&self.settings.wallet.pending_code);
        }
        Ok(decision)
    }

    fn wallet_query(&mut self, message: &Message) -> Result<Decision, Refused> {
        let place = self.payment(message)?;
        let booking = &self.ledger.bookings[place];
        if booking.state == BookingState::Pending {
            let course = match booking.kind {
                MessageKind::WalletCode => self.settings.wallet.merchant_code,
                _ => self.settings.wallet.customer_code,
            };
            let queries = self.queries.entry(place).or_default();
            *queries += 1;
            match course {
                Course::PaidAfter { queries: limit } if *queries >= limit => {
                    self.decide_payment(place, true);
                }
                Course::ClosedAfter { queries: limit } if *queries >= limit => {
                    self.decide_payment(place, false);
                }
                _ => {}
            }
        }
        let code = match self.ledger.bookings[place].state {
            BookingState::Booked => "00",
            BookingState::Pending => self.settings.wallet.pending_code.as_str(),
            _ => "12",
        };
        Ok(self.about(place, code))
    }

    /// Ends a payment, paid or not; repeats find it ended. A payment that has not come is refused when it comes.
    fn wallet_void(&mut self, asked: &Financial, message: &Message) -> Result<Decision, Refused> {
        let place = match self.payment(message) {
            Ok(place) => place,
            Err(refusal) => {
                let origin = check::origin(message)?;
                let key = (terminal_of(message).to_owned(), origin.batch, origin.trace);
                self.ledger.remember_reversal(key);
                return Err(refusal);
            }
        };
        let booking = &self.ledger.bookings[place];
        if booking.amount != asked.named.amount {
            return Err(refused("64", "the payment has another amount"));
        }
        match booking.state {
            BookingState::Booked if booking.refunded > 0 => Err(refused("12", "the payment is refunded")),
            BookingState::Booked => {
                self.set_state(place, BookingState::Voided, None);
                Ok(self.about(place, "00"))
            }
            BookingState::Pending => {
                self.set_state(place, BookingState::Closed, None);
                Ok(self.about(place, "00"))
            }
            _ => Ok(self.about(place, "00")),
        }
    }

    fn wallet_refund(
        &mut self,
        asked: &Financial,
        message: &Message,
        now: HostTime,
    ) -> Result<Decision, Refused> {
        let key: OriginalKey = (terminal_of(message).to_owned(), asked.named.batch, asked.named.trace);
        if self.ledger.original(&key).is_some() {
            return Err(refused("94", "this batch has seen this trace number"));
        }
        let place = self.payment(message)?;
        let payment = self.ledger.bookings[place].clone();
        if payment.state != BookingState::Booked {
            return Err(refused("12", format!("the payment is {:?}", payment.state)));
        }
        if asked.named.amount > payment.amount - payment.refunded {
            return Err(refused("64", "more than is left of the payment"));
        }
        let rrn = self.rrn(now);
        let refund = Booking {
            kind: MessageKind::WalletRefund,
            terminal: key.0,
            batch: key.1,
            trace: key.2,
            amount: asked.named.amount,
            requested: asked.named.amount,
            entry: String::new(),
            original: Some(place),
            refunded: 0,
            rrn: rrn.clone(),
            date: Local::new(now).date(),
            at_ms: now.unix_ms,
            ..payment
        };
        self.ledger.bookings[place].refunded += asked.named.amount;
        self.enter(refund, Checked::default());
        Ok(Decision { rrn: Some(rrn), ..Decision::approved() })
    }

    /// The payment that field 61 names.
    fn payment(&self, message: &Message) -> Result<usize, Refused> {
        self.wallet_original(message, MessageKind::WalletPayment)
            .or_else(|_| self.wallet_original(message, MessageKind::WalletCode))
    }

    fn wallet_original(&self, message: &Message, kind: MessageKind) -> Result<usize, Refused> {
        let origin = check::origin(message)?;
        let key = (terminal_of(message).to_owned(), origin.batch, origin.trace);
        match self.ledger.original(&key) {
            Some(Original::Booked(place)) if self.ledger.bookings[place].kind == kind => Ok(place),
            _ => Err(refused("25", "no payment has the batch and trace of field 61")),
        }
    }

    fn about(&self, place: usize, code: &str) -> Decision {
        let rrn = self.ledger.bookings[place].rrn.clone();
        Decision { rrn: Some(rrn), code: code.into(), ..Decision::approved() }
    }

    fn decide_payment(&mut self, place: usize, paid: bool) {
        let state = if paid { BookingState::Booked } else { BookingState::Closed };
        self.set_state(place, state, None);
    }

    /// The customer of a pending wallet payment pays, or the payment closes. False if there is no such payment.
    pub fn decide_wallet(&mut self, terminal: &str, batch: u32, trace: u32, paid: bool) -> bool {
        let key = (terminal.to_owned(), batch, trace);
        match self.ledger.original(&key) {
            Some(Original::Booked(place)) if self.ledger.bookings[place].state == BookingState::Pending => {
                self.decide_payment(place, paid);
                true
            }
            _ => false,
        }
    }
}
