//! BER-TLV as EMV uses it (Book 3 Annex B): a zero-copy reader that keeps the original bytes, and an encoder.
//!
//! The reader never copies and never panics. Each element tells the range of its original bytes, because signatures
//! cover what the card sent, not what an encoder would make of it.

use std::ops::Range;

/// The deepest nesting that [`walk`] follows; real cards use four levels.
pub const DEEPEST: usize = 8;

/// Why bytes are not BER-TLV, with the offset of the element at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlvError {
    /// The tag does not end within the data.
    #[error("the tag at offset {offset} is cut off")]
    TagCutOff {
        /// Offset of the tag.
        offset: usize,
    },
    /// The tag has more than four bytes.
    #[error("the tag at offset {offset} has more than four bytes")]
    TagTooLong {
        /// Offset of the tag.
        offset: usize,
    },
    /// The length does not end within the data, or is of a form that EMV does not use (indefinite, more than four bytes).
    #[error("the length of tag {tag:04X} at offset {offset} is malformed")]
    Length {
        /// The tag.
        tag: u32,
        /// Offset of the tag.
        offset: usize,
    },
    /// The value does not end within the data.
    #[error("the value of tag {tag:04X} at offset {offset} says {length} bytes, and only {left} are left")]
    ValueCutOff {
        /// The tag.
        tag: u32,
        /// Offset of the tag.
        offset: usize,
        /// The length that is written.
        length: usize,
        /// The bytes that are there.
        left: usize,
    },
    /// A primitive element came twice.
    #[error("tag {tag:04X} came twice, again at offset {offset}")]
    Twice {
        /// The tag.
        tag: u32,
        /// Offset of the second.
        offset: usize,
    },
    /// Templates within templates beyond any use.
    #[error("the templates at offset {offset} are nested too deeply")]
    TooDeep {
        /// Offset of the template.
        offset: usize,
    },
}

/// One element, borrowed from the data it was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element<'a> {
    /// The tag, its bytes from left to right: 5A is 0x5A, 9F 02 is 0x9F02.
    pub tag: u32,
    /// The value.
    pub value: &'a [u8],
    /// Where the whole element (tag, length, value) lies in the data that the reader was given.
    pub range: Range<usize>,
}

impl Element<'_> {
    /// Whether the value is itself BER-TLV (bit 6 of the tag's first byte).
    pub fn constructed(&self) -> bool {
        constructed(self.tag)
    }

    /// Where the value lies in the data that the reader was given.
    pub fn value_range(&self) -> Range<usize> {
        self.range.end - self.value.len()..self.range.end
    }
}

/// Whether a tag's values are themselves BER-TLV.
pub fn constructed(tag: u32) -> bool {
    let [a, b, c, d] = tag.to_be_bytes();
    let first = [a, b, c, d].into_iter().find(|byte| *byte != 0).unwrap_or(0);
    first & 0x20 != 0
}

/// Reads element after element of one level. After an error it yields nothing more.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    data: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A reader over these bytes. Zero bytes between elements are passed over (Annex B1).
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, position: 0 }
    }

    #[inline]
    fn element(&mut self) -> Result<Option<Element<'a>>, TlvError> {
        let data = self.data;
        let mut at = self.position;
        while data.get(at) == Some(&0) {
            at += 1;
        }
        let start = at;
        let Some(&first) = data.get(at) else { return Ok(None) };
        at += 1;
        let mut tag = u32::from(first);
        if first & 0x1F == 0x1F {
            loop {
                let Some(&next) = data.get(at) else { return Err(TlvError::TagCutOff { offset: start }) };
                if at - start == 4 {
                    return Err(TlvError::TagTooLong { offset: start });
                }
                at += 1;
                tag = tag << 8 | u32::from(next);
                if next & 0x80 == 0 {
                    break;
                }
            }
        }
        let malformed = TlvError::Length { tag, offset: start };
        let Some(&short) = data.get(at) else { return Err(malformed) };
        at += 1;
        let mut length = usize::from(short);
        if short & 0x80 != 0 {
            let more = usize::from(short & 0x7F);
            if more == 0 || more > 3 {
                return Err(malformed);
            }
            length = 0;
            for _ in 0..more {
                let Some(&next) = data.get(at) else { return Err(malformed) };
                at += 1;
                length = length << 8 | usize::from(next);
            }
        }
        let left = data.len() - at;
        let Some(value) = data.get(at..at + length) else {
            return Err(TlvError::ValueCutOff { tag, offset: start, length, left });
        };
        self.position = at + length;
        Ok(Some(Element { tag, value, range: start..self.position }))
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Element<'a>, TlvError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let result = self.element();
        if result.is_err() {
            self.position = self.data.len();
        }
        result.transpose()
    }
}

/// The only element of this data, if there is exactly one.
pub fn only(data: &[u8]) -> Result<Option<Element<'_>>, TlvError> {
    let mut reader = Reader::new(data);
    let first = reader.next().transpose()?;
    Ok(if reader.next().transpose()?.is_some() { None } else { first })
}

/// The value of the first element with this tag on the top level.
pub fn find(data: &[u8], tag: u32) -> Result<Option<&[u8]>, TlvError> {
    for element in Reader::new(data) {
        let element = element?;
        if element.tag == tag {
            return Ok(Some(element.value));
        }
    }
    Ok(None)
}

/// Reads the whole tree in order, templates before what they hold, giving each element's depth (0 is the top). Offsets
/// and ranges are those of the outermost data.
pub fn walk<'a>(data: &'a [u8], visit: &mut dyn FnMut(usize, &Element<'a>)) -> Result<(), TlvError> {
    walk_level(data, 0, 0, visit)
}

fn walk_level<'a>(
    data: &'a [u8],
    base: usize,
    depth: usize,
    visit: &mut dyn FnMut(usize, &Element<'a>),
) -> Result<(), TlvError> {
    if depth >= DEEPEST {
        return Err(TlvError::TooDeep { offset: base });
    }
    for element in Reader::new(data) {
        let mut element = element.map_err(|error| error.moved(base))?;
        element.range = element.range.start + base..element.range.end + base;
        visit(depth, &element);
        if element.constructed() {
            walk_level(element.value, element.value_range().start, depth + 1, visit)?;
        }
    }
    Ok(())
}

impl TlvError {
    /// The same error with its offset moved, for data that lies within other data.
    pub fn moved(self, by: usize) -> Self {
        let mut moved = self;
        match &mut moved {
            Self::TagCutOff { offset }
            | Self::TagTooLong { offset }
            | Self::Length { offset, .. }
            | Self::ValueCutOff { offset, .. }
            | Self::Twice { offset, .. }
            | Self::TooDeep { offset } => *offset += by,
        }
        moved
    }
}

/// Appends one element: tag, the shortest length, value.
pub fn push(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    push_tag(out, tag);
    push_length(out, value.len());
    out.extend_from_slice(value);
}

/// Appends a tag's bytes.
pub fn push_tag(out: &mut Vec<u8>, tag: u32) {
    let bytes = tag.to_be_bytes();
    let skip = (tag.leading_zeros() / 8).min(3) as usize;
    out.extend_from_slice(&bytes[skip..]);
}

/// Appends a length in its shortest form (values are below 16 MiB; beyond that the length is not one that readers take).
pub fn push_length(out: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    let used = bytes.iter().position(|byte| *byte != 0).map_or(1, |zeros| bytes.len() - zeros);
    if length >= 0x80 {
        out.push(0x80 | u8::try_from(used).unwrap_or(0x7F));
    }
    out.extend_from_slice(&bytes[bytes.len() - used..]);
}

/// One element as bytes.
pub fn encode(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len() + 8);
    push(&mut out, tag, value);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_element_keeps_its_original_range() {
        let data = [0x00, 0x9F, 0x02, 0x81, 0x02, 0xAA, 0xBB, 0x00, 0x5A, 0x01, 0x62];
        let elements: Vec<_> = Reader::new(&data).map(Result::unwrap).collect();
        assert_eq!(elements[0], Element { tag: 0x9F02, value: &[0xAA, 0xBB], range: 1..7 });
        assert_eq!(elements[0].value_range(), 5..7);
        assert_eq!(elements[1], Element { tag: 0x5A, value: &[0x62], range: 8..11 });
        assert_eq!(elements.len(), 2);
    }

    #[test]
    fn check_22_malformed_data_tells_where() {
        fn read(data: &[u8]) -> Option<Result<Element<'_>, TlvError>> {
            Reader::new(data).last()
        }
        assert_eq!(read(&[0x5A, 0x01, 1, 0x9F]), Some(Err(TlvError::TagCutOff { offset: 3 })));
        assert_eq!(read(&[0x9F, 0x81, 0x81, 0x81, 0x01, 0]), Some(Err(TlvError::TagTooLong { offset: 0 })));
        assert_eq!(read(&[0x5A]), Some(Err(TlvError::Length { tag: 0x5A, offset: 0 })));
        assert_eq!(read(&[0x5A, 0x80, 0, 0]), Some(Err(TlvError::Length { tag: 0x5A, offset: 0 })));
        assert_eq!(read(&[0x5A, 0x82, 1]), Some(Err(TlvError::Length { tag: 0x5A, offset: 0 })));
        let cut = TlvError::ValueCutOff { tag: 0x5A, offset: 0, length: 3, left: 2 };
        assert_eq!(read(&[0x5A, 0x03, 1, 2]), Some(Err(cut)));
        // Nothing follows an error.
        assert_eq!(Reader::new(&[0x5A, 0x03, 1, 2]).count(), 1);
        assert_eq!(read(&[0, 0, 0]), None);
    }

    #[test]
    fn walk_gives_depths_and_outer_offsets() {
        let mut data = vec![];
        let inner = encode(0x84, &[1, 2]);
        let middle = [inner, encode(0xA5, &encode(0x50, b"X"))].concat();
        push(&mut data, 0x6F, &middle);
        let mut seen = vec![];
        walk(&data, &mut |depth, element| seen.push((depth, element.tag, element.range.clone()))).unwrap();
        assert_eq!(seen, vec![(0, 0x6F, 0..11), (1, 0x84, 2..6), (1, 0xA5, 6..11), (2, 0x50, 8..11)]);
        let mut broken = data.clone();
        broken[9] = 5;
        assert!(matches!(walk(&broken, &mut |_, _| {}), Err(TlvError::ValueCutOff { offset: 8, .. })));
    }

    #[test]
    fn nesting_is_bounded() {
        let mut data = vec![];
        for _ in 0..20 {
            data = encode(0x70, &data);
        }
        assert!(matches!(walk(&data, &mut |_, _| {}), Err(TlvError::TooDeep { .. })));
    }

    #[test]
    fn only_and_find() {
        let one = encode(0x70, &[]);
        assert_eq!(only(&one).unwrap().unwrap().tag, 0x70);
        assert_eq!(only(&[one.clone(), one.clone()].concat()), Ok(None));
        assert_eq!(only(&[]), Ok(None));
        let data = [encode(0x5A, &[1]), encode(0x57, &[2])].concat();
        assert_eq!(find(&data, 0x57), Ok(Some(&[2_u8][..])));
        assert_eq!(find(&data, 0x58), Ok(None));
    }

    fn tag() -> impl Strategy<Value = u32> {
        prop_oneof![
            (1_u32..=0xFF).prop_filter("one byte", |tag| tag & 0x1F != 0x1F),
            (0_u32..8, 0x01_u32..0x80).prop_map(|(class, number)| (class << 5 | 0x1F) << 8 | number),
            (0_u32..8, 0x81_u32..=0xFF, 0_u32..0x80)
                .prop_map(|(class, b, c)| (class << 5 | 0x1F) << 16 | b << 8 | c),
        ]
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut end = 0;
            for element in Reader::new(&data).map_while(Result::ok) {
                prop_assert!(element.range.start >= end);
                end = element.range.end;
                prop_assert_eq!(&data[element.value_range()], element.value);
            }
            let _ = walk(&data, &mut |_, _| {});
        }

        #[test]
        fn what_is_encoded_is_read_back(
            elements in proptest::collection::vec((tag(), proptest::collection::vec(any::<u8>(), 0..400)), 0..8)
        ) {
            let mut data = vec![];
            for (tag, value) in &elements {
                push(&mut data, *tag, value);
            }
            let read: Vec<_> = Reader::new(&data).map(|e| e.map(|e| (e.tag, e.value.to_vec()))).collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(read, elements);
        }
    }
}
