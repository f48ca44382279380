//! Terminal risk management (Book 3 §10.6).

use super::session::{End, Session};
use crate::{
    configuration::RandomSelection,
    indicators::{aip, tsi, tvr},
    tags, tlv,
};

impl Session {
    /// Check 49, before anyone types a PIN (§10.6 allows it from here on); `false` where nothing more is to be looked at.
    /// The exception file holds whatever the card says of terminal risk management: it may lie.
    pub(super) async fn look_up(&mut self) -> Result<bool, End> {
        let known = self.known_card().await?;
        self.spent = known.spent;
        if known.on_exception_file {
            self.mark(tvr::ON_EXCEPTION_FILE);
            self.mark(tvr::ODA_NOT_PERFORMED);
        }
        Ok(!known.on_exception_file)
    }

    /// The amount that is held against the floor limit: with what the card has paid here before (check 46).
    pub(super) fn exposed(&self) -> u64 {
        self.transaction.amount.saturating_add(self.spent)
    }

    pub(super) async fn manage_risk(&mut self) -> Result<(), End> {
        if !self.aip.has(aip::TERMINAL_RISK) {
            return Ok(());
        }
        let amount = self.transaction.amount;
        let floor = u64::from(self.application.floor_limit);
        // Check 46. With a limit of 0 every sale is over it.
        if self.exposed() >= floor {
            self.mark(tvr::FLOOR_LIMIT_EXCEEDED);
        } else if selected_at_random(amount, floor, self.application.random_selection, self.drawn()) {
            self.mark(tvr::SELECTED_AT_RANDOM);
        }
        self.check_velocity().await?;
        self.done(tsi::TERMINAL_RISK_PERFORMED);
        Ok(())
    }

    /// A number for random selection from the half of the fresh bytes that is no unpredictable number.
    fn drawn(&self) -> u32 {
        let [_, _, _, _, a, b, c, d] = self.random;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Check 48: how long since the card was last online.
    async fn check_velocity(&mut self) -> Result<(), End> {
        let one = |value: Option<Vec<u8>>| value.and_then(|value| value.first().copied()).map(u32::from);
        let (lower, upper) =
            (one(self.get(tags::LOWER_OFFLINE_LIMIT)), one(self.get(tags::UPPER_OFFLINE_LIMIT)));
        let (Some(lower), Some(upper)) = (lower, upper) else { return Ok(()) };
        let counter = |value: Option<Vec<u8>>| {
            value.and_then(|value| <[u8; 2]>::try_from(value).ok()).map(u16::from_be_bytes).map(u32::from)
        };
        let now = counter(self.get_data(tags::ATC).await?);
        let online = counter(self.get_data(tags::LAST_ONLINE_ATC).await?);
        match (now, online) {
            (Some(now), Some(online)) if now > online => {
                if now - online > lower {
                    self.mark(tvr::LOWER_OFFLINE_LIMIT_EXCEEDED);
                }
                if now - online > upper {
                    self.mark(tvr::UPPER_OFFLINE_LIMIT_EXCEEDED);
                }
            }
            _ => {
                self.mark(tvr::LOWER_OFFLINE_LIMIT_EXCEEDED);
                self.mark(tvr::UPPER_OFFLINE_LIMIT_EXCEEDED);
            }
        }
        if online == Some(0) {
            self.mark(tvr::NEW_CARD);
        }
        Ok(())
    }

    /// GET DATA; `None` where the card does not give it.
    pub(super) async fn get_data(&mut self, tag: u32) -> Result<Option<Vec<u8>>, End> {
        let [_, _, first, second] = tag.to_be_bytes();
        let response = self.send(vec![0x80, 0xCA, first, second, 0x00]).await?;
        if response.status != 0x9000 {
            return Ok(None);
        }
        Ok(tlv::find(&response.data, tag).ok().flatten().map(<[u8]>::to_vec))
    }
}

/// Random and biased random selection (§10.6.2, check 47) of an amount below the floor limit. `random` is fresh
/// and makes a number from 1 to 99; so many more values than 99 favour none of them.
pub(super) fn selected_at_random(amount: u64, floor: u64, selection: RandomSelection, random: u32) -> bool {
    let drawn = u64::from(random % 99) + 1;
    let (threshold, target) = (u64::from(selection.threshold), u64::from(selection.target));
    if amount < threshold {
        return drawn <= target;
    }
    let span = floor.saturating_sub(threshold);
    if span == 0 {
        return drawn <= target;
    }
    let biased = u64::from(selection.maximum).saturating_sub(target) * (amount - threshold) / span + target;
    drawn <= biased
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_47_random_and_biased_selection() {
        let selection = RandomSelection { threshold: 1_000, target: 20, maximum: 80 };
        let share = |amount| (0..99).filter(|r| selected_at_random(amount, 5_000, selection, *r)).count();
        assert_eq!(share(500), 20);
        assert_eq!(share(1_000), 20);
        assert_eq!(share(3_000), 50);
        assert_eq!(share(4_999), 79);
        let never = RandomSelection::default();
        assert_eq!((0..1_000).filter(|r| selected_at_random(1, 2, never, *r)).count(), 0);
    }
}
