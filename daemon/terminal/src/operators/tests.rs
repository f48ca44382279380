//! What operators may do, and what is written of it.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    Advice, AdviceId, Amount, AtRisk, Attempt, AuditChain, AuditFault, AuditHead, AuditRow, Call, CardKey,
    Currency, Device, Event, Kind, LocalTime, Moment, Outcome, PrintJob, Records, Reference, Reversal,
    SaleKey, Settings, Settlement, StorageFault, StoredSet, Timer, TransactionId, Write,
};
use posd_emv::configuration::Configuration;
use posd_unionpay::Profile;
use posd_vault_protocol::{DeviceState, OperatorEntry, Status};
use std::{collections::BTreeMap, sync::Arc};

/// A journal in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) device: Device,
    pub(crate) attempts: BTreeMap<TransactionId, Attempt>,
    rows: Vec<AuditRow>,
}

impl Records for Memory {
    fn device(&self) -> Result<Device, StorageFault> {
        Ok(self.device.clone())
    }
    fn attempt(&self, id: TransactionId) -> Result<Option<Attempt>, StorageFault> {
        Ok(self.attempts.get(&id).cloned())
    }
    fn latest_attempt(&self, key: &SaleKey) -> Result<Option<Attempt>, StorageFault> {
        Ok(self.attempts.values().filter(|attempt| attempt.key == *key).max_by_key(|a| a.number).cloned())
    }
    fn attempt_by_trace(&self, _: u32, _: u32) -> Result<Option<Attempt>, StorageFault> {
        Ok(None)
    }
    fn batch(&self, _: u32, _: u32, _: u32) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn batch_size(&self, _: u32) -> Result<u32, StorageFault> {
        Ok(0)
    }
    fn attempts_by_rrn(&self, _: &str) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn attempts_by_authorisation(&self, _: &str) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn external_followers(&self, _: &str) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn followers(&self, _: TransactionId) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn attempts(&self, _: u32, _: Option<u64>, _: u32) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn unacknowledged(&self, _: u32) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn unresolved(&self) -> Result<Vec<Attempt>, StorageFault> {
        Ok(Vec::new())
    }
    fn open_reversals(&self) -> Result<Vec<Reversal>, StorageFault> {
        Ok(Vec::new())
    }
    fn open_advices(&self) -> Result<Vec<Advice>, StorageFault> {
        Ok(Vec::new())
    }
    fn settlement(&self, _: Option<u32>) -> Result<Option<Settlement>, StorageFault> {
        Ok(None)
    }
    fn settlement_by_id(&self, _: u64) -> Result<Option<Settlement>, StorageFault> {
        Ok(None)
    }
    fn open_settlement(&self) -> Result<Option<Settlement>, StorageFault> {
        Ok(None)
    }

    fn advices_to_look_at(&self) -> Result<Vec<Advice>, StorageFault> {
        Ok(Vec::new())
    }
    fn advice(&self, _: AdviceId) -> Result<Option<Advice>, StorageFault> {
        Ok(None)
    }
    fn recent_advices(&self, _: u32) -> Result<Vec<Advice>, StorageFault> {
        Ok(Vec::new())
    }
    fn recent_reversals(&self, _: u32) -> Result<Vec<Reversal>, StorageFault> {
        Ok(Vec::new())
    }
    fn at_risk(&self, _: Option<CardKey>, _: &str) -> Result<AtRisk, StorageFault> {
        Ok(AtRisk::default())
    }
    fn open_print_jobs(&self) -> Result<Vec<PrintJob>, StorageFault> {
        Ok(Vec::new())
    }
    fn print_jobs(&self, _: TransactionId) -> Result<Vec<PrintJob>, StorageFault> {
        Ok(Vec::new())
    }
    fn sets(&self) -> Result<Vec<StoredSet>, StorageFault> {
        Ok(Vec::new())
    }
    fn audit_head(&self) -> Result<AuditHead, StorageFault> {
        Ok(self
            .rows
            .last()
            .map(|row| AuditHead { sequence: row.sequence, hash: row.hash })
            .unwrap_or_default())
    }
}

/// A terminal in service, its journal, and what it did last.
struct Till {
    terminal: Terminal,
    memory: Memory,
    now: Moment,
    calls: CallId,
    /// Each effect of the last event as one word, in order.
    steps: Vec<&'static str>,
    replies: Vec<(CallId, Result<Answer, CallError>)>,
    asked: Vec<(u32, Request)>,
    vault_timer: Option<u64>,
}

const CALLER: Caller = Caller { uid: 1000, connection: 7 };

impl Till {
    fn new() -> Till {
        let settings = Settings {
            merchant_name: "示例商户".to_owned(),
            merchant: "898000000000001".to_owned(),
            terminal: "00000001".to_owned(),
            hosts: vec!["192.0.2.1:5000".to_owned()],
            profile_name: "unionpay".to_owned(),
            test: true,
            copies: Vec::new(),
            profile: Arc::new(Profile::default()),
            card: Arc::new(Configuration::unionpay()),
            offline: None,
            deadlines: crate::Deadlines::default(),
        };
        let mut till = Till {
            terminal: Terminal::new(settings),
            memory: Memory::default(),
            now: Moment {
                local: LocalTime { year: 2027, month: 1, day: 15, ..LocalTime::default() },
                ..Moment::default()
            },
            calls: 0,
            steps: Vec::new(),
            replies: Vec::new(),
            asked: Vec::new(),
            vault_timer: None,
        };
        till.event(Event::Started);
        till.event(Event::JournalChecked(Ok(())));
        till.event(Event::VaultUp(Status {
            reader: DeviceState::Ready,
            pin_pad: DeviceState::Ready,
            contactless: DeviceState::Missing,
            stripe_reader: DeviceState::Missing,
            card_present: false,
            card_in_field: false,
            storage_key: true,
            algorithm: posd_vault_protocol::KeyAlgorithm::TripleDes,
            master_key: Some([1, 2, 3]),
            pin_key: None,
            mac_key: None,
        }));
        till
    }

    fn event(&mut self, event: Event) {
        self.steps.clear();
        for effect in self.terminal.handle(event, self.now, &self.memory) {
            match effect {
                Effect::Commit(writes) => {
                    self.steps.push("commit");
                    for write in writes {
                        match write {
                            Write::Device(device) => self.memory.device = device,
                            Write::Attempt(attempt) => {
                                self.memory.attempts.insert(attempt.id, *attempt);
                            }
                            Write::Audit(row) => self.memory.rows.push(*row),
                            _ => {}
                        }
                    }
                }
                Effect::Reply(call, answer) => {
                    self.steps.push("reply");
                    self.replies.push((call, answer));
                }
                Effect::Vault(id, request) => {
                    self.steps.push("vault");
                    self.asked.push((id, request));
                }
                Effect::SetTimer(Timer::Vault, after) => self.vault_timer = Some(after),
                Effect::StopTimer(Timer::Vault) => self.vault_timer = None,
                _ => {}
            }
        }
    }

    fn call(&mut self, call: Call) -> CallId {
        self.calls += 1;
        self.event(Event::Call { id: self.calls, caller: CALLER, call });
        self.calls
    }

    fn vault(&mut self, reply: Reply) {
        let (id, _) = self.asked.pop().unwrap();
        self.event(Event::VaultReply(id, reply));
    }

    /// The answer to a call that has one.
    fn answer(&mut self, call: CallId) -> Result<Answer, CallError> {
        let place = self.replies.iter().position(|(id, _)| *id == call).unwrap();
        self.replies.remove(place).1
    }

    /// A call that the vault is not asked about.
    fn at_once(&mut self, call: Call) -> Result<Answer, CallError> {
        let call = self.call(call);
        self.answer(call)
    }

    /// A call and the vault's word on it.
    fn with(&mut self, call: Call, reply: Reply) -> Result<Answer, CallError> {
        let call = self.call(call);
        self.vault(reply);
        self.answer(call)
    }

    fn log_in(&mut self, operator: &str) {
        assert_eq!(self.with(log_in(operator), right()), Ok(Answer::Done));
    }

    fn create(&mut self, reference: &str) -> Result<Answer, CallError> {
        let reference = Reference::new(reference).unwrap();
        let amount = Amount::new(1234, Currency::Cny).unwrap();
        self.at_once(Call::Create { reference, kind: Kind::Sale, amount, options: Box::default() })
    }

    /// Every row after those of the first start.
    fn rows(&self) -> Vec<String> {
        let row = |row: &AuditRow| format!("{} {} {}", row.operator, row.event, row.detail).trim().to_owned();
        let events: Vec<&str> = self.memory.rows[..2].iter().map(|row| row.event.as_str()).collect();
        assert_eq!(events, ["terminal-started", "initialised"]);
        self.memory.rows[2..].iter().map(row).collect()
    }

    fn chain(&self, kept: Option<AuditHead>) -> Result<AuditHead, AuditFault> {
        let mut chain = AuditChain::new(kept);
        self.memory.rows.iter().try_for_each(|row| chain.follow(row))?;
        chain.end()
    }
}

fn log_in(operator: &str) -> Call {
    Call::LogIn { operator: operator.to_owned(), password: None }
}

fn unlock(operator: Option<&str>) -> Call {
    Call::Unlock { operator: operator.map(str::to_owned), password: None }
}

fn delete(operator: &str) -> Call {
    Call::DeleteOperator { operator: operator.to_owned(), authority: None }
}

fn reset(operator: &str) -> Call {
    Call::ResetPassword { operator: operator.to_owned(), authority: None }
}

fn change(operator: &str) -> Call {
    Call::ChangePassword { operator: operator.to_owned(), passwords: None }
}

fn right() -> Reply {
    Reply::Password(PasswordCheck::Accepted { must_change: false })
}

fn wrong() -> Reply {
    Reply::Password(PasswordCheck::Wrong)
}

#[test]
fn an_initial_password_logs_nobody_in() {
    let mut till = Till::new();
    let initial = Reply::Password(PasswordCheck::Accepted { must_change: true });
    assert_eq!(till.with(log_in("03"), initial), Err(CallError::PasswordMustBeChanged));
    assert_eq!(till.terminal.terminal_view().operator, None);
    assert_eq!(till.rows(), ["03 log-in-refused result=initial-password"]);
    assert_eq!(till.with(change("03"), Reply::Changed(OperatorChange::Done)), Ok(Answer::Done));
    till.log_in("03");
    assert_eq!(till.terminal.terminal_view().operator.as_deref(), Some("03"));
}

#[test]
fn logins_are_written_before_they_count() {
    let mut till = Till::new();
    till.log_in("01");
    assert_eq!(till.steps, ["commit", "reply"]);
    till.log_in("02");
    assert_eq!(till.at_once(Call::LogOut), Ok(Answer::Done));
    assert_eq!(till.steps, ["commit", "reply"]);
    assert_eq!(till.at_once(Call::LogOut), Ok(Answer::Done), "nobody is logged in, which is no error");
    assert_eq!(till.with(log_in("01"), wrong()), Err(CallError::WrongPassword));
    let rows = [
        "01 log-in",
        "01 log-out by=02",
        "02 log-in",
        "02 log-out",
        "01 log-in-refused result=wrong-password",
    ];
    assert_eq!(till.rows(), rows);
    assert!(till.memory.rows[2..].iter().all(|row| row.uid == Some(1000)));
    assert_eq!(till.chain(None).unwrap().sequence, 7);
    assert_eq!(till.at_once(Call::AuditHead), Ok(Answer::AuditHead(till.chain(None).unwrap())));
}

#[test]
fn a_change_is_written_before_the_vault_is_asked_and_after() {
    let mut till = Till::new();
    let call = till
        .call(Call::AddOperator { operator: "03".to_owned(), authority: Some(Secret::new(b"1".to_vec())) });
    assert_eq!(till.steps, ["commit", "vault"]);
    assert!(matches!(&till.asked[0].1, Request::AddOperator { operator, .. } if operator == "03"));
    till.vault(Reply::Changed(OperatorChange::Exists));
    assert_eq!(till.steps, ["commit", "reply"]);
    assert_eq!(till.answer(call), Err(CallError::OperatorExists));
    assert_eq!(till.with(delete("03"), Reply::Changed(OperatorChange::Done)), Ok(Answer::Done));
    // The vault goes away while it changes something: nobody knows whether it did.
    let call = till.call(reset("00"));
    till.event(Event::VaultDown);
    assert_eq!(till.answer(call), Err(CallError::NotReady("secure-module")));
    let rows = [
        "00 operator-add target=03 result=asked",
        "00 operator-add target=03 result=exists",
        "00 operator-delete target=03 result=asked",
        "00 operator-delete target=03 result=done",
        "99 password-reset target=00 result=asked",
        "99 password-reset target=00 result=unknown",
    ];
    assert_eq!(till.rows(), rows);
    assert_eq!(till.at_once(log_in("01")), Err(CallError::NotReady("secure-module")));
}

#[test]
fn every_answer_of_the_vault_has_its_error() {
    let cases = [
        (OperatorChange::Wrong, CallError::WrongPassword),
        (OperatorChange::LockedOut { seconds: 29 }, CallError::LockedOut(29)),
        (OperatorChange::MustChange, CallError::PasswordMustBeChanged),
        (OperatorChange::WrongLength { digits: 6 }, CallError::WrongPasswordLength(6)),
        (OperatorChange::NotNew, CallError::PasswordNotNew),
        (OperatorChange::Differs, CallError::PasswordsDiffer),
        (OperatorChange::Unknown, CallError::OperatorUnknown),
        (OperatorChange::NotAllowed, CallError::NotAllowed),
        (OperatorChange::Cancelled, CallError::PromptEnded),
        (OperatorChange::TimedOut, CallError::PromptEnded),
        (OperatorChange::PadMissing, CallError::NotReady("pin-pad")),
    ];
    let mut till = Till::new();
    for (change, error) in cases {
        assert_eq!(till.with(reset("02"), Reply::Changed(change)), Err(error));
    }
    let refused = Reply::Refused(Refusal::PadBusy);
    assert_eq!(till.with(reset("02"), refused), Err(CallError::Busy));
    assert!(till.rows().iter().all(|row| row.starts_with("00 password-reset target=02 result=")));
}

#[test]
fn what_nobody_may_do_asks_for_no_password() {
    let mut till = Till::new();
    till.log_in("01");
    for call in [delete("00"), delete("99"), reset("99")] {
        assert_eq!(till.at_once(call), Err(CallError::NotAllowed));
    }
    for call in [delete("01"), reset("01")] {
        assert_eq!(till.at_once(call), Err(CallError::OperatorLoggedIn));
    }
    for number in ["", "1", "001", "0a", "０"] {
        assert!(matches!(till.at_once(change(number)), Err(CallError::InvalidArgument(_))), "{number}");
        assert!(matches!(till.at_once(delete(number)), Err(CallError::InvalidArgument(_))), "{number}");
    }
    assert_eq!(till.rows(), ["01 log-in"]);
}

#[test]
fn a_locked_terminal_makes_and_starts_nothing_until_its_operators_word() {
    let mut till = Till::new();
    assert_eq!(till.at_once(Call::Lock), Err(CallError::NoOperator));
    till.memory.device.signed_in = true;
    till.event(Event::Started);
    till.log_in("01");
    let Ok(Answer::Transaction(made)) = till.create("before") else { panic!() };
    assert_eq!(till.at_once(Call::Lock), Ok(Answer::Done));
    assert!(till.terminal.terminal_view().locked);
    assert_eq!(till.create("after"), Err(CallError::Locked));
    assert_eq!(till.at_once(Call::Start { id: made.id() }), Err(CallError::Locked));
    assert_eq!(till.at_once(log_in("02")), Err(CallError::Locked));
    assert_eq!(till.at_once(Call::LogOut), Err(CallError::Locked));
    assert!(matches!(till.create("before"), Ok(Answer::Transaction(_))), "what is there is found");
    assert_eq!(till.at_once(unlock(Some("02"))), Err(CallError::NotAllowed));
    assert_eq!(till.with(unlock(None), wrong()), Err(CallError::WrongPassword));
    assert!(till.terminal.terminal_view().locked);
    assert_eq!(till.with(unlock(None), right()), Ok(Answer::Done));
    assert_eq!(till.terminal.terminal_view().operator.as_deref(), Some("01"));
    assert_eq!(till.at_once(Call::Lock), Ok(Answer::Done));
    assert_eq!(till.with(unlock(Some("00")), right()), Ok(Answer::Done));
    assert!(!till.terminal.terminal_view().locked);
    assert!(matches!(till.create("after"), Ok(Answer::Transaction(_))));
    let rows: Vec<String> = till.rows().into_iter().filter(|row| row.contains("lock")).collect();
    assert_eq!(
        rows,
        ["01 lock", "01 unlock-refused result=wrong-password", "01 unlock", "01 lock", "00 unlock"]
    );
}

#[test]
fn while_a_password_is_typed_or_a_transaction_runs_the_pad_is_busy() {
    let mut till = Till::new();
    till.log_in("01");
    till.memory.device.signed_in = true;
    till.event(Event::Started);
    till.call(change("02"));
    let others = || [log_in("02"), change("02"), delete("02"), reset("02"), Call::Lock, Call::LogOut];
    for call in others() {
        assert_eq!(till.at_once(call), Err(CallError::Busy));
    }
    till.vault(Reply::Changed(OperatorChange::Cancelled));
    let Ok(Answer::Transaction(made)) = till.create("runs") else { panic!() };
    assert_eq!(till.at_once(Call::Start { id: made.id() }), Ok(Answer::Done));
    for call in others() {
        assert_eq!(till.at_once(call), Err(CallError::Busy));
    }
}

#[test]
fn of_a_lock_out_only_the_first_refusal_is_written() {
    let mut till = Till::new();
    let out = |seconds| Reply::Password(PasswordCheck::LockedOut { seconds });
    assert_eq!(till.with(log_in("01"), out(30)), Err(CallError::LockedOut(30)));
    assert_eq!(till.with(log_in("01"), out(29)), Err(CallError::LockedOut(29)));
    assert_eq!(till.with(log_in("02"), out(9)), Err(CallError::LockedOut(9)));
    till.with(log_in("01"), wrong()).unwrap_err();
    till.with(log_in("01"), out(60)).unwrap_err();
    let refused = |operator, why| format!("{operator} log-in-refused result={why}");
    let rows = [
        refused("01", "locked-out"),
        refused("02", "locked-out"),
        refused("01", "wrong-password"),
        refused("01", "locked-out"),
    ];
    assert_eq!(till.rows(), rows);
}

#[test]
fn a_transaction_leaves_a_row_when_it_is_made_and_one_for_its_outcome() {
    let mut till = Till::new();
    till.log_in("01");
    let Ok(Answer::Transaction(made)) = till.create("sale-1") else { panic!() };
    assert!(till.create("sale-1").is_ok(), "found again");
    till.at_once(Call::Cancel { id: made.id() }).unwrap();
    till.at_once(Call::Acknowledge { id: made.id() }).unwrap();
    assert_eq!(till.memory.attempts[&made.id()].outcome, Some(Outcome::Cancelled));
    let rows = [
        "01 log-in",
        "01 transaction-created transaction=1 kind=sale amount=1234",
        "transaction-outcome transaction=1 outcome=cancelled cause=cancelled-by-app",
    ];
    assert_eq!(till.rows(), rows);
    till.chain(None).unwrap();
}

#[test]
fn a_damaged_journal_is_not_written_and_so_nobody_logs_in() {
    let mut till = Till::new();
    till.log_in("01");
    let call = till.call(log_in("02"));
    till.event(Event::JournalChecked(Err(StorageFault("damaged".to_owned()))));
    till.vault(right());
    assert_eq!(till.answer(call), Err(CallError::StorageFailed));
    for call in [log_in("02"), change("02"), delete("02"), Call::Lock, Call::LogOut] {
        assert_eq!(till.at_once(call), Err(CallError::StorageFailed));
    }
    assert_eq!(till.rows(), ["01 log-in"]);
}

#[test]
fn nobody_logs_in_before_the_journal_is_checked_and_the_start_is_written() {
    let mut till = Till::new();
    let settings = till.terminal.settings.as_ref().clone();
    let status = till.terminal.vault;
    till.terminal = Terminal::new(settings);
    till.event(Event::Started);
    till.event(Event::VaultUp(status.unwrap()));
    assert_eq!(till.at_once(log_in("01")), Err(CallError::NotReady("journal-checking")));
    till.event(Event::JournalChecked(Ok(())));
    till.log_in("01");
    assert_eq!(till.rows(), ["terminal-started", "01 log-in"]);
    assert_eq!(till.chain(None).unwrap().sequence, 4, "the chain goes on where it was");
}

#[test]
fn a_prompt_goes_when_its_caller_does() {
    let mut till = Till::new();
    till.call(change("01"));
    till.event(Event::CallerGone(8));
    assert_eq!(till.steps, [""; 0]);
    till.event(Event::CallerGone(CALLER.connection));
    assert!(matches!(till.asked.last().unwrap().1, Request::CancelPrompt));
}

#[test]
fn a_question_while_a_prompt_stands_does_not_cut_it_short() {
    let mut till = Till::new();
    till.call(log_in("01"));
    assert_eq!(till.vault_timer, Some(75_000));
    till.now.monotonic_ms = 10_000;
    let call = till.call(Call::ListOperators);
    assert_eq!(till.vault_timer, Some(15_000), "a vault that hangs is found out");
    let all = vec![OperatorEntry { operator: "01".to_owned(), initial: true, locked_out: false }];
    till.vault(Reply::Operators(all.clone()));
    assert_eq!(till.answer(call), Ok(Answer::Operators(all)));
    assert_eq!(till.vault_timer, Some(65_000));
    till.vault(right());
    assert_eq!(till.vault_timer, None);
}

#[test]
fn the_chain_shows_what_was_changed_removed_or_swapped_and_a_kept_head_what_was_cut_off() {
    let mut till = Till::new();
    for operator in ["01", "02", "03", "04"] {
        till.log_in(operator);
    }
    let rows = till.memory.rows.clone();
    let last = rows.len() as u64;
    let head = till.chain(None).unwrap();
    assert_eq!(head.sequence, last);
    let broken = |change: &dyn Fn(&mut Vec<AuditRow>)| {
        let mut till = Till::new();
        till.memory.rows = rows.clone();
        change(&mut till.memory.rows);
        (till.chain(None).err(), till.chain(Some(head)).err())
    };
    let both = |fault| (Some(fault), Some(fault));
    assert_eq!(broken(&|rows| rows[2].detail.push('1')), both(AuditFault::Content(3)));
    assert_eq!(broken(&|rows| rows[2].uid = None), both(AuditFault::Content(3)));
    assert_eq!(broken(&|rows| rows[2].time += 1), both(AuditFault::Content(3)));
    // A letter moved from one text to the next.
    assert_eq!(
        broken(&|rows| {
            let letter = rows[2].operator.pop().unwrap();
            rows[2].event.insert(0, letter);
        }),
        both(AuditFault::Content(3))
    );
    assert_eq!(broken(&|rows| drop(rows.remove(2))), both(AuditFault::Gap(3, 4)));
    assert_eq!(broken(&|rows| rows.swap(2, 3)), both(AuditFault::Gap(3, 4)));
    // Renumbered too.
    let renumber = |rows: &mut Vec<AuditRow>| (1..).zip(rows).for_each(|(place, row)| row.sequence = place);
    let removed = broken(&|rows| {
        rows.remove(2);
        renumber(rows);
    });
    assert_eq!(removed, both(AuditFault::Link(3)));
    // A row changed with its own hash made anew: the next one tells.
    let rehashed = broken(&|rows| {
        rows[2].detail.push('1');
        rows[2].hash = rows[2].content_hash();
    });
    assert_eq!(rehashed, both(AuditFault::Link(4)));
    // Rows cut off, and the last ones written anew: the chain alone cannot show it.
    let cut = broken(&|rows| rows.truncate(3));
    assert_eq!(cut, (None, Some(AuditFault::CutOff(3, last))));
    assert_eq!(broken(&|rows| rows.clear()), (None, Some(AuditFault::CutOff(0, last))));
    let anew = broken(&|rows| {
        let row = rows.last_mut().unwrap();
        row.operator = "98".to_owned();
        row.hash = row.content_hash();
    });
    assert_eq!(anew, (None, Some(AuditFault::OtherHead(last))));
    assert_eq!(head.to_string().parse(), Ok(head));
    for wrong in ["", "1", "1:", "x:00", &format!("1:{}", "é".repeat(32))] {
        assert!(wrong.parse::<AuditHead>().is_err(), "{wrong}");
    }
}
