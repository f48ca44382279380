//! The language of the inputs.

/// Takes an input apart, from its first byte to its last. A source that is used up gives zeros and nothing.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    rest: &'a [u8],
}

impl<'a> Source<'a> {
    /// A source of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left, all of it.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number of four bytes.
    pub fn number(&mut self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A block: its length in one byte, or FF and its length in two, then the bytes; cut where the input ends.
    pub fn block(&mut self) -> &'a [u8] {
        let length = match self.byte() {
            0xFF => usize::from(self.byte()) << 8 | usize::from(self.byte()),
            short => usize::from(short),
        };
        self.take(length)
    }

    /// Appends a block as [`Source::block`] reads it. Of more than 65535 bytes the first ones.
    pub fn push_block(input: &mut Vec<u8>, block: &[u8]) {
        let length = block.len().min(0xFFFF);
        if length < 0xFF {
            input.push(length as u8);
        } else {
            input.extend([0xFF, (length >> 8) as u8, length as u8]);
        }
        input.extend_from_slice(&block[..length]);
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_they_are_written() {
        let mut input = vec![7];
        for length in [0, 1, 254, 255, 256, 1000] {
            Source::push_block(&mut input, &vec![9; length]);
        }
        input.extend([4, 1]);
        let mut source = Source::new(&input);
        assert_eq!(source.byte(), 7);
        for length in [0, 1, 254, 255, 256, 1000] {
            assert_eq!(source.block(), vec![9; length]);
        }
        assert_eq!(source.block(), [1], "the input ends in it");
        assert!(source.is_empty());
        assert_eq!((source.byte(), source.block()), (0, &[][..]));
    }
}
