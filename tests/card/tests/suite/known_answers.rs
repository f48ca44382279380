//! Vectors of the reference, and the issuer's formulas done by hand.

use des::TdesEde2;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use posd_card::{hex, issuer};

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    hex::decode(text).unwrap().try_into().unwrap()
}

fn example() -> issuer::CryptogramInput {
    issuer::CryptogramInput {
        amount: bytes("000000001234"),
        other: bytes("000000000034"),
        country: bytes("0156"),
        tvr: bytes("D86004A800"),
        currency: bytes("0156"),
        date: bytes("120516"),
        transaction_type: 0x01,
        unpredictable_number: bytes("01010101"),
        aip: bytes("7C00"),
        atc: 0x000E,
        cvr: bytes("03A4B904"),
    }
}

const KEY: &str = "0D2E3CB0BC1F9E03AED58F663A2F9679";

#[test]
fn session_key_of_the_worked_example() {
    assert_eq!(hex::encode(&issuer::session_key(&bytes(KEY), 0x000E)), "C3D3F062E9992B4E923D338D66193526");
}

#[test]
fn arqc_of_the_worked_example() {
    assert_eq!(hex::encode(&issuer::cryptogram(&bytes(KEY), &example())), "F294D7022FA9B058");
}

#[test]
fn arpc_deciphers_to_the_cryptogram_and_the_response_code() {
    let arqc = bytes("F294D7022FA9B058");
    let mut block = issuer::arpc(&bytes(KEY), 0x000E, arqc, *b"00").into();
    TdesEde2::new(&bytes::<16>("C3D3F062E9992B4E923D338D66193526").into()).decrypt_block(&mut block);
    assert_eq!(hex::encode(&block), "C2A4D7022FA9B058");
}

#[test]
fn option_a_takes_the_rightmost_sixteen_digits_of_pan_and_sequence() {
    let key = issuer::card_key(&issuer::MASTER_KEY, "6212340000000019", 1);
    let cipher = TdesEde2::new(&issuer::MASTER_KEY.into());
    let mut left = bytes::<8>("1234000000001901").into();
    let mut right = bytes::<8>("EDCBFFFFFFFFE6FE").into();
    cipher.encrypt_block(&mut left);
    cipher.encrypt_block(&mut right);
    assert_eq!(key[..8], left[..]);
    assert_eq!(key[8..], right[..]);
}

#[test]
fn option_a_puts_zeros_before_a_short_pan() {
    let mut left = bytes::<8>("0000012345678907").into();
    TdesEde2::new(&issuer::MASTER_KEY.into()).encrypt_block(&mut left);
    assert_eq!(issuer::card_key(&issuer::MASTER_KEY, "123456789", 7)[..8], left[..]);
}

#[test]
fn a_changed_bit_of_any_input_byte_is_another_cryptogram() {
    let key = bytes(KEY);
    let reference = issuer::cryptogram(&key, &example());
    let changes: [fn(&mut issuer::CryptogramInput); 11] = [
        |input| input.amount[5] ^= 1,
        |input| input.other[5] ^= 1,
        |input| input.country[1] ^= 1,
        |input| input.tvr[4] ^= 1,
        |input| input.currency[1] ^= 1,
        |input| input.date[2] ^= 1,
        |input| input.transaction_type ^= 1,
        |input| input.unpredictable_number[0] ^= 1,
        |input| input.aip[0] ^= 1,
        |input| input.atc ^= 1,
        |input| input.cvr[3] ^= 1,
    ];
    for change in changes {
        let mut input = example();
        change(&mut input);
        assert_ne!(issuer::cryptogram(&key, &input), reference);
    }
}
