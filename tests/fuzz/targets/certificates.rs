//! Offline data authentication: nothing is authentic but what the issuer signed.
//!
//! The input's first byte: 0 the test card's elements, changed by the input (the oracle is their issuer); else elements
//! of the input's own, signed by a fuzzer that has the authority's key, so that what lies behind a good signature is
//! met.
#![no_main]

use libfuzzer_sys::fuzz_target;
use num_bigint::BigUint;
use posd_card::issuer;
use posd_emv::{
    authentication::{
        DynamicReady, Offline, pin_key, prepare_dynamic, verify_combined, verify_dynamic, verify_static,
    },
    configuration::{AuthorityKey, Configuration},
    date::Date,
    tags,
};
use posd_fuzz::Source;
use sha1::{Digest, Sha1};
use std::{collections::BTreeMap, sync::LazyLock};

const PAN: &str = "6212340000000019";
const RECORDS: &[u8] = b"the records that the issuer signed";
const AIP: [u8; 2] = [0x7C, 0x00];
const NUMBER: [u8; 4] = [1, 2, 3, 4];
const ASKED: [u8; 4] = [5, 6, 7, 8];
const CRYPTOGRAM: [u8; 8] = [9; 8];
const TRANSACTION: &[u8] = b"what the card was told";
/// The index of the fuzzer's own key.
const OWN: u8 = 0xEE;

/// A prime for a modulus: its owner finds every root. 2^512 - 569, and 3 has an inverse below it.
static PRIME: LazyLock<BigUint> = LazyLock::new(|| (BigUint::from(1u8) << 512) - BigUint::from(569u32));
static ROOT: LazyLock<BigUint> = LazyLock::new(|| ((&*PRIME - 1u8) * 2u8 + 1u8) / 3u8);

type Elements = BTreeMap<u32, Vec<u8>>;

struct World {
    configuration: Configuration,
    elements: Elements,
    dynamic: Vec<u8>,
    combined: Vec<u8>,
    ready: DynamicReady,
    pin: (Vec<u8>, Vec<u8>),
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut configuration = Configuration::unionpay();
    let key = issuer::authority_key();
    let own = PRIME.to_bytes_be();
    let checksum = AuthorityKey::checksum(&key.rid, OWN, &own, &[3]);
    for key in [
        AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, None),
        AuthorityKey::new(key.rid, OWN, &own, &[3], &checksum, None),
    ] {
        configuration.authority_keys.push(key.expect("both keys are good"));
    }
    let signed = [RECORDS, &AIP].concat();
    let mut elements = Elements::from([
        (tags::PAN, vec![0x62, 0x12, 0x34, 0, 0, 0, 0, 0x19]),
        (tags::AUTHORITY_KEY_INDEX, vec![key.index]),
        (tags::STATIC_TAG_LIST, vec![0x82]),
        (tags::SIGNED_STATIC_DATA, issuer::signed_static_data([0xDA, 0xC0], &signed)),
    ]);
    for (certificate, [first, exponent, remainder]) in [
        (
            issuer::issuer_certificate(PAN),
            [tags::ISSUER_CERTIFICATE, tags::ISSUER_EXPONENT, tags::ISSUER_REMAINDER],
        ),
        (
            issuer::card_certificate(PAN, &signed),
            [tags::ICC_CERTIFICATE, tags::ICC_EXPONENT, tags::ICC_REMAINDER],
        ),
        (issuer::pin_certificate(PAN), [tags::PIN_CERTIFICATE, tags::PIN_EXPONENT, tags::PIN_REMAINDER]),
    ] {
        elements.insert(first, certificate.certificate);
        elements.insert(exponent, certificate.exponent);
        elements.insert(remainder, certificate.remainder);
    }
    let get = |tag: u32| elements.get(&tag).cloned();
    let offline = offline(&configuration, RECORDS, AIP, &get, TODAY());
    let ready = prepare_dynamic(&offline).expect("the test card is genuine");
    let pin = pin_key(&offline).expect("and its key for PINs too");
    assert_eq!(verify_static(&offline), Ok([0xDA, 0xC0]));
    let dynamic = issuer::signed_dynamic_data(&NUMBER, &ASKED);
    let combined = issuer::signed_cryptogram(&NUMBER, 0x40, &CRYPTOGRAM, TRANSACTION, &ASKED);
    assert_eq!(verify_dynamic(&ready, &ASKED, &dynamic), Ok(NUMBER.to_vec()));
    assert!(verify_combined(&ready, &ASKED, 0x40, &[TRANSACTION], &combined).is_ok());
    World { configuration, elements, dynamic, combined, ready, pin }
});

#[expect(non_snake_case, reason = "a constant that only a function can make")]
fn TODAY() -> Date {
    Date::new(2026, 11, 24).expect("a day")
}

fn offline<'a>(
    configuration: &'a Configuration,
    records: &'a [u8],
    aip: [u8; 2],
    get: &'a dyn Fn(u32) -> Option<Vec<u8>>,
    today: Date,
) -> Offline<'a> {
    Offline { configuration, aid: &[0xA0, 0, 0, 3, 0x33, 1, 1, 1], records, aip, get, today }
}

/// 0 to 63 a bit of the value flips at this place, 64 to 127 another value, 128 to 191 none, else cut.
fn change(value: &mut Vec<u8>, source: &mut Source<'_>) {
    let how = source.byte();
    match how {
        0..64 => {
            let place = usize::from(source.byte()) << 8 | usize::from(source.byte());
            let length = value.len().max(1);
            if let Some(byte) = value.get_mut(place % length) {
                *byte ^= 1 << (how % 8);
            }
        }
        64..128 => *value = source.block().to_vec(),
        128..192 => value.clear(),
        _ => value.truncate(source.byte().into()),
    }
}

/// Changes to the genuine card's elements.
fn changed(source: &mut Source<'_>) {
    let world = &*WORLD;
    let mut elements = world.elements.clone();
    let (mut records, mut aip) = (RECORDS.to_vec(), AIP.to_vec());
    let (mut dynamic, mut combined, mut asked) =
        (world.dynamic.clone(), world.combined.clone(), ASKED.to_vec());
    let mut transaction = TRANSACTION.to_vec();
    let mut cid = vec![0x40];
    for _ in 0..source.byte() % 4 {
        let place = usize::from(source.byte()) % 24;
        match place {
            20 => change(&mut records, source),
            21 => change(&mut aip, source),
            22 => change(if source.byte() & 1 == 0 { &mut dynamic } else { &mut combined }, source),
            23 => change([&mut asked, &mut transaction, &mut cid][usize::from(source.byte()) % 3], source),
            place => {
                if let Some(value) = elements.values_mut().nth(place % world.elements.len()) {
                    change(value, source);
                }
            }
        }
    }
    let aip = aip.first_chunk::<2>().copied().unwrap_or_default();
    let get = |tag: u32| elements.get(&tag).cloned();
    let offline = offline(&world.configuration, &records, aip, &get, TODAY());
    let same = |tag| elements.get(&tag) == world.elements.get(&tag);
    let account = || {
        elements[&tags::PAN]
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter(|nibble| *nibble <= 9)
            .eq(PAN.bytes().map(|digit| digit - b'0'))
    };
    // 9F4A may be left out with the AIP: what is signed is one after the other.
    let named: &[u8] = if elements[&tags::STATIC_TAG_LIST] == [0x82] { &aip } else { &[] };
    let authentic = || [&records, named].concat() == [RECORDS, &AIP].concat();
    if let Ok(code) = verify_static(&offline) {
        assert!(code == [0xDA, 0xC0] && authentic(), "static data that nobody signed");
        assert!(same(tags::ISSUER_EXPONENT) && same(tags::ISSUER_REMAINDER));
    }
    if let Ok(ready) = prepare_dynamic(&offline) {
        assert!(ready == world.ready && authentic() && account(), "a card that nobody certified");
        assert!(same(tags::ICC_EXPONENT) && same(tags::ICC_REMAINDER));
    }
    if let Ok(key) = pin_key(&offline) {
        assert!(
            (key == world.pin || key.0 == card_modulus()) && account(),
            "a PIN would go under another key"
        );
    }
    if let Ok(number) = verify_dynamic(&world.ready, &asked, &dynamic) {
        assert!(number == NUMBER && asked == ASKED, "a signature over other data");
    }
    let information = cid.first().copied().unwrap_or(0);
    if let Ok(read) = verify_combined(&world.ready, &asked, information, &[&transaction], &combined) {
        assert!(read.number == NUMBER && read.cryptogram == CRYPTOGRAM, "another cryptogram");
        assert!(asked == ASKED && information == 0x40 && transaction == TRANSACTION, "over other data");
    }
}

/// The card's own modulus, for cards without a key for PINs.
fn card_modulus() -> Vec<u8> {
    let elements = Elements::from_iter(
        WORLD.elements.clone().into_iter().filter(|(tag, _)| *tag != tags::PIN_CERTIFICATE),
    );
    let get = |tag: u32| elements.get(&tag).cloned();
    pin_key(&offline(&WORLD.configuration, RECORDS, AIP, &get, TODAY())).map(|key| key.0).unwrap_or_default()
}

/// A block that recovers to header, format, this body, the hash over it and what lies beside it, and trailer.
fn sign(format: u8, body: &[u8], beside: &[&[u8]]) -> Vec<u8> {
    const BODY: usize = 64 - 2 - 20 - 1;
    let mut block = vec![0x6A, format];
    block.extend_from_slice(&body[..body.len().min(BODY)]);
    block.resize(2 + BODY, 0xBB);
    let mut hash = Sha1::new();
    hash.update(&block[1..]);
    beside.iter().for_each(|part| hash.update(part));
    block.extend_from_slice(&hash.finalize());
    block.push(0xBC);
    let signed = BigUint::from_bytes_be(&block).modpow(&ROOT, &PRIME).to_bytes_be();
    [vec![0; 64 - signed.len()], signed].concat()
}

/// Bodies of the input's own, under a key of the fuzzer's own.
fn own(source: &mut Source<'_>) {
    let own = PRIME.to_bytes_be();
    let records = source.block();
    let mut elements = Elements::from([
        (tags::AUTHORITY_KEY_INDEX, vec![OWN]),
        (tags::PAN, source.block().to_vec()),
        (tags::ISSUER_EXPONENT, vec![3]),
        (tags::ICC_EXPONENT, vec![3]),
        (tags::PIN_EXPONENT, source.block().to_vec()),
    ]);
    // What of the fuzzer's key finds no room in the body is the remainder: every level has the same key.
    for (format, head, beside, [certificate, exponent, remainder]) in [
        (2, 13, &[][..], [tags::ISSUER_CERTIFICATE, tags::ISSUER_EXPONENT, tags::ISSUER_REMAINDER]),
        (4, 19, records, [tags::ICC_CERTIFICATE, tags::ICC_EXPONENT, tags::ICC_REMAINDER]),
        (4, 19, &[][..], [tags::PIN_CERTIFICATE, tags::PIN_EXPONENT, tags::PIN_REMAINDER]),
    ] {
        let mut body = source.block().to_vec();
        let mut rest = own[41 - head..].to_vec();
        if body.len() <= head {
            body.resize(head, 0x01);
            body.extend_from_slice(&own[..41 - head]);
        } else {
            rest = source.block().to_vec();
        }
        let value = sign(format, &body, &[&rest, &elements[&exponent], beside]);
        elements.insert(certificate, value);
        elements.insert(remainder, rest);
    }
    if source.byte() & 1 == 1 {
        elements.remove(&tags::PIN_CERTIFICATE);
    }
    elements.insert(tags::SIGNED_STATIC_DATA, sign(3, source.block(), &[records]));
    let get = |tag: u32| elements.get(&tag).cloned();
    let configuration = &WORLD.configuration;
    let offline = offline(configuration, records, AIP, &get, TODAY());
    let _ = verify_static(&offline);
    if let Ok((modulus, exponent)) = pin_key(&offline) {
        assert!((64..=248).contains(&modulus.len()) && matches!(exponent.as_slice(), [3] | [1, 0, 1]));
    }
    let Ok(ready) = prepare_dynamic(&offline) else { return };
    let body = source.block();
    let signature = sign(5, body, &[&ASKED]);
    if let Ok(number) = verify_dynamic(&ready, &ASKED, &signature) {
        assert!((2..=8).contains(&number.len()) && body.windows(number.len()).any(|window| window == number));
    }
    if let Ok(read) = verify_combined(&ready, &ASKED, source.byte(), &[TRANSACTION], &signature) {
        assert!((2..=8).contains(&read.number.len()));
    }
}

fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    match source.byte() {
        0 => changed(&mut source),
        _ => own(&mut source),
    }
});
