//! What a batch comes to: by card side as field 48 says it, by type, card organisation and operator, QR payments, and
//! the fees that the profile's rates estimate.

use crate::record::{Attempt, Records, StorageFault};
use posd_unionpay::{Books, Kind, Profile, Totals};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many rows of the journal are held at a time.
const PAGE: u32 = 64;

/// How many transactions and what they come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub count: u32,
    /// Their sum in minor units.
    pub amount: u64,
}

impl Sum {
    fn add(&mut self, amount: u64) {
        self.count = self.count.saturating_add(1);
        self.amount = self.amount.saturating_add(amount);
    }
}

/// What was paid and what was given back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// 借记.
    pub debit: Sum,
    /// 贷记.
    pub credit: Sum,
}

impl Balance {
    fn add(&mut self, books: Books, amount: u64) {
        match books {
            Books::Debit => self.debit.add(amount),
            Books::Credit => self.credit.add(amount),
            Books::Nothing => {}
        }
    }
}

/// The totals of one batch, as the journal has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchTotals {
    /// By card side, as a settlement tells the host.
    pub totals: Totals,
    /// By transaction type.
    pub kinds: BTreeMap<Kind, Sum>,
    /// By card organisation (CUP, VIS …).
    pub organisations: BTreeMap<String, Balance>,
    /// By operator; an empty name where nobody was logged in.
    pub operators: BTreeMap<String, Balance>,
    /// Those of the types above that were paid by a QR code.
    pub qr: BTreeMap<Kind, Sum>,
    /// Estimated fees on what was paid, in minor units.
    pub fees: u64,
    /// Estimated fees that come back with what was given back, in minor units.
    pub fees_returned: u64,
}

/// What a settlement counts of an attempt, in minor units; `None` for what moved nothing that is settled. A refund
/// without an answer is counted nowhere until somebody knows (rule 5).
pub(crate) fn counted(attempt: &Attempt) -> Option<u64> {
    let charged = attempt.outcome.is_some_and(crate::Outcome::is_charged);
    attempt.charged.filter(|_| charged && attempt.kind.row().books != Books::Nothing)
}

/// Whether a QR code was paid with, not a card.
pub(crate) fn is_qr(attempt: &Attempt) -> bool {
    attempt.wallet.is_some()
}

/// The card organisation, or the wallet of a payment by code. The profile's first digits are among those that a masked
/// number shows.
pub(crate) fn organisation<'a>(attempt: &'a Attempt, profile: &'a Profile) -> &'a str {
    match &attempt.wallet {
        Some(wallet) => wallet,
        None => profile.organisation(attempt.masked_pan.as_deref().unwrap_or_default()),
    }
}

/// Whether it stands on the side of domestic cards (内卡): those of the profile's first organisation, and wallets.
pub(crate) fn is_domestic(attempt: &Attempt, profile: &Profile) -> bool {
    let first = profile.organisations.first();
    is_qr(attempt) || first.is_none_or(|(_, domestic)| domestic == organisation(attempt, profile))
}

/// Whether field 48 counts it. Payments by code are settled elsewhere where their dialect says so.
fn is_in_totals(attempt: &Attempt, profile: &Profile) -> bool {
    let dialect = attempt.wallet.as_ref().and_then(|wallet| profile.qr.dialect_of(wallet));
    dialect.is_none_or(|dialect| dialect.in_totals)
}

/// The estimated fee of an attempt that is counted, in minor units.
pub(crate) fn fee(attempt: &Attempt, profile: &Profile) -> u64 {
    match counted(attempt) {
        Some(amount) if is_qr(attempt) => profile.fees.of_qr(amount),
        Some(amount) => profile.fees.of_card(amount),
        None => 0,
    }
}

impl BatchTotals {
    /// The totals of a batch, read from the journal.
    ///
    /// # Errors
    /// [`StorageFault`].
    pub fn of_batch(
        batch: u32,
        records: &dyn Records,
        profile: &Profile,
    ) -> Result<BatchTotals, StorageFault> {
        let mut totals = BatchTotals::default();
        each_of_batch(batch, 0, records, |attempt| {
            totals.add(attempt, profile);
            true
        })?;
        Ok(totals)
    }

    /// Counts an attempt, if it is to be counted.
    pub fn add(&mut self, attempt: &Attempt, profile: &Profile) {
        let Some(amount) = counted(attempt) else { return };
        let books = attempt.kind.row().books;
        let organisation = organisation(attempt, profile);
        if is_in_totals(attempt, profile) {
            let domestic = is_domestic(attempt, profile);
            let side = if domestic { &mut self.totals.domestic } else { &mut self.totals.foreign };
            side.add(books, amount);
        }
        self.kinds.entry(attempt.kind).or_default().add(amount);
        self.organisations.entry(organisation.to_owned()).or_default().add(books, amount);
        let operator = attempt.operator.clone().unwrap_or_default();
        self.operators.entry(operator).or_default().add(books, amount);
        if is_qr(attempt) {
            self.qr.entry(attempt.kind).or_default().add(amount);
        }
        let fees = if books == Books::Debit { &mut self.fees } else { &mut self.fees_returned };
        *fees = fees.saturating_add(fee(attempt, profile));
    }
}

/// Goes through the attempts of a batch that took a trace number above `after`, in the order of trace numbers, until
/// `each` says false. The journal is read a page at a time, so that a long batch takes no more memory than a short one.
pub(crate) fn each_of_batch(
    batch: u32,
    mut after: u32,
    records: &dyn Records,
    mut each: impl FnMut(&Attempt) -> bool,
) -> Result<(), StorageFault> {
    loop {
        let page = records.batch(batch, after, PAGE)?;
        for attempt in &page {
            if !each(attempt) {
                return Ok(());
            }
        }
        match page.last().and_then(|attempt| attempt.trace) {
            Some(last) if last > after => after = last,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Amount, Currency, Options, Outcome, Reference, SaleKey};
    use posd_unionpay::Side;

    pub(crate) fn attempt(kind: Kind, outcome: Option<Outcome>, charged: u64) -> Attempt {
        let key = SaleKey { uid: 1, reference: Reference::new("a").unwrap() };
        let amount = Amount::new(charged.max(1), Currency::Cny).unwrap();
        Attempt {
            sequence: 1,
            operator: Some("01".to_owned()),
            outcome,
            batch: Some(1),
            trace: Some(1),
            charged: outcome.filter(|outcome| outcome.is_charged()).map(|_| charged),
            masked_pan: Some("621234******0019".to_owned()),
            ..Attempt::new(1, key, 1, kind, amount, Options::default())
        }
    }

    fn sum(count: u32, amount: u64) -> Sum {
        Sum { count, amount }
    }

    #[test]
    fn each_way_of_counting_comes_to_the_same() {
        let profile = Profile::default();
        let approved = Some(Outcome::Approved);
        let mut totals = BatchTotals::default();
        let foreign = Attempt {
            masked_pan: Some("476134******0019".to_owned()),
            operator: Some("02".to_owned()),
            ..attempt(Kind::Sale, Some(Outcome::PartiallyApproved), 5_000)
        };
        for attempt in [
            attempt(Kind::Sale, approved, 10_000),
            attempt(Kind::Sale, approved, 2_000),
            attempt(Kind::Void, approved, 2_000),
            attempt(Kind::Refund, approved, 500),
            attempt(Kind::Completion, Some(Outcome::ApprovedOffline), 700),
            foreign,
            // What moves nothing, or nobody knows of, or did not take place.
            attempt(Kind::PreAuth, approved, 900),
            attempt(Kind::PreAuthCancel, approved, 900),
            attempt(Kind::Refund, Some(Outcome::Unknown), 300),
            attempt(Kind::Sale, Some(Outcome::Declined), 1),
            attempt(Kind::Sale, None, 1),
        ] {
            totals.add(&attempt, &profile);
        }
        let domestic = Side { debit_amount: 12_700, debit_count: 3, credit_amount: 2_500, credit_count: 2 };
        let foreign = Side { debit_amount: 5_000, debit_count: 1, ..Side::default() };
        assert_eq!(totals.totals, Totals { domestic, foreign });
        let kinds = [
            (Kind::Sale, sum(3, 17_000)),
            (Kind::Void, sum(1, 2_000)),
            (Kind::Refund, sum(1, 500)),
            (Kind::Completion, sum(1, 700)),
        ];
        assert_eq!(totals.kinds, BTreeMap::from(kinds));
        let balance = |debit, credit| Balance { debit, credit };
        let cards = balance(sum(3, 12_700), sum(2, 2_500));
        let abroad = balance(sum(1, 5_000), sum(0, 0));
        let named = |first: &str, second: &str| {
            BTreeMap::from([(first.to_owned(), cards), (second.to_owned(), abroad)])
        };
        assert_eq!(totals.organisations, named("CUP", "VIS"));
        assert_eq!(totals.operators, named("01", "02"));
        assert_eq!((totals.fees, totals.fees_returned), (60 + 12 + 4 + 30, 12 + 3));
        assert!(totals.qr.is_empty());
    }

    #[test]
    fn payments_by_code_are_counted_by_their_wallet_and_in_field_48_as_the_dialect_says() {
        let profile = Profile::default();
        let paid = |wallet: &str| Attempt {
            wallet: Some(wallet.to_owned()),
            masked_pan: None,
            ..attempt(Kind::QrScan, Some(Outcome::Approved), 10_000)
        };
        let mut totals = BatchTotals::default();
        totals.add(&paid("unionpay"), &profile);
        totals.add(&paid("wechat"), &profile);
        assert_eq!((totals.totals.domestic.debit_count, totals.totals.domestic.debit_amount), (1, 10_000));
        assert_eq!(totals.qr, BTreeMap::from([(Kind::QrScan, sum(2, 20_000))]));
        assert!(totals.organisations.contains_key("wechat") && totals.organisations.len() == 2);
        assert_eq!(totals.fees, 2 * 38);
    }

    #[test]
    fn rule_5_a_refund_without_an_answer_is_in_no_total() {
        let refund = attempt(Kind::Refund, Some(Outcome::Unknown), 300);
        assert_eq!(counted(&Attempt { charged: Some(300), ..refund }), None);
    }
}
