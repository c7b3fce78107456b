//! Changed xfs images, in part with checksums that fit the change: walked, and everything on them read.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::file_system(input, fuzz::seal::xfs));
