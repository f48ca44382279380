//! GET PROCESSING OPTIONS.

use super::{
    super::{Input, Reason, Refusal, Verdict},
    card::{CREDIT, DEBIT, fci, hex, ok, tlv},
    world::World,
};
use crate::tags;

fn with_answer(answer: Vec<u8>) -> World {
    World::with(|card| {
        card.initiation.insert(DEBIT.to_vec(), answer);
    })
}

#[test]
fn check_11_no_list_is_an_empty_template() {
    let run = World::new().run();
    assert_eq!(*run.sent(0xA8)[0], hex("80A8000002830000"));
}

#[test]
fn check_12_the_list_is_filled_with_what_is_known() {
    // Amount, an unknown tag, a template, the country cut on the left, the unpredictable number.
    let list = hex("9F0206 DF7702 6F01 9F1A01 9F3704 9F7A01");
    let run = World::with(|card| card.applications[0].1 = ok(fci(&DEBIT, &[tlv(0x9F38, &list)]))).run();
    assert_eq!(*run.sent(0xA8)[0], hex("80A80000 11 830F 000000001234 0000 00 56 C0FFEE01 00 00"));
    assert!(run.approved());
}

#[test]
fn check_12_a_list_that_is_none_ends_it() {
    for list in ["9F02", "9F", "9F02FF9F03FF", "9FFFFFFFFFFF0101"] {
        let run =
            World::with(|card| card.applications[0].1 = ok(fci(&DEBIT, &[tlv(0x9F38, &hex(list))]))).run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Invalid(tags::PDOL)), "{list}");
    }
}

#[test]
fn check_13_refused_conditions_lead_to_the_next_application() {
    let mut world = World::with(|card| {
        card.initiation.insert(CREDIT.to_vec(), hex("6985"));
        card.applications
            .push((CREDIT.to_vec(), ok(fci(&CREDIT, &[tlv(0x87, &[1]), tlv(0x9F12, b"GHOST")]))));
        card.applications[0].1 = ok(fci(&DEBIT, &[tlv(0x87, &[2])]));
    });
    world.configuration.terminal.cardholder_selection = false;
    let run = world.run();
    assert!(run.approved());
    assert_eq!(run.sent(0xA8).len(), 2);
    assert_eq!(run.kernel.data(tags::DF_NAME), Some(DEBIT.to_vec()));
    assert_eq!(run.kernel.data(tags::PREFERRED_NAME), None, "nothing is left of the first application");
    assert_eq!(*with_answer(hex("6985")).run().verdict(), Verdict::NotAccepted(Refusal::NoCommonApplication));
    for status in [0x6984, 0x6A80, 0x6F00, 0x6283] {
        let run = with_answer(u16::to_be_bytes(status).to_vec()).run();
        let reason = Reason::Status { command: "GET PROCESSING OPTIONS", status };
        assert_eq!(*run.verdict(), Verdict::Terminated(reason));
    }
}

#[test]
fn check_14_format_80_length() {
    assert!(with_answer(ok(tlv(0x80, &hex("1C00 08010201")))).run().approved());
    for value in ["", "1C", "1C00", "1C00080102", "1C000801020108", "1C0008010201080102"] {
        let run = with_answer(ok(tlv(0x80, &hex(value)))).run();
        let reason = Reason::Form("GET PROCESSING OPTIONS");
        assert_eq!(*run.verdict(), Verdict::Terminated(reason), "{value}");
    }
}

#[test]
fn check_15_format_77_holds_profile_and_locator() {
    let good = [tlv(0x82, &hex("1C00")), tlv(0x94, &hex("08010201")), tlv(0xDF01, &[1])].concat();
    assert!(with_answer(ok(tlv(0x77, &good))).run().approved());
    for (value, missing) in [(tlv(0x82, &hex("1C00")), tags::AFL), (tlv(0x94, &hex("08010201")), tags::AIP)] {
        let run = with_answer(ok(tlv(0x77, &value))).run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Missing(missing)));
    }
    let long = [tlv(0x82, &hex("1C0000")), tlv(0x94, &hex("08010201"))].concat();
    let run = with_answer(ok(tlv(0x77, &long))).run();
    assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Invalid(tags::AIP)));
    for answer in
        [hex("7705820219009000"), hex("9000"), ok(tlv(0x70, &good)), ok([tlv(0x77, &good), good].concat())]
    {
        let run = with_answer(answer).run();
        assert!(matches!(run.verdict(), Verdict::Terminated(_)));
    }
}

#[test]
fn check_16_each_application_starts_clean_with_a_new_number() {
    let mut world = World::with(|card| {
        card.initiation.insert(CREDIT.to_vec(), hex("6985"));
        card.applications
            .push((CREDIT.to_vec(), ok(fci(&CREDIT, &[tlv(0x87, &[1]), tlv(0x9F38, &hex("9F3704"))]))));
        card.applications[0].1 = ok(fci(&DEBIT, &[tlv(0x87, &[2]), tlv(0x9F38, &hex("9F3704 9505 9B02"))]));
    });
    world.random.extend([[1, 1, 1, 1, 0, 0, 0, 0], [2, 2, 2, 2, 0, 0, 0, 0]]);
    world.choices.push_back(Input::Chosen(0));
    let run = world.run();
    assert_eq!(run.draws, 2);
    assert_eq!(*run.sent(0xA8)[0], hex("80A80000 06 8304 01010101 00"));
    assert_eq!(*run.sent(0xA8)[1], hex("80A80000 0D 830B 02020202 0000000000 0000 00"));
    assert_eq!(run.asked(0, 25, 4), [2; 4]);
    // Drawn after the final selection, and before anything that could use it.
    assert!(run.approved());
}
