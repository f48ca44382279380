//! The configuration file, normally `/etc/posd/vault.toml`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nix::unistd::User;
use posd_vault_core::{Settings, SettingsError};
use posd_vault_protocol::{KeyAlgorithm, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

/// What the file may say. An unknown key is an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// The socket that `posd` connects to.
    #[serde(default = "default_socket")]
    pub socket: PathBuf,
    /// The socket that custodians connect to, as root.
    #[serde(default = "default_custodian_socket")]
    pub custodian_socket: PathBuf,
    /// The file that keeps the enciphered keys.
    #[serde(default = "default_store")]
    pub store: PathBuf,
    /// The users who may connect to `socket`: names, or numbers as text.
    #[serde(default = "default_users")]
    pub users: Vec<String>,
    /// argon2id hashes of the operators' passwords at the first start: `"00"` supervisor, `"01"` to `"98"` operators,
    /// `"99"` manager. Later the store has them.
    #[serde(default)]
    pub operators: BTreeMap<String, String>,
    /// argon2id hashes of the key custodians' passwords, by name. Two are needed to load a key.
    #[serde(default)]
    pub custodians: BTreeMap<String, String>,
    /// What the terminal master key that the custodians load is for, `3des` or `sm4`: as the acquirer profile's
    /// `algorithm`.
    #[serde(default)]
    pub algorithm: KeyAlgorithm,
    /// The chip card reader.
    #[serde(default)]
    pub reader: Reader,
    /// The contactless reader, where the device has one.
    pub contactless: Option<Contactless>,
    /// The stripe reader, where the device has one.
    pub stripe: Option<InputDevice>,
    /// The PIN pad.
    #[serde(default)]
    pub pin_pad: InputDevice,
}

/// Which chip card reader.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reader {
    /// A part of the reader's PC/SC name; without one the first reader is taken.
    pub name: Option<String>,
}

/// Which contactless reader.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contactless {
    /// A part of the reader's PC/SC name; that reader is never taken for the chip card reader.
    pub name: String,
}

/// Which device that types: PIN pad or stripe reader.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct InputDevice {
    /// The event node itself; without one the device is found by `property`.
    pub device: Option<PathBuf>,
    /// The udev property that marks the device, given by a udev rule. Default `ID_POSD_PINPAD=1` for the PIN pad,
    /// `ID_POSD_STRIPE=1` for the stripe reader.
    pub property: Option<String>,
    /// Where event nodes appear.
    pub directory: PathBuf,
    /// Where udev keeps properties.
    pub udev_data: PathBuf,
}

impl Default for InputDevice {
    fn default() -> InputDevice {
        InputDevice {
            device: None,
            property: None,
            directory: "/dev/input".into(),
            udev_data: "/run/udev/data".into(),
        }
    }
}

fn default_socket() -> PathBuf {
    "/run/posd-vault/vault.sock".into()
}

fn default_custodian_socket() -> PathBuf {
    "/run/posd-vault/keys.sock".into()
}

fn default_store() -> PathBuf {
    "/var/lib/posd-vault/store".into()
}

fn default_users() -> Vec<String> {
    vec!["posd".to_owned()]
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{path}: {source}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        source: Box<toml::de::Error>,
    },
    /// An entry of operators or custodians is wrong.
    #[error(transparent)]
    People(#[from] SettingsError),
    /// A user of `users` does not exist.
    #[error("user {0:?} does not exist: correct `users` or create the user")]
    User(String),
    /// The storage key has another length.
    #[error("{0}: a storage key is 32 bytes, or 64 hexadecimal digits")]
    StorageKey(PathBuf),
}

impl Configuration {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigurationError::Read`] and [`ConfigurationError::Syntax`].
    pub fn read(path: &Path) -> Result<Configuration, ConfigurationError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigurationError::Read { path: path.to_owned(), source })?;
        toml::from_str(&text)
            .map_err(|source| ConfigurationError::Syntax { path: path.to_owned(), source: Box::new(source) })
    }

    /// The people, checked, and the algorithm.
    ///
    /// # Errors
    /// [`ConfigurationError::People`].
    pub fn settings(&self) -> Result<Settings, ConfigurationError> {
        let people = Settings::new(self.operators.clone(), self.custodians.clone())?;
        Ok(people.with_algorithm(self.algorithm))
    }

    /// The user ids that may connect to `socket`.
    ///
    /// # Errors
    /// [`ConfigurationError::User`].
    pub fn user_ids(&self) -> Result<Vec<u32>, ConfigurationError> {
        let id = |name: &String| match name.parse() {
            Ok(number) => Ok(number),
            Err(_) => match User::from_name(name) {
                Ok(Some(user)) => Ok(user.uid.as_raw()),
                _ => Err(ConfigurationError::User(name.clone())),
            },
        };
        self.users.iter().map(id).collect()
    }
}

/// The storage key from the credentials directory: the file `storage-key`, 32 bytes or 64 hexadecimal digits. `None`
/// without such a file.
///
/// # Errors
/// [`ConfigurationError::Read`], [`ConfigurationError::StorageKey`].
pub fn storage_key(credentials: Option<&Path>) -> Result<Option<Secret>, ConfigurationError> {
    let Some(directory) = credentials else { return Ok(None) };
    let path = directory.join("storage-key");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigurationError::Read { path, source }),
    };
    if bytes.len() == 32 {
        return Ok(Some(Secret::new(bytes.to_vec())));
    }
    match from_hex(bytes.trim_ascii()) {
        Some(key) if key.len() == 32 => Ok(Some(Secret::new(key.to_vec()))),
        _ => Err(ConfigurationError::StorageKey(path)),
    }
}

/// Bytes from hexadecimal digits; `None` for anything else.
pub(crate) fn from_hex(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (pairs, []) = text.as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for [high, low] in pairs {
        bytes.push(u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?);
    }
    Some(bytes)
}
