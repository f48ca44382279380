//! Field 62 of download answers: the vectors of the reference (3.1 and 9), and what is malformed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_unionpay::Profile;
use posd_unionpay::bcd::{hex, unhex};
use posd_unionpay::download::{
    AidEntry, AidParameters, CaKey, ContactlessParameters, DownloadErrorKind, KeyEntry, Paging, Parameters,
    Switches, aid_list, blacklist, key_list,
};
use posd_unionpay::profile::BlacklistLayout;
use proptest::prelude::*;

/// Field 62 of vector MAC-1.
const LONG_LIST: &str = "319F0605A0000003339F220103DF050832303234313233319F0605A0000003339F220104DF05083230323431323331\
    9F0605A0000003339F220102DF050832303231313233319F0605A0000000039F220107DF050832303137313233319F06\
    05A0000000039F220108DF050832303233313233319F0605A0000000039F220109DF050832303233313233319F0605A0\
    000000659F220110DF050832303232313233319F0605A0000000659F220112DF050832303232313233319F0605A00000\
    00659F220114DF050832303232313233319F0605A0000000049F220104DF050832303137313233319F0605A000000004\
    9F220105DF050832303231313233319F0605A0000000049F220106DF05083230323131323331";
/// Field 62 of the 0830 of section 9.
const SHORT_LIST: &str = "319F0605A0000000039F220109DF050832303136313233319F0605A0000000049F220106DF05083230313631323331\
    9F0605A0000000659F220114DF050832303136313233319F0605A0000003339F22010BDF050832303231313233319F06\
    05A0000003339F220108DF05083230323031323331";
/// Field 62 of the 0810 of section 9.
const AID: &str = "319F0607A0000000031010DF0101009F08020140DF1105D84000A800DF1205D84004F800DF130500100000009F1B0400\
    000000DF150400000000DF160199DF170199DF14039F3704DF1801019F7B06000000010000DF1906000000000001DF2006000000010000DF2106\
    000000010000";

fn bytes(text: &str) -> Vec<u8> {
    unhex(text).unwrap()
}

fn visa() -> AidEntry {
    AidEntry { aid: bytes("A0000000031010") }
}

#[test]
fn the_lists_of_ca_keys() {
    let list = key_list(&bytes(LONG_LIST)).unwrap();
    assert_eq!((list.paging, list.entries.len()), (Paging::All, 12));
    assert!(!list.paging.asks_again());
    let last = list.entries.last().unwrap();
    assert_eq!((hex(&last.rid).as_str(), last.index, last.expiry.as_str()), ("A000000004", 6, "20211231"));
    let list = key_list(&bytes(SHORT_LIST)).unwrap();
    let named: Vec<_> =
        list.entries.iter().map(|key| format!("{} {:02X}", hex(&key.rid), key.index)).collect();
    assert_eq!(named, ["A000000003 09", "A000000004 06", "A000000065 14", "A000000333 0B", "A000000333 08"]);
}

#[test]
fn lists_say_what_follows() {
    let part = |first: char| [&[first as u8][..], &bytes(SHORT_LIST)[1..24]].concat();
    assert_eq!(key_list(&part('2')).unwrap().paging, Paging::More);
    assert!(key_list(&part('2')).unwrap().paging.asks_again());
    assert_eq!(key_list(&part('3')).unwrap().paging, Paging::Last);
    assert_eq!(key_list(b"0").unwrap().entries, []);
    let list = aid_list(&bytes("329F0607A00000033301019F0608A000000333010102")).unwrap();
    let aids: Vec<_> = list.entries.iter().map(|entry| hex(&entry.aid)).collect();
    assert_eq!((list.paging, aids), (Paging::More, vec!["A0000003330101".into(), "A000000333010102".into()]));
}

#[test]
fn the_card_application() {
    let read = AidParameters::read(&visa(), &bytes(AID)).unwrap();
    assert_eq!(hex(&read.aid), "A0000000031010");
    assert!(read.partial_match && read.online_pin);
    assert_eq!(read.version, [1, 0x40]);
    assert_eq!(hex(&read.action_default), "D84000A800");
    assert_eq!(hex(&read.action_online), "D84004F800");
    assert_eq!(hex(&read.action_denial), "0010000000");
    assert_eq!((read.floor_limit, read.random_threshold), (0, 0));
    assert_eq!((read.random_maximum, read.random_target), (99, 99));
    assert_eq!(hex(&read.default_ddol), "9F3704");
    assert_eq!(read.cash_limit, Some(10_000));
    assert_eq!(read.contactless_floor_limit, Some(1));
    assert_eq!((read.contactless_limit, read.contactless_cvm_limit), (Some(10_000), Some(10_000)));
    let other = AidEntry { aid: bytes("A0000003330101") };
    let error = AidParameters::read(&other, &bytes(AID)).unwrap_err();
    assert_eq!((error.offset, error.kind), (1, DownloadErrorKind::OtherItem));
}

fn unionpay_key() -> (KeyEntry, Vec<u8>) {
    let entry = KeyEntry { rid: [0xA0, 0, 0, 3, 0x33], index: 0x0B, expiry: "20301231".into() };
    let item = [
        &bytes("319F0605A0000003339F22010BDF05083230333031323331DF060101DF070101DF0240")[..],
        &[0xC5; 64],
        &bytes("DF040103DF0314"),
        &[0x5A; 20],
    ]
    .concat();
    (entry, item)
}

#[test]
fn a_ca_key() {
    let (entry, item) = unionpay_key();
    let key = CaKey::read(&entry, &item).unwrap();
    assert_eq!(
        (key.index, key.expiry.as_str(), key.hash_algorithm, key.key_algorithm),
        (0x0B, "20301231", 1, 1)
    );
    assert_eq!((key.modulus.len(), key.exponent.clone(), key.checksum), (64, vec![3], [0x5A; 20]));
    assert_eq!(key.checksum_input(), [&[0xA0, 0, 0, 3, 0x33, 0x0B][..], &[0xC5; 64], &[3]].concat());
    let other = KeyEntry { index: 8, ..entry.clone() };
    assert_eq!(CaKey::read(&other, &item).unwrap_err().kind, DownloadErrorKind::OtherItem);
    let error = CaKey::read(&entry, b"0").unwrap_err();
    assert_eq!((error.offset, error.kind), (0, DownloadErrorKind::NotFound));
}

#[test]
fn faults_are_told_by_their_offset() {
    let list = |text: &str| {
        let error = key_list(&bytes(text)).unwrap_err();
        (error.offset, error.kind)
    };
    assert_eq!(list(""), (0, DownloadErrorKind::Empty));
    assert_eq!(list("34"), (0, DownloadErrorKind::Paging { byte: 0x34 }));
    assert_eq!(list("3000"), (1, DownloadErrorKind::Unexpected));
    assert_eq!(list("32").0, 1, "more of nothing would be asked for for ever");
    assert_eq!(list("319F06"), (1, DownloadErrorKind::NotTlv));
    assert_eq!(list("319F0605A000000333"), (9, DownloadErrorKind::Missing { tag: 0x9F22 }));
    assert_eq!(list("319F22010B"), (1, DownloadErrorKind::UnexpectedTag { tag: 0x9F22 }));
    let short = format!("319F0604A00000039F220109DF0508{}", hex(b"20301231"));
    assert_eq!(list(&short), (4, DownloadErrorKind::Value { tag: 0x9F06 }));
    let dated = |date: &str| list(&format!("319F0605A0000003339F22010BDF0508{}", hex(date.as_bytes())));
    for date in ["20301331", "20301200", "2030123x", "20300032"] {
        assert_eq!(dated(date), (16, DownloadErrorKind::Value { tag: 0xDF05 }), "{date}");
    }
    assert_eq!(
        aid_list(&bytes("319F0604A0000003")).unwrap_err().kind,
        DownloadErrorKind::Value { tag: 0x9F06 }
    );

    let item = |text: &str| {
        let error = AidParameters::read(&visa(), &bytes(text)).unwrap_err();
        (error.offset, error.kind)
    };
    let whole = AID.replace(' ', "");
    assert_eq!(item(&whole.replace("DF160199", "DF16019A")).1, DownloadErrorKind::Value { tag: 0xDF16 });
    assert_eq!(item(&whole.replace("DF010100", "DF010102")), (14, DownloadErrorKind::Value { tag: 0xDF01 }));
    assert_eq!(item(&whole.replace("DF010100", "")).1, DownloadErrorKind::Missing { tag: 0xDF01 });
    assert_eq!(item(&format!("{whole}DF010100")), (112, DownloadErrorKind::Twice { tag: 0xDF01 }));
    assert_eq!(item("32"), (0, DownloadErrorKind::Paging { byte: 0x32 }));
}

#[test]
fn terminal_parameters() {
    let name = "\u{5c0f}\u{5356}\u{90e8}";
    let parameters = Parameters {
        application_type: Some(60),
        reply_timeout_s: Some(60),
        connect_tries: Some(3),
        phones: [Some("95516".into()), None, Some("021-1234".into())],
        management_phone: Some("95516".into()),
        tips: Some(true),
        tip_percent: Some(10),
        manual_entry: Some(false),
        auto_sign_out: Some(true),
        merchant_name: Some(name.into()),
        resend_tries: Some(3),
        offline_mode: Some(1),
        master_key_index: Some(0),
        switches: Some(Switches([0xFF, 0x18, 0, 0])),
        chip: Some("123456789012".into()),
    };
    let field = parameters.encode().unwrap();
    assert!(field.starts_with(b"11601260133" as &[u8]));
    assert_eq!(Parameters::read(&field).unwrap(), parameters);
    assert_eq!(Parameters::read(b"").unwrap(), Parameters::default());
    let switches = parameters.switches.unwrap();
    assert!(switches.sale() && switches.balance() && switches.refund() && switches.void());
    assert!(switches.pre_auth() && switches.pre_auth_cancel() && switches.completion());
    assert!(switches.completion_cancel() && switches.chip() && switches.offline_sale());
    assert!(!switches.offline_settlement() && !switches.adjustment() && !switches.completion_advice());
    let only = |byte: usize, value: u8| {
        let mut bytes = [0; 4];
        bytes[byte] = value;
        Switches(bytes)
    };
    assert!(only(0, 4).sale() && !only(0, 0xFB).sale() && only(1, 0x80).offline_settlement());

    let error = |field: &[u8]| {
        let error = Parameters::read(field).unwrap_err();
        (error.offset, error.kind)
    };
    assert_eq!(error(b"1260271"), (4, DownloadErrorKind::UnknownParameter));
    assert_eq!(error(b"x1"), (0, DownloadErrorKind::UnknownParameter));
    assert_eq!(error(b"126"), (2, DownloadErrorKind::Truncated { needed: 2, left: 1 }));
    assert_eq!(error(b"12601"), (4, DownloadErrorKind::Truncated { needed: 2, left: 1 }));
    assert_eq!(error(b"12601260"), (4, DownloadErrorKind::Twice { tag: 0x12 }));
    assert_eq!(error(b"126x"), (2, DownloadErrorKind::Value { tag: 0x12 }));
    assert_eq!(error(b"182"), (2, DownloadErrorKind::Value { tag: 0x18 }));
    let long = Parameters { management_phone: Some("1".repeat(15)), ..Parameters::default() };
    assert_eq!(long.encode().unwrap_err().field, 62);
}

#[test]
fn a_blacklist_in_both_layouts() {
    let profile = Profile::default();
    let list =
        blacklist(&profile, b"2166212340000000019066212990").map_err(|error| (error.offset, error.kind));
    assert_eq!(list.unwrap_err(), (27, DownloadErrorKind::Truncated { needed: 2, left: 1 }));
    let list = blacklist(&profile, b"216621234000000001906621299").unwrap();
    assert_eq!(list.paging, Paging::More);
    assert_eq!(list.entries[0].reveal(), "6212340000000019");
    assert!(list.entries[1].covers("6212990000000018") && !list.entries[1].covers("6212340000000019"));
    assert!(!format!("{list:?}").contains("6212"), "rule 10");
    let error = |field: &[u8]| blacklist(&profile, field).map_err(|e| (e.offset, e.kind)).unwrap_err();
    assert_eq!(error(b"1006212"), (1, DownloadErrorKind::Value { tag: 0 }));
    assert_eq!(error(b"121"), (1, DownloadErrorKind::Value { tag: 0 }));
    assert_eq!(error(b"103621x"), (6, DownloadErrorKind::Truncated { needed: 2, left: 1 }));
    assert_eq!(error(b"104621x"), (3, DownloadErrorKind::Value { tag: 0 }));
    let fixed = Profile { blacklist_layout: BlacklistLayout::Fixed20, ..Profile::default() };
    let list = blacklist(&fixed, b"100006212340000000019").unwrap();
    assert_eq!(list.entries[0].reveal(), "6212340000000019");
    let zeros = blacklist(&fixed, b"100000000000000000000").map_err(|e| (e.offset, e.kind));
    assert_eq!(zeros.unwrap_err(), (1, DownloadErrorKind::Value { tag: 0 }), "it would block every card");
}

#[test]
fn contactless_parameters() {
    let profile = Profile::default();
    let field = [
        &bytes("31FF805D0131FF80540100FF80580C")[..],
        b"000000100000",
        &bytes("FF805906000000030000FF803A03303630"),
    ]
    .concat();
    let read = ContactlessParameters::read(&profile, &field).unwrap();
    assert_eq!((read.channel, read.no_pin, read.no_signature), (Some(true), Some(false), None));
    assert_eq!((read.no_pin_limit, read.no_signature_limit), (Some(100_000), Some(30_000)));
    assert_eq!((read.objects.len(), read.objects[4].0), (5, 0xFF_803A));
    let error = |text: &str| {
        let error = ContactlessParameters::read(&profile, &bytes(text)).unwrap_err();
        (error.offset, error.kind)
    };
    assert_eq!(error("31FF805D0132"), (5, DownloadErrorKind::Value { tag: 0xFF_805D }));
    assert_eq!(error("31FF80580600000010000A"), (5, DownloadErrorKind::Value { tag: 0xFF_8058 }));
    assert_eq!(error("30"), (0, DownloadErrorKind::NotFound));
}

fn read_all(field: &[u8]) -> Result<(), TestCaseError> {
    let profile = Profile::default();
    let fixed = Profile { blacklist_layout: BlacklistLayout::Fixed20, ..Profile::default() };
    let errors = [
        key_list(field).err(),
        aid_list(field).err(),
        CaKey::read(&unionpay_key().0, field).err(),
        AidParameters::read(&visa(), field).err(),
        ContactlessParameters::read(&profile, field).err(),
        Parameters::read(field).err(),
        blacklist(&profile, field).err(),
        blacklist(&fixed, field).err(),
    ];
    for error in errors.into_iter().flatten() {
        prop_assert!(error.offset <= field.len(), "{}", error);
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_said_where_not(field in proptest::collection::vec(any::<u8>(), 0..300), first in 0u8..5) {
        read_all(&field)?;
        read_all(&[&[b'0' + first][..], &field].concat())?;
    }

    #[test]
    fn damaged_answers_are_read_or_said_where_not(place: proptest::sample::Index, byte: u8, cut: proptest::sample::Index) {
        for whole in [bytes(LONG_LIST), bytes(AID), unionpay_key().1] {
            let mut damaged = whole;
            let index = place.index(damaged.len());
            damaged[index] = byte;
            read_all(&damaged)?;
            damaged.truncate(cut.index(damaged.len()));
            read_all(&damaged)?;
        }
    }

    #[test]
    fn a_cut_list_is_never_taken_for_a_whole_one(cut in 1usize..116) {
        // Only a list that ends with a whole entry can be read.
        let list = key_list(&bytes(SHORT_LIST)[..cut]);
        prop_assert_eq!(list.is_ok(), cut % 23 == 1);
    }
}

#[test]
fn a_name_that_is_no_gbk_goes_back_no_longer_than_it_came() {
    // FF begins no character, and the four bytes are one that GBK has not.
    let name: Vec<u8> = [&[0xFF; 30][..], &[0x94, 0x39, 0xDA, 0x33], &[0xD6, 0xD0], &[b' '; 4]].concat();
    let parameters = Parameters::read(&[&b"22"[..], &name].concat()).unwrap();
    let field = parameters.encode().unwrap();
    assert_eq!(field.len(), 42);
    assert!(!field.contains(&b'&'), "no reference of HTML");
    assert!(field.ends_with(&[b'?', 0xD6, 0xD0, b' ', b' ', b' ', b' ', b' ', b' ', b' ']), "{field:02X?}");
}
