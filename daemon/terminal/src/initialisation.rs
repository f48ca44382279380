//! Initialisation (初始化): whom the terminal stands for and whom it talks to. That is its configuration's affair; what it
//! was, and since when, is in the journal, and where it changed a slip says so.

use crate::{
    audit::AuditEvent,
    event::Effect,
    record::{PrintJob, SlipOf, Write},
    resolve::ROOT,
    slip::hex,
    terminal::Terminal,
};
use posd_receipt::{Copy, Initialisation, Slip};
use sha2::{Digest, Sha256};

/// Bytes of a digest that tell one initialisation from another.
const FINGERPRINT: usize = 8;

impl Terminal {
    /// Looks, at the start, whether the terminal was initialised anew.
    pub(crate) fn note_initialisation(&mut self) {
        let settings = &self.settings;
        let detail = format!(
            "merchant={} terminal={} hosts={} tpdu={} profile={} name={}",
            settings.merchant,
            settings.terminal,
            settings.hosts.join(","),
            self.tpdu(),
            word(&settings.profile_name),
            word(&settings.merchant_name),
        );
        let digest = Sha256::digest(detail.as_bytes());
        let fingerprint = hex(digest.get(..FINGERPRINT).unwrap_or_default());
        if self.device.initialised.as_ref() == Some(&fingerprint) {
            return;
        }
        self.device.initialised = Some(fingerprint);
        let job = (!self.settings.copies.is_empty())
            .then(|| PrintJob { slip: SlipOf::Initialisation, ..self.new_job(0, Copy::Merchant, false) });
        let mut writes = vec![Write::Device(self.device.clone())];
        writes.push(self.audit_row(AuditEvent::Initialised, None, "", detail));
        writes.extend(job.clone().map(Write::PrintJob));
        self.effect(Effect::Commit(writes));
        if let Some(job) = job {
            let slip = self.initialisation_slip();
            self.print_slip(ROOT, job, slip);
        }
    }

    pub(crate) fn initialisation_slip(&self) -> Slip {
        Slip::Initialisation(Initialisation {
            heading: self.heading(""),
            hosts: self.settings.hosts.clone(),
            tpdu: self.tpdu(),
            profile: self.settings.profile_name.clone(),
            batch: Some(self.device.batch).filter(|_| self.device.signed_in),
        })
    }

    fn tpdu(&self) -> String {
        String::from(self.profile().tpdu)
    }
}

/// One word of an audit row's detail.
fn word(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("_")
}
