//! The way to the test acquirer and back.

use super::{Coming, World};
use posd_acquirer::{Action, Delivery, MessageKind};
use posd_terminal::{HostResult, Kind};
use posd_unionpay::Family;
use posd_vault_protocol::Secret;

impl World {
    /// A request is on its way: what it is, with its trace number.
    pub(super) fn send(&mut self, exchange: u64, frame: Secret, left: Option<(MessageKind, u32)>) {
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

/// The host's word for a kind of a family.
pub(crate) fn host_kind(kind: Kind, family: Family) -> MessageKind {
    match (kind, family) {
        (Kind::Void, Family::Plain) => MessageKind::Void,
        (Kind::Void, Family::Instalment) => MessageKind::InstalmentVoid,
        (Kind::Void, Family::PhoneOrder) => MessageKind::PhoneOrderVoid,
        (Kind::Refund, Family::PhoneOrder) => MessageKind::PhoneOrderRefund,
        (Kind::Refund, _) => MessageKind::Refund,
        (Kind::PreAuth, _) => MessageKind::PreAuth,
        (Kind::PreAuthCancel, _) => MessageKind::PreAuthCancel,
        (Kind::Completion, _) => MessageKind::Completion,
        (Kind::CompletionAdvice, _) => MessageKind::CompletionAdvice,
        (Kind::CompletionCancel, _) => MessageKind::CompletionCancel,
        (Kind::BalanceInquiry, _) => MessageKind::BalanceInquiry,
        (Kind::Instalment, _) => MessageKind::Instalment,
        (Kind::PhoneOrder, _) => MessageKind::PhoneOrder,
        (Kind::OfflineSale, _) => MessageKind::OfflineSale,
        (Kind::Tip, _) => MessageKind::Adjustment,
        (Kind::QrScan, _) => MessageKind::WalletPayment,
        (Kind::QrShow, _) => MessageKind::WalletCode,
        _ => MessageKind::Sale,
    }
}

/// Every family.
pub(crate) const FAMILIES: [Family; 3] = [Family::Plain, Family::PhoneOrder, Family::Instalment];

pub(super) fn host_kind_is_financial(kind: MessageKind) -> bool {
    matches!(kind, MessageKind::QrSale | MessageKind::QrVoid)
        || posd_terminal::served()
            .any(|served| FAMILIES.into_iter().any(|family| host_kind(served, family) == kind))
}
