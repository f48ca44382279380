//! Selection, order and form of commands, PIN, scripts.

use crate::terminal::{self, begin, complete, ok, select, send, to_arqc};
use posd_card::{Card, Profile, Pse, Transport, tlv};

const PSE: &[u8] = b"1PAY.SYS.DDF01";

fn fresh(profile: Profile) -> Card {
    let mut card = Card::new(profile);
    card.reset();
    card
}

fn verify(card: &mut Card, block: [u8; 8]) -> u16 {
    send(card, [0x00, 0x20, 0x00, 0x80], &block).1
}

const RIGHT: [u8; 8] = [0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
const WRONG: [u8; 8] = [0x24, 0x12, 0x35, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

#[test]
fn check_2_the_environment_lists_every_application_until_6a83() {
    let mut card = fresh(Profile::combo());
    let fci = ok(select(&mut card, PSE));
    assert_eq!(tlv::find(&fci, 0x88), Some(&[1][..]));
    assert_eq!(tlv::find(&fci, 0x5F2D), Some(&b"zhen"[..]));
    let mut names = Vec::new();
    for number in 1..=2 {
        let record = ok(send(&mut card, [0x00, 0xB2, number, 0x0C], &[]));
        let entry = tlv::find(&record, 0x61).unwrap();
        names.push(tlv::find(entry, 0x50).unwrap().to_vec());
        assert_eq!(tlv::find(entry, 0x87), Some(&[number][..]));
    }
    assert_eq!(names, [b"UnionPay Debit".to_vec(), b"UnionPay Credit".to_vec()]);
    assert_eq!(send(&mut card, [0x00, 0xB2, 3, 0x0C], &[]).1, 0x6A83);
}

#[test]
fn check_3_partial_selection_goes_on_until_6a82() {
    let mut card = fresh(Profile::combo());
    let first = ok(select(&mut card, terminal::RID));
    assert_eq!(tlv::find(&first, 0x84), Some(terminal::DEBIT));
    let second = ok(send(&mut card, [0x00, 0xA4, 0x04, 0x02], terminal::RID));
    assert_eq!(tlv::find(&second, 0x84).unwrap().last(), Some(&2));
    assert_eq!(send(&mut card, [0x00, 0xA4, 0x04, 0x02], terminal::RID).1, 0x6A82);
    assert_eq!(select(&mut card, &[0xA0, 0, 0, 0, 3]).1, 0x6A82);
}

#[test]
fn check_1_a_blocked_card_and_absent_or_blocked_environments() {
    let mut profile = Profile::debit();
    profile.blocked = true;
    let mut card = fresh(profile);
    assert_eq!(select(&mut card, PSE).1, 0x6A81);
    assert_eq!(select(&mut card, terminal::DEBIT).1, 0x6A81);
    for (pse, status) in [(Pse::Absent, 0x6A82), (Pse::Blocked, 0x6283)] {
        let mut profile = Profile::debit();
        profile.pse = pse;
        assert_eq!(select(&mut fresh(profile), PSE).1, status);
    }
}

#[test]
fn check_4_a_blocked_application_answers_6283_with_its_fci() {
    let mut card = fresh(Profile::debit().with(|application| application.blocked = true));
    let (fci, status) = select(&mut card, terminal::DEBIT);
    assert_eq!((tlv::find(&fci, 0x84), status), (Some(terminal::DEBIT), 0x6283));
    assert_eq!(send(&mut card, [0x80, 0xA8, 0, 0], &tlv::object(0x83, &[0; 9])).1, 0x6985);
}

#[test]
fn check_11_without_a_list_the_options_are_8300() {
    let mut card = fresh(Profile::credit());
    ok(select(&mut card, terminal::RID));
    assert_eq!(send(&mut card, [0x80, 0xA8, 0, 0], &[0x83, 1, 0]).1, 0x6A80);
    ok(send(&mut card, [0x80, 0xA8, 0, 0], &[0x83, 0]));
    assert_eq!(send(&mut card, [0x80, 0xA8, 0, 0], &[0x83, 0]).1, 0x6985, "once a selection");
}

#[test]
fn commands_out_of_order_answer_6985() {
    let mut card = fresh(Profile::offline_pin());
    for head in [[0x80, 0xA8, 0, 0], [0x80, 0xAE, 0x80, 0], [0x00, 0x82, 0, 0], [0x84, 0x1E, 0, 0]] {
        assert_eq!(send(&mut card, head, &[0x83, 0, 0, 0, 0, 0, 0, 0]).1, 0x6985, "{head:02X?}");
    }
    assert_eq!(verify(&mut card, RIGHT), 0x6985);
    ok(select(&mut card, terminal::DEBIT));
    assert_eq!(send(&mut card, [0x00, 0xB2, 1, 0x0C], &[]).1, 0x6985);
    begin(&mut card, terminal::DEBIT);
    assert_eq!(send(&mut card, [0x00, 0x82, 0, 0], &[0; 10]).1, 0x6985);
}

#[test]
fn unknown_commands_classes_and_lengths() {
    let mut card = fresh(Profile::debit());
    assert_eq!(card.transmit(&[0x00, 0x99, 0, 0]), [0x6D, 0x00]);
    assert_eq!(card.transmit(&[0x80, 0xA4, 4, 0]), [0x6E, 0x00]);
    assert_eq!(card.transmit(&[0x00, 0xA4, 4, 0, 9, 1]), [0x67, 0x00]);
    assert_eq!(card.transmit(&[]), [0x67, 0x00]);
    assert_eq!(card.transmit(&[0x00, 0xA4, 0, 0, 5, 1, 2, 3, 4, 5]), [0x6A, 0x86]);
    begin(&mut card, terminal::DEBIT);
    assert_eq!(send(&mut card, [0x00, 0xB2, 9, 0x0C], &[]).1, 0x6A83);
    assert_eq!(send(&mut card, [0x00, 0xB2, 1, 0xEC], &[]).1, 0x6A82);
    assert_eq!(send(&mut card, [0x00, 0x20, 0, 0x89], &RIGHT).1, 0x6A86);
}

#[test]
fn any_bytes_get_status_words() {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let mut card = fresh(Profile::combo());
    let instructions = [0xA4, 0xB2, 0xA8, 0xAE, 0xCA, 0x84, 0x88, 0x20, 0x82, 0x16, 0x18, 0x24, 0xDA, 0xC0];
    for round in 0..20_000 {
        if round % 50 == 0 {
            begin(&mut card, terminal::DEBIT);
        }
        let length = usize::from(next() % 40);
        let mut command: Vec<u8> = (0..length).map(|_| next()).collect();
        if let [class, instruction, _, _, lc, rest @ ..] = &mut command[..] {
            *class = [0x00, 0x80, 0x84][usize::from(next() % 3)];
            *instruction = instructions[usize::from(next()) % instructions.len()];
            *lc = rest.len() as u8;
        }
        let answer = card.transmit(&command);
        assert!(answer.len() >= 2 && answer.len() <= 258);
        // A script among the noise may block it.
        if card.blocked() || card.application_blocked(0) {
            card = fresh(Profile::combo());
        }
    }
}

#[test]
fn a_removed_card_is_silent_until_reset() {
    let mut card = Card::new(Profile::debit());
    assert!(select(&mut card, terminal::DEBIT).0.is_empty());
    card.reset();
    assert!(card.present());
    ok(select(&mut card, terminal::DEBIT));
    card.removed();
    assert!(card.transmit(&[0x00, 0xA4, 4, 0]).is_empty() && !card.present());
}

#[test]
fn t0_answers_61xx_and_6cxx() {
    let mut profile = Profile::debit();
    profile.transport = Transport::T0;
    let mut card = fresh(profile);
    let answer = card.transmit(&[&[0x00, 0xA4, 4, 0, 8], terminal::DEBIT, &[0]].concat());
    assert_eq!((answer.len(), answer[0]), (2, 0x61));
    assert_eq!(card.transmit(&[0x00, 0xC0, 0, 0, 1]), [0x6C, answer[1]]);
    let fci = card.transmit(&[0x00, 0xC0, 0, 0, answer[1]]);
    assert_eq!(fci.len(), usize::from(answer[1]) + 2);
    assert_eq!(card.transmit(&[0x00, 0xC0, 0, 0, answer[1]]), [0x69, 0x85]);
}

#[test]
fn check_40_the_pin_counter_falls_blocks_and_outlives_the_session() {
    let mut card = Card::new(Profile::offline_pin());
    begin(&mut card, terminal::DEBIT);
    assert_eq!(verify(&mut card, WRONG), 0x63C2);
    assert_eq!(verify(&mut card, RIGHT), 0x9000);
    assert_eq!(card.pin_tries_left(), 3);
    assert_eq!(verify(&mut card, WRONG), 0x63C2);
    card.removed();
    begin(&mut card, terminal::DEBIT);
    assert_eq!(verify(&mut card, WRONG), 0x63C1);
    assert_eq!(verify(&mut card, [0xFF; 8]), 0x63C0, "a wrong block is a wrong PIN");
    assert_eq!(verify(&mut card, RIGHT), 0x6983);
    card.removed();
    let (_, arqc) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(arqc.issuer_data[5] & 0x40, 0x40);
}

#[test]
fn the_card_tells_the_issuer_of_the_offline_pin() {
    for (block, bits) in [(RIGHT, 0x04), (WRONG, 0x06)] {
        let mut card = Card::new(Profile::offline_pin());
        let read = begin(&mut card, terminal::DEBIT);
        verify(&mut card, block);
        let answer = terminal::parse(&ok(terminal::generate(&mut card, terminal::ARQC, read.get(0x8C), &[])));
        assert_eq!(answer.issuer_data[4] & 0x06, bits);
    }
}

#[test]
fn challenges_differ() {
    let mut card = fresh(Profile::debit());
    let first = ok(send(&mut card, [0x00, 0x84, 0, 0], &[]));
    assert_eq!(first.len(), 8);
    assert_ne!(first, ok(send(&mut card, [0x00, 0x84, 0, 0], &[])));
}

#[test]
fn check_59_scripts_run_before_and_after_the_second_cryptogram() {
    let mut card = Card::new(Profile::offline_pin());
    begin(&mut card, terminal::DEBIT);
    verify(&mut card, WRONG);
    let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
    ok(send(&mut card, [0x84, 0x24, 0, 0], &[1, 2, 3, 4]));
    assert_eq!(card.pin_tries_left(), 3);
    complete(&mut card, &read, &arqc);
    ok(send(&mut card, [0x04, 0xDA, 0x9F, 0x14], &[5, 1, 2, 3, 4]));
    ok(send(&mut card, [0x84, 0x1E, 0, 0], &[1, 2, 3, 4]));
    assert_eq!(select(&mut card, terminal::DEBIT).1, 0x6283);
    ok(send(&mut card, [0x84, 0x18, 0, 0], &[1, 2, 3, 4]));
    let (_, next) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(next.issuer_data[6] & 0xF0, 0x20, "two after the second GENERATE AC");
    assert_eq!(ok(send(&mut card, [0x80, 0xCA, 0x9F, 0x14], &[])), [0x9F, 0x14, 1, 5]);
    let kinds: Vec<u8> = card.scripts().iter().map(|script| script[1]).collect();
    assert_eq!(kinds, [0x24, 0xDA, 0x1E, 0x18]);
}

#[test]
fn a_failed_script_shows_in_the_next_cryptogram() {
    let mut card = Card::new(Profile::debit());
    let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(send(&mut card, [0x84, 0x24, 9, 9], &[1, 2, 3, 4]).1, 0x6A86);
    assert_eq!(send(&mut card, [0x84, 0x16, 0, 0], &[1]).1, 0x6700);
    let tc = complete(&mut card, &read, &arqc);
    assert_eq!(tc.issuer_data[6] & 0x08, 0x08);
}

#[test]
fn a_script_blocks_the_card_for_good() {
    let mut card = Card::new(Profile::debit());
    to_arqc(&mut card, terminal::DEBIT);
    ok(send(&mut card, [0x84, 0x16, 0, 0], &[1, 2, 3, 4]));
    card.removed();
    card.reset();
    assert!(card.blocked());
    assert_eq!(select(&mut card, PSE).1, 0x6A81);
}
