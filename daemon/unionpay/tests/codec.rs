//! decode(encode(m)) = m, and every byte string decodes or gives an error with field and offset.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_unionpay::field::Content;
use posd_unionpay::{DecodeErrorKind, FieldTable, Frame, Message, MessageBuilder, Mti};
use proptest::prelude::*;

/// A value that fits the format of `field`, drawn from `seed`.
fn value(table: &FieldTable, field: u8, length: usize, seed: &[u8]) -> Vec<u8> {
    let format = table.format(field).unwrap();
    let max = usize::from(format.max);
    let length = if format.length == posd_unionpay::field::Length::Fixed { max } else { length % (max + 1) };
    seed.iter()
        .cycle()
        .take(length)
        .map(|byte| match format.content {
            Content::Digits => b'0' + byte % 10,
            Content::Track => b"0123456789D"[usize::from(byte % 11)],
            Content::Text => 0x20 + byte % 0x5F,
            Content::Bytes => *byte,
        })
        .collect()
}

proptest! {
    #[test]
    fn decode_of_encode_is_the_message(
        fields in proptest::collection::vec((2u8..=64, any::<usize>(), proptest::collection::vec(any::<u8>(), 1..40)), 0..40),
        mti in proptest::sample::select(vec![Mti::FINANCIAL, Mti::REVERSAL, Mti::NOTICE_ANSWER]),
    ) {
        let table = FieldTable::standard();
        let mut builder = MessageBuilder::new(&table, mti);
        let mut last = std::collections::BTreeMap::new();
        for (field, length, seed) in fields {
            if table.format(field).is_some() {
                let value = value(&table, field, length, &seed);
                builder.put(field, &value).unwrap();
                last.insert(field, value);
            }
        }
        let message = builder.finish();
        let read = Message::decode(message.encode(), &table).unwrap();
        prop_assert_eq!(&read, &message);
        prop_assert_eq!(read.fields().iter().collect::<Vec<_>>(), last.keys().copied().collect::<Vec<_>>());
        for (field, value) in last {
            match table.format(field).unwrap().content {
                Content::Digits | Content::Track => {
                    let digits = read.digits(field).unwrap();
                    let text = digits.text();
                    prop_assert_eq!(text.as_bytes(), &value[..]);
                }
                Content::Text | Content::Bytes => prop_assert_eq!(read.bytes(field).unwrap(), &value[..]),
            }
        }
    }

    #[test]
    fn any_bytes_decode_or_say_where_not(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        judge(&bytes)?;
    }

    #[test]
    fn damaged_messages_decode_or_say_where_not(
        position in any::<proptest::sample::Index>(), byte: u8, cut in any::<proptest::sample::Index>(),
    ) {
        let table = FieldTable::standard();
        let mut builder = MessageBuilder::new(&table, Mti::FINANCIAL);
        for (field, value) in [(2, "6212340000000019"), (4, "000000001234"), (11, "000042"), (22, "051"),
            (35, "6212340000000019D3012"), (41, "00000001"), (55, "xx"), (60, "22000007000500"), (64, "5FE058DB")] {
            builder.put(field, value).unwrap();
        }
        let mut bytes = builder.finish().encode().to_vec();
        let place = position.index(bytes.len());
        bytes[place] = byte;
        judge(&bytes)?;
        bytes.truncate(cut.index(bytes.len()));
        judge(&bytes)?;
    }
}

fn judge(bytes: &[u8]) -> Result<(), TestCaseError> {
    match Message::decode(bytes, &FieldTable::standard()) {
        Ok(message) => prop_assert_eq!(message.encode(), bytes),
        Err(error) => {
            prop_assert!(error.field <= 64 && error.offset <= bytes.len(), "{:?}", error);
            prop_assert!(!error.to_string().is_empty());
        }
    }
    let _ = Frame::read(bytes);
    let _ = posd_unionpay::describe::describe(&FieldTable::standard(), bytes).map(|said| said.to_string());
    Ok(())
}

#[test]
fn errors_name_field_and_offset() {
    let decode = |bytes: &[u8]| {
        let error = Message::decode(bytes, &FieldTable::standard()).unwrap_err();
        (error.field, error.offset, error.kind)
    };
    let with = |bitmap: u64, rest: &[u8]| [&[2, 0][..], &bitmap.to_be_bytes(), rest].concat();
    let bit = |field: u8| 1u64 << (64 - field);
    assert_eq!(decode(&[]), (0, 0, DecodeErrorKind::Truncated { needed: 2, left: 0 }));
    assert_eq!(decode(&[2, 0x0B]), (0, 1, DecodeErrorKind::NotADigit { nibble: 0xB }));
    assert_eq!(decode(&[2, 0, 1]), (1, 2, DecodeErrorKind::Truncated { needed: 8, left: 1 }));
    assert_eq!(decode(&with(bit(5), &[])), (5, 10, DecodeErrorKind::UnknownField));
    assert_eq!(decode(&with(bit(2), &[0x20])), (2, 10, DecodeErrorKind::TooLong { length: 20, max: 19 }));
    assert_eq!(decode(&with(bit(2), &[0x0A])), (2, 10, DecodeErrorKind::NotADigit { nibble: 0xA }));
    assert_eq!(decode(&with(bit(2), &[3, 0x12, 0x35])), (2, 12, DecodeErrorKind::BadPadding { nibble: 5 }));
    assert_eq!(decode(&with(bit(11), &[0, 0xA0, 0])), (11, 11, DecodeErrorKind::NotADigit { nibble: 0xA }));
    assert_eq!(decode(&with(bit(23), &[0x10, 0])), (23, 10, DecodeErrorKind::BadPadding { nibble: 1 }));
    assert_eq!(decode(&with(bit(39), b"0\x1b")), (39, 11, DecodeErrorKind::NotText { byte: 0x1B }));
    assert_eq!(decode(&with(bit(39), b"00!")), (39, 12, DecodeErrorKind::TrailingBytes { count: 1 }));
    assert_eq!(decode(&with(bit(60), &[0, 0x20])).2, DecodeErrorKind::TooLong { length: 20, max: 19 });
}

#[test]
fn a_filler_f_is_read_like_0() {
    let message = [&[2, 0][..], &(1u64 << 62).to_be_bytes(), &[3, 0x12, 0x3F]].concat();
    let message = Message::decode(&message, &FieldTable::standard()).unwrap();
    assert_eq!(message.digits(2).unwrap(), "123");
}
