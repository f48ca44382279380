//! What one run does, and what came of it.

use crate::{app::Job, plant::Plant, random::Random};
use posd_acquirer::{Course, Fault, MessageKind, Wallet};
use posd_card::Misbehaviour;
use posd_terminal::Kind;
use std::collections::BTreeSet;

/// How much goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// Whatever the seed draws, until the last sale; then nothing more.
    Drawn,
    /// The power goes before the n-th effect after the sale's start, and again before the m-th effect of the recovery.
    Sweep(u64, Option<u64>),
    /// Everything is sold; then the power goes before the n-th effect after the call to settle, and again before the m-th
    /// effect of the recovery.
    SweepSettlement {
        /// The n-th.
        at: u64,
        /// The m-th.
        again: Option<u64>,
        /// The host has forgotten a sale, so that the details are uploaded.
        forget: bool,
    },
    /// Every set is downloaded first; the power goes before the n-th effect of that, and again before the m-th effect of
    /// the recovery.
    Downloads(u64, Option<u64>),
    /// The host does this with the first transaction of the plan's kind.
    Host(Fault),
    /// The host does this with the first message of a kind.
    HostTo(Fault, MessageKind),
    /// The card does this in the first sale.
    Card(Misbehaviour),
}

/// What one run does.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// Sales to make.
    pub sales: usize,
    /// What goes wrong.
    pub faults: Faults,
    /// A fault planted on purpose.
    pub plant: Option<Plant>,
    /// What is made, each after what it follows ([`chain`]). Drawn faults come with a drawn mixture of all kinds.
    pub kind: Kind,
    /// Cards are tapped wherever a tap is taken; with drawn faults now and then all the same.
    pub tapped: bool,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Hash over every effect with its time.
    pub trace: [u8; 32],
    /// Attempts in the journal at the end.
    pub attempts: usize,
    /// Batches that were settled.
    pub settled: usize,
    /// Of these, charged.
    pub charged: usize,
    /// Times the power went or the process died.
    pub crashes: u64,
    /// Effects after the last start, for sweeps.
    pub effects: u64,
    /// Effects between the first download's start and the last one's end, for sweeps.
    pub download_effects: u64,
    /// Effects between the sale's start and its end, for sweeps.
    pub sale_effects: u64,
    /// Parts of signatures that the host has.
    pub signature_parts: usize,
    /// Reasons of the reversals that the host saw (field 39), in order.
    pub reasons: Vec<String>,
    /// Causes of the attempts' outcomes, oldest first.
    pub causes: Vec<&'static str>,
}

/// The kinds that lead to one of a kind, which comes last: each follows the one before it.
pub fn chain(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::Void => &[Kind::Sale, Kind::Void],
        Kind::Refund => &[Kind::Sale, Kind::Refund],
        Kind::PreAuthCancel => &[Kind::PreAuth, Kind::PreAuthCancel],
        Kind::Completion => &[Kind::PreAuth, Kind::Completion],
        Kind::CompletionAdvice => &[Kind::PreAuth, Kind::CompletionAdvice],
        Kind::CompletionCancel => &[Kind::PreAuth, Kind::Completion, Kind::CompletionCancel],
        Kind::PreAuth => &[Kind::PreAuth],
        Kind::QrScan => &[Kind::QrScan],
        Kind::QrShow => &[Kind::QrShow],
        Kind::BalanceInquiry => &[Kind::BalanceInquiry],
        Kind::Instalment => &[Kind::Instalment],
        Kind::PhoneOrder => &[Kind::PhoneOrder],
        Kind::OfflineSale => &[Kind::OfflineSale],
        Kind::Tip => &[Kind::Sale, Kind::Tip],
        _ => &[Kind::Sale],
    }
}

/// The job at a place: with drawn faults a drawn one, which may well be one that must be refused.
pub(super) fn job(random: &mut Random, plan: &Plan, place: usize) -> Job {
    let amount = amount(random, &plan.faults);
    if plan.faults != Faults::Drawn {
        let chain = chain(plan.kind);
        let link = place % chain.len();
        let original = (link > 0).then(|| place - 1);
        let percent = if chain[link] == Kind::Tip { 10 } else { 100 };
        return Job { kind: chain[link], amount, original, percent };
    }
    if place == 0 || !random.percent(40) {
        return Job { kind: random.pick(&FIRST), amount, original: None, percent: 100 };
    }
    let kind = random.pick(&FOLLOWING);
    let percent = match kind {
        Kind::Refund => random.pick(&[100, 30, 60, 101]),
        Kind::Tip => random.pick(&[10, 3, 11]),
        Kind::Completion | Kind::CompletionAdvice => random.pick(&[100, 70, 115, 116]),
        _ => 100,
    };
    // Mostly a late one.
    let original = place - 1 - random.below(place.min(3) as u64) as usize;
    Job { kind, amount, original: Some(original), percent }
}

/// What is drawn to follow nothing.
const FIRST: [Kind; 17] = [
    Kind::Sale,
    Kind::Sale,
    Kind::Sale,
    Kind::Sale,
    Kind::PreAuth,
    Kind::PreAuth,
    Kind::PreAuth,
    Kind::QrScan,
    Kind::QrScan,
    Kind::QrShow,
    Kind::QrShow,
    Kind::BalanceInquiry,
    Kind::Instalment,
    Kind::PhoneOrder,
    Kind::OfflineSale,
    Kind::OfflineSale,
    Kind::OfflineSale,
];

/// Before which jobs the app settles; the number of all of them stands for the end.
pub(super) fn settles(random: &mut Random, plan: &Plan) -> BTreeSet<usize> {
    match plan.faults {
        Faults::Drawn => (0..=plan.sales).filter(|_| random.percent(5)).collect(),
        Faults::SweepSettlement { .. } => BTreeSet::from([plan.sales]),
        _ => BTreeSet::new(),
    }
}

/// How wallets pay: at once, after some questions, or when the customer does.
pub(super) fn wallet(random: &mut Random, plan: &Plan) -> Wallet {
    if plan.faults != Faults::Drawn {
        return Wallet::default();
    }
    let courses =
        [Course::Paid, Course::PaidAfter { queries: 2 }, Course::ClosedAfter { queries: 2 }, Course::Pending];
    let merchant_code = random.pick(&[Course::Pending, Course::Pending, Course::PaidAfter { queries: 3 }]);
    Wallet { customer_code: random.pick(&courses), merchant_code, ..Wallet::default() }
}

/// What is drawn to follow an earlier job.
const FOLLOWING: [Kind; 13] = [
    Kind::Tip,
    Kind::Tip,
    Kind::Tip,
    Kind::Void,
    Kind::Refund,
    Kind::Refund,
    Kind::PreAuthCancel,
    Kind::Completion,
    Kind::Completion,
    Kind::CompletionAdvice,
    Kind::CompletionAdvice,
    Kind::CompletionCancel,
    Kind::CompletionCancel,
];

fn amount(random: &mut Random, faults: &Faults) -> u64 {
    let cents = match faults {
        // Plain approvals, and with drawn faults the answers that lead elsewhere too.
        Faults::Drawn => random.pick(&[0, 1, 2, 34, 0, 20, 33, 51, 55, 10, 71, 72, 73, 77, 5]),
        _ => 34,
    };
    (1 + random.below(500)) * 100 + cents
}
