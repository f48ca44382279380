//! BER-TLV as field 55 uses it: a flat list of tags.

/// One data object.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// The tag's bytes as a number: 0x9F26.
    pub tag: u32,
    /// The value.
    pub value: Vec<u8>,
}

/// Reads a flat list of data objects. Tags have up to three bytes, lengths up to two after 81 or 82.
///
/// # Errors
/// The offset at which the list is malformed.
pub fn parse(data: &[u8]) -> Result<Vec<Object>, usize> {
    let mut objects = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let start = at;
        let mut byte = || {
            let next = data.get(at).copied().ok_or(start);
            at += 1;
            next
        };
        let first = byte()?;
        let mut tag = u32::from(first);
        if first & 0x1F == 0x1F {
            loop {
                let next = byte()?;
                tag = tag << 8 | u32::from(next);
                if next & 0x80 == 0 {
                    break;
                }
                if tag > 0xFFFF {
                    return Err(start);
                }
            }
        }
        let length = match byte()? {
            short @ 0..=0x7F => usize::from(short),
            0x81 => usize::from(byte()?),
            0x82 => usize::from(byte()?) << 8 | usize::from(byte()?),
            _ => return Err(start),
        };
        let value = data.get(at..at + length).ok_or(start)?.to_vec();
        at += length;
        objects.push(Object { tag, value });
    }
    Ok(objects)
}

/// The value of a tag in a list.
pub fn find(objects: &[Object], tag: u32) -> Option<&[u8]> {
    objects.iter().find(|object| object.tag == tag).map(|object| object.value.as_slice())
}

/// Appends one data object. Values are at most 65,535 bytes; a longer one is cut.
pub fn push(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    let tag = tag.to_be_bytes();
    out.extend(tag.iter().skip_while(|byte| **byte == 0));
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    match length {
        0..=0x7F => out.push(low),
        0x80..=0xFF => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend(&value[..usize::from(length)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{hex, unhex};

    #[test]
    fn one_two_and_three_byte_tags() {
        let objects = parse(&unhex("9503000001 9F2602AABB DF81010155").unwrap()).unwrap();
        let tags: Vec<u32> = objects.iter().map(|object| object.tag).collect();
        assert_eq!(tags, [0x95, 0x9F26, 0xDF8101]);
        assert_eq!(find(&objects, 0x9F26), Some([0xAA, 0xBB].as_slice()));
        assert_eq!(find(&objects, 0x82), None);
    }

    #[test]
    fn malformed_lists_say_where() {
        for (text, at) in [("9F", 0), ("9F26", 0), ("9500 9F2603AA", 2), ("9580", 0), ("DFFFFFFF01", 0)] {
            assert_eq!(parse(&unhex(text).unwrap()).err(), Some(at), "{text}");
        }
    }

    #[test]
    fn push_then_parse() {
        for length in [0, 1, 127, 128, 255, 256, 1000] {
            let mut out = Vec::new();
            push(&mut out, 0x9F10, &vec![7; length]);
            assert!(parse(&out).unwrap()[0].value == vec![7; length]);
        }
        let mut out = Vec::new();
        push(&mut out, 0x91, &[1, 2]);
        assert_eq!(hex(&out), "91020102");
    }
}
