//! GENERATE AC and card action analysis (Book 3 §6.5.5, §10.8).

use super::{
    Reason, Refusal, Verdict,
    analysis::Request,
    session::{End, Session, malformed},
};
use crate::{
    indicators::{tsi, tvr},
    tags, tlv,
};
use sha1::{Digest as _, Sha1};

const COMMAND: &str = "GENERATE AC";

impl Session {
    /// The first GENERATE AC. A verdict where the card declines, or approves what it was asked to.
    pub(super) async fn first_cryptogram(&mut self, request: Request) -> Result<Option<Verdict>, End> {
        let given = self.generate(request, tags::CDOL1).await?;
        self.keep_first_cryptogram();
        match given & 0xC0 {
            0x40 if request == Request::Approve => Ok(Some(Verdict::Approved)),
            0x80 if request != Request::Decline => {
                // A card may want to go online where it was asked to approve.
                self.set(tags::RESPONSE_CODE, [0, 0]);
                Ok(None)
            }
            0x00 if given & 0x07 == 0x01 => Err(Refusal::ServiceNotAllowed.into()),
            0x00 => Ok(Some(Verdict::Declined)),
            // Check 54: more than was asked for, or a type that is reserved.
            _ => Err(Reason::Cryptogram { requested: request as u8, given }.into()),
        }
    }

    /// Asks for a cryptogram; its information data.
    pub(super) async fn generate(&mut self, request: Request, list: u32) -> Result<u8, End> {
        let wanted = self.get(list).ok_or(Reason::Missing(list))?;
        self.hash_for_certificate(&wanted, list)?;
        let data = self.asked_for(&wanted, list)?;
        let length = u8::try_from(data.len()).map_err(|_| Reason::Invalid(list))?;
        let mut command = vec![0x80, 0xAE, request as u8, 0x00];
        if length > 0 {
            command.push(length);
            command.extend_from_slice(&data);
        }
        command.push(0x00);
        let response = self.send(command).await?;
        if response.status != 0x9000 {
            return Err(Reason::Status { command: COMMAND, status: response.status }.into());
        }
        let element = tlv::only(&response.data).map_err(malformed(COMMAND))?.ok_or(Reason::Form(COMMAND))?;
        let value = element.value;
        let (information, counter, cryptogram, issuer) = match element.tag {
            tags::RESPONSE_PRIMITIVE if (11..=43).contains(&value.len()) => {
                (&value[..1], &value[1..3], &value[3..11], (value.len() > 11).then(|| &value[11..]))
            }
            tags::RESPONSE_TEMPLATE => {
                let part = |tag| tlv::find(value, tag).map_err(malformed(COMMAND));
                let need = |tag| part(tag)?.ok_or_else(|| End::from(Reason::Missing(tag)));
                (
                    need(tags::CRYPTOGRAM_INFORMATION)?,
                    need(tags::ATC)?,
                    need(tags::CRYPTOGRAM)?,
                    part(tags::ISSUER_APPLICATION_DATA)?,
                )
            }
            _ => return Err(Reason::Form(COMMAND).into()),
        };
        let good = information.len() == 1
            && counter.len() == 2
            && cryptogram.len() == 8
            && issuer.is_none_or(|data| data.len() <= 32);
        if !good {
            return Err(Reason::Form(COMMAND).into());
        }
        let given = information[0];
        self.take_from_card(tags::CRYPTOGRAM_INFORMATION, information);
        self.take_from_card(tags::ATC, counter);
        self.take_from_card(tags::CRYPTOGRAM, cryptogram);
        if let Some(issuer) = issuer {
            self.take_from_card(tags::ISSUER_APPLICATION_DATA, issuer);
        }
        self.done(tsi::CARD_RISK_PERFORMED);
        Ok(given)
    }

    /// The TC hash value (98), where the list asks for it.
    fn hash_for_certificate(&mut self, wanted: &[u8], list: u32) -> Result<(), End> {
        let asked = crate::dol::parse(wanted).ok_or(Reason::Invalid(list))?;
        if !asked.iter().any(|(tag, _)| *tag == tags::TC_HASH) {
            return Ok(());
        }
        let tdol = self.get(tags::TDOL);
        if tdol.is_none() {
            self.mark(tvr::DEFAULT_TDOL_USED);
        }
        let tdol = tdol.unwrap_or_else(|| self.application.default_tdol.0.clone());
        let data = self.asked_for(&tdol, tags::TDOL)?;
        self.set(tags::TC_HASH, &Sha1::digest(&data)[..]);
        Ok(())
    }
}
