//! Loading, keeping and using keys.

use posd_vault_protocol::{
    DeviceState, EncipheredKey,
    KeyAlgorithm::{self, Sm4, TripleDes},
    MacAlgorithm, OnlinePin, Refusal, Reply, Request, Secret,
};

use super::{
    Bench, MAC_KEY, MASTER, PIN_KEY, STORAGE, bytes, check_value, components, core, core_with, give,
    settings, work_keys, wrapped,
};
use crate::{Input, Key, KeyRefusal, KeyReply, KeyRequest, PadPrompt};

fn mac(input: &[u8]) -> Request {
    Request::MakeMac { algorithm: MacAlgorithm::UnionPayEcb, input: input.to_vec() }
}

fn seal(clear: &[u8], context: u64) -> Request {
    Request::Seal { clear: Secret::new(clear.to_vec()), context }
}

#[test]
fn two_custodians_load_the_master_key_through_the_socket() {
    let mut bench = Bench::empty();
    bench.load_master();
    assert_eq!(bench.status().master_key, Some(check_value(&bytes(MASTER))));
}

#[test]
fn two_custodians_load_the_master_key_on_the_pad() {
    let mut bench = Bench::empty();
    let (first, second) = components();
    let decimal = |bytes: &[u8]| -> String {
        bytes.iter().map(|byte| format!("{:02}{:02}", byte >> 4, byte & 15)).collect()
    };
    for (name, password, component) in [("alice", "1111", &first), ("bob", "2222", &second)] {
        bench.input(Input::Custodian(KeyRequest::Type { custodian: name.into() }));
        for typed in [password.to_owned(), decimal(component), decimal(&check_value(component))] {
            assert!(bench.custodian_reply().is_none());
            bench.press(&typed);
            bench.input(Input::Key(Key::Enter));
        }
        let expected = match name {
            "alice" => KeyReply::FirstAccepted,
            _ => KeyReply::Loaded { check_value: check_value(&bytes(MASTER)) },
        };
        assert_eq!(bench.custodian_reply(), Some(expected));
    }
    let shown = [PadPrompt::Password, PadPrompt::KeyComponent, PadPrompt::CheckValue];
    let prompts: Vec<PadPrompt> = bench.prompts().into_iter().flatten().collect();
    assert_eq!(prompts, [shown, shown].concat());
    assert!(bench.notices().is_empty(), "posd hears nothing of it");
}

#[test]
fn hexadecimal_digits_over_15_are_refused_on_the_pad() {
    let mut bench = Bench::empty();
    bench.input(Input::Custodian(KeyRequest::Type { custodian: "alice".into() }));
    bench.press("1111");
    bench.input(Input::Key(Key::Enter));
    bench.press(&"16".repeat(32));
    bench.input(Input::Key(Key::Enter));
    assert_eq!(bench.custodian_reply(), Some(KeyReply::Refused(KeyRefusal::Malformed)));
}

#[test]
fn one_custodian_is_not_two() {
    let mut bench = Bench::empty();
    let (first, second) = components();
    bench.custodian(give("alice", "1111", &first));
    let reply = bench.custodian(give("alice", "1111", &second));
    assert_eq!(reply, KeyReply::Refused(KeyRefusal::SameCustodian));
    // The first component still waits.
    assert!(matches!(bench.custodian(give("bob", "2222", &second)), KeyReply::Loaded { .. }));
}

#[test]
fn component_is_refused_with_its_reason() {
    let mut bench = Bench::empty();
    let (first, _) = components();
    let wrong = KeyReply::Refused(KeyRefusal::Wrong);
    assert_eq!(bench.custodian(give("alice", "1112", &first)), wrong);
    assert_eq!(bench.custodian(give("mallory", "1111", &first)), wrong);
    let short = KeyRequest::Give {
        custodian: "alice".into(),
        password: Secret::new(b"1111".to_vec()),
        component: Secret::new(vec![1; 15]),
        check_value: [0; 3],
    };
    assert_eq!(bench.custodian(short), KeyReply::Refused(KeyRefusal::Malformed));
    let mistyped = KeyRequest::Give {
        custodian: "alice".into(),
        password: Secret::new(b"1111".to_vec()),
        component: Secret::new(first.clone()),
        check_value: [0; 3],
    };
    assert_eq!(bench.custodian(mistyped), KeyReply::Refused(KeyRefusal::CheckFailed));
    assert_eq!(bench.status().master_key, None);
}

#[test]
fn weak_master_key_is_refused() {
    let mut bench = Bench::empty();
    let first = bytes("A10F6B3C5297D84E1BC67029E48D35F2");
    // Both halves of the result are alike but for a parity bit.
    let half = bytes("0123456789ABCDEF");
    let mut weak = [half.clone(), half].concat();
    weak[3] ^= 1;
    let second: Vec<u8> = first.iter().zip(&weak).map(|(a, b)| a ^ b).collect();
    bench.custodian(give("alice", "1111", &first));
    assert_eq!(bench.custodian(give("bob", "2222", &second)), KeyReply::Refused(KeyRefusal::WeakKey));
}

#[test]
fn first_component_is_forgotten_in_time_and_on_demand() {
    let (first, second) = components();
    let mut bench = Bench::empty();
    bench.custodian(give("alice", "1111", &first));
    bench.pass(600_000);
    assert_eq!(bench.custodian(give("bob", "2222", &second)), KeyReply::FirstAccepted);
    let mut bench = Bench::empty();
    bench.custodian(give("alice", "1111", &first));
    assert_eq!(bench.custodian(KeyRequest::Abandon), KeyReply::Abandoned);
    assert_eq!(bench.wake, None);
    assert_eq!(bench.custodian(give("bob", "2222", &second)), KeyReply::FirstAccepted);
}

#[test]
fn custodians_and_posd_share_one_pad() {
    let mut bench = Bench::keyed();
    bench.input(Input::Request(1, super::online()));
    let typing = || KeyRequest::Type { custodian: "alice".into() };
    assert_eq!(bench.custodian(typing()), KeyReply::Refused(KeyRefusal::Busy));
    bench.input(Input::Key(Key::Cancel));
    bench.input(Input::Custodian(typing()));
    assert_eq!(bench.refusal(super::online()), Refusal::PadBusy);
    // posd cannot end a custodian's prompt, nor does its end.
    bench.ask(Request::CancelPrompt);
    bench.input(Input::Disconnected);
    assert!(bench.core.prompt.is_some());
    bench.input(Input::CustodianGone);
    assert!(bench.core.prompt.is_none());
    bench.input(Input::PinPad(DeviceState::Missing));
    assert_eq!(bench.custodian(typing()), KeyReply::Refused(KeyRefusal::PadMissing));
}

#[test]
fn new_master_key_ends_the_work_keys_and_keeps_sealed_data() {
    let mut bench = Bench::keyed();
    let Reply::Sealed(sealed) = bench.ask(seal(b"card", 5)) else { panic!("not sealed") };
    bench.load_master();
    assert_eq!(bench.status().pin_key, None);
    assert_eq!(bench.refusal(mac(b"x")), Refusal::KeyMissing);
    assert!(matches!(bench.ask(Request::Open { sealed, context: 5 }), Reply::Opened(_)));
}

#[test]
fn work_keys_are_used_after_a_restart() {
    let mut bench = Bench::keyed();
    let Reply::Mac(before) = bench.ask(mac(b"message")) else { panic!("no MAC") };
    let blob = bench.blob.clone();
    let mut again = Bench::with(core(Some(STORAGE), blob.clone()), blob);
    let status = again.status();
    assert_eq!(status.pin_key, Some(check_value(&bytes(PIN_KEY))));
    assert_eq!(status.mac_key, Some(check_value(&bytes(MAC_KEY))));
    assert!(matches!(again.ask(mac(b"message")), Reply::Mac(after) if after == before));
}

#[test]
fn store_shows_no_key_and_opens_with_its_storage_key_only() {
    let bench = Bench::keyed();
    let blob = bench.blob.clone().unwrap();
    for secret in [MASTER, PIN_KEY, MAC_KEY] {
        let secret = bytes(secret);
        assert!(!blob.windows(8).any(|window| secret.windows(8).any(|part| part == window)));
    }
    let mut other = Bench::with(core(Some([1; 32]), Some(blob.clone())), Some(blob));
    assert!(other.core.store_unreadable());
    let status = other.status();
    assert_eq!((status.storage_key, status.master_key), (false, None));
    assert_eq!(other.refusal(work_keys()), Refusal::NoStorageKey);
    let (first, _) = components();
    assert_eq!(other.custodian(give("alice", "1111", &first)), KeyReply::Refused(KeyRefusal::NoStorageKey));
}

#[test]
fn no_key_is_accepted_without_a_storage_key() {
    let mut bench = Bench::with(core(None, None), None);
    let (first, _) = components();
    let none = KeyReply::Refused(KeyRefusal::NoStorageKey);
    assert_eq!(bench.custodian(give("alice", "1111", &first)), none);
    assert_eq!(bench.custodian(KeyRequest::Type { custodian: "alice".into() }), none);
    assert_eq!(bench.refusal(work_keys()), Refusal::NoStorageKey);
    assert_eq!(bench.refusal(seal(b"card", 1)), Refusal::NoStorageKey);
    let open = Request::Open { sealed: vec![1; 40], context: 1 };
    assert_eq!(bench.refusal(open), Refusal::NoStorageKey);
    assert!(bench.blob.is_none());
}

#[test]
fn work_keys_need_the_master_key() {
    let mut bench = Bench::empty();
    assert_eq!(bench.refusal(work_keys()), Refusal::KeyMissing);
}

#[test]
fn wrong_check_value_keeps_the_old_keys() {
    let mut bench = Bench::keyed();
    let Reply::Mac(before) = bench.ask(mac(b"message")) else { panic!("no MAC") };
    for broken in 0..2 {
        let mut keys = [wrapped("0123456789ABCDEF1122334455667788"), wrapped("1122334455667788")];
        keys[broken].check_value[3] ^= 1;
        let [pin_key, mac_key] = keys;
        assert_eq!(
            bench.refusal(Request::LoadWorkKeys { algorithm: TripleDes, pin_key, mac_key }),
            Refusal::KeyCheckFailed
        );
    }
    assert!(matches!(bench.ask(mac(b"message")), Reply::Mac(after) if after == before));
}

#[test]
fn failed_store_keeps_the_old_keys() {
    let mut bench = Bench::keyed();
    bench.store_works.set(false);
    let request = Request::LoadWorkKeys {
        algorithm: TripleDes,
        pin_key: wrapped("0123456789ABCDEF1122334455667788"),
        mac_key: wrapped("1122334455667788"),
    };
    assert_eq!(bench.refusal(request), Refusal::StoreFailed);
    assert_eq!(bench.status().pin_key, Some(check_value(&bytes(PIN_KEY))));
    let (first, second) = components();
    bench.custodian(give("alice", "1111", &first));
    assert_eq!(bench.custodian(give("bob", "2222", &second)), KeyReply::Refused(KeyRefusal::StoreFailed));
    assert_eq!(bench.status().pin_key, Some(check_value(&bytes(PIN_KEY))));
}

#[test]
fn malformed_work_keys_are_refused() {
    let mut bench = Bench::keyed();
    let good = wrapped(PIN_KEY);
    let cut = |cipher: usize, check: usize| EncipheredKey {
        cipher: wrapped("0123456789ABCDEF11223344556677880123456789ABCDEF").cipher[..cipher].to_vec(),
        check_value: vec![0; check],
    };
    // A PIN key of single length is refused, a MAC key is not.
    for bad in [cut(8, 4), cut(0, 4), cut(15, 4), cut(16, 2), cut(16, 9)] {
        let request = Request::LoadWorkKeys { algorithm: TripleDes, pin_key: bad, mac_key: good.clone() };
        assert_eq!(bench.refusal(request), Refusal::Malformed);
    }
    for bad in [cut(0, 4), cut(9, 4), cut(8, 0)] {
        let request = Request::LoadWorkKeys { algorithm: TripleDes, pin_key: good.clone(), mac_key: bad };
        assert_eq!(bench.refusal(request), Refusal::Malformed);
    }
}

#[test]
fn vector_wk_1_as_field_62_carries_it() {
    let mut bench = Bench::empty();
    let first = bytes("A10F6B3C5297D84E1BC67029E48D35F2");
    let master = bytes("CA5D92598DCA48CE8A4C76361A9269E9");
    let second: Vec<u8> = master.iter().zip(&first).map(|(a, b)| a ^ b).collect();
    bench.custodian(give("alice", "1111", &first));
    bench.custodian(give("bob", "2222", &second));
    let request = Request::LoadWorkKeys {
        algorithm: TripleDes,
        pin_key: EncipheredKey {
            cipher: bytes("6701EAD6A9AD51E51AA406E2C27FCFA9"),
            check_value: bytes("8D0A74B8"),
        },
        // A single-length key in a slot of sixteen bytes.
        mac_key: EncipheredKey {
            cipher: bytes("B651F9E9BACE9AE10000000000000000"),
            check_value: bytes("AB7153CA"),
        },
    };
    assert!(matches!(bench.ask(request), Reply::Done));
    let status = bench.status();
    assert_eq!(status.pin_key, Some([0x8D, 0x0A, 0x74]));
    assert_eq!(status.mac_key, Some([0xAB, 0x71, 0x53]));
}

#[test]
fn mac_is_made_and_checked() {
    let mut bench = Bench::keyed();
    for algorithm in [MacAlgorithm::UnionPayEcb, MacAlgorithm::X919] {
        let Reply::Mac(made) = bench.ask(Request::MakeMac { algorithm, input: b"message".to_vec() }) else {
            panic!("no MAC")
        };
        let mut check = |input: &[u8], mac| {
            let reply = bench.ask(Request::CheckMac { algorithm, input: input.to_vec(), mac });
            matches!(reply, Reply::MacChecked(true))
        };
        assert!(check(b"message", made));
        assert!(!check(b"massage", made));
        for index in 0..8 {
            let mut other = made;
            other[index] ^= 1;
            assert!(!check(b"message", other));
        }
    }
    assert_eq!(bench.refusal(mac(b"")), Refusal::Malformed);
}

#[test]
fn sealed_data_opens_in_its_context_only_and_after_a_restart() {
    let mut bench = Bench::empty();
    let Reply::Sealed(sealed) = bench.ask(seal(b"6212340000000019", 5)) else { panic!("not sealed") };
    let Reply::Sealed(again) = bench.ask(seal(b"6212340000000019", 5)) else { panic!("not sealed") };
    assert_ne!(sealed, again, "the nonce is new each time");
    let open = |context| Request::Open { sealed: sealed.clone(), context };
    assert_eq!(bench.refusal(open(6)), Refusal::SealBroken);
    let blob = bench.blob.clone();
    let mut bench = Bench::with(core(Some(STORAGE), blob.clone()), blob);
    match bench.ask(open(5)) {
        Reply::Opened(clear) => assert_eq!(clear.expose(), b"6212340000000019"),
        other => panic!("not opened: {other:?}"),
    }
    let longest: Vec<u8> = (0..512).map(|index| index as u8).collect();
    for context in 1..=3 {
        let Reply::Sealed(sealed) = bench.ask(seal(&longest, context)) else { panic!("not sealed") };
        match bench.ask(Request::Open { sealed, context }) {
            Reply::Opened(clear) => assert_eq!(clear.expose(), longest),
            other => panic!("not opened: {other:?}"),
        }
    }
    assert_eq!(bench.refusal(seal(b"", 1)), Refusal::Malformed);
    assert_eq!(bench.refusal(seal(&[1; 513], 1)), Refusal::Malformed);
}

/// The master key of a published example of an SM4 keypad.
const SM4_MASTER: &str = "1234567890ABCDEFABCDEF0987654321";
/// SM4 of zeros under it, by OpenSSL.
const MASTER_CHECK: [u8; 3] = [0x89, 0x04, 0x10];

fn sm4_bench(blob: Option<Vec<u8>>, algorithm: KeyAlgorithm) -> Bench {
    let core = core_with(settings().with_algorithm(algorithm), Some(STORAGE), blob.clone());
    Bench::with(core, blob)
}

/// Two custodians load [`SM4_MASTER`]; check values as the algorithm makes them.
fn load_sm4_master(bench: &mut Bench, algorithm: KeyAlgorithm) -> [KeyReply; 2] {
    let first = bytes("A10F6B3C5297D84E1BC67029E48D35F2");
    let second: Vec<u8> = bytes(SM4_MASTER).iter().zip(&first).map(|(a, b)| a ^ b).collect();
    [("alice", "1111", &first), ("bob", "2222", &second)].map(|(name, password, component)| {
        bench.custodian(KeyRequest::Give {
            custodian: name.into(),
            password: Secret::new(password.as_bytes().to_vec()),
            component: Secret::new(component.clone()),
            check_value: crate::crypto::check_value(algorithm, component).unwrap(),
        })
    })
}

/// The example's work key, as PIN and MAC key.
fn sm4_keys(algorithm: KeyAlgorithm) -> Request {
    let key = || EncipheredKey {
        cipher: bytes("3D66234C49E4296FF9C78D8BACBD6A76"),
        check_value: bytes("861E83E31FAEBF10"),
    };
    Request::LoadWorkKeys { algorithm, pin_key: key(), mac_key: key() }
}

#[test]
fn sm4_keys_are_loaded_and_used_and_last() {
    let mut bench = sm4_bench(None, Sm4);
    let loaded = KeyReply::Loaded { check_value: MASTER_CHECK };
    assert_eq!(load_sm4_master(&mut bench, Sm4), [KeyReply::FirstAccepted, loaded]);
    assert!(matches!(bench.ask(sm4_keys(Sm4)), Reply::Done));
    // The setting is for the next key only.
    let mut bench = sm4_bench(bench.blob.clone(), TripleDes);
    let status = bench.status();
    assert_eq!((status.master_key, status.pin_key), (Some(MASTER_CHECK), Some([0x86, 0x1E, 0x83])));
    let prompt = super::prompt();
    let pan = posd_vault_protocol::Digits::new("6212346601007726888").unwrap();
    bench.input(Input::Request(1, Request::EnterOnlinePin { prompt, pan }));
    bench.press("123654");
    bench.input(Input::Key(Key::Enter));
    // The example's block 06123654FFFFFFFFFFFF99FEFF88D977 under its key, by OpenSSL.
    let expected = OnlinePin::Entered(bytes("CD01D6AD8F0A484C52A9364A0595AD60"));
    assert!(matches!(bench.reply(1), Some(Reply::OnlinePin(block)) if block == expected));
}

#[test]
fn no_key_works_under_two_algorithms() {
    let mut bench = sm4_bench(None, Sm4);
    assert_eq!(load_sm4_master(&mut bench, TripleDes)[0], KeyReply::Refused(KeyRefusal::CheckFailed));
    load_sm4_master(&mut bench, Sm4);
    assert_eq!(bench.refusal(sm4_keys(TripleDes)), Refusal::OtherAlgorithm);
    assert_eq!(bench.refusal(work_keys()), Refusal::OtherAlgorithm);
    assert!(matches!(bench.ask(sm4_keys(Sm4)), Reply::Done));
    let mac = |algorithm| Request::MakeMac { algorithm, input: b"message".to_vec() };
    for algorithm in [MacAlgorithm::UnionPayEcb, MacAlgorithm::X919] {
        assert_eq!(bench.refusal(mac(algorithm)), Refusal::OtherAlgorithm);
        let check = Request::CheckMac { algorithm, input: b"message".to_vec(), mac: *b"00000000" };
        assert_eq!(bench.refusal(check), Refusal::OtherAlgorithm);
    }
    assert!(matches!(bench.ask(mac(MacAlgorithm::UnionPaySm4)), Reply::Mac(_)));
    let mut bench = Bench::keyed();
    assert_eq!(bench.refusal(mac(MacAlgorithm::UnionPaySm4)), Refusal::OtherAlgorithm);
    assert_eq!(bench.refusal(sm4_keys(Sm4)), Refusal::OtherAlgorithm);
}

#[test]
fn sm4_work_keys_have_sixteen_bytes() {
    let mut bench = sm4_bench(None, Sm4);
    load_sm4_master(&mut bench, Sm4);
    let key = |length: usize| EncipheredKey { cipher: vec![1; length], check_value: vec![0; 4] };
    for (pin, mac) in [(24, 16), (16, 24), (16, 8), (8, 16)] {
        let request = Request::LoadWorkKeys { algorithm: Sm4, pin_key: key(pin), mac_key: key(mac) };
        assert_eq!(bench.refusal(request), Refusal::Malformed);
    }
    // No slot half of zeros: that is a cipher text like any other.
    let mut half = key(16);
    half.cipher[8..].fill(0);
    let request = Request::LoadWorkKeys { algorithm: Sm4, pin_key: key(16), mac_key: half };
    assert_eq!(bench.refusal(request), Refusal::KeyCheckFailed);
}
