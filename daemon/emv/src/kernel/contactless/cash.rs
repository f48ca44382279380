//! Electronic cash at a tap: the card has approved by itself (TC), and the terminal says yes or no after it has left.

use super::super::{
    Verdict,
    session::{End, Session},
};
use crate::{indicators::ctq, tags};

/// The response code of a transaction that card and terminal approve by themselves.
const APPROVED_OFFLINE: &[u8] = b"Y1";
/// The response code of one that the terminal declines by itself.
const DECLINED_OFFLINE: &[u8] = b"Z1";

impl Session {
    pub(super) fn pay_with_cash(&mut self) -> Result<Verdict, End> {
        let wants_contact = self.tap.as_ref().is_some_and(|tap| {
            tap.qualifiers.has(ctq::FDDA_FAILED_CONTACT) || tap.qualifiers.has(ctq::FDDA_FAILED_ONLINE)
        });
        let expired = match (self.today(), self.expires()) {
            (Some(today), Some(last)) => today > last,
            _ => true,
        };
        // The cryptogram is a certificate that no host has asked for, so it is not sent to one: the contact chip makes
        // another, whatever the card would have liked.
        if self.authenticate_tap().is_err() {
            self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
            return Ok(if wants_contact { Verdict::AnotherInterface } else { Verdict::Declined });
        }
        if expired || !self.verify_at_offline_tap() {
            self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
            return Ok(Verdict::Declined);
        }
        self.set(tags::RESPONSE_CODE, APPROVED_OFFLINE);
        Ok(Verdict::Approved)
    }
}
