//! The words of the custodians' socket: loading the terminal master key in two components.

use posd_vault_protocol::Secret;
use serde::{Deserialize, Serialize};

/// What a custodian may ask. One request at a time; each gets one [`KeyReply`].
#[derive(Debug, Serialize, Deserialize)]
pub enum KeyRequest {
    /// Here is my component. The first accepted one waits for the second, of another custodian.
    Give {
        /// The custodian's name, as configured.
        custodian: String,
        /// The custodian's password.
        password: Secret,
        /// 16 bytes.
        component: Secret,
        /// First three bytes of zeros enciphered under the component.
        check_value: [u8; 3],
    },
    /// I shall type password, component and check value on the PIN pad, in three prompts.
    Type {
        /// The custodian's name, as configured.
        custodian: String,
    },
    /// Forget a first component, if there is one, and end the prompt.
    Abandon,
}

/// The answer to a [`KeyRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyReply {
    /// The first component is kept, for ten minutes at most; now another custodian gives the second.
    FirstAccepted,
    /// The terminal master key is stored; work keys of the old one are gone, so sign in again.
    Loaded {
        /// The new key's check value, to compare with the acquirer's letter.
        check_value: [u8; 3],
    },
    /// The first component, if there was one, is forgotten.
    Abandoned,
    /// Not accepted.
    Refused(KeyRefusal),
}

/// Why a component was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum KeyRefusal {
    /// Unknown custodian or wrong password; which of the two is not told.
    #[error("wrong custodian or password")]
    Wrong,
    /// Too many wrong tries.
    #[error("too many wrong tries: try again in {seconds} s")]
    LockedOut {
        /// Seconds to wait.
        seconds: u32,
    },
    /// The component is not 16 bytes.
    #[error("a component is 32 hexadecimal digits")]
    Malformed,
    /// The component's check value is another: a digit was mistyped.
    #[error("the check value does not fit the component: type both again")]
    CheckFailed,
    /// The same custodian gave the first component.
    #[error("the second component must come from another custodian")]
    SameCustodian,
    /// The two components give a key that is no better than single DES.
    #[error("the two components give a weak key: ask the acquirer for new components")]
    WeakKey,
    /// There is no storage key, so no key is accepted.
    #[error("the secure module has no usable storage key; give it one as a credential")]
    NoStorageKey,
    /// The key could not be stored; the old one stays.
    #[error("the secure module cannot write its store; the old key stays")]
    StoreFailed,
    /// Another prompt stands on the pad, or another custodian's request is being worked on.
    #[error("the secure module is busy: wait until the prompt on the PIN pad has ended")]
    Busy,
    /// There is no usable pad.
    #[error("no PIN pad is connected")]
    PadMissing,
    /// The prompt was cancelled.
    #[error("cancelled at the PIN pad")]
    Cancelled,
    /// Nobody finished typing in time.
    #[error("nobody finished typing in time")]
    TimedOut,
}
