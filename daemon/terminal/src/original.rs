//! The original of a transaction that follows another one: found when it is made, and checked again when it begins,
//! because something else may have been done to the original in between.

use crate::{
    call::CallError,
    event::Effect,
    kinds::{self, AmountRule, Asked, CardUse, Rule, Unfit},
    money::Amount,
    record::{
        Attempt, Link, Options, OriginalName, Records, StorageFault, TransactionId, Write, external_name,
    },
    sale_key::SaleKey,
    state::Outcome,
    terminal::Terminal,
};
use posd_unionpay::{Family, Kind, request::Linked};

/// What a new transaction follows.
enum Found {
    Here(Box<Attempt>),
    Elsewhere(Linked),
}

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

    /// Those in `stored`, and those about to be committed, that `follow`.
    fn followers_now(&self, stored: Vec<Attempt>, follow: impl Fn(&Attempt) -> bool) -> Vec<Attempt> {
        let mut all: Vec<Attempt> = Vec::new();
        let newest = self.about_to_commit().filter(|attempt| follow(attempt)).cloned();
        for attempt in newest.chain(stored) {
            if all.iter().all(|known| known.id != attempt.id) {
                all.push(attempt);
            }
        }
        all
    }

    fn followers_of(
        &self,
        original: TransactionId,
        records: &dyn Records,
    ) -> Result<Vec<Attempt>, StorageFault> {
        let follows = |attempt: &Attempt| {
            attempt.original.as_ref().is_some_and(|link| link.transaction == Some(original))
        };
        Ok(self.followers_now(records.followers(original)?, follows))
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
        let rule = self.rule_of(kind)?;
        self.check_options(kind, rule, amount, options)?;
        let Some(name) = &options.original else { return Ok(None) };
        let found = self.named(uid, kind, rule, name, records).map_err(|fault| self.storage_fault(fault))?;
        match found.ok_or(CallError::Original(Unfit::NotFound))? {
            Found::Here(original) => {
                self.fits(kind, amount, None, &original, records)?;
                Ok(Some(Link {
                    transaction: Some(original.id),
                    family: original.original.map_or(original.kind.family(), |link| link.family),
                    original: Linked {
                        batch: original.batch.unwrap_or_default(),
                        trace: original.trace.unwrap_or_default(),
                        date: original.host_date.unwrap_or_default(),
                        rrn: original.rrn,
                        authorisation_code: original.authorisation_code,
                    },
                }))
            }
            Found::Elsewhere(original) => {
                self.fits_external(kind, None, &original, records)?;
                Ok(Some(Link { transaction: None, family: Family::Plain, original }))
            }
        }
    }

    fn check_options(
        &self,
        kind: Kind,
        rule: &Rule,
        amount: Amount,
        options: &Options,
    ) -> Result<(), CallError> {
        let wrong = |text| Err(CallError::InvalidArgument(text));
        if options.allow_partial && !rule.partial {
            return wrong("a transaction of this kind is never approved in part");
        }
        if (amount.minor() == 0) != (rule.amount == AmountRule::Nothing) {
            return wrong("the amount is 0 for a balance inquiry, and for nothing else");
        }
        let counts = &self.profile().instalments.counts;
        match (kind, options.instalments) {
            (Kind::Instalment, Some(count)) if counts.contains(&count) => {}
            (Kind::Instalment, Some(_)) => return wrong("the acquirer does not offer so many instalments"),
            (Kind::Instalment, None) => return wrong("an instalment payment says into how many it is split"),
            (_, Some(_)) => return wrong("a transaction of this kind is not split into instalments"),
            (_, None) => {}
        }
        match &options.original {
            None if rule.originals.is_empty() => Ok(()),
            None => wrong("a transaction of this kind names its original"),
            Some(_) if rule.originals.is_empty() => wrong("a transaction of this kind follows no other"),
            Some(OriginalName::External(_)) if !rule.external => wrong(
                "the original of this kind is of this terminal and batch: name it by what is known here",
            ),
            Some(OriginalName::External(original)) if external_name(kind, original).is_none() => {
                wrong("this kind's original needs its reference number (a refund) or authorisation code")
            }
            Some(_) => Ok(()),
        }
    }

    /// The original that an app names.
    fn named(
        &self,
        uid: u32,
        kind: Kind,
        rule: &Rule,
        name: &OriginalName,
        records: &dyn Records,
    ) -> Result<Option<Found>, StorageFault> {
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
            OriginalName::External(original) => {
                // What is here after all is held to what is known of it, whose ever it is.
                let here = self.known_here(kind, rule, original, records)?;
                let elsewhere = || Found::Elsewhere(original.clone());
                return Ok(Some(here.map_or_else(elsewhere, |attempt| Found::Here(Box::new(attempt)))));
            }
        };
        let own = found.filter(|attempt| attempt.key.uid == uid);
        Ok(own.map(|attempt| Found::Here(Box::new(attempt))))
    }

    /// The transaction of this journal that somebody names as the host's records do.
    fn known_here(
        &self,
        kind: Kind,
        rule: &Rule,
        original: &Linked,
        records: &dyn Records,
    ) -> Result<Option<Attempt>, StorageFault> {
        let found = match (&original.rrn, &original.authorisation_code) {
            (Some(rrn), _) if kind.row().original_rrn => records.attempts_by_rrn(rrn)?,
            (_, Some(code)) => records.attempts_by_authorisation(code)?,
            _ => Vec::new(),
        };
        let same = |told: &Option<String>, here: &Option<String>| told.is_none() || told == here;
        Ok(found.into_iter().find(|attempt| {
            rule.originals.contains(&attempt.kind)
                && attempt.host_date.as_deref() == Some(original.date.as_str())
                && same(&original.rrn, &attempt.rrn)
                && same(&original.authorisation_code, &attempt.authorisation_code)
        }))
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
            tip_percent: self.tip_percent(),
            own,
        };
        kinds::fits(asked, original, &followers).map_err(CallError::Original)
    }

    /// Largest tip in hundredths of a sale: the host's word goes before the profile's.
    fn tip_percent(&self) -> u8 {
        let told = self.in_force.parameters().and_then(|parameters| parameters.tip_percent);
        told.unwrap_or(self.profile().tips.percent)
    }

    fn fits_external(
        &mut self,
        kind: Kind,
        own: Option<TransactionId>,
        original: &Linked,
        records: &dyn Records,
    ) -> Result<(), CallError> {
        let Some(name) = external_name(kind, original) else {
            return Err(CallError::Original(Unfit::NotFound));
        };
        let stored = records.external_followers(&name).map_err(|fault| self.storage_fault(fault))?;
        let follows = |attempt: &Attempt| attempt.external_original().as_ref() == Some(&name);
        kinds::fits_external(kind, own, &self.followers_now(stored, follows)).map_err(CallError::Original)
    }

    /// What follows an original and was not itself undone: a completion that was cancelled leaves its hold as it was.
    /// One whose own undoing is not resolved is not either.
    fn standing_followers(
        &self,
        original: TransactionId,
        records: &dyn Records,
    ) -> Result<Vec<Attempt>, StorageFault> {
        let mut standing = Vec::new();
        for mut follower in self.followers_of(original, records)? {
            let own = self.followers_of(follower.id, records)?;
            let mut undoing = own.iter().filter(|other| kinds::rule(other.kind).amount == AmountRule::Whole);
            if undoing.clone().any(kinds::is_done) {
                continue;
            }
            if undoing.any(kinds::is_open) {
                follower.outcome = Some(Outcome::Unknown);
            }
            standing.push(follower);
        }
        Ok(standing)
    }

    /// The original of a transaction that is about to go on, if it has one in this journal; it may still be followed.
    pub(crate) fn original_of(
        &mut self,
        attempt: &Attempt,
        records: &dyn Records,
    ) -> Result<Option<Attempt>, CallError> {
        let Some(link) = &attempt.original else { return Ok(None) };
        let Some(transaction) = link.transaction else {
            self.fits_external(attempt.kind, Some(attempt.id), &link.original, records)?;
            return Ok(None);
        };
        let original = self.attempt_now(transaction, records).map_err(|fault| self.storage_fault(fault))?;
        let original = original.ok_or(CallError::Original(Unfit::NotFound))?;
        self.fits(attempt.kind, attempt.amount, Some(attempt.id), &original, records)?;
        Ok(Some(original))
    }

    /// The row of a kind that this terminal serves, for this acquirer.
    pub(crate) fn rule_of(&self, kind: Kind) -> Result<&'static Rule, CallError> {
        let offered = kinds::offered(kind, self.profile());
        if offered { Ok(kinds::rule(kind)) } else { Err(CallError::UnknownKind) }
    }
}

/// Where the card's data of a transaction comes from, now that its original is known. A card that was never here is
/// typed, as it was for the order.
pub(crate) fn card_use(rule: &Rule, link: Option<&Link>, original: Option<&Attempt>) -> CardUse {
    let told = link.is_some_and(|link| link.family == Family::PhoneOrder);
    let known = original.is_some_and(|original| original.card.is_some());
    match rule.card {
        // What a wallet paid has no card.
        card if original.is_some_and(|original| original.wallet.is_some()) => card,
        CardUse::Read | CardUse::Recorded if told => {
            if known {
                CardUse::Recorded
            } else {
                CardUse::Typed
            }
        }
        CardUse::Recorded if !known => CardUse::Read,
        card => card,
    }
}
