//! The closed lists of design: states, outcomes and causes, with the strings the bus and the journal use.

use serde::{Deserialize, Serialize};

/// Declares a closed list with its one spelling for bus and journal.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// Every word of the list, in its documented order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The word as the bus and the journal spell it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            /// The value a word stands for.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// Where a transaction stands. A closed list (design §4); documented in the interface XML.
    State {
        /// Made, not yet started.
        Created = "created",
        /// Started; waits for its turn, or for an older reversal to be answered first.
        Queued = "queued",
        /// Waits for the supervisor's word.
        WaitingSupervisor = "waiting-supervisor",
        /// Waits for a card, or for its number to be typed.
        WaitingCard = "waiting-card",
        /// Waits for a QR code.
        WaitingCode = "waiting-code",
        /// Talks with the card.
        ReadingCard = "reading-card",
        /// The cardholder chooses one of several applications.
        SelectingApplication = "selecting-application",
        /// The cardholder types the PIN.
        WaitingPin = "waiting-pin",
        /// Waits for `Confirm`.
        WaitingConfirmation = "waiting-confirmation",
        /// The request is durable and on its way: past the point of no return.
        Authorizing = "authorizing",
        /// The host answered; the card completes.
        Completing = "completing",
        /// Approved and durable; the merchant checks the signature.
        WaitingSignature = "waiting-signature",
        /// The outcome is durable; the card is still in the reader.
        WaitingRemoval = "waiting-removal",
        /// The outcome is not known: a reversal is being delivered, or a refund waits until the supervisor resolves it.
        /// The reader is free.
        Resolving = "resolving",
        /// Ended: reader, PIN pad and display are idle.
        Finished = "finished",
    }
}

words! {
    /// How a transaction ended, or stands.
    Outcome {
        /// Done as asked; the host said yes, and the card where it was asked.
        Approved = "approved",
        /// Done without the host, which is told of it later.
        ApprovedOffline = "approved-offline",
        /// The host approved a smaller amount, and the app had allowed that.
        PartiallyApproved = "partially-approved",
        /// The host or the card said no. Nothing is charged.
        Declined = "declined",
        /// Ended by the app, the cashier or the cardholder before the request left. Nothing is charged.
        Cancelled = "cancelled",
        /// A step's deadline passed before the request left, or before the customer paid. Nothing is charged.
        TimedOut = "timed-out",
        /// Ended by a fault, or reversed. Nothing is charged.
        Failed = "failed",
        /// Not known yet: a reversal is on its way and this resolves itself; or it is a refund, and the supervisor does.
        Unknown = "unknown",
    }
}

impl Outcome {
    /// Whether the customer has been charged.
    pub fn is_charged(self) -> bool {
        matches!(self, Outcome::Approved | Outcome::ApprovedOffline | Outcome::PartiallyApproved)
    }
}

words! {
    /// Why a transaction ended as it did: stable codes for apps and support.
    Cause {
        /// Approved as asked.
        None = "none",
        /// The app called `Cancel`.
        CancelledByApp = "cancelled-by-app",
        /// The cardholder pressed cancel or refused the application.
        CancelledByCustomer = "cancelled-by-customer",
        /// The app that started it went away before the request left.
        CallerGone = "caller-gone",
        /// Nobody showed a code in time.
        NoCode = "no-code",
        /// The customer did not pay in time; the payment is ended.
        NotPaid = "not-paid",
        /// The wallet takes no such amount.
        AmountNotTaken = "amount-not-taken",
        /// The acquirer's profile does not have the wallet, or not this step of it.
        WalletNotServed = "wallet-not-served",
        /// No card came in time.
        NoCard = "no-card",
        /// The card was taken out too early.
        CardRemoved = "card-removed",
        /// The card does not answer, or answers what no card may.
        CardFault = "card-fault",
        /// The card is blocked.
        CardBlocked = "card-blocked",
        /// The card is on the blacklist that the host has sent down.
        CardOnBlacklist = "card-on-blacklist",
        /// No application on the card that this terminal accepts.
        NoApplication = "no-application",
        /// Nobody chose or confirmed in time.
        ChoiceTimeout = "choice-timeout",
        /// No PIN in time.
        PinTimeout = "pin-timeout",
        /// The card said no.
        DeclinedByCard = "declined-by-card",
        /// The host said no; see the response code.
        DeclinedByHost = "declined-by-host",
        /// No connection to the host; nothing was sent.
        HostUnreachable = "host-unreachable",
        /// The request left, and no good answer came.
        NoAnswer = "no-answer",
        /// An answer claimed an approval with a wrong MAC.
        BadMac = "bad-mac",
        /// The host's answer could not be read.
        BadAnswer = "bad-answer",
        /// The host approved, the card did not complete.
        CardDidNotComplete = "card-did-not-complete",
        /// The host approved a part only, and the app had not allowed that.
        PartialNotAllowed = "partial-not-allowed",
        /// It was reversed; the host holds no charge.
        Reversed = "reversed",
        /// An older reversal is still unanswered, so nothing new may go online.
        ReversalPending = "reversal-pending",
        /// The secure module went away.
        SecureModuleLost = "secure-module-lost",
        /// The card reader is missing or faulty.
        ReaderFault = "reader-fault",
        /// A key is missing or wrong: sign in.
        KeyFault = "key-fault",
        /// The supervisor did not give the word: wrong passwords, a cancel, a lock, or nobody in time.
        SupervisorRefused = "supervisor-refused",
        /// Something else was done to the original since this transaction was made.
        OriginalChanged = "original-changed",
        /// This device sells nothing offline.
        OfflineOff = "offline-off",
        /// The amount is above the limit of one offline sale.
        OfflineAmountLimit = "offline-amount-limit",
        /// Offline sales that the host has not accepted reach their limit.
        OfflineTotalLimit = "offline-total-limit",
        /// So many offline sales wait for the host already.
        OfflineCountLimit = "offline-count-limit",
        /// Those of this card reach their limit.
        OfflineCardLimit = "offline-card-limit",
        /// Those of this operator reach their limit.
        OfflineOperatorLimit = "offline-operator-limit",
        /// The host was silent for too long, or was never heard.
        OfflineSilence = "offline-silence",
        /// The clock was set back, which hides how long the host was silent.
        OfflineClock = "offline-clock",
        /// Cards of this organisation are not taken offline.
        OfflineBrand = "offline-brand",
        /// The daemon ended while it ran; it was completed at the next start.
        Interrupted = "interrupted",
        /// The card's number or expiry was typed wrong too often.
        CardMistyped = "card-mistyped",
        /// The PIN pad is missing or in use.
        PinPadFault = "pin-pad-fault",
        /// The card is another than the original's.
        CardDiffers = "card-differs",
        /// Its outcome was not known, and the supervisor said what came of it.
        Resolved = "resolved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for state in State::ALL {
            assert_eq!(State::from_word(state.word()), Some(*state));
        }
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::from_word(outcome.word()), Some(*outcome));
        }
        for cause in Cause::ALL {
            assert_eq!(Cause::from_word(cause.word()), Some(*cause));
        }
    }
}
