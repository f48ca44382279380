//! Operators' passwords and the lock-out.

use posd_vault_protocol::{DeviceState, PasswordCheck, Refusal, Reply, Request, Secret};

use super::{Bench, STORAGE, components, core, give};
use crate::{Input, Key, KeyRefusal, KeyReply, KeyRequest};

/// Right, and no initial password.
const RIGHT: PasswordCheck = PasswordCheck::Accepted { must_change: false };

fn given(operator: &str, password: &str) -> Request {
    let password = Some(Secret::new(password.as_bytes().to_vec()));
    Request::CheckPassword { operator: operator.into(), password, timeout_ms: 10_000 }
}

fn typed(operator: &str) -> Request {
    Request::CheckPassword { operator: operator.into(), password: None, timeout_ms: 10_000 }
}

fn check(bench: &mut Bench, request: Request) -> PasswordCheck {
    match bench.ask(request) {
        Reply::Password(check) => check,
        other => panic!("no check: {other:?}"),
    }
}

#[test]
fn password_is_checked_from_argument_and_pad() {
    let mut bench = Bench::empty();
    assert_eq!(check(&mut bench, given("01", "1357")), RIGHT);
    assert_eq!(check(&mut bench, given("01", "1358")), PasswordCheck::Wrong);
    assert_eq!(check(&mut bench, given("00", "246810")), RIGHT);
    bench.input(Input::Request(1, typed("00")));
    bench.press("246810");
    bench.input(Input::Key(Key::Enter));
    assert!(matches!(bench.reply(1), Some(Reply::Password(RIGHT))));
}

#[test]
fn unknown_operator_looks_like_a_wrong_password() {
    let mut known = Bench::empty();
    let mut unknown = Bench::empty();
    for _ in 0..6 {
        let wrong = check(&mut known, given("01", "9"));
        assert_eq!(check(&mut unknown, given("77", "9")), wrong);
    }
    let change = |operator: &str| super::operators::change(operator, "9", "8642");
    let (known_reply, unknown_reply) = (known.ask(change("01")), unknown.ask(change("77")));
    assert_eq!(format!("{known_reply:?}"), format!("{unknown_reply:?}"));
    assert_eq!(known.refusal(given("1", "1357")), Refusal::Malformed);
    assert_eq!(known.refusal(given("0a", "1357")), Refusal::Malformed);
}

#[test]
fn prompt_for_a_password_ends_as_others_do() {
    let mut bench = Bench::empty();
    bench.input(Input::Request(1, typed("01")));
    bench.input(Input::Key(Key::Cancel));
    assert!(matches!(bench.reply(1), Some(Reply::Password(PasswordCheck::Cancelled))));
    bench.input(Input::Request(2, typed("01")));
    bench.pass(10_000);
    assert!(matches!(bench.reply(2), Some(Reply::Password(PasswordCheck::TimedOut))));
    bench.input(Input::PinPad(DeviceState::Missing));
    assert_eq!(check(&mut bench, typed("01")), PasswordCheck::PadMissing);
}

#[test]
fn lock_out_grows_and_a_right_password_ends_it() {
    let mut bench = Bench::empty();
    for expected in [30, 60, 120] {
        while check(&mut bench, given("01", "9")) == PasswordCheck::Wrong {}
        let locked = PasswordCheck::LockedOut { seconds: expected };
        assert_eq!(check(&mut bench, given("01", "1357")), locked, "not even the right one is tried");
        assert_eq!(check(&mut bench, typed("01")), locked, "and nobody types for nothing");
        assert_eq!(check(&mut bench, given("00", "246810")), RIGHT);
        bench.pass(u64::from(expected) * 1000);
    }
    assert_eq!(check(&mut bench, given("01", "1357")), RIGHT);
    assert_eq!(check(&mut bench, given("01", "9")), PasswordCheck::Wrong);
    assert_eq!(check(&mut bench, given("01", "9")), PasswordCheck::Wrong);
    assert_eq!(check(&mut bench, given("01", "1357")), RIGHT);
}

#[test]
fn restart_frees_nobody() {
    let mut bench = Bench::empty();
    while check(&mut bench, given("01", "9")) == PasswordCheck::Wrong {}
    let blob = bench.blob.clone();
    let mut again = Bench::with(core(Some(STORAGE), blob.clone()), blob);
    assert_eq!(check(&mut again, given("01", "1357")), PasswordCheck::LockedOut { seconds: 30 });
    again.pass(30_000);
    assert_eq!(check(&mut again, given("01", "1357")), RIGHT);
}

#[test]
fn custodians_are_locked_out_together() {
    let mut bench = Bench::empty();
    let (first, second) = components();
    for name in ["alice", "mallory", "bob"] {
        assert_eq!(bench.custodian(give(name, "9", &first)), KeyReply::Refused(KeyRefusal::Wrong));
    }
    let locked = KeyReply::Refused(KeyRefusal::LockedOut { seconds: 30 });
    assert_eq!(bench.custodian(give("alice", "1111", &first)), locked);
    assert_eq!(bench.custodian(KeyRequest::Type { custodian: "alice".into() }), locked);
    bench.pass(30_000);
    assert_eq!(bench.custodian(give("alice", "1111", &first)), KeyReply::FirstAccepted);
    assert_eq!(bench.custodian(give("bob", "9", &second)), KeyReply::Refused(KeyRefusal::Wrong));
    // The count of wrong tries and the key are stored one after the other.
    assert!(matches!(bench.custodian(give("bob", "2222", &second)), KeyReply::Loaded { .. }));
}
