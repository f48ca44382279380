//! A tap of electronic cash that was torn (闪卡): the card may have paid, and its last answer was lost.
//!
//! The same card is tapped again, and is known by its number and its counter. What it has left to spend tells whether
//! the first tap was paid: if so the first certificate stands and the card is not debited again; if not, the new tap is
//! a fresh one. Either way it is charged once.

use super::super::{
    Again, Reason, Verdict,
    session::{Elements, End, Session},
};
use crate::{hex, tags};
use std::{collections::BTreeSet, fmt};
use zeroize::Zeroizing;

/// What is remembered of a torn tap, in memory only. It holds the card's number: no `Debug` of it, wiped on drop.
pub struct Torn(Elements);

impl fmt::Debug for Torn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Torn(…)")
    }
}

/// What came of the first tap, by the card's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// The card has paid.
    Paid,
    /// It has not.
    NotPaid,
}

impl Torn {
    fn get(&self, tag: u32) -> Option<&[u8]> {
        self.0.terminal.get(&tag).or_else(|| self.0.card.get(&tag)).map(Vec::as_slice)
    }

    fn account(&self) -> Option<Zeroizing<String>> {
        account(self.get(tags::TRACK_2)?)
    }
}

/// The number in a track 2 equivalent.
fn account(track: &[u8]) -> Option<Zeroizing<String>> {
    let track = Zeroizing::new(hex::encode(track));
    track.split_once('D').map(|(number, _)| Zeroizing::new(number.to_owned()))
}

/// A number in packed digits.
fn number(packed: &[u8]) -> Option<u64> {
    hex::encode(packed).parse().ok()
}

impl Session {
    /// Keeps what the card has given, for when it is tapped again.
    pub(super) fn keep_torn(&self) {
        self.shared.put_torn(Torn(self.shared.swap_elements(Elements::default())));
    }

    /// Hands on what this tap was told of an earlier one and did not come to settle.
    pub(in super::super) fn keep_unsettled(&mut self) {
        if let Some(torn) = self.tap.as_mut().and_then(|tap| tap.torn.take()) {
            self.shared.put_torn(torn);
        }
    }

    /// What follows from an earlier tap that was torn; a verdict where that has settled it.
    pub(super) async fn look_back(&mut self) -> Result<Option<Verdict>, End> {
        let Some(torn) = self.tap.as_mut().and_then(|tap| tap.torn.take()) else { return Ok(None) };
        let own = self.get(tags::TRACK_2).map(Zeroizing::new).and_then(|track| account(&track));
        if own.is_none()
            || own != torn.account()
            || self.get(tags::DF_NAME).as_deref() != torn.get(tags::DF_NAME)
        {
            // The other card may have paid: nothing is done until it is back, or the sale is given up.
            self.shared.put_torn(torn);
            return Err(Verdict::TryAgain(Again::SameCard).into());
        }
        match self.what_came_of(&torn)? {
            First::NotPaid => Ok(None),
            First::Paid => self.stand_by(torn).await.map(Some),
        }
    }

    fn what_came_of(&self, torn: &Torn) -> Result<First, End> {
        let amount = |value: Option<&[u8]>| value.and_then(number);
        let own = self.get(tags::AVAILABLE_OFFLINE);
        let (Some(before), Some(now)) = (amount(torn.get(tags::AVAILABLE_OFFLINE)), amount(own.as_deref()))
        else {
            // Nothing tells, so nothing is charged.
            return Err(Reason::Missing(tags::AVAILABLE_OFFLINE).into());
        };
        let counter = self.get(tags::ATC);
        if counter.as_deref() <= torn.get(tags::ATC) {
            return Err(Reason::Invalid(tags::ATC).into());
        }
        match before.checked_sub(now) {
            Some(0) => Ok(First::NotPaid),
            Some(spent) if spent == self.transaction.amount => Ok(First::Paid),
            _ => Err(Reason::Invalid(tags::AVAILABLE_OFFLINE).into()),
        }
    }

    /// The first certificate stands. The records are read for its signature, all but the last: reading that would make
    /// the card pay again.
    async fn stand_by(&mut self, torn: Torn) -> Result<Verdict, End> {
        drop(self.shared.swap_elements(torn.0));
        self.aip = crate::indicators::Aip(self.fixed(tags::AIP)?.ok_or(Reason::Missing(tags::AIP))?);
        if let (Some(qualifiers), Some(tap)) = (self.fixed(tags::CARD_QUALIFIERS)?, self.tap.as_mut()) {
            tap.qualifiers = crate::indicators::Ctq(qualifiers);
        }
        let locator = self.get(tags::AFL).unwrap_or_default();
        self.take_from_card(tags::AFL, &without_last(&locator).ok_or(Reason::Invalid(tags::AFL))?);
        let read = self.read_files(&mut BTreeSet::new()).await;
        self.take_from_card(tags::AFL, &locator);
        if matches!(read, Err(End::Broken(Reason::CardLost))) {
            self.keep_torn();
        }
        read?;
        self.complete_from_track()?;
        self.release().await?;
        self.check_agreement()?;
        self.check_brand()?;
        self.keep_first_cryptogram();
        self.pay_with_cash()
    }
}

/// A locator without its last record.
fn without_last(locator: &[u8]) -> Option<Vec<u8>> {
    let (rest, last) = locator.split_last_chunk::<4>()?;
    let &[file, first, end, signed] = last;
    let mut without = rest.to_vec();
    if first < end {
        without.extend([file, first, end - 1, signed.min(end - first)]);
    }
    Some(without)
}

#[cfg(test)]
mod tests {
    use super::without_last;

    #[test]
    fn a_locator_without_its_last_record() {
        assert_eq!(without_last(&[0x10, 1, 3, 3]), Some(vec![0x10, 1, 2, 2]));
        assert_eq!(without_last(&[0x10, 1, 3, 1, 0x18, 2, 2, 0]), Some(vec![0x10, 1, 3, 1]));
        assert_eq!(without_last(&[0x10, 1]), None);
    }
}
