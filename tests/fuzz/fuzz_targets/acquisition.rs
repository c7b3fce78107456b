//! Changed files of a record: acquisition.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::acquisition(input));
