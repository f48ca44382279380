//! What no file, no memory and no message may hold (rule 10).

use posd_system_tests::{
    House, PAN,
    search::{Needle, packed},
};
use serde_json::json;

/// A PIN that stands nowhere by chance; the issuer calls it wrong.
pub(crate) const PIN: &str = "847362910584";
/// The terminal master key of simulator and acquirer.
const MASTER_KEY: &str = "5D3B7A1C9E2F48608CA4B6D01357F92E";

/// The PIN and its clear block (ISO 9564 format 0): length and digits, against the last twelve digits of the PAN.
pub(crate) fn pin_needles() -> Vec<Needle> {
    let block = packed(&format!("0C{PIN}FF"));
    let account = packed(&format!("0000{}", &PAN[3..15]));
    let bound = block.iter().zip(&account).map(|(pin, pan)| pin ^ pan).collect();
    vec![
        ("PIN as text", PIN.into()),
        ("PIN as text, 16 bit", PIN.bytes().flat_map(|digit| [digit, 0]).collect()),
        ("PIN packed", packed(PIN)),
        ("PIN as numbers", PIN.bytes().map(|digit| digit - b'0').collect()),
        ("PIN block before the PAN", block),
        ("PIN block in clear", bound),
    ]
}

/// The terminal master key and the work keys of now.
pub(crate) fn key_needles(house: &House) -> Vec<Needle> {
    let keys = house.host(json!({"keys": true}));
    let keys = keys["keys"]["00000001"].as_array().unwrap();
    let mut needles: Vec<Needle> =
        vec![("master key", packed(MASTER_KEY)), ("master key as text", MASTER_KEY.into())];
    for (name, key) in ["PIN key", "MAC key"].into_iter().zip(keys) {
        needles.push((name, packed(key.as_str().unwrap())));
    }
    needles
}

/// What the test card holds.
pub(crate) fn card_needles() -> Vec<Needle> {
    vec![
        ("PAN as text", PAN.into()),
        ("PAN packed", packed(PAN)),
        ("track 2 as text", format!("{PAN}D").into()),
        ("track 2 packed", packed(&format!("{PAN}D301"))),
    ]
}
