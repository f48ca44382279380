//! What is durable: the records the journal keeps, and how the terminal reads and writes them.
//!
//! A record is written whole. All writes of one [`crate::Effect::Commit`] become durable together or not at all.

use crate::{
    audit::{AuditHead, AuditRow},
    money::Amount,
    offline::{AtRisk, OfflineTighter},
    prompt::Locale,
    sale_key::{Reference, SaleKey},
    sets::StoredSet,
    settlement::{Settlement, Upload},
    state::{Cause, Outcome, words},
};
use posd_receipt::{Goods, Receipt, Strokes};
use posd_unionpay::{
    Family, Kind,
    request::{Entry, Linked},
};
use serde::{Deserialize, Serialize};

/// A transaction's number in this journal: 1 upwards, never reused. The object path ends in it.
pub type TransactionId = u64;

/// An advice's number in this journal: 1 upwards, never reused.
pub type AdviceId = u64;

/// Milliseconds since 1970-01-01 UTC by the wall clock. For people and records; no decision of money rests on it.
pub type WallTime = i64;

/// Card data enciphered by the secure module (rule 10); erased when it is no longer needed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(pub Vec<u8>);

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// The one row of counters and terminal state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Batch number of new transactions (60.2), 1 to 999999.
    pub batch: u32,
    /// The next trace number (field 11), 1 to 999999. Runs on across batches and wraps (rule 12).
    pub next_trace: u32,
    /// The next transaction id.
    pub next_transaction: TransactionId,
    /// The next print job's number.
    pub next_job: u64,
    /// The next settlement's number.
    #[serde(default = "first")]
    pub next_settlement: u64,
    /// The next advice's number.
    #[serde(default = "one")]
    pub next_advice: AdviceId,
    /// Transaction sequence counter (9F41), 1 to 99999999.
    pub next_sequence_counter: u32,
    /// The host has accepted a sign-in and its work keys are in the vault.
    pub signed_in: bool,
    /// When the host was last heard, by an answer with a good MAC or keys that checked.
    #[serde(default)]
    pub last_contact: Option<WallTime>,
    /// The last processing requirement digit of the host's header (reference 2.1); 0 when none.
    pub host_requirement: u8,
    /// The version that the host wanted to be replaced by another (digit 6).
    #[serde(default)]
    pub update_requested: Option<String>,
    /// The latest moment of a commit by a clock that was believed; 0 before the first.
    #[serde(default)]
    pub latest: WallTime,
    /// A fingerprint of what the terminal was initialised with, 16 hex digits.
    #[serde(default)]
    pub initialised: Option<String>,
    /// Check values of PIN key and MAC key, as the last sign-in gave them.
    #[serde(default)]
    pub work_keys: Option<[[u8; 3]; 2]>,
}

impl Default for Device {
    fn default() -> Self {
        Device {
            batch: 1,
            next_trace: 1,
            next_transaction: 1,
            next_job: 1,
            next_settlement: 1,
            next_advice: 1,
            next_sequence_counter: 1,
            signed_in: false,
            last_contact: None,
            host_requirement: 0,
            update_requested: None,
            latest: 0,
            initialised: None,
            work_keys: None,
        }
    }
}

fn first() -> u64 {
    1
}

/// What the app chose for one transaction. Part of the sale's content: other options with the same reference conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Language of prompts and texts.
    pub locale: Locale,
    /// Accept response code 10 (a part of the amount). Default false: code 10 is then reversed.
    pub allow_partial: bool,
    /// `Start` answers Busy instead of queueing.
    pub no_wait: bool,
    /// The app has the signature drawn on a screen: the copies that carry it are printed after it.
    #[serde(default)]
    pub sign_on_screen: bool,
    /// A line for the receipt, at most 60 characters, already allow-listed.
    pub note: Option<String>,
    /// The goods (商品信息), each name already allow-listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goods: Vec<Goods>,
    /// The transaction that this one follows, as the app names it.
    #[serde(default)]
    pub original: Option<OriginalName>,
    /// Tighter limits for an offline sale than the device's.
    #[serde(default)]
    pub offline: Option<OfflineTighter>,
    /// Into how many instalments the amount is split (分期期数), 2 to 99; for that type only.
    #[serde(default)]
    pub instalments: Option<u8>,
    /// The wallet whose code is shown, by its name in the profile; the first that shows one where absent.
    #[serde(default)]
    pub wallet: Option<String>,
}

/// By what offline sales of one card are counted together: a keyed hash of its number under a key of the secure module,
/// so that whoever has the journal cannot try all numbers out. It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardKey(pub [u8; 16]);

impl std::fmt::Debug for CardKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CardKey(…)")
    }
}

/// How an app names the transaction that another one follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginalName {
    /// By its own name for that sale: the latest attempt.
    Reference(Reference),
    /// By the trace number (凭证号) on the slip, in the present batch: one of its own user.
    Trace(u32),
    /// By the retrieval reference number (参考号) on the slip: one of its own user.
    Rrn(String),
    /// By what its slip says, as the host's records have it: another terminal's, one of an older journal, or another
    /// user's. It takes the supervisor's word.
    External(Linked),
}

/// What a transaction follows, found when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The original in this journal; `None` where it is not there.
    pub transaction: Option<TransactionId>,
    /// What it is a case of; what follows it is the same.
    pub family: Family,
    /// The original as fields 37, 38 and 61 name it.
    pub original: Linked,
}

/// One name for an original elsewhere, whatever else is told of it: its reference number, or its authorisation code
/// where the kind goes by that, and its date.
pub(crate) fn external_name(kind: Kind, original: &Linked) -> Option<String> {
    let number = if kind.row().original_rrn { &original.rrn } else { &original.authorisation_code };
    Some(format!("{}/{}", number.as_deref()?, original.date))
}

impl Default for Options {
    fn default() -> Self {
        Options {
            locale: Locale::ZhCn,
            allow_partial: false,
            no_wait: false,
            sign_on_screen: false,
            note: None,
            goods: Vec::new(),
            original: None,
            offline: None,
            instalments: None,
            wallet: None,
        }
    }
}

/// One attempt at a sale: a row with all ids that link sale key, trace, RRN and authorisation code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The transaction's number.
    pub id: TransactionId,
    /// Whose sale, by which name.
    pub key: SaleKey,
    /// 1 for the first attempt at this sale key.
    pub number: u32,
    /// The transaction type.
    pub kind: Kind,
    /// What to charge.
    pub amount: Amount,
    /// The app's choices.
    pub options: Options,
    /// What it follows.
    #[serde(default)]
    pub original: Option<Link>,
    /// When it was created.
    pub created: WallTime,
    /// The last sequence number made durable; after a restart it goes on with a gap.
    pub sequence: u64,
    /// Who was logged in when it started.
    pub operator: Option<String>,
    /// Whose password let it go on, where its kind needs the supervisor's word.
    #[serde(default)]
    pub supervisor: Option<String>,
    /// How it ended or stands; `None` while it has not got so far. `Unknown` until its reversal is answered, or until a
    /// supervisor has said what came of it.
    pub outcome: Option<Outcome>,
    /// Why.
    pub cause: Cause,
    /// When the outcome became durable.
    pub ended: Option<WallTime>,
    /// The owner has acknowledged the outcome.
    pub acknowledged: bool,
    /// Batch number, once a request was made.
    pub batch: Option<u32>,
    /// Trace number, once a request was made.
    pub trace: Option<u32>,
    /// Retrieval reference number (field 37) of the host's answer.
    pub rrn: Option<String>,
    /// Authorisation code (field 38).
    pub authorisation_code: Option<String>,
    /// Response code (field 39).
    pub response_code: Option<String>,
    /// The host's date (field 13, MMDD).
    #[serde(default)]
    pub host_date: Option<String>,
    /// The settlement date of the host's answer (field 15, MMDD).
    #[serde(default)]
    pub settlement_date: Option<String>,
    /// What was charged, or given back by a void, in minor units, where it was approved.
    pub charged: Option<u64>,
    /// The PAN, masked (first 6, last 4).
    pub masked_pan: Option<String>,
    /// How the card's data came in (field 22), once a request was made.
    #[serde(default)]
    pub entry: Option<Entry>,
    /// Card sequence number (field 23), where the card has one.
    #[serde(default)]
    pub card_sequence: Option<u8>,
    /// The card application's label.
    pub application_label: Option<String>,
    /// The card's transaction certificate (9F26 of the second GENERATE AC), 16 hex digits, where it gave one.
    pub transaction_certificate: Option<String>,
    /// What the account holds in minor units, negative where the cardholder owes it (field 54).
    #[serde(default)]
    pub balance: Option<i64>,
    /// PAN and expiry, sealed (rule 10).
    pub card: Option<Sealed>,
    /// Until when the sealed card data is kept although its batch is settled: a pre-authorisation's window.
    #[serde(default)]
    pub keep_card_until: Option<WallTime>,
    /// The receipt's data, for charges.
    pub receipt: Option<Receipt>,
    /// What the upload of its batch will repeat, once a request was made.
    #[serde(default)]
    pub upload: Option<Upload>,
    /// The wallet it is paid with, by its name in the profile.
    #[serde(default)]
    pub wallet: Option<String>,
    /// The voucher code (付款凭证码) of a payment by code.
    #[serde(default)]
    pub voucher: Option<String>,
}

impl Attempt {
    /// An attempt that was made, and has not begun.
    pub fn new(
        id: TransactionId,
        key: SaleKey,
        number: u32,
        kind: Kind,
        amount: Amount,
        options: Options,
    ) -> Attempt {
        Attempt {
            id,
            key,
            number,
            kind,
            amount,
            options,
            original: None,
            created: 0,
            sequence: 1,
            operator: None,
            supervisor: None,
            outcome: None,
            cause: Cause::None,
            ended: None,
            acknowledged: false,
            batch: None,
            trace: None,
            rrn: None,
            authorisation_code: None,
            response_code: None,
            host_date: None,
            settlement_date: None,
            charged: None,
            masked_pan: None,
            entry: None,
            card_sequence: None,
            application_label: None,
            transaction_certificate: None,
            balance: None,
            card: None,
            keep_card_until: None,
            receipt: None,
            upload: None,
            wallet: None,
            voucher: None,
        }
    }

    /// By what the journal finds those that follow the same original, where that is not in it.
    pub fn external_original(&self) -> Option<String> {
        let link = self.original.as_ref().filter(|link| link.transaction.is_none())?;
        external_name(self.kind, &link.original)
    }

    /// Whether this attempt can never become a charge any more, so that a new attempt may be made (rule 3).
    pub fn is_closed_without_charge(&self) -> bool {
        self.outcome.is_some_and(|o| !o.is_charged() && o != Outcome::Unknown)
    }
}

words! {
    /// Where a reversal stands. Rows never go away.
    ReversalState {
        /// The intent is durable, the request may have left; the transaction still runs.
        Armed = "armed",
        /// It must be sent until it is answered.
        Pending = "pending",
        /// Answered with an end code and a good MAC.
        Done = "done",
        /// No byte of the request reached the socket: nothing to reverse.
        NotSent = "not-sent",
        /// The transaction got a good answer (approved and completed, or declined): nothing to reverse.
        Disarmed = "disarmed",
        /// A supervisor resolved it in writing.
        Resolved = "resolved",
    }
}

words! {
    /// Why a reversal is sent (field 39 of the 0400).
    ReversalReason {
        /// No answer in time.
        NoAnswer = "98",
        /// The answer could not be read, or other faults.
        Other = "06",
        /// The MAC of an approval was wrong.
        BadMac = "A0",
        /// The terminal could not process an approval (the card did not complete).
        NotProcessed = "96",
    }
}

/// One try at delivering a reversal or advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When.
    pub at: WallTime,
    /// What came of it: a response code, or `no-answer`, `unreachable`, `bad-mac`, `mismatch`.
    pub result: String,
}

/// What the reversal repeats of its original and is not card data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// Its kind.
    #[serde(default = "sale")]
    pub kind: Kind,
    /// What it is a case of.
    #[serde(default)]
    pub family: Family,
    /// How the card's data came in.
    #[serde(default = "chip")]
    pub entry: Entry,
    /// What it followed itself.
    #[serde(default)]
    pub linked: Option<Linked>,
    /// Batch of the original (60.2).
    pub batch: u32,
    /// Trace of the original (field 11), kept (reference 0.6).
    pub trace: u32,
    /// Amount in minor units (field 4).
    pub amount: u64,
    /// Currency, ISO 4217 numeric.
    pub currency: u16,
    /// Card sequence number (field 23).
    pub card_sequence: Option<u8>,
    /// The PIN was entered online (field 22's third digit).
    pub pin_entered: bool,
    /// Authorisation code, where an answer gave one.
    pub authorisation_code: Option<String>,
    /// Retrieval reference number, where an answer gave one.
    pub rrn: Option<String>,
    /// Field 55 of the reversal (the cut set), updated with script results.
    pub field55: Vec<u8>,
    /// The wallet it was asked of.
    #[serde(default)]
    pub wallet: Option<String>,
    /// The voucher code that it carried, of an undoing.
    #[serde(default)]
    pub voucher: Option<String>,
}

fn one() -> u64 {
    1
}

/// Records of the first release are of chip sales, and do not say so.
fn sale() -> Kind {
    Kind::Sale
}

fn chip() -> Entry {
    Entry::Chip
}

words! {
    /// What is done next about a wallet payment that is not known to be paid.
    ClosingStep {
        /// The host is asked whether it is paid.
        Ask = "ask",
        /// It is ended: from here on it shall not stand.
        Cancel = "cancel",
        /// A last look, after an end that the host did not plainly confirm.
        Confirm = "confirm",
    }
}

/// How a wallet payment that is not known to be paid is ended, where its dialect does not reverse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// What is done next.
    pub step: ClosingStep,
    /// Queries that did not settle it.
    pub queries: u8,
    /// Cancels and last looks that did not.
    pub cancels: u8,
    /// What its end without a charge is called.
    pub cause: Cause,
}

/// The durable intent to reverse one request, or to ask for it and end it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The transaction it belongs to; one reversal per attempt.
    pub transaction: TransactionId,
    /// Where it stands.
    pub state: ReversalState,
    /// Why it is sent.
    pub reason: ReversalReason,
    /// What it repeats.
    pub original: Original,
    /// PAN and expiry, or the customer's payment code, sealed; empty where there is none.
    pub card: Sealed,
    /// Every try.
    pub tries: Vec<Try>,
    /// How it is ended instead of reversed.
    #[serde(default)]
    pub closing: Option<Closing>,
}

words! {
    /// Where an advice stands. Rows never go away.
    AdviceState {
        /// To be sent.
        Queued = "queued",
        /// Accepted by the host.
        Accepted = "accepted",
        /// The host refuses it, it cannot be made, or its time is over: somebody must look.
        NeedsAction = "needs-action",
        /// Settled with the acquirer by hand, by the supervisor's word; never sent again.
        Resolved = "resolved",
    }
}

words! {
    /// What an advice tells.
    AdviceKind {
        /// What issuer scripts did at the card (0620).
        ScriptResult = "script-result",
        /// A transaction that was done without the host, by the message of its kind.
        Transaction = "transaction",
        /// What a cardholder drew on a screen (电子签名, 0820), part by part.
        Signature = "signature",
    }
}

/// A store-and-forward message. It is sent until the host has it, and no row ever goes away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// Its number.
    pub id: AdviceId,
    /// The transaction it belongs to; there may be several of one.
    pub transaction: TransactionId,
    /// What it tells.
    pub kind: AdviceKind,
    /// Where it stands.
    pub state: AdviceState,
    /// Its own trace number, allocated when it was queued; of a transaction and of a signature the transaction's.
    pub trace: u32,
    /// When it was queued.
    pub queued: WallTime,
    /// Seconds that it has been tried for; the silence between two tries counts as a day at most.
    pub tried_for_s: u64,
    /// MMDD of the original as the host dated it, `0000` if unknown: of a script result 61.3, of a signature field 15.
    pub original_date: String,
    /// What it repeats: the transaction that scripts or signature came with, else the transaction itself.
    pub original: Original,
    /// PAN and expiry, sealed.
    pub card: Sealed,
    /// Every try.
    pub tries: Vec<Try>,
    /// What was drawn, of a signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strokes: Option<Strokes>,
    /// Parts of a signature that the host has.
    #[serde(default)]
    pub parts: u16,
    /// The goods of a transaction.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goods: Vec<Goods>,
}

impl Advice {
    /// What it is called on the bus: the kind of the transaction that it tells, or the word of its own kind.
    pub fn word(&self) -> &'static str {
        match self.kind {
            AdviceKind::ScriptResult | AdviceKind::Signature => self.kind.word(),
            AdviceKind::Transaction => self.original.kind.word(),
        }
    }
}

words! {
    /// Where a print job stands.
    PrintState {
        /// Waits for the printer.
        Queued = "queued",
        /// Being printed.
        Printing = "printing",
        /// Waits for paper.
        NeedsPaper = "needs-paper",
        /// On paper.
        Done = "done",
        /// Given up; the receipt is a record and can be printed again.
        Failed = "failed",
    }
}

/// What a print job prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlipOf {
    /// The receipt of its transaction.
    #[default]
    Receipt,
    /// What the terminal was initialised with.
    Initialisation,
    /// The fault slip of its transaction, whose reversal the host has not taken.
    ReversalFault,
    /// The slip of a settlement.
    Settlement {
        /// The settlement's number.
        id: u64,
        /// Its batch.
        batch: u32,
    },
    /// The detail list of a settlement's batch.
    DetailList {
        /// The settlement's number.
        id: u64,
        /// Its batch.
        batch: u32,
    },
}

impl SlipOf {
    /// The number and the batch of the settlement that it belongs to.
    pub fn settlement(self) -> Option<(u64, u32)> {
        match self {
            SlipOf::Receipt | SlipOf::Initialisation | SlipOf::ReversalFault => None,
            SlipOf::Settlement { id, batch } | SlipOf::DetailList { id, batch } => Some((id, batch)),
        }
    }
}

/// One print job (rule 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrintJob {
    /// Its number.
    pub id: u64,
    /// Whose receipt; 0 where it prints none.
    pub transaction: TransactionId,
    /// What it prints.
    #[serde(default)]
    pub slip: SlipOf,
    /// Which copy.
    pub copy: posd_receipt::Copy,
    /// It carries the reprint mark: this copy was printed (or may have been) before.
    pub reprint: bool,
    /// Where it stands.
    pub state: PrintState,
}

/// One write of a commit: the record as it shall stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Counters and terminal state.
    Device(Device),
    /// An attempt.
    Attempt(Box<Attempt>),
    /// A reversal.
    Reversal(Box<Reversal>),
    /// An advice.
    Advice(Box<Advice>),
    /// An offline sale, which stands at risk until the host accepts it.
    OfflineSale {
        /// The transaction.
        transaction: TransactionId,
        /// Amount in minor units.
        amount: u64,
        /// Who sold it.
        operator: String,
        /// Of which card.
        card: CardKey,
    },
    /// The host has accepted an offline sale.
    OfflineTaken(TransactionId),
    /// A print job.
    PrintJob(PrintJob),
    /// A settlement.
    Settlement(Box<Settlement>),
    /// The end of the sealed card data of a batch that is closed, from the file too (rule 10). What is still open keeps
    /// its own, and so does a pre-authorisation until its window is over; of any batch, those whose window is over
    /// `now` lose theirs.
    EraseCards {
        /// The batch.
        batch: u32,
        /// The wall clock at closing.
        now: WallTime,
    },
    /// An audit row; it is only ever added.
    Audit(Box<AuditRow>),
    /// A downloaded set, in the place of the older one.
    Set(Box<StoredSet>),
}

/// The journal cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be used: {0}")]
pub struct StorageFault(pub String);

/// Durable memory as the terminal reads it. Reading changes nothing.
pub trait Records {
    /// Counters and terminal state.
    ///
    /// # Errors
    /// [`StorageFault`] when the journal cannot be read; the same for every other call here.
    fn device(&self) -> Result<Device, StorageFault>;
    /// One attempt by its number.
    fn attempt(&self, id: TransactionId) -> Result<Option<Attempt>, StorageFault>;
    /// The attempt with the highest number of a sale key.
    fn latest_attempt(&self, key: &SaleKey) -> Result<Option<Attempt>, StorageFault>;
    /// The attempt of a batch with a trace number.
    fn attempt_by_trace(&self, batch: u32, trace: u32) -> Result<Option<Attempt>, StorageFault>;
    /// The attempts of a batch whose trace number is above `after`, in the order of trace numbers, at most `limit`.
    fn batch(&self, batch: u32, after: u32, limit: u32) -> Result<Vec<Attempt>, StorageFault>;
    /// How many attempts of a batch took a trace number.
    fn batch_size(&self, batch: u32) -> Result<u32, StorageFault>;
    /// The attempts that were answered with a retrieval reference number, newest first.
    fn attempts_by_rrn(&self, rrn: &str) -> Result<Vec<Attempt>, StorageFault>;
    /// The attempts that were answered with an authorisation code, newest first.
    fn attempts_by_authorisation(&self, code: &str) -> Result<Vec<Attempt>, StorageFault>;
    /// The attempts that follow an original, oldest first.
    fn followers(&self, original: TransactionId) -> Result<Vec<Attempt>, StorageFault>;
    /// The attempts that follow an original that is not in this journal ([`Attempt::external_original`]), oldest first.
    fn external_followers(&self, original: &str) -> Result<Vec<Attempt>, StorageFault>;
    /// A user's attempts, newest first, older than `before` if given, at most `limit`.
    fn attempts(
        &self,
        uid: u32,
        before: Option<TransactionId>,
        limit: u32,
    ) -> Result<Vec<Attempt>, StorageFault>;
    /// A user's attempts that have a final outcome (not `Unknown`) which nobody has acknowledged, oldest first.
    fn unacknowledged(&self, uid: u32) -> Result<Vec<Attempt>, StorageFault>;
    /// Attempts whose outcome is `Unknown`, or that have a trace number and no outcome: recovery's work, oldest first.
    fn unresolved(&self) -> Result<Vec<Attempt>, StorageFault>;
    /// Reversals that are armed or pending, oldest first.
    fn open_reversals(&self) -> Result<Vec<Reversal>, StorageFault>;
    /// Advices that are queued, oldest first.
    fn open_advices(&self) -> Result<Vec<Advice>, StorageFault>;
    /// The latest settlement of a batch, or of any where no batch is given.
    fn settlement(&self, batch: Option<u32>) -> Result<Option<Settlement>, StorageFault>;
    /// The settlement with a number.
    fn settlement_by_id(&self, id: u64) -> Result<Option<Settlement>, StorageFault>;
    /// The settlement that is under way.
    fn open_settlement(&self) -> Result<Option<Settlement>, StorageFault>;
    /// Advices that need action, oldest first.
    fn advices_to_look_at(&self) -> Result<Vec<Advice>, StorageFault>;
    /// One advice by its number.
    fn advice(&self, id: AdviceId) -> Result<Option<Advice>, StorageFault>;
    /// The newest advices, whatever their state, newest first, at most `limit`.
    fn recent_advices(&self, limit: u32) -> Result<Vec<Advice>, StorageFault>;
    /// The newest reversals, whatever their state, newest first, at most `limit`.
    fn recent_reversals(&self, limit: u32) -> Result<Vec<Reversal>, StorageFault>;
    /// Offline sales that the host has not accepted: of all, of a card, of an operator.
    fn at_risk(&self, card: Option<CardKey>, operator: &str) -> Result<AtRisk, StorageFault>;
    /// Print jobs that are neither done nor failed, oldest first.
    fn open_print_jobs(&self) -> Result<Vec<PrintJob>, StorageFault>;
    /// A transaction's print jobs, oldest first.
    fn print_jobs(&self, transaction: TransactionId) -> Result<Vec<PrintJob>, StorageFault>;
    /// Every downloaded set.
    fn sets(&self) -> Result<Vec<StoredSet>, StorageFault>;
    /// The last audit row's number and hash.
    fn audit_head(&self) -> Result<AuditHead, StorageFault>;
}
