//! What a broken or lying card does, and when.

use crate::cryptogram::CryptogramType;
use crate::tlv;

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At every command.
    Always,
    /// At the n-th command of a session, counted from 1.
    Apdu(usize),
    /// At every command with this INS byte.
    Instruction(u8),
    /// At the n-th command of a session with this INS byte, counted from 1.
    NthInstruction(u8, usize),
    /// At the first GENERATE AC of a session.
    FirstGenerate,
    /// At the second GENERATE AC of a session.
    SecondGenerate,
}

/// What goes wrong with the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer to this command; the card stays in the reader.
    Mute,
    /// The card leaves the reader before it answers: no answer until the next reset.
    /// The command itself is not carried out.
    Removed,
    /// The card leaves the reader after it carried out the command: its state changed, the answer is lost.
    RemovedAfter,
    /// These status words without data; the command is not carried out.
    Status(u16),
    /// The data as it should be, with these status words.
    StatusWithData(u16),
    /// This whole answer, status words included; the command is not carried out.
    Answer(Vec<u8>),
    /// This many bytes of noise from the seed, then `9000`.
    Garbage {
        /// Number of noise bytes.
        length: usize,
        /// Noise is the same for the same seed.
        seed: u32,
    },
    /// One bit of the answer flipped: 0 is the highest bit of the first byte; counted modulo its length.
    FlipBit(usize),
    /// One bit of the value of the first object with this tag flipped, at any depth; 0 is the highest bit of its first
    /// byte, counted modulo its length. An answer without the object stays as it is.
    FlipElement(u32, usize),
    /// Only the first n data bytes, then the status words.
    Truncate(usize),
    /// Only the first n bytes of the whole answer: it may end inside the status words.
    Cut(usize),
    /// n zero bytes between data and status words.
    Extend(usize),
    /// Constructed objects nested to the end of the answer.
    Nested,
    /// A template of indefinite length.
    IndefiniteLength,
    /// A tag whose every byte says that another follows.
    EndlessTag,
    /// The first object in the answer's template comes again at its end.
    DuplicateTag,
    /// GENERATE AC gives this type, whatever was asked for, and says so.
    Cryptogram(CryptogramType),
    /// GENERATE AC gives this cryptogram information (9F27), whatever type it computed.
    Identifier(u8),
    /// The cryptogram (9F26) has one bit flipped: the issuer will not accept it.
    WrongCryptogram,
    /// Any ARPC is taken for good.
    AcceptAnyArpc,
    /// No ARPC is taken for good.
    RefuseEveryArpc,
}

/// One fault and its moment. A card may have several; the first that fits is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misbehaviour {
    /// When.
    pub when: When,
    /// What.
    pub fault: Fault,
}

impl Misbehaviour {
    /// `fault` at `when`.
    pub fn new(when: When, fault: Fault) -> Self {
        Self { when, fault }
    }

    /// A lie: bit `bit` of the answer to the `apdu`-th command (from 1) is flipped.
    pub fn lie(apdu: usize, bit: usize) -> Self {
        Self::new(When::Apdu(apdu), Fault::FlipBit(bit))
    }
}

/// Counts of the session that [`When`] is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) apdu: usize,
    pub(crate) instruction: u8,
    pub(crate) nth: usize,
}

impl When {
    pub(crate) fn fits(self, moment: Moment) -> bool {
        let generate = |nth| moment.instruction == 0xAE && moment.nth == nth;
        match self {
            Self::Always => true,
            Self::Apdu(apdu) => moment.apdu == apdu,
            Self::Instruction(instruction) => moment.instruction == instruction,
            Self::NthInstruction(instruction, nth) => moment.instruction == instruction && moment.nth == nth,
            Self::FirstGenerate => generate(1),
            Self::SecondGenerate => generate(2),
        }
    }
}

impl Fault {
    /// The answer in place of carrying the command out, for faults that stop it.
    pub(crate) fn instead(&self) -> Option<Vec<u8>> {
        match self {
            Self::Mute | Self::Removed => Some(Vec::new()),
            Self::Status(status) => Some(status.to_be_bytes().to_vec()),
            Self::Answer(answer) => Some(answer.clone()),
            _ => None,
        }
    }

    /// The answer as it leaves the card.
    pub(crate) fn distort(&self, mut answer: Vec<u8>) -> Vec<u8> {
        let data = answer.len().saturating_sub(2);
        match self {
            Self::RemovedAfter => answer.clear(),
            Self::StatusWithData(status) => {
                answer.truncate(data);
                answer.extend_from_slice(&status.to_be_bytes());
            }
            Self::Garbage { length, seed } => {
                answer = noise(*length, *seed);
                answer.extend_from_slice(&[0x90, 0x00]);
            }
            Self::FlipBit(bit) if !answer.is_empty() => {
                let bit = bit % (answer.len() * 8);
                answer[bit / 8] ^= 0x80 >> (bit % 8);
            }
            Self::FlipElement(tag, bit) => {
                let place = tlv::find(&answer[..data], *tag)
                    .filter(|value| !value.is_empty())
                    .map(|value| (value.as_ptr() as usize - answer.as_ptr() as usize, value.len()));
                if let Some((start, length)) = place {
                    let bit = bit % (length * 8);
                    answer[start + bit / 8] ^= 0x80 >> (bit % 8);
                }
            }
            Self::Truncate(length) => {
                answer.drain((*length).min(data)..data);
            }
            Self::Cut(length) => answer.truncate(*length),
            Self::Extend(length) => {
                answer.splice(data..data, std::iter::repeat_n(0, *length));
            }
            Self::Nested => {
                let mut nested = Vec::new();
                for _ in 0..100 {
                    nested = tlv::object(0x70, &nested);
                    nested.truncate(254);
                }
                nested.extend_from_slice(&[0x90, 0x00]);
                answer = nested;
            }
            Self::IndefiniteLength => {
                let mut open = vec![0x70, 0x80];
                open.extend_from_slice(answer.get(2..data).unwrap_or_default());
                open.extend_from_slice(&[0x00, 0x00, 0x90, 0x00]);
                answer = open;
            }
            Self::EndlessTag => {
                answer = vec![0x70, 0x40, 0x9F];
                answer.resize(66, 0xFF);
                answer.extend_from_slice(&[0x90, 0x00]);
            }
            Self::DuplicateTag => {
                if let Some((template, content, rest)) = tlv::first(&answer)
                    && let Some((_, _, after)) = tlv::first(content)
                {
                    let mut doubled = content.to_vec();
                    doubled.extend_from_slice(&content[..content.len() - after.len()]);
                    let mut whole = tlv::object(template, &doubled);
                    whole.extend_from_slice(rest);
                    answer = whole;
                }
            }
            _ => {}
        }
        answer
    }
}

/// Deterministic noise (xorshift).
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed ^ 0x9E37_79B9;
    if state == 0 {
        state = 1;
    }
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 11) as u8
        })
        .collect()
}
