//! Changed files of a record: policy.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::policy(input));
