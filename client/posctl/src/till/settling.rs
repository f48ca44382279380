//! 结算 at the till: it is asked for once more before the batch is closed, then followed. It goes on in the terminal
//! whether or not the till looks on.

use super::state::{Key, Order, Screen, Till};
use posd_client::SettlementDetails;

/// The settlement on the screen.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    /// The cashier has said yes.
    pub(crate) begun: bool,
    /// How it stands, once the terminal has said.
    pub(crate) details: Option<SettlementDetails>,
    /// The settlement slip as text, once the batch is closed.
    pub(crate) slip: Option<String>,
    /// First line of the slip that is shown.
    pub(crate) scroll: u16,
}

impl Settling {
    /// Whether it has ended, one way or the other.
    pub(crate) fn is_over(&self) -> bool {
        self.details.as_ref().is_some_and(SettlementDetails::is_over)
    }
}

impl Till {
    pub(super) fn key_at_settlement(&mut self, key: Key) -> Vec<Order> {
        let Screen::Settle(settling) = &mut self.screen else { return Vec::new() };
        match key {
            Key::Enter if !settling.begun => {
                settling.begun = true;
                return vec![Order::Settle];
            }
            Key::Up => settling.scroll = settling.scroll.saturating_sub(1),
            Key::Down => settling.scroll = settling.scroll.saturating_add(1),
            // A second Enter while it runs is an impatient cashier's.
            Key::Enter if !settling.is_over() => {}
            Key::Enter | Key::Escape => self.screen = Screen::Amount,
            _ => {}
        }
        Vec::new()
    }

    /// The terminal said how the settlement stands.
    pub(super) fn settling(&mut self, now: SettlementDetails) {
        if let Screen::Settle(settling) = &mut self.screen {
            settling.details = Some(now);
        }
    }

    pub(super) fn settlement_slip(&mut self, text: String) {
        if let Screen::Settle(settling) = &mut self.screen {
            settling.slip = Some(text);
        }
    }

    /// The terminal is back: a settlement that was under way has gone on.
    pub(super) fn settlement_again(&self) -> Vec<Order> {
        match &self.screen {
            Screen::Settle(settling) if settling.begun && !settling.is_over() => {
                vec![Order::FollowSettlement]
            }
            _ => Vec::new(),
        }
    }
}
