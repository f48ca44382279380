//! Offline data authentication, its place in the transaction (Book 3 §10.3).

use super::session::{End, Session};
use crate::{
    authentication::{self, Failure, Method, Offline},
    indicators::{Bit, tsi, tvr},
    tags,
};

impl Session {
    pub(super) async fn authenticate_offline(&mut self) -> Result<(), End> {
        match authentication::select_method(self.aip, &self.configuration.terminal) {
            // Check 24: not performed, and TSI says nothing of it.
            Method::None => self.mark(tvr::ODA_NOT_PERFORMED),
            Method::Sda => {
                self.mark(tvr::SDA_SELECTED);
                match self.with_offline(authentication::verify_static) {
                    Ok(code) => self.set(tags::DATA_AUTHENTICATION_CODE, code),
                    Err(failure) => self.failed(failure, tvr::SDA_FAILED),
                }
                self.done(tsi::ODA_PERFORMED);
            }
            Method::Dda => {
                match self.dynamic().await? {
                    Ok(number) => self.set(tags::ICC_DYNAMIC_NUMBER, number),
                    Err(failure) => self.failed(failure, tvr::DDA_FAILED),
                }
                self.done(tsi::ODA_PERFORMED);
            }
            // Performed with the cryptogram; a card whose own key is not authentic is not asked to sign it.
            Method::Cda => match self.with_offline(authentication::prepare_dynamic) {
                Ok(ready) => self.combined = Some(ready),
                Err(failure) => {
                    self.failed(failure, tvr::CDA_FAILED);
                    self.done(tsi::ODA_PERFORMED);
                }
            },
        }
        Ok(())
    }

    /// An unknown key or an expired certificate is a failed authentication, never one that was not performed.
    fn failed(&mut self, failure: Failure, bit: Bit) {
        if matches!(failure, Failure::Missing(_)) {
            self.mark(tvr::ICC_DATA_MISSING);
        }
        self.mark(bit);
    }

    pub(super) fn with_offline<T>(
        &self,
        verify: impl FnOnce(&Offline<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let records = self.signed_records.as_deref().ok_or(Failure::Block("a record"))?;
        let today = self.today().ok_or(Failure::Expired("the date"))?;
        verify(&Offline {
            configuration: &self.configuration,
            aid: &self.aid,
            records,
            aip: self.aip.0,
            get: &|tag| self.get(tag),
            today,
        })
    }

    /// INTERNAL AUTHENTICATE over what the DDOL asks for, which must hold the unpredictable number (check 29).
    async fn dynamic(&mut self) -> Result<Result<Vec<u8>, Failure>, End> {
        let ready = match self.with_offline(authentication::prepare_dynamic) {
            Ok(ready) => ready,
            Err(failure) => return Ok(Err(failure)),
        };
        let list = self.get(tags::DDOL).unwrap_or_else(|| self.application.default_ddol.0.clone());
        let asks = crate::dol::parse(&list).is_some_and(|list| {
            list.iter().any(|(tag, length)| *tag == tags::UNPREDICTABLE_NUMBER && *length > 0)
        });
        if !asks {
            return Ok(Err(Failure::Block("the DDOL")));
        }
        let data = self.asked_for(&list, tags::DDOL)?;
        let Ok(length) = u8::try_from(data.len()) else { return Ok(Err(Failure::Block("the DDOL"))) };
        let mut command = vec![0x00, 0x88, 0x00, 0x00, length];
        command.extend_from_slice(&data);
        command.push(0x00);
        let response = self.send(command).await?;
        if response.status != 0x9000 {
            return Ok(Err(Failure::Block("INTERNAL AUTHENTICATE")));
        }
        let element = crate::tlv::only(&response.data).ok().flatten();
        let signature = match element.as_ref().map(|element| (element.tag, element.value)) {
            Some((tags::RESPONSE_PRIMITIVE, value)) => Some(value),
            Some((tags::RESPONSE_TEMPLATE, value)) => {
                crate::tlv::find(value, tags::SIGNED_DYNAMIC_DATA).ok().flatten()
            }
            _ => None,
        };
        let Some(signature) = signature else {
            return Ok(Err(Failure::Missing(tags::SIGNED_DYNAMIC_DATA)));
        };
        Ok(authentication::verify_dynamic(&ready, &data, signature))
    }
}
