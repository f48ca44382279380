//! A card number typed for a phone order.

use posd_vault_protocol::{Asking, CardPrompt, DeviceState, EnteredCard, Notice, Refusal, Reply, Request};

use super::{Bench, PAN, online};
use crate::{Input, Key, PadPrompt};

fn enter() -> Request {
    Request::EnterCard { prompt: CardPrompt { timeout_ms: 30_000, amount: 1234, currency: 156 } }
}

/// What comes of typing these, one prompt each.
fn typed(bench: &mut Bench, entries: &[&str]) -> Option<EnteredCard> {
    bench.input(Input::Request(1, enter()));
    for digits in entries {
        bench.press(digits);
        bench.input(Input::Key(Key::Enter));
    }
    match bench.reply(1)? {
        Reply::EnteredCard(card) => Some(card),
        other => panic!("no card: {other:?}"),
    }
}

#[test]
fn number_and_expiry_are_typed_in_two_prompts() {
    let mut bench = Bench::empty();
    match typed(&mut bench, &[PAN, "3012"]) {
        Some(EnteredCard::Entered { pan, expiry }) => {
            assert_eq!((pan.expose(), expiry.expose()), (PAN, "3012"));
        }
        other => panic!("{other:?}"),
    }
    let shown = PadPrompt::CardNumber { amount: 1234, currency: 156 };
    assert_eq!(bench.prompts(), [Some(shown), None, Some(PadPrompt::CardExpiry), None]);
    let asked = [Notice::Asking(Asking::CardNumber), Notice::Asking(Asking::CardExpiry)];
    assert_eq!(bench.notices(), asked);
    assert_eq!(bench.wake, None);
}

#[test]
fn number_is_checked_by_length_and_luhn() {
    let mut bench = Bench::empty();
    // Published test numbers of 13 to 16 digits; zeros in pairs after one keep the sum, so there are longer ones.
    for good in [
        "4222222222222",
        "30569309025904",
        "378282246310005",
        PAN,
        "79927398713000000",
        "305693090259040000",
        "7992739871300000000",
    ] {
        let card = typed(&mut bench, &[good, "3012"]);
        assert!(matches!(card, Some(EnteredCard::Entered { .. })), "{good}");
        let (rest, last) = good.split_at(good.len() - 1);
        let bad = format!("{rest}{}", (last.parse::<u8>().unwrap() + 1) % 10);
        assert_eq!(typed(&mut bench, &[&bad]), Some(EnteredCard::BadNumber), "{bad}");
    }
    assert_eq!(typed(&mut bench, &["6212340000000018"]), Some(EnteredCard::BadNumber));
    assert_eq!(typed(&mut bench, &["6212340000000091"]), Some(EnteredCard::BadNumber), "swapped");
    // Twelve digits are not entered, whatever their check digit.
    assert_eq!(typed(&mut bench, &["621234000008"]), None);
    assert!(bench.core.prompt.is_some());
}

#[test]
fn expiry_has_a_month() {
    let mut bench = Bench::empty();
    for (expiry, good) in [("3001", true), ("3012", true), ("3000", false), ("3013", false), ("1230", false)]
    {
        let card = typed(&mut bench, &[PAN, expiry]);
        assert_eq!(matches!(card, Some(EnteredCard::Entered { .. })), good, "{expiry}");
        assert_eq!(card == Some(EnteredCard::BadExpiry), !good, "{expiry}");
    }
}

#[test]
fn typed_card_ends_as_other_prompts_do() {
    let mut bench = Bench::keyed();
    for entries in [&[][..], &[PAN]] {
        assert_eq!(typed(&mut bench, entries), None);
        bench.input(Input::Key(Key::Cancel));
        assert!(matches!(bench.reply(1), Some(Reply::EnteredCard(EnteredCard::Cancelled))));
        bench.input(Input::Request(1, enter()));
        bench.pass(20_000);
        for digits in entries {
            bench.press(digits);
            bench.input(Input::Key(Key::Enter));
        }
        assert_eq!(bench.refusal(online()), Refusal::PadBusy);
        bench.pass(10_000);
        assert!(matches!(bench.reply(1), Some(Reply::EnteredCard(EnteredCard::TimedOut))));
    }
    bench.input(Input::Request(1, online()));
    assert_eq!(bench.refusal(enter()), Refusal::PadBusy);
    bench.input(Input::Request(2, Request::CancelPrompt));
    bench.input(Input::PinPad(DeviceState::Missing));
    assert!(matches!(bench.ask(enter()), Reply::EnteredCard(EnteredCard::PadMissing)));
}

#[test]
fn progress_of_a_card_is_told_on_the_tick_only() {
    let mut bench = Bench::empty();
    let start = bench.now;
    bench.input(Input::Request(1, enter()));
    bench.out.clear();
    bench.pass(13);
    bench.press("6212");
    assert!(bench.notices().is_empty());
    bench.pass(236);
    assert!(bench.notices().is_empty());
    bench.pass(1);
    assert_eq!((bench.now, bench.notices()), (start + 250, vec![Notice::PinProgress(4)]));
}

#[test]
fn what_was_typed_is_not_shown() {
    let mut bench = Bench::empty();
    let card = typed(&mut bench, &[PAN, "3012"]).unwrap();
    let shown = format!("{card:?} {:?}", Reply::EnteredCard(card.clone()));
    assert!(!shown.contains("6212") && !shown.contains("3012"), "{shown}");
}
