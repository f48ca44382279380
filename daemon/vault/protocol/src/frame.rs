//! Framing on the stream socket: a little-endian `u32` body length, then the postcard body.

use serde::{Serialize, de::DeserializeOwned};
use zeroize::{Zeroize, Zeroizing};

/// The largest body either side may send, in bytes. A longer length prefix is an error, so that a hostile peer cannot
/// make the other allocate.
pub const MAXIMUM_BODY: usize = 16 * 1024;

/// What can be wrong with bytes on the socket. The connection is closed after any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length prefix is over [`MAXIMUM_BODY`], or the value to send would be.
    #[error("a frame of {0} bytes is longer than {MAXIMUM_BODY}")]
    TooLong(usize),
    /// The body is not a value of the expected type.
    #[error("a frame's body does not decode")]
    Malformed,
}

/// One value as bytes for the socket. The buffer is wiped on drop, as it may carry secrets.
///
/// # Errors
/// [`FrameError::TooLong`] for a value over [`MAXIMUM_BODY`].
pub fn encode<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, FrameError> {
    // Sized first, so that the buffer is never moved and no stale copy is left behind.
    let length = postcard::experimental::serialized_size(value).map_err(|_| FrameError::Malformed)?;
    if length > MAXIMUM_BODY {
        return Err(FrameError::TooLong(length));
    }
    let mut bytes = Zeroizing::new(vec![0; 4 + length]);
    // The cast is exact: `length` is at most MAXIMUM_BODY.
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    postcard::to_slice(value, &mut bytes[4..]).map_err(|_| FrameError::Malformed)?;
    Ok(bytes)
}

/// Collects bytes from the socket and gives values. Its buffer never grows over one largest frame and is wiped.
pub struct Decoder {
    buffer: Zeroizing<Vec<u8>>,
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder { buffer: Zeroizing::new(Vec::with_capacity(2 * (MAXIMUM_BODY + 4))) }
    }
}

impl Decoder {
    /// Takes bytes just read. Call [`Decoder::take`] until it gives `None` before the next push.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole value, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`] when the peer does not keep to the framing; the connection is then of no more use.
    pub fn take<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > MAXIMUM_BODY {
            return Err(FrameError::TooLong(length));
        }
        let Some(body) = self.buffer.get(4..4 + length) else { return Ok(None) };
        let value = postcard::from_bytes(body).map_err(|_| FrameError::Malformed)?;
        let rest = self.buffer.len() - (4 + length);
        self.buffer.copy_within(4 + length.., 0);
        self.buffer[rest..].zeroize();
        self.buffer.truncate(rest);
        Ok(Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Numbered, Request, Secret};
    use proptest::prelude::*;

    #[test]
    fn value_survives_any_segmentation() {
        let bytes =
            encode(&Numbered { id: 7, body: Request::Seal { clear: Secret::new(vec![1; 40]), context: 9 } })
                .unwrap();
        for cut in 0..bytes.len() {
            let mut decoder = Decoder::default();
            decoder.push(&bytes[..cut]);
            assert!(decoder.take::<Numbered<Request>>().unwrap().is_none());
            decoder.push(&bytes[cut..]);
            let back: Numbered<Request> = decoder.take().unwrap().unwrap();
            assert_eq!(back.id, 7);
            assert!(matches!(back.body, Request::Seal { context: 9, .. }));
            assert!(decoder.take::<Numbered<Request>>().unwrap().is_none());
        }
    }

    #[test]
    fn long_prefix_is_refused_before_the_body_comes() {
        let mut decoder = Decoder::default();
        decoder.push(&(MAXIMUM_BODY as u32 + 1).to_le_bytes());
        assert_eq!(decoder.take::<Numbered<Request>>().unwrap_err(), FrameError::TooLong(MAXIMUM_BODY + 1));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut decoder = Decoder::default();
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.take::<Numbered<Request>>() {}
        }
    }
}
