//! The data elements by name (Book 3 Annex A).

/// Application identifier of a directory entry.
pub const ADF_NAME: u32 = 0x4F;
/// Application label.
pub const LABEL: u32 = 0x50;
/// Track 2 equivalent data.
pub const TRACK_2: u32 = 0x57;
/// Application PAN.
pub const PAN: u32 = 0x5A;
/// Application expiration date, YYMMDD.
pub const EXPIRATION: u32 = 0x5F24;
/// Application effective date, YYMMDD.
pub const EFFECTIVE: u32 = 0x5F25;
/// Issuer country code.
pub const ISSUER_COUNTRY: u32 = 0x5F28;
/// Transaction currency code.
pub const CURRENCY: u32 = 0x5F2A;
/// Language preference.
pub const LANGUAGES: u32 = 0x5F2D;
/// PAN sequence number.
pub const PAN_SEQUENCE: u32 = 0x5F34;
/// Transaction currency exponent.
pub const CURRENCY_EXPONENT: u32 = 0x5F36;
/// Application template of a directory.
pub const DIRECTORY_ENTRY: u32 = 0x61;
/// File control information template.
pub const FCI: u32 = 0x6F;
/// Record template.
pub const RECORD: u32 = 0x70;
/// Issuer script template run before the second GENERATE AC.
pub const SCRIPT_BEFORE: u32 = 0x71;
/// Issuer script template run after the second GENERATE AC.
pub const SCRIPT_AFTER: u32 = 0x72;
/// Response format 2.
pub const RESPONSE_TEMPLATE: u32 = 0x77;
/// Response format 1.
pub const RESPONSE_PRIMITIVE: u32 = 0x80;
/// Amount, authorised (binary).
pub const AMOUNT_BINARY: u32 = 0x81;
/// Application interchange profile.
pub const AIP: u32 = 0x82;
/// Command template of GET PROCESSING OPTIONS.
pub const COMMAND_TEMPLATE: u32 = 0x83;
/// Dedicated file name.
pub const DF_NAME: u32 = 0x84;
/// Issuer script command.
pub const SCRIPT_COMMAND: u32 = 0x86;
/// Application priority indicator.
pub const PRIORITY: u32 = 0x87;
/// Short file identifier of the directory.
pub const DIRECTORY_SFI: u32 = 0x88;
/// Authorisation response code.
pub const RESPONSE_CODE: u32 = 0x8A;
/// CDOL1.
pub const CDOL1: u32 = 0x8C;
/// CDOL2.
pub const CDOL2: u32 = 0x8D;
/// Cardholder verification method list.
pub const CVM_LIST: u32 = 0x8E;
/// Certification authority public key index.
pub const AUTHORITY_KEY_INDEX: u32 = 0x8F;
/// Issuer public key certificate.
pub const ISSUER_CERTIFICATE: u32 = 0x90;
/// Issuer authentication data.
pub const ISSUER_AUTHENTICATION_DATA: u32 = 0x91;
/// Issuer public key remainder.
pub const ISSUER_REMAINDER: u32 = 0x92;
/// Signed static application data.
pub const SIGNED_STATIC_DATA: u32 = 0x93;
/// Application file locator.
pub const AFL: u32 = 0x94;
/// Terminal verification results.
pub const TVR: u32 = 0x95;
/// TDOL.
pub const TDOL: u32 = 0x97;
/// Transaction certificate hash value.
pub const TC_HASH: u32 = 0x98;
/// Transaction date, YYMMDD.
pub const DATE: u32 = 0x9A;
/// Transaction status information.
pub const TSI: u32 = 0x9B;
/// Transaction type.
pub const TRANSACTION_TYPE: u32 = 0x9C;
/// Directory definition file name.
pub const DDF_NAME: u32 = 0x9D;
/// FCI proprietary template.
pub const FCI_PROPRIETARY: u32 = 0xA5;
/// Acquirer identifier.
pub const ACQUIRER: u32 = 0x9F01;
/// Amount, authorised (numeric).
pub const AMOUNT: u32 = 0x9F02;
/// Amount, other (numeric).
pub const AMOUNT_OTHER: u32 = 0x9F03;
/// Application identifier, terminal.
pub const AID: u32 = 0x9F06;
/// Application usage control.
pub const USAGE_CONTROL: u32 = 0x9F07;
/// Application version number, card.
pub const CARD_VERSION: u32 = 0x9F08;
/// Application version number, terminal.
pub const TERMINAL_VERSION: u32 = 0x9F09;
/// Issuer action code, default.
pub const ACTION_CODE_DEFAULT: u32 = 0x9F0D;
/// Issuer action code, denial.
pub const ACTION_CODE_DENIAL: u32 = 0x9F0E;
/// Issuer action code, online.
pub const ACTION_CODE_ONLINE: u32 = 0x9F0F;
/// Issuer application data.
pub const ISSUER_APPLICATION_DATA: u32 = 0x9F10;
/// Issuer code table index.
pub const CODE_TABLE: u32 = 0x9F11;
/// Application preferred name.
pub const PREFERRED_NAME: u32 = 0x9F12;
/// Last online ATC register.
pub const LAST_ONLINE_ATC: u32 = 0x9F13;
/// Lower consecutive offline limit.
pub const LOWER_OFFLINE_LIMIT: u32 = 0x9F14;
/// Merchant category code.
pub const MERCHANT_CATEGORY: u32 = 0x9F15;
/// Merchant identifier.
pub const MERCHANT: u32 = 0x9F16;
/// PIN try counter.
pub const PIN_TRY_COUNTER: u32 = 0x9F17;
/// Issuer script identifier.
pub const SCRIPT_IDENTIFIER: u32 = 0x9F18;
/// Terminal country code.
pub const COUNTRY: u32 = 0x9F1A;
/// Terminal floor limit (binary).
pub const FLOOR_LIMIT: u32 = 0x9F1B;
/// Kernel identifier of a contactless directory entry.
pub const KERNEL_IDENTIFIER: u32 = 0x9F2A;
/// Terminal identification.
pub const TERMINAL: u32 = 0x9F1C;
/// Terminal risk management data.
pub const RISK_DATA: u32 = 0x9F1D;
/// Interface device serial number.
pub const SERIAL_NUMBER: u32 = 0x9F1E;
/// Transaction time, HHMMSS.
pub const TIME: u32 = 0x9F21;
/// Upper consecutive offline limit.
pub const UPPER_OFFLINE_LIMIT: u32 = 0x9F23;
/// Application cryptogram.
pub const CRYPTOGRAM: u32 = 0x9F26;
/// Cryptogram information data.
pub const CRYPTOGRAM_INFORMATION: u32 = 0x9F27;
/// Issuer public key exponent.
pub const ISSUER_EXPONENT: u32 = 0x9F32;
/// Terminal capabilities.
pub const CAPABILITIES: u32 = 0x9F33;
/// Cardholder verification results.
pub const CVM_RESULTS: u32 = 0x9F34;
/// Terminal type.
pub const TERMINAL_TYPE: u32 = 0x9F35;
/// Application transaction counter.
pub const ATC: u32 = 0x9F36;
/// Unpredictable number.
pub const UNPREDICTABLE_NUMBER: u32 = 0x9F37;
/// PDOL.
pub const PDOL: u32 = 0x9F38;
/// Point-of-service entry mode.
pub const ENTRY_MODE: u32 = 0x9F39;
/// Additional terminal capabilities.
pub const ADDITIONAL_CAPABILITIES: u32 = 0x9F40;
/// Transaction sequence counter.
pub const SEQUENCE_COUNTER: u32 = 0x9F41;
/// Application currency code.
pub const APPLICATION_CURRENCY: u32 = 0x9F42;
/// Data authentication code.
pub const DATA_AUTHENTICATION_CODE: u32 = 0x9F45;
/// ICC public key certificate.
pub const ICC_CERTIFICATE: u32 = 0x9F46;
/// ICC PIN encipherment public key certificate.
pub const PIN_CERTIFICATE: u32 = 0x9F2D;
/// ICC PIN encipherment public key exponent.
pub const PIN_EXPONENT: u32 = 0x9F2E;
/// ICC PIN encipherment public key remainder.
pub const PIN_REMAINDER: u32 = 0x9F2F;
/// ICC public key exponent.
pub const ICC_EXPONENT: u32 = 0x9F47;
/// ICC public key remainder.
pub const ICC_REMAINDER: u32 = 0x9F48;
/// DDOL.
pub const DDOL: u32 = 0x9F49;
/// Static data authentication tag list.
pub const STATIC_TAG_LIST: u32 = 0x9F4A;
/// Signed dynamic application data.
pub const SIGNED_DYNAMIC_DATA: u32 = 0x9F4B;
/// ICC dynamic number.
pub const ICC_DYNAMIC_NUMBER: u32 = 0x9F4C;
/// Merchant name and location.
pub const MERCHANT_NAME: u32 = 0x9F4E;
/// Available offline spending amount.
pub const AVAILABLE_OFFLINE: u32 = 0x9F5D;
/// Terminal transaction qualifiers (TTQ).
pub const TERMINAL_QUALIFIERS: u32 = 0x9F66;
/// Card authentication related data, which fDDA signs.
pub const CARD_AUTHENTICATION: u32 = 0x9F69;
/// Card transaction qualifiers (CTQ).
pub const CARD_QUALIFIERS: u32 = 0x9F6C;
/// Electronic cash terminal support indicator.
pub const CASH_SUPPORT: u32 = 0x9F7A;
/// Electronic cash terminal transaction limit.
pub const CASH_LIMIT: u32 = 0x9F7B;
/// Issuer script results, as the host link carries them.
pub const SCRIPT_RESULTS: u32 = 0xDF31;
/// FCI issuer discretionary data.
pub const FCI_DISCRETIONARY: u32 = 0xBF0C;

/// Whether a card may keep this element in its files. What the terminal knows, the issuer sends, or a command computes
/// is not taken from a file, whoever put it there.
pub fn kept_on_card(tag: u32) -> bool {
    !matches!(
        tag,
        AMOUNT_BINARY
            | RESPONSE_CODE
            | ISSUER_AUTHENTICATION_DATA
            | TVR
            | TC_HASH
            | DATE
            | TSI
            | TRANSACTION_TYPE
            | CURRENCY
            | CURRENCY_EXPONENT
            | ACQUIRER
            | AMOUNT
            | AMOUNT_OTHER
            | AID
            | TERMINAL_VERSION
            | MERCHANT_CATEGORY
            | MERCHANT
            | COUNTRY
            | FLOOR_LIMIT
            | TERMINAL
            | RISK_DATA
            | SERIAL_NUMBER
            | TIME
            | CAPABILITIES
            | CVM_RESULTS
            | TERMINAL_TYPE
            | UNPREDICTABLE_NUMBER
            | ENTRY_MODE
            | ADDITIONAL_CAPABILITIES
            | SEQUENCE_COUNTER
            | TERMINAL_QUALIFIERS
            | CASH_SUPPORT
            | CASH_LIMIT
            | MERCHANT_NAME
            | SCRIPT_RESULTS
            | SCRIPT_IDENTIFIER
            | SCRIPT_COMMAND
            | CRYPTOGRAM
            | CRYPTOGRAM_INFORMATION
            | ISSUER_APPLICATION_DATA
            | ATC
            | DATA_AUTHENTICATION_CODE
            | ICC_DYNAMIC_NUMBER
            | SIGNED_DYNAMIC_DATA
    )
}

/// How a data element is padded to a length that a DOL asks for (Book 3 §5.4, check 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Numeric: padded and cut on the left.
    Numeric,
    /// Compressed numeric: padded with F on the right.
    Compressed,
    /// Anything else: padded with zeros on the right.
    Other,
}

/// A data element's format.
pub fn format(tag: u32) -> Format {
    match tag {
        AMOUNT | AMOUNT_OTHER | CURRENCY | CURRENCY_EXPONENT | DATE | TIME | TRANSACTION_TYPE | COUNTRY
        | TERMINAL_TYPE | SEQUENCE_COUNTER | EXPIRATION | EFFECTIVE | ISSUER_COUNTRY | PAN_SEQUENCE
        | APPLICATION_CURRENCY | ACQUIRER | MERCHANT_CATEGORY | ENTRY_MODE | AVAILABLE_OFFLINE
        | CASH_LIMIT => Format::Numeric,
        PAN => Format::Compressed,
        _ => Format::Other,
    }
}
