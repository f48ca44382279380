//! The smallest terminal that can talk to the host: it signs in, sells, reverses and notifies.

use std::collections::BTreeMap;

use posd_acquirer::chip;
use posd_acquirer::cipher::{Key, field64, xor};
use posd_acquirer::message::Message;
use posd_acquirer::{Action, Delivery, Host, HostTime, MacAlgorithm, Settings};

pub(crate) const PAN: &str = "6212340000000019";
pub(crate) const NOW: HostTime = HostTime { unix_ms: 1_795_500_000_000 };

pub(crate) struct Terminal {
    pub(crate) number: String,
    pub(crate) merchant: String,
    pub(crate) batch: u32,
    pub(crate) trace: u32,
    pub(crate) atc: u16,
    pub(crate) pin: Option<String>,
    pub(crate) pik: Option<Key>,
    pub(crate) mak: Option<Key>,
    pub(crate) algorithm: MacAlgorithm,
    pub(crate) master: Key,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|place| u8::from_str_radix(&text[2 * place..][..2], 16).unwrap()).collect()
}

pub(crate) fn key16(text: &str) -> [u8; 16] {
    unhex(text).try_into().unwrap()
}

impl Default for Terminal {
    fn default() -> Self {
        let settings = Settings::default();
        let terminal = &settings.terminals[0];
        Self {
            number: terminal.terminal.clone(),
            merchant: terminal.merchant.clone(),
            batch: 1,
            trace: 0,
            atc: 0,
            pin: None,
            pik: None,
            mak: None,
            algorithm: MacAlgorithm::Ecb,
            master: Key::Double(key16(&terminal.terminal_master_key)),
        }
    }
}

impl Terminal {
    pub(crate) fn message(&mut self, mti: &str) -> Message {
        self.trace += 1;
        let mut message = Message {
            tpdu: [0x60, 0, 6, 0, 0],
            header: [0x61, 0x31, 0x00, 0x31, 0x00, 0x01],
            mti: mti.into(),
            fields: BTreeMap::new(),
        };
        message.set(11, format!("{:06}", self.trace));
        message.set(41, self.number.as_str());
        message.set(42, self.merchant.as_str());
        message
    }

    pub(crate) fn management(&mut self, mti: &str, code: &str) -> Message {
        let mut message = self.message(mti);
        message.set(60, format!("00{:06}{code}", self.batch));
        message
    }

    pub(crate) fn sign_in_request(&mut self, code: &str) -> Message {
        let mut message = self.management("0800", code);
        message.set(63, "01 ");
        message
    }

    /// Takes the keys of a sign-in answer, whose PIN key slot is 16 bytes and MAC key single length.
    pub(crate) fn take_keys(&mut self, answer: &Message) {
        let field = answer.field(62).unwrap();
        let block = |at: usize| self.master.decrypt(field[at..at + 8].try_into().unwrap());
        let pik = Key::Double([block(0), block(8)].concat().try_into().unwrap());
        let mak = Key::Single(block(20));
        assert_eq!(pik.check_value(), field[16..20]);
        assert_eq!(mak.check_value(), field[36..40]);
        (self.pik, self.mak) = (Some(pik), Some(mak));
        self.batch = answer.part(60, 2, 8).unwrap();
    }

    pub(crate) fn sign_in(&mut self, host: &mut Host) {
        let request = self.sign_in_request("003");
        let answer = exchange(host, &request);
        assert_eq!(answer.text(39), Some("00"));
        self.take_keys(&answer);
    }

    pub(crate) fn sign(&self, message: &mut Message) {
        let key = self.mak.as_ref().unwrap();
        message.sign(|input| field64(self.algorithm, key, input));
    }

    /// A chip sale, with a PIN if the terminal has one.
    pub(crate) fn sale(&mut self, amount: u64) -> Message {
        let mut message = self.message("0200");
        self.atc += 1;
        message.set(2, PAN);
        message.set(3, "000000");
        message.set(4, format!("{amount:012}"));
        message.set(14, "3012");
        message.set(22, "052");
        message.set(23, "001");
        message.set(25, "00");
        message.set(35, format!("{PAN}=30122010000000000"));
        message.set(49, "156");
        message.set(55, self.field_55(amount));
        message.set(60, format!("22{:06}000601", self.batch));
        if let Some(pin) = &self.pin {
            let digits = format!("0{}{pin:F<14}", pin.len());
            let clear = xor(unhex(&digits).try_into().unwrap(), [0, 0, 0x23, 0x40, 0, 0, 0, 0x01]);
            message.set(22, "051");
            message.set(26, "12");
            message.set(52, self.pik.as_ref().unwrap().encrypt(clear));
            message.set(53, "2600000000000000");
        }
        self.sign(&mut message);
        message
    }

    /// A transaction whose card number was typed: what is common to all, not signed.
    pub(crate) fn typed(&mut self, key: &str, amount: u64) -> Message {
        let [mti, processing, condition, kind] = key.split('/').collect::<Vec<_>>().try_into().unwrap();
        let mut message = self.message(mti);
        message.set(2, PAN);
        message.set(3, processing);
        message.set(4, format!("{amount:012}"));
        message.set(14, "3012");
        message.set(22, "012");
        message.set(25, condition);
        message.set(49, "156");
        message.set(60, format!("{kind}{:06}000601", self.batch));
        message
    }

    /// A transaction about an earlier one: fields 37, 38 and 61 of `original` and its answer, signed.
    pub(crate) fn about(&mut self, key: &str, amount: u64, original: &Message, answer: &Message) -> Message {
        let mut message = self.typed(key, amount);
        let (mti, kind) = (key.split('/').next().unwrap(), key.rsplit('/').next().unwrap());
        if let Some(pan) = original.field(2) {
            message.set(2, pan);
        }
        let (batch, trace) = (original.part(60, 2, 8).unwrap(), original.text(11).unwrap());
        let date = answer.text(13).unwrap();
        message.set(
            61,
            match kind {
                "23" => format!("{batch:06}{trace}"),
                "25" => format!("000000000000{date}"),
                _ => format!("{batch:06}{trace}{date}"),
            },
        );
        if matches!(kind, "23" | "25" | "21") {
            message.set(37, answer.field(37).unwrap());
        }
        if matches!(kind, "11" | "20" | "21" | "24") {
            message.set(38, answer.field(38).unwrap());
        }
        if (mti, kind) == ("0220", "25") {
            message.set(63, "CUP");
        }
        self.sign(&mut message);
        message
    }

    /// Signs a message.
    pub(crate) fn signed(&self, mut message: Message) -> Message {
        self.sign(&mut message);
        message
    }

    /// A settlement with these 30 digits of each side.
    pub(crate) fn settlement(&mut self, domestic: &str, foreign: &str) -> Message {
        let mut message = self.management("0500", "201");
        message.set(48, format!("{domestic}0{foreign}0"));
        message.set(49, "156");
        message.set(63, "01 ");
        message
    }

    /// An upload, or its end, with this field 48.
    pub(crate) fn upload(&mut self, code: &str, details: &str) -> Message {
        let mut message = self.management("0320", code);
        message.set(48, details);
        message
    }

    /// Chip data with another cryptogram type, and 8A = Y1: an offline sale's.
    pub(crate) fn certificate(&self, amount: u64) -> Vec<u8> {
        let mut field = self.field_55(amount);
        field[14] = 0x40;
        [field.as_slice(), b"\x8A\x02Y1"].concat()
    }

    pub(crate) fn field_55(&self, amount: u64) -> Vec<u8> {
        let atc = self.atc.to_be_bytes();
        let input = unhex(&format!(
            "{amount:012}0000000000000156800004E000015626112400{:08X}7C00{:04X}03A4B904",
            self.trace, self.atc
        ));
        let imk = key16(&Settings::default().issuer_master_key);
        let session = chip::session_key(&chip::card_key(&imk, PAN, 1), atc);
        let mut field = b"\x9F\x26\x08".to_vec();
        field.extend(chip::cryptogram(&session, &input));
        field.extend(unhex(&format!(
            "9F2701809F100807010103A4B904019F3704{:08X}9F3602{:04X}9505800004E0009A032611249C01009F0206{amount:012}\
             5F2A02015682027C009F1A0201569F03060000000000009F3303E0F0C89F34030203009F3501229F1E083031323334353637\
             8408A0000003330101019F090200209F410400000001",
            self.trace, self.atc
        )));
        field
    }

    /// The reversal of a sale.
    pub(crate) fn reversal(&self, sale: &Message, reason: &str) -> Message {
        let mut message = sale.clone();
        message.mti = "0400".into();
        for field in [26, 35, 37, 38, 52, 53, 55, 57, 63, 64] {
            message.fields.remove(&field);
        }
        message.set(39, reason);
        self.sign(&mut message);
        message
    }

    /// The script result notice of a sale.
    pub(crate) fn script_result(&mut self, sale: &Message, rrn: &str) -> Message {
        let mut message = self.message("0620");
        for field in [2, 3, 4, 22, 23, 49] {
            message.set(field, sale.field(field).unwrap());
        }
        message.set(37, rrn);
        message.set(55, unhex("9505800004E000DF31052000000001"));
        message.set(60, format!("00{:06}951", self.batch));
        message.set(61, format!("{:06}{}1124", self.batch, sale.text(11).unwrap()));
        message
    }

    /// Whether an answer's MAC is right.
    pub(crate) fn mac_is_right(&self, frame: &[u8]) -> bool {
        let key = self.mak.as_ref().unwrap();
        let message = Message::decode(frame).unwrap();
        message.field(64) == Some(field64(self.algorithm, key, &frame[11..frame.len() - 8]).as_slice())
    }
}

/// A host with the default settings and a terminal that is signed in.
pub(crate) fn signed_in() -> (Host, Terminal) {
    let mut host = Host::new(Settings::default()).unwrap();
    let mut terminal = Terminal::default();
    terminal.sign_in(&mut host);
    (host, terminal)
}

pub(crate) fn frame(deliveries: &[Delivery]) -> &[u8] {
    match deliveries {
        [Delivery { after_ms: 0, action: Action::Send(frame) }] => frame,
        other => panic!("not one answer at once: {other:?}"),
    }
}

pub(crate) fn exchange(host: &mut Host, request: &Message) -> Message {
    let deliveries = host.receive(&request.encode(), NOW);
    Message::decode(frame(&deliveries)).unwrap()
}

pub(crate) fn code(host: &mut Host, request: &Message) -> String {
    exchange(host, request).text(39).unwrap().to_owned()
}
