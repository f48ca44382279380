//! Both kernels agree on generated cards, or a row of the table says why not.

use posd_card::OfflineAuthentication;
use posd_differential::{
    Played,
    case::{Case, Host},
    ours, theirs,
};
use std::collections::BTreeMap;

const CASES: u64 = 5_000;

/// Where the kernels part: what it is, and what decides it.
type Row = (&'static str, fn(&Case, &Played, &Played) -> bool);

const TABLE: [Row; 11] = [
    ("two-digit years from 50 on are of the last century (Book 4 §6.7.3)", |case, _, _| {
        card(case).effective == "950701" || card(case).expiry == "500101"
    }),
    ("a list of rules without rules is data that is missing (Book 3 §10.5 and §7.5)", |case, _, _| {
        card(case).cvm_list.rules.is_empty() || card(case).overrides.contains_key(&0x8E)
    }),
    (
        "an amount over the floor limit is never approved here, whatever the action codes leave out",
        |case, _, _| case.amount >= u64::from(case.floor_limit),
    ),
    (
        "a method that the terminal does not support was not performed (Book 4 §6.3.4.5; tests/unverified.md)",
        |_, ours, theirs| {
            let failed = |played: &Played| played.cvm.last() == Some(&1);
            ours.cvm != theirs.cvm && failed(ours) && failed(theirs) && ours.tvr == theirs.tvr
        },
    ),
    (
        "of PIN and signature, the signature's result is not known yet (Book 4 §6.3.4.5, check 43)",
        |_, ours, theirs| matches!(ours.cvm[0] & 0x3F, 3 | 5) && ours.cvm[2] == 0 && theirs.cvm[2] == 2,
    ),
    ("an issuer that the card does not believe runs no script", |case, ours, _| {
        let scripted = matches!(case.host, Host::Answers { scripts, .. } if scripts.contains(&true));
        ours.tvr[4] & 0x40 != 0 && scripted
    }),
    (
        "a card's own key that is not authentic is an authentication that was performed (tests/unverified.md)",
        |_, ours, theirs| ours.tvr[0] & 0x04 != 0 && ours.tsi[0] & 0x80 != 0 && theirs.tsi[0] & 0x80 == 0,
    ),
    (
        "the second signed cryptogram counts as the first does (Book 2 §6.6.2): the other kernel keeps only one",
        |_, ours, theirs| {
            let signed =
                ours.commands.iter().filter(|command| command[1] == 0xAE && command[2] & 0x10 != 0).count();
            signed == 2
                && ours.verdict == "approved"
                && theirs.verdict == "declined"
                && ours.commands == theirs.commands
        },
    ),
    (
        "a remainder that a certificate needs is data that is missing (Book 2 §5.3, check 25)",
        |case, ours, theirs| card(case).overrides.contains_key(&0x92) && ours.tvr[0] == theirs.tvr[0] | 0x20,
    ),
    (
        "without a PIN certificate the card's own key enciphers, whatever was chosen (Book 2 §7.1, check 41)",
        |case, _, _| {
            let card = card(case);
            let own = matches!(
                card.authentication,
                OfflineAuthentication::Dynamic | OfflineAuthentication::Combined
            );
            own && !card.pin_certificate
                && card.cvm_list.rules.iter().any(|[code, _]| matches!(code & 0x3F, 4 | 5))
        },
    ),
    (
        "a card that tells that no try is left is not asked (Book 3 §10.5.1, check 40): only its own notes differ",
        |case, ours, theirs| {
            let told = |played: &Played| (played.verdict, played.tvr, played.tsi, played.cvm.clone());
            case.profile.pin_tries == 0 && told(ours) == told(theirs)
        },
    ),
];

fn card(case: &Case) -> &posd_card::Application {
    &case.profile.applications[0]
}

#[test]
fn both_kernels_agree_or_a_section_decides() {
    let (mut rows, mut left) = (BTreeMap::new(), Vec::new());
    for seed in 1..=CASES {
        let case = Case::new(seed);
        let (ours, theirs) = (ours::play(&case), theirs::play(&case));
        if ours == theirs {
            continue;
        }
        match TABLE.iter().find(|(_, decides)| decides(&case, &ours, &theirs)) {
            Some((row, _)) => *rows.entry(*row).or_insert(0) += 1,
            None => left.push((case, ours, theirs)),
        }
    }
    println!("{rows:#?}");
    for (case, ours, theirs) in left.iter().take(8) {
        println!("{case:?}\nours   {ours:02X?}\ntheirs {theirs:02X?}\n");
    }
    assert!(left.is_empty(), "{} of {CASES} disagree", left.len());
    assert_eq!(rows.len(), TABLE.len(), "a row that nothing meets is no row");
    let parted: u64 = rows.values().sum();
    assert!(CASES - parted >= 2_000, "{parted} of {CASES} are not compared");
}
