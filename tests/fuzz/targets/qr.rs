//! QR payment codes: those that a merchant shows (0), that a customer shows as text (1) or as the bytes behind it (2),
//! and field 59 (3), by the input's first byte.
#![no_main]

use base64ct::{Base64, Encoding};
use libfuzzer_sys::fuzz_target;
use posd_unionpay::qr::{CustomerPayload, Field59, MerchantPayload, PaymentCode};

fn customer(code: &str, most: usize) {
    match CustomerPayload::decode(code) {
        Ok(payload) => {
            assert!(!payload.applications.is_empty());
            for (index, application) in payload.applications.iter().enumerate() {
                assert!((5..=16).contains(&application.aid.len()));
                assert!(application.data.sequence.is_none_or(|sequence| sequence <= 99));
                if let Some(pan) = &application.data.pan {
                    assert!(pan.reveal().bytes().all(|byte| byte.is_ascii_digit()));
                }
                let _ = payload.track2(index);
            }
            assert!(!format!("{payload:?}").is_empty());
        }
        Err(error) => assert!(error.offset <= most, "{error}"),
    }
}

/// The checksum is beyond a fuzzer: it is put right, and the wrong one is refused.
fn merchant(text: &str) {
    let _ = MerchantPayload::decode(text);
    let body = text.strip_suffix(|_: char| true).unwrap_or(text);
    let covered = format!("{body}6304");
    let mut crc = 0xFFFF_u16;
    for byte in covered.bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 };
        }
    }
    let payload = format!("{covered}{crc:04X}");
    match MerchantPayload::decode(&payload) {
        Ok(mut decoded) => {
            // Objects are written by rising number.
            decoded.accounts.sort_by_key(|(number, _)| *number);
            decoded.others.sort_by_key(|(number, _)| *number);
            let written = decoded.encode().unwrap_or_else(|error| panic!("{error} in {decoded:?}"));
            assert_eq!(MerchantPayload::decode(&written).as_ref(), Ok(&decoded));
            assert!(MerchantPayload::decode(&format!("{covered}{:04X}", crc ^ 1)).is_err());
        }
        Err(error) => assert!(error.offset <= payload.len(), "{error}"),
    }
}

fn field59(bytes: &[u8]) {
    for shown in ["A3", "A5"] {
        match Field59::decode(bytes, shown) {
            Ok(field) => {
                let code = field
                    .code
                    .as_ref()
                    .map(|code| PaymentCode::new(code.reveal()).expect("a code stays one"));
                let Ok(written) =
                    Field59::encode(field.terminal.as_ref(), code.as_ref(), field.voucher.as_deref())
                else {
                    panic!("what was read cannot be written: {field:?}");
                };
                let again = Field59::decode(&written, shown).expect("what was written can be read");
                assert_eq!(
                    (again.terminal, again.code, again.voucher),
                    (field.terminal, field.code, field.voucher)
                );
            }
            Err(error) => assert!(error.offset <= bytes.len(), "{error}"),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    match (kind, str::from_utf8(rest)) {
        (0, Ok(text)) => merchant(text),
        (1, Ok(text)) => customer(text, text.len()),
        (2, _) => customer(&Base64::encode_string(rest), rest.len()),
        (3, _) => field59(rest),
        _ => {}
    }
});
