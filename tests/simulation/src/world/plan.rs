//! What one run does, and what came of it.

use crate::{app::Job, plant::Plant, random::Random};
use posd_acquirer::{Course, Fault, Wallet};
use posd_card::Misbehaviour;
use posd_terminal::Kind;

/// How much goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Faults {
    /// Nothing.
    None,
    /// Whatever the seed draws, until the last sale; then nothing more.
    Drawn,
    /// The power goes before the n-th effect after the sale's start, and again before the m-th effect of the recovery.
    Sweep(u64, Option<u64>),
    /// Every set is downloaded first; the power goes before the n-th effect of that, and again before the m-th effect of
    /// the recovery.
    Downloads(u64, Option<u64>),
    /// The host does this with the first transaction of the plan's kind.
    Host(Fault),
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
    /// Sales only, or sales each followed by one of this kind. Drawn faults come with a drawn mixture of all kinds.
    pub kind: Kind,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Hash over every effect with its time.
    pub trace: [u8; 32],
    /// Attempts in the journal at the end.
    pub attempts: usize,
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
    /// Reasons of the reversals that the host saw (field 39), in order.
    pub reasons: Vec<String>,
    /// Causes of the attempts' outcomes, oldest first.
    pub causes: Vec<&'static str>,
}

/// The job at a place: with drawn faults a drawn one, which may well be one that must be refused.
pub(super) fn job(random: &mut Random, plan: &Plan, place: usize) -> Job {
    let amount = amount(random, &plan.faults);
    let follows = match plan.faults {
        Faults::Drawn => place > 0 && random.percent(30),
        _ => !begins(plan.kind) && place % 2 == 1,
    };
    if !follows {
        let by_code = match plan.faults {
            Faults::Drawn => random.percent(30).then(|| random.pick(&[Kind::QrScan, Kind::QrShow])),
            _ => Some(plan.kind).filter(|kind| matches!(kind, Kind::QrScan | Kind::QrShow)),
        };
        if let Some(kind) = by_code {
            return Job { kind, amount, original: None };
        }
        let holds = match plan.faults {
            Faults::Drawn => random.percent(20),
            _ => matches!(plan.kind, Kind::PreAuth | Kind::PreAuthCancel),
        };
        return Job { kind: if holds { Kind::PreAuth } else { Kind::Sale }, amount, original: None };
    }
    let (kind, original) = match plan.faults {
        // Mostly a late one.
        Faults::Drawn => (random.pick(&UNDOING), place - 1 - random.below(place.min(3) as u64) as usize),
        _ => (plan.kind, place - 1),
    };
    Job { kind, amount, original: Some(original) }
}

/// Whether a kind follows no other.
pub(super) fn begins(kind: Kind) -> bool {
    matches!(kind, Kind::Sale | Kind::PreAuth | Kind::QrScan | Kind::QrShow)
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
const UNDOING: [Kind; 2] = [Kind::Void, Kind::PreAuthCancel];

fn amount(random: &mut Random, faults: &Faults) -> u64 {
    let cents = match faults {
        // Plain approvals, and with drawn faults the answers that lead elsewhere too.
        Faults::Drawn => random.pick(&[0, 1, 2, 34, 0, 20, 33, 51, 55, 10, 71, 72, 73, 77, 5]),
        _ => 34,
    };
    (1 + random.below(500)) * 100 + cents
}
