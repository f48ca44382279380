//! The state machine.

use crate::{Effect, Event, Moment, Records};

/// The terminal.
#[derive(Debug)]
pub struct Terminal {}

impl Terminal {
    /// What follows from an event.
    pub fn handle(&mut self, _event: Event, _moment: Moment, _records: &dyn Records) -> Vec<Effect> {
        Vec::new()
    }
}
