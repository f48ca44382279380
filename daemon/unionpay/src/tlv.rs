//! Reading of BER-TLV: data objects one after the other, each with the place where it stands.

/// One data object.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a> {
    /// Tag of one to three bytes, as a number.
    pub(crate) tag: u32,
    /// Bytes of the tag.
    pub(crate) name: &'a [u8],
    /// Value.
    pub(crate) value: &'a [u8],
    /// Offset of the tag.
    pub(crate) offset: usize,
    /// Offset of the value.
    pub(crate) start: usize,
}

/// Reads objects in order; a byte that begins none ends it with [`Broken`].
pub(crate) struct Objects<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// No object begins at this offset: its tag or length is malformed, or the bytes end in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) offset: usize,
}

impl<'a> Objects<'a> {
    /// Reads `bytes`, whose first stands at `offset`.
    pub(crate) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { rest: bytes, offset }
    }

    fn object(&self) -> Option<(Object<'a>, &'a [u8])> {
        let bytes = self.rest;
        let first = bytes.first()?;
        let size = if first & 0x1F == 0x1F {
            2 + bytes.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count()
        } else {
            1
        };
        let (name, rest) = bytes.split_at_checked(size).filter(|_| size <= 3)?;
        let (&short, rest) = rest.split_first()?;
        let (length, rest) = match short {
            0..=0x7F => (usize::from(short), rest),
            0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
            0x82 => rest.split_first_chunk::<2>().map(|(l, r)| (usize::from(u16::from_be_bytes(*l)), r))?,
            _ => return None,
        };
        let start = self.offset + bytes.len() - rest.len();
        let (value, rest) = rest.split_at_checked(length)?;
        let tag = name.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte));
        Some((Object { tag, name, value, offset: self.offset, start }, rest))
    }
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((object, rest)) = self.object() else {
            self.rest = &[];
            return Some(Err(Broken { offset: self.offset }));
        };
        self.offset += self.rest.len() - rest.len();
        self.rest = rest;
        Some(Ok(object))
    }
}

/// Appends one object. Field 62 has at most 999 bytes, so that two bytes of length are always enough.
pub(crate) fn push(bytes: &mut Vec<u8>, tag: u32, value: &[u8]) {
    bytes.extend(tag.to_be_bytes().into_iter().skip(tag.leading_zeros() as usize / 8));
    match value.len() {
        0..=0x7F => bytes.push(value.len() as u8),
        0x80..=0xFF => bytes.extend([0x81, value.len() as u8]),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_tell_where_they_stand() {
        let mut bytes = Vec::new();
        push(&mut bytes, 0x9F06, &[0xA0, 0, 0, 3, 0x33]);
        push(&mut bytes, 0xDF02, &[7; 144]);
        push(&mut bytes, 0xFF_805D, &[1]);
        push(&mut bytes, 0x5A, &[2; 300]);
        let read: Vec<_> = Objects::new(&bytes, 1)
            .map(|object| object.map(|o| (o.tag, o.offset, o.start, o.value.len())))
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            read,
            [(0x9F06, 1, 4, 5), (0xDF02, 9, 13, 144), (0xFF_805D, 157, 161, 1), (0x5A, 162, 166, 300)]
        );
    }

    #[test]
    fn what_is_no_object_is_told_by_its_offset() {
        for bytes in [&[0x9F][..], &[0x95, 0x83, 0, 0, 0], &[0x95, 2, 0], &[0x95], &[0x9F, 0x81, 0x81, 1, 0]]
        {
            let whole = [&[0x82, 1, 0][..], bytes].concat();
            let mut objects = Objects::new(&whole, 10);
            assert_eq!(objects.next().unwrap().unwrap().tag, 0x82);
            assert_eq!(objects.next().unwrap().err(), Some(Broken { offset: 13 }));
            assert!(objects.next().is_none());
        }
    }
}
