//! When a swipe is taken, and when one of a card with a chip is.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    Amount, Answer, Call, Caller, Currency, Effect, Event, Kind, LocalTime, Moment, Reference, Settings,
    TransactionId, Write, operators::tests::Memory, terminal::JournalState,
};
use posd_emv::configuration::Configuration;
use posd_unionpay::{
    Profile,
    profile::{Fallback, Stripe as Accepted},
};
use posd_vault_protocol::{Notice, OnlinePin, Refusal, Request, Status};
use std::sync::Arc;

const PLAIN: &str = ";6212340000000019=3012101?";
const WITH_PIN: &str = ";6212340000000019=3012120?";
const CHIP: &str = ";6212340000000019=3012220?";

/// A terminal, what it has asked the vault, and what the vault has not answered yet.
struct Till {
    terminal: Terminal,
    memory: Memory,
    now: Moment,
    calls: u64,
    asked: Vec<(u32, Request)>,
}

impl Till {
    fn new(accepted: bool, window_s: Option<u16>) -> Till {
        let fallback = window_s.map(|window_s| Fallback { window_s });
        let mut terminal = Terminal::new(Settings {
            merchant_name: "示例商户".to_owned(),
            merchant: "898000000000001".to_owned(),
            terminal: "00000001".to_owned(),
            hosts: vec!["192.0.2.1:5000".to_owned()],
            profile_name: "unionpay".to_owned(),
            test: true,
            copies: Vec::new(),
            profile: Arc::new(Profile { stripe: Accepted { accepted, fallback }, ..Profile::default() }),
            card: Arc::new(Configuration::unionpay()),
            offline: None,
            deadlines: crate::Deadlines::default(),
        });
        terminal.journal = JournalState::Good;
        terminal.device.signed_in = true;
        terminal.operator = Some("01".to_owned());
        terminal.vault = Some(Status {
            reader: DeviceState::Ready,
            pin_pad: DeviceState::Ready,
            contactless: DeviceState::Missing,
            stripe_reader: DeviceState::Ready,
            card_present: false,
            card_in_field: false,
            storage_key: true,
            algorithm: posd_vault_protocol::KeyAlgorithm::TripleDes,
            master_key: Some([1, 2, 3]),
            pin_key: Some([1, 2, 3]),
            mac_key: Some([1, 2, 3]),
        });
        let local = LocalTime { year: 2027, month: 1, day: 15, ..LocalTime::default() };
        let now = Moment { local, ..Moment::default() };
        Till { terminal, memory: Memory::default(), now, calls: 0, asked: Vec::new() }
    }

    fn event(&mut self, event: Event) -> Option<Answer> {
        let mut answer = None;
        for effect in self.terminal.handle(event, self.now, &self.memory) {
            match effect {
                Effect::Commit(writes) => {
                    for write in writes {
                        if let Write::Attempt(attempt) = write {
                            self.memory.attempts.insert(attempt.id, *attempt);
                        }
                    }
                }
                Effect::Vault(id, request) => self.asked.push((id, request)),
                Effect::Reply(_, reply) => answer = Some(reply.unwrap()),
                _ => {}
            }
        }
        answer
    }

    fn call(&mut self, call: Call) -> Option<Answer> {
        self.calls += 1;
        self.event(Event::Call { id: self.calls, caller: Caller { uid: 1000, connection: 7 }, call })
    }

    fn start(&mut self, kind: Kind) -> TransactionId {
        let reference = Reference::new(&format!("swipe-{}", self.calls)).unwrap();
        let amount = Amount::new(1234, Currency::Cny).unwrap();
        let made = self.call(Call::Create { reference, kind, amount, options: Box::default() });
        let Some(Answer::Transaction(view)) = made else { panic!("not created") };
        self.call(Call::Start { id: view.attempt.id });
        view.attempt.id
    }

    /// A sale, what it says, and what it has the vault do.
    fn says(&self, id: TransactionId) -> Option<(Prompt, Vec<&'static str>)> {
        let word = |(_, request): &(u32, Request)| match request {
            Request::AwaitSwipe { .. } => "swipe",
            Request::CancelSwipe => "cancel-swipe",
            Request::PowerOn { .. } => "power-on",
            Request::PowerOff => "power-off",
            Request::EnterOnlinePin { prompt, .. } if prompt.bypass => "pin",
            Request::EnterOnlinePin { .. } => "pin-required",
            Request::Seal { .. } => "seal",
            _ => "other",
        };
        Some((self.terminal.live.get(&id)?.prompt, self.asked.iter().map(word).collect()))
    }

    /// Answers the oldest request of the kind.
    fn answer(&mut self, wanted: fn(&Request) -> bool, reply: Reply) {
        let place = self.asked.iter().position(|(_, request)| wanted(request)).unwrap();
        let (id, _) = self.asked.remove(place);
        self.event(Event::VaultReply(id, reply));
    }

    fn swipe(&mut self, typed: &str) {
        let typed = Secret::new(typed.as_bytes().to_vec());
        let is = |request: &Request| matches!(request, Request::AwaitSwipe { .. });
        self.answer(is, Reply::Swipe(Swipe::Swiped(typed)));
    }

    fn notice(&mut self, notice: Notice) {
        self.event(Event::VaultNotice(notice));
    }

    /// A sale whose inserted chip is mute, and everything it leaves behind.
    fn break_chip(&mut self) {
        let id = self.start(Kind::Sale);
        self.notice(Notice::Card(Slot::Contact, true));
        self.answer(|it| matches!(it, Request::PowerOn { .. }), Reply::Refused(Refusal::CardMute));
        for (asked, request) in std::mem::take(&mut self.asked) {
            let cancelled = matches!(request, Request::AwaitSwipe { .. });
            let reply = if cancelled { Reply::Swipe(Swipe::Cancelled) } else { Reply::Done };
            self.event(Event::VaultReply(asked, reply));
        }
        self.notice(Notice::Card(Slot::Contact, false));
        assert!(self.says(id).is_none(), "it has ended");
    }

    fn pass(&mut self, ms: u64) {
        self.now.monotonic_ms += ms;
    }
}

#[test]
fn a_swipe_is_asked_for_where_profile_reader_and_kind_have_it() {
    let mut till = Till::new(true, None);
    let id = till.start(Kind::Sale);
    assert_eq!(till.says(id), Some((Prompt::InsertOrSwipeCard, vec!["swipe"])));
    till.notice(Notice::StripeReader(DeviceState::Missing));
    till.answer(|_| true, Reply::Swipe(Swipe::ReaderMissing));
    assert_eq!(till.says(id), Some((Prompt::InsertCard, vec![])));
    till.notice(Notice::StripeReader(DeviceState::Ready));
    assert_eq!(till.says(id), Some((Prompt::InsertOrSwipeCard, vec!["swipe"])));
    // The vault's patience ends before the till's.
    till.answer(|_| true, Reply::Swipe(Swipe::TimedOut));
    assert_eq!(till.says(id), Some((Prompt::InsertOrSwipeCard, vec!["swipe"])));

    let mut till = Till::new(false, None);
    let id = till.start(Kind::Sale);
    assert_eq!(till.says(id), Some((Prompt::InsertCard, vec![])));
}

#[test]
fn a_stripe_that_was_not_read_is_swiped_again() {
    let mut till = Till::new(true, None);
    let id = till.start(Kind::Sale);
    for typed in ["", ";E?", ";6212340000000018=3012101?", "\u{e9}"] {
        till.swipe(typed);
        assert_eq!(till.says(id), Some((Prompt::SwipeAgain, vec!["swipe"])), "{typed}");
    }
    till.swipe(PLAIN);
    assert_eq!(till.says(id), Some((Prompt::EnterPin, vec!["pin"])));
}

#[test]
fn the_service_code_says_whether_the_pin_may_be_passed_over() {
    for (typed, asked) in [(PLAIN, "pin"), (WITH_PIN, "pin-required")] {
        let mut till = Till::new(true, None);
        let id = till.start(Kind::Sale);
        till.swipe(typed);
        assert_eq!(till.says(id), Some((Prompt::EnterPin, vec![asked])));
        till.answer(|_| true, Reply::OnlinePin(OnlinePin::PadMissing));
        match asked {
            "pin" => assert_eq!(till.says(id).unwrap().1, ["seal"]),
            _ => assert!(till.says(id).is_none(), "without a pad it ends"),
        }
    }
}

#[test]
fn the_stripe_of_a_card_with_a_chip_is_not_taken() {
    let mut till = Till::new(true, None);
    till.break_chip();
    let id = till.start(Kind::Sale);
    till.swipe(CHIP);
    assert_eq!(till.says(id), Some((Prompt::UseChip, vec!["swipe"])));
    // Another card may be swiped.
    till.swipe(PLAIN);
    assert_eq!(till.says(id), Some((Prompt::EnterPin, vec!["pin"])));
}

#[test]
fn a_broken_chip_lets_one_card_be_swiped_within_the_window() {
    for (waited, taken) in [(0, true), (60_000, true), (60_001, false)] {
        let mut till = Till::new(true, Some(60));
        till.break_chip();
        till.pass(waited);
        let id = till.start(Kind::Sale);
        till.swipe(CHIP);
        let prompt = if taken { Prompt::EnterPin } else { Prompt::UseChip };
        assert_eq!(till.says(id).unwrap().0, prompt, "after {waited} ms");
        let swiped = till.terminal.active.as_ref().unwrap().swiped.as_ref();
        assert_eq!(swiped.map(|swiped| swiped.entry()), taken.then_some(Entry::Fallback));
        if taken {
            assert!(!till.terminal.is_fallback_open(), "one failure, one card");
        }
    }
    let mut till = Till::new(true, Some(60));
    let id = till.start(Kind::Sale);
    till.swipe(CHIP);
    assert_eq!(till.says(id).unwrap().0, Prompt::UseChip, "no chip has failed");
}

#[test]
fn a_card_that_is_pulled_or_refuses_opens_no_fallback() {
    assert!(!is_technical(&Reason::CardLost));
    assert!(!is_technical(&Reason::Status { command: "SELECT", status: 0x6A81 }));
    assert!(is_technical(&Reason::Missing(0x5A)));
    let mut till = Till::new(true, Some(60));
    let id = till.start(Kind::Sale);
    till.notice(Notice::Card(Slot::Contact, true));
    till.answer(|it| matches!(it, Request::PowerOn { .. }), Reply::Refused(Refusal::CardRemoved));
    assert!(till.says(id).is_some() && !till.terminal.is_fallback_open());
}

#[test]
fn an_inserted_card_goes_before_a_swipe_that_comes_late() {
    let mut till = Till::new(true, None);
    let id = till.start(Kind::Sale);
    till.notice(Notice::Card(Slot::Contact, true));
    assert_eq!(till.says(id), Some((Prompt::LeaveCard, vec!["swipe", "cancel-swipe", "power-on"])));
    till.swipe(PLAIN);
    assert_eq!(till.says(id), Some((Prompt::LeaveCard, vec!["cancel-swipe", "power-on"])));
}

#[test]
fn a_cancelled_sale_wants_no_swipe_any_more() {
    let mut till = Till::new(true, None);
    let id = till.start(Kind::Sale);
    till.call(Call::Cancel { id });
    assert_eq!(till.says(id).unwrap().1, ["swipe", "cancel-swipe"]);
    till.answer(|_| true, Reply::Swipe(Swipe::Cancelled));
    assert!(till.says(id).is_some(), "not before the reader is idle");
    till.answer(|_| true, Reply::Done);
    assert!(till.says(id).is_none());
}

#[test]
fn nothing_of_a_stripe_is_shown() {
    let stripe = Stripe::from_typed(PLAIN).unwrap();
    let shown = format!("{:?}", Swiped { stripe, fallback: true });
    assert_eq!(shown, "Swiped { fallback: true, .. }");
}
