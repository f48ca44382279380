//! The core itself: one event in, orders out.

use posd_vault_protocol::{Secret, Status};

use crate::{Input, Output, Settings};

/// The secure module's state. See [`Core::handle`].
pub struct Core {
    settings: Settings,
    storage_key: Option<Secret>,
    random: Box<dyn FnMut(&mut [u8])>,
}

impl Core {
    /// Starts with what the last run stored. `storage_key` is 32 bytes; `store_blob` is the last [`Output::Store`],
    /// if there was one. `random` must fill its buffer from a cryptographically secure source.
    pub fn new(
        settings: Settings,
        storage_key: Option<Secret>,
        store_blob: Option<Vec<u8>>,
        random: Box<dyn FnMut(&mut [u8])>,
    ) -> Core {
        let _ = store_blob;
        Core { settings, storage_key, random }
    }

    /// Takes one event and gives the orders that follow from it, in the order to perform them. `now_ms` is a
    /// monotonic clock in milliseconds.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        let _ = (&self.settings, &self.storage_key, &mut self.random, input, now_ms);
        Vec::new()
    }

    /// Whether the stored blob was there but could not be opened with this storage key. No key is accepted then, so
    /// that the stored ones are not overwritten by mistake.
    pub fn store_unreadable(&self) -> bool {
        false
    }

    /// Devices and keys as they stand.
    pub fn status(&self) -> Status {
        use posd_vault_protocol::DeviceState::Missing;
        Status {
            reader: Missing,
            pin_pad: Missing,
            card_present: false,
            storage_key: self.storage_key.is_some(),
            master_key: None,
            pin_key: None,
            mac_key: None,
        }
    }
}
