//! One exchange with the host, whatever it is for: open sealed data, build, MAC, send, match, check the MAC.
//!
//! There is one at a time. What its end means is decided by whoever it was for: `sale.rs`, `reversal.rs`, `advice.rs`,
//! `session.rs`.

use crate::{
    audit::AuditEvent,
    call::CallId,
    event::{Effect, ExchangeId, HostResult, Note, Timer},
    record::{AdviceId, ClosingStep, Records, TransactionId, Write},
    terminal::{Asked, JournalState, Terminal},
};
use posd_unionpay::{
    Answer, Mismatch, Profile, Rejection, check_answer,
    profile::{KeyAlgorithm as ProfileKeys, MacAlgorithm as ProfileMac},
    request::{Identity, Request},
};
use posd_vault_protocol::{KeyAlgorithm, MacAlgorithm, Refusal, Reply, Request as VaultRequest, Secret};

/// What an exchange is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The running sale.
    Sale(TransactionId),
    /// The reversal of a transaction.
    Reversal(TransactionId),
    /// A query or cancel about a wallet payment that is not known to be paid.
    Closing(TransactionId, ClosingStep),
    /// An advice.
    Advice(AdviceId),
    /// Sign-in; the callers wait, if there are any.
    SignIn(Vec<CallId>),
    /// Sign-out; the caller waits.
    SignOut(CallId),
    /// A message of the download under way.
    Download,
    /// A message of the settlement that is under way.
    Settlement,
    /// Echo: the last part of a diagnosis, whose caller waits, or to hear the host's date.
    Echo(Option<CallId>),
}

/// How far it is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The vault opens sealed card data.
    Opening,
    /// The vault makes the MAC.
    MakingMac,
    /// Sent; waits for an answer.
    Waiting,
    /// The vault checks the answer's MAC.
    CheckingMac(Box<Answer>),
    /// The vault loads the answer's work keys.
    LoadingKeys(Box<Answer>),
}

/// The exchange under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: ExchangeId,
    pub(crate) purpose: Purpose,
    pub(crate) stage: Stage,
    /// Absent while sealed data is being opened.
    pub(crate) request: Option<Request>,
    /// The transaction that waited for it when it began.
    awaited_by: Option<TransactionId>,
}

/// How an exchange ended.
#[derive(Debug)]
pub(crate) enum End {
    /// A matching answer with a good MAC, or without one where the profile allows that.
    Answered(Box<Answer>),
    /// A matching answer whose MAC is wrong or missing.
    BadMac(Box<Answer>),
    /// An answer that cannot be read.
    Undecodable,
    /// A matching answer over another amount.
    WrongAmount,
    /// At least one byte may have left, and no answer came.
    NoAnswer,
    /// No byte left.
    NotSent,
    /// The message cannot be made from what is recorded.
    CannotBeMade,
    /// The vault refused its part, or is gone. Nothing was sent.
    VaultBefore(Option<Refusal>),
    /// The vault refused its part, or is gone, after the answer came.
    VaultAfter(Option<Refusal>),
}

impl End {
    /// The word in a record's history.
    pub(crate) fn word(&self) -> String {
        match self {
            End::Answered(answer) => answer.response_code().to_owned(),
            End::BadMac(_) => "bad-mac".to_owned(),
            End::Undecodable => "bad-answer".to_owned(),
            End::WrongAmount => "mismatch".to_owned(),
            End::NoAnswer => "no-answer".to_owned(),
            End::NotSent => "unreachable".to_owned(),
            End::CannotBeMade => "cannot-be-made".to_owned(),
            End::VaultBefore(_) | End::VaultAfter(_) => "secure-module".to_owned(),
        }
    }
}

impl Terminal {
    pub(crate) fn profile(&self) -> &Profile {
        &self.settings.profile
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { terminal: self.settings.terminal.clone(), merchant: self.settings.merchant.clone() }
    }

    /// Begins the next exchange that may begin now.
    pub(crate) fn begin_exchange(&mut self, records: &dyn Records) {
        // The rows that are being opened go out next, on an exchange that nothing else may have taken.
        while self.exchange.is_none() && !self.is_selling() && !self.is_opening_rows() {
            if let Some(purpose) = self.wanted.pop_front() {
                self.begin_session_exchange(purpose);
            } else if let Some(due) = self.next_due() {
                self.begin_due(due);
            } else if !self.end_round()
                && !self.settle_on(records)
                && !self.leave_queue(records)
                && !self.ask_for_date()
                && !self.next_download_step()
            {
                return;
            }
        }
    }

    /// Makes the exchange the present one and asks the vault to open its card data.
    pub(crate) fn open_for(&mut self, purpose: Purpose, sealed: Vec<u8>, context: u64) {
        let id = self.new_exchange(purpose, Stage::Opening, None);
        self.ask(Asked::Exchange(id), VaultRequest::Open { sealed, context }, 0);
    }

    /// Makes the exchange the present one; its MAC is made first if the profile wants one.
    pub(crate) fn exchange_request(&mut self, purpose: Purpose, request: Request) {
        let id = self.new_exchange(purpose, Stage::MakingMac, Some(request));
        self.make_mac(id);
    }

    fn new_exchange(&mut self, purpose: Purpose, stage: Stage, request: Option<Request>) -> ExchangeId {
        let id = self.next_exchange;
        self.next_exchange += 1;
        self.exchange = Some(Exchange { id, purpose, stage, request, awaited_by: self.awaiting() });
        id
    }

    fn make_mac(&mut self, id: ExchangeId) {
        let algorithm = self.mac_algorithm();
        let input = self.exchange.as_ref().and_then(|e| e.request.as_ref()).and_then(Request::mac_input);
        match input {
            None => self.send(None),
            Some(_) if self.vault.is_none() => self.end_exchange(End::VaultBefore(None)),
            Some(input) => {
                if let Some(exchange) = self.exchange.as_mut() {
                    exchange.stage = Stage::MakingMac;
                }
                self.ask(Asked::Exchange(id), VaultRequest::MakeMac { algorithm, input }, 0);
            }
        }
    }

    fn mac_algorithm(&self) -> MacAlgorithm {
        match (self.key_algorithm(), self.profile().mac_algorithm) {
            (KeyAlgorithm::Sm4, _) => MacAlgorithm::UnionPaySm4,
            (KeyAlgorithm::TripleDes, ProfileMac::UnionPayEcb) => MacAlgorithm::UnionPayEcb,
            (KeyAlgorithm::TripleDes, ProfileMac::X919) => MacAlgorithm::X919,
        }
    }

    /// What the profile wants the vault's keys to be for.
    pub(crate) fn key_algorithm(&self) -> KeyAlgorithm {
        match self.profile().algorithm {
            ProfileKeys::TripleDes => KeyAlgorithm::TripleDes,
            ProfileKeys::Sm4 => KeyAlgorithm::Sm4,
        }
    }

    fn send(&mut self, mac: Option<[u8; 8]>) {
        let Some(exchange) = self.exchange.as_ref() else { return };
        let id = exchange.id;
        let is_sale = matches!(exchange.purpose, Purpose::Sale(_));
        let frame = exchange.request.as_ref().and_then(|request| request.frame(mac).ok());
        let Some(frame) = frame else {
            // Cannot be: the request was built from the same parts. Nothing has left.
            return self.end_exchange(End::VaultBefore(None));
        };
        if is_sale {
            self.commit_intent();
        }
        if let Some(exchange) = self.exchange.as_mut() {
            exchange.stage = Stage::Waiting;
        }
        let patience = u64::from(self.reply_timeout_s()) * 1_000;
        self.effect(Effect::SendToHost(id, Secret::new(frame.to_vec())));
        self.effect(Effect::SetTimer(Timer::Reply, patience));
    }

    /// A reply of the vault that belongs to an exchange.
    pub(crate) fn exchange_reply(&mut self, id: ExchangeId, reply: Reply) {
        let Some(exchange) = self.exchange.as_mut().filter(|e| e.id == id) else { return };
        match (std::mem::replace(&mut exchange.stage, Stage::Waiting), reply) {
            (Stage::Opening, Reply::Opened(card)) => {
                let purpose = exchange.purpose.clone();
                match self.request_for(&purpose, &card) {
                    Some(request) => {
                        if let Some(exchange) = self.exchange.as_mut() {
                            exchange.request = Some(request);
                        }
                        self.make_mac(id);
                    }
                    None => self.end_exchange(End::CannotBeMade),
                }
            }
            (Stage::MakingMac, Reply::Mac(mac)) => self.send(Some(mac)),
            (Stage::CheckingMac(answer), Reply::MacChecked(good)) => {
                self.heard_host(good);
                self.end_exchange(if good { End::Answered(answer) } else { End::BadMac(answer) });
            }
            (Stage::LoadingKeys(answer), Reply::Done) => {
                self.heard_host(true);
                self.end_exchange(End::Answered(answer));
            }
            (Stage::Opening, Reply::Refused(Refusal::SealBroken)) => self.end_exchange(End::CannotBeMade),
            (stage, reply) => {
                let refusal = match reply {
                    Reply::Refused(refusal) => Some(refusal),
                    _ => None,
                };
                self.end_exchange(match stage {
                    Stage::Opening | Stage::MakingMac => End::VaultBefore(refusal),
                    _ => End::VaultAfter(refusal),
                });
            }
        }
    }

    /// Something came of the request.
    pub(crate) fn exchange_heard(&mut self, result: HostResult) {
        let Some(exchange) = self.exchange.as_mut() else { return };
        if !matches!(exchange.stage, Stage::Waiting) {
            return self.effect(Effect::Note(Note::AnswerDropped("the exchange has its answer already")));
        }
        let Some(request) = exchange.request.as_ref() else { return };
        match result {
            HostResult::NotSent => self.end_exchange(End::NotSent),
            HostResult::Lost => self.end_exchange(End::NoAnswer),
            HostResult::Answer(frame) => {
                match check_answer(&self.settings.profile, &request.expectation(), frame.expose()) {
                    Ok(answer) => self.matched(Box::new(answer)),
                    Err(Rejection::Mismatch(Mismatch::Amount)) => self.end_exchange(End::WrongAmount),
                    Err(Rejection::Mismatch(mismatch)) => {
                        self.effect(Effect::Note(Note::AnswerDropped(mismatch.word())));
                    }
                    Err(Rejection::Undecodable(_)) => self.end_exchange(End::Undecodable),
                }
            }
        }
    }

    fn matched(&mut self, answer: Box<Answer>) {
        self.effect(Effect::StopTimer(Timer::Reply));
        self.effect(Effect::CloseExchange(self.exchange.as_ref().map_or(0, |e| e.id)));
        self.host_dated(answer.local_date());
        self.host_requirement(&answer);
        let Some(exchange) = self.exchange.as_mut() else { return };
        let id = exchange.id;
        let wants_mac = exchange.request.as_ref().is_some_and(|r| r.mac_input().is_some());
        let loads_keys = matches!(exchange.purpose, Purpose::SignIn(_)) && answer.response_code() == "00";
        if loads_keys {
            match self.work_keys(&answer) {
                Some(request) if self.vault.is_some() => {
                    if let Some(exchange) = self.exchange.as_mut() {
                        exchange.stage = Stage::LoadingKeys(answer);
                    }
                    self.ask(Asked::Exchange(id), request, 0);
                }
                Some(_) => self.end_exchange(End::VaultAfter(None)),
                None => self.end_exchange(End::Undecodable),
            }
            return;
        }
        match (wants_mac, answer.mac(), answer.mac_input()) {
            (true, Some(mac), Some(input)) if self.vault.is_some() => {
                exchange.stage = Stage::CheckingMac(answer);
                let algorithm = self.mac_algorithm();
                self.ask(Asked::Exchange(id), VaultRequest::CheckMac { algorithm, input, mac }, 0);
            }
            (true, Some(_), _) => self.end_exchange(End::VaultAfter(None)),
            (true, None, _) if self.needs_mac(&answer) => self.end_exchange(End::BadMac(answer)),
            _ => self.end_exchange(End::Answered(answer)),
        }
    }

    /// Only the host itself can say that it is there. It becomes durable with the commit that follows.
    fn heard_host(&mut self, good: bool) {
        if good {
            self.device.last_contact = Some(self.now.wall);
        }
    }

    /// Whether the answer to the present exchange counts only with a MAC: nobody may end an advice by a forged word.
    fn needs_mac(&self, answer: &Answer) -> bool {
        let advice = self.exchange.as_ref().is_some_and(|e| matches!(e.purpose, Purpose::Advice(_)));
        self.profile().needs_mac(answer) || (advice && self.profile().accepts_advice(answer.response_code()))
    }

    /// The reply timer ended.
    pub(crate) fn reply_timer(&mut self) {
        if self.exchange.as_ref().is_some_and(|e| matches!(e.stage, Stage::Waiting)) {
            self.end_exchange(End::NoAnswer);
        }
    }

    /// The vault is gone: an exchange that needs it ends; one that waits for the host goes on, unless it is that of a
    /// card session, which is gone too.
    pub(crate) fn exchange_without_vault(&mut self) {
        let Some(exchange) = self.exchange.as_ref() else { return };
        match exchange.stage {
            Stage::Opening | Stage::MakingMac => self.end_exchange(End::VaultBefore(None)),
            Stage::CheckingMac(_) | Stage::LoadingKeys(_) => self.end_exchange(End::VaultAfter(None)),
            Stage::Waiting if matches!(exchange.purpose, Purpose::Sale(_)) && self.card_completes() => {
                self.end_exchange(End::NoAnswer)
            }
            Stage::Waiting => {}
        }
    }

    fn end_exchange(&mut self, end: End) {
        let Some(exchange) = self.exchange.take() else { return };
        self.effect(Effect::StopTimer(Timer::Reply));
        self.effect(Effect::CloseExchange(exchange.id));
        self.stale_try = exchange.awaited_by != self.awaiting();
        match exchange.purpose {
            Purpose::Sale(_) => self.sale_answered(end),
            Purpose::Reversal(id) => self.reversal_answered(id, end),
            Purpose::Closing(id, step) => self.closing_answered(id, step, end),
            Purpose::Advice(id) => self.advice_answered(id, end),
            Purpose::SignIn(calls) => self.sign_in_answered(calls, end),
            Purpose::SignOut(call) => self.sign_out_answered(call, end),
            Purpose::Echo(call) => self.echo_answered(call, end),
            Purpose::Settlement => self.settlement_answered(end),
            Purpose::Download => self.download_answered(end),
        }
        self.stale_try = false;
    }

    fn record_requirement(&mut self, requirement: u8) {
        if self.journal == JournalState::Bad {
            return;
        }
        let operator = self.operator.as_deref().unwrap_or_default();
        let row = self.audit_row(AuditEvent::HostRequirement, None, operator, format!("digit={requirement}"));
        self.effect(Effect::Commit(vec![Write::Device(self.device.clone()), row]));
    }

    /// The host's header may ask for something (reference 2.1); 3 is "sign in again". What it begins to ask for is
    /// durable at once, with its row; that it asks no longer, with the next commit.
    fn host_requirement(&mut self, answer: &Answer) {
        let requirement = answer.requirement();
        let begins = requirement != 0 && requirement != self.device.host_requirement;
        self.device.host_requirement = requirement;
        if begins {
            self.effect(Effect::Note(Note::HostRequirement(requirement)));
            self.record_requirement(requirement);
        }
        if self.exchange.as_ref().is_some_and(|exchange| exchange.purpose != Purpose::Download) {
            self.host_wants(requirement);
        }
        let code = answer.response_code();
        // The answer to a sign-in is the host's word on the sign-in that it ends.
        let signs_in =
            self.exchange.as_ref().is_some_and(|exchange| matches!(exchange.purpose, Purpose::SignIn(_)));
        if self.profile().sign_in_again.iter().any(|again| again == code) {
            self.end_sign_in(&format!("code={code}"), !signs_in);
        } else if requirement == 3 {
            self.end_sign_in("requirement=3", !signs_in);
        }
    }
}
