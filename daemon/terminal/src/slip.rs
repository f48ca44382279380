//! The receipt of a charge.

use crate::{
    event::LocalTime,
    kinds::{self, AmountRule, CardUse},
    prompt,
    record::{Attempt, Link},
    settlement::{is_domestic, organisation},
    state::Outcome,
    swipe::is_signed_stripe,
    terminal::Terminal,
};
use posd_emv::kernel::{Kernel, Outcome as CardOutcome};
use posd_receipt::{Chip, Entry, Locale, Original, Receipt, Verification};
use posd_unionpay::{Answer, request::Entry as WireEntry};

/// Upper-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

impl Terminal {
    /// What the slip says; made at the approval, so that a copy never depends on anything later.
    /// Without an answer it is what the supervisor said that came of it.
    pub(crate) fn slip(
        &self,
        attempt: &Attempt,
        answer: Option<&Answer>,
        charged: u64,
        card: Option<(&Kernel, &CardOutcome)>,
    ) -> Option<Receipt> {
        let rule = kinds::rule(attempt.kind);
        let by_code = attempt.wallet.is_some();
        let link = attempt.original.as_ref();
        let profile = self.profile();
        let institution = |code: &str| profile.institution(code).to_owned();
        Some(Receipt {
            transaction_type: rule.slip,
            merchant_name: self.merchant_name().to_owned(),
            merchant: self.settings.merchant.clone(),
            terminal: self.settings.terminal.clone(),
            operator: attempt.operator.clone().unwrap_or_default(),
            issuer: answer.and_then(Answer::issuer).map(institution),
            acquirer: answer.and_then(Answer::acquirer).map(institution),
            organisation: Some(organisation(attempt, profile))
                .filter(|_| !is_domestic(attempt, profile))
                .map(str::to_owned),
            masked_pan: attempt.masked_pan.clone().unwrap_or_default(),
            entry: slip_entry(attempt),
            batch: attempt.batch?,
            trace: attempt.trace?,
            authorisation_code: attempt.authorisation_code.clone(),
            rrn: attempt.rrn.clone(),
            date_time: answer
                .map_or_else(|| own_time(self.now.local), |answer| host_time(answer, self.now.local)),
            amount: charged,
            currency: attempt.amount.currency().code().to_owned(),
            reference: attempt.key.reference.as_str().to_owned(),
            note: attempt.options.note.clone(),
            host_texts: answer.map(Answer::host_texts).unwrap_or_default(),
            chip: card.map(|(kernel, card)| chip(kernel, card)),
            verification: if let Some(tap) = card.and_then(|(_, card)| card.tap) {
                Verification::of(tap.free_of_signature, tap.free_of_pin, tap.device)
            } else if card.is_some_and(|(_, card)| card.signature_required)
                || (is_signed_stripe(attempt) && rule.amount != AmountRule::Nothing)
            {
                Verification::Signature
            } else if by_code {
                Verification::Qr
            } else {
                Verification::NotRequired
            },
            test: self.settings.test,
            locale: slip_locale(attempt),
            tip: (rule.amount == AmountRule::Tip).then_some(attempt.amount.minor()),
            requested: Some(attempt.amount.minor()).filter(|requested| *requested > charged),
            instalments: attempt.options.instalments,
            balance: attempt.balance,
            original: link.map_or_else(Original::default, printed),
            wallet: attempt.wallet.clone(),
            voucher: attempt.voucher.clone(),
            // What a pre-authorisation has reserved the host has authorised.
            not_yet_authorised: attempt.outcome == Some(Outcome::ApprovedOffline)
                && rule.amount != AmountRule::Share,
            goods: attempt.options.goods.clone(),
            strokes: None,
            mask_cardholder_copy: profile.mask_cardholder_copy,
            full_pan: None,
        })
    }
}

/// How the card's data came in.
pub(crate) fn slip_entry(attempt: &Attempt) -> Entry {
    let typed = kinds::rule(attempt.kind).card == CardUse::Typed;
    match attempt.entry {
        _ if attempt.wallet.is_some() => Entry::Qr,
        Some(WireEntry::Chip) => Entry::Insert,
        Some(WireEntry::Contactless) => Entry::Contactless,
        Some(WireEntry::Swipe | WireEntry::Fallback) => Entry::Swipe,
        Some(WireEntry::Manual) if typed => Entry::Manual,
        Some(WireEntry::Manual) | None => Entry::None,
    }
}

/// The language of its free texts.
pub(crate) fn slip_locale(attempt: &Attempt) -> Locale {
    match attempt.options.locale {
        prompt::Locale::ZhCn => Locale::ZhCn,
        prompt::Locale::En => Locale::En,
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
        transaction_certificate: card.last_word().map(|tc| hex(&tc)),
        // Of an offline approval the first cryptogram is the certificate.
        arqc: kernel.first_cryptogram().filter(|_| card.host_approved).map(|arqc| hex(&arqc)),
        aid: data(0x84).unwrap_or_default(),
        tvr: data(0x95).unwrap_or_default(),
        tsi: data(0x9B).unwrap_or_default(),
        atc: card.transaction_counter.map(|atc| format!("{atc:04X}")).unwrap_or_default(),
        pan_sequence: kernel.pan_sequence().map(|sequence| format!("{sequence:03}")),
        label: kernel.label(),
        preferred_name: kernel.preferred_name(),
    }
}

fn own_time(local: LocalTime) -> String {
    format!(
        "{:04}/{:02}/{:02} {:02}:{:02}:{:02}",
        local.year, local.month, local.day, local.hour, local.minute, local.second
    )
}

/// The host's date and time (fields 13 and 12) with the year nearest to ours; our own where it gave none.
fn host_time(answer: &Answer, local: LocalTime) -> String {
    let own = || own_time(local);
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
