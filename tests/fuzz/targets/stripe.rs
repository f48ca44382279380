//! What a swipe reader types: a card or an error, and a card only with a number that fits its last digit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_emv::stripe::{LONGEST_TRACK_2, LONGEST_TRACK_3, Stripe};

/// The sum of a number's digits, every second from the right doubled (Luhn).
fn luhn(pan: &str) -> u32 {
    let digits = pan.bytes().rev().map(|digit| u32::from(digit - b'0'));
    digits.enumerate().map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }).sum()
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(stripe) = Stripe::from_typed(text) else { return };
    let pan = stripe.pan().reveal();
    assert!((13..=19).contains(&pan.len()) && pan.bytes().all(|digit| digit.is_ascii_digit()));
    assert!(luhn(pan).is_multiple_of(10), "the last digit does not fit");
    let expiry = stripe.expiry().reveal();
    assert!(expiry.len() == 4 && matches!(expiry[2..].parse(), Ok(1..=12)));
    let track = stripe.reveal_track_2();
    assert!(track.len() <= LONGEST_TRACK_2 && track.starts_with(pan) && text.contains(&track.replace('D', "=")));
    assert!(stripe.reveal_track_3().is_none_or(|track| track.len() <= LONGEST_TRACK_3));
});
