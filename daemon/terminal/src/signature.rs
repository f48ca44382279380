//! Electronic signatures (电子签名): what a cardholder drew on a screen goes to the acquirer, where its profile wants that.
//!
//! It is a row of the queue, durable with the signature itself, and goes part by part (0820, 60.3): each part that the
//! host has is counted in the row, so that none is begun again after the first. It waits until the host has the
//! transaction, whose number it carries, and delays no settlement.

use crate::{
    event::Effect,
    forward::Due,
    record::{Advice, AdviceKind, Original, Sealed, TransactionId, Write},
    stored::Told,
    terminal::Terminal,
};
use posd_receipt::Strokes;
use posd_unionpay::{
    Pan,
    profile::SignatureForm,
    request::{Entry, Request, SignatureUpload},
};

/// The data of a signature in the acquirer's form.
fn data(strokes: &Strokes, form: SignatureForm) -> Vec<u8> {
    match form {
        SignatureForm::Bitmap => strokes.raster().to_vec(),
        SignatureForm::Strokes => {
            let mut data = Vec::with_capacity(form.most_bytes());
            for stroke in strokes.strokes() {
                // Strokes have 2048 points at most.
                data.extend_from_slice(&u16::try_from(stroke.len()).unwrap_or(u16::MAX).to_be_bytes());
                data.extend(stroke.iter().flat_map(|(x, y)| [*x, *y]));
            }
            data
        }
    }
}

impl Terminal {
    /// Queues the signature of a transaction that has just been signed, where the acquirer wants it. Returns its write.
    pub(crate) fn queue_signature(&mut self, id: TransactionId, strokes: &Strokes) -> Option<Write> {
        if !self.profile().e_signature.enabled {
            return None;
        }
        let attempt = &self.live.get(&id)?.attempt;
        let upload = attempt.upload.clone()?;
        let original = Original {
            kind: attempt.kind,
            family: attempt.kind.family(),
            entry: attempt.entry.unwrap_or(Entry::Chip),
            linked: None,
            batch: attempt.batch?,
            trace: attempt.trace?,
            amount: attempt.charged?,
            currency: attempt.amount.currency().numeric(),
            card_sequence: attempt.card_sequence,
            pin_entered: upload.pin_entered,
            authorisation_code: attempt.authorisation_code.clone(),
            rrn: attempt.rrn.clone(),
            field55: upload.field55,
            wallet: attempt.wallet.clone(),
            voucher: attempt.voucher.clone(),
        };
        let card: Sealed = attempt.card.clone()?;
        let date = date_of(attempt.settlement_date.as_ref(), attempt.host_date.as_ref());
        let advice = self.new_advice(AdviceKind::Signature, id, original, card, date);
        let advice = Advice { strokes: Some(strokes.clone()), ..advice };
        self.advices.push(advice.clone());
        Some(Write::Advice(Box::new(advice)))
    }

    /// The host has a transaction that it was told of: a signature that waits for that learns its number. Returns the
    /// writes.
    pub(crate) fn sign_for(&mut self, transaction: TransactionId, told: &Told) -> Vec<Write> {
        let waits =
            |advice: &&mut Advice| advice.kind == AdviceKind::Signature && advice.transaction == transaction;
        let learn = |advice: &mut Advice| {
            advice.original.rrn = told.rrn.clone();
            advice.original.authorisation_code = told.authorisation_code.clone();
            advice.original_date = date_of(told.settlement_date.as_ref(), told.host_date.as_ref());
            Write::Advice(Box::new(advice.clone()))
        };
        self.advices.iter_mut().filter(waits).map(learn).collect()
    }

    /// The message of the part that comes next. `None` where the host's number of the transaction is not known: nothing
    /// else names it.
    pub(crate) fn signature_part(&self, advice: &Advice, pan: Pan) -> Option<Request> {
        let profile = self.profile();
        let original = &advice.original;
        let data = data(advice.strokes.as_ref()?, profile.e_signature.form);
        let parts = profile.e_signature.parts(&data).ok()?;
        let (part, data) = parts.get(usize::from(advice.parts))?;
        SignatureUpload {
            identity: self.identity(),
            trace: advice.trace,
            batch: original.batch,
            pan: Some(pan),
            amount: original.amount,
            settlement_date: Some(advice.original_date.clone()).filter(|date| date != "0000"),
            rrn: Some(original.rrn.clone()?),
            field55: original.field55.clone(),
            part: part.clone(),
            data: data.to_vec(),
        }
        .build(profile)
        .ok()
    }

    /// The host has a part of a signature: where more follow the row stays, and the next one goes at once when nothing
    /// else is due. Before a transaction one is enough.
    pub(crate) fn signature_goes_on(&mut self, place: usize) -> bool {
        let form = &self.settings.profile.e_signature;
        let Some(advice) = self.advices.get_mut(place) else { return false };
        let Some(strokes) = advice.strokes.as_ref().filter(|_| advice.kind == AdviceKind::Signature) else {
            return false;
        };
        advice.parts += 1;
        let all = form.parts(&data(strokes, form.form)).map_or(0, |parts| parts.len());
        if usize::from(advice.parts) >= all {
            return false;
        }
        advice.tried_for_s = 0;
        let advice = advice.clone();
        let due = Due::Advice(advice.id);
        let writes = vec![Write::Device(self.device.clone()), Write::Advice(Box::new(advice))];
        self.effect(Effect::Commit(writes));
        self.part_delivered(due);
        true
    }
}

/// MMDD as the settlement has it, else as the host dated it, `0000` for neither.
fn date_of(settlement: Option<&String>, host: Option<&String>) -> String {
    settlement.or(host).cloned().unwrap_or_else(|| "0000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_the_signature_and_fits_its_bound() {
        let strokes = Strokes::new(vec![vec![(0, 0), (255, 95)], vec![(7, 1)]]).unwrap();
        assert_eq!(data(&strokes, SignatureForm::Strokes), [0, 2, 0, 0, 255, 95, 0, 1, 7, 1]);
        let drawn = data(&strokes, SignatureForm::Bitmap);
        assert_eq!(drawn.len(), SignatureForm::Bitmap.most_bytes());
        assert_eq!((drawn[0] & 0x80, drawn.last().unwrap() & 1), (0x80, 1));
        let most = Strokes::new(vec![vec![(1, 1); 32]; 64]).unwrap();
        assert_eq!(data(&most, SignatureForm::Strokes).len(), SignatureForm::Strokes.most_bytes());
    }
}
