//! The receipt of a charge.

use crate::{
    event::LocalTime,
    kinds, prompt,
    record::{Link, TransactionId},
    terminal::Terminal,
};
use posd_emv::kernel::{Kernel, Outcome as CardOutcome};
use posd_receipt::{Chip, Entry, Locale, Original, Receipt, Verification};
use posd_unionpay::Answer;

/// Upper-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

impl Terminal {
    /// What the slip says; made at the approval, so that a copy never depends on anything later.
    pub(crate) fn slip(
        &self,
        id: TransactionId,
        answer: &Answer,
        charged: u64,
        card: Option<&CardOutcome>,
    ) -> Option<Receipt> {
        let attempt = &self.live.get(&id)?.attempt;
        let rule = kinds::rule(attempt.kind)?;
        let active = self.active.as_ref().filter(|active| active.id == id);
        let kernel = active.and_then(|active| active.kernel.as_deref());
        let by_code = attempt.wallet.is_some();
        let link = attempt.original.as_ref();
        Some(Receipt {
            transaction_type: rule.slip,
            merchant_name: self.merchant_name().to_owned(),
            merchant: self.settings.merchant.clone(),
            terminal: self.settings.terminal.clone(),
            operator: attempt.operator.clone().unwrap_or_default(),
            issuer: answer.issuer().map(str::to_owned),
            acquirer: answer.acquirer().map(str::to_owned),
            masked_pan: attempt.masked_pan.clone().unwrap_or_default(),
            entry: match kernel {
                _ if by_code => Entry::Qr,
                Some(_) => Entry::Insert,
                None => Entry::None,
            },
            batch: attempt.batch?,
            trace: attempt.trace?,
            authorisation_code: attempt.authorisation_code.clone(),
            rrn: attempt.rrn.clone(),
            date_time: host_time(answer, self.now.local),
            amount: charged,
            currency: attempt.amount.currency().code().to_owned(),
            reference: attempt.key.reference.as_str().to_owned(),
            note: attempt.options.note.clone(),
            host_texts: answer.host_texts(),
            chip: kernel.zip(card).map(|(kernel, card)| chip(kernel, card)),
            verification: if card.is_some_and(|card| card.signature_required) {
                Verification::Signature
            } else if by_code {
                Verification::Qr
            } else {
                Verification::NotRequired
            },
            test: self.settings.test,
            locale: match attempt.options.locale {
                prompt::Locale::ZhCn => Locale::ZhCn,
                prompt::Locale::En => Locale::En,
            },
            tip: None,
            requested: Some(attempt.amount.minor()).filter(|requested| *requested > charged),
            instalments: None,
            balance: None,
            original: link.map_or_else(Original::default, printed),
            wallet: attempt.wallet.clone(),
            voucher: attempt.voucher.clone(),
            goods: attempt.options.goods.clone(),
            not_yet_authorised: false,
            strokes: None,
            mask_cardholder_copy: false,
            full_pan: None,
        })
    }
}

/// What is printed of the original.
fn printed(link: &Link) -> Original {
    let original = &link.original;
    Original {
        trace: Some(original.trace).filter(|trace| *trace != 0),
        rrn: original.rrn.clone(),
        date: original.date.split_at_checked(2).map(|(month, day)| format!("{month}/{day}")),
        authorisation_code: original.authorisation_code.clone(),
    }
}

fn chip(kernel: &Kernel, card: &CardOutcome) -> Chip {
    let data = |tag| kernel.data(tag).map(|value| hex(&value));
    Chip {
        transaction_certificate: card.cryptogram.map(|tc| hex(&tc)),
        arqc: kernel.first_cryptogram().map(|arqc| hex(&arqc)),
        aid: data(0x84).unwrap_or_default(),
        tvr: data(0x95).unwrap_or_default(),
        tsi: data(0x9B).unwrap_or_default(),
        atc: card.transaction_counter.map(|atc| format!("{atc:04X}")).unwrap_or_default(),
        pan_sequence: kernel.pan_sequence().map(|sequence| format!("{sequence:03}")),
        label: kernel.label(),
        preferred_name: kernel.preferred_name(),
    }
}

/// The host's date and time (fields 13 and 12) with the year nearest to ours; our own where it gave none.
fn host_time(answer: &Answer, local: LocalTime) -> String {
    let own = || {
        format!(
            "{:04}/{:02}/{:02} {:02}:{:02}:{:02}",
            local.year, local.month, local.day, local.hour, local.minute, local.second
        )
    };
    let (Some(date), Some(time)) = (answer.local_date(), answer.local_time()) else { return own() };
    let (Some((month, day)), Some((hour, rest))) = (date.split_at_checked(2), time.split_at_checked(2))
    else {
        return own();
    };
    let Some((minute, second)) = rest.split_at_checked(2) else { return own() };
    let year = match (month, local.month) {
        ("12", 1) => local.year.saturating_sub(1),
        ("01", 12) => local.year + 1,
        _ => local.year,
    };
    format!("{year:04}/{month}/{day} {hour}:{minute}:{second}")
}
