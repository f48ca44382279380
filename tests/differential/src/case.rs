//! Generated cases: a card, a terminal, a transaction, a cardholder and a host.

use posd_card::{
    Application, CvmList, FirstCryptogram, Format, IssuerAuthentication, OfflineAuthentication, Profile,
    Transport, issuer,
};

/// A generator whose numbers follow from the seed alone (xorshift64*).
#[derive(Debug, Clone)]
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    fn once_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Action codes: mostly few bits, sometimes none or all.
    fn code(&mut self) -> [u8; 5] {
        match self.below(4) {
            0 => [0; 5],
            1 => [0xFF; 5],
            _ => std::array::from_fn(|_| (self.next() & self.next() & self.next()) as u8),
        }
    }
}

/// What the host does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// It answers with a response code, and with issuer authentication data (9F) that are good, bad or not there.
    Answers {
        /// Field 39: `00` approves.
        code: [u8; 2],
        /// The data: `None` for none, else whether they are good.
        authentic: Option<bool>,
        /// It sends scripts: 71, 72.
        scripts: [bool; 2],
    },
    /// It cannot be reached.
    Unreachable,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it was made from.
    pub seed: u64,
    /// The card.
    pub profile: Profile,
    /// 9F33.
    pub capabilities: [u8; 3],
    /// Terminal action codes: denial, online, default.
    pub action_codes: [[u8; 5]; 3],
    /// 9F1B.
    pub floor_limit: u32,
    /// Random selection: threshold, target, maximum.
    pub selection: (u32, u8, u8),
    /// 9F09.
    pub version: [u8; 2],
    /// 9F02, minor units.
    pub amount: u64,
    /// Year, month, day of the transaction, without century.
    pub date: [u8; 3],
    /// Unpredictable number.
    pub number: [u8; 4],
    /// The number for random selection, 1 to 99.
    pub drawn: u8,
    /// The terminal knows the card's authority.
    pub knows_authority: bool,
    /// What the cardholder types.
    pub pin: &'static str,
    /// What the host does.
    pub host: Host,
}

const RULES: [u8; 8] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x1E, 0x1F, 0x00];
const CONDITIONS: [u8; 10] = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09];
/// What a card may lack without being broken.
const OPTIONAL: [u32; 14] =
    [0x8F, 0x90, 0x92, 0x9F32, 0x9F46, 0x9F47, 0x9F49, 0x9F4A, 0x93, 0x8E, 0x9F07, 0x5F28, 0x9F0D, 0x9F0E];

impl Case {
    /// The case of a seed.
    pub fn new(seed: u64) -> Case {
        let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..4 {
            numbers.next();
        }
        let mut application = if numbers.once_in(2) { Application::debit() } else { Application::credit() };
        personalise(&mut application, &mut numbers);
        let mut profile = Profile::of(vec![application]);
        profile.transport = numbers.pick(&[Transport::T0, Transport::T1]);
        // How often a wrong PIN may be typed again is the terminal's affair, not the kernel's.
        let pin = numbers.pick(&["1234", "1234", "9999"]);
        profile.pin_tries = if pin == "1234" { numbers.pick(&[0, 1, 3]) } else { numbers.pick(&[0, 1]) };
        let floor_limit = numbers.pick(&[0, 1_000, 5_000, 100_000]);
        Case {
            seed,
            profile,
            capabilities: [
                0xE0,
                numbers.pick(&[0xF8, 0xE8, 0x68, 0xB8, 0x28, 0x20, 0x08]),
                numbers.pick(&[0xC8, 0xC0, 0x80, 0x40, 0x08, 0x00]),
            ],
            action_codes: [numbers.code(), numbers.code(), numbers.code()],
            floor_limit,
            selection: if floor_limit > 1_000 && numbers.once_in(2) { (500, 20, 70) } else { (0, 0, 0) },
            version: numbers.pick(&[[0x00, 0x30], [0x00, 0x20]]),
            amount: numbers.pick(&[1, 999, 1_000, 1_001, 4_999, 50_000, 100_000]),
            date: numbers.pick(&[
                [26, 11, 24],
                [30, 12, 31],
                [31, 1, 1],
                [19, 12, 31],
                [20, 1, 1],
                [35, 12, 31],
            ]),
            number: (numbers.next() as u32).to_be_bytes(),
            drawn: numbers.below(99) as u8 + 1,
            knows_authority: !numbers.once_in(8),
            pin,
            host: if numbers.once_in(4) {
                Host::Unreachable
            } else {
                Host::Answers {
                    code: numbers.pick(&[*b"00", *b"00", *b"05"]),
                    authentic: numbers.pick(&[None, Some(true), Some(true), Some(false)]),
                    scripts: [numbers.once_in(3), numbers.once_in(3)],
                }
            },
        }
    }

    /// The issuer's authentication data over a request cryptogram.
    pub fn issuer_authentication(&self, cryptogram: [u8; 8], counter: u16) -> Option<Vec<u8>> {
        let Host::Answers { code, authentic, .. } = self.host else { return None };
        let application = self.profile.applications.first()?;
        let key = issuer::card_key(&self.profile.master_key, &application.pan, application.sequence);
        let mut data = issuer::arpc(&key, counter, cryptogram, code).to_vec();
        data.extend_from_slice(&code);
        authentic.map(|good| {
            if !good {
                data[0] ^= 1;
            }
            data
        })
    }
}

/// A script: its identifier, and an APPLICATION BLOCK or PUT DATA that the card takes, or one that it does not know.
pub fn script(good: bool) -> Vec<u8> {
    let command: &[u8] = if good {
        &[0x04, 0xDA, 0x9F, 0x79, 0x0A, 0, 0, 0, 1, 0, 0, 0xAA, 0xBB, 0xCC, 0xDD]
    } else {
        &[0x84, 0x24, 0x09, 0x09, 0x04, 0xAA, 0xBB, 0xCC, 0xDD]
    };
    let mut value = vec![0x9F, 0x18, 4, 0, 0, 0, 7, 0x86, command.len() as u8];
    value.extend_from_slice(command);
    value
}

fn personalise(application: &mut Application, numbers: &mut Numbers) {
    application.authentication = numbers.pick(&[
        OfflineAuthentication::None,
        OfflineAuthentication::Static,
        OfflineAuthentication::Dynamic,
        OfflineAuthentication::Combined,
        OfflineAuthentication::Combined,
    ]);
    application.pin_certificate = numbers.once_in(2);
    application.issuer_authentication = numbers.pick(&[
        IssuerAuthentication::None,
        IssuerAuthentication::ExternalAuthenticate,
        IssuerAuthentication::SecondGenerate,
    ]);
    application.issuer_authentication_mandatory = numbers.once_in(4);
    application.options_format = numbers.pick(&[Format::Plain, Format::Tagged]);
    application.cryptogram_format = numbers.pick(&[Format::Plain, Format::Tagged]);
    application.first_cryptogram = numbers.pick(&[
        FirstCryptogram::AsAsked,
        FirstCryptogram::AsAsked,
        FirstCryptogram::Online,
        FirstCryptogram::Decline,
    ]);
    application.cvm_list = CvmList {
        x: numbers.pick(&[0, 1_000, 5_000]),
        y: numbers.pick(&[0, 1_000, 50_000]),
        rules: (0..numbers.below(8).min(4))
            .map(|_| {
                let next = if numbers.once_in(2) { 0x40 } else { 0 };
                [numbers.pick(&RULES) | next, numbers.pick(&CONDITIONS)]
            })
            .collect(),
    };
    application.iac_denial = if numbers.once_in(3) { numbers.code() } else { [0; 5] };
    application.iac_online = numbers.code();
    application.iac_default = numbers.code();
    application.offline_limits = numbers.pick(&[None, Some([0, 0]), Some([2, 4]), Some([0, 9])]);
    application.counters_readable = !numbers.once_in(4);
    application.version = numbers.pick(&[[0x00, 0x30], [0x00, 0x20]]);
    application.usage_control =
        numbers.pick(&[[0xFF, 0x80], [0xFF, 0xC0], [0x00, 0x00], [0x01, 0x00], [0x29, 0x00], [0x15, 0x40]]);
    application.country = numbers.pick(&[[0x01, 0x56], [0x01, 0x56], [0x08, 0x40]]);
    application.currency = numbers.pick(&[[0x01, 0x56], [0x01, 0x56], [0x08, 0x40]]);
    application.effective =
        if numbers.once_in(10) { "950701" } else { numbers.pick(&["200101", "261125", "261124"]) }.to_owned();
    application.expiry =
        if numbers.once_in(10) { "500101" } else { numbers.pick(&["301231", "261124", "261123", "491231"]) }
            .to_owned();
    application.signed_sfi = numbers.pick(&[2, 10, 11, 30]);
    if numbers.once_in(3) {
        application.pdol = None;
    }
    if numbers.once_in(4) {
        application.ddol =
            numbers.pick(&[None, Some(&[0x9F, 0x37, 4, 0x9F, 0x02, 6][..])]).map(<[u8]>::to_vec);
    }
    if application.authentication == OfflineAuthentication::Combined {
        // Such a signature covers CDOL2, and the other kernel leaves 8A and 91 out of it.
        application.cdol2.drain(..2);
        if application.issuer_authentication == IssuerAuthentication::SecondGenerate {
            application.issuer_authentication = IssuerAuthentication::None;
        }
    }
    if numbers.once_in(4) {
        application.omit(numbers.pick(&OPTIONAL));
    }
}
