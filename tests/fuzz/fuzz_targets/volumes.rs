//! Changed partition tables, in part with checksums that fit the change.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::volumes(input));
