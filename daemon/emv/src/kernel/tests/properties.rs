//! Whatever card, wedge and host say: no panic, an end within bounds, and no approval that is none.

use super::{
    super::{Input, OfflinePinResult, PinEntry, Verdict, session::MOST_COMMANDS},
    card::Card,
    issuer,
    world::{Host, Run, World},
};
use crate::host::HostAnswer;
use proptest::{collection::vec, prelude::*};

/// What is done to one of the card's answers.
#[derive(Debug, Clone)]
enum Fault {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, u8),
    Replace(Vec<u8>),
    Status(u16),
    Lost,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => (any::<usize>(), 1_u8..).prop_map(|(place, mask)| Fault::Flip(place, mask)),
        2 => any::<usize>().prop_map(Fault::Cut),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(place, byte)| Fault::Insert(place, byte)),
        1 => vec(any::<u8>(), 0..80).prop_map(Fault::Replace),
        1 => prop_oneof![any::<u16>(), Just(0x6283), Just(0x6A81), Just(0x6985), 0x6100_u16..0x6D00]
            .prop_map(Fault::Status),
        1 => Just(Fault::Lost),
    ]
}

impl Fault {
    fn apply(&self, mut answer: Vec<u8>) -> Input {
        match self {
            Fault::Flip(place, mask) => {
                let length = answer.len().max(1);
                if let Some(byte) = answer.get_mut(place % length) {
                    *byte ^= mask;
                }
            }
            Fault::Cut(place) => answer.truncate(place % (answer.len() + 1)),
            Fault::Insert(place, byte) => answer.insert(place % (answer.len() + 1), *byte),
            Fault::Replace(bytes) => answer = bytes.clone(),
            Fault::Status(status) => {
                answer.truncate(answer.len().saturating_sub(2));
                answer.extend(status.to_be_bytes());
            }
            Fault::Lost => return Input::CardLost,
        }
        Input::Card(answer)
    }
}

fn host() -> impl Strategy<Value = Host> {
    let code = prop_oneof![3 => Just(*b"00"), 1 => Just(*b"51"), 1 => any::<[u8; 2]>()];
    let scripts = || vec(vec(any::<u8>(), 0..60), 0..3);
    let answers = (code, proptest::option::of(vec(any::<u8>(), 0..20)), scripts(), scripts()).prop_map(
        |(authorisation_response_code, issuer_authentication_data, scripts_before, scripts_after)| {
            Host::Answers(HostAnswer {
                authorisation_response_code,
                issuer_authentication_data,
                scripts_before,
                scripts_after,
            })
        },
    );
    prop_oneof![6 => answers, 1 => Just(Host::CannotBeReached), 1 => Just(Host::IsSilent)]
}

/// What must hold of every run.
fn judge(run: &Run, host: &Host) -> Result<(), TestCaseError> {
    prop_assert!(run.commands.len() <= MOST_COMMANDS as usize);
    prop_assert!(run.sent(0xAE).len() <= 2 * 2, "each GENERATE AC is sent once, and once more for 6Cxx");
    prop_assert!(run.sent(0x20).is_empty(), "VERIFY is not the kernel's");
    let approving = matches!(host, Host::Answers(answer)
        if ["00", "10", "11", "A2", "A4", "A5", "A6"].iter().any(|c| c.as_bytes() == answer.authorisation_response_code));
    prop_assert!(!run.outcome.host_approved || (approving && run.online.is_some()));
    if run.outcome.verdict == Verdict::Approved {
        prop_assert!(run.outcome.host_approved);
        prop_assert_eq!(run.outcome.cryptogram_information.map(|cid| cid & 0xC0), Some(0x40));
        prop_assert_eq!(run.sent(0xAE).last().map(|command| command[2]), Some(0x40));
    }
    if let Some(first) = run.sent(0xAE).first() {
        prop_assert!(first[2] != 0x40, "no TC is asked for first");
    }
    if run.outcome.script_results.as_ref().is_some_and(|results| results.len() % 5 != 0) {
        return Err(TestCaseError::fail("script results are five bytes each"));
    }
    Ok(())
}

fn richer(card: &mut Card) {
    card.set(0x9F14, "05");
    card.set(0x9F23, "0A");
    card.set(0x8E, "000001F4000007D0 4103 4203 4303 5E03 1F00");
    card.data.extend([(0x9F36, vec![0, 7]), (0x9F13, vec![0, 1]), (0x9F17, vec![3])]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_answers_end_well(
        faults in vec((0_usize..24, fault()), 0..4),
        host in host(),
        verify in vec(prop_oneof![
            any::<u16>().prop_map(OfflinePinResult::Status),
            (0x63C0_u16..0x63D0).prop_map(OfflinePinResult::Status),
            Just(OfflinePinResult::Status(0x9000)),
            Just(OfflinePinResult::Bypassed),
            Just(OfflinePinResult::PadMissing),
        ], 0..4),
        pin in prop_oneof![Just(PinEntry::Entered), Just(PinEntry::Bypassed), Just(PinEntry::PadMissing)],
        amount in 0_u64..10_000,
    ) {
        let mut world = World::with(richer).host(host.clone());
        world.transaction.amount = amount;
        world.pin = pin;
        world.verify = verify.into();
        world.interference = Box::new(move |count, _, answer| {
            match faults.iter().find(|(place, _)| *place == count) {
                Some((_, fault)) => fault.apply(answer),
                None => Input::Card(answer),
            }
        });
        judge(&world.run(), &host)?;
    }

    #[test]
    fn arbitrary_answers_end_well(
        answers in vec(prop_oneof![
            vec(any::<u8>(), 0..40),
            vec(any::<u8>(), 0..40).prop_map(|mut data| { data.extend([0x90, 0x00]); data }),
        ], 1..60),
        host in host(),
    ) {
        let mut world = World::new().host(host.clone());
        world.interference = Box::new(move |count, _, _| Input::Card(answers[count % answers.len()].clone()));
        judge(&world.run(), &host)?;
    }

    #[test]
    fn arbitrary_records_end_well(
        elements in vec((prop_oneof![
            prop::sample::select(vec![
                0x57_u32, 0x5A, 0x5F24, 0x5F25, 0x5F28, 0x8C, 0x8D, 0x8E, 0x9F07, 0x9F08, 0x9F0D, 0x9F0E, 0x9F14, 0x9F23,
                0x9F42, 0x97, 0x8F, 0x90, 0x93, 0x9F46, 0x9F49, 0x9F4A, 0x5F34,
            ]),
        ], vec(any::<u8>(), 0..30)), 0..6),
        host in host(),
    ) {
        let mut world = World::with(|card| {
            for (tag, value) in &elements {
                card.remove(*tag);
                card.files.entry((1, 2)).or_default().push((*tag, value.clone()));
            }
        }).host(host.clone());
        world.card.profile = [0x7C, 0];
        world.configuration.authority_keys.push(issuer::authority_key());
        judge(&world.run(), &host)?;
    }
}

proptest! {
    // These cards have certificates that must be recovered: fewer of them.
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn mutated_certificates_end_well(
        faults in vec((5_usize..14, fault()), 1..3),
        profile in prop::sample::select(vec![0x40_u8, 0x20]),
    ) {
        let mut world = issuer::world(profile);
        world.interference = Box::new(move |count, _, answer| {
            match faults.iter().find(|(place, _)| *place == count) {
                Some((_, fault)) => fault.apply(answer),
                None => Input::Card(answer),
            }
        });
        let host = world.host.clone();
        judge(&world.run(), &host)?;
    }

    #[test]
    fn inputs_in_any_order_never_approve_alone(inputs in vec(0_u8..8, 0..40)) {
        use super::super::{Action, Kernel};
        let world = World::new();
        let mut kernel = Kernel::new(std::sync::Arc::new(world.configuration), world.transaction);
        let mut action = kernel.start();
        for input in inputs {
            if let Action::Finished(outcome) = &action {
                prop_assert!(outcome.verdict != Verdict::Approved);
            }
            action = kernel.resume(match input {
                0 => Input::Card(vec![0x90, 0]),
                1 => Input::Random([0; 8]),
                2 => Input::Chosen(0),
                3 => Input::Confirmed,
                4 => Input::OnlinePin(PinEntry::Entered),
                5 => Input::OfflinePin(OfflinePinResult::Status(0x9000)),
                6 => Input::Host(HostAnswer::bare(*b"00")),
                _ => Input::HostFailed,
            });
        }
    }
}
