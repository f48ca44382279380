//! The bare loops: what a program would do that trusts its own values and keeps no secrets. They know only the fields of
//! the bench's message, and wipe nothing.

/// Length prefix in bytes, the fixed length in units, and whether two digits share a byte.
fn format(field: u8) -> Option<(usize, usize, bool)> {
    Some(match field {
        2 | 32 => (1, 0, true),
        35 => (1, 0, true),
        60 => (2, 0, true),
        55 => (2, 0, false),
        3 | 11 | 12 => (0, 6, true),
        4 => (0, 12, true),
        13 | 14 => (0, 4, true),
        22 | 23 => (0, 3, true),
        25 | 26 => (0, 2, true),
        41 | 52 | 64 => (0, 8, false),
        42 => (0, 15, false),
        49 => (0, 3, false),
        53 => (0, 16, true),
        _ => return None,
    })
}

fn nibble(digit: u8) -> u8 {
    if digit == b'D' { 0xD } else { digit & 0x0F }
}

/// A 0200 of these fields, which come in order.
pub(super) fn encode(fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(&[0x02, 0x00]);
    let bitmap: u64 = fields.iter().map(|(field, _)| 1 << (64 - field)).sum();
    out.extend_from_slice(&bitmap.to_be_bytes());
    for (field, value) in fields {
        let Some((prefix, _, digits)) = format(*field) else { continue };
        let units = value.len();
        if prefix == 2 {
            out.push((units / 100) as u8);
        }
        if prefix > 0 {
            out.push(((units % 100 / 10) << 4 | units % 10) as u8);
        }
        if !digits {
            out.extend_from_slice(value);
        } else if *field == 23 {
            out.extend_from_slice(&[nibble(value[0]), nibble(value[1]) << 4 | nibble(value[2])]);
        } else {
            for pair in value.chunks(2) {
                out.push(nibble(pair[0]) << 4 | pair.get(1).map_or(0, |digit| nibble(*digit)));
            }
        }
    }
    out
}

/// Where each field's value stands: its start and its bytes.
pub(super) fn decode(bytes: &[u8]) -> Option<[(usize, usize); 65]> {
    let mut slots = [(0, 0); 65];
    let bitmap = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
    let mut at = 10;
    for field in 2..=64_u8 {
        if bitmap & (1 << (64 - field)) == 0 {
            continue;
        }
        let (prefix, fixed, digits) = format(field)?;
        let mut units = fixed;
        for byte in bytes.get(at..at + prefix)? {
            units = units * 100 + usize::from(byte >> 4) * 10 + usize::from(byte & 15);
        }
        at += prefix;
        let length = if digits { units.div_ceil(2) } else { units };
        bytes.get(at..at + length)?;
        slots[usize::from(field)] = (at, length);
        at += length;
    }
    (at == bytes.len()).then_some(slots)
}

/// How many elements there are, and the sum of tags and lengths.
pub(super) fn walk(data: &[u8]) -> (usize, u64) {
    let (mut count, mut sum) = (0, 0);
    let mut at = 0;
    while at < data.len() {
        let constructed = data[at] & 0x20 != 0;
        let mut tag = u64::from(data[at]);
        if data[at] & 0x1F == 0x1F {
            at += 1;
            tag = tag << 8 | u64::from(data[at]);
        }
        at += 1;
        let mut length = usize::from(data[at]);
        if length == 0x81 {
            at += 1;
            length = usize::from(data[at]);
        }
        at += 1;
        count += 1;
        sum += tag + length as u64;
        if !constructed {
            at += length;
        }
    }
    (count, sum)
}
