//! The words spoken between `posd` and the secure module `posd-vault`, over one Unix stream socket.
//!
//! What it is for: typed requests, replies and events, and their framing (a little-endian `u32` length, then a
//! postcard body). Both sides and the simulator use this crate, so that there is one set of words.
//!
//! What it never does: no sockets, no card, no keys. There is no word in it that would let a PIN, a clear PIN block or
//! a clear key travel from the vault to `posd`; and [`Request::Transmit`] of a VERIFY command is refused by the vault.
//!
//! Start reading at [`Request`], then [`Reply`] and [`Notice`].

mod frame;
mod operators;
mod secret;
mod swipe;
mod typed_card;

pub use frame::{Decoder, FrameError, MAXIMUM_BODY, encode};
pub use operators::{OperatorChange, OperatorEntry, PasswordChange, PasswordCheck};
pub use secret::Secret;
pub use swipe::Swipe;
pub use typed_card::{CardPrompt, Digits, EnteredCard};

use serde::{Deserialize, Serialize};

/// Version of this protocol; [`Request::Hello`] carries it and the vault refuses any other.
pub const VERSION: u16 = 6;

/// A request of `posd` with the number its reply will carry. Numbers are chosen by `posd`, never 0, and not reused
/// while a reply is outstanding.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbered<T> {
    /// The number that pairs a request with its reply.
    pub id: u32,
    /// The request or reply itself.
    pub body: T,
}

/// What the vault sends: a reply to one request, or a notice nobody asked for.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromVault {
    /// The one reply to the request of that number.
    Reply(Numbered<Reply>),
    /// Something happened at a device.
    Notice(Notice),
}

/// What `posd` may ask of the vault. Every request gets exactly one [`Reply`].
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// First word on a connection. Reply: [`Reply::Status`].
    Hello {
        /// The protocol version spoken, [`VERSION`].
        version: u16,
    },
    /// The state of devices and keys. Reply: [`Reply::Status`].
    Status,
    /// Power the card of a reader on (cold reset; the other reader's is powered off first). Reply: [`Reply::Atr`], or
    /// [`Refusal::NoCard`], [`Refusal::CardMute`].
    PowerOn {
        /// Which reader's.
        slot: Slot,
    },
    /// Send one command APDU to the powered card. VERIFY (INS 20 or 21, any class) and commands over 261 bytes are
    /// refused with [`Refusal::Forbidden`]. Reply: [`Reply::Card`].
    Transmit {
        /// The command APDU, 4 to 261 bytes.
        apdu: Vec<u8>,
    },
    /// Power the card off and end the card session. Always answered [`Reply::Done`].
    PowerOff,
    /// Let the cardholder enter a PIN for online checking; the vault makes the PIN block (ISO 9564 format 0, with SM4
    /// filled up to 16 bytes) and enciphers it under the PIN work key. Reply: [`Reply::OnlinePin`].
    EnterOnlinePin {
        /// How to prompt.
        prompt: PinPrompt,
        /// The account number the PIN block is bound to.
        pan: Digits,
    },
    /// Let the cardholder enter a PIN; the vault builds and transmits VERIFY itself (EMV Book 3 §6.5.12). Only for the
    /// card in the contact reader: no PIN goes over the air. Reply: [`Reply::OfflinePin`].
    VerifyOfflinePin {
        /// How to prompt.
        prompt: PinPrompt,
        /// Plaintext or enciphered.
        method: VerifyMethod,
    },
    /// Have an operator's password checked. With `password` absent it is typed on the PIN pad in a prompt of its own.
    /// Reply: [`Reply::Password`].
    CheckPassword {
        /// Two decimal digits: `01` to `98` operators, `00` supervisor, `99` manager.
        operator: String,
        /// The password, where the device has no PIN pad.
        password: Option<Secret>,
        /// How long the prompt may stand, in milliseconds.
        timeout_ms: u32,
    },
    /// Change an operator's own password. With `passwords` absent the old one, the new one and the new one again are
    /// typed on the PIN pad in three prompts ([`Notice::Asking`] tells which stands). The new one has 8 digits for
    /// `99`, 6 for `00` and 4 for all others (reference section 7), and is neither the old nor the initial one.
    /// Reply: [`Reply::Changed`].
    ChangePassword {
        /// Two decimal digits, as in `CheckPassword`.
        operator: String,
        /// Old and new password, where the device has no PIN pad.
        passwords: Option<PasswordChange>,
        /// How long the three prompts together may stand, in milliseconds.
        timeout_ms: u32,
    },
    /// Add an operator, with the initial password 0000, which it must change. Needs the supervisor's password, and
    /// that no longer the initial one. Reply: [`Reply::Changed`].
    AddOperator {
        /// `01` to `98`.
        operator: String,
        /// The supervisor's password, where the device has no PIN pad.
        authority: Option<Secret>,
        /// How long the prompt may stand, in milliseconds.
        timeout_ms: u32,
    },
    /// Delete an operator. Needs the supervisor's password as `AddOperator` does. Reply: [`Reply::Changed`].
    DeleteOperator {
        /// `01` to `98`: supervisor and manager cannot be deleted.
        operator: String,
        /// The supervisor's password, where the device has no PIN pad.
        authority: Option<Secret>,
        /// How long the prompt may stand, in milliseconds.
        timeout_ms: u32,
    },
    /// Give an operator its initial password back, which it must change, and end its lock-out. Needs the supervisor's
    /// password as `AddOperator` does; for the supervisor itself, the manager's. Reply: [`Reply::Changed`].
    ResetPassword {
        /// `00` to `98`: nobody stands above the manager.
        operator: String,
        /// The password of the supervisor (of the manager for `00`), where the device has no PIN pad.
        authority: Option<Secret>,
        /// How long the prompt may stand, in milliseconds.
        timeout_ms: u32,
    },
    /// Who is in the operator table. Reply: [`Reply::Operators`].
    ListOperators,
    /// Let the cashier type a card's number and expiry on the PIN pad, in two prompts, for a phone order.
    /// Reply: [`Reply::EnteredCard`].
    EnterCard {
        /// How to prompt.
        prompt: CardPrompt,
    },
    /// Let a card be swiped, once, beside whatever else is done. Only one is waited for at a time: another request is
    /// refused with [`Refusal::Malformed`]. Reply: [`Reply::Swipe`].
    AwaitSwipe {
        /// How long it is waited for, in milliseconds.
        timeout_ms: u32,
    },
    /// No swipe is wanted any more: a request that waits for one is answered with `Cancelled`. Always answered
    /// [`Reply::Done`], after that.
    CancelSwipe,
    /// End any prompt at once (PIN, password or card number); the prompt's own request is answered with `Cancelled`. Always
    /// answered [`Reply::Done`], after the pad is idle again.
    CancelPrompt,
    /// Install the work keys of a sign-in answer (field 62 of the 0810). Both check values must be right, else
    /// [`Refusal::KeyCheckFailed`] and the old keys stay. Reply: [`Reply::Done`] once they are stored.
    LoadWorkKeys {
        /// What the keys are for; another than the terminal master key's is [`Refusal::OtherAlgorithm`].
        algorithm: KeyAlgorithm,
        /// The PIN key under the terminal master key.
        pin_key: EncipheredKey,
        /// The MAC key under the terminal master key.
        mac_key: EncipheredKey,
    },
    /// Make a message authentication code. Reply: [`Reply::Mac`].
    MakeMac {
        /// Which algorithm the acquirer profile names.
        algorithm: MacAlgorithm,
        /// The message from MTI to field 63.
        input: Vec<u8>,
    },
    /// Check a message authentication code. Reply: [`Reply::MacChecked`].
    CheckMac {
        /// Which algorithm the acquirer profile names.
        algorithm: MacAlgorithm,
        /// The message from MTI to field 63.
        input: Vec<u8>,
        /// Field 64 as received.
        mac: [u8; 8],
    },
    /// Encipher card data for the journal under the vault's data key (rule 10). Reply: [`Reply::Sealed`].
    Seal {
        /// What to seal, at most 512 bytes.
        clear: Secret,
        /// What the sealed text is bound to (the transaction id); needed again to open it.
        context: u64,
    },
    /// The key by which a card is told from others without naming it: a keyed hash of its number under a key of this
    /// vault. Reply: [`Reply::CardKey`].
    CardKey {
        /// The account number.
        pan: Digits,
    },
    /// Decipher sealed card data. Reply: [`Reply::Opened`], or [`Refusal::SealBroken`].
    Open {
        /// What [`Reply::Sealed`] gave.
        sealed: Vec<u8>,
        /// The same context as when sealed.
        context: u64,
    },
}

/// The answer to a [`Request`].
#[derive(Serialize, Deserialize)]
pub enum Reply {
    /// Done, nothing to tell.
    Done,
    /// To `Hello` and `Status`.
    Status(Status),
    /// To `PowerOn`: the answer to reset.
    Atr(Vec<u8>),
    /// To `Transmit`: response data followed by SW1 SW2.
    Card(Vec<u8>),
    /// To `EnterOnlinePin`.
    OnlinePin(OnlinePin),
    /// To `VerifyOfflinePin`.
    OfflinePin(OfflinePin),
    /// To `CheckPassword`.
    Password(PasswordCheck),
    /// To `ChangePassword`, `AddOperator`, `DeleteOperator` and `ResetPassword`.
    Changed(OperatorChange),
    /// To `ListOperators`, in the order of their numbers.
    Operators(Vec<OperatorEntry>),
    /// To `EnterCard`.
    EnteredCard(EnteredCard),
    /// To `AwaitSwipe`.
    Swipe(Swipe),
    /// To `MakeMac`: field 64, eight bytes.
    Mac([u8; 8]),
    /// To `CheckMac`.
    MacChecked(bool),
    /// To `Seal`.
    Sealed(Vec<u8>),
    /// To `Open`.
    Opened(Secret),
    /// To `CardKey`.
    CardKey([u8; 16]),
    /// The vault would not or could not.
    Refused(Refusal),
}

// A card's answer holds the PAN and its tracks, so nothing of it is shown (rule 10).
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reply::Done => f.write_str("Done"),
            Reply::Status(status) => write!(f, "Status({status:?})"),
            Reply::Atr(atr) => write!(f, "Atr({} bytes)", atr.len()),
            Reply::Card(answer) => write!(f, "Card({} bytes hidden)", answer.len()),
            Reply::OnlinePin(pin) => write!(f, "OnlinePin({pin:?})"),
            Reply::OfflinePin(pin) => write!(f, "OfflinePin({pin:?})"),
            Reply::Password(check) => write!(f, "Password({check:?})"),
            Reply::Changed(change) => write!(f, "Changed({change:?})"),
            Reply::Operators(all) => write!(f, "Operators({all:?})"),
            Reply::EnteredCard(card) => write!(f, "EnteredCard({card:?})"),
            Reply::Swipe(swipe) => write!(f, "Swipe({swipe:?})"),
            Reply::Mac(_) => f.write_str("Mac(hidden)"),
            Reply::MacChecked(good) => write!(f, "MacChecked({good})"),
            Reply::Sealed(sealed) => write!(f, "Sealed({} bytes)", sealed.len()),
            Reply::CardKey(_) => f.write_str("CardKey(hidden)"),
            Reply::Opened(_) => f.write_str("Opened(hidden)"),
            Reply::Refused(refusal) => write!(f, "Refused({refusal:?})"),
        }
    }
}

/// Why the vault did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Another protocol version: install `posd` and `posd-vault` of the same release.
    #[error("the secure module speaks another protocol version; install posd and posd-vault of one release")]
    Version,
    /// The command may not come from `posd` (VERIFY), or has a wrong length.
    #[error("the secure module does not send that command to a card")]
    Forbidden,
    /// No card in the reader.
    #[error("no card in the reader")]
    NoCard,
    /// The card was pulled or the reader vanished during the command.
    #[error("the card was removed")]
    CardRemoved,
    /// The card did not answer to reset or to a command in time.
    #[error("the card does not answer; clean the chip or try another card")]
    CardMute,
    /// No card reader is connected.
    #[error("no card reader is connected")]
    NoReader,
    /// A prompt already stands on the pad.
    #[error("the PIN pad is busy with another prompt")]
    PadBusy,
    /// The key needed is not loaded.
    #[error("a key is missing: load the terminal master key, then sign in")]
    KeyMissing,
    /// The keys are of another algorithm than the one asked for.
    #[error(
        "the secure module's keys are of another algorithm than the acquirer profile's: make `algorithm` in vault.toml and \
         in the profile agree, load the terminal master key, then sign in"
    )]
    OtherAlgorithm,
    /// A key's check value is wrong.
    #[error("the key's check value is wrong: the terminal master key is not the host's")]
    KeyCheckFailed,
    /// There is no storage key, so no key or sealed data can be kept.
    #[error("the secure module has no storage key; give it one as a credential")]
    NoStorageKey,
    /// Sealed data does not open: other vault, other context, or altered.
    #[error("sealed card data cannot be opened by this secure module")]
    SealBroken,
    /// The request is malformed (a PAN of wrong length, an empty input, a PIN range outside 4 to 12).
    #[error("the request to the secure module is malformed")]
    Malformed,
    /// The vault could not store what it had to.
    #[error("the secure module cannot write its store")]
    StoreFailed,
}

/// What happened at a device, unasked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A card came to a reader (`true`) or left it (`false`). Also sent once for each reader after `Hello`.
    Card(Slot, bool),
    /// More than one card is in the field of the contactless reader; none of them is taken until one is left.
    SeveralCards,
    /// A reader's state changed.
    Reader(Slot, DeviceState),
    /// The stripe reader's state changed.
    StripeReader(DeviceState),
    /// The PIN pad's state changed.
    PinPad(DeviceState),
    /// Which prompt of several now stands on the pad: of a password change, of an operator added, deleted or reset, of
    /// a typed card.
    Asking(Asking),
    /// How many digits stand in the current PIN or card prompt. Sent on a fixed tick only, so that it tells nothing about the
    /// rhythm of typing.
    PinProgress(u8),
}

/// What is to be typed on the pad now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Asking {
    /// The operator's own password, before it is changed.
    OldPassword,
    /// The new password.
    NewPassword,
    /// The new password once more.
    NewPasswordAgain,
    /// The supervisor's (00) password.
    SupervisorPassword,
    /// The manager's (99) password.
    ManagerPassword,
    /// The card's number.
    CardNumber,
    /// The card's expiry, year and month.
    CardExpiry,
}

/// The two ways in which a chip is met, each with a reader of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    /// The card is inserted.
    Contact,
    /// The card, or a phone, is held to the reader.
    Contactless,
}

/// Whether a device can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceState {
    /// Connected and usable.
    Ready,
    /// Not found.
    Missing,
    /// Found but not usable (no permission, grab refused, pcscd gone).
    Faulty,
}

/// Devices and keys, as `Diagnose` shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The chip card reader.
    pub reader: DeviceState,
    /// The contactless reader; missing also where the device has none.
    pub contactless: DeviceState,
    /// The stripe reader; missing also where the device has none.
    pub stripe_reader: DeviceState,
    /// The PIN pad.
    pub pin_pad: DeviceState,
    /// A card is in the chip card reader.
    pub card_present: bool,
    /// A card is in the field of the contactless reader.
    pub card_in_field: bool,
    /// A storage key was given, so keys can be kept.
    pub storage_key: bool,
    /// What the keys are for.
    pub algorithm: KeyAlgorithm,
    /// First three bytes of the terminal master key's check value, if it is loaded.
    pub master_key: Option<[u8; 3]>,
    /// The PIN work key's check value, if loaded.
    pub pin_key: Option<[u8; 3]>,
    /// The MAC work key's check value, if loaded.
    pub mac_key: Option<[u8; 3]>,
}

/// How to ask for a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinPrompt {
    /// Fewest digits, 4 or more (ISO 9564-1).
    pub minimum: u8,
    /// Most digits, 12 or fewer.
    pub maximum: u8,
    /// Enter with no digit bypasses the PIN.
    pub bypass: bool,
    /// How long the prompt may stand, in milliseconds.
    pub timeout_ms: u32,
    /// The amount shown beside the prompt on pads with a display, in minor units.
    pub amount: u64,
    /// ISO 4217 numeric currency of `amount`.
    pub currency: u16,
    /// Tries left as the card told, shown before the last.
    pub tries_left: Option<u8>,
}

/// How VERIFY is to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum VerifyMethod {
    /// P2 = 80: plaintext PIN block.
    Plaintext,
    /// P2 = 88: enciphered under the card's key, after GET CHALLENGE (EMV Book 2 §7).
    Enciphered {
        /// The recovered RSA modulus, big-endian.
        modulus: Vec<u8>,
        /// The public exponent, big-endian.
        exponent: Vec<u8>,
    },
}

/// What came of an online PIN prompt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnlinePin {
    /// The PIN block of field 52, enciphered under the PIN work key: 8 bytes with 3DES, 16 with SM4.
    Entered(Vec<u8>),
    /// The cardholder pressed enter with no digit, and bypass was allowed.
    Bypassed,
    /// The cardholder pressed cancel, or `CancelPrompt` came.
    Cancelled,
    /// Nobody finished typing in time.
    TimedOut,
    /// The pad is not there or not usable.
    PadMissing,
}

impl std::fmt::Debug for OnlinePin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            OnlinePin::Entered(_) => "Entered(hidden)",
            OnlinePin::Bypassed => "Bypassed",
            OnlinePin::Cancelled => "Cancelled",
            OnlinePin::TimedOut => "TimedOut",
            OnlinePin::PadMissing => "PadMissing",
        })
    }
}

/// What came of an offline PIN prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OfflinePin {
    /// The card answered VERIFY with this status word.
    Status(u16),
    /// As in [`OnlinePin::Bypassed`].
    Bypassed,
    /// As in [`OnlinePin::Cancelled`].
    Cancelled,
    /// As in [`OnlinePin::TimedOut`].
    TimedOut,
    /// As in [`OnlinePin::PadMissing`].
    PadMissing,
    /// The card was pulled before it answered.
    CardRemoved,
}

/// What the keys of the host link are for: the terminal master key, and the work keys under it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyAlgorithm {
    /// DES and 3DES.
    #[default]
    #[serde(rename = "3des")]
    TripleDes,
    /// SM4 (GB/T 32907).
    #[serde(rename = "sm4")]
    Sm4,
}

/// A key enciphered under the terminal master key, with its check value (first bytes of zeros enciphered under it).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncipheredKey {
    /// 8, 16 or 24 bytes of cipher text (ECB); with SM4, 16.
    pub cipher: Vec<u8>,
    /// Check value, 3 to 8 bytes; every byte given is compared.
    pub check_value: Vec<u8>,
}

/// The message authentication code's algorithm; the acquirer profile names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MacAlgorithm {
    /// UnionPay POS "ECB" MAC: XOR of blocks, hex, two encipherments, eight hex digits.
    UnionPayEcb,
    /// The same with SM4, in blocks of 16 bytes.
    UnionPaySm4,
    /// ANSI X9.9/X9.19 CBC over zero-padded blocks, left four bytes as eight hex digits.
    X919,
}

impl MacAlgorithm {
    /// What its key is for.
    pub fn key_algorithm(self) -> KeyAlgorithm {
        match self {
            MacAlgorithm::UnionPayEcb | MacAlgorithm::X919 => KeyAlgorithm::TripleDes,
            MacAlgorithm::UnionPaySm4 => KeyAlgorithm::Sm4,
        }
    }
}
