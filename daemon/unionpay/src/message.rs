//! The codec: a message is kept in the very form that goes over the line.
//!
//! One buffer holds message type, bitmap and fields in order; a small table says where each field stands. So an
//! answer is MACed over exactly the bytes that came, encoding costs a copy, and wiping one buffer wipes it all.

use crate::bcd::{Digits, char_to_nibble};
use crate::error::{DecodeError, DecodeErrorKind, EncodeError, EncodeErrorKind};
use crate::field::{Align, Content, FieldSet, FieldTable, Format, Length, bit, bytes_of};
use crate::mti::Mti;
use zeroize::{Zeroize, Zeroizing};

/// Message type and bitmap.
const FIELDS_START: usize = 10;
/// Room for every message of the flow without growing.
const USUAL_SIZE: usize = 512;

/// Where a field stands in the buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Slot {
    /// First byte of the value, after the length prefix.
    start: u16,
    /// Digits or bytes.
    units: u16,
    content: Content,
    prefix: u8,
    /// Whether an odd number of digits starts in the low nibble.
    right: bool,
}

const VACANT: Slot = Slot { start: 0, units: 0, content: Content::Bytes, prefix: 0, right: false };

impl Slot {
    fn value_bytes(self) -> usize {
        bytes_of(self.content, usize::from(self.units))
    }

    fn wire_start(self) -> usize {
        usize::from(self.start) - usize::from(self.prefix)
    }

    fn wire_bytes(self) -> usize {
        self.value_bytes() + usize::from(self.prefix)
    }
}

/// One message: type, bitmap and fields.
///
/// It may hold PAN, tracks, a PIN block or work keys: `Debug` names the fields and their lengths only, and the
/// buffer is wiped when dropped.
#[derive(PartialEq, Eq)]
pub struct Message {
    body: Zeroizing<Vec<u8>>,
    present: u64,
    slots: [Slot; 64],
}

impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Message({}", self.mti())?;
        for field in self.fields().iter() {
            write!(f, " {field}[{}]", self.length(field).unwrap_or(0))?;
        }
        f.write_str(")")
    }
}

impl Message {
    /// A message of type `mti` without fields.
    fn empty(mti: Mti) -> Self {
        let mut body = Zeroizing::new(Vec::with_capacity(USUAL_SIZE));
        body.extend_from_slice(&mti.bytes());
        body.extend_from_slice(&[0; 8]);
        Self { body, present: 0, slots: [VACANT; 64] }
    }

    /// Reads a message from its type to its last field.
    ///
    /// # Errors
    /// The first fault, with the field's number and the offset. Nothing may follow the last field.
    pub fn decode(bytes: &[u8], table: &FieldTable) -> Result<Self, DecodeError> {
        let (message, fault) = Self::decode_as_far_as_possible(bytes, table);
        match fault {
            None => Ok(message),
            Some(fault) => Err(fault),
        }
    }

    /// Reads fields until the first fault, and gives both: for [`crate::describe`], which shows a reader how far a
    /// broken message makes sense. Such a message's bitmap promises fields that it does not have.
    pub(crate) fn decode_as_far_as_possible(bytes: &[u8], table: &FieldTable) -> (Self, Option<DecodeError>) {
        let mut message = Self { body: Zeroizing::new(bytes.to_vec()), present: 0, slots: [VACANT; 64] };
        let fault = message.index(bytes, table).err();
        if bytes.len() < FIELDS_START {
            // Keeps the promise that type and bitmap are always there.
            message.body.resize(FIELDS_START, 0);
        }
        (message, fault)
    }

    fn index(&mut self, bytes: &[u8], table: &FieldTable) -> Result<(), DecodeError> {
        let truncated = |field, offset, needed| DecodeError {
            field,
            offset,
            kind: DecodeErrorKind::Truncated { needed, left: bytes.len().saturating_sub(offset) },
        };
        let Some((mti, rest)) = bytes.split_first_chunk::<2>() else { return Err(truncated(0, 0, 2)) };
        if let Some((at, nibble)) = first_non_digit(mti, 0, 4) {
            return Err(DecodeError { field: 0, offset: at, kind: DecodeErrorKind::NotADigit { nibble } });
        }
        let Some((bitmap, _)) = rest.split_first_chunk::<8>() else { return Err(truncated(1, 2, 8)) };
        // Some hosts set bit 1 although 64 bits are all there is; the message then has no field 1 (a real 0810 of
        // the known-answer tests).
        let mut waiting = u64::from_be_bytes(*bitmap) & !bit(1);
        let mut offset = FIELDS_START;
        let mut field = 1;
        while waiting != 0 {
            // Leading zeros of a number that is not 0 are 0 to 63, so that the sum is 1 to 64.
            field = waiting.leading_zeros() as u8 + 1;
            waiting &= !bit(field);
            let fault = |offset, kind| DecodeError { field, offset, kind };
            let Some(format) = table.format(field) else {
                return Err(fault(offset, DecodeErrorKind::UnknownField));
            };
            let prefix = format.length.prefix_bytes();
            let units = match format.length {
                Length::Fixed => usize::from(format.max),
                Length::Ll | Length::Lll => {
                    let Some(coded) = bytes.get(offset..offset + prefix) else {
                        return Err(truncated(field, offset, prefix));
                    };
                    let mut units = 0;
                    for (index, byte) in coded.iter().enumerate() {
                        for nibble in [byte >> 4, byte & 15] {
                            if nibble > 9 {
                                return Err(fault(offset + index, DecodeErrorKind::NotADigit { nibble }));
                            }
                            units = units * 10 + usize::from(nibble);
                        }
                    }
                    if units > usize::from(format.max) {
                        let kind = DecodeErrorKind::TooLong { length: units, max: usize::from(format.max) };
                        return Err(fault(offset, kind));
                    }
                    units
                }
            };
            let start = offset + prefix;
            let length = format.bytes_of(units);
            let Some(value) = bytes.get(start..start + length) else {
                return Err(truncated(field, start, length));
            };
            check_value(format, units, value).map_err(|(at, kind)| fault(start + at, kind))?;
            if let Some(slot) = self.slots.get_mut(usize::from(field) - 1) {
                *slot = Slot {
                    // At most 63 fields of 1001 bytes: 16 bits are enough.
                    start: start as u16,
                    units: units as u16,
                    content: format.content,
                    prefix: prefix as u8,
                    right: format.align == Align::Right,
                };
                self.present |= bit(field);
            }
            offset = start + length;
        }
        match bytes.len() - offset {
            0 => Ok(()),
            count => Err(DecodeError { field, offset, kind: DecodeErrorKind::TrailingBytes { count } }),
        }
    }

    /// The message from its type to its last field, as it goes behind TPDU and header.
    pub fn encode(&self) -> &[u8] {
        &self.body
    }

    /// The message type.
    pub fn mti(&self) -> Mti {
        let bytes = self.body.first_chunk::<2>().copied().unwrap_or_default();
        Mti::from_bytes(bytes).unwrap_or(Mti::FINANCIAL)
    }

    /// Which fields it has.
    pub fn fields(&self) -> FieldSet {
        FieldSet::from_bits(self.present)
    }

    /// Whether it has `field`.
    #[inline]
    pub fn has(&self, field: u8) -> bool {
        self.present & bit(field) != 0
    }

    #[inline]
    fn slot(&self, field: u8) -> Option<Slot> {
        if !self.has(field) {
            return None;
        }
        self.slots.get(usize::from(field).checked_sub(1)?).copied()
    }

    /// The value of `field` as it stands on the line, without its length prefix; digits are packed.
    pub fn bytes(&self, field: u8) -> Option<&[u8]> {
        let slot = self.slot(field)?;
        let start = usize::from(slot.start);
        self.body.get(start..start + slot.value_bytes())
    }

    /// Length of `field` as the table counts it: digits, nibbles or bytes.
    pub fn length(&self, field: u8) -> Option<usize> {
        Some(usize::from(self.slot(field)?.units))
    }

    /// Offset of the value of `field` from the start of the message type.
    pub fn offset(&self, field: u8) -> Option<usize> {
        Some(usize::from(self.slot(field)?.start))
    }

    /// What `field` carries.
    pub fn content(&self, field: u8) -> Option<Content> {
        Some(self.slot(field)?.content)
    }

    /// The digits (or track nibbles) of `field`; `None` where it is absent or carries something else.
    pub fn digits(&self, field: u8) -> Option<Digits<'_>> {
        let slot = self.slot(field)?;
        if !matches!(slot.content, Content::Digits | Content::Track) {
            return None;
        }
        let units = usize::from(slot.units);
        let first = usize::from(slot.right && units % 2 == 1);
        Digits::new(self.bytes(field)?, first, units)
    }

    /// The digits of `field` as a number.
    pub fn number(&self, field: u8) -> Option<u64> {
        self.digits(field)?.value()
    }

    /// The text of an ASCII field; `None` where it is absent, no text field, or not printable ASCII.
    pub fn text(&self, field: u8) -> Option<&str> {
        let slot = self.slot(field)?;
        if !matches!(slot.content, Content::Text | Content::Bytes) {
            return None;
        }
        let bytes = self.bytes(field)?;
        bytes.iter().all(|byte| is_printable(*byte)).then(|| str::from_utf8(bytes).ok()).flatten()
    }

    /// The MAC of field 64, if it has one.
    pub fn mac(&self) -> Option<[u8; 8]> {
        self.bytes(64)?.first_chunk::<8>().copied()
    }

    /// Puts the MAC that the secure module made into field 64.
    pub fn set_mac(&mut self, mac: [u8; 8]) {
        self.remove(64);
        self.reserve(mac.len());
        let start = self.body.len();
        self.body.extend_from_slice(&mac);
        let slot = Slot { start: start as u16, units: 8, content: Content::Bytes, prefix: 0, right: false };
        self.enter(64, slot);
    }

    /// Room for `more` bytes; where the buffer must move, the old one is wiped.
    fn reserve(&mut self, more: usize) {
        let needed = self.body.len() + more;
        if needed > self.body.capacity() {
            let mut roomier = Vec::with_capacity(needed.max(self.body.capacity() * 2));
            roomier.extend_from_slice(&self.body);
            // Assigning drops, and so wipes, the old buffer.
            self.body = Zeroizing::new(roomier);
        }
    }

    /// Notes `field`, whose bytes have just been put at the end, and moves them to their place.
    fn enter(&mut self, field: u8, mut slot: Slot) {
        let later = self.present & (bit(field) - 1);
        if later != 0 {
            let length = slot.wire_bytes();
            let next = later.leading_zeros() as usize;
            let place = self.slots.get(next).map_or(self.body.len(), |slot| slot.wire_start());
            if let Some(tail) = self.body.get_mut(place..) {
                tail.rotate_right(length);
            }
            for (index, other) in self.slots.iter_mut().enumerate().skip(next) {
                if later & (1 << (63 - index)) != 0 {
                    other.start += length as u16;
                }
            }
            slot.start = (place + usize::from(slot.prefix)) as u16;
        }
        if let Some(entry) = self.slots.get_mut(usize::from(field) - 1) {
            *entry = slot;
            self.present |= bit(field);
        }
        self.write_bitmap();
    }

    /// Takes `field` out and wipes its bytes.
    fn remove(&mut self, field: u8) {
        let Some(slot) = self.slot(field) else { return };
        let (start, length) = (slot.wire_start(), slot.wire_bytes());
        if let Some(tail) = self.body.get_mut(start..) {
            tail.rotate_left(length);
        }
        let end = self.body.len() - length;
        if let Some(tail) = self.body.get_mut(end..) {
            tail.zeroize();
        }
        self.body.truncate(end);
        for (index, other) in self.slots.iter_mut().enumerate().skip(usize::from(field)) {
            if self.present & (1 << (63 - index)) != 0 {
                other.start -= length as u16;
            }
        }
        if let Some(entry) = self.slots.get_mut(usize::from(field) - 1) {
            *entry = VACANT;
        }
        self.present &= !bit(field);
        self.write_bitmap();
    }

    #[inline]
    fn write_bitmap(&mut self) {
        if let Some(bitmap) = self.body.get_mut(2..FIELDS_START) {
            bitmap.copy_from_slice(&self.present.to_be_bytes());
        }
    }
}

/// Puts a message together, field by field, in the formats of one table.
#[derive(Debug)]
pub struct MessageBuilder<'t> {
    table: &'t FieldTable,
    message: Message,
}

impl<'t> MessageBuilder<'t> {
    /// Starts a message of type `mti`.
    pub fn new(table: &'t FieldTable, mti: Mti) -> Self {
        Self { table, message: Message::empty(mti) }
    }

    /// Goes on with a message that already has fields.
    pub fn from_message(table: &'t FieldTable, message: Message) -> Self {
        Self { table, message }
    }

    /// Puts a value into `field`, in any order of fields; an earlier value is replaced and wiped.
    ///
    /// Digit fields take ASCII digits, tracks also `D` or `=` (and A to F where enciphered), text fields ASCII
    /// (short values of fixed fields are filled with blanks on the right), all others raw bytes.
    ///
    /// # Errors
    /// Where the value does not fit the field's format; the message is then as it was.
    pub fn put(&mut self, field: u8, value: impl AsRef<[u8]>) -> Result<&mut Self, EncodeError> {
        let value = value.as_ref();
        let refuse = |kind| Err(EncodeError::new(field, kind));
        let Some(format) = self.table.format(field).copied() else {
            return refuse(EncodeErrorKind::UnknownField);
        };
        let max = usize::from(format.max);
        if value.len() > max {
            return refuse(EncodeErrorKind::TooLong { length: value.len(), max });
        }
        let fixed = format.length == Length::Fixed;
        let filled = fixed && format.content == Content::Text;
        if fixed && !filled && value.len() < max {
            return refuse(EncodeErrorKind::TooShort { length: value.len(), expected: max });
        }
        let unfit = match format.content {
            Content::Digits => value.iter().position(|byte| !byte.is_ascii_digit()),
            Content::Track => value.iter().position(|byte| char_to_nibble(*byte).is_none()),
            Content::Text => value.iter().position(|byte| !is_printable(*byte)),
            Content::Bytes => None,
        };
        if let Some(position) = unfit {
            return refuse(EncodeErrorKind::BadCharacter { position });
        }
        let units = if filled { max } else { value.len() };
        let prefix = format.length.prefix_bytes();

        self.message.remove(field);
        self.message.reserve(prefix + format.bytes_of(units));
        let body = &mut self.message.body;
        if prefix == 2 {
            body.push((units / 100) as u8);
        }
        if prefix > 0 {
            let low = units % 100;
            body.push(((low / 10) << 4 | low % 10) as u8);
        }
        let start = body.len();
        match format.content {
            // The low nibble of a digit is its value.
            Content::Digits => pack(body, value, &format, |digit| digit & 0x0F),
            Content::Track => pack(body, value, &format, |letter| char_to_nibble(letter).unwrap_or(0)),
            Content::Text | Content::Bytes => {
                body.extend_from_slice(value);
                body.resize(start + units, b' ');
            }
        }
        let slot = Slot {
            start: start as u16,
            units: units as u16,
            content: format.content,
            prefix: prefix as u8,
            right: format.align == Align::Right,
        };
        self.message.enter(field, slot);
        Ok(self)
    }

    /// Puts a number into a digit field of fixed length, with zeros on the left.
    ///
    /// # Errors
    /// Where the number has more digits than the field.
    pub fn put_number(&mut self, field: u8, number: u64) -> Result<&mut Self, EncodeError> {
        let width = match self.table.format(field) {
            Some(format) if format.length == Length::Fixed => usize::from(format.max),
            _ => 1,
        };
        let mut text = [b'0'; 20];
        let mut rest = number;
        let mut first = text.len();
        while rest > 0 || text.len() - first < width.min(20) {
            first -= 1;
            // The remainder of a division by ten is below ten.
            text[first] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if first == 0 {
                break;
            }
        }
        let digits = Zeroizing::new(text);
        self.put(field, &digits[first..])
    }

    /// The message as it now stands.
    pub fn finish(self) -> Message {
        self.message
    }
}

/// Packs characters that were checked before.
fn pack(body: &mut Vec<u8>, characters: &[u8], format: &Format, nibble: impl Fn(u8) -> u8) {
    let (head, rest) = if characters.len() % 2 == 1 && format.align == Align::Right {
        characters.split_at(1)
    } else {
        characters.split_at(0)
    };
    if let [single] = head {
        body.push(nibble(*single));
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    body.extend(pairs.iter().map(|[high, low]| nibble(*high) << 4 | nibble(*low)));
    if let [single] = odd {
        body.push(nibble(*single) << 4 | format.pad);
    }
}

fn is_printable(byte: u8) -> bool {
    (0x20..=0x7E).contains(&byte)
}

/// Byte offset and value of the first nibble above 9 among `count` nibbles from nibble `first` on.
fn first_non_digit(packed: &[u8], first: usize, count: usize) -> Option<(usize, u8)> {
    let digits = Digits::new(packed, first, count)?;
    let index = digits.iter().position(|nibble| nibble > 9)?;
    Some(((first + index) / 2, digits.get(index)?))
}

/// Checks the characters of a value; the error's offset counts from the value's first byte.
#[inline]
fn check_value(format: &Format, units: usize, value: &[u8]) -> Result<(), (usize, DecodeErrorKind)> {
    match format.content {
        Content::Digits => {
            let odd = units % 2 == 1;
            // Whole bytes of two good digits are the rule; only where one is not is it looked at closer.
            if !odd && value.iter().all(|byte| *byte <= 0x99 && byte & 15 <= 9) {
                return Ok(());
            }
            let right = odd && format.align == Align::Right;
            if odd {
                let (at, pad) = if right {
                    (0, value.first().map_or(0, |byte| byte >> 4))
                } else {
                    (value.len() - 1, value.last().map_or(0, |byte| byte & 15))
                };
                if pad != 0 && (right || pad != 0x0F) {
                    return Err((at, DecodeErrorKind::BadPadding { nibble: pad }));
                }
            }
            match first_non_digit(value, usize::from(right), units) {
                None => Ok(()),
                Some((at, nibble)) => Err((at, DecodeErrorKind::NotADigit { nibble })),
            }
        }
        Content::Text => match value.iter().position(|byte| !is_printable(*byte)) {
            None => Ok(()),
            Some(at) => Err((at, DecodeErrorKind::NotText { byte: value.get(at).copied().unwrap_or(0) })),
        },
        Content::Track | Content::Bytes => Ok(()),
    }
}
