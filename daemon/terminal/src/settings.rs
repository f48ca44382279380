//! What a terminal is told once, at its start.

use crate::offline::OfflinePolicy;
use posd_emv::configuration::Configuration;
use posd_receipt::Copy;
use posd_unionpay::Profile;
use std::sync::Arc;

/// Merchant data, profiles and deadlines.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Merchant name as printed.
    pub merchant_name: String,
    /// Merchant number, 15 characters (field 42).
    pub merchant: String,
    /// Terminal number, 8 characters (field 41).
    pub terminal: String,
    /// Addresses of the hosts in the order they are tried; told to people, never dialled from here.
    pub hosts: Vec<String>,
    /// The profile's name.
    pub profile_name: String,
    /// Slips carry the test mark.
    pub test: bool,
    /// The copies printed by themselves after each charge, in this order.
    pub copies: Vec<Copy>,
    /// What differs between acquirers.
    pub profile: Arc<Profile>,
    /// What the card kernel is told.
    pub card: Arc<Configuration>,
    /// What may be sold without the host; nothing where absent.
    pub offline: Option<OfflinePolicy>,
    /// The deadlines of steps that wait for people.
    pub deadlines: Deadlines,
}

/// How long each step that waits for people or the card may last, in milliseconds. The host's is the profile's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// From the prompt to a card in the reader.
    pub card: u64,
    /// From the prompt to the customer's code, and for the customer to pay with a code that is shown.
    pub code: u64,
    /// To choose or confirm an application.
    pub choice: u64,
    /// To type a PIN or a password.
    pub pin: u64,
    /// All of reading the card before the request, and of completing with it after the answer.
    pub reading: u64,
    /// To check a signature; the deadline ends it without changing the outcome.
    pub signature: u64,
    /// To take the card out.
    pub removal: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Deadlines {
            card: 60_000,
            code: 90_000,
            choice: 30_000,
            pin: 60_000,
            reading: 30_000,
            signature: 60_000,
            removal: 60_000,
        }
    }
}

/// Longest wait for a reply of the secure module that no person has a part in, in milliseconds. Past it the
/// connection is given up, so that no transaction hangs on a hung device.
pub(crate) const VAULT_PATIENCE: u64 = 15_000;

/// Waits between background tries of what the host has not answered, in milliseconds: three quick tries, then
/// back-off to a minute (rule 7).
pub(crate) const RETRY_AFTER: [u64; 7] = [1_000, 1_000, 5_000, 10_000, 20_000, 40_000, 60_000];

/// Tries kept in a record; older ones are forgotten first, so that a row does not grow for ever.
pub(crate) const HISTORY: usize = 32;

/// Sequence numbers reserved with each commit, so that a restart never reports one that was used: more than the
/// changes one transaction can show between two commits.
pub(crate) const SEQUENCE_RESERVE: u64 = 1_000;
