//! What surrounds a kernel in a test: card, cardholder, host. It plays one transaction to its end.

use super::{
    super::{
        Action, Candidate, Input, Kernel, KnownCard, OfflineApproval, OfflinePin, OfflinePinResult,
        OnlineRequest, Outcome, PinEntry, Purpose, Transaction, Verdict,
    },
    card::Card,
};
use crate::{
    configuration::Configuration,
    host::HostAnswer,
    indicators::{Bit, Tsi, Tvr},
    tags,
};
use std::{collections::VecDeque, sync::Arc};

/// What the host does.
#[derive(Debug, Clone)]
pub(super) enum Host {
    Answers(HostAnswer),
    CannotBeReached,
    IsSilent,
}

/// Stands between terminal and card: gets the command's number (from 0), the command, and the card's true answer.
pub(super) type Interference = Box<dyn FnMut(usize, &[u8], Vec<u8>) -> Input>;

pub(super) struct World {
    pub(super) configuration: Configuration,
    pub(super) transaction: Transaction,
    pub(super) card: Card,
    pub(super) host: Host,
    pub(super) known: KnownCard,
    pub(super) pin: PinEntry,
    pub(super) verify: VecDeque<OfflinePinResult>,
    /// Answers to choice and confirmation; the first application, and yes, where there are no more.
    pub(super) choices: VecDeque<Input>,
    pub(super) random: VecDeque<[u8; 8]>,
    pub(super) interference: Interference,
}

/// The most steps a test plays before it calls the kernel endless.
const ENDLESS: usize = 2_000;

pub(super) struct Run {
    pub(super) outcome: Outcome,
    pub(super) commands: Vec<Vec<u8>>,
    pub(super) choices: Vec<Vec<Candidate>>,
    pub(super) confirmations: Vec<Candidate>,
    /// The tries left that each prompt for an offline PIN named.
    pub(super) offline_pins: Vec<Option<u8>>,
    /// How each of those PINs was to travel.
    pub(super) pin_ways: Vec<OfflinePin>,
    pub(super) online_pins: usize,
    pub(super) draws: usize,
    pub(super) online: Option<Online>,
    pub(super) kernel: Kernel,
}

/// What the kernel told while it went online.
pub(super) struct Online {
    pub(super) request: OnlineRequest,
    pub(super) tvr: Vec<u8>,
    pub(super) tsi: Vec<u8>,
    pub(super) cvm_results: Vec<u8>,
    pub(super) cryptogram: Vec<u8>,
}

impl World {
    pub(super) fn new() -> World {
        World {
            configuration: Configuration::unionpay(),
            transaction: Transaction {
                amount: 1_234,
                amount_other: 0,
                currency: 156,
                date: [26, 11, 24],
                time: [12, 30, 59],
                transaction_type: 0,
                purpose: Purpose::Authorise,
                sequence_counter: 42,
                offline: OfflineApproval::Never,
            },
            card: Card::new(),
            host: Host::Answers(HostAnswer::bare(*b"00")),
            known: KnownCard::default(),
            pin: PinEntry::Entered,
            verify: VecDeque::new(),
            choices: VecDeque::new(),
            random: VecDeque::new(),
            interference: Box::new(|_, _, answer| Input::Card(answer)),
        }
    }

    /// A world with another card.
    pub(super) fn with(change: impl FnOnce(&mut Card)) -> World {
        let mut world = World::new();
        change(&mut world.card);
        world
    }

    pub(super) fn host(mut self, host: Host) -> World {
        self.host = host;
        self
    }

    pub(super) fn answers(self, change: impl FnOnce(&mut HostAnswer)) -> World {
        let mut answer = HostAnswer::bare(*b"00");
        change(&mut answer);
        self.host(Host::Answers(answer))
    }

    /// The card's answer to commands of this kind is replaced.
    pub(super) fn instead(mut self, instruction: u8, answer: &[u8]) -> World {
        let replacement = answer.to_vec();
        self.interference = Box::new(move |_, command, answer| {
            Input::Card(if command[1] == instruction { replacement.clone() } else { answer })
        });
        self
    }

    pub(super) fn run(self) -> Run {
        let World {
            configuration,
            transaction,
            mut card,
            host,
            known,
            pin,
            mut verify,
            mut choices,
            mut random,
            ..
        } = self;
        let mut interference = self.interference;
        let mut kernel = Kernel::new(Arc::new(configuration), transaction);
        let (mut commands, mut listed, mut confirmations) = (Vec::new(), Vec::new(), Vec::new());
        let (mut offline_pins, mut pin_ways) = (Vec::new(), Vec::new());
        let (mut online_pins, mut draws, mut online) = (0, 0, None);
        let mut action = kernel.start();
        for _ in 0..ENDLESS {
            let input = match action {
                Action::Transmit(command) => {
                    let answer = card.answer(&command);
                    let input = interference(commands.len(), &command, answer);
                    commands.push(command);
                    input
                }
                Action::DrawRandom => {
                    draws += 1;
                    Input::Random(random.pop_front().unwrap_or([0xC0, 0xFF, 0xEE, draws, 0, 0, 0, 50]))
                }
                Action::Choose(list) => {
                    listed.push(list);
                    choices.pop_front().unwrap_or(Input::Chosen(0))
                }
                Action::Confirm(candidate) => {
                    confirmations.push(candidate);
                    choices.pop_front().unwrap_or(Input::Confirmed)
                }
                Action::ReleaseCard => panic!("a card in the contact reader is not let go"),
                Action::LookUpCard => Input::LookedUp(known),
                Action::EnterOnlinePin => {
                    online_pins += 1;
                    Input::OnlinePin(pin)
                }
                Action::VerifyOfflinePin { pin, tries_left } => {
                    offline_pins.push(tries_left);
                    pin_ways.push(pin);
                    Input::OfflinePin(verify.pop_front().unwrap_or(OfflinePinResult::Status(0x9000)))
                }
                Action::GoOnline(request) => {
                    let data = |tag| kernel.data(tag).unwrap_or_default();
                    assert!(online.is_none(), "the kernel went online twice");
                    online = Some(Online {
                        request,
                        tvr: data(tags::TVR),
                        tsi: data(tags::TSI),
                        cvm_results: data(tags::CVM_RESULTS),
                        cryptogram: data(tags::CRYPTOGRAM),
                    });
                    match &host {
                        Host::Answers(answer) => Input::Host(answer.clone()),
                        Host::CannotBeReached => Input::UnableToGoOnline,
                        Host::IsSilent => Input::HostFailed,
                    }
                }
                Action::Finished(outcome) => {
                    return Run {
                        outcome,
                        commands,
                        choices: listed,
                        confirmations,
                        offline_pins,
                        pin_ways,
                        online_pins,
                        draws: usize::from(draws),
                        online,
                        kernel,
                    };
                }
            };
            action = kernel.resume(input);
        }
        panic!("the kernel does not end");
    }
}

impl Run {
    pub(super) fn verdict(&self) -> &Verdict {
        &self.outcome.verdict
    }

    pub(super) fn approved(&self) -> bool {
        self.outcome.verdict == Verdict::Approved
    }

    /// The commands with this instruction byte.
    pub(super) fn sent(&self, instruction: u8) -> Vec<&Vec<u8>> {
        self.commands.iter().filter(|command| command[1] == instruction).collect()
    }

    /// The data of a GENERATE AC (0 is the first), by the element's place and length in the list.
    pub(super) fn asked(&self, which: usize, place: usize, length: usize) -> &[u8] {
        &self.sent(0xAE)[which][5 + place..5 + place + length]
    }

    /// The TVR that the first GENERATE AC carried: what is in CDOL1 after 9F02, 9F03 and 9F1A.
    pub(super) fn tvr_at_card(&self) -> Tvr {
        Tvr(self.asked(0, 14, 5).try_into().unwrap())
    }

    pub(super) fn tvr(&self, bit: Bit) -> bool {
        self.outcome.tvr.has(bit)
    }

    pub(super) fn tsi(&self, bit: Bit) -> bool {
        self.outcome.tsi.has(bit)
    }

    pub(super) fn online(&self) -> &Online {
        self.online.as_ref().unwrap()
    }

    /// The names that SELECT was asked for, with P2.
    pub(super) fn selects(&self) -> Vec<(Vec<u8>, u8)> {
        self.sent(0xA4).iter().map(|command| (command[5..command.len() - 1].to_vec(), command[3])).collect()
    }
}

/// Every bit that is not of a sale that goes as it should: offline authentication not performed, an online PIN, over
/// the floor limit.
pub(super) const PLAIN: Tvr = Tvr([0x80, 0x00, 0x04, 0x80, 0x00]);
pub(super) const PLAIN_INFORMATION: Tsi = Tsi([0x68, 0x00]);
