//! The original of a transaction that follows another one: found when it is made, and checked again when it begins,
//! because something else may have been done to the original in between.

use crate::{
    call::CallError,
    event::Effect,
    kinds::{self, AmountRule, Asked, CardUse, Rule, Unfit},
    money::Amount,
    record::{Attempt, Link, Options, OriginalName, Records, StorageFault, TransactionId, Write},
    sale_key::SaleKey,
    state::Outcome,
    terminal::Terminal,
};
use posd_unionpay::{Kind, request::Linked};

impl Terminal {
    /// An attempt as it stands: what this event is about to make durable goes before what the journal holds.
    pub(crate) fn attempt_now(
        &self,
        id: TransactionId,
        records: &dyn Records,
    ) -> Result<Option<Attempt>, StorageFault> {
        match self.about_to_commit().find(|attempt| attempt.id == id) {
            Some(attempt) => Ok(Some(attempt.clone())),
            None => records.attempt(id),
        }
    }

    fn followers_now(
        &self,
        original: TransactionId,
        records: &dyn Records,
    ) -> Result<Vec<Attempt>, StorageFault> {
        let mut all: Vec<Attempt> = Vec::new();
        let follows =
            |attempt: &&Attempt| attempt.original.as_ref().is_some_and(|l| l.transaction == original);
        let newest = self.about_to_commit().filter(follows).cloned();
        for attempt in newest.chain(records.followers(original)?) {
            if all.iter().all(|known| known.id != attempt.id) {
                all.push(attempt);
            }
        }
        Ok(all)
    }

    /// Attempts in commits that this event has decided on and the runner has not performed yet, newest first.
    fn about_to_commit(&self) -> impl Iterator<Item = &Attempt> {
        let commits = self.effects.iter().rev().filter_map(|effect| match effect {
            Effect::Commit(writes) => Some(writes),
            _ => None,
        });
        commits.flatten().filter_map(|write| match write {
            Write::Attempt(attempt) => Some(&**attempt),
            _ => None,
        })
    }

    /// What a new transaction follows, where its kind follows another, with the options that go with the kind.
    pub(crate) fn link(
        &mut self,
        uid: u32,
        kind: Kind,
        amount: Amount,
        options: &Options,
        records: &dyn Records,
    ) -> Result<Option<Link>, CallError> {
        let rule = rule_of(kind)?;
        if options.allow_partial && !rule.partial {
            return Err(CallError::InvalidArgument("a transaction of this kind is never approved in part"));
        }
        let name = match &options.original {
            None if rule.originals.is_empty() => return Ok(None),
            None => return Err(CallError::InvalidArgument("a transaction of this kind names its original")),
            Some(_) if rule.originals.is_empty() => {
                return Err(CallError::InvalidArgument("a transaction of this kind follows no other"));
            }
            Some(name) => name,
        };
        let original = self.named(uid, name, rule, records).map_err(|fault| self.storage_fault(fault))?;
        let original = original.ok_or(CallError::Original(Unfit::NotFound))?;
        self.fits(kind, amount, None, &original, records)?;
        Ok(Some(Link {
            transaction: original.id,
            family: original.kind.family(),
            original: Linked {
                batch: original.batch.unwrap_or_default(),
                trace: original.trace.unwrap_or_default(),
                date: original.host_date.unwrap_or_default(),
                rrn: original.rrn,
                authorisation_code: original.authorisation_code,
            },
        }))
    }

    /// The original that an app names: one of its own user.
    fn named(
        &self,
        uid: u32,
        name: &OriginalName,
        rule: &Rule,
        records: &dyn Records,
    ) -> Result<Option<Attempt>, StorageFault> {
        let found = match name {
            OriginalName::Reference(reference) => {
                records.latest_attempt(&SaleKey { uid, reference: reference.clone() })?
            }
            OriginalName::Trace(trace) => records.attempt_by_trace(self.device.batch, *trace)?,
            OriginalName::Rrn(rrn) => {
                let mut all = records.attempts_by_rrn(rrn)?;
                all.retain(|attempt| attempt.key.uid == uid && rule.originals.contains(&attempt.kind));
                all.into_iter().next()
            }
        };
        Ok(found.filter(|attempt| attempt.key.uid == uid))
    }

    fn fits(
        &mut self,
        kind: Kind,
        amount: Amount,
        own: Option<TransactionId>,
        original: &Attempt,
        records: &dyn Records,
    ) -> Result<(), CallError> {
        let followers =
            self.standing_followers(original.id, records).map_err(|fault| self.storage_fault(fault))?;
        let asked = Asked {
            kind,
            amount: amount.minor(),
            batch: self.device.batch,
            completion_percent: self.profile().completion_percent,
            own,
        };
        kinds::fits(asked, original, &followers).map_err(CallError::Original)
    }

    /// What follows an original and was not itself undone: a completion that was cancelled leaves its hold as it was.
    /// One whose own followers are open is open, too.
    fn standing_followers(
        &self,
        original: TransactionId,
        records: &dyn Records,
    ) -> Result<Vec<Attempt>, StorageFault> {
        let mut standing = Vec::new();
        for mut follower in self.followers_now(original, records)? {
            let undoes = |other: &&Attempt| {
                kinds::rule(other.kind).is_some_and(|rule| rule.amount == AmountRule::Whole)
            };
            let own = self.followers_now(follower.id, records)?;
            if own.iter().filter(undoes).any(kinds::is_done) {
                continue;
            }
            if own.iter().filter(undoes).any(kinds::is_open) {
                follower.outcome = Some(Outcome::Unknown);
            }
            standing.push(follower);
        }
        Ok(standing)
    }

    /// The original of a transaction that is about to go on, if it has one and may still follow it.
    pub(crate) fn original_of(
        &mut self,
        attempt: &Attempt,
        records: &dyn Records,
    ) -> Result<Option<Attempt>, CallError> {
        let Some(link) = &attempt.original else { return Ok(None) };
        let original =
            self.attempt_now(link.transaction, records).map_err(|fault| self.storage_fault(fault))?;
        let original = original.ok_or(CallError::Original(Unfit::NotFound))?;
        self.fits(attempt.kind, attempt.amount, Some(attempt.id), &original, records)?;
        Ok(Some(original))
    }
}

/// Where the card's data of a transaction comes from, now that its original is known.
pub(crate) fn card_use(rule: &Rule, original: Option<&Attempt>) -> CardUse {
    match rule.card {
        CardUse::Recorded if original.is_none_or(|original| original.card.is_none()) => CardUse::Read,
        card => card,
    }
}

/// The row of a kind that this terminal serves.
pub(crate) fn rule_of(kind: Kind) -> Result<&'static Rule, CallError> {
    kinds::rule(kind).ok_or(CallError::InvalidArgument("this terminal does not serve that kind"))
}
