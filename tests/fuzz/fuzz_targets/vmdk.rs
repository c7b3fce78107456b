//! Changed files of vmdk: opened, walked, read.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::disks(input, |_| ()));
