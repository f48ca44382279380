//! Field 55: the chip's data as BER-TLV, up to 255 bytes.

use crate::error::{EncodeError, EncodeErrorKind};

/// Largest length of field 55 (b..255).
pub const LIMIT: usize = 255;

/// The objects `tags`, in this order, as field 55. An object that `get` does not have is left out.
///
/// # Errors
/// Where the objects together exceed 255 bytes, or a tag is 0.
pub fn build(tags: &[u32], get: &dyn Fn(u32) -> Option<Vec<u8>>) -> Result<Vec<u8>, EncodeError> {
    let refuse = |kind| Err(EncodeError::new(55, kind));
    let mut field = Vec::with_capacity(LIMIT);
    for &tag in tags {
        if tag == 0 {
            return refuse(EncodeErrorKind::OutOfRange { min: 1, max: u64::from(u32::MAX) });
        }
        let Some(value) = get(tag) else { continue };
        let Ok(length) = u8::try_from(value.len()) else {
            return refuse(EncodeErrorKind::TooLong { length: value.len(), max: LIMIT });
        };
        field.extend(tag.to_be_bytes().into_iter().skip(tag.leading_zeros() as usize / 8));
        if length > 0x7F {
            field.push(0x81);
        }
        field.push(length);
        field.extend_from_slice(&value);
    }
    if field.len() > LIMIT {
        return refuse(EncodeErrorKind::TooLong { length: field.len(), max: LIMIT });
    }
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_stand_in_the_order_of_the_list() {
        let get = |tag| match tag {
            0x9F26 => Some(vec![0xAA; 8]),
            0x95 => Some(vec![0; 5]),
            0xDF31 => Some(vec![0x21; 128]),
            _ => None,
        };
        let field = build(&[0x95, 0x9F26, 0x9A], &get).unwrap();
        assert_eq!(field, [&[0x95, 5, 0, 0, 0, 0, 0, 0x9F, 0x26, 8][..], &[0xAA; 8]].concat());
        let field = build(&[0xDF31], &get).unwrap();
        assert_eq!(field[..4], [0xDF, 0x31, 0x81, 0x80]);
        assert_eq!(field.len(), 132);
    }

    #[test]
    fn field_55_ends_at_255_bytes() {
        let sized = |size: usize| build(&[0x9F10], &move |_| Some(vec![0; size]));
        assert_eq!(sized(251).unwrap().len(), 255);
        let too_long = |length| EncodeError::new(55, EncodeErrorKind::TooLong { length, max: 255 });
        assert_eq!(sized(252), Err(too_long(256)));
        assert_eq!(sized(256), Err(too_long(256)));
        assert!(build(&[0], &|_| None).is_err());
    }
}
