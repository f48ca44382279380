//! The wait for a swipe.

use posd_vault_protocol::{DeviceState, Notice, Refusal, Reply, Request, Secret, Swipe};

use super::{Bench, PAN, online};
use crate::{Input, Output};

const WAIT: Request = Request::AwaitSwipe { timeout_ms: 30_000 };

fn bench() -> Bench {
    let mut bench = Bench::keyed();
    bench.input(Input::StripeReader(DeviceState::Ready));
    bench.out.clear();
    bench
}

fn swipe(bench: &mut Bench) {
    bench.input(Input::Swiped(Secret::new(format!(";{PAN}=3012120?").into_bytes())));
}

fn came(bench: &mut Bench, id: u32) -> Option<Swipe> {
    match bench.reply(id)? {
        Reply::Swipe(swipe) => Some(swipe),
        other => panic!("no swipe: {other:?}"),
    }
}

fn wanted(bench: &Bench) -> Vec<bool> {
    let wanted = |out: &Output| match out {
        Output::Swipe(wanted) => Some(*wanted),
        _ => None,
    };
    bench.out.iter().filter_map(wanted).collect()
}

#[test]
fn wanted_swipe_is_told_once_and_others_to_nobody() {
    let mut bench = bench();
    swipe(&mut bench);
    assert!(bench.out.is_empty(), "nobody wanted it");
    bench.input(Input::Request(1, WAIT));
    assert_eq!(wanted(&bench), [true]);
    swipe(&mut bench);
    let text = Secret::new(format!(";{PAN}=3012120?").into_bytes());
    assert_eq!(came(&mut bench, 1), Some(Swipe::Swiped(text)));
    assert_eq!((wanted(&bench), bench.wake), (vec![true, false], None));
    bench.out.clear();
    swipe(&mut bench);
    assert!(bench.out.is_empty(), "the next is nobody's");
}

#[test]
fn wait_ends_by_cancel_time_and_lost_reader() {
    let mut bench = bench();
    bench.input(Input::Request(1, WAIT));
    assert!(matches!(bench.ask(Request::CancelSwipe), Reply::Done));
    assert_eq!(came(&mut bench, 1), Some(Swipe::Cancelled));

    bench.input(Input::Request(2, WAIT));
    bench.pass(29_999);
    assert_eq!(came(&mut bench, 2), None);
    bench.pass(1);
    assert_eq!(came(&mut bench, 2), Some(Swipe::TimedOut));

    // Heard only after its time was over.
    bench.input(Input::Request(3, WAIT));
    bench.now += 30_000;
    swipe(&mut bench);
    assert_eq!(came(&mut bench, 3), Some(Swipe::TimedOut));

    bench.input(Input::Request(4, WAIT));
    bench.input(Input::StripeReader(DeviceState::Faulty));
    assert_eq!(came(&mut bench, 4), Some(Swipe::ReaderMissing));
    assert_eq!(bench.notices(), [Notice::StripeReader(DeviceState::Faulty)]);
    assert_eq!(bench.status().stripe_reader, DeviceState::Faulty);
    assert!(matches!(bench.ask(WAIT), Reply::Swipe(Swipe::ReaderMissing)));
}

#[test]
fn swipe_is_waited_for_beside_a_prompt_but_only_once() {
    let mut bench = bench();
    bench.input(Input::Request(1, WAIT));
    assert_eq!(bench.refusal(WAIT), Refusal::Malformed);
    bench.input(Input::Request(2, online()));
    bench.input(Input::Request(3, Request::CancelPrompt));
    assert_eq!(came(&mut bench, 1), None);
    swipe(&mut bench);
    assert!(matches!(came(&mut bench, 1), Some(Swipe::Swiped(_))));
}

#[test]
fn whoever_is_gone_waits_for_no_swipe() {
    let mut bench = bench();
    bench.input(Input::Request(1, WAIT));
    bench.input(Input::Disconnected);
    assert_eq!(wanted(&bench), [true, false]);
    bench.out.clear();
    swipe(&mut bench);
    assert!(bench.out.is_empty());
}

#[test]
fn what_was_swiped_is_not_shown() {
    let mut bench = bench();
    bench.input(Input::Request(1, WAIT));
    swipe(&mut bench);
    let shown = format!("{:?}", bench.reply(1));
    assert!(!shown.contains("6212") && !shown.contains("54, 50"), "{shown}");
}
