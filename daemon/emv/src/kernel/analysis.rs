//! Terminal action analysis (Book 3 §10.7).

use super::{interface::OfflineApproval, session::Session};
use crate::{indicators::tvr, tags};

/// The response code of a transaction that the terminal declines by itself (Book 4 Annex A6).
pub(super) const DECLINED_OFFLINE: &[u8] = b"Z1";
/// The response code of a transaction that card and terminal approve by themselves.
const APPROVED_OFFLINE: &[u8] = b"Y1";

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
    /// Denial first (check 52). What is not denied goes online, unless it may be approved offline and no online action
    /// code names what happened.
    pub(super) fn analyse(&mut self) -> Request {
        let [denial, online, _] = self.application.action_codes();
        let issuer = match self.get(tags::ACTION_CODE_DENIAL) {
            // Check 51: a card without the code denies nothing.
            None => [0; 5],
            // One that cannot be read denies everything that happened.
            Some(code) => code.try_into().unwrap_or([0xFF; 5]),
        };
        let listed = self.tvr.has(tvr::ON_EXCEPTION_FILE);
        if listed || self.tvr.meets(&denial) || self.tvr.meets(&issuer) {
            self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
            return Request::Decline;
        }
        // The limit holds whatever the card says of terminal risk management: it may lie.
        let below = self.exposed() < u64::from(self.application.floor_limit);
        let offline = below && self.transaction.offline != OfflineApproval::Never;
        if offline && !self.tvr.meets(&online) && !self.tvr.meets(&self.issuer_code(tags::ACTION_CODE_ONLINE))
        {
            self.set(tags::RESPONSE_CODE, APPROVED_OFFLINE);
            return Request::Approve;
        }
        Request::Online
    }

    /// Whether what happened lets a transaction that cannot go online be approved (check 58).
    pub(super) fn default_allows(&self) -> bool {
        if self.exposed() >= u64::from(self.application.floor_limit) {
            return false;
        }
        let [_, _, default] = self.application.action_codes();
        !self.tvr.meets(&default) && !self.tvr.meets(&self.issuer_code(tags::ACTION_CODE_DEFAULT))
    }

    /// The card's online or default action code: one that is not there, or cannot be read, names every bit (check 51).
    fn issuer_code(&self, tag: u32) -> [u8; 5] {
        self.get(tag).and_then(|code| code.try_into().ok()).unwrap_or([0xFF; 5])
    }
}
