//! One session of a card whose every answer the input decides, of a host and a cardholder as it pleases; and the
//! judgement of its end.

use crate::Source;
use posd_card::{Card, Profile, issuer};
use posd_emv::{
    configuration::{AuthorityKey, Configuration, Contactless, ContactlessLimits},
    date::Date,
    hex::Fixed,
    host::HostAnswer,
    indicators::{tsi, tvr},
    kernel::{
        Action, Again, Input, Kernel, KnownCard, OfflineApproval, OfflinePinResult, Outcome, PinEntry, Purpose, Reason,
        Transaction, Verdict,
    },
    tags,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, LazyLock},
};

/// The most actions of a session.
pub const MOST_ACTIONS: usize = 2_000;

/// A terminal with the test card's authority key, a contactless reader, and limits below which it may approve alone.
static STRICT: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
    let mut configuration = Configuration::unionpay();
    configuration.contactless = Some(Contactless {
        debit_credit: true,
        no_pin_limit: Some(10_000),
        no_signature_limit: Some(20_000),
        ..Contactless::default()
    });
    for application in &mut configuration.applications {
        application.floor_limit = 20_000;
        application.contactless = Some(ContactlessLimits {
            transaction_limit: Some(500_000),
            cvm_limit: Some(30_000),
            floor_limit: Some(20_000),
            cash_limit: Some(100_000),
        });
    }
    let key = issuer::authority_key();
    let last = Date::new(2035, 12, 31);
    let key = AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, last);
    configuration.authority_keys.extend(key);
    assert_eq!(configuration.validate(), Ok(()));
    Arc::new(configuration)
});

/// The same, with action codes that demand nothing.
static LENIENT: LazyLock<Arc<Configuration>> = LazyLock::new(|| {
    let mut configuration = Configuration::clone(&STRICT);
    for application in &mut configuration.applications {
        application.action_code_online = Some(Fixed([0; 5]));
        application.action_code_default = Some(Fixed([0; 5]));
    }
    assert_eq!(configuration.validate(), Ok(()));
    Arc::new(configuration)
});

/// A transaction, and a terminal for it.
pub struct Setting {
    /// The terminal.
    pub configuration: Arc<Configuration>,
    /// The transaction.
    pub transaction: Transaction,
}

impl Setting {
    /// Six bytes of the input: switches, transaction type, amount.
    ///
    /// Switches: bits 1 and 2 the offline approval, 3 reading only, 4 the lenient terminal, 5 cashback.
    pub fn read(source: &mut Source<'_>) -> Self {
        let switches = source.byte();
        let transaction_type = source.byte();
        let amount = u64::from(source.number());
        let offline = match switches & 3 {
            0 | 3 => OfflineApproval::Never,
            1 => OfflineApproval::First,
            _ => OfflineApproval::FirstOrUnableToGoOnline,
        };
        let transaction = Transaction {
            amount,
            amount_other: if switches & 16 == 0 { 0 } else { amount / 2 },
            currency: 156,
            date: [26, 11, 24],
            time: [12, 30, 59],
            transaction_type,
            purpose: if switches & 4 == 0 { Purpose::Authorise } else { Purpose::Read },
            sequence_counter: 42,
            offline,
        };
        let configuration = Arc::clone(if switches & 8 == 0 { &STRICT } else { &LENIENT });
        Self { configuration, transaction }
    }
}

/// What answers the commands.
pub enum Party {
    /// The input alone. It holds no key, so it can sign nothing.
    Forger,
    /// The test card, with the input between it and the terminal.
    Wedge(Box<Card>),
}

impl Party {
    /// One byte of the input. The wedged cards are numbered from 1; every other number is the forger.
    pub fn read(source: &mut Source<'_>, tap: bool) -> Self {
        let contact = [
            Profile::debit,
            Profile::credit,
            Profile::offline_pin,
            Profile::enciphered_pin,
            Profile::combined,
        ];
        let contactless =
            [Profile::quick_pass, Profile::phone, Profile::cash, Profile::debit_credit, Profile::combo];
        let number = usize::from(source.byte()).wrapping_sub(1);
        match (if tap { contactless } else { contact }).get(number) {
            Some(profile) => Self::with(Card::new(profile()), tap),
            None => Self::Forger,
        }
    }

    fn with(mut card: Card, tap: bool) -> Self {
        card.hold_to_field(tap);
        card.reset();
        Self::Wedge(Box::new(card))
    }

    /// The answer, `None` where the card is lost. The input says how it comes about: 1 a block, then 9000; 2 a block
    /// with its status words; 3 the card leaves; else the true answer (the forger has none), and from 0x80 on bits of
    /// it flipped: place in the answer, and mask.
    fn answer(&mut self, command: &[u8], source: &mut Source<'_>) -> Option<Vec<u8>> {
        match source.byte() {
            1 => Some([source.block(), &[0x90, 0x00]].concat()),
            2 => Some(source.block().to_vec()),
            3 => None,
            how => {
                let Self::Wedge(card) = self else { return None };
                let mut answer = card.transmit(command);
                if how >= 0x80 {
                    let place = usize::from(source.byte()) << 8 | usize::from(source.byte());
                    let mask = source.byte();
                    let length = answer.len();
                    if let Some(byte) = answer.get_mut(place % length.max(1)) {
                        *byte ^= mask;
                    }
                }
                (!answer.is_empty()).then_some(answer)
            }
        }
    }
}

/// What happened on the way to the end.
#[derive(Debug, Default)]
struct Met {
    /// The card is on the exception file.
    listed: bool,
    online: bool,
    unable: bool,
    handed: bool,
    approving: bool,
    pin_entered: bool,
    released: bool,
    commands: Vec<Vec<u8>>,
}

/// Plays the session and judges it.
///
/// # Panics
/// Where the kernel broke a promise.
pub fn play(
    setting: &Setting,
    party: &mut Party,
    tap: bool,
    source: &mut Source<'_>,
) -> (Outcome, Vec<Vec<u8>>) {
    let mut kernel = start(setting, tap, None);
    let first = run(setting, &mut kernel, party, tap, source);
    let (outcome, met) = &first;
    judge(setting, party, tap, outcome, met);
    touch(&kernel);
    assert!(
        matches!(kernel.resume(Input::Confirmed), Action::Finished(end) if end.verdict == Verdict::Terminated(Reason::OutOfTurn)),
        "nothing follows the end"
    );
    if let (true, Some(torn)) = (tap, kernel.take_torn()) {
        assert!(matches!(outcome.verdict, Verdict::TryAgain(_)), "only what is tried again is torn");
        if let Party::Wedge(card) = party {
            card.reset();
        }
        let mut kernel = start(setting, tap, Some(torn));
        let (outcome, met) = run(setting, &mut kernel, party, tap, source);
        judge(setting, party, tap, &outcome, &met);
    }
    (first.0, first.1.commands)
}

fn start(setting: &Setting, tap: bool, torn: Option<posd_emv::kernel::Torn>) -> Kernel {
    if tap {
        Kernel::tap(&setting.configuration, setting.transaction.clone(), torn)
    } else {
        Kernel::new(Arc::clone(&setting.configuration), setting.transaction.clone())
    }
}

fn run(
    setting: &Setting,
    kernel: &mut Kernel,
    party: &mut Party,
    tap: bool,
    source: &mut Source<'_>,
) -> (Outcome, Met) {
    let mut met = Met::default();
    // Fresh for every input, so that none replays a signature.
    let mut hasher = DefaultHasher::new();
    source.clone().rest().hash(&mut hasher);
    let mut random = hasher.finish();
    let mut action = kernel.start();
    for _ in 0..MOST_ACTIONS {
        let input = match action {
            Action::Transmit(command) => {
                assert!((4..=261).contains(&command.len()), "{} bytes are no command", command.len());
                assert!(!matches!(command[1], 0x20 | 0x21), "VERIFY is the secure module's own");
                assert!(!met.released, "a command after the card was let go");
                let answer = party.answer(&command, source);
                met.commands.push(command);
                answer.map_or(Input::CardLost, Input::Card)
            }
            Action::DrawRandom => {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                Input::Random(random.to_be_bytes())
            }
            Action::Choose(list) => {
                assert!(!tap && !list.is_empty(), "nobody chooses at a tap, or from nothing");
                match source.byte() {
                    0xFF => Input::Refused,
                    place => Input::Chosen(place.into()),
                }
            }
            Action::Confirm(candidate) => {
                assert!(!tap, "nobody confirms at a tap");
                assert!(candidate.label.chars().all(|letter| !letter.is_control()), "a label is printable");
                if source.byte() == 0xFF { Input::Refused } else { Input::Confirmed }
            }
            Action::LookUpCard => {
                // By the input's hash, so that no byte of the seeds moves.
                met.listed = random.is_multiple_of(16);
                Input::LookedUp(KnownCard { on_exception_file: met.listed, spent: (random >> 8) % 30_000 })
            }
            Action::EnterOnlinePin => {
                assert!(!met.listed, "nobody types a PIN for a card of the exception file");
                let entry = match source.byte() {
                    1 => PinEntry::Bypassed,
                    2 => PinEntry::PadMissing,
                    _ => PinEntry::Entered,
                };
                met.pin_entered |= entry == PinEntry::Entered;
                Input::OnlinePin(entry)
            }
            Action::VerifyOfflinePin { .. } => {
                assert!(!met.listed, "nobody types a PIN for a card of the exception file");
                assert!(!tap, "no PIN goes over the air");
                Input::OfflinePin(match source.byte() {
                    0 => OfflinePinResult::Status(0x9000),
                    1 => OfflinePinResult::Bypassed,
                    2 => OfflinePinResult::PadMissing,
                    low => OfflinePinResult::Status(u16::from(source.byte()) << 8 | u16::from(low)),
                })
            }
            Action::ReleaseCard => {
                assert!(tap, "a card in the contact reader is not let go");
                met.released = true;
                Input::Released
            }
            Action::GoOnline(_) => {
                assert!(!met.online, "the kernel went online twice");
                met.online = true;
                touch(kernel);
                host(setting, &mut met, source)
            }
            Action::Finished(outcome) => return (outcome, met),
        };
        action = kernel.resume(input);
    }
    panic!("the kernel does not end");
}

/// 0 the host approves, 1 cannot be reached, 2 is silent, 3 the card is lost meanwhile; else a code of two bytes and a
/// block of field 55.
fn host(setting: &Setting, met: &mut Met, source: &mut Source<'_>) -> Input {
    let answer = match source.byte() {
        0 => HostAnswer::bare(*b"00"),
        1 => {
            met.unable = true;
            return Input::UnableToGoOnline;
        }
        2 => return Input::HostFailed,
        3 => return Input::CardLost,
        _ => match HostAnswer::from_field55([source.byte(), source.byte()], source.block()) {
            Ok(answer) => answer,
            Err(_) => return Input::HostFailed,
        },
    };
    met.handed = true;
    met.approving = setting.configuration.approves(&answer.authorisation_response_code);
    Input::Host(answer)
}

/// Everything that is asked of a kernel while it waits or when it has ended.
fn touch(kernel: &Kernel) {
    let _ = (kernel.expiry(), kernel.pan_sequence(), kernel.track2(), kernel.first_cryptogram());
    if let Some(pan) = kernel.pan() {
        assert!((1..=19).contains(&pan.len()) && pan.bytes().all(|byte| byte.is_ascii_digit()));
    }
    for name in [kernel.label(), kernel.preferred_name()].into_iter().flatten() {
        assert!(name.chars().all(|letter| !letter.is_control()), "a name is printable");
    }
}

fn judge(setting: &Setting, party: &Party, tap: bool, outcome: &Outcome, met: &Met) {
    let Outcome { verdict, tvr: results, tsi: status, .. } = outcome;
    let context = || format!("{outcome:?} of {:?}", setting.transaction);
    assert!(!outcome.host_approved || met.approving, "the host did not approve: {}", context());
    assert!(!met.listed || !met.online, "a card of the exception file went online: {}", context());
    if *verdict == Verdict::Approved {
        assert!(!met.listed, "approved a card of the exception file: {}", context());
        let certificate = outcome.cryptogram_information.is_some_and(|cid| cid & 0xC0 == 0x40);
        assert!(
            setting.transaction.purpose == Purpose::Authorise,
            "approved what was only read: {}",
            context()
        );
        assert!(certificate || (tap && outcome.host_approved), "approved without a TC: {}", context());
        assert!(outcome.cryptogram.is_some() || outcome.host_approved, "nothing proves it: {}", context());
        if met.online && !met.unable {
            assert!(outcome.host_approved, "approved what the host did not: {}", context());
        } else {
            let offline = setting.transaction.offline;
            assert!(offline != OfflineApproval::Never, "approved alone: {}", context());
            assert!(
                !met.unable || (!tap && offline == OfflineApproval::FirstOrUnableToGoOnline),
                "approved without its host: {}",
                context()
            );
            if tap {
                let signed = match party {
                    Party::Forger => false,
                    Party::Wedge(card) => card.last_tc().is_some(),
                };
                assert!(signed, "approved what no card signed: {}", context());
            }
        }
    }
    if matches!(verdict, Verdict::Read) {
        assert!(setting.transaction.purpose == Purpose::Read && !met.online, "only read: {}", context());
        assert!(
            !met.commands.iter().any(|command| command[1] == 0xAE),
            "a card that is read is bound to nothing"
        );
    }
    assert!(tap || !matches!(verdict, Verdict::TryAgain(_) | Verdict::AnotherInterface), "{}", context());
    assert!(
        !(met.online && matches!(verdict, Verdict::TryAgain(Again::Torn))),
        "again after the host was asked: {}",
        context()
    );

    // Bits that the books reserve are never set.
    for (byte, mask) in results.0.iter().zip([0xFE, 0xF8, 0xFC, 0xF8, 0xF0]) {
        assert!(byte & !mask == 0, "{}", context());
    }
    assert!(status.0[0] & !0xFC == 0 && status.0[1] == 0, "{}", context());
    let authenticated = status.has(tsi::ODA_PERFORMED);
    assert!(!(results.has(tvr::ODA_NOT_PERFORMED) && authenticated), "performed or not: {}", context());
    for failed in [tvr::SDA_FAILED, tvr::DDA_FAILED, tvr::CDA_FAILED] {
        assert!(!results.has(failed) || !results.has(tvr::ODA_NOT_PERFORMED), "failed undone: {}", context());
        assert!(tap || !results.has(failed) || authenticated, "failed undone: {}", context());
    }
    assert!(!results.has(tvr::SDA_FAILED) || tap || results.has(tvr::SDA_SELECTED), "{}", context());
    let scripts = results.has(tvr::SCRIPT_FAILED_BEFORE) || results.has(tvr::SCRIPT_FAILED_AFTER);
    assert!(!scripts || outcome.script_results.is_some(), "a script without result: {}", context());
    assert!(
        outcome.script_results.as_ref().is_none_or(|results| results.len() % 5 == 0 && met.handed),
        "{}",
        context()
    );
    assert!(!status.has(tsi::SCRIPT_PERFORMED) || met.handed, "scripts of nobody: {}", context());
    let refused = results.has(tvr::ISSUER_AUTHENTICATION_FAILED);
    assert!(refused == outcome.issuer_authentication_failed && (!refused || met.handed), "{}", context());
    assert!(!status.has(tsi::ISSUER_AUTHENTICATION_PERFORMED) || met.handed, "{}", context());
    assert!(!outcome.online_pin || met.pin_entered, "a PIN that nobody entered: {}", context());
    assert!(tap || results.has(tvr::ONLINE_PIN_ENTERED) == outcome.online_pin, "{}", context());
    let verified = results.0[2] != 0;
    assert!(tap || !verified || status.has(tsi::CVM_PERFORMED), "verified and not: {}", context());
}

/// The path of records that the terminal reads, by its locator: file and record.
pub fn located(locator: &[u8]) -> Vec<(u8, u8)> {
    let entries = locator.chunks_exact(4);
    entries.flat_map(|entry| (entry[1]..=entry[2]).map(|record| (entry[0] >> 3, record))).collect()
}

/// Records only: a card that selects and initiates as it should. The input gives the locator, a block, then each record.
///
/// # Panics
/// Where the kernel broke a promise.
pub fn read_records(source: &mut Source<'_>) {
    let mut setting = Setting::read(source);
    setting.transaction.purpose = Purpose::Read;
    let locator = source.block().to_vec();
    let name = setting.configuration.applications[0].aid.to_vec();
    let mut kernel = start(&setting, false, None);
    let mut action = kernel.start();
    let mut read = Vec::new();
    for _ in 0..MOST_ACTIONS {
        action = match action {
            Action::Transmit(command) => {
                let good = |data: Vec<u8>| Input::Card([data, vec![0x90, 0x00]].concat());
                use posd_emv::tlv::encode;
                kernel.resume(match command[1] {
                    0xA4 if command.ends_with(&[&name[..], &[0]].concat()) => good(encode(
                        tags::FCI,
                        &[encode(tags::DF_NAME, &name), encode(tags::FCI_PROPRIETARY, &[])].concat(),
                    )),
                    0xA4 => Input::Card(vec![0x6A, 0x82]),
                    0xA8 => good(encode(tags::RESPONSE_PRIMITIVE, &[&[0x1C, 0x00][..], &locator].concat())),
                    0xB2 => {
                        read.push((command[3] >> 3, command[2]));
                        // One in 256 comes without its template, or not at all.
                        match source.byte() {
                            0xFF => Input::Card(source.block().to_vec()),
                            _ => good(encode(tags::RECORD, source.block())),
                        }
                    }
                    _ => Input::Card(vec![0x6D, 0x00]),
                })
            }
            Action::DrawRandom => kernel.resume(Input::Random([7; 8])),
            Action::Choose(_) => kernel.resume(Input::Chosen(0)),
            Action::Confirm(_) => kernel.resume(Input::Confirmed),
            Action::Finished(outcome) => {
                let named = located(&locator);
                // GET RESPONSE and a second try do not count, as no answer here asks for them more than once.
                if outcome.verdict == Verdict::Read {
                    assert!(locator.len().is_multiple_of(4), "a locator of no entries: {locator:02X?}");
                    read.dedup();
                    let mut named = named;
                    named.dedup();
                    assert_eq!(read, named, "what was read is not what the locator names");
                    let pan = kernel.pan().expect("a card that is read has a number");
                    assert!((8..=19).contains(&pan.len()));
                    assert_eq!(kernel.expiry().expect("and an expiry").len(), 4);
                    if let Some(track) = kernel.track2() {
                        assert!(track.starts_with(&format!("{}D", *pan)), "the track is of another card");
                    }
                }
                touch(&kernel);
                return;
            }
            other => panic!("{other:?} while reading"),
        };
    }
    panic!("the kernel does not end");
}
