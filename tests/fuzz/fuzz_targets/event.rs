//! Changed files of a record: event.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::event(input));
