//! The operator table: who may change what, and the rules of new passwords.

use std::collections::BTreeMap;

use posd_vault_protocol::{
    Asking, DeviceState, Notice, OperatorChange as Change, OperatorEntry, PasswordChange, PasswordCheck,
    Refusal, Reply, Request, Secret,
};

use super::{Bench, STORAGE, core, core_with, work_keys};
use crate::{Input, Key, KeyReply, Operator, PadPrompt, Settings};

pub(super) const SUPERVISOR: &str = "246810";
const MANAGER: &str = "86421357";

pub(super) fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

pub(super) fn change(operator: &str, old: &str, new: &str) -> Request {
    let passwords = Some(PasswordChange { old: secret(old), new: secret(new) });
    Request::ChangePassword { operator: operator.into(), passwords, timeout_ms: 30_000 }
}

fn change_typed(operator: &str) -> Request {
    Request::ChangePassword { operator: operator.into(), passwords: None, timeout_ms: 30_000 }
}

pub(super) fn add(operator: &str, authority: Option<&str>) -> Request {
    let authority = authority.map(secret);
    Request::AddOperator { operator: operator.into(), authority, timeout_ms: 30_000 }
}

pub(super) fn delete(operator: &str, authority: Option<&str>) -> Request {
    let authority = authority.map(secret);
    Request::DeleteOperator { operator: operator.into(), authority, timeout_ms: 30_000 }
}

pub(super) fn reset(operator: &str, authority: Option<&str>) -> Request {
    let authority = authority.map(secret);
    Request::ResetPassword { operator: operator.into(), authority, timeout_ms: 30_000 }
}

fn did(bench: &mut Bench, request: Request) -> Change {
    match bench.ask(request) {
        Reply::Changed(change) => change,
        other => panic!("no change: {other:?}"),
    }
}

fn check(bench: &mut Bench, operator: &str, password: &str) -> PasswordCheck {
    let password = Some(secret(password));
    match bench.ask(Request::CheckPassword { operator: operator.into(), password, timeout_ms: 1_000 }) {
        Reply::Password(check) => check,
        other => panic!("no check: {other:?}"),
    }
}

fn right(must_change: bool) -> PasswordCheck {
    PasswordCheck::Accepted { must_change }
}

fn list(bench: &mut Bench) -> Vec<OperatorEntry> {
    match bench.ask(Request::ListOperators) {
        Reply::Operators(list) => list,
        other => panic!("no list: {other:?}"),
    }
}

fn numbers(bench: &mut Bench) -> Vec<String> {
    list(bench).into_iter().map(|entry| entry.operator).collect()
}

fn restarted(bench: &Bench) -> Bench {
    Bench::with(core(Some(STORAGE), bench.blob.clone()), bench.blob.clone())
}

/// Where the configuration names nobody.
fn delivered() -> Bench {
    let settings = Settings::new(BTreeMap::new(), BTreeMap::new()).unwrap().with_cheap_hashes(16, 1);
    Bench::with(core_with(settings, Some(STORAGE), None), None)
}

#[test]
fn terminal_is_delivered_with_initial_passwords_that_must_be_changed() {
    let mut bench = delivered();
    assert_eq!(numbers(&mut bench), ["00", "01", "02", "03", "04", "05", "99"]);
    assert!(list(&mut bench).iter().all(|entry| entry.initial && !entry.locked_out));
    for (operator, password) in [("00", "123456"), ("01", "0000"), ("05", "0000"), ("99", "12345678")] {
        assert_eq!(check(&mut bench, operator, password), right(true), "{operator}");
    }
    assert_eq!(check(&mut bench, "06", "0000"), PasswordCheck::Wrong);
    assert_eq!(did(&mut bench, change("01", "0000", "1357")), Change::Done);
    assert_eq!(check(&mut bench, "01", "1357"), right(false));
    assert_eq!(check(&mut bench, "01", "0000"), PasswordCheck::Wrong);
}

#[test]
fn configuration_counts_at_the_first_start_only() {
    let mut bench = Bench::empty();
    assert_eq!(numbers(&mut bench), ["00", "01", "99"], "supervisor and manager are always there");
    assert_eq!(did(&mut bench, change("01", "1357", "8642")), Change::Done);
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), Change::Done);
    let mut again = restarted(&bench);
    assert_eq!(numbers(&mut again), ["00", "01", "07", "99"]);
    assert_eq!(check(&mut again, "01", "1357"), PasswordCheck::Wrong);
    assert_eq!(check(&mut again, "01", "8642"), right(false));
    assert_eq!(check(&mut again, "07", "0000"), right(true));
}

#[test]
fn hash_of_an_initial_password_must_be_changed_too() {
    let settings = Settings::new(super::people(&[("01", "0000")]), BTreeMap::new()).unwrap();
    let mut bench = Bench::with(core_with(settings, Some(STORAGE), None), None);
    assert!(!list(&mut bench)[1].initial);
    assert_eq!(check(&mut bench, "01", "0000"), right(true));
    assert!(list(&mut bench)[1].initial);
    assert!(list(&mut restarted(&bench))[1].initial);
}

#[test]
fn stores_of_the_versions_before_open_and_gain_what_they_lack() {
    let mut bench = Bench::keyed();
    let clear = crate::crypto::open(&STORAGE, b"posd-vault\x03", b"store", bench.blob.as_ref().unwrap());
    let clear = clear.unwrap();
    // Keys as version 2 wrote them: all but the algorithm, which is last. Version 1 had no table, which is before it.
    let without_algorithm = clear.strip_suffix(&[0]).unwrap();
    let table = postcard::to_allocvec(&bench.core.keys.operators).unwrap();
    let without_table = without_algorithm.strip_suffix(&table[..]).unwrap();
    for (header, old) in [(b"posd-vault\x02", without_algorithm), (b"posd-vault\x01", without_table)] {
        let blob = crate::crypto::seal(&STORAGE, header, b"store", old, &mut |nonce| nonce.fill(1)).unwrap();
        let mut again = Bench::with(core(Some(STORAGE), Some(blob.clone())), Some(blob));
        assert!(!again.core.store_unreadable());
        assert_eq!(again.status().mac_key, bench.status().mac_key);
        assert_eq!(check(&mut again, "01", "1357"), right(false));
    }
}

#[test]
fn new_password_obeys_the_rules() {
    let mut bench = Bench::empty();
    for (operator, old, digits) in [("01", "1357", 4), ("00", SUPERVISOR, 6), ("99", "12345678", 8)] {
        for length in [0, 3, 4, 5, 6, 7, 8, 9] {
            if length != usize::from(digits) {
                let new = "9".repeat(length);
                let wrong = Change::WrongLength { digits };
                assert_eq!(did(&mut bench, change(operator, old, &new)), wrong, "{operator} {length}");
            }
        }
        assert_eq!(did(&mut bench, change(operator, old, old)), Change::NotNew);
    }
    assert_eq!(did(&mut bench, change("01", "1357", "13a7")), Change::WrongLength { digits: 4 });
    for (operator, old, initial) in [("01", "1357", "0000"), ("00", SUPERVISOR, "123456")] {
        assert_eq!(did(&mut bench, change(operator, old, initial)), Change::NotNew);
    }
    assert_eq!(check(&mut bench, "01", "1357"), right(false));
    assert_eq!(did(&mut bench, change("99", "12345678", MANAGER)), Change::Done);
    assert_eq!(did(&mut bench, change("00", SUPERVISOR, "975310")), Change::Done);
    assert_eq!(check(&mut bench, "00", "975310"), right(false));
    assert_eq!(check(&mut bench, "99", MANAGER), right(false));
}

fn type_in(bench: &mut Bench, digits: &str) {
    bench.press(digits);
    bench.input(Input::Key(Key::Enter));
}

#[test]
fn password_is_changed_on_the_pad_in_three_prompts() {
    let mut bench = Bench::empty();
    bench.input(Input::Request(1, change_typed("01")));
    for digits in ["1357", "8642", "8642"] {
        assert!(bench.reply(1).is_none());
        type_in(&mut bench, digits);
    }
    assert!(matches!(bench.reply(1), Some(Reply::Changed(Change::Done))));
    let asked = [Asking::OldPassword, Asking::NewPassword, Asking::NewPasswordAgain];
    assert_eq!(bench.notices(), asked.map(Notice::Asking));
    let operator = Operator::new("01").unwrap();
    let shown = [
        Some(PadPrompt::OperatorPassword(operator)),
        None,
        Some(PadPrompt::NewPassword(operator)),
        None,
        Some(PadPrompt::NewPasswordAgain(operator)),
        None,
    ];
    assert_eq!(bench.prompts(), shown);
    assert_eq!(check(&mut bench, "01", "8642"), right(false));
}

#[test]
fn mistakes_at_the_pad_change_nothing() {
    let mut bench = Bench::empty();
    let cases: [(&[&str], Change); 4] = [
        (&["9999"], Change::Wrong),
        (&["1357", "1357"], Change::NotNew),
        (&["1357", "0000"], Change::NotNew),
        (&["1357", "8642", "8643"], Change::Differs),
    ];
    for (typed, expected) in cases {
        bench.input(Input::Request(1, change_typed("01")));
        for digits in typed {
            type_in(&mut bench, digits);
        }
        match bench.reply(1) {
            Some(Reply::Changed(change)) => assert_eq!(change, expected),
            other => panic!("{typed:?}: {other:?}"),
        }
    }
    // A new password of another length is not taken by Enter, and no digit too many.
    bench.input(Input::Request(2, change_typed("01")));
    type_in(&mut bench, "1357");
    type_in(&mut bench, "864");
    assert!(bench.reply(2).is_none() && bench.core.prompt.is_some());
    bench.input(Input::Key(Key::Cancel));
    assert!(matches!(bench.reply(2), Some(Reply::Changed(Change::Cancelled))));
    assert_eq!(check(&mut bench, "01", "1357"), right(false));
}

#[test]
fn prompts_of_a_change_share_one_time_and_end_as_others_do() {
    let mut bench = Bench::empty();
    bench.input(Input::Request(1, change_typed("01")));
    bench.pass(20_000);
    type_in(&mut bench, "1357");
    bench.pass(9_999);
    assert!(bench.reply(1).is_none());
    bench.pass(1);
    assert!(matches!(bench.reply(1), Some(Reply::Changed(Change::TimedOut))));
    bench.input(Input::Request(2, change_typed("01")));
    type_in(&mut bench, "1357");
    bench.input(Input::Request(3, Request::CancelPrompt));
    assert!(matches!(bench.reply(2), Some(Reply::Changed(Change::Cancelled))));
    bench.input(Input::Request(4, add("07", None)));
    bench.input(Input::PinPad(DeviceState::Missing));
    assert!(matches!(bench.reply(4), Some(Reply::Changed(Change::PadMissing))));
    assert_eq!(did(&mut bench, change_typed("01")), Change::PadMissing);
}

#[test]
fn supervisor_adds_deletes_and_resets() {
    let mut bench = Bench::empty();
    assert_eq!(did(&mut bench, add("07", Some("111111"))), Change::Wrong);
    assert_eq!(did(&mut bench, add("07", Some("1357"))), Change::Wrong, "not an operator's");
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), Change::Done);
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), Change::Exists);
    assert_eq!(did(&mut bench, change("07", "0000", "7777")), Change::Done);
    assert_eq!(did(&mut bench, reset("07", Some(SUPERVISOR))), Change::Done);
    assert_eq!(check(&mut bench, "07", "7777"), PasswordCheck::Wrong);
    assert_eq!(check(&mut bench, "07", "0000"), right(true));
    assert_eq!(did(&mut bench, delete("07", Some(SUPERVISOR))), Change::Done);
    assert_eq!(check(&mut bench, "07", "0000"), PasswordCheck::Wrong);
    assert_eq!(did(&mut bench, delete("07", Some(SUPERVISOR))), Change::Unknown);
    assert_eq!(did(&mut bench, reset("07", Some(SUPERVISOR))), Change::Unknown);
    assert_eq!(did(&mut bench, delete("07", Some("9"))), Change::Wrong, "who is there is not told");
}

#[test]
fn supervisor_is_asked_on_the_pad() {
    let mut bench = Bench::empty();
    bench.input(Input::Request(1, add("07", None)));
    type_in(&mut bench, SUPERVISOR);
    assert!(matches!(bench.reply(1), Some(Reply::Changed(Change::Done))));
    assert_eq!(bench.notices(), [Notice::Asking(Asking::SupervisorPassword)]);
    bench.input(Input::Request(2, reset("00", None)));
    assert_eq!(bench.notices()[1..], [Notice::Asking(Asking::ManagerPassword)]);
}

#[test]
fn supervisor_and_manager_stay_and_only_the_manager_resets_the_supervisor() {
    let mut bench = Bench::empty();
    for request in [
        add("00", Some(SUPERVISOR)),
        add("99", Some(SUPERVISOR)),
        delete("00", Some(SUPERVISOR)),
        delete("99", Some(SUPERVISOR)),
        reset("99", Some("12345678")),
    ] {
        assert_eq!(did(&mut bench, request), Change::NotAllowed);
    }
    assert_eq!(did(&mut bench, reset("00", Some(SUPERVISOR))), Change::Wrong);
    assert_eq!(did(&mut bench, reset("00", Some("12345678"))), Change::MustChange);
    assert_eq!(did(&mut bench, change("99", "12345678", MANAGER)), Change::Done);
    assert_eq!(did(&mut bench, reset("00", Some(MANAGER))), Change::Done);
    assert_eq!(check(&mut bench, "00", "123456"), right(true));
    // With the initial password the supervisor may do nothing but change it.
    assert_eq!(did(&mut bench, add("07", Some("123456"))), Change::MustChange);
    assert_eq!(numbers(&mut bench), ["00", "01", "99"]);
}

#[test]
fn all_98_operators_fit() {
    let mut bench = Bench::empty();
    for number in 2..=98 {
        let number = format!("{number:02}");
        assert_eq!(did(&mut bench, add(&number, Some(SUPERVISOR))), Change::Done);
        assert_eq!(did(&mut bench, change(&number, "0000", "4711")), Change::Done);
    }
    assert_eq!(list(&mut bench).len(), 100);
    assert!(bench.blob.as_ref().unwrap().len() < 32 * 1024);
    assert_eq!(check(&mut restarted(&bench), "98", "4711"), right(false));
    for number in ["", "1", "001", "0a", "０"] {
        assert_eq!(bench.refusal(add(number, Some(SUPERVISOR))), Refusal::Malformed);
        assert_eq!(bench.refusal(change(number, "0000", "4711")), Refusal::Malformed);
    }
}

#[test]
fn wrong_tries_of_every_request_count_together() {
    let mut bench = Bench::empty();
    assert_eq!(did(&mut bench, change("01", "9", "8642")), Change::Wrong);
    assert_eq!(check(&mut bench, "01", "9"), PasswordCheck::Wrong);
    bench.input(Input::Request(1, change_typed("01")));
    type_in(&mut bench, "9");
    assert!(matches!(bench.reply(1), Some(Reply::Changed(Change::Wrong))));
    let locked = Change::LockedOut { seconds: 30 };
    assert_eq!(did(&mut bench, change("01", "1357", "8642")), locked);
    assert_eq!(did(&mut bench, change_typed("01")), locked);
    assert!(list(&mut bench)[1].locked_out);
    // The supervisor's own are counted apart, whatever they were for.
    assert_eq!(did(&mut bench, add("07", Some("9"))), Change::Wrong);
    assert_eq!(did(&mut bench, delete("01", Some("9"))), Change::Wrong);
    assert_eq!(did(&mut bench, reset("01", Some("9"))), Change::Wrong);
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), locked);
    assert_eq!(check(&mut bench, "00", SUPERVISOR), PasswordCheck::LockedOut { seconds: 30 });
}

#[test]
fn reset_ends_a_lock_out_for_good() {
    let mut bench = Bench::empty();
    while check(&mut bench, "01", "9") == PasswordCheck::Wrong {}
    assert_eq!(did(&mut bench, reset("01", Some(SUPERVISOR))), Change::Done);
    assert_eq!(check(&mut restarted(&bench), "01", "0000"), right(true));
    assert_eq!(check(&mut bench, "01", "0000"), right(true));
}

#[test]
fn lock_out_is_not_shortened_by_a_restart_or_a_clock_that_jumps_back() {
    let mut bench = Bench::empty();
    while check(&mut bench, "01", "9") == PasswordCheck::Wrong {}
    bench.pass(29_000);
    let mut again = restarted(&bench);
    assert_eq!(check(&mut again, "01", "1357"), PasswordCheck::LockedOut { seconds: 30 });
    // The delay runs from the start of the run, not from the first who asks.
    again.pass(29_999);
    assert!(matches!(check(&mut again, "01", "1357"), PasswordCheck::LockedOut { .. }));
    bench.now = 0;
    assert!(matches!(check(&mut bench, "01", "1357"), PasswordCheck::LockedOut { seconds } if seconds >= 1));
    again.pass(1);
    assert_eq!(check(&mut again, "01", "1357"), right(false));
}

#[test]
fn nothing_changes_that_is_not_durable() {
    let mut bench = Bench::empty();
    bench.store_works.set(false);
    for request in [change("01", "1357", "8642"), add("07", Some(SUPERVISOR)), delete("01", Some(SUPERVISOR))]
    {
        assert_eq!(bench.refusal(request), Refusal::StoreFailed);
    }
    assert_eq!(numbers(&mut bench), ["00", "01", "99"]);
    assert_eq!(check(&mut bench, "01", "1357"), right(false));
}

#[test]
fn without_a_store_nothing_is_changed_and_behind_a_broken_one_nobody_is_known() {
    let mut none = Bench::with(core(None, None), None);
    assert_eq!(check(&mut none, "01", "1357"), right(false));
    assert_eq!(none.refusal(change("01", "1357", "8642")), Refusal::NoStorageKey);
    assert_eq!(none.refusal(add("07", None)), Refusal::NoStorageKey);
    let mut bench = Bench::empty();
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), Change::Done);
    for key in [None, Some([9; 32])] {
        let mut other = Bench::with(core(key, bench.blob.clone()), bench.blob.clone());
        let password = Some(secret("1357"));
        let check = Request::CheckPassword { operator: "01".into(), password, timeout_ms: 1 };
        assert_eq!(other.refusal(check), Refusal::NoStorageKey);
        assert_eq!(other.refusal(Request::ListOperators), Refusal::NoStorageKey);
    }
}

#[test]
fn reset_or_deleted_operator_does_not_finish_a_change_begun_before() {
    for meanwhile in [reset("01", Some(SUPERVISOR)), delete("01", Some(SUPERVISOR))] {
        let mut bench = Bench::empty();
        bench.input(Input::Request(1, change_typed("01")));
        type_in(&mut bench, "1357");
        assert_eq!(did(&mut bench, meanwhile), Change::Done);
        type_in(&mut bench, "8642");
        type_in(&mut bench, "8642");
        assert!(matches!(bench.reply(1), Some(Reply::Changed(Change::Wrong))));
        assert_eq!(check(&mut bench, "01", "8642"), PasswordCheck::Wrong);
    }
}

#[test]
fn keys_and_operators_do_not_undo_each_other() {
    let mut bench = Bench::empty();
    assert_eq!(did(&mut bench, change("01", "1357", "8642")), Change::Done);
    bench.load_master();
    assert!(matches!(bench.ask(work_keys()), Reply::Done));
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), Change::Done);
    let mut again = restarted(&bench);
    assert!(again.status().mac_key.is_some());
    assert_eq!(check(&mut again, "01", "8642"), right(false));
    let abandoned = again.custodian(crate::KeyRequest::Abandon);
    assert_eq!(abandoned, KeyReply::Abandoned);
}

#[test]
fn store_shows_no_hash() {
    let mut bench = Bench::empty();
    assert_eq!(did(&mut bench, add("07", Some(SUPERVISOR))), Change::Done);
    let blob = bench.blob.unwrap();
    assert!(!blob.windows(7).any(|window| window == b"$argon2"));
}
