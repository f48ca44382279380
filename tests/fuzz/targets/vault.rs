//! The socket between daemon and secure module: whatever comes in whatever pieces is taken apart or refused, and what
//! was taken goes over the line again as it came.
//!
//! The input: 0 requests or 1 what the vault says; the size of the pieces; then the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_fuzz::Source;
use posd_vault_protocol::{Decoder, FrameError, FromVault, MAXIMUM_BODY, Numbered, Request, encode};

/// Bytes of each value as they are written again, and how it ended.
fn read<T>(bytes: &[u8], piece: usize, write: &dyn Fn(&T) -> Vec<u8>) -> (Vec<Vec<u8>>, Option<FrameError>)
where
    Decoder: Take<T>,
{
    let mut decoder = Decoder::default();
    let mut values = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        decoder.push(piece);
        loop {
            match decoder.value() {
                Ok(Some(value)) => values.push(write(&value)),
                Ok(None) => break,
                Err(error) => return (values, Some(error)),
            }
        }
    }
    (values, None)
}

/// [`Decoder::take`] of one type.
trait Take<T> {
    fn value(&mut self) -> Result<Option<T>, FrameError>;
}

impl Take<Numbered<Request>> for Decoder {
    fn value(&mut self) -> Result<Option<Numbered<Request>>, FrameError> {
        self.take()
    }
}

impl Take<FromVault> for Decoder {
    fn value(&mut self) -> Result<Option<FromVault>, FrameError> {
        self.take()
    }
}

fn check<T>(bytes: &[u8], piece: usize, write: &dyn Fn(&T) -> Vec<u8>)
where
    Decoder: Take<T>,
{
    let (values, end) = read(bytes, bytes.len(), write);
    assert_eq!(read(bytes, piece, write), (values.clone(), end), "pieces make no difference");
    if let Some(FrameError::TooLong(length)) = end {
        assert!(length > MAXIMUM_BODY);
    }
    let written = values.concat();
    let (again, end) = read(&written, written.len(), write);
    assert_eq!((again, end), (values, None), "what was written is read as it was");
}

fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let (kind, piece) = (source.byte(), usize::from(source.byte()));
    let bytes = source.rest();
    match kind {
        0 => check::<Numbered<Request>>(bytes, piece, &|value| {
            encode(value).expect("it was no longer").to_vec()
        }),
        _ => check::<FromVault>(bytes, piece, &|value| encode(value).expect("it was no longer").to_vec()),
    }
});
