//! From a decision to the bytes of the answer, and to what faults make of them.

use std::collections::BTreeMap;

use encoding_rs::GBK;

use crate::check::Refused;
use crate::chip::{self, Verified};
use crate::delivery::{Action, Delivery};
use crate::fault::{Fault, MessageKind};
use crate::kind::{Entry, row};
use crate::message::Message;
use crate::outcome::Outcome;
use crate::terminal::Numbers;
use crate::time::Local;
use crate::tlv;

/// Acquiring institution, field 32 and 44.2 (made up).
const ACQUIRER: &str = "00010344";
/// Issuer, 44.1 (made up).
const ISSUER: &str = "01020000";

/// What the host decided about one request.
pub(crate) struct Decision {
    pub(crate) code: String,
    pub(crate) note: String,
    pub(crate) pan: Option<String>,
    /// Field 4 of the answer, if other than asked.
    pub(crate) amount: Option<u64>,
    /// Batch number that the answer orders.
    pub(crate) batch: Option<u32>,
    /// Field 37, if it is another transaction's or already in the books.
    pub(crate) rrn: Option<String>,
    /// The work keys end with this answer.
    pub(crate) signs_out: bool,
    pub(crate) fields: BTreeMap<u8, Vec<u8>>,
}

impl Decision {
    pub(crate) fn approved() -> Self {
        Self {
            code: "00".into(),
            note: String::new(),
            pan: None,
            amount: None,
            batch: None,
            rrn: None,
            signs_out: false,
            fields: BTreeMap::new(),
        }
    }

    pub(crate) fn refusal(refused: Refused) -> Self {
        Self { code: refused.code, note: refused.note, ..Self::approved() }
    }

    /// Adds tag 91 when the card's cryptogram was right and it is the issuer that answers.
    pub(crate) fn issuer_answer(&mut self, verified: Option<&Verified>) {
        let Some(verified) = verified else { return };
        let response_code = match self.code.as_bytes() {
            b"00" | b"10" | b"11" | b"A2" => *b"00",
            b"77" | b"91" | b"96" | b"98" | b"99" | b"A0" => return,
            [first, second] => [*first, *second],
            _ => return,
        };
        let mut value = chip::arpc(&verified.session_key, verified.cryptogram, response_code).to_vec();
        value.extend(response_code);
        let mut field = Vec::new();
        tlv::push(&mut field, 0x91, &value);
        self.fields.insert(55, field);
    }

    /// Makes the checksum of a downloaded CA key wrong.
    pub(crate) fn spoil_checksum(&mut self) {
        if let Some(field) = self.fields.get_mut(&62) {
            spoil_checksum(field);
        }
    }

    pub(crate) fn add_scripts(&mut self, outcome: &Outcome, verified: Option<&Verified>, trace: u32) {
        let (Some(verified), Some(field)) = (verified, self.fields.get_mut(&55)) else { return };
        if outcome.script_before {
            field.extend(chip::script(0x71, trace.to_be_bytes(), &verified.session_key));
        }
        if outcome.script_after {
            field.extend(chip::script(0x72, trace.to_be_bytes(), &verified.session_key));
        }
    }
}

/// Fields that the answer to a request of this kind repeats, and fields that the host puts there: 12, 13, 15,
/// 32, 37, 44 and 63 (reference 1.1).
fn shape(kind: MessageKind) -> (&'static [u8], &'static [u8]) {
    use MessageKind::{
        AdviceUpload, BalanceInquiry, BatchEnd, BatchUpload, ChipUpload, Echo, FailureUpload, Reversal,
        ScriptResult, Settlement, SignIn, SignOut, Signature, Unknown,
    };
    match kind {
        Reversal => (&[2, 3, 4, 11, 14, 23, 25, 41, 42, 49, 60], &[12, 13, 15, 32, 37, 44]),
        ScriptResult => (&[2, 3, 11, 22, 23, 41, 42, 49, 60], &[12, 13, 15, 32, 37]),
        SignIn | SignOut | Echo => (&[11, 41, 42, 60], &[12, 13, 32, 37]),
        Settlement => (&[11, 41, 42, 48, 49, 60, 63], &[12, 13, 15, 32, 37]),
        BatchUpload | ChipUpload | FailureUpload | AdviceUpload | BatchEnd => {
            (&[11, 41, 42, 48, 60], &[12, 13, 37])
        }
        Signature => (&[11, 41, 42, 60], &[37]),
        BalanceInquiry => (&[2, 3, 11, 14, 23, 25, 41, 42, 49, 53, 60], &[12, 13, 32, 37, 44, 63]),
        Unknown => (&[3, 4, 11, 25, 41, 42, 49, 60], &[12, 13, 32, 37]),
        _ if row(kind).is_some_and(|row| row.entry == Entry::Wallet) => {
            (&[3, 4, 11, 25, 41, 42, 44, 49, 60], &[12, 13, 15, 32, 37])
        }
        _ if row(kind).is_some() => {
            (&[2, 3, 4, 11, 14, 23, 25, 41, 42, 49, 53, 60], &[12, 13, 15, 32, 37, 44, 63])
        }
        _ => (&[11, 41, 42, 60], &[12, 13, 37]),
    }
}

/// The answer without its MAC; `None` when the request is itself an answer.
pub(crate) fn build(
    request: &Message,
    kind: MessageKind,
    decision: Decision,
    local: &Local,
    rrn: &str,
    requirement: u8,
) -> Option<Message> {
    let mut message = Message {
        tpdu: request.tpdu,
        header: request.header,
        mti: answer_mti(&request.mti)?,
        fields: BTreeMap::new(),
    };
    let [id, to_high, to_low, from_high, from_low] = request.tpdu;
    message.tpdu = [id, from_high, from_low, to_high, to_low];
    message.header[2] = request.header[2] & 0xF0 | requirement & 0x0F;
    let (repeated, added) = shape(kind);
    for field in repeated {
        if let Some(value) = request.field(*field) {
            message.set(*field, value);
        }
    }
    message.set(39, decision.code.as_str());
    let rrn = decision.rrn.unwrap_or_else(|| rrn.to_owned());
    for field in added {
        let value = match field {
            12 => local.time().into_bytes(),
            13 | 15 => local.date().into_bytes(),
            32 => ACQUIRER.into(),
            37 => rrn.clone().into_bytes(),
            44 => format!("{ISSUER:<11}{ACQUIRER:<11}").into_bytes(),
            _ => texts(&decision.code),
        };
        message.set(*field, value);
    }
    if let Some(pan) = decision.pan {
        message.set(2, pan);
    }
    if let Some(amount) = decision.amount {
        message.set(4, format!("{amount:012}"));
    }
    if let (Some(batch), Some(code)) = (decision.batch, request.text(60).and_then(|value| value.get(8..11))) {
        message.set(60, format!("00{batch:06}{code}"));
    }
    message.fields.extend(decision.fields);
    Some(message)
}

/// 0200 → 0210, 0620 → 0630. An answer has no answer.
fn answer_mti(mti: &str) -> Option<String> {
    let number: u32 = mti.parse().ok()?;
    (number / 10).is_multiple_of(2).then(|| format!("{:04}", number + 10))
}

/// Field 63: card organisation, then 20 bytes each of issuer, centre and acquirer text.
fn texts(code: &str) -> Vec<u8> {
    let issuer = if matches!(code, "00" | "11" | "A2") { "交易成功" } else { "" };
    let mut field = b"CUP".to_vec();
    for text in [issuer, "", "测试收单行"] {
        let end = field.len() + 20;
        field.extend(GBK.encode(text).0.iter());
        field.resize(end, b' ');
    }
    field
}

/// Faults in the fields, before the MAC.
pub(crate) fn alter(message: &mut Message, faults: &[Fault]) {
    for fault in faults {
        match fault {
            Fault::WrongTrace => {
                if let Some(trace) = message.number(11) {
                    message.set(11, format!("{:06}", trace % 999_999 + 1));
                }
            }
            Fault::WrongTerminal => other_last_digit(message, 41),
            Fault::WrongMerchant => other_last_digit(message, 42),
            Fault::WrongAmount => {
                if let Some(amount) = message.number(4) {
                    message.set(4, format!("{:012}", (amount + 1) % 1_000_000_000_000));
                }
            }
            Fault::WrongMti => message.mti = if message.mti == "0230" { "0210" } else { "0230" }.into(),
            Fault::WrongArpc => {
                if let Some(byte) = message.fields.get_mut(&55).and_then(|field| field.get_mut(2)) {
                    *byte ^= 0xFF;
                }
            }
            Fault::MissingField55 => {
                message.fields.remove(&55);
            }
            Fault::WrongChecksum => {
                if let Some(field) = message.fields.get_mut(&62) {
                    spoil_checksum(field);
                }
            }
            Fault::WrongCheckValue => {
                if let Some(byte) = message.fields.get_mut(&62).and_then(|field| field.get_mut(16)) {
                    *byte ^= 0xFF;
                }
            }
            _ => {}
        }
    }
}

/// Changes the last byte of a CA key's checksum (DF03), which ends field 62.
fn spoil_checksum(field: &mut [u8]) {
    let has_checksum = field.iter().rev().nth(22).is_some_and(|tag| *tag == 0xDF);
    if let Some(last) = field.last_mut().filter(|_| has_checksum) {
        *last ^= 0xFF;
    }
}

fn other_last_digit(message: &mut Message, field: u8) {
    if let Some(last) = message.fields.get_mut(&field).and_then(|value| value.last_mut()) {
        *last = if *last == b'9' { b'8' } else { b'9' };
    }
}

/// Faults in the bytes and on the way, after the MAC.
pub(crate) fn deliver(mut answer: Message, faults: &[Fault], numbers: &mut Numbers) -> Vec<Delivery> {
    for fault in faults {
        match fault {
            Fault::WrongMac => {
                if let Some(first) = answer.fields.get_mut(&64).and_then(|mac| mac.first_mut()) {
                    *first = if *first == b'0' { b'1' } else { b'0' };
                }
            }
            Fault::MissingMac => {
                answer.fields.remove(&64);
            }
            _ => {}
        }
    }
    let mut frame = answer.encode();
    for fault in faults {
        match fault {
            Fault::Garble { bytes } => {
                for _ in 0..(*bytes).max(1) {
                    let place = 5 + numbers.below(frame.len().saturating_sub(5));
                    if let Some(byte) = frame.get_mut(place) {
                        *byte ^= u8::try_from(1 + numbers.below(255)).unwrap_or(1);
                    }
                }
            }
            Fault::Truncate { bytes } => frame.truncate(frame.len().saturating_sub(*bytes)),
            _ => {}
        }
    }
    let mut action = Action::Send(frame.clone());
    let mut after_ms = 0;
    let mut again = None;
    for fault in faults {
        match fault {
            Fault::DropAnswer => return Vec::new(),
            Fault::CloseAfter => return vec![Delivery { after_ms: 0, action: Action::Close }],
            Fault::CloseMidway => {
                let bytes = frame.len() / 2;
                action = Action::SendPart { frame: frame.clone(), bytes };
            }
            Fault::SlowBytes { gap_ms } => {
                action = Action::SendSlowly { frame: frame.clone(), gap_ms: *gap_ms };
            }
            Fault::Late { ms } => {
                after_ms += ms;
                action = Action::SendStray(frame.clone());
            }
            Fault::Delay { ms } => after_ms += ms,
            Fault::Duplicate { ms } => again = Some(*ms),
            _ => {}
        }
    }
    let closes = matches!(action, Action::SendPart { .. });
    let mut deliveries = vec![Delivery { after_ms, action: action.clone() }];
    if let Some(ms) = again {
        deliveries.push(Delivery { after_ms: after_ms + ms, action });
    }
    if closes {
        deliveries.push(Delivery { after_ms, action: Action::Close });
        deliveries.sort_by_key(|delivery| delivery.after_ms);
    }
    deliveries
}
