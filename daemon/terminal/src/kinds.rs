//! The kinds of transactions that this terminal serves, one row each: what of a flow differs from kind to kind is data
//! here. What differs on the line is data of [`posd_unionpay::kind`].

use crate::{
    Kind,
    record::{Attempt, TransactionId},
    state::Outcome,
};
use posd_receipt::TransactionType;
use posd_unionpay::{Profile, kind::Condition};

/// Where the card's data comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CardUse {
    /// A card session with cryptogram and issuer.
    Full,
    /// The card is read, and says which card it is and no more.
    Read,
    /// The sealed records of the original: nobody is asked for the card. Where they are not kept any more the card is
    /// read.
    Recorded,
    /// Its number and expiry are typed on the PIN pad.
    Typed,
    /// The customer's payment code, scanned or handed over by the app.
    ScannedCode,
    /// None: the customer pays with a code that the terminal shows.
    ShownCode,
}

impl CardUse {
    /// Whether the card reader has a part in it.
    pub(crate) fn needs_reader(self) -> bool {
        matches!(self, CardUse::Full | CardUse::Read)
    }
}

/// What the amount must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AmountRule {
    /// None: it asks, and moves nothing.
    Nothing,
    /// The app's own choice.
    Free,
    /// What the original moved: this undoes it.
    Whole,
    /// At most what the original moved, less what others of this kind gave back.
    Part,
    /// At most the profile's share of what the original reserved: this takes it.
    Share,
    /// At most the profile's or the host's share of what the original moved: this adds to it.
    Tip,
}

/// What follows where the request left and no good answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// It is reversed (rule 7).
    Reverse,
    /// Nothing undoes it: it stays unknown until somebody asked the acquirer, and the supervisor says what came of it
    /// (rule 5).
    Ask,
    /// It moved nothing: it failed.
    Fail,
    /// The host is not asked: the transaction is stored, and forwarded until the host has answered.
    Forward,
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
    pub(crate) silence: Silence,
    /// The app may allow a part of the amount.
    pub(crate) partial: bool,
    /// The original need not be in this journal: the app may name it as the host's records do.
    pub(crate) external: bool,
    /// Copies are printed without being asked for.
    pub(crate) prints: bool,
    /// What the slip calls it.
    pub(crate) slip: TransactionType,
}

impl Rule {
    /// Whether card and terminal approve it by themselves, within the offline policy: of what is stored and forwarded
    /// the rest rests on what the host has approved before.
    pub(crate) fn sells_offline(&self) -> bool {
        self.silence == Silence::Forward && self.card == CardUse::Full
    }
}

/// The row that the others differ from.
const SALE: Rule = Rule {
    card: CardUse::Full,
    supervisor: false,
    originals: &[],
    same_batch: true,
    amount: AmountRule::Free,
    silence: Silence::Reverse,
    partial: true,
    external: false,
    prints: true,
    slip: TransactionType::Sale,
};

/// A row for undoing an original of this batch, whole.
const UNDO: Rule =
    Rule { card: CardUse::Recorded, supervisor: true, amount: AmountRule::Whole, partial: false, ..SALE };

/// The row of a kind.
pub(crate) const fn rule(kind: Kind) -> &'static Rule {
    match kind {
        Kind::Sale => &SALE,
        Kind::QrScan => &Rule { card: CardUse::ScannedCode, partial: false, ..SALE },
        Kind::QrShow => &Rule { card: CardUse::ShownCode, partial: false, ..SALE },
        Kind::Void => &Rule {
            originals: &[Kind::Sale, Kind::Instalment, Kind::PhoneOrder, Kind::QrScan, Kind::QrShow],
            slip: TransactionType::Void,
            ..UNDO
        },
        // An instalment payment has no refund (reference 1).
        Kind::Refund => &Rule {
            card: CardUse::Read,
            supervisor: true,
            originals: &[
                Kind::Sale,
                Kind::Completion,
                Kind::CompletionAdvice,
                Kind::PhoneOrder,
                Kind::OfflineSale,
            ],
            same_batch: false,
            amount: AmountRule::Part,
            silence: Silence::Ask,
            partial: false,
            external: true,
            slip: TransactionType::Refund,
            ..SALE
        },
        Kind::PreAuth => &Rule { partial: false, slip: TransactionType::PreAuth, ..SALE },
        Kind::PreAuthCancel => &Rule {
            originals: &[Kind::PreAuth],
            same_batch: false,
            external: true,
            slip: TransactionType::PreAuthCancel,
            ..UNDO
        },
        Kind::OfflineSale => {
            &Rule { silence: Silence::Forward, partial: false, slip: TransactionType::OfflineSale, ..SALE }
        }
        // One to a sale: what was added is not in what a refund or a second tip would be measured by.
        Kind::Tip => &Rule {
            card: CardUse::Recorded,
            originals: &[Kind::Sale, Kind::OfflineSale],
            amount: AmountRule::Tip,
            silence: Silence::Forward,
            partial: false,
            slip: TransactionType::Adjustment,
            ..SALE
        },
        Kind::Completion => &Rule {
            card: CardUse::Recorded,
            originals: &[Kind::PreAuth],
            same_batch: false,
            amount: AmountRule::Share,
            partial: false,
            external: true,
            slip: TransactionType::Completion,
            ..SALE
        },
        // No cancel undoes it (reference 1): what it took is refunded.
        Kind::CompletionAdvice => &Rule {
            card: CardUse::Recorded,
            originals: &[Kind::PreAuth],
            same_batch: false,
            amount: AmountRule::Share,
            silence: Silence::Forward,
            partial: false,
            external: true,
            slip: TransactionType::CompletionAdvice,
            ..SALE
        },
        Kind::CompletionCancel => {
            &Rule { originals: &[Kind::Completion], slip: TransactionType::CompletionCancel, ..UNDO }
        }
        Kind::BalanceInquiry => &Rule {
            amount: AmountRule::Nothing,
            silence: Silence::Fail,
            partial: false,
            prints: false,
            slip: TransactionType::BalanceInquiry,
            ..SALE
        },
        Kind::Instalment => &Rule { partial: false, slip: TransactionType::Instalment, ..SALE },
        Kind::PhoneOrder => {
            &Rule { card: CardUse::Typed, partial: false, slip: TransactionType::PhoneOrder, ..SALE }
        }
    }
}

/// The kinds that this terminal serves, where its acquirer's profile offers them.
pub fn served() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied()
}

/// Whether the acquirer's profile offers a kind.
pub(crate) fn offered(kind: Kind, profile: &Profile) -> bool {
    match kind {
        Kind::PhoneOrder => profile.phone_orders,
        Kind::Instalment => !profile.instalments.counts.is_empty(),
        Kind::Tip => profile.tips.percent > 0,
        _ => true,
    }
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
    /// It was stored to be forwarded, and the host does not have it yet.
    #[error(
        "the host has not taken the original yet; call ForwardNow, or wait until the queue has delivered it"
    )]
    NotForwarded,
    /// Its outcome, or that of something that follows it, is not known yet.
    #[error("the original, or what follows it, is not resolved yet")]
    Unresolved,
    /// It was undone.
    #[error("the original was undone before")]
    AlreadyVoided,
    /// It was refunded, wholly or in part.
    #[error("the original was refunded, wholly or in part, and can only be refunded further")]
    AlreadyRefunded,
    /// It was completed.
    #[error("the pre-authorisation was completed before; cancel the completion, or refund it")]
    AlreadyCompleted,
    /// A tip was added to it.
    #[error("the original has a tip; it can only be refunded")]
    AlreadyTipped,
    /// It is of another batch.
    #[error("the original is of another batch")]
    OtherBatch,
    /// It must be undone whole.
    #[error("the amount is not the original's, which is {0} minor units")]
    Amount(u64),
    /// More than is left of it.
    #[error("no more than {0} minor units of the original are left to refund")]
    Exceeds(u64),
    /// More than the profile's share of what was reserved.
    #[error("this pre-authorisation may be completed over {0} minor units at most")]
    ExceedsHold(u64),
    /// More than the largest tip.
    #[error("the largest tip on this sale is {0} minor units")]
    ExceedsTip(u64),
    /// The supervisor, or a repeated answer, said that the host has it; the answer with the numbers that name it never
    /// came.
    #[error(
        "the host's numbers of the original are not known, as its answer never came; give them as for one that is \
             elsewhere"
    )]
    NoReference,
}

/// Whether an attempt's request may have reached the host, and its end is not known.
pub(crate) fn is_open(attempt: &Attempt) -> bool {
    attempt.outcome == Some(Outcome::Unknown) || (attempt.outcome.is_none() && attempt.trace.is_some())
}

/// Whether it was done, for good.
pub(crate) fn is_done(attempt: &Attempt) -> bool {
    attempt.outcome.is_some_and(Outcome::is_charged)
}

/// What is asked about an original.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    /// Minor units.
    pub(crate) amount: u64,
    /// The present batch.
    pub(crate) batch: u32,
    /// A completion may be so many hundredths of its pre-authorisation.
    pub(crate) completion_percent: u16,
    /// A tip may be so many hundredths of its sale.
    pub(crate) tip_percent: u8,
    /// The transaction itself, where it is among what follows the original.
    pub(crate) own: Option<TransactionId>,
}

/// Whether a transaction may follow `original`, which `followers` follow already. A follower that was itself undone is
/// not among them.
pub(crate) fn fits(asked: Asked, original: &Attempt, followers: &[Attempt]) -> Result<(), Unfit> {
    let rule = rule(asked.kind);
    if !rule.originals.contains(&original.kind) {
        return Err(Unfit::Kind);
    }
    if is_open(original) {
        return Err(Unfit::Unresolved);
    }
    let charged = match original.charged {
        Some(charged) if is_done(original) => charged,
        _ => return Err(Unfit::NotApproved),
    };
    if rule.same_batch && original.batch != Some(asked.batch) {
        return Err(Unfit::OtherBatch);
    }
    let refunded = given_back(rule, asked.own, followers)?;
    if refunded > 0 && rule.amount != AmountRule::Part {
        return Err(Unfit::AlreadyRefunded);
    }
    let row = asked.kind.row();
    let by_code = row.original_code && row.condition == Condition::PreAuth;
    let by_rrn = row.original_rrn && original.wallet.is_none();
    // The host adds no tip to what was refunded meanwhile.
    let to_tell = |of: &Attempt| of.outcome == Some(Outcome::ApprovedOffline) && of.response_code.is_none();
    let tipped = |of: &Attempt| of.kind == Kind::Tip && Some(of.id) != asked.own && to_tell(of);
    if by_rrn && (to_tell(original) || followers.iter().any(tipped)) {
        return Err(Unfit::NotForwarded);
    }
    if (by_rrn && original.rrn.is_none()) || (by_code && original.authorisation_code.is_none()) {
        return Err(Unfit::NoReference);
    }
    let left = charged.saturating_sub(refunded);
    // Amounts have twelve digits: nothing overflows.
    let most = charged * u64::from(asked.completion_percent) / 100;
    let tip = charged * u64::from(asked.tip_percent) / 100;
    match rule.amount {
        AmountRule::Whole if asked.amount != charged => Err(Unfit::Amount(charged)),
        AmountRule::Part if asked.amount > left => Err(Unfit::Exceeds(left)),
        AmountRule::Share if asked.amount > most => Err(Unfit::ExceedsHold(most)),
        AmountRule::Tip if asked.amount > tip => Err(Unfit::ExceedsTip(tip)),
        _ => Ok(()),
    }
}

/// Whether a transaction may follow an original that is in no record here, but for those that follow it already: the
/// host knows the rest.
pub(crate) fn fits_external(
    kind: Kind,
    own: Option<TransactionId>,
    followers: &[Attempt],
) -> Result<(), Unfit> {
    given_back(rule(kind), own, followers).map(drop)
}

/// What the others that follow the same original have given back of it, in minor units; or why `asked` may not be done
/// to it any more.
fn given_back(asked: &Rule, own: Option<TransactionId>, followers: &[Attempt]) -> Result<u64, Unfit> {
    let others = || followers.iter().filter(|follower| Some(follower.id) != own);
    if others().any(is_open) {
        return Err(Unfit::Unresolved);
    }
    let mut refunded = 0;
    for follower in others().filter(|follower| is_done(follower)) {
        match rule(follower.kind).amount {
            AmountRule::Whole => return Err(Unfit::AlreadyVoided),
            AmountRule::Share => return Err(Unfit::AlreadyCompleted),
            AmountRule::Part => refunded += follower.charged.unwrap_or(0),
            // A void would leave the tip without its sale.
            AmountRule::Tip if asked.amount != AmountRule::Part => return Err(Unfit::AlreadyTipped),
            AmountRule::Tip | AmountRule::Free | AmountRule::Nothing => {}
        }
    }
    Ok(refunded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Amount, Cause, Currency, Options, Reference, SaleKey};

    /// An attempt in batch 1 that moved its whole amount.
    fn attempt(id: u64, kind: Kind, outcome: Option<Outcome>) -> Attempt {
        let key = SaleKey { uid: 1, reference: Reference::new("a").unwrap() };
        let amount = Amount::new(1000, Currency::Cny).unwrap();
        Attempt {
            sequence: 1,
            outcome,
            cause: Cause::None,
            batch: Some(1),
            trace: Some(1),
            rrn: Some("000000000001".to_owned()),
            authorisation_code: Some("A00001".to_owned()),
            charged: outcome.filter(|outcome| outcome.is_charged()).map(|_| 1000),
            ..Attempt::new(id, key, 1, kind, amount, Options::default())
        }
    }

    fn approved(id: u64, kind: Kind) -> Attempt {
        attempt(id, kind, Some(Outcome::Approved))
    }

    fn part(id: u64, kind: Kind, charged: u64) -> Attempt {
        Attempt { charged: Some(charged), ..approved(id, kind) }
    }

    /// In batch 1, as transaction 9.
    fn asked(kind: Kind, amount: u64) -> Asked {
        Asked { kind, amount, batch: 1, completion_percent: 115, tip_percent: 10, own: Some(9) }
    }

    fn void(original: &Attempt, followers: &[Attempt]) -> Result<(), Unfit> {
        fits(asked(Kind::Void, 1000), original, followers)
    }

    #[test]
    fn only_an_approved_sale_of_this_batch_is_voided_and_only_whole() {
        let sale = approved(1, Kind::Sale);
        assert_eq!(void(&sale, &[]), Ok(()));
        assert_eq!(fits(asked(Kind::Void, 999), &sale, &[]), Err(Unfit::Amount(1000)));
        assert_eq!(fits(Asked { batch: 2, ..asked(Kind::Void, 1000) }, &sale, &[]), Err(Unfit::OtherBatch));
        assert_eq!(void(&approved(1, Kind::Void), &[]), Err(Unfit::Kind));
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
        assert_eq!(fits(asked(Kind::Void, 400), &part, &[]), Ok(()));
        let silent = Attempt { rrn: None, ..sale };
        assert_eq!(void(&silent, &[]), Err(Unfit::NoReference));
    }

    #[test]
    fn a_pre_authorisation_is_cancelled_whole_in_any_batch_and_is_not_voided() {
        let held = approved(1, Kind::PreAuth);
        let cancel = asked(Kind::PreAuthCancel, 1000);
        assert_eq!(fits(Asked { batch: 7, ..cancel }, &held, &[]), Ok(()));
        assert_eq!(fits(asked(Kind::PreAuthCancel, 999), &held, &[]), Err(Unfit::Amount(1000)));
        assert_eq!(void(&held, &[]), Err(Unfit::Kind));
        assert_eq!(fits(cancel, &approved(1, Kind::Sale), &[]), Err(Unfit::Kind));
        let gone = approved(2, Kind::PreAuthCancel);
        assert_eq!(fits(cancel, &held, &[gone]), Err(Unfit::AlreadyVoided));
        let silent = Attempt { authorisation_code: None, ..held };
        assert_eq!(fits(cancel, &silent, &[]), Err(Unfit::NoReference));
    }

    #[test]
    fn what_was_voided_or_may_be_is_not_voided_again() {
        let sale = approved(1, Kind::Sale);
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
    fn a_sale_is_refunded_in_parts_in_any_batch_until_nothing_is_left() {
        let sale = approved(1, Kind::Sale);
        let refund = |amount, followers: &[Attempt]| {
            fits(Asked { batch: 7, ..asked(Kind::Refund, amount) }, &sale, followers)
        };
        assert_eq!(refund(1000, &[]), Ok(()));
        assert_eq!(refund(1001, &[]), Err(Unfit::Exceeds(1000)));
        let parts = [part(2, Kind::Refund, 300), part(3, Kind::Refund, 500)];
        assert_eq!(refund(200, &parts), Ok(()));
        assert_eq!(refund(201, &parts), Err(Unfit::Exceeds(200)));
        assert_eq!(refund(1, &[part(2, Kind::Refund, 1000)]), Err(Unfit::Exceeds(0)));
        // One that was declined gave nothing back; of one without an answer nobody knows.
        assert_eq!(refund(1000, &[attempt(2, Kind::Refund, Some(Outcome::Declined))]), Ok(()));
        assert_eq!(refund(1, &[attempt(2, Kind::Refund, Some(Outcome::Unknown))]), Err(Unfit::Unresolved));
    }

    #[test]
    fn an_instalment_payment_is_voided_and_not_refunded_and_a_phone_order_is_both() {
        for (kind, refund) in [(Kind::Instalment, Err(Unfit::Kind)), (Kind::PhoneOrder, Ok(()))] {
            assert_eq!(void(&approved(1, kind), &[]), Ok(()));
            assert_eq!(fits(asked(Kind::Refund, 1), &approved(1, kind), &[]), refund);
        }
    }

    #[test]
    fn the_profile_offers_phone_orders_and_instalments() {
        let mut profile = Profile::default();
        assert!(!offered(Kind::PhoneOrder, &profile) && offered(Kind::Sale, &profile));
        profile.phone_orders = true;
        profile.instalments.counts.clear();
        assert!(offered(Kind::PhoneOrder, &profile) && !offered(Kind::Instalment, &profile));
    }

    #[test]
    fn of_an_original_elsewhere_only_what_was_done_to_it_here_is_known() {
        assert_eq!(fits_external(Kind::Refund, Some(9), &[]), Ok(()));
        assert_eq!(fits_external(Kind::Refund, Some(9), &[part(2, Kind::Refund, 300)]), Ok(()));
        let silent = attempt(2, Kind::Refund, Some(Outcome::Unknown));
        assert_eq!(
            fits_external(Kind::Refund, Some(9), std::slice::from_ref(&silent)),
            Err(Unfit::Unresolved)
        );
        assert_eq!(fits_external(Kind::Refund, Some(2), &[silent]), Ok(()));
        assert_eq!(
            fits_external(Kind::Completion, None, &[part(2, Kind::Completion, 5)]),
            Err(Unfit::AlreadyCompleted)
        );
        assert_eq!(
            fits_external(Kind::Completion, None, &[part(2, Kind::PreAuthCancel, 5)]),
            Err(Unfit::AlreadyVoided)
        );
    }

    #[test]
    fn a_refund_and_a_void_of_one_sale_exclude_each_other() {
        let sale = approved(1, Kind::Sale);
        assert_eq!(void(&sale, &[part(2, Kind::Refund, 1)]), Err(Unfit::AlreadyRefunded));
        let voided = [approved(2, Kind::Void)];
        assert_eq!(fits(asked(Kind::Refund, 1), &sale, &voided), Err(Unfit::AlreadyVoided));
    }

    #[test]
    fn a_pre_authorisation_is_completed_once_over_the_profiles_share_of_it() {
        let held = approved(1, Kind::PreAuth);
        let complete =
            |amount, followers: &[Attempt]| fits(asked(Kind::Completion, amount), &held, followers);
        assert_eq!(complete(1, &[]), Ok(()));
        assert_eq!(complete(1150, &[]), Ok(()));
        assert_eq!(complete(1151, &[]), Err(Unfit::ExceedsHold(1150)));
        let all = Asked { completion_percent: 100, ..asked(Kind::Completion, 1001) };
        assert_eq!(fits(all, &held, &[]), Err(Unfit::ExceedsHold(1000)));
        let done = [part(2, Kind::Completion, 700)];
        assert_eq!(complete(1, &done), Err(Unfit::AlreadyCompleted));
        assert_eq!(fits(asked(Kind::PreAuthCancel, 1000), &held, &done), Err(Unfit::AlreadyCompleted));
        assert_eq!(complete(1, &[approved(2, Kind::PreAuthCancel)]), Err(Unfit::AlreadyVoided));
    }

    #[test]
    fn a_completion_is_cancelled_whole_or_refunded() {
        let taken = part(2, Kind::Completion, 700);
        let cancel = asked(Kind::CompletionCancel, 700);
        assert_eq!(fits(cancel, &taken, &[]), Ok(()));
        assert_eq!(fits(asked(Kind::CompletionCancel, 1000), &taken, &[]), Err(Unfit::Amount(700)));
        assert_eq!(fits(Asked { batch: 2, ..cancel }, &taken, &[]), Err(Unfit::OtherBatch));
        assert_eq!(fits(cancel, &taken, &[part(3, Kind::Refund, 1)]), Err(Unfit::AlreadyRefunded));
        assert_eq!(fits(asked(Kind::Refund, 700), &taken, &[]), Ok(()));
        let cancelled = [part(3, Kind::CompletionCancel, 700)];
        assert_eq!(fits(asked(Kind::Refund, 1), &taken, &cancelled), Err(Unfit::AlreadyVoided));
        assert_eq!(fits(asked(Kind::Refund, 1), &approved(1, Kind::PreAuth), &[]), Err(Unfit::Kind));
    }

    #[test]
    fn a_sale_of_this_batch_takes_one_tip_up_to_the_limit_and_is_then_only_refunded() {
        let sale = approved(1, Kind::Sale);
        let tip = |amount, followers: &[Attempt]| fits(asked(Kind::Tip, amount), &sale, followers);
        assert_eq!((tip(100, &[]), tip(101, &[])), (Ok(()), Err(Unfit::ExceedsTip(100))));
        let generous = Asked { tip_percent: 20, ..asked(Kind::Tip, 200) };
        assert_eq!(fits(generous, &sale, &[]), Ok(()));
        assert_eq!(fits(Asked { batch: 2, ..asked(Kind::Tip, 1) }, &sale, &[]), Err(Unfit::OtherBatch));
        assert_eq!(tip(1, &[approved(2, Kind::Void)]), Err(Unfit::AlreadyVoided));
        assert_eq!(tip(1, &[part(2, Kind::Refund, 1)]), Err(Unfit::AlreadyRefunded));
        let added = [Attempt { outcome: Some(Outcome::ApprovedOffline), ..part(2, Kind::Tip, 50) }];
        assert_eq!(tip(1, &added), Err(Unfit::AlreadyTipped));
        assert_eq!(void(&sale, &added), Err(Unfit::AlreadyTipped));
        // The host adds no tip to what was refunded before it heard of the tip.
        assert_eq!(fits(asked(Kind::Refund, 1000), &sale, &added), Err(Unfit::NotForwarded));
        let [told] = added;
        let added = [Attempt { response_code: Some("00".to_owned()), ..told }];
        // The sale itself is refunded up to itself; the tip is no sale.
        assert_eq!(fits(asked(Kind::Refund, 1000), &sale, &added), Ok(()));
        assert_eq!(fits(asked(Kind::Refund, 1001), &sale, &added), Err(Unfit::Exceeds(1000)));
        for kind in [Kind::Refund, Kind::Void, Kind::Tip] {
            assert_eq!(fits(asked(kind, 50), &added[0], &[]), Err(Unfit::Kind), "{kind}");
        }
        // The host need not have an offline sale yet: its advice goes first.
        let offline = attempt(1, Kind::OfflineSale, Some(Outcome::ApprovedOffline));
        assert_eq!(fits(asked(Kind::Tip, 100), &Attempt { rrn: None, ..offline }, &[]), Ok(()));
        for kind in [Kind::Instalment, Kind::PhoneOrder, Kind::Completion, Kind::QrScan] {
            assert_eq!(fits(asked(Kind::Tip, 1), &approved(1, kind), &[]), Err(Unfit::Kind), "{kind}");
        }
        let mut profile = Profile::default();
        assert!(offered(Kind::Tip, &profile));
        profile.tips.percent = 0;
        assert!(!offered(Kind::Tip, &profile));
    }

    #[test]
    fn a_pre_authorisation_is_completed_by_request_or_by_advice_and_an_advice_is_only_refunded() {
        let held = approved(1, Kind::PreAuth);
        let advise =
            |amount, followers: &[Attempt]| fits(asked(Kind::CompletionAdvice, amount), &held, followers);
        assert_eq!((advise(1150, &[]), advise(1151, &[])), (Ok(()), Err(Unfit::ExceedsHold(1150))));
        let stored =
            Attempt { rrn: None, ..attempt(2, Kind::CompletionAdvice, Some(Outcome::ApprovedOffline)) };
        for kind in [Kind::Completion, Kind::CompletionAdvice, Kind::PreAuthCancel] {
            let again = fits(asked(kind, 1000), &held, std::slice::from_ref(&stored));
            assert_eq!(again, Err(Unfit::AlreadyCompleted), "{kind}");
        }
        assert_eq!(advise(1, &[part(2, Kind::Completion, 700)]), Err(Unfit::AlreadyCompleted));
        assert_eq!(fits(asked(Kind::CompletionCancel, 1000), &stored, &[]), Err(Unfit::Kind));
        // The host finds what is refunded by its own numbers, which come with its answer.
        assert_eq!(fits(asked(Kind::Refund, 1), &stored, &[]), Err(Unfit::NotForwarded));
        let taken = Attempt {
            rrn: Some("000000000002".to_owned()),
            response_code: Some("00".to_owned()),
            ..stored.clone()
        };
        assert_eq!(fits(asked(Kind::Refund, 1000), &taken, &[]), Ok(()));
        let lost = Attempt { response_code: Some("94".to_owned()), ..stored };
        assert_eq!(fits(asked(Kind::Refund, 1), &lost, &[]), Err(Unfit::NoReference));
    }

    #[test]
    fn rules_1_and_5_whatever_is_served_has_a_way_out_of_not_knowing() {
        for kind in served() {
            let reversed = rule(kind).silence == Silence::Reverse;
            assert_eq!(reversed, kind.row().reversible, "{kind}: on the line and in the flow");
        }
        let of = |silence| served().filter(move |kind| rule(*kind).silence == silence).collect::<Vec<_>>();
        assert_eq!(of(Silence::Ask), [Kind::Refund]);
        assert_eq!(of(Silence::Forward), [Kind::CompletionAdvice, Kind::OfflineSale, Kind::Tip]);
        let offline = |kind: &Kind| rule(*kind).sells_offline();
        assert_eq!(served().filter(offline).collect::<Vec<_>>(), [Kind::OfflineSale]);
        // What moves no money needs none.
        assert_eq!(of(Silence::Fail), [Kind::BalanceInquiry]);
        assert!(served().all(|kind| kind.row().amount == (kind != Kind::BalanceInquiry)));
    }
}
