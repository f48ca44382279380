//! Read application data.

use super::{
    super::{Reason, Verdict},
    card::{Card, hex, ok, tlv},
    world::World,
};
use crate::tags;

fn ends_with(change: impl FnOnce(&mut Card), reason: Reason) {
    let run = World::with(change).run();
    assert_eq!(*run.verdict(), Verdict::Terminated(reason));
    assert!(run.online.is_none() && run.sent(0xAE).is_empty());
}

#[test]
fn check_17_a_locator_must_make_sense() {
    for locator in
        ["00010101", "F8010101", "09010201", "08000201", "08020101", "08010203", "08010100 00000000"]
    {
        let mut world = World::with(|card| card.locator = hex(locator));
        // The records that are there may be read before the fault is met; nothing follows it.
        world.card.files.insert((1, 3), vec![]);
        let run = world.run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Invalid(tags::AFL)), "{locator}");
    }
    let template = |value: &str| ok(tlv(0x77, &[tlv(0x82, &hex("1C00")), tlv(0x94, &hex(value))].concat()));
    for locator in ["", "080102", "0801020108"] {
        let answer = template(locator);
        ends_with(
            |card| {
                card.initiation.insert(super::card::DEBIT.to_vec(), answer);
            },
            Reason::Invalid(tags::AFL),
        );
    }
}

#[test]
fn check_17_a_record_that_is_not_there_ends_it() {
    ends_with(
        |card| card.locator = hex("08010301"),
        Reason::Status { command: "READ RECORD", status: 0x6A83 },
    );
}

#[test]
fn check_18_an_element_comes_once() {
    ends_with(|card| card.files.entry((1, 2)).or_default().push((0x5A, hex("62"))), Reason::Twice(tags::PAN));
    ends_with(|card| card.set(0x82, "FFFF"), Reason::Twice(tags::AIP));
    ends_with(|card| card.set(0x94, "08010101"), Reason::Twice(tags::AFL));
    // A template may come again; what selection told stands.
    let run = World::with(|card| {
        card.files.entry((1, 1)).or_default().push((0xBF0C, vec![]));
        card.files.entry((1, 2)).or_default().extend([(0xBF0C, vec![]), (0x50, b"OTHER".to_vec())]);
    })
    .run();
    assert!(run.approved());
    assert_eq!(run.kernel.label().as_deref(), Some("DEBIT"));
}

#[test]
fn check_19_mandatory_data() {
    for tag in [0x5A, 0x5F24, 0x8C, 0x8D] {
        ends_with(|card| card.remove(tag), Reason::Missing(tag));
        ends_with(|card| card.set(tag, ""), Reason::Missing(tag));
    }
    ends_with(|card| card.set(0x5A, "6212FF1234"), Reason::Invalid(tags::PAN));
    ends_with(|card| card.set(0x5A, "62123F"), Reason::Invalid(tags::PAN));
    ends_with(|card| card.set(0x5F24, "3012"), Reason::Invalid(tags::EXPIRATION));
    ends_with(|card| card.set(0x5F24, "301331"), Reason::Invalid(tags::EXPIRATION));
    // Peer fault 5: a list in a later record is as good.
    let run = World::with(|card| {
        let list = card.files[&(1, 2)].iter().find(|element| element.0 == 0x8C).unwrap().clone();
        card.remove(0x8C);
        card.files.insert((3, 5), vec![list]);
        card.locator = hex("08010201 18050500");
    })
    .run();
    assert!(run.approved());
}

#[test]
fn check_20_a_file_of_the_issuers_own_need_not_be_a_template() {
    let run = World::with(|card| {
        card.raw.insert((12, 1), ok(hex("DEADBEEF")));
        card.locator = hex("08010201 60010100");
    })
    .run();
    assert!(run.approved());
    for raw in ["DEADBEEF", "", "7700"] {
        ends_with(
            |card| {
                card.raw.insert((2, 1), ok(hex(raw)));
                card.locator = hex("08010201 10010100");
            },
            Reason::Form("READ RECORD"),
        );
    }
}

#[test]
fn check_21_account_number_and_track_2_agree() {
    ends_with(
        |card| card.set(0x57, "6212340000000027D30122010000000000"),
        Reason::Contradiction(tags::PAN, tags::TRACK_2),
    );
    ends_with(
        |card| card.set(0x57, "6212340000000019D31012010000000000"),
        Reason::Contradiction(tags::EXPIRATION, tags::TRACK_2),
    );
    for track in ["6212340000000019D", "6212340000000019D301F"] {
        let track = if track.len() % 2 == 1 { format!("{track}F") } else { track.to_owned() };
        ends_with(|card| card.set(0x57, &track), Reason::Contradiction(tags::EXPIRATION, tags::TRACK_2));
    }
    ends_with(|card| card.set(0x57, "6212340000000019"), Reason::Invalid(tags::TRACK_2));
    assert!(World::with(|card| card.remove(0x57)).run().approved());
    let run = World::with(|card| card.set(0x57, "6212340000000019D3012201000000000F")).run();
    assert_eq!(run.kernel.track2().unwrap().as_str(), "6212340000000019D3012201000000000");
}

#[test]
fn check_22_a_record_that_cannot_be_read_ends_it() {
    for value in ["5A", "5A08", "5A0862", "9F", "9F8181810100", "5A80"] {
        let run = World::with(|card| {
            card.raw.insert((1, 2), ok(tlv(0x70, &hex(value))));
        })
        .run();
        assert!(
            matches!(run.verdict(), Verdict::Terminated(Reason::Malformed { .. })),
            "{value}: {:?}",
            run.outcome
        );
    }
    for raw in ["70059000", "7005015A", "9000", "7000 7000 9000"] {
        let run = World::with(|card| {
            card.raw.insert((1, 2), hex(raw));
        })
        .run();
        assert!(matches!(run.verdict(), Verdict::Terminated(_)), "{raw}: {:?}", run.outcome);
    }
}

#[test]
fn unknown_elements_are_kept_and_harm_nothing() {
    let run = World::with(|card| {
        card.set(0x9F63, "3031303530303030");
        card.set(0xDF7F, "00");
    })
    .run();
    assert!(run.approved());
    assert_eq!(run.kernel.data(0x9F63), Some(hex("3031303530303030")));
}

#[test]
fn a_card_cannot_plant_what_is_not_its_own() {
    let run = World::with(|card| {
        for tag in [0x91, 0x95, 0x9F10, 0x9F26, 0x9F27, 0x9F36, 0x9F02, 0x9F37, 0x9F1D, 0x9F16, 0x8A, 0xDF31]
        {
            card.set(tag, "EEEEEEEE");
        }
        card.cryptograms[0] = ok(tlv(0x80, &hex("80 0007 1111111111111111")));
    })
    .run();
    assert!(run.approved());
    for tag in [0x91, 0x95, 0x9F10, 0x9F26, 0x9F27, 0x9F36, 0x9F02, 0x9F37, 0x9F1D, 0x9F16, 0x8A, 0xDF31] {
        assert_ne!(run.kernel.data(tag), Some(hex("EEEEEEEE")), "{tag:X}");
    }
    // CDOL2 asks for 91, and the host gave none.
    assert_eq!(run.asked(1, 11, 10), [0; 10]);
}
