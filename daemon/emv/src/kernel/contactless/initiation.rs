//! GET PROCESSING OPTIONS at a tap: the answer holds the cryptogram, so no GENERATE AC follows (peers' fault 4).

use super::super::{
    Again, Reason, Verdict,
    session::{End, Session, malformed},
};
use crate::{
    indicators::{Aip, Ctq},
    tags, tlv,
};
use std::collections::BTreeSet;

const COMMAND: &str = "GET PROCESSING OPTIONS";

/// How the card wants to be paid with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// quickPass: the cryptogram is there.
    QuickPass,
    /// Debit and credit, as at the contact reader.
    DebitCredit,
}

/// What an application made of GET PROCESSING OPTIONS.
pub(super) enum Opened {
    /// It goes on.
    As(Path),
    /// It does not want this transaction; another may (6985).
    SelectNext,
}

/// What a quickPass answer may give, and nothing else of it is taken.
const ANSWER: [u32; 14] = [
    tags::AIP,
    tags::AFL,
    tags::TRACK_2,
    tags::PAN_SEQUENCE,
    tags::ISSUER_APPLICATION_DATA,
    tags::CRYPTOGRAM,
    tags::CRYPTOGRAM_INFORMATION,
    tags::ATC,
    tags::SIGNED_DYNAMIC_DATA,
    tags::AVAILABLE_OFFLINE,
    tags::CARD_AUTHENTICATION,
    tags::CARD_QUALIFIERS,
    0x9F63,
    0x5F20,
];

impl Session {
    pub(super) async fn open_application(&mut self) -> Result<Opened, End> {
        let wanted = self.get(tags::PDOL).unwrap_or_default();
        let asks = crate::dol::parse(&wanted)
            .is_some_and(|list| list.iter().any(|(tag, _)| *tag == tags::TERMINAL_QUALIFIERS));
        if !asks {
            // It does not ask what the terminal can do without contact, so it is no quickPass application.
            return Err(Verdict::AnotherInterface.into());
        }
        let field = tlv::encode(tags::COMMAND_TEMPLATE, &self.asked_for(&wanted, tags::PDOL)?);
        let length = u8::try_from(field.len()).map_err(|_| Reason::Invalid(tags::PDOL))?;
        let mut command = vec![0x80, 0xA8, 0x00, 0x00, length];
        command.extend_from_slice(&field);
        command.push(0x00);
        let response = self.send(command).await?;
        match response.status {
            0x9000 => self.take_answer(&response.data).map(Opened::As),
            0x6984 => Err(Verdict::AnotherInterface.into()),
            0x6985 => Ok(Opened::SelectNext),
            // The cardholder's device wants to be looked at first.
            0x6986 => Err(Verdict::TryAgain(Again::SeeDevice).into()),
            status => Err(Reason::Status { command: COMMAND, status }.into()),
        }
    }

    fn take_answer(&mut self, data: &[u8]) -> Result<Path, End> {
        let element = tlv::only(data).map_err(malformed(COMMAND))?.ok_or(Reason::Form(COMMAND))?;
        match element.tag {
            // Format 1 has no room for a cryptogram.
            tags::RESPONSE_PRIMITIVE => {
                let good = element.value.len() >= 6 && (element.value.len() - 2).is_multiple_of(4);
                if !good {
                    return Err(Reason::Form(COMMAND).into());
                }
                let (profile, locator) = element.value.split_at(2);
                self.take_from_card(tags::AIP, profile);
                self.take_from_card(tags::AFL, locator);
            }
            tags::RESPONSE_TEMPLATE => {
                let mut seen = BTreeSet::new();
                for part in tlv::Reader::new(element.value) {
                    let part = part.map_err(malformed(COMMAND))?;
                    if !seen.insert(part.tag) {
                        return Err(Reason::Twice(part.tag).into());
                    }
                    if ANSWER.contains(&part.tag) {
                        self.take_from_card(part.tag, part.value);
                    }
                }
            }
            _ => return Err(Reason::Form(COMMAND).into()),
        }
        self.aip = Aip(self.fixed(tags::AIP)?.ok_or(Reason::Missing(tags::AIP))?);
        if self.get(tags::CRYPTOGRAM).is_none() {
            return Ok(Path::DebitCredit);
        }
        let qualifiers: Option<[u8; 2]> = self.fixed(tags::CARD_QUALIFIERS)?;
        if let Some(tap) = self.tap.as_mut() {
            tap.qualifiers = Ctq(qualifiers.unwrap_or_default());
        }
        Ok(Path::QuickPass)
    }
}
