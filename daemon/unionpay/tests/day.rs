//! The messages of a shop's day against the field lists of the reference (1.1) and its subfields (2.3).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posd_unionpay::answer::Undecodable;
use posd_unionpay::bcd::hex;
use posd_unionpay::download::{AidEntry, KeyEntry, Parameters};
use posd_unionpay::profile::{QrStep, RefundOriginal, ShownPayload};
use posd_unionpay::qr::{MerchantPayload, PaymentCode, TerminalInfo};
use posd_unionpay::request::{
    AdviceAgain, BatchDetails, BatchEnd, ChipEnd, ChipRecord, Detail, Download, Entry, Identity, Linked,
    Organisation, QrOriginal, QrRequest, Request, Settlement, SignatureUpload, Step,
};
use posd_unionpay::{
    EncodeErrorKind, Family, Frame, Kind, Message, MessageBuilder, Mismatch, Mti, Pan, Profile, Rejection,
    Side, SideResult, Totals, check_answer,
};

const PAN: &str = "6212340000000019";
const MAC: [u8; 8] = *b"5FE058DB";

fn identity() -> Identity {
    Identity { terminal: "00000001".into(), merchant: "898000000000001".into() }
}

/// The message as the host reads it: what was encoded decodes to the same.
fn sent(request: &Request) -> Message {
    let mac = request.mac_input().map(|_| MAC);
    let frame = request.frame(mac).unwrap();
    let read =
        Message::decode(Frame::read_unprefixed(&frame).unwrap().body, &Profile::default().table()).unwrap();
    if mac.is_none() {
        assert_eq!(&read, request.message());
    }
    read
}

fn fields(message: &Message) -> Vec<u8> {
    message.fields().iter().collect()
}

fn digits(message: &Message, field: u8) -> String {
    message.digits(field).unwrap().text().to_string()
}

fn settlement() -> Settlement {
    let domestic = Side { debit_amount: 123_456, debit_count: 12, credit_amount: 789, credit_count: 3 };
    let foreign = Side { debit_amount: 5, debit_count: 1, ..Side::default() };
    let totals = Totals { domestic, foreign };
    Settlement {
        identity: identity(),
        trace: 50,
        batch: 7,
        totals,
        currency: 156,
        operator: Some("02".into()),
    }
}

#[test]
fn settlement_fields() {
    let profile = Profile::default();
    let request = settlement().build(&profile).unwrap();
    let message = sent(&request);
    assert_eq!((message.mti(), fields(&message)), (Mti::SETTLEMENT, vec![11, 41, 42, 48, 49, 60, 63]));
    assert_eq!(digits(&message, 48), "00000012345601200000000078900300000000000050010000000000000000");
    assert_eq!((digits(&message, 60).as_str(), message.text(63)), ("00000007201", Some("002")));
    assert_eq!(message.text(49), Some("156"));
    let with_mac = Profile { mac_on_settlement: true, ..profile };
    assert!(sent(&settlement().build(&with_mac).unwrap()).has(64));
    let many = Totals { domestic: Side { debit_count: 1000, ..Side::default() }, ..Totals::default() };
    let error = Settlement { totals: many, ..settlement() }.build(&Profile::default()).unwrap_err();
    assert_eq!((error.field, error.kind), (48, EncodeErrorKind::OutOfRange { min: 0, max: 999 }));
}

#[test]
fn a_settlement_answer_tells_each_side() {
    let profile = Profile::default();
    let expected = settlement().build(&profile).unwrap().expectation();
    let frame = |field48: &str| {
        let mut all = answer_fields("00000007201");
        all.extend([(11, b"000050".to_vec()), (15, b"0606".to_vec()), (48, field48.as_bytes().to_vec())]);
        frame_of(Mti::SETTLEMENT_ANSWER, &all)
    };
    let asked = settlement().totals.field48().unwrap();
    let told = asked[..30].to_owned() + "1" + &asked[31..61] + "2";
    let answer = check_answer(&profile, &expected, &frame(&told)).unwrap();
    let result = answer.reconciliation().unwrap();
    assert_eq!((result.domestic, result.foreign), (SideResult::Balanced, SideResult::Unbalanced));
    assert_eq!(result.totals, settlement().totals);
    let answer = check_answer(&profile, &expected, &frame("0000")).unwrap();
    assert_eq!(answer.reconciliation().unwrap_err().to_string(), "field 48 has 4 digits; totals have 62");

    // It may go without field 39, but not without the totals too.
    let bare = |with_totals: bool| {
        let mut all = answer_fields("00000007201");
        all.remove(0);
        all.push((11, b"000050".to_vec()));
        all.extend(with_totals.then(|| (48, told.as_bytes().to_vec())));
        check_answer(&profile, &expected, &frame_of(Mti::SETTLEMENT_ANSWER, &all))
    };
    assert_eq!(bare(true).unwrap().response_code(), "00");
    assert_eq!(bare(false).unwrap_err(), Rejection::Undecodable(Undecodable::NoResponseCode));
}

fn details(count: usize) -> BatchDetails {
    let detail = |index: usize| Detail {
        organisation: if index == 0 { Organisation::Domestic } else { Organisation::Foreign },
        trace: 42 + index as u32,
        pan: Pan::new(PAN).unwrap(),
        amount: 1234,
    };
    BatchDetails { identity: identity(), trace: 51, batch: 7, details: (0..count).map(detail).collect() }
}

#[test]
fn batch_upload_fields() {
    let profile = Profile::default();
    let message = sent(&details(2).build(&profile).unwrap());
    assert_eq!((message.mti(), fields(&message)), (Mti::UPLOAD, vec![11, 41, 42, 48, 60]));
    assert_eq!(
        digits(&message, 48),
        format!("02 00 000042 0000{PAN} 000000001234 01 000043 0000{PAN} 000000001234").replace(' ', "")
    );
    assert_eq!(digits(&message, 60), "00000007201");
    assert_eq!(sent(&details(8).build(&profile).unwrap()).length(48), Some(322), "n..322");
    for count in [0, 9] {
        assert_eq!(details(count).build(&profile).unwrap_err().field, 48);
    }
    assert!(!format!("{:?}", details(1)).contains("6212"), "rule 10");
}

fn chip_record(end: ChipEnd, balanced: bool) -> ChipRecord {
    ChipRecord {
        entry: Entry::Chip,
        identity: identity(),
        trace: 42,
        batch: 7,
        end,
        balanced,
        pan: Pan::new(PAN).unwrap(),
        card_sequence: Some(1),
        pin_entered: true,
        organisation: Organisation::Foreign,
        amount: 1234,
        currency: 156,
        field55: vec![0x9F, 0x27, 1, 0x40],
    }
}

#[test]
fn chip_record_fields() {
    let profile = Profile { upload_failed_unbalanced: "216".into(), ..Profile::default() };
    let request = chip_record(ChipEnd::Certified, true).build(&profile).unwrap();
    let message = sent(&request);
    assert_eq!((message.mti(), fields(&message)), (Mti::UPLOAD, vec![2, 11, 22, 23, 41, 42, 55, 60, 62]));
    assert_eq!(message.text(62), Some("610001000000001234156"));
    assert_eq!(message.text(62).unwrap().len(), 21);
    for (end, balanced, code) in [
        (ChipEnd::Certified, true, "203"),
        (ChipEnd::Certified, false, "205"),
        (ChipEnd::Failed, true, "204"),
        (ChipEnd::Failed, false, "216"),
    ] {
        let message = sent(&chip_record(end, balanced).build(&profile).unwrap());
        assert_eq!(digits(&message, 60), format!("00000007{code}"));
    }
}

#[test]
fn an_advice_is_uploaded_under_another_type() {
    let mut advice = AdviceAgain {
        kind: Kind::Refund,
        family: Family::Plain,
        identity: identity(),
        trace: 42,
        batch: 7,
        amount: 1234,
        currency: 156,
        entry: Entry::Chip,
        pan: Pan::new(PAN).unwrap(),
        expiry: Some("3012".into()),
        card_sequence: None,
        pin_entered: false,
        linked: Some(Linked { date: "0605".into(), rrn: Some("123456789012".into()), ..Linked::default() }),
        field55: Vec::new(),
    };
    let message = sent(&advice.build(&Profile::default()).unwrap());
    assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 25, 37, 41, 42, 49, 60, 61, 63]);
    assert_eq!((message.mti(), digits(&message, 60).as_str()), (Mti::UPLOAD, "25000007000500"));
    assert_eq!((digits(&message, 3).as_str(), digits(&message, 22).as_str()), ("200000", "052"));
    assert_eq!(digits(&message, 61), "0000000000000605");
    assert!(!format!("{advice:?}").contains("6212"), "rule 10");
    advice.linked = None;
    assert_eq!(advice.build(&Profile::default()).unwrap_err().field, 61);
    advice.kind = Kind::OfflineSale;
    advice.field55 = vec![0x9F, 0x27, 1, 0x40];
    let message = sent(&advice.build(&Profile::default()).unwrap());
    assert_eq!(fields(&message), [2, 3, 4, 11, 14, 22, 25, 41, 42, 49, 55, 60]);
    assert_eq!(digits(&message, 60), "36000007000500");
}

#[test]
fn batch_end_fields() {
    let end = |balanced| BatchEnd { identity: identity(), trace: 60, batch: 7, balanced, count: 12 };
    let message = sent(&end(true).build(&Profile::default()).unwrap());
    assert_eq!((message.mti(), fields(&message)), (Mti::UPLOAD, vec![11, 41, 42, 48, 60]));
    assert_eq!((digits(&message, 48).as_str(), digits(&message, 60).as_str()), ("0012", "00000007207"));
    let message = sent(&end(false).build(&Profile::default()).unwrap());
    assert_eq!(digits(&message, 60), "00000007202");
    let many = BatchEnd { count: 10_000, ..end(true) };
    assert_eq!(many.build(&Profile::default()).unwrap_err().field, 48);
}

fn steps() -> Vec<(Step, Mti, &'static str, Option<&'static str>)> {
    let key = KeyEntry { rid: [0xA0, 0, 0, 3, 0x33], index: 0x0B, expiry: "20301231".into() };
    let aid = AidEntry { aid: vec![0xA0, 0, 0, 3, 0x33, 1, 1] };
    let parameters = Parameters { reply_timeout_s: Some(60), ..Parameters::default() };
    vec![
        (Step::Parameters, Mti::MANAGEMENT, "360", None),
        (Step::ParametersEnd, Mti::MANAGEMENT, "361", None),
        (Step::ParametersUpload(parameters), Mti::NOTICE, "362", Some("31323630")),
        (Step::KeyQuery(0), Mti::NOTICE, "372", Some("313030")),
        (Step::KeyQuery(12), Mti::NOTICE, "372", Some("313132")),
        (Step::Key(key), Mti::MANAGEMENT, "370", Some("9F0605A0000003339F22010B")),
        (Step::KeyEnd, Mti::MANAGEMENT, "371", None),
        (Step::AidQuery(3), Mti::NOTICE, "382", Some("313033")),
        (Step::Aid(aid), Mti::MANAGEMENT, "380", Some("9F0607A0000003330101")),
        (Step::AidEnd, Mti::MANAGEMENT, "381", None),
        (Step::Blacklist(0), Mti::MANAGEMENT, "390", Some("313030")),
        (Step::BlacklistEnd, Mti::MANAGEMENT, "391", None),
        (Step::Contactless, Mti::MANAGEMENT, "394", None),
        (Step::ContactlessEnd, Mti::MANAGEMENT, "395", None),
    ]
}

#[test]
fn download_fields_have_no_trace() {
    let profile = Profile::default();
    for (step, mti, code, field62) in steps() {
        let download = Download { identity: identity(), batch: 7, step };
        let request = download.build(&profile).unwrap();
        let message = sent(&request);
        let mut list = vec![41, 42, 60];
        list.extend(field62.map(|_| 62));
        assert_eq!((message.mti(), fields(&message)), (mti, list), "{code}");
        assert_eq!(digits(&message, 60), format!("00000007{code}"));
        assert_eq!(message.bytes(62).map(hex).as_deref(), field62, "{code}");
        assert_eq!(request.expectation().trace, None);
        let with_mac = Profile { mac_on_downloads: true, ..Profile::default() };
        assert!(sent(&download.build(&with_mac).unwrap()).has(64), "MAC-1 is an acquirer that MACs these");
    }
    let bad = |step| Download { identity: identity(), batch: 7, step }.build(&profile).unwrap_err().field;
    assert_eq!(bad(Step::KeyQuery(100)), 62);
    assert_eq!(bad(Step::Aid(AidEntry { aid: vec![0; 17] })), 62);
}

#[test]
fn a_download_answer_is_told_by_its_code() {
    let profile = Profile::default();
    let request =
        Download { identity: identity(), batch: 7, step: Step::KeyQuery(0) }.build(&profile).unwrap();
    let check = |mti, code: &str, change: Option<(u8, Vec<u8>)>| {
        let mut all = answer_fields(code);
        all.extend(change);
        check_answer(&profile, &request.expectation(), &frame_of(mti, &all)).map(|answer| answer.trace())
    };
    let mismatch = |mismatch| Err(Rejection::Mismatch(mismatch));
    assert_eq!(check(Mti::NOTICE_ANSWER, "00000007372", None), Ok(None));
    assert_eq!(check(Mti::NOTICE_ANSWER, "00000007382", None), mismatch(Mismatch::Code));
    assert_eq!(check(Mti::MANAGEMENT_ANSWER, "00000007372", None), mismatch(Mismatch::Mti));
    assert_eq!(check(Mti::NOTICE_ANSWER, "00", None), mismatch(Mismatch::Code));
    let other = Some((41, b"00000002".to_vec()));
    assert_eq!(check(Mti::NOTICE_ANSWER, "00000007372", other), mismatch(Mismatch::Terminal));
    assert_eq!(Mismatch::Code.word(), "network-management-code");
}

fn answer_fields(field60: &str) -> Vec<(u8, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    vec![(39, text("00")), (41, text("00000001")), (42, text("898000000000001")), (60, text(field60))]
}

fn frame_of(mti: Mti, fields: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let table = Profile::default().table();
    let mut builder = MessageBuilder::new(&table, mti);
    for (field, value) in fields {
        builder.put(*field, value).unwrap();
    }
    [&[0x60, 0, 0, 0, 3, 0x60, 0x31, 0, 0x31, 0, 0][..], builder.finish().encode()].concat()
}

#[test]
fn signature_fields() {
    let profile = Profile::default();
    let upload = || SignatureUpload {
        identity: identity(),
        trace: 42,
        batch: 7,
        pan: Pan::new(PAN),
        amount: 1234,
        settlement_date: Some("0606".into()),
        rrn: Some("123456789012".into()),
        field55: vec![0x95, 1, 0],
        part: "801".into(),
        data: vec![0x97; 900],
    };
    let message = sent(&upload().build(&profile).unwrap());
    assert_eq!(
        (message.mti(), fields(&message)),
        (Mti::NOTICE, vec![2, 4, 11, 15, 37, 41, 42, 55, 60, 62, 64])
    );
    assert_eq!((digits(&message, 60).as_str(), message.length(62)), ("07000007801", Some(900)));
    let mut bare = upload();
    (bare.pan, bare.settlement_date, bare.rrn) = (None, None, None);
    bare.field55.clear();
    let without = Profile { mac_on_notices: true, ..profile.clone() };
    let mut without = without;
    without.e_signature.mac = false;
    assert_eq!(fields(&sent(&bare.build(&without).unwrap())), [4, 11, 41, 42, 60, 62]);
    let refused = |change: &dyn Fn(&mut SignatureUpload)| {
        let mut upload = upload();
        change(&mut upload);
        upload.build(&profile).unwrap_err().field
    };
    assert_eq!(refused(&|upload| upload.part = "80".into()), 60);
    assert_eq!(refused(&|upload| upload.data.clear()), 62);
    assert_eq!(refused(&|upload| upload.data = vec![0; 1000]), 62);
    assert_eq!(refused(&|upload| upload.amount = 0), 4);
}

fn qr(wallet: &str, step: QrStep) -> QrRequest {
    QrRequest {
        identity: identity(),
        trace: 42,
        batch: 7,
        wallet: wallet.into(),
        step,
        amount: 1234,
        currency: 156,
        code: None,
        voucher: None,
        terminal: None,
        original: None,
        reversal: None,
    }
}

fn original() -> Option<QrOriginal> {
    Some(QrOriginal {
        batch: 6,
        trace: 40,
        date: "0605".into(),
        rrn: Some("123456789012".into()),
        authorisation_code: None,
    })
}

const CODE: &str = "6212340000000000019";

#[test]
fn qr_fields_of_the_standard_dialect() {
    let profile = Profile::default();
    let mut sale = qr("unionpay", QrStep::Sale);
    assert_eq!(sale.build(&profile).unwrap_err().field, 59, "a sale needs the code");
    sale.code = PaymentCode::new(CODE);
    let message = sent(&sale.build(&profile).unwrap());
    assert_eq!(fields(&message), [3, 4, 11, 22, 25, 41, 42, 49, 59, 60, 64]);
    assert_eq!((digits(&message, 3).as_str(), message.bytes(22)), ("000000", Some(&[0x03, 0x20][..])));
    assert_eq!(message.text(59), Some("A30196212340000000000019"));
    assert_eq!(digits(&message, 60), "22000007000500");
    sale.terminal = Some(TerminalInfo {
        device_type: "02".into(),
        serial: "0000020254004318".into(),
        random_factor: "000019".into(),
        digest: "EC7CD424".into(),
        version: "321702".into(),
    });
    assert_eq!(sent(&sale.build(&profile).unwrap()).length(59), Some(70 + 24));

    let mut void = qr("unionpay", QrStep::Void);
    assert_eq!(void.build(&profile).unwrap_err().field, 61, "a void needs its original");
    (void.original, void.voucher) = (original(), Some("20260605000000000001".into()));
    let message = sent(&void.build(&profile).unwrap());
    assert_eq!((message.mti(), digits(&message, 61).as_str()), (Mti::FINANCIAL, "000006000040"));
    assert_eq!(fields(&message), [3, 4, 11, 22, 25, 37, 41, 42, 49, 59, 60, 61, 64]);
    assert_eq!(message.text(59), Some("A402020260605000000000001"));

    let mut refund = qr("unionpay", QrStep::Refund);
    refund.original = original();
    let message = sent(&refund.build(&profile).unwrap());
    assert_eq!((message.mti(), digits(&message, 61).as_str()), (Mti::ADVICE, "0000000000000605"));
    assert_eq!(digits(&message, 60), "25000007000500");

    let mut query = qr("unionpay", QrStep::Query);
    query.original = original();
    assert_eq!(query.build(&profile).unwrap_err().field, 3, "the dialect has no query");
    assert_eq!(qr("paypal", QrStep::Show).build(&profile).unwrap_err().field, 3, "no such wallet");

    let mut reversal = qr("unionpay", QrStep::Sale);
    (reversal.code, reversal.reversal) = (PaymentCode::new(CODE), Some("98".into()));
    let message = sent(&reversal.build(&profile).unwrap());
    assert_eq!((message.mti(), message.text(39)), (Mti::REVERSAL, Some("98")));
    assert_eq!(fields(&message), [3, 4, 11, 22, 25, 39, 41, 42, 49, 59, 60, 64]);
    assert_eq!((digits(&message, 22).as_str(), digits(&message, 11).as_str()), ("032", "000042"));
    assert!(!format!("{sale:?} {reversal:?}").contains("6212"), "rule 10");
}

#[test]
fn qr_fields_of_the_dialect_with_channels() {
    let profile = Profile::default();
    for (step, processing) in [
        (QrStep::Sale, "700000"),
        (QrStep::Show, "710000"),
        (QrStep::Cancel, "720000"),
        (QrStep::Query, "730000"),
        (QrStep::Refund, "740000"),
    ] {
        let mut request = qr("wechat", step);
        request.code = (step == QrStep::Sale).then(|| PaymentCode::new("130000000000000000")).flatten();
        request.original = original();
        let message = sent(&request.build(&profile).unwrap());
        assert_eq!((digits(&message, 3).as_str(), message.text(44)), (processing, Some("002")));
        assert_eq!(digits(&message, 60), "60000007000500");
        assert_eq!(message.has(61), step.has_original(), "{step:?}");
    }
}

#[test]
fn a_refund_names_its_payment_as_the_dialect_says() {
    let mut profile = Profile::default();
    for dialect in &mut profile.qr.dialects {
        dialect.refund_original = RefundOriginal::Trace;
    }
    let mut refund = qr("wechat", QrStep::Refund);
    refund.original = original();
    let message = sent(&refund.build(&profile).unwrap());
    assert_eq!(digits(&message, 61), "000006000040");
}

#[test]
fn a_code_that_the_terminal_makes_names_the_payment() {
    let payload = ShownPayload {
        account: 15,
        value: "4802290048022900898000000000001".into(),
        category: "5311".into(),
        name: "SHOP".into(),
        city: "SHANGHAI".into(),
    };
    let code = payload.code(1234, 156, 7, 42, "00000001").unwrap();
    let read = MerchantPayload::decode(&code).unwrap();
    assert_eq!((read.once, read.amount.as_deref()), (Some(true), Some("12.34")));
    assert_eq!(read.additional, [(5, "000007000042".into()), (7, "00000001".into())]);
    assert!(ShownPayload { city: String::new(), ..payload }.code(1, 156, 1, 1, "1").is_err());
}

#[test]
fn an_uploaded_record_is_settled_by_94_too() {
    let profile = Profile { mac_on_settlement: true, ..Profile::default() };
    let request = chip_record(ChipEnd::Certified, true).build(&profile).unwrap();
    let answered = |code: &[u8]| {
        let mut all = answer_fields("00000007203");
        all.extend([(11, b"000042".to_vec()), (39, code.to_vec())]);
        check_answer(&profile, &request.expectation(), &frame_of(Mti::UPLOAD_ANSWER, &all)).unwrap()
    };
    assert!(profile.needs_mac(&answered(b"00")) && profile.needs_mac(&answered(b"94")));
    assert!(!profile.needs_mac(&answered(b"96")));
}
