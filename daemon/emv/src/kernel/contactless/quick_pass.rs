//! quickPass (qPBOC): what the card has decided in its one answer, and what becomes of it.

use super::super::{
    Input, OnlineRequest, Reason, Verdict,
    session::{End, Session},
};
use crate::{date::Date, digits::Digits, hex, tags};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// The response code of a transaction that could not go online.
const UNABLE_TO_GO_ONLINE: &[u8] = b"Z3";
/// The response code of one that the card declines by itself.
const DECLINED_OFFLINE: &[u8] = b"Z1";

/// The type of a cryptogram (9F27 bits 8 and 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Declined = 0x00,
    Certificate = 0x40,
    Online = 0x80,
}

impl Session {
    pub(super) async fn quick_pass(&mut self) -> Result<Verdict, End> {
        let kind = self.cryptogram_kind()?;
        if kind == Kind::Declined {
            self.set(tags::RESPONSE_CODE, DECLINED_OFFLINE);
            return Ok(Verdict::Declined);
        }
        if kind == Kind::Certificate && !self.combination().may_stay_offline {
            // The card was told that only an ARQC will do: this is no answer to that.
            return Err(Reason::Cryptogram { requested: Kind::Online as u8, given: kind as u8 }.into());
        }
        if kind == Kind::Certificate {
            if let Some(verdict) = self.look_back().await? {
                return Ok(verdict);
            }
        } else if self.tap.as_ref().is_some_and(|tap| tap.torn.is_some()) {
            // Who may have paid offline does not pay online.
            return Err(Reason::Cryptogram { requested: Kind::Certificate as u8, given: kind as u8 }.into());
        }
        match self.read_tapped_files(kind).await {
            Err(End::Broken(Reason::CardLost)) if kind == Kind::Certificate => {
                self.keep_torn();
                return Err(Reason::CardLost.into());
            }
            read => read?,
        }
        // From here on the card is not needed, and nothing that takes time was done before.
        self.release().await?;
        self.check_brand()?;
        match kind {
            Kind::Certificate => self.pay_with_cash(),
            _ => self.ask_host().await,
        }
    }

    /// What kind of cryptogram it is: bits 6 and 5 of the card verification results in 9F10, and 9F27 where the card
    /// gives it must say the same. The other elements of the answer have to be there.
    fn cryptogram_kind(&mut self) -> Result<Kind, End> {
        self.fixed::<8>(tags::CRYPTOGRAM)?.ok_or(Reason::Missing(tags::CRYPTOGRAM))?;
        self.fixed::<2>(tags::ATC)?.ok_or(Reason::Missing(tags::ATC))?;
        let data =
            self.get(tags::ISSUER_APPLICATION_DATA).ok_or(Reason::Missing(tags::ISSUER_APPLICATION_DATA))?;
        let kind = match data.get(3..5) {
            _ if data.len() > 32 => None,
            // The length of the results, and their first byte.
            Some(&[3, results]) => match results >> 4 & 0x03 {
                0 => Some(Kind::Declined),
                1 => Some(Kind::Certificate),
                2 => Some(Kind::Online),
                _ => None,
            },
            _ => None,
        };
        let kind = kind.ok_or(Reason::Invalid(tags::ISSUER_APPLICATION_DATA))?;
        match self.fixed::<1>(tags::CRYPTOGRAM_INFORMATION)? {
            Some([information]) if information & 0xC0 != kind as u8 => {
                let (one, other) = (tags::CRYPTOGRAM_INFORMATION, tags::ISSUER_APPLICATION_DATA);
                return Err(Reason::Contradiction(one, other).into());
            }
            Some(_) => {}
            None => self.take_from_card(tags::CRYPTOGRAM_INFORMATION, &[kind as u8]),
        }
        self.keep_first_cryptogram();
        Ok(kind)
    }

    /// The records, and what track 2 says where they do not.
    async fn read_tapped_files(&mut self, kind: Kind) -> Result<(), End> {
        let has_files = self.get(tags::AFL).is_some_and(|locator| !locator.is_empty());
        if !has_files && kind == Kind::Certificate {
            // Nothing could be authenticated.
            return Err(Reason::Missing(tags::AFL).into());
        }
        let given = [tags::AIP, tags::AFL, tags::DF_NAME, tags::CRYPTOGRAM, tags::ATC];
        let once =
            [tags::TRACK_2, tags::CARD_QUALIFIERS, tags::CARD_AUTHENTICATION, tags::SIGNED_DYNAMIC_DATA];
        let mut seen = BTreeSet::from(given);
        seen.extend(once.into_iter().filter(|tag| self.get(*tag).is_some()));
        self.read_files(&mut seen).await?;
        self.complete_from_track()?;
        self.check_agreement()
    }

    /// A quickPass card need not give number and expiry beside its track 2 equivalent.
    pub(super) fn complete_from_track(&mut self) -> Result<(), End> {
        let track = self.get(tags::TRACK_2).map(Zeroizing::new).ok_or(Reason::Missing(tags::TRACK_2))?;
        let track = Zeroizing::new(hex::encode(&track));
        let (number, rest) = track.split_once('D').ok_or(Reason::Invalid(tags::TRACK_2))?;
        if self.get(tags::PAN).is_none() {
            let digits = Digits::from_text(number).ok_or(Reason::Invalid(tags::TRACK_2))?;
            let padded = if digits.reveal().len() % 2 == 1 { "F" } else { "" };
            let packed = hex::decode(&Zeroizing::new(format!("{}{padded}", digits.reveal())));
            self.take_from_card(tags::PAN, &packed.map_err(|_| Reason::Invalid(tags::TRACK_2))?);
        }
        if self.get(tags::EXPIRATION).is_none() {
            let packed = rest.get(..4).and_then(|text| hex::decode(text).ok()).unwrap_or_default();
            let last = match packed[..] {
                [year, month] => Date::month_end_from_bcd(&[month, year]),
                _ => None,
            };
            let last = last.ok_or(Reason::Invalid(tags::TRACK_2))?;
            self.take_from_card(tags::EXPIRATION, &last.to_bcd());
        }
        Ok(())
    }

    /// The host decides, and nothing of its answer reaches the card: it is gone.
    async fn ask_host(&mut self) -> Result<Verdict, End> {
        // A failure changes nothing for the host, who checks the cryptogram; the qualifiers are then not believed.
        let _ = self.authenticate_tap();
        self.verify_at_tap().await?;
        let request = OnlineRequest {
            cryptogram_information: Kind::Online as u8,
            signature_required: self.signature,
            online_pin: self.online_pin,
        };
        match self.go_online(request).await? {
            Input::Host(answer) => {
                self.set(tags::RESPONSE_CODE, answer.authorisation_response_code);
                self.host_approved = self.configuration.approves(&answer.authorisation_response_code);
                // The issuer is told that they were not run.
                self.pass_over(&answer.scripts_before);
                self.pass_over(&answer.scripts_after);
                Ok(if self.host_approved { Verdict::Approved } else { Verdict::Declined })
            }
            Input::UnableToGoOnline | Input::HostFailed => {
                self.set(tags::RESPONSE_CODE, UNABLE_TO_GO_ONLINE);
                Ok(Verdict::Declined)
            }
            _ => Err(Reason::OutOfTurn.into()),
        }
    }

    /// The last day on which the application is good; `None` where it cannot be read.
    pub(super) fn expires(&self) -> Option<Date> {
        self.get(tags::EXPIRATION).and_then(|value| Date::from_bcd(&value))
    }
}
