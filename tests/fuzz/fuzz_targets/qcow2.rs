//! Changed files of qcow2: opened, walked, read.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::disks(input, |_| ()));
