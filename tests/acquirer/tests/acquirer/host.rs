//! What the host answers and what it books, without faults.

use crate::terminal::{NOW, PAN, Terminal, code, exchange, frame, key16, signed_in};
use posd_acquirer::chip;
use posd_acquirer::cipher::Key;
use posd_acquirer::message::Message;
use posd_acquirer::{
    ChargeState, Host, HostTime, MacAlgorithm, MessageKind, ReversalResult, Settings, Switches, tlv,
};

#[test]
fn sign_in_gives_keys_and_batch_and_swaps_the_addresses() {
    let mut settings = Settings::default();
    settings.terminals[0].batch = 42;
    let mut host = Host::new(settings).unwrap();
    let mut terminal = Terminal::default();
    let request = terminal.sign_in_request("003");
    let answer = exchange(&mut host, &request);
    assert_eq!(answer.mti, "0810");
    assert_eq!(answer.tpdu, [0x60, 0, 0, 0, 6]);
    assert_eq!(answer.text(60), Some("00000042003"));
    assert_eq!(answer.text(11), request.text(11));
    assert!(answer.field(64).is_none());
    terminal.take_keys(&answer);
    let request = terminal.sign_in_request("004");
    assert_eq!(exchange(&mut host, &request).field(62).unwrap().len(), 60);
    let request = terminal.sign_in_request("001");
    assert_eq!(code(&mut host, &request), "40");
}

#[test]
fn a_sale_is_booked_once_and_answered_with_a_good_mac() {
    let (mut host, mut terminal) = signed_in();
    terminal.pin = Some("1234".into());
    let sale = terminal.sale(1234);
    let deliveries = host.receive(&sale.encode(), NOW);
    assert!(terminal.mac_is_right(frame(&deliveries)));
    let answer = Message::decode(frame(&deliveries)).unwrap();
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    for field in [2, 3, 4, 11, 25, 41, 42, 49, 60] {
        assert!(answer.field(field) == sale.field(field), "field {field}");
    }
    let charge = host.ledger().charge("00000001", 1, terminal.trace).unwrap();
    assert_eq!(charge.pan, "621234******0019");
    assert_eq!((charge.amount, charge.state), (1234, ChargeState::Booked));
    assert!(charge.online_pin && charge.cryptogram);
    assert_eq!(answer.text(37), Some(charge.rrn.as_str()));
    assert_eq!(answer.text(38), Some(charge.authorisation_code.as_str()));
    assert_eq!(host.stats().booked, 1);
    // The same trace of the same batch again.
    assert_eq!(code(&mut host, &sale), "94");
    assert_eq!(host.ledger().charges.len(), 1);
}

#[test]
fn the_issuer_answer_carries_arpc_and_response_code() {
    let (mut host, mut terminal) = signed_in();
    for (amount, response_code) in [(1234, *b"00"), (1251, *b"51"), (1210, *b"00")] {
        let sale = terminal.sale(amount);
        let answer = exchange(&mut host, &sale);
        let objects = tlv::parse(answer.field(55).unwrap()).unwrap();
        let value = tlv::find(&objects, 0x91).unwrap();
        let imk = key16(&Settings::default().issuer_master_key);
        let session = chip::session_key(&chip::card_key(&imk, PAN, 1), terminal.atc.to_be_bytes());
        let opened = Key::Double(session).decrypt(value[..8].try_into().unwrap());
        let request = tlv::parse(sale.field(55).unwrap()).unwrap();
        let arqc = tlv::find(&request, 0x9F26).unwrap();
        assert_eq!(opened[0] ^ arqc[0], response_code[0]);
        assert_eq!(opened[1] ^ arqc[1], response_code[1]);
        assert_eq!(opened[2..], arqc[2..]);
        assert_eq!(value[8..], response_code);
    }
}

#[test]
fn a_wrong_or_repeated_cryptogram_is_refused() {
    let (mut host, mut terminal) = signed_in();
    let mut sale = terminal.sale(1234);
    sale.fields.get_mut(&55).unwrap()[3] ^= 1;
    terminal.sign(&mut sale);
    assert_eq!(code(&mut host, &sale), "59");
    let first = terminal.sale(1234);
    assert_eq!(code(&mut host, &first), "00");
    let mut again = terminal.sale(1234);
    again.set(55, first.field(55).unwrap());
    terminal.sign(&mut again);
    assert_eq!(code(&mut host, &again), "59");
    assert_eq!(host.ledger().charges.len(), 1);
}

#[test]
fn wrong_pins_count_and_a_right_one_resets() {
    let (mut host, mut terminal) = signed_in();
    let mut codes = Vec::new();
    for pin in ["9999", "1234", "9999", "9999", "9999", "1234"] {
        terminal.pin = Some(pin.into());
        let sale = terminal.sale(1234);
        codes.push(code(&mut host, &sale));
    }
    assert_eq!(codes, ["55", "00", "55", "55", "75", "38"]);
    host.reset_pins();
    let sale = terminal.sale(1234);
    assert_eq!(code(&mut host, &sale), "00");
    let mut sale = terminal.sale(1234);
    sale.set(52, [7; 8]);
    terminal.sign(&mut sale);
    assert_eq!(code(&mut host, &sale), "99");
}

#[test]
fn macs_batches_and_numbers_are_checked() {
    let (mut host, mut terminal) = signed_in();
    let mut bad = terminal.sale(1234);
    bad.fields.get_mut(&64).unwrap()[0] ^= 1;
    assert_eq!(code(&mut host, &bad), "A0");
    bad.fields.remove(&64);
    assert_eq!(code(&mut host, &bad), "A0");
    assert_eq!(host.stats().bad_macs, 2);
    terminal.batch = 2;
    let other_batch = terminal.sale(1234);
    assert_eq!(code(&mut host, &other_batch), "77");
    terminal.batch = 1;
    let mut unknown = terminal.sale(1234);
    unknown.set(41, "00000009");
    assert_eq!(code(&mut host, &unknown), "97");
    unknown.set(41, "00000001");
    unknown.set(42, "898000000000009");
    assert_eq!(code(&mut host, &unknown), "03");
    let out = terminal.management("0820", "002");
    assert_eq!(code(&mut host, &out), "00");
    let signed_out = terminal.sale(1234);
    assert_eq!(code(&mut host, &signed_out), "77");
    assert!(host.ledger().charges.is_empty());
}

#[test]
fn malformed_sales_are_format_errors() {
    let (mut host, mut terminal) = signed_in();
    let changes: [(u8, Option<&[u8]>); 11] = [
        (22, None),
        (49, Some(b"840")),
        (25, None),
        (35, Some(b"6212340000000027=30122010000000000")),
        (35, Some(b"6212340000000019=29122010000000000")),
        (35, Some(b"6212340000000019")),
        (52, Some(&[0; 8])),
        (26, Some(b"12")),
        (55, None),
        (55, Some(&[0x9F, 0x26, 0x08])),
        (60, Some(b"22000001000")),
    ];
    for (field, value) in changes {
        let mut sale = terminal.sale(1234);
        match value {
            Some(value) => sale.set(field, value),
            None => drop(sale.fields.remove(&field)),
        }
        terminal.sign(&mut sale);
        assert_eq!(code(&mut host, &sale), "30", "field {field}");
        assert!(!host.log().last().unwrap().note.is_empty());
    }
    let mut zero = terminal.sale(0);
    terminal.sign(&mut zero);
    assert_eq!(code(&mut host, &zero), "13");
    assert!(host.ledger().charges.is_empty());
}

#[test]
fn field_55_must_be_of_this_amount_and_complete() {
    let (mut host, mut terminal) = signed_in();
    let other = terminal.sale(1200);
    let mut sale = terminal.sale(1234);
    sale.set(55, other.field(55).unwrap());
    terminal.sign(&mut sale);
    assert_eq!(code(&mut host, &sale), "30");
    let mut short = terminal.sale(1234);
    let whole = short.field(55).unwrap().to_vec();
    short.set(55, &whole[..whole.len() - 7]);
    terminal.sign(&mut short);
    assert_eq!(code(&mut host, &short), "30");
    assert!(host.log().last().unwrap().note.contains("9F41"));
    short.set(55, [whole.as_slice(), &whole[..11]].concat());
    terminal.sign(&mut short);
    assert_eq!(code(&mut host, &short), "30");
    assert!(host.log().last().unwrap().note.contains("twice"));
}

#[test]
fn cents_decide_and_sign_in_is_demanded() {
    let (mut host, mut terminal) = signed_in();
    for (amount, wanted) in [(151, "51"), (155, "55"), (105, "05"), (114, "14"), (191, "91"), (196, "96")] {
        let sale = terminal.sale(amount);
        assert_eq!(code(&mut host, &sale), wanted);
    }
    assert!(host.ledger().charges.is_empty());
    assert_eq!(host.ledger().refusals.len(), 6);
    for (amount, wanted) in [(177, "77"), (199, "99"), (180, "A0")] {
        let sale = terminal.sale(amount);
        assert_eq!(code(&mut host, &sale), wanted);
        let next = terminal.sale(1234);
        assert_eq!(code(&mut host, &next), "77");
        terminal.sign_in(&mut host);
    }
}

#[test]
fn partial_approval_books_half_and_may_be_reversed() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(2010);
    let answer = exchange(&mut host, &sale);
    assert_eq!((answer.text(39), answer.number(4)), (Some("10"), Some(1005)));
    assert_eq!(host.stats().standing_amount, 1005);
    let reversal = terminal.reversal(&sale, "96");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(host.stats().standing_amount, 0);
}

#[test]
fn scripts_come_by_cents_and_their_result_is_noted() {
    let (mut host, mut terminal) = signed_in();
    for (amount, before, after) in [(171, true, false), (172, false, true), (173, true, true)] {
        let sale = terminal.sale(amount);
        let answer = exchange(&mut host, &sale);
        let objects = tlv::parse(answer.field(55).unwrap()).unwrap();
        assert_eq!(tlv::find(&objects, 0x71).is_some(), before);
        assert_eq!(tlv::find(&objects, 0x72).is_some(), after);
        let notice = terminal.script_result(&sale, answer.text(37).unwrap());
        assert_eq!(code(&mut host, &notice), "00", "{:?}", host.log().last());
    }
    let notices = &host.ledger().script_notices;
    assert_eq!(notices.len(), 3);
    assert_eq!(notices[0].script_result.as_deref(), Some("2000000001"));
    let never_sold = terminal.sale(1200);
    let notice = terminal.script_result(&never_sold, "000000000000");
    assert_eq!(code(&mut host, &notice), "25");
}

#[test]
fn a_reversal_takes_the_charge_back_once_and_repeats_are_idempotent() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1234);
    assert_eq!(code(&mut host, &sale), "00");
    let reversal = terminal.reversal(&sale, "98");
    let deliveries = host.receive(&reversal.encode(), NOW);
    assert!(terminal.mac_is_right(frame(&deliveries)));
    assert_eq!(Message::decode(frame(&deliveries)).unwrap().mti, "0410");
    assert_eq!(code(&mut host, &reversal), "00");
    let charge = &host.ledger().charges[0];
    assert_eq!((charge.state, charge.reversal_reason.as_deref()), (ChargeState::Reversed, Some("98")));
    let results: Vec<_> = host.ledger().reversals.iter().map(|reversal| reversal.result).collect();
    assert_eq!(results, [ReversalResult::Reversed, ReversalResult::AlreadyReversed]);
    assert_eq!((host.stats().reversed, host.stats().standing_amount), (1, 0));
    assert_eq!(host.ledger().standing().count(), 0);
    assert_eq!(code(&mut host, &sale), "94");
}

#[test]
fn a_late_original_is_refused_and_never_booked() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1234);
    let reversal = terminal.reversal(&sale, "98");
    assert_eq!(code(&mut host, &reversal), "25");
    assert_eq!(code(&mut host, &reversal), "25");
    assert_eq!(code(&mut host, &sale), "22");
    assert_eq!(code(&mut host, &sale), "22");
    assert_eq!(code(&mut host, &reversal), "25");
    assert!(host.ledger().charges.is_empty());
    assert!(host.ledger().refusals.iter().all(|refusal| refusal.late_original));
    assert_eq!(host.stats().late_originals, 2);
    assert_eq!(host.stats().reversals_without_original, 3);
}

#[test]
fn reversals_of_other_batches_reasons_and_amounts() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1234);
    assert_eq!(code(&mut host, &sale), "00");
    for (field, value, wanted) in [
        (4, "000000001235", "64"),
        (2, "6212340000000027", "12"),
        (38, "ABCDEF", "12"),
        (39, "00", "30"),
        (35, "6212340000000019=3012", "30"),
        (60, "22000002000601", "25"),
    ] {
        let mut reversal = terminal.reversal(&sale, "06");
        reversal.set(field, value);
        terminal.sign(&mut reversal);
        assert_eq!(code(&mut host, &reversal), wanted, "field {field}");
    }
    assert_eq!(host.stats().standing_amount, 1234);
    let declined = terminal.sale(151);
    assert_eq!(code(&mut host, &declined), "51");
    let reversal = terminal.reversal(&declined, "98");
    assert_eq!(code(&mut host, &reversal), "25");
    assert_eq!(host.ledger().reversals.last().unwrap().result, ReversalResult::NothingBooked);
}

#[test]
fn switches_of_codes_macs_and_header() {
    let switches = Switches {
        mac_on_management: true,
        mac_on_script_result: true,
        mac_on_declines: false,
        mac_algorithm: MacAlgorithm::Cbc,
        reversal_not_found: "00".into(),
        late_original: "94".into(),
        requirement: 3,
        ..Switches::default()
    };
    let mut host = Host::new(Settings { switches, ..Settings::default() }).unwrap();
    let mut terminal = Terminal { algorithm: MacAlgorithm::Cbc, ..Terminal::default() };
    terminal.sign_in(&mut host);
    let mut echo = terminal.management("0820", "301");
    assert_eq!(code(&mut host, &echo), "A0");
    terminal.sign(&mut echo);
    let answer = exchange(&mut host, &echo);
    assert_eq!(answer.text(39), Some("00"));
    assert!(answer.field(64).is_some());
    assert_eq!(answer.header[2], 0x03);
    let sale = terminal.sale(151);
    assert!(exchange(&mut host, &sale).field(64).is_none());
    let sale = terminal.sale(1234);
    let reversal = terminal.reversal(&sale, "98");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(code(&mut host, &sale), "94");
    let notice = terminal.script_result(&sale, "000000000000");
    assert_eq!(code(&mut host, &notice), "A0");
}

#[test]
fn unknown_and_undecodable_requests_are_answered_when_they_can_be() {
    let (mut host, mut terminal) = signed_in();
    for (mti, wanted) in [("0500", "40"), ("0320", "40"), ("0700", "12")] {
        let request = terminal.management(mti, "999");
        let answer = exchange(&mut host, &request);
        assert_eq!(answer.text(39), Some(wanted));
        assert_eq!(answer.mti, format!("{}10", &mti[..2]).replace("0310", "0330"));
    }
    let mut cut = terminal.sale(1234).encode();
    cut.truncate(60);
    let answer = Message::decode(frame(&host.receive(&cut, NOW))).unwrap();
    assert_eq!((answer.mti.as_str(), answer.text(39)), ("0210", Some("30")));
    assert!(host.receive(&[0x60; 5], NOW).is_empty());
    assert!(host.receive(&[], NOW).is_empty());
    let mut an_answer = terminal.management("0810", "003");
    an_answer.set(39, "00");
    assert!(host.receive(&an_answer.encode(), NOW).is_empty());
    assert_eq!(host.stats().undecodable, 3);
}

#[test]
fn any_changed_byte_of_a_sale_is_never_booked_and_never_a_panic() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1234).encode();
    for place in 11..sale.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut changed = sale.clone();
            changed[place] ^= flip;
            host.receive(&changed, NOW);
        }
        host.receive(&sale[..place], NOW);
    }
    assert!(host.ledger().charges.is_empty());
    assert_eq!(Message::decode(frame(&host.receive(&sale, NOW))).unwrap().text(39), Some("00"));
}

#[test]
fn the_same_seed_and_inputs_give_the_same_bytes() {
    let run = |seed| {
        let mut host = Host::new(Settings { seed, ..Settings::default() }).unwrap();
        let mut terminal = Terminal::default();
        terminal.sign_in(&mut host);
        let sale = terminal.sale(1234);
        host.receive(&sale.encode(), HostTime { unix_ms: 5 })
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_log_names_every_request() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1251);
    host.receive(&sale.encode(), NOW);
    let log = host.log();
    assert_eq!(log.len(), 2);
    assert_eq!(log[0].kind, MessageKind::SignIn);
    let entry = &log[1];
    assert_eq!((entry.kind, entry.mti.as_str(), entry.at_ms), (MessageKind::Sale, "0200", NOW.unix_ms));
    assert_eq!((entry.trace, entry.batch, entry.amount), (Some(2), Some(1), Some(1251)));
    assert_eq!(entry.code.as_deref(), Some("51"));
    // No card number in the books or the log.
    let ledger = format!("{:?}{:?}", host.ledger(), host.log());
    assert!(!ledger.contains(PAN));
}

#[test]
fn settings_say_what_is_wrong() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        Host::new(settings).err().unwrap().to_string()
    };
    assert!(with(|settings| settings.issuer_master_key = "12".into()).contains("issuer_master_key"));
    assert!(with(|settings| settings.terminals[0].terminal = "1".into()).contains("8 ASCII"));
    assert!(with(|settings| settings.terminals[0].merchant = "1".into()).contains("15 ASCII"));
    assert!(with(|settings| settings.terminals[0].batch = 0).contains("999999"));
    assert!(with(|settings| settings.pin_tries = 0).contains("pin_tries"));
    assert!(with(|settings| settings.switches.requirement = 10).contains("requirement"));
    assert!(with(|settings| settings.switches.late_original = "9".into()).contains("late_original"));
}
