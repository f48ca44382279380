//! A made-up authority, issuer and card that sign: a second reading of Book 2, by the byte offsets of its tables.

use std::collections::BTreeMap;

use num_bigint::BigUint;
use sha1::{Digest as _, Sha1};

use crate::{
    authentication::{DynamicReady, Failure, Offline, prepare_dynamic, verify_dynamic, verify_static},
    configuration::{AuthorityKey, Configuration},
    date::Date,
    hex,
};

/// Two primes and an exponent. The primes were drawn once for these tests and protect nothing.
pub(super) struct Primes(&'static str, &'static str, u32);

/// 141 bytes.
pub(super) const AUTHORITY: Primes = Primes(
    "DA10BA628D685C4A97A4EFE28092E5371A02290DF933C187D86264F21FE58769879414FA7FF080866076880229940CBD1D0F06255A9474E0622E\
     C9971EC48C47FC83907EB1BE9",
    "E542E494795E924A7C0FCF8A14E29CC1CA52E3276B67DEBF9A00ECCD6E855E2A7B8193D28951D3E7998B30E973EFD4235038EEFE5D54E199DB46\
     3391FB0EE2B0A84031E64F031",
    3,
);
/// 119 bytes: 14 of them are a remainder.
pub(super) const ISSUER: Primes = Primes(
    "EE37B55FC23486808000CC04B9E7D533394C0D70D5C73E012FA8C9DBFB50B50D102A59A03BC0F27D71FDDF57AECC36B3A47BA1F2039F12932BFC\
     62D",
    "F1B7E2FA3AC4CC793D7DCDE417444059D05811F8E937148A14F43E063F89805CB29AC0CA25D6EECD7546792D3B582A9733AF453084CFB802941D\
     149",
    65537,
);
/// 96 bytes: it fits into its certificate.
pub(super) const SHORT_ISSUER: Primes = Primes(
    "F83B5E9B3D05D444AE60607E0610EE1B7196D7D1C2751987E213068ACDEBD4B1F56CF7673B0B8891EDE6D1613B18A013",
    "D9B204749415FFD94A64A86C0C9357F53C8815824D7FA666F97C1376FA6B8D7CF84D56DEF182C86B7641C0F6D6ECB6B9",
    3,
);
/// 91 bytes: it has a remainder under either issuer.
pub(super) const CARD: Primes = Primes(
    "FBE49C305255219D8DF72F747DD2A0975C49A22B99890309591B0E5CA7FB339BBE634598801EB5BE4248D724A77",
    "DB83DAE1746AAFA74BE0E4E5897E27AB1C4415E325045582A684DA2879E6AD6839130554212226BFC6C20A13183",
    3,
);
/// 64 bytes: it fits into a certificate of the longer issuer.
pub(super) const SHORT_CARD: Primes = Primes(
    "D889D19082CF8A1F9497A6B58B25586EF9CD7FE79F1554676CE07D8B76A5A8F1",
    "DB84A668F6970604CE0849EFDDB147A9A82DDEF50F33E19FFA64D2DD9C1F4DB3",
    65537,
);

pub(super) struct Rsa {
    modulus: BigUint,
    private: BigUint,
    exponent: u32,
}

impl Rsa {
    pub(super) fn new(primes: &Primes) -> Self {
        let number = |text: &str| BigUint::parse_bytes(text.as_bytes(), 16).unwrap();
        let (p, q) = (number(primes.0), number(primes.1));
        let totient = (&p - 1_u8) * (&q - 1_u8);
        let private = BigUint::from(primes.2).modinv(&totient).unwrap();
        Self { modulus: p * q, private, exponent: primes.2 }
    }

    pub(super) fn size(&self) -> usize {
        self.modulus.to_bytes_be().len()
    }

    pub(super) fn modulus(&self) -> Vec<u8> {
        self.modulus.to_bytes_be()
    }

    pub(super) fn exponent(&self) -> Vec<u8> {
        if self.exponent == 3 { vec![3] } else { vec![1, 0, 1] }
    }

    pub(super) fn sign(&self, block: &[u8]) -> Vec<u8> {
        assert_eq!(block.len(), self.size());
        let signed = BigUint::from_bytes_be(block).modpow(&self.private, &self.modulus).to_bytes_be();
        [vec![0; self.size() - signed.len()], signed].concat()
    }
}

fn sha1(data: &[u8]) -> [u8; 20] {
    Sha1::digest(data).into()
}

/// A change to a block.
pub(super) type Edit = &'static dyn Fn(&mut [u8]);

/// What is done to a block before its hash is made, so that only the change can be at fault, and after it.
pub(super) struct Change {
    pub(super) before: Edit,
    pub(super) after: Edit,
}

pub(super) const AS_IT_IS: Change = Change { before: &|_| {}, after: &|_| {} };

pub(super) fn before(change: Edit) -> Change {
    Change { before: change, ..AS_IT_IS }
}

pub(super) fn after(change: Edit) -> Change {
    Change { after: change, ..AS_IT_IS }
}

/// Writes hash and trailer (the last 21 bytes), and signs. `beside` is hashed too.
fn finish(signer: &Rsa, mut block: Vec<u8>, beside: &[u8], change: &Change) -> Vec<u8> {
    let size = block.len();
    (change.before)(&mut block);
    let hash = sha1(&[&block[1..size - 21], beside].concat());
    block[size - 21..size - 1].copy_from_slice(&hash);
    block[size - 1] = 0xBC;
    (change.after)(&mut block);
    signer.sign(&block)
}

/// Authority, issuer, card, and a terminal that knows the authority.
pub(super) struct World {
    pub(super) authority: Rsa,
    pub(super) issuer: Rsa,
    pub(super) card: Rsa,
    pub(super) configuration: Configuration,
    pub(super) elements: BTreeMap<u32, Vec<u8>>,
    pub(super) records: Vec<u8>,
    pub(super) aip: [u8; 2],
    pub(super) aid: Vec<u8>,
    pub(super) today: Date,
}

pub(super) const RID: [u8; 5] = [0xA0, 0x00, 0x00, 0x03, 0x33];
pub(super) const INDEX: u8 = 0x80;
pub(super) const SERIAL: [u8; 3] = [0x00, 0x12, 0x34];
pub(super) const CODE: [u8; 2] = [0xDA, 0xC0];
pub(super) const NUMBER: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
pub(super) const ASKED: [u8; 4] = [0xCA, 0xFE, 0xBA, 0xBE];

impl World {
    pub(super) fn new() -> Self {
        Self::with(&ISSUER, &CARD)
    }

    pub(super) fn with(issuer: &Primes, card: &Primes) -> Self {
        let mut world = Self {
            authority: Rsa::new(&AUTHORITY),
            issuer: Rsa::new(issuer),
            card: Rsa::new(card),
            configuration: Configuration::unionpay(),
            elements: BTreeMap::new(),
            records: hex::decode("5F24033012315A086212340000000019").unwrap(),
            aip: [0x7C, 0x00],
            aid: hex::decode("A000000333010101").unwrap(),
            today: Date::new(2026, 11, 24).unwrap(),
        };
        world.trust(INDEX, None);
        world.elements.insert(0x5A, hex::decode("6212340000000019").unwrap());
        world.elements.insert(0x8F, vec![INDEX]);
        world.elements.insert(0x9F4A, vec![0x82]);
        world.certify_issuer(&AS_IT_IS);
        world.sign_static(&AS_IT_IS);
        world.certify_card(&AS_IT_IS);
        world
    }

    /// Tells the terminal of the authority's key under this index.
    pub(super) fn trust(&mut self, index: u8, expires: Option<Date>) {
        let (modulus, exponent) = (self.authority.modulus(), self.authority.exponent());
        let checksum = sha1(&[&RID[..], &[index], &modulus, &exponent].concat());
        let key = AuthorityKey::new(RID, index, &modulus, &exponent, &checksum, expires).unwrap();
        self.configuration.authority_keys = vec![key];
    }

    fn signed_data(&self) -> Vec<u8> {
        let named = if self.elements.contains_key(&0x9F4A) { self.aip.to_vec() } else { vec![] };
        [self.records.clone(), named].concat()
    }

    /// Book 2 table 6.
    pub(super) fn certify_issuer(&mut self, change: &Change) {
        let (size, key) = (self.authority.size(), self.issuer.modulus());
        let mut block = vec![0xBB; size];
        block[0] = 0x6A;
        block[1] = 0x02;
        block[2..6].copy_from_slice(&[0x62, 0x12, 0x34, 0xFF]);
        block[6..8].copy_from_slice(&[0x12, 0x30]);
        block[8..11].copy_from_slice(&SERIAL);
        block[11] = 1;
        block[12] = 1;
        block[13] = u8::try_from(key.len()).unwrap();
        block[14] = u8::try_from(self.issuer.exponent().len()).unwrap();
        let here = key.len().min(size - 36);
        block[15..15 + here].copy_from_slice(&key[..here]);
        let beside = [&key[here..], &self.issuer.exponent()].concat();
        self.elements.insert(0x90, finish(&self.authority, block, &beside, change));
        self.elements.insert(0x92, key[here..].to_vec());
        self.elements.insert(0x9F32, self.issuer.exponent());
    }

    /// Book 2 table 3.
    pub(super) fn sign_static(&mut self, change: &Change) {
        let mut block = vec![0xBB; self.issuer.size()];
        block[..3].copy_from_slice(&[0x6A, 0x03, 0x01]);
        block[3..5].copy_from_slice(&CODE);
        self.elements.insert(0x93, finish(&self.issuer, block, &self.signed_data(), change));
    }

    /// Book 2 table 14.
    pub(super) fn certify_card(&mut self, change: &Change) {
        let (size, key) = (self.issuer.size(), self.card.modulus());
        let mut block = vec![0xBB; size];
        block[0] = 0x6A;
        block[1] = 0x04;
        block[2..12].copy_from_slice(&[0x62, 0x12, 0x34, 0x00, 0x00, 0x00, 0x00, 0x19, 0xFF, 0xFF]);
        block[12..14].copy_from_slice(&[0x12, 0x30]);
        block[14..17].copy_from_slice(&[0, 0, 1]);
        block[17] = 1;
        block[18] = 1;
        block[19] = u8::try_from(key.len()).unwrap();
        block[20] = u8::try_from(self.card.exponent().len()).unwrap();
        let here = key.len().min(size - 42);
        block[21..21 + here].copy_from_slice(&key[..here]);
        let beside = [&key[here..], &self.card.exponent(), &self.signed_data()].concat();
        self.elements.insert(0x9F46, finish(&self.issuer, block, &beside, change));
        self.elements.insert(0x9F48, key[here..].to_vec());
        self.elements.insert(0x9F47, self.card.exponent());
    }

    /// Book 2 table 15.
    pub(super) fn sign_dynamic(&self, number: &[u8], asked: &[u8], change: &Change) -> Vec<u8> {
        let mut block = vec![0xBB; self.card.size()];
        block[..3].copy_from_slice(&[0x6A, 0x05, 0x01]);
        block[3] = u8::try_from(number.len() + 1).unwrap();
        block[4] = u8::try_from(number.len()).unwrap();
        block[5..5 + number.len()].copy_from_slice(number);
        finish(&self.card, block, asked, change)
    }

    /// Signs a block of any content, with a good hash.
    pub(super) fn sign_any(signer: &Rsa, format: u8, content: &[u8], beside: &[u8]) -> Vec<u8> {
        let mut block = vec![0xBB; signer.size()];
        block[..2].copy_from_slice(&[0x6A, format]);
        let end = (2 + content.len()).min(signer.size() - 21);
        block[2..end].copy_from_slice(&content[..end - 2]);
        finish(signer, block, beside, &AS_IT_IS)
    }

    fn offline<T>(&self, run: impl FnOnce(&Offline<'_>) -> T) -> T {
        run(&Offline {
            configuration: &self.configuration,
            aid: &self.aid,
            records: &self.records,
            aip: self.aip,
            get: &|tag| self.elements.get(&tag).cloned(),
            today: self.today,
        })
    }

    pub(super) fn static_result(&self) -> Result<[u8; 2], Failure> {
        self.offline(verify_static)
    }

    pub(super) fn card_key(&self) -> Result<DynamicReady, Failure> {
        self.offline(prepare_dynamic)
    }

    pub(super) fn dynamic_result(&self, signature: &[u8]) -> Result<Vec<u8>, Failure> {
        verify_dynamic(&self.card_key()?, &ASKED, signature)
    }
}
