//! What the vault's configuration tells the core.

use std::collections::BTreeMap;

use crate::password::Hash;

/// The people whom the vault knows. Built by [`Settings::new`].
#[derive(Default)]
pub struct Settings {
    pub(crate) operators: BTreeMap<String, Hash>,
    pub(crate) custodians: BTreeMap<String, Hash>,
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
         most 64 MiB, 10 passes and 4 lanes)"
    )]
    Hash(String),
}

/// Whether this is an operator's number.
pub(crate) fn is_operator(number: &str) -> bool {
    number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())
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
        let parse = |(name, hash): (String, String)| match Hash::parse(&hash) {
            Some(hash) => Ok((name, hash)),
            None => Err(SettingsError::Hash(name)),
        };
        if let Some(number) = operators.keys().find(|number| !is_operator(number)) {
            return Err(SettingsError::Operator(number.clone()));
        }
        if let Some(name) = custodians.keys().find(|name| !(1..=32).contains(&name.len())) {
            return Err(SettingsError::Custodian(name.clone()));
        }
        Ok(Settings {
            operators: operators.into_iter().map(parse).collect::<Result<_, _>>()?,
            custodians: custodians.into_iter().map(parse).collect::<Result<_, _>>()?,
        })
    }
}
