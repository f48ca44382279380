//! What one run of the host is told: terminals, keys, cards and the switches in which acquirers differ.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::downloads::Downloads;

/// A terminal that the host knows.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminalSettings {
    /// Terminal number, field 41: exactly 8 characters.
    pub terminal: String,
    /// Merchant number, field 42: exactly 15 characters.
    pub merchant: String,
    /// Terminal master key, 32 hexadecimal digits (16 bytes).
    pub terminal_master_key: String,
    /// If given, the only operator number (field 63.1, up to 3 characters) that may sign in.
    #[serde(default)]
    pub operator: Option<String>,
    /// Batch number in force at start, 1 to 999999.
    #[serde(default = "first_batch")]
    pub batch: u32,
}

fn first_batch() -> u32 {
    1
}

/// What terminal master keys and work keys are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Algorithm {
    /// DES and 3DES; a sign-in asks by 003 or 004.
    #[default]
    #[serde(rename = "3des")]
    TripleDes,
    /// SM4; a sign-in asks by 005 or 006. [`Switches::mac_algorithm`] and [`Switches::mak`] count for nothing then.
    #[serde(rename = "sm4")]
    Sm4,
}

/// The way field 64 is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MacAlgorithm {
    /// UnionPay POS "ECB" MAC (reference 3.1).
    #[default]
    Ecb,
    /// CBC with a zero vector, last block (X9.9), 3DES when the key has two halves.
    Cbc,
    /// Retail MAC (X9.19). With a single-length key it equals [`MacAlgorithm::Cbc`].
    Retail,
}

/// The form in which the MAC key (MAK) is handed out at sign-in (reference 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MakForm {
    /// 8 key bytes, then 8 zero bytes, then the check value.
    #[default]
    Single,
    /// 16 key bytes, then the check value.
    Double,
    /// 8 key bytes, then the check value with no zero slot between.
    SingleShort,
}

/// Which work keys a sign-in answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyLayout {
    /// As field 60.3 of the request asks: 003 and 005 give PIN and MAC keys, 004 and 006 add the track key.
    #[default]
    Requested,
    /// Always PIN and MAC keys.
    Double,
    /// Always PIN, MAC and track keys.
    DoubleWithTrack,
}

/// What field 4 of an adjustment (60.1 = 32, 34) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdjustmentAmount {
    /// What is paid more.
    #[default]
    Extra,
    /// What is paid in all.
    Total,
}

/// How a wallet payment goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// Paid at once.
    Paid,
    /// Pending until this query (1 is the first), then paid.
    PaidAfter {
        /// Queries.
        queries: u32,
    },
    /// Pending until this query, then closed without being paid.
    ClosedAfter {
        /// Queries.
        queries: u32,
    },
    /// Pending until [`crate::Host::decide_wallet`], or the control socket, says.
    Pending,
}

/// How wallets pay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wallet {
    /// After the merchant has scanned the customer's code.
    pub customer_code: Course,
    /// After the customer was shown the merchant's code.
    pub merchant_code: Course,
    /// Response code of a payment that is pending.
    pub pending_code: String,
}

impl Default for Wallet {
    fn default() -> Self {
        Self {
            customer_code: Course::Paid,
            merchant_code: Course::PaidAfter { queries: 1 },
            pending_code: "09".into(),
        }
    }
}

/// The switches in which acquirers differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// MAC on 0820 and 0830 (sign-out, echo). Sign-in itself (0800, 0810) never has one.
    pub mac_on_management: bool,
    /// MAC on 0620 and 0630.
    pub mac_on_script_result: bool,
    /// MAC on answers that decline. False sends them without field 64.
    pub mac_on_declines: bool,
    /// What the keys are for.
    pub algorithm: Algorithm,
    /// How field 64 is computed.
    pub mac_algorithm: MacAlgorithm,
    /// Length and slot of the MAC key.
    pub mak: MakForm,
    /// Which keys a sign-in answer carries.
    pub key_layout: KeyLayout,
    /// Response code (field 39) for a reversal whose original booked nothing: "25" or "00".
    pub reversal_not_found: String,
    /// Response code for an original that comes after its reversal.
    pub late_original: String,
    /// Processing requirement of every response header, 0 to 9.
    pub requirement: u8,
    /// Every tag of the reference's request list must be in field 55. False asks only for those that the
    /// cryptogram covers.
    pub strict_field55: bool,
    /// What field 4 of an adjustment says.
    pub adjustment_amount: AdjustmentAmount,
    /// The count of a batch end must be that of the lines uploaded; else it is answered 30.
    pub strict_batch_count: bool,
    /// The checksum of every downloaded CA key is wrong.
    pub wrong_checksum: bool,
}

impl Switches {
    /// Bytes of field 52.
    pub(crate) fn pin_block(&self) -> usize {
        match self.algorithm {
            Algorithm::TripleDes => 8,
            Algorithm::Sm4 => 16,
        }
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            mac_on_management: false,
            mac_on_script_result: false,
            mac_on_declines: true,
            algorithm: Algorithm::TripleDes,
            mac_algorithm: MacAlgorithm::Ecb,
            mak: MakForm::Single,
            key_layout: KeyLayout::Requested,
            reversal_not_found: "25".into(),
            late_original: "22".into(),
            requirement: 0,
            strict_field55: true,
            adjustment_amount: AdjustmentAmount::Extra,
            strict_batch_count: true,
            wrong_checksum: false,
        }
    }
}

/// Everything that one host is told. `Default` holds the made-up test data that the test card and the test
/// configuration share.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Terminals that may sign in. Any other gets code 97.
    pub terminals: Vec<TerminalSettings>,
    /// Issuer master key for application cryptograms (IMK-AC), 32 hexadecimal digits.
    pub issuer_master_key: String,
    /// Known cards: PAN to PIN, both in digits. A card that is not here gets code 14.
    pub pins: BTreeMap<String, String>,
    /// Wrong PINs a card may have in a row, at least 1. The last one gets code 75, later tries 38.
    pub pin_tries: u32,
    /// What every account holds, in cents.
    pub balance: u64,
    /// What a terminal can download.
    pub downloads: Downloads,
    /// How wallets pay.
    pub wallet: Wallet,
    /// Seed of work keys, authorisation codes and garbling.
    pub seed: u64,
    /// The switches in which acquirers differ.
    pub switches: Switches,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            terminals: vec![TerminalSettings {
                terminal: "00000001".into(),
                merchant: "898000000000001".into(),
                terminal_master_key: "5D3B7A1C9E2F48608CA4B6D01357F92E".into(),
                operator: None,
                batch: 1,
            }],
            issuer_master_key: "2B7E4C19A3D05F8861F4029CB7E53D1A".into(),
            pins: BTreeMap::from([
                ("6212340000000019".into(), "1234".into()),
                ("6212340000000027".into(), "1234".into()),
                ("4761340000000019".into(), "1234".into()),
            ]),
            pin_tries: 3,
            balance: 1_000_000,
            downloads: Downloads::default(),
            wallet: Wallet::default(),
            seed: 1,
            switches: Switches::default(),
        }
    }
}

/// A setting that cannot be used, with what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError(pub String);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SettingsError {}

/// Reads a 16-byte key written in hexadecimal.
pub(crate) fn key(name: &str, text: &str) -> Result<[u8; 16], SettingsError> {
    unhex(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| SettingsError(format!("{name}: give 32 hexadecimal digits (16 bytes)")))
}

/// Reads hexadecimal digits; blanks are ignored. `None` for anything else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Upper-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}
