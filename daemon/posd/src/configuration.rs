//! The configuration file, `posd.toml`.

use posd_emv::configuration::Configuration as CardConfiguration;
use posd_receipt::Copy;
use posd_terminal::{Deadlines, Settings};
use posd_unionpay::Profile;
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What can be wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigurationError {
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, std::io::Error),
    #[error("{0}: {1}")]
    Parse(PathBuf, toml::de::Error),
    #[error("{0}: {1}")]
    Invalid(PathBuf, String),
}

/// `posd.toml`. Paths in it are taken from the file's own directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Configuration {
    /// Who the merchant is.
    merchant: Merchant,
    /// The acquirer profile's file.
    profile: PathBuf,
    /// The card applications' and CA keys' file.
    card: PathBuf,
    /// The acquirer's host.
    pub(crate) host: Host,
    /// The receipt printer; without one, every print job fails and no payment does.
    pub(crate) printer: Option<Printer>,
    /// The code scanner; without one, codes come from the app.
    pub(crate) scanner: Option<Scanner>,
    /// The journal's file.
    pub(crate) journal: PathBuf,
    /// The secure module's socket.
    pub(crate) vault: PathBuf,
    /// Copies printed by themselves after a charge.
    #[serde(default = "both_copies")]
    copies: Vec<Copy>,
    /// Slips carry the test mark.
    #[serde(default)]
    test: bool,
    /// Deadlines of steps, in seconds.
    #[serde(default)]
    deadlines: Seconds,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Merchant {
    name: String,
    number: String,
    terminal: String,
}

/// The acquirer's host.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Host {
    /// `address:port`.
    pub(crate) address: String,
}

/// The receipt printer: exactly one of the three.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Printer {
    /// A character device such as `/dev/usb/lp0`.
    pub(crate) device: Option<PathBuf>,
    /// A serial line.
    pub(crate) tty: Option<PathBuf>,
    /// The serial line's speed.
    pub(crate) baud: Option<u32>,
    /// `address:port`.
    pub(crate) tcp: Option<String>,
}

/// The code scanner: one of the four.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scanner {
    /// The udev property that marks it, given by a udev rule, such as `ID_POSD_SCANNER=1`.
    pub(crate) property: Option<String>,
    /// An event node such as `/dev/input/event5`.
    pub(crate) device: Option<PathBuf>,
    /// A serial line.
    pub(crate) tty: Option<PathBuf>,
    /// The serial line's speed.
    pub(crate) baud: Option<u32>,
    /// `address:port`.
    pub(crate) tcp: Option<String>,
}

impl Scanner {
    fn is_one(&self) -> bool {
        let named = [self.property.is_some(), self.device.is_some(), self.tty.is_some(), self.tcp.is_some()];
        let baud = self.baud.is_none() || self.tty.is_some();
        baud && named.iter().filter(|named| **named).count() == 1
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Seconds {
    card: Option<u32>,
    code: Option<u32>,
    choice: Option<u32>,
    pin: Option<u32>,
    reading: Option<u32>,
    signature: Option<u32>,
    removal: Option<u32>,
}

fn both_copies() -> Vec<Copy> {
    vec![Copy::Merchant, Copy::Cardholder]
}

impl Configuration {
    /// Reads the file and everything it names.
    pub(crate) fn read(path: &Path) -> Result<(Configuration, Settings), ConfigurationError> {
        let mut configuration: Configuration = read_toml(path)?;
        let home = path.parent().unwrap_or(Path::new(""));
        for file in [
            &mut configuration.profile,
            &mut configuration.card,
            &mut configuration.journal,
            &mut configuration.vault,
        ] {
            *file = home.join(&*file);
        }
        let settings = configuration.settings(path)?;
        Ok((configuration, settings))
    }

    fn settings(&self, path: &Path) -> Result<Settings, ConfigurationError> {
        let invalid = |text: &str| Err(ConfigurationError::Invalid(path.to_owned(), text.to_owned()));
        let printable =
            |text: &str, length| text.len() == length && text.bytes().all(|b| b.is_ascii_graphic());
        if !printable(&self.merchant.number, 15) {
            return invalid("merchant.number must have 15 printable characters (field 42)");
        }
        if !printable(&self.merchant.terminal, 8) {
            return invalid("merchant.terminal must have 8 printable characters (field 41)");
        }
        if self.merchant.name.trim().is_empty() {
            return invalid("merchant.name is empty");
        }
        if self.scanner.as_ref().is_some_and(|scanner| !scanner.is_one()) {
            return invalid("scanner is named by one of property, device, tty (with baud) and tcp");
        }
        let profile: Profile = read_toml(&self.profile)?;
        profile.validate().map_err(|e| ConfigurationError::Invalid(self.profile.clone(), e.to_string()))?;
        let card: CardConfiguration = read_toml(&self.card)?;
        card.validate().map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            ConfigurationError::Invalid(self.card.clone(), errors.join("; "))
        })?;
        let default = Deadlines::default();
        let or = |seconds: Option<u32>, default: u64| seconds.map_or(default, |s| u64::from(s) * 1_000);
        Ok(Settings {
            merchant_name: self.merchant.name.clone(),
            merchant: self.merchant.number.clone(),
            terminal: self.merchant.terminal.clone(),
            test: self.test,
            copies: self.copies.clone(),
            profile: Arc::new(profile),
            card: Arc::new(card),
            deadlines: Deadlines {
                card: or(self.deadlines.card, default.card),
                code: or(self.deadlines.code, default.code),
                choice: or(self.deadlines.choice, default.choice),
                pin: or(self.deadlines.pin, default.pin),
                reading: or(self.deadlines.reading, default.reading),
                signature: or(self.deadlines.signature, default.signature),
                removal: or(self.deadlines.removal, default.removal),
            },
        })
    }
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ConfigurationError> {
    let text = std::fs::read_to_string(path).map_err(|e| ConfigurationError::Read(path.to_owned(), e))?;
    toml::from_str(&text).map_err(|e| ConfigurationError::Parse(path.to_owned(), e))
}
