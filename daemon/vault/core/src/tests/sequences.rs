//! Whatever is asked, in whatever order: no panic, no PIN in an answer, and the same again.

use posd_vault_protocol::{
    CardPrompt, DeviceState, Digits, EncipheredKey, FromVault, KeyAlgorithm, MacAlgorithm, Numbered,
    PinPrompt, Request, Secret, Slot, VERSION, VerifyMethod, encode,
};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{PAN, STORAGE, components, core, give, prompt, work_keys};
use crate::{CardFault, Core, Input, Key, KeyRequest, Output, StoreFault};

/// The PIN that is typed: long, so that it is not found by chance.
const PIN: [u8; 12] = [9, 0, 8, 1, 7, 2, 6, 3, 5, 4, 4, 5];

fn request() -> impl Strategy<Value = u8> {
    0u8..25
}

fn make(kind: u8, data: &[u8]) -> Request {
    let method = match kind {
        6 => VerifyMethod::Plaintext,
        _ => VerifyMethod::Enciphered { modulus: [&[0xC1; 71][..], &[1]].concat(), exponent: vec![3] },
    };
    let key = || EncipheredKey { cipher: data.to_vec(), check_value: data.iter().take(4).copied().collect() };
    match kind {
        0 => Request::Hello { version: VERSION },
        1 => Request::Status,
        2 => Request::PowerOn { slot: slot(data.last().map_or(1, |byte| byte | 1)) },
        3 => Request::Transmit { apdu: data.to_vec() },
        4 => Request::PowerOff,
        5 => Request::EnterOnlinePin { prompt: prompt(), pan: Digits::new(PAN).unwrap() },
        6 | 7 => Request::VerifyOfflinePin { prompt: prompt(), method },
        8 => Request::CheckPassword { operator: "01".into(), password: None, timeout_ms: 900 },
        9 => Request::CancelPrompt,
        10 => Request::LoadWorkKeys { algorithm: KeyAlgorithm::TripleDes, pin_key: key(), mac_key: key() },
        11 => Request::MakeMac { algorithm: MacAlgorithm::X919, input: data.to_vec() },
        12 => Request::CheckMac {
            algorithm: MacAlgorithm::UnionPayEcb,
            input: data.to_vec(),
            mac: [data.len() as u8; 8],
        },
        13 => Request::Seal { clear: Secret::new(data.to_vec()), context: 3 },
        14 => Request::Open { sealed: data.to_vec(), context: 3 },
        15 => work_keys(),
        16 => Request::EnterOnlinePin {
            prompt: PinPrompt {
                minimum: data.len() as u8,
                maximum: 12,
                bypass: false,
                timeout_ms: u32::MAX,
                amount: 0,
                currency: 0,
                tries_left: Some(1),
            },
            pan: Digits::new("1").unwrap(),
        },
        17 => Request::EnterCard { prompt: CardPrompt { timeout_ms: 5_000, amount: 1, currency: 156 } },
        18 => Request::ChangePassword { operator: "01".into(), passwords: None, timeout_ms: 5_000 },
        19 => Request::ResetPassword { operator: "01".into(), authority: None, timeout_ms: 5_000 },
        20 => Request::AddOperator {
            operator: "07".into(),
            authority: Some(Secret::new(data.to_vec())),
            timeout_ms: 0,
        },
        21 => Request::ListOperators,
        22 => Request::AwaitSwipe { timeout_ms: 700 },
        23 => Request::CancelSwipe,
        _ => Request::CheckPassword {
            operator: String::from_utf8_lossy(data).into_owned(),
            password: None,
            timeout_ms: 0,
        },
    }
}

fn slot(of: u8) -> Slot {
    if of.is_multiple_of(3) { Slot::Contactless } else { Slot::Contact }
}

fn input(kind: u8, of: u8, data: &[u8]) -> Vec<Input> {
    let (first, second) = components();
    match kind {
        0..=9 => vec![Input::Request(u32::from(of) + 1, make(of, data))],
        10 => vec![Input::Connected, Input::Request(1, Request::Hello { version: VERSION })],
        11 => vec![Input::Disconnected],
        12 => vec![Input::Card(slot(of), of.is_multiple_of(2))],
        13 => {
            vec![Input::Reader(
                slot(of),
                if of.is_multiple_of(4) { DeviceState::Missing } else { DeviceState::Ready },
            )]
        }
        14 => {
            vec![Input::PinPad(if of.is_multiple_of(4) { DeviceState::Faulty } else { DeviceState::Ready })]
        }
        15 => {
            vec![Input::Powered(if of.is_multiple_of(3) { Err(CardFault::Mute) } else { Ok(data.to_vec()) })]
        }
        16 => vec![Input::Answered(if of.is_multiple_of(5) {
            Err(CardFault::Removed)
        } else {
            Ok(Zeroizing::new(data.to_vec()))
        })],
        17..=21 => PIN.iter().map(|digit| Input::Key(Key::Digit(*digit))).collect(),
        22 | 23 => {
            vec![Input::Key([Key::Enter, Key::Cancel, Key::Clear, Key::Backspace][usize::from(of % 4)])]
        }
        24 => vec![Input::Wake],
        25 => vec![Input::Stored(Err(StoreFault))],
        26 => vec![Input::Custodian(KeyRequest::Type { custodian: "alice".into() })],
        27 => vec![
            Input::Custodian(give("alice", "1111", &first)),
            Input::Custodian(give("bob", "2222", &second)),
        ],
        28 => vec![Input::Custodian(KeyRequest::Abandon)],
        29 => vec![Input::StripeReader(match of % 4 {
            0 => DeviceState::Missing,
            _ => DeviceState::Ready,
        })],
        30 => vec![Input::Swiped(Secret::new(data.to_vec()))],
        _ => vec![Input::CustodianGone],
    }
}

fn digits_of_pin() -> Vec<Vec<u8>> {
    let text: Vec<u8> = PIN.iter().map(|digit| b'0' + digit).collect();
    let packed: Vec<u8> = PIN.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    vec![PIN.to_vec(), text, packed]
}

/// Performs one input and everything it leads to; gives the bytes that leave towards posd and custodians.
fn run(core: &mut Core, input: Input, now: u64, sent: &mut Vec<u8>, requests: &mut i64) {
    for output in core.handle(input, now) {
        match output {
            Output::Reply(id, body) => {
                *requests -= 1;
                let message = FromVault::Reply(Numbered { id, body });
                sent.extend_from_slice(&encode(&message).unwrap());
            }
            Output::Notice(notice) => sent.extend_from_slice(&encode(&FromVault::Notice(notice)).unwrap()),
            Output::Custodian(reply) => sent.extend_from_slice(&encode(&reply).unwrap()),
            Output::Store(blob) => {
                sent.extend_from_slice(&blob);
                run(core, Input::Stored(Ok(())), now, sent, requests);
            }
            _ => {}
        }
    }
}

fn play(steps: &[(u8, u8, Vec<u8>, u16)]) -> (Vec<u8>, i64) {
    let mut core = core(Some(STORAGE), None);
    let (mut now, mut sent, mut requests) = (0, Vec::new(), 0);
    for (kind, of, data, pause) in steps {
        now += u64::from(*pause);
        for input in input(*kind, *of, data) {
            if matches!(input, Input::Request(..)) {
                requests += 1;
            }
            run(&mut core, input, now, &mut sent, &mut requests);
        }
    }
    (sent, requests)
}

fn ready() -> Vec<(u8, u8, Vec<u8>, u16)> {
    let step = |kind, of| (kind, of, vec![0x90, 0x00], 1);
    vec![
        step(13, 1),
        step(14, 1),
        step(12, 2),
        step(10, 0),
        step(27, 0),
        step(0, 15),
        step(0, 2),
        step(15, 1),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_sequence_is_survived_and_shows_no_pin(
        steps in proptest::collection::vec(
            (0u8..32, request(), proptest::collection::vec(any::<u8>(), 0..20), 0u16..2000),
            0..60,
        ),
        prepared in any::<bool>(),
    ) {
        let steps = if prepared { [ready(), steps].concat() } else { steps };
        let (sent, unanswered) = play(&steps);
        prop_assert!(unanswered >= 0, "more replies than requests");
        for secret in digits_of_pin() {
            prop_assert!(!sent.windows(secret.len()).any(|window| window == secret));
        }
        prop_assert_eq!(play(&steps).0, sent, "the same again");
    }
}

#[test]
fn the_search_for_the_pin_would_find_it() {
    // The positive control: VERIFY to the card does hold it.
    let mut core = core(Some(STORAGE), None);
    let mut commands = Vec::new();
    let steps = [ready(), vec![(0, 6, vec![], 1), (17, 0, vec![], 1), (22, 0, vec![], 1)]].concat();
    for (kind, of, data, _) in &steps {
        for input in input(*kind, *of, data) {
            let mut waiting = vec![input];
            while let Some(input) = waiting.pop() {
                for output in core.handle(input, 5) {
                    match output {
                        Output::Transmit(_, command) => commands.extend_from_slice(&command),
                        Output::Store(_) => waiting.push(Input::Stored(Ok(()))),
                        _ => {}
                    }
                }
            }
        }
    }
    assert!(digits_of_pin().iter().any(|pin| commands.windows(pin.len()).any(|window| window == pin)));
}
