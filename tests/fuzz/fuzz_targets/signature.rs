//! Changed files of a record: signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::signature(input));
