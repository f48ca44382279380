//! The frame around a message: length, TPDU (5 bytes), header (6 bytes).

use crate::bcd::{hex, unhex};
use crate::message::Message;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of TPDU and header.
pub const ENVELOPE_BYTES: usize = 11;

/// Transport address: 60, destination (2 bytes), source (2 bytes). The host swaps the two in its answers.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tpdu(pub [u8; 5]);

impl Tpdu {
    /// Destination address.
    pub fn destination(self) -> [u8; 2] {
        [self.0[1], self.0[2]]
    }

    /// Source address.
    pub fn source(self) -> [u8; 2] {
        [self.0[3], self.0[4]]
    }

    /// The address of an answer: destination and source swapped.
    #[must_use]
    pub fn swapped(self) -> Self {
        let [id, a, b, c, d] = self.0;
        Self([id, c, d, a, b])
    }
}

/// Twelve nibbles that tell host and terminal about each other.
///
/// Application class n2 (60 magnetic stripe, 61 chip), software version n2, terminal status n1, processing
/// requirement n1, software sub-version n6 (real ones carry letters too).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Header(pub [u8; 6]);

impl Header {
    /// Application class, two nibbles (0x60 magnetic-stripe payment, 0x61 chip payment).
    pub fn application_class(self) -> u8 {
        self.0[0]
    }

    /// Software version, two nibbles.
    pub fn software_version(self) -> u8 {
        self.0[1]
    }

    /// Terminal status: 0 normal, 1 test.
    pub fn terminal_status(self) -> u8 {
        self.0[2] >> 4
    }

    /// What the host asks the terminal to do; meaningful in answers.
    pub fn requirement(self) -> HeaderRequirement {
        HeaderRequirement::from_nibble(self.0[2] & 15)
    }

    /// Software sub-version, six nibbles.
    pub fn sub_version(self) -> [u8; 3] {
        [self.0[3], self.0[4], self.0[5]]
    }
}

/// What the host asks for in the header of an answer (处理要求).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderRequirement {
    /// 0: nothing.
    None,
    /// 1: download terminal parameters (60.3 = 360).
    DownloadParameters,
    /// 2: upload terminal parameters or status (362).
    UploadStatus,
    /// 3: sign in again.
    SignIn,
    /// 4: update the CA public keys (372, 370, 371).
    UpdateCaKeys,
    /// 5: download chip parameters (382, 380, 381).
    DownloadChipParameters,
    /// 6: fetch a program from the terminal management system.
    DownloadProgram,
    /// 7: download the blacklist (390).
    DownloadBlacklist,
    /// 8: download currency rates.
    DownloadRates,
    /// 9: download contactless parameters (394).
    DownloadContactlessParameters,
    /// Any other nibble, 10 to 15.
    Other(u8),
}

impl HeaderRequirement {
    /// The requirement of a nibble; only the low four bits count.
    pub fn from_nibble(nibble: u8) -> Self {
        match nibble & 15 {
            0 => Self::None,
            1 => Self::DownloadParameters,
            2 => Self::UploadStatus,
            3 => Self::SignIn,
            4 => Self::UpdateCaKeys,
            5 => Self::DownloadChipParameters,
            6 => Self::DownloadProgram,
            7 => Self::DownloadBlacklist,
            8 => Self::DownloadRates,
            9 => Self::DownloadContactlessParameters,
            other => Self::Other(other),
        }
    }

    /// The nibble of the requirement.
    pub fn nibble(self) -> u8 {
        match self {
            Self::None => 0,
            Self::DownloadParameters => 1,
            Self::UploadStatus => 2,
            Self::SignIn => 3,
            Self::UpdateCaKeys => 4,
            Self::DownloadChipParameters => 5,
            Self::DownloadProgram => 6,
            Self::DownloadBlacklist => 7,
            Self::DownloadRates => 8,
            Self::DownloadContactlessParameters => 9,
            Self::Other(nibble) => nibble & 15,
        }
    }

    /// The requirement in Chinese and English.
    pub fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::None => ("无处理要求", "nothing asked"),
            Self::DownloadParameters => ("下传终端参数", "download terminal parameters"),
            Self::UploadStatus => ("上传终端状态信息", "upload terminal status"),
            Self::SignIn => ("重新签到", "sign in again"),
            Self::UpdateCaKeys => ("更新公钥信息", "update CA public keys"),
            Self::DownloadChipParameters => ("下载IC卡参数", "download chip parameters"),
            Self::DownloadProgram => ("TMS参数下载", "download the terminal's program"),
            Self::DownloadBlacklist => ("卡BIN黑名单下载", "download the blacklist"),
            Self::DownloadRates => ("币种汇率下载", "download currency rates"),
            Self::DownloadContactlessParameters => ("非接业务参数下载", "download contactless parameters"),
            Self::Other(_) => ("未知处理要求", "unknown requirement"),
        }
    }
}

macro_rules! hex_text {
    ($type:ident, $size:literal) => {
        impl TryFrom<String> for $type {
            type Error = String;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                unhex(&text).and_then(|bytes| <[u8; $size]>::try_from(bytes).ok()).map(Self).ok_or_else(
                    || format!("{} is written as {} hexadecimal digits", stringify!($type), $size * 2),
                )
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                hex(&value.0)
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({})", stringify!($type), hex(&self.0))
            }
        }
    };
}
hex_text!(Tpdu, 5);
hex_text!(Header, 6);

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is too small for TPDU, header, message type and bitmap.
    #[error("a frame of {length} bytes is too short; at least 21 are needed")]
    TooShort {
        /// Bytes that the prefix tells.
        length: usize,
    },
    /// Fewer bytes came than the prefix tells.
    #[error("the length prefix tells {expected} bytes, but {got} came")]
    Truncated {
        /// Bytes that the prefix tells.
        expected: usize,
        /// Bytes there are.
        got: usize,
    },
    /// More bytes came than the prefix tells.
    #[error("{count} bytes follow the end of the frame")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The message is too long for a two-byte length.
    #[error("a message of {length} bytes does not fit a frame")]
    TooLong {
        /// Bytes of the message.
        length: usize,
    },
}

/// A frame that was read; the body borrows from the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Transport address.
    pub tpdu: Tpdu,
    /// Header.
    pub header: Header,
    /// The message from its type on, for [`Message::decode`].
    pub body: &'a [u8],
}

impl core::fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Frame({:?}, {:?}, body of {} bytes)", self.tpdu, self.header, self.body.len())
    }
}

impl<'a> Frame<'a> {
    /// Bytes that follow a length prefix: how much to read from the line.
    ///
    /// # Errors
    /// Where the length cannot hold a message; the link is then out of step and must be closed.
    pub fn length_of(prefix: [u8; 2]) -> Result<usize, FrameError> {
        let length = usize::from(u16::from_be_bytes(prefix));
        if length < ENVELOPE_BYTES + 10 {
            return Err(FrameError::TooShort { length });
        }
        Ok(length)
    }

    /// Takes a whole frame apart, length prefix included.
    ///
    /// # Errors
    /// Where the prefix and the bytes disagree.
    pub fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let Some((prefix, rest)) = bytes.split_first_chunk::<2>() else {
            return Err(FrameError::TooShort { length: bytes.len() });
        };
        let expected = Self::length_of(*prefix)?;
        if rest.len() < expected {
            return Err(FrameError::Truncated { expected, got: rest.len() });
        }
        if rest.len() > expected {
            return Err(FrameError::TrailingBytes { count: rest.len() - expected });
        }
        Self::read_unprefixed(rest)
    }

    /// Takes a frame apart whose length prefix was read before.
    ///
    /// # Errors
    /// Where it is too short for TPDU and header.
    pub fn read_unprefixed(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let too_short = FrameError::TooShort { length: bytes.len() };
        let Some((tpdu, rest)) = bytes.split_first_chunk::<5>() else { return Err(too_short) };
        let Some((header, body)) = rest.split_first_chunk::<6>() else { return Err(too_short) };
        Ok(Self { tpdu: Tpdu(*tpdu), header: Header(*header), body })
    }

    /// The whole frame of a message, length prefix included, wiped when dropped.
    ///
    /// # Errors
    /// Where the message does not fit the two-byte length.
    pub fn write(tpdu: Tpdu, header: Header, message: &Message) -> Result<Zeroizing<Vec<u8>>, FrameError> {
        let body = message.encode();
        let Ok(length) = u16::try_from(ENVELOPE_BYTES + body.len()) else {
            return Err(FrameError::TooLong { length: body.len() });
        };
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 + ENVELOPE_BYTES + body.len()));
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&tpdu.0);
        bytes.extend_from_slice(&header.0);
        bytes.extend_from_slice(body);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_swaps_addresses() {
        let request = Tpdu([0x60, 0x00, 0x06, 0x00, 0x00]);
        assert_eq!(request.swapped(), Tpdu([0x60, 0x00, 0x00, 0x00, 0x06]));
        assert_eq!(request.destination(), [0, 6]);
        assert_eq!(request.source(), [0, 0]);
    }

    #[test]
    fn every_nibble_is_a_requirement_and_back() {
        for nibble in 0..=15 {
            assert_eq!(HeaderRequirement::from_nibble(nibble).nibble(), nibble);
        }
        let header = Header([0x60, 0x31, 0x03, 0x31, 0x11, 0x0E]);
        assert_eq!(header.requirement(), HeaderRequirement::SignIn);
        assert_eq!(header.terminal_status(), 0);
    }

    #[test]
    fn frames_that_lie_about_their_length_are_refused() {
        assert_eq!(Frame::read(&[0]), Err(FrameError::TooShort { length: 1 }));
        assert_eq!(Frame::read(&[0, 20]), Err(FrameError::TooShort { length: 20 }));
        assert_eq!(Frame::read(&[0, 21, 1]), Err(FrameError::Truncated { expected: 21, got: 1 }));
        let mut long = vec![0, 21];
        long.extend([0; 22]);
        assert_eq!(Frame::read(&long), Err(FrameError::TrailingBytes { count: 1 }));
    }
}
