//! What a terminal can download: parameters, CA keys, AIDs, the blacklist, contactless parameters.

use std::collections::BTreeMap;

use encoding_rs::GBK;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use crate::settings::{SettingsError, unhex};
use crate::tlv;

/// A certification authority's public key. Everything but the expiry in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityKey {
    /// Registered application provider, 9F06: 5 bytes.
    pub rid: String,
    /// Index, 9F22: 1 byte.
    pub index: String,
    /// Modulus, DF02.
    pub modulus: String,
    /// Exponent, DF04.
    pub exponent: String,
    /// Last day of use, DF05: YYYYMMDD.
    pub expiry: String,
}

/// What a terminal can download.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Downloads {
    /// Terminal parameters by two-digit tag (reference 4, "Host parameters"): value in text, sent in GBK.
    pub parameters: BTreeMap<String, String>,
    /// CA keys.
    pub keys: Vec<AuthorityKey>,
    /// AID entries: the whole data objects in hexadecimal, 9F06 first.
    pub aids: Vec<String>,
    /// Card numbers that no terminal may accept offline.
    pub blacklist: Vec<String>,
    /// Contactless parameters: the whole data objects in hexadecimal.
    pub contactless: Vec<String>,
    /// Entries in one answer, at least 1.
    pub page: usize,
}

const MODULUS: &str = "BA89BBF368A10DD24148B98062204B647838F48995CDFF9EB6A62C235E73B91B610690EFA3E0D754A4FCA1B7B9306AD9D4D20485516C5D97AB0AAE60F9FFE0EA1BFEF22D9257FC1D6F0B3E00F63716440BB4807094A40C2A81C3D646CBB17395FDBEE8F95B5A0C2B348C3771A0810E72D1C1641A03D844C0ED997C40FBE78878C5B3B93091616D3335AFE93D7E86A49A234C214FE4890076971322C9B0A80138186DAC109FABD2F71EE4E80D83C9D0C9";

impl Default for Downloads {
    fn default() -> Self {
        let parameters = [
            ("11", "60"),
            ("12", "60"),
            ("13", "3"),
            ("18", "1"),
            ("19", "10"),
            ("20", "1"),
            ("21", "0"),
            ("22", "测试商户                                "),
            ("23", "3"),
            ("24", "1"),
        ];
        let aid = |suffix: &str| {
            format!(
                "9F0608A000000333{suffix}DF0101009F08020020DF1105D84000A800DF1205D84004F800DF130500100000009F1B0400000000DF150400000000DF160199DF170199DF14039F3704DF1801019F7B06000000100000DF1906000000000000DF2006000000100000DF2106000000100000"
            )
        };
        Self {
            parameters: parameters.map(|(tag, value)| (tag.to_owned(), value.to_owned())).into(),
            keys: vec![AuthorityKey {
                rid: "A000000333".into(),
                index: "F1".into(),
                modulus: MODULUS.into(),
                exponent: "03".into(),
                expiry: "20351231".into(),
            }],
            aids: ["010101", "010102"].map(aid).into(),
            blacklist: vec!["6212340000000993".into()],
            contactless: vec![
                "FF805D0101".into(),
                "FF805806000000100000".into(),
                "FF805906000000100000".into(),
            ],
            page: 8,
        }
    }
}

impl AuthorityKey {
    /// 9F06, 9F22 and DF05, as a list names a key.
    fn name(&self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        tlv::push(&mut out, 0x9F06, &unhex(&self.rid).filter(|rid| rid.len() == 5)?);
        tlv::push(&mut out, 0x9F22, &unhex(&self.index).filter(|index| index.len() == 1)?);
        tlv::push(&mut out, 0xDF05, self.expiry.as_bytes());
        (self.expiry.len() == 8).then_some(out)
    }

    /// All of it, with its checksum: SHA-1 over RID, index, modulus and exponent (EMV Book 2, 11.2).
    fn item(&self) -> Option<Vec<u8>> {
        let (modulus, exponent) = (unhex(&self.modulus)?, unhex(&self.exponent)?);
        let mut hash = Sha1::new();
        for part in [&unhex(&self.rid)?, &unhex(&self.index)?, &modulus, &exponent] {
            hash.update(part);
        }
        let checksum: [u8; 20] = hash.finalize().into();
        let mut out = self.name()?;
        tlv::push(&mut out, 0xDF06, &[1]);
        tlv::push(&mut out, 0xDF07, &[1]);
        tlv::push(&mut out, 0xDF02, &modulus);
        tlv::push(&mut out, 0xDF04, &exponent);
        tlv::push(&mut out, 0xDF03, &checksum);
        Some(out)
    }
}

impl Downloads {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let wrong = |what: &str| Err(SettingsError(format!("downloads: {what}")));
        if self.keys.iter().any(|key| key.item().is_none()) {
            return wrong(
                "a key has RID (5 bytes), index (1), modulus, exponent in hexadecimal and YYYYMMDD",
            );
        }
        if self.aids.iter().any(|aid| aid_name(aid).is_none()) {
            return wrong("an AID entry is data objects in hexadecimal, 9F06 first");
        }
        if self.contactless.iter().any(|entry| unhex(entry).is_none_or(|bytes| tlv::parse(&bytes).is_err())) {
            return wrong("contactless parameters are data objects in hexadecimal");
        }
        if self.parameters.keys().any(|tag| tag.len() != 2) {
            return wrong("a parameter has a tag of two digits");
        }
        if self.page == 0 { wrong("page: give at least 1") } else { Ok(()) }
    }

    /// Field 62 of the answer to a CA key query, from the key `from` on.
    pub(crate) fn key_page(&self, from: usize) -> Vec<u8> {
        self.page(&self.keys.iter().filter_map(AuthorityKey::name).collect::<Vec<_>>(), from)
    }

    /// Field 62 of the answer to an AID query.
    pub(crate) fn aid_page(&self, from: usize) -> Vec<u8> {
        self.page(&self.aids.iter().filter_map(|aid| aid_name(aid)).collect::<Vec<_>>(), from)
    }

    /// Field 62 of a blacklist: each number after its length in two digits (this host's own form).
    pub(crate) fn blacklist_page(&self, from: usize) -> Vec<u8> {
        let entries = self.blacklist.iter().map(|pan| format!("{:02}{pan}", pan.len()).into_bytes());
        self.page(&entries.collect::<Vec<_>>(), from)
    }

    /// Field 62 of contactless parameters.
    pub(crate) fn contactless_page(&self, from: usize) -> Vec<u8> {
        self.page(&self.contactless.iter().filter_map(|entry| unhex(entry)).collect::<Vec<_>>(), from)
    }

    /// Field 62 of parameters: every tag and its value.
    pub(crate) fn parameter_page(&self) -> Vec<u8> {
        let mut entry = Vec::new();
        for (tag, value) in &self.parameters {
            entry.extend(tag.as_bytes());
            entry.extend(GBK.encode(value).0.iter());
        }
        let entries = if entry.is_empty() { Vec::new() } else { vec![entry] };
        self.page(&entries, 0)
    }

    /// Field 62 of one CA key: `1` and the key, or `0`.
    pub(crate) fn key_item(&self, name: &[u8]) -> Vec<u8> {
        let found = self.keys.iter().find(|key| key.name().is_some_and(|known| known.starts_with(name)));
        one(found.filter(|_| name.len() == 12).and_then(AuthorityKey::item))
    }

    /// Field 62 of one AID entry.
    pub(crate) fn aid_item(&self, name: &[u8]) -> Vec<u8> {
        let found = self.aids.iter().find(|aid| aid_name(aid).as_deref() == Some(name));
        one(found.and_then(|aid| unhex(aid)))
    }

    /// `1`: all of it is here; `2`: more follows; `3`: the last part; `0`: nothing.
    fn page(&self, entries: &[Vec<u8>], from: usize) -> Vec<u8> {
        let end = entries.len().min(from + self.page);
        let Some(part) = entries.get(from..end).filter(|part| !part.is_empty()) else { return b"0".to_vec() };
        let flag = match (from, end == entries.len()) {
            (0, true) => b'1',
            (_, true) => b'3',
            (_, false) => b'2',
        };
        [vec![flag], part.concat()].concat()
    }
}

/// 9F06 of an AID entry.
fn aid_name(entry: &str) -> Option<Vec<u8>> {
    let objects = unhex(entry).and_then(|bytes| tlv::parse(&bytes).ok())?;
    let first = objects.first().filter(|first| first.tag == 0x9F06)?;
    let mut out = Vec::new();
    tlv::push(&mut out, first.tag, &first.value);
    Some(out)
}

fn one(item: Option<Vec<u8>>) -> Vec<u8> {
    item.map_or_else(|| b"0".to_vec(), |item| [vec![b'1'], item].concat())
}
