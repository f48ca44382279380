//! Cardholder verification.

use super::{
    super::{OfflinePin, OfflinePinResult, PinEntry, Reason, Verdict},
    card::hex,
    issuer,
    world::{Run, World},
};
use crate::{
    hex::Fixed,
    indicators::{tsi, tvr},
    tags,
};
use OfflinePinResult::Status;

/// A card with these rules, amounts X = 5.00 and Y = 20.00.
fn rules(rules: &str) -> World {
    World::with(|card| card.set(0x8E, &format!("000001F4 000007D0 {rules}")))
}

fn capable(mut world: World, methods: u8) -> World {
    world.configuration.terminal.capabilities = Fixed([0xE0, methods, 0xC0]);
    world
}

fn verify(mut world: World, results: &[OfflinePinResult]) -> World {
    world.verify.extend(results.iter().copied());
    world
}

/// The result went to card and host as it is, and the byte of the TVR with it.
fn told(run: &Run, results: &str, byte: u8) {
    assert_eq!(run.asked(0, 29, 3), hex(results), "{:?}", run.outcome);
    assert_eq!(run.online().cvm_results, hex(results));
    assert_eq!(run.outcome.cvm_results.0[..], hex(results));
    assert_eq!(run.tvr_at_card().0[2], byte, "{:?}", run.outcome);
    assert_eq!(run.online().tvr[2], byte);
}

#[test]
fn check_37_a_card_that_does_not_ask() {
    let run = World::with(|card| card.profile = [0x0C, 0]).run();
    told(&run, "3F0000", 0);
    assert!(!run.tsi(tsi::CVM_PERFORMED) && run.online_pins == 0);
}

#[test]
fn check_37_a_missing_list() {
    for world in [
        World::with(|card| card.remove(0x8E)),
        World::with(|card| card.set(0x8E, "")),
        World::with(|card| card.set(0x8E, "0000000000000000")),
    ] {
        let run = world.run();
        told(&run, "3F0000", 0);
        assert!(run.tvr_at_card().has(tvr::ICC_DATA_MISSING) && !run.tsi(tsi::CVM_PERFORMED));
    }
    for list in ["00", "00000000000000001F", "0000000000"] {
        let run = World::with(|card| card.set(0x8E, list)).run();
        assert_eq!(*run.verdict(), Verdict::Terminated(Reason::Invalid(tags::CVM_LIST)));
    }
}

#[test]
fn check_38_conditions() {
    // Always; not cash or cashback; if supported.
    for condition in ["00", "02", "03"] {
        told(&rules(&format!("1F{condition}")).run(), &format!("1F{condition}02"), 0);
    }
    // Unattended cash, manual cash, cashback, and conditions that do not exist yet.
    for condition in ["01", "04", "05", "0A", "7F", "80", "FF"] {
        told(&rules(&format!("1F{condition}")).run(), "3F0001", 0x80);
    }
    let mut cashback = rules("1F02 1E05");
    cashback.transaction.amount_other = 1;
    let run = cashback.run();
    told(&run, "1E0500", 0);
    assert!(run.outcome.signature_required);
}

#[test]
fn check_38_amounts_in_the_cards_currency() {
    let meets = |condition: &str, amount: u64| {
        let mut world = rules(&format!("1F{condition}"));
        world.transaction.amount = amount;
        world.run().outcome.cvm_results.0[0] == 0x1F
    };
    assert!(meets("06", 499) && !meets("06", 500) && !meets("06", 501));
    assert!(!meets("07", 499) && !meets("07", 500) && meets("07", 501));
    assert!(meets("08", 1_999) && !meets("08", 2_000));
    assert!(!meets("09", 2_000) && meets("09", 2_001));
    // Amounts above what 32 bits hold are above every limit.
    assert!(meets("09", 999_999_999_999) && !meets("08", 999_999_999_999));
    // Another currency, or none told: the amounts say nothing.
    for condition in ["06", "07", "08", "09"] {
        for currency in [Some("0840"), None] {
            let mut world = rules(&format!("1F{condition}"));
            match currency {
                Some(currency) => world.card.set(0x9F42, currency),
                None => world.card.remove(0x9F42),
            }
            told(&world.run(), "3F0001", 0x80);
        }
    }
}

#[test]
fn check_39_an_unsupported_method_leads_on_only_where_the_rule_says_so() {
    // Enciphered offline PIN is not supported here; with the bit "apply next" the signature follows.
    let without = |list: &str| capable(rules(list), 0xE8);
    told(&without("4400 1E00").run(), "1E0000", 0);
    told(&without("0400 1E00").run(), "3F0001", 0x80);
    // Condition 3: what is not supported does not apply, and the next rule does.
    told(&without("0403 1E00").run(), "1E0000", 0);
    told(&capable(rules("0203 1E00"), 0x20).run(), "1E0000", 0);
}

#[test]
fn check_39_an_unknown_method_is_told() {
    told(&rules("6F00 1F00").run(), "1F0002", 0x40);
    told(&rules("2F00 1F00").run(), "3F0001", 0xC0);
    told(&rules("0603 1F00").run(), "1F0002", 0);
}

#[test]
fn check_39_fail_is_a_method() {
    told(&rules("0000 1F00").run(), "000001", 0x80);
    told(&rules("4000 1F00").run(), "400001", 0x80);
    told(&rules("1F05 0003").run(), "000301", 0x80);
}

#[test]
fn check_40_plaintext_pin() {
    let run = rules("0100").run();
    told(&run, "010002", 0);
    assert_eq!(run.offline_pins, [None]);
    assert!(!run.outcome.online_pin && !run.outcome.signature_required);
    // Wrong twice, then right.
    let run = verify(rules("0100"), &[Status(0x63C2), Status(0x63C1), Status(0x9000)]).run();
    told(&run, "010002", 0);
    assert_eq!(run.offline_pins, [None, Some(2), Some(1)]);
}

#[test]
fn check_40_no_more_tries() {
    for status in [0x63C0, 0x6983, 0x6984] {
        let run = verify(rules("0100 1F00"), &[Status(status)]).run();
        told(&run, "010001", 0xA0);
    }
    // The card tells before anyone enters a PIN; the next rule applies where the rule says so.
    let mut world = rules("4100 1E00");
    world.card.data.insert(0x9F17, vec![0]);
    let run = world.run();
    told(&run, "1E0000", 0x20);
    assert!(run.offline_pins.is_empty());
    let mut world = rules("0100");
    world.card.data.insert(0x9F17, vec![3]);
    assert_eq!(world.run().offline_pins, [Some(3)]);
    // Any other answer is a failure without a word on tries.
    let run = verify(rules("0100"), &[Status(0x6A80)]).run();
    told(&run, "010001", 0x80);
}

#[test]
fn check_40_a_card_that_never_counts_down_is_stopped() {
    let run = verify(rules("0100"), &[Status(0x63CF); 100]).run();
    told(&run, "010001", 0x80);
    assert!(run.offline_pins.len() <= 16);
}

#[test]
fn check_41_enciphered_pin_where_the_terminal_claims_it() {
    // A terminal that does not say it can is never asked to.
    let run = capable(rules("4400 4500 1F00"), 0xE8).run();
    told(&run, "1F0002", 0);
    assert!(run.offline_pins.is_empty());
}

/// A card with these rules and authentic keys.
fn enciphered(list: &str) -> World {
    let mut world = issuer::world(0x01);
    issuer::personalise_pin(&mut world.card);
    world.card.set(0x8E, &format!("000001F4 000007D0 {list}"));
    world
}

#[test]
fn check_41_the_certified_key_enciphers_the_pin() {
    let run = enciphered("0400").run();
    told(&run, "040002", 0);
    let [OfflinePin::Enciphered { modulus, exponent }] = &run.pin_ways[..] else {
        panic!("{:?}", run.pin_ways)
    };
    assert_eq!((modulus, &exponent[..]), (&issuer::pin_modulus(), &[3][..]));
    assert!(run.sent(0x84).is_empty(), "the challenge is the secure module's to ask for");
    let run = verify(enciphered("0400"), &[Status(0x63C2), Status(0x9000)]).run();
    told(&run, "040002", 0);
    assert_eq!(run.offline_pins, [None, Some(2)]);
    assert_eq!(run.pin_ways[0], run.pin_ways[1]);
}

#[test]
fn check_41_peer_fault_1_without_a_pin_certificate_the_cards_own_key_enciphers() {
    // Whatever authentication was chosen, or none.
    for profile in [0x00, 0x20, 0x40, 0x01] {
        let mut world = issuer::world(profile);
        world.card.set(0x8E, "000001F4 000007D0 0400");
        let run = world.run();
        assert_eq!(run.outcome.cvm_results.0, [4, 0, 2], "{profile:02X}");
        let [OfflinePin::Enciphered { modulus, .. }] = &run.pin_ways[..] else { panic!("{profile:02X}") };
        assert_eq!(*modulus, issuer::card_modulus());
    }
}

#[test]
fn check_41_without_an_authentic_key_nobody_types_a_pin() {
    let unknown = |world: &mut World| world.configuration.authority_keys.clear();
    let forged = |world: &mut World| {
        let certificate = &mut world.card.files.get_mut(&(2, 4)).unwrap()[0].1;
        certificate[50] ^= 1;
    };
    let other_account = |world: &mut World| world.card.set(0x5A, "6212340000000027");
    for spoil in [&unknown as &dyn Fn(&mut World), &forged, &other_account] {
        let mut world = enciphered("4400 1E00");
        spoil(&mut world);
        world.card.remove(0x57);
        let run = world.run();
        assert!(run.pin_ways.is_empty());
        assert_eq!(run.outcome.cvm_results.0, [0x1E, 0, 0], "the next rule applies");
    }
}

#[test]
fn check_42_online_pin() {
    let run = rules("0200").run();
    told(&run, "020000", 0x04);
    assert!(run.online().request.online_pin && run.outcome.online_pin && run.online_pins == 1);
}

#[test]
fn check_42_bypass_and_a_missing_pad() {
    let mut bypassed = rules("4200 1E00");
    bypassed.pin = PinEntry::Bypassed;
    let run = bypassed.run();
    told(&run, "1E0000", 0x08);
    assert!(!run.outcome.online_pin);
    let mut broken = rules("0200");
    broken.pin = PinEntry::PadMissing;
    told(&broken.run(), "020001", 0x90);
    told(&verify(rules("0100"), &[OfflinePinResult::Bypassed]).run(), "010001", 0x88);
    told(&verify(rules("0100"), &[OfflinePinResult::PadMissing]).run(), "010001", 0x90);
    // A terminal that cannot take the kind of PIN that is wanted, to the card or to its issuer (Book 3 §10.5.1, §10.5.2).
    told(&capable(rules("4100 1F00"), 0x68).run(), "1F0002", 0x10);
    told(&capable(rules("4200 1F00"), 0xB8).run(), "1F0002", 0x10);
    told(&capable(rules("4400 1F00"), 0xE8).run(), "1F0002", 0);
    told(&capable(rules("4203 1F00"), 0xB8).run(), "1F0002", 0);
    // A terminal without any PIN entry.
    told(&capable(rules("0200"), 0x28).run(), "3F0001", 0x90);
    told(&capable(rules("4100 1F00"), 0x28).run(), "1F0002", 0x10);
}

#[test]
fn check_42_who_bypassed_is_not_asked_again() {
    let run = verify(rules("4100 4200 1F00"), &[OfflinePinResult::Bypassed]).run();
    told(&run, "1F0002", 0x08);
    assert_eq!(run.online_pins, 0);
    let mut world = rules("4200 4100 1F00");
    world.pin = PinEntry::Bypassed;
    let run = world.run();
    told(&run, "1F0002", 0x08);
    assert!(run.offline_pins.is_empty());
}

#[test]
fn check_43_pin_and_signature() {
    let run = rules("0300").run();
    told(&run, "030000", 0);
    assert!(run.outcome.signature_required && run.online().request.signature_required);
    let run = verify(rules("0300"), &[Status(0x6983)]).run();
    told(&run, "030001", 0xA0);
    assert!(!run.outcome.signature_required);
    let run = enciphered("0500").run();
    told(&run, "050000", 0);
    assert!(run.outcome.signature_required && run.pin_ways.len() == 1);
    let run = verify(enciphered("0500"), &[Status(0x6983)]).run();
    told(&run, "050001", 0xA0);
    assert!(!run.outcome.signature_required);
    told(&capable(rules("4300 1F00"), 0xC8).run(), "1F0002", 0);
}

#[test]
fn check_44_results() {
    told(&rules("1F00").run(), "1F0002", 0);
    told(&rules("1E00").run(), "1E0000", 0);
    told(&rules("0200").run(), "020000", 0x04);
    told(&rules("1F05").run(), "3F0001", 0x80);
    // The last method that was performed is told, with its bit "apply next".
    let run = verify(rules("4100 1F05"), &[Status(0x6983)]).run();
    told(&run, "410001", 0xA0);
}

#[test]
fn check_45_the_kernel_never_sends_or_sees_a_pin() {
    let run = verify(rules("0100"), &[Status(0x63C2), Status(0x9000)]).run();
    assert!(run.sent(0x20).is_empty(), "VERIFY is the secure module's");
    assert!(run.tsi(tsi::CVM_PERFORMED));
}
