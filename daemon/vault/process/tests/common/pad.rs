//! A PIN pad whose keys a companion of the server presses.

use std::{collections::VecDeque, os::fd::BorrowedFd};

use posd_vault::device::{PadEvent, PinPad};
use posd_vault_core::PadPrompt;
use posd_vault_protocol::DeviceState;

/// The pad, ready.
pub struct Pad {
    pub events: VecDeque<PadEvent>,
    pub prompt: Option<PadPrompt>,
}

impl Default for Pad {
    fn default() -> Pad {
        Pad { events: [PadEvent::State(DeviceState::Ready)].into(), prompt: None }
    }
}

impl PinPad for Pad {
    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    fn event(&mut self) -> Option<PadEvent> {
        self.events.pop_front()
    }

    fn prompt(&mut self, prompt: Option<PadPrompt>) -> DeviceState {
        self.prompt = prompt;
        DeviceState::Ready
    }
}
