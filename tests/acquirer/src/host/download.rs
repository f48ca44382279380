//! Downloads: lists in pages, items one by one, their ends.

use super::Host;
use crate::answer::Decision;
use crate::check::{self, Refused, refused};
use crate::fault::MessageKind;
use crate::message::Message;

impl Host {
    pub(super) fn download(&mut self, message: &Message, kind: MessageKind) -> Result<Decision, Refused> {
        use MessageKind::{
            AidDownload, AidQuery, BlacklistDownload, ContactlessDownload, KeyDownload, KeyQuery,
            ParameterDownload, ParameterEnd, ParameterUpload,
        };
        let asks = matches!(kind, KeyQuery | AidQuery | KeyDownload | AidDownload | ParameterUpload);
        let trace_allowed = matches!(kind, ParameterDownload | ParameterEnd | ParameterUpload);
        check::download(message, asks, trace_allowed, self.has_mac(kind))?;
        let asked = message.field(62).unwrap_or_default();
        let downloads = &self.settings.downloads;
        let field = match kind {
            KeyQuery => downloads.key_page(place(asked)?),
            AidQuery => downloads.aid_page(place(asked)?),
            BlacklistDownload => downloads.blacklist_page(place(asked)?),
            ContactlessDownload => downloads.contactless_page(place(asked)?),
            ParameterDownload => downloads.parameter_page(),
            KeyDownload => downloads.key_item(asked),
            AidDownload => downloads.aid_item(asked),
            _ => Vec::new(),
        };
        let mut decision = Decision::approved();
        if !field.is_empty() {
            decision.fields.insert(62, field);
        }
        if kind == KeyDownload && self.settings.switches.wrong_checksum {
            decision.spoil_checksum();
        }
        Ok(decision)
    }
}

/// Where a list goes on: `1` and how many entries the terminal has, two digits. Nothing asks for the start.
fn place(asked: &[u8]) -> Result<usize, Refused> {
    match asked {
        [] => Ok(0),
        [b'1', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Ok(usize::from(tens - b'0') * 10 + usize::from(ones - b'0'))
        }
        _ => Err(refused("30", "field 62 is not 1 and a count of two digits")),
    }
}
