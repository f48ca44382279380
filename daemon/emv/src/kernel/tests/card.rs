//! A card that answers from tables. It knows nothing of the kernel: its bytes are written out by hand.

use std::collections::BTreeMap;

/// Debit, as the terminal lists it first.
pub(super) const DEBIT: [u8; 8] = [0xA0, 0, 0, 3, 0x33, 1, 1, 1];
/// Credit.
pub(super) const CREDIT: [u8; 8] = [0xA0, 0, 0, 3, 0x33, 1, 1, 2];
/// 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 9F34.
pub(super) const CDOL1: &str = "9F0206 9F0306 9F1A02 9505 5F2A02 9A03 9C01 9F3704 9F3403";
/// 8A 95 9F37 91.
pub(super) const CDOL2: &str = "8A02 9505 9F3704 910A";

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16).unwrap() as u8).collect();
    assert!(digits.len().is_multiple_of(2), "{text}");
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// One element, its length in one byte or as 81 xx.
pub(super) fn tlv(tag: u32, value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = tag.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    if value.len() > 127 {
        out.push(0x81);
    }
    out.push(u8::try_from(value.len()).unwrap());
    out.extend_from_slice(value);
    out
}

pub(super) fn ok(mut data: Vec<u8>) -> Vec<u8> {
    data.extend([0x90, 0x00]);
    data
}

/// An application's FCI: its name, and what stands in the proprietary template.
pub(super) fn fci(name: &[u8], proprietary: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x6F, &[tlv(0x84, name), tlv(0xA5, &proprietary.concat())].concat())
}

type Elements = Vec<(u32, Vec<u8>)>;

/// What the card answers to INTERNAL AUTHENTICATE with this data.
pub(super) type Signature = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// What the card answers to GENERATE AC with a signature: for cryptogram information, unpredictable number, and all that
/// it was told so far.
pub(super) type Combined = Box<dyn Fn(u8, &[u8], &[u8]) -> Vec<u8>>;

/// The card.
pub(super) struct Card {
    /// Answer to SELECT of the payment system environment.
    pub(super) pse: Vec<u8>,
    /// Answers to READ RECORD of the directory, file 1.
    pub(super) directory: Vec<Vec<u8>>,
    /// Names and answers to SELECT.
    pub(super) applications: Vec<(Vec<u8>, Vec<u8>)>,
    /// Answers to GET PROCESSING OPTIONS for each application where it is not made from profile and locator.
    pub(super) initiation: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) profile: [u8; 2],
    pub(super) locator: Vec<u8>,
    /// Records by file and number.
    pub(super) files: BTreeMap<(u8, u8), Elements>,
    /// Answers to READ RECORD that are not made from the files.
    pub(super) raw: BTreeMap<(u8, u8), Vec<u8>>,
    /// What GET DATA gives.
    pub(super) data: BTreeMap<u32, Vec<u8>>,
    pub(super) internal: Signature,
    pub(super) combined: Combined,
    pub(super) external: u16,
    /// Answers to GENERATE AC, in order.
    pub(super) cryptograms: Vec<Vec<u8>>,
    /// Status words to script commands, in order; 9000 where there are no more.
    pub(super) scripts: Vec<u16>,
    selected: Vec<u8>,
    /// The values of PDOL and CDOLs.
    told: Vec<u8>,
    given: usize,
    last_found: Option<usize>,
}

/// A cryptogram's answer in format 1: information, counter, cryptogram, issuer's data.
pub(super) fn cryptogram(information: u8) -> Vec<u8> {
    ok(tlv(0x80, &[&[information, 0, 7], &[information; 8][..], &hex("07010103A0B80001")].concat()))
}

impl Card {
    pub(super) fn new() -> Card {
        let signed = vec![
            (0x5A, hex("6212340000000019")),
            (0x5F24, hex("301231")),
            (0x5F25, hex("200101")),
            (0x5F28, hex("0156")),
            (0x5F34, hex("01")),
            (0x9F07, hex("FF00")),
        ];
        let rest = vec![
            (0x57, hex("6212340000000019D30122010000000000")),
            (0x8C, hex(CDOL1)),
            (0x8D, hex(CDOL2)),
            (0x8E, hex("0000000000000000 4203 5E03 1F00")),
            (0x9F08, hex("0030")),
            (0x9F42, hex("0156")),
        ];
        Card {
            pse: hex("6A82"),
            directory: Vec::new(),
            applications: vec![(DEBIT.to_vec(), ok(fci(&DEBIT, &[tlv(0x50, b"DEBIT"), tlv(0x87, &[1])])))],
            initiation: BTreeMap::new(),
            profile: [0x1C, 0x00],
            locator: hex("08010201"),
            files: BTreeMap::from([((1, 1), signed), ((1, 2), rest)]),
            raw: BTreeMap::new(),
            data: BTreeMap::new(),
            internal: Box::new(|_| hex("6D00")),
            combined: Box::new(|_, _, _| hex("6985")),
            external: 0x9000,
            cryptograms: vec![cryptogram(0x80), cryptogram(0x40)],
            scripts: Vec::new(),
            selected: Vec::new(),
            told: Vec::new(),
            given: 0,
            last_found: None,
        }
    }

    /// Gives an element another value, or adds it to the unsigned record.
    pub(super) fn set(&mut self, tag: u32, value: &str) {
        let value = hex(value);
        for elements in self.files.values_mut() {
            if let Some(element) = elements.iter_mut().find(|element| element.0 == tag) {
                element.1 = value;
                return;
            }
        }
        self.files.entry((1, 2)).or_default().push((tag, value));
    }

    pub(super) fn remove(&mut self, tag: u32) {
        self.files.values_mut().for_each(|elements| elements.retain(|element| element.0 != tag));
    }

    /// What a record holds inside its template.
    pub(super) fn record(&self, file: u8, number: u8) -> Vec<u8> {
        self.files[&(file, number)].iter().flat_map(|(tag, value)| tlv(*tag, value)).collect()
    }

    pub(super) fn answer(&mut self, command: &[u8]) -> Vec<u8> {
        let data = command.get(5..).unwrap_or_default();
        let data = &data[..data.len().min(usize::from(command.get(4).copied().unwrap_or(0)))];
        match (command[0], command[1]) {
            (0x00, 0xA4) => self.select(data, command[3] == 0x02),
            (0x00, 0xB2) => self.read(command[3] >> 3, command[2]),
            (0x80, 0xA8) => {
                self.told = data[2..].to_vec();
                match self.initiation.get(&self.selected) {
                    Some(answer) => answer.clone(),
                    None => ok(tlv(0x80, &[&self.profile, &self.locator[..]].concat())),
                }
            }
            (0x80, 0xCA) => {
                let tag = u32::from(command[2]) << 8 | u32::from(command[3]);
                self.data.get(&tag).map_or(hex("6A88"), |value| ok(tlv(tag, value)))
            }
            (0x00, 0x88) => (self.internal)(data),
            (0x00, 0x82) => self.external.to_be_bytes().to_vec(),
            (0x80, 0xAE) => {
                self.given += 1;
                self.told.extend_from_slice(data);
                let plain = self.cryptograms.get(self.given - 1).cloned().unwrap_or(hex("6985"));
                let number = if self.given == 1 { data.get(25..29) } else { data.get(7..11) };
                match (plain.get(2), number) {
                    (Some(information), Some(number))
                        if command[2] & 0x10 != 0 && information & 0xC0 != 0 =>
                    {
                        (self.combined)(*information, number, &self.told)
                    }
                    _ => plain,
                }
            }
            (0x04 | 0x84, _) if !self.scripts.is_empty() => self.scripts.remove(0).to_be_bytes().to_vec(),
            (0x04 | 0x84, _) => hex("9000"),
            _ => hex("6D00"),
        }
    }

    fn select(&mut self, name: &[u8], next: bool) -> Vec<u8> {
        if name == b"1PAY.SYS.DDF01" {
            self.selected = name.to_vec();
            return self.pse.clone();
        }
        let from = if next { self.last_found.map_or(0, |last| last + 1) } else { 0 };
        let found = self.applications.iter().skip(from).position(|(own, _)| own.starts_with(name));
        let Some(found) = found.map(|found| found + from) else { return hex("6A82") };
        self.last_found = Some(found);
        let (own, answer) = &self.applications[found];
        self.selected = own.clone();
        answer.clone()
    }

    fn read(&self, file: u8, number: u8) -> Vec<u8> {
        if self.selected == b"1PAY.SYS.DDF01" {
            let place = usize::from(number).wrapping_sub(1);
            return self.directory.get(place).cloned().unwrap_or(hex("6A83"));
        }
        if let Some(raw) = self.raw.get(&(file, number)) {
            return raw.clone();
        }
        if self.files.contains_key(&(file, number)) {
            return ok(tlv(0x70, &self.record(file, number)));
        }
        hex("6A83")
    }
}
