//! Changed files of a record: values.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::values(input));
