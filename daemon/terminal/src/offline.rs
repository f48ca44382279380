//! Offline sales: what may be sold without the host, and how such a sale becomes durable.
//!
//! The limits are the device's configuration, not the app's: an app may only tighten them. What stands at risk are
//! offline sales that the host has not accepted yet. It is counted, the new amount included, inside the transaction
//! that stores the sale: [`Effect::CommitIf`] carries the question, [`Admission::judge`] answers it over the counts of
//! that very transaction, and the runner brings the answer back as [`crate::Event::Admitted`] before anything else.
//! Nothing is told, printed or queued before.

use crate::{
    call::{Answer, CallError},
    event::Effect,
    kinds,
    record::{Attempt, CardKey, Options, Original, Records, Sealed, StorageFault, Write},
    state::{Cause, Outcome},
    stored::Tale,
    terminal::{Asked, Terminal},
};
use posd_emv::kernel::{Input, Kernel, KnownCard, Outcome as CardOutcome};
use posd_unionpay::{
    field55,
    request::{ChipEnd, Entry},
};
use posd_vault_protocol::{Digits, Request as VaultRequest};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a device may sell without the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflinePolicy {
    /// The limits.
    pub limits: OfflineLimits,
    /// Card organisations (63.1, three letters) whose cards are taken.
    pub brands: Vec<String>,
    /// An amount above this needs the supervisor's word.
    pub supervisor_above: Option<u64>,
}

/// Limits of offline sales, amounts in minor units. All but the first and the last are of what stands at risk: sales that
/// the host has not accepted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfflineLimits {
    /// Of one sale.
    pub amount: u64,
    /// Of all together.
    pub total: u64,
    /// How many.
    pub count: u32,
    /// Of one card.
    pub card_total: u64,
    /// How many of one card.
    pub card_count: u32,
    /// Of one operator.
    pub operator_total: u64,
    /// How many of one operator.
    pub operator_count: u32,
    /// Hours since the host was last heard.
    pub silence_h: u32,
}

/// What an app makes tighter for one sale; a limit that is above the device's changes nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflineTighter {
    /// As [`OfflineLimits::total`].
    pub total: Option<u64>,
    /// As [`OfflineLimits::count`].
    pub count: Option<u32>,
    /// As [`OfflineLimits::silence_h`].
    pub silence_h: Option<u32>,
}

impl OfflineLimits {
    fn tightened(mut self, by: Option<OfflineTighter>) -> OfflineLimits {
        let by = by.unwrap_or_default();
        self.total = self.total.min(by.total.unwrap_or(u64::MAX));
        self.count = self.count.min(by.count.unwrap_or(u32::MAX));
        self.silence_h = self.silence_h.min(by.silence_h.unwrap_or(u32::MAX));
        self
    }
}

/// What stands at risk, counted by the journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AtRisk {
    /// Together, in minor units.
    pub total: u64,
    /// How many sales.
    pub count: u32,
    /// Of the card in question.
    pub card_total: u64,
    /// How many of that card.
    pub card_count: u32,
    /// Of the operator in question.
    pub operator_total: u64,
    /// How many of that operator.
    pub operator_count: u32,
}

/// What a commit that stores an offline sale asks: may this amount stand at risk too?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The limits in force for it.
    pub limits: OfflineLimits,
    /// The amount in minor units.
    pub amount: u64,
    /// The card.
    pub card: Option<CardKey>,
    /// The operator.
    pub operator: String,
}

impl Admission {
    /// The answer, over what stands at risk without it.
    ///
    /// # Errors
    /// The limit that it passes.
    pub fn judge(&self, at_risk: &AtRisk) -> Result<(), Cause> {
        let limits = &self.limits;
        let total = |sum: u64, limit: u64| sum.checked_add(self.amount).is_none_or(|sum| sum > limit);
        let count = |count: u32, limit: u32| count >= limit;
        let refusals = [
            (self.amount > limits.amount, Cause::OfflineAmountLimit),
            (total(at_risk.total, limits.total), Cause::OfflineTotalLimit),
            (count(at_risk.count, limits.count), Cause::OfflineCountLimit),
            (
                self.card.is_some()
                    && (total(at_risk.card_total, limits.card_total)
                        || count(at_risk.card_count, limits.card_count)),
                Cause::OfflineCardLimit,
            ),
            (
                total(at_risk.operator_total, limits.operator_total)
                    || count(at_risk.operator_count, limits.operator_count),
                Cause::OfflineOperatorLimit,
            ),
        ];
        match refusals.iter().find(|(refused, _)| *refused) {
            Some((_, cause)) => Err(*cause),
            None => Ok(()),
        }
    }
}

/// What is left to sell without the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineReadiness {
    /// Why nothing can be sold offline now; empty where something can.
    pub reasons: Vec<Cause>,
    /// The largest sale that the limits leave to the operator, in minor units.
    pub largest: u64,
    /// What all limits together leave, in minor units.
    pub total_left: u64,
    /// How many sales.
    pub count_left: u32,
    /// What is left to the operator who is logged in.
    pub operator_total_left: u64,
    /// How many to that operator.
    pub operator_count_left: u32,
    /// Seconds until the silence of the host ends it.
    pub silence_left_s: u64,
    /// What stands at risk, in minor units.
    pub at_risk: u64,
    /// How many sales stand at risk.
    pub at_risk_count: u32,
    /// Card organisations (63.1, three letters) whose cards are taken.
    pub brands: Vec<String>,
    /// An amount above this, in minor units, needs the supervisor's word.
    pub supervisor_above: Option<u64>,
}

/// A clock that was set back by more than this hides how long the host was silent, in milliseconds.
const CLOCK_TOLERANCE: i64 = 10 * 60_000;

/// 9F33 byte 2: enciphered PIN for online verification.
const ONLINE_PIN: u8 = 0x40;

impl Terminal {
    /// The limits for a sale, where the device sells offline at all.
    fn limits(&self, options: &Options) -> Option<OfflineLimits> {
        Some(self.settings.offline.as_ref()?.limits.tightened(options.offline))
    }

    /// Why the host's silence forbids an offline sale; else the seconds that are left.
    fn silence_left(&self, limits: &OfflineLimits) -> Result<u64, Cause> {
        let Some(heard) = self.device.last_contact else { return Err(Cause::OfflineSilence) };
        let silence = self.now.wall.saturating_sub(heard);
        if silence < -CLOCK_TOLERANCE {
            return Err(Cause::OfflineClock);
        }
        let silence_s = u64::try_from(silence).unwrap_or(0) / 1_000;
        let limit_s = u64::from(limits.silence_h) * 3_600;
        limit_s.checked_sub(silence_s).filter(|left| *left > 0).ok_or(Cause::OfflineSilence)
    }

    /// Whether a sale may begin offline, as far as that is known without the card. The commit asks again.
    pub(crate) fn may_begin_offline(
        &mut self,
        attempt: &Attempt,
        records: &dyn Records,
    ) -> Result<(), CallError> {
        let limits = self.limits(&attempt.options).ok_or(CallError::Offline(Cause::OfflineOff))?;
        self.silence_left(&limits).map_err(CallError::Offline)?;
        let operator = self.operator.clone().unwrap_or_default();
        let at_risk = records.at_risk(None, &operator).map_err(|fault| self.storage_fault(fault))?;
        let admission = Admission { limits, amount: attempt.amount.minor(), card: None, operator };
        admission.judge(&at_risk).map_err(CallError::Offline)
    }

    /// Whether the policy wants the supervisor's word for a sale.
    pub(crate) fn offline_needs_supervisor(&self, attempt: &Attempt) -> bool {
        let above = self.settings.offline.as_ref().and_then(|policy| policy.supervisor_above);
        kinds::rule(attempt.kind).sells_offline() && above.is_some_and(|above| attempt.amount.minor() > above)
    }

    /// What the card kernel is told for an offline sale: no PIN can be verified online.
    pub(crate) fn offline_configuration(&self) -> Arc<posd_emv::configuration::Configuration> {
        let mut configuration = (*self.in_force.card).clone();
        configuration.terminal.capabilities.0[1] &= !ONLINE_PIN;
        Arc::new(configuration)
    }

    /// Card and terminal have approved it. The vault seals what the advice will need of the card.
    pub(crate) fn approved_by_card(&mut self, card: CardOutcome) {
        if let Some(active) = self.active.as_mut() {
            active.approved = Some(card);
            self.seal_card();
        }
    }

    /// Whether the card in the reader, as soon as it has told its number, is of an organisation that the policy does not
    /// take offline.
    pub(crate) fn is_not_taken_offline(&self) -> bool {
        if !self.sells_offline() {
            return false;
        }
        let active = self.active.as_ref().filter(|active| !active.decided);
        let pan = active.and_then(|active| active.kernel.as_deref()).and_then(Kernel::pan);
        let brands = self.settings.offline.as_ref().map(|policy| &policy.brands[..]).unwrap_or_default();
        pan.is_some_and(|pan| brands.iter().all(|brand| brand != self.profile().organisation(&pan)))
    }

    /// What is known of a card whose number is known now. Where it pays offline, the vault gives the key by which it is
    /// counted.
    pub(crate) fn look_up_card(&mut self) {
        let pan = self.active.as_ref().and_then(|active| active.kernel.as_deref()).and_then(Kernel::pan);
        let on_exception_file = pan.as_ref().is_some_and(|pan| self.in_force.blocks(pan));
        match pan.and_then(|pan| Digits::new(&pan)) {
            Some(pan) if self.sells_offline() && !on_exception_file => {
                self.ask(Asked::CardKey, VaultRequest::CardKey { pan }, 0);
            }
            _ => self.resume(Input::LookedUp(KnownCard { on_exception_file, spent: 0 })),
        }
    }

    /// The card can be counted: the kernel is told what it has paid already that the host does not know of.
    pub(crate) fn count_card(&mut self, key: CardKey, records: &dyn Records) {
        let Some(active) = self.active.as_mut() else { return };
        active.card_key = Some(key);
        // A journal that cannot be read lets nobody pay below a limit.
        let spent = match records.at_risk(Some(key), "") {
            Ok(at_risk) => at_risk.card_total,
            Err(fault) => {
                self.storage_fault(fault);
                u64::MAX
            }
        };
        self.resume(Input::LookedUp(KnownCard { on_exception_file: false, spent }));
    }

    /// The card data is sealed, so everything is known: asks the journal to store the sale if its limits allow that.
    pub(crate) fn sealed_offline(&mut self, sealed: Vec<u8>) {
        let Some(active) = self.active.as_mut() else { return };
        active.sealed = Some(Sealed(sealed));
        let stored = active.card_key.and_then(|key| self.try_store(key));
        if stored.is_none() {
            self.abort(Outcome::Failed, Cause::CardFault);
        }
    }

    fn try_store(&mut self, key: CardKey) -> Option<()> {
        let id = self.active.as_ref()?.id;
        let attempt = &self.live.get(&id)?.attempt;
        let (kind, minor, currency) = (attempt.kind, attempt.amount.minor(), attempt.amount.currency());
        let operator = attempt.operator.clone().unwrap_or_default();
        let Some(limits) = self.limits(&attempt.options) else {
            self.abort(Outcome::Declined, Cause::OfflineOff);
            return Some(());
        };
        if let Err(cause) = self.silence_left(&limits) {
            self.abort(Outcome::Declined, cause);
            return Some(());
        }
        let trace = self.allocate_trace();
        let active = self.active.as_ref()?;
        let kernel = active.kernel.as_deref()?;
        let card = active.approved.clone()?;
        let original = Original {
            kind,
            family: kind.family(),
            entry: Entry::Chip,
            linked: None,
            batch: self.device.batch,
            trace,
            amount: minor,
            currency: currency.numeric(),
            card_sequence: kernel.pan_sequence(),
            pin_entered: false,
            authorisation_code: None,
            rrn: None,
            field55: field55::build(&self.profile().field55_offline, &|tag| kernel.data(tag)).ok()?,
            voucher: None,
            wallet: None,
        };
        let told = Tale {
            sealed: active.sealed.clone()?,
            masked_pan: Some(posd_receipt::mask(&kernel.pan()?)),
            application_label: kernel.label(),
            certificate: card.last_word().map(|tc| crate::slip::hex(&tc)),
            end: Some(ChipEnd::Certified),
            original,
        };
        if let Some(active) = self.active.as_mut() {
            active.signature = card.signature_required;
        }
        let admission = Admission { limits, amount: minor, card: Some(key), operator: operator.clone() };
        let mut writes = self.storing(told, Some(&card))?;
        writes.push(Write::OfflineSale { transaction: id, amount: minor, operator, card: key });
        self.effect(Effect::CommitIf(Box::new(admission), writes));
        Some(())
    }

    /// The journal's answer: the sale is durable, or a limit refuses it and nothing was written.
    pub(crate) fn admitted(&mut self, answer: Result<(), Cause>) {
        if let Err(cause) = answer {
            // The rows that went with it were not written either.
            self.audit_head = self.audit_head_before;
            let Some(active) = self.active.as_mut() else { return };
            active.storing = None;
            active.signature = false;
            active.copies_to_sign.clear();
            return self.abort(Outcome::Declined, cause);
        }
        self.stored();
    }

    /// What is left, and why not.
    pub(crate) fn call_readiness(&mut self, records: &dyn Records) -> Result<Option<Answer>, CallError> {
        let readiness = self.readiness(records).map_err(|fault| self.storage_fault(fault))?;
        Ok(Some(Answer::OfflineReadiness(Box::new(readiness))))
    }

    fn readiness(&self, records: &dyn Records) -> Result<OfflineReadiness, StorageFault> {
        let operator = self.operator.clone().unwrap_or_default();
        let at_risk = records.at_risk(None, &operator)?;
        let mut ready = OfflineReadiness {
            reasons: Vec::new(),
            largest: 0,
            total_left: 0,
            count_left: 0,
            operator_total_left: 0,
            operator_count_left: 0,
            silence_left_s: 0,
            at_risk: at_risk.total,
            at_risk_count: at_risk.count,
            brands: Vec::new(),
            supervisor_above: None,
        };
        if let Some(policy) = &self.settings.offline {
            ready.brands.clone_from(&policy.brands);
            ready.supervisor_above = policy.supervisor_above;
        }
        let Some(limits) = self.limits(&Options::default()) else {
            ready.reasons.push(Cause::OfflineOff);
            return Ok(ready);
        };
        ready.total_left = limits.total.saturating_sub(at_risk.total);
        ready.count_left = limits.count.saturating_sub(at_risk.count);
        ready.operator_total_left = limits.operator_total.saturating_sub(at_risk.operator_total);
        ready.operator_count_left = limits.operator_count.saturating_sub(at_risk.operator_count);
        match self.silence_left(&limits) {
            Ok(left) => ready.silence_left_s = left,
            Err(cause) => ready.reasons.push(cause),
        }
        // What refuses a sale of the least amount refuses every sale.
        let least = Admission { limits, amount: 1, card: None, operator };
        if let Err(cause) = least.judge(&at_risk) {
            ready.reasons.push(cause);
        }
        if ready.reasons.is_empty() {
            ready.largest = limits.amount.min(ready.total_left).min(ready.operator_total_left);
        }
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LIMITS: OfflineLimits = OfflineLimits {
        amount: 100,
        total: 250,
        count: 3,
        card_total: 150,
        card_count: 2,
        operator_total: 200,
        operator_count: 3,
        silence_h: 24,
    };

    fn judged(amount: u64, at_risk: AtRisk) -> Result<(), Cause> {
        let card = Some(CardKey([7; 16]));
        Admission { limits: LIMITS, amount, card, operator: "01".to_owned() }.judge(&at_risk)
    }

    #[test]
    fn each_limit_counts_the_new_amount_too_and_is_exact() {
        let none = AtRisk::default();
        assert_eq!(judged(100, none), Ok(()));
        assert_eq!(judged(101, none), Err(Cause::OfflineAmountLimit));
        assert_eq!(judged(50, AtRisk { total: 200, ..none }), Ok(()));
        assert_eq!(judged(51, AtRisk { total: 200, ..none }), Err(Cause::OfflineTotalLimit));
        assert_eq!(judged(1, AtRisk { count: 2, ..none }), Ok(()));
        assert_eq!(judged(1, AtRisk { count: 3, ..none }), Err(Cause::OfflineCountLimit));
        assert_eq!(judged(50, AtRisk { card_total: 100, ..none }), Ok(()));
        assert_eq!(judged(51, AtRisk { card_total: 100, ..none }), Err(Cause::OfflineCardLimit));
        assert_eq!(judged(1, AtRisk { card_count: 2, ..none }), Err(Cause::OfflineCardLimit));
        assert_eq!(judged(50, AtRisk { operator_total: 150, ..none }), Ok(()));
        assert_eq!(judged(51, AtRisk { operator_total: 150, ..none }), Err(Cause::OfflineOperatorLimit));
        assert_eq!(judged(1, AtRisk { operator_count: 3, ..none }), Err(Cause::OfflineOperatorLimit));
        // Sums that no number holds are over every limit.
        let whole = OfflineLimits { amount: u64::MAX, total: u64::MAX, ..LIMITS };
        let huge = Admission { limits: whole, amount: u64::MAX, card: None, operator: String::new() };
        assert_eq!(huge.judge(&AtRisk { total: 1, ..none }), Err(Cause::OfflineTotalLimit));
    }

    #[test]
    fn an_app_only_makes_limits_tighter() {
        let looser = OfflineTighter { total: Some(1_000), count: Some(1_000), silence_h: Some(1_000) };
        assert_eq!(LIMITS.tightened(Some(looser)), LIMITS);
        let tighter = OfflineTighter { total: Some(10), count: Some(1), silence_h: Some(2) };
        let tight = LIMITS.tightened(Some(tighter));
        assert_eq!((tight.total, tight.count, tight.silence_h), (10, 1, 2));
        assert_eq!(LIMITS.tightened(None), LIMITS);
    }
}
