//! The host's answer, as far as it concerns the card.

use std::fmt;

use crate::{
    hex, tags,
    tlv::{self, TlvError},
};

/// What the host answered for the card.
#[derive(Clone, PartialEq, Eq)]
pub struct HostAnswer {
    /// The response code (field 39), two ASCII characters; the card is given it as tag 8A.
    pub authorisation_response_code: [u8; 2],
    /// Tag 91, issuer authentication data.
    pub issuer_authentication_data: Option<Vec<u8>>,
    /// The values of the templates 71, in order: scripts to run before the second GENERATE AC.
    pub scripts_before: Vec<Vec<u8>>,
    /// The values of the templates 72, in order: scripts to run after the second GENERATE AC.
    pub scripts_after: Vec<Vec<u8>>,
}

impl HostAnswer {
    /// An answer without data for the card.
    pub fn bare(authorisation_response_code: [u8; 2]) -> Self {
        Self {
            authorisation_response_code,
            issuer_authentication_data: None,
            scripts_before: Vec::new(),
            scripts_after: Vec::new(),
        }
    }

    /// An answer from field 39 and field 55 (BER-TLV: 91, 71, 72; other tags are passed over).
    ///
    /// Fails where field 55 is not BER-TLV, or has 91 twice: such an answer is a bad answer, and the caller hands
    /// [`crate::kernel::Input::HostFailed`] to the kernel.
    pub fn from_field55(authorisation_response_code: [u8; 2], field: &[u8]) -> Result<Self, TlvError> {
        let mut answer = Self::bare(authorisation_response_code);
        for element in tlv::Reader::new(field) {
            let element = element?;
            match element.tag {
                tags::ISSUER_AUTHENTICATION_DATA => {
                    if answer.issuer_authentication_data.is_some() {
                        return Err(TlvError::Twice { tag: element.tag, offset: element.range.start });
                    }
                    answer.issuer_authentication_data = Some(element.value.to_vec());
                }
                tags::SCRIPT_BEFORE => answer.scripts_before.push(element.value.to_vec()),
                tags::SCRIPT_AFTER => answer.scripts_after.push(element.value.to_vec()),
                _ => {}
            }
        }
        Ok(answer)
    }
}

impl fmt::Debug for HostAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HostAnswer")
            .field("code", &hex::encode(&self.authorisation_response_code))
            .field("issuer_authentication_data", &self.issuer_authentication_data.is_some())
            .field("scripts_before", &self.scripts_before.len())
            .field("scripts_after", &self.scripts_after.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_55_is_taken_apart_in_order() {
        let field = [
            0x91, 0x0A, 1, 2, 3, 4, 5, 6, 7, 8, 0x30, 0x30, 0x72, 0x02, 0x86, 0x00, 0x71, 0x01, 0x00, 0x9F,
            0x36, 0x02, 0, 1, 0x72, 0x01, 0x00,
        ];
        let answer = HostAnswer::from_field55(*b"00", &field).unwrap();
        assert_eq!(answer.issuer_authentication_data.as_deref(), Some(&field[2..12]));
        assert_eq!(answer.scripts_before, vec![vec![0]]);
        assert_eq!(answer.scripts_after, vec![vec![0x86, 0], vec![0]]);
    }

    #[test]
    fn a_malformed_field_55_is_an_error() {
        assert!(HostAnswer::from_field55(*b"00", &[0x91, 0x0A, 1]).is_err());
        assert!(HostAnswer::from_field55(*b"00", &[0x91, 0x01, 1, 0x91, 0x01, 1]).is_err());
        assert_eq!(HostAnswer::from_field55(*b"05", &[]), Ok(HostAnswer::bare(*b"05")));
    }
}
