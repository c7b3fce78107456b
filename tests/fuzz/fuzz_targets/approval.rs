//! Changed files of a record: approval.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::approval(input));
