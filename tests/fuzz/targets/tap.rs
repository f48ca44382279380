//! A whole tap, and where it was torn the next one, every answer of card, host and cardholder by the input.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_fuzz::{
    Source,
    session::{Party, Setting, play},
};

fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let setting = Setting::read(&mut source);
    let mut party = Party::read(&mut source, true);
    play(&setting, &mut party, true, &mut source);
});
