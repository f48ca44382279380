//! A payment from selection to the second GENERATE AC, and what the card remembers of it.

use crate::terminal::{self, AAC, ARQC, TC, begin, complete, generate, ok, parse, send, to_arqc};
use posd_card::{Card, FirstCryptogram, Profile, Transport, hex, issuer, tlv};

fn sells(profile: Profile) {
    let mut card = Card::new(profile);
    for atc in 1..=3 {
        let (read, arqc) = to_arqc(&mut card, terminal::RID);
        assert_eq!((arqc.identifier, arqc.atc), (ARQC, atc));
        let tc = complete(&mut card, &read, &arqc);
        assert_eq!((tc.identifier, tc.atc), (TC, atc));
        let issued = card.last_tc().unwrap();
        assert_eq!(issued.value, tc.value);
        assert_eq!(issued.input.amount, [0, 0, 0, 0, 0x12, 0x34]);
        assert_eq!(issued.input.cvr[..], tc.issuer_data[3..7]);
        assert!(issuer::verify_tc(
            &issuer::MASTER_KEY,
            &issued.pan,
            issued.sequence,
            &issued.input,
            tc.value
        ));
        assert!(!issuer::verify_tc(
            &issuer::MASTER_KEY,
            &issued.pan,
            issued.sequence,
            &issued.input,
            arqc.value
        ));
        assert_eq!(card.last_online_atc(0), atc);
        card.removed();
    }
}

#[test]
fn debit_with_external_authenticate() {
    sells(Profile::debit());
}

#[test]
fn credit_with_the_arpc_in_the_second_list() {
    sells(Profile::credit());
}

#[test]
fn debit_over_t0() {
    let mut profile = Profile::debit();
    profile.transport = Transport::T0;
    sells(profile);
}

#[test]
fn issuer_data_have_the_form_of_the_reference() {
    let mut card = Card::new(Profile::debit());
    let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
    // First cryptogram ARQC, second not yet asked for; a new card.
    assert_eq!(hex::encode(&arqc.issuer_data), "07010103A0100001");
    let tc = complete(&mut card, &read, &arqc);
    assert_eq!(hex::encode(&tc.issuer_data), "0701010360000001");
}

#[test]
fn issuer_data_of_32_bytes() {
    let profile = Profile::debit().with(|application| application.discretionary = vec![0xEE; 24]);
    let (_, arqc) = to_arqc(&mut Card::new(profile), terminal::DEBIT);
    assert_eq!(arqc.issuer_data.len(), 32);
}

#[test]
fn the_card_gives_what_its_profile_says() {
    let mut card = Card::new(Profile::debit());
    let read = begin(&mut card, terminal::DEBIT);
    assert_eq!(hex::encode(read.get(0x5A)), "6212340000000019");
    assert_eq!(hex::encode(read.get(0x5F24)), "301231");
    assert_eq!(hex::encode(read.get(0x5F34)), "01");
    assert_eq!(hex::encode(read.get(0x57)), "6212340000000019D30122201230000F");
    assert_eq!(hex::encode(read.get(0x8E)), "000000000000000042035E031F00");
    let mut card = Card::new(Profile::offline_pin());
    assert_eq!(hex::encode(begin(&mut card, terminal::DEBIT).get(0x8E)), "0000000000000000410342035E031F00");
}

#[test]
fn a_wrong_arpc_ends_in_an_aac_and_shows_in_the_next_payment() {
    let mut card = Card::new(Profile::debit());
    let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
    let mut data = terminal::host(&card, &arqc);
    data[0] ^= 1;
    assert_eq!(send(&mut card, [0x00, 0x82, 0, 0], &data).1, 0x6300);
    data[0] ^= 1;
    assert_eq!(send(&mut card, [0x00, 0x82, 0, 0], &data).1, 0x6985, "once only");
    let answer = parse(&ok(generate(&mut card, TC, read.get(0x8D), &[])));
    assert_eq!(answer.identifier, AAC);
    assert_eq!(answer.issuer_data[4] & 0x08, 0x08);
    assert_eq!(card.last_online_atc(0), 0);
    let (_, next) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(next.issuer_data[5] & 0x08, 0x08);
}

#[test]
fn a_wrong_arpc_in_the_second_list_ends_in_an_aac() {
    let mut card = Card::new(Profile::credit());
    let (read, arqc) = to_arqc(&mut card, terminal::RID);
    let mut data = terminal::host(&card, &arqc);
    data[9] ^= 1;
    let answer = parse(&ok(generate(&mut card, TC, read.get(0x8D), &[(0x91, &data)])));
    assert_eq!(answer.identifier, AAC);
}

#[test]
fn mandatory_issuer_authentication_that_is_missing_ends_in_an_aac() {
    let profile = Profile::debit().with(|application| application.issuer_authentication_mandatory = true);
    let mut card = Card::new(profile);
    let (read, _) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(parse(&ok(generate(&mut card, TC, read.get(0x8D), &[]))).identifier, AAC);
}

#[test]
fn a_payment_that_never_heard_from_the_host_is_remembered() {
    let mut card = Card::new(Profile::debit());
    let (read, _) = to_arqc(&mut card, terminal::DEBIT);
    let answer = parse(&ok(generate(&mut card, AAC, read.get(0x8D), &[(0x8A, b"Z3")])));
    assert_eq!(answer.identifier, AAC);
    assert_eq!(answer.issuer_data[4] & 0x01, 0x01);
    assert_eq!(card.last_online_atc(0), 0);
    let (_, next) = to_arqc(&mut card, terminal::DEBIT);
    assert_eq!(next.issuer_data[5] & 0x80, 0x80);
}

#[test]
fn generate_ac_is_given_twice_at_most_and_with_exact_lengths() {
    let mut card = Card::new(Profile::debit());
    let read = begin(&mut card, terminal::DEBIT);
    let list = read.get(0x8C);
    assert_eq!(send(&mut card, [0x80, 0xAE, ARQC, 0], &[0; 10]).1, 0x6700);
    assert_eq!(generate(&mut card, 0x90, list, &[]).1, 0x6A86, "no CDA");
    let arqc = parse(&ok(generate(&mut card, ARQC, list, &[])));
    assert_eq!(generate(&mut card, ARQC, read.get(0x8D), &[]).1, 0x6985);
    complete(&mut card, &read, &arqc);
    assert_eq!(generate(&mut card, TC, read.get(0x8D), &[]).1, 0x6985);
}

#[test]
fn a_first_cryptogram_is_never_higher_than_asked() {
    let cases = [
        (FirstCryptogram::AsAsked, [(TC, TC), (ARQC, ARQC), (AAC, AAC)]),
        (FirstCryptogram::Online, [(TC, ARQC), (ARQC, ARQC), (AAC, AAC)]),
        (FirstCryptogram::Decline, [(TC, AAC), (ARQC, AAC), (AAC, AAC)]),
    ];
    for (behaviour, pairs) in cases {
        for (asked, given) in pairs {
            let profile = Profile::debit().with(|application| application.first_cryptogram = behaviour);
            let mut card = Card::new(profile);
            let read = begin(&mut card, terminal::DEBIT);
            let answer = parse(&ok(generate(&mut card, asked, read.get(0x8C), &[])));
            assert_eq!(answer.identifier, given, "{behaviour:?} asked {asked:02X}");
            let second = generate(&mut card, TC, read.get(0x8D), &[]).1;
            assert_eq!(second == 0x6985, given != ARQC);
        }
    }
}

#[test]
fn counters_are_read_with_get_data() {
    let mut card = Card::new(Profile::debit());
    let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
    complete(&mut card, &read, &arqc);
    begin(&mut card, terminal::DEBIT);
    let mut get = |high, low| send(&mut card, [0x80, 0xCA, high, low], &[]);
    assert_eq!(get(0x9F, 0x36), (hex::decode("9F36020002").unwrap(), 0x9000));
    assert_eq!(get(0x9F, 0x13), (hex::decode("9F13020001").unwrap(), 0x9000));
    assert_eq!(get(0x9F, 0x17), (hex::decode("9F170103").unwrap(), 0x9000));
    assert!(tlv::find(&ok(get(0x9F, 0x4F)), 0x9F4F).is_some());
    assert_eq!(get(0x9F, 0x50).1, 0x6A88);
    let mut card = Card::new(Profile::debit().with(|application| application.counters_readable = false));
    begin(&mut card, terminal::DEBIT);
    assert_eq!(send(&mut card, [0x80, 0xCA, 0x9F, 0x36], &[]).1, 0x6A88);
}

#[test]
fn the_same_commands_give_the_same_answers() {
    let run = || {
        let mut card = Card::new(Profile::debit());
        let (read, arqc) = to_arqc(&mut card, terminal::DEBIT);
        complete(&mut card, &read, &arqc);
        (card.exchanges().to_vec(), card.last_tc().cloned())
    };
    assert_eq!(run(), run());
}

#[test]
fn two_applications_keep_their_own_counters() {
    let mut card = Card::new(Profile::combo());
    let (read, arqc) = to_arqc(&mut card, &posd_card::Application::credit().aid);
    complete(&mut card, &read, &arqc);
    assert_eq!((card.atc(0), card.atc(1)), (0, 1));
    assert_eq!(card.last_tc().unwrap().pan, "6212340000000027");
}
