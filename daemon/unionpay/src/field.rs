//! The table of fields: number, names, format. The one place that knows how a field looks on the line.

/// What a field carries, and so what its length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Packed decimal digits (n); the length counts digits.
    Digits,
    /// Packed nibbles of a track (z), `=` as D, or any nibble where the track is enciphered; the length counts
    /// nibbles.
    Track,
    /// Printable ASCII (an, ans); the length counts bytes.
    Text,
    /// Any bytes (b, and texts that may be GBK); the length counts bytes.
    Bytes,
}

/// How the length of a field is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Always `max` long; no prefix.
    Fixed,
    /// One packed byte of length before it (LLVAR).
    Ll,
    /// Two packed bytes of length before it (LLLVAR).
    Lll,
}

impl Length {
    /// Bytes of the length prefix.
    pub const fn prefix_bytes(self) -> usize {
        match self {
            Self::Fixed => 0,
            Self::Ll => 1,
            Self::Lll => 2,
        }
    }
}

/// On which side an odd number of digits is filled up to whole bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Digits first, the unused nibble last: 021 is `02 10`.
    Left,
    /// The unused nibble (0) first: 001 is `00 01`.
    Right,
}

/// How a field looks on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// What it carries.
    pub content: Content,
    /// How its length is told.
    pub length: Length,
    /// Largest length (the only one where it is fixed), in digits or bytes.
    pub max: u16,
    /// Where the digits of an odd number stand.
    pub align: Align,
    /// The nibble that fills up a left-aligned odd number, 0 or 15.
    pub pad: u8,
}

impl Format {
    const fn new(content: Content, length: Length, max: u16) -> Self {
        Self { content, length, max, align: Align::Left, pad: 0 }
    }

    /// Bytes that `units` digits or bytes take.
    pub const fn bytes_of(&self, units: usize) -> usize {
        bytes_of(self.content, units)
    }
}

pub(crate) const fn bytes_of(content: Content, units: usize) -> usize {
    match content {
        Content::Digits | Content::Track => units.div_ceil(2),
        Content::Text | Content::Bytes => units,
    }
}

/// The formats of all fields. [`FieldTable::standard`] is UnionPay's; [`crate::Profile::table`] an acquirer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldTable {
    formats: [Option<Format>; 65],
}

impl FieldTable {
    /// UnionPay's table (Q/CUP 009 family).
    pub const fn standard() -> Self {
        Self { formats: STANDARD }
    }

    /// The format of field `number`; `None` where the dialect has no such field.
    #[inline]
    pub fn format(&self, number: u8) -> Option<&Format> {
        self.formats.get(usize::from(number))?.as_ref()
    }

    /// The standard table with another maximum of field 60, another nibble to fill up tracks, and another length of field
    /// 52.
    pub(crate) fn with(field60_maximum: u16, track_pad: u8, pin_block_bytes: u16) -> Self {
        let mut table = Self::standard();
        for (number, max) in [(60, field60_maximum), (52, pin_block_bytes)] {
            if let Some(Some(format)) = table.formats.get_mut(number) {
                format.max = max;
            }
        }
        for number in [35, 36] {
            if let Some(Some(format)) = table.formats.get_mut(number) {
                format.pad = track_pad & 0x0F;
            }
        }
        table
    }
}

impl Default for FieldTable {
    fn default() -> Self {
        Self::standard()
    }
}

const STANDARD: [Option<Format>; 65] = {
    use Content::{Bytes, Digits, Text, Track};
    use Length::{Fixed, Ll, Lll};
    let mut table = [None; 65];
    table[2] = Some(Format::new(Digits, Ll, 19));
    table[3] = Some(Format::new(Digits, Fixed, 6));
    table[4] = Some(Format::new(Digits, Fixed, 12));
    table[11] = Some(Format::new(Digits, Fixed, 6));
    table[12] = Some(Format::new(Digits, Fixed, 6));
    table[13] = Some(Format::new(Digits, Fixed, 4));
    table[14] = Some(Format::new(Digits, Fixed, 4));
    table[15] = Some(Format::new(Digits, Fixed, 4));
    table[22] = Some(Format::new(Digits, Fixed, 3));
    let mut sequence = Format::new(Digits, Fixed, 3);
    sequence.align = Align::Right;
    table[23] = Some(sequence);
    table[25] = Some(Format::new(Digits, Fixed, 2));
    table[26] = Some(Format::new(Digits, Fixed, 2));
    table[32] = Some(Format::new(Digits, Ll, 11));
    table[35] = Some(Format::new(Track, Ll, 37));
    table[36] = Some(Format::new(Track, Lll, 104));
    table[37] = Some(Format::new(Text, Fixed, 12));
    table[38] = Some(Format::new(Text, Fixed, 6));
    table[39] = Some(Format::new(Text, Fixed, 2));
    table[41] = Some(Format::new(Text, Fixed, 8));
    table[42] = Some(Format::new(Text, Fixed, 15));
    // 44, 54, 57, 59 and 63 come from issuers and centres: a stray byte in a text must not turn an approval
    // into an unreadable message, so that their character set is judged where they are taken apart.
    table[44] = Some(Format::new(Bytes, Ll, 25));
    table[48] = Some(Format::new(Digits, Lll, 322));
    table[49] = Some(Format::new(Text, Fixed, 3));
    table[52] = Some(Format::new(Bytes, Fixed, 8));
    table[53] = Some(Format::new(Digits, Fixed, 16));
    table[54] = Some(Format::new(Bytes, Lll, 40));
    table[55] = Some(Format::new(Bytes, Lll, 255));
    table[57] = Some(Format::new(Bytes, Lll, 999));
    table[58] = Some(Format::new(Bytes, Lll, 100));
    table[59] = Some(Format::new(Bytes, Lll, 999));
    // The text of the standard says n..17; a real message carries 19 digits, and refusing one would turn a good
    // answer into a reversal.
    table[60] = Some(Format::new(Digits, Lll, 19));
    table[61] = Some(Format::new(Digits, Lll, 29));
    table[62] = Some(Format::new(Bytes, Lll, 999));
    table[63] = Some(Format::new(Bytes, Lll, 163));
    table[64] = Some(Format::new(Bytes, Fixed, 8));
    table
};

/// The Chinese and English name of a field; 0 is the message type, 1 the bitmap.
pub fn name_of(number: u8) -> (&'static str, &'static str) {
    match number {
        0 => ("消息类型", "message type"),
        1 => ("位图", "bitmap"),
        2 => ("主账号", "primary account number"),
        3 => ("交易处理码", "processing code"),
        4 => ("交易金额", "amount"),
        11 => ("受卡方系统跟踪号", "trace number"),
        12 => ("受卡方所在地时间", "local time"),
        13 => ("受卡方所在地日期", "local date"),
        14 => ("卡有效期", "card expiry"),
        15 => ("清算日期", "settlement date"),
        22 => ("服务点输入方式码", "entry mode"),
        23 => ("卡序列号", "card sequence number"),
        25 => ("服务点条件码", "condition code"),
        26 => ("服务点PIN获取码", "PIN capture code"),
        32 => ("受理方标识码", "acquirer identification"),
        35 => ("2磁道数据", "track 2"),
        36 => ("3磁道数据", "track 3"),
        37 => ("检索参考号", "retrieval reference number"),
        38 => ("授权标识应答码", "authorisation code"),
        39 => ("应答码", "response code"),
        41 => ("受卡机终端标识码", "terminal number"),
        42 => ("受卡方标识码", "merchant number"),
        44 => ("附加响应数据", "additional response data"),
        48 => ("附加数据-私有", "additional private data"),
        49 => ("交易货币代码", "currency"),
        52 => ("个人标识码数据", "PIN block"),
        53 => ("安全控制信息", "security control"),
        54 => ("余额", "balance"),
        55 => ("IC卡数据域", "chip data"),
        57 => ("自定义域57", "private field 57"),
        58 => ("PBOC电子钱包标准的交易信息", "electronic purse data"),
        59 => ("自定义域59", "private field 59"),
        60 => ("自定义域", "message kind and batch"),
        61 => ("原始信息域", "original transaction"),
        62 => ("终端密钥及参数", "keys and parameters"),
        63 => ("自定义域63", "operator and texts"),
        64 => ("报文鉴别码", "message authentication code"),
        _ => ("私有域", "private field"),
    }
}

/// A set of field numbers 2 to 64: a bitmap on the line.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct FieldSet(u64);

impl FieldSet {
    /// No field.
    pub const EMPTY: Self = Self(0);

    /// The set of `numbers`; those outside 2 to 64 are left out.
    pub const fn of(numbers: &[u8]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < numbers.len() {
            bits |= bit(numbers[index]);
            index += 1;
        }
        Self(bits)
    }

    /// The set of an ISO bitmap read as a big-endian number.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The ISO bitmap, to be written big-endian.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether `number` is in it.
    #[inline]
    pub const fn contains(self, number: u8) -> bool {
        self.0 & bit(number) != 0
    }

    /// The numbers, rising.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (1..=64).filter(move |number| self.contains(*number))
    }
}

/// The bit of a field; 0 for numbers that have none.
#[inline]
pub(crate) const fn bit(number: u8) -> u64 {
    if number >= 1 && number <= 64 { 1 << (64 - number) } else { 0 }
}

impl core::fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_table_has_a_name() {
        let table = FieldTable::standard();
        for number in 2..=64 {
            let named = name_of(number).1 != "private field";
            assert_eq!(table.format(number).is_some(), named, "field {number}");
        }
    }

    #[test]
    fn sets_map_to_bitmaps() {
        let set = FieldSet::of(&[2, 64, 11]);
        assert_eq!(set.bits(), 0x4020_0000_0000_0001);
        assert_eq!(set.iter().collect::<Vec<_>>(), [2, 11, 64]);
    }
}
