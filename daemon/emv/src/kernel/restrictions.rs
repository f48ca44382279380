//! Processing restrictions (Book 3 §10.4).

use super::session::Session;
use crate::{date::Date, indicators::tvr, tags};

impl Session {
    pub(super) fn check_restrictions(&mut self) {
        // Check 33. A card without a version says nothing against it.
        let version = self.get(tags::CARD_VERSION);
        if version.is_some_and(|version| version != self.application.version.0) {
            self.mark(tvr::VERSIONS_DIFFER);
        }
        if !self.service_allowed() {
            self.mark(tvr::SERVICE_NOT_ALLOWED);
        }
        let Some(today) = self.today() else { return };
        // Checks 35 and 36: both days count as good.
        let first = self.get(tags::EFFECTIVE).map(|value| Date::from_bcd(&value));
        if first.is_some_and(|first| first.is_none_or(|first| today < first)) {
            self.mark(tvr::NOT_YET_EFFECTIVE);
        }
        let last = self.get(tags::EXPIRATION).map(|value| Date::from_bcd(&value));
        if last.is_some_and(|last| last.is_none_or(|last| today > last)) {
            self.mark(tvr::EXPIRED);
        }
    }

    /// Application usage control (check 34) for goods and services at a terminal that is no cash dispenser.
    fn service_allowed(&self) -> bool {
        let Some(control) = self.get(tags::USAGE_CONTROL) else { return true };
        let &[first, second] = &control[..] else { return false };
        let atm = self.configuration.terminal.cash_dispenser();
        if first & if atm { 0x02 } else { 0x01 } == 0 {
            return false;
        }
        let Some(country) = self.get(tags::ISSUER_COUNTRY) else { return true };
        let domestic = country == self.configuration.terminal.country.0;
        let (goods, services, cashback) =
            if domestic { (0x20, 0x08, second & 0x80) } else { (0x10, 0x04, second & 0x40) };
        let allowed = first & (goods | services) != 0;
        allowed && (self.transaction.amount_other == 0 || cashback != 0)
    }
}
