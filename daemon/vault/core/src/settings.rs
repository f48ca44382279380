//! What the vault's configuration tells the core.

use std::collections::BTreeMap;

use posd_vault_protocol::KeyAlgorithm;

use crate::{
    Operator,
    password::{Cost, Hash},
};

/// The people whom the vault knows, and what the next master key is for. Built by [`Settings::new`].
#[derive(Default)]
pub struct Settings {
    /// Hashes in PHC form, checked; only a first start looks at them.
    pub(crate) operators: BTreeMap<Operator, String>,
    pub(crate) custodians: BTreeMap<String, Hash>,
    pub(crate) cost: Cost,
    pub(crate) algorithm: KeyAlgorithm,
}

/// Why the configuration's people cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// An operator's number is not two decimal digits.
    #[error("operator {0:?} is not two digits: 00 is the supervisor, 99 the manager, 01 to 98 are operators")]
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

impl Settings {
    /// Takes operators (two digits each) and custodians (any name) with their argon2id hashes in PHC form. The
    /// operators are those of the first start; later ones are in the store. With no operator at all, it begins with
    /// those of a terminal as delivered: 00, 01 to 05 and 99, with initial passwords.
    ///
    /// # Errors
    /// [`SettingsError`] names the first entry that cannot be used.
    pub fn new(
        operators: BTreeMap<String, String>,
        custodians: BTreeMap<String, String>,
    ) -> Result<Settings, SettingsError> {
        if let Some(name) = custodians.keys().find(|name| !(1..=32).contains(&name.len())) {
            return Err(SettingsError::Custodian(name.clone()));
        }
        let operator = |(number, hash): (String, String)| match (Operator::new(&number), Hash::parse(&hash)) {
            (Some(operator), Some(_)) => Ok((operator, hash)),
            (None, _) => Err(SettingsError::Operator(number)),
            (_, None) => Err(SettingsError::Hash(number)),
        };
        let custodian = |(name, hash): (String, String)| match Hash::parse(&hash) {
            Some(hash) => Ok((name, hash)),
            None => Err(SettingsError::Hash(name)),
        };
        Ok(Settings {
            operators: operators.into_iter().map(operator).collect::<Result<_, _>>()?,
            custodians: custodians.into_iter().map(custodian).collect::<Result<_, _>>()?,
            cost: Cost::default(),
            algorithm: KeyAlgorithm::default(),
        })
    }

    /// What a terminal master key that is loaded from now on is for, and so how check values of its components are made.
    /// A key that is loaded keeps its own. Without it, 3DES.
    #[must_use]
    pub fn with_algorithm(self, algorithm: KeyAlgorithm) -> Settings {
        Settings { algorithm, ..self }
    }

    /// Makes new passwords' hashes cheap, where all passwords are public: a simulated terminal. `memory` in KiB.
    #[must_use]
    pub fn with_cheap_hashes(self, memory: u32, passes: u32) -> Settings {
        Settings { cost: Cost { memory, passes }, ..self }
    }
}
