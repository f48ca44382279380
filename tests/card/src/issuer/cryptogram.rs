//! The PBOC application cryptogram, version 01: key derivation, ARQC/TC/AAC, ARPC.

use crate::des3::{encipher, exclusive_or, retail_mac};

/// Issuer master key for application cryptograms of the default profiles.
pub const MASTER_KEY: [u8; 16] =
    [0x2B, 0x7E, 0x4C, 0x19, 0xA3, 0xD0, 0x5F, 0x88, 0x61, 0xF4, 0x02, 0x9C, 0xB7, 0xE5, 0x3D, 0x1A];

/// What an application cryptogram of version 01 covers, as it was in the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptogramInput {
    /// Amount, authorised (9F02), packed digits in minor units.
    pub amount: [u8; 6],
    /// Amount, other (9F03).
    pub other: [u8; 6],
    /// Terminal country code (9F1A).
    pub country: [u8; 2],
    /// Terminal verification results (95).
    pub tvr: [u8; 5],
    /// Transaction currency code (5F2A).
    pub currency: [u8; 2],
    /// Transaction date (9A), packed YYMMDD.
    pub date: [u8; 3],
    /// Transaction type (9C).
    pub transaction_type: u8,
    /// Unpredictable number (9F37).
    pub unpredictable_number: [u8; 4],
    /// Application interchange profile (82).
    pub aip: [u8; 2],
    /// Application transaction counter (9F36).
    pub atc: u16,
    /// Card verification results: bytes 4-7 of 9F10.
    pub cvr: [u8; 4],
}

impl CryptogramInput {
    /// The bytes under the MAC, before padding.
    pub fn encode(&self) -> Vec<u8> {
        [
            &self.amount[..],
            &self.other,
            &self.country,
            &self.tvr,
            &self.currency,
            &self.date,
            &[self.transaction_type],
            &self.unpredictable_number,
            &self.aip,
            &self.atc.to_be_bytes(),
            &self.cvr,
        ]
        .concat()
    }
}

/// The card's own key (UDK) from the issuer's master key: option A of EMV Book 2 Annex A1.4.1, the
/// rightmost 16 digits of PAN and sequence number. Parity is left as it falls: DES ignores it.
pub fn card_key(master_key: &[u8; 16], pan: &str, sequence: u8) -> [u8; 16] {
    let digits = format!("{:0>16}", format!("{pan}{sequence:02}"));
    let packed = crate::hex::compressed(&digits[digits.len() - 16..]);
    let left: [u8; 8] = std::array::from_fn(|index| packed.get(index).copied().unwrap_or_default());
    join(encipher(master_key, left), encipher(master_key, left.map(|byte| !byte)))
}

/// The key of one transaction from the card's key and the ATC.
pub fn session_key(card_key: &[u8; 16], atc: u16) -> [u8; 16] {
    let block = |counter: u16| {
        let [high, low] = counter.to_be_bytes();
        encipher(card_key, [0, 0, 0, 0, 0, 0, high, low])
    };
    join(block(atc), block(!atc))
}

/// The application cryptogram (9F26) over `input`: ARQC, TC and AAC differ only in the CVR.
pub fn cryptogram(card_key: &[u8; 16], input: &CryptogramInput) -> [u8; 8] {
    retail_mac(&session_key(card_key, input.atc), &input.encode())
}

/// The issuer's answer to `arqc`: the first eight bytes of 91. `response_code` is its last two (as in 8A).
pub fn arpc(card_key: &[u8; 16], atc: u16, arqc: [u8; 8], response_code: [u8; 2]) -> [u8; 8] {
    let [first, second] = response_code;
    encipher(&session_key(card_key, atc), exclusive_or(arqc, [first, second, 0, 0, 0, 0, 0, 0]))
}

/// Whether `tc` is the certificate that the card with `pan` and `sequence` gives over `input`.
pub fn verify_tc(
    master_key: &[u8; 16],
    pan: &str,
    sequence: u8,
    input: &CryptogramInput,
    tc: [u8; 8],
) -> bool {
    cryptogram(&card_key(master_key, pan, sequence), input) == tc
}

fn join(left: [u8; 8], right: [u8; 8]) -> [u8; 16] {
    std::array::from_fn(|index| if index < 8 { left[index] } else { right[index - 8] })
}
