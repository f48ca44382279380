//! What a terminal tells about a transaction that is booked: script results and signatures.

use super::{Host, HostTime, terminal_of};
use crate::answer::Decision;
use crate::check::{self, Refused, refused};
use crate::kind::code_60;
use crate::ledger::{ScriptNotice, fingerprint};
use crate::message::Message;
use crate::settings;
use crate::signature::Signature;

impl Host {
    pub(super) fn script_result(&mut self, message: &Message, now: HostTime) -> Result<Decision, Refused> {
        let notice = check::script_result(message)?;
        let number = terminal_of(message).to_owned();
        let found = self.ledger.booking(&number, notice.origin.batch, notice.origin.trace);
        let code = match found {
            Some(booking) if booking.card == fingerprint(&notice.named.pan) => "00",
            _ => "25",
        };
        let mut decision = Decision::approved();
        if let Some(booking) = found {
            decision.fields.insert(38, booking.authorisation_code.clone().into_bytes());
        }
        decision.code = code.into();
        decision.pan = Some(notice.named.pan);
        self.ledger.script_notices.push(ScriptNotice {
            terminal: number,
            trace: notice.named.trace,
            batch: notice.named.batch,
            original_trace: notice.origin.trace,
            original_batch: notice.origin.batch,
            script_result: notice.result.as_deref().map(settings::hex),
            at_ms: now.unix_ms,
            code: code.into(),
        });
        Ok(decision)
    }

    /// One part of an electronic signature. A part that came before is taken again and kept once.
    pub(super) fn signature(&mut self, message: &Message) -> Result<Decision, Refused> {
        let named = check::signature(message)?;
        let rrn = message.text(37).unwrap_or_default().to_owned();
        let signed = self
            .ledger
            .bookings
            .iter()
            .find(|booking| booking.rrn == rrn && booking.terminal == terminal_of(message))
            .ok_or_else(|| refused("25", "no transaction has this reference number"))?;
        if signed.card != fingerprint(&named.pan) {
            return Err(refused("12", "the transaction is of another card"));
        }
        if signed.amount != named.amount {
            return Err(refused("64", "the transaction has another amount"));
        }
        let part = Signature {
            terminal: terminal_of(message).to_owned(),
            trace: named.trace,
            rrn: rrn.clone(),
            amount: named.amount,
            part: code_60(message).to_owned(),
            image: settings::hex(message.field(62).unwrap_or_default()),
        };
        if !self.ledger.signatures.contains(&part) {
            self.ledger.signatures.push(part);
        }
        Ok(Decision { rrn: Some(rrn), ..Decision::approved() })
    }
}
