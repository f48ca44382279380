//! Network management: sign-in, sign-out, echo.

use super::{Draft, Identity, Request, field60};
use crate::error::EncodeError;
use crate::mti::Mti;
use crate::profile::Profile;

/// Sign-in (签到, 0800): fetches the work keys. Fields 11 41 42 60 63, never a MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The terminal's batch number; the answer may bring another.
    pub batch: u32,
    /// Who is logged in, two digits; the profile says what stands there for nobody.
    pub operator: Option<String>,
}

impl SignIn {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        let operator = profile.operator63(self.operator.as_deref());
        let code = field60("00", self.batch, profile.sign_in_code.digits(profile.algorithm))?;
        draft(profile, Mti::MANAGEMENT, &self.identity, self.trace).build(|message| {
            message.put(60, code)?.put(63, operator)?;
            Ok(())
        })
    }
}

/// Sign-out (签退, 0820, 60.3 = 002). Fields 11 41 42 60.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignOut {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The terminal's batch number.
    pub batch: u32,
}

impl SignOut {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        notice(profile, &self.identity, self.trace, self.batch, "002")
    }
}

/// Echo (回响测试, 0820, 60.3 = 301): asks whether the host is there. Fields 11 41 42 60.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    /// Who the terminal is.
    pub identity: Identity,
    /// Its own trace number, 1 to 999999.
    pub trace: u32,
    /// The terminal's batch number.
    pub batch: u32,
}

impl Echo {
    /// The message.
    ///
    /// # Errors
    /// Where a value does not fit its field.
    pub fn build(&self, profile: &Profile) -> Result<Request, EncodeError> {
        notice(profile, &self.identity, self.trace, self.batch, "301")
    }
}

fn notice(
    profile: &Profile,
    identity: &Identity,
    trace: u32,
    batch: u32,
    code: &str,
) -> Result<Request, EncodeError> {
    let code = field60("00", batch, code)?;
    draft(profile, Mti::NOTICE, identity, trace).build(|message| {
        message.put(60, code)?;
        Ok(())
    })
}

fn draft<'a>(profile: &'a Profile, mti: Mti, identity: &'a Identity, trace: u32) -> Draft<'a> {
    Draft { profile, header: profile.management_header, mti, identity, trace, amount: None }
}
