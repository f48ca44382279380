//! Entry Point: pre-processing (EMV Contactless Book B §3.1) and combination selection (§3.3).

use super::{
    super::{
        OfflineApproval, Purpose, Transaction, Verdict,
        selection::Found,
        session::{End, Session},
    },
    Combination,
    initiation::{Opened, Path},
};
use crate::{
    configuration::{Configuration, Contactless, ContactlessLimits, Terminal},
    indicators::{Ttq, ttq},
    tags,
};

/// Whether a tap can be taken for this transaction at all: if not, nobody is asked to tap.
pub fn may_tap(configuration: &Configuration, transaction: &Transaction) -> bool {
    transaction.purpose == Purpose::Authorise
        && prepare(configuration, transaction).iter().any(Option::is_some)
}

/// Pre-processing: one entry for each of the terminal's applications.
pub(super) fn prepare(configuration: &Configuration, transaction: &Transaction) -> Vec<Option<Combination>> {
    let one = |limits: Option<ContactlessLimits>| {
        combination(&configuration.contactless?, &limits?, &configuration.terminal, transaction)
    };
    configuration.applications.iter().map(|application| one(application.contactless)).collect()
}

fn combination(
    reader: &Contactless,
    limits: &ContactlessLimits,
    terminal: &Terminal,
    transaction: &Transaction,
) -> Option<Combination> {
    let amount = transaction.amount;
    if !limits.allows(amount) || (amount == 0 && !reader.zero_amount) {
        return None;
    }
    let status_check = reader.status_check && amount == unit(terminal.currency_exponent);
    let may_stay_offline = transaction.offline != OfflineApproval::Never
        && limits.may_stay_offline(amount)
        && amount != 0
        && !status_check;
    // The small-amount parameters take the place of the CVM limit where the host has sent them.
    let verification_required = match reader.no_pin_limit {
        Some(_) => reader.free_of_pin(amount).is_none(),
        None => limits.needs_verification(amount),
    };
    let mut qualifiers = Ttq::default();
    for (bit, set) in [
        (ttq::DEBIT_CREDIT, reader.debit_credit),
        (ttq::QUICK_PASS, true),
        (ttq::CONTACT, terminal.capabilities[0] & 0x20 != 0),
        (ttq::ONLINE_PIN, terminal.online_pin()),
        (ttq::SIGNATURE, terminal.signature()),
        (ttq::ONLINE_AUTHENTICATION, reader.online_authentication),
        (ttq::ONLINE_CRYPTOGRAM_REQUIRED, !may_stay_offline),
        (ttq::CVM_REQUIRED, verification_required),
        (ttq::DEVICE_VERIFICATION, reader.device_verification),
        (ttq::FDDA_01, reader.fdda_01),
    ] {
        if set {
            qualifiers.set(bit);
        }
    }
    Some(Combination { qualifiers, verification_required, may_stay_offline })
}

/// One unit of the currency in minor units: the amount of a status check.
fn unit(exponent: u8) -> u64 {
    10_u64.checked_pow(exponent.into()).unwrap_or(u64::MAX)
}

impl Session {
    /// Selects application after application, the best first, until one answers GET PROCESSING OPTIONS with something
    /// that goes on.
    pub(super) async fn select_and_open(&mut self) -> Result<Path, End> {
        if self.tap.as_ref().is_none_or(|tap| tap.combinations.iter().all(Option::is_none)) {
            return Err(Verdict::AnotherInterface.into());
        }
        let mut found = self.read_environment().await?;
        // Priority in ascending order, none last; the directory's order among equals (Book B §3.3.2.5).
        found.sort_by_key(|found| if found.candidate.priority == 0 { 16 } else { found.candidate.priority });
        for candidate in found {
            if let Some(path) = self.try_combination(candidate).await? {
                return Ok(path);
            }
        }
        Err(Verdict::AnotherInterface.into())
    }

    /// Final selection and GET PROCESSING OPTIONS of one; `None` where the next is to be tried.
    async fn try_combination(&mut self, found: Found) -> Result<Option<Path>, End> {
        let application = found.application;
        let mut blocked = false;
        // The unpredictable number is drawn in here, after the card has answered.
        if !self.enter(found, &mut blocked).await? {
            return Ok(None);
        }
        let Some(tap) = self.tap.as_mut() else { return Ok(None) };
        let Some(chosen) = tap.combinations.get(application).copied().flatten() else { return Ok(None) };
        tap.chosen = chosen;
        self.set(tags::TERMINAL_QUALIFIERS, chosen.qualifiers.0);
        self.set(tags::CASH_SUPPORT, [u8::from(chosen.may_stay_offline)]);
        match self.open_application().await? {
            Opened::As(path) => Ok(Some(path)),
            Opened::SelectNext => Ok(None),
        }
    }
}
