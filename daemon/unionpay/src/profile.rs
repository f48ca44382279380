//! The acquirer profile: everything in which acquirers differ, as data (rule 9).

mod day;
mod qr;
mod stripe;

pub use day::{
    ContactlessTags, Downloads, ESignature, Fees, InstalmentLayout, Instalments, SignatureForm,
    SignatureTooLong, TipAmount, Tips,
};
pub use qr::{Qr, QrCoding, QrDialect, QrStep, RefundOriginal, ShownCode, ShownPayload, Silence, Wallet};
pub use stripe::{Fallback, Stripe};

use crate::answer::Answer;
use crate::field::FieldTable;
use crate::frame::{Header, Tpdu};
use crate::mti::Mti;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Everything in which acquirers differ, read from a TOML file. Every entry may be left out; an unknown one is
/// refused. `packaging/profiles/unionpay.toml` explains each entry to those who fill one in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Profile {
    /// Transport address of requests, ten hexadecimal digits. Default `6000030000`.
    pub tpdu: Tpdu,
    /// Header of messages with a card, twelve hexadecimal digits: class 61 (chip), software version, terminal status
    /// and 0, sub-version. Default `613100310000`.
    pub card_header: Header,
    /// Header of messages about a card that was swiped: class 60. Default `603100310000`.
    pub stripe_header: Header,
    /// Header of messages without a card. Default `603100310000`.
    pub management_header: Header,

    /// Longest wait for an answer, in seconds, 1 to 300. Default 60.
    pub reply_timeout_s: u16,
    /// Longest wait for a connection, in seconds, 1 to 60. Default 10.
    pub connect_timeout_s: u16,
    /// Tries of a reversal at once before it goes on in the background, 1 to 10. Default 3.
    pub reversal_quick_tries: u8,

    /// What the terminal master key and the work keys are for. With `sm4` the MAC is `unionpay-ecb`'s in blocks of 16
    /// bytes, the PIN block has 16 bytes, 60.3 of a sign-in is 005 or 006, and the second digit of field 53 is 3. Default
    /// `3des`.
    pub algorithm: KeyAlgorithm,
    /// How the MAC is made; with SM4 only the default. Default `unionpay-ecb`.
    pub mac_algorithm: MacAlgorithm,
    /// Whether a script result (0620) carries a MAC. Default false.
    pub mac_on_script_result: bool,
    /// Whether notices (0820: sign-out, echo) carry a MAC. Default false. Sign-in never does: it fetches the keys.
    pub mac_on_notices: bool,
    /// Whether an answer that is no approval must carry a MAC too. Default false: it may go without, but one that is
    /// there must be good.
    pub decline_needs_mac: bool,

    /// Response codes that approve. Default 00, 10, 11, A2, A4, A5, A6.
    pub approving_codes: Vec<String>,
    /// Response codes after which the terminal signs in again. Default 77, 99, A0.
    pub sign_in_again: Vec<String>,
    /// Response codes that end a reversal (rule 7). Default 00, 12, 25.
    pub reversal_end_codes: Vec<String>,
    /// Those of [`Self::reversal_end_codes`] that are believed without a good MAC. Default none.
    pub reversal_codes_without_mac: Vec<String>,
    /// Response codes that say that an advice has arrived. Default 00, 94.
    pub advice_success_codes: Vec<String>,

    /// Hours of tries after which an advice needs somebody's action, 1 to 8760; the silence between two tries counts
    /// as a day at most. Default 168.
    pub advice_expiry_h: u16,
    /// Most advices that are sent before an online transaction (自动上送笔数), 0 to 99; the rest goes when idle.
    /// Default 5.
    pub advices_before_sale: u8,

    /// Which keys a sign-in asks for (60.3; with SM4, 005 is sent for 003 and 006 for 004). Default `003`.
    pub sign_in_code: SignInCode,
    /// Operator in field 63 of a sign-in while nobody is logged in, two digits. Default `01`.
    pub sign_in_operator: String,
    /// How two digits of an operator fill the three characters of 63.1. Default `zero`.
    pub operator_layout: OperatorLayout,
    /// Bytes of the MAC key in field 62 of a sign-in answer, 8 or 16; with SM4, 16. Default 16, where a single-length key is
    /// followed by eight bytes of zero.
    pub mac_key_slot: u8,

    /// Most digits of a PIN, 4 to 12: the prompt's limit and field 26. Default 12.
    pub pin_maximum: u8,
    /// Field 53 of a message with a PIN block, 16 digits; with SM4, 3 is sent as the second. Default `2600000000000000`
    /// (PAN in the block, double-length key).
    pub field53: String,
    /// Field 22 of a chip card with PIN, three digits. Default `051`.
    pub field22_chip_pin: String,
    /// Field 22 of a chip card without PIN, three digits. Default `052`.
    pub field22_chip: String,
    /// Field 22 of a tapped card or phone with PIN, three digits. Default `071`.
    pub field22_contactless_pin: String,
    /// Field 22 of a tapped card or phone without PIN, three digits. Default `072`.
    pub field22_contactless: String,
    /// Field 22 of a swiped card with PIN, three digits. Default `021`.
    pub field22_stripe_pin: String,
    /// Field 22 of a swiped card without PIN, three digits. Default `022`.
    pub field22_stripe: String,
    /// Field 22 where no card was read, with PIN, three digits. Default `011`.
    pub field22_manual_pin: String,
    /// Field 22 where no card was read, without PIN, three digits. Default `012`.
    pub field22_manual: String,
    /// First digits of card numbers and their organisation (63.1, three letters); the longest match counts. The first
    /// entry's organisation stands for a number that no entry matches. Default CUP, and the international ones.
    pub organisations: Vec<(String, String)>,
    /// First digits of institution codes (field 44) and the bank's name on the slip, up to 20 characters; the longest match
    /// counts, and a code that none matches is printed as it is. Default: the large banks.
    pub institutions: Vec<(String, String)>,
    /// Whether the cardholder's copy shows no card number in full, whatever the type. Default false.
    pub mask_cardholder_copy: bool,
    /// What fills up an odd number of track characters, 0 or 15. Default 0.
    pub track_pad: u8,
    /// Largest length of field 60 in digits, 17 to 99. Default 19.
    pub field60_maximum: u16,
    /// 60.4, what the terminal can read: 5 chip, 6 chip and contactless. Default 5.
    pub read_capability: u8,
    /// Whether 60.6 is sent even where partial approval is not wanted, as 0. Default true.
    pub field60_always_partial: bool,

    /// Tags of field 55 in a request, hexadecimal.
    #[serde(with = "tags")]
    pub field55_request: Vec<u32>,
    /// Tags of field 55 in a reversal.
    #[serde(with = "tags")]
    pub field55_reversal: Vec<u32>,
    /// Tags of field 55 in the advice of an offline sale: 8A says `Y1` there.
    #[serde(with = "tags")]
    pub field55_offline: Vec<u32>,
    /// Tags of field 55 in a script result.
    #[serde(with = "tags")]
    pub field55_script_result: Vec<u32>,

    /// Whether settlement and batch upload (0500, 0320) carry a MAC. Default false.
    pub mac_on_settlement: bool,
    /// Whether downloads (60.3 = 36x to 39x) carry a MAC. Default false.
    pub mac_on_downloads: bool,
    /// Whether the terminal signs in again after a settlement, for the number of the new batch. Default false: it
    /// counts on by itself.
    pub sign_in_after_settlement: bool,
    /// 60.3 of the upload of a failed chip transaction after a balanced settlement, three digits. Default `204`.
    pub upload_failed_balanced: String,
    /// The same after an unbalanced settlement. Default `206`.
    pub upload_failed_unbalanced: String,
    /// Whether the goods that an app names go to the host, in field 57. Default false.
    pub goods_in_57: bool,
    /// Whether field 62 of a parameter answer begins with a paging character, as those of the other sets do. Default
    /// false.
    pub parameters_flag: bool,
    /// How the blacklist's entries stand in field 62. Default `length-digits`.
    pub blacklist_layout: BlacklistLayout,
    /// The acquirer's help line (客服电话), up to 20 characters, empty for none. Default 95516.
    pub help_line: String,
    /// A completion may be so many hundredths of its pre-authorisation, 100 to 999. Default 115.
    pub completion_percent: u16,
    /// For how many days a pre-authorisation may be completed, 1 to 365; its card data is kept so long. Default 30.
    pub pre_auth_days: u16,
    /// Whether phone orders (card number typed on the PIN pad) are offered. Default false.
    pub phone_orders: bool,

    /// Cards that are swiped.
    pub stripe: Stripe,
    /// Payment in instalments.
    pub instalments: Instalments,
    /// Tips.
    pub tips: Tips,
    /// What the tags of contactless parameters mean.
    pub contactless_tags: ContactlessTags,
    /// Ages of downloads.
    pub downloads: Downloads,
    /// Upload of signatures.
    pub e_signature: ESignature,
    /// Estimated merchant fees.
    pub fees: Fees,
    /// QR payments.
    pub qr: Qr,
}

/// How the blacklist's entries stand in field 62, after the paging character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlacklistLayout {
    /// Two ASCII digits of length, then as many digits of the card number or its beginning.
    LengthDigits,
    /// Twenty ASCII digits, zeros on the left.
    #[serde(rename = "fixed-20")]
    Fixed20,
}

/// A BER-TLV tag of one to three bytes, written as hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(pub u32);

impl TryFrom<String> for Tag {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let tag = matches!(text.len(), 2 | 4 | 6).then(|| u32::from_str_radix(&text, 16).ok()).flatten();
        let error = || format!("{text:?} is no tag; write 2, 4 or 6 hexadecimal digits");
        tag.filter(|tag| *tag != 0).map(Self).ok_or_else(error)
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        format!("{:02X}", tag.0)
    }
}

/// What the keys of the host link are for; the secure module has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// DES and 3DES.
    #[serde(rename = "3des")]
    TripleDes,
    /// SM4 (GB/T 32907).
    #[serde(rename = "sm4")]
    Sm4,
}

/// How a MAC is made; the secure module does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MacAlgorithm {
    /// The POS centre's: XOR of blocks, hexadecimal, two encipherments.
    #[serde(rename = "unionpay-ecb")]
    UnionPayEcb,
    /// ANSI X9.19: CBC with the left half, last block through both halves.
    #[serde(rename = "x919")]
    X919,
}

/// Which keys a sign-in asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignInCode {
    /// PIN key and MAC key, double length.
    #[serde(rename = "003")]
    Double,
    /// The same and a track key.
    #[serde(rename = "004")]
    DoubleWithTrack,
}

impl SignInCode {
    /// The three digits of 60.3.
    pub fn digits(self, algorithm: KeyAlgorithm) -> &'static str {
        match (algorithm, self) {
            (KeyAlgorithm::TripleDes, Self::Double) => "003",
            (KeyAlgorithm::TripleDes, Self::DoubleWithTrack) => "004",
            (KeyAlgorithm::Sm4, Self::Double) => "005",
            (KeyAlgorithm::Sm4, Self::DoubleWithTrack) => "006",
        }
    }
}

/// How two digits of an operator fill three characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorLayout {
    /// `001`.
    Zero,
    /// `01 `.
    Blank,
}

/// First digits of card numbers and their organisation, as everybody knows them.
const ORGANISATIONS: [(&str, &str); 10] = [
    ("62", "CUP"),
    ("4", "VIS"),
    ("5", "MCC"),
    ("2", "MCC"),
    ("35", "JCB"),
    ("30", "DCC"),
    ("36", "DCC"),
    ("38", "DCC"),
    ("34", "AMX"),
    ("37", "AMX"),
];

/// First digits of institution codes (机构代码) and their banks, as everybody knows them.
const INSTITUTIONS: [(&str, &str); 15] = [
    ("0100", "邮储银行"),
    ("0102", "工商银行"),
    ("0103", "农业银行"),
    ("0104", "中国银行"),
    ("0105", "建设银行"),
    ("0301", "交通银行"),
    ("0302", "中信银行"),
    ("0303", "光大银行"),
    ("0304", "华夏银行"),
    ("0305", "民生银行"),
    ("0306", "广发银行"),
    ("0307", "平安银行"),
    ("0308", "招商银行"),
    ("0309", "兴业银行"),
    ("0310", "浦发银行"),
];

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(prefix, name)| ((*prefix).to_owned(), (*name).to_owned())).collect()
}

/// The name that stands beside the longest beginning of `number`.
fn longest_match<'a>(table: &'a [(String, String)], number: &str) -> Option<&'a str> {
    let matching = table.iter().filter(|(prefix, _)| number.starts_with(prefix.as_str()));
    matching.max_by_key(|(prefix, _)| prefix.len()).map(|(_, name)| name.as_str())
}

impl Default for Profile {
    fn default() -> Self {
        let codes = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect();
        Self {
            tpdu: Tpdu([0x60, 0x00, 0x03, 0x00, 0x00]),
            card_header: Header([0x61, 0x31, 0x00, 0x31, 0x00, 0x00]),
            stripe_header: Header([0x60, 0x31, 0x00, 0x31, 0x00, 0x00]),
            management_header: Header([0x60, 0x31, 0x00, 0x31, 0x00, 0x00]),
            reply_timeout_s: 60,
            connect_timeout_s: 10,
            reversal_quick_tries: 3,
            algorithm: KeyAlgorithm::TripleDes,
            mac_algorithm: MacAlgorithm::UnionPayEcb,
            mac_on_script_result: false,
            mac_on_notices: false,
            decline_needs_mac: false,
            approving_codes: codes(&["00", "10", "11", "A2", "A4", "A5", "A6"]),
            sign_in_again: codes(&["77", "99", "A0"]),
            reversal_end_codes: codes(&["00", "12", "25"]),
            reversal_codes_without_mac: Vec::new(),
            advice_success_codes: codes(&["00", "94"]),
            advice_expiry_h: 168,
            advices_before_sale: 5,
            sign_in_code: SignInCode::Double,
            sign_in_operator: "01".to_owned(),
            operator_layout: OperatorLayout::Zero,
            mac_key_slot: 16,
            pin_maximum: 12,
            field53: "2600000000000000".to_owned(),
            field22_chip_pin: "051".to_owned(),
            field22_chip: "052".to_owned(),
            field22_contactless_pin: "071".to_owned(),
            field22_contactless: "072".to_owned(),
            field22_stripe_pin: "021".to_owned(),
            field22_stripe: "022".to_owned(),
            field22_manual_pin: "011".to_owned(),
            field22_manual: "012".to_owned(),
            organisations: pairs(&ORGANISATIONS),
            track_pad: 0,
            field60_maximum: 19,
            read_capability: 5,
            field60_always_partial: true,
            field55_request: vec![
                0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A,
                0x9F03, 0x9F33, 0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41,
            ],
            field55_offline: vec![
                0x9F26, 0x9F27, 0x9F10, 0x9F37, 0x9F36, 0x95, 0x9A, 0x9C, 0x9F02, 0x5F2A, 0x82, 0x9F1A,
                0x9F03, 0x9F33, 0x9F34, 0x9F35, 0x9F1E, 0x84, 0x9F09, 0x9F41, 0x8A,
            ],
            field55_reversal: vec![0x95, 0x9F1E, 0x9F10, 0x9F36, 0xDF31],
            field55_script_result: vec![
                0x9F33, 0x95, 0x9F37, 0x9F1E, 0x9F10, 0x9F26, 0x9F36, 0x82, 0xDF31, 0x9F1A, 0x9A,
            ],
            mac_on_settlement: false,
            mac_on_downloads: false,
            sign_in_after_settlement: false,
            upload_failed_balanced: "204".to_owned(),
            upload_failed_unbalanced: "206".to_owned(),
            goods_in_57: false,
            parameters_flag: false,
            blacklist_layout: BlacklistLayout::LengthDigits,
            help_line: "95516".to_owned(),
            institutions: pairs(&INSTITUTIONS),
            mask_cardholder_copy: false,
            completion_percent: 115,
            pre_auth_days: 30,
            phone_orders: false,
            stripe: Stripe::default(),
            instalments: Instalments::default(),
            tips: Tips::default(),
            contactless_tags: ContactlessTags::default(),
            downloads: Downloads::default(),
            e_signature: ESignature::default(),
            fees: Fees::default(),
            qr: Qr::default(),
        }
    }
}

/// An entry of a profile that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("profile entry {entry}: {problem}")]
pub struct ProfileError {
    /// Name of the entry, as in the file; of a list with the place from 0, as in `qr.wallets[1].prefixes`.
    pub entry: Cow<'static, str>,
    /// What it must be.
    pub problem: &'static str,
}

/// Objects that name the card or hold its tracks: the reversal's field 55 is kept on disk (rule 10).
const CARD_TAGS: [u32; 7] = [0x56, 0x57, 0x5A, 0x5F20, 0x5F24, 0x9F1F, 0x9F6B];

impl Profile {
    /// Checks what the types do not: ranges, digits, and codes that contradict each other.
    ///
    /// # Errors
    /// The first entry that cannot be, with what it must be.
    pub fn validate(&self) -> Result<(), ProfileError> {
        let must = |good: bool, entry: &'static str, problem| {
            if good { Ok(()) } else { Err(ProfileError { entry: entry.into(), problem }) }
        };
        let digits =
            |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        must(self.tpdu.0[0] == 0x60, "tpdu", "must begin with 60")?;
        for (entry, header) in [
            ("card_header", self.card_header),
            ("stripe_header", self.stripe_header),
            ("management_header", self.management_header),
        ] {
            must(header.requirement().nibble() == 0, entry, "the sixth digit belongs to the host: write 0")?;
        }
        must((1..=300).contains(&self.reply_timeout_s), "reply_timeout_s", "must lie in 1 to 300")?;
        must((1..=60).contains(&self.connect_timeout_s), "connect_timeout_s", "must lie in 1 to 60")?;
        must((1..=365).contains(&self.pre_auth_days), "pre_auth_days", "must lie in 1 to 365")?;
        self.stripe.validate()?;
        self.instalments.validate()?;
        self.tips.validate()?;
        must((100..=999).contains(&self.completion_percent), "completion_percent", "must lie in 100 to 999")?;
        must((1..=10).contains(&self.reversal_quick_tries), "reversal_quick_tries", "must lie in 1 to 10")?;
        for (entry, codes) in [
            ("approving_codes", &self.approving_codes),
            ("sign_in_again", &self.sign_in_again),
            ("reversal_end_codes", &self.reversal_end_codes),
            ("reversal_codes_without_mac", &self.reversal_codes_without_mac),
            ("advice_success_codes", &self.advice_success_codes),
        ] {
            let good =
                codes.iter().all(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphanumeric()));
            must(good, entry, "each code is two letters or digits")?;
        }
        let has = |codes: &[String], code: &str| codes.iter().any(|c| c == code);
        must(has(&self.approving_codes, "00"), "approving_codes", "must hold 00")?;
        must(has(&self.reversal_end_codes, "00"), "reversal_end_codes", "must hold 00")?;
        must(has(&self.advice_success_codes, "00"), "advice_success_codes", "must hold 00")?;
        must(
            !self.sign_in_again.iter().any(|code| self.approves(code)),
            "sign_in_again",
            "must hold no code that approves",
        )?;
        must(
            self.reversal_codes_without_mac.iter().all(|code| self.ends_reversal(code)),
            "reversal_codes_without_mac",
            "must be among reversal_end_codes",
        )?;
        must((1..=8_760).contains(&self.advice_expiry_h), "advice_expiry_h", "must lie in 1 to 8760")?;
        must(self.advices_before_sale <= 99, "advices_before_sale", "must lie in 0 to 99")?;
        must(digits(&self.sign_in_operator, 2), "sign_in_operator", "must be two digits")?;
        must(matches!(self.mac_key_slot, 8 | 16), "mac_key_slot", "must be 8 or 16")?;
        if self.algorithm == KeyAlgorithm::Sm4 {
            let ecb = self.mac_algorithm == MacAlgorithm::UnionPayEcb;
            must(ecb, "mac_algorithm", "must be unionpay-ecb with sm4")?;
            must(self.mac_key_slot == 16, "mac_key_slot", "must be 16 with sm4")?;
        }
        must((4..=12).contains(&self.pin_maximum), "pin_maximum", "must lie in 4 to 12")?;
        must(digits(&self.field53, 16), "field53", "must be 16 digits")?;
        // 1 would say that it is not in the block that the secure module makes.
        must(
            self.field53.starts_with('2'),
            "field53",
            "must begin with 2: the account number is in the PIN block",
        )?;
        must(digits(&self.field22_chip_pin, 3), "field22_chip_pin", "must be three digits")?;
        must(digits(&self.field22_chip, 3), "field22_chip", "must be three digits")?;
        must(digits(&self.field22_contactless_pin, 3), "field22_contactless_pin", "must be three digits")?;
        must(digits(&self.field22_contactless, 3), "field22_contactless", "must be three digits")?;
        must(digits(&self.field22_stripe_pin, 3), "field22_stripe_pin", "must be three digits")?;
        must(digits(&self.field22_stripe, 3), "field22_stripe", "must be three digits")?;
        must(digits(&self.field22_manual_pin, 3), "field22_manual_pin", "must be three digits")?;
        must(digits(&self.field22_manual, 3), "field22_manual", "must be three digits")?;
        must(
            !self.organisations.is_empty()
                && self.organisations.iter().all(|(prefix, name)| {
                    !prefix.is_empty()
                        && prefix.bytes().all(|b| b.is_ascii_digit())
                        && name.len() == 3
                        && name.bytes().all(|b| b.is_ascii_uppercase())
                }),
            "organisations",
            "must pair first digits with three capital letters",
        )?;
        must(
            self.institutions.iter().all(|(prefix, name)| {
                !prefix.is_empty()
                    && prefix.bytes().all(|b| b.is_ascii_alphanumeric())
                    && (1..=20).contains(&name.chars().count())
                    && !name.chars().any(char::is_control)
            }),
            "institutions",
            "must pair first characters of a code with a name of up to 20 characters",
        )?;
        must(matches!(self.track_pad, 0 | 15), "track_pad", "must be 0 or 15")?;
        must((17..=99).contains(&self.field60_maximum), "field60_maximum", "must lie in 17 to 99")?;
        must(self.read_capability <= 9, "read_capability", "must be one digit")?;
        let has_cryptogram = self.field55_request.contains(&0x9F26);
        must(has_cryptogram, "field55_request", "must hold 9F26, the cryptogram")?;
        for (entry, tags) in [
            ("field55_request", &self.field55_request),
            ("field55_reversal", &self.field55_reversal),
            ("field55_offline", &self.field55_offline),
            ("field55_script_result", &self.field55_script_result),
        ] {
            let named = tags.iter().any(|tag| CARD_TAGS.contains(tag));
            must(!named, entry, "must hold no object with the card's number, track, name or expiry")?;
        }
        for (entry, code) in [
            ("upload_failed_balanced", &self.upload_failed_balanced),
            ("upload_failed_unbalanced", &self.upload_failed_unbalanced),
        ] {
            must(digits(code, 3), entry, "must be three digits")?;
        }
        let line = &self.help_line;
        let good = line.len() <= 20 && line.bytes().all(|b| b.is_ascii_digit() || b" +-,/".contains(&b));
        must(good, "help_line", "must be up to 20 digits, blanks and +-,/")?;
        self.contactless_tags.validate()?;
        day::validate(&self.fees, &self.downloads)?;
        self.e_signature.validate()?;
        self.qr.validate()
    }

    /// The organisation of a card number (63.1).
    pub fn organisation(&self, pan: &str) -> &str {
        let first = self.organisations.first().map_or("CUP", |(_, name)| name);
        longest_match(&self.organisations, pan).unwrap_or(first)
    }

    /// What the slip calls the bank of a code (44.1, 44.2); a code that is not in the table is its own name.
    pub fn institution<'a>(&'a self, code: &'a str) -> &'a str {
        longest_match(&self.institutions, code).unwrap_or(code)
    }

    /// The field table of this acquirer.
    pub fn table(&self) -> FieldTable {
        FieldTable::with(self.field60_maximum, self.track_pad, self.pin_block_bytes())
    }

    /// Bytes of field 52.
    fn pin_block_bytes(&self) -> u16 {
        match self.algorithm {
            KeyAlgorithm::TripleDes => 8,
            KeyAlgorithm::Sm4 => 16,
        }
    }

    /// Field 53 as it is sent.
    pub(crate) fn field53_sent(&self) -> Cow<'_, str> {
        match (self.algorithm, self.field53.split_at_checked(2)) {
            (KeyAlgorithm::Sm4, Some((_, rest))) => format!("23{rest}").into(),
            _ => self.field53.as_str().into(),
        }
    }

    /// Whether `code` approves.
    pub fn approves(&self, code: &str) -> bool {
        self.approving_codes.iter().any(|c| c == code)
    }

    /// Whether `code`, under a good MAC, ends a reversal (rule 7).
    pub fn ends_reversal(&self, code: &str) -> bool {
        self.reversal_end_codes.iter().any(|c| c == code)
    }

    /// Whether `code` ends a reversal even without a good MAC.
    pub fn ends_reversal_without_mac(&self, code: &str) -> bool {
        self.ends_reversal(code) && self.reversal_codes_without_mac.iter().any(|c| c == code)
    }

    /// Whether `code` says that an advice has arrived.
    pub fn accepts_advice(&self, code: &str) -> bool {
        self.advice_success_codes.iter().any(|c| c == code)
    }

    /// Whether messages of this type carry a MAC. A sign-in (0800) never does.
    pub fn macs(&self, mti: Mti) -> bool {
        match mti {
            Mti::SCRIPT_RESULT => self.mac_on_script_result,
            Mti::NOTICE => self.mac_on_notices,
            Mti::SETTLEMENT | Mti::UPLOAD => self.mac_on_settlement,
            Mti::MANAGEMENT => false,
            _ => true,
        }
    }

    /// 63.1, the operator in three characters: `operator` (two digits), or what stands there for nobody.
    pub fn operator63(&self, operator: Option<&str>) -> String {
        let operator = operator.unwrap_or(&self.sign_in_operator);
        match self.operator_layout {
            OperatorLayout::Zero => format!("{operator:0>3}"),
            OperatorLayout::Blank => format!("{operator:<3}"),
        }
    }

    /// Whether this answer counts only with a MAC: it approves, ends a reversal or settles an advice, and the
    /// profile does not waive the MAC for its code.
    pub fn needs_mac(&self, answer: &Answer) -> bool {
        let code = answer.response_code();
        let matters = match answer.mti() {
            Mti::REVERSAL_ANSWER if self.ends_reversal_without_mac(code) => return false,
            Mti::REVERSAL_ANSWER => self.ends_reversal(code),
            Mti::SCRIPT_RESULT_ANSWER | Mti::UPLOAD_ANSWER => self.accepts_advice(code),
            _ => self.approves(code),
        };
        matters || self.decline_needs_mac
    }
}

/// Tags as hexadecimal text.
mod tags {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(tags: &[u32], serializer: S) -> Result<S::Ok, S::Error> {
        tags.iter().map(|tag| format!("{tag:02X}")).collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let mut tags = Vec::with_capacity(texts.len());
        for text in texts {
            let tag =
                (matches!(text.len(), 2 | 4 | 6)).then(|| u32::from_str_radix(&text, 16).ok()).flatten();
            match tag.filter(|tag| *tag != 0) {
                Some(tag) if tags.contains(&tag) => {
                    return Err(D::Error::custom(format!("tag {text} is listed twice")));
                }
                Some(tag) => tags.push(tag),
                None => {
                    return Err(D::Error::custom(format!(
                        "{text:?} is no tag; write 2, 4 or 6 hexadecimal digits"
                    )));
                }
            }
        }
        Ok(tags)
    }
}
