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
