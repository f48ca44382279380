//! Issuer scripts.

use super::{
    super::{Input, Verdict},
    card::{cryptogram, hex, tlv},
    world::{Run, World},
};
use crate::indicators::{tsi, tvr};

/// A script: its identifier and its commands.
fn script(identifier: &str, commands: &[&str]) -> Vec<u8> {
    let commands: Vec<u8> = commands.iter().flat_map(|command| tlv(0x86, &hex(command))).collect();
    [tlv(0x9F18, &hex(identifier)), commands].concat()
}

fn with(before: Vec<Vec<u8>>, after: Vec<Vec<u8>>) -> World {
    World::new().answers(|answer| {
        answer.scripts_before = before;
        answer.scripts_after = after;
    })
}

fn results(run: &Run) -> Vec<u8> {
    assert_eq!(run.outcome.script_results, run.kernel.data(0xDF31));
    run.outcome.script_results.clone().unwrap()
}

const ONE: &str = "84240000 04 01020304";
const TWO: &str = "84DA9F58 05 0A AABBCCDD";
const THREE: &str = "84180000 04 AABBCCDD";

#[test]
fn check_59_before_and_after_the_second_cryptogram() {
    let run = with(vec![script("11111111", &[ONE, TWO])], vec![script("22222222", &[THREE])]).run();
    assert!(run.approved());
    let last: Vec<u8> = run.commands.iter().rev().take(4).rev().map(|command| command[1]).collect();
    assert_eq!(last, [0x24, 0xDA, 0xAE, 0x18]);
    assert_eq!(*run.sent(0xDA)[0], hex(TWO), "sent as the issuer wrote it");
    assert_eq!(results(&run), hex("20 11111111 20 22222222"));
    assert!(run.tsi(tsi::SCRIPT_PERFORMED));
    assert!(!run.tvr(tvr::SCRIPT_FAILED_BEFORE) && !run.tvr(tvr::SCRIPT_FAILED_AFTER));
}

#[test]
fn check_59_none_sent_none_told() {
    let run = World::new().run();
    assert_eq!(run.outcome.script_results, None);
    assert!(!run.tsi(tsi::SCRIPT_PERFORMED));
}

#[test]
fn check_59_a_failed_command_ends_its_script() {
    for (place, sequence) in [(0_usize, 0x11), (1, 0x12), (2, 0x13)] {
        let mut world =
            with(vec![script("11111111", &[ONE, TWO, THREE]), script("22222222", &[ONE])], vec![]);
        world.card.scripts = vec![0x9000; place];
        world.card.scripts.push(0x6A80);
        let run = world.run();
        assert_eq!(results(&run), [&[sequence][..], &[0x11; 4], &[0x20], &[0x22; 4]].concat());
        assert!(run.tvr(tvr::SCRIPT_FAILED_BEFORE) && !run.tvr(tvr::SCRIPT_FAILED_AFTER));
        assert_eq!(run.asked(1, 2, 5)[4], 0x20, "the second GENERATE AC carries the bit");
        assert!(run.approved(), "the host and the card decide, not the script");
    }
    let mut after = with(vec![], vec![script("33333333", &[ONE])]);
    after.card.scripts = vec![0x6985];
    let run = after.run();
    assert_eq!(results(&run), hex("11 33333333"));
    assert!(run.tvr(tvr::SCRIPT_FAILED_AFTER) && !run.tvr(tvr::SCRIPT_FAILED_BEFORE) && run.approved());
}

#[test]
fn check_59_warnings_go_on() {
    let mut world = with(vec![script("11111111", &[ONE, TWO, THREE])], vec![]);
    world.card.scripts = vec![0x6200, 0x63C2, 0x9000];
    assert_eq!(results(&world.run()), hex("20 11111111"));
}

#[test]
fn check_59_the_fifteenth_command_and_later_are_f() {
    let mut world = with(vec![script("11111111", &["84240000"; 19])], vec![]);
    world.card.scripts = vec![0x9000; 16];
    world.card.scripts.push(0x6A80);
    assert_eq!(results(&world.run()), hex("1F 11111111"));
}

#[test]
fn check_59_no_more_than_128_bytes() {
    // Tag 71, length, identifier 7 bytes, tag 86 and length, command.
    let sized = |length: usize| {
        let command = tlv(0x86, &[&hex("8424000000")[..], &vec![0; length - 9 - 7]].concat());
        let script = [tlv(0x9F18, &hex("44444444")), command].concat();
        assert_eq!(tlv(0x71, &script).len(), length);
        script
    };
    let run = with(vec![sized(128)], vec![]).run();
    assert_eq!(results(&run), hex("20 44444444"));
    for (before, after) in [(vec![sized(129)], vec![]), (vec![], vec![sized(129)])] {
        let run = with(before, after).run();
        assert_eq!(results(&run), hex("00 44444444"));
        assert!(run.tvr(tvr::SCRIPT_FAILED_BEFORE) || run.tvr(tvr::SCRIPT_FAILED_AFTER));
        assert!(run.sent(0x24).is_empty());
    }
    // The limit is on the whole answer.
    let run = with(vec![sized(70)], vec![sized(70)]).run();
    assert_eq!(results(&run), hex("20 44444444 00 44444444"));
    assert!(run.tvr(tvr::SCRIPT_FAILED_AFTER));
}

#[test]
fn check_59_malformed_scripts_do_not_run() {
    for (odd, identifier) in [
        ("", "00000000"),
        ("9F180411111111", "11111111"),
        ("8602", "00000000"),
        ("9F1804111111118603842400", "11111111"),
        ("9F180311111186048424000", "00000000"),
        ("9F180411111111 5A0101 860484240000", "11111111"),
    ] {
        let odd = hex(if odd.replace(' ', "").len() % 2 == 1 { "9F1803111111860484240000" } else { odd });
        let run = with(vec![odd.clone()], vec![]).run();
        assert_eq!(results(&run), [&[0x00][..], &hex(identifier)].concat(), "{odd:02X?}");
        assert!(run.tvr(tvr::SCRIPT_FAILED_BEFORE) && run.sent(0x24).is_empty() && run.approved());
    }
}

#[test]
fn check_59_no_identifier_is_zeros() {
    let run = with(vec![tlv(0x86, &hex(ONE))], vec![]).run();
    assert_eq!(results(&run), hex("20 00000000"));
}

#[test]
fn check_59_scripts_run_on_a_refusal_too() {
    let mut world = World::new().answers(|answer| {
        answer.authorisation_response_code = *b"05";
        answer.scripts_after = vec![script("55555555", &[THREE])];
    });
    world.card.cryptograms[1] = cryptogram(0x00);
    let run = world.run();
    assert_eq!(*run.verdict(), Verdict::Declined);
    assert_eq!(results(&run), hex("20 55555555"));
}

#[test]
fn attack_a_wrong_arpc_runs_no_script() {
    let mut world = World::new().answers(|answer| {
        answer.issuer_authentication_data = Some(vec![0xEE; 10]);
        answer.scripts_before = vec![script("11111111", &[ONE])];
        answer.scripts_after = vec![script("22222222", &[TWO])];
    });
    world.card.external = 0x6300;
    world.card.cryptograms[1] = cryptogram(0x00);
    let run = world.run();
    assert!(run.sent(0x24).is_empty() && run.sent(0xDA).is_empty());
    assert_eq!(results(&run), hex("00 11111111 00 22222222"), "the issuer learns that they did not run");
    assert!(!run.tsi(tsi::SCRIPT_PERFORMED));
    assert_eq!(*run.verdict(), Verdict::Declined);
}

#[test]
fn attack_a_tear_at_each_script_command_keeps_the_notice() {
    let world = || {
        with(
            vec![script("11111111", &[ONE, TWO]), script("22222222", &[ONE])],
            vec![script("33333333", &[THREE, ONE]), script("44444444", &[ONE])],
        )
    };
    let whole = world().run();
    let first = whole.commands.iter().position(|command| command[1] == 0x24).unwrap();
    let expected = [
        (first, "11 11111111 00 22222222", false),
        (first + 1, "12 11111111 00 22222222", false),
        (first + 2, "20 11111111 11 22222222", false),
        (first + 4, "20 11111111 20 22222222 11 33333333 00 44444444", true),
        (first + 5, "20 11111111 20 22222222 12 33333333 00 44444444", true),
        (first + 6, "20 11111111 20 22222222 20 33333333 11 44444444", true),
    ];
    for (torn, notice, approved) in expected {
        let mut world = world();
        world.interference = Box::new(
            move |count, _, answer| if count == torn { Input::CardLost } else { Input::Card(answer) },
        );
        let run = world.run();
        assert_eq!(results(&run), hex(notice), "torn at {torn}");
        // After the certificate the verdict stands: the card has completed.
        assert_eq!(run.approved(), approved, "torn at {torn}");
        assert!(run.outcome.host_approved);
    }
}
