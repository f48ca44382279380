//! Read application data (Book 3 §10.2).

use super::{
    Reason,
    session::{End, Session, malformed},
};
use crate::{digits::Digits, hex, tags, tlv};
use std::collections::BTreeSet;

const COMMAND: &str = "READ RECORD";

impl Session {
    pub(super) async fn read_records(&mut self) -> Result<(), End> {
        if self.get(tags::AFL).is_none_or(|locator| locator.is_empty()) {
            return Err(Reason::Invalid(tags::AFL).into());
        }
        // What initiation gave may not come again either.
        let mut seen = BTreeSet::from([tags::AIP, tags::AFL, tags::DF_NAME]);
        self.read_files(&mut seen).await?;
        self.check_mandatory()?;
        self.check_brand()
    }

    /// Reads what the locator names. An element that was `seen` may not come again.
    pub(super) async fn read_files(&mut self, seen: &mut BTreeSet<u32>) -> Result<(), End> {
        let locator = self.get(tags::AFL).unwrap_or_default();
        if !locator.len().is_multiple_of(4) {
            return Err(Reason::Invalid(tags::AFL).into());
        }
        for entry in locator.chunks_exact(4) {
            let &[file, first, last, signed] = entry else { continue };
            let sfi = file >> 3;
            // Check 17.
            let good = (1..=30).contains(&sfi)
                && file & 0x07 == 0
                && first != 0
                && first <= last
                && signed <= last - first + 1;
            if !good {
                return Err(Reason::Invalid(tags::AFL).into());
            }
            for record in first..=last {
                self.read_record(sfi, record, record - first < signed, seen).await?;
            }
        }
        Ok(())
    }

    async fn read_record(
        &mut self,
        sfi: u8,
        record: u8,
        signed: bool,
        seen: &mut BTreeSet<u32>,
    ) -> Result<(), End> {
        let response = self.send(vec![0x00, 0xB2, record, sfi << 3 | 0x04, 0x00]).await?;
        if response.status != 0x9000 {
            return Err(Reason::Status { command: COMMAND, status: response.status }.into());
        }
        let element = tlv::only(&response.data).ok().flatten().filter(|element| element.tag == tags::RECORD);
        if signed {
            self.sign(sfi, element.as_ref().map(|element| element.value), &response.data);
        }
        let Some(element) = element else {
            // Files 11 to 30 are the payment system's or the issuer's own; what is not a template there says nothing.
            return if sfi > 10 { Ok(()) } else { Err(Reason::Form(COMMAND).into()) };
        };
        for part in tlv::Reader::new(element.value) {
            let part = part.map_err(malformed(COMMAND))?;
            // The same element twice is an error of the card (check 18).
            if !part.constructed() {
                if !seen.insert(part.tag) {
                    return Err(Reason::Twice(part.tag).into());
                }
                if self.tap.is_some() && part.tag == tags::SIGNED_DYNAMIC_DATA {
                    // A quickPass card computes it with its answer, and may put it into its last record.
                    self.take_from_card(part.tag, part.value);
                } else {
                    self.take_from_file(part.tag, part.value);
                }
            }
        }
        Ok(())
    }

    /// Joins a record to the data to be authenticated: files 1 to 10 without the template's tag and length, others
    /// whole (check 20).
    fn sign(&mut self, sfi: u8, value: Option<&[u8]>, whole: &[u8]) {
        let Some(joined) = self.signed_records.as_mut() else { return };
        match value {
            Some(value) if sfi <= 10 => joined.extend_from_slice(value),
            Some(_) => joined.extend_from_slice(whole),
            None => self.signed_records = None,
        }
    }

    /// Check 19.
    fn check_mandatory(&mut self) -> Result<(), End> {
        for tag in [tags::PAN, tags::EXPIRATION, tags::CDOL1, tags::CDOL2] {
            if self.get(tag).is_none_or(|value| value.is_empty()) {
                return Err(Reason::Missing(tag).into());
            }
        }
        self.check_agreement()
    }

    /// Check 21.
    pub(super) fn check_agreement(&self) -> Result<(), End> {
        let pan = self.account_number()?;
        let expiration: [u8; 3] = self.fixed(tags::EXPIRATION)?.ok_or(Reason::Missing(tags::EXPIRATION))?;
        crate::date::Date::from_bcd(&expiration).ok_or(Reason::Invalid(tags::EXPIRATION))?;
        if let Some(track) = self.get(tags::TRACK_2).map(zeroize::Zeroizing::new) {
            let track = zeroize::Zeroizing::new(hex::encode(&track));
            let Some((number, rest)) = track.split_once('D') else {
                return Err(Reason::Invalid(tags::TRACK_2).into());
            };
            if number != pan.reveal() {
                return Err(Reason::Contradiction(tags::PAN, tags::TRACK_2).into());
            }
            if rest.get(..4) != Some(&hex::encode(&expiration[..2])) {
                return Err(Reason::Contradiction(tags::EXPIRATION, tags::TRACK_2).into());
            }
        }
        Ok(())
    }

    pub(super) fn account_number(&self) -> Result<Digits, End> {
        let value = self.get(tags::PAN).map(zeroize::Zeroizing::new);
        let pan = value.and_then(|value| Digits::from_compressed(&value));
        Ok(pan.filter(|pan| (8..=19).contains(&pan.reveal().len())).ok_or(Reason::Invalid(tags::PAN))?)
    }

    /// An application of one brand with an account of another is a forgery. The books leave this to the acquirer, who
    /// says in the configuration which accounts an application may have.
    pub(super) fn check_brand(&self) -> Result<(), End> {
        let prefixes = &self.application.account_prefixes;
        let pan = self.account_number()?;
        if prefixes.is_empty() || prefixes.iter().any(|prefix| pan.reveal().starts_with(prefix)) {
            return Ok(());
        }
        Err(Reason::Contradiction(tags::AID, tags::PAN).into())
    }
}
