//! Cardholder verification (Book 3 §10.5).

use super::{
    OfflinePin, OfflinePinResult, PinEntry, Reason,
    session::{End, Session},
};
use crate::{
    authentication,
    indicators::{CvmResults, aip, tsi, tvr},
    tags,
};

/// Methods by code (Annex C3), without the bit "apply the next rule".
const FAIL: u8 = 0x00;
pub(super) const PLAINTEXT_PIN: u8 = 0x01;
pub(super) const ONLINE_PIN: u8 = 0x02;
const PLAINTEXT_PIN_AND_SIGNATURE: u8 = 0x03;
const ENCIPHERED_PIN: u8 = 0x04;
const ENCIPHERED_PIN_AND_SIGNATURE: u8 = 0x05;
pub(super) const SIGNATURE: u8 = 0x1E;
pub(super) const NO_CVM: u8 = 0x1F;
/// The bit that says: if this method fails, apply the next rule.
const APPLY_NEXT: u8 = 0x40;

/// Results as 9F34 writes them.
pub(super) const UNKNOWN: u8 = 0;
const FAILED: u8 = 1;
pub(super) const SUCCESSFUL: u8 = 2;

impl Session {
    pub(super) async fn verify_cardholder(&mut self) -> Result<(), End> {
        if !self.aip.has(aip::CVM) {
            // Check 37: not asked for; nothing was performed.
            return Ok(());
        }
        let list = self.get(tags::CVM_LIST).unwrap_or_default();
        // A list without rules is as good as none.
        if list.is_empty() || list.len() == 8 {
            self.mark(tvr::ICC_DATA_MISSING);
            return Ok(());
        }
        if list.len() < 8 || !list.len().is_multiple_of(2) {
            return Err(Reason::Invalid(tags::CVM_LIST).into());
        }
        self.done(tsi::CVM_PERFORMED);
        let (amounts, rules) = list.split_at(8);
        let mut last = CvmResults([0x3F, 0x00, FAILED]);
        for rule in rules.chunks_exact(2) {
            let &[code, condition] = rule else { continue };
            let method = code & 0x3F;
            if !self.condition_met(condition, method, amounts) {
                continue;
            }
            let result = self.apply(method).await?;
            if let Some(result) = result {
                last = CvmResults([code, condition, result]);
                if result != FAILED {
                    self.set_results(last);
                    return Ok(());
                }
            }
            // A list that says "fail" has failed, whatever its bit for the next rule says.
            if code & APPLY_NEXT == 0 || method == FAIL {
                break;
            }
        }
        self.mark(tvr::CVM_FAILED);
        self.signature = false;
        self.set_results(CvmResults([last.0[0], last.0[1], FAILED]));
        Ok(())
    }

    pub(super) fn set_results(&mut self, results: CvmResults) {
        self.cvm_results = results;
        self.set(tags::CVM_RESULTS, results.0);
    }

    /// Conditions (Annex C3, check 38), for an attended purchase.
    fn condition_met(&self, condition: u8, method: u8, amounts: &[u8]) -> bool {
        let cashback = self.transaction.amount_other != 0;
        match condition {
            0x00 => true,
            // Unattended cash, manual cash: never here.
            0x01 | 0x04 => false,
            0x02 => !cashback,
            0x03 => self.supported(method),
            0x05 => cashback,
            0x06..=0x09 => {
                let currency = self.get(tags::APPLICATION_CURRENCY);
                let half = if condition < 0x08 { amounts.get(..4) } else { amounts.get(4..8) };
                let limit = half.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(u32::from_be_bytes);
                match (currency == self.get(tags::CURRENCY), limit) {
                    (true, Some(limit)) if condition.is_multiple_of(2) => {
                        self.transaction.amount < u64::from(limit)
                    }
                    (true, Some(limit)) => self.transaction.amount > u64::from(limit),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    fn supported(&self, method: u8) -> bool {
        let terminal = &self.configuration.terminal;
        match method {
            FAIL => true,
            PLAINTEXT_PIN => terminal.plaintext_pin(),
            ONLINE_PIN => terminal.online_pin(),
            PLAINTEXT_PIN_AND_SIGNATURE => terminal.plaintext_pin() && terminal.signature(),
            ENCIPHERED_PIN => terminal.enciphered_pin(),
            ENCIPHERED_PIN_AND_SIGNATURE => terminal.enciphered_pin() && terminal.signature(),
            SIGNATURE => terminal.signature(),
            NO_CVM => terminal.no_cvm(),
            _ => false,
        }
    }

    /// Applies a method; `None` where the terminal does not know it or cannot do it (check 39).
    async fn apply(&mut self, method: u8) -> Result<Option<u8>, End> {
        let known = matches!(
            method,
            FAIL | PLAINTEXT_PIN
                | ONLINE_PIN
                | PLAINTEXT_PIN_AND_SIGNATURE
                | ENCIPHERED_PIN
                | ENCIPHERED_PIN_AND_SIGNATURE
                | SIGNATURE
                | NO_CVM
        );
        if !known {
            self.mark(tvr::CVM_UNRECOGNISED);
            return Ok(None);
        }
        if !self.supported(method) {
            let terminal = &self.configuration.terminal;
            let takes_pin = match method {
                ONLINE_PIN => terminal.online_pin(),
                PLAINTEXT_PIN..=ENCIPHERED_PIN_AND_SIGNATURE => {
                    terminal.plaintext_pin() || terminal.enciphered_pin()
                }
                _ => true,
            };
            // Book 3 §10.5.1 and §10.5.2: for a PIN to its issuer, or to the card, it is as a terminal without a pad.
            if !takes_pin {
                self.mark(tvr::PIN_PAD_MISSING);
            }
            return Ok(None);
        }
        Ok(Some(match method {
            PLAINTEXT_PIN => self.offline_pin(OfflinePin::Plaintext).await?,
            ENCIPHERED_PIN => self.enciphered_pin().await?,
            ONLINE_PIN => self.online_pin().await?,
            PLAINTEXT_PIN_AND_SIGNATURE | ENCIPHERED_PIN_AND_SIGNATURE => {
                let pin = match method {
                    PLAINTEXT_PIN_AND_SIGNATURE => self.offline_pin(OfflinePin::Plaintext).await?,
                    _ => self.enciphered_pin().await?,
                };
                self.signature = pin == SUCCESSFUL;
                if pin == SUCCESSFUL { UNKNOWN } else { pin }
            }
            SIGNATURE => {
                self.signature = true;
                UNKNOWN
            }
            NO_CVM => SUCCESSFUL,
            _ => FAILED,
        }))
    }

    /// Check 41: the key's certificate is checked before anyone types a PIN. The secure module asks for the challenge.
    async fn enciphered_pin(&mut self) -> Result<u8, End> {
        match self.with_offline(authentication::pin_key) {
            Ok((modulus, exponent)) => self.offline_pin(OfflinePin::Enciphered { modulus, exponent }).await,
            Err(_) => Ok(FAILED),
        }
    }

    /// Checks 40 and 42. The secure module sends VERIFY; here only its status words are seen.
    async fn offline_pin(&mut self, pin: OfflinePin) -> Result<u8, End> {
        if self.pin_bypassed {
            self.mark(tvr::PIN_NOT_ENTERED);
            return Ok(FAILED);
        }
        let mut tries = self.pin_tries().await?;
        if tries == Some(0) {
            self.mark(tvr::PIN_TRY_LIMIT_EXCEEDED);
            return Ok(FAILED);
        }
        // A card counts down; one that does not is stopped here.
        for _ in 0..16 {
            match self.verify_offline_pin(pin.clone(), tries).await? {
                OfflinePinResult::Bypassed => {
                    self.pin_bypassed = true;
                    self.mark(tvr::PIN_NOT_ENTERED);
                    return Ok(FAILED);
                }
                OfflinePinResult::PadMissing => {
                    self.mark(tvr::PIN_PAD_MISSING);
                    return Ok(FAILED);
                }
                OfflinePinResult::Status(0x9000) => return Ok(SUCCESSFUL),
                OfflinePinResult::Status(status @ 0x63C1..=0x63CF) => tries = Some((status & 0x0F) as u8),
                OfflinePinResult::Status(0x63C0 | 0x6983 | 0x6984) => {
                    self.mark(tvr::PIN_TRY_LIMIT_EXCEEDED);
                    return Ok(FAILED);
                }
                OfflinePinResult::Status(_) => return Ok(FAILED),
            }
        }
        Ok(FAILED)
    }

    /// The PIN try counter through GET DATA; a card need not tell.
    async fn pin_tries(&mut self) -> Result<Option<u8>, End> {
        let value = self.get_data(tags::PIN_TRY_COUNTER).await?;
        Ok(value.and_then(|value| match value[..] {
            [tries] => Some(tries),
            _ => None,
        }))
    }

    async fn online_pin(&mut self) -> Result<u8, End> {
        if self.pin_bypassed {
            self.mark(tvr::PIN_NOT_ENTERED);
            return Ok(FAILED);
        }
        match self.enter_online_pin().await? {
            PinEntry::Entered => {
                self.online_pin = true;
                self.mark(tvr::ONLINE_PIN_ENTERED);
                Ok(UNKNOWN)
            }
            PinEntry::Bypassed => {
                self.pin_bypassed = true;
                self.mark(tvr::PIN_NOT_ENTERED);
                Ok(FAILED)
            }
            PinEntry::PadMissing => {
                self.mark(tvr::PIN_PAD_MISSING);
                Ok(FAILED)
            }
        }
    }
}
