//! The online part of a transaction: the intent, the request, the host's word, and what card and host together mean.
//!
//! Two commits carry the money: the reversal intent before the first byte leaves, and the outcome before anyone hears
//! of it (rule 1).

use crate::{
    advice::goods_lines,
    event::Effect,
    exchange::{End, Purpose},
    forward::{to_seal, unseal},
    kinds::{self, AmountRule, CardUse, Silence},
    prompt::Prompt,
    record::{AdviceKind, Link, Original, PrintJob, Reversal, ReversalReason, ReversalState, Sealed, Write},
    sale::{Intent, Step},
    settlement::Upload,
    state::{Cause, Outcome, State},
    swipe::is_signed_stripe,
    terminal::Terminal,
};
use posd_emv::{
    host::HostAnswer,
    indicators::tvr,
    kernel::{Input, Kernel, OnlineRequest, Outcome as CardOutcome, Verdict as CardVerdict},
};
use posd_unionpay::{Answer, Kind, Pan, Track2, Track3, field55, request};
use posd_vault_protocol::{Refusal, Request as VaultRequest, Slot};

use crate::terminal::Asked;

/// DF31, issuer script results as field 55 carries them.
const SCRIPT_RESULTS: u32 = 0xDF31;
/// 95, terminal verification results.
const TVR: u32 = 0x95;

/// Response code: the host has met this trace number before.
const DUPLICATE: &str = "94";

/// What the host said to the running sale.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing was sent.
    NotSent,
    /// No good answer: it is reversed.
    Bad(ReversalReason, Cause),
    /// No.
    Declined(Box<Answer>),
    /// Yes, to so many minor units.
    Approved(Box<Answer>, u64),
}

/// What a message tells of the card, and what of it its reversal repeats.
pub(crate) struct Presented {
    pub(crate) card: request::Card,
    /// Chip data of the reversal.
    pub(crate) reversal55: Vec<u8>,
    pub(crate) masked_pan: Option<String>,
    pub(crate) application_label: Option<String>,
}

impl Terminal {
    /// The kernel that waits for the host's answer.
    fn kernel(&self) -> Option<&Kernel> {
        self.active.as_ref()?.completing_kernel()
    }

    /// Whether a card waits for the host's answer.
    pub(crate) fn card_completes(&self) -> bool {
        self.kernel().is_some()
    }

    /// What follows if the running transaction's request is not answered well.
    pub(crate) fn silence(&self) -> Silence {
        self.active_rule().map_or(Silence::Reverse, |rule| rule.silence)
    }

    /// Whether card and terminal approve the running transaction by themselves.
    pub(crate) fn sells_offline(&self) -> bool {
        self.active_rule().is_some_and(kinds::Rule::sells_offline)
    }

    /// The card wants the issuer asked.
    pub(crate) fn go_online(&mut self, _request: OnlineRequest) {
        if self.sells_offline() {
            // An offline sale asks nobody: where the card will not have that, it ends here.
            return self.resume(Input::UnableToGoOnline);
        }
        self.seal_card();
    }

    /// The vault seals what a reversal, a batch upload or a later transaction will need of the card (rule 10).
    pub(crate) fn seal_card(&mut self) {
        let active = self.active.as_ref();
        let card = match active.and_then(|active| active.swiped.as_deref()) {
            Some(swiped) => Some(to_seal(swiped.stripe.pan().reveal(), swiped.stripe.expiry().reveal())),
            None => active
                .and_then(|active| active.kernel.as_deref())
                .and_then(|kernel| Some(to_seal(&kernel.pan()?, &kernel.expiry()?))),
        };
        let Some(clear) = card else { return self.abort(Outcome::Failed, Cause::CardFault) };
        let Some(active) = self.active.as_mut() else { return };
        active.step = Step::Sealing;
        let context = active.id;
        self.ask(Asked::Seal, VaultRequest::Seal { clear, context }, 0);
    }

    /// The card data is sealed: makes request and intent.
    pub(crate) fn sealed(&mut self, sealed: Vec<u8>) {
        let wallet = self.active.as_ref().and_then(|active| self.live.get(&active.id));
        if wallet.is_some_and(|live| live.attempt.wallet.is_some()) {
            if self.make_wallet_request(sealed).is_none() {
                // The profile's dialect does not have the step, or the code no request can carry.
                self.abort(Outcome::Failed, Cause::WalletNotServed);
            }
        } else if self.silence() == Silence::Forward {
            if self.store_told(Sealed(sealed)).is_none() {
                // The record of the original gave something that no message can carry.
                self.abort(Outcome::Failed, Cause::CardFault);
            }
        } else if self.make_request(sealed).is_none() {
            // The card gave something that no message can carry.
            self.abort(Outcome::Failed, Cause::CardFault);
        }
    }

    /// The card as the kind's request tells of it.
    pub(crate) fn presented(&self) -> Option<Presented> {
        let active = self.active.as_ref()?;
        if matches!(active.card, CardUse::Recorded | CardUse::Typed) {
            let recorded = active.recorded.as_ref()?;
            let (pan, expiry) = unseal(recorded.clear.as_ref()?)?;
            let card = request::Card {
                entry: request::Entry::Manual,
                pan,
                expiry: Some(expiry),
                sequence: None,
                track2: None,
                track3: None,
                pin_block: None,
                field55: Vec::new(),
            };
            return Some(Presented {
                card,
                reversal55: Vec::new(),
                masked_pan: recorded.masked_pan.clone(),
                application_label: recorded.application_label.clone(),
            });
        }
        if let Some(swiped) = active.swiped.as_deref() {
            let stripe = &swiped.stripe;
            let card = request::Card {
                entry: swiped.entry(),
                pan: Pan::new(stripe.pan().reveal())?,
                expiry: Some(stripe.expiry().reveal().to_owned()),
                sequence: None,
                track2: Some(Track2::new(stripe.reveal_track_2())?),
                track3: stripe.reveal_track_3().and_then(Track3::new),
                pin_block: active.pin_block.as_deref().cloned(),
                field55: Vec::new(),
            };
            return Some(Presented {
                card,
                reversal55: Vec::new(),
                masked_pan: Some(stripe.pan().masked()),
                application_label: None,
            });
        }
        let kernel = active.kernel.as_deref()?;
        let profile = &self.settings.profile;
        let field = |tags: &[u32]| match active.card {
            // A card that was only read says nothing of this transaction.
            CardUse::Read => Some(Vec::new()),
            _ => field55::build(tags, &|tag| kernel.data(tag)).ok(),
        };
        let pan = kernel.pan()?;
        Some(Presented {
            masked_pan: Some(posd_receipt::mask(&pan)),
            card: request::Card {
                entry: match active.slot {
                    Slot::Contact => request::Entry::Chip,
                    Slot::Contactless => request::Entry::Contactless,
                },
                pan: Pan::new(&pan)?,
                expiry: Some(kernel.expiry()?.to_string()),
                sequence: kernel.pan_sequence(),
                track2: kernel.track2().and_then(|track| Track2::new(&track)),
                track3: None,
                pin_block: active.pin_block.as_deref().cloned(),
                field55: field(&profile.field55_request)?,
            },
            reversal55: field(&profile.field55_reversal)?,
            application_label: kernel.label(),
        })
    }

    fn make_request(&mut self, sealed: Vec<u8>) -> Option<()> {
        let id = self.active.as_ref()?.id;
        let attempt = &self.live.get(&id)?.attempt;
        let (kind, amount, allow_partial) = (attempt.kind, attempt.amount, attempt.options.allow_partial);
        let instalments = attempt.options.instalments;
        let goods = goods_lines(&attempt.options.goods);
        let (family, linked) = match attempt.original.clone() {
            Some(Link { family, original, .. }) => (family, Some(original)),
            None => (kind.family(), None),
        };
        let trace = self.allocate_trace();
        let batch = self.device.batch;
        let Presented { card, reversal55, masked_pan, application_label } = self.presented()?;
        let original = Original {
            kind,
            family,
            entry: card.entry,
            linked: linked.clone(),
            batch,
            trace,
            amount: amount.minor(),
            currency: amount.currency().numeric(),
            card_sequence: card.sequence,
            pin_entered: card.pin_block.is_some(),
            authorisation_code: None,
            rrn: None,
            field55: reversal55,
            wallet: None,
            voucher: None,
        };
        let request = request::Financial {
            kind,
            family,
            identity: self.identity(),
            trace,
            batch,
            amount: amount.minor(),
            currency: amount.currency().numeric(),
            card,
            linked,
            allow_partial,
            instalments,
            goods,
        }
        .build(self.profile())
        .ok()?;
        let active = self.active.as_mut()?;
        active.intent = Some(Intent { original, card: Sealed(sealed), masked_pan, application_label });
        active.pin_block = None;
        active.swiped = None;
        active.recorded = None;
        active.step = Step::Authorizing;
        self.exchange_request(Purpose::Sale(id), request);
        Some(())
    }

    /// The point of no return: trace, attempt and reversal intent become durable, then the owner is told, then the
    /// request leaves (rules 1 and 4). Of a kind that is never reversed the attempt with its trace is the intent.
    pub(crate) fn commit_intent(&mut self) {
        let reverses = self.silence() == Silence::Reverse;
        let Some(active) = self.active.as_mut() else { return };
        let Some(intent) = active.intent.take() else { return };
        let id = active.id;
        active.sent = true;
        let Intent { original, card, masked_pan, application_label } = intent;
        active.committed = Some(Box::new((original.clone(), card.clone())));
        let mut writes = vec![Write::Device(self.device.clone())];
        if let Some(live) = self.live.get_mut(&id) {
            let attempt = &mut live.attempt;
            attempt.batch = Some(original.batch);
            attempt.trace = Some(original.trace);
            attempt.masked_pan = masked_pan;
            attempt.application_label = application_label;
            attempt.entry = Some(original.entry);
            attempt.card_sequence = original.card_sequence;
            // A code that the terminal shows leaves nothing to seal.
            attempt.card = Some(card.clone()).filter(|card| !card.0.is_empty());
            attempt.upload = Some(Upload::of(&original));
            writes.push(live.record());
        }
        let prompt = match original.kind {
            Kind::QrScan => Prompt::WaitingPayment,
            _ if original.wallet.is_some() => Prompt::PleaseWait,
            _ => match original.entry {
                request::Entry::Contactless | request::Entry::Swipe | request::Entry::Fallback => {
                    Prompt::PleaseWait
                }
                request::Entry::Chip | request::Entry::Manual => Prompt::Authorizing,
            },
        };
        if reverses {
            let reversal = Reversal {
                closing: self.closing_of(id, original.kind),
                transaction: id,
                state: ReversalState::Armed,
                // What is true if nothing more is ever heard.
                reason: ReversalReason::NoAnswer,
                original,
                card,
                tries: Vec::new(),
            };
            writes.push(Write::Reversal(Box::new(reversal.clone())));
            self.reversals.push(reversal);
        }
        self.effect(Effect::Commit(writes));
        let patience = u64::from(self.reply_timeout_s()) * 1_000;
        self.enter(id, State::Authorizing, prompt, Some(patience));
    }

    /// How the sale's exchange ended: the card hears what follows from it.
    pub(crate) fn sale_answered(&mut self, end: End) {
        if self.active.as_ref().is_none_or(|active| active.decided) {
            return;
        }
        let (heard, input) = match end {
            End::VaultBefore(Some(Refusal::KeyMissing | Refusal::OtherAlgorithm)) => {
                return self.abort(Outcome::Failed, Cause::KeyFault);
            }
            End::VaultBefore(_) | End::CannotBeMade => {
                return self.abort(Outcome::Failed, Cause::SecureModuleLost);
            }
            end if self.is_closed_by_asking() => return self.wallet_answered(end),
            End::NotSent => (Heard::NotSent, Input::UnableToGoOnline),
            End::NoAnswer => (Heard::Bad(ReversalReason::NoAnswer, Cause::NoAnswer), Input::HostFailed),
            End::Undecodable | End::WrongAmount => {
                (Heard::Bad(ReversalReason::Other, Cause::BadAnswer), Input::HostFailed)
            }
            End::VaultAfter(_) => {
                (Heard::Bad(ReversalReason::Other, Cause::SecureModuleLost), Input::HostFailed)
            }
            End::BadMac(_) => {
                // The work keys are not to be trusted any more (rule 8).
                self.end_sign_in("bad-mac", true);
                (Heard::Bad(ReversalReason::BadMac, Cause::BadMac), Input::HostFailed)
            }
            End::Answered(answer) => self.judge(answer),
        };
        if let Some(active) = self.active.as_mut() {
            active.heard = Some(heard);
        }
        if self.kernel().is_none() {
            // No card is in it.
            return self.conclude(None);
        }
        let prompt = self.reading_prompt();
        self.step(Step::Card, State::Completing, prompt, Some(self.settings.deadlines.reading));
        self.resume(input);
    }

    fn judge(&self, answer: Box<Answer>) -> (Heard, Input) {
        let bad = |cause| (Heard::Bad(ReversalReason::Other, cause), Input::HostFailed);
        let code = answer.response_code();
        let Ok(bytes) = <[u8; 2]>::try_from(code.as_bytes()) else { return bad(Cause::BadAnswer) };
        let for_card = HostAnswer::from_field55(bytes, answer.field55().unwrap_or_default());
        if self.silence() == Silence::Ask && code == DUPLICATE {
            // It was sent once: the host has seen it, and what it made of it was lost on the way.
            return bad(Cause::BadAnswer);
        }
        if !self.profile().approves(code) {
            // What cannot be read of a refusal changes nothing about the refusal.
            let for_card = for_card.unwrap_or_else(|_| HostAnswer::bare(bytes));
            return (Heard::Declined(answer), Input::Host(for_card));
        }
        let attempt = self.active.as_ref().and_then(|a| self.live.get(&a.id)).map(|live| &live.attempt);
        let Some(attempt) = attempt else { return bad(Cause::BadAnswer) };
        let Ok(for_card) = for_card else { return bad(Cause::BadAnswer) };
        let asked = attempt.amount.minor();
        let charged = match (code, answer.amount()) {
            ("10", _) if !attempt.options.allow_partial => return bad(Cause::PartialNotAllowed),
            ("10", Some(part)) if (1..asked).contains(&part) => part,
            ("10", _) => return bad(Cause::BadAnswer),
            _ => asked,
        };
        (Heard::Approved(answer, charged), Input::Host(for_card))
    }

    /// The card was read, and has no more part in it. It must be the original's.
    fn card_read(&mut self) {
        let active = self.active.as_ref();
        let read = active.and_then(|active| active.kernel.as_deref()).and_then(Kernel::pan);
        if read.is_some_and(|pan| self.is_another_card(&pan)) {
            return self.abort(Outcome::Failed, Cause::CardDiffers);
        }
        self.seal_card();
    }

    /// Whether the original names a card, and this is none of its number.
    pub(crate) fn is_another_card(&self, pan: &str) -> bool {
        let recorded = self.active.as_ref().and_then(|active| active.recorded.as_ref());
        let known = recorded.and_then(|recorded| recorded.masked_pan.as_ref());
        known.is_some_and(|known| *known != posd_receipt::mask(pan))
    }

    /// The kernel has ended.
    pub(crate) fn card_finished(&mut self, outcome: CardOutcome) {
        if self.sells_offline() && outcome.verdict == CardVerdict::Approved {
            self.approved_by_card(outcome);
        } else if outcome.verdict == CardVerdict::Read {
            self.card_read();
        } else if self.active.as_ref().is_some_and(|active| active.sent) {
            self.conclude(Some(outcome));
        } else if outcome.tvr.has(tvr::ON_EXCEPTION_FILE) {
            self.abort(Outcome::Declined, Cause::CardOnBlacklist);
        } else if !self.ask_again(&outcome.verdict) {
            let (outcome, cause) = self.ended_at_card(&outcome.verdict);
            self.abort(outcome, cause);
        }
    }

    /// The card session is gone after the request left; what the host said, or did not say, decides.
    pub(crate) fn card_lost_after_sending(&mut self) {
        self.conclude(None);
    }

    /// Whether the running transaction's intent is to ask and cancel, not to reverse.
    fn is_closed_by_asking(&self) -> bool {
        let id = self.active.as_ref().map(|active| active.id);
        self.reversals.iter().any(|reversal| Some(reversal.transaction) == id && reversal.closing.is_some())
    }

    /// A transaction is approved: what was charged, and its slip. Gives the print jobs to commit with it.
    pub(crate) fn charge(
        &mut self,
        id: u64,
        answer: &Answer,
        charged: u64,
        card: Option<&CardOutcome>,
    ) -> Vec<PrintJob> {
        self.take_answer(id, answer);
        let window = i64::from(self.profile().pre_auth_days) * 86_400_000;
        let until = self.now.wall.saturating_add(window);
        let Some(live) = self.live.get_mut(&id) else { return Vec::new() };
        let attempt = &mut live.attempt;
        let rule = kinds::rule(attempt.kind);
        if rule.amount != AmountRule::Nothing {
            attempt.charged = Some(charged);
        } else {
            attempt.balance = answer.balance(attempt.amount.currency().numeric());
        }
        attempt.keep_card_until = (attempt.kind == Kind::PreAuth).then_some(until);
        attempt.transaction_certificate =
            card.and_then(CardOutcome::last_word).map(|tc| crate::slip::hex(&tc));
        let attempt = attempt.clone();
        let kernel = self.kernel().filter(|_| self.active.as_ref().is_some_and(|active| active.id == id));
        let receipt = self.slip(&attempt, Some(answer), charged, kernel.zip(card));
        if let Some(live) = self.live.get_mut(&id) {
            live.attempt.receipt = receipt;
        }
        if rule.prints { self.print_by_itself(id) } else { Vec::new() }
    }

    /// Card and host have said all they will: one commit makes the outcome durable, with everything that follows.
    pub(crate) fn conclude(&mut self, card: Option<CardOutcome>) {
        let Some(active) = self.active.as_mut().filter(|active| !active.decided) else { return };
        let id = active.id;
        let heard =
            active.heard.take().unwrap_or(Heard::Bad(ReversalReason::NoAnswer, Cause::SecureModuleLost));
        let cardless = active.completing_kernel().is_none();
        let silence = self.silence();
        let completed = cardless || card.as_ref().is_some_and(|card| card.verdict == CardVerdict::Approved);
        let scripts = card.as_ref().and_then(|card| card.script_results.clone());
        if matches!(heard, Heard::Declined(_) | Heard::Approved(..)) {
            self.keep_certificate(id, card.as_ref());
        }
        let mut writes = Vec::new();
        let mut jobs = Vec::new();
        match heard {
            Heard::NotSent => {
                writes.extend(self.reversal_closed(id, ReversalState::NotSent));
                writes.extend(self.decide(id, Outcome::Failed, Cause::HostUnreachable));
            }
            Heard::Bad(_, cause) if silence == Silence::Fail => {
                writes.extend(self.decide(id, Outcome::Failed, cause));
            }
            // Of a kind that is never reversed there is no reversal to bring up to date: it stays unknown (rule 5).
            Heard::Bad(reason, cause) => {
                self.update_reversal(id, None, scripts);
                writes.extend(self.reversal_pending(id, reason));
                writes.extend(self.decide(id, Outcome::Unknown, cause));
            }
            Heard::Declined(answer) => {
                self.take_answer(id, &answer);
                writes.extend(self.script_result(id, &answer, scripts));
                writes.extend(self.reversal_closed(id, ReversalState::Disarmed));
                writes.extend(self.decide(id, Outcome::Declined, Cause::DeclinedByHost));
            }
            Heard::Approved(answer, charged) if completed => {
                let partial = answer.response_code() == "10";
                let outcome = if partial { Outcome::PartiallyApproved } else { Outcome::Approved };
                // Nobody signs for what moves nothing.
                let moves = self.active_rule().is_some_and(|rule| rule.amount != AmountRule::Nothing);
                let signed = self.live.get(&id).is_some_and(|live| is_signed_stripe(&live.attempt));
                if let Some(active) = self.active.as_mut() {
                    active.signature =
                        moves && (signed || card.as_ref().is_some_and(|card| card.signature_required));
                }
                jobs = self.charge(id, &answer, charged, card.as_ref());
                writes.extend(self.script_result(id, &answer, scripts));
                writes.extend(self.reversal_closed(id, ReversalState::Disarmed));
                writes.extend(self.decide(id, outcome, Cause::None));
            }
            Heard::Approved(answer, _) if silence == Silence::Fail => {
                self.take_answer(id, &answer);
                writes.extend(self.script_result(id, &answer, scripts));
                writes.extend(self.decide(id, Outcome::Failed, Cause::CardDidNotComplete));
            }
            Heard::Approved(answer, _) => {
                self.take_answer(id, &answer);
                self.update_reversal(id, Some(&answer), scripts);
                writes.extend(self.reversal_pending(id, ReversalReason::NotProcessed));
                writes.extend(self.decide(id, Outcome::Unknown, Cause::CardDidNotComplete));
            }
        }
        writes.push(Write::Device(self.device.clone()));
        writes.extend(jobs.iter().cloned().map(Write::PrintJob));
        self.effect(Effect::Commit(writes));
        for job in jobs {
            self.print(job);
        }
        self.wind_down();
    }

    /// What the answer says, into the attempt's row.
    pub(crate) fn take_answer(&mut self, id: u64, answer: &Answer) {
        let voucher = self.voucher_of(id, answer);
        if let Some(live) = self.live.get_mut(&id) {
            live.attempt.voucher = voucher.or(live.attempt.voucher.take());
            live.attempt.host_date = answer.local_date().map(str::to_owned);
            live.attempt.settlement_date = answer.settlement_date().map(str::to_owned);
            live.attempt.rrn = answer.rrn().map(str::to_owned);
            live.attempt.authorisation_code = answer.authorisation_code().map(str::to_owned);
            live.attempt.response_code = Some(answer.response_code().to_owned());
        }
    }

    /// Brings the intent up to what card and host have said since.
    fn update_reversal(&mut self, id: u64, answer: Option<&Answer>, scripts: Option<Vec<u8>>) {
        let field = self.field55(&self.settings.profile.field55_reversal, scripts);
        let Some(reversal) = self.reversals.iter_mut().find(|r| r.transaction == id) else { return };
        if let Some(field) = field {
            reversal.original.field55 = field;
        }
        if let Some(answer) = answer {
            reversal.original.rrn = answer.rrn().map(str::to_owned);
            reversal.original.authorisation_code = answer.authorisation_code().map(str::to_owned);
        }
    }

    pub(crate) fn field55(&self, tags: &[u32], scripts: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let kernel = self.kernel()?;
        let get = |tag| if tag == SCRIPT_RESULTS { scripts.clone() } else { kernel.data(tag) };
        field55::build(tags, &get).ok()
    }

    /// The chip data that the last cryptogram certifies. What scripts did after it is not in it (EMV Book 3, section
    /// 10.10, and annex C5, byte 5 of the TVR).
    pub(crate) fn certified55(&self) -> Option<Vec<u8>> {
        const LATE_SCRIPT_FAILED: u8 = 0x10;
        let kernel = self.kernel()?;
        let get = |tag| {
            let mut value = kernel.data(tag)?;
            if tag == TVR
                && let Some(last) = value.last_mut()
            {
                *last &= !LATE_SCRIPT_FAILED;
            }
            Some(value)
        };
        field55::build(&self.settings.profile.field55_request, &get).ok()
    }

    /// Issuer scripts ran: their results go to the host in a message of their own (0620).
    fn script_result(&mut self, id: u64, answer: &Answer, scripts: Option<Vec<u8>>) -> Option<Write> {
        scripts.as_ref()?;
        let field55 = self.field55(&self.settings.profile.field55_script_result, scripts)?;
        let (original, card) = *self.active.as_ref()?.committed.clone()?;
        let original = Original {
            rrn: answer.rrn().map(str::to_owned),
            authorisation_code: answer.authorisation_code().map(str::to_owned),
            field55,
            ..original
        };
        let date = answer.local_date().unwrap_or("0000").to_owned();
        Some(self.queue_advice(AdviceKind::ScriptResult, id, original, card, date))
    }
}
