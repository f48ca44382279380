//! Initiate application processing: GET PROCESSING OPTIONS (Book 3 §10.1).

use super::{
    Reason,
    session::{End, Session, malformed},
};
use crate::{indicators::Aip, tags, tlv};

const COMMAND: &str = "GET PROCESSING OPTIONS";

impl Session {
    /// `false` where the card's conditions are not met (6985): the application leaves the list (check 13).
    pub(super) async fn initiate(&mut self) -> Result<bool, End> {
        // No PDOL: an empty command template (check 11).
        let wanted = self.get(tags::PDOL).unwrap_or_default();
        let data = self.asked_for(&wanted, tags::PDOL)?;
        self.told.clone_from(&data);
        let field = tlv::encode(tags::COMMAND_TEMPLATE, &data);
        let length = u8::try_from(field.len()).map_err(|_| Reason::Invalid(tags::PDOL))?;
        let mut command = vec![0x80, 0xA8, 0x00, 0x00, length];
        command.extend_from_slice(&field);
        command.push(0x00);
        let response = self.send(command).await?;
        match response.status {
            0x9000 => {}
            0x6985 => return Ok(false),
            status => return Err(Reason::Status { command: COMMAND, status }.into()),
        }
        let element = tlv::only(&response.data).map_err(malformed(COMMAND))?.ok_or(Reason::Form(COMMAND))?;
        let (profile, locator) = match element.tag {
            // Format 1: the profile, then the locator's entries of four bytes (check 14).
            tags::RESPONSE_PRIMITIVE => {
                let good = element.value.len() >= 6 && (element.value.len() - 2).is_multiple_of(4);
                if !good {
                    return Err(Reason::Form(COMMAND).into());
                }
                element.value.split_at(2)
            }
            // Format 2 must hold both (check 15).
            tags::RESPONSE_TEMPLATE => {
                let part = |tag| tlv::find(element.value, tag).map_err(malformed(COMMAND));
                (
                    part(tags::AIP)?.ok_or(Reason::Missing(tags::AIP))?,
                    part(tags::AFL)?.ok_or(Reason::Missing(tags::AFL))?,
                )
            }
            _ => return Err(Reason::Form(COMMAND).into()),
        };
        self.aip = Aip(profile.try_into().map_err(|_| Reason::Invalid(tags::AIP))?);
        self.take_from_card(tags::AIP, profile);
        self.take_from_card(tags::AFL, locator);
        Ok(true)
    }
}
