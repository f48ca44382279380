//! What goes into the core and what comes out of it.

use posd_vault_protocol::{DeviceState, Notice, Reply, Request, Secret, Slot};
use zeroize::Zeroizing;

use crate::{KeyReply, KeyRequest, Operator};

/// Fills a buffer with random bytes. Only a cryptographically secure source keeps keys secret.
pub type Random = Box<dyn FnMut(&mut [u8])>;

/// Something that happened outside.
pub enum Input {
    /// `posd` connected.
    Connected,
    /// `posd`'s connection ended. Its prompt ends and the card is powered off.
    Disconnected,
    /// A request of `posd`, with its number.
    Request(u32, Request),
    /// A card came to a reader (`true`) or left it (`false`).
    Card(Slot, bool),
    /// More than one card is in the field of the contactless reader.
    SeveralCards,
    /// A reader's state changed.
    Reader(Slot, DeviceState),
    /// The stripe reader's state changed, or was found changed when a swipe was to be wanted.
    StripeReader(DeviceState),
    /// A card was swiped: what the reader typed, empty where some of it was lost.
    Swiped(Secret),
    /// The PIN pad's state changed, or was found changed when a prompt was to begin.
    PinPad(DeviceState),
    /// What came of [`Output::PowerOn`]: the answer to reset.
    Powered(Result<Vec<u8>, CardFault>),
    /// What came of [`Output::Transmit`]: response data, then SW1 SW2.
    Answered(Result<Zeroizing<Vec<u8>>, CardFault>),
    /// A key of the PIN pad was pressed.
    Key(Key),
    /// What came of [`Output::Store`].
    Stored(Result<(), StoreFault>),
    /// The time that [`Output::WakeAt`] named has come. A wake too early or too many does no harm.
    Wake,
    /// A request on the custodians' socket.
    Custodian(KeyRequest),
    /// The custodians' connection ended. Its prompt ends; a first component already accepted stays for its time.
    CustodianGone,
}

/// An order to the wires. They are to be performed in the order given.
pub enum Output {
    /// The one reply to the request of that number.
    Reply(u32, Reply),
    /// Something happened at a device.
    Notice(Notice),
    /// Cold-reset the card of this reader; answer [`Input::Powered`].
    PowerOn(Slot),
    /// Power off whatever card is on. No answer.
    PowerOff,
    /// Send this command to the card of this reader; answer [`Input::Answered`]. It may hold a PIN.
    Transmit(Slot, Zeroizing<Vec<u8>>),
    /// Replace the stored blob durably; answer [`Input::Stored`]. It is enciphered.
    Store(Vec<u8>),
    /// Give [`Input::Wake`] at this time, in the milliseconds of `now_ms`. Replaces any earlier one; without one,
    /// no wake is wanted.
    WakeAt(u64),
    /// No wake is wanted any more.
    NoWake,
    /// A prompt begins (`Some`) or ended (`None`) on the pad. Before a prompt begins the pad's presence is to be
    /// checked, and its absence told by [`Input::PinPad`].
    Prompt(Option<PadPrompt>),
    /// A swipe is wanted from now on (`true`) or not any more. Before one is wanted the reader's presence is to be
    /// checked, and its absence told by [`Input::StripeReader`].
    Swipe(bool),
    /// The reply to the custodians' request.
    Custodian(KeyReply),
}

/// What a person is asked to type, for pads that can show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadPrompt {
    /// A cardholder's PIN.
    Pin {
        /// The amount in minor units.
        amount: u64,
        /// ISO 4217 numeric currency of `amount`.
        currency: u16,
        /// Tries left as the card told.
        tries_left: Option<u8>,
    },
    /// A custodian's password, digits only.
    Password,
    /// The password of this operator, digits only.
    OperatorPassword(Operator),
    /// The new password of this operator.
    NewPassword(Operator),
    /// The new password of this operator once more.
    NewPasswordAgain(Operator),
    /// A card's number, for a phone order.
    CardNumber {
        /// The amount in minor units.
        amount: u64,
        /// ISO 4217 numeric currency of `amount`.
        currency: u16,
    },
    /// The card's expiry: two digits of the year, two of the month.
    CardExpiry,
    /// A key component: 32 hexadecimal digits, each typed as two decimal digits `00` to `15`.
    KeyComponent,
    /// The component's check value: 6 hexadecimal digits, typed in the same way.
    CheckValue,
}

/// A key of the PIN pad.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A decimal digit, 0 to 9. Anything above is ignored.
    Digit(u8),
    /// Wipe all that was typed.
    Clear,
    /// Wipe the last digit.
    Backspace,
    /// Done.
    Enter,
    /// Give up.
    Cancel,
}

impl std::fmt::Debug for Key {
    // Which digit it was is never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// Why the card did not do what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CardFault {
    /// No reader is connected.
    #[error("no card reader is connected")]
    NoReader,
    /// No card is in the reader.
    #[error("no card in the reader")]
    NoCard,
    /// The card or the reader went away during the command.
    #[error("the card was removed")]
    Removed,
    /// No answer in time, or no answer that makes sense.
    #[error("the card does not answer")]
    Mute,
}

/// The store could not be written durably; the reason is for the wires to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secure module cannot write its store")]
pub struct StoreFault;
