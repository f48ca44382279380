//! Terminal action analysis (Book 3 §10.7).

use super::session::Session;
use crate::tags;

/// The response code of a transaction that the terminal declines by itself (Book 4 Annex A6).
const DECLINED_OFFLINE: &[u8] = b"Z1";

/// What is asked of the card: the cryptogram's type bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// Application authentication cryptogram: decline.
    Decline = 0x00,
    /// Transaction certificate: approve.
    Approve = 0x40,
    /// Authorisation request cryptogram: go online.
    Online = 0x80,
}

impl Session {
    /// Denial first (check 52). What is not denied goes online: until offline sales exist a first GENERATE AC never
    /// asks for a TC, so the online action codes decide nothing.
    pub(super) fn analyse(&mut self) -> Request {
        let [denial, _, _] = self.application.action_codes();
        let issuer = match self.get(tags::ACTION_CODE_DENIAL) {
            // Check 51: a card without the code denies nothing.
            None => [0; 5],
            // One that cannot be read denies everything that happened.
            Some(code) => code.try_into().unwrap_or([0xFF; 5]),
        };
        if self.tvr.meets(&denial) || self.tvr.meets(&issuer) {
            self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
            return Request::Decline;
        }
        Request::Online
    }
}
