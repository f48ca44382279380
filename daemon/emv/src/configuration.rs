//! What a terminal must be told: its capabilities, the applications it accepts, the certification authorities' keys.
//!
//! Everything is read from the terminal's configuration file through serde; elements are hexadecimal text as the
//! books write them. [`Configuration::validate`] says what is wrong with a configuration as a whole.

mod contactless;

pub use contactless::{Contactless, ContactlessLimits};

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use crate::{
    date::Date,
    hex::{self, Bytes, Fixed},
};

/// Everything that a kernel is told about its terminal; one for all transactions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// The terminal itself.
    #[serde(default)]
    pub terminal: Terminal,
    /// The contactless reader. Default: there is none, or it is not used.
    #[serde(default)]
    pub contactless: Option<Contactless>,
    /// The applications accepted, in the terminal's order.
    pub applications: Vec<Application>,
    /// The certification authorities' public keys.
    #[serde(default)]
    pub authority_keys: Vec<AuthorityKey>,
    /// Issuer certificates that a certification authority has revoked.
    #[serde(default)]
    pub revoked_certificates: Vec<RevokedCertificate>,
    /// Response codes (field 39) that approve: for these the card is asked for a TC. Default: 00, 10, 11 and the
    /// "flawed success" codes A2, A4, A5, A6 of the UnionPay list.
    #[serde(default = "approving_codes")]
    pub approving_codes: Vec<String>,
}

fn approving_codes() -> Vec<String> {
    ["00", "10", "11", "A2", "A4", "A5", "A6"].map(str::to_owned).to_vec()
}

/// The terminal's own data elements and abilities.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Terminal {
    /// 9F35, terminal type (Book 4 Annex A1): 21 attended online-only, 22 attended offline with online capability.
    pub terminal_type: Fixed<1>,
    /// 9F33, terminal capabilities (Book 4 Annex A2).
    pub capabilities: Fixed<3>,
    /// 9F40, additional terminal capabilities (Book 4 Annex A3).
    pub additional_capabilities: Fixed<5>,
    /// 9F1A, country code, ISO 3166 numeric in BCD.
    pub country: Fixed<2>,
    /// 5F36, number of minor digits of the transaction's currency.
    pub currency_exponent: u8,
    /// 9F1E, serial number of the interface device: up to 8 printable ASCII characters, blank-padded.
    pub serial_number: String,
    /// 9F01, acquirer identifier.
    pub acquirer: Option<Fixed<6>>,
    /// 9F15, merchant category code in BCD.
    pub merchant_category: Option<Fixed<2>>,
    /// 9F16, merchant identifier: 15 characters.
    pub merchant: Option<String>,
    /// 9F1C, terminal identification: 8 characters.
    pub identification: Option<String>,
    /// 9F4E, merchant name and location.
    pub merchant_name: Option<String>,
    /// Whether the payment system environment (1PAY.SYS.DDF01) is tried before the list of AIDs.
    pub payment_system_environment: bool,
    /// Whether a cardholder can choose from a list (the terminal has a display for it).
    pub cardholder_selection: bool,
    /// Whether a cardholder can confirm a single application.
    pub cardholder_confirmation: bool,
}

impl Default for Terminal {
    fn default() -> Self {
        Self {
            terminal_type: Fixed([0x22]),
            // Manual entry, magnetic stripe, chip; offline PIN plaintext and enciphered, online PIN, signature, no CVM;
            // SDA, DDA, CDA.
            capabilities: Fixed([0xE0, 0xF8, 0xC8]),
            // Goods and services; all keys; attendant and cardholder print and display; code table 1.
            additional_capabilities: Fixed([0x60, 0x00, 0xF0, 0xF0, 0x01]),
            country: Fixed([0x01, 0x56]),
            currency_exponent: 2,
            serial_number: String::from("00000001"),
            acquirer: None,
            merchant_category: None,
            merchant: None,
            identification: None,
            merchant_name: None,
            payment_system_environment: true,
            cardholder_selection: true,
            cardholder_confirmation: true,
        }
    }
}

impl Terminal {
    /// 9F33 byte 2: plaintext PIN for the card's own check.
    pub fn plaintext_pin(&self) -> bool {
        self.capabilities[1] & 0x80 != 0
    }

    /// 9F33 byte 2: enciphered PIN for the issuer's check.
    pub fn online_pin(&self) -> bool {
        self.capabilities[1] & 0x40 != 0
    }

    /// 9F33 byte 2: signature on paper.
    pub fn signature(&self) -> bool {
        self.capabilities[1] & 0x20 != 0
    }

    /// 9F33 byte 2: enciphered PIN for the card's own check.
    pub fn enciphered_pin(&self) -> bool {
        self.capabilities[1] & 0x10 != 0
    }

    /// 9F33 byte 2: no verification of the cardholder.
    pub fn no_cvm(&self) -> bool {
        self.capabilities[1] & 0x08 != 0
    }

    /// 9F33 byte 3: static data authentication.
    pub fn sda(&self) -> bool {
        self.capabilities[2] & 0x80 != 0
    }

    /// 9F33 byte 3: dynamic data authentication.
    pub fn dda(&self) -> bool {
        self.capabilities[2] & 0x40 != 0
    }

    /// 9F33 byte 3: combined data authentication.
    pub fn cda(&self) -> bool {
        self.capabilities[2] & 0x08 != 0
    }

    /// Whether names in this part of ISO/IEC 8859 can be shown (9F40 bytes 4 and 5).
    pub fn code_table(&self, part: u8) -> bool {
        match part {
            1..=8 => self.additional_capabilities[4] & (1 << (part - 1)) != 0,
            9 | 10 => self.additional_capabilities[3] & (1 << (part - 9)) != 0,
            _ => false,
        }
    }

    /// Whether the terminal is a cash dispenser (type 14, 15, 16 with the cash bit of 9F40; Book 4 Annex A1).
    pub fn cash_dispenser(&self) -> bool {
        matches!(self.terminal_type[0], 0x14..=0x16) && self.additional_capabilities[0] & 0x80 != 0
    }

    /// Whether the terminal is unattended (the second digit of the type is 4, 5 or 6).
    pub fn unattended(&self) -> bool {
        matches!(self.terminal_type[0] & 0x0F, 4..=6)
    }
}

/// One application that the terminal accepts, and the acquirer's parameters for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Application {
    /// The application identifier, 5 to 16 bytes.
    pub aid: Bytes,
    /// What the cardholder is shown where the card names nothing.
    #[serde(default)]
    pub name: String,
    /// Whether card applications with a longer name are accepted too (application selection indicator, Book 1 §12.3.1).
    #[serde(default = "yes")]
    pub partial_selection: bool,
    /// 9F09, the terminal's application version.
    #[serde(default = "version")]
    pub version: Fixed<2>,
    /// Terminal action code, denial. Default: no bit (Book 3 §10.7).
    #[serde(default)]
    pub action_code_denial: Option<Fixed<5>>,
    /// Terminal action code, online. Default: every bit.
    #[serde(default)]
    pub action_code_online: Option<Fixed<5>>,
    /// Terminal action code, default (used when unable to go online). Default: every bit.
    #[serde(default)]
    pub action_code_default: Option<Fixed<5>>,
    /// 9F1B, floor limit in minor units: an amount below it may be approved offline where the terminal's policy allows
    /// that. Default 0: none.
    #[serde(default)]
    pub floor_limit: u32,
    /// Random selection.
    #[serde(default)]
    pub random_selection: RandomSelection,
    /// The DDOL used where the card has none. It must ask for 9F37.
    #[serde(default = "ddol")]
    pub default_ddol: Bytes,
    /// The TDOL used where the card has none. Default: empty.
    #[serde(default)]
    pub default_tdol: Bytes,
    /// 9F1D, terminal risk management data.
    #[serde(default)]
    pub risk_data: Option<Bytes>,
    /// The digits with which account numbers of this application begin. A card with another number is not accepted.
    /// Default: none given, every number is taken.
    #[serde(default)]
    pub account_prefixes: Vec<String>,
    /// Its limits at the contactless reader. Default: it is not taken there.
    #[serde(default)]
    pub contactless: Option<ContactlessLimits>,
}

/// Random transaction selection below the floor limit (Book 3 §10.6.2).
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RandomSelection {
    /// Threshold for biased selection, minor units, below the floor limit.
    pub threshold: u32,
    /// Target percentage, 0 to 99.
    pub target: u8,
    /// Maximum target percentage of the biased selection, 0 to 99, not below the target.
    pub maximum: u8,
}

fn yes() -> bool {
    true
}

fn version() -> Fixed<2> {
    Fixed([0x00, 0x30])
}

fn ddol() -> Bytes {
    Bytes(vec![0x9F, 0x37, 0x04])
}

impl Application {
    /// An application with the default parameters.
    pub fn new(aid: &[u8], name: &str) -> Self {
        Self {
            aid: Bytes::from(aid),
            name: name.to_owned(),
            partial_selection: true,
            version: version(),
            action_code_denial: None,
            action_code_online: None,
            action_code_default: None,
            floor_limit: 0,
            random_selection: RandomSelection::default(),
            default_ddol: ddol(),
            default_tdol: Bytes::default(),
            risk_data: None,
            account_prefixes: Vec::new(),
            contactless: None,
        }
    }

    /// The UnionPay applications that a sale accepts: debit (A000000333010101) and credit (A000000333010102).
    pub fn unionpay() -> Vec<Self> {
        vec![
            Self::new(&[0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x01], "UnionPay Debit"),
            Self::new(&[0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x02], "UnionPay Credit"),
        ]
    }

    /// The action codes: denial, online, default; where the configuration has none, the book's defaults (check 51).
    pub fn action_codes(&self) -> [[u8; 5]; 3] {
        [
            self.action_code_denial.map_or([0x00; 5], |code| code.0),
            self.action_code_online.map_or([0xFF; 5], |code| code.0),
            self.action_code_default.map_or([0xFF; 5], |code| code.0),
        ]
    }
}

/// A certification authority's public key whose checksum was verified; there is no other way to have one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AuthorityKeyText", into = "AuthorityKeyText")]
pub struct AuthorityKey {
    authority: [u8; 5],
    index: u8,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    expires: Option<Date>,
}

/// The words in which a configuration file tells of a certification authority's key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AuthorityKeyText {
    /// Registered application provider identifier (RID), the first five bytes of its AIDs.
    pub authority: Fixed<5>,
    /// 9F22, the key's index.
    pub index: Fixed<1>,
    /// The modulus, up to 248 bytes.
    pub modulus: Bytes,
    /// The exponent: 03 or 010001.
    pub exponent: Bytes,
    /// SHA-1 over RID, index, modulus and exponent.
    pub checksum: Fixed<20>,
    /// The last day on which the key may be used, YYMMDD. Default: no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Fixed<3>>,
}

/// Why a certification authority's key is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityKeyError {
    /// The checksum does not match: a digit of the key is wrong.
    #[error("key {index:02X} of {authority}: SHA-1 is {computed}, not the checksum given; correct the key")]
    Checksum {
        /// The RID.
        authority: String,
        /// The index.
        index: u8,
        /// The checksum that the given key has.
        computed: String,
    },
    /// The modulus has a length or form that no key has.
    #[error("key {0:02X}: the modulus must be an odd number of 64 to 248 bytes without leading zeros")]
    Modulus(u8),
    /// The exponent is neither 3 nor 65537.
    #[error("key {0:02X}: the exponent must be 03 or 010001")]
    Exponent(u8),
    /// The expiry is no day.
    #[error("key {0:02X}: `expires` must be a day written YYMMDD")]
    Expires(u8),
}

impl AuthorityKey {
    /// A key, if its form is good and its SHA-1 checksum over RID, index, modulus and exponent is the one given.
    pub fn new(
        authority: [u8; 5],
        index: u8,
        modulus: &[u8],
        exponent: &[u8],
        checksum: &[u8; 20],
        expires: Option<Date>,
    ) -> Result<Self, AuthorityKeyError> {
        let odd = modulus.last().is_some_and(|byte| byte & 1 == 1);
        if !(64..=248).contains(&modulus.len()) || modulus.first() == Some(&0) || !odd {
            return Err(AuthorityKeyError::Modulus(index));
        }
        if exponent != [3] && exponent != [1, 0, 1] {
            return Err(AuthorityKeyError::Exponent(index));
        }
        let computed = Self::checksum(&authority, index, modulus, exponent);
        if computed != *checksum {
            let authority = hex::encode(&authority);
            return Err(AuthorityKeyError::Checksum { authority, index, computed: hex::encode(&computed) });
        }
        Ok(Self { authority, index, modulus: modulus.to_vec(), exponent: exponent.to_vec(), expires })
    }

    /// SHA-1 over RID, index, modulus and exponent (Book 2 §11.2.2).
    pub fn checksum(authority: &[u8; 5], index: u8, modulus: &[u8], exponent: &[u8]) -> [u8; 20] {
        let mut hash = Sha1::new();
        hash.update(authority);
        hash.update([index]);
        hash.update(modulus);
        hash.update(exponent);
        hash.finalize().into()
    }

    /// The RID.
    pub fn authority(&self) -> &[u8; 5] {
        &self.authority
    }

    /// The index.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The modulus.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The last day on which the key may be used.
    pub fn expires(&self) -> Option<Date> {
        self.expires
    }
}

impl TryFrom<AuthorityKeyText> for AuthorityKey {
    type Error = AuthorityKeyError;

    fn try_from(text: AuthorityKeyText) -> Result<Self, AuthorityKeyError> {
        let index = text.index[0];
        let expires = match text.expires {
            None => None,
            Some(day) => Some(Date::from_bcd(&day.0).ok_or(AuthorityKeyError::Expires(index))?),
        };
        Self::new(text.authority.0, index, &text.modulus, &text.exponent, &text.checksum, expires)
    }
}

impl From<AuthorityKey> for AuthorityKeyText {
    fn from(key: AuthorityKey) -> Self {
        let checksum = AuthorityKey::checksum(&key.authority, key.index, &key.modulus, &key.exponent);
        Self {
            authority: Fixed(key.authority),
            index: Fixed([key.index]),
            modulus: Bytes(key.modulus),
            exponent: Bytes(key.exponent),
            checksum: Fixed(checksum),
            expires: key.expires.map(|day| Fixed(day.to_bcd())),
        }
    }
}

/// An issuer certificate that its certification authority has revoked (Book 2 §5.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RevokedCertificate {
    /// The RID.
    pub authority: Fixed<5>,
    /// The index of the authority's key.
    pub index: Fixed<1>,
    /// The certificate's serial number.
    pub serial: Fixed<3>,
}

/// What is wrong with a configuration as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// No application is configured.
    #[error("no application is configured: list at least one AID under `applications`")]
    NoApplication,
    /// An AID is too short or too long.
    #[error("application {0}: an AID has 5 to 16 bytes")]
    AidLength(Bytes),
    /// An AID is listed twice.
    #[error("application {0} is listed twice")]
    AidTwice(Bytes),
    /// The percentages of random selection.
    #[error("application {0}: random selection needs 0 <= target <= maximum <= 99")]
    RandomSelection(Bytes),
    /// A default DDOL without 9F37, or a list that is none.
    #[error("application {0}: `{1}` is not a data object list that serves (a DDOL asks for 9F37)")]
    DataObjectList(Bytes, &'static str),
    /// 9F1D has 1 to 8 bytes.
    #[error("application {0}: `risk-data` has 1 to 8 bytes")]
    RiskData(Bytes),
    /// An account prefix that is none.
    #[error("application {0}: each of `account-prefixes` has 1 to 19 digits")]
    AccountPrefix(Bytes),
    /// A terminal type that the kernel does not serve.
    #[error("terminal type {0} is not supported: use 21 or 22 (attended, online capable)")]
    TerminalType(Fixed<1>),
    /// A capability of 9F33 that the kernel does not have.
    #[error("terminal capabilities {0}: {1}")]
    Capability(Fixed<3>, &'static str),
    /// A text element that is too long or holds other than printable ASCII.
    #[error("terminal `{0}` must be {1} printable ASCII characters")]
    Text(&'static str, &'static str),
    /// A numeric code that is not decimal.
    #[error("terminal `{0}` must be decimal digits")]
    Numeric(&'static str),
    /// The currency exponent is one digit.
    #[error("terminal `currency-exponent` must be 0 to 9")]
    CurrencyExponent,
    /// A response code is two characters.
    #[error("approving code {0:?} must be two letters or digits")]
    ApprovingCode(String),
    /// No response code approves.
    #[error("`approving-codes` is empty: nothing could ever be approved")]
    NoApprovingCode,
    /// The same key twice.
    #[error("key {1:02X} of {0} is listed twice")]
    KeyTwice(Fixed<5>, u8),
}

impl Configuration {
    /// A configuration for the UnionPay debit and credit applications, with defaults and no keys.
    pub fn unionpay() -> Self {
        Self {
            terminal: Terminal::default(),
            contactless: None,
            applications: Application::unionpay(),
            authority_keys: Vec::new(),
            revoked_certificates: Vec::new(),
            approving_codes: approving_codes(),
        }
    }

    /// Everything that is wrong with this configuration; a terminal does not sell until the list is empty.
    ///
    /// A kernel that is given a configuration with faults does not panic, but what it does is not promised.
    pub fn validate(&self) -> Result<(), Vec<ConfigurationError>> {
        let mut errors = Vec::new();
        self.validate_terminal(&mut errors);
        self.validate_applications(&mut errors);
        if self.approving_codes.is_empty() {
            errors.push(ConfigurationError::NoApprovingCode);
        }
        for code in &self.approving_codes {
            if code.len() != 2 || !code.bytes().all(|b| b.is_ascii_alphanumeric()) {
                errors.push(ConfigurationError::ApprovingCode(code.clone()));
            }
        }
        for (place, key) in self.authority_keys.iter().enumerate() {
            let twin = |other: &AuthorityKey| other.authority == key.authority && other.index == key.index;
            if self.authority_keys[..place].iter().any(twin) {
                errors.push(ConfigurationError::KeyTwice(Fixed(key.authority), key.index));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn validate_terminal(&self, errors: &mut Vec<ConfigurationError>) {
        let terminal = &self.terminal;
        if !matches!(terminal.terminal_type[0], 0x21 | 0x22) {
            errors.push(ConfigurationError::TerminalType(terminal.terminal_type));
        }
        let capabilities = terminal.capabilities;
        if capabilities[0] & 0x20 == 0 {
            errors.push(ConfigurationError::Capability(
                capabilities,
                "the contact chip bit of byte 1 is not set",
            ));
        }
        let printable = |text: &str| text.bytes().all(|b| (0x20..=0x7E).contains(&b));
        let mut text = |name, wording, value: Option<&str>, most: usize, exact: bool| {
            if let Some(value) = value
                && (!printable(value)
                    || value.len() > most
                    || value.is_empty()
                    || (exact && value.len() != most))
            {
                errors.push(ConfigurationError::Text(name, wording));
            }
        };
        text("serial-number", "1 to 8", Some(terminal.serial_number.as_str()), 8, false);
        text("merchant", "15", terminal.merchant.as_deref(), 15, true);
        text("identification", "8", terminal.identification.as_deref(), 8, true);
        text("merchant-name", "1 to 40", terminal.merchant_name.as_deref(), 40, false);
        let decimal = |bytes: &[u8]| bytes.iter().all(|byte| crate::date::bcd(*byte).is_some());
        if !decimal(&terminal.country.0) {
            errors.push(ConfigurationError::Numeric("country"));
        }
        if terminal.merchant_category.is_some_and(|code| !decimal(&code.0)) {
            errors.push(ConfigurationError::Numeric("merchant-category"));
        }
        if terminal.acquirer.is_some_and(|code| !decimal(&code.0)) {
            errors.push(ConfigurationError::Numeric("acquirer"));
        }
        if terminal.currency_exponent > 9 {
            errors.push(ConfigurationError::CurrencyExponent);
        }
    }

    fn validate_applications(&self, errors: &mut Vec<ConfigurationError>) {
        if self.applications.is_empty() {
            errors.push(ConfigurationError::NoApplication);
        }
        for (place, application) in self.applications.iter().enumerate() {
            let aid = &application.aid;
            if !(5..=16).contains(&aid.len()) {
                errors.push(ConfigurationError::AidLength(aid.clone()));
            }
            if self.applications[..place].iter().any(|other| other.aid == *aid) {
                errors.push(ConfigurationError::AidTwice(aid.clone()));
            }
            let random = application.random_selection;
            if random.maximum > 99 || random.target > random.maximum {
                errors.push(ConfigurationError::RandomSelection(aid.clone()));
            }
            let has_number = crate::dol::parse(&application.default_ddol)
                .is_some_and(|list| list.iter().any(|(tag, _)| *tag == crate::tags::UNPREDICTABLE_NUMBER));
            if !has_number {
                errors.push(ConfigurationError::DataObjectList(aid.clone(), "default-ddol"));
            }
            if crate::dol::parse(&application.default_tdol).is_none() {
                errors.push(ConfigurationError::DataObjectList(aid.clone(), "default-tdol"));
            }
            if application.risk_data.as_ref().is_some_and(|data| !(1..=8).contains(&data.len())) {
                errors.push(ConfigurationError::RiskData(aid.clone()));
            }
            if application
                .account_prefixes
                .iter()
                .any(|prefix| crate::digits::Digits::from_text(prefix).is_none())
            {
                errors.push(ConfigurationError::AccountPrefix(aid.clone()));
            }
        }
    }

    /// The application whose AID the given name equals or extends; the longest AID wins.
    pub fn application_for(&self, name: &[u8]) -> Option<&Application> {
        self.applications
            .iter()
            .filter(|application| {
                let aid: &[u8] = &application.aid;
                name == aid || (application.partial_selection && name.starts_with(aid))
            })
            .max_by_key(|application| application.aid.len())
    }

    /// The key of this authority and index, if it may be used on that day.
    pub fn authority_key(&self, authority: &[u8], index: u8, today: Date) -> Option<&AuthorityKey> {
        self.authority_keys.iter().find(|key| {
            key.authority == authority && key.index == index && key.expires.is_none_or(|last| today <= last)
        })
    }

    /// Whether this certificate was revoked.
    pub fn revoked(&self, authority: &[u8], index: u8, serial: &[u8]) -> bool {
        self.revoked_certificates.iter().any(|entry| {
            entry.authority.0 == authority && entry.index.0 == [index] && entry.serial.0 == serial
        })
    }

    /// Whether this response code (field 39, two ASCII characters) approves.
    pub fn approves(&self, code: &[u8; 2]) -> bool {
        self.approving_codes.iter().any(|approving| approving.as_bytes() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_text(checksum: [u8; 20]) -> AuthorityKeyText {
        AuthorityKeyText {
            authority: Fixed([0xA0, 0, 0, 3, 0x33]),
            index: Fixed([0x80]),
            modulus: Bytes([vec![0xC1; 127], vec![0x01]].concat()),
            exponent: Bytes(vec![3]),
            checksum: Fixed(checksum),
            expires: None,
        }
    }

    #[test]
    fn check_26_peer_fault_3_a_key_with_a_wrong_checksum_is_refused() {
        let text = key_text([0; 20]);
        let good = AuthorityKey::checksum(&text.authority.0, text.index[0], &text.modulus, &text.exponent);
        assert!(AuthorityKey::try_from(key_text(good)).is_ok());
        let mut wrong = key_text(good);
        wrong.modulus.0[5] ^= 1;
        let error = AuthorityKey::try_from(wrong).unwrap_err();
        assert!(matches!(error, AuthorityKeyError::Checksum { index: 0x80, .. }), "{error}");
        // And so through a configuration file.
        let written = serde_json::to_string(&key_text([7; 20])).unwrap();
        assert!(serde_json::from_str::<AuthorityKey>(&written).is_err());
        let written = serde_json::to_string(&key_text(good)).unwrap();
        let key: AuthorityKey = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&key).unwrap(), written);
    }

    #[test]
    fn check_27_keys_of_impossible_form_are_refused() {
        for (modulus, exponent) in [
            (vec![0xC1; 63], vec![3]),
            (vec![0xC1; 249], vec![3]),
            (vec![0xC0; 128], vec![3]),
            ([vec![0], vec![0xC1; 127]].concat(), vec![3]),
            (vec![0xC1; 128], vec![2]),
            (vec![0xC1; 128], vec![]),
        ] {
            let checksum = AuthorityKey::checksum(&[1; 5], 1, &modulus, &exponent);
            assert!(AuthorityKey::new([1; 5], 1, &modulus, &exponent, &checksum, None).is_err());
        }
    }

    #[test]
    fn the_default_configuration_is_valid() {
        assert_eq!(Configuration::unionpay().validate(), Ok(()));
    }

    #[test]
    fn validation_names_every_fault() {
        let mut configuration = Configuration::unionpay();
        configuration.terminal.capabilities = Fixed([0x00, 0xF8, 0xC8]);
        configuration.terminal.terminal_type = Fixed([0x24]);
        configuration.terminal.serial_number = String::from("much too long");
        configuration.terminal.country = Fixed([0x0A, 0x56]);
        configuration.terminal.currency_exponent = 12;
        configuration.approving_codes = vec![String::from("0")];
        let twin = configuration.applications[0].clone();
        configuration.applications.push(twin);
        let application = &mut configuration.applications[1];
        application.aid = Bytes(vec![0xA0]);
        application.random_selection = RandomSelection { threshold: 0, target: 90, maximum: 80 };
        application.default_ddol = Bytes(vec![0x9F, 0x02, 0x06]);
        application.default_tdol = Bytes(vec![0x9F]);
        application.risk_data = Some(Bytes(vec![0; 9]));
        application.account_prefixes = vec![String::from("62x")];
        let errors = configuration.validate().unwrap_err();
        assert_eq!(errors.len(), 13, "{errors:#?}");
        for error in errors {
            assert!(!error.to_string().is_empty());
        }
        configuration.applications.clear();
        assert!(configuration.validate().unwrap_err().contains(&ConfigurationError::NoApplication));
    }

    #[test]
    fn a_configuration_file_needs_only_the_aids() {
        let configuration: Configuration =
            serde_json::from_str(r#"{"applications":[{"aid":"A000000333010101"}]}"#).unwrap();
        assert_eq!(configuration.validate(), Ok(()));
        assert!(
            configuration.approves(b"00") && configuration.approves(b"A2") && !configuration.approves(b"05")
        );
        assert!(serde_json::from_str::<Configuration>(r#"{"applications":[],"unknown":1}"#).is_err());
    }

    #[test]
    fn check_26_an_expired_authority_key_is_not_found() {
        let text = key_text([0; 20]);
        let checksum = AuthorityKey::checksum(&text.authority.0, 0x80, &text.modulus, &text.exponent);
        let mut text = key_text(checksum);
        text.expires = Some(Fixed([0x26, 0x12, 0x31]));
        let mut configuration = Configuration::unionpay();
        configuration.authority_keys.push(text.try_into().unwrap());
        let authority = [0xA0, 0, 0, 3, 0x33];
        let last = Date::new(2026, 12, 31).unwrap();
        assert!(configuration.authority_key(&authority, 0x80, last).is_some());
        assert!(configuration.authority_key(&authority, 0x80, Date::new(2027, 1, 1).unwrap()).is_none());
        assert!(configuration.authority_key(&authority, 0x81, last).is_none());
    }
}
