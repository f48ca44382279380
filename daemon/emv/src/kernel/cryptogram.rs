//! GENERATE AC and card action analysis (Book 3 §6.5.5, §10.8), with combined
//! authentication where card and terminal have it (Book 2 §6.6).

use super::{
    Reason, Refusal, Verdict,
    analysis::{DECLINED_OFFLINE, Request},
    session::{End, Session, malformed},
};
use crate::{
    authentication::{self, Combined, DynamicReady, Failure},
    indicators::{tsi, tvr},
    tags, tlv,
};
use sha1::{Digest as _, Sha1};

const COMMAND: &str = "GENERATE AC";

/// The bit of the reference control parameter that asks for a signature over the cryptogram (CDA, check 53).
const SIGNED: u8 = 0x10;

/// What a GENERATE AC brought.
pub(super) struct Given {
    /// The cryptogram information data (9F27).
    pub(super) information: u8,
    /// It was to be signed, and is not, or not well: it may not count for what it says.
    pub(super) forged: bool,
}

/// The parts of the answer.
struct Answer<'a> {
    information: &'a [u8],
    counter: &'a [u8],
    cryptogram: Option<&'a [u8]>,
    issuer: Option<&'a [u8]>,
    signature: Option<&'a [u8]>,
    /// The elements of a template but for the signature, as they came.
    signed: Vec<u8>,
}

impl Session {
    /// The first GENERATE AC. A verdict where the card declines, or approves what it was asked to.
    pub(super) async fn first_cryptogram(&mut self, request: Request) -> Result<Option<Verdict>, End> {
        let given = self.generate(request, tags::CDOL1).await?;
        self.keep_first_cryptogram();
        match given.information & 0xC0 {
            0x40 if request == Request::Approve && given.forged => {
                self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
                Ok(Some(Verdict::Declined))
            }
            0x40 if request == Request::Approve => Ok(Some(Verdict::Approved)),
            0x80 if request != Request::Decline && given.forged => {
                // It does not go online (Book 2 §6.6.2); the card is told at once that it is declined.
                self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
                self.second_cryptogram(Request::Decline).await.map(Some)
            }
            0x80 if request != Request::Decline => {
                // A card may want to go online where it was asked to approve.
                self.set(tags::RESPONSE_CODE, [0, 0]);
                Ok(None)
            }
            0x00 if given.information & 0x07 == 0x01 => Err(Refusal::ServiceNotAllowed.into()),
            0x00 => Ok(Some(Verdict::Declined)),
            // Check 54: more than was asked for, or a type that is reserved.
            _ => Err(Reason::Cryptogram { requested: request as u8, given: given.information }.into()),
        }
    }

    /// Asks for a cryptogram.
    pub(super) async fn generate(&mut self, request: Request, list: u32) -> Result<Given, End> {
        let wanted = self.get(list).ok_or(Reason::Missing(list))?;
        self.hash_for_certificate(&wanted, list)?;
        let data = self.asked_for(&wanted, list)?;
        let length = u8::try_from(data.len()).map_err(|_| Reason::Invalid(list))?;
        self.told.extend_from_slice(&data);
        // A refusal is not worth a signature.
        let ready = if request == Request::Decline { None } else { self.combined.clone() };
        let control = request as u8 | if ready.is_some() { SIGNED } else { 0 };
        let mut command = vec![0x80, 0xAE, control, 0x00];
        if length > 0 {
            command.push(length);
            command.extend_from_slice(&data);
        }
        command.push(0x00);
        let response = self.send(command).await?;
        if response.status != 0x9000 {
            return Err(Reason::Status { command: COMMAND, status: response.status }.into());
        }
        let answer = read_answer(&response.data)?;
        let information = answer.information[0];
        self.take_from_card(tags::CRYPTOGRAM_INFORMATION, answer.information);
        self.take_from_card(tags::ATC, answer.counter);
        if let Some(issuer) = answer.issuer {
            self.take_from_card(tags::ISSUER_APPLICATION_DATA, issuer);
        }
        self.done(tsi::CARD_RISK_PERFORMED);
        let mut forged = false;
        match (ready, information & 0xC0, answer.cryptogram) {
            // Check 30.
            (Some(ready), 0x40 | 0x80, _) => {
                self.done(tsi::ODA_PERFORMED);
                match self.combined_signature(&ready, &answer) {
                    Ok(Combined { number, cryptogram }) => {
                        self.set(tags::ICC_DYNAMIC_NUMBER, number);
                        self.take_from_card(tags::CRYPTOGRAM, &cryptogram);
                    }
                    Err(_) => {
                        self.mark(tvr::CDA_FAILED);
                        forged = true;
                    }
                }
            }
            (_, _, Some(cryptogram)) => self.take_from_card(tags::CRYPTOGRAM, cryptogram),
            (_, _, None) => return Err(Reason::Missing(tags::CRYPTOGRAM).into()),
        }
        Ok(Given { information, forged })
    }

    fn combined_signature(&self, ready: &DynamicReady, answer: &Answer<'_>) -> Result<Combined, Failure> {
        let signature = answer.signature.ok_or(Failure::Missing(tags::SIGNED_DYNAMIC_DATA))?;
        let number = self.get(tags::UNPREDICTABLE_NUMBER).unwrap_or_default();
        let transaction = [&self.told[..], &answer.signed];
        authentication::verify_combined(ready, &number, answer.information[0], &transaction, signature)
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

/// Reads the answer in either form; what must be there is there, and as long as it must be.
fn read_answer(data: &[u8]) -> Result<Answer<'_>, End> {
    let element = tlv::only(data).map_err(malformed(COMMAND))?.ok_or(Reason::Form(COMMAND))?;
    let value = element.value;
    let answer = match element.tag {
        tags::RESPONSE_PRIMITIVE if (11..=43).contains(&value.len()) => Answer {
            information: &value[..1],
            counter: &value[1..3],
            cryptogram: Some(&value[3..11]),
            issuer: (value.len() > 11).then(|| &value[11..]),
            signature: None,
            signed: Vec::new(),
        },
        tags::RESPONSE_TEMPLATE => {
            let part = |tag| tlv::find(value, tag).map_err(malformed(COMMAND));
            let need = |tag| part(tag)?.ok_or_else(|| End::from(Reason::Missing(tag)));
            let mut signed = Vec::new();
            for element in tlv::Reader::new(value) {
                let element = element.map_err(malformed(COMMAND))?;
                if element.tag != tags::SIGNED_DYNAMIC_DATA {
                    signed.extend_from_slice(&value[element.range]);
                }
            }
            Answer {
                information: need(tags::CRYPTOGRAM_INFORMATION)?,
                counter: need(tags::ATC)?,
                cryptogram: part(tags::CRYPTOGRAM)?,
                issuer: part(tags::ISSUER_APPLICATION_DATA)?,
                signature: part(tags::SIGNED_DYNAMIC_DATA)?,
                signed,
            }
        }
        _ => return Err(Reason::Form(COMMAND).into()),
    };
    let good = answer.information.len() == 1
        && answer.counter.len() == 2
        && answer.cryptogram.is_none_or(|cryptogram| cryptogram.len() == 8)
        && answer.issuer.is_none_or(|data| data.len() <= 32);
    if good { Ok(answer) } else { Err(Reason::Form(COMMAND).into()) }
}
