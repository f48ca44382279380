//! Advices: what the host is to be told, and is told until it has it.
//!
//! An answer that says so ends a row as accepted. Any other answer, a message that cannot be made, and the end of its
//! time move it to needs-action, and the next row goes on: no row blocks another.

use crate::{
    event::{Effect, Note},
    exchange::End,
    forward::{Due, note_try},
    record::{
        Advice, AdviceId, AdviceKind, AdviceState, Original, Records, Sealed, TransactionId, WallTime, Write,
    },
    stored::Told,
    terminal::Terminal,
};
use posd_receipt::Goods;
use posd_unionpay::{
    Answer, Pan, Profile,
    request::{self, Card, GoodsLine, Linked, Request},
};

/// The most of the silence between two tries that counts, in seconds: a till that was off for its holidays, or whose
/// clock was set, has not tried all that time.
const LONGEST_GAP_S: u64 = 24 * 3_600;

impl Terminal {
    /// What waits to be told, in memory and in the journal. Returns its write.
    pub(crate) fn queue_advice(
        &mut self,
        kind: AdviceKind,
        transaction: TransactionId,
        original: Original,
        card: Sealed,
        original_date: String,
    ) -> Write {
        let advice = self.new_advice(kind, transaction, original, card, original_date);
        self.advices.push(advice.clone());
        Write::Advice(Box::new(advice))
    }

    /// A new row, under a number of its own.
    pub(crate) fn new_advice(
        &mut self,
        kind: AdviceKind,
        transaction: TransactionId,
        original: Original,
        card: Sealed,
        original_date: String,
    ) -> Advice {
        let trace = match kind {
            AdviceKind::ScriptResult => self.allocate_trace(),
            AdviceKind::Transaction | AdviceKind::Signature => original.trace,
        };
        let id = self.device.next_advice;
        self.device.next_advice += 1;
        Advice {
            id,
            transaction,
            kind,
            state: AdviceState::Queued,
            trace,
            queued: self.now.wall,
            tried_for_s: 0,
            original_date,
            original,
            card,
            tries: Vec::new(),
            strokes: None,
            parts: 0,
            goods: Vec::new(),
        }
    }

    /// The message of an advice, from its record and the card data that the vault opened.
    pub(crate) fn advice_request(&self, id: AdviceId, pan: Pan, expiry: String) -> Option<Request> {
        let advice = self.advices.iter().find(|a| a.id == id)?;
        let original = &advice.original;
        match advice.kind {
            AdviceKind::Signature => self.signature_part(advice, pan),
            AdviceKind::ScriptResult => request::ScriptResult {
                kind: original.kind,
                identity: self.identity(),
                trace: advice.trace,
                batch: self.device.batch,
                amount: original.amount,
                currency: original.currency,
                entry: original.entry,
                pan,
                card_sequence: original.card_sequence,
                pin_entered: original.pin_entered,
                original: Linked {
                    batch: original.batch,
                    trace: original.trace,
                    date: advice.original_date.clone(),
                    rrn: original.rrn.clone(),
                    authorisation_code: original.authorisation_code.clone(),
                },
                field55: original.field55.clone(),
            }
            .build(self.profile())
            .ok(),
            AdviceKind::Transaction => request::Financial {
                kind: original.kind,
                family: original.family,
                identity: self.identity(),
                trace: advice.trace,
                batch: original.batch,
                amount: original.amount,
                currency: original.currency,
                card: Card {
                    entry: original.entry,
                    pan,
                    expiry: Some(expiry),
                    sequence: original.card_sequence,
                    track2: None,
                    track3: None,
                    pin_block: None,
                    field55: original.field55.clone(),
                },
                linked: original.linked.clone(),
                allow_partial: false,
                instalments: None,
                goods: goods_lines(&advice.goods),
            }
            .build(self.profile())
            .ok(),
        }
    }

    /// What became of a try to deliver an advice.
    pub(crate) fn advice_answered(&mut self, id: AdviceId, end: End) {
        let at = self.now.wall;
        let Some(place) = self.advices.iter().position(|a| a.id == id) else { return };
        let state = self.judge_advice(&self.advices[place], &end);
        let expiry_s = u64::from(self.profile().advice_expiry_h) * 3_600;
        let advice = &mut self.advices[place];
        advice.tried_for_s = advice.tried_for_s.saturating_add(since_last(advice, at));
        note_try(&mut advice.tries, at, end.word());
        let state = match state {
            AdviceState::Queued if advice.tried_for_s >= expiry_s => {
                note_try(&mut advice.tries, at, "expired".to_owned());
                AdviceState::NeedsAction
            }
            state => state,
        };
        if state == AdviceState::Accepted && self.signature_goes_on(place) {
            return;
        }
        let advice = &mut self.advices[place];
        advice.state = state;
        let advice = match state {
            AdviceState::Queued => advice.clone(),
            _ => self.advices.remove(place),
        };
        let transaction = advice.transaction;
        match &end {
            End::Answered(answer)
                if state == AdviceState::Accepted && advice.kind == AdviceKind::Transaction =>
            {
                let told = told(answer, self.profile());
                self.accepted.push((advice, told));
            }
            _ => self.effect(Effect::Commit(vec![
                Write::Device(self.device.clone()),
                Write::Advice(Box::new(advice)),
            ])),
        }
        match state {
            AdviceState::Queued => self.delivery_failed(Due::Advice(id), &end),
            AdviceState::Accepted | AdviceState::Resolved => self.delivered(Due::Advice(id)),
            AdviceState::NeedsAction => {
                self.needs_action += 1;
                self.effect(Effect::Note(Note::AdviceNeedsAction {
                    advice: id,
                    transaction,
                    result: end.word(),
                }));
                // Whether the line is good it does not tell: the others go on as they were.
                if matches!(end, End::Answered(_)) {
                    self.delivered(Due::Advice(id));
                }
            }
        }
    }

    /// Files what the host has accepted: the advice, and what the host said in the transaction that it tells, in one
    /// commit.
    pub(crate) fn file_advices(&mut self, records: &dyn Records) {
        for (advice, told) in std::mem::take(&mut self.accepted) {
            let writes = vec![Write::Device(self.device.clone()), Write::Advice(Box::new(advice.clone()))];
            match self.file_accepted(writes, &advice, &told, records) {
                Ok(writes) => self.effect(Effect::Commit(writes)),
                Err(fault) => {
                    self.storage_fault(fault);
                }
            }
        }
        for id in std::mem::take(&mut self.tell_later) {
            self.report(id);
        }
    }

    /// Where a try leaves an advice.
    fn judge_advice(&self, advice: &Advice, end: &End) -> AdviceState {
        match end {
            End::Answered(answer) if self.profile().accepts_advice(answer.response_code()) => {
                AdviceState::Accepted
            }
            End::Answered(answer) => {
                let code = answer.response_code();
                let again = self.profile().sign_in_again.iter().any(|c| c == code);
                // Once more after a new sign-in; that it did not help says that it will not.
                if again && advice.tries.last().is_none_or(|last| last.result != code) {
                    AdviceState::Queued
                } else {
                    AdviceState::NeedsAction
                }
            }
            End::CannotBeMade => AdviceState::NeedsAction,
            _ => AdviceState::Queued,
        }
    }
}

/// What an answer says of the transaction that the advice tells. The numbers in one that only says that the host has it
/// already (94) are that answer's own, not those under which it was booked: they name nothing.
fn told(answer: &Answer, profile: &Profile) -> Told {
    let books = profile.approves(answer.response_code());
    let number = |number: Option<&str>| number.filter(|_| books).map(str::to_owned);
    Told {
        rrn: number(answer.rrn()),
        authorisation_code: number(answer.authorisation_code()),
        response_code: Some(answer.response_code().to_owned()),
        host_date: answer.local_date().map(str::to_owned),
        settlement_date: answer.settlement_date().map(str::to_owned),
    }
}

/// The goods as a message has them.
pub(crate) fn goods_lines(goods: &[Goods]) -> Vec<GoodsLine> {
    let line = |Goods { name, quantity, amount }: &Goods| GoodsLine {
        name: name.clone(),
        quantity: *quantity,
        amount: *amount,
    };
    goods.iter().map(line).collect()
}

/// Seconds since the last try, or since it was queued.
fn since_last(advice: &Advice, now: WallTime) -> u64 {
    let last = advice.tries.last().map_or(advice.queued, |last| last.at);
    u64::try_from(now.saturating_sub(last)).unwrap_or(0).div_euclid(1_000).min(LONGEST_GAP_S)
}
