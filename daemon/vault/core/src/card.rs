//! The readers and their cards: one card is on at a time, and does one command at a time.

use posd_vault_protocol::{DeviceState, Notice, OfflinePin, Refusal, Reply, Slot};
use zeroize::Zeroizing;

use crate::{
    CardFault, Core, Output,
    core::Ended,
    crypto::Block,
    prompt::Purpose,
    verify::{self, PinKey},
};

/// A reader, and whether there is a card at it.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) state: DeviceState,
    pub(crate) card_present: bool,
}

impl Reader {
    pub(crate) const MISSING: Reader = Reader { state: DeviceState::Missing, card_present: false };
}

/// What the card is doing, and for whom. One command at a time.
pub(crate) enum CardWork {
    PowerOn(u32),
    Transmit(u32),
    Challenge {
        id: u32,
        block: Block,
        key: PinKey,
        repeated: bool,
    },
    Verify(u32),
    /// Whoever asked is gone; the answer is thrown away.
    Abandoned,
}

impl Core {
    fn reader_at(&self, slot: Slot) -> Reader {
        match slot {
            Slot::Contact => self.contact,
            Slot::Contactless => self.contactless,
        }
    }

    fn reader_at_mut(&mut self, slot: Slot) -> &mut Reader {
        match slot {
            Slot::Contact => &mut self.contact,
            Slot::Contactless => &mut self.contactless,
        }
    }

    pub(crate) fn card(&mut self, slot: Slot, present: bool) {
        let before = std::mem::replace(&mut self.reader_at_mut(slot).card_present, present);
        if !present && self.slot == slot {
            self.powered = false;
            self.end_offline_prompt();
        }
        if before != present {
            self.notice(Notice::Card(slot, present));
        }
    }

    /// Which of them would be charged nobody can tell.
    pub(crate) fn several_cards(&mut self) {
        self.card(Slot::Contactless, false);
        self.notice(Notice::SeveralCards);
    }

    pub(crate) fn reader(&mut self, slot: Slot, state: DeviceState) {
        if state != DeviceState::Ready {
            self.card(slot, false);
        }
        if std::mem::replace(&mut self.reader_at_mut(slot).state, state) != state {
            self.notice(Notice::Reader(slot, state));
        }
    }

    pub(crate) fn end_offline_prompt(&mut self) {
        if self.prompt.as_ref().is_some_and(|prompt| matches!(prompt.purpose, Purpose::OfflinePin { .. })) {
            self.end_prompt(Ended::CardRemoved);
        }
    }

    /// Whether a command may go to the card now.
    fn card_usable(&self) -> Result<(), Refusal> {
        let reader = self.reader_at(self.slot);
        match () {
            () if reader.state != DeviceState::Ready => Err(Refusal::NoReader),
            () if !reader.card_present => Err(Refusal::NoCard),
            () if !self.powered => Err(Refusal::CardRemoved),
            // `posd` sends one command at a time.
            () if self.card_work.is_some() => Err(Refusal::Malformed),
            () => Ok(()),
        }
    }

    /// Whether a PIN may go to the card: never over the air.
    pub(crate) fn may_verify(&self) -> Result<(), Refusal> {
        match self.slot {
            Slot::Contact => self.card_usable(),
            Slot::Contactless => Err(Refusal::Forbidden),
        }
    }

    pub(crate) fn power_on(&mut self, id: u32, slot: Slot) {
        let reader = self.reader_at(slot);
        let refusal = match () {
            () if reader.state != DeviceState::Ready => Refusal::NoReader,
            () if !reader.card_present => Refusal::NoCard,
            () if self.card_work.is_some() => Refusal::Malformed,
            () => {
                self.end_offline_prompt();
                if self.powered && self.slot != slot {
                    self.out.push(Output::PowerOff);
                }
                self.powered = false;
                self.slot = slot;
                self.card_work = Some(CardWork::PowerOn(id));
                return self.out.push(Output::PowerOn(slot));
            }
        };
        self.refuse(id, refusal);
    }

    pub(crate) fn transmit(&mut self, id: u32, apdu: Vec<u8>) {
        if !(4..=261).contains(&apdu.len()) || verify::is_verify(&apdu) {
            return self.refuse(id, Refusal::Forbidden);
        }
        match self.card_usable() {
            Ok(()) => self.command(CardWork::Transmit(id), Zeroizing::new(apdu)),
            Err(refusal) => self.refuse(id, refusal),
        }
    }

    pub(crate) fn command(&mut self, work: CardWork, apdu: Zeroizing<Vec<u8>>) {
        self.card_work = Some(work);
        self.out.push(Output::Transmit(self.slot, apdu));
    }

    pub(crate) fn powered_on(&mut self, result: Result<Vec<u8>, CardFault>) {
        match (self.card_work.take(), result) {
            (Some(CardWork::PowerOn(id)), Ok(atr)) => {
                self.powered = true;
                self.reply(id, Reply::Atr(atr));
            }
            (Some(CardWork::PowerOn(id)), Err(fault)) => self.refuse(id, refusal_of(fault)),
            // Nobody wants the card any more.
            (_, Ok(_)) => self.out.push(Output::PowerOff),
            (_, Err(_)) => {}
        }
    }

    pub(crate) fn answered(&mut self, result: Result<Zeroizing<Vec<u8>>, CardFault>) {
        let answer = match result {
            Ok(answer) if answer.len() >= 2 => Ok(answer),
            Ok(_) => Err(CardFault::Mute),
            Err(fault) => Err(fault),
        };
        match (self.card_work.take(), answer) {
            (Some(CardWork::Transmit(id)), Ok(answer)) => self.reply(id, Reply::Card(answer.to_vec())),
            (Some(CardWork::Transmit(id)), Err(fault)) => self.refuse(id, refusal_of(fault)),
            (Some(CardWork::Verify(id)), Ok(answer)) => {
                let status = status_word(&answer);
                self.reply(id, Reply::OfflinePin(OfflinePin::Status(status)));
            }
            (Some(CardWork::Challenge { id, block, key, repeated }), Ok(answer)) => {
                self.challenged(id, block, key, repeated, &answer);
            }
            (Some(CardWork::Verify(id) | CardWork::Challenge { id, .. }), Err(fault)) => {
                let reply = match fault {
                    CardFault::Mute => Reply::Refused(Refusal::CardMute),
                    _ => Reply::OfflinePin(OfflinePin::CardRemoved),
                };
                self.reply(id, reply);
            }
            (Some(CardWork::PowerOn(_) | CardWork::Abandoned) | None, _) => {}
        }
    }

    fn challenged(&mut self, id: u32, block: Block, key: PinKey, repeated: bool, answer: &[u8]) {
        let status = status_word(answer);
        // A card with T=0 tells the length first (6C08), or has the answer fetched (6108).
        if !repeated && answer.len() == 2 && matches!(status, 0x6C08 | 0x6108) {
            let mut again = Zeroizing::new(verify::GET_CHALLENGE.to_vec());
            if status == 0x6108 {
                again[1] = 0xC0;
            }
            again[4] = 8;
            return self.command(CardWork::Challenge { id, block, key, repeated: true }, again);
        }
        let number = answer.first_chunk::<8>().filter(|_| status == 0x9000 && answer.len() == 10);
        match number.and_then(|number| key.verify(&block, number, self.random.as_mut())) {
            Some(apdu) => self.command(CardWork::Verify(id), apdu),
            None => {
                // 6F00: the card said 9000 to GET CHALLENGE, but not with a number of eight bytes.
                let status = if status == 0x9000 { 0x6F00 } else { status };
                self.reply(id, Reply::OfflinePin(OfflinePin::Status(status)));
            }
        }
    }
}

fn status_word(answer: &[u8]) -> u16 {
    answer.last_chunk::<2>().map_or(0, |word| u16::from_be_bytes(*word))
}

fn refusal_of(fault: CardFault) -> Refusal {
    match fault {
        CardFault::NoReader => Refusal::NoReader,
        CardFault::NoCard => Refusal::NoCard,
        CardFault::Removed => Refusal::CardRemoved,
        CardFault::Mute => Refusal::CardMute,
    }
}
