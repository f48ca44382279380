//! The frame and its fields (reference 2.1 and 2.2), read and written in this crate's own way.

use std::collections::BTreeMap;
use std::fmt;

/// Bytes before the MTI: TPDU 5, header 6.
pub const ENVELOPE: usize = 11;

/// How a field stands on the wire. Numbers count digits or characters.
#[derive(Clone, Copy)]
enum Format {
    /// BCD, fixed; an odd count has its pad nibble at the right.
    Digits(usize),
    /// BCD, fixed, odd count, pad nibble at the left (field 23).
    DigitsRight(usize),
    /// BCD after a 1-byte length.
    DigitsLl(usize),
    /// BCD after a 2-byte length.
    DigitsLll(usize),
    /// Track data after a 1-byte length: BCD, `=` is nibble D, pad 0 or F.
    TrackLl(usize),
    /// Track data after a 2-byte length.
    TrackLll(usize),
    /// Bytes, fixed.
    Bytes(usize),
    /// Bytes after a 1-byte length.
    BytesLl(usize),
    /// Bytes after a 2-byte length.
    BytesLll(usize),
}

fn format(field: u8) -> Option<Format> {
    use Format::{Bytes, BytesLl, BytesLll, Digits, DigitsLl, DigitsLll, DigitsRight, TrackLl, TrackLll};
    Some(match field {
        2 => DigitsLl(19),
        3 | 11 | 12 => Digits(6),
        4 => Digits(12),
        13..=15 => Digits(4),
        22 => Digits(3),
        23 => DigitsRight(3),
        25 | 26 => Digits(2),
        32 => DigitsLl(11),
        35 => TrackLl(37),
        36 => TrackLll(104),
        37 => Bytes(12),
        38 => Bytes(6),
        39 => Bytes(2),
        41 => Bytes(8),
        42 => Bytes(15),
        44 => BytesLl(25),
        48 => DigitsLll(322),
        49 => Bytes(3),
        52 | 64 => Bytes(8),
        53 => Digits(16),
        54 => BytesLll(40),
        55 => BytesLll(255),
        57 | 59 | 62 => BytesLll(999),
        58 => BytesLll(100),
        // A real message of the reference carries 19 digits.
        60 => DigitsLll(19),
        61 => DigitsLll(29),
        63 => BytesLll(163),
        _ => return None,
    })
}

/// A decoded message. Field values: digits and track data as ASCII characters, everything else as bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// TPDU: 60, destination, source.
    pub tpdu: [u8; 5],
    /// Header, 12 nibbles; the sixth is the processing requirement.
    pub header: [u8; 6],
    /// Message type, four digits.
    pub mti: String,
    /// The fields by number.
    pub fields: BTreeMap<u8, Vec<u8>>,
}

/// Why a frame is no message.
pub struct DecodeError {
    /// Field number; 0 for what comes before the fields or after them.
    pub field: u8,
    /// Offset in the frame at which that field begins.
    pub offset: usize,
    /// What is wrong.
    pub what: &'static str,
    /// The fields before it, if the message type was readable.
    pub partial: Option<Box<Message>>,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field {} at offset {}: {}", self.field, self.offset, self.what)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

type Fault = &'static str;

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
    /// Bytes of field 52.
    pin_block: usize,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], Fault> {
        let end = self.at.checked_add(count).ok_or("too long")?;
        let taken = self.data.get(self.at..end).ok_or("cut short")?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.try_into().map_err(|_| "cut short")
    }

    fn length(&mut self, bytes: usize, limit: usize) -> Result<usize, Fault> {
        let mut length = 0;
        for byte in self.take(bytes)? {
            let (high, low) = (byte >> 4, byte & 15);
            if high > 9 || low > 9 {
                return Err("length is not decimal");
            }
            length = length * 100 + usize::from(high * 10 + low);
        }
        if length > limit { Err("longer than the field may be") } else { Ok(length) }
    }

    /// `count` nibbles as characters, and the pad nibble of an odd count.
    fn nibbles(&mut self, count: usize, pad_left: bool) -> Result<(Vec<u8>, Option<u8>), Fault> {
        let mut nibbles: Vec<u8> =
            self.take(count.div_ceil(2))?.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect();
        let pad = if count.is_multiple_of(2) {
            None
        } else if pad_left {
            Some(nibbles.remove(0))
        } else {
            nibbles.pop()
        };
        Ok((nibbles, pad))
    }

    fn digits(&mut self, count: usize, pad_left: bool) -> Result<Vec<u8>, Fault> {
        let (nibbles, pad) = self.nibbles(count, pad_left)?;
        if pad.is_some_and(|pad| pad != 0) {
            return Err("pad nibble is not 0");
        }
        if nibbles.iter().any(|nibble| *nibble > 9) {
            return Err("not decimal");
        }
        Ok(nibbles.into_iter().map(|nibble| b'0' + nibble).collect())
    }

    fn track(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        let (nibbles, pad) = self.nibbles(count, false)?;
        if pad.is_some_and(|pad| pad != 0 && pad != 15) {
            return Err("pad nibble is neither 0 nor F");
        }
        nibbles
            .into_iter()
            .map(|nibble| match nibble {
                0..=9 => Ok(b'0' + nibble),
                13 => Ok(b'='),
                _ => Err("not a track character"),
            })
            .collect()
    }

    fn field(&mut self, field: u8) -> Result<Vec<u8>, Fault> {
        match format(field).ok_or("not a field of this dialect")? {
            Format::Bytes(_) if field == 52 => self.take(self.pin_block).map(<[u8]>::to_vec),
            Format::Digits(count) => self.digits(count, false),
            Format::DigitsRight(count) => self.digits(count, true),
            Format::DigitsLl(limit) => self.length(1, limit).and_then(|count| self.digits(count, false)),
            Format::DigitsLll(limit) => self.length(2, limit).and_then(|count| self.digits(count, false)),
            Format::TrackLl(limit) => self.length(1, limit).and_then(|count| self.track(count)),
            Format::TrackLll(limit) => self.length(2, limit).and_then(|count| self.track(count)),
            Format::Bytes(count) => self.take(count).map(<[u8]>::to_vec),
            Format::BytesLl(limit) => {
                self.length(1, limit).and_then(|count| self.take(count).map(<[u8]>::to_vec))
            }
            Format::BytesLll(limit) => {
                self.length(2, limit).and_then(|count| self.take(count).map(<[u8]>::to_vec))
            }
        }
    }
}

impl Message {
    /// Reads a frame (without its 2-byte length prefix) whose field 52, if any, has 8 bytes.
    ///
    /// # Errors
    /// The field and offset at which it stops being a message.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        Self::decode_with(frame, 8)
    }

    /// The same with a field 52 of `pin_block` bytes.
    ///
    /// # Errors
    /// As [`Message::decode`].
    pub fn decode_with(frame: &[u8], pin_block: usize) -> Result<Self, DecodeError> {
        let mut reader = Reader { data: frame, at: 0, pin_block };
        let mut start = || -> Result<Self, Fault> {
            let tpdu = reader.array()?;
            let header = reader.array()?;
            let mti = String::from_utf8(reader.digits(4, false)?).map_err(|_| "message type")?;
            Ok(Self { tpdu, header, mti, fields: BTreeMap::new() })
        };
        let mut message = start().map_err(|what| DecodeError { field: 0, offset: 0, what, partial: None })?;
        let offset = reader.at;
        let bitmap = match reader.array() {
            Ok(bytes) => u64::from_be_bytes(bytes),
            Err(what) => {
                return Err(DecodeError { field: 0, offset, what, partial: Some(Box::new(message)) });
            }
        };
        for field in 1..=64u8 {
            if bitmap >> (64 - field) & 1 == 0 {
                continue;
            }
            let offset = reader.at;
            match reader.field(field) {
                Ok(value) => {
                    message.fields.insert(field, value);
                }
                Err(what) => {
                    return Err(DecodeError { field, offset, what, partial: Some(Box::new(message)) });
                }
            }
        }
        if reader.at < frame.len() {
            let (offset, what) = (reader.at, "bytes after the last field");
            return Err(DecodeError { field: 0, offset, what, partial: Some(Box::new(message)) });
        }
        Ok(message)
    }

    /// Writes the frame as it stands, field 64 included if set.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(self.tpdu);
        out.extend(self.header);
        push_nibbles(&mut out, self.mti.as_bytes());
        let bitmap = self.fields.keys().fold(0u64, |map, field| map | 1 << (64 - *field));
        out.extend(bitmap.to_be_bytes());
        for (field, value) in &self.fields {
            push_field(&mut out, *field, value);
        }
        out
    }

    /// Sets field 64 to what `mac` makes of the bytes from the MTI to the field before it.
    pub fn sign(&mut self, mac: impl Fn(&[u8]) -> [u8; 8]) {
        self.fields.insert(64, vec![0; 8]);
        let frame = self.encode();
        let value = mac(&frame[ENVELOPE..frame.len() - 8]);
        self.fields.insert(64, value.to_vec());
    }

    /// A field's bytes, or its digits as ASCII.
    pub fn field(&self, field: u8) -> Option<&[u8]> {
        self.fields.get(&field).map(Vec::as_slice)
    }

    /// A field as text; `None` also when it is not ASCII.
    pub fn text(&self, field: u8) -> Option<&str> {
        self.field(field).and_then(|value| std::str::from_utf8(value).ok()).filter(|text| text.is_ascii())
    }

    /// A numeric field as a number.
    pub fn number(&self, field: u8) -> Option<u64> {
        self.text(field)?.parse().ok()
    }

    /// Digits `from..to` of field 60 or 61 as a number.
    pub fn part(&self, field: u8, from: usize, to: usize) -> Option<u32> {
        self.text(field)?.get(from..to)?.parse().ok()
    }

    /// Sets a field from text.
    pub fn set(&mut self, field: u8, value: impl Into<Vec<u8>>) {
        self.fields.insert(field, value.into());
    }
}

fn nibble(character: u8) -> u8 {
    if character == b'=' { 13 } else { character & 15 }
}

fn push_nibbles(out: &mut Vec<u8>, characters: &[u8]) {
    for pair in characters.chunks(2) {
        let low = pair.get(1).map_or(0, |character| nibble(*character));
        out.push(nibble(pair[0]) << 4 | low);
    }
}

fn push_length(out: &mut Vec<u8>, bytes: usize, length: usize) {
    let digits = format!("{length:0width$}", width = bytes * 2);
    push_nibbles(out, digits.as_bytes());
}

fn push_field(out: &mut Vec<u8>, field: u8, value: &[u8]) {
    match format(field) {
        Some(Format::Digits(_)) => push_nibbles(out, value),
        Some(Format::DigitsRight(_)) => {
            let mut padded = vec![b'0'];
            padded.extend(value);
            push_nibbles(out, &padded);
        }
        Some(Format::DigitsLl(_) | Format::TrackLl(_)) => {
            push_length(out, 1, value.len());
            push_nibbles(out, value);
        }
        Some(Format::DigitsLll(_) | Format::TrackLll(_)) => {
            push_length(out, 2, value.len());
            push_nibbles(out, value);
        }
        Some(Format::BytesLl(_)) => {
            push_length(out, 1, value.len());
            out.extend(value);
        }
        Some(Format::BytesLll(_)) => {
            push_length(out, 2, value.len());
            out.extend(value);
        }
        Some(Format::Bytes(_)) | None => out.extend(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::{Key, field64};
    use crate::settings::{MacAlgorithm, hex, key, unhex};

    /// Decodes a reference message, length prefix and all, and checks that it encodes to the same bytes.
    fn known(text: &str) -> Message {
        let bytes = unhex(text).unwrap();
        let (prefix, frame) = bytes.split_at(2);
        assert_eq!(usize::from(prefix[0]) << 8 | usize::from(prefix[1]), frame.len());
        let message = Message::decode(frame).unwrap();
        assert_eq!(hex(&message.encode()), hex(frame));
        message
    }

    const SALE: &str = "007f6000030000603210320072020030200480 00c08015000000000000001234 000002030099 3030303030303031 393532373138313832323137383735 313536 001926000001000600000000 00435f01123238343431323334353637383930313233345f03063136303033365f04063230303832365c023031 4233413039324145";

    #[test]
    fn sign_in_request() {
        let message = known(
            "003C600401000060310031000108000020000000C00012000029363239363930303233303133313030343839393030303100110000013200300003303031",
        );
        assert_eq!(message.mti, "0800");
        assert_eq!(message.text(11), Some("000029"));
        assert_eq!(message.text(41), Some("62969002"));
        assert_eq!(message.text(42), Some("301310048990001"));
        assert_eq!(message.text(60), Some("00000132003"));
        assert_eq!(message.text(63), Some("001"));
    }

    #[test]
    fn sign_in_answer() {
        let message = known(
            "0079600000000260310031110E0810003800010AC0001400002121464803110800155800323134363438353933343031303035313433353739303432353434313935343131303133350011000000060030004081703A74A7F8DBD31ADE741A23E7654F522C41264EEEE335695F8ABD0000000000000000A51E8ADF",
        );
        assert_eq!(message.text(32), Some("00155800"));
        assert_eq!(message.text(60), Some("00000006003"));
        assert_eq!(message.field(62).unwrap().len(), 40);
        assert_eq!(message.header[2], 0);
    }

    #[test]
    fn sale_with_mac_2() {
        let message = known(SALE);
        assert_eq!(message.number(4), Some(1234));
        assert_eq!(message.text(11), Some("000002"));
        assert_eq!(message.text(22), Some("030"));
        assert_eq!(message.text(25), Some("99"));
        assert_eq!(message.text(42), Some("952718182217875"));
        assert_eq!(message.text(60), Some("2600000100060000000"));
        assert_eq!(message.field(64), Some(b"B3A092AE".as_slice()));
        let mak = Key::Double(key("MAK", "0723C80DB5F4CD3D0723C80DB5F4CD3D").unwrap());
        let mut again = message.clone();
        again.fields.remove(&64);
        again.sign(|input| field64(MacAlgorithm::Ecb, &mak, input));
        assert!(again == message);
    }

    #[test]
    fn batch_end_sign_out_and_lists() {
        let end = known(
            "004e60000000026031003100300330003800000ac10010000446160804090831353039303838333630393830303030303031313432313233343536373839303132333435000400000011000000062070",
        );
        assert_eq!((end.text(48), end.text(60)), (Some("0000"), Some("00000006207")));
        let out = known(
            "004a60000000026031003100300830003800000ac000100004471608130908313530393038383336303939303030303030313134323132333435363738393031323334350011000000070020",
        );
        assert_eq!(out.text(60), Some("00000007002"));
        let list = known(
            "00BD60000000026031003100300830001800000AC0001414431009093135303930393833363435333030303030303131343031323334353637383930313233343500110000000137200116319F0605A0000000039F220109DF050832303136313233319F0605A0000000049F220106DF050832303136313233319F0605A0000000659F220114DF050832303136313233319F0605A0000003339F22010BDF050832303136313233319F0605A0000003339F220108DF05083230323031323331",
        );
        assert_eq!(list.field(62).unwrap().len(), 116);
        let item = known(
            "00B960000000026031003100300810001800000AC0001414431609093135303930393833363436323030303030303131343031323334353637383930313233343500110000000138000112319F0607A0000000031010DF0101009F08020140DF1105D84000A800DF1205D84004F800DF130500100000009F1B0400000000DF150400000000DF160199DF170199DF14039F3704DF1801019F7B06000000010000DF1906000000000001DF2006000000010000DF2106000000010000",
        );
        assert_eq!(item.field(62).unwrap().len(), 112);
    }

    #[test]
    fn padding_of_odd_digit_counts() {
        let mut message =
            Message { tpdu: [0; 5], header: [0; 6], mti: "0200".into(), fields: BTreeMap::new() };
        message.set(22, "021");
        message.set(23, "001");
        message.set(2, "6212345678901234567");
        message.set(35, "621234567890123=3012101");
        let text = hex(&message.encode());
        assert!(text.ends_with("19621234567890123456700210000123621234567890123D30121010"), "{text}");
        assert!(Message::decode(&message.encode()).is_ok_and(|back| back == message));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_an_error_or_a_message() {
        let frame = unhex(SALE).unwrap()[2..].to_vec();
        for end in 0..frame.len() {
            assert!(Message::decode(&frame[..end]).is_err());
        }
        for place in 0..frame.len() {
            for value in [0, 0x0F, 0x7F, 0x80, 0xFF] {
                let mut changed = frame.clone();
                changed[place] = value;
                if let Ok(message) = Message::decode(&changed) {
                    assert_eq!(hex(&message.encode()), hex(&changed));
                }
            }
        }
        let mut longer = frame;
        longer.push(0);
        let error = Message::decode(&longer).err().unwrap();
        assert_eq!((error.field, error.offset), (0, 127));
    }

    #[test]
    fn errors_name_field_and_offset() {
        let mut frame = unhex(SALE).unwrap()[2..].to_vec();
        frame[21] = 0xA0;
        let error = Message::decode(&frame).err().unwrap();
        assert_eq!((error.field, error.offset, error.what), (3, 21, "not decimal"));
        assert_eq!(error.partial.unwrap().mti, "0200");
    }
}
