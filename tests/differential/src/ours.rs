//! The project's own kernel.

use crate::{
    FIELD55, Played,
    case::{Case, Host, script},
    decides,
};
use num_bigint::BigUint;
use posd_card::{Card, issuer};
use posd_emv::{
    configuration::{Application, AuthorityKey, Configuration, RandomSelection},
    dol,
    hex::Fixed,
    host::HostAnswer,
    kernel::{
        Action, Input, Kernel, KnownCard, OfflineApproval, OfflinePin, OfflinePinResult, PinEntry, Purpose,
        Transaction, Verdict,
    },
    tags,
};
use std::sync::Arc;

/// Plays a case.
pub fn play(case: &Case) -> Played {
    let mut card = Card::new(case.profile.clone());
    card.reset();
    let mut kernel = Kernel::new(Arc::new(configuration(case)), transaction(case));
    let mut played = Played::default();
    let mut action = kernel.start();
    for _ in 0..1_000 {
        let input = match action {
            Action::Transmit(command) => {
                if decides(&command) {
                    played.commands.push(command.clone());
                }
                Input::Card(card.transmit(&command))
            }
            Action::DrawRandom => {
                let [a, b, c, d] = case.number;
                Input::Random([a, b, c, d, 0, 0, 0, case.drawn - 1])
            }
            Action::LookUpCard => Input::LookedUp(KnownCard::default()),
            Action::EnterOnlinePin => Input::OnlinePin(PinEntry::Entered),
            Action::VerifyOfflinePin { pin, .. } => Input::OfflinePin(verify(&mut card, &pin, case.pin)),
            Action::GoOnline(_) => {
                played.field55 = dol::build(FIELD55, &|tag| kernel.data(tag));
                match case.host {
                    Host::Unreachable => Input::UnableToGoOnline,
                    Host::Answers { code, scripts: [before, after], .. } => {
                        let cryptogram =
                            kernel.data(tags::CRYPTOGRAM).and_then(|value| value.try_into().ok());
                        let counter = kernel.data(tags::ATC).and_then(|value| value.try_into().ok());
                        let mut answer = HostAnswer::bare(code);
                        answer.issuer_authentication_data = case.issuer_authentication(
                            cryptogram.unwrap_or_default(),
                            u16::from_be_bytes(counter.unwrap_or_default()),
                        );
                        answer.scripts_before.extend(before.then(|| script(case.drawn.is_multiple_of(2))));
                        answer.scripts_after.extend(after.then(|| script(case.drawn.is_multiple_of(3))));
                        Input::Host(answer)
                    }
                }
            }
            Action::Choose(_) => Input::Chosen(0),
            Action::Confirm(_) => Input::Confirmed,
            Action::ReleaseCard => Input::Released,
            Action::Finished(outcome) => {
                played.verdict = match outcome.verdict {
                    Verdict::Approved => "approved",
                    Verdict::Declined => "declined",
                    _ => "ended",
                };
                played.tvr = outcome.tvr.0;
                played.tsi = outcome.tsi.0;
                played.cvm = outcome.cvm_results.0.to_vec();
                played.information = outcome.cryptogram_information;
                return played;
            }
        };
        action = kernel.resume(input);
    }
    played
}

fn configuration(case: &Case) -> Configuration {
    let mut configuration = Configuration::unionpay();
    configuration.terminal.capabilities = Fixed(case.capabilities);
    let [denial, online, default] = case.action_codes.map(|code| Some(Fixed(code)));
    let (threshold, target, maximum) = case.selection;
    for application in &mut configuration.applications {
        *application = Application {
            version: Fixed(case.version),
            action_code_denial: denial,
            action_code_online: online,
            action_code_default: default,
            floor_limit: case.floor_limit,
            random_selection: RandomSelection { threshold, target, maximum },
            ..application.clone()
        };
    }
    if case.knows_authority {
        let key = issuer::authority_key();
        let key = AuthorityKey::new(key.rid, key.index, &key.modulus, &key.exponent, &key.checksum, None);
        configuration.authority_keys.push(key.expect("the test authority's key is good"));
    }
    configuration
}

fn transaction(case: &Case) -> Transaction {
    Transaction {
        amount: case.amount,
        amount_other: 0,
        currency: 156,
        date: case.date,
        time: [12, 30, 59],
        transaction_type: 0,
        purpose: Purpose::Authorise,
        sequence_counter: 42,
        offline: OfflineApproval::FirstOrUnableToGoOnline,
    }
}

/// What the secure module does: the PIN block of format 2, in the clear or under the card's key.
fn verify(card: &mut Card, way: &OfflinePin, pin: &str) -> OfflinePinResult {
    let mut text = format!("2{:X}{pin}", pin.len());
    while text.len() < 16 {
        text.push('F');
    }
    let number = u64::from_str_radix(&text, 16).expect("sixteen hexadecimal digits");
    let block = number.to_be_bytes();
    let (qualifier, data) = match way {
        OfflinePin::Plaintext => (0x80, block.to_vec()),
        OfflinePin::Enciphered { modulus, exponent } => {
            let challenge = follow(card, &[0x00, 0x84, 0, 0, 0]);
            let mut clear = [&[0x7F], &block[..], challenge.get(..8).unwrap_or(&[0; 8])].concat();
            clear.resize(modulus.len(), 0xA5);
            let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
            let cipher = number(&clear).modpow(&number(exponent), &number(modulus)).to_bytes_be();
            (0x88, [vec![0; modulus.len() - cipher.len()], cipher].concat())
        }
    };
    let mut command = vec![0x00, 0x20, 0x00, qualifier, data.len() as u8];
    command.extend_from_slice(&data);
    let answer = card.transmit(&command);
    let status = answer.last_chunk::<2>().map_or(0, |word| u16::from_be_bytes(*word));
    OfflinePinResult::Status(status)
}

/// A command, asked again with the length that the card names (T=0).
pub(crate) fn follow(card: &mut Card, command: &[u8]) -> Vec<u8> {
    let mut answer = card.transmit(command);
    if let [0x6C, length] = answer[..] {
        let mut again = command.to_vec();
        if let Some(last) = again.last_mut() {
            *last = length;
        }
        answer = card.transmit(&again);
    }
    while let [.., 0x61, length] = answer[..] {
        answer.truncate(answer.len() - 2);
        answer.extend(card.transmit(&[0x00, 0xC0, 0, 0, length]));
    }
    answer
}
