//! The records of an application and the file locator that leads to them.

use crate::hex::compressed;
use crate::issuer;
use crate::profile::{Application, OfflineAuthentication};
use crate::tlv;

/// Data authentication code (9F45) in the signed static data.
const AUTHENTICATION_CODE: [u8; 2] = [0xDA, 0xC1];

/// One record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Short file identifier, 1-30.
    pub sfi: u8,
    /// Record number from 1.
    pub number: u8,
    /// The AFL counts it among the records for offline data authentication.
    pub signed: bool,
    /// The whole record, template 70 included.
    pub content: Vec<u8>,
}

impl Application {
    /// The records: the profile's own layout, or the standard one with its certificates.
    pub fn records(&self) -> Vec<Record> {
        self.layout.clone().unwrap_or_else(|| self.standard_records())
    }

    /// The application file locator (94): consecutive records of one file make one entry.
    pub fn afl(&self) -> Vec<u8> {
        let mut entries: Vec<[u8; 4]> = Vec::new();
        for record in self.records() {
            let sfi = record.sfi << 3;
            let signed = u8::from(record.signed);
            match entries.last_mut() {
                Some([file, first, last, count])
                    if *file == sfi
                        && *last + 1 == record.number
                        && (!record.signed || *count == *last + 1 - *first) =>
                {
                    *last = record.number;
                    *count += signed;
                }
                _ => entries.push([sfi, record.number, record.number, signed]),
            }
        }
        self.value(0x94, Some(entries.concat())).unwrap_or_default()
    }

    fn standard_records(&self) -> Vec<Record> {
        let track = format!("{}D{}{}1230000", self.pan, &digits(&self.expiry)[..4], self.service_code);
        let cardholder =
            self.template(&[(0x57, compressed(&track)), (0x5F20, self.cardholder.clone().into_bytes())]);
        let signed = self.template(&[
            (0x5A, compressed(&self.pan)),
            (0x5F34, packed(self.sequence)),
            (0x5F24, compressed(digits(&self.expiry))),
            (0x5F25, compressed(digits(&self.effective))),
            (0x5F28, self.country.to_vec()),
            (0x9F07, self.usage_control.to_vec()),
            (0x8E, self.cvm_list.encode()),
            (0x9F0D, self.iac_default.to_vec()),
            (0x9F0E, self.iac_denial.to_vec()),
            (0x9F0F, self.iac_online.to_vec()),
            (0x9F4A, vec![0x82]),
        ]);
        let mut risk = vec![
            (0x8C, self.cdol1.clone()),
            (0x8D, self.second_list()),
            (0x9F08, self.version.to_vec()),
            (0x5F30, compressed(&format!("{:0>4}", self.service_code))),
            (0x9F42, self.currency.to_vec()),
        ];
        if let Some([lower, upper]) = self.offline_limits {
            risk.push((0x9F14, vec![lower]));
            risk.push((0x9F23, vec![upper]));
        }
        let mut risk = self.objects(&risk);
        risk.extend(self.extra.iter().flat_map(|(tag, value)| tlv::object(*tag, value)));

        let mut records = vec![
            Record { sfi: 1, number: 1, signed: false, content: cardholder },
            Record { sfi: self.signed_sfi, number: 1, signed: true, content: signed.clone() },
            Record { sfi: 3, number: 1, signed: false, content: tlv::object(0x70, &risk) },
        ];
        if self.authentication != OfflineAuthentication::None {
            let static_data = self.static_data(&signed);
            for (content, number) in self.certificates(&static_data).into_iter().zip(1..) {
                records.push(Record { sfi: 4, number, signed: false, content });
            }
        }
        records
    }

    /// What is signed: the record (without tag and length in SFI 1-10, Book 3 §10.3) and the AIP.
    fn static_data(&self, record: &[u8]) -> Vec<u8> {
        let mut data = match tlv::first(record) {
            Some((_, content, _)) if self.signed_sfi <= 10 => content.to_vec(),
            _ => record.to_vec(),
        };
        data.extend_from_slice(&self.aip());
        data
    }

    fn certificates(&self, static_data: &[u8]) -> Vec<Vec<u8>> {
        let issuer = issuer::issuer_certificate(&self.pan);
        let mut records = vec![
            self.template(&[
                (0x8F, vec![issuer::AUTHORITY_INDEX]),
                (0x9F32, issuer.exponent),
                (0x92, issuer.remainder),
            ]),
            self.template(&[(0x90, issuer.certificate)]),
        ];
        if self.authentication.has_key() {
            let card = issuer::card_certificate(&self.pan, static_data);
            let mut objects =
                vec![(0x9F46, card.certificate), (0x9F47, card.exponent), (0x9F48, card.remainder)];
            if let Some(list) = &self.ddol {
                objects.push((0x9F49, list.clone()));
            }
            records.push(self.template(&objects));
            if self.pin_certificate {
                let pin = issuer::pin_certificate(&self.pan);
                let objects = [(0x9F2D, pin.certificate), (0x9F2E, pin.exponent), (0x9F2F, pin.remainder)];
                records.push(self.template(&objects));
            }
        } else {
            records
                .push(self.template(&[(0x93, issuer::signed_static_data(AUTHENTICATION_CODE, static_data))]));
        }
        records
    }

    pub(crate) fn template(&self, objects: &[(u32, Vec<u8>)]) -> Vec<u8> {
        tlv::object(0x70, &self.objects(objects))
    }

    fn objects(&self, objects: &[(u32, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (tag, standard) in objects {
            if let Some(value) = self.value(*tag, Some(standard.clone())) {
                out.extend_from_slice(&tlv::object(*tag, &value));
            }
        }
        out
    }
}

/// Six digits, or zeros where the profile gives fewer.
pub(crate) fn digits(date: &str) -> &str {
    date.get(..6).unwrap_or("000000")
}

pub(crate) fn packed(number: u8) -> Vec<u8> {
    vec![((number / 10 % 10) << 4) | (number % 10)]
}
