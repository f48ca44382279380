//! A terminal for the card's own tests: it asks in order and believes everything.

use posd_card::{Card, issuer, tlv};

pub(crate) const DEBIT: &[u8] = &[0xA0, 0x00, 0x00, 0x03, 0x33, 0x01, 0x01, 0x01];
pub(crate) const RID: &[u8] = &[0xA0, 0x00, 0x00, 0x03, 0x33];
pub(crate) const ARQC: u8 = 0x80;
pub(crate) const TC: u8 = 0x40;
pub(crate) const AAC: u8 = 0x00;

/// What the terminal puts where a list asks for it.
pub(crate) fn terminal_value(tag: u32) -> &'static [u8] {
    match tag {
        0x9F02 => &[0, 0, 0, 0, 0x12, 0x34],
        0x9F1A | 0x5F2A => &[0x01, 0x56],
        0x95 => &[0x00, 0x80, 0x04, 0x80, 0x00],
        0x9A => &[0x26, 0x11, 0x24],
        0x9F37 => &[0xDE, 0xAD, 0xBE, 0xEF],
        0x9F21 => &[0x12, 0x30, 0x45],
        0x8A => b"00",
        _ => &[],
    }
}

/// Fills a list; `own` comes before the usual values.
pub(crate) fn fill(list: &[u8], own: &[(u32, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, length) in tlv::list(list) {
        let value = own.iter().find(|(own, _)| *own == tag).map_or(terminal_value(tag), |(_, value)| value);
        let mut value = value.to_vec();
        value.resize(length, 0);
        out.extend(value);
    }
    out
}

/// One command; follows `61xx` and `6Cxx`.
pub(crate) fn send(card: &mut Card, head: [u8; 4], data: &[u8]) -> (Vec<u8>, u16) {
    let mut command = head.to_vec();
    if !data.is_empty() {
        command.push(data.len() as u8);
        command.extend_from_slice(data);
    }
    let needs_le = data.is_empty() || !matches!(head[1], 0x20 | 0x82) && head[0] != 0x84;
    if needs_le {
        command.push(0);
    }
    let answer = split(card.transmit(&command));
    match answer.1 >> 8 {
        0x61 => split(card.transmit(&[0x00, 0xC0, 0, 0, answer.1 as u8])),
        0x6C => {
            *command.last_mut().unwrap() = answer.1 as u8;
            split(card.transmit(&command))
        }
        _ => answer,
    }
}

pub(crate) fn split(mut answer: Vec<u8>) -> (Vec<u8>, u16) {
    if answer.len() < 2 {
        return (answer, 0);
    }
    let status = answer.split_off(answer.len() - 2);
    (answer, u16::from_be_bytes([status[0], status[1]]))
}

pub(crate) fn ok((data, status): (Vec<u8>, u16)) -> Vec<u8> {
    assert_eq!(status, 0x9000, "status words {status:04X}");
    data
}

pub(crate) fn select(card: &mut Card, name: &[u8]) -> (Vec<u8>, u16) {
    send(card, [0x00, 0xA4, 0x04, 0x00], name)
}

/// The card's answer to GENERATE AC in either template.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) identifier: u8,
    pub(crate) atc: u16,
    pub(crate) value: [u8; 8],
    pub(crate) issuer_data: Vec<u8>,
}

pub(crate) fn parse(data: &[u8]) -> Answer {
    let (template, content, rest) = tlv::first(data).unwrap();
    assert!(rest.is_empty());
    let (identifier, atc, value, issuer_data) = if template == 0x80 {
        (&content[..1], &content[1..3], &content[3..11], &content[11..])
    } else {
        let find = |tag| tlv::find(content, tag).unwrap();
        (find(0x9F27), find(0x9F36), find(0x9F26), find(0x9F10))
    };
    Answer {
        identifier: identifier[0],
        atc: u16::from_be_bytes(atc.try_into().unwrap()),
        value: value.try_into().unwrap(),
        issuer_data: issuer_data.to_vec(),
    }
}

/// What was read from the card up to the end of the records.
pub(crate) struct Read {
    pub(crate) aip: Vec<u8>,
    pub(crate) afl: Vec<u8>,
    pub(crate) signed: Vec<u8>,
    pub(crate) records: Vec<u8>,
}

impl Read {
    pub(crate) fn get(&self, tag: u32) -> &[u8] {
        tlv::find(&self.records, tag).unwrap_or_else(|| panic!("the card has no {tag:X}"))
    }
}

/// Reset, SELECT, GET PROCESSING OPTIONS, READ RECORD by the file locator.
pub(crate) fn begin(card: &mut Card, name: &[u8]) -> Read {
    card.reset();
    let fci = ok(select(card, name));
    let list = tlv::find(&fci, 0x9F38).unwrap_or_default();
    let options = ok(send(card, [0x80, 0xA8, 0, 0], &tlv::object(0x83, &fill(list, &[]))));
    let (template, content, _) = tlv::first(&options).unwrap();
    let (aip, afl) = if template == 0x80 {
        (content[..2].to_vec(), content[2..].to_vec())
    } else {
        (tlv::find(content, 0x82).unwrap().to_vec(), tlv::find(content, 0x94).unwrap().to_vec())
    };
    let mut read = Read { aip, afl, signed: Vec::new(), records: Vec::new() };
    for entry in read.afl.clone().chunks(4) {
        let sfi = entry[0] >> 3;
        for number in entry[1]..=entry[2] {
            let record = ok(send(card, [0x00, 0xB2, number, sfi << 3 | 4], &[]));
            let content = tlv::first(&record).unwrap().1;
            if number - entry[1] < entry[3] {
                read.signed.extend_from_slice(if sfi <= 10 { content } else { &record });
            }
            read.records.extend_from_slice(&record);
        }
    }
    read
}

pub(crate) fn generate(card: &mut Card, kind: u8, list: &[u8], own: &[(u32, &[u8])]) -> (Vec<u8>, u16) {
    send(card, [0x80, 0xAE, kind, 0], &fill(list, own))
}

/// The issuer's data (91) for `answer`, code `00`.
pub(crate) fn host(card: &Card, answer: &Answer) -> [u8; 10] {
    let issued = card.last_arqc().unwrap();
    let key = issuer::card_key(&card.profile().master_key, &issued.pan, issued.sequence);
    let mut data = [0; 10];
    data[..8].copy_from_slice(&issuer::arpc(&key, answer.atc, answer.value, *b"00"));
    data[8..].copy_from_slice(b"00");
    data
}

/// Up to the ARQC.
pub(crate) fn to_arqc(card: &mut Card, name: &[u8]) -> (Read, Answer) {
    let read = begin(card, name);
    let answer = parse(&ok(generate(card, ARQC, read.get(0x8C), &[])));
    (read, answer)
}

/// After the ARQC, with an approval and the right ARPC by the way that the AIP names.
pub(crate) fn complete(card: &mut Card, read: &Read, arqc: &Answer) -> Answer {
    let data = host(card, arqc);
    if read.aip[0] & 0x04 != 0 {
        ok(send(card, [0x00, 0x82, 0, 0], &data));
    }
    parse(&ok(generate(card, TC, read.get(0x8D), &[(0x91, &data)])))
}
