use proptest::prelude::*;

use super::*;
use crate::{
    indicators::{Bit, aip, tsi, tvr as tvr_bits},
    tlv::encode,
};

fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn words(description: &Description) -> Vec<String> {
    description.0[0].findings.iter().map(ToString::to_string).collect()
}

fn meaning(data: &str) -> Vec<String> {
    words(&tlv(&bytes(data)).unwrap())
}

#[test]
fn the_table_of_names_is_in_order_and_has_each_tag_once() {
    for pair in names::NAMES.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{:X} before {:X}", pair[0].0, pair[1].0);
    }
    for (tag, name, _) in names::NAMES {
        assert_eq!(names::of(*tag).0, *name);
    }
    assert_eq!(names::of(0x9F26).0, "Application cryptogram");
    assert_eq!(names::of(0xDF31).0, "Issuer script results");
    assert_eq!(names::of(0x9F63).0, "Product identification information");
    assert_eq!(names::of(0xDF7F).0, "unknown");
}

#[test]
fn every_element_that_the_kernel_names_has_a_name_here() {
    for tag in [
        tags::AMOUNT,
        tags::AMOUNT_OTHER,
        tags::CURRENCY,
        tags::COUNTRY,
        tags::UNPREDICTABLE_NUMBER,
        tags::ISSUER_APPLICATION_DATA,
        tags::CVM_RESULTS,
        tags::SERIAL_NUMBER,
        tags::SEQUENCE_COUNTER,
        tags::DF_NAME,
        tags::FCI_DISCRETIONARY,
        tags::TC_HASH,
        tags::SIGNED_DYNAMIC_DATA,
    ] {
        assert_ne!(names::of(tag).0, "unknown", "{tag:X}");
    }
}

#[test]
fn a_tvr_is_told_bit_by_bit() {
    let description = tvr(&bytes("8000048000")).unwrap();
    assert_eq!(
        description.to_string(),
        "95 Terminal verification results: 8000048000\n    \
         byte 1 bit 8: offline data authentication was not performed\n    \
         byte 3 bit 3: an online PIN was entered\n    \
         byte 4 bit 8: the amount exceeds the floor limit\n"
    );
    assert_eq!(words(&tvr(&[0; 5]).unwrap()), ["no bit is set"]);
    assert_eq!(words(&tvr(&[0, 0x01, 0, 0, 0]).unwrap()), ["byte 2 bit 1: reserved"]);
    assert_eq!(words(&tvr(&[0xFF; 5]).unwrap()).len(), 40);
    for length in [0, 4, 6] {
        let error = tvr(&vec![0; length]).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("Terminal verification results: {length} bytes where 5 are needed")
        );
    }
}

fn told(table: &[bits::Bit], bit: Bit) -> &'static str {
    table.iter().find(|(byte, mask, _)| (*byte, *mask) == (bit.byte, bit.mask)).unwrap().2
}

/// The kernel's bits and the words for them are two readings of the same annexes.
#[test]
fn words_and_the_kernel_agree_on_the_bits() {
    for (bit, word) in [
        (tvr_bits::ODA_NOT_PERFORMED, "not performed"),
        (tvr_bits::SDA_FAILED, "static data authentication failed"),
        (tvr_bits::ICC_DATA_MISSING, "missing"),
        (tvr_bits::ON_EXCEPTION_FILE, "exception"),
        (tvr_bits::DDA_FAILED, "dynamic data authentication failed"),
        (tvr_bits::CDA_FAILED, "combined data authentication failed"),
        (tvr_bits::SDA_SELECTED, "selected"),
        (tvr_bits::VERSIONS_DIFFER, "versions"),
        (tvr_bits::EXPIRED, "expired"),
        (tvr_bits::NOT_YET_EFFECTIVE, "effective"),
        (tvr_bits::SERVICE_NOT_ALLOWED, "service"),
        (tvr_bits::NEW_CARD, "new"),
        (tvr_bits::CVM_FAILED, "not successful"),
        (tvr_bits::CVM_UNRECOGNISED, "recognised"),
        (tvr_bits::PIN_TRY_LIMIT_EXCEEDED, "try limit"),
        (tvr_bits::PIN_PAD_MISSING, "pad is missing"),
        (tvr_bits::PIN_NOT_ENTERED, "no PIN was entered"),
        (tvr_bits::ONLINE_PIN_ENTERED, "online PIN"),
        (tvr_bits::FLOOR_LIMIT_EXCEEDED, "floor limit"),
        (tvr_bits::LOWER_OFFLINE_LIMIT_EXCEEDED, "lower"),
        (tvr_bits::UPPER_OFFLINE_LIMIT_EXCEEDED, "upper"),
        (tvr_bits::SELECTED_AT_RANDOM, "random"),
        (tvr_bits::FORCED_ONLINE, "forced"),
        (tvr_bits::DEFAULT_TDOL_USED, "TDOL"),
        (tvr_bits::ISSUER_AUTHENTICATION_FAILED, "issuer authentication"),
        (tvr_bits::SCRIPT_FAILED_BEFORE, "before"),
        (tvr_bits::SCRIPT_FAILED_AFTER, "after"),
    ] {
        assert!(told(bits::TVR, bit).contains(word), "{word}");
    }
    for (bit, word) in [
        (tsi::ODA_PERFORMED, "offline data"),
        (tsi::CVM_PERFORMED, "cardholder"),
        (tsi::CARD_RISK_PERFORMED, "card risk"),
        (tsi::ISSUER_AUTHENTICATION_PERFORMED, "issuer"),
        (tsi::TERMINAL_RISK_PERFORMED, "terminal risk"),
        (tsi::SCRIPT_PERFORMED, "script"),
    ] {
        assert!(told(bits::TSI, bit).contains(word), "{word}");
    }
    for (bit, word) in [
        (aip::SDA, "static"),
        (aip::DDA, "dynamic"),
        (aip::CVM, "cardholder"),
        (aip::TERMINAL_RISK, "terminal risk"),
        (aip::ISSUER_AUTHENTICATION, "EXTERNAL AUTHENTICATE"),
        (aip::CDA, "combined"),
    ] {
        assert!(told(bits::AIP, bit).contains(word), "{word}");
    }
}

#[test]
fn a_tsi_is_told_bit_by_bit() {
    assert_eq!(
        words(&tsi(&[0xE8, 0x00]).unwrap()),
        [
            "byte 1 bit 8: offline data authentication was performed",
            "byte 1 bit 7: cardholder verification was performed",
            "byte 1 bit 6: card risk management was performed",
            "byte 1 bit 4: terminal risk management was performed",
        ]
    );
    assert!(super::tsi(&[0xE8]).is_err());
}

#[test]
fn a_cvm_list_is_told_rule_by_rule() {
    let list = cvm(&bytes("000000000000 4E20 4203 4106 1E00 9F03 2509")).unwrap();
    assert_eq!(list.0[0].tag, "8E");
    assert_eq!(
        words(&list),
        [
            "byte 1: X is 0 minor units",
            "byte 5: Y is 20000 minor units",
            "byte 9: rule 1: enciphered PIN checked online, if the terminal supports the method; \
             if unsuccessful, then the next rule",
            "byte 11: rule 2: plaintext PIN checked by the card, if in the application's currency and under X; \
             if unsuccessful, then the next rule",
            "byte 13: rule 3: signature, always; if unsuccessful, then stop",
            "byte 15: rule 4: no cardholder verification, if the terminal supports the method; \
             if unsuccessful, then stop (reserved bit 8 is set)",
            "byte 17: rule 5: unknown method 25, if in the application's currency and over Y; \
             if unsuccessful, then stop",
        ]
    );
    // Check 65: identification papers.
    assert!(words(&cvm(&bytes("0000000000000000 2000")).unwrap())[2].contains("identification papers"));
}

#[test]
fn cvm_results_are_told() {
    let results = |text| words(&cvm(&bytes(text)).unwrap());
    assert_eq!(
        results("420302"),
        [
            "byte 1: enciphered PIN checked online",
            "byte 2: if the terminal supports the method",
            "byte 3: successful"
        ]
    );
    assert_eq!(
        results("3F0000"),
        [
            "byte 1: no method was performed",
            "byte 2: no condition",
            "byte 3: result unknown (for example a signature)"
        ]
    );
    assert_eq!(results("010001")[2], "byte 3: failed");
    for length in [0, 1, 2, 4, 8, 9, 11] {
        assert!(matches!(cvm(&vec![0; length]), Err(DescribeError::Length { found, .. }) if found == length));
    }
}

#[test]
fn bit_fields_of_card_and_terminal_are_told() {
    assert_eq!(meaning("82021400").len(), 2);
    assert_eq!(
        meaning("9F0702FF00"),
        [
            "byte 1 bit 8: valid for domestic cash",
            "byte 1 bit 7: valid for international cash",
            "byte 1 bit 6: valid for domestic goods",
            "byte 1 bit 5: valid for international goods",
            "byte 1 bit 4: valid for domestic services",
            "byte 1 bit 3: valid for international services",
            "byte 1 bit 2: valid at ATMs",
            "byte 1 bit 1: valid at terminals other than ATMs",
        ]
    );
    assert_eq!(
        meaning("9F3303E0E8C0"),
        [
            "byte 1 bit 8: manual key entry",
            "byte 1 bit 7: magnetic stripe",
            "byte 1 bit 6: chip with contacts",
            "byte 2 bit 8: plaintext PIN checked by the card",
            "byte 2 bit 7: enciphered PIN checked online",
            "byte 2 bit 6: signature on paper",
            "byte 2 bit 4: no cardholder verification",
            "byte 3 bit 8: static data authentication",
            "byte 3 bit 7: dynamic data authentication",
        ]
    );
    assert_eq!(meaning("9F40056000F0F001").len(), 11);
}

#[test]
fn cryptogram_information_is_told() {
    assert_eq!(meaning("9F270180"), ["byte 1: ARQC: the card asks its issuer"]);
    assert_eq!(meaning("9F270140"), ["byte 1: TC: the card approves"]);
    assert_eq!(
        meaning("9F27010A"),
        [
            "byte 1: AAC: the card declines",
            "byte 1 bit 4: an advice is required",
            "byte 1: reason: PIN try limit exceeded"
        ]
    );
}

#[test]
fn plain_values_are_told() {
    for (data, text) in [
        ("9F0206000000001234", "1234 minor units"),
        ("9F0306000000000000", "0 minor units"),
        ("9A03261124", "2026-11-24"),
        ("9A03261324", "malformed"),
        ("9F2103235959", "23:59:59"),
        ("9F2103246000", "malformed"),
        ("5F2A020156", "CNY"),
        ("9F1A020156", "China"),
        ("9F3602000E", "14"),
        ("9F170103", "3"),
        ("9C0100", "goods and services"),
        ("9F350122", "of a merchant, attended, offline with online capability"),
        ("9F350199", "malformed"),
        ("8A025A33", "\"Z3\": unable to go online, declined offline"),
        ("8A023030", "\"00\""),
        ("500A50424F43204465626974", "\"PBOC Debit\""),
        ("5004D2F8C1AA", "text that is not ASCII"),
        ("860584180000 00", "APPLICATION UNBLOCK"),
        ("9F02060000000012F4", "malformed"),
    ] {
        assert_eq!(meaning(data), [text], "{data}");
    }
    assert_eq!(meaning("9F3704CAFEBABE"), [""; 0]);
    assert_eq!(meaning("5F2A020840"), [""; 0]);
    assert_eq!(meaning("9500"), [""; 0]);
}

#[test]
fn lists_are_told() {
    assert_eq!(
        meaning("8C069F02069F3704"),
        ["9F02 Amount, authorised, length 6", "9F37 Unpredictable number, length 4"]
    );
    assert_eq!(meaning("8C029F37"), ["malformed"]);
    assert_eq!(
        meaning("940808010200 10010301"),
        [
            "byte 1: file 1, records 1 to 2, 0 authenticated offline",
            "byte 5: file 2, records 1 to 3, 1 authenticated offline"
        ]
    );
    assert_eq!(meaning("9403080102"), ["malformed"]);
    assert_eq!(
        meaning("DF310A2000000001 1300000002"),
        ["byte 1: script 00000001: successful", "byte 6: script 00000002: failed at command 3"]
    );
    assert_eq!(meaning("9F5B0500ABCDEF01"), ["byte 1: script ABCDEF01: not performed"]);
    assert_eq!(
        meaning("9F100807010103A4B90401"),
        [
            "byte 2: key derivation index 01",
            "byte 3: cryptogram version 01",
            "byte 4: card verification results 03A4B904"
        ]
    );
    assert_eq!(
        meaning("910A01020304050607083030"),
        ["byte 1: ARPC 0102030405060708", "byte 9: response code \"00\""]
    );
}

#[test]
fn templates_nest_and_offsets_are_those_of_the_whole() {
    let proprietary = [encode(0x50, b"PBOC Debit"), encode(0x87, &[1])].concat();
    let inner = [encode(0x84, &bytes("A000000333010101")), encode(0xA5, &proprietary)].concat();
    let description = tlv(&encode(0x6F, &inner)).unwrap();
    assert_eq!(
        description.to_string(),
        "6F FCI template\n  \
           84 Dedicated file name: A000000333010101\n  \
           A5 FCI proprietary template\n    \
             50 Application label: 50424F43204465626974\n        \
                 \"PBOC Debit\"\n    \
             87 Application priority indicator: 01\n"
    );
    let label = &description.0[0].elements[1].elements[0];
    assert_eq!((label.offset, label.length), (14, 10));
}

#[test]
fn a_fault_names_its_offset_in_the_whole() {
    let error = tlv(&bytes("7007 5F3401 01 9F02 06")).unwrap_err();
    assert_eq!(
        error,
        DescribeError::Tlv(TlvError::ValueCutOff { tag: 0x9F02, offset: 6, length: 6, left: 0 })
    );
    assert!(error.to_string().contains("offset 6"), "{error}");
    assert_eq!(tlv(&[]), Err(DescribeError::Empty));
    assert!(matches!(tlv(&bytes("9F")), Err(DescribeError::Tlv(TlvError::TagCutOff { offset: 0 }))));
    let mut deep = vec![];
    for _ in 0..30 {
        deep = encode(0x70, &deep);
    }
    assert!(matches!(tlv(&deep), Err(DescribeError::Tlv(TlvError::TooDeep { .. }))));
}

#[test]
fn the_tree_is_serialised_without_what_is_empty() {
    let record = encode(0x70, &encode(0x5A, &bytes("6212340000000019")));
    assert_eq!(
        serde_json::to_value(tlv(&record).unwrap()).unwrap(),
        serde_json::json!([{
            "tag": "70", "name": "Record template", "offset": 0, "length": 10,
            "elements": [{
                "tag": "5A", "name": "Application PAN", "offset": 2, "length": 8,
                "value": "621234******0019", "masked": true,
            }],
        }])
    );
    assert_eq!(
        serde_json::to_value(tvr(&bytes("0000040000")).unwrap()).unwrap(),
        serde_json::json!([{
            "tag": "95", "name": "Terminal verification results", "offset": 0, "length": 5, "value": "0000040000",
            "findings": [{ "byte": 3, "bit": 3, "text": "an online PIN was entered" }],
        }])
    );
}

/// Text and tree together.
fn everything(data: &[u8]) -> String {
    let description = tlv(data).unwrap();
    format!("{description}{description:?}{:?}{}", description.0, serde_json::to_string(&description).unwrap())
}

#[test]
fn check_62_what_identifies_a_cardholder_is_not_shown() {
    let name = hex::encode(b"ZHANG/LI");
    let block = "1122334455667788";
    for (tag, value, shown) in [
        (0x5A, "6212340000000019", "621234******0019"),
        (0x5A, "6212340000000019777F", "621234*********9777"),
        (0x57, "6212340000000019D30122010000012300", "621234******0019, the rest (hidden)"),
        (0x9F6B, "6212340000000019D3012201000001230F", "621234******0019, the rest (hidden)"),
        (0x56, "42363231323334", "56 Track 1 data: (hidden)"),
        (0x5F20, &name, "5F20 Cardholder name: (hidden)"),
        (0x9F0B, &name, "Cardholder name, extended: (hidden)"),
        (0x99, block, "Transaction PIN data: (hidden)"),
        (0x9F1F, block, "Track 1 discretionary data: (hidden)"),
        (0x9F20, block, "Track 2 discretionary data: (hidden)"),
        (0x9F61, block, "Cardholder identification number: (hidden)"),
        (0x9F46, block, "ICC public key certificate: (hidden)"),
        (0x86, &format!("8424000208{block}"), "84240002 (hidden)"),
        // Malformed numbers are hidden whole, and tracks of which nobody knows where the number ends.
        (0x5A, "6212340A00000019", "Application PAN: (hidden)"),
        (0x5A, "62123400D0000019", "Application PAN: (hidden)"),
        (0x5A, "6212340000F00019", "Application PAN: (hidden)"),
        (0x5A, "6212", "Application PAN: (hidden)"),
        (0x5A, "62123400000000192222", "Application PAN: (hidden)"),
        (0x57, "6212340000000019", "Track 2 equivalent data: (hidden), the rest (hidden)"),
        (0x57, "6212D30122010000012300", "Track 2 equivalent data: (hidden), the rest (hidden)"),
    ] {
        let data = encode(tag, &bytes(value));
        for data in [data.clone(), encode(0x70, &data), encode(0x77, &encode(0xA5, &data))] {
            let text = everything(&data);
            assert!(text.contains(shown), "{shown}: {text}");
            assert!(text.contains("\"masked\":true"));
            for secret in [value, "6212340", "3012201", "ZHANG", &name, &block[..4]] {
                assert!(!text.contains(secret), "{secret}: {text}");
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(description) = tlv(&data) {
            let _ = description.to_string();
        }
        let _ = (tvr(&data), tsi(&data), cvm(&data));
    }

    #[test]
    fn arbitrary_values_of_every_element_never_panic(
        place in 0..names::NAMES.len(),
        value in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let described = element(names::NAMES[place].0, &value, 0);
        prop_assert_eq!(described.length, value.len());
        let _ = Description(vec![described]).to_string();
    }

    /// Whatever the number and whatever follows it, at most ten of its digits are told.
    #[test]
    fn check_62_a_number_is_never_shown_whole(
        number in "[1-9][0-9]{12,18}",
        rest in "[0-9]{0,12}",
        track in any::<bool>(),
    ) {
        let mut text = if track { format!("{number}D{rest}") } else { number.clone() };
        if text.len() % 2 == 1 {
            text.push('F');
        }
        let data = encode(if track { 0x57 } else { 0x5A }, &bytes(&text));
        let shown = everything(&data);
        prop_assert!(!shown.contains(&number[..7]));
        let digits: String = tlv(&data).unwrap().0[0].value.clone().unwrap();
        prop_assert_eq!(digits.chars().filter(char::is_ascii_digit).count(), 10);
    }
}
