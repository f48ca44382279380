//! The settlement slip (结算单) and the detail list (交易明细), and the calls that read a settlement.

use super::{
    BatchTotals, Settlement, SettlementView, Sum,
    flow::state_of,
    totals::{counted, each_of_batch, fee, is_qr, organisation},
};
use crate::{
    call::{Answer, CallError, CallId, Caller},
    event::{Effect, LocalTime},
    kinds,
    money::Currency,
    record::{PrintJob, PrintState, Records, SlipOf, StorageFault, WallTime, Write},
    terminal::Terminal,
};
use posd_receipt::{
    Copy, Detail, DetailList, Entry, Heading, HostResult, Locale, Side as SlipSide, Slip, Total,
    TransactionType,
};
use posd_unionpay::{Books, Kind, Profile, Side, SideResult};

/// A slip of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementSlip {
    /// 结算单: of a batch that is closed.
    Totals,
    /// 交易明细: what a batch counts.
    Details,
}

/// One transaction of a batch, as the journal exports it. It tells nothing of the app that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine {
    /// Trace number (凭证号).
    pub trace: u32,
    /// The type.
    pub kind: Kind,
    /// How it ended; a refund may be unknown.
    pub outcome: Option<crate::Outcome>,
    /// Minor units that a settlement counts; 0 where it counts nothing.
    pub counted: u64,
    /// Whether it is counted among what was given back.
    pub credit: bool,
    /// Minor units that were asked for.
    pub amount: u64,
    /// The card number, masked.
    pub masked_pan: String,
    /// The card organisation.
    pub organisation: String,
    /// A QR code was paid with.
    pub qr: bool,
    /// Who was logged in.
    pub operator: String,
    /// Retrieval reference number.
    pub rrn: String,
    /// Authorisation code.
    pub authorisation_code: String,
    /// The host's date, MMDD.
    pub date: String,
    /// When it ended.
    pub ended: WallTime,
    /// The fee that the profile's rates estimate, in minor units.
    pub fee: u64,
}

/// What may be asked about a settlement. `None` for a batch is the latest settlement.
#[derive(Debug)]
pub enum SettlementCall {
    /// How it stands. Answer: [`Answer::Settlement`].
    Get,
    /// The transactions of its batch. Answer: [`Answer::BatchLines`].
    Lines,
    /// Match a detail file of the host. Answer: [`Answer::Mismatches`].
    Match(Vec<super::DetailLine>),
    /// A slip's data. Answer: [`Answer::Slip`].
    Slip(SettlementSlip),
    /// Print a slip. Answer: [`Answer::PrintJob`].
    Print(SettlementSlip),
}

impl Terminal {
    pub(crate) fn call_settlement(
        &mut self,
        call: CallId,
        caller: Caller,
        batch: Option<u32>,
        asked: SettlementCall,
        records: &dyn Records,
    ) -> Result<Option<Answer>, CallError> {
        let found = self.settlement_of(batch, records)?;
        let batch = found.record.batch;
        let slip = |terminal: &mut Terminal, which| match which {
            SettlementSlip::Totals => {
                let slip = found.record.slip.clone().ok_or(CallError::NoReceipt)?;
                Ok(Slip::Settlement(slip))
            }
            SettlementSlip::Details => {
                terminal.detail_list(&found.record, records).map_err(|fault| terminal.storage_fault(fault))
            }
        };
        Ok(Some(match asked {
            SettlementCall::Get => Answer::Settlement(Box::new(found)),
            SettlementCall::Lines => {
                let lines = batch_lines(batch, records, &self.settings.profile);
                Answer::BatchLines(lines.map_err(|fault| self.storage_fault(fault))?)
            }
            SettlementCall::Match(lines) => return self.call_match(call, batch, lines, records),
            SettlementCall::Slip(which) => Answer::Slip(Box::new(slip(self, which)?)),
            SettlementCall::Print(which) => {
                self.writable()?;
                let data = slip(self, which)?;
                let id = found.record.id;
                let of = match which {
                    SettlementSlip::Totals => SlipOf::Settlement { id, batch },
                    SettlementSlip::Details => SlipOf::DetailList { id, batch },
                };
                let job = PrintJob {
                    id: self.device.next_job,
                    transaction: 0,
                    slip: of,
                    copy: Copy::Merchant,
                    // The totals were printed when the batch was closed.
                    reprint: which == SettlementSlip::Totals,
                    state: PrintState::Queued,
                };
                self.device.next_job += 1;
                let writes = vec![Write::Device(self.device.clone()), Write::PrintJob(job.clone())];
                self.effect(Effect::Commit(writes));
                self.effect(Effect::Reply(call, Ok(Answer::PrintJob(job.clone()))));
                self.print_slip(caller.uid, job, data);
                return Ok(None);
            }
        }))
    }

    /// The settlement of a batch as it stands, the latest where no batch is given.
    pub(crate) fn settlement_of(
        &mut self,
        batch: Option<u32>,
        records: &dyn Records,
    ) -> Result<SettlementView, CallError> {
        let live = self.settlement_view_live();
        if let Some(live) = live.filter(|live| batch.is_none_or(|batch| batch == live.record.batch)) {
            return Ok(live);
        }
        let record = records.settlement(batch).map_err(|fault| self.storage_fault(fault))?;
        Ok(self.view_of(record.ok_or(CallError::NoSettlement)?))
    }

    pub(crate) fn view_of(&self, record: Settlement) -> SettlementView {
        SettlementView { state: state_of(&record), next_try: None, ended_now: false, record }
    }

    pub(crate) fn heading(&self, operator: &str) -> Heading {
        let LocalTime { year, month, day, hour, minute, second } = self.now.local;
        Heading {
            merchant_name: self.settings.merchant_name.clone(),
            merchant: self.settings.merchant.clone(),
            terminal: self.settings.terminal.clone(),
            operator: operator.to_owned(),
            date_time: format!("{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}"),
            test: self.settings.test,
            locale: Locale::ZhCn,
        }
    }

    /// The slip of the batch that is being closed.
    pub(crate) fn settlement_slip(&self) -> Option<posd_receipt::Settlement> {
        let record = &self.settling.as_ref()?.record;
        let BatchTotals { totals, kinds, organisations, operators, qr, fees, fees_returned } = &record.totals;
        let result = |domestic: bool| match record.compared {
            Some(compared) => match if domestic { compared.domestic } else { compared.foreign } {
                SideResult::Balanced => HostResult::Balanced,
                SideResult::Unbalanced => HostResult::Unbalanced,
                SideResult::Error => HostResult::Error,
                SideResult::Undefined => HostResult::Unknown,
            },
            None => HostResult::Unknown,
        };
        let named = |all: &std::collections::BTreeMap<String, super::Balance>| {
            let line = |name: &str, word: &str, sum: Sum| {
                (sum.count > 0).then(|| Total {
                    of: format!("{} {word}", if name.is_empty() { "-" } else { name }),
                    count: sum.count,
                    amount: sum.amount,
                })
            };
            all.iter()
                .flat_map(|(name, balance)| {
                    [line(name, "借", balance.debit), line(name, "贷", balance.credit)]
                })
                .flatten()
                .collect()
        };
        Some(posd_receipt::Settlement {
            heading: self.heading(&record.operator),
            batch: record.batch,
            currency: Currency::Cny.code().to_owned(),
            domestic: slip_side(totals.domestic, result(true)),
            foreign: slip_side(totals.foreign, result(false)),
            types: by_type(kinds),
            organisations: named(organisations),
            operators: named(operators),
            qr: by_type(qr),
            estimated_fees: Some(fees.saturating_sub(*fees_returned)),
        })
    }

    /// What the batch of a settlement counts, line by line.
    pub(crate) fn detail_list(
        &self,
        record: &Settlement,
        records: &dyn Records,
    ) -> Result<Slip, StorageFault> {
        let mut details = Vec::new();
        each_of_batch(record.batch, 0, records, |attempt| {
            if let Some(amount) = counted(attempt) {
                let transaction_type = kinds::rule(attempt.kind).slip;
                details.push(Detail {
                    trace: attempt.trace.unwrap_or_default(),
                    transaction_type,
                    masked_pan: attempt.masked_pan.clone().unwrap_or_default(),
                    entry: attempt.receipt.as_ref().map_or(Entry::None, |receipt| receipt.entry),
                    amount,
                    authorisation_code: attempt.authorisation_code.clone(),
                });
            }
            true
        })?;
        Ok(Slip::DetailList(DetailList {
            heading: self.heading(&record.operator),
            batch: record.batch,
            currency: Currency::Cny.code().to_owned(),
            details,
        }))
    }

    /// The slip of a settlement's print job that was not done before the last end of the process.
    pub(crate) fn slip_again(
        &mut self,
        job: &PrintJob,
        records: &dyn Records,
    ) -> Result<Option<(u32, Slip)>, StorageFault> {
        Ok(match job.slip {
            SlipOf::Receipt | SlipOf::Initialisation | SlipOf::ReversalFault => None,
            SlipOf::Settlement { id, .. } => records
                .settlement_by_id(id)?
                .and_then(|record| Some((record.uid, Slip::Settlement(record.slip?)))),
            SlipOf::DetailList { id, .. } => match records.settlement_by_id(id)? {
                Some(record) => Some((record.uid, self.detail_list(&record, records)?)),
                None => None,
            },
        })
    }
}

/// Every transaction of a batch that a match may ask for: what is counted, and refunds that nobody knows the end of.
fn batch_lines(batch: u32, records: &dyn Records, profile: &Profile) -> Result<Vec<BatchLine>, StorageFault> {
    let mut lines = Vec::new();
    each_of_batch(batch, 0, records, |attempt| {
        let moves = attempt.kind.row().books != Books::Nothing;
        let unknown = attempt.outcome == Some(crate::Outcome::Unknown);
        if moves && (counted(attempt).is_some() || unknown) {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            lines.push(BatchLine {
                trace: attempt.trace.unwrap_or_default(),
                kind: attempt.kind,
                outcome: attempt.outcome,
                counted: counted(attempt).unwrap_or_default(),
                credit: attempt.kind.row().books == Books::Credit,
                amount: attempt.amount.minor(),
                masked_pan: text(&attempt.masked_pan),
                organisation: organisation(attempt, profile).to_owned(),
                qr: is_qr(attempt),
                operator: text(&attempt.operator),
                rrn: text(&attempt.rrn),
                authorisation_code: text(&attempt.authorisation_code),
                date: text(&attempt.host_date),
                ended: attempt.ended.unwrap_or_default(),
                fee: fee(attempt, profile),
            });
        }
        true
    })?;
    Ok(lines)
}

fn slip_side(side: Side, result: HostResult) -> SlipSide {
    SlipSide {
        debit_count: side.debit_count.into(),
        debit_amount: side.debit_amount,
        credit_count: side.credit_count.into(),
        credit_amount: side.credit_amount,
        result,
    }
}

/// One line for each name of the slip: payments by code have that of their type.
fn by_type(all: &std::collections::BTreeMap<Kind, Sum>) -> Vec<Total<TransactionType>> {
    let mut lines: Vec<Total<TransactionType>> = Vec::new();
    for (kind, sum) in all {
        let of = kinds::rule(*kind).slip;
        match lines.iter_mut().find(|line| line.of == of) {
            Some(line) => {
                line.count = line.count.saturating_add(sum.count);
                line.amount = line.amount.saturating_add(sum.amount);
            }
            None => lines.push(Total { of, count: sum.count, amount: sum.amount }),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_one_name_are_one_line() {
        let sum = |count, amount| Sum { count, amount };
        let kinds = [(Kind::Sale, sum(2, 300)), (Kind::QrScan, sum(1, 50)), (Kind::QrShow, sum(1, 7))];
        let lines = by_type(&kinds.into_iter().chain([(Kind::Void, sum(1, 100))]).collect());
        let sale = Total { of: TransactionType::Sale, count: 4, amount: 357 };
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.contains(&sale), "{lines:?}");
    }
}
