//! Changed files of a record: trust.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::trust(input));
