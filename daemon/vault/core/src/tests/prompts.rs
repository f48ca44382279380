//! PIN entry.

use posd_vault_protocol::{
    DeviceState, Digits, Notice, OfflinePin, OnlinePin, PinPrompt, Refusal, Reply, Request, Slot,
    VerifyMethod,
};

use super::{Bench, PAN, PIN_KEY, bytes, online, prompt};
use crate::{Input, Key, Output, PadPrompt, crypto::Cipher};

fn entered(reply: Option<Reply>) -> [u8; 8] {
    match reply {
        Some(Reply::OnlinePin(OnlinePin::Entered(block))) => block.try_into().unwrap(),
        other => panic!("no PIN: {other:?}"),
    }
}

#[test]
fn online_pin_is_a_format_0_block_under_the_pin_key() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.press("1234");
    bench.input(Input::Key(Key::Enter));
    let block = entered(bench.reply(1));
    let clear = Cipher::new(&bytes(PIN_KEY)).unwrap().decrypt(block);
    // 041234FFFFFFFFFF xor 0000 234000000001
    assert_eq!(clear[..], bytes("041217BFFFFFFFFE"));
}

#[test]
fn prompt_is_shown_with_the_amount_and_taken_away() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.press("1234");
    bench.input(Input::Key(Key::Enter));
    let shown = PadPrompt::Pin { amount: 1234, currency: 156, tries_left: None };
    assert_eq!(bench.prompts(), [Some(shown), None]);
    assert_eq!(bench.wake, None);
}

#[test]
fn correction_keys_correct() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.press("99");
    bench.input(Input::Key(Key::Clear));
    bench.press("1235");
    bench.input(Input::Key(Key::Backspace));
    bench.press("4");
    bench.input(Input::Key(Key::Digit(10)));
    bench.input(Input::Key(Key::Enter));
    let clear = Cipher::new(&bytes(PIN_KEY)).unwrap().decrypt(entered(bench.reply(1)));
    assert_eq!(clear[..], bytes("041217BFFFFFFFFE"));
}

#[test]
fn short_pin_is_not_entered_and_long_one_is_cut() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.press("123");
    bench.input(Input::Key(Key::Enter));
    assert!(bench.reply(1).is_none());
    bench.press("456789012345678");
    bench.input(Input::Key(Key::Enter));
    let clear = Cipher::new(&bytes(PIN_KEY)).unwrap().decrypt(entered(bench.reply(1)));
    assert_eq!(clear[0], 12);
}

#[test]
fn keys_outside_a_prompt_are_thrown_away() {
    let mut bench = Bench::keyed();
    bench.press("9999");
    bench.input(Input::Key(Key::Enter));
    assert!(bench.out.is_empty());
    bench.input(Input::Request(1, online()));
    bench.press("1234");
    bench.input(Input::Key(Key::Enter));
    let clear = Cipher::new(&bytes(PIN_KEY)).unwrap().decrypt(entered(bench.reply(1)));
    assert_eq!(clear[..2], [0x04, 0x12]);
}

#[test]
fn enter_with_no_digit_bypasses_only_where_allowed() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.input(Input::Key(Key::Enter));
    assert!(matches!(bench.reply(1), Some(Reply::OnlinePin(OnlinePin::Bypassed))));

    let strict = PinPrompt { bypass: false, ..prompt() };
    let request = Request::EnterOnlinePin { prompt: strict, pan: Digits::new(PAN).unwrap() };
    bench.input(Input::Request(2, request));
    bench.input(Input::Key(Key::Enter));
    assert!(bench.reply(2).is_none());
}

#[test]
fn prompt_ends_by_key_request_time_and_lost_pad() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.input(Input::Key(Key::Cancel));
    assert!(matches!(bench.reply(1), Some(Reply::OnlinePin(OnlinePin::Cancelled))));

    bench.input(Input::Request(2, online()));
    bench.press("12");
    bench.input(Input::Request(3, Request::CancelPrompt));
    assert!(matches!(bench.reply(2), Some(Reply::OnlinePin(OnlinePin::Cancelled))));
    assert!(matches!(bench.reply(3), Some(Reply::Done)));

    bench.input(Input::Request(4, online()));
    bench.pass(29_999);
    assert!(bench.reply(4).is_none());
    bench.pass(1);
    assert!(matches!(bench.reply(4), Some(Reply::OnlinePin(OnlinePin::TimedOut))));

    bench.input(Input::Request(5, online()));
    bench.input(Input::PinPad(DeviceState::Missing));
    assert!(matches!(bench.reply(5), Some(Reply::OnlinePin(OnlinePin::PadMissing))));
    assert!(matches!(bench.ask(online()), Reply::OnlinePin(OnlinePin::PadMissing)));
}

#[test]
fn key_after_the_deadline_does_not_enter() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    bench.press("1234");
    // The wake is late; the key comes first.
    bench.now += 30_000;
    bench.input(Input::Key(Key::Enter));
    assert!(matches!(bench.reply(1), Some(Reply::OnlinePin(OnlinePin::TimedOut))));
}

#[test]
fn one_prompt_at_a_time() {
    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, online()));
    assert_eq!(bench.refusal(online()), Refusal::PadBusy);
    let offline = Request::VerifyOfflinePin { prompt: prompt(), method: VerifyMethod::Plaintext };
    assert_eq!(bench.refusal(offline), Refusal::PadBusy);
    let password = Request::CheckPassword { operator: "01".into(), password: None, timeout_ms: 1000 };
    assert_eq!(bench.refusal(password), Refusal::PadBusy);
}

#[test]
fn malformed_prompts_are_refused() {
    let mut bench = Bench::keyed();
    for (minimum, maximum) in [(3, 12), (4, 13), (6, 5), (0, 0)] {
        let prompt = PinPrompt { minimum, maximum, ..prompt() };
        let request = Request::EnterOnlinePin { prompt, pan: Digits::new(PAN).unwrap() };
        assert_eq!(bench.refusal(request), Refusal::Malformed);
    }
    let short = Request::EnterOnlinePin { prompt: prompt(), pan: Digits::new("621234000000").unwrap() };
    assert_eq!(bench.refusal(short), Refusal::Malformed);
    assert!(bench.prompts().is_empty());
}

#[test]
fn online_pin_needs_the_pin_key() {
    let mut bench = Bench::empty();
    assert_eq!(bench.refusal(online()), Refusal::KeyMissing);
}

#[test]
fn progress_is_told_on_the_tick_only() {
    let mut bench = Bench::keyed();
    let start = bench.now;
    bench.input(Input::Request(1, online()));
    let mut told = Vec::new();
    // Keys at odd times; the core is woken when it asked for.
    for (at, digit) in [(13, "1"), (101, "2"), (251, "3"), (252, "4"), (1300, "5")] {
        bench.pass(start + at - bench.now);
        assert!(bench.notices().is_empty() || !told.is_empty() || bench.now >= start + 250);
        let before = bench.notices().len();
        bench.press(digit);
        assert_eq!(bench.notices().len(), before, "a key is never told at once");
        told = bench.notices();
    }
    let mut times = Vec::new();
    while let Some(at) = bench.wake.filter(|at| *at < start + 30_000) {
        times.push(at - start);
        bench.pass(at - bench.now);
    }
    assert_eq!(times, [1500]);
    assert_eq!(bench.notices(), [Notice::PinProgress(2), Notice::PinProgress(4), Notice::PinProgress(5)]);
}

#[test]
fn every_wake_in_a_prompt_is_on_the_grid_or_the_deadline() {
    let mut bench = Bench::keyed();
    let start = bench.now;
    bench.input(Input::Request(1, online()));
    for step in [3, 77, 249, 250, 251, 499, 500, 1, 999] {
        bench.pass(step);
        bench.press("1");
        let wake = bench.wake.expect("a wake") - start;
        assert!(wake.is_multiple_of(250) && wake > bench.now - start, "{wake}");
    }
}

#[test]
fn nothing_wakes_a_prompt_that_nobody_touches() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, online()));
    assert_eq!(bench.wake, Some(bench.now + 30_000));
}

#[test]
fn password_tells_no_progress() {
    let mut bench = Bench::keyed();
    let request = Request::CheckPassword { operator: "01".into(), password: None, timeout_ms: 9000 };
    bench.input(Input::Request(1, request));
    bench.press("1357");
    bench.pass(5_000);
    assert!(bench.notices().is_empty());
}

#[test]
fn disconnecting_ends_the_prompt_and_powers_the_card_off() {
    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, online()));
    bench.press("12");
    bench.out.clear();
    bench.input(Input::Disconnected);
    assert!(matches!(bench.out[..], [Output::Prompt(None), Output::PowerOff]), "{}", bench.out.len());
    assert!(bench.core.prompt.is_none());
    assert_eq!(bench.wake, None);
}

#[test]
fn offline_prompt_ends_when_the_card_goes() {
    let offline = || Request::VerifyOfflinePin { prompt: prompt(), method: VerifyMethod::Plaintext };
    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, offline()));
    bench.input(Input::Card(Slot::Contact, false));
    assert!(matches!(bench.reply(1), Some(Reply::OfflinePin(OfflinePin::CardRemoved))));
    let mut bench = Bench::with_card();
    bench.input(Input::Request(1, offline()));
    bench.input(Input::Request(2, Request::PowerOff));
    assert!(matches!(bench.reply(1), Some(Reply::OfflinePin(OfflinePin::CardRemoved))));
    assert!(matches!(bench.reply(2), Some(Reply::Done)));
    assert!(bench.transmitted.is_empty());
}
