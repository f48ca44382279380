//! The issuer's side of a chip card: PBOC cryptograms (reference: emv.md, "The PBOC cryptogram").

use crate::cipher::{Key, retail_mac, xor};
use crate::tlv::{Object, find};

/// Derives a card's key from the issuer master key: option A of EMV Book 2 Annex A1.4.1.
///
/// `pan` in digits, `sequence` is the PAN sequence number, 0 to 99.
pub fn card_key(issuer_master_key: &[u8; 16], pan: &str, sequence: u8) -> [u8; 16] {
    let digits: Vec<u8> = pan
        .bytes()
        .chain([b'0' + sequence / 10 % 10, b'0' + sequence % 10])
        .map(|digit| digit & 15)
        .collect();
    let mut last = [0u8; 16];
    let kept = digits.len().min(16);
    last[16 - kept..].copy_from_slice(&digits[digits.len() - kept..]);
    let diversifier: [u8; 8] = std::array::from_fn(|place| last[2 * place] << 4 | last[2 * place + 1]);
    let key = Key::Double(*issuer_master_key);
    join(key.encrypt(diversifier), key.encrypt(diversifier.map(|byte| !byte)))
}

/// Derives the session key of one application transaction counter (ATC, tag 9F36).
pub fn session_key(card_key: &[u8; 16], atc: [u8; 2]) -> [u8; 16] {
    let key = Key::Double(*card_key);
    let [high, low] = atc;
    join(key.encrypt([0, 0, 0, 0, 0, 0, high, low]), key.encrypt([0, 0, 0, 0, 0, 0, !high, !low]))
}

fn join(left: [u8; 8], right: [u8; 8]) -> [u8; 16] {
    std::array::from_fn(|place| if place < 8 { left[place] } else { right[place - 8] })
}

/// Tags that the cryptogram covers, in order, with their lengths. Bytes 4 to 7 of 9F10 (CVR) follow.
const COVERED: [(u32, usize); 10] = [
    (0x9F02, 6),
    (0x9F03, 6),
    (0x9F1A, 2),
    (0x95, 5),
    (0x5F2A, 2),
    (0x9A, 3),
    (0x9C, 1),
    (0x9F37, 4),
    (0x82, 2),
    (0x9F36, 2),
];

/// The bytes that an application cryptogram of version 01 covers.
///
/// # Errors
/// The tag that is missing or has the wrong length.
pub fn cryptogram_input(objects: &[Object]) -> Result<Vec<u8>, u32> {
    let mut input = Vec::new();
    for (tag, length) in COVERED {
        input.extend(find(objects, tag).filter(|value| value.len() == length).ok_or(tag)?);
    }
    input.extend(find(objects, 0x9F10).and_then(|data| data.get(3..7)).ok_or(0x9F10_u32)?);
    Ok(input)
}

/// The application cryptogram (ARQC, TC or AAC) over `input`: retail MAC with padding method 2.
pub fn cryptogram(session_key: &[u8; 16], input: &[u8]) -> [u8; 8] {
    let mut padded = input.to_vec();
    padded.push(0x80);
    retail_mac(session_key, &padded)
}

/// The issuer's answer to an ARQC: 3DES(session key, ARQC XOR (response code ‖ 00·6)).
pub fn arpc(session_key: &[u8; 16], arqc: [u8; 8], response_code: [u8; 2]) -> [u8; 8] {
    let [first, second] = response_code;
    Key::Double(*session_key).encrypt(xor(arqc, [first, second, 0, 0, 0, 0, 0, 0]))
}

/// A cryptogram that was right, with what an answer needs.
pub struct Verified {
    /// The session key.
    pub session_key: [u8; 16],
    /// The cryptogram.
    pub cryptogram: [u8; 8],
}

/// Checks tag 9F26 of `objects` (field 55, or the data that went with a TC) as the issuer would.
///
/// # Errors
/// What is missing or wrong, in plain words.
pub fn verify(
    issuer_master_key: &[u8; 16],
    pan: &str,
    sequence: u8,
    objects: &[Object],
) -> Result<Verified, String> {
    let input = cryptogram_input(objects)
        .map_err(|tag| format!("field 55: tag {tag:X} is missing or has the wrong length"))?;
    let atc = find(objects, 0x9F36)
        .and_then(|atc| atc.try_into().ok())
        .ok_or_else(|| "field 55: tag 9F36 is missing".to_owned())?;
    let given: [u8; 8] = find(objects, 0x9F26)
        .and_then(|value| value.try_into().ok())
        .ok_or_else(|| "field 55: tag 9F26 is missing or not 8 bytes".to_owned())?;
    let session_key = session_key(&card_key(issuer_master_key, pan, sequence), atc);
    if cryptogram(&session_key, &input) == given {
        Ok(Verified { session_key, cryptogram: given })
    } else {
        Err("the application cryptogram is wrong".to_owned())
    }
}

/// A harmless issuer script template (71 or 72): PUT DATA of one byte to tag 9F58, with a made-up MAC of
/// four bytes. `id` is tag 9F18. No vector of a real script MAC was found.
pub fn script(template: u32, id: [u8; 4], session_key: &[u8; 16]) -> Vec<u8> {
    let header = [0x04, 0xDA, 0x9F, 0x58, 0x05, 0x03];
    let mac = retail_mac(session_key, &header);
    let mut command = header.to_vec();
    command.extend(&mac[..4]);
    let mut inner = Vec::new();
    crate::tlv::push(&mut inner, 0x9F18, &id);
    crate::tlv::push(&mut inner, 0x86, &command);
    let mut out = Vec::new();
    crate::tlv::push(&mut out, template, &inner);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{hex, key, unhex};
    use crate::tlv;

    const UDK: &str = "0D2E3CB0BC1F9E03AED58F663A2F9679";

    #[test]
    fn worked_example_session_key_and_arqc() {
        let session = session_key(&key("UDK", UDK).unwrap(), [0x00, 0x0E]);
        assert_eq!(hex(&session), "C3D3F062E9992B4E923D338D66193526");
        let input =
            unhex("000000001234 000000000034 0156 D86004A800 0156 120516 01 01010101 7C00 000E 03A4B904")
                .unwrap();
        assert_eq!(hex(&cryptogram(&session, &input)), "F294D7022FA9B058");
    }

    #[test]
    fn worked_example_from_field_55_tags() {
        let field = unhex("9F3602000E 82027C00 9F3704 01010101 9C0101 9A03120516 5F2A020156 9505D86004A800 9F1A020156 9F0306000000000034 9F0206000000001234 9F100807010103A4B90401").unwrap();
        let input = cryptogram_input(&tlv::parse(&field).unwrap()).unwrap();
        let session = session_key(&key("UDK", UDK).unwrap(), [0x00, 0x0E]);
        assert_eq!(hex(&cryptogram(&session, &input)), "F294D7022FA9B058");
        let short = tlv::parse(&field[5..]).unwrap();
        assert_eq!(cryptogram_input(&short), Err(0x9F36));
    }

    #[test]
    fn arpc_takes_the_response_code_in_front() {
        let session = session_key(&key("UDK", UDK).unwrap(), [0x00, 0x0E]);
        let arqc: [u8; 8] = unhex("F294D7022FA9B058").unwrap().try_into().unwrap();
        let answer = arpc(&session, arqc, *b"00");
        assert_eq!(hex(&Key::Double(session).decrypt(answer)), "C2A4D7022FA9B058");
    }

    #[test]
    fn option_a_takes_the_last_sixteen_digits() {
        let master = key("IMK", "2B7E4C19A3D05F8861F4029CB7E53D1A").unwrap();
        let plain = Key::Double(master);
        let derived = card_key(&master, "6212340000000019", 1);
        let left: [u8; 8] = unhex("1234000000001901").unwrap().try_into().unwrap();
        let right: [u8; 8] = unhex("EDCBFFFFFFFFE6FE").unwrap().try_into().unwrap();
        assert_eq!(derived[..8], plain.encrypt(left));
        assert_eq!(derived[8..], plain.encrypt(right));
        assert_eq!(
            card_key(&master, "123456789012", 7)[..8],
            plain.encrypt(unhex("0012345678901207").unwrap().try_into().unwrap())
        );
    }

    #[test]
    fn scripts_are_nested_templates() {
        let template = tlv::parse(&script(0x71, [1, 2, 3, 4], &[9; 16])).unwrap();
        assert_eq!(template[0].tag, 0x71);
        let inner = tlv::parse(&template[0].value).unwrap();
        assert_eq!(tlv::find(&inner, 0x9F18), Some([1, 2, 3, 4].as_slice()));
        assert_eq!(tlv::find(&inner, 0x86).unwrap().len(), 10);
    }
}
