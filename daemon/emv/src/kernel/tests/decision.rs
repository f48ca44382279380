//! Terminal and card action analysis: what is asked of the card, and what it answers.

use super::{
    super::{OfflineApproval, Reason, Refusal, Verdict},
    card::{CDOL1, cryptogram, hex, ok, tlv},
    world::{Host, PLAIN, Run, World},
};
use crate::{hex::Fixed, indicators::tsi, tags};

/// The reference control parameter of each GENERATE AC.
fn requests(run: &Run) -> Vec<u8> {
    run.sent(0xAE).iter().map(|command| command[2]).collect()
}

#[test]
fn check_51_codes_that_are_not_there() {
    // No denial code denies nothing; the online code decides nothing, for everything goes online.
    assert_eq!(requests(&World::new().run()), [0x80, 0x40]);
    let run = World::with(|card| {
        card.set(0x9F0F, "0000000000");
        card.set(0x9F0D, "0000000000");
    })
    .run();
    assert_eq!(requests(&run), [0x80, 0x40], "a TC is never asked for first");
    let [denial, online, default] = crate::configuration::Application::new(&[0; 5], "").action_codes();
    assert_eq!((denial, online, default), ([0; 5], [0xFF; 5], [0xFF; 5]));
}

#[test]
fn check_52_denial_comes_first() {
    // The plain sale has "offline authentication not performed" and "floor limit exceeded".
    assert_eq!(World::new().run().tvr_at_card(), PLAIN);
    for code in ["8000000000", "0000000080", "0000000000"] {
        let denies = code.starts_with('8');
        let mut world = World::with(|card| {
            card.set(0x9F0E, code);
            card.cryptograms = vec![cryptogram(if denies { 0x00 } else { 0x80 }), cryptogram(0x40)];
        });
        world.configuration.applications[0].action_code_online = Some(Fixed([0xFF; 5]));
        let run = world.run();
        assert_eq!(requests(&run), if denies { vec![0x00] } else { vec![0x80, 0x40] }, "{code}");
        assert_eq!(run.online.is_none(), denies);
        assert_eq!(*run.verdict(), if denies { Verdict::Declined } else { Verdict::Approved });
        if denies {
            assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(b"Z1".to_vec()));
        }
    }
    let mut terminal = World::with(|card| card.cryptograms = vec![cryptogram(0x00)]);
    terminal.configuration.applications[0].action_code_denial = Some(Fixed([0, 0, 0, 0x80, 0]));
    let run = terminal.run();
    assert_eq!((requests(&run), run.verdict()), (vec![0x00], &Verdict::Declined));
    // A code that cannot be read denies.
    let run = World::with(|card| {
        card.set(0x9F0E, "00");
        card.cryptograms = vec![cryptogram(0x00)];
    })
    .run();
    assert_eq!(requests(&run), [0x00]);
}

#[test]
fn check_52_z1_is_told_to_the_card() {
    let run = World::with(|card| {
        card.set(0x9F0E, "8000000000");
        card.set(0x8C, &format!("{CDOL1} 8A02"));
        card.cryptograms = vec![cryptogram(0x00)];
    })
    .run();
    assert_eq!(run.asked(0, 32, 2), b"Z1");
}

#[test]
fn check_52_unable_to_go_online_is_z3_and_never_y3() {
    for host in [Host::CannotBeReached, Host::IsSilent] {
        let mut world = World::with(|card| {
            card.set(0x9F0D, "0000000000");
            card.cryptograms[1] = cryptogram(0x00);
        })
        .host(host);
        world.configuration.applications[0].action_code_default = Some(Fixed([0; 5]));
        let run = world.run();
        assert_eq!(requests(&run), [0x80, 0x00]);
        assert_eq!(run.asked(1, 0, 2), b"Z3");
        assert_eq!(*run.verdict(), Verdict::Declined);
        assert!(!run.outcome.host_approved);
    }
}

/// A transaction of 12.34 that may be approved offline, below the floor limit, with a card that goes along.
fn offline(may: OfflineApproval, cryptograms: &[u8]) -> World {
    let mut world = World::with(|card| {
        card.set(0x9F0F, "0000000000");
        card.set(0x9F0D, "0000000000");
        card.cryptograms = cryptograms.iter().map(|information| cryptogram(*information)).collect();
    });
    world.transaction.offline = may;
    let application = &mut world.configuration.applications[0];
    application.floor_limit = 1_235;
    application.action_code_online = Some(Fixed([0; 5]));
    application.action_code_default = Some(Fixed([0; 5]));
    world
}

#[test]
fn check_52_what_nothing_sends_online_is_approved_offline_with_y1() {
    let run = offline(OfflineApproval::First, &[0x40]).run();
    assert_eq!((requests(&run), run.verdict()), (vec![0x40], &Verdict::Approved));
    assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(b"Y1".to_vec()));
    assert!(run.online.is_none() && !run.outcome.host_approved);
    // The card may say no.
    let run = offline(OfflineApproval::First, &[0x00]).run();
    assert_eq!((requests(&run), run.verdict()), (vec![0x40], &Verdict::Declined));
    // Without the caller's word nothing is.
    let run = offline(OfflineApproval::Never, &[0x80, 0x40]).run();
    assert_eq!(requests(&run), [0x80, 0x40]);
}

#[test]
fn check_52_the_floor_limit_and_every_online_code_send_it_online() {
    let online = |change: &dyn Fn(&mut World)| {
        let mut world = offline(OfflineApproval::First, &[0x80, 0x40]);
        change(&mut world);
        assert_eq!(requests(&world.run()), [0x80, 0x40]);
    };
    online(&|world| world.configuration.applications[0].floor_limit = 1_234);
    // A card that wants no terminal risk management gets no higher limit by that.
    online(&|world| {
        world.configuration.applications[0].floor_limit = 1_234;
        world.card.profile[0] &= !0x08;
    });
    // "Offline authentication not performed" happened: the terminal's code, the card's, none, one that is no code.
    online(&|world| {
        world.configuration.applications[0].action_code_online = Some(Fixed([0x80, 0, 0, 0, 0]));
    });
    online(&|world| world.configuration.applications[0].action_code_online = None);
    online(&|world| world.card.set(0x9F0F, "8000000000"));
    online(&|world| world.card.set(0x9F0F, "00"));
}

#[test]
fn check_58_a_card_that_wants_to_go_online_is_z3_or_by_the_callers_leave_y3() {
    let end = |may, host, default: &str| {
        let mut world = offline(may, &[0x80, 0x00]).host(host);
        world.card.set(0x9F0D, default);
        if may == OfflineApproval::FirstOrUnableToGoOnline {
            world.card.cryptograms[1] = cryptogram(0x40);
        }
        let run = world.run();
        (requests(&run)[1], run.asked(1, 0, 2).to_vec())
    };
    use OfflineApproval::{First, FirstOrUnableToGoOnline};
    assert_eq!(end(First, Host::CannotBeReached, "0000000000"), (0x00, b"Z3".to_vec()));
    let y3 = (0x40, b"Y3".to_vec());
    assert_eq!(end(FirstOrUnableToGoOnline, Host::CannotBeReached, "0000000000"), y3);
    let z3 = (0x00, b"Z3".to_vec());
    assert_eq!(end(FirstOrUnableToGoOnline, Host::CannotBeReached, "8000000000"), z3);
    // Something left: silence is never an approval.
    assert_eq!(end(FirstOrUnableToGoOnline, Host::IsSilent, "0000000000"), z3);
}

#[test]
fn check_54_a_card_may_not_give_more_than_was_asked() {
    for (asked, given) in [(0x80, 0x40), (0x80, 0xC0), (0x00, 0x40), (0x00, 0x80), (0x00, 0xC0)] {
        let run = World::with(|card| {
            if asked == 0 {
                card.set(0x9F0E, "8000000000");
            }
            card.cryptograms = vec![cryptogram(given)];
        })
        .run();
        let reason = Reason::Cryptogram { requested: asked, given };
        assert_eq!(*run.verdict(), Verdict::Terminated(reason));
        assert!(run.online.is_none());
        assert_eq!(run.sent(0xAE).len(), 1);
    }
    // It may give less.
    let run = World::with(|card| card.cryptograms = vec![cryptogram(0x00)]).run();
    assert_eq!(*run.verdict(), Verdict::Declined);
    assert!(run.online.is_none());
}

#[test]
fn check_54_both_formats_and_nothing_else() {
    let parts = [
        tlv(0x9F27, &[0x80]),
        tlv(0x9F36, &[0, 9]),
        tlv(0x9F26, &[5; 8]),
        // Peer fault 5: 32 bytes are the most that this element has, and allowed.
        tlv(0x9F10, &[6; 32]),
    ];
    let run = World::with(|card| card.cryptograms[0] = ok(tlv(0x77, &parts.concat()))).run();
    assert!(run.approved());
    assert_eq!(run.online().cryptogram, [5; 8]);
    let run =
        World::with(|card| card.cryptograms[0] = ok(tlv(0x80, &[&hex("800009")[..], &[5; 40]].concat())))
            .run();
    assert!(run.approved());
    for missing in 0..3 {
        let mut parts = parts.to_vec();
        parts.remove(missing);
        let run = World::with(|card| card.cryptograms[0] = ok(tlv(0x77, &parts.concat()))).run();
        assert!(matches!(run.verdict(), Verdict::Terminated(Reason::Missing(_))));
    }
    for odd in [
        ok(tlv(0x80, &[0x80; 10])),
        ok(tlv(0x80, &[0x80; 44])),
        ok(tlv(0x77, &[parts[0].clone(), parts[1].clone(), tlv(0x9F26, &[5; 7])].concat())),
        ok(tlv(0x77, &[parts[..3].concat(), tlv(0x9F10, &[6; 33])].concat())),
        ok(tlv(0x70, &parts.concat())),
        ok(parts.concat()),
        ok(vec![]),
        hex("6985"),
        hex("6283"),
    ] {
        let run = World::with(|card| card.cryptograms[0] = odd.clone()).run();
        assert!(matches!(run.verdict(), Verdict::Terminated(_)), "{odd:02X?}: {:?}", run.outcome);
        assert!(run.online.is_none());
    }
}

#[test]
fn check_54_the_lists_are_filled_exactly() {
    let run = World::new().run();
    let first = hex("000000001234 000000000000 0156 8000048000 0156 261124 00 C0FFEE01 420300");
    let command = [hex("80AE800020"), first, hex("00")].concat();
    assert_eq!(*run.sent(0xAE)[0], command);
    let second = hex("3030 8000048000 C0FFEE01 00000000000000000000");
    assert_eq!(*run.sent(0xAE)[1], [hex("80AE400015"), second, hex("00")].concat());
    for tag in [0x8C, 0x8D] {
        let run = World::with(|card| card.set(tag, "9F02")).run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Invalid(tag)));
    }
}

#[test]
fn check_54_the_hash_of_the_certificate_data() {
    let run = World::with(|card| {
        card.set(0x8C, &format!("{CDOL1} 9814"));
        card.set(0x97, "9F0206 9A03");
    })
    .run();
    use sha1::Digest as _;
    assert_eq!(run.asked(0, 32, 20), &sha1::Sha1::digest(hex("000000001234 261124"))[..]);
    assert_eq!(run.tvr_at_card(), PLAIN);
    // Without a list of the card's own the terminal's serves, and the card is told.
    let run = World::with(|card| card.set(0x8C, &format!("{CDOL1} 9814"))).run();
    assert_eq!(run.tvr_at_card().0[4], 0x80);
}

#[test]
fn check_55_refusals_and_advice() {
    let run = World::with(|card| card.cryptograms = vec![cryptogram(0x01)]).run();
    assert_eq!(*run.verdict(), Verdict::NotAccepted(Refusal::ServiceNotAllowed));
    let run = World::with(|card| card.cryptograms = vec![cryptogram(0x08)]).run();
    assert_eq!(*run.verdict(), Verdict::Declined);
    assert!(run.outcome.advice_requested);
    let run = World::with(|card| card.cryptograms = vec![cryptogram(0x0A)]).run();
    assert_eq!(*run.verdict(), Verdict::Declined, "PIN tries exceeded is a decline");
    assert!(!World::new().run().outcome.advice_requested);
}

#[test]
fn what_the_card_computed_is_told() {
    let run = World::new().run();
    assert!(run.tsi(tsi::CARD_RISK_PERFORMED));
    assert_eq!(run.kernel.first_cryptogram(), Some(vec![0x80; 8]));
    assert_eq!(run.outcome.cryptogram, Some([0x40; 8]));
    assert_eq!(run.outcome.cryptogram_information, Some(0x40));
    assert_eq!(run.outcome.transaction_counter, Some(7));
    assert_eq!(run.kernel.data(tags::ISSUER_APPLICATION_DATA), Some(hex("07010103A0B80001")));
}
