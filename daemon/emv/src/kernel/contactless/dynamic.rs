//! Fast dynamic data authentication (fDDA): the card has signed the tap in its one answer. It is checked after the card
//! has left the field.

use super::super::session::Session;
use crate::{
    authentication::{self, Failure},
    indicators::aip,
    tags,
};

/// The first application version whose cards have fDDA of version 01 (PBOC 3.0).
const WITH_VERSION_01: [u8; 2] = [0x00, 0x30];

impl Session {
    /// Checks the card's signature over this tap. Where it is good, and covers the card transaction qualifiers, those
    /// are believed.
    pub(super) fn authenticate_tap(&mut self) -> Result<(), Failure> {
        if !self.aip.has(aip::DDA) {
            return Err(Failure::Block("the card says that it has no dynamic authentication"));
        }
        let ready = self.with_offline(authentication::prepare_dynamic)?;
        let signature =
            self.get(tags::SIGNED_DYNAMIC_DATA).ok_or(Failure::Missing(tags::SIGNED_DYNAMIC_DATA))?;
        let related = self.get(tags::CARD_AUTHENTICATION);
        let need = |tag| self.get(tag).ok_or(Failure::Missing(tag));
        let mut signed = need(tags::UNPREDICTABLE_NUMBER)?;
        match related.as_deref() {
            Some(&[0x01, ref rest @ ..]) if (7..=15).contains(&rest.len()) => {
                signed.extend(need(tags::AMOUNT)?);
                signed.extend(need(tags::CURRENCY)?);
                signed.extend(related.iter().flatten());
            }
            None | Some(&[0x00, ..]) if !self.has_version_01() => {}
            _ => return Err(Failure::Algorithm("9F69")),
        }
        let number = authentication::verify_dynamic(&ready, &signed, &signature)?;
        self.set(tags::ICC_DYNAMIC_NUMBER, number);
        // Version, the card's unpredictable number, the qualifiers.
        let covered = related.as_deref().and_then(|related| related.get(5..7)).map(<[u8]>::to_vec);
        if let Some(tap) = self.tap.as_mut() {
            tap.qualifiers_signed = covered.is_some_and(|covered| covered == tap.qualifiers.0);
        }
        Ok(())
    }

    /// A card that must have version 01, at a terminal that asked for it, may not fall back to what signs less.
    fn has_version_01(&self) -> bool {
        let asked = self.combination().qualifiers.has(crate::indicators::ttq::FDDA_01);
        asked && self.get(tags::CARD_VERSION).is_none_or(|version| version[..] >= WITH_VERSION_01[..])
    }
}
