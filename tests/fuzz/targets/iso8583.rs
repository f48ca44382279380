//! The host dialect: a frame (0) or a message (1) or what a field 62 or 48 says (2), by the input's first byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_unionpay::{
    FieldTable, Frame, Message, MessageBuilder, Profile, Reconciliation,
    bcd::Digits,
    describe::describe,
    download::{self, AidEntry, AidParameters, CaKey, ContactlessParameters, KeyEntry, Parameters},
    field::Content,
    keys62,
};
use std::sync::LazyLock;

static PROFILE: LazyLock<Profile> = LazyLock::new(Profile::default);

fn value(message: &Message, field: u8) -> Vec<u8> {
    match message.content(field) {
        Some(Content::Digits | Content::Track) => {
            message.digits(field).expect("a number has digits").text().as_bytes().to_vec()
        }
        _ => message.bytes(field).expect("a field has bytes").to_vec(),
    }
}

fn message(bytes: &[u8], table: &FieldTable) {
    let decoded = match Message::decode(bytes, table) {
        Ok(decoded) => decoded,
        Err(error) => {
            assert!(error.field <= 64 && error.offset <= bytes.len(), "{error}");
            assert!(!error.to_string().is_empty());
            let _ = describe(table, bytes);
            return;
        }
    };
    assert_eq!(decoded.encode(), bytes, "a message is kept as it came");
    // What could be a frame by its first bytes is taken for one.
    let counted = bytes.len() - 2 == usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    let is_type = (1..=8).contains(&bytes[0]) && bytes[1] & 0x0F <= 1;
    assert!(describe(table, bytes).is_ok() || counted || !is_type, "what decodes is described");
    let mut end = 10;
    for field in decoded.fields().iter() {
        let (start, value) =
            (decoded.offset(field).expect("it has a place"), decoded.bytes(field).expect("and bytes"));
        assert!(end <= start && start <= end + 2, "field {field} stands in its order");
        end = start + value.len();
        let _ = (decoded.number(field), decoded.text(field));
    }
    assert_eq!(end, bytes.len());

    // Written field by field, from the last to the first, the same values are there; padding alone may differ.
    let fields: Vec<u8> = decoded.fields().iter().collect();
    let mut builder = MessageBuilder::new(table, decoded.mti());
    for field in fields.iter().rev() {
        builder.put(*field, value(&decoded, *field)).unwrap_or_else(|error| panic!("{error}"));
    }
    let mut written = builder.finish();
    let again = Message::decode(written.encode(), table).expect("what was written can be read");
    assert!(again == written, "the places are the same");
    assert_eq!(written.fields(), decoded.fields());
    assert_eq!(written.encode().len(), bytes.len());
    for field in fields {
        assert_eq!(value(&written, field), value(&decoded, field), "field {field}");
    }
    written.set_mac([0xA5; 8]);
    let again = Message::decode(written.encode(), table).expect("a MAC breaks nothing");
    assert_eq!(again.mac(), Some([0xA5; 8]));
    assert!(again == written);
}

/// Field 62 of each answer that has one, and field 48 of a settlement's.
fn values(bytes: &[u8]) {
    let _ = keys62::parse(&PROFILE, bytes);
    let _ = download::key_list(bytes);
    let _ = download::aid_list(bytes);
    let _ = download::blacklist(&PROFILE, bytes);
    let key = KeyEntry { rid: [0xA0, 0, 0, 3, 0x33], index: 0xF1, expiry: "20351231".to_owned() };
    let _ = CaKey::read(&key, bytes).map(|key| key.checksum_input());
    let _ = AidParameters::read(&AidEntry { aid: vec![0xA0, 0, 0, 3, 0x33, 1, 1] }, bytes);
    let _ = ContactlessParameters::read(&PROFILE, bytes);
    if let Ok(parameters) = Parameters::read(bytes) {
        let written = parameters.encode().expect("what was read can be written");
        // A name that is no GBK does not come back, but goes out the same ever after.
        let again = Parameters::read(&written).expect("what was written can be read");
        assert_eq!(again.encode().expect("and written").to_vec(), written);
    }
    let digits = Digits::new(bytes, 0, bytes.len() * 2).expect("a byte has two digits");
    if let Ok(read) = Reconciliation::read(digits) {
        let field = read.totals.field48().expect("totals that were read can be written");
        assert_eq!(field.len(), bytes.len() * 2);
    }
}

fuzz_target!(|data: &[u8]| {
    let table = FieldTable::standard();
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        0 => {
            if let Ok(frame) = Frame::read(rest) {
                message(frame.body, &table);
            }
            let _ = Frame::read_unprefixed(rest);
        }
        1 => message(rest, &table),
        _ => values(rest),
    }
});
