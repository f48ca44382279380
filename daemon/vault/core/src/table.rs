//! The operator table: who there is, and what each one's password is. It is stored with the keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    operator::Operator,
    password::{Cost, Hash},
};

/// How an operator's password is known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) enum Word {
    /// It is the initial one, which is public.
    Initial,
    /// Its argon2id hash in PHC form. A hash of four digits is as good as the digits, so it is wiped.
    Chosen(String),
}

impl Word {
    fn hash(&self) -> Option<Hash> {
        match self {
            Word::Initial => None,
            Word::Chosen(text) => Hash::parse(text),
        }
    }
}

/// The operators by number.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Table(BTreeMap<Operator, Word>);

impl Table {
    /// The first table, from the configuration's hashes. Where it names nobody, the operators of a terminal as
    /// delivered; supervisor and manager are always there.
    pub(crate) fn first(configured: &BTreeMap<Operator, String>) -> Table {
        let mut table: BTreeMap<Operator, Word> =
            configured.iter().map(|(operator, hash)| (*operator, Word::Chosen(hash.clone()))).collect();
        if table.is_empty() {
            table.extend(Operator::DELIVERED.map(|operator| (operator, Word::Initial)));
        }
        for operator in [Operator::SUPERVISOR, Operator::MANAGER] {
            table.entry(operator).or_insert(Word::Initial);
        }
        Table(table)
    }

    /// Whether the password is that operator's. An unknown operator and an initial password cost the same work as any
    /// other.
    pub(crate) fn fits(&self, operator: Operator, password: &[u8], cost: Cost) -> bool {
        let word = self.0.get(&operator);
        if let Some(hash) = word.and_then(Word::hash) {
            return hash.fits(password);
        }
        let decoy = self.0.values().find_map(Word::hash).unwrap_or_else(|| Hash::decoy(cost));
        std::hint::black_box(decoy.fits(password));
        word == Some(&Word::Initial) && is_initial(operator, password)
    }

    pub(crate) fn word(&self, operator: Operator) -> Option<&Word> {
        self.0.get(&operator)
    }

    pub(crate) fn set(&mut self, operator: Operator, word: Word) {
        self.0.insert(operator, word);
    }

    pub(crate) fn remove(&mut self, operator: Operator) {
        self.0.remove(&operator);
    }

    /// Everybody, with whether the password is known to be the initial one.
    pub(crate) fn list(&self) -> impl Iterator<Item = (Operator, bool)> {
        self.0.iter().map(|(operator, word)| (*operator, *word == Word::Initial))
    }
}

/// Whether this is the password that the operator has as delivered.
pub(crate) fn is_initial(operator: Operator, password: &[u8]) -> bool {
    bool::from(operator.initial_password().as_bytes().ct_eq(password))
}
