//! Transactions that the host is told of later (store and forward): how one becomes durable together with the advice
//! that tells it, and what the host's word on the advice does to it.

use crate::{
    advice::goods_lines,
    authorise::Presented,
    event::Effect,
    kinds::Silence,
    record::{
        Advice, AdviceKind, AdviceState, Attempt, Link, Original, PrintJob, Records, Sealed, StorageFault,
        Write,
    },
    sale::Step,
    settlement::Upload,
    state::{Cause, Outcome},
    terminal::Terminal,
};
use posd_emv::kernel::Outcome as CardOutcome;
use posd_unionpay::{
    Kind,
    profile::TipAmount,
    request::{self, ChipEnd},
};

/// What the advice of a transaction will tell, and what its record keeps of the card.
pub(crate) struct Tale {
    pub(crate) original: Original,
    pub(crate) sealed: Sealed,
    pub(crate) masked_pan: Option<String>,
    pub(crate) application_label: Option<String>,
    /// The card's transaction certificate, 16 hex digits, where it gave one.
    pub(crate) certificate: Option<String>,
    /// How the card ended it, where it had a part in it.
    pub(crate) end: Option<ChipEnd>,
}

/// A transaction on its way into the journal.
#[derive(Debug)]
pub(crate) struct Storing {
    attempt: Attempt,
    advice: Advice,
    jobs: Vec<PrintJob>,
}

/// What the host said of a transaction that it was told of.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) rrn: Option<String>,
    pub(crate) authorisation_code: Option<String>,
    pub(crate) response_code: Option<String>,
    pub(crate) host_date: Option<String>,
    pub(crate) settlement_date: Option<String>,
}

impl Terminal {
    /// A transaction that is stored waits for nothing of the host.
    pub(crate) fn begin_stored(&mut self, records: &dyn Records) {
        if self.is_clearing() && self.silence() == Silence::Forward {
            self.meet_original(records);
        }
    }

    /// What rests on a transaction of the host's is done as soon as it is durable. `None` where no message can tell it.
    pub(crate) fn store_told(&mut self, sealed: Sealed) -> Option<()> {
        let id = self.active.as_ref()?.id;
        let attempt = self.live.get(&id)?.attempt.clone();
        let Link { family, original: linked, .. } = attempt.original?;
        let Presented { card, reversal55: _, masked_pan, application_label } = self.presented()?;
        let whole = attempt.kind == Kind::Tip && self.profile().tips.amount == TipAmount::Total;
        let before = if whole { self.tipped()? } else { 0 };
        let original = Original {
            kind: attempt.kind,
            family,
            entry: card.entry,
            linked: Some(linked.clone()),
            batch: self.device.batch,
            trace: self.allocate_trace(),
            amount: attempt.amount.minor() + before,
            currency: attempt.amount.currency().numeric(),
            card_sequence: card.sequence,
            pin_entered: false,
            authorisation_code: None,
            rrn: None,
            field55: Vec::new(),
            wallet: None,
            voucher: None,
        };
        // Nothing is done that the host could never be told of.
        let request = request::Financial {
            kind: original.kind,
            family,
            identity: self.identity(),
            trace: original.trace,
            batch: original.batch,
            amount: original.amount,
            currency: original.currency,
            card,
            linked: Some(linked),
            allow_partial: false,
            instalments: None,
            goods: goods_lines(&attempt.options.goods),
        };
        request.build(self.profile()).ok()?;
        let told = Tale { original, sealed, masked_pan, application_label, certificate: None, end: None };
        let writes = self.storing(told, None)?;
        self.effect(Effect::Commit(writes));
        self.stored();
        Some(())
    }

    /// What the sale had come to that the running transaction adds a tip to, in minor units.
    fn tipped(&self) -> Option<u64> {
        self.active.as_ref()?.recorded.as_ref()?.charged
    }

    /// Makes the record of the running transaction as it will stand, its advice, and its print jobs. Returns their
    /// writes, which become durable together; [`Terminal::stored`] follows that.
    pub(crate) fn storing(&mut self, told: Tale, card: Option<&CardOutcome>) -> Option<Vec<Write>> {
        let id = self.active.as_ref()?.id;
        let Tale { original, sealed, masked_pan, application_label, certificate, end } = told;
        let mut attempt = self.live.get(&id)?.attempt.clone();
        attempt.batch = Some(original.batch);
        attempt.trace = Some(original.trace);
        attempt.masked_pan = masked_pan;
        attempt.application_label = application_label;
        attempt.entry = Some(original.entry);
        attempt.card_sequence = original.card_sequence;
        attempt.card = Some(sealed.clone());
        attempt.transaction_certificate = certificate;
        attempt.charged = Some(attempt.amount.minor());
        attempt.outcome = Some(Outcome::ApprovedOffline);
        attempt.cause = Cause::None;
        attempt.ended = Some(self.now.wall);
        attempt.upload = Some(Upload {
            field55: original.field55.clone(),
            end,
            amount: Some(original.amount).filter(|told| *told != attempt.amount.minor()),
            ..Upload::of(&original)
        });
        let kernel = self.active.as_ref().and_then(|active| active.kernel.as_deref());
        // A tip's slip shows what the sale comes to with it.
        let before = if original.kind == Kind::Tip { self.tipped()? } else { 0 };
        attempt.receipt = self.slip(&attempt, None, attempt.amount.minor() + before, kernel.zip(card));
        let mut advice = self.new_advice(AdviceKind::Transaction, id, original, sealed, "0000".to_owned());
        advice.goods = attempt.options.goods.clone();
        let jobs = self.print_by_itself(id);
        let live = self.live.get_mut(&id)?;
        attempt.sequence = live.sequence + crate::settings::SEQUENCE_RESERVE;
        let mut writes = vec![
            Write::Device(self.device.clone()),
            Write::Attempt(Box::new(attempt.clone())),
            Write::Advice(Box::new(advice.clone())),
        ];
        writes.extend(jobs.iter().cloned().map(Write::PrintJob));
        let active = self.active.as_mut()?;
        active.storing = Some(Box::new(Storing { attempt, advice, jobs }));
        active.step = Step::Storing;
        Some(writes)
    }

    /// It is durable: from here on it is done, and its advice waits to be told.
    pub(crate) fn stored(&mut self) {
        let Some(storing) = self.active.as_mut().and_then(|active| active.storing.take()) else { return };
        let Storing { attempt, advice, jobs } = *storing;
        self.advices.push(advice);
        if let Some(live) = self.live.get_mut(&attempt.id) {
            live.attempt = attempt;
        }
        for job in jobs {
            self.print(job);
        }
        self.wind_down();
    }

    /// An advice of a transaction was accepted: its attempt learns what the host said of it. Returns the writes.
    pub(crate) fn file_accepted(
        &mut self,
        mut writes: Vec<Write>,
        advice: &Advice,
        told: &Told,
        records: &dyn Records,
    ) -> Result<Vec<Write>, StorageFault> {
        debug_assert!(advice.state == AdviceState::Accepted);
        let take = |attempt: &mut Attempt| {
            attempt.rrn = told.rrn.clone();
            attempt.authorisation_code = told.authorisation_code.clone();
            attempt.response_code = told.response_code.clone();
            attempt.host_date = told.host_date.clone();
            attempt.settlement_date = told.settlement_date.clone();
        };
        writes.extend(self.sign_for(advice.transaction, told));
        if let Some(live) = self.live.get_mut(&advice.transaction) {
            take(&mut live.attempt);
            writes.push(live.record());
            self.tell_later.push(advice.transaction);
        } else if let Some(mut attempt) = self.attempt_now(advice.transaction, records)? {
            take(&mut attempt);
            writes.push(Write::Attempt(Box::new(attempt)));
        }
        if advice.original.kind == Kind::OfflineSale {
            writes.push(Write::OfflineTaken(advice.transaction));
        }
        Ok(writes)
    }
}
