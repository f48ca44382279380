//! The messages of a wallet payment, and what the host's first answer to one means.

use crate::{
    authorise::Heard,
    code::payment_code,
    exchange::{End, Purpose},
    record::{Closing, ClosingStep, Original, ReversalReason, Sealed, TransactionId},
    sale::{Intent, Step},
    state::Cause,
    terminal::Terminal,
};
use posd_unionpay::{
    Answer, Family, Kind,
    profile::{QrDialect, QrStep, ShownCode as From, Silence},
    qr::Field59,
    request::{Entry, Linked, QrOriginal, QrRequest, Request},
};
use posd_vault_protocol::Secret;

/// Field 61's date where none is known (reference 1.1).
const NO_DATE: &str = "0000";

impl Terminal {
    /// The dialect of the wallet that a started transaction is paid with; `None` where it is paid by card.
    pub(crate) fn dialect_of(&self, id: TransactionId) -> Option<&QrDialect> {
        let wallet = self.live.get(&id)?.attempt.wallet.as_deref()?;
        self.profile().qr.dialect_of(wallet)
    }

    /// What is done about a payment of this kind that is not answered, where it is not reversed.
    pub(crate) fn closing_of(&self, id: TransactionId, kind: Kind) -> Option<Closing> {
        match self.dialect_of(id)?.silence {
            Silence::Reverse => None,
            Silence::QueryThenCancel { .. } => Some(Closing {
                // A payment that is to be undone is not asked for, but ended, and ended again: that undoes it once.
                step: if kind == Kind::Void { ClosingStep::Cancel } else { ClosingStep::Ask },
                queries: 0,
                cancels: 0,
                cause: Cause::Reversed,
            }),
        }
    }

    /// The voucher code (付款凭证码) of an answer, of which void and refund give it back.
    pub(crate) fn voucher_of(&self, id: TransactionId, answer: &Answer) -> Option<String> {
        let dialect = self.dialect_of(id)?;
        Field59::decode(answer.field59()?, &dialect.shown_tag).ok()?.voucher
    }

    /// Makes request and intent of a wallet payment, or of what undoes one.
    pub(crate) fn make_wallet_request(&mut self, sealed: Vec<u8>) -> Option<()> {
        let active = self.active.as_mut()?;
        let id = active.id;
        let recorded = active.recorded.as_ref().and_then(|recorded| recorded.clear.as_ref());
        let code = active.code.take().or_else(|| payment_code(recorded?));
        let attempt = &self.live.get(&id)?.attempt;
        let (kind, amount, voucher) = (attempt.kind, attempt.amount, attempt.voucher.clone());
        let wallet = attempt.wallet.clone()?;
        let linked = attempt.original.as_ref().map(|link| link.original.clone());
        let masked = code.as_ref().map(|code| posd_receipt::mask(code.reveal()));
        let trace = self.allocate_trace();
        let batch = self.device.batch;
        let (minor, currency) = (amount.minor(), amount.currency().numeric());
        let dialect = self.dialect_of(id)?;
        let made = match (kind, dialect.shown_code, &dialect.payload) {
            (Kind::QrShow, From::Terminal, Some(payload)) => {
                Some(payload.code(minor, currency, batch, trace, &self.settings.terminal).ok()?)
            }
            _ => None,
        };
        let request = match made {
            Some(_) => None,
            None => Some(
                QrRequest {
                    identity: self.identity(),
                    trace,
                    batch,
                    wallet: wallet.clone(),
                    step: step_of(kind)?,
                    amount: minor,
                    currency,
                    code,
                    voucher: voucher.clone(),
                    // Which key the digest in it is made with is nowhere said.
                    terminal: None,
                    original: linked.as_ref().map(named),
                    reversal: None,
                }
                .build(self.profile())
                .ok()?,
            ),
        };
        let original = Original {
            kind,
            family: Family::Plain,
            entry: Entry::Manual,
            linked,
            batch,
            trace,
            amount: minor,
            currency,
            card_sequence: None,
            pin_entered: false,
            authorisation_code: None,
            rrn: None,
            field55: Vec::new(),
            wallet: Some(wallet),
            voucher,
        };
        let active = self.active.as_mut()?;
        active.intent =
            Some(Intent { original, card: Sealed(sealed), masked_pan: masked, application_label: None });
        active.recorded = None;
        active.step = Step::Authorizing;
        match (request, made) {
            (Some(request), _) => self.exchange_request(Purpose::Sale(id), request),
            (None, code) => {
                // Nothing is sent: who sees the code can pay. So the intent goes before the code.
                self.commit_intent();
                self.show_code(id, code?);
            }
        }
        Some(())
    }

    /// The reversal (0400) of a wallet payment, where its dialect reverses.
    pub(crate) fn wallet_reversal(&self, id: TransactionId, code: Option<&Secret>) -> Option<Request> {
        let reversal = self.reversals.iter().find(|reversal| reversal.transaction == id)?;
        let original = &reversal.original;
        QrRequest {
            identity: self.identity(),
            trace: original.trace,
            batch: original.batch,
            wallet: original.wallet.clone()?,
            step: step_of(original.kind)?,
            amount: original.amount,
            currency: original.currency,
            code: code.and_then(payment_code),
            voucher: original.voucher.clone(),
            terminal: None,
            original: original.linked.as_ref().map(named),
            reversal: Some(reversal.reason.word().to_owned()),
        }
        .build(self.profile())
        .ok()
    }

    /// Asks for a payment, or ends it. Where what is not known is an undoing, the payment is the one undone.
    pub(crate) fn closing_request(&self, original: &Original, step: QrStep, trace: u32) -> Option<Request> {
        let own = || QrOriginal {
            batch: original.batch,
            trace: original.trace,
            date: NO_DATE.to_owned(),
            rrn: None,
            authorisation_code: None,
        };
        QrRequest {
            identity: self.identity(),
            trace,
            batch: self.device.batch,
            wallet: original.wallet.clone()?,
            step,
            amount: original.amount,
            currency: original.currency,
            code: None,
            voucher: None,
            terminal: None,
            original: Some(original.linked.as_ref().map_or_else(own, named)),
            reversal: None,
        }
        .build(self.profile())
        .ok()
    }

    /// How the first exchange of the running wallet payment ended, where its dialect does not reverse.
    pub(crate) fn wallet_answered(&mut self, end: End) {
        let Some(id) = self.active.as_ref().map(|active| active.id) else { return };
        let Some(kind) = self.live.get(&id).map(|live| live.attempt.kind) else { return };
        let heard = match end {
            End::Answered(answer) => match self.wallet_word(id, kind, answer) {
                Word::Heard(heard) => heard,
                Word::Code(code) => return self.show_code(id, code),
                Word::Pending => {
                    self.closing_cause(id, Cause::NotPaid);
                    return self.ask_later(id, false);
                }
                // It must not stand.
                Word::Bad => {
                    self.close_now(id);
                    self.commit_closing(id);
                    return self.begin_closing(id);
                }
            },
            // An approval is not taken from whoever cannot make a MAC (rule 8): what it claims is ended unasked.
            End::BadMac(_) => {
                self.device.signed_in = false;
                self.close_now(id);
                Heard::Bad(ReversalReason::BadMac, Cause::BadMac)
            }
            End::NotSent => Heard::NotSent,
            // Nobody has seen a code, or the undoing goes on: there is nothing to ask for.
            _ if kind != Kind::QrScan => {
                self.close_now(id);
                return self.ask_later(id, true);
            }
            _ => return self.ask_later(id, true),
        };
        if let Some(active) = self.active.as_mut() {
            active.heard = Some(heard);
        }
        self.conclude(None);
    }

    fn wallet_word(&self, id: TransactionId, kind: Kind, answer: Box<Answer>) -> Word {
        let code = answer.response_code();
        let pending = self.dialect_of(id).is_some_and(|dialect| dialect.is_pending(code));
        match kind {
            Kind::QrScan if pending => Word::Pending,
            _ if pending || (code == "10" && self.profile().approves(code)) => Word::Bad,
            _ if !self.profile().approves(code) => Word::Heard(Heard::Declined(answer)),
            Kind::QrShow => self.code_to_show(id, &answer).map_or(Word::Bad, Word::Code),
            _ => match self.live.get(&id).map(|live| live.attempt.amount.minor()) {
                Some(amount) => Word::Heard(Heard::Approved(answer, amount)),
                None => Word::Bad,
            },
        }
    }

    fn code_to_show(&self, id: TransactionId, answer: &Answer) -> Option<String> {
        Field59::decode(answer.field59()?, &self.dialect_of(id)?.shown_tag).ok()?.shown
    }
}

/// What a first answer says.
enum Word {
    Heard(Heard),
    /// The code to show.
    Code(String),
    /// The customer has not paid yet.
    Pending,
    /// Something that cannot be.
    Bad,
}

/// The dialect's step of a kind.
fn step_of(kind: Kind) -> Option<QrStep> {
    Some(match kind {
        Kind::QrScan => QrStep::Sale,
        Kind::QrShow => QrStep::Show,
        Kind::Void => QrStep::Void,
        Kind::Refund => QrStep::Refund,
        _ => return None,
    })
}

/// An original as the dialect names it.
fn named(linked: &Linked) -> QrOriginal {
    let date = Some(linked.date.clone()).filter(|date| date.len() == NO_DATE.len());
    QrOriginal {
        batch: linked.batch,
        trace: linked.trace,
        date: date.unwrap_or_else(|| NO_DATE.to_owned()),
        rrn: linked.rrn.clone(),
        authorisation_code: linked.authorisation_code.clone(),
    }
}
