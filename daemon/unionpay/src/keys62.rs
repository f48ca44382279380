//! Field 62 of a sign-in answer: the work keys, enciphered under the terminal master key (reference 3.4).

use crate::profile::{KeyAlgorithm, Profile, SignInCode};

/// A key under the terminal master key, with its check value.
#[derive(PartialEq, Eq)]
pub struct EncipheredKey {
    /// 16 bytes of cipher text, 8 for a single-length DES MAC key.
    pub cipher: Vec<u8>,
    /// First four bytes of zeros enciphered under the key.
    pub check_value: Vec<u8>,
}

impl core::fmt::Debug for EncipheredKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "EncipheredKey({} bytes)", self.cipher.len())
    }
}

/// The keys of one sign-in.
#[derive(Debug, PartialEq, Eq)]
pub struct WorkKeys {
    /// PIN key (PIK).
    pub pin: EncipheredKey,
    /// MAC key (MAK).
    pub mac: EncipheredKey,
    /// Track key (TDK), with a sign-in by 004 or 006.
    pub track: Option<EncipheredKey>,
}

/// Field 62 is not what the profile says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field 62 has {length} bytes; the profile's sign-in code and key slots make {expected}")]
pub struct KeysError {
    /// Bytes that came.
    pub length: usize,
    /// Bytes of the profile's layout.
    pub expected: usize,
}

const DOUBLE: usize = 16;
const CHECK_VALUE: usize = 4;

/// Takes field 62 apart by the profile's sign-in code and MAC key slot.
///
/// A MAC key slot whose second half is zero holds a single-length DES key (vector WK-1).
///
/// # Errors
/// Where the length is another than the layout's.
pub fn parse(profile: &Profile, field62: &[u8]) -> Result<WorkKeys, KeysError> {
    let mac_slot = usize::from(profile.mac_key_slot);
    let has_track = profile.sign_in_code == SignInCode::DoubleWithTrack;
    let expected = DOUBLE + mac_slot + 2 * CHECK_VALUE + if has_track { DOUBLE + CHECK_VALUE } else { 0 };
    if field62.len() != expected {
        return Err(KeysError { length: field62.len(), expected });
    }
    let (pin, rest) = take(field62, DOUBLE);
    let (mut mac, rest) = take(rest, mac_slot);
    if profile.algorithm == KeyAlgorithm::TripleDes
        && let Some((single, [0, 0, 0, 0, 0, 0, 0, 0])) = mac.cipher.split_first_chunk::<8>()
    {
        mac.cipher = single.to_vec();
    }
    let track = has_track.then(|| take(rest, DOUBLE).0);
    Ok(WorkKeys { pin, mac, track })
}

/// One key and its check value, and what follows; the length was checked before.
fn take(bytes: &[u8], slot: usize) -> (EncipheredKey, &[u8]) {
    let (cipher, rest) = bytes.split_at(slot.min(bytes.len()));
    let (check_value, rest) = rest.split_at(CHECK_VALUE.min(rest.len()));
    (EncipheredKey { cipher: cipher.to_vec(), check_value: check_value.to_vec() }, rest)
}
