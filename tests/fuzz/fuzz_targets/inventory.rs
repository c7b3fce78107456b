//! Changed files of a record: inventory.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::inventory(input));
