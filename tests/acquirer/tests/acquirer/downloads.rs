//! Downloads: pages, items, ends.

use crate::terminal::{Terminal, code, exchange};
use posd_acquirer::message::Message;
use posd_acquirer::{Downloads, Fault, Host, MessageKind, Rule, Settings, Switches, tlv};

fn host(change: impl FnOnce(&mut Settings)) -> (Host, Terminal) {
    let mut settings = Settings::default();
    change(&mut settings);
    (Host::new(settings).unwrap(), Terminal::default())
}

fn request(terminal: &mut Terminal, mti: &str, kind: &str, field: Option<&[u8]>) -> Message {
    let mut message = terminal.management(mti, kind);
    message.fields.remove(&11);
    if let Some(field) = field {
        message.set(62, field);
    }
    message
}

fn field_62(host: &mut Host, request: &Message) -> Vec<u8> {
    let answer = exchange(host, request);
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    assert!(answer.field(11).is_none() && answer.field(12).is_some());
    answer.field(62).map(<[u8]>::to_vec).unwrap_or_default()
}

/// Asks for page after page as a terminal does. Gives the flags and the entries together.
fn pages(
    host: &mut Host,
    terminal: &mut Terminal,
    mti: &str,
    kind: &str,
    length: usize,
) -> (String, Vec<u8>) {
    let (mut flags, mut all) = (String::new(), Vec::new());
    loop {
        let asked = format!("1{:02}", all.len() / length);
        let message = request(terminal, mti, kind, Some(asked.as_bytes()));
        let field = field_62(host, &message);
        flags.push(char::from(field[0]));
        all.extend(&field[1..]);
        if field[0] != b'2' {
            return (flags, all);
        }
    }
}

#[test]
fn ca_keys_are_the_test_cards_authority_with_a_right_checksum() {
    let (mut host, mut terminal) = host(|_| {});
    let (flags, list) = pages(&mut host, &mut terminal, "0820", "372", 23);
    assert_eq!((flags.as_str(), list.len()), ("1", 23));
    let item = request(&mut terminal, "0800", "370", Some(&list[..12]));
    let field = field_62(&mut host, &item);
    assert_eq!(field[0], b'1');
    let objects = tlv::parse(&field[1..]).unwrap();
    let authority = posd_card::issuer::authority_key();
    for (tag, value) in [
        (0x9F06, authority.rid.as_slice()),
        (0x9F22, &[authority.index]),
        (0xDF05, authority.expiry.as_bytes()),
        (0xDF06, &[1]),
        (0xDF07, &[1]),
        (0xDF02, &authority.modulus),
        (0xDF04, &authority.exponent),
        (0xDF03, &authority.checksum),
    ] {
        assert_eq!(tlv::find(&objects, tag), Some(value), "{tag:X}");
    }
    let unknown =
        request(&mut terminal, "0800", "370", Some(b"\x9F\x06\x05\xA0\0\0\x03\x33\x9F\x22\x01\x01"));
    assert_eq!(field_62(&mut host, &unknown), b"0");
    let end = request(&mut terminal, "0800", "371", None);
    assert!(field_62(&mut host, &end).is_empty());
    let answer = exchange(&mut host, &end);
    assert_eq!((answer.mti.as_str(), answer.text(60)), ("0810", Some("00000001371")));
}

#[test]
fn a_wrong_checksum_by_switch_and_by_fault() {
    let checksum = |host: &mut Host, terminal: &mut Terminal| {
        let item = request(terminal, "0800", "370", Some(b"\x9F\x06\x05\xA0\0\0\x03\x33\x9F\x22\x01\xF1"));
        let field = field_62(host, &item);
        let objects = tlv::parse(&field[1..]).unwrap();
        tlv::find(&objects, 0xDF03).unwrap().to_vec()
    };
    let right = posd_card::issuer::authority_key().checksum;
    let (mut bad, mut terminal) =
        host(|settings| settings.switches = Switches { wrong_checksum: true, ..Switches::default() });
    let wrong = checksum(&mut bad, &mut terminal);
    assert_eq!((&wrong[..19], wrong[19]), (&right[..19], !right[19]));
    let (mut host, mut terminal) = host(|_| {});
    host.add_fault(Rule::once(Fault::WrongChecksum, MessageKind::KeyDownload));
    assert_eq!(checksum(&mut host, &mut terminal), wrong);
    assert_eq!(checksum(&mut host, &mut terminal), right);
}

#[test]
fn lists_come_in_pages() {
    let (mut host, mut terminal) = host(|settings| {
        let key = settings.downloads.keys[0].clone();
        settings.downloads.keys = (1..=5)
            .map(|index| posd_acquirer::AuthorityKey { index: format!("{index:02}"), ..key.clone() })
            .collect();
        settings.downloads.page = 2;
    });
    let (flags, list) = pages(&mut host, &mut terminal, "0820", "372", 23);
    assert_eq!(flags, "223");
    let indices: Vec<u8> = list.chunks(23).map(|entry| entry[11]).collect();
    assert_eq!(indices, [1, 2, 3, 4, 5]);
    let (flags, list) = pages(&mut host, &mut terminal, "0820", "382", 11);
    assert_eq!((flags.as_str(), list.len()), ("1", 22));
    let item = request(&mut terminal, "0800", "380", Some(&list[..11]));
    let field = field_62(&mut host, &item);
    assert!(field[0] == b'1' && field[1..12] == list[..11] && tlv::parse(&field[1..]).unwrap().len() == 16);
    let past = request(&mut terminal, "0820", "372", Some(b"105"));
    assert_eq!(field_62(&mut host, &past), b"0");
}

#[test]
fn parameters_blacklist_and_contactless() {
    let (mut host, mut terminal) = host(|_| {});
    for mti in ["0800", "0820"] {
        let ask = request(&mut terminal, mti, "360", None);
        let field = field_62(&mut host, &ask);
        assert!(field.starts_with(b"11160126013318119102012"), "{}", String::from_utf8_lossy(&field));
        let with_trace = terminal.management(mti, "361");
        assert_eq!(code(&mut host, &with_trace), "00");
    }
    let mut status = terminal.management("0820", "362");
    assert_eq!(code(&mut host, &status), "30");
    status.set(62, "1160");
    assert_eq!(code(&mut host, &status), "00");
    let ask = request(&mut terminal, "0800", "390", None);
    assert_eq!(field_62(&mut host, &ask), b"1166212340000000993");
    let ask = request(&mut terminal, "0800", "394", None);
    let field = field_62(&mut host, &ask);
    assert_eq!(tlv::find(&tlv::parse(&field[1..]).unwrap(), 0xFF805D), Some([1].as_slice()));
    for kind in ["391", "395", "381"] {
        let end = request(&mut terminal, "0800", kind, None);
        assert!(field_62(&mut host, &end).is_empty());
    }
}

#[test]
fn nothing_to_download_and_malformed_requests() {
    let (mut host, mut terminal) = host(|settings| {
        settings.downloads = Downloads {
            keys: vec![],
            aids: vec![],
            blacklist: vec![],
            contactless: vec![],
            parameters: Default::default(),
            page: 8,
        };
    });
    for (mti, kind) in [("0820", "372"), ("0820", "382"), ("0800", "390"), ("0800", "394"), ("0800", "360")] {
        let ask = request(&mut terminal, mti, kind, Some(b"100"));
        assert_eq!(field_62(&mut host, &ask), b"0", "{kind}");
    }
    let no_count = request(&mut terminal, "0820", "372", None);
    assert_eq!(code(&mut host, &no_count), "30");
    let bad_count = request(&mut terminal, "0820", "372", Some(b"1xx"));
    assert_eq!(code(&mut host, &bad_count), "30");
    let mut traced = terminal.management("0820", "372");
    traced.set(62, "100");
    assert_eq!(code(&mut host, &traced), "30");
    let other_mti = request(&mut terminal, "0800", "372", Some(b"100"));
    assert_eq!(code(&mut host, &other_mti), "40");
}

#[test]
fn settings_of_downloads_are_checked() {
    let wrong = |change: fn(&mut Downloads)| {
        let mut settings = Settings::default();
        change(&mut settings.downloads);
        Host::new(settings).err().unwrap().to_string()
    };
    assert!(wrong(|downloads| downloads.keys[0].rid = "A0".into()).contains("RID"));
    assert!(wrong(|downloads| downloads.aids[0] = "DF0101".into()).contains("9F06"));
    assert!(wrong(|downloads| downloads.contactless[0] = "FF".into()).contains("contactless"));
    assert!(wrong(|downloads| downloads.page = 0).contains("page"));
    assert!(
        wrong(|downloads| drop(downloads.parameters.insert("1".into(), String::new())))
            .contains("two digits")
    );
}
