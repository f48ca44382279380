//! The kinds of transactions that this terminal serves, one row each: what of a flow differs from kind to kind is data
//! here. What differs on the line is data of [`posd_unionpay::kind`].

use crate::{
    Kind,
    record::{Attempt, TransactionId},
    state::Outcome,
};
use posd_receipt::TransactionType;

/// Where the card's data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardUse {
    /// A card session with cryptogram and issuer.
    Full,
    /// The sealed records of the original: nobody is asked for the card.
    Recorded,
    /// The customer's payment code, scanned or handed over by the app.
    ScannedCode,
    /// None: the customer pays with a code that the terminal shows.
    ShownCode,
}

/// What the amount must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AmountRule {
    /// The app's own choice.
    Free,
    /// What the original moved.
    Whole,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) card: CardUse,
    /// The supervisor's password is asked for, for this one transaction.
    pub(crate) supervisor: bool,
    /// The kinds that it may follow; none where it follows nothing.
    pub(crate) originals: &'static [Kind],
    /// The original must be of the present batch.
    pub(crate) same_batch: bool,
    pub(crate) amount: AmountRule,
    /// The app may allow a part of the amount.
    pub(crate) partial: bool,
    /// What the slip calls it.
    pub(crate) slip: TransactionType,
}

/// The row that the others differ from.
const SALE: Rule = Rule {
    card: CardUse::Full,
    supervisor: false,
    originals: &[],
    same_batch: true,
    amount: AmountRule::Free,
    partial: true,
    slip: TransactionType::Sale,
};

/// A row for undoing an original of this batch, whole.
const UNDO: Rule =
    Rule { card: CardUse::Recorded, supervisor: true, amount: AmountRule::Whole, partial: false, ..SALE };

/// The row of a kind; `None` for those that are not served.
pub(crate) const fn rule(kind: Kind) -> Option<&'static Rule> {
    Some(match kind {
        Kind::Sale => &SALE,
        Kind::QrScan => &Rule { card: CardUse::ScannedCode, partial: false, ..SALE },
        Kind::QrShow => &Rule { card: CardUse::ShownCode, partial: false, ..SALE },
        Kind::Void => &Rule {
            originals: &[Kind::Sale, Kind::QrScan, Kind::QrShow],
            slip: TransactionType::Void,
            ..UNDO
        },
        Kind::PreAuth => &Rule { partial: false, slip: TransactionType::PreAuth, ..SALE },
        Kind::PreAuthCancel => &Rule {
            originals: &[Kind::PreAuth],
            same_batch: false,
            slip: TransactionType::PreAuthCancel,
            ..UNDO
        },
        _ => return None,
    })
}

/// The kinds that this terminal serves.
pub fn served() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(|kind| rule(*kind).is_some())
}

/// Why a transaction cannot follow its original. The host would refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No transaction of this user has that name, trace or reference number.
    #[error("no transaction of yours is that original")]
    NotFound,
    /// It is of another kind.
    #[error("this cannot be done to a transaction of that kind")]
    Kind,
    /// It was not approved.
    #[error("the original was not approved")]
    NotApproved,
    /// Its outcome, or that of something that follows it, is not known yet.
    #[error("the original, or what follows it, is not resolved yet")]
    Unresolved,
    /// It was undone.
    #[error("the original was undone before")]
    AlreadyVoided,
    /// It is of another batch.
    #[error("the original is of another batch")]
    OtherBatch,
    /// It must be undone whole.
    #[error("the amount is not the original's, which is {0} minor units")]
    Amount(u64),
}

/// Whether an attempt's request may have reached the host, and its end is not known.
fn is_open(attempt: &Attempt) -> bool {
    attempt.outcome == Some(Outcome::Unknown) || (attempt.outcome.is_none() && attempt.trace.is_some())
}

/// Whether a transaction of `kind` over `amount` minor units may follow `original`, which `followers` follow already.
/// `own` is the transaction itself, where it is among them.
pub(crate) fn fits(
    kind: Kind,
    amount: u64,
    batch: u32,
    own: Option<TransactionId>,
    original: &Attempt,
    followers: &[Attempt],
) -> Result<(), Unfit> {
    let Some(rule) = rule(kind) else { return Err(Unfit::Kind) };
    if !rule.originals.contains(&original.kind) {
        return Err(Unfit::Kind);
    }
    if is_open(original) {
        return Err(Unfit::Unresolved);
    }
    let charged = match (original.outcome, original.charged) {
        (Some(outcome), Some(charged)) if outcome.is_charged() => charged,
        _ => return Err(Unfit::NotApproved),
    };
    if rule.same_batch && original.batch != Some(batch) {
        return Err(Unfit::OtherBatch);
    }
    let others = || followers.iter().filter(|follower| Some(follower.id) != own);
    if others().any(is_open) {
        return Err(Unfit::Unresolved);
    }
    if others().any(|follower| follower.outcome.is_some_and(Outcome::is_charged)) {
        return Err(Unfit::AlreadyVoided);
    }
    match rule.amount {
        AmountRule::Whole if amount != charged => Err(Unfit::Amount(charged)),
        AmountRule::Whole | AmountRule::Free => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Amount, Cause, Currency, Options, Reference, SaleKey};

    /// An attempt in batch 1 that moved its whole amount.
    fn attempt(id: u64, kind: Kind, outcome: Option<Outcome>) -> Attempt {
        Attempt {
            id,
            key: SaleKey { uid: 1, reference: Reference::new("a").unwrap() },
            number: 1,
            kind,
            amount: Amount::new(1000, Currency::Cny).unwrap(),
            options: Options::default(),
            original: None,
            created: 0,
            sequence: 1,
            operator: None,
            supervisor: None,
            outcome,
            cause: Cause::None,
            ended: None,
            acknowledged: false,
            batch: Some(1),
            trace: Some(1),
            rrn: None,
            authorisation_code: None,
            response_code: None,
            host_date: None,
            charged: outcome.filter(|outcome| outcome.is_charged()).map(|_| 1000),
            masked_pan: None,
            application_label: None,
            transaction_certificate: None,
            card: None,
            receipt: None,
            wallet: None,
            voucher: None,
        }
    }

    fn void(original: &Attempt, followers: &[Attempt]) -> Result<(), Unfit> {
        fits(Kind::Void, 1000, 1, Some(9), original, followers)
    }

    #[test]
    fn only_an_approved_sale_of_this_batch_is_voided_and_only_whole() {
        let sale = attempt(1, Kind::Sale, Some(Outcome::Approved));
        assert_eq!(void(&sale, &[]), Ok(()));
        assert_eq!(fits(Kind::Void, 999, 1, None, &sale, &[]), Err(Unfit::Amount(1000)));
        assert_eq!(fits(Kind::Void, 1000, 2, None, &sale, &[]), Err(Unfit::OtherBatch));
        assert_eq!(void(&attempt(1, Kind::Void, Some(Outcome::Approved)), &[]), Err(Unfit::Kind));
        for outcome in [Outcome::Declined, Outcome::Cancelled, Outcome::TimedOut, Outcome::Failed] {
            assert_eq!(void(&attempt(1, Kind::Sale, Some(outcome)), &[]), Err(Unfit::NotApproved));
        }
        let made = Attempt { trace: None, ..attempt(1, Kind::Sale, None) };
        assert_eq!(void(&made, &[]), Err(Unfit::NotApproved));
        for outcome in [None, Some(Outcome::Unknown)] {
            assert_eq!(void(&attempt(1, Kind::Sale, outcome), &[]), Err(Unfit::Unresolved));
        }
        let part = Attempt { charged: Some(400), ..attempt(1, Kind::Sale, Some(Outcome::PartiallyApproved)) };
        assert_eq!(void(&part, &[]), Err(Unfit::Amount(400)));
        assert_eq!(fits(Kind::Void, 400, 1, None, &part, &[]), Ok(()));
    }

    #[test]
    fn a_pre_authorisation_is_cancelled_whole_in_any_batch_and_is_not_voided() {
        let held = attempt(1, Kind::PreAuth, Some(Outcome::Approved));
        assert_eq!(fits(Kind::PreAuthCancel, 1000, 7, None, &held, &[]), Ok(()));
        assert_eq!(fits(Kind::PreAuthCancel, 999, 1, None, &held, &[]), Err(Unfit::Amount(1000)));
        assert_eq!(void(&held, &[]), Err(Unfit::Kind));
        let sale = attempt(1, Kind::Sale, Some(Outcome::Approved));
        assert_eq!(fits(Kind::PreAuthCancel, 1000, 1, None, &sale, &[]), Err(Unfit::Kind));
        let gone = attempt(2, Kind::PreAuthCancel, Some(Outcome::Approved));
        assert_eq!(fits(Kind::PreAuthCancel, 1000, 1, None, &held, &[gone]), Err(Unfit::AlreadyVoided));
    }

    #[test]
    fn what_was_voided_or_may_be_is_not_voided_again() {
        let sale = attempt(1, Kind::Sale, Some(Outcome::Approved));
        let voided = |id, outcome| attempt(id, Kind::Void, outcome);
        assert_eq!(void(&sale, &[voided(2, Some(Outcome::Approved))]), Err(Unfit::AlreadyVoided));
        for outcome in [None, Some(Outcome::Unknown)] {
            assert_eq!(void(&sale, &[voided(2, outcome)]), Err(Unfit::Unresolved));
        }
        // One that ended without effect, one that has not begun, and the transaction itself, are no hindrance.
        let idle = Attempt { trace: None, ..voided(3, None) };
        assert_eq!(void(&sale, &[voided(2, Some(Outcome::Failed)), idle, voided(9, None)]), Ok(()));
    }

    #[test]
    fn rule_1_whatever_is_served_can_be_reversed() {
        // The intent of every request is a reversal. A kind that has none needs another way out of not knowing.
        assert!(served().all(|kind| kind.row().reversible));
    }
}
