//! Writes the seeds that an input's language makes awkward to write by hand: `cargo run --example seeds`.
//!
//! All of it is made up, or stands in the books. What a fuzzer found is no seed: it becomes a test beside the code.

use base64ct::{Base64, Encoding};
use posd_card::{Card, Profile};
use posd_fuzz::{
    Source,
    session::{Party, Setting, play},
};
use posd_unionpay::{FieldTable, MessageBuilder, Mti};
use posd_vault_protocol::{FromVault, Numbered, Reply, Request, Secret, VERSION, encode};
use std::{error::Error, fs, path::Path};

fn write(target: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    Ok(fs::write(folder.join(name), bytes)?)
}

fn unhex(text: &str) -> Vec<u8> {
    posd_card::hex::decode(text).unwrap_or_else(|| panic!("{text} is not hexadecimal"))
}

/// Every answer of a test card in this setting.
fn answers(setting: [u8; 6], profile: Profile, number: u8, tap: bool) -> Vec<Vec<u8>> {
    let input = [&setting[..], &[number]].concat();
    let mut source = Source::new(&input);
    let setting = Setting::read(&mut source);
    let mut party = Party::read(&mut source, tap);
    let (_, commands) = play(&setting, &mut party, tap, &mut source);
    let mut card = Card::new(profile);
    card.hold_to_field(tap);
    card.reset();
    commands.iter().map(|command| card.transmit(command)).collect()
}

fn sessions() -> Result<(), Box<dyn Error>> {
    let contact = [
        ("debit", Profile::debit as fn() -> Profile),
        ("credit", Profile::credit),
        ("offline-pin", Profile::offline_pin),
        ("enciphered-pin", Profile::enciphered_pin),
        ("combined", Profile::combined),
    ];
    let contactless = [
        ("quick-pass", Profile::quick_pass as fn() -> Profile),
        ("phone", Profile::phone),
        ("cash", Profile::cash),
        ("debit-credit", Profile::debit_credit),
        ("combo", Profile::combo),
    ];
    for (target, tap, profiles) in [("kernel", false, contact), ("tap", true, contactless)] {
        for (number, (name, profile)) in (1..).zip(profiles) {
            for (case, switches) in [("never", 0), ("first", 9), ("unable", 10)] {
                let setting = [switches, 0, 0, 0, 4, 0];
                write(target, &format!("wedge-{name}-{case}"), &[&setting[..], &[number]].concat())?;
                if case != "first" {
                    // The same answers of a card that has no key.
                    let mut input = [&setting[..], &[0]].concat();
                    for answer in answers(setting, profile(), number, tap) {
                        input.push(2);
                        Source::push_block(&mut input, &answer);
                    }
                    write(target, &format!("forger-{name}-{case}"), &input)?;
                }
            }
        }
    }
    Ok(())
}

fn records() -> Result<(), Box<dyn Error>> {
    let first = unhex("5A0862123400000000195F24033012315F25032001015F280201565F3401019F0702FF00");
    let second = unhex(
        "57116212340000000019D301220100000000008C159F02069F03069F1A0295055F2A029A039C019F37048D0A8A0295059F3704910A8E0E0000000000000000420\
         35E031F009F08020030",
    );
    for (name, locator, records) in [
        ("two", "08010201", vec![first.clone(), second.clone()]),
        ("two-files", "0801010110010100", vec![first.clone(), second.clone()]),
        ("one", "08010101", vec![[first.clone(), second.clone()].concat()]),
        ("twice", "08010200", vec![first.clone(), first.clone()]),
        ("none", "", vec![]),
        ("half", "0801", vec![]),
        ("backwards", "08020101", vec![first]),
    ] {
        let mut input = vec![0, 0, 0, 0, 4, 0];
        Source::push_block(&mut input, &unhex(locator));
        for record in records {
            input.push(0);
            Source::push_block(&mut input, &record);
        }
        write("records", name, &input)?;
    }
    Ok(())
}

fn certificates() -> Result<(), Box<dyn Error>> {
    write("certificates", "genuine", &[0, 0])?;
    for place in 0..24 {
        write("certificates", &format!("flip-{place:02}"), &[0, 1, place, 3, 0, 20])?;
    }
    let issuer = unhex("621234FF123500001001014003");
    let card = unhex("6212340000000019FFFF123500002001014003");
    for (name, pin) in [("own", 0), ("own-without-pin", 1)] {
        let mut input = vec![1];
        for block in [b"records", &unhex("6212340000000019")[..], &[3], &issuer, &card, &card] {
            Source::push_block(&mut input, block);
        }
        input.push(pin);
        Source::push_block(&mut input, &[1, 0xDA, 0xC0]);
        Source::push_block(&mut input, &unhex("0126040102030440090909090909090900"));
        input.push(0x40);
        write("certificates", name, &input)?;
    }
    Ok(())
}

fn messages() -> Result<(), Box<dyn Error>> {
    let table = FieldTable::standard();
    let fields: [(u8, &[u8]); 22] = [
        (2, b"6212340000000019"),
        (3, b"000000"),
        (4, b"000000001234"),
        (11, b"000042"),
        (12, b"123059"),
        (13, b"1124"),
        (14, b"3012"),
        (22, b"051"),
        (23, b"001"),
        (25, b"00"),
        (35, b"6212340000000019D30122010000000000"),
        (37, b"000000000042"),
        (38, b"ABC123"),
        (39, b"00"),
        (41, b"00000001"),
        (42, b"898000000000001"),
        (49, b"156"),
        (52, &[0xA5; 8]),
        (55, &[0x9F, 0x36, 2, 0, 7]),
        (60, b"22000001000500"),
        (62, b"000042"),
        (63, b"CUP"),
    ];
    for (name, mti, kept) in [
        ("request", [2, 0], &[2, 3, 4, 11, 22, 23, 25, 35, 41, 42, 49, 52, 55, 60][..]),
        ("answer", [2, 0x10], &[3, 4, 11, 12, 13, 14, 25, 37, 38, 39, 41, 42, 49, 55, 60, 63]),
        ("sign-in", [8, 0], &[11, 41, 42, 60, 62, 63]),
        ("reversal", [4, 0], &[2, 3, 4, 11, 22, 25, 39, 41, 42, 49, 60]),
        ("empty", [8, 0x20], &[]),
    ] {
        let mti = Mti::from_bytes(mti).ok_or("no message type")?;
        let mut builder = MessageBuilder::new(&table, mti);
        for (field, value) in fields.iter().filter(|(field, _)| kept.contains(field)) {
            builder.put(*field, value)?;
        }
        let mut message = builder.finish();
        write("iso8583", name, &[&[1], message.encode()].concat())?;
        message.set_mac([7; 8]);
        let body = [&unhex("6000030000603100311000")[..], message.encode()].concat();
        let frame = [&[0, (body.len() >> 8) as u8, body.len() as u8][..], &body].concat();
        write("iso8583", &format!("{name}-frame"), &frame)?;
    }
    let values = [
        ("key-list", unhex("319F0605A0000003339F2201F1DF05083230333531323331")),
        ("aid-list", unhex("319F0607A0000003330101")),
        ("nothing", b"0".to_vec()),
        (
            "key",
            unhex(
                "319F0605A0000003339F2201F1DF05083230333531323331DF060101DF070101DF0203C10001DF040103DF03140000000000000000000000000000000000000000",
            ),
        ),
        ("blacklist", b"1166212340000000019".to_vec()),
        ("parameters", b"1160110260230003303".to_vec()),
        ("totals", [0; 31].to_vec()),
        ("work-keys", vec![0x11; 40]),
    ];
    for (name, value) in values {
        write("iso8583", name, &[&[2], &value[..]].concat())?;
    }
    Ok(())
}

fn small() -> Result<(), Box<dyn Error>> {
    for (name, text) in [
        ("two", "009F028102AABB005A0162"),
        ("fci", "6F1A8407A0000003330101A50F500A50424F432044454249548701019F1101"),
        ("record", "70125A0862123400000000195F24033012315F3401"),
        ("cut", "5A030102"),
        ("tag", "9F8181810100"),
        ("indefinite", "5A800000"),
        ("nested", "7012701070 0E700C700A7008700670047002 7000"),
        ("answer", "910A01020304050607083030720F9F1804000000018606840E0000027109710786058418000000"),
        ("two-scripts", "72028600720186"),
        ("twice", "910101910101"),
    ] {
        let bytes = unhex(&text.replace(' ', ""));
        write("tlv", name, &bytes)?;
        write("field55", name, &bytes)?;
    }
    for (name, list) in [
        ("cdol", "9F02069F03069F1A0295055F2A029A039C019F37049F3403"),
        ("pdol", "9F66049F02069F37045F2A02"),
        ("template", "7002DF01035A0A"),
        ("cut", "9F37"),
        ("long", "9F37FF"),
    ] {
        let mut input = Vec::new();
        Source::push_block(&mut input, &unhex(list));
        for length in 0..16 {
            Source::push_block(&mut input, &vec![0x12; length]);
        }
        write("dol", name, &input)?;
    }
    Ok(())
}

fn codes() -> Result<(), Box<dyn Error>> {
    // The examples of EMVCo's two books; the target puts the checksum right.
    let merchant = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN\
        5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A6008667\
        0902ME91320016A011223344998877070812345678";
    let customer = "hQVDUFYwMWETTwegAAAAVVVVUAhQcm9kdWN0MWETTwegAAAAZmZmUAhQcm9kdWN0MmJJWggSNFZ4kBI0WF8gDkNBUkRI\
        T0xERVIvRU1WXy0IcnVlc2RlZW5kIZ8QBwYBCgMAAACfJghYT9OF+iNLzJ82AgABnzcEbVjvEw==";
    let small = "0002010102111531010200000102000089800000000000152045411530315658 02CN5904SHOP6007BEIJING";
    write("qr", "merchant", &[&[0], merchant.as_bytes(), b"0"].concat())?;
    write("qr", "merchant-small", &[&[0], small.replace(' ', "").as_bytes(), b"0"].concat())?;
    write("qr", "customer", &[&[1], customer.as_bytes()].concat())?;
    let bytes = Base64::decode_vec(customer).map_err(|error| error.to_string())?;
    write("qr", "customer-bytes", &[&[2], &bytes[..]].concat())?;
    for (name, field) in [
        (
            "terminal",
            "A20650100202020160000020254004318030060000520400\
                      8EC7CD42405008321702  ",
        ),
        ("code", "A30196212340000000000019"),
        ("voucher", "A4004ABCD"),
        ("shown", "A3012https://q.cnX1000"),
        ("twice", "A30011A30012"),
    ] {
        write("qr", &format!("field59-{name}"), &[&[3], field.as_bytes()].concat())?;
    }
    Ok(())
}

fn frames() -> Result<(), Box<dyn Error>> {
    let requests = [
        ("hello", Request::Hello { version: VERSION }),
        ("status", Request::Status),
        ("transmit", Request::Transmit { apdu: unhex("00A4040007A000000333010100") }),
        ("seal", Request::Seal { clear: Secret::new(vec![1; 40]), context: 9 }),
        (
            "password",
            Request::CheckPassword {
                operator: "01".to_owned(),
                password: Some(Secret::new(b"0000".to_vec())),
                timeout_ms: 30_000,
            },
        ),
        ("open", Request::Open { sealed: vec![2; 40], context: 9 }),
        ("list", Request::ListOperators),
        ("cancel", Request::CancelPrompt),
    ];
    let mut all = vec![0, 5];
    for (id, (name, body)) in (1..).zip(requests) {
        let frame = encode(&Numbered { id, body })?;
        write("vault", name, &[&[0, 0], &frame[..]].concat())?;
        all.extend_from_slice(&frame);
    }
    write("vault", "requests", &all)?;
    write("vault", "long", &[&[0, 1][..], &0x4001_u32.to_le_bytes()].concat())?;
    let done = encode(&FromVault::Reply(Numbered { id: 1, body: Reply::Done }))?;
    write("vault", "done", &[&[1, 3], &done[..]].concat())?;
    // Every reply and notice by its number, its contents zeros.
    for number in 0..20 {
        for (kind, head) in [("reply", vec![0, 1, number]), ("notice", vec![1, number])] {
            let body = [head, vec![0; 24]].concat();
            write(
                "vault",
                &format!("{kind}-{number:02}"),
                &[&[1, 0], &(body.len() as u32).to_le_bytes()[..], &body].concat(),
            )?;
        }
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    sessions()?;
    records()?;
    certificates()?;
    messages()?;
    small()?;
    codes()?;
    frames()
}
