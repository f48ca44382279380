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
        "algorithm = \"des\"",
        "field55_request = [\"9F2\"]",
        "field55_request = [\"00\"]",
        "field55_request = [\"9F26\", \"9F26\"]",
        "contactless_tags.channel = \"FF8\"",
        "blacklist_layout = \"other\"",
        "fees.cards = 600",
        "qr.wallets = [{ name = \"unionpay\" }]",
    ] {
        assert!(toml::from_str::<Profile>(text).is_err(), "{text}");
    }
}

#[test]
fn what_types_do_not_catch_is_named() {
    for (text, entry) in [
        ("tpdu = \"7000030000\"", "tpdu"),
        ("card_header = \"613103310000\"", "card_header"),
        ("stripe_header = \"603103310000\"", "stripe_header"),
        ("field22_stripe = \"02\"", "field22_stripe"),
        ("stripe.fallback.window_s = 0", "stripe.fallback.window_s"),
        ("stripe.fallback.window_s = 601", "stripe.fallback.window_s"),
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
        ("algorithm = \"sm4\"\nmac_key_slot = 8", "mac_key_slot"),
        ("algorithm = \"sm4\"\nmac_algorithm = \"x919\"", "mac_algorithm"),
        ("pin_maximum = 13", "pin_maximum"),
        ("field53 = \"26\"", "field53"),
        ("field53 = \"1600000000000000\"", "field53"),
        ("field22_chip = \"05\"", "field22_chip"),
        ("track_pad = 1", "track_pad"),
        ("institutions = [[\"\", \"x\"]]", "institutions"),
        ("institutions = [[\"0102\", \"\"]]", "institutions"),
        ("field60_maximum = 13", "field60_maximum"),
        ("read_capability = 10", "read_capability"),
        ("field55_request = [\"95\"]", "field55_request"),
        ("field55_reversal = [\"57\"]", "field55_reversal"),
        ("upload_failed_balanced = \"20\"", "upload_failed_balanced"),
        ("upload_failed_unbalanced = \"20x\"", "upload_failed_unbalanced"),
        ("help_line = \"call us\"", "help_line"),
        ("contactless_tags.no_pin = \"FF805D\"", "contactless_tags"),
        ("downloads.aids_days = 366", "downloads.aids_days"),
        ("tips.percent = 101", "tips.percent"),
        ("tips.kind = \"4\"", "tips.kind"),
        ("e_signature.kind = \"7\"", "e_signature.kind"),
        ("e_signature.enabled = true\ne_signature.most_parts = 3", "e_signature.most_parts"),
        (
            "e_signature.enabled = true\ne_signature.most_parts = 4\ne_signature.form = \"strokes\"",
            "e_signature.most_parts",
        ),
        ("e_signature.last_part = \"80\"", "e_signature.last_part"),
        ("e_signature.last_part = \"803\"", "e_signature.last_part"),
        ("e_signature.first_part = \"995\"", "e_signature.most_parts"),
        ("e_signature.most_parts = 0", "e_signature.most_parts"),
        ("e_signature.part_bytes = 1000", "e_signature.part_bytes"),
        ("fees.card = 100001", "fees.card"),
        ("fees.qr = 100001", "fees.qr"),
    ] {
        let profile: Profile = toml::from_str(text).unwrap();
        assert_eq!(profile.validate().unwrap_err().entry, entry, "{text}");
    }
}

#[test]
fn a_fault_in_a_list_is_named_by_its_place() {
    let example = include_str!("../../../packaging/profiles/unionpay.toml");
    for (from, to, entry) in [
        ("name = \"wechat\"", "name = \"unionpay\"", "qr.wallets[1].name"),
        ("min_length = 16", "min_length = 25", "qr.wallets[2].max_length"),
        ("max_length = 24", "max_length = 33", "qr.wallets[2].max_length"),
        ("[\"25\", ", "[\"15\", ", "qr.wallets[2].prefixes"),
        ("[\"25\", ", "[\"1\", ", "qr.wallets[2].prefixes"),
        ("[\"62\"]", "[]", "qr.wallets[0].prefixes"),
        ("[\"62\"]", "[\"6x\"]", "qr.wallets[0].prefixes"),
        ("dialect = \"field59\"", "dialect = \"f\"", "qr.wallets[0].dialect"),
        ("channel = \"002\"", "channel = \"\"", "qr.wallets[1].channel"),
        ("name = \"channel\"", "name = \"field59\"", "qr.wallets[1].dialect"),
        ("field22 = \"032\"", "field22 = \"03\"", "qr.dialects[0].field22"),
        ("field25 = \"00\"", "field25 = \"0\"", "qr.dialects[0].field25"),
        ("minimum = 1\n", "minimum = 0\n", "qr.dialects[0].minimum"),
        ("maximum = 5000000", "maximum = 0", "qr.dialects[0].maximum"),
        ("refund_days = 30", "refund_days = 0", "qr.dialects[0].refund_days"),
        ("shown_code = \"none\"", "shown_code = \"host\"", "qr.dialects[0].show"),
        ("shown_code = \"none\"", "shown_code = \"terminal\"", "qr.dialects[0].query"),
        ("shown_code = \"host\"", "shown_code = \"terminal\"", "qr.dialects[1].payload"),
        ("shown_tag = \"A3\"", "shown_tag = \"A4\"", "qr.dialects[0].shown_tag"),
        ("pending_codes = [\"09\"]", "pending_codes = [\"00\"]", "qr.dialects[0].pending_codes"),
        ("mti = \"0220\"", "mti = \"0230\"", "qr.dialects[0].refund"),
        ("mti = \"0220\"", "mti = \"0820\"", "qr.dialects[0].refund"),
        ("kind = \"23\"", "kind = \"2\"", "qr.dialects[0].void"),
        ("\"730000\"", "\"73000\"", "qr.dialects[1].query"),
        ("first_wait_s = 5", "first_wait_s = 0", "qr.dialects[1].silence"),
        ("queries = 12", "queries = 0", "qr.dialects[1].silence"),
        ("cancels = 3", "cancels = 11", "qr.dialects[1].silence"),
        ("cancel = {", "show = {", "qr.dialects[1].cancel"),
    ] {
        let text = match to {
            // The dialect then has no cancel.
            "show = {" => example.replacen(
                "cancel = { mti = \"0200\", processing_code = \"720000\", kind = \"60\" }\n",
                "",
                1,
            ),
            _ => example.replacen(from, to, 1),
        };
        assert_ne!(text, example, "{from}");
        let profile: Profile = toml::from_str(&text).unwrap();
        let error = profile.validate().unwrap_err();
        assert_eq!(error.entry, entry, "{from} -> {to}");
    }
}

#[test]
fn fees_are_rounded_half_up() {
    let fees = Profile::default().fees;
    assert_eq!((fees.of_card(10_000), fees.of_qr(10_000)), (60, 38));
    assert_eq!((fees.of_card(83), fees.of_card(84)), (0, 1), "0.498 and 0.504");
    assert_eq!(fees.of_card(999_999_999_999), 6_000_000_000);
    let capped = posd_unionpay::profile::Fees { card_cap: 2000, qr_cap: 38, ..fees };
    assert_eq!(
        (capped.of_card(333_333), capped.of_card(333_334), capped.of_card(9_999_999)),
        (2000, 2000, 2000)
    );
    assert_eq!((capped.of_card(333_200), capped.of_qr(10_001), capped.of_qr(9_000)), (1999, 38, 34));
    assert_eq!((fees.of_card(0), fees.of_card(u64::MAX)), (0, 110_680_464_442_257_310));
}

#[test]
fn a_signature_is_cut_and_numbered_by_the_profile() {
    let signature = Profile::default().e_signature;
    let numbers = |length: usize| {
        let data = vec![1; length];
        let parts = signature.parts(&data).unwrap();
        parts.iter().map(|(number, part)| (number.clone(), part.len())).collect::<Vec<_>>()
    };
    assert_eq!(numbers(900), [("800".to_owned(), 900)]);
    assert_eq!(numbers(1801), [("801".to_owned(), 900), ("802".to_owned(), 900), ("800".to_owned(), 1)]);
    assert_eq!(numbers(9000)[8].0, "809");
    assert!(numbers(0).is_empty());
    let error = signature.parts(&vec![1; 9001]).unwrap_err();
    assert_eq!((error.length, error.max), (9001, 9000));
    let single = posd_unionpay::profile::ESignature { last_part: "301".into(), most_parts: 1, ..signature };
    assert_eq!(single.parts(&[1, 2]).unwrap(), [("301".to_owned(), &[1u8, 2][..])]);
}

#[test]
fn a_bank_is_called_by_the_longest_match_and_an_unknown_one_by_its_code() {
    let profile: Profile =
        toml::from_str("institutions = [[\"0102\", \"工商银行\"], [\"01023310\", \"工商银行杭州\"]]")
            .unwrap();
    assert_eq!(profile.institution("01020000"), "工商银行");
    assert_eq!(profile.institution("01023310"), "工商银行杭州");
    assert_eq!(profile.institution("99990000"), "99990000");
}
