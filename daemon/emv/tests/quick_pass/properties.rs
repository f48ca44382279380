//! Whatever a card answers, a tap ends, and never in an approval of its own making.

use crate::world::World;
use posd_card::{Card, Fault, Misbehaviour, Profile, When};
use posd_emv::kernel::Verdict;
use proptest::prelude::*;

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Mute),
        Just(Fault::Removed),
        Just(Fault::RemovedAfter),
        any::<u16>().prop_map(Fault::Status),
        (0_usize..300).prop_map(Fault::FlipBit),
        (0_usize..260, any::<u32>()).prop_map(|(length, seed)| Fault::Garbage { length, seed }),
        (0_usize..200).prop_map(Fault::Truncate),
        (0_usize..200).prop_map(Fault::Cut),
        (0_usize..20).prop_map(Fault::Extend),
        Just(Fault::Nested),
        Just(Fault::IndefiniteLength),
        Just(Fault::EndlessTag),
        Just(Fault::DuplicateTag),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_lying_card_ends_well(
        faults in proptest::collection::vec((1_usize..12, fault()), 1..4),
        profile in prop::sample::select(vec![0, 1, 2, 3]),
        amount in 0_u64..60_000,
        offline in any::<bool>(),
    ) {
        let profile = [Profile::quick_pass(), Profile::phone(), Profile::cash(), Profile::debit_credit()][profile].clone();
        let mut card = Card::new(profile);
        for (place, fault) in faults {
            card.misbehave(Misbehaviour::new(When::Apdu(place), fault));
        }
        let world = World::with(card, amount);
        let (run, card) = if offline { world.offline() } else { world }.play();
        if run.outcome.verdict == Verdict::Approved {
            prop_assert!(run.outcome.host_approved == run.online.is_some());
            // The issuer has checked the one; the other the card has signed.
            prop_assert!(run.genuine || (run.online.is_none() && run.is_signed_by(&card)));
        }
    }

    #[test]
    fn arbitrary_answers_end_well(
        answers in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 1..20),
    ) {
        let mut world = World::new(Profile::quick_pass(), 100).offline();
        world.from_card = Box::new(move |count, _| {
            let mut answer = answers[count % answers.len()].clone();
            answer.extend([0x90, 0x00]);
            answer
        });
        prop_assert!(!world.run().approved());
    }
}
