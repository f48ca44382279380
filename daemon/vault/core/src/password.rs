//! Passwords of operators and custodians, and the growing lock-out after wrong tries.

use std::collections::BTreeMap;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Wrong tries in a row that cost nothing.
const FREE_TRIES: u32 = 3;
/// The first lock-out, in milliseconds; each further wrong try doubles it.
const FIRST_DELAY: u64 = 30_000;
/// The longest lock-out, in milliseconds.
const LONGEST_DELAY: u64 = 3_600_000;

/// Memory in KiB and passes of new hashes. OWASP's first choice; over glibc's largest dynamic threshold, so that the
/// memory goes back to the system after each check.
const MEMORY: u32 = 47_104;
const PASSES: u32 = 1;

/// What a new hash costs to make and to check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// KiB.
    pub(crate) memory: u32,
    pub(crate) passes: u32,
}

impl Default for Cost {
    fn default() -> Cost {
        Cost { memory: MEMORY, passes: PASSES }
    }
}

/// An argon2id hash, taken apart once at start.
pub(crate) struct Hash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Hash {
    /// Reads the PHC form; `None` unless it is argon2id, version 19, at most 64 MiB, 10 passes and 4 lanes.
    pub(crate) fn parse(text: &str) -> Option<Hash> {
        let hash = PasswordHash::new(text).ok()?;
        let params = Params::try_from(&hash).ok()?;
        let usable = hash.algorithm == argon2::ARGON2ID_IDENT
            && hash.version.is_none_or(|version| version == 19)
            && params.m_cost() <= 65_536
            && params.t_cost() <= 10
            && params.p_cost() <= 4;
        let salt = hash.salt?.as_ref().to_vec();
        let output = hash.hash?.as_bytes().to_vec();
        (usable && output.len() >= 16).then_some(Hash { params, salt, output })
    }

    /// Costs what checking a hash of that cost does, and fits nothing that anyone knows.
    pub(crate) fn decoy(cost: Cost) -> Hash {
        let params = Params::new(cost.memory, cost.passes, 1, Some(32)).unwrap_or_default();
        Hash { params, salt: vec![0; 16], output: vec![0; 32] }
    }

    pub(crate) fn fits(&self, password: &[u8]) -> bool {
        let mut output = Zeroizing::new(vec![0; self.output.len()]);
        let Ok(params) = Params::new(
            self.params.m_cost(),
            self.params.t_cost(),
            self.params.p_cost(),
            Some(self.output.len()),
        ) else {
            return false;
        };
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(password, &self.salt, &mut output).is_ok()
            && bool::from(output.ct_eq(&self.output))
    }
}

/// Whether the password is that person's. An unknown name costs the same work as a wrong password.
pub(crate) fn check(people: &BTreeMap<String, Hash>, name: &str, password: &[u8]) -> bool {
    match (people.get(name), people.values().next()) {
        (Some(hash), _) => hash.fits(password),
        (None, Some(decoy)) => {
            std::hint::black_box(decoy.fits(password));
            false
        }
        (None, None) => false,
    }
}

/// An argon2id hash of a password, in PHC form, for the configuration. `None` if there is not enough memory.
pub fn hash_password(password: &[u8], random: &mut dyn FnMut(&mut [u8])) -> Option<String> {
    hash_with(password, random, MEMORY, PASSES)
}

/// As [`hash_password`], with `memory` in KiB and `passes` chosen.
pub(crate) fn hash_with(
    password: &[u8],
    random: &mut dyn FnMut(&mut [u8]),
    memory: u32,
    passes: u32,
) -> Option<String> {
    let mut salt = [0; 16];
    random(&mut salt);
    let params = Params::new(memory, passes, 1, Some(32)).ok()?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_with_salt(password, &salt).ok().map(|hash| hash.to_string())
}

/// When each name may try again. What counts as one name is the caller's choice.
///
/// Only the number of wrong tries in a row is stored, and time is a monotonic clock's: no wall clock is asked, so
/// setting it back or forth ends no lock-out early. A restart begins the whole delay anew.
#[derive(Default)]
pub(crate) struct Locks {
    /// When this run began.
    start: Option<u64>,
    until: BTreeMap<String, u64>,
}

impl Locks {
    /// Notes that time has begun to run: the delays of the last run begin anew here.
    pub(crate) fn begin(&mut self, now: u64) {
        self.start.get_or_insert(now);
    }

    /// Seconds until the name may try again, or `None` if it may now.
    pub(crate) fn seconds(&self, name: &str, wrong_tries: u32, now: u64) -> Option<u32> {
        if wrong_tries < FREE_TRIES {
            return None;
        }
        let anew = || self.start.unwrap_or(now) + delay(wrong_tries);
        let until = self.until.get(name).copied().unwrap_or_else(anew);
        let left = until.saturating_sub(now);
        (left > 0).then(|| u32::try_from(left.div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// Notes a wrong try, the `wrong_tries`th in a row.
    pub(crate) fn wrong(&mut self, name: &str, wrong_tries: u32, now: u64) {
        if wrong_tries >= FREE_TRIES {
            self.until.insert(name.to_owned(), now + delay(wrong_tries));
        }
    }

    /// Notes a right try.
    pub(crate) fn right(&mut self, name: &str) {
        self.until.remove(name);
    }
}

fn delay(wrong_tries: u32) -> u64 {
    let doublings = wrong_tries.saturating_sub(FREE_TRIES).min(10);
    (FIRST_DELAY << doublings).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_of_the_configuration_fits_only_its_password() {
        let text = hash_with(b"1234", &mut |salt| salt.fill(9), 64, 1).unwrap();
        let hash = Hash::parse(&text).unwrap();
        assert!(hash.fits(b"1234"));
        assert!(!hash.fits(b"1235"));
        assert!(!hash.fits(b""));
    }

    #[test]
    fn only_bounded_argon2id_is_taken() {
        let text = hash_with(b"1234", &mut |salt| salt.fill(9), 64, 1).unwrap();
        assert!(Hash::parse(&text.replace("argon2id", "argon2d")).is_none());
        assert!(Hash::parse(&text.replace("m=64", "m=99999999")).is_none());
        assert!(Hash::parse(&text.replace("t=1", "t=11")).is_none());
        assert!(Hash::parse("1234").is_none());
    }

    #[test]
    fn delay_grows_and_ends() {
        assert_eq!(
            [3, 4, 5, 9, 10, 99].map(delay),
            [30_000, 60_000, 120_000, 1_920_000, 3_600_000, 3_600_000]
        );
    }
}
