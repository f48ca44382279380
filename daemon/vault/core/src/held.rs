//! Key bytes that stay where they are.

use std::ops::{Deref, DerefMut};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key of `N` bytes on the heap: whatever holds it may be moved without leaving a copy behind. It is filled in place
/// and wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Held<const N: usize>(Box<[u8]>);

impl<const N: usize> Held<N> {
    /// All zeros, to be filled.
    pub(crate) fn zero() -> Held<N> {
        Held(vec![0; N].into_boxed_slice())
    }

    /// A copy of these bytes; `None` for another length.
    pub(crate) fn of(bytes: &[u8]) -> Option<Held<N>> {
        (bytes.len() == N).then(|| Held(bytes.into()))
    }
}

impl<const N: usize> Deref for Held<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> DerefMut for Held<N> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Clone for Held<N> {
    fn clone(&self) -> Held<N> {
        Held(self.0.clone())
    }
}

/// As an array of `N` bytes, which has no length in front.
impl<const N: usize> Serialize for Held<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = serializer.serialize_tuple(N)?;
        self.0.iter().try_for_each(|byte| tuple.serialize_element(byte))?;
        tuple.end()
    }
}

impl<'de, const N: usize> Deserialize<'de> for Held<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Held<N>, D::Error> {
        struct InPlace<const N: usize>;
        impl<'de, const N: usize> serde::de::Visitor<'de> for InPlace<N> {
            type Value = Held<N>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{N} bytes")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut bytes: A) -> Result<Held<N>, A::Error> {
                let mut held = Held::zero();
                for (place, byte) in held.iter_mut().enumerate() {
                    *byte = bytes.next_element()?.ok_or_else(|| A::Error::invalid_length(place, &self))?;
                }
                Ok(held)
            }
        }
        deserializer.deserialize_tuple(N, InPlace)
    }
}

/// Writes over the stack that whoever was called before has used: the libraries move their ciphers about, and the round
/// keys of AES begin with the key itself.
#[inline(never)]
pub(crate) fn wipe_stack() {
    let mut used = [0_u8; 32 * 1024];
    used.zeroize();
    std::hint::black_box(&mut used);
}
