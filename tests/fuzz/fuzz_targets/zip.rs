//! Changed files of a record: zip.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::zip(input));
