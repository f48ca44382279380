//! BER-TLV: every element lies within its data, and reads the same when it is written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_emv::tlv::{DEEPEST, Reader, encode, find, only, walk};

fuzz_target!(|data: &[u8]| {
    let mut end = 0;
    let mut elements = Vec::new();
    let mut broken = false;
    for element in Reader::new(data) {
        assert!(!broken, "nothing follows an error");
        let Ok(element) = element else {
            broken = true;
            continue;
        };
        assert!(end <= element.range.start && element.range.end <= data.len());
        assert!(data[end..element.range.start].iter().all(|byte| *byte == 0), "only zeros stand between");
        assert_eq!(&data[element.value_range()], element.value);
        end = element.range.end;
        elements.push(element);
    }
    assert!(broken || data[end..].iter().all(|byte| *byte == 0), "only zeros stand behind");

    for element in &elements {
        let written = encode(element.tag, element.value);
        let again = only(&written).expect("what was written can be read").expect("and is one element");
        assert_eq!((again.tag, again.value, again.range), (element.tag, element.value, 0..written.len()));
        assert!(written.len() <= element.range.len(), "the shortest form is not longer");
        let first = elements.iter().find(|other| other.tag == element.tag).map(|first| first.value);
        assert_eq!(find(data, element.tag), Ok(first));
    }
    let single = if elements.len() == 1 { elements.first() } else { None };
    match only(data) {
        Ok(found) => assert!(found.as_ref() == single),
        Err(_) => assert!(broken),
    }

    let mut top = 0;
    let _ = walk(data, &mut |depth, element| {
        assert!(depth < DEEPEST && element.range.end <= data.len());
        assert_eq!(&data[element.value_range()], element.value);
        if depth == 0 {
            assert_eq!(Some(element), elements.get(top));
            top += 1;
        }
    });
});
