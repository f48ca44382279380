//! The way to the test acquirer and back.

use super::{Coming, World, daemon::PROFILE};
use posd_acquirer::{Action, Delivery, MessageKind};
use posd_terminal::{HostResult, Kind};
use posd_vault_protocol::Secret;

impl World {
    /// A request leaves.
    pub(super) fn send(&mut self, exchange: u64, frame: Secret) {
        let left = self.oracle.borrow_mut().leaves(frame.expose(), &PROFILE);
        if self.faults_on && self.random.percent(4) {
            return self.later(20, Coming::FromHost(exchange, HostResult::NotSent));
        }
        self.open.insert(exchange);
        if let Some((kind, trace)) = left {
            self.draw_host_fault(kind, trace);
        } else if self.faults_on && self.random.percent(10) {
            return self.later(20, Coming::FromHost(exchange, HostResult::Lost));
        }
        let after = 20 + self.random.below(100);
        self.later(after, Coming::Arrives(exchange, frame.expose().to_vec(), false));
    }

    pub(super) fn deliver(&mut self, exchange: u64, deliveries: Vec<Delivery>) {
        for Delivery { after_ms, action } in deliveries {
            let after = after_ms + 10;
            match action {
                Action::Send(frame) | Action::SendSlowly { frame, .. } => {
                    self.later(after, Coming::FromHost(exchange, HostResult::Answer(Secret::new(frame))));
                }
                Action::SendStray(frame) => {
                    // It comes on whatever connection is open by then, or on none.
                    let newest = self.open.iter().next_back().copied().unwrap_or(exchange);
                    let answer = HostResult::Answer(Secret::new(frame));
                    self.later(after, Coming::FromHost(newest, answer));
                }
                Action::SendPart { .. } | Action::Close => {
                    self.later(after, Coming::FromHost(exchange, HostResult::Lost));
                }
                Action::Receive(frame) => self.later(after_ms, Coming::Arrives(exchange, frame, true)),
            }
        }
    }
}

/// The host's word for a kind.
pub(crate) fn host_kind(kind: Kind) -> MessageKind {
    match kind {
        Kind::Void => MessageKind::Void,
        Kind::PreAuth => MessageKind::PreAuth,
        Kind::PreAuthCancel => MessageKind::PreAuthCancel,
        Kind::QrScan => MessageKind::WalletPayment,
        Kind::QrShow => MessageKind::WalletCode,
        _ => MessageKind::Sale,
    }
}

pub(super) fn host_kind_is_financial(kind: MessageKind) -> bool {
    matches!(kind, MessageKind::QrSale | MessageKind::QrVoid)
        || posd_terminal::served().any(|served| host_kind(served) == kind)
}
