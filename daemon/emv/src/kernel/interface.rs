//! What a kernel asks for, what it is answered, and how it ends.

use std::fmt;

use crate::{
    hex,
    host::HostAnswer,
    indicators::{CvmResults, Tsi, Tvr},
    tlv::TlvError,
};

/// What the caller is to do next. Each is answered by one [`Input`], except [`Action::Finished`].
pub enum Action {
    /// Send this command to the card; answer [`Input::Card`] or [`Input::CardLost`].
    Transmit(Vec<u8>),
    /// Draw 8 fresh bytes from a cryptographically secure source; answer [`Input::Random`]. Four become the
    /// unpredictable number (9F37), four serve random selection. Asked for after each final selection.
    DrawRandom,
    /// Let the cardholder choose from this list, in priority order; answer [`Input::Chosen`] or [`Input::Refused`].
    Choose(Vec<Candidate>),
    /// Let the cardholder confirm this application; answer [`Input::Confirmed`] or [`Input::Refused`].
    Confirm(Candidate),
    /// The card's number is known ([`super::Kernel::pan`]): say what the terminal knows of it; answer
    /// [`Input::LookedUp`]. Not at a quickPass tap, where the card has decided already.
    LookUpCard,
    /// Have the secure module take a PIN for the issuer; answer [`Input::OnlinePin`].
    EnterOnlinePin,
    /// Have the secure module take a PIN and send VERIFY itself; answer [`Input::OfflinePin`].
    VerifyOfflinePin {
        /// How the PIN travels to the card.
        pin: OfflinePin,
        /// Tries that the card has left, if it tells: 1 is the last.
        tries_left: Option<u8>,
    },
    /// The card has no more part in it and may leave: whoever holds it is told so at once, before anything slow is done.
    /// Answer [`Input::Released`]. Only at a tap.
    ReleaseCard,
    /// Ask the issuer; the data elements for field 55 are read through [`super::Kernel::data`]. Answer
    /// [`Input::Host`], [`Input::UnableToGoOnline`] or [`Input::HostFailed`].
    GoOnline(OnlineRequest),
    /// The transaction has ended at the card. Nothing more may be asked of this kernel.
    Finished(Outcome),
}

/// What the terminal knows of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KnownCard {
    /// It is on the exception file (the blacklist): it is declined, whatever the action codes say.
    pub on_exception_file: bool,
    /// What it has paid here without the host so far, in minor units: a sale that is split stays under the floor limit
    /// as a whole, or is not under it (Book 3 §10.6.1).
    pub spent: u64,
}

/// Whether card and terminal may approve a transaction by themselves. It is the caller's policy; a TVR bit that the
/// action codes name, or a card that wants otherwise, still goes online or declines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OfflineApproval {
    /// Never: the first GENERATE AC asks for an ARQC, and without a host it ends in Z3.
    #[default]
    Never,
    /// At the first GENERATE AC (Y1), where nothing demands to go online.
    First,
    /// There too, and where the host cannot be reached and the default action codes allow it (Y3).
    FirstOrUnableToGoOnline,
}

/// An application that card and terminal have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What the cardholder is shown: the preferred name if its alphabet can be shown, else the label. Printable
    /// characters only.
    pub label: String,
    /// The card's name for the application (ADF name), 5 to 16 bytes.
    pub aid: Vec<u8>,
    /// The card's priority, 1 (highest) to 15; 0 where the card gives none.
    pub priority: u8,
    /// Whether the card demands the cardholder's confirmation.
    pub confirmation_required: bool,
    /// The card's language preference (5F2D): ISO 639 codes, two letters each, in order.
    pub languages: Vec<String>,
}

/// How an offline PIN travels to the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfflinePin {
    /// VERIFY with a plaintext PIN block (P2 = 80).
    Plaintext,
    /// VERIFY with the PIN block enciphered under the card's key, whose certificate is good (P2 = 88).
    Enciphered {
        /// The modulus.
        modulus: Vec<u8>,
        /// The exponent: 03 or 010001.
        exponent: Vec<u8>,
    },
}

/// What the caller needs to know to ask the issuer, beyond the data elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlineRequest {
    /// Cryptogram information data (9F27).
    pub cryptogram_information: u8,
    /// Whether the receipt will need a signature.
    pub signature_required: bool,
    /// Whether a PIN for the issuer was entered.
    pub online_pin: bool,
}

/// An answer to an [`Action`].
pub enum Input {
    /// The card's answer: response data, then SW1 SW2.
    Card(Vec<u8>),
    /// The card is gone or does not answer. Accepted in every state.
    CardLost,
    /// Eight fresh random bytes.
    Random([u8; 8]),
    /// The cardholder chose this place (0 is the first) of the list.
    Chosen(usize),
    /// The cardholder confirmed.
    Confirmed,
    /// The cardholder refused the choice or the confirmation.
    Refused,
    /// The card is let go.
    Released,
    /// What the terminal knows of the card.
    LookedUp(KnownCard),
    /// How entry of the online PIN ended.
    OnlinePin(PinEntry),
    /// How offline PIN verification ended.
    OfflinePin(OfflinePinResult),
    /// The host answered, and its answer is good (matching, MAC checked).
    Host(HostAnswer),
    /// Nothing was sent: the host cannot be reached. The card is asked for an AAC with response code Z3, or where the
    /// transaction allows it for a TC with Y3.
    UnableToGoOnline,
    /// A request was sent and no good answer came. The card is asked for an AAC; the caller reverses.
    HostFailed,
}

/// How entry of an online PIN ended. A cancel or a timeout ends the transaction outside the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinEntry {
    /// A PIN was entered.
    Entered,
    /// The cardholder went on without a PIN.
    Bypassed,
    /// There is no working PIN pad.
    PadMissing,
}

/// How offline PIN verification ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfflinePinResult {
    /// The card's status words to VERIFY.
    Status(u16),
    /// The cardholder went on without a PIN; no VERIFY was sent.
    Bypassed,
    /// There is no working PIN pad; no VERIFY was sent.
    PadMissing,
}

/// How a transaction ended at the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The verdict.
    pub verdict: Verdict,
    /// 9F27 of the last GENERATE AC that the card answered.
    pub cryptogram_information: Option<u8>,
    /// 9F26 of the last GENERATE AC that the card answered.
    pub cryptogram: Option<[u8; 8]>,
    /// 9F36, the application transaction counter.
    pub transaction_counter: Option<u16>,
    /// The terminal verification results at the end, failures of scripts included.
    pub tvr: Tvr,
    /// The transaction status information at the end.
    pub tsi: Tsi,
    /// The cardholder verification results.
    pub cvm_results: CvmResults,
    /// Whether the cardholder must sign.
    pub signature_required: bool,
    /// Whether an online PIN was entered.
    pub online_pin: bool,
    /// Whether the host's answer approved and was handed to the kernel. If so and the verdict is not approved, the
    /// caller must reverse.
    pub host_approved: bool,
    /// Whether the card refused the issuer's authentication data.
    pub issuer_authentication_failed: bool,
    /// Whether the card asks for an advice to the issuer (9F27 bit 4).
    pub advice_requested: bool,
    /// Results of issuer scripts as DF31 and 9F5B carry them: five bytes for each script, result and sequence number
    /// of the failing command in the first, the script's identifier in the others. None where the host sent none.
    pub script_results: Option<Vec<u8>>,
    /// How the cardholder was verified at a tap; `None` at the contact reader, and where it was not decided.
    pub tap: Option<TapVerification>,
}

impl Outcome {
    /// The card's last word, a TC or an AAC; none where its last cryptogram asked for the issuer, as that of a tap that
    /// went online does.
    pub fn last_word(&self) -> Option<[u8; 8]> {
        const ASKS: u8 = 0x80;
        self.cryptogram.filter(|_| self.cryptogram_information.is_some_and(|cid| cid & 0xC0 != ASKS))
    }
}

/// How the cardholder was verified at a tap, as the slip's matrix tells it (免密免签).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TapVerification {
    /// The cardholder's own device did it, and the card signed that it did.
    pub device: bool,
    /// The limit up to which no PIN is asked for, where the amount does not pass it.
    pub free_of_pin: Option<u64>,
    /// The limit up to which nobody signs, where the amount does not pass it.
    pub free_of_signature: Option<u64>,
    /// It was paid with electronic cash.
    pub cash: bool,
}

/// Why the same card is to be tapped once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It left the field too early. Its cryptogram is thrown away, and nothing was sent.
    Torn,
    /// The card of the tap that was torn is wanted, and no other: it may have paid.
    SameCard,
    /// The cardholder is to look at the device first: it wants a finger or a code.
    SeeDevice,
}

/// The verdict on a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The card answered with a transaction certificate: the second GENERATE AC after the host approved, or one that
    /// approves offline (8A is then Y1 or Y3, and [`Outcome::host_approved`] is false). At a tap there is no second
    /// GENERATE AC: the host's approval is the last word.
    Approved,
    /// The card answered with an application authentication cryptogram: declined by the terminal, the host, or the
    /// card itself.
    Declined,
    /// The card was to be read only, and is: [`super::Kernel::data`] has what it said.
    Read,
    /// The card is not taken without contact: it is to be inserted (请插卡).
    AnotherInterface,
    /// The card is to be tapped once more, for a fresh attempt (请重新挥卡).
    TryAgain(Again),
    /// This card cannot be used here for this; another card or another application may be.
    NotAccepted(Refusal),
    /// The session broke: nothing may be concluded but that it was not approved at the card.
    Terminated(Reason),
}

/// Why a card is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The card is blocked.
    #[error("the card is blocked")]
    CardBlocked,
    /// All applications in common are blocked.
    #[error("the card's application is blocked")]
    ApplicationBlocked,
    /// Card and terminal have no application in common.
    #[error("card and terminal have no application in common")]
    NoCommonApplication,
    /// The card demands a confirmation that this terminal cannot take.
    #[error("the application needs a confirmation that this terminal cannot take")]
    ConfirmationImpossible,
    /// The cardholder refused.
    #[error("the cardholder refused the application")]
    Refused,
    /// The card does not allow the service.
    #[error("the card does not allow this service")]
    ServiceNotAllowed,
}

/// Why a session broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The card left or fell silent.
    #[error("the card was removed or does not answer")]
    CardLost,
    /// The caller answered with something that was not asked.
    #[error("the kernel was answered out of turn")]
    OutOfTurn,
    /// The transaction's own data cannot be expressed.
    #[error("the transaction's {0} is out of range")]
    Transaction(&'static str),
    /// The card kept the kernel busy beyond any real card's need.
    #[error("the card made the terminal send more than {0} commands")]
    TooManyCommands(u32),
    /// The card's answer to this command has a status that ends the transaction.
    #[error("the card answered {command} with status {status:04X}")]
    Status {
        /// The command.
        command: &'static str,
        /// SW1 SW2.
        status: u16,
    },
    /// The card's answer to this command is not the data that it must be.
    #[error("the card's answer to {command} is malformed: {error}")]
    Malformed {
        /// The command.
        command: &'static str,
        /// What is wrong.
        error: TlvError,
    },
    /// The card's answer to this command has a form that the books do not know.
    #[error("the card's answer to {0} has an unknown form")]
    Form(&'static str),
    /// Mandatory data is missing.
    #[error("the card lacks mandatory data {0:04X}")]
    Missing(u32),
    /// A data element cannot be interpreted.
    #[error("the card's data {0:04X} cannot be interpreted")]
    Invalid(u32),
    /// A data element came twice.
    #[error("the card sent data {0:04X} twice")]
    Twice(u32),
    /// Two data elements contradict each other.
    #[error("the card's data {0:04X} and {1:04X} contradict each other")]
    Contradiction(u32, u32),
    /// The card answered GENERATE AC with a cryptogram that was not asked for.
    #[error("the card answered a request for {requested:02X} with cryptogram type {given:02X}")]
    Cryptogram {
        /// The reference control parameter's type bits.
        requested: u8,
        /// The cryptogram information data.
        given: u8,
    },
}

// Commands and responses may hold the PAN and more, so none of these prints its bytes.
impl fmt::Debug for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit(command) => {
                let header = hex::encode(command.get(..4).unwrap_or(command));
                write!(formatter, "Transmit({header}…, {} bytes)", command.len())
            }
            Self::DrawRandom => formatter.write_str("DrawRandom"),
            Self::Choose(list) => formatter.debug_tuple("Choose").field(list).finish(),
            Self::Confirm(candidate) => formatter.debug_tuple("Confirm").field(candidate).finish(),
            Self::LookUpCard => formatter.write_str("LookUpCard"),
            Self::EnterOnlinePin => formatter.write_str("EnterOnlinePin"),
            Self::ReleaseCard => formatter.write_str("ReleaseCard"),
            Self::VerifyOfflinePin { pin, tries_left } => {
                write!(formatter, "VerifyOfflinePin({pin:?}, {tries_left:?})")
            }
            Self::GoOnline(request) => formatter.debug_tuple("GoOnline").field(request).finish(),
            Self::Finished(outcome) => formatter.debug_tuple("Finished").field(outcome).finish(),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Card(response) => {
                let status = hex::encode(&response[response.len().saturating_sub(2)..]);
                write!(formatter, "Card({} bytes, …{status})", response.len())
            }
            Self::CardLost => formatter.write_str("CardLost"),
            Self::Random(_) => formatter.write_str("Random(…)"),
            Self::Chosen(place) => write!(formatter, "Chosen({place})"),
            Self::Confirmed => formatter.write_str("Confirmed"),
            Self::Refused => formatter.write_str("Refused"),
            Self::Released => formatter.write_str("Released"),
            Self::LookedUp(known) => write!(formatter, "LookedUp({known:?})"),
            Self::OnlinePin(entry) => write!(formatter, "OnlinePin({entry:?})"),
            Self::OfflinePin(result) => write!(formatter, "OfflinePin({result:?})"),
            Self::Host(answer) => formatter.debug_tuple("Host").field(answer).finish(),
            Self::UnableToGoOnline => formatter.write_str("UnableToGoOnline"),
            Self::HostFailed => formatter.write_str("HostFailed"),
        }
    }
}
