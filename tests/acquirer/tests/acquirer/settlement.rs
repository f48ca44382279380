//! Settlement, batch upload and batch end; a host that forgets and makes up bookings; signatures.

use crate::terminal::{PAN, Terminal, code, exchange, signed_in};
use crate::transactions::{COMPLETION, COMPLETION_CANCEL, PRE_AUTH, REFUND, SALE, VOID, offline_sale, start};
use posd_acquirer::{
    Balance, Fault, Host, Match, MessageKind, Rule, Settings, Switches, Totals, chip, cipher::Key, tlv,
};

const FOREIGN: &str = "4761340000000019";

fn foreign_host() -> (Host, Terminal) {
    let mut settings = Settings::default();
    settings.pins.insert(FOREIGN.into(), "1234".into());
    let mut host = Host::new(settings).unwrap();
    let mut terminal = Terminal::default();
    terminal.sign_in(&mut host);
    (host, terminal)
}

fn sums(debit: (u64, u64), credit: (u64, u64)) -> String {
    format!("{:012}{:03}{:012}{:03}", debit.0, debit.1, credit.0, credit.1)
}

fn side(totals: &posd_acquirer::Sums) -> String {
    sums((totals.debit_amount, totals.debit_count), (totals.credit_amount, totals.credit_count))
}

/// Asks for settlement with the host's own totals. Gives the two result digits.
fn settle(host: &mut Host, terminal: &mut Terminal) -> (char, char) {
    let Totals { domestic, foreign } = host.ledger().totals("00000001", terminal.batch);
    ask(host, terminal, &side(&domestic), &side(&foreign))
}

fn ask(host: &mut Host, terminal: &mut Terminal, domestic: &str, foreign: &str) -> (char, char) {
    let request = terminal.settlement(domestic, foreign);
    let answer = exchange(host, &request);
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    for field in [11, 41, 42, 49, 60, 63] {
        assert!(answer.field(field) == request.field(field));
    }
    assert!(answer.field(15).is_some() && answer.field(64).is_none());
    let digits = answer.text(48).unwrap();
    assert_eq!((&digits[..30], &digits[31..61]), (domestic, foreign));
    (digits[30..].chars().next().unwrap(), digits[61..].chars().next().unwrap())
}

fn item(kind: &str, trace: u32, pan: &str, amount: u64) -> String {
    format!("{kind}{trace:06}{pan:0>20}{amount:012}")
}

#[test]
fn totals_have_debit_and_credit_of_each_card_side() {
    let (mut host, mut terminal) = foreign_host();
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let void = terminal.about(VOID, 1000, &sale, &answer);
    assert_eq!(code(&mut host, &void), "00");
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 2000);
    for (key, amount) in [("0220/000000/00/32", 50), (REFUND, 300)] {
        let request = terminal.about(key, amount, &sale, &answer);
        assert_eq!(code(&mut host, &request), "00");
    }
    let (reversed, _) = start(&mut host, &mut terminal, SALE, 40_000);
    let reversal = terminal.reversal(&reversed, "98");
    assert_eq!(code(&mut host, &reversal), "00");
    let (hold, answer) = start(&mut host, &mut terminal, PRE_AUTH, 700);
    let completion = terminal.about(COMPLETION, 700, &hold, &answer);
    let answer = exchange(&mut host, &completion);
    let cancel = terminal.about(COMPLETION_CANCEL, 700, &completion, &answer);
    assert_eq!(code(&mut host, &cancel), "00");
    let offline = offline_sale(&mut terminal, 90);
    assert_eq!(code(&mut host, &offline), "00");
    let mut foreign = terminal.typed(SALE, 5000);
    foreign.set(2, FOREIGN);
    let foreign = terminal.signed(foreign);
    assert_eq!(code(&mut host, &foreign), "00");
    let totals = host.ledger().totals("00000001", 1);
    assert_eq!(side(&totals.domestic), sums((1000 + 2000 + 50 + 700 + 90, 5), (1000 + 300 + 700, 3)));
    assert_eq!(side(&totals.foreign), sums((5000, 1), (0, 0)));
    assert_eq!(settle(&mut host, &mut terminal), ('1', '1'));
    // One cent, one count, one side.
    let right = side(&totals.domestic);
    assert_eq!(ask(&mut host, &mut terminal, &right, &sums((4999, 1), (0, 0))), ('1', '2'));
    assert_eq!(
        ask(&mut host, &mut terminal, &sums((3840, 5), (2000, 2)), &side(&totals.foreign)),
        ('2', '1')
    );
    assert_eq!(host.ledger().settlements.len(), 1);
    assert_eq!(host.ledger().settlements[0].domestic, Balance::Unbalanced);
}

#[test]
fn a_balanced_settlement_ends_with_207_and_the_batch_with_it() {
    let (mut host, mut terminal) = signed_in();
    start(&mut host, &mut terminal, SALE, 1000);
    assert_eq!(settle(&mut host, &mut terminal), ('1', '1'));
    let wrong = terminal.upload("202", "0000");
    assert_eq!(code(&mut host, &wrong), "12");
    let wrong = terminal.upload("207", "0001");
    assert_eq!(code(&mut host, &wrong), "30");
    let wrong = terminal.upload("207", "00000");
    assert_eq!(code(&mut host, &wrong), "30");
    let end = terminal.upload("207", "0000");
    assert_eq!(code(&mut host, &end), "00");
    assert_eq!(host.ledger().settlements[0].ended, Some(0));
    // The answer was lost: the end comes again, and the settlement too.
    assert_eq!(code(&mut host, &end), "00");
    assert_eq!(settle(&mut host, &mut terminal), ('1', '1'));
    assert_eq!(host.ledger().settlements.len(), 1);
    let late = terminal.typed(SALE, 1000);
    let late = terminal.signed(late);
    assert_eq!(code(&mut host, &late), "77");
    terminal.sign_in(&mut host);
    assert_eq!(terminal.batch, 2);
    start(&mut host, &mut terminal, SALE, 1000);
    let early = terminal.upload("207", "0000");
    assert_eq!(code(&mut host, &early), "12");
}

#[test]
fn a_reversal_of_the_old_batch_still_finds_its_sale() {
    let (mut host, mut terminal) = signed_in();
    let (sale, _) = start(&mut host, &mut terminal, SALE, 1000);
    let reversal = terminal.reversal(&sale, "98");
    settle(&mut host, &mut terminal);
    let end = terminal.upload("207", "0000");
    assert_eq!(code(&mut host, &end), "00");
    assert_eq!(code(&mut host, &reversal), "00");
    assert_eq!(host.ledger().standing().count(), 0);
}

#[test]
fn an_unbalanced_settlement_is_repaired_line_by_line() {
    let (mut host, mut terminal) = signed_in();
    let (kept, _) = start(&mut host, &mut terminal, SALE, 1000);
    host.add_fault(Rule::once(Fault::ForgetBooking, MessageKind::Sale));
    let (lost, answer) = start(&mut host, &mut terminal, SALE, 200);
    host.add_fault(Rule::once(Fault::InventBooking, MessageKind::Sale));
    let (twice, _) = start(&mut host, &mut terminal, SALE, 30);
    let refund = terminal.about(REFUND, 50, &lost, &answer);
    assert_eq!(code(&mut host, &refund), "00");
    assert_eq!(host.details(None, None).len(), 4);
    assert_eq!(ask(&mut host, &mut terminal, &sums((1230, 3), (50, 1)), &sums((0, 0), (0, 0))), ('2', '1'));
    let trace = |message: &posd_acquirer::message::Message| message.part(11, 0, 6).unwrap();
    let details = [
        item("00", trace(&kept), PAN, 1000),
        item("00", trace(&lost), PAN, 200),
        item("00", trace(&twice), PAN, 31),
        item("00", 900, PAN, 5),
        item("00", trace(&kept), "6212340000000027", 1000),
    ];
    let upload = terminal.upload("201", &format!("05{}", details.concat()));
    let answer = exchange(&mut host, &upload);
    assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
    assert!(answer.text(48) == upload.text(48) && answer.field(32).is_none());
    assert_eq!(code(&mut host, &upload), "94");
    let mut again = refund.clone();
    again.mti = "0320".into();
    again.fields.remove(&64);
    assert_eq!(code(&mut host, &again), "00", "{:?}", host.log().last());
    let results: Vec<_> = host.ledger().settlements[0].uploads.iter().map(|line| line.result).collect();
    let wanted = [
        Match::Matched,
        Match::Restored,
        Match::OtherAmount,
        Match::NotFound,
        Match::OtherCard,
        Match::Matched,
    ];
    assert_eq!(results, wanted);
    // The terminal starts over: what it has uploaded stays.
    let zero = sums((0, 0), (0, 0));
    assert_eq!(ask(&mut host, &mut terminal, &sums((1230, 3), (50, 1)), &zero), ('2', '1'));
    assert_eq!(code(&mut host, &upload), "94");
    let end = terminal.upload("202", "0006");
    assert_eq!(code(&mut host, &end), "00", "{:?}", host.log().last());
    // The made-up one is left, and the detail file says so.
    let lines = host.details(Some("00000001"), Some(1));
    assert_eq!(lines.len(), 5);
    assert_eq!(lines.iter().filter(|line| line.trace >= 999_000).count(), 1);
    assert_eq!(host.ledger().totals("00000001", 1).domestic.debit_amount, 1260);
    assert_eq!(host.ledger().charges.len(), 3);
}

#[test]
fn forgetting_and_making_up_after_the_fact() {
    let (mut host, mut terminal) = signed_in();
    let (sale, _) = start(&mut host, &mut terminal, SALE, 1000);
    let trace = sale.part(11, 0, 6).unwrap();
    assert!(!host.forget("00000001", 1, 999) && host.forget("00000001", 1, trace));
    assert!(!host.forget("00000001", 1, trace));
    assert_eq!(host.ledger().totals("00000001", 1), Totals::default());
    assert!(host.invent("00000001", 1, trace) && host.invent("00000001", 1, trace));
    assert!(!host.invent("00000001", 2, trace));
    assert_eq!(host.ledger().totals("00000001", 1).domestic.debit_count, 2);
    assert_eq!(host.stats().standing_amount, 1000);
}

#[test]
fn malformed_settlements_and_uploads_are_refused() {
    let (mut host, mut terminal) = signed_in();
    let zero = sums((0, 0), (0, 0));
    let early = terminal.upload("201", &format!("01{}", item("00", 2, PAN, 1000)));
    assert_eq!(code(&mut host, &early), "12");
    for (field, value) in
        [(48, Some("1")), (49, Some("840")), (63, None), (4, Some("000000000001")), (64, Some("00000000"))]
    {
        let mut request = terminal.settlement(&zero, &zero);
        match value {
            Some(value) => request.set(field, value),
            None => drop(request.fields.remove(&field)),
        }
        assert_eq!(code(&mut host, &request), "30", "{field}");
    }
    terminal.batch = 2;
    let other = terminal.settlement(&zero, &zero);
    assert_eq!(code(&mut host, &other), "77");
    terminal.batch = 1;
    let mut wrong = terminal.settlement(&zero, &zero);
    wrong.set(48, format!("{zero}1{zero}0"));
    assert!(exchange(&mut host, &wrong).text(48).unwrap().ends_with('3'));
    host.add_fault(Rule::once(Fault::SettlementError, MessageKind::Settlement));
    assert_eq!(ask(&mut host, &mut terminal, &zero, &zero), ('3', '3'));
    assert_eq!(ask(&mut host, &mut terminal, &zero, &zero), ('1', '1'));
    for details in [
        "00",
        "0100",
        &format!("01{}", item("01", 2, PAN, 1)),
        &format!("01{}", item("00", 2, "6212340000000018", 1)),
    ] {
        let upload = terminal.upload("201", details);
        let wanted = if details.contains("0018") { "14" } else { "30" };
        assert_eq!(code(&mut host, &upload), wanted, "{details}");
    }
    assert!(host.ledger().settlements[0].uploads.is_empty());
}

#[test]
fn the_count_of_a_batch_end_may_be_let_through() {
    let switches = Switches { strict_batch_count: false, ..Switches::default() };
    let mut host = Host::new(Settings { switches, ..Settings::default() }).unwrap();
    let mut terminal = Terminal::default();
    terminal.sign_in(&mut host);
    settle(&mut host, &mut terminal);
    let end = terminal.upload("207", "0005");
    assert_eq!(code(&mut host, &end), "00");
    assert!(host.log().last().unwrap().note.contains("0 were uploaded"));
}

#[test]
fn chip_transactions_upload_their_certificate() {
    let (mut host, mut terminal) = signed_in();
    let sale = terminal.sale(1234);
    assert_eq!(code(&mut host, &sale), "00");
    let sale_trace = terminal.trace;
    // The card's own TC over the same data.
    let mut field = terminal.field_55(1234);
    field[14] = 0x40;
    let upload = |terminal: &mut Terminal, kind: &str, field: &[u8], text: &str| {
        let mut message = terminal.management("0320", kind);
        message.set(2, PAN);
        message.set(23, "001");
        message.set(55, field);
        message.set(62, text);
        message
    };
    settle(&mut host, &mut terminal);
    let text = "610000000000001234156";
    let mut wrong = field.clone();
    wrong[5] ^= 1;
    for (kind, data, text, wanted) in [
        ("203", &field, "610000000000001234840", "30"),
        ("203", &wrong, text, "59"),
        ("205", &field, text, "12"),
        ("206", &field, text, "12"),
        ("203", &field, text, "00"),
        ("204", &wrong, text, "00"),
    ] {
        let message = upload(&mut terminal, kind, data, text);
        assert_eq!(code(&mut host, &message), wanted, "{kind} {text}: {:?}", host.log().last());
    }
    let mut other = upload(&mut terminal, "203", &field, text);
    other.set(4, "000000001235");
    assert_eq!(code(&mut host, &other), "30");
    let lines = &host.ledger().settlements[0].uploads;
    assert_eq!(
        (lines[0].trace, lines[0].result, lines[0].kind),
        (sale_trace, Match::Matched, MessageKind::ChipUpload)
    );
    assert_eq!(lines[1].kind, MessageKind::FailureUpload);
    let end = terminal.upload("207", "0002");
    assert_eq!(code(&mut host, &end), "00");
    // The test's own certificate is what the issuer computes.
    let imk = crate::terminal::key16(&Settings::default().issuer_master_key);
    let objects = tlv::parse(&field).unwrap();
    assert!(
        chip::verify(&imk, PAN, 1, &objects)
            .is_ok_and(|checked| Key::Double(checked.session_key).bytes().len() == 16)
    );
}

#[test]
fn a_signature_is_kept_with_its_transaction() {
    let (mut host, mut terminal) = signed_in();
    let (sale, answer) = start(&mut host, &mut terminal, SALE, 1000);
    let mut part = terminal.management("0820", "801");
    for (field, value) in [(2, PAN), (4, "000000001000"), (15, "1124"), (60, "07000001801"), (62, "strokes")]
    {
        part.set(field, value);
    }
    part.set(11, sale.text(11).unwrap());
    part.set(37, answer.text(37).unwrap());
    let part = terminal.signed(part);
    let mut last = part.clone();
    last.set(60, "07000001800");
    let last = terminal.signed(last);
    for request in [&part, &last, &part] {
        let answer = exchange(&mut host, request);
        assert_eq!(answer.text(39), Some("00"), "{:?}", host.log().last());
        assert!(answer.field(64).is_some() && answer.field(12).is_none());
    }
    let kept: Vec<_> = host.ledger().signatures.iter().map(|part| part.part.as_str()).collect();
    assert_eq!(kept, ["801", "800"]);
    assert_eq!(host.ledger().signatures[0].image, "7374726F6B6573");
    for (field, value, wanted) in [
        (37, "000000000000", "25"),
        (4, "000000000999", "64"),
        (2, "6212340000000027", "12"),
        (62, "", "30"),
        (3, "000000", "30"),
    ] {
        let mut bad = part.clone();
        bad.set(field, value);
        let bad = terminal.signed(bad);
        assert_eq!(code(&mut host, &bad), wanted, "{field}");
    }
    let mut unsigned = part.clone();
    unsigned.fields.remove(&64);
    assert_eq!(code(&mut host, &unsigned), "A0");
}
