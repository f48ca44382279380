//! The configuration file, `posd.toml`.

use posd_emv::configuration::Configuration as CardConfiguration;
use posd_receipt::Copy;
use posd_terminal::{Deadlines, OfflineLimits, OfflinePolicy, Settings};
use posd_unionpay::{Profile, Tpdu};
use serde::Deserialize;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What can be wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A file is not there or may not be read.
    #[error("{0} cannot be read: {1}")]
    Read(PathBuf, std::io::Error),
    /// A file is not of its form.
    #[error("{0}: {1}")]
    Parse(PathBuf, toml::de::Error),
    /// An entry cannot be.
    #[error("{0}: {1}")]
    Invalid(PathBuf, String),
}

/// What is wrong with one entry, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

impl Problem {
    fn new(zh: &str, en: &str) -> Problem {
        Problem { zh: zh.to_owned(), en: en.to_owned() }
    }
}

fn must(good: bool, zh: &str, en: &str) -> Result<(), Problem> {
    if good { Ok(()) } else { Err(Problem::new(zh, en)) }
}

fn is_code(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this can be the merchant's name.
///
/// # Errors
/// [`Problem`]; the same for every other check here.
pub fn merchant_name(text: &str) -> Result<(), Problem> {
    let good = !text.trim().is_empty() && posd_receipt::allow_listed(text).is_some();
    must(good, "商户名称不能为空，且须可打印", "merchant.name must be printable text and not empty")
}

/// Whether this can be a merchant number (field 42).
///
/// # Errors
/// [`Problem`].
pub fn merchant_number(text: &str) -> Result<(), Problem> {
    must(
        is_code(text, 15),
        "商户编号须为15位",
        "merchant.number must have 15 printable characters (field 42)",
    )
}

/// Whether this can be a terminal number (field 41).
///
/// # Errors
/// [`Problem`].
pub fn terminal_number(text: &str) -> Result<(), Problem> {
    must(is_code(text, 8), "终端编号须为8位", "merchant.terminal must have 8 printable characters (field 41)")
}

/// Whether this can be a host's address.
///
/// # Errors
/// [`Problem`].
pub fn address(text: &str) -> Result<(), Problem> {
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_graphic())
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    must(good, "主机须写作 地址:端口", "a host must be written address:port")
}

/// Whether this can be a transport address.
///
/// # Errors
/// [`Problem`].
pub fn tpdu(text: &str) -> Result<(), Problem> {
    let good = Tpdu::try_from(text.to_owned()).is_ok_and(|tpdu| tpdu.0[0] == 0x60);
    must(good, "TPDU须为60开头的10位十六进制", "host.tpdu must be ten hexadecimal digits that begin with 60")
}

/// Whether anything is there.
///
/// # Errors
/// [`Problem`].
pub fn not_empty(text: &str) -> Result<(), Problem> {
    must(!text.trim().is_empty(), "不能为空", "it must not be empty")
}

/// Whether a file, named from the configuration's directory, is a good acquirer profile.
///
/// # Errors
/// [`Problem`].
pub fn profile_file(name: &str, home: &Path) -> Result<(), Problem> {
    read_profile(&home.join(name))
        .map(drop)
        .map_err(|error| Problem { zh: format!("参数文件有误：{error}"), en: error.to_string() })
}

/// Whether a file, named from the configuration's directory, is a good list of card applications and keys.
///
/// # Errors
/// [`Problem`].
pub fn card_file(name: &str, home: &Path) -> Result<(), Problem> {
    read_card(&home.join(name))
        .map(drop)
        .map_err(|error| Problem { zh: format!("卡片应用文件有误：{error}"), en: error.to_string() })
}

/// `posd.toml`. Paths in it are taken from the file's own directory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// Who the merchant is.
    merchant: Merchant,
    /// The acquirer profile's file.
    profile: PathBuf,
    /// The card applications' and CA keys' file.
    card: PathBuf,
    /// The acquirer's host.
    pub host: Host,
    /// The receipt printer; without one, every print job fails and no payment does.
    pub printer: Option<Printer>,
    /// The code scanner; without one, codes come from the app.
    pub scanner: Option<Scanner>,
    /// The journal's file.
    pub journal: PathBuf,
    /// The secure module's socket.
    pub vault: PathBuf,
    /// Copies printed by themselves after a charge.
    #[serde(default = "both_copies")]
    copies: Vec<Copy>,
    /// Slips carry the test mark.
    #[serde(default)]
    test: bool,
    /// What may be sold without the host; nothing without it.
    offline: Option<Offline>,
    /// Megabytes of the journal's disk that are not the journal's to fill.
    #[serde(default)]
    pub reserve_mb: u32,
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
pub struct Host {
    /// `address:port`.
    address: String,
    /// Another way to the same host, where the first cannot be reached.
    second: Option<String>,
    /// Transport address of requests, in the place of the profile's.
    tpdu: Option<Tpdu>,
}

impl Host {
    /// Where the host is, in the order of trying.
    pub fn addresses(&self) -> Vec<String> {
        [Some(&self.address), self.second.as_ref()].into_iter().flatten().cloned().collect()
    }
}

/// The receipt printer: exactly one of the three.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Printer {
    /// A character device such as `/dev/usb/lp0`.
    pub device: Option<PathBuf>,
    /// A serial line.
    pub tty: Option<PathBuf>,
    /// The serial line's speed.
    pub baud: Option<u32>,
    /// `address:port`.
    pub tcp: Option<String>,
}

/// Offline policy; amounts in minor units.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Offline {
    /// Of one sale.
    amount: u64,
    /// Of all that the host has not accepted.
    total: u64,
    /// How many.
    count: u32,
    /// Of one card; `total` where absent.
    card_total: Option<u64>,
    card_count: Option<u32>,
    /// Of one operator; `total` where absent.
    operator_total: Option<u64>,
    operator_count: Option<u32>,
    /// Longest silence of the host: hours and days together.
    #[serde(default)]
    hours: u32,
    #[serde(default)]
    days: u32,
    /// Card organisations (63.1).
    brands: Vec<String>,
    /// The supervisor's word is needed above this amount.
    supervisor_above: Option<u64>,
}

impl Offline {
    fn policy(&self) -> OfflinePolicy {
        OfflinePolicy {
            limits: OfflineLimits {
                amount: self.amount,
                total: self.total,
                count: self.count,
                card_total: self.card_total.unwrap_or(self.total),
                card_count: self.card_count.unwrap_or(self.count),
                operator_total: self.operator_total.unwrap_or(self.total),
                operator_count: self.operator_count.unwrap_or(self.count),
                silence_h: self.days.saturating_mul(24).saturating_add(self.hours),
            },
            brands: self.brands.clone(),
            supervisor_above: self.supervisor_above,
        }
    }
}

/// The code scanner: one of the four.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scanner {
    /// The udev property that marks it, given by a udev rule, such as `ID_POSD_SCANNER=1`.
    pub property: Option<String>,
    /// An event node such as `/dev/input/event5`.
    pub device: Option<PathBuf>,
    /// A serial line.
    pub tty: Option<PathBuf>,
    /// The serial line's speed.
    pub baud: Option<u32>,
    /// `address:port`.
    pub tcp: Option<String>,
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
    ///
    /// # Errors
    /// [`ConfigurationError`].
    pub fn read(path: &Path) -> Result<(Configuration, Settings), ConfigurationError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigurationError::Read(path.to_owned(), e))?;
        Configuration::parse(path, &text)
    }

    /// The same where the file's text is at hand and perhaps not written yet.
    ///
    /// # Errors
    /// [`ConfigurationError`].
    pub fn parse(path: &Path, text: &str) -> Result<(Configuration, Settings), ConfigurationError> {
        let parsed = toml::from_str(text).map_err(|e| ConfigurationError::Parse(path.to_owned(), e));
        let mut configuration: Configuration = parsed?;
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
        let invalid = |problem: Problem| ConfigurationError::Invalid(path.to_owned(), problem.en);
        merchant_number(&self.merchant.number).map_err(invalid)?;
        terminal_number(&self.merchant.terminal).map_err(invalid)?;
        merchant_name(&self.merchant.name).map_err(invalid)?;
        for host in self.host.addresses() {
            address(&host).map_err(invalid)?;
        }
        let mut profile = read_profile(&self.profile)?;
        if let Some(own) = self.host.tpdu {
            tpdu(&String::from(own)).map_err(invalid)?;
            profile.tpdu = own;
        }
        must(
            self.scanner.as_ref().is_none_or(Scanner::is_one),
            "扫码枪须以 property、device、tty（及 baud）、tcp 之一指明",
            "scanner is named by one of property, device, tty (with baud) and tcp",
        )
        .map_err(invalid)?;
        let card = read_card(&self.card)?;
        let default = Deadlines::default();
        let or = |seconds: Option<u32>, default: u64| seconds.map_or(default, |s| u64::from(s) * 1_000);
        Ok(Settings {
            merchant_name: self.merchant.name.clone(),
            merchant: self.merchant.number.clone(),
            terminal: self.merchant.terminal.clone(),
            hosts: self.host.addresses(),
            profile_name: self.profile.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            test: self.test,
            copies: self.copies.clone(),
            profile: Arc::new(profile),
            card: Arc::new(card),
            offline: self.offline.as_ref().map(Offline::policy),
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

fn read_profile(path: &Path) -> Result<Profile, ConfigurationError> {
    let profile: Profile = read_toml(path)?;
    profile.validate().map_err(|e| ConfigurationError::Invalid(path.to_owned(), e.to_string()))?;
    Ok(profile)
}

fn read_card(path: &Path) -> Result<CardConfiguration, ConfigurationError> {
    let card: CardConfiguration = read_toml(path)?;
    card.validate().map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        ConfigurationError::Invalid(path.to_owned(), errors.join("; "))
    })?;
    Ok(card)
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ConfigurationError> {
    let text = std::fs::read_to_string(path).map_err(|e| ConfigurationError::Read(path.to_owned(), e))?;
    toml::from_str(&text).map_err(|e| ConfigurationError::Parse(path.to_owned(), e))
}
