//! The worked messages and MAC vectors of the reference (sections 3 and 9), to the last byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use des::TdesEde2;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use posd_unionpay::bcd::{hex, unhex};
use posd_unionpay::{Frame, Message, Profile, field::FieldTable, keys62};

const SIGN_IN: &str = "003C600401000060310031000108000020000000C0001200002936323936393030323330313331303034383939303030\
    3100110000013200300003303031";
const SIGN_IN_ANSWER: &str = "0079600000000260310031110E0810003800010AC0001400002121464803110800155800323134363438353933343031\
    303035313433353739303432353434313935343131303133350011000000060030004081703A74A7F8DBD31ADE741A23\
    E7654F522C41264EEEE335695F8ABD0000000000000000A51E8ADF";
const SALE: &str = "007F600003000060321032007202003020048000C0801500000000000000123400000203009930303030303030313935\
    3237313831383232313738373531353600192600000100060000000000435F0112323834343132333435363738393031\
    3233345F03063136303033365F04063230303832365C0230314233413039324145";
const BATCH_END: &str = "004E60000000026031003100300330003800000AC1001000044616080409083135303930383833363039383030303030\
    3031313432313233343536373839303132333435000400000011000000062070";
const SIGN_OUT: &str = "004A60000000026031003100300830003800000AC0001000044716081309083135303930383833363039393030303030\
    30313134323132333435363738393031323334350011000000070020";
const CA_KEYS: &str = "00BD60000000026031003100300830001800000AC0001414431009093135303930393833363435333030303030303131\
    343031323334353637383930313233343500110000000137200116319F0605A0000000039F220109DF05083230313631\
    3233319F0605A0000000049F220106DF050832303136313233319F0605A0000000659F220114DF050832303136313233\
    319F0605A0000003339F22010BDF050832303136313233319F0605A0000003339F220108DF05083230323031323331";
const AID_ITEM: &str = "00B960000000026031003100300810001800000AC0001414431609093135303930393833363436323030303030303131\
    343031323334353637383930313233343500110000000138000112319F0607A0000000031010DF0101009F08020140DF\
    1105D84000A800DF1205D84004F800DF130500100000009F1B0400000000DF150400000000DF160199DF170199DF1403\
    9F3704DF1801019F7B06000000010000DF1906000000000001DF2006000000010000DF2106000000010000";
/// MAC-1: a complete 0830 without its field 64.
const MAC_1: &str = "08300000000002C000153030363730303436343238393733373031373933323330303200110000000137200277319F06\
    05A0000003339F220103DF050832303234313233319F0605A0000003339F220104DF050832303234313233319F0605A0\
    000003339F220102DF050832303231313233319F0605A0000000039F220107DF050832303137313233319F0605A00000\
    00039F220108DF050832303233313233319F0605A0000000039F220109DF050832303233313233319F0605A000000065\
    9F220110DF050832303232313233319F0605A0000000659F220112DF050832303232313233319F0605A0000000659F22\
    0114DF050832303232313233319F0605A0000000049F220104DF050832303137313233319F0605A0000000049F220105\
    DF050832303231313233319F0605A0000000049F220106DF05083230323131323331";

fn bytes(text: &str) -> Vec<u8> {
    unhex(text).unwrap()
}

fn decode(frame: &[u8]) -> Message {
    let message = Message::decode(Frame::read(frame).unwrap().body, &FieldTable::standard()).unwrap();
    assert_eq!(message.encode(), Frame::read(frame).unwrap().body);
    message
}

fn digits(message: &Message, field: u8) -> String {
    message.digits(field).unwrap().text().to_string()
}

fn fields(message: &Message) -> Vec<u8> {
    message.fields().iter().collect()
}

/// Reference 3.1, written from the text; the daemon's own is in the secure module.
fn unionpay_ecb(key: &str, input: &[u8]) -> (String, String) {
    let cipher = TdesEde2::new_from_slice(&bytes(key)).unwrap();
    let encipher = |block: [u8; 8]| {
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        <[u8; 8]>::from(block)
    };
    let mut folded = [0u8; 8];
    for (index, byte) in input.iter().enumerate() {
        folded[index % 8] ^= byte;
    }
    let text = hex(&folded).into_bytes();
    let mut block = encipher(text[..8].try_into().unwrap());
    for (byte, second) in block.iter_mut().zip(&text[8..]) {
        *byte ^= second;
    }
    (hex(&folded), hex(&encipher(block)))
}

#[test]
fn sign_in_request() {
    let frame = bytes(SIGN_IN);
    let message = decode(&frame);
    assert_eq!(message.mti().to_string(), "0800");
    assert_eq!(fields(&message), [11, 41, 42, 60, 63]);
    assert_eq!(digits(&message, 11), "000029");
    assert_eq!(message.text(41), Some("62969002"));
    assert_eq!(message.text(42), Some("301310048990001"));
    assert_eq!(digits(&message, 60), "00000132003");
    assert_eq!(message.text(63), Some("001"));

    // The same message from our own request.
    let profile = Profile {
        tpdu: Frame::read(&frame).unwrap().tpdu,
        management_header: Frame::read(&frame).unwrap().header,
        ..Profile::default()
    };
    let request = posd_unionpay::request::SignIn {
        identity: posd_unionpay::request::Identity {
            terminal: "62969002".into(),
            merchant: "301310048990001".into(),
        },
        trace: 29,
        batch: 132,
        operator: None,
    };
    let built = request.build(&profile).unwrap();
    assert_eq!(hex(&built.frame(None).unwrap()), hex(&frame[2..]));
}

#[test]
fn sign_in_answer() {
    let frame = bytes(SIGN_IN_ANSWER);
    let message = decode(&frame);
    assert_eq!(Frame::read(&frame).unwrap().header.requirement().nibble(), 0);
    assert_eq!(digits(&message, 32), "00155800");
    assert_eq!(digits(&message, 60), "00000006003");
    assert_eq!(message.length(62), Some(40));
    let keys = keys62::parse(&Profile::default(), message.bytes(62).unwrap()).unwrap();
    assert_eq!(hex(&keys.pin.cipher), "81703A74A7F8DBD31ADE741A23E7654F");
    assert_eq!(hex(&keys.pin.check_value), "522C4126");
    assert_eq!(hex(&keys.mac.cipher), "4EEEE335695F8ABD");
    assert_eq!(hex(&keys.mac.check_value), "A51E8ADF");
}

#[test]
fn sale_with_mac_2() {
    let frame = bytes(SALE);
    let message = decode(&frame);
    assert_eq!(fields(&message), [3, 4, 11, 22, 25, 41, 42, 49, 60, 62, 64]);
    assert_eq!(message.number(4), Some(1234));
    assert_eq!(message.bytes(22), Some(&[0x03, 0x00][..]));
    assert_eq!(message.text(42), Some("952718182217875"));
    assert_eq!(digits(&message, 60), "2600000100060000000");
    assert_eq!(message.text(64), Some("B3A092AE"));
    let input = &message.encode()[..message.offset(64).unwrap()];
    let (folded, mac) = unionpay_ecb("0723C80DB5F4CD3D0723C80DB5F4CD3D", input);
    assert_eq!(folded, "3761343619AC6492");
    assert_eq!(mac, "B3A092AEDACE4C88");
    assert_eq!(message.mac().unwrap(), mac.as_bytes()[..8]);
}

#[test]
fn ca_key_list_with_mac_1() {
    let input = bytes(MAC_1);
    assert_eq!(input.len(), 322);
    let (folded, mac) = unionpay_ecb("55036372B17543ECB173730768B8D6C4", &input);
    assert_eq!(folded, "1212B04E1227809C");
    assert_eq!(mac, "5FE058DB90680D33");
    let whole = [&input[..], &mac.as_bytes()[..8]].concat();
    let message = Message::decode(&whole, &FieldTable::standard()).unwrap();
    assert_eq!(fields(&message), [39, 41, 42, 60, 62, 64]);
    assert_eq!(message.length(62), Some(1 + 12 * 23));
    assert_eq!(message.text(64), Some("5FE058DB"));
}

#[test]
fn batch_end() {
    let message = decode(&bytes(BATCH_END));
    assert_eq!(digits(&message, 48), "0000");
    assert_eq!(digits(&message, 60), "00000006207");
}

#[test]
fn ca_key_list() {
    let message = decode(&bytes(CA_KEYS));
    assert_eq!(message.mti().to_string(), "0830");
    assert_eq!(digits(&message, 60), "00000001372");
    assert_eq!(message.length(62), Some(116));
}

#[test]
fn aid_item() {
    let message = decode(&bytes(AID_ITEM));
    assert_eq!(message.mti().to_string(), "0810");
    assert_eq!(digits(&message, 60), "00000001380");
    assert_eq!(message.length(62), Some(112));
}

#[test]
fn wk_1_keys_decipher_to_their_check_values() {
    let field = bytes("6701EAD6A9AD51E51AA406E2C27FCFA98D0A74B8B651F9E9BACE9AE10000000000000000AB7153CA");
    let keys = keys62::parse(&Profile::default(), &field).unwrap();
    let master = TdesEde2::new_from_slice(&bytes("CA5D92598DCA48CE8A4C76361A9269E9")).unwrap();
    let decipher = |cipher: &[u8]| {
        cipher
            .chunks(8)
            .flat_map(|block| {
                let mut block = <[u8; 8]>::try_from(block).unwrap().into();
                master.decrypt_block(&mut block);
                <[u8; 8]>::from(block)
            })
            .collect::<Vec<u8>>()
    };
    assert_eq!(hex(&decipher(&keys.pin.cipher)), "807A23AD32B36D457AE91FDF927570EA");
    assert_eq!(hex(&keys.pin.check_value), "8D0A74B8");
    assert_eq!(hex(&decipher(&keys.mac.cipher)), "5BB5C72CD00B7338");
    assert_eq!(hex(&keys.mac.check_value), "AB7153CA");
    assert!(keys.track.is_none());
    let error = keys62::parse(&Profile::default(), &field[1..]).unwrap_err();
    assert_eq!((error.length, error.expected), (39, 40));
}

#[test]
fn sixty_bytes_bring_a_track_key() {
    use posd_unionpay::profile::SignInCode;
    let field: Vec<u8> = (1..=60).collect();
    let profile = Profile { sign_in_code: SignInCode::DoubleWithTrack, ..Profile::default() };
    let keys = keys62::parse(&profile, &field).unwrap();
    assert_eq!(keys.mac.cipher.len(), 16, "a full slot is a double-length key");
    assert_eq!(keys.track.unwrap().check_value, [57, 58, 59, 60]);
    let short_slot = Profile { mac_key_slot: 8, ..Profile::default() };
    let keys = keys62::parse(&short_slot, &field[..32]).unwrap();
    assert_eq!(keys.mac.check_value, [29, 30, 31, 32], "check value at offset 28");
}

#[test]
fn sm4_keys_fill_their_slots() {
    use posd_unionpay::profile::{KeyAlgorithm, SignInCode};
    let mut field: Vec<u8> = (1..=60).collect();
    field[28..36].fill(0);
    let profile = Profile { algorithm: KeyAlgorithm::Sm4, ..Profile::default() };
    let keys = keys62::parse(&profile, &field[..40]).unwrap();
    assert_eq!((keys.mac.cipher.len(), keys.mac.check_value), (16, vec![37, 38, 39, 40]));
    let profile = Profile { sign_in_code: SignInCode::DoubleWithTrack, ..profile };
    assert_eq!(keys62::parse(&profile, &field).unwrap().track.unwrap().check_value, [57, 58, 59, 60]);
}

#[test]
fn sign_out_answer() {
    let message = decode(&bytes(SIGN_OUT));
    assert_eq!(message.mti().to_string(), "0830");
    assert_eq!(digits(&message, 60), "00000007002");
}
