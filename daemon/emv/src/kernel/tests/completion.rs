//! Online processing and completion.

use super::{
    super::{Input, KnownCard, Reason, Verdict},
    card::{cryptogram, hex, ok, tlv},
    world::{Host, World},
};
use crate::{
    host::HostAnswer,
    indicators::{tsi, tvr},
    tags,
};

const DATA: [u8; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 0x30, 0x30];

fn with_data(data: &[u8]) -> World {
    let data = data.to_vec();
    World::new().answers(|answer| answer.issuer_authentication_data = Some(data))
}

#[test]
fn check_56_the_issuer_is_authenticated_once() {
    let run = with_data(&DATA).run();
    assert!(run.approved());
    assert_eq!(run.sent(0x82), [&[&hex("008200000A")[..], &DATA].concat()]);
    assert!(run.tsi(tsi::ISSUER_AUTHENTICATION_PERFORMED) && !run.tvr(tvr::ISSUER_AUTHENTICATION_FAILED));
    assert!(!run.outcome.issuer_authentication_failed);
}

#[test]
fn check_56_not_without_data_or_where_the_card_cannot() {
    let run = World::new().run();
    assert!(run.sent(0x82).is_empty() && !run.tsi(tsi::ISSUER_AUTHENTICATION_PERFORMED));
    let mut cannot = with_data(&DATA);
    cannot.card.profile = [0x18, 0];
    let run = cannot.run();
    assert!(run.sent(0x82).is_empty() && !run.tsi(tsi::ISSUER_AUTHENTICATION_PERFORMED) && run.approved());
}

#[test]
fn check_56_a_refusal_is_told_to_the_card() {
    for status in [0x6300, 0x6985, 0x6A80, 0x6D00, 0x6283] {
        let mut world = with_data(&DATA);
        world.card.external = status;
        world.card.cryptograms[1] = cryptogram(0x00);
        let run = world.run();
        assert!(run.tvr(tvr::ISSUER_AUTHENTICATION_FAILED) && run.tsi(tsi::ISSUER_AUTHENTICATION_PERFORMED));
        assert_eq!(run.sent(0x82).len(), 1, "never a second time");
        assert_eq!(run.asked(1, 2, 5)[4], 0x40, "the second GENERATE AC carries the bit");
        assert_eq!(*run.verdict(), Verdict::Declined);
        assert!(run.outcome.host_approved && run.outcome.issuer_authentication_failed);
    }
}

#[test]
fn check_56_data_of_an_impossible_length_fails_without_the_card() {
    for data in [&[][..], &[1; 7], &[1; 17], &[1; 300]] {
        let mut world = with_data(data);
        world.card.cryptograms[1] = cryptogram(0x00);
        let run = world.run();
        assert!(run.sent(0x82).is_empty());
        assert!(run.tvr(tvr::ISSUER_AUTHENTICATION_FAILED) && !run.tsi(tsi::ISSUER_AUTHENTICATION_PERFORMED));
        assert_eq!(*run.verdict(), Verdict::Declined);
    }
}

#[test]
fn check_57_the_data_goes_with_the_second_list() {
    let mut world = with_data(&DATA);
    world.card.profile = [0x18, 0];
    assert_eq!(world.run().asked(1, 11, 10), DATA);
}

#[test]
fn check_58_no_answer_is_a_decline_by_the_card() {
    for host in [Host::CannotBeReached, Host::IsSilent] {
        let mut world = World::new().host(host);
        world.card.cryptograms[1] = cryptogram(0x00);
        let run = world.run();
        assert_eq!(*run.verdict(), Verdict::Declined);
        assert_eq!(run.sent(0xAE)[1][2], 0x00);
        assert!(run.sent(0x82).is_empty() && run.outcome.script_results.is_none());
        // A card that approves all the same is believed by nobody.
        let mut world = World::new().host(Host::IsSilent);
        world.card.cryptograms[1] = cryptogram(0x40);
        let reason = Reason::Cryptogram { requested: 0x00, given: 0x40 };
        assert_eq!(*world.run().verdict(), Verdict::Terminated(reason));
    }
}

#[test]
fn check_60_a_certificate_is_asked_for_only_when_the_host_approved() {
    for (code, request) in
        [("00", 0x40), ("11", 0x40), ("05", 0x00), ("55", 0x00), ("Y3", 0x00), ("\0\0", 0x00)]
    {
        let code: [u8; 2] = code.as_bytes().try_into().unwrap();
        let mut world = World::new().host(Host::Answers(HostAnswer::bare(code)));
        world.card.cryptograms[1] = cryptogram(request);
        let run = world.run();
        assert_eq!(run.sent(0xAE)[1][2], request);
        assert_eq!(run.asked(1, 0, 2), code);
        assert_eq!(run.approved(), request == 0x40);
        assert_eq!(run.outcome.host_approved, request == 0x40);
        assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(code.to_vec()));
    }
}

#[test]
fn check_60_a_card_that_declines_after_the_hosts_yes() {
    let run = World::with(|card| card.cryptograms[1] = cryptogram(0x00)).run();
    assert_eq!(*run.verdict(), Verdict::Declined);
    assert!(run.outcome.host_approved, "the caller must reverse");
    assert_eq!(run.sent(0xAE).len(), 2, "never a third time");
}

#[test]
fn check_60_odd_second_answers_do_not_approve() {
    for answer in [
        cryptogram(0x80),
        cryptogram(0xC0),
        hex("6985"),
        hex("6F00"),
        ok(vec![]),
        ok(tlv(0x80, &[0x40; 9])),
        hex("40"),
        vec![],
    ] {
        let run = World::with(|card| card.cryptograms[1] = answer.clone()).run();
        assert!(matches!(run.verdict(), Verdict::Terminated(_)), "{answer:02X?}: {:?}", run.outcome);
        assert!(run.outcome.host_approved);
        assert_eq!(run.sent(0xAE).len(), 2);
    }
}

#[test]
fn check_60_a_card_that_leaves_is_told_at_every_command() {
    let commands = with_data(&DATA).run().commands;
    for lost in 0..commands.len() {
        let mut world = with_data(&DATA);
        world.interference = Box::new(
            move |count, _, answer| if count == lost { Input::CardLost } else { Input::Card(answer) },
        );
        let run = world.run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::CardLost), "command {lost}");
        assert_eq!(run.commands.len(), lost + 1);
        // From the issuer's authentication on, the host has approved, and the caller must know.
        assert_eq!(run.outcome.host_approved, lost + 2 >= commands.len(), "command {lost}");
    }
}

#[test]
fn check_60_a_card_that_leaves_while_the_host_is_asked() {
    let mut kernel = super::super::Kernel::new(
        std::sync::Arc::new(crate::configuration::Configuration::unionpay()),
        World::new().transaction,
    );
    let mut card = super::card::Card::new();
    let mut action = kernel.start();
    let outcome = loop {
        action = match action {
            super::super::Action::Transmit(command) => kernel.resume(Input::Card(card.answer(&command))),
            super::super::Action::DrawRandom => kernel.resume(Input::Random([0; 8])),
            super::super::Action::EnterOnlinePin => {
                kernel.resume(Input::OnlinePin(super::super::PinEntry::Entered))
            }
            super::super::Action::LookUpCard => kernel.resume(Input::LookedUp(KnownCard::default())),
            super::super::Action::GoOnline(_) => kernel.resume(Input::CardLost),
            super::super::Action::Finished(outcome) => break outcome,
            other => panic!("{other:?}"),
        };
    };
    assert_eq!(outcome.verdict, Verdict::Terminated(Reason::CardLost));
    assert!(!outcome.host_approved);
}
