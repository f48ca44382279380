//! Field 55 of an answer: what the kernel is handed is what stands there, in order; and what is built is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_emv::{host::HostAnswer, tags, tlv};
use posd_unionpay::field55;

fuzz_target!(|data: &[u8]| {
    let elements: Result<Vec<_>, _> = tlv::Reader::new(data).collect();
    let answer = HostAnswer::from_field55(*b"00", data);
    match (&elements, &answer) {
        (Err(error), Err(told)) => {
            assert!(error == told || matches!(told, tlv::TlvError::Twice { .. }), "{error} is not {told}");
        }
        (Err(error), Ok(_)) => panic!("broken and taken: {error}"),
        (Ok(elements), Ok(answer)) => {
            let of = |tag| {
                elements
                    .iter()
                    .filter(move |element| element.tag == tag)
                    .map(|element| element.value.to_vec())
            };
            let authentication: Vec<_> = of(tags::ISSUER_AUTHENTICATION_DATA).collect();
            assert!(authentication.len() <= 1);
            assert_eq!(answer.issuer_authentication_data.as_ref(), authentication.first());
            assert!(answer.scripts_before.iter().cloned().eq(of(tags::SCRIPT_BEFORE)));
            assert!(answer.scripts_after.iter().cloned().eq(of(tags::SCRIPT_AFTER)));
            assert!(!format!("{answer:?}").is_empty());
        }
        (Ok(elements), Err(_)) => {
            let twice =
                elements.iter().filter(|element| element.tag == tags::ISSUER_AUTHENTICATION_DATA).count();
            assert!(twice > 1, "whole and refused");
        }
    }

    let Ok(elements) = elements else { return };
    let list: Vec<u32> = elements.iter().map(|element| element.tag).collect();
    let get = |tag| elements.iter().find(|element| element.tag == tag).map(|element| element.value.to_vec());
    let Ok(field) = field55::build(&list, &get) else { return };
    assert!(field.len() <= field55::LIMIT);
    let read: Vec<_> = tlv::Reader::new(&field)
        .map(|element| element.map(|e| (e.tag, e.value.to_vec())))
        .collect::<Result<_, _>>()
        .expect("what was built can be read");
    let told: Vec<_> = list.iter().filter_map(|tag| get(*tag).map(|value| (*tag, value))).collect();
    assert_eq!(read, told);
});
