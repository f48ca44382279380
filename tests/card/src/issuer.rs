//! The issuer of the test cards and the authority over it: keys, certificates, cryptograms.

mod certificate;
mod cryptogram;
mod keys;

pub use certificate::{
    AUTHORITY_INDEX, AuthorityKey, Certificate, authority_key, card_certificate, decipher_pin,
    issuer_certificate, pin_certificate, signed_cryptogram, signed_dynamic_data, signed_static_data,
};
pub use cryptogram::{CryptogramInput, MASTER_KEY, arpc, card_key, cryptogram, session_key, verify_tc};

/// The registered application provider under which the test authority's key is listed.
pub const RID: [u8; 5] = [0xA0, 0x00, 0x00, 0x03, 0x33];
