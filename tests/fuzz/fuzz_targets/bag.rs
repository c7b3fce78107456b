//! Changed files of a record: bag.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::bag(input));
