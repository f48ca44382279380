//! Application selection.

use super::{
    super::{Input, Reason, Refusal, Verdict},
    card::{CREDIT, Card, DEBIT, fci, hex, ok, tlv},
    world::{Run, World},
};
use crate::tags;

const PSE: &[u8] = b"1PAY.SYS.DDF01";

fn both(card: &mut Card) {
    let entry =
        |name: &[u8], label: &[u8], priority| ok(fci(name, &[tlv(0x50, label), tlv(0x87, &[priority])]));
    card.applications =
        vec![(DEBIT.to_vec(), entry(&DEBIT, b"DEBIT", 2)), (CREDIT.to_vec(), entry(&CREDIT, b"CREDIT", 1))];
}

fn entry(name: &[u8], label: &[u8], priority: u8) -> Vec<u8> {
    tlv(0x61, &[tlv(0x4F, name), tlv(0x50, label), tlv(0x87, &[priority])].concat())
}

fn with_directory(card: &mut Card, records: &[Vec<u8>]) {
    both(card);
    card.pse = ok(fci(PSE, &[tlv(0x88, &[1]), tlv(0x5F2D, b"zhen")]));
    card.directory = records.iter().map(|record| ok(tlv(0x70, record))).collect();
}

fn labels(run: &Run) -> Vec<&str> {
    run.choices[0].iter().map(|candidate| candidate.label.as_str()).collect()
}

fn aid(run: &Run) -> Vec<u8> {
    run.kernel.data(tags::DF_NAME).unwrap()
}

#[test]
fn check_01_a_blocked_card_ends_it() {
    let run = World::with(|card| card.pse = hex("6A81")).run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::CardBlocked));
    assert_eq!(run.commands.len(), 1);
    let run = World::with(|card| card.applications[0].1 = hex("6A81")).run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::CardBlocked));
}

#[test]
fn check_01_without_a_directory_the_list_is_used() {
    for status in ["6A82", "6283", "6D00", "6F00", "9000", "6F0084009000"] {
        let run = World::with(|card| card.pse = hex(status)).run();
        assert!(run.approved(), "{status}: {:?}", run.outcome);
        assert_eq!(run.selects()[1], (DEBIT.to_vec(), 0), "{status}");
        assert_eq!(run.selects()[2], (CREDIT.to_vec(), 0), "{status}");
    }
    let mut world = World::new();
    world.configuration.terminal.payment_system_environment = false;
    assert_eq!(world.run().selects()[0].0, DEBIT);
}

#[test]
fn check_02_the_directory_is_read_to_its_end() {
    let records = [entry(&DEBIT, b"DEBIT", 2), entry(&CREDIT, b"CREDIT", 1)];
    let run = World::with(|card| with_directory(card, &records)).run();
    assert_eq!(labels(&run), ["CREDIT", "DEBIT"]);
    let reads: Vec<_> = run.commands[1..4].iter().map(|c| c[..].to_vec()).collect();
    assert_eq!(reads, [hex("00B2010C00"), hex("00B2020C00"), hex("00B2030C00")]);
    assert_eq!(run.selects().len(), 2, "no list of names after a directory that serves");
    assert_eq!(aid(&run), CREDIT);
}

#[test]
fn check_02_odd_entries_are_passed_over() {
    let odd = [
        tlv(0x61, &tlv(0x9D, b"A DIRECTORY")),
        tlv(0x61, &[0x4F, 0x20, 0x01]),
        tlv(0x62, &tlv(0x4F, &CREDIT)),
        tlv(0x61, &tlv(0x50, b"NAMELESS")),
        tlv(0x61, &tlv(0x4F, &[0xA0, 0, 0, 3])),
        tlv(0x50, b"X"),
        entry(&DEBIT, b"DEBIT", 1),
        entry(&DEBIT, b"AGAIN", 1),
        entry(&hex("A0000000041010"), b"ANOTHER BRAND", 1),
    ]
    .concat();
    let run = World::with(|card| with_directory(card, &[odd])).run();
    assert!(run.approved() && run.choices.is_empty());
    assert_eq!(aid(&run), DEBIT);
}

#[test]
fn check_02_a_broken_directory_is_as_none() {
    for record in ["6A82", "6F00", "9000", "61009000", "700361019000", "70036101509000"] {
        let run = World::with(|card| {
            with_directory(card, &[]);
            card.directory = vec![hex(record)];
        })
        .run();
        assert!(run.approved(), "{record}: {:?}", run.outcome);
        assert_eq!(run.selects()[1].0, DEBIT, "{record}: the list is used");
    }
    // A file number that no directory has.
    let run = World::with(|card| {
        with_directory(card, &[entry(&DEBIT, b"DEBIT", 1)]);
        card.pse = ok(fci(PSE, &[tlv(0x88, &[11])]));
    })
    .run();
    assert!(run.approved());
    // A directory without end.
    let run = World::with(|card| with_directory(card, &vec![entry(&DEBIT, b"DEBIT", 1); 255])).run();
    assert!(run.approved() && run.commands.len() < 50);
}

#[test]
fn check_03_a_longer_name_matches_and_the_next_is_asked_for() {
    let names = [hex("A00000033301010101"), hex("A00000033301010102"), DEBIT.to_vec()];
    let several = |card: &mut Card| {
        card.applications =
            names.iter().map(|name| (name.clone(), ok(fci(name, &[tlv(0x50, &[b'A' + name[7]])])))).collect();
    };
    let run = World::with(several).run();
    let selects = run.selects();
    assert_eq!(selects[1..4], [(DEBIT.to_vec(), 0), (DEBIT.to_vec(), 2), (DEBIT.to_vec(), 2)]);
    assert_eq!(selects[4], (CREDIT.to_vec(), 0), "the exact name ends the search");
    assert_eq!(run.choices[0].iter().map(|c| c.aid.clone()).collect::<Vec<_>>(), names);
    // A terminal that wants the exact name takes no longer one.
    let mut world = World::with(several);
    world.configuration.applications.iter_mut().for_each(|application| application.partial_selection = false);
    let run = world.run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::NoCommonApplication));
}

#[test]
fn check_03_a_card_that_always_has_one_more_is_bounded() {
    let mut world = World::new();
    world.interference = Box::new(|count, command, answer| {
        let name = [&DEBIT[..], &(count as u16).to_be_bytes()].concat();
        Input::Card(if command[1] == 0xA4 && command[5] == 0xA0 { ok(fci(&name, &[])) } else { answer })
    });
    let run = world.run();
    assert!(matches!(run.verdict(), Verdict::NotAccepted(_)), "{:?}", run.outcome);
    assert!(run.commands.len() < 100);
}

#[test]
fn check_04_blocked_applications_are_no_candidates() {
    let blocked = |mut answer: Vec<u8>| {
        answer.truncate(answer.len() - 2);
        [answer, hex("6283")].concat()
    };
    let run = World::with(|card| {
        both(card);
        card.applications[1].1 = blocked(card.applications[1].1.clone());
    })
    .run();
    assert!(run.approved() && run.choices.is_empty());
    assert_eq!(aid(&run), DEBIT);
    let run = World::with(|card| card.applications[0].1 = blocked(card.applications[0].1.clone())).run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::ApplicationBlocked));
    // In the directory nothing tells until the final SELECT.
    let run = World::with(|card| {
        with_directory(card, &[entry(&DEBIT, b"DEBIT", 1)]);
        card.applications.iter_mut().for_each(|application| application.1 = hex("6283"));
    })
    .run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::ApplicationBlocked));
}

#[test]
fn check_05_priority_orders_and_none_is_last() {
    let names: Vec<Vec<u8>> = (1..=4).map(|last| [&DEBIT[..], &[last]].concat()).collect();
    let records: Vec<Vec<u8>> = [(0, 0), (1, 15), (2, 0x82), (3, 1)]
        .map(|(place, priority)| entry(&names[place], &[b'A' + place as u8], priority))
        .to_vec();
    let run = World::with(|card| with_directory(card, &records)).run();
    assert_eq!(labels(&run), ["D", "C", "B", "A"]);
    let told: Vec<_> = run.choices[0].iter().map(|c| (c.priority, c.confirmation_required)).collect();
    assert_eq!(told, [(1, false), (2, true), (15, false), (0, false)]);
}

#[test]
fn check_06_the_preferred_name_needs_a_known_alphabet() {
    for (table, shown) in [(Some(1), "YINLIAN"), (Some(5), "DEBIT"), (None, "DEBIT")] {
        let mut parts = vec![tlv(0x50, b"DEBIT"), tlv(0x87, &[0x81]), tlv(0x9F12, b"YINLIAN")];
        parts.extend(table.map(|table: u8| tlv(0x9F11, &[table])));
        let run = World::with(|card| card.applications[0].1 = ok(fci(&DEBIT, &parts))).run();
        assert_eq!(run.confirmations[0].label, shown, "{table:?}");
        assert_eq!(run.kernel.preferred_name().as_deref(), (shown == "YINLIAN").then_some("YINLIAN"));
        assert_eq!(run.kernel.label().as_deref(), Some("DEBIT"));
    }
    // Control bytes never reach a display; without anything to show, the terminal's own name serves.
    let parts = [tlv(0x50, &[0x1B, 0x07, 0x0A]), tlv(0x87, &[0x81])];
    let run = World::with(|card| card.applications[0].1 = ok(fci(&DEBIT, &parts))).run();
    assert_eq!(run.confirmations[0].label, "UnionPay Debit");
}

#[test]
fn check_07_the_cardholder_chooses() {
    let mut world = World::with(both);
    world.choices.push_back(Input::Chosen(1));
    let run = world.run();
    assert_eq!(labels(&run), ["CREDIT", "DEBIT"]);
    assert_eq!(aid(&run), DEBIT);
    let mut world = World::with(both);
    world.choices.push_back(Input::Refused);
    assert_eq!(*world.run().verdict(), Verdict::NotAccepted(Refusal::Refused));
    let mut world = World::with(both);
    world.choices.push_back(Input::Chosen(2));
    assert_eq!(*world.run().verdict(), Verdict::Terminated(Reason::OutOfTurn));
}

#[test]
fn check_07_without_a_choice_the_highest_priority_is_taken() {
    let mut world = World::with(both);
    world.configuration.terminal.cardholder_selection = false;
    let run = world.run();
    assert!(run.choices.is_empty());
    assert_eq!(aid(&run), CREDIT);
}

#[test]
fn check_07_confirmation() {
    let wants = |card: &mut Card| card.applications[0].1 = ok(fci(&DEBIT, &[tlv(0x87, &[0x81])]));
    let run = World::with(wants).run();
    assert!(run.approved());
    assert_eq!(run.confirmations.len(), 1);
    let mut world = World::with(wants);
    world.choices.push_back(Input::Refused);
    assert_eq!(*world.run().verdict(), Verdict::NotAccepted(Refusal::Refused));
    // Where nobody can confirm, the application cannot be used.
    let mut world = World::with(wants);
    world.configuration.terminal.cardholder_confirmation = false;
    assert_eq!(*world.run().verdict(), Verdict::NotAccepted(Refusal::ConfirmationImpossible));
    // Nor the first of two; the other can.
    let mut world = World::with(|card| {
        both(card);
        card.applications[1].1 = ok(fci(&CREDIT, &[tlv(0x87, &[0x81])]));
    });
    world.configuration.terminal.cardholder_confirmation = false;
    world.configuration.terminal.cardholder_selection = false;
    let run = world.run();
    assert!(run.approved());
    assert_eq!(aid(&run), DEBIT);
}

#[test]
fn check_07_a_fallback_is_confirmed_too() {
    let mut world = World::with(|card| {
        both(card);
        card.applications[0].1 = ok(fci(&DEBIT, &[tlv(0x87, &[0x82])]));
        card.initiation.insert(CREDIT.to_vec(), hex("6985"));
    });
    world.choices.push_back(Input::Chosen(0));
    let run = world.run();
    assert!(run.approved());
    assert_eq!(run.choices.len(), 1);
    assert_eq!(run.confirmations.len(), 1, "the list was about another application");
}

#[test]
fn check_08_a_failed_final_select_leaves_the_rest() {
    let final_select_of_credit = |answer: Vec<u8>| {
        let mut world = World::with(|card| {
            with_directory(card, &[entry(&DEBIT, b"DEBIT", 2), entry(&CREDIT, b"CREDIT", 1)]);
            card.applications[1].1 = answer;
        });
        world.configuration.terminal.cardholder_selection = false;
        world.run()
    };
    for answer in
        [hex("6A82"), hex("6283"), hex("6F00"), hex("9000"), ok(fci(&DEBIT, &[])), ok(tlv(0x6F, &[]))]
    {
        let run = final_select_of_credit(answer.clone());
        assert!(run.approved(), "{answer:02X?}: {:?}", run.outcome);
        assert_eq!(aid(&run), DEBIT);
    }
    // Where nothing is left, that is the outcome.
    let run = World::with(|card| {
        with_directory(card, &[entry(&DEBIT, b"DEBIT", 1)]);
        card.applications.clear();
    })
    .run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::NoCommonApplication));
}

#[test]
fn check_09_the_name_equals_or_extends_what_was_asked() {
    let longer = [&DEBIT[..], &[7, 7]].concat();
    let run = World::with(|card| {
        with_directory(card, &[entry(&DEBIT, b"DEBIT", 1)]);
        card.applications[0].1 = ok(fci(&longer, &[]));
    })
    .run();
    assert!(run.approved());
    assert_eq!(aid(&run), longer);
    for name in [&CREDIT[..], &DEBIT[..7], &[], &[&DEBIT[..], &[0; 9]].concat()] {
        let run = World::with(|card| {
            with_directory(card, &[entry(&DEBIT, b"DEBIT", 1)]);
            card.applications = vec![(DEBIT.to_vec(), ok(fci(name, &[])))];
        })
        .run();
        assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::NoCommonApplication), "{name:02X?}");
    }
}

#[test]
fn check_10_languages_are_told() {
    let parts = [tlv(0x87, &[0x81]), tlv(0x5F2D, b"zhENfr12deit")];
    let run = World::with(|card| card.applications[0].1 = ok(fci(&DEBIT, &parts))).run();
    assert_eq!(run.confirmations[0].languages, ["zh", "en", "fr"]);
    let records = [entry(&DEBIT, b"DEBIT", 0x81)];
    let run = World::with(|card| with_directory(card, &records)).run();
    assert_eq!(run.confirmations[0].languages, ["zh", "en"]);
}
