//! Data object lists: what is built is as long as the list asks, in the list's order.
//!
//! The input: the list, a block; then the values that the terminal has, block by block.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_emv::{
    dol::{MOST, build, parse},
    tags::{self, Format},
    tlv,
};
use posd_fuzz::Source;

fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let list = source.block();
    let mut values = Vec::new();
    while !source.is_empty() && values.len() < 16 {
        values.push(source.block().to_vec());
    }
    // Tag by tag another value, and now and then none.
    let get = |tag: u32| values.get(tag as usize % 16).cloned();
    let Some(entries) = parse(list) else {
        assert_eq!(build(list, &get), None);
        return;
    };
    let total: usize = entries.iter().map(|(_, length)| length).sum();
    assert!(total <= MOST);
    let built = build(list, &get).expect("a list that parses is built");
    assert_eq!(built.len(), total);

    let mut written = Vec::new();
    let mut rest = &built[..];
    for (tag, length) in entries {
        tlv::push_tag(&mut written, tag);
        written.push(u8::try_from(length).expect("a length is one byte"));
        let (part, after) = rest.split_at(length);
        rest = after;
        let value = if tlv::constructed(tag) { None } else { get(tag) }.unwrap_or_default();
        let kept = value.len().min(length);
        let (place, from) = match tags::format(tag) {
            Format::Numeric => (length - kept, value.len() - kept),
            _ => (0, 0),
        };
        assert_eq!(part[place..place + kept], value[from..from + kept], "{tag:X}");
    }
    // A tag's leading zero is the only thing that its number does not keep.
    if !list.contains(&0) {
        assert_eq!(written, list);
    }
});
