//! The locator and the records that it names, into the kernel.
#![no_main]

use libfuzzer_sys::fuzz_target;
use posd_fuzz::{Source, session};

fuzz_target!(|data: &[u8]| session::read_records(&mut Source::new(data)));
