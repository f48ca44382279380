//! What holds in every step: status words, bounds, order of calls, what is told and what is not.

use super::{
    super::{Action, Input, Kernel, Purpose, Reason, Verdict, session::MOST_COMMANDS},
    card::{DEBIT, fci, hex, ok, tlv},
    world::{PLAIN, PLAIN_INFORMATION, World},
};
use crate::{configuration::Configuration, tags};
use std::sync::Arc;

fn kernel() -> Kernel {
    Kernel::new(Arc::new(Configuration::unionpay()), World::new().transaction)
}

#[test]
fn a_plain_sale_from_end_to_end() {
    let run = World::new().run();
    assert!(run.approved());
    assert_eq!(run.outcome.tvr, PLAIN);
    assert_eq!(run.outcome.tsi, PLAIN_INFORMATION);
    assert!(run.outcome.host_approved && run.outcome.online_pin && !run.outcome.signature_required);
    let instructions: Vec<u8> = run.commands.iter().map(|command| command[1]).collect();
    assert_eq!(instructions, [0xA4, 0xA4, 0xA4, 0xA4, 0xA8, 0xB2, 0xB2, 0xAE, 0xAE]);
    assert_eq!(run.kernel.pan().unwrap().as_str(), "6212340000000019");
    assert_eq!(run.kernel.expiry().unwrap().as_str(), "3012");
    assert_eq!(run.kernel.pan_sequence(), Some(1));
    assert_eq!(run.kernel.data(0x9F02), Some(hex("000000001234")));
    assert_eq!(run.kernel.data(0x9F41), Some(hex("00000042")));
    assert_eq!(run.kernel.data(0x9F21), Some(hex("123059")));
    assert_eq!(run.kernel.data(0x9F06), Some(DEBIT.to_vec()));
}

#[test]
fn a_card_that_is_only_read_is_asked_for_no_cryptogram_and_no_pin() {
    let mut world = World::new();
    world.transaction.purpose = Purpose::Read;
    world.transaction.transaction_type = 0x20;
    let run = world.run();
    assert_eq!(*run.verdict(), Verdict::Read);
    let instructions: Vec<u8> = run.commands.iter().map(|command| command[1]).collect();
    assert_eq!(instructions, [0xA4, 0xA4, 0xA4, 0xA4, 0xA8, 0xB2, 0xB2]);
    assert_eq!(run.kernel.pan().unwrap().as_str(), "6212340000000019");
    assert!(run.kernel.track2().is_some() && run.kernel.expiry().is_some());
    assert!(run.online.is_none() && run.online_pins == 0 && run.offline_pins.is_empty());
    assert_eq!(run.outcome.cryptogram, None);
}

#[test]
fn check_61_more_data_is_fetched() {
    // Every answer comes through GET RESPONSE, in two parts.
    let mut world = World::new();
    let mut pending: Vec<u8> = Vec::new();
    world.interference = Box::new(move |_, command, answer| {
        if command[1] != 0xC0 {
            if answer.len() <= 4 {
                return Input::Card(answer);
            }
            pending = answer;
            let length = (pending.len() - 2).min(255) as u8;
            return Input::Card(vec![0x61, length]);
        }
        assert_eq!(command[..4], hex("00C00000"));
        if pending.len() > 12 {
            let mut part: Vec<u8> = pending.drain(..10).collect();
            part.extend([0x61, (pending.len() - 2).min(255) as u8]);
            return Input::Card(part);
        }
        Input::Card(std::mem::take(&mut pending))
    });
    let run = world.run();
    assert!(run.approved(), "{:?}", run.outcome);
    assert!(run.sent(0xC0).len() > 10);
}

#[test]
fn check_61_the_right_length_is_asked_again() {
    // The refused GENERATE AC is not one that the card counts.
    let twice = |information| [super::card::cryptogram(information), super::card::cryptogram(information)];
    let mut world = World::with(|card| card.cryptograms = [twice(0x80), twice(0x40)].concat());
    world.interference = Box::new(move |_, command, answer| {
        let length = (answer.len() - 2) as u8;
        let expected = *command.last().unwrap();
        Input::Card(if length > 0 && expected != length { vec![0x6C, length] } else { answer })
    });
    let run = world.run();
    assert!(run.approved(), "{:?}", run.outcome);
    // A short command and one with data: only the last byte changes.
    assert_eq!(run.sent(0xB2)[1][..4], run.sent(0xB2)[0][..4]);
    assert_eq!(run.sent(0xAE).len(), 4);
    let (asked, again) = (run.sent(0xAE)[0], run.sent(0xAE)[1]);
    assert_eq!(asked[..asked.len() - 1], again[..again.len() - 1]);
}

#[test]
fn check_61_a_command_that_expects_nothing_is_not_changed() {
    // 6C after EXTERNAL AUTHENTICATE is nonsense; its last byte is the issuer's, not a length.
    let data = vec![7; 10];
    let mut world = World::new().answers(|answer| answer.issuer_authentication_data = Some(data));
    world.card.external = 0x6C05;
    world.card.cryptograms[1] = super::card::cryptogram(0x00);
    let run = world.run();
    assert_eq!(run.sent(0x82).len(), 1);
    assert!(run.outcome.issuer_authentication_failed);
}

#[test]
fn check_61_endless_answers_end() {
    for answer in ["6110", "01020361FF", "6C10", "6C00", "010203046C05"] {
        for from in 0..8 {
            let mut world = World::new();
            let bytes = hex(answer);
            world.interference = Box::new(move |count, _, true_one| {
                Input::Card(if count >= from { bytes.clone() } else { true_one })
            });
            let run = world.run();
            assert!(!run.approved(), "{answer} from {from}");
            assert!(run.commands.len() <= MOST_COMMANDS as usize, "{answer} from {from}");
        }
    }
}

#[test]
fn check_61_an_answer_too_short_for_a_status_is_silence() {
    for answer in [&[][..], &[0x90]] {
        let run = World::new().instead(0xB2, answer).run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::CardLost));
    }
}

#[test]
fn check_61_unknown_statuses_end_it() {
    for instruction in [0xA8, 0xB2, 0xAE] {
        for status in [0x0000, 0x6300, 0x6581, 0x6FFF, 0x9001, 0xFFFF_u16] {
            let run = World::new().instead(instruction, &status.to_be_bytes()).run();
            assert!(matches!(run.verdict(), Verdict::Terminated(Reason::Status { .. })), "{status:04X}");
        }
    }
}

#[test]
fn a_card_with_records_without_end_is_bounded() {
    let locator = hex("0801FF00").repeat(30);
    let run = World::with(|card| {
        card.initiation
            .insert(DEBIT.to_vec(), ok(tlv(0x77, &[tlv(0x82, &hex("1C00")), tlv(0x94, &locator)].concat())));
        (0..=255).for_each(|number| drop(card.raw.insert((1, number), hex("70009000"))));
    })
    .run();
    assert_eq!(*run.verdict(), Verdict::Terminated(Reason::TooManyCommands(MOST_COMMANDS)));
    assert_eq!(run.commands.len(), MOST_COMMANDS as usize);
}

#[test]
fn check_62_nothing_of_the_card_is_shown() {
    let run = World::new().run();
    let shown = format!("{:?} {:?}", run.kernel, run.outcome);
    assert!(!shown.contains("62123400"));
    for command in run.commands {
        assert!(!format!("{:?}", Action::Transmit(command)).contains("0000000012"));
    }
    let answer = ok(tlv(0x5A, &hex("6212340000000019")));
    assert!(!format!("{:?}", Input::Card(answer)).contains("6212"));
    assert!(!format!("{:?}", Input::Random([0x77; 8])).contains("77"));
    for reason in [Reason::Invalid(tags::PAN), Reason::Contradiction(tags::PAN, tags::TRACK_2)] {
        assert!(!reason.to_string().contains("6212"));
    }
}

#[test]
fn check_62_the_number_is_drawn_for_each_attempt_after_selection() {
    let run = World::new().run();
    assert_eq!(run.draws, 1);
    let mut kernel = kernel();
    let mut action = kernel.start();
    let mut card = super::card::Card::new();
    let mut selected = 0;
    while let Action::Transmit(command) = action {
        selected += usize::from(command[1] == 0xA4);
        action = kernel.resume(Input::Card(card.answer(&command)));
    }
    assert!(matches!(action, Action::DrawRandom));
    assert_eq!(selected, 4, "after the final SELECT, before GET PROCESSING OPTIONS");
}

#[test]
fn check_62_what_goes_online_is_what_the_card_was_given() {
    let run = World::with(|card| card.external = 0x6300)
        .answers(|answer| answer.issuer_authentication_data = Some(vec![1; 10]))
        .run();
    assert_eq!(run.online().tvr, run.asked(0, 14, 5));
    assert_eq!(run.online().cvm_results, run.asked(0, 29, 3));
    assert_eq!(run.online().cryptogram, [0x80; 8]);
    // Card risk management has been performed, the issuer has not been authenticated yet.
    assert_eq!(run.online().tsi, PLAIN_INFORMATION.0);
    assert_ne!(run.outcome.tvr.0[..], run.online().tvr[..], "later bits come later");
}

#[test]
fn calls_out_of_turn_end_without_approval() {
    let ended =
        |action| matches!(action, Action::Finished(o) if o.verdict == Verdict::Terminated(Reason::OutOfTurn));
    assert!(ended(kernel().resume(Input::CardLost)), "resumed before the start");
    let mut twice = kernel();
    let _ = twice.start();
    assert!(ended(twice.start()));
    let mut wrong = kernel();
    let _ = wrong.start();
    assert!(ended(wrong.resume(Input::Confirmed)));
    assert!(ended(wrong.resume(Input::Card(hex("9000")))), "and nothing after the end");
}

#[test]
fn a_transaction_that_cannot_be_expressed_does_not_start() {
    for change in [(1_000_000_000_000, 0), (1, 1_000_000_000_000)] {
        let mut world = World::new();
        (world.transaction.amount, world.transaction.amount_other) = change;
        let run = world.run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Transaction("amount")));
        assert!(run.commands.is_empty());
    }
}

#[test]
fn an_amount_is_given_in_both_forms() {
    let list = tlv(0x9F38, &hex("9F0206 8104 9F0306"));
    let mut world = World::with(|card| card.applications[0].1 = ok(fci(&DEBIT, &[list])));
    world.transaction.amount = 999_999_999_999;
    world.transaction.amount_other = 5;
    let run = world.run();
    assert_eq!(run.sent(0xA8)[0][7..23], hex("999999999999 FFFFFFFF 000000000005"));
}
