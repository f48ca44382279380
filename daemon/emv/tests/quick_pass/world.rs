//! What surrounds a tap in a test: the card in the field, a wedge between it and the reader, the PIN pad, the issuer.

use posd_card::{Card, Profile, issuer};
use posd_emv::{
    configuration::{AuthorityKey, Configuration, Contactless, ContactlessLimits},
    date::Date,
    host::HostAnswer,
    kernel::{
        Action, Input, Kernel, KnownCard, OfflineApproval, OnlineRequest, Outcome, PinEntry, Purpose, Torn,
        Transaction, Verdict,
    },
    tags,
};
use std::sync::atomic::{AtomicU32, Ordering};

/// The CVM limit of every test: above it the cardholder must be verified.
pub(crate) const LIMIT: u64 = 30_000;

/// What a wedge makes of a command or an answer; the number counts commands from 0.
pub(crate) type Wedge = Box<dyn FnMut(usize, Vec<u8>) -> Vec<u8>>;

pub(crate) struct World {
    pub(crate) configuration: Configuration,
    pub(crate) transaction: Transaction,
    pub(crate) card: Card,
    pub(crate) pin: PinEntry,
    /// The host: `None` where it cannot be reached.
    pub(crate) code: Option<[u8; 2]>,
    pub(crate) to_card: Wedge,
    pub(crate) from_card: Wedge,
    pub(crate) torn: Option<Torn>,
}

/// What came of a tap.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) commands: Vec<Vec<u8>>,
    pub(crate) online: Option<OnlineRequest>,
    pub(crate) pins: usize,
    /// How many commands the card had answered when it was let go; `None` where it was not.
    pub(crate) released_after: Option<usize>,
    /// The issuer found the cryptogram right over what the terminal told it.
    pub(crate) genuine: bool,
    pub(crate) kernel: Kernel,
}

pub(crate) fn configuration() -> Configuration {
    let mut configuration = Configuration::unionpay();
    configuration.contactless = Some(Contactless { debit_credit: true, ..Contactless::default() });
    for application in &mut configuration.applications {
        application.contactless = Some(ContactlessLimits {
            transaction_limit: Some(500_000),
            cvm_limit: Some(LIMIT),
            floor_limit: Some(20_000),
            cash_limit: Some(100_000),
        });
    }
    let key = issuer::authority_key();
    let last = Date::new(2035, 12, 31);
    configuration.authority_keys.push(
        AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, last).unwrap(),
    );
    assert_eq!(configuration.validate(), Ok(()));
    configuration
}

pub(crate) fn transaction(amount: u64) -> Transaction {
    Transaction {
        amount,
        amount_other: 0,
        currency: 156,
        date: [26, 11, 24],
        time: [12, 30, 59],
        transaction_type: 0,
        purpose: Purpose::Authorise,
        sequence_counter: 42,
        offline: OfflineApproval::Never,
    }
}

impl World {
    pub(crate) fn new(profile: Profile, amount: u64) -> World {
        World::with(Card::new(profile), amount)
    }

    pub(crate) fn with(card: Card, amount: u64) -> World {
        World {
            configuration: configuration(),
            transaction: transaction(amount),
            card,
            pin: PinEntry::Entered,
            code: Some(*b"00"),
            to_card: Box::new(|_, command| command),
            from_card: Box::new(|_, answer| answer),
            torn: None,
        }
    }

    /// Card and terminal may approve by themselves.
    pub(crate) fn offline(mut self) -> World {
        self.transaction.offline = OfflineApproval::First;
        self
    }

    pub(crate) fn reader(&mut self) -> &mut Contactless {
        self.configuration.contactless.as_mut().unwrap()
    }

    /// The value of an element is flipped in every answer, at this bit from the left.
    pub(crate) fn flips(self, tag: u32, bit: usize) -> World {
        self.misbehaves(posd_card::Fault::FlipElement(tag, bit))
    }

    pub(crate) fn misbehaves(mut self, fault: posd_card::Fault) -> World {
        self.card.misbehave(posd_card::Misbehaviour::new(posd_card::When::Always, fault));
        self
    }

    pub(crate) fn run(self) -> Run {
        self.play().0
    }

    /// Plays the tap; the card comes back, to be tapped again.
    pub(crate) fn play(mut self) -> (Run, Card) {
        static DRAWN: AtomicU32 = AtomicU32::new(1);
        self.card.hold_to_field(true);
        self.card.reset();
        let mut kernel = Kernel::tap(&self.configuration, self.transaction, self.torn);
        let (mut commands, mut online, mut pins, mut released_after) = (Vec::new(), None, 0, None);
        let mut genuine = false;
        let mut action = kernel.start();
        for _ in 0..1_000 {
            let input = match action {
                Action::Transmit(command) => {
                    assert!(released_after.is_none(), "a command after the card was let go");
                    let count = commands.len();
                    commands.push(command.clone());
                    let answer = self.card.transmit(&(self.to_card)(count, command));
                    let answer = (self.from_card)(count, answer);
                    if answer.is_empty() { Input::CardLost } else { Input::Card(answer) }
                }
                Action::DrawRandom => {
                    let number = DRAWN.fetch_add(1, Ordering::Relaxed).to_be_bytes();
                    Input::Random([number[0], number[1], number[2], number[3], 0, 0, 0, 50])
                }
                Action::ReleaseCard => {
                    released_after = Some(commands.len());
                    self.card.removed();
                    Input::Released
                }
                Action::LookUpCard => Input::LookedUp(KnownCard::default()),
                Action::EnterOnlinePin => {
                    pins += 1;
                    Input::OnlinePin(self.pin)
                }
                Action::GoOnline(request) => {
                    assert!(online.is_none(), "the kernel went online twice");
                    online = Some(request);
                    genuine = is_genuine(&kernel);
                    match self.code {
                        None => Input::UnableToGoOnline,
                        // An issuer takes no forged cryptogram.
                        Some(code) => Input::Host(HostAnswer::bare(if genuine { code } else { *b"59" })),
                    }
                }
                Action::Finished(outcome) => {
                    if outcome.verdict == Verdict::Approved && online.is_none() {
                        genuine = is_genuine(&kernel);
                    }
                    self.card.removed();
                    let run = Run { outcome, commands, online, pins, released_after, genuine, kernel };
                    return (run, self.card);
                }
                Action::Choose(_) | Action::Confirm(_) | Action::VerifyOfflinePin { .. } => {
                    panic!("nobody is asked that at a tap")
                }
            };
            action = kernel.resume(input);
        }
        panic!("the kernel does not end");
    }
}

/// Whether the cryptogram is the card's over what the terminal tells: the issuer's own check.
fn is_genuine(kernel: &Kernel) -> bool {
    fn array<const N: usize>(kernel: &Kernel, tag: u32) -> [u8; N] {
        kernel.data(tag).and_then(|value| value.try_into().ok()).unwrap_or([0xEE; N])
    }
    let data = kernel.data(tags::ISSUER_APPLICATION_DATA).unwrap_or_default();
    let Some(cvr) = data.get(3..7).and_then(|cvr| cvr.try_into().ok()) else { return false };
    let input = issuer::CryptogramInput {
        amount: array(kernel, tags::AMOUNT),
        other: array(kernel, tags::AMOUNT_OTHER),
        country: array(kernel, tags::COUNTRY),
        tvr: array(kernel, tags::TVR),
        currency: array(kernel, tags::CURRENCY),
        date: array(kernel, tags::DATE),
        transaction_type: array::<1>(kernel, tags::TRANSACTION_TYPE)[0],
        unpredictable_number: array(kernel, tags::UNPREDICTABLE_NUMBER),
        aip: array(kernel, tags::AIP),
        atc: u16::from_be_bytes(array(kernel, tags::ATC)),
        cvr,
    };
    let (Some(pan), sequence) = (kernel.pan(), kernel.pan_sequence().unwrap_or(0)) else { return false };
    issuer::verify_tc(&issuer::MASTER_KEY, &pan, sequence, &input, array(kernel, tags::CRYPTOGRAM))
}

impl Run {
    pub(crate) fn verdict(&self) -> &Verdict {
        &self.outcome.verdict
    }

    pub(crate) fn approved(&self) -> bool {
        self.outcome.verdict == Verdict::Approved
    }

    /// 9F34.
    pub(crate) fn results(&self) -> [u8; 3] {
        self.outcome.cvm_results.0
    }

    /// Whether the sale goes on, here or at the host, though nobody was verified.
    pub(crate) fn unverified(&self) -> bool {
        let goes_on = self.online.is_some() || self.approved();
        let device = self.outcome.tap.is_some_and(|tap| tap.device);
        let signs = self.outcome.signature_required && self.results()[0] & 0x3F == 0x1E;
        goes_on && !self.outcome.online_pin && !device && !signs
    }

    /// Whether the card gave its last certificate for this very tap.
    pub(crate) fn is_signed_by(&self, card: &Card) -> bool {
        let data = |tag| self.kernel.data(tag).unwrap_or_default();
        card.last_tc().is_some_and(|tc| {
            data(tags::UNPREDICTABLE_NUMBER) == tc.input.unpredictable_number
                && data(tags::AMOUNT) == tc.input.amount
        })
    }

    /// The command with this instruction byte.
    pub(crate) fn sent(&self, instruction: u8) -> Vec<&Vec<u8>> {
        self.commands.iter().filter(|command| command[1] == instruction).collect()
    }

    /// TTQ as the card was told: it stands first in the test card's list.
    pub(crate) fn qualifiers(&self) -> [u8; 4] {
        self.sent(0xA8)[0][7..11].try_into().unwrap()
    }
}
