//! The names of data elements (Book 3 Annex A and B, Book 1; UnionPay and PBOC elements), and how each is read.

use super::bits::{self, Bit};

/// How a value is shown and read.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Hexadecimal and no more.
    Binary,
    /// A whole binary number.
    Counter,
    /// Decimal digits in BCD.
    Numeric,
    /// An amount in minor units, BCD.
    Amount,
    /// Text in ASCII or a part of ISO/IEC 8859.
    Text,
    /// YYMMDD.
    Date,
    /// HHMMSS.
    Time,
    /// Country, ISO 3166 numeric.
    Country,
    /// Currency, ISO 4217 numeric.
    Currency,
    /// A card number: first six and last four digits.
    Pan,
    /// Track 2 or its like: the masked card number only.
    Track,
    /// Never shown.
    Hidden,
    /// A bit field, with its table.
    Bits(&'static [Bit]),
    /// CVM list.
    CvmList,
    /// CVM results.
    CvmResults,
    /// Cryptogram information data.
    Cid,
    /// Application file locator.
    Locator,
    /// A data object list.
    ObjectList,
    /// Authorisation response code.
    ResponseCode,
    /// Terminal type.
    TerminalType,
    /// Transaction type.
    TransactionType,
    /// Issuer application data of a PBOC application.
    IssuerData,
    /// Issuer authentication data: ARPC and response code.
    IssuerAuthentication,
    /// Issuer script results, five bytes each.
    ScriptResults,
    /// A command of an issuer script.
    Command,
}

use Kind::{
    Amount, Binary, Cid, Command, Counter, Country, Currency, CvmList, CvmResults, Date, Hidden,
    IssuerAuthentication, IssuerData, Locator, Numeric, ObjectList, Pan, ResponseCode, ScriptResults,
    TerminalType, Text, Time, Track, TransactionType,
};

/// An element's name and how its value is read.
pub(super) fn of(tag: u32) -> (&'static str, Kind) {
    match NAMES.binary_search_by_key(&tag, |entry| entry.0) {
        Ok(place) => NAMES.get(place).map_or(("unknown", Binary), |entry| (entry.1, entry.2)),
        Err(_) => ("unknown", Binary),
    }
}

/// In the order of the tags.
pub(super) const NAMES: &[(u32, &str, Kind)] = &[
    (0x42, "Issuer identification number", Numeric),
    (0x4F, "Application identifier (ADF name)", Binary),
    (0x50, "Application label", Text),
    (0x56, "Track 1 data", Hidden),
    (0x57, "Track 2 equivalent data", Track),
    (0x5A, "Application PAN", Pan),
    (0x61, "Application template", Binary),
    (0x6F, "FCI template", Binary),
    (0x70, "Record template", Binary),
    (0x71, "Issuer script template 1", Binary),
    (0x72, "Issuer script template 2", Binary),
    (0x73, "Directory discretionary template", Binary),
    (0x77, "Response template format 2", Binary),
    (0x80, "Response template format 1", Binary),
    (0x81, "Amount, authorised (binary)", Counter),
    (0x82, "Application interchange profile", Kind::Bits(bits::AIP)),
    (0x83, "Command template", Binary),
    (0x84, "Dedicated file name", Binary),
    (0x86, "Issuer script command", Command),
    (0x87, "Application priority indicator", Binary),
    (0x88, "Short file identifier", Counter),
    (0x89, "Authorisation code", Text),
    (0x8A, "Authorisation response code", ResponseCode),
    (0x8C, "CDOL1", ObjectList),
    (0x8D, "CDOL2", ObjectList),
    (0x8E, "CVM list", CvmList),
    (0x8F, "Certification authority public key index", Binary),
    (0x90, "Issuer public key certificate", Binary),
    (0x91, "Issuer authentication data", IssuerAuthentication),
    (0x92, "Issuer public key remainder", Binary),
    (0x93, "Signed static application data", Binary),
    (0x94, "Application file locator", Locator),
    (0x95, "Terminal verification results", Kind::Bits(bits::TVR)),
    (0x97, "TDOL", ObjectList),
    (0x98, "TC hash value", Binary),
    (0x99, "Transaction PIN data", Hidden),
    (0x9A, "Transaction date", Date),
    (0x9B, "Transaction status information", Kind::Bits(bits::TSI)),
    (0x9C, "Transaction type", TransactionType),
    (0x9D, "Directory definition file name", Binary),
    (0xA5, "FCI proprietary template", Binary),
    (0x5F20, "Cardholder name", Hidden),
    (0x5F24, "Application expiration date", Date),
    (0x5F25, "Application effective date", Date),
    (0x5F28, "Issuer country code", Country),
    (0x5F2A, "Transaction currency code", Currency),
    (0x5F2D, "Language preference", Text),
    (0x5F30, "Service code", Numeric),
    (0x5F34, "PAN sequence number", Numeric),
    (0x5F36, "Transaction currency exponent", Numeric),
    (0x5F50, "Issuer URL", Text),
    (0x5F53, "International bank account number", Hidden),
    (0x5F54, "Bank identifier code", Text),
    (0x5F55, "Issuer country code (two letters)", Text),
    (0x5F56, "Issuer country code (three letters)", Text),
    (0x5F57, "Account type", Numeric),
    (0x9F01, "Acquirer identifier", Numeric),
    (0x9F02, "Amount, authorised", Amount),
    (0x9F03, "Amount, other", Amount),
    (0x9F04, "Amount, other (binary)", Counter),
    (0x9F05, "Application discretionary data", Hidden),
    (0x9F06, "Application identifier (terminal)", Binary),
    (0x9F07, "Application usage control", Kind::Bits(bits::USAGE)),
    (0x9F08, "Application version number (card)", Binary),
    (0x9F09, "Application version number (terminal)", Binary),
    (0x9F0B, "Cardholder name, extended", Hidden),
    (0x9F0D, "Issuer action code, default", Kind::Bits(bits::TVR)),
    (0x9F0E, "Issuer action code, denial", Kind::Bits(bits::TVR)),
    (0x9F0F, "Issuer action code, online", Kind::Bits(bits::TVR)),
    (0x9F10, "Issuer application data", IssuerData),
    (0x9F11, "Issuer code table index", Counter),
    (0x9F12, "Application preferred name", Text),
    (0x9F13, "Last online ATC register", Counter),
    (0x9F14, "Lower consecutive offline limit", Counter),
    (0x9F15, "Merchant category code", Numeric),
    (0x9F16, "Merchant identifier", Text),
    (0x9F17, "PIN try counter", Counter),
    (0x9F18, "Issuer script identifier", Binary),
    (0x9F1A, "Terminal country code", Country),
    (0x9F1B, "Terminal floor limit", Counter),
    (0x9F1C, "Terminal identification", Text),
    (0x9F1D, "Terminal risk management data", Binary),
    (0x9F1E, "Interface device serial number", Text),
    (0x9F1F, "Track 1 discretionary data", Hidden),
    (0x9F20, "Track 2 discretionary data", Hidden),
    (0x9F21, "Transaction time", Time),
    (0x9F22, "Certification authority public key index (terminal)", Binary),
    (0x9F23, "Upper consecutive offline limit", Counter),
    (0x9F26, "Application cryptogram", Binary),
    (0x9F27, "Cryptogram information data", Cid),
    (0x9F2D, "ICC PIN encipherment public key certificate", Hidden),
    (0x9F2E, "ICC PIN encipherment public key exponent", Binary),
    (0x9F2F, "ICC PIN encipherment public key remainder", Binary),
    (0x9F32, "Issuer public key exponent", Binary),
    (0x9F33, "Terminal capabilities", Kind::Bits(bits::CAPABILITIES)),
    (0x9F34, "CVM results", CvmResults),
    (0x9F35, "Terminal type", TerminalType),
    (0x9F36, "Application transaction counter", Counter),
    (0x9F37, "Unpredictable number", Binary),
    (0x9F38, "PDOL", ObjectList),
    (0x9F39, "Point-of-service entry mode", Numeric),
    (0x9F3A, "Amount, reference currency", Counter),
    (0x9F3B, "Application reference currency", Binary),
    (0x9F3C, "Transaction reference currency code", Currency),
    (0x9F3D, "Transaction reference currency exponent", Numeric),
    (0x9F40, "Additional terminal capabilities", Kind::Bits(bits::ADDITIONAL)),
    (0x9F41, "Transaction sequence counter", Numeric),
    (0x9F42, "Application currency code", Currency),
    (0x9F43, "Application reference currency exponent", Binary),
    (0x9F44, "Application currency exponent", Numeric),
    (0x9F45, "Data authentication code", Binary),
    // Whoever has the authority's public key reads the PAN out of these certificates.
    (0x9F46, "ICC public key certificate", Hidden),
    (0x9F47, "ICC public key exponent", Binary),
    (0x9F48, "ICC public key remainder", Binary),
    (0x9F49, "DDOL", ObjectList),
    (0x9F4A, "Static data authentication tag list", Binary),
    (0x9F4B, "Signed dynamic application data", Binary),
    (0x9F4C, "ICC dynamic number", Binary),
    (0x9F4D, "Log entry", Binary),
    (0x9F4E, "Merchant name and location", Text),
    (0x9F4F, "Log format", ObjectList),
    (0x9F51, "Application currency code (PBOC)", Currency),
    (0x9F52, "Application default action", Binary),
    (0x9F53, "Consecutive transaction limit, international", Counter),
    (0x9F54, "Cumulative total amount limit", Amount),
    (0x9F56, "Issuer authentication indicator", Binary),
    (0x9F57, "Issuer country code (PBOC)", Country),
    (0x9F58, "Lower consecutive offline limit (PBOC)", Counter),
    (0x9F59, "Upper consecutive offline limit (PBOC)", Counter),
    (0x9F5A, "Application program identifier", Binary),
    (0x9F5B, "Issuer script results", ScriptResults),
    (0x9F5C, "Cumulative total amount upper limit", Amount),
    (0x9F5D, "Available offline spending amount", Amount),
    (0x9F61, "Cardholder identification number", Hidden),
    (0x9F62, "Cardholder identification type", Hidden),
    (0x9F63, "Product identification information", Binary),
    (0x9F66, "Terminal transaction qualifiers", Binary),
    (0x9F69, "Card authentication related data", Binary),
    (0x9F6B, "Track 2 data, contactless", Track),
    (0x9F6C, "Card transaction qualifiers", Binary),
    (0x9F6D, "Electronic cash reset threshold", Amount),
    (0x9F6E, "Form factor indicator", Binary),
    (0x9F74, "Electronic cash issuer authorisation code", Text),
    (0x9F77, "Electronic cash balance limit", Amount),
    (0x9F78, "Electronic cash single transaction limit", Amount),
    (0x9F79, "Electronic cash balance", Amount),
    (0x9F7A, "Electronic cash terminal support indicator", Binary),
    (0x9F7B, "Electronic cash terminal transaction limit", Amount),
    (0xBF0C, "FCI issuer discretionary data", Binary),
    (0xDF31, "Issuer script results", ScriptResults),
    (0xDF69, "SM algorithm support indicator", Binary),
];
