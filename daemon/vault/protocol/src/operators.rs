//! Operators: what came of checking a password, and of changing the table.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// What came of a password check; what an operator may then do is for `posd` to decide. Nothing tells a wrong operator number from a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PasswordCheck {
    /// Right.
    Accepted {
        /// It is the initial one: nothing but changing it should be allowed.
        must_change: bool,
    },
    /// Wrong.
    Wrong,
    /// Too many wrong tries: ask again after so many seconds.
    LockedOut {
        /// Seconds to wait.
        seconds: u32,
    },
    /// The prompt was cancelled.
    Cancelled,
    /// Nobody finished typing in time.
    TimedOut,
    /// No pad to type on: hand the password over as an argument.
    PadMissing,
}

/// Old and new password of an operator, where they are not typed on a pad.
#[derive(Debug, Serialize, Deserialize)]
pub struct PasswordChange {
    /// The password until now.
    pub old: Secret,
    /// The password from now on.
    pub new: Secret,
}

/// What came of a change to the operator table. Nothing has changed unless it is `Done`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatorChange {
    /// Done, and durable.
    Done,
    /// The old password, or that of supervisor or manager, is wrong; or there is no such operator.
    Wrong,
    /// Too many wrong tries of the password asked for: ask again after so many seconds.
    LockedOut {
        /// Seconds to wait.
        seconds: u32,
    },
    /// Supervisor or manager must change the initial password first.
    MustChange,
    /// The new password has another number of digits than it must have, or is not all digits.
    WrongLength {
        /// The digits that it must have.
        digits: u8,
    },
    /// The new password is the old one or the initial one.
    NotNew,
    /// The new password was typed in two ways.
    Differs,
    /// An operator of that number is there already.
    Exists,
    /// There is no operator of that number. Told only after the supervisor's password was right.
    Unknown,
    /// Nobody may do this: add or delete 00 or 99, reset 99.
    NotAllowed,
    /// A prompt was cancelled.
    Cancelled,
    /// Nobody finished typing in time.
    TimedOut,
    /// No pad to type on: hand the passwords over as arguments.
    PadMissing,
}

/// One line of the operator table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorEntry {
    /// Two decimal digits.
    pub operator: String,
    /// It still has its initial password. One that came as a hash from the configuration is known to be initial only
    /// after it was typed once.
    pub initial: bool,
    /// It is locked out now after wrong tries.
    pub locked_out: bool,
}
