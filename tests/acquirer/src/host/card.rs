//! What the issuer checks of a card: is it known, its cryptogram, its expiry, its PIN.

use super::Host;
use crate::check::{Financial, Refused, refused};
use crate::chip::{self, Verified};
use crate::kind::{Entry, Row};
use crate::pin::PinCheck;
use crate::time::Local;

impl Host {
    /// Checks the card of a request from `terminal`. `verified` is set as soon as its cryptogram was right.
    pub(super) fn check_card(
        &mut self,
        row: &Row,
        asked: &Financial,
        terminal: &str,
        local: &Local,
        verified: &mut Option<Verified>,
    ) -> Result<(), Refused> {
        if matches!(row.entry, Entry::Code | Entry::Wallet) {
            return Ok(());
        }
        let pan = asked.named.pan.as_str();
        let Some(right_pin) = self.settings.pins.get(pan) else {
            return Err(refused("14", "the card is not in the settings (pins)"));
        };
        if let Some(objects) = &asked.chip {
            let checked = chip::verify(&self.issuer_master_key, pan, asked.sequence, objects)
                .map_err(|note| refused("59", note))?;
            if !self.cryptograms.insert((pan.to_owned(), checked.cryptogram)) {
                return Err(refused("59", "this cryptogram was sent before"));
            }
            *verified = Some(checked);
        }
        // What an advice tells of has happened: the card was valid then.
        if !row.advice && asked.expiry.is_some_and(|expiry| local.is_after(expiry)) {
            return Err(refused("54", "the card has expired"));
        }
        let Some(pin) = &asked.pin else { return Ok(()) };
        let keys = self.terminals.get(terminal).and_then(|terminal| terminal.keys.as_ref());
        let Some(keys) = keys else { return Err(refused("77", "the terminal is not signed in")) };
        let given = keys.open_pin(&pin.block, pan, pin.with_pan);
        match self.tries.check(pan, given.as_deref(), right_pin) {
            PinCheck::Right => Ok(()),
            PinCheck::Wrong => Err(refused("55", "the PIN is wrong")),
            PinCheck::LastTryWrong => Err(refused("75", "the last PIN try was wrong")),
            PinCheck::Blocked => Err(refused("38", "no PIN tries are left")),
            PinCheck::BadFormat => Err(refused("99", "field 52 is no PIN block of this card and key")),
        }
    }
}
