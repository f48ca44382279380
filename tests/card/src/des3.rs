//! Two-key triple DES and the retail MAC over it (ISO 9797-1 algorithm 3, padding method 2).

use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use des::{Des, TdesEde2};

/// One block enciphered under a double-length key.
pub(crate) fn encipher(key: &[u8; 16], block: [u8; 8]) -> [u8; 8] {
    let mut block = block.into();
    TdesEde2::new(&(*key).into()).encrypt_block(&mut block);
    block.into()
}

/// Retail MAC: single DES chaining with the left half, the last block finished with triple DES.
pub(crate) fn retail_mac(key: &[u8; 16], message: &[u8]) -> [u8; 8] {
    let (left, right) = halves(key);
    let left = Des::new(&left.into());
    let right = Des::new(&right.into());
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(8), 0);
    let mut chain = [0u8; 8];
    for block in padded.as_chunks::<8>().0 {
        let mut mixed = exclusive_or(chain, *block).into();
        left.encrypt_block(&mut mixed);
        chain = mixed.into();
    }
    let mut last = chain.into();
    right.decrypt_block(&mut last);
    left.encrypt_block(&mut last);
    last.into()
}

/// Bitwise exclusive or of two blocks.
pub(crate) fn exclusive_or(left: [u8; 8], right: [u8; 8]) -> [u8; 8] {
    std::array::from_fn(|index| left[index] ^ right[index])
}

fn halves(key: &[u8; 16]) -> ([u8; 8], [u8; 8]) {
    (std::array::from_fn(|index| key[index]), std::array::from_fn(|index| key[index + 8]))
}
