//! Issuer scripts (Book 3 §10.10).

use super::session::{End, Session};
use crate::{
    indicators::{Bit, tsi, tvr},
    tags, tlv,
};

/// The most script bytes of one answer that a terminal must take (check 59).
const LIMIT: usize = 128;

/// Where a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Before the second GENERATE AC (71).
    Before,
    /// After it (72).
    After,
}

impl Position {
    /// The TVR's bit for a script that failed here.
    fn failed(self) -> Bit {
        match self {
            Position::Before => tvr::SCRIPT_FAILED_BEFORE,
            Position::After => tvr::SCRIPT_FAILED_AFTER,
        }
    }
}

/// Results as 9F5B writes them, in the first byte's left half.
const NOT_PERFORMED: u8 = 0x00;
const FAILED: u8 = 0x10;
const SUCCESSFUL: u8 = 0x20;

impl Session {
    pub(super) async fn run_scripts(&mut self, scripts: &[Vec<u8>], position: Position) -> Result<(), End> {
        for (place, script) in scripts.iter().enumerate() {
            // The limit is on the whole answer, tags and lengths included.
            self.script_bytes += tlv::encode(tags::SCRIPT_BEFORE, script).len();
            self.done(tsi::SCRIPT_PERFORMED);
            let commands = if self.script_bytes <= LIMIT { commands(script) } else { None };
            let Some(commands) = commands else {
                self.note(NOT_PERFORMED, identifier(script));
                self.mark(position.failed());
                continue;
            };
            if let Err(end) = self.run_script(identifier(script), commands, position).await {
                self.pass_over(&scripts[place + 1..]);
                return Err(end);
            }
        }
        Ok(())
    }

    /// Scripts that are not even tried: their results say so.
    pub(super) fn pass_over(&mut self, scripts: &[Vec<u8>]) {
        for script in scripts {
            self.note(NOT_PERFORMED, identifier(script));
        }
    }

    async fn run_script(
        &mut self,
        identifier: [u8; 4],
        commands: Vec<Vec<u8>>,
        position: Position,
    ) -> Result<(), End> {
        for (place, command) in commands.into_iter().enumerate() {
            // The sequence number has four bits: 14 and later are F.
            let sequence = u8::try_from(place + 1).unwrap_or(0x0F).min(0x0F);
            let sent = self.send(command).await;
            let good = sent.as_ref().is_ok_and(|response| matches!(response.status >> 8, 0x90 | 0x62 | 0x63));
            if !good {
                // The notice of how far it came is kept whatever happened to the card.
                self.note(FAILED | sequence, identifier);
                self.mark(position.failed());
                return sent.map(drop);
            }
        }
        self.note(SUCCESSFUL, identifier);
        Ok(())
    }

    fn note(&mut self, result: u8, identifier: [u8; 4]) {
        self.script_results.push(result);
        self.script_results.extend_from_slice(&identifier);
        self.set(tags::SCRIPT_RESULTS, self.script_results.clone());
    }
}

/// A script's identifier (9F18), zeros where it has none.
fn identifier(script: &[u8]) -> [u8; 4] {
    let mut elements = tlv::Reader::new(script).map_while(Result::ok);
    let found = elements.find(|element| element.tag == tags::SCRIPT_IDENTIFIER);
    found.and_then(|element| element.value.try_into().ok()).unwrap_or_default()
}

/// A script's commands (86), from 4 bytes on; `None` where it is malformed or has none.
fn commands(script: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut commands = Vec::new();
    for element in tlv::Reader::new(script) {
        let element = element.ok()?;
        match element.tag {
            tags::SCRIPT_IDENTIFIER if element.value.len() == 4 => {}
            tags::SCRIPT_COMMAND if (4..=261).contains(&element.value.len()) => {
                commands.push(element.value.to_vec())
            }
            _ => return None,
        }
    }
    (!commands.is_empty()).then_some(commands)
}
