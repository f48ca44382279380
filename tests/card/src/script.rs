//! Issuer script commands (EMV Book 3 §6.5.1-6.5.3, 6.5.10; PBOC PUT DATA). Their MAC is not checked.

use crate::apdu::{Command, Reply, status};
use crate::card::{Card, Stage};

/// Length of the MAC at the end of a script command's data.
const MAC: usize = 4;

impl Card {
    pub(crate) fn script(&mut self, command: Command<'_>) -> Reply {
        let unblocks = command.instruction == 0x18;
        let allowed = self.session.went_online || unblocks && self.session.stage != Stage::Idle;
        if !allowed {
            return Reply::status(status::CONDITIONS);
        }
        let reply = self.apply(command);
        let good = reply.status == status::OK;
        let after = self.session.stage == Stage::Finished;
        self.session.script_failed |= !good;
        if let Some((_, chip, _)) = self.current() {
            // The CVR of the next payment tell the host how many commands came after the second GENERATE AC.
            chip.scripts_after = chip.scripts_after.saturating_add(u8::from(after));
            chip.script_failed |= !good;
        }
        if good {
            let mut taken =
                vec![command.class, command.instruction, command.p1, command.p2, command.data.len() as u8];
            taken.extend_from_slice(command.data);
            self.scripts.push(taken);
        }
        reply
    }

    fn apply(&mut self, command: Command<'_>) -> Reply {
        let Some(value) = command.data.len().checked_sub(MAC).map(|length| &command.data[..length]) else {
            return Reply::status(status::WRONG_LENGTH);
        };
        let tries = self.profile.pin_tries;
        let Some(chip) = self.chips.get_mut(self.session.application) else {
            return Reply::status(status::CONDITIONS);
        };
        match (command.instruction, command.p1, command.p2) {
            (0x16, 0, 0) => self.blocked = true,
            (0x18, 0, 0) => chip.blocked = false,
            (0x1E, 0, 0) => chip.blocked = true,
            // P2 0 unblocks. 1 and 2 bring an enciphered new PIN, which this card does not decipher.
            (0x24, 0, 0..=2) => self.pin_tries_left = tries,
            (0xDA, high, low) if !value.is_empty() => {
                chip.put.insert(u16::from_be_bytes([high, low]), value.to_vec());
            }
            _ => return Reply::status(status::WRONG_PARAMETERS),
        }
        Reply::ok()
    }
}
