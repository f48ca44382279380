//! The bit fields of Book 3 Annex C and Book 4 Annex A, bit by bit.

use super::Finding;

/// One bit: its byte (0 is the leftmost), its mask, what it says when set.
pub(super) type Bit = (usize, u8, &'static str);

/// Terminal verification results (95; Book 3 Annex C5).
pub(super) const TVR: &[Bit] = &[
    (0, 0x80, "offline data authentication was not performed"),
    (0, 0x40, "static data authentication failed"),
    (0, 0x20, "data is missing on the card"),
    (0, 0x10, "the card is on the terminal's exception file"),
    (0, 0x08, "dynamic data authentication failed"),
    (0, 0x04, "combined data authentication failed"),
    (0, 0x02, "static data authentication was selected"),
    (1, 0x80, "card and terminal have different application versions"),
    (1, 0x40, "the application has expired"),
    (1, 0x20, "the application is not yet effective"),
    (1, 0x10, "the requested service is not allowed for this card"),
    (1, 0x08, "the card is new"),
    (2, 0x80, "cardholder verification was not successful"),
    (2, 0x40, "a cardholder verification method was not recognised"),
    (2, 0x20, "the PIN try limit is exceeded"),
    (2, 0x10, "a PIN was required, and the PIN pad is missing or does not work"),
    (2, 0x08, "a PIN was required, the PIN pad works, but no PIN was entered"),
    (2, 0x04, "an online PIN was entered"),
    (3, 0x80, "the amount exceeds the floor limit"),
    (3, 0x40, "the lower consecutive offline limit is exceeded"),
    (3, 0x20, "the upper consecutive offline limit is exceeded"),
    (3, 0x10, "the transaction was selected at random for online processing"),
    (3, 0x08, "the merchant forced the transaction online"),
    (4, 0x80, "the default TDOL was used"),
    (4, 0x40, "issuer authentication failed"),
    (4, 0x20, "script processing failed before the final GENERATE AC"),
    (4, 0x10, "script processing failed after the final GENERATE AC"),
];

/// Transaction status information (9B; Book 3 Annex C6).
pub(super) const TSI: &[Bit] = &[
    (0, 0x80, "offline data authentication was performed"),
    (0, 0x40, "cardholder verification was performed"),
    (0, 0x20, "card risk management was performed"),
    (0, 0x10, "issuer authentication was performed"),
    (0, 0x08, "terminal risk management was performed"),
    (0, 0x04, "script processing was performed"),
];

/// Application interchange profile (82; Book 3 Annex C1).
pub(super) const AIP: &[Bit] = &[
    (0, 0x40, "static data authentication is supported"),
    (0, 0x20, "dynamic data authentication is supported"),
    (0, 0x10, "cardholder verification is supported"),
    (0, 0x08, "terminal risk management is to be performed"),
    (0, 0x04, "issuer authentication through EXTERNAL AUTHENTICATE is supported"),
    (0, 0x01, "combined data authentication is supported"),
];

/// Application usage control (9F07; Book 3 Annex C2).
pub(super) const USAGE: &[Bit] = &[
    (0, 0x80, "valid for domestic cash"),
    (0, 0x40, "valid for international cash"),
    (0, 0x20, "valid for domestic goods"),
    (0, 0x10, "valid for international goods"),
    (0, 0x08, "valid for domestic services"),
    (0, 0x04, "valid for international services"),
    (0, 0x02, "valid at ATMs"),
    (0, 0x01, "valid at terminals other than ATMs"),
    (1, 0x80, "domestic cashback allowed"),
    (1, 0x40, "international cashback allowed"),
];

/// Terminal capabilities (9F33; Book 4 Annex A2).
pub(super) const CAPABILITIES: &[Bit] = &[
    (0, 0x80, "manual key entry"),
    (0, 0x40, "magnetic stripe"),
    (0, 0x20, "chip with contacts"),
    (1, 0x80, "plaintext PIN checked by the card"),
    (1, 0x40, "enciphered PIN checked online"),
    (1, 0x20, "signature on paper"),
    (1, 0x10, "enciphered PIN checked by the card"),
    (1, 0x08, "no cardholder verification"),
    (2, 0x80, "static data authentication"),
    (2, 0x40, "dynamic data authentication"),
    (2, 0x20, "card capture"),
    (2, 0x08, "combined data authentication"),
];

/// Additional terminal capabilities (9F40; Book 4 Annex A3).
pub(super) const ADDITIONAL: &[Bit] = &[
    (0, 0x80, "cash"),
    (0, 0x40, "goods"),
    (0, 0x20, "services"),
    (0, 0x10, "cashback"),
    (0, 0x08, "inquiry"),
    (0, 0x04, "transfer"),
    (0, 0x02, "payment"),
    (0, 0x01, "administrative"),
    (1, 0x80, "cash deposit"),
    (2, 0x80, "numeric keys"),
    (2, 0x40, "alphabetic and special character keys"),
    (2, 0x20, "command keys"),
    (2, 0x10, "function keys"),
    (3, 0x80, "prints for the attendant"),
    (3, 0x40, "prints for the cardholder"),
    (3, 0x20, "displays for the attendant"),
    (3, 0x10, "displays for the cardholder"),
    (3, 0x02, "code table 10"),
    (3, 0x01, "code table 9"),
    (4, 0x80, "code table 8"),
    (4, 0x40, "code table 7"),
    (4, 0x20, "code table 6"),
    (4, 0x10, "code table 5"),
    (4, 0x08, "code table 4"),
    (4, 0x04, "code table 3"),
    (4, 0x02, "code table 2"),
    (4, 0x01, "code table 1"),
];

/// What the bits that are set say. A set bit that the table lacks is told as reserved, so that none is passed over.
pub(super) fn findings(table: &[Bit], value: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (place, byte) in value.iter().enumerate() {
        for bit in (0..8).rev().filter(|bit| byte & 1 << bit != 0) {
            let text = table
                .iter()
                .find(|(at, mask, _)| *at == place && *mask == 1 << bit)
                .map_or("reserved", |(_, _, text)| *text);
            findings.push(Finding { byte: Some(place + 1), bit: Some(bit + 1), text: text.to_owned() });
        }
    }
    if findings.is_empty() {
        findings.push(Finding { byte: None, bit: None, text: "no bit is set".to_owned() });
    }
    findings
}
