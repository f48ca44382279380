//! A made-up authority, issuer and card key, so that authentication can succeed within a transaction.

use super::{
    card::{Card, hex, ok, tlv},
    world::World,
};
use crate::{configuration::AuthorityKey, hex as text};
use num_bigint::BigUint;
use sha1::{Digest as _, Sha1};

/// Modulus and private exponent; the public exponent is 3.
type Key = (&'static str, &'static str);

const AUTHORITY: Key = (
    "D319A9B980B7A3D63622FE51389043EE9A7E3EB9181A5282F1C4F64A919BC006E35F0E21A292F4DC9C37A2E573018ED049D52FF7A3CA2B4A\
     FBDEE0B7ED2A001A33ADB18E6A0E8A876064636EAB859A61B3EA73107FDB2FFF4813A1D3F9C9B45FB07AFB08239D438CF142085A6F72BF36\
     CB6FA5C361C009490597E90CF52B6AAB1BC0DDBEBD0B9B0D3A0A383A791C147D",
    "8CBBC67BAB2517E42417543625B5829F11A97F2610118C574BD8A431B667D559ECEA096BC1B74DE868251743A20109E03138CAA517DC1CDC\
     A7E9EB2548C6AABC2273CBB446B45C590A0DCA441324F7B695A5316732D22E9CD6703D21ACCC0DDB479679567E8F88A5A6516B66D6336F2B\
     94E8085350D42EC066C89A1CC39A75AB1E2812685F837346595755A215F2386B",
);
const ISSUER: Key = (
    "D2207171D627EB80161774FDDD84742FD5EAF716E15445EB3DAE3006EF84E8FC342BB0652C1C7A0BC0E3B6EFDCAB5652F90AD634922EE3C0\
     1BB81059256ADBE772A236D2BB724894E3F320F02B395339D8BBD15F18B615394276B18B39631E312FAA227593F426A380DD2FACA2525223\
     0F5B7110C4DF4EB8B199E05526101287",
    "8C15A0F68EC547AAB964F8A93E584D7539474F6496382E9CD3C97559F50345FD781D204372BDA6B28097CF4A931CE43750B1E4230C1F4280\
     127AB590C39C929916E2B441E0DED0FF7D21E139740BFD5A12191F5E892BD4F356EC83CD90437B74AFC4E9A3B53690D7DA7D3E08629DAB53\
     34BFE957B3BE7BF142813847AAA81BBB",
);
const CARD: Key = (
    "C461ED9C2BD30390DFCA0428F39E961D00F35CE7C4255EBF89163B67C0DAA22FC140CCA98EBCD109E57D9C9AA384FD321F63F8141C03E588\
     23A20B474508EAAA3969EF158A04191ED4679429F3FBADA5BCBF796960233D903047A8B14D84FAD3",
    "82EBF3BD728CAD0B3FDC02C5F7BF0EBE00A23DEFD818E9D5060ED2452B3C6C1FD62B331BB47DE0B143A91311C258A8CAE845240841014A9F\
     A6AB0D2B86C49BD99E8E27C981B3E5A4BBE3BDF9B373C32488E42DC9CE4BB8B8EA1FB624766147DB",
);

pub(super) const CODE: [u8; 2] = [0xDA, 0xC1];
pub(super) const NUMBER: [u8; 4] = [9, 8, 7, 6];
const INDEX: u8 = 0x81;

/// Signs header, content, hash over content and `beside`, and trailer; the content is padded with BB to the key.
fn sign(key: Key, content: &[u8], beside: &[u8]) -> Vec<u8> {
    let modulus = hex(key.0);
    let mut body = content.to_vec();
    body.resize(modulus.len() - 22, 0xBB);
    let hash = Sha1::digest([&body[..], beside].concat());
    let block = [&[0x6A], &body[..], &hash[..], &[0xBC]].concat();
    let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
    let signed = number(&block).modpow(&number(&hex(key.1)), &number(&modulus)).to_bytes_be();
    [vec![0; modulus.len() - signed.len()], signed].concat()
}

/// A key within a certificate: what does not fit beside `taken` bytes is the remainder.
fn split(signer: Key, key: Key, taken: usize) -> (Vec<u8>, Vec<u8>) {
    let modulus = hex(key.0);
    let room = (signer.0.len() / 2 - taken).min(modulus.len());
    (modulus[..room].to_vec(), modulus[room..].to_vec())
}

/// Adds what authentication needs: certificates, signatures, and the card's own key. The signed record is taken as it
/// is at this moment; a change after it is a forgery.
pub(super) fn personalise(card: &mut Card) {
    personalise_with(card, &[]);
}

/// The same, with more signed data behind the first record.
pub(super) fn personalise_with(card: &mut Card, more: &[u8]) {
    let signed = [card.record(1, 1), more.to_vec()].concat();
    let (left, remainder) = split(AUTHORITY, ISSUER, 36);
    let issuer = [&hex("02 621234FF 1230 000001 01 01 80 01"), &left[..]].concat();
    let certificate = sign(AUTHORITY, &issuer, &[&remainder[..], &[3]].concat());
    let static_data = sign(ISSUER, &[&hex("03 01")[..], &CODE].concat(), &signed);
    let (left, card_remainder) = split(ISSUER, CARD, 42);
    let own = [&hex("04 6212340000000019FFFF 1230 000002 01 01 60 01"), &left[..]].concat();
    let own_certificate = sign(ISSUER, &own, &[&card_remainder[..], &[3], &signed].concat());
    // One record holds no more than an answer can carry.
    let records = [
        vec![(0x8F, vec![INDEX]), (0x90, certificate), (0x92, remainder), (0x9F32, vec![3])],
        vec![(0x93, static_data), (0x9F47, vec![3]), (0x9F49, hex("9F3704"))],
        vec![(0x9F46, own_certificate), (0x9F48, card_remainder)],
    ];
    for (number, elements) in (1..).zip(records) {
        card.files.insert((2, number), elements);
    }
    card.locator = hex("08010201 10010300");
    card.internal = Box::new(|asked| ok(tlv(0x80, &dynamic_signature(asked))));
    card.combined = Box::new(combined_answer);
}

/// Gives the card a key of its own for PINs. Its modulus is the issuer's: nobody here deciphers.
pub(super) fn personalise_pin(card: &mut Card) {
    let (left, remainder) = split(ISSUER, ISSUER, 42);
    let content = [&hex("04 6212340000000019FFFF 1230 000003 01 01 80 01"), &left[..]].concat();
    let certificate = sign(ISSUER, &content, &[&remainder[..], &[3]].concat());
    card.files.insert((2, 4), vec![(0x9F2D, certificate), (0x9F2E, vec![3]), (0x9F2F, remainder)]);
    card.locator = hex("08010201 10010400");
}

/// The moduli of the key for PINs and of the card's own.
pub(super) fn pin_modulus() -> Vec<u8> {
    hex(ISSUER.0)
}

pub(super) fn card_modulus() -> Vec<u8> {
    hex(CARD.0)
}

/// The answer to a GENERATE AC that asks for a signature (Book 2 table 18 and the dynamic data of table 19).
pub(super) fn combined_answer(information: u8, number: &[u8], told: &[u8]) -> Vec<u8> {
    combined_answer_of(information, information, number, told)
}

/// The same, signed over another cryptogram information than it tells.
pub(super) fn combined_answer_of(shown: u8, signed: u8, number: &[u8], told: &[u8]) -> Vec<u8> {
    let elements =
        [tlv(0x9F27, &[shown]), tlv(0x9F36, &[0, 7]), tlv(0x9F10, &hex("07010103A0B80001"))].concat();
    let hash = Sha1::digest([told, &elements].concat());
    let content = [&hex("05 01 22 04")[..], &NUMBER, &[signed], &[signed; 8], &hash[..]].concat();
    ok(tlv(0x77, &[tlv(0x9F4B, &sign(CARD, &content, number)), elements].concat()))
}

/// The card's signature over what the terminal asked.
pub(super) fn dynamic_signature(asked: &[u8]) -> Vec<u8> {
    sign(CARD, &[&hex("05 01 05 04")[..], &NUMBER].concat(), asked)
}

/// The key that the terminal needs.
pub(super) fn authority_key() -> AuthorityKey {
    let rid = [0xA0, 0, 0, 3, 0x33];
    let modulus = text::decode(AUTHORITY.0).unwrap();
    let checksum = AuthorityKey::checksum(&rid, INDEX, &modulus, &[3]);
    AuthorityKey::new(rid, INDEX, &modulus, &[3], &checksum, None).unwrap()
}

/// A world with a card that has this profile byte, and a terminal that knows its authority.
pub(super) fn world(profile: u8) -> World {
    let mut world = World::with(|card| {
        card.profile = [0x1C | profile, 0];
        personalise(card);
    });
    world.configuration.authority_keys.push(authority_key());
    world
}
