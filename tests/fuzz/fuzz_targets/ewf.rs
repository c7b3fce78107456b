//! Changed files of ewf, in part with checksums that fit the change: opened, walked, read.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::disks(input, fuzz::seal::ewf));
