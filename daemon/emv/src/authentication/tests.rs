//! Authentication against the made-up issuer of [`issuer`].

mod issuer;

use proptest::prelude::*;

use super::*;
use crate::{configuration::RevokedCertificate, hex::Fixed};
use issuer::{
    AS_IT_IS, ASKED, CARD, CODE, Change, Edit, INDEX, ISSUER, NUMBER, RID, Rsa, SERIAL, SHORT_CARD,
    SHORT_ISSUER, World, after, before,
};

const ISSUER_CERTIFICATE: &str = "the issuer certificate";
const CARD_CERTIFICATE: &str = "the card certificate";
const STATIC: &str = "the signed static data";
const DYNAMIC: &str = "the signed dynamic data";

fn date(year: u16, month: u8, day: u8) -> Date {
    Date::new(year, month, day).unwrap()
}

#[test]
fn check_23_the_best_common_method_is_chosen() {
    let mut terminal = Terminal::default();
    let mut select = |aip: u8, capabilities: u8| {
        terminal.capabilities.0[2] = capabilities;
        select_method(Aip([aip, 0]), &terminal)
    };
    assert_eq!(select(0x60, 0xC0), Method::Dda);
    assert_eq!(select(0x20, 0xC0), Method::Dda);
    assert_eq!(select(0x60, 0x80), Method::Sda);
    assert_eq!(select(0x40, 0xC0), Method::Sda);
    assert_eq!(select(0x61, 0xC8), Method::Cda);
    assert_eq!(select(0x01, 0x08), Method::Cda);
    assert_eq!(select(0x61, 0xC0), Method::Dda);
    assert_eq!(select(0x60, 0xC8), Method::Dda);
}

#[test]
fn check_24_nothing_in_common_is_no_method() {
    let mut terminal = Terminal::default();
    assert_eq!(select_method(Aip([0x9E, 0xFF]), &terminal), Method::None);
    terminal.capabilities.0[2] = 0x40;
    assert_eq!(select_method(Aip([0x40, 0]), &terminal), Method::None);
    terminal.capabilities.0[2] = 0x80;
    assert_eq!(select_method(Aip([0x20, 0]), &terminal), Method::None);
    terminal.capabilities.0[2] = 0x37;
    assert_eq!(select_method(Aip([0xFF, 0xFF]), &terminal), Method::None);
}

#[test]
fn check_25_missing_data_is_named() {
    let world = World::new();
    assert_eq!(world.static_result(), Ok(CODE));
    for tag in [0x8F, 0x90, 0x92, 0x9F32, 0x93, 0x5A] {
        for absent in [true, false] {
            let mut world = World::new();
            world.elements.remove(&tag);
            if !absent {
                world.elements.insert(tag, vec![]);
            }
            assert_eq!(world.static_result(), Err(Failure::Missing(tag)), "{tag:X}");
        }
    }
    for tag in [0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F48, 0x5A] {
        let mut world = World::new();
        world.elements.remove(&tag);
        assert_eq!(world.card_key(), Err(Failure::Missing(tag)), "{tag:X}");
    }
}

#[test]
fn check_25_missing_data_is_told_before_an_unknown_key() {
    let mut world = World::new();
    world.elements.insert(0x8F, vec![0x77]);
    world.elements.remove(&0x93);
    world.elements.remove(&0x9F46);
    assert_eq!(world.static_result(), Err(Failure::Missing(0x93)));
    assert_eq!(world.card_key(), Err(Failure::Missing(0x9F46)));
}

#[test]
fn check_25_a_method_does_not_ask_for_the_data_of_the_other() {
    let mut world = World::new();
    for tag in [0x9F46, 0x9F47, 0x9F48] {
        world.elements.remove(&tag);
    }
    assert_eq!(world.static_result(), Ok(CODE));
    let mut world = World::new();
    world.elements.remove(&0x93);
    assert!(world.card_key().is_ok());
}

#[test]
fn check_26_an_authority_key_is_found_by_provider_and_index() {
    let mut world = World::new();
    world.elements.insert(0x8F, vec![INDEX + 1]);
    assert_eq!(world.static_result(), Err(Failure::UnknownAuthorityKey(INDEX + 1)));
    assert_eq!(world.card_key(), Err(Failure::UnknownAuthorityKey(INDEX + 1)));
    let mut world = World::new();
    world.aid[4] ^= 1;
    assert_eq!(world.static_result(), Err(Failure::UnknownAuthorityKey(INDEX)));
    world.aid.truncate(4);
    assert_eq!(world.static_result(), Err(Failure::UnknownAuthorityKey(INDEX)));
    world.aid.clear();
    assert_eq!(world.static_result(), Err(Failure::UnknownAuthorityKey(INDEX)));
}

#[test]
fn check_26_an_expired_authority_key_is_unknown() {
    let mut world = World::new();
    world.trust(INDEX, Some(world.today));
    assert_eq!(world.static_result(), Ok(CODE), "its last day");
    world.trust(INDEX, Some(date(2026, 11, 23)));
    assert_eq!(world.static_result(), Err(Failure::UnknownAuthorityKey(INDEX)));
}

/// Peer fault 3: a peer ships a wrong UnionPay test key 80.
#[test]
fn check_26_a_wrong_authority_key_is_refused_on_load_and_would_recover_nothing() {
    let mut world = World::new();
    let mut modulus = world.authority.modulus();
    let checksum = AuthorityKey::checksum(&RID, INDEX, &modulus, &[3]);
    modulus[60] ^= 0x10;
    assert!(AuthorityKey::new(RID, INDEX, &modulus, &[3], &checksum, None).is_err());
    let checksum = AuthorityKey::checksum(&RID, INDEX, &modulus, &[3]);
    let wrong = AuthorityKey::new(RID, INDEX, &modulus, &[3], &checksum, None).unwrap();
    world.configuration.authority_keys = vec![wrong];
    assert_eq!(world.static_result(), Err(Failure::Block(ISSUER_CERTIFICATE)));
}

#[test]
fn check_27_keys_of_odd_sizes_with_and_without_remainder_recover() {
    for (issuer, card) in [(&ISSUER, &CARD), (&ISSUER, &SHORT_CARD), (&SHORT_ISSUER, &CARD)] {
        let mut world = World::with(issuer, card);
        let signature = world.sign_dynamic(&NUMBER, &ASKED, &AS_IT_IS);
        for _ in 0..2 {
            assert_eq!(world.static_result(), Ok(CODE));
            assert_eq!(world.dynamic_result(&signature), Ok(NUMBER.to_vec()));
            // An empty remainder and none are the same.
            world.elements.retain(|_, value| !value.is_empty());
        }
    }
}

#[test]
fn check_27_a_remainder_where_none_belongs_fails() {
    let mut world = World::with(&SHORT_ISSUER, &CARD);
    world.elements.insert(0x92, vec![0xBB]);
    assert_eq!(world.static_result(), Err(Failure::Hash(ISSUER_CERTIFICATE)));
}

#[test]
fn check_27_a_certificate_is_as_long_as_its_key() {
    type Run = fn(&World) -> Option<Failure>;
    let runs: [(u32, &str, Run); 3] = [
        (0x90, ISSUER_CERTIFICATE, |world| world.static_result().err()),
        (0x93, STATIC, |world| world.static_result().err()),
        (0x9F46, CARD_CERTIFICATE, |world| world.card_key().err()),
    ];
    for (tag, what, run) in runs {
        for change in [-1, 1] {
            let mut world = World::new();
            let value = world.elements.get_mut(&tag).unwrap();
            if change < 0 {
                value.truncate(value.len() - 1);
            } else {
                value.insert(0, 0);
            }
            assert_eq!(run(&world), Some(Failure::Length(what)), "{tag:X}");
        }
    }
    let world = World::new();
    let signature = world.sign_dynamic(&NUMBER, &ASKED, &AS_IT_IS);
    assert_eq!(world.dynamic_result(&signature[1..]), Err(Failure::Length(DYNAMIC)));
    assert_eq!(world.dynamic_result(&[]), Err(Failure::Length(DYNAMIC)));
}

/// Every other byte in the fixed places of a block, its hash being good.
fn frame_changes() -> [(Change, bool); 5] {
    [
        (after(&|block| block[0] = 0x6B), true),
        (after(&|block| block[0] = 0x00), true),
        (before(&|block| block[1] ^= 0x01), true),
        (after(&|block| *block.last_mut().unwrap() = 0xCC), true),
        (after(&|block| block[block.len() - 2] ^= 0x01), false),
    ]
}

#[test]
fn check_27_header_format_trailer_and_hash() {
    for (change, frame) in frame_changes() {
        let expect = |what| if frame { Failure::Block(what) } else { Failure::Hash(what) };
        let mut world = World::new();
        world.sign_static(&change);
        assert_eq!(world.static_result(), Err(expect(STATIC)));
        let mut world = World::new();
        world.certify_card(&change);
        assert_eq!(world.card_key(), Err(expect(CARD_CERTIFICATE)));
        let signature = World::new().sign_dynamic(&NUMBER, &ASKED, &change);
        assert_eq!(World::new().dynamic_result(&signature), Err(expect(DYNAMIC)));
        let mut world = World::new();
        world.certify_issuer(&change);
        assert_eq!(world.static_result(), Err(expect(ISSUER_CERTIFICATE)));
        assert_eq!(world.card_key(), Err(expect(ISSUER_CERTIFICATE)));
    }
}

#[test]
fn check_27_one_kind_of_signature_does_not_serve_as_another() {
    // The issuer signed both; only the format tells them apart.
    let mut world = World::new();
    let certificate = world.elements[&0x9F46].clone();
    let signature = world.elements[&0x93].clone();
    world.elements.insert(0x93, certificate);
    world.elements.insert(0x9F46, signature);
    assert_eq!(world.static_result(), Err(Failure::Block(STATIC)));
    assert_eq!(world.card_key(), Err(Failure::Block(CARD_CERTIFICATE)));
}

#[test]
fn check_27_algorithms_other_than_01() {
    let issuer: [Edit; 4] = [&|b| b[11] = 0, &|b| b[11] = 2, &|b| b[12] = 4, &|b| b[12] = 0];
    for change in issuer {
        let mut world = World::new();
        world.certify_issuer(&before(change));
        assert_eq!(world.static_result(), Err(Failure::Algorithm(ISSUER_CERTIFICATE)));
    }
    let card: [Edit; 2] = [&|b| b[17] = 2, &|b| b[18] = 2];
    for change in card {
        let mut world = World::new();
        world.certify_card(&before(change));
        assert_eq!(world.card_key(), Err(Failure::Algorithm(CARD_CERTIFICATE)));
    }
    let mut world = World::new();
    world.sign_static(&before(&|b| b[2] = 2));
    assert_eq!(world.static_result(), Err(Failure::Algorithm(STATIC)));
    let signature = world.sign_dynamic(&NUMBER, &ASKED, &before(&|b| b[2] = 2));
    assert_eq!(world.dynamic_result(&signature), Err(Failure::Algorithm(DYNAMIC)));
}

#[test]
fn check_27_the_issuer_identifier_is_a_prefix_of_the_account_number() {
    let good: [Edit; 3] = [
        &|b| b[2..6].copy_from_slice(&[0x62, 0x1F, 0xFF, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0x62, 0x12, 0x3F, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0x62, 0x12, 0x34, 0x00]),
    ];
    for change in good {
        let mut world = World::new();
        world.certify_issuer(&before(change));
        assert_eq!(world.static_result(), Ok(CODE));
    }
    let bad: [Edit; 7] = [
        &|b| b[2..6].copy_from_slice(&[0x62, 0xFF, 0xFF, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0xFF, 0xFF, 0xFF, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0x6F, 0x21, 0x23, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0xF6, 0x21, 0x23, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0x62, 0x12, 0x35, 0xFF]),
        &|b| b[2..6].copy_from_slice(&[0x62, 0x12, 0x34, 0x01]),
        &|b| b[2..6].copy_from_slice(&[0x62, 0x12, 0x3A, 0xFF]),
    ];
    for change in bad {
        let mut world = World::new();
        world.certify_issuer(&before(change));
        assert_eq!(world.static_result(), Err(Failure::Account(ISSUER_CERTIFICATE)));
    }
}

#[test]
fn check_27_the_card_certificate_is_for_this_account_number() {
    let changes: [Edit; 3] = [&|b| b[9] = 0x18, &|b| b[10] = 0x0F, &|b| b[2..12].fill(0xFF)];
    for change in changes {
        let mut world = World::new();
        world.certify_card(&before(change));
        assert_eq!(world.card_key(), Err(Failure::Account(CARD_CERTIFICATE)));
    }
}

#[test]
fn check_27_certificates_last_to_the_end_of_their_month() {
    let mut world = World::new();
    world.today = date(2030, 12, 31);
    assert_eq!(world.static_result(), Ok(CODE));
    assert!(world.card_key().is_ok());
    world.today = date(2031, 1, 1);
    assert_eq!(world.static_result(), Err(Failure::Expired(ISSUER_CERTIFICATE)));
    assert_eq!(world.card_key(), Err(Failure::Expired(ISSUER_CERTIFICATE)));
    world.certify_issuer(&before(&|b| b[6..8].copy_from_slice(&[0x01, 0x31])));
    assert_eq!(world.static_result(), Ok(CODE));
    assert_eq!(world.card_key(), Err(Failure::Expired(CARD_CERTIFICATE)));
}

#[test]
fn check_27_certificate_years_are_windowed_and_no_month_is_expired() {
    let mut world = World::new();
    world.certify_issuer(&before(&|b| b[6..8].copy_from_slice(&[0x12, 0x49])));
    assert_eq!(world.static_result(), Ok(CODE), "2049");
    let bad: [Edit; 4] = [
        &|b| b[6..8].copy_from_slice(&[0x12, 0x50]),
        &|b| b[6..8].copy_from_slice(&[0x13, 0x30]),
        &|b| b[6..8].copy_from_slice(&[0x00, 0x30]),
        &|b| b[6..8].copy_from_slice(&[0xFF, 0xFF]),
    ];
    for change in bad {
        world.certify_issuer(&before(change));
        assert_eq!(world.static_result(), Err(Failure::Expired(ISSUER_CERTIFICATE)));
    }
}

#[test]
fn check_27_a_revoked_certificate_fails() {
    let mut world = World::new();
    let revoked = RevokedCertificate { authority: Fixed(RID), index: Fixed([INDEX]), serial: Fixed(SERIAL) };
    let near = [
        RevokedCertificate { index: Fixed([INDEX + 1]), ..revoked },
        RevokedCertificate { serial: Fixed([SERIAL[0], SERIAL[1], SERIAL[2] + 1]), ..revoked },
        RevokedCertificate { authority: Fixed([0xA0, 0, 0, 3, 0x34]), ..revoked },
    ];
    world.configuration.revoked_certificates = near.to_vec();
    assert_eq!(world.static_result(), Ok(CODE), "others are revoked");
    world.configuration.revoked_certificates.push(revoked);
    assert_eq!(world.static_result(), Err(Failure::Revoked));
    assert_eq!(world.card_key(), Err(Failure::Revoked));
}

#[test]
fn check_27_a_key_has_its_stated_length_and_a_known_exponent() {
    let mut world = World::new();
    world.certify_issuer(&before(&|b| b[13] += 1));
    assert_eq!(world.static_result(), Err(Failure::Key(ISSUER_CERTIFICATE)), "one byte is not there");
    world.certify_issuer(&before(&|b| b[13] = 105));
    assert_eq!(world.static_result(), Err(Failure::Key(ISSUER_CERTIFICATE)), "a remainder that has no place");
    let mut world = World::with(&ISSUER, &SHORT_CARD);
    for length in [&|b: &mut [u8]| b[19] = 0, &(|b: &mut [u8]| b[19] = 31) as Edit] {
        world.certify_card(&before(length));
        assert_eq!(world.card_key(), Err(Failure::Key(CARD_CERTIFICATE)), "too short for any key");
    }
}

#[test]
fn check_28_the_aip_is_signed_where_the_list_names_it() {
    let mut world = World::new();
    world.aip[0] ^= 0x20;
    assert_eq!(world.static_result(), Err(Failure::Hash(STATIC)));
    assert_eq!(world.card_key(), Err(Failure::Hash(CARD_CERTIFICATE)));
    // Signed with it, and the list was taken away.
    let mut world = World::new();
    world.elements.remove(&0x9F4A);
    assert_eq!(world.static_result(), Err(Failure::Hash(STATIC)));
    // Signed without it.
    world.sign_static(&AS_IT_IS);
    world.certify_card(&AS_IT_IS);
    world.aip[0] ^= 0x20;
    assert_eq!(world.static_result(), Ok(CODE));
    assert!(world.card_key().is_ok());
}

#[test]
fn check_28_a_list_of_anything_else_fails() {
    for list in [vec![], vec![0x82, 0x82], vec![0x82, 0x5A], vec![0x9F, 0x36], vec![0x00]] {
        let mut world = World::new();
        world.elements.insert(0x9F4A, list);
        assert_eq!(world.static_result(), Err(Failure::TagList));
        assert_eq!(world.card_key(), Err(Failure::TagList));
    }
}

#[test]
fn check_29_the_signature_covers_what_was_asked() {
    let world = World::new();
    let ready = world.card_key().unwrap();
    let signature = world.sign_dynamic(&NUMBER, &ASKED, &AS_IT_IS);
    assert_eq!(verify_dynamic(&ready, &ASKED, &signature), Ok(NUMBER.to_vec()));
    for other in [&[0xCA, 0xFE, 0xBA, 0xBF][..], &ASKED[..3], &[], &[0xCA, 0xFE, 0xBA, 0xBE, 0x00]] {
        assert_eq!(verify_dynamic(&ready, other, &signature), Err(Failure::Hash(DYNAMIC)));
    }
}

#[test]
fn check_29_the_static_records_are_covered_in_both_methods() {
    let mut world = World::new();
    world.records.push(0);
    assert_eq!(world.static_result(), Err(Failure::Hash(STATIC)));
    assert_eq!(world.card_key(), Err(Failure::Hash(CARD_CERTIFICATE)));
    world.records.clear();
    assert_eq!(world.static_result(), Err(Failure::Hash(STATIC)));
}

#[test]
fn check_31_the_dynamic_number_has_two_to_eight_bytes() {
    let world = World::new();
    for length in 0..=12 {
        let number: Vec<u8> = (0..length).collect();
        let signature = world.sign_dynamic(&number, &ASKED, &AS_IT_IS);
        let expected = if (2..=8).contains(&length) { Ok(number) } else { Err(Failure::Block(DYNAMIC)) };
        assert_eq!(world.dynamic_result(&signature), expected, "{length}");
    }
}

#[test]
fn check_31_lengths_within_the_dynamic_data_are_not_believed() {
    let world = World::new();
    let changes: [Edit; 3] = [&|b| b[3] = 0, &|b| b[3] = 0xFF, &|b| b[3] = 8];
    for change in changes {
        let signature = world.sign_dynamic(&NUMBER, &ASKED, &before(change));
        assert_eq!(world.dynamic_result(&signature), Err(Failure::Block(DYNAMIC)));
    }
}

fn every_flip(value: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..value.len() * 8).map(|bit| {
        let mut flipped = value.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

#[test]
fn check_27_every_flipped_bit_of_what_static_authentication_reads_fails() {
    let mut world = World::new();
    for tag in [0x8F, 0x90, 0x92, 0x93, 0x9F32, 0x9F4A] {
        let good = world.elements[&tag].clone();
        for flipped in every_flip(&good) {
            world.elements.insert(tag, flipped);
            assert!(world.static_result().is_err(), "{tag:X}");
        }
        world.elements.insert(tag, good);
    }
    let records = world.records.clone();
    for flipped in every_flip(&records) {
        world.records = flipped;
        assert_eq!(world.static_result(), Err(Failure::Hash(STATIC)));
    }
    world.records = records;
    assert_eq!(world.static_result(), Ok(CODE));
}

#[test]
fn check_27_every_flipped_bit_of_what_dynamic_authentication_reads_fails() {
    let mut world = World::new();
    for tag in [0x5A, 0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F48, 0x9F4A] {
        let good = world.elements[&tag].clone();
        for flipped in every_flip(&good) {
            world.elements.insert(tag, flipped);
            assert!(world.card_key().is_err(), "{tag:X}");
        }
        world.elements.insert(tag, good);
    }
    let ready = world.card_key().unwrap();
    let signature = world.sign_dynamic(&NUMBER, &ASKED, &AS_IT_IS);
    assert_eq!(verify_dynamic(&ready, &ASKED, &signature), Ok(NUMBER.to_vec()));
    for flipped in every_flip(&signature) {
        assert!(verify_dynamic(&ready, &ASKED, &flipped).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_elements_never_pass_and_never_panic(
        tag in proptest::sample::select(vec![0x5A, 0x8F, 0x90, 0x92, 0x93, 0x9F32, 0x9F46, 0x9F47, 0x9F48, 0x9F4A]),
        value in proptest::collection::vec(any::<u8>(), 0..260),
        aid in proptest::collection::vec(any::<u8>(), 0..17),
        other_aid in any::<bool>(),
    ) {
        let mut world = World::new();
        if other_aid {
            world.aid = aid;
        }
        prop_assume!(world.elements[&tag] != value);
        world.elements.insert(tag, value);
        let _ = world.static_result();
        prop_assert!(tag == 0x93 || world.card_key().is_err());
    }

    /// Whatever an issuer or a card may sign, hash and frame being good: lengths within are not believed.
    #[test]
    fn arbitrary_signed_content_never_panics(
        content in proptest::collection::vec(any::<u8>(), 0..130),
        remainder in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut world = World::new();
        let beside = [&remainder[..], &[3]].concat();
        world.elements.insert(0x90, World::sign_any(&world.authority, 0x02, &content, &beside));
        world.elements.insert(0x92, remainder.clone());
        world.elements.insert(0x9F32, vec![3]);
        prop_assert!(world.static_result().is_err());

        let mut world = World::new();
        let beside = [&remainder[..], &[3], &world.records, &world.aip].concat();
        world.elements.insert(0x9F46, World::sign_any(&world.issuer, 0x04, &content, &beside));
        world.elements.insert(0x9F47, vec![3]);
        world.elements.insert(0x9F48, remainder);
        prop_assert!(world.card_key().is_err());

        let world = World::new();
        let _ = world.dynamic_result(&World::sign_any(&world.card, 0x05, &content, &ASKED));
    }

    /// A key that was certified is used whatever it is: zero, even, one.
    #[test]
    fn arbitrary_keys_never_panic(
        modulus in prop_oneof![
            Just(vec![0; 77]), Just([vec![0; 76], vec![1]].concat()), proptest::collection::vec(any::<u8>(), 77),
        ],
        length in 0_u8..=77,
        signature in proptest::collection::vec(any::<u8>(), 0..=77),
    ) {
        let mut world = World::new();
        let head = [
            &[0x62, 0x12, 0x34, 0x00, 0x00, 0x00, 0x00, 0x19, 0xFF, 0xFF, 0x12, 0x30, 0, 0, 1, 1, 1, length, 1][..],
            &modulus,
        ].concat();
        let beside = [&[3], &world.records[..], &world.aip].concat();
        world.elements.insert(0x9F46, World::sign_any(&world.issuer, 0x04, &head, &beside));
        world.elements.insert(0x9F47, vec![3]);
        world.elements.remove(&0x9F48);
        prop_assert_eq!(world.card_key().is_ok(), length >= 32);
        if let Ok(ready) = world.card_key() {
            let mut exact = signature;
            exact.resize(usize::from(length), 0);
            prop_assert!(verify_dynamic(&ready, &ASKED, &exact).is_err());
        }
    }
}

#[test]
fn the_signer_is_what_it_says() {
    let sizes = [&issuer::AUTHORITY, &ISSUER, &SHORT_ISSUER, &CARD, &SHORT_CARD]
        .map(|primes| Rsa::new(primes).size());
    assert_eq!(sizes, [141, 119, 96, 91, 64]);
}
