//! Debit and credit without contact (UnionPay's VSDC): the steps of the contact kernel, with the card held to the reader.

use super::super::{
    Verdict,
    cvm::NO_CVM,
    session::{End, Session},
};
use crate::indicators::{aip, ttq, tvr};

/// The code of a rule without the bit "apply the next rule".
const METHOD: u8 = 0x3F;

impl Session {
    pub(super) async fn debit_credit(&mut self) -> Result<Verdict, End> {
        if !self.combination().qualifiers.has(ttq::DEBIT_CREDIT) {
            return Err(Verdict::AnotherInterface.into());
        }
        self.read_records().await?;
        self.proceed().await
    }

    /// Where the cardholder must be verified, the card's own rules may say "nobody" only if they are the issuer's: a
    /// profile or a list that was tampered with is not.
    pub(in super::super) fn insist_on_cardholder(&mut self) -> Result<(), End> {
        if !self.combination().verification_required || self.online_pin || self.signature {
            return Ok(());
        }
        let authentic = self.tsi.has(crate::indicators::tsi::ODA_PERFORMED)
            && ![tvr::SDA_FAILED, tvr::DDA_FAILED, tvr::CDA_FAILED].iter().any(|bit| self.tvr.has(*bit));
        let by_rule = self.aip.has(aip::CVM) && self.cvm_results.0[0] & METHOD == NO_CVM;
        if authentic && by_rule {
            return Ok(());
        }
        // The contact chip has more rules to offer, and offline PINs.
        Err(Verdict::AnotherInterface.into())
    }
}
