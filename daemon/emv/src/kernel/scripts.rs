//! Issuer scripts (Book 3 §10.10).

use super::session::{End, Session};
use crate::{
    indicators::{tsi, tvr},
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

/// Results as 9F5B writes them, in the first byte's left half.
const NOT_PERFORMED: u8 = 0x00;
const FAILED: u8 = 0x10;
const SUCCESSFUL: u8 = 0x20;

impl Session {
    pub(super) async fn run_scripts(&mut self, scripts: &[Vec<u8>], position: Position) -> Result<(), End> {
        let mut length = 0;
        for script in scripts {
            // Tag and length bytes count too.
            length += script.len() + if script.len() > 127 { 3 } else { 2 };
            self.done(tsi::SCRIPT_PERFORMED);
            let parsed = if length <= LIMIT { parse(script) } else { None };
            let Some((identifier, commands)) = parsed else {
                self.note(NOT_PERFORMED, [0; 4], position);
                continue;
            };
            self.run_script(identifier, commands, position).await?;
        }
        Ok(())
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
            let response = match self.send(command).await {
                Ok(response) => response,
                Err(end) => {
                    // The notice of how far it came is kept whatever happens to the card.
                    self.note(FAILED | sequence, identifier, position);
                    return Err(end);
                }
            };
            if !matches!(response.status >> 8, 0x90 | 0x62 | 0x63) {
                self.note(FAILED | sequence, identifier, position);
                return Ok(());
            }
        }
        self.note(SUCCESSFUL, identifier, position);
        Ok(())
    }

    fn note(&mut self, result: u8, identifier: [u8; 4], position: Position) {
        self.script_results.push(result);
        self.script_results.extend_from_slice(&identifier);
        self.set(tags::SCRIPT_RESULTS, self.script_results.clone());
        if result != SUCCESSFUL {
            self.mark(match position {
                Position::Before => tvr::SCRIPT_FAILED_BEFORE,
                Position::After => tvr::SCRIPT_FAILED_AFTER,
            });
        }
    }
}

/// A script's identifier (9F18, zeros where it has none) and its commands; `None` where it is malformed.
fn parse(script: &[u8]) -> Option<([u8; 4], Vec<Vec<u8>>)> {
    let mut identifier = [0; 4];
    let mut commands = Vec::new();
    for element in tlv::Reader::new(script) {
        let element = element.ok()?;
        match element.tag {
            tags::SCRIPT_IDENTIFIER => identifier = element.value.try_into().ok()?,
            tags::SCRIPT_COMMAND if (4..=261).contains(&element.value.len()) => commands.push(element.value.to_vec()),
            _ => return None,
        }
    }
    (!commands.is_empty()).then_some((identifier, commands))
}
