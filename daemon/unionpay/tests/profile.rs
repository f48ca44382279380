//! The profile file: the shipped example, and entries that cannot be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_unionpay::Profile;

#[test]
fn the_example_shows_every_default() {
    let text = include_str!("../../../packaging/profiles/unionpay.toml");
    let profile: Profile = toml::from_str(text).unwrap();
    assert_eq!(profile, Profile::default());
    profile.validate().unwrap();
    let written = toml::Table::try_from(&profile).unwrap();
    let shown: toml::Table = toml::from_str(text).unwrap();
    assert_eq!(shown, written, "the example leaves an entry out");
    assert_eq!(toml::from_str::<Profile>("").unwrap(), profile);
}

#[test]
fn unknown_entries_and_bad_values_are_refused() {
    for text in [
        "reply_timeout = 3",
        "tpdu = \"60\"",
        "mac_algorithm = \"none\"",
        "sign_in_code = \"001\"",
        "field55_request = [\"9F2\"]",
        "field55_request = [\"00\"]",
        "field55_request = [\"9F26\", \"9F26\"]",
    ] {
        assert!(toml::from_str::<Profile>(text).is_err(), "{text}");
    }
}

#[test]
fn what_types_do_not_catch_is_named() {
    for (text, entry) in [
        ("tpdu = \"7000030000\"", "tpdu"),
        ("card_header = \"613103310000\"", "card_header"),
        ("reply_timeout_s = 0", "reply_timeout_s"),
        ("connect_timeout_s = 61", "connect_timeout_s"),
        ("reversal_quick_tries = 0", "reversal_quick_tries"),
        ("approving_codes = [\"11\"]", "approving_codes"),
        ("approving_codes = [\"00\", \"A0\"]", "sign_in_again"),
        ("sign_in_again = [\"777\"]", "sign_in_again"),
        ("reversal_end_codes = [\"25\"]", "reversal_end_codes"),
        ("reversal_codes_without_mac = [\"40\"]", "reversal_codes_without_mac"),
        ("advice_success_codes = []", "advice_success_codes"),
        ("sign_in_operator = \"1\"", "sign_in_operator"),
        ("mac_key_slot = 12", "mac_key_slot"),
        ("pin_maximum = 13", "pin_maximum"),
        ("field53 = \"26\"", "field53"),
        ("field22_chip = \"05\"", "field22_chip"),
        ("track_pad = 1", "track_pad"),
        ("field60_maximum = 13", "field60_maximum"),
        ("read_capability = 10", "read_capability"),
        ("field55_request = [\"95\"]", "field55_request"),
        ("field55_reversal = [\"57\"]", "field55_reversal"),
    ] {
        let profile: Profile = toml::from_str(text).unwrap();
        assert_eq!(profile.validate().unwrap_err().entry, entry, "{text}");
    }
}
