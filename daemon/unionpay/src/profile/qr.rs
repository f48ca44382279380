//! QR payments in the profile: whose code is whose, and how each dialect says what (reference 8).

use super::ProfileError;
use crate::mti::Mti;
use crate::qr::PaymentCode;
use crate::qr::merchant::{MerchantPayload, PayloadError, amount_text};
use serde::{Deserialize, Serialize};

/// QR payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Qr {
    /// Whether they are offered. Default false: which dialect an acquirer speaks must be known first.
    pub enabled: bool,
    /// Whose codes are accepted. Default UnionPay, WeChat and Alipay.
    pub wallets: Vec<Wallet>,
    /// How payments are coded. Default `field59` and `channel`.
    pub dialects: Vec<QrDialect>,
}

/// One wallet: which codes are its own, and in which dialect it is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wallet {
    /// Its name, in logs, totals and on the bus.
    pub name: String,
    /// First digits of its codes.
    pub prefixes: Vec<String>,
    /// Fewest digits of its codes.
    pub min_length: u8,
    /// Most digits of its codes, up to 32.
    pub max_length: u8,
    /// Name of its dialect.
    pub dialect: String,
    /// What field 44 of a request says, where the dialect tells wallets apart by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
}

/// How QR payments are coded. A step that is left out is not offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QrDialect {
    /// Its name.
    pub name: String,
    /// Field 22, three digits (032 code without PIN).
    pub field22: String,
    /// Field 25, two digits.
    pub field25: String,
    /// Whether field 59 tells about the terminal (A2).
    pub terminal_info: bool,
    /// Where the code comes from that the terminal shows (主扫).
    pub shown_code: ShownCode,
    /// Tag of the code to show in field 59 of the answer to `show`, two letters or digits. Default A3.
    #[serde(default = "shown_tag")]
    pub shown_tag: String,
    /// What a code says that the terminal makes; needed where `shown_code` is `terminal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<ShownPayload>,
    /// Response codes of a payment that the customer has not made yet. Default 09.
    #[serde(default = "pending_codes")]
    pub pending_codes: Vec<String>,
    /// How field 61 of a refund names the payment. Default by its date alone.
    #[serde(default)]
    pub refund_original: RefundOriginal,
    /// Smallest amount in minor units, at least 1.
    pub minimum: u64,
    /// Largest amount in minor units.
    pub maximum: u64,
    /// Days after the payment in which it can be refunded, 1 to 999.
    pub refund_days: u16,
    /// Whether its payments stand in the totals of a settlement (field 48). Default true.
    #[serde(default = "yes")]
    pub in_totals: bool,
    /// What is done after a payment that was not answered.
    pub silence: Silence,
    /// The terminal scans the customer's code (被扫).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale: Option<QrCoding>,
    /// The host gives a code that the terminal shows (主扫).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show: Option<QrCoding>,
    /// Asks what became of a payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<QrCoding>,
    /// Ends a payment of which nothing is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel: Option<QrCoding>,
    /// Takes a payment of this batch back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub void: Option<QrCoding>,
    /// Pays back; without it no refund is offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<QrCoding>,
}

fn yes() -> bool {
    true
}

fn shown_tag() -> String {
    "A3".to_owned()
}

fn pending_codes() -> Vec<String> {
    vec!["09".to_owned()]
}

/// What a code says that the terminal makes (EMVCo merchant-presented), beside amount and merchant name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShownPayload {
    /// Number of the account object: 2 to 51, UnionPay's are 15 and 16.
    pub account: u8,
    /// Its value, as the acquirer gave it.
    pub value: String,
    /// Merchant category code, four digits.
    pub category: String,
    /// Merchant name, 1 to 25 printable ASCII characters.
    pub name: String,
    /// Merchant city, 1 to 15 printable ASCII characters.
    pub city: String,
}

impl ShownPayload {
    /// The code for one payment over an amount, which names it by batch and trace (62.05).
    ///
    /// # Errors
    /// Where a value does not fit its object.
    pub fn code(
        &self,
        amount: u64,
        currency: u16,
        batch: u32,
        trace: u32,
        terminal: &str,
    ) -> Result<String, PayloadError> {
        let payload = MerchantPayload {
            once: Some(true),
            accounts: vec![(self.account, self.value.clone())],
            category: self.category.clone(),
            currency: format!("{currency:03}"),
            amount: Some(amount_text(amount, 2)),
            country: "CN".to_owned(),
            name: self.name.clone(),
            city: self.city.clone(),
            postal_code: None,
            additional: vec![(5, format!("{batch:06}{trace:06}")), (7, terminal.trim().to_owned())],
            others: Vec::new(),
        };
        payload.encode()
    }
}

/// How field 61 of a QR refund names the payment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefundOriginal {
    /// Zeros and the date (n16), as for cards.
    #[default]
    Date,
    /// Batch and trace (n12).
    Trace,
}

/// Type, processing code and kind of one step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QrCoding {
    /// Message type, four digits.
    pub mti: Mti,
    /// Field 3, six digits.
    pub processing_code: String,
    /// 60.1, two digits.
    pub kind: String,
}

/// One step of a QR payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QrStep {
    /// Pays with a scanned code.
    Sale,
    /// Asks for a code to show.
    Show,
    /// Asks what became of a payment.
    Query,
    /// Ends a payment of which nothing is known.
    Cancel,
    /// Takes a payment of this batch back.
    Void,
    /// Pays back.
    Refund,
}

impl QrStep {
    /// Whether it is about an earlier payment.
    pub fn has_original(self) -> bool {
        !matches!(self, Self::Sale | Self::Show)
    }
}

/// Where the code comes from that the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShownCode {
    /// None is shown.
    None,
    /// The host gives it in answer to `show`.
    Host,
    /// The terminal makes it (EMVCo merchant-presented) and learns by `query` whether it was paid.
    Terminal,
}

/// What is done after a payment that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Silence {
    /// It is reversed (0400), as a card's would be.
    Reverse,
    /// It is asked for; where it is not known to be paid then, it is cancelled.
    QueryThenCancel {
        /// Seconds before the first query, 1 to 300: the customer may be typing a password.
        first_wait_s: u16,
        /// Seconds between two queries, 1 to 300.
        wait_s: u16,
        /// Queries before it is cancelled, 1 to 100.
        queries: u8,
        /// Cancels at once before it goes on in the background, 1 to 10.
        cancels: u8,
    },
}

impl Qr {
    /// The wallet of this name.
    pub fn wallet(&self, name: &str) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.name == name)
    }

    /// The dialect of this name.
    pub fn dialect(&self, name: &str) -> Option<&QrDialect> {
        self.dialects.iter().find(|dialect| dialect.name == name)
    }

    /// The dialect of a wallet.
    pub fn dialect_of(&self, wallet: &str) -> Option<&QrDialect> {
        self.dialect(&self.wallet(wallet)?.dialect)
    }

    /// Whose code was scanned.
    pub fn wallet_of(&self, code: &PaymentCode) -> Option<&Wallet> {
        self.wallets.iter().find(|wallet| wallet.owns(code.reveal()))
    }

    pub(super) fn validate(&self) -> Result<(), ProfileError> {
        for (index, wallet) in self.wallets.iter().enumerate() {
            let must = |good, entry, problem| must(good, "wallets", index, entry, problem);
            must(!wallet.name.is_empty(), "name", "must not be empty")?;
            let earlier = self.wallets.get(..index).unwrap_or_default();
            must(earlier.iter().all(|w| w.name != wallet.name), "name", "stands there twice")?;
            let lengths = 1..=PaymentCode::MOST_DIGITS as u8;
            must(lengths.contains(&wallet.min_length), "min_length", "must lie in 1 to 32")?;
            must(lengths.contains(&wallet.max_length), "max_length", "must lie in 1 to 32")?;
            must(wallet.min_length <= wallet.max_length, "max_length", "must not be below min_length")?;
            let good = |prefix: &String| {
                let long = (1..=usize::from(wallet.min_length)).contains(&prefix.len());
                long && prefix.bytes().all(|byte| byte.is_ascii_digit())
            };
            let prefixes = !wallet.prefixes.is_empty() && wallet.prefixes.iter().all(good);
            must(prefixes, "prefixes", "must be digits, no more than min_length")?;
            must(earlier.iter().all(|w| !w.overlaps(wallet)), "prefixes", "claim codes of another wallet")?;
            must(self.dialect(&wallet.dialect).is_some(), "dialect", "must be the name of a dialect")?;
            let printable = |text: &String| text.bytes().all(|byte| (0x20..=0x7E).contains(&byte));
            let channel = wallet.channel.as_ref().is_none_or(|c| (1..=25).contains(&c.len()) && printable(c));
            must(channel, "channel", "must be 1 to 25 characters")?;
        }
        for (index, dialect) in self.dialects.iter().enumerate() {
            let earlier = self.dialects.get(..index).unwrap_or_default();
            let twice = earlier.iter().any(|d| d.name == dialect.name);
            must(!twice, "dialects", index, "name", "stands there twice")?;
            dialect.validate(index)?;
        }
        Ok(())
    }
}

impl Wallet {
    fn owns(&self, code: &str) -> bool {
        (usize::from(self.min_length)..=usize::from(self.max_length)).contains(&code.len())
            && self.prefixes.iter().any(|prefix| code.starts_with(prefix.as_str()))
    }

    fn overlaps(&self, other: &Self) -> bool {
        let lengths = self.min_length <= other.max_length && other.min_length <= self.max_length;
        let begins = |a: &String, b: &String| a.starts_with(b.as_str()) || b.starts_with(a.as_str());
        lengths && self.prefixes.iter().any(|a| other.prefixes.iter().any(|b| begins(a, b)))
    }
}

impl QrDialect {
    /// Whether a response code says that the customer has not paid yet.
    pub fn is_pending(&self, code: &str) -> bool {
        self.pending_codes.iter().any(|pending| pending == code)
    }

    /// How a step is coded; `None` where the dialect does not have it.
    pub fn coding(&self, step: QrStep) -> Option<&QrCoding> {
        match step {
            QrStep::Sale => self.sale.as_ref(),
            QrStep::Show => self.show.as_ref(),
            QrStep::Query => self.query.as_ref(),
            QrStep::Cancel => self.cancel.as_ref(),
            QrStep::Void => self.void.as_ref(),
            QrStep::Refund => self.refund.as_ref(),
        }
    }

    fn validate(&self, index: usize) -> Result<(), ProfileError> {
        let must = |good, entry, problem| must(good, "dialects", index, entry, problem);
        let digits =
            |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        must(!self.name.is_empty(), "name", "must not be empty")?;
        must(digits(&self.field22, 3), "field22", "must be three digits")?;
        must(digits(&self.field25, 2), "field25", "must be two digits")?;
        must(self.minimum >= 1, "minimum", "must be at least 1")?;
        let tag = self.shown_tag.len() == 2 && self.shown_tag.bytes().all(|b| b.is_ascii_alphanumeric());
        must(tag && !["A2", "A4"].contains(&&*self.shown_tag), "shown_tag", "must be two letters or digits")?;
        let good = self.pending_codes.iter().all(|code| code.len() == 2 && code != "00");
        must(good, "pending_codes", "must be response codes other than 00")?;
        let maximum = (self.minimum..=999_999_999_999).contains(&self.maximum);
        must(maximum, "maximum", "must lie in minimum to 999999999999")?;
        must((1..=999).contains(&self.refund_days), "refund_days", "must lie in 1 to 999")?;
        for (entry, coding) in [
            ("sale", &self.sale),
            ("show", &self.show),
            ("query", &self.query),
            ("cancel", &self.cancel),
            ("void", &self.void),
            ("refund", &self.refund),
        ] {
            let Some(coding) = coding else { continue };
            let good = coding.mti.answer().is_some() && coding.mti.is_financial();
            must(good, entry, "must have the type of a financial request")?;
            let good = digits(&coding.processing_code, 6) && digits(&coding.kind, 2);
            must(good, entry, "must have six digits of processing code and two of kind")?;
        }
        match self.shown_code {
            ShownCode::None => {}
            ShownCode::Host => must(self.show.is_some(), "show", "is needed where the host gives the code")?,
            ShownCode::Terminal => {
                must(self.query.is_some(), "query", "is needed to learn whether a shown code was paid")?;
                let code = |payload: &ShownPayload| {
                    payload.code(self.maximum, 156, 999_999, 999_999, "00000001").is_ok()
                };
                must(
                    self.payload.as_ref().is_some_and(code),
                    "payload",
                    "is needed, and must fit its objects",
                )?;
            }
        }
        if self.shown_code != ShownCode::None {
            let asks = matches!(self.silence, Silence::QueryThenCancel { .. });
            must(asks, "silence", "must be query-then-cancel where a code is shown")?;
        }
        if let Silence::QueryThenCancel { first_wait_s, wait_s, queries, cancels } = self.silence {
            let wait = 1..=300;
            let good = wait.contains(&first_wait_s) && wait.contains(&wait_s);
            must(good, "silence", "waits must lie in 1 to 300")?;
            let good = (1..=100).contains(&queries) && (1..=10).contains(&cancels);
            must(good, "silence", "must have 1 to 100 queries and 1 to 10 cancels")?;
            must(self.query.is_some(), "query", "is needed by query-then-cancel")?;
            must(self.cancel.is_some(), "cancel", "is needed by query-then-cancel")?;
        }
        Ok(())
    }
}

fn must(
    good: bool,
    list: &str,
    index: usize,
    entry: &str,
    problem: &'static str,
) -> Result<(), ProfileError> {
    if good {
        return Ok(());
    }
    Err(ProfileError { entry: format!("qr.{list}[{index}].{entry}").into(), problem })
}

impl Default for Qr {
    fn default() -> Self {
        let wallet =
            |name: &str, prefixes: &[&str], lengths: (u8, u8), dialect: &str, channel: Option<&str>| Wallet {
                name: name.to_owned(),
                prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
                min_length: lengths.0,
                max_length: lengths.1,
                dialect: dialect.to_owned(),
                channel: channel.map(str::to_owned),
            };
        let coding = |mti, processing_code: &str, kind: &str| {
            let (processing_code, kind) = (processing_code.to_owned(), kind.to_owned());
            Some(QrCoding { mti, processing_code, kind })
        };
        let field59 = QrDialect {
            name: "field59".to_owned(),
            field22: "032".to_owned(),
            field25: "00".to_owned(),
            terminal_info: true,
            shown_code: ShownCode::None,
            shown_tag: shown_tag(),
            payload: None,
            pending_codes: pending_codes(),
            refund_original: RefundOriginal::Date,
            minimum: 1,
            maximum: 5_000_000,
            refund_days: 30,
            in_totals: true,
            silence: Silence::Reverse,
            sale: coding(Mti::FINANCIAL, "000000", "22"),
            show: None,
            query: None,
            cancel: None,
            void: coding(Mti::FINANCIAL, "200000", "23"),
            refund: coding(Mti::ADVICE, "200000", "25"),
        };
        let channel = QrDialect {
            name: "channel".to_owned(),
            terminal_info: false,
            shown_code: ShownCode::Host,
            in_totals: false,
            silence: Silence::QueryThenCancel { first_wait_s: 5, wait_s: 5, queries: 12, cancels: 3 },
            sale: coding(Mti::FINANCIAL, "700000", "60"),
            show: coding(Mti::FINANCIAL, "710000", "60"),
            query: coding(Mti::FINANCIAL, "730000", "60"),
            cancel: coding(Mti::FINANCIAL, "720000", "60"),
            void: coding(Mti::FINANCIAL, "720000", "60"),
            refund: coding(Mti::FINANCIAL, "740000", "60"),
            ..field59.clone()
        };
        Self {
            enabled: false,
            wallets: vec![
                wallet("unionpay", &["62"], (19, 19), "field59", None),
                wallet("wechat", &["10", "11", "12", "13", "14", "15"], (18, 18), "channel", Some("002")),
                wallet("alipay", &["25", "26", "27", "28", "29", "30"], (16, 24), "channel", Some("003")),
            ],
            dialects: vec![field59, channel],
        }
    }
}
