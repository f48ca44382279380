//! What a card is made of before it is used: the personaliser's choices, all public, all changeable.

use std::collections::BTreeMap;

use crate::issuer;
use crate::quick_pass::QuickPass;
use crate::records::Record;

/// Everything the personaliser writes on one card. Start from [`Profile::debit`], change what matters.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The payment applications, in the order in which partial selection finds them.
    pub applications: Vec<Application>,
    /// Whether the card has the payment system environment `1PAY.SYS.DDF01`.
    pub pse: Pse,
    /// Every SELECT answers `6A81`: the whole card is blocked.
    pub blocked: bool,
    /// The cardholder's PIN, 4-12 digits, for offline PIN. The host knows the same one.
    pub pin: String,
    /// Wrong PINs in a row before VERIFY answers `6983` (the PIN try limit), 0-15.
    pub pin_tries: u8,
    /// Language preference (5F2D), 1-4 two-letter codes such as `zhen`.
    pub languages: Option<String>,
    /// Whether answers come at once (T=1) or by `61xx`/`6Cxx` (T=0).
    pub transport: Transport,
    /// The issuer's master key for application cryptograms, from which the card's own is derived.
    pub master_key: [u8; 16],
}

/// How the payment system environment answers (EMV Book 1 §12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pse {
    /// It lists every application, one entry a record.
    Present,
    /// SELECT answers `6A82`.
    Absent,
    /// SELECT answers `6283`.
    Blocked,
}

/// How response data reaches the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Data and status words in one answer.
    T1,
    /// `61xx` then GET RESPONSE, and `6Cxx` for a wrong Le.
    T0,
}

/// Offline data authentication that the AIP announces (EMV Book 2 §5-6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineAuthentication {
    /// None; no certificates on the card.
    None,
    /// Static: signed static application data (93).
    Static,
    /// Dynamic: ICC key certificate (9F46) and INTERNAL AUTHENTICATE.
    Dynamic,
    /// Combined too: it signs its cryptograms where the terminal asks for that.
    Combined,
}

/// How the card wants to see the issuer's ARPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuerAuthentication {
    /// Not at all.
    None,
    /// By EXTERNAL AUTHENTICATE (AIP byte 1 bit 3).
    ExternalAuthenticate,
    /// As tag 91 in CDOL2, checked by the second GENERATE AC.
    SecondGenerate,
}

/// What the card answers to the first GENERATE AC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstCryptogram {
    /// What the terminal asks for: the card has no floor of its own.
    AsAsked,
    /// An ARQC where a TC is asked for: it wants every payment online.
    Online,
    /// An AAC, whatever is asked for.
    Decline,
}

/// The template of a GET PROCESSING OPTIONS, INTERNAL AUTHENTICATE or GENERATE AC answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Format 1: template 80, values only.
    Plain,
    /// Format 2: template 77, full data objects.
    Tagged,
}

/// Cardholder verification methods (8E, EMV Book 3 §10.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CvmList {
    /// Amount X in minor units of the application currency.
    pub x: u32,
    /// Amount Y in minor units of the application currency.
    pub y: u32,
    /// Rules in order: method byte (bit 7: try the next on failure) and condition byte.
    pub rules: Vec<[u8; 2]>,
}

impl OfflineAuthentication {
    /// The card has a key of its own.
    pub(crate) fn has_key(self) -> bool {
        matches!(self, Self::Dynamic | Self::Combined)
    }
}

impl CvmList {
    /// The value of 8E.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.x.to_be_bytes().to_vec();
        out.extend_from_slice(&self.y.to_be_bytes());
        out.extend(self.rules.iter().flatten());
        out
    }
}

/// One payment application.
#[derive(Clone, Debug)]
pub struct Application {
    /// DF name (84), 5-16 bytes.
    pub aid: Vec<u8>,
    /// Application label (50), at most 16 characters.
    pub label: String,
    /// Preferred name (9F12) in the code table of 9F11, when there is one.
    pub preferred_name: Option<Vec<u8>>,
    /// Issuer code table index (9F11), 1-10.
    pub code_table: Option<u8>,
    /// Priority (87 bits 1-4): 1 is highest, 0 is none.
    pub priority: u8,
    /// Never select without the cardholder's confirmation (87 bit 8).
    pub needs_confirmation: bool,
    /// SELECT answers `6283`: the application is blocked.
    pub blocked: bool,
    /// PAN digits (5A and 57), at most 19.
    pub pan: String,
    /// PAN sequence number (5F34), 0-99.
    pub sequence: u8,
    /// Effective date (5F25), digits YYMMDD.
    pub effective: String,
    /// Expiration date (5F24), digits YYMMDD.
    pub expiry: String,
    /// Service code (5F30 and 57), three digits.
    pub service_code: String,
    /// Cardholder name (5F20).
    pub cardholder: String,
    /// Application version (9F08).
    pub version: [u8; 2],
    /// Application usage control (9F07).
    pub usage_control: [u8; 2],
    /// Issuer country (5F28), numeric ISO 3166 in two bytes.
    pub country: [u8; 2],
    /// Application currency (9F42), numeric ISO 4217 in two bytes.
    pub currency: [u8; 2],
    /// Cardholder verification methods (8E).
    pub cvm_list: CvmList,
    /// Offline data authentication.
    pub authentication: OfflineAuthentication,
    /// The card has a certificate for a PIN key (9F2D); without, the terminal enciphers with the card's own key.
    pub pin_certificate: bool,
    /// Issuer authentication.
    pub issuer_authentication: IssuerAuthentication,
    /// Without a good ARPC the second GENERATE AC gives an AAC.
    pub issuer_authentication_mandatory: bool,
    /// Processing options data object list (9F38).
    pub pdol: Option<Vec<u8>>,
    /// Card risk management list of the first GENERATE AC (8C).
    pub cdol1: Vec<u8>,
    /// Card risk management list of the second GENERATE AC (8D); 91 is put in front of it for
    /// [`IssuerAuthentication::SecondGenerate`].
    pub cdol2: Vec<u8>,
    /// Dynamic data authentication list (9F49); `None` leaves the terminal to its default DDOL, and
    /// the card then takes four bytes.
    pub ddol: Option<Vec<u8>>,
    /// Issuer action code, denial (9F0E).
    pub iac_denial: [u8; 5],
    /// Issuer action code, online (9F0F).
    pub iac_online: [u8; 5],
    /// Issuer action code, default (9F0D).
    pub iac_default: [u8; 5],
    /// Lower and upper consecutive offline limits (9F14, 9F23).
    pub offline_limits: Option<[u8; 2]>,
    /// GET DATA answers 9F36, 9F13 and 9F17; without, `6A88`.
    pub counters_readable: bool,
    /// Template of the GET PROCESSING OPTIONS answer.
    pub options_format: Format,
    /// Template of the INTERNAL AUTHENTICATE and GENERATE AC answers.
    pub cryptogram_format: Format,
    /// The answer to the first GENERATE AC.
    pub first_cryptogram: FirstCryptogram,
    /// Issuer discretionary bytes after the eight bytes of 9F10 (at most 24).
    pub discretionary: Vec<u8>,
    /// SFI of the record that is signed: 2 or 5-30 (the standard layout
    /// uses 1, 3 and 4). Above 10, its template's tag and length are signed too.
    pub signed_sfi: u8,
    /// Replaces (`Some`) or leaves out (`None`) single data objects wherever the card gives them:
    /// records, FCI, and 82 and 94 of the processing options. Signatures cover the replaced value.
    pub overrides: BTreeMap<u32, Option<Vec<u8>>>,
    /// Further objects, appended as they are to the last unsigned record of the standard layout.
    pub extra: Vec<(u32, Vec<u8>)>,
    /// Takes the place of the standard records (the AFL follows them).
    pub layout: Option<Vec<Record>>,
    /// What it does in the field of a contactless reader; `None` where it is not in the directory there.
    pub quick_pass: Option<QuickPass>,
}

impl Profile {
    /// A debit card: DDA, online PIN, then signature, then no CVM; issuer authentication by
    /// EXTERNAL AUTHENTICATE. PAN `6212340000000019`.
    pub fn debit() -> Self {
        Self::of(vec![Application::debit()])
    }

    /// A credit card: SDA, online PIN, then signature, then no CVM; the ARPC is in CDOL2.
    /// PAN `6212340000000027`.
    pub fn credit() -> Self {
        Self::of(vec![Application::credit()])
    }

    /// The debit card with plaintext offline PIN first in its CVM list.
    pub fn offline_pin() -> Self {
        Self::debit().with(|application| application.cvm_list.rules.insert(0, [0x41, 0x03]))
    }

    /// The debit card with enciphered offline PIN first in its CVM list.
    pub fn enciphered_pin() -> Self {
        Self::debit().with(|application| {
            application.cvm_list.rules.insert(0, [0x44, 0x03]);
            application.pin_certificate = true;
        })
    }

    /// The debit card that signs its cryptograms (CDA).
    pub fn combined() -> Self {
        Self::debit().with(|application| application.authentication = OfflineAuthentication::Combined)
    }

    /// A debit card for quickPass: goes online, wants an online PIN, authenticates itself where it is asked to.
    pub fn quick_pass() -> Self {
        Self::debit().with(|application| application.quick_pass = Some(QuickPass::online()))
    }

    /// A phone with the debit card in it, whose user it has just verified (CDCVM).
    pub fn phone() -> Self {
        Self::debit().with(|application| application.quick_pass = Some(QuickPass::phone()))
    }

    /// A card with electronic cash of 500.00: pays offline where the terminal lets it.
    pub fn cash() -> Self {
        Self::debit().with(|application| application.quick_pass = Some(QuickPass::cash(50_000)))
    }

    /// A card that answers a tap with debit and credit (VSDC): GENERATE AC as at the contact reader.
    pub fn debit_credit() -> Self {
        Self::debit().with(|application| application.quick_pass = Some(QuickPass::debit_credit()))
    }

    /// Debit and credit on one card.
    pub fn combo() -> Self {
        Self::of(vec![Application::debit(), Application::credit()])
    }

    /// A card with `applications` and everything else at its default.
    pub fn of(applications: Vec<Application>) -> Self {
        Self {
            applications,
            pse: Pse::Present,
            blocked: false,
            pin: "1234".into(),
            pin_tries: 3,
            languages: Some("zhen".into()),
            transport: Transport::T1,
            master_key: issuer::MASTER_KEY,
        }
    }

    /// Changes the first application.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Application)) -> Self {
        if let Some(application) = self.applications.first_mut() {
            change(application);
        }
        self
    }
}

impl Application {
    /// The application of [`Profile::debit`].
    pub fn debit() -> Self {
        Self {
            aid: vec![0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x01],
            label: "UnionPay Debit".into(),
            preferred_name: Some(b"Example Debit".to_vec()),
            code_table: Some(1),
            priority: 1,
            needs_confirmation: false,
            blocked: false,
            pan: "6212340000000019".into(),
            sequence: 1,
            effective: "200101".into(),
            expiry: "301231".into(),
            service_code: "220".into(),
            cardholder: "LI/EXAMPLE".into(),
            version: [0x00, 0x30],
            usage_control: [0xFF, 0x80],
            country: [0x01, 0x56],
            currency: [0x01, 0x56],
            cvm_list: CvmList { x: 0, y: 0, rules: vec![[0x42, 0x03], [0x5E, 0x03], [0x1F, 0x00]] },
            authentication: OfflineAuthentication::Dynamic,
            pin_certificate: false,
            issuer_authentication: IssuerAuthentication::ExternalAuthenticate,
            issuer_authentication_mandatory: false,
            pdol: Some(vec![0x9F, 0x7A, 1, 0x9F, 0x02, 6, 0x5F, 0x2A, 2]),
            cdol1: vec![
                0x9F, 0x02, 6, 0x9F, 0x03, 6, 0x9F, 0x1A, 2, 0x95, 5, 0x5F, 0x2A, 2, 0x9A, 3, 0x9C, 1, 0x9F,
                0x37, 4, 0x9F, 0x21, 3, 0x9F, 0x4E, 20,
            ],
            cdol2: vec![
                0x8A, 2, 0x9F, 0x02, 6, 0x9F, 0x03, 6, 0x9F, 0x1A, 2, 0x95, 5, 0x5F, 0x2A, 2, 0x9A, 3, 0x9C,
                1, 0x9F, 0x37, 4, 0x9F, 0x21, 3,
            ],
            ddol: Some(vec![0x9F, 0x37, 4]),
            iac_denial: [0x00, 0x10, 0x00, 0x00, 0x00],
            iac_online: [0xD8, 0x68, 0x04, 0xF8, 0x00],
            iac_default: [0xD8, 0x60, 0x04, 0xA8, 0x00],
            offline_limits: Some([0, 0]),
            counters_readable: true,
            options_format: Format::Plain,
            cryptogram_format: Format::Tagged,
            first_cryptogram: FirstCryptogram::AsAsked,
            discretionary: Vec::new(),
            signed_sfi: 2,
            overrides: BTreeMap::new(),
            extra: Vec::new(),
            layout: None,
            quick_pass: None,
        }
    }

    /// The application of [`Profile::credit`].
    pub fn credit() -> Self {
        Self {
            aid: vec![0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x02],
            label: "UnionPay Credit".into(),
            preferred_name: Some(b"Example Credit".to_vec()),
            priority: 2,
            pan: "6212340000000027".into(),
            service_code: "201".into(),
            cardholder: "WANG/EXAMPLE".into(),
            authentication: OfflineAuthentication::Static,
            issuer_authentication: IssuerAuthentication::SecondGenerate,
            pdol: None,
            options_format: Format::Tagged,
            cryptogram_format: Format::Plain,
            ..Self::debit()
        }
    }

    /// Leaves `tag` out of everything the card gives.
    pub fn omit(&mut self, tag: u32) {
        self.overrides.insert(tag, None);
    }

    /// Gives `value` for `tag` instead of the value that follows from the other fields.
    pub fn replace(&mut self, tag: u32, value: &[u8]) {
        self.overrides.insert(tag, Some(value.to_vec()));
    }

    /// The value of `tag` with the overrides applied.
    pub(crate) fn value(&self, tag: u32, standard: Option<Vec<u8>>) -> Option<Vec<u8>> {
        self.overrides.get(&tag).cloned().unwrap_or(standard)
    }

    /// The application interchange profile (82) that the card gives (EMV Book 3 Annex C1).
    pub fn aip(&self) -> Vec<u8> {
        let mut first = 0x18; // cardholder verification, terminal risk management
        first |= match self.authentication {
            OfflineAuthentication::None => 0,
            OfflineAuthentication::Static => 0x40,
            OfflineAuthentication::Dynamic => 0x20,
            OfflineAuthentication::Combined => 0x21,
        };
        if self.issuer_authentication == IssuerAuthentication::ExternalAuthenticate {
            first |= 0x04;
        }
        self.value(0x82, Some(vec![first, 0])).unwrap_or_default()
    }

    /// CDOL2 as the card gives it.
    pub(crate) fn second_list(&self) -> Vec<u8> {
        let mut list = Vec::new();
        if self.issuer_authentication == IssuerAuthentication::SecondGenerate {
            list.extend_from_slice(&[0x91, 10]);
        }
        list.extend_from_slice(&self.cdol2);
        self.value(0x8D, Some(list)).unwrap_or_default()
    }

    /// CDOL1 as the card gives it.
    pub(crate) fn first_list(&self) -> Vec<u8> {
        self.value(0x8C, Some(self.cdol1.clone())).unwrap_or_default()
    }
}
