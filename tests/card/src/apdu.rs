//! Command APDUs taken apart (ISO 7816-4, short lengths).

/// A command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command<'a> {
    pub(crate) class: u8,
    pub(crate) instruction: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: &'a [u8],
    /// Expected length where the command has a Le byte; 0 stands for 256.
    pub(crate) expected: Option<u8>,
}

impl<'a> Command<'a> {
    /// `None` when the lengths do not fit together.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, body) = bytes.split_first_chunk::<4>()?;
        let [class, instruction, p1, p2] = *header;
        let (data, expected) = match body {
            [] => (&body[..0], None),
            [expected] => (&body[..0], Some(*expected)),
            [length, rest @ ..] => {
                let length = usize::from(*length);
                let data = rest.get(..length).filter(|_| length > 0)?;
                match &rest[length..] {
                    [] => (data, None),
                    [expected] => (data, Some(*expected)),
                    _ => return None,
                }
            }
        };
        Some(Self { class, instruction, p1, p2, data, expected })
    }
}

/// Status words, ISO 7816-4 and EMV Book 3 §6.3.5.
pub(crate) mod status {
    pub(crate) const OK: u16 = 0x9000;
    pub(crate) const INVALIDATED: u16 = 0x6283;
    pub(crate) const AUTHENTICATION_FAILED: u16 = 0x6300;
    pub(crate) const WRONG_LENGTH: u16 = 0x6700;
    pub(crate) const BLOCKED: u16 = 0x6983;
    pub(crate) const CONDITIONS: u16 = 0x6985;
    pub(crate) const WRONG_DATA: u16 = 0x6A80;
    pub(crate) const NOT_SUPPORTED: u16 = 0x6A81;
    pub(crate) const NOT_FOUND: u16 = 0x6A82;
    pub(crate) const NO_RECORD: u16 = 0x6A83;
    pub(crate) const WRONG_PARAMETERS: u16 = 0x6A86;
    pub(crate) const NO_DATA: u16 = 0x6A88;
    pub(crate) const NO_INSTRUCTION: u16 = 0x6D00;
    pub(crate) const NO_CLASS: u16 = 0x6E00;
}

/// What a command gives: data with `9000`, or status words, with data for the warnings.
pub(crate) struct Reply {
    pub(crate) data: Vec<u8>,
    pub(crate) status: u16,
}

impl Reply {
    pub(crate) fn data(data: Vec<u8>) -> Self {
        Self { data, status: status::OK }
    }

    pub(crate) fn status(status: u16) -> Self {
        Self { data: Vec::new(), status }
    }

    pub(crate) fn ok() -> Self {
        Self::status(status::OK)
    }
}
