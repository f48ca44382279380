//! Each fault strikes when it should, and only then.

use crate::terminal::{self, AAC, ARQC, TC, begin, complete, generate, ok, parse, select, send, to_arqc};
use posd_card::{Card, CryptogramType, Fault, Misbehaviour, Profile, When, issuer, tlv};

/// Answers to SELECT of a card with `fault` at the first command, and of one without.
fn selected(fault: Fault) -> (Vec<u8>, Vec<u8>) {
    let command = [&[0x00, 0xA4, 4, 0, 8], terminal::DEBIT, &[0]].concat();
    let mut card = Card::new(Profile::debit());
    card.reset();
    let honest = card.transmit(&command);
    card.reset();
    card.misbehave(Misbehaviour::new(When::Apdu(1), fault));
    let answer = card.transmit(&command);
    card.behave();
    card.reset();
    assert_eq!(card.transmit(&command), honest, "taken back");
    (answer, honest)
}

#[test]
fn mute_once_and_answers_again() {
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::new(When::Apdu(1), Fault::Mute));
    card.reset();
    assert!(select(&mut card, terminal::DEBIT).0.is_empty());
    assert!(card.present());
    ok(select(&mut card, terminal::DEBIT));
}

#[test]
fn removed_at_every_command_of_a_payment() {
    let mut whole = Card::new(Profile::debit());
    let (read, arqc) = to_arqc(&mut whole, terminal::DEBIT);
    complete(&mut whole, &read, &arqc);
    let commands: Vec<Vec<u8>> = whole.exchanges().iter().map(|exchange| exchange.command.clone()).collect();
    for (index, instruction) in commands.iter().map(|command| command[1]).enumerate() {
        for fault in [Fault::Removed, Fault::RemovedAfter] {
            let mut card = Card::new(Profile::debit());
            card.misbehave(Misbehaviour::new(When::Apdu(index + 1), fault.clone()));
            card.reset();
            let answered = commands.iter().take_while(|command| !card.transmit(command).is_empty()).count();
            assert_eq!((answered, card.present()), (index, false), "{instruction:02X}");
            // Only the command that was carried out moves the counter.
            if instruction == 0xA8 {
                assert_eq!(card.atc(0), u16::from(fault == Fault::RemovedAfter));
            }
        }
    }
}

#[test]
fn status_words_with_and_without_data() {
    assert_eq!(selected(Fault::Status(0x6F00)).0, [0x6F, 0x00]);
    let (answer, honest) = selected(Fault::StatusWithData(0x6200));
    assert_eq!(answer[..answer.len() - 2], honest[..honest.len() - 2]);
    assert_eq!(answer[answer.len() - 2..], [0x62, 0x00]);
    assert_eq!(selected(Fault::Answer(vec![1, 2, 3])).0, [1, 2, 3]);
}

#[test]
fn a_faulty_status_leaves_the_command_undone() {
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::new(When::NthInstruction(0xA8, 1), Fault::Status(0x6985)));
    card.reset();
    ok(select(&mut card, terminal::DEBIT));
    let options = tlv::object(0x83, &[0; 9]);
    assert_eq!(send(&mut card, [0x80, 0xA8, 0, 0], &options).1, 0x6985);
    assert_eq!(card.atc(0), 0);
    ok(send(&mut card, [0x80, 0xA8, 0, 0], &options));
}

#[test]
fn lengths_and_bits() {
    let (answer, honest) = selected(Fault::Truncate(5));
    assert_eq!(answer, [&honest[..5], &[0x90, 0x00]].concat());
    let (answer, honest) = selected(Fault::Extend(300));
    assert_eq!(answer.len(), honest.len() + 300);
    assert_eq!(selected(Fault::Cut(1)).0, [0x6F]);
    let (answer, _) = selected(Fault::Garbage { length: 40, seed: 7 });
    assert_eq!((answer.len(), &answer[40..]), (42, &[0x90, 0x00][..]));
    assert_eq!(answer, selected(Fault::Garbage { length: 40, seed: 7 }).0);
    assert_ne!(answer, selected(Fault::Garbage { length: 40, seed: 8 }).0);
    for bit in [0, 7, 8, 100, 100_000] {
        let (answer, honest) = selected(Fault::FlipBit(bit));
        let flipped: u32 = answer.iter().zip(&honest).map(|(left, right)| (left ^ right).count_ones()).sum();
        assert_eq!((answer.len(), flipped), (honest.len(), 1));
    }
    let (answer, honest) = selected(Fault::FlipBit(9));
    assert_eq!(answer[1] ^ honest[1], 0x40);
}

#[test]
fn malformed_objects() {
    let (answer, honest) = selected(Fault::DuplicateTag);
    let content = tlv::first(&answer).unwrap().1;
    let name = tlv::object(0x84, terminal::DEBIT);
    assert!(
        content.starts_with(&name) && content.ends_with(&name) && answer.len() == honest.len() + name.len()
    );
    let (answer, _) = selected(Fault::Nested);
    let mut depth = 0;
    let mut inside = &answer[..];
    while let Some((0x70, value, _)) = tlv::first(inside) {
        depth += 1;
        inside = value;
    }
    assert!(depth >= 100 && answer.len() <= 258, "depth {depth}");
    assert_eq!(selected(Fault::IndefiniteLength).0[..2], [0x70, 0x80]);
    let (answer, _) = selected(Fault::EndlessTag);
    assert!(tlv::find(&answer[..answer.len() - 2], 0x84).is_none());
    assert_eq!(answer.len(), 68);
}

#[test]
fn a_lie_strikes_its_command_only() {
    let mut honest = Card::new(Profile::debit());
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::lie(2, 3));
    honest.reset();
    card.reset();
    for number in 1..=3 {
        let command = [0x00, 0x84, 0, 0, 0];
        assert_eq!(card.transmit(&command) == honest.transmit(&command), number != 2);
    }
}

#[test]
fn check_54_a_tc_where_an_arqc_was_asked_for() {
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::new(When::FirstGenerate, Fault::Cryptogram(CryptogramType::Tc)));
    let (_, answer) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(answer.identifier, TC);
    assert_eq!(card.last_tc().unwrap().value, answer.value);
}

#[test]
fn check_60_an_aac_where_a_tc_was_asked_for() {
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::new(When::SecondGenerate, Fault::Cryptogram(CryptogramType::Aac)));
    let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(arqc.identifier, ARQC);
    assert_eq!(complete(&mut card, &read, &arqc).identifier, AAC);
    assert!(card.last_tc().is_none());
}

#[test]
fn an_identifier_that_belies_the_cryptogram() {
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::new(When::FirstGenerate, Fault::Identifier(0xFF)));
    let (_, answer) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!((answer.identifier, card.last_cryptogram().unwrap().kind), (0xFF, CryptogramType::Arqc));
}

#[test]
fn a_cryptogram_that_the_issuer_refuses() {
    let mut card = Card::new(Profile::debit());
    card.misbehave(Misbehaviour::new(When::FirstGenerate, Fault::WrongCryptogram));
    let (_, answer) = to_arqc(&mut card, terminal::DEBIT);
    let issued = card.last_arqc().unwrap();
    let key = issuer::card_key(&issuer::MASTER_KEY, &issued.pan, issued.sequence);
    assert_ne!(issuer::cryptogram(&key, &issued.input), answer.value);
}

#[test]
fn a_card_that_takes_any_arpc_and_one_that_takes_none() {
    for profile in [Profile::debit(), Profile::credit()] {
        for (fault, good, kind) in [(Fault::AcceptAnyArpc, false, TC), (Fault::RefuseEveryArpc, true, AAC)] {
            let mut card = Card::new(profile.clone());
            for when in [When::Instruction(0x82), When::SecondGenerate] {
                card.misbehave(Misbehaviour::new(when, fault.clone()));
            }
            let (read, arqc) = to_arqc(&mut card, terminal::RID);
            let mut data = terminal::host(&card, &arqc);
            data[0] ^= u8::from(!good);
            if read.aip[0] & 0x04 != 0 {
                let status = send(&mut card, [0x00, 0x82, 0, 0], &data).1;
                assert_eq!(status, if good { 0x6300 } else { 0x9000 });
            }
            let answer = parse(&ok(generate(&mut card, TC, read.get(0x8D), &[(0x91, &data)])));
            assert_eq!(answer.identifier, kind);
        }
    }
}

#[test]
fn objects_left_out_replaced_and_added() {
    let mut profile = Profile::debit();
    let application = &mut profile.applications[0];
    application.omit(0x5F24);
    application.replace(0x82, &[0x00, 0x00]);
    application.extra = vec![(0xDF42, vec![1]), (0xDF42, vec![2])];
    let mut card = Card::new(profile);
    let read = begin(&mut card, terminal::DEBIT);
    assert_eq!(read.aip, [0, 0]);
    assert!(tlv::find(&read.records, 0x5F24).is_none());
    let doubled = read.records.windows(2).filter(|bytes| *bytes == [0xDF, 0x42]).count();
    assert_eq!(doubled, 2);
}

#[test]
fn a_layout_of_the_testers_own() {
    let mut profile = Profile::debit();
    let mut records = profile.applications[0].records();
    records.rotate_left(2);
    profile.applications[0].layout = Some(records);
    let mut card = Card::new(profile);
    let read = begin(&mut card, terminal::DEBIT);
    assert_eq!(read.afl.chunks(4).map(|entry| entry[0] >> 3).collect::<Vec<_>>(), [3, 4, 1, 2]);
    read.get(0x8C);
}
