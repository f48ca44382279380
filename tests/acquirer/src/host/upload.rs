//! Batch upload (0320): line by line, until the batch ends.

use super::{Host, terminal_of};
use crate::answer::Decision;
use crate::check::{self, Refused, refused};
use crate::chip;
use crate::fault::MessageKind;
use crate::kind::code_60;
use crate::ledger::{Booking, CardSide, Original, fingerprint, masked};
use crate::message::Message;
use crate::settings;
use crate::settlement::{Balance, Match, UploadLine};
use crate::tlv;

/// A line before the host has looked it up.
struct Line {
    trace: u32,
    pan: String,
    amount: u64,
    /// The kind that it must be of, if the message says so.
    kind: Option<MessageKind>,
}

impl Host {
    pub(super) fn upload(&mut self, message: &Message, kind: MessageKind) -> Result<Decision, Refused> {
        let number = terminal_of(message).to_owned();
        let batch = message.part(60, 2, 8).unwrap_or_default();
        let Some(place) = self.settlement_of(&number, batch) else {
            return Err(refused("12", "no settlement of this batch has begun"));
        };
        if kind == MessageKind::BatchEnd {
            return self.batch_end(message, place);
        }
        let lines = match kind {
            MessageKind::BatchUpload => check::batch_upload(message)?
                .into_iter()
                .map(|item| {
                    if item.foreign == item.pan.starts_with("62") {
                        return Err(refused("30", "field 48: a card type is not that of its number"));
                    }
                    Ok(Line { trace: item.trace, pan: item.pan, amount: item.amount, kind: None })
                })
                .collect::<Result<Vec<_>, _>>()?,
            MessageKind::AdviceUpload => {
                let (row, named) = check::repeated_advice(message)?;
                vec![Line { trace: named.trace, pan: named.pan, amount: named.amount, kind: Some(row.kind) }]
            }
            _ => vec![self.chip_line(message, kind, place, batch)?],
        };
        let message_trace = message.part(11, 0, 6);
        let settlement = &self.ledger.settlements[place];
        if settlement.uploads.iter().any(|line| line.kind == kind && line.message_trace == message_trace) {
            return Err(refused("94", "this upload came before"));
        }
        if settlement.ended.is_some() {
            return Err(refused("77", "the batch is closed"));
        }
        for line in lines {
            let result = if kind == MessageKind::FailureUpload {
                Match::NotFound
            } else {
                self.look_up(&number, batch, &line)
            };
            self.ledger.settlements[place].uploads.push(UploadLine {
                kind,
                message_trace,
                trace: line.trace,
                pan: masked(&line.pan),
                amount: line.amount,
                result,
            });
        }
        Ok(Decision::approved())
    }

    /// A chip transaction: 203 to 206. It is that of the message's trace, or the one of this card and counter.
    fn chip_line(
        &self,
        message: &Message,
        kind: MessageKind,
        place: usize,
        batch: u32,
    ) -> Result<Line, Refused> {
        let approved = kind == MessageKind::ChipUpload;
        let upload = if approved {
            check::chip_upload(message, self.settings.switches.strict_field55)?
        } else {
            check::failure_upload(message)?
        };
        let settlement = &self.ledger.settlements[place];
        let side = if upload.foreign { settlement.foreign } else { settlement.domestic };
        let balanced_code = matches!(code_60(message), "203" | "204");
        if balanced_code != (side == Balance::Balanced) {
            return Err(refused("12", "60.3 is not that of the settlement's result for this card side"));
        }
        let atc = tlv::find(&upload.objects, 0x9F36).map(settings::hex);
        let trace = message.part(11, 0, 6).unwrap_or_default();
        let pan = upload.pan.clone().unwrap_or_default();
        let card = fingerprint(&pan);
        let wanted = if upload.foreign { CardSide::Foreign } else { CardSide::Domestic };
        let of_it = |booking: &&Booking| {
            booking.side == wanted
                && booking.atc.is_some()
                && booking.atc == atc
                && (pan.is_empty() || booking.card == card)
        };
        let found = self.ledger.batch(terminal_of(message), batch).find(of_it);
        if approved && !pan.is_empty() {
            chip::verify(&self.issuer_master_key, &pan, upload.sequence, &upload.objects)
                .map_err(|note| refused("59", note))?;
        }
        Ok(Line {
            trace: found.map_or(trace, |booking| booking.trace),
            pan,
            amount: upload.amount,
            kind: None,
        })
    }

    fn look_up(&mut self, terminal: &str, batch: u32, line: &Line) -> Match {
        let key = (terminal.to_owned(), batch, line.trace);
        let Some(Original::Booked(place)) = self.ledger.original(&key) else { return Match::NotFound };
        let booking = &mut self.ledger.bookings[place];
        if line.kind.is_some_and(|kind| kind != booking.kind) {
            return Match::NotFound;
        }
        let (forgotten, restored) = (booking.forgotten, Booking { forgotten: false, ..booking.clone() });
        if !restored.counts() {
            return Match::NotFound;
        }
        if !line.pan.is_empty() && booking.card != fingerprint(&line.pan) {
            return Match::OtherCard;
        }
        if ![booking.amount, booking.requested].contains(&line.amount) {
            return Match::OtherAmount;
        }
        booking.forgotten = false;
        if forgotten { Match::Restored } else { Match::Matched }
    }

    /// The end of the upload closes the batch; the next has the next number.
    fn batch_end(&mut self, message: &Message, place: usize) -> Result<Decision, Refused> {
        let count = check::batch_end(message)?;
        let strict = self.settings.switches.strict_batch_count;
        let settlement = &mut self.ledger.settlements[place];
        if (code_60(message) == "207") != settlement.is_balanced() {
            return Err(refused("12", "60.3 is not that of the settlement's result"));
        }
        let uploaded = u32::try_from(settlement.uploads.len()).unwrap_or(u32::MAX);
        let mut decision = Decision::approved();
        if count != uploaded {
            decision.note = format!("field 48 counts {count} lines, {uploaded} were uploaded");
            if strict {
                return Err(refused("30", decision.note));
            }
        }
        // The answer to an earlier end may have been lost.
        if settlement.ended.is_none() {
            settlement.ended = Some(count);
            let closed = settlement.batch;
            if let Some(terminal) = self.terminals.get_mut(terminal_of(message)) {
                terminal.batch = closed % 999_999 + 1;
            }
        }
        Ok(decision)
    }
}
