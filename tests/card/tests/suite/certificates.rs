//! Recovery of certificates and signatures as a terminal does it (EMV Book 2 §5-6).

use crate::terminal::{self, begin, ok, send};
use num_bigint::BigUint;
use posd_card::{Card, OfflineAuthentication, Profile, hex, issuer, tlv};
use sha1::{Digest as _, Sha1};

fn recover(modulus: &[u8], exponent: &[u8], signature: &[u8]) -> Vec<u8> {
    assert_eq!(signature.len(), modulus.len());
    let number = BigUint::from_bytes_be(signature)
        .modpow(&BigUint::from_bytes_be(exponent), &BigUint::from_bytes_be(modulus))
        .to_bytes_be();
    assert_eq!(number.len(), modulus.len());
    assert_eq!((number[0], number[number.len() - 1]), (0x6A, 0xBC));
    number
}

/// The hash in the recovered block covers all between header and hash, and what travels beside.
fn hash_fits(block: &[u8], beside: &[&[u8]]) -> bool {
    let (body, hash) = block[1..block.len() - 1].split_at(block.len() - 22);
    Sha1::digest([body, &beside.concat()].concat())[..] == *hash
}

fn issuer_key(read: &terminal::Read) -> Vec<u8> {
    let authority = issuer::authority_key();
    assert_eq!(read.get(0x8F), [authority.index]);
    let block = recover(&authority.modulus, &authority.exponent, read.get(0x90));
    assert_eq!(block[1], 0x02);
    assert_eq!(hex::encode(&block[2..6]), "621234FF");
    assert_eq!(hex::encode(&block[6..8]), "1235");
    assert_eq!(block[11..13], [0x01, 0x01]);
    assert_eq!((usize::from(block[13]), block[14]), (144, 1));
    assert!(hash_fits(&block, &[read.get(0x92), read.get(0x9F32)]));
    let key = [&block[15..block.len() - 21], read.get(0x92)].concat();
    assert_eq!(key.len(), 144);
    key
}

fn static_data(read: &terminal::Read) -> Vec<u8> {
    assert_eq!(read.get(0x9F4A), [0x82]);
    [&read.signed[..], &read.aip].concat()
}

fn card_key(read: &terminal::Read) -> Vec<u8> {
    let block = recover(&issuer_key(read), read.get(0x9F32), read.get(0x9F46));
    assert_eq!(block[1], 0x04);
    assert_eq!(hex::encode(&block[2..12]), "6212340000000019FFFF");
    assert_eq!((usize::from(block[19]), block[20]), (128, 1));
    assert!(hash_fits(&block, &[read.get(0x9F48), read.get(0x9F47), &static_data(read)]));
    [&block[21..block.len() - 21], read.get(0x9F48)].concat()
}

fn dynamic_signature_verifies(profile: Profile) {
    let mut card = Card::new(profile);
    let read = begin(&mut card, terminal::DEBIT);
    assert_eq!(read.aip[0] & 0x60, 0x20);
    let key = card_key(&read);
    let data = ok(send(&mut card, [0x00, 0x88, 0, 0], &[1, 2, 3, 4]));
    let signature = tlv::find(&data, 0x9F4B).unwrap_or_else(|| tlv::find(&data, 0x80).unwrap());
    let block = recover(&key, read.get(0x9F47), signature);
    assert_eq!(block[1..5], [0x05, 0x01, 9, 8]);
    assert!(hash_fits(&block, &[&[1, 2, 3, 4]]));
    assert!(!hash_fits(&block, &[&[1, 2, 3, 5]]));
}

#[test]
fn dynamic_signature_recovers_down_from_the_authority() {
    dynamic_signature_verifies(Profile::debit());
}

#[test]
fn dynamic_signature_in_a_plain_template() {
    dynamic_signature_verifies(
        Profile::debit().with(|application| application.cryptogram_format = posd_card::Format::Plain),
    );
}

#[test]
fn check_20_a_signed_record_above_sfi_10_is_signed_with_its_template() {
    dynamic_signature_verifies(Profile::debit().with(|application| application.signed_sfi = 11));
}

#[test]
fn static_signature_recovers_down_from_the_authority() {
    let mut card = Card::new(Profile::credit());
    let read = begin(&mut card, terminal::RID);
    assert_eq!(read.aip[0] & 0x60, 0x40);
    let block = recover(&issuer_key(&read), read.get(0x9F32), read.get(0x93));
    assert_eq!(hex::encode(&block[1..5]), "0301DAC1");
    assert!(hash_fits(&block, &[&static_data(&read)]));
    assert!(!hash_fits(&block, &[&read.signed]));
}

#[test]
fn a_replaced_object_is_signed_as_replaced() {
    let mut profile = Profile::credit();
    profile.applications[0].replace(0x5F28, &[0x56]);
    let mut card = Card::new(profile);
    let read = begin(&mut card, terminal::RID);
    assert_eq!(read.get(0x5F28), [0x56]);
    let block = recover(&issuer_key(&read), read.get(0x9F32), read.get(0x93));
    assert!(hash_fits(&block, &[&static_data(&read)]));
}

#[test]
fn a_card_without_offline_authentication_has_no_certificates() {
    let profile =
        Profile::debit().with(|application| application.authentication = OfflineAuthentication::None);
    let mut card = Card::new(profile);
    let read = begin(&mut card, terminal::DEBIT);
    assert_eq!(read.aip[0] & 0x60, 0);
    assert!(tlv::find(&read.records, 0x90).is_none());
    assert_eq!(send(&mut card, [0x00, 0x88, 0, 0], &[1, 2, 3, 4]).1, 0x6D00);
}

#[test]
fn the_authority_key_has_the_checksum_of_book_2_section_11() {
    let key = issuer::authority_key();
    assert_eq!(key.modulus.len(), 176);
    let input = [&key.rid[..], &[key.index], &key.modulus, &key.exponent].concat();
    assert_eq!(Sha1::digest(input)[..], key.checksum);
    assert!(key.to_toml().contains("rid = \"A000000333\"\nindex = \"F1\"\n"));
    assert!(key.to_json().contains("\"exponent\": \"03\""));
}

#[test]
fn check_30_a_signed_cryptogram_covers_the_whole_transaction() {
    let mut card = Card::new(Profile::combined());
    let read = begin(&mut card, terminal::DEBIT);
    assert_eq!(read.aip[0] & 0x61, 0x21);
    let key = card_key(&read);
    let options = terminal::fill(&[0x9F, 0x7A, 1, 0x9F, 0x02, 6, 0x5F, 0x2A, 2], &[]);
    let first = terminal::fill(read.get(0x8C), &[]);
    let second = terminal::fill(read.get(0x8D), &[]);
    let mut told = options;
    for (asked, data) in [(0x90, first), (0x50, second)] {
        told.extend_from_slice(&data);
        let answer = ok(send(&mut card, [0x80, 0xAE, asked, 0], &data));
        let (template, content, _) = tlv::first(&answer).unwrap();
        assert_eq!(template, 0x77);
        assert!(tlv::find(content, 0x9F26).is_none(), "it is in the signature alone");
        let signature = tlv::find(content, 0x9F4B).unwrap();
        let block = recover(&key, read.get(0x9F47), signature);
        assert!(hash_fits(&block, &[terminal::terminal_value(0x9F37)]));
        assert_eq!(block[1..5], [0x05, 0x01, 38, 8]);
        assert_eq!(block[13], asked & 0xC0);
        assert_eq!(block[14..22], card.last_cryptogram().unwrap().value);
        let elements: Vec<u8> = [0x9F27, 0x9F36, 0x9F10]
            .into_iter()
            .flat_map(|tag| tlv::object(tag, tlv::find(content, tag).unwrap()))
            .collect();
        assert_eq!(block[22..42], Sha1::digest([&told[..], &elements].concat())[..]);
    }
}

#[test]
fn a_card_signs_only_what_it_can_and_no_refusal() {
    let mut card = Card::new(Profile::debit());
    let read = begin(&mut card, terminal::DEBIT);
    let data = terminal::fill(read.get(0x8C), &[]);
    assert_eq!(send(&mut card, [0x80, 0xAE, 0x90, 0], &data).1, 0x6A86);
    let mut card = Card::new(Profile::combined());
    begin(&mut card, terminal::DEBIT);
    let answer = ok(send(&mut card, [0x80, 0xAE, 0x10, 0], &data));
    let (_, content, _) = tlv::first(&answer).unwrap();
    assert!(tlv::find(content, 0x9F26).is_some() && tlv::find(content, 0x9F4B).is_none());
}

#[test]
fn check_41_a_pin_is_deciphered_with_the_challenge_and_once() {
    for own_key in [false, true] {
        let profile = Profile::enciphered_pin().with(|application| application.pin_certificate = !own_key);
        let mut card = Card::new(profile);
        let read = begin(&mut card, terminal::DEBIT);
        let key = if own_key {
            card_key(&read)
        } else {
            let block = recover(&issuer_key(&read), read.get(0x9F32), read.get(0x9F2D));
            assert_eq!((block[1], usize::from(block[19])), (0x04, 128));
            assert!(hash_fits(&block, &[read.get(0x9F2F), read.get(0x9F2E)]), "no static data is covered");
            [&block[21..block.len() - 21], read.get(0x9F2F)].concat()
        };
        let encipher = |pin: [u8; 8], challenge: &[u8]| {
            let mut clear = [&[0x7F], &pin[..], challenge].concat();
            clear.resize(key.len(), 0x5A);
            let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
            let cipher = number(&clear).modpow(&BigUint::from(3_u8), &number(&key)).to_bytes_be();
            [vec![0; key.len() - cipher.len()], cipher].concat()
        };
        let right = [0x24, 0x12, 0x34, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        let wrong = [0x24, 0x99, 0x99, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
        let mut try_pin = |pin: [u8; 8]| {
            let challenge = ok(send(&mut card, [0x00, 0x84, 0, 0], &[]));
            send(&mut card, [0x00, 0x20, 0x00, 0x88], &encipher(pin, &challenge)).1
        };
        assert_eq!((try_pin(wrong), try_pin(right)), (0x63C2, 0x9000));
        // Without a challenge, and with a stale one.
        let stale = ok(send(&mut card, [0x00, 0x84, 0, 0], &[]));
        assert_eq!(send(&mut card, [0x00, 0x20, 0x00, 0x88], &encipher(right, &stale)).1, 0x9000);
        assert_eq!(send(&mut card, [0x00, 0x20, 0x00, 0x88], &encipher(right, &stale)).1, 0x6985);
        ok(send(&mut card, [0x00, 0x84, 0, 0], &[]));
        assert_eq!(send(&mut card, [0x00, 0x20, 0x00, 0x88], &encipher(right, &stale)).1, 0x6985);
    }
}
