//! Who holds the card or the phone: the card's wishes (CTQ), the host's limits, and what of the former may be believed.
//!
//! The qualifiers are not under the cryptogram: whoever sits between card and reader may change them. So they can only
//! ever make the terminal ask for more, unless the card has signed them (fDDA of version 01). The limits are the host's.

use super::super::{
    PinEntry, TapVerification, Verdict,
    cvm::{NO_CVM, ONLINE_PIN, PLAINTEXT_PIN, SIGNATURE, SUCCESSFUL, UNKNOWN},
    session::{End, Session},
};
use crate::indicators::{Ctq, CvmResults, ctq};

/// What has to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// Nothing: the cardholder's device has done it.
    Device,
    /// A PIN for the issuer.
    OnlinePin,
    /// The cardholder signs, and that is the verification.
    Signature,
    /// Nothing.
    None,
}

impl Session {
    /// The cardholder of a tap that goes online. Gives up on the tap where a PIN is needed and not to be had: the chip
    /// has rules of its own for that.
    pub(super) async fn verify_at_tap(&mut self) -> Result<(), End> {
        let waived = self.waived();
        let method = self.method(waived);
        if method == Method::OnlinePin {
            match self.enter_online_pin().await? {
                PinEntry::Entered => self.online_pin = true,
                PinEntry::Bypassed | PinEntry::PadMissing => return Err(Verdict::AnotherInterface.into()),
            }
        }
        self.verified(method, waived);
        Ok(())
    }

    /// That of a tap that stays offline, where no PIN can be checked: whether there is a method that will do.
    pub(super) fn verify_at_offline_tap(&mut self) -> bool {
        let waived = self.waived();
        let method = self.method(waived);
        if method == Method::OnlinePin {
            return false;
        }
        self.verified(method, TapVerification { cash: true, ..waived });
        // Electronic cash is not signed for, unless that is how its holder is verified.
        self.signature = method == Method::Signature;
        true
    }

    /// What the device has done, and what the amount is free of.
    fn waived(&self) -> TapVerification {
        let Some(reader) = &self.configuration.contactless else { return TapVerification::default() };
        let amount = self.transaction.amount;
        TapVerification {
            device: reader.device_verification && self.tap.as_ref().is_some_and(|tap| tap.device_verified()),
            free_of_pin: reader.free_of_pin(amount),
            free_of_signature: reader.free_of_signature(amount),
            cash: false,
        }
    }

    fn method(&self, waived: TapVerification) -> Method {
        let required = self.combination().verification_required;
        let qualifiers = self.tap.as_ref().map_or(Ctq::default(), |tap| tap.qualifiers);
        // A signature that is waived verifies nobody.
        let can_sign = qualifiers.has(ctq::SIGNATURE)
            && self.configuration.terminal.signature()
            && waived.free_of_signature.is_none();
        if waived.device {
            Method::Device
        } else if waived.free_of_pin.is_some() {
            Method::None
        } else if qualifiers.has(ctq::ONLINE_PIN) || (required && !can_sign) {
            Method::OnlinePin
        } else if can_sign {
            Method::Signature
        } else {
            Method::None
        }
    }

    fn verified(&mut self, method: Method, waived: TapVerification) {
        // The slip has its own matrix: whoever is free of neither signature nor by a device signs, PIN or not.
        self.signature = !waived.device && waived.free_of_signature.is_none();
        self.set_results(CvmResults(match method {
            Method::Device => [PLAINTEXT_PIN, 0x00, SUCCESSFUL],
            Method::OnlinePin => [ONLINE_PIN, 0x00, UNKNOWN],
            Method::Signature => [SIGNATURE, 0x00, UNKNOWN],
            Method::None => [NO_CVM, 0x00, SUCCESSFUL],
        }));
        if let Some(tap) = self.tap.as_mut() {
            tap.verification = Some(waived);
        }
    }
}
