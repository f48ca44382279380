//! Sign-in and sign-out at the host.

use crate::{
    audit::AuditEvent,
    call::{Answer as CallAnswer, CallError, CallId, Caller},
    event::Effect,
    exchange::{End, Purpose},
    record::{TransactionId, Write},
    sale::Step,
    terminal::{JournalState, Terminal},
};
use posd_unionpay::{Answer, keys62, request};
use posd_vault_protocol::{EncipheredKey, Refusal, Request as VaultRequest};

impl Terminal {
    /// Sign-in and sign-out move keys and batch: not while a sale is at the card or the host.
    pub(crate) fn call_sign_in(
        &mut self,
        call: CallId,
        caller: Caller,
    ) -> Result<Option<CallAnswer>, CallError> {
        self.refuse_if_selling()?;
        match &self.vault {
            None => return Err(CallError::NotReady("secure-module")),
            Some(status) if self.master_key(status).is_none() => {
                return Err(CallError::NotReady("master-key"));
            }
            Some(_) => {}
        }
        self.session_callers.insert(call, caller.uid);
        // A sign-in under way serves this caller too.
        let waiting = self.exchange.as_mut().map(|e| &mut e.purpose).into_iter().chain(&mut self.wanted);
        for purpose in waiting {
            if let Purpose::SignIn(calls) = purpose {
                calls.push(call);
                return Ok(None);
            }
        }
        self.wanted.push_back(Purpose::SignIn(vec![call]));
        Ok(None)
    }

    pub(crate) fn call_sign_out(
        &mut self,
        call: CallId,
        caller: Caller,
    ) -> Result<Option<CallAnswer>, CallError> {
        self.refuse_if_selling()?;
        if self.active.is_some() || !self.queue.is_empty() || self.is_settling() {
            return Err(CallError::Busy);
        }
        if !self.device.signed_in {
            return Err(CallError::NotSignedIn);
        }
        if self.pending_reversals() > 0 {
            return Err(CallError::NotReady("reversal-pending"));
        }
        self.session_callers.insert(call, caller.uid);
        self.wanted.push_back(Purpose::SignOut(call));
        Ok(None)
    }

    pub(crate) fn journal_ready(&self) -> Result<(), CallError> {
        match self.journal {
            JournalState::Good => Ok(()),
            JournalState::Bad => Err(CallError::NotReady("journal")),
            JournalState::Checking => Err(CallError::NotReady("journal-checking")),
        }
    }

    pub(crate) fn refuse_if_selling(&self) -> Result<(), CallError> {
        self.journal_ready()?;
        if self.is_selling() { Err(CallError::Busy) } else { Ok(()) }
    }

    /// Begins an exchange that is not about a transaction. Its trace is durable before it leaves (rule 12).
    pub(crate) fn begin_session_exchange(&mut self, purpose: Purpose) {
        let trace = self.allocate_trace();
        let identity = self.identity();
        let batch = self.device.batch;
        let built = match &purpose {
            Purpose::SignIn(_) => {
                let operator = self.operator.clone();
                request::SignIn { identity, trace, batch, operator }.build(self.profile())
            }
            Purpose::SignOut(_) => request::SignOut { identity, trace, batch }.build(self.profile()),
            _ => request::Echo { identity, trace, batch }.build(self.profile()),
        };
        match built {
            Ok(request) => {
                self.effect(Effect::Commit(vec![Write::Device(self.device.clone())]));
                self.exchange_request(purpose, request);
            }
            Err(_) => match purpose {
                // The configuration holds something no message can carry.
                Purpose::SignIn(calls) => self.sign_in_answered(calls, End::NotSent),
                Purpose::SignOut(call) => self.sign_out_answered(call, End::NotSent),
                Purpose::Echo(call) => self.echo_answered(call, End::NotSent),
                Purpose::Sale(_)
                | Purpose::Reversal(_)
                | Purpose::Closing(..)
                | Purpose::Advice(_)
                | Purpose::Download
                | Purpose::Settlement => {}
            },
        }
    }

    /// The work keys of a sign-in answer, as the vault loads them; `None` where field 62 is not what the profile says.
    pub(crate) fn work_keys(&self, answer: &Answer) -> Option<VaultRequest> {
        let keys = keys62::parse(self.profile(), answer.field62()?).ok()?;
        let key =
            |key: keys62::EncipheredKey| EncipheredKey { cipher: key.cipher, check_value: key.check_value };
        let algorithm = self.key_algorithm();
        Some(VaultRequest::LoadWorkKeys { algorithm, pin_key: key(keys.pin), mac_key: key(keys.mac) })
    }

    /// The check values of the keys that a sign-in brought: the first three bytes of each.
    fn check_values(&self, answer: &Answer) -> Option<[[u8; 3]; 2]> {
        let keys = keys62::parse(self.profile(), answer.field62()?).ok()?;
        let value = |key: &keys62::EncipheredKey| key.check_value.first_chunk::<3>().copied();
        Some([value(&keys.pin)?, value(&keys.mac)?])
    }

    /// The host, or its bad MAC, ends the sign-in. It is durable at once, with its row. Where nobody else does it, the
    /// terminal then signs in again by itself, so that the cashier need only repeat what was refused.
    pub(crate) fn end_sign_in(&mut self, why: &str, again: bool) {
        if !self.device.signed_in || self.journal == JournalState::Bad {
            return;
        }
        self.device.signed_in = false;
        let operator = self.operator.as_deref().unwrap_or_default();
        let detail = format!("batch={:06} {why}", self.device.batch);
        let row = self.audit_row(AuditEvent::SignInEnded, None, operator, detail);
        self.effect(Effect::Commit(vec![Write::Device(self.device.clone()), row]));
        if again && !self.is_signing_in() {
            self.wanted.push_back(Purpose::SignIn(Vec::new()));
        }
    }

    /// Whether a sign-in is under way or about to begin.
    pub(crate) fn is_signing_in(&self) -> bool {
        let current = self.exchange.as_ref().map(|exchange| &exchange.purpose);
        current.into_iter().chain(&self.wanted).any(|purpose| matches!(purpose, Purpose::SignIn(_)))
    }

    fn session_row(&self, event: AuditEvent, uid: Option<u32>) -> Write {
        let operator = self.operator.as_deref().unwrap_or_default();
        self.audit_row(event, uid, operator, format!("batch={:06}", self.device.batch))
    }

    pub(crate) fn sign_in_answered(&mut self, calls: Vec<CallId>, end: End) {
        let uids: Vec<u32> = calls.iter().filter_map(|call| self.session_callers.remove(call)).collect();
        let uid = uids.first().copied();
        let result = match end {
            End::Answered(answer) if answer.response_code() == "00" => {
                self.device.signed_in = true;
                self.device.work_keys = self.check_values(&answer);
                if let Some(batch) = answer.batch().filter(|batch| (1..=999_999).contains(batch)) {
                    self.device.batch = batch;
                }
                let row = self.session_row(AuditEvent::SignIn, uid);
                self.effect(Effect::Commit(vec![Write::Device(self.device.clone()), row]));
                self.try_at_once();
                Ok(CallAnswer::Done)
            }
            End::Answered(answer) | End::BadMac(answer) => {
                Err(CallError::HostRefused(answer.response_code().to_owned()))
            }
            End::Undecodable => Err(CallError::BadAnswer("sign-in answer")),
            End::VaultAfter(Some(Refusal::KeyCheckFailed)) => {
                Err(CallError::BadAnswer("work key check value"))
            }
            End::VaultBefore(_) | End::VaultAfter(_) => Err(CallError::NotReady("secure-module")),
            End::WrongAmount | End::NoAnswer | End::NotSent | End::CannotBeMade => {
                Err(CallError::HostUnreachable)
            }
        };
        if result.is_err() && calls.is_empty() {
            // It was for the sake of something to deliver, which has now failed with it.
            self.sign_in_for_delivery_failed();
            self.settlement_sign_in_failed();
        }
        for call in calls {
            self.effect(Effect::Reply(call, result.clone()));
        }
    }

    pub(crate) fn sign_out_answered(&mut self, call: CallId, end: End) {
        let uid = self.session_callers.remove(&call);
        let result = match end {
            End::Answered(answer) if answer.response_code() == "00" => {
                self.device.signed_in = false;
                let row = self.session_row(AuditEvent::SignOut, uid);
                self.effect(Effect::Commit(vec![Write::Device(self.device.clone()), row]));
                Ok(CallAnswer::Done)
            }
            End::Answered(answer) => Err(CallError::HostRefused(answer.response_code().to_owned())),
            End::BadMac(_) | End::Undecodable => Err(CallError::BadAnswer("sign-out answer")),
            End::VaultBefore(_) | End::VaultAfter(_) => Err(CallError::NotReady("secure-module")),
            End::WrongAmount | End::NoAnswer | End::NotSent | End::CannotBeMade => {
                Err(CallError::HostUnreachable)
            }
        };
        self.effect(Effect::Reply(call, result));
    }

    /// The running transaction, where it waits for deliveries.
    pub(crate) fn awaiting(&self) -> Option<TransactionId> {
        self.active.as_ref().filter(|active| active.step == Step::Clearing).map(|active| active.id)
    }

    /// Whether the running transaction waits for deliveries.
    pub(crate) fn is_clearing(&self) -> bool {
        self.awaiting().is_some()
    }
}
