//! The supervisor's word for one transaction: the password of 00, typed on the PIN pad.

use crate::{
    audit::AuditEvent,
    prompt::Prompt,
    sale::Step,
    state::{Cause, Outcome, State},
    terminal::{Asked, Terminal},
};
use posd_vault_protocol::{PasswordCheck, Refusal, Reply, Request as VaultRequest};

/// The supervisor's operator number (reference section 7).
pub(crate) const SUPERVISOR: &str = "00";
/// Wrong passwords after which the transaction ends.
const TRIES: u32 = 3;

impl Terminal {
    /// Has the supervisor's password typed.
    pub(crate) fn ask_supervisor(&mut self) {
        let timeout = self.settings.deadlines.pin;
        self.step(Step::Supervisor, State::WaitingSupervisor, Prompt::SupervisorPassword, Some(timeout));
        let request = VaultRequest::CheckPassword {
            operator: SUPERVISOR.to_owned(),
            password: None,
            timeout_ms: u32::try_from(timeout).unwrap_or(u32::MAX),
        };
        self.ask(Asked::Supervisor, request, timeout);
    }

    /// What came of it.
    pub(crate) fn supervisor_reply(&mut self, reply: Reply) {
        match reply {
            Reply::Password(PasswordCheck::Accepted { must_change: false }) => {
                self.audit_supervisor(AuditEvent::SupervisorConsent, None);
                let id = self.active.as_ref().map(|active| active.id);
                if let Some(live) = id.and_then(|id| self.live.get_mut(&id)) {
                    live.attempt.supervisor = Some(SUPERVISOR.to_owned());
                }
                self.present_card();
            }
            Reply::Password(PasswordCheck::Wrong) => {
                self.audit_supervisor(AuditEvent::SupervisorRefused, Some("wrong-password"));
                let Some(active) = self.active.as_mut() else { return };
                active.wrong_passwords += 1;
                if active.wrong_passwords < TRIES {
                    self.ask_supervisor();
                } else {
                    self.abort(Outcome::Failed, Cause::SupervisorRefused);
                }
            }
            Reply::Password(PasswordCheck::Cancelled) => {
                self.abort(Outcome::Cancelled, Cause::SupervisorRefused);
            }
            Reply::Password(PasswordCheck::TimedOut) => {
                self.abort(Outcome::TimedOut, Cause::SupervisorRefused);
            }
            // Everybody knows the initial password: it is nobody's word.
            Reply::Password(PasswordCheck::Accepted { must_change: true }) => {
                self.audit_supervisor(AuditEvent::SupervisorRefused, Some("initial-password"));
                self.abort(Outcome::Failed, Cause::SupervisorRefused);
            }
            Reply::Password(PasswordCheck::LockedOut { .. }) => {
                self.audit_supervisor(AuditEvent::SupervisorRefused, Some("locked-out"));
                self.abort(Outcome::Failed, Cause::SupervisorRefused);
            }
            Reply::Password(PasswordCheck::PadMissing)
            | Reply::Refused(Refusal::PadBusy | Refusal::NoStorageKey) => {
                self.abort(Outcome::Failed, Cause::SupervisorRefused);
            }
            _ => self.abort(Outcome::Failed, Cause::SecureModuleLost),
        }
    }

    /// Writes down what the supervisor's password did for the transaction that runs, before anything follows from it.
    fn audit_supervisor(&mut self, event: AuditEvent, result: Option<&str>) {
        let Some(id) = self.active.as_ref().map(|active| active.id) else { return };
        let uid = self.live.get(&id).map(|live| live.attempt.key.uid);
        let result = result.map(|word| format!(" result={word}")).unwrap_or_default();
        self.audit(event, uid, SUPERVISOR, format!("transaction={id}{result}"));
    }
}
