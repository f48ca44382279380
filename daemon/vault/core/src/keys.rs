//! The keys and how they are kept: one versioned blob, enciphered under the storage key.

use std::collections::BTreeMap;

use posd_vault_protocol::{EncipheredKey, KeyAlgorithm, Refusal};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{crypto, held::Held, table::Table};

/// Name and version of the stored blob; another version does not open.
const HEADER: &[u8] = b"posd-vault\x03";
/// The versions before, and what they lack at the end: the algorithm (3DES), and before it the operators (none).
const OLD: [(&[u8], &[u8]); 2] = [(b"posd-vault\x02", &[0]), (b"posd-vault\x01", &[0, 0])];

/// Everything that survives a restart.
#[derive(Clone, Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Keys {
    /// Terminal master key (TMK), double length.
    pub(crate) master: Option<Held<16>>,
    /// PIN work key (PIK), double or triple length.
    pub(crate) pin: Option<Vec<u8>>,
    /// MAC work key (MAK), single, double or triple length.
    pub(crate) mac: Option<Vec<u8>>,
    /// The key that card data is sealed under.
    pub(crate) data: Option<Held<32>>,
    /// Wrong passwords in a row, so that a restart frees nobody. No secret.
    #[zeroize(skip)]
    pub(crate) wrong_tries: BTreeMap<String, u32>,
    /// The operators; none before the first start has begun a table. Each hash wipes itself.
    #[zeroize(skip)]
    pub(crate) operators: Option<Table>,
    /// What master key and work keys are for.
    #[zeroize(skip)]
    pub(crate) algorithm: KeyAlgorithm,
}

impl Keys {
    /// The blob to store.
    pub(crate) fn seal(&self, storage: &[u8], random: &mut dyn FnMut(&mut [u8])) -> Option<Vec<u8>> {
        let length = postcard::experimental::serialized_size(self).ok()?;
        let mut clear = Zeroizing::new(vec![0; length]);
        postcard::to_slice(self, &mut clear).ok()?;
        crypto::seal(storage, HEADER, b"store", &clear, random)
    }

    /// What [`Keys::seal`] stored; `None` for another storage key or an altered blob.
    pub(crate) fn open(storage: &[u8], blob: &[u8]) -> Option<Keys> {
        let old = |(header, lacking): (&[u8], &[u8])| {
            let old = crypto::open(storage, header, b"store", blob)?;
            let mut clear = Zeroizing::new(Vec::with_capacity(old.len() + lacking.len()));
            clear.extend_from_slice(&old);
            clear.extend_from_slice(lacking);
            Some(clear)
        };
        let clear =
            crypto::open(storage, HEADER, b"store", blob).or_else(|| OLD.into_iter().find_map(old))?;
        postcard::from_bytes(&clear).ok()
    }

    /// Whether the keys are for this. No key ever works under two algorithms.
    pub(crate) fn must_be(&self, algorithm: KeyAlgorithm) -> Result<(), Refusal> {
        if self.algorithm == algorithm { Ok(()) } else { Err(Refusal::OtherAlgorithm) }
    }

    /// Unwraps both work keys of a sign-in. Neither is taken unless both check values fit.
    pub(crate) fn with_work_keys(
        &self,
        algorithm: KeyAlgorithm,
        pin: &EncipheredKey,
        mac: &EncipheredKey,
    ) -> Result<Keys, Refusal> {
        let master = self.master.as_ref().ok_or(Refusal::KeyMissing)?;
        self.must_be(algorithm)?;
        let possible = match algorithm {
            // A PIN under single DES is no secret (ISO 9564-2), so a short PIN key is refused.
            KeyAlgorithm::TripleDes => {
                matches!(pin.cipher.len(), 16 | 24) && matches!(mac.cipher.len(), 8 | 16 | 24)
            }
            KeyAlgorithm::Sm4 => pin.cipher.len() == 16 && mac.cipher.len() == 16,
        };
        if !possible {
            return Err(Refusal::Malformed);
        }
        if ![pin, mac].iter().all(|key| (3..=8).contains(&key.check_value.len())) {
            return Err(Refusal::Malformed);
        }
        // Field 62 carries a single-length MAC key in a slot of 16 bytes, the rest zeros.
        let mac_cipher = match mac.cipher.split_at_checked(8) {
            Some((key, [0, 0, 0, 0, 0, 0, 0, 0])) if algorithm == KeyAlgorithm::TripleDes => key,
            _ => &mac.cipher[..],
        };
        let unwrapped = |cipher| crypto::unwrap_key(algorithm, master, cipher).ok_or(Refusal::KeyMissing);
        let pin_key = unwrapped(&pin.cipher)?;
        let mac_key = unwrapped(mac_cipher)?;
        let pin_fits = crypto::check_value_fits(algorithm, &pin_key, &pin.check_value);
        let mac_fits = crypto::check_value_fits(algorithm, &mac_key, &mac.check_value);
        if !(pin_fits & mac_fits) {
            return Err(Refusal::KeyCheckFailed);
        }
        let mut keys = self.clone();
        keys.pin.zeroize();
        keys.mac.zeroize();
        keys.pin = Some(pin_key.to_vec());
        keys.mac = Some(mac_key.to_vec());
        Ok(keys)
    }
}
