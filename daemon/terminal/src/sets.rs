//! What the host has sent down (下载): terminal parameters, CA keys, card applications, contactless parameters, the
//! blacklist. A set is stored whole or not at all, and is in force from the commit that stores it.

use crate::{
    record::{Sealed, WallTime},
    state::words,
};
use posd_emv::{
    configuration::{
        Application, AuthorityKey, Configuration, Contactless, ContactlessLimits, RandomSelection,
    },
    date::Date,
    hex::{Bytes, Fixed},
};
use posd_unionpay::{
    Kind,
    download::{AidParameters, BlockedCard, CaKey, ContactlessParameters, Parameters},
};
use posd_vault_protocol::Secret;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

words! {
    /// What can be downloaded, or sent up.
    DownloadSet {
        /// 终端参数 (360, 361).
        Parameters = "parameters",
        /// IC卡公钥 (372, 370, 371).
        CaKeys = "ca-keys",
        /// IC卡参数 (382, 380, 381).
        Aids = "aids",
        /// 非接业务参数 (394, 395).
        Contactless = "contactless",
        /// 黑名单 (390, 391).
        Blacklist = "blacklist",
        /// 参数上送 (362): the terminal tells the host what is in force. Nothing is stored.
        ParametersUpload = "parameters-upload",
    }
}

words! {
    /// How a set stands.
    DownloadStage {
        /// Never downloaded: what the configuration file says is in force.
        None = "none",
        /// Asked for; waits until the terminal is idle.
        Waiting = "waiting",
        /// Being downloaded. What was in force before still is.
        Running = "running",
        /// Stored, whole, and in force.
        Applied = "applied",
        /// The last try failed. What was in force before still is.
        Failed = "failed",
    }
}

/// One set as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSet {
    /// Which.
    pub set: DownloadSet,
    /// When it was whole.
    pub taken: WallTime,
    /// The host has answered that it knows the set to be in use.
    pub confirmed: bool,
    /// What it holds.
    pub content: SetContent,
}

/// What a set holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetContent {
    /// Terminal parameters.
    Parameters(Box<Parameters>),
    /// CA keys, each with a right checksum.
    CaKeys(Vec<CaKey>),
    /// Card applications.
    Aids(Vec<AidParameters>),
    /// Contactless parameters.
    Contactless(Box<ContactlessParameters>),
    /// Card numbers that are refused, or their first digits: sealed (rule 10), as they name cards.
    Blacklist {
        /// How many.
        count: u32,
        /// The numbers.
        cards: Sealed,
    },
}

impl StoredSet {
    /// How many entries it holds.
    pub(crate) fn entries(&self) -> u32 {
        let count = match &self.content {
            SetContent::Parameters(_) | SetContent::Contactless(_) => 1,
            SetContent::CaKeys(keys) => keys.len(),
            SetContent::Aids(aids) => aids.len(),
            SetContent::Blacklist { count, .. } => return *count,
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// Card numbers in clear, in memory only.
#[derive(Debug)]
pub(crate) enum Blacklist {
    /// None was downloaded.
    None,
    /// Stored, and not opened by the vault yet, or not openable.
    Closed,
    /// In use.
    Open(Vec<BlockedCard>),
}

/// What is in force: the configuration file's, and over it what was downloaded.
#[derive(Debug)]
pub(crate) struct InForce {
    base: Arc<Configuration>,
    pub(crate) stored: Vec<StoredSet>,
    /// What the card kernel is told.
    pub(crate) card: Arc<Configuration>,
    pub(crate) blacklist: Blacklist,
}

impl InForce {
    pub(crate) fn new(base: Arc<Configuration>) -> InForce {
        InForce { card: Arc::clone(&base), base, stored: Vec::new(), blacklist: Blacklist::None }
    }

    /// Takes a set over in the place of the older one. What a kernel cannot be told is refused, and nothing changes.
    pub(crate) fn take(&mut self, set: StoredSet) -> Result<(), NotUsable> {
        let mut stored: Vec<StoredSet> = self.stored.clone();
        stored.retain(|other| other.set != set.set);
        stored.push(set);
        self.card = Arc::new(merged(&self.base, &stored)?);
        self.stored = stored;
        Ok(())
    }

    /// Whether the sets would serve with this one in the place of the older.
    pub(crate) fn would_serve(&self, content: &SetContent) -> Result<(), NotUsable> {
        let mut card = Configuration::clone(&self.card);
        apply(content, &self.base, &mut card)?;
        check(&card)
    }

    pub(crate) fn of(&self, set: DownloadSet) -> Option<&StoredSet> {
        self.stored.iter().find(|stored| stored.set == set)
    }

    /// The host's parameters.
    pub(crate) fn parameters(&self) -> Option<&Parameters> {
        match &self.of(DownloadSet::Parameters)?.content {
            SetContent::Parameters(parameters) => Some(parameters),
            _ => None,
        }
    }

    /// Whether the host's parameters let a kind be done at all.
    pub(crate) fn allows(&self, kind: Kind) -> bool {
        let Some(parameters) = self.parameters() else { return true };
        if kind == Kind::Tip && parameters.tips == Some(false) {
            return false;
        }
        let Some(switches) = parameters.switches else { return true };
        match kind {
            Kind::Sale => switches.sale(),
            Kind::Void => switches.void(),
            Kind::Refund => switches.refund(),
            Kind::PreAuth => switches.pre_auth(),
            Kind::PreAuthCancel => switches.pre_auth_cancel(),
            Kind::Completion => switches.completion(),
            Kind::CompletionCancel => switches.completion_cancel(),
            Kind::CompletionAdvice => switches.completion_advice(),
            Kind::BalanceInquiry => switches.balance(),
            Kind::Tip => switches.adjustment(),
            Kind::OfflineSale => switches.offline_sale(),
            // The host has no switch for these.
            Kind::Instalment | Kind::PhoneOrder | Kind::QrScan | Kind::QrShow => true,
        }
    }

    /// Whether the blacklist has a card.
    pub(crate) fn blocks(&self, pan: &str) -> bool {
        matches!(&self.blacklist, Blacklist::Open(cards) if cards.iter().any(|card| card.covers(pan)))
    }
}

/// The blacklist as it is sealed: its numbers, each with a comma behind it.
pub(crate) fn to_seal(cards: &[BlockedCard]) -> Secret {
    let mut clear = Vec::with_capacity(cards.len() * 21);
    for card in cards {
        clear.extend_from_slice(card.reveal().as_bytes());
        clear.push(b',');
    }
    Secret::new(clear)
}

pub(crate) fn unseal(clear: &Secret) -> Option<Vec<BlockedCard>> {
    let text = std::str::from_utf8(clear.expose()).ok()?;
    text.split_terminator(',').map(BlockedCard::new).collect()
}

/// A downloaded set that the card kernel cannot work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotUsable {
    /// A CA key's checksum is wrong.
    Checksum,
    /// Anything else.
    Content,
}

fn merged(base: &Configuration, stored: &[StoredSet]) -> Result<Configuration, NotUsable> {
    let mut card = base.clone();
    for set in stored {
        apply(&set.content, base, &mut card)?;
    }
    check(&card)?;
    Ok(card)
}

fn check(card: &Configuration) -> Result<(), NotUsable> {
    card.validate().map_err(|_| NotUsable::Content)
}

fn apply(content: &SetContent, base: &Configuration, card: &mut Configuration) -> Result<(), NotUsable> {
    match content {
        SetContent::CaKeys(keys) => {
            // Keys of other algorithms (SM2) are for kernels that know them.
            let rsa = keys.iter().filter(|key| key.key_algorithm == 1);
            card.authority_keys = rsa.map(authority_key).collect::<Result<_, _>>()?;
        }
        SetContent::Aids(aids) => {
            card.applications = aids.iter().map(|aid| application(aid, base)).collect();
        }
        SetContent::Contactless(parameters) => {
            // Where the device has such a reader.
            if let Some(reader) = card.contactless.as_mut() {
                contactless(parameters, reader);
            }
        }
        SetContent::Parameters(_) | SetContent::Blacklist { .. } => {}
    }
    Ok(())
}

pub(crate) fn authority_key(key: &CaKey) -> Result<AuthorityKey, NotUsable> {
    let sum = AuthorityKey::checksum(&key.rid, key.index, &key.modulus, &key.exponent);
    if key.hash_algorithm != 1 || sum != key.checksum {
        return Err(NotUsable::Checksum);
    }
    let number = |range: std::ops::Range<usize>| key.expiry.get(range).and_then(|digits| digits.parse().ok());
    let part = |range| number(range).and_then(|number: u16| u8::try_from(number).ok());
    let last = match (number(0..4), part(4..6), part(6..8)) {
        // The cards' calendar ends in 2049.
        (Some(year), ..) if year > 2049 => None,
        (Some(year), Some(month), Some(day)) => Some(Date::new(year, month, day).ok_or(NotUsable::Content)?),
        _ => return Err(NotUsable::Content),
    };
    AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, last)
        .map_err(|_| NotUsable::Content)
}

/// The host's word on small amounts and phones, over the configuration file's; what it leaves out stays.
fn contactless(parameters: &ContactlessParameters, reader: &mut Contactless) {
    let free = |switch: Option<bool>, limit: Option<u64>, before: Option<u64>| match switch {
        Some(false) => None,
        _ => limit.or(before),
    };
    reader.no_pin_limit = free(parameters.no_pin, parameters.no_pin_limit, reader.no_pin_limit);
    reader.no_signature_limit =
        free(parameters.no_signature, parameters.no_signature_limit, reader.no_signature_limit);
    reader.device_verification = parameters.device_verification.unwrap_or(reader.device_verification);
}

/// The host's parameters for an application, over what the configuration file says of it and the host does not.
fn application(aid: &AidParameters, base: &Configuration) -> Application {
    let known = base.applications.iter().find(|application| *application.aid == *aid.aid);
    let mut application = known.cloned().unwrap_or_else(|| Application::new(&aid.aid, ""));
    application.partial_selection = aid.partial_match;
    application.version = Fixed(aid.version);
    application.action_code_denial = Some(Fixed(aid.action_denial));
    application.action_code_online = Some(Fixed(aid.action_online));
    application.action_code_default = Some(Fixed(aid.action_default));
    application.random_selection = RandomSelection {
        threshold: aid.random_threshold,
        target: aid.random_target,
        maximum: aid.random_maximum.max(aid.random_target),
    };
    application.default_ddol = Bytes(aid.default_ddol.clone());
    let limits = [aid.contactless_limit, aid.contactless_cvm_limit, aid.contactless_floor_limit];
    if limits.iter().any(Option::is_some) {
        let known = application.contactless.unwrap_or_default();
        application.contactless = Some(ContactlessLimits {
            transaction_limit: aid.contactless_limit.or(known.transaction_limit),
            cvm_limit: aid.contactless_cvm_limit.or(known.cvm_limit),
            floor_limit: aid.contactless_floor_limit.or(known.floor_limit),
            cash_limit: aid.cash_limit.or(known.cash_limit),
        });
    }
    application
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: u8) -> CaKey {
        let mut key = CaKey {
            rid: [0xA0, 0, 0, 3, 0x33],
            index,
            expiry: "20301231".to_owned(),
            hash_algorithm: 1,
            key_algorithm: 1,
            modulus: [vec![0xC5; 63], vec![0x01]].concat(),
            exponent: vec![3],
            checksum: [0; 20],
        };
        key.checksum = AuthorityKey::checksum(&key.rid, key.index, &key.modulus, &key.exponent);
        key
    }

    fn aid(aid: &[u8]) -> AidParameters {
        AidParameters {
            aid: aid.to_vec(),
            partial_match: false,
            version: [0, 0x20],
            action_default: [1; 5],
            action_online: [2; 5],
            action_denial: [4; 5],
            floor_limit: 500,
            random_threshold: 0,
            random_maximum: 10,
            random_target: 20,
            default_ddol: vec![0x9F, 0x37, 4],
            online_pin: true,
            cash_limit: None,
            contactless_floor_limit: None,
            contactless_limit: None,
            contactless_cvm_limit: None,
        }
    }

    fn stored(set: DownloadSet, content: SetContent) -> StoredSet {
        StoredSet { set, taken: 1, confirmed: true, content }
    }

    fn in_force() -> InForce {
        InForce::new(Arc::new(Configuration::unionpay()))
    }

    #[test]
    fn keys_and_applications_take_the_place_of_the_files_and_keep_its_names() {
        let mut sets = in_force();
        let unionpay = [0xA0, 0, 0, 3, 0x33, 1, 1, 1];
        sets.take(stored(DownloadSet::CaKeys, SetContent::CaKeys(vec![key(1), key(2)]))).unwrap();
        sets.take(stored(DownloadSet::Aids, SetContent::Aids(vec![aid(&unionpay)]))).unwrap();
        assert_eq!((sets.card.authority_keys.len(), sets.card.applications.len()), (2, 1));
        assert_eq!(sets.card.authority_keys[0].expires(), Date::new(2030, 12, 31));
        let application = &sets.card.applications[0];
        assert_eq!((application.name.as_str(), application.partial_selection), ("UnionPay Debit", false));
        assert_eq!(application.action_codes(), [[4; 5], [2; 5], [1; 5]]);
        // A newer set replaces the older one of its kind and no other.
        sets.take(stored(DownloadSet::CaKeys, SetContent::CaKeys(vec![key(3)]))).unwrap();
        assert_eq!((sets.card.authority_keys.len(), sets.card.applications.len()), (1, 1));
        assert_eq!(sets.stored.len(), 2);
    }

    #[test]
    fn the_hosts_limits_for_taps_hold_where_there_is_a_reader_for_them() {
        let unionpay = [0xA0, 0, 0, 3, 0x33, 1, 1, 1];
        let limits =
            AidParameters { contactless_cvm_limit: Some(30_000), cash_limit: Some(9_000), ..aid(&unionpay) };
        let word = |no_pin, no_pin_limit| {
            let parameters = ContactlessParameters {
                channel: None,
                no_pin,
                no_pin_limit,
                no_signature: None,
                no_signature_limit: Some(40_000),
                device_verification: Some(false),
                objects: Vec::new(),
            };
            stored(DownloadSet::Contactless, SetContent::Contactless(Box::new(parameters)))
        };
        let mut without = in_force();
        without.take(word(None, Some(30_000))).unwrap();
        assert!(without.card.contactless.is_none());
        let file = Contactless { no_pin_limit: Some(10_000), ..Contactless::default() };
        let mut card = Configuration::unionpay();
        card.contactless = Some(file);
        for application in &mut card.applications {
            let (transaction_limit, cvm_limit) = (Some(100_000), Some(20_000));
            application.contactless =
                Some(ContactlessLimits { transaction_limit, cvm_limit, ..Default::default() });
        }
        let mut sets = InForce::new(Arc::new(card));
        sets.take(stored(DownloadSet::Aids, SetContent::Aids(vec![limits]))).unwrap();
        let taken = sets.card.applications[0].contactless.unwrap();
        assert!(taken.needs_verification(30_000) && !taken.needs_verification(29_999), "the host's");
        assert!(taken.allows(99_999) && !taken.allows(100_000), "what the host leaves out stays");
        for (switch, limit, expected) in [
            (None, None, Some(10_000)),
            (None, Some(30_000), Some(30_000)),
            (Some(true), Some(20_000), Some(20_000)),
            (Some(false), Some(20_000), None),
        ] {
            sets.take(word(switch, limit)).unwrap();
            let reader = sets.card.contactless.unwrap();
            assert_eq!((reader.no_pin_limit, reader.no_signature_limit), (expected, Some(40_000)));
            assert!(!reader.device_verification && reader.fdda_01);
        }
    }

    #[test]
    fn a_set_that_cannot_serve_changes_nothing() {
        let mut sets = in_force();
        sets.take(stored(DownloadSet::CaKeys, SetContent::CaKeys(vec![key(1)]))).unwrap();
        let wrong = CaKey { checksum: [0; 20], ..key(2) };
        let other_day = CaKey { expiry: "20300230".to_owned(), ..key(2) };
        let long = CaKey { expiry: "20991231".to_owned(), ..key(2) };
        for (keys, expected) in [
            (vec![key(1), wrong], Err(NotUsable::Checksum)),
            (vec![key(1), key(1)], Err(NotUsable::Content)),
            (vec![other_day], Err(NotUsable::Content)),
            (vec![long, CaKey { key_algorithm: 4, ..key(9) }], Ok(())),
        ] {
            let content = SetContent::CaKeys(keys);
            assert_eq!(sets.would_serve(&content), expected);
            if expected.is_err() {
                assert_eq!(sets.take(stored(DownloadSet::CaKeys, content)), expected);
                assert_eq!(sets.card.authority_keys[0].index(), 1);
            }
        }
        let no_number = AidParameters { default_ddol: vec![0x9F, 0x1A, 2], ..aid(&[0xA0, 0, 0, 3, 0x33]) };
        for aids in [vec![], vec![no_number]] {
            assert_eq!(sets.would_serve(&SetContent::Aids(aids)), Err(NotUsable::Content));
        }
    }

    #[test]
    fn a_card_on_the_blacklist_is_known_by_its_first_digits_and_sealing_keeps_every_number() {
        let cards = ["6212340000000019", "621299"].map(|card| BlockedCard::new(card).unwrap());
        let mut sets = in_force();
        assert!(!sets.blocks("6212340000000019"));
        sets.blacklist = Blacklist::Open(unseal(&to_seal(&cards)).unwrap());
        assert!(sets.blocks("6212340000000019") && sets.blocks("6212990000000018"));
        assert!(!sets.blocks("6212340000000027"));
        assert_eq!(unseal(&to_seal(&[])).unwrap().len(), 0);
        assert!(unseal(&Secret::new(b"62x,".to_vec())).is_none());
        assert!(!format!("{sets:?}").contains("621299"), "rule 10");
    }

    #[test]
    fn the_hosts_switches_close_a_kind() {
        use posd_unionpay::download::Switches;
        let mut sets = in_force();
        assert!(sets.allows(Kind::Refund));
        let parameters = Parameters { switches: Some(Switches([0x04, 0, 0, 0])), ..Parameters::default() };
        sets.take(stored(DownloadSet::Parameters, SetContent::Parameters(Box::new(parameters)))).unwrap();
        assert!(sets.allows(Kind::Sale) && !sets.allows(Kind::Void));
        assert!(!sets.allows(Kind::OfflineSale) && !sets.allows(Kind::Tip));
        let all = Some(Switches([0xFF; 4]));
        for (tips, allowed) in [(None, true), (Some(true), true), (Some(false), false)] {
            let parameters = Parameters { switches: all, tips, ..Parameters::default() };
            sets.take(stored(DownloadSet::Parameters, SetContent::Parameters(Box::new(parameters)))).unwrap();
            assert_eq!(sets.allows(Kind::Tip), allowed, "{tips:?}");
        }
    }
}
