//! Downloads (reference 1, 2.3): terminal parameters, CA public keys, card applications, blacklist, contactless
//! parameters. [`crate::download`] reads what comes back.
//!
//! None has a trace number: the answer is told by its type, terminal, merchant and network management code.

use super::{Draft, Identity, Request, field60, in_range};
use crate::bcd::hex;
use crate::download::{AidEntry, KeyEntry, Parameters};
use crate::error::{EncodeError, EncodeErrorKind};
use crate::mti::Mti;
use crate::profile::Profile;

/// One step of a download. Fields 41 42 60, and 62 where noted; 64 where the profile says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Who the terminal is.
    pub identity: Identity,
    /// The terminal's batch number.
    pub batch: u32,
    /// Which step.
    pub step: Step,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Terminal parameters (参数下载, 0800, 360).
    Parameters,
    /// Terminal parameters are in use (0800, 361).
    ParametersEnd,
    /// The terminal's own parameters (参数上送, 0820, 362), in field 62.
    ParametersUpload(Parameters),
    /// Which CA keys there are (0820, 372); field 62 `1` and how many entries have come already, 0 to 99.
    KeyQuery(u8),
    /// One CA key (0800, 370); field 62 names it.
    Key(KeyEntry),
    /// All CA keys are in use (0800, 371).
    KeyEnd,
    /// Which card applications there are (0820, 382); field 62 as for keys.
    AidQuery(u8),
    /// The parameters of one card application (0800, 380); field 62 names it.
    Aid(AidEntry),
    /// All card applications are in use (0800, 381).
    AidEnd,
    /// A part of the blacklist (0800, 390); field 62 as for keys.
    Blacklist(u8),
    /// The blacklist is in use (0800, 391).
    BlacklistEnd,
    /// Contactless parameters (0800, 394).
    Contactless,
    /// Contactless parameters are in use (0800, 395).
    ContactlessEnd,
}

impl Step {
    fn mti(&self) -> Mti {
        match self {
            Self::ParametersUpload(_) | Self::KeyQuery(_) | Self::AidQuery(_) => Mti::NOTICE,
            _ => Mti::MANAGEMENT,
        }
    }

    /// Network management code (60.3), three digits.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Parameters => "360",
            Self::ParametersEnd => "361",
            Self::ParametersUpload(_) => "362",
            Self::Key(_) => "370",
            Self::KeyEnd => "371",
            Self::KeyQuery(_) => "372",
            Self::Aid(_) => "380",
            Self::AidEnd => "381",
            Self::AidQuery(_) => "382",
            Self::Blacklist(_) => "390",
            Self::BlacklistEnd => "391",
            Self::Contactless => "394",
            Self::ContactlessEnd => "395",
        }
    }

    fn field62(&self) -> Result<Option<Vec<u8>>, EncodeError> {
        Ok(match self {
            Self::ParametersUpload(parameters) => Some(parameters.encode()?),
            Self::KeyQuery(received) | Self::AidQuery(received) | Self::Blacklist(received) => {
                in_range(62, (*received).into(), 0, 99)?;
                Some(format!("1{received:02}").into_bytes())
            }
            Self::Key(entry) => Some(entry.name()),
            Self::Aid(entry) => {
                let length = entry.aid.len();
                if !(5..=16).contains(&length) {
                    return Err(EncodeError::new(62, EncodeErrorKind::OutOfRange { min: 5, max: 16 }));
                }
                Some(entry.name())
            }
            _ => None,
        })
    }
}

impl Download {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let code = field60("00", self.batch, self.step.code())?;
        let field62 = self.step.field62()?;
        let draft = Draft {
            profile,
            header: profile.management_header,
            mti: self.step.mti(),
            identity: &self.identity,
            trace: 0,
            amount: None,
        };
        let mut request = draft.build_without_trace(|message| {
            message.put(60, code)?;
            if let Some(field62) = field62 {
                message.put(62, field62)?;
            }
            Ok(())
        })?;
        request.has_mac = profile.mac_on_downloads;
        Ok(request)
    }
}

impl core::fmt::Display for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key(entry) => write!(f, "{} ({} {:02X})", self.code(), hex(&entry.rid), entry.index),
            Self::Aid(entry) => write!(f, "{} ({})", self.code(), hex(&entry.aid)),
            _ => f.write_str(self.code()),
        }
    }
}
