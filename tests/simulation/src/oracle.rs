//! What may never be, seen from outside: from the host's books, from what apps were told, from what left for the host.

use crate::app::signature;
use crate::world::{FAMILIES, host_kind};
use posd_acquirer::{Booking, BookingState, Host, MessageKind};
use posd_journal::Journal;
use posd_terminal::{
    Advice, AdviceKind, Attempt, Cause, Kind, Outcome, PrintJob, Records, SetContent, Settlement, StoredSet,
    TransactionId, Write,
};
use posd_unionpay::{Frame, Message, Profile};
use std::collections::{BTreeMap, BTreeSet};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

/// What the oracle remembers across crashes.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Attempts whose commit was answered.
    durable: BTreeMap<TransactionId, Attempt>,
    /// Settlements whose commit was answered, by batch.
    settlements: BTreeMap<u32, Settlement>,
    /// Print jobs whose commit was answered.
    jobs: BTreeSet<u64>,
    /// Reversal intents whose commit was answered, by batch and trace.
    intents: BTreeMap<(u32, u32), Kind>,
    /// Transactions of which the app was told that they will end without a charge.
    pub(crate) given_up: BTreeSet<TransactionId>,
    /// Sales that left, by batch and trace.
    sent: BTreeSet<(u32, u32)>,
    /// Other messages with a trace of their own that left, by batch, trace and message type.
    own: BTreeSet<(u32, u32)>,
    /// Sales whose answer had a wrong or missing MAC.
    pub(crate) tainted: BTreeSet<u32>,
    /// Transactions that an app was ever told are charged.
    told_charged: BTreeMap<TransactionId, Attempt>,
    /// What is durable and told to the host later, by batch and trace.
    stored: BTreeSet<(u32, u32)>,
    /// Offline sales that are durable and that the host has not accepted, with their amounts.
    at_risk: BTreeMap<TransactionId, u64>,
    /// Sequence numbers that were seen.
    sequences: BTreeMap<TransactionId, u64>,
    /// The supervisor has typed the right password at the last prompt, and nothing has left on it yet.
    pub(crate) supervisor_agreed: bool,
    /// Downloaded sets whose commit was answered.
    sets: BTreeMap<&'static str, StoredSet>,
    /// Those whose commit began since the last start.
    tried: BTreeMap<&'static str, StoredSet>,
    pub(crate) violations: Vec<Violation>,
}

impl Oracle {
    fn broken(&mut self, what: String) {
        self.violations.push(Violation(what));
    }

    /// A commit was answered.
    pub(crate) fn committed(&mut self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::Attempt(attempt) => {
                    self.durable.insert(attempt.id, (**attempt).clone());
                    self.offline_stands(attempt);
                    // What cannot be reversed must be known to have left.
                    if let (Some(batch), Some(trace)) = (attempt.batch, attempt.trace)
                        && !attempt.kind.row().reversible
                    {
                        self.intents.insert((batch, trace), attempt.kind);
                    }
                }
                Write::Set(set) => {
                    self.whole(set);
                    self.sets.insert(set.set.word(), (**set).clone());
                }
                Write::Reversal(reversal) => {
                    let original = &reversal.original;
                    self.intents.insert((original.batch, original.trace), original.kind);
                }
                Write::Settlement(settlement) => {
                    self.settlements.insert(settlement.batch, (**settlement).clone());
                }
                Write::PrintJob(job) => {
                    self.jobs.insert(job.id);
                }
                _ => {}
            }
        }
    }

    /// The journal was opened again: what it holds is durable, whether or not its commit was answered before the
    /// power went.
    pub(crate) fn reopened(&mut self, journal: &Journal, attempts: &[Attempt]) {
        self.durable = attempts.iter().map(|attempt| (attempt.id, attempt.clone())).collect();
        let batches = 1..=journal.device().map(|device| device.batch).unwrap_or_default();
        let settlements = batches.filter_map(|batch| journal.settlement(Some(batch)).ok().flatten());
        self.settlements = settlements.map(|settlement| (settlement.batch, settlement)).collect();
        self.jobs = journal.open_print_jobs().unwrap_or_default().iter().map(|job| job.id).collect();
        self.stored.clear();
        self.at_risk.clear();
        for attempt in attempts {
            self.offline_stands(attempt);
        }
    }

    /// What is told later is durable before it leaves. An offline sale stands at risk until the host has said something to it; the limits hold at all times.
    fn offline_stands(&mut self, attempt: &Attempt) {
        if attempt.outcome != Some(Outcome::ApprovedOffline) {
            return;
        }
        self.stored.extend(attempt.batch.zip(attempt.trace));
        if attempt.kind != Kind::OfflineSale {
            return;
        }
        if attempt.response_code.is_some() {
            self.at_risk.remove(&attempt.id);
        } else {
            self.at_risk.insert(attempt.id, attempt.amount.minor());
        }
        let limits = crate::world::OFFLINE_LIMITS;
        let (count, total) = (self.at_risk.len(), self.at_risk.values().sum::<u64>());
        // There is one card.
        let most = limits.total.min(limits.card_total);
        if count > limits.count as usize || total > most || attempt.amount.minor() > limits.amount {
            self.broken(format!("{count} offline sales of {total} in all stand at risk"));
        }
    }

    /// A set is stored with all that the host serves of it.
    fn whole(&mut self, set: &StoredSet) {
        let whole = match &set.content {
            SetContent::Aids(aids) => aids.len() == 2,
            SetContent::CaKeys(keys) => keys.len() == 1,
            SetContent::Blacklist { count, cards } => *count == 1 && !cards.0.is_empty(),
            SetContent::Parameters(parameters) => parameters.reply_timeout_s == Some(10),
            SetContent::Contactless(parameters) => parameters.objects.len() == 3,
        };
        if !whole {
            self.broken(format!("half a set of {} is in force", set.set));
        }
    }

    /// A commit begins; whether it is answered or not, it may be durable.
    pub(crate) fn trying(&mut self, writes: &[Write]) {
        for write in writes {
            if let Write::Set(set) = write {
                self.tried.insert(set.set.word(), (**set).clone());
            }
        }
    }

    /// The journal was opened again: each set is the one that was stored last, or the one that was being stored.
    pub(crate) fn reopened_sets(&mut self, found: &[StoredSet]) {
        let tried = std::mem::take(&mut self.tried);
        for set in found {
            self.whole(set);
            let word = set.set.word();
            if self.sets.get(word) != Some(set) && tried.get(word) != Some(set) {
                self.broken(format!("the set of {word} is another than was stored"));
            }
        }
        let gone = self.sets.keys().find(|word| found.iter().all(|set| set.set.word() != **word)).copied();
        if let Some(word) = gone {
            self.broken(format!("the set of {word} was stored and is gone"));
        }
        self.sets = found.iter().map(|set| (set.set.word(), set.clone())).collect();
    }

    /// Something is about to be seen outside.
    pub(crate) fn goes_out(&mut self, what: &str, could_be_lost: bool) {
        if could_be_lost {
            self.broken(format!("{what} went out while a power cut would still take what it stands on"));
        }
    }

    /// A transaction is about to be shown: an outcome is shown as it is durable, with all that belongs to it.
    pub(crate) fn shown(&mut self, attempt: &Attempt) {
        let durable = self.durable.get(&attempt.id);
        if attempt.outcome.is_some() && durable != Some(attempt) {
            let (id, durable) = (attempt.id, durable.and_then(|durable| durable.outcome));
            self.broken(format!(
                "{id}: shown as {:?} before that was durable ({durable:?} is)",
                attempt.outcome
            ));
        }
    }

    /// A settlement is about to be shown: its end is shown as it is durable.
    pub(crate) fn settlement_shown(&mut self, settlement: &Settlement) {
        if settlement.ended.is_some() && self.settlements.get(&settlement.batch) != Some(settlement) {
            self.broken(format!("the end of settlement {} was shown before it was durable", settlement.id));
        }
    }

    /// A slip is about to be printed: the job is durable, and so is the outcome that it shows.
    pub(crate) fn printed(&mut self, job: &PrintJob) {
        let shows_outcome =
            self.durable.get(&job.transaction).is_some_and(|attempt| attempt.outcome.is_some());
        if !self.jobs.contains(&job.id) || (job.transaction != 0 && !shows_outcome) {
            self.broken(format!("{}: slip {} was printed before it was durable", job.transaction, job.id));
        }
    }

    /// An app was told how a transaction stands.
    pub(crate) fn told(&mut self, attempt: &Attempt, sequence: u64, host: &Host) {
        let id = attempt.id;
        if self.sequences.get(&id).is_some_and(|last| *last > sequence) {
            self.broken(format!("{id}: sequence went back to {sequence}"));
        }
        self.sequences.insert(id, sequence);
        if attempt.outcome.is_some_and(Outcome::is_charged) && attempt.kind != Kind::BalanceInquiry {
            let held = standing(host, attempt);
            let offline = attempt.outcome == Some(Outcome::ApprovedOffline);
            // The host hears of an offline sale later, and never twice.
            if held != 1 && !(offline && held == 0) {
                self.broken(format!("{id}: heard approved, and the host holds {held} charges"));
            }
            if self.given_up.contains(&id) {
                self.broken(format!("{id}: approved after its cancel was accepted"));
            }
            let by_host = attempt.cause != Cause::Resolved && !offline;
            if by_host && attempt.trace.is_some_and(|trace| self.tainted.contains(&trace)) {
                self.broken(format!("{id}: approved on an answer with a bad MAC"));
            }
            self.told_charged.insert(id, attempt.clone());
        }
    }

    /// A frame is about to leave for the host.
    pub(crate) fn leaves(&mut self, frame: &[u8], profile: &Profile) -> Option<(MessageKind, u32)> {
        let message = Message::decode(Frame::read_unprefixed(frame).ok()?.body, &profile.table()).ok()?;
        let mti = message.mti().to_string();
        let trace = u32::try_from(message.number(11)?).ok()?;
        let batch =
            message.digits(60).and_then(|digits| digits.number(2..8)).and_then(|b| u32::try_from(b).ok())?;
        let processing = message.digits(3).map(|digits| digits.text().as_str().to_owned());
        let code =
            message.digits(60).map(|digits| digits.text().as_str().get(8..11).unwrap_or_default().to_owned());
        let kind = match (mti.as_str(), processing.as_deref()) {
            ("0400", _) => MessageKind::Reversal,
            ("0620", _) => MessageKind::ScriptResult,
            ("0820", _) if code.as_deref().is_some_and(|code| code.starts_with("80")) => {
                MessageKind::Signature
            }
            ("0800", _) => MessageKind::SignIn,
            ("0500", _) => MessageKind::Settlement,
            ("0320", _) => match code.as_deref() {
                Some("201") => MessageKind::BatchUpload,
                Some("203" | "205") => MessageKind::ChipUpload,
                Some("204" | "206") => MessageKind::FailureUpload,
                Some("202" | "207") => MessageKind::BatchEnd,
                _ => MessageKind::AdviceUpload,
            },
            (_, Some(processing)) if by_code(&message) => match processing {
                "000000" => MessageKind::QrSale,
                "200000" => MessageKind::QrVoid,
                "700000" => MessageKind::WalletPayment,
                "710000" => MessageKind::WalletCode,
                "720000" => MessageKind::WalletVoid,
                _ => MessageKind::WalletQuery,
            },
            _ => kind_of(&message)?,
        };
        let intent = self.intents.get(&(batch, trace)).copied();
        let asks_nobody = kind == MessageKind::Completion || TOLD_LATER.contains(&kind);
        let undoes = (FOLLOWING.contains(&kind) && !asks_nobody) || intent == Some(Kind::Void);
        if undoes && mti != "0400" && !std::mem::take(&mut self.supervisor_agreed) {
            self.broken(format!("{kind:?} {trace} left without the supervisor's word"));
        }
        // What asks for a payment or ends it has a trace of its own, and moves no money to the shop.
        let asks = kind == MessageKind::WalletQuery || (kind == MessageKind::WalletVoid && intent.is_none());
        match mti.as_str() {
            // It keeps its trace from try to try too.
            _ if TOLD_LATER.contains(&kind) => {
                if !self.stored.contains(&(batch, trace)) {
                    self.broken(format!("{kind:?} {trace} left before it was durable"));
                }
                self.own.insert((batch, trace));
            }
            "0200" | "0100" | "0220" if !asks => {
                if intent.is_none() {
                    self.broken(format!("{kind:?} {trace} left before its intent was durable"));
                }
                if !self.sent.insert((batch, trace)) || self.own.contains(&(batch, trace)) {
                    self.broken(format!("trace {trace} was used twice"));
                }
            }
            "0400" => {}
            // A row carries its transaction's trace, and a repeated message of details its own again.
            "0320" if kind != MessageKind::BatchEnd => {}
            // So does each part of a signature.
            "0820" => {}
            // An advice keeps its own trace from try to try.
            "0620" => {
                self.own.insert((batch, trace));
            }
            _ => {
                if !self.own.insert((batch, trace)) || self.sent.contains(&(batch, trace)) {
                    self.broken(format!("trace {trace} was used twice"));
                }
            }
        }
        Some((kind, trace))
    }

    /// Everything is at rest: do the books agree?
    pub(crate) fn at_rest(
        &mut self,
        host: &Host,
        attempts: &[Attempt],
        references: usize,
        refused: &[Advice],
        damaged: &BTreeSet<TransactionId>,
    ) {
        // A card that garbles its certificate is found out by the issuer only: the one refusal that an advice may meet.
        let bad_certificate = |advice: &&Advice| {
            advice.kind == AdviceKind::Transaction
                && advice.tries.last().is_some_and(|last| last.result == "59")
        };
        let mut lied: BTreeSet<TransactionId> =
            refused.iter().filter(bad_certificate).map(|advice| advice.transaction).collect();
        // The host knows of nothing that a tip on such a sale could be added to.
        let on = |a: &&Attempt| {
            let original = a.original.as_ref().and_then(|link| link.transaction);
            a.kind == Kind::Tip && original.is_some_and(|original| lied.contains(&original))
        };
        let orphans: Vec<_> = attempts.iter().filter(on).map(|attempt| attempt.id).collect();
        lied.extend(orphans);
        // Of one that the host had already, the number that its signature would name came to nobody.
        let repeated = |id| attempts.iter().any(|a| a.id == id && a.response_code.as_deref() == Some("94"));
        let nameless = |advice: &Advice| advice.kind == AdviceKind::Signature && repeated(advice.transaction);
        for advice in refused.iter().filter(|a| !lied.contains(&a.transaction) && !nameless(a)) {
            self.broken(format!(
                "advice {} of {} needs action: {:?}",
                advice.id, advice.transaction, advice.tries
            ));
        }
        // What the host has lost it takes again by its certificate only; a settlement's list shows that it did not.
        let lost = |attempt: &&Attempt| {
            let own = |b: &&Booking| Some(b.batch) == attempt.batch && Some(b.trace) == attempt.trace;
            damaged.contains(&attempt.id)
                && host.ledger().bookings.iter().find(own).is_some_and(|b| b.forgotten)
        };
        lied.extend(attempts.iter().filter(lost).map(|attempt| attempt.id));
        let mut charged: BTreeMap<String, usize> = BTreeMap::new();
        let known: BTreeMap<(u32, u32), &Attempt> =
            attempts.iter().filter_map(|a| Some(((a.batch?, a.trace?), a))).collect();
        let charges = host.ledger().bookings.clone();
        for charge in charges.iter().filter(|charge| charge.counts() && !is_undone_payment(charge)) {
            match known.get(&(charge.batch, charge.trace)) {
                None => self
                    .broken(format!("the host holds a charge of trace {} that nobody knows", charge.trace)),
                Some(attempt) => {
                    *charged.entry(meant(attempt).to_owned()).or_default() += 1;
                    if !attempt.outcome.is_some_and(Outcome::is_charged) {
                        self.broken(format!(
                            "the host holds {}, the terminal says {:?}",
                            attempt.id, attempt.outcome
                        ));
                    }
                }
            }
        }
        for (reference, count) in charged {
            if count > 1 {
                self.broken(format!("{reference} is charged {count} times"));
            }
        }
        // Whatever an app once heard is still so.
        for attempt in std::mem::take(&mut self.told_charged).into_values() {
            if standing(host, &attempt) != 1 && !lied.contains(&attempt.id) {
                self.broken(format!("{} was told approved, and the host does not hold it", attempt.id));
            }
        }
        let mut found = BTreeSet::new();
        for attempt in attempts {
            found.insert(meant(attempt));
            if attempt.outcome == Some(Outcome::Unknown) {
                self.broken(format!("{} is still unknown", attempt.id));
            }
            let charged = attempt.outcome.is_some_and(Outcome::is_charged);
            let held = standing(host, attempt) == 1 || lied.contains(&attempt.id);
            if charged && attempt.kind != Kind::BalanceInquiry && !held {
                self.broken(format!("{} is approved, and the host does not hold it", attempt.id));
            }
        }
        self.nothing_is_undone_twice(host, attempts, &lied);
        if found.len() < references {
            self.broken(format!("{} of {references} sales are in the journal", found.len()));
        }
    }
}

impl Oracle {
    /// A signature that the terminal has taken is in the journal, as it was drawn, and at the host: each part of it, once.
    pub(crate) fn signatures(&mut self, attempts: &[Attempt], signed: &[TransactionId], host: &Host) {
        let form = posd_unionpay::profile::ESignature::default();
        for id in signed {
            let attempt = attempts.iter().find(|attempt| attempt.id == *id);
            // One without a number names nothing that the host could keep it with.
            if let Some(attempt) = attempt.filter(|attempt| attempt.rrn.is_some()) {
                let drawn = signature(*id).map(|strokes| strokes.raster().to_vec()).unwrap_or_default();
                let wanted = form.parts(&drawn).unwrap_or_default();
                let wanted: Vec<(String, String)> =
                    wanted.into_iter().map(|(part, data)| (part, hex(data))).collect();
                let here: Vec<(String, String)> = host
                    .ledger()
                    .signatures
                    .iter()
                    .filter(|part| Some(&part.rrn) == attempt.rrn.as_ref())
                    .map(|part| (part.part.clone(), part.image.clone()))
                    .collect();
                if here != wanted {
                    let parts: Vec<_> = here.iter().map(|(part, _)| part.as_str()).collect();
                    self.broken(format!("{id}: the host has the parts {parts:?} of its signature"));
                }
            }
            let kept = attempt.and_then(|attempt| attempt.receipt.as_ref()?.strokes.clone());
            if kept.is_none() || kept != signature(*id) {
                self.broken(format!("{id}: the signature that was taken is not there"));
            }
        }
    }

    /// What voids and refunds give back is never more than what was paid, in both books; each stands at the host on
    /// the original that it is meant for; and the terminal asks for nothing that the host refuses for the original's
    /// sake.
    fn nothing_is_undone_twice(&mut self, host: &Host, attempts: &[Attempt], lied: &BTreeSet<TransactionId>) {
        let ledger = host.ledger();
        for original in attempts {
            let mut back = 0;
            let mut taken = Vec::new();
            let mut tips = Vec::new();
            let follow =
                |id| move |a: &&Attempt| a.original.as_ref().is_some_and(|l| l.transaction == Some(id));
            let stands = |a: &&Attempt| a.outcome.is_some_and(|o| o.is_charged() || o == Outcome::Unknown);
            for follower in attempts.iter().filter(follow(original.id)).filter(stands) {
                let amount = follower.charged.unwrap_or(follower.amount.minor());
                if follower.kind == Kind::Tip {
                    tips.push(amount);
                } else if !matches!(follower.kind, Kind::Completion | Kind::CompletionAdvice) {
                    back += amount;
                } else if !attempts
                    .iter()
                    .filter(follow(follower.id))
                    .any(|a| a.kind == Kind::CompletionCancel && a.outcome.is_some_and(Outcome::is_charged))
                {
                    taken.push(amount);
                }
            }
            let moved = original.charged.unwrap_or(0);
            if back > moved {
                self.broken(format!("{back} of {moved} was given back of {}", original.id));
            }
            if tips.len() > 1 || tips.iter().any(|tip| tip * 10 > moved) {
                self.broken(format!("{tips:?} was added to {moved} of {}", original.id));
            }
            let over = taken.iter().any(|amount| amount * 100 > moved * 115);
            if over || taken.len() > 1 || (back > 0 && !taken.is_empty()) {
                self.broken(format!("{taken:?} of {moved} was taken of {}, and {back} back", original.id));
            }
        }
        for booking in ledger.bookings.iter().filter(|booking| is_undone_payment(booking)) {
            let paid = attempts
                .iter()
                .find(|a| a.batch == Some(booking.batch) && a.trace == Some(booking.trace))
                .filter(|a| a.outcome.is_some_and(Outcome::is_charged));
            let undone = |paid: &Attempt| {
                attempts.iter().any(|a| {
                    a.original.as_ref().is_some_and(|link| link.transaction == Some(paid.id))
                        && a.outcome.is_some_and(Outcome::is_charged)
                })
            };
            if paid.is_some_and(|paid| !undone(paid)) {
                self.broken(format!("trace {} is approved, and was ended at the host", booking.trace));
            }
        }
        for (place, booking) in ledger.bookings.iter().enumerate() {
            let back: u64 = ledger
                .bookings
                .iter()
                .filter(|other| other.original == Some(place) && other.counts())
                .filter(|other| !takes(other.kind))
                .map(|other| other.amount)
                .sum();
            if back > booking.amount {
                self.broken(format!("the host gave {back} back of trace {}", booking.trace));
            }
            let Some(original) = booking.original.map(|place| &ledger.bookings[place]) else { continue };
            let meant = attempts
                .iter()
                .find(|a| a.batch == Some(booking.batch) && a.trace == Some(booking.trace))
                .and_then(|attempt| attempt.original.as_ref())
                .and_then(|link| attempts.iter().find(|a| Some(a.id) == link.transaction));
            if meant.is_none_or(|meant| meant.trace != Some(original.trace)) {
                self.broken(format!("trace {} was done to trace {}", booking.trace, original.trace));
            }
            let undoes = FOLLOWING.contains(&booking.kind)
                && !takes(booking.kind)
                && !matches!(booking.kind, MessageKind::Refund | MessageKind::PhoneOrderRefund);
            if undoes && booking.counts() && original.state == BookingState::Booked {
                self.broken(format!("trace {} is undone by {} and stands", original.trace, booking.trace));
            }
        }
        for attempt in attempts.iter().filter(|a| a.outcome == Some(Outcome::ApprovedOffline)) {
            // Each advice is accepted exactly once, however often it was told.
            let named = |b: &&Booking| Some(b.batch) == attempt.batch && Some(b.trace) == attempt.trace;
            let bookings = ledger.bookings.iter().filter(named).count();
            if bookings > 1 {
                self.broken(format!("the host booked advice {} {bookings} times", attempt.id));
            }
        }
        for refusal in &ledger.refusals {
            let orphan = attempts
                .iter()
                .find(|a| a.batch == Some(refusal.batch) && a.trace == Some(refusal.trace))
                .is_some_and(|attempt| lied.contains(&attempt.id));
            let linked = FOLLOWING.contains(&refusal.kind) && !orphan;
            if linked && !refusal.late_original && matches!(&*refusal.code, "12" | "22" | "25" | "64") {
                self.broken(format!(
                    "the host refused {:?} {} with {}",
                    refusal.kind, refusal.trace, refusal.code
                ));
            }
        }
    }
}

/// Upper-case hexadecimal, as the host's books have it.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// What is about an earlier transaction.
const FOLLOWING: [MessageKind; 11] = [
    MessageKind::Adjustment,
    MessageKind::Void,
    MessageKind::QrVoid,
    MessageKind::InstalmentVoid,
    MessageKind::PhoneOrderVoid,
    MessageKind::Refund,
    MessageKind::PhoneOrderRefund,
    MessageKind::PreAuthCancel,
    MessageKind::Completion,
    MessageKind::CompletionAdvice,
    MessageKind::CompletionCancel,
];

/// What is stored and told to the host until it has it, under one trace number.
const TOLD_LATER: [MessageKind; 3] =
    [MessageKind::OfflineSale, MessageKind::CompletionAdvice, MessageKind::Adjustment];

/// Whether it takes what a pre-authorisation holds, or adds to a sale: it gives nothing back.
fn takes(kind: MessageKind) -> bool {
    matches!(kind, MessageKind::Completion | MessageKind::CompletionAdvice | MessageKind::Adjustment)
}

/// The kind of a transaction's own request, by message type, fields 3 and 25, and 60.1.
fn kind_of(message: &Message) -> Option<MessageKind> {
    let digits = |field| message.digits(field).map(|digits| digits.text().as_str().to_owned());
    let (mti, processing, condition) = (message.mti(), digits(3)?, digits(25)?);
    let group = digits(60)?;
    posd_terminal::served().find_map(|kind| {
        let row = kind.row();
        let same = row.mti == mti && row.processing == processing && group.starts_with(row.message_kind);
        let own = if row.original.is_none() { vec![kind.family()] } else { FAMILIES.to_vec() };
        let mut of_family = own.into_iter().filter(|family| kind.condition(*family) == Some(&condition));
        of_family.next().filter(|_| same).map(|family| host_kind(kind, family))
    })
}

/// Whether a message is about a payment by code.
fn by_code(message: &Message) -> bool {
    message.digits(22).is_some_and(|entry| entry.text().as_str().starts_with("03"))
}

/// Whether it is a wallet's payment that was paid and ended: a void of one has no booking of its own.
pub(crate) fn is_undone_payment(booking: &Booking) -> bool {
    matches!(booking.kind, MessageKind::WalletPayment | MessageKind::WalletCode)
        && booking.state == BookingState::Voided
}

/// How many bookings of an attempt stand at the host, be they undone by later ones or not.
pub(crate) fn standing(host: &Host, attempt: &Attempt) -> usize {
    let bookings = host.ledger().bookings.iter();
    if let Some(link) = attempt.original.as_ref().filter(|_| attempt.wallet.is_some()) {
        let named = (link.original.batch, link.original.trace);
        let ended = bookings.clone().filter(|b| is_undone_payment(b) && (b.batch, b.trace) == named).count();
        if ended > 0 {
            return ended;
        }
    }
    bookings
        .filter(|b| b.counts() && Some(b.batch) == attempt.batch && Some(b.trace) == attempt.trace)
        .count()
}

/// Whether the acquirer says that it holds an attempt: a payment that was ended there is none.
pub(crate) fn holds(host: &Host, attempt: &Attempt) -> bool {
    let own = |b: &&Booking| Some(b.batch) == attempt.batch && Some(b.trace) == attempt.trace;
    let ended = host.ledger().bookings.iter().filter(own).any(is_undone_payment);
    !ended && standing(host, attempt) > 0
}

/// What the acquirer says that it holds of an attempt, in minor units.
pub(crate) fn booked_amount(host: &Host, attempt: &Attempt) -> u64 {
    let own = |b: &&Booking| Some(b.batch) == attempt.batch && Some(b.trace) == attempt.trace;
    host.ledger().bookings.iter().filter(own).filter(|b| b.counts()).map(|b| b.amount).sum()
}

/// The sale that the app meant, also where a planted fault files it under another name.
fn meant(attempt: &Attempt) -> &str {
    let reference = attempt.key.reference.as_str();
    reference.split_once('~').map_or(reference, |(meant, _)| meant)
}
