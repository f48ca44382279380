//! Offline data authentication within a transaction: what it does to TVR, TSI and the flow. Its own checks have their
//! tests beside [`crate::authentication`].

use super::{
    super::{OfflineApproval, Verdict},
    card::{Card, Combined, hex, ok, tlv},
    issuer::{CODE, NUMBER, combined_answer, combined_answer_of, dynamic_signature, world},
    world::{Host, Run, World},
};
use crate::{
    configuration::RevokedCertificate,
    hex::Fixed,
    indicators::{Bit, tsi, tvr},
    tags,
};

const SDA: u8 = 0x40;
const DDA: u8 = 0x20;
const CDA: u8 = 0x01;

/// Failed with this bit, and told so to card and host; the sale goes on online.
fn failed(run: &Run, bit: Bit, missing: bool) {
    let tvr = run.tvr_at_card();
    assert!(tvr.has(bit), "{:?}", run.outcome);
    assert_eq!(tvr.has(tvr::ICC_DATA_MISSING), missing, "{tvr:?}");
    assert!(!tvr.has(tvr::ODA_NOT_PERFORMED), "a failure is never 'not performed': {tvr:?}");
    assert!(run.tsi(tsi::ODA_PERFORMED));
    assert_eq!(run.online().tvr, tvr.0);
}

#[test]
fn check_23_the_best_method_in_common_is_used() {
    let run = world(SDA | DDA).run();
    assert_eq!(run.sent(0x88).len(), 1);
    assert!(!run.tvr(tvr::SDA_SELECTED));
    let mut sda_only = world(SDA | DDA);
    sda_only.configuration.terminal.capabilities = Fixed([0xE0, 0xE8, 0x80]);
    let run = sda_only.run();
    assert!(run.sent(0x88).is_empty() && run.tvr(tvr::SDA_SELECTED));
}

#[test]
fn check_24_no_method_is_not_performed() {
    let run = World::new().run();
    assert!(run.tvr(tvr::ODA_NOT_PERFORMED) && !run.tsi(tsi::ODA_PERFORMED));
    assert_eq!(run.tvr_at_card().0[0], 0x80);
    let mut neither = world(SDA | DDA);
    neither.configuration.terminal.capabilities = Fixed([0xE0, 0xE8, 0x00]);
    assert!(neither.run().tvr(tvr::ODA_NOT_PERFORMED));
}

#[test]
fn check_25_missing_data_sets_both_bits() {
    for (profile, bit, wanted) in [
        (SDA, tvr::SDA_FAILED, &[0x8F, 0x90, 0x92, 0x9F32, 0x93][..]),
        (DDA, tvr::DDA_FAILED, &[0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47][..]),
    ] {
        for tag in wanted {
            let mut world = world(profile);
            world.card.remove(*tag);
            failed(&world.run(), bit, true);
        }
    }
}

#[test]
fn check_26_an_unknown_authority_fails() {
    for (profile, bit) in [(SDA, tvr::SDA_FAILED), (DDA, tvr::DDA_FAILED)] {
        let mut world = world(profile);
        world.card.set(0x8F, "82");
        failed(&world.run(), bit, false);
    }
}

#[test]
fn check_27_forgeries_fail() {
    for (profile, bit) in [(SDA, tvr::SDA_FAILED), (DDA, tvr::DDA_FAILED)] {
        // Signed data that was changed, and a certificate that ran out or was revoked.
        let mut changed = world(profile);
        changed.card.set(0x9F07, "FF80");
        failed(&changed.run(), bit, false);
        let mut late = world(profile);
        late.transaction.date = [31, 1, 1];
        let run = late.run();
        failed(&run, bit, false);
        assert!(run.tvr(tvr::EXPIRED));
        let mut revoked = world(profile);
        revoked.configuration.revoked_certificates.push(RevokedCertificate {
            authority: Fixed([0xA0, 0, 0, 3, 0x33]),
            index: Fixed([0x81]),
            serial: Fixed([0, 0, 1]),
        });
        failed(&revoked.run(), bit, false);
    }
}

#[test]
fn check_20_a_record_that_is_no_template_cannot_be_authenticated() {
    let mut world = world(SDA);
    world.card.raw.insert((12, 1), ok(hex("DEADBEEF")));
    world.card.locator = hex("08010201 10010300 60010101");
    failed(&world.run(), tvr::SDA_FAILED, false);
}

#[test]
fn check_20_files_from_11_on_are_signed_with_their_template() {
    // The card's signature covers the record with tag and length, as the books say for these files.
    let mut whole = world(SDA);
    whole.card.files.insert((12, 1), vec![(0x9F63, hex("0102"))]);
    whole.card.locator = hex("08010201 10010300 60010101");
    failed(&whole.run(), tvr::SDA_FAILED, false);
    let with_template = |card: &mut Card| {
        let tail = tlv(0x70, &tlv(0x9F63, &hex("0102")));
        super::issuer::personalise_with(card, &tail);
        card.files.insert((12, 1), vec![(0x9F63, hex("0102"))]);
        card.locator = hex("08010201 10010300 60010101");
    };
    let mut good = world(SDA);
    with_template(&mut good.card);
    let run = good.run();
    assert!(!run.tvr(tvr::SDA_FAILED), "{:?}", run.outcome);
}

#[test]
fn check_28_a_tag_list_of_more_than_the_profile_fails() {
    let mut world = world(SDA);
    world.card.set(0x9F4A, "825A");
    failed(&world.run(), tvr::SDA_FAILED, false);
}

#[test]
fn check_29_the_list_of_the_card_or_the_terminal_asks_for_the_number() {
    let run = world(DDA).run();
    assert_eq!(run.sent(0x88)[0][..], hex("00880000 04 C0FFEE01 00"));
    let mut default = world(DDA);
    default.card.remove(0x9F49);
    let run = default.run();
    assert_eq!(run.sent(0x88)[0][..], hex("00880000 04 C0FFEE01 00"));
    assert!(!run.tvr(tvr::DDA_FAILED));
    for list in ["9F0206", "9F3700", "9F", "9F3704 9F0200 9F"] {
        let mut world = world(DDA);
        world.card.set(0x9F49, list);
        let run = world.run();
        failed(&run, tvr::DDA_FAILED, false);
        assert!(run.sent(0x88).is_empty());
    }
}

#[test]
fn check_29_an_answer_that_is_no_signature_fails() {
    let stale = dynamic_signature(&[0, 0, 0, 0]);
    for answer in [hex("6985"), hex("9000"), ok(hex("80")), ok(tlv(0x80, &[1; 96])), ok(tlv(0x80, &stale))] {
        let mut world = world(DDA);
        world.card.internal = Box::new(move |_| answer.clone());
        let run = world.run();
        assert!(run.tvr_at_card().has(tvr::DDA_FAILED) && run.tsi(tsi::ODA_PERFORMED));
    }
    let mut template = world(DDA);
    template.card.internal = Box::new(|asked| ok(tlv(0x77, &tlv(0x9F4B, &dynamic_signature(asked)))));
    assert!(!template.run().tvr(tvr::DDA_FAILED));
}

#[test]
fn check_30_and_53_the_cryptograms_are_signed() {
    let run = world(SDA | DDA | CDA).run();
    assert!(run.approved(), "{:?}", run.outcome);
    assert!(run.sent(0x88).is_empty());
    let asked: Vec<u8> = run.sent(0xAE).iter().map(|command| command[2]).collect();
    assert_eq!(asked, [0x90, 0x50]);
    // What the card is given before it signs says nothing yet; the host is told what happened.
    assert_eq!(run.tvr_at_card().0, [0x00, 0, 0x04, 0x80, 0]);
    assert_eq!(run.online().tvr, [0x00, 0, 0x04, 0x80, 0]);
    assert!(run.tsi(tsi::ODA_PERFORMED));
    assert_eq!((&run.online().cryptogram[..], run.outcome.cryptogram), (&[0x80; 8][..], Some([0x40; 8])));
    assert_eq!(run.kernel.data(tags::ICC_DYNAMIC_NUMBER), Some(NUMBER.to_vec()));
    // A terminal that cannot, or a card that does not say it can.
    let mut cannot = world(DDA | CDA);
    cannot.configuration.terminal.capabilities = Fixed([0xE0, 0xF8, 0xC0]);
    for run in [cannot.run(), world(DDA).run()] {
        assert!(run.approved() && run.sent(0x88).len() == 1);
        assert!(run.sent(0xAE).iter().all(|command| command[2] & 0x10 == 0));
    }
}

#[test]
fn check_53_a_refusal_is_not_signed() {
    let mut denied = world(CDA);
    denied.configuration.applications[0].action_code_denial = Some(Fixed([0, 0, 0, 0x80, 0]));
    denied.card.cryptograms = vec![super::card::cryptogram(0x00)];
    let run = denied.run();
    assert_eq!((run.sent(0xAE)[0][2], run.verdict()), (0x00, &Verdict::Declined));
    assert!(!run.tvr(tvr::CDA_FAILED));
    // Nor is the second, where the host cannot be reached.
    let mut silent = world(CDA).host(Host::IsSilent);
    silent.card.cryptograms = [0x80, 0x00].map(super::card::cryptogram).to_vec();
    let run = silent.run();
    assert_eq!((run.sent(0xAE)[1][2], run.verdict()), (0x00, &Verdict::Declined));
}

/// What a card may do to a signed cryptogram.
fn forgeries() -> Vec<Combined> {
    let flipped = |at: usize| -> Combined {
        Box::new(move |information, number, told| {
            let mut answer = combined_answer(information, number, told);
            answer[at] ^= 1;
            answer
        })
    };
    let mut all: Vec<Combined> = vec![
        // Another amount than the terminal's, another number, another cryptogram than it shows.
        Box::new(|information, number, told| {
            let mut told = told.to_vec();
            told[5] ^= 1;
            combined_answer(information, number, &told)
        }),
        Box::new(|information, number, told| {
            combined_answer(information, &[&number[1..], &[0]].concat(), told)
        }),
        Box::new(|information, number, told| combined_answer_of(information, 0x00, number, told)),
        Box::new(|information, number, told| {
            combined_answer_of(information, information ^ 0xC0, number, told)
        }),
        // No signature, in either form.
        Box::new(|information, _, _| super::card::cryptogram(information)),
        Box::new(|information, _, _| {
            let elements =
                [tlv(0x9F27, &[information]), tlv(0x9F36, &[0, 7]), tlv(0x9F26, &[information; 8])];
            ok(tlv(0x77, &elements.concat()))
        }),
        Box::new(|information, _, _| {
            let elements = [tlv(0x9F27, &[information]), tlv(0x9F36, &[0, 7]), tlv(0x9F4B, &[1; 96])];
            ok(tlv(0x77, &elements.concat()))
        }),
    ];
    // A bit of the signature, of the counter, and of the issuer's data: its 96 bytes stand at 5, the others at 104, 108 and 113.
    all.extend([6, 50, 100, 109, 115].map(flipped));
    all
}

#[test]
fn check_30_a_forged_request_does_not_go_online() {
    for (place, forgery) in forgeries().into_iter().enumerate() {
        let mut world = world(CDA);
        world.card.cryptograms = [0x80, 0x00].map(super::card::cryptogram).to_vec();
        world.card.combined = forgery;
        let run = world.run();
        assert!(run.online.is_none(), "{place}");
        assert!(run.tvr(tvr::CDA_FAILED) && run.tsi(tsi::ODA_PERFORMED), "{place}: {:?}", run.outcome);
        assert_eq!(*run.verdict(), Verdict::Declined, "{place}");
        // At once, with the bit and Z1 told to the card.
        let second = run.sent(0xAE)[1];
        assert_eq!((second[2], &second[5..7], second[7] & 0x04), (0x00, &b"Z1"[..], 0x04), "{place}");
    }
}

#[test]
fn check_30_a_forged_certificate_approves_nothing() {
    for (place, forgery) in forgeries().into_iter().enumerate() {
        let mut offline = world(CDA);
        offline.transaction.offline = OfflineApproval::First;
        let application = &mut offline.configuration.applications[0];
        application.floor_limit = 10_000;
        application.action_code_online = Some(Fixed([0; 5]));
        offline.card.set(0x9F0F, "0000000000");
        offline.card.set(0x8E, "0000000000000000 1F00");
        super::issuer::personalise(&mut offline.card);
        offline.card.cryptograms = vec![super::card::cryptogram(0x40)];
        if place == 0 {
            // As it is, it is approved.
            let mut good = world(CDA);
            good.transaction = offline.transaction.clone();
            good.configuration = offline.configuration.clone();
            good.card = offline.card;
            let run = good.run();
            assert!(run.approved() && run.online.is_none(), "{:?}", run.outcome);
            assert_eq!(run.sent(0xAE)[0][2], 0x50);
            continue;
        }
        offline.card.combined = forgery;
        let run = offline.run();
        assert!(run.online.is_none() && run.tvr(tvr::CDA_FAILED), "{place}: {:?}", run.outcome);
        assert_eq!((run.verdict(), run.sent(0xAE).len()), (&Verdict::Declined, 1), "{place}");
        assert_eq!(run.kernel.data(tags::RESPONSE_CODE), Some(b"Z1".to_vec()));
    }
}

#[test]
fn check_30_a_forged_last_word_is_reversed() {
    for (place, forgery) in forgeries().into_iter().enumerate() {
        let mut world = world(CDA);
        world.card.combined = Box::new(move |information, number, told| match information & 0xC0 {
            0x40 => forgery(information, number, told),
            _ => combined_answer(information, number, told),
        });
        let run = world.run();
        assert_eq!(*run.verdict(), Verdict::Declined, "{place}");
        assert!(run.outcome.host_approved && run.tvr(tvr::CDA_FAILED), "{place}: {:?}", run.outcome);
    }
}

#[test]
fn check_30_a_card_without_an_authentic_key_is_not_asked_to_sign() {
    let mut unknown = world(CDA);
    unknown.configuration.authority_keys.clear();
    let run = unknown.run();
    failed(&run, tvr::CDA_FAILED, false);
    assert!(run.approved() && run.sent(0xAE).iter().all(|command| command[2] & 0x10 == 0));
    let mut lacking = world(CDA);
    lacking.card.remove(0x9F46);
    failed(&lacking.run(), tvr::CDA_FAILED, true);
}

#[test]
fn check_31_code_and_number_are_kept() {
    assert_eq!(world(SDA).run().kernel.data(tags::DATA_AUTHENTICATION_CODE), Some(CODE.to_vec()));
    assert_eq!(world(DDA).run().kernel.data(tags::ICC_DYNAMIC_NUMBER), Some(NUMBER.to_vec()));
}

#[test]
fn check_32_success_is_performed_and_says_which() {
    let run = world(SDA).run();
    assert_eq!(run.tvr_at_card().0, [0x02, 0, 0x04, 0x80, 0]);
    assert!(run.tsi(tsi::ODA_PERFORMED) && run.approved());
    let run = world(DDA).run();
    assert_eq!(run.tvr_at_card().0, [0x00, 0, 0x04, 0x80, 0]);
    assert!(run.tsi(tsi::ODA_PERFORMED) && run.approved());
}
