//! Changed files of a record: checkpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::checkpoint(input));
