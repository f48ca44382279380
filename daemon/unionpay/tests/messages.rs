//! Requests against the field lists of the reference (1.1), and answers against their requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_unionpay::answer::Undecodable;
use posd_unionpay::profile::{InstalmentLayout, KeyAlgorithm};
use posd_unionpay::request::{
    Card, Echo, Entry, Financial, GoodsLine, Identity, Linked, NotReady, Request, Reversal, ScriptResult,
    SignIn, SignOut,
};
use posd_unionpay::{
    Answer, DecodeErrorKind, EncodeError, EncodeErrorKind, Family, Frame, Kind, Message, MessageBuilder,
    Mismatch, Mti, Pan, Profile, Rejection, Track2, Track3, check_answer,
};

fn identity() -> Identity {
    Identity { terminal: "00000001".into(), merchant: "898000000000001".into() }
}

fn card() -> Card {
    Card {
        entry: Entry::Chip,
        pan: Pan::new("6212340000000019").unwrap(),
        expiry: Some("3012".into()),
        sequence: Some(1),
        track2: Track2::new("6212340000000019D30122010000000000"),
        track3: None,
        pin_block: Some(vec![0xA5; 8]),
        field55: vec![0x95, 1, 0],
    }
}

/// A card that was not read: what the records of the original hold.
fn recorded_card() -> Card {
    let mut card = card();
    (card.entry, card.sequence, card.track2, card.pin_block) = (Entry::Manual, None, None, None);
    card.field55.clear();
    card
}

fn financial(kind: Kind, card: Card) -> Financial {
    Financial {
        kind,
        family: kind.family(),
        identity: identity(),
        trace: 42,
        batch: 7,
        amount: 1234,
        currency: 156,
        card,
        linked: kind.row().original.map(|_| Linked {
            batch: 6,
            trace: 41,
            date: "0604".into(),
            rrn: Some("112233445566".into()),
            authorisation_code: Some("A1B2C3".into()),
        }),
        allow_partial: false,
        instalments: None,
        goods: vec![],
    }
}

#[test]
fn goods_go_in_field_57_where_the_profile_says_so_and_nowhere_else() {
    let line = |name: &str, quantity, amount| GoodsLine { name: name.into(), quantity, amount };
    let sold = || vec![line("苹果", 500, 600), line("tea", 12_000, 34)];
    let sent = Profile { goods_in_57: true, ..Profile::default() };
    let field = |profile: &Profile, goods| {
        let request = Financial { goods, ..sale() }.build(profile).unwrap();
        request.message().bytes(57).map(<[u8]>::to_vec)
    };
    assert_eq!(field(&Profile::default(), sold()), None);
    let expected = [&[0xC6, 0xBB, 0xB9, 0xFB][..], b"*0.500*600;tea*12.000*34;"].concat();
    assert_eq!(field(&sent, sold()), Some(expected));
    assert_eq!(field(&sent, vec![]), None);
    for kind in with_a_card() {
        let request = Financial { goods: sold(), ..financial(*kind, card()) }.build(&sent).unwrap();
        let without = [Kind::BalanceInquiry, Kind::Refund].contains(kind);
        assert_eq!(request.message().bytes(57).is_none(), without, "{kind}");
    }
    // Whole lines, as many as fit.
    let long = field(&sent, vec![line(&"x".repeat(40), 1_000, 1); 40]).unwrap();
    assert!(long.len() <= 999 && long.len() % 49 == 0 && long.ends_with(b";"), "{}", long.len());
}

fn sale() -> Financial {
    financial(Kind::Sale, card())
}

fn reversal() -> Reversal {
    Reversal {
        kind: Kind::Sale,
        family: Family::Plain,
        identity: identity(),
        trace: 42,
        batch: 7,
        amount: 1234,
        currency: 156,
        entry: Entry::Chip,
        pan: Pan::new("6212340000000019").unwrap(),
        expiry: Some("3012".into()),
        card_sequence: Some(1),
        pin_entered: true,
        authorisation_code: None,
        linked: None,
        reason: "98".into(),
        field55: vec![0x95, 1, 0],
    }
}

fn script_result() -> ScriptResult {
    ScriptResult {
        kind: Kind::Sale,
        identity: identity(),
        trace: 43,
        batch: 8,
        amount: 1234,
        currency: 156,
        entry: Entry::Chip,
        pan: Pan::new("6212340000000019").unwrap(),
        card_sequence: Some(1),
        pin_entered: false,
        original: Linked {
            batch: 7,
            trace: 42,
            date: "0605".into(),
            rrn: Some("123456789012".into()),
            authorisation_code: Some("A1B2C3".into()),
        },
        field55: vec![0xDF, 0x31, 1, 0],
    }
}

/// The kinds whose request tells of a card; those by code are `QrRequest`'s.
fn with_a_card() -> impl Iterator<Item = &'static Kind> {
    Kind::ALL.iter().filter(|kind| !matches!(kind, Kind::QrScan | Kind::QrShow))
}

/// The message as the host reads it.
fn sent(request: &Request, mac: Option<[u8; 8]>) -> Message {
    sent_as(&Profile::default(), request, mac)
}

fn sent_as(profile: &Profile, request: &Request, mac: Option<[u8; 8]>) -> Message {
    let frame = request.frame(mac).unwrap();
    Message::decode(Frame::read_unprefixed(&frame).unwrap().body, &profile.table()).unwrap()
}

fn fields(message: &Message) -> Vec<u8> {
    message.fields().iter().collect()
}

fn digits(message: &Message, field: u8) -> String {
    message.digits(field).unwrap().text().to_string()
}

const MAC: [u8; 8] = *b"5FE058DB";

#[test]
fn sale_fields() {
    let profile = Profile::default();
    let request = sale().build(&profile).unwrap();
    let message = sent(&request, Some(MAC));
    assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 23, 25, 26, 35, 41, 42, 49, 52, 53, 55, 60, 64]);
    assert_eq!(message.mti(), Mti::FINANCIAL);
    assert_eq!(digits(&message, 2), "6212340000000019");
    assert_eq!(digits(&message, 3), "000000");
    assert_eq!(digits(&message, 4), "000000001234");
    assert_eq!(message.bytes(22), Some(&[0x05, 0x10][..]), "n3, left aligned");
    assert_eq!(message.bytes(23), Some(&[0x00, 0x01][..]), "n3, right aligned");
    assert_eq!(digits(&message, 25), "00");
    assert_eq!(digits(&message, 26), "12");
    assert_eq!(digits(&message, 35), "6212340000000019D30122010000000000");
    assert_eq!(message.text(49), Some("156"));
    assert_eq!(message.bytes(52), Some(&[0xA5; 8][..]));
    assert_eq!(digits(&message, 53), "2600000000000000");
    assert_eq!(digits(&message, 60), "22000007000500");
    assert_eq!(&request.frame(Some(MAC)).unwrap()[..11], [0x60, 0, 3, 0, 0, 0x61, 0x31, 0, 0x31, 0, 0]);
}

#[test]
fn sm4_makes_a_pin_block_of_16_bytes_and_says_so() {
    for (field53, sent53) in
        [("2600000000000000", "2300000000000000"), ("2610000000000000", "2310000000000000")]
    {
        let profile = Profile { algorithm: KeyAlgorithm::Sm4, field53: field53.into(), ..Profile::default() };
        profile.validate().unwrap();
        // A block of the other algorithm does not fit.
        assert_eq!(sale().build(&profile).unwrap_err().field, 52);
        let mut sale = sale();
        sale.card.pin_block = Some((1..=16).collect());
        let request = sale.build(&profile).unwrap();
        let message = sent_as(&profile, &request, Some(MAC));
        assert_eq!(message.bytes(52), Some(&(1..=16).collect::<Vec<u8>>()[..]));
        assert_eq!(digits(&message, 53), sent53);
        assert!(sale.build(&Profile::default()).is_err());
    }
}

#[test]
fn sm4_sign_in_asks_by_005_and_006() {
    use posd_unionpay::profile::SignInCode;
    for (code, expected) in [(SignInCode::Double, "005"), (SignInCode::DoubleWithTrack, "006")] {
        let profile = Profile { algorithm: KeyAlgorithm::Sm4, sign_in_code: code, ..Profile::default() };
        let sign_in = SignIn { identity: identity(), trace: 1, batch: 7, operator: None };
        let message = sent(&sign_in.build(&profile).unwrap(), None);
        assert_eq!(digits(&message, 60), format!("00000007{expected}"));
    }
}

#[test]
fn field_22_tells_a_tap_from_a_chip_that_was_inserted() {
    for (entry, pin, expected) in [
        (Entry::Chip, true, "051"),
        (Entry::Chip, false, "052"),
        (Entry::Contactless, true, "071"),
        (Entry::Contactless, false, "072"),
    ] {
        let mut sale = sale();
        sale.card.entry = entry;
        if !pin {
            sale.card.pin_block = None;
        }
        let message = sent(&sale.build(&Profile::default()).unwrap(), Some(MAC));
        assert_eq!(digits(&message, 22), expected);
    }
}

/// A card of which only the stripe was read.
fn swiped_card(entry: Entry) -> Card {
    Card {
        entry,
        pan: Pan::new("6212340000000019").unwrap(),
        expiry: Some("3012".into()),
        sequence: None,
        track2: Track2::new("6212340000000019=30121200000000000"),
        track3: Track3::new("996212340000000019=156156000000000000000000000000000000000="),
        pin_block: Some(vec![0xA5; 8]),
        field55: vec![],
    }
}

/// Reference 1.1: of sale, pre-authorisation and balance inquiry tracks are conditional, of a refund they stand in the
/// list; what the chip alone gives (23, 55) is conditional everywhere.
#[test]
fn swiped_card_sends_its_tracks_and_nothing_of_a_chip() {
    let profile = Profile::default();
    let swiped: &[u8] = &[2, 3, 4, 11, 14, 22, 25, 26, 35, 36, 41, 42, 49, 52, 53, 60, 64];
    for (kind, own) in [
        (Kind::Sale, &[][..]),
        (Kind::PreAuth, &[]),
        (Kind::Instalment, &[]),
        (Kind::BalanceInquiry, &[]),
        (Kind::Refund, &[37, 38, 61, 63]),
    ] {
        let request = financial(kind, swiped_card(Entry::Swipe)).build(&profile).unwrap();
        let message = sent(&request, Some(MAC));
        let mut expected: Vec<u8> = swiped.iter().chain(own).copied().collect();
        expected.retain(|field| *field != 4 || kind != Kind::BalanceInquiry);
        expected.sort_unstable();
        assert_eq!(fields(&message), expected, "{kind}");
    }
    let request = financial(Kind::Sale, swiped_card(Entry::Swipe)).build(&profile).unwrap();
    let message = sent(&request, Some(MAC));
    assert_eq!(message.bytes(22), Some(&[0x02, 0x10][..]));
    assert_eq!(digits(&message, 35), "6212340000000019D30121200000000000");
    let track3 = digits(&message, 36);
    assert_eq!(track3, "996212340000000019D156156000000000000000000000000000000000D");
    assert_eq!(&request.frame(Some(MAC)).unwrap()[..11], [0x60, 0, 3, 0, 0, 0x60, 0x31, 0, 0x31, 0, 0]);
    let mut card = swiped_card(Entry::Swipe);
    (card.track3, card.pin_block) = (None, None);
    let message = sent(&financial(Kind::Sale, card).build(&profile).unwrap(), Some(MAC));
    assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 25, 35, 41, 42, 49, 60, 64]);
    assert_eq!(digits(&message, 22), "022");
}

#[test]
fn fallback_is_told_in_60_5_by_request_and_reversal() {
    let profile = Profile::default();
    for (entry, field60) in [(Entry::Swipe, "22000007000500"), (Entry::Fallback, "22000007000520")] {
        let request = financial(Kind::Sale, swiped_card(entry)).build(&profile).unwrap();
        let message = sent(&request, Some(MAC));
        assert_eq!((digits(&message, 22), digits(&message, 60)), ("021".into(), field60.into()));
        let mut undone = reversal();
        (undone.entry, undone.card_sequence, undone.field55) = (entry, None, vec![]);
        let request = undone.build(&profile).unwrap();
        let message = sent(&request, Some(MAC));
        assert_eq!((digits(&message, 22), digits(&message, 60)), ("021".into(), field60.into()));
        assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 25, 39, 41, 42, 49, 60, 64], "no track");
        assert_eq!(request.frame(Some(MAC)).unwrap()[5], 0x60);
    }
}

#[test]
fn sale_without_pin_has_no_26_52_53() {
    let profile = Profile { field60_always_partial: false, ..Profile::default() };
    let mut sale = sale();
    sale.card.pin_block = None;
    sale.card.sequence = None;
    sale.card.track2 = None;
    let message = sent(&sale.build(&profile).unwrap(), Some(MAC));
    assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 25, 41, 42, 49, 55, 60, 64]);
    assert_eq!(digits(&message, 22), "052");
    assert_eq!(digits(&message, 60), "2200000700050", "n13 without 60.6");
    sale.allow_partial = true;
    let message = sent(&sale.build(&profile).unwrap(), Some(MAC));
    assert_eq!(digits(&message, 60), "22000007000501");
}

/// Reference 1.1: the fields of each kind, with a card that was read and a PIN, and with one that was not.
#[test]
fn each_kind_has_its_own_fields() {
    let profile = Profile::default();
    let read: &[u8] = &[2, 3, 4, 11, 14, 22, 23, 25, 26, 35, 41, 42, 49, 52, 53, 55, 60, 64];
    let recorded: &[u8] = &[2, 3, 4, 11, 14, 22, 25, 41, 42, 49, 60, 64];
    let cases: &[(Kind, &[u8], Option<&str>)] = &[
        (Kind::Sale, &[], None),
        (Kind::Void, &[37, 38, 61], Some("000006000041")),
        (Kind::Refund, &[37, 38, 61, 63], Some("0000000000000604")),
        (Kind::PreAuth, &[], None),
        (Kind::PreAuthCancel, &[38, 61], Some("0000060000410604")),
        (Kind::Completion, &[38, 61], Some("0000060000410604")),
        (Kind::CompletionAdvice, &[38, 61], Some("0000060000410604")),
        (Kind::CompletionCancel, &[37, 38, 61], Some("0000060000410604")),
        (Kind::BalanceInquiry, &[], None),
        (Kind::OfflineSale, &[], None),
        (Kind::Tip, &[38, 61], Some("000006000041")),
        (Kind::Instalment, &[], None),
        (Kind::PhoneOrder, &[], None),
    ];
    assert_eq!(cases.len(), with_a_card().count());
    for (kind, own, original) in cases {
        for (card, usual) in [(card(), read), (recorded_card(), recorded)] {
            let request = financial(*kind, card).build(&profile).unwrap();
            let message = sent(&request, Some(MAC));
            let mut expected: Vec<u8> = usual.iter().chain(*own).copied().collect();
            expected.retain(|field| *field != 4 || *kind != Kind::BalanceInquiry);
            expected.sort_unstable();
            assert_eq!(fields(&message), expected, "{kind}");
            let row = kind.row();
            assert_eq!((message.mti(), digits(&message, 3)), (row.mti, row.processing.to_owned()), "{kind}");
            assert_eq!(digits(&message, 60)[..2], *row.message_kind, "{kind}");
            assert_eq!(message.digits(61).map(|d| d.text().to_string()).as_deref(), *original, "{kind}");
        }
    }
    let refund = sent(&financial(Kind::Refund, card()).build(&profile).unwrap(), Some(MAC));
    assert_eq!(refund.text(63), Some("CUP"));
    assert_eq!(
        digits(&sent(&financial(Kind::Void, recorded_card()).build(&profile).unwrap(), Some(MAC)), 22),
        "012"
    );
    let orphan = Financial { linked: None, ..financial(Kind::Void, card()) };
    assert_eq!(
        orphan.build(&profile).unwrap_err(),
        EncodeError { field: 61, kind: EncodeErrorKind::Missing }
    );
}

/// The reference's field lists (1.1), as they stand there: `c` marks what is conditional, brackets what some leave out.
/// What depends on the card and its PIN is conditional whether or not the list says so.
struct Listed(Vec<(u8, bool)>);

impl Listed {
    fn new(parts: &[&str]) -> Listed {
        let fields = parts.iter().flat_map(|part| part.split_whitespace());
        Listed(
            fields
                .map(|field| {
                    let number = field.trim_matches(['c', '(', ')']).parse().unwrap();
                    let of_card = [14, 23, 26, 32, 35, 36, 52, 53, 55].contains(&number);
                    (number, !of_card && !field.ends_with('c') && !field.starts_with('('))
                })
                .collect(),
        )
    }

    fn hold(&self, message: &Message, what: &str) {
        let sent = fields(message);
        let missing: Vec<_> = self.0.iter().filter(|(field, must)| *must && !sent.contains(field)).collect();
        let listed = |field: &&u8| self.0.iter().any(|(listed, _)| listed == *field);
        let unlisted: Vec<_> = sent.iter().filter(|field| !listed(field)).collect();
        assert!(missing.is_empty() && unlisted.is_empty(), "{what}: without {missing:?}, with {unlisted:?}");
    }
}

#[test]
fn every_field_list_of_the_reference_is_kept() {
    const SALE: &str = "2c 3 4 11 14c 22 23c 25 26c 32c 35c 36c 41 42 49 52c 53c 55c 57c 59c 60 63c 64";
    const REVERSAL: &str = "2 3 4 11 14 22 23 25 32 38c 39 41 42 49 53c 55c 60 62c 64";
    let profile = Profile::default();
    let lists: &[(Kind, &[&str])] = &[
        (Kind::BalanceInquiry, &["2c 3 11 14c 22 23c 25 26c 35c 36c 41 42 49 52c 53c 55c 59c 60 62c 64"]),
        (Kind::Sale, &[SALE, "62c"]),
        (Kind::Instalment, &[SALE, "62c"]),
        (Kind::PhoneOrder, &[SALE, "62c"]),
        (Kind::OfflineSale, &[SALE, "62c"]),
        // No list is given for it: as a sale, with its original.
        (Kind::Tip, &[SALE, "62c 38c 61"]),
        (Kind::Void, &[SALE, "62c 37 38c 61"]),
        (Kind::Refund, &["2 3 4 11 14 22 23 25 26 35 36 37 38c 41 42 49 52 53 55 60 61 63 64"]),
        (Kind::PreAuth, &[SALE]),
        (Kind::PreAuthCancel, &[SALE, "62c 38 61"]),
        (Kind::Completion, &[SALE, "62c 38 61"]),
        (Kind::CompletionAdvice, &[SALE, "62c 38 61"]),
        (Kind::CompletionCancel, &[SALE, "62c 37 38 61"]),
    ];
    assert_eq!(lists.len(), with_a_card().count());
    for (kind, list) in lists {
        let list = Listed::new(list);
        for card in [card(), recorded_card()] {
            let request = Financial {
                instalments: (*kind == Kind::Instalment).then_some(12),
                ..financial(*kind, card)
            };
            list.hold(&sent(&request.build(&profile).unwrap(), Some(MAC)), kind.word());
        }
        if !kind.row().reversible {
            continue;
        }
        let list = Listed::new(&[REVERSAL, if kind.row().original.is_some() { "61" } else { "" }]);
        let linked = financial(*kind, card()).linked;
        let mut undo = reversal();
        (undo.kind, undo.family, undo.linked) = (*kind, kind.family(), linked);
        list.hold(&sent(&undo.build(&profile).unwrap(), Some(MAC)), &format!("reversal of {kind}"));
    }
    let list = Listed::new(&["2 3 4 11 22 23 32 37 38c 41 42 49 55 60 61 (64)"]);
    list.hold(&sent(&script_result().build(&profile).unwrap(), None), "script result");
    let sign_in = SignIn { identity: identity(), trace: 1, batch: 7, operator: None };
    let list = Listed::new(&["11 (32) 41 42 60 (62) 63"]);
    list.hold(&sent(&sign_in.build(&profile).unwrap(), None), "sign-in");
    let sign_out = SignOut { identity: identity(), trace: 2, batch: 7 };
    Listed::new(&["11 41 42 60"]).hold(&sent(&sign_out.build(&profile).unwrap(), None), "sign-out");
}

#[test]
fn an_instalment_payment_tells_its_number_as_the_profile_lays_it_out() {
    let mut profile = Profile::default();
    let request = || Financial { instalments: Some(6), ..financial(Kind::Instalment, card()) };
    let field62 =
        |profile: &Profile| sent(&request().build(profile).unwrap(), Some(MAC)).bytes(62).map(<[u8]>::to_vec);
    assert_eq!(field62(&profile).as_deref(), Some(&b"06"[..]));
    profile.instalments.layout = InstalmentLayout::CountGoodsFee;
    assert_eq!(field62(&profile), Some(format!("06{}0", " ".repeat(30)).into_bytes()));
    profile.instalments.layout = InstalmentLayout::None;
    assert_eq!(field62(&profile), None);
}

#[test]
fn the_balance_is_the_available_part_of_field_54() {
    let balance = |field: &[u8]| check(&answer_to_sale(&[(54, field)])).unwrap().balance(156);
    assert_eq!(balance(b"1002156C000000123456"), Some(123_456));
    assert_eq!(balance(b"1002156D000000000005"), Some(-5));
    assert_eq!(balance(b"1001156C0000000000011002156C000000000002"), Some(2), "01 is the ledger balance");
    for unread in [&b"1002840C000000000002"[..], b"1002156X000000000002", b"1002156C0000000000X2", b"10021"] {
        assert_eq!(balance(unread), None);
    }
}

#[test]
fn the_reversal_of_a_transaction_that_followed_another_names_that_one() {
    let profile = Profile::default();
    for kind in [Kind::Void, Kind::PreAuthCancel, Kind::Completion, Kind::CompletionCancel] {
        let original = financial(kind, card()).build(&profile).unwrap();
        let mut reversal = reversal();
        (reversal.kind, reversal.linked) = (kind, financial(kind, card()).linked);
        let message = sent(&reversal.build(&profile).unwrap(), Some(MAC));
        let original = sent(&original, Some(MAC));
        assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 23, 25, 39, 41, 42, 49, 55, 60, 61, 64], "{kind}");
        for field in [3, 4, 11, 22, 25, 60, 61] {
            assert_eq!(digits(&message, field), digits(&original, field), "{kind}: field {field}");
        }
        reversal.linked = None;
        assert_eq!(reversal.build(&profile).unwrap_err().field, 61, "{kind}: never without its original");
    }
}

#[test]
fn a_card_number_tells_its_organisation() {
    let profile = Profile::default();
    for (pan, organisation) in
        [("6212340000000019", "CUP"), ("4000000000000002", "VIS"), ("3500000000000000", "JCB"), ("9", "CUP")]
    {
        assert_eq!(profile.organisation(pan), organisation);
    }
    let bad = Profile { organisations: vec![("62".into(), "cup".into())], ..Profile::default() };
    assert_eq!(bad.validate().unwrap_err().entry, "organisations");
}

#[test]
fn reversal_fields_keep_trace_and_batch() {
    let profile = Profile::default();
    let message = sent(&reversal().build(&profile).unwrap(), Some(MAC));
    assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 23, 25, 39, 41, 42, 49, 55, 60, 64]);
    assert_eq!(message.mti(), Mti::REVERSAL);
    assert_eq!(digits(&message, 11), "000042");
    assert_eq!(digits(&message, 60), "22000007000500");
    assert_eq!(digits(&message, 22), "051");
    assert_eq!(message.text(39), Some("98"));
    let mut answered = reversal();
    answered.authorisation_code = Some("A1B2C3".into());
    assert!(sent(&answered.build(&profile).unwrap(), Some(MAC)).has(38));
    answered.reason = "980".into();
    assert_eq!(answered.build(&profile).unwrap_err().field, 39);
}

#[test]
fn script_result_fields() {
    let profile = Profile::default();
    let request = script_result().build(&profile).unwrap();
    assert_eq!(request.mac_input(), None, "no MAC by default");
    let message = sent(&request, None);
    assert_eq!(fields(&message), [2, 3, 4, 11, 22, 23, 37, 38, 41, 42, 49, 55, 60, 61]);
    assert_eq!(digits(&message, 60), "00000008951");
    assert_eq!(digits(&message, 61), "0000070000420605");
    let with_mac = Profile { mac_on_script_result: true, ..profile };
    let request = script_result().build(&with_mac).unwrap();
    assert!(sent(&request, Some(MAC)).has(64));
}

#[test]
fn management_fields() {
    let profile = Profile::default();
    let sign_in = SignIn { identity: identity(), trace: 1, batch: 7, operator: Some("05".into()) };
    let message = sent(&sign_in.build(&profile).unwrap(), None);
    assert_eq!(fields(&message), [11, 41, 42, 60, 63]);
    assert_eq!((message.mti(), message.text(63)), (Mti::MANAGEMENT, Some("005")));
    let other = Profile {
        operator_layout: posd_unionpay::profile::OperatorLayout::Blank,
        sign_in_code: posd_unionpay::profile::SignInCode::DoubleWithTrack,
        mac_on_notices: true,
        ..Profile::default()
    };
    let message = sent(&sign_in.build(&other).unwrap(), None);
    assert_eq!((digits(&message, 60).as_str(), message.text(63)), ("00000007004", Some("05 ")));

    let sign_out = SignOut { identity: identity(), trace: 2, batch: 7 };
    let message = sent(&sign_out.build(&profile).unwrap(), None);
    assert_eq!((message.mti(), fields(&message)), (Mti::NOTICE, vec![11, 41, 42, 60]));
    assert_eq!(digits(&message, 60), "00000007002");
    assert!(sent(&sign_out.build(&other).unwrap(), Some(MAC)).has(64));

    let echo = Echo { identity: identity(), trace: 3, batch: 7 };
    let message = sent(&echo.build(&profile).unwrap(), None);
    assert_eq!((fields(&message), digits(&message, 60)), (vec![11, 41, 42, 60], "00000007301".into()));
}

#[test]
fn mac_covers_type_to_field_63_with_bit_64_set() {
    let request = sale().build(&Profile::default()).unwrap();
    let input = request.mac_input().unwrap();
    let frame = request.frame(Some(MAC)).unwrap();
    assert_eq!(input[..], frame[11..frame.len() - 8]);
    assert_eq!(input[9] & 1, 1, "bit 64");
    assert_eq!(frame[frame.len() - 8..], MAC);
    assert_eq!(request.frame(None).unwrap_err(), NotReady::MacMissing);
    let echo = Echo { identity: identity(), trace: 3, batch: 7 }.build(&Profile::default()).unwrap();
    assert_eq!(echo.frame(Some(MAC)).unwrap_err(), NotReady::MacUnwanted);
}

#[test]
fn values_that_fit_no_field_are_refused_by_its_number() {
    let profile = Profile::default();
    let field = |change: &dyn Fn(&mut Financial)| {
        let mut sale = sale();
        change(&mut sale);
        sale.build(&profile).unwrap_err().field
    };
    assert_eq!(field(&|sale| sale.amount = 0), 4);
    assert_eq!(field(&|sale| sale.amount = 1_000_000_000_000), 4);
    assert_eq!(field(&|sale| sale.trace = 0), 11);
    assert_eq!(field(&|sale| sale.trace = 1_000_000), 11);
    assert_eq!(field(&|sale| sale.batch = 0), 60);
    assert_eq!(field(&|sale| sale.card.expiry = Some("30".into())), 14);
    assert_eq!(field(&|sale| sale.card.sequence = Some(100)), 23);
    assert_eq!(field(&|sale| sale.currency = 0), 49);
    assert_eq!(field(&|sale| sale.identity.terminal = "终端".into()), 41);
    assert_eq!(field(&|sale| sale.identity.merchant = "8".repeat(16)), 42);
    assert_eq!(field(&|sale| sale.card.field55 = vec![0; 256]), 55);
    let mut script = script_result();
    script.original.date = "605".into();
    assert_eq!(script.build(&profile).unwrap_err().field, 61);
}

#[test]
fn rule_10_requests_show_no_card_data() {
    let text = format!(
        "{:?} {:?} {:?} {:?}",
        sale(),
        reversal(),
        script_result(),
        sale().build(&Profile::default())
    );
    assert!(!text.contains("0019") && !text.contains("621234") && !text.contains("165"), "{text}");
}

#[test]
fn a_field_put_twice_stands_once() {
    let table = Profile::default().table();
    let mut builder = MessageBuilder::new(&table, Mti::FINANCIAL);
    builder.put(41, "A").unwrap().put(11, "000001").unwrap().put(41, "B").unwrap().put(2, "62").unwrap();
    builder.put(2, "6212345").unwrap();
    let message = builder.finish();
    assert_eq!(fields(&message), [2, 11, 41]);
    assert_eq!(message.text(41), Some("B       "));
    let read = Message::decode(message.encode(), &table).unwrap();
    assert_eq!(read, message);
    assert_eq!(digits(&read, 2), "6212345");
}

/// An answer to [`sale`] with some fields changed; an empty value takes the field out.
fn answer_to_sale(changes: &[(u8, &[u8])]) -> Vec<u8> {
    answer(Mti::FINANCIAL_ANSWER, changes)
}

fn answer(mti: Mti, changes: &[(u8, &[u8])]) -> Vec<u8> {
    let usual: &[(u8, &[u8])] = &[
        (4, b"000000001234"),
        (11, b"000042"),
        (12, b"153045"),
        (13, b"0605"),
        (15, b"0606"),
        (37, b"123456789012"),
        (38, b"A1B2C3"),
        (39, b"00"),
        (41, b"00000001"),
        (42, b"898000000000001"),
        (44, b"01020000   04030000   "),
        (54, b""),
        (55, &[0x91, 2, 0x30, 0x30]),
        (60, b"22000009000500"),
        (63, b"CUP\xB7\xA2\xBF\xA8\xD0\xD0              CENTRE              \x1bACQ"),
        (64, &MAC),
    ];
    let table = Profile::default().table();
    let mut builder = MessageBuilder::new(&table, mti);
    for (field, value) in usual {
        let value = changes.iter().find(|(changed, _)| changed == field).map_or(*value, |(_, value)| value);
        if !value.is_empty() {
            builder.put(*field, value).unwrap();
        }
    }
    [&[0x60, 0, 0, 0, 3, 0x61, 0x31, 0x03, 0x31, 0, 0][..], builder.finish().encode()].concat()
}

fn check(frame: &[u8]) -> Result<Answer, Rejection> {
    let profile = Profile::default();
    check_answer(&profile, &sale().build(&profile).unwrap().expectation(), frame)
}

#[test]
fn an_answer_tells_all_it_says() {
    let frame = answer_to_sale(&[]);
    let answer = check(&frame).unwrap();
    assert_eq!(answer.response_code(), "00");
    assert!(answer.is_approval(&Profile::default()));
    assert_eq!(answer.requirement(), 3);
    assert_eq!((answer.trace(), answer.amount(), answer.batch()), (Some(42), Some(1234), Some(9)));
    assert_eq!((answer.local_time(), answer.local_date()), (Some("153045"), Some("0605")));
    assert_eq!(answer.settlement_date(), Some("0606"));
    assert_eq!((answer.rrn(), answer.authorisation_code()), (Some("123456789012"), Some("A1B2C3")));
    assert_eq!((answer.issuer(), answer.acquirer()), (Some("01020000"), Some("04030000")));
    assert_eq!(answer.field55(), Some(&[0x91, 2, 0x30, 0x30][..]));
    assert_eq!(answer.field62(), None);
    assert_eq!(answer.host_texts(), ["发卡行", "CENTRE", "ACQ"], "no control byte reaches the slip");
    assert_eq!(answer.mac(), Some(MAC));
    assert_eq!(answer.mac_input().unwrap()[..], frame[11..frame.len() - 8]);
}

#[test]
fn an_answer_without_mac_has_nothing_to_check() {
    let answer = check(&answer_to_sale(&[(64, b""), (44, b"0102"), (38, b"      "), (63, b"CUP")])).unwrap();
    assert_eq!((answer.mac(), answer.mac_input()), (None, None));
    assert_eq!((answer.issuer(), answer.acquirer()), (Some("0102"), None));
    assert_eq!(answer.authorisation_code(), None);
    assert!(answer.host_texts().is_empty());
}

#[test]
fn rule_7_an_answer_of_another_request_is_a_mismatch() {
    let mismatch = |frame: &[u8]| match check(frame) {
        Err(Rejection::Mismatch(mismatch)) => mismatch,
        other => panic!("{other:?}"),
    };
    assert_eq!(mismatch(&answer(Mti::REVERSAL_ANSWER, &[])), Mismatch::Mti);
    assert_eq!(mismatch(&answer(Mti::FINANCIAL, &[])), Mismatch::Mti, "an echoed request");
    for (field, others, expected) in [
        (11, [&b"000043"[..], b""], Mismatch::Trace),
        (41, [b"00000002", b""], Mismatch::Terminal),
        (42, [b"898000000000002", b""], Mismatch::Merchant),
    ] {
        for other in others {
            assert_eq!(mismatch(&answer_to_sale(&[(field, other)])), expected, "{field} {other:?}");
        }
    }
    assert_eq!(mismatch(&answer_to_sale(&[(4, b"000000001233")])), Mismatch::Amount);
    assert_eq!(mismatch(&answer_to_sale(&[(4, b"000000001235")])), Mismatch::Amount);
    assert_eq!(mismatch(&answer_to_sale(&[(39, b"51"), (4, b"000000001233")])), Mismatch::Amount);
    assert_eq!(mismatch(&answer_to_sale(&[(39, b"10"), (4, b"000000001235")])), Mismatch::Amount);
    assert!(check(&answer_to_sale(&[(4, b"")])).is_ok(), "a decline may leave the amount out");
}

#[test]
fn code_10_may_approve_less() {
    let answer = check(&answer_to_sale(&[(39, b"10"), (4, b"000000001000")])).unwrap();
    assert_eq!((answer.response_code(), answer.amount()), ("10", Some(1000)));
}

#[test]
fn answers_that_cannot_be_read_say_where() {
    assert!(matches!(check(&[]), Err(Rejection::Undecodable(Undecodable::Frame(_)))));
    let missing = check(&answer_to_sale(&[(39, b"")])).unwrap_err();
    assert_eq!(missing, Rejection::Undecodable(Undecodable::NoResponseCode));
    let mut cut = answer_to_sale(&[]);
    cut.pop();
    let Err(Rejection::Undecodable(Undecodable::Message(error))) = check(&cut) else { panic!() };
    assert_eq!((error.field, error.kind), (64, DecodeErrorKind::Truncated { needed: 8, left: 7 }));
    assert_eq!(error.offset, cut.len() - 11 - 7);
}

#[test]
fn rule_8_what_counts_needs_a_mac() {
    let profile = Profile::default();
    let strict = Profile { decline_needs_mac: true, ..Profile::default() };
    let approved = check(&answer_to_sale(&[])).unwrap();
    let declined = check(&answer_to_sale(&[(39, b"51")])).unwrap();
    assert!(profile.needs_mac(&approved) && strict.needs_mac(&approved));
    assert!(!profile.needs_mac(&declined) && strict.needs_mac(&declined));

    let waiving = Profile { reversal_codes_without_mac: vec!["25".into()], ..Profile::default() };
    let expected = reversal().build(&profile).unwrap().expectation();
    let reversed = |code: &[u8]| {
        check_answer(&profile, &expected, &answer(Mti::REVERSAL_ANSWER, &[(39, code)])).unwrap()
    };
    for code in [b"00", b"12", b"25"] {
        assert!(profile.needs_mac(&reversed(code)));
    }
    assert!(!waiving.needs_mac(&reversed(b"25")) && waiving.needs_mac(&reversed(b"00")));
    assert!(waiving.ends_reversal_without_mac("25") && !waiving.ends_reversal_without_mac("12"));
    assert!(profile.ends_reversal("12") && !profile.ends_reversal("96"));
    assert!(profile.accepts_advice("94") && !profile.accepts_advice("25"));
}

#[test]
fn encode_errors_tell_field_and_limit() {
    let mut sale = sale();
    sale.identity.merchant = "8".repeat(16);
    let error: EncodeError = sale.build(&Profile::default()).unwrap_err();
    assert_eq!(error.kind, EncodeErrorKind::TooLong { length: 16, max: 15 });
    assert_eq!(error.to_string(), "field 42 (merchant number): length 16 exceeds the maximum 15");
}
