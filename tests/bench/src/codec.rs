//! The codecs beside bare loops written by hand: a 20-field 0200 with a field 55 of 150 bytes, and 200 bytes of BER-TLV.

mod plain;

use crate::{Report, Scale, report::median};
use posd_emv::tlv;
use posd_unionpay::{FieldTable, Message, MessageBuilder, Mti};
use std::{hint::black_box, time::Instant};

/// Calls of one loop in one round.
const LOOP: u32 = 2_000;

/// The fields of a sale, as they are given: digits and text in ASCII, the rest as bytes.
fn fields() -> Vec<(u8, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (2, text("6212340000000000019")),
        (3, text("000000")),
        (4, text("000000001234")),
        (11, text("000042")),
        (12, text("120000")),
        (13, text("0101")),
        (14, text("3012")),
        (22, text("051")),
        (23, text("001")),
        (25, text("00")),
        (26, text("12")),
        (35, text("6212340000000000019D30122010000000000")),
        (41, text("00000001")),
        (42, text("898000000000001")),
        (49, text("156")),
        (52, vec![0xA5; 8]),
        (53, text("2600000000000000")),
        (55, (0..150).collect()),
        (60, text("2200000100060")),
        (64, vec![0x5A; 8]),
    ]
}

/// A template with a record's elements, and issuer data behind it: 200 bytes.
fn record() -> Vec<u8> {
    let mut inner = Vec::new();
    for (tag, length) in [
        (0x5A, 10),
        (0x57, 19),
        (0x5F24, 3),
        (0x5F34, 1),
        (0x8C, 27),
        (0x8D, 26),
        (0x9F0D, 5),
        (0x9F0E, 5),
        (0x8E, 14),
    ] {
        tlv::push(&mut inner, tag, &vec![0x11; length]);
    }
    let mut data = tlv::encode(0x70, &inner);
    let left = 200 - data.len() - 3;
    tlv::push(&mut data, 0x9F10, &vec![0x22; left]);
    assert_eq!(data.len(), 200);
    data
}

pub(crate) fn measure(scale: &Scale, report: &mut Report) {
    let (table, fields, record) = (FieldTable::standard(), fields(), record());
    let encode = || {
        let mut builder = MessageBuilder::new(&table, Mti::FINANCIAL);
        for (field, value) in &fields {
            builder.put(*field, value).unwrap();
        }
        builder.finish()
    };
    let message = encode();
    let bytes = message.encode();
    // Both sides do the same, or the ratio says nothing.
    assert_eq!(bytes, plain::encode(&fields));
    let slots = plain::decode(bytes).unwrap();
    for (field, _) in &fields {
        let (start, length) = slots[usize::from(*field)];
        assert_eq!(message.bytes(*field), bytes.get(start..start + length));
    }
    assert_eq!(walk(&record), plain::walk(&record));

    let rounds = scale.rounds;
    pair(
        report,
        "8583 encode, 20 fields",
        rounds,
        || drop(black_box(encode())),
        || {
            drop(black_box(plain::encode(black_box(&fields))));
        },
    );
    pair(
        report,
        "8583 decode, 20 fields",
        rounds,
        || drop(black_box(Message::decode(black_box(bytes), &table))),
        || {
            black_box(plain::decode(black_box(bytes)));
        },
    );
    pair(
        report,
        "TLV parse, 200 bytes",
        rounds,
        || {
            black_box(walk(black_box(&record)));
        },
        || {
            black_box(plain::walk(black_box(&record)));
        },
    );
}

/// How many elements there are, and the sum of tags and lengths.
fn walk(data: &[u8]) -> (usize, u64) {
    let (mut count, mut sum) = (0, 0);
    tlv::walk(data, &mut |_, element| {
        count += 1;
        sum += u64::from(element.tag) + element.value.len() as u64;
    })
    .unwrap();
    (count, sum)
}

/// Ours and the bare one in turn, so that both see the same machine.
fn pair(report: &mut Report, name: &str, rounds: usize, ours: impl Fn(), bare: impl Fn()) {
    let time = |call: &dyn Fn()| {
        let start = Instant::now();
        (0..LOOP).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e9 / f64::from(LOOP)
    };
    time(&ours);
    time(&bare);
    let times: Vec<(f64, f64)> = (0..rounds).map(|_| (time(&ours), time(&bare))).collect();
    report.figure(format!("{name}, median"), median(times.iter().map(|(ours, _)| *ours).collect()), "ns");
    report.figure("  a bare loop", median(times.iter().map(|(_, bare)| *bare).collect()), "ns");
    let ratio = median(times.iter().map(|(ours, bare)| ours / bare).collect());
    report.goal("  the one against the other", ratio, "x", 3.0);
}
