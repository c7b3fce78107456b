//! Changed files of a record: ledger.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::record::ledger(input));
