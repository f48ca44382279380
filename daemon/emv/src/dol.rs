//! Data object lists (Book 3 §5.4): what the card wants to be told.

use crate::{
    tags::{self, Format},
    tlv,
};

/// The most bytes a list may ask for; a command carries no more.
pub const MOST: usize = 252;

/// Reads a list into tags and lengths; `None` where it is none, or asks for more than [`MOST`] bytes.
pub fn parse(list: &[u8]) -> Option<Vec<(u32, usize)>> {
    let mut entries = Vec::new();
    let mut bytes = list.iter().copied();
    let mut total = 0;
    while let Some(first) = bytes.next() {
        let mut tag = u32::from(first);
        if first & 0x1F == 0x1F {
            loop {
                let next = bytes.next()?;
                tag = tag.checked_mul(0x100)? | u32::from(next);
                if next & 0x80 == 0 {
                    break;
                }
            }
        }
        let length = usize::from(bytes.next()?);
        total += length;
        entries.push((tag, length));
    }
    (total <= MOST).then_some(entries)
}

/// The data a list asks for. What is not known, and every template, is zeros.
pub fn build(list: &[u8], get: &dyn Fn(u32) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    for (tag, length) in parse(list)? {
        let value = if tlv::constructed(tag) { None } else { get(tag) };
        match value {
            Some(value) => fit(&mut data, &value, length, tags::format(tag)),
            None => data.resize(data.len() + length, 0),
        }
    }
    Some(data)
}

fn fit(data: &mut Vec<u8>, value: &[u8], length: usize, format: Format) {
    let have = value.len();
    match format {
        Format::Numeric if have >= length => data.extend_from_slice(&value[have - length..]),
        Format::Numeric => {
            data.resize(data.len() + length - have, 0);
            data.extend_from_slice(value);
        }
        _ if have >= length => data.extend_from_slice(&value[..length]),
        other => {
            data.extend_from_slice(value);
            data.resize(data.len() + length - have, if other == Format::Compressed { 0xFF } else { 0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_12_padding_and_cutting_by_format() {
        let get = |tag: u32| match tag {
            tags::AMOUNT => Some(vec![0, 0, 0, 0, 0x12, 0x34]),
            tags::PAN => Some(vec![0x62, 0x12]),
            tags::UNPREDICTABLE_NUMBER => Some(vec![1, 2, 3, 4]),
            _ => None,
        };
        let build = |list: &[u8]| build(list, &get).unwrap();
        assert_eq!(build(&[0x9F, 0x02, 8]), [0, 0, 0, 0, 0, 0, 0x12, 0x34], "numeric pads on the left");
        assert_eq!(build(&[0x9F, 0x02, 2]), [0x12, 0x34], "numeric is cut on the left");
        assert_eq!(
            build(&[0x5A, 4]),
            [0x62, 0x12, 0xFF, 0xFF],
            "compressed numeric pads with F on the right"
        );
        assert_eq!(build(&[0x9F, 0x37, 6]), [1, 2, 3, 4, 0, 0], "others pad with zeros on the right");
        assert_eq!(build(&[0x9F, 0x37, 2]), [1, 2], "others are cut on the right");
        assert_eq!(build(&[0xDF, 0x01, 3]), [0, 0, 0], "unknown is zeros");
        assert_eq!(build(&[0x70, 2]), [0, 0], "a template is zeros");
    }

    #[test]
    fn check_12_malformed_lists_are_refused() {
        assert_eq!(parse(&[0x9F]), None);
        assert_eq!(parse(&[0x9F, 0x37]), None);
        assert_eq!(parse(&[0x9F, 0x37, 0xFF]), None, "no command carries so much");
        assert_eq!(parse(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 1]), None);
    }
}
