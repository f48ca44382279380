//! What the server wants of a card reader, a stripe reader and a PIN pad, and of whoever moves simulated ones.

use std::os::fd::BorrowedFd;

use nix::poll::PollFlags;
use posd_vault_core::{CardFault, Key, PadPrompt};
use posd_vault_protocol::{DeviceState, Secret, Slot};
use zeroize::Zeroizing;

/// Something that happened at the card reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderEvent {
    /// The reader came, went or failed.
    State(DeviceState),
    /// A card came to it (`true`) or left it (`false`).
    Card(bool),
    /// More than one card is in its field. Only of a contactless reader that can tell.
    Several,
}

/// Something that happened at the stripe reader.
#[derive(Debug, PartialEq, Eq)]
pub enum StripeEvent {
    /// The reader came, went or failed.
    State(DeviceState),
    /// A card was swiped while a swipe was wanted: what the reader typed, empty where some of it was lost.
    Swiped(Secret),
}

/// Something that happened at the PIN pad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadEvent {
    /// The pad came, went or failed.
    State(DeviceState),
    /// A key was pressed.
    Key(Key),
}

/// A card reader, for inserted cards or for such as are held to it.
pub trait CardReader {
    /// The descriptors to wait on, readable when there may be an event.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// The next event, without waiting. Asked for again and again until there is none: after each wait, and first of
    /// all at start, when it tells the state as found.
    fn event(&mut self) -> Option<ReaderEvent>;

    /// Cold-resets the card. Gives the answer to reset.
    ///
    /// # Errors
    /// [`CardFault`] when there is no reader, no card, or no answer.
    fn power_on(&mut self) -> Result<Vec<u8>, CardFault>;

    /// Powers the card off, if it is on.
    fn power_off(&mut self);

    /// Sends a command; gives response data and status word. The command may hold a PIN: no copy is kept.
    ///
    /// # Errors
    /// [`CardFault`] when the card or reader is gone, or silent.
    fn transmit(&mut self, command: &[u8]) -> Result<Zeroizing<Vec<u8>>, CardFault>;
}

/// A stripe reader.
pub trait StripeReader {
    /// The descriptors to wait on, readable when there may be an event.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// The next event, without waiting. Asked for as [`CardReader::event`] is.
    fn event(&mut self) -> Option<StripeEvent>;

    /// A swipe is wanted from now on, or not any more. When one is: checks that the reader is there, throws away what
    /// was typed before, and tells the reader's state.
    fn want(&mut self, wanted: bool) -> DeviceState;
}

/// The readers of a device: one for each [`Slot`], and one for stripes.
pub struct Readers<R, F = R> {
    /// Where cards are inserted.
    pub contact: R,
    /// Where cards are held to; `None` where the device has none.
    pub contactless: Option<F>,
    /// Where cards are swiped; `None` where the device has no such reader.
    pub stripe: Option<Box<dyn StripeReader>>,
}

impl<R: CardReader, F: CardReader> Readers<R, F> {
    pub(crate) fn each(&self) -> impl Iterator<Item = &dyn CardReader> {
        let contactless = self.contactless.iter().map(|reader| reader as &dyn CardReader);
        [&self.contact as &dyn CardReader].into_iter().chain(contactless)
    }

    pub(crate) fn each_mut(&mut self) -> impl Iterator<Item = (Slot, &mut dyn CardReader)> {
        let contactless = self.contactless.iter_mut();
        let contactless = contactless.map(|reader| (Slot::Contactless, reader as &mut dyn CardReader));
        [(Slot::Contact, &mut self.contact as &mut dyn CardReader)].into_iter().chain(contactless)
    }

    pub(crate) fn at(&mut self, slot: Slot) -> Result<&mut dyn CardReader, CardFault> {
        match slot {
            Slot::Contact => Ok(&mut self.contact),
            Slot::Contactless => match &mut self.contactless {
                Some(reader) => Ok(reader),
                None => Err(CardFault::NoReader),
            },
        }
    }
}

/// A PIN pad.
pub trait PinPad {
    /// The descriptors to wait on, readable when there may be an event.
    fn descriptors(&self) -> Vec<BorrowedFd<'_>>;

    /// The next event, without waiting. Asked for as [`CardReader::event`] is.
    fn event(&mut self) -> Option<PadEvent>;

    /// A prompt begins (`Some`) or ended (`None`). When one begins: checks that the pad is there, throws away keys
    /// pressed before, shows the prompt if there is a display, and tells the pad's state.
    fn prompt(&mut self, prompt: Option<PadPrompt>) -> DeviceState;
}

/// Whoever shares the server's loop: the simulator's control socket. `()` is nobody.
pub trait Companion<R, P> {
    /// The descriptors to wait on, and for what.
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)>;

    /// When to call [`Companion::ready`] at the latest, in milliseconds of the server's clock.
    fn wake_at(&self) -> Option<u64>;

    /// Called after each wait, whatever ended it. What it does to the devices is noticed at once: the server asks both
    /// for events afterwards. It must not block.
    fn ready(&mut self, reader: &mut R, pad: &mut P, now_ms: u64);
}

impl<R, P> Companion<R, P> for () {
    fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        Vec::new()
    }

    fn wake_at(&self) -> Option<u64> {
        None
    }

    fn ready(&mut self, _: &mut R, _: &mut P, _: u64) {}
}
