//! The proximity payment system environment, 2PAY.SYS.DDF01 (EMV Contactless Book B §3.3.2).

use super::super::{
    Verdict,
    selection::{Found, fci, one_byte},
    session::{End, Session},
};
use crate::{tags, tlv};

const ENVIRONMENT: &[u8] = b"2PAY.SYS.DDF01";

/// The kernel of UnionPay.
const KERNEL: u8 = 7;

impl Session {
    /// The applications of the card's directory that are taken without contact, in its order. A card without a
    /// directory is to be inserted.
    pub(super) async fn read_environment(&mut self) -> Result<Vec<Found>, End> {
        let response = self.select(ENVIRONMENT, false).await?;
        let directory = fci(&response.data)
            .and_then(|fci| tlv::find(fci, tags::FCI_PROPRIETARY).ok().flatten())
            .and_then(|proprietary| tlv::find(proprietary, tags::FCI_DISCRETIONARY).ok().flatten())
            .filter(|_| response.status == 0x9000)
            .ok_or(Verdict::AnotherInterface)?;
        let mut found = Vec::new();
        // Entries that are no applications, or malformed, are passed over.
        for entry in tlv::Reader::new(directory).map_while(Result::ok) {
            let name = tlv::find(entry.value, tags::ADF_NAME).ok().flatten();
            if let Some(name) = name.filter(|_| entry.tag == tags::DIRECTORY_ENTRY && is_for_us(entry.value))
            {
                self.add(&mut found, name, entry.value, None, &[]);
            }
        }
        let taken = |found: &Found| {
            let combinations = self.tap.as_ref().map(|tap| &tap.combinations[..]).unwrap_or_default();
            combinations.get(found.application).is_some_and(Option::is_some)
        };
        found.retain(taken);
        Ok(found)
    }
}

/// Whether an entry wants this kernel, or names none (§3.3.2.5): bits 6 to 1 are its number where bits 8 and 7 say that
/// it is an international one.
fn is_for_us(entry: &[u8]) -> bool {
    match tlv::find(entry, tags::KERNEL_IDENTIFIER) {
        Ok(None) => true,
        Ok(Some(_)) => matches!(one_byte(entry, tags::KERNEL_IDENTIFIER), Some(0 | KERNEL)),
        Err(_) => false,
    }
}
