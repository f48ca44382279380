//! BER-TLV as the card writes it, and the tag-length lists (DOL) it asks for.

/// One data object: tag (as its own bytes, big-endian, 1-4 bytes), definite length, value.
pub fn object(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 6);
    let bytes = tag.to_be_bytes();
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(3);
    out.extend_from_slice(&bytes[start..]);
    let length = value.len();
    match length {
        0..=0x7F => out.push(length as u8),
        0x80..=0xFF => out.extend_from_slice(&[0x81, length as u8]),
        _ => out.extend_from_slice(&[0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend_from_slice(value);
    out
}

/// The first object at the start of `bytes`: tag, value, and what follows. `None` when it is malformed.
pub fn first(bytes: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let (tag, rest) = tag(bytes)?;
    let (length, rest) = match *rest.first()? {
        length @ 0..=0x7F => (usize::from(length), &rest[1..]),
        0x81 => (usize::from(*rest.get(1)?), rest.get(2..)?),
        0x82 => (usize::from(*rest.get(1)?) << 8 | usize::from(*rest.get(2)?), rest.get(3..)?),
        _ => return None,
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// The value of the first object with `tag` in `bytes`, at any depth of constructed objects.
pub fn find(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Some((tag, value, next)) = first(rest) {
        if tag == wanted {
            return Some(value);
        }
        let leading = tag.to_be_bytes().into_iter().find(|byte| *byte != 0).unwrap_or(0);
        if leading & 0x20 != 0
            && let Some(found) = find(value, wanted)
        {
            return Some(found);
        }
        rest = next;
    }
    None
}

/// The entries of a data object list: tag and length, in order. Stops at a malformed entry.
pub fn list(dol: &[u8]) -> Vec<(u32, usize)> {
    let mut entries = Vec::new();
    let mut rest = dol;
    while let Some((tag, after)) = tag(rest) {
        let Some((length, after)) = after.split_first() else { break };
        entries.push((tag, usize::from(*length)));
        rest = after;
    }
    entries
}

/// The number of bytes a terminal sends for `dol`.
pub fn list_length(dol: &[u8]) -> usize {
    list(dol).iter().map(|(_, length)| length).sum()
}

/// The bytes that answer `wanted` in `data`, which follows `dol`.
pub fn listed<'a>(dol: &[u8], data: &'a [u8], wanted: u32) -> Option<&'a [u8]> {
    let mut offset = 0;
    for (tag, length) in list(dol) {
        if tag == wanted {
            return data.get(offset..offset + length);
        }
        offset += length;
    }
    None
}

fn tag(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (leading, mut rest) = bytes.split_first()?;
    let mut tag = u32::from(*leading);
    if leading & 0x1F == 0x1F {
        for _ in 0..3 {
            let (byte, after) = rest.split_first()?;
            tag = tag << 8 | u32::from(*byte);
            rest = after;
            if byte & 0x80 == 0 {
                return Some((tag, rest));
            }
        }
        return None;
    }
    Some((tag, rest))
}
