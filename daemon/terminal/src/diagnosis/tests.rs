//! Out of service for a reason, and back by itself.

#![allow(clippy::unwrap_used, clippy::field_reassign_with_default)]

use super::*;
use crate::{Device, Event, LocalTime, Moment, Settings, operators::tests::Memory};
use posd_emv::configuration::Configuration;
use posd_unionpay::Profile;
use posd_vault_protocol::Status;
use std::sync::Arc;

const NOON: i64 = 1_800_000_000_000;

fn settings() -> Settings {
    Settings {
        merchant_name: "示例商户".to_owned(),
        merchant: "898000000000001".to_owned(),
        terminal: "00000001".to_owned(),
        hosts: vec!["192.0.2.1:5000".to_owned()],
        profile_name: "unionpay".to_owned(),
        test: true,
        copies: Vec::new(),
        profile: Arc::new(Profile::default()),
        card: Arc::new(Configuration::unionpay()),
        deadlines: crate::Deadlines::default(),
        offline: None,
    }
}

fn moment(monotonic_ms: u64, wall: i64, (month, day): (u8, u8)) -> Moment {
    Moment { monotonic_ms, wall, local: LocalTime { year: 2027, month, day, ..LocalTime::default() } }
}

fn status() -> Status {
    Status {
        reader: DeviceState::Ready,
        pin_pad: DeviceState::Ready,
        contactless: DeviceState::Missing,
        stripe_reader: DeviceState::Missing,
        card_present: false,
        card_in_field: false,
        storage_key: true,
        algorithm: posd_vault_protocol::KeyAlgorithm::TripleDes,
        master_key: Some([1, 2, 3]),
        pin_key: None,
        mac_key: None,
    }
}

/// A terminal whose journal was written last at `latest`.
fn started(latest: i64, now: Moment) -> (Terminal, Memory) {
    let mut terminal = Terminal::new(settings());
    let mut records = Memory::default();
    records.device = Device { latest, ..Device::default() };
    for event in [Event::Started, Event::JournalChecked(Ok(())), Event::VaultUp(status())] {
        terminal.handle(event, now, &records);
    }
    (terminal, records)
}

#[test]
fn a_full_disk_keeps_the_terminal_out_of_service_until_there_is_room() {
    let now = moment(0, NOON, (1, 15));
    let (mut terminal, records) = started(0, now);
    let mut look = |free: u64| {
        let facts = Facts { free_bytes: Some(free), printer: None };
        let effects = terminal.handle(Event::Measured(facts), now, &records);
        let next = effects.iter().find_map(|effect| match effect {
            Effect::SetTimer(Timer::Look, wait) => Some(*wait),
            _ => None,
        });
        let noted = effects.iter().any(|effect| matches!(effect, Effect::Note(Note::Service(_))));
        (terminal.reasons(), terminal.space_fault(), next.unwrap(), noted)
    };
    assert_eq!(look(MINIMUM_FREE - 1), (vec!["space"], Some("full"), LOOK_SOON, true));
    assert_eq!(look(MINIMUM_FREE - 1), (vec!["space"], Some("full"), LOOK_SOON, false));
    assert_eq!(look(MINIMUM_FREE), (vec![], Some("low"), LOOK, true));
    assert_eq!(look(MINIMUM_FREE * LOW), (vec![], None, LOOK, false));
}

#[test]
fn a_clock_behind_the_journal_is_believed_only_when_the_host_agrees() {
    let day = 86_400_000;
    let now = moment(5, NOON, (1, 15));
    for (latest, doubted) in [(NOON - 9 * day, false), (NOON + day, false), (NOON + day + 1, true)] {
        let (mut terminal, records) = started(latest, now);
        assert_eq!(terminal.reasons(), if doubted { vec!["clock"] } else { vec![] }, "{latest}");
        // The host is asked by itself, and only then.
        let asks = terminal.exchange.as_ref().is_some_and(|e| e.purpose == Purpose::Echo(None));
        assert_eq!(asks, doubted);
        terminal.host_dated(Some("0116"));
        assert_eq!((terminal.reasons(), terminal.latest_moment()), (vec![], NOON), "{latest}");
        // What the host tells later counts for every later moment.
        terminal.now = moment(40 * 86_400_000, NOON, (1, 15));
        assert_eq!(terminal.clock_fault(), Some("host-differs"));
        let at = moment(40 * 86_400_000, NOON, (2, 24));
        terminal.handle(Event::Timer(Timer::Look), at, &records);
        assert_eq!(terminal.reasons(), [""; 0], "set right, it is good again by itself");
    }
    let (terminal, _) = started(0, Moment { local: LocalTime::default(), ..now });
    assert_eq!(terminal.clock_fault(), Some("unset"));
    assert_eq!(terminal.latest_moment(), 0, "a clock that is not believed does not date the journal");
}

#[test]
fn a_certificate_is_missing_expired_or_about_to_expire() {
    let (mut terminal, _) = started(0, moment(0, NOON, (1, 15)));
    assert_eq!(terminal.certificates(), (false, "missing"));
    let key = |index, year, month, day| {
        let (rid, modulus) = ([0xA0, 0, 0, 3, 0x33], [vec![0xC5; 63], vec![1]].concat());
        let sum = posd_emv::configuration::AuthorityKey::checksum(&rid, index, &modulus, &[3]);
        let last = Date::new(year, month, day);
        posd_emv::configuration::AuthorityKey::new(rid, index, &modulus, &[3], &sum, last).unwrap()
    };
    let expired = key(1, 2027, 1, 14);
    let today = key(2, 2027, 1, 15);
    let later = key(3, 2027, 12, 31);
    for (keys, expected) in [
        (vec![expired.clone()], (false, "expired")),
        (vec![expired.clone(), today.clone()], (false, "expiring")),
        (vec![expired, later.clone()], (true, "ready")),
        (vec![today, later], (false, "expiring")),
    ] {
        let mut card = Configuration::unionpay();
        card.authority_keys = keys;
        terminal.in_force.card = Arc::new(card);
        assert_eq!(terminal.certificates(), expected);
    }
}

#[test]
fn a_master_key_of_another_algorithm_than_the_profiles_is_none() {
    use posd_vault_protocol::KeyAlgorithm::{Sm4, TripleDes};
    for (profile, vault, reasons) in [
        (posd_unionpay::profile::KeyAlgorithm::Sm4, Sm4, vec![]),
        (posd_unionpay::profile::KeyAlgorithm::Sm4, TripleDes, vec!["master-key"]),
        (posd_unionpay::profile::KeyAlgorithm::TripleDes, Sm4, vec!["master-key"]),
    ] {
        let (mut terminal, _) = started(0, moment(0, NOON, (1, 15)));
        let profile = Arc::new(Profile { algorithm: profile, ..Profile::default() });
        terminal.settings = Arc::new(Settings { profile, ..settings() });
        terminal.vault = Some(Status { algorithm: vault, ..status() });
        assert_eq!(terminal.reasons(), reasons);
        let checks = terminal.checks();
        let key = checks.iter().find(|check| check.code == "master-key").unwrap();
        assert_eq!(key.good, reasons.is_empty());
    }
}

#[test]
fn a_work_key_that_is_not_the_sign_ins_is_told() {
    let (mut terminal, _) = started(0, moment(0, NOON, (1, 15)));
    terminal.device.work_keys = Some([[1; 3], [2; 3]]);
    terminal.vault = Some(Status { pin_key: Some([1; 3]), mac_key: Some([9; 3]), ..status() });
    let checks = terminal.checks();
    let of = |code| checks.iter().find(|check| check.code == code).map(|c| (c.good, c.detail.as_str()));
    assert_eq!(of("pin-key"), Some((true, "010101")));
    assert_eq!(of("mac-key"), Some((false, "mismatch")));
}

#[test]
fn every_check_and_every_reason_has_words() {
    let (mut terminal, _) = started(NOON * 2, moment(0, NOON, (1, 15)));
    terminal.facts = Facts { free_bytes: Some(0), printer: Some(PrinterCondition::NeedsPaper) };
    terminal.vault.as_mut().unwrap().reader = DeviceState::Faulty;
    terminal.in_force.blacklist = Blacklist::Closed;
    let reasons = terminal.reasons();
    assert_eq!(reasons, ["reader", "blacklist", "space", "clock"]);
    assert_eq!(terminal.reason_checks(&reasons).len(), reasons.len());
    for check in terminal.checks() {
        let found = crate::finding(check.code, &check.detail);
        assert_eq!(found.code, check.code);
        assert!(found.detail == check.detail || found.detail == "*", "{check:?}");
    }
}
